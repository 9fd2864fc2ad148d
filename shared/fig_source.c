
/*
 * Copyright (C) Ficus authors
 */


#include "fig_source.h"
#include "fig_digest.h"
#include "fig_json.h"
#include "fig_log.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>


/* looked at for one answer */
#define FIG_SOURCE_ROWS     4096
#define FIG_SOURCE_SCAN     32768

/* an answer that is longer ends; the least that a server takes is 1 MB */
#define FIG_SOURCE_BYTES    ((size_t) 256 * 1024)

/* one event; the bus takes less, the store not much more */
#define FIG_SOURCE_EVENT    ((size_t) 32 * 1024 * 1024)

#define FIG_SOURCE_BLOCK    65536
#define FIG_SOURCE_ARENA    ((size_t) 64 * 1024 * 1024)


typedef struct {
    fig_walk_t      walk;
    fig_digest_t    digest;
    fig_buckets_t   buckets;
    fig_buf_t      *out;
    size_t          n;
} fig_source_walk_t;

typedef void (*fig_source_pt)(fig_source_t *source, fig_json_t *request,
    fig_arena_t *arena, fig_buf_t *out);


static void fig_source_on_digest(void *data, fig_str_t request,
    fig_buf_t *out);
static void fig_source_on_bucket(void *data, fig_str_t request,
    fig_buf_t *out);
static void fig_source_on_get(void *data, fig_str_t request, fig_buf_t *out);
static void fig_source_answer(fig_source_t *source, fig_str_t request,
    fig_buf_t *out, fig_source_pt answer);
static void fig_source_refuse(fig_buf_t *out, const char *why);
static void fig_source_digest(fig_source_t *source, fig_json_t *request,
    fig_arena_t *arena, fig_buf_t *out);
static void fig_source_bucket(fig_source_t *source, fig_json_t *request,
    fig_arena_t *arena, fig_buf_t *out);
static bool fig_source_begin(fig_source_t *source, fig_json_t *request,
    fig_arena_t *arena, fig_source_walk_t *walk);
static bool fig_source_add(void *data, const fig_doc_t *doc);
static bool fig_source_row(void *data, const fig_doc_t *doc);
static void fig_source_upto(fig_buf_t *out, const fig_walk_t *walk);
static void fig_source_get(fig_source_t *source, fig_json_t *request,
    fig_arena_t *arena, fig_buf_t *out);
static fig_status_t fig_source_event(fig_source_t *source, fig_str_t id,
    fig_arena_t *arena, fig_buf_t *event);
static void fig_source_instead(fig_buf_t *event, const char *what,
    fig_str_t id);


void
fig_source_subject(const fig_topic_t *topic, const char *request,
    char *subject)
{
    (void) snprintf(subject, FIG_SOURCE_SUBJECT, "ficus.rpc.%s.%s",
                    topic->name, request);
}


fig_status_t
fig_source_serve(fig_source_t *source, fig_bus_t *bus)
{
    char          subject[FIG_SOURCE_SUBJECT];
    size_t        i;
    fig_status_t  rc;

    static const struct {
        const char        *name;
        fig_bus_serve_pt   serve;
    } requests[] = {
        { FIG_SOURCE_DIGEST, fig_source_on_digest },
        { FIG_SOURCE_BUCKET, fig_source_on_bucket },
        { FIG_SOURCE_GET, fig_source_on_get }
    };

    for (i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
        fig_source_subject(source->topic, requests[i].name, subject);

        rc = fig_bus_serve(bus, subject, requests[i].serve, source);

        if (rc != FIG_OK) {
            return rc;
        }
    }

    return FIG_OK;
}


static void
fig_source_on_digest(void *data, fig_str_t request, fig_buf_t *out)
{
    fig_source_answer(data, request, out, fig_source_digest);
}


static void
fig_source_on_bucket(void *data, fig_str_t request, fig_buf_t *out)
{
    fig_source_answer(data, request, out, fig_source_bucket);
}


static void
fig_source_on_get(void *data, fig_str_t request, fig_buf_t *out)
{
    fig_source_answer(data, request, out, fig_source_get);
}


static void
fig_source_answer(fig_source_t *source, fig_str_t request, fig_buf_t *out,
    fig_source_pt answer)
{
    fig_json_t        *value;
    fig_arena_t       *arena;
    fig_json_error_t   error;

    if (fig_json_parse(request, &value, &error) != FIG_OK) {
        fig_source_refuse(out, error.what);
        return;
    }

    arena = fig_arena_create(FIG_SOURCE_BLOCK, FIG_SOURCE_ARENA);

    if (arena == NULL) {
        out->failed = true;

    } else if (!json_object_is_type(value, json_type_object)) {
        fig_source_refuse(out, "not an object");

    } else {
        answer(source, value, arena, out);
    }

    fig_arena_destroy(arena);
    json_object_put(value);
}


static void
fig_source_refuse(fig_buf_t *out, const char *why)
{
    fig_buf_puts(out, "{\"error\":");
    fig_json_quote(out, fig_str_from(why ? why : "not understood"));
    fig_buf_puts(out, "}");
}


static void
fig_source_digest(fig_source_t *source, fig_json_t *request,
    fig_arena_t *arena, fig_buf_t *out)
{
    fig_source_walk_t  walk;

    if (!fig_source_begin(source, request, arena, &walk)) {
        fig_source_refuse(out, "after is no id");
        return;
    }

    walk.walk.rows = FIG_SOURCE_ROWS;
    walk.walk.each = fig_source_add;

    if (fig_walk(&walk.walk) != FIG_OK) {
        out->failed = true;
        return;
    }

    fig_buf_printf(out, "{\"hash\":%d,", FIG_DIGEST_HASH);
    fig_source_upto(out, &walk.walk);
    fig_buf_puts(out, ",\"sums\":\"");
    fig_digest_write(out, &walk.digest);
    fig_buf_puts(out, "\"}");
}


