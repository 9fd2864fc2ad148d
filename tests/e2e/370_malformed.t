#!/usr/bin/perl

# Copyright (C) Ficus authors

# 1,000 malformed requests: each gets its documented answer, nothing restarts.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Test::More;

use Ficus::Contract qw(problem unique);

use Ficus::HTTP;

my $seed = $ENV{TEST_SEED} // 20261121;
my $api = Ficus::Contract->start;
my $s = $api->system;
my @names = qw(nginx nats-server users-v1 users-v2 orders);

srand $seed;
diag("TEST_SEED=$seed") if $ENV{TEST_SEED};

my $user = $api->user(userId => 'u1', name => 'N');
my $order = $api->order(orderId => 'o1', email => 'o1@example.com');
my %before = map { $_ => $s->pid($_) } @names;
my @workers = nginx_workers();


sub one_of { return $_[rand @_] }

sub some { return join '', map { one_of(@_) } 1 .. 1 + rand 20 }


# Where a body goes.

sub place {
    return one_of([ 'POST', '/api/users' ], [ 'PUT', '/api/users/u1' ],
        [ 'PATCH', '/api/users/u1' ], [ 'POST', '/api/users/batch' ],
        [ 'POST', '/api/orders' ], [ 'PUT', '/api/orders/o1' ],
        [ 'PATCH', '/api/orders/o1' ]);
}

sub with_body {
    my ($text, $status, $slug) = @_;

    my ($method, $path) = @{place()};

    return { ask => [ $method, $path, arm => one_of(undef, 'v1', 'v2'),
        text => $text ], status => $status, slug => $slug };
}

sub no_json { return with_body(shift, 400, 'invalid-json') }

# bytes that begin no character, or end one too soon
my @no_utf8 = ("\xff", "\xfe", "\x80", "\xbf", "\xc3", "\xc0\x80", "\xc1\xbf",
    "\xe0\x9f\xbf", "\xed\xa0\x80", "\xed\xbf\xbf", "\xf0\x8f\xbf\xbf",
    "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xe2\x82", "\xf0\x9f\x8c");

my @letters = ('a' .. 'z', 'A' .. 'Z', 0 .. 9, "\xc3\xa9", ' ');

my %users = (email => [ 1, undef, [], {}, JSON::PP::true(), '', 'x', 'a@b@c',
        '@', 'a@' . 'b' x 300, "\x{0}" ],
    deliveryAddress => [ 1, undef, [], {}, JSON::PP::false(), '', 'x' x 513,
        1e300 ],
    userId => [ 1, undef, [], {}, 'other', '', '..', 'batch', 'x' x 65, "\n",
        "u1\x{0}" ],
    version => [ 1, undef, 'x' ], deleted => [ JSON::PP::true() ],
    '$where' => [ 1 ], '_id' => [ 'x' ], 'a.b' => [ {} ], '' => [ 1 ]);

my %orders = (productName => [ 1, undef, [], {}, '', 'x' x 201 ],
    quantity => [ 'x', 0, -1, 1.5, 1e300, 1000001, [], {}, '5',
        JSON::PP::true() ],
    status => [ 'Lost', '', 1, undef, [], {}, 'pending', "Pending\x{0}" ],
    email => [ 1, [], {}, '', 'x', 'a@b@c' ],
    deliveryAddress => [ 1, [], {}, '', 'y' x 513 ],
    orderId => [ 1, undef, [], 'o2', '' ]);

