#!/usr/bin/perl

# Copyright (C) Ficus authors

# Rescue between arms of different protocols, with error_page; this is the
# configuration of the manual.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Digest::SHA qw(sha1_hex);
use Test::More;

use Ficus::Backend qw(http_backend fastcgi_backend);
use Ficus::HTTP qw(get request);
use Ficus::Nginx;
use Ficus::Run qw(wait_for);
use Ficus::Split;

my $t = Ficus::Run->new;
my $nginx = Ficus::Nginx->new($t, <<'EOC');

%%GLOBALS%%
http {
    %%HTTP%%
    client_body_buffer_size 16k;
    log_format arms '$request_uri $status $strangler_users_arm'
                    ' $strangler_users_served';

    upstream users_v1 { server 127.0.0.1:%%PORT_2%%; }
    upstream users_v2 { server 127.0.0.1:%%PORT_3%%; }
    upstream users_v3 { server 127.0.0.1:%%PORT_9%%; }

    upstream users {
        strangler zone=users:512k;
        strangler_key $arg_id;
        strangler_override header=X-Ficus-Arm;
        strangler_rescue manual floor=40;
        strangler_breaker failures=1000 ratio=0;
        arm v1=users_v1 weight=0;
        arm v2=users_v2;
        arm v3=users_v3 weight=0;
    }

    map $strangler_users_arm $users_arm {
        v1 @users_v1;
        v2 @users_v2;
        v3 @users_v3;
    }
    map $strangler_users_rescue $users_rescue {
        v1      @users_v1;
        default @users_failed;
    }

    server {
        listen 127.0.0.1:%%PORT_0%%;
        access_log %%DIR%%/logs/access arms;
        recursive_error_pages on;
        add_header X-Served $strangler_users_served always;
        add_header X-Rescue $strangler_users_rescue always;

        location / {
            error_page 418 = $users_arm;
            return 418;
        }
        location = /pinned {
            strangler_pin v2;
            fastcgi_pass users;
            fastcgi_intercept_errors on;
            error_page 500 502 503 504 = $users_rescue;
        }
        location @users_v1 {
            strangler_pin v1;
            proxy_pass http://users;
        }
        location @users_v2 {
            strangler_pin v2;
            fastcgi_pass users;
            fastcgi_param REQUEST_METHOD $request_method;
            fastcgi_param REQUEST_URI $request_uri;
            fastcgi_read_timeout 300ms;
            fastcgi_intercept_errors on;
            error_page 500 502 503 504 = $users_rescue;
        }
        location @users_v3 {
            strangler_pin v3;
            fastcgi_pass users;
            error_page 502 504 = $users_rescue;
        }
        location @users_failed {
            internal;
            return 502 failed;
        }
    }

    %%ADMIN%%
}
EOC

http_backend($t, 'v1', $t->port(2));
fastcgi_backend($t, 'v2', $t->port(3));
$nginx->start;

my $port = $t->port(0);
my $users = Ficus::Split->new($t->port(1), 'users');
my %last;

# of an arm that cannot be reached
sub refused {
    $users->weights({ v3 => 100, v1 => 0, v2 => 0 });
    my $told = told(@_ ? request($port, @_) : get($port, '/a'));
    $users->weights({ v2 => 100, v1 => 0, v3 => 0 });

    return $told;
}

