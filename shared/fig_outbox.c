
/*
 * Copyright (C) Ficus authors
 */


#include "fig_outbox_relay.h"
#include "fig_log.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>


/* what an event has besides the body, at most: 512 bytes of id three times,
   4096 of names, each of which may be written as six */

#define FIG_OUTBOX_AROUND  65536


static void fig_outbox_init(fig_outbox_t *outbox);
static void fig_outbox_metrics(fig_outbox_t *outbox);
static double fig_outbox_pending(void *data);
static fig_status_t fig_outbox_threads(fig_outbox_t *outbox);
static void fig_outbox_stop(fig_outbox_t *outbox);
static void fig_outbox_free(fig_outbox_t *outbox);


fig_status_t
fig_outbox_open(fig_store_t *store, fig_bus_t *bus, const fig_topic_t *topic,
    fig_look_pt look, void *data, fig_outbox_t **outbox)
{
    fig_outbox_t  *self;
    fig_status_t   rc;

    *outbox = NULL;
    self = calloc(1, sizeof(fig_outbox_t));

    if (self == NULL) {
        return FIG_ERROR;
    }

    self->store = store;
    self->bus = bus;
    self->topic = topic;
    self->look = look;
    self->data = data;
    self->rows = fig_rows_create();
    self->seen = fig_seen_create();
    self->before = fig_seen_create();
    fig_outbox_init(self);

    if (self->rows == NULL || self->seen == NULL
        || self->before == NULL)
    {
        fig_outbox_free(self);
        return FIG_ERROR;
    }

    rc = fig_bus_publisher(bus, fig_outbox_acked, self, &self->publisher);

    if (rc != FIG_OK) {
        fig_outbox_free(self);
        return rc;
    }

    *outbox = self;
    rc = fig_outbox_threads(self);

    if (rc != FIG_OK) {
        *outbox = NULL;
        fig_bus_publisher_close(bus, self->publisher);
        fig_outbox_free(self);
        return rc;
    }

    fig_outbox_metrics(self);

    return FIG_OK;
}


static void
fig_outbox_init(fig_outbox_t *outbox)
{
    pthread_condattr_t  attr;

    (void) pthread_condattr_init(&attr);
    (void) pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);

    (void) pthread_mutex_init(&outbox->mutex, NULL);
    (void) pthread_cond_init(&outbox->work, &attr);
    (void) pthread_cond_init(&outbox->keep, &attr);
    (void) pthread_cond_init(&outbox->room, &attr);
    (void) pthread_condattr_destroy(&attr);

    /* the threads use them */

    outbox->published = fig_counter("ficus_outbox_published_total",
                                    "States that the bus has stored.", "");
    outbox->repeated = fig_counter("ficus_outbox_repeated_total",
                                   "States published again for want of an "
                                   "answer.", "");
    outbox->refused = fig_counter("ficus_outbox_refused_total",
                                  "States too large for the bus.", "");
    outbox->seconds = fig_histogram("ficus_outbox_seconds",
                                    "From commit to the bus's answer.", "");
}


static void
fig_outbox_metrics(fig_outbox_t *outbox)
{
    fig_gauge("ficus_outbox_pending",
              "States in hand that the bus has not yet stored.", "",
              fig_outbox_pending, outbox);
}


static double
fig_outbox_pending(void *data)
{
    size_t         n;
    fig_outbox_t  *outbox;

    outbox = data;

    (void) pthread_mutex_lock(&outbox->mutex);
    n = fig_outbox_hands(outbox);
    (void) pthread_mutex_unlock(&outbox->mutex);

    return (double) n;
}


static fig_status_t
fig_outbox_threads(fig_outbox_t *outbox)
{
    int  rc;

    rc = pthread_create(&outbox->relay, NULL, fig_outbox_relay, outbox);

    if (rc == 0) {
        rc = pthread_create(&outbox->keeper, NULL, fig_outbox_keeper, outbox);

        if (rc != 0) {
            fig_outbox_stop(outbox);
            (void) pthread_join(outbox->relay, NULL);
        }
    }

    if (rc != 0) {
        errno = rc;
        fig_log_errno("can't start the outbox's threads");
        return FIG_ERROR;
    }

    return FIG_OK;
}


