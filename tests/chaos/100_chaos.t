#!/usr/bin/perl

# Copyright (C) Ficus authors

# Nothing that was acknowledged is lost, whatever is killed, stopped, wiped,
# cut off or filled.  README.md says what happens and what is checked.
#
# Environment: TIME seconds (60), SEED, FAULTS, STORE (sqlite, or mongodb),
# CLIENTS (6).

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib", "$FindBin::Bin/lib";

use Test::More;

use Chaos::History qw(now);
use Chaos::Storm;

# A small file system can be filled; it is nobody else's, and goes with us.
if ($> == 0 && !$ENV{CHAOS_ROOM} && system('unshare', '-m', 'true') == 0) {
    $ENV{CHAOS_ROOM} = $$;
    exec 'unshare', '-m', '--propagation', 'private', $^X, $0, @ARGV;
}

my $seconds = length($ENV{TIME} // '') ? $ENV{TIME} : 60;
my $seed = length($ENV{SEED} // '') ? $ENV{SEED} : 1 + time % 1000000;
my $end = now() + $seconds;

my $storm = Chaos::Storm->new(seed => $seed, faults => $ENV{FAULTS},
    clients => $ENV{CLIENTS} || 6, round => $seconds < 20 ? $seconds / 2 : 9,
    store => $ENV{STORE} || 'sqlite', room => ($ENV{CHAOS_ROOM} // 0) == $$);

note("SEED=$seed");

do {
    $storm->round;
} while (now() + 12 < $end && @{$storm->{bad}} < 100);

diag($_) for split /\n/, $storm->report;

my %kinds;

push @{$kinds{$_->[0]}}, "$_->[1]: $_->[2]" for @{$storm->{bad}};

none('every acknowledged write is there', qw(lost unread list));
none('no update is lost', qw(lost-update merge not-raised made-twice differs
    unexplained));
none('no reader sees a version go back', qw(went-back stale two-contents
    came-back));
none('no order goes back', qw(order-back moved status bound-wrong
    two-holders));
none('what is deleted stays deleted', 'undeleted');
none('nothing is there that nobody wrote', qw(invented torn));
none('all orders are in step within 10 s', 'step');
none('no answer is missing that could be there', 'no-answer');
none('no request hangs', 'hung');
none('no other status', 'answer');
is(join("\n", map { "$_: $storm->{wrong}{$_}" } sort keys %{$storm->{wrong}}),
    '', 'all answers are as documented');
is(join(' ', sort keys %kinds), '', 'no other kind');
is(join('', $storm->crashes), '', 'nothing ended by itself');
cmp_ok($storm->{ops}, '>', 20 * $seconds, 'enough was asked');

if (%kinds || !Test::More->builder->is_passing) {
    diag("SEED=$seed");
    $ENV{TEST_LEAVE} //= 1;
}

$storm->end;


sub none {
    my ($name, @kinds) = @_;

    my @bad = map { my $kind = $_; map { "$kind: $_" } @{delete $kinds{$kind}
        // []} } @kinds;

    is(join("\n", @bad[0 .. ($#bad < 19 ? $#bad : 19)]), '', $name)
        or $ENV{TEST_LEAVE} //= 1;
}
