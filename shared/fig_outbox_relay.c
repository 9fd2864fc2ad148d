
/*
 * Copyright (C) Ficus authors
 */


#include "fig_outbox_relay.h"
#include "fig_log.h"
#include <stdlib.h>
#include <string.h>


/* until a state without an answer is published again, us */
#define FIG_OUTBOX_REPEAT   2000000

/* ms */
#define FIG_OUTBOX_LOOK     500
#define FIG_OUTBOX_BLOCKED  50


static fig_parcel_t *fig_outbox_parcel(fig_outbox_t *outbox,
    const fig_doc_t *doc, fig_str_t traceparent);
static void fig_outbox_overdue(fig_outbox_t *outbox);
static bool fig_outbox_next(fig_outbox_t *outbox);
static bool fig_outbox_send(fig_outbox_t *outbox, fig_row_t *row);
static void fig_outbox_rest(fig_outbox_t *outbox);
static void fig_outbox_refuse(fig_outbox_t *outbox, fig_row_t *row);


fig_status_t
fig_outbox_put(fig_outbox_t *outbox, const fig_doc_t *doc,
    fig_str_t traceparent)
{
    bool           full;
    fig_status_t   rc;
    fig_parcel_t  *parcel;

    (void) pthread_mutex_lock(&outbox->mutex);
    full = fig_rows_full(outbox->rows);
    (void) pthread_mutex_unlock(&outbox->mutex);

    if (full) {
        return FIG_BUSY;
    }

    parcel = fig_outbox_parcel(outbox, doc, traceparent);

    if (parcel == NULL) {
        return FIG_BUSY;
    }

    (void) pthread_mutex_lock(&outbox->mutex);

    rc = fig_rows_put(outbox->rows, doc->id, doc->ver, parcel,
                      fig_clock_us());

    if (rc == FIG_OK) {
        (void) pthread_cond_signal(&outbox->work);
    }

    (void) pthread_mutex_unlock(&outbox->mutex);

    if (rc != FIG_OK) {
        free(parcel);
    }

    return rc;
}


static fig_parcel_t *
fig_outbox_parcel(fig_outbox_t *outbox, const fig_doc_t *doc,
    fig_str_t traceparent)
{
    fig_buf_t      subject, id, payload;
    fig_parcel_t  *parcel;

    fig_buf_init(&subject, FIG_OUTBOX_EVENT);
    fig_buf_init(&id, FIG_OUTBOX_EVENT);
    fig_buf_init(&payload, FIG_OUTBOX_EVENT);

    fig_event_subject(&subject, outbox->topic, doc);
    fig_event_id(&id, outbox->topic, doc);
    fig_event_encode(&payload, outbox->topic, doc, traceparent);

    parcel = NULL;

    if (fig_buf_ok(&subject) && fig_buf_ok(&id) && fig_buf_ok(&payload)) {
        parcel = fig_parcel_create(fig_buf_view(&subject), fig_buf_view(&id),
                                   fig_buf_view(&payload));
    }

    fig_buf_clear(&subject);
    fig_buf_clear(&id);
    fig_buf_clear(&payload);

    return parcel;
}


void *
fig_outbox_relay(void *data)
{
    fig_outbox_t  *outbox;

    outbox = data;

    (void) pthread_mutex_lock(&outbox->mutex);

    while (!outbox->stop) {

        fig_outbox_overdue(outbox);

        if (!fig_outbox_next(outbox)) {
            fig_outbox_rest(outbox);
        }
    }

    (void) pthread_mutex_unlock(&outbox->mutex);

    return NULL;
}


/* what has waited too long for its answer is published again */

static void
fig_outbox_overdue(fig_outbox_t *outbox)
{
    uint64_t    now;
    fig_row_t  *row;

    if (fig_rows_count(outbox->rows, FIG_ROW_SENT) == 0) {
        return;
    }

    now = fig_clock_us();

    for ( ;; ) {
        row = fig_rows_first(outbox->rows, FIG_ROW_SENT);

        if (row == NULL || now - row->time < FIG_OUTBOX_REPEAT) {
            return;
        }

        fig_rows_move(outbox->rows, row, FIG_ROW_QUEUED, now);
        fig_counter_add(outbox->repeated, 1);
    }
}


/* false: nothing can be published now */

static bool
fig_outbox_next(fig_outbox_t *outbox)
{
    fig_row_t  *row;

    outbox->blocked = false;
    row = fig_rows_first(outbox->rows, FIG_ROW_QUEUED);

    if (row == NULL || outbox->ready == 0) {
        return false;
    }

    outbox->blocked = !fig_outbox_send(outbox, row);

    return !outbox->blocked;
}


