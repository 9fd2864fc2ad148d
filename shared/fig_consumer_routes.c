
/*
 * Copyright (C) Ficus authors
 */


#include "fig_consumer_batch.h"
#include "fig_json.h"
#include "fig_log.h"
#include "fig_problem.h"
#include "fig_resource.h"
#include <inttypes.h>
#include <string.h>
#include <time.h>


#define FIG_SYNC_TEXT  ((size_t) 1024 * 1024)


typedef void (*fig_letters_pt)(const fig_resource_t *letters,
    fig_request_t *request, fig_response_t *response);


static void fig_routes_sync(fig_request_t *request, fig_response_t *response);
static void fig_routes_compare(fig_request_t *request,
    fig_response_t *response);
static void fig_routes_list(fig_request_t *request, fig_response_t *response);
static void fig_routes_show(fig_request_t *request, fig_response_t *response);
static void fig_routes_redrive(fig_request_t *request,
    fig_response_t *response);
static void fig_routes_drop(fig_request_t *request, fig_response_t *response);
static fig_consumer_t *fig_routes_consumer(fig_request_t *request,
    fig_response_t *response);
static fig_consumer_t *fig_routes_dead(fig_request_t *request,
    fig_response_t *response);
static void fig_routes_letters(fig_request_t *request,
    fig_response_t *response, fig_letters_pt act);
static void fig_sync_reply(fig_consumer_t *consumer, fig_request_t *request,
    fig_response_t *response, uint64_t ticket);
static void fig_sync_write(fig_buf_t *out, fig_consumer_t *consumer);
static void fig_sync_write_sources(fig_buf_t *out);
static void fig_sync_write_last(fig_buf_t *out, const fig_sync_last_t *last);
static void fig_sync_write_row(fig_buf_t *out, const fig_repair_row_t *row);
static void fig_sync_write_ver(fig_buf_t *out, const char *name,
    uint64_t ver);
static fig_status_t fig_routes_key(fig_arena_t *arena, fig_str_t value,
    fig_str_t *key);
static fig_status_t fig_routes_source(fig_arena_t *arena, fig_str_t value,
    fig_str_t *key);


const fig_route_t  fig_consumer_routes[] = {
    { "GET", "/sync", fig_routes_sync, 0 },
    { "POST", "/sync", fig_routes_compare, FIG_ROUTE_JSON },
    { "GET", "/dlq", fig_routes_list, 0 },
    { "GET", "/dlq/{id}", fig_routes_show, 0 },
    { "DELETE", "/dlq/{id}", fig_routes_drop, 0 },
    { "POST", "/dlq/{id}/redrive", fig_routes_redrive, 0 },
    { NULL, NULL, NULL, 0 }
};


static fig_consumer_t *const  *fig_routes_consumers;
static size_t                  fig_routes_n;


void
fig_consumer_routes_of(fig_consumer_t *const *consumers, size_t n)
{
    fig_routes_consumers = consumers;
    fig_routes_n = n;
}


/* NULL: it is answered */

static fig_consumer_t *
fig_routes_consumer(fig_request_t *request, fig_response_t *response)
{
    size_t           i;
    fig_str_t        source;
    fig_errors_t     errors;
    fig_status_t     rc;
    fig_consumer_t  *consumer;

    if (fig_routes_n == 0) {
        fig_problem(request, response, 503, "unavailable", NULL,
                    "this worker does not follow anybody now");
        return NULL;
    }

    rc = fig_request_query(request, "source", &source);

    if (rc == FIG_DECLINED || (rc == FIG_OK && source.len == 0)) {
        return fig_routes_consumers[0];
    }

    for (i = 0; rc == FIG_OK && i < fig_routes_n; i++) {
        consumer = fig_routes_consumers[i];

        if (fig_str_eq(source, fig_str_from(consumer->conf.topic->name))) {
            return consumer;
        }
    }

    fig_errors_init(&errors, request->arena);
    fig_errors_add(&errors, FIG_STR("source"), "value",
                   "must be one of those that this worker follows");
    fig_problem(request, response, 400, "invalid", &errors,
                "source must be one of those that this worker follows");

    return NULL;
}


static void
fig_routes_sync(fig_request_t *request, fig_response_t *response)
{
    fig_consumer_t  *consumer;

    consumer = fig_routes_consumer(request, response);

    if (consumer) {
        fig_sync_reply(consumer, request, response, 0);
    }
}


static void
fig_routes_compare(fig_request_t *request, fig_response_t *response)
{
    bool             mend;
    uint64_t         ticket;
    fig_json_t      *value, *repair;
    fig_errors_t     errors;
    fig_status_t     rc;
    fig_consumer_t  *consumer;

    if (fig_request_json(request, response, json_type_object, &value)
        != FIG_OK)
    {
        return;
    }

    mend = false;
    rc = FIG_INVALID;

    if (json_object_object_get_ex(value, "repair", &repair)
        && json_object_is_type(repair, json_type_boolean))
    {
        mend = json_object_get_boolean(repair);
        rc = FIG_OK;
    }

    json_object_put(value);

    if (rc != FIG_OK) {
        fig_errors_init(&errors, request->arena);
        fig_errors_add(&errors, FIG_STR("repair"), "type",
                       "must be true or false");
        fig_problem(request, response, 400, "invalid", &errors,
                    "repair must be true or false");
        return;
    }

    consumer = fig_routes_consumer(request, response);

    if (consumer == NULL) {
        return;
    }

    ticket = 0;

    if (fig_sync_ask(consumer, mend, &ticket) != FIG_OK) {
        response->status = 202;
    }

    fig_sync_reply(consumer, request, response, ticket);
}


