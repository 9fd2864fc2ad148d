#!/usr/bin/perl

# Copyright (C) Ficus authors

# The history: who changed what when and why, chained, and whether it is whole.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Digest::SHA qw(sha256_hex);
use Test::More;

use Ficus::HTTP qw(parallel);
use Ficus::Nginx;
use Ficus::Run qw(wait_for);
use Ficus::Split;

my $t = Ficus::Run->new(allow => [ qr/exited on signal 9/, qr/history/ ]);
my $conf = <<'EOC';

%%GLOBALS%%
worker_processes 2;

http {
    %%HTTP%%
    %%ARMS%%

    upstream users {
        strangler zone=users:512k state=%%DIR%%/state;
        arm v2=users_v2;
        arm v1=users_v1 weight=60 baseline;
    }

    upstream prefix {
        strangler zone=users state=%%DIR%%/state;
        arm v10=users_v1 weight=50;
        arm v1=users_v2 weight=30;
        arm v=users_v2;
    }

    upstream odd {
        strangler zone=users;
        arm reason=users_v1 weight=60;
        arm hash=users_v2;
    }

    %%ADMIN%%
}
EOC
my $nginx = Ficus::Nginx->new($t, $conf);
my $file = $t->dir . '/state/users.history';

mkdir $t->dir . '/state';
$nginx->start;

my $users = Ficus::Split->new($t->port(1), 'users');

sub lines { return split /\n/, $t->read('state/users.history') }

sub verified {
    my $r = $users->ask('GET', '/history?verify=1');

    return $r->{status} == 200 ? $r->{json} : { status => $r->{status} };
}

# the chain as the manual has it, not as the module has it
sub chain {
    my $hash = '0' x 64;

    for my $line (lines()) {
        my ($told) = $line =~ s/ hash=([0-9a-f]{64})// ? $1 : '';
        $hash = sha256_hex("$hash $line");
        return "line: $line" if $hash ne $told;
    }

    return $hash;
}


# one line for each change

my $v = verified();

is($v->{records}, 1, 'the start is in it');
$users->p(50, 'X-Changed-By' => 'me', 'X-Reason' => 'canary % 50');
$users->ask('PUT', '/p', json => { p => 40, reason => "d\x{e9}j\x{e0} vu" });
$users->ask('PUT', '/weights', json => { v1 => 30, v2 => 70, reason => 'why' },
    headers => [ 'X-Reason' => 'header' ]);
$users->rollback(1);

my @lines = lines();

is(scalar @lines, 5, 'five lines');
like($lines[0], qr/^record 1 \d+ by=configuration reason=configuration hash=[0-9a-f]{64} v1=6000 v2=4000$/,
    'the first');
like($lines[1], qr/^record 2 \d+ by=me reason=canary%20%25%2050 hash=\S+ v1=5000 v2=5000$/,
    'who and why');
like($lines[2], qr/reason=d%C3%A9j%C3%A0%20vu/, 'reason in the body');
like($lines[3], qr/reason=header/, 'the header wins');
like($lines[4], qr/^record 5 .*reason=rollback%20to%201 .*v1=6000 v2=4000$/, 'rollback');
is((stat $file)[2] & 022, 0, 'nobody else may write it');

$v = verified();
is($v->{verified}, 1, 'verified');
is($v->{algorithm}, 'sha256', 'by SHA-256');
is("$v->{records} $v->{first} $v->{last}", '5 1 5', 'from, to');
is($v->{hash}, chain(), 'the hash is what it is said to be');

my $history = $users->history;

is($history->[0]{hash}, $v->{hash}, 'GET history: hash');
is_deeply($history->[0]{from}, { v1 => 30, v2 => 70 }, 'GET history: from');
is_deeply($history->[0]{weights}, { v1 => 60, v2 => 40 }, 'GET history: to');
is($history->[-1]{from}, undef, 'GET history: the first comes from nowhere');
is($history->[2]{reason}, "d\x{e9}j\x{e0} vu", 'GET history: reason');


# arms stand in the order of their names

like($t->read('state/prefix.history'), qr/ v=2000 v1=3000 v10=5000$/m, 'by name');


# bad reasons

for ([ 1, 'a number' ], [ 'x' x 129, 'too long' ], [ "a\tb", 'a control' ]) {
    my $r = $users->ask('PUT', '/p', json => { p => 1, reason => $_->[0] });

    is($r->{status}, 400, "reason: $_->[1]");
    is($r->{json}{errors}[0]{field}, 'reason', "reason: $_->[1]: field");
}

is($users->generation, 5, 'nothing was changed');

my $odd = Ficus::Split->new($t->port(1), 'odd');

is($odd->weights({ reason => 20, hash => 80 })->{status}, 200,
    'an arm may be called reason');
is($odd->ask('GET', '/history?verify=1')->{status}, 404,
    'no state file, no history to verify');


# more than the state file holds, from several at once; reload and restart

parallel(4, sub {
    my ($n) = @_;
    $users->p($n * 10 + $_) for 0 .. 9;
    return 1;
});

$v = verified();
is("$v->{verified} $v->{records}", '1 45', 'four writers, 45 lines');
is($v->{hash}, chain(), 'the chain is whole');
$nginx->reload;
$users->p(11);
$nginx->restart;
$users->p(12);
$v = verified();
is("$v->{verified} $v->{records}", '1 47', 'reload and restart go on');

