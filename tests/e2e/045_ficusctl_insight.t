#!/usr/bin/perl

# Copyright (C) Ficus authors

# ficusctl ledger, shadow and diff; watch and status of what is not well.

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

my $t = Ficus::Run->new(allow => [ qr/connect\(\) failed/,
    qr/no live upstreams/, qr/breaker/ ]);
my ($out, $err);

$ENV{LC_ALL} = 'C';
$ENV{FICUS_ADMIN_URL} = 'http://127.0.0.1:' . $t->port(1);


sub ctl {
    my ($expected, @args) = @_;

    (my $status, $out, $err) = $t->capture(
        Ficus::System->program('ficusctl'), @args);

    is($status, $expected, "ficusctl @args") or diag($out, $err);
}


my $diff = encode_json({
    split => 'users', since => '2026-11-21T09:00:00Z', compared => 200,
    mismatched => 5, ratio => 0.025,
    noise => { compared => 10, mismatched => 1 },
    dropped => { busy => 3, size => 0 },
    routes => [ {
        route => '/api/users/', compared => 150, mismatched => 5,
        noise => { compared => 10, mismatched => 1 },
        fields => [
            { field => '$.email', kind => 'value', count => 4, noise => 0,
              verdict => 'difference', examples => [
                { at => 'x', baseline => "a\@b\e[2J", other => undef,
                  uri => '/api/users/u1' },
                { at => 'x', baseline => 'old', other => 'older', uri => '/o' }
              ] },
            { field => '$.at', kind => 'value', count => 9, noise => 9,
              verdict => 'noise', examples => [
                { at => 'x', baseline => 'noon', other => 'one', uri => '/n' }
              ] },
        ] } ] }) =~ s/'/\\'/gr =~ s/\$/\${dollar}/gr;

my $arms = join "\n", map { "arm a-long-arm-name$_=users_v1 weight=$_;" } 1 .. 8;
my $many = join "\n", map {
    "upstream split$_ { strangler zone=many:2m; arm v1=users_v1; arm v2=dead "
        . "weight=0; }" } 1 .. 9;

$arms =~ s/weight=8/baseline/;

