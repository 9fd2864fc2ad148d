#!/bin/sh
#
# Copyright (C) Ficus authors
#
# The layout of what a browser reads, and of its tests: 80 columns, no tabs, no
# blanks at the end of a line, no function longer than 80 lines, a copyright;
# files of at most 300 lines.  In web/ nothing that parses text as markup or as
# a program, no style or script in the markup, no address outside.  node says
# whether a script can be read at all.

set -eu

here=$(cd "$(dirname "$0")" && pwd)
rc=0

pages() {
    sh "$here/files.sh" 'web/*.js' 'web/*.css' 'web/*.html' 'web/*.svg' "$@"
}

# none WHY REGEX: no line in web/ matches
none() {
    if found=$(pages | xargs -r grep -nE -e "$2" /dev/null); then
        echo "$found" | sed "s|\$|  <- $1|"
        rc=1
    fi
}

pages 'tests/web/*.mjs' | xargs -r awk -f "$here/pages.awk" || rc=1

none "parses markup" 'innerHTML|outerHTML|insertAdjacentHTML|DOMParser|document\.write|createContextualFragment'
none "runs text" '(^|[^A-Za-z])(eval|Function)\(|javascript:'
none "in the markup" '<(script|style)>|<[^>]* (style|on[a-z]+)='
none "an address outside" '(src|href)="(https?:)?//|import .*https?:|url\((https?:)?//'

if command -v node > /dev/null; then
    pages 'tests/web/*.mjs' | grep -E '\.m?js$' | while read -r file; do
        node --input-type=module --check < "$file" 2>&1 \
        || { echo "$file: node cannot read it"; exit 1; }
    done || rc=1
fi

exit $rc
