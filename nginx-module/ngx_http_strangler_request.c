
/*
 * Copyright (C) Ficus authors
 */


#include "ngx_http_strangler_request.h"


typedef struct {
    ngx_uint_t                  number;     /* of the request that has it */
    ngx_http_strangler_ctx_t    ctx;
} ngx_http_strangler_kept_t;


static ngx_http_strangler_ctx_t *ngx_http_strangler_restore(
    ngx_http_request_t *r);
static ngx_http_strangler_ctx_t *ngx_http_strangler_alloc_ctx(
    ngx_http_request_t *r);
static void ngx_http_strangler_kept_cleanup(void *data);
static void ngx_http_strangler_cleanup(void *data);
static ngx_uint_t ngx_http_strangler_is_own(ngx_table_elt_t *h);
static ngx_http_strangler_stripped_t *ngx_http_strangler_stripped_get(
    ngx_http_request_t *r);
static void ngx_http_strangler_stripped_cleanup(void *data);
static ngx_int_t ngx_http_strangler_strip(ngx_http_request_t *r,
    ngx_list_part_t *prev, ngx_list_part_t *part, ngx_table_elt_t *h);
static ngx_int_t ngx_http_strangler_remember(ngx_http_request_t *r,
    ngx_table_elt_t *h);


ngx_http_strangler_ctx_t *
ngx_http_strangler_find_ctx(ngx_http_request_t *r,
    ngx_http_strangler_split_t *split)
{
    ngx_http_strangler_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_strangler_module);

    if (ctx == NULL && (r->internal || r->filter_finalize)) {
        ctx = ngx_http_strangler_restore(r);
    }

    while (ctx && ctx->split != split) {
        ctx = ctx->next;
    }

    return ctx;
}


/* an internal redirect clears the contexts of all modules */

static ngx_http_strangler_ctx_t *
ngx_http_strangler_restore(ngx_http_request_t *r)
{
    ngx_pool_cleanup_t        *cln;
    ngx_http_strangler_ctx_t  *ctx, *head;

    head = NULL;

    for (cln = r->pool->cleanup; cln; cln = cln->next) {

        if (cln->handler != ngx_http_strangler_cleanup) {
            continue;
        }

        ctx = cln->data;

        if (ctx->request == r) {
            ctx->next = head;
            head = ctx;
        }
    }

    if (head == NULL) {
        head = ngx_http_strangler_upstream_ctx(r);
    }

    if (head) {
        ngx_http_set_ctx(r, head, ngx_http_strangler_module);
    }

    return head;
}


ngx_http_strangler_ctx_t *
ngx_http_strangler_add_ctx(ngx_http_request_t *r,
    ngx_http_strangler_split_t *split)
{
    ngx_http_strangler_ctx_t  *ctx;

    ctx = ngx_http_strangler_alloc_ctx(r);
    if (ctx == NULL) {
        return NULL;
    }

    ctx->request = r;
    ctx->split = split;
    ctx->served = NGX_HTTP_STRANGLER_NONE;
    ctx->kept = 0;
    ctx->pending = 0;
    ctx->rescuable = 0;
    ctx->switching = 0;
    ctx->rescued = 0;
    ctx->failed = 0;
    ctx->sent = 0;
    ctx->allowed = 0;
    ctx->shadow = 0;
    ctx->told = 0;

    ctx->next = ngx_http_get_module_ctx(r, ngx_http_strangler_module);
    ngx_http_set_ctx(r, ctx, ngx_http_strangler_module);

    return ctx;
}


/*
 * From the pool of the request at first.  A connection that is kept alive has
 * one for its later requests: its HTTP/1 requests come one after the other,
 * and each has its number.
 */

