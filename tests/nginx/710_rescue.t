#!/usr/bin/perl

# Copyright (C) Ficus authors

# strangler_rescue: what an arm fails the baseline answers, if that is safe.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Digest::SHA qw(sha1_hex);
use Test::More;
use Time::HiRes qw(sleep time);

use Ficus::Backend qw(http_backend fastcgi_backend);
use Ficus::HTTP qw(get request);
use Ficus::Nginx;
use Ficus::Run qw(wait_for);
use Ficus::Split qw(bucket);

my $t = Ficus::Run->new;
my $nginx = Ficus::Nginx->new($t, <<'EOC');

%%GLOBALS%%
worker_processes 2;

http {
    %%HTTP%%
    proxy_connect_timeout 1s;
    proxy_http_version 1.1;
    proxy_set_header Connection "";
    client_body_buffer_size 16k;
    log_format arms '$request_uri $status $strangler_http_arm'
                    ' $strangler_http_served $upstream_status';

    upstream v1 { server 127.0.0.1:%%PORT_2%%; keepalive 4; }
    upstream v2 { server 127.0.0.1:%%PORT_3%%; }
    upstream pair {
        zone pair 64k;
        server 127.0.0.1:%%PORT_3%% fail_timeout=1s;
        server 127.0.0.1:%%PORT_6%% fail_timeout=1s;
    }
    upstream twins {
        server 127.0.0.1:%%PORT_3%% max_fails=0;
        server 127.0.0.1:%%PORT_6%% max_fails=0;
    }
    upstream gone { server 127.0.0.1:%%PORT_9%%; }
    upstream nobody {
        server 127.0.0.1:%%PORT_9%% down;
        server 127.0.0.1:%%PORT_9%% down;
    }
    upstream f1 { server 127.0.0.1:%%PORT_4%%; keepalive 4; }
    upstream f2 { server 127.0.0.1:%%PORT_5%%; keepalive 4; }

    # plenty of budget, all but one
    upstream http {
        strangler zone=r:2m;
        strangler_override header=X-Ficus-Arm;
        strangler_rescue floor=1000;
        arm v1=v1 weight=0; arm v2=v2;
    }
    upstream pairs {
        strangler zone=r;
        strangler_rescue floor=1000;
        arm v1=v1 weight=0; arm v2=pair;
    }
    upstream twin {
        strangler zone=r;
        strangler_rescue floor=1000;
        arm v1=v1 weight=0; arm v2=twins;
    }
    upstream kin {
        strangler zone=r;
        strangler_rescue floor=1000;
        arm v1=twins weight=0; arm v2=gone;
    }
    upstream some {
        strangler zone=r;
        strangler_rescue error http_404 floor=1000;
        arm v1=v1 weight=0; arm v2=v2;
    }
    upstream refused {
        strangler zone=r;
        strangler_override header=X-Ficus-Arm;
        strangler_rescue floor=1000;
        arm v1=v1 weight=0; arm v2=gone;
    }
    upstream down {
        strangler zone=r;
        strangler_rescue floor=1000;
        arm v1=v1 weight=0; arm v2=nobody;
    }
    upstream both {
        strangler zone=r;
        strangler_rescue floor=1000;
        arm v1=gone weight=0; arm v2=v2;
    }
    upstream broken {
        strangler zone=r;
        strangler_rescue floor=1000;
        strangler_breaker failures=2 open=60s;
        strangler_override header=X-Ficus-Arm;
        arm v1=gone weight=0; arm v2=v2;
    }
    upstream fcgi {
        strangler zone=r;
        strangler_rescue floor=1000;
        arm v1=f1 weight=0; arm v2=f2;
    }
    upstream floor {
        strangler zone=r;
        strangler_rescue budget=0 floor=5;
        arm v1=v1 weight=0; arm v2=v2;
    }
    upstream share {
        strangler zone=r;
        strangler_rescue budget=20 floor=2;
        arm v1=v1 weight=0; arm v2=v2;
    }
    upstream off {
        strangler zone=r;
        arm v1=v1 weight=0; arm v2=v2;
    }

    server {
        listen 127.0.0.1:%%PORT_0%% reuseport;
        add_header X-Served "$strangler_http_served" always;
        add_header X-Addresses "$upstream_addr" always;
        access_log %%DIR%%/logs/access arms;

        location = /pinned { strangler_pin v2; proxy_pass http://http; }
        location = /fresh {
            proxy_set_header Connection close;
            proxy_pass http://http;
        }
        location = /late { proxy_read_timeout 300ms; proxy_pass http://http; }
        location = /never { proxy_next_upstream off; proxy_pass http://http; }
        location = /once { proxy_next_upstream_tries 1; proxy_pass http://http; }
        location = /other { proxy_next_upstream http_503; proxy_pass http://some; }
        location = /kin {
            proxy_next_upstream_tries 2;
            proxy_pass http://kin;
        }
        location = /often {
            proxy_next_upstream error http_503 non_idempotent;
            proxy_pass http://twin;
        }
        location = /soon {
            proxy_read_timeout 300ms;
            proxy_next_upstream_timeout 100ms;
            proxy_pass http://http;
        }
        location = /stream { proxy_request_buffering off; proxy_pass http://http; }
        location ^~ /fcgi {
            fastcgi_pass fcgi;
            fastcgi_param REQUEST_METHOD $request_method;
            fastcgi_param REQUEST_URI $request_uri;
            fastcgi_keep_conn on;
        }
        location ~ ^/(\w+)$ { proxy_pass http://$1; }
    }

    %%ADMIN%%
}
EOC

http_backend($t, 'v1', $t->port(2));
http_backend($t, 'v2', $t->port(3));
http_backend($t, 'v2b', $t->port(6));
fastcgi_backend($t, 'f1', $t->port(4));
fastcgi_backend($t, 'f2', $t->port(5));
$nginx->start;

my $port = $t->port(0);
my @fail = ('Do-v2' => 'status=503');


# what changed in the metrics of a split since the last call

my %last;

sub changes {
    my ($split) = @_;

    my @changes;

    for (split /\n/, get($t->port(1), '/metrics')->{body}) {
        my ($name, $value) = /^ficus_split_((?:requests|responses|rescue|failures)\S*) (\d+)$/
            or next;
        $name =~ s/split="$split",// or next;
        push @changes, "$name " . ($value - ($last{$split}{$name} // 0))
            if $value != ($last{$split}{$name} // 0);
        $last{$split}{$name} = $value;
    }

    return join "\n", @changes;
}

# "status body rescued"
sub told {
    my ($r) = @_;

    return join ' ', $r->{status}, $r->{body} =~ /^(v\w+|f\w+)\n/ ? $1 : '-',
        $r->{headers}{'x-ficus-rescued'} // '-';
}


# one rescue, and all that is to be seen of it

changes('http');

my $r = get($port, '/http?one', @fail);

is(told($r), '200 v1 v2', 'a failed GET is answered by the baseline');
is($r->{headers}{'x-arm'}, 'v1', 'with its headers');
is($r->{headers}{'x-served'}, 'v1', '$strangler_http_served');
is(() = $r->{head} =~ /X-Ficus-Rescued/gi, 1, 'one header');
is(changes('http'), <<'EOT' =~ s/\n\z//r, 'metrics of a rescue');
requests_total{arm="v2",decided="keyless"} 1
responses_total{arm="v1",code="200"} 1
failures_total{arm="v2"} 1
rescued_total{from="v2",to="v1"} 1
EOT
ok(wait_for(5, sub { $t->read('logs/access') =~ m,^/http\?one 200 v2 v1 503\, 200$,m }),
    'log: chosen v2, served v1');

my $seconds = get($t->port(1), '/metrics')->{body};

like($seconds, qr/^ficus_split_seconds_count\{split="http",arm="v1"\} 1$/m,
    'seconds of the arm that served');
like($seconds, qr/^ficus_split_seconds_count\{split="http",arm="v2"\} 0$/m,
    'none of the other');

my $arm = Ficus::Split->new($t->port(1), 'http')->state->{arms}[1];

is("$arm->{failures} $arm->{rescued}", '1 1', 'state');
is(told(get($port, '/http')), '200 v2 -', 'an answered GET is left alone');


# which failures

my @cases = (
    [ 'status=500' => 'http', '200 v1 v2' ],
    [ 'status=502' => 'http', '200 v1 v2' ],
    [ 'status=504' => 'http', '200 v1 v2' ],
    [ 'close' => 'http', '200 v1 v2' ],
    [ 'garbage' => 'http', '200 v1 v2' ],
    [ 'sleep=1' => 'late', '200 v1 v2' ],
    [ 'status=404' => 'http', '404 v2 -' ],
    [ 'status=429' => 'http', '429 v2 -' ],
    [ 'status=501' => 'http', '501 v2 -' ],
    [ 'status=404' => 'some', '200 v1 v2' ],
    [ 'status=503' => 'some', '503 v2 -' ],
    [ 'status=503' => 'other', '503 - -' ],
    [ 'close' => 'kin', '200 v2b v2' ],
    [ 'sleep=0' => 'refused', '200 v1 v2' ],
    [ 'sleep=0' => 'down', '200 v1 v2' ],
    [ 'status=503' => 'off', '503 v2 -' ],

    # what the location says is about servers of an arm
    [ 'status=503' => 'never', '200 v1 v2' ],
    [ 'status=503' => 'once', '200 v1 v2' ],

    # but not this one: no server is asked after that time
    [ 'sleep=1' => 'soon', '504 - -' ],

    # routes that only one arm has
    [ 'status=503' => 'pinned', '503 v2 -' ],
);

for (@cases) {
    my ($do, $path, $expected) = @$_;

    is(told(get($port, "/$path", 'Do-v2' => $do)), $expected, "$do, /$path");
}

is(told(get($port, '/http', @fail, 'X-Ficus-Arm' => 'v2')), '503 v2 -',
    'an override: who asks for an arm sees it fail');
is(told(get($port, '/refused', 'X-Ficus-Arm' => 'v2')), '502 - -',
    'an override: refused');
is(told(get($port, '/http', 'X-Ficus-Arm' => 'v1', 'Do-v1' => 'status=503')),
    '503 v1 -', 'the baseline itself is not rescued');
is(get($port, '/down')->{headers}{'x-addresses'}, '127.0.0.1:' . $t->port(2),
    'no live server: only the baseline was asked');


# what the baseline fails, too

changes('http');
is(told(get($port, '/http', Do => 'status=503')), '503 v1 v2', 'both say 503');
is(changes('http'), <<'EOT' =~ s/\n\z//r, 'metrics: the baseline has answered');
requests_total{arm="v2",decided="keyless"} 1
responses_total{arm="v1",code="503"} 1
failures_total{arm="v1"} 1
failures_total{arm="v2"} 1
rescued_total{from="v2",to="v1"} 1
EOT
changes('both');
is(told(get($port, '/both', @fail)), '502 - -', 'nobody answers');
is(changes('both'), <<'EOT' =~ s/\n\z//r, 'metrics: no rescue');
requests_total{arm="v2",decided="keyless"} 1
responses_total{arm="v1",code="502"} 1
failures_total{arm="v1"} 1
failures_total{arm="v2"} 1
EOT

# a baseline that is known to be down is not asked
get($port, '/broken', 'X-Ficus-Arm' => 'v1') for 1 .. 2;
is(told(get($port, '/broken', 'Do-v2' => 'status=500')), '500 v2 -',
    'the baseline is open');


# which methods; a body of the same bytes

my $body = join '', map { chr(($_ * 7919 + ($_ >> 8)) % 256) } 1 .. 300000;

for my $size (0, 1, 5000, 300000) {
    my $part = substr $body, 0, $size;

    for my $method (qw(PUT DELETE)) {
        $r = request($port, $method, '/http', body => $part,
            headers => [ 'Do-v2' => 'status=503', 'Do-v1' => 'echo' ]);
        is("$r->{status} $r->{json}{arm} $r->{json}{method} $r->{json}{sha1}",
            "200 v1 $method " . sha1_hex($part), "$method, $size bytes");
    }

    $r = request($port, 'POST', '/http', body => $part, headers => [
        'Do-v2' => 'close', 'Do-v1' => 'echo', 'Idempotency-Key' => 'k1' ]);
    is("$r->{status} $r->{json}{arm} $r->{json}{sha1}", '200 v1 ' . sha1_hex($part),
        "POST with Idempotency-Key, $size bytes");
    is($r->{json}{headers}{'idempotency-key'}, 'k1', 'the key is passed on')
        if $size == 1;

    $r = request($port, 'PUT', '/fcgi', body => $part,
        headers => [ 'Do-f2' => 'status=500', 'Do-f1' => 'echo' ]);
    is("$r->{status} $r->{json}{arm} $r->{json}{sha1}", '200 f1 ' . sha1_hex($part),
        "FastCGI PUT, $size bytes");
}

changes('http');

for my $method (qw(POST PATCH)) {
    is(told(request($port, $method, '/fresh', body => 'x', headers => \@fail)),
        '503 v2 -', "$method that was sent: the arm's own answer");
    is(told(request($port, $method, '/fresh', body => 'x',
        headers => [ 'Do-v2' => 'close' ])), '502 - -', "$method, no answer");
    is(told(request($port, $method, '/refused', body => 'x')), '200 v1 v2',
        "$method that was not sent");
    is(told(request($port, $method, '/down', body => 'x')), '200 v1 v2',
        "$method without a server");
}

like(changes('http'), qr/^rescues_refused_total\{why="unsafe"\} 2$/m,
    'metric: not safe');

# an arm that is late may do it yet, after all that has come since
for my $case ([ 'PUT', '504 - -' ], [ 'DELETE', '504 - -' ],
              [ 'PUT', '200 v1 v2', 'Idempotency-Key' => 'k' ],
              [ 'POST', '200 v1 v2', 'Idempotency-Key' => 'k' ],
              [ 'OPTIONS', '200 v1 v2' ])
{
    my ($method, $expected, @key) = @$case;

    is(told(request($port, $method, '/late', body => 'x',
        headers => [ 'Do-v2' => 'sleep=1', @key ])), $expected,
        "late: $method @key");
}

is(told(request($port, 'PUT', '/http', body => 'x',
    headers => [ 'Do-v2' => 'status=504' ])), '504 v2 -',
    'an arm whose own server is late: its own answer');
like(changes('http'), qr/^rescues_refused_total\{why="unsafe"\} 2$/m,
    'metric: not safe');

# a condition holds once
for my $condition (qw(If-Match If-None-Match If-Unmodified-Since)) {
    my @if = ($condition => '"1"');

    is(told(request($port, 'PUT', '/http', body => 'x',
        headers => [ @fail, @if ])), '503 v2 -', "$condition: PUT");
    is(told(request($port, 'DELETE', '/fresh', headers =>
        [ 'Do-v2' => 'close', @if ])), '502 - -', "$condition: DELETE");
    is(told(request($port, 'PUT', '/refused', body => 'x', headers => \@if)),
        '200 v1 v2', "$condition: PUT that was not sent");
    is(told(get($port, '/http', @fail, @if)), '200 v1 v2', "$condition: GET");
}
is(told(request($port, 'POST', '/http', body => 'x',
    headers => [ @fail, 'Idempotency-Key' => '' ])), '503 v2 -',
    'an empty Idempotency-Key is none');
is(told(request($port, 'FROB', '/http', headers => \@fail)), '503 v2 -',
    'nobody knows what FROB does');
is(told(request($port, 'HEAD', '/http', headers => \@fail)), '200 - v2', 'HEAD');
is(told(request($port, 'PUT', '/stream', body => 'x' x 100, headers => \@fail)),
    '200 v1 v2', 'unbuffered, but all of it was there');


# the other servers of the arm come first, if the location says so

is(told(get($port, '/pairs', 'Do-v2' => 'close', 'Do-v2b' => 'close')),
    '200 v1 v2', 'both servers, then the baseline');
is(scalar(split /, /, get($port, '/pairs', Do => 'sleep=0', 'Do-v2' => 'close',
    'Do-v2b' => 'close')->{headers}{'x-addresses'}), 1, 'max_fails was noted');


like(get($port, '/twin', 'Do-v2' => 'close')->{body}, qr/^v2b$/,
    'close: the other server') for 1 .. 2;
$r = get($port, '/twin', 'Do-v2' => 'status=503', 'Do-v2b' => 'status=503');
is(told($r), '200 v1 v2', '503 is nothing for the other server');
is(scalar(split /, /, $r->{headers}{'x-addresses'}), 2, 'so it was not asked');
is(told(request($port, 'POST', '/often', body => 'x',
    headers => [ 'Do-v2' => 'status=503', 'Do-v2b' => 'status=503' ])),
    '503 - -', 'non_idempotent is for servers, not for the baseline');


# a kept connection that was closed is no failure

changes('fcgi');
is(get($port, '/fcgi')->{body}, "f2\n", 'a connection is kept') for 1 .. 4;
$t->stop('f2', 'TERM');
fastcgi_backend($t, 'f2', $t->port(5));
is(told(get($port, '/fcgi')), '200 f2 -', 'stale: asked again') for 1 .. 4;
is(changes('fcgi'), <<'EOT' =~ s/\n\z//r, 'metrics: stale is no failure');
requests_total{arm="v2",decided="keyless"} 8
responses_total{arm="v2",code="200"} 8
EOT
is(told(get($port, '/fcgi')), '200 f2 -', 'a connection is kept again') for 1 .. 4;
changes('fcgi');
is(told(get($port, '/fcgi', 'Do-f2' => 'stale')), '200 f2 -',
    'closed as it was used: asked again') for 1 .. 4;
is(changes('fcgi'), <<'EOT' =~ s/\n\z//r, 'metrics: nor is that one');
requests_total{arm="v2",decided="keyless"} 4
responses_total{arm="v2",code="200"} 4
EOT
is(told(get($port, '/fcgi', 'Do-f2' => 'status=503')), '200 f1 v2', 'FastCGI: 503');
is(told(get($port, '/fcgi', 'Do-f2' => 'close')), '200 f1 v2', 'FastCGI: closed');


# the budget

changes('floor');

my %count;

$count{told(get($port, '/floor', @fail))}++ for 1 .. 12;
is_deeply(\%count, { '200 v1 v2' => 5, '503 v2 -' => 7 }, 'floor: five');
like(changes('floor'), qr/^rescued_total\{from="v2",to="v1"\} 5$/m, 'metric');

get($port, '/share') for 1 .. 100;
%count = ();
$count{told(get($port, '/share', @fail))}++ for 1 .. 50;
cmp_ok($count{'200 v1 v2'}, '>=', 22, 'budget: a fifth of the requests');
cmp_ok($count{'200 v1 v2'}, '<=', 32, 'budget: no more');

ok(wait_for(20, sub { told(get($port, '/floor', @fail)) eq '200 v1 v2' }),
    'the budget comes back');


# no connection is leaked, and the tries are those of the arm

is(told(get($port, '/http', @fail)), '200 v1 v2', 'many') for 1 .. 30;
$nginx->reload;
is(told(get($port, '/http', @fail)), '200 v1 v2', 'after a reload');

$t->done;
