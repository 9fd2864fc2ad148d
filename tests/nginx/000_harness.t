#!/usr/bin/perl

# Copyright (C) Ficus authors

# The harness itself: what it must notice at the end of a test, it notices.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Test::More;

use Ficus::Backend qw(http_backend fastcgi_backend);
use Ficus::HTTP qw(get request parallel);
use Ficus::Run qw(wait_for);


sub failures {
    my ($body) = @_;

    my $t = Ficus::Run->new;
    my $path = $t->write('inner.pl', <<"EOT");
use lib '$FindBin::Bin/../lib';
use Ficus::Run;
my \$t = Ficus::Run->new;
$body
\$t->done;
EOT

    my $out = `TEST_VERBOSE= $^X $path 2>/dev/null`;
    my @failed = map { /^not ok \d+ - (.*)/ ? $1 : () } split /\n/, $out;
    $t->_cleanup;

    return join ', ', @failed;
}


sub noticed {
    my ($line, $expected, $name) = @_;

    is(failures("\$t->write('logs/a.log', '$line');"), $expected, $name);
}


is(failures(''), '', 'nothing to notice');
noticed('12#12: [alert] x', 'no alerts', 'alert');
noticed('12#12: [crit] x', 'no alerts', 'crit');
noticed('12#12: [emerg] x', 'no alerts', 'emerg');
noticed('12#12: [error] x', '', 'error is no alert');
noticed('worker process 1 exited on signal 11', 'no crash', 'crash');
noticed('worker process 1 exited with code 1', 'no crash', 'exit code');
noticed('worker process 1 exited with code 0', '', 'exit');
noticed('x.c:1:1: runtime error: y', 'no sanitizer report', 'ubsan');
noticed('==1==ERROR: AddressSanitizer: z', 'no sanitizer report', 'asan');

is(failures('$t->allow(qr/x/); $t->write("logs/a.log", "[alert] x");'), '',
    'allowed line');
is(failures('$t->spawn("a", code => sub { exit 3 }); sleep 1;'),
    'a still ran at its end (status 768), a ended well (status 768)',
    'early end');
is(failures('$t->spawn("a", ready => sub { $t->read("up") }, code => sub {
        if (fork()) { $t->write("up", "1") }
        sleep 60;
    });
    kill 9, $t->pid("a"); $t->forget("a");'), 'all processes ended',
    'process left');


# the client and the backends

my $t = Ficus::Run->new;
my $port = $t->port(0);
my $sock = $t->dir . '/v2.sock';

http_backend($t, 'v1', $port);
fastcgi_backend($t, 'v2', $sock);

is(get($port, '/')->{body}, "v1\n", 'backend');
is(get($port, '/', Do => 'status=503')->{status}, 503, 'status');
is(get($port, '/', 'Do-v2' => 'status=503')->{status}, 200, 'not for it');
is(get($port, '/', Do => 'close')->{error}, "closed early\n", 'close');
is(request($port, 'POST', '/x', headers => [ Do => 'echo' ],
    body => 'four')->{json}{length}, 4, 'echo');

my $c = Ficus::HTTP->connect($port);

$c->send("GET / HTTP/1.1\r\n\r\n" x 2);
is($c->receive->{headers}{'x-connection'},
    $c->receive->{headers}{'x-connection'}, 'pipelining');
is(join(' ', parallel(3, sub { $_[0] * get($port, '/')->{status} })),
    '0 200 400', 'parallel');

$t->done;
