
/*
 * Copyright (C) Ficus authors
 */


/*
 * Group commit.  Callers put what they want written into a queue and wait; one
 * thread gets the write lock, begins a transaction, and only then takes all
 * that waits, so that a caller may change its mind until the moment when its
 * ops will be committed or not, whatever the lock takes.  While a commit is
 * on its way to the disk the next one gathers; without load a write goes at
 * once.
 */


#include "fig_store_sqlite.h"
#include "fig_log.h"
#include "fig_metrics.h"
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>


#define CHECKPOINT_WAIT  100               /* ms, for readers of the log */
#define WRITER_AGAIN     1000000           /* us */


/* a disk that is full may still have some pages, which are soon gone */

#define WRITER_TRY                                                            \
    "REPLACE INTO \"" FIG_SQLITE_META "\" VALUES ('room', zeroblob(1048576))"
#define WRITER_TRIED                                                          \
    "DELETE FROM \"" FIG_SQLITE_META "\" WHERE name = 'room'"


static void *writer_main(void *data);
static bool writer_wait(fig_sqlite_writer_t *w);
static uint64_t writer_due(const fig_sqlite_writer_t *w);
static bool writer_step(fig_sqlite_writer_t *w, uint64_t since, bool holds);
static bool writer_cycle(fig_sqlite_t *store);
static void writer_batch(fig_sqlite_t *store);
static fig_status_t writer_apply(fig_sqlite_t *store,
    fig_sqlite_queue_t *batch);
static int writer_ops(fig_sqlite_t *store, fig_sqlite_queue_t *batch);
static void writer_well(fig_sqlite_t *store);
static fig_status_t writer_failed(fig_sqlite_t *store, int rc, bool commit);
static bool writer_refused(sqlite3 *db, int rc, fig_status_t status);
static void writer_checkpoint(fig_sqlite_t *store);
static int writer_committed(void *data, sqlite3 *db, const char *name,
    int pages);


fig_status_t
fig_sqlite_writer_start(fig_sqlite_t *store)
{
    int                   rc;
    fig_sqlite_writer_t  *w;

    w = &store->writer;
    w->checkpoint = FIG_SQLITE_WAL;

    TAILQ_INIT(&w->urgent);
    TAILQ_INIT(&w->later);

    (void) pthread_condattr_init(&w->clock);
    (void) pthread_condattr_setclock(&w->clock, CLOCK_MONOTONIC);
    (void) pthread_mutex_init(&w->mutex, NULL);
    (void) pthread_cond_init(&w->wake, &w->clock);
    (void) pthread_cond_init(&w->end, &w->clock);

    (void) sqlite3_wal_hook(w->ops.db, writer_committed, w);

    rc = pthread_create(&w->thread, NULL, writer_main, store);

    if (rc != 0) {
        fig_log_error("store %s: cannot start a thread: %d", store->path, rc);
        return FIG_ERROR;
    }

    w->started = true;

    return FIG_OK;
}


/*
 * A frozen process may have the lock for as long as it likes, and a disk may
 * hang, and waiting for them has no end that is safe; the thread closes what is
 * left when it wakes.
 */

bool
fig_sqlite_writer_stop(fig_sqlite_t *store)
{
    bool                  stuck;
    uint64_t              until;
    struct timespec       ts;
    fig_sqlite_queue_t    rest;
    fig_sqlite_writer_t  *w;

    w = &store->writer;

    if (!w->started) {
        return true;
    }

    TAILQ_INIT(&rest);

    (void) pthread_mutex_lock(&w->mutex);

    w->closing = true;
    stuck = false;
    (void) pthread_cond_signal(&w->wake);

    while (!w->ended && !stuck) {
        until = fig_clock_us() + store->lock_timeout * 1000;
        ts = fig_sqlite_timespec(until);
        (void) pthread_cond_timedwait(&w->end, &w->mutex, &ts);

        until = w->since + store->lock_timeout * 1000
                           * (w->holds ? FIG_SQLITE_LATE : 1);
        stuck = (w->since != 0 && until <= fig_clock_us());
    }

    if (!stuck) {
        (void) pthread_mutex_unlock(&w->mutex);
        (void) pthread_join(w->thread, NULL);
        return true;
    }

    fig_log_warn("store %s: closed while %s%s", store->path,
                 w->holds ? "its disk does not answer"
                 : "another process has the lock", TAILQ_EMPTY(&w->later) ? ""
                 : "; writes that nobody waits for were not done");

    TAILQ_CONCAT(&rest, &w->later, next);
    fig_sqlite_queue_finish_locked(w, &rest, FIG_BUSY);
    w->abandoned = true;
    (void) pthread_detach(w->thread);
    (void) pthread_mutex_unlock(&w->mutex);

    return false;
}


