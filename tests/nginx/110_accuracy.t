#!/usr/bin/perl

# Copyright (C) Ficus authors

# How near the share of requests comes to the weights.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Test::More;

use Ficus::HTTP qw(parallel);
use Ficus::Nginx;
use Ficus::Run;
use Ficus::Split;

my $t = Ficus::Run->new;
my $nginx = Ficus::Nginx->new($t, <<'EOC')->start;

%%GLOBALS%%
worker_processes 2;

http {
    %%HTTP%%
    %%ARMS%%

    upstream users {
        strangler zone=users:512k;
        strangler_key $arg_id;
        arm v1=users_v1 weight=60;
        arm v2=users_v2;
    }

    upstream three {
        strangler zone=users;
        strangler_key $arg_id;
        arm a=users_v1 weight=33.33;
        arm b=users_v1 weight=16.67;
        arm c=users_v1;
    }

    server {
        listen 127.0.0.1:%%PORT_0%% reuseport;
        add_header X-Pid $pid;
        location = /arm { return 200 $strangler_users_arm; }
        location = /three { return 200 $strangler_three_arm; }
        location / { proxy_pass http://users; }
    }

    %%ADMIN%%
}
EOC

my $port = $t->port(0);
my $split = Ficus::Split->new($t->port(1), 'users');


# Sends 10,000 requests over 20 connections, 50 at a time; returns how often
# each arm was chosen.

my %workers;

sub count {
    my ($uri) = @_;

    my @counts = parallel(4, sub {
        my ($i) = @_;
        my @c = map { Ficus::HTTP->connect($port) } 1 .. 5;
        my %count;

        for (my $n = $i * 2500; $n < ($i + 1) * 2500; $n += 50) {
            my $c = $c[$n / 50 % 5];

            $c->send(join '', map {
                'GET ' . $uri->($_) . " HTTP/1.1\r\nHost: x\r\n\r\n"
            } $n .. $n + 49);

            for (1 .. 50) {
                my $r = $c->receive;

                $count{$r->{body} || 'none'}++;
                $count{pids}{$r->{headers}{'x-pid'} // 0} = 1;
            }
        }

        return \%count;
    });

    my %sum;

    for my $count (@counts) {
        %workers = (%workers, %{delete $count->{pids}});
        $sum{$_} += $count->{$_} for keys %$count;
    }

    return \%sum;
}


sub near {
    my ($got, $expected, $distance, $name) = @_;

    cmp_ok(abs(($got // 0) - $expected), '<=', $distance,
        "$name: " . ($got // 0));
}


# with keys

for my $p (1, 37.5, 90) {
    $split->p($p);
    my $count = count(sub { "/arm?id=user-$_[0]" });

    near($count->{v1}, $p * 100, 200, "10,000 keys at $p");
    is(($count->{v1} // 0) + ($count->{v2} // 0), 10000, "all at $p");
}

$split->p(50);
near(count(sub { "/?id=user-$_[0]" })->{v1}, 5000, 200,
    '10,000 keys through proxy_pass');

for my $p (0, 100) {
    $split->p($p);
    is_deeply(count(sub { "/arm?id=user-$_[0]" }),
        { ($p ? 'v1' : 'v2') => 10000 }, "keys at $p");
    is_deeply(count(sub { '/arm' }),
        { ($p ? 'v1' : 'v2') => 10000 }, "keyless at $p");
}


# without, over both worker processes: 10,000 in a row are exact

for my $p (0.01, 1, 37.5, 50, 99.99) {
    $split->p($p);
    my $count = count(sub { '/arm' });

    is($count->{v1}, $p * 100, "10,000 keyless at $p");
    is($count->{v2}, 10000 - $p * 100, "the others at $p");
}

is(scalar keys %workers, 2, 'both worker processes took part');

my $three = count(sub { '/three' });

is($three->{a}, 3333, 'keyless, three arms, first');
is($three->{b}, 1667, 'keyless, three arms, second');
is($three->{c}, 5000, 'keyless, three arms, third');

$three = count(sub { "/three?id=$_[0]" });

near($three->{a}, 3333, 200, 'keys, three arms, first');
near($three->{b}, 1667, 200, 'keys, three arms, second');
near($three->{c}, 5000, 200, 'keys, three arms, third');

# The spread within them is even, too.

$split->p(50);

my $c = Ficus::HTTP->connect($port);
my @arms = map { $c->ask('GET', '/arm')->{body} } 1 .. 100;

near(scalar(grep { $_ eq 'v1' } @arms), 50, 1, '100 keyless at 50');
isnt("@arms[0 .. 9]", join(' ', ('v1') x 10), 'keyless are mixed');

$t->done;
