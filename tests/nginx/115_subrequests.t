#!/usr/bin/perl

# Copyright (C) Ficus authors

# Where the subrequests of a request go: with it, and without a key they do not
# change where requests go.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Test::More;

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
    default_type text/html;

    upstream v1 { server 127.0.0.1:%%PORT_2%%; }
    upstream v2 { server 127.0.0.1:%%PORT_3%%; }

    upstream users {
        strangler zone=users:1m;
        strangler_key $arg_id;
        arm v1=v1 weight=50; arm v2=v2;
    }

    server {
        listen 127.0.0.1:%%PORT_0%%;

        location / { ssi on; proxy_pass http://users; }
        location /long {
            slice 1k;
            proxy_set_header Range $slice_range;
            proxy_pass http://users;
        }
        location /asks { auth_request /may; proxy_pass http://users; }
        location = /may { internal; proxy_pass http://users/part; }
        location /pinned { strangler_pin v2; ssi on; proxy_pass http://users; }
    }

    server {
        listen 127.0.0.1:%%PORT_2%%;
        root %%DIR%%/v1;
        location = /part { return 200 v1; }
        location = /asks { return 200 v1; }
    }
    server {
        listen 127.0.0.1:%%PORT_3%%;
        root %%DIR%%/v2;
        location = /part { return 200 v2; }
        location = /asks { return 200 v2; }
    }

    %%ADMIN%%
}
EOC

for my $arm (qw(v1 v2)) {
    my $part = '<!--# include virtual="/part" -->';

    mkdir $t->dir . "/$arm";
    $t->write("$arm/long", $arm x 5000);
    $t->write("$arm/page", "$arm $part $part");
    $t->write("$arm/pinned", "$arm $part");
    $t->write("$arm/keys",
        join ' ', map { "<!--# include virtual=\"/part?id=$_\" -->" } 1 .. 20);
    utime 1, 1, $t->dir . "/$arm/long";
}

$nginx->start;

my $port = $t->port(0);

sub counted {
    my ($path) = @_;

    my %seen;

    for (1 .. 20) {
        my $r = get($port, $path);
        $seen{"$r->{status} " . ($r->{body} =~ s/(v[12])\1+/$1/gr)}++;
    }

    return join ', ', map { "$seen{$_}: $_" } sort keys %seen;
}


# A slice asks for each part in a subrequest.

is(counted('/long'), '10: 200 v1, 10: 200 v2', 'slices of one arm');
is(counted('/page'), '10: 200 v1 v1 v1, 10: 200 v2 v2 v2',
    'what a page includes');
is(counted('/asks'), '10: 200 v1, 10: 200 v2', 'requests, each after a subrequest');


# Each key has its own arm, whatever its parent has, and a pin is of one
# location.

my $keys = join ' ', map { get($port, "/part?id=$_")->{body} } 1 .. 20;

for my $path ('/keys', '/keys?id=1', '/keys?id=2') {
    is(get($port, $path)->{body}, $keys, "$path: other keys");
}

is(counted('/pinned'), '10: 200 v2 v1, 10: 200 v2 v2',
    'what a pinned page includes');

$t->done;