static void
fig_sync_reply(fig_consumer_t *consumer, fig_request_t *request,
    fig_response_t *response, uint64_t ticket)
{
    fig_buf_t  out;

    fig_buf_init(&out, FIG_SYNC_TEXT);
    fig_buf_puts(&out, "{");

    if (ticket) {
        fig_buf_printf(&out, "\"ticket\":%" PRIu64 ",", ticket);
    }

    fig_sync_write(&out, consumer);

    if (fig_buf_ok(&out)) {
        response->body = fig_arena_dup(request->arena, fig_buf_view(&out));
    }

    if (response->body.data == NULL) {
        fig_problem_status(request, response, FIG_NOMEM);
    }

    fig_buf_clear(&out);
}


static void
fig_sync_write(fig_buf_t *out, fig_consumer_t *consumer)
{
    uint64_t     interval;
    fig_sync_t  *sync;

    sync = &consumer->sync;
    interval = fig_sync_interval(consumer) / 1000;

    fig_buf_puts(out, "\"source\":");
    fig_json_quote(out, fig_str_from(consumer->conf.topic->name));
    fig_sync_write_sources(out);
    fig_buf_printf(out, ",\"interval\":%" PRIu64 ".%03" PRIu64,
                   interval / 1000, interval % 1000);

    (void) pthread_mutex_lock(&consumer->mutex);

    fig_buf_printf(out, ",\"running\":%s,\"done\":%" PRIu64 ",\"wanted\":",
                   sync->running ? "true" : "false", sync->done);

    if (sync->want) {
        fig_json_quote(out, fig_str_from(sync->want));

    } else {
        fig_buf_puts(out, "null");
    }

    fig_buf_puts(out, ",\"last\":");

    if (sync->last.at) {
        fig_sync_write_last(out, &sync->last);

    } else {
        fig_buf_puts(out, "null");
    }

    (void) pthread_mutex_unlock(&consumer->mutex);

    fig_buf_puts(out, "}");
}


/* all that this worker follows, so that nobody has to know */

static void
fig_sync_write_sources(fig_buf_t *out)
{
    size_t  i;

    fig_buf_puts(out, ",\"sources\":[");

    for (i = 0; i < fig_routes_n; i++) {
        fig_buf_puts(out, i ? "," : "");
        fig_json_quote(out,
                       fig_str_from(fig_routes_consumers[i]->conf.topic->name));
    }

    fig_buf_puts(out, "]");
}


static void
fig_sync_write_last(fig_buf_t *out, const fig_sync_last_t *last)
{
    size_t                      i;
    time_t                      at;
    struct tm                   tm;
    const fig_repair_report_t  *report;

    report = &last->report;
    at = (time_t) last->at;
    (void) gmtime_r(&at, &tm);

    fig_buf_printf(out, "{\"at\":\"%04d-%02d-%02dT%02d:%02d:%02dZ\"",
                   tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour,
                   tm.tm_min, tm.tm_sec);
    fig_buf_printf(out, ",\"seconds\":%" PRIu64 ".%06" PRIu64 ",\"reason\":",
                   last->took / 1000000, last->took % 1000000);
    fig_json_quote(out, fig_str_from(last->why));
    fig_buf_printf(out, ",\"repair\":%s,\"result\":\"%s\",\"error\":",
                   last->mend ? "true" : "false", fig_sync_result_name(last));

    if (last->status == FIG_OK) {
        fig_buf_puts(out, "null");

    } else {
        fig_json_quote(out, fig_str_from(last->status == FIG_AGAIN
                                         ? "the source does not answer"
                                         : fig_status_name(last->status)));
    }

    fig_buf_printf(out, ",\"documents\":%" PRIu64 ",\"buckets\":%u",
                   report->rows, report->buckets);

    for (i = 0; i < FIG_REPAIR_KINDS; i++) {
        fig_buf_printf(out, ",\"%s\":%" PRIu64,
                       fig_repair_kind_name((fig_repair_kind_t) i),
                       report->counts[i]);
    }

    fig_buf_printf(out, ",\"repaired\":%" PRIu64 ",\"withheld\":%" PRIu64
                   ",\"differences\":[", report->mended, last->withheld);

    for (i = 0; i < report->n; i++) {
        fig_buf_puts(out, i ? "," : "");
        fig_sync_write_row(out, &report->named[i]);
    }

    fig_buf_puts(out, "]}");
}


