#!/usr/bin/perl

# Copyright (C) Ficus authors

# X-Service-Version: on every answer of a user route and no other.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Test::More;

use Ficus::Contract qw(problem unique);

my $api = Ficus::Contract->start;

my $header = 'x-service-version';


sub version { return shift->{headers}{$header} }


# The arm that was asked for, whatever the answer.

for my $arm (qw(v1 v2)) {
    my $user = $api->user(arm => $arm);
    my $path = "/api/users/$user->{userId}";
    my %user = %$user;

    delete $user{etag};

    my @asks = (
        [ 201, 'POST', '/api/users', json => { %user, userId => unique('s'),
            email => unique('s') . '@example.com' } ],
        [ 409, 'POST', '/api/users', json => \%user ],
        [ 400, 'POST', '/api/users', text => '{' ],
        [ 415, 'POST', '/api/users', body => '{}' ],
        [ 200, 'GET', $path ],
        [ 200, 'HEAD', $path ],
        [ 304, 'GET', $path, none_match => '*' ],
        [ 404, 'GET', '/api/users/nobody' ],
        [ 200, 'PUT', $path, json => { deliveryAddress => 'x' } ],
        [ 412, 'PUT', $path, json => { deliveryAddress => 'y' },
            match => '"999"' ],
        [ 200, 'PATCH', $path, merge => { deliveryAddress => 'z' } ],
        [ 404, 'PATCH', '/api/users/nobody', merge => {} ],
    );

    for my $ask (@asks) {
        my ($status, @request) = @$ask;
        my $r = $api->ask(@request, arm => $arm);

        is($r->{status}, $status, "$request[0] $request[1]");
        is(version($r), $arm, "$status of $arm: $request[0] $request[1]");
    }
}


# What v2 alone has, for any wish, key and P.

for my $p (100, 0) {
    $api->system->p($p);

    for my $wish ([], [ 'X-Ficus-Arm' => 'v1' ], [ Cookie => 'ficus_arm=v1' ],
                  [ Cookie => 'uid=a' ], [ 'X-User-Id' => 'b' ])
    {
        my $user = $api->user;
        my $name = join ' ', "P = $p", @$wish;

        for my $ask ([ 'GET', '/api/users' ], [ 'GET', '/api/users?limit=0' ],
                     [ 'HEAD', '/api/users' ],
                     [ 'DELETE', "/api/users/$user->{userId}" ],
                     [ 'DELETE', '/api/users/nobody' ],
                     [ 'POST', '/api/users/batch', json => [] ],
                     [ 'POST', '/api/users/batch', text => '[' ],
                     [ 'GET', '/api/users/batch' ],
                     [ 'DELETE', '/api/users' ])
        {
            my $r = $api->ask(@$ask, headers => $wish);
            is(version($r), 'v2', "$name: @$ask[0, 1] is v2's");
        }
    }
}


# None elsewhere, and none that a client sends or asks for.

$api->order(orderId => 'o1', email => 'o@example.com');

for my $path ('/', '/healthz', '/readyz', '/api/orders', '/api/orders/o1',
              '/api/orders/none', '/x', '/api/usersx', '/api')
{
    my $r = $api->ask('GET', $path, arm => 'v1',
        headers => [ 'X-Service-Version' => 'v9' ]);
    is(version($r), undef, "none on $path");
}

is(version($api->ask('POST', '/api/users', text => ' ' x 8388609)), undef,
    'none on 413');

my $r = $api->ask('GET', '/api/users/' . 'x' x 20000);
ok($r->{status} == 414 || $r->{status} == 400, 'a URI that is too long');
is(version($r), undef, 'none on 414');
is(version($api->ask('GET', '/api/users/x', headers => [ 'X-Big' => 'x' x 70000
    ])), undef, 'none on a header that is too long');
is(version($api->admin('GET', '/api/v1/splits/users')), undef,
    'none on the admin port');

my $user = $api->user(arm => 'v1');
$r = $api->ask('GET', "/api/users/$user->{userId}", arm => 'v1',
    headers => [ 'X-Service-Version' => 'v9' ]);
is(version($r), 'v1', 'a client cannot set it');
unlike($r->{body} . $r->{head}, qr/v9/, 'nor see its own');


# Overrides: the header before the cookie, no other values.

$api->system->p(100);

my %wishes = (
    'X-Ficus-Arm: v2' => 'v2',
    'X-Ficus-Arm: v1' => 'v1',
    'X-Ficus-Arm: v3' => 'v1',
    'X-Ficus-Arm: V2' => 'v1',
    'X-Ficus-Arm: ' => 'v1',
    'Cookie: ficus_arm=v2' => 'v2',
    'Cookie: a=b; ficus_arm=v2; c=d' => 'v2',
    'Cookie: ficus_arm=v3' => 'v1',
    'Cookie: other=v2' => 'v1',
);

for my $wish (sort keys %wishes) {
    my @header = $wish =~ /^([^:]+): (.*)$/;
    is(version($api->ask('GET', '/api/users/x', headers => \@header)),
        $wishes{$wish}, "P = 100, $wish");
}

is(version($api->ask('GET', '/api/users/x', headers => [
    'X-Ficus-Arm' => 'v2', Cookie => 'ficus_arm=v1' ])), 'v2',
    'the header goes before the cookie');

$api->done;
