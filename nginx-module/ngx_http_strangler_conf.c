
/*
 * Copyright (C) Ficus authors
 */


#include "ngx_http_strangler.h"


static char *ngx_http_strangler_conf_zone(ngx_conf_t *cf, ngx_str_t *value,
    ngx_http_strangler_split_t *split);
static char *ngx_http_strangler_conf_state(ngx_conf_t *cf,
    ngx_http_strangler_split_t *split);
static char *ngx_http_strangler_conf_register(ngx_conf_t *cf,
    ngx_http_strangler_split_t *split);
static char *ngx_http_strangler_conf_upstream(ngx_conf_t *cf,
    ngx_http_strangler_split_t *split);
static char *ngx_http_strangler_conf_placeholder(ngx_conf_t *cf,
    ngx_http_upstream_srv_conf_t *us);
static char *ngx_http_strangler_conf_weight(ngx_conf_t *cf, ngx_str_t *text,
    ngx_int_t *weight);
static ngx_int_t ngx_http_strangler_conf_variable(ngx_conf_t *cf,
    char *prefix, ngx_str_t *name);


char *
ngx_http_strangler_conf_split(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_strangler_srv_conf_t *scf = conf;

    ngx_str_t                   *value, zone;
    ngx_uint_t                   i;
    ngx_http_strangler_split_t  *split;

    if (scf->split) {
        return "is duplicate";
    }

    split = ngx_pcalloc(cf->pool, sizeof(ngx_http_strangler_split_t));
    if (split == NULL) {
        return NGX_CONF_ERROR;
    }

    ngx_str_null(&zone);

    value = cf->args->elts;

    for (i = 1; i < cf->args->nelts; i++) {

        if (ngx_strncmp(value[i].data, "zone=", 5) == 0) {
            zone.data = value[i].data + 5;
            zone.len = value[i].len - 5;
            continue;
        }

        if (ngx_strncmp(value[i].data, "state=", 6) == 0) {
            split->state_dir.data = value[i].data + 6;
            split->state_dir.len = value[i].len - 6;
            continue;
        }

        if (ngx_strncmp(value[i].data, "salt=", 5) == 0) {
            split->salt.data = value[i].data + 5;
            split->salt.len = value[i].len - 5;
            continue;
        }

        if (ngx_strncmp(value[i].data, "name=", 5) == 0) {
            split->name.data = value[i].data + 5;
            split->name.len = value[i].len - 5;
            continue;
        }

        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid parameter \"%V\"", &value[i]);
        return NGX_CONF_ERROR;
    }

    if (zone.data == NULL) {
        return "must have the \"zone\" parameter";
    }

    if (ngx_http_strangler_conf_upstream(cf, split) != NGX_CONF_OK
        || ngx_http_strangler_conf_register(cf, split) != NGX_CONF_OK
        || ngx_http_strangler_conf_zone(cf, &zone, split) != NGX_CONF_OK
        || ngx_http_strangler_conf_state(cf, split) != NGX_CONF_OK)
    {
        return NGX_CONF_ERROR;
    }

    scf->split = split;

    return NGX_CONF_OK;
}


static char *
ngx_http_strangler_conf_upstream(ngx_conf_t *cf,
    ngx_http_strangler_split_t *split)
{
    ngx_http_upstream_srv_conf_t  *us;

    us = ngx_http_conf_get_module_srv_conf(cf, ngx_http_upstream_module);

    if (us->peer.init_upstream) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "upstream \"%V\" has a load balancing method or "
                           "\"keepalive\" before \"strangler\"; they belong "
                           "into the upstreams of its arms", &us->host);
        return NGX_CONF_ERROR;
    }

    if (us->servers->nelts) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"server\" is not allowed in the split upstream "
                           "\"%V\"", &us->host);
        return NGX_CONF_ERROR;
    }

    if (ngx_http_strangler_conf_placeholder(cf, us) != NGX_CONF_OK) {
        return NGX_CONF_ERROR;
    }

    us->flags = NGX_HTTP_UPSTREAM_CREATE;
    us->peer.init_upstream = ngx_http_strangler_init_upstream;

    split->uscf = us;

    if (split->name.data == NULL) {
        split->name = us->host;
    }

    if (split->salt.data == NULL) {
        split->salt = split->name;
    }

    return NGX_CONF_OK;
}


