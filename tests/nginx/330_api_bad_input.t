#!/usr/bin/perl

# Copyright (C) Ficus authors

# strangler_api: bodies that are no JSON, and 1,000 malformed calls.

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
my $nginx = Ficus::Nginx->new($t, <<'EOC')->start;

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
}
EOC

my $port = $t->port(1);
my $users = Ficus::Split->new($port, 'users');
my @workers = $nginx->workers;
my $start = $users->state;


sub bad {
    my ($body, $where, $name) = @_;

    my $r = $users->ask('PUT', '/p', body => $body,
        headers => [ 'Content-Type' => 'application/json' ]);

    is($r->{status}, 400, $name);
    like($r->{json}{detail} // '', qr/\b$where\b/, "$name: $where");
}


bad('', 'line 1, column 1', 'empty body');
bad("\n \n", 'line 3, column 1', 'blank body');
bad('{"p": 40', 'line 1, column 9', 'cut short');
bad('{"p": 40}x', 'line 1, column 10', 'trailing text');
bad("{\"p\": 40}\n{\"p\": 41}", 'line 2, column 1', 'two texts');
bad("{\n  'p': 40}", 'line 2, column 3', 'single quotes');
bad('{p: 40}', 'line 1, column 2', 'name without quotes');
bad('{"p": 40,}', 'line 1, column 10', 'comma at the end');
bad('{"p": NaN}', 'line 1, column 7', 'NaN');
bad('{"p": Infinity}', 'line 1, column 7', 'Infinity');
bad('{"p": +4}', 'line 1, column 7', 'plus sign');
bad('{"p": 040}', 'line 1, column \d', 'leading zero');
bad('{"p": .5}', 'line 1, column 7', 'leading point');
bad('{"p": 5.}', 'line 1, column \d', 'trailing point');
bad('{"p": 0x10}', 'line 1, column \d', 'hexadecimal');
bad('{"p": 40, "p": 41}', 'line 1, column 1\d', 'duplicate name');
bad('{"p": 40, "\u0070": 41}', 'line 1, column 1\d', 'duplicate name, escaped');
bad("{\"p\": 40, \"\xff\": 1}", 'line 1, column 1\d', 'invalid UTF-8');
bad("{\"p\": 40, \"\xc0\xaf\": 1}", 'line 1, column 1\d', 'overlong UTF-8');
bad("{\"p\": 40, \"\xed\xa0\x80\": 1}", 'line 1, column 1\d', 'surrogate');
bad("{\"p\": 40, \"\xf4\x90\x80\x80\": 1}", 'line 1, column 1\d',
    'above U+10FFFF');
bad('{"p": 40, "\ud800": 1}', 'line 1, column 1\d', 'lone escaped surrogate');
bad("{\"p\": 4\x000}", 'line 1, column 8', 'NUL');
bad("{\"p\": 40}\x00", 'line 1, column 10', 'NUL at the end');
bad("{\"p\x01\": 40}", 'line 1, column 4', 'control character');
bad("\xef\xbb\xbf{\"p\": 40}", 'line 1, column 1', 'byte order mark');
bad('[' x 33 . ']' x 33, 'line 1, column 33', 'depth over 32');
bad('[' x 60000, 'line 1, column 33', 'great depth');
bad('{"p": 1e999}', 'line 1, column \d+', 'number too large');
bad('// x', 'line 1, column 1', 'comment');

is_deeply($users->state, $start, 'nothing has changed');


# 1,000 calls.  Each has a documented answer; no worker ends, nothing moves.

srand 4711;

my @bodies = ('', '{', '}', '[]', '"p"', '{"p":', "{\"p\": \x00}", "\xff" x 100,
    '{"p": 40, "p": 40}', '[' x 1000, '{"a":' x 1000, '{"p": "' . 'x' x 60000,
    '{"p": 1e400}', '{"p": -1}', '{"p": 1.001}', '{"v1": 1}', '{"p": [[[1]]]}',
    '{"generation": 18446744073709551616}', 'null', '{"\u0000": 1}');
my @paths = qw(/splits/users/p /splits/users/weights /splits/users/rollback
    /splits /splits/users /splits/%00 /splits/users%2Fp /splits/../splits
    /splits/users/explain?key=%00 /splits/users/explain?key=%FF
    /splits/users/explain?key=%2 //splits /splits/users/p/ /splits/nobody/p
    /?x=/splits);
my @methods = qw(PUT PUT PUT POST POST GET DELETE PATCH HEAD OPTIONS PURGE put);
my @types = ('application/json', 'text/json', '', 'application/json;' x 50);
my %known = map { $_ => 1 } 200, 400, 404, 405, 412, 413, 415;
my %seen;

sub pick { return $_[int rand @_] }

for my $i (1 .. 1000) {
    my ($method, $path, $body) = (pick(@methods), pick(@paths), pick(@bodies));
    my @headers = ('Content-Type' => pick(@types));

    push @headers, 'If-Match' => pick('"', '"x"', 'W/', '"-1"', ',', '"1' . '0' x 500)
        if rand() < 0.2;

    my $r = request($port, $method, "/api/v1$path", body => $body,
        headers => \@headers);

    $seen{$r->{status}}++;

    if (!$known{$r->{status}}) {
        fail("$method $path is answered") or diag($r->{error} // $r->{head});
    }

    if ($r->{status} == 200 && $method !~ /^(?:GET|HEAD)$/) {
        fail("$method $path is refused") or diag($body);
    }
}

cmp_ok($seen{400}, '>', 100, 'bad bodies are 400');
cmp_ok($seen{405}, '>', 100, 'odd methods are 405');
cmp_ok($seen{415}, '>', 20, 'odd types are 415');


# and bytes that are no HTTP

for my $bytes ("\x16\x03\x01\x02\x00", "GET\r\n\r\n", "PUT /api/v1 HTTP/9.9\r\n\r\n",
    "\0" x 100, "GET /api/v1/splits HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    "PUT /api/v1/splits/users/p HTTP/1.1\r\nHost: localhost\r\n"
    . "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n")
{
    my $c = Ficus::HTTP->connect($port);

    $c->send($bytes);
    is($c->receive->{status} =~ /^4|^505$/ ? 'refused' : '', 'refused',
        'bytes ' . unpack 'H16', $bytes);
}

# a client that goes away in the middle of a body

for (1 .. 20) {
    my $c = Ficus::HTTP->connect($port);

    $c->send("PUT /api/v1/splits/users/p HTTP/1.1\r\nHost: localhost\r\n"
        . "Content-Type: application/json\r\nContent-Length: 9\r\n\r\n{\"p\"");
}

is(get($port, '/readyz')->{status}, 200, 'ready');
is_deeply($users->state, $start, 'nothing has changed after all');
is(join(' ', $nginx->workers), "@workers", 'the same worker process');

$t->done;
