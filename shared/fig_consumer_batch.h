
/*
 * Copyright (C) Ficus authors
 */


/*
 * The inside of a consumer; for shared/fig_consumer*.c only.
 */


#ifndef FIG_CONSUMER_BATCH_H_INCLUDED
#define FIG_CONSUMER_BATCH_H_INCLUDED


#include <pthread.h>
#include <stdatomic.h>

#include "fig_consumer.h"
#include "fig_metrics.h"


#ifndef FIG_CONSUMER_BATCH
#define FIG_CONSUMER_BATCH  256
#endif


/* what was applied of which stream */
typedef struct {
    uint64_t                 ver;        /* of the document; 0: none yet */
    int64_t                  created;    /* of the stream; 0: none yet */
    uint64_t                 seq;
    int64_t                  time;       /* when that message was stored */
} fig_cursor_t;


struct fig_consumer_s {
    fig_store_t             *store;
    fig_bus_t               *bus;
    fig_consumer_conf_t      conf;

    pthread_t                thread;
    pthread_mutex_t          mutex;
    pthread_cond_t           stopped;
    bool                     stop;

    fig_arena_t             *arena;      /* of a batch */
    fig_subscription_t      *sub;        /* NULL: has to be made */
    uint64_t                 next;       /* of sub's messages */
    uint64_t                 beyond;     /* a message that came too early */
    fig_cursor_t             cursor;
    bool                     unsaved;    /* the cursor */
    uint64_t                 saved;      /* us: when it was */
    uint64_t                 tail;       /* stream's last message, idle */
    uint64_t                 stuck;      /* a tail that never came */
    _Atomic(uint64_t)        seq;        /* the cursor's, for its gauge */

    fig_event_t              events[FIG_CONSUMER_BATCH];
    fig_op_t                 ops[FIG_CONSUMER_BATCH + 1];

    fig_counter_t           *applied;
    fig_counter_t           *stale;
    fig_counter_t           *poison;
    fig_counter_t           *resets;
    fig_counter_t           *missed;
    fig_histogram_t         *lag;
};


/*
 * fig_consumer.c.  pause: waits ms; false: the consumer is to stop.
 */

bool fig_consumer_pause(fig_consumer_t *consumer, uint64_t ms);
bool fig_consumer_going(fig_consumer_t *consumer);


/*
 * fig_consumer_batch.c.  resume: applies again what a crash left half done;
 * FIG_AGAIN: the consumer is to stop.  read: one batch, waiting timeout ms for
 * its first message; FIG_AGAIN: none came, or the consumer is to stop;
 * FIG_DECLINED: subscribe again.
 */

fig_status_t fig_consumer_resume(fig_consumer_t *consumer);
fig_status_t fig_consumer_read(fig_consumer_t *consumer, uint64_t timeout);


/*
 * fig_consumer_cursor.c.  load: the cursor from the store.  move: forward to a
 * message that was applied.  gap: to the one before first_seq, since what is
 * between is no more.  save: when it is time, or now, so that the store
 * writes it with something else; keep: so that it is durable.  start: compares
 * stream and cursor, and subscribes; FIG_AGAIN, FIG_DECLINED, FIG_ERROR: try
 * again.  look: whether stream and durable still are what they were;
 * FIG_DECLINED: no.
 */

fig_status_t fig_cursor_load(fig_consumer_t *consumer);
void fig_cursor_move(fig_consumer_t *consumer, uint64_t seq, int64_t time);
void fig_cursor_gap(fig_consumer_t *consumer, uint64_t first_seq);
void fig_cursor_save(fig_consumer_t *consumer, bool now);
void fig_cursor_keep(fig_consumer_t *consumer);
fig_status_t fig_cursor_start(fig_consumer_t *consumer);
fig_status_t fig_cursor_look(fig_consumer_t *consumer);


#endif /* FIG_CONSUMER_BATCH_H_INCLUDED */
