
/*
 * Copyright (C) Ficus authors
 */


#include <inttypes.h>
#include <string.h>

#include "fig_resource_change.h"


#define LIST_LIMIT  100


static void list_query(const fig_resource_t *resource,
    const fig_request_t *request, fig_query_t *query, fig_errors_t *errors);
static void list_limit(const fig_request_t *request, fig_query_t *query,
    fig_errors_t *errors);
static void list_filter(const fig_request_t *request,
    const fig_filter_t *filter, fig_query_t *query, fig_errors_t *errors);
static fig_str_t list_join(const fig_page_t *page, fig_arena_t *arena);
static void list_link(const fig_resource_t *resource,
    const fig_request_t *request, fig_response_t *response,
    const fig_query_t *query, fig_str_t last);
static void list_argument(const fig_request_t *request, fig_buf_t *link,
    const char *name);


void
fig_resource_get(const fig_resource_t *resource, fig_request_t *request,
    fig_response_t *response)
{
    fig_doc_t     doc;
    const char   *name;
    fig_status_t  rc;

    rc = fig_store_get(resource->store, resource->topic->collection,
                       request->args[0], request->arena, &doc);

    if (rc == FIG_DECLINED || (rc == FIG_OK && doc.deleted)) {
        fig_reply_missing(resource, request, response);
        return;
    }

    if (rc != FIG_OK) {
        fig_problem_status(request, response, rc);
        return;
    }

    rc = fig_change_condition(request, &doc, &name);

    if (rc == FIG_CONFLICT && strcmp(name, "If-None-Match") == 0) {
        fig_reply_doc(response, 304, &doc);
        return;
    }

    if (rc != FIG_OK) {
        fig_reply_condition(request, response, rc, name);
        return;
    }

    fig_reply_doc(response, 200, &doc);
}


void
fig_resource_list(const fig_resource_t *resource, fig_request_t *request,
    fig_response_t *response)
{
    fig_page_t    page;
    fig_query_t   query;
    fig_errors_t  errors;
    fig_status_t  rc;

    fig_errors_init(&errors, request->arena);
    list_query(resource, request, &query, &errors);

    if (errors.n != 0) {
        fig_reply_errors(request, response, 400, &errors);
        return;
    }

    rc = fig_store_list(resource->store, resource->topic->collection, &query,
                        request->arena, &page);
    if (rc != FIG_OK) {
        fig_problem_status(request, response, rc);
        return;
    }

    response->body = list_join(&page, request->arena);

    if (response->body.data == NULL) {
        fig_problem_status(request, response, FIG_NOMEM);
        return;
    }

    if (page.more) {
        list_link(resource, request, response, &query,
                  page.docs[page.n - 1].id);
    }
}


static void
list_query(const fig_resource_t *resource, const fig_request_t *request,
    fig_query_t *query, fig_errors_t *errors)
{
    fig_status_t         rc;
    const fig_filter_t  *filter, *end;

    memset(query, 0, sizeof(fig_query_t));
    list_limit(request, query, errors);

    rc = fig_request_query(request, "after", &query->after);
    if (rc != FIG_OK && rc != FIG_DECLINED) {
        fig_errors_add(errors, FIG_STR("after"), "format",
                       "must be one id");
    }

    end = resource->filters + FIG_RESOURCE_FILTERS;

    for (filter = resource->filters; filter < end; filter++) {
        if (filter->name == NULL) {
            break;
        }

        list_filter(request, filter, query, errors);
    }
}


static void
list_limit(const fig_request_t *request, fig_query_t *query,
    fig_errors_t *errors)
{
    uint64_t      limit;
    fig_str_t     value;
    fig_status_t  rc;

    limit = LIST_LIMIT;
    rc = fig_request_query(request, "limit", &value);

    if (rc == FIG_OK) {
        rc = fig_str_uint(value, FIG_STORE_PAGE_MAX, &limit);
    }

    if ((rc != FIG_OK && rc != FIG_DECLINED) || limit == 0) {
        fig_errors_add(errors, FIG_STR("limit"), "range",
                       "must be one number from 1 to %d", FIG_STORE_PAGE_MAX);
    }

    query->limit = (unsigned) limit;
}


static void
list_filter(const fig_request_t *request, const fig_filter_t *filter,
    fig_query_t *query, fig_errors_t *errors)
{
    fig_str_t     value;
    fig_status_t  rc;

    rc = fig_request_query(request, filter->name, &value);

    if (rc == FIG_OK) {
        if (filter->parse == NULL) {
            query->match[filter->key] = value;

        } else {
            rc = filter->parse(request->arena, value,
                               &query->match[filter->key]);
        }
    }

    if (rc != FIG_OK && rc != FIG_DECLINED) {
        fig_errors_add(errors, fig_str_from(filter->name), "format",
                       "must be one value that this field can have");
    }
}


