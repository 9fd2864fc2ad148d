
/*
 * Copyright (C) Ficus authors
 */


/*
 * What each route still needs of the baseline: sums of the counters in the
 * zone, and of what the file has kept from earlier runs.
 */


#ifndef NGX_HTTP_STRANGLER_LEDGER_H_INCLUDED
#define NGX_HTTP_STRANGLER_LEDGER_H_INCLUDED


#include "ngx_http_strangler.h"


/* what the arms have done on a route; times are Unix seconds, 0: never */

typedef struct {
    ngx_atomic_uint_t                requests[NGX_HTTP_STRANGLER_ARMS];
    ngx_atomic_uint_t                pinned[NGX_HTTP_STRANGLER_ARMS];
    ngx_atomic_uint_t                total;
    time_t                           last[NGX_HTTP_STRANGLER_ARMS];
    time_t                           last_any;
} ngx_http_strangler_served_t;


/*
 * needed: the baseline was asked within the time of strangler_ledger;
 * watching: it was not, but the route is not watched for that long;
 * unneeded: it was not in all that time.
 */

typedef enum {
    ngx_http_strangler_needed = 0,
    ngx_http_strangler_watching,
    ngx_http_strangler_unneeded,
    ngx_http_strangler_verdict_n
} ngx_http_strangler_verdict_e;


/* in seconds: since the baseline was asked, since anybody was */

typedef struct {
    ngx_http_strangler_verdict_e     verdict;
    time_t                           watched;
    time_t                           idle;
    time_t                           silent;
} ngx_http_strangler_need_t;


extern ngx_str_t  ngx_http_strangler_verdict_names[];   /* by number */


/* routes */

char *ngx_http_strangler_conf_route(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
ngx_int_t ngx_http_strangler_merge_route(ngx_conf_t *cf,
    ngx_http_strangler_loc_conf_t *prev, ngx_http_strangler_loc_conf_t *conf);
ngx_int_t ngx_http_strangler_init_places(ngx_conf_t *cf,
    ngx_http_strangler_split_t *split);
ngx_uint_t ngx_http_strangler_place(ngx_http_strangler_split_t *split,
    ngx_uint_t route);
ngx_uint_t ngx_http_strangler_place_of(ngx_http_strangler_split_t *split,
    ngx_str_t *name);

/* ledger */

char *ngx_http_strangler_conf_ledger(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
void ngx_http_strangler_init_ledger(ngx_http_strangler_split_t *split);
ngx_uint_t ngx_http_strangler_is_route(ngx_http_strangler_split_t *split,
    u_char *name, size_t len);
void ngx_http_strangler_route_served(ngx_http_strangler_split_t *split,
    ngx_uint_t route, ngx_http_strangler_served_t *served);
void ngx_http_strangler_route_need(ngx_http_strangler_split_t *split,
    ngx_uint_t route, ngx_http_strangler_served_t *served,
    ngx_http_strangler_need_t *need);
ngx_uint_t ngx_http_strangler_route_is_shown(
    ngx_http_strangler_split_t *split, ngx_uint_t route,
    ngx_http_strangler_served_t *served);

/* ledger_file */

void ngx_http_strangler_load_ledger(ngx_http_strangler_split_t *split,
    ngx_log_t *log);

/* ledger_save */

void ngx_http_strangler_save_ledger(ngx_http_strangler_split_t *split,
    ngx_log_t *log);
void ngx_http_strangler_ledger_tick(ngx_http_strangler_split_t *split);


#endif /* NGX_HTTP_STRANGLER_LEDGER_H_INCLUDED */
