#!/usr/bin/perl

# Copyright (C) Ficus authors

# Poison parks and hurts nobody else; ficusctl dlq deals with it.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Test::More;

use Ficus::Contract qw(problem unique soon encode decode);

use Ficus::NATS;
use Ficus::System;

my $api = Ficus::Contract->start;
my $s = $api->system;
my $nats = Ficus::NATS->new($s->nats_port);
my $dlq = '/workers/orders/dlq';


sub ctl {
    my (@args) = @_;

    return $s->run->capture(Ficus::System->program('ficusctl'),
        '--url=http://127.0.0.1:' . $s->admin_port, @args);
}

sub letters { return $api->admin('GET', $dlq)->{json} }

sub event {
    my ($id, $version, %data) = @_;

    return encode({ specversion => '1.0', id => "users/$id/$version",
        source => '/users', type => 'ficus.users.updated', subject => $id,
        data => { userId => $id, version => $version,
            deleted => JSON::PP::false, changed => [], %data } });
}

sub poison { $nats->publish('users.updated.00', $_) for @_ }


my $user = $api->user;
my $order = $api->order(userId => $user->{userId});

is_deeply(letters(), [], 'no letters at first');
soon(sub { $nats->api('CONSUMER.INFO.USERS.orders')->{config} },
    'orders follows users');

my $id = unique('poison');
my @poison = (
    'not JSON', '[]', "\xff\xfe\x00", encode({ specversion => '1.0' }),
    event($id, 0, email => 'p@example.com', deliveryAddress => 'x'),
    event($id, '7', email => 'p@example.com', deliveryAddress => 'x'),
    event($id, 8, deliveryAddress => 'no address to write to'),
    event($id, 9, email => 9, deliveryAddress => 'x'),
    '{"data":{"userId":"' . $id . '"},"big":"' . 'x' x 2_000_000 . '"}',
);

poison(@poison);
soon(sub { @{letters()} == @poison }, 'each poison is a letter')
    or diag(explain(letters()));


# Nobody else waits.

$api->ask('PUT', "/api/users/$user->{userId}", arm => 'v2',
    json => { deliveryAddress => 'after the poison' });
soon(sub {
    $api->ask('GET', "/api/orders/$order->{orderId}")->{json}{deliveryAddress}
        eq 'after the poison';
}, 'others follow');

my $far = unique('far');
poison(event($far, 1_000_000_000, email => "$far\@example.com",
    deliveryAddress => 'far ahead'));
my $late = $api->order(userId => $far);
soon(sub {
    ($api->ask('GET', "/api/orders/$late->{orderId}")->{json}{email} // '')
        eq "$far\@example.com";
}, 'a version that jumps by a billion is valid');

like($s->worker('orders', '/metrics')->{body},
    qr/^ficus_dead_letters ${\ scalar @poison}$/m, 'the gauge');


# What it says of them.

for my $letter (@{letters()}) {
    my $r = $api->admin('GET', "$dlq/$letter->{id}");
    is($r->{status}, 200, "$letter->{id} can be read");
    cmp_ok(length $r->{body}, '<', 200_000, 'a payload is bounded');
    ok($letter->{error}, "it says why: $letter->{error}");
}

my $r = $api->admin('GET', "$dlq?limit=4");
is(scalar @{$r->{json}}, 4, 'a page');
like($r->{headers}{link} // '', qr/^<dlq\?limit=4&after=[^>]+>; rel="next"$/,
    'and the way to the next');
is(scalar @{$api->admin('GET', "$dlq?key=$id")->{json}}, 5, 'those of a key');
problem($api->admin('GET', "$dlq?limit=0"), 400, 'invalid', 'limit', 'a limit');
problem($api->admin('GET', "$dlq/none"), 404, 'not-found', '', 'no such letter');
problem($api->admin('POST', "$dlq/none/redrive"), 404, 'not-found', '',
    'nothing to redrive');
problem($api->admin('DELETE', "$dlq/none"), 404, 'not-found', '',
    'nothing to drop');


# Only from this host, and not from another site's page.

my $first = letters()->[0]{id};

problem($api->admin('DELETE', "$dlq/$first",
    headers => [ Origin => 'http://evil.example' ]), 403, 'forbidden', '',
    'another origin');
problem($api->admin('DELETE', "$dlq/$first",
    headers => [ Host => 'evil.example' ]), 421, 'misdirected-request', '',
    'another host');
is(scalar @{letters()}, scalar @poison, 'nothing was dropped');


# By hand.

my ($rc, $text) = ctl('dlq', 'list');
is($rc, 0, 'dlq list');
is(scalar(() = $text =~ /^msg-/gm), scalar @poison, 'lists all') or diag($text);
is(scalar(() = $text =~ /^    (?:of \S+, version \d+, )?(?:decode|state|apply), \d+ (?:try|tries): ./gm),
    scalar @poison, 'and says of each what is wrong') or diag($text);

my ($none) = grep { !defined $_->{key} } @{letters()};

($rc, $text) = ctl('dlq', 'show', $none->{id});
is($rc, 0, 'dlq show');
like($text, qr/^cause +decode$/m, 'shows it');

($rc) = ctl('dlq', 'redrive', $none->{id});
is($rc, 1, 'what is no event can not be redriven');
problem($api->admin('POST', "$dlq/$none->{id}/redrive"), 409, 'conflict',
    'payload', 'which the API says, too');

($rc) = ctl('dlq', 'drop', $none->{id});
is($rc, 0, 'but dropped');
($rc) = ctl('dlq', 'drop', $none->{id});
is($rc, 1, 'once');
($rc) = ctl('dlq', 'bury', $none->{id});
is($rc, 2, 'no such command');
is(scalar @{letters()}, @poison - 1, 'one is gone');


# Redriven, a letter brings in what its user is now.

poison(event($user->{userId}, 500, deliveryAddress => 'no e-mail'));
my $mine;
soon(sub {
    ($mine) = @{$api->admin('GET', "$dlq?key=$user->{userId}")->{json}};
}, 'a letter of a user who is there');
($rc, $text) = ctl('dlq', 'redrive', $mine->{id});
is($rc, 0, 'dlq redrive') or diag($text);
is(scalar @{$api->admin('GET', "$dlq?key=$user->{userId}")->{json}}, 0,
    'is no letter any more');


# A valid state heals what is older: version unknown, or below it.

$api->ask('POST', '/api/users', arm => 'v2', json => { userId => $id,
    email => "$id\@example.com", deliveryAddress => 'healed' });
soon(sub { @{$api->admin('GET', "$dlq?key=$id")->{json}} == 2 },
    'those above its version stay') or diag(explain(letters()));

$api->done;
