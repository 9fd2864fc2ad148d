
/*
 * Copyright (C) Ficus authors
 */


#include "fig_outbox_relay.h"
#include "fig_log.h"
#include <string.h>


/* ms */
#define FIG_KEEPER_LOOK    250
#define FIG_KEEPER_ROOM    100

/* us */
#define FIG_KEEPER_SCAN    1000000
#define FIG_KEEPER_RETRY   1000000
#define FIG_KEEPER_SETTLE  2000000

#define FIG_KEEPER_ARENA   ((size_t) 64 * 1024 * 1024)


typedef struct {
    fig_outbox_t  *outbox;
    fig_arena_t   *page;        /* a page of the scan */
    fig_arena_t   *row;         /* a document of it */
    uint64_t       declare;     /* us: not before */
    uint64_t       scan;
    bool           all;         /* no scan was before */
    bool           failing;     /* looking did, which was said */
    bool           damaged;     /* a document of this scan can't be read */
    bool           said;        /* one of the scan before, which was said */
} fig_keeper_t;


static void fig_keeper_run(fig_keeper_t *keeper);
static void fig_keeper_declare(fig_keeper_t *keeper);
static void fig_keeper_again(fig_outbox_t *outbox);
static void fig_keeper_larger(fig_outbox_t *outbox);
static void fig_keeper_scan(fig_keeper_t *keeper);
static bool fig_keeper_page(fig_keeper_t *keeper, const fig_page_t *page);
static bool fig_keeper_known(fig_outbox_t *outbox, const fig_doc_t *doc);
static bool fig_keeper_take(fig_keeper_t *keeper, fig_str_t id);
static bool fig_keeper_skip(fig_keeper_t *keeper, fig_str_t id,
    fig_status_t status);
static bool fig_keeper_look(fig_keeper_t *keeper, const fig_doc_t *doc);
static bool fig_keeper_room(fig_outbox_t *outbox);


void *
fig_outbox_keeper(void *data)
{
    fig_keeper_t  keeper;

    memset(&keeper, 0, sizeof(fig_keeper_t));

    keeper.outbox = data;
    keeper.all = true;
    keeper.page = fig_arena_create(4096, FIG_KEEPER_ARENA);
    keeper.row = fig_arena_create(4096, FIG_KEEPER_ARENA);

    if (keeper.page && keeper.row) {
        fig_keeper_run(&keeper);

    } else {
        fig_log_error("out of memory: what is not published now will not be");
    }

    fig_arena_destroy(keeper.page);
    fig_arena_destroy(keeper.row);

    return NULL;
}


static void
fig_keeper_run(fig_keeper_t *keeper)
{
    uint64_t         session;
    fig_outbox_t    *outbox;
    struct timespec  until;

    outbox = keeper->outbox;

    (void) pthread_mutex_lock(&outbox->mutex);

    while (!outbox->stop) {

        session = fig_bus_session(outbox->bus);

        if (session == 0) {
            outbox->ready = 0;

        } else if (outbox->ready != session
                   && fig_clock_us() >= keeper->declare)
        {
            fig_keeper_declare(keeper);
        }

        if (outbox->ready != 0 && fig_clock_us() >= keeper->scan) {
            (void) pthread_mutex_unlock(&outbox->mutex);
            fig_keeper_scan(keeper);
            (void) pthread_mutex_lock(&outbox->mutex);
        }

        if (!outbox->stop) {
            fig_outbox_until(&until, FIG_KEEPER_LOOK);
            (void) pthread_cond_timedwait(&outbox->keep, &outbox->mutex,
                                          &until);
        }
    }

    (void) pthread_mutex_unlock(&outbox->mutex);
}


/* a new connection, or the stream is gone */

static void
fig_keeper_declare(fig_keeper_t *keeper)
{
    uint64_t            session;
    fig_status_t        rc;
    fig_outbox_t       *outbox;
    fig_stream_info_t   info;

    outbox = keeper->outbox;
    outbox->ready = 0;

    (void) pthread_mutex_unlock(&outbox->mutex);

    session = fig_bus_session(outbox->bus);
    rc = fig_bus_stream(outbox->bus, &outbox->topic->stream, &info);

    (void) pthread_mutex_lock(&outbox->mutex);

    outbox->wrong = rc == FIG_CONFLICT ? "its stream has other settings"
                    : rc == FIG_ERROR ? "its stream is refused" : NULL;

    if (rc == FIG_OK) {
        outbox->ready = session;
        fig_keeper_again(outbox);
        fig_keeper_larger(outbox);
        (void) pthread_cond_signal(&outbox->work);

    } else {
        /* the bus has said what is wrong */
        keeper->declare = fig_clock_us() + FIG_KEEPER_RETRY;
    }
}


/* there will be no answer for what was published before */

static void
fig_keeper_again(fig_outbox_t *outbox)
{
    fig_row_t  *row;

    for ( ;; ) {
        row = fig_rows_first(outbox->rows, FIG_ROW_SENT);

        if (row == NULL) {
            return;
        }

        fig_rows_move(outbox->rows, row, FIG_ROW_QUEUED, fig_clock_us());
        fig_counter_add(outbox->repeated, 1);
    }
}


/* a server that takes more: what was refused is forgotten, for the scan */

static void
fig_keeper_larger(fig_outbox_t *outbox)
{
    uint64_t    max;
    fig_row_t  *row;

    max = fig_bus_max_payload(outbox->bus, (fig_str_t) { 0 });

    while (max > outbox->max_payload) {
        row = fig_rows_first(outbox->rows, FIG_ROW_REFUSED);

        if (row == NULL) {
            break;
        }

        row->ver = 0;
        fig_rows_move(outbox->rows, row, FIG_ROW_IDLE, fig_clock_us());
    }

    outbox->max_payload = max;
}


