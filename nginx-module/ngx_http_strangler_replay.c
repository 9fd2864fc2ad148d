
/*
 * Copyright (C) Ficus authors
 */


/*
 * Which requests may be sent twice.  nginx decides by the configuration of the
 * location which failures lead to another server.  It is given a copy which has
 * ours besides; the arm itself gets no more tries than the location allows.
 */


#include "ngx_http_strangler_request.h"


#define NGX_HTTP_STRANGLER_STATUSES                                           \
    (NGX_HTTP_UPSTREAM_FT_HTTP_500|NGX_HTTP_UPSTREAM_FT_HTTP_502              \
     |NGX_HTTP_UPSTREAM_FT_HTTP_503|NGX_HTTP_UPSTREAM_FT_HTTP_504             \
     |NGX_HTTP_UPSTREAM_FT_HTTP_403|NGX_HTTP_UPSTREAM_FT_HTTP_404             \
     |NGX_HTTP_UPSTREAM_FT_HTTP_429)


/* the location's configuration, for each kind of request */

typedef struct {
    ngx_http_upstream_conf_t         conf;
    ngx_http_upstream_conf_t        *location;
} ngx_http_strangler_copy_t;


struct ngx_http_strangler_copies_s {
    ngx_http_strangler_copies_t     *next;
    ngx_http_upstream_conf_t        *location;
    ngx_http_strangler_copy_t        copy[ngx_http_strangler_replays];
};


static void ngx_http_strangler_allow(ngx_http_upstream_conf_t *conf,
    ngx_uint_t mask, ngx_uint_t replay);


/*
 * An arm that is late may carry out a write after the baseline has, and after
 * all that came later.  What a condition promises holds for the first time
 * only: the second would be told that somebody else was faster.
 */

ngx_uint_t
ngx_http_strangler_replay(ngx_http_request_t *r)
{
    ngx_str_t  *key;

    if (r->method & NGX_HTTP_STRANGLER_SAFE) {
        return ngx_http_strangler_always;
    }

    key = ngx_http_strangler_header(r, "idempotency-key",
                                    sizeof("idempotency-key") - 1);

    if (key != NULL && key->len != 0) {
        return ngx_http_strangler_always;
    }

    if ((r->method & (NGX_HTTP_PUT|NGX_HTTP_DELETE))
        && r->headers_in.if_match == NULL
        && r->headers_in.if_none_match == NULL
        && r->headers_in.if_unmodified_since == NULL)
    {
        return ngx_http_strangler_unless_late;
    }

    return (r->method & NGX_HTTP_STRANGLER_NON_IDEMPOTENT)
           ? ngx_http_strangler_posted : ngx_http_strangler_never;
}


ngx_uint_t
ngx_http_strangler_may_repeat(ngx_uint_t replay, ngx_uint_t late)
{
    return replay == ngx_http_strangler_always
           || (replay == ngx_http_strangler_unless_late && !late);
}


/* made once for each location in each worker process */

ngx_http_upstream_conf_t *
ngx_http_strangler_copy(ngx_http_strangler_split_t *split,
    ngx_http_upstream_conf_t *location, ngx_uint_t replay)
{
    ngx_uint_t                    i;
    ngx_http_strangler_copies_t  *copies;

    for (copies = split->copies; copies; copies = copies->next) {
        if (copies->location == location) {
            return &copies->copy[replay].conf;
        }
    }

    copies = ngx_palloc(split->pool, sizeof(ngx_http_strangler_copies_t));
    if (copies == NULL) {
        return NULL;
    }

    for (i = 0; i < ngx_http_strangler_replays; i++) {
        copies->copy[i].conf = *location;
        copies->copy[i].location = location;

        ngx_http_strangler_allow(&copies->copy[i].conf, split->rescue.mask, i);
    }

    copies->location = location;
    copies->next = split->copies;
    split->copies = copies;

    return &copies->copy[replay].conf;
}


/*
 * The answer of a request that was sent and must not be repeated must come
 * through, so no status is a failure then.
 */

static void
ngx_http_strangler_allow(ngx_http_upstream_conf_t *conf, ngx_uint_t mask,
    ngx_uint_t replay)
{
    if (conf->next_upstream_tries) {
        conf->next_upstream_tries++;
    }

    switch (replay) {

    case ngx_http_strangler_posted:

        if (!(conf->next_upstream & NGX_HTTP_UPSTREAM_FT_NON_IDEMPOTENT)) {
            conf->next_upstream &= ~NGX_HTTP_STRANGLER_STATUSES;
        }

        mask &= ~NGX_HTTP_STRANGLER_STATUSES;
        break;

    case ngx_http_strangler_never:
        mask &= ~NGX_HTTP_STRANGLER_STATUSES;
        break;

    case ngx_http_strangler_unless_late:
        mask &= ~NGX_HTTP_UPSTREAM_FT_HTTP_504;
        break;

    default: /* ngx_http_strangler_always */
        break;
    }

    /* whether anything was sent is for us to say */

    conf->next_upstream |= mask|NGX_HTTP_UPSTREAM_FT_NON_IDEMPOTENT;
}


/* the location's own, while a copy is in its place */

ngx_http_upstream_conf_t *
ngx_http_strangler_copied(ngx_http_upstream_t *u)
{
    ngx_http_strangler_copy_t  *copy;

    copy = (ngx_http_strangler_copy_t *) u->conf;

    return copy->location;
}


/*
 * Whether this try has sent any byte of the request.  nginx takes a request
 * for sent when it begins to send it.
 */

ngx_uint_t
ngx_http_strangler_was_sent(ngx_http_upstream_t *u)
{
    ngx_connection_t  *c;

    c = u->peer.connection;

    return c && u->request_sent && c->sent != 0;
}


/*
 * A kept connection that the server has closed, before a write goes there.  On
 * TCP it would seem to be sent and nobody could tell what became of it.
 */

void
ngx_http_strangler_check_kept(ngx_peer_connection_t *pc)
{
    u_char   byte;
    ssize_t  n;

    n = recv(pc->connection->fd, &byte, 1, MSG_PEEK);

    if (n == 0 || (n == -1 && ngx_socket_errno != NGX_EAGAIN)) {
        (void) ngx_shutdown_socket(pc->connection->fd, NGX_WRITE_SHUTDOWN);
    }
}


/*
 * A kept connection that the server had closed meanwhile: nobody's failure if
 * nothing was sent, or nginx tries once more.
 */

ngx_uint_t
ngx_http_strangler_is_stale(ngx_http_upstream_t *u,
    ngx_http_strangler_ctx_t *ctx)
{
    ngx_uint_t           next, mask;
    ngx_http_request_t  *r;

    if (!u->peer.cached
        || u->peer.connection == NULL
        || ngx_http_strangler_is_late(u)
        || u->state->header_time != (ngx_msec_t) -1
        || u->state->bytes_received != 0)
    {
        return 0;
    }

    if (u->peer.connection->sent == 0) {
        return 1;
    }

    r = ctx->request;
    next = u->conf->next_upstream;

    if (ctx->rescuable && !ngx_http_strangler_may_repeat(ctx->replay, 0)) {
        next = ngx_http_strangler_copied(u)->next_upstream;
    }

    mask = NGX_HTTP_UPSTREAM_FT_ERROR;

    if (r->method & NGX_HTTP_STRANGLER_NON_IDEMPOTENT) {
        mask |= NGX_HTTP_UPSTREAM_FT_NON_IDEMPOTENT;
    }

    return (next & mask) == mask && !r->request_body_no_buffering;
}
