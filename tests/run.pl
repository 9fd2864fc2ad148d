#!/usr/bin/perl

# Copyright (C) Ficus authors
#
# Runs the tests and the gates.  Usage: run.pl [PART]...
#
# Parts: build, unit, nginx, e2e, web, fuzz, sim, locks, chaos, gates, or the name of
# one gate (style, layers, ...); all of them when none is named.  A part that fails
# does not keep the others from running.  The last line is `N passed, N failed`,
# with `, N skipped` when something was; a build or a gate counts as one, a test
# program as many as it asserts.
#
# Environment: TESTS=REGEX only the test files whose path matches; JOBS test
# files at a time (2); CI=true what this machine lacks fails, instead of being
# skipped, but for a server of MongoDB's protocol; FICUS_BUILD, FICUS_NGINX,
# FICUS_MODULE, FICUS_SANITIZE where the things under test are.  What each file
# printed is in $FICUS_BUILD/test-logs.

use strict;
use warnings;

use Cwd qw(abs_path);
use File::Basename qw(dirname);
use File::Path qw(make_path remove_tree);
use Time::HiRes qw(time);

use TAP::Harness;
use TAP::Parser::Aggregator;

chdir dirname(__FILE__) . '/..' or die "chdir: $!\n";

# The gates of tests/style, cheap ones first.
my @gates = (
    [ style => 'sh tests/style/style.sh' ],
    [ layers => 'sh tests/style/layers.sh' ],
    [ lengths => 'sh tests/style/lengths.sh' ],
    [ headers => 'sh tests/style/headers.sh' ],
    [ pages => 'sh tests/style/pages.sh' ],
    [ banned => 'sh tests/style/banned.sh' ],
    [ commits => 'sh tests/style/commits.sh' ],
    [ manual => 'perl tests/style/manual.pl' ],
    [ workers => 'perl tests/style/workers.pl' ],
    [ links => 'sh tests/style/links.sh' ],
    [ selftest => 'sh tests/style/selftest.sh' ],
    map { [ "lint-$_" => "sh tests/style/lint.sh $_" ] }
        qw(shell spelling man yaml cppcheck tidy),
);

