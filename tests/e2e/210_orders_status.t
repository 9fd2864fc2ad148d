#!/usr/bin/perl

# Copyright (C) Ficus authors

# The status of an order: every step, legal or not.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Test::More;

use Ficus::Contract qw(problem);

my $api = Ficus::Contract->start;

my @statuses = qw(Pending Processing Shipping Delivered Cancelled);

my %way = (
    Pending => [],
    Processing => [ 'Processing' ],
    Shipping => [ 'Processing', 'Shipping' ],
    Delivered => [ 'Processing', 'Shipping', 'Delivered' ],
    Cancelled => [ 'Cancelled' ],
);

my %legal = map { $_ => 1 } (
    'Pending Processing', 'Pending Cancelled',
    'Processing Shipping', 'Processing Cancelled',
    'Shipping Delivered',
    map { "$_ $_" } @statuses,
);

my $user = $api->user;


sub order_in {
    my ($status, %fields) = @_;

    my $order = $api->order(%fields);
    my $path = "/api/orders/$order->{orderId}";

    for my $step (@{$way{$status}}) {
        my $r = $api->ask('PUT', $path, json => { status => $step });
        is($r->{status}, 200, "on the way to $status: $step")
            or diag($r->{body});
    }

    return $path;
}


for my $method (qw(PUT PATCH)) {
    for my $from (@statuses) {
        for my $to (@statuses) {
            my %fields = $method eq 'PUT' ? (email => 's@example.com')
                : (userId => $user->{userId});
            my $path = order_in($from, %fields);
            my $before = $api->ask('GET', $path);
            my $r = $api->ask($method, $path, json => { status => $to });
            my $after = $api->ask('GET', $path);
            my $name = "$method $from -> $to";

            if ($legal{"$from $to"}) {
                is($r->{status}, 200, $name);
                is($after->{json}{status}, $to, "$name: done");
            } else {
                problem($r, 409, 'conflict', 'status', $name);
                is($after->{json}{status}, $from, "$name: not done");
            }

            if ($from eq $to) {
                is($r->{headers}{etag}, $before->{headers}{etag},
                    "$name: the same version") if $method eq 'PUT';
            }
        }
    }
}


# A step that is refused takes all else of the request with it.

my $path = order_in('Delivered', email => 't@example.com');
my $before = $api->ask('GET', $path)->{json};
problem($api->ask('PUT', $path, json => { status => 'Pending', quantity => 7 }),
    409, 'conflict', 'status', 'an illegal step among good fields');
is_deeply($api->ask('GET', $path)->{json}, $before, 'changes nothing');
problem($api->ask('PUT', $path, json => { status => 'Pending', quantity => 0 }),
    400, 'invalid', 'quantity', 'a bad field goes before an illegal step');
is($api->ask('PUT', $path, json => { status => 'Delivered', quantity => 7 }
    )->{json}{quantity}, 7, 'set to itself among other fields');

$api->done;
