#!/usr/bin/perl

# Copyright (C) Ficus authors

# The checker finds in a history made by hand what is wrong with it, and in a
# good one nothing.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib", "$FindBin::Bin/lib";

use Test::More;

use Chaos::Bugs;
use Chaos::Check;

my @gateway = ([ -100, 1000 ]);


# A line of a history:
#
#     FROM-TO CLIENT WHAT DOCUMENT [FIELD=VALUE ...] [if=VERSION] > ANSWER
#
# ANSWER is VERSION [FIELD=VALUE ...], gone (404), fail, or nothing; of a
# DELETE the content that it deleted, after `was'.

good('a life', <<'EOT');
0-1   1 post u/a email=x@y.z deliveryAddress=a1.1 > 1
2-3   2 get u/a > 1 email=x@y.z deliveryAddress=a1.1
2-4   1 put u/a deliveryAddress=a1.2 > 2 email=x@y.z
3-5   2 get u/a > 1 email=x@y.z deliveryAddress=a1.1
3-5   3 get u/a > 2 email=x@y.z deliveryAddress=a1.2
6-7   1 patch u/a email=e1.3@y.z if=2 > 3 deliveryAddress=a1.2
8-9   2 del u/a > was email=e1.3@y.z deliveryAddress=a1.2
10-11 2 get u/a > gone
12-13 3 post u/a email=x@y.z deliveryAddress=a3.2 > 5
14-15 F get u/a > 5 email=x@y.z deliveryAddress=a3.2
EOT

good('writes without an answer, done or not', <<'EOT');
0-1   1 post u/a email=x@y.z deliveryAddress=a1.1 > 1
2-6   1 put u/a deliveryAddress=a1.2 > nothing
2-6   2 put u/a deliveryAddress=a2.1 > nothing
10-11 F get u/a > 2 email=x@y.z deliveryAddress=a2.1
EOT

good('a delete without an answer', <<'EOT');
0-1   1 post u/a email=x@y.z deliveryAddress=a1.1 > 1
2-6   1 del u/a > nothing
3-4   2 get u/a > 1 email=x@y.z deliveryAddress=a1.1
5-6   2 get u/a > gone
7-8   2 post u/a email=x@y.z deliveryAddress=a2.1 > 3
9-10  F get u/a > 3 email=x@y.z deliveryAddress=a2.1
EOT

good('a read beside a write may be either', <<'EOT');
0-1   1 post u/a email=x@y.z deliveryAddress=a1.1 > 1
2-5   1 del u/a if=1 > was email=x@y.z deliveryAddress=a1.1
3-4   2 get u/a > gone
3-6   3 get u/a > 1 email=x@y.z deliveryAddress=a1.1
9-10  F get u/a > gone
EOT

good('an order that follows', <<'EOT');
0-1   1 post u/a email=x@y.z deliveryAddress=a1.1 > 1
2-3   1 post o/1 productName=t1.2 email=x@y.z > 1 status=Pending userId=a deliveryAddress=a1.1
4-5   1 put u/a deliveryAddress=a1.3 > 2 email=x@y.z
6-7   1 put o/1 status=Processing > 2 productName=t1.2 userId=a email=x@y.z deliveryAddress=a1.1
8-9   2 get o/1 > 3 productName=t1.2 userId=a email=x@y.z deliveryAddress=a1.3 status=Processing
9-10  F get u/a > 2 email=x@y.z deliveryAddress=a1.3
9-10  F get o/1 > 3 productName=t1.2 userId=a email=x@y.z deliveryAddress=a1.3 status=Processing
EOT

good('an address that changes hands', <<'EOT');
0-1   1 post u/a email=x@y.z deliveryAddress=a1.1 > 1
2-3   1 put u/a email=e1.2@y.z > 2 deliveryAddress=a1.1
4-5   2 post u/b email=x@Y.z deliveryAddress=a2.1 > 1
6-7   1 post o/1 productName=t1.3 email=x@y.z > 1 status=Pending userId=b email=x@Y.z deliveryAddress=a2.1
8-9   F get u/a > 2 email=e1.2@y.z deliveryAddress=a1.1
8-9   F get u/b > 1 email=x@Y.z deliveryAddress=a2.1
8-9   F get o/1 > 1 productName=t1.3 status=Pending userId=b email=x@Y.z deliveryAddress=a2.1
EOT

