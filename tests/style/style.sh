#!/bin/sh
#
# Copyright (C) Ficus authors
#
# Usage: style.sh [FILE]...
#
# Checks the layout of C files, all of the project's when none is named:
# uncrustify says whether the white space is nginx's, style.awk says what no
# formatter checks.  Nothing is changed.  --fix FILE... lets uncrustify write.

set -eu

here=$(cd "$(dirname "$0")" && pwd)
rc=0
fix=no

if ! command -v uncrustify > /dev/null; then
    echo "uncrustify is not installed"
    exit 77
fi

if [ "${1:-}" = --fix ]; then
    fix=yes
    shift
fi

if [ $# -eq 0 ]; then
    # shellcheck disable=SC2046  # no name has blanks
    set -- $(sh "$here/files.sh" '*.[ch]')
fi

if [ $# -eq 0 ]; then
    exit 0
fi

layout() {
    uncrustify -q -l C -c "$here/uncrustify.cfg" -f "$1" \
    | awk -f "$here/layout.awk" "$1" -
}

for file do
    if [ $fix = yes ]; then
        fixed=$(mktemp)
        layout "$file" > "$fixed"
        cat "$fixed" > "$file"
        rm -f "$fixed"
    else
        layout "$file" | diff -u "$file" - || rc=1
    fi
done

awk -f "$here/style.awk" "$@" || rc=1

exit $rc
