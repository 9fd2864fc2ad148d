#!/usr/bin/perl

# Copyright (C) Ficus authors

# ficusctl ramp, and history --verify.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use JSON::PP;
use Test::More;

use Ficus::System;

my $s = Ficus::System->new->start;
my ($out, $err);

$ENV{LC_ALL} = 'C';
$ENV{FICUS_ADMIN_URL} = 'http://127.0.0.1:' . $s->admin_port;


sub ctl {
    my ($expected, @args) = @_;

    (my $status, $out, $err) = $s->run->capture(
        Ficus::System->program('ficusctl'), @args);

    is($status, $expected, "ficusctl @args") or diag($out, $err);
}

sub state { return $s->admin('GET', '/api/v1/splits/users')->{json} }


# ramp

my @start = (qw(ramp users start --to), 'v1=0,v2=100');
my @all = (@start, qw(--step=12.5 --every=3600));

ctl(0, 'ramp', 'users');
is($out, "users has had no ramp\n", 'none yet');
ctl(1, qw(ramp users pause));
like($err, qr/refused with 409/, 'none to pause');

ctl(0, @all, qw(--max-error-ratio=0.02 --max-latency-ratio=1.5 --quantile=0.9
    --min-requests=7 --reason), 'at last');
like($out, qr/^  v1 \(baseline\) +87\.50 /m, 'the first step is made');
like($out, qr/^  ramp running, step 1 of 8, hold: ./m, 'what it does');
like($out, qr/^  from v1=100 v2=0 to v1=0 v2=100, 12\.5 points each 3600 s$/m,
    'and will do');
like($out, qr/^  guard: errors at most 2 points above the baseline's\n  guard: p90 at most 1\.5 times the baseline's\n  guard: at least 7 requests in a step\n  way back: everybody at once \(snap\)$/m,
    'how it is guarded, and how it goes back');
is_deeply(state()->{ramp}{guards}, { max_error_ratio => 0.02,
    max_latency_ratio => 1.5, quantile => 0.9, min_requests => 7 }, 'guards');

ctl(1, @all);
like($err, qr/refused with 409/, 'one at a time');
ctl(0, qw(ramp users pause));
like($out, qr/^  ramp paused, /m, 'paused');
ctl(0, 'status');
like($out, qr/^  ramp paused, step 1 of 8: /m, 'status shows it, too');
ctl(0, qw(ramp users resume));
like($out, qr/^  ramp running, /m, 'resumed');
ctl(0, '--json', 'ramp', 'users');
is(decode_json($out)->{ramp}{state}, 'running', '--json');
ctl(1, qw(--if-match=1 ramp users abort));
like($err, qr/refused with 412/, '--if-match');
ctl(0, qw(ramp users abort));
like($out, qr/^  ramp aborted, step 1 of 8: /m, 'aborted');
is(state()->{arms}[0]{configured}, 100, 'as it was before');
ctl(0, 'ramp', 'users');
like($out, qr/^  ramp aborted, /m, 'what it came to is shown on');

ctl(0, @all, '--down=release');
is(state()->{ramp}{down}, 'release', 'the way back');
ctl(0, qw(ramp users abort --down keep));
is(state()->{arms}[0]{configured}, 87.5, 'or another one');
ctl(0, qw(p users 100));

for (
    [ 1, qr/down: /, @all, '--down=up' ],
    [ 2, qr/needs --to, --step and --every/, @start ],
    [ 2, qr/needs --to/, qw(ramp users start --step=1 --every=1) ],
    [ 2, qr/"v1" is not ARM=WEIGHT/, qw(ramp users start --to v1 --step=1
        --every=1) ],
    [ 2, qr/--step=x is no number/, @start, qw(--step=x --every=1) ],
    [ 2, qr/--quantile=-/, @all, '--quantile=-' ],
    [ 2, qr/^usage: ficusctl ramp SPLIT \[start/, qw(ramp users stop) ],
    [ 2, qr/set does not take --step/, qw(set users v1=1 v2=99 --step=1) ],
    [ 1, qr/^  step: .*, not 101$/m, @start, qw(--step=101 --every=1) ],
    [ 1, qr/refused with 404/, qw(ramp nobody) ],
) {
    my ($status, $regex, @args) = @$_;

    ctl($status, @args);
    like($err, $regex, 'says why');
}


# history --verify

ctl(0, qw(history users --verify));
like($out, qr/^whole  8 records, of generation \d+ to \d+$/, 'whole');
ctl(0, qw(--json history users --verify));
ok(decode_json($out)->{verified}, '--json');

my $text = $s->run->read('state/users.history');

(my $forged = $text) =~ s/at%20last/no%20way/;
isnt($forged, $text, 'the reason is in the history');
$s->run->write('state/users.history', $forged);
ctl(1, qw(history users --verify));
like($out, qr/^not whole  .*: a record does not follow/, 'forged');
ctl(0, qw(history users));

$s->done;
