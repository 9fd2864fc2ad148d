#!/usr/bin/perl

# Copyright (C) Ficus authors

# strangler_metrics: the Prometheus text and what it counts.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Test::More;

use Ficus::Backend qw(http_backend);
use Ficus::HTTP qw(get request parallel);
use Ficus::Nginx;
use Ficus::Run;
use Ficus::Split qw(bucket);

my $t = Ficus::Run->new(allow => [ qr/exited on signal 9/ ]);
my $nginx = Ficus::Nginx->new($t, <<'EOC');

%%GLOBALS%%
worker_processes 2;

http {
    %%HTTP%%

    upstream users_v1 { server 127.0.0.1:%%PORT_2%%; }
    upstream users_v2 { server 127.0.0.1:%%PORT_3%%; keepalive 4; }

    upstream users {
        strangler zone=users:512k;
        strangler_key $arg_id;
        strangler_override header=X-Ficus-Arm if=$http_tester;
        arm v1=users_v1 weight=60;
        arm v2=users_v2;
    }

    upstream other-1 {
        strangler zone=users;
        arm a=users_v1 weight=10;
        arm b=users_v2 weight=20;
        arm c=users_v2;
    }

    server {
        listen 127.0.0.1:%%PORT_0%% reuseport;
        location / { proxy_pass http://users; }
        location = /pin { strangler_pin v2; proxy_pass http://users; }
        location = /arm { return 200 $strangler_users_arm; }
        location = /error {
            proxy_pass http://users;
            proxy_intercept_errors on;
            error_page 503 = /page;
        }
        location = /page { return 200 $strangler_users_arm; }
        location = /static { return 200 static; }
        location = /late { proxy_pass http://users; proxy_read_timeout 200ms; }
    }

    %%ADMIN%%
}
EOC

http_backend($t, 'v1', $t->port(2));
http_backend($t, 'v2', $t->port(3));
$nginx->start;

my $port = $t->port(0);
my $users = Ficus::Split->new($t->port(1), 'users');
my %id;

for my $i (1 .. 50) {
    $id{bucket('users', "u$i") < 4000 ? 'v2' : 'v1'} = "u$i";
}

sub metrics {
    my %values;

    for (split /\n/, get($t->port(1), '/metrics')->{body}) {
        next if /^#/;
        my ($name, $value) = /^(.+) (\S+)$/ or fail("line: $_"), next;
        fail("$name comes twice") if exists $values{$name};
        $values{$name} = $value;
    }

    return \%values;
}

# What has changed since, as "name value", without histograms.

my $last = {};

sub changes {
    my $now = metrics();
    my @changes;

    for my $name (sort keys %$now) {
        my $delta = $now->{$name} - ($last->{$name} // 0);

        push @changes, "$name $delta"
            if $delta && $name =~ /^ficus_split_(?:requests|responses|overrides)/;
    }

    $last = $now;

    return join "\n", map { s/ficus_split_//r =~ s/split="users",?//r } @changes;
}


# the text

my $r = get($t->port(1), '/metrics');

is($r->{status}, 200, 'metrics');
is($r->{headers}{'content-type'}, 'text/plain; version=0.0.4; charset=utf-8',
    'type');
is(request($t->port(1), 'HEAD', '/metrics')->{status}, 200, 'HEAD');
like($r->{body}, qr/\n\z/, 'ends with a line feed');

my %types = $r->{body} =~ /^# TYPE (\S+) (\S+)$/mg;

is_deeply(\%types, {
    ficus_split_requests_total => 'counter',
    ficus_split_failures_total => 'counter',
    ficus_split_rescued_total => 'counter',
    ficus_split_rescues_refused_total => 'counter',
    ficus_split_breaker_state => 'gauge',
    ficus_split_breaker_opened_total => 'counter',
    ficus_split_weight => 'gauge',
    ficus_split_responses_total => 'counter',
    ficus_split_seconds => 'histogram',
    ficus_split_shadow_total => 'counter',
    ficus_split_shadow_in_flight => 'gauge',
    ficus_split_diff_total => 'counter',
    ficus_split_generation => 'gauge',
    ficus_split_overrides_ignored_total => 'counter',
    ficus_split_route_requests_total => 'counter',
    ficus_split_route_rescued_total => 'counter',
    ficus_split_route_baseline_timestamp_seconds => 'gauge',
    ficus_split_route_verdict => 'gauge',
}, 'names and types');

my %help = $r->{body} =~ /^# HELP (\S+) (.+)$/mg;

is(join(' ', sort keys %help), join(' ', sort keys %types), 'all have help');

my @families = map { s/_(?:bucket|sum|count)$//r }
    $r->{body} =~ /^([a-z_]+)\{/mg;
my %after;
my @scattered = grep { $families[$_] ne ($families[$_ - 1] // '')
    && $after{$families[$_]}++ } 0 .. $#families;
is("@scattered", '', 'each family is in one piece');


# weights and generation

$last = metrics();

is($last->{'ficus_split_weight{split="users",arm="v1",kind="configured"}'} + 0,
    60, 'weight, configured');
is($last->{'ficus_split_weight{split="users",arm="v2",kind="effective"}'} + 0,
    40, 'weight, effective');
is($last->{'ficus_split_weight{split="other-1",arm="c",kind="configured"}'} + 0,
    70, 'weight of another split');
is($last->{'ficus_split_generation{split="users"}'}, $users->generation,
    'generation');
$users->p(37.5);
is(metrics()->{'ficus_split_weight{split="users",arm="v1",kind="configured"}'}
    + 0, 37.5, 'weight after a change');
is(metrics()->{'ficus_split_generation{split="users"}'}, $users->generation,
    'generation after a change');
$users->p(60);


# requests and responses

changes();

get($port, "/?id=$id{v1}");
is(changes(), "requests_total{arm=\"v1\",decided=\"key\"} 1\n"
    . 'responses_total{arm="v1",code="200"} 1', 'key');

get($port, "/?id=$id{v2}", Do => 'status=404') for 1 .. 3;
is(changes(), "requests_total{arm=\"v2\",decided=\"key\"} 3\n"
    . 'responses_total{arm="v2",code="404"} 3', 'status 404');

get($port, "/?id=$id{v2}", Do => 'status=299');
is(changes(), "requests_total{arm=\"v2\",decided=\"key\"} 1\n"
    . 'responses_total{arm="v2",code="other"} 1', 'an unusual code');

get($port, "/?id=$id{v1}", Tester => 1, 'X-Ficus-Arm' => 'v2');
is(changes(), "requests_total{arm=\"v2\",decided=\"override\"} 1\n"
    . 'responses_total{arm="v2",code="200"} 1', 'override');

get($port, "/?id=$id{v1}", 'X-Ficus-Arm' => 'v2');
is(changes(), "overrides_ignored_total{} 1\n"
    . "requests_total{arm=\"v1\",decided=\"key\"} 1\n"
    . 'responses_total{arm="v1",code="200"} 1', 'ignored override');

get($port, "/pin?id=$id{v1}");
is(changes(), "requests_total{arm=\"v2\",decided=\"pin\"} 1\n"
    . 'responses_total{arm="v2",code="200"} 1', 'pin');

get($port, '/');
like(changes(), qr/^requests_total\{arm="(v\d)",decided="keyless"\}\ 1\n
    responses_total\{arm="\1",code="200"\}\ 1$/x, 'keyless');

get($port, "/arm?id=$id{v2}");
is(changes(), 'requests_total{arm="v2",decided="key"} 1',
    'chosen, but never asked');

is(get($port, "/error?id=$id{v2}", Do => 'status=503')->{body}, 'v2',
    'error_page');
is(changes(), "requests_total{arm=\"v2\",decided=\"key\"} 1\n"
    . 'responses_total{arm="v2",code="503"} 1', 'error_page: counted once');

get($port, "/?id=$id{v2}", Do => 'close');
is(changes(), "requests_total{arm=\"v2\",decided=\"key\"} 1\n"
    . 'responses_total{arm="v2",code="502"} 1', 'no answer');

get($port, "/late?id=$id{v2}", Do => 'sleep=1');
is(changes(), "requests_total{arm=\"v2\",decided=\"key\"} 1\n"
    . 'responses_total{arm="v2",code="504"} 1', 'late');

get($port, '/static');
is(changes(), '', 'not a request of the split');


# the state counts the same

my $sum = 0;
$sum += metrics()->{qq(ficus_split_requests_total{split="users",arm="v2",decided="$_"})}
    // 0 for qw(pin override key keyless);
is($users->state->{arms}[1]{requests}, $sum, 'requests in the state');
cmp_ok($users->state->{arms}[1]{failures}, '>=', 3, 'failures in the state');


# the histogram

my $before = metrics();

get($port, "/?id=$id{v1}", Do => 'sleep=0.3');

my $after = metrics();
my $labels = 'split="users",arm="v1"';

is($after->{"ficus_split_seconds_count{$labels}"}
    - $before->{"ficus_split_seconds_count{$labels}"}, 1, 'histogram: count');

my $took = $after->{"ficus_split_seconds_sum{$labels}"}
    - $before->{"ficus_split_seconds_sum{$labels}"};

cmp_ok($took, '>=', 0.29, "histogram: sum: $took");
cmp_ok($took, '<', 3, 'histogram: sum is in seconds');

my @buckets = sort { $a->[0] <=> $b->[0] } map {
    /^ficus_split_seconds_bucket\{\Q$labels\E,le="([^"]+)"\}$/
        ? [ $1 eq '+Inf' ? 9e99 : $1, $after->{$_}, $after->{$_} - $before->{$_} ]
        : ()
} keys %$after;

cmp_ok(scalar @buckets, '>=', 8, 'histogram: buckets');
is($buckets[-1][0], 9e99, 'histogram: +Inf');
is($buckets[-1][1], $after->{"ficus_split_seconds_count{$labels}"},
    'histogram: +Inf is the count');
is(scalar(grep { $buckets[$_][1] < $buckets[$_ - 1][1] } 1 .. $#buckets), 0,
    'histogram: buckets grow');
is(join(' ', map { $_->[2] } grep { $_->[0] < 0.29 } @buckets),
    join(' ', map { 0 } grep { $_->[0] < 0.29 } @buckets),
    'histogram: not in the fast ones');
is($buckets[-1][2], 1, 'histogram: in the last');


# both worker processes, reload, kill

my $key = qq(ficus_split_requests_total{split="users",arm="v1",decided="key"});

$before = metrics();
parallel(8, sub { get($port, "/?id=$id{v1}") for 1 .. 50; return 1 });
$after = metrics();
is($after->{$key} - $before->{$key}, 400, 'both workers are counted');

$nginx->reload;
is(metrics()->{$key}, $after->{$key}, 'counters survive a reload');
get($port, "/?id=$id{v1}") for 1 .. 10;
is(metrics()->{$key}, $after->{$key} + 10, 'and go on');

my ($worker) = $nginx->workers;
kill 'KILL', $worker;
Ficus::Run::wait_for(10, sub { !grep { $_ == $worker } $nginx->workers });
Ficus::Run::wait_for(10, sub { $nginx->workers == 2 });
is(metrics()->{$key}, $after->{$key} + 10, 'counters survive kill -9');
get($port, "/?id=$id{v1}") for 1 .. 10;
is(metrics()->{$key}, $after->{$key} + 20, 'and go on again');

$t->done;
