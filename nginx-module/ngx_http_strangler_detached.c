
/*
 * Copyright (C) Ficus authors
 */


/*
 * A connection without a client, on which nginx runs a request like any other:
 * all its *_pass, their timeouts, buffers and kept connections work as they
 * are.  Nothing is ever read from it or written to it: the answer is taken by
 * a filter, and the events that nginx waits for are declared to be there.  All
 * such connections of a process have one socket, which nobody has at its other
 * end; they are "shared" for nginx, hence it does not close that socket.
 */


#include "ngx_http_strangler_shadow.h"


static ngx_int_t ngx_http_strangler_connect(ngx_http_strangler_shadow_t *s);
static ngx_int_t ngx_http_strangler_create(ngx_http_strangler_shadow_t *s);
static void ngx_http_strangler_begin(ngx_event_t *ev);
static void ngx_http_strangler_event(ngx_event_t *ev);
static void ngx_http_strangler_late(ngx_event_t *ev);
static void ngx_http_strangler_logged(void *data);
static void ngx_http_strangler_disconnected(void *data);
static u_char *ngx_http_strangler_log_shadow(ngx_http_request_t *r,
    ngx_http_request_t *sr, u_char *buf, size_t len);

#if (NGX_HTTP_SSL)
static ngx_int_t ngx_http_strangler_without_ssl(ngx_http_request_t *r);
static void ngx_http_strangler_leave_ssl(void *data);
#else
#define ngx_http_strangler_without_ssl(r)  NGX_OK
#endif


/* sends the copy to s->asked; shadow_ended() follows, not before it returns */

ngx_int_t
ngx_http_strangler_detach(ngx_http_strangler_shadow_t *s)
{
    ngx_connection_t  *c;

    if (ngx_http_strangler_connect(s) != NGX_OK) {
        return NGX_ERROR;
    }

    c = s->connection;

    if (ngx_http_strangler_create(s) != NGX_OK) {
        ngx_close_connection(c);
        s->connection = NULL;

        return NGX_ERROR;
    }

#if (NGX_STAT_STUB)
    (void) ngx_atomic_fetch_add(ngx_stat_active, 1);
    (void) ngx_atomic_fetch_add(ngx_stat_requests, -1);
#endif

    c->write->handler = ngx_http_strangler_begin;
    ngx_post_event(c->write, &ngx_posted_events);

    ngx_memzero(&s->timer, sizeof(ngx_event_t));

    s->timer.handler = ngx_http_strangler_late;
    s->timer.data = s;
    s->timer.log = &s->log;

    ngx_add_timer(&s->timer, s->split->shadow->timeout);

    return NGX_OK;
}


/* the addresses and all that was copied from the client stay in s */

static ngx_int_t
ngx_http_strangler_connect(ngx_http_strangler_shadow_t *s)
{
    ngx_connection_t  *c, *client;

    client = &s->client;

    c = ngx_get_connection(s->split->main->nobody, &s->log);
    if (c == NULL) {
        return NGX_ERROR;
    }

    s->connection = c;
    s->log_ctx.connection = c;
    s->log_ctx.request = NULL;
    s->log_ctx.current_request = NULL;
    s->log.data = &s->log_ctx;
    s->log.action = "shadowing request";

    c->shared = 1;
    c->type = SOCK_STREAM;
    c->number = ngx_atomic_fetch_add(ngx_connection_counter, 1);
    c->start_time = ngx_current_msec;
    c->log_error = NGX_ERROR_INFO;
    c->tcp_nodelay = NGX_TCP_NODELAY_DISABLED;
    c->tcp_nopush = NGX_TCP_NOPUSH_DISABLED;

    c->recv = ngx_recv;
    c->send = ngx_send;
    c->recv_chain = ngx_recv_chain;
    c->send_chain = ngx_send_chain;

    c->listening = client->listening;
    c->sockaddr = client->sockaddr;
    c->socklen = client->socklen;
    c->addr_text = client->addr_text;
    c->local_sockaddr = client->local_sockaddr;
    c->local_socklen = client->local_socklen;
    c->proxy_protocol = client->proxy_protocol;

#if (NGX_HTTP_SSL)
    c->ssl = client->ssl;
#endif

    c->read->log = &s->log;
    c->read->active = 1;
    c->read->eof = 1;
    c->read->handler = ngx_http_strangler_event;

    c->write->log = &s->log;
    c->write->ready = 1;
    c->write->active = (ngx_event_flags & NGX_USE_CLEAR_EVENT) ? 1 : 0;
    c->write->handler = ngx_http_strangler_event;

    s->log.connection = c->number;

    /* nginx takes it back when clients need connections, as idle ones */

    ngx_reusable_connection(c, 1);

    return NGX_OK;
}


/* its own pool goes last of all when nginx closes a connection */

