
/*
 * Copyright (C) Ficus authors
 */


/*
 * After MongoDB's own tools have restored a database: raises its versions.  A
 * document's version is above the base, so raised by the step it is above the
 * new base, and what is not yet so has still to be done, whoever has begun it.
 * The new base is written last.
 */


#include "fig_store_mongo.h"
#include "fig_log.h"
#include <stdio.h>
#include <string.h>


#define RAISE_STEP  ((uint64_t) 1 << 32)

/* changes of a command */

#define RAISE_MANY  32
#define RAISE_ID    512
#define RAISE_NAME  64


typedef struct {
    fig_mongo_t          *store;
    mongoc_client_t      *client;
    mongoc_collection_t  *own;
    fig_raise_conf_t     *conf;
    uint64_t              step;
    bson_oid_t            mark;
    uint32_t              len;           /* of last; 0: none yet */
    char                  last[RAISE_ID];
} raise_t;


static fig_status_t raise_all(raise_t *raise);
static fig_status_t raise_owned(raise_t *raise);
static bool raise_has(char **names, fig_str_t name);
static fig_status_t raise_collection(raise_t *raise, fig_str_t name);
static fig_status_t raise_pages(raise_t *raise);
static fig_status_t raise_page(raise_t *raise, unsigned *n);
static bool raise_query(const raise_t *raise, bson_t *filter, bson_t *opts);
static bool raise_take(raise_t *raise, const bson_t *doc,
    mongoc_bulk_operation_t *bulk);
static fig_status_t raise_write(raise_t *raise, mongoc_bulk_operation_t *bulk);
static fig_status_t raise_base(raise_t *raise);


fig_status_t
fig_store_raise(fig_raise_conf_t *conf)
{
    raise_t                                     raise;
    fig_status_t                                status;
    fig_store_conf_t                            store;
    static const fig_collection_t *const        none[] = { NULL };

    memset(&raise, 0, sizeof(raise_t));
    memset(&store, 0, sizeof(fig_store_conf_t));

    store.uri = conf->uri;
    raise.conf = conf;
    raise.step = (conf->raise ? conf->raise : 1) * RAISE_STEP;
    raise.store = fig_mongo_create(&store, none);
    bson_oid_init(&raise.mark, NULL);
    conf->documents = 0;

    if (raise.store == NULL) {
        return FIG_ERROR;
    }

    raise.client = mongoc_client_pool_pop(raise.store->pool);
    status = raise_all(&raise);

    fig_mongo_give(raise.store, raise.client);
    fig_mongo_destroy(raise.store);

    return status;
}


static fig_status_t
raise_all(raise_t *raise)
{
    fig_str_t      name;
    const char    *names;
    fig_status_t   status;

    status = fig_mongo_meta(raise->store, raise->client);

    if (status == FIG_DECLINED) {
        fig_log_error("store %s: is not a database of Ficus",
                      raise->store->name);
        status = FIG_ERROR;
    }

    if (status == FIG_OK) {
        status = raise_owned(raise);
    }

    if (status != FIG_OK) {
        return status;
    }

    raise->conf->base = raise->store->base + raise->step;

    if (raise->conf->base > INT64_MAX - RAISE_STEP) {
        fig_log_error("store %s: its versions cannot be raised that far",
                      raise->store->name);
        return FIG_ERROR;
    }

    names = raise->conf->own;

    while (status == FIG_OK && (name = fig_store_name(&names)).len != 0) {
        status = raise_collection(raise, name);
    }

    return status == FIG_OK ? raise_base(raise) : status;
}


static fig_status_t
raise_owned(raise_t *raise)
{
    char               **names;
    bool                 copy;
    size_t               i;
    fig_str_t            name;
    const char          *own;
    bson_error_t         error;
    fig_raise_conf_t    *conf;
    mongoc_database_t   *database;

    conf = raise->conf;
    database = mongoc_client_get_database(raise->client,
                                          raise->store->database);
    names = mongoc_database_get_collection_names_with_opts(database, NULL,
                                                           &error);
    mongoc_database_destroy(database);

    if (names == NULL) {
        return fig_mongo_failed(raise->store, &error, "cannot be used");
    }

    copy = false;

    for (i = 0; names[i] != NULL; i++) {
        copy |= conf->without != NULL && strcmp(names[i], conf->without) == 0;
    }

    own = conf->own;
    name = fig_store_name(&own);

    while (name.len != 0 && raise_has(names, name)) {
        name = fig_store_name(&own);
    }

    bson_strfreev(names);

    if (name.len != 0 || copy) {
        fig_log_error("store %s: is not the database of %s",
                      raise->store->name, conf->own);
        return FIG_ERROR;
    }

    return FIG_OK;
}


static bool
raise_has(char **names, fig_str_t name)
{
    while (*names != NULL && !fig_str_eq(fig_str_from(*names), name)) {
        names++;
    }

    return *names != NULL;
}


static fig_status_t
raise_collection(raise_t *raise, fig_str_t name)
{
    char          text[RAISE_NAME];
    fig_status_t  status;

    (void) snprintf(text, sizeof(text), "%.*s", (int) name.len, name.data);

    raise->len = 0;
    raise->own = mongoc_client_get_collection(raise->client,
                                              raise->store->database, text);
    status = raise_pages(raise);

    mongoc_collection_destroy(raise->own);

    return status;
}


static fig_status_t
raise_pages(raise_t *raise)
{
    unsigned      n;
    fig_status_t  status;

    do {
        status = raise_page(raise, &n);
        raise->conf->documents += n;
    } while (status == FIG_OK && n != 0);

    /* whoever uses it meanwhile has perhaps changed one behind us */

    raise->len = 0;

    if (status == FIG_OK) {
        status = raise_page(raise, &n);
    }

    if (status == FIG_OK && n != 0) {
        fig_log_error("store %s: is used meanwhile; stop the workers, and do "
                      "it again", raise->store->name);
        status = FIG_CONFLICT;
    }

    return status;
}


