
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
#define FIG_READ_BYTES  ((size_t) 4 * 1024 * 1024)

/* twice the messages of a batch, a power of two */
#define FIG_READ_SLOTS  ((size_t) FIG_CONSUMER_BATCH * 2)


typedef struct {
    fig_batch_t   *batch;
    size_t         messages;
    size_t         bytes;
    fig_message_t  last;                       /* seq 0: none */
    int64_t        times[FIG_CONSUMER_BATCH];
    uint16_t       slots[FIG_READ_SLOTS];      /* index in events + 1 */
} fig_read_t;


static fig_status_t fig_read_gather(fig_consumer_t *consumer, fig_read_t *read,
    uint64_t timeout);
static bool fig_read_follows(fig_consumer_t *consumer, uint64_t seq);
static fig_status_t fig_read_take(fig_consumer_t *consumer, fig_read_t *read,
    fig_message_t *message);
static fig_status_t fig_read_decode(fig_consumer_t *consumer,
    fig_read_t *read, const fig_message_t *message);
static void fig_read_add(fig_read_t *read, const fig_event_t *event,
    uint64_t seq);
static void fig_read_count(fig_consumer_t *consumer, fig_read_t *read);
static size_t fig_read_applied(const fig_batch_t *batch);


fig_status_t
fig_consumer_read(fig_consumer_t *consumer, uint64_t timeout)
{
    fig_read_t    read;
    fig_status_t  more, rc;

    read.batch = consumer->live;
    read.messages = 0;
    read.bytes = 0;
    read.last.seq = 0;
    memset(read.slots, 0, sizeof(read.slots));

    fig_batch_reset(read.batch);

    more = fig_read_gather(consumer, &read, timeout);

    if (read.messages == 0) {
        return more;
    }

    rc = fig_batch_bring(consumer, read.batch);

    if (rc != FIG_OK) {
        fig_bus_drop(consumer->sub, &read.last);
        return rc;
    }

    fig_cursor_move(consumer, read.last.seq, read.last.time);
    fig_cursor_save(consumer, false);

    fig_bus_ack(consumer->sub, &read.last);
    fig_read_count(consumer, &read);

    return more == FIG_DECLINED ? FIG_DECLINED : FIG_OK;
}


/* what is there, without waiting for more */

static fig_status_t
fig_read_gather(fig_consumer_t *consumer, fig_read_t *read, uint64_t timeout)
{
    fig_status_t   rc;
    fig_message_t  message;

    while (read->messages < FIG_CONSUMER_BATCH
           && read->bytes < FIG_READ_BYTES)
    {
        rc = fig_bus_next(consumer->sub, read->messages ? 0 : timeout,
                          &message);

        if (rc != FIG_OK) {
            return rc;
        }

        if (!fig_read_follows(consumer, message.seq)) {
            fig_bus_drop(consumer->sub, &message);
            return FIG_DECLINED;
        }

        rc = fig_read_take(consumer, read, &message);

        if (rc != FIG_OK) {
            fig_bus_drop(consumer->sub, &message);
            return FIG_DECLINED;
        }
    }

    return FIG_OK;
}


/*
 * False: messages were left out before this one, since they were discarded, or
 * since the server thinks that they were acknowledged.  If a new subscription
 * behind what was applied begins with this one, too, and the stream has not
 * what should have come, they are no more.
 */

static bool
fig_read_follows(fig_consumer_t *consumer, uint64_t seq)
{
    int64_t  time;

    if (seq > consumer->next) {

        if (consumer->beyond != seq
            || consumer->next != consumer->cursor.seq + 1
            || fig_bus_stream_time(consumer->bus,
                                   &consumer->conf.topic->stream,
                                   consumer->next, &time) != FIG_DECLINED)
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


/* other than FIG_OK: it is not taken, and has to come again */

static fig_status_t
fig_read_take(fig_consumer_t *consumer, fig_read_t *read,
    fig_message_t *message)
{
    fig_status_t  rc;

    rc = fig_read_decode(consumer, read, message);

    if (rc != FIG_OK) {
        return rc;
    }

    if (read->messages != 0) {
        fig_bus_drop(consumer->sub, &read->last);
    }

    read->times[read->messages++] = message->time;
    read->bytes += message->data.len;
    read->last = *message;

    return FIG_OK;
}


static fig_status_t
fig_read_decode(fig_consumer_t *consumer, fig_read_t *read,
    const fig_message_t *message)
{
    const char    *why;
    fig_event_t    event;
    fig_batch_t   *batch;
    fig_status_t   rc;

    batch = read->batch;

    rc = fig_event_decode(consumer->conf.topic, message->data, batch->arena,
                          &event, &why);

    if (rc == FIG_NOMEM) {
        fig_log_error("no memory for message %" PRIu64 " of stream %s",
                      message->seq, consumer->conf.topic->stream.name);
        (void) fig_consumer_pause(consumer, 1000);
        return rc;
    }

    if (rc != FIG_OK) {
        return fig_dead_message(consumer, message, NULL, why);
    }

    if (consumer->conf.check && !event.deleted) {
        why = consumer->conf.check(consumer->conf.data, &event, batch->arena);

        if (why) {
            return fig_dead_message(consumer, message, &event, why);
        }
    }

    fig_read_add(read, &event, message->seq);

    return FIG_OK;
}


/* of several versions of a key only the newest counts */

static void
fig_read_add(fig_read_t *read, const fig_event_t *event, uint64_t seq)
{
    size_t        slot;
    uint16_t      n;
    fig_batch_t  *batch;
    fig_event_t  *other;

    batch = read->batch;
    slot = fig_hash_table(event->key) % FIG_READ_SLOTS;

    for ( ;; ) {
        n = read->slots[slot];

        if (n == 0) {
            batch->seqs[batch->n] = seq;
            batch->events[batch->n++] = *event;
            read->slots[slot] = (uint16_t) batch->n;
            return;
        }

        other = &batch->events[n - 1];

        if (fig_str_eq(other->key, event->key)) {
            break;
        }

        slot = (slot + 1) % FIG_READ_SLOTS;
    }

    batch->stale++;

    if (event->ver > other->ver) {
        *other = *event;
        batch->seqs[n - 1] = seq;
    }
}


static void
fig_read_count(fig_consumer_t *consumer, fig_read_t *read)
{
    size_t           i;
    int64_t          lag, clock;
    struct timespec  now;

    fig_counter_add(consumer->applied, fig_read_applied(read->batch));
    fig_counter_add(consumer->stale, read->batch->stale);

    (void) clock_gettime(CLOCK_REALTIME, &now);
    clock = (int64_t) now.tv_sec * 1000000000 + now.tv_nsec;

    /* a clock that was set back shows no lag rather than a wrong one */

    for (i = 0; i < read->messages; i++) {
        lag = (clock - read->times[i]) / 1000;
        fig_histogram_add(consumer->lag, lag > 0 ? (uint64_t) lag : 0);
    }
}


static size_t
fig_read_applied(const fig_batch_t *batch)
{
    size_t  i, n;

    n = 0;

    for (i = 0; i < batch->n; i++) {
        n += batch->seqs[i] != FIG_BATCH_PARKED;
    }

    return n;
}
