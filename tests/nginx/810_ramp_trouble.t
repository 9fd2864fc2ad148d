#!/usr/bin/perl

# Copyright (C) Ficus authors

# Ramps in trouble: the clock is set, the state directory is gone, full or
# read-only, processes are killed at each step of the writing, reload under load.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Test::More;
use Time::HiRes qw(sleep time);

use Ficus::HTTP qw(get parallel);
use Ficus::Nginx;
use Ficus::Run qw(wait_for);
use Ficus::Split;

my $t = Ficus::Run->new(allow => [ qr/exited on signal 9/, qr/state" failed/,
    qr/flock/, qr/No space left/, qr/Read-only/ ]);
my $state = $t->dir . '/state';
my @preload = map {
    $t->shared_object("$FindBin::Bin/$_") // plan(skip_all => 'no C compiler');
} '../lib/clock.c', 'kill_at.c';

my $nginx = Ficus::Nginx->new($t, <<'EOC');

%%GLOBALS%%
env CLOCK_OFFSET;
env KILL_AT;
env KILL_DIR;
worker_processes 2;

http {
    %%HTTP%%
    %%ARMS%%

    upstream users {
        strangler zone=users:512k state=%%DIR%%/state;
        strangler_key $arg_id;
        arm v1=users_v1 weight=100;
        arm v2=users_v2;
    }

    server {
        listen 127.0.0.1:%%PORT_0%%;
        location / { proxy_pass http://users; }
    }

    %%ADMIN%%
}
EOC

mkdir $state;
$ENV{CLOCK_OFFSET} = $t->write('offset', '0');
$ENV{KILL_DIR} = $state;
$ENV{KILL_AT} = $t->dir . '/step';
$nginx->preload($_) for @preload;
$nginx->start;

my $users = Ficus::Split->new($t->port(1), 'users');

sub ramp {
    my ($to, $step, $every) = @_;

    return $users->ask('POST', '/ramp', json => {
        to => { v1 => 100 - $to, v2 => $to }, step => $step, every => $every });
}

sub now { return wait_for(5, sub { $users->state })->{ramp} }


# the clock goes back an hour, and forth two

my $began = time;

ramp(50, 5, 0.3);
sleep 0.5;
$t->write('offset', '-3600');
sleep 0.7;
my $step = now()->{step};
cmp_ok($step, '>=', 3, 'the clock goes back: steps go on');
$t->write('offset', '7200');
ok(wait_for(10, sub { now()->{state} eq 'done' }), 'the clock goes forth: done');
cmp_ok(time - $began, '>', 2.7, 'and not too soon');
$t->write('offset', '0');
is($users->configured, 'v1=50 v2=50', 'the weights');
is($users->ask('GET', '/history?verify=1')->{json}{verified}, 1,
    'the history does not mind');


# the state directory goes away in the middle

ramp(90, 10, 0.2);
wait_for(5, sub { now()->{step} >= 2 });
rename $state, "$state.away";
ok(wait_for(5, sub { now()->{why} =~ /^the state cannot be written/ }), 'why');

my $before = $users->configured;

sleep 1;
is($users->configured, $before, 'no directory: the weights stay');
is(now()->{state}, 'running', 'the ramp waits');
is(now()->{verdict}, 'hold', 'verdict');
like($nginx->log, qr/\[crit\].*state" failed/, 'log');
is(get($t->port(0), '/')->{status}, 200, 'requests are served');
rename "$state.away", $state;
ok(wait_for(10, sub { now()->{state} eq 'done' }), 'it is back: done');
is($users->configured, 'v1=10 v2=90', 'all steps were made');


# it is full, or read-only, in the middle, where such a disk can be made

my $small = $t->dir . '/small';

END { system "umount '$small' 2>/dev/null" if defined $small && -d $small }

sub in_the_middle {
    my ($name, $to, $harm, $mend, $log) = @_;

    ramp($to, 10, 0.3);
    wait_for(5, sub { now()->{step} >= 2 });
    system $harm;
    ok(wait_for(5, sub { now()->{why} =~ /^the state cannot be written/ }),
        "$name: why");

    my $before = $users->state;

    sleep 1;

    my $after = $users->state;

    is($after->{arms}[0]{configured}, $before->{arms}[0]{configured},
        "$name: the weights stay");
    is($after->{generation}, $before->{generation}, "$name: the generation stays");
    is(now()->{state}, 'running', "$name: the ramp waits");
    like($nginx->log, qr/\[crit\].*$log/, "$name: log");
    like($nginx->log, qr/the ramp could not make a step, the weights stay/,
        "$name: what it means");
    is(get($t->port(0), '/')->{status}, 200, "$name: requests are served");
    system $mend;
    ok(wait_for(10, sub { now()->{state} eq 'done' }), "$name: then it ends");
    is($users->configured, 'v1=' . (100 - $to) . " v2=$to", "$name: all steps");
}

SKIP: {
    mkdir $small;
    skip 'no right to mount', 18 if $> != 0
        || system("mount -t tmpfs -o size=64k none '$small' 2>/dev/null") != 0;

    system "cp -p '$state'/* '$small'/";
    rename $state, "$state.away" or die $!;
    symlink $small, $state or die $!;

    in_the_middle('full', 50, "dd if=/dev/zero of='$small/fill' bs=4096 2>/dev/null",
        "rm '$small/fill'", qr/No space left/);
    in_the_middle('read-only', 90, "mount -o remount,ro '$small'",
        "mount -o remount,rw '$small'", qr/Read-only file system/);

    unlink $state;
    system "rm -rf '$state.away'; mkdir '$state'; cp -p '$small'/* '$state'/";
    system "umount '$small'";
    rmdir $small;
}


# kill -9 of a worker process, and of all, at each step of the writing

my $to = 90;

for my $how ('worker', 'all') {
    for my $letter (qw(o w s S r R d D a b c C)) {
        $to = 100 - $to;
        ramp($to, 20, 0.1);
        $t->write('step', $letter);
        ok(wait_for(10, sub { !-e $ENV{KILL_AT} }), "$how, $letter: killed");

        if ($how eq 'all') {
            wait_for(10, sub { $nginx->workers == 2 });
            $nginx->kill;
            $nginx->start;
        }

        ok(wait_for(20, sub { (now()->{state} // '') eq 'done' }),
            "$how, $letter: goes on to the end");
        is($users->configured, 'v1=' . (100 - $to) . " v2=$to",
            "$how, $letter: exactly");
    }
}

is($users->ask('GET', '/history?verify=1')->{json}{verified}, 1,
    'the history is whole');


# reload under load: no request is lost, no key goes back

$users->p(100);
ramp(100, 5, 0.2);

my @results = parallel(3, sub {
    my ($n) = @_;

    if ($n == 0) {
        for (1 .. 4) {
            sleep 0.7;
            $nginx->signal('HUP');
        }

        return 'reloaded';
    }

    my (%arm, $lost, $back);

    for my $i (1 .. 3000) {
        my $key = 'k' . $i % 100;
        my $r = get($t->port(0), "/?id=$n$key");

        $lost++ if $r->{status} != 200;
        $back++ if ($arm{$key} // '') eq 'v2' && $r->{body} eq 'v1';
        $arm{$key} = $r->{body};
        sleep 0.001;
    }

    return join ' ', $lost // 0, $back // 0;
});

is($results[1], '0 0', 'reload under load: lost, gone back');
is($results[2], '0 0', 'the same for the other client');
ok(wait_for(20, sub { now()->{state} eq 'done' }), 'done');

$t->done;
