
/*
 * Copyright (C) Ficus authors
 */


/*
 * Consumer: keeps a replica of another service's documents in the own store
 * and lets the worker follow their changes.  A thread reads the topic's
 * stream in batches and for each batch
 *
 *     1. raises the replica (only what is newer than what is there; never a
 *        window, never a sequence number), marked pending,
 *     2. calls apply() with the newer states, which brings the worker's own
 *        documents in line and appends its writes,
 *     3. writes these, settles the replica's marks, moves the cursor,
 *     4. acknowledges.
 *
 * A crash between 1 and 3 leaves the mark, and apply() gets that state again
 * at the next start.  The cursor (stream's creation time and sequence) is kept
 * in the store; when stream or durable disagree with it (stream wiped or
 * rolled back, acknowledged messages never applied here) the durable is made
 * anew behind what was really applied.
 *
 * Metrics: ficus_consumer_events_total{result}, ficus_consumer_lag_seconds,
 * ficus_consumer_cursor, ficus_consumer_resets_total.
 */


#ifndef FIG_CONSUMER_H_INCLUDED
#define FIG_CONSUMER_H_INCLUDED


#include "fig_event.h"


typedef struct fig_consumer_s  fig_consumer_t;


/*
 * Called on the consumer's thread with states that are in the replica now, at
 * most one a key.  FIG_OK: done; what it wrote is durable.  Anything else:
 * called again with the same states after a while.
 */

typedef fig_status_t (*fig_apply_pt)(void *data, const fig_event_t *events,
    size_t n, fig_arena_t *arena);

typedef struct {
    const fig_topic_t       *topic;      /* collection: of the source */
    const fig_collection_t  *replica;    /* id: the key */
    const fig_collection_t  *cursors;    /* id: the durable's name */
    const char              *durable;    /* "orders" */
    fig_apply_pt             apply;
    void                    *data;
} fig_consumer_conf_t;


fig_status_t fig_consumer_open(fig_store_t *store, fig_bus_t *bus,
    const fig_consumer_conf_t *conf, fig_consumer_t **consumer) FIG_NODISCARD;

/* finishes its batch, at most a few seconds; NULL is fine */
void fig_consumer_close(fig_consumer_t *consumer);


#endif /* FIG_CONSUMER_H_INCLUDED */
