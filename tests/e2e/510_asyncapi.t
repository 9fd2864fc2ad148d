#!/usr/bin/perl

# Copyright (C) Ficus authors

# The events on the streams against docs/asyncapi.yaml.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Test::More;

use Ficus::Contract qw(unique soon);

use JSON::PP;

use Ficus::NATS;
use Ficus::Run qw(root wait_for);
use Ficus::Schema;
use Ficus::YAML;

my $api = Ficus::Contract->start;
my $document = Ficus::YAML::load(root() . '/docs/asyncapi.yaml');
my $schema = Ficus::Schema->new($document);
my $json = JSON::PP->new->utf8;
my $nats = Ficus::NATS->new($api->system->nats_port);

my (@events, %by_id);


sub crc32c {
    my ($text) = @_;

    my $crc = 0xffffffff;

    for my $byte (unpack 'C*', $text) {
        $crc ^= $byte;
        $crc = $crc >> 1 ^ ($crc & 1 ? 0x82f63b78 : 0) for 1 .. 8;
    }

    return $crc ^ 0xffffffff;
}

is(sprintf('%08x', crc32c('123456789')), 'e3069283', 'CRC-32C');


# Takes in all that comes until $code finds what it wants in %by_id.

sub until_seen {
    my ($code, $name) = @_;

    my $end = time + 10;

    while (!$code->() && time < $end) {
        my $message = $nats->next(0.2) or next;
        my $event = $json->decode($message->{data});

        push @events, { %$message, event => $event };
        $by_id{$event->{id}} = $event;
    }

    ok($code->(), $name);
}

# What was published is marked so a moment later; until then a change is added
# to what there is to say.

sub settle { select undef, undef, undef, 0.5 }

sub event { return $by_id{join '/', @_} }

sub version { return shift->{headers}{etag} =~ /"(\d+)"/ ? $1 : 0 }


$nats->subscribe('users.>');
$nats->subscribe('orders.>');


# A life of a user and an order on each arm, with all fields.

my $trace = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';

