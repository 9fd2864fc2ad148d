
/*
 * Copyright (C) Ficus authors
 */


/*
 * One round trip of a write, and what its answer says of each op.
 */


#include "fig_store_mongo.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>


/* it had an error that does not decide it */

#define SEND_OPEN  FIG_DECLINED


typedef struct {
    int32_t            sent;
    int32_t            done;       /* of them, as counted by the server */
    int32_t            wrong;
    size_t            *ops;        /* by their number in the bulk */
    fig_mongo_group_t *group;
} send_t;


static bool send_add(mongoc_bulk_operation_t *bulk, fig_mongo_group_t *group,
    const fig_op_t *op);
static bool send_change(mongoc_bulk_operation_t *bulk,
    fig_mongo_group_t *group, const fig_op_t *op, const bson_t *doc);
static bool send_selector(bson_t *selector, const fig_op_t *op);
static bool send_settle(mongoc_bulk_operation_t *bulk, const bson_t *selector,
    bson_error_t *error);
static fig_status_t send_answer(send_t *send, const bson_t *reply, bool ok);
static fig_status_t send_errors(send_t *send, const bson_t *reply);
static fig_status_t send_error(send_t *send, bson_iter_t *error);
static void send_broken(send_t *send, const char *message);
static void send_duplicate(send_t *send, fig_op_t *op, const char *message);
static int32_t send_number(const bson_t *bson, const char *name);
static bool send_some(const bson_t *bson, const char *name);


fig_status_t
fig_mongo_send(fig_mongo_group_t *group, size_t from, size_t to)
{
    bool                      ok;
    bson_t                    opts, reply;
    size_t                    i;
    send_t                    send;
    fig_status_t              status;
    mongoc_bulk_operation_t  *bulk;

    memset(&send, 0, sizeof(send_t));
    send.group = group;
    send.ops = malloc((to - from) * sizeof(size_t));

    bson_init(&opts);
    ok = send.ops != NULL && bson_append_bool(&opts, "ordered", -1, false);

    bulk = mongoc_collection_create_bulk_operation_with_opts(group->collection,
                                                             &opts);

    for (i = from; ok && i < to; i++) {

        if (group->ops[i].status == FIG_AGAIN) {
            send.ops[send.sent++] = i;
            ok = send_add(bulk, group, &group->ops[i]);
        }
    }

    status = FIG_ERROR;

    if (ok) {
        group->error.domain = 0;
        ok = mongoc_bulk_operation_execute(bulk, &reply, &group->error) != 0;
        status = send_answer(&send, &reply, ok);
        bson_destroy(&reply);
    }

    mongoc_bulk_operation_destroy(bulk);
    bson_destroy(&opts);
    free(send.ops);

    return status;
}


/*
 * MongoDB: "E11000 duplicate key error collection: ficus.users index: k1-unique
 * dup key: { k1: "..." }"; FerretDB 1 names no index for an insert, and for an
 * update what SQLite said: "UNIQUE constraint failed: index 'users_k1-unique'".
 */

fig_status_t
fig_mongo_taken(const char *message, unsigned *key)
{
    char         name[32];
    unsigned     i;
    const char  *index, *end, *found;

    index = strstr(message, " index");

    if (index == NULL) {
        return FIG_DECLINED;
    }

    end = strstr(index, " dup key");

    if (end == NULL) {
        end = index + strlen(index);
    }

    for (i = 0; i < FIG_STORE_KEYS; i++) {
        (void) snprintf(name, sizeof(name), "%s-unique", fig_mongo_keys[i]);
        found = strstr(index, name);

        if (found != NULL && found < end) {
            *key = i;
            return FIG_OK;
        }
    }

    found = strstr(index, ": _id_");
    *key = FIG_STORE_KEYS;

    return found != NULL && found < end ? FIG_OK : FIG_DECLINED;
}


