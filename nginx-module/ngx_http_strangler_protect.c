
/*
 * Copyright (C) Ficus authors
 */


/* The directives that keep users from a failing arm. */


#include "ngx_http_strangler_conf.h"


static ngx_uint_t ngx_http_strangler_conf_failure(ngx_str_t *value);


static ngx_conf_bitmask_t  ngx_http_strangler_rescue_failures[] = {
    { ngx_string("error"), NGX_HTTP_UPSTREAM_FT_ERROR },
    { ngx_string("timeout"), NGX_HTTP_UPSTREAM_FT_TIMEOUT },
    { ngx_string("invalid_header"), NGX_HTTP_UPSTREAM_FT_INVALID_HEADER },
    { ngx_string("http_500"), NGX_HTTP_UPSTREAM_FT_HTTP_500 },
    { ngx_string("http_502"), NGX_HTTP_UPSTREAM_FT_HTTP_502 },
    { ngx_string("http_503"), NGX_HTTP_UPSTREAM_FT_HTTP_503 },
    { ngx_string("http_504"), NGX_HTTP_UPSTREAM_FT_HTTP_504 },
    { ngx_string("http_403"), NGX_HTTP_UPSTREAM_FT_HTTP_403 },
    { ngx_string("http_404"), NGX_HTTP_UPSTREAM_FT_HTTP_404 },
    { ngx_string("http_429"), NGX_HTTP_UPSTREAM_FT_HTTP_429 },
    { ngx_null_string, 0 }
};


static const ngx_http_strangler_setting_t  ngx_http_strangler_rescue[] = {

    { ngx_string("budget="),
      offsetof(ngx_http_strangler_rescue_conf_t, budget),
      ngx_http_strangler_percent_e, 0, 10000 },

    { ngx_string("floor="),
      offsetof(ngx_http_strangler_rescue_conf_t, floor),
      ngx_http_strangler_number_e, 0, 1000000 },

    { ngx_null_string, 0, 0, 0, 0 }
};


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


char *
ngx_http_strangler_conf_rescue(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_strangler_srv_conf_t *scf = conf;

    ngx_str_t                         *value;
    ngx_uint_t                         i, mask;
    ngx_http_strangler_rescue_conf_t  *rescue;

    if (scf->split == NULL) {
        return "must come after \"strangler\"";
    }

    rescue = &scf->split->rescue;

    if (rescue->enabled) {
        return "is duplicate";
    }

    rescue->enabled = 1;
    rescue->budget = 2000;
    rescue->floor = 10;

    value = cf->args->elts;

    for (i = 1; i < cf->args->nelts; i++) {
        mask = ngx_http_strangler_conf_failure(&value[i]);

        if (mask) {
            rescue->mask |= mask;

        } else if (ngx_strcmp(value[i].data, "manual") == 0) {
            rescue->manual = 1;

        } else if (ngx_http_strangler_conf_setting(cf, rescue,
                                                   ngx_http_strangler_rescue,
                                                   &value[i])
                   != NGX_CONF_OK)
        {
            return NGX_CONF_ERROR;
        }
    }

    if (rescue->manual && rescue->mask) {
        return "has failures, which \"error_page\" tells with \"manual\"";
    }

    if (rescue->mask == 0) {
        rescue->mask = NGX_HTTP_UPSTREAM_FT_ERROR
                       |NGX_HTTP_UPSTREAM_FT_TIMEOUT
                       |NGX_HTTP_UPSTREAM_FT_INVALID_HEADER
                       |NGX_HTTP_UPSTREAM_FT_HTTP_500
                       |NGX_HTTP_UPSTREAM_FT_HTTP_502
                       |NGX_HTTP_UPSTREAM_FT_HTTP_503
                       |NGX_HTTP_UPSTREAM_FT_HTTP_504;
    }

    return NGX_CONF_OK;
}


/* 0 if it is none */

static ngx_uint_t
ngx_http_strangler_conf_failure(ngx_str_t *value)
{
    ngx_conf_bitmask_t  *mask;

    for (mask = ngx_http_strangler_rescue_failures; mask->name.len; mask++) {
        if (mask->name.len == value->len
            && ngx_strcmp(mask->name.data, value->data) == 0)
        {
            break;
        }
    }

    return mask->mask;
}


/* one parameter of the form "name=value" */

char *
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

    } else if (s->name.len && s->type == ngx_http_strangler_size_e) {
        n = ngx_parse_size(&text);

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
