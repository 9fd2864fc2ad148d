#!/bin/sh
#
# Copyright (C) Ficus authors
#
# Usage: commits.sh [BASE]
#
# Checks the messages of the commits since BASE, by default since the branch
# that the current one follows: `Area: did what' in at most 72 columns, an
# empty line, and a body wrapped at 72 that says why.

set -eu

base=${1:-${BASE:-}}

if ! git rev-parse HEAD > /dev/null 2>&1; then
    echo "not a repository, no commits to check"
    exit 0
fi

if [ -z "$base" ]; then
    base=$(git rev-parse --abbrev-ref '@{upstream}' 2> /dev/null) || base=HEAD
fi

git log --no-merges --format='commit %h%n%B' "$base..HEAD" | awk '
function say(message) {
    printf "%s: %s: %s\n", commit, message, subject
    bad = 1
}

# Past tense: some verbs have a form of their own.

function past(verb) {
    return verb ~ /ed$/ || verb ~ /^(began|broke|brought|built|chose|cut|did|found|gave|got|held|hid|kept|laid|left|let|lost|made|met|put|ran|read|rewrote|sent|set|shut|split|spoke|sped|took|taught|told|went|wrote)$/
}

function check_subject() {
    if (length(subject) > 72) {
        say("subject is longer than 72 columns")
    }

    if (subject !~ /^[A-Z][A-Za-z0-9 ,.\/-]*: [a-z]/) {
        say("subject is not `Area: did what`")
        return
    }

    verb = subject
    sub(/^[^:]*: /, "", verb)
    sub(/[^a-z].*/, "", verb)

    if (!past(verb)) {
        say("`" verb "` is not in the past tense")
    }

    if (subject ~ /\.$/) {
        say("subject ends with a full stop")
    }
}

/^commit [0-9a-f]+$/ {
    commit = $2
    at = 0
    next
}

{ at++ }

at == 1 {
    subject = $0
    check_subject()
}

at == 2 && $0 != "" {
    say("no empty line after the subject")
}

# what cannot be wrapped: a URL, or a quotation, which is indented
at > 2 && length($0) > 72 && $0 !~ /^[ >]/ && $0 ~ / / && $0 !~ /:\/\// {
    say("line of the body is longer than 72 columns")
}

END { exit bad }
'
