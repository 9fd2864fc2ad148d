#!/usr/bin/perl

# Copyright (C) Ficus authors

# What keeps ficus-run from starting: one clear line, exit status 1, and
# nothing that still runs.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use IO::Socket::INET;
use Test::More;

use Ficus::Run qw(group root wait_for);
use Ficus::System;

my $s = Ficus::System->new;
my $t = $s->run;
my $n = 0;


# Variables

for my $name (qw(FICUS_HTTP_PORT FICUS_ADMIN_PORT FICUS_NATS_PORT)) {
    for my $value ('0', '65536', '-1', '80a', '', ' 80', '99999999999') {
        refused({ $name => $value }, qr/^ficus: $name is "\Q$value\E"; .*port/,
            "$name \"$value\"");
    }
}

refused({ FICUS_ADMIN_PORT => $s->port },
    qr/FICUS_HTTP_PORT and FICUS_ADMIN_PORT are both/, 'one port for two');
refused({ FICUS_NATS_PORT => $s->port }, qr/FICUS_NATS_PORT is .* already/,
    'NATS on the port of the gateway');
refused({ FICUS_NATS_PORT => $s->admin_port },
    qr/FICUS_NATS_PORT is .* already/, 'NATS on the admin port');

for my $url ('', 'x', 'http://127.0.0.1:4222', 'nats://') {
    refused({ FICUS_NATS_URL => $url }, qr/FICUS_NATS_URL is no URL/,
        "FICUS_NATS_URL \"$url\"");
}

refused({ FICUS_NATS_URL => 'tls://127.0.0.1:4222' },
    qr/FICUS_NATS_URL is tls:\/\/, but workers speak plain nats/, 'TLS');

refused({ FICUS_NATS_URL => 'nats://u:secret@h/' . 'x' x 2000 },
    qr/FICUS_NATS_URL is longer than/, 'a very long URL');
unlike($t->log("refused-$n.log"), qr/secret/, 'which may hold a password');

refused({ FICUS_STORE => 'postgres' }, qr/FICUS_STORE is "postgres"/,
    'an unknown store');

for my $uri ('mongodb://', 'mongodb:///ficus', 'mongodb+srv://u:secret@h/db') {
    refused({ FICUS_STORE => $uri }, qr/FICUS_STORE is no URI/,
        "FICUS_STORE \"$uri\"");
}

unlike($t->log("refused-$n.log"), qr/secret/, 'which may hold a password');
refused({ FICUS_STORE => 'mongodb://h/' . 'x' x 2000 },
    qr/FICUS_STORE is longer than/, 'a very long URI');


# The directory

refused({ FICUS_RUN_DIR => '' }, qr/FICUS_RUN_DIR is empty/, 'no directory');
refused({ FICUS_RUN_DIR => '/proc/ficus' },
    qr,/proc/ficus can't be made: .*; set FICUS_RUN_DIR,,
    'a directory that can\'t be made');
refused({ FICUS_RUN_DIR => '/proc/self' }, qr/set FICUS_RUN_DIR/,
    'a directory that can\'t be written to');

$t->write('file', '');
refused({ FICUS_RUN_DIR => $t->dir . '/file' },
    qr/is no directory; set FICUS_RUN_DIR/, 'a file');
refused({ FICUS_RUN_DIR => $t->dir . '/file/run' }, qr/set FICUS_RUN_DIR/,
    'something in a file');
refused({ FICUS_RUN_DIR => $t->dir . '/a$b' },
    qr/has a character that .*; set FICUS_RUN_DIR/, 'a strange name');

my $long = $t->dir . '/' . 'l' x (107 - length($t->dir . '//sock/users-v1.sock'));

refused({ FICUS_RUN_DIR => $long . 'l' },
    qr/is 1 bytes? too long for the sockets .*; set FICUS_RUN_DIR/,
    'a name that is a byte too long');
refused({ FICUS_RUN_DIR => $long . 'l' x 200 }, qr/too long/, 'a very long one');

SKIP: {
    skip 'root may write everywhere', 3 if $> == 0;

    mkdir $t->dir . '/locked', 0500;
    refused({ FICUS_RUN_DIR => $t->dir . '/locked' },
        qr/not yours; set FICUS_RUN_DIR/, 'a directory without permission');
}

# the longest that is possible, with blanks in it
$s->{env}{FICUS_RUN_DIR} = $long =~ s/lll/l l/r;
ok(eval { $s->start }, 'the longest name') or diag($@);
is($s->get('/api/users')->{status}, 200, 'which works');


# A second one

refused({ FICUS_RUN_DIR => $s->{env}{FICUS_RUN_DIR} },
    qr/^ficus: it runs already in .*, process @{[ $t->pid('ficus') ]};/,
    'a second one in the same directory');
