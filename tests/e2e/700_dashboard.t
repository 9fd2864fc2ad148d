#!/usr/bin/perl

# Copyright (C) Ficus authors

# How the admin port serves the dashboard: to whom, with which headers.
# tests/web looks at it in a browser.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Test::More;

use Ficus::Run qw(root);
use Ficus::System;

my $s = Ficus::System->new->start;
my $dir = root() . '/web/dashboard';
my $accept = 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8';


# / is the page for a browser and a text for everybody else.

my $page = $s->admin('GET', '/', headers => [ Accept => $accept ]);
is($page->{status}, 200, 'a browser');
is($page->{headers}{'content-type'}, 'text/html; charset=utf-8', '... HTML');
is($page->{body}, slurp("$dir/index.html"), '... the dashboard');

my $again = $s->admin('GET', '/', headers => [ Accept => $accept,
    'If-None-Match' => $page->{headers}{etag} ]);
is($again->{status}, 304, '... which it need not load again');
is($again->{headers}{'cache-control'}, 'no-cache', '... but asks for');

for my $headers ([], [ Accept => '*/*' ], [ Accept => 'text/plain' ]) {
    my $text = $s->admin('GET', '/', headers => $headers);

    is($text->{status}, 200, "a command line (@$headers)");
    is($text->{headers}{'content-type'}, 'text/plain; charset=utf-8',
        '... text');
    like($text->{body}, qr,^splits +/api/v1/splits$,m, '... what there is');
}

is($s->admin('POST', '/', headers => [ Accept => $accept ], body => '')
    ->{status}, 405, 'POST');


# The same policy on the page and on all that it is made of.

my %type = (
    css => 'text/css; charset=utf-8',
    js => 'text/javascript; charset=utf-8',
    svg => 'image/svg+xml; charset=utf-8',
);

my @files = grep { $_ ne 'index.html' }
    map { s,^\Q$dir\E/,,r } glob "$dir/*.* $dir/*/*.*";
cmp_ok(scalar @files, '>', 20, 'the dashboard has files');

for my $file (@files) {
    my $answer = $s->admin('GET', "/dashboard/$file");
    my ($suffix) = $file =~ /\.(\w+)$/;

    is($answer->{headers}{'content-type'}, $type{$suffix}, $file);
    safe($answer, $file);
}

safe($page, '/');
safe($s->admin('GET', '/api/v1/splits'), 'the API');

for my $path ('/dashboard/', '/dashboard/index.html', '/dashboard/nothing.js', '/dashboard/../secret',
    '/dashboard/%2e%2e/%2e%2e/conf/admin.conf', '/dashboard/views',
    '/index.html', '/web/dashboard/index.html')
{
    my $answer = $s->admin('GET', $path);

    ok($answer->{status} =~ /^(400|403|404)$/, "$path: $answer->{status}");
    is($answer->{headers}{'content-type'}, 'application/problem+json',
        '... a problem');
}

is($s->get('/dashboard/index.html')->{status}, 404,
    'the gateway itself does not have it');

$s->done;


sub safe {
    my ($answer, $what) = @_;

    my %policy = map { (split ' ', $_, 2)[0, 1] }
        split /\s*;\s*/, $answer->{headers}{'content-security-policy'} // '';

    is_deeply(\%policy, {
        'default-src' => "'none'", 'script-src' => "'self'",
        'style-src' => "'self'", 'connect-src' => "'self'",
        'img-src' => "'self'", 'base-uri' => "'none'",
        'form-action' => "'none'", 'frame-ancestors' => "'none'",
        'require-trusted-types-for' => "'script'", 'trusted-types' => "'none'",
    }, "$what: policy");
    is($answer->{headers}{'x-content-type-options'}, 'nosniff',
        "$what: no guessing");
    is($answer->{headers}{'referrer-policy'}, 'no-referrer',
        "$what: no referrer");
}


sub slurp {
    my ($path) = @_;

    open my $fh, '<', $path or die "$path: $!";
    local $/;

    return <$fh>;
}
