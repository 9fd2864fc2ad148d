
/*
 * Copyright (C) Ficus authors
 */


/*
 * What became of ops whose answer did not tell: their documents do.  A version
 * never goes down, so that a condition which fails now will not hold again,
 * and a request that is still on its way can do no harm.
 */


#include "fig_store_mongo.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>


typedef struct {
    bool       mine;
    bool       pending;
    uint64_t   ver;          /* 0: no document */
} seen_t;


static bool judge_filter(const fig_mongo_group_t *group, bson_t *filter);
static fig_status_t judge_read(fig_mongo_group_t *group, seen_t *seen);
static void judge_note(const fig_mongo_group_t *group, const bson_t *bson,
    seen_t *seen);
static fig_status_t judge_op(fig_mongo_group_t *group, fig_op_t *op,
    const seen_t *seen);
static bool judge_is_open(const fig_op_t *op);


fig_status_t
fig_mongo_judge(fig_mongo_group_t *group)
{
    size_t        i;
    seen_t       *seen;
    fig_status_t  status;

    seen = calloc(group->n, sizeof(seen_t));

    if (seen == NULL) {
        return FIG_UNKNOWN;
    }

    status = judge_read(group, seen);

    for (i = 0; status == FIG_OK && i < group->n; i++) {

        if (judge_is_open(&group->ops[i])) {
            status = judge_op(group, &group->ops[i], &seen[i]);
        }
    }

    free(seen);

    return status;
}


/*
 * What refused an op need not be on a majority of the servers yet, but what
 * says that an op was done has to be.
 */

bool
fig_mongo_fields(bson_t *opts, const char *const *fields, bool majority)
{
    bool    ok;
    bson_t  projection, concern;

    ok = bson_append_document_begin(opts, "projection", -1, &projection);

    while (ok && *fields != NULL) {
        ok = bson_append_int32(&projection, *fields++, -1, 1);
    }

    return ok
           && bson_append_document_end(opts, &projection)
           && bson_append_document_begin(opts, "readConcern", -1, &concern)
           && bson_append_utf8(&concern, "level", -1,
                               majority ? "majority" : "local", -1)
           && bson_append_document_end(opts, &concern);
}


static bool
judge_filter(const fig_mongo_group_t *group, bson_t *filter)
{
    bool      ok;
    char      place[16];
    bson_t    in, ids;
    size_t    i;
    unsigned  n;

    n = 0;

    ok = bson_append_document_begin(filter, "_id", -1, &in)
         && bson_append_array_begin(&in, "$in", -1, &ids);

    for (i = 0; ok && i < group->n; i++) {

        if (judge_is_open(&group->ops[i])) {
            (void) snprintf(place, sizeof(place), "%u", n++);
            ok = fig_mongo_append(&ids, place, group->ops[i].doc.id);
        }
    }

    return ok
           && bson_append_array_end(&in, &ids)
           && bson_append_document_end(filter, &in);
}


static fig_status_t
judge_read(fig_mongo_group_t *group, seen_t *seen)
{
    bson_t            filter, opts;
    fig_status_t      status;
    const bson_t     *bson;
    mongoc_cursor_t  *cursor;

    static const char *const  fields[] = { "ver", "write", "pending", NULL };

    bson_init(&filter);
    bson_init(&opts);

    status = FIG_UNKNOWN;

    if (judge_filter(group, &filter)
        && fig_mongo_fields(&opts, fields, group->doubt))
    {
        cursor = mongoc_collection_find_with_opts(group->collection, &filter,
                                                  &opts, NULL);

        while (mongoc_cursor_next(cursor, &bson)) {
            judge_note(group, bson, seen);
        }

        if (!mongoc_cursor_error(cursor, &group->error)) {
            status = FIG_OK;
        }

        mongoc_cursor_destroy(cursor);
    }

    bson_destroy(&opts);
    bson_destroy(&filter);

    return status;
}


static void
judge_note(const fig_mongo_group_t *group, const bson_t *bson, seen_t *seen)
{
    size_t       i;
    uint32_t     len;
    fig_str_t    id;
    bson_iter_t  iter;

    if (!bson_iter_init_find(&iter, bson, "_id")
        || !BSON_ITER_HOLDS_UTF8(&iter))
    {
        return;
    }

    id.data = bson_iter_utf8(&iter, &len);
    id.len = len;

    for (i = 0; i < group->n; i++) {

        if (fig_str_eq(group->ops[i].doc.id, id)) {
            break;
        }
    }

    if (i == group->n) {
        return;
    }

    if (bson_iter_init_find(&iter, bson, "ver")) {
        seen[i].ver = (uint64_t) bson_iter_as_int64(&iter);
    }

    seen[i].mine = bson_iter_init_find(&iter, bson, "write")
                   && BSON_ITER_HOLDS_OID(&iter)
                   && bson_oid_equal(bson_iter_oid(&iter), &group->mark);
    seen[i].pending = bson_iter_init_find(&iter, bson, "pending");
}


/*
 * Of a put that might have been done and was overwritten since nobody can tell.
 * Of a raise nobody needs to.
 */

static fig_status_t
judge_op(fig_mongo_group_t *group, fig_op_t *op, const seen_t *seen)
{
    bool  holds;

    if (op->kind == FIG_STORE_SETTLE) {

        if (seen->ver != op->doc.ver) {
            op->status = FIG_CONFLICT;

        } else if (!seen->pending) {
            op->status = FIG_OK;
        }

        return FIG_OK;
    }

    if (seen->mine) {
        op->status = FIG_OK;
        return FIG_OK;
    }

    holds = op->kind == FIG_STORE_PUT ? seen->ver == op->expect
            : seen->ver < op->doc.ver;

    if (holds) {
        return op->status == FIG_TAKEN ? fig_mongo_key(group, op) : FIG_OK;
    }

    if (op->kind == FIG_STORE_PUT && seen->ver > op->doc.ver
        && (group->doubt || op->status == FIG_AGAIN))
    {
        return FIG_UNKNOWN;
    }

    op->status = FIG_CONFLICT;

    return FIG_OK;
}


static bool
judge_is_open(const fig_op_t *op)
{
    return op->status == FIG_AGAIN
           || (op->status == FIG_TAKEN && op->key == FIG_STORE_KEYS);
}
