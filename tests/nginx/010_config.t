#!/usr/bin/perl

# Copyright (C) Ficus authors

# Every directive: what is accepted, and each message of `nginx -t`.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Test::More;

use Ficus::Nginx;
use Ficus::Run;

my $t = Ficus::Run->new;
my $nginx = Ficus::Nginx->new($t);

mkdir $t->dir . '/state';
$t->write('token', "secret\n");
$t->write('empty', '');
$t->write('newline', "\n");
$t->write('large', 'x' x 5000);


# `nginx -t` of a configuration with these lines in http{} and in server{}.

sub check {
    my ($http, $server) = @_;

    return $nginx->check(<<"EOC");

%%GLOBALS%%
http {
    %%HTTP%%
    %%ARMS%%
    $http
    server {
        listen 127.0.0.1:%%PORT_0%%;
        $server
    }
}
EOC
}


sub accepted {
    my ($http, $server, $name) = @_;

    my ($status, $out) = check($http, $server);

    is($status, 0, $name) or diag($out);
    unlike($out, qr/\[(?:warn|error|emerg)\]/, "$name: no complaint");
}


sub refused {
    my ($http, $server, $regex, $name) = @_;

    my ($status, $out) = check($http, $server);

    is($status, 1, $name);
    like($out, qr/\[emerg\].*(?:$regex)/, "$name: message");
}


# One split named s, with these parameters and these lines in it.

my $two = 'arm v1=users_v1 weight=60; arm v2=users_v2;';

sub one {
    my ($parameters, $lines) = @_;

    return "upstream s { strangler $parameters; $lines }";
}

sub good { accepted(one('zone=z:512k', $_[0]), '', $_[1]) }

sub bad { refused(one('zone=z:512k', $_[0]), '', $_[1], $_[2]) }

sub bad_strangler { refused(one($_[0], $two), '', $_[1], $_[2]) }


# strangler

accepted(one('zone=z:512k', $two), '', 'strangler');
accepted(one('zone=z:256k state=%%DIR%%/state salt=x name=a_-9', $two), '',
    'all parameters');
accepted(one('zone=z:256k state=state', $two), '',
    'state below the prefix');
accepted(one('zone=z:512k', $two) . "upstream t { strangler zone=z; $two }", '',
    'two splits in a zone');
accepted("upstream t { strangler zone=z; $two }" . one('zone=z:512k', $two), '',
    'size after the first use');
accepted("upstream a.b { strangler zone=z:512k name=ab; $two }", '',
    'name for an odd upstream');
accepted(one('zone=z:512k name=' . 'n' x 32, $two), '', 'longest name');
accepted('', 'location / { return 204; }', 'no split at all');

bad_strangler('', 'invalid number of arguments in "strangler" directive',
    'nothing');
bad_strangler('salt=x',
    '"strangler" directive must have the "zone" parameter', 'no zone');
bad_strangler('zone=', 'invalid zone name ""', 'empty zone');
bad_strangler('zone=:512k', 'invalid zone name ":512k"', 'zone without a name');
bad_strangler('zone=z:', 'invalid zone size "z:"', 'zone without a size');
bad_strangler('zone=z:12q', 'invalid zone size "z:12q"', 'odd size');
bad_strangler('zone=z:-1', 'invalid zone size "z:-1"', 'negative size');
bad_strangler('zone=z:8k', 'zone "z:8k" is too small', 'small zone');
bad_strangler('zone=z:32k', 'zone "z" is too small', 'zone too small for this');
bad_strangler('zone=z', 'zero size shared memory zone "z"', 'no size at all');
bad_strangler('zone=z:512k foo=1', 'invalid parameter "foo=1"',
    'unknown parameter');
bad_strangler('zone=z:512k name=', 'invalid split name ""', 'empty name');
bad_strangler('zone=z:512k name=a.b', 'invalid split name "a\.b"', 'odd name');
bad_strangler('zone=z:512k name=' . 'n' x 33, 'invalid split name "n{33}"',
    'long name');
bad_strangler('zone=z:512k state=', 'invalid state directory ""',
    'empty state');
