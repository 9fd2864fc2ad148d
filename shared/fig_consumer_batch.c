
/*
 * Copyright (C) Ficus authors
 */


#include "fig_consumer_batch.h"
#include "fig_hash.h"
#include "fig_log.h"
#include <inttypes.h>
#include <string.h>
#include <time.h>


/* of one batch's messages */
#define FIG_BATCH_BYTES    ((size_t) 4 * 1024 * 1024)

/* ms */
#define FIG_BATCH_BACKOFF  100
#define FIG_BATCH_SLOWEST  5000

/* twice the messages of a batch, a power of two */
#define FIG_BATCH_SLOTS    ((size_t) FIG_CONSUMER_BATCH * 2)

/* a store's longest id */
#define FIG_BATCH_KEY      512


typedef struct {
    size_t         messages;
    size_t         bytes;
    size_t         events;                     /* one a key */
    uint64_t       stale;
    fig_message_t  last;                       /* seq 0: none */
    int64_t        times[FIG_CONSUMER_BATCH];
    uint16_t       slots[FIG_BATCH_SLOTS];     /* index in events + 1 */
} fig_batch_t;


static fig_status_t fig_batch_gather(fig_consumer_t *consumer,
    fig_batch_t *batch, uint64_t timeout);
static bool fig_batch_follows(fig_consumer_t *consumer, uint64_t seq);
static void fig_batch_take(fig_consumer_t *consumer, fig_batch_t *batch,
    fig_message_t *message);
static void fig_batch_add(fig_consumer_t *consumer, fig_batch_t *batch,
    const fig_event_t *event);
static fig_status_t fig_batch_raise(fig_consumer_t *consumer,
    fig_batch_t *batch);
static fig_status_t fig_batch_write(fig_consumer_t *consumer, size_t n,
    bool *unknown);
static bool fig_batch_marked(fig_consumer_t *consumer,
    const fig_event_t *event);
static fig_status_t fig_batch_apply(fig_consumer_t *consumer, size_t n);
static void fig_batch_settle(fig_consumer_t *consumer, size_t n);
static void fig_batch_count(fig_consumer_t *consumer, fig_batch_t *batch);


fig_status_t
fig_consumer_read(fig_consumer_t *consumer, uint64_t timeout)
{
    fig_batch_t   batch;
    fig_status_t  more, rc;

    batch.messages = 0;
    batch.bytes = 0;
    batch.events = 0;
    batch.stale = 0;
    batch.last.seq = 0;
    memset(batch.slots, 0, sizeof(batch.slots));

    fig_arena_reset(consumer->arena);

    more = fig_batch_gather(consumer, &batch, timeout);

    if (batch.messages == 0) {
        return more;
    }

    rc = fig_batch_raise(consumer, &batch);

    if (rc == FIG_OK) {
        rc = fig_batch_apply(consumer, batch.events);
    }

    if (rc != FIG_OK) {
        fig_bus_drop(consumer->sub, &batch.last);
        return rc;
    }

    fig_batch_settle(consumer, batch.events);
    fig_cursor_move(consumer, batch.last.seq, batch.last.time);
    fig_cursor_save(consumer, false);

    fig_bus_ack(consumer->sub, &batch.last);
    fig_batch_count(consumer, &batch);

    return more == FIG_DECLINED ? FIG_DECLINED : FIG_OK;
}


/* what is there, without waiting for more */

static fig_status_t
fig_batch_gather(fig_consumer_t *consumer, fig_batch_t *batch,
    uint64_t timeout)
{
    fig_status_t   rc;
    fig_message_t  message;

    while (batch->messages < FIG_CONSUMER_BATCH
           && batch->bytes < FIG_BATCH_BYTES)
    {
        rc = fig_bus_next(consumer->sub, batch->messages ? 0 : timeout,
                          &message);

        if (rc != FIG_OK) {
            return rc;
        }

        if (!fig_batch_follows(consumer, message.seq)) {
            fig_bus_drop(consumer->sub, &message);
            return FIG_DECLINED;
        }

        fig_batch_take(consumer, batch, &message);
    }

    return FIG_OK;
}


/*
 * False: messages were left out before this one, since they were discarded, or
 * since the server thinks that they were acknowledged.  If a new subscription
 * behind what was applied begins with this one, too, they are no more.
 */