static bool
send_add(mongoc_bulk_operation_t *bulk, fig_mongo_group_t *group,
    const fig_op_t *op)
{
    bool    ok;
    bson_t  doc;

    bson_init(&doc);

    ok = op->kind == FIG_STORE_SETTLE
         || fig_mongo_doc_write(&doc, op->collection, &op->doc, &group->mark);

    if (ok && group->insert) {
        ok = mongoc_bulk_operation_insert_with_opts(bulk, &doc, NULL,
                                                    &group->error);

    } else if (ok) {
        ok = send_change(bulk, group, op, &doc);
    }

    bson_destroy(&doc);

    return ok;
}


static bool
send_change(mongoc_bulk_operation_t *bulk, fig_mongo_group_t *group,
    const fig_op_t *op, const bson_t *doc)
{
    bool    ok;
    bson_t  opts, selector;

    bson_init(&opts);
    bson_init(&selector);

    ok = send_selector(&selector, op)
         && bson_append_bool(&opts, "upsert", -1, op->kind == FIG_STORE_RAISE);

    if (ok && op->kind == FIG_STORE_SETTLE) {
        ok = send_settle(bulk, &selector, &group->error);

    } else if (ok) {
        ok = mongoc_bulk_operation_replace_one_with_opts(bulk, &selector, doc,
                                                         &opts, &group->error);
    }

    bson_destroy(&selector);
    bson_destroy(&opts);

    return ok;
}


static bool
send_selector(bson_t *selector, const fig_op_t *op)
{
    bson_t  below;

    if (!fig_mongo_append(selector, "_id", op->doc.id)) {
        return false;
    }

    if (op->kind == FIG_STORE_RAISE) {
        return bson_append_document_begin(selector, "ver", -1, &below)
               && bson_append_int64(&below, "$lt", -1, (int64_t) op->doc.ver)
               && bson_append_document_end(selector, &below);
    }

    return bson_append_int64(selector, "ver", -1,
                             op->kind == FIG_STORE_PUT
                             ? (int64_t) op->expect : (int64_t) op->doc.ver);
}


static bool
send_settle(mongoc_bulk_operation_t *bulk, const bson_t *selector,
    bson_error_t *error)
{
    bool    ok;
    bson_t  change, fields;

    bson_init(&change);

    ok = bson_append_document_begin(&change, "$unset", -1, &fields)
         && bson_append_utf8(&fields, "pending", -1, "", 0)
         && bson_append_utf8(&fields, "changed", -1, "", 0)
         && bson_append_document_end(&change, &fields)
         && mongoc_bulk_operation_update_one_with_opts(bulk, selector, &change,
                                                       NULL, error);

    bson_destroy(&change);

    return ok;
}


/*
 * Either all that has no error of its own was counted, or it is open; of one
 * alone, unless an earlier answer was lost, nothing counted is an answer.
 */

static fig_status_t
send_answer(send_t *send, const bson_t *reply, bool ok)
{
    int32_t             i;
    fig_op_t           *op;
    fig_status_t        status;
    fig_mongo_group_t  *group;

    group = send->group;

    send->done = send_number(reply, "nInserted")
                 + send_number(reply, "nMatched")
                 + send_number(reply, "nUpserted");

    status = ok ? FIG_OK : send_errors(send, reply);

    for (i = 0; i < send->sent; i++) {
        op = &group->ops[send->ops[i]];

        if (op->status == SEND_OPEN) {
            op->status = FIG_AGAIN;

        } else if (op->status == FIG_AGAIN
                   && send->done == send->sent - send->wrong)
        {
            op->status = FIG_OK;

        } else if (op->status == FIG_AGAIN && status == FIG_OK
                   && send->sent == 1 && !group->doubt)
        {
            op->status = FIG_CONFLICT;
        }
    }

    return status != FIG_OK && send->done != 0 ? FIG_UNKNOWN : status;
}


