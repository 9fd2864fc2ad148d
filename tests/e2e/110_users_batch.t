#!/usr/bin/perl

# Copyright (C) Ficus authors

# POST /api/users/batch: a result for each user.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Test::More;

use Ficus::Contract qw(problem unique);

my $api = Ficus::Contract->start;


sub batch { return $api->ask('POST', '/api/users/batch', @_) }

sub statuses {
    my ($r) = @_;

    return join ' ', map { $_->{status} } @{$r->{json}{results} // []};
}

sub one {
    my ($id, %fields) = @_;

    return { userId => $id, email => "$id\@example.com",
        deliveryAddress => 'x', %fields };
}


$api->user(userId => 'there');

my $r = batch(arm => 'v1', json => [
    one('b1', name => 'Ann', tags => [ 'x' ]),
    one('there', email => 'there2@example.com'),
    one('b2', email => 'there@EXAMPLE.com'),
    one('b3', email => 'none', phone => '12'),
    one('b4'),
    one('b4', email => 'b4b@example.com'),
    one('b5', email => 'B4@example.com'),
    one('b6', email => 'b4@Example.com'),
    one('batch'),
    {},
    17,
    undef,
]);

is($r->{status}, 200, 'batch');
is($r->{headers}{'x-service-version'}, 'v2', 'by v2, whatever is wished');
is(statuses($r), '201 409 409 400 201 409 201 409 400 400 400 400',
    'a status for each');

my @results = @{$r->{json}{results}};

is_deeply($results[0], { status => 201,
    user => one('b1', name => 'Ann', tags => [ 'x' ]) }, 'the user');
is_deeply([ sort keys %{$results[1]} ], [ 'error', 'status' ], 'or the error');

sub fields {
    my ($i) = @_;

    return join ' ', sort map { $_->{field} =~ s/^\d+\.//r }
        @{$results[$i]{error}{errors}};
}

is(fields(1), 'userId', 'taken userId');
is(fields(2), 'email', 'taken email, domain in capitals');
is(fields(3), 'email phone', 'all bad fields');
is(fields(5), 'userId', 'userId taken by one of the same batch');
is(fields(7), 'email', 'email taken by one of the same batch');
is(fields(8), 'userId', 'reserved userId');
is(fields(9), 'deliveryAddress email userId', 'missing fields');

for my $i (1, 3) {
    my $error = $results[$i]{error};
    is($error->{status}, $results[$i]{status}, "error $i: its status");
    is($error->{message}, $error->{detail}, "error $i: message");
    like($error->{type}, $i == 1 ? qr/:problem\/conflict$/
        : qr/:problem\/invalid$/, "error $i: type");
}

is($api->ask('GET', "/api/users/$_->[0]")->{status}, $_->[1],
    "$_->[0] is " . ($_->[1] == 200 ? 'there' : 'not there'))
    for [ b1 => 200 ], [ b2 => 404 ], [ b3 => 404 ], [ b4 => 200 ],
        [ b5 => 200 ], [ b6 => 404 ];


# its bounds

is_deeply(batch(json => [])->{json}, { results => [] }, 'of nobody');

my @most = map { one("t$_") } 1 .. 1000;

$r = batch(json => \@most);
is($r->{status}, 200, '1,000 users');
is(scalar(grep { $_->{status} == 201 } @{$r->{json}{results}}), 1000,
    'all of them');
is(join(' ', map { $_->{user}{userId} } @{$r->{json}{results}}),
    join(' ', map { $_->{userId} } @most), 'in their order');
problem(batch(json => [ map { one("s$_") } 1 .. 1001 ]), 400, 'invalid', '',
    '1,001 users');
is($api->ask('GET', '/api/users/s1')->{status}, 404, 'of whom none is there');


# what is no batch

problem(batch(json => one('x')), 400, 'invalid', '', 'an object');
problem(batch(text => '"x"'), 400, 'invalid', '', 'a string');
problem(batch(text => '[1,]'), 400, 'invalid-json', '', 'no JSON');
problem(batch(text => '[{"userId": "d1", "userId": "d2"}]'), 400,
    'invalid-json', '', 'a name twice');
problem(batch(body => '[]'), 415, 'unsupported-media-type', '', 'no type');

$api->done;
