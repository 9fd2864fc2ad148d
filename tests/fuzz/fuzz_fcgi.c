
/*
 * Copyright (C) Ficus authors
 */


/*
 * What a connection reads, without sockets.  The same bytes must mean the same
 * requests and replies, however they are cut: the first byte says how.
 */


#include "fig_fcgi_input.h"
#include "fig_hash.h"
#include "fig_problem.h"
#include "fig_route.h"
#include <stdlib.h>
#include <string.h>


#define MAX_BODY  300
#define LIMIT     1048576


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


static void expect(bool condition);
static uint64_t run(const uint8_t *data, size_t size, size_t step);
static uint64_t drain(fig_fcgi_input_t *input, uint64_t digest);
static uint64_t request(fig_fcgi_input_t *input, uint64_t digest);
static uint64_t answer(fig_request_t *r, uint64_t digest);
static void inside(const fig_buf_t *buf, fig_str_t s);
static void handler(fig_request_t *r, fig_response_t *response);


static fig_arena_t   *arena;
static fig_router_t  *router;

static const fig_route_t  routes[] = {
    { "GET", "/users/{userId}", handler, 0 },
    { "POST", "/users/{userId}/{what}/tags", handler, FIG_ROUTE_JSON },
    { NULL, NULL, NULL, 0 }
};

static const fig_route_t *const  tables[] = { routes, NULL };


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t    step;
    uint64_t  digest;

    if (size == 0) {
        return 0;
    }

    if (router == NULL) {
        router = fig_router_create(tables);
        arena = fig_arena_create(4096, LIMIT);
        expect(router != NULL && arena != NULL);
    }

    step = data[0];
    digest = run(data + 1, size - 1, size);

    expect(run(data + 1, size - 1, 1) == digest);
    expect(run(data + 1, size - 1, step + 1) == digest);

    return 0;
}


static void
expect(bool condition)
{
    if (!condition) {
        abort();
    }
}


static uint64_t
run(const uint8_t *data, size_t size, size_t step)
{
    size_t                n;
    uint64_t              digest;
    const uint8_t        *last;
    fig_fcgi_event_t      event;
    fig_fcgi_input_t      input;
    const unsigned char  *p;

    fig_fcgi_input_init(&input, MAX_BODY, 5);
    digest = 0;
    event = FIG_FCGI_MORE;
    p = data;
    last = data;

    while (last < data + size || p < last) {

        if (p == last) {
            n = (size_t) (data + size - last);
            last += n < step ? n : step;
        }

        event = fig_fcgi_input(&input, &p, last);
        digest = drain(&input, digest);

        if (event == FIG_FCGI_READY) {
            digest = request(&input, digest);
            continue;
        }

        if (event != FIG_FCGI_MORE) {
            break;
        }

        expect(p == last);
    }

    digest = digest * 31 + event;
    digest = digest * 31 + fig_fcgi_input_begun(&input);
    fig_fcgi_input_clear(&input);

    return digest;
}


static uint64_t
drain(fig_fcgi_input_t *input, uint64_t digest)
{
    size_t      i;
    fig_buf_t  *reply;

    reply = &input->reply;

    /* byte by byte: the pieces may be others */

    for (i = 0; i < reply->len; i++) {
        digest = digest * 31 + (unsigned char) reply->data[i];
    }

    expect(reply->len <= 65536);
    expect(input->params.len <= FIG_FCGI_PARAMS_MAX);
    expect(input->body.len <= MAX_BODY);
    fig_buf_reset(reply);

    return digest;
}


static uint64_t
request(fig_fcgi_input_t *input, uint64_t digest)
{
    size_t         i;
    fig_status_t   rc;
    fig_request_t  r;

    rc = fig_fcgi_input_request(input, arena, &r);

    expect(rc == FIG_OK || input->refuse != 0);
    expect(r.nparams <= FIG_FCGI_PAIRS_MAX);

    for (i = 0; i < r.nparams; i++) {
        inside(&input->params, r.params[i].name);
        inside(&input->params, r.params[i].value);
    }

    digest = digest * 31 + input->refuse;
    digest = digest * 31 + r.too_large;
    digest = fig_hash64(r.method, digest);
    digest = fig_hash64(r.path, digest);
    digest = fig_hash64(r.body, digest);

    if (rc == FIG_OK) {
        expect(r.method.len != 0 && r.path.len != 0);
        digest = answer(&r, digest);
    }

    fig_fcgi_input_drop(input);
    fig_arena_reset(arena);

    return digest;
}


static uint64_t
answer(fig_request_t *r, uint64_t digest)
{
    fig_response_t  response;

    fig_response_init(&response);
    fig_router_handle(router, r, &response);
    digest = digest * 31 + response.status;
    digest = fig_hash64(response.body, digest);
    digest = fig_hash64(fig_buf_view(&response.headers), digest);
    fig_response_clear(&response);

    return digest;
}


static void
inside(const fig_buf_t *buf, fig_str_t s)
{
    expect(s.data >= buf->data && s.data + s.len <= buf->data + buf->len);
}


static void
handler(fig_request_t *r, fig_response_t *response)
{
    fig_str_t    value;
    fig_json_t  *body;

    expect(r->args[0].len != 0);

    if (fig_request_query(r, "a", &value) == FIG_OK) {
        response->body = value;
    }

    if (r->body.data
        && fig_request_json(r, response, json_type_object, &body) == FIG_OK)
    {
        json_object_put(body);
    }

    fig_response_header(response, "Location", "/%.*s",
                        (int) r->args[0].len, r->args[0].data);
}
