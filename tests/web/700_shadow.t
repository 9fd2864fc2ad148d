#!/usr/bin/perl

# Copyright (C) Ficus authors

# What shadows find and routes need, as the gateway tells it.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Ficus::Web;

my $w = Ficus::Web->start;

$w->browse('shadow');
$w->done;
