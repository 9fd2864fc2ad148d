#!/usr/bin/perl

# Copyright (C) Ficus authors
#
# No access to shared memory breaks a rule, while tests of nginx change weights,
# ramps, breakers, differences and the ledger in several processes at once.

use strict;
use warnings;

use Test::More;

use Ficus::Run qw(root);
use Ficus::Watch;

my @tests = qw(310_api_change 460_upgrade 500_change_under_load 620_ledger
    630_ledger_file 700_breaker 800_ramp 860_diff);

for my $name (@tests) {
    my $t = Ficus::Run->new;
    my $watch = Ficus::Watch->new($t);
    my (undef, $out, $err) = $t->capture($^X, '-I', root() . '/tests/lib',
        root() . "/tests/nginx/$name.t");

    # a watched module is slow: what such a test says of times is not asked

    like($out, qr/^1\.\.\d+$/m, "$name comes to its end") or diag($out, $err);
    is(join("\n", $watch->reports), '', "$name breaks no rule");
}

done_testing();
