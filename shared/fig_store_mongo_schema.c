
/*
 * Copyright (C) Ficus authors
 */


/*
 * The schema: a collection with one document that says that the database is
 * ours, and the indexes, which make the collections.  All of it can be made by
 * several processes at once.
 */


#include "fig_store_mongo.h"
#include "fig_log.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>


static fig_status_t schema_free(fig_mongo_t *store, mongoc_client_t *client);
static fig_status_t schema_make(fig_mongo_t *store, mongoc_client_t *client);
static fig_status_t schema_check(fig_mongo_t *store, const bson_t *meta);
static int64_t schema_number(const bson_t *meta, const char *name);
static fig_status_t schema_indexes(fig_mongo_t *store, mongoc_client_t *client,
    const fig_collection_t *collection);
static fig_status_t schema_index(fig_mongo_t *store, mongoc_client_t *client,
    const char *name, const char *key, const char *kind);
static bool schema_fields(bson_t *index, const char *key, const char *kind);


fig_status_t
fig_mongo_schema(fig_mongo_t *store, mongoc_client_t *client)
{
    size_t        i;
    fig_status_t  status;

    status = fig_mongo_meta(store, client);

    if (status == FIG_DECLINED) {
        status = schema_free(store, client);

        if (status == FIG_OK) {
            status = schema_make(store, client);
        }

        /* another process may have been faster, with either */
        if (status == FIG_OK || status == FIG_DECLINED) {
            status = fig_mongo_meta(store, client);
        }
    }

    if (status == FIG_DECLINED) {
        fig_log_error("store %s: has collections of these names, which Ficus "
                      "did not make", store->name);
        return FIG_ERROR;
    }

    for (i = 0; status == FIG_OK && store->collections[i] != NULL; i++) {
        status = schema_indexes(store, client, store->collections[i]);
    }

    return status;
}


fig_status_t
fig_mongo_meta(fig_mongo_t *store, mongoc_client_t *client)
{
    bson_t                filter;
    bson_error_t          error;
    const bson_t         *meta;
    fig_status_t          status;
    mongoc_cursor_t      *cursor;
    mongoc_collection_t  *collection;

    bson_init(&filter);
    (void) bson_append_utf8(&filter, "_id", -1, FIG_MONGO_STORE, -1);

    collection = mongoc_client_get_collection(client, store->database,
                                              FIG_MONGO_META);
    cursor = mongoc_collection_find_with_opts(collection, &filter, NULL, NULL);

    if (mongoc_cursor_next(cursor, &meta)) {
        status = schema_check(store, meta);

    } else if (mongoc_cursor_error(cursor, &error)) {
        status = fig_mongo_failed(store, &error, "cannot be used");

    } else {
        status = FIG_DECLINED;
    }

    mongoc_cursor_destroy(cursor);
    mongoc_collection_destroy(collection);
    bson_destroy(&filter);

    return status;
}


/*
 * FIG_DECLINED: a collection of ours is there.
 */

static fig_status_t
schema_free(fig_mongo_t *store, mongoc_client_t *client)
{
    char                **names;
    size_t                i, k;
    bson_error_t          error;
    fig_status_t          status;
    mongoc_database_t    *database;

    database = mongoc_client_get_database(client, store->database);
    names = mongoc_database_get_collection_names_with_opts(database, NULL,
                                                           &error);
    mongoc_database_destroy(database);

    if (names == NULL) {
        return fig_mongo_failed(store, &error, "cannot be used");
    }

    status = FIG_OK;

    for (i = 0; names[i] != NULL; i++) {

        for (k = 0; store->collections[k] != NULL; k++) {

            if (strcmp(names[i], store->collections[k]->name) == 0) {
                status = FIG_DECLINED;
            }
        }
    }

    bson_strfreev(names);

    return status;
}


