#!/usr/bin/perl

# Copyright (C) Ficus authors

# Puts a split in front of each upstream, and of each address, that a test of
# nginx's own passes requests to; for nginx-tests.sh.
#
# Usage: nginx-front.pl FILE, a configuration, which is changed.  FRONT says
# what stands there: `split', or `name', another name without the module.

use strict;
use warnings;

my ($path) = @ARGV;

open my $in, '<', $path or die "$path: $!";
my $conf = do { local $/; <$in> };

exit 0 if $conf =~ /ficus_front_/;

my %upstream = $conf =~ /^\s*upstream\s+(\S+)\s*\{(.*?)\}/msg;
my %front;

$conf =~ s{\b((?:proxy|fastcgi|uwsgi|scgi|grpc)_pass\s+(?:(?:http|grpc)://)?)
           ([\w.]+(?::\d+)?)(?=[/;])}{$1 . front($2)}gex;
$conf =~ s/^http \{/"http {\n" . join '', map { $front{$_} } sort keys %front/me;

open my $out, '>', $path or die "$path: $!";
print $out $conf;
close $out or die "$path: $!";


# The name of what stands in front; nothing does where a name is none that the
# configuration has.

sub front {
    my ($to) = @_;

    return $to if !$upstream{$to} && $to !~ /^(?:127\.0\.0\.1|localhost):\d+$/;

    my $name = 'ficus_front_' . $to =~ tr/.:/_/r;
    my $arm = $upstream{$to} ? $to : "$name\_arm";

    $front{$name} //= $ENV{FRONT} eq 'split'
        ? "upstream $name { strangler zone=ficus_split:4m;"
            . " arm a=$arm weight=50; arm b=$arm; }\n" . ($upstream{$to} ? ''
            : "upstream $arm { server $to; }\n")
        : "upstream $name {" . ($upstream{$to} // " server $to; ") . "}\n";

    return $name;
}