/* n: how many were not yet done; 0: there are no more */

static fig_status_t
raise_page(raise_t *raise, unsigned *n)
{
    bool                      ok;
    bson_t                    filter, opts;
    bson_error_t              error;
    const bson_t             *doc;
    fig_status_t              status;
    mongoc_cursor_t          *cursor;
    mongoc_bulk_operation_t  *bulk;

    *n = 0;
    bson_init(&filter);
    bson_init(&opts);

    ok = raise_query(raise, &filter, &opts);
    cursor = mongoc_collection_find_with_opts(raise->own, &filter, &opts,
                                              NULL);
    bulk = mongoc_collection_create_bulk_operation_with_opts(raise->own, NULL);

    while (ok && mongoc_cursor_next(cursor, &doc)) {
        ok = raise_take(raise, doc, bulk);
        (*n)++;
    }

    if (!ok) {
        fig_log_error("store %s: has a document that Ficus did not write",
                      raise->store->name);
        status = FIG_ERROR;

    } else if (mongoc_cursor_error(cursor, &error)) {
        status = fig_mongo_failed(raise->store, &error, "cannot be read");

    } else {
        status = *n != 0 ? raise_write(raise, bulk) : FIG_OK;
    }

    mongoc_bulk_operation_destroy(bulk);
    mongoc_cursor_destroy(cursor);
    bson_destroy(&opts);
    bson_destroy(&filter);

    return status;
}


static bool
raise_query(const raise_t *raise, bson_t *filter, bson_t *opts)
{
    bson_t  child;

    return bson_append_document_begin(filter, "ver", -1, &child)
           && bson_append_int64(&child, "$lte", -1,
                                (int64_t) raise->conf->base)
           && bson_append_document_end(filter, &child)
           && bson_append_document_begin(filter, "_id", -1, &child)
           && bson_append_utf8(&child, "$gt", -1, raise->last,
                               (int) raise->len)
           && bson_append_document_end(filter, &child)
           && bson_append_document_begin(opts, "sort", -1, &child)
           && bson_append_int32(&child, "_id", -1, 1)
           && bson_append_document_end(opts, &child)
           && bson_append_document_begin(opts, "projection", -1, &child)
           && bson_append_int32(&child, "ver", -1, 1)
           && bson_append_document_end(opts, &child)
           && bson_append_int64(opts, "limit", -1, RAISE_MANY);
}


/* false: it has no id or version that we know of, or there is no memory */

static bool
raise_take(raise_t *raise, const bson_t *doc, mongoc_bulk_operation_t *bulk)
{
    bool         ok;
    bson_t       selector, change, set;
    int64_t      ver;
    const char  *id;
    bson_iter_t  iter;

    if (!bson_iter_init_find(&iter, doc, "ver")
        || !BSON_ITER_HOLDS_INT64(&iter))
    {
        return false;
    }

    ver = bson_iter_int64(&iter);

    if (!bson_iter_init_find(&iter, doc, "_id") || !BSON_ITER_HOLDS_UTF8(&iter))
    {
        return false;
    }

    id = bson_iter_utf8(&iter, &raise->len);

    if (raise->len > RAISE_ID) {
        return false;
    }

    memcpy(raise->last, id, raise->len);
    bson_init(&selector);
    bson_init(&change);

    ok = bson_append_utf8(&selector, "_id", -1, id, (int) raise->len)
         && bson_append_int64(&selector, "ver", -1, ver)
         && bson_append_document_begin(&change, "$set", -1, &set)
         && bson_append_int64(&set, "ver", -1, ver + (int64_t) raise->step)
         && bson_append_utf8(&set, "pending", -1, id, (int) raise->len)
         && bson_append_oid(&set, "write", -1, &raise->mark)
         && bson_append_document_end(&change, &set)
         && mongoc_bulk_operation_update_one_with_opts(bulk, &selector,
                                                       &change, NULL, NULL);

    bson_destroy(&change);
    bson_destroy(&selector);

    return ok;
}


static fig_status_t
raise_write(raise_t *raise, mongoc_bulk_operation_t *bulk)
{
    bson_t        reply;
    uint32_t      rc;
    bson_error_t  error;

    rc = mongoc_bulk_operation_execute(bulk, &reply, &error);
    bson_destroy(&reply);

    return rc != 0 ? FIG_OK
           : fig_mongo_failed(raise->store, &error, "cannot be written");
}


static fig_status_t
raise_base(raise_t *raise)
{
    bool                  ok;
    bson_t                selector, change, set;
    bson_error_t          error;
    mongoc_collection_t  *meta;

    memset(&error, 0, sizeof(bson_error_t));
    bson_init(&selector);
    bson_init(&change);
    meta = mongoc_client_get_collection(raise->client, raise->store->database,
                                        FIG_MONGO_META);

    ok = bson_append_utf8(&selector, "_id", -1, FIG_MONGO_STORE, -1)
         && bson_append_document_begin(&change, "$set", -1, &set)
         && bson_append_int64(&set, "base", -1, (int64_t) raise->conf->base)
         && bson_append_document_end(&change, &set)
         && mongoc_collection_update_one(meta, &selector, &change, NULL, NULL,
                                         &error);

    mongoc_collection_destroy(meta);
    bson_destroy(&change);
    bson_destroy(&selector);

    return ok ? FIG_OK
           : fig_mongo_failed(raise->store, &error, "cannot be written");
}
