#!/usr/bin/perl

# Copyright (C) Ficus authors

# What the gateway answers itself: every error is a problem document, those of
# the admin port too.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Test::More;

use Ficus::HTTP qw(parallel);
use Ficus::Run qw(wait_for);
use Ficus::System;

my $s = Ficus::System->new->start;


# Bytes as they come, and the answer: status, slug, Allow.

my $long = 'x' x 9000;
my $host = "Host: localhost\r\n";

for (
    [ "get / HTTP/1.1\r\n$host\r\n", 400, 'bad-request' ],
    [ "GET / HTTP/1.1\r\n\r\n", 400, 'bad-request' ],
    [ "GET / HTTP/1.1\r\n$host$host\r\n", 400, 'bad-request' ],
    [ "GET / FOO\r\n\r\n", 400, 'bad-request' ],
    [ "GET /%zz HTTP/1.1\r\n$host\r\n", 400, 'bad-request' ],
    [ "GET /%00 HTTP/1.1\r\n$host\r\n", 400, 'bad-request' ],
    [ "GET /../etc HTTP/1.1\r\n$host\r\n", 400, 'bad-request' ],
    [ "OPTIONS * HTTP/1.1\r\n$host\r\n", 400, 'bad-request' ],
    [ "CONNECT localhost:80 HTTP/1.1\r\n$host\r\n", 400, 'bad-request' ],
    [ "POST /api/users HTTP/1.1\r\n${host}Content-Length: x\r\n\r\n", 400,
        'bad-request' ],
    [ "POST /api/users HTTP/1.1\r\n${host}Content-Length: 1\r\n"
        . "Transfer-Encoding: chunked\r\n\r\n", 400, 'bad-request' ],
    [ "POST /api/users HTTP/1.1\r\n${host}Transfer-Encoding: chunked\r\n\r\n"
        . "zz\r\n", 400, 'bad-request' ],
    [ "POST / HTTP/1.1\r\n${host}Transfer-Encoding: chunked\r\n\r\nzz\r\n",
        400, 'bad-request' ],
    [ "GET /nope HTTP/1.1\r\n$host\r\n", 404, 'not-found' ],
    [ "GET //api/users HTTP/1.1\r\n$host\r\n", 404, 'not-found' ],
    [ "GET /api/usersx HTTP/1.1\r\n$host\r\n", 404, 'not-found' ],
    [ "GET /api/ordersx HTTP/1.1\r\n$host\r\n", 404, 'not-found' ],
    [ "GET /ficus-problem HTTP/1.1\r\n$host\r\n", 404, 'not-found' ],
    [ "GET /workers/orders/readyz HTTP/1.1\r\n$host\r\n", 404, 'not-found' ],
    [ "GET /api/v1/splits HTTP/1.1\r\n$host\r\n", 404, 'not-found' ],
    [ "POST / HTTP/1.1\r\n${host}Content-Length: 0\r\n\r\n", 405,
        'method-not-allowed', 'GET, HEAD' ],
    [ "DELETE /healthz HTTP/1.1\r\n$host\r\n", 405, 'method-not-allowed',
        'GET, HEAD' ],
    [ "POST /readyz HTTP/1.1\r\n${host}Content-Length: 0\r\n\r\n", 405,
        'method-not-allowed', 'GET, HEAD' ],
    [ "TRACE / HTTP/1.1\r\n$host\r\n", 405, 'method-not-allowed',
        'GET, HEAD' ],
    [ "TRACE /api/users HTTP/1.1\r\n$host\r\n", 405, 'method-not-allowed',
        'GET, HEAD, POST, DELETE' ],
    [ "CONNECT http://x/api/users/u HTTP/1.1\r\n$host\r\n", 405,
        'method-not-allowed', 'GET, HEAD, PUT, PATCH, DELETE' ],
    [ "TRACE /api/users/batch HTTP/1.1\r\n$host\r\n", 405,
        'method-not-allowed', 'POST' ],
    [ "TRACE /api/orders HTTP/1.1\r\n$host\r\n", 405, 'method-not-allowed',
        'GET, HEAD, POST' ],
    [ "TRACE /api/orders/o HTTP/1.1\r\n$host\r\n", 405,
        'method-not-allowed', 'GET, HEAD, PUT, PATCH, DELETE' ],
    [ "POST /api/users HTTP/1.1\r\n${host}Content-Length: 8388609\r\n\r\n",
        413, 'content-too-large' ],
    [ "POST /api/orders HTTP/1.1\r\n${host}Content-Length: 99999999999\r\n"
        . "\r\n", 413, 'content-too-large' ],
    [ "GET /$long HTTP/1.1\r\n$host\r\n", 414, 'uri-too-long' ],
    [ "GET / HTTP/1.1\r\n${host}X: $long\r\n\r\n", 431, 'headers-too-large' ],
    [ "POST /api/users HTTP/1.1\r\n${host}Transfer-Encoding: zip\r\n\r\n",
        501, 'not-implemented' ],
    [ "GET / HTTP/3.0\r\n$host\r\n", 505, 'http-version' ],
) {
    my ($bytes, $status, $slug, $allow) = @$_;

    my $c = Ficus::HTTP->connect($s->port);
    $c->send($bytes);
    problem($c->receive, $status, $slug, $allow, title($bytes));
}