bad_strangler('zone=z:512k state=%%DIR%%/nowhere',
    'state directory ".*/nowhere" of split "s": stat\(\) failed .*No such file',
    'no such state directory');
bad_strangler('zone=z:512k state=%%DIR%%/token',
    'state directory ".*/token" of split "s" is not a directory',
    'state directory is a file');
bad_strangler('zone=z:512k; strangler zone=z:512k',
    '"strangler" directive is duplicate', 'twice');

refused("upstream a.b { strangler zone=z:512k; $two }", '',
    'invalid split name "a\.b"', 'name of the upstream is odd');
refused(one('zone=z:512k', $two) . "upstream t { strangler zone=z name=s; $two }",
    '', 'duplicate split name "s"', 'same name twice');
refused("upstream a-b { strangler zone=z:512k; $two }"
    . "upstream a_b { strangler zone=z; $two }", '',
    'duplicate "strangler_a_b_arm" variable', 'names with the same variables');
refused(one('zone=z:512k', $two) . "upstream t { strangler zone=z:1m; $two }",
    '', 'the size 1048576 of shared memory zone "z" conflicts', 'two sizes');
refused("limit_req_zone \$uri zone=z:512k rate=1r/s;" . one('zone=z', $two), '',
    'shared memory zone "z" is already declared for a different use',
    'zone of another module');
refused('strangler zone=z:512k;', '', '"strangler" directive is not allowed here',
    'outside of an upstream');


# what else may be in the upstream

bad('server 127.0.0.1:1;' . $two, '"server" is not allowed in the split upstream "s"',
    'server');
refused("upstream s { server 127.0.0.1:1; strangler zone=z:512k; $two }", '',
    '"server" is not allowed in the split upstream "s"', 'server before');
bad("zone other 64k; $two", '"zone" is not allowed in the split upstream "s"',
    'zone');
refused("upstream s { zone other 64k; strangler zone=z:512k; $two }", '',
    '"zone" is not allowed in the split upstream "s"', 'zone before');

for my $method ('least_conn', 'ip_hash', 'hash $uri', 'random') {
    bad("$method; $two", 'upstream "s" has a load balancing method after "strangler"',
        "$method");
    refused("upstream s { $method; strangler zone=z:512k; $two }", '',
        'upstream "s" has a load balancing method or "keepalive" before',
        "$method before");
}

refused("upstream s { keepalive 4; strangler zone=z:512k; $two }", '',
    'upstream "s" has a load balancing method or "keepalive" before',
    'keepalive before');
good("$two keepalive 4;", 'keepalive after');


# strangler_breaker

good("$two strangler_breaker;", 'breaker');
good("$two strangler_breaker failures=1 ratio=0.01 volume=1 window=1s open=100ms"
    . ' probes=1 recovery=0;', 'breaker: least');
good("$two strangler_breaker failures=0 ratio=100 volume=1000000 window=1h"
    . ' open=1h probes=1000000 recovery=1h;', 'breaker: most');

for my $p ('failures=', 'failures=x', 'failures=-1', 'failures=1000001',
    'ratio=', 'ratio=101', 'ratio=1.001', 'volume=0', 'window=999ms',
    'window=61m', 'window=x', 'open=99ms', 'open=2h', 'probes=0',
    'recovery=2h', 'recovery=', 'nothing=1', 'failures')
{
    bad("$two strangler_breaker $p;", "invalid parameter \"$p\"", "breaker: $p");
}

bad("$two strangler_breaker failures=0 ratio=0;",
    '"strangler_breaker" directive can never open with "failures=0" and "ratio=0"',
    'breaker that never opens');
bad("$two strangler_breaker; strangler_breaker;",
    '"strangler_breaker" directive is duplicate', 'breaker twice');
refused('upstream s { strangler_breaker; server 127.0.0.1:1; }', '',
    '"strangler_breaker" directive must come after "strangler"',
    'breaker without strangler');


# strangler_generation_header

good("$two strangler_generation_header X-Generation;", 'generation header');
bad("$two strangler_generation_header 'X Y';", 'invalid header name "X Y"',
    'generation header: odd');
