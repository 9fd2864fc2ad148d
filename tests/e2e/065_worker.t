#!/usr/bin/perl

# Copyright (C) Ficus authors

# docs/worker.md: what it shows of the workers is in their sources, and they do
# behind nginx, configured as it says, what it says.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Test::More;

use Ficus::HTTP qw(get request);
use Ficus::NATS;
use Ficus::Nginx;
use Ficus::Run qw(root wait_for);

my $page = slurp('docs/worker.md');
my @sources = map { slurp("docs/examples/$_.c") } qw(products stats);
my $source = join '', @sources;
my $at = 0;

for my $piece (pieces('c')) {
    my $found = index $source, "\n$piece", $at;

    cmp_ok($found, '>=', 0, 'in the source: ' . first_line($piece));
    $at = $found if $found >= 0;
}

cmp_ok(lines($sources[0]), '<=', 150, 'and it is small');


my $t = Ficus::Run->new;
my ($http, $server) = map { s,/run/ficus,%%DIR%%,gr } upstreams(), locations();
my $nats = $t->port(1);

my $nginx = Ficus::Nginx->new($t, <<"EOC")->start;
%%GLOBALS%%
http {
    %%HTTP%%

    $http

    server {
        listen 127.0.0.1:%%PORT_0%%;
        include /etc/nginx/fastcgi_params;
        fastcgi_keep_conn on;

        $server

        location = /workers/ {
            default_type application/json;
            return 200 '["products","stats"]';
        }

        location /workers/products/ {
            rewrite ^/workers/products(/.+)\$ \$1 break;
            fastcgi_pass products;
        }

        location /workers/stats/ {
            rewrite ^/workers/stats(/.+)\$ \$1 break;
            fastcgi_pass unix:%%DIR%%/stats.sock;
        }

        location /api/orders {
            fastcgi_pass unix:%%DIR%%/orders.sock;
        }
    }
}
EOC

$t->spawn('nats', ready => $nats, command => [
    $ENV{FICUS_NATS_SERVER} || 'nats-server', '-a', '127.0.0.1', '-p', $nats,
    '-js', '-sd', $t->dir . '/broker' ]);

my $build = $ENV{FICUS_BUILD} // root() . '/build';

sub worker {
    my ($program) = @_;

    my $name = $program =~ s,.*/,,r;
    my $socket = $t->dir . "/$name.sock";

    $t->spawn($name, ready => $socket, command => [ "$build/$program",
        "--listen=$socket", '--store=sqlite:' . $t->dir . "/$name.db",
        "--nats-url=nats://127.0.0.1:$nats" ]);
}

worker('docs/examples/products');

my $events = Ficus::NATS->new($nats);
$events->subscribe('products.>');


# Documents.

my $r = ask('POST', '', json => product(sku => 'FIG-1'));
is($r->{status}, 201, 'a product') or diag($r->{body});
like($r->{json}{productId}, qr/^[0-9A-HJKMNP-TV-Z]{26}$/, 'gets an id');
is($r->{headers}{etag}, '"1"', 'and a version');

my $id = $r->{json}{productId};

is($r->{headers}{location}, "/api/products/$id", 'and a place');
is(ask('GET', "/$id")->{json}{price}, 1999, 'where it is');

refused(409, 'sku', 'a SKU that is taken', sku => 'FIG-1');
refused(400, 'price', 'a price below 0', sku => 'FIG-2', price => -1);
refused(400, 'price', 'a price of a fraction', sku => 'FIG-2', price => 1.5);
refused(400, 'name', 'no name', sku => 'FIG-2', name => undef);
refused(400, 'colour', 'an unknown field', sku => 'FIG-2', colour => 'green');
refused(400, 'version', 'a field that is ours', sku => 'FIG-2', version => 1);

$r = ask('PUT', "/$id", json => { price => 2099 },
    headers => [ 'If-Match' => '"1"' ]);
