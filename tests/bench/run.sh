#!/bin/sh
#
# Copyright (C) Ficus authors
#
# Runs the benchmarks one after another: what a split costs and what a change of
# its weights does, what shadows cost, users and orders through the whole
# system, how soon orders follow, the responder, the store and the events by
# themselves.
# Usage: run.sh [NAME]...; ROUNDS and SECONDS_EACH bound the loads.

set -eu

here=$(cd "$(dirname "$0")" && pwd)
build=${FICUS_BUILD:-$here/../../build}
rounds=${ROUNDS:-7}
seconds=${SECONDS_EACH:-2}

for tool in wrk perl; do
    if ! command -v $tool > /dev/null; then
        echo "bench: $tool was not found; ./configure --install-deps" >&2
        exit 1
    fi
done

bench() {
    case $1 in
        gateway | shadow | system | fcgi)
            perl "$here/$1.pl" "$rounds" "$seconds" | grep -v '^ok\|^1\.\.'
            ;;
        lag | overload)
            perl "$here/$1.pl" 3 "$seconds" | grep -v '^ok\|^1\.\.' ;;
        change | memory) perl "$here/$1.pl" | grep -v '^ok\|^1\.\.' ;;
        instructions) sh "$here/$1.sh" ;;
        store)
            "$build/tests/bench/bench_store"
            printf '\nMongoDB protocol\n'
            sh "$here/mongo.sh"
            ;;
        *) "$build/tests/bench/bench_$1" ;;
    esac
}

[ $# -gt 0 ] \
|| set -- instructions gateway change shadow system lag overload memory fcgi store events resync

for name in "$@"; do
    printf '\n== %s\n' "$name"
    bench "$name"
done
