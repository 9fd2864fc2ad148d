
/*
 * Copyright (C) Ficus authors
 */


/*
 * Reading.  A connection that was kept over a restart of the server fails when
 * it is used, so a read that failed at once is tried once more.
 */


#include "fig_store_mongo.h"
#include "fig_metrics.h"
#include <string.h>


#define READ_AGAIN  500000      /* us */


typedef struct {
    const bson_t            *filter;
    const bson_t            *opts;
    const fig_query_t       *query;
    fig_arena_t             *arena;
    fig_page_t              *page;
    size_t                   room;       /* in page->docs */
    fig_mongo_t             *store;
    const fig_collection_t  *collection;
    bson_error_t             error;      /* domain 0: none */
} read_t;


static fig_status_t read_page(read_t *read);
static fig_status_t read_once(read_t *read);
static fig_status_t read_docs(read_t *read, mongoc_cursor_t *cursor);
static bool list_filter(bson_t *filter, const fig_query_t *query);
static bool list_opts(bson_t *opts, const fig_query_t *query);


fig_status_t
fig_mongo_get(void *self, const fig_collection_t *collection, fig_str_t id,
    fig_arena_t *arena, fig_doc_t *doc)
{
    read_t        read;
    bson_t        filter, opts;
    fig_page_t    page;
    fig_query_t   query;
    fig_status_t  status;

    bson_init(&filter);
    bson_init(&opts);

    memset(&query, 0, sizeof(fig_query_t));
    query.limit = 1;
    query.max_bytes = SIZE_MAX;

    page.docs = doc;
    page.n = 0;

    read = (read_t) { .filter = &filter, .opts = &opts, .query = &query,
                      .arena = arena, .page = &page, .room = 1, .store = self,
                      .collection = collection };
    status = FIG_NOMEM;

    if (fig_mongo_append(&filter, "_id", id)
        && bson_append_int64(&opts, "limit", -1, 1)
        && bson_append_bool(&opts, "singleBatch", -1, true))
    {
        status = read_page(&read);
    }

    bson_destroy(&opts);
    bson_destroy(&filter);

    return status == FIG_OK && page.n == 0 ? FIG_DECLINED : status;
}


fig_status_t
fig_mongo_list(void *self, const fig_collection_t *collection,
    const fig_query_t *query, fig_arena_t *arena, fig_page_t *page)
{
    read_t        read;
    bson_t        filter, opts;
    fig_status_t  status;

    bson_init(&filter);
    bson_init(&opts);

    read = (read_t) { .filter = &filter, .opts = &opts, .query = query,
                      .arena = arena, .page = page, .store = self,
                      .collection = collection };
    status = FIG_NOMEM;

    if (list_filter(&filter, query) && list_opts(&opts, query)) {
        status = read_page(&read);
    }

    bson_destroy(&opts);
    bson_destroy(&filter);

    return status;
}


static fig_status_t
read_page(read_t *read)
{
    uint64_t      start;
    fig_status_t  status;

    start = fig_clock_us();
    status = read_once(read);

    if (status == FIG_UNKNOWN && read->page->n == 0
        && fig_clock_us() - start < READ_AGAIN)
    {
        status = read_once(read);
    }

    if (read->error.domain != 0) {
        (void) fig_mongo_failed(read->store, &read->error, "cannot be read");
    }

    return status == FIG_UNKNOWN ? FIG_BUSY : status;
}


static fig_status_t
read_once(read_t *read)
{
    fig_status_t          status;
    mongoc_client_t      *client;
    mongoc_cursor_t      *cursor;
    mongoc_collection_t  *collection;

    read->error.domain = 0;
    client = fig_mongo_take(read->store);

    if (client == NULL) {
        return FIG_BUSY;
    }

    collection = mongoc_client_get_collection(client, read->store->database,
                                              read->collection->name);
    cursor = mongoc_collection_find_with_opts(collection, read->filter,
                                              read->opts, NULL);

    status = read_docs(read, cursor);

    if (mongoc_cursor_error(cursor, &read->error)) {
        status = fig_mongo_status(&read->error);

    } else {
        read->error.domain = 0;
        fig_mongo_works(read->store);
    }

    mongoc_cursor_destroy(cursor);
    mongoc_collection_destroy(collection);
    fig_mongo_give(read->store, client);

    return status;
}


static fig_status_t
read_docs(read_t *read, mongoc_cursor_t *cursor)
{
    size_t         bytes;
    fig_doc_t     *doc;
    fig_page_t    *page;
    const bson_t  *bson;
    fig_status_t   status;

    bytes = 0;
    page = read->page;

    while (mongoc_cursor_next(cursor, &bson)) {
        page->more = (page->n == read->query->limit);

        if (page->more) {
            return FIG_OK;
        }

        doc = fig_store_page_place(page, &read->room, read->arena);

        if (doc == NULL) {
            return FIG_NOMEM;
        }

        status = fig_mongo_doc_read(read->store, bson, read->arena, doc);

        if (status != FIG_OK) {
            return status;
        }

        bytes += doc->body.len;
        page->more = (page->n != 0 && bytes > read->query->max_bytes);

        if (page->more) {
            return FIG_OK;
        }

        page->n++;
    }

    return FIG_OK;
}


/*
 * What is pending has its own index, by id.
 */

static bool
list_filter(bson_t *filter, const fig_query_t *query)
{
    bool        ok, pending;
    bson_t      after, below;
    unsigned    i;

    ok = true;
    pending = (query->state == FIG_STORE_PENDING);

    for (i = 0; i < FIG_STORE_KEYS; i++) {

        if (query->match[i].data != NULL) {
            ok = ok && fig_mongo_append(filter, fig_mongo_keys[i],
                                        query->match[i]);
        }
    }

    if (pending || query->after.len != 0) {
        ok = ok && bson_append_document_begin(filter,
                                              pending ? "pending" : "_id", -1,
                                              &after)
             && fig_mongo_append(&after, "$gt", query->after.data
                                 ? query->after : FIG_STR(""))
             && bson_append_document_end(filter, &after);
    }

    if (query->state == FIG_STORE_LIVE) {
        ok = ok && bson_append_bool(filter, "deleted", -1, false);
    }

    if (query->ref_below != 0) {
        ok = ok && bson_append_document_begin(filter, "ref", -1, &below)
             && bson_append_int64(&below, "$lt", -1,
                                  (int64_t) query->ref_below)
             && bson_append_document_end(filter, &below);
    }

    return ok;
}


static bool
list_opts(bson_t *opts, const fig_query_t *query)
{
    bool    ok;
    bson_t  sort, fields;

    ok = bson_append_document_begin(opts, "sort", -1, &sort)
         && bson_append_int32(&sort, query->state == FIG_STORE_PENDING
                              ? "pending" : "_id", -1, 1)
         && bson_append_document_end(opts, &sort)
         && bson_append_int64(opts, "limit", -1, (int64_t) query->limit + 1)
         && bson_append_int64(opts, "batchSize", -1,
                              (int64_t) query->limit + 1);

    if (query->brief) {
        ok = ok && bson_append_document_begin(opts, "projection", -1, &fields)
             && bson_append_int32(&fields, "body", -1, 0)
             && bson_append_int32(&fields, "changed", -1, 0)
             && bson_append_document_end(opts, &fields);
    }

    return ok;
}
