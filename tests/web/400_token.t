#!/usr/bin/perl

# Copyright (C) Ficus authors

# A gateway whose changes need a bearer token.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Ficus::Web;

my $w = Ficus::Web->start;

$w->system->run->write('token', "s3cret-of-the-gateway\n");
$w->configure(sub {
    my $dir = $w->system->dir;

    s,(root "[^"]*/web";),$1\nstrangler_api_token_file "$dir/token";,
        or die "nginx.conf has no root\n";
});

$w->browse('token');
$w->done;
