
/*
 * Copyright (C) Ficus authors
 */


/*
 * What has become of a try of an arm's server.  Each try is told to the arm's
 * breaker; the answer that the client gets is counted once, for the arm that
 * gave it.
 */


#include "ngx_http_strangler_request.h"


#define NGX_HTTP_STRANGLER_NO_HEADER  ((ngx_msec_t) -1)


static void ngx_http_strangler_outcome(ngx_http_strangler_ctx_t *ctx,
    ngx_uint_t good);
static void ngx_http_strangler_defer(ngx_http_upstream_t *u,
    ngx_http_strangler_ctx_t *ctx, ngx_uint_t status, uint64_t nsec);
static void ngx_http_strangler_count_rescue(ngx_http_strangler_ctx_t *ctx);
static ngx_uint_t ngx_http_strangler_is_cut(ngx_http_upstream_t *u);
static void ngx_http_strangler_count(ngx_http_strangler_ctx_t *ctx,
    ngx_uint_t status, uint64_t nsec);


/* nginx goes no further: this is the arm's answer, or the client has gone */

void
ngx_http_strangler_served(ngx_http_upstream_t *u,
    ngx_http_strangler_ctx_t *ctx)
{
    uint64_t    nsec;
    ngx_uint_t  good, status;

    if (u->state->header_time == NGX_HTTP_STRANGLER_NO_HEADER) {
        ngx_http_strangler_keep_ctx(ctx);
        ctx->pending = 0;
        return;
    }

    status = u->headers_in.status_n;
    good = status < NGX_HTTP_INTERNAL_SERVER_ERROR
           && !ngx_http_strangler_is_cut(u);

    ngx_http_strangler_outcome(ctx, good);

    nsec = u->upgrade ? 0 : ngx_http_strangler_now() - ctx->nsec;

    if (ctx->split->rescue.manual && u->conf->intercept_errors
        && status >= NGX_HTTP_SPECIAL_RESPONSE)
    {
        ngx_http_strangler_defer(u, ctx, status, nsec);
        ngx_http_strangler_keep_ctx(ctx);
        return;
    }

    ngx_http_strangler_count(ctx, status, nsec);
    ctx->pending = 0;

    if (ctx->rescued) {
        ngx_http_strangler_count_rescue(ctx);
    }

    /* error_page and X-Accel-Redirect may follow */

    if (status >= NGX_HTTP_SPECIAL_RESPONSE
        || u->headers_in.x_accel_redirect)
    {
        ngx_http_strangler_keep_ctx(ctx);
    }
}


/* the route has needed the baseline */

static void
ngx_http_strangler_count_rescue(ngx_http_strangler_ctx_t *ctx)
{
    ngx_http_strangler_lane_t   *lane;
    ngx_http_strangler_split_t  *split;

    split = ctx->split;

    lane = split->arm[ctx->arm].lane;
    (void) ngx_atomic_fetch_add(&lane->rescued, 1);

    if (ctx->route == NGX_HTTP_STRANGLER_NONE) {
        return;
    }

    (void) ngx_atomic_fetch_add(&split->sh->ledger[ctx->route].rescued, 1);

    lane = split->arm[split->baseline].lane;
    lane->visits[ctx->route].last = ngx_time();
}


/* nginx may try another server; only the last failure is counted as answer */

void
ngx_http_strangler_failed(ngx_http_upstream_t *u,
    ngx_http_strangler_ctx_t *ctx)
{
    ngx_uint_t  status;

    ngx_http_strangler_keep_ctx(ctx);

    status = NGX_HTTP_BAD_GATEWAY;

    if (u->state->header_time != NGX_HTTP_STRANGLER_NO_HEADER) {
        status = u->headers_in.status_n;

    } else if (ngx_http_strangler_is_late(u)) {
        status = NGX_HTTP_GATEWAY_TIME_OUT;
    }

    if (!ngx_http_strangler_is_stale(u, ctx)) {
        ngx_http_strangler_outcome(ctx,
                                   status < NGX_HTTP_INTERNAL_SERVER_ERROR);
    }

    ngx_http_strangler_defer(u, ctx, status,
                             ngx_http_strangler_now() - ctx->nsec);

    if (ctx->rescued) {
        ngx_http_strangler_remark(ctx->request, 0);
    }
}


