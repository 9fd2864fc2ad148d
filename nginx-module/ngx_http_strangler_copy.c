
/*
 * Copyright (C) Ficus authors
 */


/*
 * What a client has asked, kept beyond its request, and the same made of it
 * once more: from the URI as it came, before any rewrite or redirect.
 */


#include "ngx_http_strangler_shadow.h"


static ngx_int_t ngx_http_strangler_copy_proxied(
    ngx_http_strangler_shadow_t *s, ngx_connection_t *from);
static ngx_int_t ngx_http_strangler_copy_str(ngx_pool_t *pool, ngx_str_t *to,
    ngx_str_t *from);
static size_t ngx_http_strangler_size_headers(ngx_list_part_t *part,
    ngx_uint_t *n);
static void ngx_http_strangler_copy_headers(u_char *p, ngx_table_elt_t *to,
    ngx_list_part_t *part);
static u_char *ngx_http_strangler_copy_text(u_char *p, ngx_str_t *to,
    ngx_str_t *from);
static ngx_int_t ngx_http_strangler_paste_headers(
    ngx_http_strangler_copy_t *copy, ngx_http_request_t *r);
static ngx_int_t ngx_http_strangler_paste_ctx(ngx_http_strangler_shadow_t *s,
    ngx_http_request_t *r);

#if (NGX_HTTP_SSL)
static ngx_int_t ngx_http_strangler_copy_ssl(ngx_http_strangler_shadow_t *s,
    ngx_connection_t *from);
static void ngx_http_strangler_free_ssl(void *data);
#else
#define ngx_http_strangler_copy_ssl(s, from)  NGX_OK
#endif


/* the connection's side of it: what variables ask of a client */

