package Ficus::Backend;

# Copyright (C) Ficus authors
#
# Small upstream servers that say who they are.
#
#     http_backend($t, 'v1', $to)
#     fastcgi_backend($t, 'v2', $to)
#
# start a process (named after the backend) that listens on $to, a port of
# 127.0.0.1 or the path of a unix socket, and waits until it does.
#
# An answer is 200, X-Arm: NAME, X-Connection: how many connections this backend
# had got when that of the request was made, and X-Request: how many requests it
# has read to their end; the body is the name.  A request may ask for something
# else in its header Do, or Do-NAME for this backend alone, a list of words:
#
#     status=N        answer N
#     sleep=S         answer after S seconds, serving others meanwhile
#     close           close the connection and answer nothing
#     echo            the body is JSON: arm, method, uri, length and sha1 (of
#                     the body) and headers (lower case); for FastCGI params (as
#                     sent) in the place of headers
#     previous        the same of the request before
#     cut             send half of the body and close the connection
#     stale           close the connection if it has served a request before
#     garbage         send a header that is none
#     long=N          send a header that is N bytes longer
#     behead          send half of the header and close the connection
#     stall           send the header, and no body
#     drip=S          send a byte each S seconds
#     trickle=S       the same, but for the header, which is sent at once
#     hangup=S        close the connection S seconds after the answer
#     early           close the connection when the header has been read (HTTP)

use strict;
use warnings;

use Exporter qw(import);
use Digest::SHA qw(sha1_hex);
use IO::Select;
use IO::Socket::INET;
use IO::Socket::UNIX;
use JSON::PP;
use Time::HiRes qw(time);

our @EXPORT_OK = qw(http_backend fastcgi_backend);

my $json = JSON::PP->new->latin1->canonical;


sub http_backend { return _spawn(\&_http_input, @_) }

sub fastcgi_backend { return _spawn(\&_fastcgi_input, @_) }


sub _spawn {
    my ($input, $t, $name, $to) = @_;

    return $t->spawn($name, ready => $to,
        code => sub { _serve($input, $name, _listen($to)) });
}


sub _listen {
    my ($to) = @_;

    my $socket = $to =~ /^\d+$/
        ? IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => $to,
            ReuseAddr => 1, Listen => 128)
        : IO::Socket::UNIX->new(Local => $to, Listen => 128);

    return $socket // die "listen $to: $!";
}


# One process, one loop.  A connection is a hash: socket, in (bytes not yet
# understood), number; $input turns bytes into requests.

