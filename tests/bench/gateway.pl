#!/usr/bin/perl

# Copyright (C) Ficus authors
#
# What a split costs: requests/s through one nginx to the same backends, side
# by side with what else divides traffic.  Usage: gateway.pl [ROUNDS [SECONDS]]

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Test::More;

use Ficus::Bench qw(compare loads rounds wrk);
use Ficus::Nginx;
use Ficus::Run qw(wait_for);
use Ficus::Split;

my $rounds = shift // 7;
my $seconds = shift // 2;

my $t = Ficus::Run->new;
my $dir = $t->dir;
my ($lua) = grep { -e } '/usr/lib/nginx/modules/ngx_http_lua_module.so';
my ($ndk) = grep { -e } '/usr/lib/nginx/modules/ndk_http_module.so';
my ($haproxy) = grep { -x } map { "$_/haproxy" } split(/:/, $ENV{PATH}),
    '/usr/sbin';

# both backends, in an nginx of their own
my $backends = Ficus::Nginx->new($t, <<'EOC')->start;

%%GLOBALS%%
worker_processes 1;

http {
    %%HTTP%%
    server { listen 127.0.0.1:%%PORT_2%%; return 200 v1; }
    server { listen 127.0.0.1:%%PORT_3%%; return 200 v2; }
}
EOC

my %lua = (load => '', upstream => '', location => '');

if ($lua && $ndk) {
    $lua{load} = "load_module $ndk; load_module $lua;";
    $lua{upstream} = <<'EOC';
    upstream by_lua {
        server 0.0.0.1;
        balancer_by_lua_block {
            local uid = ngx.var.cookie_uid or ""
            local port = ngx.crc32_short(uid) % 10000 < 5000
                         and %%PORT_2%% or %%PORT_3%%
            require("ngx.balancer").set_current_peer("127.0.0.1", port)
        }
        keepalive 64;
    }
EOC
    $lua{location} = 'location /lua { proxy_pass http://by_lua; }';
}

mkdir "$dir/state";

my $nginx = Ficus::Nginx->new($t, <<"EOC")->start;

$lua{load}
%%GLOBALS%%
worker_processes 1;

http {
    %%HTTP%%
    proxy_http_version 1.1;
    proxy_set_header Connection "";

    upstream a { server 127.0.0.1:%%PORT_2%%; keepalive 64; }
    upstream b { server 127.0.0.1:%%PORT_3%%; keepalive 64; }

    split_clients \$cookie_uid \$half { 50% a; * b; }
    split_clients \$cookie_uid \$all { 100% a; * b; }

    upstream all {
        strangler zone=bench:1m state=%%DIR%%/state;
        strangler_key \$cookie_uid;
        arm v1=a weight=100 baseline;
        arm v2=b;
    }

    upstream half {
        strangler zone=bench state=%%DIR%%/state;
        strangler_key \$cookie_uid;
        arm v1=a weight=50 baseline;
        arm v2=b;
    }

    upstream moving {
        strangler zone=bench state=%%DIR%%/state;
        strangler_key \$cookie_uid;
        arm v1=a weight=50 baseline;
        arm v2=b;
    }

$lua{upstream}

    server {
        listen 127.0.0.1:%%PORT_0%%;
        location /return { return 200 ok; }
        location /fixed { proxy_pass http://a; }
        location /all { proxy_pass http://all; }
        location /clients-all { proxy_pass http://\$all; }
        location /half { proxy_pass http://half; }
        location /moving { proxy_pass http://moving; }
        location /clients { proxy_pass http://\$half; }
        $lua{location}
    }

    %%ADMIN%%
}
EOC

my $gateway = 'http://127.0.0.1:' . $t->port(0);

# each connection is another user, and changes with every request
my $script = <<'EOC';
local n = 0
request = function()
    n = n + 7919
    wrk.headers["Cookie"] = "uid=user-" .. (n % 100003)
    return wrk.format()
end
EOC

sub load {
    my ($url, $peer) = @_;

    return sub {
        return wrk($url, dir => $dir, seconds => $seconds, script => $script,
            cpu => [ $peer ? $t->pid($peer) : $nginx->children ]);
    };
}

# P goes up and down ten times a second
sub moving {
    my $split = Ficus::Split->new($t->port(1), 'moving');
    my $child = fork // die "fork: $!\n";

    if ($child == 0) {
        my $p = 0;

        while (1) {
            $split->p($p = ($p + 10) % 110);
            select undef, undef, undef, 0.1;
        }
    }

    my $r = load("$gateway/moving")->();

    kill 'KILL', $child;
    waitpid $child, 0;

    return $r;
}

my @loads = (
    'nginx return 200' => load("$gateway/return"),
    'fixed upstream' => load("$gateway/fixed"),
    'split_clients, all to one' => load("$gateway/clients-all"),
    'split, all to one' => load("$gateway/all"),
    'split_clients, half and half' => load("$gateway/clients"),
    'split, half and half' => load("$gateway/half"),
    'split, P changes 10 times a second' => \&moving,
);

push @loads, 'Lua, half and half' => load("$gateway/lua") if $lua{load};

if ($haproxy) {
    $t->write('haproxy.cfg', <<'EOC');
global
    nbthread 1
    maxconn 4096
defaults
    mode http
    timeout connect 5s
    timeout client 30s
    timeout server 30s
    http-reuse always
frontend in
    bind 127.0.0.1:%%PORT_4%%
    default_backend users
backend users
    balance hdr(cookie)
    hash-type consistent
    server a 127.0.0.1:%%PORT_2%% weight 50
    server b 127.0.0.1:%%PORT_3%% weight 50
EOC
    $t->spawn('haproxy', command => [ $haproxy, '-db', '-f',
        "$dir/haproxy.cfg" ], ready => $t->port(4));
    push @loads, 'HAProxy, half and half' => load('http://127.0.0.1:'
        . $t->port(4) . '/haproxy', 'haproxy');
}

my %r = rounds($rounds, @loads);

print "\nGateway: medians of $rounds rounds of $seconds s, 64 connections\n\n";

loads(\%r, grep { !ref } @loads);

my $half = 'split, half and half';

compare('split / fixed upstream', $r{'split, all to one'},
    $r{'fixed upstream'}, 0.98);
compare('split while P changes / split',
    $r{'split, P changes 10 times a second'}, $r{$half}, 0.98);

for my $peer (grep { $r{"$_, half and half"} } qw(split_clients Lua HAProxy)) {
    compare("split / $peer", $r{$half}, $r{"$peer, half and half"}, 1.0);
}

print "\n";
$t->stop('haproxy') if $haproxy;
$_->stop for $nginx, $backends;
$t->done;
