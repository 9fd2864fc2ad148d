#!/usr/bin/perl

# Copyright (C) Ficus authors

# What the end-to-end tests see with: the readers of YAML and schemas, and the
# judge of answers.  What they must notice, they notice.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use JSON::PP;
use Test::More;

use Ficus::Contract;
use Ficus::Schema;
use Ficus::YAML;

my $json = JSON::PP->new->allow_nonref;


# YAML

is_deeply(Ficus::YAML::parse(<<'EOT'), $json->decode(<<'EOT'), 'a text');
---
# a comment
a: 1          # another
b: 'it''s: x'
c:
  - -1.5
  - x: "q\n"
    y: [a, 'b, c', {d: true}, []]
  - - deep
    - er
'200':
  text: |
    one
      two

    three
  line: >-
    fold
    ed
/a/{b}: {$ref: '#/x/y', none: ~, un: null, no: false}
e: urn:x:y
f: {}
EOT
{ "a": 1, "b": "it's: x", "c": [ -1.5, { "x": "q\n", "y": [ "a", "b, c",
  { "d": true }, [] ] }, [ "deep", "er" ] ], "200": { "text":
  "one\n  two\n\nthree\n", "line": "fold ed" }, "/a/{b}": { "$ref": "#/x/y",
  "none": null, "un": null, "no": false }, "e": "urn:x:y", "f": {} }
EOT

for my $bad ("a: 1\na: 2", "a: {b: 1, b: 2}", "a: *x", "a: &x 1", "a: !!str 1",
             "\ta: 1", "a: 1\n  b: 2", "a: [1, 2", "a: b\n  c", "a: 'x' y",
             "- 1\nb: 2", "a: {b 1}")
{
    ok(!eval { Ficus::YAML::parse($bad); 1 }, "refused: $bad");
}


# Schemas: what fits, what does not.

my $document = { defs => {
    id => { type => 'string', pattern => '^[a-z]+$' } } };
my $schema = Ficus::Schema->new($document);

for my $case (
    [ '{"type":"integer"}', '1', '"1"', '1.5', 'true', 'null' ],
    [ '{"type":"number"}', '1.5', '"1.5"' ],
    [ '{"type":"string"}', '"1"', '1' ],
    [ '{"type":"boolean"}', 'true', '1', '"true"' ],
    [ '{"type":["string","null"]}', 'null', '1' ],
    [ '{"type":"array"}', '[]', '{}' ],
    [ '{"type":"object"}', '{}', '[]' ],
    [ '{"enum":["a",1]}', '1', '"1"', '"b"' ],
    [ '{"const":"a"}', '"a"', '"b"' ],
    [ '{"minimum":1,"maximum":3}', '3', '0', '4' ],
    [ '{"minLength":1,"maxLength":2}', '"ab"', '""', '"abc"' ],
    [ '{"pattern":"^a"}', '"ab"', '"ba"' ],
    [ '{"format":"date-time"}', '"2026-11-21T10:00:00Z"', '"2026-11-21"' ],
    [ '{"required":["a"]}', '{"a":1}', '{"b":1}' ],
    [ '{"properties":{"a":{"type":"string"}}}', '{"b":1}', '{"a":1}' ],
    [ '{"properties":{"a":{}},"additionalProperties":false}', '{"a":1}',
        '{"a":1,"b":2}' ],
    [ '{"additionalProperties":{"type":"string"}}', '{"a":"x"}', '{"a":1}' ],
    [ '{"items":{"type":"string"},"maxItems":2}', '["a","b"]', '[1]',
        '["a","b","c"]' ],
    [ '{"minItems":1}', '"no array"', '[]' ],
    [ '{"uniqueItems":true}', '[1,2]', '[1,1]' ],
    [ '{"allOf":[{"type":"string"},{"minLength":2}]}', '"ab"', '"a"' ],
    [ '{"anyOf":[{"type":"string"},{"minimum":2}]}', '2', '1' ],
    [ '{"oneOf":[{"minimum":1},{"maximum":2}]}', '3', '1.5' ],
    [ '{"not":{"type":"string"}}', '1', '"a"' ],
    [ '{"$ref":"#/defs/id"}', '"a"', '"A"' ],
) {
    my ($node, $good, @bad) = @$case;

    is(join(' ', $schema->check($json->decode($good), $json->decode($node))),
        '', "$good fits $node");
    isnt(join(' ', $schema->check($json->decode($_), $json->decode($node))),
        '', "$_ does not fit $node") for @bad;
}

