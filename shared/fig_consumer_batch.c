
/*
 * Copyright (C) Ficus authors
 */


/*
 * The one way in: whoever has newer states, from the stream, from the source
 * or by hand, brings them in here, one batch at a time.
 */


#include "fig_consumer_batch.h"
#include "fig_log.h"
#include <stdlib.h>
#include <string.h>


#define FIG_BATCH_BLOCK    65536
#define FIG_BATCH_ARENA    ((size_t) 256 * 1024 * 1024)

/* ms */
#define FIG_BATCH_BACKOFF  100
#define FIG_BATCH_SLOWEST  5000

/* of one state that apply() refuses, before it is parked */
#define FIG_BATCH_TRIES    3

/*
 * us: a store that has answered all that time, and fails nevertheless, may have
 * one row that is damaged; the others are not to wait for it
 */
#define FIG_BATCH_LONG     60000000


static fig_status_t fig_batch_raise(fig_consumer_t *consumer,
    fig_batch_t *batch);
static void fig_batch_ops(fig_consumer_t *consumer, fig_batch_t *batch);
static fig_status_t fig_batch_write(fig_consumer_t *consumer,
    fig_batch_t *batch, bool *unknown);
static fig_status_t fig_batch_open(fig_consumer_t *consumer,
    fig_batch_t *batch, fig_event_t *event, bool unknown);
static fig_status_t fig_batch_marked(fig_consumer_t *consumer,
    fig_batch_t *batch, const fig_event_t *event);
static fig_status_t fig_batch_current(fig_consumer_t *consumer,
    fig_batch_t *batch, fig_event_t *event);
static fig_status_t fig_batch_apply(fig_consumer_t *consumer,
    fig_batch_t *batch, size_t first, size_t n, uint64_t since);
static fig_status_t fig_batch_single(fig_consumer_t *consumer,
    fig_batch_t *batch, size_t i, uint64_t since);
static fig_status_t fig_batch_call(fig_consumer_t *consumer,
    fig_batch_t *batch, size_t first, size_t n, uint64_t since);
static bool fig_batch_fault(fig_status_t status);
static void fig_batch_settle(fig_consumer_t *consumer, fig_batch_t *batch);
static void fig_batch_heal(fig_consumer_t *consumer, fig_batch_t *batch);


fig_batch_t *
fig_batch_create(void)
{
    fig_batch_t  *batch;

    batch = calloc(1, sizeof(fig_batch_t));

    if (batch == NULL) {
        return NULL;
    }

    batch->arena = fig_arena_create(FIG_BATCH_BLOCK, FIG_BATCH_ARENA);
    batch->scratch = fig_arena_create(FIG_BATCH_BLOCK, FIG_BATCH_ARENA);

    if (batch->arena == NULL || batch->scratch == NULL) {
        fig_batch_destroy(batch);
        return NULL;
    }

    return batch;
}


void
fig_batch_destroy(fig_batch_t *batch)
{
    if (batch) {
        fig_arena_destroy(batch->scratch);
        fig_arena_destroy(batch->arena);
        free(batch);
    }
}


void
fig_batch_reset(fig_batch_t *batch)
{
    fig_arena_reset(batch->arena);
    batch->n = 0;
    batch->stale = 0;
}


fig_status_t
fig_batch_bring(fig_consumer_t *consumer, fig_batch_t *batch)
{
    uint64_t      wait;
    fig_status_t  rc;

    wait = FIG_BATCH_BACKOFF;

    (void) pthread_mutex_lock(&consumer->bring);

    rc = fig_batch_raise(consumer, batch);

    if (rc == FIG_OK) {
        rc = fig_batch_follow(consumer, batch);
    }

    /* whoever makes room for letters may have to bring something in */

    while (rc == FIG_FULL && batch == consumer->live) {
        (void) pthread_mutex_unlock(&consumer->bring);

        if (fig_batch_pause(consumer, &wait) != FIG_OK) {
            return FIG_AGAIN;
        }

        (void) pthread_mutex_lock(&consumer->bring);
        rc = fig_batch_follow(consumer, batch);
    }

    (void) pthread_mutex_unlock(&consumer->bring);

    return rc;
}


fig_status_t
fig_batch_follow(fig_consumer_t *consumer, fig_batch_t *batch)
{
    fig_status_t  rc;

    rc = fig_batch_apply(consumer, batch, 0, batch->n, fig_clock_us());

    if (rc == FIG_OK) {
        fig_batch_settle(consumer, batch);
        fig_batch_heal(consumer, batch);
    }

    return rc;
}


/* writes the replica; what was not newer is taken out of the batch */