static void
fig_keeper_scan(fig_keeper_t *keeper)
{
    fig_page_t     page;
    fig_seen_t    *seen;
    fig_query_t    query;
    fig_status_t   rc;
    fig_outbox_t  *outbox;
    char           after[FIG_OUTBOX_KEY];

    outbox = keeper->outbox;
    keeper->scan = fig_clock_us() + FIG_KEEPER_SCAN;
    keeper->damaged = false;

    seen = outbox->before;
    outbox->before = outbox->seen;
    outbox->seen = seen;
    fig_seen_clear(seen);

    memset(&query, 0, sizeof(fig_query_t));
    query.limit = FIG_STORE_PAGE_MAX;
    query.state = FIG_STORE_PENDING;
    query.brief = true;

    do {
        fig_arena_reset(keeper->page);

        rc = fig_store_list(outbox->store, outbox->topic->collection, &query,
                            keeper->page, &page);

        if (rc != FIG_OK || !fig_keeper_page(keeper, &page)) {
            return;
        }

        if (page.n != 0) {
            query.after = page.docs[page.n - 1].id;
            memcpy(after, query.after.data, query.after.len);
            query.after.data = after;
        }
    } while (page.more);

    keeper->all = false;
    keeper->said = keeper->damaged;
}


/* false: as much as may be is in hand */

static bool
fig_keeper_page(fig_keeper_t *keeper, const fig_page_t *page)
{
    bool           seen;
    size_t         i;
    fig_doc_t     *doc;
    fig_outbox_t  *outbox;

    outbox = keeper->outbox;

    for (i = 0; i < page->n; i++) {

        doc = &page->docs[i];

        if (fig_keeper_known(outbox, doc)) {
            continue;
        }

        /*
         * What was not there in the scan before is perhaps on its way just
         * now, in this process or another.
         */

        seen = keeper->all || fig_seen_has(outbox->before, doc->id, doc->ver);
        fig_seen_add(outbox->seen, doc->id, doc->ver);

        if (seen && !fig_keeper_take(keeper, doc->id)) {
            return false;
        }
    }

    return true;
}


/* in hand, refused, or published, when only the mark has stayed */

static bool
fig_keeper_known(fig_outbox_t *outbox, const fig_doc_t *doc)
{
    bool        known, settle;
    fig_row_t  *row;

    (void) pthread_mutex_lock(&outbox->mutex);

    row = fig_rows_find(outbox->rows, doc->id);
    known = row && row->ver >= doc->ver;

    settle = known && row->state == FIG_ROW_IDLE && row->ver == doc->ver
             && fig_clock_us() - row->time > FIG_KEEPER_SETTLE;

    (void) pthread_mutex_unlock(&outbox->mutex);

    if (settle) {
        fig_outbox_settle(outbox, doc->id, doc->ver);
    }

    return known;
}


static bool
fig_keeper_take(fig_keeper_t *keeper, fig_str_t id)
{
    fig_doc_t      doc;
    fig_status_t   rc;
    fig_outbox_t  *outbox;

    outbox = keeper->outbox;
    fig_arena_reset(keeper->row);

    rc = fig_store_get(outbox->store, outbox->topic->collection, id,
                       keeper->row, &doc);

    if (rc == FIG_DECLINED || (rc == FIG_OK && !doc.pending)) {
        return true;
    }

    if (rc != FIG_OK) {
        return fig_keeper_skip(keeper, id, rc);
    }

    if (!fig_keeper_look(keeper, &doc)) {
        return true;
    }

    do {
        rc = fig_outbox_put(outbox, &doc, (fig_str_t) { 0 });
    } while (rc == FIG_BUSY && fig_keeper_room(outbox));

    return rc != FIG_BUSY;
}


/*
 * One that is damaged must not keep those behind it; false: it is the store
 * that can't be read.
 */

static bool
fig_keeper_skip(fig_keeper_t *keeper, fig_str_t id, fig_status_t status)
{
    fig_outbox_t  *outbox;

    outbox = keeper->outbox;

    if ((status != FIG_ERROR && status != FIG_NOMEM)
        || fig_store_ping(outbox->store) != FIG_OK)
    {
        return false;
    }

    if (!keeper->said) {
        fig_log_error("%s \"%.*s\" can't be read and is not published: %s",
                      outbox->topic->name, (int) id.len, id.data,
                      fig_status_name(status));
    }

    keeper->damaged = true;

    return true;
}


/* perhaps nobody could when it was written; false: it has to wait */

static bool
fig_keeper_look(fig_keeper_t *keeper, const fig_doc_t *doc)
{
    fig_status_t   rc;
    fig_outbox_t  *outbox;

    outbox = keeper->outbox;

    if (outbox->look == NULL) {
        return true;
    }

    rc = outbox->look(outbox->data, doc, keeper->row);

    if (rc != FIG_OK && !keeper->failing) {
        fig_log_warn("what follows %s \"%.*s\" can't be done: %s; it is tried "
                     "again and not published before", outbox->topic->name,
                     (int) doc->id.len, doc->id.data, fig_status_name(rc));
    }

    keeper->failing = rc != FIG_OK;

    return rc == FIG_OK;
}


/* waits until there is room; false: the relay can't publish now */

static bool
fig_keeper_room(fig_outbox_t *outbox)
{
    bool             going;
    struct timespec  until;

    fig_outbox_until(&until, FIG_KEEPER_ROOM);

    (void) pthread_mutex_lock(&outbox->mutex);

    (void) fig_outbox_wait_room(outbox, &until);

    going = !outbox->stop && outbox->ready != 0
            && outbox->ready == fig_bus_session(outbox->bus);

    (void) pthread_mutex_unlock(&outbox->mutex);

    return going;
}
