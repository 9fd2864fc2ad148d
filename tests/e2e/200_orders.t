#!/usr/bin/perl

# Copyright (C) Ficus authors

# Orders: each row of the contract, and what an order may be.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Test::More;

use Ficus::Contract qw(problem unique soon);

my $api = Ficus::Contract->start;

is_deeply($api->ask('GET', '/api/orders')->{json}, [], 'no orders yet');

rows();
optional();
checks();
unknown_fields();
filters();

$api->done;


sub rows {
    my %order = (orderId => 'o1', productName => "Fig \x{1F333}",
        quantity => 2, email => 'o1@example.com', deliveryAddress => '1 Lane');

    my $r = $api->ask('POST', '/api/orders', json => \%order);
    is($r->{status}, 201, 'create');
    is_deeply($r->{json}, { %order, status => 'Pending' }, 'the order');
    is($r->{headers}{location}, '/api/orders/o1', 'Location');

    problem($api->ask('POST', '/api/orders', json => \%order), 409, 'conflict',
        'orderId', 'orderId is taken');

    $r = $api->ask('GET', '/api/orders/o1');
    is($r->{status}, 200, 'read');
    is_deeply($r->{json}, { %order, status => 'Pending' }, 'the same order');
    problem($api->ask('GET', '/api/orders/none'), 404, 'not-found', '',
        'read one that is not there');

    my %now = (%order, status => 'Pending');

    for my $method (qw(PUT PATCH)) {
        for my $change ({ productName => "$method tree" }, { quantity => 3 },
                        { email => lc "$method\@example.com" },
                        { deliveryAddress => "2 $method Lane" },
                        { orderId => 'o1', quantity => 4 }, {})
        {
            my $what = join ' and ', sort keys %$change;

            %now = (%now, %$change);
            $r = $api->ask($method, '/api/orders/o1', json => $change);
            is($r->{status}, 200, "$method of $what");
            is_deeply($r->{json}, \%now, "$method of $what: the new state");
            is_deeply($api->ask('GET', '/api/orders/o1')->{json}, \%now,
                "$method of $what: reads the same");
        }

        problem($api->ask($method, '/api/orders/none', json => {}), 404,
            'not-found', '', "$method of none");
        problem($api->ask($method, '/api/orders/o1', json => {
                orderId => 'o2' }), 400, 'invalid', 'orderId',
            "$method: orderId differs");
        problem($api->ask($method, '/api/orders/o1', json => {
                productName => '', quantity => 0, status => 'Lost',
                email => 'x', deliveryAddress => '' }),
            400, 'invalid', 'deliveryAddress email productName quantity status',
            "$method: bad fields, all named");
    }

    is_deeply($api->ask('GET', '/api/orders')->{json}, [ \%now ], 'list');

    $r = $api->ask('DELETE', '/api/orders/o1');
    is($r->{status}, 200, 'delete');
    is_deeply($r->{json}, \%now, 'the deleted order');
    problem($api->ask('DELETE', '/api/orders/o1'), 404, 'not-found', '',
        'delete twice');
    problem($api->ask('GET', '/api/orders/o1'), 404, 'not-found', '', 'gone');
    problem($api->ask('PUT', '/api/orders/o1', json => {}), 404, 'not-found',
        '', 'no change of a deleted order');
    is_deeply($api->ask('GET', '/api/orders')->{json}, [], 'not listed');
    is($api->ask('POST', '/api/orders', json => \%order)->{status}, 201,
        'created again');
}


# orderId is made, quantity and address may be absent.

sub optional {
    my %ids;

    for (1 .. 20) {
        my $order = $api->order(email => 'many@example.com');
        like($order->{orderId}, qr/^[A-Za-z0-9._~-]{1,64}$/, 'orderId is made');
        $ids{$order->{orderId}}++;
        is($order->{status}, 'Pending', 'status');
        ok(!exists $order->{quantity}, 'no quantity');
    }

    is(scalar keys %ids, 20, 'a new one each time');

    my $order = $api->order(email => 'q@example.com', quantity => 5,
        status => 'Pending');
    my $r = $api->ask('PATCH', "/api/orders/$order->{orderId}",
        merge => { quantity => undef });
    is($r->{status}, 200, 'null removes the quantity');
    ok(!exists $r->{json}{quantity}, 'it is gone');
    $r = $api->ask('PUT', "/api/orders/$order->{orderId}",
        json => { quantity => 1 });
    is($r->{json}{quantity}, 1, 'and comes again');
    $r = $api->ask('PUT', "/api/orders/$order->{orderId}",
        json => { quantity => undef });
    ok(!exists $r->{json}{quantity}, 'null in a PUT removes it too');
}


