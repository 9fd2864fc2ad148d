
/*
 * Copyright (C) Ficus authors
 */


#include "ngx_http_strangler_conf.h"


static ngx_int_t ngx_http_strangler_conf_override_value(ngx_conf_t *cf,
    ngx_http_strangler_override_t *o, ngx_str_t *value);
static ngx_int_t ngx_http_strangler_conf_variable(ngx_conf_t *cf,
    char *prefix, ngx_str_t *name);
static char *ngx_http_strangler_conf_value(ngx_conf_t *cf, ngx_str_t *source,
    ngx_http_strangler_value_t *value);
static ngx_int_t ngx_http_strangler_conf_index(ngx_conf_t *cf,
    ngx_str_t *source);


char *
ngx_http_strangler_conf_key(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_strangler_srv_conf_t *scf = conf;

    ngx_str_t                   *value;
    ngx_uint_t                   i;
    ngx_http_strangler_split_t  *split;

    split = scf->split;

    if (split == NULL) {
        return "must come after \"strangler\"";
    }

    if (split->nkeys) {
        return "is duplicate";
    }

    if (cf->args->nelts - 1 > NGX_HTTP_STRANGLER_KEYS) {
        return "has more than 8 values";
    }

    value = cf->args->elts;

    for (i = 1; i < cf->args->nelts; i++) {
        if (ngx_http_strangler_conf_value(cf, &value[i],
                                          &split->key[split->nkeys++])
            != NGX_CONF_OK)
        {
            return NGX_CONF_ERROR;
        }
    }

    return NGX_CONF_OK;
}


char *
ngx_http_strangler_conf_override(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    ngx_http_strangler_srv_conf_t *scf = conf;

    ngx_int_t                       rc;
    ngx_str_t                      *value;
    ngx_uint_t                      i;
    ngx_http_strangler_override_t  *o;

    if (scf->split == NULL) {
        return "must come after \"strangler\"";
    }

    o = &scf->split->override;

    if (o->enabled) {
        return "is duplicate";
    }

    o->enabled = 1;
    o->header_index = NGX_ERROR;
    o->cookie_index = NGX_ERROR;
    o->if_index = NGX_ERROR;

    value = cf->args->elts;

    for (i = 1; i < cf->args->nelts; i++) {
        rc = ngx_http_strangler_conf_override_value(cf, o, &value[i]);

        if (rc == NGX_DECLINED) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid parameter \"%V\"", &value[i]);
        }

        if (rc != NGX_OK) {
            return NGX_CONF_ERROR;
        }
    }

    if (o->header_index == NGX_ERROR && o->cookie_index == NGX_ERROR) {
        return "must have a \"header\" or a \"cookie\" parameter";
    }

    return NGX_CONF_OK;
}


char *
ngx_http_strangler_conf_generation_header(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    ngx_http_strangler_srv_conf_t *scf = conf;

    ngx_str_t  *value;

    if (scf->split == NULL) {
        return "must come after \"strangler\"";
    }

    if (scf->split->generation_header.len) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (!ngx_http_strangler_is_name(&value[1], 64)) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid header name \"%V\"", &value[1]);
        return NGX_CONF_ERROR;
    }

    scf->split->generation_header = value[1];

    return NGX_CONF_OK;
}


/* NGX_DECLINED for a parameter that is unknown or empty */

static ngx_int_t
ngx_http_strangler_conf_override_value(ngx_conf_t *cf,
    ngx_http_strangler_override_t *o, ngx_str_t *value)
{
    ngx_int_t   index;
    ngx_str_t   name;

    if (value->len > 7 && ngx_strncmp(value->data, "header=", 7) == 0) {
        name.data = value->data + 7;
        name.len = value->len - 7;

        index = ngx_http_strangler_conf_variable(cf, "http_", &name);
        o->header_index = index;
        o->header = name;
        o->own_header = (name.len > 8
                         && ngx_strncasecmp(name.data, (u_char *) "x-ficus-",
                                            8) == 0);

    } else if (value->len > 7 && ngx_strncmp(value->data, "cookie=", 7) == 0) {
        name.data = value->data + 7;
        name.len = value->len - 7;

        index = ngx_http_strangler_conf_variable(cf, "cookie_", &name);
        o->cookie_index = index;

    } else if (value->len > 4 && ngx_strncmp(value->data, "if=$", 4) == 0) {
        name.data = value->data + 4;
        name.len = value->len - 4;

        index = ngx_http_get_variable_index(cf, &name);
        o->if_index = index;

    } else {
        return NGX_DECLINED;
    }

    return index == NGX_ERROR ? NGX_ERROR : NGX_OK;
}


