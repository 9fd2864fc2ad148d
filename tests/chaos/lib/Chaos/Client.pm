package Chaos::Client;

# Copyright (C) Ficus authors
#
# A client that makes, changes, deletes and reads users and orders through the
# gateway, and writes down each call and its answer.
#
#     my $c = Chaos::Client->new(id => 3, first => 1, api => Ficus::Contract,
#         port => ..., path => HISTORY, seed => ...);
#     $c->run($seconds);          returns what it counted
#     $c->read(@documents);       reads each once
#
# Each write has something that no other has: its address aN.M, its e-mail
# eN.M@..., its product tN.M, so that whoever sees a state knows which write
# made it.  Addresses of the pool change hands instead.  What is created with an
# Idempotency-Key, kN.M, is asked for until it is there, and left alone then.

use strict;
use warnings;

use IO::Select;
use JSON::PP;
use Time::HiRes qw(sleep);

use Ficus::HTTP;

use Chaos::History qw(now);

our $users = 400;               # ids in all
our $orders = 120;              # of each client
our $pool = 30;                 # addresses that change hands
our $patience = 12;             # s, until a client gives up

my @often = map { my ($act, $n) = @$_; ($act) x $n }
    [ make => 4 ], [ change => 4 ], [ move => 2 ], [ rename => 2 ],
    [ look => 4 ], [ order => 3 ], [ bind => 3 ], [ ship => 3 ],
    [ label => 1 ], [ peek => 3 ], [ once => 2 ];

my %acts = (make => \&_make, change => \&_change, move => \&_move,
    rename => \&_rename, look => \&_look, order => \&_order,
    bind => \&_bind, ship => \&_ship, label => \&_label, peek => \&_peek,
    delete => \&_delete, cancel => \&_cancel, once => \&_once);

my $json = JSON::PP->new->utf8->canonical;

my %step = (Pending => 'Processing', Processing => 'Shipping',
    Shipping => 'Delivered');


sub new {
    my ($class, %o) = @_;

    return bless {
        %o,
        n => $o{first} // 0,
        history => Chaos::History->new($o{path}),
        known => {},            # document => [ version, status ]
        count => {},
        novel => {},
    }, $class;
}


sub run {
    my ($self, $seconds) = @_;

    my $end = now() + $seconds;

    srand $self->{seed};

    while (now() < $end) {
        my $dice = rand;
        my $act = $dice < 0.04 ? 'delete' : $dice < 0.08 ? 'cancel'
                : $often[rand @often];

        $acts{$act}->($self);
        sleep $self->{connection} ? rand 0.012 : 0.05;
    }

    return $self->result;
}


sub read {
    my ($self, @documents) = @_;

    for my $d (@documents) {
        for (1 .. 20) {
            last if $self->ask('get', $d)->{k} ne 'info';
            sleep 0.2;
        }
    }

    return $self->result;
}


sub result {
    my ($self) = @_;

    return { count => $self->{count}, wrong => $self->{api}{wrong} };
}


# A few users that all fight for, and some that are left alone after a while,
# so that nothing later hides what happened to them.

sub _some_user {
    return 'u/h' . int rand 6 if rand() < 0.4;
    return 'u/c' . (int(now() / 2) * 16 + int rand 16) % $users;
}


sub _some_order {
    my ($self, $client) = @_;

    my $at = int(now() * 2);

    return "o/$client-" . ($at + int rand 8) % $orders;
}


sub _shared {
    my $domain = rand() < 0.2 ? 'POOL.example' : 'pool.example';

    return 'p' . int(rand $pool) . "\@$domain";
}


sub _token {
    my ($self) = @_;

    return "$self->{id}." . ($self->{n} + 1);
}


sub _make {
    my ($self) = @_;

    my $d = _some_user();
    my $token = $self->_token;

    $self->ask('post', $d, { userId => substr($d, 2),
        email => rand() < 0.5 ? _shared() : "e$token\@one.example",
        deliveryAddress => "a$token" });
}


