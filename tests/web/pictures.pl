#!/usr/bin/perl

# Copyright (C) Ficus authors

# Makes the pictures of docs/dashboard.md anew: two minutes of a system under
# load, with a ramp.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Ficus::Run qw(root);
use Ficus::Web;

my $w = Ficus::Web->start;

$ENV{FICUS_PICTURES} = root() . '/docs/pictures';
mkdir $ENV{FICUS_PICTURES};

$w->browse('pictures');
$w->done;
