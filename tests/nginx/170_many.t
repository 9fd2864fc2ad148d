#!/usr/bin/perl

# Copyright (C) Ficus authors

# A hundred splits of eight arms, one for each route, on two instances: the
# same weights give the same answer for the same key.  What a zone holds.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Test::More;

use Ficus::HTTP qw(get request);
use Ficus::Nginx;
use Ficus::Run;
use Ficus::Split;

my $t = Ficus::Run->new;
my $splits = join "\n", map {
    "upstream s$_ { strangler zone=all" . ($_ == 1 ? ':10m' : '') . ';'
    . ' strangler_key $arg_id; strangler_generation_header X-Generation;'
    . join('', map { " arm a$_=users_v" . ($_ == 1 ? '1;' : '2 weight=1;') } 1 .. 8)
    . ' }'
} 1 .. 100;
my $locations = join "\n", map {
    "location = /$_ { proxy_pass http://s$_;"
    . " add_header X-Arm \$strangler_s${_}_arm; }"
} 1 .. 100;

my $conf = <<"EOC";

%%GLOBALS%%
worker_processes 2;

http {
    %%HTTP%%
    %%ARMS%%
    variables_hash_max_size 8192;
    $splits
    upstream plain {
        strangler zone=all;
        arm v1=users_v1 weight=50;
        arm v2=users_v2;
    }
    server {
        listen 127.0.0.1:%%PORT_0%%;
        $locations
        location = /plain { proxy_pass http://plain; }
    }
    %%ADMIN%%
}
EOC

my $one = Ficus::Nginx->new($t, $conf)->start;
my $two = Ficus::Nginx->new($t,
    $conf =~ s/%%PORT_(\d)%%/sprintf '%%%%PORT_%d%%%%', $1 + 4/ger
        =~ s/%%(ADMIN|ARMS)%%/OTHER_$1/gr
        =~ s/OTHER_ARMS/upstream users_v1 { server 127.0.0.1:%%PORT_2%%; }
                        upstream users_v2 { server 127.0.0.1:%%PORT_3%%; }/r
        =~ s/OTHER_ADMIN/server {
            listen 127.0.0.1:%%PORT_5%%;
            location \/api\/v1\/ { strangler_api; }
        }/r)->start;

sub arm { return get($t->port($_[0]), "/$_[1]?id=$_[2]")->{headers}{'x-arm'} }

sub arms {
    my ($port) = @_;

    my $answers = '';

    for my $split (7, 77) {
        $answers .= arm($port, $split, $_) . ' ' for 1 .. 60;
    }

    return $answers;
}


# all are there, each for itself

is(get($t->port(0), "/$_")->{status}, 200, "split $_") for 1, 50, 100;

my $r = request($t->port(1), 'GET', '/api/v1/splits');

is(scalar @{$r->{json}}, 101, 'all splits in the API');
is(scalar @{$r->{json}[42]{arms}}, 8, 'all arms');
is(scalar(() = get($t->port(1), '/metrics')->{body}
    =~ /^ficus_split_weight\{.*kind="configured"/mg), 802,
    'all arms in the metrics');


# the same weights on two instances

my @weights = map { my $n = $_;
    +{ map { ("a$_" => $_ == 1 ? 100 - 7 * $n : $n) } 1 .. 8 } } 3, 12, 5;

for my $n (7, 77) {
    for my $weights (@weights) {
        for my $port (1, 5) {
            is(Ficus::Split->new($t->port($port), "s$n")
                ->weights($weights)->{status}, 200, "change s$n, $port");
        }
    }
}

my $answers = arms(0);

is($answers, arms(4), 'the same answers of two instances');
cmp_ok(scalar(keys %{{ map { ($_ => 1) } split ' ', $answers }}), '>', 4,
    'of many arms');
isnt(join(' ', map { arm(0, 7, $_) } 1 .. 60),
    join(' ', map { arm(0, 77, $_) } 1 .. 60),
    'each split has a salt of its own');
is(Ficus::Split->new($t->port(1), 's8')->configured,
    'a1=93 ' . join(' ', map { "a$_=1" } 2 .. 8), 'another split is as it was');


# the generation in a header

my $s7 = Ficus::Split->new($t->port(1), 's7');

is(get($t->port(0), '/7')->{headers}{'x-generation'}, $s7->generation,
    'generation');
$s7->weights($weights[0]);
is(get($t->port(0), '/7')->{headers}{'x-generation'}, $s7->generation,
    'generation after a change');
is(get($t->port(0), '/plain')->{headers}{'x-generation'}, undef,
    'off by default');

$two->stop;


# what the manual says of zones

sub fits {
    my ($size, $n, $arms, $processes) = @_;

    my $upstreams = join "\n", map {
        "upstream t$_ { strangler zone=z" . ($_ == 1 ? ":$size;" : ';')
        . join('', map { " arm a$_=users_v1" . ($_ == 1 ? ';' : ' weight=1;') }
            1 .. $arms) . ' }'
    } 1 .. $n;

    my ($status, $out) = $one->check(<<"EOC");
%%GLOBALS%%
worker_processes $processes;
http { %%HTTP%% %%ARMS%% variables_hash_max_size 8192; $upstreams }
EOC

    return $status ? $out : 'fits';
}

my $manual = Ficus::Run::root() . '/docs/man/ngx_http_strangler_module.5';
my $told = `cat '$manual'` =~ s/\s+/ /gr;

like($told, qr/\Q$_\E/, "the manual: $_") for
    'zone of 128 kilobytes holds one split of two arms, 256 kilobytes hold four',
    'one megabyte holds 16, or 8 with 16 worker processes and more',
    'ten megabytes hold 100 splits of eight arms';

for my $case ([ '128k', 1, 2, 2 ], [ '256k', 4, 2, 2 ], [ '1m', 16, 2, 2 ],
    [ '1m', 8, 2, 16 ], [ '10m', 100, 8, 2 ])
{
    my ($size, $n, $arms, $processes) = @$case;

    is(fits(@$case), 'fits',
        "$size hold $n splits of $arms arms with $processes processes");
    next if $n == 100;
    like(fits($size, $n + 1, $arms, $processes),
        qr/\[emerg\] zone "z" is too small for split "t${\($n + 1)}"/,
        "$size hold no more: the message");
}

$t->done;
