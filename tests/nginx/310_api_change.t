#!/usr/bin/perl

# Copyright (C) Ficus authors

# strangler_api: what can be changed, and the bodies that are refused.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Test::More;

use Ficus::HTTP qw(get request parallel);
use Ficus::Nginx;
use Ficus::Run;
use Ficus::Split;

my $t = Ficus::Run->new;
my $nginx = Ficus::Nginx->new($t, <<'EOC');

%%GLOBALS%%
worker_processes 2;

http {
    %%HTTP%%
    %%ARMS%%

    upstream users {
        strangler zone=users:512k state=%%DIR%%/state;
        strangler_key $arg_id;
        arm v1=users_v1 weight=60;
        arm v2=users_v2;
    }

    upstream three {
        strangler zone=users state=%%DIR%%/state;
        arm a=users_v1 weight=10;
        arm b=users_v1 weight=20;
        arm c=users_v2 baseline;
    }

    server {
        listen 127.0.0.1:%%PORT_0%%;
        location / { proxy_pass http://users; }
    }

    %%ADMIN%%
}
EOC

mkdir $t->dir . '/state';
$nginx->start;

my $port = $t->port(1);
my $users = Ficus::Split->new($port, 'users');
my $three = Ficus::Split->new($port, 'three');


# weights

is($users->generation, 1, 'a fresh state file starts at 1');

my $r = $users->weights({ v1 => 40, v2 => 60 });

is($r->{status}, 200, 'weights');
is($r->{json}{generation}, 2, 'a new generation');
is($r->{headers}{etag}, '"2"', 'its ETag');
is($r->{json}{reason}, 'operator', 'reason');
is($r->{json}{changed_by}, '127.0.0.1', 'changed by the address');
is_deeply($r->{json}, $users->state, 'the answer is the new state');
is($users->configured, 'v1=40 v2=60', 'configured');
is($users->state->{arms}[1]{slots}, 6000, 'slots');

is($users->weights({ v2 => 60, v1 => 40 })->{json}{generation}, 3,
    'no change is a new generation');
is($users->weights({ v1 => 0, v2 => 100 })->{status}, 200, 'all');
is(get($t->port(0), '/?id=a')->{body}, 'v2', 'at once');
is($users->weights({ v1 => 100, v2 => 0 })->{status}, 200, 'none');
is(get($t->port(0), '/?id=a')->{body}, 'v1', 'at once again');

is($three->weights({ a => 33.33, b => 33.33, c => 33.34 })->{status}, 200,
    'three arms');
is($three->configured, 'a=33.33 b=33.33 c=33.34', 'two decimals');
is($users->configured, 'v1=100 v2=0', 'the other split has not changed');


# p

$r = $users->p(37.5);
is($r->{status}, 200, 'p');
is_deeply([ map { $_->{configured} } @{$r->{json}{arms}} ], [ 37.5, 62.5 ],
    'both weights');
is($users->ask('PUT', '/p', body => "\n{ \"p\" : 1e1 }\t",
    headers => [ 'Content-Type' => 'Application/JSON; charset=utf-8' ]
    )->{status}, 200, 'blanks, an exponent and a charset');
is($users->configured, 'v1=10 v2=90', 'p as a number with an exponent');
is($users->p(0.01)->{json}{arms}[0]{slots}, 1, 'the least');
is($users->p(0)->{json}{arms}[0]{slots}, 0, 'nothing');
is($users->p(100)->{json}{arms}[0]{slots}, 10000, 'everything');


# reason and author

$r = $users->p(50, 'X-Reason' => "caf\xc3\xa9 is slow",
    'X-Changed-By' => 'Ann <ann@example.com>');
is($r->{json}{reason}, "caf\xe9 is slow", 'reason as given');
is($r->{json}{changed_by}, 'Ann <ann@example.com>', 'author as given');
is($users->history->[0]{reason}, "caf\xe9 is slow", 'reason in the history');
is($users->history->[0]{changed_by}, 'Ann <ann@example.com>',
    'author in the history');
is($users->p(50, 'X-Reason' => 'r' x 128)->{json}{reason}, 'r' x 128,
    'longest reason');
is($users->p(50, 'X-Reason' => "say \"hi\"\\")->{json}{reason}, "say \"hi\"\\",
    'reason with quotes');
is($users->p(50, 'X-Changed-By' => 'b' x 64)->{json}{changed_by}, 'b' x 64,
    'longest author');
is($users->p(50)->{json}{changed_by}, '127.0.0.1', 'no author');


# If-Match

my $g = $users->generation;

is($users->p(41, 'If-Match' => qq("$g"))->{status}, 200, 'If-Match');
$r = $users->p(42, 'If-Match' => qq("$g"));
is($r->{status}, 412, 'stale If-Match');
is($r->{headers}{'content-type'}, 'application/problem+json', 'its type');
is($users->generation, $g + 1, 'stale If-Match: generation as before');
is($users->configured, 'v1=41 v2=59', 'stale If-Match: weights as before');
is($users->p(42, 'If-Match' => '*')->{status}, 200, 'If-Match: any');
$g = $users->generation;
is($users->p(43, 'If-Match' => qq("1", "$g"))->{status}, 200,
    'If-Match: one of a list');
is($users->p(44, 'If-Match' => 'W/"' . $users->generation . '"')->{status}, 412,
    'If-Match: a weak tag never matches');
is($users->weights({ v1 => 1, v2 => 99 }, 'If-Match' => '"1"')->{status}, 412,
    'stale If-Match of weights');
is($users->rollback($g, 'If-Match' => '"1"')->{status}, 412,
    'stale If-Match of a rollback');

for my $round (1 .. 10) {
    $g = $users->generation;

    my @statuses = sort { $a <=> $b } parallel(4, sub {
        $users->p(10 + $_[0], 'If-Match' => qq("$g"))->{status}
    });

    is("@statuses", '200 412 412 412', "four writers, one wins, round $round");
}

my @all = parallel(4, sub { $users->p(20 + $_[0])->{status} });
is("@all", '200 200 200 200', 'four writers without If-Match, all win');


# rollback

$users->weights({ v1 => 12.34, v2 => 87.66 });
$g = $users->generation;
$users->p(99);
$r = $users->rollback($g);
is($r->{status}, 200, 'rollback');
is($users->configured, 'v1=12.34 v2=87.66', 'weights are back');
is($r->{json}{generation}, $g + 2, 'under a new generation');
is($r->{json}{reason}, "rollback to $g", 'reason of a rollback');
is($users->rollback($g, 'X-Reason' => 'panic')->{json}{reason}, 'panic',
    'reason as given');


# Each of these is refused, names what is wrong, and changes nothing.

sub refused {
    my ($split, $method, $path, $body, $status, $field, $value, $name) = @_;

    my $before = $split->state;
    my $r = $split->ask($method, $path, body => $body,
        headers => [ 'Content-Type' => 'application/json' ]);

    is($r->{status}, $status, $name);
    is($r->{headers}{'content-type'}, 'application/problem+json',
        "$name: type");

    if (defined $field) {
        my ($error) = grep { $_->{field} eq $field } @{$r->{json}{errors}};

        ok($error, "$name: names $field") or diag($r->{body});
        like($r->{body}, $value, "$name: names the value") if $value;
        ok(length($error->{code} // '') && length($error->{message} // ''),
            "$name: code and message");
    }

    is_deeply($split->state, $before, "$name: nothing has changed");
}

sub weights { refused($users, 'PUT', '/weights', shift, 400, @_) }

sub p { refused($users, 'PUT', '/p', shift, 400, @_) }

sub rollback { refused($users, 'POST', '/rollback', @_) }


weights('{"v1": 40, "v2": 50}', 'weights', qr/\b90\b/, 'sum of 90');
weights('{"v1": 60, "v2": 60}', 'weights', qr/\b120\b/, 'sum of 120');
weights('{"v1": 99.99, "v2": 0}', 'weights', qr/99\.99/, 'sum of 99.99');
weights('{"v1": -1, "v2": 101}', 'v1', qr/-1/, 'negative');
weights('{"v1": -0.01, "v2": 100.01}', 'v1', qr/-0\.01/, 'a little negative');
weights('{"v1": 101, "v2": -1}', 'v1', qr/\b101\b/, 'above 100');
weights('{"v1": 33.333, "v2": 66.667}', 'v1', qr/33\.333/, 'three decimals');
weights('{"v1": 1e-3, "v2": 99.999}', 'v1', qr/1e-3/,
    'three decimals as an exponent');
weights('{"v1": 40.000000000000000000001, "v2": 60}', 'v1', undef,
    'many decimals');
weights('{"v1": 40, "v3": 60}', 'v3', qr/v3/, 'unknown arm');
weights('{"v1": 100}', 'v2', undef, 'missing arm');
weights('{}', 'v1', undef, 'no arm');
weights('{"v1": "40", "v2": 60}', 'v1', qr/40/, 'weight is a string');
weights('{"v1": null, "v2": 100}', 'v1', undef, 'weight is null');
weights('{"v1": true, "v2": 100}', 'v1', undef, 'weight is true');
weights('{"v1": [40], "v2": 60}', 'v1', undef, 'weight is an array');
weights('{"v1": {}, "v2": 60}', 'v1', undef, 'weight is an object');
weights('{"v1": 1e300, "v2": 0}', 'v1', undef, 'weight is huge');
weights('[40, 60]', undef, undef, 'array for an object');
weights('40', undef, undef, 'number for an object');
weights('null', undef, undef, 'null for an object');
weights('{"' . 'x' x 5000 . '": 1}', undef, undef, 'long arm name');

p('{"p": 101}', 'p', qr/\b101\b/, 'p above 100');
p('{"p": -1}', 'p', qr/-1/, 'p is negative');
p('{"p": 33.333}', 'p', qr/33\.333/, 'p of three decimals');
p('{"p": "40"}', 'p', qr/40/, 'p is a string');
p('{"p": null}', 'p', undef, 'p is null');
p('{}', 'p', undef, 'p is missing');
p('{"p": 40, "q": 1}', 'q', undef, 'unknown member');
p('{"P": 40}', 'P', undef, 'case matters');
refused($three, 'PUT', '/p', '{"p": 40}', 400, undef, undef,
    'p of three arms');

rollback('{"generation": 999999}', 404, undef, undef, 'unknown generation');
rollback('{"generation": 1}', 404, undef, undef, 'generation no longer kept');
rollback('{"generation": 0}', 404, undef, undef, 'generation 0');
rollback('{"generation": -1}', 400, 'generation', qr/-1/,
    'negative generation');
rollback('{"generation": 1.5}', 400, 'generation', qr/1\.5/,
    'broken generation');
rollback('{"generation": "7"}', 400, 'generation', qr/7/,
    'generation is a string');
rollback('{"generation": 1e30}', 400, 'generation', undef, 'huge generation');
rollback('{}', 400, 'generation', undef, 'no generation');
rollback('{"generation": 7, "x": 1}', 400, 'x', undef, 'member too many');


# headers that are refused

sub header_refused {
    my ($header, $value, $name) = @_;

    my $before = $users->state;

    is($users->p(1, $header => $value)->{status}, 400, $name);
    is_deeply($users->state, $before, "$name: nothing has changed");
}

header_refused('X-Reason', 'r' x 129, 'long reason');
header_refused('X-Reason', "\xff", 'reason is not UTF-8');
header_refused('X-Reason', "a\tb\x01", 'reason has a control character');
header_refused('X-Changed-By', 'b' x 65, 'long author');
header_refused('X-Changed-By', "a\x7fb", 'author is not printable');

$t->done;
