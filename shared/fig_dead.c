
/*
 * Copyright (C) Ficus authors
 */


#include "fig_dead.h"
#include "fig_json.h"
#include "fig_log.h"
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>


#define FIG_DEAD_BODY   ((size_t) 8 * 1024 * 1024)
#define FIG_DEAD_BLOCK  4096
#define FIG_DEAD_ARENA  ((size_t) 64 * 1024 * 1024)

/* a store's longest id */
#define FIG_DEAD_ID     512

/* that are removed together */
#define FIG_DEAD_HEAL   64


struct fig_dead_s {
    fig_store_t             *store;
    const fig_collection_t  *collection;
    uint64_t                 most;       /* 0: any number */
    _Atomic(uint64_t)        n;
    pthread_mutex_t          mutex;      /* of who writes and counts */
    bool                     unsure;     /* n, since an answer was lost */
};


static fig_status_t fig_dead_recount(fig_dead_t *dead);
static void fig_dead_tally_locked(fig_dead_t *dead, fig_status_t status,
    uint64_t more, uint64_t fewer);
static fig_status_t fig_dead_known(fig_dead_t *dead, fig_str_t id);
static fig_status_t fig_dead_put(fig_dead_t *dead,
    const fig_dead_letter_t *letter, uint64_t expect);
static void fig_dead_write(fig_buf_t *out, const fig_dead_letter_t *letter);
static void fig_dead_time(fig_buf_t *out, int64_t time);
static fig_str_t fig_dead_cut(fig_str_t payload);
static fig_status_t fig_dead_bury(fig_dead_t *dead, const fig_doc_t *docs,
    size_t n);
static uint64_t fig_dead_number(fig_json_t *value, const char *name);
static int64_t fig_dead_seconds(fig_str_t time);


static const char *const  fig_dead_causes[] = { "decode", "state", "apply" };


fig_status_t
fig_dead_open(fig_store_t *store, const fig_collection_t *collection,
    uint64_t most, fig_dead_t **dead)
{
    fig_dead_t    *self;
    fig_status_t   rc;

    *dead = NULL;
    self = calloc(1, sizeof(fig_dead_t));

    if (self == NULL) {
        return FIG_ERROR;
    }

    self->store = store;
    self->collection = collection;
    self->most = most;
    (void) pthread_mutex_init(&self->mutex, NULL);

    rc = fig_dead_recount(self);

    if (rc != FIG_OK) {
        fig_dead_close(self);
        return rc == FIG_NOMEM ? FIG_ERROR : rc;
    }

    *dead = self;

    return FIG_OK;
}


static fig_status_t
fig_dead_recount(fig_dead_t *dead)
{
    uint64_t      n;
    fig_page_t    page;
    fig_query_t   query;
    fig_arena_t  *arena;
    fig_status_t  rc;

    arena = fig_arena_create(FIG_DEAD_BLOCK, FIG_DEAD_ARENA);

    if (arena == NULL) {
        return FIG_NOMEM;
    }

    n = 0;
    memset(&query, 0, sizeof(fig_query_t));
    query.limit = FIG_STORE_PAGE_MAX;
    query.brief = true;

    do {
        rc = fig_store_list(dead->store, dead->collection, &query, arena,
                            &page);

        if (rc == FIG_OK && page.n != 0) {
            n += page.n;
            query.after = page.docs[page.n - 1].id;
        }
    } while (rc == FIG_OK && page.more);

    fig_arena_destroy(arena);

    if (rc == FIG_OK) {
        atomic_store(&dead->n, n);
    }

    return rc;
}


/*
 * Whether a write without an answer was done is seen when something is written
 * again: a count that is one too low would fall below zero.
 */

static void
fig_dead_tally_locked(fig_dead_t *dead, fig_status_t status, uint64_t more,
    uint64_t fewer)
{
    if (status == FIG_UNKNOWN) {
        dead->unsure = true;

    } else if (dead->unsure) {
        dead->unsure = fig_dead_recount(dead) != FIG_OK;

    } else {
        (void) atomic_fetch_add(&dead->n, more - fewer);
    }
}


void
fig_dead_close(fig_dead_t *dead)
{
    if (dead) {
        (void) pthread_mutex_destroy(&dead->mutex);
        free(dead);
    }
}


