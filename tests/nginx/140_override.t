#!/usr/bin/perl

# Copyright (C) Ficus authors

# strangler_override: a header, then a cookie, for testers only.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Test::More;

use Ficus::Backend qw(http_backend fastcgi_backend);
use Ficus::HTTP qw(get request);
use Ficus::Nginx;
use Ficus::Run;
use Ficus::Split;

my $t = Ficus::Run->new;
my $nginx = Ficus::Nginx->new($t, <<'EOC');

%%GLOBALS%%

http {
    %%HTTP%%
    %%ARMS%%

    geo $proxy_protocol_addr $nobody { default 0; }
    map $http_tester $tester { default $http_tester; }

    upstream http1 { server 127.0.0.1:%%PORT_4%%; }
    upstream fcgi2 { server 127.0.0.1:%%PORT_5%%; }

    upstream users {
        strangler zone=users:1m;
        strangler_key $arg_id;
        strangler_override header=X-Ficus-Arm cookie=ficus_arm if=$tester;
        arm v1=users_v1 weight=100;
        arm v2=users_v2;
    }

    upstream always {
        strangler zone=users;
        strangler_override header=X-Arm;
        arm v1=users_v1 weight=100;
        arm v2=users_v2;
    }

    upstream never {
        strangler zone=users;
        strangler_override header=X-Ficus-Arm if=$nobody;
        arm v1=users_v1 weight=100;
        arm v2=users_v2;
    }

    upstream echo {
        strangler zone=users;
        strangler_override header=X-Ficus-Arm;
        arm v1=http1 weight=100;
        arm v2=http1;
    }

    upstream fecho {
        strangler zone=users;
        strangler_override header=X-Ficus-Arm;
        arm v1=fcgi2 weight=100;
        arm v2=fcgi2;
    }

    server {
        listen 127.0.0.1:%%PORT_0%%;

        location / {
            proxy_pass http://users;
            add_header X-Decided
                "$strangler_users_arm $strangler_users_decided";
        }
        location = /always { proxy_pass http://always; }
        location = /never { proxy_pass http://never; }
        location = /arm { return 200 $strangler_users_arm; }
        location = /plain { proxy_pass http://http1; }
        location = /echo {
            proxy_pass http://echo;
            add_header X-Decided "$strangler_echo_arm" always;
        }
        location = /fecho {
            include /etc/nginx/fastcgi_params;
            fastcgi_pass fecho;
            add_header X-Decided "$strangler_fecho_arm" always;
        }
    }

    %%ADMIN%%
}
EOC

http_backend($t, 'http', $t->port(4));
fastcgi_backend($t, 'fcgi', $t->port(5));
$nginx->start;

my $port = $t->port(0);
my @tester = (Tester => '1');


sub decided { return get($port, @_)->{headers}{'x-decided'} }

sub ignored {
    my ($split) = @_;

    return get($t->port(1), '/metrics')->{body}
        =~ /^ficus_split_overrides_ignored_total\{split="$split"\} (\d+)$/m
        ? $1 : 'none';
}


is(decided('/?id=1', @tester), 'v1 key', 'no override');
is(decided('/?id=1', @tester, 'X-Ficus-Arm' => 'v2'), 'v2 override', 'header');
is(get($port, '/', @tester, 'X-Ficus-Arm' => 'v2')->{body}, 'v2', 'its arm');
is(decided('/?id=1', @tester, Cookie => 'ficus_arm=v2'), 'v2 override',
    'cookie');
is(decided('/?id=1', @tester, Cookie => 'a=b; ficus_arm=v2; c=d'),
    'v2 override', 'cookie among others');
is(decided('/?id=1', @tester, 'X-Ficus-Arm' => 'v2',
    Cookie => 'ficus_arm=v1'), 'v2 override', 'header before cookie');
is(decided('/?id=1', @tester, 'x-ficus-arm' => 'v2'), 'v2 override',
    'header in lower case');
is(decided('/', @tester, 'X-Ficus-Arm' => 'v2'), 'v2 override',
    'before keyless');
is(get($port, '/arm', @tester, 'X-Ficus-Arm' => 'v2')->{body}, 'v2',
    'variable without a pass');
is(get($port, '/always', 'X-Arm' => 'v2')->{body}, 'v2', 'without if=');
is(get($port, '/always', 'X-Ficus-Arm' => 'v2')->{body}, 'v1', 'other header');


# where it does not count

is(ignored('users'), 0, 'none ignored');

is(decided('/?id=1', 'X-Ficus-Arm' => 'v2'), 'v1 key', 'if= is empty');
is(ignored('users'), 1, 'ignored one is counted');
is(decided('/?id=1', Tester => 0, 'X-Ficus-Arm' => 'v2'), 'v1 key', 'if= is 0');
is(decided('/?id=1', Tester => 0, Cookie => 'ficus_arm=v2'), 'v1 key',
    'cookie, if= is 0');
is(ignored('users'), 3, 'ignored ones are counted');
is(decided('/?id=1', Tester => '00', 'X-Ficus-Arm' => 'v2'), 'v2 override',
    'if= is 00');
is(decided('/?id=1'), 'v1 key', 'no override, no tester');
is(ignored('users'), 3, 'nothing to ignore');
is(get($port, '/never', 'X-Ficus-Arm' => 'v2')->{body}, 'v1',
    'if= is never true');
is(ignored('never'), 1, 'counted per split');

for my $arm ('v3', 'V2', '', 'v', 'v22', 'v2 ', 'v2,v1') {
    my $expected = $arm eq 'v2 ' ? 'v2 override' : 'v1 key';

    is(decided('/?id=1', @tester, 'X-Ficus-Arm' => $arm), $expected,
        "value \"$arm\"");
}

is(decided('/?id=1', @tester, 'X-Ficus-Arm' => 'x' x 3000), 'v1 key',
    'long value');
is(decided('/?id=1', @tester, 'X-Ficus-Arm' => 'nobody',
    Cookie => 'ficus_arm=v2'), 'v1 key', 'a bad header hides the cookie');
is(decided('/?id=1', @tester, 'X-Ficus-Arm' => '',
    Cookie => 'ficus_arm=v2'), 'v2 override', 'an empty header does not');

my $ignored = ignored('users');

decided('/?id=1', @tester, 'X-Ficus-Arm' => 'nobody');
is(ignored('users'), $ignored + 1, 'what is no arm is counted as ignored');


# a weight of 0 is still reached

is(Ficus::Split->new($t->port(1), 'users')->state->{arms}[1]{configured}, 0,
    'v2 has nothing');


# X-Ficus-* stays here

my @headers = (Do => 'echo', 'X-Ficus-Arm' => 'v2', 'X-Ficus-Anything' => 'x',
    'x-ficus-lower' => 'y', 'X-Ficus-' => 'z', 'X-Ficusses' => 'kept',
    'X-Other' => 'kept', 'X-Ficus-Arm' => 'v1', 'X_Ficus_Arm' => 'v1');

for my $path ('/echo', '/plain') {
    my $r = get($port, $path, @headers);
    my @names = sort grep { /ficus/ } keys %{$r->{json}{headers}};

    is("@names", 'x-ficusses', "$path: no X-Ficus- header reaches a backend");
    is($r->{json}{headers}{'x-other'}, 'kept', "$path: other headers do");
}

is(get($port, '/echo', @headers)->{headers}{'x-decided'}, 'v2',
    'though it was honoured');

my $r = get($port, '/fecho', @headers);

is($r->{headers}{'x-decided'}, 'v2', 'honoured for FastCGI');
is(join(' ', sort grep { /FICUS/ } keys %{$r->{json}{params}}),
    'HTTP_X_FICUSSES', 'no X-Ficus- parameter');
is($r->{json}{params}{HTTP_X_OTHER}, 'kept', 'other parameters are there');

my @many = map { ("X-Ficus-$_" => $_, "X-Other-$_" => $_) } 1 .. 60;

$r = get($port, '/echo', Do => 'echo', @many);
is(scalar(grep { /^x-other-/ } keys %{$r->{json}{headers}}), 60,
    'many: others are there');
is(scalar(grep { /^x-ficus-/ } keys %{$r->{json}{headers}}), 0,
    'many: all are gone');

$t->done;
