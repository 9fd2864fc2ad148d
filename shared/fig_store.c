
/*
 * Copyright (C) Ficus authors
 */


#include "fig_store_backend.h"
#include "fig_log.h"
#include "fig_metrics.h"
#include <stdlib.h>
#include <stdatomic.h>
#include <string.h>


#define STORE_ID_MAX        512
#define STORE_NAME_MAX      32
#define STORE_PAGE_BYTES    8388608
#define STORE_LOCK_TIMEOUT  1000
#define STORE_CACHE         524288


struct fig_store_s {
    void                           *self;
    _Atomic(uint64_t)               troubles;
    fig_histogram_t                *get;
    fig_histogram_t                *list;
    fig_histogram_t                *write;
    const fig_collection_t *const  *collections;
    const fig_store_backend_t      *backend;
};


static void store_note(fig_store_t *store, fig_status_t status);
static double store_writable(void *data);
static const fig_store_backend_t *store_backend(const char *uri,
    const char **where);
static bool store_collections_ok(const fig_collection_t *const *collections);
static bool store_known(const fig_store_t *store, const fig_collection_t *c);
static bool store_op_ok(const fig_store_t *store, const fig_op_t *op);
static bool store_put_ok(const fig_op_t *op);
static bool store_query_ok(const fig_collection_t *collection,
    const fig_query_t *query);
static bool store_id_ok(fig_str_t id);
static fig_histogram_t *store_histogram(const char *labels);


/* a backend has its line, and the form of its URI, here */

#define STORE_URI                                                             \
    "sqlite:PATH or mongodb://[USER:PASSWORD@]HOST[:PORT]/DATABASE"

static const fig_store_backend_t *const  store_backends[] = {
    &fig_store_sqlite,
    &fig_store_mongo
};


fig_status_t
fig_store_verify(const char *uri, const char **why)
{
    const char                 *where;
    fig_status_t                rc;
    const fig_store_backend_t  *backend;

    backend = store_backend(uri, &where);
    rc = backend ? backend->verify(where, why) : FIG_INVALID;

    if (rc == FIG_INVALID) {
        *why = "must be " STORE_URI;
    }

    return rc;
}


fig_status_t
fig_store_open(const fig_store_conf_t *conf,
    const fig_collection_t *const *collections, fig_store_t **store)
{
    const char                 *where;
    fig_store_t                *s;
    fig_status_t                status;
    fig_store_conf_t            filled;
    const fig_store_backend_t  *backend;

    *store = NULL;

    backend = store_backend(conf->uri, &where);

    if (backend == NULL) {
        /* whatever it is, it may hold a password */
        fig_log_error("store: want " STORE_URI);
        return FIG_ERROR;
    }

    if (!store_collections_ok(collections)) {
        return FIG_ERROR;
    }

    filled = *conf;
    filled.lock_timeout = conf->lock_timeout ? conf->lock_timeout
                          : STORE_LOCK_TIMEOUT;
    filled.cache = conf->cache ? conf->cache : STORE_CACHE;

    s = calloc(1, sizeof(fig_store_t));

    if (s == NULL) {
        fig_log_error("store: out of memory");
        return FIG_ERROR;
    }

    status = backend->open(&filled, where, collections, &s->self);

    if (status != FIG_OK) {
        free(s);
        return FIG_ERROR;
    }

    s->backend = backend;
    s->collections = collections;
    s->get = store_histogram("op=\"get\"");
    s->list = store_histogram("op=\"list\"");
    s->write = store_histogram("op=\"write\"");
    fig_gauge("ficus_store_writable", "1, or 0 while the store cannot be "
              "written.", "", store_writable, s);

    *store = s;

    return FIG_OK;
}


void
fig_store_close(fig_store_t *store)
{
    if (store != NULL) {
        fig_gauge_remove(store);
        store->backend->close(store->self);
        free(store);
    }
}


fig_status_t
fig_store_write(fig_store_t *store, fig_op_t *ops, size_t n)
{
    size_t        i;
    uint64_t      start;
    fig_status_t  status;

    status = FIG_OK;

    for (i = 0; i < n; i++) {
        ops[i].key = 0;

        if (!store_op_ok(store, &ops[i])) {
            status = FIG_INVALID;
        }
    }

    if (status == FIG_OK && n != 0) {
        start = fig_clock_us();
        status = store->backend->write(store->self, ops, n);
        fig_histogram_add(store->write, fig_clock_us() - start);
        store_note(store, status);
    }

    for (i = 0; status != FIG_OK && i < n; i++) {
        ops[i].status = status;
    }

    return status;
}


void
fig_store_write_later(fig_store_t *store, const fig_op_t *ops, size_t n)
{
    size_t  i;

    for (i = 0; i < n; i++) {

        if (!store_op_ok(store, &ops[i])) {
            return;
        }
    }

    if (n != 0) {
        store->backend->write_later(store->self, ops, n);
    }
}


fig_status_t
fig_store_get(fig_store_t *store, const fig_collection_t *collection,
    fig_str_t id, fig_arena_t *arena, fig_doc_t *doc)
{
    uint64_t      start;
    fig_status_t  status;

    memset(doc, 0, sizeof(fig_doc_t));

    if (!store_known(store, collection)) {
        return FIG_INVALID;
    }

    if (!store_id_ok(id)) {
        return FIG_DECLINED;
    }

    start = fig_clock_us();
    status = store->backend->get(store->self, collection, id, arena, doc);
    fig_histogram_add(store->get, fig_clock_us() - start);
    store_note(store, status);

    if (status != FIG_OK) {
        memset(doc, 0, sizeof(fig_doc_t));
    }

    return status;
}


