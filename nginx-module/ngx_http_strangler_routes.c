
/*
 * Copyright (C) Ficus authors
 */


/*
 * The routes of the ledger.  A route is the location that asks a split first;
 * each has a number in the configuration, and a place in the ledger of a split
 * that is looked up once in each worker process.
 */


#include "ngx_http_strangler_ledger.h"


static ngx_int_t ngx_http_strangler_route_name(ngx_conf_t *cf,
    ngx_http_core_loc_conf_t *clcf, ngx_str_t *name);
static ngx_int_t ngx_http_strangler_add_route(ngx_conf_t *cf, ngx_str_t *name,
    ngx_uint_t *route);


char *
ngx_http_strangler_conf_route(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_strangler_loc_conf_t *lcf = conf;

    ngx_str_t   *value;
    ngx_uint_t   i;

    if (lcf->route_name.data != NULL) {
        return "is duplicate";
    }

    value = cf->args->elts;

    for (i = 0; i < value[1].len; i++) {
        if (value[1].data[i] < 0x20 || value[1].data[i] == 0x7f) {
            break;
        }
    }

    if (i < value[1].len || value[1].len > NGX_HTTP_STRANGLER_ROUTE_LEN
        || ngx_strcmp(value[1].data, "other") == 0)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid route name \"%V\"", &value[1]);
        return NGX_CONF_ERROR;
    }

    lcf->route_name = value[1];

    return NGX_CONF_OK;
}


/* the name that was given, or that of the location; a server has none */

ngx_int_t
ngx_http_strangler_merge_route(ngx_conf_t *cf,
    ngx_http_strangler_loc_conf_t *prev, ngx_http_strangler_loc_conf_t *conf)
{
    ngx_str_t                  name;
    ngx_http_core_loc_conf_t  *clcf;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    if (clcf->noname && conf->route_name.data == NULL) {
        conf->route = prev->route;
        conf->route_name = prev->route_name;
        return NGX_OK;
    }

    ngx_conf_merge_str_value(conf->route_name, prev->route_name, "");

    name = conf->route_name;

    if (clcf->name.len == 0) {
        return NGX_OK;
    }

    if (name.len == 0
        && ngx_http_strangler_route_name(cf, clcf, &name) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_strangler_add_route(cf, &name, &conf->route);
}


/* as the location is written, short enough and without control characters */

static ngx_int_t
ngx_http_strangler_route_name(ngx_conf_t *cf, ngx_http_core_loc_conf_t *clcf,
    ngx_str_t *name)
{
    char    *sign;
    u_char  *p;
    size_t   len;

    sign = clcf->exact_match ? "= " : "";

#if (NGX_PCRE)
    if (clcf->regex) {
        sign = "~ ";
    }
#endif

    len = ngx_strlen(sign) + clcf->name.len;

    p = ngx_pnalloc(cf->pool, len + sizeof("~12345678"));
    if (p == NULL) {
        return NGX_ERROR;
    }

    name->data = p;
    name->len = ngx_sprintf(p, "%s%V", sign, &clcf->name) - p;

    if (name->len > NGX_HTTP_STRANGLER_ROUTE_LEN) {
        p += NGX_HTTP_STRANGLER_ROUTE_LEN - (sizeof("~12345678") - 1);
        p = ngx_sprintf(p, "~%08xD", ngx_crc32_long(name->data, name->len));
        name->len = p - name->data;
    }

    for (p = name->data; p < name->data + name->len; p++) {
        if (*p < 0x20 || *p == 0x7f) {
            *p = '?';
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_strangler_add_route(ngx_conf_t *cf, ngx_str_t *name,
    ngx_uint_t *route)
{
    ngx_str_t                       *known;
    ngx_uint_t                       i;
    ngx_http_strangler_main_conf_t  *mcf;

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_strangler_module);
    known = mcf->routes.elts;

    for (i = 1; i < mcf->routes.nelts; i++) {
        if (known[i].len == name->len
            && ngx_memcmp(known[i].data, name->data, name->len) == 0)
        {
            *route = i;
            return NGX_OK;
        }
    }

    known = ngx_array_push(&mcf->routes);
    if (known == NULL) {
        return NGX_ERROR;
    }

    *known = *name;
    *route = i;

    return NGX_OK;
}


/* nothing is known yet; that is different in each worker process */

ngx_int_t
ngx_http_strangler_init_places(ngx_conf_t *cf,
    ngx_http_strangler_split_t *split)
{
    ngx_uint_t  n;

    n = split->main->routes.nelts;

    split->places = ngx_pnalloc(cf->pool, n);
    if (split->places == NULL) {
        return NGX_ERROR;
    }

    ngx_memset(split->places, NGX_HTTP_STRANGLER_NONE, n);

    return NGX_OK;
}


/* NGX_HTTP_STRANGLER_NONE where the request has not come to a location yet */

ngx_uint_t
ngx_http_strangler_place(ngx_http_strangler_split_t *split, ngx_uint_t route)
{
    ngx_str_t  *name;

    if (route == 0) {
        return NGX_HTTP_STRANGLER_NONE;
    }

    name = split->main->routes.elts;

    split->places[route] = (u_char) ngx_http_strangler_place_of(split,
                                                                &name[route]);
    return split->places[route];
}


/* takes a free place for a new name, if there is one */

ngx_uint_t
ngx_http_strangler_place_of(ngx_http_strangler_split_t *split, ngx_str_t *name)
{
    uint64_t                     hash;
    ngx_uint_t                   i;
    ngx_http_strangler_entry_t  *entry;

    hash = ngx_http_strangler_fnv(NGX_HTTP_STRANGLER_FNV_BASIS, name->data,
                                  name->len);
    hash = hash ? hash : 1;

    for (i = 0; i < NGX_HTTP_STRANGLER_OTHER; i++) {
        entry = &split->sh->ledger[i];

        if (!ngx_atomic_cmp_set(&entry->hash, 0, hash)
            && entry->hash != hash)
        {
            continue;
        }

        /* ours, or of a process that may have died before it could say so */

        if (entry->len == 0) {
            ngx_memcpy(entry->name, name->data, name->len);
            entry->since = (ngx_atomic_uint_t) ngx_time();

            ngx_memory_barrier();

            entry->len = name->len;
        }

        break;
    }

    return i;
}


/* FNV-1a, whose steps are bytes, and a last one that spreads them */

uint64_t
ngx_http_strangler_fnv(uint64_t hash, const void *data, size_t len)
{
    const u_char *p = data;

    while (len--) {
        hash = (hash ^ *p++) * 0x100000001b3;
    }

    hash ^= hash >> 32;

    return hash * 0x9e3779b97f4a7c15;
}
