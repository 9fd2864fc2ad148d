
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
#define FIG_SYNC_SETTLE    1000        /* for what is on its way */
#define FIG_SYNC_WAIT      2000        /* an operator */

/* us */
#define FIG_SYNC_RETRY     1000000
#define FIG_SYNC_LATE      10000000

enum {
    FIG_SYNC_LEVEL = 0,
    FIG_SYNC_REPAIRED,
    FIG_SYNC_DIFFERS,
    FIG_SYNC_FAILED
};


static void *fig_sync_main(void *data);
static void fig_sync_metrics(fig_consumer_t *consumer);
static double fig_sync_success(void *data);
static double fig_sync_dead(void *data);
static bool fig_sync_due(fig_consumer_t *consumer, bool *looks_twice);
static void fig_sync_run(fig_consumer_t *consumer, bool twice);
static fig_status_t fig_sync_compare(fig_consumer_t *consumer, bool twice);
static fig_status_t fig_sync_look(fig_consumer_t *consumer, bool twice,
    fig_buckets_t *differ);
static bool fig_sync_empty(fig_consumer_t *consumer);
static bool fig_sync_stop_walk(void *data, const fig_doc_t *doc);
static fig_status_t fig_sync_bring(void *data, const fig_event_t *events,
    size_t n);
static bool fig_sync_going(void *data);
static void fig_sync_done(fig_consumer_t *consumer, uint64_t ticket,
    const char *want);
static void fig_sync_tell(fig_consumer_t *consumer);
static unsigned fig_sync_result(const fig_sync_last_t *last);


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


static void
fig_sync_metrics(fig_consumer_t *consumer)
{
    fig_sync_t  *sync;
    const char  *name, *help;

    sync = &consumer->sync;

    name = "ficus_repair_runs_total";
    help = "Compares of replica and source, by what they found.";
    sync->runs[FIG_SYNC_LEVEL] = fig_counter(name, help, "result=\"level\"");
    sync->runs[FIG_SYNC_REPAIRED] = fig_counter(name, help,
                                                "result=\"repaired\"");
    sync->runs[FIG_SYNC_DIFFERS] = fig_counter(name, help,
                                               "result=\"differs\"");
    sync->runs[FIG_SYNC_FAILED] = fig_counter(name, help, "result=\"failed\"");

    sync->buckets = fig_counter("ficus_repair_buckets_total",
                                "Buckets that were compared id by id.", "");

    name = "ficus_repair_documents_total";
    help = "Documents in which replica and source differed.";
    sync->documents[FIG_REPAIR_IS_BEHIND] = fig_counter(name, help,
                                                        "kind=\"behind\"");
    sync->documents[FIG_REPAIR_IS_LOST] = fig_counter(name, help,
                                                      "kind=\"lost\"");
    sync->documents[FIG_REPAIR_IS_NEWER] = fig_counter(name, help,
                                                       "kind=\"newer\"");
    sync->documents[FIG_REPAIR_IS_LARGE] = fig_counter(name, help,
                                                       "kind=\"large\"");

    sync->seconds = fig_histogram("ficus_repair_seconds",
                                  "How long a compare took, with its repair.",
                                  "");
    fig_gauge("ficus_repair_last_success_seconds",
              "When replica and source were last compared, Unix time.", "",
              fig_sync_success, sync);
    fig_gauge("ficus_dead_letters", "Events that could not be brought in.",
              "", fig_sync_dead, consumer);
}


static double
fig_sync_success(void *data)
{
    fig_sync_t  *sync;

    sync = data;

    return (double) atomic_load(&sync->success);
}


static double
fig_sync_dead(void *data)
{
    fig_consumer_t  *consumer;

    consumer = data;

    return consumer->dead ? (double) fig_dead_count(consumer->dead) : 0;
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
        next->why = "operator";
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
    now->status = fig_sync_compare(consumer, twice);
    now->took = fig_clock_us() - start;

    fig_sync_tell(consumer);
    fig_sync_done(consumer, ticket, want);
}


static fig_status_t
fig_sync_compare(fig_consumer_t *consumer, bool twice)
{
    unsigned          i;
    fig_sync_t       *sync;
    fig_status_t      rc;
    fig_buckets_t     differ;
    fig_sync_last_t  *now;

    sync = &consumer->sync;
    now = &sync->now;

    /* what is compared with nothing need not be summed */

    if (!twice && fig_sync_empty(consumer)) {
        fig_buckets_all(&differ);
        rc = FIG_OK;

    } else {
        rc = fig_sync_look(consumer, twice, &differ);
    }

    if (rc == FIG_OK && fig_buckets_count(&differ) != 0) {
        rc = fig_repair_mend(sync->repair, &differ, now->mend, &now->report);
        fig_counter_add(sync->buckets, fig_buckets_count(&differ));
    }

    for (i = 0; i < FIG_REPAIR_KINDS; i++) {
        fig_counter_add(sync->documents[i], now->report.counts[i]);
    }

    return rc;
}


static fig_status_t
fig_sync_look(fig_consumer_t *consumer, bool twice, fig_buckets_t *differ)
{
    fig_sync_t     *sync;
    fig_status_t    rc;
    fig_buckets_t   again;

    sync = &consumer->sync;
    rc = fig_repair_look(sync->repair, differ, &sync->now.report);

    if (rc != FIG_OK || !twice || fig_buckets_count(differ) == 0) {
        return rc;
    }

    if (!fig_consumer_pause(consumer, FIG_SYNC_SETTLE)) {
        return FIG_AGAIN;
    }

    rc = fig_repair_look(sync->repair, &again, &sync->now.report);

    if (rc == FIG_OK) {
        fig_buckets_both(differ, &again);
        sync->now.report.buckets = fig_buckets_count(differ);
    }

    return rc;
}


