#!/usr/bin/perl

# Copyright (C) Ficus authors

# users-v2 is killed while half of the users are its own: v1 answers for it, the
# breaker opens, the weight that was asked for stays, and v2 gets its share back.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Test::More;

use Ficus::Contract qw(problem unique);

use List::Util qw(max sum0);
use Time::HiRes qw(sleep time);

use Ficus::HTTP qw(parallel);
use Ficus::Run qw(wait_for);
use Ficus::Split;
use Ficus::System;

my $clients = 6;
my $seconds = $ENV{FICUS_SANITIZE} ? 8 : 5;

my $api = Ficus::Contract->start(allow => [ qr/exited on signal/ ]);
my $s = $api->system;
my $split = Ficus::Split->new($s->admin_port, 'users');
my @users = map { $api->user } 1 .. 10 * $clients;

is($s->p(50)->{status}, 200, 'P is 50');

my $before = $split->state;
my $history = @{$split->history};


# Under load

my @results = parallel($clients + 1, sub {
    my ($i) = @_;

    return $i == $clients ? kills() : load($i, time + $seconds);
});

my $seen = pop @results;
my @asked = map { @{$_->{asked}} } @results;
my @bad = grep { $_->{status} !~ /^20[01]$/ } @asked;
my @rescued = grep { $_->{rescued} } @asked;

cmp_ok(scalar @asked, '>', 200, 'under load: ' . @asked);
is(join(', ', map { "$_->{what}: $_->{status}" }
    grep { $_->{what} ne 'POST' } @bad), '', 'no client has noticed');

# what was sent and may not be repeated: nobody knows what became of it
is(join(', ', grep { $_ ne 'unknown-outcome' } map { $_->{type} }
    grep { $_->{what} eq 'POST' } @bad), '',
    'a POST without Idempotency-Key: answered, or its outcome is unknown');

cmp_ok(scalar @rescued, '>', 0, 'some were rescued: ' . @rescued);
is(join(' ', grep { $_ ne 'v2 v1' } map { "$_->{rescued} $_->{arm}" }
    @rescued), '', 'by v1, and say so');
cmp_ok(max(map { $_->{took} } @asked), '<', 2, 'none was late');

my ($probed, @lost) = (0);

for my $last (map { @{$_->{last}} } @results) {
    my ($id, $address) = @$last;
    my $r = $api->ask('GET', "/api/users/$id");

    # a probe of v2 by now, perhaps
    $probed++ if $r->{headers}{'x-ficus-rescued'};
    push @lost, "$id: $address" if $r->{json}{deliveryAddress} ne $address;
}

is(join(', ', @lost), '', 'no change was lost');


# What is to be seen of it

my ($v1, $v2) = @{$seen->{state}{arms}};

is($v2->{state}, 'open', 'state: the breaker of v2 is open');
is("$v1->{configured} $v2->{configured}", '50 50',
    'state: configured as before');
is("$v1->{effective} $v2->{effective}", '100 0', 'state: v1 has it all');
is($seen->{state}{generation}, $before->{generation},
    'state: nobody has changed the weights');
like($v2->{state_reason}, qr/\d/, 'state: why');
is($v1->{state}, 'closed', 'state: v1 is well');

like($seen->{metrics}, qr/^\Qficus_split_$_\E$/m, "metrics: $_")
    for 'weight{split="users",arm="v2",kind="configured"} 50.00',
        'weight{split="users",arm="v2",kind="effective"} 0.00',
        'breaker_state{split="users",arm="v2",state="open"} 1',
        'breaker_opened_total{split="users",arm="v2"} 1';

like($seen->{ctl}, qr/^  v2 +0\.00 .*\n  set to 50\.00 %, breaker open: .*\d rescued$/m,
    'ficusctl');
is(rescued(), @rescued + $probed, 'metrics: as many as were seen');
is($seen->{later}, '', 'an open breaker: nothing has to be rescued');

problem($seen->{delete}, 503, 'unavailable', '', 'DELETE: v2 alone has it');
problem($seen->{wish}, 503, 'unavailable', '', 'who asks for v2 sees it down');


# It comes back

$s->kill('ficus', 'CONT');
$s->await('users-v2', $seen->{old});

my %states;

