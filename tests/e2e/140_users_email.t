#!/usr/bin/perl

# Copyright (C) Ficus authors

# E-mails are unique, their domains without regard to case.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Test::More;

use Ficus::Contract qw(problem unique soon);

my $api = Ficus::Contract->start;

for my $arms ([ 'v1', 'v1' ], [ 'v1', 'v2' ], [ 'v2', 'v1' ], [ 'v2', 'v2' ]) {
    pair(@$arms);
}

lookups();
races();

$api->done;


sub pair {
    my ($one, $two) = @_;

    my $local = unique('L');
    my $user = $api->user(arm => $one, email => "$local\@Example.COM");
    my $other = $api->user(arm => $two);
    my $name = "$one, $two";

    is($user->{email}, "$local\@Example.COM", "$name: kept as it was written");

    for my $email ("$local\@Example.COM", "$local\@example.com",
                   "$local\@EXAMPLE.com")
    {
        problem($api->ask('POST', '/api/users', arm => $two,
                json => { userId => unique('x'), email => $email,
                    deliveryAddress => 'x' }),
            409, 'conflict', 'email', "$name: $email is taken");
        problem($api->ask('PUT', "/api/users/$other->{userId}", arm => $two,
                json => { email => $email }),
            409, 'conflict', 'email', "$name: $email is taken in a change");
    }

    my $r = $api->ask('PUT', "/api/users/$other->{userId}", arm => $two,
        json => { email => lc "$local\@example.com" });
    is($r->{status}, 200, "$name: the local part has case");

    $r = $api->ask('PUT', "/api/users/$user->{userId}", arm => $two,
        json => { email => "$local\@example.com" });
    is($r->{status}, 200, "$name: own e-mail in other letters");
    is($r->{json}{email}, "$local\@example.com", "$name: is a change");
    isnt($r->{headers}{etag}, $user->{etag}, "$name: and a new version");

    $r = $api->ask('PUT', "/api/users/$user->{userId}", arm => $two,
        json => { email => "$local\@elsewhere.example" });
    is($r->{status}, 200, "$name: moves away");
    is($api->ask('PUT', "/api/users/$other->{userId}", arm => $one,
        json => { email => "$local\@example.com" })->{status}, 200,
        "$name: the address is free for another");
}


# Filters and binding compare the same way.

sub lookups {
    my $user = $api->user(email => 'Filter@Example.Com');
    my $order = $api->order(email => 'Filter@EXAMPLE.com');

    is($order->{userId}, $user->{userId}, 'bound by the e-mail');
    soon(sub { $api->ask('GET', "/api/orders/$order->{orderId}")->{json}{email}
        eq 'Filter@Example.Com' }, 'the e-mail is the user\'s');

    for my $email ('Filter@example.com', 'Filter@EXAMPLE.COM') {
        is(scalar @{$api->ask('GET', "/api/orders?email=$email")->{json}}, 1,
            "found by $email");
    }

    is_deeply($api->ask('GET', '/api/orders?email=filter@example.com')->{json},
        [], 'but not by another local part');
    is($api->order(email => 'filter@example.com')->{userId}, undef,
        'nor bound by it');
}


# Of many who want an e-mail at once, one gets it.

sub races {
    for my $round (1 .. 5) {
        my @answers = Ficus::HTTP::parallel(4, sub {
            my ($i) = @_;

            return $api->system->request('POST', '/api/users',
                headers => [ 'X-Ficus-Arm' => $i % 2 ? 'v1' : 'v2' ],
                json => { userId => "race$round-$i",
                    email => "race$round\@" . ($i > 1 ? 'A' : 'a') . '.example',
                    deliveryAddress => 'x' });
        });

        $api->judge($_, 'POST', '/api/users') for @answers;
        is(join(' ', sort map { $_->{status} } @answers), '201 409 409 409',
            "four want the same e-mail, round $round");

        @answers = Ficus::HTTP::parallel(4, sub {
            my ($i) = @_;

            return $api->system->request('POST', '/api/users',
                headers => [ 'X-Ficus-Arm' => $i % 2 ? 'v1' : 'v2' ],
                json => { userId => "id$round",
                    email => "id$round-$i\@a.example",
                    deliveryAddress => 'x' });
        });

        is(join(' ', sort map { $_->{status} } @answers), '201 409 409 409',
            "four want the same userId, round $round");
    }
}
