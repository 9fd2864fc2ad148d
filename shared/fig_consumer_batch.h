
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
#include "fig_dead.h"
#include "fig_metrics.h"
#include "fig_repair.h"


#ifndef FIG_CONSUMER_BATCH
#define FIG_CONSUMER_BATCH  512
#endif


/* what was applied of which stream */
typedef struct {
    uint64_t                 ver;        /* of the document; 0: none yet */
    int64_t                  created;    /* of the stream; 0: none yet */
    uint64_t                 seq;
    int64_t                  time;       /* when that message was stored */
} fig_cursor_t;


/* in the place of a message's number: it is a dead letter now */
#define FIG_BATCH_PARKED  UINT64_MAX


/* states on their way in: from the stream, from the source, by hand */
typedef struct {
    fig_arena_t             *arena;      /* what the events are in */
    fig_arena_t             *scratch;    /* of one apply() */
    bool                     once;       /* nothing is tried again or parked */
    size_t                   n;          /* one a key; later: those applied */
    uint64_t                 stale;      /* that were not newer, or parked */
    fig_event_t              events[FIG_CONSUMER_BATCH];
    uint64_t                 seqs[FIG_CONSUMER_BATCH];    /* 0: no message */
    fig_op_t                 ops[FIG_CONSUMER_BATCH];
} fig_batch_t;


/* of the sweep: where its page begins, what it saw there */
typedef struct {
    uint64_t                 next;       /* us: not before */
    size_t                   n;          /* 0: it has yet to look */
    size_t                   len;        /* 0: at the first id */
    char                     after[FIG_DIGEST_ID];
    uint64_t                 seen[FIG_CONSUMER_BATCH];
} fig_marks_t;


/* what the last compare was; at 0: there was none */
typedef struct {
    int64_t                  at;         /* s since 1970 */
    uint64_t                 took;       /* us */
    const char              *why;
    bool                     mend;
    fig_status_t             status;
    uint64_t                 withheld;   /* lost, and kept nevertheless */
    fig_repair_report_t      report;
} fig_sync_last_t;


/* of the thread that compares; under the consumer's mutex from want on */
typedef struct {
    pthread_t                thread;
    fig_repair_t            *repair;
    fig_sync_last_t          now;        /* the thread's own */

    const char              *want;       /* why it is to be repaired */
    uint64_t                 since;      /* us: when that was */
    uint64_t                 asked;      /* runs that operators asked for */
    uint64_t                 done;
    bool                     ask_mend;
    bool                     running;
    bool                     failing;    /* it was said */
    uint64_t                 withheld;   /* that was said; 0: none */
    uint64_t                 failed;     /* us: since when; 0: it does not */
    uint64_t                 next;       /* us: the next compare */
    uint64_t                 retry;      /* us: not before, after a failure */
    uint64_t                 level;      /* us: the last that succeeded */
    fig_sync_last_t          last;

    fig_counter_t           *runs[4];    /* level, repaired, differs, failed */
    fig_counter_t           *buckets;
    fig_counter_t           *documents[FIG_REPAIR_KINDS];
    fig_histogram_t         *seconds;
    _Atomic(int64_t)         success;    /* s since 1970 */
    _Atomic(uint64_t)        kept;       /* withheld by the last run */
} fig_sync_t;


struct fig_consumer_s {
    fig_store_t             *store;
    fig_bus_t               *bus;
    fig_consumer_conf_t      conf;

    pthread_t                thread;
    pthread_mutex_t          mutex;
    pthread_cond_t           stopped;    /* or something else to do */
    bool                     stop;

    pthread_mutex_t          bring;      /* one batch at a time */
    fig_batch_t             *live;
    fig_batch_t             *mend;
    _Atomic(fig_dead_t *)    dead;       /* NULL: none, or not yet */
    atomic_bool              retry;      /* letters may be tried again */
    atomic_bool              crowded;    /* there was no room for one */
    fig_sync_t               sync;
    fig_marks_t              marks;      /* of the thread that compares */

    fig_subscription_t      *sub;        /* NULL: has to be made */
    uint64_t                 next;       /* of sub's messages */
    uint64_t                 beyond;     /* a message that came too early */
    fig_cursor_t             cursor;
    bool                     unsaved;    /* the cursor */
    uint64_t                 saved;      /* us: when it was */
    uint64_t                 tail;       /* stream's last message, idle */
    uint64_t                 stuck;      /* a tail that never came */
    _Atomic(uint64_t)        seq;        /* the cursor's, for its gauge */
    _Atomic(const char *)    wrong;      /* with the stream, when it lasts */

    fig_counter_t           *applied;
    fig_counter_t           *stale;
    fig_counter_t           *poison;
    fig_counter_t           *resets;
    fig_counter_t           *missed;
    fig_histogram_t         *lag;
};


