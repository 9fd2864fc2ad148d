#!/usr/bin/perl

# Copyright (C) Ficus authors

# Request bodies: JSON to the letter, media types, sizes, nulls.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Test::More;

use Ficus::Contract qw(problem unique decode);

use Ficus::HTTP;

my $api = Ficus::Contract->start;

my $user = $api->user;
my $order = $api->order(email => 'r@example.com');

my @places = (
    [ 'POST', '/api/users', 'v1' ],
    [ 'POST', '/api/users', 'v2' ],
    [ 'PUT', "/api/users/$user->{userId}", 'v1' ],
    [ 'PATCH', "/api/users/$user->{userId}", 'v2' ],
    [ 'POST', '/api/users/batch', 'v2' ],
    [ 'POST', '/api/orders' ],
    [ 'PUT', "/api/orders/$order->{orderId}" ],
    [ 'PATCH', "/api/orders/$order->{orderId}" ],
);


# Each of these is no JSON, and where it is not.

my $deep = '{"a":' . '[' x 32 . ']' x 32 . '}';

my @bad = (
    [ '', '1, column 1', 'empty' ],
    [ "\n\n ", '3, column 2', 'blank' ],
    [ '{', '1, column 2', 'open' ],
    [ '{"a": 1', '1, column 8', 'cut short' ],
    [ '{"a": 1}}', '1, column 9', 'one brace too many' ],
    [ "{\"a\": 1}\n{\"a\": 1}", '2, column 1', 'two texts' ],
    [ '{"a": 1,}', '1, column 9', 'comma at the end' ],
    [ '{"a" 1}', '1, column 6', 'no colon' ],
    [ '{a: 1}', '1, column 2', 'name without quotes' ],
    [ "{'a': 1}", '1, column 2', 'single quotes' ],
    [ "{\"a\": 'b'}", '1, column 7', 'single quotes round a value' ],
    [ '{"a": NaN}', '1, column 7', 'NaN' ],
    [ '{"a": Infinity}', '1, column 7', 'Infinity' ],
    [ '{"a": -Infinity}', '1, column \d', '-Infinity' ],
    [ '{"a": True}', '1, column 7', 'True' ],
    [ '{"a": tru}', '1, column \d+', 'tru' ],
    [ '{"a": nul}', '1, column \d+', 'nul' ],
    [ '{"a": 01}', '1, column \d', 'leading zero' ],
    [ '{"a": +1}', '1, column 7', 'plus' ],
    [ '{"a": 1.}', '1, column \d', 'no digit behind the point' ],
    [ '{"a": .5}', '1, column 7', 'no digit before the point' ],
    [ '{"a": 1e}', '1, column \d', 'no exponent' ],
    [ '{"a": 0x1}', '1, column \d', 'hexadecimal' ],
    [ '{"a": "b}', '1, column \d+', 'open string' ],
    [ '{"a": "\\x"}', '1, column \d', 'unknown escape' ],
    [ '{"a": "\\u12g4"}', '1, column \d+', 'bad escape' ],
    [ '{"a": "\\ud800"}', '1, column \d+', 'lone surrogate, escaped' ],
    [ "{\"a\": \"\n\"}", '1, column 8', 'raw line feed' ],
    [ "{\"a\": \"\t\"}", '1, column 8', 'raw tab' ],
    [ "{\"a\": \"\x01\"}", '1, column 8', 'raw control character' ],
    [ "{\"a\": \"\x00\"}", '1, column 8', 'raw NUL' ],
    [ "{\"a\": 1}\x00", '1, column 9', 'NUL at the end' ],
    [ "\x00", '1, column 1', 'NUL alone' ],
    [ "{\"a\": \"\xff\"}", '1, column 8', 'no UTF-8' ],
    [ "{\"a\": \"\xc3\"}", '1, column [89]', 'half of a character' ],
    [ "{\"a\": \"\xc0\xaf\"}", '1, column 8', 'overlong' ],
    [ "{\"a\": \"\xe0\x80\xaf\"}", '1, column [89]', 'overlong, three bytes' ],
    [ "{\"a\": \"\xed\xa0\x80\"}", '1, column [89]', 'surrogate' ],
    [ "{\"a\": \"\xf4\x90\x80\x80\"}", '1, column [89]', 'above U+10FFFF' ],
    [ "\xef\xbb\xbf{\"a\": 1}", '1, column 1', 'byte order mark' ],
    [ '{"a": 1, "a": 2}', '1, column 10', 'a name twice' ],
    [ '{"a": 1, "\\u0061": 2}', '1, column 10', 'a name twice, escaped' ],
    [ '{"x": {"a": 1, "a": 2}}', '1, column 16', 'a name twice, inside' ],
    [ "{\"a\": 1}\n\n  x", '3, column 3', 'trailing text' ],
    [ '{"a": 1} // c', '1, column 10', 'comment' ],
    [ '{/**/"a": 1}', '1, column 2', 'comment inside' ],
    [ $deep, '1, column \d+', 'depth of 33' ],
    [ '[' x 100000, '1, column \d+', 'depth of 100,000' ],
);

