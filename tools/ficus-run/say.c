
/*
 * Copyright (C) Ficus authors
 */


#include <stdarg.h>
#include <stdio.h>
#include <time.h>

#include "run.h"


static void run_line(FILE *out, const char *fmt, va_list args)
    FIG_PRINTF(2, 0);


static void
run_line(FILE *out, const char *fmt, va_list args)
{
    fputs("ficus: ", out);
    vfprintf(out, fmt, args);
    fputc('\n', out);
    fflush(out);
}


void
run_error(const char *fmt, ...)
{
    va_list  args;

    va_start(args, fmt);
    run_line(stderr, fmt, args);
    va_end(args);
}


void
run_say(const char *fmt, ...)
{
    va_list  args;

    va_start(args, fmt);
    run_line(stdout, fmt, args);
    va_end(args);
}


uint64_t
run_now(void)
{
    struct timespec  ts;

    (void) clock_gettime(CLOCK_MONOTONIC, &ts);

    return (uint64_t) ts.tv_sec * 1000 + (uint64_t) ts.tv_nsec / 1000000;
}


int
run_path(char *buf, size_t size, const char *fmt, ...)
{
    int      n;
    va_list  args;

    va_start(args, fmt);
    n = vsnprintf(buf, size, fmt, args);
    va_end(args);

    if (n < 0 || (size_t) n >= size) {
        run_error("a path is too long: %.60s...", buf);
        return RUN_ERROR;
    }

    return RUN_OK;
}
