#!/usr/bin/perl

# Copyright (C) Ficus authors

# strangler_api_guard: what is not the admin API is guarded as it is.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Test::More;

use Ficus::HTTP qw(get request);
use Ficus::Nginx;
use Ficus::Run;

my $t = Ficus::Run->new;
my $nginx = Ficus::Nginx->new($t, <<'EOC');

%%GLOBALS%%

http {
    %%HTTP%%

    server {
        listen 127.0.0.1:%%PORT_0%%;
        location / { return 200 "$request_method $uri $content_length"; }
    }

    server {
        listen 127.0.0.1:%%PORT_1%%;
        strangler_api_token_file %%DIR%%/token;

        location /open/ { proxy_pass http://127.0.0.1:%%PORT_0%%; }

        location /guarded/ {
            strangler_api_guard on;
            proxy_pass http://127.0.0.1:%%PORT_0%%;

            location /guarded/not/ {
                strangler_api_guard off;
                proxy_pass http://127.0.0.1:%%PORT_0%%;
            }

            location /guarded/too/ {
                proxy_pass http://127.0.0.1:%%PORT_0%%;
            }
        }

        location /any/ {
            strangler_api_guard on;
            satisfy any;
            allow all;
            proxy_pass http://127.0.0.1:%%PORT_0%%;
        }

        location ~ ^/workers/(\w+)/sync$ {
            strangler_api_guard on;
            rewrite ^/workers/\w+(/.+)$ $1 break;
            proxy_pass http://127.0.0.1:%%PORT_0%%;
        }
    }

    server {
        listen 127.0.0.1:%%PORT_2%%;
        strangler_api_guard on;
        strangler_api_hosts admin.example.com;
        location / { proxy_pass http://127.0.0.1:%%PORT_0%%; }
    }
}
EOC

$t->write('token', "s3cret-Token\n");
$nginx->start;

my $port = $t->port(1);
my @bearer = (Authorization => 'Bearer s3cret-Token');


sub call {
    my ($method, $path, @headers) = @_;

    return request($port, $method, $path, body => '{"repair":true}',
        headers => [ 'Content-Type' => 'application/json', @headers ]);
}

sub refused {
    my ($r, $status, $name) = @_;

    is($r->{status}, $status, "$name: $status");
    is($r->{headers}{'content-type'}, 'application/problem+json',
        "$name: a problem");
    is($r->{json}{status}, $status, "$name: its status");
}


# token

for my $path ('/guarded/x', '/guarded/too/x', '/any/x', '/workers/orders/sync') {
    for my $method (qw(POST PUT DELETE PATCH OPTIONS PROPFIND)) {
        refused(call($method, $path), 401, "$method $path");
    }

    my $r = call('DELETE', $path);
    is($r->{headers}{'www-authenticate'}, 'Bearer', "$path: WWW-Authenticate");
    unlike($r->{body}, qr/s3cret/, "$path: not told");
    refused(call('POST', $path, Authorization => 'Bearer wrong'), 401,
        "$path: another token");

    is(get($port, $path)->{status}, 200, "$path: reading needs none");
    is(request($port, 'HEAD', $path)->{status}, 200, "$path: HEAD neither");
}

is(call('POST', '/guarded/x', @bearer)->{body}, 'POST /guarded/x 15',
    'with the token it goes on');
is(call('POST', '/workers/orders/sync', @bearer)->{body}, 'POST /sync 15',
    'after a rewrite, too');
is(call('POST', "/$_/x")->{status}, 200, "$_ is not guarded")
    for 'open', 'guarded/not';

my $c = Ficus::HTTP->connect($port);

for (1 .. 3) {
    $c->send("POST /guarded/x HTTP/1.1\r\nHost: localhost\r\n"
        . "Content-Length: 3\r\n\r\nabc");
    is($c->receive->{status}, 401, 'a kept connection');
}

$c->send("GET /guarded/x HTTP/1.1\r\nHost: localhost\r\n\r\n");
is($c->receive->{status}, 200, 'goes on');


# Host and Origin

for my $method (qw(GET POST)) {
    refused(call($method, '/guarded/x', @bearer, Host => 'evil.example'), 421,
        "$method with another Host");
    refused(call($method, '/guarded/x', @bearer,
        Origin => 'http://evil.example'), 403, "$method with another Origin");
    is(call($method, '/guarded/x', @bearer, Host => "localhost:$port",
        Origin => "http://localhost:$port")->{status}, 200,
        "$method with its own");
}

is(get($t->port(2), '/', Host => 'localhost')->{status}, 421,
    'a whole server, without a split or an API');
is(request($t->port(2), 'POST', '/', body => '',
    headers => [ Host => 'admin.example.com' ])->{status}, 200,
    'which has no token');

$t->done;
