#!/usr/bin/perl

# Copyright (C) Ficus authors

# Pages: order, limit, after, Link.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Test::More;

use Ficus::Contract qw(problem);

my $api = Ficus::Contract->start;

my @ids = qw(~ _ - A B Z a a-b a.b a0 a1 a10 a2 aa b z 0 00 1 10 9 B.1 ... .x);
my @sorted = sort { $a cmp $b } @ids;

my %lists = ('/api/users' => 'userId', '/api/orders' => 'orderId');

for my $id (@ids) {
    $api->user(userId => $id,
        email => 'p' . unpack('H*', $id) . '@example.com');
    $api->order(orderId => $id, email => 'same@example.com',
        productName => $id);
}


sub ids {
    my ($r, $path) = @_;

    return join ' ', map { $_->{$lists{$path}} } @{$r->{json}};
}

sub next_page {
    my ($r) = @_;

    my ($path) = ($r->{headers}{link} // '') =~ /^<([^>]*)>; rel="next"$/;

    return $path;
}

for my $path (sort keys %lists) {
    my $name = $path =~ s,.*/,,r;
    my $r = $api->ask('GET', $path);

    is(ids($r, $path), "@sorted", "$name: in byte order");
    is($r->{headers}{link}, undef, "$name: no Link when that was all");

    walk($path, $_) for 1, 2, 7, scalar @ids - 1;

    for my $limit (scalar @ids, scalar @ids + 1, 1000) {
        $r = $api->ask('GET', "$path?limit=$limit");
        is(ids($r, $path), "@sorted", "$name: limit $limit");
        is(next_page($r), undef, "$name: limit $limit: no next page");
    }

    for my $bad ('limit=0', 'limit=-1', 'limit=1001', 'limit=', 'limit=x',
                 'limit=1.5', 'limit=1e2', 'limit=+1', 'limit=%31%', 'limit= 1',
                 'limit=99999999999999999999', 'limit=1&limit=2',
                 'limit=2&limit=2', 'after=a&after=b', 'after=%ff', 'after=%zz')
    {
        my ($field) = $bad =~ /^(\w+)/;
        my $query = $bad =~ s/ /%20/r;
        problem($api->ask('GET', "$path?$query"), 400, 'invalid', $field,
            "$name: ?$bad");
    }

    problem($api->ask('GET', "$path?limit=0&after=a&after=b"), 400, 'invalid',
        'after limit', "$name: both are named");

    for my $good ('limit=1', 'limit=1000', 'limit=%31%30', 'x=1&x=2', 'LIMIT=0',
                  'foo', '', '&&', '=', 'limits=0', 'a=%zz')
    {
        is($api->ask('GET', "$path?$good")->{status}, 200, "$name: ?$good");
    }

    is(ids($api->ask('GET', "$path?after=zzz&limit=1000"), $path), '~',
        "$name: after an id that is not there");
    is(ids($api->ask('GET', "$path?after=~"), $path), '',
        "$name: after the last");
    is(ids($api->ask('GET', "$path?after=%61&limit=1"), $path), 'a-b',
        "$name: after an escaped id");
}


# Link keeps limit and filters, and nothing else.

my $r = $api->ask('GET', '/api/orders?status=Pending&x=1&limit=3'
    . '&email=same@EXAMPLE.com');
like(next_page($r), qr/[?&]limit=3(?:&|$)/, 'Link keeps the limit');
like(next_page($r), qr/[?&]status=Pending(?:&|$)/, 'and the status');
like(next_page($r), qr/[?&]email=same(?:@|%40)EXAMPLE\.com(?:&|$)/,
    'and the email');
unlike(next_page($r), qr/x=1/, 'but not what is unknown');

my $all = '';

for (my $path = '/api/orders?status=Pending&limit=3&email=same%40example.com';
     $path; $path = next_page($r))
{
    $r = $api->ask('GET', $path);
    $all .= ids($r, '/api/orders') . ' ';
}

is($all, join(' ', @sorted) . ' ', 'filtered pages make up the whole');

for my $id (@sorted[0 .. 2]) {
    $api->ask('PUT', "/api/orders/$id", json => { status => 'Cancelled' });
}

is(ids($api->ask('GET', '/api/orders?status=Cancelled'), '/api/orders'),
    join(' ', @sorted[0 .. 2]), 'a filter is applied before the limit');
is(next_page($api->ask('GET', '/api/orders?status=Cancelled&limit=3')), undef,
    'no next page when the rest does not fit the filter');


# More than the default.

$api->ask('POST', '/api/users/batch', json => [ map { { userId => "many$_",
    email => "many$_\@example.com", deliveryAddress => 'x' } } 1 .. 1000 ]);

$r = $api->ask('GET', '/api/users');
is(scalar @{$r->{json}}, 100, '100 by default');
like(next_page($r), qr/[?&]limit=100(?:&|$)/, 'which its Link says');
is(scalar @{$api->ask('GET', '/api/users?limit=1000')->{json}}, 1000,
    '1,000 at most');
walk_count('/api/users?limit=1000', 1000 + @ids);

# Users that come and go between the pages disturb nobody else.

$r = $api->ask('GET', '/api/users?limit=5');
$api->ask('DELETE', "/api/users/$r->{json}[4]{userId}");
is(ids($api->ask('GET', next_page($r)), '/api/users') =~ s/ .*//r, $sorted[5],
    'the last one seen may be gone');

# A page ends early when the documents are large; so that its own answer need
# not be decoded it is HEAD that asks here.

for my $i (1 .. 4) {
    my $body = qq({"userId":"large$i","email":"large$i\@example.com",)
        . '"deliveryAddress":"x","blob":"' . 'x' x 3_000_000 . '"}';
    my $c = Ficus::HTTP->connect($api->system->port);

    $c->send("POST /api/users HTTP/1.1\r\nHost: a\r\nX-Ficus-Arm: v1\r\n"
        . "Content-Type: application/json\r\nContent-Length: "
        . length($body) . "\r\n\r\n$body");
    like($c->_until("\r\n"), qr/ 201 /, "a large user, $i");
}

for my $case ([ 'large', 4, 'large2' ], [ 'large', 1, 'large1' ],
              [ 'large2', 2, 'large4' ])
{
    my ($after, $limit, $last) = @$case;

    $r = $api->ask('HEAD', "/api/users?limit=$limit&after=$after");
    like(next_page($r), qr/[?&]after=$last(?:&|$)/,
        "$limit large documents after $after: as far as $last");
}

$api->done;


sub walk {
    my ($path, $limit) = @_;

    my (@seen, @sizes);

    for (my $next = "$path?limit=$limit"; $next; ) {
        my $r = $api->ask('GET', $next);
        push @sizes, scalar @{$r->{json}};
        push @seen, map { $_->{$lists{$path}} } @{$r->{json}};
        $next = next_page($r);
        last if @sizes > 50;
    }

    is("@seen", "@sorted", "$path: all pages of $limit");
    is(scalar(grep { $_ != $limit } @sizes[0 .. $#sizes - 1]), 0,
        "$path: full pages of $limit");
    cmp_ok($sizes[-1], '>', 0, "$path: no empty last page of $limit");
}


sub walk_count {
    my ($next, $wanted) = @_;

    my $n = 0;

    while ($next) {
        my $r = $api->ask('GET', $next);
        $n += @{$r->{json}};
        $next = next_page($r);
    }

    is($n, $wanted, "$wanted users in all pages");
}
