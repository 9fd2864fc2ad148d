#!/usr/bin/perl

# Copyright (C) Ficus authors

# ficusctl sync check and repair, after somebody has changed the replica.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Test::More;

use Ficus::Contract qw(problem unique soon);

use Ficus::System;

plan skip_all => 'sqlite3 was not found'
    if !grep { -x "$_/sqlite3" } split /:/, $ENV{PATH};

my $api = Ficus::Contract->start;
my $s = $api->system;
my $sync = '/workers/orders/sync';


sub ctl {
    my (@args) = @_;

    return $s->run->capture(Ficus::System->program('ficusctl'),
        '--url=http://127.0.0.1:' . $s->admin_port, 'sync', @args);
}

sub tamper {
    my (@statements) = @_;

    my ($file) = glob $s->dir . '/data/orders*.db';

    open my $pipe, '|-', 'sqlite3', '-bail', '-cmd', '.timeout 5000', $file
        or die "sqlite3: $!";
    print $pipe "$_;\n" for @statements;
    ok(close $pipe, 'the replica is changed');
}


my @users = map { $api->user } 1 .. 6;
my @ids = map { $_->{userId} } @users;
my $order = $api->order(userId => $ids[0]);

soon(sub { (ctl('check'))[0] == 0 }, 'level');

my ($rc, $text) = ctl('check');
is($rc, 0, 'sync check');
like($text, qr/\Aorders, of users  in step, \d+ documents.*\n\z/, 'says so');

my $r = $api->admin('GET', $sync);
is($r->{status}, 200, 'the last compare');
is($r->{json}{last}{result}, 'level', 'was level');
is($r->{json}{last}{reason}, 'operator', 'and asked for');
ok(!$r->{json}{last}{repair}, 'a check');


# Older, gone, one that nobody has, newer.

tamper("UPDATE users SET ver = 1000000 WHERE id = '$ids[3]'",
    "UPDATE users SET ver = ver - 1 WHERE id = '$ids[0]' AND ver > 1",
    "DELETE FROM users WHERE id = '$ids[1]'",
    "INSERT INTO users (id, ver, ref, deleted, pending, body) VALUES"
    . " ('nobody', 4, 0, 0, 0, '{}')");

($rc, $text) = ctl('check');
is($rc, 1, 'sync check finds it');
like($text, qr/^behind +\d+ +(?:-|\d+) +$_$/m, "$_ is behind") for $ids[1];
like($text, qr/^lost +- +4 +nobody$/m, 'nobody is lost');
like($text, qr/^newer +\d+ +1000000 +$ids[3]$/m, 'one is newer');

($rc, $text) = ctl('check');
is($rc, 1, 'and changes nothing');

($rc, $text) = ctl('repair');
is($rc, 1, 'sync repair, but the newer one is left') or diag($text);
like($text, qr/newer 1,.*repaired \d/, 'as it says') or diag($text);

tamper("UPDATE users SET ver = 1 WHERE id = '$ids[3]'",
    "DELETE FROM users WHERE id = '$ids[4]'");
($rc, $text) = ctl('repair');
is($rc, 0, 'now all are repaired') or diag($text);
like($text, qr/^orders, of users  repaired/, 'as it says');

($rc, $text) = ctl('check');
is($rc, 0, 'level again') or diag($text);


# The order still follows.

$api->ask('PUT', "/api/users/$ids[0]", arm => 'v1',
    json => { deliveryAddress => 'after the repair' });
soon(sub {
    $api->ask('GET', "/api/orders/$order->{orderId}")->{json}{deliveryAddress}
        eq 'after the repair';
}, 'an order follows');


# Bad calls.

problem($api->admin('POST', $sync, json => { repair => 1 }), 400, 'invalid',
    'repair', 'no boolean');
problem($api->admin('POST', $sync, json => {}), 400, 'invalid', 'repair',
    'nothing');
problem($api->admin('POST', $sync, text => '{'), 400,
    'invalid-json', '', 'no JSON');
problem($api->admin('POST', $sync, body => '{}',
    headers => [ 'Content-Type' => 'text/plain' ]), 415,
    'unsupported-media-type', '', 'another type');
problem($api->admin('POST', $sync, json => { repair => JSON::PP::true },
    headers => [ Origin => 'http://evil.example' ]), 403, 'forbidden', '',
    'another origin');
problem($api->admin('PUT', $sync, json => {}), 405, 'method-not-allowed', '',
    'another method');
problem($api->ask('GET', $sync), 404, 'not-found', '', 'nothing in public');
problem($api->admin('GET', '/workers/users-v1/sync'), 404, 'not-found', '',
    'users follow nobody');


# The source is away.

$api->keep_down('users-v1', 'users-v2');
($rc, $text) = ctl('check');
is($rc, 1, 'no source');
like($text, qr/the source does not answer/, 'as it says') or diag($text);
$api->let_up;
soon(sub { (ctl('check'))[0] == 0 }, 'and back');

$api->done;
