
/*
 * Copyright (C) Ficus authors
 */


/*
 * Events: the state of one document as a CloudEvent 1.0 in structured JSON
 * mode (CloudEvents 1.0.2, JSON Event Format 3.1):
 *
 *     {"specversion":"1.0","id":"users/u1/7","source":"/users",
 *      "type":"ficus.users.updated","subject":"u1","time":"...",
 *      "datacontenttype":"application/json","traceparent":"...",
 *      "data":{"userId":"u1","version":7,"email":"...",...,
 *              "deleted":false,"changed":["email"]}}
 *
 * Subject on the bus: users.<created|updated|deleted>.<00..63>, the partition
 * of the key.  Consumers rely on key, version and state alone.
 *
 * Threads: pure functions.
 */


#ifndef FIG_EVENT_H_INCLUDED
#define FIG_EVENT_H_INCLUDED


#include "fig_bus.h"
#include "fig_store.h"


typedef struct {
    fig_stream_t             stream;        /* "USERS", "users.>" */
    const char              *name;          /* "users" */
    const char              *id_name;       /* "userId" */
    const fig_collection_t  *collection;
} fig_topic_t;

typedef struct {
    fig_str_t    key;
    uint64_t     ver;
    bool         deleted;
    fig_str_t    body;          /* JSON object: the fields alone; "{}" when
                                   deleted */
    fig_str_t    traceparent;
    bool         lost;          /* the source has no trace of it: a deletion
                                   that nobody published */
} fig_event_t;


/*
 * doc.changed is names with commas between them, "+" among them when the
 * document is new; this is the union of what it was and what changed now.
 * In the arena; data is NULL when memory is out.
 */

fig_str_t fig_event_changed(fig_arena_t *arena, fig_str_t before,
    fig_str_t now);


/*
 * doc.body must be the text of a JSON object that has none of the names
 * version, deleted, changed.
 */

void fig_event_encode(fig_buf_t *out, const fig_topic_t *topic,
    const fig_doc_t *doc, fig_str_t traceparent);
void fig_event_subject(fig_buf_t *out, const fig_topic_t *topic,
    const fig_doc_t *doc);
void fig_event_id(fig_buf_t *out, const fig_topic_t *topic,
    const fig_doc_t *doc);


/*
 * Everything in the arena.  FIG_INVALID: *why is a static text.
 */

fig_status_t fig_event_decode(const fig_topic_t *topic, fig_str_t payload,
    fig_arena_t *arena, fig_event_t *event, const char **why) FIG_NODISCARD;


/*
 * The key of what cannot be decoded, as well as it can be told; absent when it
 * cannot.  In the arena.
 */

fig_str_t fig_event_key(const fig_topic_t *topic, fig_str_t payload,
    fig_arena_t *arena);


#endif /* FIG_EVENT_H_INCLUDED */
