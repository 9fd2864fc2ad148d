#!/usr/bin/perl

# Copyright (C) Ficus authors

# strangler_pin: routes that only one arm has; and arms without weight.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Test::More;

use Ficus::HTTP qw(get);
use Ficus::Nginx;
use Ficus::Run;
use Ficus::Split;

my $t = Ficus::Run->new;
my $nginx = Ficus::Nginx->new($t, <<'EOC')->start;

%%GLOBALS%%

http {
    %%HTTP%%
    %%ARMS%%

    upstream users {
        strangler zone=users:512k;
        strangler_key $arg_id;
        strangler_override header=X-Ficus-Arm;
        arm v1=users_v1 weight=50;
        arm v2=users_v2;
    }

    upstream letters {
        strangler zone=users;
        arm a=users_v1 weight=100;
        arm b=users_v2;
    }

    map $request_method $by_method { DELETE v2; default ""; }

    server {
        listen 127.0.0.1:%%PORT_0%%;
        add_header X-Decided "$strangler_users_arm $strangler_users_decided";

        location / { proxy_pass http://users; }
        location = /v1 { strangler_pin v1; proxy_pass http://users; }
        location = /v2 { strangler_pin v2; proxy_pass http://users; }
        location = /method { strangler_pin $by_method; proxy_pass http://users; }
        location = /arg { strangler_pin $arg_pin; proxy_pass http://users; }
        location = /mixed { strangler_pin v$arg_n; proxy_pass http://users; }
        location = /empty { strangler_pin ""; proxy_pass http://users; }
        location = /if {
            if ($arg_x = 1) { strangler_pin v2; }
            proxy_pass http://users;
        }
        location = /variable { strangler_pin v2; return 200 $strangler_users_arm; }
        location = /foreign { strangler_pin b; proxy_pass http://users; }
    }

    server {
        listen 127.0.0.1:%%PORT_4%%;
        strangler_pin v2;
        location / { proxy_pass http://users; }
        location = /own { strangler_pin v1; proxy_pass http://users; }
        location = /none { strangler_pin ""; proxy_pass http://users; }
        location = /letters { strangler_pin b; proxy_pass http://letters; }
    }

    %%ADMIN%%
}
EOC

my $port = $t->port(0);
my $users = Ficus::Split->new($t->port(1), 'users');


# All arms that 20 keys come to.

sub arms {
    my ($port, $path, @headers) = @_;

    my $join = $path =~ /\?/ ? '&' : '?';
    my %arms = map { get($port, "$path${join}id=$_", @headers)->{body} => 1 }
        1 .. 20;

    return join ' ', sort keys %arms;
}


is(arms($port, '/'), 'v1 v2', 'no pin');
is(arms($port, '/v1'), 'v1', 'pin');
is(arms($port, '/v2'), 'v2', 'other pin');
is(get($port, '/v2?id=1')->{headers}{'x-decided'}, 'v2 pin', 'decided by pin');
is(arms($port, '/v1', 'X-Ficus-Arm' => 'v2'), 'v1', 'pin before override');
is(arms($port, '/arg?pin=v2'), 'v2', 'variable');
is(arms($port, '/arg?pin='), 'v1 v2', 'variable without value');
is(arms($port, '/arg'), 'v1 v2', 'variable without anything');
is(arms($port, '/mixed?n=2'), 'v2', 'text and variable');
is(arms($port, '/method'), 'v1 v2', 'map, no pin');
is(Ficus::HTTP::request($port, 'DELETE', '/method')->{body}, 'v2', 'map, pin');
is(arms($port, '/empty'), 'v1 v2', 'empty pin');
is(arms($port, '/if?x=1'), 'v2', 'pin in if');
is(arms($port, '/if?x=2'), 'v1 v2', 'pin in if, not taken');
is(get($port, '/variable')->{body}, 'v2', 'variable obeys the pin');

is(arms($t->port(4), '/'), 'v2', 'pin of the server');
is(arms($t->port(4), '/own'), 'v1', 'location before server');
is(arms($t->port(4), '/none'), 'v1 v2', 'empty pin takes it away');
is(get($t->port(4), '/letters')->{body}, 'v2', 'pin of another split');


# a value that is no arm of this split

is($nginx->log =~ /nonsense/ ? 1 : 0, 0, 'log is clean');
is(arms($port, '/arg?pin=nonsense'), 'v1 v2', 'unknown arm is ignored');
my @lines = $nginx->log =~ /\[error\].*"nonsense".*/g;
is(scalar @lines, 20, 'and logged once per request');
is(arms($port, '/foreign'), 'v1 v2', 'arm of another split is ignored');


# drain

$users->p(100);
is(arms($port, '/'), 'v1', 'weight 0: nobody');
is(arms($port, '/v2'), 'v2', 'weight 0: pin reaches it');
is(arms($port, '/', 'X-Ficus-Arm' => 'v2'), 'v2',
    'weight 0: override reaches it');
$users->p(0);
is(arms($port, '/'), 'v2', 'baseline 0: nobody');
is(arms($port, '/v1'), 'v1', 'baseline 0: pin reaches it');

$t->done;