static ngx_int_t
ngx_http_strangler_create(ngx_http_strangler_shadow_t *s)
{
    ngx_connection_t          *c;
    ngx_pool_cleanup_t        *ended;
    ngx_http_cleanup_t        *logged;
    ngx_http_request_t        *r;
    ngx_http_core_loc_conf_t  *clcf;

    c = s->connection;

    c->pool = ngx_create_pool(256, &s->log);
    if (c->pool == NULL) {
        return NGX_ERROR;
    }

    c->data = &s->http;
    c->buffer = &s->empty;

    ended = ngx_pool_cleanup_add(c->pool, 0);
    r = ended ? ngx_http_create_request(c) : NULL;

    if (r == NULL) {
        goto failed;
    }

    c->data = r;

    logged = ngx_http_cleanup_add(r, 0);
    if (logged == NULL || ngx_http_strangler_without_ssl(r) != NGX_OK) {
        r->logged = 1;
        ngx_http_free_request(r, 0);
        goto failed;
    }

    logged->handler = ngx_http_strangler_logged;
    logged->data = r;

    ended->handler = ngx_http_strangler_disconnected;
    ended->data = s;

    r->srv_conf = s->copy.cscf->ctx->srv_conf;
    r->loc_conf = s->copy.cscf->ctx->loc_conf;

    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);
    ngx_set_connection_log(c, clcf->error_log);

    r->log_handler = ngx_http_strangler_log_shadow;
    r->write_event_handler = ngx_http_core_run_phases;

    /* a client that has been counted is not counted again */

    r->limit_conn_status = 1;
    r->limit_req_status = 1;

    return NGX_OK;

failed:

    ngx_destroy_pool(c->pool);

    return NGX_ERROR;
}


#if (NGX_HTTP_SSL)

static ngx_int_t
ngx_http_strangler_without_ssl(ngx_http_request_t *r)
{
    ngx_pool_cleanup_t  *cln;

    if (r->connection->ssl == NULL) {
        return NGX_OK;
    }

    /* variables may ask it, but it is the client's to say goodbye in */

    cln = ngx_pool_cleanup_add(r->pool, 0);
    if (cln == NULL) {
        return NGX_ERROR;
    }

    cln->handler = ngx_http_strangler_leave_ssl;
    cln->data = r->connection;

    return NGX_OK;
}


static void
ngx_http_strangler_leave_ssl(void *data)
{
    ngx_connection_t *c = data;

    c->ssl = NULL;
}

#endif


static void
ngx_http_strangler_begin(ngx_event_t *ev)
{
    ngx_connection_t             *c;
    ngx_http_request_t           *r;
    ngx_http_strangler_shadow_t  *s;

    c = ev->data;
    r = c->data;

    ev->handler = ngx_http_strangler_event;

    s = ngx_http_strangler_shadow_of(r);

    if (ngx_http_strangler_paste(s, r) != NGX_OK) {
        return;
    }

    r->keepalive = 0;
    r->lingering_close = 0;
    r->phase_handler = 0;
    r->valid_location = 1;

    ngx_http_core_run_phases(r);
    ngx_http_run_posted_requests(c);
}


/* as nginx handles events of a client, for as long as it has not yet its own */

static void
ngx_http_strangler_event(ngx_event_t *ev)
{
    ngx_connection_t             *c;
    ngx_http_request_t           *r;
    ngx_http_strangler_shadow_t  *s;

    c = ev->data;
    r = c->data;

    if (c->close) {

        /* it may be the one that has just asked for a connection */

        s = ngx_http_strangler_shadow_of(r);

        ngx_reusable_connection(c, 0);
        ngx_add_timer(&s->timer, 0);

        return;
    }

    if (ev->write) {
        r->write_event_handler(r);

    } else {
        r->read_event_handler(r);
    }

    ngx_http_run_posted_requests(c);
}


static void
ngx_http_strangler_late(ngx_event_t *ev)
{
    ngx_http_strangler_shadow_t *s = ev->data;

    ngx_http_strangler_abort(s);
}


/* in whatever state it is: as when worker_shutdown_timeout is over */

void
ngx_http_strangler_abort(ngx_http_strangler_shadow_t *s)
{
    ngx_connection_t    *c;
    ngx_http_request_t  *r;

    c = s->connection;
    r = c->data;
    r = r->main;

    ngx_http_set_log_request(c->log, r);

    c->error = 1;

    /* no post_action */

    r->post_action = 1;
    r->uri_changes = 0;

    r->main->count++;
    ngx_http_finalize_request(r, NGX_ERROR);
    ngx_http_run_posted_requests(c);
}


/* only where subrequests are logged: it is not one of the client's, either */

static void
ngx_http_strangler_logged(void *data)
{
    ngx_http_request_t *r = data;

    ngx_http_core_loc_conf_t  *clcf;

    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

    r->logged = !clcf->log_subrequest;
}


static void
ngx_http_strangler_disconnected(void *data)
{
    ngx_http_strangler_shadow_t *s = data;

    /* the pool that is being destroyed outlives the log that it has */

    s->connection->pool->log = ngx_cycle->log;
    s->connection = NULL;

    if (s->timer.timer_set) {
        ngx_del_timer(&s->timer);
    }

    ngx_http_strangler_shadow_ended(s);
}


/* NULL for a request of a client */

ngx_http_strangler_shadow_t *
ngx_http_strangler_shadow_of(ngx_http_request_t *r)
{
    ngx_pool_cleanup_t  *cln;

    if (!r->connection->shared) {
        return NULL;
    }

    for (cln = r->connection->pool->cleanup; cln; cln = cln->next) {
        if (cln->handler == ngx_http_strangler_disconnected) {
            return cln->data;
        }
    }

    return NULL;
}


static u_char *
ngx_http_strangler_log_shadow(ngx_http_request_t *r, ngx_http_request_t *sr,
    u_char *buf, size_t len)
{
    u_char                       *p;
    ngx_http_strangler_shadow_t  *s;

    s = ngx_http_strangler_shadow_of(r);

    p = ngx_snprintf(buf, len, ", shadow of arm: \"%V\"",
                     &s->split->arm[s->asked].name);

    return s->copy.log_handler(r, sr, p, len - (p - buf));
}
