
/*
 * Copyright (C) Ficus authors
 */


/*
 * Which requests another arm gets, too, and the life of such a shadow: chosen
 * when the arm is, started when the client has its answer, given up for
 * whatever a client might need itself.
 */


#include "ngx_http_strangler_shadow.h"


static ngx_uint_t ngx_http_strangler_wanted(ngx_http_request_t *r,
    ngx_http_strangler_ctx_t *ctx);
static ngx_int_t ngx_http_strangler_room(ngx_http_request_t *r,
    ngx_http_strangler_split_t *split, ngx_uint_t *why);
static ngx_int_t ngx_http_strangler_shadow_create(ngx_http_request_t *r,
    ngx_http_strangler_ctx_t *ctx);
static void ngx_http_strangler_shadow_destroy(ngx_http_strangler_shadow_t *s);
static void ngx_http_strangler_client_done(void *data);
static ngx_int_t ngx_http_strangler_usable(ngx_http_strangler_shadow_t *s,
    ngx_uint_t *why);
static void ngx_http_strangler_plan(ngx_http_strangler_shadow_t *s);
static ngx_int_t ngx_http_strangler_send_shadow(
    ngx_http_strangler_shadow_t *s);
static void ngx_http_strangler_judge_shadow(ngx_http_strangler_shadow_t *s,
    ngx_http_strangler_capture_t *baseline,
    ngx_http_strangler_capture_t *other, ngx_uint_t noise);


void
ngx_http_strangler_shadow_init(ngx_cycle_t *cycle,
    ngx_http_strangler_main_conf_t *mcf)
{
    int                             fd[2];
    ngx_uint_t                      i;
    ngx_http_strangler_split_t    **split;
    ngx_http_strangler_shadows_t   *shadows;

    ngx_queue_init(&mcf->shadows);
    mcf->nobody = (ngx_socket_t) -1;

    if (mcf->shadowed == 0
        || ngx_http_strangler_once_init(cycle, mcf) != NGX_OK)
    {
        return;
    }

    if (socketpair(AF_UNIX, SOCK_STREAM, 0, fd) == -1) {
        ngx_log_error(NGX_LOG_ALERT, cycle->log, ngx_errno,
                      "socketpair() for shadow requests failed");
        return;
    }

    if (ngx_nonblocking(fd[0]) == -1) {
        ngx_log_error(NGX_LOG_ALERT, cycle->log, ngx_errno,
                      ngx_nonblocking_n " for shadow requests failed");
        return;
    }

    mcf->nobody = fd[0];
    split = mcf->splits.elts;

    for (i = 0; i < mcf->splits.nelts; i++) {
        if (split[i]->shadow) {
            shadows = split[i]->sh->shadows;
            split[i]->shadow->running = ngx_http_strangler_claim(shadows);
            ngx_queue_init(&split[i]->shadow->chosen);
        }
    }
}


/* a request that has just been decided, while the split has a share */

void
ngx_http_strangler_sample(ngx_http_request_t *r, ngx_http_strangler_ctx_t *ctx)
{
    ngx_uint_t                   why;
    ngx_http_strangler_split_t  *split;
    ngx_http_strangler_local_t  *local;

    split = ctx->split;
    local = split->local;

    if (!ngx_http_strangler_wanted(r, ctx)) {
        return;
    }

    local->shadow_sum += local->shadow;

    if (local->shadow_sum < NGX_HTTP_STRANGLER_SLOTS) {
        return;
    }

    local->shadow_sum -= NGX_HTTP_STRANGLER_SLOTS;

    if (ngx_http_strangler_room(r, split, &why) != NGX_OK
        || ngx_http_strangler_shadow_create(r, ctx) != NGX_OK)
    {
        (void) ngx_atomic_fetch_add(&split->sh->shadows->dropped[why], 1);
    }
}


/* a route with a pin has but one arm */

