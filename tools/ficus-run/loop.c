
/*
 * Copyright (C) Ficus authors
 */


#include "run.h"


#define RUN_START_MAX   20000    /* ms until all have to be ready */
#define RUN_POLL        10
#define RUN_POLL_AGAIN  50
#define RUN_IDLE        60000


typedef enum {
    RUN_UP,
    RUN_STOP,
    RUN_FAILED
} run_start_t;


static run_start_t run_start_all(const run_conf_t *conf,
    const sigset_t *signals);
static run_start_t run_start_wait(const run_conf_t *conf,
    const sigset_t *signals, uint64_t until);
static unsigned run_poll(const run_conf_t *conf, bool say);
static uint64_t run_step(const run_conf_t *conf);


int
run_loop(const run_conf_t *conf, const sigset_t *signals)
{
    run_start_t  rc;

    rc = run_start_all(conf, signals);

    if (rc == RUN_UP) {
        run_hints(conf);

        while (!run_wait(conf, signals, run_step(conf))) { /* void */ }
    }

    if (rc != RUN_FAILED) {
        run_say("stopping");
    }

    run_stop(conf, signals);

    if (rc == RUN_FAILED) {
        return 1;
    }

    run_say("stopped");

    return 0;
}


static run_start_t
run_start_all(const run_conf_t *conf, const sigset_t *signals)
{
    unsigned        level;
    uint64_t        until;
    run_start_t     rc;
    run_service_t  *service;

    until = run_now() + RUN_START_MAX;

    for (level = 0; level < 3; level++) {

        for (service = run_services; service->name != NULL; service++) {

            if (service->level != level || service->skip) {
                continue;
            }

            if (run_start(conf, service) != RUN_OK) {
                return RUN_FAILED;
            }
        }

        /* workers are asked through nginx, so these levels wait together */

        if (level != 1) {
            rc = run_start_wait(conf, signals, until);

            if (rc != RUN_UP) {
                return rc;
            }
        }
    }

    return RUN_UP;
}


static run_start_t
run_start_wait(const run_conf_t *conf, const sigset_t *signals,
    uint64_t until)
{
    run_service_t  *service;

    while (run_poll(conf, false) > 0) {

        if (run_wait(conf, signals, RUN_POLL)) {
            return RUN_STOP;
        }

        for (service = run_services; service->name != NULL; service++) {

            if (service->ended) {
                run_why(conf, service);
                return RUN_FAILED;
            }

            if (service->state == RUN_STARTING && run_now() > until) {
                run_error("%s was not ready in %u s; see %s/logs/%s.log",
                          service->name, RUN_START_MAX / 1000, conf->asked,
                          service->name);
                return RUN_FAILED;
            }
        }
    }

    return RUN_UP;
}


/* asks those that are starting; returns how many still are */

static unsigned
run_poll(const run_conf_t *conf, bool say)
{
    unsigned        n;
    run_service_t  *service;

    n = 0;

    for (service = run_services; service->name != NULL; service++) {

        if (service->state != RUN_STARTING) {
            continue;
        }

        if (!service->ready(conf, service)) {
            n++;
            continue;
        }

        service->state = RUN_READY;

        if (say) {
            run_say("%s is ready again", service->name);
        }
    }

    return n;
}


/* starts again what ended; returns the ms until there is more to do */

static uint64_t
run_step(const run_conf_t *conf)
{
    uint64_t        now, wait;
    run_service_t  *service;

    wait = (run_poll(conf, true) > 0) ? RUN_POLL_AGAIN : RUN_IDLE;
    now = run_now();

    for (service = run_services; service->name != NULL; service++) {

        if (service->ended) {
            run_again(service);
        }

        if (service->state != RUN_DOWN || service->skip) {
            continue;
        }

        if (service->again <= now) {

            if (run_start(conf, service) == RUN_OK) {
                wait = RUN_POLL_AGAIN;
                continue;
            }

            service->again = now + 1000;
        }

        if (service->again - now < wait) {
            wait = service->again - now;
        }
    }

    return wait;
}
