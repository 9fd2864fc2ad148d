package Ficus::Contract;

# Copyright (C) Ficus authors
#
# A running system whose every answer is held against docs/openapi.yaml.
#
#     my $api = Ficus::Contract->start(%env);     a started Ficus::System
#
#     $api->ask('GET', '/api/users/u1', %o)       Ficus::HTTP's answer
#     $api->admin('GET', '/metrics')              the same, admin port
#     $api->judge($r, 'GET', '/api/orders')       an answer got elsewhere
#     $api->done                                  judgement, end of the test
#     $api->system                                the Ficus::System
#     $api->seen                                  "METHOD /template STATUS" => n
#     $api->document                              docs/openapi.yaml
#     $api->direct('orders', 'GET', '/healthz', body => ...)   past the gateway:
#                                     over the worker's socket, in FastCGI
#     $api->keep_down('orders', ...)   kills services, so that they stay down
#     $api->let_up                    ... until now
#     $api->user(arm => 'v2', email => ...)       makes a user, returns it
#     $api->order(userId => ...)                  makes an order, returns it
#
# Options of ask() besides those of Ficus::HTTP: arm => 'v1' forces an arm,
# match => ETAG and none_match => ETAG are the preconditions, merge => $data
# is json with the type of a merge patch, text => $bytes a body that says it
# is JSON, accept => $method judges by another method.
#
# Exported:
#
#     problem($r, 400, 'invalid', 'email userId', $name)   the answer is this
#                                     problem; fields (sorted) in errors[]
#     allow($r)                       the methods of Allow, sorted
#     unique($prefix)                 a new id
#     decode($text), encode($data)    JSON
#     soon($code, $name)              asserts that $code becomes true in 10 s

use strict;
use warnings;

use Exporter qw(import);
use IO::Socket::UNIX;
use JSON::PP;
use Test::More;

use Ficus::HTTP ();
use Ficus::Run qw(root wait_for);
use Ficus::Schema;
use Ficus::System;
use Ficus::YAML ();

our @EXPORT_OK = qw(problem allow unique decode encode soon);

my $json = JSON::PP->new->utf8->canonical->allow_nonref;
my $ids = 0;


sub start {
    my ($class, %env) = @_;

    return $class->of(Ficus::System->new(%env)->start);
}