static ngx_uint_t
ngx_http_strangler_wanted(ngx_http_request_t *r, ngx_http_strangler_ctx_t *ctx)
{
    ngx_uint_t                      methods;
    ngx_http_strangler_loc_conf_t  *lcf;

    lcf = ngx_http_get_module_loc_conf(r, ngx_http_strangler_module);
    methods = lcf->shadow_methods;

    if (methods == 0) {
        methods = ctx->split->shadow->methods;
    }

    return r == r->main
           && ctx->decided != ngx_http_strangler_pin
           && (r->method & methods & ~NGX_HTTP_STRANGLER_NO_METHODS)
           && ngx_http_strangler_shadow_of(r) == NULL;
}


/* one connection goes to the arm; an eighth of them stays for clients */

static ngx_int_t
ngx_http_strangler_room(ngx_http_request_t *r,
    ngx_http_strangler_split_t *split, ngx_uint_t *why)
{
    ngx_http_strangler_shadow_conf_t  *conf;

    conf = split->shadow;

    *why = ngx_http_strangler_drop_exit;

    if (ngx_exiting || ngx_terminate) {
        return NGX_DECLINED;
    }

    *why = ngx_http_strangler_drop_size;

    if (r->headers_in.content_length_n > (off_t) conf->body) {
        return NGX_DECLINED;
    }

    *why = ngx_http_strangler_drop_connections;

    if (split->main->nobody == (ngx_socket_t) -1
        || ngx_cycle->free_connection_n < ngx_cycle->connection_n / 8 + 2)
    {
        return NGX_DECLINED;
    }

    *why = ngx_http_strangler_drop_busy;

    if (conf->running == NULL) {
        return NGX_DECLINED;
    }

    if (ngx_http_strangler_in_flight(split) < conf->in_flight) {
        return NGX_OK;
    }

    ngx_http_strangler_clear_dead(split->sh->shadows);

    return ngx_http_strangler_in_flight(split) < conf->in_flight
           ? NGX_OK : NGX_DECLINED;
}


static ngx_int_t
ngx_http_strangler_shadow_create(ngx_http_request_t *r,
    ngx_http_strangler_ctx_t *ctx)
{
    ngx_pool_t                   *pool;
    ngx_http_cleanup_t           *cln;
    ngx_http_strangler_split_t   *split;
    ngx_http_strangler_shadow_t  *s;

    split = ctx->split;

    cln = ngx_http_cleanup_add(r, 0);
    if (cln == NULL) {
        return NGX_ERROR;
    }

    pool = ngx_create_pool(NGX_DEFAULT_POOL_SIZE / 4, ngx_cycle->log);
    if (pool == NULL) {
        return NGX_ERROR;
    }

    s = ngx_pcalloc(pool, sizeof(ngx_http_strangler_shadow_t));
    if (s == NULL) {
        ngx_destroy_pool(pool);
        return NGX_ERROR;
    }

    s->pool = pool;
    s->split = split;
    s->request = r;
    s->cleanup = cln;
    s->chosen = ngx_current_msec;
    s->into = &s->first;

    cln->handler = ngx_http_strangler_client_done;
    cln->data = s;

    ngx_queue_insert_tail(&split->shadow->chosen, &s->queue);

    split->shadow->running->n++;
    ngx_http_strangler_capture_more();

    if (r->request_body_no_buffering && r->request_body
        && ngx_http_strangler_body_streamed(s, r->request_body->bufs)
           != NGX_OK)
    {
        s->copy.unkept = 1;
    }

    return NGX_OK;
}


static void
ngx_http_strangler_shadow_destroy(ngx_http_strangler_shadow_t *s)
{
    ngx_queue_remove(&s->queue);

    s->split->shadow->running->n--;
    ngx_http_strangler_capture_less();

    ngx_destroy_pool(s->pool);
}


void
ngx_http_strangler_shadow_drop(ngx_http_strangler_shadow_t *s, ngx_uint_t why)
{
    (void) ngx_atomic_fetch_add(&s->split->sh->shadows->dropped[why], 1);

    ngx_http_strangler_shadow_destroy(s);
}


