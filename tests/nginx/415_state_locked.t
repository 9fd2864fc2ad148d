#!/usr/bin/perl

# Copyright (C) Ficus authors

# The lock on the state directory: a change waits for it, but not for ever.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Fcntl qw(:flock);
use Test::More;
use Time::HiRes qw(sleep time);

use Ficus::HTTP qw(get parallel);
use Ficus::Nginx;
use Ficus::Run;
use Ficus::Split;

my $t = Ficus::Run->new(allow => [ qr/locked by another process/ ]);
my $nginx = Ficus::Nginx->new($t, <<'EOC');

%%GLOBALS%%
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

mkdir $dir;
$nginx->start;

my $users = Ficus::Split->new($t->port(1), 'users');


# Somebody else, such as the workers of another master, holds the lock.

my $lock;

sub take {
    open $lock, '<', $dir or die "$dir: $!";
    flock $lock, LOCK_EX or die "flock: $!";
}

take();

my $before = $users->state;
my $start = time;
my ($change, $latency) = parallel(2, sub {
    my ($i) = @_;

    return $users->p(37) if $i == 0;

    my $slowest = 0;

    while (time < $start + 1.5) {
        my $begin = time;
        get($t->port(0), '/')->{status} == 200 or return 99;
        my $took = time - $begin;
        $slowest = $took if $took > $slowest;
    }

    return $slowest;
});
my $took = time - $start;

is($change->{status}, 503, 'somebody has the lock');
like($change->{headers}{'retry-after'}, qr/^\d+$/, 'Retry-After');
is($change->{headers}{'content-type'}, 'application/problem+json', 'type');
cmp_ok($took, '>=', 1.9, "waited: $took");
cmp_ok($took, '<', 8, 'not for ever');
cmp_ok($latency, '<', 1.5, "others do not wait: $latency");

is($users->configured, 'v1=60 v2=40', 'nothing has changed');
is($users->generation, $before->{generation}, 'generation as it was');


# clients that do not wait so long

for (1 .. 10) {
    my $c = Ficus::HTTP->connect($t->port(1));

    $c->send("PUT /api/v1/splits/users/p HTTP/1.1\r\nHost: localhost\r\n"
        . "Content-Type: application/json\r\nContent-Length: 8\r\n\r\n"
        . '{"p": 1}');
    sleep 0.02;
}

sleep 0.2;
close $lock;
is($users->p(38)->{status}, 200, 'free again');
is($users->generation, $before->{generation} + 1,
    'clients that went away have changed nothing');


# a lock that is held for a moment

take();

my $pid = fork() // die "fork: $!";

if ($pid == 0) {
    sleep 0.7;
    POSIX::_exit(0);
}

close $lock;
$start = time;

my $r = $users->p(39);

is($r->{status}, 200, 'held for a moment');
cmp_ok(time - $start, '>', 0.3, 'waited for it');
waitpid $pid, 0;


# reading and requests need no lock

take();
is($users->configured, 'v1=39 v2=61', 'reading while it is held');
is(get($t->port(0), '/')->{status}, 200, 'request while it is held');


# who has it may be in the middle of a line of the history

my $history = $t->read('state/users.history') . 'record 9 17';

$t->write('state/users.history', $history);
$nginx->reload;
is($t->read('state/users.history'), $history,
    'a reload leaves what it has not locked alone');
is($users->configured, 'v1=39 v2=61', 'the weights are as they were');
close $lock;
is($users->p(40)->{status}, 200, 'the next change');
is($users->ask('GET', '/history?verify=1')->{json}{verified}, 1,
    'cuts off what nobody goes on with');

$t->done;
