#!/usr/bin/perl

# Copyright (C) Ficus authors

# A disk that gets read-only, or slow: changes are answered as documented and in
# time, nothing is half done, reads go on, one line tells, and it works again by
# itself.  tests/lib/disk.c makes it so, for the services' databases.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use List::Util qw(max);
use Test::More;

use Ficus::Contract qw(problem soon unique);

use Time::HiRes qw(sleep time);

use Ficus::HTTP qw(parallel);
use Ficus::Run qw(root wait_for);
use Ficus::System;

plan(skip_all => 'a sanitizer wants to be loaded first') if $ENV{FICUS_SANITIZE};

my $system = Ficus::System->new(allow => [ qr/exited with code 1/ ]);
my $run = $system->run;
my @workers = qw(users-v1 users-v2 orders);
my $so = $run->shared_object(root() . '/tests/lib/disk.c')
    // plan(skip_all => 'no C compiler');

$system->{env}{LD_PRELOAD} = $so;
$system->{env}{DISK_TROUBLE} = disk('well');

my $api = Ficus::Contract->of($system->start);
my $user = $api->user;
my $order = $api->order(userId => $user->{userId});
my %read;                               # bytes of the logs that were read

in_step('as it is');
read_only();
starts_read_only();
slow();
stuck();

$api->done;


sub disk { return $run->write('disk', shift) }


# What the logs have since they were read.

sub news {
    my ($name) = @_;

    my $log = $run->log("$name.log");
    my $news = substr $log, $read{$name} // 0;

    $read{$name} = length $log;

    return $news;
}


sub in_step {
    my ($when) = @_;

    for my $arm ('v1', 'v2') {
        my $address = unique('to');

        soon(sub {
            $api->ask('PUT', "/api/users/$user->{userId}", arm => $arm,
                json => { deliveryAddress => $address })->{status} == 200;
        }, "$when: $arm writes");
        soon(sub {
            $api->ask('GET', "/api/orders/$order->{orderId}")
                ->{json}{deliveryAddress} eq $address;
        }, "$when: the order follows");
        $user->{deliveryAddress} = $address;
    }
}


# All that can be read, and how long the slowest took.

sub reads {
    my ($when) = @_;

    my $slowest = 0;

    for my $path ("/api/users/$user->{userId}", '/api/users', '/api/orders',
        "/api/orders/$order->{orderId}", "/api/orders?userId=$user->{userId}")
    {
        my $begin = time;

        is($api->ask('GET', $path)->{status}, 200, "$when: GET $path");
        $slowest = max($slowest, time - $begin);
    }

    cmp_ok($slowest, '<', 1, "$when: nobody who reads waits");
    is($system->worker($_, '/readyz')->{status}, 200, "$when: $_ is ready")
        for @workers;
}


# What /readyz and the metrics say of the stores.

sub told {
    my ($wrong, $when, @names) = @_;

    my $status = $wrong eq 'ok' ? 'ok' : 'degraded';
    my $writable = $wrong eq 'ok' ? 1 : 0;

    for my $name (@names ? @names : @workers) {
        soon(sub {
            my $ready = $system->worker($name, '/readyz');

            $ready->{status} == 200 && $ready->{json}{status} eq $status
                && $ready->{json}{checks}{store} eq $wrong;
        }, "$when: $name: /readyz says $status, $wrong");
        like($system->worker($name, '/metrics')->{body},
            qr/^ficus_store_writable\ $writable$/mx,
            "$when: $name: and its metrics say so");
    }
}


sub read_only {
    my $before = $api->ask('GET', "/api/users/$user->{userId}");

    sleep 2;                            # what was published is settled
    news($_) for @workers;
    disk('read-only');

    for my $arm ('v1', 'v2') {
        my $id = unique('none');

        problem($api->ask('POST', '/api/users', arm => $arm, json => {
            userId => $id, email => "$id\@example.com",
            deliveryAddress => 'x' }), 500, 'internal-error', '',
            "read-only: a new one at $arm");
        is($api->ask('GET', "/api/users/$id")->{status}, 404, 'is not there');
        problem($api->ask('PUT', "/api/users/$user->{userId}", arm => $arm,
            json => { deliveryAddress => $id }), 500, 'internal-error', '',
            "read-only: a change at $arm");
    }

    problem($api->ask('DELETE', "/api/users/$user->{userId}"), 500,
        'internal-error', '', 'read-only: a deletion');
    problem($api->ask('POST', '/api/users/batch', json => [ { userId => 'b',
        email => 'b@example.com', deliveryAddress => 'x' } ]), 500,
        'internal-error', '', 'read-only: many');
    problem($api->ask('POST', '/api/orders', json => { productName => 'fig',
        userId => $user->{userId} }), 500, 'internal-error', '',
        'read-only: an order');
    problem($api->ask('PUT', "/api/orders/$order->{orderId}",
        json => { status => 'Processing' }), 500, 'internal-error', '',
        'read-only: its status');

    my $r = $api->ask('GET', "/api/users/$user->{userId}");

    is_deeply($r->{json}, $before->{json}, 'read-only: nothing has changed');
    is($r->{headers}{etag}, $before->{headers}{etag}, 'nor its version');
    reads('read-only');

    told('cannot be written', 'read-only');

    for my $name (@workers) {
        my @lines = news($name) =~ /.*cannot be written.*/g;

        is(scalar @lines, 1, "read-only: $name has one line in its log");
        like($lines[0] // '', qr/error.*\.db.*Read-only file system/,
            "read-only: $name tells what and why");
    }

    disk('well');
    told('ok', 'not read-only any more, before anybody writes');
    in_step('not read-only any more');
    is($api->ask('PUT', "/api/orders/$order->{orderId}",
        json => { status => 'Processing' })->{status}, 200,
        'not read-only any more: orders write');
    is(scalar(() = news($_) =~ /can be written again/g), 1,
        "not read-only any more: $_ says it once") for @workers;
}


