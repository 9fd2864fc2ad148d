#!/usr/bin/perl

# Copyright (C) Ficus authors

# Builds the services once with each bug of Chaos::Bugs and lets the chaos test
# find it.  Usage: selftest.pl [BUG]...
#
# Environment: TIME seconds of a try (30), TRIES (8), each with another seed.

use strict;
use warnings;

use Cwd qw(abs_path);
use File::Temp qw(tempdir);
use FindBin;
use lib "$FindBin::Bin/../lib", "$FindBin::Bin/lib";

use Test::More;

use Chaos::Bugs;

my $root = abs_path("$FindBin::Bin/../..");
my $build = abs_path($ENV{FICUS_BUILD} // "$root/build");
my $seconds = $ENV{TIME} || 30;
my $tries = $ENV{TRIES} || 8;

for my $name (@ARGV ? @ARGV : Chaos::Bugs::names()) {
    my $bug = Chaos::Bugs::bug($name)
        or die "no bug \"$name\"; there are: @{[ Chaos::Bugs::names() ]}\n";
    my $dir = tempdir('ficus-bug-XXXXXX', TMPDIR => 1, CLEANUP => 1);
    my $built = Chaos::Bugs::build($name, $root, $build, $dir);
    my $by;

    for my $seed (1 .. $tries) {
        my $found = chaos($built, $bug->{faults}, $seed);

        ($by) = grep { $found =~ /(?<!\S)\Q$_\E \d/ } @{$bug->{finds}};
        note("seed $seed: $found");
        last if $by;
    }

    ok($by, "$name: $bug->{what}");
}

done_testing();


# What the report says was found.

sub chaos {
    my ($built, $faults, $seed) = @_;

    local %ENV = (%ENV, FICUS_BUILD => $built, FAULTS => $faults,
        SEED => $seed, TIME => $seconds, TEST_LEAVE => 0);

    my $text = `$^X '$FindBin::Bin/100_chaos.t' 2>&1`;
    my ($found) = $text =~ /^# found\s+(.*(?:\n#\s{11,}.*)*)/m
        or die "no report:\n$text";

    return $found =~ s/\n#\s+/ /gr;
}
