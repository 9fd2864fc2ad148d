#!/usr/bin/perl

# Copyright (C) Ficus authors

# What v1 and v2 accept in a user, on both sides of each limit.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Test::More;

use Ficus::Contract qw(problem unique);

my $api = Ficus::Contract->start;
my $n = 0;


# $field is fine, or not, for creating and for changing on these arms; an
# undefined value means that the field is not given.

sub tries {
    my ($arms, $ok, $name, %fields) = @_;

    my ($field) = keys %fields;

    for my $arm (split ' ', $arms) {
        my $id = unique('x');
        my %user = (userId => $id, email => "$id\@example.com",
            deliveryAddress => 'x', %fields);

        my $r = $api->ask('POST', '/api/users', json => \%user, arm => $arm);
        answers($r, $ok ? 201 : 400, $field, "$arm: $name");

        if ($ok) {
            is_deeply($r->{json}, \%user, "$arm: $name: as it was given");
            is_deeply($api->ask('GET', "/api/users/" . escape($user{userId}),
                arm => $arm)->{json}, \%user, "$arm: $name: read again");
            $api->ask('DELETE', "/api/users/" . escape($user{userId}));
        }

        next if $field eq 'userId';

        my $old = $api->user(arm => $arm);

        for my $method (qw(PUT PATCH)) {
            answers($api->ask($method, "/api/users/$old->{userId}",
                json => \%fields, arm => $arm), $ok ? 200 : 400, $field,
                "$arm: $name by $method");
        }

        $api->ask('DELETE', "/api/users/$old->{userId}");
    }
}

sub answers {
    my ($r, $status, $field, $name) = @_;

    local $Test::Builder::Level = $Test::Builder::Level + 2;

    if ($status == 400) {
        problem($r, 400, 'invalid', $field, $name);
    } else {
        is($r->{status}, $status, $name) or diag($r->{body});
    }
}

sub escape { return shift =~ s/([^A-Za-z0-9._~-])/sprintf '%%%02X', ord $1/ger }

