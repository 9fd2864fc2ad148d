package Chaos::Check;

# Copyright (C) Ficus authors
#
# Judges a history.
#
#     my $check = Chaos::Check->new(ops => [ ... ], carry => $earlier->carry,
#         lists => { users => [ ... ], orders => [ ... ] },
#         gateway => [ [ from, to ], ... ], stopped => [ ... ], full => [ ... ]);
#
#     my @violations = $check->run;       [ kind, document, text ], ...
#     $check->carry                       what the next check has to know
#     $check->unlike                      documents of which the lists say
#                                         something else than they do alone
#
# ops are Chaos::History's, those of client F read each document at the end,
# when all is well again; lists are what the system's lists said then.
# gateway: when the gateway was being disturbed, so that an answer may be
# missing; stopped: when one of its processes slept; full: the disk.
#
# What the versions of a document promise is what is asked: a version has one
# content; whoever asks later than another was answered sees no lower version;
# a write is its predecessor with the fields that it sent; a write under a
# condition follows the version that it named.  Chaos::Check::Orders holds the
# orders against their users, Chaos::Check::Once what carried an Idempotency-Key
# against what is there.
#
# Kinds: answer, no-answer, hung, unread; invented, differs, two-contents,
# came-back; went-back (for one reader), stale (for another), lost (for F);
# not-raised, lost-update, merge, made-twice, undeleted, unexplained;
# two-holders; torn, order-back, moved, status, bound-wrong, list, step.

use strict;
use warnings;

use List::Util qw(max min);

use Chaos::Check::Once;
use Chaos::Check::Orders;
use Chaos::Document;

our $limit = 5;                 # s, for a request