# arms in another order, one more, the same names
$nginx->conf($conf =~ s/arm v2=users_v2;\n\s*arm (v1=\S+) weight=60 baseline;/arm v3=users_v1 weight=10; arm $1 weight=60 baseline; arm v2=users_v2;/r);
$nginx->reload;
$users->p(12);
$v = verified();
is("$v->{verified} $v->{records}", '1 48', 'another configuration goes on');
is($v->{hash}, chain(), 'the chain is whole');
$nginx->restart;
$users->weights({ v1 => 10, v2 => 20, v3 => 70 });
is(verified()->{verified}, 1, 'after a restart, too');
$nginx->conf($conf);
$nginx->reload;
is(verified()->{verified}, 1, 'and back');


# what a crash leaves: half a line, or none of the last ones

my $whole = $t->read('state/users.history');
my @whole = lines();

for my $cut ([ 40, 'half a line' ], [ length($whole[-1]) + 1, 'a line is lost' ],
    [ length($whole[-1]) + length($whole[-2]) + 30, 'two are lost' ])
{
    truncate $file, length($t->read('state/users.history')) - $cut->[0];
    $users->p(13);
    $v = verified();
    is($v->{verified}, 1, "$cut->[1]: caught up");
    is($v->{hash}, chain(), "$cut->[1]: whole");
}

is(substr($t->read('state/users.history'), 0, length $whole), $whole,
    'the lines are those that there were');
like($nginx->log, qr/\[warn\].*history ".*users\.history" ends in the middle of a line/,
    'log: half a line');


# what somebody else has done to it

my $good = $t->read('state/users.history');
my $n = () = $good =~ /\n/g;

for my $bad (
    [ 'a weight' => sub { s/v1=5000/v1=5001/r } ],
    [ 'an author' => sub { s/by=me/by=you/r } ],
    [ 'a reason' => sub { s/reason=canary/reason=Canary/r } ],
    [ 'a time' => sub { s/^(record 2 \d+)\d/$1x/mr } ],
    [ 'a hash' => sub { s/hash=./hash=g/r } ],
    [ 'a line is gone' => sub { s/^record 3 .*\n//mr } ],
    [ 'the first is gone' => sub { s/^.*\n//r } ],
    [ 'two are swapped' => sub { s/^(record 3 .*\n)(record 4 .*\n)/$2$1/mr } ],
    [ 'one comes twice' => sub { s/^(record 3 .*\n)/$1$1/mr } ],
    [ 'the last is gone' => sub { s/[^\n]*\n\z//r } ],
    [ 'it is empty' => sub { '' } ],
    [ 'something else' => sub { "x\n$_" } ],
    [ 'a long line' => sub { 'x' x 100000 . "\n$_" } ])
{
    my ($name, $change) = @$bad;

    $t->write('state/users.history', $change->()) for $good;
    $v = verified();
    ok(!$v->{verified} && $v->{error}, "$name: $v->{error}");
}

unlink $file;
is(verified()->{error}, 'the history cannot be read', 'no file');
$t->write('state/users.history', $good);
is(verified()->{verified}, 1, 'as it was');
is($users->p(21)->{status}, 200, 'and on');


# the state file is lost: the chain goes on, under a new generation

my $last = $users->generation;

$nginx->stop;
unlink $t->dir . '/state/users.state';
$nginx->start;
is($users->generation, $last + 1, 'the generation is above the last one');
is($users->configured, 'v2=40 v1=60', 'weights of the configuration');
is(verified()->{verified}, 1, 'the chain goes on');
is(verified()->{hash}, chain(), 'whole');


# it cannot be written: the change is made, and the next one catches up

rename $file, "$file.away";
mkdir $file;
is($users->p(33)->{status}, 200, 'a change without the history');
like($nginx->log, qr/\[crit\].*users\.history/, 'is logged');
is(Ficus::HTTP::get($t->port(1), '/readyz')->{json}{checks}{'state users'},
    'the history could not be written', 'readyz');
rmdir $file;
rename "$file.away", $file;
is($users->p(34)->{status}, 200, 'the next one');
is(verified()->{verified}, 1, 'has caught up');
is(Ficus::HTTP::get($t->port(1), '/readyz')->{json}{checks}{'state users'}, 'ok',
    'readyz again');
is(chain(), verified()->{hash}, 'whole at the end');

# worker processes have another user than the master, who is named last or not
# at all

SKIP: {
    skip 'not root', 4 if $> != 0;

    chmod 0755, $t->dir;
    chmod 0777, $t->dir . '/state';
    (my $other = $conf) =~ s/%%GLOBALS%%//;

    for my $user ('user nobody nogroup;', '') {
        $nginx->stop;
        $nginx->conf(<<'EOC' . $other . $user);
load_module %%MODULE%%;
daemon off;
pid %%DIR%%/nginx.pid;
error_log %%DIR%%/logs/nginx-error.log info;
env LD_PRELOAD;
env ASAN_OPTIONS;
env UBSAN_OPTIONS;
events { worker_connections 512; }
EOC
        chown 0, 0, $file;
        $nginx->start;
        is($users->p(35)->{status}, 200, 'as nobody: a change');
        is(verified()->{verified}, 1, 'is in the history');
    }
}

$t->done;
