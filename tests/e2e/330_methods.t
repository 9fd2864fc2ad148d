#!/usr/bin/perl

# Copyright (C) Ficus authors

# Methods: 405 with all that the path has, 404, and HEAD as GET.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Test::More;

use Ficus::Contract qw(problem allow);

my $api = Ficus::Contract->start;

my $user = $api->user(userId => 'u1');
my $order = $api->order(orderId => 'o1', email => 'o1@example.com');

my %methods = (
    '/' => 'GET HEAD',
    '/healthz' => 'GET HEAD',
    '/readyz' => 'GET HEAD',
    '/api/users' => 'DELETE GET HEAD POST',
    '/api/users/batch' => 'POST',
    '/api/users/u1' => 'DELETE GET HEAD PATCH PUT',
    '/api/users/nobody' => 'DELETE GET HEAD PATCH PUT',
    '/api/users/a%20b' => 'DELETE GET HEAD PATCH PUT',
    '/api/orders' => 'GET HEAD POST',
    '/api/orders/o1' => 'DELETE GET HEAD PATCH PUT',
    '/api/orders/none' => 'DELETE GET HEAD PATCH PUT',
);

my @all = qw(GET HEAD POST PUT PATCH DELETE OPTIONS PROPFIND MKCOL LOCK FOO
    TRACE);

for my $path (sort keys %methods) {
    my %has = map { $_ => 1 } split ' ', $methods{$path};
    my @arms = $path =~ /users/ ? (undef, 'v1', 'v2') : (undef);

    for my $method (grep { !$has{$_} } @all) {
        for my $arm (@arms) {
            my $name = "$method $path" . ($arm ? " by $arm" : '');

            for my $body (undef, '{}') {
                next if defined $body && $method eq 'TRACE';

                my $r = $api->ask($method, $path, arm => $arm,
                    defined $body ? (text => $body) : ());

                is($r->{status}, 405, $name) or diag($r->{body});
                is(allow($r), $methods{$path}, "$name: Allow");
                problem($r, 405, 'method-not-allowed', '', "$name: problem")
                    if $method ne 'HEAD';
                is($r->{headers}{'x-service-version'}, 'v2',
                    "$name: belongs to v2") if $path =~ /users/
                    && $method ne 'TRACE';
            }
        }
    }
}

# The same from each arm itself: what v1 does not do it knows of all the same.

for my $name (qw(users-v1 users-v2)) {
    for my $path (grep { m,^/api/users, && !/%/ } sort keys %methods) {
        my $r = $api->direct($name, 'OPTIONS', $path, body => '{}');

        is($r->{status}, 405, "$name: OPTIONS $path");
        is(allow($r), $methods{$path}, "$name: OPTIONS $path: Allow");
    }
}

is(allow($api->direct('users-v1', @$_)), $methods{$_->[1]},
    "users-v1 leaves $_->[0] $_->[1] to v2")
    for [ 'GET', '/api/users' ], [ 'DELETE', '/api/users' ],
        [ 'POST', '/api/users/batch' ], [ 'DELETE', '/api/users/u1' ];

my $r = $api->ask('CONNECT', '/api/users');
ok($r->{status} == 405 || $r->{status} == 400, 'CONNECT is nothing for us');
is($api->ask($_, '/api/users')->{status}, 400, "method $_")
    for 'get', 'Get', 'G T', 'G@T';
is($api->system->get('/api/users/u1', 'X-HTTP-Method-Override' => 'DELETE')
    ->{status}, 200, 'no method in a header');
is($api->ask('GET', '/api/users/u1')->{status}, 200, 'the user is still there');


# Paths that are not there.

for my $path ('/api', '/api/', '/api/users/', '/api/users/u1/', '/api/usersx',
              '/api/users/u1/x', '/api/users/batch/', '/api/users/batch/x',
              '/api/orders/', '/api/orders/o1/x', '/api/orders/o1/', '/x',
              '/API/users', '/api/Users', '//api/users', '/api//users',
              '/healthz/', '/readyz/x', '/metrics', '/workers/orders/healthz',
              '/api/v1/splits', '/index.html', '/api/users/.',
              '/api/users/%2e', '/api/users/u1/..', '/api/users/..',
              '/api/users/a%2fb', '/favicon.ico', '/api/user', '/api/order')
{
    for my $method (qw(GET POST DELETE)) {
        my $name = "$method $path";
        my $r = $api->ask($method, $path,
            $method eq 'POST' ? (text => '{}') : ());

        problem($r, 404, 'not-found', '', $name);
    }

    is($api->ask('HEAD', $path)->{status}, 404, "HEAD $path");
}

for my $path ('/nothing', '/api', '/api/v1', '/api/v1/splits/none',
              '/api/v1/splits/users/none', '/workers', '/workers/none/healthz',
              '/workers/orders/none', '/workers/orders', '/healthz/x')
{
    is($api->admin('GET', $path)->{status}, 404, "admin: $path")
        or diag(explain($api->admin('GET', $path)));
}

problem($api->ask('GET', "/api/users/$_"), 404, 'not-found', '',
    "no user can be $_") for 'x' x 65, 'a%20b', '%ff', '%c3%a9', 'a:b';
problem($api->ask('GET', "/api/orders/$_"), 404, 'not-found', '',
    "no order can be $_") for 'x' x 65, 'a%20b', '%ff', 'batch';
problem($api->ask('GET', $_), 400, 'bad-request', '', "nginx takes no $_")
    for '/api/users/%00', '/api/orders/a%00', '/%zz';


# HEAD is GET without the body.

for my $ask ([ '/' ], [ '/healthz' ], [ '/readyz' ],
             map({ my $arm = $_; [ '/api/users/u1', $arm ],
                 [ '/api/users/nobody', $arm ], [ '/api/users?limit=1', $arm ],
                 [ '/api/users?limit=0', $arm ] } 'v1', 'v2'),
             [ '/api/orders' ], [ '/api/orders/o1' ], [ '/api/orders/none' ],
             [ '/api/orders?status=x' ], [ '/api/orders/a/b' ], [ '/x' ])
{
    my ($path, $arm) = @$ask;
    same_head($path . ($arm ? " by $arm" : ''),
        map { $api->ask($_, $path, arm => $arm) } 'HEAD', 'GET');
}

for my $path ('/api/v1/splits', '/api/v1/splits/users', '/metrics',
              '/api/v1/splits/users/explain?key=a',
              '/api/v1/splits/users/history', '/api/v1/splits/none',
              map({ my $name = $_; map { "/workers/$name/$_" }
                      qw(healthz readyz metrics none) }
                  $api->system->workers))
{
    same_head("admin $path", map { $api->admin($_, $path) } 'HEAD', 'GET');
}

$api->done;


sub same_head {
    my ($name, $head, $get) = @_;

    my @differ = qw(date connection x-request-id transfer-encoding);

    push @differ, 'content-length' if $name =~ /metrics/;

    for my $r ($head, $get) {
        delete @{$r->{headers}}{@differ};
    }

    is($head->{status}, $get->{status}, "HEAD $name: status");
    is_deeply($head->{headers}, $get->{headers}, "HEAD $name: headers");
    is($head->{body}, '', "HEAD $name: no body");
}
