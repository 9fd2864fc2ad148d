package Ficus::NATS;

# Copyright (C) Ficus authors
#
# A small client of nats-server.
#
#     my $n = Ficus::NATS->new($port);
#
#     $n->subscribe($subject)             returns a number
#     $n->publish($subject, $data, $reply)
#     $n->next($seconds)                  the next message, undef when late
#     $n->request($subject, $data)        the data of the reply, undef when none
#     $n->api($call, $data)               the same of $JS.API.$call, both JSON
#     $n->drain($seconds)                 messages until none came for so long
#
# A message is a hash: subject, reply, sid, data, headers (lower case names).

use strict;
use warnings;

use IO::Select;
use IO::Socket::INET;
use JSON::PP;
use Time::HiRes qw(time);

my $json = JSON::PP->new->utf8->canonical;


sub new {
    my ($class, $port) = @_;

    my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
        PeerPort => $port) or die "nats-server at $port: $!";

    my $self = bless {
        socket => $socket,
        buffer => '',
        queue => [],
        sid => 0,
    }, $class;

    $self->_write('CONNECT {"verbose":false,"pedantic":false,'
        . '"headers":true,"no_responders":true,"lang":"perl"}'
        . "\r\nPING\r\n");
    $self->_read(5, sub { $self->{pongs} }) or die 'nats-server is silent';

    return $self;
}


sub _write {
    my ($self, $text) = @_;

    syswrite $self->{socket}, $text or die "nats: $!";
}


sub subscribe {
    my ($self, $subject) = @_;

    my $sid = ++$self->{sid};
    my $pongs = $self->{pongs};

    $self->_write("SUB $subject $sid\r\nPING\r\n");
    $self->_read(5, sub { $self->{pongs} > $pongs }) or die 'nats: no PONG';

    return $sid;
}


sub publish {
    my ($self, $subject, $data, $reply) = @_;

    $self->_write('PUB ' . join(' ', $subject, $reply // (), length $data)
        . "\r\n$data\r\n");
}


sub next {
    my ($self, $seconds) = @_;

    $self->_read($seconds, sub { @{$self->{queue}} });

    return shift @{$self->{queue}};
}


sub drain {
    my ($self, $seconds) = @_;

    my @messages;

    while (my $message = $self->next($seconds)) {
        push @messages, $message;
    }

    return @messages;
}


sub request {
    my ($self, $subject, $data, $seconds) = @_;

    my $inbox = sprintf '_INBOX.%d.%d', $$, ++$self->{inboxes};
    my $sid = $self->subscribe($inbox);
    my $found;

    $self->publish($subject, $data, $inbox);

    $self->_read($seconds // 5, sub {
        ($found) = grep { $_->{sid} == $sid } @{$self->{queue}};
        return $found;
    });

    @{$self->{queue}} = grep { $_->{sid} != $sid } @{$self->{queue}};
    $self->_write("UNSUB $sid\r\n");

    return undef if !$found || ($found->{status} // '') eq '503';
    return $found->{data};
}


sub api {
    my ($self, $call, $data) = @_;

    my $reply = $self->request("\$JS.API.$call",
        $data ? $json->encode($data) : '');

    return defined $reply ? $json->decode($reply) : undef;
}


# Reads until $done says so.

sub _read {
    my ($self, $seconds, $done) = @_;

    my $end = time + $seconds;
    my $select = IO::Select->new($self->{socket});

    $self->_understand;

    while (!$done->()) {
        my $left = $end - time;

        return 0 if $left <= 0 || !$select->can_read($left);

        sysread $self->{socket}, $self->{buffer}, 65536,
            length $self->{buffer} or die 'nats-server hung up';
        $self->_understand;
    }

    return 1;
}


sub _understand {
    my ($self) = @_;

    while ($self->{buffer} =~ /^([A-Z+-]+)([^\r\n]*)\r\n/) {
        my ($word, @args) = ($1, split ' ', $2);
        my $line = $+[0];

        if ($word eq 'MSG' || $word eq 'HMSG') {
            my $size = $args[-1];

            return if length $self->{buffer} < $line + $size + 2;

            $self->_message($word, \@args,
                substr $self->{buffer}, $line, $size);
            $line += $size + 2;

        } elsif ($word eq 'PING') {
            $self->_write("PONG\r\n");

        } elsif ($word eq 'PONG') {
            $self->{pongs}++;

        } elsif ($word eq '-ERR') {
            die "nats-server: @args";
        }

        substr $self->{buffer}, 0, $line, '';
    }
}


sub _message {
    my ($self, $word, $args, $data) = @_;

    my %message = (subject => $args->[0], sid => $args->[1], headers => {});

    if ($word eq 'HMSG') {
        my ($first, @fields) = split /\r\n/,
            substr($data, 0, $args->[-2], '');

        $message{status} = $1 if $first =~ m,^NATS/1\.0 (\d+),;
        $message{headers} = { map { /^([^:]+):\s*(.*)/ ? (lc $1 => $2) : () }
            @fields };
    }

    $message{reply} = $args->[2] if @$args > ($word eq 'HMSG' ? 4 : 3);
    $message{data} = $data;

    push @{$self->{queue}}, \%message;
}


1;