my @kinds = (

    # text that is no JSON
    sub { no_json(one_of('', ' ', '{', '}', '[', '{"a":', '{"a":1', '{"a":1,}',
        "{'a':1}", '{a:1}', 'nul', 'tru', 'NaN', '{"a":Infinity}', '{"a":01}',
        '{"a":1}{}', '[1,2', '{"a":.5}', '{"a":"\\q"}', '{"a":"\\u12"}',
        '{"a":"\\udc00"}', '<a/>', 'a=b&c=d', "\x1f\x8b\x08", '--', '{"":}'))
    },
    sub { no_json('{"' . some(@letters) . '":"' . some(@letters)
        . one_of(@no_utf8) . '"}') },
    sub { no_json('{"' . some(@letters) . one_of(@no_utf8) . '": 1}') },
    sub { no_json('{"a":"' . some(@letters) . chr(rand 32) . '"}') },
    sub { no_json('{"a":"' . some(@letters) . "\0" . some(@letters) . '"}') },
    sub { no_json('{"a":1}' . "\0" x (1 + rand 10)) },
    sub { my $name = some(@letters); no_json(qq({"$name":1,"b":2,"$name":3})) },
    sub { no_json('{"x":[{"k":1,"k":1}]}') },
    sub { my $n = 33 + rand 5000; no_json('[' x $n . ']' x $n) },
    sub { my $n = 33 + rand 5000; no_json('{"a":' x $n . '1' . '}' x $n) },
    sub { no_json('[' x 200000) },
    sub { no_json(join '', map { chr rand 256 } 1 .. 1 + rand 200) },

    # JSON of a wrong shape
    sub { my $text = one_of('null', 'true', '17', '"x"', '1e5');
        with_body($text, 400, 'invalid') },
    sub {
        my $field = one_of(sort keys %users);
        return { ask => [ one_of('PUT', 'PATCH'), '/api/users/u1',
                arm => one_of('v1', 'v2'),
                json => { $field => one_of(@{$users{$field}}) } ],
            status => 400, slug => 'invalid',
            field => $field };
    },
    sub {
        my $field = one_of(sort keys %orders);
        return { ask => [ one_of('PUT', 'PATCH'), '/api/orders/o1',
                json => { $field => one_of(@{$orders{$field}}) } ],
            status => 400, slug => 'invalid', field => $field };
    },
    sub { return { ask => [ 'POST', '/api/users', arm => one_of('v1', 'v2'),
        json => { some('a' .. 'z') => 1 } ], status => 400,
        slug => 'invalid' } },
    sub { return { ask => [ 'POST', '/api/orders', json => {
        some('a' .. 'z') => some(@letters) } ], status => 400,
        slug => 'invalid' } },
    sub { return { ask => [ 'PUT', '/api/users/u1', arm => 'v2',
        json => { 'no' . some('a' .. 'z') => 1 } ], status => 400,
        slug => 'invalid' } },

    # bodies, types
    sub { with_body(' ' x 10_000_000, 413, 'content-too-large') },
    sub {
        my ($method, $path) = @{place()};
        return { ask => [ $method, $path, body => '{}', headers => [ one_of(
            [], [ 'Content-Type' => 'text/plain' ],
            [ 'Content-Type' => 'application/jsonp' ],
            [ 'Content-Type' => "x" x 1000 ], [ 'Content-Type' => '' ],
            [ 'Content-Type' => ';;;' ])->@* ] ],
            status => 415, slug => 'unsupported-media-type' };
    },

    # methods, paths, parameters, preconditions
    sub { return { ask => [ one_of('OPTIONS', 'FOO', 'PROPFIND', 'MOVE', 'X',
        'REPORT', 'SEARCH', 'A' x 30, 'M-SEARCH'),
        one_of('/', '/api/users', '/api/users/u1', '/api/users/batch',
        '/api/orders', '/api/orders/o1', '/readyz'), text => some(@letters) ],
        status => 405, slug => 'method-not-allowed' } },
    sub { return { ask => [ one_of('GET', 'POST', 'DELETE', 'PUT'),
        '/' . some('a' .. 'z', '/', '-', '%20', '%ff'), text => '{}' ],
        status => 404, slug => 'not-found' } },
    sub { return { ask => [ 'GET', one_of('/api/users', '/api/orders') . '?'
        . one_of('limit=0', 'limit=-1', 'limit=%00', 'limit=1&limit=1',
        'limit=1001', 'limit=99999999999999999999999', 'after=%ff', 'limit=%',
        'limit=x' . 'y' x 3000, 'after=%c3%28') ],
        status => 400, slug => 'invalid' } },
    sub { return { ask => [ one_of('GET', 'PUT', 'PATCH'),
        one_of('/api/users/u1', '/api/orders/o1'), json => {},
        one_of('match', 'none_match') => one_of('1', '"1', 'W/1', '"a" "b"',
        '*,*', 'x', '""""', "\xff", ',', 'W/') ],
        status => 400, slug => 'invalid' } },
    sub { return { ask => [ one_of('GET', 'PUT', 'DELETE'), '/api/users/'
        . one_of('%ff', '%2f', '%c3%28', 'x' x 200, '%25', '+',
        'a b' =~ s/ /%20/r), json => {} ], status => 404,
        slug => 'not-found' } },

    # the admin API
    sub { return { admin => 1, ask => [ 'PUT', '/api/v1/splits/users/p',
        text => one_of('', '{', '{"p":}', '{"p":1,"p":2}', '{"p":101}',
        '{"p":-1}', '{"p":"1"}', '{"p":null}', '{"p":1e400}', '{"p":1.234}',
        '[]', '"p"', "{\"p\":\"\xff\"}", '{"q":1}', '[' x 1000, "\0") ],
        status => 400, slug => 'bad-request' } },

    # no HTTP
    (map { my $raw = $_; sub { return { raw => $raw->(), status => 400 } } }
        sub { "\r\nx\r\n\r\n" }, sub { "GET\r\n\r\n" },
        sub { "GET /api/users HTTP/1.1\r\n\r\n" },
        sub { "GET /api/users HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n" },
        sub { "get /api/users HTTP/1.1\r\nHost: a\r\n\r\n" },
        sub { "POST /api/users HTTP/1.1\r\nHost: a\r\nContent-Length: "
            . one_of(-1, 'x', '1x', '1 1') . "\r\n\r\n" },
        sub { "POST /api/users HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n"
            . "Content-Length: 2\r\n\r\nab" },
        sub { "POST /api/users HTTP/1.1\r\nHost: a\r\nContent-Type: "
            . "application/json\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n" },
        sub { "GET /api/users/%zz HTTP/1.1\r\nHost: a\r\n\r\n" },
        sub { "GET /../../etc/passwd HTTP/1.1\r\nHost: a\r\n\r\n" },
        sub { "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n" },
        sub { join('', map { chr 33 + rand 94 } 1 .. 50) . "\r\n\r\n" }),
    sub { return { raw => "GET /api/users HTTP/9.9\r\nHost: a\r\n\r\n",
        status => 505 } },
    sub { return { raw => "POST /api/users HTTP/1.1\r\nHost: a\r\n"
        . "Transfer-Encoding: gzip\r\n\r\n", status => 501 } },
    sub { return { raw => 'GET /' . 'x' x 40000
        . " HTTP/1.1\r\nHost: a\r\n\r\n", status => 414 } },
    sub { return { raw => "GET /api/users HTTP/1.1\r\nHost: a\r\nX: "
        . 'x' x 40000 . "\r\n\r\n", status => 431 } },

    # cut short, and gone
    sub { return { raw => one_of('GET /api/us', "POST /api/users HTTP/1.1\r\n"
        . "Host: a\r\nContent-Length: 100\r\n\r\n{", "\0" x 10, ''),
        gone => 1 } },
);


