
/*
 * Copyright (C) Ficus authors
 */


/*
 * One round trip of a write.
 */


#include "fig_store_mongo.h"
#include <stdlib.h>


static bool send_add(mongoc_bulk_operation_t *bulk, fig_mongo_group_t *group,
    const fig_op_t *op);
static bool send_change(mongoc_bulk_operation_t *bulk,
    fig_mongo_group_t *group, const fig_op_t *op, const bson_t *doc);
static bool send_selector(bson_t *selector, const fig_op_t *op);
static bool send_settle(mongoc_bulk_operation_t *bulk, const bson_t *selector,
    bson_error_t *error);


fig_status_t
fig_mongo_send(fig_mongo_group_t *group, size_t from, size_t to)
{
    bool                      ok;
    bson_t                    opts, reply;
    size_t                    i, n;
    size_t                   *sent;
    fig_status_t              status;
    mongoc_bulk_operation_t  *bulk;

    sent = malloc((to - from) * sizeof(size_t));
    n = 0;

    bson_init(&opts);
    ok = sent != NULL && bson_append_bool(&opts, "ordered", -1, false);

    bulk = mongoc_collection_create_bulk_operation_with_opts(group->collection,
                                                             &opts);

    for (i = from; ok && i < to; i++) {

        if (group->ops[i].status == FIG_AGAIN) {
            sent[n++] = i;
            ok = send_add(bulk, group, &group->ops[i]);
        }
    }

    status = FIG_ERROR;

    if (ok) {
        group->error.domain = 0;
        ok = mongoc_bulk_operation_execute(bulk, &reply, &group->error) != 0;
        status = fig_mongo_answer(group, sent, n, &reply, ok);
        bson_destroy(&reply);
    }

    mongoc_bulk_operation_destroy(bulk);
    bson_destroy(&opts);
    free(sent);

    return status;
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
