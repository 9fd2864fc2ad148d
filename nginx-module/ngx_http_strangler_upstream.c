
/*
 * Copyright (C) Ficus authors
 */


#include "ngx_http_strangler.h"


#define NGX_HTTP_STRANGLER_NO_HEADER  ((ngx_msec_t) -1)


static ngx_int_t ngx_http_strangler_enter(ngx_http_request_t *r,
    ngx_http_strangler_ctx_t *ctx);
static ngx_http_strangler_peer_t *ngx_http_strangler_other_peer(
    ngx_http_request_t *r, ngx_http_strangler_peer_t *peer);
static ngx_int_t ngx_http_strangler_get_peer(ngx_peer_connection_t *pc,
    void *data);
static void ngx_http_strangler_free_peer(ngx_peer_connection_t *pc,
    void *data, ngx_uint_t state);
static void ngx_http_strangler_served(ngx_http_upstream_t *u,
    ngx_http_strangler_ctx_t *ctx);
static void ngx_http_strangler_failed(ngx_http_upstream_t *u,
    ngx_http_strangler_ctx_t *ctx);
static ngx_uint_t ngx_http_strangler_is_stale(ngx_http_upstream_t *u);
static void ngx_http_strangler_count(ngx_http_strangler_ctx_t *ctx,
    ngx_uint_t status, uint64_t nsec);
static uint64_t ngx_http_strangler_now(void);

#if (NGX_HTTP_SSL)
static ngx_int_t ngx_http_strangler_set_session(ngx_peer_connection_t *pc,
    void *data);
static void ngx_http_strangler_save_session(ngx_peer_connection_t *pc,
    void *data);
#endif

static void ngx_http_strangler_notify(ngx_peer_connection_t *pc, void *data,
    ngx_uint_t type);


/* upper bounds of the histogram's buckets, nanoseconds */

const uint64_t  ngx_http_strangler_bounds[NGX_HTTP_STRANGLER_BOUNDS] = {
    500000, 1000000, 2500000, 5000000, 10000000, 25000000, 50000000,
    100000000, 250000000, 500000000, 1000000000, 2500000000, 5000000000,
    10000000000
};


/*
 * The arm's own balancer does the work: its callbacks are called through ours,
 * which take the time and the outcome.
 */

