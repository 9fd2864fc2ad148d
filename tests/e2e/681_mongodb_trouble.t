#!/usr/bin/perl

# Copyright (C) Ficus authors

# A network that delays what goes to MongoDB and comes from it, or loses it:
# answers are the documented ones and in time, one line tells, and all goes on
# by itself.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib", "$FindBin::Bin/../chaos/lib";

use Test::More;

use Ficus::Contract qw(problem soon unique);

use Time::HiRes qw(sleep time);

use Chaos::Proxy;
use Ficus::Mongo;
use Ficus::Run qw(wait_for);
use Ficus::System;

my $system = Ficus::System->new;
my $run = $system->run;
my $m = Ficus::Mongo->new($run, 9);

plan(skip_all => 'not our server') if !$m->ours;

my $control = $run->dir . '/proxy';
my $port = $run->port(8);
my @workers = qw(users-v1 users-v2 orders);
my %read;

$run->spawn('proxy', ready => $port, code => sub {
    Chaos::Proxy::serve($port, $m->{port}, $control, 1);
});
$system->{env}{FICUS_STORE} = "mongodb://127.0.0.1:$port/ficus-e2e-$$";

my $api = Ficus::Contract->of($system->start);
my $user = $api->user;
my $order = $api->order(userId => $user->{userId});

in_step('as it is');
proxy('delay 1 0.1');
in_step('0.1 s later each way');
proxy('clear');

away('answers that come after 3 s', 'delay 1 3');
away('answers that do not come', 'freeze 1 both');
away('connections that are refused', 'refuse', 'cut 1');

$api->done;


sub proxy {
    my ($command) = @_;

    ok(Chaos::Proxy::tell($control, $command), "proxy: $command");
    sleep 0.1;
}


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

        ok(wait_for(20, sub {
            $api->ask('PUT', "/api/users/$user->{userId}", arm => $arm,
                json => { deliveryAddress => $address })->{status} == 200;
        }), "$when: $arm writes");
        ok(wait_for(20, sub {
            ($api->ask('GET', "/api/orders/$order->{orderId}")
                ->{json}{deliveryAddress} // '') eq $address;
        }), "$when: the order follows");
    }
}


# Whatever it is, a request has its answer in time, and a change that was
# refused with Retry-After was not made.

sub away {
    my ($what, @commands) = @_;

    my %etag;

    soon(sub { $system->worker($_, '/readyz')->{status} == 200 },
        "$what: $_ was well") for @workers;
    news($_) for @workers;
    proxy($_) for @commands;

    for my $arm ('v1', 'v2') {
        my $path = "/api/users/$user->{userId}";
        my $begin = time;
        my $r = $api->ask('PATCH', $path, arm => $arm,
            json => { deliveryAddress => "$what $arm" });

        like("$r->{status} $r->{json}{type}", qr/^50[34]\ urn:ficus:problem
            \/(?:busy|unknown-outcome)$/x, "$what: $arm, a change");
        $r = $api->ask('GET', $path, arm => $arm);
        like("$r->{status} $r->{json}{type}", qr/^50[34]\ urn:ficus:problem
            \/(?:busy|unknown-outcome)$/x, "$what: $arm, reading");
        cmp_ok(time - $begin, '<', 8, "$what: $arm, both in time");
    }

    is($system->worker($_, '/readyz')->{status}, 503, "$what: $_ is not ready")
        for @workers;
    is($system->worker($_, '/healthz')->{status}, 200, "$what: $_ lives")
        for @workers;
    sleep 2;

    proxy('clear');
    in_step("$what no more");
    soon(sub { $system->worker($_, '/readyz')->{status} == 200 },
        "$what no more: $_ is ready") for @workers;

    for my $name (@workers) {
        my $news = news($name);

        is(scalar(() = $news =~ /(?:warn|error)[^\n]*store mongodb/g), 1,
            "$what: $name has one line in its log") or diag($news);
    }
}
