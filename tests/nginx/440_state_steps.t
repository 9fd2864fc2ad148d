#!/usr/bin/perl

# Copyright (C) Ficus authors

# kill -9 at each step of the writing of a state file.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Test::More;

use Ficus::HTTP qw(get);
use Ficus::Nginx;
use Ficus::Run qw(wait_for);
use Ficus::Split;

my $t = Ficus::Run->new(allow => [ qr/exited on signal 9/ ]);
my $state = $t->dir . '/state';
my $preload = $t->shared_object("$FindBin::Bin/kill_at.c")
    // plan(skip_all => 'no C compiler');

my $nginx = Ficus::Nginx->new($t, <<'EOC');

%%GLOBALS%%
env KILL_AT;
env KILL_DIR;
worker_processes 2;

http {
    %%HTTP%%
    %%ARMS%%

    upstream users {
        strangler zone=users:512k state=%%DIR%%/state;
        strangler_key $arg_id;
        arm v1=users_v1 weight=60;
        arm v2=users_v2;
    }

    server {
        listen 127.0.0.1:%%PORT_0%%;
        location / { proxy_pass http://users; }
        location = /generation { return 200 $strangler_users_generation; }
    }

    %%ADMIN%%
}
EOC

mkdir $state;
$ENV{KILL_DIR} = $state;
$ENV{KILL_AT} = $t->dir . '/step';
$nginx->preload($preload);
$nginx->start;

my $users = Ficus::Split->new($t->port(1), 'users');
my $p = 10;

for my $step (
    [ o => 'a temporary file is there' ],
    [ w => 'half of it is written' ],
    [ s => 'all of it is written' ],
    [ S => 'it is on the disk' ],
    [ r => 'before the rename' ],
    [ R => 'after the rename' ],
    [ d => 'before the directory is on the disk' ],
    [ D => 'after that, before the history' ],
    [ a => 'before the history is written' ],
    [ b => 'half of a line of the history is written' ],
    [ c => 'before the history is on the disk' ],
    [ C => 'after that, before the answer' ])
{
    my ($letter, $name) = @$step;

    for my $how ('worker', 'all') {
        my $before = $users->state;
        my $old = $before->{arms}[0]{configured};

        $p++;
        $t->write('step', $letter);

        my $r = $users->p($p);

        is($r->{status}, 0, "$name, $how: no answer");
        ok(!-e $ENV{KILL_AT}, "$name, $how: was killed");
        wait_for(10, sub { $nginx->workers == 2 });

        if ($how eq 'all') {
            $nginx->kill;
            $nginx->start;
        }

        # those who live look at the file, nobody has to ask for a change

        my ($written) = $t->read('state/users.state') =~ /^record (\d+)/m;

        ok(wait_for(5, sub {
            get($t->port(0), '/generation')->{body} == $written;
        }), "$name, $how: requests go by the file");

        my $after = $users->state;
        my $now = $after->{arms}[0]{configured};

        ok($now == $p || $now == $old, "$name, $how: old or new: $now");
        is($now, $old, "$name, $how: old") if $letter =~ /[owsSr]/;
        cmp_ok($after->{generation}, '>=', $before->{generation},
            "$name, $how: generation");

        $r = $users->p($p + 20);
        is($r->{status}, 200, "$name, $how: next change");
        cmp_ok($r->{json}{generation}, '>', $after->{generation},
            "$name, $how: next generation");
        is(get($t->port(0), '/')->{status}, 200, "$name, $how: serves");
        is($users->ask('GET', '/history?verify=1')->{json}{verified}, 1,
            "$name, $how: the history is whole");
    }
}

unlike($nginx->log, qr/corrupt/, 'nothing was taken for corrupt');
$nginx->restart;
is($users->state->{arms}[0]{configured}, $p + 20, 'after a restart');
is(join(' ', map { s,.*/,,r } glob "$state/*"), 'users.history users.ledger users.state',
    'no temporary file is left');

$t->done;
