
/*
 * Copyright (C) Ficus authors
 */


#include "ngx_http_strangler_conf.h"
#include "ngx_http_strangler_request.h"


typedef struct {
    ngx_str_t                    name;
    size_t                       offset;
} ngx_http_strangler_parameter_t;


static char *ngx_http_strangler_conf_parameters(ngx_conf_t *cf,
    ngx_http_strangler_split_t *split);
static char *ngx_http_strangler_conf_upstream(ngx_conf_t *cf,
    ngx_http_strangler_split_t *split);
static char *ngx_http_strangler_conf_placeholder(ngx_conf_t *cf,
    ngx_http_upstream_srv_conf_t *us);
static char *ngx_http_strangler_conf_register(ngx_conf_t *cf,
    ngx_http_strangler_split_t *split);
static char *ngx_http_strangler_conf_zone(ngx_conf_t *cf,
    ngx_http_strangler_split_t *split);
static ssize_t ngx_http_strangler_conf_size(ngx_conf_t *cf, ngx_str_t *value,
    ngx_str_t *name);
static char *ngx_http_strangler_conf_new_zone(ngx_conf_t *cf,
    ngx_shm_zone_t *shm_zone);
static char *ngx_http_strangler_conf_state(ngx_conf_t *cf,
    ngx_http_strangler_split_t *split);
static char *ngx_http_strangler_conf_state_names(ngx_conf_t *cf,
    ngx_http_strangler_split_t *split);


static const ngx_http_strangler_parameter_t
    ngx_http_strangler_parameters[] =
{
    { ngx_string("zone="), offsetof(ngx_http_strangler_split_t, zone_size) },
    { ngx_string("state="), offsetof(ngx_http_strangler_split_t, state_dir) },
    { ngx_string("salt="), offsetof(ngx_http_strangler_split_t, salt) },
    { ngx_string("name="), offsetof(ngx_http_strangler_split_t, name) },

    { ngx_null_string, 0 }
};


/* in the state directory, after the name of the split */

static const ngx_http_strangler_parameter_t  ngx_http_strangler_files[] = {

    { ngx_string(".state"), offsetof(ngx_http_strangler_split_t, state_file) },

    { ngx_string(".state.tmp"),
      offsetof(ngx_http_strangler_split_t, temp_file) },

    { ngx_string(".history"),
      offsetof(ngx_http_strangler_split_t, history_file) },

    { ngx_string(".ledger"),
      offsetof(ngx_http_strangler_split_t, ledger_file) },

    { ngx_string(".ledger.tmp"),
      offsetof(ngx_http_strangler_split_t, ledger_temp) },

    { ngx_null_string, 0 }
};


char *
ngx_http_strangler_conf_split(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_strangler_srv_conf_t *scf = conf;

    ngx_http_strangler_split_t  *split;

    if (scf->split) {
        return "is duplicate";
    }

    split = ngx_pcalloc(cf->pool, sizeof(ngx_http_strangler_split_t));
    if (split == NULL) {
        return NGX_CONF_ERROR;
    }

    split->pool = cf->pool;
    split->ledger.quiet = 14 * 86400000;
    split->ledger.every = 60000;

    if (ngx_http_strangler_conf_parameters(cf, split) != NGX_CONF_OK) {
        return NGX_CONF_ERROR;
    }

    if (split->zone_size.data == NULL) {
        return "must have the \"zone\" parameter";
    }

    if (ngx_http_strangler_conf_upstream(cf, split) != NGX_CONF_OK
        || ngx_http_strangler_conf_register(cf, split) != NGX_CONF_OK
        || ngx_http_strangler_conf_zone(cf, split) != NGX_CONF_OK
        || ngx_http_strangler_conf_state(cf, split) != NGX_CONF_OK)
    {
        return NGX_CONF_ERROR;
    }

    scf->split = split;

    return NGX_CONF_OK;
}


