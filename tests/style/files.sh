#!/bin/sh
#
# Copyright (C) Ficus authors
#
# Usage: files.sh PATTERN...
#
# Prints the files of the project, those not committed yet too, whose names
# match one of the patterns of case; in the current directory, which need not
# be a repository.

set -eu

list() {
    if [ "$(git rev-parse --show-prefix 2> /dev/null || echo none)" = "" ]; then
        git ls-files --cached --others --exclude-standard
    else
        find . \( -name .git -o -path ./build -o -path ./run \) -prune \
            -o -type f -print | sed 's,^\./,,'
    fi
}

list | sort -u | while read -r file; do
    [ -f "$file" ] || continue

    for pattern do
        # shellcheck disable=SC2254  # it is a pattern
        case $file in
            $pattern)
                echo "$file"
                break
            ;;
        esac
    done
done
