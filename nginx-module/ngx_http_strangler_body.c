
/*
 * Copyright (C) Ficus authors
 */


#include "ngx_http_strangler_api.h"
#include "ngx_http_strangler_files.h"


static void ngx_http_strangler_call_cleanup(void *data);
static void ngx_http_strangler_body_handler(ngx_http_request_t *r);
static ngx_int_t ngx_http_strangler_collect(ngx_http_strangler_call_t *call);
static ngx_int_t ngx_http_strangler_body_done(
    ngx_http_strangler_call_t *call);
static ngx_int_t ngx_http_strangler_body_reason(
    ngx_http_strangler_call_t *call, struct json_object *body);


/*
 * Reads without nginx's own buffering: it would write a large body to a file
 * before we could say that it is too large.
 */

ngx_int_t
ngx_http_strangler_read_body(ngx_http_strangler_call_t *call)
{
    ngx_int_t            rc;
    ngx_pool_cleanup_t  *cln;
    ngx_http_request_t  *r;

    r = call->request;

    cln = ngx_pool_cleanup_add(r->pool, 0);
    if (cln == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    cln->handler = ngx_http_strangler_call_cleanup;
    cln->data = call;

    r->request_body_no_buffering = 1;

    rc = ngx_http_read_client_request_body(r, ngx_http_strangler_body_handler);

    if (rc >= NGX_HTTP_SPECIAL_RESPONSE) {
        return rc;
    }

    return NGX_DONE;
}


/* the call is found by this handler; a client may go while we wait */

static void
ngx_http_strangler_call_cleanup(void *data)
{
    ngx_http_strangler_call_t *call = data;

    if (call->dir != NGX_INVALID_FILE) {
        ngx_http_strangler_unlock(call->dir, ngx_cycle->log);
        call->dir = NGX_INVALID_FILE;
    }
}


ngx_http_strangler_call_t *
ngx_http_strangler_find_call(ngx_http_request_t *r)
{
    ngx_pool_cleanup_t  *cln;

    for (cln = r->pool->cleanup; cln; cln = cln->next) {
        if (cln->handler == ngx_http_strangler_call_cleanup) {
            return cln->data;
        }
    }

    return NULL;
}


static void
ngx_http_strangler_body_handler(ngx_http_request_t *r)
{
    ngx_int_t                   rc;
    ngx_http_strangler_call_t  *call;

    call = ngx_http_strangler_find_call(r);

    for ( ;; ) {
        rc = ngx_http_strangler_collect(call);

        if (rc != NGX_OK) {
            break;
        }

        if (!r->reading_body) {

            /* nginx leaves it to us: what comes now is the next request */

            r->read_event_handler = ngx_http_block_reading;

            rc = ngx_http_strangler_body_done(call);

            if (rc == NGX_DONE) {
                return;
            }

            break;
        }

        rc = ngx_http_read_unbuffered_request_body(r);

        if (rc == NGX_AGAIN && r->request_body->bufs == NULL) {
            r->read_event_handler = ngx_http_strangler_body_handler;
            return;
        }

        if (rc != NGX_OK && rc != NGX_AGAIN) {
            break;
        }
    }

    ngx_http_finalize_request(r, ngx_http_strangler_finish(call, rc));
}


/* NGX_OK, or why not to go on */

static ngx_int_t
ngx_http_strangler_collect(ngx_http_strangler_call_t *call)
{
    size_t                size;
    ngx_buf_t            *b;
    ngx_chain_t          *cl;
    ngx_http_request_t   *r;

    r = call->request;

    for (cl = r->request_body->bufs; cl; cl = cl->next) {
        b = cl->buf;

        /* by a module that has read it before us */

        if (b->in_file && !ngx_buf_in_memory(b)) {
            return ngx_http_strangler_problem(call,
                                          NGX_HTTP_REQUEST_ENTITY_TOO_LARGE,
                                          "the body was written to a file, "
                                          "client_body_buffer_size is too "
                                          "small");
        }

        size = (call->body.last - call->body.start) + (b->last - b->pos);

        if (size > NGX_HTTP_STRANGLER_BODY_MAX) {
            return ngx_http_strangler_problem(call,
                                          NGX_HTTP_REQUEST_ENTITY_TOO_LARGE,
                                          "the body is larger than 64 KiB");
        }

        ngx_http_strangler_out_data(&call->body, b->pos, b->last - b->pos);

        b->pos = b->last;
    }

    r->request_body->bufs = NULL;

    return call->body.failed ? NGX_HTTP_INTERNAL_SERVER_ERROR : NGX_OK;
}


/* NGX_DONE when the change goes on by itself */

static ngx_int_t
ngx_http_strangler_body_done(ngx_http_strangler_call_t *call)
{
    ngx_int_t            rc;
    struct json_object  *body;

    if (call->route->empty && call->body.last == call->body.start) {
        ngx_http_strangler_out(&call->body, "{}");
    }

    body = ngx_http_strangler_parse(call);

    if (body == NULL) {
        return ngx_http_strangler_problem(call, NGX_HTTP_BAD_REQUEST,
                                          call->detail);
    }

    rc = ngx_http_strangler_body_reason(call, body);

    if (rc == NGX_OK) {
        rc = call->route->parse(call, body);
    }

    json_object_put(body);

    if (rc != NGX_OK) {
        return rc;
    }

    if (call->errors.nelts) {
        return ngx_http_strangler_problem(call, NGX_HTTP_BAD_REQUEST,
                                          call->detail);
    }

    return ngx_http_strangler_change(call);
}


/* the member "reason", which says the same as X-Reason, is taken out */

static ngx_int_t
ngx_http_strangler_body_reason(ngx_http_strangler_call_t *call,
    struct json_object *body)
{
    ngx_str_t            reason;
    struct json_object  *value;

    if (!json_object_object_get_ex(body, "reason", &value)
        || ngx_http_strangler_find_arm(call->split, (u_char *) "reason",
                                       sizeof("reason") - 1)
           != NGX_DECLINED)
    {
        return NGX_OK;
    }

    if (!json_object_is_type(value, json_type_string)) {
        goto invalid;
    }

    reason.len = (size_t) json_object_get_string_len(value);
    reason.data = ngx_pnalloc(call->request->pool, reason.len + 1);
    if (reason.data == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_memcpy(reason.data, json_object_get_string(value), reason.len);

    if (ngx_http_strangler_is_reason(&reason) != NGX_OK) {
        goto invalid;
    }

    if (call->reason.len == 0) {
        call->reason = reason;
    }

    json_object_object_del(body, "reason");

    return NGX_OK;

invalid:

    ngx_str_set(&reason, "reason");

    (void) ngx_http_strangler_add_error(call, &reason, "reason",
                                        "must be at most 128 bytes of "
                                        "printable UTF-8");

    return ngx_http_strangler_problem(call, NGX_HTTP_BAD_REQUEST,
                                      "the reason cannot be used");
}