static void
fig_sync_write_row(fig_buf_t *out, const fig_repair_row_t *row)
{
    fig_str_t  id;

    id.data = row->id;
    id.len = row->len;

    fig_buf_puts(out, "{\"id\":");
    fig_json_quote(out, id);
    fig_buf_printf(out, ",\"kind\":\"%s\"", fig_repair_kind_name(row->kind));
    fig_sync_write_ver(out, "source", row->source);
    fig_sync_write_ver(out, "replica", row->replica);
    fig_buf_puts(out, "}");
}


static void
fig_sync_write_ver(fig_buf_t *out, const char *name, uint64_t ver)
{
    if (ver) {
        fig_buf_printf(out, ",\"%s\":%" PRIu64, name, ver);

    } else {
        fig_buf_printf(out, ",\"%s\":null", name);
    }
}


/* whose letters can be read; NULL: it is answered */

static fig_consumer_t *
fig_routes_dead(fig_request_t *request, fig_response_t *response)
{
    fig_consumer_t  *consumer;

    consumer = fig_routes_consumer(request, response);

    if (consumer && atomic_load(&consumer->dead) == NULL) {
        fig_problem(request, response, 503, "unavailable", NULL,
                    "the dead letters cannot be read now");
        consumer = NULL;
    }

    return consumer;
}


static void
fig_routes_list(fig_request_t *request, fig_response_t *response)
{
    fig_routes_letters(request, response, fig_resource_list);
}


static void
fig_routes_show(fig_request_t *request, fig_response_t *response)
{
    fig_routes_letters(request, response, fig_resource_get);
}


/* a link that is relative works behind any prefix */

static void
fig_routes_letters(fig_request_t *request, fig_response_t *response,
    fig_letters_pt act)
{
    fig_topic_t      topic = { .name = "dlq", .id_name = "id" };
    fig_consumer_t  *consumer;

    fig_resource_t  letters = {
        .topic = &topic,
        .path = "dlq",
        .noun = "Dead letter",
        .member = "letter",
        .filters = {
            { "key", 0, fig_routes_key },
            { "source", 0, fig_routes_source }
        }
    };

    consumer = fig_routes_dead(request, response);

    if (consumer) {
        topic.collection = consumer->conf.dead;
        letters.store = consumer->store;
        act(&letters, request, response);
    }
}


static fig_status_t
fig_routes_key(fig_arena_t *arena, fig_str_t value, fig_str_t *key)
{
    *key = value;

    return value.len ? FIG_OK : FIG_INVALID;
}


/* it has chosen the collection, and stays in the link to the next page */

static fig_status_t
fig_routes_source(fig_arena_t *arena, fig_str_t value, fig_str_t *key)
{
    return FIG_DECLINED;
}


static void
fig_routes_drop(fig_request_t *request, fig_response_t *response)
{
    fig_doc_t        doc;
    fig_status_t     rc;
    fig_consumer_t  *consumer;

    consumer = fig_routes_dead(request, response);

    if (consumer == NULL) {
        return;
    }

    rc = fig_store_get(consumer->store, consumer->conf.dead, request->args[0],
                       request->arena, &doc);

    if (rc == FIG_OK) {
        rc = fig_dead_drop(consumer->dead, request->args[0]);
    }

    if (rc == FIG_OK) {
        fig_log_info("dead letter %.*s was dropped",
                     (int) request->args[0].len, request->args[0].data);
        response->body = doc.body;

    } else if (rc == FIG_DECLINED || rc == FIG_CONFLICT) {
        fig_problem(request, response, 404, "not-found", NULL,
                    "Dead letter not found");

    } else {
        fig_problem_status(request, response, rc);
    }
}


static void
fig_routes_redrive(fig_request_t *request, fig_response_t *response)
{
    uint64_t         ver;
    fig_str_t        id;
    const char      *why;
    fig_errors_t     errors;
    fig_status_t     rc;
    fig_consumer_t  *consumer;

    consumer = fig_routes_dead(request, response);

    if (consumer == NULL) {
        return;
    }

    ver = 0;
    id = request->args[0];
    rc = fig_dead_redrive(consumer, id, request->arena, &ver, &why);

    switch (rc) {

    case FIG_OK:
        fig_log_info("dead letter %.*s was redriven", (int) id.len, id.data);
        response->body = fig_arena_printf(request->arena, "{\"version\":%"
                                          PRIu64 "}", ver);
        break;

    case FIG_INVALID:
        fig_errors_init(&errors, request->arena);
        fig_errors_add(&errors, FIG_STR("payload"), "refused", "%s", why);
        fig_problem(request, response, 409, "conflict", &errors,
                    "it failed again: %s", why);
        break;

    case FIG_DECLINED:
        fig_problem(request, response, 404, "not-found", NULL,
                    "Dead letter not found");
        break;

    case FIG_AGAIN:
    case FIG_ERROR:
        fig_problem(request, response, 503, "busy", NULL,
                    "the store is in trouble; try again");
        break;

    default:
        fig_problem_status(request, response, rc);
    }
}
