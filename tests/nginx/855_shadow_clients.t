#!/usr/bin/perl

# Copyright (C) Ficus authors

# Shadows of clients that speak HTTP/2, TLS or the PROXY protocol.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Test::More;
use Time::HiRes qw(sleep time);

use Ficus::Backend qw(http_backend);
use Ficus::HTTP qw(get);
use Ficus::Nginx;
use Ficus::Run qw(wait_for);
use Ficus::Split;

my $curl = `curl -V 2>&1`;
my $t = Ficus::Run->new;
my $dir = $t->dir;

plan(skip_all => 'curl has no HTTP/2') if $curl !~ /HTTP2/;

system("openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost"
    . " -keyout $dir/key -out $dir/cert > $dir/openssl 2>&1");
plan(skip_all => 'no openssl') if !-s "$dir/cert";

my $nginx = Ficus::Nginx->new($t, <<'EOC');

%%GLOBALS%%
worker_processes 1;

http {
    %%HTTP%%
    proxy_http_version 1.1;
    proxy_set_header Connection "";
    proxy_set_header X-Client "$scheme $server_protocol $ssl_protocol $ssl_cipher $remote_addr $proxy_protocol_addr $host";
    log_format seen '$request_method $request_uri|$http_x_client|$request_body';

    upstream v1 { server 127.0.0.1:%%PORT_4%%; keepalive 4; }
    upstream v2 { server 127.0.0.1:%%PORT_5%%; keepalive 4; }
    upstream u {
        strangler zone=r:1m;
        strangler_shadow share=100 noise=0 methods=GET,POST;
        arm v1=v1 weight=100; arm v2=v2;
    }

    ssl_certificate %%DIR%%/cert;
    ssl_certificate_key %%DIR%%/key;

    server {
        listen 127.0.0.1:%%PORT_0%% http2;
        listen 127.0.0.1:%%PORT_6%% ssl http2;
        listen 127.0.0.1:%%PORT_7%% proxy_protocol;
        set_real_ip_from 127.0.0.1;
        real_ip_header proxy_protocol;
        location / { proxy_pass http://u; }
    }
    server {
        listen 127.0.0.1:%%PORT_4%%;
        access_log %%DIR%%/logs/one seen;
        location / {
            proxy_set_header X-Client $http_x_client;
            proxy_pass http://127.0.0.1:%%PORT_2%%;
        }
    }
    server {
        listen 127.0.0.1:%%PORT_5%%;
        access_log %%DIR%%/logs/two seen;
        location / {
            proxy_set_header X-Client $http_x_client;
            proxy_pass http://127.0.0.1:%%PORT_3%%;
        }
    }

    %%ADMIN%%
}
EOC

http_backend($t, 'v1', $t->port(2));
http_backend($t, 'v2', $t->port(3));
$nginx->start;

my $split = Ficus::Split->new($t->port(1), 'u');


sub asked {
    my ($args) = @_;

    return `curl -s -k -m 10 $args`;
}


# both arms have seen the same, so many times; slow ones end as they like

sub same {
    my ($n, $like, $name) = @_;

    my ($one, $two);

    wait_for(10, sub {
        ($one, $two) = map { $t->read("logs/$_") } qw(one two);
        return ($two =~ tr/\n//) >= $n;
    });

    is($two =~ tr/\n//, $n, "$name: as many");
    is_deeply([ sort split /\n/, $two ], [ sort split /\n/, $one ],
        "$name: both arms have got the same");
    like((split /\n/, $two)[-1] // '', $like, $name);
    ok(wait_for(10, sub { $split->state->{shadow}{in_flight} == 0 }),
        "$name: done");
}

my $plain = 'http://127.0.0.1:' . $t->port(0);
my $tls = 'https://127.0.0.1:' . $t->port(6);
my $h2c = '--http2-prior-knowledge';

is(asked("$h2c $plain/a?x=1"), "v1\n", 'HTTP/2');
same(1, qr{^GET /a\?x=1\|http HTTP/2\.0 +127\.0\.0\.1 +127\.0\.0\.1\|},
    'HTTP/2');
is(asked("$h2c -d body=1 $plain/b"), "v1\n", 'HTTP/2, with a body');
same(2, qr{^POST /b\|http HTTP/2\.0 .*\|body=1$}, 'a body');
is(asked("--http1.1 $tls/c"), "v1\n", 'TLS');
same(3, qr{^GET /c\|https HTTP/1\.1 TLS\S+ \S+ 127\.0\.0\.1 }, 'TLS');
is(asked("--http2 $tls/d $tls/e $tls/f"), "v1\nv1\nv1\n", 'HTTP/2 over TLS');
same(6, qr{^GET /[def]\|https HTTP/2\.0 TLS\S+ \S+ 127\.0\.0\.1 }, 'h2');

# the client has long gone
is(asked("--http1.1 -H 'Do-v2: sleep=1' $tls/g"), "v1\n", 'TLS, slow');
same(7, qr{^GET /g\|https HTTP/1\.1 TLS}, 'TLS, slow');

# a stream of the same connection is not held
my $start = time;
asked("--http2 -H 'Do-v2: sleep=2' $tls/h $tls/i $tls/j");
cmp_ok(time - $start, '<', 1.5, 'HTTP/2: nobody waits');
same(10, qr{^GET /[hij]\|}, 'HTTP/2, slow');

asked('--haproxy-protocol http://127.0.0.1:' . $t->port(7) . '/k');
same(11, qr{^GET /k\|http HTTP/1\.1 +127\.0\.0\.1 127\.0\.0\.1 }, 'PROXY');

get($t->port(7), '/nothing');
is($split->state->{shadow}{failed}, 0, 'none has failed')
    or diag($nginx->log);

# while clients are served
asked("--http2 -H 'Do-v2: sleep=3' $tls/l");
$nginx->reload;
ok(wait_for(5, sub { @{[ $nginx->children ]} == 1 }),
    'a process with a shadow of TLS ends');
is(asked("--http2 $tls/m"), "v1\n", 'and another one serves');

$t->done;
