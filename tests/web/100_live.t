#!/usr/bin/perl

# Copyright (C) Ficus authors

# What the page shows of several splits, while it is answered and while not.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Ficus::Web;

my $w = Ficus::Web->start;
my $dir = $w->system->dir;

$w->configure(sub {
    s/(zone=ficus:)256k/${1}1m/;
    s,(\n    upstream users \{),
    upstream search {
        strangler zone=ficus:1m "state=$dir/state";
        strangler_key \$cookie_uid;
        arm old=users-v1 baseline weight=94;
        arm lucene=users-v2 weight=4.5;
        arm vector=users-v2 weight=1.5;
    }

    upstream broken {
        strangler zone=ficus:1m "state=$dir/state";
        strangler_key \$cookie_uid;
        strangler_breaker;
        strangler_rescue;
        arm old=users-v1 baseline weight=50;
        arm new=nobody weight=50;
    }

    upstream nobody {
        server unix:$dir/sock/nobody.sock;
    }
$1,;
    s,(include "[^"]*/gateway\.conf";),$1
        location = /broken { fastcgi_pass broken; },;
});

$w->browse('live');
$w->done;
