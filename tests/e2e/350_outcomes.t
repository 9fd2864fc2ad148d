#!/usr/bin/perl

# Copyright (C) Ficus authors

# A service that is down, dies or sleeps: what the gateway says, and when.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Test::More;

use Ficus::Contract qw(problem unique soon);

use Fcntl qw(F_SETLK F_WRLCK SEEK_SET);
use Time::HiRes qw(time);

use Ficus::HTTP qw(parallel);
use Ficus::Run qw(wait_for);

my $api = Ficus::Contract->start(allow => [ qr/exited on signal/ ]);
my $s = $api->system;

my $user = $api->user;
my $order = $api->order(userId => $user->{userId});

# each service, a way to make it work hard, and how it is reached
my @services = (
    [ 'users-v1', 'v1', '/api/users', "/api/users/$user->{userId}" ],
    [ 'users-v2', 'v2', '/api/users', "/api/users/$user->{userId}" ],
    [ 'orders', undef, '/api/orders', "/api/orders/$order->{orderId}" ],
);

down(@$_) for @services;
late();
dies(@$_) for @services;
others_go_on();
busy();

$api->done;


sub new_one {
    my ($path) = @_;

    return $path =~ /users/ ? { userId => unique('w'), deliveryAddress => 'x',
        email => unique('w') . '@example.com' }
        : { productName => 'x', email => 'w@example.com' };
}


sub checks {
    my ($r, $status, $slug, $arm, $name) = @_;

    problem($r, $status, $slug, '', $name);
    is($r->{headers}{'retry-after'} // 'none',
        $slug eq 'unavailable' ? $r->{headers}{'retry-after'} // 'a number'
        : 'none', "$name: Retry-After");
    is($r->{headers}{'x-service-version'}, $arm, "$name: arm");
    unlike($r->{body}, qr,/sock|/run|/tmp|unix:|nginx|upstream,,
        "$name: tells nothing of the inside");
}


# No connection: 503, at once, whatever was asked; nothing has happened, so it
# can be tried again.

sub down {
    my ($name, $arm, $list, $one) = @_;

    $api->keep_down($name);

    for my $ask ([ 'GET', $one ], [ 'POST', $list, json => new_one($list) ],
                 [ 'PUT', $one, json => {} ], [ 'PATCH', $one, merge => {} ],
                 [ 'HEAD', $one ])
    {
        my $start = time;
        my $r = $api->ask(@$ask, arm => $arm);
        my $seconds = time - $start;

        if ($ask->[0] eq 'HEAD') {
            is($r->{status}, 503, "$name is down: HEAD");
        } else {
            checks($r, 503, 'unavailable', $arm, "$name is down: @$ask[0, 1]");
            like($r->{headers}{'retry-after'} // '', qr/^\d+$/,
                "$name is down: @$ask[0, 1]: a number of seconds");
        }

        cmp_ok($seconds, '<', 1.5, "$name is down: within the connect timeout");
    }

    is($api->admin('GET', "/workers/$name/$_")->{status}, 503,
        "$name is down: its $_") for qw(healthz readyz metrics);
    is($api->ask('GET', '/readyz')->{status}, 200,
        "$name is down: the gateway is ready");

    $api->let_up;
    is($api->ask('GET', $one, arm => $arm)->{status}, 200, "$name is back");
    is($api->ask('POST', $list, arm => $arm, json => new_one($list)
        )->{status}, 201, "$name is back: POST");

    # killed, it comes back by itself; meanwhile nobody hangs
    my $old = $s->kill($name);
    my ($worst, %statuses) = (0);

    wait_for(15, sub {
        my $start = time;
        my $r = $api->ask('GET', $one, arm => $arm);
        my $took = time - $start;
        $worst = $took if $took > $worst;
        $statuses{$r->{status}}++;
        return $r->{status} == 200;
    });

    is(join(' ', grep { !/^(?:200|503)$/ } keys %statuses), '',
        "$name was killed: 503 until it is back");
    cmp_ok($worst, '<', 2, "$name was killed: nobody hangs");
    isnt($s->await($name, $old), $old, "$name was killed: another one runs");
}


# A service that does not answer in time; all of these at once.

