package Ficus::Web;

# Copyright (C) Ficus authors
#
# The dashboard of a system that runs, in a headless Chromium.
#
#     my $w = Ficus::Web->start;      the system; skips all without a browser
#     $w->browse('weights');          runs tests/web/weights.mjs, whose
#                                     assertions count as ours
#     $w->system                      the Ficus::System
#     $w->configure(sub { ... })      changes the text of nginx.conf in $_ and
#                                     lets nginx read it again
#     $w->done
#
# tests/web/lib/browser.mjs is the other side of it.
#
# Environment: FICUS_WEB_MODULES, where npm has put playwright-core and
# axe-core (default: build/web/node_modules); CHROMIUM, the browser.

use strict;
use warnings;

use Test::More;

use Ficus::HTTP ();
use Ficus::Run qw(root wait_for);
use Ficus::System;


sub start {
    my ($class, %opt) = @_;

    my $modules = $ENV{FICUS_WEB_MODULES} // root() . '/build/web/node_modules';
    my ($chromium) = grep { length && -x } $ENV{CHROMIUM} // '',
        '/usr/bin/chromium';
    my @missing;

    push @missing, 'NODE.JS' if !defined program('node');
    push @missing, 'CHROMIUM' if !defined $chromium;
    push @missing, 'PLAYWRIGHT-CORE' if !-d "$modules/playwright-core";

    plan(skip_all => join(' AND ', @missing) . ' IS MISSING, THE DASHBOARD IS '
        . 'NOT TESTED; ./configure --install-deps && make tests brings it')
        if @missing;

    return bless {
        system => Ficus::System->new(%opt)->start,
        modules => $modules,
        chromium => $chromium,
    }, $class;
}


sub program {
    my ($name) = @_;

    return (grep { -x } map { "$_/$name" } split /:/, $ENV{PATH})[0];
}


sub system { return shift->{system} }


sub browse {
    my ($self, $script) = @_;

    my $s = $self->{system};

    local %ENV = (%ENV,
        FICUS_WEB_MODULES => $self->{modules},
        CHROMIUM => $self->{chromium},
        FICUS_HTTP_PORT => $s->port,
        FICUS_ADMIN_PORT => $s->admin_port,
        TMPDIR => $s->dir);

    open my $out, '-|', 'sh', '-c', 'exec node "$1" 2>&1', 'sh',
        root() . "/tests/web/$script.mjs" or die "node: $!";

    while (my $line = <$out>) {
        chomp $line;

        if ($line =~ /^(not )?ok (.*)/) {
            ok(!$1, "$script: $2");

        } else {
            diag($line);
        }
    }

    close $out;
    is($?, 0, "$script came to its end");
}


sub configure {
    my ($self, $edit) = @_;

    my $s = $self->{system};
    my $run = $s->run;
    my $log = length $s->run->log('nginx.log');

    local $_ = $run->read('conf/nginx.conf');
    $edit->();
    $run->write('conf/nginx.conf', $_);
    $s->kill('nginx', 'HUP');

    wait_for(10, sub {
        substr($run->log('nginx.log'), $log) =~ /start worker processes/
            && substr($run->log('nginx.log'), $log) =~ /gracefully shutting/;
    }) or fail('nginx has read its configuration again');
}


sub done { return shift->{system}->done }


1;
