#!/usr/bin/perl

# Copyright (C) Ficus authors

# A mixed load over the whole system, while P moves: nothing grows that should
# not, nothing fails, nothing ends, all stays in step.  soak.lua is the load.
#
# Environment: TIME seconds (25), CONNECTIONS (16).

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Test::More;

use JSON::PP qw(decode_json encode_json);
use Time::HiRes qw(sleep time);

use Ficus::HTTP ();
use Ficus::Soak qw(grew);
use Ficus::System;

my $seconds = length($ENV{TIME} // '') ? $ENV{TIME} : 25;
my $connections = $ENV{CONNECTIONS} || 16;

plan(skip_all => 'wrk was not found; ./configure --install-deps')
    if system('command -v wrk > /dev/null') != 0;

judgement();

my $s = Ficus::System->new->start;
my $soak = Ficus::Soak->new($s);

watched();

my $pids = $soak->pids;
my $started = time;

job('load', \&load);
job('mover', \&mover);

# some 300 rows of figures, however long it takes
my $pause = $seconds > 150 ? $seconds / 300 : 0.5;

while (time < $started + $seconds) {
    $soak->sample;
    $soak->note('sync lag', lag());
    sleep $pause;
}

my %count = result('load');
my %moves = result('mover');
my @rows = $soak->judge;

report();

cmp_ok($count{requests}, '>', 10 * $seconds, 'the load was one');
is($count{failed}, 0, 'nothing failed');
cmp_ok($count{shed}, '<', 0.01 * $count{requests}, 'next to nothing was shed');
cmp_ok($moves{moves}, '>', 0, 'P moved');
is($moves{wrong}, '', 'as it was told to');
is(join(', ', map { $_->{name} } grep { $_->{grew} } @rows), '',
    'nothing grew');
is($soak->pids, $pids, 'nothing ended');
cmp_ok(lag(), '<', 10_000, 'orders are in step');

$s->done;


# The judge itself: made series, with and without growth.

sub judgement {
    my @flat = map { 100 + $_ % 7 } 1 .. 60;
    my @burst = map { $_ == 50 ? 900 : 100 } 1 .. 60;
    my @warm = map { $_ < 12 ? 10 * $_ : 120 } 1 .. 60;
    my @leak = map { 100 + $_ } 1 .. 60;
    my @stairs = map { 100 + 20 * int($_ / 20) } 1 .. 60;

    is((grew($_->[1], 0.1, 4))[4], $_->[2], "judged: $_->[0]") for
        [ 'flat', \@flat, 0 ], [ 'a burst', \@burst, 0 ],
        [ 'a warm-up', \@warm, 0 ], [ 'too short', [ 1 .. 8 ], 0 ],
        [ 'a leak', \@leak, 1 ], [ 'stairs', \@stairs, 1 ];
}


sub job {
    my ($name, $code) = @_;

    $s->run->spawn($name, code => sub {
        my %result = $code->($started + $seconds);

        $s->run->write("$name.result", encode_json(\%result));
    });
}


sub result {
    my ($name) = @_;

    $s->run->forget($name);

    my $result = $s->run->read("$name.result")
        || die "$name: ", $s->run->log("$name.log"), "\n";

    return %{decode_json($result)};
}


# One user and its order are not the load's: they tell the lag.

sub watched {
    my $user = { userId => 'watched', email => 'first@example.org',
        deliveryAddress => 'x' };

    is($s->request('POST', '/api/users', json => $user)->{status}, 201,
        'a user');
    is($s->request('POST', '/api/orders', json => { orderId => 'watched',
        productName => 'x', userId => 'watched' })->{status}, 201, 'an order');
}


sub lag {
    my $c = Ficus::HTTP->connect($s->port);
    my $email = 'at' . time . '@example.org';
    my $r = $c->ask('PUT', '/api/users/watched', json => { email => $email });
    my $start = time;

    while (time - $start < 10) {
        my $order = $c->ask('GET', '/api/orders/watched')->{json};

        last if ref $order eq 'HASH' && ($order->{email} // '') eq $email;
        sleep 0.002;
    }

    return 1000 * (time - $start);
}


# P by ramps, up and down, some of them aborted, and by hand.

sub mover {
    my ($end) = @_;

    my ($n, $moves, @wrong) = (0, 0);
    my $split = '/api/v1/splits/users';

    while (time < $end) {
        my $to = $n++ % 2 ? 100 : 0;
        my @asked = (
            $s->admin('POST', "$split/ramp", json => {
                to => { v1 => $to, v2 => 100 - $to }, step => 25,
                every => 0.2 }),
            $s->admin('POST', "$split/ramp/pause"),
            $s->admin('POST', "$split/ramp/resume"),
        );

        sleep 1.2;
        push @asked, $s->admin('POST', "$split/ramp/abort") if $n % 3 == 0;
        push @asked, $s->p($to), $s->admin('GET', "$split/history");

        # a ramp may be over before it is aborted
        push @wrong, map { "$_->{status} $_->{body}" } grep {
            $_->{status} !~ /^(?:200|201|409)$/ } @asked;
        $moves += grep { $_->{status} =~ /^20/ } @asked;
        sleep 0.3;
    }

    return (moves => $moves, wrong => join "\n", @wrong);
}


sub load {
    my ($end) = @_;

    my $time = int($end - time) || 1;
    my $text = qx(wrk -t2 -c$connections -d${time}s --timeout 10s \\
        -s '$FindBin::Bin/soak.lua' http://127.0.0.1:@{[ $s->port ]}/ 2>&1);

    my @r = $text =~ /^RESULT (\d+) (\d+) (\d+) (\d+) (\d+) (\S+) (\S+)$/m
        or die "wrk printed no result: $text";
    my @names = qw(requests good refused shed failed p50 p99);

    return map { $names[$_] => $r[$_] } 0 .. $#r;
}


sub report {
    diag(sprintf '%d s, %d connections, %d requests: %d done, %d refused (4xx)'
        . ', %d shed, %d failed', $seconds, $connections,
        @count{qw(requests good refused shed failed)});
    diag(sprintf '%.0f a second, p50 %.2f ms, p99 %.2f ms; P moved %d times',
        $count{requests} / $seconds, @count{qw(p50 p99)}, $moves{moves});
    diag('');
    diag(sprintf '%-24s %12s %11s %11s %11s', 'medians of the', 'first third',
        'last third', 'allowed', 'most');

    for my $row (@rows) {
        diag(sprintf '%-24s %12s %11s %11s %11s %-3s %s', $row->{name},
            map({ defined $row->{$_} ? sprintf '%.1f', $row->{$_} : '-' }
                qw(first last allowed most)), $row->{unit},
            $row->{grew} ? 'GREW' : '');
    }

    diag('');
    diag('soak: ', (grep { $_->{grew} } @rows) ? 'something' : 'nothing',
        ' grew');
}
