package Chaos::Toxiproxy;

# Copyright (C) Ficus authors
#
# Shopify's Toxiproxy (tests/toxiproxy), which is there where Go is.
#
#     Chaos::Toxiproxy::built()       whether it is
#     my $t = Chaos::Toxiproxy->new(run => Ficus::Run, api => PORT,
#         listen => PORT, to => PORT, seed => n);
#     $t->poison('latency', 0.7, 'upstream', latency => 300);
#     $t->clear
#
# poison: the toxic's type and attributes (ms), as its documentation has them,
# and its share of the connections, those of later included.  One at a time,
# since Toxiproxy 2.5 may hang when it takes back one of several; false: there is
# one.  clear: false when it had to be started anew for that.
#
# Environment: FICUS_TOXIPROXY (default: build/toxiproxy).

use strict;
use warnings;

use JSON::PP;

use Ficus::HTTP ();
use Ficus::Run qw(root);


sub program { return $ENV{FICUS_TOXIPROXY} || root() . '/build/toxiproxy' }

sub built { return -x program() }


sub new {
    my ($class, %o) = @_;

    return (bless { %o, starts => 0 }, $class)->start;
}


sub start {
    my ($self) = @_;

    my $name = $self->{name} = 'toxiproxy-' . ++$self->{starts};

    $self->{run}->spawn($name, ready => $self->{api}, command => [ program(),
        '127.0.0.1', $self->{api}, $self->{seed} ]);
    $self->_ask(201, POST => '/proxies', { name => 'broker',
        listen => "127.0.0.1:$self->{listen}",
        upstream => "127.0.0.1:$self->{to}", enabled => JSON::PP::true })
        or die "toxiproxy: $self->{why}";

    return $self;
}


sub poison {
    my ($self, $type, $share, $stream, %attributes) = @_;

    return 0 if $self->{toxic};

    $self->{toxic} = '/proxies/broker/toxics/' . $type;

    return $self->_ask(200, POST => '/proxies/broker/toxics', { name => $type,
        type => $type, stream => $stream, toxicity => $share,
        attributes => \%attributes });
}


sub clear {
    my ($self) = @_;

    my $toxic = delete $self->{toxic} or return 1;

    return 1 if $self->_ask(204, DELETE => $toxic);

    kill 'KILL', $self->{run}->pid($self->{name});
    $self->{run}->forget($self->{name});
    $self->start;

    return 0;
}


sub _ask {
    my ($self, $status, $method, $path, $json) = @_;

    local $Ficus::HTTP::timeout = 2;

    my $r = Ficus::HTTP::request($self->{api}, $method, $path,
        $json ? (json => $json) : ());

    $self->{why} = "$method $path: $r->{status} "
        . ($r->{body} // $r->{error} // '');

    return $r->{status} == $status;
}


1;
