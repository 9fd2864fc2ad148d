#!/usr/bin/perl

# Copyright (C) Ficus authors

# The toxics that the nemesis uses do what it thinks, and can be taken back.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib", "$FindBin::Bin/lib";

use IO::Select;
use IO::Socket::INET;
use Test::More;
use Time::HiRes qw(time);

use Chaos::Toxiproxy;
use Ficus::Run;

plan(skip_all => 'build/toxiproxy is missing, which needs Go')
    if !Chaos::Toxiproxy::built();

my $run = Ficus::Run->new;
my ($port, $echo, $api) = map { $run->port($_) } 0 .. 2;

# says what it hears, and goodbye to who says so
$run->spawn('echo', ready => $echo, code => sub {
    my $listen = IO::Socket::INET->new(LocalAddr => '127.0.0.1',
        LocalPort => $echo, Listen => 8, ReuseAddr => 1) or die $!;

    $SIG{CHLD} = 'IGNORE';

    while (1) {
        my $client = $listen->accept or next;

        next if fork;

        while (sysread $client, my $text, 100) {
            syswrite $client, $text;
            last if $text =~ /bye/;
        }

        exit 0;
    }
});

my $t = Chaos::Toxiproxy->new(run => $run, api => $api, listen => $port,
    to => $echo, seed => 1);

my ($text, $took) = say('hi');

is($text, 'hi', 'it lets all through');
cmp_ok($took, '<', 0.3, 'at once');

$t->poison('latency', 1, 'downstream', latency => 500);
($text, $took) = say('hi');
is($text, 'hi', 'latency: lets all through');
cmp_ok($took, '>=', 0.49, 'late');

$t->clear;
($text, $took) = say('hi');
cmp_ok($took, '<', 0.3, 'no more');

$t->poison('reset_peer', 1, 'downstream', timeout => 100);
($text, $took) = say('hi');
is($text, undef, 'reset_peer: the connection breaks');

$t->clear;
($text, $took) = say('bye');
is($text, 'bye', 'no more');
cmp_ok($took, '<', 0.3, 'and who is left is told at once');

$t->poison('slow_close', 1, 'downstream', delay => 600);
($text, $took) = say('bye');
is($text, 'bye', 'slow_close: lets all through');
cmp_ok($took, '>=', 0.59, 'and who is left is told late');

$t->clear;
($text, $took) = say('bye');
cmp_ok($took, '<', 0.3, 'no more');

$t->poison('latency', 0, 'downstream', latency => 500);
($text, $took) = say('hi');
cmp_ok($took, '<', 0.3, 'no share: nobody is concerned');

$run->done;


# What is heard, undef when the connection broke; with goodbye, to its end.

sub say {
    my ($what) = @_;

    my $begin = time;
    my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
        PeerPort => $port) or die $!;
    my ($got, $n) = ('');

    syswrite $socket, $what;

    do {
        IO::Select->new($socket)->can_read(5) or return ('nothing', 5);
        $n = sysread $socket, $got, 100, length $got;
    } while ($n && $what eq 'bye');

    return (defined $n && length $got ? $got : undef, time - $begin);
}
