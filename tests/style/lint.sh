#!/bin/sh
#
# Copyright (C) Ficus authors
#
# Usage: lint.sh shell|spelling|man|yaml|cppcheck|tidy
#
# One linter over all files that it is for.

set -eu

here=$(cd "$(dirname "$0")" && pwd)
build=${FICUS_BUILD:-build}

files() {
    sh "$here/files.sh" "$@"
}

need() {
    if ! command -v "$1" > /dev/null; then
        echo "$1 is not installed"
        exit 77
    fi
}

# each COMMAND...: appends the files of standard input, if there are any
each() {
    xargs -r "$@"
}

lint_shell() {
    need shellcheck

    files '*' | xargs -r grep -lE '^#!/bin/(ba)?sh$' /dev/null \
    | each shellcheck -x
    files '*.bash' | each shellcheck -s bash
}

lint_spelling() {
    need codespell

    files '*.[ch]' '*.md' '*.sh' '*.p[lm]' '*.t' '*.yaml' '*.conf' '*.js' \
        '*.html' 'docs/man/*' configure 'auto/*' Makefile \
    | each codespell --ignore-words "$here/spelling"
}

lint_man() {
    need mandoc

    files 'docs/man/*.[1-9]' | each mandoc -T lint -W warning
}

lint_yaml() {
    need yamllint

    files '*.yaml' '*.yml' | each yamllint -s -c "$here/yamllint.yaml"
}

lint_cppcheck() {
    need cppcheck

    files 'shared/*.c' 'common/*.c' 'workers/*.c' 'tools/*.c' \
        'nginx-module/*.c' 'tests/unit/*.c' 'tests/fuzz/*.c' \
        'tests/bench/*.c' 'docs/examples/*.c' \
    | each cppcheck --quiet --error-exitcode=1 --inline-suppr -j 2 \
        --std=c11 --enable=warning,performance,portability \
        --suppress=missingInclude --suppress=missingIncludeSystem \
        -Ishared -Icommon
}

# Takes seconds a file: one that was found clean is not looked at again until
# it, a header or the rules change.

lint_tidy() {
    need clang-tidy

    mkdir -p "$build/tidy"

    nginx=$build/nginx
    flags="$(sh "$here/flags.sh") -Wno-unknown-warning-option"
    module="-Icommon -I$nginx/src/core -I$nginx/src/event"
    module="$module -I$nginx/src/event/modules -I$nginx/src/os/unix"
    module="$module -I$nginx/objs -I$nginx/src/http"
    module="$module -I$nginx/src/http/modules -I$nginx/src/http/v2"
    module="$module $(pkg-config --cflags json-c 2> /dev/null || true)"

    files '*.h' '*.clang-tidy' > "$build/tidy/rules"
    touch -d 1970-01-02 "$build/tidy/newest"
    xargs -r ls -t < "$build/tidy/rules" | head -n 1 \
    | xargs -r -I '{}' touch -r '{}' "$build/tidy/newest"

    files 'shared/*.c' 'common/*.c' 'workers/*.c' 'tools/*.c' \
        'nginx-module/*.c' 'docs/examples/*.c' \
    | FLAGS=$flags MODULE=$module STAMPS=$build/tidy \
      each -n 1 -P 2 sh "$here/tidy.sh"
}

case ${1:-} in
    shell | spelling | man | yaml | cppcheck | tidy)
        "lint_$1"
    ;;
    *)
        echo "usage: lint.sh shell|spelling|man|yaml|cppcheck|tidy" >&2
        exit 2
    ;;
esac
