#!/bin/sh
#
# Copyright (C) Ficus authors
#
# Usage: tidy.sh FILE, by lint.sh only, which sets FLAGS, MODULE and STAMPS

set -eu

: "${FLAGS:?}" "${MODULE:?}" "${STAMPS:?}"

file=$1
stamp=$STAMPS/$(echo "$file" | tr / -).ok
flags=$FLAGS

if [ -f "$stamp" ] \
   && [ -n "$(find "$stamp" -newer "$file" -newer "$STAMPS/newest")" ]
then
    exit 0
fi

case $file in
    nginx-module/*)
        flags=$MODULE

        if [ ! -f "${STAMPS%/tidy}/nginx/objs/ngx_auto_config.h" ]; then
            echo "$file: make nginx first, its headers are needed"
            exit 1
        fi
    ;;
esac

rm -f "$stamp"

# shellcheck disable=SC2086  # flags are words
if out=$(clang-tidy --quiet "$file" -- $flags 2>&1); then
    touch "$stamp"
else
    echo "$out" | grep -v 'warnings\{0,1\} generated\|^Suppressed'
    exit 1
fi
