#!/usr/bin/perl

# Copyright (C) Ficus authors

# ficusctl replay says who would move; then the weights are really changed.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use JSON::PP;
use Test::More;

use Ficus::HTTP qw(get request);
use Ficus::Nginx;
use Ficus::Run qw(wait_for);
use Ficus::System;

my $s = Ficus::System->new->start;
my $dir = $s->dir;
my $log = "$dir/logs/access.log";
my $url = 'http://127.0.0.1:' . $s->admin_port;
my ($out, $err);


# Whoever sends it: what a request says of itself, and the arm that it gets.

my @path = map { [ "/api/users/u$_" ] } 1 .. 150;
my @odd = map { [ "/api/users/$_" ] } 'a%22b%5Cc', 'x%C3%BC%20y', '%24-', '42';
my @cookie = map { [ '/api/users/nobody', Cookie => "uid=c$_" ] } 1 .. 40;
my @header = map { [ '/api/users/nobody', 'X-User-Id' => "h$_" ] } 1 .. 40;
my @keyed = (@path, @odd, @cookie, @header);

sub arm { return $s->get(@{$_[0]})->{headers}{'x-service-version'} }

sub key {
    my ($path, $name, $value) = @{$_[0]};

    return $value =~ s/^uid=//r if defined $value;
    return $path =~ s,.*/,,r =~ s/%(..)/chr hex $1/ger;
}

sub bucket {
    my $key = $_[0] =~ s/([^A-Za-z0-9])/sprintf '%%%02X', ord $1/ger;

    return $s->admin('GET', "/api/v1/splits/users/explain?key=$key"
        )->{json}{bucket};
}


$s->p(60);

my @before = map { arm($_) } @keyed;

$s->request('POST', '/api/users', json => {}) for 1 .. 7;       # no key
$s->get('/api/users') for 1 .. 5;                               # a pin
$s->get('/api/users/u1', 'X-Ficus-Arm' => 'v2') for 1 .. 3;     # an override
$s->get('/api/orders') for 1 .. 4;                              # no split

my $lines = @keyed + 7 + 5 + 3 + 4;

ok(wait_for(10, sub { lines($log) >= $lines }), 'the log is written');


# The log of the gateway itself

my $told = replay($log, 'users', '--weights=v1=25,v2=75');

is($told->{requests}{read}, lines($log), 'reads every line');
is($told->{requests}{unreadable}, 0, 'which are as conf/http.conf has them');
is($told->{requests}{keyed}, scalar @keyed, 'requests with a key');
is($told->{requests}{keyless}, 7, 'without one');
is($told->{requests}{fixed}, 8, 'pinned and overridden');
cmp_ok($told->{requests}{elsewhere}, '>=', 4, 'not split');
is($told->{keys}{seen}, distinct(), 'keys');
is($told->{keyless_moving}, 35, 'what becomes of requests without one');
is_deeply($told->{unseen_sources}, [], 'the bucket tells it all');

$s->run->write('state.json', capture(0, '--json', 'slots', 'users'));
my $offline = replay('--url=http://127.0.0.1:1', "--state=$dir/state.json",
    $log, '--weights=v2=75,v1=25.00');
is_deeply($offline->{$_}, $told->{$_}, "offline: the same $_")
    for qw(keys moves routes moving weights to);

is($s->p(25)->{status}, 200, 'the weights are changed');

my @after = map { arm($_) } @keyed;
my %moved = map { $_->{bucket} => $_ } @{$told->{moving}};
my (@wrong, $n);

for my $i (0 .. $#keyed) {
    my $key = key($keyed[$i]);
    my $row = $moved{bucket($key)};
    my $is = "$before[$i] $after[$i]";
    my $said = $row ? "$row->{from} $row->{to}" : "$before[$i] $before[$i]";

    $n++ if $before[$i] ne $after[$i];
    push @wrong, "$key: $said, $is" if $is ne $said;
}

is("@wrong", '', 'whoever it named has moved, nobody else has');
cmp_ok($n, '>', 20, 'and that was no small thing');
is($told->{moves}[0]{from} . $told->{moves}[0]{to}, 'v1v2', 'from and to');
is($told->{moves}[0]{requests}, $n, 'all requests that moved');
is($told->{keys}{moving}, scalar(keys %moved), 'all keys');

my ($route) = grep { $_->{route} eq 'GET /api/users/*' } @{$told->{routes}};
is($route->{moving}, $n, 'of the one route');
is($route->{requests}, @keyed + 3, 'with all its requests');
ok((grep { $_->{key} eq 'a"b\\c' || $_->{bucket} != bucket('a"b\\c') }
    @{$told->{moving}}) == @{$told->{moving}}, 'no key is garbled');


