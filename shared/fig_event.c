
/*
 * Copyright (C) Ficus authors
 */


#include "fig_event.h"
#include "fig_hash.h"
#include "fig_json.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>


#define FIG_EVENT_NEW  "+"


static const char *fig_event_type(const fig_doc_t *doc);
static bool fig_event_next(fig_str_t *list, fig_str_t *name);
static bool fig_event_in(fig_str_t list, fig_str_t name);
static void fig_event_quote_id(fig_buf_t *out, const fig_topic_t *topic,
    const fig_doc_t *doc);
static void fig_event_time(fig_buf_t *out);
static void fig_event_data(fig_buf_t *out, const fig_topic_t *topic,
    const fig_doc_t *doc);
static fig_str_t fig_event_members(fig_str_t body);
static bool fig_event_has(fig_str_t members, const char *name);
static const char *fig_event_string(const char *p, const char *last);


fig_str_t
fig_event_changed(fig_arena_t *arena, fig_str_t before, fig_str_t now)
{
    char       *p;
    fig_str_t   list, name, all;

    p = fig_arena_alloc(arena, before.len + now.len + 2);

    if (p == NULL) {
        return (fig_str_t) { 0 };
    }

    all.data = p;
    all.len = before.len;

    if (before.len != 0) {
        memcpy(p, before.data, before.len);
    }

    list = now;

    while (fig_event_next(&list, &name)) {

        if (fig_event_in(all, name)) {
            continue;
        }

        if (all.len != 0) {
            p[all.len++] = ',';
        }

        memcpy(p + all.len, name.data, name.len);
        all.len += name.len;
    }

    p[all.len] = '\0';

    return all;
}


/* takes the first name off a list, empty ones skipped */

static bool
fig_event_next(fig_str_t *list, fig_str_t *name)
{
    const char  *comma;

    while (list->len != 0) {
        comma = memchr(list->data, ',', list->len);

        name->data = list->data;
        name->len = comma ? (size_t) (comma - list->data) : list->len;

        list->data += name->len + (comma ? 1 : 0);
        list->len -= name->len + (comma ? 1 : 0);

        if (name->len != 0) {
            return true;
        }
    }

    return false;
}


static bool
fig_event_in(fig_str_t list, fig_str_t name)
{
    fig_str_t  other;

    while (fig_event_next(&list, &other)) {
        if (fig_str_eq(other, name)) {
            return true;
        }
    }

    return false;
}


static const char *
fig_event_type(const fig_doc_t *doc)
{
    if (doc->deleted) {
        return "deleted";
    }

    return fig_event_in(doc->changed, FIG_STR(FIG_EVENT_NEW)) ? "created"
                                                              : "updated";
}


void
fig_event_subject(fig_buf_t *out, const fig_topic_t *topic,
    const fig_doc_t *doc)
{
    fig_buf_printf(out, "%s.%s.%02u", topic->name, fig_event_type(doc),
                   fig_partition(doc->id));
}


void
fig_event_id(fig_buf_t *out, const fig_topic_t *topic, const fig_doc_t *doc)
{
    fig_buf_puts(out, topic->name);
    fig_buf_puts(out, "/");
    fig_buf_str(out, doc->id);
    fig_buf_printf(out, "/%" PRIu64, doc->ver);
}


void
fig_event_encode(fig_buf_t *out, const fig_topic_t *topic,
    const fig_doc_t *doc, fig_str_t traceparent)
{
    fig_buf_puts(out, "{\"specversion\":\"1.0\",\"id\":");
    fig_event_quote_id(out, topic, doc);

    fig_buf_printf(out, ",\"source\":\"/%s\",\"type\":\"ficus.%s.%s\"",
                   topic->name, topic->name, fig_event_type(doc));

    fig_buf_puts(out, ",\"subject\":");
    fig_json_quote(out, doc->id);

    fig_buf_puts(out, ",\"time\":\"");
    fig_event_time(out);
    fig_buf_puts(out, "\",\"datacontenttype\":\"application/json\"");

    if (traceparent.len != 0) {
        fig_buf_puts(out, ",\"traceparent\":");
        fig_json_quote(out, traceparent);
    }

    fig_buf_puts(out, ",\"data\":");
    fig_event_data(out, topic, doc);
    fig_buf_puts(out, "}");
}


