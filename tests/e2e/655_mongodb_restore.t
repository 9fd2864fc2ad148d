#!/usr/bin/perl

# Copyright (C) Ficus authors

# A database of MongoDB is put back to what it was, and ficusctl raises its
# versions: what was there is there again, nobody sees a version go back, and
# orders are in step.  A copy of FerretDB's files is the backup.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use File::Path qw(remove_tree);
use Test::More;

use Ficus::Contract qw(decode);
use Ficus::Mongo;
use Ficus::Run qw(wait_for);
use Ficus::System;

my $users = 40;
my $step = 2 ** 32;

my $s = Ficus::System->new;
my $run = $s->run;
my $m = Ficus::Mongo->new($run, 9);

plan(skip_all => 'not our server') if !$m->ours;

my $name = "ficus-e2e-$$";
my $backup = $run->dir . '/backup';
my $ctl = Ficus::System->program('ficusctl');
my %seen;                       # the newest version of each path

$s->{env}{FICUS_STORE} = $m->uri($name);

my $api = Ficus::Contract->of($s->start);

is($api->ask('POST', '/api/users/batch', json => [ map { { userId => "u$_",
    email => "u$_\@old.example", deliveryAddress => '0' } } 1 .. $users ])
    ->{status}, 200, "$users users");
level('at first');
$api->order(orderId => "o$_", userId => "u$_") for 1 .. 3;
$api->ask('DELETE', "/api/users/u$users", arm => 'v2');
change('u1', '1');
in_step('at first');

offline(sub {
    system('cp', '-a', $m->{dir}, $backup) == 0 or die 'cp';
    $m->start;
});

change($_, 'lost') for 'u1', 'u1', 'u2';
change("u3", "lost $_") for 1 .. 5;
my $late = $api->user(userId => 'late');
look("/api/users/$late->{userId}");
$api->ask('DELETE', '/api/users/u4', arm => 'v2');
in_step('before it is lost');

refused('users', undef, 2, qr/FICUS_STORE must be/, 'no URI');
refused('users', 'sqlite:x', 2, qr/FICUS_STORE must be/, 'not MongoDB');
refused('fig', $m->uri("${name}_users"), 2, qr/one of users orders$/,
    'no such service');

for my $time (1, 2) {
    offline(sub {
        put_back();
        refused('users', $m->uri("${name}_orders"), 1,
            qr/is not the database of users/, 'the copy of the users');
        refused('orders', $m->uri("${name}_users"), 1,
            qr/is not the database of orders/, 'no orders');
        refused('users', $m->uri("${name}_none"), 1,
            qr/is not a database of Ficus/, 'no database');

        my ($rc, $text) = ctl($m->uri("${name}_users"), "--raise=$time",
            'users');

        is($rc, 0, "$time: users are raised") or diag($text);
        like($text, qr/^users   $users documents, versions above @{[
            $step * $time ]}$/m, "$time: all, tombstones too");

        ($rc, $text) = ctl($m->uri("${name}_orders"), "--raise=$time",
            '--json', 'orders');
        is_deeply(decode($text), { name => 'orders', documents => 3,
            base => $step * $time }, "$time: orders are");
    });

    is(look('/api/users/u1')->{json}{deliveryAddress}, '1',
        "$time: the state of the backup");
    look("/api/users/u$_") for 2 .. $users;
    look("/api/orders/o$_") for 1 .. 3;
    is($api->ask('GET', "/api/users/$late->{userId}")->{status}, 404,
        "$time: what was made later is gone");
    is($api->ask('GET', "/api/users/u$users")->{status}, 404,
        "$time: who was deleted stays so");
    in_step("$time: restored");
    cmp_ok(change($_, "again $time"), '>', $step * $time,
        "$time: $_ can be changed") for 'u1', 'u2', 'u3';
    cmp_ok(version($api->user(userId => "new$time")), '>', $step * $time, "$time: a new one is above");
    in_step("$time: and changed");
}

refused('users', 'mongodb://127.0.0.1:1/x', 3, qr/do it again/, 'no server');
$api->done;


# The code starts the server again.

sub offline {
    my ($code) = @_;

    $s->stop;
    $m->kill;
    $code->();
    $s->start;
}


sub put_back {
    remove_tree($m->{dir});
    system('cp', '-a', $backup, $m->{dir}) == 0 or die 'cp';
    $m->start;
}


sub ctl {
    my ($uri, @args) = @_;

    local $ENV{FICUS_STORE} = $uri;
    delete $ENV{FICUS_STORE} if !defined $uri;

    my $text = `$ctl restore --mongodb @args 2>&1`;

    return ($? >> 8, $text);
}


sub refused {
    my ($service, $uri, $rc, $why, $what) = @_;

    my ($is, $text) = ctl($uri, $service);

    is($is, $rc, "refused: $what");
    like($text, $why, 'and why');
}


sub version {
    my ($r) = @_;

    return ($r->{etag} // $r->{headers}{etag} // '') =~ /^"(\d+)"$/ ? $1 : 0;
}


# GET; versions only rise.

sub look {
    my ($path) = @_;

    my $r = $api->ask('GET', $path);
    my $version = version($r);

    return $r if !$version;

    cmp_ok($version, '>=', $seen{$path} // 0, "$path does not go back")
        if $version < ($seen{$path} // 0);
    $seen{$path} = $version;

    return $r;
}


sub change {
    my ($id, $address) = @_;

    my $r = $api->ask('PUT', "/api/users/$id",
        json => { deliveryAddress => $address });

    $r->{status} == 200 or die "PUT $id: $r->{status}";

    return $seen{"/api/users/$id"} = version($r);
}


sub level {
    my ($when) = @_;

    my $url = 'http://127.0.0.1:' . $s->admin_port;
    my $text;

    ok(wait_for(30, sub {
        `$ctl --url=$url sync repair 2>&1`;
        $text = `$ctl --url=$url sync check 2>&1`;
        return $? == 0;
    }), "$when: the replica is level") or diag($text);
}


sub in_step {
    my ($when) = @_;

    level($when);
    ok(wait_for(30, sub {
        !grep {
            look("/api/orders/o$_")->{json}{deliveryAddress}
                ne look("/api/users/u$_")->{json}{deliveryAddress}
        } 1 .. 3;
    }), "$when: every order is in step");
}