uint64_t
fig_dead_count(const fig_dead_t *dead)
{
    return atomic_load(&dead->n);
}


bool
fig_dead_full(const fig_dead_t *dead)
{
    return dead->most != 0 && fig_dead_count(dead) >= dead->most;
}


void
fig_dead_id(fig_dead_letter_t *letter, int64_t created, fig_arena_t *arena)
{
    if (letter->cause == FIG_DEAD_APPLY
        && letter->key.len + 21 <= FIG_DEAD_ID)
    {
        letter->id = fig_arena_printf(arena, "%.*s@%" PRIu64,
                                      (int) letter->key.len, letter->key.data,
                                      letter->ver);
        return;
    }

    letter->id = fig_arena_printf(arena, "msg-%" PRIx64 "-%012" PRIu64,
                                  (uint64_t) created,
                                  letter->seq ? letter->seq : letter->ver);
}


fig_status_t
fig_dead_park(fig_dead_t *dead, fig_dead_letter_t *letter)
{
    fig_status_t  rc;

    if (letter->id.data == NULL) {
        return FIG_NOMEM;
    }

    if (fig_dead_full(dead)) {
        return fig_dead_known(dead, letter->id);
    }

    /* whoever tries again has cut it already */
    letter->size = letter->size ? letter->size : letter->payload.len;
    letter->payload = fig_dead_cut(letter->payload);
    letter->time = (int64_t) time(NULL);

    (void) pthread_mutex_lock(&dead->mutex);
    rc = fig_dead_put(dead, letter, 0);
    fig_dead_tally_locked(dead, rc, rc == FIG_OK, 0);
    (void) pthread_mutex_unlock(&dead->mutex);

    return rc;
}


/* FIG_CONFLICT: it is there, or was; else there is no room for it */

static fig_status_t
fig_dead_known(fig_dead_t *dead, fig_str_t id)
{
    fig_doc_t     doc;
    fig_arena_t  *arena;
    fig_status_t  rc;

    arena = fig_arena_create(FIG_DEAD_BLOCK, FIG_DEAD_ARENA);

    if (arena == NULL) {
        return FIG_NOMEM;
    }

    rc = fig_store_get(dead->store, dead->collection, id, arena, &doc);
    fig_arena_destroy(arena);

    return rc == FIG_OK ? FIG_CONFLICT : rc == FIG_DECLINED ? FIG_FULL : rc;
}


fig_status_t
fig_dead_tried(fig_dead_t *dead, const fig_dead_letter_t *letter)
{
    return fig_dead_put(dead, letter, letter->row);
}


static fig_status_t
fig_dead_put(fig_dead_t *dead, const fig_dead_letter_t *letter,
    uint64_t expect)
{
    fig_op_t      op;
    fig_buf_t     body;
    fig_status_t  rc;

    fig_buf_init(&body, FIG_DEAD_BODY);
    fig_dead_write(&body, letter);

    memset(&op, 0, sizeof(fig_op_t));
    op.kind = FIG_STORE_PUT;
    op.collection = dead->collection;
    op.expect = expect;
    op.doc.id = letter->id;
    op.doc.ver = expect + 1;
    op.doc.ref = letter->ver;
    op.doc.keys[0] = letter->key;
    op.doc.body = fig_buf_view(&body);

    rc = fig_buf_ok(&body) ? fig_store_write(dead->store, &op, 1) : FIG_NOMEM;

    fig_buf_clear(&body);

    return rc == FIG_OK ? op.status : rc;
}


static void
fig_dead_write(fig_buf_t *out, const fig_dead_letter_t *letter)
{
    fig_buf_puts(out, "{\"id\":");
    fig_json_quote(out, letter->id);
    fig_buf_puts(out, ",\"key\":");

    if (letter->key.data) {
        fig_json_quote(out, letter->key);

    } else {
        fig_buf_puts(out, "null");
    }

    if (letter->ver) {
        fig_buf_printf(out, ",\"version\":%" PRIu64, letter->ver);

    } else {
        fig_buf_puts(out, ",\"version\":null");
    }

    fig_buf_printf(out, ",\"cause\":\"%s\",\"error\":",
                   fig_dead_causes[letter->cause]);
    fig_json_quote(out, fig_str_from(letter->error));
    fig_buf_puts(out, ",\"stream\":");
    fig_json_quote(out, fig_str_from(letter->stream));
    fig_buf_printf(out, ",\"seq\":%" PRIu64 ",\"tries\":%u,\"time\":\"",
                   letter->seq, letter->tries);
    fig_dead_time(out, letter->time);
    fig_buf_printf(out, "\",\"size\":%zu,\"payload\":", letter->size);
    fig_json_quote(out, letter->payload);
    fig_buf_puts(out, "}");
}


