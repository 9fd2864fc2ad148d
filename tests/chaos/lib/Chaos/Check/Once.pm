package Chaos::Check::Once;

# Copyright (C) Ficus authors
#
# Holds creations with an Idempotency-Key against what is there at the end.
#
#     Chaos::Check::Once::check($check)       of a Chaos::Check
#
# Nothing but its creation, repeated, ever touches such a document, which is
# k/TOKEN in the history: an order whose product, or a user whose id, is the
# token.

use strict;
use warnings;


sub check {
    my ($check) = @_;

    my (%by, %there);

    push @{$by{$_->{d}}}, $_ for grep { $_->{o} eq 'once' } @{$check->{ops}};

    if ($check->{lists}) {
        push @{$there{"k/$_"}}, 'an order' for grep { /^k\d/ }
            map { $_->{productName} // '' } @{$check->{lists}{orders}};
        push @{$there{"k/$_"}}, 'a user' for grep { /^k\d/ }
            map { $_->{userId} // '' } @{$check->{lists}{users}};
    }

    for my $d (sort keys %there) {
        my $n = @{$there{$d}};

        $check->bad('made-twice', $d, "$n of them are there") if $n > 1;
    }

    for my $d (sort keys %by) {
        my @told = grep { $_->{k} eq 'ok' } @{$by{$d}};
        my %ids = map { ($_->{b}{orderId} // $_->{b}{userId} // '-' => 1) }
            @told;

        $check->bad('made-twice', $d, join ' and ', sort keys %ids)
            if keys %ids > 1;
        $check->bad('answer', $d, Chaos::Check::show($_))
            for grep { $_->{s} =~ /^4/ } @{$by{$d}};
        $check->bad('lost', $d, Chaos::Check::show($told[0]))
            if @told && $check->{lists} && !$there{$d};
    }
}


1;
