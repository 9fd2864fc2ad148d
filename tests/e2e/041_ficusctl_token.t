#!/usr/bin/perl

# Copyright (C) Ficus authors

# An admin port that asks for a token, as conf/admin.conf makes it: whatever
# changes something needs it, the workers' own calls too.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Test::More;

use Ficus::HTTP qw(get request);
use Ficus::Nginx;
use Ficus::Run qw(root);
use Ficus::System;

my $s = Ficus::System->new->start;
my $conf = root() . '/conf';

$s->run->write('token', "s3cret\n");

my $nginx = Ficus::Nginx->new($s->run, <<"EOC")->start;
%%GLOBALS%%
http {
    access_log off;
    client_body_temp_path %%DIR%%/temp/client-body;
    include $conf/http.conf;

    upstream users {
        strangler zone=users:256k;
        arm v1=orders weight=100 baseline;
        arm v2=orders;
    }

    upstream orders { server "unix:%%DIR%%/sock/orders.sock"; }

    map "" \$ficus_workers { default '["orders"]'; }

    map \$ficus_worker \$ficus_worker_upstream {
        orders  orders;
    }

    server {
        listen 127.0.0.1:%%PORT_4%%;
        strangler_api_token_file %%DIR%%/token;
        include $conf/problems.conf;
        include $conf/admin.conf;
        include $conf/workers.conf;
    }
}
EOC

my $port = $s->run->port(4);
my @token = ('--token-file', $s->dir . '/token');


sub ctl {
    my (@args) = @_;

    my $program = Ficus::System->program('ficusctl');
    my $out = `$program --url=http://127.0.0.1:$port @args 2>&1`;

    return ($? >> 8, $out);
}

sub needs_token {
    my ($expected, @args) = @_;

    my ($rc, $out) = ctl(@args);
    is($rc, 1, "@args without a token");
    like($out, qr/refused with 401/, "@args: says why");

    ($rc, $out) = ctl(@token, @args);
    is($rc, $expected, "@args with it") or diag($out);
    unlike($out, qr/refused with 401/, "@args: not the token");
}


needs_token(0, qw(p users 20));
needs_token(0, qw(sync check));
needs_token(0, qw(sync repair));
needs_token(1, qw(dlq redrive none));
needs_token(1, qw(dlq drop none));

for (qw(/workers/orders/dlq /workers/orders/sync /workers/orders/readyz
    /metrics /healthz /api/v1/splits))
{
    is(get($port, $_)->{status}, 200, "$_ is only reading");
}

is(get($port, '/workers/orders/dlq', Host => 'evil.example')->{status}, 421,
    'another name for this host');
is(request($port, 'POST', '/workers/orders/sync', json => { repair => \1 },
    headers => [ Origin => 'http://evil.example',
        Authorization => 'Bearer s3cret' ])->{status}, 403,
    "another site's page, even with the token");
is(get($port, '/workers/nobody/dlq')->{status}, 404, 'no such worker');

$s->done;
