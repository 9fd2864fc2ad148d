package Chaos::Document;

# Copyright (C) Ficus authors
#
# What a history says of one document.
#
#     my $doc = Chaos::Document->new($d, \@ops);
#
#     $doc->{seen}        operations that were answered with a version
#     $doc->{absent}      ... with 404
#     $doc->{deletes}     that were, or may have been, done
#     $doc->{at}          version => the first operation that saw it
#     $doc->{buried}      version of a tombstone => what made it, if known
#     $doc->{floor}       all up to this version was in an earlier history
#
#     $doc->text($fields)     a state, to be compared
#     $doc->low($time)        the highest version answered before then, by what
#     $doc->born($version, $tokens)   it was not there before that time
#     $doc->gone($version)            nor after that one
#     $doc->held              addresses that surely were its: key, from, to

use strict;
use warnings;

use List::Util qw(max min);


sub new {
    my ($class, $d, $ops) = @_;

    my $self = bless { d => $d, at => {}, buried => {}, by => $ops }, $class;

    $self->{fields} = $d =~ m,^u/, ? [ qw(email deliveryAddress) ]
        : [ qw(productName status userId email deliveryAddress) ];

    for my $op (@$ops) {
        if ($op->{o} eq 'floor') {
            $self->{floor} = $op->{v};
        } elsif ($op->{k} eq 'ok' && $op->{v} && $op->{b}) {
            push @{$self->{seen}}, $op;
            $self->{at}{$op->{v}} //= $op;
        } elsif (($op->{s} // 0) == 404) {
            push @{$self->{absent}}, $op;
        } elsif ($op->{o} eq 'del' && $op->{k} ne 'fail') {
            push @{$self->{deletes}}, $op;
        }
    }

    $self->{$_} //= [] for qw(seen absent deletes);
    $self->_bury;
    $self->_rise;

    return $self;
}


sub text {
    my ($self, $fields) = @_;

    return join ' ', map { $fields->{$_} // '-' } @{$self->{fields}};
}


# The version of a tombstone is said by nobody: it follows the one that was
# named, or the one with the content that was deleted, of which a user has
# only one.

sub _bury {
    my ($self) = @_;

    my %version = map { ($self->text($self->{at}{$_}{b}) => $_) }
        keys %{$self->{at}};

    for my $op (grep { $_->{k} eq 'ok' } @{$self->{deletes}}) {
        my $v = $op->{m} // ($self->{d} =~ m,^u/,
            ? $version{$self->text($op->{b})} : undef);

        if (defined $v) {
            $op->{grave} = $v + 1;
            $self->{buried}{$v + 1} = $op;
        }
    }
}


sub _rise {
    my ($self) = @_;

    my @rise = map { [ $_->{r}, $_->{grave} // $_->{v}, $_ ] }
        grep { $_->{grave} || $_->{v} }
        @{$self->{seen}}, @{$self->{deletes}},
        grep { $_->{o} eq 'floor' } @{$self->{by}};

    my $high;

    for my $step (sort { $a->[0] <=> $b->[0] } @rise) {
        if (!$high || $step->[1] > $high->[1]) {
            push @{$self->{rise}}, $high = $step;
        }
    }
}


sub low {
    my ($self, $time) = @_;

    my $rise = $self->{rise} // return 0;
    my ($from, $to) = (0, scalar @$rise);

    while ($from < $to) {
        my $middle = int(($from + $to) / 2);

        if ($rise->[$middle][0] < $time) {
            $from = $middle + 1;
        } else {
            $to = $middle;
        }
    }

    return $from ? @{$rise->[$from - 1]}[1, 2] : 0;
}


sub born {
    my ($self, $version, $tokens) = @_;

    my $op = $self->{at}{$version};

    return max(map { $_->{i} } grep { defined }
        $op->{o} =~ /^p/ && Chaos::Check::tokens($op->{f}) ? $op : undef,
        map { $tokens->{$_} } Chaos::Check::tokens($op->{b})) // -1;
}


sub gone {
    my ($self, $version) = @_;

    for my $step (@{$self->{rise} // []}) {
        return $step->[0] if $step->[1] > $version;
    }

    return 9e99;
}


# Whether a tombstone may have been there when it was looked for: one whose
# version is known, or one with a number that nobody has seen alive.

sub may_be_gone {
    my ($self, $op, $low, $tokens) = @_;

    my @late = grep { $self->born($_, $tokens) > $op->{r} }
        keys %{$self->{at}};
    my $high = min(@late) // 9e15;

    for my $delete (grep { $_->{i} < $op->{r} } @{$self->{deletes}}) {
        if ($delete->{grave}) {
            return 1 if $delete->{grave} >= $low;
            next;
        }

        my ($before) = $self->low($delete->{i});

        for my $v (max($low, $before + 1) .. $low + 1000) {
            last if $v >= $high;
            return 1 if !$self->{at}{$v};
        }
    }

    return 0;
}


# From the first answer that showed it to the last question that did.

sub held {
    my ($self) = @_;

    my (%from, %to, @held);

    for my $op (@{$self->{seen}}) {
        my $v = $op->{v};

        $from{$v} = min($from{$v} // 9e99, $op->{r});
        $to{$v} = max($to{$v} // -2, $op->{i});
    }

    for my $v (sort { $a <=> $b } keys %from) {
        my $key = key($self->{at}{$v}{b}{email});

        if (@held && $held[-1]{v} == $v - 1 && $held[-1]{key} eq $key) {
            $held[-1]{v} = $v;
            $held[-1]{from} = min($held[-1]{from}, $from{$v});
            $held[-1]{to} = max($held[-1]{to}, $to{$v});
        } else {
            push @held, { key => $key, v => $v, from => $from{$v},
                to => $to{$v} };
        }
    }

    return grep { $_->{from} < $_->{to} } @held;
}


sub key {
    my ($email) = @_;

    return ($email // '') =~ s/@(.*)/'@' . lc $1/er;
}


1;
