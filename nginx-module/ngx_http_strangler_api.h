
/*
 * Copyright (C) Ficus authors
 */


/*
 * The admin API.  A call goes through guards (Host, Origin, method, token),
 * its body is read and checked, and a change of weights is made.
 *
 *     out     text of an answer          body  reads the request's body
 *     api     which call, and its end    json  values of the body
 *     guard   who may call               show  what GET answers
 *     change  makes it durable           put   what a change asks for
 *     verify  the chain of the history   post  course of a ramp
 *     slots   what decides of a key
 */


#ifndef NGX_HTTP_STRANGLER_API_H_INCLUDED
#define NGX_HTTP_STRANGLER_API_H_INCLUDED


#include "ngx_http_strangler.h"
#include <json-c/json.h>


#define NGX_HTTP_STRANGLER_BODY_MAX  65536


/* grows; after a failed allocation it only remembers that */

typedef struct {
    ngx_pool_t                      *pool;
    u_char                          *start;
    u_char                          *last;
    u_char                          *end;
    ngx_uint_t                       failed;
} ngx_http_strangler_out_t;


/* one member of errors[]; value is JSON text, or empty */

typedef struct {
    ngx_str_t                        field;
    ngx_str_t                        value;
    char                            *code;
    char                            *message;
} ngx_http_strangler_error_t;


typedef enum {
    ngx_http_strangler_course_none = 0,
    ngx_http_strangler_course_start,
    ngx_http_strangler_course_pause,
    ngx_http_strangler_course_resume,
    ngx_http_strangler_course_abort
} ngx_http_strangler_course_e;


typedef struct ngx_http_strangler_call_s  ngx_http_strangler_call_t;

typedef ngx_int_t (*ngx_http_strangler_show_pt)(
    ngx_http_strangler_call_t *call, ngx_http_strangler_out_t *out);
typedef ngx_int_t (*ngx_http_strangler_parse_pt)(
    ngx_http_strangler_call_t *call, struct json_object *body);


typedef struct {
    ngx_str_t                        name;
    ngx_uint_t                       method;    /* one of them */
    ngx_http_strangler_show_pt       show;
    ngx_http_strangler_parse_pt      parse;
    ngx_uint_t                       empty;     /* needs no body */
} ngx_http_strangler_route_t;


/*
 * One request to the API.  parse() sets weights, or generation for a rollback
 * or course for a ramp, whose weights are only known under the lock; target is
 * what parse() found, for a change that has to be made from another state.
 */

struct ngx_http_strangler_call_s {
    ngx_http_request_t              *request;
    ngx_http_strangler_split_t      *split;
    const ngx_http_strangler_route_t  *route;
    ngx_uint_t                       methods;   /* of the path */

    ngx_http_strangler_out_t         body;
    ngx_array_t                      errors;
    char                            *detail;
    ngx_uint_t                       status;

    ngx_http_strangler_weights_t     weights;
    ngx_http_strangler_weights_t     target;
    ngx_http_strangler_ramp_t        ramp;
    ngx_uint_t                       course;
    uint64_t                         generation;
    uint16_t                         share;
    ngx_str_t                        by;
    ngx_str_t                        reason;
    ngx_str_t                       *if_match;

    ngx_msec_t                       started;
    ngx_fd_t                         dir;
    ngx_atomic_uint_t                word;
    ngx_http_strangler_table_t      *table;
    u_char                          *text;
    size_t                           text_len;
    ngx_int_t                        written;

    unsigned                         rollback:1;
    unsigned                         shadow:1;  /* sets share alone */
};


/* out */

void ngx_http_strangler_out_init(ngx_http_strangler_out_t *out,
    ngx_pool_t *pool);
void ngx_http_strangler_out(ngx_http_strangler_out_t *out, const char *fmt,
    ...);
void ngx_http_strangler_out_data(ngx_http_strangler_out_t *out, u_char *data,
    size_t len);
void ngx_http_strangler_out_json(ngx_http_strangler_out_t *out, u_char *data,
    size_t len);
void ngx_http_strangler_out_name(ngx_http_strangler_out_t *out,
    ngx_str_t *name);
void ngx_http_strangler_out_time(ngx_http_strangler_out_t *out, time_t when);
ngx_int_t ngx_http_strangler_send(ngx_http_request_t *r, ngx_uint_t status,
    char *type, ngx_http_strangler_out_t *out);
ngx_int_t ngx_http_strangler_set_header(ngx_http_request_t *r, char *name,
    ngx_str_t *value);
ngx_int_t ngx_http_strangler_not_allowed(ngx_http_request_t *r);

/* api */

ngx_http_strangler_call_t *ngx_http_strangler_create_call(
    ngx_http_request_t *r);
ngx_http_strangler_error_t *ngx_http_strangler_add_error(
    ngx_http_strangler_call_t *call, ngx_str_t *field, char *code,
    char *message);
ngx_int_t ngx_http_strangler_problem(ngx_http_strangler_call_t *call,
    ngx_uint_t status, char *detail);
ngx_int_t ngx_http_strangler_finish(ngx_http_strangler_call_t *call,
    ngx_int_t rc);
ngx_int_t ngx_http_strangler_answer(ngx_http_strangler_call_t *call);

/* guard */

ngx_int_t ngx_http_strangler_guard(ngx_http_strangler_call_t *call);
ngx_int_t ngx_http_strangler_guard_change(ngx_http_strangler_call_t *call);
ngx_int_t ngx_http_strangler_is_reason(ngx_str_t *reason);
ngx_int_t ngx_http_strangler_if_match(ngx_str_t *header, uint64_t generation);