static ngx_http_strangler_ctx_t *
ngx_http_strangler_alloc_ctx(ngx_http_request_t *r)
{
    ngx_connection_t           *c;
    ngx_pool_cleanup_t         *cln;
    ngx_http_strangler_kept_t  *kept;

    c = r->connection;

    if (c->requests < 2 || r != r->main
        || r->http_version >= NGX_HTTP_VERSION_20)
    {
        return ngx_palloc(r->pool, sizeof(ngx_http_strangler_ctx_t));
    }

    for (cln = c->pool->cleanup; cln; cln = cln->next) {
        if (cln->handler == ngx_http_strangler_kept_cleanup) {
            break;
        }
    }

    if (cln == NULL) {
        cln = ngx_pool_cleanup_add(c->pool, sizeof(ngx_http_strangler_kept_t));
        if (cln == NULL) {
            return NULL;
        }

        cln->handler = ngx_http_strangler_kept_cleanup;

        kept = cln->data;
        kept->number = 0;
    }

    kept = cln->data;

    if (kept->number == c->requests) {
        return ngx_palloc(r->pool, sizeof(ngx_http_strangler_ctx_t));
    }

    kept->number = c->requests;

    return &kept->ctx;
}


/* only a mark, by which the context is found again */

static void
ngx_http_strangler_kept_cleanup(void *data)
{
    ngx_http_strangler_kept_t *kept = data;

    kept->number = 0;
}


/*
 * Makes the context survive internal redirects.  The ordinary request does
 * without, since it has none: see where this is called.
 */

void
ngx_http_strangler_keep_ctx(ngx_http_strangler_ctx_t *ctx)
{
    ngx_pool_cleanup_t  *cln;

    if (ctx->kept) {
        return;
    }

    cln = ngx_pool_cleanup_add(ctx->request->pool, 0);
    if (cln == NULL) {
        return;
    }

    cln->handler = ngx_http_strangler_cleanup;
    cln->data = ctx;

    ctx->kept = 1;
}


static void
ngx_http_strangler_cleanup(void *data)
{
    ngx_http_strangler_ctx_t *ctx = data;

    ngx_http_strangler_visit_other(ctx);
    ngx_http_strangler_count_failure(ctx);
}


/* takes the headers away that nobody upstream may see from a client */

ngx_int_t
ngx_http_strangler_post_read_handler(ngx_http_request_t *r)
{
    ngx_table_elt_t  *h, *last;
    ngx_list_part_t  *part, *prev;

    prev = NULL;
    part = &r->headers_in.headers.part;

    do {
        h = part->elts;

        for (last = h + part->nelts; h < last; h++) {

            if (h->lowcase_key[0] != 'x' || !ngx_http_strangler_is_own(h)) {
                continue;
            }

            if (ngx_http_strangler_strip(r, prev, part, h) != NGX_OK) {
                return NGX_HTTP_INTERNAL_SERVER_ERROR;
            }

            /* the parts have changed: once more from the start */

            return ngx_http_strangler_post_read_handler(r);
        }

        prev = part;
        part = part->next;

    } while (part);

    return NGX_DECLINED;
}


/* an underscore becomes a dash for FastCGI and its like */

static ngx_uint_t
ngx_http_strangler_is_own(ngx_table_elt_t *h)
{
    u_char  *p;

    p = h->lowcase_key;

    return h->key.len >= 8
           && (p[1] == '-' || p[1] == '_')
           && ngx_strncmp(p + 2, "ficus", 5) == 0
           && (p[7] == '-' || p[7] == '_');
}


/*
 * Others hold pointers to elements, and do not expect an empty part other than
 * the first: so elements stay where they are and parts are cut.
 */