static ngx_int_t
ngx_http_strangler_conf_variable(ngx_conf_t *cf, char *prefix,
    ngx_str_t *name)
{
    u_char      *p;
    size_t       len;
    ngx_str_t    variable;
    ngx_uint_t   i;

    len = ngx_strlen(prefix);

    variable.len = len + name->len;
    variable.data = ngx_pnalloc(cf->pool, variable.len);
    if (variable.data == NULL) {
        return NGX_ERROR;
    }

    p = ngx_cpymem(variable.data, prefix, len);

    if (prefix[0] == 'c') {
        ngx_memcpy(p, name->data, name->len);
        return ngx_http_get_variable_index(cf, &variable);
    }

    for (i = 0; i < name->len; i++) {
        p[i] = (name->data[i] == '-') ? '_' : ngx_tolower(name->data[i]);
    }

    return ngx_http_get_variable_index(cf, &variable);
}


char *
ngx_http_strangler_conf_pin(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_strangler_loc_conf_t *lcf = conf;

    ngx_str_t                       *value, *pin;
    ngx_http_strangler_main_conf_t  *mcf;

    if (lcf->pin != NGX_CONF_UNSET_PTR) {
        return "is duplicate";
    }

    value = cf->args->elts;

    lcf->pin = ngx_palloc(cf->pool, sizeof(ngx_http_strangler_value_t));
    if (lcf->pin == NULL) {
        return NGX_CONF_ERROR;
    }

    if (ngx_http_strangler_conf_value(cf, &value[1], lcf->pin)
        != NGX_CONF_OK)
    {
        return NGX_CONF_ERROR;
    }

    if (lcf->pin->index != NGX_ERROR || lcf->pin->complex.lengths) {
        return NGX_CONF_OK;
    }

    if (value[1].len == 0) {
        lcf->pin = NULL;
        return NGX_CONF_OK;
    }

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_strangler_module);

    pin = ngx_array_push(&mcf->pins);
    if (pin == NULL) {
        return NGX_CONF_ERROR;
    }

    *pin = value[1];

    return NGX_CONF_OK;
}


static char *
ngx_http_strangler_conf_value(ngx_conf_t *cf, ngx_str_t *source,
    ngx_http_strangler_value_t *value)
{
    ngx_http_compile_complex_value_t  ccv;

    value->source = *source;

    ngx_memzero(&ccv, sizeof(ngx_http_compile_complex_value_t));

    ccv.cf = cf;
    ccv.value = source;
    ccv.complex_value = &value->complex;

    if (ngx_http_compile_complex_value(&ccv) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    value->index = ngx_http_strangler_conf_index(cf, &value->source);

    return NGX_CONF_OK;
}


/* of the variable that is all there is; NGX_ERROR if there is more */

static ngx_int_t
ngx_http_strangler_conf_index(ngx_conf_t *cf, ngx_str_t *source)
{
    u_char      c;
    ngx_str_t   name;
    ngx_uint_t  i;

    name = *source;

    if (name.len < 2 || name.data[0] != '$') {
        return NGX_ERROR;
    }

    name.data++;
    name.len--;

    if (name.len > 2 && name.data[0] == '{'
        && name.data[name.len - 1] == '}')
    {
        name.data++;
        name.len -= 2;
    }

    for (i = 0; i < name.len; i++) {
        c = ngx_tolower(name.data[i]);

        if (!(c >= 'a' && c <= 'z') && c != '_'
            && (i == 0 || !(c >= '0' && c <= '9')))
        {
            return NGX_ERROR;
        }
    }

    return ngx_http_get_variable_index(cf, &name);
}