static bool
fig_sync_empty(fig_consumer_t *consumer)
{
    bool         empty;
    fig_walk_t   walk;

    memset(&walk, 0, sizeof(fig_walk_t));
    walk.store = consumer->store;
    walk.collection = consumer->conf.replica;
    walk.arena = fig_arena_create(4096, 65536);
    walk.rows = 1;
    walk.each = fig_sync_stop_walk;
    walk.data = &empty;

    if (walk.arena == NULL) {
        return false;
    }

    empty = true;

    if (fig_walk(&walk) != FIG_OK) {
        empty = false;
    }

    fig_arena_destroy(walk.arena);

    return empty;
}


static bool
fig_sync_stop_walk(void *data, const fig_doc_t *doc)
{
    bool  *empty;

    empty = data;
    *empty = false;

    return false;
}


static fig_status_t
fig_sync_bring(void *data, const fig_event_t *events, size_t n)
{
    size_t           i, taken;
    const char      *why;
    fig_batch_t     *batch;
    fig_status_t     rc;
    fig_consumer_t  *consumer;

    consumer = data;
    batch = consumer->mend;
    rc = FIG_OK;

    for (i = 0; rc == FIG_OK && i < n; i += taken) {
        fig_batch_reset(batch);

        for (taken = 0;
             taken < FIG_CONSUMER_BATCH && i + taken < n;
             taken++)
        {
            why = NULL;

            if (consumer->conf.check && !events[i + taken].deleted) {
                why = consumer->conf.check(consumer->conf.data,
                                           &events[i + taken], batch->arena);
            }

            if (why) {
                fig_log_error("the source's \"%.*s\" can't be used: %s",
                              (int) events[i + taken].key.len,
                              events[i + taken].key.data, why);
                continue;
            }

            batch->seqs[batch->n] = 0;
            batch->events[batch->n++] = events[i + taken];
        }

        rc = fig_batch_bring(consumer, batch);
    }

    return rc;
}


static bool
fig_sync_going(void *data)
{
    return fig_consumer_going(data);
}


static void
fig_sync_tell(fig_consumer_t *consumer)
{
    unsigned              result;
    uint64_t              found;
    fig_sync_t           *sync;
    const char           *name;
    fig_sync_last_t      *now;
    fig_repair_report_t  *report;

    sync = &consumer->sync;
    now = &sync->now;
    report = &now->report;
    name = consumer->conf.topic->name;
    result = fig_sync_result(now);

    fig_counter_add(sync->runs[result], 1);
    fig_histogram_add(sync->seconds, now->took);

    if (result == FIG_SYNC_FAILED) {

        if (sync->failed == 0) {
            sync->failed = fig_clock_us();
        }

        if (!sync->failing
            && fig_clock_us() - sync->failed > FIG_SYNC_LATE)
        {
            sync->failing = true;
            fig_log_warn("the replica of %s can't be compared with its source "
                         "(%s): %s; trying on", name, now->why,
                         now->status == FIG_AGAIN ? "no answer"
                         : fig_status_name(now->status));
        }

        return;
    }

    sync->failed = 0;

    if (sync->failing) {
        sync->failing = false;
        fig_log_info("the replica of %s is compared with its source again",
                     name);
    }

    found = report->counts[FIG_REPAIR_IS_BEHIND]
            + report->counts[FIG_REPAIR_IS_LOST];

    if (now->mend && found != 0
        && (strcmp(now->why, FIG_SYNC_FIRST) == 0
            || strcmp(now->why, FIG_SYNC_CONNECTED) == 0))
    {
        fig_log_info("fetched %" PRIu64 " %s from their source; %" PRIu64
                     " ms", found, name, now->took / 1000);

    } else if (now->mend && found != 0) {
        fig_log_warn("repaired the replica of %s (%s): %" PRIu64 " were "
                     "behind, the source has lost %" PRIu64 "; %" PRIu64
                     " ms", name, now->why,
                     report->counts[FIG_REPAIR_IS_BEHIND],
                     report->counts[FIG_REPAIR_IS_LOST], now->took / 1000);
    }

    if (report->counts[FIG_REPAIR_IS_NEWER] != 0) {
        fig_log_error("the replica of %s has %" PRIu64 " documents with a "
                      "newer version than their source, which are left as "
                      "they are: was an old copy of its store put back "
                      "without raising its base?", name,
                      report->counts[FIG_REPAIR_IS_NEWER]);
    }
}


static unsigned
fig_sync_result(const fig_sync_last_t *last)
{
    const uint64_t  *counts;

    counts = last->report.counts;

    if (last->status != FIG_OK) {
        return FIG_SYNC_FAILED;
    }

    if (counts[FIG_REPAIR_IS_NEWER] != 0 || counts[FIG_REPAIR_IS_LARGE] != 0) {
        return FIG_SYNC_DIFFERS;
    }

    if (counts[FIG_REPAIR_IS_BEHIND] == 0 && counts[FIG_REPAIR_IS_LOST] == 0) {
        return FIG_SYNC_LEVEL;
    }

    return last->mend ? FIG_SYNC_REPAIRED : FIG_SYNC_DIFFERS;
}


const char *
fig_sync_result_name(const fig_sync_last_t *last)
{
    static const char *const  names[] = {
        "level", "repaired", "differs", "failed"
    };

    return names[fig_sync_result(last)];
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
