#!/usr/bin/perl

# Copyright (C) Ficus authors

# docs/migration.md, done step by step: its configuration, and each of its
# commands.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Test::More;

use Ficus::Backend qw(http_backend);
use Ficus::HTTP qw(get);
use Ficus::Nginx;
use Ficus::Run qw(root wait_for);
use Ficus::Split;
use Ficus::System;

my $t = Ficus::Run->new;
my %blocks;

mkdir $t->dir . '/state';
$ENV{FICUS_ADMIN_URL} = 'http://127.0.0.1:' . $t->port(1);
$ENV{LC_ALL} = 'C';

for my $step (split /^## /m, page()) {
    my ($number) = $step =~ /^(\d+)\. /;

    $blocks{$number // 0} = [
        $step =~ /((?:^ {4}.*\n(?:^\n(?= {4}))?)+)/mg ];
}

is(join(' ', sort keys %blocks), '0 1 2 3 4 5 6 7', 'the steps');

my ($install, $conf, @look) = @{$blocks{1}};
my $nginx = Ficus::Nginx->new($t, made_ours($conf));
my $shop = Ficus::Split->new($t->port(1), 'shop');
my $out;

http_backend($t, $_ ? 'new' : 'old', $t->port(2 + $_)) for 0, 1;


# 1. The gateway in front

is($install, "    install -d -o www-data -m 750 /var/lib/ficus\n",
    'the directory that the configuration names');
is(($nginx->check(made_ours($conf)))[0], 0, 'nginx -t');
$nginx->start;
run($_) for commands(@look);
like($out, qr/^X-Served-By: old\r$/m, 'all go to the old service');
like(get($t->port(1), '/', Accept => 'text/html')->{body}, qr/<title>Ficus/,
    'the dashboard');


# 2. The new one

run($_) for commands(@{$blocks{2}});
like($out, qr/^X-Served-By: new\r$/m, 'a tester gets the new one');


# 3. Shadows

my ($shadow, $diff, $forget, $stop) = commands(@{$blocks{3}});

run($shadow);
is($shop->state->{shadow}{share}, 10, 'a share is shadowed');
visit(1 .. 50);
ok(wait_for(10, sub { $shop->state->{shadow}{compared} > 0 }), 'and compared');
run($diff);
like($out, qr/^\/api\/? .*differ/m, 'what differs');
run($_) for $forget, $stop;
is($shop->state->{shadow}{share}, 0, 'no longer');


# 4. The first users

my ($first, $back) = commands(@{$blocks{4}});

run($first);
is(weights(), '99.9 0.1', 'one in a thousand');
run($back);
is(weights(), '100 0', 'back');


# The log has what replay wants.

my $format = join '', $conf =~ /^ +(?:log_format shop )?'(.*)'/mg;

run("ficusctl replay '" . $t->dir . "/shop.log' shop --weights old=50,new=50"
    . " '--format=$format'");
like($out, qr/^ +\d+ +with a key; of \d+ keys [1-9]/m, 'who would move');
unlike($out, qr/unreadable|not seen/, 'of all of them');


# 5. A ramp

my ($start, $show, $pause, $resume, $abort, $history) =
    commands(@{$blocks{5}});

run($start);
is(weights(), '95 5', 'the first step');
run($_) for $show, $pause;
is($shop->state->{ramp}{state}, 'paused', 'paused');
run($_) for $resume, $abort;
is(weights(), '100 0', 'back');
run($history);
like($out, qr/: complaints$/m, 'with its reason');


# 6. Nobody needs the old one

$shop->p(0);
visit(1 .. 20);
run($_) for commands(@{$blocks{6}});
like($out, qr/^(needed|watching) +\/api\/$/m, 'the ledger');


# 7. The end

my ($plain) = @{$blocks{7}};

$conf =~ s/^ +upstream shop_(old|new) .*\n//mg;
$conf =~ s/^ +upstream shop \{.*?^ {8}\}\n/$plain/ms or die;
$conf =~ s/^ +add_header X-Served-By.*\n//m or die;
$conf =~ s/^ +log_format [^;]*;\n//m or die;
$conf =~ s/^ +access_log .*\n//m or die;
$nginx->conf(made_ours($conf));
$nginx->reload;
$t->stop('old');
is(get($t->port(0), '/')->{body}, "new\n", 'the new service alone');

$t->done;


sub page {
    open my $fh, '<', root() . '/docs/migration.md' or die "migration.md: $!";
    local $/;

    return <$fh>;
}


# the configuration, with the ports and the paths of the test

sub made_ours {
    my ($text) = @_;

    my %port = (8080 => 0, 8081 => 1, 9001 => 2, 9002 => 3);
    my $dir = $t->dir;
    my $root = root();

    $text =~ s/^ *(load_module|user|worker_processes|thread_pool|events) .*\n//mg;
    $text =~ s/\b(8080|8081|9001|9002)\b/'%%PORT_' . $port{$1} . '%%'/ge;
    $text =~ s/listen (?=%)/listen 127.0.0.1:/;
    $text =~ s,/var/lib/ficus,$dir/state,;
    $text =~ s,/var/log/nginx/,$dir/,;
    $text =~ s,/usr/local/share/ficus/web,$root/web,;
    $text =~ s,/usr/local/etc/ficus/,$root/conf/,;
    $text =~ s/^( *http \{)$/$1\n%%HTTP%%/m;

    return "%%GLOBALS%%\n$text";
}


# a line of a block is one

sub commands {
    return map { s/^ +//r } grep { /\S/ } map { split /\n/ } @_;
}


sub run {
    my ($command) = @_;

    $command =~ s/127\.0\.0\.1:8080/'127.0.0.1:' . $t->port(0)/e;

    local $ENV{PATH} = Ficus::System->program('') . ":$ENV{PATH}";
    my ($status, $text, $err) = $t->capture('sh', '-c', $command);

    is($status, 0, $command) or diag($text, $err);
    $out = $text;
}


sub weights {
    return join ' ', map { $_->{configured} + 0 } @{$shop->state->{arms}};
}


sub visit {
    get($t->port(0), $_ % 2 ? '/' : '/api/', Cookie => "session=$_") for @_;
}
