
/*
 * Copyright (C) Ficus authors
 */


/*
 * The inside of an outbox; for shared/fig_outbox*.c only.  Its two threads:
 * the relay publishes; the keeper sees to the stream and scans the store, so
 * that neither of these, which wait for others, holds up what is published.
 */


#ifndef FIG_OUTBOX_RELAY_H_INCLUDED
#define FIG_OUTBOX_RELAY_H_INCLUDED


#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include "fig_metrics.h"
#include "fig_outbox.h"
#include "fig_outbox_rows.h"
#include "fig_outbox_seen.h"


/* an event, at most */
#define FIG_OUTBOX_EVENT  ((size_t) 16 * 1024 * 1024)

/* a store's longest id */
#define FIG_OUTBOX_KEY    512

/* rows in hand, below which a backlog is read on */
#ifndef FIG_OUTBOX_LOW
#define FIG_OUTBOX_LOW    4096
#endif


struct fig_outbox_s {
    fig_store_t        *store;
    fig_bus_t          *bus;
    const fig_topic_t  *topic;
    fig_look_pt         look;
    void               *data;          /* its */
    unsigned            publisher;

    pthread_t           relay;
    pthread_t           keeper;

    pthread_mutex_t     mutex;
    pthread_cond_t      work;          /* of the relay */
    pthread_cond_t      keep;          /* of the keeper */
    pthread_cond_t      room;          /* whoever waits for the rows */

    fig_rows_t         *rows;
    uint64_t            ready;         /* session with a good stream; 0 */
    const char         *wrong;         /* why not, when that will last */
    bool                stop;
    bool                blocked;       /* the bus wants no more now */
    unsigned            waiters;       /* of room */
    uint64_t            max_payload;   /* of the last stream's server */

    fig_seen_t         *seen;          /* of the keeper */
    fig_seen_t         *before;

    fig_counter_t      *published;
    fig_counter_t      *repeated;
    fig_counter_t      *refused;
    fig_histogram_t    *seconds;
};


/*
 * fig_outbox_relay.c.  put: encodes a document that is marked in the store and
 * queues it; FIG_BUSY: no room; FIG_DECLINED: known.  settle: takes the mark
 * off, if the version is still the same.  With the mutex held: hands, the rows
 * in hand; wait_room, false: it is late.
 */

void *fig_outbox_relay(void *data);
void fig_outbox_acked(void *data, uint64_t token, fig_status_t status);
fig_status_t fig_outbox_put(fig_outbox_t *outbox, const fig_doc_t *doc,
    fig_str_t traceparent);
void fig_outbox_settle(fig_outbox_t *outbox, fig_str_t key, uint64_t ver);
size_t fig_outbox_hands(fig_outbox_t *outbox);
bool fig_outbox_wait_room(fig_outbox_t *outbox, const struct timespec *until);
void fig_outbox_until(struct timespec *until, uint64_t ms);


/*
 * fig_outbox_keeper.c
 */

void *fig_outbox_keeper(void *data);


#endif /* FIG_OUTBOX_RELAY_H_INCLUDED */
