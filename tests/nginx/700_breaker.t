#!/usr/bin/perl

# Copyright (C) Ficus authors

# strangler_breaker: an arm that fails is left alone, and gets its share back.

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
use Ficus::Split qw(bucket);

my $t = Ficus::Run->new(allow => [ qr/exited on signal 9/ ]);
my $conf = <<'EOC';

%%GLOBALS%%
worker_processes 2;

http {
    %%HTTP%%
    proxy_connect_timeout 1s;

    upstream users_v1 { server 127.0.0.1:%%PORT_2%%; }
    upstream users_v2 { server 127.0.0.1:%%PORT_3%%; }
    upstream dead { server 127.0.0.1:%%PORT_9%%; }

    upstream users {
        strangler zone=users:1m;
        strangler_key $arg_id;
        strangler_override header=X-Ficus-Arm;
        strangler_breaker failures=3 ratio=90 volume=10 window=2s open=500ms
                          probes=2 recovery=1s;
        arm v1=users_v1 weight=60;
        arm v2=users_v2;
    }

    upstream ratio {
        strangler zone=users;
        strangler_key $arg_id;
        strangler_override header=X-Ficus-Arm;
        strangler_breaker failures=0 ratio=50 volume=10 window=60s open=60s;
        arm v1=users_v1 weight=60;
        arm v2=users_v2;
    }

    upstream few {
        strangler zone=users;
        strangler_key $arg_id;
        strangler_breaker failures=3 ratio=0 open=60s;
        arm v1=users_v1 weight=60;
        arm v2=users_v2;
    }

    upstream gone {
        strangler zone=users;
        strangler_key $arg_id;
        strangler_breaker failures=2 open=60s;
        arm v1=users_v1 weight=60;
        arm v2=dead;
    }

    upstream three {
        strangler zone=users;
        strangler_key $arg_id;
        strangler_override header=X-Ficus-Arm;
        strangler_breaker failures=2 open=60s;
        arm v1=users_v1 weight=60;
        arm v2=users_v2 weight=30;
        arm v3=users_v2 weight=10;
    }

    upstream again {
        strangler zone=users;
        strangler_key $arg_id;
        strangler_breaker failures=0 ratio=50 volume=4 window=60s open=200ms
                          probes=1 recovery=0;
        arm v1=users_v1 weight=60;
        arm v2=users_v2;
    }

    upstream plain {
        strangler zone=users;
        strangler_key $arg_id;
        arm v1=users_v1 weight=60;
        arm v2=users_v2;
    }

    upstream slow {
        strangler zone=users;
        strangler_key $arg_id;
        strangler_breaker failures=2 open=60s;
        arm v1=users_v1 weight=60;
        arm v2=users_v2;
    }

    server {
        listen 127.0.0.1:%%PORT_0%% reuseport;
        location = /pinned { strangler_pin v2; proxy_pass http://users; }
        location = /slow { proxy_read_timeout 200ms; proxy_pass http://slow; }
        location ~ ^/(\w+)$ { proxy_pass http://$1; }
    }

    %%ADMIN%%
}
EOC
my $nginx = Ficus::Nginx->new($t, $conf);

http_backend($t, 'v1', $t->port(2));
http_backend($t, 'v2', $t->port(3));
$nginx->start;

my $port = $t->port(0);
my @fail = ('Do-v2' => 'status=503');
my %users = map { $_ => Ficus::Split->new($t->port(1), $_) }
    qw(users ratio few gone three again plain slow);

# keys of one arm of 60:40, for each split
my %id;

for my $split (keys %users) {
    for my $i (1 .. 200) {
        push @{$id{$split}{bucket($split, "u$i") < 4000 ? 'v2' : 'v1'}}, "u$i";
    }
}

sub arm { return $users{$_[0]}->state->{arms}[$_[1]] }

sub ask {
    my ($split, $arm, @headers) = @_;

    return get($port, "/$split?id=$id{$split}{$arm}[0]", @headers);
}

# what the keys of v2 got, and how often
sub spread {
    my ($split, $n) = @_;

    my %count;

    for my $i (0 .. $n - 1) {
        my $r = get($port, "/$split?id=$id{$split}{v2}[$i % 40]");
        $count{$r->{body} =~ /^(v\d)$/ ? $1 : $r->{status}}++;
    }

    return join ' ', map { "$_=$count{$_}" } sort keys %count;
}

sub weight {
    my ($split, $arm, $kind) = @_;

    my $text = get($t->port(1), '/metrics')->{body};

    return $text =~ /^ficus_split_weight\{split="$split",arm="$arm",kind="$kind"\} (\S+)$/m
        ? $1 + 0 : undef;
}


# closed

my $state = $users{users}->state;

is(arm('users', 1)->{state}, 'closed', 'closed at first');
is(arm('users', 1)->{state_reason}, undef, 'for no reason');
is($state->{effective_reason}, 'configured', 'weights are the configured ones');

ask('users', 'v2', @fail) for 1 .. 2;
ask('users', 'v2');
ask('users', 'v2', @fail) for 1 .. 2;
is(arm('users', 1)->{state}, 'closed', 'two failures in a row are not three');
ask('users', 'v2', 'Do-v2' => 'status=404') for 1 .. 5;
is(arm('users', 1)->{state}, 'closed', '404 is no failure');


# open

my $generation = $users{users}->generation;

is(ask('users', 'v2', @fail)->{status}, 503, 'failure ' . $_) for 1 .. 3;

my $began = time;

$state = $users{users}->state;
is($state->{arms}[1]{state}, 'open', 'open');
is($state->{arms}[1]{state_reason}, '3 tries in a row failed', 'and why');
is($state->{arms}[1]{configured}, 40, 'configured weight stays');
is($state->{arms}[1]{effective}, 0, 'effective weight is none');
is($state->{arms}[0]{effective}, 100, 'the baseline has all');
is($state->{effective_reason}, 'breaker', 'it says so');
is($state->{generation}, $generation, 'no new generation');
is($state->{arms}[0]{state}, 'closed', 'the other arm is closed');
is(ask('users', 'v2')->{body}, "v1\n", 'a key of v2 goes to v1');
is(weight('users', 'v2', 'configured'), 40, 'metric: configured');
is(weight('users', 'v2', 'effective'), 0, 'metric: effective');
is(weight('users', 'v1', 'effective'), 100, 'metric: effective of v1');
is($users{users}->explain($id{users}{v2}[0])->{arm}, 'v1', 'explain: arm');
is($users{users}->explain($id{users}{v2}[0])->{rule}, 'breaker', 'explain: rule');

is(get($port, '/users', 'X-Ficus-Arm' => 'v2')->{body}, "v2\n",
    'an override reaches the open arm');
is(get($port, '/pinned')->{body}, "v2\n", 'a pin reaches the open arm');


# half-open, recovering, closed

ok(wait_for(5, sub { arm('users', 1)->{state} eq 'half-open' }), 'half-open');
cmp_ok(time - $began, '>', 0.4, 'not before its time');
is(arm('users', 1)->{effective}, 0, 'half-open: no weight');
is(spread('users', 12), 'v1=10 v2=2', 'two probes');
is(arm('users', 1)->{state}, 'recovering', 'recovering');

my ($grew, $last) = (1, 0);

wait_for(5, sub {
    my $arm = arm('users', 1);
    $grew = 0 if $arm->{effective} < $last;
    $last = $arm->{effective};
    return $arm->{state} eq 'closed';
});

ok($grew, 'the weight grows steadily');
is($last, 40, 'up to the configured one');
is(arm('users', 1)->{state}, 'closed', 'closed again');
is(spread('users', 10), 'v2=10', 'the keys are back');
like($nginx->log, qr/\[error\].*split "users": arm "v2" is open for 500 ms, 3 of 3 tries failed/,
    'log: open');
like($nginx->log, qr/\[notice\].*arm "v2" is half-open/, 'log: half-open');
like($nginx->log, qr/\[notice\].*arm "v2" is recovering, 2 probes succeeded/,
    'log: recovering');
like($nginx->log, qr/\[notice\].*arm "v2" is closed/, 'log: closed');
is(() = $nginx->log =~ /arm "v2" is open for/g, 1, 'one process logs it once');


# a probe that fails

ask('users', 'v2', @fail) for 1 .. 3;
wait_for(5, sub { arm('users', 1)->{state} eq 'half-open' });
ask('users', 'v2', @fail);
is(arm('users', 1)->{state}, 'open', 'a failed probe opens it');
is(arm('users', 1)->{state_reason}, 'a probe failed', 'and why');
like($nginx->log, qr/arm "v2" is open for 1000 ms/, 'for twice as long');
is(spread('users', 10), 'v1=10', 'all to v1 again');


# probes that nobody sends are waited for; a pin is one

wait_for(5, sub { arm('users', 1)->{state} eq 'half-open' });
sleep 1;
is(arm('users', 1)->{state}, 'half-open', 'half-open as long as nobody asks');
get($port, '/pinned') for 1 .. 2;
is(arm('users', 1)->{state}, 'recovering', 'pins are probes, too');


# operator and breaker

wait_for(5, sub { arm('users', 1)->{state} eq 'closed' });
ask('users', 'v2', @fail) for 1 .. 3;

my $r = $users{users}->weights({ v1 => 20, v2 => 80 });

is($r->{status}, 200, 'weights can be changed while an arm is open');
is($r->{json}{arms}[1]{configured}, 80, 'configured');
is($r->{json}{arms}[1]{effective}, 0, 'and still not effective');
is(spread('users', 10), 'v1=10', 'nor in use');
$users{users}->weights({ v1 => 60, v2 => 40 });


# the share of failures in the window

for my $i (1 .. 4) {
    ask('ratio', 'v2');
    ask('ratio', 'v2', @fail);
}

is(arm('ratio', 1)->{state}, 'closed', 'too few tries');
ask('ratio', 'v2');
is(arm('ratio', 1)->{state}, 'closed', 'a success never opens it');
ask('ratio', 'v2', @fail);
is(arm('ratio', 1)->{state}, 'open', 'five of ten');
is(arm('ratio', 1)->{state_reason}, '5 of 10 tries failed', 'and why');


# what was before does not count after a recovery

ask('again', 'v2', @fail) for 1 .. 4;
is(arm('again', 1)->{state}, 'open', 'four of four');
wait_for(5, sub { arm('again', 1)->{state} eq 'half-open' });
ask('again', 'v2');
is(arm('again', 1)->{state}, 'closed', 'recovered at once');
ask('again', 'v2', @fail);
is(arm('again', 1)->{state}, 'closed', 'a new window has begun');


# a server that is not there: a single one, in one arm

is(ask('gone', 'v2')->{status}, 502, 'refused') for 1 .. 2;
is(arm('gone', 1)->{state}, 'open', 'connection refused counts');
is(spread('gone', 10), 'v1=10', 'nobody else sees it');
is(get($port, '/gone')->{body}, "v1\n", 'keyless') for 1 .. 5;


# timeouts

is(get($port, "/slow?id=$id{slow}{v2}[0]", 'Do-v2' => 'sleep=1')->{status},
    504, 'late') for 1 .. 2;
is(arm('slow', 1)->{state}, 'open', 'a timeout counts');


# the baseline

ask('few', 'v1', 'Do-v1' => 'status=500') for 1 .. 3;
is(arm('few', 0)->{state}, 'open', 'the baseline has a breaker, too');
is(arm('few', 1)->{effective}, 100, 'the other arm takes over');
is(ask('few', 'v1')->{body}, "v2\n", 'a key of v1 goes to v2');

ask('few', 'v2', @fail) for 1 .. 3;
$state = $users{few}->state;
is("$state->{arms}[0]{state} $state->{arms}[1]{state}", 'open open', 'both open');
is("$state->{arms}[0]{effective} $state->{arms}[1]{effective}", '60 40',
    'the configured split');
like($state->{effective_reason}, qr/^no arm is left/, 'it says so');
like($nginx->log, qr/\[error\].*split "few": no arm is left that could take over/,
    'log: both');
is(ask('few', 'v1')->{body}, "v1\n", 'v1 as configured');
is(ask('few', 'v2')->{body}, "v2\n", 'v2 as configured');


# an arm that is drained gets nothing from a broken baseline

$users{ratio}->p(100);
for (1 .. 10) {
    get($port, '/ratio', 'Do-v1' => 'status=500');
}
is(arm('ratio', 0)->{state}, 'open', 'the baseline is open');
is(arm('ratio', 0)->{effective}, 100, 'nobody with a weight is left');
is(get($port, '/ratio')->{body}, "v1\n", '0 stays 0');


# three arms

get($port, '/three', 'X-Ficus-Arm' => 'v2', @fail) for 1 .. 2;
is(join(' ', map { $_->{effective} + 0 } @{$users{three}->state->{arms}}),
    '90 0 10', 'the baseline inherits');
get($port, '/three', 'X-Ficus-Arm' => 'v1', 'Do-v1' => 'status=500') for 1 .. 2;
is(join(' ', map { $_->{effective} + 0 } @{$users{three}->state->{arms}}),
    '0 0 100', 'the last one has all');


# reload, death of a worker process, another zone

$nginx->reload;
is(arm('gone', 1)->{state}, 'open', 'reload: still open');
is(spread('gone', 10), 'v1=10', 'reload: still spared');

my ($victim) = $nginx->workers;
kill 'KILL', $victim;
wait_for(10, sub { my @w = $nginx->workers; @w == 2 && !grep { $_ == $victim } @w });
is(arm('gone', 1)->{state}, 'open', 'kill: still open');
is(spread('gone', 10), 'v1=10', 'kill: still spared');

$nginx->conf($conf =~ s/users:1m/users:2m/r);
$nginx->reload;
is(arm('gone', 1)->{state}, 'open', 'another zone size: still open');
is(spread('gone', 10), 'v1=10', 'another zone size: still spared');

$nginx->conf($conf =~ s/strangler_breaker failures=2 open=60s;//gr);
$nginx->reload;
is(arm('gone', 1)->{state}, 'closed', 'no directive, no breaker');
is(ask('gone', 'v2')->{status}, 502, 'no breaker: the arm is asked');


# without the directive

ask('plain', 'v2', @fail) for 1 .. 30;
is(arm('plain', 1)->{state}, 'closed', 'none: never open');
is(arm('plain', 1)->{failures}, 30, 'none: failures are counted');
is(ask('plain', 'v2')->{body}, "v2\n", 'none: nothing moves');

$t->done;
