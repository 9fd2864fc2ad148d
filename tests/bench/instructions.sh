#!/bin/sh
#
# Copyright (C) Ficus authors
#
# How many instructions nginx spends on a request, in user mode, counted by
# callgrind: through a fixed upstream, and what split_clients and a keyed split
# add to it.  The slope between two numbers of requests on one connection, so
# that the start does not count; the event loop is left out where nginx has
# symbols, since how often it turns is the machine's business.  Exits with 1
# when a split adds more than MAX.
#
# Usage: instructions.sh [MAX]; FICUS_NGINX and FICUS_MODULE name what to run,
# FICUS_KEY is the key, FICUS_SPLIT more directives of the split.

set -eu

max=${1:-900}
here=$(cd "$(dirname "$0")" && pwd)
nginx=${FICUS_NGINX:-$(command -v nginx || echo /usr/sbin/nginx)}
module=${FICUS_MODULE:-$here/../../build/ngx_http_strangler_module.so}
port=${FICUS_BENCH_PORT:-18470}
few=1000
many=3000

for tool in valgrind callgrind_annotate curl; do
    if ! command -v $tool > /dev/null; then
        echo "instructions: $tool was not found" >&2
        exit 1
    fi
done

dir=$(mktemp -d "${TMPDIR:-/tmp}/ficus-instructions.XXXXXX")
pids=

finish() {
    for pid in $pids; do
        kill "$pid" 2> /dev/null || :
    done
    rm -rf "$dir"
}
trap finish EXIT
trap 'exit 1' INT TERM

mkdir "$dir/logs" "$dir/state"
chmod 755 "$dir"
chmod 777 "$dir/state"        # nginx says so where its user may not write

# $1 file, $2 what is in http{}
configuration() {
    cat > "$dir/$1" << END
load_module $module;
daemon off;
master_process off;
pid $dir/$1.pid;
error_log $dir/logs/$1.log error;
events { worker_connections 64; }
http {
    access_log off;
    keepalive_requests 100000;
    client_body_temp_path $dir/t1;
    proxy_temp_path $dir/t2;
    fastcgi_temp_path $dir/t3;
    uwsgi_temp_path $dir/t4;
    scgi_temp_path $dir/t5;
    proxy_http_version 1.1;
    proxy_set_header Connection "";
    $2
}
END
}

reached() {
    for _ in $(seq 200); do
        if curl -s -o /dev/null "http://127.0.0.1:$1/"; then
            return 0
        fi
        sleep 0.1
    done
    echo "instructions: nothing listens on port $1" >&2
    cat "$dir"/logs/* >&2
    return 1
}

configuration backend "server {
    listen 127.0.0.1:$port; keepalive_timeout 600s; return 200 ok; }"
configuration gateway "
    upstream a { server 127.0.0.1:$port; keepalive 4; }
    upstream b { server 127.0.0.1:$port; keepalive 4; }
    split_clients \$cookie_uid \$clients { 50% a; * b; }
    upstream users {
        strangler zone=users:512k state=$dir/state;
        strangler_key \$cookie_uid;
        ${FICUS_SPLIT:-}
        arm v1=a weight=50;
        arm v2=b;
    }
    server {
        listen 127.0.0.1:$((port + 1));
        location / { return 204; }
        location /fixed { proxy_pass http://a; }
        location /clients { proxy_pass http://\$clients; }
        location /split { proxy_pass http://users; }
    }"

"$nginx" -p "$dir" -c "$dir/backend" -e "$dir/logs/early" &
pids=$!
reached "$port"

# $1 path, $2 how many requests; prints instructions
count() {
    rm -f "$dir"/callgrind.out*
    valgrind --tool=callgrind --callgrind-out-file="$dir/callgrind.out" \
        --log-file="$dir/logs/valgrind" \
        "$nginx" -p "$dir" -c "$dir/gateway" -e "$dir/logs/early" &
    gateway=$!
    pids="$pids $gateway"
    reached $((port + 1))

    curl -s -o /dev/null -H "Cookie: uid=${FICUS_KEY:-user-4711}" \
        "http://127.0.0.1:$((port + 1))/$1?n=[1-$2]"

    kill -QUIT "$gateway"
    wait "$gateway" || :

    callgrind_annotate --threshold=100 --inclusive=no --tree=none \
        --show-percs=no --auto=no "$dir/callgrind.out" 2> /dev/null \
    | awk '
        /PROGRAM TOTALS/ { gsub(",", "", $1); total = $1 }
        /:(ngx_epoll_|ngx_process_events|ngx_event_(expire|find|process|no)|ngx_time_update|ngx_monotonic|ngx_single_process|.*epoll_wait|.*clock_gettime|.*gettimeofday)/ {
            gsub(",", "", $1); loop += $1 }
        END { printf "%d\n", total - loop }'
}

slope() {
    low=$(count "$1" $few)
    high=$(count "$1" $many)
    echo $(((high - low) / (many - few)))
}

fixed=$(slope fixed)
clients=$(slope clients)
split=$(slope split)

printf '%-28s %8s %8s\n' 'instructions a request' '' added
printf '%-28s %8d\n' 'fixed upstream' "$fixed"
printf '%-28s %8d %8d\n' 'split_clients' "$clients" $((clients - fixed))
printf '%-28s %8d %8d  (at most %d)\n' 'split with a key' "$split" \
    $((split - fixed)) "$max"

[ $((split - fixed)) -le "$max" ]
