
/*
 * Copyright (C) Ficus authors
 */


#include "ngx_http_strangler_ledger.h"
#include "ngx_http_strangler_request.h"
#include "ngx_http_strangler_conf.h"


static ngx_int_t ngx_http_strangler_check_weights(
    ngx_http_upstream_srv_conf_t *us, ngx_http_strangler_split_t *split,
    ngx_log_t *log);
static ngx_int_t ngx_http_strangler_check_split(ngx_conf_t *cf,
    ngx_http_strangler_split_t *split);
static ngx_int_t ngx_http_strangler_check_pins(ngx_conf_t *cf,
    ngx_http_strangler_main_conf_t *mcf);
static void ngx_http_strangler_check_apis(ngx_conf_t *cf,
    ngx_http_strangler_main_conf_t *mcf);
static ngx_uint_t ngx_http_strangler_is_public(ngx_conf_t *cf,
    ngx_http_core_srv_conf_t *cscf);
static ngx_uint_t ngx_http_strangler_is_server(ngx_http_conf_addr_t *addr,
    ngx_http_core_srv_conf_t *cscf);
static ngx_uint_t ngx_http_strangler_is_loopback(struct sockaddr *sa);


/*
 * Runs for the composite before its undefined arms, which would otherwise be
 * reported by the round robin as upstreams without a port.
 */

ngx_int_t
ngx_http_strangler_init_upstream(ngx_conf_t *cf,
    ngx_http_upstream_srv_conf_t *us)
{
    ngx_uint_t                      i, *keepalive;
    ngx_http_strangler_arm_t       *arm;
    ngx_http_strangler_split_t     *split;
    ngx_http_strangler_srv_conf_t  *scf;

    scf = ngx_http_conf_upstream_srv_conf(us, ngx_http_strangler_module);
    split = scf->split;
    arm = split->arm;

    if (split->narms < 2) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "split \"%V\" needs at least two arms in %s:%ui",
                      &split->name, us->file_name, us->line);
        return NGX_ERROR;
    }

    for (i = 0; i < split->narms; i++) {

        if (!(arm[i].uscf->flags & NGX_HTTP_UPSTREAM_CREATE)) {
            ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                          "upstream \"%V\" of arm \"%V\" is not defined "
                          "in %s:%ui", &arm[i].upstream, &arm[i].name,
                          us->file_name, us->line);
            return NGX_ERROR;
        }

        scf = ngx_http_conf_upstream_srv_conf(arm[i].uscf,
                                              ngx_http_strangler_module);
        if (scf->split) {
            ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                          "upstream \"%V\" of arm \"%V\" is a split itself "
                          "in %s:%ui", &arm[i].upstream, &arm[i].name,
                          us->file_name, us->line);
            return NGX_ERROR;
        }
    }

    if (ngx_http_strangler_check_weights(us, split, cf->log) != NGX_OK) {
        return NGX_ERROR;
    }

    ngx_http_strangler_hash(split);

    /* the arms keep connections alive, a second cache above them would not */

    keepalive = ngx_http_strangler_keepalive(cf, us);

    if (keepalive && *keepalive == NGX_CONF_UNSET_UINT) {
        *keepalive = 0;
    }

    us->peer.init = ngx_http_strangler_init_peer;
    split->initialized = 1;

    return NGX_OK;
}


/*
 * Since 1.29.7 nginx keeps connections alive in every upstream, whether it is
 * asked to or not, and "keepalive" is no method any more.  The number of
 * connections is the first field of that module's configuration.
 */

ngx_uint_t *
ngx_http_strangler_keepalive(ngx_conf_t *cf, ngx_http_upstream_srv_conf_t *us)
{
#if (nginx_version >= 1029007)

    ngx_uint_t     i;
    ngx_module_t  *module;

    for (i = 0; cf->cycle->modules[i]; i++) {
        module = cf->cycle->modules[i];

        if (ngx_strcmp(module->name, "ngx_http_upstream_keepalive_module")
            == 0)
        {
            return us->srv_conf[module->ctx_index];
        }
    }

#endif

    return NULL;
}


