#!/usr/bin/perl

# Copyright (C) Ficus authors

# Upgrade of the binary (USR2): the new master finds the weights.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Test::More;

use Ficus::HTTP qw(get);
use Ficus::Nginx;
use Ficus::Run qw(wait_for);
use Ficus::Split;

my $t = Ficus::Run->new;
my $nginx = Ficus::Nginx->new($t, <<'EOC');

%%GLOBALS%%
http {
    %%HTTP%%
    %%ARMS%%

    upstream users {
        strangler zone=users:256k state=%%DIR%%/state;
        arm v1=users_v1 weight=60;
        arm v2=users_v2;
    }

    server {
        listen 127.0.0.1:%%PORT_0%%;
        location / { proxy_pass http://users; }
    }

    %%ADMIN%%
}
EOC

mkdir $t->dir . '/state';

# nginx obeys USR2 only when its parent is not the one that started it.

$nginx->start_orphan;

my $users = Ficus::Split->new($t->port(1), 'users');
my $old = $nginx->master;

is($users->p(37)->{status}, 200, 'change');

my $history = $users->history;

kill 'USR2', $old;
ok(wait_for(10, sub { $nginx->master != $old && $nginx->workers }),
    'a new master') or diag($nginx->log);

# Both serve now, and both may be asked to change.

my @answers = map { $users->p(40 + $_) } 1 .. 20;

is(join(' ', map { $_->{status} } @answers), join(' ', (200) x 20),
    'changes while both serve');
is(join(' ', map { $_->{json}{generation} } @answers), join(' ', 3 .. 22),
    'each on top of the other');

kill 'QUIT', $old;
ok(wait_for(10, sub { !kill 0, $old }), 'the old one has gone');
ok(wait_for(5, sub { $users->configured eq 'v1=60 v2=40' }),
    'the last change is there') or diag($users->configured);
is($users->history->[-1]{generation}, 1, 'history from the beginning');
is($users->history->[-2]{generation}, $history->[0]{generation},
    'history of the old one');
is($users->p(12)->{status}, 200, 'change by the new one');
is(get($t->port(0), '/')->{status}, 200, 'serves');

kill 'TERM', $nginx->master;
$t->done;
