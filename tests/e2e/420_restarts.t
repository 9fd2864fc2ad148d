#!/usr/bin/perl

# Copyright (C) Ficus authors

# What survives: P, users, orders, versions, over restarts and kills.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Test::More;

use Ficus::Contract qw(soon);

use Ficus::Split;

my $api = Ficus::Contract->start(allow => [ qr/exited on signal/ ]);
my $s = $api->system;
my $split = Ficus::Split->new($s->admin_port, 'users');

my @users = map { $api->user(arm => $_) } qw(v1 v2 v1);
my @orders = map { $api->order(userId => $_->{userId}) } @users;


sub whole {
    my ($name) = @_;

    my %is;

    for my $path ((map { "/api/users/$_->{userId}" } @users),
                  map { "/api/orders/$_->{orderId}" } @orders)
    {
        my $r = $api->ask('GET', $path);
        $is{$path} = [ $r->{status}, $r->{headers}{etag}, $r->{json} ];
    }

    return \%is;
}

sub follows {
    my ($name) = @_;

    state_change($_, $name) for 0 .. $#users;
}

my $change = 0;

sub state_change {
    my ($i, $name) = @_;

    my $address = 'after ' . ++$change;
    my $r = $api->ask('PUT', "/api/users/$users[$i]{userId}",
        json => { deliveryAddress => $address });

    is($r->{status}, 200, "$name: a user changes") or diag($r->{body});
    soon(sub { ($api->ask('GET', "/api/orders/$orders[$i]{orderId}")->{json}
        {deliveryAddress} // '') eq $address }, "$name: its order follows");
}

follows('at first');


# A second run finds the data of the first.

is($s->p(37.5)->{status}, 200, 'P is set');

my $before = whole();
my $state = $split->state;
my @history = @{$split->history};

$s->stop;
$s->start;

is_deeply(whole(), $before, 'a second run finds users and orders');
is($split->configured, 'v1=37.5 v2=62.5', 'and P');
is($split->generation, $state->{generation}, 'of the same generation');
is_deeply($split->history, \@history, 'with its history');
follows('second run');

my $deleted = $api->user;
$api->ask('DELETE', "/api/users/$deleted->{userId}");
$s->stop;
$s->start;
is($api->ask('GET', "/api/users/$deleted->{userId}")->{status}, 404,
    'who was deleted stays so');
my $again = $api->user(userId => $deleted->{userId});
cmp_ok($again->{etag} =~ tr/"//dr, '>', $deleted->{etag} =~ tr/"//dr,
    'the version goes on after a restart');
follows('third run');


# One after the other is killed.

for my $name (qw(nginx users-v1 users-v2 orders nats-server)) {
    my $old = $s->kill($name);

    ok($s->await($name, $old), "$name was killed and is back");
    is($split->configured, 'v1=37.5 v2=62.5', "$name: P is as it was");
    soon(sub { $api->ask('GET', '/api/orders')->{status} == 200
        && $api->ask('GET', '/api/users')->{status} == 200
        && $api->ask('GET', '/api/users/x', arm => 'v1')->{status} == 404 },
        "$name: all serve");
    follows("$name was killed");
}


# Killed right after the answer: what was answered is there.

for my $name (qw(users-v1 users-v2)) {
    my $arm = $name =~ s/users-//r;
    my $made = $api->user(arm => $arm, userId => "last-$arm");
    my $old = $s->kill($name);

    delete $made->{etag};
    $s->await($name, $old);
    is_deeply($api->ask('GET', "/api/users/last-$arm")->{json}, $made,
        "$name: its last answer holds");

    my $order = $api->order(userId => "last-$arm");
    soon(sub { ($api->ask('GET', "/api/orders/$order->{orderId}")->{json}
        {email} // '') eq $made->{email} }, "$name: and was published");
}

is($s->p(12.34)->{status}, 200, 'P is set');
$s->await('nginx', $s->kill('nginx'));
is($split->configured, 'v1=12.34 v2=87.66', 'its last P holds');


# Everything at once.

$before = whole();
my @old = map { [ $_, $s->kill($_) ] }
    qw(nginx nats-server users-v1 users-v2 orders);
ok($s->await(@$_), "$_->[0] is back") for @old;
is_deeply(whole(), $before, 'all were killed: users and orders');
is($split->configured, 'v1=12.34 v2=87.66', 'all were killed: P');
follows('all were killed');

$api->done;