/* while the client's request goes on */

void
ngx_http_strangler_give_up(ngx_http_strangler_shadow_t *s)
{
    s->cleanup->data = NULL;

    ngx_http_strangler_shadow_drop(s, ngx_http_strangler_drop_unfinished);
}


/* clients with endless answers must not keep all that may be in flight */

void
ngx_http_strangler_shadow_tick(ngx_http_strangler_split_t *split)
{
    ngx_queue_t                       *q, *next;
    ngx_http_strangler_shadow_t       *s;
    ngx_http_strangler_shadow_conf_t  *conf;

    conf = split->shadow;

    if (conf == NULL || conf->running == NULL
        || ngx_http_strangler_in_flight(split) < conf->in_flight)
    {
        return;
    }

    for (q = ngx_queue_head(&conf->chosen);
         q != ngx_queue_sentinel(&conf->chosen);
         q = next)
    {
        next = ngx_queue_next(q);
        s = ngx_queue_data(q, ngx_http_strangler_shadow_t, queue);

        if (ngx_current_msec - s->chosen < conf->timeout) {
            return;
        }

        ngx_http_strangler_give_up(s);
    }
}


/* the shadow that a client's request will have; NULL if none */

ngx_http_strangler_shadow_t *
ngx_http_strangler_sampled(ngx_http_request_t *r)
{
    ngx_http_cleanup_t  *cln;

    for (cln = r->main->cleanup; cln; cln = cln->next) {
        if (cln->handler == ngx_http_strangler_client_done) {
            return cln->data;
        }
    }

    return NULL;
}


/* nginx ends the client's request: all of it is still there */

static void
ngx_http_strangler_client_done(void *data)
{
    ngx_http_strangler_shadow_t *s = data;

    ngx_uint_t           why;
    ngx_http_request_t  *r;

    if (s == NULL) {
        return;
    }

    r = s->request;

    if (ngx_http_strangler_usable(s, &why) != NGX_OK) {
        ngx_http_strangler_shadow_drop(s, why);
        return;
    }

    ngx_http_strangler_plan(s);

    if (ngx_http_strangler_state(s->split, s->asked)
        == ngx_http_strangler_open)
    {
        ngx_http_strangler_shadow_drop(s, ngx_http_strangler_drop_breaker);
        return;
    }

    if (ngx_http_strangler_copy_client(s, r) != NGX_OK
        || ngx_http_strangler_copy_request(s, r) != NGX_OK
        || ngx_http_strangler_once_keep(s, r) != NGX_OK)
    {
        ngx_http_strangler_shadow_drop(s, ngx_http_strangler_drop_busy);
        return;
    }

    s->request = NULL;
    s->into = &s->second;

    if (ngx_http_strangler_send_shadow(s) == NGX_OK) {
        ngx_queue_remove(&s->queue);
        ngx_queue_insert_tail(&s->split->main->shadows, &s->queue);
        return;
    }

    ngx_http_strangler_shadow_drop(s, ngx_http_strangler_drop_connections);
}


static ngx_int_t
ngx_http_strangler_usable(ngx_http_strangler_shadow_t *s, ngx_uint_t *why)
{
    ngx_http_strangler_ctx_t  *ctx;

    *why = ngx_http_strangler_drop_exit;

    if (ngx_exiting || ngx_terminate) {
        return NGX_DECLINED;
    }

    *why = ngx_http_strangler_drop_size;

    if (s->copy.unkept) {
        return NGX_DECLINED;
    }

    *why = ngx_http_strangler_drop_cached;

    if (s->first.cached) {
        return NGX_DECLINED;
    }

    *why = ngx_http_strangler_drop_unfinished;

    ctx = ngx_http_strangler_find_ctx(s->request, s->split);

    if (ctx == NULL || !s->first.complete || !s->first.answered
        || !ngx_http_strangler_body_whole(s, s->request))
    {
        return NGX_DECLINED;
    }

    *why = ngx_http_strangler_drop_rescued;

    if (ctx->rescued || ctx->allowed) {
        return NGX_DECLINED;
    }

    s->route = (ctx->route == NGX_HTTP_STRANGLER_NONE)
               ? NGX_HTTP_STRANGLER_OTHER : ctx->route;

    s->arm = (ctx->served == NGX_HTTP_STRANGLER_NONE) ? ctx->arm : ctx->served;

    return NGX_OK;
}