static fig_str_t
list_join(const fig_page_t *page, fig_arena_t *arena)
{
    char       *p;
    size_t      i, len;
    fig_str_t   text;

    len = 2;

    for (i = 0; i < page->n; i++) {
        len += page->docs[i].body.len + 1;
    }

    p = fig_arena_alloc(arena, len);
    text.data = p;
    text.len = 0;

    if (p == NULL) {
        return text;
    }

    *p++ = '[';

    for (i = 0; i < page->n; i++) {
        if (i != 0) {
            *p++ = ',';
        }

        memcpy(p, page->docs[i].body.data, page->docs[i].body.len);
        p += page->docs[i].body.len;
    }

    *p++ = ']';
    text.len = (size_t) (p - text.data);

    return text;
}


static void
list_link(const fig_resource_t *resource, const fig_request_t *request,
    fig_response_t *response, const fig_query_t *query, fig_str_t last)
{
    size_t     i;
    fig_buf_t  link;

    fig_buf_init(&link, 65536);
    fig_buf_printf(&link, "<%s?limit=%u&after=", resource->path, query->limit);
    fig_percent_encode(&link, last);

    for (i = 0; i < FIG_RESOURCE_FILTERS; i++) {
        if (resource->filters[i].name == NULL) {
            break;
        }

        list_argument(request, &link, resource->filters[i].name);
    }

    fig_buf_puts(&link, ">; rel=\"next\"");

    if (fig_buf_ok(&link)) {
        fig_response_header(response, "Link", "%s", link.data);
    }

    fig_buf_clear(&link);
}


static void
list_argument(const fig_request_t *request, fig_buf_t *link, const char *name)
{
    fig_str_t  value;

    if (fig_request_query(request, name, &value) == FIG_OK) {
        fig_buf_printf(link, "&%s=", name);
        fig_percent_encode(link, value);
    }
}


void
fig_reply_doc(fig_response_t *response, unsigned status, const fig_doc_t *doc)
{
    response->status = status;
    fig_response_header(response, "ETag", "\"%" PRIu64 "\"", doc->ver);

    if (status != 304) {
        response->body = doc->body;
    }
}


void
fig_reply_missing(const fig_resource_t *resource, const fig_request_t *request,
    fig_response_t *response)
{
    fig_problem(request, response, 404, "not-found", NULL, "%s not found",
                resource->noun);
}


/*
 * The first error in words, and how many there are besides.
 */

fig_str_t
fig_errors_detail(const fig_errors_t *errors, fig_arena_t *arena)
{
    fig_str_t           field;
    const fig_error_t  *first;

    first = &errors->items[0];
    field = first->field.len != 0 ? first->field : FIG_STR("the document");

    if (errors->n == 1) {
        return fig_arena_printf(arena, "%.*s %.*s",
                                (int) field.len, field.data,
                                (int) first->message.len, first->message.data);
    }

    return fig_arena_printf(arena, "%.*s %.*s, and %zu more",
                            (int) field.len, field.data,
                            (int) first->message.len, first->message.data,
                            errors->n - 1);
}


void
fig_reply_errors(const fig_request_t *request, fig_response_t *response,
    unsigned status, const fig_errors_t *errors)
{
    fig_str_t  detail;

    detail = fig_errors_detail(errors, request->arena);

    fig_problem(request, response, status, fig_errors_slug(status), errors,
                "%s", detail.data != NULL ? detail.data : "");
}


const char *
fig_errors_slug(unsigned status)
{
    switch (status) {

    case 409:
        return "conflict";

    case 410:
        return "gone";

    case 413:
        return "content-too-large";

    case 422:
        return "key-reused";

    default:
        return "invalid";
    }
}


void
fig_reply_condition(const fig_request_t *request, fig_response_t *response,
    fig_status_t status, const char *name)
{
    fig_errors_t  errors;

    if (status == FIG_CONFLICT) {
        fig_problem(request, response, 412, "precondition-failed", NULL,
                    "%s does not hold for the present version", name);
        return;
    }

    fig_errors_init(&errors, request->arena);
    fig_errors_add(&errors, fig_str_from(name), "format",
                   "must be * or versions in quotes");
    fig_reply_errors(request, response, 400, &errors);
}
