
/*
 * Copyright (C) Ficus authors
 */


/*
 * Directives: their parsers, and the checks when all of them have been read.
 */


#ifndef NGX_HTTP_STRANGLER_CONF_H_INCLUDED
#define NGX_HTTP_STRANGLER_CONF_H_INCLUDED


#include "ngx_http_strangler.h"


/* conf */

char *ngx_http_strangler_conf_split(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_strangler_conf_key(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_strangler_conf_arm(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_strangler_conf_override(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_strangler_conf_generation_header(ngx_conf_t *cf,
    ngx_command_t *cmd, void *conf);
char *ngx_http_strangler_conf_pin(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_strangler_conf_breaker(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_strangler_conf_rescue(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_strangler_conf_setting(ngx_conf_t *cf, void *conf,
    const ngx_http_strangler_setting_t *settings, ngx_str_t *value);
char *ngx_http_strangler_conf_shadow(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_strangler_conf_diff(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_strangler_conf_shadow_methods(ngx_conf_t *cf,
    ngx_command_t *cmd, void *conf);
ngx_int_t ngx_http_strangler_conf_check(ngx_conf_t *cf);
ngx_uint_t *ngx_http_strangler_keepalive(ngx_conf_t *cf,
    ngx_http_upstream_srv_conf_t *us);

/* location */

char *ngx_http_strangler_conf_api(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_strangler_conf_api_hosts(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_strangler_conf_api_token_file(ngx_conf_t *cf,
    ngx_command_t *cmd, void *conf);
char *ngx_http_strangler_conf_api_guard(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_strangler_conf_metrics(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_strangler_conf_ready(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);


#endif /* NGX_HTTP_STRANGLER_CONF_H_INCLUDED */