static fig_status_t
fig_batch_raise(fig_consumer_t *consumer, fig_batch_t *batch)
{
    bool          unknown;
    size_t        i, n;
    fig_event_t  *event;
    fig_status_t  rc;

    fig_batch_ops(consumer, batch);

    rc = fig_batch_write(consumer, batch, &unknown);

    if (rc != FIG_OK) {
        return rc;
    }

    n = 0;

    for (i = 0; i < batch->n; i++) {
        event = &batch->events[i];
        rc = batch->ops[i].status;

        if (rc != FIG_OK) {
            rc = fig_batch_open(consumer, batch, event, unknown);
        }

        if (rc == FIG_OK) {
            batch->seqs[n] = batch->seqs[i];
            batch->events[n++] = *event;

        } else if (rc == FIG_DECLINED) {
            batch->stale++;

        } else {
            return rc;
        }
    }

    batch->n = n;

    return FIG_OK;
}


static void
fig_batch_ops(fig_consumer_t *consumer, fig_batch_t *batch)
{
    size_t        i;
    fig_op_t     *op;
    fig_event_t  *event;

    for (i = 0; i < batch->n; i++) {
        op = &batch->ops[i];
        event = &batch->events[i];
        memset(op, 0, sizeof(fig_op_t));

        op->kind = FIG_STORE_RAISE;
        op->collection = consumer->conf.replica;
        op->doc.id = event->key;
        op->doc.ver = event->ver;
        op->doc.ref = event->lost ? FIG_REPAIR_LOST : 0;
        op->doc.body = event->body;
        op->doc.deleted = event->deleted;
        op->doc.pending = true;
    }
}


/*
 * Until the store takes it.  *unknown: an attempt ended without an answer, so
 * that what is not newer than the replica may be what that attempt wrote.
 */

static fig_status_t
fig_batch_write(fig_consumer_t *consumer, fig_batch_t *batch, bool *unknown)
{
    uint64_t      wait;
    fig_status_t  rc;

    *unknown = false;
    wait = FIG_BATCH_BACKOFF;

    if (batch->n == 0) {
        return FIG_OK;
    }

    for ( ;; ) {
        rc = fig_store_write(consumer->store, batch->ops, batch->n);

        if (rc == FIG_OK || batch->once) {
            return rc;
        }

        *unknown = *unknown || rc == FIG_UNKNOWN;

        fig_log_warn("can't write the replica of %s: %s; trying again",
                     consumer->conf.topic->name, fig_status_name(rc));

        if (fig_batch_pause(consumer, &wait) != FIG_OK) {
            return FIG_AGAIN;
        }
    }
}


fig_status_t
fig_batch_pause(fig_consumer_t *consumer, uint64_t *wait)
{
    if (!fig_consumer_pause(consumer, *wait)) {
        return FIG_AGAIN;
    }

    *wait = *wait * 2 < FIG_BATCH_SLOWEST ? *wait * 2 : FIG_BATCH_SLOWEST;

    return FIG_OK;
}


/*
 * Whether a state that is not newer has to be applied all the same.  One that
 * is older than the replica must not: who sees it may have seen no newer one,
 * which does not come again.
 */

static fig_status_t
fig_batch_open(fig_consumer_t *consumer, fig_batch_t *batch,
    fig_event_t *event, bool unknown)
{
    fig_status_t  rc;

    rc = unknown ? fig_batch_marked(consumer, batch, event) : FIG_DECLINED;

    return rc == FIG_DECLINED && batch->once
           ? fig_batch_current(consumer, batch, event) : rc;
}


/* a row that can't be read for long is damaged, and it may be its */

static fig_status_t
fig_batch_marked(fig_consumer_t *consumer, fig_batch_t *batch,
    const fig_event_t *event)
{
    uint64_t      wait, since;
    fig_doc_t     doc;
    fig_status_t  rc;

    wait = FIG_BATCH_BACKOFF;
    since = fig_clock_us();

    for ( ;; ) {
        rc = fig_store_get(consumer->store, consumer->conf.replica, event->key,
                           batch->arena, &doc);

        if (rc == FIG_OK) {
            return doc.ver == event->ver && doc.pending ? FIG_OK : FIG_DECLINED;
        }

        if (rc == FIG_DECLINED) {
            return rc;
        }

        if (rc == FIG_NOMEM || fig_clock_us() - since > FIG_BATCH_LONG) {
            return FIG_OK;
        }

        if (fig_batch_pause(consumer, &wait) != FIG_OK) {
            return FIG_AGAIN;
        }
    }
}


/* the replica's own state in place of one that is not newer */

static fig_status_t
fig_batch_current(fig_consumer_t *consumer, fig_batch_t *batch,
    fig_event_t *event)
{
    fig_doc_t     doc;
    fig_status_t  rc;

    rc = fig_store_get(consumer->store, consumer->conf.replica, event->key,
                       batch->arena, &doc);

    if (rc == FIG_OK) {
        event->ver = doc.ver;
        event->deleted = doc.deleted;
        event->body = doc.body;
    }

    return rc == FIG_OK || rc == FIG_DECLINED ? rc : FIG_AGAIN;
}


/* what is at fault is found by halves; since: us, when the first was tried */

