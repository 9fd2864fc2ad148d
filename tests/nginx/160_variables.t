#!/usr/bin/perl

# Copyright (C) Ficus authors

# $strangler_NAME_*: what they say, and when.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Test::More;
use Time::HiRes qw(sleep);

use Ficus::Backend qw(http_backend);
use Ficus::HTTP qw(get parallel);
use Ficus::Nginx;
use Ficus::Run;
use Ficus::Split qw(bucket);

my $t = Ficus::Run->new;
my $nginx = Ficus::Nginx->new($t, <<'EOC');

%%GLOBALS%%

http {
    %%HTTP%%
    %%ARMS%%

    log_format arms "$uri [$strangler_users_arm] [$strangler_users_served]"
        " [$strangler_users_upstream] [$strangler_users_decided]"
        " [$strangler_users_bucket]";

    upstream bad_v1 { server 127.0.0.1:%%PORT_4%%; }
    upstream bad_v2 { server 127.0.0.1:%%PORT_5%%; }

    upstream users {
        strangler zone=users:1m;
        strangler_key $arg_id;
        strangler_override header=X-Ficus-Arm;
        arm v1=bad_v1 weight=60;
        arm v2=bad_v2;
    }

    upstream my-users {
        strangler zone=users;
        arm v1=users_v1 weight=100;
        arm v2=users_v2;
    }

    upstream loop {
        strangler zone=users;
        strangler_key $arg_id;
        arm v1=users_v1 weight=50;
        arm v2=users_v2;
    }

    map $strangler_users_arm $mapped { v1 old; v2 new; }

    server {
        listen 127.0.0.1:%%PORT_0%%;
        access_log %%DIR%%/logs/arms.txt arms;
        add_header X-Arm $strangler_users_arm always;
        add_header X-Served $strangler_users_served always;
        add_header X-Upstream $strangler_users_upstream always;
        add_header X-Decided $strangler_users_decided always;
        add_header X-Bucket $strangler_users_bucket always;
        add_header X-Generation $strangler_users_generation always;

        location / { proxy_pass http://users; }
        location = /direct { proxy_pass http://$strangler_users_upstream; }
        location = /map { return 200 $mapped; }
        location = /dash { return 200 $strangler_my_users_arm; }

        location = /untouched {
            add_header X-None none;
            return 200 ok;
        }

        location = /error {
            proxy_pass http://users;
            proxy_intercept_errors on;
            error_page 503 = /page;
        }

        location = /named {
            proxy_pass http://users;
            proxy_intercept_errors on;
            error_page 503 = @named;
        }

        location = /slow {
            set $before "$strangler_users_generation $strangler_users_arm";
            proxy_pass http://users;
            add_header X-Before $before;
            add_header X-After
                "$strangler_users_generation $strangler_users_arm";
        }

        location = /page { internal; return 200 page; }
        location @named { return 200 named; }

        location = /twice {
            set $first $strangler_loop_arm;
            error_page 418 = @twice;
            return 418;
        }

        location @twice { return 200 "$first $strangler_loop_arm"; }
    }

    %%ADMIN%%
}
EOC

http_backend($t, 'v1', $t->port(4));
http_backend($t, 'v2', $t->port(5));
$nginx->start;

my $port = $t->port(0);
my $split = Ficus::Split->new($t->port(1), 'users');

sub headers {
    my ($path, @headers) = @_;

    my $h = get($port, $path, @headers)->{headers};

    return join ' ', map { $h->{$_} // '-' }
        qw(x-arm x-served x-upstream x-decided x-bucket);
}

sub logged {
    my ($uri) = @_;

    my $log = Ficus::Run::wait_for(3, sub {
        return $t->read('logs/arms.txt') =~ /^\Q$uri\E (\[.*)/m ? $1 : '';
    });

    return $log;
}

my ($v1, $v2);

for my $i (1 .. 50) {
    if (bucket('users', "k$i") < 4000) { $v2 = "k$i" } else { $v1 = "k$i" }
}

my ($b1, $b2) = (bucket('users', $v1), bucket('users', $v2));


# each

is(headers("/?id=$v1"), "v1, v1 v1 bad_v1 key $b1", 'key, v1');
is(headers("/?id=$v2"), "v2, v2 v2 bad_v2 key $b2", 'key, v2');
like(headers('/'), qr/^(v\d), \1 \1 bad_\1 keyless -$/, 'keyless');
like(headers("/?id=$v1", 'X-Ficus-Arm' => 'v2'),
    qr/^v2, v2 v2 bad_v2 override /, 'override');
is(get($port, '/')->{headers}{'x-generation'}, $split->generation,
    'generation');
$split->p(60);
is(get($port, '/')->{headers}{'x-generation'}, $split->generation,
    'generation after a change');
is(get($port, "/map?id=$v2")->{body}, 'new', 'in a map');
is(get($port, '/dash')->{body}, 'v1', 'a dash in the name');
is(get($port, "/direct?id=$v2")->{body}, "v2\n", 'as an upstream');
is(headers("/direct?id=$v2"), "v2, v2 v2 bad_v2 key $b2",
    'as an upstream: all');


# when no server answered

is(headers("/?id=$v2", Do => 'close'), "v2 v2 bad_v2 key $b2",
    'no answer: the arm chosen');
is(get($port, "/?id=$v2", Do => 'close')->{status}, 502, 'no answer');


# error_page

is(headers("/error?id=$v2", 'Do-v2' => 'status=503'),
    "v2 v2 bad_v2 key $b2", 'error_page with a URI');
is(headers("/named?id=$v2", 'Do-v2' => 'status=503'),
    "v2 v2 bad_v2 key $b2", 'error_page with a named location');
like(headers("/error?id=$v2", 'X-Ficus-Arm' => 'v1', Do => 'status=503'),
    qr/^v1 v1 bad_v1 override /, 'error_page after an override');

for my $i (1 .. 20) {
    my ($first, $second) = split ' ', get($port, '/twice')->{body};

    is($second, $first, "one decision before and after a jump, $i");
}


# one request, one generation

my ($slow, $change) = parallel(2, sub {
    my ($i) = @_;

    return get($port, "/slow?id=$v1", Do => 'sleep=0.6') if $i == 0;

    sleep 0.2;
    return $split->p(0);
});

is($slow->{headers}{'x-before'}, $change->{json}{generation} - 1 . ' v1',
    'generation of a request that began before a change');
is($slow->{headers}{'x-after'}, $slow->{headers}{'x-before'},
    'the same when it ends');
is($slow->{headers}{'x-arm'}, 'v1', 'and the same arm');
$split->p(60);


# the log asks, but decides nothing

sub requests {
    my $sum = 0;
    $sum += $_->{requests} for @{$split->state->{arms}};

    return $sum;
}

my $before = requests();

is(get($port, '/untouched')->{status}, 200, 'no decision needed');
is(logged('/untouched'), '[-] [-] [-] [-] [-]', 'log: nothing to say');
is(get($port, '/untouched')->{body}, 'ok', 'again');
is(requests(), $before, 'no request counted');
$t->write('logs/arms.txt', '');
is(get($port, "/logged?id=$v2")->{status}, 200, 'with a decision');
is(logged('/logged'), "[v2] [v2] [bad_v2] [key] [$b2]", 'log: all');
is(requests(), $before + 1, 'one request counted');
is(get($port, "/error?id=$v2", 'Do-v2' => 'status=503')->{body}, 'page',
    'with an internal redirect');
is(requests(), $before + 2, 'one request counted, not two');


# bad names

my ($status, $out) = $nginx->check(<<'EOC');

%%GLOBALS%%
http {
    %%HTTP%%
    server { listen 127.0.0.1:%%PORT_0%%; return 200 $strangler_nobody_arm; }
}
EOC

is($status, 1, 'no such split');
like($out, qr/unknown "strangler_nobody_arm" variable/, 'no such split: message');

$t->done;
