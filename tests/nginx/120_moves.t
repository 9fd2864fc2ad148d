#!/usr/bin/perl

# Copyright (C) Ficus authors

# A change of weights moves the fewest keys, to or from the baseline only.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Test::More;

use Ficus::HTTP;
use Ficus::Nginx;
use Ficus::Run;
use Ficus::Split qw(bucket);

my $t = Ficus::Run->new;
my $nginx = Ficus::Nginx->new($t, <<'EOC')->start;

%%GLOBALS%%
worker_processes 2;

http {
    %%HTTP%%
    %%ARMS%%

    upstream users {
        strangler zone=users:512k;
        strangler_key $arg_id;
        arm v1=users_v1 weight=100;
        arm v2=users_v2;
    }

    upstream three {
        strangler zone=users;
        strangler_key $arg_id;
        arm a=users_v1 weight=10;
        arm b=users_v1 weight=30;
        arm c=users_v1 weight=60 baseline;
    }

    server {
        listen 127.0.0.1:%%PORT_0%%;
        location = /users { return 200 $strangler_users_arm; }
        location = /three { return 200 $strangler_three_arm; }
    }

    %%ADMIN%%
}
EOC

my $keys = 2000;
my $users = Ficus::Split->new($t->port(1), 'users');
my $three = Ficus::Split->new($t->port(1), 'three');


# The arms of all keys, in order.

sub arms {
    my ($path) = @_;

    my $c = Ficus::HTTP->connect($t->port(0));
    my @arms;

    for (my $n = 0; $n < $keys; $n += 100) {
        $c->send(join '', map {
            "GET $path?id=user-$_ HTTP/1.1\r\nHost: x\r\n\r\n"
        } $n .. $n + 99);
        push @arms, map { $c->receive->{body} } 1 .. 100;
    }

    return \@arms;
}


# How many keys went from one arm to another: "a>b 3, ..."

sub moved {
    my ($before, $after) = @_;

    my %moves;

    for my $i (0 .. $keys - 1) {
        if ($before->[$i] ne $after->[$i]) {
            $moves{"$before->[$i]>$after->[$i]"}++;
        }
    }

    return \%moves;
}


# two arms, 100 to 0 in 50 steps and back

my $arms = arms('/users');
my (%returned, %early, %sets);

is(scalar(grep { $_ eq 'v2' } @$arms), 0, 'none at the start');

for (my $p = 98; $p >= 0; $p -= 2) {
    $users->p($p);
    my $now = arms('/users');

    $returned{$p} = 1 if moved($arms, $now)->{'v2>v1'};
    $arms = $sets{$p} = $now;

    # two arms are a threshold: v2 owns the buckets below its weight
    $early{$p} = 1 if grep {
        ($now->[$_] eq 'v2') != (bucket('users', "user-$_") < 100 * (100 - $p))
    } 0 .. $keys - 1;
}

is(join(' ', keys %returned), '', 'no key returned to v1 in 50 steps');
is(join(' ', keys %early), '', 'v2 owns the lowest buckets');
is(scalar(grep { $_ eq 'v1' } @$arms), 0, 'none at the end');

my $other = '';

for (my $p = 0; $p <= 98; $p += 14) {
    $users->p($p);
    $other .= "$p " if "@{$sets{$p}}" ne "@{arms('/users')}";
}

is($other, '', 'the same keys on the way back');


# explain says when

$users->p(60);

my @wrong = grep {
    my $e = $users->explain("user-$_");
    abs($e->{changes_at} - (10000 - bucket('users', "user-$_")) / 100) > 0.001;
} 0 .. 99;
is("@wrong", '', 'changes_at');

my $e = $users->explain('user-7');

$users->p($e->{changes_at});
is($users->explain('user-7')->{arm}, 'v1', 'at changes_at: baseline');
$users->p($e->{changes_at} - 0.01);
is($users->explain('user-7')->{arm}, 'v2', 'below changes_at: the other');


# three arms

my $first = arms('/three');

$three->weights({ a => 20, b => 30, c => 50 });
my $second = arms('/three');
my $moves = moved($first, $second);

is_deeply([ keys %$moves ], [ 'c>a' ], 'growth takes from the baseline alone');
cmp_ok(abs($moves->{'c>a'} - $keys / 10), '<=', 60, 'and the fewest');

$three->weights({ a => 10, b => 30, c => 60 });
is_deeply(arms('/three'), $first, 'shrinking gives back the same');

$three->weights({ a => 30, b => 10, c => 60 });
is_deeply([ sort keys %{moved($first, arms('/three'))} ], [ 'b>a' ],
    'what one arm releases another takes');

$three->weights({ a => 0, b => 0, c => 100 });
is_deeply([ grep { $_ ne 'c' } @{arms('/three')} ], [], 'all to the baseline');

my $slots = 0;
$slots += $_->{slots} for @{$three->state->{arms}};
is($slots, 10000, 'slots add up');

$three->weights({ a => 50, b => 50, c => 0 });
is_deeply([ grep { $_ eq 'c' } @{arms('/three')} ], [], 'none to the baseline');

$t->done;
