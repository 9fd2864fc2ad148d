#!/usr/bin/perl

# Copyright (C) Ficus authors

# Shadows of locations that do more than pass a request on: caches and stores,
# access rules, arms of their own protocols, gRPC.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Test::More;

use Ficus::Backend qw(http_backend fastcgi_backend);
use Ficus::HTTP qw(get request);
use Ficus::Nginx;
use Ficus::Run qw(wait_for);
use Ficus::Split;

my $t = Ficus::Run->new;
my $conf = <<'EOC';

%%GLOBALS%%
http {
    %%HTTP%%
    log_format seen escape=none '$request_method $request_uri|$http_x_user|$http_range|'
                    '$request_body';
    proxy_cache_path %%DIR%%/cache-proxy keys_zone=proxied:1m;
    fastcgi_cache_path %%DIR%%/cache-fastcgi keys_zone=fcgi:1m;
    proxy_cache_valid 1h;
    fastcgi_cache_valid 1h;
    proxy_cache_key $request_uri;
    fastcgi_cache_key $strangler_fcgi_arm$request_uri;
    client_body_buffer_size 128k;

    upstream v1 { server 127.0.0.1:%%PORT_2%%; }
    upstream v2 { server 127.0.0.1:%%PORT_4%%; }
    upstream f1 { server 127.0.0.1:%%PORT_5%%; }
    upstream f2 { server 127.0.0.1:%%PORT_6%%; }

    upstream http {
        strangler zone=r:2m;
        strangler_override header=X-Ficus-Arm;
        strangler_shadow share=100 noise=0;
        arm v1=v1 weight=100; arm v2=v2;
    }
    upstream fcgi {
        strangler zone=r;
        strangler_shadow share=100 noise=0;
        arm v1=f1 weight=100; arm v2=f2;
    }
    upstream mixed {
        strangler zone=r;
        strangler_override header=X-Ficus-Arm;
        strangler_shadow share=100 noise=0 methods=GET,POST;
        arm old=f1 weight=100; arm new=v2;
    }

    map $strangler_mixed_arm $mixed { old @old; new @new; }
    map $strangler_http_shadow $fresh { 1 1; default ""; }

    server {
        listen 127.0.0.1:%%PORT_0%%;

        location /cached/ { proxy_cache proxied; proxy_pass http://http; }
        location /cached-f/ {
            fastcgi_cache fcgi;
            fastcgi_param REQUEST_METHOD $request_method;
            fastcgi_param REQUEST_URI $request_uri;
            fastcgi_pass fcgi;
        }
        location /stored/ {
            proxy_store on;
            root %%DIR%%/stored;
            proxy_pass http://http;
        }
        location /let-in/ {
            auth_request /auth;
            set $told "";
            auth_request_set $user $upstream_http_x_user;
            auth_request_set $told $upstream_http_x_user;
            proxy_set_header X-User "$user $told";
            proxy_pass http://http;
        }
        location /tried/ {
            auth_request /auth;
            auth_request_set $user $upstream_http_x_user;
            try_files /nothing @tried;
        }
        location @tried {
            proxy_set_header X-User "$user";
            proxy_pass http://http;
        }
        location = /auth {
            internal;
            proxy_pass_request_body off;
            proxy_set_header Content-Length "";
            proxy_pass http://127.0.0.1:%%PORT_7%%;
        }
        location /few/ {
            allow 127.0.0.2;
            deny all;
            proxy_pass http://http;
        }
        location /mixed/ {
            error_page 418 = $mixed;
            return 418;
        }
        location @old {
            fastcgi_param REQUEST_METHOD $request_method;
            fastcgi_param REQUEST_URI $request_uri;
            fastcgi_param CONTENT_LENGTH $content_length;
            fastcgi_pass f1;
        }
        location @new {
            proxy_cache proxied;
            proxy_pass http://v2;
        }
    }

    # sees what v2 gets
    server {
        listen 127.0.0.1:%%PORT_4%%;
        access_log %%DIR%%/logs/seen seen;
        location / { proxy_pass http://127.0.0.1:%%PORT_3%%; }
    }

    # lets each one in but once
    server {
        listen 127.0.0.1:%%PORT_7%%;
        access_log %%DIR%%/logs/asked seen;
        location / {
            add_header X-User "user-$http_who";
            if ($http_who = "") { return 401; }
            return 200;
        }
    }

    %%ADMIN%%
}
EOC

my $nginx = Ficus::Nginx->new($t, $conf);

http_backend($t, 'v1', $t->port(2));
http_backend($t, 'v2', $t->port(3));
fastcgi_backend($t, 'f1', $t->port(5));
fastcgi_backend($t, 'f2', $t->port(6));
$nginx->start;

my $port = $t->port(0);
my %split = map { $_ => Ficus::Split->new($t->port(1), $_) }
    qw(http fcgi mixed);


sub shadow { return $split{$_[0]}->state->{shadow} }


sub settled {
    my ($name) = @_;

    return wait_for(15, sub { shadow($name)->{in_flight} == 0 });
}


sub dropped {
    my ($name) = @_;

    return $split{$name}->ask('GET', '/diff')->{json}{dropped}{cached};
}


# caches: a shadow neither reads nor fills them

for my $name (qw(http fcgi)) {
    my ($path, $arm) = $name eq 'http' ? ('/cached/a', 'v1')
        : ('/cached-f/a', 'f1');

    is(get($port, $path)->{body}, "$arm\n", "$path: the arm answers");
    ok(settled($name), 'done');
    is_deeply([ @{shadow($name)}{qw(started compared failed dropped)} ],
        [ 1, 1, 0, 0 ], "$path: the other arm is asked, not the cache");
    is($split{$name}->ask('GET', '/diff')->{json}{mismatched}, 1,
        "$path: it says something else");
    is(get($port, $path)->{body}, "$arm\n", "$path: from the cache");
    ok(settled($name), 'done');
    is(shadow($name)->{started}, 1,
        "$path: what came from the cache has no shadow");
}

is(scalar $t->lines('seen', 1), 1, 'v2 was asked once');
is(dropped('fcgi'), 1, 'counted if the arm is in the key');
is(get($port, '/cached/b', 'X-Ficus-Arm' => 'v2')->{body}, "v2\n",
    'v2 fills the cache');
ok(settled('http'), 'and v1 has a shadow');
is(get($port, '/cached/b', 'X-Ficus-Arm' => 'v1')->{body}, "v2\n",
    'which has changed nothing there');
get($port, '/cached/c', Range => 'bytes=0-0');
ok(settled('http'), 'done');
is(dropped('http'), 1, 'of a part that nginx has cut there is none');

my $file = $t->dir . '/stored/stored/a';

is(get($port, '/stored/a')->{body}, "v1\n", 'the answer is stored');
ok(settled('http'), 'done');
is($t->read('stored/stored/a'), "v1\n", 'that of the shadow is not');
ok(!-e "$file.tmp", 'nor left over');
$t->lines('seen', 2);
$t->lines('asked', 0);


# who may is asked once

get($port, '/let-in/a', Who => 7);
ok(settled('http'), 'done');
is_deeply([ $t->lines('seen', 1) ], [ 'GET /let-in/a|user-7 user-7||' ],
    'auth_request: the shadow has what it said');
is(scalar $t->lines('asked', 1), 1, 'it was asked once');
get($port, '/tried/a', Who => 8);
ok(settled('http'), 'done');
is_deeply([ $t->lines('seen', 1) ], [ 'GET /tried/a|user-8||' ],
    'before a named location');
is(scalar $t->lines('asked', 1), 1, 'once');

my $started = shadow('http')->{started};

is(get($port, '/let-in/b')->{status}, 401, 'nobody');
is(get($port, '/few/b')->{status}, 403, 'from elsewhere');
ok(settled('http'), 'done');
is(shadow('http')->{started}, $started, 'who is not let in has no shadow');
is_deeply([ $t->lines('seen', 0) ], [], 'v2 has seen nothing of it');


# arms with protocols of their own

is(get($port, '/mixed/a')->{body}, "f1\n", 'FastCGI answers');
ok(settled('mixed'), 'done');
is_deeply([ $t->lines('seen', 1) ], [ 'GET /mixed/a|||' ], 'HTTP is asked');
is_deeply([ @{shadow('mixed')}{qw(started compared failed)} ], [ 1, 1, 0 ],
    'and compared');
is(get($port, '/mixed/a', 'X-Ficus-Arm' => 'new')->{body}, "v2\n",
    'HTTP answers');
ok(settled('mixed'), 'done');
is_deeply([ @{shadow('mixed')}{qw(started compared failed)} ], [ 2, 2, 0 ],
    'FastCGI is asked');
$t->lines('seen', 1);
request($port, 'POST', '/mixed/b', body => 'body');
ok(settled('mixed'), 'done');
is_deeply([ $t->lines('seen', 1) ], [ 'POST /mixed/b|||body' ], 'with its body');
is(get($port, '/mixed/c', 'X-Ficus-Arm' => 'new')->{body}, "v2\n",
    'its cache has nothing of a shadow');

$t->done;
