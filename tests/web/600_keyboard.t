#!/usr/bin/perl

# Copyright (C) Ficus authors

# Without a mouse.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Ficus::Web;

my $w = Ficus::Web->start;

$w->browse('keyboard');
$w->done;
