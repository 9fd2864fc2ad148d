
/*
 * Copyright (C) Ficus authors
 */


#include <stddef.h>
#include <string.h>

#include "fig_resource_change.h"


#define MANY_MAX     1000
#define RESULTS_MAX  (256u << 20)
#define PAGE_MEMORY  (16u << 20)


/*
 * One array of users (or whatever) to be made: what waits to be written, and
 * which element of the array it is.
 */

typedef struct {
    const fig_resource_t  *resource;
    fig_request_t         *request;
    fig_str_t              trace;
    fig_str_t              once;         /* Idempotency-Key */
    fig_json_t            *sent;
    fig_str_t             *results;      /* of all elements */
    fig_op_t              *ops;
    size_t                *places;       /* of the ops, in results */
    size_t                 n;
} many_t;


/*
 * The deletion of all, page by page.
 */

typedef struct {
    const fig_resource_t  *resource;
    fig_arena_t           *arena;        /* of one page */
    fig_query_t            query;
    fig_str_t              trace;
    size_t                 deleted;
    size_t                 missed;
    char                   last[512];    /* id of the last page's last */
} all_t;


static fig_status_t many_open(many_t *many);
static fig_status_t many_draft(many_t *many, size_t place);
static fig_status_t many_new(many_t *many, size_t place,
    fig_change_t *change);
static fig_status_t many_write(many_t *many);
static fig_status_t many_settle(many_t *many, const fig_op_t *op,
    size_t place);
static fig_status_t many_end(many_t *many, size_t place, fig_status_t status,
    fig_change_t *change);
static fig_status_t many_again(many_t *many, size_t place);
static fig_status_t many_result(many_t *many, size_t place,
    fig_status_t status, const fig_change_t *change);
static void many_problem(many_t *many, fig_buf_t *out, unsigned status,
    const fig_errors_t *errors);
static void many_reply(many_t *many, fig_response_t *response);
static fig_status_t all_page(all_t *all);
static fig_status_t all_bury(all_t *all, const fig_page_t *page,
    fig_op_t *ops);


void
fig_resource_create_many(const fig_resource_t *resource,
    fig_request_t *request, fig_response_t *response)
{
    size_t        i, n;
    many_t        many;
    fig_status_t  rc;

    memset(&many, 0, sizeof(many_t));
    many.resource = resource;
    many.request = request;
    many.trace = fig_trace_parent(request);

    rc = fig_once_read(request, response, &many.once);

    if (rc == FIG_INVALID
        || fig_request_json(request, response, json_type_array, &many.sent)
           != FIG_OK)
    {
        return;
    }

    n = json_object_array_length(many.sent);

    if (n > MANY_MAX) {
        fig_problem(request, response, 400, "invalid", NULL,
                    "more than %d elements", MANY_MAX);
        json_object_put(many.sent);
        return;
    }

    rc = (rc == FIG_OK) ? many_open(&many) : rc;

    for (i = 0; rc == FIG_OK && i < n; i++) {
        rc = many_draft(&many, i);
    }

    if (rc == FIG_OK) {
        rc = many_write(&many);
    }

    if (rc == FIG_OK) {
        many_reply(&many, response);

    } else {
        fig_problem_status(request, response, rc);
    }

    json_object_put(many.sent);
}


static fig_status_t
many_open(many_t *many)
{
    size_t        n;
    fig_arena_t  *arena;

    n = json_object_array_length(many->sent) + 1;
    arena = many->request->arena;

    many->results = fig_arena_calloc(arena, n * sizeof(fig_str_t));
    many->ops = fig_arena_calloc(arena, n * sizeof(fig_op_t));
    many->places = fig_arena_calloc(arena, n * sizeof(size_t));

    return (many->results != NULL && many->ops != NULL
            && many->places != NULL) ? FIG_OK : FIG_NOMEM;
}


