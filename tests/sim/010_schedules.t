#!/usr/bin/perl

# Copyright (C) Ficus authors
#
# Producer, relay, broker and consumer under 100,000 schedules of trouble, and
# the same without.  What fails is told with its seed and its last events.

use strict;
use warnings;

use Test::More;

my $sim = "$ENV{FICUS_BUILD}/tests/sim/sim";

# a sanitizer is slow, and what killed processes had is never freed there
my $share = $ENV{FICUS_SANITIZE} ? 40 : 1;


sub schedules {
    my ($name, $seeds, @options) = @_;

    my $last = $seeds / $share;
    my @lines = `$sim --seeds 1-$last --stats @options 2>&1`;

    my $ok = ok($? == 0, "$name: $last schedules");

    $ok ? note(@lines) : diag(@lines);
}


schedules('any trouble', 100_000);
schedules('by events alone', 20_000, '--repair no');
schedules('no trouble', 5_000, '--faults none');
schedules('one kind', 2_000, "--faults $_")
    for qw(crash stop store net broker consumer replay dedupe loss clock mute);

done_testing();
