#!/usr/bin/perl

# Copyright (C) Ficus authors

# What the broker has lost while orders was down comes from the user service.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Test::More;

use Ficus::Contract qw(unique soon);

use Time::HiRes qw(time);

use Ficus::NATS;
use Ficus::Run qw(wait_for);

my $api = Ficus::Contract->start(allow => [ qr/exited on signal/ ]);
my $s = $api->system;
my $jetstream = $s->dir . '/data/jetstream';


sub made {
    my ($n) = @_;

    return map {
        my $user = $api->user(arm => $_ % 2 ? 'v1' : 'v2');
        [ $user->{userId}, $api->order(userId => $user->{userId})->{orderId} ];
    } 1 .. $n;
}

# What is published is no longer marked: the broker alone has it then.

sub change {
    my ($address, @pairs) = @_;

    $api->ask('PUT', "/api/users/$_->[0]", arm => 'v1',
        json => { deliveryAddress => $address }) for @pairs;

    for my $name (qw(users-v1 users-v2)) {
        ok(wait_for(10, sub {
            $s->worker($name, '/metrics')->{body}
                =~ /^ficus_outbox_pending 0$/m;
        }), "$name has published $address");
    }
}

sub follows {
    my ($address, $started, @pairs) = @_;

    my @late = @pairs;

    wait_for(15, sub {
        @late = grep {
            my $r = $api->ask('GET', "/api/orders/$_->[1]");
            ($r->{json}{deliveryAddress} // '') ne $address;
        } @late;
        return !@late;
    });

    is(scalar @late, 0, "all orders show $address");
    cmp_ok(time - $started, '<', 10, "$address: within 10 s");
}

sub nats { return Ficus::NATS->new($s->nats_port) }


my @pairs = made(10);

change('start', @pairs);
follows('start', time, @pairs);


# The stream was deleted.

$api->keep_down('orders');
change('wiped', @pairs);
ok(nats()->api('STREAM.DELETE.USERS')->{success}, 'the stream is deleted');
$api->let_up;
follows('wiped', time, @pairs);


# Its messages were.

$api->keep_down('orders');
change('purged', @pairs);
ok(nats()->api('STREAM.PURGE.USERS')->{success}, 'the stream is purged');
$api->let_up;
follows('purged', time, @pairs);


# The durable was, while orders runs.

ok(nats()->api('CONSUMER.DELETE.USERS.orders')->{success},
    'the durable is deleted');
my $deleted = time;
change('durable', @pairs);
follows('durable', $deleted, @pairs);


# An older copy of the broker's files is put back, and goes on from there.

$api->keep_down('nats-server');
system('cp', '-a', $jetstream, "$jetstream.copy") == 0 or die 'cp';
$api->let_up;
ok(wait_for(10, sub { eval { nats(); 1 } }), 'the broker is back');

change('newer', @pairs);
follows('newer', time, @pairs);

$api->keep_down('orders');
change('unread', @pairs);
$api->let_up;
$api->keep_down('nats-server', 'orders');
system('rm', '-rf', $jetstream) == 0 or die 'rm';
rename "$jetstream.copy", $jetstream or die "rename: $!";
$api->let_up;
follows('unread', time, @pairs);

$api->done;
