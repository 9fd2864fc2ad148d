#!/usr/bin/perl

# Copyright (C) Ficus authors

# The same on MongoDB's protocol.

use strict;
use warnings;

use FindBin;

$ENV{STORE} = 'mongodb';
$ENV{TIME} ||= 30;

do "$FindBin::Bin/100_chaos.t" or die $@ || $!;