static fig_status_t
many_draft(many_t *many, size_t place)
{
    fig_change_t  change;
    fig_status_t  rc;

    fig_change_open(&change, many->request->arena);
    change.sent = json_object_array_get_idx(many->sent, place);

    if (!json_object_is_type(change.sent, json_type_object)) {
        fig_errors_add(&change.errors, FIG_STR("element"), "type",
                       "must be an object");
        rc = FIG_INVALID;

    } else {
        rc = many_new(many, place, &change);
    }

    if (rc == FIG_OK) {
        fig_change_op(many->resource, &change, &many->ops[many->n]);
        many->places[many->n++] = place;

    } else {
        rc = many_end(many, place, rc, &change);
    }

    fig_change_close(&change);

    return rc;
}


static fig_status_t
many_new(many_t *many, size_t place, fig_change_t *change)
{
    fig_status_t  rc;

    rc = fig_once_mark(change, many->once, place + 1);

    return rc == FIG_OK ? fig_change_draft(many->resource, change, many->trace)
                        : rc;
}


static fig_status_t
many_write(many_t *many)
{
    size_t        i;
    fig_status_t  rc;

    rc = fig_outbox_store(many->resource->outbox, many->ops, many->n);
    if (rc != FIG_OK) {
        return rc;
    }

    for (i = 0; rc == FIG_OK && i < many->n; i++) {
        rc = many_settle(many, &many->ops[i], many->places[i]);
    }

    return rc == FIG_OK ? FIG_OK : FIG_UNKNOWN;
}


static fig_status_t
many_settle(many_t *many, const fig_op_t *op, size_t place)
{
    fig_change_t  change;
    fig_status_t  rc;

    fig_change_open(&change, many->request->arena);
    change.doc = op->doc;

    rc = fig_change_written(many->resource, &change, op, many->trace);
    rc = many_end(many, place, rc, &change);
    fig_change_close(&change);

    return rc;
}


static fig_status_t
many_end(many_t *many, size_t place, fig_status_t status,
    fig_change_t *change)
{
    fig_status_t  rc;

    rc = fig_once_settle(many->resource, change, status);

    return rc == FIG_CONFLICT ? many_again(many, place)
                              : many_result(many, place, rc, change);
}


/*
 * The element lost its place to another request, or to an earlier element.
 */

static fig_status_t
many_again(many_t *many, size_t place)
{
    unsigned      n;
    fig_change_t  change;
    fig_status_t  rc;

    rc = FIG_CONFLICT;

    for (n = 0; rc == FIG_CONFLICT && n < FIG_CHANGE_TRIES; n++) {
        fig_change_open(&change, many->request->arena);
        change.sent = json_object_array_get_idx(many->sent, place);

        rc = many_new(many, place, &change);

        if (rc == FIG_OK) {
            rc = fig_change_write(many->resource, &change, many->trace);
        }

        rc = fig_once_settle(many->resource, &change, rc);

        if (rc != FIG_CONFLICT) {
            rc = many_result(many, place, rc, &change);
        }

        fig_change_close(&change);
    }

    return rc == FIG_CONFLICT ? FIG_BUSY : rc;
}


/*
 * Puts down what became of an element; only what concerns all is returned.
 */

static fig_status_t
many_result(many_t *many, size_t place, fig_status_t status,
    const fig_change_t *change)
{
    fig_buf_t   out;
    fig_str_t  *result;

    fig_buf_init(&out, RESULTS_MAX);

    switch (status) {

    case FIG_OK:
        fig_buf_printf(&out, "{\"status\":201,\"%s\":",
                       many->resource->member);
        fig_buf_str(&out, change->doc.body);
        fig_buf_puts(&out, "}");
        break;

    case FIG_INVALID:
        many_problem(many, &out, change->refused, &change->errors);
        break;

    case FIG_TAKEN:
        many_problem(many, &out, 409, &change->conflicts);
        break;

    default:
        return status;
    }

    result = &many->results[place];
    *result = fig_arena_dup(many->request->arena, fig_buf_view(&out));
    fig_buf_clear(&out);

    return result->data != NULL ? FIG_OK : FIG_NOMEM;
}