static ngx_int_t
ngx_http_strangler_check_weights(ngx_http_upstream_srv_conf_t *us,
    ngx_http_strangler_split_t *split, ngx_log_t *log)
{
    ngx_int_t                  sum;
    ngx_uint_t                 i;
    ngx_http_strangler_arm_t  *arm, *rest;

    sum = 0;
    rest = NULL;
    arm = split->arm;

    for (i = 0; i < split->narms; i++) {

        if (arm[i].weight != -1) {
            sum += arm[i].weight;
            continue;
        }

        if (rest) {
            ngx_log_error(NGX_LOG_EMERG, log, 0,
                          "arms \"%V\" and \"%V\" of split \"%V\" have no "
                          "weight, only one can take the remainder in %s:%ui",
                          &rest->name, &arm[i].name, &split->name,
                          us->file_name, us->line);
            return NGX_ERROR;
        }

        rest = &arm[i];
    }

    if (sum > NGX_HTTP_STRANGLER_SLOTS
        || (rest == NULL && sum != NGX_HTTP_STRANGLER_SLOTS))
    {
        ngx_log_error(NGX_LOG_EMERG, log, 0,
                      "weights of split \"%V\" add up to %i.%02i, not 100 "
                      "in %s:%ui", &split->name, sum / 100, sum % 100,
                      us->file_name, us->line);
        return NGX_ERROR;
    }

    if (rest) {
        rest->weight = NGX_HTTP_STRANGLER_SLOTS - sum;
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_strangler_conf_check(ngx_conf_t *cf)
{
    ngx_uint_t                        i;
    ngx_http_core_main_conf_t        *cmcf;
    ngx_http_strangler_split_t      **split;
    ngx_http_strangler_main_conf_t   *mcf;

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_strangler_module);
    split = mcf->splits.elts;

    for (i = 0; i < mcf->splits.nelts; i++) {
        if (ngx_http_strangler_check_split(cf, split[i]) != NGX_OK
            || ngx_http_strangler_init_places(cf, split[i]) != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    if (ngx_http_strangler_check_pins(cf, mcf) != NGX_OK) {
        return NGX_ERROR;
    }

    ngx_http_strangler_check_apis(cf, mcf);

    cmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module);

    if (cmcf->variables_hash_bucket_size < mcf->bucket_size) {
        cmcf->variables_hash_bucket_size = ngx_align(mcf->bucket_size,
                                                     ngx_cacheline_size);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_strangler_check_split(ngx_conf_t *cf,
    ngx_http_strangler_split_t *split)
{
    ngx_http_upstream_srv_conf_t  *us;

    us = split->uscf;

    if (!split->initialized) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "upstream \"%V\" has a load balancing method after "
                      "\"strangler\"; it belongs into the upstreams of its "
                      "arms in %s:%ui", &us->host, us->file_name, us->line);
        return NGX_ERROR;
    }

    if (us->servers->nelts > 1) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "\"server\" is not allowed in the split upstream "
                      "\"%V\" in %s:%ui", &us->host, us->file_name, us->line);
        return NGX_ERROR;
    }

#if (NGX_HTTP_UPSTREAM_ZONE)

    if (us->shm_zone) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "\"zone\" is not allowed in the split upstream \"%V\", "
                      "it belongs into the upstreams of its arms in %s:%ui",
                      &us->host, us->file_name, us->line);
        return NGX_ERROR;
    }

#endif

    return NGX_OK;
}


static ngx_int_t
ngx_http_strangler_check_pins(ngx_conf_t *cf,
    ngx_http_strangler_main_conf_t *mcf)
{
    ngx_str_t                    *pin;
    ngx_uint_t                    i, n;
    ngx_http_strangler_split_t  **split;

    pin = mcf->pins.elts;
    split = mcf->splits.elts;

    for (i = 0; i < mcf->pins.nelts; i++) {

        for (n = 0; n < mcf->splits.nelts; n++) {
            if (ngx_http_strangler_find_arm(split[n], pin[i].data, pin[i].len)
                != NGX_DECLINED)
            {
                break;
            }
        }

        if (n == mcf->splits.nelts) {
            ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                          "\"strangler_pin\" names \"%V\", which is no arm of "
                          "any split", &pin[i]);
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static void
ngx_http_strangler_check_apis(ngx_conf_t *cf,
    ngx_http_strangler_main_conf_t *mcf)
{
    ngx_uint_t                     i;
    ngx_http_strangler_api_loc_t  *api;

    api = mcf->apis.elts;

    for (i = 0; i < mcf->apis.nelts; i++) {

        if (api[i].lcf->token.len == 0
            && ngx_http_strangler_is_public(cf, api[i].cscf))
        {
            ngx_log_error(NGX_LOG_WARN, cf->log, 0,
                          "\"%V\" in location \"%V\" listens "
                          "beyond loopback without "
                          "\"strangler_api_token_file\"",
                          &api[i].directive, &api[i].location);
        }
    }
}


static ngx_uint_t
ngx_http_strangler_is_public(ngx_conf_t *cf, ngx_http_core_srv_conf_t *cscf)
{
    ngx_uint_t                  p, a;
    ngx_http_conf_addr_t       *addr;
    ngx_http_conf_port_t       *port;
    ngx_http_core_main_conf_t  *cmcf;

    cmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module);

    if (cmcf->ports == NULL) {
        return 0;
    }

    port = cmcf->ports->elts;

    for (p = 0; p < cmcf->ports->nelts; p++) {
        addr = port[p].addrs.elts;

        for (a = 0; a < port[p].addrs.nelts; a++) {

            if (!ngx_http_strangler_is_loopback(addr[a].opt.sockaddr)
                && ngx_http_strangler_is_server(&addr[a], cscf))
            {
                return 1;
            }
        }
    }

    return 0;
}


static ngx_uint_t
ngx_http_strangler_is_server(ngx_http_conf_addr_t *addr,
    ngx_http_core_srv_conf_t *cscf)
{
    ngx_uint_t                   s;
    ngx_http_core_srv_conf_t   **cscfp;

    cscfp = addr->servers.elts;

    for (s = 0; s < addr->servers.nelts; s++) {
        if (cscfp[s] == cscf) {
            return 1;
        }
    }

    return 0;
}


static ngx_uint_t
ngx_http_strangler_is_loopback(struct sockaddr *sa)
{
    in_addr_t             addr;
    struct sockaddr_in   *sin;
#if (NGX_HAVE_INET6)
    struct sockaddr_in6  *sin6;
#endif

    switch (sa->sa_family) {

#if (NGX_HAVE_UNIX_DOMAIN)
    case AF_UNIX:
        return 1;
#endif

#if (NGX_HAVE_INET6)
    case AF_INET6:
        sin6 = (struct sockaddr_in6 *) sa;
        return IN6_IS_ADDR_LOOPBACK(&sin6->sin6_addr);
#endif

    default: /* AF_INET */
        sin = (struct sockaddr_in *) sa;
        addr = ntohl(sin->sin_addr.s_addr);
        return (addr >> 24) == 127;
    }
}
