
/*
 * Copyright (C) Ficus authors
 */


#include "ngx_http_strangler_ledger.h"
#include "ngx_http_strangler_request.h"


static void ngx_http_strangler_visit(ngx_http_strangler_ctx_t *ctx,
    ngx_uint_t route);
static void ngx_http_strangler_visit_place(ngx_http_strangler_ctx_t *ctx,
    ngx_uint_t place);
static ngx_int_t ngx_http_strangler_pinned(ngx_http_request_t *r,
    ngx_http_strangler_split_t *split);
static ngx_int_t ngx_http_strangler_overridden(ngx_http_request_t *r,
    ngx_http_strangler_split_t *split);
static ngx_uint_t ngx_http_strangler_override_allowed(ngx_http_request_t *r,
    ngx_http_strangler_override_t *o);
static ngx_uint_t ngx_http_strangler_has_cookies(ngx_http_request_t *r);
static ngx_int_t ngx_http_strangler_value(ngx_http_request_t *r,
    ngx_http_strangler_value_t *value, ngx_str_t *result);
static void ngx_http_strangler_choose(ngx_http_request_t *r,
    ngx_http_strangler_split_t *split, ngx_http_strangler_ctx_t *ctx);
static void ngx_http_strangler_choose_keyless(ngx_http_request_t *r,
    ngx_http_strangler_split_t *split, ngx_http_strangler_ctx_t *ctx);
static ngx_uint_t ngx_http_strangler_follow(ngx_http_request_t *r,
    ngx_http_strangler_ctx_t *ctx);


/*
 * The one decision of this request: made by whoever asks first, a variable or
 * the upstream.  A pin of the present location wins over an earlier decision.
 */

ngx_http_strangler_ctx_t *
ngx_http_strangler_decide(ngx_http_request_t *r,
    ngx_http_strangler_split_t *split)
{
    ngx_int_t                       arm;
    ngx_http_strangler_ctx_t       *ctx;
    ngx_http_strangler_loc_conf_t  *lcf;

    ctx = ngx_http_get_module_ctx(r, ngx_http_strangler_module);

    if (ctx || r->internal || r->filter_finalize) {
        ctx = ngx_http_strangler_find_ctx(r, split);
    }

    lcf = ngx_http_get_module_loc_conf(r, ngx_http_strangler_module);

    if (lcf->pin) {
        arm = ngx_http_strangler_pinned(r, split);

    } else {
        arm = NGX_DECLINED;
    }

    if (ctx && (arm == NGX_DECLINED || arm == ctx->arm || ctx->shadow)) {
        return ctx;
    }

    if (ctx && ctx->allowed && arm == (ngx_int_t) split->baseline) {
        ctx->switching = 1;
        return ctx;
    }

    if (split->local->word != split->sh->word
        || split->local->effect != split->sh->effect)
    {
        ngx_http_strangler_refresh(split);
    }

    if (ctx == NULL) {
        ctx = ngx_http_strangler_add_ctx(r, split);
        if (ctx == NULL) {
            return NULL;
        }
    }

    ctx->generation = split->local->generation;
    ctx->bucket = NGX_HTTP_STRANGLER_SLOTS;

    if (arm != NGX_DECLINED) {
        ctx->arm = (uint8_t) arm;
        ctx->decided = ngx_http_strangler_pin;

    } else {
        ngx_http_strangler_choose(r, split, ctx);
    }

    ngx_http_strangler_visit(ctx, lcf->route);

    if (split->local->shadow) {
        ngx_http_strangler_sample(r, ctx);
    }

    return ctx;
}


/* counts the decision on its route; before there is a location it has none */

static ngx_inline void
ngx_http_strangler_visit(ngx_http_strangler_ctx_t *ctx, ngx_uint_t route)
{
    ngx_uint_t  place;

    place = ctx->split->places[route];

    if (place == NGX_HTTP_STRANGLER_NONE) {
        place = ngx_http_strangler_place(ctx->split, route);

        if (place == NGX_HTTP_STRANGLER_NONE) {
            ctx->route = NGX_HTTP_STRANGLER_NONE;
            ngx_http_strangler_keep_ctx(ctx);
            return;
        }
    }

    ngx_http_strangler_visit_place(ctx, place);
}


