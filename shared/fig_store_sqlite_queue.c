
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


/* what one transaction takes, and as much again of what nobody waits for */

#define BATCH_OPS    1024
#define BATCH_BYTES  4194304

#define LATER_DELAY  100000                /* us */
#define LATER_BYTES  8388608

#define SLOW_AGAIN   60000000              /* us */
#define STUCK_WAIT   100000


static void queue_wait_locked(fig_sqlite_t *store, fig_sqlite_job_t *job);
static fig_status_t queue_leave_locked(fig_sqlite_writer_t *w,
    fig_sqlite_job_t *job, fig_op_t *ops);
static void queue_move(fig_sqlite_queue_t *from, fig_sqlite_queue_t *to);
static fig_sqlite_job_t *queue_job(fig_sqlite_t *store, const fig_op_t *ops,
    size_t n);
static void queue_free(fig_sqlite_job_t *job);


/*
 * The ops are copied, so that a caller can leave them to a disk that hangs.
 */

fig_status_t
fig_sqlite_write(void *self, fig_op_t *ops, size_t n)
{
    fig_sqlite_t *store = self;

    bool                  late;
    fig_status_t          status;
    fig_sqlite_job_t     *job;
    fig_sqlite_writer_t  *w;

    w = &store->writer;
    job = queue_job(store, ops, n);

    if (job == NULL) {
        return FIG_ERROR;
    }

    (void) pthread_mutex_lock(&w->mutex);

    TAILQ_INSERT_TAIL(&w->urgent, job, next);
    (void) pthread_cond_signal(&w->wake);

    queue_wait_locked(store, job);
    late = (job->state != FIG_SQLITE_DONE);
    status = queue_leave_locked(w, job, ops);

    (void) pthread_mutex_unlock(&w->mutex);

    if (late) {
        fig_sqlite_queue_slow(store, store->lock_timeout * 1000);
    }

    return status;
}


/*
 * While the writer is stuck nobody waits for long, so that threads are left
 * for those who read.
 */

static void
queue_wait_locked(fig_sqlite_t *store, fig_sqlite_job_t *job)
{
    uint64_t         start, timeout, until;
    struct timespec  ts;

    start = fig_clock_us();
    timeout = store->lock_timeout * 1000;
    job->due = start + timeout;

    if (fig_sqlite_queue_stuck_locked(store) && timeout > STUCK_WAIT) {
        job->due = start + STUCK_WAIT;
    }

    while (job->state != FIG_SQLITE_DONE) {
        until = job->state == FIG_SQLITE_QUEUED ? job->due
                : start + FIG_SQLITE_LATE * timeout;

        if (fig_clock_us() >= until) {
            break;
        }

        ts = fig_sqlite_timespec(until);
        (void) pthread_cond_timedwait(&job->done, &store->writer.mutex, &ts);
    }
}


/*
 * What was not begun is taken back; what was is left to the writer.
 */

static fig_status_t
queue_leave_locked(fig_sqlite_writer_t *w, fig_sqlite_job_t *job,
    fig_op_t *ops)
{
    size_t        i;
    fig_status_t  status;

    switch (job->state) {

    case FIG_SQLITE_TAKEN:
        job->left = true;
        return FIG_UNKNOWN;

    case FIG_SQLITE_QUEUED:
        TAILQ_REMOVE(&w->urgent, job, next);
        status = FIG_BUSY;
        break;

    default:
        status = job->status;
    }

    for (i = 0; i < job->n; i++) {
        ops[i].status = job->ops[i].status;
        ops[i].key = job->ops[i].key;
    }

    queue_free(job);

    return status;
}


void
fig_sqlite_write_later(void *self, const fig_op_t *ops, size_t n)
{
    fig_sqlite_t *store = self;

    bool                  full, first;
    fig_sqlite_job_t     *job;
    fig_sqlite_writer_t  *w;

    w = &store->writer;
    job = queue_job(store, ops, n);

    if (job == NULL) {
        return;
    }

    job->later = true;
    job->left = true;
    job->due = fig_clock_us() + LATER_DELAY;

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
        queue_free(job);
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
        }

        if (job->left) {
            queue_free(job);

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
    blocked = (w->since != 0 && !w->holds);

    (void) pthread_mutex_unlock(&w->mutex);

    if (!said) {
        fig_log_warn("store %s: writing takes more than %.1f s, since %s; "
                     "what waits longer than that is refused", store->path,
                     (double) us / 1000000, blocked ? "another process has "
                     "the write lock" : "its disk is slow");
    }
}


const char *
fig_sqlite_queue_stuck_locked(const fig_sqlite_t *store)
{
    const fig_sqlite_writer_t  *w;

    w = &store->writer;

    if (w->since == 0
        || fig_clock_us() - w->since <= store->lock_timeout * 1000)
    {
        return NULL;
    }

    return w->holds ? "its disk does not answer"
                    : "another process has its write lock";
}


const char *
fig_sqlite_wrong(void *self)
{
    fig_sqlite_t *store = self;

    const char  *wrong;

    (void) pthread_mutex_lock(&store->writer.mutex);
    wrong = fig_sqlite_queue_stuck_locked(store);
    (void) pthread_mutex_unlock(&store->writer.mutex);

    if (wrong != NULL) {
        return wrong;
    }

    switch (atomic_load(&store->writer.last)) {

    case FIG_OK:
        return NULL;

    case FIG_FULL:
        return "its disk is full";

    default:
        return "cannot be written";
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
queue_job(fig_sqlite_t *store, const fig_op_t *ops, size_t n)
{
    fig_sqlite_job_t  *job;

    job = calloc(1, sizeof(fig_sqlite_job_t));

    if (job != NULL) {
        job->n = n;
        job->bytes = sizeof(fig_sqlite_job_t) + n * sizeof(fig_op_t)
                     + fig_store_ops_bytes(ops, n);
        job->ops = fig_store_ops_copy(ops, n);
        (void) pthread_cond_init(&job->done, &store->writer.clock);
    }

    if (job != NULL && job->ops == NULL) {
        queue_free(job);
        job = NULL;
    }

    if (job == NULL) {
        fig_log_error("store %s: out of memory", store->path);
    }

    return job;
}


static void
queue_free(fig_sqlite_job_t *job)
{
    (void) pthread_cond_destroy(&job->done);
    free(job->ops);
    free(job);
}
