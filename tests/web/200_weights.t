#!/usr/bin/perl

# Copyright (C) Ficus authors

# Slider, fields, presets, confirmation, and a change that comes too late.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Ficus::Web;

my $w = Ficus::Web->start;

$w->browse('weights');
$w->done;
