#!/usr/bin/perl

# Copyright (C) Ficus authors

# The demonstration: what it shows, and that it leaves nothing behind.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Test::More;
use Time::HiRes qw(time);

use Ficus::Run qw(wait_for);
use Ficus::System;

my $s = Ficus::System->new;
my $t = $s->run;
my $demo = Ficus::System->program('ficus-demo');


# Nobody there

is(demo('none'), 1, 'without Ficus: exit status 1');
like($t->log('none.log'),
    qr,^ficus-demo: Ficus does not run at http://127\.0\.0\.1:\d+ .*make run$,,
    'and one line that says what to do');

is(demo('argument', [ '--foo' ]), 2, 'an argument');
is(demo('help', [ '--help' ]), 0, '--help');
is(demo('version', [ '--version' ]), 0, '--version');


# From beginning to end

$s->start;
is($s->p(70)->{status}, 200, 'P before');

my %mine = (userId => 'mine', email => 'mine@example.org',
    deliveryAddress => '1 Elm Street');
is($s->request('POST', '/api/users', json => \%mine)->{status}, 201,
    'a user of somebody else');

my $started = time;

is(demo('whole', [], 90), 0, 'exit status 0') or diag($t->log('whole.log'));
cmp_ok(time - $started, '<', 40, 'in about 20 seconds');

my $out = $t->log('whole.log');
my @rows = $out =~ /^ +(\d+)  [#.]{24} +([\d.]+) +(\d+) +(\d+) +(\d+) .*$/mg;

is(join(' ', @rows[map { $_ * 5 } 0 .. 10]),
    '100 90 80 70 60 50 40 30 20 10 0', 'P goes from 100 to 0');
cmp_ok(abs($rows[$_ * 5] - $rows[$_ * 5 + 1]), '<', 12,
    "seen at $rows[$_ * 5]") for 0 .. 10;
is($rows[1], '100.0', '100 is exact');
is($rows[51], '0.0', '0 is exact');
is($rows[$_ * 5 + 3], 0, "no errors at $rows[$_ * 5]") for 0 .. 10;
cmp_ok($rows[$_ * 5 + 4], '>', 10, "changes at $rows[$_ * 5]") for 0 .. 10;
like($out, qr/^orders  every one has its user's last/m, 'orders followed');
like($out, qr/lag p50 [\d.]+ ms, p99 [\d.]+ ms$/m, 'and how fast');
like($out, qr/^errors  none$/m, 'no errors');
unlike($out, qr/\e/, 'no color where no terminal is');
clean('all');


# Ctrl-C, on a terminal

SKIP: {
    skip 'script(1) is missing', 1 if !-x '/usr/bin/script';

    $t->spawn('cut', terminal => [ $demo ], env => { %{$s->{env}},
        TERM => 'xterm', LC_ALL => 'C.UTF-8', NO_COLOR => undef });

    ok(wait_for(30, sub { $t->log('cut.log') =~ / 80  / }), 'it runs');
    like($t->log('cut.log'), qr/\e\[\d+A/, 'the table is drawn again');
    like($t->log('cut.log'), qr/█/, 'with bars');
    cmp_ok(scalar @{$s->get('/api/orders')->{json}}, '>=', 100,
        'and makes orders');

    $t->interrupt('cut');
    like($t->log('cut.log'), qr/all that was made is\s+removed/, 'tidies up');
    clean('after Ctrl-C');
}


# Errors are told: orders do not follow without a broker

my $late = $t->spawn('late', env => $s->{env}, command => [ $demo ]);
ok(wait_for(30, sub { $t->log('late.log') =~ /^  90/m }), 'it runs');
my $orders = $s->pid('orders');
kill 'STOP', $orders;
ok(wait_for(60, sub { $t->_reap('late') }), 'it ends');
kill 'CONT', $orders;
$t->forget('late');
is($t->{processes}{late}{status} >> 8, 1, 'a frozen service: exit status 1');
like($t->log('late.log'), qr/^errors  \d+, the first: \S+ .*50/m,
    'with the first error');

$s->done;


sub clean {
    my ($title) = @_;

    is(join(' ', map { $_->{userId} } @{$s->get('/api/users')->{json}}),
        'mine', "$title: users are removed");
    is(scalar @{$s->get('/api/orders')->{json}}, 0, 'orders, too');
    is($s->admin('GET', '/api/v1/splits/users')->{json}{arms}[0]{configured},
        70, 'P is what it was');
}


sub demo {
    my ($name, $args, $limit) = @_;

    my $pid = $t->spawn($name, env => $s->{env},
        command => [ $demo, @{$args // []} ]);

    wait_for($limit // 20, sub { $t->_reap($name) }) or kill 'KILL', $pid;
    $t->forget($name);

    my $status = $t->{processes}{$name}{status};

    return $status >> 8 || $status & 127;
}