static ngx_inline void
ngx_http_strangler_visit_place(ngx_http_strangler_ctx_t *ctx, ngx_uint_t place)
{
    ngx_http_strangler_visits_t  *visits;

    visits = &ctx->split->arm[ctx->arm].lane->visits[place];

    (void) ngx_atomic_fetch_add(&visits->requests[ctx->decided], 1);
    visits->last = ngx_time();

    ctx->route = (uint8_t) place;
}


/* the location is known by now */

void
ngx_http_strangler_visit_late(ngx_http_request_t *r,
    ngx_http_strangler_ctx_t *ctx)
{
    ngx_http_strangler_loc_conf_t  *lcf;

    lcf = ngx_http_get_module_loc_conf(r, ngx_http_strangler_module);

    ngx_http_strangler_visit(ctx, lcf->route);
}


/* the request is over, and there has never been one */

void
ngx_http_strangler_visit_other(ngx_http_strangler_ctx_t *ctx)
{
    if (ctx->route == NGX_HTTP_STRANGLER_NONE) {
        ngx_http_strangler_visit_place(ctx, NGX_HTTP_STRANGLER_OTHER);
    }
}


static ngx_int_t
ngx_http_strangler_pinned(ngx_http_request_t *r,
    ngx_http_strangler_split_t *split)
{
    ngx_int_t                       arm;
    ngx_str_t                       value;
    ngx_http_strangler_loc_conf_t  *lcf;

    lcf = ngx_http_get_module_loc_conf(r, ngx_http_strangler_module);

    if (ngx_http_strangler_value(r, lcf->pin, &value) != NGX_OK
        || value.len == 0)
    {
        return NGX_DECLINED;
    }

    arm = ngx_http_strangler_find_arm(split, value.data, value.len);

    if (arm == NGX_DECLINED
        && ngx_http_strangler_find_ctx(r, split) == NULL)
    {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "\"strangler_pin\" value \"%V\" is no arm of split "
                      "\"%V\"", &value, &split->name);
    }

    return arm;
}


static void
ngx_http_strangler_choose(ngx_http_request_t *r,
    ngx_http_strangler_split_t *split, ngx_http_strangler_ctx_t *ctx)
{
    ngx_int_t                    arm;
    ngx_str_t                    key;
    ngx_uint_t                   i;
    ngx_http_strangler_local_t  *local;

    if (split->override.enabled) {
        arm = ngx_http_strangler_overridden(r, split);

        if (arm != NGX_DECLINED) {
            ctx->arm = (uint8_t) arm;
            ctx->decided = ngx_http_strangler_override;
            return;
        }
    }

    local = split->local;

    for (i = 0; i < split->nkeys; i++) {

        if (ngx_http_strangler_value(r, &split->key[i], &key) != NGX_OK
            || key.len == 0)
        {
            continue;
        }

        ctx->bucket = (uint16_t) ngx_http_strangler_bucket(split->salt.data,
                                       split->salt.len, key.data, key.len);
        ctx->arm = local->slot[ctx->bucket];
        ctx->decided = ngx_http_strangler_key;

        if (r != r->main && ngx_http_strangler_follow(r, ctx)) {
            return;
        }

        if (local->probing) {
            arm = local->own[ctx->bucket];

            if (ngx_http_strangler_probe(split, (ngx_uint_t) arm)) {
                ctx->arm = (uint8_t) arm;
            }
        }

        return;
    }

    ngx_http_strangler_choose_keyless(r, split, ctx);
}


/*
 * Subrequests that go first, before their parent has come to the split, are
 * counted apart: when each request has one, the numbers would be even for all
 * requests, and odd for their subrequests.
 */

