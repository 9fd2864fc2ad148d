#!/usr/bin/perl

# Copyright (C) Ficus authors

# What a burst of events took of a worker's memory goes back to the system.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Test::More;

use Ficus::Run qw(wait_for);
use Ficus::System;

plan skip_all => 'sanitizers keep what is freed' if $ENV{FICUS_SANITIZE};

my $users = 20_000;
my $s = Ficus::System->new->start;


sub anonymous {
    open my $file, '<', '/proc/' . $s->pid('orders') . '/status' or die $!;

    return (map { /^RssAnon:\s+(\d+)/ ? $1 : () } <$file>)[0];
}


my $before = anonymous();

for my $n (0 .. $users / 1000 - 1) {
    my $r = $s->request('POST', '/api/users/batch', json => [ map {
        { userId => "u$_", email => "u$_\@example.com",
            deliveryAddress => "Street $_" }
    } $n * 1000 .. $n * 1000 + 999 ]);

    $r->{status} == 200 or die "batch: $r->{status}";
}

ok(wait_for(60, sub {
    my $text = $s->worker('orders', '/metrics')->{body};
    my $n = 0;

    # a compare may bring some in before their events do
    $n += $1 while $text
        =~ /^ficus_consumer_events_total\{result="(?:applied|stale)"\} (\d+)/mg;

    return $n >= $users;
}), 'orders knows all users');

my $after;

ok(wait_for(40, sub { ($after = anonymous()) < $before + 8192 }),
    'and gives back the memory for it')
    or diag("$before KiB before, $after KiB afterwards");

$s->done;