sub _put {
    my ($self, $d, $fields) = @_;

    my $match = rand() < 0.4 ? ($self->{known}{$d} // [])->[0] : undef;

    $self->ask(rand() < 0.5 ? 'put' : 'patch', $d, $fields, $match);
}


sub _change {
    my ($self) = @_;

    $self->_put(_some_user(), { deliveryAddress => 'a' . $self->_token });
}


sub _rename {
    my ($self) = @_;

    my $email = 'e' . $self->_token . '@one.example';

    $self->_put(_some_user(), { email => $email });
}


sub _move {
    my ($self) = @_;

    $self->_put(_some_user(), { email => _shared(),
        deliveryAddress => 'a' . $self->_token });
}


sub _delete {
    my ($self) = @_;

    my $d = _some_user();

    $self->ask('del', $d, undef,
        rand() < 0.5 ? ($self->{known}{$d} // [])->[0] : undef);
}


sub _look {
    my ($self) = @_;

    $self->ask('get', _some_user());
}


sub _order {
    my ($self) = @_;

    $self->_buy(userId => substr _some_user(), 2);
}


sub _bind {
    my ($self) = @_;

    $self->_buy(email => _shared());
}


sub _buy {
    my ($self, @whose) = @_;

    my $d = $self->_some_order($self->{id});

    $self->ask('post', $d, { orderId => substr($d, 2),
        productName => 't' . $self->_token, @whose });
}


sub _any_order {
    my ($self) = @_;

    return $self->_some_order(1 + int rand $self->{clients});
}


sub _once {
    my ($self) = @_;

    my $key = 'k' . $self->_token;
    my $email = "$key\@one.example";
    my $fields = rand() < 0.5 ? { productName => $key, email => $email }
        : { userId => $key, email => $email, deliveryAddress => 'once' };

    for my $pause (0.1, 0.3, 1, 0) {
        last if $self->ask('once', "k/$key", $fields)->{k} eq 'ok'
            && rand() < 0.8;
        sleep $pause;
    }
}


sub _ship {
    my ($self) = @_;

    my $d = $self->_any_order;
    my $status = ($self->{known}{$d} // [])->[1] // 'Pending';

    $self->_put($d, { status => $step{$status} // 'Cancelled' });
}


sub _label {
    my ($self) = @_;

    $self->_put($self->_any_order, { productName => 't' . $self->_token });
}


sub _cancel {
    my ($self) = @_;

    my $d = $self->_any_order;

    $self->ask('del', $d, undef,
        rand() < 0.5 ? ($self->{known}{$d} // [])->[0] : undef);
}


sub _peek {
    my ($self) = @_;

    $self->ask('get', $self->_any_order);
}


my %method = (get => 'GET', post => 'POST', put => 'PUT', patch => 'PATCH',
    del => 'DELETE', once => 'POST');


sub ask {
    my ($self, $o, $d, $fields, $match) = @_;

    my ($kind, $id) = $d =~ m,^(.)/(.*), or die "no document: $d";
    my $user = $kind eq 'u' || ($o eq 'once' && $fields->{userId});
    my $path = $user ? '/api/users' : '/api/orders';
    my $op = { c => $self->{id}, n => ++$self->{n}, o => $o, d => $d,
        $fields ? (f => $fields) : (), $match ? (m => $match) : () };
    my @headers;

    $path .= "/$id" if $method{$o} ne 'POST';
    push @headers, 'Idempotency-Key' => "\"$id\"" if $o eq 'once';
    push @headers, 'If-Match' => "\"$match\"" if $match;

    if ($kind eq 'u' && $o ne 'del' && rand() < 0.3) {
        push @headers, 'X-Ficus-Arm' => rand() < 0.5 ? 'v1' : 'v2';
    }

    if ($o eq 'patch') {
        push @headers, 'Content-Type' => 'application/merge-patch+json';
    }

    $op->{i} = now();
    $self->{history}->invoke($op);

    my $r = $self->_send($method{$o}, $path, $fields, @headers);

    $op->{r} = now();
    $self->_understand($op, $r);
    $self->{history}->complete($op);
    $self->{count}{$o . ($user ? ' user' : ' order')}{$op->{k}}++;
    $self->{count}{status}{$r->{status}}++;
    $self->_judge($r, $method{$o}, $path) if $r->{status};

    return $op;
}


sub _send {
    my ($self, $method, $path, $fields, @headers) = @_;

    local $Ficus::HTTP::timeout = $patience;

    # what can be read before we have asked is the end
    if ($self->{connection}
        && IO::Select->new($self->{connection}{socket})->can_read(0))
    {
        delete $self->{connection};
    }

    $self->{connection} //= Ficus::HTTP->connect($self->{port})
        or return { status => 0, headers => {}, error => "connect: $!" };

    my $r = $self->{connection}->ask($method, $path, headers => \@headers,
        $fields && $method eq 'PATCH'
            ? (body => $json->encode($fields))
            : $fields ? (json => $fields) : ());

    if (!$r->{status} || ($r->{headers}{connection} // '') eq 'close') {
        delete $self->{connection};
    }

    return $r;
}


sub _understand {
    my ($self, $op, $r) = @_;

    my $data = ref $r->{json} eq 'HASH' ? $r->{json} : {};

    $op->{s} = $r->{status};
    $op->{e} = $r->{error} =~ s/\n.*//sr if defined $r->{error};

    if ($r->{status} =~ /^20[01]$/) {
        $op->{k} = 'ok';
        $op->{v} = $1 + 0 if ($r->{headers}{etag} // '') =~ /^"(\d+)"$/;
        $op->{b} = { map { defined $data->{$_} ? ($_ => $data->{$_}) : () }
            qw(userId orderId email deliveryAddress productName status) };
        $self->{known}{$op->{d}} = [ $op->{v}, $data->{status} ];
        return;
    }

    $op->{t} = $data->{type} =~ s/.*\///r if defined $data->{type};
    $op->{k} = 'fail';

    if ($r->{status} == 0) {
        $op->{k} = 'info' if $op->{e} !~ /^connect/;
    } elsif ($r->{status} == 503 || $r->{status} == 504) {
        $op->{k} = 'info' if ($op->{t} // '') eq 'unknown-outcome';
    } elsif ($r->{status} !~ /^(?:404|409|412|507)$/) {
        $op->{k} = 'info';
    }
}


# Answers of one form are held against the documentation once.

sub _judge {
    my ($self, $r, $method, $path) = @_;

    my $form = join ' ', $method, $path =~ m,^(/api/\w+(?:/|$)),, $r->{status},
        sort(keys %{$r->{headers}}), $r->{body} =~ s/"(?:[^"\\]|\\.)*"(?!:)/""/gr
            =~ s/\d+/0/gr;

    if (!$self->{novel}{$form}++) {
        $self->{api}->judge($r, $method, $path);
    }
}


1;
