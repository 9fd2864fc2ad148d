package Chaos::Storm;

# Copyright (C) Ficus authors
#
# The whole test: a system, rounds of clients and faults, the judgement.
#
#     my $storm = Chaos::Storm->new(seed => 1, faults => "all",
#         clients => 6, round => 9, store => 'sqlite');
#     $storm->round           one; returns its violations
#     $storm->report          a screenful of text
#     $storm->{bad}           all violations so far
#     $storm->{wrong}         answers that are not as documented: which, body
#     $storm->crashes         lines of logs that tell of one
#     $storm->end             stops all, makes the last assertions of the logs
#
# store: or mongodb, Ficus::Mongo's server.

use strict;
use warnings;

use JSON::PP;
use List::Util qw(max min sum0);
use POSIX qw(WNOHANG);
use Time::HiRes qw(sleep);

use Ficus::Contract;
use Ficus::HTTP;
use Ficus::Mongo;
use Ficus::System;

use Chaos::Check;
use Chaos::Client;
use Chaos::Faults;
use Chaos::History qw(now);
use Chaos::Nemesis;
use Chaos::Toxiproxy;

our $patience = 10;             # s, until all is in step
our $readers = 3;

my $json = JSON::PP->new->utf8->canonical;


sub new {
    my ($class, %o) = @_;

    my $self = bless { store => 'sqlite', rounds => 0, ops => 0, count => {},
        lag => [], bad => [], wrong => {}, carry => {}, documents => {},
        began => now(), %o, room => undef }, $class;

    my $system = $self->{system} = Ficus::System->new(allow => [
        qr/exited on signal (?:9|15)\b/,
        qr/^(?!.*\[(?:alert|emerg)\]).*(?:connect|recv|send)\w*\(\)/ ]);
    my $run = $system->run;
    my $data = $run->dir . '/data';

    $system->{env}{FICUS_NATS_URL} = 'nats://127.0.0.1:' . $run->port(4);
    mkdir $data, 0700;

    my $mongo = $self->{store} eq 'mongodb' ? Ficus::Mongo->new($run, 5) : undef;

    if ($mongo) {
        $system->{env}{FICUS_STORE} = $mongo->uri("ficus-chaos-$$");
    } elsif ($o{room} && system('mount -t tmpfs -o size=64m,mode=0700 '
        . "tmpfs $data") == 0)
    {
        $self->{room} = $data;
    }

    my $ours = $mongo && $mongo->ours ? $mongo : undef;

    # FerretDB reads all documents for each change
    ($Chaos::Client::users, $Chaos::Client::orders) = (100, 30) if $ours;

    my $toxics = Chaos::Toxiproxy::built()
        ? [ map { $run->port($_) } 6, 7 ] : undef;

    $self->{faults} = [ Chaos::Faults::named($o{faults},
        room => !!$self->{room}, store => !!$ours, toxics => !!$toxics) ];
    $self->{nemesis} = Chaos::Nemesis->new(system => $system, up => $ours,
        seed => $o{seed}, faults => $self->{faults}, data => $data,
        port => $run->port(3), proxy => $run->port(4), toxics => $toxics);
    $self->{nemesis}->begin;
    $system->start;
    $self->{api} = Ficus::Contract->of($system);

    return $self;
}


sub round {
    my ($self) = @_;

    my $n = ++$self->{rounds};
    my $nemesis = $self->{nemesis};
    my $seconds = $self->{round};

    $nemesis->quiet if $n > 1;

    my @jobs = map { my $id = $_; $self->_job("client-$id", sub {
        $self->_client($id, "round-$n-$id")->run($seconds);
    }) } 1 .. $self->{clients};

    push @jobs, $self->_job('mover', sub { $self->_move($seconds) });
    $nemesis->run($seconds);
    $self->_join(@jobs);
    $nemesis->heal;

    my @bad = $self->_settle(now());
    my @paths = glob $self->_path("round-$n-*");
    my @ops = Chaos::History::load(@paths);

    $self->{documents}{$_->{d}} = 1 for grep { $_->{o} ne 'once' } @ops;

    my ($last, @late) = $self->_last($n);

    push @bad, @late, $self->_judge($n, @ops, @$last);
    unlink @paths, glob $self->_path("last-$n-*") if !@bad;
    push @{$self->{bad}}, @bad;

    return @bad;
}


sub _path {
    my ($self, $name) = @_;

    return $self->{system}->run->dir . "/history-$name";
}


sub _client {
    my ($self, $id, $name) = @_;

    return Chaos::Client->new(id => $id, api => $self->{api},
        clients => $self->{clients}, first => $self->{rounds} * 100000,
        port => $self->{system}->port, path => $self->_path($name),
        seed => $self->{seed} * 1000 + $self->{rounds} * 20
            + ($id =~ /\d/ ? $id : 0));
}