for my $arm (qw(v1 v2)) {
    my $id = unique($arm . '-');
    my %user = (userId => $id, email => "$id\@example.com",
        deliveryAddress => "1 \x{1F333} Lane", name => 'Ann',
        $arm eq 'v1' ? (odd => [ 1, { a => undef } ]) : (tags => [ 'x' ]));
    my $path = "/api/users/$id";

    my $r = $api->ask('POST', '/api/users', arm => $arm, json => \%user);
    is($r->{status}, 201, "$arm: created");
    my $v = version($r);

    until_seen(sub { event('users', $id, $v) }, "$arm: event of a new user");

    my $event = event('users', $id, $v);
    is($event->{type}, 'ficus.users.created', "$arm: its type");
    is($event->{subject}, $id, "$arm: its subject");

    my %data = %{$event->{data}};
    delete @data{qw(version deleted changed)};
    is_deeply(\%data, \%user, "$arm: its data are the whole user");
    is($event->{data}{version}, $v, "$arm: its version");

    settle();
    $r = $api->ask('PUT', $path, arm => $arm,
        headers => [ traceparent => $trace ],
        json => { email => "new-$id\@example.com" });
    $v = version($r);
    until_seen(sub { event('users', $id, $v) }, "$arm: event of a change");
    $event = event('users', $id, $v);
    is($event->{type}, 'ficus.users.updated', "$arm: its type");
    is($event->{data}{email}, "new-$id\@example.com", "$arm: the new state");
    is_deeply($event->{data}{changed}, [ 'email' ], "$arm: what has changed");
    is($event->{traceparent}, $trace, "$arm: the traceparent rides along");

    settle();
    $r = $api->ask('PATCH', $path, arm => $arm, merge => {
        deliveryAddress => 'x', name => undef });
    $v = version($r);
    until_seen(sub { event('users', $id, $v) }, "$arm: event of a patch");
    is_deeply([ sort @{event('users', $id, $v)->{data}{changed}} ],
        [ 'deliveryAddress', 'name' ], "$arm: what has changed");
    ok(!exists event('users', $id, $v)->{data}{name}, "$arm: name is gone");

    my $order = $api->order(orderId => "o-$id", userId => $id, quantity => 3);
    until_seen(sub { grep { /^orders\/o-$id\// } keys %by_id },
        "$arm: event of a new order");
    settle();
    $r = $api->ask('PUT', "/api/orders/o-$id",
        json => { status => 'Cancelled' });
    $v = version($r);
    until_seen(sub { event('orders', "o-$id", $v) },
        "$arm: event of its status");
    is(event('orders', "o-$id", $v)->{data}{status}, 'Cancelled',
        "$arm: the new state");

    $r = $api->ask('DELETE', "/api/orders/o-$id");
    $v++;
    until_seen(sub { event('orders', "o-$id", $v) },
        "$arm: event of its deletion");

    my $last = version($api->ask('GET', $path));
    $api->ask('DELETE', $path);
    until_seen(sub { event('users', $id, $last + 1) },
        "$arm: event of a deletion");
    $event = event('users', $id, $last + 1);
    is($event->{type}, 'ficus.users.deleted', "$arm: its type");
    is_deeply([ sort keys %{$event->{data}} ],
        [ qw(changed deleted userId version) ],
        "$arm: no personal data are left");
    ok($event->{data}{deleted}, "$arm: it is deleted");

    my $again = $api->user(arm => $arm, userId => $id);
    $v = $again->{etag} =~ tr/"//dr;
    until_seen(sub { event('users', $id, $v) }, "$arm: created again");
}


# A change that comes with an event of the other side is an event, too.

my $user = $api->user;
my $order = $api->order(orderId => 'follows', userId => $user->{userId});

$api->ask('PUT', "/api/users/$user->{userId}",
    json => { deliveryAddress => 'followed' });
until_seen(sub { grep { /^orders\/follows\// && ($by_id{$_}{data}
    {deliveryAddress} // '') eq 'followed' } keys %by_id },
    'an order that followed is published');


# Many, and all of them; coalesced perhaps, but never without the last.

my @many = map { { userId => "many$_", email => "many$_\@example.com",
    deliveryAddress => 'x' } } 1 .. 300;

$api->ask('POST', '/api/users/batch', json => \@many);
until_seen(sub { 300 == grep { /^users\/many/ } keys %by_id },
    'an event for each of a batch');
$api->ask('PUT', '/api/users/many1', json => { deliveryAddress => $_ })
    for 1 .. 100;
my $last = version($api->ask('GET', '/api/users/many1'));
until_seen(sub { event('users', 'many1', $last) }, 'the last of 100 changes');
$api->ask('DELETE', '/api/users');
until_seen(sub { 300 == grep { /^users\/many/ && $by_id{$_}{data}{deleted} }
    keys %by_id }, 'an event for each when all are deleted');


# All that was seen is as the document says.

my (%wrong, %channels);

for my $message (@events) {
    my ($name, $change, $partition) = split /\./, $message->{subject};
    my $channel = "$name.{change}.{partition}";
    my $item = $document->{channels}{$channel};

    $channels{"$channel $change"}++;

    my $is = $schema->resolve($item->{subscribe}{message});
    my $event = $message->{event};

    my @wrong = (
        map({ "payload$_" } $schema->check($event, $is->{payload})),
        map({ "headers$_" }
            $schema->check($message->{headers}, $is->{headers})),
        map({ my $parameter = $schema->resolve($item->{parameters}{$_});
            my $value = $_ eq 'change' ? $change : $partition;
            $schema->check($value, $parameter->{schema}) }
            qw(change partition)),
        $message->{headers}{'nats-msg-id'} eq $event->{id} ? ()
            : 'Nats-Msg-Id is not the id',
        $partition == crc32c($event->{subject}) % 64 ? () : 'partition',
        $event->{id} eq "$name/$event->{subject}/$event->{data}{version}" ? ()
            : 'id',
        ($event->{data}{userId} // '') eq $event->{subject}
            || ($event->{data}{orderId} // '') eq $event->{subject} ? ()
            : 'subject is not the key',
        $event->{type} eq "ficus.$name.$change" ? ()
            : 'type and subject differ',
        ($change eq 'deleted') == !!$event->{data}{deleted} ? () : 'deleted',
    );

    $wrong{$_} //= $message->{data} for grep { length } @wrong;
}

is(join("\n", map { "$_: $wrong{$_}" } sort keys %wrong), '',
    'all events are as documented (' . @events . ')');
is(join(' ', grep { !$channels{$_} } map { my $c = $_; map { "$c $_" }
    qw(created updated deleted) } keys %{$document->{channels}}), '',
    'all kinds of them were seen');


# In order for each key, and each version once on the stream.

my %last;
my @back = grep {
    my $event = $_->{event};
    my $key = "$event->{source}/$event->{subject}";
    my $older = ($last{$key} // 0) >= $event->{data}{version};
    $last{$key} = $event->{data}{version};
    $older;
} @events;

cmp_ok(scalar @back, '<=', @events / 20,
    'events of a key come in order, with few repetitions');


# The streams are as described, and hold what was seen.

for my $stream ([ 'USERS', 'users.>' ], [ 'ORDERS', 'orders.>' ]) {
    my ($name, $subjects) = @$stream;
    my $info = $nats->api("STREAM.INFO.$name");

    is_deeply($info->{config}{subjects}, [ $subjects ], "stream $name");
    is($info->{config}{max_bytes}, 1 << 30, "$name: 1 GiB");
    is($info->{config}{max_age}, 168 * 3600 * 1e9, "$name: a week");
    is($info->{config}{storage}, 'file', "$name: in a file");
    is($info->{config}{retention}, 'limits', "$name: retention");
    is($info->{config}{discard}, 'old', "$name: discards the old");
    cmp_ok($info->{state}{messages}, '>', 0, "$name: has messages");
}


# The examples of the document.

for my $message (values %{$document->{components}{messages}}) {
    for my $example (@{$message->{examples}}) {
        is(join('; ', $schema->check($example->{payload}, $message->{payload}),
                $schema->check($example->{headers}, $message->{headers})), '',
            "example: $example->{name}");
    }
}

$api->done;
