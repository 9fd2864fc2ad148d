#!/usr/bin/perl

# Copyright (C) Ficus authors
#
# Responders (bench_fcgi.c) behind one nginx, with kept connections and with a
# new one for each request.  Usage: fcgi.pl [ROUNDS [SECONDS]]

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Test::More;

use Ficus::Bench qw(compare loads rounds wrk);
use Ficus::Nginx;
use Ficus::Run qw(root);

my $rounds = shift // 7;
my $seconds = shift // 2;
my @variants = qw(ficus queue inline libfcgi);

my $t = Ficus::Run->new;
my $dir = $t->dir;
my $bench = ($ENV{FICUS_BUILD} // root() . '/build') . '/tests/bench/bench_fcgi';

# a process for each way: kept connections hold libfcgi's threads
for my $v (@variants) {
    $t->spawn("$v-$_", command => [ $bench, $v, "$dir/$v-$_" ],
        ready => "$dir/$v-$_") for qw(kept new);
}

my $upstreams = join "\n",
    map { "upstream $_ { server unix:$dir/$_-kept; keepalive 64; }" } @variants;
my $locations = join "\n", map { <<"EOC" } @variants;
        location /$_-kept { fastcgi_keep_conn on; fastcgi_pass $_; }
        location /$_-new { fastcgi_pass unix:$dir/$_-new; }
EOC

my $nginx = Ficus::Nginx->new($t, <<"EOC")->start;

%%GLOBALS%%
worker_processes 2;

http {
    %%HTTP%%
    include /etc/nginx/fastcgi_params;
    $upstreams

    server {
        listen 127.0.0.1:%%PORT_0%%;
        location /return { return 200 ok; }
        $locations
    }
}
EOC

sub load {
    my ($path, @cpu) = @_;

    my $url = 'http://127.0.0.1:' . $t->port(0) . "/$path";

    return sub {
        return wrk($url, dir => $dir, seconds => $seconds, cpu => \@cpu);
    };
}

my @loads = ('nginx return 200' => load('return', $nginx->children));

for my $v (@variants) {
    push @loads, "$v, $_" => load("$v-$_", $t->pid("$v-$_")) for qw(kept new);
}

my %r = rounds($rounds, @loads);

print "\nResponders: medians of $rounds rounds of $seconds s, 64 connections\n\n";

loads(\%r, grep { !ref } @loads);

compare('responder / libfcgi, kept', @r{'ficus, kept', 'libfcgi, kept'}, 1.5);

print "\n";
$nginx->stop;

# libfcgi's threads wait for connections, whatever signal comes
for my $v (@variants) {
    $t->forget("$v-$_") for grep { kill 'KILL', $t->pid("$v-$_") } qw(kept new);
}

$t->done;
