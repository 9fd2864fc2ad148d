#!/usr/bin/perl

# Copyright (C) Ficus authors
#
# What shadows cost: processor time of nginx for each request of a client, with
# none and with 10 % of the requests shadowed, turned on and off between rounds;
# one shadow against one request of a client, and against what nginx's own mirror
# costs; and the same in the whole system, four reads to one write.
# Usage: shadow.pl [ROUNDS [SECONDS [gateway|whole]]]

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Test::More;

use Ficus::Bench qw(loads median rounds verdict wrk);
use Ficus::Nginx;
use Ficus::Run;
use Ficus::Split;
use Ficus::System;

my $rounds = shift // 7;
my $seconds = shift // 2;
my $part = shift;

if (!defined $part) {
    exit(grep { system $^X, $0, $rounds, $seconds, $_ } 'gateway', 'whole');
}


# how much more processor time one load took than the other, of all rounds

sub more {
    my ($name, $one, $other, $target) = @_;

    my @more = map {
        100 * ($one->{all}[$_]{cpu} / $other->{all}[$_]{cpu} - 1)
    } 0 .. $#{$one->{all}};

    return verdict($name, median(@more), '<=', $target);
}


sub gateway {
    my $t = Ficus::Run->new;
    my $body = '{"userId":"u17","email":"u17@example.org","tags":["'
        . join('","', map { "tag-$_" } 1 .. 28) . '"]}';

    # both arms, in an nginx of their own
    my $backends = Ficus::Nginx->new($t, <<"EOC")->start;

%%GLOBALS%%
worker_processes 1;

http {
    %%HTTP%%
    default_type application/json;
    server { listen 127.0.0.1:%%PORT_2%%; return 200 '$body'; }
    server { listen 127.0.0.1:%%PORT_3%%; return 200 '$body'; }
}
EOC

    my $nginx = Ficus::Nginx->new($t, <<'EOC')->start;

%%GLOBALS%%
worker_processes 1;

http {
    %%HTTP%%
    proxy_http_version 1.1;
    proxy_set_header Connection "";

    upstream a { server 127.0.0.1:%%PORT_2%%; keepalive 128; }
    upstream b { server 127.0.0.1:%%PORT_3%%; keepalive 128; }
    upstream users {
        strangler zone=bench:1m;
        strangler_key $cookie_uid;
        strangler_shadow in_flight=1000;
        arm v1=a weight=100 baseline;
        arm v2=b;
    }

    server {
        listen 127.0.0.1:%%PORT_0%%;
        location / { proxy_pass http://users; }
        location /mirrored { mirror /mirror; proxy_pass http://users; }
        location /mirror { internal; proxy_pass http://b; }
    }

    %%ADMIN%%
}
EOC

    my $split = Ficus::Split->new($t->port(1), 'users');

    my $load = sub {
        my ($path, $share) = @_;

        return sub {
            $split->ask('PUT', '/shadow', json => { share => $share });

            return wrk('http://127.0.0.1:' . $t->port(0) . $path,
                dir => $t->dir, seconds => $seconds,
                cpu => [ $nginx->children ]);
        };
    };

    my @loads = (
        'no shadow' => $load->('/', 0),
        '10 % shadowed' => $load->('/', 10),
        'all shadowed' => $load->('/', 100),
        'all mirrored' => $load->('/mirrored', 0),
    );

    my %r = rounds($rounds, @loads);
    my $state = $split->state->{shadow};

    print "\nShadows: medians of $rounds rounds of $seconds s, GETs alone\n\n";
    loads(\%r, grep { !ref } @loads);
    printf "  %d started, %d compared, %d differ, %d dropped\n\n",
        @$state{qw(started compared mismatched dropped)};

    more('more CPU of nginx with 10 % shadowed, %', $r{'10 % shadowed'},
        $r{'no shadow'}, 5);

    my ($none, $all, $mirror) = map { $r{$_}{all} } 'no shadow',
        'all shadowed', 'all mirrored';

    printf "  %-58s %8.2f\n", 'of these in the kernel, by all shadowed',
        10 * median(map {
            ($all->[$_]{kernel} - $none->[$_]{kernel}) / $none->[$_]{cpu}
        } 0 .. $rounds - 1);

    my @pairs = map {
        my ($a, $b, $c) = map { $_->{cpu} } $none->[$_], $all->[$_],
            $mirror->[$_];
        [ ($b - $a) / $a, ($b - $a) / ($c - $a) ];
    } 0 .. $rounds - 1;

    verdict('a shadow / a request of a client', median(map { $_->[0] } @pairs),
        '<=', 0.75);
    verdict('a shadow / a request that nginx mirrors',
        median(map { $_->[1] } @pairs), '<=', 1);

    $_->stop for $nginx, $backends;
    $t->done;
}


# a process and all that it has started

sub family {
    my ($pid) = @_;

    return ($pid, map { family($_) } Ficus::Run::children($pid));
}


sub whole {
    my $s = Ficus::System->new->start;
    my $r = $s->request('POST', '/api/users/batch', json => [ map {
        { userId => "u$_", email => "u$_\@example.org",
            deliveryAddress => "Street $_" }
    } 0 .. 999 ]);

    die "batch: $r->{status} $r->{body}\n" if $r->{status} != 200;

    my $script = <<'EOC';
local n = 0
request = function()
    n = n + 7919
    local path = "/api/users/u" .. (n % 1000)
    if n % 5 ~= 0 then
        return wrk.format("GET", path)
    end
    return wrk.format("PATCH", path, { ["Content-Type"] = "application/json" },
        '{"deliveryAddress":"Street ' .. n .. '"}')
end
EOC

    my $load = sub {
        my ($share, @pids) = @_;

        return sub {
            $s->admin('PUT', '/api/v1/splits/users/shadow',
                json => { share => $share });

            return wrk('http://127.0.0.1:' . $s->port, dir => $s->run->dir,
                seconds => $seconds, script => $script, cpu => \@pids);
        };
    };

    my @nginx = family($s->pid('nginx'));
    my @all = family($s->pid('ficus'));

    my @loads = (
        'nginx, no shadow' => $load->(0, @nginx),
        'nginx, 10 % shadowed' => $load->(10, @nginx),
        'all processes, no shadow' => $load->(0, @all),
        'all processes, 10 % shadowed' => $load->(10, @all),
    );

    my %r = rounds($rounds, @loads);

    print "\nThe whole system, four GETs to one PATCH\n\n";
    loads(\%r, grep { !ref } @loads);

    for my $who ('nginx', 'all processes') {
        more("more CPU of $who with 10 % shadowed, %",
            $r{"$who, 10 % shadowed"}, $r{"$who, no shadow"}, 5);
    }

    $s->done;
}

$part eq 'gateway' ? gateway() : whole();
