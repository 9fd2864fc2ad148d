
/*
 * Copyright (C) Ficus authors
 */


/*
 * Readers: a few connections for any number of threads.  The one that was
 * used last is taken first, so a process with little to do uses few of them,
 * with warm caches, and closes the others after a while.  A statement is reset
 * before its reader is given back: a forgotten one would keep the log from
 * being reused.
 */


#include "fig_store_sqlite.h"
#include "fig_log.h"
#include "fig_metrics.h"
#include <stdlib.h>
#include <string.h>


#define GET_SQL   512
#define LIST_SQL  1024


static fig_sqlite_reader_t *reader_open(fig_sqlite_t *store);
static void reader_close(const fig_sqlite_t *store,
    fig_sqlite_reader_t *reader);
static void reader_drop_locked(fig_sqlite_t *store,
    fig_sqlite_reader_t *reader);
static fig_status_t reader_take(fig_sqlite_t *store,
    fig_sqlite_reader_t **reader);
static bool reader_wait_locked(fig_sqlite_t *store);
static void reader_give(fig_sqlite_t *store, fig_sqlite_reader_t *reader);
static sqlite3_stmt *reader_get_stmt(fig_sqlite_t *store,
    fig_sqlite_reader_t *reader, const fig_collection_t *collection);
static sqlite3_stmt *reader_list_stmt(fig_sqlite_t *store,
    fig_sqlite_reader_t *reader, const fig_collection_t *collection,
    const fig_query_t *query);
static sqlite3_stmt *reader_prepare(fig_sqlite_t *store,
    fig_sqlite_reader_t *reader, fig_buf_t *sql);
static fig_status_t list_rows(fig_sqlite_t *store, sqlite3_stmt *stmt,
    const fig_query_t *query, fig_arena_t *arena, fig_page_t *page);
static void list_bind(sqlite3_stmt *stmt, const fig_query_t *query);
static fig_status_t row_doc(sqlite3_stmt *stmt, fig_arena_t *arena,
    fig_doc_t *doc);
static fig_status_t row_text(sqlite3_stmt *stmt, int column,
    fig_arena_t *arena, fig_str_t *text);


fig_status_t
fig_sqlite_pool_init(fig_sqlite_t *store)
{
    fig_status_t          status;
    fig_sqlite_pool_t    *pool;
    pthread_condattr_t    clock;
    fig_sqlite_reader_t  *reader;

    pool = &store->pool;

    SLIST_INIT(&pool->free);
    (void) pthread_condattr_init(&clock);
    (void) pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
    (void) pthread_mutex_init(&pool->mutex, NULL);
    (void) pthread_cond_init(&pool->given, &clock);
    (void) pthread_condattr_destroy(&clock);

    status = reader_take(store, &reader);

    if (status == FIG_OK) {
        reader_give(store, reader);
    }

    return status;
}


void
fig_sqlite_pool_clear(fig_sqlite_t *store)
{
    fig_sqlite_pool_t    *pool;
    fig_sqlite_reader_t  *reader;

    pool = &store->pool;

    while (!SLIST_EMPTY(&pool->free)) {
        reader = SLIST_FIRST(&pool->free);
        SLIST_REMOVE_HEAD(&pool->free, next);
        reader_close(store, reader);
    }
}


fig_status_t
fig_sqlite_get(void *self, const fig_collection_t *collection, fig_str_t id,
    fig_arena_t *arena, fig_doc_t *doc)
{
    fig_sqlite_t *store = self;

    int                   rc;
    fig_status_t          status;
    sqlite3_stmt         *stmt;
    fig_sqlite_reader_t  *reader;

    status = reader_take(store, &reader);

    if (status != FIG_OK) {
        return status;
    }

    status = FIG_ERROR;
    stmt = reader_get_stmt(store, reader, collection);

    if (stmt != NULL) {
        (void) sqlite3_bind_text64(stmt, 1, id.data, id.len, SQLITE_STATIC,
                                   SQLITE_UTF8);
        rc = sqlite3_step(stmt);

        if (rc == SQLITE_ROW) {
            status = row_doc(stmt, arena, doc);

        } else if (rc == SQLITE_DONE) {
            status = FIG_DECLINED;

        } else {
            status = fig_sqlite_failed(store->path, reader->db, rc,
                                       "cannot be read");
        }

        (void) sqlite3_reset(stmt);
    }

    reader_give(store, reader);

    return status;
}


