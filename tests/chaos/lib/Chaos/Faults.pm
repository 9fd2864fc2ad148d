package Chaos::Faults;

# Copyright (C) Ficus authors
#
# The faults by name.  Each returns whether it happened; what it has to take
# back it leaves with the nemesis's later().
#
#     often   how often it is chosen beside the others (1)
#     quiet   between rounds alone, when all that was published has been read
#     needs   what the nemesis must have: room, a store's server of its own, or
#             Toxiproxy

use strict;
use warnings;

use File::Path qw(remove_tree);
use Time::HiRes qw(sleep);

use Chaos::History qw(now);

my @all = qw(users-v1 users-v2 orders nats-server gateway);

our %table = (
    (map { my $name = $_; ("kill-$name" => { often => 3,
        do => sub { _kill($_[0], $name) } }) } @all),
    (map { my $name = $_; ("stop-$name" => { often => 2,
        do => sub { $_[0]->freeze($name, 0.1 + $_[0]->random(3.9)) } }) }
        @all),
    (map { my $name = $_; ("end-$name" => {
        do => sub { $_[0]->signal('TERM', $name) } }) }
        qw(users-v1 users-v2 orders)),
    'several' => { often => 3, do => \&_several },
    'broker-away' => { often => 2, do => \&_away },
    'reload' => { do => \&_reload },
    'restart' => { do => \&_restart },
    'net-cut' => { often => 3, do => sub { $_[0]->proxy('cut '
        . $_[0]->pick(0.3, 1)) } },
    'net-delay' => { do => sub { _net($_[0], 'delay 0.7 '
        . $_[0]->random(0.4)) } },
    'net-narrow' => { do => sub { _net($_[0], 'narrow 0.7 '
        . int(2000 + $_[0]->random(50000))) } },
    'net-linger' => { do => sub { _net($_[0], 'linger 0.7 '
        . (0.5 + $_[0]->random(3))) } },
    'net-slice' => { do => sub { _net($_[0], 'slice 0.7') } },
    'net-freeze' => { often => 2, do => sub { _net($_[0], 'freeze '
        . $_[0]->pick(0.4, 1) . ' ' . $_[0]->pick(qw(up down both))) } },
    'net-hole' => { often => 2, do => sub { _net($_[0], 'hole '
        . $_[0]->pick(0.4, 1) . ' ' . $_[0]->pick(qw(up down both))) } },
    'net-refuse' => { do => sub { $_[0]->proxy('cut 1');
        _net($_[0], 'refuse') } },
    'toxic-latency' => { needs => 'toxics', do => sub { _toxic($_[0],
        latency => latency => int $_[0]->random(400),
        jitter => int $_[0]->random(200)) } },
    'toxic-reset' => { needs => 'toxics', do => sub { _toxic($_[0],
        reset_peer => timeout => int $_[0]->random(300)) } },
    'toxic-close' => { needs => 'toxics', do => sub { _toxic($_[0],
        slow_close => delay => 500 + int $_[0]->random(3000)) } },
    'orders-stream-deleted' => { do => sub { _api($_[0],
        'STREAM.DELETE.ORDERS') } },
    'consumer-deleted' => { do => sub { _api($_[0],
        'CONSUMER.DELETE.USERS.orders') } },
    'consumer-reset' => { do => \&_reset_consumer },
    'disk-full' => { needs => 'room', do => \&_full },
    'kill-store' => { needs => 'store', often => 3, do => \&_kill_store },
    'stop-store' => { needs => 'store', often => 2, do => sub {
        $_[0]->freeze('store', 0.1 + $_[0]->random(3.9)) } },

    'quiet-stream-deleted' => { quiet => 1, do => sub { _api($_[0],
        'STREAM.DELETE.USERS') } },
    'quiet-store-removed' => { quiet => 1, do => \&_remove },
    'quiet-store-older' => { quiet => 1, do => \&_older },

    'stream-deleted' => { do => sub { _api($_[0],
        'STREAM.DELETE.USERS') } },
    'store-removed' => { do => \&_remove },
    'store-older' => { do => \&_older },
);


# Names, `all', or names to leave out of all with a minus; `kill' stands for all
# kill-..., and so on.

