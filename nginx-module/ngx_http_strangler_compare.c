
/*
 * Copyright (C) Ficus authors
 */


/*
 * In what two answers differ: their status, else chosen headers and the body,
 * JSON by its fields and all else by its bytes.
 */


#include "ngx_http_strangler_shadow.h"


static void ngx_http_strangler_compare_headers(ngx_http_strangler_differ_t *d,
    ngx_http_strangler_capture_t *baseline,
    ngx_http_strangler_capture_t *other);
static void ngx_http_strangler_compare_bytes(ngx_http_strangler_differ_t *d,
    ngx_http_strangler_capture_t *baseline,
    ngx_http_strangler_capture_t *other);
static void ngx_http_strangler_digest(ngx_http_strangler_capture_t *c,
    u_char *digest);
static ngx_uint_t ngx_http_strangler_is_ignored(
    ngx_http_strangler_differ_t *d);
static void ngx_http_strangler_shown(ngx_http_strangler_differ_t *d,
    ngx_http_strangler_shown_t *shown, ngx_str_t *text);
static u_char *ngx_http_strangler_mask_pairs(ngx_array_t *mask, u_char *to,
    ngx_str_t *text);
static ngx_uint_t ngx_http_strangler_is_separator(u_char ch);


/* the answers of other statuses are other things: no more is said of them */

ngx_int_t
ngx_http_strangler_compare(ngx_http_strangler_differ_t *d,
    ngx_http_strangler_capture_t *baseline,
    ngx_http_strangler_capture_t *other)
{
    u_char     text[2][NGX_INT_T_LEN];
    ngx_int_t  rc;
    ngx_str_t  a, b;

    if (baseline->status != other->status) {
        a.data = text[0];
        a.len = ngx_sprintf(text[0], "%ui", baseline->status) - text[0];
        b.data = text[1];
        b.len = ngx_sprintf(text[1], "%ui", other->status) - text[1];

        ngx_http_strangler_into(d, (u_char *) "status", 6);
        ngx_http_strangler_differs(d, ngx_http_strangler_other_value, &a, &b);

        return NGX_OK;
    }

    ngx_http_strangler_compare_headers(d, baseline, other);

    if (!baseline->hashed && !other->hashed
        && baseline->size == other->size
        && (baseline->size == 0
            || ngx_memcmp(baseline->body, other->body, other->size) == 0))
    {
        return NGX_OK;
    }

    rc = NGX_DECLINED;

    if (baseline->json && other->json
        && !baseline->hashed && !other->hashed
        && baseline->size && other->size)
    {
        rc = ngx_http_strangler_compare_json(d, baseline, other);
    }

    if (rc == NGX_DECLINED) {
        ngx_http_strangler_compare_bytes(d, baseline, other);
        return NGX_OK;
    }

    return rc;
}


static void
ngx_http_strangler_compare_headers(ngx_http_strangler_differ_t *d,
    ngx_http_strangler_capture_t *baseline,
    ngx_http_strangler_capture_t *other)
{
    ngx_str_t   *name, *a, *b;
    ngx_uint_t   i, kind;

    name = d->conf->headers.elts;

    for (i = 0; i < d->conf->headers.nelts; i++) {
        a = &baseline->header[i];
        b = &other->header[i];

        if (a->len == b->len && ngx_memcmp(a->data, b->data, a->len) == 0) {
            continue;
        }

        kind = a->len == 0 ? ngx_http_strangler_extra
               : b->len == 0 ? ngx_http_strangler_missing
               : ngx_http_strangler_other_value;

        d->masked = ngx_http_strangler_is_masked(&d->conf->mask, name[i].data,
                                                 name[i].len);

        ngx_http_strangler_into(d, (u_char *) "header ", 7);
        ngx_http_strangler_into(d, name[i].data, name[i].len);
        ngx_http_strangler_differs(d, kind, a->len ? a : NULL,
                                   b->len ? b : NULL);
        d->len = 0;
        d->masked = 0;
    }
}


static void
ngx_http_strangler_compare_bytes(ngx_http_strangler_differ_t *d,
    ngx_http_strangler_capture_t *baseline,
    ngx_http_strangler_capture_t *other)
{
    u_char      digest[2][16], text[2][NGX_HTTP_STRANGLER_TEXT_LEN];
    ngx_str_t   shown[2];
    ngx_uint_t  i;

    ngx_http_strangler_digest(baseline, digest[0]);
    ngx_http_strangler_digest(other, digest[1]);

    if (baseline->size == other->size
        && ngx_memcmp(digest[0], digest[1], 16) == 0)
    {
        return;
    }

    for (i = 0; i < 2; i++) {
        shown[i].data = text[i];
        shown[i].len = ngx_snprintf(text[i], sizeof(text[i]),
                                    "%uz bytes, MD5 %*xs",
                                    i ? other->size : baseline->size,
                                    (size_t) 16, digest[i])
                       - text[i];
    }

    ngx_http_strangler_into(d, (u_char *) "body", 4);
    ngx_http_strangler_differs(d, ngx_http_strangler_other_value, &shown[0],
                               &shown[1]);
    d->len = 0;
}


