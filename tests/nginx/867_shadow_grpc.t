#!/usr/bin/perl

# Copyright (C) Ficus authors

# Shadows of gRPC: bodies that nginx passes on as they come, and a status that
# comes in a trailer.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Test::More;
use Time::HiRes qw(sleep);

use Ficus::HTTP qw(get request);
use Ficus::Nginx;
use Ficus::Run qw(wait_for);
use Ficus::Split;

my $curl = `curl -V 2>&1`;
plan(skip_all => 'curl has no HTTP/2') if $curl !~ /HTTP2/;

my $t = Ficus::Run->new;
my $conf = <<'EOC';

%%GLOBALS%%
http {
    %%HTTP%%
    log_format seen escape=none '$request_method $request_uri|$http_te|'
                    '$request_body';
    client_body_buffer_size 128k;
    default_type application/grpc;

    upstream v1 { server 127.0.0.1:%%PORT_2%%; }
    upstream v2 { server 127.0.0.1:%%PORT_3%%; }
    upstream users {
        strangler zone=users:1m;
        strangler_override header=X-Ficus-Arm;
        strangler_shadow share=100 noise=0 methods=GET,POST body=8k;
        arm v1=v1 weight=100; arm v2=v2;
    }

    server {
        listen 127.0.0.1:%%PORT_2%% http2;
        access_log %%DIR%%/logs/one seen;
        location / {
            add_header X-Arm v1;
            add_trailer Grpc-Status "0";
            proxy_pass http://127.0.0.1:%%PORT_4%%;
        }
    }
    server {
        listen 127.0.0.1:%%PORT_3%% http2;
        access_log %%DIR%%/logs/two seen;
        location / {
            add_header X-Arm v2;
            add_trailer Grpc-Status "$arg_status";
            proxy_pass http://127.0.0.1:%%PORT_4%%;
        }
    }
    server { listen 127.0.0.1:%%PORT_4%%; return 200 message; }

    server {
        listen 127.0.0.1:%%PORT_0%% http2;
        listen 127.0.0.1:%%PORT_6%%;
        location / { grpc_pass grpc://users; }
    }

    %%ADMIN%%
}
EOC

my $nginx = Ficus::Nginx->new($t, $conf);
my ($status, $out) = $nginx->check($conf);

plan(skip_all => 'no grpc or http2 in this nginx')
    if $out =~ /unknown directive "grpc_pass"|requires the .*http_v2/;

$nginx->start;

my $split = Ficus::Split->new($t->port(1), 'users');
my $url = 'http://127.0.0.1:' . $t->port(0);
my $grpc = '-s -m 10 --http2-prior-knowledge -H "TE: trailers"'
    . ' -H "Content-Type: application/grpc"';
my $answer = $t->dir . '/answer';


sub settled {
    return wait_for(15, sub { $split->state->{shadow}{in_flight} == 0 });
}


# what both arms have seen of a call, once the shadow has come back

sub seen {
    ok(settled(), 'done');

    return map { join '', map { "$_\n" } $t->lines($_, 1) } 'one', 'two';
}


sub fields {
    my $diff = $split->ask('GET', '/diff')->{json};

    $split->ask('DELETE', '/diff');

    return join ' ', sort map { $_->{field} }
        map { @{$_->{fields}} } @{$diff->{routes}};
}


# a call whose message comes after its headers, in parts

sub call {
    my ($path, @parts) = @_;

    open my $pipe, '|-', "curl $grpc -T - -X POST -o $answer"
        . " '$url$path'" or die "curl: $!\n";
    $pipe->autoflush(1);

    for (@parts) {
        sleep 0.1;
        print $pipe $_;
    }

    close $pipe;

    return $t->read('answer');
}

is(call('/a?status=0', 'mes', 'sage'), 'message', 'a call');
my ($one, $two) = seen();
like($one, qr{^POST /a\?status=0\|trailers\|message\n$}, 'as it was');
is($two, $one, 'the other arm gets all of its message');
is(fields(), '', 'the same answer');

is(call('/a?status=13', 'message'), 'message', 'another status');
seen();
is(fields(), 'header grpc-status', 'is a difference');

is(call('/a?status=0'), 'message', 'no message at all');
($one, $two) = seen();
is($two, $one, 'is shadowed, too');

my $before = $split->ask('GET', '/diff')->{json}{dropped}{size};

is(call('/a?status=0', 'x' x 5000, 'x' x 5000), 'message', 'a large one');
ok(wait_for(5, sub {
    $split->ask('GET', '/diff')->{json}{dropped}{size} == $before + 1
}), 'has no shadow');
$t->lines('one', 0);

is(request($t->port(6), 'POST', '/b?status=0', body => 'body')->{body},
    'message', 'a client of HTTP/1.1');
($one, $two) = seen();
is($two, $one, 'the same for the other arm');
is(get($t->port(6), '/c?status=0', 'X-Ficus-Arm' => 'v2')->{body},
    'message', 'v2 answers');
($one, $two) = seen();
is($one, $two, 'the baseline is asked');
is($split->state->{shadow}{failed}, 0, 'none has failed');

$t->done;
