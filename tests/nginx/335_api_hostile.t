#!/usr/bin/perl

# Copyright (C) Ficus authors

# strangler_api: calls that are slow, that hide their path or their method, and
# headers said twice.  Whatever is refused changes nothing and holds up nobody.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Test::More;
use Time::HiRes qw(sleep time);

use Ficus::HTTP qw(get request parallel);
use Ficus::Nginx;
use Ficus::Run;
use Ficus::Split;

my $t = Ficus::Run->new;
my $nginx = Ficus::Nginx->new($t, <<'EOC');

%%GLOBALS%%

http {
    %%HTTP%%
    %%ARMS%%
    client_header_timeout 1s;
    client_body_timeout 1s;

    upstream users {
        strangler zone=users:256k;
        arm v1=users_v1 weight=60;
        arm v2=users_v2;
    }

    server {
        listen 127.0.0.1:%%PORT_1%%;

        location /api/v1/ { strangler_api; }
        location /read/ {
            client_body_in_file_only clean;
            mirror /none;
            strangler_api;
        }
        location /mirrored {
            mirror /api/v1/splits/users/p;
            mirror_request_body off;
            proxy_pass http://users_v1;
        }
        location = /none { return 204; }
        location / { return 404; }
    }

    server {
        listen 127.0.0.1:%%PORT_4%%;
        strangler_api_token_file %%DIR%%/token;

        location /api/v1/ { strangler_api; }
        location / { return 404; }
    }
}
EOC

$t->write('token', 'secret');
$nginx->start;

my $port = $t->port(1);
my $users = Ficus::Split->new($port, 'users');
my @workers = $nginx->workers;
my $start = $users->state;
my $json = "Content-Type: application/json\r\n";
my $body = '{"p": 40}';

sub unchanged {
    my ($name) = @_;

    is_deeply($users->state, $start, "$name: nothing has changed");
}

sub changed {
    my ($p, $name) = @_;

    is($users->configured, "v1=$p v2=" . (100 - $p), "$name: it has changed");
    $users->p(60);
    $start = $users->state;
}

# the answer to these bytes
sub raw {
    my ($to, $bytes) = @_;

    my $c = Ficus::HTTP->connect($to);

    $c->send($bytes);

    return $c->receive;
}