my %statuses;
my $big = 0;

for my $i (0 .. 999) {
    my $kind = $i % @kinds;
    my $case = $kinds[$kind]->();

    # ten of the 10 MB bodies are enough
    if (($case->{status} // 0) == 413 && ++$big > 10) {
        $case = $kinds[0]->();
    }

    my $r = $case->{raw} || $case->{gone} ? raw($case)
          : $case->{admin} ? $api->admin(@{$case->{ask}})
          : $api->ask(@{$case->{ask}});

    next if $case->{gone};

    $statuses{$r->{status}}++;
    judge($i, $kind, $case, $r);
}

ok(!$statuses{500}, 'no 500');
is(join(' ', sort keys %statuses), '400 404 405 413 414 415 431 501 505',
    'all kinds of refusals');

is($s->pid($_), $before{$_}, "$_ has not restarted") for @names;
is(join(' ', nginx_workers()), "@workers", 'nor has a worker of nginx');

delete @$_{'etag'} for $user, $order;
is_deeply($api->ask('GET', '/api/users')->{json}, [ $user ],
    'the one user is as it was');
is_deeply($api->ask('GET', '/api/orders')->{json}, [ $order ],
    'the one order is as it was');
is($api->admin('GET', '/api/v1/splits/users')->{json}{arms}[0]{configured}, 100,
    'P is as it was');
is($api->ask('POST', '/api/users', json => { userId => 'after',
    email => 'after@example.com', deliveryAddress => 'x' })->{status}, 201,
    'and serves on');

$api->done;


sub raw {
    my ($case) = @_;

    my $c = Ficus::HTTP->connect($s->port);

    $c->send($case->{raw});

    return $case->{gone} ? undef : $c->receive;
}


sub judge {
    my ($i, $kind, $case, $r) = @_;

    my $problem = ref $r->{json} eq 'HASH' ? $r->{json} : {};
    my @wrong;

    push @wrong, "status $r->{status}, not $case->{status}"
        if $r->{status} != $case->{status};
    push @wrong, 'type ' . ($r->{headers}{'content-type'} // 'none')
        if ($r->{headers}{'content-type'} // '') ne 'application/problem+json';
    push @wrong, 'slug ' . ($problem->{type} // 'none')
        if $case->{slug} && ($problem->{type} // '') !~ /\/$case->{slug}$/;
    push @wrong, "$case->{field} is not named" if defined $case->{field}
        && !grep { $_->{field} eq $case->{field} } @{$problem->{errors} // []};

    my ($method, $path) = @{$case->{ask} // [ 'raw', '' ]};

    ok(!@wrong, "$i, kind $kind: $method " . substr $path, 0, 60)
        or diag(join('; ', @wrong) . "\n" . substr(shown($case), 0, 300) . "\n"
            . substr($r->{body} // $r->{error}, 0, 300));
}


sub shown {
    my ($case) = @_;

    return $case->{raw} // JSON::PP->new->canonical->allow_nonref->ascii
        ->encode($case->{ask});
}


sub nginx_workers {
    open my $fh, '<', '/proc/' . $s->pid('nginx') . '/task/'
        . $s->pid('nginx') . '/children' or die $!;

    return sort split ' ', <$fh>;
}
