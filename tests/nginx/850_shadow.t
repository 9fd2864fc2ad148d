#!/usr/bin/perl

# Copyright (C) Ficus authors

# strangler_shadow: another arm is asked, too, without a client.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Test::More;
use Time::HiRes qw(sleep time);

use Ficus::Backend qw(http_backend fastcgi_backend);
use Ficus::HTTP qw(get request);
use Ficus::Nginx;
use Ficus::Run qw(wait_for);
use Ficus::Split;

my $t = Ficus::Run->new;
mkdir $t->dir . '/state';

my $conf = <<'EOC';

%%GLOBALS%%
worker_processes 2;

http {
    %%HTTP%%
    proxy_http_version 1.1;
    proxy_set_header Connection "";
    proxy_set_header X-Client "$remote_addr $scheme $server_protocol $host $tenant";
    proxy_set_header X-Shadow $strangler_http_shadow;
    client_body_buffer_size 1k;
    limit_req_zone $uri zone=limit:64k rate=1r/m;
    log_format shadow '$request_method $request_uri $status $strangler_http_arm';
    log_format seen escape=none '$request_method $request_uri|$http_x_client|'
                    '$http_cookie|$http_x_other|$http_x_ficus_arm|'
                    '$http_x_shadow|$content_length|$request_body';

    upstream v1 { server 127.0.0.1:%%PORT_2%%; keepalive 4; }
    upstream v2 { server 127.0.0.1:%%PORT_4%%; keepalive 4; }
    upstream f1 { server 127.0.0.1:%%PORT_5%%; keepalive 4; }
    upstream f2 { server 127.0.0.1:%%PORT_6%%; keepalive 4; }
    upstream gone { server 127.0.0.1:%%PORT_9%%; }

    upstream http {
        strangler zone=r:2m state=%%DIR%%/state;
        strangler_override header=X-Ficus-Arm;
        strangler_breaker failures=1 open=60s;
        strangler_rescue;
        strangler_shadow share=100 noise=0;
        arm v1=v1 weight=100; arm v2=v2;
    }
    upstream fcgi {
        strangler zone=r;
        strangler_shadow share=100 noise=0 methods=GET,POST body=4k timeout=400ms;
        arm v1=f1 weight=100; arm v2=f2;
    }
    upstream few {
        strangler zone=r;
        strangler_shadow share=100 noise=0 in_flight=2;
        arm v1=v1 weight=100; arm v2=v2;
    }
    upstream dead {
        strangler zone=r;
        strangler_override header=X-Ficus-Arm;
        strangler_breaker failures=1 open=60s;
        strangler_shadow share=100 noise=0;
        arm v1=v1 weight=100; arm v2=gone;
    }
    upstream part {
        strangler zone=r state=%%DIR%%/state;
        strangler_shadow;
        arm v1=v1 weight=100; arm v2=v2;
    }
    upstream none {
        strangler zone=r;
        arm v1=v1 weight=100; arm v2=v2;
    }

    server {
        listen 127.0.0.1:%%PORT_0%% reuseport;
        server_name ~^(?<tenant>\w+)\.example$;
        access_log %%DIR%%/logs/access shadow;

        location / { proxy_pass http://http; }
        location /logged/ { log_subrequest on; proxy_pass http://http; }
        location /pinned/ { strangler_pin v1; proxy_pass http://http; }
        location /limited/ { limit_req zone=limit burst=1 nodelay; proxy_pass http://http; }
        location /rewritten/ {
            rewrite ^/rewritten/(.*)$ /to/$1 break;
            proxy_pass http://http;
        }
        location /redirected/ {
            error_page 418 = @there;
            return 418;
        }
        location @there { proxy_pass http://http; }
        location /off/ { strangler_shadow_methods off; proxy_pass http://http; }
        location /writes/ {
            strangler_shadow_methods POST PUT,GET;
            proxy_pass http://http;
        }
        location /stream/ {
            strangler_shadow_methods POST;
            proxy_request_buffering off;
            proxy_pass http://http;
        }
        location /fcgi/ {
            include /etc/nginx/fastcgi_params;
            fastcgi_keep_conn on;
            fastcgi_pass fcgi;
        }
        location /few/ { proxy_pass http://few; }
        location /dead/ { proxy_pass http://dead; }
        location /part/ { proxy_pass http://part; }
        location /none/ { proxy_pass http://none; }
        location /closed/ { lingering_close always; proxy_pass http://http; }
    }

    # sees what v2 gets
    server {
        listen 127.0.0.1:%%PORT_4%%;
        access_log %%DIR%%/logs/seen seen;
        keepalive_requests 100000;
        client_body_buffer_size 128k;
        location / {
            proxy_set_header X-Client $http_x_client;
            proxy_pass http://127.0.0.1:%%PORT_3%%;
        }
    }

    %%ADMIN%%
}
EOC

my $nginx = Ficus::Nginx->new($t, $conf);

http_backend($t, 'v1', $t->port(2));
http_backend($t, 'v2', $t->port(3));
fastcgi_backend($t, 'f1', $t->port(5));
fastcgi_backend($t, 'f2', $t->port(6));

$nginx->start;

my $port = $t->port(0);
my %split = map { $_ => Ficus::Split->new($t->port(1), $_) }
    qw(http fcgi few dead part none);


sub shadow { return $split{$_[0]}->state->{shadow} }


sub settled {
    my ($name) = @_;

    return wait_for(15, sub { shadow($name)->{in_flight} == 0 });
}


# what the other arm gets

my @client = (Host => 'acme.example', Cookie => 'uid=7; a=b',
    'X-Other' => 'one', 'X-Ficus-Arm' => 'v1');

is(request($port, 'GET', '/a/../b%20c//d?x=%2f&y', headers => \@client)->{body},
    "v1\n", 'the client gets the answer of its arm');
is_deeply([ $t->lines('seen', 1) ],
    [ 'GET /a/../b%20c//d?x=%2f&y|127.0.0.1 http HTTP/1.1 acme.example acme|'
        . 'uid=7; a=b|one||1||' ],
    'the other arm gets the same request');
ok(settled('http'), 'done');
is(shadow('http')->{started}, 1, 'one was started');
is(shadow('http')->{failed}, 0, 'and did not fail');

is(get($port, '/b', 'X-Ficus-Arm' => 'v2')->{body}, "v2\n", 'v2 answers');
like(($t->lines('seen', 1))[0], qr{^GET /b\|.*\|\|\|$}, 'a client is no shadow');
ok(settled('http'), 'the baseline is asked then');
is(shadow('http')->{started}, 2, 'the second one');

request($port, 'HEAD', '/h');
like(($t->lines('seen', 1))[0], qr{^HEAD /h\|}, 'HEAD');

get($port, '/rewritten/x');
like(($t->lines('seen', 1))[0], qr{^GET /to/x\|}, 'rewritten anew');
get($port, '/redirected/x');
like(($t->lines('seen', 1))[0], qr{^GET /redirected/x\|}, 'through error_page');
get($port, '/closed/x');
like(($t->lines('seen', 1))[0], qr{^GET /closed/x\|}, 'lingering_close');


# what it does not

ok(settled('http'), 'done');
my $before = shadow('http');

get($port, '/pinned/x');
get($port, '/off/x');
request($port, 'POST', '/p', body => 'x');
request($port, 'DELETE', '/p');
is(shadow('http')->{started}, $before->{started},
    'no shadow of pins, of unsafe methods, where it is off');
is_deeply([ $t->lines('seen', 0) ], [], 'v2 has seen nothing');

my $body = 'body ' x 2000;

request($port, 'PUT', '/writes/x', body => $body);
is((split /\|/, ($t->lines('seen', 1))[0])[7], $body,
    'a body, from the temporary file');
request($port, 'POST', '/writes/x', body => 'small');
like(($t->lines('seen', 1))[0], qr{^POST /writes/x\|.*\|5\|small$}, 'a small one');
my $c = Ficus::HTTP->connect($port);
$c->send("POST /writes/y HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n"
    . "\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n");
is($c->receive->{status}, 200, 'in chunks');
like(($t->lines('seen', 1))[0], qr{^POST /writes/y\|.*\|5\|abcde$},
    'gets a length');

ok(settled('http'), 'done');
$before = shadow('http');
request($port, 'POST', '/writes/x', body => 'x' x 70000);
stream('y' x 40000, 'y' x 30000);
ok(wait_for(5,
    sub { shadow('http')->{dropped} - $before->{dropped} == 2 }),
    'a body that is too large, read before or passed on as it comes');
is_deeply([ $t->lines('seen', 0) ], [], 'v2 has seen nothing of it');

stream(map { $_ x 3000 } 'a' .. 'e');
is((split /\|/, ($t->lines('seen', 1))[0])[7],
    join('', map { $_ x 3000 } 'a' .. 'e'), 'one passed on as it comes');


# a client that sends its body in parts, to an arm that gets it so

sub stream {
    my (@parts) = @_;

    my $client = Ficus::HTTP->connect($port);

    $client->send("POST /stream/x HTTP/1.1\r\nHost: x\r\nContent-Length: "
        . length(join '', @parts) . "\r\n\r\n");

    for (@parts) {
        sleep 0.05;
        $client->send($_);
    }

    is($client->receive->{status}, 200, 'answered');
}


# nobody waits for it

$c = Ficus::HTTP->connect($port);
my $start = time;
is($c->ask('GET', '/slow', headers => [ 'Do-v2' => 'sleep=2' ])->{status}, 200,
    'v2 is slow');
is($c->ask('GET', '/next')->{status}, 200, 'the same connection');
is($c->ask('POST', '/next', body => 'x')->{status}, 200, 'and again');
cmp_ok(time - $start, '<', 1, 'no client waits for a shadow');
cmp_ok(shadow('http')->{in_flight}, '>=', 1, 'which is on its way');
ok(settled('http'), 'until it has come back');
$t->lines('seen', 2);


# it counts for nobody

my $state = $split{http}->state;
my %arm = map { $_->{name} => $_ } @{$state->{arms}};

is($arm{v2}{requests}, 1, 'v2 has had one request of a client');

get($port, '/f', 'Do-v2' => 'status=503') for 1 .. 3;
ok(settled('http'), 'v2 has failed shadows');

%arm = map { $_->{name} => $_ } @{$split{http}->state->{arms}};
is($arm{v2}{requests}, 1, 'no request');
is($arm{v2}{failures}, 0, 'no failure');
is($arm{v2}{state}, 'closed', 'the breaker is as it was');
unlike(get($t->port(1), '/metrics')->{body},
    qr/responses_total\{split="http",arm="v2",code="503"\} [1-9]/,
    'no response');

is(get($port, '/limited/x')->{status}, 200, 'limit_req: the first');
ok(settled('http'), 'and its shadow');
is(get($port, '/limited/x')->{status}, 200, 'limit_req: the second');

sub logged { return sort grep { m{/$_[0]} } $t->lines('access', $_[1]) }

get($port, '/logged/x');
ok(settled('http'), 'done');
is_deeply([ logged('logged', 2) ],
    [ 'GET /logged/x 200 v1', 'GET /logged/x 200 v2' ],
    'it is logged with log_subrequest');
get($port, '/not');
ok(settled('http'), 'done');
is_deeply([ logged('not', 1) ], [ 'GET /not 200 v1' ], 'and not otherwise');


# failures

get($port, '/dead/x');
ok(settled('dead'), 'an arm that is gone');
is_deeply([ @{shadow('dead')}{qw(started failed)} ], [ 1, 1 ], 'failed');
is($split{dead}->state->{arms}[1]{state}, 'closed', 'no breaker');
get($port, '/dead/x', 'X-Ficus-Arm' => 'v2');
is($split{dead}->state->{arms}[1]{state}, 'open', 'a client opens it');
get($port, '/dead/x');
ok(settled('dead'), 'done');
is_deeply([ @{shadow('dead')}{qw(started failed dropped)} ], [ 1, 1, 2 ],
    'an open breaker keeps shadows away, too');
like($nginx->log, qr/connect\(\) failed .*, shadow of arm: "v2", server:/,
    'the log tells a shadow from a client');

get($port, '/fcgi/x', 'Do-f2' => $_) for qw(close cut garbage);
ok(settled('fcgi'), 'an arm that breaks off');
is_deeply([ @{shadow('fcgi')}{qw(started failed)} ], [ 3, 3 ], 'failed');

$start = time;
request($port, 'POST', '/fcgi/x', body => 'x', headers => [ 'Do-f2' => 'sleep=3' ]);
ok(settled('fcgi'), 'timeout');
cmp_ok(time - $start, '<', 2.5, 'in time');
is(shadow('fcgi')->{failed}, 4, 'late is failed');
request($port, 'POST', '/fcgi/x', body => 'x');
ok(settled('fcgi'), 'FastCGI');
is_deeply([ @{shadow('fcgi')}{qw(started failed)} ], [ 5, 4 ], 'answered');


# bounds

get($port, '/few/x', 'Do-v2' => 'sleep=1') for 1 .. 5;
is_deeply([ @{shadow('few')}{qw(in_flight started dropped)} ], [ 2, 2, 3 ],
    'no more than in_flight');
ok(settled('few'), 'they come back');
get($port, '/few/x');
ok(settled('few'), 'the next');
is(shadow('few')->{started}, 3, 'has room again');
like(get($t->port(1), '/metrics')->{body},
    qr/^ficus_split_shadow_total\{split="few",result="dropped_busy"\} 3$/m,
    'the metric tells why');

$c = Ficus::HTTP->connect($port);
$c->send("GET /away HTTP/1.1\r\nHost: x\r\nDo-v1: sleep=0.5\r\n\r\n");
sleep 0.1;
$before = shadow('http');
undef $c;
ok(settled('http'), 'a client that goes away');
is(shadow('http')->{dropped} - $before->{dropped}, 1, 'has no shadow');


# the share

sub put {
    my ($name, $json, @headers) = @_;

    return $split{$name}->ask('PUT', '/shadow', json => $json,
        headers => \@headers);
}

is(shadow('part')->{share}, 0, 'none at first');
is($split{none}->state->{shadow}, undef, 'null without the directive');

my $r = put('part', { share => 12.5 });
is($r->{status}, 200, 'PUT');
is($r->{json}{shadow}{share}, 12.5, 'answers the state');
like($r->{body}, qr/"shadow":\{"share":12\.50,/, 'two decimals');
is($r->{json}{reason}, 'shadow share 12.50', 'the history says so');
is($r->{headers}{etag}, qq("$r->{json}{generation}"), 'a generation');

$c = Ficus::HTTP->connect($port);
$c->ask('GET', '/part/x') for 1 .. 80;
ok(settled('part'), 'done');
is(shadow('part')->{started}, 10, 'exactly that share');

is(put('part', $_)->{status}, 400, 'bad') for { share => 100.01 },
    { share => -1 }, { share => 'x' }, { share => 0.001 }, {},
    { share => 1, more => 2 }, { share => undef };
is(put('none', { share => 1 })->{status}, 409, 'not without the directive');
is($split{part}->ask('GET', '/shadow')->{status}, 405, 'PUT alone');
is(put('part', { share => 1 }, 'If-Match' => '"1"')->{status}, 412, 'If-Match');
is(put('part', { share => 25 }, 'If-Match' => $r->{headers}{etag})->{status},
    200, 'If-Match of now');

$split{part}->p(60);
is(shadow('part')->{share}, 25, 'a change of weights leaves it');
put('part', { share => 30 });
is($split{part}->configured, 'v1=60 v2=40', 'and the other way round');

$nginx->reload;
is(shadow('part')->{share}, 30, 'a reload leaves it');
$nginx->restart;
is(shadow('part')->{share}, 30, 'a restart, too');
is($split{part}->configured, 'v1=60 v2=40', 'and the weights');

$nginx->conf($conf =~ s/strangler_shadow;/strangler_shadow share=5;/r);
$nginx->reload;
is(shadow('part')->{share}, 5, 'unless the configuration has changed');
is($split{part}->configured, 'v1=60 v2=40', 'not the weights');
is($split{part}->history->[0]{changed_by}, 'configuration', 'history');
put('part', { share => 0 });
is(shadow('part')->{share}, 0, '0 stops it');
$c = Ficus::HTTP->connect($port);
$before = shadow('part');
$c->ask('GET', '/part/x') for 1 .. 30;
is(shadow('part')->{started}, $before->{started}, 'none any more');


# a process that ends does not wait

get($port, '/x', 'Do-v2' => 'sleep=3') for 1 .. 4;
$start = time;
$nginx->reload;
cmp_ok(time - $start, '<', 2.5, 'a reload with shadows on their way');
ok(wait_for(2, sub { @{[ $nginx->children ]} == 2 }), 'old processes end');
ok(settled('http'), 'no shadow is left over');
is(get($port, '/x')->{status}, 200, 'serves');

$t->done;
