#!/usr/bin/perl

# Copyright (C) Ficus authors

# GET slots: enough to tell without nginx where a key goes.

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
        strangler zone=users:512k "salt=pinch \"of\" ü";
        strangler_key $cookie_uid $user_id $other_id;
        arm old=users_v1 weight=60 baseline;
        arm mid=users_v2 weight=30;
        arm new=users_v2;
    }

    upstream plain {
        strangler zone=users;
        arm v1=users_v1;
        arm v2=users_v2 weight=0;
    }

    server {
        listen 127.0.0.1:%%PORT_0%%;

        location ~ "^/users/(?<user_id>[^/]+)$" { proxy_pass http://users; }
        location ~ ^/x/(?<elsewhere>.+)$ { return 204; }

        location /deep/ {
            location ~ ^/deep/(?<kind>\w+)/(?<other_id>\d+) {
                proxy_pass http://users;
            }
        }
    }

    %%ADMIN%%
}
EOC

my $port = $t->port(1);
my $users = Ficus::Split->new($port, 'users');

sub slots { return get($port, "/api/v1/splits/$_[0]/slots") }

sub table {
    my ($json) = @_;

    my @table;

    for my $run (@{$json->{slots}}) {
        is($run->{first}, scalar @table, "the slots from $run->{first} follow");
        push @table, ($run->{arm}) x $run->{count};
    }

    is(scalar @table, 10000, 'every slot has an owner');

    return \@table;
}


my $r = slots('users');

is($r->{status}, 200, 'status');
is($r->{headers}{'content-type'}, 'application/json', 'type');
is($r->{headers}{etag}, qq("$r->{json}{generation}"), 'ETag');

my $json = $r->{json};

is($json->{split}, 'users', 'name');
is($json->{generation}, $users->state->{generation}, 'generation');
is($json->{baseline}, 'old', 'baseline');
is($json->{hash}, 'murmur2', 'hash');
is(pack('H*', $json->{salt}), 'pinch "of" ' . "\xc3\xbc", 'salt');
is_deeply($json->{key_sources}, [ '$cookie_uid', '$user_id', '$other_id' ],
    'sources of the key');
is_deeply($json->{paths}, [
    { source => '$user_id', regex => '^/users/(?<user_id>[^/]+)$' },
    { source => '$other_id', regex => '^/deep/(?<kind>\w+)/(?<other_id>\d+)' },
], 'the locations that capture one, nested ones too');
is_deeply($json->{arms}, [ map { +{ name => $_->[0], configured => $_->[1] } }
    [ 'old', 60 ], [ 'mid', 30 ], [ 'new', 10 ] ], 'arms');


# The table is that which decides, after any changes.

for my $weights ([ 60, 30, 10 ], [ 50, 10, 40 ], [ 45.5, 30.25, 24.25 ],
    [ 0, 0, 100 ], [ 100, 0, 0 ])
{
    my %w;
    @w{qw(old mid new)} = @$weights;

    is(request($port, 'PUT', '/api/v1/splits/users/weights', json => \%w
        )->{status}, 200, "weights @$weights");

    my $table = table($json = slots('users')->{json});
    my %count;

    $count{$_}++ for @$table;

    is(($count{$_} // 0) / 100, $w{$_}, "$_ has its share") for keys %w;

    my @wrong = grep {
        $table->[$users->explain("u$_")->{bucket}]
            ne $users->explain("u$_")->{arm}
    } 1 .. 200;

    is("@wrong", '', 'explain says the same');
}


$r = slots('plain');
is_deeply([ @{$r->{json}}{qw(key_sources paths)} ], [ [], [] ],
    'a split without a key');
is(pack('H*', $r->{json}{salt}), 'plain', 'whose salt is its name');
is_deeply($r->{json}{slots}, [ { first => 0, count => 10000, arm => 'v1' } ],
    'and whose slots are one run');

is(request($port, 'HEAD', '/api/v1/splits/users/slots')->{status}, 200, 'HEAD');
$r = request($port, 'PUT', '/api/v1/splits/users/slots', json => {});
is($r->{status}, 405, 'reading only');
is($r->{headers}{allow}, 'GET, HEAD', 'as it says');
is(slots('nobody')->{status}, 404, 'no such split');

$t->done;
