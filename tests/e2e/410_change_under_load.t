#!/usr/bin/perl

# Copyright (C) Ficus authors

# P changes while 64 connections run: no error, nothing on the wrong side.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Test::More;

use Ficus::Contract;

use Time::HiRes qw(time sleep);

use Ficus::HTTP qw(parallel);

my $api = Ficus::Contract->start;
my $s = $api->system;
my $seconds = $ENV{FICUS_SANITIZE} ? 3 : 5;

$api->user(userId => 'u1');

# 4 processes with 16 connections each; one more turns P up and down.  Each
# tells what it did when: [ begin, end, arm, status ] and [ begin, end, p ].

my @results = parallel(5, sub {
    my ($i) = @_;
    my $end = time + $seconds;

    return $i == 4 ? changes($end - 0.5) : requests($i, $end);
});

my @changes = @{pop @results};
my @requests = map { @$_ } @results;

cmp_ok(scalar @changes, '>', 4, 'many changes: ' . @changes);
cmp_ok(scalar @requests, '>', 1000, 'under load: ' . @requests);
is(join(' ', grep { $_ != 200 } map { $_->[3] } @changes), '',
    'each change was made');

my %bad;
$bad{"$_->[2] $_->[3]"}++ for grep { $_->[3] !~ /^(?:200|404|400)$/
    || $_->[2] !~ /^v[12]$/ } @requests;
is(join(', ', map { "$_: $bad{$_}" } sort keys %bad), '', 'no error');


# Between the answer to a change and the beginning of the next one there is
# only one side.

my ($judged, $wrong, $k) = (0, 0, 0);

for my $request (sort { $a->[0] <=> $b->[0] } @requests) {
    my ($begin, $end, $arm) = @$request;

    $k++ while $k + 1 < @changes && $changes[$k + 1][1] < $begin;

    my $change = $changes[$k];

    next if $begin <= $change->[1];
    next if $k + 1 < @changes && $end >= $changes[$k + 1][0];

    $judged++;
    $wrong++ if $arm ne ($change->[2] ? 'v1' : 'v2');
}

cmp_ok($judged, '>', 500, "requests between changes: $judged");
is($wrong, 0, 'none went to the wrong side');

my $slow = grep { $_->[1] - $_->[0] > 1 } @requests;
is($slow, 0, 'none was late');

$api->done;


sub changes {
    my ($end) = @_;

    my @done;
    my $p = 0;

    sleep 0.3;

    while (time < $end) {
        my $begin = time;
        my $r = $s->p($p);
        push @done, [ $begin, time, $p, $r->{status} ];
        $p = $p ? 0 : 100;
        sleep 0.05;
    }

    return \@done;
}


# All connections of a process ask at once, keyed and keyless ones.

sub requests {
    my ($i, $end) = @_;

    my @connections = map { Ficus::HTTP->connect($s->port) } 1 .. 16;
    my @done;

    while (time < $end) {
        my @begin;

        for my $c (@connections) {
            push @begin, time;
            $c->send(@begin % 4
                ? 'GET /api/users/u' . int(rand 1000)
                    . " HTTP/1.1\r\nHost: a\r\n\r\n"
                : "POST /api/users HTTP/1.1\r\nHost: a\r\nContent-Type: "
                    . "application/json\r\nContent-Length: 2\r\n\r\n{}");
        }

        for my $c (@connections) {
            my $r = $c->receive;
            push @done, [ shift @begin, time,
                $r->{headers}{'x-service-version'} // 'none', $r->{status} ];
        }
    }

    return \@done;
}
