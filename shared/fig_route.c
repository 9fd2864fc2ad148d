
/*
 * Copyright (C) Ficus authors
 */


#include "fig_log.h"
#include "fig_metrics.h"
#include "fig_problem.h"
#include "fig_route.h"
#include "fig_route_count.h"
#include <stdlib.h>
#include <string.h>


#define FIG_ROUTE_SEGMENTS  16
#define FIG_ROUTE_ROWS      16


typedef struct {
    const char          *pattern;
    size_t               nsegments;
    size_t               nrows;
    fig_route_counts_t  *counts;
    fig_str_t            segments[FIG_ROUTE_SEGMENTS];  /* absent: capture */
    const fig_route_t   *rows[FIG_ROUTE_ROWS];
} fig_route_path_t;


struct fig_router_s {
    size_t               npaths;
    fig_route_counts_t  *other;
    fig_route_path_t     paths[];            /* in the order of the tables */
};


static fig_status_t fig_router_add(fig_router_t *router,
    const fig_route_t *row);
static fig_status_t fig_route_compile(fig_route_path_t *path,
    const char *pattern);
static fig_status_t fig_route_segment(fig_route_path_t *path,
    fig_str_t segment, size_t *captures);
static bool fig_route_same(const fig_route_path_t *a,
    const fig_route_path_t *b);
static const fig_route_path_t *fig_router_find(const fig_router_t *router,
    fig_request_t *request);
static bool fig_route_match(const fig_route_path_t *path,
    fig_request_t *request);
static void fig_route_run(const fig_route_path_t *path,
    fig_request_t *request, fig_response_t *response);
static const fig_route_t *fig_route_row(const fig_route_path_t *path,
    fig_str_t method);
static void fig_route_allow(const fig_route_path_t *path,
    const fig_request_t *request, fig_response_t *response);
static bool fig_route_repeats(const fig_route_path_t *path, size_t n);
static bool fig_route_is_type(fig_str_t type, fig_str_t wanted);
static bool fig_route_type(const fig_route_t *row,
    const fig_request_t *request);
static void fig_route_log(const fig_request_t *request, const char *pattern,
    unsigned status, uint64_t us);


fig_router_t *
fig_router_create(const fig_route_t *const *tables)
{
    size_t              i, n;
    fig_router_t       *router;
    const fig_route_t  *row;

    n = 0;

    for (i = 0; tables[i]; i++) {
        for (row = tables[i]; row->method; row++) {
            n++;
        }
    }

    router = calloc(1, sizeof(fig_router_t) + n * sizeof(fig_route_path_t));
    if (router == NULL) {
        fig_log_error("no memory for the routes");
        return NULL;
    }

    router->other = fig_route_counts_create("other");
    if (router->other == NULL) {
        fig_log_error("no memory for the routes");
        fig_router_destroy(router);
        return NULL;
    }

    for (i = 0; tables[i]; i++) {
        for (row = tables[i]; row->method; row++) {

            if (fig_router_add(router, row) != FIG_OK) {
                fig_router_destroy(router);
                return NULL;
            }
        }
    }

    return router;
}


void
fig_router_destroy(fig_router_t *router)
{
    size_t  i;

    if (router == NULL) {
        return;
    }

    for (i = 0; i < router->npaths; i++) {
        fig_route_counts_destroy(router->paths[i].counts);
    }

    fig_route_counts_destroy(router->other);
    free(router);
}


static fig_status_t
fig_router_add(fig_router_t *router, const fig_route_t *row)
{
    size_t             i;
    fig_route_path_t  *path;

    path = &router->paths[router->npaths];

    if (fig_route_compile(path, row->pattern) != FIG_OK) {
        fig_log_error("route \"%s\" is no path, or too long", row->pattern);
        return FIG_ERROR;
    }

    for (i = 0; !fig_route_same(&router->paths[i], path); i++) {
        /* void: it is at least the same as itself */
    }

    if (i == router->npaths) {
        path->counts = fig_route_counts_create(row->pattern);

        if (path->counts == NULL) {
            fig_log_error("no memory for the routes");
            return FIG_ERROR;
        }

        router->npaths++;
    }

    path = &router->paths[i];

    if (path->nrows == FIG_ROUTE_ROWS) {
        fig_log_error("route \"%s\" has too many methods", row->pattern);
        return FIG_ERROR;
    }

    path->rows[path->nrows++] = row;

    return FIG_OK;
}


