#!/usr/bin/perl

# Copyright (C) Ficus authors

# The way back of a ramp: at once, step by step, or not at all.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Test::More;
use Time::HiRes qw(sleep time);

use Ficus::Backend qw(http_backend);
use Ficus::HTTP qw(get);
use Ficus::Nginx;
use Ficus::Run qw(wait_for);
use Ficus::Split;

my $t = Ficus::Run->new(allow => [ qr/exited on signal 9/ ]);
my $conf = <<'EOC';

%%GLOBALS%%
worker_processes 2;

http {
    %%HTTP%%

    upstream v1 { server 127.0.0.1:%%PORT_2%%; }
    upstream v2 { server 127.0.0.1:%%PORT_3%%; }

    upstream users {
        strangler zone=users:1m state=%%DIR%%/state;
        strangler_key $arg_id;
        strangler_override header=X-Ficus-Arm;
        arm v1=v1 weight=100;
        arm v2=v2;
    }

    server {
        listen 127.0.0.1:%%PORT_0%%;
        location / { proxy_pass http://users; }
    }

    %%ADMIN%%
}
EOC

my $nginx = Ficus::Nginx->new($t, $conf);

mkdir $t->dir . '/state';
http_backend($t, 'v1', $t->port(2));
http_backend($t, 'v2', $t->port(3));
$nginx->start;

my $port = $t->port(0);
my $users = Ficus::Split->new($t->port(1), 'users');

sub ramp {
    my (%more) = @_;

    $users->p(100);
    return $users->ask('POST', '/ramp', json => {
        to => { v1 => 0, v2 => 100 }, step => 10, every => 60, %more });
}

sub post {
    my ($what, $body) = @_;

    return $users->ask('POST', "/ramp/$what", json => $body // {});
}

sub now { return wait_for(5, sub { $users->state })->{ramp} }

sub is_state {
    my ($state) = @_;

    return wait_for(20, sub { now()->{state} eq $state });
}

# makes steps without waiting for them
sub steps {
    my ($n, %more) = @_;

    ramp(%more, every => 0.1);
    wait_for(20, sub { now()->{step} >= $n });
    post('pause');

    return now()->{step};
}

# both arms are asked, the new one fails, until the ramp goes back
sub fail_until {
    my ($stop) = @_;

    for my $i (1 .. 2000) {
        get($port, '/', 'X-Ficus-Arm' => 'v1');
        get($port, '/', 'X-Ficus-Arm' => 'v2', 'Do-v2' => 'status=500');
        last if $i % 5 == 0 && $stop->();
    }
}

sub weights {
    my ($since) = @_;

    return join ' ', map { $_->{weights}{v2} + 0 }
        grep { $_->{generation} >= $since } reverse @{$users->history};
}

my %guards = (guards => { max_error_ratio => 0.1, min_requests => 0 });


# what may be said

for my $bad ('back', 1, undef, '') {
    my $r = ramp(down => $bad);

    is($r->{status}, 400, 'no policy: ' . ($bad // 'null'));
    is($r->{json}{errors}[0]{field}, 'down',
        'no policy: names the field');
}

is(ramp()->{json}{ramp}{down}, 'snap', 'at once if not said');
is(post('pause', { down => 'keep' })->{status}, 400, 'only for abort');
is(post('abort', { down => 'x' })->{status}, 400, 'abort: no policy');
is(post('abort')->{json}{ramp}{state}, 'aborted', 'abort');
is($users->configured, 'v1=100 v2=0', 'abort: at once');


# abort, step by step

my $n = steps(3);
my $r = post('abort', { down => 'release' });

is($r->{json}{ramp}{state}, 'running', 'release: under way');
is($r->{json}{ramp}{going_back}, 1, 'release: goes back');
is($r->{json}{ramp}{step}, $n - 1, 'release: the first step');
is($r->{json}{ramp}{verdict}, 'roll back', 'release: verdict');
is($r->{json}{ramp}{why}, 'aborted by an operator', 'release: why');
ok(is_state('aborted'), 'release: ends');
is($users->configured, 'v1=100 v2=0', 'release: as before the ramp');
is(weights($r->{json}{generation}),
    join(' ', map { 10 * $_ } reverse 0 .. $n - 1), 'release: all steps');
is(now()->{going_back}, 0, 'release: no more');


# who came last leaves first, and nobody else moves

my %arm;

sub arms {
    return { map { ($_ => get($port, "/?id=$_")->{body}) } 1 .. 100 };
}

$n = steps(4, down => 'release');
is(now()->{down}, 'release', 'policy of the ramp');
my $before = arms();
$users->ask('POST', '/ramp/resume', json => {});
post('pause');
post('abort');
post('pause');

my $step = now()->{step};
my $after = arms();
my @back = grep { $before->{$_} eq 'v2' && $after->{$_} eq 'v1' } 1 .. 100;

is(join(' ', grep { $before->{$_} eq 'v1' && $after->{$_} eq 'v2' } 1 .. 100),
    '', 'nobody is moved to the new arm') if $step <= $n;

my $explain = sub { return $users->explain($_[0])->{bucket} };
my ($lowest) = sort { $a <=> $b } map { $explain->($_) } @back;
my ($highest) = sort { $b <=> $a } map { $explain->($_) }
    grep { $after->{$_} eq 'v2' } 1 .. 100;

cmp_ok($highest // -1, '<', $lowest // 10_000, 'the newest leave first');


# pause, resume, a worker process and all of nginx killed on the way back

is(now()->{state}, 'paused', 'paused on the way back');
is(now()->{going_back}, 1, 'paused: still on the way back');
$nginx->kill;
$nginx->start;
is(now()->{going_back}, 1, 'kill -9: still on the way back');
is(now()->{step}, $step, 'kill -9: the same step');
$nginx->conf($conf =~ s/users:1m/users:2m/r);
$nginx->reload;
is(now()->{going_back}, 1, 'another size of the zone: on the way back');
is(now()->{step}, $step, 'another size of the zone: the same step');
post('resume');
ok(is_state('aborted'), 'goes on to the end');
is($users->configured, 'v1=100 v2=0', 'back');


# keep

$n = steps(3);
$r = post('abort', { down => 'keep' });
is($r->{json}{ramp}{state}, 'aborted', 'keep: state');
is($users->configured, 'v1=' . (100 - 10 * $n) . ' v2=' . 10 * $n,
    'keep: weights stay');
is($users->state->{reason}, 'ramp aborted, weights kept', 'keep: reason');


# guards

my %end = (snap => 'rolled-back', release => 'rolled-back', keep => 'aborted');

for my $down (sort keys %end) {
    $n = steps(3, down => $down, %guards);
    post('resume');

    my $from = $users->generation;

    fail_until(sub { my $now = now();
        $now->{state} ne 'running' || $now->{going_back} });
    ok(is_state($end{$down}), "guard, $down: $end{$down}");
    like(now()->{why}, qr/^v2: [\d.]+% errors, baseline [\d.]+%$/,
        "guard, $down: why");

    my @seen = split ' ', weights($from);
    my ($top) = sort { $b <=> $a } @seen;

    like($users->state->{reason}, $down eq 'keep' ? qr/^ramp ended, weights kept: v2/
        : qr/^ramp rolled back: v2/, "guard, $down: reason");

    shift @seen while grep { $_ == $top } @seen;
    is("@seen", { snap => '0', keep => '',
        release => join(' ', map { 10 * $_ } reverse 0 .. $top / 10 - 1) }->{$down},
        "guard, $down: weights after that");
}

$t->done;
