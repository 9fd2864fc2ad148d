
/*
 * Copyright (C) Ficus authors
 */


/*
 * A request as the gateway hands it over, after the wire: a line each for
 * method, path, query, content type, If-Match, If-None-Match, traceparent and
 * Idempotency-Key, and the body.  Whatever is in them, the answer is well
 * formed.
 */


#include "fig_json.h"
#include "fig_problem.h"
#include "fig_resource_change.h"
#include "fig_route.h"
#include <stdlib.h>
#include <string.h>


#define LIMIT    (16 * 1024 * 1024)
#define PARAMS   5


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


static void expect(bool condition);
static fig_str_t line(fig_str_t *rest);
static void query(const fig_request_t *r, const char *name);
static void condition(const fig_request_t *r);
static void trace(const fig_request_t *r);
static void once(const fig_request_t *r);
static void answer(fig_request_t *r);
static void headers(fig_str_t lines);
static void handler(fig_request_t *r, fig_response_t *response);


static fig_arena_t   *arena;
static fig_router_t  *router;

static const fig_route_t  routes[] = {
    { "GET", "/api/users/batch", NULL, 0 },
    { "POST", "/api/users/batch", handler, FIG_ROUTE_JSON },
    { "GET", "/api/users/{userId}", handler, 0 },
    { "PATCH", "/api/users/{userId}", handler,
      FIG_ROUTE_JSON | FIG_ROUTE_MERGE },
    { "GET", "/{a}/{b}/{c}/{d}", handler, 0 },
    { NULL, NULL, NULL, 0 }
};

static const fig_route_t *const  tables[] = { routes, NULL };


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t         i;
    fig_str_t      rest;
    fig_param_t    params[PARAMS];
    fig_request_t  r;

    static const char *const  names[PARAMS] = {
        "CONTENT_TYPE", "HTTP_IF_MATCH", "HTTP_IF_NONE_MATCH",
        "HTTP_TRACEPARENT", "HTTP_IDEMPOTENCY_KEY"
    };

    if (router == NULL) {
        router = fig_router_create(tables);
        arena = fig_arena_create(4096, LIMIT);
        expect(router != NULL && arena != NULL);
    }

    rest.data = (const char *) data;
    rest.len = size;

    memset(&r, 0, sizeof(fig_request_t));
    r.arena = arena;
    r.method = line(&rest);
    r.path = line(&rest);
    r.query = line(&rest);
    r.params = params;
    r.nparams = PARAMS;

    for (i = 0; i < PARAMS; i++) {
        params[i].name = fig_str_from(names[i]);
        params[i].value = line(&rest);
    }

    r.body = rest;
    r.body.data = rest.len ? rest.data : NULL;

    query(&r, "limit");
    query(&r, "a");
    condition(&r);
    trace(&r);
    once(&r);
    answer(&r);

    fig_arena_reset(arena);

    return 0;
}


static void
expect(bool condition)
{
    if (!condition) {
        abort();
    }
}


/* without its end; a copy of its own, so that a byte too far is seen */

static fig_str_t
line(fig_str_t *rest)
{
    char        *copy;
    fig_str_t    s;
    const char  *end;

    end = rest->len ? memchr(rest->data, '\n', rest->len) : NULL;
    s.data = rest->data;
    s.len = end ? (size_t) (end - rest->data) : rest->len;

    rest->data += s.len + (end != NULL);
    rest->len -= s.len + (end != NULL);

    copy = fig_arena_alloc(arena, s.len ? s.len : 1);
    expect(copy != NULL);

    if (s.len != 0) {
        memcpy(copy, s.data, s.len);
    }

    s.data = copy;

    return s;
}


/* what was understood can be said again, and means the same */

static void
query(const fig_request_t *r, const char *name)
{
    fig_buf_t      out;
    fig_str_t      value, again;
    fig_status_t   rc;
    fig_request_t  other;

    rc = fig_request_query(r, name, &value);
    expect(rc == FIG_OK || rc == FIG_DECLINED || rc == FIG_INVALID);

    if (rc != FIG_OK) {
        return;
    }

    expect(fig_utf8_valid(value));
    expect(value.len == 0 || memchr(value.data, '\0', value.len) == NULL);

    fig_buf_init(&out, LIMIT);
    fig_buf_puts(&out, name);
    fig_buf_puts(&out, "=");
    fig_percent_encode(&out, value);

    other = *r;
    other.query = fig_buf_view(&out);
    expect(fig_request_query(&other, name, &again) == FIG_OK);
    expect(fig_str_eq(again, value));

    fig_buf_clear(&out);
}


