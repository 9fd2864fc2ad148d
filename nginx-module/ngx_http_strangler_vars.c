
/*
 * Copyright (C) Ficus authors
 */


#include "ngx_http_strangler_request.h"


typedef struct {
    ngx_str_t                    suffix;
    ngx_http_get_variable_pt     handler;
} ngx_http_strangler_variable_t;


static void ngx_http_strangler_hash_size(ngx_conf_t *cf, ngx_str_t *name);
static ngx_http_strangler_ctx_t *ngx_http_strangler_variable_ctx(
    ngx_http_request_t *r, ngx_http_strangler_split_t *split);
static ngx_int_t ngx_http_strangler_variable_str(ngx_http_variable_value_t *v,
    const ngx_str_t *value);
static ngx_int_t ngx_http_strangler_variable_uint(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uint64_t value);
static ngx_int_t ngx_http_strangler_arm_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_strangler_served_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_strangler_upstream_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_strangler_decided_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_strangler_bucket_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_strangler_generation_variable(
    ngx_http_request_t *r, ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_strangler_rescue_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_strangler_shadow_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);


static const ngx_http_strangler_variable_t  ngx_http_strangler_variables[] = {

    { ngx_string("_arm"), ngx_http_strangler_arm_variable },
    { ngx_string("_served"), ngx_http_strangler_served_variable },
    { ngx_string("_upstream"), ngx_http_strangler_upstream_variable },
    { ngx_string("_decided"), ngx_http_strangler_decided_variable },
    { ngx_string("_bucket"), ngx_http_strangler_bucket_variable },
    { ngx_string("_generation"), ngx_http_strangler_generation_variable },
    { ngx_string("_rescue"), ngx_http_strangler_rescue_variable },
    { ngx_string("_shadow"), ngx_http_strangler_shadow_variable },

    { ngx_null_string, NULL }
};


ngx_int_t
ngx_http_strangler_add_variables(ngx_conf_t *cf,
    ngx_http_strangler_split_t *split)
{
    u_char                               *p;
    ngx_str_t                             name;
    ngx_uint_t                            i;
    ngx_http_variable_t                  *var;
    const ngx_http_strangler_variable_t  *v;

    for (v = ngx_http_strangler_variables; v->suffix.len; v++) {

        name.len = sizeof("strangler_") - 1 + split->name.len + v->suffix.len;
        name.data = ngx_pnalloc(cf->pool, name.len);
        if (name.data == NULL) {
            return NGX_ERROR;
        }

        p = ngx_cpymem(name.data, "strangler_", sizeof("strangler_") - 1);
        p = ngx_cpymem(p, split->name.data, split->name.len);
        ngx_memcpy(p, v->suffix.data, v->suffix.len);

        for (i = 0; i < name.len; i++) {
            if (name.data[i] == '-') {
                name.data[i] = '_';
            }
        }

        var = ngx_http_add_variable(cf, &name, NGX_HTTP_VAR_NOCACHEABLE);
        if (var == NULL) {
            return NGX_ERROR;
        }

        ngx_http_strangler_hash_size(cf, &name);

        var->get_handler = v->handler;
        var->data = (uintptr_t) split;
    }

    return NGX_OK;
}


/* nginx's default is too small for the longest names of splits */

static void
ngx_http_strangler_hash_size(ngx_conf_t *cf, ngx_str_t *name)
{
    ngx_uint_t                       size;
    ngx_http_strangler_main_conf_t  *mcf;

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_strangler_module);

    size = sizeof(void *) + ngx_align(name->len + 2, sizeof(void *))
           + sizeof(void *);

    mcf->bucket_size = ngx_max(mcf->bucket_size, size);
}


/*
 * Decides if nobody has; the log must not, for a request that was not split.
 * The context has to survive, since a redirect to the arm may follow.
 */

static ngx_http_strangler_ctx_t *
ngx_http_strangler_variable_ctx(ngx_http_request_t *r,
    ngx_http_strangler_split_t *split)
{
    char                      *action;
    ngx_http_strangler_ctx_t  *ctx;

    ctx = ngx_http_strangler_find_ctx(r, split);

    if (ctx) {
        return ctx;
    }

    action = r->connection->log->action;

    if (action && ngx_strcmp(action, "logging request") == 0) {
        return NULL;
    }

    ctx = ngx_http_strangler_decide(r, split);

    if (ctx) {
        ngx_http_strangler_keep_ctx(ctx);
    }

    return ctx;
}


static ngx_int_t
ngx_http_strangler_variable_str(ngx_http_variable_value_t *v,
    const ngx_str_t *value)
{
    v->len = value->len;
    v->valid = 1;
    v->no_cacheable = 0;
    v->not_found = 0;
    v->data = value->data;

    return NGX_OK;
}


