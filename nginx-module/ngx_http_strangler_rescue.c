
/*
 * Copyright (C) Ficus authors
 */


/*
 * A request that an arm fails is answered by the baseline, in the same
 * request.  nginx's own way to another server is used for it: while the arm is
 * asked there is one try more than its upstream has, and when that is needed
 * the baseline's balancer takes the arm's place.
 */


#include "ngx_http_strangler_request.h"


#define NGX_HTTP_STRANGLER_RESCUE_WINDOW  10000
#define NGX_HTTP_STRANGLER_RESCUE_TICK    1000

#define NGX_HTTP_STRANGLER_LATE                                               \
    (NGX_HTTP_UPSTREAM_FT_TIMEOUT|NGX_HTTP_UPSTREAM_FT_HTTP_504)


static ngx_uint_t ngx_http_strangler_failure(ngx_http_request_t *r,
    ngx_http_strangler_ctx_t *ctx, ngx_uint_t *mask);
static ngx_uint_t ngx_http_strangler_goes_on(ngx_http_request_t *r,
    ngx_http_strangler_ctx_t *ctx, ngx_uint_t mask);
static ngx_uint_t ngx_http_strangler_take(ngx_http_strangler_split_t *split);
static ngx_atomic_uint_t ngx_http_strangler_limit(
    ngx_http_strangler_split_t *split, ngx_http_strangler_row_t *row);
static ngx_atomic_uint_t ngx_http_strangler_all_requests(
    ngx_http_strangler_split_t *split);


static ngx_str_t  ngx_http_strangler_rescued_name =
    ngx_string("X-Ficus-Rescued");


/* before the arm is asked, with the tries that it has */

void
ngx_http_strangler_rescue_init(ngx_http_request_t *r,
    ngx_http_strangler_ctx_t *ctx)
{
    ngx_http_upstream_t         *u;
    ngx_http_upstream_conf_t    *conf;
    ngx_http_strangler_split_t  *split;

    split = ctx->split;

    if (split->rescue.manual
        || ngx_http_strangler_is_wish(ctx)
        || split->sh->rescue_out
        || ngx_http_strangler_state(split, split->baseline)
           == ngx_http_strangler_open)
    {
        return;
    }

    u = r->upstream;

    ctx->replay = ngx_http_strangler_replay(r);

    conf = ngx_http_strangler_copy(split, u->conf, ctx->replay);
    if (conf == NULL) {
        return;
    }

    u->conf = conf;
    u->peer.tries++;

    ctx->rescuable = 1;
}


/* the one names a route that no other arm has, the other an arm to be seen */

ngx_uint_t
ngx_http_strangler_is_wish(ngx_http_strangler_ctx_t *ctx)
{
    return ctx->decided == ngx_http_strangler_pin
           || ctx->decided == ngx_http_strangler_override;
}


/*
 * After a try of the arm has failed: pc->tries is what the arm has left.  Sets
 * it to what nginx is to believe.
 */

void
ngx_http_strangler_rescue_next(ngx_http_request_t *r,
    ngx_http_strangler_ctx_t *ctx, ngx_uint_t stale)
{
    ngx_uint_t                 mask, arms;
    ngx_http_upstream_t       *u;
    ngx_peer_connection_t     *pc;
    ngx_http_upstream_conf_t  *location;

    u = r->upstream;
    pc = &u->peer;
    location = ngx_http_strangler_copied(u);

    arms = ngx_http_strangler_failure(r, ctx, &mask);

    /* nginx adds one for a kept connection that was closed meanwhile */

    if (stale
        || (pc->tries && (location->next_upstream & arms) == arms))
    {
        pc->tries++;
        return;
    }

    ctx->rescuable = 0;
    pc->tries = 0;
    pc->cached = 0;

    if (ngx_http_strangler_goes_on(r, ctx, mask)) {
        pc->tries = 1;
        ctx->switching = 1;
    }
}


/* the arm has no server that could be asked */

ngx_uint_t
ngx_http_strangler_rescue_busy(ngx_http_request_t *r,
    ngx_http_strangler_ctx_t *ctx)
{
    ctx->rescuable = 0;

    return ngx_http_strangler_goes_on(r, ctx, NGX_HTTP_UPSTREAM_FT_ERROR);
}


