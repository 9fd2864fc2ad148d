#!/usr/bin/perl

# Copyright (C) Ficus authors

# Who may call the admin API: strangler_api_hosts, strangler_api_token_file,
# Origin; and methods, content types, sizes.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Test::More;

use Ficus::HTTP qw(get request);
use Ficus::Nginx;
use Ficus::Run;
use Ficus::Split;

my $t = Ficus::Run->new;
my $nginx = Ficus::Nginx->new($t, <<'EOC');

%%GLOBALS%%

http {
    %%HTTP%%
    %%ARMS%%

    upstream users {
        strangler zone=users:256k;
        arm v1=users_v1 weight=60;
        arm v2=users_v2;
    }

    %%ADMIN%%

    server {
        listen 127.0.0.1:%%PORT_4%%;
        strangler_api_token_file %%DIR%%/token;
        strangler_api_hosts admin.example.com Other.Example.COM;

        location /api/v1/ { strangler_api; }
        location /own/ {
            strangler_api;
            strangler_api_token_file %%DIR%%/own;
            strangler_api_hosts own.example.com;
        }
        location = /metrics { strangler_metrics; }
        location = /readyz { strangler_ready; }
    }
}
EOC

$t->write('token', "s3cret-Token\n");
$t->write('own', 'own');
$nginx->start;

my $port = $t->port(1);
my $users = Ficus::Split->new($port, 'users');
my $url = '/api/v1/splits/users';
my $start = $users->state;


sub unchanged {
    my ($name) = @_;

    is_deeply($users->state, $start, "$name: nothing has changed");
}

sub problem {
    my ($r, $status, $name) = @_;

    is($r->{status}, $status, $name);
    is($r->{headers}{'content-type'}, 'application/problem+json',
        "$name: type");
    is($r->{json}{status}, $status, "$name: status in the body");
    ok(!(grep { /^access-control-/ } keys %{$r->{headers}}),
        "$name: no CORS headers");
}

sub put_p {
    my ($to, $p, @headers) = @_;

    return request($to, 'PUT', "$url/p", json => { p => $p },
        headers => \@headers);
}


# Host

my $n = $port;

is(get($port, $url, Host => $_)->{status}, 200, "Host: $_")
    for 'localhost', '127.0.0.1', "localhost:$n", "127.0.0.1:$n", '[::1]',
        "[::1]:$n", 'LOCALHOST', 'localhost:1';

for my $host ('example.com', "example.com:$n", '127.0.0.2', 'localhost.evil.com',
    '127.0.0.1.evil.com', 'xlocalhost', '[::2]', 'localhostx')
{
    problem(get($port, $url, Host => $host), 421, "Host: $host");
}

problem(put_p($port, 1, Host => 'rebound.example.com'), 421,
    'change with another Host');
unchanged('another Host');

my $c = Ficus::HTTP->connect($port);
$c->send("GET $url HTTP/1.0\r\n\r\n");
is($c->receive->{status}, 421, 'no Host');


# Origin

is(put_p($port, 60, Origin => "http://$_", Host => $_)->{status}, 200,
    "own Origin $_") for "localhost:$n", "127.0.0.1:$n";
$start = $users->state;

for my $origin ('http://evil.example.com', 'null', '', "http://localhost",
    "https://localhost:$n", "http://localhost:$n.evil.com",
    'http://localhost:1', "http://127.0.0.1:$n", "http://localhost:$n/")
{
    problem(put_p($port, 1, Origin => $origin, Host => "localhost:$n"), 403,
        "Origin: $origin");
}

problem(get($port, $url, Origin => 'http://evil.example.com'), 403,
    'reading with another Origin');
unchanged('another Origin');

is(request($port, 'OPTIONS', "$url/p", headers => [
    Origin => 'http://evil.example.com',
    'Access-Control-Request-Method' => 'PUT' ])->{status}, 403, 'preflight');


# token

my @admin = (Host => 'admin.example.com');
my $closed = $t->port(4);

is(get($closed, $url, @admin)->{status}, 200, 'reading needs no token');
is(get($closed, $url, Host => 'other.example.com')->{status}, 200,
    'second name, any case');
problem(get($closed, $url, Host => 'localhost'), 421, 'the default is replaced');