is($r->{status}, 200, 'a change');
is($r->{headers}{etag}, '"2"', 'of the version that was seen');
is(ask('PUT', "/$id", json => { price => 1 },
    headers => [ 'If-Match' => '"1"' ])->{status}, 412, 'once');

is(ask('POST', '', json => product(productId => $_, sku => "SKU-$_"))
    ->{status}, 201, "product $_") for qw(a b c);

$r = ask('GET', '?limit=2&after=a');
is_deeply([ map { $_->{productId} } @{$r->{json}} ], [ 'b', 'c' ], 'a page');
is_deeply([ map { $_->{productId} } @{ask('GET', '?sku=SKU-b')->{json}} ],
    [ 'b' ], 'a filter');
is(ask('DELETE', '/b')->{status}, 200, 'one is deleted');
is(ask('GET', '/b')->{status}, 404, 'and gone');

my @once = (json => product(sku => 'SKU-b'),
    headers => [ 'Idempotency-Key' => '"k"' ]);
my ($first, $again) = map { ask('POST', '', @once) } 1, 2;

is($first->{status}, 201, 'what it had is free');
is("$again->{status} $again->{body}", "201 $first->{body}",
    'the same with its key is the same product');

$r = ask('PATCH', '');
is($r->{status}, 405, 'a method that is not in the table');
is($r->{headers}{allow}, 'POST, GET, HEAD', 'and those that are');


# Events, and an answer for those who keep a replica.

my %seen;

