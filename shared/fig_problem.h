
/*
 * Copyright (C) Ficus authors
 */


/*
 * Errors as application/problem+json (RFC 9457): type, title, status, detail,
 * message (the detail again, for old clients) and errors[], a row for each
 * field at fault.  The type is urn:ficus:problem/SLUG.
 *
 * Threads: as the request.
 */


#ifndef FIG_PROBLEM_H_INCLUDED
#define FIG_PROBLEM_H_INCLUDED


#include "fig_http.h"
#include "fig_json.h"


#define FIG_ERRORS_MAX  64


typedef struct {
    const char  *code;           /* static: "required", "type", "taken" */
    fig_str_t    field;          /* "email", "2.email"; empty: the whole */
    fig_str_t    message;
} fig_error_t;

typedef struct {
    fig_arena_t  *arena;
    size_t        n;             /* those above the maximum are left out */
    fig_error_t   items[FIG_ERRORS_MAX];
} fig_errors_t;


void fig_errors_init(fig_errors_t *errors, fig_arena_t *arena);
void fig_errors_add(fig_errors_t *errors, fig_str_t field, const char *code,
    const char *fmt, ...) FIG_PRINTF(4, 5);


/*
 * Makes the response a problem; slug is static, fmt gives the detail, errors
 * may be NULL.  503 gets `Retry-After: 1`.  Headers set before stay.
 */

void fig_problem(const fig_request_t *request, fig_response_t *response,
    unsigned status, const char *slug, const fig_errors_t *errors,
    const char *fmt, ...) FIG_PRINTF(6, 7);


/*
 * The problem that a status of store or bus means to a client: FIG_BUSY 503
 * busy, FIG_FULL 507 full, FIG_UNKNOWN 503 unknown-outcome without
 * Retry-After, FIG_NOMEM and all others 500 internal-error.
 */

void fig_problem_status(const fig_request_t *request,
    fig_response_t *response, fig_status_t status);


/*
 * The object of a problem by itself, as in the results of a batch.
 */

void fig_problem_write(fig_buf_t *out, unsigned status, const char *slug,
    const fig_errors_t *errors, fig_str_t detail);


/*
 * The body as a JSON object (or array), for the caller to drop.
 * FIG_INVALID: the response is 400 already and says `line L, column C`.
 * FIG_NOMEM: it is 500.
 */

fig_status_t fig_request_json(const fig_request_t *request,
    fig_response_t *response, json_type type, fig_json_t **value)
    FIG_NODISCARD;


#endif /* FIG_PROBLEM_H_INCLUDED */