static bool
fig_batch_follows(fig_consumer_t *consumer, uint64_t seq)
{
    if (seq > consumer->next) {

        if (consumer->beyond != seq
            || consumer->next != consumer->cursor.seq + 1)
        {
            consumer->beyond = seq;
            return false;
        }

        fig_cursor_gap(consumer, seq);
    }

    if (seq >= consumer->next) {
        consumer->next = seq + 1;
    }

    return true;
}


static void
fig_batch_take(fig_consumer_t *consumer, fig_batch_t *batch,
    fig_message_t *message)
{
    const char    *why;
    fig_event_t    event;
    fig_status_t   rc;

    rc = fig_event_decode(consumer->conf.topic, message->data,
                          consumer->arena, &event, &why);

    if (rc == FIG_OK) {
        fig_batch_add(consumer, batch, &event);

    } else {
        fig_log_error("message %" PRIu64 " of stream %s is skipped: %s",
                      message->seq, consumer->conf.topic->stream.name, why);
        fig_counter_add(consumer->poison, 1);
    }

    if (batch->messages != 0) {
        fig_bus_drop(consumer->sub, &batch->last);
    }

    batch->times[batch->messages++] = message->time;
    batch->bytes += message->data.len;
    batch->last = *message;
}


/* of several versions of a key only the newest counts */

static void
fig_batch_add(fig_consumer_t *consumer, fig_batch_t *batch,
    const fig_event_t *event)
{
    size_t        slot;
    uint16_t      n;
    fig_event_t  *other;

    slot = fig_hash64(event->key, 0) % FIG_BATCH_SLOTS;

    for ( ;; ) {
        n = batch->slots[slot];

        if (n == 0) {
            consumer->events[batch->events++] = *event;
            batch->slots[slot] = (uint16_t) batch->events;
            return;
        }

        other = &consumer->events[n - 1];

        if (fig_str_eq(other->key, event->key)) {
            break;
        }

        slot = (slot + 1) % FIG_BATCH_SLOTS;
    }

    batch->stale++;

    if (event->ver > other->ver) {
        *other = *event;
    }
}


/* writes the replica; what was not newer is taken out of the batch */

static fig_status_t
fig_batch_raise(fig_consumer_t *consumer, fig_batch_t *batch)
{
    bool          unknown;
    size_t        i, n;
    fig_op_t     *op;
    fig_event_t  *event;
    fig_status_t  rc;

    for (i = 0; i < batch->events; i++) {
        op = &consumer->ops[i];
        event = &consumer->events[i];
        memset(op, 0, sizeof(fig_op_t));

        op->kind = FIG_STORE_RAISE;
        op->collection = consumer->conf.replica;
        op->doc.id = event->key;
        op->doc.ver = event->ver;
        op->doc.body = event->body;
        op->doc.deleted = event->deleted;
        op->doc.pending = true;
    }

    rc = fig_batch_write(consumer, batch->events, &unknown);

    if (rc != FIG_OK) {
        return rc;
    }

    n = 0;

    for (i = 0; i < batch->events; i++) {
        event = &consumer->events[i];

        if (consumer->ops[i].status == FIG_OK
            || (unknown && fig_batch_marked(consumer, event)))
        {
            consumer->events[n++] = *event;

        } else {
            batch->stale++;
        }
    }

    batch->events = n;

    return FIG_OK;
}


/*
 * Until the store takes it.  *unknown: an attempt ended without an answer, so
 * that what is not newer than the replica may be what that attempt wrote.
 */

static fig_status_t
fig_batch_write(fig_consumer_t *consumer, size_t n, bool *unknown)
{
    uint64_t      wait;
    fig_status_t  rc;

    *unknown = false;
    wait = FIG_BATCH_BACKOFF;

    if (n == 0) {
        return FIG_OK;
    }

    for ( ;; ) {
        rc = fig_store_write(consumer->store, consumer->ops, n);

        if (rc == FIG_OK) {
            return FIG_OK;
        }

        *unknown = *unknown || rc == FIG_UNKNOWN;

        fig_log_warn("can't write the replica of %s: %s; trying again",
                     consumer->conf.topic->name, fig_status_name(rc));

        if (!fig_consumer_pause(consumer, wait)) {
            return FIG_AGAIN;
        }

        wait = wait * 2 < FIG_BATCH_SLOWEST ? wait * 2 : FIG_BATCH_SLOWEST;
    }
}


