#!/usr/bin/perl

# Copyright (C) Ficus authors

# Orders follow their users, whatever way a user is changed.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Test::More;

use Ficus::Contract qw(unique soon);

use Ficus::HTTP qw(parallel);

my $api = Ficus::Contract->start;


sub shows {
    my ($order, $wanted, $name) = @_;

    local $Test::Builder::Level = $Test::Builder::Level + 1;

    my $is;

    soon(sub {
        $is = $api->ask('GET', "/api/orders/$order->{orderId}")->{json};
        return !grep { ($is->{$_} // '') ne $wanted->{$_} } keys %$wanted;
    }, $name) or diag(explain($is));
}

sub change {
    my ($arm, $method, $user, %change) = @_;

    my $r = $api->ask($method, "/api/users/$user->{userId}", arm => $arm,
        json => \%change);
    is($r->{status}, 200, "$arm $method") or diag($r->{body});

    return $r->{json};
}


every_way();
several_in_a_row();
deleted();
all_deleted();
page_of_orders();
large_documents();
deep_documents();
not_others();

$api->done;


sub every_way {
    for my $arm (qw(v1 v2)) {
        for my $method (qw(PUT PATCH)) {
            my $user = $api->user(arm => $arm);
            my @orders = (
                $api->order(userId => $user->{userId}),
                $api->order(email => $user->{email}),
            );
            my $how = "$arm $method";

            $api->ask('PUT', "/api/orders/$orders[0]{orderId}",
                json => { status => 'Cancelled' });

            for my $what ([ 'email' ], [ 'deliveryAddress' ],
                          [ 'email', 'deliveryAddress' ])
            {
                my %change = map {
                    $_ => unique('c') . ($_ eq 'email' ? '@example.com' : ' Rd')
                } @$what;
                my $now = change($arm, $method, $user, %change);

                shows($_, { map { $_ => $now->{$_} }
                        qw(userId email deliveryAddress) },
                    "$how of @$what reaches " . ($_ == $orders[0]
                        ? 'an old order' : 'one bound by e-mail')) for @orders;
            }
        }
    }
}


sub several_in_a_row {
    my $user = $api->user;
    my $order = $api->order(userId => $user->{userId});

    for my $i (1 .. 50) {
        $api->ask('PUT', "/api/users/$user->{userId}",
            arm => $i % 2 ? 'v1' : 'v2',
            json => { deliveryAddress => "$i Lane" });
    }

    shows($order, { deliveryAddress => '50 Lane' }, 'the last of 50 changes');
    select undef, undef, undef, 0.3;
    is($api->ask('GET', "/api/orders/$order->{orderId}")->{json}
        {deliveryAddress}, '50 Lane', 'and stays');
}


# Orders of a deleted user keep what they have, and follow again.

sub deleted {
    my $user = $api->user;
    my $order = $api->order(userId => $user->{userId});

    shows($order, { email => $user->{email} }, 'an order');
    $api->ask('DELETE', "/api/users/$user->{userId}");

    my $late = $api->order(userId => $user->{userId}, orderId => unique('o'));
    my $other = $api->user;
    my $mark = $api->order(userId => $other->{userId});
    change('v1', 'PUT', $other, deliveryAddress => 'seen');
    shows($mark, { deliveryAddress => 'seen' }, 'later events have come');

    my $now = $api->ask('GET', "/api/orders/$order->{orderId}")->{json};
    is($now->{$_}, $user->{$_}, "a deleted user's order keeps its $_")
        for qw(userId email deliveryAddress);

    my $again = $api->user(userId => $user->{userId},
        email => unique('again') . '@example.com', deliveryAddress => 'again');

    shows($_, { email => $again->{email}, deliveryAddress => 'again' },
        'created again: followed again') for $order, $late;
    change('v2', 'PATCH', $again, deliveryAddress => 'more');
    shows($_, { deliveryAddress => 'more' }, 'and on') for $order, $late;
}


# All users gone at once, and back at once.

sub all_deleted {
    my @users = map { $api->user } 1 .. 5;
    my @orders = map { $api->order(userId => $_->{userId}) } @users;

    shows($orders[$_], { email => $users[$_]{email} }, "order $_") for 0 .. 4;
    is($api->ask('DELETE', '/api/users')->{status}, 200, 'all are deleted');

    my $r = $api->ask('POST', '/api/users/batch', json => [ map { {
        userId => $_->{userId}, email => "back-$_->{userId}\@example.com",
        deliveryAddress => "back $_->{userId}" } } @users ]);

    is(scalar(grep { $_->{status} == 201 } @{$r->{json}{results}}), 5,
        'all are back, by a batch');
    shows($orders[$_], { email => "back-$users[$_]{userId}\@example.com",
        deliveryAddress => "back $users[$_]{userId}" }, "order $_ follows")
        for 0 .. 4;
}


# A user that fills an event larger than what a broker takes by default.

sub large_documents {
    my $user = $api->user(arm => 'v1', blob => 'x' x 1_500_000);
    my $order = $api->order(userId => $user->{userId});

    shows($order, { email => $user->{email} }, 'a large user is known');
    change('v1', 'PATCH', $user, deliveryAddress => 'large');
    shows($order, { deliveryAddress => 'large' }, 'and followed');
    change('v1', 'PATCH', $user, blob => undef, deliveryAddress => 'small');
    shows($order, { deliveryAddress => 'small' }, 'and small again');
}


# As deep as a body may be: it is a level deeper in an event.

sub deep_documents {
    my $deep = [];

    $deep = [ $deep ] for 2 .. 31;

    my $user = $api->user(arm => 'v1', deep => $deep);
    my $order = $api->order(userId => $user->{userId});

    shows($order, { email => $user->{email} }, 'a deep user is known');
    change('v1', 'PATCH', $user, deliveryAddress => 'deep');
    shows($order, { deliveryAddress => 'deep' }, 'and followed');
    is($api->system->admin('GET', '/workers/orders/dlq')->{body}, '[]',
        'and no dead letter');
}


# All orders of a user, however many.

sub page_of_orders {
    my $user = $api->user;

    parallel(2, sub {
        for my $i (1 .. 150) {
            $api->system->request('POST', '/api/orders', json => {
                productName => 'x', userId => $user->{userId} });
        }
        return 1;
    });

    change('v1', 'PUT', $user, deliveryAddress => 'many');

    soon(sub {
        my $r = $api->ask('GET',
            "/api/orders?userId=$user->{userId}&limit=1000");
        return 300 == grep { ($_->{deliveryAddress} // '') eq 'many' }
            @{$r->{json}};
    }, 'all of 300 orders');
}


sub not_others {
    my ($one, $two) = ($api->user, $api->user);
    my ($first, $second) = map { $api->order(userId => $_->{userId}) }
        $one, $two;

    shows($second, { email => $two->{email} }, 'before');
    change('v1', 'PUT', $one, email => unique('p') . '@example.com',
        deliveryAddress => 'mine');
    shows($first, { deliveryAddress => 'mine' }, 'the one changes');

    my $is = $api->ask('GET', "/api/orders/$second->{orderId}")->{json};
    is($is->{deliveryAddress}, $two->{deliveryAddress}, 'the other does not');

    $is = $api->ask('PUT', "/api/orders/$first->{orderId}",
        json => { status => 'Processing' })->{json};
    is($is->{deliveryAddress}, 'mine', 'a change of status keeps the rest');
}
