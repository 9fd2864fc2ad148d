#!/usr/bin/perl

# Copyright (C) Ficus authors

# strangler_ready.  (What a lost state directory does to it is in
# 420_state_unwritable.t.)

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Test::More;

use Ficus::HTTP qw(get request);
use Ficus::Nginx;
use Ficus::Run;
use Ficus::Split;

my $t = Ficus::Run->new(allow => [ qr/corrupt/ ]);
my $nginx = Ficus::Nginx->new($t, <<'EOC');

%%GLOBALS%%
http {
    %%HTTP%%

    upstream nobody { server 127.0.0.1:%%PORT_9%%; }
    upstream users_v2 { server 127.0.0.1:%%PORT_9%%; }

    upstream users {
        strangler zone=users:512k state=%%DIR%%/state;
        arm v1=nobody weight=60;
        arm v2=users_v2;
    }

    upstream other {
        strangler zone=users;
        arm v1=nobody weight=60;
        arm v2=users_v2;
    }

    %%ADMIN%%
}
EOC

mkdir $t->dir . '/state';
$nginx->start;

my $r = get($t->port(1), '/readyz');

is($r->{status}, 200, 'ready, though no arm is');
is($r->{headers}{'content-type'}, 'application/json', 'type');
is($r->{json}{status}, 'ok', 'status');
is(ref $r->{json}{checks}, 'HASH', 'checks');
like($r->{body}, qr/users/, 'checks name the split');
unlike($r->{body}, qr/\Q@{[$t->dir]}/, 'no path');
is(request($t->port(1), 'HEAD', '/readyz')->{status}, 200, 'HEAD');
is(request($t->port(1), 'POST', '/readyz', body => '')->{status}, 405, 'POST');

$nginx->stop;
$t->write('state/users.state', 'rubbish');
$nginx->start;
$r = get($t->port(1), '/readyz');
is($r->{status}, 200, 'after a corrupt state file');

$t->done;