fig_status_t
fig_sqlite_list(void *self, const fig_collection_t *collection,
    const fig_query_t *query, fig_arena_t *arena, fig_page_t *page)
{
    fig_sqlite_t *store = self;

    fig_status_t          status;
    sqlite3_stmt         *stmt;
    fig_sqlite_reader_t  *reader;

    status = reader_take(store, &reader);

    if (status != FIG_OK) {
        return status;
    }

    status = FIG_ERROR;
    stmt = reader_list_stmt(store, reader, collection, query);

    if (stmt != NULL) {
        list_bind(stmt, query);
        status = list_rows(store, stmt, query, arena, page);
        (void) sqlite3_reset(stmt);
    }

    reader_give(store, reader);

    return status;
}


fig_status_t
fig_sqlite_ping(void *self)
{
    fig_sqlite_t *store = self;

    uint64_t              base;
    fig_status_t          status;
    fig_sqlite_reader_t  *reader;

    status = reader_take(store, &reader);

    if (status != FIG_OK) {
        return status;
    }

    status = fig_sqlite_base(store->path, reader->db, &base);

    reader_give(store, reader);

    return status;
}


void
fig_sqlite_rest(void *self)
{
    fig_sqlite_t *store = self;

    fig_sqlite_pool_t    *pool;
    fig_sqlite_reader_t  *reader, *next;

    pool = &store->pool;

    (void) pthread_mutex_lock(&pool->mutex);

    for (reader = SLIST_FIRST(&pool->free); reader != NULL; reader = next) {
        next = SLIST_NEXT(reader, next);

        if (reader->used) {
            reader->used = false;

        } else if (pool->n > 1) {
            reader_drop_locked(store, reader);
        }
    }

    (void) pthread_mutex_unlock(&pool->mutex);
}


static fig_sqlite_reader_t *
reader_open(fig_sqlite_t *store)
{
    fig_sqlite_reader_t  *reader;

    reader = calloc(1, sizeof(fig_sqlite_reader_t));

    if (reader == NULL) {
        fig_log_error("store %s: out of memory", store->path);
        return NULL;
    }

    reader->get = calloc(store->ncollections + 1, sizeof(sqlite3_stmt *));

    if (reader->get == NULL) {
        fig_log_error("store %s: out of memory", store->path);
        free(reader);
        return NULL;
    }

    if (fig_sqlite_connect(store, false, &reader->db) != FIG_OK) {
        free(reader->get);
        free(reader);
        return NULL;
    }

    return reader;
}


static void
reader_close(const fig_sqlite_t *store, fig_sqlite_reader_t *reader)
{
    size_t  i;

    for (i = 0; i < store->ncollections; i++) {
        (void) sqlite3_finalize(reader->get[i]);
    }

    for (i = 0; i < FIG_SQLITE_LISTS; i++) {
        (void) sqlite3_finalize(reader->list[i].stmt);
    }

    (void) sqlite3_close(reader->db);
    free(reader->get);
    free(reader);
}


static void
reader_drop_locked(fig_sqlite_t *store, fig_sqlite_reader_t *reader)
{
    SLIST_REMOVE(&store->pool.free, reader, fig_sqlite_reader_s, next);
    store->pool.n--;
    reader_close(store, reader);
}


/*
 * FIG_BUSY: all are taken, for too long.
 */

static fig_status_t
reader_take(fig_sqlite_t *store, fig_sqlite_reader_t **reader)
{
    bool                got;
    fig_sqlite_pool_t  *pool;

    pool = &store->pool;

    (void) pthread_mutex_lock(&pool->mutex);

    got = reader_wait_locked(store);
    *reader = SLIST_FIRST(&pool->free);

    if (*reader != NULL) {
        SLIST_REMOVE_HEAD(&pool->free, next);
        (*reader)->used = true;

    } else if (got) {
        pool->n++;
    }

    (void) pthread_mutex_unlock(&pool->mutex);

    if (*reader != NULL) {
        return FIG_OK;
    }

    if (!got) {
        return FIG_BUSY;
    }

    *reader = reader_open(store);

    if (*reader == NULL) {
        (void) pthread_mutex_lock(&pool->mutex);
        pool->n--;
        (void) pthread_cond_signal(&pool->given);
        (void) pthread_mutex_unlock(&pool->mutex);
    }

    return *reader != NULL ? FIG_OK : FIG_ERROR;
}


