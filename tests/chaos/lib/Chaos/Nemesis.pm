package Chaos::Nemesis;

# Copyright (C) Ficus authors
#
# What happens to the system while clients use it.
#
#     my $n = Chaos::Nemesis->new(system => Ficus::System, seed => ...,
#         faults => [ NAME, ... ], port => n, proxy => n, toxics => [ n, n ],
#         data => ROOM, up => Ficus::Mongo);
#     $n->begin;                  starts nats-server and the proxy before it
#     $n->quiet;                  between rounds, when nothing is on its way
#     $n->run($seconds);          some faults a second
#     $n->heal;                   takes them all back, waits for the services
#     $n->count                   name => how often
#     $n->gateway, $n->stopped, $n->full      windows for Chaos::Check
#
# Chaos::Faults has the table of names.  ROOM: the directory of the data, a small
# file system of its own.  up: the store's server, when it is ours.  toxics: two
# ports for Toxiproxy, which is between the proxy and nats-server then.

use strict;
use warnings;

use List::Util qw(shuffle);
use Time::HiRes qw(sleep);

use Ficus::NATS;
use Ficus::Run qw(wait_for);

use Chaos::Faults;
use Chaos::History qw(now);
use Chaos::Proxy;
use Chaos::Toxiproxy;

our $often = 0.55;              # s between faults, on average

my @services = qw(users-v1 users-v2 orders);


sub new {
    my ($class, %o) = @_;

    my $self = bless { %o, timers => [], stopped_pids => {}, count => {},
        windows => { gateway => [], stopped => [], full => [] }, brokers => 0,
        log => [] }, $class;

    $self->{run} = $self->{system}->run;
    $self->{store} = $self->{run}->dir . '/broker';
    $self->{control} = $self->{run}->dir . '/proxy';
    $self->{random} = $self->{seed};

    $self->{run}->write('nats.conf', <<"EOT");
server_name: chaos
listen: "127.0.0.1:$self->{port}"
max_payload: 16MB
jetstream { store_dir: "$self->{store}", max_file_store: 8GB }
EOT

    return $self;
}


# Its own random numbers, since clients fork from here.

