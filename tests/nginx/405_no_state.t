#!/usr/bin/perl

# Copyright (C) Ficus authors

# A split without state=: what a reload keeps and a restart does not.

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

sub conf {
    my ($weight, $zone) = @_;

    return <<"EOC";

%%GLOBALS%%
worker_processes 2;

http {
    %%HTTP%%
    %%ARMS%%

    upstream users {
        strangler zone=$zone;
        strangler_key \$arg_id;
        arm v1=users_v1 weight=$weight;
        arm v2=users_v2;
    }

    server {
        listen 127.0.0.1:%%PORT_0%%;
        location / { proxy_pass http://users; }
    }

    %%ADMIN%%
}
EOC
}

my $nginx = Ficus::Nginx->new($t, conf(60, 'users:256k'))->start;
my $users = Ficus::Split->new($t->port(1), 'users');
my $first = $users->generation;

cmp_ok(abs($first - time * 1000), '<', 60000, 'generation of the clock');
is($users->p(37)->{json}{generation}, $first + 1, 'change');

sub kept {
    my ($conf, $name) = @_;

    my $before = $users->state;

    $nginx->conf($conf);
    $nginx->reload;

    my $now = $users->state;

    is($users->configured, 'v1=37 v2=63', "$name: weights");
    is($now->{generation}, $before->{generation}, "$name: generation");
    is(scalar @{$users->history}, 2, "$name: history");
}

kept(conf(60, 'users:256k'), 'reload');
kept(conf(60, 'users:512k'), 'another size');
kept(conf(60, 'renamed:512k'), 'another zone');

$nginx->conf(conf(50, 'renamed:512k'));
$nginx->reload;
is($users->configured, 'v1=50 v2=50', 'changed configuration wins');
is($users->generation, $first + 2, 'changed configuration: generation');

$users->p(37);
$nginx->restart;
is($users->configured, 'v1=50 v2=50', 'restart: configured weights');
cmp_ok($users->generation, '>', $first + 3, 'restart: generation is above');
is($users->p(1, 'If-Match' => '"' . ($first + 3) . '"')->{status}, 412,
    'restart: an old If-Match');


# from zone to zone, all of which another split keeps

sub moved {
    my ($zone) = @_;

    my $conf = conf(50, "$zone:512k");

    for my $kept (qw(one two three)) {
        $conf =~ s/(?=    upstream users)/
    upstream $kept {
        strangler zone=$kept:512k;
        arm v1=users_v1 weight=50;
        arm v2=users_v2;
    }

/;
    }

    $nginx->conf($conf);
    $nginx->reload;
}

moved('one');

my $p = 10;

for my $zone (qw(two three one two)) {
    my $before = $users->p(++$p)->{json};

    moved($zone);
    is($users->configured, "v1=$p v2=" . (100 - $p), "to zone $zone: weights");
    is($users->generation, $before->{generation}, "to zone $zone: generation");
}

$t->done;
