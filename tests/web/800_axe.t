#!/usr/bin/perl

# Copyright (C) Ficus authors

# The rules of axe, in light and dark, on a phone, with all panels and dialogs.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Ficus::Web;

my $w = Ficus::Web->start;

$w->browse('axe');
$w->done;
