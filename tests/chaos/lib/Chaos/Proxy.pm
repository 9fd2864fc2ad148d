package Chaos::Proxy;

# Copyright (C) Ficus authors
#
# A TCP proxy on loopback that delays, slows, holds up, loses and cuts.
#
#     Chaos::Proxy::serve($port, $to, $control, $seed);   never returns
#     Chaos::Proxy::tell($control, 'delay 0.5 0.2');
#
# $control is the path of a datagram socket.  SHARE is the part of the
# connections, those of later included, that it is for; WAY is up (to the
# server), down or both.  Commands:
#
#     delay SHARE SECONDS     all that passes
#     slice SHARE             a few bytes at a time
#     narrow SHARE BYTES      so many a second, each way
#     linger SHARE SECONDS    who is left is told so late that the other closed
#     freeze SHARE WAY        nothing passes until `clear', then all does
#     hole SHARE WAY          nothing passes, and the connection ends at `clear'
#     cut SHARE               those of now end at once
#     refuse                  those of later end at once
#     clear

use strict;
use warnings;

use IO::Select;
use IO::Socket::INET;
use IO::Socket::UNIX;
use List::Util qw(max min);
use Socket qw(SOCK_DGRAM IPPROTO_TCP TCP_NODELAY SOL_SOCKET SO_LINGER);
use Time::HiRes qw(time);

my $most = 1048576;             # bytes in hand a connection and way

my (%ends, %toxics);            # socket => end; kind => [ share, argument ]


sub tell {
    my ($control, $command) = @_;

    my $socket = IO::Socket::UNIX->new(Type => SOCK_DGRAM, Peer => $control)
        or return 0;

    return defined $socket->send($command);
}


sub serve {
    my ($port, $to, $control, $seed) = @_;

    local $SIG{PIPE} = 'IGNORE';

    srand $seed;
    unlink $control;

    my $commands = IO::Socket::UNIX->new(Type => SOCK_DGRAM,
        Local => $control) or die "$control: $!\n";
    my $listen = IO::Socket::INET->new(LocalAddr => '127.0.0.1',
        LocalPort => $port, Listen => 64, ReuseAddr => 1)
        or die "port $port: $!\n";

    while (1) {
        my @in = grep { readable($ends{$_}) } keys %ends;
        my ($read) = IO::Select::select(
            IO::Select->new($commands, $listen,
                map { $ends{$_}{socket} } @in),
            undef, undef, patience());

        for my $socket (@{$read // []}) {
            if ($socket == $commands) {
                $socket->recv(my $text, 4096);
                obey(split ' ', $text);
            } elsif ($socket == $listen) {
                meet($listen->accept // next, $to);
            } elsif ($ends{$socket}) {
                take($ends{$socket});
            }
        }

        deliver($_) for grep { defined } map { $ends{$_} } keys %ends;
    }
}


# An end reads from its socket what its peer writes; `way' is of that.

sub meet {
    my ($client, $to) = @_;

    my $server = $toxics{refuse} ? undef
        : IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $to);

    return reset_socket($client) if !$server;

    my ($up, $down) = map { { socket => $_, queue => [], bytes => 0 } }
        $client, $server;

    @$up{qw(way peer)} = ('up', $down);
    @$down{qw(way peer)} = ('down', $up);

    for my $end ($up, $down) {
        $end->{socket}->blocking(0);
        setsockopt $end->{socket}, IPPROTO_TCP, TCP_NODELAY, 1;
        $ends{$end->{socket}} = $end;
    }

    poison($up, $_) for sort keys %toxics;
}


sub poison {
    my ($up, $kind) = @_;

    my ($share, $argument) = @{$toxics{$kind}};

    return if rand() >= $share;

    for my $end ($up, $up->{peer}) {
        if ($kind =~ /^(?:delay|narrow|linger)$/) {
            $end->{$kind} = $argument;
        } elsif ($kind eq 'slice') {
            $end->{slice} = 1;
        } elsif ($argument eq 'both' || $argument eq $end->{way}) {
            $end->{$kind} = 1;
        }
    }
}


sub obey {
    my ($command, $share, $argument) = @_;

    my @ups = grep { $_->{way} eq 'up' } map { $ends{$_} } sort keys %ends;

    if ($command eq 'clear') {
        %toxics = ();

        for my $end (map { $ends{$_} } sort keys %ends) {
            end($end) if $end->{lost};
            delete @$end{qw(delay slice narrow linger freeze hole)};
        }
    } elsif ($command eq 'cut') {
        end($_) for grep { rand() < $share } @ups;
    } elsif ($command eq 'refuse') {
        $toxics{refuse} = [ 0 ];
    } else {
        $toxics{$command} = [ $share, $argument ];
        poison($_, $command) for @ups;
    }
}


sub readable {
    my ($end) = @_;

    return !$end->{freeze} && !$end->{closed} && $end->{bytes} < $most;
}


# Until the next piece is due.

sub patience {
    my @due = map { $_->{queue}[0][0] }
        grep { !$_->{freeze} && @{$_->{queue}} } values %ends;
    my $wait = @due ? min(@due) - time : 0.2;

    return $wait < 0.001 ? 0.001 : $wait > 0.2 ? 0.2 : $wait;
}


sub take {
    my ($end) = @_;

    my $n = sysread $end->{socket}, my $bytes, 65536;

    if (!defined $n) {
        return if $!{EAGAIN} || $!{EINTR};
        return end($end);
    }

    return leave($end) if $n == 0;

    if ($end->{hole}) {
        $end->{lost} = 1;
        return;
    }

    my $due = time + ($end->{delay} // 0);
    my $size = $end->{slice} ? 7 : $end->{narrow} ? 512 : length $bytes;

    # a stream of small pieces, but not for a whole day
    $size = 1 + int(length($bytes) / 50) if $size * 50 < length $bytes;
    $due = max($due, $end->{free} // 0) if $end->{narrow};

    while (length $bytes) {
        push @{$end->{queue}}, [ $due, substr $bytes, 0, $size, '' ];
        $due += 0.001 if $end->{slice};
        $due += $size / $end->{narrow} if $end->{narrow};
    }

    $end->{free} = $due;
    $end->{bytes} += $n;
}


# What is on its way still arrives, if there is time.

sub leave {
    my ($end) = @_;

    return end($end) if !$end->{linger};

    $end->{closed} = 1;
    push @{$end->{queue}}, [ time + $end->{linger}, undef ];
}


sub deliver {
    my ($end) = @_;

    my $queue = $end->{queue};

    while (@$queue && !$end->{freeze} && $queue->[0][0] <= time) {
        return end($end) if !defined $queue->[0][1];

        my $n = syswrite $end->{peer}{socket}, $queue->[0][1];

        if (!defined $n) {
            return if $!{EAGAIN} || $!{EINTR};
            return end($end);
        }

        $end->{bytes} -= $n;
        substr $queue->[0][1], 0, $n, '';

        return if length $queue->[0][1];
        shift @$queue;
    }
}


sub end {
    my ($end) = @_;

    for ($end, $end->{peer}) {
        delete $ends{$_->{socket}} and reset_socket($_->{socket});
    }
}


sub reset_socket {
    my ($socket) = @_;

    setsockopt $socket, SOL_SOCKET, SO_LINGER, pack 'ii', 1, 0;
    close $socket;
}


1;
