#!/usr/bin/perl

# Copyright (C) Ficus authors
#
# kill -9 of a worker process at each store into shared memory that a change, a
# step of a ramp or a comparison makes, the mutex locked or not: the others go
# on with what was there, or with what is new.

use strict;
use warnings;

use Test::More;
use Time::HiRes qw(sleep);

use Ficus::HTTP qw(get);
use Ficus::Nginx;
use Ficus::Run qw(wait_for);
use Ficus::Split;
use Ficus::Watch;

my $t = Ficus::Run->new(allow => [ qr/exited on signal 9/, qr/was locked by/ ]);
my $watch = Ficus::Watch->new($t);
my $routes = join ' ', map { "location = /r$_ { proxy_pass http://loose; }" } 1 .. 20;
my $nginx = Ficus::Nginx->new($t, <<'EOC' =~ s/%%ROUTES%%/$routes/r);

%%GLOBALS%%
worker_processes 2;

http {
    %%HTTP%%
    %%ARMS%%

    upstream v1 { server 127.0.0.1:%%PORT_4%%; }
    upstream v2 { server 127.0.0.1:%%PORT_5%%; }

    upstream users {
        strangler zone=z:1m state=%%DIR%%/state;
        strangler_key $arg_id;
        arm v1=users_v1 weight=100;
        arm v2=users_v2;
    }
    upstream loose {
        strangler zone=z;
        arm v1=users_v1 weight=50;
        arm v2=users_v2;
    }
    upstream told {
        strangler zone=z;
        strangler_shadow share=100 noise=0;
        arm v1=v1 weight=100;
        arm v2=v2;
    }

    server {
        listen 127.0.0.1:%%PORT_0%% reuseport;
        location / { proxy_pass http://users; }
        location = /generation { return 200 $strangler_users_generation; }
        location /told { proxy_pass http://told; }
        %%ROUTES%%
    }

    server {
        listen 127.0.0.1:%%PORT_4%%;
        default_type application/json;
        return 200 '{"a": "a one $arg_n", "b": "b one $arg_n"}';
    }
    server {
        listen 127.0.0.1:%%PORT_5%%;
        default_type application/json;
        return 200 '{"a": "a two $arg_n", "b": "b two $arg_n"}';
    }

    %%ADMIN%%
}
EOC

mkdir $t->dir . '/state';
$nginx->start;

my %split = map { $_ => Ficus::Split->new($t->port(1), $_) }
    qw(users loose told);


# Does it again and again, killed at the first store, the second, ...; until
# there are no more.  The number of stores.

sub at_each_store {
    my ($do, $then) = @_;

    for my $n (1 .. 400) {
        $watch->kill_at($n);
        my $r = $do->($n);

        return $n - 1 if !$watch->killed;

        wait_for(10, sub { $nginx->workers == 2 });
        $then->($n, $r);
    }

    return 'too many';
}


# a change

for my $name (qw(users loose)) {
    my $split = $split{$name};
    my ($p, $bad) = (10, '');

    my $n = at_each_store(sub { return $split->p(++$p) }, sub {
        my ($n, $r) = @_;

        my $is = $split->state;
        my $first = $split->history->[0];
        my $next = $split->p(++$p);

        $bad .= "$n: $is->{arms}[0]{configured} of $p\n"
            if $is->{arms}[0]{configured} !~ /^(?:${\($p - 1)}|${\($p - 2)}|100|50)$/;
        $bad .= "$n: the history says $first->{weights}{v1}\n"
            if $first->{weights}{v1} != $is->{arms}[0]{configured}
            || $first->{generation} != $is->{generation};
        $bad .= "$n: next change: $next->{status}\n" if $next->{status} != 200;
    });

    cmp_ok($n, '>=', 3, "$name: a change has $n stores");
    is($bad, '', "$name: killed at each");
}

is($split{users}->ask('GET', '/history?verify=1')->{json}{verified}, 1,
    'the history is whole');
like($nginx->log, qr/was locked by/, 'some held the mutex');


# a step of a ramp: all are made, and those who had died are not missed

my ($to, $bad, $n) = (10, '', 0);

for my $store (map { 3 * $_ } 1 .. 20) {
    $to = 100 - $to;
    $watch->kill_at($store);

    $split{users}->ask('POST', '/ramp', json => {
        to => { v1 => 100 - $to, v2 => $to }, step => 40, every => 0.1 });

    wait_for(20, sub {
        (($split{users}->state // {})->{ramp}{state} // '') eq 'done';
    }) or $bad .= "$store: never ended\n";
    $n++ if $watch->killed;
    wait_for(10, sub { $nginx->workers == 2 });

    $bad .= "$store: " . $split{users}->configured . "\n"
        if $split{users}->configured ne 'v1=' . (100 - $to) . " v2=$to";
}

is($bad, '', 'a ramp ends where it should');
cmp_ok($n, '>', 10, "and was killed $n times");


# a place in the ledger

$bad = '';
$n = at_each_store(sub { get($t->port(0), "/r$_[0]") }, sub {
    my ($n) = @_;

    get($t->port(0), "/r$n") for 1 .. 2;

    my @rows = grep { $_->{route} eq "= /r$n" }
        @{$split{loose}->ask('GET', '/ledger')->{json}{routes}};

    $bad .= "$n: " . @rows . " rows\n" if @rows != 1;
});
cmp_ok($n, '>', 2, "the first request of a route has $n stores");
is($bad, '', 'each has its row');


# what has been compared, and to forget it: a field is told once, and examples
# are of their field

my $told = $split{told};
my %odd;

sub odd {
    my ($n) = @_;

    my %fields;

    for my $field (map { @{$_->{fields}} } @{$told->ask('GET', '/diff')->{json}{routes}}) {
        my ($name) = $field->{field} =~ /^\$\.([ab])$/;

        $odd{"$n: field $field->{field}"}++ if !$name || $fields{$name}++;

        for my $e (@{$field->{examples}}) {
            $odd{"$n: $name: $e->{baseline}, $e->{other}"}++
                if $e->{baseline} !~ /^"?$name one \d+"?$/
                || $e->{other} !~ /^"?$name two \d+"?$/;
        }
    }
}

sub compare {
    my ($n) = @_;

    get($t->port(0), "/told?n=$n");
    wait_for(5, sub { (($told->state // {})->{shadow}{in_flight} // 1) == 0 });
}

$n = at_each_store(\&compare, \&odd);
cmp_ok($n, '>', 20, "a comparison has $n stores");

compare('000') for 1 .. 5;
odd('after it');

$n = at_each_store(sub { $told->ask('DELETE', '/diff') }, sub {
    my ($n) = @_;

    odd("forgotten, $n");
    compare($n) for 1 .. 2;
    odd("compared again, $n");
});
cmp_ok($n, '>', 100, "forgetting has $n stores");
is(join("\n", sort keys %odd), '', 'nothing odd is told');

is(join("\n", $watch->reports), '', 'no rule is broken');
$t->done;
