package Ficus::HTTP;

# Copyright (C) Ficus authors
#
# A small HTTP/1.1 client on raw sockets.
#
#     my $r = request($to, 'GET', '/path', %options);
#     my $r = get($to, '/path', Name => 'value', ...);
#
# $to is a port of 127.0.0.1 or the path of a unix socket.  Options:
#     headers => [ Name => 'value', ... ]     added; Host replaces the default
#     body => 'bytes'                         with its Content-Length
#     json => $data                           the same, encoded
#
# The answer is a hash: status, headers (lower case names, several values
# joined by ", "), body, json (decoded, if the body is JSON).  No answer, or
# half of one, has the status 0 and the reason in error.
#
# A connection that is kept:
#
#     my $c = Ficus::HTTP->connect($to);
#     my $r = $c->ask('GET', '/path', %options);
#     $c->send($bytes);               raw bytes, several requests if you like
#     my $r = $c->receive;            the next answer; receive('HEAD') has no body
#     $c->closed                      true when the other side has closed it
#
# Every read waits for at most $Ficus::HTTP::timeout seconds.
#
#     my @results = parallel($n, sub { my ($i) = @_; ...; return $data });
#
# runs the function in $n processes and returns what each returned, which is
# passed on as JSON.

use strict;
use warnings;

use Exporter qw(import);
use IO::Select;
use IO::Socket::INET;
use IO::Socket::UNIX;
use JSON::PP;
use POSIX ();
use Time::HiRes qw(time);

our @EXPORT_OK = qw(request get parallel);
our $timeout = 15;

my $json = JSON::PP->new->utf8->canonical->allow_nonref;


sub request {
    my ($to, $method, $path, %opt) = @_;

    my $c = Ficus::HTTP->connect($to)
        or return { status => 0, headers => {}, error => "connect: $!" };

    return $c->ask($method, $path, %opt);
}


sub get {
    my ($to, $path, @headers) = @_;

    return request($to, 'GET', $path, headers => \@headers);
}


sub connect {
    my ($class, $to) = @_;

    my $socket = $to =~ /^\d+$/
        ? IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $to)
        : IO::Socket::UNIX->new(Peer => $to);

    return undef if !$socket;

    $socket->autoflush(1);

    return bless { socket => $socket, buffer => '' }, $class;
}


sub ask {
    my ($self, $method, $path, %opt) = @_;

    my @headers = @{$opt{headers} // []};
    my $body = $opt{body};

    if (exists $opt{json}) {
        $body = $json->encode($opt{json});
        unshift @headers, 'Content-Type' => 'application/json';
    }

    if (defined $body) {
        push @headers, 'Content-Length' => length $body;
    }

    my $text = "$method $path HTTP/1.1\r\n";

    if (!grep { lc eq 'host' } @headers[grep { $_ % 2 == 0 } 0 .. $#headers]) {
        $text .= "Host: localhost\r\n";
    }

    while (my ($name, $value) = splice @headers, 0, 2) {
        $text .= "$name: $value\r\n";
    }

    $self->send("$text\r\n" . ($body // ''));

    return $self->receive($method);
}


sub send {
    my ($self, $bytes) = @_;

    my $done = 0;

    while ($done < length $bytes) {
        my $n = syswrite $self->{socket}, $bytes, length($bytes) - $done,
            $done;
        return 0 if !$n;
        $done += $n;
    }

    return 1;
}


sub receive {
    my ($self, $method) = @_;

    my $r = eval { $self->_receive($method // 'GET') };

    return $r // { status => 0, headers => {}, error => $@ };
}


sub _receive {
    my ($self, $method) = @_;

    my $head = $self->_until("\r\n\r\n");
    my ($line, @fields) = split /\r\n/, $head;

    $line =~ m,^HTTP/1\.[01] (\d{3}), or die "bad status line: $line\n";

    my $r = { status => $1 + 0, head => $head, headers => {}, body => '' };

    if ($1 == 100) {
        return $self->_receive($method);
    }

    for (@fields) {
        my ($name, $value) = /^([^:]+):\s*(.*?)\s*$/ or die "bad field: $_\n";
        my $old = $r->{headers}{lc $name};
        $r->{headers}{lc $name} = defined $old ? "$old, $value" : $value;
    }

    if ($method ne 'HEAD' && $1 != 204 && $1 != 304) {
        $r->{body} = $self->_body($r->{headers});
    }

    if (($r->{headers}{'content-type'} // '') =~ m,^application/(?:.*\+)?json,) {
        $r->{json} = eval { $json->decode($r->{body}) };
    }

    return $r;
}


sub _body {
    my ($self, $headers) = @_;

    if (($headers->{'transfer-encoding'} // '') eq 'chunked') {
        my $body = '';

        while (1) {
            my $size = hex $self->_until("\r\n");
            $body .= $self->_bytes($size);
            $self->_bytes(2);
            return $body if $size == 0;
        }
    }

    if (defined $headers->{'content-length'}) {
        return $self->_bytes($headers->{'content-length'});
    }

    1 while $self->_fill;

    return $self->_bytes(length $self->{buffer});
}


sub _until {
    my ($self, $end) = @_;

    my $at;

    while (($at = index $self->{buffer}, $end) < 0) {
        $self->_fill or die "closed early\n";
    }

    my $text = substr $self->{buffer}, 0, $at, '';
    substr $self->{buffer}, 0, length $end, '';

    return $text;
}


sub _bytes {
    my ($self, $n) = @_;

    while (length $self->{buffer} < $n) {
        $self->_fill or die "closed early\n";
    }

    return substr $self->{buffer}, 0, $n, '';
}


sub _fill {
    my ($self) = @_;

    IO::Select->new($self->{socket})->can_read($timeout)
        or die "timed out\n";

    my $n = sysread $self->{socket}, $self->{buffer}, 65536,
        length $self->{buffer};

    return defined $n ? $n : die "read: $!\n";
}


sub closed {
    my ($self) = @_;

    return !eval { $self->_fill };
}


sub parallel {
    my ($n, $code) = @_;

    my @children;

    for my $i (0 .. $n - 1) {
        pipe my $in, my $out or die "pipe: $!";

        my $pid = fork() // die "fork: $!";

        if ($pid == 0) {
            my $result = eval { [ $code->($i) ] } // { error => $@ };
            print $out $json->encode($result);
            close $out;
            POSIX::_exit(0);
        }

        push @children, [ $pid, $in ];
    }

    my @results;

    for (@children) {
        my ($pid, $in) = @$_;
        my $text = do { local $/; <$in> };

        waitpid $pid, 0;

        my $result = $json->decode($text);
        die $result->{error} if ref $result eq 'HASH';
        push @results, $result->[0];
    }

    return @results;
}


1;
