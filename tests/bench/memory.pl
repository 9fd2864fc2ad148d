#!/usr/bin/perl

# Copyright (C) Ficus authors
#
# The memory of the workers: at rest, after 300,000 requests, when what
# remembers the last 8,192 events is full, and after 1,000,000 more, each time
# half a minute later.  Nine of ten requests read a user, one changes one, half
# of them in each arm.
# Usage: memory.pl [REQUESTS]

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Test::More;
use Time::HiRes qw(sleep);

use Ficus::Bench qw(table verdict wrk);
use Ficus::System;

my $requests = shift // 1_000_000;
my $warm_up = 300_000;
my $users = 10_000;
my @workers = qw(orders users-v1 users-v2);

# what is not used is closed at the second look, 10 s apart
my $rest = 25;

my $s = Ficus::System->new->start;

$s->p(50);
sleep 1;

my %first = rss();

for my $n (0 .. $users / 1000 - 1) {
    my $r = $s->request('POST', '/api/users/batch', json => [ map {
        { userId => "u$_", email => "u$_\@example.org",
            deliveryAddress => "Street $_" }
    } $n * 1000 .. $n * 1000 + 999 ]);

    die "batch: $r->{status} $r->{body}\n" if $r->{status} != 200;
}

for my $n (0 .. 99) {
    $s->request('POST', '/api/orders', json => { orderId => "o$n",
        productName => 'thing', userId => "u$n" });
}

my $script = <<"EOC";
local i, n = 0, 0
request = function()
    i = i + 1
    n = (n * 1103515245 + 12345) % 2147483648
    local path = "/api/users/u" .. (n % $users)
    if i % 10 ~= 0 then
        return wrk.format("GET", path)
    end
    return wrk.format("PUT", path, { ["Content-Type"] = "application/json" },
        '{"deliveryAddress":"Street ' .. i .. '"}')
end
EOC

load_of($warm_up);
my %warm = rss();
load_of($requests);
my %after = rss();

print "\nMemory, MiB\n\n";
table([ '', 'at rest', "after $warm_up", "after $requests more" ],
    map {
        [ $_, map { sprintf '%.1f', $_ } $first{$_}, $warm{$_}, $after{$_} ]
    } @workers);

for my $name (@workers) {
    verdict("memory of $name at rest, MiB", $first{$name}, '<=', 15);
    verdict("memory of $name, growth with $requests requests, MiB",
        $after{$name} - $warm{$name}, '<=', 0.5);
}

print "\n";
$s->done;


sub rss {
    return map {
        open my $status, '<', '/proc/' . $s->pid($_) . '/status'
            or die "$_ does not run\n";
        my ($kib) = join('', <$status>) =~ /^VmRSS:\s+(\d+)/m;

        $_ => $kib / 1024;
    } @workers;
}


sub load_of {
    my ($wanted) = @_;

    my $n = 0;

    while ($n < $wanted) {
        my $r = wrk('http://127.0.0.1:' . $s->port, dir => $s->run->dir,
            seconds => 5, script => $script);

        die "no request was answered\n" if !$r->{requests};
        $n += $r->{requests};
    }

    sleep $rest;
}
