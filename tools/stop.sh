#!/bin/sh
#
# Copyright (C) Ficus authors
#
# Usage: stop.sh PIDFILE
#
# Ends the supervisor whose process id PIDFILE holds, and waits until it and
# all that it runs are gone.

set -eu

file=$1
name=ficus-run

if [ ! -e "$file" ]; then
    echo "ficus: not running, there is no $file"
    exit 0
fi

pid=$(cat "$file")

case $pid in
    *[!0-9]* | "")
        echo "ficus: $file does not hold a process id" >&2
        exit 1
    ;;
esac

# A file that a crash left behind may name a process of somebody else by now;
# one whose parent does not care stays as a zombie.

runs() {
    read -r _ comm state _ 2> /dev/null < "/proc/$pid/stat" || return 1
    [ "$comm" = "($name)" ] && [ "$state" != Z ]
}

if ! runs 2> /dev/null; then
    echo "ficus: not running, process $pid of $file is gone"
    exit 0
fi

kill -TERM "$pid"

tries=0
while runs 2> /dev/null; do
    tries=$((tries + 1))

    if [ $tries -gt 200 ]; then
        echo "ficus: process $pid did not end in 20 s" >&2
        exit 1
    fi

    sleep 0.1
done

echo "ficus: stopped"
