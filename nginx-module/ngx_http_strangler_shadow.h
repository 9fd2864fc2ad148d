
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
 *     running   counts those of each process
 *     capture   keeps what was answered
 *     copy      keeps what was asked, and makes a request of it
 *     body      the same for the body of the request
 *     once      leaves out what is not to be done again
 *     detached  a connection that has no client
 *     asked     directives
 */


#ifndef NGX_HTTP_STRANGLER_SHADOW_H_INCLUDED
#define NGX_HTTP_STRANGLER_SHADOW_H_INCLUDED


#include "ngx_http_strangler_request.h"
#include <ngx_md5.h>


#define NGX_HTTP_STRANGLER_NO_METHODS   NGX_HTTP_UNKNOWN
#define NGX_HTTP_STRANGLER_HEADERS      8
#define NGX_HTTP_STRANGLER_HEADER_LEN   256
#define NGX_HTTP_STRANGLER_DIFFS        32


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
    ngx_str_t                       header[NGX_HTTP_STRANGLER_HEADERS];
    unsigned                        json:1;         /* says the type */
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
    ngx_uint_t                      nheaders;
    ngx_table_elt_t                *headers;
    ngx_chain_t                    *body;
    ngx_chain_t                    *last;           /* of body */
    size_t                          size;           /* of body */
    off_t                           length;         /* of all */
    unsigned                        has_body:1;     /* even if it is empty */
    unsigned                        streamed:1;     /* taken as it comes */
    unsigned                        unkept:1;       /* its body */

    ngx_http_core_srv_conf_t       *cscf;
    ngx_http_log_handler_pt         log_handler;
} ngx_http_strangler_copy_t;


