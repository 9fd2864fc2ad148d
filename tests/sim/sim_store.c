
/*
 * Copyright (C) Ficus authors
 */


/*
 * The store as its users meet it: slow, busy, full, and silent now and then.
 */


#include <string.h>

#include "sim_bugs.h"
#include "sim_store.h"


#define SIM_LATER      (100 * SIM_MS)
#define SIM_ARRIVES    (1500 * SIM_MS)
#define SIM_DATABASES  2


/* ops that wait to be written with others; in the schedule's memory */
typedef struct sim_later_s  sim_later_t;

struct sim_later_s {
    fig_op_t         *ops;
    size_t            n;
    sim_later_t      *next;
};

/* of one process; events find it even when that is no more */
typedef struct {
    sim_database_t   *database;
    sim_process_t    *process;
    uint64_t          life;
    bool              closed;
    bool              waits;          /* for the time to write them */
    sim_later_t      *later;
    sim_later_t     **last;
} sim_store_t;


static fig_status_t sim_store_open(const fig_store_conf_t *conf,
    const char *where, const fig_collection_t *const *collections,
    void **self);
static void sim_store_close(void *self);
static fig_status_t sim_store_write(void *self, fig_op_t *ops, size_t n);
static void sim_store_unknown(sim_store_t *store, const fig_op_t *ops,
    size_t n);
static void sim_store_arrive(void *data, uint64_t n);
static void sim_store_write_later(void *self, const fig_op_t *ops, size_t n);
static void sim_store_late(void *data, uint64_t n);
static void sim_store_flush(sim_store_t *store);
static fig_status_t sim_store_get(void *self,
    const fig_collection_t *collection, fig_str_t id, fig_arena_t *arena,
    fig_doc_t *doc);
static fig_status_t sim_store_list(void *self,
    const fig_collection_t *collection, const fig_query_t *query,
    fig_arena_t *arena, fig_page_t *page);
static bool sim_store_match(const fig_doc_t *row, const fig_query_t *query);
static fig_status_t sim_store_read(const fig_doc_t *row, bool brief,
    fig_arena_t *arena, fig_doc_t *doc);
static uint64_t sim_store_base(void *self);
static fig_status_t sim_store_ping(void *self);


const fig_store_backend_t  sim_store_backend = {
    .scheme = "sim",
    .open = sim_store_open,
    .close = sim_store_close,
    .write = sim_store_write,
    .write_later = sim_store_write_later,
    .get = sim_store_get,
    .list = sim_store_list,
    .base = sim_store_base,
    .ping = sim_store_ping
};

static sim_database_t  sim_databases[SIM_DATABASES];


void
sim_store_init(void)
{
    memset(sim_databases, 0, sizeof(sim_databases));
    sim_databases[0].name = "users";
    sim_databases[1].name = "orders";
}


static fig_status_t
sim_store_open(const fig_store_conf_t *conf, const char *where,
    const fig_collection_t *const *collections, void **self)
{
    sim_table_t     *table;
    sim_store_t     *store;
    sim_database_t  *database;

    (void) conf;
    sim_point();

    if (sim_trouble(SIM_F_STORE)) {
        return FIG_ERROR;
    }

    store = sim_alloc(sizeof(sim_store_t));
    database = strcmp(where, "users") == 0 ? &sim_databases[0]
                                           : &sim_databases[1];

    for ( /* void */ ; *collections != NULL; collections++) {

        if (sim_table(database->name, (*collections)->name) == NULL) {
            table = &database->tables[database->n++];
            table->name = (*collections)->name;
            table->collection = *collections;
        }
    }

    store->database = database;
    store->process = sim_process();
    store->life = store->process->life;
    store->last = &store->later;
    *self = store;

    return FIG_OK;
}


static void
sim_store_close(void *self)
{
    sim_store_t  *store = self;

    sim_point();
    sim_store_flush(store);
    store->closed = true;
}


sim_table_t *
sim_table(const char *database, const char *name)
{
    size_t           i;
    sim_database_t  *d;

    d = database == sim_databases[0].name
        || strcmp(database, sim_databases[0].name) == 0 ? &sim_databases[0]
                                                        : &sim_databases[1];

    for (i = 0; i < d->n; i++) {

        if (d->tables[i].name == name || strcmp(d->tables[i].name, name) == 0)
        {
            return &d->tables[i];
        }
    }

    return NULL;
}


static fig_status_t
sim_store_write(void *self, fig_op_t *ops, size_t n)
{
    size_t         i;
    sim_store_t   *store = self;
    fig_status_t   rc;

    static const fig_status_t  refusals[] = { FIG_BUSY, FIG_FULL, FIG_ERROR };

    sim_point();

    if (sim_trouble(SIM_F_STORE)) {
        rc = sim_odds(500) ? FIG_UNKNOWN : refusals[sim_random(3)];
        sim_trace("the store answers %s", fig_status_name(rc));

        if (rc == FIG_UNKNOWN) {
            sim_store_unknown(store, ops, n);
        }

        sim_point();

        return rc;
    }

    if (sim_bug_write(store->database, ops, n)) {
        sim_point();
        return FIG_OK;
    }

    sim_store_flush(store);
    sim_store_apply(store->database, ops, n, false);

    for (i = 0; i < n; i++) {

        if (ops[i].status != FIG_OK) {
            sim_trace("%s %.*s, version %llu: %s", ops[i].collection->name,
                      (int) ops[i].doc.id.len, ops[i].doc.id.data,
                      (unsigned long long) ops[i].doc.ver,
                      fig_status_name(ops[i].status));
        }
    }

    /* durable, though a crash here keeps the answer from everybody */
    sim_point();

    return FIG_OK;
}