/* another server may answer yet */

static void
ngx_http_strangler_defer(ngx_http_upstream_t *u, ngx_http_strangler_ctx_t *ctx,
    ngx_uint_t status, uint64_t nsec)
{
    ctx->pending = 1;
    ctx->failed = 1;
    ctx->sent |= ngx_http_strangler_was_sent(u);
    ctx->status = (uint16_t) status;
    ctx->nsec = nsec;
}


static void
ngx_http_strangler_outcome(ngx_http_strangler_ctx_t *ctx, ngx_uint_t good)
{
    ngx_http_strangler_split_t  *split;

    split = ctx->split;

    if (!good) {
        (void) ngx_atomic_fetch_add(&split->arm[ctx->served].lane->failures,
                                    1);

        if (split->rescue.enabled && split->sh->rescue_out
            && !ctx->rescuable && !split->rescue.manual
            && ctx->served != split->baseline
            && !ngx_http_strangler_is_wish(ctx))
        {
            (void) ngx_atomic_fetch_add(&split->sh->rescue_spent, 1);
        }
    }

    if (!split->breaker.enabled) {
        return;
    }

    if (good) {
        ngx_http_strangler_good(split, ctx->served, ctx->nsec);

    } else {
        ngx_http_strangler_bad(split, ctx->served, ctx->nsec);
    }
}


ngx_uint_t
ngx_http_strangler_is_late(ngx_http_upstream_t *u)
{
    ngx_connection_t  *c;

    c = u->peer.connection;

    return c && (c->read->timedout || c->write->timedout);
}


/* the server broke off in the middle of its answer */

static ngx_uint_t
ngx_http_strangler_is_cut(ngx_http_upstream_t *u)
{
    ngx_connection_t  *c;
    ngx_event_pipe_t  *p;

    if (u->buffering) {
        p = u->pipe;

        return p
               && (p->upstream_error
                   || (p->upstream_eof && !p->upstream_done && p->length > 0));
    }

    c = u->peer.connection;

    return !u->upgrade
           && (ngx_http_strangler_is_late(u)
               || (c && (c->read->eof || c->read->error) && u->length > 0));
}


/* at the end of the request, when no other server has answered after all */

void
ngx_http_strangler_count_failure(ngx_http_strangler_ctx_t *ctx)
{
    if (ctx->pending) {
        ctx->pending = 0;
        ngx_http_strangler_count(ctx, ctx->status, ctx->nsec);
    }
}


static void
ngx_http_strangler_count(ngx_http_strangler_ctx_t *ctx, ngx_uint_t status,
    uint64_t nsec)
{
    ngx_uint_t                       i, n;
    ngx_http_strangler_lane_t       *lane;
    ngx_http_strangler_main_conf_t  *mcf;

    lane = ctx->split->arm[ctx->served].lane;
    mcf = ctx->split->main;

    i = mcf->code[status < sizeof(mcf->code) ? status : 0];
    (void) ngx_atomic_fetch_add(&lane->code[i], 1);

    if (nsec == 0) {
        return;
    }

    for (i = 0; i < NGX_HTTP_STRANGLER_BOUNDS; i++) {
        if (nsec <= ngx_http_strangler_bounds[i]) {
            break;
        }
    }

    n = NGX_HTTP_STRANGLER_FINE * i;
    n += (nsec > mcf->fine[n]) + (nsec > mcf->fine[n + 1]);

    (void) ngx_atomic_fetch_add(&lane->bound[n], 1);
    (void) ngx_atomic_fetch_add(&lane->nsec, nsec);
}


uint64_t
ngx_http_strangler_now(void)
{
    struct timespec  ts;

    (void) clock_gettime(CLOCK_MONOTONIC, &ts);

    return (uint64_t) ts.tv_sec * 1000000000 + (uint64_t) ts.tv_nsec;
}
