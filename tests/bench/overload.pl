#!/usr/bin/perl

# Copyright (C) Ficus authors
#
# What overload does to the requests that are taken.  Nobody answers orders'
# questions about users, so that each new order takes it a second and it can
# take 64 a second; as many clients ask as it has threads, and so many that they
# ask ten times as much, although those that are shed wait for the second that
# Retry-After says.  Usage: overload.pl [ROUNDS [SECONDS]]

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use IO::Select;
use Test::More;
use Time::HiRes qw(sleep time);

use Ficus::Bench qw(median percentile rounds table verdict);
use Ficus::HTTP qw(parallel);
use Ficus::System;

my $rounds = shift // 3;
my $seconds = 3 * (shift // 2);
my ($enough, $many) = (64, 900);
my $body = '{"productName":"x","email":"nobody@example.org"}';

my $s = Ficus::System->new(allow => [ qr/no live upstreams/ ])->start;

$s->kill($_, 'STOP') for qw(users-v1 users-v2);

my %r = rounds($rounds, map { my $n = $_; $n => sub { ask($n) } }
    $enough, $many);

$s->kill($_, 'CONT') for qw(users-v1 users-v2);

print "\nOverload: medians of $rounds rounds of $seconds s\n\n";

my @columns = qw(asked taken p50 p99 shed failed);

table([ 'clients', 'asked/s', 'taken/s', 'p50 ms', 'p99 ms', 'shed, p99 ms',
    'failed' ], map {
        my $n = $_;

        [ $n, map { sprintf '%.0f', $r{$n}{$_} } @columns ];
    } $enough, $many);

verdict('taken under overload / without', ratio('taken'), '>=', 0.9);
verdict('time of what is taken, p99, under overload / without', ratio('p99'),
    '<=', 2);
verdict('neither taken nor shed', $r{$many}{failed}, '<=', 0);
print "\n";

$s->done;


sub ratio {
    my ($key) = @_;

    my ($x, $y) = map { $r{$_}{all} } $many, $enough;

    return median(map { $x->[$_]{$key} / ($y->[$_]{$key} || 1) } 0 .. $#$x);
}


sub ask {
    my ($clients) = @_;

    my @all = map { @$_ } parallel(4, sub {
        return clients(int(($clients + $_[0]) / 4), time + $seconds);
    });
    my @taken = map { $_->[1] } grep { $_->[0] == 201 } @all;
    my @shed = map { $_->[1] } grep { $_->[0] == 503 } @all;

    return { asked => @all / $seconds, taken => @taken / $seconds,
        p50 => percentile(0.5, @taken), p99 => percentile(0.99, @taken),
        shed => percentile(0.99, @shed), failed => @all - @taken - @shed };
}


# [ status, ms ] of each request

sub clients {
    my ($n, $end) = @_;

    my $select = IO::Select->new;
    my (%client, @done);

    for (1 .. $n) {
        my $c = Ficus::HTTP->connect($s->port);

        $client{$c->{socket}} = { c => $c, next => time };
    }

    while (time < $end || $select->count) {

        for my $client (time < $end ? values %client : ()) {
            next if $client->{asked} || time < $client->{next};

            $client->{asked} = time;
            $client->{c}->send("POST /api/orders HTTP/1.1\r\nHost: a\r\n"
                . "Content-Type: application/json\r\nContent-Length: "
                . length($body) . "\r\n\r\n$body");
            $select->add($client->{c}{socket});
        }

        for my $socket ($select->can_read(0.02)) {
            my $client = $client{$socket};
            my $r = $client->{c}->receive;

            $select->remove($socket);
            push @done, [ $r->{status},
                1000 * (time - delete $client->{asked}) ];
            $client->{next} = time + ($r->{headers}{'retry-after'} // 0);
        }
    }

    return \@done;
}