/*
 * Until there is one, or may be one more.
 */

static bool
reader_wait_locked(fig_sqlite_t *store)
{
    int                 rc;
    struct timespec     until;
    fig_sqlite_pool_t  *pool;

    pool = &store->pool;

    if (!SLIST_EMPTY(&pool->free) || pool->n < FIG_SQLITE_READERS) {
        return true;
    }

    rc = 0;
    until = fig_sqlite_timespec(fig_clock_us() + store->lock_timeout * 1000);

    while (SLIST_EMPTY(&pool->free) && pool->n == FIG_SQLITE_READERS
           && rc == 0)
    {
        rc = pthread_cond_timedwait(&pool->given, &pool->mutex, &until);
    }

    return !SLIST_EMPTY(&pool->free) || pool->n < FIG_SQLITE_READERS;
}


static void
reader_give(fig_sqlite_t *store, fig_sqlite_reader_t *reader)
{
    fig_sqlite_pool_t  *pool;

    pool = &store->pool;

    (void) pthread_mutex_lock(&pool->mutex);
    SLIST_INSERT_HEAD(&pool->free, reader, next);
    (void) pthread_cond_signal(&pool->given);
    (void) pthread_mutex_unlock(&pool->mutex);
}


static sqlite3_stmt *
reader_get_stmt(fig_sqlite_t *store, fig_sqlite_reader_t *reader,
    const fig_collection_t *collection)
{
    size_t      i;
    fig_buf_t   sql;

    i = fig_sqlite_index(store, collection);

    if (reader->get[i] == NULL) {
        fig_buf_init(&sql, GET_SQL);
        fig_buf_printf(&sql, "SELECT " FIG_SQLITE_COLUMNS ", changed, body"
                       " FROM \"%s\" WHERE id = ?1", collection->name);
        reader->get[i] = reader_prepare(store, reader, &sql);
        fig_buf_clear(&sql);
    }

    return reader->get[i];
}


/*
 * Kept by what makes the text; the one that was not used for longest goes.
 */

static sqlite3_stmt *
reader_list_stmt(fig_sqlite_t *store, fig_sqlite_reader_t *reader,
    const fig_collection_t *collection, const fig_query_t *query)
{
    unsigned            i, key, oldest;
    fig_buf_t           sql;
    fig_sqlite_list_t  *list;

    key = (unsigned) fig_sqlite_index(store, collection) << 8
          | (unsigned) query->state << 6 | (unsigned) query->brief << 5
          | (unsigned) (query->ref_below != 0) << 4;

    for (i = 0; i < FIG_STORE_KEYS; i++) {
        key |= (unsigned) (query->match[i].data != NULL) << i;
    }

    oldest = 0;

    for (i = 0; i < FIG_SQLITE_LISTS; i++) {
        list = &reader->list[i];

        if (list->stmt != NULL && list->key == key) {
            list->used = ++reader->clock;
            return list->stmt;
        }

        if (list->used < reader->list[oldest].used) {
            oldest = i;
        }
    }

    list = &reader->list[oldest];
    (void) sqlite3_finalize(list->stmt);

    fig_buf_init(&sql, LIST_SQL);
    list->stmt = NULL;

    if (fig_sqlite_list_sql(collection, query, &sql) == FIG_OK) {
        list->stmt = reader_prepare(store, reader, &sql);
    }

    list->key = key;
    list->used = ++reader->clock;
    fig_buf_clear(&sql);

    return list->stmt;
}


