
/*
 * Copyright (C) Ficus authors
 */


/*
 * The thread that compares replica and source, has the replica repaired, and
 * tries dead letters again.
 */


#include "fig_consumer_batch.h"
#include "fig_log.h"
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <time.h>


/* ms */
#define FIG_SYNC_INTERVAL  30000
#define FIG_SYNC_LOOK      1000        /* until it looks what there is to do */
#define FIG_SYNC_WAIT      2000        /* an operator */

/* us */
#define FIG_SYNC_RETRY     1000000


static void *fig_sync_main(void *data);
static bool fig_sync_due(fig_consumer_t *consumer, bool *looks_twice);
static void fig_sync_run(fig_consumer_t *consumer, bool twice);
static void fig_sync_done(fig_consumer_t *consumer, uint64_t ticket,
    const char *want);


fig_status_t
fig_sync_open(fig_consumer_t *consumer)
{
    int                 rc;
    fig_sync_t         *sync;
    fig_repair_conf_t   conf;

    sync = &consumer->sync;

    memset(&conf, 0, sizeof(fig_repair_conf_t));
    conf.store = consumer->store;
    conf.bus = consumer->bus;
    conf.topic = consumer->conf.topic;
    conf.replica = consumer->conf.replica;
    conf.mend = fig_sync_bring;
    conf.going = fig_sync_going;
    conf.data = consumer;

    sync->repair = fig_repair_create(&conf);

    if (sync->repair == NULL) {
        return FIG_ERROR;
    }

    sync->level = fig_clock_us();
    sync->next = sync->level + fig_sync_interval(consumer);
    fig_sync_metrics(consumer);

    rc = pthread_create(&sync->thread, NULL, fig_sync_main, consumer);

    if (rc != 0) {
        errno = rc;
        fig_log_errno("can't start the thread that compares");
        fig_gauge_remove(sync);
        fig_repair_destroy(sync->repair);
        return FIG_ERROR;
    }

    return FIG_OK;
}


void
fig_sync_close(fig_consumer_t *consumer)
{
    (void) pthread_join(consumer->sync.thread, NULL);

    fig_gauge_remove(&consumer->sync);
    fig_repair_destroy(consumer->sync.repair);
}


uint64_t
fig_sync_interval(const fig_consumer_t *consumer)
{
    uint64_t  ms;

    ms = consumer->conf.interval;

    return (ms ? ms : FIG_SYNC_INTERVAL) * 1000;
}


void
fig_sync_want(fig_consumer_t *consumer, const char *why)
{
    fig_sync_t  *sync;

    sync = &consumer->sync;

    (void) pthread_mutex_lock(&consumer->mutex);

    if (sync->want == NULL) {
        sync->since = fig_clock_us();
    }

    /* the first reason says more than that it is connected again */

    if (sync->want == NULL || strcmp(why, FIG_SYNC_CONNECTED) != 0) {
        sync->want = why;
    }

    sync->retry = 0;

    (void) pthread_cond_broadcast(&consumer->stopped);
    (void) pthread_mutex_unlock(&consumer->mutex);
}


fig_status_t
fig_sync_ask(fig_consumer_t *consumer, bool mend, uint64_t *ticket)
{
    int              rc;
    fig_sync_t      *sync;
    fig_status_t     status;
    struct timespec  until;

    rc = 0;
    sync = &consumer->sync;

    (void) clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += FIG_SYNC_WAIT / 1000;

    (void) pthread_mutex_lock(&consumer->mutex);

    *ticket = ++sync->asked;
    sync->ask_mend = sync->ask_mend || mend;
    (void) pthread_cond_broadcast(&consumer->stopped);

    while (!consumer->stop && sync->done < *ticket && rc == 0) {
        rc = pthread_cond_timedwait(&consumer->stopped, &consumer->mutex,
                                    &until);
    }

    status = sync->done >= *ticket ? FIG_OK : FIG_AGAIN;
    (void) pthread_mutex_unlock(&consumer->mutex);

    return status;
}