bad('lost', 'an acknowledged change is not there', <<'EOT');
0-1   1 post u/a email=x@y.z deliveryAddress=a1.1 > 1
2-3   1 put u/a deliveryAddress=a1.2 > 2 email=x@y.z
4-5   F get u/a > 1 email=x@y.z deliveryAddress=a1.1
EOT

bad('lost', 'an acknowledged user is not there', <<'EOT');
0-1   1 post u/a email=x@y.z deliveryAddress=a1.1 > 1
4-5   F get u/a > gone
EOT

bad('lost', 'an acknowledged order is not there', <<'EOT');
0-1   1 post o/1 productName=t1.1 userId=a > 1 status=Pending
4-5   F get o/1 > gone
EOT

bad('two-contents', 'two writes got one version', <<'EOT');
0-1   1 post u/a email=x@y.z deliveryAddress=a1.1 > 1
2-5   1 put u/a deliveryAddress=a1.2 > 2 email=x@y.z
3-4   2 put u/a deliveryAddress=a2.1 > 2 email=x@y.z
6-7   F get u/a > 2 email=x@y.z deliveryAddress=a1.2
EOT

bad('two-contents', 'two changes under one condition', <<'EOT');
0-1   1 post u/a email=x@y.z deliveryAddress=a1.1 > 1
2-5   1 put u/a deliveryAddress=a1.2 if=1 > 2 email=x@y.z
3-4   2 put u/a email=e2.1@y.z if=1 > 2 deliveryAddress=a1.1
6-7   F get u/a > 2 email=x@y.z deliveryAddress=a1.2
EOT

bad('lost-update', 'a condition that did not hold', <<'EOT');
0-1   1 post u/a email=x@y.z deliveryAddress=a1.1 > 1
2-3   1 put u/a deliveryAddress=a1.2 > 2 email=x@y.z
4-5   2 put u/a deliveryAddress=a2.1 if=1 > 3 email=x@y.z
6-7   F get u/a > 3 email=x@y.z deliveryAddress=a2.1
EOT

bad('merge', 'a change that took another back', <<'EOT');
0-1   1 post u/a email=x@y.z deliveryAddress=a1.1 > 1
2-3   1 put u/a email=e1.2@y.z > 2 deliveryAddress=a1.1
4-5   2 put u/a deliveryAddress=a2.1 > 3 email=x@y.z
6-7   F get u/a > 3 email=x@y.z deliveryAddress=a2.1
EOT

bad('went-back', 'one reader saw a version and then an older one', <<'EOT');
0-1   1 post u/a email=x@y.z deliveryAddress=a1.1 > 1
2-9   1 put u/a deliveryAddress=a1.2 > 2 email=x@y.z
3-4   2 get u/a > 2 email=x@y.z deliveryAddress=a1.2
5-6   2 get u/a > 1 email=x@y.z deliveryAddress=a1.1
10-11 F get u/a > 2 email=x@y.z deliveryAddress=a1.2
EOT

bad('stale', 'a reader saw less than was acknowledged', <<'EOT');
0-1   1 post u/a email=x@y.z deliveryAddress=a1.1 > 1
2-3   1 put u/a deliveryAddress=a1.2 > 2 email=x@y.z
5-6   2 get u/a > 1 email=x@y.z deliveryAddress=a1.1
10-11 F get u/a > 2 email=x@y.z deliveryAddress=a1.2
EOT

bad('stale', 'who is there was not found', <<'EOT');
0-1   1 post u/a email=x@y.z deliveryAddress=a1.1 > 1
5-6   2 get u/a > gone
10-11 F get u/a > 1 email=x@y.z deliveryAddress=a1.1
EOT

bad('came-back', 'an old state under a new version', <<'EOT');
0-1   1 post u/a email=x@y.z deliveryAddress=a1.1 > 1
2-3   1 put u/a deliveryAddress=a1.2 > 2 email=x@y.z
4-5   2 put u/a email=e2.1@y.z > nothing
10-11 F get u/a > 3 email=x@y.z deliveryAddress=a1.1
EOT