/* the id as a JSON string: the key, quoted, gets its neighbours */

static void
fig_event_quote_id(fig_buf_t *out, const fig_topic_t *topic,
    const fig_doc_t *doc)
{
    size_t  slash;

    fig_buf_printf(out, "\"%s", topic->name);

    slash = out->len;
    fig_json_quote(out, doc->id);

    if (fig_buf_ok(out)) {
        out->data[slash] = '/';
        out->data[--out->len] = '\0';
    }

    fig_buf_printf(out, "/%" PRIu64 "\"", doc->ver);
}


/* RFC 3339, UTC */

static void
fig_event_time(fig_buf_t *out)
{
    struct tm        tm;
    struct timespec  now;

    (void) clock_gettime(CLOCK_REALTIME, &now);
    (void) gmtime_r(&now.tv_sec, &tm);

    fig_buf_printf(out, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ",
                   tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour,
                   tm.tm_min, tm.tm_sec, (int) (now.tv_nsec / 1000000));
}


/* the body, with the rest between its braces */

static void
fig_event_data(fig_buf_t *out, const fig_topic_t *topic, const fig_doc_t *doc)
{
    bool        first;
    fig_str_t   body, list, name;

    body = fig_event_members(doc->body);

    fig_buf_puts(out, "{");

    if (!fig_event_has(body, topic->id_name)) {
        fig_buf_printf(out, "\"%s\":", topic->id_name);
        fig_json_quote(out, doc->id);
        fig_buf_puts(out, ",");
    }

    fig_buf_printf(out, "\"version\":%" PRIu64 ",", doc->ver);

    if (body.len != 0) {
        fig_buf_str(out, body);
        fig_buf_puts(out, ",");
    }

    fig_buf_printf(out, "\"deleted\":%s,\"changed\":[",
                   doc->deleted ? "true" : "false");

    first = true;
    list = doc->changed;

    while (fig_event_next(&list, &name)) {

        if (fig_str_eq(name, FIG_STR(FIG_EVENT_NEW))) {
            continue;
        }

        if (!first) {
            fig_buf_puts(out, ",");
        }

        fig_json_quote(out, name);
        first = false;
    }

    fig_buf_puts(out, "]}");
}


/* what stands between the braces of an object, blanks cut */

static fig_str_t
fig_event_members(fig_str_t body)
{
    const char  *p, *last;

    p = body.data;
    last = p ? p + body.len : p;

    while (p < last && strchr(" \t\r\n{", *p)) {
        p++;
        if (p[-1] == '{') {
            break;
        }
    }

    while (p < last && strchr(" \t\r\n}", last[-1])) {
        last--;
        if (*last == '}') {
            break;
        }
    }

    while (p < last && strchr(" \t\r\n", *p)) {
        p++;
    }

    while (p < last && strchr(" \t\r\n", last[-1])) {
        last--;
    }

    body.data = p;
    body.len = (size_t) (last - p);

    return body;
}


/* whether an object with these members has one of that name itself */

static bool
fig_event_has(fig_str_t members, const char *name)
{
    int          depth;
    bool         key;
    fig_str_t    string;
    const char  *p, *last;

    depth = 0;
    key = true;
    last = members.data + members.len;

    for (p = members.data; p < last; p++) {

        switch (*p) {

        case '"':
            string.data = p + 1;
            p = fig_event_string(p, last);
            string.len = (size_t) (p - string.data);

            if (key && depth == 0 && fig_str_eq(string, fig_str_from(name))) {
                return true;
            }

            break;

        case '{':
        case '[':
            depth++;
            break;

        case '}':
        case ']':
            depth--;
            break;

        case ':':
            key = false;
            break;

        case ',':
            key = depth == 0;
            break;

        default:
            break;
        }
    }

    return false;
}


/* from a string's first quote to its last */

static const char *
fig_event_string(const char *p, const char *last)
{
    for (p++; p < last && *p != '"'; p++) {
        if (*p == '\\' && p + 1 < last) {
            p++;
        }
    }

    return p < last ? p : last - 1;
}
