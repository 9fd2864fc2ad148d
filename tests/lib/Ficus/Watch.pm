package Ficus::Watch;

# Copyright (C) Ficus authors
#
# The module whose accesses to shared memory are watched (tests/locks), for the
# nginx that a test starts after this.
#
# Environment: FICUS_BUILD is where it was built (run.pl sets it).
#
#     my $watch = Ficus::Watch->new($t);
#     my $watch = Ficus::Watch->new($t, $module);     # with a bug, for one
#
#     $watch->reports             what broke a rule: "file.c:12 sh.word is ..."
#     $watch->kill_at($n)         a process is killed in the n-th store to the
#                                 zone from now on, not counting counters
#     $watch->killed              whether that has happened; no more after this

use strict;
use warnings;

use File::Basename qw(basename);


sub new {
    my ($class, $t, $module) = @_;

    my $self = bless {
        t => $t,
        module => $module
            // "$ENV{FICUS_BUILD}/watched/ngx_http_strangler_module.so",
        report => $t->dir . '/watch.report',
        control => $t->write('watch.control', "\0" x 8),
    }, $class;

    $ENV{FICUS_MODULE} = $self->{module};
    $ENV{FICUS_WATCH_REPORT} = $self->{report};
    $ENV{FICUS_WATCH_CONTROL} = $self->{control};

    return $self;
}


sub reports {
    my ($self) = @_;

    my %seen;

    return grep { !$seen{$_}++ } map {
        my ($at, $what) = split ' ', $_, 2;
        my $line = `addr2line -e '$self->{module}' $at`;

        basename($line =~ s/[\s(].*//sr) . " $what";
    } split /\n/, $self->{t}->read('watch.report');
}


sub kill_at {
    my ($self, $n) = @_;

    open my $fh, '+<', $self->{control} or die "$self->{control}: $!";
    syswrite $fh, pack 'q', $n;
    close $fh;
}


sub killed {
    my ($self) = @_;

    my $left = unpack 'q', $self->{t}->read('watch.control');

    $self->kill_at(0);

    return $left == 0;
}


1;