static fig_status_t
send_errors(send_t *send, const bson_t *reply)
{
    bson_iter_t          iter, error;
    fig_status_t         status;
    const bson_error_t  *last;

    if (send_some(reply, "writeConcernErrors")) {
        return FIG_UNKNOWN;
    }

    if (!send_some(reply, "writeErrors")) {
        last = &send->group->error;

        if (strstr(last->message, "UNIQUE constraint failed") == NULL) {
            return fig_mongo_status(last);
        }

        send_broken(send, last->message);

        return FIG_OK;
    }

    status = FIG_OK;

    if (bson_iter_init_find(&iter, reply, "writeErrors")
        && bson_iter_recurse(&iter, &error))
    {
        while (status == FIG_OK && bson_iter_next(&error)) {
            status = send_error(send, &error);
        }
    }

    return status;
}


static fig_status_t
send_error(send_t *send, bson_iter_t *error)
{
    int32_t         index, code;
    bson_iter_t     iter;
    const char     *message;
    bson_error_t   *last;

    index = -1;
    code = 0;
    message = "";

    if (!bson_iter_recurse(error, &iter)) {
        return FIG_UNKNOWN;
    }

    while (bson_iter_next(&iter)) {

        if (strcmp(bson_iter_key(&iter), "index") == 0) {
            index = (int32_t) bson_iter_as_int64(&iter);

        } else if (strcmp(bson_iter_key(&iter), "code") == 0) {
            code = (int32_t) bson_iter_as_int64(&iter);

        } else if (strcmp(bson_iter_key(&iter), "errmsg") == 0
                   && BSON_ITER_HOLDS_UTF8(&iter))
        {
            message = bson_iter_utf8(&iter, NULL);
        }
    }

    if (index < 0 || index >= send->sent) {
        return FIG_UNKNOWN;
    }

    send->wrong++;

    if (code == MONGOC_ERROR_DUPLICATE_KEY) {
        send_duplicate(send, &send->group->ops[send->ops[index]], message);
        return FIG_OK;
    }

    last = &send->group->error;
    bson_set_error(last, MONGOC_ERROR_SERVER, (uint32_t) code, "%s", message);

    return fig_mongo_status(last);
}


/*
 * FerretDB 1 ends a command of several changes with the first duplicate.
 */

static void
send_broken(send_t *send, const char *message)
{
    int32_t             i;
    fig_mongo_group_t  *group;

    group = send->group;

    for (i = 0; i < send->sent; i++) {
        group->ops[send->ops[i]].status = SEND_OPEN;
    }

    if (send->sent == 1) {
        send_duplicate(send, &group->ops[send->ops[0]], message);
    }
}


/*
 * A server that does not name the index may not name the right op of several
 * changes either (FerretDB 1).  A raise that met its own id was told too late
 * that there is one, and may be above it.
 */

static void
send_duplicate(send_t *send, fig_op_t *op, const char *message)
{
    unsigned            key;
    fig_mongo_group_t  *group;

    group = send->group;

    if (fig_mongo_taken(message, &key) == FIG_OK) {

        if (key != FIG_STORE_KEYS) {
            op->status = FIG_TAKEN;
            op->key = key;

        } else {
            op->status = group->insert && !group->doubt ? FIG_CONFLICT
                         : SEND_OPEN;
        }

    } else if (group->insert || send->sent == 1) {
        op->status = FIG_TAKEN;
        op->key = FIG_STORE_KEYS;

    } else {
        op->status = SEND_OPEN;
    }
}


static int32_t
send_number(const bson_t *bson, const char *name)
{
    bson_iter_t  iter;

    if (!bson_iter_init_find(&iter, bson, name)) {
        return 0;
    }

    return (int32_t) bson_iter_as_int64(&iter);
}


static bool
send_some(const bson_t *bson, const char *name)
{
    bson_iter_t  iter, child;

    return bson_iter_init_find(&iter, bson, name)
           && bson_iter_recurse(&iter, &child)
           && bson_iter_next(&child);
}
