package Chaos::Check::Orders;

# Copyright (C) Ficus authors
#
# Holds orders against the users that they follow.
#
#     check($check)               adds to the violations of a Chaos::Check
#     pairs($check)               user => state => version, for the next
#     step(\@users, \@orders)     what is not in step now, a list of texts

use strict;
use warnings;

use List::Util qw(min);

use Chaos::Document;


my %after = (
    Pending => [ qw(Pending Processing Shipping Delivered Cancelled) ],
    Processing => [ qw(Processing Shipping Delivered Cancelled) ],
    Shipping => [ qw(Shipping Delivered) ],
    Delivered => [ 'Delivered' ],
    Cancelled => [ 'Cancelled' ],
);


# Of each state of a user its e-mail and address together are the name.

sub pairs {
    my ($check) = @_;

    my %pairs;

    my $old = $check->{carry}{pairs} // {};

    for my $user (keys %$old) {
        $pairs{$user} = { %{$old->{$user}} };
    }

    for my $d (grep { m,^u/, } keys %{$check->{docs}}) {
        my $at = $check->{docs}{$d}{at};

        $pairs{$d}{$check->{docs}{$d}->text($at->{$_}{b})} = $_ for keys %$at;
    }

    return \%pairs;
}


sub check {
    my ($check) = @_;

    my $pairs = pairs($check);

    for my $d (grep { m,^o/, } sort keys %{$check->{docs}}) {
        my $doc = $check->{docs}{$d};
        my @lives = _lives($check, $doc);

        for my $life (@lives) {
            _steps($check, $doc, $life);
            _follows($check, $doc, $pairs, @{$life->{versions}});
            _bound($check, $doc, $life);
        }
    }
}


# An order that was deleted and made again begins anew.  Without an answer to
# the POST nobody knows where.

sub _lives {
    my ($check, $doc) = @_;

    my @posts = grep { $_->{o} eq 'post' && $_->{k} ne 'fail' } @{$doc->{by}};
    my %made = map { ($_->{v} => $_) } grep { $_->{k} eq 'ok' } @posts;
    my %lost = map { ($_->{f}{productName} => $_) }
        grep { $_->{k} eq 'info' } @posts;
    my @lives = ({ versions => [], sure => 0 });

    for my $v (sort { $a <=> $b } keys %{$doc->{at}}) {
        my $post = $made{$v} // delete $lost{$doc->{at}{$v}{b}{productName}};

        if ($post) {
            push @lives, { versions => [], post => $post };
        }

        push @{$lives[-1]{versions}}, $v;
    }

    # one of those that were not seen may have come in between
    if (%lost) {
        $_->{unsure} = 1 for @lives;
    }

    return grep { @{$_->{versions}} } @lives;
}


sub _steps {
    my ($check, $doc, $life) = @_;

    my $was = 'Pending';

    return if $life->{unsure};

    for my $v (@{$life->{versions}}) {
        my $is = $doc->{at}{$v}{b}{status};

        $check->bad('status', $doc->{d}, Chaos::Check::show($doc->{at}{$v})
            . " is $is, was $was") if !grep { $_ eq $is } @{$after{$was}};
        $was = $is;
    }
}


sub _follows {
    my ($check, $doc, $pairs, @versions) = @_;

    my ($user, $last, $last_v) = ('', 0, 0);
    my $unsure = grep { $_->{o} eq 'post' && $_->{k} eq 'info' } @{$doc->{by}};

    for my $v (@versions) {
        my $op = $doc->{at}{$v};
        my $is = $op->{b};
        my $now = $is->{userId} // '';

        if ($now ne $user) {
            if ($user ne '' && !$unsure) {
                $check->bad('moved', $doc->{d}, Chaos::Check::show($op)
                    . " is of user '$now', was of $user");
            }

            ($user, $last) = ($now, 0);
        }

        next if $user eq '' || !defined $is->{deliveryAddress};

        my $pair = join ' ', $is->{email} // '-', $is->{deliveryAddress};
        my $at = $pairs->{"u/$user"}{$pair};

        if (!defined $at) {
            _torn($check, $doc, $op, "u/$user");
            next;
        }

        if ($at < $last) {
            $check->bad('order-back', $doc->{d}, Chaos::Check::show($op)
                . " shows version $at of $user, version $last_v of it "
                . "showed $last");
        }

        ($last, $last_v) = ($at, $v);
    }
}


# A state of the user that nobody else has seen: of a write without an answer.

sub _torn {
    my ($check, $doc, $op, $user) = @_;

    my $is = $op->{b};
    my $own = grep { !$check->{tokens}{$_}
            || ($check->{tokens}{$_}{d} // $user) ne $user }
        Chaos::Check::tokens({ email => $is->{email},
            deliveryAddress => $is->{deliveryAddress} });

    my @maybe = grep {
        my $f = $_->{f} // {};

        $_->{k} eq 'info' && (($f->{email} // '') eq $is->{email}
            || ($f->{deliveryAddress} // '') eq $is->{deliveryAddress})
    } @{$check->{by}{$user} // []};

    if ($own || !@maybe) {
        $check->bad('torn', $doc->{d}, Chaos::Check::show($op)
            . ": $is->{email} $is->{deliveryAddress} never was $user");
    }
}


# An order by e-mail belongs to somebody who held that address at some time
# between its POST and the first answer that named him.

sub _bound {
    my ($check, $doc, $life) = @_;

    my $post = $life->{post} // return;

    # who held what in an earlier history was judged there
    return if $life->{unsure} || $post->{old} || !defined $post->{f}{email};

    my ($v) = grep { defined $doc->{at}{$_}{b}{userId} } @{$life->{versions}};

    return if !defined $v;

    my $user = 'u/' . $doc->{at}{$v}{b}{userId};
    my $until = min(map { $_->{r} } grep { $_->{v} == $v } @{$doc->{seen}});
    my $key = Chaos::Document::key($post->{f}{email});
    my $of = $check->{docs}{$user};

    my @maybe = grep { $_->{k} eq 'info' && $_->{i} < $until
        && Chaos::Document::key($_->{f}{email}) eq $key }
        @{$check->{by}{$user} // []};

    my @held = grep {
        Chaos::Document::key($of->{at}{$_}{b}{email}) eq $key
        && $of->born($_, $check->{tokens}) <= $until
        && $of->gone($_) >= $post->{i}
    } $of ? keys %{$of->{at}} : ();

    if (!@maybe && !@held) {
        $check->bad('bound-wrong', $doc->{d}, "bound to $user in version $v, "
            . "who did not hold $key then: " . Chaos::Check::show($post));
    }
}


sub step {
    my ($users, $orders) = @_;

    my %user = map { ($_->{userId} => $_) } @$users;
    my (%holder, @wrong);

    for my $user (@$users) {
        my $key = Chaos::Document::key($user->{email});

        push @wrong, "$key is held by $holder{$key} and by $user->{userId}"
            if $holder{$key};
        $holder{$key} = $user->{userId};
    }

    for my $order (@$orders) {
        my $user = $user{$order->{userId} // ''};

        if ($user) {
            push @wrong, map { "order $order->{orderId} of $user->{userId}: "
                    . ($order->{$_} // 'nothing') . ", not $user->{$_}" }
                grep { ($order->{$_} // '') ne $user->{$_} }
                qw(email deliveryAddress);
        } elsif (!defined $order->{userId}) {
            my $key = Chaos::Document::key($order->{email});

            push @wrong, "order $order->{orderId} is not bound to "
                . "$holder{$key}, who holds $key" if $holder{$key};
        }
    }

    return @wrong;
}


1;
