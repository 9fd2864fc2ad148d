#!/usr/bin/perl

# Copyright (C) Ficus authors

# strangler_api: what can be read.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Test::More;

use Ficus::HTTP qw(get request);
use Ficus::Nginx;
use Ficus::Run;
use Ficus::Split qw(bucket);

my $t = Ficus::Run->new;
my $nginx = Ficus::Nginx->new($t, <<'EOC')->start;

%%GLOBALS%%

http {
    %%HTTP%%
    %%ARMS%%

    upstream users {
        strangler zone=users:512k;
        strangler_key $cookie_uid "$arg_a-$arg_b";
        arm v1=users_v1 weight=62.5;
        arm v2=users_v2;
    }

    upstream second {
        strangler zone=users name=other-1;
        arm new=users_v2 weight=10;
        arm mid=users_v1 weight=20;
        arm old=users_v1 baseline;
    }

    server {
        listen 127.0.0.1:%%PORT_0%%;
        location = /arm { return 200 $strangler_users_arm; }
    }

    %%ADMIN%%

    server {
        listen 127.0.0.1:%%PORT_4%%;
        location /deep/er/ { strangler_api; }
    }
}
EOC

my $port = $t->port(1);
my $users = Ficus::Split->new($port, 'users');
my $other = Ficus::Split->new($port, 'other-1');


sub api { return get($port, "/api/v1$_[0]") }

