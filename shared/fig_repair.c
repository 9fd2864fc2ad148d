
/*
 * Copyright (C) Ficus authors
 */


#include "fig_repair_parts.h"
#include "fig_log.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>


/* ms; an answer takes a few pages of the source's store */
#define FIG_REPAIR_TIMEOUT  3000

#define FIG_REPAIR_BLOCK    65536
#define FIG_REPAIR_ARENA    ((size_t) 128 * 1024 * 1024)
#define FIG_REPAIR_REQUEST  ((size_t) 4 * 1024 * 1024)


static fig_status_t fig_repair_range(fig_repair_t *repair,
    fig_repair_report_t *report, bool *more);
static bool fig_repair_add(void *data, const fig_doc_t *doc);


fig_repair_t *
fig_repair_create(const fig_repair_conf_t *conf)
{
    fig_repair_t  *repair;

    repair = calloc(1, sizeof(fig_repair_t));

    if (repair == NULL) {
        return NULL;
    }

    repair->conf = *conf;
    repair->arena = fig_arena_create(FIG_REPAIR_BLOCK, FIG_REPAIR_ARENA);
    repair->page = fig_arena_create(FIG_REPAIR_BLOCK, FIG_REPAIR_ARENA);
    repair->rows = fig_arena_create(FIG_REPAIR_BLOCK, FIG_REPAIR_ARENA);
    repair->wants = fig_arena_create(FIG_REPAIR_BLOCK, FIG_REPAIR_ARENA);
    fig_buf_init(&repair->request, FIG_REPAIR_REQUEST);

    if (repair->arena == NULL || repair->page == NULL || repair->rows == NULL
        || repair->wants == NULL)
    {
        fig_repair_destroy(repair);
        return NULL;
    }

    return repair;
}


void
fig_repair_destroy(fig_repair_t *repair)
{
    if (repair) {
        fig_buf_clear(&repair->request);
        fig_arena_destroy(repair->wants);
        fig_arena_destroy(repair->rows);
        fig_arena_destroy(repair->page);
        fig_arena_destroy(repair->arena);
        free(repair);
    }
}


const char *
fig_repair_kind_name(fig_repair_kind_t kind)
{
    static const char *const  names[FIG_REPAIR_KINDS] = {
        "behind", "lost", "newer", "large"
    };

    return names[kind];
}


fig_status_t
fig_repair_look(fig_repair_t *repair, fig_buckets_t *differ,
    fig_repair_report_t *report)
{
    bool          more;
    fig_status_t  rc;

    static const fig_digest_t  none;

    report->rows = 0;
    report->buckets = 0;

    memset(&repair->there, 0, sizeof(fig_digest_t));
    memset(&repair->sum, 0, sizeof(fig_digest_t));
    memset(&repair->walk, 0, sizeof(fig_walk_t));

    repair->walk.store = repair->conf.store;
    repair->walk.collection = repair->conf.replica;
    repair->walk.arena = repair->page;
    repair->walk.each = fig_repair_add;
    repair->walk.data = repair;
    repair->report = report;

    do {
        if (!repair->conf.going(repair->conf.data)) {
            return FIG_AGAIN;
        }

        rc = fig_repair_range(repair, report, &more);

        if (rc != FIG_OK) {
            return rc;
        }
    } while (more);

    fig_digest_compare(&repair->there, &none, differ);
    report->none = fig_buckets_count(differ) == 0;

    fig_digest_compare(&repair->there, &repair->sum, differ);
    report->buckets = fig_buckets_count(differ);

    return FIG_OK;
}


/* the ids up to where the source's answer ends */

