#!/bin/sh
#
# Copyright (C) Ficus authors
#
# Usage: coverage.sh BUILD
#
# Reports which lines the tests of a build made with COVERAGE=yes went
# through: a table per file on the terminal, pages in BUILD/report.

set -eu

build=$1

if ! command -v gcovr > /dev/null; then
    echo "gcovr was not found; type: apt-get install gcovr" >&2
    exit 1
fi

mkdir -p "$build/report"

gcovr --root . --gcov-ignore-parse-errors \
    --filter 'shared/' --filter 'common/' --filter 'workers/' \
    --filter 'nginx-module/' --filter 'tools/' \
    --html-details "$build/report/index.html" --txt - "$build"

echo "$build/report/index.html has the lines"