static void *
writer_main(void *data)
{
    fig_sqlite_t *store = data;

    fig_sqlite_writer_t  *w;

    w = &store->writer;

    while (writer_wait(w)) {

        if (!writer_cycle(store)) {
            fig_sqlite_finish(store);
            return NULL;
        }
    }

    (void) pthread_mutex_lock(&w->mutex);
    w->ended = true;
    (void) pthread_cond_signal(&w->end);
    (void) pthread_mutex_unlock(&w->mutex);

    return NULL;
}


/*
 * Until there is something to write, or to try; false: never again.
 */

static bool
writer_wait(fig_sqlite_writer_t *w)
{
    int               rc;
    bool              go;
    uint64_t          due;
    struct timespec   ts;

    (void) pthread_mutex_lock(&w->mutex);

    rc = 0;

    while (TAILQ_EMPTY(&w->urgent) && !w->closing && rc == 0) {
        due = writer_due(w);

        if (due == 0) {
            (void) pthread_cond_wait(&w->wake, &w->mutex);

        } else {
            ts = fig_sqlite_timespec(due);
            rc = pthread_cond_timedwait(&w->wake, &w->mutex, &ts);
        }
    }

    go = !w->closing || !TAILQ_EMPTY(&w->urgent) || !TAILQ_EMPTY(&w->later);

    (void) pthread_mutex_unlock(&w->mutex);

    return go;
}


static uint64_t
writer_due(const fig_sqlite_writer_t *w)
{
    uint64_t  due;

    due = TAILQ_EMPTY(&w->later) ? 0 : TAILQ_FIRST(&w->later)->due;

    return due == 0 || (w->again != 0 && w->again < due) ? w->again : due;
}


/*
 * What the writer is about to do; false: the store was closed meanwhile and is
 * the thread's own.
 */

static bool
writer_step(fig_sqlite_writer_t *w, uint64_t since, bool holds)
{
    bool  abandoned;

    (void) pthread_mutex_lock(&w->mutex);
    w->since = since;
    w->holds = holds;
    abandoned = w->abandoned;
    (void) pthread_mutex_unlock(&w->mutex);

    return !abandoned;
}


/*
 * False: as writer_step().
 */

static bool
writer_cycle(fig_sqlite_t *store)
{
    bool                  got;
    fig_sqlite_queue_t    batch;
    fig_sqlite_writer_t  *w;

    w = &store->writer;

    if (w->again != 0) {
        w->again = fig_clock_us() + WRITER_AGAIN;
    }

    (void) writer_step(w, fig_clock_us(), false);
    got = fig_sqlite_lock_take(&store->lock);

    if (!writer_step(w, fig_clock_us(), true)) {
        fig_sqlite_lock_drop(&store->lock);
        return false;
    }

    if (got) {
        writer_batch(store);

    } else {
        TAILQ_INIT(&batch);
        fig_sqlite_queue_take(store, &batch);
        fig_sqlite_queue_finish(store, &batch, FIG_ERROR);
    }

    return writer_step(w, 0, false);
}


static void
writer_batch(fig_sqlite_t *store)
{
    int                   rc;
    bool                  full;
    uint64_t              took;
    fig_status_t          status;
    fig_sqlite_queue_t    batch;
    fig_sqlite_writer_t  *w;

    w = &store->writer;
    took = fig_clock_us();
    rc = fig_sqlite_run(w->ops.begin);

    if ((rc & 0xff) == SQLITE_BUSY) {
        /* somebody without the write lock; callers give up by themselves */
        fig_sqlite_lock_drop(&store->lock);
        return;
    }

    TAILQ_INIT(&batch);
    fig_sqlite_queue_take(store, &batch);

    status = rc == SQLITE_OK ? writer_apply(store, &batch)
             : writer_failed(store, rc, false);

    full = (status == FIG_OK && w->wal >= w->checkpoint);

    if (!full) {
        fig_sqlite_lock_drop(&store->lock);
    }

    fig_sqlite_queue_finish(store, &batch, status);
    took = fig_clock_us() - took;

    if (took > store->lock_timeout * 1000) {
        fig_sqlite_queue_slow(store, took);
    }

    if (full) {
        writer_checkpoint(store);
        fig_sqlite_lock_drop(&store->lock);
    }
}


