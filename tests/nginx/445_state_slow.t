#!/usr/bin/perl

# Copyright (C) Ficus authors

# A change that the disk takes its time for, while nginx is told to reload or
# to end: it is made, and answered.

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


my @old = $nginx->workers;
my $r = change(30, 'HUP');

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