refused({ FICUS_RUN_DIR => $t->dir . '/other' },
    qr/^ficus: port @{[ $s->port ]} .*is taken; set FICUS_HTTP_PORT/,
    'a second one on the same ports');
is($s->get('/')->{status}, 200, 'the first one does not mind');
$s->stop;


# Ports

for my $name (qw(FICUS_HTTP_PORT FICUS_ADMIN_PORT FICUS_NATS_PORT)) {
    my $port = $s->{env}{$name};
    my $taken = IO::Socket::INET->new(LocalAddr => '127.0.0.1',
        LocalPort => $port, ReuseAddr => 1, Listen => 1) or die "listen: $!";

    refused({}, qr/^ficus: port $port .*is taken; set $name/,
        "$name: taken");
}

SKIP: {
    skip 'root may use every port', 3 if $> == 0;
    refused({ FICUS_HTTP_PORT => 1 }, qr/port 1 needs root/, 'a low port');
}


# Programs

refused({ FICUS_NGINX => '/nowhere/nginx' }, qr/FICUS_NGINX is .*no program/,
    'nginx is missing');
refused({ FICUS_NGINX => $t->dir }, qr/FICUS_NGINX is .*no program/,
    'nginx is a directory');
refused({ FICUS_NATS_SERVER => '/nowhere/nats' },
    qr/FICUS_NATS_SERVER is .*no program/, 'nats-server is missing');
refused({ FICUS_MODULE => '/nowhere/module.so' },
    qr,no gateway module /nowhere/module\.so; type: make,,
    'the module is missing');

my $lone = $t->dir . '/lone';

mkdir $lone;
system('cp', Ficus::System->program('ficus-run'), $lone);
refused({ FICUS_MODULE => $ENV{FICUS_MODULE}
        // Ficus::System->program('ngx_http_strangler_module.so') },
    qr,no program $lone/users-v1; type: make,, 'a worker is missing',
    "$lone/ficus-run");
chdir '/';
refused({}, qr/top of the source tree/, 'so are the templates',
    "$lone/ficus-run");
chdir root();


# Something ends before it is ready: the line has its own words.

$t->write('broken', "#!/bin/sh\necho some words first\n"
    . "echo the last words >&2\nexit 3\n");
chmod 0755, $t->dir . '/broken';

refused({ FICUS_NGINX => $t->dir . '/broken' },
    qr/^ficus: nginx ended with status 3 before .*: the last words; .*nginx\.log/,
    'nginx ends at once');
refused({ FICUS_NATS_SERVER => $t->dir . '/broken' },
    qr/^ficus: nats-server ended with status 3 .*: the last words;/,
    'nats-server ends at once');


# Arguments

is(run_it({}, 'ficus-run', '--foo'), 2, 'an argument: exit status 2');
like($t->log("refused-$n.log"), qr/"--foo" is no argument/, 'as it says');
is(run_it({}, 'ficus-run', '--help'), 0, '--help');
like($t->log("refused-$n.log"), qr/FICUS_RUN_DIR.*FICUS_STORE/s,
    'names the variables');
is(run_it({}, 'ficus-run', '--version'), 0, '--version');
like($t->log("refused-$n.log"), qr/^ficus-run \d+\.\d+\.\d+$/, 'is a version');

$s->done;


sub refused {
    my ($env, $regex, $title, $program) = @_;

    my $status = run_it($env, $program // 'ficus-run');
    my $out = $t->log("refused-$n.log");
    my @lines = split /\n/, $out;

    subtest $title => sub {
        is($status, 1, 'exit status 1');
        is(scalar @lines, 1, 'one line') or diag($out);
        like($out, $regex, 'which says what is wrong');
        ok(wait_for(3, sub { !ours() }), 'nothing is left running');
    };
}


# Processes of the directories of this test, but those of $s.

sub ours {
    my $dir = $t->dir;
    my $run = $t->pid('ficus') // 0;

    return 0 if $s->{process};

    return grep { (readlink "/proc/$_/cwd" // '') =~ /^\Q$dir\E/ }
        map { m,/(\d+)$, } glob '/proc/[0-9]*';
}


sub run_it {
    my ($env, $program, @args) = @_;

    my $name = 'refused-' . ++$n;

    $program = Ficus::System->program($program) if $program !~ m,/,;

    my $pid = $t->spawn($name, command => [ $program, @args ],
        env => { %{$s->{env}}, FICUS_RUN_DIR => $t->dir . '/run', %$env });

    wait_for(20, sub { $t->_reap($name) });
    kill 'KILL', $pid if !$t->_reap($name);
    $t->forget($name);

    my $status = $t->{processes}{$name}{status};

    return $status >> 8 || $status & 127;
}