bad('undeleted', 'who was deleted is there again', <<'EOT');
0-1   1 post u/a email=x@y.z deliveryAddress=a1.1 > 1
2-3   1 del u/a > was email=x@y.z deliveryAddress=a1.1
10-11 F get u/a > 1 email=x@y.z deliveryAddress=a1.1
EOT

bad('undeleted', 'a change of who was deleted', <<'EOT');
0-1   1 post u/a email=x@y.z deliveryAddress=a1.1 > 1
2-3   1 del u/a if=1 > was email=x@y.z deliveryAddress=a1.1
4-5   1 put u/a deliveryAddress=a1.3 > 3 email=x@y.z
10-11 F get u/a > 3 email=x@y.z deliveryAddress=a1.3
EOT

bad('not-raised', 'versions began anew after a delete', <<'EOT');
0-1   1 post u/a email=x@y.z deliveryAddress=a1.1 > 1
2-3   1 del u/a > was email=x@y.z deliveryAddress=a1.1
4-5   1 post u/a email=x@y.z deliveryAddress=a1.3 > 2
10-11 F get u/a > 2 email=x@y.z deliveryAddress=a1.3
EOT

bad('stale', 'versions began at 1 after a delete', <<'EOT');
0-1   1 post u/a email=x@y.z deliveryAddress=a1.1 > 1
2-3   1 del u/a > was email=x@y.z deliveryAddress=a1.1
4-5   1 post u/a email=x@y.z deliveryAddress=a1.3 > 1
10-11 F get u/a > 1 email=x@y.z deliveryAddress=a1.3
EOT

bad('made-twice', 'made over one who is there', <<'EOT');
0-1   1 post u/a email=x@y.z deliveryAddress=a1.1 > 1
4-5   2 post u/a email=x@y.z deliveryAddress=a2.1 > 2
10-11 F get u/a > 2 email=x@y.z deliveryAddress=a2.1
EOT

bad('invented', 'a value that nobody wrote', <<'EOT');
0-1   1 post u/a email=x@y.z deliveryAddress=a1.1 > 1
10-11 F get u/a > 2 email=x@y.z deliveryAddress=a7.7
EOT

bad('invented', 'a value of a write that was refused', <<'EOT');
0-1   1 post u/a email=x@y.z deliveryAddress=a1.1 > 1
2-3   1 put u/a deliveryAddress=a1.2 > fail
10-11 F get u/a > 2 email=x@y.z deliveryAddress=a1.2
EOT

bad('invented', 'a value before it was written', <<'EOT');
0-1   1 post u/a email=x@y.z deliveryAddress=a1.1 > 1
2-3   2 get u/a > 2 email=x@y.z deliveryAddress=a1.2
4-5   1 put u/a deliveryAddress=a1.2 > 2 email=x@y.z
10-11 F get u/a > 2 email=x@y.z deliveryAddress=a1.2
EOT

bad('invented', 'a value of another user', <<'EOT');
0-1   1 post u/a email=x@y.z deliveryAddress=a1.1 > 1
0-1   2 post u/b email=w@y.z deliveryAddress=a2.1 > 1
2-3   2 put u/b deliveryAddress=a2.2 > nothing
10-11 F get u/a > 2 email=x@y.z deliveryAddress=a2.2
10-11 F get u/b > 1 email=w@y.z deliveryAddress=a2.1
EOT

bad('unexplained', 'a write that was done twice', <<'EOT');
0-1   1 post u/a email=x@y.z deliveryAddress=a1.1 > 1
2-3   1 put u/a deliveryAddress=a1.2 > 3 email=x@y.z
10-11 F get u/a > 3 email=x@y.z deliveryAddress=a1.2
EOT

bad('differs', 'an answer that is not what was asked', <<'EOT');
0-1   1 post u/a email=x@y.z deliveryAddress=a1.1 > 1 email=w@y.z
10-11 F get u/a > 1 email=w@y.z deliveryAddress=a1.1
EOT