# A service that is started meanwhile can't; the other arm reads on.

sub starts_read_only {
    disk('read-only');

    my $old = $system->kill('users-v2');

    soon(sub { $run->log('users-v2.log') =~ /error.*\.db.*Read-only file sys/ },
        'a start on a read-only disk: says why it can\'t');
    is($api->ask('GET', "/api/users/$user->{userId}", arm => 'v2')->{status},
        503, 'its arm is away');
    is($api->ask('GET', "/api/users/$user->{userId}", arm => 'v1')->{status},
        200, 'the other one reads');

    disk('well');
    $system->await('users-v2', $old);
    in_step('it starts by itself');
    news($_) for @workers;
}


# A third of a second for each sync: all is done, since many share one.

sub slow {
    disk('slow 300');

    my @got = parallel(12, sub { [ write_some(shift, 3) ] });

    disk('well');
    is(join(' ', map { $_->{status} } map { @$_ } @got), join(' ', (201) x 36),
        'a slow disk: all is written');
    cmp_ok(max(map { $_->{took} } map { @$_ } @got), '<', 3,
        'a slow disk: in time');
    in_step('a slow disk');
}


# New users, one after another.

sub write_some {
    my ($i, $n) = @_;

    return map {
        my $id = sprintf 's%d-%d-%d', $$, $i, $_;
        my $begin = time;
        my $r = $api->ask('POST', '/api/users', arm => $i % 2 ? 'v1' : 'v2',
            json => { userId => $id, email => "$id\@example.com",
                deliveryAddress => 'x' });

        { id => $id, status => $r->{status}, took => time - $begin,
            type => $r->{json}{type}, retry => $r->{headers}{'retry-after'} };
    } 1 .. $n;
}


# Longer than anybody waits.

sub stuck {
    my (%seen, @wrong);

    news($_) for @workers;
    disk('slow 5000');

    my @got = parallel(12, sub {
        my ($i) = @_;

        return [ write_some($i, 2) ] if $i < 10;
        return read_on(4);
    });

    disk('well');
    my @reads = splice @got, 10;
    my @writes = map { @$_ } @got;

    is(join(' ', map { $_->{wrong} } @reads), '0 0',
        'a disk that hangs: reads go on');
    cmp_ok(max(map { $_->{slowest} } @reads), '<', 1, 'and do not wait');
    cmp_ok(max(map { $_->{took} } @writes), '<', 4.5,
        'a disk that hangs: no change hangs');
    ok((grep { $_->{said}{'its disk does not answer'} } @reads),
        'a disk that hangs: /readyz says so');
    ok((grep { $_->{said}{'another process has its write lock'} } @reads),
        'and that of the other arm who keeps it');
    told('ok', 'a disk that hung');

    for my $write (@writes) {
        my $what = "$write->{status} " . ($write->{type} // '') =~ s/.*\///r
            . (defined $write->{retry} ? ' again' : '');

        $seen{$what}++;
    }

    is(join(', ', grep { !/^(?:201\ |503\ busy\ again|504\ unknown-outcome)$/x }
        sort keys %seen), '', 'a disk that hangs: answered as documented')
        or diag(explain(\%seen));
    ok($seen{'503 busy again'}, 'what was not begun is refused');
    ok($seen{'504 unknown-outcome'}, 'what was begun is not known')
        or diag(explain(\%seen));

    in_step('a disk that hung');

    for my $write (@writes) {
        my $there = $api->ask('GET', "/api/users/$write->{id}")->{status};

        push @wrong, "$write->{id}: $write->{status}, then $there"
            if $write->{status} == 201 && $there != 200
                || $write->{status} == 503 && $there != 404
                || $there !~ /^(?:200|404)$/;
    }

    is(join("\n", @wrong), '', 'what was answered holds');

    for my $name ('users-v1', 'users-v2') {
        my @lines = news($name) =~ /.*writing takes more than.*/g;

        is(scalar @lines, 1, "$name has one line in its log")
            or diag(join "\n", @lines);
        like($lines[0] // '', qr/warn.*users\.db.*since
            \ (?:its\ disk\ is\ slow|another\ process\ has\ the\ write\ lock)/x,
            "$name says why");
    }
}


sub read_on {
    my ($seconds) = @_;

    my $end = time + $seconds;
    my %got = (wrong => 0, slowest => 0);

    while (time < $end) {
        my $begin = time;

        $got{wrong}++ if $api->ask('GET', "/api/users/$user->{userId}")
            ->{status} != 200;
        $got{slowest} = max($got{slowest}, time - $begin);
        $got{said}{$system->worker($_, '/readyz')->{json}{checks}{store}} = 1
            for 'users-v1', 'users-v2';
        sleep 0.02;
    }

    return \%got;
}
