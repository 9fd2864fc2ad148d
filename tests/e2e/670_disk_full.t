#!/usr/bin/perl

# Copyright (C) Ficus authors

# No room for the databases, or no right to write them: 507, nothing is half
# done, reads go on, and it works again by itself.  A limit of the size of files
# stands for a disk that is full, since it needs no right to mount.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use List::Util qw(max);
use Test::More;

use Ficus::Contract qw(problem soon unique);
use Ficus::Run qw(wait_for);
use Ficus::System;

plan skip_all => 'prlimit was not found'
    if !grep { -x "$_/prlimit" } split /:/, $ENV{PATH};

my $api = Ficus::Contract->start;
my $s = $api->system;
my $dir = $s->dir;
my $big = 'x' x 500;


sub limit {
    my ($bytes, @names) = @_;

    for my $name (@names) {
        system('prlimit', '--pid', $s->pid($name), "--fsize=$bytes:") == 0
            or die 'prlimit';
    }
}


# What its files have now, and a little more.

sub little {
    my ($name) = @_;

    return 400_000 + max(map { -s // 0 } glob "$dir/data/$name.db*");
}


# Writes until there is no room; returns what was answered with success.

sub fill {
    my ($path, $fields) = @_;

    my (@done, $r);

    for my $n (1 .. 5000) {
        my %new = $fields->($n);

        $r = $api->ask('POST', $path, json => \%new, arm => $n % 2 ? 'v1'
            : 'v2');
        last if $r->{status} != 201;
        push @done, $r->{json};
    }

    return ($r, @done);
}


# What /readyz and the metrics of a service say of its store.

sub told {
    my ($name, $what) = @_;

    my $status = $what eq 'ok' ? 'ok' : 'degraded';

    soon(sub {
        my $ready = $s->worker($name, '/readyz');

        $ready->{status} == 200 && $ready->{json}{status} eq $status
            && $ready->{json}{checks}{store} eq $what;
    }, "$name: $status, $what");
    like($s->worker($name, '/metrics')->{body}, $what eq 'ok'
        ? qr/^ficus_store_writable 1$/m : qr/^ficus_store_writable 0$/m,
        "$name: and its metrics say so");
}


my $user = $api->user;
my $order = $api->order(userId => $user->{userId});
my @pids = map { $s->pid($_) } 'users-v1', 'users-v2', 'orders';


# The users' database.

limit(little('users'), 'users-v1', 'users-v2');

my ($r, @users) = fill('/api/users', sub {
    my $id = unique('full');
    return (userId => $id, email => "$id\@example.com",
        deliveryAddress => $big);
});

cmp_ok(scalar @users, '>', 10, 'some had room');
problem($r, 507, 'full', '', 'the next one had not');
is($r->{headers}{'retry-after'}, undef, 'nobody knows when there will be');

for my $arm ('v1', 'v2') {
    my $id = unique('none');

    problem($api->ask('POST', '/api/users', arm => $arm, json => {
        userId => $id, email => "$id\@example.com", deliveryAddress => $big }),
        507, 'full', '', "a new one at $arm");
    is($api->ask('GET', "/api/users/$id")->{status}, 404, 'is not there');
    problem($api->ask('PUT', "/api/users/$user->{userId}", arm => $arm,
        json => { deliveryAddress => $big }), 507, 'full', '',
        "a change at $arm");
}

$r = $api->ask('GET', "/api/users/$user->{userId}");
is($r->{json}{deliveryAddress}, $user->{deliveryAddress}, 'is not made');
is($r->{headers}{etag}, $user->{etag}, 'its version is what it was');
is(scalar(grep { $api->ask('GET', "/api/users/$_->{userId}")->{status} != 200 }
    @users), 0, 'all that were answered can be read');
told($_, 'its disk is full') for 'users-v1', 'users-v2';
like($s->run->log('users-v1.log'), qr/cannot be written: .*full|too large/i,
    'a line in the log');

limit('unlimited', 'users-v1', 'users-v2');
told($_, 'ok') for 'users-v1', 'users-v2';

my $room = unique('room');

soon(sub {
    $api->ask('PUT', "/api/users/$user->{userId}", json =>
        { deliveryAddress => $room })->{status} == 200;
}, 'with more room it is written again');
soon(sub {
    $api->ask('GET', "/api/orders/$order->{orderId}")->{json}{deliveryAddress}
        eq $room;
}, 'and orders follow');


# The orders' database, while users change.

limit(little('orders'), 'orders');

($r, my @orders) = fill('/api/orders', sub {
    return (productName => 'x' x 200, userId => $user->{userId});
});

cmp_ok(scalar @orders, '>', 10, 'some orders had room');
problem($r, 507, 'full', '', 'the next one had not');
$room = unique('room');
is($api->ask('PUT', "/api/users/$user->{userId}",
    json => { deliveryAddress => $room })->{status}, 200, 'users can change');
is($api->ask('GET', '/api/orders?limit=1000')->{status}, 200,
    'orders can be read');
told('orders', 'its disk is full');
limit('unlimited', 'orders');
told('orders', 'ok');
soon(sub {
    !grep { $_->{deliveryAddress} ne $room }
        @{$api->ask('GET', '/api/orders?limit=1000')->{json}};
}, 'with more room all follow');
is(scalar @{$api->ask('GET', '/api/orders?limit=1000')->{json}}, 1 + @orders,
    'none is lost, and none too many');
is(scalar @{$s->admin('GET', '/workers/orders/dlq')->{json}}, 0,
    'it was no event\'s fault');
is_deeply([ map { $s->pid($_) } 'users-v1', 'users-v2', 'orders' ], \@pids,
    'nobody died of it');


# A start, where there is no room for what it writes.

$s->stop;

my $program = Ficus::System->program('users-v1');
my $out = `FICUS_NATS_URL=nats://127.0.0.1:1 timeout 20 prlimit --fsize=10000 \\
    $program --store=sqlite:$dir/new.db --listen=$dir/test.sock 2>&1`;

is($? >> 8, 1, 'a new database that has no room: no start');
like($out, qr/new\.db/, 'names it');
is(join(' ', grep { !/\.lock$/ } glob "$dir/new.db*"), '', 'nothing is left');

$s->start;
is($api->ask('GET', "/api/users/$_->{userId}")->{status}, 200,
    'all is there after a restart') for $users[0], $users[-1];


# A directory that may not be written: root may, so somebody else tries.

SKIP: {
    my $nobody = getpwnam 'nobody';

    skip 'not root', 3 if $> || !$nobody;
    $s->stop;

    mkdir "$dir/closed" or die $!;
    chmod 0755, $dir, "$dir/closed";

    my $pid = open(my $pipe, '-|') // die $!;

    if (!$pid) {
        open STDERR, '>&', \*STDOUT;
        ($(, $)) = ($nobody, "$nobody $nobody");
        ($<, $>) = ($nobody, $nobody);
        $ENV{FICUS_NATS_URL} = 'nats://127.0.0.1:1';
        exec 'timeout', 20, $program, "--store=sqlite:$dir/closed/users.db",
            '--listen=127.0.0.1:' . $s->run->port(5);
        exit 127;
    }

    $out = do { local $/; <$pipe> } // '';
    close $pipe;

    is($? >> 8, 1, 'a directory that may not be written: no start');
    like($out, qr/closed.*Permission denied/, 'says so') or diag($out);
    is(join(' ', glob "$dir/closed/*"), '', 'nothing is left');

    $s->start;
}

$api->done;
