package Ficus::YAML;

# Copyright (C) Ficus authors
#
# A strict subset of YAML 1.2, enough for the documents in docs/.
#
#     my $data = load($path);         parse($text) for a text
#
# Block mappings and sequences, flow ones on a single line, plain and quoted
# scalars on a single line, literal (|) and folded (>) blocks, comments, one
# `---' at the start.  Scalars become what YAML's core schema says; true and
# false are those of JSON::PP.  All else (anchors, tags, tabs, several lines
# of a plain scalar, a name given twice) dies with the number of the line.

use strict;
use warnings;

use Exporter qw(import);
use JSON::PP ();

our @EXPORT_OK = qw(load parse);

my $key = qr/("(?:[^"\\]|\\.)*"|'(?:[^']|'')*'
    |[^\s"'\[\]{},\#&*!|>%@`-][^"\#]*?)\s*:(?=\s|$)/x;


sub load {
    my ($path) = @_;

    open my $fh, '<:encoding(UTF-8)', $path or die "$path: $!\n";
    local $/;

    return parse(scalar <$fh>);
}


sub parse {
    my ($text) = @_;

    my $self = bless { raw => [ split /\n/, $text ], at => 0 };

    $self->_next;

    if (($self->{text} // '') eq '---') {
        $self->_take;
    }

    my $data = $self->_node(0);

    $self->_fail('what is this?') if defined $self->{text};

    return $data;
}


sub _fail {
    my ($self, $why) = @_;

    die "line $self->{at}: $why\n";
}


# Makes the next line that is neither empty nor a comment the present one.

sub _next {
    my ($self) = @_;

    while ($self->{at} < @{$self->{raw}}) {
        my $line = $self->{raw}[$self->{at}++];

        next if $line =~ /^\s*(?:#|$)/;

        $line =~ /^( *)(\S.*?)\s*$/ or $self->_fail('tab');
        ($self->{indent}, $self->{text}) = (length $1, $2);
        return;
    }

    delete @$self{qw(indent text)};
}


sub _take {
    my ($self) = @_;

    my $text = $self->{text};
    $self->_next;

    return $text;
}


# What stands at the present line, if it is indented by $least at least.

sub _node {
    my ($self, $least) = @_;

    return undef if !defined $self->{text} || $self->{indent} < $least;

    my $indent = $self->{indent};

    return $self->_sequence($indent) if $self->{text} =~ /^-(?: |$)/;
    return $self->_mapping($indent) if $self->{text} =~ /^$key/;

    my $value = $self->_scalar($self->{text});
    $self->_next;

    return $value;
}


sub _sequence {
    my ($self, $indent) = @_;

    my @items;

    while (defined $self->{text} && $self->{indent} == $indent
           && $self->{text} =~ /^-( +|$)/)
    {
        my $rest = substr $self->{text}, length $&;

        if ($rest eq '' || $rest =~ /^#/) {
            $self->_next;
            push @items, $self->_node($indent + 1);

        } elsif ($rest =~ /^$key/ || $rest =~ /^- /) {
            $self->{indent} += length($self->{text}) - length $rest;
            $self->{text} = $rest;
            push @items, $self->_node($indent + 1);

        } else {
            push @items, $self->_value($rest, $indent);
        }
    }

    return \@items;
}


sub _mapping {
    my ($self, $indent) = @_;

    my %map;

    while (defined $self->{text} && $self->{indent} == $indent) {
        $self->{text} =~ /^$key\s*/ or $self->_fail('not a name');

        my ($name, $rest) = ($self->_scalar($1), substr $self->{text}, $+[0]);

        $self->_fail("\"$name\" twice") if exists $map{$name};

        if ($rest eq '' || $rest =~ /^#/) {
            $self->_next;
            $map{$name} = $self->_node($indent + 1);

        } else {
            $map{$name} = $self->_value($rest, $indent);
        }
    }

    if (defined $self->{text} && $self->{indent} > $indent) {
        $self->_fail('indented too far');
    }

    return \%map;
}


# A value that begins on the line of its name or dash.

sub _value {
    my ($self, $text, $indent) = @_;

    if ($text =~ /^([|>])(-?)$/) {
        return $self->_block($1, $2, $indent);
    }

    my $value = $self->_scalar($text);

    $self->_next;
    $self->_fail('a second line') if defined $self->{text}
        && $self->{indent} > $indent;

    return $value;
}


sub _block {
    my ($self, $style, $chomp, $indent) = @_;

    my @lines;

    while ($self->{at} < @{$self->{raw}}) {
        my $line = $self->{raw}[$self->{at}];
        last if $line =~ /^( *)\S/ && length $1 <= $indent;
        push @lines, $line;
        $self->{at}++;
    }

    pop @lines while @lines && $lines[-1] =~ /^\s*$/;
    $self->_fail('empty block') if !@lines;

    my ($margin) = $lines[0] =~ /^( *)/;
    s/^$margin// for @lines;

    my $text = join "\n", @lines;

    if ($style eq '>') {
        $text =~ s/(?<!\n)\n(?![\n ])/ /g;
        $text =~ s/\n\n/\n/g;
    }

    $self->_next;

    return $chomp ? $text : "$text\n";
}


# A scalar or a flow collection that fills the text, but for a comment.

sub _scalar {
    my ($self, $text) = @_;

    my $value = $self->_flow(\$text, '');

    $text =~ /^\s*(?:#.*)?$/ or $self->_fail("what is \"$text\"?");

    return $value;
}


sub _flow {
    my ($self, $text, $stop) = @_;

    $$text =~ s/^\s+//;

    if ($$text =~ s/^\[\s*//) {
        my @items;

        until ($$text =~ s/^\s*\]//) {
            push @items, $self->_flow($text, ',\]');
            $$text =~ s/^\s*,\s*// || $$text =~ /^\s*\]/
                or $self->_fail('open [');
        }

        return \@items;
    }

    if ($$text =~ s/^\{\s*//) {
        my %map;

        until ($$text =~ s/^\s*\}//) {
            my $name = $self->_flow($text, ':,}');
            $$text =~ s/^\s*:\s+// or $self->_fail('no colon');
            $self->_fail("\"$name\" twice") if exists $map{$name};
            $map{$name} = $self->_flow($text, ',}');
            $$text =~ s/^\s*,\s*// || $$text =~ /^\s*\}/
                or $self->_fail('open {');
        }

        return \%map;
    }

    if ($$text =~ s/^'((?:[^']|'')*)'//) {
        return $1 =~ s/''/'/gr;
    }

    if ($$text =~ s/^("(?:[^"\\]|\\.)*")//) {
        return JSON::PP->new->allow_nonref->decode($1);
    }

    $$text =~ /^[&*!|>%@`"']/ and $self->_fail("not understood: $$text");

    my $end = length $stop ? qr/(?=\s*(?:[$stop]|$))/ : qr/(?=\s+#|\s*$)/;

    $$text =~ s/^(.*?)$end//;

    return _plain($1);
}


sub _plain {
    my ($text) = @_;

    return undef if $text =~ /^(?:|~|null)$/;
    return JSON::PP::true() if $text eq 'true';
    return JSON::PP::false() if $text eq 'false';
    return $text + 0 if $text =~ /^-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?$/;

    return $text;
}


1;
