#!/usr/bin/perl

# Copyright (C) Ficus authors

# ficusctl: every command, what it prints, and its exit status.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use JSON::PP;
use Test::More;

use Ficus::HTTP qw(request);
use Ficus::Nginx;
use Ficus::Run qw(children root wait_for);
use Ficus::System;

my $s = Ficus::System->new->start;
my $url = 'http://127.0.0.1:' . $s->admin_port;
my ($status, $out, $err);

$ENV{LC_ALL} = 'C';
delete @ENV{qw(FICUS_ADMIN_URL FICUS_ADMIN_PORT NO_COLOR)};
$ENV{FICUS_ADMIN_URL} = "$url/";


# status

ctl(0, 'status');
like($out, qr/^users  generation \d+, set 20\d\d-\S+Z by configuration/,
    'the split');
like($out, qr/^  v1 \(baseline\) +100\.00  #{24} +\d+ +0$/m, 'the baseline');
like($out, qr/^  v2 +0\.00  \.{24} +\d+ +0$/m, 'the other arm');
unlike($out, qr/\e/, 'no color where no terminal is');
is($err, '', 'nothing else');

my $all = $out;
ctl(0, 'status', 'users');
is($out, $all, 'one split');
ctl(1, 'status', 'nobody');
like($err, qr/^ficusctl: refused with 404: there is no split of this name; ficusctl status lists them$/,
    'an unknown split');
is($out, '', 'is no output');
ctl(1, 'status', 'a/b?c');
like($err, qr/404/, 'a name is no path');


# set

ctl(0, 'set', 'users', 'v1=40', 'v2=60', '--reason', 'a test');
like($out, qr/^  v1 \(baseline\) +40\.00  #{10}\.{14} /m, 'shows what is now');
is(weights(), '40 60', 'and it is so');
like($out, qr/by \S+@\S+: a test$/m, 'with who and why');
{
    local $ENV{SUDO_USER} = 'ann';
    ctl(0, 'set', 'users', 'v2=99.99', 'v1=0.01');
    like($out, qr/by ann@\S+$/m, 'who has typed sudo') if $> == 0;
}
like($out, qr/by [^ :]+$/m, 'no reason is none');
is(weights(), '0.01 99.99', 'a hundredth of a per cent');
like($out, qr/^  v1 \(baseline\) +0\.01  #\.{23} /m, 'is not nothing');

for (
    [ [ 'v1=40', 'v2=50' ], qr/^  weights: .*, not 90/m ],
    [ [ 'v1=40', 'v3=60' ], qr/^  v3: is not known here$/m ],
    [ [ 'v1=100' ], qr/^  v2: is missing/m ],
    [ [ 'v1=-1', 'v2=101' ], qr/^  v1: /m ],
    [ [ 'v1=33.333', 'v2=66.667' ], qr/^  v1: /m ],
) {
    my ($args, $regex) = @$_;

    ctl(1, 'set', 'users', @$args);
    like($err, qr/^ficusctl: refused with 400: ./, 'refused');
    like($err, $regex, 'with the field at fault');
}

is(weights(), '0.01 99.99', 'nothing has changed');

for my $args ([ 'v1' ], [ '=4' ], [ 'v1=' ], [ 'v1=x' ], [ 'v1=1e2' ],
    [ 'v1=4.' ], [ 'v1=40%' ], [ 'v1=40', 'v1=60' ], [])
{
    ctl(2, 'set', 'users', @$args);
    isnt($err, '', 'says why');
}


# p

ctl(0, 'p', 'users', '33.25');
is(weights(), '33.25 66.75', 'P');
ctl(1, 'p', 'users', '101');
like($err, qr/^  p: .*, not 101$/m, 'too much');
ctl(1, 'p', 'nobody', '5');
ctl(2, 'p', 'users', 'x');
like($err, qr/"x" is no P/, 'no number');
ctl(2, 'p', 'users');
is($err, "usage: ficusctl p SPLIT P\n", 'too few arguments');
ctl(2, 'p', 'users', '5', '6');


# --if-match

my $generation = split_now()->{generation};

ctl(1, '--if-match', $generation - 1, 'p', 'users', '50');
like($err, qr/refused with 412: .*; ficusctl status shows it/,
    'a stale generation');
ctl(0, "--if-match=$generation", 'p', 'users', '50');
is(weights(), '50 50', 'the right one');


# explain

ctl(0, 'explain', 'users', 'u 17/&?');
my $explained = request($s->admin_port, 'GET',
    '/api/v1/splits/users/explain?key=u%2017%2F%26%3F')->{json};
like($out, qr,^key +u 17/&\?$,m, 'the key as it was typed');
like($out, qr/^bucket +$explained->{bucket}$/m, 'its bucket');
like($out, qr/^arm +$explained->{arm}$/m, 'its arm');
like($out, qr/^rule +key$/m, 'why');
like($out, qr/at P @{[ sprintf '%.2f', $explained->{changes_at} ]} and above/,
    'and until when');


# history and rollback

ctl(0, 'history', 'users');
my @rows = grep { /^\d/ } split /\n/, $out;
is(scalar @rows, 5, 'every change');
like($rows[0], qr/^@{[ $generation + 1 ]} .*  v1=50 v2=50  .*@/, 'newest first');
like($rows[3], qr/v1=40 v2=60 .*: a test$/, 'with its reason');
like($rows[4], qr/v1=100 v2=0 .*configuration/, 'and the first');

my ($old) = $rows[3] =~ /^(\d+)/;
ctl(0, 'rollback', 'users', $old);
is(weights(), '40 60', 'rolled back');
like($out, qr/rollback to $old$/m, 'as it says');
ctl(1, 'rollback', 'users', '99999');
like($err, qr/refused with 404/, 'an unknown generation');
ctl(2, 'rollback', 'users', 'x');
like($err, qr/"x" is no generation/, 'no generation');


# --json is what the server says

ctl(0, '--json', 'status', 'users');
is_deeply(decode_json($out), split_now(), 'status');
ctl(0, 'history', 'users', '--json');
is(ref decode_json($out), 'ARRAY', 'history');
ctl(0, '--json', 'explain', 'users', 'x');
is(decode_json($out)->{key}, 'x', 'explain');
ctl(0, '--json', 'set', 'users', 'v1=10', 'v2=90');
is(decode_json($out)->{arms}[0]{configured}, 10, 'set');
ctl(1, '--json', 'p', 'users', '200');
is(decode_json($out)->{status}, 400, 'an error');
is($err, '', 'in one place');


# Where

ctl(0, '--url', $url, 'status');
delete $ENV{FICUS_ADMIN_URL};
$ENV{FICUS_ADMIN_PORT} = $s->admin_port;
ctl(0, 'status');
$ENV{FICUS_ADMIN_URL} = 'http://127.0.0.1:1';
ctl(3, 'status');
like($err, qr,^ficusctl: http://127\.0\.0\.1:1 can't be reached: ., ,
    'nobody there');
like($err, qr/^  does nginx run there\? --url=URL names another/m,
    'what to do about it');
ctl(1, '--url=http://127.0.0.1:' . $s->port, 'status');
like($err, qr/404: .*; is this the admin port\?$/, 'that of clients');
ctl(3, '--url=ftp://127.0.0.1', 'status');
ctl(3, '--url=http://127.0.0.1:' . $s->nats_port, 'p', 'users', '1');

{
    local $ENV{http_proxy} = 'http://127.0.0.1:1';
    ctl(0, "--url=$url", 'status');
}


# Tokens

$ENV{FICUS_ADMIN_URL} = $url;
$s->run->write('token', "secret\n");
ctl(0, '--token-file', $s->dir . '/token', 'p', 'users', '20');
ctl(2, '--token-file', $s->dir . '/nowhere', 'p', 'users', '20');
like($err, qr/nowhere: No such file/, 'no such file');
$s->run->write('empty', '');
ctl(2, '--token-file', $s->dir . '/empty', 'p', 'users', '20');
like($err, qr/it is empty/, 'an empty one');

my $nginx = Ficus::Nginx->new($s->run, <<'EOC')->start;
%%GLOBALS%%
http {
    %%HTTP%%
    upstream nobody { server 127.0.0.1:%%PORT_5%%; }

    upstream users {
        strangler zone=users:256k;
        arm v1=nobody;
        arm v2=nobody weight=0;
    }

    server {
        listen 127.0.0.1:%%PORT_4%%;
        strangler_api_token_file %%DIR%%/token;
        location /api/v1/ { strangler_api; }
        location /other/ { return 200 '{"hello":"world"}'; }
    }
}
EOC

my $other = '--url=http://127.0.0.1:' . $s->run->port(4);
ctl(1, $other, 'p', 'users', '20');
like($err, qr/refused with 401: .*; --token-file=FILE sends it$/,
    'where one is needed: none');
ctl(0, $other, '--token-file', $s->dir . '/token', 'p', 'users', '20');
ctl(0, $other, 'status');
like($out, qr/ 20\.00 /, 'it was taken');


# Another server that takes any path

for my $args ([ 'status' ], [ 'status', 'users' ], [ 'p', 'users', '5' ],
    [ 'history', 'users' ], [ 'ramp', 'users' ], [ 'dlq', 'list' ],
    [ '--json', 'ledger', 'users' ])
{
    ctl(3, "$other/other", @$args);
    is($err, "ficusctl: http://127.0.0.1:" . $s->run->port(4) . '/other answers,'
        . " with 200, but is no admin port of Ficus\n", 'is none of ours');
    is($out, '', 'and shows nothing');
}


# A gateway without workers, one without that one, one that follows nobody

for my $where ([ $other ], [ '--worker=nobody' ], [ '--worker=users-v2' ]) {
    ctl(1, @$where, 'sync', 'check');
    like($err, qr/^ficusctl: the gateway knows no worker "[\w-]+" that follows/,
        'no such worker');
}


# Usage

ctl(0, '--help');
like($out, qr/^  $_ /m, "--help has $_")
    for qw(status set p ramp explain slots replay history rollback shadow diff ledger
        watch doctor dlq sync backup restore);
is(scalar(grep { length > 80 } split /\n/, $out), 0, 'in 80 columns');
ctl(0, '--version');
like($out, qr/^ficusctl \d+\.\d+\.\d+$/, '--version');
ctl(2);
like($err, qr/command is missing/, 'no command');
ctl(2, 'foo');
like($err, qr/"foo" is no command/, 'another command');
ctl(2, '--foo');
like($err, qr/--foo/, 'another option');
ctl(2, 'watch');
like($err, qr/terminal/, 'watch without a terminal');


# On a terminal

SKIP: {
    skip 'script(1) is missing', 6 if !-x '/usr/bin/script';

    $s->run->spawn('watch', env => { TERM => 'xterm', LC_ALL => 'C.UTF-8' },
        terminal => [ Ficus::System->program('ficusctl'), 'watch', 'users' ]);

    wait_for(10, sub { $s->run->log('watch.log') =~ /generation/ });
    $s->get('/api/users/x') for 1 .. 20;
    ok(wait_for(10, sub { $s->run->log('watch.log') =~ /\e\[\d+A/ }),
        'watch draws again over what was there');
    like($s->run->log('watch.log'), qr/\e\[34m/, 'in color');
    ok(wait_for(10, sub { $s->run->log('watch.log')
        =~ /v[12] +[\d.]+  \S+█.* 100\.00 +\d+/ }), 'with the share seen');

    # Ctrl-Z, and fg
    my @watch = children($s->run->pid('watch'));

    kill 'TSTP', @watch;
    ok(wait_for(10, sub { stopped($watch[0]) }), 'Ctrl-Z stops it');

    # script(1) stops itself, too, when it gets to know of it
    ok(wait_for(10, sub { kill 'CONT', $s->run->pid('watch'), @watch;
        $s->run->log('watch.log')
        =~ /\e\[\?7h\e\[\?25h\e\[\?25l\e\[\?7l(?!\e\[\d+A).*generation/s }),
        'with the terminal as it was; it goes on below what is there then');

    $s->run->interrupt('watch');
    like($s->run->log('watch.log'), qr/\?25l(?!.*\?25l).*\e\[\?25h/s, 'and the cursor is back');
}


# Nor on one that wants none

SKIP: {
    skip 'script(1) is missing', 2 if !-x '/usr/bin/script';

    my $command = Ficus::System->program('ficusctl') . ' status';
    local @ENV{qw(TERM NO_COLOR)} = ('xterm', '');

    like(`script -qc '$command' /dev/null </dev/null`, qr/\e\[1musers/,
        'color on a terminal');
    $ENV{NO_COLOR} = 1;
    unlike(`script -qc '$command' /dev/null </dev/null`, qr/\e/,
        'none with NO_COLOR');
}


# Completion

SKIP: {
    skip 'bash is missing', 8 if !-x '/bin/bash';

    my $data = $s->dir . '/data';
    my $odd = $s->dir . '/odd';         # a name that is a command to a shell
    my $complete = root() . '/tools/ficusctl/ficusctl.bash';
    local $ENV{PATH} = Ficus::System->program('') . ":$ENV{PATH}";

    mkdir $odd or die "$odd: $!";
    open my $file, '>', "$odd/\$(printf run).db" or die "$odd: $!";

    for (
        [ 'ficusctl ""', 'status set p ramp explain slots replay history'
            . ' rollback shadow diff ledger watch doctor dlq sync backup restore' ],
        [ 'ficusctl ro', 'rollback' ],
        [ 'ficusctl ramp users ""', 'start pause resume abort' ],
        [ 'ficusctl set ""', 'users' ],
        [ 'ficusctl --js', '--json' ],
        [ "ficusctl restore $data o", 'orders' ],
        [ "ficusctl --data=$data backup dir \"\"", 'orders users' ],
        [ "ficusctl restore $odd \"\"", '\\$\\(printf\\ run\\)' ],
    ) {
        my ($words, $replies) = @$_;
        my $got = `bash -c 'source $complete; COMP_WORDS=($words)
            COMP_LINE="\${COMP_WORDS[*]}" COMP_CWORD=\$((\${#COMP_WORDS[@]} - 1))
            _ficusctl; echo "\${COMPREPLY[*]}"'`;

        is($got, "$replies\n", "completion of $words");
    }
}

$s->done;


sub split_now {
    return $s->admin('GET', '/api/v1/splits/users')->{json};
}


sub weights {
    return join ' ', map { $_->{configured} + 0 } @{split_now()->{arms}};
}


sub stopped {
    my ($pid) = @_;

    open my $fh, '<', "/proc/$pid/stat" or return 0;

    return (<$fh> // '') =~ /\) T /;
}


# Runs it, and looks at its exit status.

sub ctl {
    my ($expected, @args) = @_;

    ($status, $out, $err) = $s->run->capture(
        Ficus::System->program('ficusctl'), @args);

    is($status, $expected, "ficusctl @args") or diag($out, $err);
}
