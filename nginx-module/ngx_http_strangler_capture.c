
/*
 * Copyright (C) Ficus authors
 */


/*
 * The filters that see what is answered: they pass on what a client gets, and
 * keep back what a shadow does.  They are before gzip and its like, so what is
 * compared is what the arms have sent.
 */


#include "ngx_http_strangler_shadow.h"


static ngx_int_t ngx_http_strangler_header_filter(ngx_http_request_t *r);
static ngx_int_t ngx_http_strangler_body_filter(ngx_http_request_t *r,
    ngx_chain_t *in);
static ngx_int_t ngx_http_strangler_request_filter(ngx_http_request_t *r,
    ngx_chain_t *in);
#if (nginx_version >= 1029000)
static ngx_int_t ngx_http_strangler_early_hints_filter(ngx_http_request_t *r);
#endif
static ngx_int_t ngx_http_strangler_client_header(ngx_http_request_t *r);
static ngx_int_t ngx_http_strangler_client_body(ngx_http_request_t *r,
    ngx_chain_t *in);
static ngx_int_t ngx_http_strangler_shadow_header(
    ngx_http_strangler_shadow_t *s, ngx_http_request_t *r);
static void ngx_http_strangler_shadow_body(ngx_http_strangler_shadow_t *s,
    ngx_http_request_t *r, ngx_chain_t *in);
static void ngx_http_strangler_shadow_complete(
    ngx_http_strangler_shadow_t *s, ngx_http_request_t *r);
static ngx_int_t ngx_http_strangler_capture_header(
    ngx_http_strangler_shadow_t *s, ngx_http_request_t *r);
static ngx_uint_t ngx_http_strangler_is_json(ngx_http_request_t *r);
static ngx_int_t ngx_http_strangler_capture_value(
    ngx_http_strangler_shadow_t *s, ngx_http_request_t *r, ngx_str_t *name,
    ngx_str_t *value);
static u_char *ngx_http_strangler_join(const u_char *text, u_char *p,
    u_char *last, ngx_str_t *name, ngx_list_part_t *part);
static ngx_int_t ngx_http_strangler_keep_value(ngx_pool_t *pool,
    const u_char *text, const u_char *last, ngx_str_t *value);
static void ngx_http_strangler_capture_body(ngx_http_strangler_shadow_t *s,
    ngx_http_request_t *r, ngx_chain_t *in);
static void ngx_http_strangler_capture_trailers(
    ngx_http_strangler_shadow_t *s, ngx_http_request_t *r);
static void ngx_http_strangler_capture_data(ngx_http_strangler_shadow_t *s,
    u_char *data, size_t len);


static ngx_http_output_header_filter_pt  ngx_http_next_header_filter;
static ngx_http_output_body_filter_pt    ngx_http_next_body_filter;
static ngx_http_request_body_filter_pt   ngx_http_next_request_body_filter;
#if (nginx_version >= 1029000)
static ngx_http_output_header_filter_pt  ngx_http_next_early_hints_filter;
#endif

/*
 * Requests that are captured in this process.  Every request of nginx comes by
 * here, so where there are none it must cost next to nothing.
 */

static ngx_uint_t  ngx_http_strangler_captured;


void
ngx_http_strangler_capture_init(void)
{
    ngx_http_next_header_filter = ngx_http_top_header_filter;
    ngx_http_top_header_filter = ngx_http_strangler_header_filter;

    ngx_http_next_body_filter = ngx_http_top_body_filter;
    ngx_http_top_body_filter = ngx_http_strangler_body_filter;

    ngx_http_next_request_body_filter = ngx_http_top_request_body_filter;
    ngx_http_top_request_body_filter = ngx_http_strangler_request_filter;

#if (nginx_version >= 1029000)
    ngx_http_next_early_hints_filter = ngx_http_top_early_hints_filter;
    ngx_http_top_early_hints_filter = ngx_http_strangler_early_hints_filter;
#endif
}


