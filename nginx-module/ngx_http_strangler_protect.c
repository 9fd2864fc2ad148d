
/*
 * Copyright (C) Ficus authors
 */


/* The directives that keep users from a failing arm. */


#include "ngx_http_strangler.h"


typedef enum {
    ngx_http_strangler_number_e = 0,
    ngx_http_strangler_percent_e,
    ngx_http_strangler_time_e
} ngx_http_strangler_type_e;


typedef struct {
    ngx_str_t                    name;
    size_t                       offset;
    ngx_uint_t                   type;
    ngx_int_t                    min;
    ngx_int_t                    max;       /* milliseconds for a time */
} ngx_http_strangler_setting_t;


static char *ngx_http_strangler_conf_setting(ngx_conf_t *cf, void *conf,
    const ngx_http_strangler_setting_t *settings, ngx_str_t *value);


static const ngx_http_strangler_setting_t  ngx_http_strangler_breaker[] = {

    { ngx_string("failures="),
      offsetof(ngx_http_strangler_breaker_conf_t, failures),
      ngx_http_strangler_number_e, 0, 1000000 },

    { ngx_string("ratio="),
      offsetof(ngx_http_strangler_breaker_conf_t, ratio),
      ngx_http_strangler_percent_e, 0, 10000 },

    { ngx_string("volume="),
      offsetof(ngx_http_strangler_breaker_conf_t, volume),
      ngx_http_strangler_number_e, 1, 1000000 },

    { ngx_string("window="),
      offsetof(ngx_http_strangler_breaker_conf_t, window),
      ngx_http_strangler_time_e, 1000, 3600000 },

    { ngx_string("open="),
      offsetof(ngx_http_strangler_breaker_conf_t, open),
      ngx_http_strangler_time_e, 100, 3600000 },

    { ngx_string("probes="),
      offsetof(ngx_http_strangler_breaker_conf_t, probes),
      ngx_http_strangler_number_e, 1, 1000000 },

    { ngx_string("recovery="),
      offsetof(ngx_http_strangler_breaker_conf_t, recovery),
      ngx_http_strangler_time_e, 0, 3600000 },

    { ngx_null_string, 0, 0, 0, 0 }
};


char *
ngx_http_strangler_conf_breaker(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_strangler_srv_conf_t *scf = conf;

    ngx_str_t                          *value;
    ngx_uint_t                          i;
    ngx_http_strangler_breaker_conf_t  *breaker;

    if (scf->split == NULL) {
        return "must come after \"strangler\"";
    }

    breaker = &scf->split->breaker;

    if (breaker->enabled) {
        return "is duplicate";
    }

    breaker->enabled = 1;
    breaker->failures = 5;
    breaker->ratio = 5000;
    breaker->volume = 20;
    breaker->window = 10000;
    breaker->open = 5000;
    breaker->probes = 3;
    breaker->recovery = 10000;

    value = cf->args->elts;

    for (i = 1; i < cf->args->nelts; i++) {
        if (ngx_http_strangler_conf_setting(cf, breaker,
                                            ngx_http_strangler_breaker,
                                            &value[i])
            != NGX_CONF_OK)
        {
            return NGX_CONF_ERROR;
        }
    }

    if (breaker->failures == 0 && breaker->ratio == 0) {
        return "can never open with \"failures=0\" and \"ratio=0\"";
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_strangler_conf_setting(ngx_conf_t *cf, void *conf,
    const ngx_http_strangler_setting_t *settings, ngx_str_t *value)
{
    ngx_int_t                            n;
    ngx_str_t                            text;
    const ngx_http_strangler_setting_t  *s;

    for (s = settings; s->name.len; s++) {
        if (value->len > s->name.len
            && ngx_strncmp(value->data, s->name.data, s->name.len) == 0)
        {
            break;
        }
    }

    n = NGX_ERROR;

    text.data = value->data + s->name.len;
    text.len = value->len - s->name.len;

    if (s->name.len && s->type == ngx_http_strangler_number_e) {
        n = ngx_atoi(text.data, text.len);

    } else if (s->name.len && s->type == ngx_http_strangler_percent_e) {
        n = ngx_atofp(text.data, text.len, 2);

    } else if (s->name.len) {
        n = ngx_parse_time(&text, 0);
    }

    if (n == NGX_ERROR || n < s->min || n > s->max) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid parameter \"%V\"", value);
        return NGX_CONF_ERROR;
    }

    *(ngx_uint_t *) ((char *) conf + s->offset) = (ngx_uint_t) n;

    return NGX_CONF_OK;
}
