
/*
 * Copyright (C) Ficus authors
 */


#include "fig_repair_parts.h"
#include "fig_log.h"
#include <string.h>


static fig_status_t fig_repair_ids(fig_repair_t *repair, fig_str_t *answer);
static fig_status_t fig_repair_some(fig_repair_t *repair, size_t *n);
static fig_status_t fig_repair_record(fig_repair_t *repair,
    const fig_repair_doc_t *want, fig_str_t record, fig_event_t *event);
static bool fig_repair_next(fig_str_t *answer, fig_str_t *record);
static bool fig_repair_is(fig_str_t record, const char *what);


fig_status_t
fig_repair_want(fig_repair_t *repair, const fig_repair_doc_t *doc)
{
    fig_repair_doc_t  *want;

    want = &repair->wanted[repair->nwanted];
    *want = *doc;
    want->id = fig_arena_dup(repair->wants, doc->id);

    if (want->id.data == NULL) {
        return FIG_NOMEM;
    }

    repair->nwanted++;

    return repair->nwanted == FIG_REPAIR_BATCH ? fig_repair_fetch(repair)
                                               : FIG_OK;
}


fig_status_t
fig_repair_fetch(fig_repair_t *repair)
{
    size_t        n;
    fig_status_t  rc;

    while (repair->nwanted != 0) {
        rc = fig_repair_some(repair, &n);

        if (rc != FIG_OK) {
            return rc;
        }

        repair->nwanted -= n;
        memmove(repair->wanted, repair->wanted + n,
                repair->nwanted * sizeof(fig_repair_doc_t));
    }

    fig_arena_reset(repair->wants);

    return FIG_OK;
}


/* as many as fit into one answer: *n of what is wanted */

static fig_status_t
fig_repair_some(fig_repair_t *repair, size_t *n)
{
    size_t        events;
    fig_str_t     answer, record;
    fig_status_t  rc;

    rc = fig_repair_ids(repair, &answer);

    if (rc != FIG_OK) {
        return rc;
    }

    *n = 0;
    events = 0;

    while (*n < repair->nwanted && fig_repair_next(&answer, &record)) {
        rc = fig_repair_record(repair, &repair->wanted[*n], record,
                               &repair->events[events]);

        if (rc == FIG_OK) {
            events++;

        } else if (rc != FIG_DECLINED) {
            return rc;
        }

        *n += 1;
    }

    if (*n == 0) {
        return fig_repair_bad(repair, FIG_SOURCE_GET, "it is empty");
    }

    if (events == 0) {
        return FIG_OK;
    }

    rc = repair->conf.mend(repair->conf.data, repair->events, events);

    if (rc == FIG_OK) {
        repair->report->mended += events;
    }

    return rc;
}


static fig_status_t
fig_repair_ids(fig_repair_t *repair, fig_str_t *answer)
{
    size_t      i;
    fig_buf_t  *request;

    request = &repair->request;

    fig_buf_reset(request);
    fig_buf_puts(request, "{\"ids\":[");

    for (i = 0; i < repair->nwanted; i++) {
        fig_buf_puts(request, i ? "," : "");
        fig_json_quote(request, repair->wanted[i].id);
    }

    fig_buf_puts(request, "]}");

    return fig_repair_ask(repair, FIG_SOURCE_GET, answer);
}


/* FIG_DECLINED: there is nothing that could be mended */

static fig_status_t
fig_repair_record(fig_repair_t *repair, const fig_repair_doc_t *want,
    fig_str_t record, fig_event_t *event)
{
    const char    *why;
    fig_status_t   rc;

    if (fig_repair_is(record, "missing")) {

        if (want->ver == 0 || (repair->mend & FIG_REPAIR_DELETE) == 0) {
            return FIG_DECLINED;
        }

        memset(event, 0, sizeof(fig_event_t));
        event->key = want->id;
        event->ver = want->ver + 1;
        event->deleted = true;
        event->lost = true;
        event->body = FIG_STR("{}");

        return FIG_OK;
    }

    if (fig_repair_is(record, "large")) {
        fig_log_error("%s \"%.*s\" does not fit into a message of the bus; "
                      "raise the server's max_payload",
                      repair->conf.topic->name, (int) want->id.len,
                      want->id.data);
        fig_repair_found(repair, FIG_REPAIR_IS_LARGE, want->id, 0, want->ver);
        return FIG_DECLINED;
    }

    rc = fig_event_decode(repair->conf.topic, record, repair->arena, event,
                          &why);

    if (rc == FIG_NOMEM) {
        return rc;
    }

    if (rc == FIG_OK && !fig_str_eq(event->key, want->id)) {
        why = "it is of another id";
        rc = FIG_INVALID;
    }

    return rc == FIG_OK ? FIG_OK
                        : fig_repair_bad(repair, FIG_SOURCE_GET, why);
}


/* false: there is no whole record left */

static bool
fig_repair_next(fig_str_t *answer, fig_str_t *record)
{
    size_t       len;
    const char  *next;

    if (answer->len < 2 || answer->data[0] != FIG_SOURCE_RECORD) {
        return false;
    }

    record->data = answer->data + 1;
    next = memchr(record->data, FIG_SOURCE_RECORD, answer->len - 1);

    len = next ? (size_t) (next - record->data) : answer->len - 1;
    record->len = len;

    answer->data += len + 1;
    answer->len -= len + 1;

    return true;
}


static bool
fig_repair_is(fig_str_t record, const char *what)
{
    size_t  len;

    len = strlen(what);

    return record.len > len + 3 && memcmp(record.data, "{\"", 2) == 0
           && memcmp(record.data + 2, what, len) == 0
           && memcmp(record.data + 2 + len, "\":", 2) == 0;
}


fig_status_t
fig_repair_get(fig_repair_t *repair, fig_str_t id, fig_arena_t *arena,
    fig_event_t *event)
{
    fig_str_t     answer, record;
    fig_buf_t    *request;
    const char   *why;
    fig_status_t  rc;

    request = &repair->request;

    fig_buf_reset(request);
    fig_buf_puts(request, "{\"ids\":[");
    fig_json_quote(request, id);
    fig_buf_puts(request, "]}");

    rc = fig_repair_ask(repair, FIG_SOURCE_GET, &answer);

    if (rc != FIG_OK) {
        return rc;
    }

    if (!fig_repair_next(&answer, &record)
        || fig_repair_is(record, "missing") || fig_repair_is(record, "large"))
    {
        return FIG_DECLINED;
    }

    rc = fig_event_decode(repair->conf.topic, record, arena, event, &why);

    if (rc == FIG_INVALID) {
        return fig_repair_bad(repair, FIG_SOURCE_GET, why);
    }

    return rc;
}