static ngx_int_t
ngx_http_strangler_strip(ngx_http_request_t *r, ngx_list_part_t *prev,
    ngx_list_part_t *part, ngx_table_elt_t *h)
{
    ngx_uint_t        i;
    ngx_list_t       *list;
    ngx_list_part_t  *rest;

    if (ngx_http_strangler_remember(r, h) != NGX_OK) {
        return NGX_ERROR;
    }

    i = h - (ngx_table_elt_t *) part->elts;
    list = &r->headers_in.headers;

    if (i == 0 && part->nelts > 1) {
        part->elts = h + 1;
        part->nelts--;

    } else if (i + 1 == part->nelts && part->nelts > 1) {
        part->nelts--;

    } else if (part->nelts > 1) {
        rest = ngx_palloc(r->pool, sizeof(ngx_list_part_t));
        if (rest == NULL) {
            return NGX_ERROR;
        }

        rest->elts = h + 1;
        rest->nelts = part->nelts - i - 1;
        rest->next = part->next;

        part->nelts = i;
        part->next = rest;

        if (list->last == part) {
            list->last = rest;
        }

    } else if (prev) {
        prev->next = part->next;

        if (list->last == part) {
            list->last = prev;
        }

    } else if (part->next) {

        if (list->last == part->next) {
            list->last = part;
        }

        *part = *part->next;

    } else {
        part->nelts = 0;
        return NGX_OK;
    }

    /* the place behind the last part may be taken: a push needs a new one */

    list->nalloc = list->last->nelts;

    return NGX_OK;
}


static ngx_int_t
ngx_http_strangler_remember(ngx_http_request_t *r, ngx_table_elt_t *h)
{
    ngx_table_elt_t                *copy;
    ngx_pool_cleanup_t             *cln;
    ngx_http_strangler_stripped_t  *s;

    s = ngx_http_strangler_stripped_get(r);

    if (s == NULL) {
        cln = ngx_pool_cleanup_add(r->pool,
                                   sizeof(ngx_http_strangler_stripped_t));
        if (cln == NULL) {
            return NGX_ERROR;
        }

        cln->handler = ngx_http_strangler_stripped_cleanup;

        s = cln->data;
        s->request = r;

        if (ngx_array_init(&s->headers, r->pool, 2, sizeof(ngx_table_elt_t))
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    copy = ngx_array_push(&s->headers);
    if (copy == NULL) {
        return NGX_ERROR;
    }

    *copy = *h;

    return NGX_OK;
}


static ngx_http_strangler_stripped_t *
ngx_http_strangler_stripped_get(ngx_http_request_t *r)
{
    ngx_pool_cleanup_t             *cln;
    ngx_http_strangler_stripped_t  *s;

    for (cln = r->pool->cleanup; cln; cln = cln->next) {
        if (cln->handler == ngx_http_strangler_stripped_cleanup) {
            s = cln->data;

            if (s->request == r) {
                return s;
            }
        }
    }

    return NULL;
}


/* only a mark, by which the headers are found again */

static void
ngx_http_strangler_stripped_cleanup(void *data)
{
    ngx_http_strangler_stripped_t *s = data;

    s->headers.nelts = 0;
}


/* the value of a header that was stripped; NULL if the client sent none */

ngx_str_t *
ngx_http_strangler_stripped(ngx_http_request_t *r, ngx_str_t *name)
{
    ngx_uint_t                      i;
    ngx_table_elt_t                *h;
    ngx_http_strangler_stripped_t  *s;

    s = ngx_http_strangler_stripped_get(r->main);

    if (s == NULL) {
        return NULL;
    }

    h = s->headers.elts;

    for (i = 0; i < s->headers.nelts; i++) {
        if (h[i].key.len == name->len
            && ngx_strncasecmp(h[i].key.data, name->data, name->len) == 0)
        {
            return &h[i].value;
        }
    }

    return NULL;
}


ngx_str_t *
ngx_http_strangler_header(ngx_http_request_t *r, char *lowcase, size_t len)
{
    ngx_uint_t        i;
    ngx_table_elt_t  *h;
    ngx_list_part_t  *part;

    for (part = &r->headers_in.headers.part; part; part = part->next) {
        h = part->elts;

        for (i = 0; i < part->nelts; i++) {
            if (h[i].key.len == len
                && ngx_memcmp(h[i].lowcase_key, lowcase, len) == 0)
            {
                return &h[i].value;
            }
        }
    }

    return NULL;
}
