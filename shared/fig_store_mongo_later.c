
/*
 * Copyright (C) Ficus authors
 */


/*
 * Writes that nobody waits for: a thread gathers them for a while, so that
 * many go together.
 */


#include "fig_store_mongo.h"
#include "fig_log.h"
#include "fig_metrics.h"
#include <stdlib.h>
#include <string.h>
#include <time.h>


#define LATER_DELAY  100000            /* us */
#define LATER_BYTES  8388608


static void *later_main(void *data);
static bool later_wait(fig_mongo_later_t *later, fig_mongo_jobs_t *jobs);
static void later_write(fig_mongo_t *store, fig_mongo_jobs_t *jobs);
static fig_op_t *later_gather(const fig_mongo_jobs_t *jobs, size_t *n);
static fig_mongo_job_t *later_job(const fig_op_t *ops, size_t n);


fig_status_t
fig_mongo_later_start(fig_mongo_t *store)
{
    int                  rc;
    fig_mongo_later_t   *later;
    pthread_condattr_t   attr;

    later = &store->later;

    TAILQ_INIT(&later->jobs);

    (void) pthread_condattr_init(&attr);
    (void) pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    (void) pthread_cond_init(&later->wake, &attr);
    (void) pthread_condattr_destroy(&attr);
    (void) pthread_mutex_init(&later->mutex, NULL);

    rc = pthread_create(&later->thread, NULL, later_main, store);

    if (rc != 0) {
        fig_log_error("store %s: cannot start a thread: %d", store->name, rc);
        return FIG_ERROR;
    }

    later->started = true;

    return FIG_OK;
}


void
fig_mongo_later_stop(fig_mongo_t *store)
{
    fig_mongo_later_t  *later;

    later = &store->later;

    if (!later->started) {
        return;
    }

    (void) pthread_mutex_lock(&later->mutex);
    later->closing = true;
    (void) pthread_cond_signal(&later->wake);
    (void) pthread_mutex_unlock(&later->mutex);

    (void) pthread_join(later->thread, NULL);
    (void) pthread_cond_destroy(&later->wake);
    (void) pthread_mutex_destroy(&later->mutex);
}


void
fig_mongo_write_later(void *self, const fig_op_t *ops, size_t n)
{
    fig_mongo_t *store = self;

    bool                full, first;
    fig_mongo_job_t    *job;
    fig_mongo_later_t  *later;

    later = &store->later;
    job = later_job(ops, n);

    if (job == NULL) {
        fig_log_error("store %s: out of memory", store->name);
        return;
    }

    (void) pthread_mutex_lock(&later->mutex);

    full = (later->bytes + job->bytes > LATER_BYTES);
    first = full && !later->full;
    later->full = full;

    if (!full) {
        later->bytes += job->bytes;
        TAILQ_INSERT_TAIL(&later->jobs, job, next);
        (void) pthread_cond_signal(&later->wake);
    }

    (void) pthread_mutex_unlock(&later->mutex);

    if (first) {
        fig_log_warn("store %s: too many writes that nobody waits for, "
                     "leaving some out", store->name);
    }

    if (full) {
        free(job->ops);
        free(job);
    }
}


static void *
later_main(void *data)
{
    fig_mongo_t *store = data;

    fig_mongo_jobs_t  jobs;

    while (later_wait(&store->later, &jobs)) {
        later_write(store, &jobs);
    }

    return NULL;
}


/*
 * Until some have gathered; false: there will be no more.
 */

static bool
later_wait(fig_mongo_later_t *later, fig_mongo_jobs_t *jobs)
{
    bool              some;
    uint64_t          due;
    struct timespec   ts;

    TAILQ_INIT(jobs);

    (void) pthread_mutex_lock(&later->mutex);

    while (TAILQ_EMPTY(&later->jobs) && !later->closing) {
        (void) pthread_cond_wait(&later->wake, &later->mutex);
    }

    due = fig_clock_us() + LATER_DELAY;
    ts.tv_sec = (time_t) (due / 1000000);
    ts.tv_nsec = (long) (due % 1000000) * 1000;

    while (!later->closing && fig_clock_us() < due) {
        (void) pthread_cond_timedwait(&later->wake, &later->mutex, &ts);
    }

    some = !TAILQ_EMPTY(&later->jobs);
    TAILQ_CONCAT(jobs, &later->jobs, next);

    (void) pthread_mutex_unlock(&later->mutex);

    return some;
}


static void
later_write(fig_mongo_t *store, fig_mongo_jobs_t *jobs)
{
    size_t            n, bytes;
    fig_op_t         *ops;
    fig_status_t      rc;
    fig_mongo_job_t  *job;

    ops = later_gather(jobs, &n);
    rc = ops ? fig_mongo_write(store, ops, n) : FIG_NOMEM;
    bytes = 0;

    if (rc == FIG_NOMEM) {
        fig_log_error("store %s: out of memory", store->name);
    }

    while ((job = TAILQ_FIRST(jobs)) != NULL) {
        TAILQ_REMOVE(jobs, job, next);
        bytes += job->bytes;
        free(job->ops);
        free(job);
    }

    free(ops);

    (void) pthread_mutex_lock(&store->later.mutex);
    store->later.bytes -= bytes;
    (void) pthread_mutex_unlock(&store->later.mutex);
}


static fig_op_t *
later_gather(const fig_mongo_jobs_t *jobs, size_t *n)
{
    fig_op_t         *ops;
    fig_mongo_job_t  *job;

    *n = 0;

    for (job = TAILQ_FIRST(jobs); job != NULL; job = TAILQ_NEXT(job, next)) {
        *n += job->n;
    }

    ops = malloc(*n * sizeof(fig_op_t));
    *n = 0;

    for (job = TAILQ_FIRST(jobs); job != NULL; job = TAILQ_NEXT(job, next)) {

        if (ops != NULL) {
            memcpy(ops + *n, job->ops, job->n * sizeof(fig_op_t));
        }

        *n += job->n;
    }

    return ops;
}


static fig_mongo_job_t *
later_job(const fig_op_t *ops, size_t n)
{
    fig_mongo_job_t  *job;

    job = malloc(sizeof(fig_mongo_job_t));

    if (job == NULL) {
        return NULL;
    }

    job->n = n;
    job->bytes = sizeof(fig_mongo_job_t) + n * sizeof(fig_op_t)
                 + fig_store_ops_bytes(ops, n);
    job->ops = fig_store_ops_copy(ops, n);

    if (job->ops == NULL) {
        free(job);
        return NULL;
    }

    return job;
}
