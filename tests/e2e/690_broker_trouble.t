#!/usr/bin/perl

# Copyright (C) Ficus authors

# A broker that is there and of no use: it refuses the password, has no
# JetStream, has a stream of another's, or takes only small messages.  All
# serve, say once what is wrong, and catch up when it is put right.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Test::More;

use Ficus::Contract qw(problem soon unique);

use Time::HiRes qw(sleep);

use Ficus::NATS;
use Ficus::Run qw(wait_for);
use Ficus::System;

my $system = Ficus::System->new;
my $run = $system->run;
my $port = $run->port(3);
my @workers = qw(users-v1 users-v2 orders);
my ($broker, $brokers) = (undef, 0);
my %read;                               # bytes of the logs that were read

my $jetstream = 'jetstream { store_dir: "' . $run->dir . '/broker" }';

$system->{env}{FICUS_NATS_URL} = "nats://fig:s3cret\@127.0.0.1:$port";

broker($jetstream, 'authorization { user: fig, password: other }');

my $api = Ficus::Contract->of($system->start);
my $user = $api->user;
my $order = $api->order(userId => $user->{userId});

trouble('a wrong password', qr/bus: not connected/,
    qr/error.*refused user or password/);
broker($jetstream, 'authorization { user: fig, password: s3cret }');
well('the password');

broker('authorization { user: fig, password: s3cret }');
trouble('no JetStream', qr/bus: has no JetStream/, qr/error.*no JetStream/);
broker($jetstream);
well('JetStream');

streams();
sizes();

unlike(join('', map { $run->log("$_.log") } @workers), qr/s3cret/,
    'no log shows the password');

$system->stop;
$run->stop($broker, 'INT');
$api->done;


# Another one in the place of the one that is there.

sub broker {
    my (@lines) = @_;

    broker_down() if defined $broker;
    $broker = 'broker-' . ++$brokers;
    $run->write("$broker.conf", join "\n", 'host: 127.0.0.1', "port: $port",
        @lines, '');
    $run->spawn($broker, ready => $port, command => [
        $ENV{FICUS_NATS_SERVER} || 'nats-server', '-c',
        $run->dir . "/$broker.conf" ]);
}


sub broker_down {
    $run->stop($broker, 'INT');
    $broker = undef;
}


sub checks {
    my ($name) = @_;

    my $checks = $system->worker($name, '/readyz')->{json}{checks};

    return join '; ', map { "$_: $checks->{$_}" }
        grep { $checks->{$_} ne 'ok' } sort keys %$checks;
}


# What the log has since it was read.

sub news {
    my ($name) = @_;

    my $log = $run->log("$name.log");
    my $news = substr $log, $read{$name} // 0;

    $read{$name} = length $log;

    return $news;
}


# Longer than it takes to try several times.

sub trouble {
    my ($what, $why, $line, @names) = @_;

    @names = @workers if !@names;

    for my $name (@names) {
        soon(sub { checks($name) =~ $why }, "$what: $name says why")
            or diag(checks($name));
        is($system->worker($name, '/readyz')->{status}, 200,
            "$what: $name is ready all the same");
    }

    change("$what: is accepted");
    sleep 3;

    for my $name (@names) {
        my @lines = grep { $_ =~ $line } split /\n/, news($name);

        is(scalar @lines, 1, "$what: $name has one line in its log")
            or diag(join "\n", @lines);
    }
}


# A change; the order has to follow some time.

sub change {
    my ($name) = @_;

    for my $arm ('v1', 'v2') {
        $user->{deliveryAddress} = unique('to');
        is($api->ask('PUT', "/api/users/$user->{userId}", arm => $arm,
            json => { deliveryAddress => $user->{deliveryAddress} })
            ->{status}, 200, "$name by $arm");
    }
}


