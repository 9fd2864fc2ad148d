#!/usr/bin/perl

# Copyright (C) Ficus authors

# strangler_rescue with gRPC and with a cache; arms that are late or break off.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Test::More;
use Time::HiRes qw(time);

use Ficus::Backend qw(http_backend);
use Ficus::HTTP qw(get request parallel);
use Ficus::Nginx;
use Ficus::Run;
use Ficus::Split;

my $t = Ficus::Run->new;
my $conf = <<'EOC';

%%GLOBALS%%
http {
    %%HTTP%%
    proxy_cache_path %%DIR%%/cache keys_zone=cache:1m;
    proxy_http_version 1.1;
    proxy_set_header Connection "";

    upstream v1 { server 127.0.0.1:%%PORT_2%%; keepalive 4; }
    upstream v2 { server 127.0.0.1:%%PORT_3%%; keepalive 4; }
    upstream users {
        strangler zone=users:1m;
        strangler_rescue floor=1000;
        arm v1=v1 weight=0; arm v2=v2;
    }

    #upstream g1 { server 127.0.0.1:%%PORT_4%%; }
    #upstream g2 { server 127.0.0.1:%%PORT_5%%; }
    #upstream gone { server 127.0.0.1:%%PORT_9%%; }
    #upstream rpc {
    #    strangler zone=users;
    #    strangler_rescue floor=1000;
    #    arm v1=g1 weight=0; arm v2=g2; arm v3=gone weight=0;
    #}
    #server {
    #    listen 127.0.0.1:%%PORT_4%% http2;
    #    location / { return 200 v1; }
    #}
    #server {
    #    listen 127.0.0.1:%%PORT_5%% http2;
    #    location / { return 200 v2; }
    #    location /fail { return 503; }
    #}

    server {
        listen 127.0.0.1:%%PORT_0%%;
        location / { proxy_pass http://users; proxy_read_timeout 500ms; }
        location /cached {
            proxy_pass http://users;
            proxy_cache cache;
            proxy_cache_valid any 1h;
            add_header X-Cache $upstream_cache_status always;
        }
        #location /rpc { grpc_pass grpc://rpc; }
        #location /fail { grpc_pass grpc://rpc; }
    }

    %%ADMIN%%
}
EOC
my $grpc = $conf =~ s/#//gr;
my $nginx = Ficus::Nginx->new($t);
my ($status, $out) = $nginx->check($grpc);

$nginx->conf($status == 0 ? $grpc : $conf);
http_backend($t, 'v1', $t->port(2));
http_backend($t, 'v2', $t->port(3));
$nginx->start;

my $port = $t->port(0);

sub told {
    my ($r) = @_;

    return join ' ', $r->{status}, $r->{body} =~ /^(v\d)/ ? $1 : '-',
        $r->{headers}{'x-ficus-rescued'} // '-';
}


# what the baseline has answered is not kept as the arm's

my $r = get($port, '/cached', 'Do-v2' => 'status=503');

is(told($r), '200 v1 v2', 'cache: rescued');
$r = get($port, '/cached');
is(told($r), '200 v2 -', 'cache: the next one asks the arm');
is($r->{headers}{'x-cache'}, 'MISS', 'cache: not from the cache');
is(get($port, '/cached')->{headers}{'x-cache'}, 'HIT', 'cache: then it is kept');


# a late arm costs its timeout, and no more

my $began = time;

is(told(get($port, '/', 'Do-v2' => 'sleep=2')), '200 v1 v2', 'late');
cmp_ok(time - $began, '<', 1, 'after the timeout of the arm');


# what has begun to arrive cannot be taken back, but is the arm's failure

my $users = Ficus::Split->new($t->port(1), 'users');
my $failures = $users->state->{arms}[1]{failures};

$r = get($port, '/', 'Do-v2' => 'cut');
is($r->{headers}{'x-ficus-rescued'}, undef, 'cut: not rescued');
is($users->state->{arms}[1]{failures}, $failures + 1, 'cut: a failure');


# kept connections that the arm closes just when they are used

$failures = $users->state->{arms}[1]{failures};

my @answers = parallel(4, sub {
    my $good = 0;

    for my $i (1 .. 50) {
        my $r = get($port, '/', $i % 5 ? () : ('Do-v2' => 'close'));
        $good++ if $r->{status} == 200;
    }

    return $good;
});

is("@answers", '50 50 50 50', 'closed at the wrong moment: all are answered');


# gRPC

SKIP: {
    skip 'no grpc in this nginx', 5 if $status;

    is(told(get($port, '/rpc')), '200 v2 -', 'gRPC');
    is(told(get($port, '/fail')), '200 v1 v2', 'gRPC: 503');
    is(told(request($port, 'POST', '/fail', body => 'x' x 1000)), '503 - -',
        'gRPC: POST that was sent');

    Ficus::Split->new($t->port(1), 'rpc')->weights({ v3 => 100, v1 => 0,
        v2 => 0 });
    is(told(get($port, '/rpc')), '200 v1 v3', 'gRPC: refused');
    is(told(request($port, 'POST', '/rpc', body => 'x' x 1000)), '200 v1 v3',
        'gRPC: POST that was not sent');
}

$t->done;