static void
ngx_http_strangler_digest(ngx_http_strangler_capture_t *c, u_char *digest)
{
    ngx_md5_t  md5;

    if (c->hashed) {
        md5 = c->md5;

    } else {
        ngx_md5_init(&md5);
        ngx_md5_update(&md5, c->size ? c->body : (u_char *) "", c->size);
    }

    ngx_md5_final(digest, &md5);
}


/* a path that does not fit ends with two dots, for all that is below */

void
ngx_http_strangler_into(ngx_http_strangler_differ_t *d, u_char *name,
    size_t len)
{
    if (d->len >= NGX_HTTP_STRANGLER_PATH_LEN - 2) {
        return;
    }

    if (d->len + len > NGX_HTTP_STRANGLER_PATH_LEN - 3) {
        d->path[d->len] = '.';
        d->path[d->len + 1] = '.';
        d->len += 2;

        while (d->len < NGX_HTTP_STRANGLER_PATH_LEN - 2) {
            d->path[d->len++] = '.';
        }

        return;
    }

    ngx_memcpy(d->path + d->len, name, len);
    d->len += len;
}


/* NULL is nothing: it is missing there */

void
ngx_http_strangler_differs(ngx_http_strangler_differ_t *d, ngx_uint_t kind,
    ngx_str_t *baseline, ngx_str_t *other)
{
    ngx_uint_t                        i;
    ngx_http_strangler_difference_t  *x;

    if (d->n == NGX_HTTP_STRANGLER_DIFFS
        || ngx_http_strangler_is_ignored(d))
    {
        return;
    }

    for (i = 0; i < d->n; i++) {
        x = &d->difference[i];

        if (x->kind == kind && x->len == d->len
            && ngx_memcmp(x->path, d->path, d->len) == 0)
        {
            return;
        }
    }

    x = &d->difference[d->n++];

    x->kind = kind;
    x->len = (u_char) d->len;
    ngx_memcpy(x->path, d->path, d->len);

    ngx_http_strangler_shown(d, &x->baseline, baseline);
    ngx_http_strangler_shown(d, &x->other, other);
}


/* a rule is for a path and all that is below it */

static ngx_uint_t
ngx_http_strangler_is_ignored(ngx_http_strangler_differ_t *d)
{
    ngx_str_t   *rule;
    ngx_uint_t   i;

    rule = d->conf->ignore.elts;

    for (i = 0; i < d->conf->ignore.nelts; i++) {

        if (rule[i].len > d->len
            || ngx_memcmp(rule[i].data, d->path, rule[i].len) != 0)
        {
            continue;
        }

        if (rule[i].len == d->len
            || d->path[rule[i].len] == '.'
            || d->path[rule[i].len] == '[')
        {
            return 1;
        }
    }

    return 0;
}


static void
ngx_http_strangler_shown(ngx_http_strangler_differ_t *d,
    ngx_http_strangler_shown_t *shown, ngx_str_t *text)
{
    static ngx_str_t  masked = ngx_string("***");

    if (text == NULL) {
        shown->len = NGX_HTTP_STRANGLER_NONE;
        return;
    }

    if (d->masked) {
        text = &masked;
    }

    shown->len = (u_char) (ngx_http_strangler_mask_pairs(&d->conf->mask,
                                                         shown->data, text)
                           - shown->data);
}


/* of "/reset?token=a&page=2", or "session=a; path=/", the values */

static u_char *
ngx_http_strangler_mask_pairs(ngx_array_t *mask, u_char *to, ngx_str_t *text)
{
    u_char  *p, *last, *end, *name;

    p = text->data;
    last = p + text->len;
    end = to + NGX_HTTP_STRANGLER_TEXT_LEN;
    name = p;

    while (p < last && to < end) {
        *to++ = *p;

        if (ngx_http_strangler_is_separator(*p++)) {
            name = p;
            continue;
        }

        if (p[-1] != '='
            || !ngx_http_strangler_is_masked(mask, name, p - 1 - name))
        {
            continue;
        }

        to = ngx_slprintf(to, end, "***");

        while (p < last && !ngx_http_strangler_is_separator(*p)) {
            p++;
        }
    }

    return to;
}


static ngx_uint_t
ngx_http_strangler_is_separator(u_char ch)
{
    return ch == '?' || ch == '&' || ch == '#' || ch == ';' || ch == ','
           || ch == ' ';
}


ngx_uint_t
ngx_http_strangler_is_masked(ngx_array_t *mask, u_char *name, size_t len)
{
    ngx_str_t   *word;
    ngx_uint_t   i;

    word = mask->elts;

    for (i = 0; i < mask->nelts; i++) {
        if (word[i].len <= len
            && ngx_strlcasestrn(name, name + len, word[i].data,
                                word[i].len - 1))
        {
            return 1;
        }
    }

    return 0;
}