fig_status_t
fig_store_list(fig_store_t *store, const fig_collection_t *collection,
    const fig_query_t *query, fig_arena_t *arena, fig_page_t *page)
{
    uint64_t      start;
    fig_query_t   filled;
    fig_status_t  status;

    memset(page, 0, sizeof(fig_page_t));

    if (!store_known(store, collection)
        || !store_query_ok(collection, query))
    {
        return FIG_INVALID;
    }

    filled = *query;
    filled.max_bytes = query->max_bytes ? query->max_bytes : STORE_PAGE_BYTES;

    if (filled.ref_below > INT64_MAX) {
        filled.ref_below = INT64_MAX;
    }

    start = fig_clock_us();
    status = store->backend->list(store->self, collection, &filled, arena,
                                  page);
    fig_histogram_add(store->list, fig_clock_us() - start);
    store_note(store, status);

    if (status != FIG_OK) {
        memset(page, 0, sizeof(fig_page_t));
    }

    return status;
}


static void
store_note(fig_store_t *store, fig_status_t status)
{
    switch (status) {

    case FIG_BUSY:
    case FIG_FULL:
    case FIG_ERROR:
    case FIG_UNKNOWN:
        (void) atomic_fetch_add(&store->troubles, 1);
        break;

    default:
        break;
    }
}


uint64_t
fig_store_troubles(const fig_store_t *store)
{
    return atomic_load(&store->troubles);
}


uint64_t
fig_store_base(fig_store_t *store)
{
    return store->backend->base(store->self);
}


fig_status_t
fig_store_ping(fig_store_t *store)
{
    return store->backend->ping(store->self);
}


const char *
fig_store_wrong(void *store)
{
    fig_store_t *self = store;

    return self->backend->wrong ? self->backend->wrong(self->self) : NULL;
}


static double
store_writable(void *data)
{
    return fig_store_wrong(data) == NULL;
}


void
fig_store_rest(fig_store_t *store)
{
    if (store->backend->rest != NULL) {
        store->backend->rest(store->self);
    }
}


static const fig_store_backend_t *
store_backend(const char *uri, const char **where)
{
    size_t  i, len;

    for (i = 0; i < sizeof(store_backends) / sizeof(store_backends[0]); i++) {
        len = strlen(store_backends[i]->scheme);

        if (strncmp(uri, store_backends[i]->scheme, len) == 0
            && uri[len] == ':' && uri[len + 1] != '\0')
        {
            *where = uri + len + 1;
            return store_backends[i];
        }
    }

    return NULL;
}


static bool
store_collections_ok(const fig_collection_t *const *collections)
{
    size_t       len;
    const char  *name;

    while (*collections != NULL) {
        name = (*collections++)->name;
        len = strspn(name, "abcdefghijklmnopqrstuvwxyz_");

        if (len == 0 || len > STORE_NAME_MAX || name[len] != '\0') {
            fig_log_error("store: bad name of a collection \"%s\"", name);
            return false;
        }
    }

    return true;
}


static bool
store_known(const fig_store_t *store, const fig_collection_t *c)
{
    size_t  i;

    for (i = 0; store->collections[i] != NULL; i++) {

        if (store->collections[i] == c) {
            return true;
        }
    }

    fig_log_error("store: unknown collection \"%s\"", c->name);

    return false;
}


static bool
store_op_ok(const fig_store_t *store, const fig_op_t *op)
{
    const fig_doc_t  *doc;

    doc = &op->doc;

    if (!store_known(store, op->collection)) {
        return false;
    }

    if (!store_id_ok(doc->id)
        || doc->ver == 0 || doc->ver > INT64_MAX
        || (op->kind != FIG_STORE_SETTLE && !store_put_ok(op)))
    {
        fig_log_error("store: bad write to \"%s\"", op->collection->name);
        return false;
    }

    return true;
}


static bool
store_put_ok(const fig_op_t *op)
{
    unsigned   i;
    fig_str_t  key;

    for (i = 0; i < FIG_STORE_KEYS; i++) {
        key = op->doc.keys[i];

        if (key.data != NULL
            && (op->collection->keys[i] == NULL
                || key.len > FIG_STORE_KEY_MAX))
        {
            return false;
        }
    }

    return op->doc.ref <= INT64_MAX
           && op->doc.body.len <= FIG_STORE_BODY_MAX
           && op->doc.changed.len <= FIG_STORE_KEY_MAX
           && op->doc.made.len <= FIG_STORE_KEY_MAX
           && (op->kind != FIG_STORE_PUT || op->expect < op->doc.ver);
}


static bool
store_query_ok(const fig_collection_t *collection, const fig_query_t *query)
{
    unsigned  i;

    for (i = 0; i < FIG_STORE_KEYS; i++) {

        if (query->match[i].data != NULL && collection->keys[i] == NULL) {
            fig_log_error("store: \"%s\" has no key %u", collection->name, i);
            return false;
        }
    }

    if (query->limit == 0 || query->limit > FIG_STORE_PAGE_MAX) {
        fig_log_error("store: a page of %u documents", query->limit);
        return false;
    }

    return true;
}


static bool
store_id_ok(fig_str_t id)
{
    return id.data != NULL && id.len != 0 && id.len <= STORE_ID_MAX
           && memchr(id.data, '\0', id.len) == NULL;
}


static fig_histogram_t *
store_histogram(const char *labels)
{
    return fig_histogram("ficus_store_seconds",
                         "Seconds that an operation of the store took.",
                         labels);
}
