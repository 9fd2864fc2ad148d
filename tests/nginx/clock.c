
/*
 * Copyright (C) Ficus authors
 */


/*
 * Preloaded into nginx by 810_ramp_trouble.t: the wall clock is off by as many
 * seconds as the file says that CLOCK_OFFSET names.  The monotonic clock goes
 * on as it does on a machine whose clock is set.
 */


#define _GNU_SOURCE

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>


static long offset(void);


int
gettimeofday(struct timeval *restrict tv, void *restrict tz)
{
    int  rc;
    int  (*next)(struct timeval *, void *);

    *(void **) &next = dlsym(RTLD_NEXT, "gettimeofday");

    rc = next(tv, tz);
    tv->tv_sec += offset();

    return rc;
}


static long
offset(void)
{
    long         seconds;
    FILE        *fp;
    char         text[32];
    const char  *name;

    seconds = 0;
    name = getenv("CLOCK_OFFSET");
    fp = (name != NULL) ? fopen(name, "r") : NULL;

    if (fp != NULL) {

        if (fgets(text, sizeof(text), fp) != NULL) {
            seconds = strtol(text, NULL, 10);
        }

        fclose(fp);
    }

    return seconds;
}
