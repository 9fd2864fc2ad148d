
/*
 * Copyright (C) Ficus authors
 */


/*
 * Routes: the one table of a worker with paths in it.
 *
 * The first row whose pattern fits the path decides which path it is, so a
 * literal ("/api/users/batch") stands before a capture ("/api/users/{id}").
 * A row without a handler belongs to another service; it counts for Allow.
 *
 * Checked in this order: path 404, method 405 with Allow, body 413, type 415.
 * HEAD goes to the handler of GET.
 *
 * Metrics: ficus_requests_total{route,method,status}, ficus_request_seconds
 * {route,method}; an unknown path counts as route "other".
 *
 * Threads: a router may be used by any number of them.
 */


#ifndef FIG_ROUTE_H_INCLUDED
#define FIG_ROUTE_H_INCLUDED


#include "fig_http.h"


#define FIG_ROUTE_JSON   1      /* has a body: application/json */
#define FIG_ROUTE_MERGE  2      /* or application/merge-patch+json */
#define FIG_ROUTE_VITAL  4      /* answered when others are shed */


typedef void (*fig_handler_pt)(fig_request_t *request,
    fig_response_t *response);

typedef struct {
    const char      *method;         /* NULL ends the table */
    const char      *pattern;        /* {name} takes one whole segment */
    fig_handler_pt   handler;
    unsigned         flags;
} fig_route_t;

typedef struct fig_router_s  fig_router_t;


/*
 * Tables are searched in turn; they end with NULL and must outlive the router.
 */

fig_router_t *fig_router_create(const fig_route_t *const *tables);
void fig_router_destroy(fig_router_t *router);                 /* NULL: ok */

void fig_router_handle(fig_router_t *router, fig_request_t *request,
    fig_response_t *response);

bool fig_router_vital(const fig_router_t *router, fig_request_t *request);


#endif /* FIG_ROUTE_H_INCLUDED */
