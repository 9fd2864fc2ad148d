#!/usr/bin/perl

# Copyright (C) Ficus authors

# Versions: ETag, If-Match, If-None-Match, deletion and what comes after.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Test::More;

use Ficus::Contract qw(problem unique);

use Ficus::HTTP qw(parallel);

my $api = Ficus::Contract->start;


# A kind of documents: how one is made, changed and found.

my @kinds = (
    map({ my $arm = $_; {
        name => "user, $arm",
        arm => $arm,
        make => sub { my $u = $api->user(arm => $arm, @_);
            [ $u->{userId}, $u ] },
        list => '/api/users',
        path => sub { "/api/users/$_[0]" },
        id => 'userId',
        field => 'deliveryAddress',
    } } qw(v1 v2)),
    {
        name => 'order',
        make => sub { my $o = $api->order(email => 'v@example.com', @_);
            [ $o->{orderId}, $o ] },
        list => '/api/orders',
        path => sub { "/api/orders/$_[0]" },
        id => 'orderId',
        field => 'productName',
    },
);


for my $kind (@kinds) {
    rises($kind);
    if_match($kind);
    if_none_match($kind);
    deletes($kind);
    races($kind);
}

$api->done;


sub number {
    my ($r) = @_;

    return ref $r && $r->{headers}{etag} =~ /^"(\d+)"$/ ? $1 : -1;
}

sub rises {
    my ($k) = @_;

    my ($id, $doc) = @{$k->{make}->()};
    my $path = $k->{path}->($id);
    my $r = $api->ask('GET', $path, arm => $k->{arm});
    my $version = number($r);

    is($r->{headers}{etag}, $doc->{etag}, "$k->{name}: ETag of its creation");

    for my $method (qw(PUT PATCH)) {
        $r = $api->ask($method, $path, arm => $k->{arm},
            json => { $k->{field} => $method });
        cmp_ok(number($r), '>', $version, "$k->{name}: $method raises it");
        $version = number($r);
        is(number($api->ask('GET', $path, arm => $k->{arm})), $version,
            "$k->{name}: GET says the same");

        for my $same ({ $k->{field} => $method }, {}) {
            $r = $api->ask($method, $path, arm => $k->{arm}, json => $same);
            is(number($r), $version, "$k->{name}: no change, no new version");
        }
    }
}


sub if_match {
    my ($k) = @_;

    my ($id) = @{$k->{make}->()};
    my $path = $k->{path}->($id);
    my $n = 0;

    for my $method (qw(PUT PATCH)) {
        my $name = "$k->{name}: $method, If-Match";
        my @ask = ($method, $path, arm => $k->{arm});
        my $now = $api->ask('GET', $path)->{headers}{etag};
        my $other = '"999999"';

        for my $good ($now, '*', "$other, $now", "$now,$other", " $now ") {
            my $tag = $api->ask('GET', $path)->{headers}{etag};
            $tag = $good =~ s/\Q$now\E/$tag/r;

            my $r = $api->ask(@ask, match => $tag,
                json => { $k->{field} => 'm' . ++$n });
            is($r->{status}, 200, "$name $tag");
        }

        my $before = $api->ask('GET', $path);
        $now = $before->{headers}{etag};

        for my $stale ('"1"', $other, "W/$now", '""', '"x"', "$other, \"1\"") {
            next if $stale eq $now;
            problem($api->ask(@ask, match => $stale,
                    json => { $k->{field} => 'stale' }),
                412, 'precondition-failed', '', "$name $stale");
        }

        for my $bad ($now =~ tr/"//dr, $now =~ s/"$//r, 'W/1', "$now $other",
                     '* *', "*, $now", "$now, x")
        {
            problem($api->ask(@ask, match => $bad,
                    json => { $k->{field} => 'bad' }),
                400, 'invalid', 'If-Match', "$name $bad");
        }

        my $after = $api->ask('GET', $path);
        is_deeply($after->{json}, $before->{json},
            "$name: nothing has changed");
        is($after->{headers}{etag}, $now, "$name: nor its version");

        is($api->ask(@ask, match => '"1"', json => { $k->{field} => '' }
            )->{status}, 400, "$name: what is wrong anyway is 400");
        is($api->ask($method, $k->{path}->('nobody'), arm => $k->{arm},
            match => '*', json => {})->{status}, 404,
            "$name: * of none is 404");
    }

    my $now = $api->ask('GET', $path)->{headers}{etag};
    is($api->ask('GET', $path, match => $now)->{status}, 200,
        "$k->{name}: GET, If-Match");
    is($api->ask('GET', $path, match => '"999999"')->{status}, 412,
        "$k->{name}: GET, stale If-Match");
}


