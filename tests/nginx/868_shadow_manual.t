#!/usr/bin/perl

# Copyright (C) Ficus authors

# The example of shadows in the manual, as it stands there.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Test::More;

use Ficus::HTTP qw(get);
use Ficus::Nginx;
use Ficus::Run qw(root wait_for);
use Ficus::Split;
use Ficus::System;

open my $fh, '<', root() . '/docs/man/ngx_http_strangler_module.5'
    or die "the manual: $!\n";
my $manual = do { local $/; <$fh> };

my ($example) = $manual =~ /^(Does v2 say the same.*?)^Deleting is known/ms
    or die "there is no example\n";
my ($upstream, @commands) = $example =~ /^\.Bd \N*\n(.*?)^\.Ed/gms;

@commands = grep { /\S/ } map { s/\\e\n/\\\n/gr =~ s/\s+$//r }
    map { split /^\$ /m } @commands;

my $t = Ficus::Run->new;

mkdir $t->dir . '/state';
$upstream =~ s,state=\S+;,state=%%DIR%%/state;,;

my $nginx = Ficus::Nginx->new($t, <<"EOC")->start;

%%GLOBALS%%
http {
    %%HTTP%%
    %%ARMS%%
    $upstream
    server {
        listen 127.0.0.1:%%PORT_0%%;
        location / { proxy_pass http://users; }
    }
    %%ADMIN%%
}
EOC

my $split = Ficus::Split->new($t->port(1), 'users');
my $admin = 'http://127.0.0.1:' . $t->port(1);
my ($program) = Ficus::System->program('ficusctl') =~ m,(.*)/,;

$ENV{FICUS_ADMIN_URL} = $admin;
$ENV{PATH} = "$program:$ENV{PATH}";


sub run {
    my ($command) = @_;

    $command =~ s,localhost:8081,$admin,;

    my $out = `$command 2>&1`;

    is($?, 0, $command) or diag($out);

    return $out;
}

is(scalar @commands, 6, 'commands of the example');
is($split->state->{shadow}{share}, 0, 'none at first');

for my $command (@commands) {
    my $out = run($command);

    if ($command =~ /shadow users 10$/) {
        is($split->state->{shadow}{share}, 10, 'a tenth');
        is(get($t->port(0), '/')->{body}, 'v1', 'v1 answers') for 1 .. 60;
        ok(wait_for(10, sub {
            my $shadow = $split->state->{shadow};
            return $shadow->{started} == 6 && !$shadow->{in_flight};
        }), 'six of sixty');

    } elsif ($command =~ /^ficusctl shadow users$/) {
        like($out, qr/^users  10\.00 % .*\n  6 started/, 'counted');

    } elsif ($command =~ /^ficusctl diff users$/) {
        like($out, qr/^users  \d compared .* 100\.00 %/, 'they differ');

    } elsif ($command =~ /--forget/) {
        is($split->ask('GET', '/diff')->{json}{compared}, 0, 'forgotten');

    } elsif ($command =~ /^curl/) {
        is($split->state->{ramp}{state}, 'running', 'the ramp runs')
            or diag($out);
    }
}

is($split->state->{shadow}{share}, 0, 'none in the end');

$t->done;
