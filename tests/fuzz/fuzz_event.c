
/*
 * Copyright (C) Ficus authors
 */


/*
 * An event as somebody put it into the stream: it is refused with a reason, or
 * it is one that can be stored and that, encoded again, is the same event.
 */


#include "fig_event.h"
#include "fig_json.h"
#include <stdint.h>
#include <stdlib.h>
#include <string.h>


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


static void check(fig_arena_t *arena, const fig_event_t *event);
static void expect(bool condition);


static const fig_topic_t  topic = {
    { "USERS", "users.>" }, "users", "userId", NULL
};


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fig_str_t     payload;
    const char   *why;
    fig_event_t   event;
    fig_arena_t  *arena;
    fig_status_t  rc;

    arena = fig_arena_create(4096, 64 * 1024 * 1024);
    expect(arena != NULL);

    payload.data = (const char *) data;
    payload.len = size;
    rc = fig_event_decode(&topic, payload, arena, &event, &why);

    if (rc == FIG_OK) {
        expect(why == NULL);
        check(arena, &event);

    } else {
        expect(rc == FIG_INVALID || rc == FIG_NOMEM);
        expect(why != NULL && event.key.data == NULL);
    }

    fig_arena_destroy(arena);

    return 0;
}


static void
check(fig_arena_t *arena, const fig_event_t *event)
{
    fig_buf_t    out;
    fig_doc_t    doc;
    const char  *why;
    fig_event_t  again;

    expect(event->key.len >= 1 && event->key.len <= 512);
    expect(memchr(event->key.data, '\0', event->key.len) == NULL);
    expect(event->ver >= 1 && event->ver <= INT64_MAX);
    expect(fig_utf8_valid(event->key) && fig_utf8_valid(event->body));

    memset(&doc, 0, sizeof(doc));
    doc.id = event->key;
    doc.ver = event->ver;
    doc.deleted = event->deleted;
    doc.body = event->body;
    doc.changed = event->key;

    fig_buf_init(&out, 64 * 1024 * 1024);
    fig_event_encode(&out, &topic, &doc, event->traceparent);

    expect(fig_event_decode(&topic, fig_buf_view(&out), arena, &again, &why)
           == FIG_OK);
    expect(fig_str_eq(again.key, event->key));
    expect(again.ver == event->ver && again.deleted == event->deleted);
    expect(fig_str_eq(again.body, event->body));

    fig_buf_clear(&out);
}


static void
expect(bool condition)
{
    if (!condition) {
        abort();
    }
}
