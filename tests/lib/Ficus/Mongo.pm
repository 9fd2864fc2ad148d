package Ficus::Mongo;

# Copyright (C) Ficus authors
#
# A server that speaks MongoDB's protocol, for the whole system.
#
#     my $m = Ficus::Mongo->new($run, $n)
#                             FerretDB on the n-th port of a Ficus::Run, or the
#                             server of MONGODB_URI; ends the test where there
#                             is none
#     $m->uri($name)          with this database
#     $m->ours                it may be killed
#     $m->kill, $m->start     -9; again, with the data that it had
#
# Environment: MONGODB_URI, FICUS_FERRETDB (default: build/ferretdb).

use strict;
use warnings;

use Test::More;

use Ficus::Run qw(root);


sub new {
    my ($class, $run, $n) = @_;

    my $self = bless {
        run => $run,
        program => $ENV{FICUS_FERRETDB} || root() . '/build/ferretdb',
        uri => $ENV{MONGODB_URI},
        runs => 0,
    }, $class;

    return $self if defined $self->{uri};

    if (!-x $self->{program}) {
        plan(skip_all => 'THE MONGODB STORE WAS NOT TESTED: neither '
            . 'MONGODB_URI nor build/ferretdb, which needs Go');
    }

    $self->{port} = $run->port($n);
    $self->{uri} = "mongodb://127.0.0.1:$self->{port}/";
    $self->{dir} = $run->dir . '/ferretdb';
    mkdir $self->{dir} or die "$self->{dir}: $!";

    return $self->start;
}


sub start {
    my ($self) = @_;

    $self->{name} = 'ferretdb-' . ++$self->{runs};
    $self->{run}->spawn($self->{name}, command => [ $self->{program},
        $self->{dir}, "127.0.0.1:$self->{port}" ], ready => $self->{port});

    return $self;
}


sub kill {
    my ($self) = @_;

    kill KILL => $self->{run}->pid($self->{name});
    $self->{run}->forget($self->{name});

    return $self;
}


sub uri {
    my ($self, $name) = @_;

    return $self->{uri} =~ s,^(mongodb://[^/?]*)/?[^?]*,$1/$name,r;
}


sub ours { return !defined $ENV{MONGODB_URI} }


1;