/* as nginx calls the failure: *mask, and with the method's harm */

static ngx_uint_t
ngx_http_strangler_failure(ngx_http_request_t *r,
    ngx_http_strangler_ctx_t *ctx, ngx_uint_t *mask)
{
    ngx_uint_t            status;
    ngx_connection_t     *c;
    ngx_http_upstream_t  *u;

    u = r->upstream;
    c = u->peer.connection;
    status = 0;

    if (u->state->header_time != (ngx_msec_t) -1) {
        status = u->headers_in.status_n;
    }

    switch (status) {

    case 0:

        if (ngx_http_strangler_is_late(u)) {
            *mask = NGX_HTTP_UPSTREAM_FT_TIMEOUT;

        } else if (c && u->state->bytes_received && !c->write->error
                   && !c->read->eof && !c->read->error)
        {
            *mask = NGX_HTTP_UPSTREAM_FT_INVALID_HEADER;

        } else {
            *mask = NGX_HTTP_UPSTREAM_FT_ERROR;
        }

        break;

    case NGX_HTTP_FORBIDDEN:
        *mask = NGX_HTTP_UPSTREAM_FT_HTTP_403;
        break;

    case NGX_HTTP_NOT_FOUND:
        *mask = NGX_HTTP_UPSTREAM_FT_HTTP_404;
        break;

    case NGX_HTTP_TOO_MANY_REQUESTS:
        *mask = NGX_HTTP_UPSTREAM_FT_HTTP_429;
        break;

    case NGX_HTTP_BAD_GATEWAY:
        *mask = NGX_HTTP_UPSTREAM_FT_HTTP_502;
        break;

    case NGX_HTTP_SERVICE_UNAVAILABLE:
        *mask = NGX_HTTP_UPSTREAM_FT_HTTP_503;
        break;

    case NGX_HTTP_GATEWAY_TIME_OUT:
        *mask = NGX_HTTP_UPSTREAM_FT_HTTP_504;
        break;

    default:
        *mask = NGX_HTTP_UPSTREAM_FT_HTTP_500;
        break;
    }

    if (ctx->sent && (r->method & NGX_HTTP_STRANGLER_NON_IDEMPOTENT)) {
        return *mask|NGX_HTTP_UPSTREAM_FT_NON_IDEMPOTENT;
    }

    return *mask;
}


/* whether the baseline is to be asked; nginx would not go on otherwise */

static ngx_uint_t
ngx_http_strangler_goes_on(ngx_http_request_t *r,
    ngx_http_strangler_ctx_t *ctx, ngx_uint_t mask)
{
    ngx_uint_t                   late;
    ngx_msec_t                   timeout;
    ngx_http_upstream_t         *u;
    ngx_http_strangler_split_t  *split;

    u = r->upstream;
    split = ctx->split;
    timeout = u->conf->next_upstream_timeout;

    late = mask & NGX_HTTP_STRANGLER_LATE;

    if ((split->rescue.mask & mask) == 0
        || r->connection->error
        || (timeout && ngx_current_msec - u->peer.start_time >= timeout))
    {
        return 0;
    }

    if ((u->request_sent && r->request_body_no_buffering)
        || (ctx->sent
            && !ngx_http_strangler_may_repeat(ctx->replay, late)))
    {
        (void) ngx_atomic_fetch_add(&split->sh->rescue_unsafe, 1);
        return 0;
    }

    return ngx_http_strangler_take(split);
}


/*
 * For arms of different protocols, whose locations error_page joins: whether
 * the request that an arm has failed may be answered by the baseline.  Asked
 * more than once it says the same.
 */

ngx_uint_t
ngx_http_strangler_rescue_allowed(ngx_http_request_t *r,
    ngx_http_strangler_ctx_t *ctx)
{
    ngx_http_strangler_split_t  *split;

    if (ctx->allowed) {
        return 1;
    }

    split = ctx->split;

    if (!split->rescue.manual
        || !ctx->failed
        || ctx->arm == split->baseline
        || ngx_http_strangler_is_wish(ctx))
    {
        return 0;
    }

    ctx->failed = 0;

    if (ctx->sent
        && (r->request_body_no_buffering
            || !ngx_http_strangler_may_repeat(ngx_http_strangler_replay(r),
                                  ctx->status == NGX_HTTP_GATEWAY_TIME_OUT)))
    {
        (void) ngx_atomic_fetch_add(&split->sh->rescue_unsafe, 1);
        return 0;
    }

    if (ngx_http_strangler_state(split, split->baseline)
        == ngx_http_strangler_open)
    {
        return 0;
    }

    ctx->allowed = ngx_http_strangler_take(split);

    return ctx->allowed;
}


