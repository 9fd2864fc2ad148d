#!/usr/bin/perl

# Copyright (C) Ficus authors
#
# The checker finds each of the bugs that sim-bugs can be given, and what it
# finds fails again when its seed is run alone.  Nothing is repaired here, since
# that would mend what some of them do.

use strict;
use warnings;

use Test::More;

my $sim = "$ENV{FICUS_BUILD}/tests/sim/sim-bugs";
my $seeds = 20_000;

my @bugs = map { /^(\S+)/ } `$sim --bugs`;

cmp_ok(scalar @bugs, '>=', 6, 'there are some bugs to find');

$sim .= ' --repair no';

my $healthy = `$sim --seeds 1-500`;

is($?, 0, 'without a bug nothing fails') or diag($healthy);

for my $bug (@bugs) {
    my $found = `$sim --bug $bug --seeds 1-$seeds`;

    if ($found !~ /^seed (\d+) failed: (.*)/m) {
        fail("$bug is found in $seeds schedules");
        next;
    }

    my ($seed, $why) = ($1, $2);

    pass("$bug is found: seed $seed: $why");

    my $again = `$sim --bug $bug --seed $seed`;

    is(($again =~ /^seed \d+ failed: (.*)/m)[0], $why, "$bug, again");
    is($again =~ s/^seed .*//msr, $found =~ s/^seed .*//msr,
       "$bug, the same last events");
    cmp_ok(scalar(() = $again =~ /^ +\d+\.\d{6}  /mg), '<=', 40,
           "$bug, not more than 40");
}

done_testing();
