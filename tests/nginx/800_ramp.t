#!/usr/bin/perl

# Copyright (C) Ficus authors

# Ramps: steps by themselves, verdicts, pause, resume, abort, and what they
# survive.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Test::More;
use Time::HiRes qw(sleep time);

use Ficus::Backend qw(http_backend);
use Ficus::HTTP qw(get request);
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
        strangler_override header=X-Ficus-Arm;
        arm v1=v1 weight=100;
        arm v2=v2;
    }
    upstream three {
        strangler zone=users;
        arm v1=v1 weight=50;
        arm v2=v2 weight=30;
        arm v3=v2 weight=20;
    }
    upstream breaker {
        strangler zone=users;
        strangler_breaker failures=3 open=60s;
        strangler_override header=X-Ficus-Arm;
        arm v1=v1 weight=100;
        arm v2=v2;
    }

    server {
        listen 127.0.0.1:%%PORT_0%% reuseport;
        location ~ ^/(\w+)$ { proxy_pass http://$1; }
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
my $three = Ficus::Split->new($t->port(1), 'three');
my $breaker = Ficus::Split->new($t->port(1), 'breaker');

sub ramp {
    my ($split, $to, %more) = @_;

    return $split->ask('POST', '/ramp', json => {
        to => ref $to ? $to : { v1 => 100 - $to, v2 => $to },
        step => 10, every => 0.2, %more });
}

sub post { return $_[0]->ask('POST', "/ramp/$_[1]", json => {}) }

# a call may be on its way to a process that is killed
sub now {
    my ($split) = @_;

    return wait_for(5, sub { $split->state })->{ramp};
}

sub is_state {
    my ($split, $state, $seconds) = @_;

    return wait_for($seconds // 10, sub { now($split)->{state} eq $state });
}

# requests until a function says stop; what v2 and v1 are to do
sub load {
    my ($split, $stop, @headers) = @_;

    for my $i (1 .. 4000) {
        get($port, "/$split", @headers);
        get($port, "/$split", @headers, 'X-Ficus-Arm' => 'v2');
        last if $i % 5 == 0 && $stop->();
    }
}


# none

is($users->state->{ramp}, undef, 'no ramp at first');
for my $what (qw(pause resume abort)) {
    my $r = post($users, $what);
    is("$r->{status} $r->{json}{detail}", '409 no ramp is under way', "$what: none");
}


# all the way, without guards

my $began = time;
my $r = ramp($users, 100, step => 25, every => 0.4);

is($r->{status}, 201, 'start');
is($r->{headers}{etag}, '"2"', 'ETag');
is($r->{json}{ramp}{state}, 'running', 'running');
is("$r->{json}{ramp}{step} of $r->{json}{ramp}{of}", '1 of 4', 'the first step');
is($r->{json}{arms}[1]{configured}, 25, 'has been made');
is_deeply($r->{json}{ramp}{to}, { v1 => 0, v2 => 100 }, 'to');
is($r->{json}{ramp}{verdict}, 'hold', 'verdict');
is(ramp($users, 50)->{status}, 409, 'one at a time');

my (%seen, $last);
wait_for(10, sub {
    my $s = $users->state;
    $seen{$s->{arms}[1]{configured} + 0} = 1;
    return $s->{ramp}{state} eq 'done';
});

is(join(' ', sort { $a <=> $b } keys %seen), '25 50 75 100', 'each step was there');
cmp_ok(time - $began, '>=', 1.5, 'not too fast');
cmp_ok(time - $began, '<', 6, 'not too slow');
is(now($users)->{state}, 'done', 'done');
is(now($users)->{verdict}, 'advance', 'verdict');
is($users->configured, 'v1=0 v2=100', 'the weights');

my @history = @{$users->history};

is(join(', ', map { $_->{reason} } @history[0 .. 4]),
    'ramp done, ramp step 4 of 4, ramp step 3 of 4, ramp step 2 of 4, ramp step 1 of 4',
    'history: why');
is($history[0]{changed_by}, 'ramp', 'history: who');
is($users->ask('GET', '/history?verify=1')->{json}{verified}, 1, 'history: chained');


# back down; the last step is shorter

$r = ramp($users, 5, step => 40, every => 0.1, reason => 'evening');
is("$r->{json}{ramp}{of} $r->{json}{arms}[1]{configured} $r->{json}{reason}",
    '3 68.33 evening', 'down: even steps');
ok(is_state($users, 'done'), 'down: done');
is($users->configured, 'v1=95 v2=5', 'down: exactly');


# three arms: never more than 100, exact at the end

$r = ramp($three, { v1 => 0.01, v2 => 33.33, v3 => 66.66 }, step => 1, every => 0.1);
is($r->{json}{ramp}{of}, 50, 'three: as many as the longest way needs');
ok(is_state($three, 'done', 30), 'three: done');
is($three->configured, 'v1=0.01 v2=33.33 v3=66.66', 'three: exactly');


# too little traffic is a hold

ramp($users, 50, guards => { max_error_ratio => 0.01, min_requests => 20 });
sleep 1;
is(now($users)->{step}, 1, 'nothing asked, no step');
is(now($users)->{verdict}, 'hold', 'verdict');
is(now($users)->{why}, 'v2: 0 of 20 requests', 'why');
get($port, '/users', 'X-Ficus-Arm' => 'v2') for 1 .. 12;
ok(wait_for(5, sub { now($users)->{why} eq 'v2: 12 of 20 requests' }), 'counts');
get($port, '/users', 'X-Ficus-Arm' => 'v2') for 1 .. 8;
ok(wait_for(5, sub { now($users)->{step} == 2 }), 'enough: the next step');
is(now($users)->{state}, 'running', 'goes on');


# pause, resume

$r = post($users, 'pause');
is("$r->{status} $r->{json}{ramp}{state} $r->{json}{ramp}{step}", '200 paused 2', 'pause');
is(post($users, 'pause')->{status}, 409, 'pause twice');
is(ramp($users, 50)->{status}, 409, 'paused is under way');
get($port, '/users', 'X-Ficus-Arm' => 'v2') for 1 .. 30;
sleep 0.6;
is(now($users)->{step}, 2, 'paused: no step');
$nginx->restart;
is(now($users)->{state}, 'paused', 'paused: survives a restart');
$r = $users->ask('POST', '/ramp/resume');
is("$r->{status} $r->{json}{ramp}{state}", '200 running', 'resume, without a body');
is(post($users, 'resume')->{status}, 409, 'resume twice');


# abort

$r = post($users, 'abort');
is("$r->{status} $r->{json}{ramp}{state}", '200 aborted', 'abort');
is($r->{json}{ramp}{why}, 'aborted by an operator', 'why');
is($users->configured, 'v1=95 v2=5', 'abort: as before the ramp');
is(post($users, 'abort')->{status}, 409, 'abort twice');


# a change of the weights ends it

ramp($users, 50, every => 60);
$users->p(77);
is(now($users)->{state}, 'aborted', 'a change ends the ramp');
is(now($users)->{why}, 'the weights were changed', 'why');
is($users->configured, 'v1=77 v2=23', 'and holds');


# If-Match

$r = $users->ask('POST', '/ramp', headers => [ 'If-Match' => '"1"' ], json => {
    to => { v1 => 0, v2 => 100 }, step => 10, every => 1 });
is($r->{status}, 412, 'If-Match');


# errors of the new arm

$users->p(90);
ramp($users, 100, step => 5, every => 0.5,
    guards => { max_error_ratio => 0.05, min_requests => 50 });
load('users', sub { now($users)->{state} ne 'running' }, 'Do-v2' => 'status=500');
is(now($users)->{state}, 'rolled-back', 'errors: rolled back');
is(now($users)->{verdict}, 'roll back', 'verdict');
like(now($users)->{why}, qr/^v2: 100\.00% errors, baseline 0\.00%$/, 'why');
is($users->configured, 'v1=90 v2=10', 'to where it began');
is($users->history->[0]{reason}, 'ramp rolled back: ' . now($users)->{why}, 'history');
like($nginx->log, qr/\[error\].*split "users": ramp rolled back: v2: 100/, 'log');

# none at all are allowed
$r = ramp($users, 100, step => 5, every => 60,
    guards => { max_error_ratio => 0, max_latency_ratio => 1.5, quantile => 0.95 });
is_deeply($r->{json}{ramp}{guards}, { max_error_ratio => 0, min_requests => 100,
    max_latency_ratio => 1.5, quantile => 0.95 }, 'the guards are shown as given');
load('users', sub { now($users)->{state} ne 'running' }, 'Do-v2' => 'status=500');
like(now($users)->{why}, qr/errors/, 'a limit of 0 is a limit');

# errors that the baseline has as well
ramp($users, 40, step => 10, every => 0.1,
    guards => { max_error_ratio => 0.05, min_requests => 5 });
load('users', sub { now($users)->{state} ne 'running' }, Do => 'status=500');
is(now($users)->{state}, 'done', 'errors of both arms: no reason to stop');


# on the way down the arm that gets less is not judged
$users->p(50);
ramp($users, 20, step => 10, every => 0.3,
    guards => { max_error_ratio => 0.05, min_requests => 5 });
load('users', sub { now($users)->{state} ne 'running' }, 'Do-v2' => 'status=500');
is(now($users)->{state}, 'done', 'away from a failing arm: to the end');


# a slow arm

$users->p(90);
ramp($users, 100, step => 5, every => 0.3, guards => {
    max_latency_ratio => 2, quantile => 0.9, min_requests => 10 });
load('users', sub { now($users)->{state} ne 'running' }, 'Do-v2' => 'sleep=0.03');
is(now($users)->{state}, 'rolled-back', 'latency: rolled back');
like(now($users)->{why}, qr/^v2: 90\.0% of answers within \d+\.\d ms, baseline \d+\.\d ms$/,
    'why');

ramp($users, 30, step => 10, every => 0.1, guards => {
    max_latency_ratio => 5, quantile => 0.9, min_requests => 10 });
load('users', sub { now($users)->{state} ne 'running' }, Do => 'sleep=0.01');
is(now($users)->{state}, 'done', 'both slow: no reason to stop');


# the breaker

ramp($breaker, 100, step => 10, every => 60, guards => { max_error_ratio => 0.5 });
get($port, '/breaker', 'X-Ficus-Arm' => 'v2', 'Do-v2' => 'status=500') for 1 .. 3;
ok(is_state($breaker, 'rolled-back'), 'an open breaker: rolled back');
is(now($breaker)->{why}, 'v2: the breaker has opened', 'why');


# reload, death of a process, kill -9 of all

$users->p(100);
ramp($users, 50, step => 5, every => 0.3);
$nginx->reload;
is(now($users)->{state}, 'running', 'reload: goes on');

for (1 .. 3) {
    my ($victim) = $nginx->workers;
    kill 'KILL', $victim;
    wait_for(10, sub { my @w = $nginx->workers; @w == 2 && !grep { $_ == $victim } @w });
}

ok(wait_for(5, sub { now($users)->{step} >= 4 }), 'worker processes die: goes on');
my $step = now($users)->{step};
$nginx->kill;
$nginx->start;
cmp_ok(now($users)->{step}, '>=', $step, 'kill -9: no step is lost');
is(now($users)->{state}, 'running', 'kill -9: goes on');
ok(is_state($users, 'done', 20), 'to its end');
is($users->configured, 'v1=50 v2=50', 'exactly');
is($users->ask('GET', '/history?verify=1')->{json}{verified}, 1, 'history: whole');


# both get worse while the baseline is hardly asked: the arm is not to blame

$users->weights(v1 => 50, v2 => 50) if $users->configured ne 'v1=50 v2=50';
$r = ramp($users, 100, step => 10, every => 600,
    guards => { max_error_ratio => 0.01, min_requests => 1 });

sub both {
    my ($seconds, $one, $two) = @_;

    my $end = time + $seconds;

    while (time < $end) {
        my $next = time + 1;

        get($port, '/users', 'X-Ficus-Arm' => 'v1', Do => "status=$one");
        while (time < $next) {
            get($port, '/users', 'X-Ficus-Arm' => 'v2', Do => "status=$two");
            sleep 0.005;
        }
    }
}

for (1 .. 100) { get($port, '/users', 'X-Ficus-Arm' => $_) for qw(v1 v2) }
both(4, 500, 500);
is(now($users)->{state}, 'running', 'both are worse: goes on');
for (1 .. 20) {
    both(1, 200, 500);
    last if now($users)->{state} ne 'running';
}
is(now($users)->{state}, 'rolled-back', 'the arm alone: rolled back');


# another configuration ends it

ramp($users, 100, step => 5, every => 60);
$nginx->conf($conf =~ s/arm v1=v1 weight=100;/arm v1=v1 weight=80;/r);
$nginx->reload;
is(now($users)->{state}, 'aborted', 'another configuration ends it');
is($users->configured, 'v1=80 v2=20', 'and wins');


# bad calls

my %good = (to => { v1 => 0, v2 => 100 }, step => 10, every => 1);

for (
    [ 'to' => undef, 'required' ], [ to => 5, 'type' ],
    [ to => { v1 => 50, v2 => 60 }, 'sum', 'weights' ],
    [ to => { v1 => 100 }, 'required', 'v2' ],
    [ to => { v1 => 50, v2 => 40, v9 => 10 }, 'unknown', 'v9' ],
    [ to => { v1 => 80, v2 => 20 }, 'same' ],
    [ step => undef, 'required' ], [ step => '10', 'type' ], [ step => 0, 'range' ],
    [ step => 101, 'range' ], [ step => 0.001, 'range' ], [ step => 1.005, 'decimals' ],
    [ every => undef, 'required' ], [ every => 0, 'range' ], [ every => 0.05, 'range' ],
    [ every => 604801, 'range' ], [ every => 1.0005, 'decimals' ],
    [ guards => 1, 'type' ], [ guards => { nothing => 1 }, 'unknown', 'nothing' ],
    [ guards => { max_error_ratio => 2 }, 'range', 'max_error_ratio' ],
    [ guards => { max_error_ratio => 'x' }, 'type', 'max_error_ratio' ],
    [ guards => { max_latency_ratio => 0.5 }, 'range', 'max_latency_ratio' ],
    [ guards => { quantile => 1 }, 'range', 'quantile' ],
    [ guards => { min_requests => -1 }, 'range', 'min_requests' ],
    [ guards => { min_requests => 1.5 }, 'decimals', 'min_requests' ],
    [ speed => 1, 'unknown' ])
{
    my ($name, $value, $code, $field) = @$_;
    my %body = (%good, $name => $value);

    delete $body{$name} if !defined $value;
    $r = $users->ask('POST', '/ramp', json => \%body);
    my ($error) = @{$r->{json}{errors}};
    $field //= $name;
    is("$r->{status} $error->{field} $error->{code}", "400 $field $code",
        "$field: $code");
}

is($users->ask('GET', '/ramp')->{status}, 405, 'GET ramp');
is($users->ask('POST', '/ramp/stop')->{status}, 404, 'no such call');
is($users->ask('POST', '/ramp/pause', json => { x => 1 })->{status}, 400,
    'pause with a member');
is($users->ask('POST', '/ramp')->{status}, 415, 'a ramp needs a body');

$t->done;