/* RFC 3339, UTC */

static void
fig_dead_time(fig_buf_t *out, int64_t time)
{
    time_t     seconds;
    struct tm  tm;

    seconds = (time_t) time;
    (void) gmtime_r(&seconds, &tm);

    fig_buf_printf(out, "%04d-%02d-%02dT%02d:%02d:%02dZ", tm.tm_year + 1900,
                   tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min,
                   tm.tm_sec);
}


/* not within a character */

static fig_str_t
fig_dead_cut(fig_str_t payload)
{
    if (payload.data == NULL) {
        return FIG_STR("");
    }

    if (payload.len > FIG_DEAD_PAYLOAD) {
        payload.len = FIG_DEAD_PAYLOAD;

        while (payload.len != 0
               && ((unsigned char) payload.data[payload.len] & 0xc0) == 0x80)
        {
            payload.len--;
        }
    }

    return payload;
}


fig_status_t
fig_dead_get(fig_dead_t *dead, fig_str_t id, fig_arena_t *arena,
    fig_dead_letter_t *letter)
{
    fig_doc_t     doc;
    fig_status_t  rc;

    if (id.len == 0 || id.len > FIG_DEAD_ID) {
        return FIG_DECLINED;
    }

    rc = fig_store_get(dead->store, dead->collection, id, arena, &doc);

    if (rc != FIG_OK) {
        return rc;
    }

    return doc.deleted ? FIG_DECLINED : fig_dead_parse(&doc, arena, letter);
}


fig_status_t
fig_dead_list(fig_dead_t *dead, fig_str_t after, unsigned limit,
    fig_arena_t *arena, fig_page_t *page)
{
    fig_query_t  query;

    memset(&query, 0, sizeof(fig_query_t));
    query.after = after;
    query.limit = limit;

    return fig_store_list(dead->store, dead->collection, &query, arena, page);
}


fig_status_t
fig_dead_parse(const fig_doc_t *doc, fig_arena_t *arena,
    fig_dead_letter_t *letter)
{
    size_t             i;
    fig_str_t          cause;
    fig_json_t        *value;
    fig_json_error_t   error;

    memset(letter, 0, sizeof(fig_dead_letter_t));

    if (fig_json_parse(doc->body, &value, &error) != FIG_OK) {
        fig_log_error("dead letter %.*s can't be read: %s", (int) doc->id.len,
                      doc->id.data, error.what);
        return FIG_ERROR;
    }

    letter->id = doc->id;
    letter->key = doc->keys[0];
    letter->ver = doc->ref;
    letter->row = doc->ver;
    letter->seq = fig_dead_number(value, "seq");
    letter->tries = (unsigned) fig_dead_number(value, "tries");
    letter->size = fig_dead_number(value, "size");
    letter->stream = fig_arena_dup(arena, fig_json_string(value,
                                                          "stream")).data;
    letter->error = fig_arena_dup(arena, fig_json_string(value, "error")).data;
    letter->payload = fig_arena_dup(arena, fig_json_string(value, "payload"));
    cause = fig_json_string(value, "cause");

    for (i = 0; i < sizeof(fig_dead_causes) / sizeof(char *); i++) {
        if (fig_str_eq(cause, fig_str_from(fig_dead_causes[i]))) {
            letter->cause = (fig_dead_cause_t) i;
        }
    }

    letter->time = fig_dead_seconds(fig_json_string(value, "time"));
    json_object_put(value);

    return letter->stream && letter->error && letter->payload.data
           ? FIG_OK : FIG_NOMEM;
}


static uint64_t
fig_dead_number(fig_json_t *value, const char *name)
{
    int64_t  n;

    n = json_object_get_int64(json_object_object_get(value, name));

    return n > 0 ? (uint64_t) n : 0;
}


/* 0 for what is no time */