sub if_none_match {
    my ($k) = @_;

    my ($id) = @{$k->{make}->()};
    my $path = $k->{path}->($id);
    my @ask = ($path, arm => $k->{arm});
    my $now = $api->ask('GET', @ask)->{headers}{etag};

    for my $method (qw(GET HEAD)) {
        my $name = "$k->{name}: $method, If-None-Match";

        for my $same ($now, "W/$now", '*', "\"999999\", $now") {
            my $r = $api->ask($method, @ask, none_match => $same);
            is($r->{status}, 304, "$name $same");
            is($r->{headers}{etag}, $now, "$name $same: ETag");
            is($r->{body}, '', "$name $same: no body");
        }

        is($api->ask($method, @ask, none_match => '"999999"')->{status}, 200,
            "$name of another");
        is($api->ask($method, @ask, none_match => 'x')->{status}, 400,
            "$name x");
    }

    problem($api->ask('GET', @ask, none_match => '1'), 400, 'invalid',
        'If-None-Match', "$k->{name}: which is named");

    for my $method (qw(PUT PATCH DELETE)) {
        problem($api->ask($method, @ask, none_match => '*', json => {}), 412,
            'precondition-failed', '', "$k->{name}: $method unless it exists");
    }

    is($api->ask('PUT', @ask, none_match => '"999999"',
        json => { $k->{field} => 'n' })->{status}, 200,
        "$k->{name}: PUT unless it has another version");
}


sub deletes {
    my ($k) = @_;

    my ($id, $doc) = @{$k->{make}->()};
    my $path = $k->{path}->($id);
    my $name = $k->{name};

    my $r = $api->ask('PUT', $path, arm => $k->{arm},
        json => { $k->{field} => 'last' });
    my $version = number($r);

    problem($api->ask('DELETE', $path, match => $doc->{etag}), 412,
        'precondition-failed', '', "$name: DELETE, stale If-Match");
    problem($api->ask('DELETE', $path, match => 'x'), 400, 'invalid',
        'If-Match', "$name: DELETE, bad If-Match");
    is($api->ask('GET', $path)->{status}, 200, "$name: it is still there");
    is($api->ask('DELETE', $path, match => qq("$version"))->{status}, 200,
        "$name: DELETE, If-Match");
    problem($api->ask('DELETE', $path), 404, 'not-found', '',
        "$name: DELETE twice");
    problem($api->ask('DELETE', $path, match => '*'), 404, 'not-found', '',
        "$name: DELETE twice, If-Match *");
    is($api->ask('GET', $path, none_match => '*')->{status}, 404,
        "$name: GET of a deleted one");

    my $again = $k->{make}->($k->{id} => $id)->[1];
    $again->{etag} =~ /(\d+)/;
    cmp_ok($1, '>', $version + 1, "$name: the version goes on");

    is($api->ask('DELETE', $path, match => '*')->{status}, 200,
        "$name: DELETE, If-Match *");

    my %new = %$again;
    delete @new{qw(etag status)};
    problem($api->ask('POST', $k->{list}, arm => $k->{arm}, match => '*',
            json => \%new), 412, 'precondition-failed', '',
        "$name: nothing matches what is not there yet");
    is($api->ask('POST', $k->{list}, arm => $k->{arm}, none_match => '*',
        json => \%new)->{status}, 201, "$name: POST, If-None-Match *");
}


sub races {
    my ($k) = @_;

    my ($id) = @{$k->{make}->()};
    my $path = $k->{path}->($id);
    my @headers = $k->{arm} ? ('X-Ficus-Arm' => $k->{arm}) : ();

    for my $round (1 .. 5) {
        my $now = $api->ask('GET', $path)->{headers}{etag};
        my @statuses = sort { $a <=> $b } parallel(4, sub {
            $api->system->request('PUT', $path,
                headers => [ @headers, 'If-Match' => $now ],
                json => { $k->{field} => "$round-$_[0]" })->{status}
        });

        is("@statuses", '200 412 412 412',
            "$k->{name}: of four writers one wins, round $round");
    }

    my $before = number($api->ask('GET', $path));
    my @all = parallel(4, sub {
        my ($i) = @_;
        my @statuses = map {
            my @arm = @headers ? ('X-Ficus-Arm' => $_ % 2 ? 'v1' : 'v2') : ();
            $api->system->request('PUT', $path, headers => \@arm,
                json => { $k->{field} => "$i.$_" })->{status};
        } 1 .. 10;
        return join ' ', @statuses;
    });

    is(join(' ', @all), join(' ', (200) x 40),
        "$k->{name}: without If-Match all win, on either arm");
    is(number($api->ask('GET', $path)), $before + 40,
        "$k->{name}: one after the other");
}