bad("$two strangler_generation_header ''; ", 'invalid header name ""',
    'generation header: empty');
bad("$two strangler_generation_header a; strangler_generation_header b;",
    '"strangler_generation_header" directive is duplicate',
    'generation header twice');
refused('upstream s { strangler_generation_header a; server 127.0.0.1:1; }', '',
    '"strangler_generation_header" directive must come after "strangler"',
    'generation header without strangler');


# strangler_ledger, strangler_route

good("$two strangler_ledger quiet=1s every=1s;", 'ledger: least');
good("$two strangler_ledger quiet=3650d every=1d;", 'ledger: most');

for my $p ('quiet=', 'quiet=999ms', 'quiet=11y', 'quiet=x', 'every=',
    'every=999ms', 'every=25h', 'nothing=1')
{
    bad("$two strangler_ledger $p;", "invalid parameter \"$p\"", "ledger: $p");
}

bad("$two strangler_ledger;",
    'invalid number of arguments in "strangler_ledger" directive',
    'ledger of nothing');
bad("$two strangler_ledger quiet=1d; strangler_ledger quiet=2d;",
    '"strangler_ledger" directive is duplicate', 'ledger twice');
refused('upstream s { strangler_ledger quiet=1d; server 127.0.0.1:1; }', '',
    '"strangler_ledger" directive must come after "strangler"',
    'ledger without strangler');

my $split = one('zone=z:512k', $two);

accepted("strangler_route http; $split", 'strangler_route server; location / {'
    . ' strangler_route "a name"; location /x { strangler_route ""; } }',
    'route wherever it may be');
accepted($split, 'strangler_route ' . 'n' x 64 . ';', 'longest route');
refused($split, 'strangler_route ' . 'n' x 65 . ';',
    'invalid route name "n{65}"', 'too long a route');
refused($split, 'strangler_route other;', 'invalid route name "other"',
    'route with the name of all others');
refused($split, "strangler_route \"a\tb\";", 'invalid route name "a.b"',
    'route with a control character');
refused($split, 'strangler_route a; strangler_route b;',
    '"strangler_route" directive is duplicate', 'route twice');


# strangler_rescue

good("$two strangler_rescue;", 'rescue');
good("$two strangler_rescue error timeout invalid_header http_500 http_502"
    . ' http_503 http_504 http_403 http_404 http_429 budget=0 floor=0;',
    'rescue: all');
good("$two strangler_rescue http_503 budget=100 floor=1000000;", 'rescue: most');
good("$two strangler_rescue manual budget=12.34 floor=1;", 'rescue: manual');

for my $p ('http_501', 'non_idempotent', 'off', 'budget=', 'budget=101',
    'budget=x', 'floor=-1', 'floor=', 'floor=1000001', 'manually')
{
    bad("$two strangler_rescue $p;", "invalid parameter \"$p\"", "rescue: $p");
}

bad("$two strangler_rescue manual http_503;",
    '"strangler_rescue" directive has failures, which "error_page" tells with "manual"',
    'rescue: manual with failures');
bad("$two strangler_rescue; strangler_rescue;",
    '"strangler_rescue" directive is duplicate', 'rescue twice');
refused('upstream s { strangler_rescue; server 127.0.0.1:1; }', '',
    '"strangler_rescue" directive must come after "strangler"',
    'rescue without strangler');


# strangler_key

good("$two strangler_key \$arg_id;", 'a key');
good("$two strangler_key " . join(' ', map { "\$arg_$_" } 1 .. 8) . ';',
    'eight keys');
good("$two strangler_key \"\$arg_a:\$arg_b\" \${arg_c}x;", 'complex keys');

bad("$two strangler_key;", 'invalid number of arguments in "strangler_key"',
    'no key');
bad("$two strangler_key " . join(' ', map { "\$arg_$_" } 1 .. 9) . ';',
    '"strangler_key" directive has more than 8 values', 'nine keys');
bad("$two strangler_key \$nobody;", 'unknown "nobody" variable',
    'unknown variable');