static fig_status_t
fig_repair_range(fig_repair_t *repair, fig_repair_report_t *report,
    bool *more)
{
    fig_str_t      after, until;
    fig_walk_t    *walk;
    fig_json_t    *answer;
    fig_digest_t   part;
    fig_status_t   rc;

    walk = &repair->walk;
    after.data = walk->at;
    after.len = walk->at_len;

    fig_buf_reset(&repair->request);
    fig_buf_puts(&repair->request, "{\"after\":");
    fig_json_quote(&repair->request, after);
    fig_buf_puts(&repair->request, "}");

    rc = fig_repair_ask_json(repair, FIG_SOURCE_DIGEST, &answer);

    if (rc != FIG_OK) {
        return rc;
    }

    if (json_object_get_int(json_object_object_get(answer, "hash"))
        != FIG_DIGEST_HASH
        || fig_digest_parse(fig_json_string(answer, "sums"), &part) != FIG_OK)
    {
        json_object_put(answer);
        return fig_repair_bad(repair, FIG_SOURCE_DIGEST, "its sums are made "
                              "in another way");
    }

    fig_digest_sum(&repair->there, &part);

    until = fig_json_string(answer, "until");
    *more = json_object_get_boolean(json_object_object_get(answer, "more"));
    walk->until = *more ? until : (fig_str_t) { 0 };

    if (*more && fig_str_cmp(until, after) <= 0) {
        rc = fig_repair_bad(repair, FIG_SOURCE_DIGEST, "it does not go on");

    } else {
        rc = fig_walk(walk);
    }

    if (rc == FIG_OK && *more) {
        rc = fig_walk_at(walk, until);
    }

    json_object_put(answer);

    return rc;
}


static bool
fig_repair_add(void *data, const fig_doc_t *doc)
{
    fig_repair_t  *repair;

    repair = data;
    repair->report->rows++;

    if (doc->ref != FIG_REPAIR_LOST) {
        fig_digest_add(&repair->sum, doc);
    }

    return true;
}


fig_status_t
fig_repair_ask(fig_repair_t *repair, const char *request, fig_str_t *answer)
{
    char  subject[FIG_SOURCE_SUBJECT];

    if (!fig_buf_ok(&repair->request)) {
        return FIG_NOMEM;
    }

    fig_arena_reset(repair->arena);
    fig_source_subject(repair->conf.topic, request, subject);

    return fig_bus_request(repair->conf.bus, subject,
                           fig_buf_view(&repair->request), FIG_REPAIR_TIMEOUT,
                           repair->arena, answer);
}


fig_status_t
fig_repair_ask_json(fig_repair_t *repair, const char *request,
    fig_json_t **answer)
{
    fig_str_t          text, why;
    fig_status_t       rc;
    fig_json_error_t   error;

    rc = fig_repair_ask(repair, request, &text);

    if (rc != FIG_OK) {
        return rc;
    }

    if (fig_json_parse(text, answer, &error) != FIG_OK) {
        return fig_repair_bad(repair, request, "it is not JSON");
    }

    why = fig_json_string(*answer, "error");

    if (!json_object_is_type(*answer, json_type_object) || why.data) {
        (void) fig_repair_bad(repair, request, why.data ? why.data
                              : "it is not an object");
        json_object_put(*answer);
        return FIG_ERROR;
    }

    return FIG_OK;
}


fig_status_t
fig_repair_bad(const fig_repair_t *repair, const char *request,
    const char *why)
{
    fig_log_error("the answer of ficus.rpc.%s.%s can't be used: %s",
                  repair->conf.topic->name, request, why);

    return FIG_ERROR;
}


void
fig_repair_found(fig_repair_t *repair, fig_repair_kind_t kind, fig_str_t id,
    uint64_t source, uint64_t replica)
{
    fig_repair_row_t     *row;
    fig_repair_report_t  *report;

    report = repair->report;

    if (repair->again) {
        return;
    }

    report->counts[kind]++;

    if (report->n < FIG_REPAIR_NAMED && id.len <= FIG_DIGEST_ID) {
        row = &report->named[report->n++];
        row->kind = kind;
        row->source = source;
        row->replica = replica;
        row->len = id.len;
        memcpy(row->id, id.data, id.len);
    }
}
