
/*
 * Copyright (C) Ficus authors
 */


/* The directives that make a location answer itself. */


#include "ngx_http_strangler_conf.h"
#include "ngx_http_strangler_api.h"


#define NGX_HTTP_STRANGLER_TOKEN_MAX  4096


static ngx_int_t ngx_http_strangler_remember_api(ngx_conf_t *cf,
    ngx_command_t *cmd, ngx_http_strangler_loc_conf_t *lcf);
static char *ngx_http_strangler_read_token(ngx_conf_t *cf, ngx_str_t *file,
    ngx_str_t *token);


char *
ngx_http_strangler_conf_api(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_strangler_loc_conf_t *lcf = conf;

    ngx_http_core_loc_conf_t  *clcf;

    if (lcf->api != NGX_CONF_UNSET) {
        return "is duplicate";
    }

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

#if (NGX_PCRE)
    if (clcf->regex) {
        return "cannot be used in a location given by a regular expression";
    }
#endif

    if (clcf->exact_match || clcf->named) {
        return "needs a location given by a prefix";
    }

    if (ngx_http_strangler_remember_api(cf, cmd, lcf) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    lcf->api = 1;
    clcf->handler = ngx_http_strangler_api_handler;

    return NGX_CONF_OK;
}


/* to warn of it, when it is known where its server listens */

static ngx_int_t
ngx_http_strangler_remember_api(ngx_conf_t *cf, ngx_command_t *cmd,
    ngx_http_strangler_loc_conf_t *lcf)
{
    ngx_http_core_loc_conf_t        *clcf;
    ngx_http_strangler_api_loc_t    *api;
    ngx_http_strangler_main_conf_t  *mcf;

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_strangler_module);
    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    api = ngx_array_push(&mcf->apis);
    if (api == NULL) {
        return NGX_ERROR;
    }

    api->cscf = ngx_http_conf_get_module_srv_conf(cf, ngx_http_core_module);
    api->lcf = lcf;
    api->location = clcf->name;
    api->directive = cmd->name;

    return NGX_OK;
}


char *
ngx_http_strangler_conf_api_guard(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    ngx_http_strangler_loc_conf_t *lcf = conf;

    char                            *rv;
    ngx_http_strangler_main_conf_t  *mcf;

    rv = ngx_conf_set_flag_slot(cf, cmd, conf);

    if (rv != NGX_CONF_OK || !lcf->guard) {
        return rv;
    }

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_strangler_module);
    mcf->guarded = 1;

    return ngx_http_strangler_remember_api(cf, cmd, lcf) == NGX_OK
           ? NGX_CONF_OK : NGX_CONF_ERROR;
}


char *
ngx_http_strangler_conf_api_hosts(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    ngx_http_strangler_loc_conf_t *lcf = conf;

    ngx_str_t   *value, *host;
    ngx_uint_t   i;

    if (lcf->hosts != NGX_CONF_UNSET_PTR) {
        return "is duplicate";
    }

    lcf->hosts = ngx_array_create(cf->pool, 4, sizeof(ngx_str_t));
    if (lcf->hosts == NULL) {
        return NGX_CONF_ERROR;
    }

    value = cf->args->elts;

    for (i = 1; i < cf->args->nelts; i++) {

        if (value[i].len == 0) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid host name \"%V\"", &value[i]);
            return NGX_CONF_ERROR;
        }

        host = ngx_array_push(lcf->hosts);
        if (host == NULL) {
            return NGX_CONF_ERROR;
        }

        *host = value[i];

        if (host->len > 2 && host->data[0] == '['
            && host->data[host->len - 1] == ']')
        {
            host->data++;
            host->len -= 2;
        }

        ngx_strlow(host->data, host->data, host->len);
    }

    return NGX_CONF_OK;
}


char *
ngx_http_strangler_conf_api_token_file(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    ngx_http_strangler_loc_conf_t *lcf = conf;

    ngx_str_t  *value, file;

    if (lcf->token.data != NULL) {
        return "is duplicate";
    }

    value = cf->args->elts;
    file = value[1];

    if (ngx_conf_full_name(cf->cycle, &file, 1) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    return ngx_http_strangler_read_token(cf, &file, &lcf->token);
}


static char *
ngx_http_strangler_read_token(ngx_conf_t *cf, ngx_str_t *file,
    ngx_str_t *token)
{
    u_char   *p;
    ssize_t   n;
    ngx_fd_t  fd;

    p = ngx_pnalloc(cf->pool, NGX_HTTP_STRANGLER_TOKEN_MAX);
    if (p == NULL) {
        return NGX_CONF_ERROR;
    }

    fd = ngx_open_file(file->data, NGX_FILE_RDONLY, NGX_FILE_OPEN, 0);
    if (fd == NGX_INVALID_FILE) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                           ngx_open_file_n " \"%V\" failed", file);
        return NGX_CONF_ERROR;
    }

    n = ngx_read_fd(fd, p, NGX_HTTP_STRANGLER_TOKEN_MAX);

    if (n == -1) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                           ngx_read_fd_n " \"%V\" failed", file);
    }

    if (ngx_close_file(fd) == NGX_FILE_ERROR) {
        ngx_conf_log_error(NGX_LOG_WARN, cf, ngx_errno,
                           ngx_close_file_n " \"%V\" failed", file);
    }

    if (n == -1) {
        return NGX_CONF_ERROR;
    }

    if (n == NGX_HTTP_STRANGLER_TOKEN_MAX) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "token file \"%V\" is too large", file);
        return NGX_CONF_ERROR;
    }

    if (n && p[n - 1] == LF) {
        n--;
    }

    if (n && p[n - 1] == CR) {
        n--;
    }

    if (n == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "token file \"%V\" is empty", file);
        return NGX_CONF_ERROR;
    }

    token->data = p;
    token->len = n;

    return NGX_CONF_OK;
}


char *
ngx_http_strangler_conf_metrics(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_core_loc_conf_t  *clcf;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);
    clcf->handler = ngx_http_strangler_metrics_handler;

    return NGX_CONF_OK;
}


char *
ngx_http_strangler_conf_ready(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_core_loc_conf_t  *clcf;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);
    clcf->handler = ngx_http_strangler_ready_handler;

    return NGX_CONF_OK;
}