bad("$two strangler_key \$arg_a; strangler_key \$arg_b;",
    '"strangler_key" directive is duplicate', 'keys twice');
refused('upstream s { strangler_key $uri; server 127.0.0.1:1; }', '',
    '"strangler_key" directive must come after "strangler"',
    'key without strangler');


# arm

good("arm v1=users_v1 weight=$_; arm v2=users_v2;", "weight $_")
    for '0', '100', '0.01', '99.99', '37.5', '60.00';
good('arm a=users_v1 weight=40; arm b=users_v2 weight=60;', 'both have a weight');
good('arm a=users_v1 weight=40 baseline; arm b=users_v2;', 'baseline');
good('arm a=users_v1; arm b=users_v2 baseline weight=40;', 'baseline first');
good('arm ' . 'a' x 16 . '=users_v1; arm A-_9=users_v2 weight=1;', 'names');
good('arm a=users_v1; ' . join(' ', map { "arm b$_=users_v2 weight=1;" } 1 .. 7),
    'eight arms');
good('arm a=users_v1; arm b=users_v1 weight=1;', 'the same upstream twice');
accepted(one('zone=z:512k', 'arm a=later weight=1; arm b=users_v1;')
    . 'upstream later { server 127.0.0.1:1; }', '', 'upstream defined later');

bad('', 'split "s" needs at least two arms', 'no arm');
bad('arm v1=users_v1;', 'split "s" needs at least two arms', 'one arm');
bad('arm a=users_v1; ' . join(' ', map { "arm b$_=users_v2 weight=1;" } 1 .. 8),
    'arm "b8=users_v2" is one too many for split "s", 8 are allowed',
    'nine arms');
bad('arm v1;', 'invalid arm "v1", it must be "name=upstream"',
    'arm without an upstream');
bad('arm v1=;', 'invalid arm "v1="', 'arm with an empty upstream');
bad('arm =users_v1;', 'invalid arm name ""', 'arm without a name');
bad('arm v.1=users_v1;', 'invalid arm name "v\.1"', 'odd arm name');
bad('arm ' . 'a' x 17 . '=users_v1;', 'invalid arm name "a{17}"',
    'long arm name');
bad('arm a=users_v1 weight=1; arm a=users_v2;', 'duplicate arm "a" in split "s"',
    'same arm twice');
bad('arm a=nowhere; arm b=users_v1 weight=1;',
    'upstream "nowhere" of arm "a" is not defined', 'undefined upstream');
bad("arm v1=users_v1; arm v2=127.0.0.1:80 weight=1;",
    'upstream "127\.0\.0\.1:80" of arm "v2" is not defined', 'address for an upstream');
refused(one('zone=z:512k', $two)
    . 'upstream t { strangler zone=z; arm a=s; arm b=users_v1 weight=1; }', '',
    'upstream "s" of arm "a" is a split itself', 'arm is a split');
bad('arm a=s; arm b=users_v1 weight=1;',
    'upstream "s" of arm "a" is a split itself', 'arm is its own split');
bad("arm v1=users_v1 weight=$_; arm v2=users_v2;",
    "invalid weight \"\Q$_\E\", it must be 0 to 100 with at most two decimals",
    "weight $_")
    for '', '-1', '100.01', '101', '33.333', 'x', '1e1', '5%', '.5', '5.', '0x1',
        '1.2.3', '99999999999999999999';
bad('arm a=users_v1 weight=60; arm b=users_v2 weight=50;',
    'weights of split "s" add up to 110\.00, not 100', 'sum over 100');
bad('arm a=users_v1 weight=60; arm b=users_v2 weight=39.99;',
    'weights of split "s" add up to 99\.99, not 100', 'sum below 100');
bad('arm a=users_v1 weight=60; arm b=users_v2 weight=60; arm c=users_v1;',
    'weights of split "s" add up to 120\.00, not 100', 'sum over 100 with a remainder');
bad('arm a=users_v1; arm b=users_v2;',
    'arms "a" and "b" of split "s" have no weight, only one can take the rem',
    'two without weight');
