#!/usr/bin/perl

# Copyright (C) Ficus authors

# NATS is down, at the start and in the middle: all serve, and catch up.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Test::More;

use Ficus::Contract qw(unique soon);

use IO::Socket::INET;
use Time::HiRes qw(time);

use Ficus::System;

# A broker of our own, so that it stays down as long as we like.

my $system = Ficus::System->new(allow => [ qr/exited on signal/ ]);
my $run = $system->run;
my $port = $run->port(3);
my $broker = 0;

$system->{env}{FICUS_NATS_URL} = "nats://127.0.0.1:$port";


sub broker_up {
    my $name = 'broker-' . ++$broker;

    $run->spawn($name, ready => $port, command => [
        $ENV{FICUS_NATS_SERVER} || 'nats-server', '-a', '127.0.0.1',
        '-p', $port, '-js', '-sd', $run->dir . '/broker' ]);

    return $name;
}

sub broker_down {
    my ($name) = @_;

    kill 'KILL', $run->pid($name);
    $run->forget($name);
}


# Down at the start.

my $started = time;
my $api = Ficus::Contract->of($system->start);

cmp_ok(time - $started, '<', 10, 'starts without a broker');
degraded('at the start');

my (@users, @orders);

serves('at the start');

is($api->order(email => $users[0]{email})->{userId}, undef,
    'an order by e-mail is not bound yet');

my $name = broker_up();

recovers('at the start');


# Down in the middle.

for my $round (1, 2) {
    broker_down($name);
    soon(sub { status('orders') eq 'degraded' }, "$round: it is noticed");
    degraded("in the middle, $round");
    serves("in the middle, $round");

    my @unbound = map { $api->order(email => $users[$_]{email}) } 0, -1;
    is($_->{userId}, undef, "$round: not bound without a broker") for @unbound;

    $name = broker_up();
    recovers("in the middle, $round");
    # of a user who is known for long, and of a new one
    for my $i (0, 1) {
        soon(sub { ($api->ask('GET', "/api/orders/$unbound[$i]{orderId}")
            ->{json}{userId} // '') eq $users[-$i]{userId} },
            "$round: bound when it is back, $i");
    }
}


# A service that is killed while the broker is down forgets nothing.

broker_down($name);

my $user = $api->user(arm => 'v1');
my $order = $api->order(userId => $user->{userId});

for my $service (qw(users-v1 users-v2 orders)) {
    $system->await($service, $system->kill($service));
}

$api->ask('PUT', "/api/users/$user->{userId}", arm => 'v2',
    json => { deliveryAddress => 'queued' });
$system->restart_service('users-v2');
$system->restart_service('users-v1');
$name = broker_up();
soon(sub { ($api->ask('GET', "/api/orders/$order->{orderId}")->{json}
    {deliveryAddress} // '') eq 'queued' },
    'what was queued before the service was restarted');


# What a service that does not come back has left the other arm publishes.

broker_down($name);
$api->ask('PUT', "/api/users/$user->{userId}", arm => 'v1',
    json => { deliveryAddress => 'left behind' });
$api->keep_down('users-v1');
$name = broker_up();
soon(sub { ($api->ask('GET', "/api/orders/$order->{orderId}")->{json}
    {deliveryAddress} // '') eq 'left behind' },
    'what a dead arm has left is published by the other');
$api->let_up;


# The system stops, too, while the broker is away.

broker_down($name);
$api->ask('PUT', "/api/users/$user->{userId}",
    json => { deliveryAddress => 'over night' });

$started = time;
$system->stop;
cmp_ok(time - $started, '<', 15, 'stops without a broker');

$name = broker_up();
$system->start;
soon(sub { ($api->ask('GET', "/api/orders/$order->{orderId}")->{json}
    {deliveryAddress} // '') eq 'over night' },
    'published in the next run');

# nats-server takes a SIGTERM for a failure
$system->stop;
$run->stop($name, 'INT');
$api->done;


sub status {
    my ($name) = @_;

    return $api->admin('GET', "/workers/$name/readyz")->{json}{status} // '';
}


sub degraded {
    my ($when) = @_;

    for my $name (qw(users-v1 users-v2 orders)) {
        my $r;

        soon(sub { $r = $api->admin('GET', "/workers/$name/readyz");
            ($r->{json}{status} // '') eq 'degraded' },
            "$when: $name is degraded");
        is($r->{status}, 200, "$when: $name is ready all the same");
        isnt(join(' ', grep { $_ ne 'ok' } values %{$r->{json}{checks}}), '',
            "$when: $name says why");
    }

    is($api->ask('GET', '/readyz')->{json}{status}, 'ok',
        "$when: the gateway does not mind");
}


sub serves {
    my ($when) = @_;

    for my $arm (qw(v1 v2)) {
        my $begin = time;
        my $user = $api->user(arm => $arm);
        my $order = $api->order(userId => $user->{userId});

        push @users, $user;
        push @orders, $order;

        is($api->ask('PATCH', "/api/users/$user->{userId}", arm => $arm,
            json => { deliveryAddress => "$when $arm" })->{status}, 200,
            "$when: $arm serves");
        is($api->ask('PUT', "/api/orders/$order->{orderId}",
            json => { status => 'Processing' })->{status}, 200,
            "$when: orders serve");
        cmp_ok(time - $begin, '<', 3, "$when: without waiting");
        $user->{deliveryAddress} = "$when $arm";
    }

    my $gone = $api->user;
    is($api->ask('DELETE', "/api/users/$gone->{userId}")->{status}, 200,
        "$when: deletes");
}


sub recovers {
    my ($when) = @_;

    for my $i (0 .. $#orders) {
        soon(sub {
            my $path = "/api/orders/$orders[$i]{orderId}";
            my $is = $api->ask('GET', $path)->{json};
            return ($is->{email} // '') eq $users[$i]{email}
                && $is->{deliveryAddress} eq $users[$i]{deliveryAddress};
        }, "$when: order $i has caught up");
    }

    soon(sub { status($_) eq 'ok' }, "$when: $_ is well again")
        for qw(users-v1 users-v2 orders);
    soon(sub { $api->admin('GET', '/workers/users-v1/metrics')->{body}
        =~ /^ficus_outbox_pending 0$/m }, "$when: nothing waits");
}
