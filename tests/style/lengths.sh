#!/bin/sh
#
# Copyright (C) Ficus authors
#
# Usage: lengths.sh [FILE]...
#
# A function of C has at most 80 lines between its braces and 6 parameters, a
# file of any language at most 600 lines.

set -eu

here=$(cd "$(dirname "$0")" && pwd)

if [ $# -eq 0 ]; then
    # shellcheck disable=SC2046  # no name has blanks
    set -- $(sh "$here/files.sh" '*.[ch]' '*.p[lm]' '*.t' '*.sh' '*.js' \
             '*.awk' configure Makefile 'auto/*')
fi

if [ $# -eq 0 ]; then
    exit 0
fi

awk '
function end_of_file() {
    if (last != "" && lines > 600) {
        printf "%s: %d lines, 600 is the limit\n", last, lines
        bad = 1
    }
}

FNR == 1 {
    end_of_file()
    last = FILENAME
    head = name = ""
    start = 0
    c = FILENAME ~ /\.[ch]$/
}

{ lines = FNR }

# A definition: its name stands at the first column, and so does the brace.

c && !start && /^[a-z_][a-z_0-9]*\(/ {
    name = $0
    sub(/\(.*/, "", name)
    head = ""
}

c && !start && name != "" {
    head = head $0

    if ($0 ~ /;$/) {
        name = ""
    }
}

c && /^\{$/ && name != "" {
    start = FNR
    sub(/, *\.\.\./, "", head)
    commas = gsub(/,/, ",", head)

    if (commas > 5) {
        printf "%s:%d: %s() has %d parameters, 6 are the limit\n", \
            FILENAME, FNR, name, commas + 1
        bad = 1
    }
}

c && /^\}/ {
    if (start && FNR - start - 1 > 80) {
        printf "%s:%d: %s() has %d lines, 80 are the limit\n", \
            FILENAME, start, name, FNR - start - 1
        bad = 1
    }

    start = 0
    name = ""
}

END {
    end_of_file()
    exit bad
}
' "$@"
