#!/bin/sh
#
# Copyright (C) Ficus authors
#
# Usage: run.sh BUILD SECONDS
#
# Runs every fuzz target of BUILD for so long, starting from its inputs in
# tests/fuzz/inputs.  What it learns is kept in BUILD/corpus, an input that did
# harm in BUILD/crashes: fix the code, then add that file to the inputs, where
# make check tries it for ever.  The inputs grow by what covers more code:
#
#     TARGET -merge=1 -use_counters=0 NEW tests/fuzz/inputs/NAME BUILD/corpus/NAME

set -eu

build=$1
seconds=$2
rc=0

for target in "$build"/tests/fuzz/fuzz_*; do
    [ -x "$target" ] || continue

    name=${target##*/fuzz_}
    mkdir -p "$build/corpus/$name" "$build/crashes"

    echo "$name: $seconds s"

    "$target" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=1024 \
        -verbosity=0 -print_final_stats=1 \
        -artifact_prefix="$build/crashes/$name-" \
        "$build/corpus/$name" "tests/fuzz/inputs/$name" || rc=1
done

[ $rc -eq 0 ] || echo "The inputs that did harm are in $build/crashes" >&2

exit $rc