ngx_int_t
ngx_http_strangler_init_peer(ngx_http_request_t *r,
    ngx_http_upstream_srv_conf_t *us)
{
    ngx_http_strangler_ctx_t       *ctx;
    ngx_http_upstream_srv_conf_t   *arm;
    ngx_http_strangler_srv_conf_t  *scf;

    scf = ngx_http_conf_upstream_srv_conf(us, ngx_http_strangler_module);

    ctx = ngx_http_strangler_decide(r, scf->split);
    if (ctx == NULL) {
        return NGX_ERROR;
    }

    if (ctx->pending) {
        ngx_http_strangler_count_failure(ctx);
    }

    arm = scf->split->arm[ctx->arm].uscf;

    /* round robin takes a peer.data that it finds for its own */

    r->upstream->peer.data = NULL;

    if (arm->peer.init(r, arm) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_http_strangler_enter(r, ctx);
}


static ngx_int_t
ngx_http_strangler_enter(ngx_http_request_t *r, ngx_http_strangler_ctx_t *ctx)
{
    ngx_http_upstream_t        *u;
    ngx_http_strangler_peer_t  *peer;

    u = r->upstream;
    peer = &ctx->split->arm[ctx->arm].peer;

    if (peer->get != u->peer.get
        || peer->free != u->peer.free
#if (NGX_HTTP_SSL)
        || peer->set_session != u->peer.set_session
        || peer->save_session != u->peer.save_session
#endif
        || peer->notify != u->peer.notify)
    {
        peer = ngx_http_strangler_other_peer(r, peer);
        if (peer == NULL) {
            return NGX_ERROR;
        }
    }

    ctx->peer = peer;
    ctx->data = u->peer.data;

    u->peer.data = ctx;
    u->peer.get = ngx_http_strangler_get_peer;
    u->peer.free = ngx_http_strangler_free_peer;

#if (NGX_HTTP_SSL)
    if (u->ssl) {
        u->peer.set_session = ngx_http_strangler_set_session;
        u->peer.save_session = ngx_http_strangler_save_session;
    }
#endif

    if (peer->notify) {
        u->peer.notify = ngx_http_strangler_notify;
    }

    return NGX_OK;
}


/* the first request of an arm in this process, or one unlike the others */

static ngx_http_strangler_peer_t *
ngx_http_strangler_other_peer(ngx_http_request_t *r,
    ngx_http_strangler_peer_t *peer)
{
    ngx_http_upstream_t  *u;

    u = r->upstream;

    if (peer->get != NULL) {
        peer = ngx_palloc(r->pool, sizeof(ngx_http_strangler_peer_t));
        if (peer == NULL) {
            return NULL;
        }
    }

    peer->get = u->peer.get;
    peer->free = u->peer.free;
#if (NGX_HTTP_SSL)
    peer->set_session = u->peer.set_session;
    peer->save_session = u->peer.save_session;
#endif
    peer->notify = u->peer.notify;

    return peer;
}


static ngx_int_t
ngx_http_strangler_get_peer(ngx_peer_connection_t *pc, void *data)
{
    ngx_http_strangler_ctx_t *ctx = data;

    ngx_int_t             rc;
    ngx_http_upstream_t  *u;

    ctx->served = ctx->arm;
    ctx->nsec = ngx_http_strangler_now();

    rc = ctx->peer->get(pc, ctx->data);

    if (rc == NGX_BUSY || rc == NGX_ERROR) {

        /* no peer, hence no call of free */

        u = (ngx_http_upstream_t *) ((u_char *) pc
                                   - offsetof(ngx_http_upstream_t, peer));

        ngx_http_strangler_failed(u, ctx);
        ctx->status = NGX_HTTP_BAD_GATEWAY;
    }

    return rc;
}


static void
ngx_http_strangler_free_peer(ngx_peer_connection_t *pc, void *data,
    ngx_uint_t state)
{
    ngx_http_strangler_ctx_t *ctx = data;

    ngx_http_upstream_t  *u;

    u = (ngx_http_upstream_t *) ((u_char *) pc
                               - offsetof(ngx_http_upstream_t, peer));

    if (state == 0) {
        ngx_http_strangler_served(u, ctx);

    } else {
        ngx_http_strangler_failed(u, ctx);
    }

    ctx->peer->free(pc, ctx->data, state);
}


/* nginx goes no further: this is the arm's answer, or the client has gone */

static void
ngx_http_strangler_served(ngx_http_upstream_t *u,
    ngx_http_strangler_ctx_t *ctx)
{
    uint64_t                    nsec;
    ngx_uint_t                  status;
    ngx_http_strangler_lane_t  *lane;

    if (u->state->header_time == NGX_HTTP_STRANGLER_NO_HEADER) {
        ngx_http_strangler_keep_ctx(ctx);
        ctx->pending = 0;
        return;
    }

    nsec = u->upgrade ? 0 : ngx_http_strangler_now() - ctx->nsec;
    status = u->headers_in.status_n;

    ngx_http_strangler_count(ctx, status, nsec);
    ctx->pending = 0;

    if (status >= NGX_HTTP_INTERNAL_SERVER_ERROR) {
        lane = ctx->split->arm[ctx->arm].lane;
        (void) ngx_atomic_fetch_add(&lane->failures, 1);
    }

    /* error_page and X-Accel-Redirect may follow */

    if (status >= NGX_HTTP_SPECIAL_RESPONSE
        || u->headers_in.x_accel_redirect)
    {
        ngx_http_strangler_keep_ctx(ctx);
    }
}


/* nginx may try another server; only the last failure is counted as answer */

static void
ngx_http_strangler_failed(ngx_http_upstream_t *u,
    ngx_http_strangler_ctx_t *ctx)
{
    ngx_uint_t                  status;
    ngx_http_strangler_lane_t  *lane;

    ngx_http_strangler_keep_ctx(ctx);

    status = NGX_HTTP_BAD_GATEWAY;

    if (u->state->header_time != NGX_HTTP_STRANGLER_NO_HEADER) {
        status = u->headers_in.status_n;

    } else if (u->peer.connection
               && (u->peer.connection->read->timedout
                   || u->peer.connection->write->timedout))
    {
        status = NGX_HTTP_GATEWAY_TIME_OUT;
    }

    ctx->pending = 1;
    ctx->status = (uint16_t) status;
    ctx->nsec = ngx_http_strangler_now() - ctx->nsec;

    if (status >= NGX_HTTP_INTERNAL_SERVER_ERROR
        && !ngx_http_strangler_is_stale(u))
    {
        lane = ctx->split->arm[ctx->arm].lane;
        (void) ngx_atomic_fetch_add(&lane->failures, 1);
    }
}


/*
 * A kept connection that the server had closed meanwhile: nobody's failure,
 * nginx tries once more.
 */

static ngx_uint_t
ngx_http_strangler_is_stale(ngx_http_upstream_t *u)
{
    ngx_peer_connection_t  *pc;

    pc = &u->peer;

    return pc->cached
           && pc->connection
           && !pc->connection->read->timedout
           && !pc->connection->write->timedout
           && u->state->header_time == NGX_HTTP_STRANGLER_NO_HEADER
           && u->buffer.last == u->buffer.pos;
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
    ngx_uint_t                       i;
    ngx_http_strangler_lane_t       *lane;
    ngx_http_strangler_main_conf_t  *mcf;

    lane = ctx->split->arm[ctx->arm].lane;
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

    (void) ngx_atomic_fetch_add(&lane->bound[i], 1);
    (void) ngx_atomic_fetch_add(&lane->nsec, nsec);
}


static uint64_t
ngx_http_strangler_now(void)
{
    struct timespec  ts;

    (void) clock_gettime(CLOCK_MONOTONIC, &ts);

    return (uint64_t) ts.tv_sec * 1000000000 + (uint64_t) ts.tv_nsec;
}


ngx_http_strangler_ctx_t *
ngx_http_strangler_upstream_ctx(ngx_http_request_t *r)
{
    ngx_http_strangler_ctx_t  *ctx;

    if (r->upstream == NULL
        || r->upstream->peer.free != ngx_http_strangler_free_peer)
    {
        return NULL;
    }

    ctx = r->upstream->peer.data;

    return ctx->request == r ? ctx : NULL;
}


#if (NGX_HTTP_SSL)

static ngx_int_t
ngx_http_strangler_set_session(ngx_peer_connection_t *pc, void *data)
{
    ngx_http_strangler_ctx_t *ctx = data;

    return ctx->peer->set_session(pc, ctx->data);
}


static void
ngx_http_strangler_save_session(ngx_peer_connection_t *pc, void *data)
{
    ngx_http_strangler_ctx_t *ctx = data;

    ctx->peer->save_session(pc, ctx->data);
}

#endif


static void
ngx_http_strangler_notify(ngx_peer_connection_t *pc, void *data,
    ngx_uint_t type)
{
    ngx_http_strangler_ctx_t *ctx = data;

    ctx->peer->notify(pc, ctx->data, type);
}
