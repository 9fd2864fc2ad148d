#!/usr/bin/perl

# Copyright (C) Ficus authors

# Headers that are too long, and requests that come to a split once more after
# it has failed them.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Test::More;

use Ficus::Backend qw(http_backend);
use Ficus::HTTP qw(get);
use Ficus::Nginx;
use Ficus::Run;
use Ficus::Split;

my $t = Ficus::Run->new;
my $nginx = Ficus::Nginx->new($t, <<'EOC');

%%GLOBALS%%
worker_processes 1;

http {
    %%HTTP%%
    proxy_http_version 1.1;
    proxy_set_header Connection "";
    proxy_buffer_size 1k;
    proxy_intercept_errors on;

    upstream v1 { server 127.0.0.1:%%PORT_2%%; keepalive 4; }
    upstream v2 { server 127.0.0.1:%%PORT_3%%; keepalive 4; }

    upstream error {
        strangler zone=r:2m;
        strangler_rescue error floor=1000;
        arm v1=v1 weight=0; arm v2=v2;
    }
    upstream header {
        strangler zone=r;
        strangler_rescue invalid_header floor=1000;
        arm v1=v1 weight=0; arm v2=v2;
    }
    upstream status {
        strangler zone=r;
        strangler_rescue http_500 floor=1000;
        arm v1=v1 weight=0; arm v2=v2;
    }

    server {
        listen 127.0.0.1:%%PORT_0%%;

        location /header { proxy_pass http://header; }
        location /error {
            proxy_pass http://error;
            error_page 502 = @error;
        }
        location @error {
            proxy_set_header Connection "";
            proxy_set_header Do-v2 "";
            proxy_pass http://error;
        }
        location /status {
            proxy_pass http://status;
            error_page 500 = @status;
        }
        location @status {
            proxy_set_header Connection "";
            proxy_set_header Do "";
            proxy_pass http://status;
        }
    }

    %%ADMIN%%
}
EOC

http_backend($t, $_->[0], $t->port($_->[1])) for [ 'v1', 2 ], [ 'v2', 3 ];
$nginx->start;

my $port = $t->port(0);

sub told {
    my ($path, @headers) = @_;

    my $r = get($port, $path, @headers);

    return join ' ', $r->{status}, $r->{body} && $r->{body} =~ /^(v\d)/ ? $1
        : '-', $r->{headers}{'x-ficus-rescued'} // '-';
}

sub arm {
    my ($name, $field) = @_;

    return Ficus::Split->new($t->port(1), $name)->state->{arms}[1]{$field};
}


# nginx calls a header that is too long invalid, however much of it is read.

for my $kept ('a new connection', 'a kept one') {
    my $failures = arm('header', 'failures');

    get($port, '/header') if $kept =~ /kept/;
    is(told('/header', 'Do-v2' => 'long=2000'), '200 v1 v2',
        "a header that is too long, $kept: rescued");
    is(arm('header', 'failures'), $failures + 1, "$kept: charged");
}


# Where that is no reason for a rescue none is begun, and error_page may ask the
# split again.

my ($worker) = $nginx->workers;

is(told('/error', 'Do-v2' => 'long=2000'), '200 v2 -',
    'the split is asked again by error_page');
is(arm('error', 'rescued'), 0, 'nobody was rescued');
is(($nginx->workers)[0], $worker, 'the worker process lives');


# The baseline has answered with a failure as well, and is asked no more.

is(told('/status', 'Do' => 'status=500'), '200 v2 -',
    'the arm has answered in the end');
is(arm('status', 'rescued'), 1, 'that is no second rescue');

$t->done;