# Runs a function in a process of its own; _join takes over what they counted.

sub _job {
    my ($self, $name, $code) = @_;

    my $path = $self->{system}->run->dir . "/job-$name";
    my $pid = fork() // die "fork: $!\n";

    return [ $name, $pid, $path ] if $pid;

    my $result = eval { $code->() } // { died => $@ };

    open my $fh, '>', $path;
    print $fh $json->encode($result);
    close $fh;
    POSIX::_exit(0);
}


sub _join {
    my ($self, @jobs) = @_;

    my $end = now() + 60;

    for (@jobs) {
        my ($name, $pid, $path) = @$_;

        while (waitpid($pid, WNOHANG) == 0) {
            $self->{nemesis}->_ripe(now());
            kill 'KILL', $pid if now() > $end;
            sleep 0.02;
        }

        open my $fh, '<', $path or die "$name left nothing\n";

        my $result = $json->decode(do { local $/; <$fh> });

        unlink $path;
        die "$name: $result->{died}" if $result->{died};
        $self->_add($result);
    }
}


sub _add {
    my ($self, $result) = @_;

    for my $what (keys %{$result->{count}}) {
        $self->{count}{$what}{$_} += $result->{count}{$what}{$_}
            for keys %{$result->{count}{$what}};
    }

    $self->{wrong}{$_} //= $result->{wrong}{$_} for keys %{$result->{wrong}};
}


# P wanders meanwhile.

sub _move {
    my ($self, $seconds) = @_;

    my $end = now() + $seconds;
    my %count;

    srand $self->{seed} + $self->{rounds};
    local $Ficus::HTTP::timeout = 5;

    while (now() < $end) {
        my $r = $self->{system}->p(rand() < 0.3 ? (0, 100)[rand 2]
            : int(rand 10001) / 100);

        $count{$r->{status} == 200 ? 'ok' : $r->{status} ? 'fail' : 'info'}++;
        $self->{api}->judge($r, 'PUT', '/api/v1/splits/users/p', 'admin')
            if $r->{status};
        sleep 0.1 + rand 0.7;
    }

    return { count => { 'move P' => \%count },
        wrong => $self->{api}{wrong} };
}


# From the last fault until all orders are in step.

sub _settle {
    my ($self, $healed) = @_;

    my (@wrong, $lists);

    while (1) {
        my $asked = now();

        $lists = $self->_lists;
        @wrong = $lists ? Chaos::Check::Orders::step(@$lists{qw(users orders)})
            : 'the lists cannot be read';

        last if !@wrong || now() > $healed + $patience;

        # who looks is not to keep those busy who are to be in step
        sleep max(0.1, min(0.1 + 2 * (now() - $asked),
            $healed + $patience - now()));
    }

    my $lag = now() - $healed;

    push @{$self->{lag}}, $lag;
    $self->{nemesis}->say(sprintf '%.3f %s after %.1f s', now(),
        @wrong ? 'not in step' : 'in step', $lag);

    if (!$self->{nemesis}->whole) {
        push @wrong, 'a service is not ready again';
    }

    $self->{lists} = $lists;
    $self->_keep if @wrong;

    return map { [ 'step', sprintf('after %.1f s', $lag), $_ ] } @wrong;
}


# What the parts know when it went wrong, for whoever looks into it.

