
/*
 * Copyright (C) Ficus authors
 */


#include <errno.h>
#include <stdio.h>
#include <time.h>

#include "run.h"


static bool run_stop_level(const run_conf_t *conf, const sigset_t *signals,
    unsigned level, bool hurry);
static void run_stop_signal(unsigned level);
static bool run_stop_wait(unsigned level, uint64_t since);


/*
 * Waits for a signal, for ms at most, and takes note of children that ended.
 * Returns whether it is time to stop.
 */

bool
run_wait(const run_conf_t *conf, const sigset_t *signals, uint64_t ms)
{
    int              signal;
    struct timespec  limit;

    limit.tv_sec = (time_t) (ms / 1000);
    limit.tv_nsec = (long) (ms % 1000) * 1000000;

    signal = sigtimedwait(signals, NULL, &limit);
    run_reap(conf);

    return signal > 0 && signal != SIGCHLD;
}


/*
 * Ends all in good order.  One more signal, and nobody is waited for.
 */

void
run_stop(const run_conf_t *conf, const sigset_t *signals)
{
    bool      hurry;
    unsigned  level;

    hurry = false;

    for (level = 3; level-- > 0; /* void */ ) {
        hurry = run_stop_level(conf, signals, level, hurry);
    }
}


static bool
run_stop_level(const run_conf_t *conf, const sigset_t *signals,
    unsigned level, bool hurry)
{
    uint64_t        since;
    run_service_t  *service;

    since = run_now();
    run_stop_signal(level);

    while (run_stop_wait(level, hurry ? 0 : since)) {
        hurry |= run_wait(conf, signals, 20);
    }

    for (service = run_services; service->name != NULL; service++) {
        service->ended = false;
    }

    return hurry;
}


static void
run_stop_signal(unsigned level)
{
    run_service_t  *service;

    for (service = run_services; service->name != NULL; service++) {

        if (service->level == level && service->pid != 0) {
            (void) kill(service->pid, service->stop);
            (void) kill(-service->pid, SIGCONT);
        }
    }
}


/* whether any of them still runs; those that took too long are killed */

static bool
run_stop_wait(unsigned level, uint64_t since)
{
    bool            some;
    run_service_t  *service;

    some = false;

    for (service = run_services; service->name != NULL; service++) {

        if (service->level != level || service->pid == 0) {
            continue;
        }

        some = true;

        if (run_now() - since > service->patience) {
            (void) kill(-service->pid, SIGKILL);
        }
    }

    return some;
}
