
/*
 * Copyright (C) Ficus authors
 */


/*
 * The queue between callers and the writer's thread.
 */


#include "fig_store_sqlite.h"
#include "fig_log.h"
#include "fig_metrics.h"
#include <stdlib.h>
#include <string.h>


/* what one transaction takes, and as much again of what nobody waits for */

#define BATCH_OPS    1024
#define BATCH_BYTES  4194304

#define LATER_DELAY  100000                /* us */
#define LATER_BYTES  8388608

#define SLOW_AGAIN   60000000              /* us */


static void queue_move(fig_sqlite_queue_t *from, fig_sqlite_queue_t *to);
static fig_sqlite_job_t *later_job(const fig_op_t *ops, size_t n);
static void later_free(fig_sqlite_job_t *job);


fig_status_t
fig_sqlite_write(void *self, fig_op_t *ops, size_t n)
{
    fig_sqlite_t *store = self;

    int                   rc;
    bool                  late;
    struct timespec       ts;
    fig_sqlite_job_t      job;
    fig_sqlite_writer_t  *w;

    w = &store->writer;

    memset(&job, 0, sizeof(fig_sqlite_job_t));

    job.ops = ops;
    job.n = n;
    job.bytes = fig_store_ops_bytes(ops, n);
    job.due = fig_clock_us() + store->lock_timeout * 1000;
    (void) pthread_cond_init(&job.done, &w->clock);

    ts = fig_sqlite_timespec(job.due);
    rc = 0;

    (void) pthread_mutex_lock(&w->mutex);

    TAILQ_INSERT_TAIL(&w->urgent, &job, next);
    (void) pthread_cond_signal(&w->wake);

    while (job.state == FIG_SQLITE_TAKEN
           || (job.state == FIG_SQLITE_QUEUED && rc == 0))
    {
        rc = job.state == FIG_SQLITE_QUEUED
             ? pthread_cond_timedwait(&job.done, &w->mutex, &ts)
             : pthread_cond_wait(&job.done, &w->mutex);
    }

    late = (job.state == FIG_SQLITE_QUEUED);

    if (late) {
        TAILQ_REMOVE(&w->urgent, &job, next);
        job.status = FIG_BUSY;
    }

    (void) pthread_mutex_unlock(&w->mutex);
    (void) pthread_cond_destroy(&job.done);

    if (late) {
        fig_sqlite_queue_slow(store, store->lock_timeout * 1000);
    }

    return job.status;
}


void
fig_sqlite_write_later(void *self, const fig_op_t *ops, size_t n)
{
    fig_sqlite_t *store = self;

    bool                  full, first;
    fig_sqlite_job_t     *job;
    fig_sqlite_writer_t  *w;

    w = &store->writer;
    job = later_job(ops, n);

    if (job == NULL) {
        fig_log_error("store %s: out of memory", store->path);
        return;
    }

    (void) pthread_mutex_lock(&w->mutex);

    full = (w->later_bytes + job->bytes > LATER_BYTES);
    first = full && !w->dropped;

    if (full) {
        w->dropped = true;

    } else {
        if (TAILQ_EMPTY(&w->later)) {
            (void) pthread_cond_signal(&w->wake);
        }

        w->later_bytes += job->bytes;
        TAILQ_INSERT_TAIL(&w->later, job, next);
    }

    (void) pthread_mutex_unlock(&w->mutex);

    if (first) {
        fig_log_warn("store %s: too many writes that nobody waits for, "
                     "leaving some out", store->path);
    }

    if (full) {
        later_free(job);
    }
}


void
fig_sqlite_queue_take(fig_sqlite_t *store, fig_sqlite_queue_t *batch)
{
    fig_sqlite_writer_t  *w;

    w = &store->writer;

    (void) pthread_mutex_lock(&w->mutex);
    queue_move(&w->later, batch);
    queue_move(&w->urgent, batch);
    (void) pthread_mutex_unlock(&w->mutex);
}


void
fig_sqlite_queue_finish(fig_sqlite_t *store, fig_sqlite_queue_t *batch,
    fig_status_t status)
{
    fig_sqlite_writer_t  *w;

    w = &store->writer;

    (void) pthread_mutex_lock(&w->mutex);
    fig_sqlite_queue_finish_locked(w, batch, status);
    (void) pthread_mutex_unlock(&w->mutex);
}


void
fig_sqlite_queue_finish_locked(fig_sqlite_writer_t *w,
    fig_sqlite_queue_t *batch, fig_status_t status)
{
    fig_sqlite_job_t  *job;

    while ((job = TAILQ_FIRST(batch)) != NULL) {
        TAILQ_REMOVE(batch, job, next);

        if (job->later) {
            w->later_bytes -= job->bytes;
            w->dropped = w->dropped && w->later_bytes != 0;
            later_free(job);

        } else {
            job->status = status;
            job->state = FIG_SQLITE_DONE;
            (void) pthread_cond_signal(&job->done);
        }
    }
}


void
fig_sqlite_queue_slow(fig_sqlite_t *store, uint64_t us)
{
    bool                  said, blocked;
    uint64_t              now;
    fig_sqlite_writer_t  *w;

    w = &store->writer;
    now = fig_clock_us();

    (void) pthread_mutex_lock(&w->mutex);

    said = (w->slow != 0 && now - w->slow < SLOW_AGAIN);
    w->slow = said ? w->slow : now;
    blocked = (w->blocked != 0);

    (void) pthread_mutex_unlock(&w->mutex);

    if (!said) {
        fig_log_warn("store %s: writing takes more than %.1f s, since %s; "
                     "what waits longer than that is refused", store->path,
                     (double) us / 1000000, blocked ? "another process has "
                     "the write lock" : "its disk is slow");
    }
}


struct timespec
fig_sqlite_timespec(uint64_t us)
{
    struct timespec  ts;

    ts.tv_sec = (time_t) (us / 1000000);
    ts.tv_nsec = (long) (us % 1000000) * 1000;

    return ts;
}


static void
queue_move(fig_sqlite_queue_t *from, fig_sqlite_queue_t *to)
{
    size_t             n, bytes;
    fig_sqlite_job_t  *job;

    n = 0;
    bytes = 0;

    while ((job = TAILQ_FIRST(from)) != NULL) {
        n += job->n;
        bytes += job->bytes;

        if (n > job->n && (n > BATCH_OPS || bytes > BATCH_BYTES)) {
            break;
        }

        job->state = FIG_SQLITE_TAKEN;
        TAILQ_REMOVE(from, job, next);
        TAILQ_INSERT_TAIL(to, job, next);
    }
}


static fig_sqlite_job_t *
later_job(const fig_op_t *ops, size_t n)
{
    fig_sqlite_job_t  *job;

    job = calloc(1, sizeof(fig_sqlite_job_t));

    if (job == NULL) {
        return NULL;
    }

    job->later = true;
    job->n = n;
    job->bytes = sizeof(fig_sqlite_job_t) + n * sizeof(fig_op_t)
                 + fig_store_ops_bytes(ops, n);
    job->due = fig_clock_us() + LATER_DELAY;
    job->ops = fig_store_ops_copy(ops, n);

    if (job->ops == NULL) {
        free(job);
        return NULL;
    }

    return job;
}


static void
later_free(fig_sqlite_job_t *job)
{
    free(job->ops);
    free(job);
}
