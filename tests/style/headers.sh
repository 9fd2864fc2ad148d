#!/bin/sh
#
# Copyright (C) Ficus authors
#
# Usage: headers.sh [FILE]...
#
# Every header of shared/ and common/ compiles alone, and its guard is named
# after it.  The flags are those of the build.

set -eu

here=$(cd "$(dirname "$0")" && pwd)
log=$(mktemp)
rc=0

trap 'rm -f "$log"' EXIT

if [ $# -eq 0 ]; then
    # shellcheck disable=SC2046  # no name has blanks
    set -- $(sh "$here/files.sh" 'shared/*.h' 'common/*.h')
fi

flags=$(sh "$here/flags.sh")

for file do
    guard=$(basename "$file" .h | tr 'a-z-' 'A-Z_')_H_INCLUDED

    if ! grep -qx "#ifndef $guard" "$file"; then
        echo "$file: the guard is not $guard"
        rc=1
    fi

    # twice: the guard works
    # shellcheck disable=SC2086  # flags are words
    if ! printf '#include "%s"\n#include "%s"\n' "$file" "$file" \
         | ${CC:-cc} -I. $flags -fsyntax-only -x c - > "$log" 2>&1
    then
        echo "$file: does not compile alone"
        sed 's/^/    /' "$log"
        rc=1
    fi
done

exit $rc