/*
 * fig_consumer.c.  pause: waits ms; false: the consumer is to stop.  wait: the
 * same, under the mutex, but ends when anything has changed.
 */

bool fig_consumer_pause(fig_consumer_t *consumer, uint64_t ms);
void fig_consumer_wait(fig_consumer_t *consumer, uint64_t ms);
bool fig_consumer_going(fig_consumer_t *consumer);


/*
 * The labels of what cannot be added up over several topics.
 */

#define FIG_CONSUMER_LABELS  64

void fig_consumer_labels(const fig_consumer_t *consumer, char *labels);


/*
 * fig_consumer_batch.c.  create: with arenas of its own; NULL: no memory.
 * add: only the newest of a key counts; false: it is full.  bring: raises the
 * replica, applies, settles, heals; FIG_AGAIN: the consumer is to stop, or the
 * store is in trouble and it was to be tried once; FIG_INVALID (once only):
 * apply() failed.  follow: the same for what is in the replica already,
 * read and brought with the mutex bring held.
 */

fig_batch_t *fig_batch_create(void);
void fig_batch_destroy(fig_batch_t *batch);
void fig_batch_reset(fig_batch_t *batch);
fig_status_t fig_batch_bring(fig_consumer_t *consumer, fig_batch_t *batch);
fig_status_t fig_batch_follow(fig_consumer_t *consumer, fig_batch_t *batch);
fig_status_t fig_batch_pause(fig_consumer_t *consumer, uint64_t *wait);


/*
 * fig_consumer_marks.c.  resume: applies again what a crash left half done;
 * FIG_AGAIN: the consumer is to stop.  sweep: looks at a page of the marks, and
 * the next time applies those that are still there.
 */

fig_status_t fig_marks_resume(fig_consumer_t *consumer);
void fig_marks_sweep(fig_consumer_t *consumer);


/*
 * fig_consumer_read.c.  One batch, waiting timeout ms for its first message;
 * FIG_AGAIN: none came, or the consumer is to stop; FIG_DECLINED: subscribe
 * again.
 */

fig_status_t fig_consumer_read(fig_consumer_t *consumer, uint64_t timeout);


/*
 * fig_consumer_dead.c.  message, event: parks what is at fault; FIG_OK: that
 * is done, or there is nowhere to park; FIG_AGAIN, the store's trouble; event,
 * FIG_FULL: there are too many letters.  again: tries those that are due.
 * redrive: tries one, with the source's state where there is one; *why in the
 * arena; FIG_INVALID: it failed again, FIG_DECLINED: there is none, else the
 * store's trouble.
 */

fig_status_t fig_dead_message(fig_consumer_t *consumer,
    const fig_message_t *message, const fig_event_t *event, const char *why);
fig_status_t fig_dead_event(fig_consumer_t *consumer,
    const fig_event_t *event, uint64_t seq, fig_status_t failed);
void fig_dead_again(fig_consumer_t *consumer);
fig_status_t fig_dead_redrive(fig_consumer_t *consumer, fig_str_t id,
    fig_arena_t *arena, uint64_t *ver, const char **why);


/*
 * fig_consumer_sync.c.  want: repair at once, for this reason, a static text.
 * ask: the same for an operator, who waits a moment for it; FIG_AGAIN: it goes
 * on; it is done when sync.done has come to *ticket.
 */

/* us: what lasts longer is said */
#define FIG_SYNC_LATE       10000000

enum {
    FIG_SYNC_LEVEL = 0,
    FIG_SYNC_REPAIRED,
    FIG_SYNC_DIFFERS,
    FIG_SYNC_FAILED
};

/* why: these are no trouble */
#define FIG_SYNC_FIRST      "first start"
#define FIG_SYNC_CONNECTED  "connected"

#define FIG_SYNC_OPERATOR   "operator"

fig_status_t fig_sync_open(fig_consumer_t *consumer);
void fig_sync_close(fig_consumer_t *consumer);
void fig_sync_want(fig_consumer_t *consumer, const char *why);
fig_status_t fig_sync_ask(fig_consumer_t *consumer, bool mend,
    uint64_t *ticket);
uint64_t fig_sync_interval(const fig_consumer_t *consumer);       /* us */


/*
 * fig_consumer_tell.c.  metrics: registers them; tell: counts and logs the run
 * that has ended; result: one of FIG_SYNC_LEVEL and those behind it.
 */

void fig_sync_metrics(fig_consumer_t *consumer);
void fig_sync_tell(fig_consumer_t *consumer);
unsigned fig_sync_result(const fig_sync_last_t *last);
const char *fig_sync_result_name(const fig_sync_last_t *last);

/* fig_consumer_compare.c */
fig_status_t fig_sync_compare(fig_consumer_t *consumer, bool twice);
fig_status_t fig_sync_bring(void *data, const fig_event_t *events, size_t n);
bool fig_sync_going(void *data);


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