for my $i (0 .. $#bad) {
    my ($body, $where, $name) = @{$bad[$i]};

    # the first ones everywhere, the rest in turn
    for my $place ($i < 3 ? @places : @places[$i % 8, ($i + 3) % 8]) {
        my ($method, $path, $arm) = @$place;
        my $r = $api->ask($method, $path, arm => $arm, text => $body);

        problem($r, 400, 'invalid-json', '', "$name: $method $path");
        like($r->{json}{detail}, qr/\bline $where\b/, "$name: where");
    }
}

for my $method ('PUT', 'POST') {
    my $path = $method eq 'PUT' ? 'p' : 'rollback';
    my $r = $api->admin($method, "/api/v1/splits/users/$path",
        text => '{"p": 1, "p": 2}');
    is($r->{status}, 400, "admin: $path: a name twice");
    like($r->{json}{detail}, qr/line 1, column 10/, "admin: $path: where");
}


# JSON, but no object.

for my $place (grep { $_->[1] !~ /batch/ } @places) {
    my ($method, $path, $arm) = @$place;

    problem($api->ask($method, $path, arm => $arm, text => $_), 400, 'invalid',
        '', "$_: $method $path") for '[]', '"a"', '17', 'true', 'null';
}


# What is odd, but JSON.

my %fine = (
    'blanks' => " \t\r\n{ \"deliveryAddress\" \n:\t\"x\" } \r\n",
    'escapes' => '{"deliveryAddress": "\\u00e9\\ud83c\\udf33\\/\\"\\\\"}',
    'escaped name' => '{"delivery\\u0041ddress": "y"}',
    'all of UTF-8' => "{\"deliveryAddress\": \"\xc2\xa0\xe0\xa0\x80\xed\x9f\xbf"
        . "\xee\x80\x80\xf0\x90\x80\x80\xf4\x8f\xbf\xbf\"}",
);

for my $name (sort keys %fine) {
    my $r = $api->ask('PUT', "/api/users/$user->{userId}", arm => 'v1',
        text => $fine{$name});
    is($r->{status}, 200, $name) or diag($r->{body});
    is($api->ask('GET', "/api/users/$user->{userId}")->{json}{deliveryAddress},
        decode($fine{$name})->{deliveryAddress},
        "$name: as it was sent");
}

is($api->ask('PUT', "/api/users/$user->{userId}", arm => 'v1',
    text => '{"a":' . '[' x 31 . ']' x 31 . '}')->{status}, 200, 'depth of 32');


# Media types.

