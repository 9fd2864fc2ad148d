
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
static ngx_int_t ngx_http_strangler_copy_headers(
    ngx_http_strangler_copy_t *copy, ngx_pool_t *pool, ngx_list_t *list);
static ngx_int_t ngx_http_strangler_copy_bufs(ngx_buf_t *to, ngx_chain_t *cl,
    ngx_log_t *log);
static ngx_int_t ngx_http_strangler_paste_headers(
    ngx_http_strangler_copy_t *copy, ngx_http_request_t *r);
static ngx_int_t ngx_http_strangler_paste_body(
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


/* with an end of string, as nginx has it for values of headers */

static ngx_int_t
ngx_http_strangler_copy_str(ngx_pool_t *pool, ngx_str_t *to, ngx_str_t *from)
{
    to->data = ngx_pnalloc(pool, from->len + 1);
    if (to->data == NULL) {
        return NGX_ERROR;
    }

    to->len = from->len;

    ngx_memcpy(to->data, from->data, from->len);
    to->data[to->len] = '\0';

    return NGX_OK;
}


/* at the end of the client's request */

ngx_int_t
ngx_http_strangler_copy_request(ngx_http_strangler_shadow_t *s,
    ngx_http_request_t *r)
{
    ngx_http_strangler_copy_t  *copy;

    copy = &s->copy;

    copy->method = r->method;
    copy->http_version = ngx_min(r->http_version, NGX_HTTP_VERSION_11);
    copy->content_length = r->headers_in.content_length_n;
    copy->chunked = r->headers_in.chunked;
    copy->length = r->request_length;
    copy->cscf = ngx_http_get_module_srv_conf(r, ngx_http_core_module);
    copy->log_handler = r->log_handler;

    if (ngx_http_strangler_copy_str(s->pool, &copy->method_name,
                                    &r->method_name)
        != NGX_OK
        || ngx_http_strangler_copy_str(s->pool, &copy->uri, &r->unparsed_uri)
           != NGX_OK
        || ngx_http_strangler_copy_str(s->pool, &copy->protocol,
                                       &r->http_protocol)
           != NGX_OK
        || ngx_http_strangler_copy_str(s->pool, &copy->line, &r->request_line)
           != NGX_OK
        || ngx_http_strangler_copy_str(s->pool, &copy->server,
                                       &r->headers_in.server)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_strangler_copy_headers(copy, s->pool,
                                           &r->headers_in.headers);
}


static ngx_int_t
ngx_http_strangler_copy_headers(ngx_http_strangler_copy_t *copy,
    ngx_pool_t *pool, ngx_list_t *list)
{
    u_char           *low;
    ngx_uint_t        i;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h, *to;

    if (ngx_array_init(&copy->headers, pool, 16, sizeof(ngx_table_elt_t))
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    for (part = &list->part; part; part = part->next) {
        h = part->elts;

        for (i = 0; i < part->nelts; i++) {

            to = ngx_array_push(&copy->headers);
            low = ngx_pnalloc(pool, h[i].key.len + 1);

            if (to == NULL || low == NULL
                || ngx_http_strangler_copy_str(pool, &to->key, &h[i].key)
                   != NGX_OK
                || ngx_http_strangler_copy_str(pool, &to->value, &h[i].value)
                   != NGX_OK)
            {
                return NGX_ERROR;
            }

            ngx_memcpy(low, h[i].lowcase_key, h[i].key.len);

            to->lowcase_key = low;
            to->hash = h[i].hash;
        }
    }

    return NGX_OK;
}


/* while nginx has it yet; one passed on in parts, or too large, is not kept */

ngx_int_t
ngx_http_strangler_copy_body(ngx_http_strangler_shadow_t *s,
    ngx_http_request_t *r)
{
    off_t                     size;
    ngx_chain_t              *cl;
    ngx_http_request_body_t  *rb;

    rb = r->request_body;

    if (r->request_body_no_buffering) {
        s->copy.unkept = 1;
        return NGX_OK;
    }

    if (rb == NULL || s->copy.body || s->copy.unkept) {
        return NGX_OK;
    }

    size = 0;

    for (cl = rb->bufs; cl; cl = cl->next) {
        size += ngx_buf_size(cl->buf);
    }

    if (size == 0) {
        return NGX_OK;
    }

    if (size > (off_t) s->split->shadow->body) {
        s->copy.unkept = 1;
        return NGX_OK;
    }

    s->copy.body = ngx_create_temp_buf(s->pool, (size_t) size);
    if (s->copy.body == NULL) {
        return NGX_ERROR;
    }

    return ngx_http_strangler_copy_bufs(s->copy.body, rb->bufs,
                                        r->connection->log);
}


/* a body of up to so few bytes comes from the page cache */

static ngx_int_t
ngx_http_strangler_copy_bufs(ngx_buf_t *to, ngx_chain_t *cl, ngx_log_t *log)
{
    size_t      size;
    ssize_t     n;
    ngx_buf_t  *b;

    for ( /* void */ ; cl; cl = cl->next) {
        b = cl->buf;
        size = (size_t) ngx_buf_size(b);

        if (ngx_buf_in_memory(b)) {
            to->last = ngx_cpymem(to->last, b->pos, size);
            continue;
        }

        if (!b->in_file) {
            continue;
        }

        n = ngx_read_file(b->file, to->last, size, b->file_pos);

        if (n != (ssize_t) size) {
            ngx_log_error(NGX_LOG_ALERT, log, 0,
                          "read only %z of %uz bytes of the request body from "
                          "\"%V\"", n, size, &b->file->name);
            return NGX_ERROR;
        }

        to->last += size;
    }

    return NGX_OK;
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

    r->headers_in.content_length_n = copy->content_length;
    r->headers_in.chunked = copy->chunked;
    r->headers_in.connection_type = NGX_HTTP_CONNECTION_CLOSE;

    if (ngx_list_init(&r->headers_in.headers, r->pool, 20,
                      sizeof(ngx_table_elt_t))
        != NGX_OK
        || ngx_http_strangler_paste_body(copy, r) != NGX_OK
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
    ngx_table_elt_t            *h, *from;
    ngx_http_header_t          *hh;
    ngx_http_core_srv_conf_t   *cscf;
    ngx_http_core_main_conf_t  *cmcf;

    cmcf = ngx_http_get_module_main_conf(r, ngx_http_core_module);
    from = copy->headers.elts;

    for (i = 0; i < copy->headers.nelts; i++) {

        h = ngx_list_push(&r->headers_in.headers);
        if (h == NULL) {
            ngx_http_finalize_request(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
            return NGX_ERROR;
        }

        *h = from[i];

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


/* it has been read already, even if it is none */

static ngx_int_t
ngx_http_strangler_paste_body(ngx_http_strangler_copy_t *copy,
    ngx_http_request_t *r)
{
    ngx_http_request_body_t  *rb;

    rb = ngx_pcalloc(r->pool, sizeof(ngx_http_request_body_t));
    if (rb == NULL) {
        return NGX_ERROR;
    }

    r->request_body = rb;

    if (copy->body == NULL) {
        return NGX_OK;
    }

    rb->bufs = ngx_alloc_chain_link(r->pool);
    if (rb->bufs == NULL) {
        return NGX_ERROR;
    }

    rb->buf = ngx_calloc_buf(r->pool);
    if (rb->buf == NULL) {
        return NGX_ERROR;
    }

    rb->buf->start = copy->body->start;
    rb->buf->pos = copy->body->pos;
    rb->buf->last = copy->body->last;
    rb->buf->end = copy->body->end;
    rb->buf->memory = 1;
    rb->buf->last_buf = 1;

    rb->bufs->buf = rb->buf;
    rb->bufs->next = NULL;
    rb->received = copy->body->last - copy->body->pos;

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
