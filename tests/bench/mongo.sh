#!/bin/sh
#
# Copyright (C) Ficus authors
#
# The store on the server of MONGODB_URI, in a database that is left there, or
# on FerretDB, which reads all users for each change, so that there are few.

set -eu

here=$(cd "$(dirname "$0")" && pwd)
build=${FICUS_BUILD:-$here/../../build}
ferretdb=${FICUS_FERRETDB:-$here/../../build/ferretdb}

if [ -n "${MONGODB_URI:-}" ]; then
    options=
    case $MONGODB_URI in *\?*) options="?${MONGODB_URI#*\?}" ;; esac
    hosts=${MONGODB_URI#mongodb://}

    exec "$build/tests/bench/bench_store" 1 \
        "mongodb://${hosts%%[/?]*}/ficus_bench_$$$options"
fi

if [ ! -x "$ferretdb" ]; then
    echo "not measured: neither MONGODB_URI nor build/ferretdb, which needs Go"
    exit 0
fi

dir=$(mktemp -d)
mkdir "$dir/data"
"$ferretdb" "$dir/data" > "$dir/uri" &
pid=$!
trap 'kill $pid; wait $pid || true; rm -rf "$dir"' EXIT

i=0
until [ -s "$dir/uri" ] || [ $i -eq 100 ]; do
    i=$((i + 1))
    sleep 0.1
done

"$build/tests/bench/bench_store" 1 "$(cat "$dir/uri")bench" 1000
