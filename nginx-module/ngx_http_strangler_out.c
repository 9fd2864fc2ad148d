
/*
 * Copyright (C) Ficus authors
 */


#include "ngx_http_strangler_api.h"


#define NGX_HTTP_STRANGLER_OUT_FMT   512
#define NGX_HTTP_STRANGLER_OUT_INIT  2048


static ngx_int_t ngx_http_strangler_out_grow(ngx_http_strangler_out_t *out,
    size_t size);


void
ngx_http_strangler_out_init(ngx_http_strangler_out_t *out, ngx_pool_t *pool)
{
    ngx_memzero(out, sizeof(ngx_http_strangler_out_t));

    out->pool = pool;
}


static ngx_int_t
ngx_http_strangler_out_grow(ngx_http_strangler_out_t *out, size_t size)
{
    size_t   used, total;
    u_char  *p;

    if (out->failed) {
        return NGX_ERROR;
    }

    if ((size_t) (out->end - out->last) >= size) {
        return NGX_OK;
    }

    used = out->last - out->start;
    total = 2 * (out->end - out->start);
    total = ngx_max(total, NGX_HTTP_STRANGLER_OUT_INIT);
    total = ngx_max(total, used + size);

    p = ngx_pnalloc(out->pool, total);
    if (p == NULL) {
        out->failed = 1;
        return NGX_ERROR;
    }

    if (used) {
        ngx_memcpy(p, out->start, used);
        (void) ngx_pfree(out->pool, out->start);
    }

    out->start = p;
    out->last = p + used;
    out->end = p + total;

    return NGX_OK;
}


/* at most 512 bytes a call */

void
ngx_http_strangler_out(ngx_http_strangler_out_t *out, const char *fmt, ...)
{
    va_list  args;

    if (ngx_http_strangler_out_grow(out, NGX_HTTP_STRANGLER_OUT_FMT)
        != NGX_OK)
    {
        return;
    }

    va_start(args, fmt);
    out->last = ngx_vslprintf(out->last,
                              out->last + NGX_HTTP_STRANGLER_OUT_FMT, fmt,
                              args);
    va_end(args);
}


void
ngx_http_strangler_out_data(ngx_http_strangler_out_t *out, u_char *data,
    size_t len)
{
    if (len && ngx_http_strangler_out_grow(out, len) == NGX_OK) {
        out->last = ngx_cpymem(out->last, data, len);
    }
}


/* a JSON string; bytes that are no UTF-8 become U+FFFD */

void
ngx_http_strangler_out_json(ngx_http_strangler_out_t *out, u_char *data,
    size_t len)
{
    u_char    *p, *end, *next;
    uint32_t   c;

    if (ngx_http_strangler_out_grow(out, 6 * len + 2) != NGX_OK) {
        return;
    }

    p = out->last;
    end = data + len;

    *p++ = '"';

    while (data < end) {

        if (*data < 0x20 || *data == 0x7f) {
            p = ngx_sprintf(p, "\\u%04xd", (ngx_uint_t) *data++);
            continue;
        }

        if (*data == '"' || *data == '\\') {
            *p++ = '\\';
        }

        if (*data < 0x80) {
            *p++ = *data++;
            continue;
        }

        next = data;
        c = ngx_utf8_decode(&next, end - data);

        if (c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff)) {
            p = ngx_cpymem(p, "\xef\xbf\xbd", 3);
            data++;
            continue;
        }

        while (data < next) {
            *p++ = *data++;
        }
    }

    *p++ = '"';

    out->last = p;
}


void
ngx_http_strangler_out_name(ngx_http_strangler_out_t *out, ngx_str_t *name)
{
    ngx_http_strangler_out_json(out, name->data, name->len);
}


/* a JSON string of RFC 3339, in UTC */

void
ngx_http_strangler_out_time(ngx_http_strangler_out_t *out, time_t when)
{
    ngx_tm_t  tm;

    ngx_gmtime(when, &tm);

    ngx_http_strangler_out(out, "\"%4d-%02d-%02dT%02d:%02d:%02dZ\"",
                           tm.ngx_tm_year, tm.ngx_tm_mon, tm.ngx_tm_mday,
                           tm.ngx_tm_hour, tm.ngx_tm_min, tm.ngx_tm_sec);
}


ngx_int_t
ngx_http_strangler_send(ngx_http_request_t *r, ngx_uint_t status, char *type,
    ngx_http_strangler_out_t *out)
{
    ngx_int_t     rc;
    ngx_buf_t    *b;
    ngx_str_t     value;
    ngx_chain_t   chain;

    if (out->failed) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_str_set(&value, "no-store");

    if (ngx_http_strangler_set_header(r, "Cache-Control", &value) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    r->headers_out.status = status;
    r->headers_out.content_length_n = out->last - out->start;
    r->headers_out.content_type.data = (u_char *) type;
    r->headers_out.content_type.len = ngx_strlen(type);
    r->headers_out.content_type_len = r->headers_out.content_type.len;
    r->headers_out.content_type_lowcase = NULL;

    rc = ngx_http_send_header(r);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        return rc;
    }

    b = ngx_calloc_buf(r->pool);
    if (b == NULL) {
        return NGX_ERROR;
    }

    b->pos = out->start;
    b->last = out->last;
    b->memory = (b->pos != b->last);
    b->last_buf = (r == r->main);
    b->last_in_chain = 1;

    chain.buf = b;
    chain.next = NULL;

    return ngx_http_output_filter(r, &chain);
}


ngx_int_t
ngx_http_strangler_set_header(ngx_http_request_t *r, char *name,
    ngx_str_t *value)
{
    ngx_table_elt_t  *h;

    h = ngx_list_push(&r->headers_out.headers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    h->hash = 1;
    h->key.data = (u_char *) name;
    h->key.len = ngx_strlen(name);
    h->value = *value;
#if (nginx_version >= 1023000)
    h->next = NULL;
#endif

    return NGX_OK;
}


/* for those that know GET alone */

ngx_int_t
ngx_http_strangler_not_allowed(ngx_http_request_t *r)
{
    ngx_str_t  value;

    ngx_str_set(&value, "GET, HEAD");

    if (ngx_http_strangler_set_header(r, "Allow", &value) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return NGX_HTTP_NOT_ALLOWED;
}
