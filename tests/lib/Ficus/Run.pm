package Ficus::Run;

# Copyright (C) Ficus authors
#
# One test run: a temporary directory, ports, processes and the last checks.
#
#     my $t = Ficus::Run->new(allow => [ qr/regex of a tolerated log line/ ]);
#
#     $t->dir                     the directory; it holds logs/
#     $t->port($n)                the n-th loopback port, reserved until the end
#     $t->expand($text)           fills in %%DIR%%, %%ROOT%%, %%PORT_n%%
#     $t->write($name, $text)     makes a file of expanded text, returns its path
#     $t->read($name)             its content, '' if there is none
#     $t->log($name)              the same of logs/NAME
#     $t->lines($name, $n)        the lines of logs/NAME since the last time, as
#                                 soon as there are $n, or after 5 s
#     $t->spawn($name, %o)        starts a process, logs to logs/NAME.log:
#         command => [ ... ]        a program, or
#         terminal => [ ... ]       the same on a terminal of 80 x 24, or
#         code => sub { ... }       a forked Perl function
#         env => { A => 1 }         added to the environment, undef removes
#         ready => ...              a port, a socket's path or a function; waits
#         timeout => 10             ... for at most so many seconds
#     $t->capture(@command)       runs it: (exit status or signal, what it wrote
#                                 to stdout, to stderr)
#     $t->shared_object($c)       compiles a file of C to be preloaded: its path,
#                                 or undef without a compiler
#     $t->pid($name)
#     $t->stop($name, $signal)    TERM if not said; returns the wait status
#     $t->interrupt($name)        Ctrl-C on its terminal; waits for its end
#     $t->forget($name)           the test has killed it: no check of its end
#     $t->allow(qr/.../, ...)     tolerates more log lines
#     $t->done                    stops all, checks, ends the test
#
# Exported: wait_for($seconds, sub { ... }) polls until the function is true
# and returns what it returned, or '' when it is late; root() is the top of
# the source tree; group($pid) are the live processes that $pid has started,
# itself included; children($pid) are its own, without theirs.
#
# done() asserts that no log has an [alert], [emerg] or [crit], no process was
# ended by a signal or failed, no sanitizer spoke and nothing still runs.
#
# Environment: TEST_LEAVE=1 keeps the directory, TEST_VERBOSE=1 prints the
# logs, FICUS_SANITIZE=1 sets the options of the sanitizers.

use strict;
use warnings;

use Cwd qw(abs_path);
use Exporter qw(import);
use File::Basename qw(basename dirname);
use File::Path qw(remove_tree);
use File::Temp qw(tempdir);
use IO::Socket::INET;
use IO::Socket::UNIX;
use POSIX qw(:sys_wait_h);
use Test::More;
use Time::HiRes qw(sleep time);

our @EXPORT_OK = qw(wait_for root group children);

my %runs;       # all runs of this process, to clean up after a die


sub new {
    my ($class, %opt) = @_;

    my $self = bless {
        dir => tempdir('ficus-XXXXXX', TMPDIR => 1),
        allow => $opt{allow} // [],
        owner => $$,
        ports => [],
        processes => {},
        order => [],
    }, $class;

    mkdir "$self->{dir}/logs" or die "mkdir: $!";

    # MongoDB's driver keeps counters in a file for each process id, and
    # complains when a process that was killed has left one
    $ENV{MONGOC_DISABLE_SHM} = 1;

    if ($ENV{FICUS_SANITIZE}) {
        $ENV{ASAN_OPTIONS} //= 'detect_leaks=0';
        $ENV{UBSAN_OPTIONS} //= 'print_stacktrace=1';
    }

    return $runs{$self->{dir}} = $self;
}


sub dir { return shift->{dir} }

sub root { return abs_path(dirname(__FILE__) . '/../../..') }


# A bound socket that does not listen keeps everybody else off the port, and
# SO_REUSEADDR lets a server of ours listen on it at the same time.

sub port {
    my ($self, $n) = @_;

    $self->{ports}[$n] //= IO::Socket::INET->new(
        LocalAddr => '127.0.0.1',
        LocalPort => 0,
        Proto => 'tcp',
        ReuseAddr => 1,
    ) or die "no free port: $!";

    return $self->{ports}[$n]->sockport;
}


sub expand {
    my ($self, $text) = @_;

    $text =~ s/%%DIR%%/$self->{dir}/g;
    $text =~ s/%%ROOT%%/root()/ge;
    $text =~ s/%%PORT_(\d+)%%/$self->port($1)/ge;

    return $text;
}