sub named {
    my ($text, %has) = @_;

    my @names = split /[\s,]+/, $text // '';
    my %chosen;

    unshift @names, 'all' if !@names || $names[0] =~ /^-/;

    for my $name (@names) {
        my $not = $name =~ s/^-//;
        my @of = $name eq 'all' ? keys %table
            : $table{$name} ? $name : grep { /^\Q$name\E-/ } keys %table;

        @of or die "no fault \"$name\"; there are: "
            . join(' ', sort keys %table) . "\n";
        $chosen{$_} = !$not for @of;
    }

    return grep { $chosen{$_} && $has{$table{$_}{needs} // 'all'} // 1 }
        sort keys %chosen;
}


sub _kill {
    my ($n, $name) = @_;

    return _kill_store($n) if $name eq 'store';

    if ($name eq 'nats-server') {
        $n->broker_down or return 0;
        $n->later(0.1 + $n->random(0.3), sub { $n->broker_up });
        return 1;
    }

    # who was asked knows of it before we do
    my $from = now();
    my $pid = $n->signal('KILL', $name);

    $n->window(gateway => 0.5, $from) if $name eq 'gateway' && $pid;

    return $pid;
}


sub _kill_store {
    my ($n) = @_;

    my $store = delete $n->{up} or return 0;

    $store->kill;
    $n->later(0.1 + $n->random(2), sub { $n->{up} = $store->start });

    return 1;
}


sub _several {
    my ($n) = @_;

    my $done = 0;

    for (1 .. 2 + int $n->random(3)) {
        my $name = $n->pick(@all, $n->{up} ? 'store' : ());

        $done++ if $n->random < 0.7 ? _kill($n, $name)
            : $n->freeze($name, 0.1 + $n->random(2));
    }

    return $done;
}


sub _away {
    my ($n) = @_;

    $n->broker_down or return 0;
    $n->later(0.5 + $n->random(4), sub { $n->broker_up });

    return 1;
}


sub _reload {
    my ($n) = @_;

    $n->window(gateway => 6);

    return $n->signal('HUP', 'nginx');
}


# The supervisor and all that it started, in the middle of everything.

sub _restart {
    my ($n) = @_;

    my $window = $n->window(gateway => 60);

    # it does not start where a service cannot
    $n->ripen;
    $n->thaw;
    $n->{system}->stop;
    sleep $n->random(0.5);
    $n->{system}->start;
    $window->[1] = now() + 0.5;

    return 1;
}


sub _net {
    my ($n, $command) = @_;

    $n->later(0.3 + $n->random(3.5), sub { $n->proxy('clear') });

    return $n->proxy($command);
}


sub _toxic {
    my ($n, $type, %attributes) = @_;

    $n->later(0.3 + $n->random(3.5), sub { $n->{toxics}->clear });

    return $n->{toxics}->poison($type, $n->pick(0.4, 1),
        $n->pick('upstream', 'downstream'), %attributes);
}


sub _api {
    my ($n, $call) = @_;

    my $answer = $n->api($call);

    return $answer && $answer->{success};
}


sub _while_down {
    my ($n, $code) = @_;

    $n->broker_down or return 0;
    $code->();
    $n->broker_up;

    return 1;
}


sub _reset_consumer {
    my ($n) = @_;

    my ($file) = glob "$n->{store}/jetstream/*/streams/USERS/obs/orders/o.dat";

    return 0 if !$file;
    return _while_down($n, sub { unlink $file });
}


sub _remove {
    my ($n) = @_;

    return _while_down($n, sub { remove_tree($n->{store}) });
}


# What was copied the last time comes back, and a new copy is made.

sub _older {
    my ($n) = @_;

    my $copy = "$n->{store}-copy";
    my $there = -d $copy;

    _while_down($n, sub {
        rename $n->{store}, "$copy-new";
        rename $copy, $n->{store} if $there;
        system 'cp', '-a', "$copy-new", $n->{store} if !$there;
        rename "$copy-new", $copy;
    });

    return $there;
}


sub _full {
    my ($n) = @_;

    my $path = $n->{data} . '/ballast';
    my $from = now();
    my $seconds = 0.3 + $n->random(1.5);

    open my $fh, '>', $path or return 0;

    my $bytes = 'x' x 65536;

    1 while syswrite $fh, $bytes;
    close $fh;

    $n->window(full => $seconds, $from);
    $n->later($seconds, sub { unlink $path });

    return 1;
}


1;