static fig_status_t
fig_route_compile(fig_route_path_t *path, const char *pattern)
{
    size_t       captures;
    fig_str_t    segment;
    const char  *p;

    if (pattern[0] != '/') {
        return FIG_INVALID;
    }

    path->pattern = pattern;
    path->nsegments = 0;
    captures = 0;

    if (pattern[1] == '\0') {
        return FIG_OK;
    }

    for (p = pattern; *p == '/'; p = segment.data + segment.len) {
        segment.data = p + 1;
        segment.len = strcspn(segment.data, "/");

        if (fig_route_segment(path, segment, &captures) != FIG_OK) {
            return FIG_INVALID;
        }
    }

    return FIG_OK;
}


static fig_status_t
fig_route_segment(fig_route_path_t *path, fig_str_t segment, size_t *captures)
{
    if (segment.len == 0 || path->nsegments == FIG_ROUTE_SEGMENTS) {
        return FIG_INVALID;
    }

    if (segment.data[0] == '{') {

        if (segment.data[segment.len - 1] != '}'
            || (*captures)++ == FIG_HTTP_ARGS)
        {
            return FIG_INVALID;
        }

        segment.len = 0;
        segment.data = NULL;
    }

    path->segments[path->nsegments++] = segment;

    return FIG_OK;
}


/* captures may have different names */

static bool
fig_route_same(const fig_route_path_t *a, const fig_route_path_t *b)
{
    size_t  i;

    if (a->nsegments != b->nsegments) {
        return false;
    }

    for (i = 0; i < a->nsegments; i++) {
        if (!fig_str_eq(a->segments[i], b->segments[i])) {
            return false;
        }
    }

    return true;
}


void
fig_router_handle(fig_router_t *router, fig_request_t *request,
    fig_response_t *response)
{
    uint64_t                 start, us;
    fig_route_counts_t      *counts;
    const fig_route_path_t  *path;

    start = fig_clock_us();
    path = fig_router_find(router, request);

    if (path) {
        counts = path->counts;
        fig_route_run(path, request, response);

    } else {
        counts = router->other;
        fig_problem(request, response, 404, "not-found", NULL,
                    "there is nothing under this path");
    }

    us = fig_clock_us() - start;

    fig_route_count(counts, request->method, response->status, us);
    fig_route_log(request, path ? path->pattern : "other", response->status,
                  us);
}


bool
fig_router_vital(const fig_router_t *router, fig_request_t *request)
{
    const fig_route_path_t  *path;

    path = fig_router_find(router, request);

    return path && (path->rows[0]->flags & FIG_ROUTE_VITAL);
}


static const fig_route_path_t *
fig_router_find(const fig_router_t *router, fig_request_t *request)
{
    size_t  i;

    for (i = 0; i < router->npaths; i++) {
        if (fig_route_match(&router->paths[i], request)) {
            return &router->paths[i];
        }
    }

    return NULL;
}


static bool
fig_route_match(const fig_route_path_t *path, fig_request_t *request)
{
    size_t            i, n;
    fig_str_t         segment;
    const char       *p, *last;
    const fig_str_t  *wanted;

    p = request->path.data;
    last = p + request->path.len;

    if (path->nsegments == 0) {
        return request->path.len == 1 && *p == '/';
    }

    for (i = 0, n = 0; i < path->nsegments; i++) {

        if (p == last || *p != '/') {
            return false;
        }

        segment.data = p + 1;
        p = memchr(segment.data, '/', (size_t) (last - segment.data));
        p = p ? p : last;
        segment.len = (size_t) (p - segment.data);

        wanted = &path->segments[i];

        if (wanted->data == NULL && segment.len != 0) {
            request->args[n++] = segment;

        } else if (!fig_str_eq(*wanted, segment)) {
            return false;
        }
    }

    return p == last;
}


