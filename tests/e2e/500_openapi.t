#!/usr/bin/perl

# Copyright (C) Ficus authors

# The running system against docs/openapi.yaml: every path, method and status.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Test::More;

use Ficus::Contract qw(allow soon encode);

use Fcntl qw(LOCK_EX LOCK_NB);

use Ficus::HTTP qw(parallel);
use Ficus::NATS;
use Ficus::Run qw(root);
use Ficus::YAML;

my $api = Ficus::Contract->start(allow => [ qr,/state" failed, ]);
my $s = $api->system;
my $paths = $api->document->{paths};
my $v1 = '/api/v1/splits';


is($api->document->{openapi}, '3.1.0', 'OpenAPI 3.1');
references($api->document);
successes();
landing();
refused_methods();
client_errors();
admin_errors();
followers();
workers_down();
workers_late();
seen_all();
routes();
examples();

$api->done;


# Every $ref leads somewhere, and every component is used.

sub references {
    my ($document) = @_;

    my %used;

    walk($document, sub {
        my ($node) = @_;
        my $ref = ref $node eq 'HASH' && $node->{'$ref'} or return;

        $used{$ref}++;
        ok(0, "$ref leads nowhere")
            if !eval { $api->schema->resolve($node); 1 };
    });

    my @unused = grep { !$used{$_} && $_ !~ /MethodNotAllowed$/ } map {
        my $kind = $_;
        map { "#/components/$kind/$_" } keys %{$document->{components}{$kind}};
    } keys %{$document->{components}};

    is(join(' ', sort @unused), '', 'every component is used');
}


sub walk {
    my ($node, $code) = @_;

    $code->($node);
    walk($_, $code) for ref $node eq 'HASH' ? values %$node
        : ref $node eq 'ARRAY' ? @$node : ();
}


sub successes {
    for my $path ('/', '/healthz', '/readyz') {
        $api->ask('GET', $path);
        $api->admin('GET', $path);
    }

    my $user = $api->user(arm => 'v2', name => 'N', phone => '+4912345',
        tags => [ 'a' ]);
    my $one = "/api/users/$user->{userId}";

    $api->ask('GET', $one);
    $api->ask('GET', $one, none_match => '*');
    $api->ask('PUT', $one, json => { deliveryAddress => 'x' });
    $api->ask('PATCH', $one, merge => { deliveryAddress => 'y' });
    $api->ask('GET', '/api/users');
    $api->ask('POST', '/api/users/batch', json => [ {}, { userId => 'b',
        email => 'b@example.com', deliveryAddress => 'x' } ]);

    my $order = $api->order(userId => $user->{userId}, quantity => 1);
    my $two = "/api/orders/$order->{orderId}";

    $api->order(email => 'o@example.com', deliveryAddress => 'z');
    $api->ask('GET', $two);
    $api->ask('GET', $two, none_match => '*');
    $api->ask('PUT', $two, json => { status => 'Processing' });
    $api->ask('PATCH', $two, merge => { quantity => undef });
    $api->ask('GET', '/api/orders');
    $api->ask('GET', '/api/orders?limit=1');
    $api->ask('DELETE', $two);
    $api->ask('DELETE', $one);
    $api->ask('DELETE', '/api/users');

    $api->admin('GET', $_) for $v1, "$v1/users", "$v1/users/explain?key=a",
        "$v1/users/slots", "$v1/users/history", "$v1/users/ledger",
        "$v1/users/diff", '/metrics';
    $api->admin('DELETE', "$v1/users/diff");
    $api->admin('PUT', "$v1/users/weights", json => { v1 => 60, v2 => 40 });
    $api->admin('PUT', "$v1/users/shadow", json => { share => $_ }) for 10, 0;
    my $r = $api->admin('PUT', "$v1/users/p", json => { p => 50 });
    $api->admin('POST', "$v1/users/rollback",
        json => { generation => $r->{json}{generation} });

    for my $name (@{$api->admin('GET', '/workers/')->{json}}) {
        $api->admin('GET', "/workers/$name/$_") for qw(healthz readyz metrics);
    }

    $api->admin('GET', "/workers/none/$_") for qw(healthz readyz metrics);
}


# The page at / has a line for each collection.

sub landing {
    my $text = $api->ask('GET', '/')->{body};

    like($text, qr,  \Q$_\E$,m, "/ tells of $_")
        for grep { m,^/api/[^/]+$, } sort keys %$paths;
}


# TRACE gets to no service: the gateway itself has to know what each path has.

sub refused_methods {
    for my $path (grep { m,^/api/(?!v1/), } sort keys %$paths) {
        my @has = map { uc } grep { !/^(?:parameters|servers)$/ }
            keys %{$paths->{$path}};

        push @has, 'HEAD' if $paths->{$path}{get};

        is(allow($api->ask('TRACE', $path =~ s/\{\w+\}/x/gr)),
            join(' ', sort @has), "TRACE $path: Allow");
    }
}


sub client_errors {
    my $user = $api->user;
    my $other = $api->user;
    my $order = $api->order(orderId => 'o', userId => $user->{userId});
    my ($u, $o) = ("/api/users/$user->{userId}", '/api/orders/o');

    $api->ask('GET', '/api/users?limit=0');
    $api->ask('GET', '/api/orders?limit=0');

    for my $path ('/api/users', '/api/orders', '/api/users/batch') {
        $api->ask('POST', $path, text => '{');
        $api->ask('POST', $path, body => '{}');
        $api->ask('POST', $path, text => ' ' x 8388609);
    }

    $api->ask('POST', '/api/users', json => { map { $_ => $user->{$_} }
        qw(userId email deliveryAddress) });
    $api->ask('POST', '/api/users', match => '*', json => { userId => 'new',
        email => 'new@example.com', deliveryAddress => 'x' });
    $api->ask('POST', '/api/orders', json => { orderId => 'o',
        productName => 'x', email => 'x@example.com' });

    for my $new ([ '/api/users', { userId => 'once', deliveryAddress => 'x',
                     email => 'once@example.com' } ],
                 [ '/api/orders', { orderId => 'once', productName => 'x',
                     email => 'once@example.com' } ])
    {
        my ($path, $fields) = @$new;
        my @key = (headers => [ 'Idempotency-Key' => '"once"' ]);

        $api->ask('POST', $path, json => $fields, @key);
        $api->ask('POST', $path, json => { %$fields, email => 'x@y.z' }, @key);
        $api->ask('DELETE', "$path/once");
        $api->ask('POST', $path, json => $fields, @key);
    }

    $api->ask('POST', '/api/orders', match => '*', json => {
        productName => 'x', email => 'x@example.com' });

    for my $path ($u, $o) {
        my $none = $path =~ s,[^/]+$,none,r;

        for my $method (qw(GET DELETE)) {
            $api->ask($method, $path, match => 'x');
            $api->ask($method, $none);
            $api->ask($method, $path, match => '"999"');
        }

        for my $method (qw(PUT PATCH)) {
            $api->ask($method, $path, text => '{');
            $api->ask($method, $none, json => {});
            $api->ask($method, $path, json => { email => $other->{email} });
            $api->ask($method, $path, match => '"999"', json => {});
            $api->ask($method, $path, text => ' ' x 8388609);
            $api->ask($method, $path, body => '{}');
        }
    }

    $api->ask('DELETE', '/api/users');
    $api->ask('DELETE', '/api/users');
}


sub admin_errors {
    my @reads = ($v1, "$v1/users", "$v1/users/explain?key=a",
        "$v1/users/slots", "$v1/users/history", "$v1/users/ledger",
        "$v1/users/diff");

    refused('GET', $_) for @reads;
    refused('DELETE', "$v1/users/diff");
    $api->admin('DELETE', "$v1/users/diff", headers => [ 'If-Match' => $_ ])
        for 'none', '"1"';
    $api->admin('GET', "$v1/users/explain");

    my $generation = $api->admin('GET', "$v1/users")->{json}{generation};
    my %ramp = (to => { v1 => 0, v2 => 100 }, step => 10, every => 3600);

    not_done('PUT', 'weights', { v1 => 50, v2 => 50 });
    not_done('PUT', 'p', { p => 50 });
    not_done('PUT', 'shadow', { share => 10 });
    not_done('POST', 'rollback', { generation => $generation });
    not_done('POST', 'ramp', \%ramp);

    for my $name (qw(pause resume abort)) {
        $api->admin('POST', "$v1/users/ramp/$name") if $name ne 'pause';
        $api->admin('POST', "$v1/users/ramp", json => \%ramp) for 1, 2;
        $api->admin('POST', "$v1/users/ramp/pause") if $name eq 'resume';
        not_done('POST', "ramp/$name", {});
        $api->admin('POST', "$v1/users/ramp/$name") for 1, 2;
    }

    # the gateway is unready without its zone alone, which can't be taken away
    $api->seen->{'GET /readyz 503'}++;
}


# From another site, by another name, for another split.

sub refused {
    my ($method, $path, %opt) = @_;

    $api->admin($method, $path, %opt, headers => [ Origin => 'http://evil.test' ]);
    $api->admin($method, $path, %opt, headers => [ Host => 'evil.test' ]);
    $api->admin($method, $path =~ s,/users,/none,r, %opt) if $path =~ /users/;
}


sub not_done {
    my ($method, $name, $good) = @_;

    my $path = "$v1/users/$name";

    refused($method, $path, json => $good);
    $api->admin($method, $path, text => '{');
    $api->admin($method, $path, json => $good, match => '"1"');
    $api->admin($method, $path, text => ' ' x 65537);
    $api->admin($method, $path, body => '{}',
        headers => [ 'Content-Type' => 'text/plain' ]);

    # somebody else is writing the state file
    my $state = $s->dir . '/state';

    open my $lock, '<', $state or die $!;
    flock $lock, LOCK_EX | LOCK_NB or die $!;
    is($api->admin($method, $path, json => $good)->{status}, 503,
        "$name: the state file is locked");
    close $lock;

    # the state file can't be written
    my $before = $api->admin('GET', "$v1/users")->{json};

    rename $state, "$state.away" or die "rename: $!";
    is($api->admin($method, $path, json => $good)->{status}, 500,
        "$name: the state file can't be written");
    rename "$state.away", $state or die "rename: $!";
    is($api->admin('GET', "$v1/users")->{json}{generation},
        $before->{generation}, "$name: nothing has changed");
}


# What a worker that follows another says of it.

sub followers {
    my $nats = Ficus::NATS->new($s->nats_port);
    my ($sync, $dlq) = map { "/workers/orders/$_" } qw(sync dlq);

    $nats->publish('users.updated.00', "poison $_") for 1 .. 3;
    my $letters;
    soon(sub {
        $letters = $api->admin('GET', $dlq)->{json};
        return @$letters == 3;
    }, 'letters');

    my $one = "$dlq/$letters->[0]{id}";

    $api->admin('GET', $_) for "$dlq?limit=1", "$dlq?limit=0", $sync, $one;
    $api->admin('POST', "$one/redrive");
    $api->admin('DELETE', $one);
    $api->admin('DELETE', $one);
    $api->admin('GET', $one);
    $api->admin('POST', "$one/redrive");
    $api->admin('GET', "/workers/users-v1/$_") for qw(sync dlq);

    # what was lost on the way is brought in by hand
    my $user = $api->user;
    $nats->publish('users.updated.00', encode({ specversion => '1.0',
        id => "users/$user->{userId}/500", source => '/users',
        type => 'ficus.users.updated', subject => $user->{userId}, data => {
            userId => $user->{userId}, version => 500,
            deleted => JSON::PP::false, changed => [] } }));
    my $own;
    soon(sub {
        ($own) = @{$api->admin('GET', "$dlq?key=$user->{userId}")->{json}};
    }, 'a letter of a user');
    $api->admin('POST', "$dlq/$own->{id}/redrive");

    $api->admin('POST', $sync, json => { repair => JSON::PP::true });
    $api->admin('POST', $sync, json => {});
    $api->admin('POST', $sync, text => ' ' x 1048577);
    $api->admin('POST', $sync, body => '{}');
    $api->admin('POST', '/workers/users-v1/sync', json => {});

    for my $call ([ 'GET', $sync ], [ 'POST', $sync ], [ 'GET', $dlq ],
        [ 'GET', $one ], [ 'DELETE', $one ], [ 'POST', "$one/redrive" ])
    {
        my ($method, $path) = @$call;

        $api->admin($method, "$path?source=nobody", $path eq $sync
            && $method eq 'POST' ? (json => { repair => JSON::PP::false }) : ());
        $api->admin(@$call, headers => [ Origin => 'http://evil.test' ]);
        $api->admin(@$call, headers => [ Host => 'evil.test' ]);
    }

    # a source that does not answer takes longer than anybody waits
    my @names = qw(users-v1 users-v2);
    $s->kill($_, 'STOP') for @names;
    $api->admin('POST', $sync, json => { repair => JSON::PP::false });
    $s->kill($_, 'CONT') for @names;
}


# Each operation that a worker serves, when it is down, and when it sleeps.

sub operations {
    my @asks;

    for my $path (sort keys %$paths) {
        for my $method (grep { $_ ne 'parameters' && $_ ne 'servers' }
                        sort keys %{$paths->{$path}})
        {
            next if !$paths->{$path}{$method}{responses}{504};

            my $to = $path =~ s/\{worker\}/orders/r =~ s/\{\w+\}/x/gr;
            my $admin = $to =~ /^\/workers/;

            push @asks, [ $admin, uc $method, $to,
                $method =~ /^(?:p)/ ? ({}) : () ];
        }
    }

    return @asks;
}


sub request {
    my ($ask) = @_;

    my ($admin, $method, $path, $json) = @$ask;

    return Ficus::HTTP::request($admin ? $s->admin_port : $s->port, $method,
        $path, $json ? (json => $json) : ());
}


sub workers_down {
    $api->keep_down($s->workers);

    for my $ask (operations()) {
        $api->judge(request($ask), @$ask[1, 2], $ask->[0] ? 'admin' : 'public');
    }

    $api->let_up;
}


sub workers_late {
    my @names = $s->workers;
    my @asks = operations();

    $s->kill($_, 'STOP') for @names;
    my @answers = parallel(scalar @asks, sub { request($asks[$_[0]]) });
    $s->kill($_, 'CONT') for @names;

    for my $i (0 .. $#asks) {
        $api->judge($answers[$i], @{$asks[$i]}[1, 2],
            $asks[$i][0] ? 'admin' : 'public');
    }
}


# What the document promises was seen.

sub seen_all {
    my %seen = %{$api->seen};
    my @missing;

    for my $path (sort keys %$paths) {
        for my $method (sort keys %{$paths->{$path}}) {
            next if $method =~ /^(?:parameters|servers)$/;

            for my $status (sort keys %{$paths->{$path}{$method}{responses}}) {
                my $what = uc($method) . " $path $status";
                push @missing, $what if $status ne 'default' && !$seen{$what};
            }
        }
    }

    is(join("\n", @missing), '', 'every status of every operation was seen');
}


# The routes of the workers and the operations of the document are the same.

sub routes {
    my %routes;

    for my $file (map { glob root() . $_ } '/workers/*.c', '/workers/*/*.c') {
        open my $fh, '<', $file or die "$file: $!";

        while (my $line = <$fh>) {
            next if $line !~ /\{ "([A-Z]+)", "(\/[^"]+)", (\w+)/;
            $routes{"$1 $2"} ||= $3 ne 'NULL';
        }
    }

    cmp_ok(scalar keys %routes, '>', 10, 'routes were found');

    for my $route (grep { !$routes{$_} } sort keys %routes) {
        fail("$route is served by a worker");
    }

    my @documented = map {
        my $path = $_;
        map { uc($_) . " $path" } grep { !/^(?:parameters|servers)$/ }
            keys %{$paths->{$path}};
    } grep { m,^/api/(?!v1/), } keys %$paths;

    is(join("\n", sort keys %routes), join("\n", sort @documented),
        'the routes of the workers are those of the document');
}


# The examples of the document are what it says they are.

sub examples {
    my $n = 0;

    walk($api->document, sub {
        my ($node) = @_;

        if (ref $node eq 'HASH' && $node->{schema} && exists $node->{example}) {
            my @wrong = $api->schema->check($node->{example}, $node->{schema});
            is(join('; ', @wrong), '', 'example ' . ++$n);
        }
    });

    cmp_ok($n, '>', 10, 'there are examples');
}
