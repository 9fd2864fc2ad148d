#!/bin/sh
#
# Copyright (C) Ficus authors
#
# Checks who includes whom.  In shared/ a module includes modules of its own
# level or below, and never in a circle; workers and tools include what they
# like of shared/ but never each other, though workers/domain/, which is what
# workers share, may be included by all of them; nginx-module/ includes neither,
# and in it what keeps the state of a split knows nothing of requests, these
# nothing of the API and of directives; common/ is for everybody and includes
# nothing but its own.
#
# A new module of shared/ gets its level here, as does a file of nginx-module/
# that is not to include everything.

set -eu

here=$(cd "$(dirname "$0")" && pwd)

levels() {
    cat << END
1 fig_status
2 fig_buf fig_log fig_hash
3 fig_json fig_config fig_metrics
4 fig_store fig_bus fig_http
5 fig_event fig_digest fig_problem fig_rules fig_fcgi fig_route
6 fig_source fig_repair fig_dead fig_outbox fig_consumer fig_resource
7 fig_app
END
}

# 1: no request, nothing shared; 2: state; 3: requests; 4: API; 5: directives
module_levels() {
    cat << END
1 table.h evidence.h evidence.c
2 shm.h strangler.h files.h ledger.h ramp.h zone.c lane.c window.c breaker.c
2 start.c state.c file.c history.c watch.c ramp.c step.c down.c mismatch.c
2 routes.c ledger_file.c ledger_save.c task.c local.c verdict.c
3 request.h shadow.h request.c route.c upstream.c rescue.c replay.c count.c
3 vars.c shadow.c running.c capture.c copy.c detached.c compare.c compare_json.c found.c
4 api.h
5 conf.h
END
}

# FILE:LINE:#include "NAME", only those in quotes: the others are the system's
includes() {
    sh "$here/files.sh" 'nginx-module/*.[ch]' 'shared/*.[ch]' \
        'common/*.[ch]' 'workers/*.[ch]' 'tools/*.[ch]' \
    | while read -r file; do
        grep -n '^[[:blank:]]*#[[:blank:]]*include[[:blank:]]*"' "$file" \
        | sed "s,^,$file:,"
    done
}

graph=$(mktemp)
trap 'rm -f "$graph"' EXIT

commons=$(sh "$here/files.sh" 'common/*.h' | sed 's,.*/,,' | tr '\n' ' ')

rc=0
{ levels; module_levels | sed 's/^/module /'; echo; includes; } \
| awk -v graph="$graph" -v commons=" $commons" '

# The module that a file belongs to: fig_store_sqlite.c is of fig_store.

function module(name,    m, best) {
    sub(/.*\//, "", name)
    sub(/\.[ch]$/, "", name)

    for (m in level) {
        if ((name == m || index(name, m "_") == 1) \
            && length(m) > length(best))
        {
            best = m
        }
    }

    return best
}

function say(message) {
    printf "%s:%s: %s\n", file, line, message
    bad = 1
}

function shared(    from, to) {
    if (name !~ /^fig_/) {
        say("shared/ must not include \"" name "\"")
        return
    }

    from = module(file)
    to = module(name)

    if (from == "" || to == "") {
        say((from == "" ? file : name) \
            " has no level; give it one in tests/style/layers.sh")

    } else if (level[to] > level[from]) {
        say(from " (level " level[from] ") must not include " to \
            " (level " level[to] ")")

    } else if (from != to) {
        print from, to > graph
    }
}

# nginx-module/ngx_http_strangler_zone.c is zone.c, ngx_http_strangler.h is
# strangler.h

function short(path) {
    sub(/.*\//, "", path)
    sub(/^ngx_http_(strangler_)?/, "", path)
    return path
}

# The worker or tool that a file belongs to: workers/users_v1.c and what is in
# workers/users_v1/ are of users_v1.

function program(path) {
    sub(/^(workers|tools)\//, "", path)
    sub(/\/.*/, "", path)
    sub(/\.[ch]$/, "", path)
    return path
}

function outer(    dir, target) {
    if (name ~ /^fig_[a-z0-9_]+\.h$/) {
        return
    }

    if (name ~ /^domain\/[a-z0-9_]+\.h$/ && file ~ /^workers\//) {
        return
    }

    # the list of the workers
    if (name == "workers.h" && file ~ /^tools\//) {
        return
    }

    # relative to the file that has it, as the compiler looks first
    dir = file
    sub(/[^\/]*$/, "", dir)
    target = dir name

    while (sub(/[^\/]+\/\.\.\//, "", target)) { }

    if (target !~ /^(workers|tools)\// || program(target) != program(file)) {
        say("a worker or tool must not include \"" name "\"")
    }
}

$0 == "" && !table {
    table = 1
    next
}

$1 == "module" && !table {
    for (i = 3; i <= NF; i++) {
        layer[$i] = $2
    }

    next
}

!table {
    for (i = 2; i <= NF; i++) {
        level[$i] = $1
    }
    next
}

{
    split($0, part, ":")
    file = part[1]
    line = part[2]
    name = $0
    sub(/^[^"]*"/, "", name)
    sub(/".*/, "", name)
    own = file
    sub(/.*\//, "", own)
    sub(/\.c$/, ".h", own)

    if (file ~ /^common\//) {
        if (index(commons, " " name " ") == 0) {
            say("common/ must not include \"" name "\"")
        }

    } else if (index(commons, " " name " ")) {
        next

    } else if (file ~ /^nginx-module\//) {
        if (name !~ /^ngx_http_strangler[a-z0-9_]*\.h$/) {
            say("nginx-module/ must not include \"" name "\"")

        } else if (short(file) in layer \
                   && layer[short(name)] > layer[short(file)])
        {
            say("level " layer[short(file)] " must not include \"" name \
                "\" (level " layer[short(name)] ")")
        }

    } else if (name == "config.h") {
        next

    } else if (file ~ /^shared\//) {
        shared()

    } else {
        outer()
    }
}

END { exit bad }
' || rc=1

if ! tsort "$graph" > /dev/null 2>&1; then
    echo "modules of shared/ include each other in a circle:"
    tsort "$graph" 2>&1 > /dev/null | sed -n 's/^tsort: \(fig_\)/  \1/p'
    rc=1
fi

exit $rc