sub write {
    my ($self, $name, $text) = @_;

    my $path = "$self->{dir}/$name";

    open my $fh, '>', $path or die "$path: $!";
    print $fh $self->expand($text);
    close $fh or die "$path: $!";

    return $path;
}


sub read {
    my ($self, $name) = @_;

    open my $fh, '<', "$self->{dir}/$name" or return '';
    local $/;

    return <$fh> // '';
}


sub log {
    my ($self, $name) = @_;

    return $self->read("logs/$name");
}


sub lines {
    my ($self, $name, $n) = @_;

    my $from = $self->{seen}{$name} // 0;
    my $new;

    wait_for(5, sub {
        $new = substr $self->log($name), $from;
        return $new =~ tr/\n// >= $n;
    });

    $self->{seen}{$name} = $from + length $new;

    return split /\n/, $new;
}


sub spawn {
    my ($self, $name, %opt) = @_;

    my $pid = fork() // die "fork: $!";

    if ($pid == 0) {
        $self->_child($name, %opt);
    }

    setpgrp($pid, $pid);
    $self->{processes}{$name} = { pid => $pid };
    push @{$self->{order}}, $name;

    my $ready = _ready($opt{ready}) or return $pid;

    my $up = wait_for($opt{timeout} // 10, sub {
        return $ready->() || $self->_reap($name);
    });

    if (!$up || $self->_reap($name)) {
        die "$name did not start:\n" . $self->log("$name.log");
    }

    return $pid;
}


