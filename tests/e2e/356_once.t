#!/usr/bin/perl

# Copyright (C) Ficus authors

# Creations with an Idempotency-Key happen once: whichever arm is asked again,
# however many ask at once, and when the service fails after it has done it.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Test::More;

use Ficus::Contract qw(problem unique);

use IO::Select;
use IO::Socket::UNIX;
use Time::HiRes qw(sleep time);

use Ficus::HTTP qw(parallel);
use Ficus::Run qw(children wait_for);

my $api = Ficus::Contract->start;
my $s = $api->system;
my $keys = 0;

either_arm($_) for [ 'v1', 'v2' ], [ 'v2', 'v1' ];
orders();
at_once();
batches();
bad_keys();

between('users-v2');
rescued();
between('orders');
asked_again();

$api->done;


sub key { return (headers => [ 'Idempotency-Key' => shift ]) }

sub new_key { return sprintf '"key-%d"', ++$keys }


sub new_user {
    my $id = unique('w');

    return { userId => $id, email => "$id\@example.com",
        deliveryAddress => "1 $id Lane", @_ };
}


sub told {
    my ($r) = @_;

    return join ' ', map { $_ // '-' } $r->{status},
        @{$r->{headers}}{qw(location etag)}, $r->{body};
}


# How many orders an e-mail has.

sub orders_of {
    my ($email) = @_;

    return scalar @{$api->ask('GET', "/api/orders?email=$email")->{json}};
}


sub published {
    my ($name) = @_;

    my ($n) = $s->worker($name, '/metrics')->{body}
        =~ /^ficus_outbox_published_total (\d+)/m;

    return $n;
}


# Either answers what the other has made, whatever it would say of it itself,
# and nobody hears of it again.

sub either_arm {
    my ($arms) = @_;

    my ($one, $other) = @$arms;
    my $name = "$one, then $other";
    my $key = new_key();
    my $user = new_user($one eq 'v1' ? (nick => 'x') : ());
    my $path = "/api/users/$user->{userId}";

    my $ask = sub {
        my ($arm, $json, @key) = @_;
        return $api->ask('POST', '/api/users', json => $json, arm => $arm,
            @key);
    };

    my $first = $ask->($one, $user, key($key));

    is($first->{status}, 201, "$name: 201");
    wait_for(5, sub { published("users-$one") });
    sleep 0.3;

    my $before = published('users-v1') + published('users-v2');

    for my $arm ($other, $one) {
        my $r = $ask->($arm, $user, key($key));

        is(told($r), told($first), "$name: $arm answers the same");
        is($r->{headers}{'x-service-version'}, $arm, "$name: by itself");
    }

    sleep 1.2;
    is(published('users-v1') + published('users-v2'), $before,
        "$name: nothing more is published");

    problem($ask->($other, $user), 409, 'conflict', 'userId',
        "$name: without the key it is taken") if $one eq 'v2';
    problem($ask->($other, new_user(), key($key)), 422, 'key-reused',
        'Idempotency-Key', "$name: the key for another user");
    problem($ask->($other, { %$user, deliveryAddress => 'x' }, key($key)), 422,
        'key-reused', 'Idempotency-Key', "$name: for another address");
    problem($ask->($other, new_user(email => $user->{email}),
        key(new_key())), 409, 'conflict', 'email',
        "$name: another key, the same e-mail");

    is($api->ask('PATCH', $path, arm => $other,
        merge => { deliveryAddress => 'changed' })->{status}, 200,
        "$name: it is changed");

    my $r = $ask->($other, $user, key($key));

    is($r->{status}, 201, "$name: it was made");
    is($r->{json}{deliveryAddress}, 'changed', "$name: and is as it is now");
    is($r->{headers}{etag}, $api->ask('GET', $path)->{headers}{etag},
        "$name: and so is the ETag");

    is($api->ask('DELETE', $path)->{status}, 200, "$name: it is deleted");
    problem($ask->($_, $user, key($key)), 410, 'gone', 'Idempotency-Key',
        "$name: $_: gone") for $one, $other;
    is($api->ask('GET', $path)->{status}, 404, "$name: and stays so");
}


sub orders {
    my $key = new_key();
    my $email = unique('o') . '@example.com';
    my %order = (productName => 'fig', email => $email);
    my $ask = sub { return $api->ask('POST', '/api/orders', @_) };
    my $first = $ask->(json => \%order, key($key));

    is($first->{status}, 201, 'an order');
    is(told($ask->(json => \%order, key($key))), told($first), 'again');
    is(told($ask->(json => \%order, key($key =~ tr/"//dr))), told($first),
        'and without the quotes');
    is(orders_of($email), 1, 'is one');

    problem($ask->(json => { %order, quantity => 2 }, key($key)), 422,
        'key-reused', 'Idempotency-Key', 'another order with its key');
    is($ask->(json => \%order, key(new_key()))->{status}, 201,
        'the same with another');
    is($ask->(json => \%order)->{status}, 201, 'and without');
    is(orders_of($email), 3, 'are three');

    is($api->ask('PATCH', $first->{headers}{location},
        merge => { status => 'Processing' })->{status}, 200, 'it goes on');

    my $r = $ask->(json => \%order, key($key));

    is("$r->{status} $r->{json}{status}", '201 Processing', 'and says so');

    # the key of an order is no key of a user
    is($api->ask('POST', '/api/users', json => new_user(), key($key)
        )->{status}, 201, 'a user with the same key');
}


# Eight clients with one key, over both arms.

sub at_once {
    my @tasks = map { [ new_key(), unique('p') . '@example.com', new_user() ] }
        1 .. 20;

    is($s->p(50)->{status}, 200, 'P is 50');

    my @results = parallel(8, sub {
        my @seen;

        for (@tasks) {
            my ($key, $email, $user) = @$_;
            my $order = $s->request('POST', '/api/orders', key($key),
                json => { productName => 'fig', email => $email });
            my $r = $s->request('POST', '/api/users', key($key),
                json => $user);

            push @seen, [ "$order->{status} $order->{json}{orderId}",
                "$r->{status} $r->{body}",
                $r->{headers}{'x-service-version'} ];
        }

        return \@seen;
    });

    my (%arms, @wrong);

    for my $i (0 .. $#tasks) {
        my (%orders, %users);

        for (@results) {
            my ($order, $user, $arm) = @{$_->[$i]};
            $orders{$order}++;
            $users{$user}++;
            $arms{$arm}++;
        }

        my @all = (sort(keys %orders), sort keys %users);

        push @wrong, "@all" if @all != 2 || grep { !/^201 / } @all;
        push @wrong, "$i: " . orders_of($tasks[$i][1])
            if orders_of($tasks[$i][1]) != 1;
    }

    is(join("\n", @wrong), '', 'at once: one order, one user, all are told');
    is(join(' ', sort keys %arms), 'v1 v2', 'at once: by both arms');
    is($s->p(100)->{status}, 200, 'P is 100');
}


sub batches {
    my $key = new_key();
    my @users = map { new_user() } 1 .. 3;
    my $ask = sub {
        return $api->ask('POST', '/api/users/batch', json => [ @_ ],
            key($key));
    };

    my $first = $ask->(@users);

    is(statuses($first), '201 201 201', 'batch');
    is($ask->(@users)->{body}, $first->{body}, 'batch: the same again');
    is($api->ask('DELETE', "/api/users/$users[0]{userId}")->{status}, 200,
        'batch: one is deleted');
    is(statuses($ask->($users[0], new_user(), @users[2, 1])),
        '410 422 201 409', 'batch: each for itself');
}


sub statuses {
    my ($r) = @_;

    return join ' ', map { $_->{status} } @{$r->{json}{results}};
}


sub bad_keys {
    for my $key ('"', '""', '"a', 'a b', 'a,b', "k\xff", 'k' x 256) {
        problem($api->ask('POST', '/api/orders', key($key),
            json => { productName => 'x', email => 'k@example.com' }), 400,
            'invalid', 'Idempotency-Key', 'bad key ' . substr $key, 0, 5);
    }

    problem($api->ask('POST', '/api/orders', headers => [
        'Idempotency-Key' => 'a', 'Idempotency-Key' => 'b' ],
        json => { productName => 'x', email => 'k@example.com' }), 400,
        'invalid', 'Idempotency-Key', 'two keys');
    is(orders_of('k@example.com'), 0, 'bad keys: nothing is made');
}


# Puts itself between nginx and a service.  What the file between/NAME says
# becomes of its answers: nothing, "close" drops them and the connection,
# "freeze" stops the service before its answer is on the way.

sub between {
    my ($name) = @_;

    my $path = $s->dir . "/sock/$name.sock";
    my $real = $s->dir . "/$name.real";

    rename $path, $real or die "$path: $!";

    $s->run->spawn("between-$name", ready => $path,
        code => sub { relay($name, $path, $real) });

    # the old ones have kept their connections
    my %old = map { $_ => 1 } children($s->pid('nginx'));

    $s->kill('nginx', 'HUP');
    wait_for(10, sub {
        my @now = children($s->pid('nginx'));
        return @now && !grep { $old{$_} } @now;
    }) or die 'nginx has not been reloaded';
}


sub relay {
    my ($name, $path, $real) = @_;

    my $listen = IO::Socket::UNIX->new(Local => $path, Listen => 16)
        or die "$path: $!";
    my $select = IO::Select->new($listen);
    my (%other, %answers);

    while (1) {
        for my $from ($select->can_read) {
            if ($from == $listen) {
                my $client = $listen->accept or next;
                my $service = IO::Socket::UNIX->new(Peer => $real) or next;

                @other{$client, $service} = ($service, $client);
                $answers{$service} = 1;
                $select->add($client, $service);
                next;
            }

            my $to = delete $other{$from} or next;
            my $mode = $answers{$from} ? $s->run->read("between-$name") : '';

            if (sysread($from, my $bytes, 65536) && $mode ne 'close') {
                $other{$from} = $to;
                $s->kill($name, 'STOP') if $mode eq 'freeze';
                syswrite $to, $bytes if $mode ne 'freeze';
                next;
            }

            $select->remove($from, $to);
            delete $other{$to};
            close $_ for $from, $to;
        }
    }
}


sub answers_of {
    my ($name, $mode) = @_;

    $s->run->write("between-$name", $mode);
}


# v2 has made it and does not say so: v1 does.

sub rescued {
    is($s->p(0)->{status}, 200, 'P is 0');

    my $r = $api->ask('POST', '/api/users', json => new_user());

    is("$r->{status} $r->{headers}{'x-service-version'}", '201 v2',
        'rescue: v2 can be reached');

    for my $mode (qw(close freeze)) {
        my $user = new_user(name => 'Ann', tags => [ 'x' ]);
        my @key = key(new_key());

        answers_of('users-v2', $mode);

        my $began = time;
        my $r = $api->ask('POST', '/api/users', json => $user, @key);

        is("$r->{status} " . ($r->{headers}{'x-ficus-rescued'} // '-'),
            '201 v2', "rescue: $mode: 201");
        is($r->{headers}{'x-service-version'}, 'v1', "rescue: $mode: by v1");
        is_deeply($r->{json}, $user, "rescue: $mode: as v2 has made it");
        is($r->{headers}{etag}, '"1"', "rescue: $mode: once");
        cmp_ok(time - $began, '<', 6, "rescue: $mode: in time");

        answers_of('users-v2', '');
        $s->kill('users-v2', 'CONT');

        ok(wait_for(30, sub {
            $r = $api->ask('POST', '/api/users', json => $user, @key);
            return $r->{headers}{'x-service-version'} eq 'v2'
                && $r->{status} == 201;
        }), "rescue: $mode: v2 says the same when it is back");
        is_deeply($r->{json}, $user, "rescue: $mode: of the same user");
    }

    answers_of('users-v2', 'close');
    problem($api->ask('POST', '/api/users', json => new_user()), 503,
        'unknown-outcome', '', 'without a key nobody knows');
    answers_of('users-v2', '');
    is($s->p(100)->{status}, 200, 'P is 100');
}


# Nobody else can answer for orders: the client asks again.

sub asked_again {
    for my $mode (qw(close freeze)) {
        my $email = unique('r') . '@example.com';
        my @ask = ('POST', '/api/orders', key(new_key()),
            json => { productName => 'fig', email => $email });

        answers_of('orders', $mode);
        problem($api->ask(@ask), $mode eq 'close' ? 503 : 504,
            'unknown-outcome', '', "orders: $mode: nobody knows");
        answers_of('orders', '');
        $s->kill('orders', 'CONT');

        my $r;

        ok(wait_for(10, sub { ($r = $api->ask(@ask))->{status} == 201 }),
            "orders: $mode: asked again");
        is(orders_of($email), 1, "orders: $mode: there is one");
        is($api->ask('GET', $r->{headers}{location})->{body}, $r->{body},
            "orders: $mode: this one");
    }
}