/* nginx refuses an upstream without servers */

static char *
ngx_http_strangler_conf_placeholder(ngx_conf_t *cf,
    ngx_http_upstream_srv_conf_t *us)
{
    ngx_addr_t                  *addr;
    ngx_http_upstream_server_t  *server;

    addr = ngx_pcalloc(cf->pool, sizeof(ngx_addr_t));
    if (addr == NULL) {
        return NGX_CONF_ERROR;
    }

    addr->sockaddr = ngx_pcalloc(cf->pool, sizeof(struct sockaddr_in));
    if (addr->sockaddr == NULL) {
        return NGX_CONF_ERROR;
    }

    addr->sockaddr->sa_family = AF_INET;
    addr->socklen = sizeof(struct sockaddr_in);
    addr->name = us->host;

    server = ngx_array_push(us->servers);
    if (server == NULL) {
        return NGX_CONF_ERROR;
    }

    ngx_memzero(server, sizeof(ngx_http_upstream_server_t));

    server->name = us->host;
    server->addrs = addr;
    server->naddrs = 1;
    server->weight = 1;
    server->down = 1;

    return NGX_CONF_OK;
}


static char *
ngx_http_strangler_conf_register(ngx_conf_t *cf,
    ngx_http_strangler_split_t *split)
{
    ngx_uint_t                        i;
    ngx_http_strangler_split_t      **splitp;
    ngx_http_strangler_main_conf_t   *mcf;

    if (!ngx_http_strangler_is_name(&split->name,
                                    NGX_HTTP_STRANGLER_SPLIT_LEN))
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid split name \"%V\"", &split->name);
        return NGX_CONF_ERROR;
    }

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_strangler_module);
    splitp = mcf->splits.elts;

    for (i = 0; i < mcf->splits.nelts; i++) {
        if (splitp[i]->name.len == split->name.len
            && ngx_strncmp(splitp[i]->name.data, split->name.data,
                           split->name.len)
               == 0)
        {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "duplicate split name \"%V\"", &split->name);
            return NGX_CONF_ERROR;
        }
    }

    split->local = ngx_pcalloc(cf->pool, sizeof(ngx_http_strangler_local_t));
    if (split->local == NULL) {
        return NGX_CONF_ERROR;
    }

    splitp = ngx_array_push(&mcf->splits);
    if (splitp == NULL) {
        return NGX_CONF_ERROR;
    }

    *splitp = split;
    split->main = mcf;

    if (ngx_http_strangler_add_variables(cf, split) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_strangler_conf_zone(ngx_conf_t *cf, ngx_str_t *value,
    ngx_http_strangler_split_t *split)
{
    u_char                           *p;
    ssize_t                           size;
    ngx_str_t                         name, s;
    ngx_shm_zone_t                   *shm_zone;
    ngx_http_strangler_zone_t        *zone, **zonep;
    ngx_http_strangler_split_t      **splitp;
    ngx_http_strangler_main_conf_t   *mcf;

    name = *value;
    size = 0;

    p = (u_char *) ngx_strchr(value->data, ':');

    if (p) {
        name.len = p - name.data;

        s.data = p + 1;
        s.len = value->data + value->len - s.data;

        size = ngx_parse_size(&s);

        if (size == NGX_ERROR) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid zone size \"%V\"", value);
            return NGX_CONF_ERROR;
        }

        if (size < (ssize_t) (8 * ngx_pagesize)) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "zone \"%V\" is too small", value);
            return NGX_CONF_ERROR;
        }
    }

    if (name.len == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid zone name \"%V\"", value);
        return NGX_CONF_ERROR;
    }

    shm_zone = ngx_shared_memory_add(cf, &name, size,
                                     &ngx_http_strangler_module);
    if (shm_zone == NULL) {
        return NGX_CONF_ERROR;
    }

    zone = shm_zone->data;

    if (zone == NULL) {
        zone = ngx_pcalloc(cf->pool, sizeof(ngx_http_strangler_zone_t));
        if (zone == NULL) {
            return NGX_CONF_ERROR;
        }

        if (ngx_array_init(&zone->splits, cf->pool, 4,
                           sizeof(ngx_http_strangler_split_t *))
            != NGX_OK)
        {
            return NGX_CONF_ERROR;
        }

        zone->check.data = ngx_pnalloc(cf->pool, sizeof("zone ") + name.len);
        if (zone->check.data == NULL) {
            return NGX_CONF_ERROR;
        }

        zone->check.len = ngx_sprintf(zone->check.data, "zone %V", &name)
                          - zone->check.data;
        zone->shm_zone = shm_zone;
        shm_zone->data = zone;
        shm_zone->init = ngx_http_strangler_init_zone;

        mcf = ngx_http_conf_get_module_main_conf(cf,
                                                 ngx_http_strangler_module);
        zonep = ngx_array_push(&mcf->zones);
        if (zonep == NULL) {
            return NGX_CONF_ERROR;
        }

        *zonep = zone;
    }

    splitp = ngx_array_push(&zone->splits);
    if (splitp == NULL) {
        return NGX_CONF_ERROR;
    }

    *splitp = split;
    split->zone = zone;

    return NGX_CONF_OK;
}


