#!/usr/bin/perl

# Copyright (C) Ficus authors

# A state file that cannot be written: 500, and the weights as they were.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Test::More;

use Ficus::HTTP qw(get);
use Ficus::Nginx;
use Ficus::Run;
use Ficus::Split;

my $t = Ficus::Run->new(allow => [ qr/state/ ]);
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

my $dir = $t->dir . '/state';
my $preload = $t->shared_object("$FindBin::Bin/kill_at.c")
    // plan(skip_all => 'no C compiler');

mkdir $dir;
$ENV{KILL_DIR} = $dir;
$ENV{KILL_AT} = $t->dir . '/step';
$nginx->preload($preload);
$nginx->start;

my $users = Ficus::Split->new($t->port(1), 'users');

is($users->p(50)->{status}, 200, 'change');
is(get($t->port(1), '/readyz')->{json}{status}, 'ok', 'ready');


sub fails {
    my ($name) = @_;

    my $before = $users->state;

    for my $r ($users->p(10), $users->weights({ v1 => 11, v2 => 89 }),
        $users->rollback(1))
    {
        is($r->{status}, 500, "$name: 500");
        is($r->{headers}{'content-type'}, 'application/problem+json',
            "$name: type");
        unlike($r->{body}, qr/\Q$dir/, "$name: no path in the answer");
    }

    is_deeply($users->state, $before, "$name: nothing has changed");
    like($nginx->log, qr/\[(?:error|crit|alert)\].*state/, "$name: logged");
    is(get($t->port(0), '/')->{status}, 200, "$name: requests are served");

    my $ready = get($t->port(1), '/readyz');

    is($ready->{status}, 200, "$name: still ready");
    is($ready->{json}{status}, 'degraded', "$name: but degraded");
}

sub works {
    my ($name) = @_;

    my $g = $users->generation;
    my $r = $users->p(51);

    is($r->{status}, 200, "$name: change");
    is($r->{json}{generation}, $g + 1, "$name: no generation was used up");
    is(get($t->port(1), '/readyz')->{json}{status}, 'ok', "$name: ready");
}


# a disk that breaks while it is written to; nginx looks at the file each second

for my $step (qw(sx dx)) {
    my $before = $users->state;

    $t->write('step', $step);
    is($users->p(20)->{status}, 500, "$step: 500");
    is_deeply($users->state, $before, "$step: nothing has changed");
    sleep 2;
    is_deeply($users->state, $before, "$step: nor does it afterwards");
    $nginx->restart;
    is($users->configured, 'v1=50 v2=50', "$step: nor with a restart");
    is($users->p(50)->{status}, 200, "$step: the next change");
}

rename $dir, "$dir.away" or die $!;
fails('directory gone');
rename "$dir.away", $dir or die $!;
works('directory back');

rename $dir, "$dir.away" or die $!;
$t->write('state', 'a file');
fails('directory is a file');
unlink $dir;
rename "$dir.away", $dir or die $!;
works('directory back again');

mkdir "$dir/users.state.new";
rename "$dir/users.state", "$dir/aside" or die $!;
mkdir "$dir/users.state";
mkdir "$dir/users.state/x";
fails('file is a directory');
rmdir "$dir/users.state/x";
rmdir "$dir/users.state";
rename "$dir/aside", "$dir/users.state" or die $!;
works('file is back');
rmdir "$dir/users.state.new";


# a full disk, where one can be made

my $small = $t->dir . '/small';

END { system "umount '$small' 2>/dev/null" if defined $small && -d $small }

SKIP: {
    mkdir $small;
    skip 'no right to mount', 1 if $> != 0
        || system("mount -t tmpfs -o size=64k none '$small' 2>/dev/null") != 0;

    system "cp -p '$dir'/* '$small'/";
    rename $dir, "$dir.away" or die $!;
    symlink $small, $dir or die $!;
    system "dd if=/dev/zero of='$small/fill' bs=4096 2>/dev/null";
    fails('disk full');
    is(join(' ', map { s,.*/,,r } glob "$small/*"),
        'fill users.history users.ledger users.state',
        'disk full: no temporary file is left');
    unlink "$small/fill";
    works('disk has room');
    unlink $dir;
    rename "$dir.away", $dir;
    system "umount '$small'";
    rmdir $small;
}


# what is on the disk is what was answered

my $configured = $users->configured;

$nginx->restart;
is($users->configured, $configured, 'after a restart');

$t->done;
