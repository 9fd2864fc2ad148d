
/*
 * Copyright (C) Ficus authors
 */


/*
 * What a shadow does not do again, or not at all: nobody is asked who may,
 * since the client's request has been let in; and it leaves caches and stores
 * alone, which have the answers for clients.
 */


#include "ngx_http_strangler_shadow.h"


/*
 * The configuration of ngx_http_auth_request_module, as far as it tells which
 * variables auth_request_set sets; nginx has no header for it.
 */

typedef struct {
    ngx_str_t                       uri;
    ngx_array_t                    *vars;
} ngx_http_strangler_auth_conf_t;


typedef struct {
    ngx_int_t                       index;
    ngx_http_complex_value_t        value;
    ngx_http_set_variable_pt        set_handler;
} ngx_http_strangler_auth_variable_t;


typedef struct {
    ngx_http_upstream_conf_t       *conf;
    ngx_int_t                       store;
#if (NGX_HTTP_CACHE)
    ngx_int_t                       cache;
#endif
} ngx_http_strangler_kept_t;


static ngx_module_t *ngx_http_strangler_find_module(ngx_cycle_t *cycle,
    const char *name);
static void ngx_http_strangler_assign(ngx_http_strangler_shadow_t *s,
    ngx_http_request_t *r);
static ngx_int_t ngx_http_strangler_content(ngx_http_request_t *r);


/* their configurations begin with that of the upstream */

static const char *const  ngx_http_strangler_caching[] = {
    "ngx_http_proxy_module",
    "ngx_http_fastcgi_module",
    "ngx_http_scgi_module",
    "ngx_http_uwsgi_module"
};


ngx_int_t
ngx_http_strangler_once_init(ngx_cycle_t *cycle,
    ngx_http_strangler_main_conf_t *mcf)
{
    const char                 *name;
    ngx_uint_t                  i, n, *index;
    ngx_module_t               *module;
    ngx_http_variable_t        *v;
    ngx_http_core_main_conf_t  *cmcf;

    for (i = 0, n = 0; i < 4; i++) {
        name = ngx_http_strangler_caching[i];
        module = ngx_http_strangler_find_module(cycle, name);

        if (module) {
            mcf->caching[n++] = module;
        }
    }

    if (ngx_array_init(&mcf->assigned, cycle->pool, 4, sizeof(ngx_uint_t))
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    name = "ngx_http_auth_request_module";
    mcf->auth = ngx_http_strangler_find_module(cycle, name);

    if (mcf->auth == NULL) {
        return NGX_OK;
    }

    /* all that auth_request_set may be used for */

    cmcf = ngx_http_cycle_get_module_main_conf(cycle, ngx_http_core_module);
    v = cmcf->variables.elts;

    for (i = 0; i < cmcf->variables.nelts; i++) {

        if ((v[i].flags & NGX_HTTP_VAR_NOCACHEABLE)
            || !(v[i].flags & NGX_HTTP_VAR_CHANGEABLE))
        {
            continue;
        }

        index = ngx_array_push(&mcf->assigned);
        if (index == NULL) {
            return NGX_ERROR;
        }

        *index = i;
    }

    return NGX_OK;
}


static ngx_module_t *
ngx_http_strangler_find_module(ngx_cycle_t *cycle, const char *name)
{
    ngx_uint_t  i;

    for (i = 0; cycle->modules[i]; i++) {
        if (ngx_strcmp(cycle->modules[i]->name, name) == 0) {
            return cycle->modules[i];
        }
    }

    return NULL;
}


/* the values that the client's request had in the end */

ngx_int_t
ngx_http_strangler_once_keep(ngx_http_strangler_shadow_t *s,
    ngx_http_request_t *r)
{
    ngx_uint_t                  i, *index;
    ngx_array_t                *assigned;
    ngx_http_variable_value_t  *v;

    assigned = &s->split->main->assigned;
    index = assigned->elts;

    if (assigned->nelts == 0) {
        return NGX_OK;
    }

    s->assigned = ngx_palloc(s->pool, assigned->nelts
                                      * sizeof(ngx_http_variable_value_t));
    if (s->assigned == NULL) {
        return NGX_ERROR;
    }

    for (i = 0; i < assigned->nelts; i++) {
        v = &s->assigned[i];
        *v = r->variables[index[i]];

        if (!v->valid) {
            continue;
        }

        v->data = ngx_pnalloc(s->pool, v->len + 1);
        if (v->data == NULL) {
            return NGX_ERROR;
        }

        ngx_memcpy(v->data, r->variables[index[i]].data, v->len);
    }

    return NGX_OK;
}


/* the first of its phase: for a shadow the phase is over */

ngx_int_t
ngx_http_strangler_access_handler(ngx_http_request_t *r)
{
    ngx_http_phase_handler_t     *ph;
    ngx_http_core_main_conf_t    *cmcf;
    ngx_http_strangler_shadow_t  *s;

    s = ngx_http_strangler_shadow_of(r);

    if (s == NULL) {
        return NGX_DECLINED;
    }

    if (r->content_handler
        && r->content_handler != ngx_http_strangler_content)
    {
        s->content = r->content_handler;
        r->content_handler = ngx_http_strangler_content;
    }

    ngx_http_strangler_assign(s, r);

    cmcf = ngx_http_get_module_main_conf(r, ngx_http_core_module);
    ph = cmcf->phase_engine.handlers;

    r->phase_handler = ph[r->phase_handler].next - 1;

    return NGX_DECLINED;
}


/* as auth_request_set has done it for the client's request */

static void
ngx_http_strangler_assign(ngx_http_strangler_shadow_t *s,
    ngx_http_request_t *r)
{
    ngx_uint_t                           i, n, *index;
    ngx_array_t                         *assigned;
    ngx_http_strangler_auth_conf_t      *acf;
    ngx_http_strangler_auth_variable_t  *v;

    if (s->assigned == NULL) {
        return;
    }

    acf = r->loc_conf[s->split->main->auth->ctx_index];

    if (acf->vars == NULL || acf->vars->size != sizeof(*v)) {
        return;
    }

    v = acf->vars->elts;
    assigned = &s->split->main->assigned;
    index = assigned->elts;

    for (i = 0; i < acf->vars->nelts; i++) {
        for (n = 0; n < assigned->nelts; n++) {
            if (index[n] == (ngx_uint_t) v[i].index) {
                r->variables[index[n]] = s->assigned[n];
            }
        }
    }
}


/*
 * In the place of the location's: whether there is a cache is looked at before
 * an arm is asked, and before this returns.
 */

static ngx_int_t
ngx_http_strangler_content(ngx_http_request_t *r)
{
    ngx_int_t                         rc;
    ngx_uint_t                        i;
    ngx_http_strangler_kept_t         kept[4];
    ngx_http_strangler_shadow_t      *s;
    ngx_http_strangler_main_conf_t   *mcf;

    s = ngx_http_strangler_shadow_of(r);
    mcf = s->split->main;

    for (i = 0; i < 4 && mcf->caching[i]; i++) {
        kept[i].conf = r->loc_conf[mcf->caching[i]->ctx_index];

        kept[i].store = kept[i].conf->store;
        kept[i].conf->store = 0;

#if (NGX_HTTP_CACHE)
        kept[i].cache = kept[i].conf->cache;
        kept[i].conf->cache = 0;
#endif
    }

    rc = s->content(r);

    while (i--) {
        kept[i].conf->store = (int) kept[i].store;

#if (NGX_HTTP_CACHE)
        kept[i].conf->cache = (int) kept[i].cache;
#endif
    }

    return rc;
}
