
/*
 * Copyright (C) Ficus authors
 */


/* What the files of ramps share: ramp judges, step makes the next change. */


#ifndef NGX_HTTP_STRANGLER_RAMP_H_INCLUDED
#define NGX_HTTP_STRANGLER_RAMP_H_INCLUDED


#include "ngx_http_strangler.h"


#define NGX_HTTP_STRANGLER_STEP_RETRY  1000
#define NGX_HTTP_STRANGLER_UNIT        1e6


typedef enum {
    ngx_http_strangler_advance = 0,
    ngx_http_strangler_wait_on,
    ngx_http_strangler_roll_back
} ngx_http_strangler_verdict_e;


/* the reason of a verdict */

typedef struct {
    size_t                           len;
    u_char                           text[NGX_HTTP_STRANGLER_REASON_LEN - 24];
} ngx_http_strangler_why_t;


/* an arm and the baseline, as they are now and as they were */

typedef struct {
    ngx_http_strangler_ramp_t       *ramp;
    ngx_str_t                       *name;
    ngx_uint_t                       arms;
    ngx_uint_t                       block;     /* is to be judged */
    ngx_http_strangler_watch_t      *arm;
    ngx_http_strangler_watch_t      *base;
    ngx_http_strangler_tries_t       arm_now;
    ngx_http_strangler_tries_t       base_now;
    ngx_http_strangler_tries_t       compared;
    ngx_atomic_uint_t                arm_bound[NGX_HTTP_STRANGLER_BUCKETS];
    ngx_atomic_uint_t                base_bound[NGX_HTTP_STRANGLER_BUCKETS];
} ngx_http_strangler_pair_t;


/* down */

ngx_uint_t ngx_http_strangler_ramp_down(ngx_http_strangler_ramp_t *ramp,
    ngx_uint_t end);
void ngx_http_strangler_ramp_why(ngx_http_strangler_ramp_t *ramp,
    u_char *text, size_t len);

/* ramp */

double ngx_http_strangler_limit_of(ngx_http_strangler_pair_t *pair);

/* verdict */

const char *ngx_http_strangler_verdict(ngx_uint_t verdict);
void ngx_http_strangler_say(ngx_http_strangler_why_t *why, const char *fmt,
    ...);
void ngx_http_strangler_ramp_tell(ngx_http_strangler_split_t *split,
    ngx_uint_t verdict, ngx_http_strangler_why_t *why);
ngx_int_t ngx_http_strangler_ramp_told(ngx_http_strangler_split_t *split,
    uint64_t generation, ngx_uint_t *verdict, ngx_http_strangler_why_t *why);

/* mismatch */

void ngx_http_strangler_compared(ngx_http_strangler_split_t *split,
    ngx_uint_t arm, ngx_http_strangler_tries_t *tries);
ngx_uint_t ngx_http_strangler_judge_mismatch(ngx_http_strangler_pair_t *pair,
    ngx_http_strangler_why_t *why);

/* step */

ngx_int_t ngx_http_strangler_step_start(ngx_http_strangler_split_t *split,
    ngx_uint_t verdict, ngx_http_strangler_why_t *why);


#endif /* NGX_HTTP_STRANGLER_RAMP_H_INCLUDED */
