#!/usr/bin/perl

# Copyright (C) Ficus authors

# Users and orders in a storm: created, changed, deleted, addresses swapped, all
# at once and on both arms, while services are killed.  When it is over all are
# in step.  TEST_SEED repeats the choices of a run, not their interleaving.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Test::More;
use Time::HiRes qw(sleep time);

use Ficus::Contract qw(soon);
use Ficus::HTTP qw(parallel);

my $seed = $ENV{TEST_SEED} // time;
my $api = Ficus::Contract->start(allow => [ qr/exited on signal/ ]);
my $s = $api->system;
my $seconds = 2.5;

note("TEST_SEED=$seed");

meetings();

for my $kills (0, 1) {
    storm($kills);
}

$api->done;


# A user changes in the very moment in which an order for it is made, and never
# again, so that no later event mends what was missed.

sub meetings {
    my $n = 300;

    $api->ask('POST', '/api/users/batch', json => [ map { {
        userId => "meet$_", email => "meet$_\@example.com",
        deliveryAddress => 'before' } } 1 .. $n ]);
    soon(sub { my $mark = $api->order(userId => "meet$n");
        ($mark->{email} // '') ne '' }, 'all users are known');

    my $start = time + 0.2;

    parallel(2, sub {
        my ($i) = @_;
        my $c = Ficus::HTTP->connect($s->port);

        sleep 0.001 while time < $start;

        for my $k (1 .. $n) {
            my $change = $k % 2 ? { deliveryAddress => 'after' }
                : { email => "met$k\@example.com" };
            my $order = $k % 2 ? { userId => "meet$k" }
                : { email => "met$k\@example.com" };

            $i ? $c->ask('PUT', "/api/users/meet$k", json => $change)
               : $c->ask('POST', '/api/orders', json => { productName => 'x',
                    orderId => "meet$k", %$order });
        }

        return 1;
    });

    my @wrong;

    soon(sub { !(@wrong = out_of_step()) }, "$n orders met a change")
        or diag(join "\n", @wrong[0 .. ($#wrong < 9 ? $#wrong : 9)]);
    is(scalar(grep { $_->{orderId} =~ /^meet/ && $_->{userId} }
        all('/api/orders')), $n, 'each was bound');
    $api->ask('DELETE', '/api/users');
}


sub storm {
    my ($kills) = @_;

    my $name = $kills ? 'with kills' : 'in peace';
    my @did = parallel(4 + $kills, sub {
        my ($i) = @_;

        srand $seed + $i;

        return $i == 4 ? killer() : client($i, $kills);
    });

    my @asked = @did[0 .. 3];
    my %bound = map { %{$_->{bound}} } @asked;
    my %statuses;

    for my $part (@asked) {
        $statuses{$_} += $part->{statuses}{$_} for keys %{$part->{statuses}};
    }

    my $expected = $kills ? qr/^(?:20[01]|4(?:04|09|00)|50[34])$/
        : qr/^(?:20[01]|4(?:04|09|00))$/;

    is(join(' ', grep { $_ !~ $expected } sort keys %statuses), '',
        "$name: no other status") or diag(explain(\%statuses));
    cmp_ok($statuses{201}, '>', 50, "$name: enough has happened");
    cmp_ok($statuses{200}, '>', 50, "$name: enough has changed");

    for my $service (qw(users-v1 users-v2 orders nats-server)) {
        $s->await($service);
    }

    my @wrong;

    soon(sub { !(@wrong = out_of_step()) }, "$name: all are in step")
        or diag(join "\n", @wrong[0 .. ($#wrong < 9 ? $#wrong : 9)]);
    sleep 1.5;
    @wrong = out_of_step();
    is("@wrong", '', "$name: and stay so");

    my %now = map { $_->{orderId} => $_->{userId} // '' } all('/api/orders');
    my @moved = grep { $bound{$_} ne ($now{$_} // '') } sort keys %bound;

    is("@moved", '', "$name: a bound order keeps its user");
    cmp_ok(scalar keys %bound, '>', 10, "$name: " . keys(%bound)
        . ' orders were bound at once');
}


# What a client does; few users and few e-mails, so that they get in each
# other's way.

sub client {
    my ($i, $round) = @_;

    my $end = time + $seconds;
    my (%statuses, %bound);
    my $n = 0;

    my %acts = (
        make => sub { [ 'POST', '/api/users', { userId => some_user(),
            email => some_email(), deliveryAddress => 'n' . rand } ] },
        move => sub { [ 'PUT', '/api/users/' . some_user(),
            { email => some_email() } ] },
        change => sub { [ 'PATCH', '/api/users/' . some_user(),
            { deliveryAddress => 'c' . rand } ] },
        both => sub { [ 'PUT', '/api/users/' . some_user(),
            { email => some_email(), deliveryAddress => 'b' . rand } ] },
        delete => sub { [ 'DELETE', '/api/users/' . some_user() ] },
        order => sub { [ 'POST', '/api/orders', { productName => 'x',
            orderId => "$round-$i-" . ++$n, userId => some_user() } ] },
        bind => sub { [ 'POST', '/api/orders', { productName => 'x',
            orderId => "$round-$i-" . ++$n, email => some_email() } ] },
        ship => sub { [ 'PUT', "/api/orders/$round-$i-" . int(1 + rand $n),
            { status => 'Processing' } ] },
    );

    my @often = qw(make make move move change both order bind bind ship);

    while (time < $end) {
        my $act = rand() < 0.05 ? 'delete' : $often[rand @often];
        my ($method, $path, $data) = @{$acts{$act}->()};
        my $r = $s->request($method, $path,
            headers => [ 'X-Ficus-Arm' => rand() < 0.5 ? 'v1' : 'v2' ],
            $data ? (json => $data) : ());

        $statuses{$r->{status}}++;

        if ($r->{status} == 201 && $r->{json}{orderId} && $r->{json}{userId}) {
            $bound{$r->{json}{orderId}} = $r->{json}{userId};
        }
    }

    return { statuses => \%statuses, bound => \%bound };
}


sub some_user { return 'u' . int rand 8 }


# The same address in several spellings.

sub some_email {
    my $domain = 'storm.example';

    $domain = uc $domain if rand() < 0.3;

    return 'e' . int(rand 10) . '@' . $domain;
}


sub killer {
    my $end = time + $seconds - 1;

    while (time < $end) {
        my @names = qw(users-v1 users-v2 orders nats-server);

        sleep 0.3 + rand 0.5;
        eval { $s->kill($names[rand @names]) };
    }

    return 1;
}


sub all {
    my ($next) = @_;

    my @all;

    for ($next .= '?limit=1000'; $next; ) {
        my $r = $api->ask('GET', $next);

        return if $r->{status} != 200;

        push @all, @{$r->{json}};
        ($next) = ($r->{headers}{link} // '') =~ /^<([^>]*)>/;
    }

    return @all;
}


sub key {
    my ($email) = @_;

    return $email =~ s/@(.*)/'@' . lc $1/er;
}


# What is not as it must be in the end.

sub out_of_step {
    my @users = all('/api/users');
    my @orders = all('/api/orders');
    my %user = map { $_->{userId} => $_ } @users;
    my (%holder, @wrong);

    push @wrong, 'nothing there' if !@users || !@orders;

    for my $user (@users) {
        push @wrong, "$user->{email} twice" if $holder{key($user->{email})}++;
    }

    for my $order (@orders) {
        my $user = $user{$order->{userId} // ''};

        push @wrong, map { "$order->{orderId} of $user->{userId}: $_ is "
                . ($order->{$_} // 'absent') . ", not $user->{$_}" }
            grep { ($order->{$_} // '') ne $user->{$_} }
            qw(email deliveryAddress) if $user;
        push @wrong, "$order->{orderId}: $order->{email} has a holder"
            if !defined $order->{userId} && $holder{key($order->{email})};
    }

    return @wrong;
}
