#!/bin/sh
#
# Copyright (C) Ficus authors
#
# Prints the flags that shared/, workers/ and tools/ are compiled with, for the
# gates that compile or analyse; the bare minimum outside the project's tree.

set -eu

if [ -f Makefile ] && [ -f configure ]; then
    MAKEFLAGS='' ${MAKE:-make} -s --no-print-directory print-flags
else
    echo "-std=c11 -D_GNU_SOURCE -Wall -Wextra -Werror -Ishared -Icommon"
fi
