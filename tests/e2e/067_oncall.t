#!/usr/bin/perl

# Copyright (C) Ficus authors

# docs/oncall.md: there are the commands that it names, and the metrics.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Test::More;

use Ficus::Run qw(root wait_for);
use Ficus::System;

my $s = Ficus::System->new->start;
my $page = do {
    open my $fh, '<', root() . '/docs/oncall.md' or die "oncall.md: $!";
    local $/;
    <$fh>;
};

$ENV{FICUS_ADMIN_URL} = 'http://127.0.0.1:' . $s->admin_port;
$ENV{FICUS_RUN_DIR} = $s->dir;
ok(wait_for(20, sub { ($s->worker('orders', '/sync')->{json}{last}{result}
    // '') =~ /level|repaired/ }),
    'the replica was compared');
$s->p(90);

# what there is nothing for is refused with 404 or 409, and no wrong usage

my %refused = map { $_ => 1 } 'ramp pause', 'ramp abort', 'dlq redrive';
my @commands = $page =~ /^ {4}(ficusctl .*)|`(ficusctl [^`]*)`/mg;
my %seen;

for my $command (grep { defined && !$seen{$_}++ } @commands) {
    next if $command =~ /^ficusctl (restore|set)\b/;

    my ($name) = $command =~ /^ficusctl (ramp \S+ \w+|dlq \w+|\w+)/;

    $name =~ s/ SPLIT//;
    $command =~ s/SPLIT/users/;
    $command =~ s/GENERATION/1/;
    $command =~ s/\b(KEY|ID)\b/u1/;

    my ($status, $out, $err) = $s->run->capture('sh', '-c',
        Ficus::System->program('') . $command);

    is($status, $refused{$name} ? 1 : 0, $command) or diag($out, $err);
}

cmp_ok(scalar keys %seen, '>', 10, 'commands');
is($s->admin('GET', '/api/v1/splits/users')->{json}{arms}[0]{configured}, 100,
    'all is back');

my $metrics = join '', map { $s->admin('GET', $_)->{body} }
    '/metrics', '/workers/orders/metrics';
my %names = map { $_ => 1 } $page =~ /\b(ficus_\w+)/g;

like($metrics, qr/^# TYPE $_ /m, $_) for sort keys %names;
like($metrics, qr/^ficus_split_breaker_state\{[^}]*state="open"/m,
    'with the label that is asked for');
like($metrics, qr/^ficus_split_weight\{[^}]*kind="$_"/m, $_)
    for qw(effective configured);

$s->done;
