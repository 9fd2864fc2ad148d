#!/bin/sh
#
# Copyright (C) Ficus authors
#
# The gates themselves: a small good project passes each of them, and each of
# the faults put into it, one at a time, is found and named.

set -eu

here=$(cd "$(dirname "$0")" && pwd)
dir=$(mktemp -d)
rc=0
count=0

trap 'rm -rf "$dir"' EXIT

# A C file: the head that all have, then standard input.
c_file() {
    mkdir -p "$dir/$(dirname "$1")"
    printf '\n/*\n * Copyright (C) Ficus authors\n */\n\n\n' > "$dir/$1"
    cat >> "$dir/$1"
}

file() {
    mkdir -p "$dir/$(dirname "$1")"
    cat > "$dir/$1"
}

# The project that has nothing wrong.
good() {
    rm -rf "$dir"
    mkdir -p "$dir"

    for header in fig_log:fig_log fig_store:fig_store common:rfc8259; do
        name=${header#*:}
        guard=$(echo "$name" | tr '[:lower:]' '[:upper:]')_H_INCLUDED
        place=shared
        [ "${header%:*}" = common ] && place=common

        c_file "$place/$name.h" << END
#ifndef $guard
#define $guard


int $name(int n);


#endif /* $guard */
END
    done

    c_file shared/fig_store.c << END
#include "fig_log.h"
#include "fig_store.h"


static int  calls;


int
fig_store(int n)
{
    int          twice;
    const char  *name;

    name = "ficus_store_calls_total";
    twice = 2 * n;

    if (twice == 4) {
        calls++;

    } else {
        calls += name[0];
    }

    return fig_log(calls);
}
END

    c_file workers/users_v1.c << END
#include "fig_store.h"


static const fig_route_t  routes[] = {
    { "GET", "/api/users", 0 },
};

static const fig_setting_t  settings[] = {
    { "store-uri", "FICUS_STORE", 0 },
};

static const fig_worker_t  worker = {
    .name = "users-v1"
};


int
main(int argc, char **argv)
{
    return fig_main(&worker, argc, argv);
}
END

    c_file workers/workers.h << END
#ifndef WORKERS_H_INCLUDED
#define WORKERS_H_INCLUDED


#define WORKERS(row)                                                          \\
    row("users-v1", "users", "users")


#endif /* WORKERS_H_INCLUDED */
END

    echo '| users-v1 | users_v1.c |' | file workers/README.md
    echo 'listen  /run/ficus/users-v1.sock' | file conf/users-v1.conf
    echo 'fastcgi_pass users;' | file conf/gateway.conf
    file conf/nginx.conf << END
upstream users {
    arm v1=users-v1 weight=100 baseline;
}

upstream users-v1 {
}

map "" \$ficus_workers {
    default '["users-v1"]';
}
END

    c_file workers/domain/rules.c << END
#include "fig_store.h"
END

    c_file nginx-module/ngx_http_strangler_module.c << END
static ngx_command_t  commands[] = {

    { ngx_string("strangler_key"),
      0 },

      ngx_null_command
};
END

    file docs/man/users-v1.8 << END
.Dd November 21, 2026
.Dt USERS-V1 8
.Os
.Sh NAME
.Nm users-v1
.Nd first generation of the user service
.Sh DESCRIPTION
.Bl -tag -width Ds
.It Fl -store-uri Ar uri
The store;
.Ev FICUS_STORE .
.It Pa /api/users
Lists; counts in ficus_store_calls_total and strangler_key.
.El
END

    file web/page/main.js << END
// Copyright (C) Ficus authors

export function show(text) {
    document.body.textContent = text;
}
END

    file web/page/index.html << END
<!-- Copyright (C) Ficus authors -->
<p class="style">No <a href="api/v1">script</a> here.</p>
END

    file docs/guide.md << END
Read [the page](man/users-v1.8), which is docs/man/users-v1.8, [the
web](https://example.org/), shared/fig_*.c and workers/NAME.c.
END
}

gate() {
    (
        cd "$dir" || exit 2

        case $1 in
            manual | workers) perl "$here/$1.pl" ;;
            lint-*) FICUS_BUILD=$dir/build sh "$here/lint.sh" "${1#lint-}" ;;
            *)      sh "$here/$1.sh" ;;
        esac
    )
}

# passes GATE: the good project does
passes() {
    good
    count=$((count + 1))

    code=0
    out=$(gate "$1" 2>&1) || code=$?

    if [ $code -ne 0 ] && [ $code -ne 77 ]; then
        echo "$1 fails on what is right:"
        echo "$out"
        rc=1
    fi
}

# finds GATE TEXT: the fault just made is found, and told with TEXT
finds() {
    count=$((count + 1))

    code=0
    out=$(gate "$1" 2>&1) || code=$?

    if [ $code -eq 77 ]; then
        echo "$1: $out, not tested"
    elif [ $code -eq 0 ] || ! echo "$out" | grep -qF -e "$2"; then
        echo "$1 does not find what it should call \"$2\" (status $code):"
        echo "$out"
        rc=1
    fi

    good
}

