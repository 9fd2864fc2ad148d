#!/usr/bin/perl

# Copyright (C) Ficus authors

# Ramps of many splits that share a state directory, in which only one change is
# made at a time: each goes on as soon as another has made its step.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Test::More;

use Ficus::Nginx;
use Ficus::Run qw(wait_for);
use Ficus::Split;

my $splits = 40;
my $steps = 5;

my $t = Ficus::Run->new;
my $upstreams = join '', map { <<"EOC" } 1 .. $splits;
    upstream split$_ {
        strangler zone=splits:16m state=%%DIR%%/state;
        arm v1=users_v1; arm v2=users_v2 weight=0;
    }
EOC

mkdir $t->dir . '/state';

my $nginx = Ficus::Nginx->new($t, <<'EOC' =~ s/%%UPSTREAMS%%/$upstreams/r)->start;

%%GLOBALS%%
worker_processes 2;

http {
    %%HTTP%%
    %%ARMS%%
    variables_hash_max_size 4096;
%%UPSTREAMS%%
    %%ADMIN%%
}
EOC

my @splits = map { Ficus::Split->new($t->port(1), "split$_") } 1 .. $splits;

for my $split (@splits) {
    $split->ask('POST', '/ramp', json => { to => { v1 => 0, v2 => 100 },
        step => 100 / $steps, every => 0.5 });
}

my %states;

ok(wait_for(20, sub {
    %states = ();
    $states{$_->state->{ramp}{state}}++ for @splits;

    return ($states{done} // 0) == $splits;
}), 'all are done') or diag(explain(\%states));

is($splits[0]->configured, 'v1=0 v2=100', 'with the weights of the end');
unlike($nginx->log, qr/could not make a step/, 'no step has failed');

$t->done;