static void
many_problem(many_t *many, fig_buf_t *out, unsigned status,
    const fig_errors_t *errors)
{
    fig_str_t  detail;

    detail = fig_errors_detail(errors, many->request->arena);

    fig_buf_printf(out, "{\"status\":%u,\"error\":", status);
    fig_problem_write(out, status, fig_errors_slug(status), errors, detail);
    fig_buf_puts(out, "}");
}


static void
many_reply(many_t *many, fig_response_t *response)
{
    size_t     i, n;
    fig_buf_t  out;

    fig_buf_init(&out, RESULTS_MAX);
    fig_buf_puts(&out, "{\"results\":[");
    n = json_object_array_length(many->sent);

    for (i = 0; i < n; i++) {
        fig_buf_puts(&out, i != 0 ? "," : "");
        fig_buf_str(&out, many->results[i]);
    }

    fig_buf_puts(&out, "]}");

    response->body = fig_arena_dup(many->request->arena, fig_buf_view(&out));
    fig_buf_clear(&out);

    if (response->body.data == NULL) {
        fig_problem_status(many->request, response, FIG_NOMEM);
    }
}


void
fig_resource_delete_all(const fig_resource_t *resource,
    fig_request_t *request, fig_response_t *response)
{
    all_t         all;
    fig_status_t  rc;

    memset(&all, 0, offsetof(all_t, last));
    all.resource = resource;
    all.trace = fig_trace_parent(request);
    all.query.limit = FIG_STORE_PAGE_MAX;
    all.query.brief = true;
    all.arena = fig_arena_create(65536, PAGE_MEMORY);

    rc = (all.arena != NULL) ? FIG_OK : FIG_NOMEM;

    while (rc == FIG_OK) {
        rc = all_page(&all);

        if (all.arena != NULL) {
            fig_arena_reset(all.arena);
        }
    }

    fig_arena_destroy(all.arena);

    if (rc != FIG_DECLINED) {
        fig_problem_status(request, response,
                           all.deleted != 0 ? FIG_UNKNOWN : rc);

    } else if (all.deleted == 0) {
        fig_problem(request, response, 404, "not-found", NULL,
                    "No %ss found", resource->member);

    } else {
        response->body = fig_arena_printf(request->arena,
                                          "{\"deleted\":%zu}", all.deleted);
    }
}


/*
 * Buries a page.  When the last is done and some documents changed while their
 * page was, it begins anew.
 */

static fig_status_t
all_page(all_t *all)
{
    size_t        i;
    fig_op_t     *ops;
    fig_page_t    page;
    fig_status_t  rc;

    rc = fig_store_list(all->resource->store, all->resource->topic->collection,
                        &all->query, all->arena, &page);
    if (rc != FIG_OK) {
        return rc;
    }

    if (page.n == 0) {
        i = all->missed;
        all->missed = 0;
        all->query.after = (fig_str_t) { 0, NULL };

        return i != 0 ? FIG_OK : FIG_DECLINED;
    }

    ops = fig_arena_calloc(all->arena, page.n * sizeof(fig_op_t));
    if (ops == NULL) {
        return FIG_NOMEM;
    }

    rc = all_bury(all, &page, ops);
    if (rc != FIG_OK) {
        return rc;
    }

    all->query.after.len = page.docs[page.n - 1].id.len;
    all->query.after.data = memcpy(all->last, page.docs[page.n - 1].id.data,
                                   all->query.after.len);
    return FIG_OK;
}


static fig_status_t
all_bury(all_t *all, const fig_page_t *page, fig_op_t *ops)
{
    bool          done;
    size_t        i;
    fig_change_t  change;
    fig_status_t  rc;

    fig_change_open(&change, all->arena);

    for (i = 0; i < page->n; i++) {
        change.stored = &page->docs[i];
        fig_change_bury(&change);
        fig_change_op(all->resource, &change, &ops[i]);
    }

    rc = fig_outbox_store(all->resource->outbox, ops, page->n);

    for (i = 0; rc == FIG_OK && i < page->n; i++) {
        change.stored = &page->docs[i];
        change.doc = ops[i].doc;
        done = fig_change_written(all->resource, &change, &ops[i], all->trace)
               == FIG_OK;
        all->deleted += done;
        all->missed += !done;
    }

    return rc;
}
