#!/usr/bin/perl

# Copyright (C) Ficus authors
#
# Who is in the list of the workers, workers/workers.h, has all that a worker
# has, and who has a source is in the list.  The routes of each, through the
# gateway and in the documents, are a test's, tests/e2e/500_openapi.t.

use strict;
use warnings;

my $bad = 0;
my $list = 'workers/workers.h';
my @names = content($list) =~ /^\s*row\("([^"]+)"/mg;
my %listed = map { $_ => 1 } @names;
my %sources = sources();
my $nginx = content('conf/nginx.conf');
my $gateway = content('conf/gateway.conf');
my $readme = content('workers/README.md');

complain("$list: no worker was recognized") if !@names;

worker($_) for @names;

for my $name (grep { !$listed{$_} } sort keys %sources) {
    complain("$sources{$name}: $name is not in $list");
}

told();

exit $bad;


sub worker {
    my ($name) = @_;

    my $source = $sources{$name};

    if (!$source) {
        complain("$list: $name has no workers/" . $name =~ tr/-/_/r . '.c');
        return;
    }

    my $code = content($source);

    complain("$source: its name is not \"$name\"")
        if $code !~ /\.name = "\Q$name\E"/;

    for my $file ("docs/man/$name.8", "conf/$name.conf") {
        complain("$list: $name has no $file") if !-e $file;
    }

    complain("conf/nginx.conf: there is no upstream $name")
        if $nginx !~ /^\s*upstream \Q$name\E \{/m;
    complain("conf/gateway.conf: no location leads to $name")
        if $code =~ m,"/api/, && $gateway !~ /^\s*fastcgi_pass \Q$name\E;/m
        && $nginx !~ /^\s*arm \S+=\Q$name\E[ ;]/m;
    complain("workers/README.md: there is no row of $name")
        if $readme !~ /^\| \Q$name\E \|/m;
}


# The file of a worker that has its main().

sub sources {
    return map {
        m,^workers/([^/.]+), ? ($1 =~ tr/_/-/r => $_) : ();
    } grep { content($_) =~ /\bfig_main\(/ }
        glob 'workers/*.c workers/*/main.c';
}


# What an installation's admin port tells.

sub told {
    my ($have) = $nginx =~ /^\s*map "" \$ficus_workers \{\s*default '(.*)'/m;
    my $want = '[' . join(',', map { "\"$_\"" } @names) . ']';

    complain("conf/nginx.conf: \$ficus_workers is not $want")
        if ($have // '') ne $want;
}


sub content {
    my ($file) = @_;

    open my $fh, '<', $file or return '';
    local $/;

    return <$fh> // '';
}


sub complain {
    print "@_\n";
    $bad = 1;
}
