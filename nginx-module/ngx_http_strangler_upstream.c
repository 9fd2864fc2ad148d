
/*
 * Copyright (C) Ficus authors
 */


#include "ngx_http_strangler_request.h"


static ngx_int_t ngx_http_strangler_ask(ngx_http_request_t *r,
    ngx_http_strangler_ctx_t *ctx);
static ngx_int_t ngx_http_strangler_tell(ngx_http_request_t *r,
    ngx_http_strangler_ctx_t *ctx);
static ngx_int_t ngx_http_strangler_enter(ngx_http_request_t *r,
    ngx_http_strangler_ctx_t *ctx, ngx_uint_t arm);
static ngx_int_t ngx_http_strangler_switch(ngx_http_request_t *r,
    ngx_http_strangler_ctx_t *ctx);
static ngx_int_t ngx_http_strangler_other_get(ngx_peer_connection_t *pc,
    ngx_http_strangler_ctx_t *ctx);
static ngx_http_strangler_peer_t *ngx_http_strangler_other_peer(
    ngx_http_request_t *r, ngx_http_strangler_peer_t *peer);
static ngx_int_t ngx_http_strangler_get_peer(ngx_peer_connection_t *pc,
    void *data);
static void ngx_http_strangler_free_peer(ngx_peer_connection_t *pc,
    void *data, ngx_uint_t state);

#if (NGX_HTTP_SSL)
static ngx_int_t ngx_http_strangler_set_session(ngx_peer_connection_t *pc,
    void *data);
static void ngx_http_strangler_save_session(ngx_peer_connection_t *pc,
    void *data);
#endif

static void ngx_http_strangler_notify(ngx_peer_connection_t *pc, void *data,
    ngx_uint_t type);


/*
 * The arm's own balancer does the work: its callbacks are called through ours,
 * which take the time and the outcome.
 */

ngx_int_t
ngx_http_strangler_init_peer(ngx_http_request_t *r,
    ngx_http_upstream_srv_conf_t *us)
{
    ngx_http_strangler_ctx_t       *ctx;
    ngx_http_strangler_srv_conf_t  *scf;

    scf = ngx_http_conf_upstream_srv_conf(us, ngx_http_strangler_module);

    ctx = ngx_http_strangler_decide(r, scf->split);
    if (ctx == NULL) {
        return NGX_ERROR;
    }

    if (ctx->shadow) {
        return ngx_http_strangler_ask(r, ctx);
    }

    if (ctx->route == NGX_HTTP_STRANGLER_NONE) {
        ngx_http_strangler_visit_late(r, ctx);
    }

    if (scf->split->generation_header.len
        && ngx_http_strangler_tell(r, ctx) != NGX_OK)
    {
        return NGX_ERROR;
    }

    ctx->rescuable = 0;

    if (ctx->switching && ctx->allowed) {
        return ngx_http_strangler_switch(r, ctx);
    }

    /* what another location has left, of which nginx has made nothing */

    if (ctx->switching || ctx->rescued) {
        ngx_http_strangler_remark(r, 0);
        ctx->switching = 0;
        ctx->rescued = 0;
    }

    if (ctx->pending) {
        ngx_http_strangler_count_failure(ctx);
    }

    if (ngx_http_strangler_enter(r, ctx, ctx->arm) != NGX_OK) {
        return NGX_ERROR;
    }

    if (scf->split->rescue.enabled && ctx->arm != scf->split->baseline) {
        ngx_http_strangler_rescue_init(r, ctx);
    }

    return NGX_OK;
}


/*
 * A shadow has the arm's balancer to itself: what comes of it counts neither
 * for the arm nor for its breaker.
 */

static ngx_int_t
ngx_http_strangler_ask(ngx_http_request_t *r, ngx_http_strangler_ctx_t *ctx)
{
    ngx_http_upstream_srv_conf_t  *uscf;

    uscf = ctx->split->arm[ctx->arm].uscf;

    r->upstream->peer.data = NULL;

    return uscf->peer.init(r, uscf);
}


/* which weights have decided */

