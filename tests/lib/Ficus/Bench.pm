package Ficus::Bench;

# Copyright (C) Ficus authors
#
# Runs loads side by side: in rounds, each load once a round and in another
# order, so that what the machine does besides falls on all of them alike.
#
#     my %result = rounds(5, name => sub { return { rps => 1 } }, ...);
#     $result{name}{rps}                    the median of the rounds
#     $result{name}{all}                    what each round returned
#
#     my $r = wrk($url, connections => 64, seconds => 2, script => $lua)
#     $r->{rps}, {p50}, {p99} (ms), {errors} (not 2xx, or no answer)
#     with cpu => [ process ids ]: {cpu}, microseconds that they used a request,
#     and {kernel}, those of them in the kernel, to a clock tick in all
#
#     table([ 'name', 'req/s', ... ], [ ... ], ...)      prints aligned columns
#     median(@numbers), percentile($q, @numbers)
#     verdict($name, $value, '>=', $target)  prints a line with met or missed
#     loads(\%result, @names)    the table of what wrk() said of each
#     compare($name, $result{one}, $result{other}, $target)
#         the verdicts of requests/s, one by the other, and of their CPU

use strict;
use warnings;

use Exporter qw(import);
use List::Util qw(max shuffle);
use POSIX ();

our @EXPORT_OK = qw(compare loads rounds wrk table median percentile
    verdict);


sub rounds {
    my ($n, @loads) = @_;

    my (@names, %load, %all, %result);

    while (my ($name, $code) = splice @loads, 0, 2) {
        push @names, $name;
        $load{$name} = $code;
    }

    for (1 .. $n) {
        push @{$all{$_}}, $load{$_}->() for shuffle @names;
    }

    for my $name (@names) {
        my @runs = @{$all{$name}};

        for my $key (keys %{$runs[0]}) {
            $result{$name}{$key} = median(map { $_->{$key} } @runs);
        }

        $result{$name}{all} = \@runs;
    }

    return %result;
}


# Latencies are asked of a script of our own: wrk prints them rounded.

my $done = <<'EOF';
done = function(summary, latency, requests)
    local e = summary.errors
    io.write(string.format("RESULT %f %f %f %d %d\n",
        summary.requests / (summary.duration / 1e6),
        latency:percentile(50) / 1000, latency:percentile(99) / 1000,
        e.connect + e.read + e.write + e.status + e.timeout,
        summary.requests))
end
EOF

sub wrk {
    my ($url, %opt) = @_;

    my $connections = $opt{connections} // 64;
    my $threads = $connections < 2 ? 1 : $opt{threads} // 2;
    my $file = "$opt{dir}/wrk-$$.lua";

    open my $script, '>', $file or die "$file: $!\n";
    print $script $opt{script} // '', "\n", $done;
    close $script or die "$file: $!\n";

    my @command = ('wrk', "-t$threads", "-c$connections",
        '-d' . ($opt{seconds} // 2) . 's', '--timeout', '5s', '-s', $file,
        $url);

    my @pids = @{$opt{cpu} // []};
    my ($used, $kernel) = (cpu(@pids), kernel(@pids));
    open my $pipe, '-|', @command or die "wrk: $!\n";
    my $text = do { local $/; <$pipe> };
    close $pipe;
    unlink $file;
    $used = cpu(@pids) - $used;
    $kernel = kernel(@pids) - $kernel;

    my @r = $text =~ /^RESULT (\S+) (\S+) (\S+) (\d+) (\d+)$/m
        or die "wrk printed no result:\n$text";

    return { rps => $r[0], p50 => $r[1], p99 => $r[2], errors => $r[3],
        requests => $r[4], cpu => $used / ($r[4] || 1),
        kernel => $kernel / ($r[4] || 1) };
}


# What processes have run until now, in microseconds.

sub cpu {
    my (@pids) = @_;

    my $ns = 0;

    for my $file (map { glob "/proc/$_/task/*/schedstat" } @pids) {
        open my $fh, '<', $file or next;
        $ns += (split ' ', <$fh>)[0];
    }

    return $ns / 1000;
}


# stime of stat(5): the name before it may hold anything but a last bracket.

sub kernel {
    my (@pids) = @_;

    my $ticks = 0;

    for my $pid (@pids) {
        open my $fh, '<', "/proc/$pid/stat" or next;
        $ticks += (split ' ', <$fh> =~ s/.*\)//r)[12];
    }

    return $ticks * 1e6 / POSIX::sysconf(POSIX::_SC_CLK_TCK());
}


sub median { return percentile(0.5, @_) }


sub percentile {
    my ($q, @numbers) = @_;

    my @sorted = sort { $a <=> $b } @numbers or return 0;
    my $at = $q * $#sorted;
    my $low = int $at;
    my $high = $low < $#sorted ? $low + 1 : $low;

    return $sorted[$low] + ($at - $low) * ($sorted[$high] - $sorted[$low]);
}


sub table {
    my (@rows) = @_;

    my @width;

    for my $row (@rows) {
        $width[$_] = max($width[$_] // 0, length $row->[$_]) for 0 .. $#$row;
    }

    for my $row (@rows) {
        my @cells = map {
            $_ == 0 ? sprintf('%-*s', $width[$_], $row->[$_])
                    : sprintf('%*s', $width[$_], $row->[$_])
        } 0 .. $#$row;

        print '  ', join('  ', @cells), "\n";
    }

    print "\n";
}


sub loads {
    my ($r, @names) = @_;

    table([ '', 'req/s', 'p50 ms', 'p99 ms', 'errors', 'CPU us/req' ],
        map {
            [ $_, sprintf('%.0f', $r->{$_}{rps}),
                sprintf('%.2f', $r->{$_}{p50}), sprintf('%.2f', $r->{$_}{p99}),
                $r->{$_}{errors}, sprintf('%.2f', $r->{$_}{cpu}) ]
        } @names);
}


# Rounds are paired: the median of the quotients, not their quotient.  The same
# in requests a second of CPU is what is left of it on a machine that has other
# things to do.

sub compare {
    my ($name, $one, $other, $target) = @_;

    my @pairs = map { [ $one->{all}[$_], $other->{all}[$_] ] }
        0 .. $#{$one->{all}};

    verdict($name, median(map { $_->[0]{rps} / $_->[1]{rps} } @pairs), '>=',
        $target);
    verdict("$name, of CPU",
        median(map { $_->[1]{cpu} / $_->[0]{cpu} } @pairs), '>=', $target);
}


sub verdict {
    my ($name, $value, $relation, $target) = @_;

    my $met = $relation eq '>=' ? $value >= $target : $value <= $target;

    printf "  %-58s %8.2f  %s %-6s %s\n", $name, $value, $relation, $target,
        $met ? 'met' : 'MISSED';

    return $met;
}


1;
