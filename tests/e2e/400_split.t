#!/usr/bin/perl

# Copyright (C) Ficus authors

# The split over HTTP: accuracy, keys, explain, the way from 100 to 0.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Test::More;

use Ficus::Contract qw(problem);

use Ficus::HTTP qw(parallel);
use Ficus::Split;

my $api = Ficus::Contract->start;
my $s = $api->system;
my $split = Ficus::Split->new($s->admin_port, 'users');


# The arm that answered; many on one connection.

sub arm {
    my ($c, $path, @headers) = @_;

    return $c->ask('GET', $path, headers => \@headers)
        ->{headers}{'x-service-version'} // 'none';
}

# How many of n requests, spread over four connections, went to each arm.

sub spread {
    my ($n, $code) = @_;

    my %sum;

    for my $part (parallel(4, sub {
        my ($i) = @_;
        my $c = Ficus::HTTP->connect($s->port);
        my %arms;

        $arms{$code->($c, $_)}++ for $i * $n / 4 .. ($i + 1) * $n / 4 - 1;
        return \%arms;
    })) {
        $sum{$_} += $part->{$_} for keys %$part;
    }

    return \%sum;
}

sub keyed { return spread($_[0], sub { arm($_[0], "/api/users/key$_[1]") }) }

sub keyless {
    return spread($_[0], sub {
        $_[0]->ask('POST', '/api/users', json => {})
            ->{headers}{'x-service-version'} // 'none';
    });
}


# Shares.

for my $p (37.5) {
    $s->p($p);
    my $arms = keyed(10000);
    cmp_ok(abs($arms->{v1} / 100 - $p), '<=', 2, "10,000 keys at P = $p")
        or diag(explain($arms));
    is($arms->{v1} + $arms->{v2}, 10000, 'all of them answered');

    $arms = keyless(10000);
    cmp_ok(abs($arms->{v1} - $p * 100), '<=', 1,
        "10,000 requests without a key at P = $p") or diag(explain($arms));
    is($arms->{v1} + $arms->{v2}, 10000, 'all of them answered');
}

for my $p (0, 100) {
    $s->p($p);

    my %all = ($p ? 'v1' : 'v2', 2000);

    is_deeply(keyed(2000), \%all, "keys at P = $p");
    is_deeply(keyless(2000), \%all, "no keys at P = $p");
}


# Which key it is: cookie, header, path.

$s->p(50);

my ($one) = grep { $split->explain($_)->{arm} eq 'v1' } 'a' .. 'z';
my ($two) = grep { $split->explain($_)->{arm} eq 'v2' } 'a' .. 'z';
my $c = Ficus::HTTP->connect($s->port);

is(arm($c, "/api/users/$one"), 'v1', 'the userId of the path');
is(arm($c, "/api/users/$two"), 'v2', 'another');
is(arm($c, "/api/users/$two", 'X-User-Id' => $one), 'v1',
    'a header goes before it');
is(arm($c, "/api/users/$one", 'X-User-Id' => $two), 'v2', 'another');
is(arm($c, "/api/users/$two", 'X-User-Id' => $two, Cookie => "uid=$one"), 'v1',
    'a cookie goes before both');
is(arm($c, "/api/users/$one", 'X-User-Id' => $one,
    Cookie => "x=y; uid=$two; z=1"), 'v2', 'another');
is(arm($c, "/api/users/$one", 'X-User-Id' => '', Cookie => 'uid='), 'v1',
    'empty ones do not count');

is(arm($c, sprintf '/api/users/%%%02x', ord $two), 'v2',
    'an escaped userId is the same');

for my $key ($one, $two) {
    my $arm = $split->explain($key)->{arm};
    my %seen;

    $seen{$c->ask('POST', '/api/users', headers => [ 'X-User-Id' => $key ],
        json => {})->{headers}{'x-service-version'}}++ for 1 .. 20;
    is_deeply(\%seen, { $arm => 20 }, "POST with a key stays on $arm");
}

for my $key (map { "user-$_" } 1 .. 200) {
    my $says = $split->explain($key);
    my $is = arm($c, "/api/users/$key");

    is($is, $says->{arm}, "$key goes where explain says")
        if $is ne $says->{arm};
    is($says->{arm}, $says->{changes_at} <= 50 ? 'v1' : 'v2',
        "$key: changes_at") if ($says->{changes_at} <= 50) != ($is eq 'v1');
}

pass('200 keys go where explain says');


# Users are made and changed by the arm that P chooses, whatever they have.

for my $p (100, 0) {
    $s->p($p);

    my $wanted = $p ? 'v1' : 'v2';
    my $id = "by-p-$p";

    my @answers = (
        $api->ask('POST', '/api/users', json => { userId => $id,
            email => "$id\@example.com", deliveryAddress => 'x' }),
        $api->ask('GET', "/api/users/$id"),
        $api->ask('PUT', "/api/users/$id", json => { deliveryAddress => 'y' }),
        $api->ask('PATCH', "/api/users/$id", merge => { email =>
            "$id\@example.org" }),
    );

    is(join(' ', map { "$_->{status} $_->{headers}{'x-service-version'}" }
            @answers), join(' ', map { "$_ $wanted" } 201, 200, 200, 200),
        "P = $p: all by $wanted");
}


# From 100 to 0 in 50 steps: a key moves once.

my @keys = map { "walk$_" } 1 .. 200;
my %changes = map { $_ => $split->explain($_)->{changes_at} } @keys;
my (%moved, @back, @wrong);

for my $step (0 .. 50) {
    my $p = 100 - 2 * $step;

    is($s->p($p)->{status}, 200, "P = $p");
    $c = Ficus::HTTP->connect($s->port);

    for my $key (@keys) {
        my $arm = arm($c, "/api/users/$key");

        push @back, "$key at $p" if $arm eq 'v1' && $moved{$key};
        push @wrong, "$key at $p" if ($arm eq 'v1') != ($p >= $changes{$key});
        $moved{$key} = 1 if $arm eq 'v2';
    }
}

is("@back", '', 'no key returned to v1');
is("@wrong", '', 'each moved at the P that explain had told');
is(scalar keys %moved, 200, 'all have moved');


# The share that metrics and state tell is what was seen.

my $before = $split->state;
$s->p(25);
my $arms = keyed(1000);
my $after = $split->state;

for my $i (0, 1) {
    my $name = $after->{arms}[$i]{name};
    is($after->{arms}[$i]{requests} - $before->{arms}[$i]{requests},
        $arms->{$name}, "$name: requests of the state");
}

$api->done;