my $nginx = Ficus::Nginx->new($t, <<"EOC")->start;
%%GLOBALS%%
http {
    %%HTTP%%
    geo \$dollar { default "\$"; }

    upstream users {
        strangler zone=users:512k;
        strangler_breaker failures=3 open=1h;
        strangler_shadow;
        strangler_key \$arg_id;
        arm v1=users_v1 weight=40 baseline;
        arm v2=dead;
    }

    upstream eight { strangler zone=many:2m; $arms }
    $many

    upstream users_v1 { server 127.0.0.1:%%PORT_2%%; }
    upstream dead { server 127.0.0.1:%%PORT_5%%; }

    server { listen 127.0.0.1:%%PORT_2%%; return 200 v1; }

    server {
        listen 127.0.0.1:%%PORT_0%%;
        location /one/ { proxy_pass http://users; }
        location /two/ { proxy_pass http://users; strangler_pin v1; }
    }

    server {
        listen 127.0.0.1:%%PORT_1%%;
        location /api/v1/ { strangler_api; }
    }

    server {
        listen 127.0.0.1:%%PORT_4%%;
        default_type application/json;

        location = /api/v1/splits/users/diff {
            if (\$request_method = DELETE) { return 200 '{"compared":0}'; }
            return 200 '$diff';
        }
        location = /api/v1/splits/users { return 200 '{"name":"users","arms":[]}'; }
    }
}
EOC


# long names

ctl(0, 'status', 'eight');
my @arms = grep { /a-long-arm/ } split /\n/, $out;
is(join(' ', map { length } @arms), join(' ', (80) x 8),
    'columns that stand, in 80 columns');
like($out, qr/^  a-long-arm-name8 \(baseline\) +72\.00  #/m, 'whole names');
ctl(0, 'history', 'eight');
like($out, qr/a-long-arm-name8=72\n {15}configuration$/m,
    'who and why have a line of their own');


# ledger

ctl(0, 'ledger', 'users');
like($out, qr/^users  what needs v1, since 20\d\d-/, 'ledger');
like($out, qr/^no request was seen$/m, 'nothing yet');

get($t->port(0), '/two/x') for 1 .. 4;
ctl(0, 'ledger', 'users');
like($out, qr,^needed    /two/\n {10}v1 was needed .* ago\n {10}4 of 4 requests to v1\, 100\.00 %; 0 rescued; 0 of 0 differ$,m,
    'a route that needs the baseline');
ctl(0, '--json', 'ledger', 'users');
is(decode_json($out)->{routes}[0]{requests}{v1}, 4, '--json');
ctl(1, 'ledger', 'nobody');
like($err, qr/^ficusctl: refused with 404: .*\n\z/, 'one line');


# shadow

ctl(0, 'shadow', 'users');
like($out, qr/^users  0\.00 % of requests go to the other arm, too$/m, 'shadow');
ctl(0, 'shadow', 'users', '12.5');
like($out, qr/^users  12\.50 % of requests/m, 'another share');
like($out, qr/^  \d+ started, \d+ compared, \d+ differ\n  \d+ failed, \d+ dropped, \d+ in flight$/m,
    'and what became of them');
is(get($t->port(1), '/api/v1/splits/users')->{json}{shadow}{share}, 12.5,
    'it is so');
ctl(0, 'shadow', 'users', '0');
ctl(1, 'shadow', 'users', '101');
like($err, qr/^  share: .*, not 101$/m, 'too much');
ctl(2, 'shadow', 'users', 'x');
like($err, qr/"x" is no share/, 'no share');


# diff, of a gateway that has found something

my $fake = '--url=http://127.0.0.1:' . $t->port(4);

ctl(0, $fake, 'shadow', 'users');
like($out, qr/^users has no shadow$/m, 'a gateway that has none');

ctl(0, $fake, 'diff', 'users');
like($out, qr/^users  200 compared since 2026-11-21T09:00:00Z, 5 differ, 2\.50 %$/m,
    'diff');
like($out, qr/^  baseline against itself: 10 compared, 1 differ, 10\.00 %$/m,
    'the noise');
like($out, qr/^  dropped: busy 3$/m, 'what was dropped');
like($out, qr/^\/api\/users\/  150 compared, 5 differ, 3\.33 %$/m, 'a route');
like($out, qr/^  difference +4  noise 0  value    \$\.email\n +baseline  a\@b\?\[2J\n +other     \(absent\)\n +uri       \/api\/users\/u1$/m,
    'a field, with its last example');
like($out, qr/^  noise +9  noise 9  value    \$\.at$/m, 'and mere noise');
unlike($out, qr/noon|\e/, 'without one');
ctl(0, $fake, '--json', 'diff', 'users');
is(decode_json($out)->{mismatched}, 5, '--json');
ctl(0, $fake, 'diff', 'users', '--forget');
like($out, qr/^forgotten/, '--forget');


# A breaker that opened, and a ramp, in status and watch

request($t->port(1), 'POST', '/api/v1/splits/users/ramp', json => {
    to => { v1 => 10, v2 => 90 }, step => 10, every => 3600 });
get($t->port(0), "/one/?id=$_") for 1 .. 40;

ok(wait_for(10, sub {
    get($t->port(1), '/api/v1/splits/users')->{json}{ramp}{state}
        eq 'rolled-back' }), 'the breaker opens, the ramp ends');
ctl(0, 'status');
like($out, qr/^  set to 40\.00 %$/m, 'status shows who has more than was asked for');
like($out, qr/^  set to 60\.00 %, breaker open: \d tries in a row failed$/m,
    'status says why');
like($out, qr/^  ramp rolled-back, step 1 of 3: .*$/m, 'and what of the ramp');

SKIP: {
    skip 'script(1) is missing', 7 if !-x '/usr/bin/script';

    my $screen = watch(qr/breaker open/, 'users');

    like($screen, qr/set to \d+\.00 %, breaker open: \d tries/, 'the breaker');
    like($screen, qr/ramp rolled-back, step 1 of 3/, 'the ramp');
    utf8::decode($screen);
    is(scalar(grep { length > 80 } split /[\r\n]+/, $screen), 0,
        'in 80 columns');

    # what leaves the screen at its top cannot be drawn over
    my $frame = (split /\e\[J/, watch(qr/more/))[1];

    like($frame, qr/^  and \d more; "ficusctl watch SPLIT" shows one/m,
        'many splits: as many as fit');
    cmp_ok($frame =~ tr/\n//, '<', 24, 'in 24 rows');
}

$t->done;


# What watch draws on a terminal of 24 rows, at least twice.

sub watch {
    my ($regex, @args) = @_;

    $t->spawn('watch', env => { TERM => 'xterm', LC_ALL => 'C.UTF-8' },
        terminal => [ Ficus::System->program('ficusctl'), 'watch', @args ]);

    ok(wait_for(10, sub { $t->log('watch.log') =~ /\e\[\d+A.*$regex.*\e\[J/s }),
        'watch draws again');

    my $screen = $t->log('watch.log') =~ s/\e\[(?!J)[?\d;]*[a-zA-Z]//gr;

    $t->interrupt('watch');
    $t->write('logs/watch.log', '');

    return $screen;
}
