
/*
 * Copyright (C) Ficus authors
 */


#include "fig_fcgi_input.h"
#include <string.h>


#define FIG_FCGI_KEPT  8192              /* bytes a buffer may keep */


static unsigned fig_fcgi_input_pairs(const fig_fcgi_input_t *input,
    fig_request_t *request);
static unsigned fig_fcgi_input_whole(const fig_fcgi_input_t *input,
    fig_request_t *request);
static void fig_fcgi_input_shrink(fig_buf_t *buf);


fig_status_t
fig_fcgi_input_request(fig_fcgi_input_t *input, fig_arena_t *arena,
    fig_request_t *request)
{
    memset(request, 0, sizeof(fig_request_t));

    request->arena = arena;
    request->too_large = input->too_large;

    if (input->refuse == 0) {
        input->refuse = fig_fcgi_input_pairs(input, request);
    }

    if (input->refuse == 0) {
        input->refuse = fig_fcgi_input_whole(input, request);
    }

    return input->refuse ? FIG_INVALID : FIG_OK;
}


static unsigned
fig_fcgi_input_pairs(const fig_fcgi_input_t *input, fig_request_t *request)
{
    size_t        n;
    fig_str_t     rest;
    fig_param_t   pair, *params;
    fig_status_t  rc;

    rest = fig_buf_view(&input->params);

    for (n = 0; /* void */ ; n++) {
        rc = fig_fcgi_pair_decode(&rest, &pair);

        if (rc != FIG_OK) {
            break;
        }
    }

    if (rc != FIG_DECLINED) {
        return 400;
    }

    if (n > FIG_FCGI_PAIRS_MAX) {
        return 431;
    }

    params = fig_arena_alloc(request->arena, n * sizeof(fig_param_t));
    if (params == NULL) {
        return 503;
    }

    rest = fig_buf_view(&input->params);

    for (n = 0; fig_fcgi_pair_decode(&rest, &params[n]) == FIG_OK; n++) {
        /* void */
    }

    request->params = params;
    request->nparams = n;
    request->method = fig_request_param(request, "REQUEST_METHOD");
    request->path = fig_request_param(request, "SCRIPT_NAME");
    request->query = fig_request_param(request, "QUERY_STRING");

    return request->method.len == 0 || request->path.len == 0 ? 400 : 0;
}


/* the body is as long as it was said to be */

static unsigned
fig_fcgi_input_whole(const fig_fcgi_input_t *input, fig_request_t *request)
{
    uint64_t   length;
    fig_str_t  said;

    said = fig_request_param(request, "CONTENT_LENGTH");

    if (said.len == 0) {

        if (input->received != 0) {
            request->body = fig_buf_view(&input->body);
        }

        return 0;
    }

    if (fig_str_uint(said, UINT64_MAX, &length) != FIG_OK) {
        return 400;
    }

    /* what is too large need not have come to its end */

    if (!input->too_large && length != input->received) {
        return 400;
    }

    request->body = fig_buf_view(&input->body);

    return 0;
}


void
fig_fcgi_input_drop(fig_fcgi_input_t *input)
{
    input->id = 0;
    input->refuse = 0;
    input->keep = false;
    input->has_params = false;
    input->too_large = false;
    input->received = 0;

    fig_fcgi_input_shrink(&input->params);
    fig_fcgi_input_shrink(&input->body);
}


static void
fig_fcgi_input_shrink(fig_buf_t *buf)
{
    if (buf->size > FIG_FCGI_KEPT || !fig_buf_ok(buf)) {
        fig_buf_clear(buf);

    } else {
        fig_buf_reset(buf);
    }
}


bool
fig_fcgi_input_begun(const fig_fcgi_input_t *input)
{
    return input->id != 0 || input->nheader != 0;
}
