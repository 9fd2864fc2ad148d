package Ficus::Split;

# Copyright (C) Ficus authors
#
# The admin API of one split, for tests.
#
#     my $split = Ficus::Split->new($port, 'users');
#
#     $split->state                       GET, decoded
#     $split->generation
#     $split->weights({ v1 => 40, v2 => 60 }, @headers)   PUT
#     $split->p(40, @headers)             PUT
#     $split->rollback($generation, @headers)             POST
#     $split->explain($key)               GET, decoded; the key is escaped
#     $split->history                     GET, decoded
#     $split->configured                  "v1=40 v2=60" of the state
#     $split->ask($method, $path, %options)   /api/v1/splits/NAME$path
#
# What changes returns the answer as Ficus::HTTP gives it.
#
#     bucket($salt, $key)                 the bucket that the manual promises

use strict;
use warnings;

use Exporter qw(import);

use Ficus::HTTP;

our @EXPORT_OK = qw(bucket);


sub new {
    my ($class, $port, $name) = @_;

    return bless { port => $port, name => $name }, $class;
}


sub ask {
    my ($self, $method, $path, %opt) = @_;

    return Ficus::HTTP::request($self->{port}, $method,
        "/api/v1/splits/$self->{name}$path", %opt);
}


sub state { return shift->ask('GET', '')->{json} }

sub generation { return shift->state->{generation} }

sub history { return shift->ask('GET', '/history')->{json} }


sub weights {
    my ($self, $weights, @headers) = @_;

    return $self->ask('PUT', '/weights', json => $weights,
        headers => \@headers);
}


sub p {
    my ($self, $p, @headers) = @_;

    return $self->ask('PUT', '/p', json => { p => $p }, headers => \@headers);
}


sub rollback {
    my ($self, $generation, @headers) = @_;

    return $self->ask('POST', '/rollback',
        json => { generation => $generation }, headers => \@headers);
}


sub explain {
    my ($self, $key) = @_;

    $key =~ s/([^A-Za-z0-9])/sprintf '%%%02X', ord $1/ge;

    return $self->ask('GET', "/explain?key=$key")->{json};
}


sub configured {
    my ($self) = @_;

    return join ' ', map { "$_->{name}=" . ($_->{configured} + 0) }
        @{$self->state->{arms}};
}


# MurmurHash2 of 32 bits, seed 0, little-endian, as Austin Appleby wrote it.

sub bucket {
    my ($salt, $key) = @_;

    my $data = $salt . $key;
    my $m = 0x5bd1e995;
    my $h = length $data;

    while (length $data >= 4) {
        my $k = unpack('V', substr $data, 0, 4, '') * $m & 0xffffffff;
        $k ^= $k >> 24;
        $h = ($h * $m & 0xffffffff) ^ ($k * $m & 0xffffffff);
    }

    if (length $data) {
        $h ^= unpack 'V', $data . "\0" x (4 - length $data);
        $h = $h * $m & 0xffffffff;
    }

    $h ^= $h >> 13;
    $h = $h * $m & 0xffffffff;
    $h ^= $h >> 15;

    return $h % 10000;
}


1;
