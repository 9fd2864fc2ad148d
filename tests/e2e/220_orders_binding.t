#!/usr/bin/perl

# Copyright (C) Ficus authors

# Binding: how an order finds its user, and what a bound order refuses.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Test::More;

use Ficus::Contract qw(problem unique encode soon);
use Ficus::NATS;

my $api = Ficus::Contract->start;


sub get {
    my ($order) = @_;

    return $api->ask('GET', "/api/orders/$order->{orderId}")->{json};
}

sub filled {
    my ($order, $user, $name) = @_;

    local $Test::Builder::Level = $Test::Builder::Level + 1;

    soon(sub {
        my $is = get($order);
        return ($is->{userId} // '') eq $user->{userId}
            && ($is->{email} // '') eq $user->{email}
            && ($is->{deliveryAddress} // '') eq $user->{deliveryAddress};
    }, $name) or diag(explain(get($order)));
}

sub change {
    my ($method, $path, $json) = @_;

    my $r = $api->ask($method, $path, json => $json);
    is($r->{status}, 200, "$method $path") or diag($r->{body});

    return $r->{json};
}


by_user_id();
by_email();
moved_address();
stale_holder();
bound_refuses();
unbound_binds();

$api->done;


sub by_user_id {
    my $user = $api->user;
    my $known = $api->order(userId => $user->{userId});

    filled($known, $user, 'by userId');
    filled($api->order(userId => $user->{userId}), $user,
        'by userId of a user that is known for long');
    filled($api->order(userId => $user->{userId}, email => 'own@example.com',
        deliveryAddress => 'own'), $user,
        'the user\'s e-mail and address go before those of the order');

    my $id = unique('later');
    my $bare = $api->order(userId => $id);
    my $own = $api->order(userId => $id, email => 'keeps@example.com',
        deliveryAddress => 'keeps');

    is($bare->{userId}, $id, 'by userId of nobody');
    is($bare->{email}, undef, 'which has no e-mail yet');
    is($own->{email}, 'keeps@example.com', 'or its own');

    $user = $api->user(userId => $id);
    filled($bare, $user, 'filled when the user comes');
    filled($own, $user, 'as is one that had its own');
}


sub by_email {
    my $user = $api->user;
    my $order = $api->order(email => $user->{email}, deliveryAddress => 'own');

    is($order->{userId}, $user->{userId}, 'by e-mail, at once');
    filled($order, $user, 'by e-mail, with the user\'s address');

    my $email = unique('wait') . '@example.com';
    my $early = $api->order(email => $email, deliveryAddress => 'own');

    is($early->{userId}, undef, 'by the e-mail of nobody');
    is($early->{deliveryAddress}, 'own', 'keeps its address');

    filled($early, $api->user(email => $email), 'bound when the user comes');

    my $target = unique('move') . '@example.com';
    my $waiting = $api->order(email => $target);
    my $mover = $api->user;
    $mover = change('PUT', "/api/users/$mover->{userId}",
        { email => $target });
    filled($waiting, $mover, 'bound when a user takes that e-mail');
}


# An address that changes hands: old orders stay with the user they are bound
# to, new ones go to the one who holds it now.

sub moved_address {
    my $first = $api->user;
    my $address = $first->{email};
    my $old = $api->order(email => $address);

    is($old->{userId}, $first->{userId}, 'bound to the first holder');

    $first = change('PUT', "/api/users/$first->{userId}",
        { email => unique('new') . '@example.com' });
    my $between = $api->order(email => $address);
    is($between->{userId}, undef, 'nobody has it now, so nobody is bound');

    my $second = $api->user(email => $address);
    my $new = $api->order(email => $address);

    is($new->{userId}, $second->{userId}, 'bound to the second holder');
    filled($between, $second, 'as is the one between');
    filled($old, $first, 'the old order stays with the first');

    $api->ask('DELETE', "/api/users/$second->{userId}");
    my $third = $api->order(email => $address);
    is($third->{userId}, undef, 'nor to a deleted holder');
}


# An event may tell of an address that its user has no more.  It is the user
# service that knows; here the event is of somebody it has never heard of.

sub stale_holder {
    my $address = unique('stale') . '@example.com';
    my $order = $api->order(email => $address);
    my $nats = Ficus::NATS->new($api->system->nats_port);

    $nats->publish('users.updated.00', encode({
        specversion => '1.0', id => 'users/ghost/7', source => '/users',
        type => 'ficus.users.updated', subject => 'ghost',
        time => '2026-01-01T00:00:00.000Z',
        datacontenttype => 'application/json',
        data => { userId => 'ghost', version => 7, email => $address,
            deliveryAddress => 'nowhere', deleted => JSON::PP::false(),
            changed => [] },
    }));

    my $follows = $api->order(userId => 'ghost');

    filled($follows, { userId => 'ghost', email => $address,
        deliveryAddress => 'nowhere' }, 'an event of a user');
    is(get($order)->{userId}, undef, 'who does not hold what it says');

    filled($order, $api->user(email => $address), 'bound to who does');
}


sub bound_refuses {
    my $user = $api->user;
    my $order = $api->order(userId => $user->{userId});
    my $path = "/api/orders/$order->{orderId}";

    filled($order, $user, 'a bound order');

    for my $method (qw(PUT PATCH)) {
        for my $change ({ email => 'else@example.com' },
                        { deliveryAddress => 'else' }, { userId => 'else' },
                        { userId => 'else', email => 'else@example.com',
                          deliveryAddress => 'else', quantity => 2 })
        {
            my $fields = join ' ', grep { $_ ne 'quantity' } sort keys %$change;

            problem($api->ask($method, $path, json => $change), 409,
                'conflict', $fields, "$method of $fields is refused");
        }

        for my $change ({ email => $user->{email} },
                        { deliveryAddress => $user->{deliveryAddress} },
                        { userId => $user->{userId} },
                        { userId => $user->{userId}, email => $user->{email},
                          quantity => 2 })
        {
            is($api->ask($method, $path, json => $change)->{status}, 200,
                "$method of what " . join(' and ', sort keys %$change)
                . ' is already');
        }
    }

    is(change('PUT', $path, { quantity => 3 })->{quantity}, 3,
        'other fields are free');
    filled($order, $user, 'and it is still as its user');

    my $r = $api->ask('PATCH', $path, merge => { userId => undef });
    ok($r->{status} == 409 || $r->{status} == 400, 'no way to unbind')
        or diag($r->{body});
    is(get($order)->{userId}, $user->{userId}, 'still bound');
}


sub unbound_binds {
    my $order = $api->order(email => unique('free') . '@example.com',
        deliveryAddress => 'own');
    my $path = "/api/orders/$order->{orderId}";
    my $email = unique('free') . '@example.com';

    is(change('PUT', $path, { email => $email })->{email}, $email,
        'an unbound order changes its e-mail');
    is(change('PUT', $path, { deliveryAddress => 'b' })->{deliveryAddress}, 'b',
        'and its address');

    my $user = $api->user;
    change('PUT', $path, { userId => $user->{userId} });
    filled($order, $user, 'and is bound by a userId');

    my $other = $api->order(email => unique('free') . '@example.com');
    change('PATCH', "/api/orders/$other->{orderId}",
        { email => $user->{email} });
    filled($other, $user, 'or by the e-mail of a user');
}