bad('arm a=users_v1 baseline; arm b=users_v2 weight=1 baseline;',
    'arm "b" is a second baseline of split "s"', 'two baselines');
bad('arm a=users_v1 foo;', 'invalid parameter "foo"', 'unknown parameter');
bad('arm a=users_v1 weight=1 weight=2;', 'invalid parameter "weight=2"',
    'weight twice');
bad('arm;', 'invalid number of arguments in "arm"', 'arm without anything');
refused('upstream s { arm a=users_v1; server 127.0.0.1:1; }', '',
    '"arm" directive must come after "strangler"', 'arm without strangler');


# strangler_override

good("$two strangler_override $_;", "override $_")
    for 'header=X-A', 'cookie=a', 'header=X-A cookie=a if=$arg_t',
        'if=$arg_t cookie=a';

bad("$two strangler_override;", 'invalid number of arguments', 'empty override');
bad("$two strangler_override if=\$arg_t;",
    '"strangler_override" directive must have a "header" or a "cookie" parameter',
    'only if=');
bad("$two strangler_override header=;", 'invalid parameter "header="',
    'empty header');
bad("$two strangler_override cookie=;", 'invalid parameter "cookie="',
    'empty cookie');
bad("$two strangler_override header=X-A if=;", 'invalid parameter "if="',
    'empty if=');
bad("$two strangler_override header=X-A if=1;", 'invalid parameter "if=1"',
    'if= without a variable');
bad("$two strangler_override header=X-A if=\$nobody;",
    'unknown "nobody" variable', 'if= with an unknown variable');
bad("$two strangler_override header=X-A foo=1;", 'invalid parameter "foo=1"',
    'unknown override parameter');
bad("$two strangler_override header=X-A; strangler_override cookie=a;",
    '"strangler_override" directive is duplicate', 'override twice');
refused('upstream s { strangler_override header=a; server 127.0.0.1:1; }', '',
    '"strangler_override" directive must come after "strangler"',
    'override without strangler');


# strangler_pin

accepted("$split strangler_pin v1;", 'strangler_pin $arg_p; location / {
    strangler_pin "x$arg_p"; if ($arg_x) { strangler_pin v2; } }', 'pins');
accepted($split, 'strangler_pin "";', 'empty pin');
refused($split, 'strangler_pin v3;', '"strangler_pin" names "v3", which is no arm of any split',
    'pin to nowhere');
refused($split, 'strangler_pin;', 'invalid number of arguments', 'pin to nothing');
refused($split, 'strangler_pin v1; strangler_pin v2;',
    '"strangler_pin" directive is duplicate', 'pin twice');
refused($split, 'strangler_pin $nobody;', 'unknown "nobody" variable',
    'pin to an unknown variable');


# strangler_api and what belongs to it

