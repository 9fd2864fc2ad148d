#!/usr/bin/perl

# Copyright (C) Ficus authors

# configure says what is missing, too old or wrong, and what to type.  It runs
# in a copy of the tree, with programs of its own before those of the system.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Test::More;

use Ficus::Run qw(root);

my $t = Ficus::Run->new;
my $dir = $t->dir;
my $tree = "$dir/tree";
my $fake = "$dir/bin";

mkdir $_ for $tree, $fake, "$tree/tests", "$tree/tests/mongo";
system('cp', '-R', map({ root() . "/$_" } qw(configure auto VERSION
    nginx-module common)), $tree) == 0 or die "cp\n";
system('cp', root() . '/tests/mongo/go.mod', "$tree/tests/mongo") == 0
    or die "cp\n";


# Runs configure: (exit status, all that it printed).

sub configure {
    my (@options) = @_;

    local $ENV{PATH} = "$fake:$ENV{PATH}";
    open my $pipe, '-|', 'sh', '-c', 'exec "$@" 2>&1', 'sh',
        "$tree/configure", @options or die "sh: $!\n";
    my $text = do { local $/; <$pipe> };
    close $pipe;

    return ($? >> 8, $text);
}


# A program for the next run; undef takes it away.

sub program {
    my ($name, $script) = @_;

    unlink "$fake/$name";
    return if !defined $script;

    open my $file, '>', "$fake/$name" or die "$name: $!\n";
    print $file "#!/bin/sh\n$script\n";
    close $file or die "$name: $!\n";
    chmod 0755, "$fake/$name";
}


# The system's pkg-config, but for one library.

sub library {
    my ($module, $instead) = @_;

    my ($real) = grep { -x } map { "$_/pkg-config" }
        grep { $_ ne $fake } split /:/, $ENV{PATH};

    program('pkg-config', <<"EOC");
case "\$*" in
    *"$module") $instead ;;
    *) exec $real "\$@" ;;
esac
EOC
}


my ($status, $text) = configure('--help');
is($status, 0, '--help');
like($text, qr/^  $_\b/m, "... has $_") for qw(--help --install-deps
    --prefix=DIR --with-nginx=SRC);

($status, $text) = configure();
is($status, 0, 'all is there') or diag $text;
like($text, qr/Now type: make/, '... and says what to type');
ok(-s "$tree/build/config.$_", "... config.$_") for qw(mk h log);

my $mk = $t->read('tree/build/config.mk');
like($mk, qr/^prefix = \/usr\/local$/m, 'the prefix by default');
configure('--prefix=/opt/ficus');
like($t->read('tree/build/config.mk'), qr/^prefix = \/opt\/ficus$/m,
    'another prefix');

my %package = (
    libnats => 'libnats-dev',
    sqlite3 => 'libsqlite3-dev',
    'json-c' => 'libjson-c-dev',
    libcurl => 'libcurl4-openssl-dev',
    'libpcre2-8' => 'libpcre2-dev',
    'libmongoc-1.0' => 'libmongoc-dev',
    check => 'check',
);

for my $module (sort keys %package) {
    library($module, 'exit 1');
    ($status, $text) = configure();
    is($status, 1, "no $module");
    like($text, qr/was not found; type: apt-get install $package{$module} /,
        '... what to type');

    library($module, 'echo 0.0.1');
    ($status, $text) = configure();
    is($status, 1, "an old $module");
    like($text, qr/0\.0\.1 is too old, \S+ or later is needed; type: apt-get install $package{$module} /,
        '... which, what is needed, what to type');
}

program('pkg-config');

# what pkg-config knows need not link
library('libnats', 'case $1 in --libs) echo -lno-such-library ;; --cflags) ;; '
    . '*) echo 3.9 ;; esac');
($status, $text) = configure();
is($status, 1, 'a library that does not link');
like($text, qr/libnats does not compile and link, \S+ has the error/,
    '... where the error is');
like($t->read('tree/build/config.log'), qr/no-such-library/, '... it is there');
program('pkg-config');

($status, $text) = configure('--with-bread');
is($status, 1, 'an option that is none');
like($text, qr/unknown option "--with-bread"/, '... named');

($status, $text) = configure("--with-nginx=$dir/nowhere");
is($status, 1, 'no nginx source');
like($text, qr/nowhere/, '... named');

mkdir "$dir/old";
mkdir "$dir/old/$_" for qw(src src/core auto);
$t->write('old/configure', "#!/bin/sh\n");
$t->write('old/src/core/nginx.c', '');
$t->write('old/src/core/nginx.h', qq{#define nginx_version 1020002\n}
    . qq{#define NGINX_VERSION "1.20.2"\n});
($status, $text) = configure("--with-nginx=$dir/old");
is($status, 1, 'an old nginx');
like($text, qr/1\.20\.2.*too old|1\.22 or later/, '... what is needed');

($status, $text) = configure('--prefix=/a b');
is($status, 1, 'a path that make cannot carry');
like($text, qr/not a usable path: "\/a b"/, '... named');

($status, $text) = configure('--with-cc=no-such-compiler');
is($status, 1, 'no such compiler');
like($text, qr/no-such-compiler/, '... named');

# --install-deps needs root to install what is missing
program('id', 'echo 1000');
program('dpkg-query', 'exit 1');
($status, $text) = configure('--install-deps');
is($status, 1, '--install-deps without root');
like($text, qr/apt-get install .*libnats-dev/s, '... says what root types');

$t->done;
