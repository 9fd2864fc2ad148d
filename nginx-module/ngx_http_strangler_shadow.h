
/*
 * Copyright (C) Ficus authors
 */


/*
 * A shadow: a request that another arm gets, too, after the client has had its
 * answer.  It is chosen when the arm is, what the client gets is captured on
 * its way, and when the client's request ends a copy of it is sent out without
 * a client.
 *
 *     shadow    chooses requests, starts and ends shadows
 *     capture   keeps what was answered
 *     copy      keeps what was asked, and makes a request of it
 *     detached  a connection that has no client
 *     asked     directives
 */


#ifndef NGX_HTTP_STRANGLER_SHADOW_H_INCLUDED
#define NGX_HTTP_STRANGLER_SHADOW_H_INCLUDED


#include "ngx_http_strangler.h"
#include <ngx_md5.h>


#define NGX_HTTP_STRANGLER_NO_METHODS   NGX_HTTP_UNKNOWN
#define NGX_HTTP_STRANGLER_HEADERS      8
#define NGX_HTTP_STRANGLER_HEADER_LEN   256


/* times are ngx_msec_t, which is as wide */

struct ngx_http_strangler_shadow_conf_s {
    ngx_uint_t                      share;          /* per 10000 */
    ngx_uint_t                      methods;        /* as nginx has them */
    ngx_uint_t                      in_flight;
    ngx_uint_t                      body;           /* bytes */
    ngx_uint_t                      noise;          /* one in so many */
    ngx_uint_t                      timeout;
    ngx_http_strangler_running_t   *running;        /* of this process */
};


/*
 * What an arm has answered.  The body is kept as long as it is not longer than
 * allowed, else a hash of it.
 */

typedef struct {
    ngx_uint_t                      status;
    size_t                          size;           /* of body */
    size_t                          room;
    u_char                         *body;
    ngx_md5_t                       md5;
    unsigned                        hashed:1;       /* instead of kept */
    unsigned                        complete:1;
    unsigned                        cached:1;
    unsigned                        answered:1;     /* by the arm itself */
} ngx_http_strangler_capture_t;


/* what a client has asked, in the pool of the shadow */

typedef struct {
    ngx_uint_t                      method;
    ngx_uint_t                      http_version;
    ngx_str_t                       method_name;
    ngx_str_t                       uri;            /* unparsed */
    ngx_str_t                       protocol;
    ngx_str_t                       line;
    ngx_str_t                       server;
    ngx_array_t                     headers;        /* ngx_table_elt_t */
    ngx_buf_t                      *body;
    off_t                           content_length;
    off_t                           length;         /* of all */
    unsigned                        chunked:1;
    unsigned                        unkept:1;       /* its body */

    ngx_http_core_srv_conf_t       *cscf;
    ngx_http_log_handler_pt         log_handler;
} ngx_http_strangler_copy_t;


typedef struct {
    ngx_queue_t                     queue;          /* while detached */
    ngx_pool_t                     *pool;
    ngx_http_strangler_split_t     *split;
    ngx_http_request_t             *request;        /* the client's */

    ngx_uint_t                      route;          /* in the ledger */
    ngx_uint_t                      arm;            /* answered the client */
    ngx_uint_t                      asked;
    ngx_uint_t                      more;           /* to ask the baseline */
    unsigned                        noise:1;
    unsigned                        detached:1;

    ngx_http_strangler_copy_t       copy;
    ngx_http_strangler_capture_t    first;          /* what the client got */
    ngx_http_strangler_capture_t    second;
    ngx_http_strangler_capture_t    third;
    ngx_http_strangler_capture_t   *into;

    ngx_connection_t                client;         /* its addresses */
    ngx_http_connection_t           http;
    ngx_connection_t               *connection;     /* while detached */
    ngx_buf_t                       empty;
    ngx_log_t                       log;
    ngx_http_log_ctx_t              log_ctx;
    ngx_event_t                     timer;
#if (NGX_HTTP_SSL)
    ngx_ssl_connection_t            ssl;
#endif
} ngx_http_strangler_shadow_t;


/* shadow */

ngx_http_strangler_shadow_t *ngx_http_strangler_sampled(
    ngx_http_request_t *r);
void ngx_http_strangler_shadow_ended(ngx_http_strangler_shadow_t *s);
void ngx_http_strangler_shadow_drop(ngx_http_strangler_shadow_t *s,
    ngx_uint_t why);
ngx_uint_t ngx_http_strangler_in_flight(ngx_http_strangler_split_t *split);

/* capture */

void ngx_http_strangler_capture_more(void);
void ngx_http_strangler_capture_less(void);

/* copy */

ngx_int_t ngx_http_strangler_copy_client(ngx_http_strangler_shadow_t *s,
    ngx_http_request_t *r);
ngx_int_t ngx_http_strangler_copy_body(ngx_http_strangler_shadow_t *s,
    ngx_http_request_t *r);
ngx_int_t ngx_http_strangler_copy_request(ngx_http_strangler_shadow_t *s,
    ngx_http_request_t *r);
ngx_int_t ngx_http_strangler_paste(ngx_http_strangler_shadow_t *s,
    ngx_http_request_t *r);

/* detached */

ngx_int_t ngx_http_strangler_detach(ngx_http_strangler_shadow_t *s);
ngx_http_strangler_shadow_t *ngx_http_strangler_shadow_of(
    ngx_http_request_t *r);
void ngx_http_strangler_abort(ngx_http_strangler_shadow_t *s);


#endif /* NGX_HTTP_STRANGLER_SHADOW_H_INCLUDED */
