
/*
 * Copyright (C) Ficus authors
 */


#include "config.h"
#include "fig_app_parts.h"
#include "fig_metrics.h"
#include <dirent.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>


/* heaps of malloc(): each keeps what it once had */
#define FIG_APP_HEAPS  2

/* from so many bytes on memory goes back to the system when it is freed */
#define FIG_APP_MMAP   131072

/* descriptors besides the connections: store, bus, log */
#define FIG_APP_FILES  1024


static double fig_app_resident(void *data);
static double fig_app_files(void *data);
static double fig_app_start_time(void *data);
static double fig_app_one(void *data);


static time_t  fig_app_started;


void
fig_app_process(const fig_app_conf_t *conf)
{
    rlim_t         wanted;
    struct rlimit  limit;

    /* NOLINTBEGIN(concurrency-mt-unsafe): there is one thread */
    (void) mallopt(M_ARENA_MAX, FIG_APP_HEAPS);
    (void) mallopt(M_MMAP_THRESHOLD, FIG_APP_MMAP);
    (void) mallopt(M_TRIM_THRESHOLD, FIG_APP_MMAP);
    /* NOLINTEND(concurrency-mt-unsafe) */

    fig_app_started = time(NULL);
    wanted = 2 * conf->fcgi.max_connections + FIG_APP_FILES;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < wanted) {
        limit.rlim_cur = wanted < limit.rlim_max ? wanted : limit.rlim_max;

        if (setrlimit(RLIMIT_NOFILE, &limit) == -1 || limit.rlim_cur < wanted) {
            fig_log_warn("%llu descriptors may not do for %llu connections",
                         (unsigned long long) limit.rlim_cur,
                         (unsigned long long) conf->fcgi.max_connections);
        }
    }
}


void
fig_app_metrics(void)
{
    fig_gauge("ficus_build_info", "the version that runs",
              "version=\"" FICUS_VERSION "\"", fig_app_one, NULL);
    fig_gauge("process_resident_memory_bytes", "resident memory", "",
              fig_app_resident, NULL);
    fig_gauge("process_open_fds", "open file descriptors", "",
              fig_app_files, NULL);
    fig_gauge("process_start_time_seconds", "start, seconds since 1970", "",
              fig_app_start_time, NULL);
}


static double
fig_app_one(void *data)
{
    return 1;
}


/* the second number of statm, in pages */

static double
fig_app_resident(void *data)
{
    char      *p;
    FILE      *file;
    uint64_t   pages;
    char       line[256];

    pages = 0;
    file = fopen("/proc/self/statm", "re");

    if (file) {
        if (fgets(line, sizeof(line), file)) {
            (void) strtoul(line, &p, 10);
            pages = strtoul(p, NULL, 10);
        }

        (void) fclose(file);
    }

    return (double) pages * (double) sysconf(_SC_PAGESIZE);
}


/* without the one that counts, ".", and ".." */

static double
fig_app_files(void *data)
{
    DIR  *dir;
    int   n;

    dir = opendir("/proc/self/fd");
    if (dir == NULL) {
        return 0;
    }

    n = -3;

    /* NOLINTNEXTLINE(concurrency-mt-unsafe): dir is this thread's own */
    while (readdir(dir)) {
        n++;
    }

    (void) closedir(dir);

    return n;
}


static double
fig_app_start_time(void *data)
{
    return (double) fig_app_started;
}