const char *
fig_consumer_check(void *data)
{
    uint64_t         now;
    fig_sync_t      *sync;
    const char      *wrong;
    fig_consumer_t  *consumer;

    consumer = data;
    sync = &consumer->sync;
    now = fig_clock_us();
    wrong = atomic_load(&consumer->wrong);

    if (wrong == NULL && atomic_load(&consumer->crowded)
        && fig_dead_full(consumer->dead))
    {
        wrong = "waits, since there are too many dead letters";
    }

    if (wrong) {
        return wrong;
    }

    (void) pthread_mutex_lock(&consumer->mutex);

    if (sync->want && !sync->running && now - sync->since > FIG_SYNC_LATE) {
        wrong = "has to be repaired, but the source does not answer";

    } else if (now - sync->level
               > fig_sync_interval(consumer) * 3 + FIG_SYNC_LATE)
    {
        wrong = "was not compared with its source for long";

    } else if (sync->last.withheld) {
        wrong = "its source has lost more than is deleted unasked";

    } else if (sync->last.mend
               && fig_sync_result(&sync->last) == FIG_SYNC_DIFFERS)
    {
        wrong = "differs from its source";
    }

    (void) pthread_mutex_unlock(&consumer->mutex);

    return wrong;
}


static void *
fig_sync_main(void *data)
{
    bool             twice;
    uint64_t         wait;
    fig_consumer_t  *consumer;

    consumer = data;
    wait = FIG_SYNC_LOOK;

    for ( ;; ) {
        (void) pthread_mutex_lock(&consumer->mutex);

        if (consumer->stop) {
            (void) pthread_mutex_unlock(&consumer->mutex);
            return NULL;
        }

        if (fig_sync_due(consumer, &twice)) {
            /* which unlocks */
            fig_sync_run(consumer, twice);
            continue;
        }

        fig_consumer_wait(consumer, wait);
        (void) pthread_mutex_unlock(&consumer->mutex);

        fig_marks_sweep(consumer);

        if (atomic_load(&consumer->retry)) {
            fig_dead_again(consumer);
        }
    }
}


/* under the mutex */

static bool
fig_sync_due(fig_consumer_t *consumer, bool *twice)
{
    uint64_t          now;
    fig_sync_t       *sync;
    fig_sync_last_t  *next;

    now = fig_clock_us();
    sync = &consumer->sync;
    next = &sync->now;

    next->mend = true;
    *twice = true;

    if (sync->asked != sync->done) {
        next->why = FIG_SYNC_OPERATOR;
        next->mend = sync->ask_mend;
        return true;
    }

    if (now < sync->retry || fig_bus_session(consumer->bus) == 0) {
        return false;
    }

    if (sync->want) {
        next->why = sync->want;
        *twice = false;
        return true;
    }

    next->why = "interval";

    return now >= sync->next;
}


/* comes with the mutex locked, returns with it unlocked */

static void
fig_sync_run(fig_consumer_t *consumer, bool twice)
{
    uint64_t          start, ticket;
    fig_sync_t       *sync;
    const char       *want, *why;
    fig_sync_last_t  *now;

    sync = &consumer->sync;
    now = &sync->now;
    start = fig_clock_us();

    ticket = sync->asked;
    want = sync->want;
    why = now->why;
    sync->want = NULL;
    sync->ask_mend = false;
    sync->running = true;

    (void) pthread_mutex_unlock(&consumer->mutex);

    memset(&now->report, 0, sizeof(fig_repair_report_t));
    now->at = (int64_t) time(NULL);
    now->why = why;
    now->withheld = 0;
    now->status = fig_sync_compare(consumer, twice);
    now->took = fig_clock_us() - start;

    fig_sync_tell(consumer);
    fig_sync_done(consumer, ticket, want);
}


static void
fig_sync_done(fig_consumer_t *consumer, uint64_t ticket, const char *want)
{
    uint64_t     now;
    fig_sync_t  *sync;

    sync = &consumer->sync;
    now = fig_clock_us();

    (void) pthread_mutex_lock(&consumer->mutex);

    sync->running = false;
    sync->done = ticket;
    sync->last = sync->now;
    sync->next = now + fig_sync_interval(consumer);

    if (sync->now.status == FIG_OK) {
        sync->level = now;
        atomic_store(&sync->success, (int64_t) time(NULL));

    } else {
        sync->retry = now + FIG_SYNC_RETRY;
        sync->next = sync->retry;
    }

    /* not done: it is still wanted, since when it was */

    if (sync->want == NULL
        && (sync->now.status != FIG_OK || !sync->now.mend))
    {
        sync->want = want;
    }

    (void) pthread_cond_broadcast(&consumer->stopped);
    (void) pthread_mutex_unlock(&consumer->mutex);
}
