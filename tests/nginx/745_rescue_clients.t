#!/usr/bin/perl

# Copyright (C) Ficus authors

# Rescue of requests over HTTP/2, and of subrequests: auth_request, mirror, SSI,
# addition.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Digest::SHA qw(sha1_hex);
use JSON::PP;
use Test::More;

use Ficus::Backend qw(http_backend);
use Ficus::HTTP qw(get request);
use Ficus::Nginx;
use Ficus::Run qw(wait_for);

my $t = Ficus::Run->new;
my $conf = <<'EOC';

%%GLOBALS%%
http {
    %%HTTP%%
    proxy_http_version 1.1;
    proxy_set_header Connection "";
    client_body_buffer_size 16k;

    upstream v1 { server 127.0.0.1:%%PORT_2%%; keepalive 4; }
    upstream v2 { server 127.0.0.1:%%PORT_3%%; keepalive 4; }
    upstream gone { server 127.0.0.1:%%PORT_9%%; }

    upstream users {
        strangler zone=users:1m;
        strangler_rescue floor=1000;
        arm v1=v1 weight=0; arm v2=v2;
    }
    upstream refused {
        strangler zone=users;
        strangler_rescue floor=1000;
        arm v1=v1 weight=0; arm v2=gone;
    }

    server {
        listen 127.0.0.1:%%PORT_0%%;
        #listen 127.0.0.1:%%PORT_4%% http2;

        location / { proxy_pass http://users; }
        location /refused { proxy_pass http://refused; }
        location /stream {
            proxy_request_buffering off;
            proxy_pass http://users;
        }

        location /other { proxy_pass http://v1; }
        location /asks {
            auth_request /may;
            proxy_pass http://v1;
        }
        location = /may {
            internal;
            proxy_pass_request_body off;
            proxy_set_header Connection "";
            proxy_set_header Content-Length "";
            proxy_set_header Do-v1 $http_may;
            proxy_pass http://users;
        }
        location /mirrored {
            mirror /mirror;
            proxy_set_header Connection "";
            proxy_set_header Do-v2 "";
            proxy_pass http://v2;
        }
        location = /mirror { internal; proxy_pass http://users; }
        location /page { ssi on; default_type text/html; root %%DIR%%; }
        location /added {
            addition_types *;
            add_after_body /part;
            proxy_pass http://v1;
        }
    }

    %%ADMIN%%
}
EOC
my $nginx = Ficus::Nginx->new($t);
my ($plain) = $nginx->check($conf =~ s/#//gr);

$nginx->conf($plain == 0 ? $conf =~ s/#//gr : $conf);
http_backend($t, 'v1', $t->port(2));
http_backend($t, 'v2', $t->port(3));
$t->write('page', "<p><!--# include virtual=\"/part\" --></p>\n");
$nginx->start;

my $port = $t->port(0);
my $body = join '', map { chr(65 + $_ % 26) } 1 .. 300000;

sub told {
    my ($r) = @_;

    return join ' ', $r->{status}, $r->{body} =~ /^(v\d)/ ? $1 : '-',
        $r->{headers}{'x-ficus-rescued'} // '-';
}

sub metric {
    my ($name) = @_;

    return get($t->port(1), '/metrics')->{body} =~ /^\Q$name\E (\d+)$/m
        ? $1 : 'none';
}

sub rescued {
    return metric('ficus_split_rescued_total{split="users",from="v2",to="v1"}');
}


# HTTP/2

sub curl {
    my ($path, @arguments) = @_;

    my ($status, $out) = $t->capture('curl', '-sS', '-i', '--max-time', 10,
        '--http2-prior-knowledge', @arguments,
        'http://127.0.0.1:' . $t->port(4) . $path);
    my ($head, $content) = split /\r\n\r\n/, $out, 2;

    return { status => $head =~ m,^HTTP/2 (\d+), ? $1 : "curl: $status",
        body => $content // '',
        headers => { map { /^([^:]+): (.*)$/ ? (lc $1 => $2) : () }
            split /\r\n/, $head } };
}

# So many GETs at once, in frames of RFC 9113: how many are answered 200.

sub streams {
    my ($n, $name, $value) = @_;

    # :method GET, :scheme http and :path / are in the static table of RFC 7541,
    # as is the name of :authority
    my $block = "\x82\x86\x84\x01\x01a\x00"
        . chr(length $name) . $name . chr(length $value) . $value;
    my $c = Ficus::HTTP->connect($t->port(4));
    my ($good, $ended) = (0, 0);

    # SETTINGS 4; HEADERS 1 that end their stream, 5
    $c->send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" . _frame(4, 0, 0, '')
        . join '', map { _frame(1, 5, 2 * $_ - 1, $block) } 1 .. $n);

    while ($ended < $n) {
        my ($high, $low, $type, $flags) = unpack 'C n C C', $c->_bytes(9);
        my $content = $c->_bytes($high << 16 | $low);

        $good++ if $type == 1 && $content =~ /^\x88/;
        $ended++ if $type < 2 && $flags & 1;
    }

    return $good;
}

sub _frame {
    my ($type, $flags, $stream, $content) = @_;

    return pack('C n C C N', 0, length $content, $type, $flags, $stream)
        . $content;
}

SKIP: {
    skip 'no http2 in this nginx', 12 if $plain;

    my @fail = ('-H', 'Do-v2: status=503');

    $t->write('body', $body);

    my @put = ('-T', $t->dir . '/body');

    is(told(curl('/')), '200 v2 -', 'HTTP/2');
    is(told(curl('/', @fail)), '200 v1 v2', 'HTTP/2: GET');
    is(told(curl('/', '-H', 'Do-v2: close')), '200 v1 v2', 'HTTP/2: closed');

    my $r = curl('/', @put, @fail, '-H', 'Do-v1: echo');
    my $is = decode_json($r->{body});

    is("$is->{arm} $is->{method} $is->{length} $is->{sha1}",
        'v1 PUT 300000 ' . sha1_hex($body), 'HTTP/2: PUT with its body');
    is($r->{headers}{'x-ficus-rescued'}, 'v2', 'HTTP/2: as it says');

    is(told(curl('/refused', '-d', 'x')), '200 v1 v2',
        'HTTP/2: POST that was not sent');
    is(told(curl('/', '-d', 'x', '-H', 'Do-v2: close')), '502 - -',
        'HTTP/2: POST that was sent');
    is(told(curl('/', '-d', 'x', @fail, '-H', 'Idempotency-Key: k')),
        '200 v1 v2', 'HTTP/2: POST with Idempotency-Key');
    is(told(curl('/stream', '-X', 'PUT', '-d', 'x', '-H', 'Do-v2: close')),
        '502 - -', 'HTTP/2: a body that was passed on unbuffered');
    is(told(curl('/stream', '-H', 'Do-v2: close')), '200 v1 v2',
        'HTTP/2: no body to pass on');

    my $before = rescued();

    is(streams(60, 'do-v2' => 'status=503'), 60,
        'HTTP/2: many streams of one connection at once');
    is(rescued(), $before + 60, 'HTTP/2: by rescue');
}


# auth_request

is(told(get($port, '/asks', 'Do-v2' => 'status=503')), '200 v1 -',
    'auth_request: the question is rescued, the answer is as ever');
is(get($port, '/asks', 'Do-v2' => 'status=503', May => 'status=401')->{status},
    401, 'auth_request: what the baseline says counts');
is(get($port, '/asks', 'Do-v2' => 'status=403')->{status}, 403,
    'auth_request: no is no failure');


# mirror; as long as the client is there

sub mirrored {
    my ($method, $do) = @_;

    my $c = Ficus::HTTP->connect($port);
    my ($before, $failed) = (rescued(), failed());

    is($c->ask($method, '/mirrored', body => $body,
        headers => [ 'Do-v2' => $do ])->{status}, 200, "mirror: $method $do");
    wait_for(5, sub { failed() > $failed });
    wait_for($method eq 'PUT' ? 5 : 0.3, sub { rescued() > $before });

    return rescued() - $before;
}

sub failed {
    return metric('ficus_split_failures_total{split="users",arm="v2"}');
}

for my $do (qw(status=503 close)) {
    is(mirrored('PUT', $do), 1, "mirror: PUT is rescued");

    my $is = get($t->port(2), '/', Do => 'previous')->{json};

    is("$is->{method} $is->{uri} $is->{sha1}", 'PUT /mirror '
        . sha1_hex($body), 'mirror: with its body');
    is(mirrored('POST', $do), 0, "mirror: POST is not");
    is(get($t->port(2), '/', Do => 'previous')->{json}{uri}, '/',
        'mirror: the baseline was not asked');
}


# SSI and addition

is(get($port, '/page')->{body}, "<p>v2\n</p>\n", 'SSI');

my $r = get($port, '/page', 'Do-v2' => 'status=503');

is($r->{body}, "<p>v1\n</p>\n", 'SSI: rescued');
is($r->{headers}{'x-ficus-rescued'}, undef, 'SSI: the page itself was not');
is(get($port, '/page', 'Do-v2' => 'close')->{body}, "<p>v1\n</p>\n",
    'SSI: closed, rescued');
is(get($port, '/added', 'Do-v2' => 'status=503')->{body}, "v1\nv1\n",
    'addition: rescued');
is(get($port, '/added')->{body}, "v1\nv2\n", 'addition');

$t->done;
