package Ficus::Nginx;

# Copyright (C) Ficus authors
#
# An nginx with the module, run for a test.
#
#     my $t = Ficus::Run->new;
#     my $nginx = Ficus::Nginx->new($t, <<'EOF')->start;
#
#     %%GLOBALS%%
#     http {
#         %%HTTP%%
#         upstream users { strangler zone=users:256k; ... }
#         server { listen 127.0.0.1:%%PORT_0%%; ... }
#     }
#
# %%GLOBALS%% loads the module, sets daemon, user, pid, error_log, events, and
# env (what a sanitizer needs in the processes that nginx starts);
# %%HTTP%% the temporary paths; %%ARMS%% defines the upstreams users_v1 and
# users_v2, two servers in the same nginx (PORT_2, PORT_3) that answer "v1" and
# "v2"; %%ADMIN%% is a server on PORT_1 with /api/v1/, /metrics and /readyz (with
# reuseport, so that all worker processes are asked).
# %%MODULE%% and what Ficus::Run expands may be used too.
#
#     Ficus::Nginx->new($t, $text, connections => 40)   worker_connections, 512
#     $nginx->conf($text)         writes another configuration
#     $nginx->check($text)        `nginx -t`: (exit status, what it printed)
#     $nginx->start               waits until it listens; returns itself
#     $nginx->start_orphan        start, under a parent that ends (for USR2)
#     $nginx->reload              waits until only new worker processes serve
#     $nginx->signal('HUP')       to the master
#     $nginx->stop                TERM
#     $nginx->restart             stop, then start
#     $nginx->kill                SIGKILL to the master and all its workers
#     $nginx->master, ->workers, ->children       process ids; a worker that is
#                                 about to finish is a child, but no worker
#     $nginx->log                 the error log so far
#     $nginx->preload($path)      a shared object for the next start
#
# Environment: FICUS_NGINX is the program (default: from PATH or /usr/sbin),
# FICUS_MODULE the module (default: build/ngx_http_strangler_module.so),
# FICUS_SANITIZE=1 preloads the libasan that the module was linked with.

use strict;
use warnings;

use Cwd qw(abs_path);
use POSIX ();
use Test::More;

use Ficus::Run qw(wait_for root group);

my $count = 0;      # several nginxes may run in one test


