#!/usr/bin/perl

# Copyright (C) Ficus authors

# Shadows where something is short, dies or goes away: no client suffers.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Test::More;
use Time::HiRes qw(sleep time);

use Ficus::Backend qw(http_backend);
use Ficus::HTTP qw(get parallel request);
use Ficus::Nginx;
use Ficus::Run qw(wait_for);
use Ficus::Split;

my $t = Ficus::Run->new(allow => [
    qr/worker process \d+ exited on signal 9/,
]);

my $conf = <<'EOC';

%%GLOBALS%%
worker_processes 1;

http {
    %%HTTP%%
    proxy_http_version 1.1;
    proxy_set_header Connection "";

    upstream v1 { server 127.0.0.1:%%PORT_2%%; keepalive 8; }
    upstream v2 { server 127.0.0.1:%%PORT_3%%; keepalive 8; }
    upstream v3 { server 127.0.0.1:%%PORT_4%%; keepalive 8; }
    upstream v4 { server 127.0.0.1:%%PORT_5%%; keepalive 8; }

    upstream two {
        strangler zone=r:2m;
        strangler_shadow share=100 noise=0 in_flight=6 methods=GET,POST;
        arm v1=v1 weight=100; arm v2=v2;
    }
    upstream slow {
        strangler zone=r;
        strangler_shadow share=100 noise=0 in_flight=2 timeout=1s;
        arm v1=v1 weight=100; arm v2=v2;
    }
    upstream four {
        strangler zone=r;
        strangler_override header=X-Ficus-Arm;
        strangler_shadow share=100 noise=0;
        arm v1=v1 weight=0; arm v2=v2 weight=100 baseline;
        arm v3=v3 weight=0; arm v4=v4 weight=0;
    }

    server {
        listen 127.0.0.1:%%PORT_0%%;
        client_body_buffer_size 1k;
        client_body_in_file_only clean;
        location / { proxy_pass http://two; }
        location /four/ { proxy_pass http://four; }
        location /slow/ { proxy_pass http://slow; }
        location /post/ { post_action /slow/after; proxy_pass http://slow; }
        location /kept/ { proxy_ignore_client_abort on; proxy_pass http://two; }
    }

    %%ADMIN%%
}
EOC

my $nginx = Ficus::Nginx->new($t, $conf);

http_backend($t, "v$_", $t->port($_ + 1)) for 1 .. 4;
$nginx->start;

my $port = $t->port(0);
my %split = map { $_ => Ficus::Split->new($t->port(1), $_) } qw(two four slow);


sub shadow { return $split{$_[0]}->state->{shadow} }


sub settled {
    my ($name) = @_;

    return wait_for(15, sub { shadow($name)->{in_flight} == 0 });
}


sub dropped {
    my ($name) = @_;

    return $split{$name}->ask('GET', '/diff')->{json}{dropped};
}


# a worker process dies, with as many on their way as may be

for my $round (1 .. 3) {
    get($port, '/x', 'Do-v2' => 'sleep=3') for 1 .. 6;
    is(shadow('two')->{in_flight}, 6, "round $round: all that may be");

    my ($worker) = $nginx->workers;

    kill 'KILL', $worker;
    ok(wait_for(10, sub {
        my @now = $nginx->workers;
        return @now == 1 && $now[0] != $worker
            && get($port, '/off')->{status} == 200;
    }), "round $round: killed, and another one serves");
    ok(wait_for(2, sub { shadow('two')->{in_flight} <= 1 }),
        "round $round: those of the dead one are forgotten");
}

ok(settled('two'), 'done');

my $before = shadow('two');

get($port, '/x') for 1 .. 6;
ok(settled('two'), 'done');
is(shadow('two')->{started} - $before->{started}, 6, 'and there is room again');


# which of more than two arms

my %seen;

sub asked {
    my (@headers) = @_;

    my @before = map { $_->{requests} } @{$split{four}->state->{arms}};

    my $r = get($port, '/four/x', 'Do' => 'echo', @headers);
    ok(settled('four'), 'done');

    my $diff = $split{four}->ask('GET', '/diff')->{json};

    for my $field (map { @{$_->{fields}} } @{$diff->{routes}}) {
        next if $field->{field} ne '$.arm';
        $seen{"$_->{baseline} $_->{other}"}++
            for $field->{examples}[0];
    }

    $split{four}->ask('DELETE', '/diff');

    return $r->{json}{arm};
}

is(asked(), 'v2', 'the baseline answers') for 1 .. 6;
is_deeply(\%seen, { 'v2 v1' => 2, 'v2 v3' => 2, 'v2 v4' => 2 },
    'each of the others is asked in turn');

%seen = ();
is(asked('X-Ficus-Arm' => $_), $_, "$_ answers") for qw(v1 v3 v4);
is_deeply(\%seen, { 'v2 v1' => 1, 'v2 v3' => 1, 'v2 v4' => 1 },
    'then the baseline is');


# a body that nginx has put into a file; clients that go away

$split{two}->ask('DELETE', '/diff');
$before = shadow('two');

my $body = join '', map { chr(65 + $_ % 26) } 1 .. 50000;
my $r = request($port, 'POST', '/x', body => $body,
    headers => [ Do => 'echo' ]);

ok(settled('two'), 'done');
is($r->{json}{length}, 50000, 'a body from a file');
is(shadow('two')->{started} - $before->{started}, 1, 'is shadowed');

my ($route) = @{$split{two}->ask('GET', '/diff')->{json}{routes}};
my @differ = sort map { $_->{field} } @{$route->{fields}};
is("@differ", '$.arm', 'the other arm has got all of it');

$before = dropped('two')->{unfinished};

my $c = Ficus::HTTP->connect($port);
$c->send("POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n1234");
sleep 0.1;
undef $c;
get($port, '/y');

$c = Ficus::HTTP->connect($port);
$c->send("GET /y HTTP/1.1\r\nHost: x\r\nDo-v1: sleep=0.5\r\n\r\n");
sleep 0.2;
undef $c;
ok(wait_for(5, sub { dropped('two')->{unfinished} == $before + 1 }),
    'a client that has gone has no shadow');

my $started = shadow('two')->{started};

$c = Ficus::HTTP->connect($port);
$c->send("GET /kept/y HTTP/1.1\r\nHost: x\r\nDo-v1: sleep=0.5\r\n\r\n");
sleep 0.2;
undef $c;
ok(wait_for(5, sub { shadow('two')->{started} == $started + 1 }),
    'it has one where the arm answers all the same');
ok(settled('two'), 'done');


# clients that stay: what they keep is for others again

sub staying {
    my ($headers) = @_;

    my $c = Ficus::HTTP->connect($port);
    $c->send("GET /slow/x HTTP/1.1\r\nHost: x\r\n$headers\r\n\r\n");
    return $c;
}

my @stay = map { staying("Upgrade: x\r\nDo-v1: status=101") } 1 .. 2;
ok(wait_for(5, sub { dropped('slow')->{unfinished} == 2 }),
    'who changes protocols is given up at once');
is(shadow('slow')->{in_flight}, 0, 'and keeps no place');

push @stay, map { staying('Do-v1: drip=0.5') } 1 .. 2;
ok(wait_for(5, sub { shadow('slow')->{in_flight} == 2 }), 'endless answers');
get($port, '/slow/x');
is(dropped('slow')->{busy}, 1, 'keep all places');
ok(wait_for(5, sub { shadow('slow')->{in_flight} == 0 }), 'for a while');
is(dropped('slow')->{unfinished}, 4, 'then they are given up');
get($port, '/slow/x');
ok(settled('slow'), 'done');
is(shadow('slow')->{compared}, 1, 'for another one');
undef @stay;
get($port, '/slow/x');
ok(settled('slow'), 'done');
is(shadow('slow')->{compared}, 2, 'their clients go, nothing else does');


# nginx's post_action is not done again

sub asked_v2 { return get($t->port(3), '/')->{headers}{'x-request'} }

my $asked = asked_v2();
get($port, '/post/x');
ok(settled('slow'), 'done');
is(asked_v2() - $asked, 2, 'post_action: for the client alone');


# connections are short: what is left is for clients

$nginx->stop;
$nginx = Ficus::Nginx->new($t, $conf =~ s/in_flight=6/in_flight=60/r,
    connections => 40)->start;

get($port, '/x', 'Do-v2' => 'sleep=2') for 1 .. 15;
cmp_ok(shadow('two')->{in_flight}, '>', 10, 'shadows have many of them');

my @answers = parallel(15, sub {
    return join ' ', map {
        get($port, '/x', 'Do-v1' => 'sleep=0.3', 'Do-v2' => 'sleep=0.6')
            ->{status}
    } 1 .. 3;
});

is_deeply(\@answers, [ ('200 200 200') x 15 ], 'all clients are answered');
ok(settled('two'), 'done');
cmp_ok(dropped('two')->{connections}, '>', 0,
    'shadows are dropped for want of connections');
is(shadow('two')->{started} + shadow('two')->{dropped}, 60,
    'each is started or dropped');
unlike($nginx->log, qr/worker_connections are not enough(?!, reusing)/,
    'nginx never lacks one');

$t->done;