static void
fig_route_run(const fig_route_path_t *path, fig_request_t *request,
    fig_response_t *response)
{
    const fig_route_t  *row;

    row = fig_route_row(path, request->method);

    if (row == NULL && fig_str_eq(request->method, FIG_STR("HEAD"))) {
        row = fig_route_row(path, FIG_STR("GET"));
    }

    if (row == NULL) {
        fig_route_allow(path, request, response);
        return;
    }

    if (request->too_large) {
        fig_problem(request, response, 413, "content-too-large", NULL,
                    "the body is too large");
        return;
    }

    if (!fig_route_type(row, request)) {
        fig_problem(request, response, 415, "unsupported-media-type", NULL,
                    "the body must be application/json%s",
                    (row->flags & FIG_ROUTE_MERGE)
                    ? " or application/merge-patch+json" : "");
        return;
    }

    row->handler(request, response);
}


static const fig_route_t *
fig_route_row(const fig_route_path_t *path, fig_str_t method)
{
    size_t  i;

    for (i = 0; i < path->nrows; i++) {
        if (path->rows[i]->handler
            && fig_str_eq(method, fig_str_from(path->rows[i]->method)))
        {
            return path->rows[i];
        }
    }

    return NULL;
}


static void
fig_route_allow(const fig_route_path_t *path, const fig_request_t *request,
    fig_response_t *response)
{
    size_t       i;
    fig_buf_t    allow;
    const char  *method;

    fig_buf_init(&allow, FIG_HTTP_HEADERS);

    for (i = 0; i < path->nrows; i++) {
        method = path->rows[i]->method;

        if (!fig_route_repeats(path, i)) {
            fig_buf_puts(&allow, i ? ", " : "");
            fig_buf_puts(&allow, strcmp(method, "GET") ? method : "GET, HEAD");
        }
    }

    fig_response_header(response, "Allow", "%s",
                        fig_buf_ok(&allow) ? allow.data : "");
    fig_buf_clear(&allow);

    fig_problem(request, response, 405, "method-not-allowed", NULL,
                "this path does not know the method");
}


/* two tables may have the same row */

static bool
fig_route_repeats(const fig_route_path_t *path, size_t n)
{
    size_t  i;

    for (i = 0; i < n; i++) {
        if (strcmp(path->rows[i]->method, path->rows[n]->method) == 0) {
            return true;
        }
    }

    return false;
}


static bool
fig_route_type(const fig_route_t *row, const fig_request_t *request)
{
    fig_str_t  type;

    if (!(row->flags & (FIG_ROUTE_JSON|FIG_ROUTE_MERGE))) {
        return true;
    }

    type = fig_request_param(request, "CONTENT_TYPE");

    if ((row->flags & FIG_ROUTE_MERGE)
        && fig_route_is_type(type, FIG_STR("application/merge-patch+json")))
    {
        return true;
    }

    return fig_route_is_type(type, FIG_STR("application/json"));
}


/* without regard to case, parameters, and blanks round it */

static bool
fig_route_is_type(fig_str_t type, fig_str_t wanted)
{
    size_t     i;
    fig_str_t  bare;

    while (type.len != 0 && (type.data[0] == ' ' || type.data[0] == '\t')) {
        type.data++;
        type.len--;
    }

    if (type.len < wanted.len) {
        return false;
    }

    bare.len = wanted.len;
    bare.data = type.data;

    for (i = wanted.len; i < type.len && type.data[i] != ';'; i++) {
        if (type.data[i] != ' ' && type.data[i] != '\t') {
            return false;
        }
    }

    return fig_str_ieq(bare, wanted);
}


static void
fig_route_log(const fig_request_t *request, const char *pattern,
    unsigned status, uint64_t us)
{
    int  len;

    len = request->method.len < 16 ? (int) request->method.len : 16;

    if (status >= 500) {
        fig_log_warn("%.*s %s: %u in %llu us", len, request->method.data,
                     pattern, status, (unsigned long long) us);
        return;
    }

    fig_log_debug("%.*s %s: %u in %llu us", len, request->method.data,
                  pattern, status, (unsigned long long) us);
}