static fig_status_t
schema_make(fig_mongo_t *store, mongoc_client_t *client)
{
    bool                  ok;
    bson_t                meta;
    bson_error_t          error;
    mongoc_collection_t  *collection;

    bson_init(&meta);
    (void) bson_append_utf8(&meta, "_id", -1, FIG_MONGO_STORE, -1);
    (void) bson_append_utf8(&meta, "application", -1, "ficus", -1);
    (void) bson_append_int64(&meta, "schema", -1, FIG_MONGO_SCHEMA);
    (void) bson_append_int64(&meta, "base", -1, 0);

    collection = mongoc_client_get_collection(client, store->database,
                                              FIG_MONGO_META);
    ok = mongoc_collection_insert_one(collection, &meta, NULL, NULL, &error);

    mongoc_collection_destroy(collection);
    bson_destroy(&meta);

    if (!ok && error.code != MONGOC_ERROR_DUPLICATE_KEY) {
        return fig_mongo_failed(store, &error, "cannot be used");
    }

    return FIG_OK;
}


static fig_status_t
schema_check(fig_mongo_t *store, const bson_t *meta)
{
    int64_t  schema, base;

    schema = schema_number(meta, "schema");
    base = schema_number(meta, "base");

    if (schema != FIG_MONGO_SCHEMA) {
        fig_log_error("store %s: its schema is %" PRId64 ", this version of "
                      "Ficus knows %d", store->name, schema, FIG_MONGO_SCHEMA);
        return FIG_ERROR;
    }

    if (base < 0) {
        fig_log_error("store %s: corrupt: its base is missing", store->name);
        return FIG_ERROR;
    }

    store->base = (uint64_t) base;

    return FIG_OK;
}


static int64_t
schema_number(const bson_t *meta, const char *name)
{
    bson_iter_t  iter;

    if (!bson_iter_init_find(&iter, meta, name)
        || !BSON_ITER_HOLDS_NUMBER(&iter))
    {
        return -1;
    }

    return bson_iter_as_int64(&iter);
}


/*
 * A key that becomes unique later gets another index then.
 */

static fig_status_t
schema_indexes(fig_mongo_t *store, mongoc_client_t *client,
    const fig_collection_t *collection)
{
    unsigned      i;
    fig_status_t  status;

    status = schema_index(store, client, collection->name, "pending",
                          "sparse");

    for (i = 0; status == FIG_OK && i < FIG_STORE_KEYS; i++) {

        if (collection->keys[i] != NULL) {
            status = schema_index(store, client, collection->name,
                                  fig_mongo_keys[i],
                                  collection->unique[i] ? "unique" : NULL);
        }
    }

    return status;
}


/*
 * kind: "unique", "sparse", or NULL: by id among those of one key.  A command
 * for each: FerretDB 1 dies of one with several that are there.
 */

static fig_status_t
schema_index(fig_mongo_t *store, mongoc_client_t *client, const char *name,
    const char *key, const char *kind)
{
    bool          ok;
    bson_t        command, indexes, index;
    bson_error_t  error;

    memset(&error, 0, sizeof(bson_error_t));
    bson_init(&command);

    ok = bson_append_utf8(&command, "createIndexes", -1, name, -1)
         && bson_append_array_begin(&command, "indexes", -1, &indexes)
         && bson_append_document_begin(&indexes, "0", -1, &index)
         && schema_fields(&index, key, kind)
         && bson_append_document_end(&indexes, &index)
         && bson_append_array_end(&command, &indexes)
         && mongoc_client_write_command_with_opts(client, store->database,
                                                  &command, NULL, NULL,
                                                  &error);

    bson_destroy(&command);

    if (!ok) {
        return fig_mongo_failed(store, &error, "its indexes cannot be made");
    }

    return FIG_OK;
}


static bool
schema_fields(bson_t *index, const char *key, const char *kind)
{
    char    name[32];
    bson_t  fields;

    (void) snprintf(name, sizeof(name), "%s%s%s", key, kind ? "-" : "",
                    kind ? kind : "");

    return bson_append_document_begin(index, "key", -1, &fields)
           && bson_append_int32(&fields, key, -1, 1)
           && (kind != NULL || bson_append_int32(&fields, "_id", -1, 1))
           && bson_append_document_end(index, &fields)
           && bson_append_utf8(index, "name", -1, name, -1)
           && (kind == NULL || bson_append_bool(index, kind, -1, true))
           && (strcmp(key, fig_mongo_keys[FIG_STORE_ONCE]) != 0
               || bson_append_bool(index, "sparse", -1, true));
}