sub direct {
    my ($self, $name, $method, $path, %opt) = @_;

    my $body = $opt{body} // '';
    my %params = (REQUEST_METHOD => $method, REQUEST_URI => $path,
        SCRIPT_NAME => $path, DOCUMENT_URI => $path, QUERY_STRING => '',
        CONTENT_TYPE => 'application/json', CONTENT_LENGTH => length $body);
    my $socket = IO::Socket::UNIX->new(
        Peer => $self->{system}->dir . "/sock/$name.sock") or die "$name: $!";

    # BEGIN_REQUEST 1 of a responder, PARAMS 4, STDIN 5
    syswrite $socket, _record(1, pack 'n C x5', 1, 0)
        . _record(4, join '', map {
            pack 'C C a* a*', length, length $params{$_}, $_, $params{$_}
        } sort keys %params) . _record(4, '');

    while (length $body) {
        syswrite $socket, _record(5, substr $body, 0, 32768, '') or last;
    }

    syswrite $socket, _record(5, '');

    my ($in, $out) = ('', '');

    1 while sysread $socket, $in, 65536, length $in;

    # STDOUT 6
    while (length $in >= 8) {
        my ($type, $length, $padding) = unpack 'x C x2 n C', $in;

        $out .= substr $in, 8, $length if $type == 6;
        substr $in, 0, 8 + $length + $padding, '';
    }

    my ($head, $content) = split /\r\n\r\n/, $out, 2;
    my %headers = map { /^([^:]+): *(.*)/ ? (lc $1 => $2) : () }
        split /\r\n/, $head // '';

    return { status => ($headers{status} // 0) =~ s/\D.*//r, body => $content,
        headers => \%headers };
}


sub _record {
    my ($type, $content) = @_;

    return pack 'C C n n C C a*', 1, $type, 1, length $content, 0, 0, $content;
}


# The supervisor that sleeps restarts nothing.

sub keep_down {
    my ($self, @names) = @_;

    my $s = $self->{system};

    $s->kill('ficus', 'STOP');
    $self->{down} = { map { $_ => $s->kill($_) } @names };
    wait_for(5, sub { !grep { _runs($_) } values %{$self->{down}} });
}


sub let_up {
    my ($self) = @_;

    my $down = delete $self->{down};

    $self->{system}->kill('ficus', 'CONT');
    $self->{system}->await($_, $down->{$_}) for sort keys %$down;
}


# A zombie that its parent has not looked at yet does not run, once all of its
# threads have ended.

sub _runs {
    my ($pid) = @_;

    my @threads = glob "/proc/$pid/task/*";

    open my $fh, '<', "/proc/$pid/stat" or return 0;

    return @threads > 1 || (<$fh> // ') Z ') !~ /\) Z /;
}


sub of {
    my ($class, $system) = @_;

    my $document = Ficus::YAML::load(root() . '/docs/openapi.yaml');

    my $self = bless {
        system => $system,
        document => $document,
        schema => Ficus::Schema->new($document),
        seen => {},
        wrong => {},
        judged => 0,
    }, $class;

    # what nginx says of a service that is down
    $system->run->allow(qr/connect\(\) to unix:\S+ failed/);

    for my $template (sort keys %{$document->{paths}}) {
        my $item = $document->{paths}{$template};
        my $regex = quotemeta($template) =~ s/\\\{\w+\\\}/([^\/]+)/gr;

        push @{$self->{templates}}, {
            template => $template,
            item => $item,
            port => { map { ($_->{url} =~ /:8081$/ ? 'admin' : 'public') => 1 }
                @{$item->{servers} // $document->{servers}} },
            regex => qr/^$regex$/,
            captures => scalar(() = $template =~ /\{/g),
        };
    }

    return $self;
}


sub system { return shift->{system} }

sub document { return shift->{document} }

sub schema { return shift->{schema} }

sub seen { return shift->{seen} }


sub _options {
    my ($self, %opt) = @_;

    my $accept = delete $opt{accept};
    my @headers = @{delete $opt{headers} // []};
    my $arm = delete $opt{arm};
    my $match = delete $opt{match};
    my $none_match = delete $opt{none_match};

    push @headers, 'X-Ficus-Arm' => $arm if defined $arm;
    push @headers, 'If-Match' => $match if defined $match;
    push @headers, 'If-None-Match' => $none_match if defined $none_match;

    if (exists $opt{merge}) {
        $opt{body} = $json->encode(delete $opt{merge});
        push @headers, 'Content-Type' => 'application/merge-patch+json';
    }

    if (exists $opt{text}) {
        $opt{body} = delete $opt{text};
        push @headers, 'Content-Type' => 'application/json';
    }

    return (%opt, headers => \@headers);
}


sub ask {
    my ($self, $method, $path, %opt) = @_;

    my $r = $self->{system}->request($method, $path, $self->_options(%opt));

    $self->judge($r, $method, $path);

    return $r;
}


sub admin {
    my ($self, $method, $path, %opt) = @_;

    my $r = $self->{system}->admin($method, $path, $self->_options(%opt));

    $self->judge($r, $method, $path, 'admin');

    return $r;
}


sub judge {
    my ($self, $r, $method, $path, $port) = @_;

    my ($template, @wrong) = $self->_wrong($r, $method, $path,
        $port // 'public');

    my $what = "$method " . ($template // $path =~ s/\?.*//sr)
        . " $r->{status}";

    $self->{judged}++;
    $self->{seen}{$what}++ if defined $template;

    for my $why (@wrong) {
        $self->{wrong}{"$what: $why"} //= substr $r->{body} // '', 0, 300;
    }
}


sub _wrong {
    my ($self, $r, $method, $path, $port) = @_;

    return (undef, $r->{error}) if !$r->{status};

    my $t = $self->_template($path =~ s/\?.*//sr, $port);
    my $template = $t && $t->{template};
    my $operation = $t && $t->{item}{lc($method eq 'HEAD' ? 'GET' : $method)};
    my $answers = $operation ? $operation->{responses} : {
        default => { content => { 'application/problem+json' =>
            { schema => { '$ref' => '#/components/schemas/Problem' } } } },
        405 => { '$ref' => '#/components/responses/MethodNotAllowed' },
    };

    my $answer = $self->{schema}->resolve($answers->{$r->{status}}
        // $answers->{default} // return ($template, 'is not documented'));

    return (undef, 'success without a document') if !$operation
        && $r->{status} < 400;

    return ($template,
        $self->_wrong_headers($r, $answer),
        $self->_wrong_version($r, $path, $port),
        $self->_wrong_retry($r),
        $self->_wrong_body($r, $answer, $method));
}


sub _template {
    my ($self, $path, $port) = @_;

    my ($best) = sort { $a->{captures} <=> $b->{captures} }
        grep { $_->{port}{$port} && $path =~ $_->{regex} }
        @{$self->{templates}};

    return $best;
}


sub _wrong_headers {
    my ($self, $r, $answer) = @_;

    my @wrong;

    for my $name (sort keys %{$answer->{headers} // {}}) {
        my $header = $self->{schema}->resolve($answer->{headers}{$name});
        my $value = $r->{headers}{lc $name};

        if (defined $value) {
            push @wrong, map { "$name: $_" }
                $self->{schema}->check($value, $header->{schema});
        } elsif ($header->{required}) {
            push @wrong, "no $name";
        }
    }

    return @wrong;
}


# On every answer that belongs to a route of users, and no other; what nginx
# refuses before an arm is chosen has none.

sub _wrong_version {
    my ($self, $r, $path, $port) = @_;

    my $version = $r->{headers}{'x-service-version'};
    my $users = $port eq 'public' && $path =~ m,^/api/users(?:[/?]|$),;

    return 'X-Service-Version where none belongs'
        if defined $version && !$users;
    return 'no X-Service-Version' if !defined $version && $users
        && $r->{status} !~ /^(?:400|404|405|413|414|431)$/;

    return ();
}


# 503 says Retry-After if and only if nothing was done.

sub _wrong_retry {
    my ($self, $r) = @_;

    return () if $r->{status} != 503 || ref $r->{json} ne 'HASH'
        || !defined $r->{json}{type};

    my $unknown = $r->{json}{type} =~ /unknown-outcome$/;
    my $retry = defined $r->{headers}{'retry-after'};

    return $unknown && $retry ? 'Retry-After with an unknown outcome'
         : !$unknown && !$retry ? '503 without Retry-After' : ();
}


sub _wrong_body {
    my ($self, $r, $answer, $method) = @_;

    my $type = ($r->{headers}{'content-type'} // '') =~ s/\s*;.*//r;
    my $content = $answer->{content};

    if ($method eq 'HEAD' || !$content) {
        return length $r->{body} ? 'a body where none belongs' : ();
    }

    my $media = $content->{$type} // return "type \"$type\"";

    if ($type !~ /json/) {
        return $self->{schema}->check($r->{body}, $media->{schema});
    }

    my $data = eval { $json->decode($r->{body}) };

    return defined $data ? $self->{schema}->check($data, $media->{schema})
        : 'body is no JSON';
}


sub done {
    my ($self) = @_;

    my $wrong = $self->{wrong};

    is(join("\n", map { "$_\n    $wrong->{$_}" } sort keys %$wrong), '',
        "all answers are as documented ($self->{judged})");
    $self->{system}->done;
}


sub user {
    my ($self, %fields) = @_;

    my $arm = delete $fields{arm};
    my $id = $fields{userId} //= unique('u');

    $fields{email} //= "$id\@example.com";
    $fields{deliveryAddress} //= "1 $id Lane";

    my $r = $self->ask('POST', '/api/users', json => \%fields, arm => $arm);

    $r->{status} == 201 or die "POST user: $r->{status} " . ($r->{body} // '');

    return { %{$r->{json}}, etag => $r->{headers}{etag} };
}


sub order {
    my ($self, %fields) = @_;

    $fields{productName} //= 'Fig tree';

    my $r = $self->ask('POST', '/api/orders', json => \%fields);

    $r->{status} == 201 or die "POST order: $r->{status} " . ($r->{body} // '');

    return { %{$r->{json}}, etag => $r->{headers}{etag} };
}


sub problem {
    my ($r, $status, $slug, $fields, $name) = @_;

    local $Test::Builder::Level = $Test::Builder::Level + 1;

    my $is = ref $r->{json} eq 'HASH' ? $r->{json} : {};
    my %seen;
    my @fields = grep { !$seen{$_}++ }
        sort map { $_->{field} } @{$is->{errors} // []};

    return is_deeply(
        {
            status => $r->{status},
            type => $r->{headers}{'content-type'},
            slug => $is->{type},
            in_body => $is->{status},
            message => $is->{message},
            fields => defined $fields ? "@fields" : undef,
        },
        {
            status => $status,
            type => 'application/problem+json',
            slug => "urn:ficus:problem/$slug",
            in_body => $status,
            message => $is->{detail} // 'some text',
            fields => $fields,
        },
        $name) || diag($r->{body} // $r->{error});
}


sub allow {
    my ($r) = @_;

    return join ' ', sort split /\s*,\s*/, $r->{headers}{allow} // '';
}


sub unique {
    my ($prefix) = @_;

    return sprintf '%s%d', $prefix, ++$ids;
}


sub decode { return $json->decode(shift) }

sub encode { return $json->encode(shift) }


sub soon {
    my ($code, $name) = @_;

    local $Test::Builder::Level = $Test::Builder::Level + 1;

    return ok(wait_for(10, $code), $name);
}


1;
