#!/usr/bin/perl

# Copyright (C) Ficus authors

# `nginx -t` writes, renames and creates nothing.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Test::More;

use Ficus::Nginx;
use Ficus::Run;
use Ficus::Split;

my $t = Ficus::Run->new;
my $dir = $t->dir . '/state';
my $nginx;

sub conf {
    my ($weight, $size) = @_;

    return <<"EOC";

%%GLOBALS%%
http {
    %%HTTP%%
    %%ARMS%%

    upstream users {
        strangler zone=users:$size state=%%DIR%%/state;
        arm v1=users_v1 weight=$weight;
        arm v2=users_v2;
    }

    server {
        listen 127.0.0.1:%%PORT_0%%;
        location / { proxy_pass http://users; }
    }

    %%ADMIN%%
}
EOC
}

# Names, inodes, times and contents of all that is in the directory.

sub snapshot {
    return join "\n", map {
        join ' ', $_, (stat)[1, 2, 7, 9], $t->read("state/" . s,.*/,,r)
    } $dir, glob "$dir/*";
}

sub check {
    my ($name, @conf) = @_;

    my $before = snapshot();
    my ($status, $out) = $nginx->check(conf(@conf));

    is($status, 0, $name);
    is(snapshot(), $before, "$name: nothing was touched");
}

$nginx = Ficus::Nginx->new($t, conf(60, '256k'));

mkdir $dir;
check('an empty directory', 60, '256k');

$nginx->start;

my $users = Ficus::Split->new($t->port(1), 'users');

$users->p(37);
check('while it runs', 60, '256k');
check('other weights', 61, '256k');
check('another size', 60, '512k');

is($users->configured, 'v1=37 v2=63', 'run time is as it was');
is($users->generation, 2, 'generation is as it was');

$nginx->stop;
check('stopped', 60, '256k');
check('stopped, other weights', 61, '256k');

chmod 0500, $dir;
check('a directory that is read only', 60, '256k');
chmod 0700, $dir;

$t->write('state/users.state', 'rubbish');
check('a corrupt file', 60, '256k');

# A directory that only root can write to is told at the level that error_log
# has by default.

SKIP: {
    skip 'this is not root', 3 if $> != 0;

    my $text = conf(60, '256k') =~ s/%%GLOBALS%%/load_module %%MODULE%%;
        user nobody nogroup;
        pid %%DIR%%\/check.pid;
        error_log %%DIR%%\/check\/error.log;
        events { }/r;

    chmod 0755, $dir;
    my ($status, $out) = $nginx->check($text);
    is($status, 0, 'nginx -t');
    like($out, qr/state directory "\Q$dir\E" of split "users" is not writable by the user of worker processes$/m,
        'says that changes will fail');

    chmod 0777, $dir;
    unlike(($nginx->check($text))[1], qr/not writable/, 'or nothing');
}

$t->done;
