#!/usr/bin/perl

# Copyright (C) Ficus authors

# Ramps and rollback, from the first question to the history.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Ficus::Web;

my $w = Ficus::Web->start;

$w->browse('ramp');
$w->done;