sub new {
    my ($class, %o) = @_;

    my $self = bless { carry => {}, lists => undef, gateway => [],
        stopped => [], full => [], %o, tokens => {}, docs => {}, bad => [] },
        $class;

    my $carry = $self->{carry};
    my @all = (@{$carry->{ops} // []},
        grep { $_->{o} ne 'once' } @{$self->{ops}});

    $self->{tokens}{$_} = { i => -1, k => 'ok', d => undef, o => 'get' }
        for @{$carry->{tokens} // []};

    for my $op (@all) {
        push @{$self->{by}{$op->{d}}}, $op;
        $self->{tokens}{$_} = $op for tokens($op->{f} // {});
    }

    for my $d (sort keys %{$self->{by}}) {
        $self->{docs}{$d} = Chaos::Document->new($d, $self->{by}{$d});
    }

    return $self;
}


# The parts of a state that only one write can have brought.

sub tokens {
    my ($fields) = @_;

    return grep { defined } map { ($fields->{$_->[0]} // '') =~ $_->[1] }
        [ deliveryAddress => qr/^(a\d+\.\d+)$/ ],
        [ email => qr/^(e\d+\.\d+)@/ ],
        [ productName => qr/^(t\d+\.\d+)$/ ];
}


sub bad {
    my ($self, $kind, $d, $text) = @_;

    push @{$self->{bad}}, [ $kind, $d, $text ];
}


sub run {
    my ($self) = @_;

    $self->_answers;

    for my $d (sort keys %{$self->{docs}}) {
        my $doc = $self->{docs}{$d};

        $self->_contents($doc);
        $self->_order_in_time($doc);
        $self->_writes($doc);
        $self->_returns($doc);
        $self->_absences($doc);
        $self->_holes($doc) if $d =~ m,^u/,;
    }

    $self->_holders;
    Chaos::Check::Orders::check($self);
    Chaos::Check::Once::check($self);
    $self->_lists if $self->{lists};

    return @{$self->{bad}};
}


sub show {
    my ($op) = @_;

    return sprintf '%s.%s %s%s%s -> %s%s', $op->{c} // '?', $op->{n} // '?',
        $op->{o}, $op->{f} ? ' ' . fields($op->{f}) : '',
        $op->{m} ? " if $op->{m}" : '', $op->{s} || $op->{e} || 'nothing',
        $op->{v} ? " version $op->{v}" : '';
}


sub fields {
    my ($fields) = @_;

    return join ' ', map { "$_=$fields->{$_}" } sort keys %$fields;
}


sub within {
    my ($op, $windows, $slack) = @_;

    return scalar grep { $_->[0] <= $op->{r} && $_->[1] + $slack >= $op->{i} }
        @$windows;
}


sub _answers {
    my ($self) = @_;

    for my $op (@{$self->{ops}}) {
        my $took = $op->{r} - $op->{i};
        my $slept = 0;

        $slept += max(0, min($_->[1], $op->{r}) - max($_->[0], $op->{i}))
            for @{$self->{stopped}};

        if ($took - $slept > $limit && $op->{r} < 9e99) {
            $self->bad('hung', $op->{d}, sprintf '%s after %.1f s', show($op),
                $took);
        } elsif ($op->{s} == 0 && !within($op, $self->{gateway}, 1.5)) {
            $self->bad('no-answer', $op->{d}, show($op));
        }

        my $full = $op->{s} == 507 && within($op, $self->{full}, 1.5);

        if ($op->{s} && $op->{s} !~ /^(?:20[01]|404|409|412|503|504)$/
            && !$full)
        {
            $self->bad('answer', $op->{d}, show($op));
        }

        if ($op->{k} eq 'ok' && $op->{o} ne 'del'
            && (!$op->{v} || !$op->{b}))
        {
            $self->bad('answer', $op->{d}, show($op) . ' without a version');
        }
    }
}


# Each version has one content, which somebody wrote, and not later than it
# was seen.

sub _contents {
    my ($self, $doc) = @_;

    my $d = $doc->{d};

    for my $op (@{$doc->{seen}}, grep { $_->{k} eq 'ok' } @{$doc->{deletes}}) {
        my $text = $doc->text($op->{b} // next);

        if ($op->{o} ne 'del') {
            my $first = $doc->{at}{$op->{v}};

            if ($doc->text($first->{b}) ne $text) {
                $self->bad('two-contents', $d, show($op) . ": $text, but "
                    . show($first) . ': ' . $doc->text($first->{b}));
            }

            if ($doc->{buried}{$op->{v}}) {
                $self->bad('two-contents', $d, show($op) . " is alive, but "
                    . show($doc->{buried}{$op->{v}}));
            }
        }

        for my $token (tokens($op->{b})) {
            my $by = $self->{tokens}{$token};
            my $own = $d =~ m,^u/, || $token =~ /^t/;

            if (!$by || $by->{k} eq 'fail' || $by->{i} > $op->{r}
                || ($own && defined $by->{d} && $by->{d} ne $d))
            {
                $self->bad('invented', $d, show($op) . ": $token, "
                    . ($by ? 'of ' . show($by) : 'which nobody wrote'));
            }
        }

        if ($op->{o} =~ /^(?:post|put|patch)$/) {
            my @not = grep { !defined $op->{b}{$_}
                    || $op->{b}{$_} ne $op->{f}{$_} }
                grep { $_ ne 'orderId' && ($d =~ m,^u/, || $_ ne 'email') }
                keys %{$op->{f}};

            $self->bad('differs', $d, show($op) . ": $text") if @not;
        }
    }
}


# Nobody sees less than what was answered before he asked.

sub _order_in_time {
    my ($self, $doc) = @_;

    my %own;

    for my $op (sort { $a->{i} <=> $b->{i} } @{$doc->{seen}}) {
        my ($low, $by) = $doc->low($op->{i});

        if ($op->{v} < $low) {
            my $kind = $op->{c} eq 'F' ? 'lost'
                : ($own{$op->{c}} // 0) > $op->{v} ? 'went-back' : 'stale';

            $self->bad($kind, $doc->{d}, show($op) . ", after $low: "
                . show($by));
        }

        $own{$op->{c}} = max($own{$op->{c}} // 0, $op->{v});
    }
}


sub _writes {
    my ($self, $doc) = @_;

    my $d = $doc->{d};

    for my $op (grep { $_->{k} eq 'ok' && $_->{o} =~ /^(?:post|put|patch)$/ }
        @{$doc->{seen}})
    {
        my ($low, $by) = $doc->low($op->{i});
        my $moves = tokens($op->{f}) > 0;
        my $before = $doc->{at}{$op->{v} - 1};

        if ($moves && $op->{v} == $low) {
            $self->bad('not-raised', $d, show($op) . ', after ' . show($by));
        }

        if ($op->{m} && $op->{v} != $op->{m} + 1
            && ($moves || $op->{v} != $op->{m}))
        {
            $self->bad('lost-update', $d, show($op));
        }

        if ($op->{o} eq 'post') {
            $self->bad('made-twice', $d, show($op) . ', over '
                . show($before)) if $before;
            next;
        }

        if ($doc->{buried}{$op->{v} - 1}) {
            $self->bad('undeleted', $d, show($op) . ', over '
                . show($doc->{buried}{$op->{v} - 1}));
        }

        next if !$before || !$moves;

        my @own = $d =~ m,^u/, ? qw(email deliveryAddress)
            : qw(productName status);

        for my $name (grep { !defined $op->{f}{$_} } @own) {
            if ($op->{b}{$name} ne $before->{b}{$name}) {
                $self->bad('merge', $d, show($op) . ": $name is "
                    . "$op->{b}{$name}, but was $before->{b}{$name} in "
                    . show($before));
            }
        }
    }
}


# What another write has replaced does not come again.

sub _returns {
    my ($self, $doc) = @_;

    my (%past, %now);

    for my $v (sort { $a <=> $b } keys %{$doc->{at}}) {
        my %is = map { (substr($_, 0, 1) => $_) } tokens($doc->{at}{$v}{b});

        # a user's in an order: Chaos::Check::Orders
        delete @is{qw(a e)} if $doc->{d} =~ m,^o/,;

        for my $kind (qw(a e t)) {
            my ($is, $was) = ($is{$kind} // '', $now{$kind} // '');

            next if $is eq $was;

            $past{$was} = $v;
            $now{$kind} = $is;
            $self->bad('came-back', $doc->{d}, "$is in version $v, but "
                . "replaced in version $past{$is}")
                if $is ne '' && $past{$is};
        }
    }
}


# Who is not there was not made yet, or was deleted by somebody.

sub _absences {
    my ($self, $doc) = @_;

    for my $op (grep { $_->{k} eq 'ok' } @{$doc->{deletes}}) {
        my ($again) = grep { $_->{i} > $op->{r} && $doc->{d} =~ m,^u/,
            && $doc->text($_->{b}) eq $doc->text($op->{b}) } @{$doc->{seen}};

        $self->bad('undeleted', $doc->{d}, show($again) . ', after '
            . show($op)) if $again;

        if ($op->{m} && $doc->{at}{$op->{m}} && $doc->text($op->{b})
            ne $doc->text($doc->{at}{$op->{m}}{b}))
        {
            $self->bad('lost-update', $doc->{d}, show($op) . ' was '
                . $doc->text($op->{b}));
        }
    }

    for my $op (@{$doc->{absent}}) {
        my ($low, $by) = $doc->low($op->{i});

        next if $low == 0 || $doc->may_be_gone($op, $low, $self->{tokens});

        $self->bad($op->{c} eq 'F' ? 'lost' : 'stale', $doc->{d}, show($op)
            . ', after ' . show($by));
    }
}


# A version that nobody saw was made by a write without an answer.

sub _holes {
    my ($self, $doc) = @_;

    my @versions = sort { $a <=> $b } keys %{$doc->{at}}, keys %{$doc->{buried}};
    my $from = $doc->{floor} // 0;
    my $holes = 0;

    for my $v (@versions) {
        $holes += $v - $from - 1 if $v > $from;
        $from = $v if $v > $from;
    }

    my $unseen = $self->_unseen($doc->{d});

    if ($holes > $unseen) {
        $self->bad('unexplained', $doc->{d}, "$holes versions that nobody saw "
            . "up to $from, but $unseen writes without an answer");
    }
}


# Writes that made a version which nobody may have seen.

sub _unseen {
    my ($self, $d) = @_;

    return grep {
        $_->{o} ne 'get' && ($_->{k} eq 'info'
            || ($_->{k} eq 'ok' && $_->{o} eq 'del' && !$_->{grave}))
    } @{$self->{by}{$d}};
}


# An address has one holder: nobody holds it while somebody else surely does.

sub _holders {
    my ($self) = @_;

    my %held;

    for my $d (grep { m,^u/, } sort keys %{$self->{docs}}) {
        push @{$held{$_->{key}}}, { %$_, d => $d }
            for $self->{docs}{$d}->held;
    }

    for my $key (sort keys %held) {
        my $last;

        for my $now (sort { $a->{from} <=> $b->{from} } @{$held{$key}}) {
            if ($last && $last->{d} ne $now->{d}
                && $now->{from} < $last->{to})
            {
                $self->bad('two-holders', $now->{d}, "$key, and $last->{d}");
            }

            $last = $now if !$last || $now->{to} > $last->{to};
        }
    }
}


# The lists say what the single reads at the end said.

sub _lists {
    my ($self) = @_;

    for my $d (sort keys %{$self->{docs}}) {
        $self->bad('unread', $d, 'could not be read at the end')
            if !$self->_last($d);
    }

    for my $d ($self->unlike) {
        $self->bad('list', $d, $self->_listed($d) . ', but alone '
            . $self->_alone($d));
    }
}


sub unlike {
    my ($self) = @_;

    return grep { $self->_last($_) && $self->_alone($_) ne $self->_listed($_) }
        sort keys %{$self->{docs}};
}


sub _last {
    my ($self, $d) = @_;

    my ($last) = grep { $_->{c} eq 'F' && $_->{k} ne 'info' }
        reverse @{$self->{by}{$d}};

    return $last;
}


sub _alone {
    my ($self, $d) = @_;

    my $is = $self->_last($d)->{b};

    return $is ? $self->{docs}{$d}->text($is) : 'absent';
}


sub _listed {
    my ($self, $d) = @_;

    $self->{listed} //= {
        (map { ("u/$_->{userId}" => $_) } @{$self->{lists}{users}}),
        (map { ("o/$_->{orderId}" => $_) } @{$self->{lists}{orders}}) };

    my $is = $self->{listed}{$d};

    return $is ? $self->{docs}{$d}->text($is) : 'absent';
}


# What was the last that is known of each document, and the writes whose
# outcome nobody knows.

sub carry {
    my ($self) = @_;

    my (@ops, %tokens);

    for my $d (sort keys %{$self->{docs}}) {
        my $doc = $self->{docs}{$d};
        my $last = $self->_last($d);
        my ($low) = $doc->low(9e99);

        my @fresh = grep { $_->{k} eq 'info' && $_->{o} ne 'get'
            && $_->{c} ne 'C' && !$_->{old} } @{$self->{by}{$d}};

        push @ops, @fresh, { c => 'C', n => 0, d => $d, s => 200, k => 'ok',
            o => 'floor', v => $low, i => $last ? $last->{i} : -1,
            r => $last ? $last->{r} : -1 };

        if ($last && $last->{b}) {
            push @ops, { %{$ops[-1]}, o => 'get', v => $last->{v},
                b => $last->{b} };
            $tokens{$_} = 1 for tokens($last->{b});
        } else {
            # nobody knows its version: as many as nobody has seen
            my $unseen = max($low ? 1 : 0, $self->_unseen($d) - @fresh);

            push @ops, map { { %{$ops[-1]}, o => 'del', k => 'info', s => 0,
                i => -1 } } 1 .. $unseen;
        }
    }

    $_ = { %$_, old => ($_->{old} // 0) + 1 } for grep { $_->{c} ne 'C' } @ops;

    return { ops => \@ops, tokens => [ sort keys %tokens ],
        pairs => Chaos::Check::Orders::pairs($self) };
}


1;
