#!/bin/sh
#
# Copyright (C) Ficus authors
#
# Compares responders (bench_fcgi.c) behind one nginx: connections kept, and a
# new one for each request.  Every round runs all of them; the table has the
# medians.  About 80 s; ROUNDS and SECONDS_EACH change that.

set -eu

here=$(cd "$(dirname "$0")" && pwd)
build=${FICUS_BUILD:-$here/../../build}
bench=$build/tests/bench/bench_fcgi
nginx=${FICUS_NGINX:-$(command -v nginx || echo /usr/sbin/nginx)}
rounds=${ROUNDS:-3}
seconds=${SECONDS_EACH:-2}
variants='ficus queue inline libfcgi'

if ! command -v wrk > /dev/null; then
    echo 'fcgi.sh: wrk was not found' >&2
    exit 1
fi

[ "$rounds" -le 7 ] || rounds=7
dir=$(mktemp -d)
pids=

finish() {
    # shellcheck disable=SC2086  # pids are words
    [ -z "$pids" ] || kill $pids 2> /dev/null || true
    wait
    rm -rf "$dir"
}

trap finish EXIT
trap 'exit 1' INT TERM

port=$(perl -MIO::Socket::INET -e '
    print IO::Socket::INET->new(Listen => 1, LocalAddr => "127.0.0.1")->sockport')

upstreams() {
    for v in $variants; do
        echo "upstream $v { server unix:$dir/$v; keepalive 64; }"
    done
}

locations() {
    for v in $variants; do
        echo "location /kept/$v { fastcgi_keep_conn on; fastcgi_pass $v; }"
        echo "location /new/$v { fastcgi_pass unix:$dir/$v; }"
    done
}

[ "$(id -u)" -ne 0 ] || user='user root;'

cat > "$dir/nginx.conf" << END
${user:-}
daemon off;
worker_processes 2;
pid $dir/pid;
error_log $dir/error.log;
events { worker_connections 1024; }
http {
    access_log off;
    client_body_temp_path $dir/body;
    proxy_temp_path $dir/proxy;
    fastcgi_temp_path $dir/fastcgi;
    uwsgi_temp_path $dir/uwsgi;
    scgi_temp_path $dir/scgi;
    keepalive_requests 100000000;
    fastcgi_param QUERY_STRING \$query_string;
    fastcgi_param REQUEST_METHOD \$request_method;
    fastcgi_param CONTENT_TYPE \$content_type;
    fastcgi_param CONTENT_LENGTH \$content_length;
    fastcgi_param SCRIPT_NAME \$fastcgi_script_name;
    fastcgi_param REQUEST_URI \$request_uri;
    fastcgi_param SERVER_PROTOCOL \$server_protocol;
    fastcgi_param REMOTE_ADDR \$remote_addr;
    fastcgi_param SERVER_NAME \$server_name;
    $(upstreams)
    server {
        listen 127.0.0.1:$port;
        location /return { return 200 ok; }
        $(locations)
    }
}
END

for v in $variants; do
    "$bench" "$v" "$dir/$v" &
    pids="$pids $!"
done

"$nginx" -c "$dir/nginx.conf" -p "$dir" &
pids="$pids $!"

wait_for() {
    n=0

    until curl -sf -o "$dir/answer" "http://127.0.0.1:$port$1"; do
        n=$((n + 1))
        [ $n -lt 50 ] || { echo "fcgi.sh: no answer from $1" >&2; exit 1; }
        sleep 0.1
    done
}

load() {
    wrk -t2 -c64 "-d${seconds}s" --latency "http://127.0.0.1:$port$1" \
    | awk -v path="$1" '
        $1 == "50%" { p50 = $2 }
        $1 == "99%" { p99 = $2 }
        /^Requests\/sec/ { rate = $2 }
        /Non-2xx|Socket errors/ { bad = " errors" }
        END { print path, rate, p50, p99 bad }'
}

targets=/return

for v in $variants; do
    targets="$targets /kept/$v /new/$v"
    wait_for "/kept/$v"
done

round=0

while [ $round -lt "$rounds" ]; do
    round=$((round + 1))

    for target in $targets; do
        load "$target" >> "$dir/rounds"
    done
done

printf '%-15s %11s  %9s %9s  of nginx alone\n' responder requests/s p50 p99

for target in $targets; do
    grep "^$target " "$dir/rounds" | sort -k 2n \
    | awk '{ line[NR] = $0 } END { print line[int((NR + 1) / 2)] }'
done | awk '
    NR == 1 { alone = $2 }
    { printf "%-15s %11d  %9s %9s  %.2f %s\n", $1, $2, $3, $4, $2 / alone, $5 }'
