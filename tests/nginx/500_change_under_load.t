#!/usr/bin/perl

# Copyright (C) Ficus authors

# Weights change while 64 connections run: no error, and no request that
# began after the 200 goes to the wrong side.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Test::More;
use Time::HiRes qw(clock_gettime sleep CLOCK_MONOTONIC);

use Ficus::HTTP qw(parallel);
use Ficus::Nginx;
use Ficus::Run;
use Ficus::Split;

my $t = Ficus::Run->new;
my $nginx = Ficus::Nginx->new($t, <<'EOC');

%%GLOBALS%%
worker_processes 2;

http {
    %%HTTP%%
    %%ARMS%%

    upstream users {
        strangler zone=users:512k state=%%DIR%%/state;
        strangler_key $arg_id;
        arm v1=users_v1 weight=100;
        arm v2=users_v2;
    }

    server {
        listen 127.0.0.1:%%PORT_0%% reuseport;
        location / { proxy_pass http://users; }
    }

    %%ADMIN%%
}
EOC

mkdir $t->dir . '/state';
$nginx->start;

my $users = Ficus::Split->new($t->port(1), 'users');
my $port = $t->port(0);
my $seconds = 4;

sub now { return clock_gettime(CLOCK_MONOTONIC) }


# Process 0 changes the weights; each other has 8 connections in use at once.

my ($changes, @clients) = parallel(9, sub {
    my ($i) = @_;
    my $end = now() + $seconds;

    return $i == 0 ? change($end) : ask($end, $i);
});


sub change {
    my ($end) = @_;

    my @changes;
    my $p = 100;

    while (now() < $end) {
        sleep 0.05;
        $p = 100 - $p;
        my $begin = now();
        my $r = $users->p($p);

        push @changes, [ $begin, now(), $p, $r->{status} ];
    }

    return \@changes;
}


sub ask {
    my ($end, $i) = @_;

    my @connections = map { Ficus::HTTP->connect($port) } 1 .. 8;
    my @asked;
    my $n = 0;

    while (now() < $end) {
        my @begin;

        for my $c (@connections) {
            push @begin, now();
            # keyed and keyless ones
            $c->send('GET /' . ($n++ % 2 ? "?id=$i-$n" : '')
                . " HTTP/1.1\r\nHost: localhost\r\n\r\n");
        }

        for my $c (@connections) {
            my $r = $c->receive;
            push @asked, [ shift @begin, now(), $r->{status}, $r->{body} ];
        }
    }

    return \@asked;
}


my @asked = map { @$_ } @clients;
my @bad = grep { $_->[2] != 200 } @asked;

cmp_ok(scalar @asked, '>', 1000, 'requests: ' . @asked);
cmp_ok(scalar @$changes, '>', 10, 'changes: ' . @$changes);
is(scalar @bad, 0, 'no error');
is(scalar(grep { $_->[3] != 200 } @$changes), 0, 'all changes were made');


# Between the answer to one change and the start of the next, requests that
# begin and end there belong to one side.

my ($wrong, $right) = (0, 0);

@asked = sort { $a->[0] <=> $b->[0] } @asked;

for my $k (0 .. $#$changes) {
    my (undef, $from, $p) = @{$changes->[$k]};
    my $until = $changes->[$k + 1] ? $changes->[$k + 1][0] : 9e99;
    my $side = $p ? 'v1' : 'v2';

    for my $request (@asked) {
        my ($begin, $end, undef, $arm) = @$request;

        last if $begin > $until;
        next if $begin < $from || $end > $until;
        $arm eq $side ? $right++ : $wrong++;
    }
}

is($wrong, 0, 'no request went to the wrong side');
cmp_ok($right, '>', 500, "requests that could have: $right");

$t->done;
