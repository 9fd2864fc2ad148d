
/*
 * Copyright (C) Ficus authors
 */


#ifdef SIM_BUGS


#include <stdio.h>
#include <string.h>

#include "sim_threads.h"
#include "fig_consumer_batch.h"
#include "orders/orders.h"
#include "sim_bugs.h"
#include "sim_library.h"


#define SIM_WINDOW   4           /* events that a window remembers */
#define SIM_EARLY    (500 * SIM_MS)
#define SIM_FLYING   32


typedef enum {
    SIM_BUG_NONE = 0,
    SIM_BUG_ACK_BEFORE_COMMIT,
    SIM_BUG_CURSOR_BEFORE_COMMIT,
    SIM_BUG_NO_VERSION_CHECK,
    SIM_BUG_DEDUPE_WINDOW,
    SIM_BUG_PUBLISHED_BEFORE_ACK,
    SIM_BUG_TOMBSTONE_PURGED,
    SIM_BUG_REPLICA_PURGED,
    SIM_BUG_RELAY_SKIPS,
    SIM_BUG_SETTLE_ANY,
    SIM_BUG_NO_MARK,
    SIM_BUG_LOST_UPDATE,
    SIM_BUG_SAME_STREAM,
    SIM_BUG_NO_SECOND_LOOK
} sim_bug_t;

typedef struct {
    sim_bug_t        bug;
    const char      *name;
    const char      *is;
} sim_bug_name_t;

typedef struct {
    sim_database_t  *database;
    sim_process_t   *process;
    uint64_t         life;
    fig_op_t        *ops;
    size_t           n;
} sim_bug_write_t;

typedef struct {
    sim_table_t     *table;
    fig_str_t        id;
    uint64_t         ver;
} sim_bug_purge_t;

typedef struct {
    sim_link_t      *link;
    unsigned         publisher;
    uint64_t         token;
} sim_bug_flying_t;


static void sim_bug_commit(void *data, uint64_t n);
static void sim_bug_purge(void *data, uint64_t n);
static bool sim_bug_is_replica(const sim_table_t *table);
static bool sim_bug_in_window(const fig_op_t *op);
static fig_consumer_t *sim_bug_consumer(void);


static const sim_bug_name_t  sim_bug_names[] = {
    { SIM_BUG_ACK_BEFORE_COMMIT, "ack-before-commit",
      "a client's write is answered before it is durable" },
    { SIM_BUG_CURSOR_BEFORE_COMMIT, "cursor-before-commit",
      "a message counts as read before it is applied" },
    { SIM_BUG_NO_VERSION_CHECK, "no-version-check",
      "the replica takes whatever comes" },
    { SIM_BUG_DEDUPE_WINDOW, "dedupe-window",
      "the replica takes what it has not seen lately" },
    { SIM_BUG_PUBLISHED_BEFORE_ACK, "published-before-ack",
      "a state counts as published when it is sent" },
    { SIM_BUG_TOMBSTONE_PURGED, "tombstone-purged",
      "the users' store forgets deletions early" },
    { SIM_BUG_REPLICA_PURGED, "replica-purged",
      "the replica forgets deletions early" },
    { SIM_BUG_RELAY_SKIPS, "relay-skips",
      "what had no answer is skipped after a reconnect" },
    { SIM_BUG_SETTLE_ANY, "settle-any",
      "a mark is taken off whatever the version is now" },
    { SIM_BUG_NO_MARK, "no-mark",
      "the replica does not say what is still to be applied" },
    { SIM_BUG_LOST_UPDATE, "lost-update",
      "a write does not look at the version it is based on" },
    { SIM_BUG_SAME_STREAM, "same-stream",
      "the consumer takes every stream for the one it knows" },
    { SIM_BUG_NO_SECOND_LOOK, "no-second-look",
      "an order is not looked at again when it is stored" },
    { SIM_BUG_NONE, NULL, NULL }
};


static sim_bug_t         sim_bug;
static unsigned          sim_window_n;
static fig_str_t         sim_window_ids[SIM_WINDOW];
static uint64_t          sim_window_vers[SIM_WINDOW];
static unsigned          sim_flying_n;
static sim_bug_flying_t  sim_flying[SIM_FLYING];


bool
sim_bug_known(const char *name)
{
    const sim_bug_name_t  *bug;

    for (bug = sim_bug_names; bug->name; bug++) {

        if (strcmp(bug->name, name) == 0) {
            sim_bug = bug->bug;
            return true;
        }
    }

    return false;
}


void
sim_bugs_list(void)
{
    const sim_bug_name_t  *bug;

    for (bug = sim_bug_names; bug->name; bug++) {
        (void) printf("%-22s %s\n", bug->name, bug->is);
    }
}


void
sim_bugs_init(void)
{
    sim_window_n = 0;
    sim_flying_n = 0;
}


static bool
sim_bug_is_replica(const sim_table_t *table)
{
    return table == sim_table("orders", "users");
}


bool
sim_bug_decide(const sim_table_t *table, const fig_doc_t *row, fig_op_t *op)
{
    if (op->kind == FIG_STORE_RAISE && sim_bug_is_replica(table)
        && (sim_bug == SIM_BUG_NO_VERSION_CHECK
            || sim_bug == SIM_BUG_DEDUPE_WINDOW))
    {
        op->status = sim_bug == SIM_BUG_DEDUPE_WINDOW && sim_bug_in_window(op)
                     ? FIG_CONFLICT : FIG_OK;
        return true;
    }

    if (op->kind == FIG_STORE_SETTLE && sim_bug == SIM_BUG_SETTLE_ANY) {
        op->status = row ? FIG_OK : FIG_CONFLICT;
        return true;
    }

    if (op->kind == FIG_STORE_PUT && sim_bug == SIM_BUG_LOST_UPDATE
        && row != NULL && op->expect != 0)
    {
        op->doc.ver = row->ver + 1;
        op->status = FIG_OK;
        return true;
    }

    return false;
}


