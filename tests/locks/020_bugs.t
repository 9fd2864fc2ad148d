#!/usr/bin/perl

# Copyright (C) Ficus authors
#
# The watch finds each of these bugs, some of which the module has had, when it
# is put into the source.

use strict;
use warnings;

use Test::More;

use Ficus::HTTP qw(get);
use Ficus::Nginx;
use Ficus::Run qw(wait_for root);
use Ficus::Split;
use Ficus::Watch;

my ($compile, $link) = split /\n/, `\${MAKE:-make} -s -C '${\root()}' \\
    BUILD='$ENV{FICUS_BUILD}' print-watched`;

my @bugs = (
    [ 'zone', 'nobody locks', qr/    ngx_shmtx_(?:un)?lock\(&shpool->mutex\);\n/,
        '', 'sh.table is written without the mutex' ],
    [ 'zone', 'a mutex is kept',
        qr/(active;\n\n)    ngx_shmtx_unlock\(&shpool->mutex\);\n/, '$1',
        'zone.mutex returns to nginx with the mutex' ],
    [ 'zone', 'the valid table is changed', qr/active = !\(word & 1\)/,
        'active = word & 1', 'sh.table is written while it is valid' ],
    [ 'zone', 'a reader trusts what it has read', qr/while \(word != sh->word\)/,
        'while (0)', 'zone.mutex has read a table, and did not look' ],
    [ 'zone', 'a mutex is locked twice', qr/(    ngx_shmtx_lock\(.*\);\n)/,
        '$1$1', 'zone.mutex locks the mutex twice' ],
    [ 'zone', 'a disk is waited for', qr/(    active = !\(word & 1\);\n)/,
        '$1    (void) fsync(2);\n', 'zone.mutex calls fsync() with the mutex' ],
    [ 'zone', 'a log line is written',
        qr/(    active = !\(word & 1\);\n)/,
        '$1    ngx_log_error(NGX_LOG_INFO, ngx_cycle->log, 0, "x");\n',
        'zone.mutex calls ngx_log_error() with the mutex' ],
    [ 'route', 'a request is counted without an atomic operation',
        qr/\(void\) ngx_atomic_fetch_add\(&visits->requests\[ctx->decided\], 1\)/,
        'visits->requests[ctx->decided]++',
        'visits.requests is changed by no atomic operation' ],
    [ 'step', 'a ramp is told by who does not hold it',
        qr/(    if \(rc != NGX_OK\) \{\n)/,
        '$1        split->sh->progress.due = 0;\n',
        'progress.due is written by another process than the holder' ],
    [ 'verdict', 'a verdict is told without the mutex',
        qr/    ngx_shmtx_(?:un)?lock\(&shpool->mutex\);\n/, '',
        'progress.judged is ' ],
    [ 'differences', 'differences are read while they are written',
        qr/    ngx_shmtx_(?:un)?lock\(&shpool->mutex\);\n/, '',
        'found.since is read without the mutex' ],
    [ 'ledger_save', 'a worker process changes what is fixed',
        qr/(    sh->saved = ngx_current_msec;\n)/, '$1    sh->since = 1;\n',
        'sh.since is written by a worker process' ],
);


# Builds the module with the bug, and says what is found while it runs.

sub found {
    my ($name, $regex, $with) = @_;

    my $t = Ficus::Run->new(allow => [ qr/./ ]);
    my $o = "watched/nginx-module/ngx_http_strangler_$name.o";

    open my $fh, '<', root() . "/nginx-module/ngx_http_strangler_$name.c"
        or die $!;
    my $source = do { local $/; <$fh> };

    $with =~ s/"/\\"/g;
    $with =~ s/\\n/\n/g;
    $source =~ s/$regex/eval qq{"$with"}/ge or return 'the source has changed';
    $t->write("ngx_http_strangler_$name.c", $source);

    my $dir = $t->dir;
    my $bad = $link =~ s{\S+/\Q$o\E}{$dir/bug.o}r;

    system("cd '${\root()}' && $compile -w -c -o '$dir/bug.o'"
        . " '$dir/ngx_http_strangler_$name.c' && $bad -o '$dir/bug.so'") == 0
        or return 'it does not compile';

    my $watch = Ficus::Watch->new($t, "$dir/bug.so");

    exercise($t);

    return join "\n", $watch->reports;
}


sub exercise {
    my ($t) = @_;

    mkdir $t->dir . '/state';

    my $nginx = Ficus::Nginx->new($t, <<'EOC')->start;

%%GLOBALS%%
worker_processes 2;

http {
    %%HTTP%%
    %%ARMS%%

    upstream users {
        strangler zone=users:512k state=%%DIR%%/state;
        strangler_key $arg_id;
        strangler_shadow share=100;
        strangler_ledger every=1s;
        arm v1=users_v1 weight=100;
        arm v2=users_v2;
    }

    server {
        listen 127.0.0.1:%%PORT_0%%;
        location / { proxy_pass http://users; }
    }

    %%ADMIN%%
}
EOC

    my $users = Ficus::Split->new($t->port(1), 'users');

    $users->p($_) for 90, 100;
    get($t->port(0), "/?id=$_") for 1 .. 20;
    until_told($t, sub { $users->ask('GET', '/diff')->{body} =~ /v2/ });

    $users->ask('POST', '/ramp', json => { to => { v1 => 0, v2 => 100 },
        step => 20, every => 0.5 });
    mkdir $t->dir . '/state/users.state.tmp';
    until_told($t, sub { ($users->state->{ramp}{why} // '') =~ /cannot/ });
    until_told($t, sub { 0 });

    $nginx->stop;
}


# Waits for what is to happen, or for something that breaks a rule.

sub until_told {
    my ($t, $code) = @_;

    wait_for(3, sub { -s $t->dir . '/watch.report' || $code->() });
}


for my $bug (@bugs) {
    my ($name, $what, $regex, $with, $expected) = @$bug;

    like(found($name, $regex, $with), qr/\Q$expected\E/, $what);
}

done_testing();