sub problem {
    my ($r, $status, $name) = @_;

    is($r->{status}, $status, $name);
    is($r->{headers}{'content-type'}, 'application/problem+json',
        "$name: type");
    is($r->{json}{status}, $status, "$name: status in the body");
    ok(length($r->{json}{title} // '') && length($r->{json}{type} // ''),
        "$name: title and type");
    unlike($r->{body}, qr,/(?:tmp|etc|home)/,, "$name: no path");
}


# one split

my $r = api('/splits/users');
my $state = $r->{json};

is($r->{status}, 200, 'state');
is($r->{headers}{'content-type'}, 'application/json', 'type');
is($r->{headers}{etag}, qq("$state->{generation}"), 'the generation is the ETag');
like($r->{headers}{'cache-control'} // '', qr/no-(?:store|cache)/, 'not cached');
is($state->{name}, 'users', 'name');
is($state->{baseline}, 'v1', 'baseline');
is_deeply($state->{key_sources}, [ '$cookie_uid', '$arg_a-$arg_b' ],
    'key sources');
is($state->{reason}, 'configuration', 'reason');
like($state->{changed_at}, qr/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z$/,
    'changed_at');
ok(exists $state->{changed_by}, 'changed_by');
ok(exists $state->{ramp} && !defined $state->{ramp}, 'no ramp');
ok(exists $state->{shadow} && !defined $state->{shadow}, 'no shadow');

# without a state file a fresh start counts from the clock
cmp_ok(abs($state->{generation} - time * 1000), '<', 60000, 'generation');

my $arm = $state->{arms}[0];

is($arm->{name}, 'v1', 'arm');
like($r->{body}, qr/"configured": ?62\.50,/, 'configured, two decimals');
like($r->{body}, qr/"effective": ?37\.50,/, 'effective, two decimals');
is($arm->{slots}, 6250, 'slots');
is($arm->{state}, 'closed', 'arm is closed');
is($arm->{requests}, 0, 'requests');
is($arm->{failures}, 0, 'failures');
is($state->{arms}[1]{configured}, 37.5, 'the arm without weight has the rest');

get($t->port(0), '/arm?a=1') for 1 .. 3;
$state = $users->state;
is($state->{arms}[0]{requests} + $state->{arms}[1]{requests}, 3,
    'requests are counted');

$state = $other->state;
is($state->{baseline}, 'old', 'baseline as said');
is(join(' ', map { "$_->{name}=$_->{configured}" } @{$state->{arms}}),
    'new=10 mid=20 old=70', 'three arms in order');
is_deeply($state->{key_sources}, [], 'no key source');


# all

$r = api('/splits');
is($r->{status}, 200, 'all splits');
is_deeply([ map { $_->{name} } @{$r->{json}} ], [ 'users', 'other-1' ],
    'their names');
is($r->{json}[1]{arms}[2]{configured}, 70, 'a whole state each');


# HEAD, conditional

$r = request($port, 'HEAD', '/api/v1/splits/users');
is($r->{status}, 200, 'HEAD');
is($r->{headers}{etag}, q(") . $users->generation . q("),
    'HEAD has an ETag');
cmp_ok($r->{headers}{'content-length'}, '>', 100, 'HEAD has a length');
is(request($port, 'HEAD', '/api/v1/splits')->{status}, 200, 'HEAD of all');
is(request($port, 'HEAD', '/api/v1/splits/users/explain?key=a')->{status}, 200,
    'HEAD of explain');
is(request($port, 'HEAD', '/api/v1/splits/users/history')->{status}, 200,
    'HEAD of history');


# explain

my $e = $users->explain('user-1');
my $bucket = bucket('users', 'user-1');

is($e->{key}, 'user-1', 'explain: key');
is($e->{bucket}, $bucket, 'explain: bucket');
is($e->{arm}, $bucket < 3750 ? 'v2' : 'v1', 'explain: arm');
is($e->{rule}, 'key', 'explain: rule');
is($e->{changes_at}, (10000 - $bucket) / 100, 'explain: changes_at');

is($users->explain('a b%/"' . "\n")->{key}, 'a b%/"' . "\n",
    'explain: key is unescaped');
is(api('/splits/users/explain?key=a+b')->{json}{key}, 'a+b',
    'explain: plus is a plus');
is($users->explain("\xc3\xa9")->{key}, "\xe9", 'explain: key of UTF-8');

$e = $other->explain('user-1');
like($e->{arm}, qr/^(?:new|mid|old)$/, 'explain: three arms');
ok(exists $e->{changes_at} && !defined $e->{changes_at},
    'explain: no threshold for three arms');

problem(api('/splits/users/explain'), 400, 'explain: no key');
problem(api('/splits/users/explain?key='), 400, 'explain: empty key');
problem(api('/splits/users/explain?key=%zz'), 400, 'explain: bad escape');


# history

my $history = $users->history;

is(scalar @$history, 1, 'history at the start');
is($history->[0]{generation}, $users->generation, 'history: generation');
is_deeply($history->[0]{weights}, { v1 => 62.5, v2 => 37.5 },
    'history: weights');
is($history->[0]{reason}, 'configuration', 'history: reason');
ok(exists $history->[0]{changed_at} && exists $history->[0]{changed_by},
    'history: when and who');

my @generations;

for my $p (1 .. 40) {
    push @generations, $users->p($p)->{json}{generation};
}

$history = $users->history;
is(scalar @$history, 32, 'history keeps 32');
is_deeply([ map { $_->{generation} } @$history ],
    [ reverse @generations[8 .. 39] ], 'newest first');
is($history->[0]{weights}{v1}, 40, 'newest weight');


# what is not there

problem(api($_), 404, $_) for '/', '/nothing', '/splits/', '/splits/nobody',
    '/splits/nobody/history', '/splits/users/', '/splits/users/nothing',
    '/splits/users/history/1', '/splits/user', '/splits/users2',
    '/splits/users/shadows', '/splits/users/diffs',
    '/splits/users/ledgers', '/splits/second';

problem(request($port, 'PUT', '/api/v1/splits/nobody/p', json => { p => 1 }),
    404, 'change of an unknown split');


# below another prefix

is(get($t->port(4), '/deep/er/splits/users')->{status}, 200, 'other prefix');
is(get($t->port(4), '/deep/er/api/v1/splits')->{status}, 404,
    'the prefix is the location');

$t->done;
