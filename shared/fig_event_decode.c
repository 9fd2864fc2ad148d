
/*
 * Copyright (C) Ficus authors
 */


#include "fig_event.h"
#include "fig_json.h"
#include <stdio.h>
#include <string.h>


/* a store's longest id */
#define FIG_EVENT_KEY  512

/* name, key and version together */
#define FIG_EVENT_ID   1024

/* a document is the value of "data" */
#define FIG_EVENT_LEVELS  1


static const char *fig_event_envelope(const fig_topic_t *topic,
    fig_json_t *value, fig_event_t *event);
static const char *fig_event_state(const fig_topic_t *topic, fig_json_t *data,
    fig_event_t *event);
static const char *fig_event_version(fig_json_t *data, uint64_t *ver);
static const char *fig_event_same(const fig_topic_t *topic, fig_json_t *value,
    const fig_event_t *event);
static fig_status_t fig_event_keep(fig_json_t *data, fig_arena_t *arena,
    fig_event_t *event);


fig_status_t
fig_event_decode(const fig_topic_t *topic, fig_str_t payload,
    fig_arena_t *arena, fig_event_t *event, const char **why)
{
    fig_json_t        *value, *data;
    fig_status_t       rc;
    fig_json_error_t   error;

    memset(event, 0, sizeof(fig_event_t));
    *why = NULL;

    rc = fig_json_parse_around(payload, FIG_EVENT_LEVELS, &value, &error);

    if (rc != FIG_OK) {
        *why = rc == FIG_INVALID ? error.what : "out of memory";
        return rc;
    }

    *why = fig_event_envelope(topic, value, event);

    if (*why) {
        rc = FIG_INVALID;

    } else {
        data = json_object_object_get(value, "data");
        rc = fig_event_keep(data, arena, event);

        if (rc != FIG_OK) {
            *why = rc == FIG_INVALID ? "data is larger than can be stored"
                   : "out of memory";
        }
    }

    if (rc != FIG_OK) {
        /* it points into the value */
        memset(event, 0, sizeof(fig_event_t));
    }

    json_object_put(value);

    return rc;
}


static const char *
fig_event_envelope(const fig_topic_t *topic, fig_json_t *value,
    fig_event_t *event)
{
    fig_str_t    version;
    fig_json_t  *data;
    const char  *why;

    if (!json_object_is_type(value, json_type_object)) {
        return "not an object";
    }

    version = fig_json_string(value, "specversion");

    if (!fig_str_eq(version, FIG_STR("1.0"))) {
        return "specversion is not \"1.0\"";
    }

    if (fig_json_string(value, "source").len == 0) {
        return "no source";
    }

    if (fig_json_string(value, "type").len == 0) {
        return "no type";
    }

    if (!json_object_object_get_ex(value, "data", &data)
        || !json_object_is_type(data, json_type_object))
    {
        return "data is not an object";
    }

    why = fig_event_state(topic, data, event);

    if (why == NULL) {
        why = fig_event_same(topic, value, event);
    }

    event->traceparent = fig_json_string(value, "traceparent");

    return why;
}


static const char *
fig_event_state(const fig_topic_t *topic, fig_json_t *data,
    fig_event_t *event)
{
    fig_json_t  *deleted;

    event->key = fig_json_string(data, topic->id_name);

    if (event->key.len == 0) {
        return "data has no key";
    }

    if (event->key.len > FIG_EVENT_KEY
        || memchr(event->key.data, '\0', event->key.len))
    {
        return "data has a key that can't be stored";
    }

    if (!json_object_object_get_ex(data, "deleted", &deleted)
        || !json_object_is_type(deleted, json_type_boolean))
    {
        return "data has no deleted, true or false";
    }

    event->deleted = json_object_get_boolean(deleted);

    return fig_event_version(data, &event->ver);
}


static const char *
fig_event_version(fig_json_t *data, uint64_t *ver)
{
    fig_json_t  *version;

    if (!json_object_object_get_ex(data, "version", &version)
        || !json_object_is_type(version, json_type_int))
    {
        return "data has no version, a whole number";
    }

    /* both are at their limit for what is beyond it */

    if (json_object_get_int64(version) < 1
        || json_object_get_uint64(version) > INT64_MAX)
    {
        return "data has a version that is not 1 to 2^63-1";
    }

    *ver = json_object_get_uint64(version);

    return NULL;
}


/* id and subject name the same key and version as data */

static const char *
fig_event_same(const fig_topic_t *topic, fig_json_t *value,
    const fig_event_t *event)
{
    fig_buf_t    text;
    fig_doc_t    doc;
    const char  *why;

    why = NULL;

    if (!fig_str_eq(fig_json_string(value, "subject"), event->key)) {
        return "subject is not the key in data";
    }

    memset(&doc, 0, sizeof(fig_doc_t));
    doc.id = event->key;
    doc.ver = event->ver;

    fig_buf_init(&text, FIG_EVENT_ID);
    fig_event_id(&text, topic, &doc);

    if (!fig_str_eq(fig_json_string(value, "id"), fig_buf_view(&text))) {
        why = "id is not that of key and version in data";
    }

    fig_buf_clear(&text);

    return why;
}


/* the event's texts live as long as the value: into the arena with them */

static fig_status_t
fig_event_keep(fig_json_t *data, fig_arena_t *arena, fig_event_t *event)
{
    event->key = fig_arena_dup(arena, event->key);

    if (event->key.data == NULL) {
        return FIG_NOMEM;
    }

    if (event->traceparent.data) {
        event->traceparent = fig_arena_dup(arena, event->traceparent);

        if (event->traceparent.data == NULL) {
            return FIG_NOMEM;
        }
    }

    if (event->deleted) {
        event->body = FIG_STR("{}");
        return FIG_OK;
    }

    json_object_object_del(data, "version");
    json_object_object_del(data, "deleted");
    json_object_object_del(data, "changed");

    event->body = fig_json_text(data, arena);

    if (event->body.data == NULL) {
        return FIG_NOMEM;
    }

    return event->body.len <= FIG_STORE_BODY_MAX ? FIG_OK : FIG_INVALID;
}


fig_str_t
fig_event_key(const fig_topic_t *topic, fig_str_t payload, fig_arena_t *arena)
{
    fig_str_t          key;
    fig_json_t        *value, *data;
    fig_json_error_t   error;

    key = (fig_str_t) { 0 };

    if (fig_json_parse_around(payload, FIG_EVENT_LEVELS, &value, &error)
        != FIG_OK)
    {
        return key;
    }

    if (json_object_is_type(value, json_type_object)) {

        if (json_object_object_get_ex(value, "data", &data)) {
            key = fig_json_string(data, topic->id_name);
        }

        if (key.len == 0) {
            key = fig_json_string(value, "subject");
        }
    }

    if (key.len == 0 || key.len > FIG_EVENT_KEY
        || memchr(key.data, '\0', key.len))
    {
        key = (fig_str_t) { 0 };
    }

    key = fig_arena_dup(arena, key);
    json_object_put(value);

    return key;
}
