
/*
 * Copyright (C) Ficus authors
 */


#include "ngx_http_strangler_conf.h"


static char *ngx_http_strangler_conf_arm_name(ngx_conf_t *cf,
    ngx_http_strangler_split_t *split, ngx_http_strangler_arm_t *arm);
static char *ngx_http_strangler_conf_arm_options(ngx_conf_t *cf,
    ngx_http_strangler_split_t *split, ngx_http_strangler_arm_t *arm);
static char *ngx_http_strangler_conf_weight(ngx_conf_t *cf, ngx_str_t *text,
    ngx_int_t *weight);
static char *ngx_http_strangler_conf_baseline(ngx_conf_t *cf,
    ngx_http_strangler_split_t *split, ngx_http_strangler_arm_t *arm);


/* arm NAME=UPSTREAM [weight=P] [baseline] */

char *
ngx_http_strangler_conf_arm(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_strangler_srv_conf_t *scf = conf;

    ngx_url_t                    u;
    ngx_http_strangler_arm_t    *arm;
    ngx_http_strangler_split_t  *split;

    split = scf->split;

    if (split == NULL) {
        return "must come after \"strangler\"";
    }

    if (split->narms == NGX_HTTP_STRANGLER_ARMS) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "arm \"%V\" is one too many for split \"%V\", "
                           "8 are allowed",
                           (ngx_str_t *) cf->args->elts + 1, &split->name);
        return NGX_CONF_ERROR;
    }

    arm = &split->arm[split->narms];

    if (ngx_http_strangler_conf_arm_name(cf, split, arm) != NGX_CONF_OK
        || ngx_http_strangler_conf_arm_options(cf, split, arm) != NGX_CONF_OK)
    {
        return NGX_CONF_ERROR;
    }

    ngx_memzero(&u, sizeof(ngx_url_t));

    u.url = arm->upstream;
    u.no_resolve = 1;

    arm->uscf = ngx_http_upstream_add(cf, &u, 0);
    if (arm->uscf == NULL) {
        return NGX_CONF_ERROR;
    }

    split->narms++;

    return NGX_CONF_OK;
}


static char *
ngx_http_strangler_conf_arm_name(ngx_conf_t *cf,
    ngx_http_strangler_split_t *split, ngx_http_strangler_arm_t *arm)
{
    u_char     *p;
    ngx_str_t  *value;

    value = cf->args->elts;
    p = (u_char *) ngx_strchr(value[1].data, '=');

    if (p == NULL || p[1] == '\0') {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid arm \"%V\", it must be \"name=upstream\"",
                           &value[1]);
        return NGX_CONF_ERROR;
    }

    arm->name.data = value[1].data;
    arm->name.len = p - value[1].data;
    arm->upstream.data = p + 1;
    arm->upstream.len = value[1].data + value[1].len - arm->upstream.data;

    /* JSON wants the name to end here */

    *p = '\0';

    if (!ngx_http_strangler_is_name(&arm->name, NGX_HTTP_STRANGLER_NAME_LEN)) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid arm name \"%V\"", &arm->name);
        return NGX_CONF_ERROR;
    }

    if (ngx_http_strangler_find_arm(split, arm->name.data, arm->name.len)
        != NGX_DECLINED)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "duplicate arm \"%V\" in split \"%V\"",
                           &arm->name, &split->name);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_strangler_conf_arm_options(ngx_conf_t *cf,
    ngx_http_strangler_split_t *split, ngx_http_strangler_arm_t *arm)
{
    char        *rv;
    ngx_str_t   *value, text;
    ngx_uint_t   i;

    arm->weight = -1;

    value = cf->args->elts;

    for (i = 2; i < cf->args->nelts; i++) {

        if (ngx_strncmp(value[i].data, "weight=", 7) == 0
            && arm->weight == -1)
        {
            text.data = value[i].data + 7;
            text.len = value[i].len - 7;

            rv = ngx_http_strangler_conf_weight(cf, &text, &arm->weight);

        } else if (ngx_strcmp(value[i].data, "baseline") == 0) {
            rv = ngx_http_strangler_conf_baseline(cf, split, arm);

        } else {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid parameter \"%V\"", &value[i]);
            rv = NGX_CONF_ERROR;
        }

        if (rv != NGX_CONF_OK) {
            return rv;
        }
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_strangler_conf_weight(ngx_conf_t *cf, ngx_str_t *text,
    ngx_int_t *weight)
{
    *weight = ngx_atofp(text->data, text->len, 2);

    if (*weight == NGX_ERROR || *weight > NGX_HTTP_STRANGLER_SLOTS
        || text->data[0] == '.' || text->data[text->len - 1] == '.')
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid weight \"%V\", it must be 0 to 100 with "
                           "at most two decimals", text);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_strangler_conf_baseline(ngx_conf_t *cf,
    ngx_http_strangler_split_t *split, ngx_http_strangler_arm_t *arm)
{
    if (split->baseline_given) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "arm \"%V\" is a second baseline of split \"%V\"",
                           &arm->name, &split->name);
        return NGX_CONF_ERROR;
    }

    split->baseline = split->narms;
    split->baseline_given = 1;

    return NGX_CONF_OK;
}


ngx_uint_t
ngx_http_strangler_is_name(ngx_str_t *name, size_t max)
{
    u_char      c;
    ngx_uint_t  i;

    if (name->len == 0 || name->len > max) {
        return 0;
    }

    for (i = 0; i < name->len; i++) {
        c = name->data[i];

        if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z')
            && !(c >= '0' && c <= '9') && c != '_' && c != '-')
        {
            return 0;
        }
    }

    return 1;
}


ngx_int_t
ngx_http_strangler_find_arm(ngx_http_strangler_split_t *split, u_char *name,
    size_t len)
{
    ngx_uint_t                 i;
    ngx_http_strangler_arm_t  *arm;

    arm = split->arm;

    for (i = 0; i < split->narms; i++) {
        if (arm[i].name.len == len
            && ngx_memcmp(arm[i].name.data, name, len) == 0)
        {
            return i;
        }
    }

    return NGX_DECLINED;
}
