#!/bin/sh
#
# Copyright (C) Ficus authors
#
# Runs nginx's own tests (https://github.com/nginx/nginx-tests, which are not
# part of this repository) with the module loaded and a split in http{}, so
# that its handlers and filters are at work.  What fails is run again without
# the module: only what then passes is counted against the module, and the
# script exits with 1.  Take the tests of the time of that nginx: an older one
# fails many of the newest.
#
# With FRONT=yes a split stands in front of whatever is passed to an upstream
# or an address, too: both arms lead there.  Without the module it is another
# name of the same.
#
# Usage: nginx-tests.sh DIR [TEST]...; TESTs are file names in DIR, all of them
# if none is given.  FICUS_NGINX and FICUS_MODULE name what to run, JOBS how
# many tests at a time (2).

set -eu

if [ $# -eq 0 ] || [ ! -f "$1/lib/Test/Nginx.pm" ]; then
    echo "usage: nginx-tests.sh DIR [TEST]...; DIR is a copy of nginx-tests" >&2
    exit 2
fi

here=$(cd "$(dirname "$0")" && pwd)
module=${FICUS_MODULE:-$here/../build/ngx_http_strangler_module.so}
nginx=${FICUS_NGINX:-$(command -v nginx || echo /usr/sbin/nginx)}

cd "$1"
shift
[ $# -gt 0 ] || set -- *.t

if [ ! -f "$module" ]; then
    echo "nginx-tests: $module was not found" >&2
    exit 2
fi

dir=$(mktemp -d "${TMPDIR:-/tmp}/ficus-nginx-tests.XXXXXX")
log=$dir/log
trap 'rm -rf "$dir"' EXIT
trap 'exit 1' INT TERM

# the tests would load all dynamic modules that -V tells of, installed or not
cat > "$dir/nginx" << END
#!/bin/sh
if [ "\$*" = -V ]; then
    "$nginx" -V 2>&1 | sed 's/--with-[a-z_]*=dynamic//g' >&2
    exit
fi
[ -z "\$FRONT" ] || [ "\$1" != -p ] || perl "$here/nginx-front.pl" "\$2/nginx.conf"
exec "$nginx" "\$@"
END
chmod +x "$dir/nginx"
TEST_NGINX_BINARY=$dir/nginx
export TEST_NGINX_BINARY
front=${FRONT:-}

split='
    upstream ficus_arm { server 127.0.0.1:1; }
    upstream ficus_split {
        strangler zone=ficus_split:4m;
        strangler_rescue;
        strangler_breaker;
        arm a=ficus_arm weight=50;
        arm b=ficus_arm;
    }'

# worker processes of another user could not read the tests' directories
user=
[ "$(id -u)" -ne 0 ] || user='user root root;'

# $1 with or without; prints what prove says of the tests that follow
run() {
    if [ "$1" = with ]; then
        TEST_NGINX_GLOBALS="load_module $module; $user"
        TEST_NGINX_GLOBALS_HTTP=$split
        FRONT=${front:+split}

    else
        TEST_NGINX_GLOBALS=$user
        TEST_NGINX_GLOBALS_HTTP=
        FRONT=${front:+name}
    fi

    shift
    export TEST_NGINX_GLOBALS TEST_NGINX_GLOBALS_HTTP FRONT
    prove "$@" 2>&1 < /dev/null || :
}

# the assertions of one test that fail, in order; or that it does not end
failures() {
    run "$1" -v "$2" | sed -n '
        /^not ok .*# T[O]DO/d
        /^not ok /p
        s/^ *Parse errors: \(Bad\|No\) plan.*/does not end/p' | sort
}

run with -j "${JOBS:-2}" -Q "$@" > "$log"

both=
only=

sed -n 's/^\([a-z0-9_]*\.t\) *(Wstat.*/\1/p' "$log" > "$dir/failed"

while read -r test; do
    failures with "$test" > "$dir/with"
    failures without "$test" > "$dir/without"

    if [ -n "$(comm -23 "$dir/with" "$dir/without")" ]; then
        only="$only $test"
        echo "$test fails with the module alone:"
        comm -23 "$dir/with" "$dir/without"

    else
        both="$both $test"
    fi
done < "$dir/failed"

tail -n 2 "$log"
echo "nginx-tests: fail in the same way without the module:${both:- none}"
echo "nginx-tests: fail with the module alone:${only:- none}"

[ -z "$only" ]
