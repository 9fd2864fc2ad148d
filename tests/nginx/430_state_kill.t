#!/usr/bin/perl

# Copyright (C) Ficus authors

# kill -9 at random moments while weights are being changed.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Test::More;
use Time::HiRes qw(sleep time);

use Ficus::HTTP qw(parallel);
use Ficus::Nginx;
use Ficus::Run qw(wait_for);
use Ficus::Split;

my $t = Ficus::Run->new(allow => [ qr/exited on signal 9/ ]);
my $nginx = Ficus::Nginx->new($t, <<'EOC');

%%GLOBALS%%
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
        listen 127.0.0.1:%%PORT_0%% reuseport;
        location / { proxy_pass http://users; }
    }

    %%ADMIN%%
}
EOC

my ($rounds, $changes) = (30, 200);

mkdir $t->dir . '/state';
$nginx->start;

my $users = Ficus::Split->new($t->port(1), 'users');
my ($asked, $generation) = (6000, 1);
my (@lost, @unasked, @back, @odd);

srand 20261121;

for my $round (1 .. 20 * $rounds) {
    last if $round > $rounds && $generation > $changes;

    # A worker, both, or all of nginx are killed while two writers write; each
    # of them returns all that it asked for and what was answered.

    my $pid = fork() // die "fork: $!";

    if ($pid == 0) {
        my @victims = $round % 3 == 0 ? ($nginx->master, $nginx->children)
            : $round % 3 == 1 ? $nginx->workers : ($nginx->workers)[$round % 2];

        sleep 0.02 + rand 0.1;
        kill 'KILL', @victims;
        POSIX::_exit(0);
    }

    my $end = time + 0.15;
    my @writers = parallel(2, sub {
        my ($i) = @_;
        my @calls;

        for (my $n = 1; $n <= 200 && time < $end; $n++) {
            my $p = ($round * 300 + $n * 2 + $i) % 10000;
            my $r = $users->p($p / 100);

            push @calls, [ $p, $r->{status}, $r->{json}{generation} ];
            sleep 0.01 if !$r->{status};
        }

        return \@calls;
    });

    waitpid $pid, 0;

    if ($round % 3 == 0) {
        $nginx->kill;
        $nginx->start;

    } else {
        wait_for(10, sub { $nginx->workers == 2 });
    }

    my %asked = map { $_->[0] => 1 } map { @$_ } @writers;
    my ($last) = sort { $b <=> $a } map { $_->[2] // 0 } map { @$_ } @writers;
    my $state = $users->state;
    my $p = sprintf '%.0f', $state->{arms}[0]{configured} * 100;

    push @odd, "$round: $_->[1]" for grep { $_->[1] !~ /^(?:0|200|503)$/ }
        map { @$_ } @writers;
    push @unasked, "$round: $p" if !$asked{$p} && $p != $asked;
    push @back, "$round: $state->{generation} < $generation"
        if $state->{generation} < $generation;
    push @lost, "$round: $state->{generation} < $last"
        if $state->{generation} < $last;

    # what was acknowledged last is there, if nothing came after it
    for my $call (map { @$_ } @writers) {
        push @lost, "$round: $p for $call->[0]"
            if ($call->[2] // 0) == $state->{generation} && $call->[0] != $p;
    }

    my $r = $users->p(50);

    if ($r->{status} != 200 || $r->{json}{generation} != $state->{generation} + 1) {
        fail("round $round: the next change is made") or diag($r->{body});
    }

    ($asked, $generation) = (5000, $r->{json}{generation} // 0);
}

is("@odd", '', 'answers are 200, 503 or none');
is("@unasked", '', 'weights are some that were asked for');
is("@back", '', 'the generation never goes back');
is("@lost", '', 'no acknowledged change is lost');

my $history = $users->history;
my @generations = map { $_->{generation} } @$history;

is("@generations", join(' ', sort { $b <=> $a } @generations),
    'history is in order');
cmp_ok($generation, '>', $changes, 'many changes were made');

my $configured = $users->configured;

$nginx->restart;
is($users->configured, $configured, 'state after a restart');
is(join(' ', map { s,.*/,,r } glob $t->dir . '/state/*'), 'users.history users.ledger users.state',
    'no temporary file is left');

$t->done;