static void
condition(const fig_request_t *r)
{
    fig_doc_t      doc;
    const char    *name;
    fig_status_t   rc;

    memset(&doc, 0, sizeof(fig_doc_t));
    doc.ver = 7;

    rc = fig_change_condition(r, &doc, &name);
    expect(rc == FIG_OK || rc == FIG_CONFLICT || rc == FIG_INVALID);

    rc = fig_change_condition(r, NULL, &name);
    expect(rc == FIG_OK || rc == FIG_CONFLICT || rc == FIG_INVALID);
}


static void
trace(const fig_request_t *r)
{
    fig_str_t  parent;

    parent = fig_trace_parent(r);

    expect(parent.data == NULL || fig_utf8_valid(parent));
}


/* written as the standard has it, it is the same key */

static void
once(const fig_request_t *r)
{
    size_t          i;
    fig_buf_t       out;
    fig_str_t       key, again;
    fig_param_t     param;
    fig_status_t    rc;
    fig_request_t   other;
    fig_response_t  response;

    fig_response_init(&response);
    fig_buf_init(&out, LIMIT);
    rc = fig_once_read(r, &response, &key);

    expect(rc == FIG_INVALID ? response.status == 400
                             : rc == FIG_OK && response.status == 200);

    if (rc == FIG_OK && key.data != NULL) {
        expect(key.len != 0 && key.len <= 255);
        fig_buf_puts(&out, "\"");

        for (i = 0; i < key.len; i++) {
            expect(key.data[i] >= ' ' && key.data[i] <= '~');

            if (key.data[i] == '"' || key.data[i] == '\\') {
                fig_buf_puts(&out, "\\");
            }

            fig_buf_append(&out, key.data + i, 1);
        }

        fig_buf_puts(&out, "\"");

        param.name = FIG_STR("HTTP_IDEMPOTENCY_KEY");
        param.value = fig_buf_view(&out);
        other = *r;
        other.params = &param;
        other.nparams = 1;

        expect(fig_once_read(&other, &response, &again) == FIG_OK);
        expect(fig_str_eq(key, again));
    }

    fig_buf_clear(&out);
    fig_response_clear(&response);
}


static void
answer(fig_request_t *r)
{
    fig_json_t        *body;
    fig_response_t     response;
    fig_json_error_t   error;

    fig_response_init(&response);
    fig_router_handle(router, r, &response);

    expect(response.status >= 200 && response.status <= 599);
    headers(fig_buf_view(&response.headers));

    if (response.body.len != 0) {
        expect(fig_json_parse(response.body, &body, &error) == FIG_OK);
        json_object_put(body);
    }

    fig_response_clear(&response);
}


/* whole lines, with a name and without control characters */

static void
headers(fig_str_t lines)
{
    size_t  i, begin;

    for (i = 0, begin = 0; i < lines.len; i++) {

        if (lines.data[i] == '\r') {
            expect(i + 1 < lines.len && lines.data[i + 1] == '\n');
            expect(memchr(lines.data + begin, ':', i - begin) != NULL);
            begin = ++i + 1;
            continue;
        }

        expect((unsigned char) lines.data[i] >= ' ');
        expect(lines.data[i] != 0x7f);
    }

    expect(begin == lines.len);
}


static void
handler(fig_request_t *r, fig_response_t *response)
{
    size_t       i;
    fig_buf_t    out;
    fig_json_t  *body;

    for (i = 0; i < FIG_HTTP_ARGS && r->args[i].data; i++) {
        expect(r->args[i].len != 0);
        expect(memchr(r->args[i].data, '/', r->args[i].len) == NULL);
    }

    if (i != 0) {
        fig_response_header(response, "X-Arg", "%.*s",
                            (int) r->args[0].len, r->args[0].data);
    }

    if (r->body.data != NULL) {
        if (fig_request_json(r, response, json_type_object, &body) != FIG_OK) {
            return;
        }

        json_object_put(body);
    }

    fig_buf_init(&out, LIMIT);
    fig_json_quote(&out, r->path);
    response->body = fig_arena_dup(r->arena, fig_buf_view(&out));
    fig_buf_clear(&out);
}
