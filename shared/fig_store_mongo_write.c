
/*
 * Copyright (C) Ficus authors
 */


/*
 * Writing.  Ops of one collection go together as far as the server's answer
 * tells them apart: inserts, or else changes; each id once.  A server carries
 * them out in their order and goes on behind one that failed.
 *
 * When the answer does not decide an op, or was lost, the documents are read:
 * the field "write" says whose write made them.  What is still open then is
 * sent again, which is harmless, as every op has its condition with it.
 */


#include "fig_store_mongo.h"
#include "fig_metrics.h"
#include <string.h>
#include <unistd.h>


/*
 * FerretDB 1 hangs on a command with 100 changes, for want of connections, and
 * reads all documents for each, which must not take longer than a socket's
 * timeout.
 */

#define WRITE_INSERTS  1000
#define WRITE_CHANGES  32
#define WRITE_BYTES    8388608

/* how often we ask after a lost answer */

#define WRITE_ROUNDS   7
#define WRITE_PAUSE    2000U       /* us, twice as long each time */


static size_t write_group(fig_mongo_group_t *group, size_t n);
static bool write_has(const fig_mongo_group_t *group, const fig_op_t *op);
static size_t write_bytes(const fig_op_t *op);
static fig_status_t write_run(fig_mongo_group_t *group);
static fig_status_t write_round(fig_mongo_group_t *group, unsigned round);
static bool write_open(const fig_mongo_group_t *group);
static bool write_done(const fig_mongo_group_t *group);


fig_status_t
fig_mongo_write(void *self, fig_op_t *ops, size_t n)
{
    fig_mongo_t *store = self;

    bool               done;
    size_t             i;
    fig_status_t       status;
    fig_mongo_group_t  group;

    memset(&group, 0, sizeof(fig_mongo_group_t));
    group.store = store;
    group.client = fig_mongo_take(store);

    if (group.client == NULL) {
        return FIG_BUSY;
    }

    done = false;
    status = FIG_OK;

    for (i = 0; status == FIG_OK && i < n; i += group.n) {
        group.ops = ops + i;
        group.n = write_group(&group, n - i);
        group.doubt = false;

        status = write_run(&group);
        done = done || write_done(&group);
    }

    fig_mongo_give(store, group.client);
    atomic_store(&store->full, status == FIG_FULL);

    if (status == FIG_OK) {
        fig_mongo_works(store);
        return FIG_OK;
    }

    if (group.error.domain != 0) {
        (void) fig_mongo_failed(store, &group.error, "cannot be written");
    }

    return done ? FIG_UNKNOWN : status;
}


/*
 * How many of n ops go together.
 */

static size_t
write_group(fig_mongo_group_t *group, size_t n)
{
    size_t           bytes, most;
    const fig_op_t  *op;

    op = group->ops;
    group->insert = (op->kind == FIG_STORE_PUT && op->expect == 0);
    most = group->insert ? WRITE_INSERTS : WRITE_CHANGES;
    bytes = write_bytes(op);

    for (group->n = 1; group->n < n && group->n < most; group->n++) {
        op = &group->ops[group->n];
        bytes += write_bytes(op);

        if (op->collection != group->ops->collection
            || group->insert != (op->kind == FIG_STORE_PUT && op->expect == 0)
            || bytes > WRITE_BYTES
            || write_has(group, op))
        {
            break;
        }
    }

    return group->n;
}


static bool
write_has(const fig_mongo_group_t *group, const fig_op_t *op)
{
    size_t  i;

    for (i = 0; i < group->n; i++) {

        if (fig_str_eq(group->ops[i].doc.id, op->doc.id)) {
            return true;
        }
    }

    return false;
}


static size_t
write_bytes(const fig_op_t *op)
{
    return op->kind == FIG_STORE_SETTLE ? 0 : op->doc.body.len;
}


static fig_status_t
write_run(fig_mongo_group_t *group)
{
    size_t        i;
    unsigned      round;
    uint64_t      start;
    fig_status_t  status;

    bson_oid_init(&group->mark, NULL);

    group->collection = mongoc_client_get_collection(group->client,
                                                group->store->database,
                                                group->ops->collection->name);

    for (i = 0; i < group->n; i++) {
        group->ops[i].status = FIG_AGAIN;
    }

    start = fig_clock_us();
    status = FIG_OK;

    for (round = 0; round < WRITE_ROUNDS && write_open(group); round++) {
        status = write_round(group, round);

        if (status == FIG_UNKNOWN && !group->doubt
            && fig_clock_us() - start < group->store->again)
        {
            group->doubt = true;
            status = FIG_OK;
        }

        if (status != FIG_OK) {
            break;
        }
    }

    mongoc_collection_destroy(group->collection);

    if (status == FIG_OK) {
        return write_open(group) ? FIG_UNKNOWN : FIG_OK;
    }

    return group->doubt ? FIG_UNKNOWN : status;
}


/*
 * Together at first, and again after a lost answer; then one by one, so that
 * an answer is about that one.
 */

static fig_status_t
write_round(fig_mongo_group_t *group, unsigned round)
{
    size_t        i;
    fig_status_t  status;

    if (round == 0) {
        return fig_mongo_send(group, 0, group->n);
    }

    if (round > 1) {
        (void) usleep(WRITE_PAUSE << round);
    }

    status = fig_mongo_judge(group);

    if (status != FIG_OK || !write_open(group)) {
        return status;
    }

    if (round == 1 && group->doubt) {
        return fig_mongo_send(group, 0, group->n);
    }

    for (i = 0; status == FIG_OK && i < group->n; i++) {

        if (group->ops[i].status == FIG_AGAIN) {
            status = fig_mongo_send(group, i, i + 1);
        }
    }

    return status;
}


static bool
write_open(const fig_mongo_group_t *group)
{
    size_t           i;
    const fig_op_t  *op;

    for (i = 0; i < group->n; i++) {
        op = &group->ops[i];

        if (op->status == FIG_AGAIN
            || (op->status == FIG_TAKEN && op->key == FIG_STORE_KEYS))
        {
            return true;
        }
    }

    return false;
}


static bool
write_done(const fig_mongo_group_t *group)
{
    size_t  i;

    for (i = 0; i < group->n; i++) {

        if (group->ops[i].status == FIG_OK) {
            return true;
        }
    }

    return false;
}