for my $token (undef, 'Bearer', 'Bearer ', 'Bearer wrong', 'Bearer s3cret-Toke',
    'Bearer s3cret-Token1', 'Bearer s3cret-token', 'Bearer s3cret-Tokem',
    'Bearer S3cret-Token', 'Basic s3cret-Token',
    's3cret-Token', 'Bearer own', "Bearer s3cret-Token x")
{
    my $name = 'token: ' . ($token // 'none');
    my $r = put_p($closed, 1, @admin,
        defined $token ? (Authorization => $token) : ());

    problem($r, 401, $name);
    like($r->{headers}{'www-authenticate'}, qr/^Bearer\b/,
        "$name: WWW-Authenticate");
    unlike($r->{body}, qr/s3cret/, "$name: not told");
}

unchanged('wrong token');

my @bearer = (@admin, Authorization => 'Bearer s3cret-Token');

is(put_p($closed, 61, @bearer)->{status}, 200, 'the token');
is(put_p($closed, 62, @admin, Authorization => 'bearer s3cret-Token')->{status},
    200, 'scheme in lower case');
is(request($closed, 'PUT', '/own/splits/users/p', json => { p => 63 },
    headers => [ Host => 'own.example.com', Authorization => 'Bearer own' ]
    )->{status}, 200, 'token and host of a location');
is(request($closed, 'PUT', '/own/splits/users/p', json => { p => 63 },
    headers => [ Host => 'own.example.com',
        Authorization => 'Bearer s3cret-Token' ])->{status}, 401,
    'the token of the server is no longer one');
is(request($closed, 'POST', "$url/rollback", json => { generation => 1 },
    headers => \@admin)->{status}, 401, 'rollback needs a token');
is(request($closed, 'PUT', "$url/weights", json => { v1 => 1, v2 => 99 },
    headers => \@admin)->{status}, 401, 'weights need a token');
is(get($closed, '/metrics')->{status}, 200, 'metrics need neither');
is(get($closed, '/readyz')->{status}, 200, 'readiness needs neither');
$start = $users->state;


# methods

my %allow = (
    '/splits' => 'GET, HEAD',
    '/splits/users' => 'GET, HEAD',
    '/splits/users/history' => 'GET, HEAD',
    '/splits/users/explain?key=a' => 'GET, HEAD',
    '/splits/users/p' => 'PUT',
    '/splits/users/weights' => 'PUT',
    '/splits/users/rollback' => 'POST',
);

for my $path (sort keys %allow) {
    for my $method (qw(GET HEAD PUT POST DELETE PATCH OPTIONS PROPFIND BREW)) {
        next if $allow{$path} =~ /\b$method\b/;

        my $r = request($port, $method, "/api/v1$path", json => { p => 1 });

        is($r->{status}, 405, "$method $path");
        is($r->{headers}{allow}, $allow{$path}, "$method $path: Allow");
    }
}

unchanged('wrong methods');

for my $path ('/metrics', '/readyz') {
    my $r = request($port, 'POST', $path, body => '');

    is($r->{status}, 405, "POST $path");
    is($r->{headers}{allow}, 'GET, HEAD', "POST $path: Allow");
}


# content types

for my $type (undef, 'text/plain', 'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=x', 'application/jsonx', 'application',
    'application/merge-patch+json', '')
{
    my $name = 'type ' . ($type // 'none');

    problem(request($port, 'PUT', "$url/p", body => '{"p": 1}',
        headers => [ defined $type ? ('Content-Type' => $type) : () ]), 415,
        $name);
}

unchanged('other types');


# sizes

sub sized {
    my ($size, @headers) = @_;

    my $body = '{"p": 60' . ' ' x ($size - 9) . '}';

    return request($port, 'PUT', "$url/p", body => $body,
        headers => [ 'Content-Type' => 'application/json', @headers ]);
}

is(sized(65536)->{status}, 200, '64 KiB');
$start = $users->state;
problem(sized(65537), 413, '64 KiB and one');
problem(sized(900000), 413, '900,000 bytes');

$c = Ficus::HTTP->connect($port);
$c->send("PUT $url/p HTTP/1.1\r\nHost: localhost\r\n"
    . "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    . ("4000\r\n" . ' ' x 0x4000 . "\r\n") x 5 . "0\r\n\r\n");
is($c->receive->{status}, 413, 'chunked, 80 KiB');

$c = Ficus::HTTP->connect($port);
$c->send("PUT $url/p HTTP/1.1\r\nHost: localhost\r\n"
    . "Content-Type: application/json\r\nContent-Length: 10485760\r\n\r\n{");
is($c->receive->{status}, 413, '10 MB announced');

unchanged('too large');

$c = Ficus::HTTP->connect($port);
$c->send("PUT $url/p HTTP/1.1\r\nHost: localhost\r\n"
    . "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    . "5\r\n{\"p\":\r\n4\r\n 61}\r\n0\r\n\r\n");
is($c->receive->{status}, 200, 'chunked');
is($users->configured, 'v1=61 v2=39', 'chunked: changed');

$t->done;
