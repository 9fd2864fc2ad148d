#!/usr/bin/perl

# Copyright (C) Ficus authors

# ficus-run: what it starts, where it puts what, and how it ends.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use File::Find qw(find);
use Test::More;
use Time::HiRes qw(time);

use Ficus::HTTP qw(request);
use Ficus::Run qw(root wait_for);
use Ficus::System;

my @services = qw(nats-server users-v1 users-v2 orders nginx);
my $s = Ficus::System->new;
my $dir = $s->dir . '/new/run';

$s->{env}{FICUS_RUN_DIR} = $dir;
$s->{env}{FICUS_STORE} = 'sqlite';
$s->run->spawn('ficus', command => [ Ficus::System->program('ficus-run') ],
    env => $s->{env}, timeout => 60,
    ready => sub { $s->run->log('ficus.log') =~ /^ficus: ready http/m });

like($s->run->log('ficus.log'), qr,^ficus: ready http://127\.0\.0\.1:@{[
    $s->port]}$,m, 'the ready line');
like($s->run->log('ficus.log'), qr/ficusctl status/, 'commands to try');


# Ready means ready, at once and on every path.

is($s->get('/')->{status}, 200, 'the gateway answers');
is($s->get('/readyz')->{json}{status}, 'ok', 'and is ready');
is($s->worker($_, '/readyz')->{status}, 200, "$_ is ready")
    for $s->workers;
is($s->worker($_, '/readyz')->{json}{status}, 'ok', "$_ has its broker")
    for $s->workers;

my %ann = (userId => 'ann', email => 'ann@example.org',
    deliveryAddress => '1 Elm Street');

is($s->request('POST', '/api/users', json => \%ann)->{status}, 201,
    'a user is made');
is($s->request('POST', '/api/orders', json => { orderId => 'o1',
    userId => 'ann', productName => 'fig' })->{status}, 201,
    'an order is made');


# The directory, and who may look into it.

is(join(' ', sort map { m,([^/]+)$, } glob "$dir/*"),
    'conf data logs pids sock state temp', 'what is in the directory');
is(mode($_), '0700', "mode of $_") for $dir, glob "$dir/*";

is(join(' ', sort map { m,([^/]+)$, } glob "$dir/sock/*"),
    'orders.sock users-v1.sock users-v2.sock', 'one socket a worker');
is(mode($_), '0600', "mode of $_") for glob "$dir/sock/*";
ok(-d "$dir/data/jetstream", 'data of nats-server');
ok(-s "$dir/data/users.db", 'database of the users');
ok(-s "$dir/data/orders.db", 'database of the orders');
is(mode($_), '0600', "mode of $_") for glob "$dir/data/*.db";

my @open;
find(sub { push @open, $File::Find::name if (lstat)[2] & 077 && !-l }, $dir);
is("@open", '', 'nothing in it is for others');

for my $name (@services) {
    my $pid = slurp("pids/$name.pid");

    like($pid, qr/^\d+\n$/, "pid file of $name");
    is(parent($pid), $s->run->pid('ficus'), "$name is a child");
    ok(-e "$dir/logs/$name.log", "log of $name");
}

is(slurp('pids/ficus.pid'), $s->run->pid('ficus') . "\n",
    'pid file of the supervisor');
is($s->p(40)->{status}, 200, 'weights can be changed');
ok(-s "$dir/state/users.state", 'and are kept in state/');

is(scalar(grep { owner($_) != $> } everybody()), 0,
    'all processes are who started them');
cmp_ok(everybody(), '>=', 7, 'nginx has worker processes of its own');


# In the log: no argument of a request, that may be somebody's address.

$s->get('/api/orders?email=ann@example.org');
ok(wait_for(10, sub { slurp('logs/access.log') =~ m,"/api/orders", }),
    'requests are logged');
unlike(slurp('logs/access.log'), qr/example\.org/, 'without their arguments');


# SIGTERM, and what it leaves.

my @all = everybody();
my $started = time;