# An ordinary log has the path alone; another format may have more.

my $t = '[21/Nov/2026:10:00:00 +0000]';

$s->run->write('combined.log', join '', map { sprintf
    qq(127.0.0.1 - - %s "GET %s?x=1 HTTP/1.1" 200 5 "-" "a \\x22b\\x22"\n),
    $t, $_->[0] } @path, @odd);
$told = replay("$dir/combined.log", '--weights=v1=60,v2=40');

is($told->{keys}{seen}, @path + @odd, 'combined: keys of the path');
is_deeply($told->{unseen_sources}, [ '$cookie_uid', '$http_x_user_id' ],
    'combined: says what it does not know');
is_deeply([ sort map { $_->{key} } @{$told->{moving}} ],
    [ sort map { utf8ed(key($keyed[$_])) }
        grep { $before[$_] ne $after[$_] } 0 .. $#path + @odd ],
    'combined: the way back names the same keys');

$s->run->write('own.log', join '', map {
    my ($cookie, $header) = ('-', '-');
    $cookie = key($_) if ($_->[1] // '') eq 'Cookie';
    $header = key($_) if ($_->[1] // '') eq 'X-User-Id';
    "GET $_->[0] <$cookie> <$header>\n" } @keyed);
$told = replay("$dir/own.log", '--weights=v1=60,v2=40', '--format',
    '$request_method ${request_uri} <$cookie_uid> <$http_x_user_id>');

is($told->{keys}{seen}, distinct(), 'its own format: every key');
is_deeply([ sort map { $_->{key} } @{$told->{moving}} ],
    [ sort map { utf8ed(key($keyed[$_])) }
        grep { $before[$_] ne $after[$_] } 0 .. $#keyed ],
    'its own format: cookies and headers, too');

$s->run->write('shadow.log', "GET /api/users/u1 <->\n"
    . "GET /api/users/u2 <1>\nGET /api/users/u3 <->\n");
$told = replay("$dir/shadow.log", '--weights=v1=60,v2=40', '--format',
    '$request_method $uri <$strangler_users_shadow>');
is_deeply([ @{$told->{requests}}{qw(read keyed elsewhere)} ], [ 3, 2, 1 ],
    'a shadow is no request');

$told = replay("$dir/combined.log", '--weights=v1=60,v2=40', '--key',
    '^/api/users/u(\d+)$');
is($told->{keys}{seen}, scalar @path, '--key: what it captures');


# For people

capture(0, 'replay', $log, '--weights', 'v1=0,v2=100', '--top=3');
like($out, qr/^users  generation \d+, v1=25 v2=75, with v1=0 v2=100:$/m,
    'the weights');
like($out, qr/^ +\d+  with a key; of \d+ keys \d+ would move, \d+\.\d\d %$/m,
    'how many');
like($out, qr,^ +\d+ +\d+ +\d+\.\d\d  GET /api/users/\*$,m, 'the routes');
like($out, qr/^ +\d+  v1 +v2 +\S.*\n +and \d+ more/m, 'the keys');
capture(0, 'replay', $log, '--weights', 'v1=25,v2=75');
unlike($out, qr/->/, 'the same weights move nobody');

capture(0, 'slots', 'users');
like($out, qr/^ +0 - 7499 +7500  v2\n +7500 - 9999 +2500  v1$/m, 'slots');


# Three arms, after changes that leave more than a threshold

my $nginx = Ficus::Nginx->new($s->run, <<'EOC')->start;
%%GLOBALS%%
http {
    %%HTTP%%
    log_format own '$http_x_user_id $request_uri $arg_id';

    upstream nobody { server 127.0.0.1:%%PORT_5%%; }

    upstream three-arms {
        strangler zone=three:256k salt=pinch;
        strangler_key $http_x_user_id $arg_id;
        arm old=nobody weight=60 baseline;
        arm mid=nobody weight=30;
        arm new=nobody;
    }

    server {
        listen 127.0.0.1:%%PORT_4%%;
        location / { return 200 $strangler_three_arms_arm; }
        location /api/v1/ { strangler_api; }
    }
}
EOC

my $port = $s->run->port(4);
my $three = "--url=http://127.0.0.1:$port";
my @ids = map { $_ % 2 ? [ "/?a=1&id=k$_" ] : [ '/', 'X-User-Id' => "k$_" ] }
    1 .. 400;

sub where { return [ map { get($port, @$_)->{body} } @ids ] }

capture(0, $three, 'set', 'three-arms', split / /)
    for 'old=20 mid=30 new=50', 'old=50 mid=5 new=45';

my $old = where();

$s->run->write('three.log', join '', map {
    ($_->[2] // '-') . " GET $_->[0] HTTP/1.1\n" } @ids);
$told = replay($three, "$dir/three.log", '--weights=old=15,mid=60,new=25',
    '--format=$http_x_user_id $request');
is_deeply($told->{unseen_sources}, [], 'three arms: arguments are seen');

capture(0, $three, 'set', 'three-arms', qw(old=15 mid=60 new=25));

my $new = where();
my %said = map { $_->{key} => "$_->{from} $_->{to}" } @{$told->{moving}};

is_deeply({ map { ("k$_" => "$old->[$_ - 1] $new->[$_ - 1]") }
    grep { $old->[$_ - 1] ne $new->[$_ - 1] } 1 .. 400 }, \%said,
    'three arms: the very same keys');
cmp_ok(scalar keys %said, '>', 100, 'three arms: many of them');


# What is wrong with it is said, and nothing else

my @good = ($log, '--weights=v1=1,v2=99');

for (
    [ 2, qr/which weights\?/, $log ],
    [ 2, qr/"v1" is not ARM=WEIGHT/, $log, '--weights=v1' ],
    [ 2, qr/v3 is no arm of users/, $log, '--weights=v3=1,v2=99' ],
    [ 2, qr/v1=0.001 is no weight/, $log, '--weights=v1=0.001,v2=99.999' ],
    [ 2, qr/v1=101 is no weight/, $log, '--weights=v1=101,v2=-1' ],
    [ 2, qr/v1 has two weights/, $log, '--weights=v1=2,v1=3' ],
    [ 2, qr/must have all 2 arms/, $log, '--weights=v1=100' ],
    [ 2, qr/add up to 100, not 99.5/, $log, '--weights=v1=50,v2=49.5' ],
    [ 2, qr/nowhere can't be read: No such/, "$dir/nowhere", $good[1] ],
    [ 1, qr/can't be read: Is a directory/, $dir, $good[1] ],
    [ 1, qr/no line of .* is of the format/, @good, '--format=combined' ],
    [ 2, qr/"\$ x" is no variable/, @good, '--format=a $ x' ],
    [ 2, qr/nothing between/, @good, '--format=$uri$args' ],
    [ 2, qr/has no \$request/, @good, '--format=$status' ],
    [ 2, qr/is no regular expression: /, @good, '--key=(' ],
    [ 2, qr/captures no key/, @good, '--key=x' ],
    [ 2, qr/--top=x is no number/, @good, '--top=x' ],
    [ 1, qr/refused with 404/, @good, 'nobody' ],
    [ 2, qr/nowhere can't be read/, @good, "--state=$dir/nowhere" ],
    [ 2, qr/is not what ficusctl .* prints: it is no object/, @good,
        "--state=$dir/array.json" ],
    [ 2, qr/the slots do not follow/, @good, "--state=$dir/cut.json" ],
    [ 2, qr/is of the split users, not other/, @good, 'other',
        "--state=$dir/state.json" ],
    [ 2, qr/is compressed; zcat/, "$dir/log.gz", $good[1] ],
    [ 3, qr/can't be reached/, @good, '--url=http://127.0.0.1:1' ],
) {
    my ($status, $regex, @args) = @$_;

    $s->run->write('array.json', '[]');
    $s->run->write('cut.json', $s->run->read('state.json')
        =~ s/"count":\s*\K\d+/9/r);
    $s->run->write('log.gz', "\x1f\x8b\x08\0...");

    capture($status, 'replay', @args);
    like($err, $regex, 'says why');
    is($out, '', 'and nothing else');
}

capture(2, 'status', '--weights=v1=1,v2=99');
like($err, qr/^ficusctl: status does not take --weights$/,
    'an option of another command');

$s->done;


sub distinct {
    my %keys = map { key($_) => 1 } @keyed;

    return scalar keys %keys;
}


sub utf8ed {
    my ($bytes) = @_;

    utf8::decode($bytes);

    return $bytes;
}


sub lines {
    my ($file) = @_;

    open my $fh, '<', $file or return 0;
    my $count = () = <$fh>;

    return $count;
}


sub replay {
    return decode_json(capture(0, '--json', '--top=100000', 'replay', @_));
}


sub capture {
    my ($expected, @args) = @_;

    local $ENV{FICUS_ADMIN_URL} = $url;
    (my $status, $out, $err) = $s->run->capture(
        Ficus::System->program('ficusctl'), @args);

    is($status, $expected, "ficusctl @args") or diag($out, $err);

    return $out;
}