static char *
ngx_http_strangler_conf_parameters(ngx_conf_t *cf,
    ngx_http_strangler_split_t *split)
{
    ngx_str_t                             *value, *field;
    ngx_uint_t                             i;
    const ngx_http_strangler_parameter_t  *p;

    value = cf->args->elts;

    for (i = 1; i < cf->args->nelts; i++) {

        for (p = ngx_http_strangler_parameters; p->name.len; p++) {
            if (value[i].len >= p->name.len
                && ngx_strncmp(value[i].data, p->name.data, p->name.len) == 0)
            {
                break;
            }
        }

        if (p->name.len == 0) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid parameter \"%V\"", &value[i]);
            return NGX_CONF_ERROR;
        }

        field = (ngx_str_t *) ((char *) split + p->offset);

        field->data = value[i].data + p->name.len;
        field->len = value[i].len - p->name.len;
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_strangler_conf_upstream(ngx_conf_t *cf,
    ngx_http_strangler_split_t *split)
{
    ngx_uint_t                    *keepalive;
    ngx_http_upstream_srv_conf_t  *us;

    us = ngx_http_conf_get_module_srv_conf(cf, ngx_http_upstream_module);

    keepalive = ngx_http_strangler_keepalive(cf, us);

    if (us->peer.init_upstream
        || (keepalive && *keepalive != NGX_CONF_UNSET_UINT))
    {
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
ngx_http_strangler_conf_zone(ngx_conf_t *cf,
    ngx_http_strangler_split_t *split)
{
    ssize_t                       size;
    ngx_str_t                     name;
    ngx_shm_zone_t               *shm_zone;
    ngx_http_strangler_zone_t    *zone;
    ngx_http_strangler_split_t  **splitp;

    size = ngx_http_strangler_conf_size(cf, &split->zone_size, &name);

    if (size == NGX_ERROR) {
        return NGX_CONF_ERROR;
    }

    shm_zone = ngx_shared_memory_add(cf, &name, size,
                                     &ngx_http_strangler_module);
    if (shm_zone == NULL) {
        return NGX_CONF_ERROR;
    }

    if (shm_zone->data == NULL
        && ngx_http_strangler_conf_new_zone(cf, shm_zone) != NGX_CONF_OK)
    {
        return NGX_CONF_ERROR;
    }

    zone = shm_zone->data;

    splitp = ngx_array_push(&zone->splits);
    if (splitp == NULL) {
        return NGX_CONF_ERROR;
    }

    *splitp = split;
    split->zone = zone;

    return NGX_CONF_OK;
}


/* 0 when the size stands elsewhere */

static ssize_t
ngx_http_strangler_conf_size(ngx_conf_t *cf, ngx_str_t *value,
    ngx_str_t *name)
{
    u_char     *p;
    ssize_t     size;
    ngx_str_t   text;

    *name = *value;
    size = 0;

    p = (u_char *) ngx_strchr(value->data, ':');

    if (p) {
        name->len = p - name->data;

        text.data = p + 1;
        text.len = value->data + value->len - text.data;

        size = ngx_parse_size(&text);
    }

    if (name->len == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid zone name \"%V\"", value);
        return NGX_ERROR;
    }

    if (size == NGX_ERROR) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid zone size \"%V\"", value);
        return NGX_ERROR;
    }

    if (p && size < (ssize_t) (8 * ngx_pagesize)) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "zone \"%V\" is too small", value);
        return NGX_ERROR;
    }

    return size;
}


static char *
ngx_http_strangler_conf_new_zone(ngx_conf_t *cf, ngx_shm_zone_t *shm_zone)
{
    ngx_str_t                        *name;
    ngx_http_strangler_zone_t        *zone, **zonep;
    ngx_http_strangler_main_conf_t   *mcf;

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

    name = &shm_zone->shm.name;

    zone->check.data = ngx_pnalloc(cf->pool, sizeof("zone ") + name->len);
    if (zone->check.data == NULL) {
        return NGX_CONF_ERROR;
    }

    zone->check.len = ngx_sprintf(zone->check.data, "zone %V", name)
                      - zone->check.data;

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_strangler_module);

    zonep = ngx_array_push(&mcf->zones);
    if (zonep == NULL) {
        return NGX_CONF_ERROR;
    }

    *zonep = zone;

    zone->shm_zone = shm_zone;
    shm_zone->data = zone;
    shm_zone->init = ngx_http_strangler_init_zone;

    return NGX_CONF_OK;
}


static char *
ngx_http_strangler_conf_state(ngx_conf_t *cf,
    ngx_http_strangler_split_t *split)
{
    ngx_str_t        *dir;
    ngx_file_info_t   fi;

    dir = &split->state_dir;

    if (dir->data == NULL) {
        return NGX_CONF_OK;
    }

    if (dir->len == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid state directory \"%V\"", dir);
        return NGX_CONF_ERROR;
    }

    if (ngx_conf_full_name(cf->cycle, dir, 0) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    if (ngx_file_info(dir->data, &fi) == NGX_FILE_ERROR) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                           "state directory \"%V\" of split \"%V\": "
                           ngx_file_info_n " failed", dir, &split->name);
        return NGX_CONF_ERROR;
    }

    if (!ngx_is_dir(&fi)) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "state directory \"%V\" of split \"%V\" is not "
                           "a directory", dir, &split->name);
        return NGX_CONF_ERROR;
    }

    return ngx_http_strangler_conf_state_names(cf, split);
}


static char *
ngx_http_strangler_conf_state_names(ngx_conf_t *cf,
    ngx_http_strangler_split_t *split)
{
    ngx_str_t                             *file;
    const ngx_http_strangler_parameter_t  *f;

    for (f = ngx_http_strangler_files; f->name.len; f++) {

        file = (ngx_str_t *) ((char *) split + f->offset);

        file->data = ngx_pnalloc(cf->pool, split->state_dir.len + 1
                                           + split->name.len + f->name.len
                                           + 1);
        if (file->data == NULL) {
            return NGX_CONF_ERROR;
        }

        file->len = ngx_sprintf(file->data, "%V/%V%V%Z", &split->state_dir,
                                &split->name, &f->name)
                    - file->data - 1;
    }
#if (NGX_THREADS)
    split->thread_pool = ngx_thread_pool_add(cf, NULL);
    split->save_task = ngx_thread_task_alloc(cf->pool,
                                      sizeof(ngx_http_strangler_split_t *));

    if (split->thread_pool == NULL || split->save_task == NULL) {
        return NGX_CONF_ERROR;
    }
#endif

    return NGX_CONF_OK;
}
