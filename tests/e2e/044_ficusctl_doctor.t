#!/usr/bin/perl

# Copyright (C) Ficus authors

# ficusctl doctor, on a healthy system and on all that can be wrong.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use File::Copy qw(copy);
use JSON::PP;
use Test::More;

use Ficus::Nginx;
use Ficus::Run qw(wait_for);
use Ficus::System;

my $s = Ficus::System->new->start;
my $dir = $s->dir;
my $sick = $s->run->port(4);
my ($out, $err);

$ENV{LC_ALL} = 'C';
delete @ENV{qw(FICUS_ADMIN_PORT FICUS_HTTP_PORT)};
$ENV{FICUS_RUN_DIR} = $dir;
$ENV{FICUS_ADMIN_URL} = 'http://127.0.0.1:' . $s->admin_port;


sub doctor {
    my ($expected, @args) = @_;

    (my $status, $out, $err) = $s->run->capture(
        Ficus::System->program('ficusctl'), 'doctor', @args);

    is($status, $expected, "doctor @args") or diag($out, $err);
}

sub says {
    my ($result, $check, $regex) = @_;

    like($out, qr/^$result +$check +$regex/m, "$check: $result");
}


# A healthy one

ok(wait_for(20, sub { ($s->worker('orders', '/sync')->{json}{last}{result}
    // '') =~ /level|repaired/ }),
    'the replica was compared');

doctor(0);
says('ok', $_, '\S') for 'gateway', 'split users', 'history users', 'users-v1',
    'users-v2', 'orders', 'sync', 'dead letters', 'lag', 'store users',
    'store orders';
says('ok|warn', 'disk', '[\d.]+ of [\d.]+ GB are free');
says('ok', 'sync', 'orders, of users: in step at \d');
says('ok', 'dead letters', 'orders, of users: none$');
says('ok', 'lag', 'orders: (?:99 of 100|no) event');
unlike($out, qr/^fail|\e/m, 'nothing failed');
is(scalar(grep { length > 80 } split /\n/, $out), 0, 'in 80 columns');
unlike($out, qr/ port /, 'a port that nobody named is not looked at');

{
    local $ENV{FICUS_HTTP_PORT} = $s->port;
    doctor(0, '--json');
    my $json = decode_json($out);
    like($json->{result}, qr/^(ok|warn)$/, '--json');
    my ($port) = grep { $_->{check} eq 'port' } @{$json->{checks}};
    is($port->{result}, 'ok', 'the port of clients');

    $ENV{FICUS_HTTP_PORT} = $s->run->port(5);
    doctor(1);
    says('fail', 'port', "clients can't reach");
}


# What is wrong with it

$s->admin('POST', '/api/v1/splits/users/ramp', json => {
    to => { v1 => 0, v2 => 100 }, step => 10, every => 3600 });
$s->admin('POST', '/api/v1/splits/users/ramp/pause', json => {});
$s->kill('users-v1', 'STOP');
doctor(1);
$s->kill('users-v1', 'CONT');
says('warn', 'split users', 'its ramp is paused');
says('fail', 'users-v1', 'does not answer, 504');
like($out, qr/^1 failed, [12] to look at$/m, 'the sum');

mkdir "$dir/copy" or die "mkdir: $!";
copy("$dir/data/users.db", "$dir/copy/users.db") or die "copy: $!";
truncate "$dir/copy/users.db", 5000;
doctor(1, "--data=$dir/copy");
says('fail', 'store users', "is damaged or can't be read|.*is damaged");
unlike($out, qr/store orders/, 'no database, no line');
doctor(1, "--data=$dir/none");
says('fail', 'data', '\S+none is no directory');

doctor(1, '--url=http://127.0.0.1:1');
says('fail', 'gateway', "http://127.0.0.1:1 can't be reached");
unlike($out, qr/users-v1|split/, 'nobody else is asked');
says('ok', 'store users', '\S');


# An admin port that says the rest

my $state = '{"name":"users","baseline":"v1","arms":['
    . '{"name":"v1","configured":40,"effective":100,"state":"closed"},'
    . '{"name":"v2","configured":60,"effective":0,"state":"open",'
    . '"state_reason":"5 tries in a row failed"}],'
    . '"changed_by":"ramp",'
    . '"ramp":{"state":"rolled-back","why":"more \u001b[31merrors"}}';

# a ramp that somebody has dealt with, an arm that gets nothing to be tried with

my $calm = '{"name":"calm","baseline":"v1","changed_by":"ann@gw1","arms":['
    . '{"name":"v1","configured":100,"effective":100,"state":"closed"},'
    . '{"name":"v2","configured":0,"effective":0,"state":"half-open",'
    . '"state_reason":"5 tries in a row failed"}],'
    . '"ramp":{"state":"rolled-back","why":"more errors"}}';

my $nginx = Ficus::Nginx->new($s->run, <<"EOC")->start;
%%GLOBALS%%
http {
    %%HTTP%%
    default_type application/json;

    server {
        listen 127.0.0.1:$sick;

        location = /readyz {
            return 503 '{"status":"error","checks":{"zone z":"has another layout","split users":"ok"}}';
        }
        location = /api/v1/splits { return 200 '[$state,$calm]'; }
        location = /api/v1/splits/users/history {
            return 200 '{"verified":false,"records":3,"error":"a gap"}';
        }
        location = /workers/ {
            return 200 '["users-v1","users-v2","orders","stats","gone"]';
        }
        location = /workers/users-v1/readyz {
            return 200 '{"status":"degraded","checks":{"store":"ok","bus":"is not connected"}}';
        }
        location = /workers/users-v2/readyz {
            return 503 '{"status":"error","checks":{"store":"cannot be read"}}';
        }
        location = /workers/orders/readyz {
            return 200 '{"status":"ok","checks":{"store":"ok","sync":"ok"}}';
        }
        location = /workers/orders/sync {
            return 200 '{"sources":["users"],"last":{"result":"differs","at":"2026-11-21T10:00:00Z","error":null}}';
        }
        location = /workers/orders/dlq { return 200 '[{"id":"a"},{"id":"b"}]'; }
        location = /workers/stats/readyz {
            return 200 '{"status":"ok","checks":{"store":"ok","sync":"ok"}}';
        }
        location = /workers/stats/sync {
            if (\$arg_source = "orders") {
                return 200 '{"last":{"result":"failed","at":"2026-11-21T10:00:00Z","error":"the source does not answer"}}';
            }
            return 200 '{"sources":["products","orders",null],"last":null}';
        }
        location = /workers/stats/dlq {
            if (\$arg_source = "orders") { return 200 '[{"id":"c"}]'; }
            return 200 '[]';
        }
        location = /workers/stats/metrics { return 200 ''; }
        location = /workers/orders/metrics {
            return 200 'ficus_consumer_lag_seconds_bucket{le="1"} 98
ficus_consumer_lag_seconds_bucket{le="5"} 99
ficus_consumer_lag_seconds_bucket{le="+Inf"} 100
ficus_consumer_lag_seconds_count 100
';
        }
    }
}
EOC

doctor(1, "--url=http://127.0.0.1:$sick");
says('fail', 'gateway', 'zone z: has another layout$');
says('warn', 'split users', 'breaker of v2 is open, 5 tries in a row failed;'
    . ' it has 0\.00 of 60\.00$');
says('warn', 'split users', 'its ramp was rolled back: more \?\[31merrors$');
says('ok', 'split calm', 'every arm has its weight$');
says('fail', 'history users', 'a gap$');
says('warn', 'users-v1', 'bus: is not connected; changes wait .* nats-server$');
says('fail', 'users-v2', 'store: cannot be read$');
says('ok', 'orders', '\S');
says('warn', 'sync', 'orders, of users: differs at 2026-11-21T10:00:00Z$');
says('warn', 'dead letters', 'orders, of users: 2;'
    . ' ficusctl dlq list --worker=orders --source=users$');
says('warn', 'lag', 'orders: 99 of 100 events were brought in within 5 s$');
says('ok', 'stats', '\S');
says('warn', 'sync', 'stats, of products: not compared with its source yet$');
says('fail', 'sync', 'stats, of orders: failed: the source does not answer at');
says('ok', 'dead letters', 'stats, of products: none$');
says('warn', 'dead letters', 'stats, of orders: 1;');
says('fail', 'lag', 'stats: there are no metrics$');
says('fail', 'gone', 'does not answer, 404; does it run');
like($out, qr/^6 failed, (?:9|10) to look at$/m, 'the sum');


# A gateway before other services, whose 404 is a page

$nginx->conf(<<"EOC");
%%GLOBALS%%
http {
    %%HTTP%%
    upstream nobody { server 127.0.0.1:%%PORT_5%%; }

    upstream shop {
        strangler zone=shop:256k;
        arm v1=nobody;
        arm v2=nobody weight=0;
    }

    server {
        listen 127.0.0.1:$sick;
        location /api/v1/ { strangler_api; }
        location = /readyz { strangler_ready; }
    }
}
EOC
$nginx->restart;

doctor(0, "--url=http://127.0.0.1:$sick");
says('ok', 'split shop', '\S');
says('warn', 'history shop', 'the split has no state file');
unlike($out, qr/^\w+ +(users|orders|sync|dead)/m, 'and no workers');

doctor(1, "--url=http://127.0.0.1:" . $s->nats_port);
says('fail', 'gateway', '\S+ can.t be reached, or is no admin port');
doctor(2, 'users');

$s->done;
