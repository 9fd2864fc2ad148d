#!/usr/bin/perl

# Copyright (C) Ficus authors

# Answers that come late, by halves, or for what is no longer shown.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Ficus::Web;

my $w = Ficus::Web->start;

$w->browse('races');
$w->done;
