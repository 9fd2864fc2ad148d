#!/usr/bin/perl

# Copyright (C) Ficus authors

# Arms that drip, fall silent, or close a connection at the wrong moment: what
# the client sees, who is charged, and that no write is made twice.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Digest::SHA qw(sha1_hex);
use Test::More;
use Time::HiRes qw(sleep time);

use Ficus::Backend qw(http_backend);
use Ficus::HTTP qw(get request parallel);
use Ficus::Nginx;
use Ficus::Run qw(wait_for);
use Ficus::Split;

my $t = Ficus::Run->new;
my $nginx = Ficus::Nginx->new($t, <<'EOC');

%%GLOBALS%%
worker_processes 1;

http {
    %%HTTP%%
    proxy_http_version 1.1;
    proxy_set_header Connection "";
    proxy_read_timeout 1s;
    client_body_buffer_size 1m;

    upstream v1 { server 127.0.0.1:%%PORT_2%%; keepalive 8; }
    upstream v2 { server 127.0.0.1:%%PORT_3%%; keepalive 8; }
    upstream v3 { server unix:%%DIR%%/v3; keepalive 8; }
    upstream narrow { server 127.0.0.1:%%PORT_3%% max_conns=2; }

    upstream tcp {
        strangler zone=r:2m;
        strangler_rescue floor=1000;
        arm v1=v1 weight=0; arm v2=v2;
    }
    upstream unix {
        strangler zone=r;
        strangler_rescue floor=1000;
        arm v1=v1 weight=0; arm v2=v3;
    }
    upstream alone {
        strangler zone=r;
        strangler_breaker failures=1;
        arm v1=v1 weight=0; arm v2=v2;
    }
    upstream thin {
        strangler zone=r;
        strangler_rescue floor=1000;
        strangler_breaker failures=100 ratio=0;
        arm v1=v1 weight=0; arm v2=narrow;
    }

    server {
        listen 127.0.0.1:%%PORT_0%%;
        location ~ ^/(\w+)$ { proxy_pass http://$1; }
        location /fresh/ {
            proxy_set_header Connection close;
            proxy_pass http://tcp;
        }
        location /bare/ { proxy_buffering off; proxy_pass http://tcp; }
        location /never/ { proxy_next_upstream off; proxy_pass http://tcp; }
        location /alone/ { proxy_next_upstream off; proxy_pass http://alone; }
        location /thin/ { proxy_read_timeout 3s; proxy_pass http://thin; }
    }

    %%ADMIN%%
}
EOC

http_backend($t, 'v1', $t->port(2));
http_backend($t, 'v2', $t->port(3));
http_backend($t, 'v3', $t->dir . '/v3');
$nginx->start;

my $port = $t->port(0);
my %split = map { $_ => Ficus::Split->new($t->port(1), $_) }
    qw(tcp unix alone thin);

sub told {
    my ($r) = @_;

    return join ' ', $r->{status}, $r->{body} && $r->{body} =~ /^(v\d)/ ? $1
        : '-', $r->{headers}{'x-ficus-rescued'} // '-';
}

# what the arm has been charged with since the last call

my %last;

sub charged {
    my ($name) = @_;

    my $now = $split{$name}->state->{arms}[1]{failures};
    my $new = $now - ($last{$name} // 0);

    $last{$name} = $now;

    return $new;
}

sub unsafe {
    my ($name) = @_;

    return get($t->port(1), '/metrics')->{body}
        =~ /^ficus_split_rescues_refused_total\{split="$name",why="unsafe"\} (\d+)$/m
        ? $1 : 'none';
}

# how many requests a backend has read, this one included
sub seen {
    my ($to) = @_;

    return get($to, '/')->{headers}{'x-request'};
}


# Drips.  nginx waits for the whole header so long, but for each byte of a body.

for my $step (0.02, 2) {
    my $began = time;

    is(told(get($port, '/tcp', 'Do-v2' => "drip=$step")), '200 v1 v2',
        "a byte of the header each $step s: late");
    cmp_ok(time - $began, '<', 2.5, 'after the timeout');
    is(charged('tcp'), 1, 'charged');
}

is(told(get($port, '/tcp', 'Do-v2' => 'trickle=0.6')), '200 v2 -',
    'a body may take longer');
is(charged('tcp'), 0, 'and is no failure');
is(told(request($port, 'POST', '/tcp', body => 'x',
    headers => [ 'Do-v2' => 'drip=2' ])), '504 - -', 'POST: late');
is(charged('tcp'), 1, 'POST: charged');

for my $path ('/tcp', '/bare/') {
    my $c = Ficus::HTTP->connect($port);

    my $began = time;

    $c->send("GET $path HTTP/1.1\r\nHost: a\r\nDo-v2: stall\r\n\r\n");

    my $r = $c->receive;

    is($r->{status}, 0, "$path: the header, then silence: cut off");
    like($r->{error}, qr/closed early/, "$path: by the gateway");
    cmp_ok(time - $began, '<', 2.5, "$path: after the timeout");
    is(charged('tcp'), 1, "$path: charged");

    $r = get($port, $path, 'Do-v2' => 'cut');
    is($r->{status}, 0, "$path: half of the body: cut off");
    is(charged('tcp'), 1, "$path: cut: charged");
    is(told(get($port, $path)), '200 v2 -', "$path: all of it");
    is(charged('tcp'), 0, "$path: all of it: not charged");
}

# an arm that drips for ever holds max_conns of them, no more

my @answers = parallel(5, sub {
    my ($i) = @_;

    sleep 0.5 if $i > 1;

    return told(get($port, '/thin/', 'Do-v2' => $i > 1 ? 'sleep=0' : 'trickle=1'));
});

is("@answers", '200 v2 - 200 v2 - 200 v1 v2 200 v1 v2 200 v1 v2',
    'a full arm: the baseline answers');
is(charged('thin'), 3, 'a full arm: charged');


# Closed in the middle.

my $body = join '', map { chr(($_ * 7919 + ($_ >> 8)) % 256) } 1 .. 900000;

for my $path ('/fresh/', '/tcp') {
    my $unsafe = unsafe('tcp');

    for my $do (qw(behead early close)) {
        my @do = ('Do-v2' => $do);

        get($port, $path);
        is(told(get($port, $path, @do)), '200 v1 v2', "$path, $do: GET");

        get($port, $path);
        charged('tcp');

        my $r = request($port, 'PUT', $path, body => $body,
            headers => [ @do, 'Do-v1' => 'echo' ]);

        is("$r->{status} $r->{json}{arm} $r->{json}{sha1}",
            '200 v1 ' . sha1_hex($body), "$path, $do: PUT, all of it");
        is(charged('tcp'), 1, "$path, $do: PUT: charged");

        my $before = seen($t->port(3));

        is(told(request($port, 'POST', $path, body => $body,
            headers => \@do)), '502 - -', "$path, $do: POST");
        is(charged('tcp'), 1, "$path, $do: POST: charged");
        is(seen($t->port(3)), $before + ($do eq 'early' ? 1 : 2),
            "$path, $do: POST: made once");
    }

    is(unsafe('tcp'), $unsafe + 3, "$path: three were not safe");
}


# Closed between two requests; nginx sees the next request before it sees that.

sub stale {
    my ($method, $path, @headers) = @_;

    my $c = Ficus::HTTP->connect($port);
    my ($worker) = $nginx->workers;

    is($c->ask('GET', $path, headers => [ Do => 'hangup=0.3' ])->{status}, 200,
        "$method $path: a connection is kept");
    kill 'STOP', $worker;
    $c->send("$method $path HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n"
        . join('', map { "$_\r\n" } @headers) . "\r\nx");
    sleep 0.6;
    kill 'CONT', $worker;

    return told($c->receive($method));
}

for my $path ('/tcp', '/unix', '/never/') {
    my $name = $path eq '/unix' ? 'unix' : 'tcp';
    my $v = $path eq '/unix' ? 'v3' : 'v2';
    my $to = $path eq '/unix' ? $t->dir . '/v3' : $t->port(3);

    charged($name);

    for my $case ([ 'GET' ], [ 'PUT' ], [ 'POST' ], [ 'PATCH' ],
                  [ 'PUT', 'If-Match: "1"' ])
    {
        my $before = seen($to);

        is(stale($case->[0], $path, @$case[1 .. $#$case]), "200 $v -",
            "@$case $path: asked again");
        is(charged($name), 0, "@$case $path: nobody is charged");
        is(seen($to), $before + 3, "@$case $path: once");
    }
}

# without rescue the location decides: here nothing is repeated

is(stale('POST', '/alone/'), '502 - -', 'not repeated') for 1 .. 4;

is(charged('alone'), 0, 'nor charged');
is($split{alone}->state->{arms}[1]{state}, 'closed', 'the breaker is closed');

# what was sent and lost is a failure, also on a kept connection

get($port, '/alone/');
is(request($port, 'POST', '/alone/', body => 'x',
    headers => [ 'Do-v2' => 'close' ])->{status}, 502, 'a POST that is lost');
is($split{alone}->state->{arms}[1]{state}, 'open', 'opens the breaker');

$t->done;
