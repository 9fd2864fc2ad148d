#!/usr/bin/perl

# Copyright (C) Ficus authors

# Shadows: what differs between the arms, field by field.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use JSON::PP;
use Test::More;
use Time::HiRes qw(sleep time);

use Ficus::HTTP qw(get request);
use Ficus::Nginx;
use Ficus::Run qw(wait_for);
use Ficus::Split;

my $t = Ficus::Run->new;
mkdir $t->dir . "/$_" for qw(v1 v2);

my $nginx = Ficus::Nginx->new($t, <<'EOC');

%%GLOBALS%%
worker_processes 2;

http {
    %%HTTP%%

    upstream v1 { server 127.0.0.1:%%PORT_2%%; }
    upstream v2 { server 127.0.0.1:%%PORT_3%%; }

    upstream u {
        strangler zone=r:2m;
        strangler_override header=X-Ficus-Arm;
        strangler_shadow share=100 noise=2;
        strangler_diff headers=content-type,X-Told,set-cookie
                       ignore=$.ignored,$.list[*].ignored,$.tag;
        arm v1=v1 weight=100; arm v2=v2;
    }
    upstream few {
        strangler zone=r;
        strangler_shadow share=100 body=1k;
        strangler_diff examples=1 mask= headers=;
        arm v1=v1 weight=100; arm v2=v2;
    }
    upstream noisy {
        strangler zone=r;
        strangler_override header=X-Ficus-Arm;
        strangler_shadow share=100 noise=5;
        arm v1=v1 weight=100; arm v2=v2;
    }
    upstream none { strangler zone=r; arm v1=v1 weight=100; arm v2=v2; }

    default_type application/json;
    types { text/plain txt; application/problem+json problem; }

    server {
        listen 127.0.0.1:%%PORT_0%% reuseport;
        location / { proxy_pass http://u; }
        location /few/ { proxy_pass http://few; }
        location /noisy/ { strangler_route changing; proxy_pass http://noisy; }
        location /zipped/ { gzip on; gzip_types *; gzip_min_length 1; proxy_pass http://u/; }
    }

    server {
        listen 127.0.0.1:%%PORT_2%%;
        root %%DIR%%/v1;
        location / { add_header X-Told $arg_one; }
        location /few/ { alias %%DIR%%/v1/; }
        location /status { return 200 '{"a": 1}'; }
        location /cookie { add_header Set-Cookie "a=one"; return 200 x; }
        location /noisy/ { return 200 '{"id": "$request_id", "name": "one"}'; }
    }
    server {
        listen 127.0.0.1:%%PORT_3%%;
        root %%DIR%%/v2;
        location / { add_header X-Told $arg_two; }
        location /few/ { alias %%DIR%%/v2/; }
        location /status { return 404 '{"b": 1}'; }
        location /cookie { add_header Set-Cookie "a=two"; return 200 x; }
        location /noisy/ { return 200 '{"id": "$request_id", "name": "two"}'; }
    }

    %%ADMIN%%
}
EOC

$nginx->start;

my $port = $t->port(0);
my %split = map { $_ => Ficus::Split->new($t->port(1), $_) }
    qw(u few noisy none);


sub settled {
    my ($name) = @_;

    return wait_for(15,
        sub { $split{$name}->state->{shadow}{in_flight} == 0 });
}


# the first comparison of a route is that of the baseline with itself

sub asked {
    my ($name, $path, @headers) = @_;

    $split{$name}->ask('DELETE', '/diff');

    for (1 .. 2) {
        get($port, $path, @headers);
        settled($name) or die 'not settled';
    }

    return $split{$name}->ask('GET', '/diff')->{json};
}


sub fields {
    my ($found) = @_;

    return join ' ', sort map {
        my $r = $_;
        map { "$_->{kind}:$_->{field}" } @{$r->{fields}}
    } @{$found->{routes}};
}


sub told {
    my ($name, $one, $two, $file, $query) = @_;

    $file //= 'file';
    $t->write("v1/$file", $one);
    $t->write("v2/$file", $two);

    return asked($name, ($name eq 'u' ? '/' : "/$name/") . $file
        . ($query // ''));
}


sub differs { return fields(told('u', @_)) }


# kinds

is(differs('{"a": 1}', '{"a": 1}'), '', 'equal');
is(differs('{"a":1,"b":[1,{"x":null}]}', ' { "b" : [ 1 , {"x":null} ], "a" : 1.0 }'),
    '', 'spaces, order of members, 1 and 1.0');
is(differs('{"a":1,"b":2}', '{"a":1}'), 'missing:$.b', 'missing');
is(differs('{"a":1}', '{"a":1,"b":2}'), 'extra:$.b', 'extra');
is(differs('{"a":1}', '{"a":"1"}'), 'type:$.a', 'type');
is(differs('{"a":null}', '{"a":1}'), 'type:$.a', 'null is a type');
is(differs('{"a":1}', '{"a":2}'), 'value:$.a', 'number');
is(differs('{"a":9007199254740993}', '{"a":9007199254740992}'), 'value:$.a',
    'large numbers');
is(differs('{"a":18446744073709551615}', '{"a":18446744073709551614}'),
    'value:$.a', 'larger ones');
is(differs('{"a":[18446744073709551616]}', '{"a":[36893488147419103232]}'),
    'value:body', 'beyond 64 bits');
is(differs('{"a":-1}', '{"a":18446744073709551615}'), 'value:$.a',
    'signed, and the same bits without a sign');
is(differs('{"a":[10000000000000000,-9223372036854775808,9223372036854775808]}',
    '{"a":[1e16,-9.223372036854775808e18,9223372036854775808.0]}'), '',
    'whole in another notation');
is(differs('{"a":true}', '{"a":false}'), 'value:$.a', 'boolean');
is(differs('{"a":"x\u0000y"}', '{"a":"x\u0000z"}'), 'value:$.a', 'string');
is(differs('{"a":"\u00e9"}', "{\"a\":\"\xc3\xa9\"}"), '', 'escapes');
is(differs('{"a":[1,2,3]}', '{"a":[3,1,2]}'), 'order:$.a', 'order');
is(differs('{"a":[1,1,2]}', '{"a":[1,2,2]}'), 'value:$.a[*]',
    'not the same elements');
is(differs('{"a":[{"x":1},{"x":2}]}', '{"a":[{"x":2},{"x":1}]}'), 'order:$.a',
    'order of objects');
is(differs('{"a":[1,2]}', '{"a":[1,2,3]}'), 'extra:$.a[*]', 'longer');
is(differs('{"a":[1,2]}', '{"a":[1]}'), 'missing:$.a[*]', 'shorter');
is(differs('{"a":[{"x":{"y":1}},{"x":{"y":2}}]}', '{"a":[{"x":{"y":3}},{"x":{}}]}'),
    'missing:$.a[*].x.y value:$.a[*].x.y', 'deep');
is(differs('[1]', '[2]'), 'value:$[*]', 'an array');
is(differs('1', '2'), 'value:$', 'a number alone');
is(differs('1', '1.0'), '', 'equal alone');
is(differs('null', '"x"'), 'type:$', 'null alone');
is(differs('{"a b":1,"\"":1}', '{"a b":2,"\"":2}'),
    q(value:$['?'] value:$['a b']), 'odd names');
is(differs('{"":1}', '{"":2}'), q(value:$['']), 'the empty name');
is(differs('{"ignored":1,"tag":{"x":1},"tags":1}',
    '{"ignored":2,"tag":{"x":2},"tags":2}'), 'value:$.tags', 'ignored');
is(differs('{"list":[{"ignored":1,"x":1}]}', '{"list":[{"ignored":2,"x":2}]}'),
    'value:$.list[*].x', 'ignored in arrays');


# what is not JSON, or not well-formed

is(differs('text', 'text', 'a.txt'), '', 'text');
is(differs('text', 'test', 'a.txt'), 'value:body', 'other text');
is(differs('{"a":1}', '{"a":2}', 'a.txt'), 'value:body', 'by type');
is(differs('{"a":1}', '{"a":2}', 'a.problem'), 'value:$.a', '+json');
is(differs('{"a":1}', '{"a":1'), 'value:body', 'broken');
is(differs('{"a":1,"a":2}', '{"a":2,"a":2}'), 'value:body', 'a name twice');
is(differs("{\"a\":\"\xff\"}", "{\"a\":\"\xfe\"}"), 'value:body', 'no UTF-8');
is(differs("\0\1\2", "\0\1\3"), 'value:body', 'binary');
is(differs('', ''), '', 'empty');
is(differs('', '{}'), 'value:body', 'one is empty');
is(differs('[' x 40 . ']' x 40, '[' x 40 . '1' . ']' x 40), 'value:body',
    'too deep');
is(differs('[' x 31 . ']' x 31, '[' x 31 . '1' . ']' x 31),
    'extra:$' . '[*]' x 30 . '...', 'as deep as may be');
is(differs('[' x 90000, ']' x 90000), 'value:body', 'large and hostile');
is(differs('x' x 200000, 'x' x 199999 . 'y'), 'value:body',
    'larger than is kept: by hash');
is(differs('x' x 200000, 'x' x 200000), '', 'and equal');

my %many = map { ("n$_" => $_) } 1 .. 500;

is(scalar(split ' ', differs(encode_json(\%many), '{}')), 32,
    'a bounded number of fields');
like(differs('{"' . 'x' x 200 . '":1}', '{"' . 'x' x 200 . '":2}'),
    qr/^value:\$\.\.\.+$/, 'a long name');
is(length((split ' ', differs('{"a":{"' . 'x' x 80 . '":{"' . 'y' x 80 . '":1}}}',
    '{"a":{"' . 'x' x 80 . '":{"' . 'y' x 80 . '":2}}}'))[0]),
    length('value:') + 94, 'a long path');

my $rows = encode_json([ map { { n => $_, s => "s$_" } } 1 .. 2000 ]);

is(differs($rows, $rows =~ s/"s1999"/"s"/r), 'value:$[*].s', 'a long array');


# status and headers

is(fields(asked('u', '/status')), 'value:status',
    'status: the rest is not compared');
is(differs('{}', '{}', 'h', '?one=a&two=b'), 'value:header x-told', 'header');
is(differs('{}', '{}', 'h', '?one=a'), 'missing:header x-told', 'missing');
is(differs('{}', '{}', 'h', '?two=a'), 'extra:header x-told', 'extra');
is(differs('{}', '{}', 'h', '?one=a&two=a'), '', 'the same');
is(fields(told('few', '{}', '{}', 'h', '?one=a&two=b')), '', 'not asked for');


# examples

my $found = told('u', '{"a":1,"email":"me@one","user":{"apiKey":{"k":1}},'
    . '"s":"old","o":{"x":1}}',
    '{"a":2,"email":"me@two","user":{"apiKey":{"k":2}},"o":[1,2]}', 'e',
    '?q=secret&r&s=');
my %field = map { $_->{field} => $_ } @{$found->{routes}[0]{fields}};

is_deeply($field{'$.a'}{examples}, [ {
    at => $field{'$.a'}{examples}[0]{at},
    baseline => '1', other => '2', uri => '/e?q=***&r&s=***',
} ], 'an example');
like($field{'$.a'}{examples}[0]{at}, qr/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/,
    'when');
is_deeply([ @{$field{'$.s'}{examples}[0]}{qw(baseline other)} ],
    [ 'old', undef ], 'missing');
is_deeply([ @{$field{'$.o'}{examples}[0]}{qw(baseline other)} ],
    [ 'object of 1 members', 'array of 2 elements' ], 'no contents');
is_deeply([ @{$field{'$.email'}{examples}[0]}{qw(baseline other)} ],
    [ '***', '***' ], 'masked');
is_deeply([ @{$field{'$.user.apiKey.k'}{examples}[0]}{qw(baseline other)} ],
    [ '***', '***' ], 'masked by a name above');
unlike($split{u}->ask('GET', '/diff')->{body}, qr/me\@|secret/, 'nowhere');

$found = asked('u', '/cookie');
is($found->{routes}[0]{fields}[0]{examples}[0]{baseline}, '***',
    'a masked header');

sub pairs {
    my ($example) = told('u', map { qq({"a":"$_"}) } @_)
        ->{routes}[0]{fields}[0]{examples}[0];

    return join ' | ', @$example{qw(baseline other)};
}

is(pairs('/r?page=1&resetToken=a==&n=1', '/r?page=2&resetToken=b==&n=2'),
    '/r?page=1&resetToken=***&n=1 | /r?page=2&resetToken=***&n=2',
    'arguments of URIs are masked by their names');
is(pairs('n=1; Session=abc; Path=/', 'session='),
    'n=1; Session=***; Path=/ | session=***', 'cookies, too');
is(pairs('x' x 53 . '?token=abcdef&xy', '='), 'x' x 53 . '?token=***& | =',
    'up to the end of an example');
is(pairs('x' x 56 . '?token=abcdef&xy', '='), 'x' x 56 . '?token=* | =',
    'and not beyond it');

$t->write("v$_/f", qq({"email":"me$_"})) for 1, 2;
get($port, '/few/f') for 1 .. 3;
settled('few');
$found = $split{few}->ask('GET', '/diff')->{json};
is(scalar @{$found->{routes}[0]{fields}[0]{examples}}, 1, 'no more than said');
is($found->{routes}[0]{fields}[0]{examples}[0]{baseline}, 'me1', 'mask=');

$found = told('u', '{"a":"' . 'x' x 100 . '"}', '{"a":"y"}');
is($found->{routes}[0]{fields}[0]{examples}[0]{baseline}, 'x' x 64, 'cut');


# which way round

$t->write('v1/w', '{"old":1}');
$t->write('v2/w', '{"new":1}');
is(fields(asked('u', '/w', 'X-Ficus-Arm' => 'v2')),
    'extra:$.new missing:$.old', 'v2 has answered: the baseline is v1 still');

is(fields(asked('u', '/zipped/w', 'Accept-Encoding' => 'gzip')),
    'extra:$.new missing:$.old', 'before it is compressed');


# noise

get($port, '/noisy/x') for 1 .. 60;
settled('noisy');

$found = $split{noisy}->ask('GET', '/diff')->{json};
is($found->{routes}[0]{route}, 'changing', 'the name of the route');
%field = map { $_->{field} => $_ } @{$found->{routes}[0]{fields}};
is($field{'$.id'}{verdict}, 'noise', 'another id each time is noise');
is($field{'$.name'}{verdict}, 'difference', 'another name is a difference');
is($field{'$.name'}{noise}, 0, 'which the baseline never has');
is($found->{compared} + $found->{noise}{compared}, 60, 'each is one of them');
cmp_ok(abs($found->{noise}{compared} - 12), '<=', 2, 'one in five is noise');
is($found->{mismatched}, $found->{compared}, 'the name makes mismatches');
is($found->{ratio}, 1, 'ratio');

get($port, '/noisy/x', 'X-Ficus-Arm' => 'v2') for 1 .. 20;
settled('noisy');
my $more = $split{noisy}->ask('GET', '/diff')->{json};
is($more->{compared} - $found->{compared}, 20, 'v2: always compared');
cmp_ok($more->{noise}{compared}, '>', $found->{noise}{compared},
    'and the baseline with itself');

my $r = get($t->port(1), '/metrics')->{body};
like($r, qr/^ficus_split_diff_total\{split="noisy",route="changing",field="\$\.name",kind="value"\} \d+$/m,
    'metric');
like($r, qr/^ficus_split_shadow_total\{split="noisy",result="compared"\} $more->{compared}$/m,
    'metric of comparisons');
my ($route) = grep { $_->{route} eq 'changing' }
    @{$split{noisy}->ask('GET', '/ledger')->{json}{routes}};
is($route->{compared}, $more->{compared}, 'the ledger knows');
is($route->{mismatched}, $more->{mismatched}, 'mismatches, too');

# without a difference there is nothing but noise
$nginx->reload;
is($split{noisy}->ask('GET', '/diff')->{json}{compared}, $more->{compared},
    'a reload forgets nothing');


# the API

my $etag = $split{noisy}->ask('GET', '')->{headers}{etag};

$r = $split{noisy}->ask('DELETE', '/diff', headers => [ 'If-Match' => '"1"' ]);
is($r->{status}, 412, 'DELETE with a stale If-Match');
is($r->{headers}{'content-type'}, 'application/problem+json', 'says why');
is($split{noisy}->ask('GET', '/diff')->{json}{compared}, $more->{compared},
    'forgets nothing');
is($split{noisy}->ask('DELETE', '/diff',
    headers => [ 'If-Match' => 'none' ])->{status}, 400, 'a bad one');
$r = $split{noisy}->ask('DELETE', '/diff', headers => [ 'If-Match' => $etag ]);
is($r->{status}, 200, 'DELETE with that of now');
is($r->{json}{compared}, 0, 'forgets');
is_deeply($r->{json}{routes}, [], 'all of it');
is_deeply([ sort keys %{$r->{json}} ], [ sort qw(split since compared mismatched
    ratio noise fields_lost dropped routes) ], 'names');
is($split{none}->ask('GET', '/diff')->{status}, 404, 'not without shadows');
is($split{none}->ask('DELETE', '/diff')->{status}, 404, 'nor to delete');
is($split{u}->ask('HEAD', '/diff')->{status}, 200, 'HEAD');
$r = $split{u}->ask('PUT', '/diff', json => {});
is($r->{status}, 405, 'PUT');
is($r->{headers}{allow}, 'GET, HEAD, DELETE', 'Allow');

# more fields than there is room for
$split{u}->ask('DELETE', '/diff');
for my $n (1 .. 4) {
    $t->write("v1/m$n", encode_json({ map { ("m$n-$_" => 1) } 1 .. 30 }));
    $t->write("v2/m$n", '{}');
    get($port, "/m$n") for 1 .. 2;
}
ok(wait_for(15, sub {
    $found = $split{u}->ask('GET', '/diff')->{json};
    return $found->{fields_lost};
}), 'fields without a place are counted');
is(scalar @{$found->{routes}[0]{fields}}, 64, 'a bounded number has one');

$t->done;
