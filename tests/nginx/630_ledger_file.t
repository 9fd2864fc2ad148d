#!/usr/bin/perl

# Copyright (C) Ficus authors

# The ledger outlives restarts; a damaged file is kept aside; one that cannot
# be written disturbs no request.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Compress::Raw::Zlib qw(crc32);
use Test::More;
use Time::HiRes qw(sleep time);

use Ficus::HTTP qw(get);
use Ficus::Nginx;
use Ficus::Run qw(wait_for);
use Ficus::Split;

my $t = Ficus::Run->new(allow => [ qr/corrupt|ledger|state directory/ ]);
my $state = $t->dir . '/state';

mkdir $state;

my $conf = <<'EOC';

%%GLOBALS%%
worker_processes 2;

http {
    %%HTTP%%
    %%ARMS%%

    upstream users {
        strangler zone=users:512k state=%%DIR%%/state;
        strangler_key $arg_id;
        strangler_override header=X-Ficus-Arm;
        strangler_ledger every=1s;
        arm v1=users_v1 weight=0;
        arm v2=users_v2;
    }

    server {
        listen 127.0.0.1:%%PORT_0%%;
        location /a/ { proxy_pass http://users; }
        location "/b \"%/" { strangler_pin v1; proxy_pass http://users; }
        location /c/ { proxy_pass http://users; }
    }

    %%ADMIN%%
}
EOC

my $nginx = Ficus::Nginx->new($t, $conf)->start;
my $users = Ficus::Split->new($t->port(1), 'users');

sub ledger { return $users->ask('GET', '/ledger')->{json} }

sub route {
    my ($name) = @_;
    my ($route) = grep { $_->{route} eq $name } @{ledger()->{routes}};
    return $route;
}

sub counts {
    return join ' ', map {
        "$_->{route}=$_->{requests}{v1},$_->{requests}{v2},$_->{pinned}{v1}"
    } sort { $a->{route} cmp $b->{route} } @{ledger()->{routes}};
}

sub ready { return get($t->port(1), '/readyz')->{body} }


# a restart

my $since = ledger()->{since};

get($t->port(0), '/a/') for 1 .. 3;
get($t->port(0), '/a/', 'X-Ficus-Arm' => 'v1');
get($t->port(0), '/b%20%22%25/') for 1 .. 2;

my $last = route('/a/')->{last_baseline};
my $expected = counts();

is($expected, '/a/=1,3,0 /b "%/=2,0,2', 'before');
sleep 1.1;
$nginx->restart;
is(counts(), $expected, 'restart: counts');
is(ledger()->{since}, $since, 'restart: since');
is(route('/a/')->{last_baseline}, $last, 'restart: last need');
cmp_ok(route('/a/')->{baseline_idle_seconds}, '>=', 1, 'restart: idle');
cmp_ok(route('/a/')->{watched_seconds}, '>=', 1, 'restart: watched');

get($t->port(0), '/a/') for 1 .. 2;
$expected = '/a/=1,5,0 /b "%/=2,0,2';
is(counts(), $expected, 'restart: counts on');
like(get($t->port(1), '/metrics')->{body},
    qr/^ficus_split_route_requests_total\{split="users",route="\/a\/",arm="v2"\} 5$/m,
    'restart: metrics');


# kill -9

get($t->port(0), '/a/');
$expected = '/a/=1,6,0 /b "%/=2,0,2';
wait_for(10, sub { $t->read('state/users.ledger') =~ m,name=/a/.*v2=6:, })
    or fail('is written now and then');
$nginx->kill;
$nginx->start;
is(counts(), $expected, 'kill -9: what was written');


# a zone of another size, with and without a route and an arm

$nginx->conf($conf =~ s/users:512k/users:1m/r =~ s/location \/a\//location \/d\//r
    =~ s/arm v2/arm v3=users_v2 weight=0; arm v2/r);
$nginx->reload;
is(counts(), '/b "%/=2,0,2', 'another zone: routes that are there still');
$nginx->conf($conf);
$nginx->restart;
is(counts(), '/b "%/=2,0,2', 'a route that is gone for a restart is forgotten');
get($t->port(0), '/a/') for 1 .. 4;
$nginx->conf($conf =~ s/users:512k/users:1m/r);
$nginx->reload;
is(counts(), '/a/=0,4,0 /b "%/=2,0,2', 'another zone: counts');
is(ledger()->{since}, $since, 'another zone: since');
cmp_ok(route('/b "%/')->{watched_seconds}, '>', route('/a/')->{watched_seconds},
    'another zone: since when a route is watched');
get($t->port(0), '/a/');
is(counts(), '/a/=0,5,0 /b "%/=2,0,2', 'another zone: counts on');
$nginx->conf($conf);
$nginx->restart;
is(counts(), '/a/=0,5,0 /b "%/=2,0,2', 'and a restart');


# damaged files

$nginx->stop;

my $good = $t->read('state/users.ledger');

sub with_crc {
    my ($text) = @_;

    $text =~ s/crc \w+\n\z//;

    return $text . sprintf "crc %08x\n", crc32($text);
}

is(with_crc($good), $good, 'a checksum at its end');

my %damaged = (
    empty => '',
    half => substr($good, 0, length($good) / 2),
    rubbish => "\xff" x 100_000,
    flipped => $good =~ s/v2=5/v2=6/r,
    'of another split' => with_crc($good =~ s/split users/split usurp/r),
    'of another version' => with_crc($good =~ s/ledger 2/ledger 3/r),
    'no numbers' => with_crc($good =~ s/v2=5:/v2=x:/r),
    'too few numbers' => with_crc($good =~ s/v2=5:\d+/v2=5/r),
    'no time of the route' => with_crc($good =~ s/( 0 0 0) \d+/$1/r),
    'too long a name' => with_crc($good =~ s,name=/a/,'name=' . 'a' x 65,er),
    'no since' => with_crc($good =~ s/since \d+/since 0/r),
    'no line end' => with_crc($good =~ s/\n(crc \w+\n)\z/$1/r),
);

for my $name (sort keys %damaged) {
    unlink glob "$state/*.corrupt-*";
    $t->write('logs/nginx-error.log', '');
    $t->write('state/users.ledger', $damaged{$name});

    my ($status) = $nginx->check($conf);

    is($status, 0, "$name: nginx -t");
    is($t->read('state/users.ledger'), $damaged{$name},
        "$name: nginx -t touches nothing");

    $nginx->start;
    is(counts(), '', "$name: begins anew");

    my @aside = glob "$state/users.ledger.corrupt-*";

    is(scalar @aside, 1, "$name: kept aside");
    like($nginx->log, qr/ledger ".*users\.ledger" is corrupt, it was renamed/,
        "$name: logged");
    get($t->port(0), '/c/');
    is(counts(), '/c/=0,1,0', "$name: counts");
    $nginx->stop;
}


# a file that cannot be written, even by root

$t->write('state/users.ledger', $good);
$t->write('logs/nginx-error.log', '');
$nginx->start;
is(counts(), '/a/=0,5,0 /b "%/=2,0,2', 'good again');
like(ready(), qr/"status":"ok"/, 'ready');

unlink "$state/users.ledger.tmp";
mkdir "$state/users.ledger.tmp";
is(get($t->port(0), '/a/')->{status}, 200, 'cannot be written: request');
wait_for(10, sub { $nginx->log =~ /could not be written/ });
like($nginx->log, qr/\[crit\].*ledger ".*users\.ledger" could not be written, requests are counted nevertheless: open\(\) failed \(21: Is a directory\)/,
    'cannot be written: log says why');
is($users->p(1)->{status}, 200, 'cannot be written: weights can');
is(counts(), '/a/=0,6,0 /b "%/=2,0,2', 'cannot be written: counts');
like(ready(), qr/"degraded".*the ledger could not be written/,
    'cannot be written: degraded');
get($t->port(0), '/a/'), sleep 0.2 for 1 .. 12;
is(scalar(() = $nginx->log =~ /could not be written/g), 1, 'logged once');
rmdir "$state/users.ledger.tmp";
get($t->port(0), '/a/');
wait_for(10, sub { $nginx->log =~ /is written again/ })
    or fail('written again');
like(ready(), qr/"status":"ok"/, 'written again: ready');
$nginx->restart;
is(counts(), '/a/=0,19,0 /b "%/=2,0,2', 'written again: restart');

$t->done;
