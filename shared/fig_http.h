
/*
 * Copyright (C) Ficus authors
 */


/*
 * HTTP as a worker sees it: one request, one response, nothing of the wire.
 *
 * Threads: both belong to the thread that runs the handler, and with all that
 * hangs on them die when it returns.
 */


#ifndef FIG_HTTP_H_INCLUDED
#define FIG_HTTP_H_INCLUDED


#include "fig_buf.h"


#define FIG_HTTP_ARGS     4
#define FIG_HTTP_HEADERS  3072


typedef struct {
    fig_str_t  name;
    fig_str_t  value;
} fig_param_t;

typedef struct {
    fig_str_t           method;
    fig_str_t           path;          /* decoded and normalized by nginx */
    fig_str_t           query;         /* as sent, without "?" */
    fig_str_t           body;          /* absent: none was sent */
    bool                too_large;     /* there was one, over the limit */

    fig_str_t           args[FIG_HTTP_ARGS];   /* what {...} matched */

    const fig_param_t  *params;        /* CGI: CONTENT_TYPE, HTTP_IF_MATCH */
    size_t              nparams;

    fig_arena_t        *arena;
    void               *data;          /* the worker's own */
} fig_request_t;

typedef struct {
    unsigned     status;               /* 200 at first */
    const char  *type;                 /* application/json at first */
    fig_buf_t    headers;              /* whole lines, CRLF */
    fig_str_t    body;                 /* of the arena, or static */
} fig_response_t;


/*
 * 200, application/json, no headers yet (their sum is bounded: nginx takes
 * them with the status in one page), no body.
 */

void fig_response_init(fig_response_t *response);
void fig_response_clear(fig_response_t *response);         /* frees headers */


/*
 * A CGI parameter by its name, absent when it was not sent or is empty.
 */

fig_str_t fig_request_param(const fig_request_t *request, const char *name);


/*
 * An argument of the query string, percent-decoded, in the arena; "+" stays
 * "+", as in e-mail addresses.  FIG_DECLINED: not there.  FIG_INVALID: there
 * twice, a bad escape, a NUL, or no UTF-8.  FIG_NOMEM.
 */

fig_status_t fig_request_query(const fig_request_t *request, const char *name,
    fig_str_t *value) FIG_NODISCARD;


/*
 * Appends a header line.  Control characters in the value become blanks.  A
 * line over the bound makes the answer a 500.
 */

void fig_response_header(fig_response_t *response, const char *name,
    const char *fmt, ...) FIG_PRINTF(3, 4);


/*
 * Appends s percent-encoded, as it must be in a path segment or an argument.
 */

void fig_percent_encode(fig_buf_t *out, fig_str_t s);


/*
 * "Created", ...; "Unknown" for a status that is not known.  Static.
 */

const char *fig_http_reason(unsigned status);


#endif /* FIG_HTTP_H_INCLUDED */
