#!/usr/bin/perl

# Copyright (C) Ficus authors
#
# How soon orders follow: from the answer to an update of a user to its order's
# showing it, while others are updated at a steady rate.  Two commits to the
# disk lie on that way, so what one takes at the time is shown with it.  Usage:
# lag.pl [ROUNDS [SECONDS]]; a round has each rate once, SECONDS x 4 long.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use IO::Handle;
use IO::Select;
use JSON::PP qw(decode_json encode_json);
use List::Util qw(max shuffle sum);
use Test::More;
use Time::HiRes qw(sleep time);

use Ficus::Bench qw(percentile table verdict);
use Ficus::HTTP qw(parallel);
use Ficus::System;

my $rounds = shift // 3;
my $seconds = 4 * (shift // 2);
my @rates = (0, 100, 1000, 2000);
my $loaders = 4;
my $users = 2000;           # that the load updates, each with an order
my $watched = 100;          # that it does not

my $s = Ficus::System->new->start;

$s->p(50);
fill();

my (%lag, %sync, %done);

for my $round (1 .. $rounds) {
    for my $rate (shuffle @rates) {
        my @r = parallel(1 + $loaders, sub {
            my ($i) = @_;
            my $end = time + $seconds;

            return $i == 0 ? watch($round, $end)
                : load($i, $rate / $loaders, $end);
        });

        my $watched = shift @r;

        push @{$lag{$rate}}, map { $_->[0] } @$watched;
        push @{$sync{$rate}}, map { $_->[1] } @$watched;
        push @{$done{$rate}}, sum(@r) / $seconds;
        settle();
    }
}

print "\nSync lag, ms: from an update's answer to its order's showing it, "
    . "$rounds rounds of $seconds s\n\n";

table([ 'updates/s asked', 'done', 'p50', 'p99', 'max', 'watched',
    'fsync p50', 'fsync p99' ],
    map {
        my @l = @{$lag{$_}};
        my @f = @{$sync{$_}};

        [ $_ || 'idle', sprintf('%.0f', sum(@{$done{$_}}) / $rounds),
            map({ sprintf '%.2f', percentile($_, @l) } 0.5, 0.99, 1),
            scalar @l,
            map({ sprintf '%.2f', percentile($_, @f) } 0.5, 0.99) ]
    } @rates);

verdict('sync lag, idle, p50 ms', percentile(0.5, @{$lag{0}}), '<=', 3);
verdict('sync lag, 2,000 updates/s, p99 ms', percentile(0.99, @{$lag{2000}}),
    '<=', 100);
print "\n";

$s->done;


sub fill {
    for my $from (map { 1000 * $_ } 0 .. ($users + $watched - 1) / 1000) {
        my $r = $s->request('POST', '/api/users/batch', json => [ map {
            { userId => "u$_", email => "u$_\@example.org",
                deliveryAddress => "Street $_" }
        } $from .. $from + 999 ]);

        die "batch: $r->{status} $r->{body}\n" if $r->{status} != 200;
    }

    parallel($loaders, sub {
        my ($i) = @_;
        my $c = Ficus::HTTP->connect($s->port);

        for my $n (grep { $_ % $loaders == $i } 0 .. $users + $watched - 1) {
            my $r = $c->ask('POST', '/api/orders', json => { orderId => "o$n",
                productName => 'thing', userId => "u$n" });

            die "order: $r->{status} $r->{body}\n" if $r->{status} != 201;
        }
    });

    settle();
}


# until what was done last is to be seen everywhere

sub settle {
    my $client = Ficus::HTTP->connect($s->port);

    lag(\$client, $users, 'settled' . time);
}


sub lag {
    my ($client, $n, $name) = @_;

    my $email = "$name\@example.org";
    my $r = ask($client, 'PUT', "/api/users/u$n", json => { email => $email });
    my $answered = time;

    die "update: $r->{status} $r->{body}\n" if $r->{status} != 200;

    while (1) {
        $r = ask($client, 'GET', "/api/orders/o$n");

        last if decode_json($r->{body})->{email} eq $email;
        die "order o$n did not follow\n" if time - $answered > 10;
    }

    return 1000 * (time - $answered);
}


# nginx ends a connection after a thousand requests, and says so

sub ask {
    my ($client, @request) = @_;

    my $r = $$client->ask(@request);

    if (($r->{headers}{connection} // '') eq 'close') {
        $$client = Ficus::HTTP->connect($s->port);
    }

    return $r;
}


sub watch {
    my ($round, $end) = @_;

    my $client = Ficus::HTTP->connect($s->port);
    my @lag;

    # when the load has begun
    sleep 0.5;

    while (time < $end - 0.2) {
        push @lag, [ lag(\$client, $users + @lag % $watched,
            'w' . join '-', $round, scalar(@lag), int 1000 * time), fsync() ];
    }

    return \@lag;
}


# ms that a page takes to the disk

sub fsync {
    open my $file, '>', $s->dir . '/page' or die "page: $!\n";

    syswrite $file, 'x' x 4096;

    my $start = time;

    $file->sync or die "fsync: $!\n";

    return 1000 * (time - $start);
}


# Sends each update when it is due, on a connection that waits for nothing;
# returns how many were answered in time.

sub load {
    my ($i, $rate, $end) = @_;

    return 0 if $rate == 0;

    my $start = time;
    my $select = IO::Select->new;
    my @free = map { Ficus::HTTP->connect($s->port) } 1 .. 32;
    my %busy;
    my ($sent, $done) = (0, 0);

    while (time < $end) {
        my $now = time;

        while (@free && $start + $sent / $rate <= $now) {
            my $c = shift @free;

            $c->send(update($i, $sent++));
            $busy{$c->{socket}} = $c;
            $select->add($c->{socket});
        }

        my $wait = @free ? $start + $sent / $rate - time : $end - time;

        for my $socket ($select->can_read(max(0, $wait))) {
            my $c = delete $busy{$socket};

            $select->remove($socket);
            $done++ if $c->receive->{status} == 200;
            push @free, $c;
        }
    }

    $_->receive for values %busy;

    return $done;
}


sub update {
    my ($i, $n) = @_;

    my $user = ($n * $loaders + $i) % $users;
    my $body = encode_json({ email => "l$user-$n-" . time . '@example.org' });

    return "PUT /api/users/u$user HTTP/1.1\r\nHost: a\r\nContent-Type: "
        . "application/json\r\nContent-Length: " . length($body)
        . "\r\n\r\n$body";
}
