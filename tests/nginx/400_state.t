#!/usr/bin/perl

# Copyright (C) Ficus authors

# state=: what outlives a reload, a restart and kill -9, and whose weights win.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Test::More;

use Ficus::HTTP qw(get);
use Ficus::Nginx;
use Ficus::Run qw(wait_for);
use Ficus::Split;

my $t = Ficus::Run->new(allow => [ qr/exited on signal 9/ ]);

sub conf {
    my (%opt) = @_;

    my $arms = $opt{arms} // 'arm v1=users_v1 weight=60; arm v2=users_v2;';
    my $size = $opt{size} // '512k';

    return <<"EOC";

%%GLOBALS%%
worker_processes 2;

http {
    %%HTTP%%
    %%ARMS%%

    upstream users {
        strangler zone=users:$size state=%%DIR%%/state;
        strangler_key \$arg_id;
        $arms
    }

    upstream three {
        strangler zone=users state=%%DIR%%/state;
        strangler_key \$arg_id;
        arm a=users_v1 weight=10;
        arm b=users_v1 weight=30;
        arm c=users_v1;
    }

    server {
        listen 127.0.0.1:%%PORT_0%%;
        location / { proxy_pass http://users; }
        location = /three { return 200 \$strangler_three_arm; }
    }

    %%ADMIN%%
}
EOC
}

mkdir $t->dir . '/state';

my $nginx = Ficus::Nginx->new($t, conf())->start;
my $users = Ficus::Split->new($t->port(1), 'users');
my $three = Ficus::Split->new($t->port(1), 'three');

# The order of these two makes a table that the weights alone do not tell.

$three->weights({ a => 30, b => 30, c => 40 });
$three->weights({ a => 30, b => 10, c => 60 });
$three->weights({ a => 40, b => 20, c => 40 });

my @three = three();
my $history = $three->history;

sub three {
    return map { get($t->port(0), "/three?id=$_")->{body} } 1 .. 200;
}


# The same state of `users` as before, but for the counters.

sub kept {
    my ($what, $before) = @_;

    my $now = $users->state;

    for my $state ($before, $now) {
        delete @$_{qw(requests failures)} for @{$state->{arms}};
    }

    is_deeply($now, $before, "$what: state is kept");
    is_deeply([ three() ], \@three, "$what: slots are kept");
    is_deeply($three->history, $history, "$what: history is kept");
}

sub said {
    my ($regex, $name) = @_;

    my @lines = grep { /users/ && $_ =~ $regex } split /\n/, $nginx->log;

    ok(scalar @lines, $name);
    $t->write('logs/nginx-error.log', '');
}


is($users->generation, 1, 'fresh start');
is($users->p(37.5)->{status}, 200, 'change');
is((stat $t->dir . '/state/users.state')[2] & 022, 0,
    'nobody else may write the file');
is(join(' ', map { s,.*/,,r } glob $t->dir . '/state/*'),
    'three.history three.ledger three.state '
    . 'users.history users.ledger users.state', 'nothing else in the directory');

my $before = $users->state;

$nginx->reload;
kept('reload', $before);
said(qr/\[notice\].*37\.50?/, 'reload: notice says what won');

$nginx->restart;
kept('restart', $before);
said(qr/\[notice\].*37\.50?/, 'restart: notice says what won');

is($users->p(38)->{json}{generation}, 3, 'the generation goes on');
$before = $users->state;


# kill -9

for my $worker ($nginx->workers) {
    kill 'KILL', $worker;
    wait_for(10, sub {
        my @now = $nginx->workers;
        return @now == 2 && !grep { $_ == $worker } @now;
    });
}

kept('kill of each worker', $before);
is($users->p(39)->{status}, 200, 'kill of each worker: change');
$before = $users->state;

$nginx->kill;
$nginx->start;
kept('kill of all', $before);

{
    my @workers = $nginx->workers;

    kill 'KILL', $nginx->master;

    is($users->p(35)->{status}, 200, 'change without a master');
    $before = $users->state;

    kill 'KILL', @workers;
    $nginx->kill;
    $nginx->start;
}

kept('kill of the master', $before);


# another size of the zone

$nginx->conf(conf(size => '1m'));
$nginx->reload;
kept('larger zone', $before);
is($users->p(36)->{status}, 200, 'larger zone: change');
$before = $users->state;

$nginx->conf(conf(size => '512k'));
$nginx->reload;
kept('smaller zone', $before);


# other weights in the configuration

sub wins {
    my ($how, $arms, $expected, $name) = @_;

    my $g = $users->generation;

    $t->write('logs/nginx-error.log', '');
    $nginx->conf(conf(arms => $arms));
    $nginx->$how;

    my $state = $users->state;

    is($users->configured, $expected, $name);
    is($state->{generation}, $g + 1, "$name: a new generation");
    is($state->{reason}, 'configuration', "$name: the reason");
    said(qr/\[notice\].*configur/, "$name: notice");
    is($users->history->[0]{reason}, 'configuration', "$name: history");
    is_deeply([ three() ], \@three, "$name: the other split is as it was");
}

wins('reload', 'arm v1=users_v1 weight=80; arm v2=users_v2;', 'v1=80 v2=20',
    'weights changed, reload');
$users->p(70);
$nginx->reload;
is($users->configured, 'v1=70 v2=30', 'not changed again: run time wins');
wins('restart', 'arm v1=users_v1 weight=50; arm v2=users_v2;', 'v1=50 v2=50',
    'weights changed, restart');
$users->p(70);
$nginx->restart;
is($users->configured, 'v1=70 v2=30', 'restart: run time wins');
wins('reload', 'arm v1=users_v1 weight=50; arm v2=users_v2;
    arm v3=users_v2 weight=5;', 'v1=50 v2=45 v3=5', 'an arm more');
wins('reload', 'arm v1=users_v1 weight=50; arm v3=users_v2;', 'v1=50 v3=50',
    'an arm less');
wins('restart', 'arm old=users_v1 weight=50; arm v3=users_v2;',
    'old=50 v3=50', 'an arm renamed');
is($users->p(20)->{status}, 200, 'and a change after all that');
is($users->rollback(2)->{status}, 404, 'rollback to arms that are gone');


# a configuration that does not come to be

my $state = $users->state;
my @workers = $nginx->workers;

$t->allow(qr/\[emerg\].*bind|\[emerg\].*nonsense/);
$nginx->conf(conf(arms => 'arm old=users_v1 weight=1; arm v3=users_v2;')
    =~ s/^http \{/http { nonsense;/mr);
$nginx->signal('HUP');
wait_for(10, sub { $nginx->log =~ /nonsense/ });
is_deeply($users->state, $state, 'failed reload: syntax');

$nginx->conf(conf(arms => 'arm old=users_v1 weight=1; arm v3=users_v2;')
    =~ s/^(\s+server \{)/server { listen 192.0.2.1:1; }$1/mr);
$nginx->signal('HUP');
wait_for(20, sub { $nginx->log =~ /bind\(\) to 192/ });
is_deeply($users->state, $state, 'failed reload: no such address');
is(join(' ', $nginx->workers), "@workers", 'failed reloads: the same workers');

$t->done;