static void
ngx_http_strangler_choose_keyless(ngx_http_request_t *r,
    ngx_http_strangler_split_t *split, ngx_http_strangler_ctx_t *ctx)
{
    ngx_uint_t                   n;
    ngx_http_strangler_local_t  *local;

    local = split->local;
    ctx->decided = ngx_http_strangler_keyless_e;

    if (r != r->main && ngx_http_strangler_follow(r, ctx)) {
        return;
    }

    n = ngx_atomic_fetch_add(&split->sh->keyless[r != r->main], 1);

    ctx->arm = (uint8_t) ngx_http_strangler_keyless(n, &local->weights);

    if (local->probing) {
        n = ngx_http_strangler_keyless(n, &local->configured);

        if (ngx_http_strangler_probe(split, n)) {
            ctx->arm = (uint8_t) n;
        }
    }
}


/*
 * Parts of one answer come from one arm: a subrequest goes where its parent
 * went with the same key, or as it did without one.
 */

static ngx_uint_t
ngx_http_strangler_follow(ngx_http_request_t *r, ngx_http_strangler_ctx_t *ctx)
{
    ngx_http_request_t        *parent;
    ngx_http_strangler_ctx_t  *p;

    for (parent = r->parent; parent; parent = parent->parent) {
        p = ngx_http_strangler_find_ctx(parent, ctx->split);

        if (p && !p->shadow && p->decided == ctx->decided
            && p->bucket == ctx->bucket)
        {
            ctx->arm = p->arm;
            ctx->generation = p->generation;

            return 1;
        }
    }

    return 0;
}


static ngx_inline ngx_int_t
ngx_http_strangler_value(ngx_http_request_t *r,
    ngx_http_strangler_value_t *value, ngx_str_t *result)
{
    ngx_http_variable_value_t  *v;

    if (value->index == NGX_ERROR) {
        return ngx_http_complex_value(r, &value->complex, result);
    }

    v = ngx_http_get_flushed_variable(r, value->index);

    if (v == NULL || v->not_found) {
        result->len = 0;
        return NGX_OK;
    }

    result->len = v->len;
    result->data = v->data;

    return NGX_OK;
}


static ngx_int_t
ngx_http_strangler_overridden(ngx_http_request_t *r,
    ngx_http_strangler_split_t *split)
{
    ngx_int_t                       arm;
    ngx_str_t                      *header, value;
    ngx_http_variable_value_t      *v;
    ngx_http_strangler_override_t  *o;

    o = &split->override;
    value.len = 0;

    if (o->header_index != NGX_ERROR) {

        if (o->own_header) {
            header = ngx_http_strangler_stripped(r, &o->header);

            if (header) {
                value = *header;
            }

        } else {
            v = ngx_http_get_flushed_variable(r, o->header_index);

            if (v && !v->not_found) {
                value.len = v->len;
                value.data = v->data;
            }
        }
    }

    if (value.len == 0 && o->cookie_index != NGX_ERROR
        && ngx_http_strangler_has_cookies(r))
    {
        v = ngx_http_get_flushed_variable(r, o->cookie_index);

        if (v && !v->not_found) {
            value.len = v->len;
            value.data = v->data;
        }
    }

    if (value.len == 0) {
        return NGX_DECLINED;
    }

    arm = ngx_http_strangler_find_arm(split, value.data, value.len);

    if (arm != NGX_DECLINED && ngx_http_strangler_override_allowed(r, o)) {
        return arm;
    }

    (void) ngx_atomic_fetch_add(&split->sh->overrides_ignored, 1);

    return NGX_DECLINED;
}


static ngx_uint_t
ngx_http_strangler_override_allowed(ngx_http_request_t *r,
    ngx_http_strangler_override_t *o)
{
    ngx_http_variable_value_t  *v;

    if (o->if_index == NGX_ERROR) {
        return 1;
    }

    v = ngx_http_get_flushed_variable(r, o->if_index);

    return v && !v->not_found && v->len
           && !(v->len == 1 && v->data[0] == '0');
}


static ngx_uint_t
ngx_http_strangler_has_cookies(ngx_http_request_t *r)
{
#if (nginx_version >= 1023000)
    return r->headers_in.cookie != NULL;
#else
    return r->headers_in.cookies.nelts != 0;
#endif
}
