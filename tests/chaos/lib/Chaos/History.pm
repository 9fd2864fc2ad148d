package Chaos::History;

# Copyright (C) Ficus authors
#
# What was asked and answered.
#
#     my $h = Chaos::History->new($path);
#     $h->invoke($op);            before the request is sent
#     $h->complete($op);          when it is over
#     my @ops = Chaos::History::load(@paths);
#
# An operation is a hash of
#     c, n    client and number, unique together
#     o       get, post, put, patch, del; once, a post with an Idempotency-Key
#     d       document: u/USERID or o/ORDERID; k/TOKEN of once
#     f       fields sent
#     m       version in If-Match
#     i, r    when it was sent, when it was answered; seconds, one clock
#     s       status; 0: no answer
#     k       ok, fail (nothing was done), info (nobody knows)
#     v, b    version and fields of the document in the answer
#     t, e    type of the problem; what the client says when s is 0
#
# One without a completion, whose client has died, is info.
#
# Exported: now(), that clock.

use strict;
use warnings;

use Exporter qw(import);
use JSON::PP;
use Time::HiRes qw(clock_gettime CLOCK_MONOTONIC);

our @EXPORT_OK = qw(now);

my $json = JSON::PP->new->utf8->canonical;


sub now { return clock_gettime(CLOCK_MONOTONIC) }


sub new {
    my ($class, $path) = @_;

    open my $fh, '>>', $path or die "$path: $!\n";
    $fh->autoflush(1);

    return bless { fh => $fh }, $class;
}


sub invoke {
    my ($self, $op) = @_;

    print {$self->{fh}} $json->encode($op), "\n";
}


sub complete {
    my ($self, $op) = @_;

    my %rest = %$op;

    delete @rest{qw(o d f m i)};
    print {$self->{fh}} $json->encode(\%rest), "\n";
}


sub load {
    my (@paths) = @_;

    my (@ops, %open);

    for my $path (@paths) {
        open my $fh, '<', $path or die "$path: $!\n";

        while (my $line = <$fh>) {
            my $part = eval { $json->decode($line) } or next;
            my $name = "$part->{c}.$part->{n}";

            if (defined $part->{o}) {
                push @ops, $open{$name} = { %$part, k => 'info', s => 0,
                    r => 9e99 };
            } elsif ($open{$name}) {
                %{$open{$name}} = (%{$open{$name}}, %$part);
                delete $open{$name};
            }
        }
    }

    return sort { $a->{i} <=> $b->{i} } @ops;
}


1;