static char *
ngx_http_strangler_conf_state(ngx_conf_t *cf,
    ngx_http_strangler_split_t *split)
{
    size_t            len;
    ngx_file_info_t   fi;

    if (split->state_dir.data == NULL) {
        return NGX_CONF_OK;
    }

    if (split->state_dir.len == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid state directory \"%V\"",
                           &split->state_dir);
        return NGX_CONF_ERROR;
    }

    if (ngx_conf_full_name(cf->cycle, &split->state_dir, 0) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    if (ngx_file_info(split->state_dir.data, &fi) == NGX_FILE_ERROR) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                           "state directory \"%V\" of split \"%V\": "
                           ngx_file_info_n " failed",
                           &split->state_dir, &split->name);
        return NGX_CONF_ERROR;
    }

    if (!ngx_is_dir(&fi)) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "state directory \"%V\" of split \"%V\" is not a "
                           "directory", &split->state_dir, &split->name);
        return NGX_CONF_ERROR;
    }

    len = split->state_dir.len + 1 + split->name.len + sizeof(".state.tmp");

    split->state_file.data = ngx_pnalloc(cf->pool, 2 * len);
    if (split->state_file.data == NULL) {
        return NGX_CONF_ERROR;
    }

    split->temp_file.data = split->state_file.data + len;

    split->state_file.len = ngx_sprintf(split->state_file.data,
                                        "%V/%V.state%Z", &split->state_dir,
                                        &split->name)
                            - split->state_file.data - 1;
    split->temp_file.len = ngx_sprintf(split->temp_file.data,
                                       "%V.tmp%Z", &split->state_file)
                           - split->temp_file.data - 1;

#if (NGX_THREADS)
    split->thread_pool = ngx_thread_pool_add(cf, NULL);
    if (split->thread_pool == NULL) {
        return NGX_CONF_ERROR;
    }
