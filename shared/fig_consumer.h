
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
 * What the stream has lost for ever, another thread fetches from the source
 * (fig_repair.h): at once when the stream was made anew, lost its end, was
 * replaced or discarded what was not read, and when it is connected, since
 * a server that died may have lost what nobody had read; else it compares
 * both each interval, and looks a second time before it believes that
 * they differ.  What it fetches goes the way 1 to 3 that events go.
 *
 * What the source has lost is deleted only when that are 10 documents at most,
 * or no more than deletes per cent of the replica, and the source has any at
 * all; else it is kept, which is said, until an operator asks for the repair.
 *
 * An event that cannot be decoded, that check() refuses or for which apply()
 * fails by itself becomes a dead letter (fig_dead.h); all others go on.  If
 * apply() failed it is tried again, ever more slowly, a few times.  A later
 * state of its document that is applied removes it.  Trouble of the store
 * (FIG_BUSY, FIG_FULL, FIG_AGAIN, FIG_UNKNOWN, any error that the store has
 * made meanwhile, or when the dead letter cannot be written either) is not the
 * event's: then all wait.  Only a store that has answered for a minute, and
 * fails with some states all the same, lets these be parked.  When there are
 * too many letters nothing is read on until there is room: so nothing is lost.
 *
 * Metrics: ficus_consumer_events_total{result}, ficus_consumer_lag_seconds,
 * ficus_consumer_cursor{topic}, ficus_consumer_resets_total,
 * ficus_dead_letters, ficus_repair_runs_total{result},
 * ficus_repair_buckets_total, ficus_repair_documents_total{kind},
 * ficus_repair_seconds, ficus_repair_last_success_seconds{topic} (Unix time; 0:
 * none yet), ficus_repair_withheld; of all consumers together, but for those
 * of a topic.
 *
 * Threads: any; apply() and check() as below.
 */


#ifndef FIG_CONSUMER_H_INCLUDED
#define FIG_CONSUMER_H_INCLUDED


#include "fig_event.h"
#include "fig_route.h"


typedef struct fig_consumer_s  fig_consumer_t;


/*
 * Called on a thread of the consumer, one at a time, with at most 512 states
 * that are in the replica now, one a key; the arena is for this call.  FIG_OK:
 * done; what it wrote is durable.  FIG_ERROR, FIG_INVALID, FIG_NOMEM,
 * FIG_DECLINED, FIG_CONFLICT, FIG_TAKEN: called again with fewer of them, to
 * find the one that is at fault.  Anything else: called again with the same
 * states after a while.
 */

typedef fig_status_t (*fig_apply_pt)(void *data, const fig_event_t *events,
    size_t n, fig_arena_t *arena);

typedef const char *(*fig_check_pt)(void *data, const fig_event_t *event,
    fig_arena_t *arena);

typedef struct {
    const fig_topic_t       *topic;      /* collection is not looked at */
    const fig_collection_t  *replica;    /* id: the key; of this consumer alone,
                                            as is dead */
    const fig_collection_t  *cursors;    /* id: the durable's name */
    const fig_collection_t  *dead;       /* as FIG_DEAD_KEYS says; NULL: what
                                            is at fault is logged and lost */
    const char              *durable;    /* "orders"; in a store, and in a
                                            stream, the only one of that name */
    uint64_t                 interval;   /* ms between compares; 0: 30 s */
    uint64_t                 deletes;    /* see below, per cent; 100: any */
    uint64_t                 letters;    /* dead ones, at most; 0: any */
    fig_apply_pt             apply;

    /*
     * Before it comes into the replica: NULL when a state that is not deleted
     * can be used, else why not, static; any thread.  May be NULL.
     */
    fig_check_pt             check;
    void                    *data;
} fig_consumer_conf_t;


fig_status_t fig_consumer_open(fig_store_t *store, fig_bus_t *bus,
    const fig_consumer_conf_t *conf, fig_consumer_t **consumer) FIG_NODISCARD;

/* finishes its batch, at most a few seconds; NULL is fine */
void fig_consumer_close(fig_consumer_t *consumer);


/*
 * For /readyz: NULL when replica and source were level, or will be soon; else
 * what is wrong.
 */

const char *fig_consumer_check(void *data);


/*
 * Routes: GET /sync, POST /sync, GET /dlq, GET /dlq/{id}, POST
 * /dlq/{id}/redrive, DELETE /dlq/{id}; they are of the consumer whose topic
 * ?source= names, without it, or if it is empty, of the first, of those that
 * were given to fig_consumer_routes_of() last.  Before and after, they answer
 * 503.
 */

extern const fig_route_t  fig_consumer_routes[];

void fig_consumer_routes_of(fig_consumer_t *const *consumers, size_t n);


#endif /* FIG_CONSUMER_H_INCLUDED */