static int64_t
fig_dead_seconds(fig_str_t time)
{
    struct tm  tm;

    memset(&tm, 0, sizeof(tm));

    if (time.data == NULL
        || strptime(time.data, "%Y-%m-%dT%H:%M:%SZ", &tm) == NULL)
    {
        return 0;
    }

    return (int64_t) timegm(&tm);
}


fig_status_t
fig_dead_drop(fig_dead_t *dead, fig_str_t id)
{
    fig_doc_t     doc;
    fig_arena_t  *arena;
    fig_status_t  rc;

    if (id.len == 0 || id.len > FIG_DEAD_ID) {
        return FIG_DECLINED;
    }

    arena = fig_arena_create(FIG_DEAD_BLOCK, FIG_DEAD_ARENA);

    if (arena == NULL) {
        return FIG_NOMEM;
    }

    rc = fig_store_get(dead->store, dead->collection, id, arena, &doc);

    if (rc == FIG_OK) {
        rc = doc.deleted ? FIG_DECLINED : fig_dead_bury(dead, &doc, 1);
    }

    fig_arena_destroy(arena);

    return rc;
}


bool
fig_dead_holds(fig_dead_t *dead, fig_str_t key)
{
    bool          holds;
    fig_page_t    page;
    fig_query_t   query;
    fig_arena_t  *arena;

    if (fig_dead_count(dead) == 0) {
        return false;
    }

    arena = fig_arena_create(FIG_DEAD_BLOCK, FIG_DEAD_ARENA);

    if (arena == NULL) {
        return false;
    }

    memset(&query, 0, sizeof(fig_query_t));
    query.match[0] = key;
    query.limit = 1;
    query.brief = true;

    holds = fig_store_list(dead->store, dead->collection, &query, arena,
                           &page) == FIG_OK && page.n != 0;

    fig_arena_destroy(arena);

    return holds;
}


fig_status_t
fig_dead_heal(fig_dead_t *dead, fig_str_t key, uint64_t ver)
{
    fig_page_t    page;
    fig_query_t   query;
    fig_arena_t  *arena;
    fig_status_t  rc;

    if (fig_dead_count(dead) == 0) {
        return FIG_OK;
    }

    arena = fig_arena_create(FIG_DEAD_BLOCK, FIG_DEAD_ARENA);

    if (arena == NULL) {
        return FIG_NOMEM;
    }

    memset(&query, 0, sizeof(fig_query_t));
    query.match[0] = key;
    query.ref_below = ver + 1;
    query.limit = FIG_DEAD_HEAL;
    query.brief = true;

    do {
        rc = fig_store_list(dead->store, dead->collection, &query, arena,
                            &page);

        if (rc == FIG_OK && page.n != 0) {
            query.after = page.docs[page.n - 1].id;
            rc = fig_dead_bury(dead, page.docs, page.n);

            fig_log_info("%zu dead letters of \"%.*s\" are healed by its "
                         "version %" PRIu64, page.n, (int) key.len, key.data,
                         ver);
        }
    } while (rc == FIG_OK && page.more);

    fig_arena_destroy(arena);

    return rc;
}


/* a store keeps tombstones: that is what keeps a letter from coming again */

static fig_status_t
fig_dead_bury(fig_dead_t *dead, const fig_doc_t *docs, size_t n)
{
    size_t        i, gone;
    fig_op_t      ops[FIG_DEAD_HEAL];
    fig_status_t  rc;

    memset(ops, 0, sizeof(ops));

    for (i = 0; i < n; i++) {
        ops[i].kind = FIG_STORE_PUT;
        ops[i].collection = dead->collection;
        ops[i].expect = docs[i].ver;
        ops[i].doc.id = docs[i].id;
        ops[i].doc.ver = docs[i].ver + 1;
        ops[i].doc.body = FIG_STR("{}");
        ops[i].doc.deleted = true;
    }

    (void) pthread_mutex_lock(&dead->mutex);

    gone = 0;
    rc = fig_store_write(dead->store, ops, n);

    for (i = 0; i < n; i++) {
        gone += ops[i].status == FIG_OK;
    }

    fig_dead_tally_locked(dead, rc, 0, gone);
    (void) pthread_mutex_unlock(&dead->mutex);

    return rc;
}