/* each op by itself is done, is not done, or is done when it arrives */

static void
sim_store_unknown(sim_store_t *store, const fig_op_t *ops, size_t n)
{
    size_t     i;
    fig_op_t  *copy;

    copy = sim_ops_copy(ops, n);

    for (i = 0; i < n; i++) {

        switch (sim_random(4)) {

        case 0:
            break;

        case 1:
            sim_at(sim.now + sim_random(SIM_ARRIVES), sim_store_arrive,
                   &copy[i], (uint64_t) (store->database - sim_databases));
            break;

        default:
            sim_store_apply(store->database, &copy[i], 1, false);
            break;
        }
    }
}


static void
sim_store_arrive(void *data, uint64_t n)
{
    fig_op_t  *op = data;

    sim_store_apply(&sim_databases[n], op, 1, false);
}


static void
sim_store_write_later(void *self, const fig_op_t *ops, size_t n)
{
    sim_later_t  *later;
    sim_store_t  *store = self;

    later = sim_alloc(sizeof(sim_later_t));
    later->ops = sim_ops_copy(ops, n);
    later->n = n;

    *store->last = later;
    store->last = &later->next;

    if (!store->waits) {
        store->waits = true;
        sim_at(sim.now + SIM_LATER, sim_store_late, store, 0);
    }
}


static void
sim_store_late(void *data, uint64_t n)
{
    sim_store_t    *store = data;
    sim_process_t  *process;

    process = store->process;

    if (store->closed || process->life != store->life
        || process->state == SIM_DOWN)
    {
        return;
    }

    if (sim.now < process->frozen) {
        sim_at(process->frozen, sim_store_late, store, n);
        return;
    }

    store->waits = false;
    sim_store_flush(store);
}


static void
sim_store_flush(sim_store_t *store)
{
    sim_later_t  *later;

    for (later = store->later; later != NULL; later = later->next) {

        if (sim_trouble(SIM_F_STORE)) {
            sim_trace("what could be written later is not written at all");
            continue;
        }

        sim_store_apply(store->database, later->ops, later->n, false);
    }

    store->later = NULL;
    store->last = &store->later;
}


static fig_status_t
sim_store_get(void *self, const fig_collection_t *collection, fig_str_t id,
    fig_arena_t *arena, fig_doc_t *doc)
{
    fig_doc_t     *row;
    sim_store_t   *store = self;
    fig_status_t   rc;

    sim_point();

    if (sim_trouble(SIM_F_STORE)) {
        return sim_odds(500) ? FIG_ERROR : FIG_BUSY;
    }

    row = sim_row(sim_table(store->database->name, collection->name), id);
    rc = row ? sim_store_read(row, false, arena, doc) : FIG_DECLINED;

    sim_point();

    return rc;
}


static fig_status_t
sim_store_list(void *self, const fig_collection_t *collection,
    const fig_query_t *query, fig_arena_t *arena, fig_page_t *page)
{
    size_t        i, limit;
    sim_table_t  *table;
    sim_store_t  *store = self;

    sim_point();

    if (sim_trouble(SIM_F_STORE)) {
        return sim_odds(500) ? FIG_ERROR : FIG_BUSY;
    }

    table = sim_table(store->database->name, collection->name);

    /* a page may end early; here it often does */
    limit = sim_odds(300) ? 1 : query->limit;
    limit = limit < query->limit ? limit : query->limit;

    page->docs = fig_arena_alloc(arena, SIM_ROWS * sizeof(fig_doc_t));

    if (page->docs == NULL) {
        return FIG_NOMEM;
    }

    for (i = 0; i < table->n; i++) {

        if (!sim_store_match(table->rows[i], query)) {
            continue;
        }

        if (page->n == limit) {
            page->more = true;
            break;
        }

        if (sim_store_read(table->rows[i], query->brief, arena,
                           &page->docs[page->n++]) != FIG_OK)
        {
            return FIG_NOMEM;
        }
    }

    sim_point();

    return FIG_OK;
}


static bool
sim_store_match(const fig_doc_t *row, const fig_query_t *query)
{
    unsigned  k;

    for (k = 0; k < FIG_STORE_KEYS; k++) {

        if (query->match[k].data != NULL
            && (row->keys[k].data == NULL
                || !fig_str_eq(row->keys[k], query->match[k])))
        {
            return false;
        }
    }

    return (query->after.data == NULL
            || fig_str_cmp(row->id, query->after) > 0)
           && (query->state != FIG_STORE_LIVE || !row->deleted)
           && (query->state != FIG_STORE_PENDING || row->pending)
           && (query->ref_below == 0 || row->ref < query->ref_below);
}


static fig_status_t
sim_store_read(const fig_doc_t *row, bool brief, fig_arena_t *arena,
    fig_doc_t *doc)
{
    unsigned  k;

    *doc = *row;
    doc->id = fig_arena_dup(arena, row->id);
    doc->body = fig_arena_dup(arena, row->body);
    doc->changed = fig_arena_dup(arena, row->changed);
    doc->made = fig_arena_dup(arena, row->made);

    for (k = 0; k < FIG_STORE_KEYS; k++) {
        doc->keys[k] = fig_arena_dup(arena, row->keys[k]);
    }

    if (brief) {
        doc->body = (fig_str_t) { 0, NULL };
        doc->changed = (fig_str_t) { 0, NULL };
    }

    return doc->id.data ? FIG_OK : FIG_NOMEM;
}


static uint64_t
sim_store_base(void *self)
{
    (void) self;

    return 0;
}


static fig_status_t
sim_store_ping(void *self)
{
    (void) self;

    return FIG_OK;
}