is($s->run->stop('ficus'), 0, 'SIGTERM: exit status 0');
cmp_ok(time - $started, '<', 10, 'in good time');
is(scalar(grep { kill 0, $_ } @all), 0, 'nothing runs any more');
is(join(' ', glob("$dir/pids/*"), glob("$dir/sock/*")), '',
    'no pid files and sockets stay');
like($s->run->log('ficus.log'), qr/^ficus: stopped$/m, 'as it says');


# Again: the data are there.

unlink "$dir/sock/orders.sock";
stale("$dir/sock/users-v1.sock");
stale("$dir/sock/someone.sock");

$s->run->spawn('again', command => [ Ficus::System->program('ficus-run') ],
    env => $s->{env}, timeout => 60,
    ready => sub { $s->run->log('again.log') =~ /^ficus: ready http/m });

is($s->get('/api/users/ann')->{json}{email}, 'ann@example.org',
    'a second run has the users of the first');
is($s->get('/api/orders/o1')->{status}, 200, 'and the orders');
is($s->admin('GET', '/api/v1/splits/users')->{json}{arms}[0]{configured}, 40,
    'and the weights');
ok(!-e "$dir/sock/someone.sock", 'stale sockets are gone');
is(`sh @{[ root() ]}/tools/stop.sh '$dir/pids/ficus.pid'`, "ficus: stopped\n",
    'make stop');
$s->run->forget('again');
is($s->run->{processes}{again}{status}, 0, 'exit status 0');
is(`sh @{[ root() ]}/tools/stop.sh '$dir/pids/ficus.pid'`,
    "ficus: not running, there is no $dir/pids/ficus.pid\n", 'make stop again');


# With somebody else's nats-server.

$s->run->spawn('nats', ready => $s->nats_port,
    command => [ $ENV{FICUS_NATS_SERVER} || '/usr/sbin/nats-server', '-a',
        '127.0.0.1', '-p', $s->nats_port, '-js', '-sd', $s->dir . '/nats' ]);
$s->{env}{FICUS_NATS_URL} = 'nats://127.0.0.1:' . $s->nats_port;

$s->run->spawn('third', command => [ Ficus::System->program('ficus-run') ],
    env => $s->{env}, timeout => 60,
    ready => sub { $s->run->log('third.log') =~ /^ficus: ready http/m });

ok(!-e "$dir/pids/nats-server.pid", 'FICUS_NATS_URL: none is started');
ok(wait_for(10, sub { ($s->worker('orders', '/readyz')->{json}{status} // '')
    eq 'ok' }), 'and the other one is used');
is($s->run->stop('third', 'INT'), 0, 'SIGINT: exit status 0');
ok(kill('KILL', $s->run->pid('nats')), 'the other one is left alone');
$s->run->forget('nats');

$s->done;


sub mode {
    my ($path) = @_;

    return sprintf '%04o', (lstat $path)[2] & 07777;
}


sub slurp {
    my ($name) = @_;

    open my $fh, '<', "$dir/$name" or return '';
    local $/;

    return <$fh> // '';
}


# Unix sockets that nobody listens on.

sub stale {
    my ($path) = @_;

    unlink $path;
    IO::Socket::UNIX->new(Local => $path, Listen => 1) or die "$path: $!";
}


sub parent {
    my ($pid) = @_;

    open my $fh, '<', '/proc/' . ($pid + 0) . '/stat' or return 0;

    return <$fh> =~ /\) \S (\d+)/ ? $1 : 0;
}


sub owner {
    my ($pid) = @_;

    return (stat "/proc/$pid")[4] // -1;
}


# The supervisor, its children and nginx's.

sub everybody {
    my %parent = map { $_ => parent($_) }
        map { m,/(\d+)$, } glob '/proc/[0-9]*';
    my @all = ($s->run->pid('ficus'));

    for (1 .. 2) {
        my %known = map { $_ => 1 } @all;
        @all = (@all, grep { $known{$parent{$_}} && !$known{$_} }
            keys %parent);
    }

    return @all;
}