static bool
fig_source_begin(fig_source_t *source, fig_json_t *request,
    fig_arena_t *arena, fig_source_walk_t *walk)
{
    memset(walk, 0, sizeof(fig_source_walk_t));

    walk->walk.store = source->store;
    walk->walk.collection = source->topic->collection;
    walk->walk.arena = arena;
    walk->walk.data = walk;

    return fig_walk_at(&walk->walk, fig_json_string(request, "after"))
           == FIG_OK;
}


static bool
fig_source_add(void *data, const fig_doc_t *doc)
{
    fig_source_walk_t  *walk;

    walk = data;
    fig_digest_add(&walk->digest, doc);

    return true;
}


static void
fig_source_bucket(fig_source_t *source, fig_json_t *request,
    fig_arena_t *arena, fig_buf_t *out)
{
    fig_buf_t          rows;
    fig_status_t       rc;
    fig_source_walk_t  walk;

    if (!fig_source_begin(source, request, arena, &walk)
        || fig_buckets_parse(fig_json_string(request, "buckets"),
                             &walk.buckets) != FIG_OK)
    {
        fig_source_refuse(out, "no buckets, or after is no id");
        return;
    }

    fig_buf_init(&rows, FIG_SOURCE_BYTES * 2);

    walk.out = &rows;
    walk.walk.rows = FIG_SOURCE_SCAN;
    walk.walk.until = fig_json_string(request, "until");
    walk.walk.each = fig_source_row;

    rc = fig_walk(&walk.walk);

    fig_buf_puts(out, "{");
    fig_source_upto(out, &walk.walk);
    fig_buf_puts(out, ",\"rows\":[");
    fig_buf_str(out, fig_buf_view(&rows));
    fig_buf_puts(out, "]}");

    if (rc != FIG_OK || !fig_buf_ok(&rows)) {
        out->failed = true;
    }

    fig_buf_clear(&rows);
}


static bool
fig_source_row(void *data, const fig_doc_t *doc)
{
    fig_source_walk_t  *walk;

    walk = data;

    if (!fig_buckets_has(&walk->buckets, doc->id)) {
        return true;
    }

    if (walk->out->len > FIG_SOURCE_BYTES) {
        return false;
    }

    fig_buf_puts(walk->out, walk->out->len ? ",[" : "[");
    fig_json_quote(walk->out, doc->id);
    fig_buf_printf(walk->out, ",%" PRIu64 ",%s]", doc->ver,
                   doc->deleted ? "true" : "false");

    return true;
}


static void
fig_source_upto(fig_buf_t *out, const fig_walk_t *walk)
{
    fig_str_t  until;

    until.data = walk->at;
    until.len = walk->at_len;

    fig_buf_puts(out, "\"until\":");
    fig_json_quote(out, until);
    fig_buf_printf(out, ",\"more\":%s", walk->more ? "true" : "false");
}


static void
fig_source_get(fig_source_t *source, fig_json_t *request, fig_arena_t *arena,
    fig_buf_t *out)
{
    size_t         i, n;
    fig_buf_t      event;
    fig_str_t      id;
    fig_json_t    *ids, *value;
    fig_status_t   rc;

    if (!json_object_object_get_ex(request, "ids", &ids)
        || !json_object_is_type(ids, json_type_array)
        || json_object_array_length(ids) > FIG_SOURCE_IDS)
    {
        fig_source_refuse(out, "no ids, or too many");
        return;
    }

    rc = FIG_OK;
    n = json_object_array_length(ids);
    fig_buf_init(&event, FIG_SOURCE_EVENT);

    for (i = 0; rc == FIG_OK && i < n; i++) {
        fig_arena_reset(arena);
        fig_buf_reset(&event);

        value = json_object_array_get_idx(ids, i);
        id.data = json_object_get_string(value);
        id.len = id.data ? strlen(id.data) : 0;

        rc = fig_source_event(source, id, arena, &event);

        if (rc == FIG_OK && out->len + event.len + 2 > out->max) {

            if (i != 0) {
                break;
            }

            fig_source_instead(&event, "large", id);
        }

        fig_buf_str(out, fig_buf_view(&event));

        if (out->len > FIG_SOURCE_BYTES) {
            break;
        }
    }

    if (rc != FIG_OK || !fig_buf_ok(&event)) {
        out->failed = true;
    }

    fig_buf_clear(&event);
}


static fig_status_t
fig_source_event(fig_source_t *source, fig_str_t id, fig_arena_t *arena,
    fig_buf_t *event)
{
    char          record;
    fig_doc_t     doc;
    fig_status_t  rc;

    rc = FIG_DECLINED;
    record = FIG_SOURCE_RECORD;

    if (id.len != 0) {
        rc = fig_store_get(source->store, source->topic->collection, id,
                           arena, &doc);
    }

    if (rc == FIG_DECLINED) {
        fig_source_instead(event, "missing", id);
        return FIG_OK;
    }

    if (rc == FIG_OK) {
        fig_buf_append(event, &record, 1);
        fig_event_encode(event, source->topic, &doc, (fig_str_t) { 0 });
        fig_buf_puts(event, "\n");
    }

    return rc;
}


static void
fig_source_instead(fig_buf_t *event, const char *what, fig_str_t id)
{
    char  record;

    record = FIG_SOURCE_RECORD;

    fig_buf_reset(event);
    fig_buf_append(event, &record, 1);
    fig_buf_printf(event, "{\"%s\":", what);
    fig_json_quote(event, id);
    fig_buf_puts(event, "}\n");
}