/* a row that can't be read may be: applied once too often does no harm */

static bool
fig_batch_marked(fig_consumer_t *consumer, const fig_event_t *event)
{
    fig_doc_t     doc;
    fig_status_t  rc;

    rc = fig_store_get(consumer->store, consumer->conf.replica, event->key,
                       consumer->arena, &doc);

    return rc == FIG_OK ? doc.ver == event->ver && doc.pending
                        : rc != FIG_DECLINED;
}


static fig_status_t
fig_batch_apply(fig_consumer_t *consumer, size_t n)
{
    uint64_t      wait;
    fig_status_t  rc;

    wait = FIG_BATCH_BACKOFF;

    if (n == 0) {
        return FIG_OK;
    }

    for ( ;; ) {
        rc = consumer->conf.apply(consumer->conf.data, consumer->events, n,
                                  consumer->arena);

        if (rc == FIG_OK) {
            return FIG_OK;
        }

        fig_log_warn("can't apply %zu changes of %s: %s; trying again", n,
                     consumer->conf.topic->name, fig_status_name(rc));

        if (!fig_consumer_pause(consumer, wait)) {
            return FIG_AGAIN;
        }

        wait = wait * 2 < FIG_BATCH_SLOWEST ? wait * 2 : FIG_BATCH_SLOWEST;
    }
}


/* a mark that stays, since this is lost, makes apply() run once more */

static void
fig_batch_settle(fig_consumer_t *consumer, size_t n)
{
    size_t     i;
    fig_op_t  *op;

    for (i = 0; i < n; i++) {
        op = &consumer->ops[i];
        memset(op, 0, sizeof(fig_op_t));

        op->kind = FIG_STORE_SETTLE;
        op->collection = consumer->conf.replica;
        op->doc.id = consumer->events[i].key;
        op->doc.ver = consumer->events[i].ver;
    }

    if (n != 0) {
        fig_store_write_later(consumer->store, consumer->ops, n);
    }
}


static void
fig_batch_count(fig_consumer_t *consumer, fig_batch_t *batch)
{
    size_t           i;
    int64_t          lag, clock;
    struct timespec  now;

    fig_counter_add(consumer->applied, batch->events);
    fig_counter_add(consumer->stale, batch->stale);

    (void) clock_gettime(CLOCK_REALTIME, &now);
    clock = (int64_t) now.tv_sec * 1000000000 + now.tv_nsec;

    for (i = 0; i < batch->messages; i++) {
        lag = (clock - batch->times[i]) / 1000;
        fig_histogram_add(consumer->lag, lag > 0 ? (uint64_t) lag : 0);
    }
}


fig_status_t
fig_consumer_resume(fig_consumer_t *consumer)
{
    size_t         i;
    fig_page_t     page;
    fig_query_t    query;
    fig_status_t   rc;
    char           after[FIG_BATCH_KEY];

    memset(&query, 0, sizeof(fig_query_t));
    query.limit = FIG_CONSUMER_BATCH;
    query.state = FIG_STORE_PENDING;

    do {
        fig_arena_reset(consumer->arena);

        rc = fig_store_list(consumer->store, consumer->conf.replica, &query,
                            consumer->arena, &page);

        if (rc != FIG_OK || page.n == 0) {
            return rc;
        }

        fig_log_info("applying %zu changes of %s again", page.n,
                     consumer->conf.topic->name);

        memset(consumer->events, 0, sizeof(consumer->events));

        for (i = 0; i < page.n; i++) {
            consumer->events[i].key = page.docs[i].id;
            consumer->events[i].ver = page.docs[i].ver;
            consumer->events[i].deleted = page.docs[i].deleted;
            consumer->events[i].body = page.docs[i].body;
        }

        query.after.data = after;
        query.after.len = page.docs[page.n - 1].id.len;
        memcpy(after, page.docs[page.n - 1].id.data, query.after.len);

        rc = fig_batch_apply(consumer, page.n);

        if (rc != FIG_OK) {
            return rc;
        }

        fig_batch_settle(consumer, page.n);
    } while (page.more);

    return FIG_OK;
}