sub _keep {
    my ($self) = @_;

    my $dir = $self->{system}->run->dir;

    for my $name (qw(users-v1 users-v2 orders)) {
        for my $what (qw(readyz metrics)) {
            my $r = $self->{system}->worker($name, "/$what");

            open my $fh, '>', "$dir/$name-$what";
            print $fh $r->{body} // $r->{error};
        }
    }

    for my $call ('STREAM.INFO.USERS', 'CONSUMER.INFO.USERS.orders') {
        open my $fh, '>', "$dir/$call";
        print $fh $json->encode($self->{nemesis}->api($call) // {});
    }

    system 'cp', '-a', "$dir/data", "$dir/data-then";
}


sub _lists {
    my ($self) = @_;

    my %lists;

    for my $what (qw(users orders)) {
        my $next = "/api/$what?limit=1000";

        $lists{$what} = [];

        while ($next) {
            my $r = $self->{system}->request('GET', $next);

            return undef if $r->{status} != 200;
            push @{$lists{$what}}, @{$r->{json}};
            ($next) = ($r->{headers}{link} // '') =~ /^<([^>]*)>/;
        }
    }

    return \%lists;
}


# All documents, each by itself, with its version.  What was frozen with a
# request that its client has given up carries it out when all is well again:
# if the lists were read before, both are read once more.

sub _last {
    my ($self, $n) = @_;

    my @of = sort keys %{$self->{documents}};
    my (@last, @bad);

    for my $time (0 .. 2) {
        $self->_read($n, $time, @of);
        @last = Chaos::History::load(glob $self->_path("last-$n-*"));

        last if !$self->{lists} || $time == 2;
        @of = Chaos::Check->new(ops => [ @last ], lists => $self->{lists})
            ->unlike or last;
        push @bad, $self->_settle(now());
    }

    return (\@last, @bad);
}


sub _read {
    my ($self, $n, $time, @of) = @_;

    $self->_join(map { my $i = $_; $self->_job("reader-$i", sub {
        my $c = $self->_client('F', "last-$n-$i");

        $c->{n} += ($time * $readers + $i) * 10000;
        $c->read(@of[grep { $_ % $readers == $i } 0 .. $#of]);
    }) } 0 .. $readers - 1);
}


sub _judge {
    my ($self, $n, @ops) = @_;

    my $nemesis = $self->{nemesis};
    my $check = Chaos::Check->new(ops => \@ops, carry => $self->{carry},
        lists => $self->{lists}, gateway => $nemesis->gateway,
        stopped => $nemesis->stopped, full => $nemesis->full);
    my @bad = $check->run;

    $self->{ops} += @ops;
    $self->{carry} = $check->carry;

    return map { [ @$_, $n ] } @bad;
}


# A worker that finds the disk full, or no server of its store, when it starts
# may say so and end; one that has hardly begun ends by TERM itself.

sub crashes {
    my ($self) = @_;

    my $may_end = @{$self->{nemesis}->full} || $self->{nemesis}{up};

    return $self->_lines('{ficus,nats-server,ferretdb}*.log', sub {
        /ended by signal (?!9\b|15\b)/ || /^panic:|^fatal error:|\[FTL\]/
            || (!$may_end && /ended with status [1-9]/);
    });
}


sub _lines {
    my ($self, $names, $is) = @_;

    my @found;

    for my $path (glob $self->{system}->run->dir . "/logs/$names") {
        open my $fh, '<', $path or next;

        while (<$fh>) {
            push @found, $_ if $is->();
        }
    }

    return @found;
}


# What the services call an error, by its words.

sub _errors {
    my ($self) = @_;

    my %times;

    for ($self->_lines('{users-v1,users-v2,orders}.log',
        sub { /"level":"error"/ }))
    {
        my ($text) = /"msg":"((?:[^"\\]|\\.)*)"/;

        $times{substr(($text // $_) =~ s/\d+/N/gr =~ s,/\S*/,,gr, 0, 60)}++;
    }

    my @most = sort { $times{$b} <=> $times{$a} } sort keys %times;

    return map { "$times{$_} x $_" } @most[0 .. ($#most < 4 ? $#most : 4)];
}


sub report {
    my ($self) = @_;

    my $faults = $self->{nemesis}->count;
    my %kinds;

    $kinds{$_->[0]}++ for @{$self->{bad}};

    my $status = delete $self->{count}{status} // {};
    my @lines = (
        sprintf('seed %d, %.0f s, %d rounds, %d faults, %d calls, '
            . '%d documents', $self->{seed}, now() - $self->{began},
            $self->{rounds}, sum0(values %$faults), $self->{ops},
            scalar keys %{$self->{documents}}),
        _wrap('faults', map { "$_ $faults->{$_}" } sort keys %$faults),
        '          call               ok    fail    info');

    for my $what (sort keys %{$self->{count}}) {
        push @lines, sprintf '          %-12s %8d%8d%8d', $what,
            map { $self->{count}{$what}{$_} // 0 } qw(ok fail info);
    }

    push @lines, _wrap('answers', map { ($_ || 'none') . " $status->{$_}" }
        sort keys %$status),
        _wrap('lag', _spread(@{$self->{lag}})),
        _wrap('errors', $self->_errors),
        _wrap('found', %kinds ? map { "$_ $kinds{$_}" } sort keys %kinds
            : 'nothing');

    return join '', map { "$_\n" } @lines;
}


# From healing to in step, over all rounds.

sub _spread {
    my @all = sort { $a <=> $b } @_ or return 'none';

    return (sprintf('half within %.1f s', $all[$#all / 2]),
        sprintf('all within %.1f s', $all[-1]));
}


sub _wrap {
    my ($title, @words) = @_;

    my @lines = sprintf '%-9s', $title;

    for my $word (@words) {
        push @lines, ' ' x 9 if length("$lines[-1] $word") > 76;
        $lines[-1] .= " $word,";
    }

    return map { s/,$//r } @lines;
}


sub end {
    my ($self) = @_;

    $self->{nemesis}->heal;
    $self->{system}->stop;
    $self->{nemesis}->broker_down;
    $self->{nemesis}{up}->kill if $self->{nemesis}{up};
    system "umount $self->{room}" if $self->{room};
    kill 'KILL', $self->{system}->run->pid('proxy');
    $self->{system}->run->forget('proxy');
    $self->{system}->done;
}


1;