void
fig_outbox_close(fig_outbox_t *outbox, uint64_t timeout)
{
    bool             late;
    struct timespec  until;

    if (outbox == NULL) {
        return;
    }

    late = false;
    fig_outbox_until(&until, timeout);

    (void) pthread_mutex_lock(&outbox->mutex);

    /* without a stream there is nothing to wait for */

    while (!late && outbox->ready != 0 && fig_outbox_hands(outbox) != 0) {
        late = !fig_outbox_wait_room(outbox, &until);
    }

    (void) pthread_mutex_unlock(&outbox->mutex);

    fig_outbox_stop(outbox);
    (void) pthread_join(outbox->relay, NULL);
    (void) pthread_join(outbox->keeper, NULL);

    fig_bus_publisher_close(outbox->bus, outbox->publisher);
    fig_gauge_remove(outbox);
    fig_outbox_free(outbox);
}


static void
fig_outbox_stop(fig_outbox_t *outbox)
{
    (void) pthread_mutex_lock(&outbox->mutex);

    outbox->stop = true;

    (void) pthread_cond_broadcast(&outbox->work);
    (void) pthread_cond_broadcast(&outbox->keep);
    (void) pthread_cond_broadcast(&outbox->room);
    (void) pthread_mutex_unlock(&outbox->mutex);
}


static void
fig_outbox_free(fig_outbox_t *outbox)
{
    (void) pthread_cond_destroy(&outbox->room);
    (void) pthread_cond_destroy(&outbox->keep);
    (void) pthread_cond_destroy(&outbox->work);
    (void) pthread_mutex_destroy(&outbox->mutex);

    fig_seen_destroy(outbox->before);
    fig_seen_destroy(outbox->seen);
    fig_rows_destroy(outbox->rows);
    free(outbox);
}


fig_status_t
fig_outbox_fits(fig_outbox_t *outbox, const fig_doc_t *doc,
    fig_str_t traceparent, uint64_t *size, uint64_t *max)
{
    bool       ok;
    fig_buf_t  id, payload;

    fig_buf_init(&id, FIG_OUTBOX_EVENT);
    fig_buf_init(&payload, FIG_OUTBOX_EVENT);

    fig_event_id(&id, outbox->topic, doc);
    *max = fig_bus_max_payload(outbox->bus, fig_buf_view(&id));
    *size = doc->body.len + FIG_OUTBOX_AROUND;

    if (*size > *max) {
        fig_event_encode(&payload, outbox->topic, doc, traceparent);
        *size = payload.len;
    }

    ok = fig_buf_ok(&id) && fig_buf_ok(&payload);

    fig_buf_clear(&payload);
    fig_buf_clear(&id);

    return !ok ? FIG_NOMEM : *size > *max ? FIG_INVALID : FIG_OK;
}


fig_status_t
fig_outbox_write(fig_outbox_t *outbox, fig_op_t *ops, size_t n,
    fig_str_t traceparent)
{
    size_t        i;
    fig_status_t  rc;

    rc = fig_outbox_store(outbox, ops, n);

    for (i = 0; rc == FIG_OK && i < n; i++) {
        if (ops[i].status == FIG_OK) {
            fig_outbox_publish(outbox, &ops[i].doc, traceparent);
        }
    }

    return rc;
}


fig_status_t
fig_outbox_store(fig_outbox_t *outbox, fig_op_t *ops, size_t n)
{
    size_t  i;

    for (i = 0; i < n; i++) {
        if (ops[i].kind != FIG_STORE_PUT) {
            return FIG_INVALID;
        }

        ops[i].doc.pending = true;
    }

    return fig_store_write(outbox->store, ops, n);
}


void
fig_outbox_publish(fig_outbox_t *outbox, const fig_doc_t *doc,
    fig_str_t traceparent)
{
    /* what finds no room is found by the scan */
    (void) fig_outbox_put(outbox, doc, traceparent);
}


const char *
fig_outbox_check(void *data)
{
    const char    *wrong;
    fig_outbox_t  *outbox;

    outbox = data;

    (void) pthread_mutex_lock(&outbox->mutex);
    wrong = outbox->wrong;

    if (wrong == NULL && fig_rows_count(outbox->rows, FIG_ROW_REFUSED) != 0) {
        wrong = "has documents that are larger than the broker takes";
    }

    (void) pthread_mutex_unlock(&outbox->mutex);

    return wrong;
}
