#!/usr/bin/perl

# Copyright (C) Ficus authors

# A corrupt database: refused with the name of the file, which is not touched.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Test::More;

use Ficus::Contract;
use Ficus::System;

my $api = Ficus::Contract->start;
my $s = $api->system;
my $dir = $s->dir;

for my $i (1 .. 50) {
    my $user = $api->user;
    $api->order(userId => $user->{userId});
}

$s->stop;

my %files = map { m,([^/]+)$, => $_ } glob "$dir/data/*.db $dir/data/*.sqlite";

is(scalar keys %files, 2, 'a database for users and one for orders')
    or diag(`ls -lR $dir/data`);

for my $name (sort keys %files) {
    my $path = $files{$name};
    my $good = content($path);

    for my $case (
        [ 'no database' => 'This is no database. ' x 1000 ],
        [ 'a damaged header' => "\0" x 100 . substr $good, 100 ],
        [ 'damaged pages' => substr($good, 0, 100)
            . "\xaa" x (length($good) - 100) ],
        [ 'cut off' => substr $good, 0, 4096 + 100 ],
        [ 'a directory' => undef ],
    ) {
        my ($what, $bytes) = @$case;

        refused($name, $path, $what, $bytes);
        restore($path, $good);
    }
}

$s->start;
is(scalar @{$api->ask('GET', '/api/users')->{json}}, 50,
    'with the good files it starts again');
is(scalar @{$api->ask('GET', '/api/orders')->{json}}, 50, 'and has all');

$api->done;


sub content {
    my ($path) = @_;

    open my $fh, '<:raw', $path or return undef;
    local $/;

    return <$fh>;
}


sub restore {
    my ($path, $bytes) = @_;

    rmdir $path if -d $path;
    unlink "$path-wal", "$path-shm";

    open my $fh, '>:raw', $path or die "$path: $!";
    print $fh $bytes;
    close $fh;
}


# Each worker that uses the file, by itself and in the whole.

sub refused {
    my ($name, $path, $what, $bytes) = @_;

    if (defined $bytes) {
        restore($path, $bytes);
    } else {
        unlink $path;
        mkdir $path or die $!;
    }

    my @before = listing($path);

    for my $program ($name =~ /order/ ? 'orders' : ('users-v1', 'users-v2')) {
        my $out = `FICUS_NATS_URL=nats://127.0.0.1:1 timeout 20 @{[
            Ficus::System->program($program)]} --store=sqlite:$path \\
            --listen=$dir/test.sock 2>&1`;

        is($? >> 8, 1, "$name, $what: $program refuses to start");
        like($out, qr/\Q$path\E/, "$name, $what: $program names it");
        unlink "$dir/test.sock";
    }

    my $out = `FICUS_RUN_DIR=$dir FICUS_HTTP_PORT=@{[$s->port]} \\
        FICUS_ADMIN_PORT=@{[$s->admin_port]} \\
        FICUS_NATS_PORT=@{[$s->nats_port]} timeout 30 \\
        @{[Ficus::System->program('ficus-run')]} 2>&1`;

    is($? >> 8, 1, "$name, $what: the system refuses to start");
    like($out, qr/\Q$name\E/, "$name, $what: and names it") or diag($out);
    unlike($out, qr/^ficus: ready/m, "$name, $what: it was never ready");
    is_deeply([ listing($path) ], \@before,
        "$name, $what: nothing was touched");
}


# The other service, whose file is good, may write to its own.

sub listing {
    my ($path) = @_;

    return map {
        my $bytes = content($_) // '';
        -d $_ ? "$_ is a directory" : "$_ " . unpack('%32C*', $bytes) . ' '
            . length $bytes;
    } sort glob "$path*";
}