sub _serve {
    my ($input, $name, $listener) = @_;

    my $select = IO::Select->new($listener);
    my (%connections, @later);
    my $count = 0;
    my $read = 0;
    my $previous;

    local $SIG{PIPE} = 'IGNORE';

    while (1) {
        for my $fh ($select->can_read(@later ? 0.005 : 1)) {
            if ($fh == $listener) {
                my $socket = $listener->accept or next;
                $select->add($socket);
                $connections{fileno $socket} = {
                    socket => $socket,
                    in => '',
                    name => lc $name,
                    number => ++$count,
                };
                next;
            }

            my $c = $connections{fileno $fh};
            my $n = sysread $fh, $c->{in}, 65536, length $c->{in};

            if (!$n) {
                $c->{gone} = 1;
            }

            while (!$c->{gone} && (my $request = $input->($c))) {
                my $do = _orders($name, $request);

                $request->{count} = ++$read if !$do->{early};
                $request->{previous} = $previous;
                $previous = { %$request, previous => undef };
                push @later, [ time + ($do->{sleep} // 0), $c,
                    sub { _answer($name, $c, $request, $do) } ];
                @later = _work(@later) if !$do->{sleep};
            }

            _close($select, \%connections, $c) if $c->{gone};
        }

        @later = _work(@later);
        _close($select, \%connections, $_)
            for grep { $_->{gone} } values %connections;
    }
}


# Does the jobs whose time has come, [ when, connection, code ]; code returns the
# jobs that follow.  Returns what is left.

sub _work {
    my $now = time;

    return map {
        my ($when, $c, $code) = @$_;

        $c->{gone} ? () : $when > $now ? $_ : $code->();
    } @_;
}


sub _close {
    my ($select, $connections, $c) = @_;

    my $socket = delete $c->{socket} or return;

    $select->remove($socket);
    delete $connections->{fileno $socket};
    close $socket;
}


sub _orders {
    my ($name, $request) = @_;

    my $all = $request->{headers};

    return {
        map { my ($word, $value) = split /=/; $word => $value // 1 }
        map { split ' ', $all->{$_} // '' } 'do', lc "do-$name"
    };
}


sub _answer {
    my ($name, $c, $request, $do) = @_;

    if ($do->{close} || $do->{early} || ($do->{stale} && $c->{served}++)) {
        $c->{gone} = 1;
        return;
    }

    $c->{served} = 1;

    my $status = $do->{status} // 200;
    my $body = "$name\n";
    my $type = 'text/plain';

    if ($do->{echo} || $do->{previous}) {
        my %echo = (arm => $name,
            %{$do->{previous} ? $request->{previous} // {} : $request});
        $echo{sha1} = sha1_hex($echo{body} // '');
        delete @echo{qw(id keep body count previous),
            $echo{params} ? 'headers' : ()};
        $body = $json->encode(\%echo);
        $type = 'application/json';
    }

    my $head = "X-Arm: $name\r\nX-Connection: $c->{number}\r\n"
        . "X-Request: $request->{count}\r\n"
        . "Content-Type: $type\r\nContent-Length: " . length($body)
        . ($do->{long} ? "\r\nX-Long: " . 'x' x $do->{long} : '')
        . "\r\n\r\n";

    if ($request->{method} eq 'HEAD') {
        $body = '';
    }

    my $bytes = $request->{params}
        ? _fastcgi_output($request->{id}, "Status: $status\r\n$head$body")
        : "HTTP/1.1 $status Told\r\n$head$body";

    $bytes = substr $bytes, 0, length($bytes) - 3 if $do->{cut};
    $bytes = substr $bytes, 0, length($head) / 2 if $do->{behead};
    $bytes = substr $bytes, 0, length($bytes) - length $body if $do->{stall};
    $bytes = "HTTP/1.1 200 OK\r\n\0\r\n\r\n" if $do->{garbage};

    my $end = !$request->{keep} || $do->{cut} || $do->{garbage}
        || $do->{behead};

    if ($do->{trickle}) {
        syswrite $c->{socket}, substr $bytes, 0, length($bytes) - length $body,
            '';
    }

    if (my $step = $do->{drip} // $do->{trickle}) {
        return _drip($c, $bytes, $step, $end);
    }

    syswrite $c->{socket}, $bytes;
    $c->{gone} = 1 if $end;

    return $do->{hangup}
        ? [ time + $do->{hangup}, $c, sub { $c->{gone} = 1; return } ] : ();
}


sub _drip {
    my ($c, $bytes, $step, $end) = @_;

    syswrite $c->{socket}, substr $bytes, 0, 1, '';

    if (!length $bytes) {
        $c->{gone} = 1 if $end;
        return;
    }

    return [ time + $step, $c, sub { _drip($c, $bytes, $step, $end) } ];
}


sub _http_input {
    my ($c) = @_;

    $c->{in} =~ /\r\n\r\n/ or return;

    my ($head, $rest) = ($`, $');
    my ($line, @fields) = split /\r\n/, $head;
    my ($method, $uri, $version) = split / /, $line;
    my %headers = map { /^([^:]+): ?(.*)$/s ? (lc $1 => $2) : () } @fields;
    my $length = $headers{'content-length'} // 0;

    return if length $rest < $length
        && ($headers{"do-$c->{name}"} // '') !~ /\bearly\b/;

    $c->{in} = length $rest < $length ? '' : substr $rest, $length;

    return {
        body => substr($rest, 0, $length),
        method => $method,
        uri => $uri,
        headers => \%headers,
        length => $length + 0,
        keep => $version eq 'HTTP/1.1'
            && lc($headers{connection} // '') ne 'close',
    };
}


# FastCGI: records of type BEGIN_REQUEST 1, ABORT 2, PARAMS 4, STDIN 5 come in,
# STDOUT 6 and END_REQUEST 3 go out; one request at a time, as nginx does.

sub _fastcgi_input {
    my ($c) = @_;

    while (length $c->{in} >= 8) {
        my ($type, $id, $length, $padding) = unpack 'x C n n C', $c->{in};

        return if length $c->{in} < 8 + $length + $padding;

        my $content = substr $c->{in}, 8, $length;
        substr $c->{in}, 0, 8 + $length + $padding, '';

        if ($type == 1) {
            my (undef, $flags) = unpack 'n C', $content;
            $c->{request} = { id => $id, keep => $flags & 1, raw => '',
                body => '', length => 0 };

        } elsif ($type == 2) {
            $c->{gone} = 1;
            return;

        } elsif ($type == 4) {
            $c->{request}{raw} .= $content;

        } elsif ($type == 5 && $length) {
            $c->{request}{length} += $length;
            $c->{request}{body} .= substr $content, 0, $length;

        } elsif ($type == 5) {
            return _fastcgi_request(delete $c->{request});
        }
    }

    return;
}


sub _fastcgi_request {
    my ($request) = @_;

    my $raw = delete $request->{raw};
    my %params;

    while (length $raw) {
        my ($n, $v) = map { _fastcgi_length(\$raw) } 1, 2;
        my $key = substr $raw, 0, $n, '';
        $params{$key} = substr $raw, 0, $v, '';
    }

    my %headers = map { /^HTTP_(.*)/ ? (lc $1 =~ tr/_/-/r => $params{$_}) : () }
        keys %params;

    return {
        %$request,
        method => $params{REQUEST_METHOD} // 'GET',
        uri => $params{REQUEST_URI} // '',
        headers => \%headers,
        params => \%params,
    };
}


sub _fastcgi_length {
    my ($raw) = @_;

    if (ord($$raw) < 128) {
        return ord substr $$raw, 0, 1, '';
    }

    return unpack('N', substr $$raw, 0, 4, '') & 0x7fffffff;
}


sub _fastcgi_output {
    my ($id, $text) = @_;

    my $bytes = '';

    while (length $text) {
        my $part = substr $text, 0, 32768, '';
        $bytes .= pack('C C n n C x', 1, 6, $id, length $part, 0) . $part;
    }

    return $bytes . pack('C C n n C x', 1, 6, $id, 0, 0)
        . pack('C C n n C x N C x3', 1, 3, $id, 8, 0, 0, 0);
}


1;
