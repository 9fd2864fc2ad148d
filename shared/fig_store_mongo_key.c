
/*
 * Copyright (C) Ficus authors
 */


/*
 * Which unique key of an op another document has.
 */


#include "fig_store_mongo.h"
#include <stdio.h>
#include <string.h>


static fig_status_t key_holder(fig_mongo_group_t *group, const fig_op_t *op,
    unsigned key, bool *other);
static void key_compare(const bson_t *bson, const fig_op_t *op, bool *other);


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


/*
 * Nobody has any of its keys: they were given up meanwhile.
 */

fig_status_t
fig_mongo_key(fig_mongo_group_t *group, fig_op_t *op)
{
    bool          other;
    unsigned      i;
    fig_status_t  status;

    for (i = 0; i < FIG_STORE_KEYS; i++) {

        if (op->doc.keys[i].data == NULL || !op->collection->unique[i]) {
            continue;
        }

        status = key_holder(group, op, i, &other);

        if (status != FIG_OK) {
            return status;
        }

        if (other) {
            op->key = i;
            return FIG_OK;
        }
    }

    op->status = FIG_AGAIN;

    return FIG_OK;
}


static fig_status_t
key_holder(fig_mongo_group_t *group, const fig_op_t *op, unsigned key,
    bool *other)
{
    bool              ok;
    bson_t            filter, opts;
    const bson_t     *bson;
    mongoc_cursor_t  *cursor;

    static const char *const  fields[] = { "_id", NULL };

    *other = false;

    bson_init(&filter);
    bson_init(&opts);

    ok = fig_mongo_append(&filter, fig_mongo_keys[key], op->doc.keys[key])
         && fig_mongo_fields(&opts, fields, false);

    if (ok) {
        cursor = mongoc_collection_find_with_opts(group->collection, &filter,
                                                  &opts, NULL);

        while (mongoc_cursor_next(cursor, &bson)) {
            key_compare(bson, op, other);
        }

        ok = !mongoc_cursor_error(cursor, &group->error);
        mongoc_cursor_destroy(cursor);
    }

    bson_destroy(&opts);
    bson_destroy(&filter);

    return ok ? FIG_OK : FIG_UNKNOWN;
}


static void
key_compare(const bson_t *bson, const fig_op_t *op, bool *other)
{
    uint32_t     len;
    fig_str_t    id;
    bson_iter_t  iter;

    if (bson_iter_init_find(&iter, bson, "_id")
        && BSON_ITER_HOLDS_UTF8(&iter))
    {
        id.data = bson_iter_utf8(&iter, &len);
        id.len = len;
        *other = *other || !fig_str_eq(id, op->doc.id);
    }
}