sub changes {
    my @changes;

    for (split /\n/, get($t->port(1), '/metrics')->{body}) {
        my ($name, $value) = /^ficus_split_((?:requests|responses|rescue|failures)\S*) (\d+)$/
            or next;
        $name =~ s/split="users",//;
        push @changes, "$name " . ($value - ($last{$name} // 0))
            if $value != ($last{$name} // 0);
        $last{$name} = $value;
    }

    return join "\n", @changes;
}

sub told {
    my ($r) = @_;

    return join ' ', $r->{status}, $r->{body} =~ /^(\w+)/ ? $1 : '-',
        $r->{headers}{'x-ficus-rescued'} // '-';
}


changes();
is(told(get($port, '/a')), '200 v2 -', 'FastCGI');
is(told(get($port, '/a', 'X-Ficus-Arm' => 'v1')), '200 v1 -', 'HTTP');
is(changes(), <<'EOT' =~ s/\n\z//r, 'metrics: each is counted once');
requests_total{arm="v1",decided="override"} 1
requests_total{arm="v2",decided="keyless"} 1
responses_total{arm="v1",code="200"} 1
responses_total{arm="v2",code="200"} 1
EOT

my $r = get($port, '/b', 'Do-v2' => 'status=503');

is(told($r), '200 v1 v2', 'FastCGI fails, HTTP answers');
is($r->{headers}{'x-served'}, 'v1', 'served');
is($r->{headers}{'x-rescue'}, 'v1', 'the variable says the same again');
is(changes(), <<'EOT' =~ s/\n\z//r, 'metrics of a rescue');
requests_total{arm="v2",decided="keyless"} 1
responses_total{arm="v1",code="200"} 1
failures_total{arm="v2"} 1
rescued_total{from="v2",to="v1"} 1
EOT
ok(wait_for(5, sub { $t->read('logs/access') =~ m,^/b 200 v2 v1$,m }), 'log');

is(told(get($port, '/a', 'Do-v2' => 'sleep=1')), '200 v1 v2', 'late');
is(told(get($port, '/a', 'Do-v2' => 'close')), '200 v1 v2', 'closed');
is(refused(), '200 v1 v3', 'refused');
is(told(get($port, '/a', 'X-Ficus-Arm' => 'v3')), '502 failed -',
    'who asks for an arm sees it fail');
is(told(get($port, '/a', 'Do-v2' => 'status=404')), '404 v2 -',
    'a status that error_page does not name');

# bodies and methods

for my $size (0, 1, 5000, 300000) {
    my $body = 'abcdefg' x ($size / 7 + 1);
    $body = substr $body, 0, $size;

    $r = request($port, 'PUT', '/a', body => $body,
        headers => [ 'Do-v2' => 'status=500', 'Do-v1' => 'echo' ]);
    is("$r->{json}{arm} $r->{json}{method} $r->{json}{sha1}",
        'v1 PUT ' . sha1_hex($body), "PUT, $size bytes");
}

changes();
is(told(request($port, 'POST', '/a', body => 'x',
    headers => [ 'Do-v2' => 'status=503' ])), '502 failed -', 'POST that was sent');
is(changes(), <<'EOT' =~ s/\n\z//r, 'metrics: not rescued');
requests_total{arm="v2",decided="keyless"} 1
responses_total{arm="v2",code="503"} 1
failures_total{arm="v2"} 1
rescues_refused_total{why="unsafe"} 1
EOT
is(refused('POST', '/a', body => 'x'), '200 v1 v3', 'POST that was not sent');
is(told(request($port, 'PUT', '/a', body => 'x',
    headers => [ 'Do-v2' => 'sleep=1' ])), '502 failed -', 'PUT that is late');
is(told(request($port, 'PUT', '/a', body => 'x', headers => [
    'Do-v2' => 'close', 'If-Match' => '"1"' ])), '502 failed -',
    'PUT with a condition');
is(told(request($port, 'POST', '/a', body => 'x',
    headers => [ 'Do-v2' => 'status=503', 'Idempotency-Key' => 'k' ])),
    '200 v1 v2', 'POST with Idempotency-Key');
is(told(get($port, '/pinned', 'Do-v2' => 'status=503')), '502 failed -',
    'a route that only v2 has');

# the baseline fails as well

changes();
is(told(get($port, '/a', 'Do-v2' => 'status=503', 'Do-v1' => 'status=500')),
    '500 v1 v2', 'both fail: what the baseline says');
is(changes(), <<'EOT' =~ s/\n\z//r, 'metrics: both fail');
requests_total{arm="v2",decided="keyless"} 1
responses_total{arm="v1",code="500"} 1
failures_total{arm="v1"} 1
failures_total{arm="v2"} 1
rescued_total{from="v2",to="v1"} 1
EOT

# budget

my %count;
$count{told(get($port, '/a', 'Do-v2' => 'status=503'))}++ for 1 .. 100;
cmp_ok($count{'502 failed -'}, '>', 20, 'the budget is spent');
cmp_ok($count{'200 v1 v2'}, '>', 20, 'after some rescues');
is($count{'502 failed -'} + $count{'200 v1 v2'}, 100, 'nothing else');

$t->done;
