#!/usr/bin/perl

# Copyright (C) Ficus authors
#
# What a user can name is in a man page: every directive, variable, metric and
# route of the module; every route and setting of a worker in its own page,
# docs/man/WORKER.8; settings and metrics of shared/ in any page.  Names are
# found by the form of the tables that hold them.

use strict;
use warnings;

my $bad = 0;
my %pages = map { $_ => plain($_) } glob 'docs/man/*.[1-9]';
my $all = join "\n", values %pages;


module(glob 'nginx-module/*.c');
shared(glob 'shared/*.c');
worker($_) for workers();

exit $bad;


sub module {
    my @files = @_ or return;

    my $source = join "\n", map { content($_) } @files;
    my %found = (
        directive => [ directives($source) ],
        variable => [ variables($source) ],
        metric => [ metrics($source) ],
        route => [ admin_routes($source) ],
    );

    for my $what (sort keys %found) {
        wanted($what, 'docs/man', $all, @{$found{$what}});
    }

    # the tables may come to look different from what is expected here
    my %sign = (directive => qr/ngx_command_t/,
                variable => qr/ngx_http_add_variable/,
                metric => qr/# TYPE/);

    for my $what (sort keys %sign) {
        next if $source !~ $sign{$what} || @{$found{$what}};
        complain("nginx-module: no $what was recognized");
    }
}


sub shared {
    for my $file (@_) {
        my $source = content($file);

        wanted("$file: setting", 'docs/man', $all, settings($source));
        wanted("$file: metric", 'docs/man', $all, metrics($source));
    }
}


# A worker is workers/NAME.c or workers/NAME/*.c; workers/domain/ is what they
# share.

sub workers {
    my %files;

    for my $file (glob 'workers/*.c workers/*/*.c') {
        $file =~ m,^workers/([^/.]+),;
        push @{$files{$1 =~ tr/_/-/r}}, $file if $1 ne 'domain';
    }

    return map { [ $_, @{$files{$_}} ] } sort keys %files;
}


sub worker {
    my ($name, @files) = @{$_[0]};

    my $page = "docs/man/$name.8";

    if (!$pages{$page}) {
        complain("$files[0]: there is no $page");
        return;
    }

    my $source = join "\n", map { content($_) } @files;
    my @routes = routes($source);

    if ($source =~ /fig_route_t/ && !@routes) {
        complain("$files[0]: no route was recognized");
    }

    wanted("$files[0]: route", $page, $pages{$page}, @routes);
    wanted("$files[0]: setting", $page, $pages{$page}, settings($source));
    wanted("$files[0]: metric", 'docs/man', $all, metrics($source));
}


# Says which names are not in a text, or only as a part of longer ones.

sub wanted {
    my ($what, $where, $text, @names) = @_;

    my %seen;

    for my $name (grep { !$seen{$_}++ } @names) {
        next if $text =~ /(?<![\w\/-])\Q$name\E(?![\w\/-])/;
        complain("$what $name is not in $where");
    }
}


# { ngx_string("strangler_key"), in a table of commands

sub directives {
    my ($source) = @_;

    my @tables = $source =~ /ngx_command_t\s+\w+\[\]\s*=(.*?)ngx_null_command/gs;

    return map { /\{\s*ngx_string\("(\w+)"\)/g } @tables;
}


# { ngx_string("arm"), in a table of variables: $strangler_NAME_arm

sub variables {
    my ($source) = @_;

    my @tables = $source =~ /_var(?:iable)?_t\s+\w+\[\]\s*=(.*?)\n\};/gs;
    my @names = map { /\{\s*ngx_string\("_?(\w+)"\)/g } @tables;

    return map { "strangler_NAME_$_" } @names;
}


# "ficus_split_requests_total{" or "# TYPE ficus_...", in any string

sub metrics {
    my ($source) = @_;

    my @strings = $source =~ /"((?:[^"\\\n]|\\.)*)"/g;
    my @names = map { /\b(ficus_[a-z0-9_]*[a-z0-9])\b/g } @strings;

    s/_(?:bucket|sum|count)$// for @names;

    return @names;
}


# { "GET", "/api/users/{userId}", handler }, the method also by a macro

sub routes {
    my ($source) = @_;

    return $source =~ /\{\s*(?:\w+\()?"?[A-Z_|\s]+"?\)?,\s*(?:\w+\()?"(\/[^"]*)"/g;
}


# Rows of the admin API's table: { ngx_string("/weights"), is what follows
# splits/NAME

sub admin_routes {
    my ($source) = @_;

    return map { "splits/NAME$_" } $source =~ /ngx_string\("(\/[a-z][^"]*)"\)/g;
}


# { "nats-url", "FICUS_NATS_URL", ... in a table of settings

sub settings {
    my ($source) = @_;

    my @tables = $source =~ /fig_setting_t\s+\w+\[\]\s*=(.*?)\n\};/gs;
    my @names;

    for my $table (@tables) {
        while ($table =~ /\{\s*"([a-z][a-z0-9-]*)",\s*(?:"(\w+)"|NULL)/g) {
            push @names, "--$1", $2 // ();
        }
    }

    return @names;
}


# A man page as one reads it: mdoc's escapes undone, and its flags spelt out.

sub plain {
    my ($file) = @_;

    my $text = content($file);

    $text =~ s/\\-/-/g;
    $text =~ s/\\&//g;
    $text =~ s/\\e/\\/g;
    $text =~ s/\bFl -?(?=-?[a-z])/--/g;

    return $text;
}


sub content {
    my ($file) = @_;

    open my $fh, '<', $file or die "$file: $!\n";
    local $/;

    return <$fh>;
}


sub complain {
    print "@_\n";
    $bad = 1;
}