accepted($split, 'location /api/v1/ { strangler_api; }', 'API');
accepted('', 'location /api/v1/ { strangler_api; }', 'API without a split');
accepted("$split strangler_api_hosts a b;", 'strangler_api_hosts c;
    location / { strangler_api; strangler_api_hosts d [::1]; }', 'hosts');
accepted("$split strangler_api_token_file %%DIR%%/token;",
    'location / { strangler_api; }', 'token');
accepted($split, 'location = /m { strangler_metrics; }
    location = /r { strangler_ready; }', 'metrics and ready');

accepted("$split strangler_api_token_file %%DIR%%/token;",
    'location /w/ { strangler_api_guard on; return 204; }', 'guard');
accepted($split, 'strangler_api_guard on; location /w/ {
    strangler_api_guard off; return 204; }', 'guard of a server');
refused($split, 'location / { strangler_api_guard yes; }',
    'invalid value "yes" in "strangler_api_guard" directive, it must be "on"',
    'guard is no flag');
refused($split, 'location / { strangler_api_guard on;
    strangler_api_guard on; }', '"strangler_api_guard" directive is duplicate',
    'guard twice');

for my $name ('strangler_api', 'strangler_metrics', 'strangler_ready') {
    refused($split, "location /x/ { $name on; }",
        "invalid number of arguments in \"$name\"", "$name with an argument");
    refused($split, "$name;", "\"$name\" directive is not allowed here",
        "$name outside of a location");
}

refused($split, 'location /x/ { strangler_api; strangler_api; }',
    '"strangler_api" directive is duplicate', 'API twice');
refused($split, 'location = /x { strangler_api; }',
    '"strangler_api" directive needs a location given by a prefix',
    'API in an exact location');
refused($split, 'location ~ /x { strangler_api; }',
    '"strangler_api" directive cannot be used in a location given by a regular',
    'API in a regular expression');
refused($split, 'location @x { strangler_api; }',
    '"strangler_api" directive needs a location given by a prefix',
    'API in a named location');
refused($split, 'strangler_api_hosts;', 'invalid number of arguments',
    'no host');
refused($split, 'strangler_api_hosts "";', 'invalid host name ""',
    'empty host');
refused($split, 'strangler_api_hosts a; strangler_api_hosts b;',
    '"strangler_api_hosts" directive is duplicate', 'hosts twice');
refused($split, 'strangler_api_token_file;', 'invalid number of arguments',
    'no token file');
refused($split, 'strangler_api_token_file %%DIR%%/nowhere;',
    'open\(\) ".*/nowhere" failed .*No such file', 'no such token file');
refused($split, 'strangler_api_token_file %%DIR%%/empty;',
    'token file ".*/empty" is empty', 'empty token file');
refused($split, 'strangler_api_token_file %%DIR%%/newline;',
    'token file ".*/newline" is empty', 'token file with a line feed');
refused($split, 'strangler_api_token_file %%DIR%%/large;',
    'token file ".*/large" is too large', 'large token file');
refused($split, 'strangler_api_token_file %%DIR%%/state;',
    '".*/state" failed .*directory', 'token file is a directory');
refused($split, 'strangler_api_token_file %%DIR%%/token;
    strangler_api_token_file %%DIR%%/token;',
    '"strangler_api_token_file" directive is duplicate', 'token file twice');


# the warning of an API that anybody can reach

sub warns {
    my ($listen, $server, $expected, $name) = @_;

    my ($status, $out) = $nginx->check(<<"EOC");

%%GLOBALS%%
http {
    %%HTTP%%
    %%ARMS%%
    $split
    server { listen $listen; $server }
}
EOC

    is($status, 0, $name);
    is($out =~ /\[warn\].*strangler_api/ ? 'warns' : 'silent', $expected,
        "$name: $expected");
}

my $api = 'location /api/v1/ { strangler_api; }';

warns('127.0.0.1:%%PORT_4%%', $api, 'silent', 'loopback');
warns('127.9.9.9:%%PORT_4%%', $api, 'silent', 'another loopback');
warns('unix:%%DIR%%/api.sock', $api, 'silent', 'a unix socket');
warns('%%PORT_4%%', $api, 'warns', 'all addresses');
warns('0.0.0.0:%%PORT_4%%', $api, 'warns', '0.0.0.0');
warns('127.0.0.1:%%PORT_4%%; listen 0.0.0.0:%%PORT_5%%', $api, 'warns',
    'loopback and all');
warns('%%PORT_4%%', "strangler_api_token_file %%DIR%%/token; $api", 'silent',
    'all addresses, with a token');
warns('%%PORT_4%%', 'location /w/ { strangler_api_guard on; }', 'warns',
    'all addresses, a guard');
warns('%%PORT_4%%', 'location /w/ { strangler_api_guard off; }', 'silent',
    'all addresses, no guard');
warns('%%PORT_4%%', 'location = /metrics { strangler_metrics; }', 'silent',
    'all addresses, metrics alone');

SKIP: {
    skip 'no IPv6', 4 if !-e '/proc/net/if_inet6'
        || ($nginx->check('%%GLOBALS%% http { server { listen [::1]:%%PORT_4%%; } }'))[0];

    warns('[::1]:%%PORT_4%%', $api, 'silent', '::1');
    warns('[::]:%%PORT_4%% ipv6only=on', $api, 'warns', '::');
}

$t->done;
