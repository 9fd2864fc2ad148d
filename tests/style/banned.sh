#!/bin/sh
#
# Copyright (C) Ficus authors
#
# What must not be in the source: functions that write without a bound, parse
# without an error or keep hidden state; in the gateway module also what nginx
# has its own of, or what blocks its event loop; paths of the machine somebody
# works at; private keys; notes that something is not done.

set -eu

here=$(cd "$(dirname "$0")" && pwd)
files=$(mktemp)
rc=0

trap 'rm -f "$files"' EXIT

# ban WHY REGEX PATTERN...: no line of the files that match may match
ban() {
    why=$1
    regex=$2
    shift 2

    sh "$here/files.sh" "$@" | grep -v '^tests/style/' > "$files" || return 0

    if found=$(xargs grep -nEI -e "$regex" /dev/null < "$files"); then
        echo "$found" | sed "s|\$|  <- $why|"
        rc=1
    fi
}

# called NAME|NAME: a call of one of these, not of my_NAME() or ngx_NAME()
called() {
    echo "(^|[^A-Za-z0-9_>.\"])($1)[[:blank:]]*\\("
}

ban "no bound" "$(called 'strcpy|strcat|stpcpy|sprintf|vsprintf|gets|alloca')" \
    '*.[ch]'
ban "hides errors" "$(called 'atoi|atol|atoll|atof|sscanf|scanf|fscanf')" \
    '*.[ch]'
ban "hidden state" \
    "$(called 'strtok|localtime|gmtime|ctime|asctime|rand|srand|tmpnam|mktemp')" \
    '*.[ch]'
ban "use nginx's own" \
    "$(called 'malloc|calloc|realloc|free|strdup|strndup|printf|fprintf|snprintf|memset|strlen|strcmp|strncmp')" \
    'nginx-module/*.[ch]'
ban "blocks the event loop" \
    "$(called 'sleep|usleep|nanosleep|system|popen|getaddrinfo')" \
    'nginx-module/*.[ch]'
ban "a path of one machine" \
    '(^|[^A-Za-z0-9_.{}$-])/(work/|root/|home/[a-z]|Users/)' '*'
ban "a fixed name in /tmp; use mktemp" \
    '(^|[^A-Za-z0-9_.{}$-])/(var/)?tmp/[A-Za-z0-9_]' '*'
ban "a private key" 'BEGIN [A-Z ]*PRIVATE KEY' '*'
ban "do it, or write an issue and name its number" \
    '(^|[^A-Za-z])(TODO|FIXME|XXX)([^A-Za-z#]|$)' \
    '*.[ch]' '*.sh' '*.p[lm]' '*.t' '*.js' 'configure' 'auto/*'

exit $rc