static bool
sim_bug_in_window(const fig_op_t *op)
{
    unsigned  i;

    for (i = 0; i < SIM_WINDOW && i < sim_window_n; i++) {

        if (sim_window_vers[i] == op->doc.ver
            && fig_str_eq(sim_window_ids[i], op->doc.id))
        {
            return true;
        }
    }

    i = sim_window_n++ % SIM_WINDOW;
    sim_window_ids[i] = sim_dup(op->doc.id);
    sim_window_vers[i] = op->doc.ver;

    return false;
}


/* what requests write, some milliseconds after they were answered */

bool
sim_bug_write(sim_database_t *database, fig_op_t *ops, size_t n)
{
    sim_bug_write_t  *write;

    if (sim_bug != SIM_BUG_ACK_BEFORE_COMMIT
        || strcmp(sim_fiber_name(), "request") != 0)
    {
        return false;
    }

    sim_store_apply(database, ops, n, true);

    write = sim_alloc(sizeof(sim_bug_write_t));
    write->database = database;
    write->process = sim_process();
    write->life = write->process->life;
    write->ops = sim_ops_copy(ops, n);
    write->n = n;

    sim_at(sim.now + sim_between(1, 20) * SIM_MS, sim_bug_commit, write, 0);

    return true;
}


static void
sim_bug_commit(void *data, uint64_t n)
{
    sim_bug_write_t  *write = data;

    (void) n;

    if (write->process->life == write->life) {
        sim_store_apply(write->database, write->ops, write->n, false);
    }
}


void
sim_bug_stored(const sim_table_t *table, fig_doc_t *doc)
{
    if (sim_bug == SIM_BUG_NO_MARK && sim_bug_is_replica(table)) {
        doc->pending = false;
    }
}


void
sim_bug_settled(sim_table_t *table, const fig_doc_t *row)
{
    sim_bug_purge_t  *purge;

    if (!row->deleted
        || !((sim_bug == SIM_BUG_REPLICA_PURGED && sim_bug_is_replica(table))
             || (sim_bug == SIM_BUG_TOMBSTONE_PURGED
                 && table == sim_table("users", "users"))))
    {
        return;
    }

    purge = sim_alloc(sizeof(sim_bug_purge_t));
    purge->table = table;
    purge->id = row->id;
    purge->ver = row->ver;

    sim_at(sim.now + SIM_EARLY, sim_bug_purge, purge, 0);
}


static void
sim_bug_purge(void *data, uint64_t n)
{
    fig_doc_t        *row;
    sim_bug_purge_t  *purge = data;

    (void) n;
    row = sim_row(purge->table, purge->id);

    if (row != NULL && row->ver == purge->ver) {
        sim_row_remove(purge->table, purge->id);
        sim_trace("%s %.*s is purged", purge->table->name,
                  (int) purge->id.len, purge->id.data);
    }
}


void
sim_bug_publish(sim_link_t *link, unsigned publisher, uint64_t token,
    const char *id)
{
    sim_bug_flying_t  *flying;

    (void) id;

    if (sim_bug == SIM_BUG_PUBLISHED_BEFORE_ACK) {
        sim_link_answer(link, link->session, publisher, token, FIG_OK);

    } else if (sim_bug == SIM_BUG_RELAY_SKIPS) {
        flying = &sim_flying[sim_flying_n++ % SIM_FLYING];
        flying->link = link;
        flying->publisher = publisher;
        flying->token = token;
    }
}


/* tokens that were answered long ago mean nothing to the outbox */

void
sim_bug_connected(sim_link_t *link)
{
    unsigned  i;

    for (i = 0; i < SIM_FLYING && i < sim_flying_n; i++) {

        if (sim_flying[i].link == link) {
            sim_link_answer(link, link->session, sim_flying[i].publisher,
                            sim_flying[i].token, FIG_OK);
        }
    }
}


/* NULL: this is no thread of the orders, or they are not up */

static fig_consumer_t *
sim_bug_consumer(void)
{
    sim_process_t  *process;

    process = sim_process();

    if (process == NULL || process->number != SIM_ORDERS
        || process->state != SIM_UP)
    {
        return NULL;
    }

    return process->app->consumers[0];
}


void
sim_bug_info(fig_stream_info_t *info)
{
    fig_consumer_t  *consumer;

    consumer = sim_bug_consumer();

    if (sim_bug == SIM_BUG_SAME_STREAM && consumer != NULL) {
        info->created = 1;
        info->first_seq = 1;

        if (info->last_seq < consumer->cursor.seq) {
            info->last_seq = consumer->cursor.seq;
        }
    }
}


void
sim_bug_time(int64_t *time)
{
    fig_consumer_t  *consumer;

    consumer = sim_bug_consumer();

    if (sim_bug == SIM_BUG_SAME_STREAM && consumer != NULL) {
        *time = consumer->cursor.time;
    }
}


void
sim_bug_next(const fig_message_t *message)
{
    fig_consumer_t  *consumer;

    consumer = sim_bug_consumer();

    if (sim_bug == SIM_BUG_CURSOR_BEFORE_COMMIT && consumer != NULL) {
        fig_cursor_move(consumer, message->seq, message->time);
        fig_cursor_keep(consumer);
    }
}


void
sim_bug_start(sim_process_t *process)
{
    orders_t  *orders;

    if (sim_bug == SIM_BUG_NO_SECOND_LOOK && process->number == SIM_ORDERS) {
        orders = process->data;
        orders->resource.stored = NULL;
    }
}


#endif
