
/*
 * Copyright (C) Ficus authors
 */


#include "fig_problem.h"
#include <stdarg.h>
#include <stdio.h>


#define FIG_PROBLEM_MAX   65536
#define FIG_PROBLEM_TYPE  "application/problem+json"


static void fig_problem_send(const fig_request_t *request,
    fig_response_t *response, unsigned status, const char *slug,
    const fig_errors_t *errors, fig_str_t detail);
static void fig_problem_errors(fig_buf_t *out, const fig_errors_t *errors);
static fig_str_t fig_problem_printf(fig_arena_t *arena, const char *fmt,
    va_list args) FIG_PRINTF(2, 0);


/* what is said when there is no memory to say anything else */

static const char  fig_problem_internal[] =
    "{\"type\":\"urn:ficus:problem/internal-error\","
    "\"title\":\"Internal Server Error\",\"status\":500,"
    "\"detail\":\"internal error\",\"message\":\"internal error\","
    "\"errors\":[]}";


void
fig_errors_init(fig_errors_t *errors, fig_arena_t *arena)
{
    errors->arena = arena;
    errors->n = 0;
}


void
fig_errors_add(fig_errors_t *errors, fig_str_t field, const char *code,
    const char *fmt, ...)
{
    va_list       args;
    fig_error_t  *error;

    if (errors->n == FIG_ERRORS_MAX) {
        return;
    }

    error = &errors->items[errors->n++];
    error->code = code;
    error->field = fig_arena_dup(errors->arena, field);

    va_start(args, fmt);
    error->message = fig_problem_printf(errors->arena, fmt, args);
    va_end(args);
}


void
fig_problem(const fig_request_t *request, fig_response_t *response,
    unsigned status, const char *slug, const fig_errors_t *errors,
    const char *fmt, ...)
{
    va_list    args;
    fig_str_t  detail;

    va_start(args, fmt);
    detail = fig_problem_printf(request->arena, fmt, args);
    va_end(args);

    if (status == 503) {
        fig_response_header(response, "Retry-After", "1");
    }

    fig_problem_send(request, response, status, slug, errors, detail);
}


void
fig_problem_status(const fig_request_t *request, fig_response_t *response,
    fig_status_t status)
{
    switch (status) {

    case FIG_BUSY:
        fig_problem(request, response, 503, "busy", NULL,
                    "too much to do at the moment, nothing was changed");
        break;

    case FIG_FULL:
        fig_problem(request, response, 507, "full", NULL,
                    "no space left, nothing was changed");
        break;

    case FIG_UNKNOWN:
        fig_problem_send(request, response, 503, "unknown-outcome", NULL,
                         FIG_STR("the change may or may not have been made"));
        break;

    default:
        fig_problem(request, response, 500, "internal-error", NULL,
                    "internal error");
    }
}


static void
fig_problem_send(const fig_request_t *request, fig_response_t *response,
    unsigned status, const char *slug, const fig_errors_t *errors,
    fig_str_t detail)
{
    fig_buf_t  out;

    fig_buf_init(&out, FIG_PROBLEM_MAX);
    fig_problem_write(&out, status, slug, errors, detail);

    response->status = status;
    response->type = FIG_PROBLEM_TYPE;
    response->body.data = NULL;

    if (fig_buf_ok(&out)) {
        response->body = fig_arena_dup(request->arena, fig_buf_view(&out));
    }

    if (response->body.data == NULL) {
        response->status = 500;
        response->body = fig_str_from(fig_problem_internal);
    }

    fig_buf_clear(&out);
}


void
fig_problem_write(fig_buf_t *out, unsigned status, const char *slug,
    const fig_errors_t *errors, fig_str_t detail)
{
    fig_buf_printf(out, "{\"type\":\"urn:ficus:problem/%s\",\"title\":\"%s\","
                   "\"status\":%u,\"detail\":", slug, fig_http_reason(status),
                   status);
    fig_json_quote(out, detail);
    fig_buf_puts(out, ",\"message\":");
    fig_json_quote(out, detail);
    fig_buf_puts(out, ",\"errors\":[");

    if (errors) {
        fig_problem_errors(out, errors);
    }

    fig_buf_puts(out, "]}");
}


static void
fig_problem_errors(fig_buf_t *out, const fig_errors_t *errors)
{
    size_t              i;
    const fig_error_t  *error;

    for (i = 0; i < errors->n; i++) {
        error = &errors->items[i];

        fig_buf_puts(out, i ? ",{\"field\":" : "{\"field\":");
        fig_json_quote(out, error->field);
        fig_buf_puts(out, ",\"code\":");
        fig_json_quote(out, fig_str_from(error->code));
        fig_buf_puts(out, ",\"message\":");
        fig_json_quote(out, error->message);
        fig_buf_puts(out, "}");
    }
}


/* the text in the arena; absent without memory, which is then written "" */

static fig_str_t
fig_problem_printf(fig_arena_t *arena, const char *fmt, va_list args)
{
    int        n;
    char      *text;
    va_list    again;
    fig_str_t  s;

    s.len = 0;
    s.data = NULL;

    va_copy(again, args);
    n = vsnprintf(NULL, 0, fmt, again);
    va_end(again);

    if (n < 0) {
        return s;
    }

    text = fig_arena_alloc(arena, (size_t) n + 1);

    if (text) {
        (void) vsnprintf(text, (size_t) n + 1, fmt, args);
        s.len = (size_t) n;
        s.data = text;
    }

    return s;
}


fig_status_t
fig_request_json(const fig_request_t *request, fig_response_t *response,
    json_type type, fig_json_t **value)
{
    fig_status_t      rc;
    fig_json_error_t  error;

    rc = fig_json_parse(request->body, value, &error);

    if (rc == FIG_INVALID) {
        fig_problem(request, response, 400, "invalid-json", NULL,
                    "the body is no valid JSON: line %u, column %u: %s",
                    error.line, error.column, error.what);
        return FIG_INVALID;
    }

    if (rc != FIG_OK) {
        fig_problem_status(request, response, rc);
        return rc;
    }

    if (!json_object_is_type(*value, type)) {
        json_object_put(*value);
        *value = NULL;

        fig_problem(request, response, 400, "invalid", NULL,
                    "the body must be a JSON %s", json_type_to_name(type));
        return FIG_INVALID;
    }

    return FIG_OK;
}