sub _child {
    my ($self, $name, %opt) = @_;

    setpgrp(0, 0);
    $SIG{$_} = 'DEFAULT' for qw(INT TERM);

    while (my ($key, $value) = each %{$opt{env} // {}}) {
        if (defined $value) {
            $ENV{$key} = $value;
        } else {
            delete $ENV{$key};
        }
    }

    open STDIN, '<', '/dev/null';
    open STDOUT, '>>', "$self->{dir}/logs/$name.log";
    open STDERR, '>&', \*STDOUT;
    STDERR->autoflush(1);
    STDOUT->autoflush(1);

    if ($opt{code}) {
        eval { $opt{code}->(); 1 } or print STDERR "[crit] $@";
        POSIX::_exit($@ ? 1 : 0);
    }

    my @command = @{$opt{command} // _terminal($opt{terminal})};

    { exec { $command[0] } @command; }

    print STDERR "exec $command[0]: $!\n";
    POSIX::_exit(127);
}


# The shell is any: it gives way to the program, which is script's only child.

sub _terminal {
    my ($command) = @_;

    my $quoted = join ' ', map { "'" . s/'/'\\''/gr . "'" } @$command;

    return [ 'script', '-qfc', "stty cols 80 rows 24; exec $quoted",
        '/dev/null' ];
}


sub capture {
    my ($self, @command) = @_;

    my $pid = fork() // die "fork: $!";

    if ($pid == 0) {
        open STDOUT, '>', "$self->{dir}/out";
        open STDERR, '>', "$self->{dir}/err";
        { exec { $command[0] } @command; }
        POSIX::_exit(127);
    }

    waitpid $pid, 0;

    return ($? >> 8 || $? & 127, map { $self->read($_) } qw(out err));
}


sub shared_object {
    my ($self, $c) = @_;

    my $so = "$self->{dir}/" . basename($c, '.c') . '.so';
    my $cc = $ENV{CC} // 'cc';

    return system("$cc -shared -fPIC -O -o '$so' '$c' -ldl") == 0
        ? $so : undef;
}


sub _ready {
    my ($ready) = @_;

    if (!defined $ready || ref $ready) {
        return $ready;
    }

    if ($ready =~ /^\d+$/) {
        return sub { IO::Socket::INET->new("127.0.0.1:$ready") };
    }

    return sub { IO::Socket::UNIX->new($ready) };
}


sub wait_for {
    my ($seconds, $code) = @_;

    my $end = time + $seconds;

    while (1) {
        my $result = $code->();
        return $result if $result;
        return '' if time > $end;
        sleep 0.01;
    }
}


sub _reap {
    my ($self, $name) = @_;

    my $p = $self->{processes}{$name};

    if (!defined $p->{status} && waitpid($p->{pid}, WNOHANG) == $p->{pid}) {
        $p->{status} = $?;
        $p->{gone} = !group($p->{pid});
    }

    return defined $p->{status};
}


sub pid {
    my ($self, $name) = @_;

    return $self->{processes}{$name}{pid};
}


sub stop {
    my ($self, $name, $signal) = @_;

    my $p = $self->{processes}{$name} or die "no process $name";

    if ($p->{stopped}) {
        return $p->{status};
    }

    $p->{stopped} = 1;

    if ($self->_reap($name)) {
        fail("$name still ran at its end (status $p->{status})");
        return $p->{status};
    }

    kill $signal // 'TERM', $p->{pid};

    if (!wait_for(15, sub { $self->_reap($name) })) {
        fail("$name ended in time");
        kill 'KILL', -$p->{pid};
        waitpid $p->{pid}, 0;
        $p->{status} = $?;
    }

    return $p->{status};
}


sub interrupt {
    my ($self, $name) = @_;

    kill 'INT', children($self->pid($name));
    $self->forget($name);
}


sub forget {
    my ($self, $name) = @_;

    my $p = $self->{processes}{$name};

    wait_for(10, sub { $self->_reap($name) }) or die "$name did not end";
    $p->{stopped} = $p->{forgotten} = 1;
}


sub allow {
    my ($self, @regexes) = @_;

    push @{$self->{allow}}, @regexes;
}


sub done {
    my ($self) = @_;

    for my $name (reverse @{$self->{order}}) {
        my $status = $self->stop($name);

        if (!$self->{processes}{$name}{forgotten} && $status != 0
            && $status != POSIX::SIGTERM)
        {
            fail("$name ended well (status $status)");
        }
    }

    # the members of a group may take a moment after their leader; the number of
    # a group that has gone is given again
    my @left = grep {
        my $p = $self->{processes}{$_};
        !$p->{gone} && !wait_for(3, sub { !group($p->{pid}) });
    } sort keys %{$self->{processes}};

    is("@left", '', 'all processes ended');

    $self->_check_logs(qr/\[(?:alert|emerg|crit)\]/, 'no alerts');
    $self->_check_logs(qr/exited on signal|exited with code [1-9]/,
        'no crash');
    $self->_check_logs(qr/(?:Address|Leak|Thread|Memory)Sanitizer
        |UndefinedBehavior|runtime\ error:/x, 'no sanitizer report');

    $self->_cleanup;
    done_testing();
}


# Each process of ours leads a group; a dead one may wait long for its init.
# What has been killed keeps its ports until its last thread has ended.

sub group {
    my ($pgid) = @_;

    return grep {
        my $stat = '';

        if (open my $fh, '<', "/proc/$_/stat") {
            $stat = <$fh> // '';
        }

        my ($state, undef, $group, @rest) = split ' ', $stat =~ s/.*\)//sr;

        defined $group && $group == $pgid && ($state ne 'Z' || $rest[14] > 1);
    } map { m,/(\d+)$, } glob '/proc/[0-9]*';
}


sub children {
    my ($pid) = @_;

    open my $fh, '<', "/proc/$pid/task/$pid/children" or return;

    return split ' ', <$fh> // '';
}


sub _check_logs {
    my ($self, $regex, $title) = @_;

    my @bad;

    for my $path (glob "$self->{dir}/logs/*.log") {
        open my $fh, '<', $path or next;

        while (my $line = <$fh>) {
            next if $line !~ $regex;
            next if grep { $line =~ $_ } @{$self->{allow}};
            push @bad, $line;
        }
    }

    is(join('', @bad[0 .. ($#bad < 9 ? $#bad : 9)]), '', $title);
}


sub _cleanup {
    my ($self) = @_;

    for my $p (values %{$self->{processes}}) {
        kill 'KILL', -$p->{pid};
        waitpid $p->{pid}, 0 if !defined $p->{status};
    }

    if ($ENV{TEST_VERBOSE}) {
        for my $path (glob "$self->{dir}/logs/*.log") {
            diag("== $path\n" . $self->log($path =~ s,.*/,,r));
        }
    }

    if ($ENV{TEST_LEAVE}) {
        diag("left $self->{dir}");
    } else {
        remove_tree($self->{dir});
    }

    delete $runs{$self->{dir}};
}


$SIG{INT} = $SIG{TERM} = sub { exit 130 };
$SIG{PIPE} = 'IGNORE';

END {
    my $status = $?;

    for my $run (values %runs) {
        $run->_cleanup if $run->{owner} == $$;
    }

    $? = $status;
}


1;
