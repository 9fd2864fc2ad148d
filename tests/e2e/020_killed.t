#!/usr/bin/perl

# Copyright (C) Ficus authors

# ficus-run starts again what died; and when it is killed itself, nothing stays
# and the next start works.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use IO::Socket::INET;
use POSIX ();
use Test::More;
use Time::HiRes qw(sleep time);

use Ficus::Run qw(wait_for);
use Ficus::System;

my @services = qw(nats-server users-v1 users-v2 orders nginx);

# nginx's workers may outlive their master by an instant
my $s = Ficus::System->new(allow => [ qr/exited on signal 9/ ])->start;

my %user = (userId => 'ann', email => 'ann@example.org',
    deliveryAddress => '1 Elm Street');

is($s->request('POST', '/api/users', json => \%user)->{status}, 201,
    'a user is made');


# Each of them, killed.

for my $name (@services) {
    my $old = $s->kill($name, 'KILL');
    my $started = time;
    my $new = $s->await($name, $old);

    ok($new && $new != $old, "$name is started again");
    cmp_ok(time - $started, '<', 3, 'soon');
    like($s->output, qr/^ficus: $name was ended by signal 9 .* in 0\.1 s$/m,
        'as it says');
    ok(wait_for(5, sub { $s->output =~ /^ficus: $name is ready again$/m }),
        'and that it is ready');
}

is($s->get('/api/users/ann')->{json}{email}, 'ann@example.org',
    'the user is there');
is($s->p(30)->{status}, 200, 'weights can be changed');


# An end without a signal counts, too; weights survive nginx.

$s->restart_service('users-v1');
like($s->output, qr/^ficus: users-v1 ended with status 0, will be started/m,
    'an orderly end is told apart');
$s->await('nginx', $s->kill('nginx', 'TERM'));
is($s->admin('GET', '/api/v1/splits/users')->{json}{arms}[0]{configured}, 30,
    'weights survive');


# The delay doubles up to a second, and begins anew after five seconds.

for my $delay (0.2, 0.4, 0.8, 1.0, 1.0) {
    my $old = $s->pid('orders');

    $s->kill('orders', 'KILL');
    my $began = time;
    ok(wait_for(5, sub { my $pid = $s->pid('orders'); $pid && $pid != $old }),
        'orders is started again');
    cmp_ok(time - $began, '>', $delay * 0.9, "after $delay s");
}

my $delays = join ' ', $s->output =~ /^ficus: orders was .* in (\S+) s$/mg;
is($delays, '0.1 0.2 0.4 0.8 1.0 1.0', 'as it says');

$s->await('orders');
sleep 5.2;
$s->await('orders', $s->kill('orders', 'KILL'));
like($s->output, qr/1\.0 s\n(?:.*\n)*ficus: orders was ended .* in 0\.1 s\n/,
    'the delay begins anew');


# A worker process of nginx alone is nginx's own business.

my ($child) = children($s->pid('nginx'));
kill 'KILL', $child;
ok(wait_for(5, sub { my @now = children($s->pid('nginx'));
    @now == 2 && !grep { $_ == $child } @now }), 'nginx starts its own again');


# The supervisor itself.

for my $with ('alone', 'and its nginx', 'and a frozen worker') {
    my @all = everybody();
    my $nginx = $s->pid('nginx');

    cmp_ok(@all, '>=', 8, "all run ($with)");
    kill 'STOP', $s->pid('users-v2') if $with =~ /frozen/;
    kill 'KILL', $s->pid('ficus'), $with =~ /nginx/ ? $nginx : ();
    $s->run->forget($s->{process});

    if ($with =~ /nginx/) {
        ok(wait_for(5, sub { !grep { alive($_) && !nginx($_) } @all }),
            'all but the children of nginx end');
    } else {
        ok(wait_for(5, sub { !grep { alive($_) } @all }), 'all end')
            or diag(join ' ', grep { alive($_) } @all);
    }

    $s->start;
    is($s->get('/api/users/ann')->{json}{email}, 'ann@example.org',
        'the next start has the user');
    is($s->request('PUT', '/api/users/ann', json => { deliveryAddress => $with })
        ->{status}, 200, 'which can be changed');
    ok(wait_for(5, sub { !grep { alive($_) } @all }), 'nothing is left');
}

# at once, as a restart by init would be
kill 'KILL', $s->pid('ficus');
$s->run->forget($s->{process});
$s->start;
is($s->get('/readyz')->{status}, 200, 'nor does a start at once fail');

# what dies has its ports for an instant longer than can be seen whose it is
my @all = everybody();
kill 'KILL', $s->pid('ficus');
$s->run->forget($s->{process});
ok(wait_for(5, sub { !grep { alive($_) } @all }), 'all have ended once more');
hold($s->port, 0.7);
$s->start;
is($s->get('/readyz')->{status}, 200, 'a port that is free soon is waited for');

$s->done;


# Somebody listens for so many seconds.

sub hold {
    my ($port, $seconds) = @_;

    my $socket = IO::Socket::INET->new(LocalAddr => '127.0.0.1',
        LocalPort => $port, Listen => 1, ReuseAddr => 1) or die "listen: $!";
    my $pid = fork // die "fork: $!";

    if ($pid == 0) {
        sleep $seconds;
        POSIX::_exit(0);
    }
}


sub alive {
    my ($pid) = @_;

    open my $fh, '<', "/proc/$pid/stat" or return 0;

    return (<$fh> // '') =~ /\) [^ZX] /;
}


sub nginx {
    my ($pid) = @_;

    open my $fh, '<', "/proc/$pid/comm" or return 0;

    return (<$fh> // '') eq "nginx\n";
}


sub children {
    my ($pid) = @_;

    open my $fh, '<', "/proc/$pid/task/$pid/children" or return;

    return split ' ', <$fh> // '';
}


sub everybody {
    my @all = map { $s->pid($_) } 'ficus', @services;

    return (@all, children($s->pid('nginx')));
}