# the admin port
for (
    [ 'GET', '/nope', 404, 'not-found' ],
    [ 'GET', '/api/users', 404, 'not-found' ],
    [ 'GET', '/workers/nobody/readyz', 404, 'not-found' ],
    [ 'GET', '/workers/users/readyz', 404, 'not-found' ],
    [ 'GET', '/workers/orders%20x/readyz', 404, 'not-found' ],
    [ 'POST', '/workers/', 405, 'method-not-allowed', 'GET, HEAD' ],
    [ 'GET', '/workers/orders/api/orders', 404, 'not-found' ],
    [ 'GET', '/api/v1/splits/nobody', 404, 'not-found' ],
    [ 'POST', '/', 405, 'method-not-allowed', 'GET, HEAD' ],
    [ 'POST', '/metrics', 405, 'method-not-allowed', 'GET, HEAD' ],
    [ 'TRACE', '/metrics', 405, 'method-not-allowed', 'GET, HEAD' ],
    [ 'POST', '/workers/orders/metrics', 405, 'method-not-allowed',
        qr/GET/ ],
) {
    my ($method, $path, $status, $slug, $allow) = @$_;

    problem($s->admin($method, $path, $method eq 'POST' ? (body => '') : ()),
        $status, $slug, $allow, "admin port: $method $path");
}


# Who sends half of something is cut off, on both ports.

my $half = "${host}Content-Type: application/json\r\nContent-Length: 9\r\n\r\n{";
my @halves = (
    [ $s->port, 'GET / HT' ],
    [ $s->port, "POST /api/users HTTP/1.1\r\n$half" ],
    [ $s->admin_port, 'GET / HT' ],
    [ $s->admin_port, "PUT /api/v1/splits/users/p HTTP/1.1\r\n$half" ],
);

my @ends = parallel(scalar @halves, sub {
    my ($to, $bytes) = @{$halves[$_[0]]};
    my $c = Ficus::HTTP->connect($to);

    $c->send($bytes);

    return $c->receive->{error};
});

is(join('', @ends), "closed early\n" x @halves, 'half a request is cut off');


# What is there

my $r = $s->get('/');
is($r->{status}, 200, 'landing');
like($r->{body}, qr/^API Gateway is running!\n/, 'as clients know it');
is($s->request('HEAD', '/')->{status}, 200, 'HEAD');
is($r->{headers}{server}, 'nginx', 'which version is nobody\'s business');

for my $name ($s->workers) {
    is($s->worker($name, $_)->{status}, 200, "$name: $_")
        for qw(/healthz /readyz /metrics);
}

like($s->worker('orders', '/metrics')->{headers}{'content-type'},
    qr,^text/plain,, 'metrics are text');


# Ids of requests: the client's own, if it is one, else ours; in the log.

$s->get('/nope', 'X-Request-Id' => 'mine-1');
is($s->get('/nope', 'X-Request-Id' => 'mine-2')->{headers}{'x-request-id'},
    'mine-2', 'the id of a request comes back with an error');
isnt($s->get('/nope', 'X-Request-Id' => 'no "id"')->{headers}{'x-request-id'},
    'no "id"', 'if it looks like one');
isnt($s->get('/nope')->{headers}{'x-request-id'},
    $s->get('/nope')->{headers}{'x-request-id'}, 'others are made');
ok(wait_for(10, sub { $s->run->log('access.log') =~ /"mine-1"/ }),
    'the id is in the log');

my @lines = split /\n/, $s->run->log('access.log');
is(scalar(grep { !eval { JSON::PP::decode_json($_) } } @lines), 0,
    'every line of which is JSON');

$s->done;


sub problem {
    my ($r, $status, $slug, $allow, $title) = @_;

    my $p = $r->{json};

    subtest $title => sub {
        is($r->{status}, $status, 'status') or diag($r->{error});
        is($r->{headers}{'content-type'}, 'application/problem+json', 'type');
        is($r->{headers}{'x-service-version'}, undef, 'no arm');

        if (ref $allow) {
            like($r->{headers}{allow}, $allow, 'Allow');
        } else {
            is($r->{headers}{allow}, $allow, 'Allow');
        }

        is($p->{type}, "urn:ficus:problem/$slug", 'slug');
        is($p->{status}, $status, 'status in the body');
        is(ref $p->{errors}, 'ARRAY', 'errors');
        is($p->{message}, $p->{detail}, 'message');
        ok(length $p->{$_}, $_) for qw(title detail);
    };
}


sub title {
    my ($bytes) = @_;

    my ($line) = split /\r\n/, $bytes;

    return substr $line, 0, 60;
}
