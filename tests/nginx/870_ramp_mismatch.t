#!/usr/bin/perl

# Copyright (C) Ficus authors

# The guard of a ramp by what shadows have found.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Test::More;
use Time::HiRes qw(sleep time);

use Ficus::HTTP qw(get);
use Ficus::Nginx;
use Ficus::Run qw(wait_for);
use Ficus::Split;

my $t = Ficus::Run->new;
mkdir $t->dir . '/state';

my $nginx = Ficus::Nginx->new($t, <<'EOC');

%%GLOBALS%%
worker_processes 2;

http {
    %%HTTP%%
    default_type application/json;

    upstream v1 { server 127.0.0.1:%%PORT_2%%; }
    upstream v2 { server 127.0.0.1:%%PORT_3%%; }

    upstream u {
        strangler zone=r:1m state=%%DIR%%/state;
        strangler_shadow share=100;
        arm v1=v1 weight=100; arm v2=v2;
    }
    upstream none {
        strangler zone=r;
        arm v1=v1 weight=100; arm v2=v2;
    }

    server {
        listen 127.0.0.1:%%PORT_0%% reuseport;
        location / { proxy_pass http://u; }
    }
    server {
        listen 127.0.0.1:%%PORT_2%%;
        location / { return 200 '{"id": "$request_id", "name": "one"}'; }
    }
    server {
        listen 127.0.0.1:%%PORT_3%%;
        location / { return 200 '{"id": "$request_id", "name": "one"}'; }
        location /other { return 200 '{"id": "$request_id", "name": "two"}'; }
    }

    %%ADMIN%%
}
EOC

$nginx->start;

my $split = Ficus::Split->new($t->port(1), 'u');
my $c = Ficus::HTTP->connect($t->port(0));


sub ramp {
    my (%guards) = @_;

    return $split->ask('POST', '/ramp', json => { to => { v1 => 50, v2 => 50 },
        step => 25, every => 0.3, guards => { min_requests => 30, %guards } });
}


# asks until the ramp is no longer running, or so many seconds

sub until_over {
    my ($seconds, $path) = @_;

    my $ramp;

    wait_for($seconds, sub {
        $c->ask('GET', $path) for 1 .. 20;
        $ramp = $split->state->{ramp};
        return $ramp->{state} ne 'running';
    });

    return $ramp;
}


# what is refused

is(ramp(max_mismatch_ratio => $_)->{status}, 400, "refused: $_") for -1, 1.1, 'x';
my $r = Ficus::Split->new($t->port(1), 'none')->ask('POST', '/ramp', json => {
    to => { v1 => 0, v2 => 100 }, step => 10, every => 1,
    guards => { max_mismatch_ratio => 0 } });
is($r->{status}, 400, 'not without strangler_shadow');
like($r->{body}, qr/strangler_shadow/, 'which it names');


# nothing is compared: hold

$split->ask('PUT', '/shadow', json => { share => 0 });
is(ramp(max_mismatch_ratio => 0.01)->{status}, 201, 'a ramp');
my $ramp = until_over(1.5, '/same');
is($ramp->{state}, 'running', 'nothing compared: it holds');
is($ramp->{verdict}, 'hold', 'verdict');
is($ramp->{why}, 'v2: 0 of 30 answers compared', 'why');
is($ramp->{guards}{max_mismatch_ratio}, 0.01, 'guard');
is($ramp->{step}, 1, 'the first step');

$nginx->restart;
$c = Ficus::HTTP->connect($t->port(0));
is($split->state->{ramp}{guards}{max_mismatch_ratio}, 0.01, 'a restart later');


# answers are the same but for noise: advance

$split->ask('PUT', '/shadow', json => { share => 100 });
is($split->state->{ramp}{state}, 'running', 'a share does not end the ramp');
$ramp = until_over(20, '/same');
is($ramp->{state}, 'done', 'equal answers, noise apart');
is($split->configured, 'v1=50 v2=50', 'weights');


# answers differ: roll back

$split->weights({ v1 => 100, v2 => 0 });
is(ramp(max_mismatch_ratio => 0.01)->{status}, 201, 'another ramp');
$ramp = until_over(20, '/other');
is($ramp->{state}, 'rolled-back', 'answers that differ');
like($ramp->{why}, qr/^v2: \d+\.\d\d% of \d+ answers differ from the baseline$/,
    'why');
is($split->configured, 'v1=100 v2=0', 'weights as before');


# as many as are allowed

is(ramp(max_mismatch_ratio => 1)->{status}, 201, 'a ramp that allows all');
is(until_over(20, '/other')->{state}, 'done', 'does not mind');

$t->done;
