#!/usr/bin/perl

# Copyright (C) Ficus authors

# Upgrade of the binary (USR2): the new master finds the weights.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Test::More;

use Ficus::HTTP qw(get);
use Ficus::Nginx;
use Ficus::Run qw(wait_for);
use Ficus::Split;

my $t = Ficus::Run->new;
my $nginx = Ficus::Nginx->new($t, <<'EOC');

%%GLOBALS%%
http {
    %%HTTP%%
    %%ARMS%%

    upstream users {
        strangler zone=users:256k state=%%DIR%%/state;
        arm v1=users_v1 weight=60;
        arm v2=users_v2;
    }

    server {
        listen 127.0.0.1:%%PORT_0%%;
        location / { proxy_pass http://users; }
        location = /generation { return 200 $strangler_users_generation; }
    }

    server {
        listen 127.0.0.1:%%PORT_1%%;
        location /api/v1/ { strangler_api; add_header X-Pid $pid; }
    }
}
EOC

mkdir $t->dir . '/state';

# nginx obeys USR2 only when its parent is not the one that started it.

$nginx->start_orphan;

my $users = Ficus::Split->new($t->port(1), 'users');
my $old = $nginx->master;

is($users->p(37)->{status}, 200, 'change');

kill 'USR2', $old;
ok(wait_for(10, sub { $nginx->master != $old && $nginx->workers }),
    'a new master') or diag($nginx->log);

# Both serve now, and both may be asked to change.  The last one that is asked
# is the old one.

my %new = map { $_ => 1 } $nginx->workers;
my (@answers, %by);

do {
    my $r = $users->p(40 + @answers % 20);

    push @answers, $r;
    $by{$new{$r->{headers}{'x-pid'} // 0} ? 'new' : 'old'}++;

} until @answers == 500 || ($by{new} && $by{old}
    && !$new{$answers[-1]{headers}{'x-pid'}});

my $last = 'v1=' . (40 + $#answers % 20) . ' v2=' . (60 - $#answers % 20);

is(join(' ', sort keys %by), 'new old', 'both were asked');
is(scalar(grep { $_->{status} != 200 } @answers), 0,
    'changes while both serve');
is(join(' ', map { $_->{json}{generation} } @answers),
    join(' ', 3 .. 2 + @answers), 'each on top of the other');

my ($writer) = $t->read('state/users.ledger') =~ /^writer (\d+)$/m;

kill 'QUIT', $old;
ok(wait_for(10, sub { !kill 0, $old }), 'the old one has gone');
like($t->read('state/users.ledger'), qr/^writer $writer$/m,
    'and has left the ledger to the new one');
ok(wait_for(5, sub {
    get($t->port(0), '/generation')->{body}
        == $answers[-1]{json}{generation};
}), 'requests go by the last change');
is($users->configured, $last, 'the last change is there');
is($users->history->[1]{generation}, $answers[-2]{json}{generation},
    'and the history before it');
is($users->p(12)->{status}, 200, 'change by the new one');
is(get($t->port(0), '/')->{status}, 200, 'serves');

kill 'TERM', $nginx->master;
$t->done;
