#!/usr/bin/perl

# Copyright (C) Ficus authors

# ficusctl and a server that is none of ours, or means no good: no crash, an
# exit status that tells, and nothing that steers the terminal.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use IO::Socket::INET;
use JSON::PP;
use Test::More;

use Ficus::Run qw(root);

my $t = Ficus::Run->new;
my $program = ($ENV{FICUS_BUILD} // root() . '/build') . '/ficusctl';
my $url = '--url=http://127.0.0.1:' . $t->port(0);
my ($out, $err);

# What a terminal obeys: control characters, also those of 8 bits, and those
# that turn text round.
my $steering = qr/[\x00-\x09\x0b-\x1f\x7f]|\xc2[\x80-\x9f]|\xe2\x80\xae/;
my $evil = 'a\u001b[2Jb\u009b31mc\u202ed\n\u0000' . "\xc2\x9b31m\x7f";

my $arm = qq({"name": "$evil", "configured": 40, "effective": 30,
    "state": "$evil", "state_reason": "$evil", "requests": 1, "failures": 2});
my $ramp = qq({"state": "$evil", "verdict": "$evil", "why": "$evil",
    "from": {"$evil": 1}, "to": null, "guards": [], "down": "$evil"});
my $split = qq({"name": "$evil", "changed_at": "$evil", "changed_by": "$evil",
    "reason": "$evil", "baseline": "$evil", "arms": [$arm, 3, null],
    "ramp": $ramp, "shadow": 7});
my $routes = qq([{"route": "$evil", "verdict": "$evil", "says": "$evil",
    "requests": {"$evil": 1}, "share": {}, "fields": [{"verdict": "$evil",
    "kind": "$evil", "field": "$evil", "examples": [{"uri": "$evil",
    "other": {"$evil": "$evil"}}]}]}]);
my $other = qq({"split": "$evil", "since": "$evil", "baseline": "$evil",
    "routes": $routes, "dropped": {"$evil": 1}, "key": "$evil",
    "arm": "$evil", "bucket": 1, "compared": 2, "rule": "$evil", "slots": [{"arm": "$evil"}],
    "verified": false, "error": "$evil"});
my $row = qq({"generation": 2, "changed_at": "$evil", "changed_by": "$evil",
    "reason": "$evil", "weights": {"$evil": 3}});
my $letter = qq({"id": "$evil", "key": "$evil", "cause": "$evil",
    "error": "$evil", "time": "$evil", "payload": "$evil"});
my $sync = qq({"source": "$evil", "last": {"result": "$evil",
    "error": "$evil", "reason": "$evil", "differences": [{"kind": "$evil",
    "id": "$evil"}]}});
my $problem = qq({"detail": "$evil", "errors": [{"field": "$evil",
    "message": "$evil", "value": "$evil"}]});

# By the name of the split, or of the worker.
my %answers = (
    page => "404 page not found\n",
    html => '<html>nginx</html>',
    more => '{"name": "users"} and more',
    loose => "{'name': 'users', \"arms\": [NaN]}",
    half => '{"name": "users", "arms": [{"name"',
    nul => "{\"name\": \"users\"}\0",
    latin => "{\"name\": \"\xe9\"}",
    number => '7',
    object => '{}',
    array => '[]',
    numbers => '[1, null, "x", [], {}]',
    evil => $split,
    other => $other,
    row => "[$row, {\"weights\": null}, {\"weights\": 3}]",
    letter => $letter,
    letters => "[$letter]",
    sync => $sync,
);

$t->spawn('hostile', code => \&serve, ready => $t->port(0));


# What is no JSON, or not to the letter, is no answer of Ficus.

for my $name (qw(page html more loose half nul latin number)) {
    ctl(3, 'status', $name);
    like($err, qr/ answers, with 200, but is no admin port of Ficus$/, "$name");
    ctl(3, '--json', 'status', $name);
    is($out, '', "$name: nothing that a program could take for JSON");
}


# Another type than was asked for.

for my $name (qw(object array numbers)) {
    ok(ctl(undef, @$_, $name) <= 3, "@$_: $name")
        for [ 'status' ], [ 'history' ], [ 'history', '--verify' ], [ 'slots' ],
            [ 'diff' ], [ 'ledger' ], [ 'ramp' ], [ 'shadow' ];
    ok(ctl(undef, "--worker=$name", @$_) <= 3, "@$_: $name")
        for [ 'dlq', 'list' ], [ 'dlq', 'show', 'x' ], [ 'sync', 'check' ];
}

ctl(1, 'replay', '-', 'created', '--weights=v1=1,v2=99');
like($err, qr/^ficusctl: refused with 201/, 'a success that is none');


# Nothing steers the terminal.

for my $command ([ 'status', 'evil' ], [ 'ramp', 'evil' ],
    [ 'shadow', 'evil' ], [ 'history', 'row' ], [ 'explain', 'other', 'k' ],
    [ 'diff', 'other' ], [ 'ledger', 'other' ], [ 'slots', 'other' ],
    [ 'history', '--verify', 'other' ], [ 'status', 'problem' ],
    [ '--worker=letters', 'dlq', 'list' ],
    [ '--worker=letter', 'dlq', 'show', 'x' ],
    [ '--worker=sync', 'sync', 'check' ])
{
    ctl(undef, @$command);
    unlike("$out$err", $steering, "@$command");
    like("$out$err", qr/a\?\[2Jb/, '... shows the rest of it');
}

ctl(0, 'history', 'row');
like($out, qr/a\?\[2Jb\?31mc\?d\?\?\?31m\?=3 /, 'each is one character');
ctl(0, '--json', 'status', 'evil');
is(decode_json($out)->{arms}[0]{name}, decode_json("\"$evil\""),
    'a program gets it as it is');


# Answers that do not come.

ctl(3, 'p', 'cut', '40');
like($err, qr/ has not answered: .*\n  the change may have been made or not/,
    'a change without an answer');
ctl(3, 'status', 'cut');
unlike($err, qr/change/, 'looking changes nothing');
like($err, qr/ has not answered: /, 'and says so');
ctl(3, 'p', 'moved', '40');
like($err, qr/ is no admin port/, 'a redirect is not followed');


# What would be two headers.

for my $reason ("one\nX-Evil: two", "one\r", "\e[2J") {
    ctl(2, 'p', 'object', '40', "--reason=$reason");
    like($err, qr/^ficusctl: a reason, .* control characters$/,
        'a reason of several lines is refused');
}

ctl(2, 'p', 'object', '40', "--if-match=3\"\nX: y");
ok(!grep(/X-Evil|X: y/, $t->log('hostile.log')), 'and never sent');

$t->done;


sub ctl {
    my ($want, @args) = @_;

    (my $status, $out, $err) = $t->capture($program, $url, @args);

    is($status, $want, "@args: exit status" =~ s,\n,\\n,gr) if defined $want;

    return $status;
}


sub serve {
    my $listener = IO::Socket::INET->new(LocalAddr => '127.0.0.1',
        LocalPort => $t->port(0), Listen => 16, ReuseAddr => 1)
        or die "listen: $!";

    while (my $socket = $listener->accept) {
        answer($socket);
        close $socket;
    }
}


sub answer {
    my ($socket) = @_;
    my $request = '';

    while ($request !~ /\r\n\r\n/) {
        sysread $socket, $request, 65536, length $request or return;
    }

    my ($name) = $request =~ m,^\S+ /(?:api/v1/splits|workers)/(\w+),;
    my ($rest) = $request =~ /^content-length: (\d+)/im;

    print STDERR $request;
    $request =~ s/^.*?\r\n\r\n//s;
    $rest = ($rest // 0) - length $request;

    while ($rest > 0) {
        my $n = sysread $socket, my $body, $rest or return;

        $rest -= $n;
    }

    my $status = { problem => '409 Conflict', moved => '301 Moved',
        created => '201 Created' }->{$name} // '200 OK';
    my $body = $name eq 'problem' ? $problem : $answers{$name} // '{}';
    my $length = length($body) + ($name eq 'cut' ? 10 : 0);

    $body = '<html>' if $name eq 'moved';
    $length = length $body if $name eq 'moved';

    syswrite $socket, "HTTP/1.1 $status\r\nLocation: /\r\n"
        . "Content-Length: $length\r\nConnection: close\r\n\r\n$body";
}
