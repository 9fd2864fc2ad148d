#!/bin/sh
#
# Copyright (C) Ficus authors
#
# Checks that the files which the documents name exist: links relative to the
# document, and words that begin with one of our folders, such as
# shared/fig_app.c, relative to the top.  A word may be a pattern
# (tests/nginx/4*.t); one with NAME in it is an example.

set -eu

here=$(cd "$(dirname "$0")" && pwd)

folders() {
    sh "$here/files.sh" '*' | sed -n 's,^\([a-z][^/]*\)/.*,\1,p' | sort -u
}

# LINE:TARGET of the links of a document, but for those to elsewhere
links() {
    grep -noE '\]\([^)]+\)' "$1" | sed -E 's/\]\(([^)#]*).*/\1/' \
    | grep -vE ':([a-z]+:|$)' || true
}

# LINE:WORD of its words that are paths
words() {
    grep -noE "(^|[^A-Za-z0-9_./<-])($2)/[A-Za-z0-9_./*?-]*" "$1" \
    | sed -E 's/^([0-9]+):[^A-Za-z0-9]/\1:/; s/[.:]$//' \
    | grep -v NAME || true
}

exists() {
    # shellcheck disable=SC2086  # a pattern
    set -- $1
    [ -e "$1" ]
}

names=$(folders | tr '\n' '|')
bad=$(mktemp)
trap 'rm -f "$bad"' EXIT

sh "$here/files.sh" '*.md' | while read -r file; do

    links "$file" | while IFS=: read -r line target; do
        [ -e "$(dirname "$file")/$target" ] \
        || echo "$file:$line: there is no $target"
    done

    words "$file" "${names%|}" | while IFS=: read -r line word; do
        exists "$word" || echo "$file:$line: there is no $word"
    done

done > "$bad"

sort -u "$bad"
[ ! -s "$bad" ]