bad('two-holders', 'an address with two holders', <<'EOT');
0-1   1 post u/a email=x@y.z deliveryAddress=a1.1 > 1
2-3   2 post u/b email=x@Y.Z deliveryAddress=a2.1 > 1
10-11 F get u/a > 1 email=x@y.z deliveryAddress=a1.1
10-11 F get u/b > 1 email=x@Y.Z deliveryAddress=a2.1
EOT

my $two = <<'EOT';
0-1   1 post u/a email=x@y.z deliveryAddress=a1.1 > 1
2-3   1 put u/a email=e1.2@y.z > 2 deliveryAddress=a1.1
4-5   1 put u/a deliveryAddress=a1.3 > 3 email=e1.2@y.z
EOT

bad('order-back', 'an order that shows an older state of its user', <<"EOT");
$two
0-1   1 post o/1 productName=t1.4 userId=a > 1 status=Pending
6-7   2 get o/1 > 2 productName=t1.4 userId=a status=Pending email=e1.2\@y.z deliveryAddress=a1.3
8-9   3 get o/1 > 3 productName=t1.4 userId=a status=Pending email=x\@y.z deliveryAddress=a1.1
10-11 F get o/1 > 4 productName=t1.4 userId=a status=Pending email=e1.2\@y.z deliveryAddress=a1.3
10-11 F get u/a > 3 email=e1.2\@y.z deliveryAddress=a1.3
EOT

bad('torn', 'an order with halves of two states', <<"EOT");
$two
0-1   1 post o/1 productName=t1.4 userId=a > 1 status=Pending
6-7   2 get o/1 > 2 productName=t1.4 userId=a status=Pending email=x\@y.z deliveryAddress=a1.3
10-11 F get o/1 > 3 productName=t1.4 userId=a status=Pending email=e1.2\@y.z deliveryAddress=a1.3
10-11 F get u/a > 3 email=e1.2\@y.z deliveryAddress=a1.3
EOT

bad('moved', 'an order that changed its user', <<"EOT");
$two
0-1   2 post u/b email=w\@y.z deliveryAddress=a2.1 > 1
6-7   1 post o/1 productName=t1.4 userId=a > 1 status=Pending email=e1.2\@y.z deliveryAddress=a1.3
10-11 F get o/1 > 2 productName=t1.4 userId=b status=Pending email=w\@y.z deliveryAddress=a2.1
10-11 F get u/a > 3 email=e1.2\@y.z deliveryAddress=a1.3
10-11 F get u/b > 1 email=w\@y.z deliveryAddress=a2.1
EOT

bad('status', 'an order that goes a step back', <<'EOT');
0-1   1 post o/1 productName=t1.1 userId=a > 1 status=Pending
2-3   1 put o/1 status=Processing > 2 productName=t1.1 userId=a
4-5   2 put o/1 status=Shipping > nothing
6-7   1 put o/1 status=Cancelled > 4 productName=t1.1 userId=a
10-11 F get o/1 > 5 productName=t1.1 userId=a status=Processing
EOT

bad('bound-wrong', 'an order bound to who held the address before', <<"EOT");
$two
6-7   2 post u/b email=x\@y.z deliveryAddress=a2.1 > 1
8-9   1 post o/1 productName=t1.4 email=x\@y.z > 1 status=Pending userId=a email=e1.2\@y.z deliveryAddress=a1.3
10-11 F get o/1 > 1 productName=t1.4 status=Pending userId=a email=e1.2\@y.z deliveryAddress=a1.3
10-11 F get u/a > 3 email=e1.2\@y.z deliveryAddress=a1.3
10-11 F get u/b > 1 email=x\@y.z deliveryAddress=a2.1
EOT

bad('hung', 'a request without an end', <<'EOT');
0-9   1 get u/a > nothing
10-11 F get u/a > gone
EOT

judged('no-answer', 'no answer while nothing happened', [], <<'EOT');
0-1   1 get u/a > nothing
10-11 F get u/a > gone
EOT

bad('unread', 'what could not be read at the end', <<'EOT');
0-1   1 post u/a email=x@y.z deliveryAddress=a1.1 > 1
EOT

