#!/usr/bin/perl

# Copyright (C) Ficus authors

# Health, readiness and metrics of the gateway and the workers.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Test::More;

use Ficus::Contract qw(problem);

my $api = Ficus::Contract->start;

my $r = $api->admin('GET', '/workers/');
my @workers = @{$r->{json}};

is("@workers", join(' ', $api->system->workers), 'the workers');
ok($api->system->pid($_), "$_ runs") for @workers;

$r = $api->ask('GET', '/');
is($r->{status}, 200, 'landing');
like($r->{headers}{'content-type'}, qr,^text/plain\b,, 'which is a text');
like($r->{body}, qr/ficus/i, 'that says what this is');

$r = $api->ask('GET', '/healthz');
is($r->{status}, 200, 'the gateway is alive');
is($r->{json}{status}, 'ok', 'as it says');

$r = $api->ask('GET', '/readyz');
is($r->{status}, 200, 'the gateway is ready');
is($r->{json}{status}, 'ok', 'as it says');
ok(scalar keys %{$r->{json}{checks}}, 'and what it looked at');

for my $name (@workers) {
    $r = $api->admin('GET', "/workers/$name/healthz");
    is($r->{status}, 200, "$name is alive");
    is($r->{json}{status}, 'ok', "$name: as it says");

    $r = $api->admin('GET', "/workers/$name/readyz");
    is($r->{status}, 200, "$name is ready");
    is($r->{json}{status}, 'ok', "$name: as it says") or diag($r->{body});
}


# Metrics follow what happens.

sub metric {
    my ($worker, $regex) = @_;

    my $r = $api->admin('GET',
        $worker ? "/workers/$worker/metrics" : '/metrics');
    my $sum = 0;

    like($r->{headers}{'content-type'}, qr,^text/plain\b,, 'metrics are text');
    $sum += $_ for $r->{body} =~ /^$regex (\S+)$/gm;

    return $sum;
}

my $labels = qr/(?:[^{}]|\{\w+\})*/;
my $route = qr/ficus_requests_total\{
    (?=$labels route="\/api\/users\/\{userId\}")
    (?=$labels method="GET")(?=$labels status="404") $labels \}/x;
my $split = qr/ficus_split_requests_total\{(?=[^}]*arm="v1")[^}]*\}/;
my $before = metric('users-v1', $route);
my $split_before = metric(undef, $split);

$api->ask('GET', '/api/users/nobody', arm => 'v1') for 1 .. 3;
$api->ask('GET', '/api/users/nobody', arm => 'v2') for 1 .. 2;

is(metric('users-v1', $route) - $before, 3, 'requests by route and status');
is(metric(undef, $split) - $split_before, 3, 'requests by arm');

for my $name (@workers) {
    my $text = $api->admin('GET', "/workers/$name/metrics")->{body};

    for my $line (split /\n/, $text) {
        next if $line =~ /^# (?:HELP|TYPE) [a-zA-Z_:][a-zA-Z0-9_:]* \S/;
        next if $line =~ /^[a-zA-Z_:][a-zA-Z0-9_:]*
            (?:\{$labels\})?[ ]
            (?:[-+]?[0-9.]+(?:e[-+]?\d+)?|[+-]?Inf|NaN)$/x;
        fail("$name: a line of metrics: $line");
        last;
    }

    for my $metric ($name eq 'orders' ? qw(ficus_consumer_events_total
                        ficus_consumer_lag_seconds ficus_consumer_cursor) : (),
                    qw(ficus_requests_total ficus_request_seconds
                        ficus_outbox_pending ficus_outbox_published_total))
    {
        like($text, qr/^$metric/m, "$name: $metric");
    }
}

$api->user;
ok(published($_), "$_: nothing waits for ever") for @workers;


# Health is nothing of the public port's.

problem($api->ask('GET', "/workers/$_/metrics"), 404, 'not-found', '',
    "$_: no metrics in public") for @workers;

$api->done;


sub published {
    my ($name) = @_;

    return Ficus::Run::wait_for(10, sub {
        my $r = $api->admin('GET', "/workers/$name/metrics");
        return $r->{body} =~ /^ficus_outbox_pending 0$/m;
    });
}
