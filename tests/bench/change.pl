#!/usr/bin/perl

# Copyright (C) Ficus authors
#
# What a change of the weights does to those who are connected: all traffic
# goes from one backend to the other while clients keep their connections and
# one waits for a long answer.  Usage: change.pl [ROUNDS]

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use IO::Socket::UNIX;
use List::Util qw(max sum);
use Test::More;
use Time::HiRes qw(sleep time);

use Ficus::Bench qw(percentile rounds table);
use Ficus::HTTP qw(parallel request);
use Ficus::Nginx;
use Ficus::Run;
use Ficus::Split;

use constant { CLIENTS => 16, BEFORE => 1, AFTER => 2 };    # seconds

my $rounds = shift // 3;

my $t = Ficus::Run->new;
my $dir = $t->dir;
my @lua = grep { -e } map { "/usr/lib/nginx/modules/$_" }
    qw(ndk_http_module.so ngx_http_lua_module.so);
my ($haproxy) = grep { -x } map { "$_/haproxy" } split(/:/, $ENV{PATH}),
    '/usr/sbin';
my $slow = 'x' x 3000;

# the backends; a long answer takes 2 seconds
my $backends = Ficus::Nginx->new($t, <<"EOC")->start;

%%GLOBALS%%
worker_processes 1;

http {
    %%HTTP%%
    server {
        listen 127.0.0.1:%%PORT_2%%;
        location / { return 200 v1; }
        location /slow { limit_rate 1500; return 200 $slow; }
    }
    server { listen 127.0.0.1:%%PORT_3%%; return 200 v2; }
}
EOC

mkdir "$dir/state";
$t->write('clients.conf', clients(100));

my %lua = (load => '', http => '', server => '');

