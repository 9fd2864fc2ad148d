#!/usr/bin/perl

# Copyright (C) Ficus authors

# A change that the disk takes its time for, while nginx is told to reload or
# to end, or the client goes on or away: it is made once, and answered.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Test::More;

use Ficus::HTTP;
use Ficus::Nginx;
use Ficus::Run qw(wait_for);
use Ficus::Split;

my $t = Ficus::Run->new;
my $state = $t->dir . '/state';
my $preload = $t->shared_object("$FindBin::Bin/kill_at.c")
    // plan(skip_all => 'no C compiler');

my $nginx = Ficus::Nginx->new($t, <<'EOC');

%%GLOBALS%%
env KILL_AT;
env KILL_DIR;
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

mkdir $state;
$ENV{KILL_DIR} = $state;
$ENV{KILL_AT} = $t->dir . '/step';
$nginx->preload($preload);
$nginx->start;

my $users = Ficus::Split->new($t->port(1), 'users');


# Asks for a change, tells nginx something while it is being written, and
# returns the answer.

sub change {
    my ($p, $signal) = @_;

    $t->write('step', 's1');

    my $c = Ficus::HTTP->connect($t->port(1));

    $c->send("PUT /api/v1/splits/users/p HTTP/1.1\r\nHost: localhost\r\n"
        . "Content-Type: application/json\r\nContent-Length: 9\r\n\r\n"
        . "{\"p\": $p}");
    ok(wait_for(5, sub { !-e $ENV{KILL_AT} }), 'it is being written');
    $nginx->signal($signal);

    return $c->receive;
}


# The same of a change whose body comes after its header; returns the
# connection.

sub begin {
    my ($p) = @_;

    $t->write('step', 's1');

    my $c = Ficus::HTTP->connect($t->port(1));

    $c->send("PUT /api/v1/splits/users/p HTTP/1.1\r\nHost: localhost\r\n"
        . "Content-Type: application/json\r\nContent-Length: 9\r\n\r\n");
    select undef, undef, undef, 0.1;
    $c->send("{\"p\": $p}");
    ok(wait_for(5, sub { !-e $ENV{KILL_AT} }), 'it is being written');

    return $c;
}


my $generation = $users->state->{generation};
my $c = begin(50);
$c->send("GET /api/v1/splits/users HTTP/1.1\r\nHost: localhost\r\n\r\n");
my $r = $c->receive;

is($r->{status}, 200, 'answered, though the next request had come');
is($r->{json}{arms}[0]{configured}, 50, 'with the new weights');
is($c->receive->{json}{generation}, $generation + 1,
    'and so is the next request: the change was made once');

undef $c;
$c = begin(40);
undef $c;
ok(wait_for(10, sub { $users->state->{generation} == $generation + 2 }),
    'made, though the client has gone');
is($users->state->{arms}[0]{configured}, 40, 'with its weights');

my @old = $nginx->workers;
$r = change(30, 'HUP');

is($r->{status}, 200, 'answered, though nginx was reloaded');
is($r->{json}{arms}[0]{configured}, 30, 'with the new weights');
ok(wait_for(10, sub {
    my %now = map { $_ => 1 } $nginx->children;
    keys %now == 2 && !grep { $now{$_} } @old }), 'the old processes end');
is($users->state->{arms}[0]{configured}, 30, 'the new ones have them, too');
is($users->ask('GET', '/history?verify=1')->{json}{verified}, 1,
    'the history is whole');

$r = change(20, 'QUIT');
is($r->{status}, 200, 'answered, though nginx was to end');
$nginx->stop('QUIT');

$t->done;