static fig_status_t
writer_apply(fig_sqlite_t *store, fig_sqlite_queue_t *batch)
{
    int                   rc;
    bool                  tries;
    fig_sqlite_writer_t  *w;

    w = &store->writer;
    w->wrote = false;
    tries = (w->again != 0 && TAILQ_EMPTY(batch));

    rc = tries ? sqlite3_exec(w->ops.db, WRITER_TRY, NULL, NULL, NULL)
               : writer_ops(store, batch);

    if (rc != SQLITE_OK) {
        return writer_failed(store, rc, false);
    }

    rc = fig_sqlite_run(w->ops.commit);

    if (rc != SQLITE_OK) {
        return writer_failed(store, rc, true);
    }

    if (tries) {
        (void) sqlite3_exec(w->ops.db, WRITER_TRIED, NULL, NULL, NULL);
    }

    if (w->again != 0 && w->wrote) {
        writer_well(store);
    }

    return FIG_OK;
}


static int
writer_ops(fig_sqlite_t *store, fig_sqlite_queue_t *batch)
{
    int                rc;
    size_t             i;
    fig_sqlite_job_t  *job;

    for (job = TAILQ_FIRST(batch); job; job = TAILQ_NEXT(job, next)) {

        for (i = 0; i < job->n; i++) {
            rc = fig_sqlite_apply(store, &job->ops[i]);

            if (rc != SQLITE_OK) {
                return rc;
            }
        }
    }

    return SQLITE_OK;
}


static void
writer_well(fig_sqlite_t *store)
{
    store->writer.again = 0;
    atomic_store(&store->writer.last, FIG_OK);
    fig_log_info("store %s: can be written again", store->path);
}


/*
 * A commit that failed may be in the log all the same, invisible unless the
 * machine stops before the next commit overwrites it; a write that found no
 * space, or a disk that is read-only, did not get there.
 */

static fig_status_t
writer_failed(fig_sqlite_t *store, int rc, bool commit)
{
    fig_status_t          status;
    fig_sqlite_writer_t  *w;

    w = &store->writer;
    status = fig_sqlite_status(w->ops.db, rc);

    if (status != FIG_FULL && status != FIG_BUSY) {
        status = FIG_ERROR;
    }

    if (commit && !writer_refused(w->ops.db, rc, status)) {
        status = FIG_UNKNOWN;
    }

    w->again = fig_clock_us() + WRITER_AGAIN;

    if (atomic_exchange(&w->last, status) != status) {
        (void) fig_sqlite_failed(store->path, w->ops.db, rc,
                                 "cannot be written");
    }

    if (!sqlite3_get_autocommit(w->ops.db)) {
        (void) fig_sqlite_run(w->ops.rollback);
    }

    return status;
}


static bool
writer_refused(sqlite3 *db, int rc, fig_status_t status)
{
    return rc == SQLITE_FULL
           || (rc == SQLITE_IOERR_WRITE
               && (status == FIG_FULL || fig_sqlite_errno(db, rc) == EROFS));
}


/*
 * The next commit starts the log from its beginning if all of it was copied
 * and nobody reads it.  With readers at any time nobody ever might, so a log
 * that has grown is worth waiting for them.
 */

static void
writer_checkpoint(fig_sqlite_t *store)
{
    int                   rc, mode;
    fig_sqlite_writer_t  *w;

    w = &store->writer;

    mode = w->wal < FIG_SQLITE_WAL_MAX ? SQLITE_CHECKPOINT_PASSIVE
           : SQLITE_CHECKPOINT_RESTART;

    (void) sqlite3_busy_timeout(w->ops.db, CHECKPOINT_WAIT);
    rc = sqlite3_wal_checkpoint_v2(w->ops.db, "main", mode, NULL, NULL);
    (void) sqlite3_busy_timeout(w->ops.db, (int) store->lock_timeout);

    if (rc != SQLITE_OK && rc != SQLITE_BUSY && w->again == 0) {
        w->again = fig_clock_us() + WRITER_AGAIN;
        atomic_store(&w->last, fig_sqlite_failed(store->path, w->ops.db, rc,
                                                 "cannot copy its log"));
    }

    w->checkpoint = w->wal + FIG_SQLITE_WAL;
}


static int
writer_committed(void *data, sqlite3 *db, const char *name, int pages)
{
    fig_sqlite_writer_t  *w = data;

    if (pages < w->wal) {
        w->checkpoint = FIG_SQLITE_WAL;
    }

    w->wal = pages;
    w->wrote = true;

    return SQLITE_OK;
}
