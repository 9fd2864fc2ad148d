#!/usr/bin/perl

# Copyright (C) Ficus authors

# What is in conf/ can be run: each file is checked by the program that reads
# it, with the paths of an installation put into a temporary directory.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Test::More;

use Ficus::Run qw(root);
use Ficus::System;

my $t = Ficus::Run->new;
my $dir = $t->dir;
my $conf = root() . '/conf';
my $nginx = $ENV{FICUS_NGINX} || '/usr/sbin/nginx';
my $nats = $ENV{FICUS_NATS_SERVER} || '/usr/sbin/nats-server';
my $module = $ENV{FICUS_MODULE}
    // root() . '/build/ngx_http_strangler_module.so';
my $user = getpwuid $>;
my $group = getgrgid((split ' ', $))[0]);
my %tested;

mkdir "$dir/$_" for qw(run lib log etc);

for my $path (glob "$conf/*.conf") {
    my ($name) = $path =~ m,([^/]+)$,;
    my $text = slurp($path);

    $text =~ s,/run/ficus,$dir/run,g;
    $text =~ s,/var/lib/ficus,$dir/lib,g;
    $text =~ s,/var/log/ficus,$dir/log,g;
    $text =~ s,/usr/local/lib/ficus/ngx_http_strangler_module\.so,$module,g;
    $text =~ s,^user ficus ficus;,user $user $group;,m;

    $t->write("etc/$name", $text);
}

# an nginx.conf and what it includes
my ($status, $out) = run($nginx, '-t', '-e', 'stderr', '-p', $dir,
    '-c', "$dir/etc/nginx.conf");

is($status, 0, 'nginx takes nginx.conf') or diag($out);
like($out, qr/test is successful/, 'and says so');
unlike($out, qr/\[warn\](?!.*"user" directive)/, 'without a warning');
tested(qw(nginx.conf http.conf problems.conf gateway.conf admin.conf
    workers.conf));

for my $name (Ficus::System->workers) {
    ($status, $out) = run(Ficus::System->program($name), '--check',
        "--config=$dir/etc/$name.conf");

    is($status, 0, "$name takes $name.conf") or diag($out);
    tested("$name.conf");
}

($status, $out) = run($nats, '-t', '-c', "$dir/etc/nats-server.conf");

is($status, 0, 'nats-server takes nats-server.conf') or diag($out);
tested('nats-server.conf');

# a file that says the same wrongly is not taken
$t->write('etc/wrong.conf', slurp("$conf/orders.conf") . "lisden x\n");
($status, $out) = run(Ficus::System->program('orders'), '--check',
    "--config=$dir/etc/wrong.conf");
isnt($status, 0, 'an unknown setting is an error');
like($out, qr/wrong\.conf:\d+.*lisden/, 'which names file, line and setting');

is_deeply([ sort keys %tested ],
    [ sort map { m,([^/]+)$, } glob "$conf/*.conf" ],
    'every file of conf/ was checked');

$t->done;


sub tested {
    $tested{$_}++ for @_;
}


sub slurp {
    my ($path) = @_;

    open my $fh, '<', $path or die "$path: $!";
    local $/;

    return <$fh>;
}


sub run {
    my (@command) = @_;

    my $pid = open(my $fh, '-|') // die "fork: $!";

    if ($pid == 0) {
        open STDERR, '>&', \*STDOUT;
        { exec { $command[0] } @command; }
        print "exec $command[0]: $!\n";
        POSIX::_exit(127);
    }

    my $text = do { local $/; <$fh> // '' };
    close $fh;

    return ($? >> 8 || $? & 127, $text);
}
