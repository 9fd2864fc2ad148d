package Ficus::System;

# Copyright (C) Ficus authors
#
# The whole system, started by ficus-run on free ports in a temporary
# directory, as `make run` does.
#
#     my $s = Ficus::System->new(FICUS_NATS_URL => ..., allow => [ qr/.../ ]);
#     $s->start;                      waits for the ready line; returns itself
#     $s->request('GET', '/', %o);    Ficus::HTTP's request() to the gateway
#     $s->admin('GET', '/metrics');   the same to the admin port
#     $s->get($path, Name => 'v');    Ficus::HTTP's get() to the gateway
#     $s->p(40)                       sets P of users; returns the answer
#     $s->workers                     the names in workers/workers.h
#     $s->worker('orders', '/readyz') GET of a worker's own route
#     $s->pid('users-v1')             of nginx, nats-server, a worker, or ficus,
#                                     the supervisor
#     $s->kill('orders', 'STOP')      a signal, KILL if none is said
#     $s->restart_service('orders')   TERM, then waits until a new one is ready
#     $s->await('orders', $pid)       waits for one that is ready and not $pid
#     $s->stop                        TERM; asserts that it exits 0
#     $s->done                        stop, the last checks, end of the test
#     $s->run                         the Ficus::Run: dir, log($name), allow ...
#     $s->port, $s->admin_port, $s->nats_port
#     $s->output                      what ficus-run has printed so far
#
# Names in capitals given to new() are environment variables of ficus-run;
# undef removes one.  start may be called again after stop, on the same data.
#
# Environment: FICUS_BUILD is where ficus-run is (default: build), FICUS_NGINX,
# FICUS_MODULE and FICUS_NATS_SERVER go on to it.

use strict;
use warnings;

use Test::More;

use Ficus::HTTP ();
use Ficus::Run qw(wait_for root);


sub new {
    my ($class, %opt) = @_;

    # to nginx the socket of a worker that starts again is critical
    my $run = Ficus::Run->new(allow => [ @{delete $opt{allow} // []},
        qr/connect\(\) to unix:\S+ failed \(2: No such file/ ]);

    my $self = bless {
        run => $run,
        runs => 0,
        env => {
            FICUS_RUN_DIR => $run->dir,
            FICUS_HTTP_PORT => $run->port(0),
            FICUS_ADMIN_PORT => $run->port(1),
            FICUS_NATS_PORT => $run->port(2),
            FICUS_NATS_URL => undef,
            FICUS_STORE => undef,
            %opt,
        },
    }, $class;

    return $self;
}


sub program {
    my ($class, $name) = @_;

    return ($ENV{FICUS_BUILD} // root() . '/build') . "/$name";
}


sub start {
    my ($self) = @_;

    my $run = $self->{run};

    $self->{process} = $self->{runs}++ ? "ficus-$self->{runs}" : 'ficus';

    $run->spawn($self->{process},
        command => [ $self->program('ficus-run') ],
        env => $self->{env},
        timeout => $ENV{FICUS_SANITIZE} ? 60 : 20,
        ready => sub { $self->output =~ /^ficus: ready http/m });

    return $self;
}


sub output {
    my ($self) = @_;

    return $self->{run}->log("$self->{process}.log");
}


sub run { return shift->{run} }

sub dir { return shift->{run}->dir }

sub port { return shift->{env}{FICUS_HTTP_PORT} }

sub admin_port { return shift->{env}{FICUS_ADMIN_PORT} }

sub nats_port { return shift->{env}{FICUS_NATS_PORT} }


sub request {
    my ($self, @args) = @_;

    return Ficus::HTTP::request($self->port, @args);
}


sub get {
    my ($self, @args) = @_;

    return Ficus::HTTP::get($self->port, @args);
}


sub admin {
    my ($self, @args) = @_;

    return Ficus::HTTP::request($self->admin_port, @args);
}


sub p {
    my ($self, $p) = @_;

    return $self->admin('PUT', '/api/v1/splits/users/p', json => { p => $p });
}


sub workers {
    my $list = root() . '/workers/workers.h';

    open my $fh, '<', $list or die "$list: $!";

    return map { /^\s*row\("([^"]+)"/ ? $1 : () } <$fh>;
}


sub worker {
    my ($self, $name, $path) = @_;

    return $self->admin('GET', "/workers/$name$path");
}


sub pid {
    my ($self, $name) = @_;

    return $self->{run}->read("pids/$name.pid") =~ /^(\d+)\n/ ? $1 : 0;
}


sub kill {
    my ($self, $name, $signal) = @_;

    my $pid = $self->pid($name) or die "no process $name";

    CORE::kill($signal // 'KILL', $pid) or return 0;

    # a thread in the middle of something may answer one more request
    wait_for(5, sub { stopped($pid) }) if ($signal // '') eq 'STOP';

    return $pid;
}


sub stopped {
    my ($pid) = @_;

    for my $stat (glob "/proc/$pid/task/*/stat") {
        open my $file, '<', $stat or next;
        return 0 if (<$file> // '') !~ /\) [tT] /;
    }

    return 1;
}


sub restart_service {
    my ($self, $name) = @_;

    return $self->await($name, $self->kill($name, 'TERM'));
}


sub await {
    my ($self, $name, $old) = @_;

    my $up = wait_for($ENV{FICUS_SANITIZE} ? 60 : 15, sub {
        my $pid = $self->pid($name);

        return $pid && $pid != ($old // 0) && CORE::kill(0, $pid)
            && $self->_ready($name) && $pid;
    });

    $up or fail("$name is there again");

    return $up;
}


sub _ready {
    my ($self, $name) = @_;

    if ($name eq 'nginx') {
        return $self->get('/readyz')->{status} == 200;
    }

    if ($name eq 'nats-server') {
        my $c = Ficus::HTTP->connect($self->nats_port) or return 0;
        return eval { $c->_until("\r\n") =~ /^INFO / };
    }

    return $self->worker($name, '/readyz')->{status} == 200;
}


sub stop {
    my ($self, $signal) = @_;

    my $process = delete $self->{process} // return;

    is($self->{run}->stop($process, $signal), 0, 'the system stopped well');
}


sub done {
    my ($self) = @_;

    $self->stop;
    $self->{run}->done;
}


1;
