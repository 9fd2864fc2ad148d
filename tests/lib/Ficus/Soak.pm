package Ficus::Soak;

# Copyright (C) Ficus authors
#
# What a system holds on to while it works: samples of it, and whether any of
# it grows.
#
#     my $soak = Ficus::Soak->new($system);
#     $soak->sample;                  one row of figures, now
#     $soak->note(lag => 0.004);      one more figure of the present row
#     my @rows = $soak->judge;        one hash for each series, by name
#     $soak->pids                     of all services, as one string
#
# A row of judge(): name, unit, first and last (the medians of the first and
# the last third, the warm-up left out), most, allowed (for the last, or undef)
# and grew.
#
#     grew(\@values, $share, $extra)  (first, last, most, allowed, grew) of a
#                                     series; it may grow by share and extra
#
# The warm-up is the first fifth: caches fill, threads and heaps get what they
# need once.  A series with less than 9 values is not judged.  What 25 s of load
# show is a leak of some 400 bytes a request; more time shows less.

use strict;
use warnings;

use Exporter qw(import);
use List::Util qw(max sum0);

use Ficus::Bench qw(median);
use Ficus::Run qw(children);

our @EXPORT_OK = qw(grew);

my @services = qw(nginx users-v1 users-v2 orders);

# by how much each may grow, of itself and besides; a sanitizer keeps what was
# freed
my %limit = (
    memory => [ 'MiB', 0.1, $ENV{FICUS_SANITIZE} ? 1000 : 4 ],
    descriptors => [ '', 0.1, 16 ],
    threads => [ '', 0, 2 ],
    database => [ 'MiB', 0.2, 4 ],
    'write-ahead log' => [ 'MiB', 0.5, 8 ],
    'state file' => [ 'KiB', 0.1, 4 ],
    'temporary files' => [ '', 0, 4 ],
    'waiting events' => [ '', 1, 500 ],
    'sync lag' => [ 'ms', 1, 500 ],
);


sub new {
    my ($class, $system) = @_;

    return bless { system => $system, series => {} }, $class;
}


sub sample {
    my ($self) = @_;

    my $s = $self->{system};
    my $dir = $s->dir;

    for my $name (@services) {
        my @pids = ($s->pid($name), children($s->pid($name)));

        $self->note("$name, memory", sum0(map { status($_, 'VmRSS') } @pids)
            / 1024);
        $self->note("$name, descriptors",
            sum0(map { scalar(() = glob "/proc/$_/fd/*") } @pids));
        $self->note("$name, threads", sum0(map { status($_, 'Threads') } @pids));
    }

    for my $name (qw(users orders)) {
        $self->note("$name, database", size("$dir/data/$name.db") / 1024);
        $self->note("$name, write-ahead log",
            size("$dir/data/$name.db-wal") / 1024);
    }

    $self->note('state file', size("$dir/state/users.state"));
    $self->note('temporary files', scalar(() = glob "$dir/temp/*/*"));
    $self->note("$_, waiting events", $self->_gauge($_, 'ficus_outbox_pending'))
        for qw(users-v1 users-v2);
}


# KiB

sub size {
    my ($path) = @_;

    return (-s $path // 0) / 1024;
}


sub note {
    my ($self, $name, $value) = @_;

    push @{$self->{series}{$name}}, $value;
}


sub status {
    my ($pid, $field) = @_;

    open my $file, '<', "/proc/$pid/status" or return 0;

    return join('', <$file>) =~ /^$field:\s+(\d+)/m ? $1 : 0;
}


sub _gauge {
    my ($self, $worker, $name) = @_;

    my $text = $self->{system}->worker($worker, '/metrics')->{body} // '';

    return $text =~ /^$name (\S+)$/m ? $1 : 0;
}


sub pids {
    my ($self) = @_;

    return join ' ', map {
        my $pid = $self->{system}->pid($_);
        "$_ " . join ',', $pid, sort { $a <=> $b } children($pid);
    } @services, 'nats-server';
}


sub judge {
    my ($self) = @_;

    my @rows;

    for my $name (sort keys %{$self->{series}}) {
        my ($unit, $share, $extra) = @{$limit{$name =~ s/.*, //r}};
        my ($first, $last, $most, $allowed, $grew) =
            grew($self->{series}{$name}, $share, $extra);

        push @rows, { name => $name, unit => $unit, first => $first,
            last => $last, most => $most, allowed => $allowed, grew => $grew };
    }

    return @rows;
}


sub grew {
    my ($values, $share, $extra) = @_;

    my @values = @$values[int(@$values / 5) .. $#$values];
    my $third = int(@values / 3);

    return (undef, undef, max(@values), undef, 0) if @$values < 9;

    my $first = median(@values[0 .. $third - 1]);
    my $last = median(@values[$#values - $third + 1 .. $#values]);
    my $allowed = $first * (1 + $share) + $extra;

    return ($first, $last, max(@values), $allowed, $last > $allowed ? 1 : 0);
}


1;
