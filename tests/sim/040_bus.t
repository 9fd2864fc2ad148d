#!/usr/bin/perl

# Copyright (C) Ficus authors

# What every bus has to do, with the one in memory: tests/unit/bus_cases.h.

use strict;
use warnings;

exec "$ENV{FICUS_BUILD}/tests/sim/bus" or die "tests/sim/bus: $!\n";