static ngx_int_t
ngx_http_strangler_variable_uint(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uint64_t value)
{
    ngx_str_t  text;

    text.data = ngx_pnalloc(r->pool, NGX_INT64_LEN);
    if (text.data == NULL) {
        return NGX_ERROR;
    }

    text.len = ngx_sprintf(text.data, "%uL", value) - text.data;

    return ngx_http_strangler_variable_str(v, &text);
}


static ngx_int_t
ngx_http_strangler_arm_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    ngx_http_strangler_split_t *split = (ngx_http_strangler_split_t *) data;

    ngx_http_strangler_ctx_t  *ctx;

    ctx = ngx_http_strangler_variable_ctx(r, split);

    if (ctx == NULL) {
        v->not_found = 1;
        return NGX_OK;
    }

    return ngx_http_strangler_variable_str(v, &split->arm[ctx->arm].name);
}


static ngx_int_t
ngx_http_strangler_served_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    ngx_http_strangler_split_t *split = (ngx_http_strangler_split_t *) data;

    ngx_uint_t                 arm;
    ngx_http_strangler_ctx_t  *ctx;

    ctx = ngx_http_strangler_find_ctx(r, split);

    if (ctx == NULL) {
        v->not_found = 1;
        return NGX_OK;
    }

    arm = ctx->served;

    if (arm == NGX_HTTP_STRANGLER_NONE || ctx->pending) {
        arm = ctx->arm;
    }

    return ngx_http_strangler_variable_str(v, &split->arm[arm].name);
}


static ngx_int_t
ngx_http_strangler_upstream_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    ngx_http_strangler_split_t *split = (ngx_http_strangler_split_t *) data;

    ngx_http_strangler_ctx_t  *ctx;

    ctx = ngx_http_strangler_variable_ctx(r, split);

    if (ctx == NULL) {
        v->not_found = 1;
        return NGX_OK;
    }

    return ngx_http_strangler_variable_str(v, &split->arm[ctx->arm].upstream);
}


static ngx_int_t
ngx_http_strangler_decided_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    ngx_http_strangler_split_t *split = (ngx_http_strangler_split_t *) data;

    ngx_http_strangler_ctx_t  *ctx;

    ctx = ngx_http_strangler_variable_ctx(r, split);

    if (ctx == NULL) {
        v->not_found = 1;
        return NGX_OK;
    }

    return ngx_http_strangler_variable_str(v,
                              &ngx_http_strangler_decided_names[ctx->decided]);
}


static ngx_int_t
ngx_http_strangler_bucket_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    ngx_http_strangler_split_t *split = (ngx_http_strangler_split_t *) data;

    ngx_http_strangler_ctx_t  *ctx;

    ctx = ngx_http_strangler_variable_ctx(r, split);

    if (ctx == NULL || ctx->bucket == NGX_HTTP_STRANGLER_SLOTS) {
        v->not_found = 1;
        return NGX_OK;
    }

    return ngx_http_strangler_variable_uint(r, v, ctx->bucket);
}


static ngx_int_t
ngx_http_strangler_generation_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    ngx_http_strangler_split_t *split = (ngx_http_strangler_split_t *) data;

    ngx_http_strangler_ctx_t  *ctx;

    ctx = ngx_http_strangler_variable_ctx(r, split);

    if (ctx == NULL) {
        v->not_found = 1;
        return NGX_OK;
    }

    return ngx_http_strangler_variable_uint(r, v, ctx->generation);
}


static ngx_int_t
ngx_http_strangler_rescue_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    ngx_http_strangler_split_t *split = (ngx_http_strangler_split_t *) data;

    ngx_http_strangler_ctx_t  *ctx;

    ctx = ngx_http_strangler_find_ctx(r, split);

    if (ctx == NULL || !ngx_http_strangler_rescue_allowed(r, ctx)) {
        v->not_found = 1;
        return NGX_OK;
    }

    return ngx_http_strangler_variable_str(v,
                                           &split->arm[split->baseline].name);
}


static ngx_int_t
ngx_http_strangler_shadow_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    ngx_http_strangler_split_t *split = (ngx_http_strangler_split_t *) data;

    ngx_http_strangler_ctx_t  *ctx;
    static const ngx_str_t     yes = ngx_string("1");

    ctx = ngx_http_strangler_find_ctx(r, split);

    if (ctx == NULL || !ctx->shadow) {
        v->not_found = 1;
        return NGX_OK;
    }

    return ngx_http_strangler_variable_str(v, &yes);
}
