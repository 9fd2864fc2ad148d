#!/usr/bin/perl

# Copyright (C) Ficus authors

# ficusctl backup under load, and restore: what was there at that moment is
# there again, nobody sees a version go back, and orders are in step.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use File::Path qw(remove_tree);
use Test::More;
use Time::HiRes qw(sleep time);

use Ficus::Contract qw(decode soon);
use Ficus::Run qw(wait_for);
use Ficus::System;

my $users = 40;
my $step = 2 ** 32;

my $api = Ficus::Contract->start;
my $s = $api->system;
my $dir = $s->dir;
my $backup = "$dir/backup";
my $ctl = Ficus::System->program('ficusctl');
my %seen;       # the newest version of each path that anybody was told of

$ENV{FICUS_RUN_DIR} = $dir;


sub ctl {
    my (@args) = @_;

    my $url = 'http://127.0.0.1:' . $s->admin_port;
    my $text = `$ctl --url=$url @args 2>&1`;

    return ($? >> 8, $text);
}


sub version {
    my ($r) = @_;

    return ($r->{headers}{etag} // '') =~ /^"(\d+)"$/ ? $1 : 0;
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
    my ($id, %fields) = @_;

    my $r = $api->ask('PUT', "/api/users/$id", json => \%fields);

    $r->{status} == 200 or die "PUT $id: $r->{status}";
    $seen{"/api/users/$id"} = version($r);
}


sub status {
    my ($id) = @_;

    return look("/api/users/$id")->{status};
}


sub in_step {
    my ($name) = @_;

    my ($rc, $text);

    # events of what was lost may still be on their way
    soon(sub {
        ctl('sync', 'repair');
        ($rc, $text) = ctl('sync', 'check');
        $rc == 0;
    }, "$name: the replica is level") or diag($text);

    soon(sub {
        return !grep {
            my $user = look("/api/users/u$_")->{json};
            my $order = look("/api/orders/o$_")->{json};
            defined $user->{email} && ($order->{email} ne $user->{email}
                || $order->{deliveryAddress} ne $user->{deliveryAddress});
        } 1 .. $users;
    }, "$name: every order is in step");
}


sub restored {
    my (@args) = @_;

    $s->stop;
    unlink glob "$dir/data/*.replaced*";

    my ($rc, $text) = ctl('restore', @args);

    is($rc, 0, "restore @args") or diag($text);
    $s->start;

    return $text;
}


for my $n (1 .. $users) {
    $api->user(userId => "u$n", email => "u$n\@old.example",
        deliveryAddress => '0');
    $api->order(orderId => "o$n", userId => "u$n");
}

$api->ask('DELETE', '/api/users/u40', arm => 'v2');
change('u1', email => 'one@old.example');


# A backup while two processes write.

my @writers = map {
    my $first = $_;

    $s->run->spawn("writer-$first", code => sub {
        for (my $n = 1; $n < 100_000; $n++) {
            my $id = 'u' . (2 + $first + 2 * ($n % 15));
            my $r = $s->request('PUT', "/api/users/$id",
                json => { deliveryAddress => "$n" });

            printf "%f %s %d %s\n", time, $id, $n, version($r)
                if $r->{status} == 200;
            die "PUT: $r->{status}" if $r->{status} != 200;
        }
    });

    "writer-$first";
} 0, 1;

ok(wait_for(10, sub { $s->run->log('writer-1.log') =~ /(?:\n.*){50}/ }),
    'there is load');

my $began = time;
my ($rc, $text) = ctl('backup', $backup);
my $ended = time;

is($rc, 0, 'backup') or diag($text);
like($text, qr/^users +\S+users\.db, [\d.]+ MB in/m, 'says what it made');
like($text, qr/^orders +\S+orders\.db, /m, 'of both');

sleep 0.3;
$s->run->stop($_) for @writers;

my (%least, %most);

for my $line (map { split /\n/, $s->run->log("$_.log") } @writers) {
    my ($time, $id, $n, $version) = split ' ', $line;
    my $path = "/api/users/$id";

    $least{$id} = $n if $time < $began && $n > ($least{$id} // 0);
    $most{$id} = $n if $time < $ended + 0.1 && $n > ($most{$id} // 0);
    $seen{$path} = $version if $version > ($seen{$path} // 0);
}

is_deeply([ map { s,.*/,,r } sort glob "$backup/*" ],
    [ 'orders.db', 'users.db' ], 'nothing else is there');
is(join(' ', map { sprintf '%o', (stat)[2] & 0777 } glob "$backup/*"),
    '600 600', 'private files');

my @before = map { -s } glob "$backup/*";

($rc, $text) = ctl('backup', $backup);
is($rc, 1, 'a backup is not overwritten');
like($text, qr/exists/, 'as it says');
is_deeply([ map { -s } glob "$backup/*" ], \@before, 'and it stays');


# No room for it: nothing is left of it.

my $limited = `ulimit -f 20; $ctl --data=$dir/data backup $dir/full 2>&1`;

is($? >> 8, 1, 'a backup that finds no room');
like($limited, qr/users: no backup was made/, 'says so');
is_deeply([ glob "$dir/full/*" ], [], 'and leaves nothing');


# What is done afterwards, and will be undone.

change('u1', email => 'one@new.example');
$api->ask('DELETE', '/api/users/u33', arm => 'v2');
$api->user(userId => 'later', email => 'later@new.example');
$api->order(orderId => 'late', userId => 'later');
$api->user(userId => 'gone', email => 'gone@new.example');
$api->ask('DELETE', '/api/users/gone', arm => 'v2');
$api->user(userId => 'u40', email => 'u40@new.example');
change('later', deliveryAddress => "later $_") for 1 .. 5;
in_step('before');

look("/api/users/$_") for 'later', 'u40';


# Refused, with nothing changed.

($rc, $text) = ctl('restore', $backup);
is($rc, 1, 'no restore while workers run');
like($text, qr/has it open/, 'as it says');
is(status('later'), 200, 'nothing has changed');

$s->stop;
remove_tree("$dir/bad");
mkdir "$dir/bad" or die $!;
copy("$backup/users.db", "$dir/bad/users.db");
copy("$backup/orders.db", "$dir/bad/orders.db", 4096 * 5);

my @data = listing();

($rc, $text) = ctl('backup', "$dir/cold");
is($rc, 0, 'a backup of what does not run') or diag($text);
is_deeply([ listing() ], \@data, 'leaves nothing beside it');
is_deeply([ map { -s > 4096 } glob "$dir/cold/*.db" ], [ 1, 1 ], 'is made');

for (
    [ "$dir/bad", 1, qr/corrupt|malformed/, 'a damaged backup' ],
    [ "$dir/none", 1, qr/no backup/, 'no backup' ],
    [ "$backup --data=$dir/none", 1, qr/none/, 'no directory' ],
    [ "$backup nobody", 2, qr/each once, are: users orders$/, 'no database' ],
    [ "$backup users users", 2, qr/once/, 'one twice' ],
    [ "$backup --raise=0", 2, qr/--raise/, 'no raise' ],
    [ "$backup --raise=x", 2, qr/--raise/, 'no number' ],
    [ '', 2, qr/usage/, 'no argument' ],
) {
    my ($args, $want, $regex, $what) = @$_;

    ($rc, $text) = ctl('restore', $args);
    is($rc, $want, "restore: $what");
    like($text, $regex, 'as it says');
}

is_deeply([ listing() ], \@data, 'and nothing was changed');
$s->start;


# Restored: the state of that moment, under new versions.

$text = restored($backup);
like($text, qr/^users +40 documents, versions above $step;/m, 'users')
    or diag($text);
like($text, qr/^orders +40 documents, versions above $step;/m, 'orders');
in_step('restored');

is(look('/api/users/u1')->{json}{email}, 'one@old.example',
    'a change is undone');
cmp_ok($seen{'/api/users/u1'}, '>', $step, 'under a new version');
is(status('u33'), 200, 'who was deleted is back');
is(status('later'), 404, 'who was made is gone');
is(status('u40'), 404, 'who was deleted before stays so');

soon(sub {
    my $n = 0;

    for my $arm ('users-v1', 'users-v2') {
        $s->worker($arm, '/metrics')->{body}
            =~ /^ficus_outbox_published_total (\d+)/m and $n += $1;
    }

    return $n >= $users;
}, 'all are published again');

for my $id (sort keys %most) {
    my $n = look("/api/users/$id")->{json}{deliveryAddress};

    ok($n >= ($least{$id} // 0) && $n <= $most{$id}, "$id is of that moment")
        or diag("$n, not $least{$id} to $most{$id}");
}

is($api->ask('GET', '/api/orders/late')->{status}, 404, 'and its order');
cmp_ok(version($api->ask('GET', '/api/orders/o1')), '>', $step,
    'orders have new versions, too');

$api->user(userId => 'later', email => 'later@again.example');
is(status('later'), 200, 'who was lost can be made again');
cmp_ok($seen{'/api/users/later'}, '>', $step, 'above all that was');
$api->order(orderId => 'late', userId => 'later');
change('later', email => 'moved@again.example');
soon(sub {
    look('/api/orders/late')->{json}{email} eq 'moved@again.example';
}, 'and is followed');


# Once more the same, of users alone: orders know newer ones than it has.

change("u$_", email => "u$_\@third.example") for 1 .. 10;
in_step('before the second');
$s->stop;
($rc, $text) = ctl('restore', $backup);
is($rc, 1, 'what was replaced before is not thrown away');
like($text, qr/users\.db\.replaced is there/, 'as it says');
$s->start;
$text = restored($backup, 'users');
like($text, qr/versions above @{[2 * $step]};/, 'a second time, higher')
    or diag($text);
in_step('restored a second time');
is(look('/api/users/u5')->{json}{email}, 'u5@old.example', 'as it was');
is(status('later'), 404, 'who was made is gone again');


# Interrupted: no worker opens that, and the next restore mends it.

$s->stop;
unlink glob "$dir/data/*.replaced*";
interrupt("$dir/data/users.db");

my $program = Ficus::System->program('users-v1');
my $out = `FICUS_NATS_URL=nats://127.0.0.1:1 timeout 20 $program \\
    --store=sqlite:$dir/data/users.db --listen=$dir/test.sock 2>&1`;

is($? >> 8, 1, 'after an interrupted restore no worker starts');
like($out, qr/interrupted/, 'and it says why');
ok(!-e "$dir/data/users.db", 'it makes no new one');
($rc, $text) = ctl('backup', "$dir/other", 'users');
is($rc, 1, 'there is no backup of that');
($rc, $text) = ctl('restore', '--json', $backup, 'users');
is($rc, 0, 'done again') or diag($text);
is(decode($text)->[0]{base}, 3 * $step, 'it knows what was there');
ok(-s "$dir/data/users.db.replaced", 'and leaves it');
$s->start;
in_step('restored again');


# Where nothing can be asked for the base.

$s->stop;
unlink glob "$dir/data/users.db*";
($rc, $text) = ctl('restore', '--raise=4', $backup, 'users');
is($rc, 0, 'into an empty directory') or diag($text);
like($text, qr/could not be read/, 'a note');
$s->start;
in_step('restored with --raise');
cmp_ok(version(look('/api/users/u1')), '>', 4 * $step, 'above all of them');

$api->done;


sub copy {
    my ($from, $to, $damage) = @_;

    open my $in, '<:raw', $from or die "$from: $!";
    my $bytes = do { local $/; <$in> };

    substr $bytes, $damage, 4096, "\x5a" x 4096 if $damage;
    open my $out, '>:raw', $to or die "$to: $!";
    print $out $bytes;
    close $out;
}


sub listing {
    return map { "$_ " . -s } grep { !/\.lock$/ } sort glob "$dir/data/*.db*";
}


# As a kill -9 between the two renames leaves it.

sub interrupt {
    my ($path) = @_;

    open my $lock, '+<', "$path.lock" or die "$path.lock: $!";
    print $lock "moved\n";
    close $lock;
    rename $path, "$path.replaced" or die "$path: $!";
}