static ngx_int_t
ngx_http_strangler_tell(ngx_http_request_t *r, ngx_http_strangler_ctx_t *ctx)
{
    u_char           *p;
    ngx_table_elt_t  *h;

    if (ctx->told) {
        return NGX_OK;
    }

    p = ngx_pnalloc(r->pool, NGX_INT64_LEN);
    h = ngx_list_push(&r->headers_out.headers);

    if (p == NULL || h == NULL) {
        return NGX_ERROR;
    }

    h->hash = 1;
    h->key = ctx->split->generation_header;
    h->value.data = p;
    h->value.len = ngx_sprintf(p, "%uL", ctx->generation) - p;
#if (nginx_version >= 1023000)
    h->next = NULL;
#endif

    ctx->told = 1;

    return NGX_OK;
}


static ngx_int_t
ngx_http_strangler_enter(ngx_http_request_t *r, ngx_http_strangler_ctx_t *ctx,
    ngx_uint_t arm)
{
    ngx_http_upstream_t           *u;
    ngx_http_strangler_peer_t     *peer;
    ngx_http_upstream_srv_conf_t  *uscf;

    u = r->upstream;
    peer = &ctx->split->arm[arm].peer;
    uscf = ctx->split->arm[arm].uscf;

    /* round robin takes a peer.data that it finds for its own */

    u->peer.data = NULL;

    if (uscf->peer.init(r, uscf) != NGX_OK) {
        return NGX_ERROR;
    }

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
    ctx->served = (uint8_t) arm;

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


/* the baseline takes the place of the arm that has failed */

static ngx_int_t
ngx_http_strangler_switch(ngx_http_request_t *r, ngx_http_strangler_ctx_t *ctx)
{
    ngx_uint_t            tries;
    ngx_http_upstream_t  *u;

    u = r->upstream;

    if (!ctx->allowed) {
        u->conf = ngx_http_strangler_copied(u);
    }

    ctx->switching = 0;
    ctx->pending = 0;

    if (ngx_http_strangler_enter(r, ctx, ctx->split->baseline) != NGX_OK
        || ngx_http_strangler_mark(r, ctx) != NGX_OK)
    {
        return NGX_ERROR;
    }

    tries = u->conf->next_upstream_tries;

    if (tries) {
        u->peer.tries = ngx_min(u->peer.tries, tries);
    }

#if (NGX_HTTP_CACHE)

    /* it might be taken for the arm's answer later on */

    u->cacheable = 0;

#endif

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

    ngx_int_t  rc;

    if (ctx->switching
        && ngx_http_strangler_switch(ctx->request, ctx) != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (ctx->rescued) {
        ngx_http_strangler_remark(ctx->request, 1);
    }

    ctx->nsec = ngx_http_strangler_now();

    rc = ctx->peer->get(pc, ctx->data);

    if (rc == NGX_DONE
        && !(ctx->request->method & NGX_HTTP_STRANGLER_SAFE))
    {
        ngx_http_strangler_check_kept(pc);
    }

    if (rc == NGX_BUSY || rc == NGX_ERROR) {

        /* no peer, hence no call of free */

        ngx_http_strangler_failed(ctx->request->upstream, ctx);

        if (rc == NGX_BUSY && ctx->rescuable) {
            return ngx_http_strangler_other_get(pc, ctx);
        }
    }

    return rc;
}


static ngx_int_t
ngx_http_strangler_other_get(ngx_peer_connection_t *pc,
    ngx_http_strangler_ctx_t *ctx)
{
    if (!ngx_http_strangler_rescue_busy(ctx->request, ctx)) {
        pc->tries = 0;
        return NGX_BUSY;
    }

    ctx->switching = 1;

    return ngx_http_strangler_get_peer(pc, ctx);
}


static void
ngx_http_strangler_free_peer(ngx_peer_connection_t *pc, void *data,
    ngx_uint_t state)
{
    ngx_http_strangler_ctx_t *ctx = data;

    ngx_uint_t            stale;
    ngx_http_upstream_t  *u;

    u = ctx->request->upstream;

    if (state == 0) {
        ngx_http_strangler_served(u, ctx);
        ctx->peer->free(pc, ctx->data, state);
        return;
    }

    stale = ngx_http_strangler_is_stale(u, ctx);

    ngx_http_strangler_failed(u, ctx);

    if (ctx->rescuable) {
        pc->tries--;
    }

    ctx->peer->free(pc, ctx->data, state);

    if (ctx->rescuable) {
        ngx_http_strangler_rescue_next(ctx->request, ctx, stale);
    }
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
