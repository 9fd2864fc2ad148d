#!/usr/bin/perl

# Copyright (C) Ficus authors
#
# The whole system as `make run` starts it: reading and writing users through
# nginx, FastCGI and the store.  Usage: system.pl [ROUNDS [SECONDS]]

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Test::More;
use Time::HiRes qw(time);

use Ficus::Bench qw(median rounds table verdict wrk);
use Ficus::System;

my $rounds = shift // 7;
my $seconds = shift // 2;
my $users = 10_000;

my $started = time;
my $s = Ficus::System->new->start;
my $start = time - $started;

my $gateway = 'http://127.0.0.1:' . $s->port;
my $dir = $s->run->dir;

for my $n (0 .. $users / 1000 - 1) {
    my @batch = map {
        { userId => "u$_", email => "u$_\@example.org",
            deliveryAddress => "Street $_" }
    } $n * 1000 .. $n * 1000 + 999;

    my $r = $s->request('POST', '/api/users/batch', json => \@batch);

    die "batch: $r->{status} $r->{body}\n" if $r->{status} != 200;
}

my $get = <<"EOC";
local n = 0
request = function()
    n = (n * 1103515245 + 12345) % 2147483648
    return wrk.format("GET", "/api/users/u" .. (n % $users))
end
EOC

# ids that no other run, thread or request has
my $run = 0;

sub post {
    my ($connections) = @_;

    $run++;

    my $script = <<"EOC";
local threads = 0
setup = function(thread)
    thread:set("id", threads)
    threads = threads + 1
end
local n = 0
request = function()
    n = n + 1
    local key = "p$run-" .. id .. "-" .. n
    return wrk.format("POST", "/api/users",
        { ["Content-Type"] = "application/json" },
        '{"userId":"' .. key .. '","email":"' .. key
        .. '\@example.org","deliveryAddress":"Street 1"}')
end
EOC

    return wrk("$gateway/", dir => $dir, seconds => $seconds,
        connections => $connections, script => $script);
}

sub read_users {
    return wrk("$gateway/", dir => $dir, seconds => $seconds, script => $get);
}

my %r = rounds($rounds,
    'nginx return 200' => sub {
        return wrk("$gateway/", dir => $dir, seconds => $seconds);
    },
    'GET of a user' => \&read_users,
    'POST of a user, 1 connection' => sub { return post(1) },
    'POST of a user, 64 connections' => sub { return post(64) },
);

print "\nUsers: medians of $rounds rounds of $seconds s, 64 connections\n\n";

table([ '', 'req/s', 'p50 ms', 'p99 ms', 'errors' ],
    map {
        [ $_, sprintf('%.0f', $r{$_}{rps}), sprintf('%.2f', $r{$_}{p50}),
            sprintf('%.2f', $r{$_}{p99}), $r{$_}{errors} ]
    } 'nginx return 200', 'GET of a user', 'POST of a user, 1 connection',
        'POST of a user, 64 connections');


sub ratio {
    my ($one, $other) = @_;

    my ($x, $y) = map { $r{$_}{all} } $one, $other;

    return median(map { $x->[$_]{rps} / $y->[$_]{rps} } 0 .. $#$x);
}

verdict('GET of a user / return 200', ratio('GET of a user',
    'nginx return 200'), '>=', 0.35);
verdict('POST of a user, 64 connections / 1',
    ratio('POST of a user, 64 connections', 'POST of a user, 1 connection'),
    '>=', 3);
verdict('start of the whole system, s', $start, '<=', 2);
print "\n";

$s->done;
