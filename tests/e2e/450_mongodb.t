#!/usr/bin/perl

# Copyright (C) Ficus authors

# The whole system on MongoDB: users and orders in databases of their own, kept
# in step, and a server that goes away and comes back.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Test::More;

use Ficus::Mongo;
use Ficus::Run qw(wait_for);
use Ficus::System;

my $s = Ficus::System->new;
my $m = Ficus::Mongo->new($s->run, 9);

$s->{env}{FICUS_STORE} = $m->uri("ficus-e2e-$$");
$s->start;

is(scalar(() = glob $s->dir . '/data/*.db'), 0, 'no database of SQLite');

for my $name (qw(ann bob)) {
    is($s->request('POST', '/api/users', json => { userId => $name,
        email => "$name\@example.org", deliveryAddress => '1 Elm Street' })
        ->{status}, 201, "$name is made");
}

my $r = $s->request('POST', '/api/users', json => { userId => 'eve',
    email => 'ann@example.org', deliveryAddress => '2 Elm Street' });

is($r->{status}, 409, 'an address is taken');
is($r->{json}{errors}[0]{field}, 'email', 'and is said to be');

is($s->request('POST', '/api/orders', json => { orderId => 'o1',
    userId => 'ann', productName => 'fig' })->{status}, 201, 'an order');
ok(wait_for(10, sub { (order()->{email} // '') eq 'ann@example.org' }),
    'has the address of its user');

my @once = ('POST', '/api/users', headers => [ 'Idempotency-Key' => 'k' ],
    json => { userId => 'kay', email => 'kay@example.org',
        deliveryAddress => '3 Elm Street' });

for my $p (100, 0, 100) {
    $s->p($p);
    $r = $s->request(@once);
    is("$r->{status} $r->{headers}{etag}", '201 "1"', "made once, at P=$p");
}

is($s->request('DELETE', '/api/users/kay')->{status}, 200, 'deleted once');
is($s->request(@once)->{status}, 410, 'and not made again');

for my $p (100, 0) {
    $s->p($p);
    is($s->request('PATCH', '/api/users/ann', json => {
        deliveryAddress => "$p Fig Lane" })->{status}, 200, "a change at P=$p");
    ok(wait_for(10, sub { order()->{deliveryAddress} eq "$p Fig Lane" }),
        'reaches the order');
}

is($s->request('DELETE', '/api/users/bob')->{status}, 200, 'one is deleted');
is($s->get('/api/users/bob')->{status}, 404, 'and gone');
is(join(',', map { $_->{userId} } @{$s->get('/api/users')->{json}}), 'ann',
    'the list has the other');


SKIP: {
    skip 'not our server', 9 if !$m->ours;

    $m->kill;
    $r = $s->request('PATCH', '/api/users/ann',
        json => { deliveryAddress => 'nowhere' });
    like($r->{status}, qr/^50[034]$/, 'without its server a change fails');
    is($s->get('/api/users/ann')->{status}, 503, 'as does a read');
    $r = $s->worker('users-v1', '/readyz');
    is($r->{status}, 503, 'not ready');
    is($r->{json}{status}, 'error', 'in the word that the gateway uses, too');

    $m->start;
    ok(wait_for(20, sub { $s->get('/api/users/ann')->{status} == 200 }),
        'it comes back by itself');
    ok(wait_for(20, sub { $s->worker('users-v1', '/readyz')->{status} == 200 }),
        'and is ready');
    is($s->get('/api/users/ann')->{json}{deliveryAddress}, '0 Fig Lane',
        'with what it had');

    is($s->request('PATCH', '/api/users/ann',
        json => { email => 'new@example.org' })->{status}, 200, 'a change');
    ok(wait_for(20, sub { order()->{email} eq 'new@example.org' }),
        'reaches the order');
}

$s->stop;
$s->start;
is($s->get('/api/users/ann')->{status}, 200, 'a second run finds the data');


# All of it starts without the server, too, and waits for it.

SKIP: {
    skip 'not our server', 7 if !$m->ours;

    $s->stop;
    $m->kill;
    $s->start;

    is($s->get('/api/users/ann')->{status}, 503, 'no server at the start');
    $r = $s->worker('orders', '/readyz');
    is($r->{status}, 503, 'not ready');
    like($r->{json}{checks}{store}, qr/\S/, 'since there is no store');
    is($s->worker('orders', '/healthz')->{status}, 200, 'but it lives');

    $m->start;
    ok(wait_for(20, sub { $s->get('/api/users/ann')->{status} == 200 }),
        'there is one');
    is($s->request('PATCH', '/api/users/ann',
        json => { deliveryAddress => 'here again' })->{status}, 200, 'a change');
    ok(wait_for(20, sub { order()->{deliveryAddress} eq 'here again' }),
        'reaches the order');
}

$s->done;


sub order { return $s->get('/api/orders/o1')->{json} }
