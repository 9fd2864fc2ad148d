#!/usr/bin/perl

# Copyright (C) Ficus authors

# Names, reasons and answers that are markup.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Ficus::Web;

my $w = Ficus::Web->start;

$w->browse('hostile');
$w->done;