ngx_int_t
ngx_http_strangler_copy_client(ngx_http_strangler_shadow_t *s,
    ngx_http_request_t *r)
{
    ngx_connection_t  *to, *from;

    to = &s->client;
    from = r->connection;

    /* on a wildcard it is asked of the socket, which a shadow has not */

    if (ngx_connection_local_sockaddr(from, NULL, 0) != NGX_OK) {
        return NGX_ERROR;
    }

    to->listening = from->listening;
    to->socklen = from->socklen;
    to->sockaddr = ngx_palloc(s->pool, ngx_max(from->socklen, 1));
    if (to->sockaddr == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(to->sockaddr, from->sockaddr, from->socklen);

    if (ngx_http_strangler_copy_str(s->pool, &to->addr_text, &from->addr_text)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (from->local_sockaddr) {
        to->local_socklen = from->local_socklen;
        to->local_sockaddr = ngx_palloc(s->pool,
                                        ngx_max(from->local_socklen, 1));
        if (to->local_sockaddr == NULL) {
            return NGX_ERROR;
        }

        ngx_memcpy(to->local_sockaddr, from->local_sockaddr,
                   from->local_socklen);
    }

    if (ngx_http_strangler_copy_proxied(s, from) != NGX_OK
        || ngx_http_strangler_copy_ssl(s, from) != NGX_OK)
    {
        return NGX_ERROR;
    }

    s->http = *r->http_connection;
    s->http.busy = NULL;
    s->http.nbusy = 0;
    s->http.free = NULL;

#if (NGX_HTTP_SSL)
    s->http.ssl_servername = NULL;
#endif

    s->log = *from->log;
    s->empty.temporary = 1;

    return NGX_OK;
}


static ngx_int_t
ngx_http_strangler_copy_proxied(ngx_http_strangler_shadow_t *s,
    ngx_connection_t *from)
{
    ngx_proxy_protocol_t  *pp;

    if (from->proxy_protocol == NULL) {
        return NGX_OK;
    }

    pp = ngx_pcalloc(s->pool, sizeof(ngx_proxy_protocol_t));
    if (pp == NULL
        || ngx_http_strangler_copy_str(s->pool, &pp->src_addr,
                                       &from->proxy_protocol->src_addr)
           != NGX_OK
        || ngx_http_strangler_copy_str(s->pool, &pp->dst_addr,
                                       &from->proxy_protocol->dst_addr)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    pp->src_port = from->proxy_protocol->src_port;
    pp->dst_port = from->proxy_protocol->dst_port;

#if (nginx_version >= 1023002)

    if (ngx_http_strangler_copy_str(s->pool, &pp->tlvs,
                                    &from->proxy_protocol->tlvs)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

#endif

    s->client.proxy_protocol = pp;

    return NGX_OK;
}


#if (NGX_HTTP_SSL)

static ngx_int_t
ngx_http_strangler_copy_ssl(ngx_http_strangler_shadow_t *s,
    ngx_connection_t *from)
{
    ngx_pool_cleanup_t  *cln;

    if (from->ssl == NULL) {
        return NGX_OK;
    }

    cln = ngx_pool_cleanup_add(s->pool, 0);
    if (cln == NULL || SSL_up_ref(from->ssl->connection) != 1) {
        return NGX_ERROR;
    }

    s->ssl = *from->ssl;
    s->ssl.ocsp = NULL;         /* in the client's pool, and it was good */
    s->client.ssl = &s->ssl;

    cln->handler = ngx_http_strangler_free_ssl;
    cln->data = s->ssl.connection;

    return NGX_OK;
}


static void
ngx_http_strangler_free_ssl(void *data)
{
    SSL_free(data);
}

#endif


static ngx_int_t
ngx_http_strangler_copy_str(ngx_pool_t *pool, ngx_str_t *to, ngx_str_t *from)
{
    u_char  *p;

    p = ngx_pnalloc(pool, from->len + 1);
    if (p == NULL) {
        return NGX_ERROR;
    }

    (void) ngx_http_strangler_copy_text(p, to, from);

    return NGX_OK;
}


/* at the end of the client's request; all texts lie in one place */

ngx_int_t
ngx_http_strangler_copy_request(ngx_http_strangler_shadow_t *s,
    ngx_http_request_t *r)
{
    size_t                      size;
    u_char                     *p;
    ngx_uint_t                  n;
    ngx_list_part_t            *part;
    ngx_http_strangler_copy_t  *copy;

    copy = &s->copy;

    copy->method = r->method;
    copy->http_version = ngx_min(r->http_version, NGX_HTTP_VERSION_11);
    copy->has_body = (copy->size || r->headers_in.chunked
                      || r->headers_in.content_length_n >= 0);
    copy->length = r->request_length;
    copy->cscf = ngx_http_get_module_srv_conf(r, ngx_http_core_module);
    copy->log_handler = r->log_handler;

    part = &r->headers_in.headers.part;

    size = r->method_name.len + r->unparsed_uri.len + r->http_protocol.len
           + r->request_line.len + r->headers_in.server.len + 5
           + ngx_http_strangler_size_headers(part, &n);

    p = ngx_palloc(s->pool, n * sizeof(ngx_table_elt_t) + size);
    if (p == NULL) {
        return NGX_ERROR;
    }

    copy->nheaders = n;
    copy->headers = (ngx_table_elt_t *) p;

    p += n * sizeof(ngx_table_elt_t);

    p = ngx_http_strangler_copy_text(p, &copy->method_name, &r->method_name);
    p = ngx_http_strangler_copy_text(p, &copy->uri, &r->unparsed_uri);
    p = ngx_http_strangler_copy_text(p, &copy->protocol, &r->http_protocol);
    p = ngx_http_strangler_copy_text(p, &copy->line, &r->request_line);
    p = ngx_http_strangler_copy_text(p, &copy->server, &r->headers_in.server);

    ngx_http_strangler_copy_headers(p, copy->headers, part);

    return NGX_OK;
}


/* of their texts, with an end of string each */

static size_t
ngx_http_strangler_size_headers(ngx_list_part_t *part, ngx_uint_t *n)
{
    size_t            size;
    ngx_uint_t        i;
    ngx_table_elt_t  *h;

    *n = 0;
    size = 0;

    for ( /* void */ ; part; part = part->next) {
        h = part->elts;
        *n += part->nelts;

        for (i = 0; i < part->nelts; i++) {
            size += 2 * h[i].key.len + h[i].value.len + 3;
        }
    }

    return size;
}


static void
ngx_http_strangler_copy_headers(u_char *p, ngx_table_elt_t *to,
    ngx_list_part_t *part)
{
    ngx_str_t         low;
    ngx_uint_t        i;
    ngx_table_elt_t  *h;

    for ( /* void */ ; part; part = part->next) {
        h = part->elts;

        for (i = 0; i < part->nelts; i++, to++) {
            *to = h[i];

            low.data = h[i].lowcase_key;
            low.len = h[i].key.len;

            p = ngx_http_strangler_copy_text(p, &to->key, &h[i].key);
            p = ngx_http_strangler_copy_text(p, &to->value, &h[i].value);
            p = ngx_http_strangler_copy_text(p, &low, &low);

            to->lowcase_key = low.data;
        }
    }
}


/* with an end of string, as nginx has it for values of headers */

static u_char *
ngx_http_strangler_copy_text(u_char *p, ngx_str_t *to, ngx_str_t *from)
{
    u_char  *last;

    last = ngx_cpymem(p, from->data, from->len);
    *last++ = '\0';

    to->len = from->len;
    to->data = p;

    return last;
}


/* NGX_ERROR when the request has been finalized */

ngx_int_t
ngx_http_strangler_paste(ngx_http_strangler_shadow_t *s, ngx_http_request_t *r)
{
    ngx_http_strangler_copy_t  *copy;

    copy = &s->copy;

    r->method = copy->method;
    r->method_name = copy->method_name;
    r->http_version = copy->http_version;
    r->http_major = copy->http_version / 1000;
    r->http_minor = copy->http_version % 1000;
    r->http_protocol = copy->protocol;
    r->request_line = copy->line;
    r->request_length = copy->length;

    r->headers_in.content_length_n = copy->has_body ? (off_t) copy->size : -1;
    r->headers_in.connection_type = NGX_HTTP_CONNECTION_CLOSE;

    if (ngx_list_init(&r->headers_in.headers, r->pool, copy->nheaders + 1,
                      sizeof(ngx_table_elt_t))
        != NGX_OK
        || ngx_http_strangler_body_paste(copy, r) != NGX_OK
        || ngx_http_strangler_paste_ctx(s, r) != NGX_OK)
    {
        ngx_http_finalize_request(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return NGX_ERROR;
    }

    r->uri_start = copy->uri.data;
    r->uri_end = copy->uri.data + copy->uri.len;

    if (ngx_http_parse_uri(r) != NGX_OK) {
        ngx_http_finalize_request(r, NGX_HTTP_BAD_REQUEST);
        return NGX_ERROR;
    }

    if (ngx_http_process_request_uri(r) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_http_strangler_paste_headers(copy, r);
}


/* the handler of Host finds the server, unless the request line named one */

static ngx_int_t
ngx_http_strangler_paste_headers(ngx_http_strangler_copy_t *copy,
    ngx_http_request_t *r)
{
    ngx_uint_t                  i;
    ngx_table_elt_t            *h;
    ngx_http_header_t          *hh;
    ngx_http_core_srv_conf_t   *cscf;
    ngx_http_core_main_conf_t  *cmcf;

    cmcf = ngx_http_get_module_main_conf(r, ngx_http_core_module);
    h = r->headers_in.headers.part.elts;

    for (i = 0; i < copy->nheaders; i++, h++) {

        *h = copy->headers[i];
        r->headers_in.headers.part.nelts++;

        hh = ngx_hash_find(&cmcf->headers_in_hash, h->hash, h->lowcase_key,
                           h->key.len);

        if (hh && hh->handler(r, h, hh->offset) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    r->headers_in.connection_type = NGX_HTTP_CONNECTION_CLOSE;
    r->headers_in.server = copy->server;

    cscf = ngx_http_get_module_srv_conf(r, ngx_http_core_module);

    if (cscf != copy->cscf) {
        r->srv_conf = copy->cscf->ctx->srv_conf;
        r->loc_conf = copy->cscf->ctx->loc_conf;
    }

    return NGX_OK;
}


/* decided before anybody asks */

static ngx_int_t
ngx_http_strangler_paste_ctx(ngx_http_strangler_shadow_t *s,
    ngx_http_request_t *r)
{
    ngx_http_strangler_ctx_t  *ctx;

    ctx = ngx_http_strangler_add_ctx(r, s->split);
    if (ctx == NULL) {
        return NGX_ERROR;
    }

    ctx->arm = (uint8_t) s->asked;
    ctx->decided = ngx_http_strangler_override;
    ctx->bucket = NGX_HTTP_STRANGLER_SLOTS;
    ctx->generation = s->split->local->generation;
    ctx->route = (uint8_t) s->route;
    ctx->shadow = 1;

    ngx_http_strangler_keep_ctx(ctx);

    return NGX_OK;
}