wait_for(10, sub {
    $seen{$_->{subject} =~ s/\.\d\d$//r}++ for $events->drain(0.2);
    return ($seen{'products.deleted'} // 0) >= 1;
});

cmp_ok($seen{'products.created'} // 0, '>=', 1, 'others hear of new ones');
cmp_ok($seen{'products.deleted'} // 0, '>=', 1, 'and of deleted ones');

like($events->request('ficus.rpc.products.get', '{"ids":["a"]}'),
    qr/"sku":"SKU-a"/, 'a replica can ask for one');

is(get($t->port(0), '/workers/products/readyz')->{json}{checks}{outbox}, 'ok', 'all is published');
like(get($t->port(0), '/workers/products/metrics')->{body}, qr/^ficus_outbox_published_total [5-9]/m,
    'as is counted');


# It stops and comes again with what it had.

is($t->stop('products'), 0, 'it stops');
worker('docs/examples/products');
is(ask('GET', "/$id")->{json}{price}, 2099, 'and keeps its documents');

# Others follow it, begun later, and orders, too.

worker('orders');
worker('docs/examples/stats');

sub order {
    my $r = request($t->port(0), 'POST', '/api/orders', json => {
        productName => 'Fig tree', email => 'a@b.de', deliveryAddress => 'x' });

    is($r->{status}, 201, 'an order');
}

sub stats { return get($t->port(0), '/workers/stats/api/stats')->{json} }

sub counts {
    my ($what, %want) = @_;

    ok(wait_for(10, sub {
        my $have = stats();
        return !grep { ($have->{$_} // -1) != $want{$_} } keys %want;
    }), $what) or diag(explain(stats()), $t->log('stats.log'));
}

order() for 1 .. 3;
counts('all are counted', products => 4, orders => 3);

is(ask('DELETE', '/c')->{status}, 200, 'one less');
order();
counts('as is seen', products => 3, orders => 4);

is($t->stop('stats'), 0, 'it stops');
order();
worker('docs/examples/stats');
counts('what it missed counts, the rest no second time',
    products => 3, orders => 5);

is_deeply(get($t->port(0), '/workers/stats/sync')->{json}{sources},
    [ 'products', 'orders' ], 'it tells whom it follows');

for my $of ([ '', 'products' ], map { [ "?source=$_", $_ ] } qw(products orders))
{
    $r = get($t->port(0), "/workers/stats/sync$of->[0]");
    is($r->{json}{source}, $of->[1], "/sync$of->[0]");
}

is(get($t->port(0), '/workers/stats/sync?source=users')->{status}, 400,
    'it does not follow users');
is(get($t->port(0), '/workers/stats/readyz')->{json}{checks}{sync}, 'ok',
    'all is in step');

my $metrics = get($t->port(0), '/workers/stats/metrics')->{body};

like($metrics, qr/^ficus_consumer_cursor\{topic="$_"\} [1-9]/m,
    "where it is in $_") for qw(products orders);


# Each has dead letters of its own.

$events->publish('products.created.00', 'no event');
$events->publish('orders.created.00', 'nor this') for 1 .. 2;

sub letters {
    my ($query) = @_;

    return get($t->port(0), "/workers/stats/dlq$query");
}

ok(wait_for(10, sub { @{letters('?source=products')->{json}} == 1
    && @{letters('?source=orders')->{json}} == 2 }), 'letters of each');

$r = letters('?source=orders&limit=1');
like($r->{headers}{link}, qr/[?&]source=orders[&>]/, 'the next page, too');

my $letter = $r->{json}[0]{id};

sub ficusctl {
    my ($status, $out, $err) = $t->capture("$build/ficusctl",
        '--url=http://127.0.0.1:' . $t->port(0), @_);

    return "$status: $out$err";
}

sub of_stats { return ficusctl('--worker=stats', @_) }

like(of_stats(qw(dlq list --source=orders)), qr/^0: .*\Q$letter\E/s,
    'ficusctl lists them');
unlike(of_stats(qw(dlq list)), qr/\Q$letter\E/, 'those of the first, too');
like(of_stats(qw(sync check --source=orders)), qr/^0: stats, of orders  in step/,
    'and compares what it is told');
like(of_stats(qw(sync check)), qr/^0: stats, of products  in step/, 'else the first');
like(of_stats(qw(sync check --source=users)), qr/^1: .*source/s,
    'and nothing else');

like(ficusctl(qw(sync check)), qr/\A0: stats, of products  in step.*
stats, of orders  in step.*\n\z/, 'nobody is named: all that is followed');
like(ficusctl(qw(sync check --source=orders)), qr/\A0: stats, of orders .*\n\z/,
    'one source, of whoever follows it');
is(ficusctl(qw(sync check --source=users)),
    "1: ficusctl: no worker follows users\n", 'which nobody has to');

is(get($t->port(0), "/workers/stats/dlq/$letter")->{status}, 404,
    'one is not in the other');
is(request($t->port(0), 'DELETE',
    "/workers/stats/dlq/$letter?source=orders")->{status}, 200, 'it is dropped');
is(scalar @{letters('?source=orders')->{json}}, 1, 'one is left');
like(get($t->port(0), '/workers/stats/metrics')->{body},
    qr/^ficus_dead_letters 2$/m, 'both are counted');


# on TERM it says 1
$t->stop('nats', 'INT');

$t->done;


sub slurp {
    my ($path) = @_;

    open my $fh, '<', root() . "/$path" or die "$path: $!";
    local $/;

    return <$fh>;
}


sub pieces {
    my ($language) = @_;

    return $page =~ /^```$language\n(.*?)^```$/gms;
}


sub upstreams { return join "\n", grep { /^upstream/ } pieces('nginx') }

sub locations { return join "\n", grep { /^location/ } pieces('nginx') }

sub first_line { return shift =~ /^(.*)/ ? $1 : '' }

sub lines { return shift =~ tr/\n// }


sub product { return { name => 'Fig tree', price => 1999, @_ } }


sub ask {
    my ($method, $path, %o) = @_;

    return request($t->port(0), $method, "/api/products$path", %o);
}


sub refused {
    my ($status, $field, $what, %fields) = @_;

    my $r = ask('POST', '', json => product(%fields));

    is($r->{status}, $status, $what) or diag($r->{body});
    is_deeply([ map { $_->{field} } @{$r->{json}{errors}} ], [ $field ],
        "$what, as it says");
}