/* one more rescue, if that is within the budget */

static ngx_uint_t
ngx_http_strangler_take(ngx_http_strangler_split_t *split)
{
    ngx_atomic_uint_t          n, limit;
    ngx_http_strangler_sh_t   *sh;
    ngx_http_strangler_row_t   row;

    sh = split->sh;

    do {
        n = sh->rescues;
        limit = ngx_http_strangler_limit(split, &row);

        if (n >= limit) {
            sh->rescue_out = 1;
            (void) ngx_atomic_fetch_add(&sh->rescue_spent, 1);
            return 0;
        }

    } while (!ngx_atomic_cmp_set(&sh->rescues, n, n + 1));

    /* from now on arms' own answers come through */

    if (n + 1 >= limit) {
        sh->rescue_out = 1;
    }

    return 1;
}


/* the number of rescues that must not be passed now */

static ngx_atomic_uint_t
ngx_http_strangler_limit(ngx_http_strangler_split_t *split,
    ngx_http_strangler_row_t *row)
{
    ngx_atomic_uint_t  n;

    ngx_http_strangler_window_get(&split->sh->rescue_window,
                                  ngx_current_msec
                                  - NGX_HTTP_STRANGLER_RESCUE_WINDOW, row);
    if (row->at == 0) {
        row->a = split->sh->rescues;
        row->b = ngx_http_strangler_all_requests(split);
    }

    n = ngx_http_strangler_all_requests(split) - row->b;

    return row->a + split->rescue.floor
           + n * split->rescue.budget / NGX_HTTP_STRANGLER_SLOTS;
}


static ngx_atomic_uint_t
ngx_http_strangler_all_requests(ngx_http_strangler_split_t *split)
{
    ngx_uint_t         arm;
    ngx_atomic_uint_t  requests;

    requests = 0;

    for (arm = 0; arm < split->narms; arm++) {
        requests += ngx_http_strangler_requests(split, arm);
    }

    return requests;
}


void
ngx_http_strangler_rescue_tick(ngx_http_strangler_split_t *split)
{
    ngx_http_strangler_sh_t   *sh;
    ngx_http_strangler_row_t   row;

    sh = split->sh;

    ngx_http_strangler_window_get(&sh->rescue_window,
                                  ngx_current_msec
                                  - NGX_HTTP_STRANGLER_RESCUE_TICK, &row);
    if (row.at == 0) {
        ngx_http_strangler_window_add(&sh->rescue_window, ngx_current_msec,
                                      sh->rescues,
                                      ngx_http_strangler_all_requests(split));
    }

    if (sh->rescue_out && sh->rescues < ngx_http_strangler_limit(split, &row))
    {
        sh->rescue_out = 0;
    }
}


/* tells the client */

ngx_int_t
ngx_http_strangler_mark(ngx_http_request_t *r, ngx_http_strangler_ctx_t *ctx)
{
    ngx_table_elt_t  *h;

    h = ngx_list_push(&r->headers_out.headers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    h->hash = 1;
    h->key = ngx_http_strangler_rescued_name;
    h->value = ctx->split->arm[ctx->arm].name;
    h->lowcase_key = (u_char *) "x-ficus-rescued";
#if (nginx_version >= 1023000)
    h->next = NULL;
#endif

    ctx->rescued = 1;

    return NGX_OK;
}


/* each server of the baseline that is asked may fail as well */

void
ngx_http_strangler_remark(ngx_http_request_t *r, ngx_uint_t on)
{
    ngx_uint_t        i;
    ngx_table_elt_t  *h;
    ngx_list_part_t  *part;

    for (part = &r->headers_out.headers.part; part; part = part->next) {
        h = part->elts;

        for (i = 0; i < part->nelts; i++) {
            if (h[i].key.data == ngx_http_strangler_rescued_name.data) {
                h[i].hash = on;
            }
        }
    }
}