if (@lua == 2) {
    $lua{load} = join ' ', map { "load_module $_;" } @lua;
    $lua{http} = <<'EOC';
    lua_shared_dict weights 64k;
    upstream by_lua {
        server 0.0.0.1;
        balancer_by_lua_block {
            local p = ngx.shared.weights:get("p") or 100
            local port = ngx.crc32_short(ngx.var.cookie_uid) % 100 < p
                         and %%PORT_2%% or %%PORT_3%%
            require("ngx.balancer").set_current_peer("127.0.0.1", port)
        }
        keepalive 64;
    }
EOC
    $lua{server} = <<'EOC';
        location /set { content_by_lua_block {
            ngx.shared.weights:set("p", tonumber(ngx.var.arg_p)) } }
        location / { proxy_pass http://by_lua; }
EOC
}

my $nginx = Ficus::Nginx->new($t, <<"EOC")->start;

$lua{load}
%%GLOBALS%%
worker_processes 2;

http {
    %%HTTP%%
    proxy_http_version 1.1;
    proxy_set_header Connection "";
    proxy_buffering off;

    upstream a { server 127.0.0.1:%%PORT_2%%; keepalive 64; }
    upstream b { server 127.0.0.1:%%PORT_3%%; keepalive 64; }

    upstream users {
        strangler zone=bench:1m state=%%DIR%%/state;
        strangler_key \$cookie_uid;
        arm v1=a weight=100 baseline;
        arm v2=b;
    }

    include %%DIR%%/clients.conf;
    $lua{http}

    server {
        listen 127.0.0.1:%%PORT_4%%;
        location / { proxy_pass http://users; }
    }
    server {
        listen 127.0.0.1:%%PORT_5%%;
        location / { proxy_pass http://\$clients; }
    }
    server {
        listen 127.0.0.1:%%PORT_6%%;
        $lua{server}
    }

    %%ADMIN%%
}
EOC

my $split = Ficus::Split->new($t->port(1), 'users');

my @ways = (
    'Ficus, PUT p' => way($t->port(4), sub { $split->p(shift) }),
    'split_clients, nginx reload' => way($t->port(5), \&reload),
);

push @ways, 'Lua, shared dictionary' => way($t->port(6), sub {
        request($t->port(6), 'GET', '/set?p=' . shift);
    }) if @lua == 2;

push @ways, 'HAProxy, set weight' => way(haproxy(), \&set_weight) if $haproxy;

my %r = rounds($rounds, @ways);

print "\nAll traffic moves while ", CLIENTS, " clients are connected, medians",
    " of $rounds rounds\n\n";

table([ '', 'change ms', 'old side for ms', 'reconnects', 'lost', 'long lost',
        'p99 ms', 'p99 after', 'max after' ],
    map {
        my $r = $r{$_};
        [ $_, map { sprintf '%.1f', $_ } @$r{qw(took old closed lost cut before
            after max)} ]
    } grep { !ref } @ways);

$t->stop('haproxy') if $haproxy;
$_->stop for $nginx, $backends;
$t->done;


# Each client tells of its requests: when it began, when it ended, who answered,
# and whether it had to connect again.

sub way {
    my ($port, $change) = @_;

    return sub {
        $change->(100);

        my $start = time + 0.2;
        my @r = parallel(CLIENTS + 2, sub {
            my ($i) = @_;

            return [ long($port, $start) ] if $i == 1;
            return [ changer($change, $start) ] if $i == 0;
            return [ client($port, "user-$i", $start) ];
        });

        my ($called, $returned) = @{$r[0]};

        return figures($called, $returned, $r[1][0], map { @$_ } @r[2 .. $#r]);
    };
}


sub changer {
    my ($change, $start) = @_;

    sleep $start + BEFORE - time;

    my $called = time;
    $change->(0);

    return $called, time;
}


sub long {
    my ($port, $start) = @_;

    sleep $start + BEFORE - 0.5 - time;

    my $r = request($port, 'GET', '/slow', headers => [ Cookie => 'uid=long' ]);

    return $r->{status} == 200 && length $r->{body} == 3000 ? 0 : 1;
}


sub client {
    my ($port, $uid, $start) = @_;

    my ($c, @requests);
    my $connects = -1;

    while ((my $began = time) < $start + BEFORE + AFTER) {
        $connects++ if !$c;
        $c //= Ficus::HTTP->connect($port);

        my $r = $c->ask('GET', '/', headers => [ Cookie => "uid=$uid" ]);

        push @requests, [ $began, time, $r->{body} // '', $connects ];
        $connects = 0;
        undef $c if !$r->{status}
            || ($r->{headers}{connection} // '') eq 'close';
    }

    return @requests;
}


sub figures {
    my ($called, $returned, $cut, @requests) = @_;

    my @before = map { $_->[1] - $_->[0] } grep { $_->[0] < $called } @requests;
    my @after = map { $_->[1] - $_->[0] } grep { $_->[1] > $called } @requests;
    my @old = map { $_->[0] - $returned } grep { $_->[2] eq 'v1' } @requests;
    return {
        took => ($returned - $called) * 1000,
        old => max(0, @old) * 1000,
        closed => sum(map { $_->[3] } @requests),
        lost => scalar(grep { $_->[2] !~ /^v[12]$/ } @requests),
        cut => $cut,
        before => percentile(0.99, @before) * 1000,
        after => percentile(0.99, @after) * 1000,
        max => max(@after) * 1000,
    };
}


sub clients {
    my ($p) = @_;

    return sprintf "split_clients \$cookie_uid \$clients { %s }\n",
        $p == 100 ? '* a;' : '* b;';
}


# A reload is over for who gave it when the signal is sent.

sub reload {
    my ($p) = @_;

    $t->write('clients.conf', clients($p));

    return $nginx->signal('HUP') if $p != 100;

    $nginx->reload;
}


sub haproxy {
    $t->write('haproxy.cfg', <<'EOC');
global
    nbthread 2
    stats socket %%DIR%%/haproxy.sock level admin
defaults
    mode http
    timeout connect 5s
    timeout client 30s
    timeout server 30s
    http-reuse always
frontend in
    bind 127.0.0.1:%%PORT_7%%
    default_backend users
backend users
    balance hdr(cookie)
    hash-type consistent
    server a 127.0.0.1:%%PORT_2%% weight 100
    server b 127.0.0.1:%%PORT_3%% weight 0
EOC

    $t->spawn('haproxy', command => [ $haproxy, '-db', '-f',
        "$dir/haproxy.cfg" ], ready => $t->port(7));

    return $t->port(7);
}


sub set_weight {
    my ($p) = @_;

    my $socket = IO::Socket::UNIX->new("$dir/haproxy.sock")
        or die "haproxy: $!\n";

    print $socket "set weight users/a $p; set weight users/b ", 100 - $p, "\n";
    () = <$socket>;
}
