#!/usr/bin/perl

# Copyright (C) Ficus authors

# A split behind proxy_pass; several splits, several locations.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Test::More;

use Ficus::Backend qw(http_backend);
use Ficus::HTTP qw(get request);
use Ficus::Nginx;
use Ficus::Run;
use Ficus::Split qw(bucket);

my $t = Ficus::Run->new;
my $nginx = Ficus::Nginx->new($t, <<'EOC');

%%GLOBALS%%
worker_processes 2;

http {
    %%HTTP%%

    upstream users_v1 { server 127.0.0.1:%%PORT_2%%; }
    upstream users_v2 { server 127.0.0.1:%%PORT_3%%; }
    upstream other_v2 { server 127.0.0.1:%%PORT_3%%; }

    upstream users {
        strangler zone=users:512k;
        strangler_key $arg_id;
        arm v1=users_v1 weight=50;
        arm v2=users_v2;
    }

    # an arm's upstream may serve several splits, and a location of its own
    upstream orders {
        strangler zone=users;
        strangler_key $arg_id;
        arm old=users_v1 weight=0;
        arm new=other_v2;
    }

    server {
        listen 127.0.0.1:%%PORT_0%%;
        client_max_body_size 8m;

        location / { proxy_pass http://users; }
        location /prefix/ { proxy_pass http://users/; }
        location /orders { proxy_pass http://orders; }
        location /alone { proxy_pass http://users_v1; }
        location /kept/ {
            proxy_pass http://users;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
        }
        location /stream/ {
            proxy_pass http://users;
            proxy_request_buffering off;
            proxy_buffering off;
        }
        location /retry/ {
            proxy_pass http://users;
            proxy_next_upstream error timeout http_500;
        }
        location /timeout/ {
            proxy_pass http://users;
            proxy_read_timeout 300ms;
        }
        location /sub/ { auth_request /auth; proxy_pass http://users; }
        location = /auth {
            internal;
            proxy_pass http://orders;
            proxy_pass_request_body off;
            proxy_set_header Content-Length "";
        }
    }

    %%ADMIN%%
}
EOC

http_backend($t, 'v1', $t->port(2));
http_backend($t, 'v2', $t->port(3));
$nginx->start;

my $port = $t->port(0);
my %id;

for my $i (1 .. 50) {
    $id{bucket('users', "u$i") < 5000 ? 'v2' : 'v1'} = "u$i";
}

for my $arm ('v1', 'v2') {
    my $id = "id=$id{$arm}";

    is(get($port, "/?$id")->{body}, "$arm\n", "$arm: answers");

    my $r = get($port, "/prefix/a/b?$id", Do => 'echo');

    is($r->{json}{uri}, "/a/b?$id", "$arm: URI is changed as nginx does");
    is($r->{json}{headers}{host}, 'users', "$arm: Host");

    for my $path ('/', '/stream/') {
        $r = request($port, 'PUT', "$path?$id", body => 'x' x 300000,
            headers => [ Do => 'echo' ]);
        is($r->{json}{length}, 300000, "$arm: PUT of 300,000 bytes to $path");
        is($r->{json}{arm}, $arm, "$arm: PUT to $path");
    }

    is(request($port, 'HEAD', "/?$id")->{headers}{'x-arm'}, $arm, "$arm: HEAD");
    is(get($port, "/?$id", Do => 'status=503')->{status}, 503,
        "$arm: its 503 is passed");
    is(get($port, "/retry/?$id", Do => 'status=500')->{status}, 500,
        "$arm: a single server is not retried");
    is(get($port, "/timeout/?$id", Do => 'sleep=1')->{status}, 504,
        "$arm: late");
    is(get($port, "/?$id", Do => 'close')->{status}, 502, "$arm: closed");
    is(get($port, "/kept/?$id")->{status}, 200, "$arm: HTTP/1.1");
    is(get($port, "/sub/?$id")->{body}, "$arm\n", "$arm: with a subrequest");
}

is(get($port, '/orders?id=1')->{body}, "v2\n", 'another split');
is(get($port, '/alone')->{body}, "v1\n", 'an arm alone');
is(get($port, '/')->{status}, 200, 'keyless');


# a client that goes away while its arm works

for my $n (1 .. 5) {
    my $c = Ficus::HTTP->connect($port);

    $c->send("GET /?id=$n HTTP/1.1\r\nHost: x\r\nDo: sleep=0.3\r\n\r\n");
}

is(get($port, '/?id=1')->{status}, 200, 'after clients that went away');


# pipelined requests, both arms

my $c = Ficus::HTTP->connect($port);
my @arms = ('v1', 'v2', 'v2', 'v1') x 5;

$c->send(join '', map {
    "GET /?id=$id{$_} HTTP/1.1\r\nHost: x\r\n\r\n"
} @arms);
is(join('', map { $c->receive->{body} } @arms), join('', map { "$_\n" } @arms),
    'pipelined');

$t->done;
