#!/usr/bin/perl

# Copyright (C) Ficus authors
#
# Usage: kinds.pl HEADER
#
# Prints, as C, what the comments of nginx-module/ngx_http_strangler_shm.h say
# of each field in shared memory.  A field of which nothing is said is an error.

use strict;
use warnings;

my @roots = qw(sh lane breaker watch past shadows);
my $kind = qr/fixed|locked|guarded|published|atomic|word|held|claimed/;

my ($header) = @ARGV or die "usage: kinds.pl HEADER\n";

open my $fh, '<', $header or die "$header: $!\n";
my $text = do { local $/; <$fh> };

my (%fields, %printed);

while ($text =~ /^(?:typedef\ struct|struct\ ngx_http_strangler_(\w+)_s)\s*\{
                 ([^{}]*)\}(?:\s*ngx_http_strangler_(\w+)_t)?;/gmx)
{
    $fields{$1 // $3} = fields($2);
}

print "#include \"ngx_http_strangler.h\"\n#include \"watch.h\"\n";
type($_) for @roots;


sub fields {
    my ($body) = @_;

    my ($now, @fields) = ('');

    for my $line (split /\n/, $body) {
        if ($line =~ m,^    /\* ($kind) \*/$,) {
            $now = $1;

        } elsif ($line =~ /^\ {4}(\w+)\s+(\**)(\w+)(\[)?/) {
            push @fields, { type => $2 ? '' : $1, name => $3, array => $4,
                kind => $now };
        }
    }

    return \@fields;
}


# Types first that others are made of.

sub type {
    my ($name) = @_;

    return if $printed{$name}++;

    my @rows;

    for my $f (@{$fields{$name} // die "$header: no type $name\n"}) {
        my $own = $f->{type} =~ /^ngx_http_strangler_(\w+)_t$/
            && grep({ $_->{kind} } @{$fields{$1} // []}) ? $1 : undef;

        if (defined $own) {
            type($own);

        } elsif (!$f->{kind}) {
            die "$header: $name.$f->{name} may be used how?\n";
        }

        my $of = "((ngx_http_strangler_${name}_t *) 0)->$f->{name}";

        push @rows, sprintf '    { "%s", offsetof(%s, %s), sizeof(%s), '
            . 'sizeof(%s), %s, %s },', $f->{name},
            "ngx_http_strangler_${name}_t", $f->{name}, $of,
            $f->{array} ? "$of\[0]" : $of,
            defined $own ? 'watch_none' : "watch_$f->{kind}",
            defined $own ? "&watch_$own" : 'NULL';
    }

    local $" = "\n";
    print <<"EOT";

static const watch_field_t  watch_${name}_fields[] = {
@rows
    { NULL, 0, 0, 0, watch_none, NULL }
};

@{[ grep({ $_ eq $name } @roots) ? '' : 'static ' ]}const watch_type_t  watch_$name = {
    "$name", sizeof(ngx_http_strangler_${name}_t), watch_${name}_fields
};
EOT
}
