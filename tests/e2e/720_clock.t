#!/usr/bin/perl

# Copyright (C) Ficus authors

# The machine's clock is set, back and forth, while the system works and while
# something is awaited: nothing hangs, orders stay in step.  tests/lib/clock.c
# sets it, for the services and for nginx.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Test::More;

use Ficus::Contract qw(soon unique);

use Time::HiRes qw(sleep time);

use Ficus::HTTP qw(parallel);
use Ficus::Run qw(root);
use Ficus::System;

my $hour = 3600;
my $year = 365 * 86400;
my $system = Ficus::System->new(allow => [ qr/exited on signal/ ]);
my $run = $system->run;

plan(skip_all => 'a sanitizer wants to be loaded first') if $ENV{FICUS_SANITIZE};

my $so = $run->shared_object(root() . '/tests/lib/clock.c')
    // plan(skip_all => 'no C compiler');

$system->{env}{LD_PRELOAD} = $so;
$system->{env}{CLOCK_OFFSET} = $run->write('offset', '0');

my $api = Ficus::Contract->of($system->start);
my $order = $api->order(orderId => 'o1', userId => $api->user->{userId});
my ($off, $back) = (0, 0);

in_step('as it is');

for my $to (-$hour, $year, 0, -1, 1, -$hour) {
    set($to);
    in_step("off by $to s");
}

unanswered();
frozen();
killed();

for my $name (qw(users-v1 users-v2 orders)) {
    my @lines = $run->log("$name.log") =~ /clock was set back by [\d.]+ s/g;

    is(scalar @lines, $back, "$name: a line each time that it was set back");
}

$api->done;


# Time for those who look at the clock now and then, too.

sub set {
    my ($to) = @_;

    $back++ if $to < $off;
    $off = $to;
    $run->write('offset', $to);
    sleep 1;
}


# Both arms, and what they write is soon to be seen in the order; nothing that
# is asked takes long.

sub in_step {
    my ($when) = @_;

    for my $arm ('v1', 'v2') {
        my $email = unique('e') . '@example.com';
        my $start = time;

        is($api->ask('PUT', "/api/users/$order->{userId}", arm => $arm,
            json => { email => $email })->{status}, 200, "$when: $arm");
        soon(sub {
            $api->ask('GET', '/api/orders/o1')->{json}{email} eq $email;
        }, "$when: the order follows");
        cmp_ok(time - $start, '<', 10, "$when: soon");
    }
}


# A question to the user service is under way, which nobody answers.

sub unanswered {
    $system->kill($_, 'STOP') for qw(users-v1 users-v2);

    my ($status) = parallel(2, sub {
        my ($i) = @_;

        if ($i == 1) {
            sleep 0.4;
            return $run->write('offset', $off - $hour);
        }

        return $api->ask('POST', '/api/orders', json => {
            productName => 'x', email => 'nobody@example.com' })->{status};
    });

    is($status, 201, 'set back while an answer is awaited: no request hangs');

    $off -= $hour;
    $back++;
    $system->kill($_, 'CONT') for qw(users-v1 users-v2);
    sleep 1;
    in_step('afterwards');
}


# The broker does not answer any more, which only a clock can tell.

sub frozen {
    $system->kill('nats-server', 'STOP');
    set($off - $hour);

    soon(sub {
        $system->worker('orders', '/readyz')->{body} =~ /"bus":"not connected"/;
    }, 'set back while the broker is frozen: it is noticed');

    $system->kill('nats-server', 'CONT');
    in_step('the broker goes on');
}


sub killed {
    my $old = $system->kill('nats-server', 'KILL');

    set($off - $hour);
    $system->await('nats-server', $old);
    in_step('another broker');
}