sub well {
    my ($what) = @_;

    ok(wait_for(20, sub {
        ($api->ask('GET', "/api/orders/$order->{orderId}")
            ->{json}{deliveryAddress} // '') eq $user->{deliveryAddress};
    }), "$what is put right: the order follows");
    soon(sub { checks($_) eq '' }, "$what: $_ is well") for @workers;
    news($_) for @workers;
}


# The name is taken: what is there stays as it is.

sub streams {
    my $nats = Ficus::NATS->new($port);

    $nats->api("STREAM.DELETE.$_") for qw(USERS ORDERS);
    broker_down();
    broker($jetstream);
    $system->kill($_, 'STOP') for @workers;
    $nats = Ficus::NATS->new($port);

    for my $name (qw(USERS ORDERS)) {
        $nats->api("STREAM.DELETE.$name");
        my $r = $nats->api("STREAM.CREATE.$name", { name => $name,
            subjects => [ lc($name) . '.theirs' ], retention => 'limits',
            storage => 'file', max_consumers => -1, max_msgs => -1,
            max_bytes => -1, max_age => 0, num_replicas => 1 });
        ok(!$r->{error}, "a stream of another's: $name")
            or diag($r->{error}{description});
    }

    $system->kill($_, 'CONT') for @workers;

    trouble('a stream with other settings', qr/its stream has other settings/,
        qr/error.*stream\ USERS\ is\ there\ with\ other\ subjects
            \ \(\W+users\.theirs\W+not\ \W+users\.>\W+\);/x,
        'users-v1', 'users-v2');

    my $info = $nats->api('STREAM.INFO.USERS');

    is_deeply($info->{config}{subjects}, [ 'users.theirs' ],
        'it keeps its settings');
    is($info->{state}{messages}, 0, 'and gets no message');
    is(scalar(() = news('orders') =~ /stream (?:USERS|ORDERS) is there/g), 2,
        'orders: a line for each');

    $nats->api("STREAM.DELETE.$_") for qw(USERS ORDERS);
    well('the stream');
}


# max_payload of NATS, which is 1 MiB unless it was changed.

sub sizes {
    my $long = 'x' x 40_000;

    broker($jetstream, 'max_payload: 65536');
    well('a small max_payload');

    for my $arm ('v1', 'v2') {
        my @fields = $arm eq 'v1' ? (note => "$long$long")
            : (tags => [ $long, $long ]);
        my $id = unique('large');
        my %new = (userId => $id, email => "$id\@example.com",
            deliveryAddress => 'x', @fields);

        my $r = $api->ask('POST', '/api/users', arm => $arm, json => \%new);
        problem($r, 413, 'content-too-large', '', "$arm: a new one");
        like($r->{json}{detail}, qr/^the\ document\ has\ 80\d\d\d\ bytes
            \ as\ an\ event,\ of\ which\ the\ broker\ takes\ 65\d\d\d$/x,
            "$arm: says why");
        is($api->ask('GET', "/api/users/$id")->{status}, 404,
            "$arm: is not there");

        for my $method ('PUT', 'PATCH') {
            problem($api->ask($method, "/api/users/$user->{userId}",
                arm => $arm, json => { @fields }), 413, 'content-too-large',
                '', "$arm: $method");
        }
    }

    my $r = $api->ask('POST', '/api/users/batch', json => [
        map { { userId => "b$_", email => "b$_\@example.com",
            deliveryAddress => 'x', tags => [ ('x' x 20_000) x $_ ] } } 1, 4 ]);
    is(join(' ', map { $_->{status} } @{$r->{json}{results}}), '201 413',
        'in a batch, one of two');

    # accepted by what was known, and then another broker comes

    broker_down();
    $user->{deliveryAddress} = unique('large');
    is($api->ask('PATCH', "/api/users/$user->{userId}", arm => 'v1', json => {
        note => $long, deliveryAddress => $user->{deliveryAddress} })
        ->{status}, 200, 'the limit is that of the last broker');

    news($_) for @workers;
    broker($jetstream, 'max_payload: 32768');
    soon(sub { checks('users-v1') =~ /larger than the broker takes/ },
        'a smaller broker: what is too large waits, which is said')
        or diag(checks('users-v1'));
    sleep 3;

    my @lines = news('users-v1') =~ /.*larger than the bus takes.*/g;

    is(scalar @lines, 1, 'one line in its log') or diag(join "\n", @lines);
    isnt($api->ask('GET', "/api/orders/$order->{orderId}")
        ->{json}{deliveryAddress}, $user->{deliveryAddress},
        'nobody learns of it');

    broker($jetstream);
    well('a larger broker');
}