sub random {
    my ($self, $most) = @_;

    $self->{random} = ($self->{random} * 1103515245 + 12345) % 2147483648;

    return (($self->{random} >> 8) / 8388608) * ($most // 1);
}


sub pick {
    my ($self, @of) = @_;

    return $of[int $self->random(scalar @of)];
}


sub count { return shift->{count} }

sub gateway { return shift->{windows}{gateway} }

sub stopped { return shift->{windows}{stopped} }

sub full { return shift->{windows}{full} }


sub window {
    my ($self, $what, $seconds, $from) = @_;

    my $window = [ $from // now(), now() + $seconds ];

    push @{$self->{windows}{$what}}, $window;

    return $window;
}


sub begin {
    my ($self) = @_;

    my ($port, $to, $control, $seed) = @$self{qw(proxy port control seed)};

    if ($self->{toxics}) {
        my ($api, $listen) = @{$self->{toxics}};

        $self->{toxics} = Chaos::Toxiproxy->new(run => $self->{run},
            api => $api, listen => $listen, to => $to, seed => $seed);
        $to = $listen;
    }

    $self->{run}->spawn('proxy', ready => $port, code => sub {
        Chaos::Proxy::serve($port, $to, $control, $seed);
    });
    $self->broker_up;
}


sub broker_up {
    my ($self) = @_;

    return if $self->{broker};

    my $name = 'nats-server-' . ++$self->{brokers};

    $self->{run}->spawn($name, command => [
        $ENV{FICUS_NATS_SERVER} || 'nats-server', '-c',
        $self->{run}->dir . '/nats.conf' ]);
    $self->{broker} = $name;
}


sub broker_down {
    my ($self) = @_;

    my $name = delete $self->{broker} or return;

    kill 'KILL', $self->pid_of('nats-server', $name);
    $self->{run}->forget($name);
}


sub pid_of {
    my ($self, $name, $broker) = @_;

    if ($name eq 'nats-server') {
        $broker //= $self->{broker};
        return $broker ? $self->{run}->pid($broker) : 0;
    }

    if ($name eq 'store') {
        return $self->{up} ? $self->{run}->pid($self->{up}{name}) : 0;
    }

    if ($name eq 'gateway') {
        return $self->pick(0, $self->gateway_workers);
    }

    return $self->{system}->pid($name);
}


sub gateway_workers {
    my ($self) = @_;

    my $master = $self->{system}->pid('nginx') or return;

    open my $fh, '<', "/proc/$master/task/$master/children" or return;

    return split ' ', <$fh> // '';
}


sub signal {
    my ($self, $signal, $name) = @_;

    my $pid = $self->pid_of($name) or return 0;

    return kill($signal, $pid) ? $pid : 0;
}


sub freeze {
    my ($self, $name, $seconds) = @_;

    my $from = now();
    my $pid = $self->signal('STOP', $name) or return 0;

    $self->{stopped_pids}{$pid} = 1;
    $self->later($seconds, sub {
        delete $self->{stopped_pids}{$pid} and kill 'CONT', $pid;
    });

    if ($name eq 'gateway') {
        $self->window($_, $seconds, $from) for qw(gateway stopped);
    }

    return 1;
}


sub thaw {
    my ($self) = @_;

    kill 'CONT', keys %{$self->{stopped_pids}};
    $self->{stopped_pids} = {};
}


sub later {
    my ($self, $seconds, $code) = @_;

    push @{$self->{timers}}, [ now() + $seconds, $code ];
}


sub proxy {
    my ($self, $command) = @_;

    return Chaos::Proxy::tell($self->{control}, $command);
}


sub api {
    my ($self, @args) = @_;

    return eval { Ficus::NATS->new($self->{port})->api(@args) };
}


sub run {
    my ($self, $seconds) = @_;

    my $end = now() + $seconds;
    my $next = now() + $self->random($often);

    while (now() < $end) {
        $self->_ripe(now());

        if (now() >= $next) {
            $self->strike($self->_choice);
            $next = now() + $self->random(2 * $often);
        }

        sleep 0.01;
    }
}


sub _choice {
    my ($self) = @_;

    my @bag = map { ($_) x ($Chaos::Faults::table{$_}{often} // 1) }
        grep { !$Chaos::Faults::table{$_}{quiet} } @{$self->{faults}};

    return $self->pick(@bag);
}


sub strike {
    my ($self, $name) = @_;

    my $began = now();
    my $what = eval { $Chaos::Faults::table{$name}{do}->($self) };

    $self->say(sprintf '%.3f %s%s (%.2f s)%s', $began, $name,
        $what ? '' : ' did not happen', now() - $began,
        $@ ? ": $@" =~ s/\n.*//sr : '');
    $self->{count}{$name}++ if $what;

    return $what;
}


sub say {
    my ($self, $text) = @_;

    open my $fh, '>>', $self->{run}->dir . '/logs/nemesis.log';
    print $fh "$text\n";
}


sub _ripe {
    my ($self, $time) = @_;

    my @ripe = grep { $_->[0] <= $time } @{$self->{timers}};

    @{$self->{timers}} = grep { $_->[0] > $time } @{$self->{timers}};
    $_->[1]->() for sort { $a->[0] <=> $b->[0] } @ripe;
}


# All that is still to be taken back, now.

sub ripen {
    my ($self) = @_;

    $self->_ripe(9e99);
}


# One or two of those that need a system at rest.

sub quiet {
    my ($self) = @_;

    my @names = grep { $Chaos::Faults::table{$_}{quiet} } @{$self->{faults}};

    for (1 .. 1 + int $self->random(2)) {
        $self->strike($self->pick(@names)) if @names;
    }
}


sub heal {
    my ($self) = @_;

    $self->ripen;
    $self->thaw;
    $self->proxy('clear');
    $self->{toxics}->clear if $self->{toxics};
    $self->broker_up;
    $self->say(sprintf '%.3f healed', now());
}


# What is up again after it was healed; false when something is not.

sub whole {
    my ($self) = @_;

    return wait_for(15, sub {
        !grep { !$self->{system}->pid($_) || !$self->{system}->_ready($_) }
            'nginx', @services;
    });
}


1;