sub put {
    my ($target, $headers, $content) = @_;

    return raw($port, "PUT $target HTTP/1.1\r\nHost: localhost\r\n$json$headers"
        . "\r\n" . ($content // ''));
}


# Slow ones.  The header has a second as a whole, a body for each of its parts;
# meanwhile others go on.

my @slow = parallel(4, sub {
    my ($i) = @_;
    my $c = Ficus::HTTP->connect($port);
    my $began = time;
    my $head = "PUT /api/v1/splits/users/p HTTP/1.1\r\nHost: localhost\r\n$json";

    if ($i == 3) {
        my $slowest = 0;

        for (1 .. 40) {
            my $asked = time;
            my $status = get($port, '/api/v1/splits/users')->{status};

            return "status $status" if $status != 200;
            $slowest = time - $asked if time - $asked > $slowest;
            sleep 0.05;
        }

        return $slowest < 1 ? 'others go on' : "others wait $slowest s";
    }

    if ($i == 0) {
        $c->send('P');

        for (split //, substr $head, 1, 30) {
            sleep 0.1;
            $c->send($_);
        }

    } else {
        $c->send($head . 'Content-Length: ' . length($body) . "\r\n\r\n"
            . ($i == 1 ? '{' : ''));
    }

    local $Ficus::HTTP::timeout = 5;
    my $r = $c->receive;

    return "$r->{status} " . (time - $began < 4 ? 'in time' : 'too late');
});

like($slow[0], qr/^(?:408|0) in time$/, 'a dripping header is cut off');
like($slow[1], qr/^(?:408|0) in time$/, 'half a body is cut off');
like($slow[2], qr/^(?:408|0) in time$/, 'a body that never comes is cut off');
is($slow[3], 'others go on', 'others do not wait for them');
unchanged('slow calls');

my $c = Ficus::HTTP->connect($port);

$c->send("PUT /api/v1/splits/users/p HTTP/1.1\r\nHost: localhost\r\n$json"
    . 'If-Match: "' . $users->generation . "\"\r\nContent-Length: "
    . length($body) . "\r\n\r\n");
$c->send(substr $body, 0, 4);
is($users->p(50)->{status}, 200, 'somebody else is faster');
$c->send(substr $body, 4);
is($c->receive->{status}, 412, 'the slow one is told so');
changed(50, 'the faster one');


# Paths.  However it is spelled, a call is what it is, with the same guards.

my @same = ('/api/v1//splits/users/p', '/api/v1/./splits/users/p',
    '/api/v1/x/../splits/users/p', '/api/v1/%73plits/users/p',
    '/api/v1/splits%2Fusers%2Fp', '/api/v1/splits/users/%70?x=/y',
    '/%61pi/v1/splits/users/p', '/x/%2e%2e/api/v1/splits/users/p',
    'http://localhost/api/v1/splits/users/p');

for my $path (@same) {
    my $evil = put($path, "Origin: http://evil.example.com\r\n"
        . "Content-Length: 9\r\n", $body);

    is($evil->{status}, 403, "$path: another Origin");
    is(raw($t->port(4), "PUT $path HTTP/1.1\r\nHost: localhost\r\n$json"
        . "Content-Length: 9\r\n\r\n$body")->{status}, 401, "$path: no token");
    is(raw($port, "GET $path HTTP/1.1\r\nHost: localhost\r\n\r\n")->{status},
        405, "$path: GET changes nothing");
}

unchanged('other spellings');

for my $case (
    [ '/api/v1/splits/users/p/', 404 ], [ '/api/v1/splits/users/p/.', 404 ],
    [ '/api/v1/splits/users/p;x', 404 ], [ '/api/v1/splits/users/p%20', 404 ],
    [ '/api/v1/splits/users/P', 404 ], [ '/api/v1/splits/Users/p', 404 ],
    [ '/API/v1/splits/users/p', 404 ], [ '/api/v2/splits/users/p', 404 ],
    [ '/api/v1/splitsusers/p', 404 ], [ '/api/v1/splits//p', 404 ],
    [ '/api/v1/splits/users/ramp/../..', 404 ], [ '/api/v1/splits/', 404 ],
    [ '/api/v1/splits/%2e%2e', 404 ], [ '/api/v1/splits/users%252Fp', 404 ],
    [ '/api/v1/splits/us%C0%AFers/p', 404 ],
    [ '/api/v1/splits/users%5Cp', 404 ], [ '/api/v1/splits/users\\p', 404 ],
    [ '/api/v1/splits/' . 'x' x 7000 . '/p', 404 ],
    [ '/api/v1/splits/' . '%41' x 2000, 404 ],
    [ '/api/v1' . '/x' x 2000, 404 ],
    [ '/api/v1/splits/users%00/p', 400 ], [ '/api/v1/splits/%zz', 400 ],
    [ '/../api/v1/splits/users/p', 400 ], [ '/%2e%2e/api/v1/splits', 400 ],
    [ '/api/v1/../../../splits', 400 ], [ '*', 400 ],
    [ '/api/v1/splits/' . 'x' x 9000, 414 ],
    [ 'http://evil.example.com/api/v1/splits/users/p', 421 ],
) {
    my ($path, $status) = @$case;

    is(put($path, "Content-Length: 9\r\n", $body)->{status}, $status,
        'PUT ' . substr $path, 0, 60);
}

unchanged('paths that are none');


# Methods that a header or an argument names

for my $header (qw(X-HTTP-Method-Override X-HTTP-Method X-Method-Override)) {
    for my $method (qw(GET POST)) {
        my $r = request($port, $method, '/api/v1/splits/users/p?_method=PUT',
            body => $body, headers => [ $header => 'PUT',
            'Content-Type' => 'application/json' ]);

        is($r->{status}, 405, "$method with $header: PUT");
    }

    is(get($port, '/api/v1/splits/users', $header => 'DELETE')->{status}, 200,
        "GET with $header: DELETE is a GET");
}

unchanged('override of the method');


# Headers said twice, and odd ones

my $now = '"' . $users->generation . '"';

for my $case (
    [ "If-Match: $now\r\nIf-Match: $now\r\n", 400 ],
    [ "If-Match: \"1\"\r\nIf-Match: $now\r\n", 400 ],
    [ "If-Match: \"1\", \"2\"\r\n", 412 ],
    [ "If-Match: W/$now\r\n", 412 ],
    [ "If-Match: \r\n", 400 ],
    [ "If-Match: $now x\r\n", 400 ],
    [ "If-Match: \"1\r\n", 400 ],
) {
    my ($headers, $status) = @$case;

    is(put('/api/v1/splits/users/p', "${headers}Content-Length: 9\r\n", $body)
        ->{status}, $status, $headers =~ s/\r\n/ /gr);
}

unchanged('If-Match');
is(put('/api/v1/splits/users/p',
    "If-Match: \"1\", $now\r\nContent-Length: 9\r\n", $body)->{status}, 200,
    'If-Match: a list with the right one');
changed(40, 'If-Match');

for my $case (
    [ "Content-Length: 9\r\nContent-Length: 9\r\n", $body ],
    [ "Content-Length: 9\r\nTransfer-Encoding: chunked\r\n",
        "9\r\n$body\r\n0\r\n\r\n" ],
    [ "Content-Length: +9\r\n", $body ], [ "Content-Length: 0x9\r\n", $body ],
    [ "Content-Length: 9, 9\r\n", $body ], [ "Content-Length: -1\r\n", $body ],
    [ "Transfer-Encoding: chunked\r\n", "-9\r\n$body\r\n0\r\n\r\n" ],
    [ "Content-Encoding: gzip\r\nContent-Length: 4\r\n", "\x1f\x8b\x08\0" ],
    [ "Content-Length: 18\r\n", join '', map { "\0$_" } split //, $body ],
) {
    my ($headers, $content) = @$case;

    is(put('/api/v1/splits/users/p', $headers, $content)->{status}, 400,
        $headers =~ s/\r\n/ /gr);
}

unchanged('bodies');

for my $length (65537, 999_999_999, 99_999_999_999) {
    is(put('/api/v1/splits/users/p', "Content-Length: $length\r\n", $body)
        ->{status}, 413, "a body of $length bytes");
    is(put('/api/v1/splits/users/p', "Expect: 100-continue\r\n"
        . "Content-Length: $length\r\n")->{status}, 413,
        "a body of $length bytes is not waited for");
}

is(put('/api/v1/splits/users/p', "Transfer-Encoding: chunked\r\n",
    ("1000\r\n" . ' ' x 4096 . "\r\n") x 17 . "0\r\n\r\n")->{status}, 413,
    'in pieces that are too many');
is(raw($port, "PUT /api/v1/splits/users/p HTTP/1.1\r\nHost: localhost\r\n"
    . "Content-Type: text/plain\r\n${json}Content-Length: 9\r\n\r\n$body")
    ->{status}, 415, 'two types');
unchanged('sizes and types');

# these are in order
is(put('/api/v1/splits/users/p', "Transfer-Encoding: chunked\r\n",
    "4;x=y\r\n{\"p\"\r\n5\r\n: 41}\r\n0\r\n\r\n")->{status}, 200, 'in pieces');
changed(41, 'in pieces');

$c = Ficus::HTTP->connect($port);
$c->send("PUT /api/v1/splits/users/p HTTP/1.1\r\nHost: localhost\r\n$json"
    . "Expect: 100-continue\r\nContent-Length: 9\r\n\r\n");
is($c->_until("\r\n\r\n"), 'HTTP/1.1 100 Continue', 'asks for the body');
$c->send('{"p": 42}');
is($c->receive->{status}, 200, 'and takes it');
changed(42, 'Expect');

# a body that another module has read, and what comes without one

is(put('/read/splits/users/p', "Content-Length: 9\r\n", $body)->{status}, 413,
    'a body in a file');
is(put('/mirrored', "Content-Length: 9\r\n", $body)->{status}, 200,
    'a request that is mirrored to the API');
is($users->configured, 'v1=60 v2=40', 'neither of them has changed anything');

is(join(' ', $nginx->workers), "@workers", 'the same worker process');

$t->done;
