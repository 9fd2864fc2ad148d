#!/usr/bin/perl

# Copyright (C) Ficus authors

# Users: each row of the contract, on both arms.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Test::More;

use Ficus::Contract qw(problem unique);

my $api = Ficus::Contract->start;


# Nothing there yet.

my $r = $api->ask('GET', '/api/users');
is($r->{status}, 200, 'list of nobody');
is_deeply($r->{json}, [], 'which is an empty array');
problem($api->ask('DELETE', '/api/users'), 404, 'not-found', '',
    'delete all of nobody');

for my $arm (qw(v1 v2)) {
    lives($arm);
}

across_arms();
deletes();
deletes_all();

$api->done;


# A user's life on one arm.

sub lives {
    my ($arm) = @_;

    my $id = unique('u');
    my %user = (userId => $id, email => "$id\@example.com",
        deliveryAddress => "1 \x{e9}\x{4e2d} Lane");
    my $path = "/api/users/$id";

    problem($api->ask('GET', $path, arm => $arm), 404, 'not-found', '',
        "$arm: read before it is there");

    my $r = $api->ask('POST', '/api/users', json => \%user, arm => $arm);
    is($r->{status}, 201, "$arm: create");
    is_deeply($r->{json}, \%user, "$arm: the user");
    is($r->{headers}{location}, $path, "$arm: Location");
    is($r->{headers}{'content-type'}, 'application/json', "$arm: type");
    is($r->{headers}{'x-service-version'}, $arm, "$arm: it was that arm");

    $r = $api->ask('GET', $path, arm => $arm);
    is($r->{status}, 200, "$arm: read");
    is_deeply($r->{json}, \%user, "$arm: the same user");

    taken($arm, \%user);

    for my $method (qw(PUT PATCH)) {
        changes($arm, $method, \%user);
    }

    problem($api->ask($_, '/api/users/nobody', arm => $arm,
            json => { email => 'x@example.com' }), 404, 'not-found', '',
        "$arm: $_ of nobody") for qw(PUT PATCH);
    is($api->ask('GET', '/api/users/nobody')->{status}, 404,
        "$arm: which has made nobody");
}


sub taken {
    my ($arm, $user) = @_;

    problem($api->ask('POST', '/api/users', arm => $arm,
            json => { %$user, email => 'other@example.com' }),
        409, 'conflict', 'userId', "$arm: userId is taken");
    problem($api->ask('POST', '/api/users', arm => $arm,
            json => { %$user, userId => unique('u') }),
        409, 'conflict', 'email', "$arm: email is taken");
    problem($api->ask('POST', '/api/users', arm => $arm,
            json => { userId => unique('u') }),
        400, 'invalid', 'deliveryAddress email', "$arm: fields are missing");
    problem($api->ask('POST', '/api/users', arm => $arm, json => {}),
        400, 'invalid', 'deliveryAddress email userId',
        "$arm: all fields are missing");
}


sub changes {
    my ($arm, $method, $user) = @_;

    my $path = "/api/users/$user->{userId}";
    my $name = "$arm: $method";

    my @changes = (
        { email => lc "$arm.$method\@example.com" },
        { deliveryAddress => "2 $method Street" },
        { email => lc "$arm.$method.2\@example.com",
          deliveryAddress => "3 $method Street" },
        { userId => $user->{userId}, deliveryAddress => "4 $method Street" },
        {},
    );

    for my $change (@changes) {
        my $what = join ' and ', sort keys %$change;

        %$user = (%$user, %$change);

        my $r = $api->ask($method, $path, json => $change, arm => $arm);
        is($r->{status}, 200, "$name of $what");
        is_deeply($r->{json}, $user, "$name of $what: what it is now");
        is($r->{headers}{'x-service-version'}, $arm, "$name of $what: its arm");
        is_deeply($api->ask('GET', $path, arm => $arm)->{json}, $user,
            "$name of $what: reads the same");
    }

    my $other = $api->user(arm => $arm);

    problem($api->ask($method, $path, arm => $arm,
            json => { email => $other->{email} }),
        409, 'conflict', 'email', "$name: email is taken");
    problem($api->ask($method, $path, arm => $arm,
            json => { email => 'none', deliveryAddress => '' }),
        400, 'invalid', 'deliveryAddress email', "$name: bad fields");
    problem($api->ask($method, $path, arm => $arm,
            json => { userId => 'another' }),
        400, 'invalid', 'userId', "$name: userId differs");
    problem($api->ask($method, $path, arm => $arm,
            json => { userId => 'another', email => 'none' }),
        400, 'invalid', 'email userId', "$name: userId differs and bad email");
    is_deeply($api->ask('GET', $path, arm => $arm)->{json}, $user,
        "$name: refused changes change nothing");
}