later('', 'writes without an answer, long before', <<'EOT', <<'EOT2', <<'EOT3', <<'EOT4');
0-1   1 post u/a email=x@y.z deliveryAddress=a1.1 > 1
2-6   1 put u/a deliveryAddress=a1.2 > nothing
7-8   1 del u/a > was email=x@y.z deliveryAddress=a1.2
9-10  F get u/a > gone
EOT
20-21 F get u/a > gone
EOT2
30-31 F get u/a > gone
EOT3
40-41 1 post u/a email=x@y.z deliveryAddress=a1.3 > 4
50-51 F get u/a > 4 email=x@y.z deliveryAddress=a1.3
EOT4

later('unexplained', 'more versions than such writes', <<'EOT', <<'EOT2', <<'EOT3');
0-1   1 post u/a email=x@y.z deliveryAddress=a1.1 > 1
2-6   1 put u/a deliveryAddress=a1.2 > nothing
7-8   1 del u/a > was email=x@y.z deliveryAddress=a1.2
9-10  F get u/a > gone
EOT
20-21 F get u/a > gone
EOT2
40-41 1 post u/a email=x@y.z deliveryAddress=a1.3 > 5
50-51 F get u/a > 5 email=x@y.z deliveryAddress=a1.3
EOT3

later('lost', 'an earlier write is not there any more', <<'EOT', <<'EOT');
0-1   1 post u/a email=x@y.z deliveryAddress=a1.1 > 1
2-3   F get u/a > 1 email=x@y.z deliveryAddress=a1.1
EOT
20-21 F get u/a > gone
EOT

later('', 'an earlier write that comes late', <<'EOT', <<'EOT');
0-1   1 post u/a email=x@y.z deliveryAddress=a1.1 > 1
1-2   1 put u/a deliveryAddress=a1.2 > nothing
2-3   F get u/a > 1 email=x@y.z deliveryAddress=a1.1
EOT
20-21 F get u/a > 2 email=x@y.z deliveryAddress=a1.2
EOT

later('stale', 'versions that began anew later', <<'EOT', <<'EOT');
0-1   1 post u/a email=x@y.z deliveryAddress=a1.1 > 1
2-3   1 del u/a > was email=x@y.z deliveryAddress=a1.1
4-5   F get u/a > gone
EOT
20-21 1 post u/a email=x@y.z deliveryAddress=a1.3 > 1
22-23 F get u/a > 1 email=x@y.z deliveryAddress=a1.3
EOT

# What carried a key: each line is an answer, the lists are what is there.

once('', 'a key', { k => 'ok', s => 201, b => { orderId => 'x' } });
once('', 'unknown, and not there', { k => 'info', s => 503 }, 0);
once('', 'unknown, and there', { k => 'info', s => 503 });
once('', 'repeated', map { { k => $_, s => $_ eq 'ok' ? 201 : 0,
    b => { orderId => 'x' } } } qw(info ok ok));
once('made-twice', 'two answers', map { { k => 'ok', s => 201,
    b => { orderId => $_ } } } qw(x y));
once('made-twice', 'two orders', { k => 'info', s => 503 }, 2);
once('lost', 'none', { k => 'ok', s => 201, b => { orderId => 'x' } }, 0);
once('answer', 'a refusal', { k => 'fail', s => 409 });

step('', 'in step', [ a => 'x@y.z', 1 ], [ 1, 'a', 'x@y.z', 1 ]);
step('', 'of a deleted user', [], [ 1, 'a', 'x@y.z', 1 ]);
step('not 2', 'behind', [ a => 'x@y.z', 2 ], [ 1, 'a', 'x@y.z', 1 ]);
step('nothing', 'not filled', [ a => 'x@y.z', 2 ], [ 1, 'a' ]);
step('not bound', 'not bound', [ a => 'x@y.z', 2 ], [ 1, undef, 'x@Y.z' ]);

for my $name (Chaos::Bugs::names()) {
    is(join('', Chaos::Bugs::unfit($name, "$FindBin::Bin/../..")), '',
        "bug: $name can be built");
}

my $hooks = `grep -rl 'FICUS_BUG' $FindBin::Bin/../../shared \\
    $FindBin::Bin/../../workers $FindBin::Bin/../../common`;

is($hooks, '', 'no source has a bug on purpose');

done_testing();