void
ngx_http_strangler_capture_more(void)
{
    ngx_http_strangler_captured++;
}


void
ngx_http_strangler_capture_less(void)
{
    ngx_http_strangler_captured--;
}


static ngx_int_t
ngx_http_strangler_header_filter(ngx_http_request_t *r)
{
    if (ngx_http_strangler_captured) {
        return ngx_http_strangler_client_header(r);
    }

    return ngx_http_next_header_filter(r);
}


static ngx_int_t
ngx_http_strangler_body_filter(ngx_http_request_t *r, ngx_chain_t *in)
{
    if (ngx_http_strangler_captured) {
        return ngx_http_strangler_client_body(r, in);
    }

    return ngx_http_next_body_filter(r, in);
}


/* of a body that is passed on as it comes */

static ngx_int_t
ngx_http_strangler_request_filter(ngx_http_request_t *r, ngx_chain_t *in)
{
    ngx_http_strangler_shadow_t  *s;

    if (ngx_http_strangler_captured && r->request_body_no_buffering) {
        s = ngx_http_strangler_sampled(r);

        if (s && ngx_http_strangler_body_streamed(s, in) != NGX_OK) {
            s->copy.unkept = 1;
        }
    }

    return ngx_http_next_request_body_filter(r, in);
}


#if (nginx_version >= 1029000)

static ngx_int_t
ngx_http_strangler_early_hints_filter(ngx_http_request_t *r)
{
    /* they would fill the socket that nobody reads from */

    if (ngx_http_strangler_shadow_of(r)) {
        return NGX_OK;
    }

    return ngx_http_next_early_hints_filter(r);
}

#endif


static ngx_int_t
ngx_http_strangler_client_header(ngx_http_request_t *r)
{
    ngx_int_t                     rc;
    ngx_http_strangler_shadow_t  *s;

    s = ngx_http_strangler_shadow_of(r);

    if (s) {
        return ngx_http_strangler_shadow_header(s, r);
    }

    s = (r == r->main) ? ngx_http_strangler_sampled(r) : NULL;

    if (s == NULL) {
        return ngx_http_next_header_filter(r);
    }

    if (r->headers_out.status == NGX_HTTP_SWITCHING_PROTOCOLS) {
        ngx_http_strangler_give_up(s);
        return ngx_http_next_header_filter(r);
    }

    if (ngx_http_strangler_capture_header(s, r) != NGX_OK
        || ngx_http_strangler_body_read(s, r) != NGX_OK)
    {
        s->copy.unkept = 1;
    }

    r->filter_need_in_memory = 1;

    rc = ngx_http_next_header_filter(r);

    if (r->header_only) {
        s->first.complete = 1;
    }

    return rc;
}


static ngx_int_t
ngx_http_strangler_client_body(ngx_http_request_t *r, ngx_chain_t *in)
{
    ngx_http_strangler_shadow_t  *s;

    s = ngx_http_strangler_shadow_of(r);

    if (s) {
        ngx_http_strangler_shadow_body(s, r, in);
        return NGX_OK;
    }

    s = (r == r->main) ? ngx_http_strangler_sampled(r) : NULL;

    if (s) {
        ngx_http_strangler_capture_body(s, r, in);
    }

    return ngx_http_next_body_filter(r, in);
}


/* what the last filters do for a request with a client */

static ngx_int_t
ngx_http_strangler_shadow_header(ngx_http_strangler_shadow_t *s,
    ngx_http_request_t *r)
{
    if (r->header_sent) {
        return NGX_OK;
    }

    r->header_sent = 1;

    if (r != r->main) {
        return NGX_OK;
    }

    if (r->headers_out.status == NGX_HTTP_SWITCHING_PROTOCOLS
        || ngx_http_strangler_capture_header(s, r) != NGX_OK)
    {
        return NGX_ERROR;
    }

    r->filter_need_in_memory = 1;

    if (r->method == NGX_HTTP_HEAD
        || r->headers_out.status == NGX_HTTP_NO_CONTENT
        || r->headers_out.status == NGX_HTTP_NOT_MODIFIED)
    {
        r->header_only = 1;
    }

    if (r->header_only) {
        ngx_http_strangler_shadow_complete(s, r);
    }

    return NGX_OK;
}