# What one arm writes the other reads, whole.

sub across_arms {
    for my $pair ([ 'v1', 'v2' ], [ 'v2', 'v1' ]) {
        my ($one, $other) = @$pair;
        my $user = $api->user(arm => $one);
        my $path = "/api/users/$user->{userId}";
        my $etag = delete $user->{etag};

        my $r = $api->ask('GET', $path, arm => $other);
        is_deeply($r->{json}, $user, "$other reads what $one has created");
        is($r->{headers}{etag}, $etag, 'in the same version');

        $api->ask('PUT', $path, arm => $other,
            json => { deliveryAddress => "by $other" });
        is($api->ask('GET', $path, arm => $one)->{json}{deliveryAddress},
            "by $other", "$one reads what $other has changed");

        problem($api->ask('POST', '/api/users', arm => $other, json => $user),
            409, 'conflict', 'userId', "taken in $one is taken in $other");
    }

    my %full = (name => "Ann \x{1F333}", phone => '+4930123456',
        tags => [ 'a', "\x{df}" ]);
    my $user = $api->user(arm => 'v2', %full);

    my $read = $api->ask('GET', "/api/users/$user->{userId}",
        arm => 'v1')->{json};
    is_deeply({ map { $_ => $read->{$_} } keys %full }, \%full,
        'v1 gives the fields of v2 too');
    $api->ask('PUT', "/api/users/$user->{userId}", arm => 'v1',
        json => { deliveryAddress => 'elsewhere' });
    $read = $api->ask('GET', "/api/users/$user->{userId}",
        arm => 'v2')->{json};
    is_deeply({ map { $_ => $read->{$_} } keys %full }, \%full,
        'and keeps them');
}


sub deletes {
    my $user = $api->user;
    my $path = "/api/users/$user->{userId}";
    my $etag = delete $user->{etag};

    my $r = $api->ask('DELETE', $path, arm => 'v1');
    is($r->{status}, 200, 'delete');
    is($r->{headers}{'x-service-version'}, 'v2', 'by v2, whatever is wished');
    is_deeply($r->{json}, $user, 'the deleted user');

    for my $arm (qw(v1 v2)) {
        problem($api->ask('GET', $path, arm => $arm), 404, 'not-found', '',
            "$arm: gone");
        problem($api->ask($_, $path, arm => $arm, json => {}), 404,
            'not-found', '', "$arm: no $_ of a deleted user") for qw(PUT PATCH);
    }

    problem($api->ask('DELETE', $path), 404, 'not-found', '', 'delete twice');
    ok(!(grep { $_->{userId} eq $user->{userId} }
        @{$api->ask('GET', '/api/users?limit=1000')->{json}}), 'not listed');

    is($api->ask('POST', '/api/users', json => $user, arm => 'v1')->{status},
        201, 'created again');
    is($api->ask('POST', '/api/users', json => { %$user,
        userId => unique('u') })->{status}, 409, 'its email is taken again');
    $api->ask('DELETE', $path);
    is($api->ask('POST', '/api/users', json => { %$user,
        userId => unique('u') })->{status}, 201,
        'the email of a deleted user is free');
}


sub deletes_all {
    my $n = @{$api->ask('GET', '/api/users?limit=1000')->{json}};

    my $r = $api->ask('DELETE', '/api/users', arm => 'v1');
    is($r->{status}, 200, 'delete all');
    is_deeply($r->{json}, { deleted => $n }, 'tells how many');
    is($r->{headers}{'x-service-version'}, 'v2', 'by v2');
    is_deeply($api->ask('GET', '/api/users')->{json}, [], 'nobody is left');
    problem($api->ask('DELETE', '/api/users'), 404, 'not-found', '',
        'nobody to delete');

    my @many = map { { userId => "m$_", email => "m$_\@example.com",
        deliveryAddress => 'x' } } 1 .. 1000;

    $api->ask('POST', '/api/users/batch', json => \@many);
    $api->user(userId => 'm1001');
    is_deeply($api->ask('DELETE', '/api/users')->{json}, { deleted => 1001 },
        'more than a page of them');
}
