#!/usr/bin/perl

# Copyright (C) Ficus authors

# A split behind grpc_pass.  The arms are HTTP/2 servers of the same nginx.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Test::More;

use Ficus::HTTP qw(get request);
use Ficus::Nginx;
use Ficus::Run;
use Ficus::Split qw(bucket);

my $t = Ficus::Run->new;
my $conf = <<'EOC';

%%GLOBALS%%
http {
    %%HTTP%%

    upstream users_v1 { server 127.0.0.1:%%PORT_2%%; }
    upstream users_v2 { server 127.0.0.1:%%PORT_3%%; keepalive 4; }

    upstream users {
        strangler zone=users:512k;
        strangler_key $arg_id;
        strangler_override header=X-Ficus-Arm;
        arm v1=users_v1 weight=50;
        arm v2=users_v2;
    }

    server {
        listen 127.0.0.1:%%PORT_2%% http2;
        location / {
            add_header X-Arm v1;
            add_header X-Leak "$http_x_ficus_arm";
            return 200 v1;
        }
    }

    server {
        listen 127.0.0.1:%%PORT_3%% http2;
        location / {
            add_header X-Arm v2;
            add_header X-Leak "$http_x_ficus_arm";
            return 200 v2;
        }
        location = /refuse { return 503; }
    }

    server {
        listen 127.0.0.1:%%PORT_0%%;
        location / { grpc_pass grpc://users; }
    }

    %%ADMIN%%
}
EOC

my $nginx = Ficus::Nginx->new($t, $conf);
my ($status, $out) = $nginx->check($conf);

plan(skip_all => 'no grpc or http2 in this nginx')
    if $out =~ /unknown directive "grpc_pass"|requires the .*http_v2/;

$nginx->start;

my $port = $t->port(0);
my %id;

for my $i (1 .. 50) {
    $id{bucket('users', "u$i") < 5000 ? 'v2' : 'v1'} = "u$i";
}

for my $arm ('v1', 'v2') {
    for my $n (1 .. 3) {
        my $r = get($port, "/?id=$id{$arm}");

        is($r->{body}, $arm, "$arm: call $n");
    }

    is(request($port, 'POST', "/?id=$id{$arm}", body => 'x' x 100000)->{body},
        $arm, "$arm: call with a body");
}

my $r = get($port, "/?id=$id{v1}", 'X-Ficus-Arm' => 'v2');

is($r->{body}, 'v2', 'override');
is($r->{headers}{'x-leak'}, undef, 'override is not passed on');
is(get($port, "/refuse?id=$id{v2}")->{status}, 503, 'status is passed');

$t->done;