sub fine { tries($_[0], 1, @_[1 .. $#_]) }

sub bad { tries($_[0], 0, @_[1 .. $#_]) }

my $both = 'v1 v2';


# userId

fine($both, 'userId of all characters', userId => 'aZ09._~-');
fine($both, 'userId of 1 character', userId => 'a');
fine($both, 'userId of 64 characters', userId => 'a' x 64);
fine($both, 'userId like ..', userId => '...');
fine($both, 'userId like batch', userId => 'batch1');
bad($both, 'userId of 65 characters', userId => 'a' x 65);
bad($both, 'empty userId', userId => '');
bad($both, "userId \"$_\"", userId => $_)
    for 'batch', '.', '..', 'a b', 'a/b', 'a%b', "a\n", 'a@b', 'a:b',
        "\x{e9}", "a\x{0}";
bad($both, 'userId is a number', userId => 17);
bad($both, 'userId is null', userId => undef);
bad($both, 'userId is an array', userId => [ 'a' ]);


# email

my $longest = 'a' x 64 . '@' . join '.', ('b' x 63) x 2, 'c' x 57, 'io';

is(length $longest, 253, 'a long email');
fine($both, 'email of 253 bytes', email => $longest);
fine($both, 'email of 254 bytes', email => $longest . 'x');
bad($both, 'email of 255 bytes', email => $longest . 'xy');
bad($both, 'empty email', email => '');
bad($both, 'email without @', email => 'example.com');
bad($both, 'email with two @', email => 'a@b@example.com');
bad($both, 'email is true', email => JSON::PP::true());
bad($both, 'email is null', email => undef);
bad($both, 'email is an object', email => { a => 1 });
bad($both, 'email of 255 bytes in fewer characters',
    email => "\x{e9}" x 122 . '@example.io');
fine($both, 'email with a plus', email => 'a+b@example.com');
fine($both, 'email with all that an atom can have',
    email => q(a!#$%&'*+-/=?^_`{|}~b@example.com));
fine($both, 'email with a quoted local part', email => '"a b"@example.com');
fine('v1', "odd email \"$_\"", email => $_)
    for 'a b@example.com', 'a@b_c.com', '.a@example.com', 'a..b@example.com',
        'a@-b.com', 'a@b..com';
bad('v2', "odd email \"$_\"", email => $_)
    for 'a b@example.com', 'a@b_c.com', '.a@example.com', 'a.@example.com',
        'a..b@example.com', 'a@-b.com', 'a@b-.com', 'a@b..com', 'a@.b.com',
        'a@b.com.', '@example.com', 'a@', 'a,b@example.com', 'a@b c.com',
        '"a@example.com', "a\"b\@example.com", "a\x{1}b\@example.com",
        "a\x{0}b\@example.com", "a\@b\x{0}.com";
fine('v2', 'local part of 64 bytes', email => 'a' x 64 . '@example.com');
bad('v2', 'local part of 65 bytes', email => 'a' x 65 . '@example.com');
fine('v2', 'domain label of 63 bytes', email => 'a@' . 'b' x 63 . '.com');
bad('v2', 'domain label of 64 bytes', email => 'a@' . 'b' x 64 . '.com');
fine('v2', 'address literal', email => 'a@[192.0.2.1]');


# deliveryAddress: characters, not bytes

fine($both, 'address of 1 character', deliveryAddress => 'x');
fine($both, 'address of 512 characters', deliveryAddress => 'x' x 512);
fine($both, 'address of 512 characters, 2048 bytes',
    deliveryAddress => "\x{1F333}" x 512);
bad($both, 'address of 513 characters', deliveryAddress => 'x' x 513);
bad($both, 'address of 513 characters, 1026 bytes',
    deliveryAddress => "\x{e9}" x 513);
bad($both, 'empty address', deliveryAddress => '');
bad($both, 'address is a number', deliveryAddress => 1);
bad($both, 'address is null', deliveryAddress => undef);
fine('v1', 'address of two lines', deliveryAddress => "1 Fig Lane\nBerlin");
bad('v2', "address with a control character", deliveryAddress => $_)
    for "a\nb", "a\tb", "a\x{7f}b", "a\x{0}b", "a\x{85}b";


# v2 alone: name, phone, tags

fine('v2', 'name of 1 character', name => "\x{1F333}");
fine('v2', 'name of 100 characters', name => "\x{e9}" x 100);
bad('v2', 'name of 101 characters', name => 'x' x 101);
bad('v2', 'empty name', name => '');
bad('v2', 'name is a number', name => 1);
bad('v2', 'name with a control character', name => "a\x{1f}");

fine('v2', "phone $_", phone => $_)
    for '+4930123456', '+12', '+123456789012345';
bad('v2', "phone \"$_\"", phone => $_)
    for '4930123456', '+', '+0123456', '+1234567890123456', '+49 30 1', '',
        '+49a', "+491\n";
bad('v2', 'phone is a number', phone => 4930123456);

fine('v2', '20 tags', tags => [ map { "t$_" } 1 .. 20 ]);
fine('v2', 'no tags', tags => []);
bad('v2', '21 tags', tags => [ map { "t$_" } 1 .. 21 ]);
bad('v2', 'tags are a string', tags => 'a');

sub tags {
    my ($tags, $name) = @_;

    my $r = $api->ask('POST', '/api/users', arm => 'v2', json => {
        userId => unique('t'), email => unique('t') . '@example.net',
        deliveryAddress => 'x', tags => $tags });

    is($r->{status}, 400, $name);
    like($r->{json}{errors}[0]{field}, qr/^tags\b/, "$name: names it");
}

tags([ 'a', 1 ], 'a tag is a number');
tags([ "a\x{1}" ], 'a tag has a control character');


# v1 knows nothing of those

fine('v1', 'anything in a field that v1 does not know', name => { a => [ 1 ] });
fine('v1', 'control characters in such a field', phone => "a\n");

$api->done;
