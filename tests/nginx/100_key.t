#!/usr/bin/perl

# Copyright (C) Ficus authors

# strangler_key: which key, which bucket, which arm.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Test::More;

use Ficus::HTTP qw(get);
use Ficus::Nginx;
use Ficus::Run;
use Ficus::Split qw(bucket);

my $t = Ficus::Run->new;
my $nginx = Ficus::Nginx->new($t, <<'EOC');

%%GLOBALS%%
worker_processes 2;

http {
    %%HTTP%%
    large_client_header_buffers 4 32k;
    %%ARMS%%

    upstream users {
        strangler zone=users:512k salt=pepper;
        strangler_key $cookie_uid $http_x_user_id $id;
        arm v1=users_v1 weight=60;
        arm v2=users_v2;
    }

    upstream salted {
        strangler zone=users;
        strangler_key $arg_id;
        arm v1=users_v1 weight=60;
        arm v2=users_v2;
    }

    upstream composed {
        strangler zone=users;
        strangler_key "$arg_a-$arg_b";
        arm v1=users_v1 weight=60;
        arm v2=users_v2;
    }

    server {
        listen 127.0.0.1:%%PORT_0%%;

        location ~ ^/api/users/(?<id>[^/]*)$ { proxy_pass http://users; }
        location = /bucket { return 200 "$strangler_users_bucket"; }
        location = /salted { return 200 "$strangler_salted_bucket"; }
        location = /composed { return 200 "$strangler_composed_bucket"; }
        location = /decided {
            return 200 "$strangler_users_arm $strangler_users_decided";
        }
    }

    %%ADMIN%%
}
EOC

$nginx->start;

my $port = $t->port(0);
my $users = Ficus::Split->new($t->port(1), 'users');
my $salted = Ficus::Split->new($t->port(1), 'salted');

sub arm_of { return bucket('pepper', $_[0]) < 4000 ? 'v2' : 'v1' }

sub key {
    my ($key) = @_;

    return get($port, '/bucket', 'X-User-Id' => $key)->{body};
}


# the bucket

is(key('user-1'), bucket('pepper', 'user-1'), 'bucket');
is(get($port, '/salted?id=user-1')->{body}, bucket('salted', 'user-1'),
    'salt is the name of the split');
isnt(bucket('salted', 'user-1'), bucket('pepper', 'user-1'), 'salt matters');
is(get($port, '/composed?a=1&b=2')->{body}, bucket('composed', '1-2'),
    'complex value');

my @wrong = grep { key("k$_") != bucket('pepper', "k$_") } 1 .. 100;
is("@wrong", '', 'buckets of 100 keys');

for my $length (1 .. 9) {
    my $key = 'x' x $length;
    is(key($key), bucket('pepper', $key), "key of $length bytes");
}


# the arm

@wrong = grep {
    get($port, "/api/users/u$_")->{body} ne arm_of("u$_")
} 1 .. 200;
is("@wrong", '', 'arms of 200 keys');

@wrong = grep { $users->explain("u$_")->{arm} ne arm_of("u$_") } 1 .. 100;
is("@wrong", '', 'explained arms of 100 keys');


# the first source that is not empty

my %id = map { arm_of("n$_") => "n$_" } 1 .. 100;

is(get($port, "/api/users/$id{v2}")->{body}, 'v2', 'path');
is(get($port, "/api/users/$id{v2}", 'X-User-Id' => $id{v1})->{body}, 'v1',
    'header before path');
is(get($port, "/api/users/$id{v1}", 'X-User-Id' => $id{v1},
    Cookie => "uid=$id{v2}")->{body}, 'v2', 'cookie before header');
is(get($port, "/api/users/$id{v2}", 'X-User-Id' => '',
    Cookie => 'uid=')->{body}, 'v2', 'empty ones are passed over');
like(get($port, '/decided')->{body}, qr/^v\d keyless$/, 'no key at all');
is(get($port, '/decided', Cookie => "uid=$id{v2}")->{body}, 'v2 key',
    'decided by key');


# keys of any bytes

for my $key ("\x80\xff\xfe", "\xc0\xaf", "na\xc3\xafve", 'a b', '%00', "\t\x7f\t",
    '"\\{}', 'x' x 8192)
{
    my $name = length $key > 100 ? 'key of 8 KB'
        : 'key of bytes ' . unpack 'H*', $key;
    my $stripped = $key =~ s/^[ \t]+|[ \t]+$//gr;

    is(get($port, '/bucket', 'X-User-Id' => "k$key.")->{body},
        bucket('pepper', "k$key."), $name);
}

for my $key ("\xff\x00\x80", "a\x00b", "\x01", 'x' x 2000) {
    my $name = 'explained key of bytes ' . substr unpack('H*', $key), 0, 16;
    my $explained = $users->explain($key);

    is($explained->{bucket}, bucket('pepper', $key), $name);
}

is_deeply([ map { $_->{name} } @{$users->state->{arms}} ], [ 'v1', 'v2' ],
    'still there');

$t->done;
