#!/usr/bin/perl

# Copyright (C) Ficus authors

# A state file that is damaged is kept aside, loudly, and not believed.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Compress::Raw::Zlib qw(crc32);
use Test::More;
use Time::HiRes qw(time);

use Ficus::HTTP qw(get);
use Ficus::Nginx;
use Ficus::Run;
use Ficus::Split;

my $t = Ficus::Run->new(allow => [ qr/corrupt/ ]);
my $conf = <<'EOC';

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

    upstream other {
        strangler zone=users state=%%DIR%%/state;
        arm v1=users_v1 weight=60;
        arm v2=users_v2;
    }

    server {
        listen 127.0.0.1:%%PORT_0%%;
        location / { proxy_pass http://users; }
    }

    %%ADMIN%%
}
EOC

my $state = $t->dir . '/state';

mkdir $state;

my $nginx = Ficus::Nginx->new($t, $conf)->start;
my $users = Ficus::Split->new($t->port(1), 'users');
my $other = Ficus::Split->new($t->port(1), 'other');

is($users->p(12.34)->{status}, 200, 'change');
is($other->p(56.78)->{status}, 200, 'change of the other');

$nginx->stop;

my $good = $t->read('state/users.state');
my $size = length $good;

cmp_ok($size, '>', 100, 'a file');


sub kept_aside { return glob "$state/users.state.corrupt-*" }

sub corrupt {
    my ($bytes, $name) = @_;

    unlink kept_aside();
    $t->write('logs/nginx-error.log', '');

    open my $fh, '>', "$state/users.state" or die $!;
    print $fh $bytes;
    close $fh;

    my ($status) = $nginx->check($conf);

    is($status, 0, "$name: nginx -t");
    is(scalar(kept_aside()) // 'none', 'none', "$name: nginx -t renames nothing");
    is($t->read('state/users.state'), $bytes, "$name: nor writes");

    my $before = int(time * 1000);

    $nginx->start;

    my @aside = kept_aside();

    is(scalar @aside, 1, "$name: kept aside");
    like($aside[0], qr/corrupt-\d{8,}/, "$name: with the time");
    is($t->read($aside[0] =~ s,^.*/state,state,r), $bytes, "$name: as it was");

    like($nginx->log, qr/\[(?:error|crit|alert)\].*users\.state.*corrupt/,
        "$name: logged, with the name of the file");
    is($users->configured, 'v1=60 v2=40', "$name: configured weights");
    cmp_ok($users->generation, '>=', $before, "$name: generation of the clock");
    is($users->p(1, 'If-Match' => '"2"')->{status}, 412,
        "$name: an old If-Match");
    is($other->configured, 'v1=56.78 v2=43.22', "$name: the other split");

    my $r = $users->p(30);

    is($r->{status}, 200, "$name: change");
    $nginx->restart;
    is($users->configured, 'v1=30 v2=70', "$name: good again");
    is($users->generation, $r->{json}{generation}, "$name: generation goes on");
    $nginx->stop;
}


sub flipped {
    my ($at) = @_;

    my $bytes = $good;
    substr($bytes, $at, 1) ^= "\x01";

    return $bytes;
}


corrupt('', 'empty');
corrupt(substr($good, 0, $size / 2), 'half');
corrupt(substr($good, 0, $size - 1), 'one byte short');
corrupt("$good\n", 'one byte long');
corrupt("\0" x $size, 'zeros');
corrupt("\xff" x 100000, 'something else');
corrupt($good =~ s/reason=operator/reason=operatoR/r, 'another reason');
corrupt(flipped($_), "one bit at $_")
    for 0, 9, int($size / 3), int($size * 2 / 3), $size - 1;


# a good file is not touched

unlink kept_aside();

open my $fh, '>', "$state/users.state" or die $!;
print $fh $good;
close $fh;

$nginx->start;
is($users->configured, 'v1=12.34 v2=87.66', 'good file');
is($users->generation, 2, 'good file: generation');
is(scalar(kept_aside()) // 'none', 'none', 'good file: nothing aside');


# the file of another split is not this split's

$nginx->stop;
$t->write('logs/nginx-error.log', '');
unlink "$state/users.state";
system 'cp', "$state/other.state", "$state/users.state";
$nginx->start;
is($users->configured, 'v1=60 v2=40', "another split's file");
like($nginx->log, qr/corrupt/, "another split's file: logged");



# a file of a version to come is neither corrupt nor understood

$nginx->stop;

my $other_version = $good =~ s/^(ficus-split-state) 1$/$1 2/mr;

$other_version =~ s/crc \w+\n\z//;
$other_version .= sprintf "crc %08x\n", crc32($other_version);

my $path = $t->write('state/users.state', $other_version);
my ($status, $out) = $nginx->check($conf);

is($status, 1, 'another version is refused');
like($out, qr/\[emerg\].*"\Q$path\E" was written by another version/,
    'another version: message');
is($t->read('state/users.state'), $other_version,
    'another version: file is as it was');


# a file that is damaged while nginx runs, found when the zone changes

$t->write('state/users.state', $good);
unlink kept_aside();
$nginx->start;
is($users->p(20)->{status}, 200, 'runs again');
$t->write('state/users.state', 'rubbish');
$nginx->conf($conf =~ s/users:512k/users:1m/r);
$nginx->reload;
is($users->configured, 'v1=20 v2=80', 'damaged while running: weights stay');
is(scalar(my @aside = kept_aside()), 1, 'damaged while running: kept aside');
is($users->p(21)->{status}, 200, 'damaged while running: change');
$nginx->restart;
is($users->configured, 'v1=21 v2=79', 'damaged while running: restart');

$t->done;
