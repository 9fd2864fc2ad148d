#!/usr/bin/perl

# Copyright (C) Ficus authors

# A split behind fastcgi_pass.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Test::More;

use Ficus::Backend qw(fastcgi_backend);
use Ficus::HTTP qw(get request);
use Ficus::Nginx;
use Ficus::Run;
use Ficus::Split qw(bucket);

my $t = Ficus::Run->new;
my $nginx = Ficus::Nginx->new($t, <<'EOC');

%%GLOBALS%%
http {
    %%HTTP%%

    server {
        listen 127.0.0.1:%%PORT_0%%;
        client_max_body_size 8m;

        # before the upstreams are defined
        location / {
            include /etc/nginx/fastcgi_params;
            fastcgi_pass users;
            add_header X-Chosen $strangler_users_arm always;
        }

        location /kept/ {
            include /etc/nginx/fastcgi_params;
            fastcgi_keep_conn on;
            fastcgi_pass kept;
        }
    }

    # the split before its arms
    upstream users {
        strangler zone=users:512k;
        strangler_key $arg_id;
        arm v1=users_v1 weight=50;
        arm v2=users_v2;
    }

    upstream users_v1 { server unix:%%DIR%%/v1.sock; }
    upstream users_v2 { server unix:%%DIR%%/v2.sock; }

    upstream kept_v1 { server unix:%%DIR%%/v1.sock; keepalive 4; }
    upstream kept_v2 { server unix:%%DIR%%/v2.sock; keepalive 4; }

    upstream kept {
        strangler zone=users;
        strangler_key $arg_id;
        arm v1=kept_v1 weight=50;
        arm v2=kept_v2;
    }

    %%ADMIN%%
}
EOC

fastcgi_backend($t, $_, $t->dir . "/$_.sock") for 'v1', 'v2';
$nginx->start;

my $port = $t->port(0);
my (%id, %kept_id);

for my $i (1 .. 50) {
    $id{bucket('users', "u$i") < 5000 ? 'v2' : 'v1'} = "u$i";
    $kept_id{bucket('kept', "u$i") < 5000 ? 'v2' : 'v1'} = "u$i";
}

for my $arm ('v1', 'v2') {
    my $r = get($port, "/x?id=$id{$arm}");

    is($r->{body}, "$arm\n", "$arm: answers");
    is($r->{headers}{'x-chosen'}, $arm, "$arm: chosen");

    $r = request($port, 'POST', "/x?id=$id{$arm}", body => 'x' x 300000,
        headers => [ Do => 'echo' ]);
    is($r->{json}{arm}, $arm, "$arm: POST");
    is($r->{json}{length}, 300000, "$arm: POST with a body of 300,000 bytes");
    is($r->{json}{params}{REQUEST_METHOD}, 'POST', "$arm: params");
    is(request($port, 'HEAD', "/x?id=$id{$arm}")->{headers}{'x-arm'}, $arm,
        "$arm: HEAD");
    is(get($port, "/x?id=$id{$arm}", Do => 'status=418')->{status}, 418,
        "$arm: status is passed");
    is(get($port, "/x?id=$id{$arm}", Do => 'close')->{status}, 502,
        "$arm: no answer");

    my %connections = map {
        get($port, "/kept/?id=$kept_id{$arm}")->{headers}{'x-connection'} => 1
    } 1 .. 10;
    is(scalar keys %connections, 1, "$arm: keepalive");
}

my %connections = map {
    my $arm = $_ % 2 ? 'v1' : 'v2';
    my $r = get($port, "/kept/?id=$kept_id{$arm}");
    "$r->{headers}{'x-arm'} $r->{headers}{'x-connection'}" => 1
} 1 .. 20;
is(scalar keys %connections, 2, 'keepalive, both arms in turn');


# an arm that is down does not harm the other

$t->stop('v2');
is(get($port, "/x?id=$id{v2}")->{status}, 502, 'v2 is down');
is(get($port, "/x?id=$id{v2}")->{headers}{'x-chosen'}, 'v2',
    'v2 is down: still chosen');
is(get($port, "/x?id=$id{v1}")->{status}, 200, 'v1 is not');

$t->done;
