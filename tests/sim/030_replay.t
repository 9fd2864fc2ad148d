#!/usr/bin/perl

# Copyright (C) Ficus authors
#
# A seed is one schedule: whatever was run before it, and however often.

use strict;
use warnings;

use Test::More;

my $sim = "$ENV{FICUS_BUILD}/tests/sim/sim";


sub trace {
    my ($seeds) = @_;

    my $lines = `$sim --seeds $seeds --trace`;

    is($?, 0, "seeds $seeds");
    $lines =~ s/^\d+ schedules, .*\n//m;

    return $lines;
}


for my $seed (3, 40, 500, 6_000) {
    my $before = $seed - 1;

    my $first = trace("$before-$before");
    my $alone = trace("$seed-$seed");

    like($alone, qr/^ +\d+\.\d{6}  \S+ +\S+ +\S/m, "seed $seed has a trace");
    ok($alone ne $first, "seed $seed is not seed $before");
    ok(trace("$before-$seed") eq $first . $alone,
       "seed $seed is the same behind another");
}

is(`$sim --seeds 1-2000 --hash` =~ s/^.* s\n//mr,
   `$sim --seeds 1-2000 --hash` =~ s/^.* s\n//mr, '2000 seeds twice');

done_testing();