for my $place (@places) {
    my ($method, $path, $arm) = @$place;
    my $is_patch = $method eq 'PATCH';
    my $good = $path =~ /batch/ ? '[]' : '{}';

    for my $type ('text/plain', 'application/x-www-form-urlencoded',
                  'application/jsonx', 'application/json2; charset=utf-8',
                  'json', 'application/xml', 'text/json', 'application/*',
                  'application/problem+json', undef,
                  $is_patch ? () : 'application/merge-patch+json',
                  'application/json-patch+json')
    {
        problem($api->ask($method, $path, arm => $arm, body => $good,
                headers => [ defined $type ? ('Content-Type' => $type) : () ]),
            415, 'unsupported-media-type', '',
            "$method $path: " . ($type // 'no type'));
    }

    for my $type ('application/json', 'Application/JSON',
                  'application/json; charset=utf-8', 'application/json;x=y',
                  $is_patch ? ('application/merge-patch+json',
                      'Application/Merge-Patch+JSON; charset=utf-8') : ())
    {
        my $r = $api->ask($method, $path, arm => $arm, body => $good,
            headers => [ 'Content-Type' => $type ]);
        isnt($r->{status}, 415, "$method $path: $type");
    }
}

is($api->ask('DELETE', '/api/users/nobody', body => 'x', headers => [
    'Content-Type' => 'text/plain' ])->{status}, 404,
    'a body where none is wanted is ignored');


# Sizes: 8 MiB to the byte.

my $most = 8 * 1024 * 1024;

for my $arm (qw(v1 v2)) {
    my $path = "/api/users/$user->{userId}";
    my $body = "{\"deliveryAddress\":\"$arm\"}";

    my $r = $api->ask('PUT', $path, arm => $arm,
        text => $body . ' ' x ($most - length $body));
    is($r->{status}, 200, "$arm: 8 MiB");

    $r = $api->ask('PUT', $path, arm => $arm,
        text => $body . ' ' x ($most - length($body) + 1));
    problem($r, 413, 'content-too-large', '', "$arm: a byte more");
    is($r->{headers}{'x-service-version'}, undef, "$arm: of no arm");
}

for my $place (@places[0, 4, 5, 6]) {
    my ($method, $path) = @$place;
    problem($api->ask($method, $path, text => ' ' x ($most + 1)), 413,
        'content-too-large', '', "$method $path: 8 MiB and a byte");
}

chunked($most - 10, 200);
chunked($most + 1, 413);

my $c = Ficus::HTTP->connect($api->system->port);
$c->send("POST /api/users HTTP/1.1\r\nHost: localhost\r\n"
    . "Content-Type: application/json\r\nContent-Length: 10000000000\r\n\r\n");
is($c->receive->{status}, 413, '10 GB are refused before they are sent');
$c = Ficus::HTTP->connect($api->system->port);
$c->send("POST /api/orders HTTP/1.1\r\nHost: localhost\r\n"
    . "Content-Type: application/json\r\nExpect: 100-continue\r\n"
    . "Content-Length: 10000000\r\n\r\n");
is($c->receive->{status}, 413, 'nor asked for');
problem($api->admin('PUT', '/api/v1/splits/users/p', text => ' ' x 65537), 413,
    'content-too-large', '', 'admin: 64 KiB and a byte');

workers_own_limit();


# null removes what is optional, and is wrong for what is not.

for my $arm (qw(v1 v2)) {
    my $full = $api->user(arm => $arm, name => 'N', phone => '+4912345',
        tags => [ 'a' ]);
    my $path = "/api/users/$full->{userId}";

    for my $method (qw(PUT PATCH)) {
        for my $field (qw(userId email deliveryAddress)) {
            problem($api->ask($method, $path, arm => $arm,
                    json => { $field => undef }),
                400, 'invalid', $field, "$arm: $method: $field is null");
        }
    }

    my $r = $api->ask('PUT', $path, arm => $arm, json => { name => undef });
    ok(!exists $r->{json}{name}, "$arm: PUT: name is removed");
    $r = $api->ask('PATCH', $path, arm => $arm, merge => { phone => undef,
        tags => undef });
    ok(!exists $r->{json}{phone} && !exists $r->{json}{tags},
        "$arm: PATCH: phone and tags are removed");
    is($api->ask('PATCH', $path, arm => $arm, merge => { phone => undef }
        )->{status}, 200, "$arm: what is gone can be removed again");
    ok(!exists $api->ask('GET', $path)->{json}{phone}, "$arm: it stays away");

    $r = $api->ask('POST', '/api/users', arm => $arm, json => {
        userId => unique('z'), email => unique('z') . '@z.example',
        deliveryAddress => 'x', name => undef, tags => undef });
    is($r->{status}, 201, "$arm: POST: null is as if it were not there");
    ok(!exists $r->{json}{name}, "$arm: POST: and it is not");
}

for my $field (qw(orderId productName status)) {
    problem($api->ask($_, "/api/orders/$order->{orderId}",
            json => { $field => undef }), 400, 'invalid', $field,
        "order: $_: $field is null") for qw(PUT PATCH);
}

$api->done;


sub chunked {
    my ($size, $status) = @_;

    my $c = Ficus::HTTP->connect($api->system->port);
    my $body = '{"deliveryAddress":"chunks"}';

    $body .= ' ' x ($size - length $body);
    $c->send("PUT /api/users/$user->{userId} HTTP/1.1\r\nHost: localhost\r\n"
        . "Content-Type: application/json\r\n"
        . "Transfer-Encoding: chunked\r\n\r\n");

    while (length $body) {
        my $part = substr $body, 0, 65536, '';
        $c->send(sprintf("%x\r\n", length $part) . "$part\r\n") or last;
    }

    $c->send("0\r\n\r\n");

    my $r = $c->receive;
    is($r->{status}, $status, "$size bytes in chunks");
    $api->judge($r, 'PUT', "/api/users/$user->{userId}") if $r->{status};
}


# What the gateway would not let through a worker refuses itself.

sub workers_own_limit {
    for my $size ($most, $most + 1) {
        for my $name (qw(users-v1 users-v2 orders)) {
            my $r = $api->direct($name, 'POST',
                $name eq 'orders' ? '/api/orders' : '/api/users',
                body => '{}' . ' ' x ($size - 2));

            is($r->{status}, $size > $most ? 413 : 400,
                "$name: $size bytes past the gateway");
        }
    }
}