sub creates {
    my ($status, $fields, $name, %change) = @_;

    my %order = (productName => 'x', email => 'c@example.com', %change);
    delete $order{$_} for grep { ($order{$_} // '') eq 'absent' } keys %order;

    my $r = $api->ask('POST', '/api/orders', json => \%order);

    if ($status == 201) {
        is($r->{status}, 201, $name) or diag($r->{body});
    } else {
        problem($r, $status, 'invalid', $fields, $name);
    }
}


sub checks {
    creates(201, '', "orderId \"$_\"", orderId => $_) for 'a', 'b' x 64, '~._-';
    creates(400, 'orderId', "orderId \"$_\"", orderId => $_)
        for '', 'b' x 65, '.', '..', 'batch', 'a b', 'a/b', "\x{e9}";
    creates(400, 'orderId', 'orderId is a number', orderId => 5);

    creates(201, '', 'product of 1', productName => "\x{1F333}");
    creates(201, '', 'product of 200', productName => "\x{e9}" x 200);
    creates(400, 'productName', 'product of 201', productName => 'x' x 201);
    creates(400, 'productName', 'product of 0', productName => '');
    creates(400, 'productName', 'product is null', productName => undef);
    creates(400, 'productName', 'no product', productName => 'absent');
    creates(400, 'productName', 'product is an array', productName => [ 'x' ]);

    creates(201, '', "quantity $_", quantity => $_) for 1, 1000000;
    creates(400, 'quantity', "quantity $_", quantity => $_)
        for 0, -1, 1000001, 1.5;
    creates(400, 'quantity', 'quantity is a string', quantity => '1');
    creates(400, 'quantity', 'quantity is true', quantity => JSON::PP::true());

    creates(201, '', 'email of 254 bytes', email => 'a' x 242 . '@example.com');
    creates(400, 'email', 'email of 255 bytes',
        email => 'a' x 243 . '@example.com');
    creates(400, 'email', "email \"$_\"", email => $_)
        for '', 'x', 'a@b@c', '@';
    creates(201, '', 'address of 512', deliveryAddress => "\x{e9}" x 512);
    creates(400, 'deliveryAddress', 'address of 513',
        deliveryAddress => 'x' x 513);
    creates(400, 'deliveryAddress', 'empty address', deliveryAddress => '');
    creates(400, 'userId', 'bad userId', userId => 'a b');
    creates(400, 'userId', 'userId is a number', userId => 1);
    creates(201, '', 'userId without email', userId => 'x', email => 'absent');

    creates(201, '', 'status Pending', status => 'Pending');
    creates(400, 'status', "status $_", status => $_)
        for qw(Processing Shipping Delivered Cancelled), 'pending', '', 1;

    my $r = $api->ask('POST', '/api/orders', json => { productName => 'x' });
    is($r->{status}, 400, 'neither userId nor email');
    like(join(' ', map { $_->{field} } @{$r->{json}{errors}}),
        qr/\b(?:email|userId)\b/, 'which is named');

    $r = $api->ask('POST', '/api/orders', json => {});
    is($r->{status}, 400, 'nothing');
    like(join(' ', map { $_->{field} } @{$r->{json}{errors}}),
        qr/productName/, 'the product is named as well');

    my $order = $api->order(email => 'last@example.com');
    $r = $api->ask('PUT', "/api/orders/$order->{orderId}",
        json => { email => undef });
    problem($r, 400, 'invalid', 'email', 'the last of userId and email stays');
    problem($api->ask('PUT', "/api/orders/$order->{orderId}",
            json => { status => undef }), 400, 'invalid', 'status',
        'the status stays');
}


# An order keeps what this service does not know, as v1 does.

sub unknown_fields {
    my $order = $api->order(email => 'k@example.com', gift => JSON::PP::true(),
        note => { to => 'Ann', lines => [ 1, 2 ] });
    my $path = "/api/orders/$order->{orderId}";

    is_deeply($order->{note}, { to => 'Ann', lines => [ 1, 2 ] },
        'an unknown field is kept');
    is_deeply($api->ask('PATCH', $path, merge => { note => { to => undef } }
        )->{json}{note}, { lines => [ 1, 2 ] }, 'and patched');
    ok(!exists $api->ask('PUT', $path, json => { note => undef })->{json}{note},
        'and removed');

    creates(400, $_, "no field \"$_\"", $_ => 1)
        for '', 'version', 'ver', 'deleted', '$a', '_id', 'a.b';
    problem($api->ask('PUT', $path, json => { _id => 1, version => 2 }), 400,
        'invalid', '_id version', 'nor in a change');
}


sub filters {
    my $user = $api->user;
    my @orders = map { $api->order(userId => $user->{userId},
        orderId => "f$_") } 1 .. 4;

    $api->ask('PUT', '/api/orders/f2', json => { status => 'Processing' });
    $api->ask('PUT', '/api/orders/f3', json => { status => 'Cancelled' });
    soon(sub { my $r = $api->ask('GET', '/api/orders/f4');
        ($r->{json}{email} // '') eq $user->{email} }, 'orders are filled');

    my %found = (
        "userId=$user->{userId}" => 'f1 f2 f3 f4',
        "email=$user->{email}" => 'f1 f2 f3 f4',
        "userId=$user->{userId}&status=Processing" => 'f2',
        "userId=$user->{userId}&status=Cancelled" => 'f3',
        "userId=$user->{userId}&status=Pending" => 'f1 f4',
        "userId=$user->{userId}&email=$user->{email}&status=Pending" => 'f1 f4',
        "userId=$user->{userId}&status=Delivered" => '',
        "userId=$user->{userId}&email=other\@example.com" => '',
        'userId=nobody' => '',
        'status=Processing' => 'f2',
        "userId=$user->{userId}&colour=red&x" => 'f1 f2 f3 f4',
        'userId=' . $user->{userId} =~ s/(.)/sprintf '%%%02x', ord $1/ger =>
            'f1 f2 f3 f4',
    );

    for my $query (sort keys %found) {
        my $r = $api->ask('GET', "/api/orders?$query");
        is(join(' ', map { $_->{orderId} } @{$r->{json}}), $found{$query},
            "?$query");
    }

    for my $query ('status=Lost', 'status=pending', 'status=', 'userId=',
                   'userId=a%20b', 'email=x', 'email=', 'status=%ff',
                   'status=Pending&status=Shipping', 'userId=a&userId=a')
    {
        my ($field) = $query =~ /^(\w+)/;
        problem($api->ask('GET', "/api/orders?$query"), 400, 'invalid', $field,
            "?$query");
    }

    problem($api->ask('GET', '/api/orders?status=Lost&limit=0&userId='), 400,
        'invalid', 'limit status userId', 'all bad parameters are named');
}
