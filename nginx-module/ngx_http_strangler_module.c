
/*
 * Copyright (C) Ficus authors
 */


#include "ngx_http_strangler_ledger.h"
#include "ngx_http_strangler_shadow.h"
#include "ngx_http_strangler_api.h"
#include "ngx_http_strangler_conf.h"


static void *ngx_http_strangler_create_main_conf(ngx_conf_t *cf);
static void *ngx_http_strangler_create_srv_conf(ngx_conf_t *cf);
static void *ngx_http_strangler_create_loc_conf(ngx_conf_t *cf);
static char *ngx_http_strangler_merge_loc_conf(ngx_conf_t *cf, void *parent,
    void *child);
static char *ngx_http_strangler_default_hosts(ngx_conf_t *cf,
    ngx_http_strangler_loc_conf_t *conf);
static ngx_int_t ngx_http_strangler_init(ngx_conf_t *cf);
static ngx_int_t ngx_http_strangler_init_module(ngx_cycle_t *cycle);
static ngx_int_t ngx_http_strangler_init_process(ngx_cycle_t *cycle);
static void ngx_http_strangler_exit_master(ngx_cycle_t *cycle);


static ngx_command_t  ngx_http_strangler_commands[] = {

    { ngx_string("strangler"),
      NGX_HTTP_UPS_CONF|NGX_CONF_1MORE,
      ngx_http_strangler_conf_split,
      NGX_HTTP_SRV_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("strangler_key"),
      NGX_HTTP_UPS_CONF|NGX_CONF_1MORE,
      ngx_http_strangler_conf_key,
      NGX_HTTP_SRV_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("arm"),
      NGX_HTTP_UPS_CONF|NGX_CONF_TAKE123,
      ngx_http_strangler_conf_arm,
      NGX_HTTP_SRV_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("strangler_override"),
      NGX_HTTP_UPS_CONF|NGX_CONF_TAKE123,
      ngx_http_strangler_conf_override,
      NGX_HTTP_SRV_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("strangler_breaker"),
      NGX_HTTP_UPS_CONF|NGX_CONF_ANY,
      ngx_http_strangler_conf_breaker,
      NGX_HTTP_SRV_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("strangler_rescue"),
      NGX_HTTP_UPS_CONF|NGX_CONF_ANY,
      ngx_http_strangler_conf_rescue,
      NGX_HTTP_SRV_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("strangler_ledger"),
      NGX_HTTP_UPS_CONF|NGX_CONF_1MORE,
      ngx_http_strangler_conf_ledger,
      NGX_HTTP_SRV_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("strangler_shadow"),
      NGX_HTTP_UPS_CONF|NGX_CONF_ANY,
      ngx_http_strangler_conf_shadow,
      NGX_HTTP_SRV_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("strangler_diff"),
      NGX_HTTP_UPS_CONF|NGX_CONF_1MORE,
      ngx_http_strangler_conf_diff,
      NGX_HTTP_SRV_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("strangler_shadow_methods"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_1MORE,
      ngx_http_strangler_conf_shadow_methods,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("strangler_generation_header"),
      NGX_HTTP_UPS_CONF|NGX_CONF_TAKE1,
      ngx_http_strangler_conf_generation_header,
      NGX_HTTP_SRV_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("strangler_pin"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_HTTP_LIF_CONF
                        |NGX_CONF_TAKE1,
      ngx_http_strangler_conf_pin,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("strangler_route"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_http_strangler_conf_route,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("strangler_api"),
      NGX_HTTP_LOC_CONF|NGX_CONF_NOARGS,
      ngx_http_strangler_conf_api,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("strangler_api_hosts"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_1MORE,
      ngx_http_strangler_conf_api_hosts,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("strangler_api_token_file"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_http_strangler_conf_api_token_file,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("strangler_api_guard"),
      NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_FLAG,
      ngx_http_strangler_conf_api_guard,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_strangler_loc_conf_t, guard),
      NULL },

    { ngx_string("strangler_metrics"),
      NGX_HTTP_LOC_CONF|NGX_CONF_NOARGS,
      ngx_http_strangler_conf_metrics,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("strangler_ready"),
      NGX_HTTP_LOC_CONF|NGX_CONF_NOARGS,
      ngx_http_strangler_conf_ready,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

      ngx_null_command
};


static ngx_http_module_t  ngx_http_strangler_module_ctx = {
    NULL,                                  /* preconfiguration */
    ngx_http_strangler_init,               /* postconfiguration */

    ngx_http_strangler_create_main_conf,   /* create main configuration */
    NULL,                                  /* init main configuration */

    ngx_http_strangler_create_srv_conf,    /* create server configuration */
    NULL,                                  /* merge server configuration */

    ngx_http_strangler_create_loc_conf,    /* create location configuration */
    ngx_http_strangler_merge_loc_conf      /* merge location configuration */
};


ngx_module_t  ngx_http_strangler_module = {
    NGX_MODULE_V1,
    &ngx_http_strangler_module_ctx,        /* module context */
    ngx_http_strangler_commands,           /* module directives */
    NGX_HTTP_MODULE,                       /* module type */
    NULL,                                  /* init master */
    ngx_http_strangler_init_module,        /* init module */
    ngx_http_strangler_init_process,       /* init process */
    NULL,                                  /* init thread */
    NULL,                                  /* exit thread */
    NULL,                                  /* exit process */
    ngx_http_strangler_exit_master,        /* exit master */
    NGX_MODULE_V1_PADDING
};


const ngx_uint_t  ngx_http_strangler_codes[] = {
    200, 201, 202, 204, 206, 301, 302, 303, 304, 307, 308,
    400, 401, 403, 404, 405, 406, 409, 410, 412, 413, 415, 422, 429,
    500, 501, 502, 503, 504, 0
};


const ngx_str_t  ngx_http_strangler_decided_names[] = {
    ngx_string("pin"),
    ngx_string("override"),
    ngx_string("key"),
    ngx_string("keyless")
};


static void *
ngx_http_strangler_create_main_conf(ngx_conf_t *cf)
{
    ngx_str_t                       *none;
    ngx_uint_t                       i;
    ngx_http_strangler_main_conf_t  *mcf;

    mcf = ngx_pcalloc(cf->pool, sizeof(ngx_http_strangler_main_conf_t));
    if (mcf == NULL) {
        return NULL;
    }

    mcf->core = (ngx_core_conf_t *) ngx_get_conf(cf->cycle->conf_ctx,
                                                 ngx_core_module);

    if (ngx_array_init(&mcf->splits, cf->pool, 4,
                       sizeof(ngx_http_strangler_split_t *))
        != NGX_OK
        || ngx_array_init(&mcf->zones, cf->pool, 4,
                          sizeof(ngx_http_strangler_zone_t *))
           != NGX_OK
        || ngx_array_init(&mcf->pins, cf->pool, 4, sizeof(ngx_str_t))
           != NGX_OK
        || ngx_array_init(&mcf->apis, cf->pool, 4,
                          sizeof(ngx_http_strangler_api_loc_t))
           != NGX_OK
        || ngx_array_init(&mcf->routes, cf->pool, 16, sizeof(ngx_str_t))
           != NGX_OK)
    {
        return NULL;
    }

    none = ngx_array_push(&mcf->routes);
    ngx_str_null(none);

    for (i = 0; ngx_http_strangler_codes[i]; i++) { /* void */ }

    ngx_memset(mcf->code, (int) i, sizeof(mcf->code));

    /* failures are told from other answers by their codes */

    ngx_memset(&mcf->code[NGX_HTTP_INTERNAL_SERVER_ERROR],
               NGX_HTTP_STRANGLER_CODES - 1,
               sizeof(mcf->code) - NGX_HTTP_INTERNAL_SERVER_ERROR);

    while (i--) {
        mcf->code[ngx_http_strangler_codes[i]] = (u_char) i;
    }

    for (i = 0; i < NGX_HTTP_STRANGLER_BUCKETS; i++) {
        mcf->fine[i] = ngx_http_strangler_fine(i);
    }

    return mcf;
}


static void *
ngx_http_strangler_create_srv_conf(ngx_conf_t *cf)
{
    /*
     * set by ngx_pcalloc():
     *
     *     scf->split = NULL;
     */

    return ngx_pcalloc(cf->pool, sizeof(ngx_http_strangler_srv_conf_t));
}


static void *
ngx_http_strangler_create_loc_conf(ngx_conf_t *cf)
{
    ngx_http_strangler_loc_conf_t  *lcf;

    lcf = ngx_pcalloc(cf->pool, sizeof(ngx_http_strangler_loc_conf_t));
    if (lcf == NULL) {
        return NULL;
    }

    /*
     * set by ngx_pcalloc():
     *
     *     lcf->token = { 0, NULL };
     *     lcf->route_name = { 0, NULL };
     *     lcf->route = 0;
     */

    lcf->pin = NGX_CONF_UNSET_PTR;
    lcf->hosts = NGX_CONF_UNSET_PTR;
    lcf->api = NGX_CONF_UNSET;
    lcf->shadow_methods = NGX_CONF_UNSET_UINT;
    lcf->guard = NGX_CONF_UNSET;

    return lcf;
}


static char *
ngx_http_strangler_merge_loc_conf(ngx_conf_t *cf, void *parent, void *child)
{
    ngx_http_strangler_loc_conf_t *prev = parent;
    ngx_http_strangler_loc_conf_t *conf = child;

    ngx_http_core_loc_conf_t  *clcf;

    ngx_conf_merge_ptr_value(conf->pin, prev->pin, NULL);
    ngx_conf_merge_ptr_value(conf->hosts, prev->hosts, NULL);
    ngx_conf_merge_str_value(conf->token, prev->token, "");
    ngx_conf_merge_uint_value(conf->shadow_methods, prev->shadow_methods, 0);
    ngx_conf_merge_value(conf->guard, prev->guard, 0);

    if (ngx_http_strangler_merge_route(cf, prev, conf) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    if (conf->hosts == NULL
        && ngx_http_strangler_default_hosts(cf, conf) != NGX_CONF_OK)
    {
        return NGX_CONF_ERROR;
    }

    if (conf->api != 1) {
        return NGX_CONF_OK;
    }

    /* the handler sets its own limit, to answer in its own format */

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);
    clcf->client_max_body_size = 0;

    return NGX_CONF_OK;
}


static char *
ngx_http_strangler_default_hosts(ngx_conf_t *cf,
    ngx_http_strangler_loc_conf_t *conf)
{
    ngx_str_t  *host;

    conf->hosts = ngx_array_create(cf->pool, 3, sizeof(ngx_str_t));
    if (conf->hosts == NULL) {
        return NGX_CONF_ERROR;
    }

    host = ngx_array_push_n(conf->hosts, 3);
    if (host == NULL) {
        return NGX_CONF_ERROR;
    }

    ngx_str_set(&host[0], "127.0.0.1");
    ngx_str_set(&host[1], "localhost");
    ngx_str_set(&host[2], "::1");

    return NGX_CONF_OK;
}


static ngx_int_t
ngx_http_strangler_init(ngx_conf_t *cf)
{
    ngx_http_handler_pt             *h;
    ngx_http_core_main_conf_t       *cmcf;
    ngx_http_strangler_main_conf_t  *mcf;

    if (ngx_http_strangler_conf_check(cf) != NGX_OK) {
        return NGX_ERROR;
    }

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_strangler_module);

    cmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module);

    if (mcf->guarded) {
        h = ngx_array_push(&cmcf->phases[NGX_HTTP_PREACCESS_PHASE].handlers);
        if (h == NULL) {
            return NGX_ERROR;
        }

        *h = ngx_http_strangler_guard_handler;
    }

    if (mcf->splits.nelts == 0) {
        return NGX_OK;
    }

    h = ngx_array_push(&cmcf->phases[NGX_HTTP_POST_READ_PHASE].handlers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    *h = ngx_http_strangler_post_read_handler;

    if (mcf->shadowed == 0) {
        return NGX_OK;
    }

    ngx_http_strangler_capture_init();

    h = ngx_array_push(&cmcf->phases[NGX_HTTP_ACCESS_PHASE].handlers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    *h = ngx_http_strangler_access_handler;

    return NGX_OK;
}


/* the configuration is certain now; a failure here would end the master */

static ngx_int_t
ngx_http_strangler_init_module(ngx_cycle_t *cycle)
{
    ngx_uint_t                        i;
    ngx_http_strangler_split_t      **split;
    ngx_http_strangler_main_conf_t   *mcf;

    if (ngx_test_config) {
        return NGX_OK;
    }

    mcf = ngx_http_cycle_get_module_main_conf(cycle,
                                              ngx_http_strangler_module);
    if (mcf == NULL) {
        return NGX_OK;
    }

    split = mcf->splits.elts;

    for (i = 0; i < mcf->splits.nelts; i++) {
        ngx_http_strangler_settle(split[i], cycle->log);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_strangler_init_process(ngx_cycle_t *cycle)
{
    ngx_uint_t                        i;
    ngx_http_strangler_split_t      **split;
    ngx_http_strangler_main_conf_t   *mcf;

    mcf = ngx_http_cycle_get_module_main_conf(cycle,
                                              ngx_http_strangler_module);
    if (mcf == NULL) {
        return NGX_OK;
    }

    ngx_http_strangler_shadow_init(cycle, mcf);

    split = mcf->splits.elts;

    for (i = 0; i < mcf->splits.nelts; i++) {
        ngx_http_strangler_lanes(split[i], ngx_worker);
        ngx_http_strangler_refresh(split[i]);
    }

    if (mcf->splits.nelts && ngx_process != NGX_PROCESS_HELPER) {
        ngx_http_strangler_timers(cycle, mcf);
    }

    return NGX_OK;
}


/* all worker processes have gone: nothing is counted any more */

static void
ngx_http_strangler_exit_master(ngx_cycle_t *cycle)
{
    ngx_uint_t                        i;
    ngx_http_strangler_split_t      **split;
    ngx_http_strangler_main_conf_t   *mcf;

    mcf = ngx_http_cycle_get_module_main_conf(cycle,
                                              ngx_http_strangler_module);
    if (mcf == NULL) {
        return;
    }

    split = mcf->splits.elts;

    for (i = 0; i < mcf->splits.nelts; i++) {
        ngx_http_strangler_save_ledger(split[i], cycle->log);
    }
}