my %gate = map { @$_ } @gates;
my $skipped_status = 77;        # what a gate without its tool exits with
my $ci = ($ENV{CI} // '') =~ /^(1|true|yes)$/i;
my $make = $ENV{MAKE} // 'make';
my $sanitize = $ENV{FICUS_SANITIZE};

$ENV{FICUS_BUILD} = abs_path($ENV{FICUS_BUILD} // 'build');
$ENV{LC_ALL} = 'C';
delete $ENV{HARNESS_OPTIONS};

my $build = $ENV{FICUS_BUILD};
my $logs = "$build/test-logs";
my %sum = (passed => 0, failed => 0, skipped => 0);
my @troubles;


main();


sub main {
    if (@ARGV == 2 && $ARGV[0] eq '--gate') {
        die "run.pl: no gate \"$ARGV[1]\"\n"
            if $ARGV[1] ne 'build' && !$gate{$ARGV[1]};
        exit gate($ARGV[1]);
    }

    my $started = time;

    STDOUT->autoflush(1);

    # the pipe of a make that runs us is closed to our children
    if (defined $ENV{MAKEFLAGS}) {
        $ENV{MAKEFLAGS} =~ s/\s*(-j\d*|--jobserver\S*)(?=\s|$)//g;
        $ENV{CK_TIMEOUT_MULTIPLIER} //= 10 if $sanitize;
    }

    $ENV{CK_TAP_LOG_FILE_NAME} = '-';
    remove_tree($logs);

    for my $part (chosen(@ARGV)) {
        run($part);
    }

    if (@troubles) {
        print "\nNot passed:\n", map { "  $_\n" } @troubles;
    }

    printf "\n%d s; the logs are in %s\n", time - $started,
        relative($logs);
    print "$sum{passed} passed, $sum{failed} failed",
        $sum{skipped} ? ", $sum{skipped} skipped" : '', "\n";

    exit($sum{failed} || !$sum{passed} ? 1 : 0);
}


# The parts to run, in their order; `lint' and `gates' stand for several.

sub chosen {
    my @wanted = @_;

    if (!@wanted) {
        return ('build', 'gates', qw(unit nginx e2e web fuzz sim locks chaos));
    }

    for my $part (@wanted) {
        if ($part !~ /^(build|gates|lint|unit|nginx|e2e|web|fuzz|sim|locks|chaos)$/
            && !$gate{$part})
        {
            die "run.pl: no part \"$part\"\n";
        }
    }

    return @wanted;
}


# What is to be run for a part.

sub files {
    my ($part) = @_;

    return map { $_->[0] } @gates if $part eq 'gates';
    return grep { /^lint-/ } map { $_->[0] } @gates if $part eq 'lint';
    return ($part) if $part eq 'build' || $gate{$part};

    my @files = $part eq 'unit' ? glob 'tests/unit/test_*.c'
              : $part eq 'fuzz' ? glob 'tests/fuzz/fuzz_*.c'
              :                   glob "tests/$part/*.t tests/$part/*/*.t";

    if (length($ENV{TESTS} // '')) {
        @files = grep { /$ENV{TESTS}/ } @files;
    }

    return @files;
}


# The command that runs one file and prints TAP.

sub command {
    my ($part, $file) = @_;

    my @limit = ('timeout', '--foreground', '-k', '10',
                 $ENV{TEST_TIMEOUT} // ($sanitize ? 1800 : 600));

    if ($part eq 'unit') {
        return [ @limit, "$build/" . $file =~ s/\.c$//r ];
    }

    if ($part eq 'fuzz') {
        my $inputs = $file =~ s,fuzz_(\w+)\.c$,inputs/$1,r;
        return [ @limit, "$build/" . $file =~ s/\.c$//r, $inputs ];
    }

    if ($file =~ /\.t$/) {
        return [ @limit, $^X, '-Itests/lib', $file ];
    }

    return [ $^X, 'tests/run.pl', '--gate', $file ];
}


# Runs a gate, or the build, and says how it went in TAP.  The last line of a
# gate that was skipped is why.

sub gate {
    my ($name) = @_;

    my $command = $name eq 'build' ? "$make -k -j2 all tests" : $gate{$name};
    my $last = '';

    print "# $command\n1..1\n";

    open my $fh, '-|', "$command 2>&1" or die "$command: $!\n";

    while (my $line = <$fh>) {
        print "    $line";
        $last = $line;
    }

    close $fh;

    if ($? >> 8 == $skipped_status) {
        print "ok 1 # SKIP $last";
        return 0;
    }

    print $? == 0 ? "ok 1 - $name\n" : "not ok 1 - $name\n";

    return $? == 0 ? 0 : 1;
}


# Runs the files of a part and adds up what they said.

sub run {
    my ($part) = @_;

    my @files = files($part) or return;
    my $of = @files;
    my $done = 0;
    my $started = time;
    my %part = (passed => 0, failed => 0, skipped => 0);

    make_path($logs);
    local $ENV{PERL_TEST_HARNESS_DUMP_TAP} = $logs;

    my $harness = TAP::Harness->new({
        verbosity => -3,
        merge => 1,
        jobs => $part eq 'chaos' ? 1 : $ENV{JOBS} // 2,
        exec => sub { command($part, $_[1]) },
    });

    $harness->callback(after_test => sub {
        my ($job, $parser) = @_;

        judge($part, $job->[0], $parser, \%part);
        progress(sprintf '%-8s %d of %d', $part, ++$done, $of);
    });

    progress(sprintf '%-8s 0 of %d', $part, $of);
    $harness->aggregate_tests(TAP::Parser::Aggregator->new, @files);
    progress('');

    $sum{$_} += $part{$_} for keys %sum;

    printf "%-8s %4d file%s %6d passed %4d failed %4d skipped %6.1f s\n",
        $part, $of, $of == 1 ? ' ' : 's', @part{qw(passed failed skipped)},
        time - $started;
}


# One file's result.  What ended badly without a failed assertion (a crash, a
# wrong plan, a timeout) counts as one failure.

sub judge {
    my ($part, $file, $parser, $sums) = @_;

    my $skipped = () = $parser->skipped;
    my @failed = $parser->failed;
    my $passed = $parser->passed - $skipped;
    my $why = '';

    if ($parser->skip_all) {
        $skipped = 1;
        $why = $parser->skip_all;
    } elsif ($skipped && !@failed) {
        ($why) = grep_log($file, qr/^ok .*# skip\s*(.*)/i);
    }

    my $bad = @failed;

    if (!@failed && $parser->has_problems) {
        $bad = 1;
        $why = join ', ', trouble($parser), last_line($file);
    }

    my @names = $bad && $file =~ /\// ? grep_log($file, qr/^not ok (\d.*)/) : ();

    # a server of MongoDB's protocol is the one thing that may be missing
    if ($ci && $skipped && $why !~ /MONGODB/
        && ($parser->skip_all || $gate{$file}))
    {
        ($bad, $skipped) = (1, 0);
        $why = "skipped, which CI=true forbids: $why";
    }

    $sums->{passed} += $passed;
    $sums->{failed} += $bad;
    $sums->{skipped} += $skipped;

    return if !$bad && !$skipped;

    my $line = sprintf '%-7s %s%s', $bad ? 'failed' : 'skipped', $file,
        length $why ? ": $why" : '';

    push @troubles, $line, (map { "        $_" } @names),
        '        see ' . relative("$logs/$file");
    progress('');
    print "$line\n";

    if ($bad && ($gate{$file} || $file eq 'build')) {
        print grep_log($file, qr/^(    .*\n)/, 30);
    }
}


sub trouble {
    my ($parser) = @_;

    return 'killed by signal ' . ($parser->wait & 127) if $parser->wait & 127;
    return 'late, ended by timeout' if $parser->exit == 124;
    return 'exit status ' . $parser->exit if $parser->exit;

    return join '; ', $parser->parse_errors;
}


sub last_line {
    my ($file) = @_;

    my @lines = grep_log($file, qr/^\s*(?!(?:ok|not ok)\b|1\.\.\d)(\S.*)/, 9999);

    return substr($lines[-1] // '', 0, 100) || ();
}


# The first few things in a file's log that match.

sub grep_log {
    my ($file, $regex, $most) = @_;

    my @found;

    open my $fh, '<', "$logs/$file" or return;

    while (my $line = <$fh>) {
        push @found, $1 if @found < ($most // 5) && $line =~ $regex;
    }

    return @found;
}


sub relative {
    my ($path) = @_;

    return $path =~ s,^\Q@{[abs_path('.')]}\E/,,r;
}


# One line on a terminal that says how far we are; nothing in a file.

sub progress {
    my ($text) = @_;

    print "\r\e[K$text" if -t STDOUT;
}
