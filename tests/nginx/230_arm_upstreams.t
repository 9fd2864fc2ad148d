#!/usr/bin/perl

# Copyright (C) Ficus authors

# Each arm keeps what its own upstream block says.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Test::More;

use Ficus::Backend qw(http_backend);
use Ficus::HTTP qw(get);
use Ficus::Nginx;
use Ficus::Run;
use Ficus::Split;

my $t = Ficus::Run->new;
my $nginx = Ficus::Nginx->new($t, <<'EOC');

%%GLOBALS%%
http {
    %%HTTP%%
    proxy_http_version 1.1;
    proxy_set_header Connection "";
    proxy_connect_timeout 1s;

    upstream plain { server 127.0.0.1:%%PORT_2%%; }

    upstream keep { server 127.0.0.1:%%PORT_3%%; keepalive 4; }
    upstream zoned { zone zoned 64k; server 127.0.0.1:%%PORT_3%%; keepalive 4; }

    upstream backup {
        server 127.0.0.1:%%PORT_9%%;
        server 127.0.0.1:%%PORT_3%% backup;
    }

    upstream fails {
        server 127.0.0.1:%%PORT_9%% max_fails=2 fail_timeout=60s;
        server 127.0.0.1:%%PORT_9%% down;
        server 127.0.0.1:%%PORT_3%%;
    }

    upstream zfails {
        zone zfails 64k;
        server 127.0.0.1:%%PORT_9%% max_fails=2 fail_timeout=60s;
        server 127.0.0.1:%%PORT_3%%;
    }

    upstream weighted {
        server 127.0.0.1:%%PORT_3%% weight=3;
        server 127.0.0.1:%%PORT_4%%;
    }

    upstream least { least_conn; server 127.0.0.1:%%PORT_3%%; server 127.0.0.1:%%PORT_4%%; }
    upstream hashed { hash $arg_h; server 127.0.0.1:%%PORT_3%%; server 127.0.0.1:%%PORT_4%%; }
    upstream chash { hash $arg_h consistent; server 127.0.0.1:%%PORT_3%%; server 127.0.0.1:%%PORT_4%%; }
    upstream iph { ip_hash; server 127.0.0.1:%%PORT_3%%; server 127.0.0.1:%%PORT_4%%; }
    upstream rand { random; server 127.0.0.1:%%PORT_3%%; server 127.0.0.1:%%PORT_4%%; }
    upstream randz {
        zone randz 64k;
        random two;
        server 127.0.0.1:%%PORT_3%%;
        server 127.0.0.1:%%PORT_4%%;
    }
    upstream dead { server 127.0.0.1:%%PORT_9%%; server 127.0.0.1:%%PORT_9%% down; }

    upstream s1  { strangler zone=s:4m; arm v1=plain weight=0; arm v2=keep; }
    upstream s2  { strangler zone=s; arm v1=plain weight=0; arm v2=zoned; }
    upstream s3  { strangler zone=s; arm v1=plain weight=0; arm v2=backup; }
    upstream s4  { strangler zone=s; arm v1=plain weight=0; arm v2=fails; }
    upstream s5  { strangler zone=s; arm v1=plain weight=0; arm v2=zfails; }
    upstream s6  { strangler zone=s; arm v1=plain weight=0; arm v2=weighted; }
    upstream s7  { strangler zone=s; arm v1=plain weight=0; arm v2=least; }
    upstream s8  { strangler zone=s; arm v1=plain weight=0; arm v2=hashed; }
    upstream s9  { strangler zone=s; arm v1=plain weight=0; arm v2=chash; }
    upstream s10 { strangler zone=s; arm v1=plain weight=0; arm v2=iph; }
    upstream s11 { strangler zone=s; arm v1=plain weight=0; arm v2=rand; }
    upstream s12 { strangler zone=s; arm v1=plain weight=0; arm v2=randz; }
    upstream s13 { strangler zone=s; arm v1=plain weight=0; arm v2=dead; }

    server {
        listen 127.0.0.1:%%PORT_0%%;
        add_header X-Addr "$upstream_addr" always;
        location ~ ^/(s\d+)$ { proxy_pass http://$1; }
    }

    %%ADMIN%%
}
EOC

http_backend($t, 'one', $t->port(2));
http_backend($t, 'three', $t->port(3));
http_backend($t, 'four', $t->port(4));
$nginx->start;

my $port = $t->port(0);


# How often each backend answered N requests.

sub spread {
    my ($n, $uri) = @_;

    my %count;
    $count{get($port, $uri->($_))->{headers}{'x-arm'} // 'none'}++ for 1 .. $n;

    return join ' ', map { "$_=$count{$_}" } sort keys %count;
}

sub connections {
    my ($path) = @_;

    my %seen = map { get($port, $path)->{headers}{'x-connection'} => 1 }
        1 .. 10;

    return scalar keys %seen;
}

sub addresses {
    my ($path) = @_;

    return scalar split /, /, get($port, $path)->{headers}{'x-addr'};
}


is(connections('/s1'), 1, 'keepalive');
is(connections('/s2'), 1, 'zone and keepalive');

# nginx 1.29.7 and later keeps connections without being asked
like(connections('/s3'), qr/^(?:1|10)$/, 'no keepalive');

is(spread(5, sub { '/s3' }), 'three=5', 'backup');
is(addresses('/s3'), 1, 'backup: the first is known to be down');

for my $path ('/s4', '/s5') {
    is(spread(10, sub { $path }), 'three=10', "$path: the next server answers");

    my $tries = 0;
    $tries += addresses($path) for 1 .. 10;
    is($tries, 10, "$path: max_fails keeps off the dead one");
}

is(spread(8, sub { '/s6' }), 'four=2 three=6', 'weight of servers');
is(spread(10, sub { '/s7' }), 'four=5 three=5', 'least_conn');

for my $path ('/s8', '/s9') {
    my %where;

    for my $h (1 .. 20) {
        my %arms = map { get($port, "$path?h=$h")->{headers}{'x-arm'} => 1 }
            1 .. 3;
        is(scalar keys %arms, 1, "$path: hash $h stays") if $h <= 3;
        $where{$_} = 1 for keys %arms;
    }

    is(scalar keys %where, 2, "$path: hash spreads");
}

like(spread(10, sub { '/s10' }), qr/^(?:three|four)=10$/, 'ip_hash');
like(spread(40, sub { '/s11' }), qr/^four=\d+ three=\d+$/, 'random');
like(spread(40, sub { '/s12' }), qr/^four=\d+ three=\d+$/, 'random two');

is(get($port, '/s13')->{status}, 502, 'no live server');
is(get($port, '/s13')->{status}, 502, 'no live server, again');
is(get($port, '/s1')->{status}, 200, 'others live');


# with 100 to the other arm, this one is not touched

my $dead = Ficus::Split->new($t->port(1), 's13');

$dead->p(100);
is(get($port, '/s13')->{body}, "one\n", 'away from a dead arm');

$t->done;