sub history {
    my ($text) = @_;

    my @ops;

    for my $line (grep { /\S/ } split /\n/, $text) {
        my ($asked, $answer) = split / > /, $line;
        my ($time, $c, $o, $d, @f) = split ' ', $asked;
        my ($i, $r) = split /-/, $time;
        my %f = map { split /=/, $_, 2 } @f;
        my $op = { c => $c, n => scalar @ops, o => $o, d => $d, i => $i,
            r => $r, k => 'ok', s => 200 };

        $op->{m} = delete $f{if} if $f{if};
        $op->{f} = \%f if %f;

        my ($v, @b) = split ' ', $answer;

        if ($v eq 'gone' || $v eq 'fail') {
            @$op{qw(k s)} = ('fail', $v eq 'gone' ? 404 : 409);
        } elsif ($v eq 'nothing') {
            @$op{qw(k s)} = ('info', 0);
        } else {
            $op->{v} = $v if $v ne 'was';
            $op->{b} = { %f, map { split /=/, $_, 2 } @b };
        }

        push @ops, $op;
    }

    return \@ops;
}


# The lists agree with the last reads.

sub check {
    my ($text, $gateway, $carry) = @_;

    my $ops = history($text);
    my %last = map { ($_->{d} => $_) } grep { $_->{c} eq 'F' } @$ops;
    my (@users, @orders);

    for my $d (grep { $last{$_}{b} } keys %last) {
        my ($kind, $id) = split /\//, $d;

        push @{$kind eq 'u' ? \@users : \@orders}, { %{$last{$d}{b}},
            $kind eq 'u' ? (userId => $id) : (orderId => $id) };
    }

    return Chaos::Check->new(ops => $ops, gateway => $gateway,
        carry => $carry // {},
        lists => { users => \@users, orders => \@orders });
}


sub kinds {
    my %kinds = map { ($_->[0] => 1) } @_;

    return join ' ', sort keys %kinds;
}


sub good {
    my ($name, $text) = @_;

    my @found = check($text, \@gateway)->run;

    is(kinds(@found), '', "good: $name") or diag(explain(\@found));
}


sub bad {
    my ($kind, $name, $text) = @_;

    judged($kind, $name, \@gateway, $text);
}


sub judged {
    my ($kind, $name, $gateway, $text) = @_;

    my @found = check($text, $gateway)->run;

    ok(scalar(grep { $_->[0] eq $kind } @found), "$kind: $name")
        or diag(explain(\@found));
}


sub later {
    my ($kind, $name, @texts) = @_;

    my $last = pop @texts;
    my $carry;

    for my $text (@texts) {
        my $before = check($text, \@gateway, $carry);

        is(kinds($before->run), '', "$name: good at first");
        $carry = $before->carry;
    }

    my @found = check($last, \@gateway, $carry)->run;

    if ($kind eq '') {
        is(kinds(@found), '', "good: $name") or diag(explain(\@found));
    } else {
        ok(scalar(grep { $_->[0] eq $kind } @found), "$kind: $name")
            or diag(explain(\@found));
    }
}


sub once {
    my ($kind, $name, @ops) = @_;

    my $there = ref $ops[-1] ? 1 : pop @ops;
    my $i = 0;

    my @found = Chaos::Check->new(gateway => \@gateway,
        ops => [ map { { o => 'once', d => 'k/k1.1', c => 1, n => $i, v => 1,
            i => $i++, r => $i, %$_ } } @ops ],
        lists => { users => [], orders => [
            map { { orderId => $_, productName => 'k1.1' } } 1 .. $there ] }
        )->run;

    is(kinds(@found), $kind, "once: $name") or diag(explain(\@found));
}


sub step {
    my ($like, $name, $user, $order) = @_;

    my (%user, %order);

    @user{qw(userId email deliveryAddress)} = @$user if @$user;
    @order{qw(orderId userId email deliveryAddress)} = @$order;

    my @wrong = Chaos::Check::Orders::step([ @$user ? \%user : () ],
        [ \%order ]);

    if ($like eq '') {
        is("@wrong", '', "step: $name");
    } else {
        like("@wrong", qr/\Q$like\E/, "step: $name");
    }
}
