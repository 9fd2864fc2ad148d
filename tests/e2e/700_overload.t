#!/usr/bin/perl

# Copyright (C) Ficus authors

# Ten times as many requests as orders can answer: nobody answers its questions
# about users, so each new order takes it a second, and it can take 64 a second.
# What it takes it answers in time, the others are told at once to come again,
# and all is well when the cause is gone.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Test::More;

use Ficus::Contract qw(encode);

use IO::Select;
use List::Util qw(max);
use Time::HiRes qw(sleep time);

use Ficus::HTTP qw(parallel);

my $capacity = 64;
my $clients = 250;          # of each of 4 processes, who do as Retry-After says
my $seconds = 6;

# nginx has no more connections to a worker than max_conns
my $api = Ficus::Contract->start(allow => [ qr/no live upstreams/ ]);
my $s = $api->system;
my $order = $api->order(email => 'known@example.com');

$s->kill($_, 'STOP') for qw(users-v1 users-v2);

my @results = parallel(5, sub {
    my ($i) = @_;

    return $i == 4 ? vital(time + $seconds) : clients(time + $seconds);
});

my $vital = pop @results;
my @all = map { @$_ } @results;
my @taken = grep { $_->{status} == 201 } @all;
my @shed = grep { $_->{status} == 503 } @all;

note sprintf '%d taken in %.2f s at most, %d shed in %.2f s at most',
    scalar @taken, max(map { $_->{took} } @taken), scalar @shed,
    max(map { $_->{took} } @shed);

is(join(' ', grep { !/^(?:201|503)$/ } map { $_->{status} } @all), '',
    'each was answered 201 or 503');
cmp_ok(scalar @taken, '>', 3 * $capacity, 'many were taken: ' . @taken);
cmp_ok(scalar @shed, '>', 5 * @taken, 'far more could not be: ' . @shed);

# a second is the handler's; after 3 s the gateway would have said 504
cmp_ok(max(map { $_->{took} } @taken), '<', 2.5, 'those were answered soon');
cmp_ok(max(map { $_->{took} } @shed), '<', 2.5, 'the others, too');

is(scalar(grep { ($_->{retry} // '') !~ /^\d+$/ } @shed), 0,
    'who was shed is told when to come again');
is(join(' ', grep { !m,problem/(?:busy|unavailable)$, }
    map { $_->{type} } @shed), '', 'and that nothing was done');

cmp_ok(scalar @{$vital->{$_}}, '>', 3, "$_ was asked") for sort keys %$vital;
is(join(' ', grep { $_ != 200 } @{$vital->{$_}}), '',
    "$_ was answered, all the time") for sort keys %$vital;

my ($counted) = $s->worker('orders', '/metrics')->{body}
    =~ /^ficus_requests_refused_total\{why="overload"\} (\d+)$/m;

is($counted, scalar(grep { $_->{type} =~ /busy$/ } @shed),
    'the metrics have those that were shed');
like($s->run->log('orders.log'),
    qr/overloaded: requests waited longer than 250 ms/, 'the log says so');

$s->kill($_, 'CONT') for qw(users-v1 users-v2);

is($api->ask('GET', "/api/orders/$order->{orderId}")->{status}, 200,
    'afterwards: read') for 1 .. 20;
is($api->ask('POST', '/api/orders', json => { productName => 'x',
    email => "after$_\@example.com" })->{status}, 201, 'afterwards: taken')
    for 1 .. 20;

$api->done;


# Each client waits for its answer, and a second when it was shed.

sub clients {
    my ($end) = @_;

    my $body = encode({ productName => 'x', email => 'new@example.com' });
    my $bytes = "POST /api/orders HTTP/1.1\r\nHost: a\r\nContent-Type: "
        . "application/json\r\nContent-Length: " . length($body)
        . "\r\n\r\n$body";

    my $select = IO::Select->new;
    my (%client, @done);

    for (1 .. $clients) {
        my $c = Ficus::HTTP->connect($s->port);

        $client{$c->{socket}} = { c => $c, next => time + rand 1 };
    }

    while (time < $end || $select->count) {

        for my $client (time < $end ? values %client : ()) {
            next if $client->{asked} || time < $client->{next};

            $client->{asked} = time;
            $client->{c}->send($bytes);
            $select->add($client->{c}{socket});
        }

        for my $socket ($select->can_read(0.02)) {
            my $client = $client{$socket};
            my $r = $client->{c}->receive;
            my $retry = $r->{headers}{'retry-after'};

            $select->remove($socket);
            push @done, { status => $r->{status}, retry => $retry,
                type => ($r->{json} // {})->{type} // '',
                took => time - delete $client->{asked} };
            $client->{next} = time + ($retry // 0);
        }
    }

    return \@done;
}


# What has to be answered nevertheless.

sub vital {
    my ($end) = @_;

    my %seen;

    while (time < $end) {
        push @{$seen{$_}}, $s->worker('orders', $_)->{status}
            for qw(/healthz /readyz /metrics);
        push @{$seen{'the gateway'}}, $s->get('/readyz')->{status};
        sleep 0.1;
    }

    return \%seen;
}