ok(!eval { $schema->check(1, { typ => 'string' }); 1 }, 'an unknown keyword');
ok(!eval { $schema->check(1, { '$ref' => '#/defs/no' }); 1 }, 'a lost $ref');


# The judge

{
    package Ficus::Nothing;

    sub new { return bless {}, shift }

    sub run { return shift }

    sub allow { }
}

my $api = Ficus::Contract->of(Ficus::Nothing->new);

my %user = (status => 200, headers => { etag => '"1"',
    'content-type' => 'application/json', 'x-service-version' => 'v1' },
    body => '{"userId":"u","email":"a@b","deliveryAddress":"x"}');

my %problem = (status => 503, headers => { 'retry-after' => '1',
    'content-type' => 'application/problem+json', 'x-service-version' => 'v1' },
    body => '{"type":"urn:ficus:problem/busy","title":"t","status":503,'
        . '"detail":"d","message":"d","errors":[]}');


sub wrong {
    my ($answer, $method, $path, %change) = @_;

    my %r = (%$answer, %change, headers => { %{$answer->{headers}},
        %{$change{headers} // {}} });

    delete $r{headers}{$_} for grep { !defined $r{headers}{$_} }
        keys %{$r{headers}};
    $r{json} = eval { $json->decode($r{body}) };
    $api->{wrong} = {};
    $api->judge(\%r, $method, $path);

    return join '; ', sort keys %{$api->{wrong}};
}

my @user = (\%user, 'GET', '/api/users/u?x=1');
my @problem = (\%problem, 'GET', '/api/users/u');

is(wrong(@user), '', 'a good answer');
is(wrong(@problem), '', 'a good problem');
is($api->seen->{'GET /api/users/{userId} 200'}, 1, 'which was seen');

like(wrong(@user, headers => { etag => undef }), qr/no ETag/, 'no ETag');
like(wrong(@user, headers => { etag => '1' }), qr/ETag/, 'a bad ETag');
like(wrong(@user, headers => { 'x-service-version' => undef }),
    qr/no X-Service-Version/, 'no version');
like(wrong(@user, headers => { 'x-service-version' => 'v3' }),
    qr/X-Service-Version/, 'a version that is not there');
like(wrong(@user, headers => { 'content-type' => 'text/html' }), qr/type/,
    'a wrong type');
like(wrong(@user, body => '{"userId":"u"}'), qr/lacks email/, 'no email');
like(wrong(@user, body => '{'), qr/no JSON/, 'no JSON');
like(wrong(@user, status => 201), qr/type/, 'a status without a document');
like(wrong(\%user, 'HEAD', '/api/users/u'), qr/body/, 'HEAD with a body');
like(wrong(\%user, 'GET', '/api/orders/u'), qr/none belongs/,
    'a version where none belongs');
like(wrong(\%user, 'GET', '/elsewhere'), qr/without a document|type/,
    'success of an unknown path');
like(wrong(@problem, status => 504), qr/504/, 'a problem of another status');
like(wrong(@problem, headers => { 'retry-after' => undef }),
    qr/without Retry-After/, 'busy without Retry-After');
like(wrong(@problem, body => $problem{body} =~ s/busy/unknown-outcome/r),
    qr/Retry-After/, 'an unknown outcome with Retry-After');
like(wrong(@problem, body => $problem{body} =~ s/"message":"d",//r),
    qr/lacks message/, 'no message');
like(wrong(\%problem, 'OPTIONS', '/api/users/u', status => 405), qr/no Allow/,
    '405 without Allow');
like(wrong({ status => 0, error => 'late', headers => {}, body => '' }, 'GET',
    '/'), qr/late/, 'no answer at all');

done_testing();