#endif

    return NGX_CONF_OK;
}


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
ngx_http_strangler_conf_arm(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_strangler_srv_conf_t *scf = conf;

    u_char                      *p;
    ngx_url_t                    u;
    ngx_str_t                   *value, text;
    ngx_uint_t                   i;
    ngx_http_strangler_arm_t    *arm;
    ngx_http_strangler_split_t  *split;

    split = scf->split;

    if (split == NULL) {
        return "must come after \"strangler\"";
    }

    value = cf->args->elts;
    p = (u_char *) ngx_strchr(value[1].data, '=');

    if (p == NULL || p[1] == '\0') {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid arm \"%V\", it must be \"name=upstream\"",
                           &value[1]);
        return NGX_CONF_ERROR;
    }

    if (split->narms == NGX_HTTP_STRANGLER_ARMS) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "arm \"%V\" is one too many for split \"%V\", "
                           "8 are allowed", &value[1], &split->name);
        return NGX_CONF_ERROR;
    }

    arm = &split->arm[split->narms];

    arm->name.data = value[1].data;
    arm->name.len = p - value[1].data;
    arm->upstream.data = p + 1;
    arm->upstream.len = value[1].data + value[1].len - arm->upstream.data;
    arm->weight = -1;

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

    for (i = 2; i < cf->args->nelts; i++) {

        if (ngx_strncmp(value[i].data, "weight=", 7) == 0
            && arm->weight == -1)
        {
            text.data = value[i].data + 7;
            text.len = value[i].len - 7;

            if (ngx_http_strangler_conf_weight(cf, &text, &arm->weight)
                != NGX_CONF_OK)
            {
                return NGX_CONF_ERROR;
            }

            continue;
        }

        if (ngx_strcmp(value[i].data, "baseline") == 0) {

            if (split->baseline_given) {
                ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                                   "arm \"%V\" is a second baseline of split "
                                   "\"%V\"", &arm->name, &split->name);
                return NGX_CONF_ERROR;
            }

            split->baseline = split->narms;
            split->baseline_given = 1;
            continue;
        }

        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid parameter \"%V\"", &value[i]);
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


char *
ngx_http_strangler_conf_override(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    ngx_http_strangler_srv_conf_t *scf = conf;

    ngx_str_t                      *value, name;
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

        if (ngx_strncmp(value[i].data, "header=", 7) == 0
            && value[i].len > 7)
        {
            name.data = value[i].data + 7;
            name.len = value[i].len - 7;

            o->header = name;
            o->own_header = (name.len > 8
                             && ngx_strncasecmp(name.data,
                                                (u_char *) "x-ficus-", 8)
                                == 0);
            o->header_index = ngx_http_strangler_conf_variable(cf, "http_",
                                                               &name);
            if (o->header_index == NGX_ERROR) {
                return NGX_CONF_ERROR;
            }

            continue;
        }

        if (ngx_strncmp(value[i].data, "cookie=", 7) == 0
            && value[i].len > 7)
        {
            name.data = value[i].data + 7;
            name.len = value[i].len - 7;

            o->cookie_index = ngx_http_strangler_conf_variable(cf, "cookie_",
                                                               &name);
            if (o->cookie_index == NGX_ERROR) {
                return NGX_CONF_ERROR;
            }

            continue;
        }

        if (ngx_strncmp(value[i].data, "if=$", 4) == 0 && value[i].len > 4) {
            name.data = value[i].data + 4;
            name.len = value[i].len - 4;

            o->if_index = ngx_http_get_variable_index(cf, &name);
            if (o->if_index == NGX_ERROR) {
                return NGX_CONF_ERROR;
            }

            continue;
        }

        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid parameter \"%V\"", &value[i]);
        return NGX_CONF_ERROR;
    }

    if (o->header_index == NGX_ERROR && o->cookie_index == NGX_ERROR) {
        return "must have a \"header\" or a \"cookie\" parameter";
    }

    return NGX_CONF_OK;
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


char *
ngx_http_strangler_conf_value(ngx_conf_t *cf, ngx_str_t *source,
    ngx_http_strangler_value_t *value)
{
    u_char                             c;
    ngx_str_t                          name;
    ngx_uint_t                         i;
    ngx_http_compile_complex_value_t   ccv;

    value->source = *source;
    value->index = NGX_ERROR;

    ngx_memzero(&ccv, sizeof(ngx_http_compile_complex_value_t));

    ccv.cf = cf;
    ccv.value = source;
    ccv.complex_value = &value->complex;

    if (ngx_http_compile_complex_value(&ccv) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    name = *source;

    if (name.len < 2 || name.data[0] != '$') {
        return NGX_CONF_OK;
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
            return NGX_CONF_OK;
        }
    }

    value->index = ngx_http_get_variable_index(cf, &name);

    return value->index == NGX_ERROR ? NGX_CONF_ERROR : NGX_CONF_OK;
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