static sqlite3_stmt *
reader_prepare(fig_sqlite_t *store, fig_sqlite_reader_t *reader,
    fig_buf_t *sql)
{
    int            rc;
    sqlite3_stmt  *stmt;

    stmt = NULL;
    rc = SQLITE_NOMEM;

    if (fig_buf_ok(sql)) {
        rc = sqlite3_prepare_v3(reader->db, sql->data, (int) sql->len,
                                SQLITE_PREPARE_PERSISTENT, &stmt, NULL);
    }

    if (rc != SQLITE_OK) {
        (void) fig_sqlite_failed(store->path, reader->db, rc,
                                 "cannot be read");
    }

    return stmt;
}


static fig_status_t
list_rows(fig_sqlite_t *store, sqlite3_stmt *stmt, const fig_query_t *query,
    fig_arena_t *arena, fig_page_t *page)
{
    int         rc;
    size_t      bytes, room;
    fig_doc_t  *doc;

    bytes = 0;
    room = 0;

    for ( ;; ) {
        rc = sqlite3_step(stmt);

        if (rc == SQLITE_DONE) {
            return FIG_OK;
        }

        if (rc != SQLITE_ROW) {
            return fig_sqlite_failed(store->path, sqlite3_db_handle(stmt), rc,
                                     "cannot be read");
        }

        bytes += (size_t) sqlite3_column_bytes(stmt, 11);

        if (page->n == query->limit
            || (page->n != 0 && bytes > query->max_bytes))
        {
            page->more = true;
            return FIG_OK;
        }

        doc = fig_store_page_place(page, &room, arena);

        if (doc == NULL || row_doc(stmt, arena, doc) != FIG_OK) {
            return FIG_NOMEM;
        }

        page->n++;
    }
}


static void
list_bind(sqlite3_stmt *stmt, const fig_query_t *query)
{
    int        i;
    fig_str_t  match;

    (void) sqlite3_bind_text64(stmt, 1, query->after.data ? query->after.data
                               : "", query->after.len, SQLITE_STATIC,
                               SQLITE_UTF8);
    (void) sqlite3_bind_int64(stmt, 2, (sqlite3_int64) query->limit + 1);

    for (i = 0; i < FIG_STORE_KEYS; i++) {
        match = query->match[i];

        if (match.data != NULL) {
            (void) sqlite3_bind_text64(stmt, 3 + i, match.data, match.len,
                                       SQLITE_STATIC, SQLITE_UTF8);
        }
    }

    if (query->ref_below != 0) {
        (void) sqlite3_bind_int64(stmt, 7, (sqlite3_int64) query->ref_below);
    }
}


static fig_status_t
row_doc(sqlite3_stmt *stmt, fig_arena_t *arena, fig_doc_t *doc)
{
    int  i;

    memset(doc, 0, sizeof(fig_doc_t));

    doc->ver = (uint64_t) sqlite3_column_int64(stmt, 1);
    doc->ref = (uint64_t) sqlite3_column_int64(stmt, 2);
    doc->deleted = sqlite3_column_int(stmt, 7) != 0;
    doc->pending = sqlite3_column_int(stmt, 8) != 0;

    for (i = 0; i < FIG_STORE_KEYS; i++) {

        if (row_text(stmt, 3 + i, arena, &doc->keys[i]) != FIG_OK) {
            return FIG_NOMEM;
        }
    }

    if (row_text(stmt, 0, arena, &doc->id) != FIG_OK
        || row_text(stmt, 9, arena, &doc->made) != FIG_OK
        || row_text(stmt, 10, arena, &doc->changed) != FIG_OK
        || row_text(stmt, 11, arena, &doc->body) != FIG_OK)
    {
        return FIG_NOMEM;
    }

    return FIG_OK;
}


static fig_status_t
row_text(sqlite3_stmt *stmt, int column, fig_arena_t *arena, fig_str_t *text)
{
    fig_str_t  s;

    s.data = (const char *) sqlite3_column_text(stmt, column);

    if (s.data == NULL) {
        return sqlite3_column_type(stmt, column) == SQLITE_NULL ? FIG_OK
               : FIG_NOMEM;
    }

    s.len = (size_t) sqlite3_column_bytes(stmt, column);
    *text = fig_arena_dup(arena, s);

    return text->data == NULL ? FIG_NOMEM : FIG_OK;
}