sub new {
    my ($class, $t, $conf, %opt) = @_;

    my $self = bless {
        t => $t,
        name => $count++ ? "nginx-$count" : 'nginx',
        runs => 0,
        connections => $opt{connections} // 512,
        program => _program(),
        module => abs_path($ENV{FICUS_MODULE}
            // root() . '/build/ngx_http_strangler_module.so'),
    }, $class;

    if (!defined $self->{module} || !-e $self->{module}) {
        die "no module; build it or set FICUS_MODULE\n";
    }

    $self->conf($conf) if defined $conf;

    return $self;
}


sub _program {
    return $ENV{FICUS_NGINX} if defined $ENV{FICUS_NGINX};

    for my $dir (split(/:/, $ENV{PATH}), '/usr/sbin') {
        return "$dir/nginx" if -f "$dir/nginx" && -x _;
    }

    die "no nginx in PATH; set FICUS_NGINX\n";
}


sub conf {
    my ($self, $text) = @_;

    $self->{t}->write("$self->{name}.conf", $self->_expand($text, 'logs'));
}


sub _expand {
    my ($self, $text, $logs) = @_;

    my $name = $self->{name};
    my $user = $> == 0 ? 'user root root;' : '';

    $text =~ s/%%GLOBALS%%/
        load_module %%MODULE%%;
        daemon off;
        $user
        pid %%DIR%%\/$name.pid;
        env LD_PRELOAD;
        env ASAN_OPTIONS;
        env UBSAN_OPTIONS;
        error_log %%DIR%%\/$logs\/$name-error.log info;
        worker_shutdown_timeout 10s;
        events { worker_connections $self->{connections}; }/g;

    my $paths = join "\n", map {
        "        ${_}_temp_path %%DIR%%/$name-$_;"
    } qw(client_body proxy fastcgi uwsgi scgi);

    $text =~ s/%%HTTP%%/access_log off; keepalive_requests 100000;\n$paths/g;

    $text =~ s/%%ARMS%%/
        upstream users_v1 { server 127.0.0.1:%%PORT_2%%; }
        upstream users_v2 { server 127.0.0.1:%%PORT_3%%; }
        server { listen 127.0.0.1:%%PORT_2%%; return 200 v1; }
        server { listen 127.0.0.1:%%PORT_3%%; return 200 v2; }/g;

    $text =~ s/%%ADMIN%%/
        server {
            listen 127.0.0.1:%%PORT_1%% reuseport;
            location \/api\/v1\/ { strangler_api; }
            location = \/metrics { strangler_metrics; }
            location = \/readyz { strangler_ready; }
        }/g;

    $text =~ s/%%MODULE%%/$self->{module}/g;

    return $text;
}


sub check {
    my ($self, $text) = @_;

    mkdir $self->{t}->dir . '/check';

    my $path = $self->{t}->write('check/nginx.conf',
        $self->_expand($text, 'check'));
    my $out = $self->{t}->dir . '/check/output';
    my $pid = fork() // die "fork: $!";

    if ($pid == 0) {
        open STDOUT, '>', $out;
        open STDERR, '>&', \*STDOUT;
        $ENV{LD_PRELOAD} = $self->_preload // '';
        { exec { $self->{program} } $self->{program}, '-t',
            '-p', $self->{t}->dir, '-c', $path,
            '-e', $self->{t}->dir . '/check/early.log'; }
        POSIX::_exit(127);
    }

    waitpid $pid, 0;

    return ($? >> 8 || $? & 127, $self->{t}->read('check/output'));
}


sub _preload {
    my ($self) = @_;

    my @objects = @{$self->{objects} // []};

    if ($ENV{FICUS_SANITIZE}) {
        my $libs = `ldd '$self->{module}'`;
        unshift @objects, $libs =~ /lib(?:clang_rt\.)?asan\S* => (\S+)/;
    }

    return @objects ? join ' ', @objects : undef;
}


sub preload {
    my ($self, $path) = @_;

    push @{$self->{objects}}, $path;
}


sub start {
    my ($self) = @_;

    my $t = $self->{t};
    my $name = $self->{name};

    $self->{process} = $self->{runs}++ ? "$name-$self->{runs}" : $name;

    $t->spawn($self->{process},
        command => [ $self->_command ],
        env => { LD_PRELOAD => $self->_preload },
        timeout => 30,
        ready => sub {
            $t->read("$name.pid") eq $t->pid($self->{process}) . "\n"
                && $self->workers;
        });

    return $self;
}


sub start_orphan {
    my ($self) = @_;

    $self->{process} = "$self->{name}-parent";
    $self->{orphan} = 1;

    $self->{t}->spawn($self->{process},
        env => { LD_PRELOAD => $self->_preload },
        command => [ 'sh', '-c', '"$@" & while [ ! -e "$0" ]; do sleep 0.1; done',
            $self->{t}->dir . '/up', $self->_command ],
        timeout => 30,
        ready => sub { $self->master && $self->workers });

    $self->{t}->write('up', '');
    $self->{t}->forget($self->{process});

    return $self;
}


sub _command {
    my ($self) = @_;

    my ($dir, $name) = ($self->{t}->dir, $self->{name});

    return ($self->{program}, '-p', $dir, '-c', "$dir/$name.conf",
        '-e', "$dir/logs/$name-early.log");
}


sub reload {
    my ($self) = @_;

    my %old = map { $_ => 1 } $self->workers;
    $self->signal('HUP');

    my $ok = wait_for(30, sub {
        my @now = $self->workers;
        return @now && !grep { $old{$_} } @now;
    });

    $ok or fail('nginx reloaded');
}


sub signal {
    my ($self, $signal) = @_;

    return kill $signal, $self->master;
}


sub stop {
    my ($self, $signal) = @_;

    return $self->{t}->stop($self->{process}, $signal);
}


sub restart {
    my ($self) = @_;

    $self->stop;

    return $self->start;
}


sub kill {
    my ($self) = @_;

    my $master = $self->master;

    CORE::kill('KILL', $master, $self->children);
    $self->{t}->forget($self->{process});

    wait_for(10, sub { !group($master) }) or die 'nginx survived SIGKILL';
}


sub master {
    my ($self) = @_;

    if ($self->{orphan}) {
        return $self->{t}->read("$self->{name}.pid") =~ /(\d+)/ ? $1 : 0;
    }

    return $self->{t}->pid($self->{process});
}


sub children {
    my ($self) = @_;

    return Ficus::Run::children($self->master);
}


# A worker that has been told to finish says so in its title.

sub workers {
    my ($self) = @_;

    return grep {
        my $title = '';

        if (open my $fh, '<', "/proc/$_/cmdline") {
            $title = <$fh> // '';
        }

        $title =~ /^nginx: worker process\s*\0*$/;
    } $self->children;
}


sub log {
    my ($self) = @_;

    return $self->{t}->log("$self->{name}-error.log");
}


1;