static bool
fig_outbox_send(fig_outbox_t *outbox, fig_row_t *row)
{
    uint64_t       token;
    fig_status_t   rc;
    fig_parcel_t  *parcel;

    token = fig_rows_token(outbox->rows, row);
    parcel = fig_rows_lend(outbox->rows, row);
    fig_rows_move(outbox->rows, row, FIG_ROW_SENT, fig_clock_us());

    (void) pthread_mutex_unlock(&outbox->mutex);

    rc = fig_bus_publish(outbox->bus, outbox->publisher, parcel->subject,
                         parcel->id, parcel->payload, token);

    (void) pthread_mutex_lock(&outbox->mutex);

    fig_rows_return(outbox->rows, token, parcel);
    row = fig_rows_by_token(outbox->rows, token);

    if (row && row->state == FIG_ROW_SENT) {

        if (rc == FIG_INVALID) {
            fig_outbox_refuse(outbox, row);

        } else if (rc != FIG_OK) {
            fig_rows_move(outbox->rows, row, FIG_ROW_QUEUED, fig_clock_us());
        }
    }

    return rc == FIG_OK || rc == FIG_INVALID;
}


/* until there is something to do, or to look after */

static void
fig_outbox_rest(fig_outbox_t *outbox)
{
    struct timespec  until;

    if (outbox->blocked) {
        fig_outbox_until(&until, FIG_OUTBOX_BLOCKED);

    } else if (fig_rows_count(outbox->rows, FIG_ROW_SENT) != 0) {
        fig_outbox_until(&until, FIG_OUTBOX_LOOK);

    } else {
        (void) pthread_cond_wait(&outbox->work, &outbox->mutex);
        return;
    }

    (void) pthread_cond_timedwait(&outbox->work, &outbox->mutex, &until);
}


/* it stays marked in the store, and known here, so that it is said once */

static void
fig_outbox_refuse(fig_outbox_t *outbox, fig_row_t *row)
{
    fig_log_error("%s %s, version %llu, is larger than the bus takes and is "
                  "not published; raise the server's max_payload above the "
                  "largest body", outbox->topic->name, row->key,
                  (unsigned long long) row->ver);

    fig_counter_add(outbox->refused, 1);
    fig_rows_move(outbox->rows, row, FIG_ROW_REFUSED, fig_clock_us());
}


void
fig_outbox_acked(void *data, uint64_t token, fig_status_t status)
{
    uint64_t       ver;
    fig_str_t      key;
    fig_row_t     *row;
    fig_outbox_t  *outbox;
    char           copy[FIG_OUTBOX_KEY];

    ver = 0;
    key.len = 0;
    key.data = copy;
    outbox = data;

    (void) pthread_mutex_lock(&outbox->mutex);

    row = fig_rows_by_token(outbox->rows, token);

    if (token == 0) {
        outbox->ready = 0;
        (void) pthread_cond_signal(&outbox->keep);

    } else if (row == NULL || row->state <= FIG_ROW_REFUSED) {
        /* an answer for a version that is past, or a second one */

    } else if (status == FIG_INVALID) {
        fig_outbox_refuse(outbox, row);

    } else if (status == FIG_OK) {
        fig_counter_add(outbox->published, 1);
        fig_histogram_add(outbox->seconds, fig_clock_us() - row->since);

        ver = row->ver;
        key.len = row->len;
        memcpy(copy, row->key, row->len);

        fig_rows_move(outbox->rows, row, FIG_ROW_IDLE, fig_clock_us());
    }

    if (outbox->blocked) {
        (void) pthread_cond_signal(&outbox->work);
    }

    if (outbox->waiters != 0 && fig_outbox_hands(outbox) < FIG_OUTBOX_LOW) {
        (void) pthread_cond_broadcast(&outbox->room);
    }

    (void) pthread_mutex_unlock(&outbox->mutex);

    if (ver != 0) {
        fig_outbox_settle(outbox, key, ver);
    }
}


/* a mark that stays, since this is lost, is settled by the scan */

void
fig_outbox_settle(fig_outbox_t *outbox, fig_str_t key, uint64_t ver)
{
    fig_op_t  op;

    memset(&op, 0, sizeof(fig_op_t));

    op.kind = FIG_STORE_SETTLE;
    op.collection = outbox->topic->collection;
    op.doc.id = key;
    op.doc.ver = ver;

    fig_store_write_later(outbox->store, &op, 1);
}


size_t
fig_outbox_hands(fig_outbox_t *outbox)
{
    return fig_rows_count(outbox->rows, FIG_ROW_QUEUED)
           + fig_rows_count(outbox->rows, FIG_ROW_SENT);
}


bool
fig_outbox_wait_room(fig_outbox_t *outbox, const struct timespec *until)
{
    int  rc;

    outbox->waiters++;
    rc = pthread_cond_timedwait(&outbox->room, &outbox->mutex, until);
    outbox->waiters--;

    return rc == 0;
}


void
fig_outbox_until(struct timespec *until, uint64_t ms)
{
    (void) clock_gettime(CLOCK_MONOTONIC, until);

    until->tv_sec += (time_t) (ms / 1000);
    until->tv_nsec += (long) (ms % 1000) * 1000000;

    if (until->tv_nsec >= 1000000000) {
        until->tv_nsec -= 1000000000;
        until->tv_sec++;
    }
}
