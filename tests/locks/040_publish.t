#!/usr/bin/perl

# Copyright (C) Ficus authors
#
# The publication of tables on a memory that keeps no order by itself; and the
# proof that each barrier is needed: without it a broken table is found.

use strict;
use warnings;

use Test::More;

my $publish = "$ENV{FICUS_BUILD}/tests/locks/publish";

my @fences = `$publish --fences`;
is($?, 0, 'every table that is read is whole');

chomp @fences;
@fences = grep { /publish|snapshot|refresh_table/ } @fences;
cmp_ok(scalar @fences, '>=', 5, 'barriers of those who write and read');

for my $fence (@fences) {
    my $out = `$publish --without $fence`;

    like($out, qr/^seed \d+ failed: /, "without $fence: " . $out =~ s/\n//r);

    my ($seed) = $out =~ /(\d+)/;
    is(scalar `$publish --without $fence --runs $seed`, $out, 'and again');
}

done_testing();