/*
 * The baseline is asked about the others, and they in turn about it; to know
 * its noise, the baseline is asked about itself, twice if need be.
 */

static void
ngx_http_strangler_plan(ngx_http_strangler_shadow_t *s)
{
    ngx_uint_t                   n;
    ngx_http_strangler_split_t  *split;

    split = s->split;

    s->noise = ngx_http_strangler_noise_due(split, s->route);

    if (s->noise || s->arm != split->baseline) {
        s->asked = split->baseline;
        return;
    }

    n = ngx_atomic_fetch_add(&split->sh->shadows->turn, 1);
    n %= split->narms - 1;

    s->asked = n + (n >= split->baseline);
}


static ngx_int_t
ngx_http_strangler_send_shadow(ngx_http_strangler_shadow_t *s)
{
    if (ngx_cycle->free_connection_n < ngx_cycle->connection_n / 8 + 2
        || ngx_http_strangler_detach(s) != NGX_OK)
    {
        return NGX_DECLINED;
    }

    (void) ngx_atomic_fetch_add(&s->split->sh->shadows->started, 1);

    return NGX_OK;
}


/* the arm has answered, or never will */

void
ngx_http_strangler_shadow_ended(ngx_http_strangler_shadow_t *s)
{
    if (!s->into->complete || !s->into->answered) {
        (void) ngx_atomic_fetch_add(&s->split->sh->shadows->failed, 1);
        ngx_http_strangler_shadow_destroy(s);
        return;
    }

    if (s->into->cached) {
        ngx_http_strangler_shadow_drop(s, ngx_http_strangler_drop_cached);
        return;
    }

    if (s->into == &s->third) {
        ngx_http_strangler_judge_shadow(s, &s->second, &s->third, 1);

    } else if (s->arm == s->split->baseline) {
        ngx_http_strangler_judge_shadow(s, &s->first, &s->second, s->noise);

    } else {
        ngx_http_strangler_judge_shadow(s, &s->second, &s->first, 0);

        if (s->noise && !ngx_exiting) {
            s->into = &s->third;

            if (ngx_http_strangler_send_shadow(s) == NGX_OK) {
                return;
            }
        }
    }

    ngx_http_strangler_shadow_destroy(s);
}


static void
ngx_http_strangler_judge_shadow(ngx_http_strangler_shadow_t *s,
    ngx_http_strangler_capture_t *baseline,
    ngx_http_strangler_capture_t *other, ngx_uint_t noise)
{
    ngx_uint_t                   arm;
    ngx_http_strangler_differ_t  d;

    d.pool = s->pool;
    d.conf = s->split->shadow;
    d.masked = 0;
    d.len = 0;
    d.n = 0;

    arm = (s->arm == s->split->baseline) ? s->asked : s->arm;

    if (ngx_http_strangler_compare(&d, baseline, other) == NGX_OK) {
        ngx_http_strangler_found(s, &d, arm, noise);
    }
}


/* a process that ends waits for clients, not for shadows */

void
ngx_http_strangler_shadow_exit(ngx_http_strangler_main_conf_t *mcf)
{
    ngx_queue_t                  *q, *next;
    ngx_http_strangler_shadow_t  *s;

    for (q = ngx_queue_head(&mcf->shadows);
         q != ngx_queue_sentinel(&mcf->shadows);
         q = next)
    {
        next = ngx_queue_next(q);
        s = ngx_queue_data(q, ngx_http_strangler_shadow_t, queue);

        if (s->connection) {
            ngx_http_strangler_abort(s);
        }
    }
}
