#!/usr/bin/perl

# Copyright (C) Ficus authors

# GET splits/NAME/ledger and strangler_route: what each route still needs of
# the baseline.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Test::More;
use Time::HiRes qw(sleep time);

use Ficus::Backend qw(http_backend);
use Ficus::HTTP qw(get request);
use Ficus::Nginx;
use Ficus::Run qw(wait_for);
use Ficus::Split;

my $long = '/long/' . 'x' x 70;
my $many = join "\n", map { "location = /many/$_ { proxy_pass http://many; }" }
    1 .. 40;

my $conf = <<"EOC";

%%GLOBALS%%
worker_processes 2;

http {
    %%HTTP%%

    upstream users_v1 { server 127.0.0.1:%%PORT_2%%; }
    upstream users_v2 { server 127.0.0.1:%%PORT_3%%; }

    upstream users {
        strangler zone=users:1m;
        strangler_key \$arg_id;
        strangler_override header=X-Ficus-Arm;
        strangler_rescue;
        strangler_ledger quiet=2s;
        arm v1=users_v1 weight=0;
        arm v2=users_v2;
    }

    upstream slow {
        strangler zone=users;
        arm v1=users_v1 weight=0;
        arm v2=users_v2;
    }

    upstream many {
        strangler zone=users;
        arm v1=users_v1 weight=50;
        arm v2=users_v2;
    }

    server {
        listen 127.0.0.1:%%PORT_0%%;

        location / { proxy_pass http://users; }
        location /api/ {
            proxy_pass http://users;
            location /api/deep/ { proxy_pass http://users; }
            if (\$arg_x) { add_header X-If 1; }
        }
        location = /pin { strangler_pin v1; proxy_pass http://users; }
        location ~ "^/re\\d/\\"x\\"" { proxy_pass http://users; }
        location /named { error_page 404 = \@name; return 404; }
        location \@name { proxy_pass http://users; }
        location /variable { return 200 \$strangler_users_arm; }
        location $long { proxy_pass http://users; }
        location /group/ {
            strangler_route "the group";
            location /group/one { proxy_pass http://users; }
            location /group/two {
                proxy_pass http://users;
                limit_except GET { deny all; }
            }
            location /group/own { strangler_route ""; proxy_pass http://users; }
        }
        location /slow { proxy_pass http://slow; }
        location /joined {
            error_page 418 = \$joined;
            return 418;
        }
        location \@joined_v1 { strangler_pin v1; proxy_pass http://slow; }
        location \@joined_v2 { strangler_pin v2; proxy_pass http://slow; }
        $many
    }

    map \$strangler_slow_arm \$joined { v1 \@joined_v1; default \@joined_v2; }

    server {
        listen 127.0.0.1:%%PORT_4%%;
        set \$early \$strangler_users_arm;
        location /early { proxy_pass http://users; }
        location /nowhere { return 200 \$early; }
    }

    %%ADMIN%%
}
EOC

my $t = Ficus::Run->new;
my $nginx = Ficus::Nginx->new($t, $conf);

http_backend($t, 'v1', $t->port(2));
http_backend($t, 'v2', $t->port(3));
$nginx->start;

my $port = $t->port(0);
my $users = Ficus::Split->new($t->port(1), 'users');

sub ledger {
    my ($name) = @_;

    return Ficus::Split->new($t->port(1), $name // 'users')
        ->ask('GET', '/ledger')->{json};
}

sub routes {
    return { map { ($_->{route} => $_) } @{ledger(@_)->{routes}} };
}


# an empty one

my $r = $users->ask('GET', '/ledger');

is($r->{status}, 200, 'status');
is_deeply($r->{json}{routes}, [], 'no request, no route');
is($r->{json}{split}, 'users', 'split');
is($r->{json}{baseline}, 'v1', 'baseline');
like($r->{json}{since}, qr/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/, 'since');
is($r->{json}{quiet_seconds}, 2, 'what quiet means');
is(ledger('slow')->{quiet_seconds}, 14 * 86400, 'two weeks if not said');
is($users->ask('POST', '/ledger')->{status}, 405, 'is not changed');


# the names of routes

get($port, "/?id=$_") for 1 .. 4;
get($port, '/api/x');
get($port, '/api/x?x=1');
get($port, '/api/deep/x');
get($port, '/pin');
get($port, '/re1/"x"');
get($port, '/named');
get($port, '/variable');
get($port, $long);
get($port, '/group/one');
get($port, '/group/two');
get($port, '/group/own');
get($t->port(4), '/early');
get($t->port(4), '/nowhere');

my $routes = routes();
my ($short) = grep { m,^/long/, } keys %$routes;

is(join("\n", sort keys %$routes), join("\n", sort('/', '/api/', '/api/deep/',
    '= /pin', '~ ^/re\d/"x"', '@name', '/variable', $short, 'the group',
    '/group/own', '/early', 'other')), 'locations are routes');
is(length $short, 64, 'a long name is cut');
like($short, qr/x~[0-9a-f]{8}\z/, 'and told from others');
is($routes->{'/api/'}{requests}{v2}, 2, 'if is no route of its own');
is($routes->{'the group'}{requests}{v2}, 2, 'a name for several locations');
is($routes->{other}{requests}{v2}, 1, 'a decision that led nowhere');
is($routes->{'/early'}{requests}{v2}, 1, 'one made before the location');


# what is told of one

is_deeply($routes->{'/'}{requests}, { v1 => 0, v2 => 4 }, 'requests by arm');
is_deeply($routes->{'/'}{share}, { v1 => 0, v2 => 100 }, 'share');
is_deeply($routes->{'= /pin'}{pinned}, { v1 => 1, v2 => 0 }, 'pinned');
is_deeply($routes->{'= /pin'}{requests}, { v1 => 1, v2 => 0 },
    'pins are requests too');
is($routes->{'/'}{last_baseline}, undef, 'the baseline was never asked');
is_deeply([ @{$routes->{'/'}}{qw(rescued compared mismatched)} ], [ 0, 0, 0 ],
    'nothing rescued or compared');

get($port, '/', 'X-Ficus-Arm' => 'v1') for 1 .. 2;
$routes = routes();
is_deeply($routes->{'/'}{requests}, { v1 => 2, v2 => 4 }, 'an override');
is_deeply($routes->{'/'}{share}, { v1 => 33.33, v2 => 66.67 }, 'share');
like($routes->{'/'}{last_baseline}, qr/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/,
    'the baseline was asked');
is($routes->{'/'}{verdict}, 'needed', 'needed');
like($routes->{'/'}{says}, qr/^v1 was needed on this route \d seconds? ago$/,
    'needed: in words');

get($port, '/api/x', 'Do-v2' => 'status=503');
$routes = routes();
is($routes->{'/api/'}{rescued}, 1, 'rescued');
is_deeply($routes->{'/api/'}{requests}, { v1 => 0, v2 => 3 },
    'is a request of the arm that failed it');
ok(defined $routes->{'/api/'}{last_baseline}, 'but has needed the baseline');
is($routes->{'/api/'}{verdict}, 'needed', 'rescued: needed');


# verdicts

my $api;

for my $try (1 .. 100) {
    get($port, '/');
    $api = routes();
    last if $api->{'/'}{verdict} eq 'unneeded';
    sleep 0.1;
}

is($api->{'/'}{verdict}, 'unneeded', 'unneeded when the baseline is not asked');
like($api->{'/'}{says},
    qr/^nothing has needed v1 on this route for \d seconds$/,
    'unneeded: in words');
cmp_ok($api->{'/'}{baseline_idle_seconds}, '>=', 2, 'idle');
cmp_ok($api->{'/'}{watched_seconds}, '>=', 2, 'watched');

for my $try (1 .. 100) {
    last if routes()->{'/api/deep/'}{says} =~ /^no request/;
    sleep 0.1;
}

is(routes()->{'/api/deep/'}{verdict}, 'unneeded',
    'unneeded when nobody is asked');
like(routes()->{'/api/deep/'}{says},
    qr/^no request at all on this route for \d seconds$/,
    'nobody is asked: in words');

get($port, '/', 'X-Ficus-Arm' => 'v1');
is(routes()->{'/'}{verdict}, 'needed', 'needed again');

get($port, '/slow');
like(routes('slow')->{'/slow'}{says},
    qr/^nothing has needed v1 on this route yet, watched for \d+ seconds? of 14 days$/,
    'too short a time: in words');
is(routes('slow')->{'/slow'}{verdict}, 'watching', 'too short a time');


# arms that error_page joins

get($port, '/joined');
is(join(' ', sort keys %{routes('slow')}), '/joined /slow',
    'the location that asked first is the route');
is_deeply(routes('slow')->{'/joined'}{pinned}, { v1 => 0, v2 => 0 },
    'its pins are none to it');


# more routes than there are places

is(get($port, "/many/$_")->{status}, 200) for 1 .. 40;
$routes = routes('many');
is(scalar keys %$routes, 33, 'places');
is($routes->{other}{requests}{v1} + $routes->{other}{requests}{v2}, 8,
    'the others share one');


# metrics

my $metrics = get($t->port(1), '/metrics')->{body};

cmp_ok(index($metrics, q(ficus_split_route_requests_total{split="users",)
    . q(route="~ ^/re\\\\d/\"x\"",arm="v2"} 1)), '>', 0, 'metric, requests');
like($metrics, qr/^ficus_split_route_rescued_total\{split="users",route="\/api\/"\} 1$/m,
    'metric, rescued');
like($metrics, qr/^ficus_split_route_baseline_timestamp_seconds\{split="users",route="= \/pin"\} [1-9]\d{9}$/m,
    'metric, last time');
is_deeply({ $metrics =~ /^ficus_split_route_verdict\{split="slow",route="\/slow",verdict="(\w+)"\} ([01])$/mg },
    { needed => 0, watching => 1, unneeded => 0 }, 'metric, verdict');
unlike($metrics, qr/^ficus_split_route.*route="= \/many\/40"/m,
    'metrics are bounded');


# reload

my $sum = sub {
    my $n = 0;
    $n += $_->{requests}{v1} + $_->{requests}{v2} for @{ledger()->{routes}};
    return $n;
};
my $before = $sum->();
my $since = ledger()->{since};

$conf =~ s,location = /pin,location = /added, or die;
$conf =~ s,(?=location /named),location = /later { proxy_pass http://users; }\n,
    or die;
$conf =~ s,worker_processes 2,worker_processes 5, or die;
$nginx->conf($conf);
$nginx->reload;

get($port, '/added', Connection => 'close') for 1 .. 20;
$routes = routes();
is($routes->{'= /added'}{pinned}{v1}, 20, 'a new route, more processes');
ok(!exists $routes->{'= /pin'}, 'a route that is gone is not told');

get($port, '/later');
$routes = routes();
my $watched = $routes->{'= /later'}{watched_seconds};
cmp_ok($watched, '<', $routes->{'/'}{watched_seconds},
    'a route that came later is watched for less long than the ledger is old');
is($routes->{'= /later'}{verdict}, $watched < 2 ? 'watching' : 'unneeded',
    'which its verdict goes by');
is($sum->(), $before + 21 - 1, 'the others are as before');
is(ledger()->{since}, $since, 'since the same time');

$conf =~ s,worker_processes 5,worker_processes 1, or die;
$conf =~ s,location = /added,location = /pin, or die;
$nginx->conf($conf);
$nginx->reload;

get($port, '/pin') for 1 .. 3;
is(routes()->{'= /pin'}{requests}{v1}, 4, 'a route that is there again');

$t->done;