ok(wait_for(60, sub {
    $api->ask('GET', "/api/users/$_->{userId}") for @users[0 .. 9];
    my $state = $split->state->{arms}[1]{state};
    $states{$state}++;
    return $state eq 'closed';
}), 'v2 gets its share back');
ok($states{recovering}, 'little by little');
is(join(' ', map { $_->{effective} } @{$split->state->{arms}}), '50 50',
    'all of it');
is(scalar @{$split->history}, $history, 'no change of weights');

my %arms;

$arms{$api->ask('GET', "/api/users/$_->{userId}")->{headers}
    {'x-service-version'}}++ for @users;
is(join(' ', sort keys %arms), 'v1 v2', 'both serve');


# It hangs: reading is rescued once it is late.  A write is not, since v2 may yet
# carry it out, after whatever comes then.

my ($own) = grep { $api->ask('GET', "/api/users/$_->{userId}")->{headers}
    {'x-service-version'} eq 'v2' } @users;
my $path = "/api/users/$own->{userId}";

$s->kill('users-v2', 'STOP');

my ($read, $write) = parallel(2, sub {
    return $s->request($_[0] ? 'PUT' : 'GET', $path,
        $_[0] ? (json => { deliveryAddress => 'late' }) : ());
});

$s->kill('users-v2', 'CONT');
is("$read->{status} $read->{headers}{'x-ficus-rescued'}", '200 v2',
    'hangs: GET is rescued');
problem($write, 504, 'unknown-outcome', '', 'hangs: PUT');
is($write->{headers}{'x-service-version'}, 'v2', 'hangs: PUT: by whom');


# Nobody is left

$api->keep_down('users-v1', 'users-v2');
problem($api->ask('GET', "/api/users/$_->{userId}"), 503, 'unavailable', '',
    'both are down') for @users[0 .. 9];
$api->let_up;

$api->done;


sub rescued {
    return sum0($s->admin('GET', '/metrics')->{body}
        =~ /^ficus_split_rescued_total\{split="users",.*\} (\d+)$/mg);
}


# v2 goes while they ask, and stays away.

sub kills {
    sleep 1;
    $s->kill('ficus', 'STOP');

    my $old = $s->kill('users-v2');

    wait_for(5, sub { $split->state->{arms}[1]{state} eq 'open' });

    my %seen = (old => $old, state => $split->state,
        metrics => $s->admin('GET', '/metrics')->{body},
        ctl => scalar `@{[ Ficus::System->program('ficusctl') ]} --url \\
            http://127.0.0.1:@{[ $s->admin_port ]} status users`);

    my @later = map { $s->get("/api/users/$_->{userId}") } @users;

    $seen{later} = join ' ', grep { $_ } map { $_->{headers}
        {'x-ficus-rescued'} } @later;
    $seen{delete} = $s->request('DELETE', '/api/users/nobody');
    $seen{wish} = $s->get('/api/users/nobody', 'X-Ficus-Arm' => 'v2');

    return \%seen;
}


# Each client has users of its own, so it knows what they are to be.

sub load {
    my ($i, $end) = @_;

    my $connection = Ficus::HTTP->connect($s->port);
    my @mine = @users[$i * 10 .. $i * 10 + 9];
    my (@asked, %last);
    my $n = 0;

    my $ask = sub {
        my ($what, $method, $path, @o) = @_;
        my $began = time;
        my $r = $connection->ask($method, $path, @o);

        push @asked, { what => $what, status => $r->{status},
            rescued => $r->{headers}{'x-ficus-rescued'},
            arm => $r->{headers}{'x-service-version'},
            type => ($r->{json}{type} // '') =~ s,.*/,,r,
            took => time - $began };

        return $r;
    };

    while (time < $end) {
        my $id = $mine[rand @mine]{userId};
        my $new = "c$i-" . ++$n;
        my %new = (userId => $new, email => "$new\@example.com",
            deliveryAddress => $new);

        $ask->('GET', 'GET', "/api/users/$id");

        my $r = $ask->('PUT', 'PUT', "/api/users/$id",
            json => { deliveryAddress => $new });

        $last{$id} = $new if $r->{status} == 200;
        $ask->('POST', 'POST', '/api/users', json => \%new);

        # v2 may have made the user before it died: v1 answers with this one
        $ask->('POST with a key', 'POST', '/api/users',
            json => { %new, userId => "k$new", email => "k$new\@example.com" },
            headers => [ 'Idempotency-Key' => $new ]);
        sleep 0.01;
    }

    return { asked => \@asked, last => [ map { [ $_, $last{$_} ] } keys %last ] };
}