static fig_status_t
fig_batch_apply(fig_consumer_t *consumer, fig_batch_t *batch, size_t first,
    size_t n, uint64_t since)
{
    uint64_t      wait;
    fig_status_t  rc, rest;

    wait = FIG_BATCH_BACKOFF;

    if (n == 0) {
        return FIG_OK;
    }

    for ( ;; ) {
        rc = fig_batch_call(consumer, batch, first, n, since);

        if (rc == FIG_OK) {
            return FIG_OK;
        }

        if (batch->once) {
            return fig_batch_fault(rc) ? FIG_INVALID : FIG_AGAIN;
        }

        if (consumer->dead && fig_batch_fault(rc)) {
            break;
        }

        fig_log_warn("can't apply %zu changes of %s: %s; trying again", n,
                     consumer->conf.topic->name, fig_status_name(rc));

        if (fig_batch_pause(consumer, &wait) != FIG_OK) {
            return FIG_AGAIN;
        }
    }

    if (n == 1) {
        return fig_batch_single(consumer, batch, first, since);
    }

    rc = fig_batch_apply(consumer, batch, first, n / 2, since);

    if (rc != FIG_OK && rc != FIG_FULL) {
        return rc;
    }

    rest = fig_batch_apply(consumer, batch, first + n / 2, n - n / 2, since);

    return rest == FIG_OK ? rc : rest;
}


/*
 * It failed once, and all others are in.  Parked, it is settled, too: the
 * letter stands for it now.  FIG_FULL: there is no room for its letter.
 */

static fig_status_t
fig_batch_single(fig_consumer_t *consumer, fig_batch_t *batch, size_t i,
    uint64_t since)
{
    uint64_t      wait;
    unsigned      tries;
    fig_event_t  *event;
    fig_status_t  rc, parked;

    rc = FIG_INVALID;
    wait = FIG_BATCH_BACKOFF;
    event = &batch->events[i];

    /* who has letters already must not hold up the others again */
    tries = fig_dead_holds(consumer->dead, event->key) ? FIG_BATCH_TRIES : 1;

    for ( ;; ) {

        if (tries >= FIG_BATCH_TRIES && fig_batch_fault(rc)) {
            parked = fig_dead_event(consumer, event, batch->seqs[i], rc);

            if (parked == FIG_OK) {
                batch->seqs[i] = FIG_BATCH_PARKED;
            }

            if (parked == FIG_OK || parked == FIG_FULL) {
                return parked;
            }
        }

        if (fig_batch_pause(consumer, &wait) != FIG_OK) {
            return FIG_AGAIN;
        }

        rc = fig_batch_call(consumer, batch, i, 1, since);

        if (rc == FIG_OK) {
            return FIG_OK;
        }

        tries += fig_batch_fault(rc);
    }
}


/*
 * FIG_BUSY: the store has failed meanwhile, whatever apply() made of that, or
 * fails now: that is not the states' fault.
 */

static fig_status_t
fig_batch_call(fig_consumer_t *consumer, fig_batch_t *batch, size_t first,
    size_t n, uint64_t since)
{
    uint64_t      troubles;
    fig_status_t  rc;

    fig_arena_reset(batch->scratch);
    troubles = fig_store_troubles(consumer->store);

    rc = consumer->conf.apply(consumer->conf.data, &batch->events[first], n,
                              batch->scratch);

    if (fig_batch_fault(rc)
        && (fig_store_ping(consumer->store) != FIG_OK
            || (fig_store_troubles(consumer->store) != troubles
                && fig_clock_us() - since < FIG_BATCH_LONG)))
    {
        return FIG_BUSY;
    }

    return rc;
}


static bool
fig_batch_fault(fig_status_t status)
{
    switch (status) {

    case FIG_OK:
    case FIG_BUSY:
    case FIG_FULL:
    case FIG_AGAIN:
    case FIG_UNKNOWN:
        return false;

    default:
        return true;
    }
}


/* a mark that stays, since this is lost, makes apply() run once more */

static void
fig_batch_settle(fig_consumer_t *consumer, fig_batch_t *batch)
{
    size_t     i;
    fig_op_t  *op;

    for (i = 0; i < batch->n; i++) {
        op = &batch->ops[i];
        memset(op, 0, sizeof(fig_op_t));

        op->kind = FIG_STORE_SETTLE;
        op->collection = consumer->conf.replica;
        op->doc.id = batch->events[i].key;
        op->doc.ver = batch->events[i].ver;
    }

    if (batch->n != 0) {
        fig_store_write_later(consumer->store, batch->ops, batch->n);
    }
}


static void
fig_batch_heal(fig_consumer_t *consumer, fig_batch_t *batch)
{
    size_t  i;

    if (consumer->dead == NULL || fig_dead_count(consumer->dead) == 0) {
        return;
    }

    for (i = 0; i < batch->n; i++) {

        if (batch->seqs[i] != FIG_BATCH_PARKED
            && fig_dead_heal(consumer->dead, batch->events[i].key,
                             batch->events[i].ver)
               != FIG_OK)
        {
            fig_log_warn("can't remove dead letters of \"%.*s\"",
                         (int) batch->events[i].key.len,
                         batch->events[i].key.data);
        }
    }
}