typedef struct {
    ngx_queue_t                     queue;          /* chosen, or detached */
    ngx_pool_t                     *pool;
    ngx_http_strangler_split_t     *split;
    ngx_http_request_t             *request;        /* the client's */
    ngx_http_cleanup_t             *cleanup;        /* of it */
    ngx_msec_t                      chosen;

    ngx_uint_t                      route;          /* in the ledger */
    ngx_uint_t                      arm;            /* answered the client */
    ngx_uint_t                      asked;
    unsigned                        noise:1;        /* the baseline, twice */

    ngx_http_strangler_copy_t       copy;
    ngx_http_variable_value_t      *assigned;       /* mcf->assigned of them */
    ngx_http_handler_pt             content;        /* of its location */
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


/* one way in which two answers differ; texts are what examples show */

typedef struct {
    ngx_uint_t                      kind;
    u_char                          len;
    u_char                          path[NGX_HTTP_STRANGLER_PATH_LEN];
    ngx_http_strangler_shown_t      baseline;
    ngx_http_strangler_shown_t      other;
} ngx_http_strangler_difference_t;


/* at most so many; each path and kind but once */

typedef struct {
    ngx_pool_t                     *pool;
    ngx_http_strangler_shadow_conf_t  *conf;
    ngx_uint_t                      masked;         /* names around */
    size_t                          len;            /* of path */
    u_char                          path[NGX_HTTP_STRANGLER_PATH_LEN];
    ngx_uint_t                      n;
    ngx_http_strangler_difference_t  difference[NGX_HTTP_STRANGLER_DIFFS];
} ngx_http_strangler_differ_t;


extern const char *const  ngx_http_strangler_drops[];


/* shadow */

void ngx_http_strangler_shadow_init(ngx_cycle_t *cycle,
    ngx_http_strangler_main_conf_t *mcf);
void ngx_http_strangler_shadow_exit(ngx_http_strangler_main_conf_t *mcf);
ngx_http_strangler_shadow_t *ngx_http_strangler_sampled(
    ngx_http_request_t *r);
void ngx_http_strangler_shadow_ended(ngx_http_strangler_shadow_t *s);
void ngx_http_strangler_shadow_tick(ngx_http_strangler_split_t *split);
void ngx_http_strangler_give_up(ngx_http_strangler_shadow_t *s);
void ngx_http_strangler_shadow_drop(ngx_http_strangler_shadow_t *s,
    ngx_uint_t why);

/* running */

ngx_http_strangler_running_t *ngx_http_strangler_claim(
    ngx_http_strangler_shadows_t *shadows);
void ngx_http_strangler_clear_dead(ngx_http_strangler_shadows_t *shadows);
ngx_uint_t ngx_http_strangler_in_flight(ngx_http_strangler_split_t *split);

/* capture */

void ngx_http_strangler_capture_init(void);
void ngx_http_strangler_capture_more(void);
void ngx_http_strangler_capture_less(void);

/* copy */

ngx_int_t ngx_http_strangler_copy_client(ngx_http_strangler_shadow_t *s,
    ngx_http_request_t *r);
ngx_int_t ngx_http_strangler_copy_request(ngx_http_strangler_shadow_t *s,
    ngx_http_request_t *r);
ngx_int_t ngx_http_strangler_paste(ngx_http_strangler_shadow_t *s,
    ngx_http_request_t *r);

/* body */

ngx_int_t ngx_http_strangler_body_streamed(ngx_http_strangler_shadow_t *s,
    ngx_chain_t *in);
ngx_int_t ngx_http_strangler_body_read(ngx_http_strangler_shadow_t *s,
    ngx_http_request_t *r);
ngx_uint_t ngx_http_strangler_body_whole(ngx_http_strangler_shadow_t *s,
    ngx_http_request_t *r);
ngx_int_t ngx_http_strangler_body_paste(ngx_http_strangler_copy_t *copy,
    ngx_http_request_t *r);

/* once */

ngx_int_t ngx_http_strangler_access_handler(ngx_http_request_t *r);
ngx_int_t ngx_http_strangler_once_init(ngx_cycle_t *cycle,
    ngx_http_strangler_main_conf_t *mcf);
ngx_int_t ngx_http_strangler_once_keep(ngx_http_strangler_shadow_t *s,
    ngx_http_request_t *r);

/* detached */

ngx_int_t ngx_http_strangler_detach(ngx_http_strangler_shadow_t *s);
ngx_http_strangler_shadow_t *ngx_http_strangler_shadow_of(
    ngx_http_request_t *r);
void ngx_http_strangler_abort(ngx_http_strangler_shadow_t *s);


/* compare: what the baseline has answered, and another; NGX_OK, NGX_ERROR */

ngx_int_t ngx_http_strangler_compare(ngx_http_strangler_differ_t *d,
    ngx_http_strangler_capture_t *baseline,
    ngx_http_strangler_capture_t *other);
void ngx_http_strangler_differs(ngx_http_strangler_differ_t *d,
    ngx_uint_t kind, ngx_str_t *baseline, ngx_str_t *other);
void ngx_http_strangler_into(ngx_http_strangler_differ_t *d, u_char *name,
    size_t len);
ngx_uint_t ngx_http_strangler_is_masked(ngx_array_t *mask, u_char *name,
    size_t len);

/* compare_json: NGX_OK; NGX_DECLINED when one of them is no JSON */

ngx_int_t ngx_http_strangler_compare_json(ngx_http_strangler_differ_t *d,
    ngx_http_strangler_capture_t *baseline,
    ngx_http_strangler_capture_t *other);

/* found: arm is that which was compared with the baseline */

void ngx_http_strangler_found(ngx_http_strangler_shadow_t *s,
    ngx_http_strangler_differ_t *d, ngx_uint_t arm, ngx_uint_t noise);
ngx_uint_t ngx_http_strangler_is_noise(ngx_http_strangler_split_t *split,
    ngx_http_strangler_found_t *found, ngx_http_strangler_field_t *field);
ngx_uint_t ngx_http_strangler_noise_due(ngx_http_strangler_split_t *split,
    ngx_uint_t route);
void ngx_http_strangler_forget(ngx_http_strangler_split_t *split);


#endif /* NGX_HTTP_STRANGLER_SHADOW_H_INCLUDED */
