
/*
 * Copyright (C) Ficus authors
 */


/*
 * One comparison of replica and source, and the repair that follows from it.
 */


#include "fig_consumer_batch.h"
#include "fig_log.h"
#include <string.h>


/* documents that may be deleted, whatever their share is */
#define FIG_SYNC_FEW     10

/* ms, for what is on its way */
#define FIG_SYNC_SETTLE  1000


static fig_status_t fig_sync_look(fig_consumer_t *consumer, bool twice,
    fig_buckets_t *differ);
static fig_status_t fig_sync_mend(fig_consumer_t *consumer,
    const fig_buckets_t *differ);
static bool fig_sync_may(const fig_consumer_t *consumer,
    const fig_repair_report_t *report);
static bool fig_sync_empty(fig_consumer_t *consumer);
static bool fig_sync_stop_walk(void *data, const fig_doc_t *doc);


fig_status_t
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
        rc = fig_sync_mend(consumer, &differ);
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


/*
 * What an operator wants deleted is deleted.  Else it is counted first, since
 * a source that has suddenly lost much is more likely the wrong one.
 */

static fig_status_t
fig_sync_mend(fig_consumer_t *consumer, const fig_buckets_t *differ)
{
    uint64_t          lost;
    fig_sync_t       *sync;
    fig_status_t      rc;
    fig_sync_last_t  *now;

    sync = &consumer->sync;
    now = &sync->now;

    if (!now->mend || strcmp(now->why, FIG_SYNC_OPERATOR) == 0) {
        return fig_repair_mend(sync->repair, differ,
                               now->mend ? FIG_REPAIR_FETCH | FIG_REPAIR_DELETE
                                         : 0, &now->report);
    }

    rc = fig_repair_mend(sync->repair, differ, FIG_REPAIR_FETCH,
                         &now->report);
    lost = now->report.counts[FIG_REPAIR_IS_LOST];

    if (rc != FIG_OK || lost == 0) {
        return rc;
    }

    if (fig_sync_may(consumer, &now->report)) {
        return fig_repair_delete(sync->repair, differ, &now->report);
    }

    now->withheld = lost;

    return FIG_OK;
}


static bool
fig_sync_may(const fig_consumer_t *consumer, const fig_repair_report_t *report)
{
    uint64_t  lost, percent;

    lost = report->counts[FIG_REPAIR_IS_LOST];
    percent = consumer->conf.deletes;

    if (percent >= 100) {
        return true;
    }

    return !report->none
           && (lost <= FIG_SYNC_FEW || lost * 100 <= report->rows * percent);
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


fig_status_t
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


bool
fig_sync_going(void *data)
{
    return fig_consumer_going(data);
}
