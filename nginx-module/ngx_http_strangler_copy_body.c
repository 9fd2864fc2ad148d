
/*
 * Copyright (C) Ficus authors
 */


/*
 * The body of a client's request, kept for its shadow.  Most bodies have been
 * read as a whole before an arm is asked.  What nginx passes on as it comes, as
 * with gRPC, is kept as it comes.
 */


#include "ngx_http_strangler_shadow.h"


static ngx_int_t ngx_http_strangler_keep(ngx_http_strangler_shadow_t *s,
    ngx_chain_t *in);
static ngx_int_t ngx_http_strangler_copy_bufs(ngx_buf_t *to, ngx_chain_t *cl,
    ngx_log_t *log);
static ngx_int_t ngx_http_strangler_paste_bufs(ngx_chain_t *from,
    ngx_chain_t **ll, ngx_pool_t *pool);


/* a part of it, before nginx passes it on */

ngx_int_t
ngx_http_strangler_body_streamed(ngx_http_strangler_shadow_t *s,
    ngx_chain_t *in)
{
    s->copy.streamed = 1;

    return ngx_http_strangler_keep(s, in);
}


/* all of it, while nginx has it yet */

ngx_int_t
ngx_http_strangler_body_read(ngx_http_strangler_shadow_t *s,
    ngx_http_request_t *r)
{
    if (r->request_body == NULL || s->copy.body || s->copy.streamed) {
        return NGX_OK;
    }

    return ngx_http_strangler_keep(s, r->request_body->bufs);
}


/* an arm may answer before it has got everything */

ngx_uint_t
ngx_http_strangler_body_whole(ngx_http_strangler_shadow_t *s,
    ngx_http_request_t *r)
{
    return !s->copy.streamed || r->request_body->last_saved;
}


static ngx_int_t
ngx_http_strangler_keep(ngx_http_strangler_shadow_t *s, ngx_chain_t *in)
{
    off_t                       size;
    ngx_chain_t                *cl;
    ngx_http_strangler_copy_t  *copy;

    copy = &s->copy;
    size = 0;

    for (cl = in; cl; cl = cl->next) {
        size += ngx_buf_size(cl->buf);
    }

    if (size == 0 || copy->unkept) {
        return NGX_OK;
    }

    if (size > (off_t) (s->split->shadow->body - copy->size)) {
        copy->unkept = 1;
        return NGX_OK;
    }

    cl = ngx_alloc_chain_link(s->pool);
    if (cl == NULL) {
        return NGX_ERROR;
    }

    cl->buf = ngx_create_temp_buf(s->pool, (size_t) size);
    cl->next = NULL;

    if (cl->buf == NULL
        || ngx_http_strangler_copy_bufs(cl->buf, in,
                                        s->request->connection->log)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (copy->body) {
        copy->last->next = cl;

    } else {
        copy->body = cl;
    }

    copy->last = cl;
    copy->size += (size_t) size;

    return NGX_OK;
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


/* it has been read already, even if it is none */

ngx_int_t
ngx_http_strangler_body_paste(ngx_http_strangler_copy_t *copy,
    ngx_http_request_t *r)
{
    ngx_http_request_body_t  *rb;

    rb = ngx_pcalloc(r->pool, sizeof(ngx_http_request_body_t));
    if (rb == NULL) {
        return NGX_ERROR;
    }

    r->request_body = rb;

    rb->received = copy->size;

    if (ngx_http_strangler_paste_bufs(copy->body, &rb->bufs, r->pool)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (rb->bufs) {
        rb->buf = rb->bufs->buf;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_strangler_paste_bufs(ngx_chain_t *from, ngx_chain_t **ll,
    ngx_pool_t *pool)
{
    ngx_buf_t    *b;
    ngx_chain_t  *cl;

    for ( /* void */ ; from; from = from->next) {

        cl = ngx_alloc_chain_link(pool);
        b = ngx_calloc_buf(pool);

        if (cl == NULL || b == NULL) {
            return NGX_ERROR;
        }

        b->start = from->buf->start;
        b->pos = from->buf->pos;
        b->last = from->buf->last;
        b->end = from->buf->end;
        b->memory = 1;
        b->last_buf = (from->next == NULL);

        cl->buf = b;
        cl->next = NULL;

        *ll = cl;
        ll = &cl->next;
    }

    return NGX_OK;
}
