
/*
 * Copyright (C) Ficus authors
 */


/*
 * Preloaded into a program by tests: its wall clock is off by as many seconds
 * as the file says that CLOCK_OFFSET named at its start.  The monotonic clock
 * goes on as it does on a machine whose clock is set, and who waits until a
 * wall time waits for that clock, also when it is set meanwhile.
 */


#define _GNU_SOURCE

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>


/* ns between two looks at the clock of who waits for it */
#define LOOK  5000000

/* s: what is less is no wall time but one since the machine was started */
#define WALL  1000000000


static void begin(void) __attribute__((constructor));
static long offset(void);
static void later(struct timespec *ts, long ns);


static int  file = -1;


static void
begin(void)
{
    const char  *name;

    name = getenv("CLOCK_OFFSET");

    if (name != NULL) {
        file = open(name, O_RDONLY|O_CLOEXEC);
    }
}


int
clock_gettime(clockid_t clock_id, struct timespec *tp)
{
    int  rc;

    rc = (int) syscall(SYS_clock_gettime, clock_id, tp);

    if (rc == 0
        && (clock_id == CLOCK_REALTIME || clock_id == CLOCK_REALTIME_COARSE))
    {
        tp->tv_sec += offset();
    }

    return rc;
}


int
gettimeofday(struct timeval *restrict tv, void *restrict tz)
{
    struct timespec  ts;

    clock_gettime(CLOCK_REALTIME, &ts);

    tv->tv_sec = ts.tv_sec;
    tv->tv_usec = ts.tv_nsec / 1000;

    return 0;
}


time_t
time(time_t *timer)
{
    struct timespec  ts;

    clock_gettime(CLOCK_REALTIME, &ts);

    if (timer != NULL) {
        *timer = ts.tv_sec;
    }

    return ts.tv_sec;
}


int
pthread_cond_timedwait(pthread_cond_t *restrict cond,
    pthread_mutex_t *restrict mutex, const struct timespec *restrict abstime)
{
    int              rc;
    struct timespec  now, look;

    if (abstime->tv_sec < WALL) {
        return pthread_cond_clockwait(cond, mutex, CLOCK_MONOTONIC, abstime);
    }

    for ( ;; ) {
        clock_gettime(CLOCK_REALTIME, &now);

        if (now.tv_sec > abstime->tv_sec
            || (now.tv_sec == abstime->tv_sec
                && now.tv_nsec >= abstime->tv_nsec))
        {
            return ETIMEDOUT;
        }

        clock_gettime(CLOCK_MONOTONIC, &look);
        later(&look, LOOK);

        rc = pthread_cond_clockwait(cond, mutex, CLOCK_MONOTONIC, &look);

        if (rc != ETIMEDOUT) {
            return rc;
        }
    }
}


static void
later(struct timespec *ts, long ns)
{
    ts->tv_nsec += ns;

    if (ts->tv_nsec >= 1000000000) {
        ts->tv_nsec -= 1000000000;
        ts->tv_sec++;
    }
}


/* a file that is being written again is as it was */

static long
offset(void)
{
    char     text[32];
    ssize_t  n;

    static _Atomic long  seconds;

    n = (file != -1) ? pread(file, text, sizeof(text) - 1, 0) : 0;

    if (n > 0) {
        text[n] = '\0';
        seconds = strtol(text, NULL, 10);
    }

    return seconds;
}
