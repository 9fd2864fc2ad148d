package Ficus::Schema;

# Copyright (C) Ficus authors
#
# Holds data against a JSON schema (the subset of draft 2020-12 below).
#
#     my $schema = Ficus::Schema->new($document);
#
#     $schema->check($data, $node)    what is wrong, a list of texts
#     $schema->resolve($node)         the node that a $ref leads to
#
# $document is where `$ref: '#/...'` is looked up; $data was decoded by
# JSON::PP.  A keyword that is not in %keywords dies, so that none is taken
# for checked that is not.

use strict;
use warnings;

use B ();
use JSON::PP ();

my %says_nothing = map { $_ => 1 } qw(title description example examples
    default deprecated readOnly $comment);

my %keywords = (
    type => \&_type,
    enum => \&_enum,
    const => sub { _enum(@_[0, 1], [ $_[2] ], @_[3 .. $#_]) },
    required => \&_required,
    properties => sub { },
    additionalProperties => sub { },
    patternProperties => sub { },
    pattern => \&_pattern,
    minLength => sub { _least(length $_[1], $_[2], _is_string($_[1])) },
    maxLength => sub { _most(length $_[1], $_[2], _is_string($_[1])) },
    minimum => sub { _least($_[1], $_[2], _is_number($_[1])) },
    maximum => sub { _most($_[1], $_[2], _is_number($_[1])) },
    minItems => sub { _least(_items_of($_[1]), $_[2], ref $_[1] eq 'ARRAY') },
    maxItems => sub { _most(_items_of($_[1]), $_[2], ref $_[1] eq 'ARRAY') },
    uniqueItems => \&_unique,
    items => \&_items,
    format => \&_format,
    allOf => \&_all_of,
    anyOf => sub { _some_of(@_, sub { $_[0] >= 1 }) },
    oneOf => sub { _some_of(@_, sub { $_[0] == 1 }) },
    not => sub { $_[0]->check($_[1], $_[2]) ? () : 'is what it must not be' },
);

my %formats = (
    'date-time' => qr/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?
        (?:Z|[+-]\d\d:\d\d)$/x,
    email => qr/^[^@\s]+@[^@\s]+$/,
    uri => qr/^[a-z][a-z0-9+.-]*:\S+$/i,
    'uri-reference' => qr/^\S*$/,
    int64 => qr/^-?\d+$/,
    double => qr/^-?\d/,
);

my $json = JSON::PP->new->canonical->allow_nonref;


sub new {
    my ($class, $document) = @_;

    return bless { document => $document }, $class;
}


sub resolve {
    my ($self, $node) = @_;

    my $hops = 0;

    while (ref $node eq 'HASH' && exists $node->{'$ref'}) {
        my $to = $node->{'$ref'};

        $to =~ m,^#/, && $hops++ < 20 or die "\$ref: $to\n";
        $node = $self->{document};

        for my $name (split m,/,, substr $to, 2) {
            $name =~ s,~1,/,g;
            $name =~ s,~0,~,g;
            ref $node eq 'HASH' && exists $node->{$name} or die "\$ref: $to\n";
            $node = $node->{$name};
        }
    }

    return $node;
}


sub check {
    my ($self, $data, $node, $path) = @_;

    $path //= '';
    $node = $self->resolve($node);

    return () if JSON::PP::is_bool($node) && $node;
    return ("$path: not allowed") if JSON::PP::is_bool($node);

    my @wrong;

    for my $word (sort keys %$node) {
        next if $says_nothing{$word} || $word =~ /^x-/;

        my $code = $keywords{$word} or die "no keyword $word\n";

        push @wrong, map { /^\// ? $_ : "$path/: $_" }
            $code->($self, $data, $node->{$word}, $path, $node);
    }

    push @wrong, $self->_members($data, $node, $path) if ref $data eq 'HASH';

    return @wrong;
}


sub _members {
    my ($self, $data, $node, $path) = @_;

    my $known = $node->{properties} // {};
    my $patterns = $node->{patternProperties} // {};
    my @wrong;

    for my $name (sort keys %$data) {
        my @schemas = (
            exists $known->{$name} ? $known->{$name} : (),
            map { $patterns->{$_} } grep { $name =~ /$_/ } keys %$patterns,
        );

        if (!@schemas && exists $node->{additionalProperties}) {
            @schemas = ($node->{additionalProperties});
        }

        push @wrong, map { $self->check($data->{$name}, $_, "$path/$name") }
            @schemas;
    }

    return @wrong;
}


# JSON::PP makes numbers of numbers and strings of strings, and perl remembers.

sub _is_string {
    my ($data) = @_;

    return defined $data && !ref $data
        && B::svref_2object(\$data)->FLAGS & B::SVf_POK;
}


sub _is_number {
    my ($data) = @_;

    return defined $data && (ref $data) =~ /^(?:|Math::Big\w+)$/
        && !_is_string($data);
}


sub _type {
    my ($self, $data, $types) = @_;

    my $is = !defined $data ? 'null'
           : JSON::PP::is_bool($data) ? 'boolean'
           : ref $data eq 'HASH' ? 'object'
           : ref $data eq 'ARRAY' ? 'array'
           : _is_string($data) ? 'string'
           : 'number';

    for my $type (ref $types ? @$types : $types) {
        return () if $type eq $is;
        return () if $type eq 'integer' && $is eq 'number'
            && $data == int $data;
    }

    return "is $is, not " . (ref $types ? join '|', @$types : $types);
}


sub _enum {
    my ($self, $data, $values) = @_;

    my $is = $json->encode($data);

    return (grep { $json->encode($_) eq $is } @$values) ? ()
        : "$is is none of " . $json->encode($values);
}


sub _required {
    my ($self, $data, $names) = @_;

    return () if ref $data ne 'HASH';
    return map { "lacks $_" } grep { !exists $data->{$_} } @$names;
}


sub _pattern {
    my ($self, $data, $pattern) = @_;

    return !_is_string($data) || $data =~ /$pattern/ ? ()
        : "\"$data\" does not match $pattern";
}


sub _format {
    my ($self, $data, $format) = @_;

    my $regex = $formats{$format} // die "no format $format\n";

    return ref $data || !defined $data || $data =~ $regex ? ()
        : "\"$data\" is no $format";
}


sub _items_of { return ref $_[0] eq 'ARRAY' ? scalar @{$_[0]} : 0 }


sub _least {
    my ($is, $least, $applies) = @_;

    return $applies && $is < $least ? "$is is below $least" : ();
}


sub _most {
    my ($is, $most, $applies) = @_;

    return $applies && $is > $most ? "$is is above $most" : ();
}


sub _unique {
    my ($self, $data, $wanted) = @_;

    my %seen;

    return () if ref $data ne 'ARRAY' || !$wanted;
    return map { "$_ twice" } grep { $seen{$_}++ }
        map { $json->encode($_) } @$data;
}


sub _items {
    my ($self, $data, $node, $path) = @_;

    return () if ref $data ne 'ARRAY';
    return map { $self->check($data->[$_], $node, "$path/$_") } 0 .. $#$data;
}


sub _all_of {
    my ($self, $data, $nodes, $path) = @_;

    return map { $self->check($data, $_, $path) } @$nodes;
}


sub _some_of {
    my ($self, $data, $nodes, $path, $parent, $enough) = @_;

    my @wrong = map { [ $self->check($data, $_, $path) ] } @$nodes;
    my $right = grep { !@$_ } @wrong;

    return () if $enough->($right);
    return $right ? 'fits more than one of oneOf'
        : map { @$_ } sort { @$a <=> @$b } @wrong;
}


1;