static void
ngx_http_strangler_shadow_body(ngx_http_strangler_shadow_t *s,
    ngx_http_request_t *r, ngx_chain_t *in)
{
    ngx_buf_t    *b;
    ngx_chain_t  *cl;

    if (r == r->main) {
        ngx_http_strangler_capture_body(s, r, in);

        if (s->into->complete) {
            ngx_http_strangler_shadow_complete(s, r);
        }
    }

    for (cl = in; cl; cl = cl->next) {
        b = cl->buf;

        b->pos = b->last;
        b->file_pos = b->file_last;
    }
}


/* post_action has been for the client's request */

static void
ngx_http_strangler_shadow_complete(ngx_http_strangler_shadow_t *s,
    ngx_http_request_t *r)
{
    s->into->complete = 1;

    r->post_action = 1;
    r->uri_changes = 0;
}


static ngx_int_t
ngx_http_strangler_capture_header(ngx_http_strangler_shadow_t *s,
    ngx_http_request_t *r)
{
    ngx_str_t                     *name;
    ngx_uint_t                     i;
    ngx_http_strangler_capture_t  *c;

    c = s->into;

    c->status = r->headers_out.status;
    c->json = ngx_http_strangler_is_json(r);
    c->answered = (r->upstream && r->upstream->headers_in.status_n);

#if (NGX_HTTP_CACHE)

    /* a cache is filled with all of it: the arm has not seen the range */

    c->cached = (r->cached || (r->cache && r->headers_in.range));
#endif

    name = s->split->shadow->headers.elts;

    for (i = 0; i < s->split->shadow->headers.nelts; i++) {
        if (ngx_http_strangler_capture_value(s, r, &name[i], &c->header[i])
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


/* by its type; one that is compressed cannot be read */

static ngx_uint_t
ngx_http_strangler_is_json(ngx_http_request_t *r)
{
    u_char     *p;
    ngx_str_t   type;

    type = r->headers_out.content_type;

    if (r->headers_out.content_encoding
        && r->headers_out.content_encoding->value.len)
    {
        return 0;
    }

    if (type.len == sizeof("application/json") - 1
        && ngx_memcmp(type.data, "application/json", type.len) == 0)
    {
        return 1;
    }

    p = ngx_strlchr(type.data, type.data + type.len, ';');

    if (p) {
        type.len = p - type.data;
    }

    while (type.len && type.data[type.len - 1] == ' ') {
        type.len--;
    }

    if (type.len > 5
        && ngx_strncasecmp(type.data + type.len - 5, (u_char *) "+json", 5)
           == 0)
    {
        return 1;
    }

    return type.len == sizeof("application/json") - 1
           && ngx_strncasecmp(type.data, (u_char *) "application/json",
                              type.len)
              == 0;
}


static ngx_int_t
ngx_http_strangler_capture_value(ngx_http_strangler_shadow_t *s,
    ngx_http_request_t *r, ngx_str_t *name, ngx_str_t *value)
{
    u_char   text[NGX_HTTP_STRANGLER_HEADER_LEN];
    u_char  *p, *last;

    p = text;
    last = text + sizeof(text);

    if (name->len == sizeof("content-type") - 1
        && ngx_memcmp(name->data, "content-type", name->len) == 0)
    {
        p = ngx_slprintf(p, last, "%V", &r->headers_out.content_type);

    } else if (name->len == sizeof("content-length") - 1
               && ngx_memcmp(name->data, "content-length", name->len) == 0
               && r->headers_out.content_length_n != -1)
    {
        p = ngx_slprintf(p, last, "%O", r->headers_out.content_length_n);
    }

    p = ngx_http_strangler_join(text, p, last, name,
                                &r->headers_out.headers.part);

    return ngx_http_strangler_keep_value(s->pool, text, p, value);
}


/* several of them one after the other, cut to what is worth keeping */

static u_char *
ngx_http_strangler_join(const u_char *text, u_char *p, u_char *last,
    ngx_str_t *name, ngx_list_part_t *part)
{
    ngx_uint_t        i;
    ngx_table_elt_t  *h;

    for ( /* void */ ; part; part = part->next) {
        h = part->elts;

        for (i = 0; i < part->nelts; i++) {
            if (h[i].hash && h[i].key.len == name->len
                && ngx_strncasecmp(h[i].key.data, name->data, name->len) == 0)
            {
                p = ngx_slprintf(p, last, "%s%V", p > text ? ", " : "",
                                 &h[i].value);
            }
        }
    }

    return p;
}


static ngx_int_t
ngx_http_strangler_keep_value(ngx_pool_t *pool, const u_char *text,
    const u_char *last, ngx_str_t *value)
{
    value->len = last - text;
    value->data = ngx_pnalloc(pool, ngx_max(value->len, 1));
    if (value->data == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(value->data, text, value->len);

    return NGX_OK;
}


static void
ngx_http_strangler_capture_body(ngx_http_strangler_shadow_t *s,
    ngx_http_request_t *r, ngx_chain_t *in)
{
    ngx_buf_t    *b;
    ngx_chain_t  *cl;

    for (cl = in; cl; cl = cl->next) {
        b = cl->buf;

        if (ngx_buf_in_memory(b)) {
            ngx_http_strangler_capture_data(s, b->pos,
                                            (size_t) (b->last - b->pos));
        }

        if (b->last_buf) {
            s->into->complete = 1;
            ngx_http_strangler_capture_trailers(s, r);
        }
    }
}


/* where gRPC has its status */

static void
ngx_http_strangler_capture_trailers(ngx_http_strangler_shadow_t *s,
    ngx_http_request_t *r)
{
    u_char      text[NGX_HTTP_STRANGLER_HEADER_LEN];
    u_char     *p;
    ngx_str_t  *name, *value;
    ngx_uint_t  i;

    name = s->split->shadow->headers.elts;
    value = s->into->header;

    for (i = 0; i < s->split->shadow->headers.nelts; i++) {

        if (value[i].len) {
            continue;
        }

        p = ngx_http_strangler_join(text, text, text + sizeof(text), &name[i],
                                    &r->headers_out.trailers.part);

        if (p > text
            && ngx_http_strangler_keep_value(s->pool, text, p, &value[i])
               != NGX_OK)
        {
            s->into->complete = 0;
        }
    }
}


/* into a place that grows, or when that would grow too large into a hash */

static void
ngx_http_strangler_capture_data(ngx_http_strangler_shadow_t *s, u_char *data,
    size_t len)
{
    u_char                        *p;
    size_t                         size;
    ngx_http_strangler_capture_t  *c;

    c = s->into;

    if (len == 0) {
        return;
    }

    if (!c->hashed && c->size + len > c->room) {

        size = ngx_max(2 * c->room, c->size + len);
        size = ngx_min(size, s->split->shadow->body);

        p = (c->size + len <= size) ? ngx_palloc(s->pool, size) : NULL;

        if (p == NULL) {
            ngx_md5_init(&c->md5);

            c->hashed = 1;
            size = 0;
        }

        if (c->room) {

            if (p) {
                ngx_memcpy(p, c->body, c->size);

            } else {
                ngx_md5_update(&c->md5, c->body, c->size);
            }

            (void) ngx_pfree(s->pool, c->body);
        }

        c->body = p;
        c->room = size;
    }

    if (c->body) {
        ngx_memcpy(c->body + c->size, data, len);

    } else {
        ngx_md5_update(&c->md5, data, len);
    }

    c->size += len;
}