# edit FILE SED-SCRIPT
edit() {
    sed -i -E "$2" "$dir/$1"
}

for name in style layers lengths headers banned pages manual workers links \
    lint-shell lint-spelling lint-man lint-yaml lint-cppcheck
do
    passes $name
done

store=shared/fig_store.c

edit $store 's/2 \* n/2  \*  (n )/'
finds style "-    twice = "
edit $store 's/twice = 2/twice =2/'
finds style "+    twice = 2"
edit $store 's/^    int          twice/    int twice/'
finds style "two blanks"
edit $store 's/^    int          twice/    int      twice/'
finds style "not aligned"
edit $store '/^    int  /{h;d}; /^    const/G'
finds style "not sorted"
edit $store '/^$/{N;/\n    } else/D}'
finds style "no empty line before else"
edit $store 's,(calls\+\+;),\1 // one more,'
finds style "// comment"
edit $store 's,^    return,\t return,'
finds style "tab"
edit $store 's,return fig_log,return 10000000000000000000 + 10000000000000000000 + 10000000000000000000 + fig_log,'
finds style "longer than 80"
edit $store '/^static int/{n;N;d}'
finds style "two empty lines before a function"
edit $store '/Copyright/d'
finds style "no copyright"

edit $store 's/fig_log.h/fig_app.h/'
finds layers "must not include fig_app"
edit $store 's/fig_log.h/fig_unheard.h/'
finds layers "has no level"
edit $store 's/fig_log.h/users.h/'
finds layers "shared/ must not include"
edit shared/fig_log.h 's/^int /#include "fig_hash.h"\n&/'
echo '#include "fig_log.h"' | c_file shared/fig_hash.c
finds layers "in a circle"
edit workers/users_v1.c 's/fig_store.h/orders.h/'
finds layers "a worker or tool must not"
echo '#include "../users_v1/main.h"' | c_file workers/orders/main.c
finds layers "a worker or tool must not"
edit nginx-module/ngx_http_strangler_module.c '5s/.*/#include "fig_log.h"/'
finds layers "nginx-module/ must not include"
echo '#include "ngx_http_strangler_api.h"' \
    | c_file nginx-module/ngx_http_strangler_zone.c
finds layers "level 2 must not include"
edit common/rfc8259.h 's/^int /#include "fig_log.h"\n&/'
finds layers "common/ must not include"

edit $store "s/^    return/$(printf '    n++;\\n%.0s' $(seq 81))&/"
finds lengths "fig_store() has"
edit $store 's/\(int n\)$/(int a, int b, int c, int d, int e, int f, int g)/'
finds lengths "has 7 parameters"
seq 601 | file tests/long.pm
finds lengths "601 lines"

edit shared/fig_log.h 's/int n/size_t n/'
finds headers "does not compile alone"
edit shared/fig_log.h 's/FIG_LOG_H_INCLUDED/LOG_H/'
finds headers "the guard is not"

for call in "strcpy(a, b)" "sprintf(a, b)" "gets(a)" "alloca(1)" "atoi(a)" \
    "strtok(a, b)" "localtime(t)"
do
    edit $store "s/^    return/    (void) $call;\n&/"
    finds banned "$call"
done

edit nginx-module/ngx_http_strangler_module.c '5s/.*/void *p = malloc(1);/'
finds banned "nginx's own"
edit nginx-module/ngx_http_strangler_module.c '5s/.*/int i = usleep(1);/'
finds banned "event loop"
printf 'cd /%s/somebody/ficus\n' home | file build.txt
finds banned "one machine"
printf 'echo > /%s/ficus.log\n' tmp | file tests/x.sh
finds banned "mktemp"
echo "-----BEGIN RSA PRIVATE"" KEY-----" | file conf/key.pem
finds banned "private key"
edit $store "s,^    return,    /* TO""DO: count */\n&,"
finds banned "write an issue"

page=web/page/main.js

edit $page 's/textContent/innerHTML/'
finds pages "parses markup"
edit $page 's/document.*/eval(text);/'
finds pages "runs text"
edit $page "s/text;/text + '$(printf '%080d' 0)';/"
finds pages "longer than 80"
edit $page 's/text;/text; /'
finds pages "blanks at the end"
edit $page "s/^}/$(printf '    text += 1;\\n%.0s' $(seq 81))&/"
finds pages "more than 80 lines"
edit $page '/Copyright/d'
finds pages "no copyright"
seq 301 >> "$dir/$page"
finds pages "300 is the limit"

if command -v node > /dev/null; then
    edit $page 's/\(text\)/(text/'
    finds pages "cannot read it"
fi

edit web/page/index.html 's/class/style/'
finds pages "in the markup"
edit web/page/index.html 's,"api,"https://api,'
finds pages "an address outside"

edit docs/man/users-v1.8 's/strangler_key/strangler_keys/'
finds manual "directive strangler_key is not"
edit docs/man/users-v1.8 's/_calls_total/_calls/'
finds manual "metric ficus_store_calls_total is not"
edit docs/man/users-v1.8 's,Pa /api/users,Pa /api/users/id,'
finds manual "route /api/users is not"
edit docs/man/users-v1.8 's/-store-uri/-store/'
finds manual "setting --store-uri is not"
edit docs/man/users-v1.8 '/Ev/d'
finds manual "setting FICUS_STORE is not"
rm "$dir/docs/man/users-v1.8"
finds manual "there is no docs/man/users-v1.8"

