#!/usr/bin/perl

# Copyright (C) Ficus authors

# docs/worker.md: what it shows of the worker is in the worker's source, and the
# worker does behind nginx, configured as it says, what it says.

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
my $source = slurp('docs/examples/products.c');
my $at = 0;

for my $piece (pieces('c')) {
    my $found = index $source, "\n$piece", $at;

    cmp_ok($found, '>=', 0, 'in the source: ' . first_line($piece));
    $at = $found if $found >= 0;
}

cmp_ok(lines($source), '<=', 150, 'and it is small');


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

        location /workers/ {
            rewrite ^/workers(/.+)\$ \$1 break;
            fastcgi_pass products;
        }
    }
}
EOC

$t->spawn('nats', ready => $nats, command => [
    $ENV{FICUS_NATS_SERVER} || 'nats-server', '-a', '127.0.0.1', '-p', $nats,
    '-js', '-sd', $t->dir . '/broker' ]);

my $build = $ENV{FICUS_BUILD} // root() . '/build';
my $socket = $t->dir . '/products.sock';
my @command = ("$build/docs/examples/products", "--listen=$socket",
    '--store=sqlite:' . $t->dir . '/products.db',
    "--nats-url=nats://127.0.0.1:$nats");

$t->spawn('products', command => \@command, ready => $socket);

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
is(ask('POST', '', json => product(sku => 'SKU-b'))->{status}, 201,
    'what it had is free');

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

is(get($t->port(0), '/workers/readyz')->{json}{checks}{outbox}, 'ok', 'all is published');
like(get($t->port(0), '/workers/metrics')->{body}, qr/^ficus_outbox_published_total [5-9]/m,
    'as is counted');


# It stops and comes again with what it had.

is($t->stop('products'), 0, 'it stops');
$t->spawn('products', command => \@command, ready => $socket);
is(ask('GET', "/$id")->{json}{price}, 2099, 'and keeps its documents');

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