/* body */

ngx_int_t ngx_http_strangler_read_body(ngx_http_strangler_call_t *call);
ngx_http_strangler_call_t *ngx_http_strangler_find_call(
    ngx_http_request_t *r);

/* json */

struct json_object *ngx_http_strangler_parse(ngx_http_strangler_call_t *call);
void ngx_http_strangler_value_error(ngx_http_strangler_call_t *call,
    ngx_str_t *field, struct json_object *value, char *code, char *message);
ngx_int_t ngx_http_strangler_weight(ngx_http_strangler_call_t *call,
    ngx_str_t *field, struct json_object *value, uint16_t *weight);
ngx_int_t ngx_http_strangler_integer(ngx_http_strangler_call_t *call,
    ngx_str_t *field, struct json_object *value, uint64_t *n);
void ngx_http_strangler_unknown(ngx_http_strangler_call_t *call,
    const char *name, struct json_object *value);
ngx_int_t ngx_http_strangler_only(ngx_http_strangler_call_t *call,
    struct json_object *body, char *name, struct json_object **value);

/* show */

void ngx_http_strangler_show_state(ngx_http_strangler_split_t *split,
    ngx_http_strangler_table_t *table, ngx_http_strangler_out_t *out);
void ngx_http_strangler_show_ramp(ngx_http_strangler_split_t *split,
    ngx_http_strangler_table_t *table, ngx_http_strangler_out_t *out);
ngx_int_t ngx_http_strangler_show_splits(ngx_http_strangler_call_t *call,
    ngx_http_strangler_out_t *out);
ngx_int_t ngx_http_strangler_show_split(ngx_http_strangler_call_t *call,
    ngx_http_strangler_out_t *out);
ngx_int_t ngx_http_strangler_show_explain(ngx_http_strangler_call_t *call,
    ngx_http_strangler_out_t *out);
ngx_int_t ngx_http_strangler_show_history(ngx_http_strangler_call_t *call,
    ngx_http_strangler_out_t *out);

/* slots */

ngx_int_t ngx_http_strangler_show_slots(ngx_http_strangler_call_t *call,
    ngx_http_strangler_out_t *out);

/* ledger */

ngx_int_t ngx_http_strangler_show_ledger(ngx_http_strangler_call_t *call,
    ngx_http_strangler_out_t *out);

/* verify */

ngx_int_t ngx_http_strangler_verify(ngx_http_strangler_call_t *call,
    ngx_http_strangler_out_t *out);

/* put */

ngx_int_t ngx_http_strangler_put_weights(ngx_http_strangler_call_t *call,
    struct json_object *body);
ngx_int_t ngx_http_strangler_put_p(ngx_http_strangler_call_t *call,
    struct json_object *body);
ngx_int_t ngx_http_strangler_post_rollback(ngx_http_strangler_call_t *call,
    struct json_object *body);
ngx_int_t ngx_http_strangler_rollback(ngx_http_strangler_call_t *call);

/* ramp_text */

extern const char *const  ngx_http_strangler_downs[];

/* post */

ngx_int_t ngx_http_strangler_post_ramp(ngx_http_strangler_call_t *call,
    struct json_object *body);
ngx_int_t ngx_http_strangler_post_pause(ngx_http_strangler_call_t *call,
    struct json_object *body);
ngx_int_t ngx_http_strangler_post_resume(ngx_http_strangler_call_t *call,
    struct json_object *body);
ngx_int_t ngx_http_strangler_post_abort(ngx_http_strangler_call_t *call,
    struct json_object *body);
ngx_int_t ngx_http_strangler_ramp_prepare(ngx_http_strangler_call_t *call,
    ngx_http_strangler_ramp_t *ramp);

/* shadow_api */

ngx_int_t ngx_http_strangler_put_shadow(ngx_http_strangler_call_t *call,
    struct json_object *body);
void ngx_http_strangler_show_shadow(ngx_http_strangler_split_t *split,
    ngx_http_strangler_table_t *table, ngx_http_strangler_out_t *out);
void ngx_http_strangler_metric_shadow(ngx_http_strangler_split_t *split,
    ngx_uint_t arm, ngx_http_strangler_out_t *out);
void ngx_http_strangler_metric_in_flight(ngx_http_strangler_split_t *split,
    ngx_uint_t arm, ngx_http_strangler_out_t *out);

/* differences */

ngx_int_t ngx_http_strangler_show_diff(ngx_http_strangler_call_t *call,
    ngx_http_strangler_out_t *out);
ngx_int_t ngx_http_strangler_delete_diff(ngx_http_strangler_call_t *call,
    ngx_http_strangler_out_t *out);
void ngx_http_strangler_metric_diff(ngx_http_strangler_split_t *split,
    ngx_uint_t arm, ngx_http_strangler_out_t *out);

/* change */

ngx_int_t ngx_http_strangler_change(ngx_http_strangler_call_t *call);

/* handlers */

ngx_int_t ngx_http_strangler_api_handler(ngx_http_request_t *r);
ngx_int_t ngx_http_strangler_metrics_handler(ngx_http_request_t *r);
ngx_int_t ngx_http_strangler_ready_handler(ngx_http_request_t *r);
ngx_int_t ngx_http_strangler_guard_handler(ngx_http_request_t *r);


#endif /* NGX_HTTP_STRANGLER_API_H_INCLUDED */