edit workers/workers.h 's/row\(.*/row("stats", "stats", NULL)/'
finds workers "stats has no workers/stats.c"
edit workers/workers.h 's/row\(.*/row("stats", "stats", NULL)/'
finds workers "workers/users_v1.c: users-v1 is not in workers/workers.h"
edit workers/workers.h '/row\(.*/d'
finds workers "no worker was recognized"
edit workers/users_v1.c 's/name = "users-v1"/name = "users"/'
finds workers 'its name is not "users-v1"'
rm "$dir/docs/man/users-v1.8"
finds workers "users-v1 has no docs/man/users-v1.8"
rm "$dir/conf/users-v1.conf"
finds workers "users-v1 has no conf/users-v1.conf"
edit conf/nginx.conf 's/^upstream users-v1/upstream users-v2/'
finds workers "there is no upstream users-v1"
edit conf/nginx.conf 's/=users-v1/=users-v2/'
finds workers "no location leads to users-v1"
edit conf/nginx.conf 's/"users-v1"/"users-v2"/'
finds workers "ficus_workers is not"
edit workers/README.md 's/users-v1/users-v2/'
finds workers "there is no row of users-v1"

edit docs/guide.md 's,\(man/users-v1.8,(man/users-v3.8,'
finds links "docs/guide.md:1: there is no man/users-v3.8"
edit docs/guide.md 's,is docs/man/users-v1.8,is docs/man/users-v3.8,'
finds links "docs/guide.md:1: there is no docs/man/users-v3.8"
edit docs/guide.md 's,shared/fig_,shared/gif_,'
finds links "docs/guide.md:2: there is no shared/gif_*.c"

printf '#!/bin/sh\nrm -rf %s/*\n' "\$1" | file x.sh
finds lint-shell "SC2086"
echo "It was reci""eved." | file README.md
finds lint-spelling "received"
edit docs/man/users-v1.8 's/^\.El$//'
finds lint-man "users-v1.8"
printf 'a: 1\na: 2\n' | file k8s/x.yaml
finds lint-yaml "duplication"
edit $store 's/^    return/    int  a[2];\n    a[2] = n;\n&/'
finds lint-cppcheck "out of bounds"
cp "$here/../../.clang-tidy" "$dir"
edit $store 's/^    return/    if (n) n++;\n&/'
finds lint-tidy "statement should be inside braces"

# The driver of make check: what it counts, and how it ends.
cp "$here/../run.pl" "$dir/tests.pl"
mkdir -p "$dir/tests/nginx"
mv "$dir/tests.pl" "$dir/tests/run.pl"
echo 'use Test::More; ok 1; ok 0; SKIP: { skip "no x", 1 } done_testing;' \
    > "$dir/tests/nginx/counts.t"
echo 'use Test::More; ok 1; done_testing; kill 9, $$;' \
    > "$dir/tests/nginx/crashes.t"
echo 'use Test::More skip_all => "no y";' > "$dir/tests/nginx/skips.t"
echo 'use Test::More tests => 2; ok 1;' > "$dir/tests/nginx/stops.t"

# drives WANTED [CI]: the last line is WANTED and the status is not 0
drives() {
    count=$((count + 1))
    code=0
    out=$(CI=${2:-} FICUS_BUILD=$dir/build TESTS='' \
          perl "$dir/tests/run.pl" nginx 2>&1) || code=$?

    if [ "$code" -ne 1 ] || [ "$(echo "$out" | tail -n 1)" != "$1" ]; then
        echo "the driver does not end with \"$1\" (status $code):"
        echo "$out"
        rc=1
    fi
}

drives "3 passed, 3 failed, 2 skipped"
drives "3 passed, 4 failed, 1 skipped" true

cd "$dir"
git init -q . && git config user.name x && git config user.email x@localhost
git commit -q --allow-empty -m "Tests: began"

# message WANTED MESSAGE...: commits.sh says WANTED of a commit
message() {
    wanted=$1
    shift
    git commit -q --allow-empty "$@"
    count=$((count + 1))

    out=$(sh "$here/commits.sh" HEAD~1) || true

    if ! echo "$out" | grep -qF -e "$wanted" \
       || { [ -z "$wanted" ] && [ -n "$out" ]; }
    then
        echo "commits does not say \"$wanted\" of: $*"
        echo "$out"
        rc=1
    fi
}

message "" -m "Module: wrote the zone" -m "It was missing."
message "is not \`Area: did what\`" -m "fixes"
message "past tense" -m "Module: fixing the zone"
message "longer than 72" -m "Module: fixed $(printf '%080d' 0)"
message "full stop" -m "Module: fixed the zone."
message "line of the body" -m "Module: fixed it" -m "$(seq -s ' ' 40)"

[ $rc -ne 0 ] || echo "$count faults and samples, all as expected"

exit $rc
