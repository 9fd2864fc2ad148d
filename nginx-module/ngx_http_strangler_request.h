
/*
 * Copyright (C) Ficus authors
 */


/*
 * What happens to a request: the arm that it gets, what comes back, what else
 * is done for it.  Nothing of the API and of directives.
 */


#ifndef NGX_HTTP_STRANGLER_REQUEST_H_INCLUDED
#define NGX_HTTP_STRANGLER_REQUEST_H_INCLUDED


#include "ngx_http_strangler.h"


/* request */

ngx_http_strangler_ctx_t *ngx_http_strangler_find_ctx(ngx_http_request_t *r,
    ngx_http_strangler_split_t *split);
ngx_http_strangler_ctx_t *ngx_http_strangler_add_ctx(ngx_http_request_t *r,
    ngx_http_strangler_split_t *split);
void ngx_http_strangler_keep_ctx(ngx_http_strangler_ctx_t *ctx);
ngx_int_t ngx_http_strangler_post_read_handler(ngx_http_request_t *r);
ngx_str_t *ngx_http_strangler_stripped(ngx_http_request_t *r, ngx_str_t *name);
ngx_str_t *ngx_http_strangler_header(ngx_http_request_t *r, char *lowcase,
    size_t len);

/* route */

ngx_http_strangler_ctx_t *ngx_http_strangler_decide(ngx_http_request_t *r,
    ngx_http_strangler_split_t *split);
void ngx_http_strangler_visit_late(ngx_http_request_t *r,
    ngx_http_strangler_ctx_t *ctx);
void ngx_http_strangler_visit_other(ngx_http_strangler_ctx_t *ctx);

/* upstream */

ngx_int_t ngx_http_strangler_init_upstream(ngx_conf_t *cf,
    ngx_http_upstream_srv_conf_t *us);
ngx_int_t ngx_http_strangler_init_peer(ngx_http_request_t *r,
    ngx_http_upstream_srv_conf_t *us);
ngx_http_strangler_ctx_t *ngx_http_strangler_upstream_ctx(
    ngx_http_request_t *r);

/* rescue */

void ngx_http_strangler_rescue_init(ngx_http_request_t *r,
    ngx_http_strangler_ctx_t *ctx);
void ngx_http_strangler_rescue_next(ngx_http_request_t *r,
    ngx_http_strangler_ctx_t *ctx, ngx_uint_t stale);
ngx_uint_t ngx_http_strangler_rescue_busy(ngx_http_request_t *r,
    ngx_http_strangler_ctx_t *ctx);
ngx_uint_t ngx_http_strangler_rescue_allowed(ngx_http_request_t *r,
    ngx_http_strangler_ctx_t *ctx);
ngx_uint_t ngx_http_strangler_is_wish(ngx_http_strangler_ctx_t *ctx);
void ngx_http_strangler_rescue_tick(ngx_http_strangler_split_t *split);
ngx_int_t ngx_http_strangler_mark(ngx_http_request_t *r,
    ngx_http_strangler_ctx_t *ctx);
void ngx_http_strangler_remark(ngx_http_request_t *r, ngx_uint_t on);

/* replay */

ngx_uint_t ngx_http_strangler_replay(ngx_http_request_t *r);
ngx_uint_t ngx_http_strangler_may_repeat(ngx_uint_t replay, ngx_uint_t late);
ngx_http_upstream_conf_t *ngx_http_strangler_copy(
    ngx_http_strangler_split_t *split, ngx_http_upstream_conf_t *location,
    ngx_uint_t replay);
ngx_http_upstream_conf_t *ngx_http_strangler_copied(ngx_http_upstream_t *u);
ngx_uint_t ngx_http_strangler_was_sent(ngx_http_upstream_t *u);
void ngx_http_strangler_check_kept(ngx_peer_connection_t *pc);
ngx_uint_t ngx_http_strangler_is_stale(ngx_http_upstream_t *u,
    ngx_http_strangler_ctx_t *ctx);

/* shadow */

void ngx_http_strangler_sample(ngx_http_request_t *r,
    ngx_http_strangler_ctx_t *ctx);

/* count */

void ngx_http_strangler_served(ngx_http_upstream_t *u,
    ngx_http_strangler_ctx_t *ctx);
void ngx_http_strangler_failed(ngx_http_upstream_t *u,
    ngx_http_strangler_ctx_t *ctx);
void ngx_http_strangler_count_failure(ngx_http_strangler_ctx_t *ctx);
ngx_uint_t ngx_http_strangler_is_late(ngx_http_upstream_t *u);
uint64_t ngx_http_strangler_now(void);

/* vars */

ngx_int_t ngx_http_strangler_add_variables(ngx_conf_t *cf,
    ngx_http_strangler_split_t *split);


#endif /* NGX_HTTP_STRANGLER_REQUEST_H_INCLUDED */