sub late {
    my @asks = (
        map({ my ($name, $arm, $list, $one) = @$_;
            [ $arm, 'GET', $one ], [ $arm, 'POST', $list ],
            [ $arm, 'PUT', $one ] } @services),
        [ 'v2', 'DELETE', '/api/users' ], [ 'v2', 'GET', '/api/users' ],
    );

    push @$_, $_->[1] =~ /^P/ ? (json => new_one($_->[2])) : () for @asks;
    $s->kill($_->[0], 'STOP') for @services;

    my @answers = parallel(scalar @asks, sub {
        my ($arm, $method, $path, @body) = @{$asks[$_[0]]};
        my $start = time;
        my $r = $s->request($method, $path,
            headers => [ $arm ? ('X-Ficus-Arm' => $arm) : () ], @body);

        $r->{seconds} = time - $start;
        return $r;
    });

    $s->kill($_->[0], 'CONT') for @services;

    for my $i (0 .. $#asks) {
        my ($arm, $method, $path) = @{$asks[$i]};

        $api->judge($answers[$i], $method, $path);
        checks($answers[$i], 504, 'unknown-outcome', $arm,
            "no answer: $method $path" . ($arm ? " of $arm" : ''));
        cmp_ok($answers[$i]{seconds}, '<', 5, "no answer: $method $path: time");
        cmp_ok($answers[$i]{seconds}, '>', 2, "no answer: $method $path: wait");
    }

    for my $service (@services) {
        soon(sub { $api->ask('GET', $service->[3], arm => $service->[1]
            )->{status} =~ /^(?:200|404)$/ }, "$service->[0] goes on");
    }

    $user = $api->ask('GET', "/api/users/$user->{userId}")->{json} // {};
    $api->ask('POST', '/api/users', json => { userId => 'back',
        email => 'back@example.com', deliveryAddress => 'x' });
}


# A service that dies when it has got the request.

sub dies {
    my ($name, $arm, $list, $one) = @_;

    for my $method (qw(POST GET)) {
        my $old = $s->pid($name);
        my $new = new_one($list);

        $s->kill($name, 'STOP');

        my ($r) = parallel(2, sub {
            my ($i) = @_;

            if ($i) {
                select undef, undef, undef, 0.5;
                kill 'KILL', $old;
                return 1;
            }

            return $s->request($method, $method eq 'POST' ? $list : $one,
                headers => [ $arm ? ('X-Ficus-Arm' => $arm) : () ],
                $method eq 'POST' ? (json => $new) : ());
        });

        $api->judge($r, $method, $method eq 'POST' ? $list : $one);
        checks($r, 503, 'unknown-outcome', $arm,
            "$name died with the request: $method");
        $s->await($name, $old);
    }

    is($api->ask('POST', $list, arm => $arm, json => new_one($list)
        )->{status}, 201, "$name is back: POST after its death");
}


# One arm's trouble is not the other's, nor that of orders.

sub others_go_on {
    $api->keep_down('users-v1');

    is($api->ask('GET', '/api/users/back', arm => 'v1')->{status}, 503,
        'v1 is down');
    is($api->ask('GET', '/api/users/back', arm => 'v2')->{status}, 200,
        'v2 serves');
    is($api->ask('GET', '/api/orders')->{status}, 200, 'orders serve');
    is($api->ask('GET', '/api/users')->{status}, 200, 'what v2 has goes on');
    is($s->p(0)->{status}, 200, 'P is turned');
    is($api->ask('GET', '/api/users/back')->{status}, 200,
        'and users are served again');
    $api->let_up;
}


# Somebody holds the lock for writing: 503 after a second, with Retry-After;
# reading goes on.

sub busy {
    for my $case ([ 'users', '/api/users', '/api/users/back', 'v1', 'v2' ],
                  [ 'orders', '/api/orders', $services[2][3], undef ])
    {
        my ($data, $list, $one, @arms) = @$case;
        my ($file) = glob $s->dir . "/data/$data.*lock";

        open my $fh, '+<', $file or die "$file: $!";

        # each byte that can be had, whatever it is for
        fcntl $fh, F_SETLK, pack 's s x4 q q i x4', F_WRLCK, SEEK_SET, $_, 1, 0
            for 0 .. 63;

        for my $arm (@arms) {
            my $name = $arm // $data;
            my $start = time;
            my $r = $api->ask('POST', $list, arm => $arm,
                json => new_one($list));

            problem($r, 503, 'busy', '', "$name: the store is locked");
            like($r->{headers}{'retry-after'} // '', qr/^\d+$/,
                "$name: locked: Retry-After");
            cmp_ok(time - $start, '<', 2.5, "$name: locked: after a second");
            is($api->ask('GET', $one, arm => $arm)->{status}, 200,
                "$name: locked: reading goes on");
        }

        close $fh;

        is($api->ask('POST', $list, arm => $_, json => new_one($list)
            )->{status}, 201, ($_ // $data) . ': not locked any more')
            for @arms;
    }
}
