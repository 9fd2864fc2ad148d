#!/usr/bin/perl

# Copyright (C) Ficus authors

# Fields that a service does not know: v1 keeps them, v2 what is stored.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Test::More;

use Ficus::Contract qw(problem unique);

my $api = Ficus::Contract->start;

my %odd = (
    nickname => 'Annie',
    age => 41,
    size => 1.5,
    vip => JSON::PP::true(),
    gone => JSON::PP::false(),
    pets => [ { name => 'Rex', legs => 4 }, [], 'x' ],
    "\x{e9}t\x{e9}" => "\x{1F333}",
    'with blank' => '',
);


# v1 keeps all of them.

my $user = $api->user(arm => 'v1', %odd);
my $path = "/api/users/$user->{userId}";
my $etag = delete $user->{etag};

for my $arm (qw(v1 v2)) {
    is_deeply($api->ask('GET', $path, arm => $arm)->{json}, $user,
        "$arm gives all fields");
}

is_deeply($api->ask('PUT', $path, arm => 'v1',
        json => { deliveryAddress => 'x' })->{json},
    { %$user, deliveryAddress => 'x' }, 'v1 keeps them in a change');
is_deeply($api->ask('PUT', $path, arm => 'v1', json => { colour => 'red' }
    )->{json}{colour}, 'red', 'v1 adds one in a change');

my $list = $api->ask('GET', '/api/users')->{json};
is($list->[0]{nickname}, 'Annie', 'a list has them');


# v2 may change and remove what is there, but not add.

is($api->ask('PUT', $path, arm => 'v2', json => { nickname => 'Nan' })->{json}
    {nickname}, 'Nan', 'v2 changes a stored one');
is_deeply($api->ask('PUT', $path, arm => 'v2', json => { name => 'Ann' }
    )->{json}{pets}, $odd{pets}, 'v2 keeps them in a change');

my $r = $api->ask('PATCH', $path, arm => 'v2', merge => { vip => undef });
ok(!exists $r->{json}{vip}, 'v2 removes a stored one');
problem($api->ask('PATCH', $path, arm => 'v2', merge => { vip => 1 }), 400,
    'invalid', 'vip', 'and does not take it back');
problem($api->ask('PUT', $path, arm => 'v2', json => { iq => 1, hp => 2 }),
    400, 'invalid', 'hp iq', 'v2 refuses new ones, all named');
problem($api->ask('POST', '/api/users', arm => 'v2',
        json => { userId => unique('u'), email => 'n@example.com',
            deliveryAddress => 'x', nickname => 'N' }),
    400, 'invalid', 'nickname', 'v2 refuses them in a new user');

$r = $api->ask('PUT', $path, arm => 'v1', json => { nickname => undef });
ok(!exists $r->{json}{nickname}, 'v1 removes one');
is_deeply([ sort keys %{$api->ask('GET', $path, arm => 'v2')->{json}} ],
    [ sort keys %{$r->{json}} ], 'it is gone');


# A stored value that v2 would not take does not get in the way of others.

my $old = $api->user(arm => 'v1', email => 'two..dots@example.com',
    deliveryAddress => "two\nlines", phone => 'none', name => [ 1 ]);

$r = $api->ask('PUT', "/api/users/$old->{userId}", arm => 'v2',
    json => { tags => [ 'x' ] });
is($r->{status}, 200, 'v2 changes a user that it would not have taken');
is($r->{json}{phone}, 'none', 'and leaves the rest');
problem($api->ask('PUT', "/api/users/$old->{userId}", arm => 'v2',
        json => { phone => 'nobody' }), 400, 'invalid', 'phone',
    'but checks what is sent');


# Names that no field can have, on both arms.

for my $arm (qw(v1 v2)) {
    for my $name ('', 'version', 'ver', 'deleted', '$set', '$', '_id', '__v',
                  '_', 'a.b', '.', '.a', 'a.')
    {
        problem($api->ask('POST', '/api/users', arm => $arm,
                json => { userId => unique('u'), email => 'r@example.com',
                    deliveryAddress => 'x', $name => 1 }),
            400, 'invalid', $name, "$arm: no field \"$name\"");
        problem($api->ask($_, $path, arm => $arm, json => { $name => 1 }),
            400, 'invalid', $name, "$arm: no field \"$name\" by $_")
            for qw(PUT PATCH);
    }
}

for my $name ('Version', 'a$', 'a_b', 'versions', 'userid') {
    my $made = $api->user(arm => 'v1', $name => 1);
    is($made->{$name}, 1, "v1: a field \"$name\"");
}


# A merge patch goes into objects; PUT replaces them.

$api->ask('PUT', $path, arm => 'v1', json => { deep => { a => 1, b => { c => 2,
    d => 3 } } });
is_deeply($api->ask('PATCH', $path, arm => 'v1', merge => { deep => {
        b => { c => undef, e => 4 } } })->{json}{deep},
    { a => 1, b => { d => 3, e => 4 } }, 'PATCH goes into objects');
is_deeply($api->ask('PATCH', $path, arm => 'v1', merge => { deep => {
        new => { x => undef, y => 1 } } })->{json}{deep}{new}, { y => 1 },
    'and takes nulls for absent there, too');
is_deeply($api->ask('PUT', $path, arm => 'v1', json => { deep => { z => 1 } }
    )->{json}{deep}, { z => 1 }, 'PUT replaces them');
is_deeply($api->ask('PATCH', $path, arm => 'v1', merge => { deep => [ 1 ] }
    )->{json}{deep}, [ 1 ], 'PATCH replaces an object by an array');
is_deeply($api->ask('PATCH', $path, arm => 'v1', merge => { deep => [ 2, 3 ] }
    )->{json}{deep}, [ 2, 3 ], 'and an array by another');


# Numbers are not changed on their way.

for my $number ('0', '-1', '9007199254740993', '9223372036854775807',
                '18446744073709551615', '-9223372036854775808', '0.10', '1E+3',
                '1.0', '1e-400', '0.1000000000000000055511151231257827')
{
    my $id = unique('n');

    $api->ask('POST', '/api/users', arm => 'v1', text => qq({"userId":"$id",)
        . qq("email":"$id\@example.com","deliveryAddress":"x","n":$number}));
    my ($is) = $api->ask('GET', "/api/users/$id")->{body} =~ /"n":([^,}]+)/;
    is($is, $number, "number $number");
}

# What no number or string of C can hold is refused, not changed.

for my $member ('"n":18446744073709551616', '"n":-9223372036854775809',
                '"n":1e400', '"n":-1e400', '"n":' . 9 x 400, '"a\\u0000b":1')
{
    problem($api->ask('POST', '/api/users', arm => 'v1', text => '{"userId":'
            . '"x","email":"x@example.com","deliveryAddress":"x",'
            . "$member}"), 400, 'invalid-json', '', substr $member, 0, 30);
}

is($api->ask('PUT', $path, arm => 'v1', json => { nul => "a\x{0}b" }
    )->{json}{nul}, "a\x{0}b", 'a NUL inside a string');

$api->done;
