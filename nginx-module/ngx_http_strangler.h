
/*
 * Copyright (C) Ficus authors
 */


/*
 * What the files of the module share.  A split is an upstream{} whose peers
 * are arms, other upstreams; its weights and counters live in shared memory.
 *
 *     conf      directives             zone      shared memory
 *     request   context of a request   start     weights at start and reload
 *     route     which arm              state     text of the state file
 *     upstream  hands over to it       file      reads and writes that file
 *     vars      $strangler_*           watch     sees what others write to it
 *     check     the configuration      change    one change of weights
 *     breaker   of failing arms        tick      timers of worker processes
 *     protect   directives of both     window    counters as they were
 *     count     what became of tries   rescue    by the baseline
 *     replay    which requests may be sent twice
 *     location  directives of locations
 *     history   file of all changes    ramp      judges a ramp
 *     step      makes its steps        lane      counters of arms
 *     local     the copy of a process   verdict   of a ramp, for others
 *     ledger    what each route needs  routes    their places in it
 *     shadow    asks another arm, too      detached  without a client
 *     capture   what was answered          copy      of a request
 */


#ifndef NGX_HTTP_STRANGLER_H_INCLUDED
#define NGX_HTTP_STRANGLER_H_INCLUDED


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>
#include "ngx_http_strangler_shm.h"


#define NGX_HTTP_STRANGLER_KEYS         8
#define NGX_HTTP_STRANGLER_FNV_BASIS    0xcbf29ce484222325

#define NGX_HTTP_STRANGLER_SAFE                                               \
    (NGX_HTTP_GET|NGX_HTTP_HEAD|NGX_HTTP_OPTIONS|NGX_HTTP_TRACE               \
     |NGX_HTTP_PROPFIND)

/* what nginx does not repeat once it was sent */

#define NGX_HTTP_STRANGLER_NON_IDEMPOTENT                                     \
    (NGX_HTTP_POST|NGX_HTTP_LOCK|NGX_HTTP_PATCH)


typedef struct ngx_http_strangler_main_conf_s  ngx_http_strangler_main_conf_t;


typedef enum {
    ngx_http_strangler_closed = 0,
    ngx_http_strangler_open,
    ngx_http_strangler_half_open,
    ngx_http_strangler_recovering
} ngx_http_strangler_state_e;


typedef enum {
    ngx_http_strangler_no_cause = 0,
    ngx_http_strangler_in_a_row,
    ngx_http_strangler_too_many,
    ngx_http_strangler_probe_failed
} ngx_http_strangler_cause_e;


/* whether a request that was sent may be sent again */

typedef enum {
    ngx_http_strangler_posted = 0,      /* never, as nginx knows, too */
    ngx_http_strangler_never,
    ngx_http_strangler_unless_late,
    ngx_http_strangler_always,
    ngx_http_strangler_replays
} ngx_http_strangler_replay_e;


typedef enum {
    ngx_http_strangler_number_e = 0,
    ngx_http_strangler_percent_e,
    ngx_http_strangler_time_e,
    ngx_http_strangler_size_e
} ngx_http_strangler_type_e;


/* a parameter of a directive; its value is an ngx_uint_t */

typedef struct {
    ngx_str_t                       name;       /* "name=" */
    size_t                          offset;
    ngx_uint_t                      type;
    ngx_int_t                       min;
    ngx_int_t                       max;        /* milliseconds for a time */
} ngx_http_strangler_setting_t;


typedef struct {
    ngx_str_t                       check;      /* "zone NAME" */
    ngx_shm_zone_t                 *shm_zone;
    ngx_slab_pool_t                *shpool;
    ngx_http_strangler_segment_t   *segment;
    ngx_array_t                     splits;     /* of split_t * */
} ngx_http_strangler_zone_t;


/*
 * The callbacks of an arm's own balancer.  They are the same for all requests
 * of an arm with every balancer known, hence kept once for each arm; a request
 * that gets others has its own.
 */

typedef struct {
    ngx_event_get_peer_pt           get;
    ngx_event_free_peer_pt          free;
#if (NGX_HTTP_SSL)
    ngx_event_set_peer_session_pt   set_session;
    ngx_event_save_peer_session_pt  save_session;
#endif
    ngx_event_notify_peer_pt        notify;
} ngx_http_strangler_peer_t;


typedef struct {
    ngx_http_upstream_srv_conf_t   *uscf;
    ngx_http_strangler_lane_t      *lane;       /* this process' */
    ngx_http_strangler_breaker_t   *breaker;    /* if there is one */
    ngx_http_strangler_peer_t       peer;

    ngx_str_t                       name;
    ngx_str_t                       upstream;
    ngx_int_t                       weight;     /* -1: the remainder */
    ngx_uint_t                      id;         /* in the segment's names */
} ngx_http_strangler_arm_t;


/*
 * This process' copy of the table, by number of the arm in its configuration:
 * as configured, and what the breakers make of it.
 */

typedef struct {
    ngx_atomic_uint_t               word;
    ngx_atomic_uint_t               effect;
    uint64_t                        generation;
    ngx_http_strangler_weights_t    weights;        /* effective */
    ngx_http_strangler_weights_t    configured;
    ngx_atomic_uint_t               breaker[NGX_HTTP_STRANGLER_ARMS];
    ngx_uint_t                      probing;
    ngx_uint_t                      shadow;     /* per 10000; 0 if none */
    ngx_uint_t                      shadow_sum;
    ngx_http_strangler_ramp_t       ramp;
    uint8_t                         slot[NGX_HTTP_STRANGLER_SLOTS];
    uint8_t                         own[NGX_HTTP_STRANGLER_SLOTS];
} ngx_http_strangler_local_t;


/* a value as nginx has it; index is that of a plain "$variable" */

typedef struct {
    ngx_str_t                       source;
    ngx_int_t                       index;      /* or NGX_ERROR */
    ngx_http_complex_value_t        complex;
} ngx_http_strangler_value_t;


/* the state file as this process saw it last */

typedef struct {
    ngx_file_uniq_t                 uniq;
    off_t                           size;
    time_t                          mtime;
    long                            nsec;
} ngx_http_strangler_seen_t;


typedef struct {
    ngx_str_t                       header;
    ngx_int_t                       header_index;
    ngx_int_t                       cookie_index;
    ngx_int_t                       if_index;
    unsigned                        enabled:1;
    unsigned                        own_header:1;   /* one that is stripped */
} ngx_http_strangler_override_t;


typedef struct {
    ngx_msec_t                      window;
    ngx_msec_t                      open;
    ngx_msec_t                      recovery;
    ngx_uint_t                      failures;       /* in a row, 0: never */
    ngx_uint_t                      ratio;          /* per 10000, 0: never */
    ngx_uint_t                      volume;
    ngx_uint_t                      probes;
    unsigned                        enabled:1;
} ngx_http_strangler_breaker_conf_t;


typedef struct {
    ngx_uint_t                      mask;           /* as nginx has it */
    ngx_uint_t                      budget;         /* per 10000 requests */
    ngx_uint_t                      floor;
    unsigned                        enabled:1;
    unsigned                        manual:1;       /* by error_page */
} ngx_http_strangler_rescue_conf_t;


typedef struct {
    ngx_msec_t                      quiet;
    ngx_msec_t                      every;
    unsigned                        given:1;
} ngx_http_strangler_ledger_conf_t;


/* times are ngx_msec_t, which is as wide */

typedef struct {
    ngx_uint_t                      share;          /* per 10000 */
    ngx_uint_t                      methods;        /* as nginx has them */
    ngx_uint_t                      in_flight;
    ngx_uint_t                      body;           /* bytes */
    ngx_uint_t                      noise;          /* one in so many */
    ngx_uint_t                      timeout;
    ngx_http_strangler_running_t   *running;        /* of this process */
    ngx_queue_t                     chosen;         /* client not done yet */

    ngx_array_t                     ignore;         /* ngx_str_t: */
    ngx_array_t                     headers;
    ngx_array_t                     mask;
    ngx_uint_t                      examples;
    ngx_uint_t                      relative;       /* per 10000 */
    ngx_uint_t                      absolute;
    unsigned                        diff:1;         /* was given */
} ngx_http_strangler_shadow_conf_t;


typedef struct ngx_http_strangler_copies_s  ngx_http_strangler_copies_t;


typedef struct {
    ngx_http_strangler_local_t     *local;
    ngx_http_strangler_sh_t        *sh;
    u_char                         *places;     /* of routes, in the ledger */

    ngx_uint_t                      nkeys;
    ngx_http_strangler_value_t      key[NGX_HTTP_STRANGLER_KEYS];
    ngx_http_strangler_override_t   override;
    ngx_http_strangler_breaker_conf_t  breaker;
    ngx_http_strangler_rescue_conf_t   rescue;
    ngx_http_strangler_ledger_conf_t   ledger;
    ngx_http_strangler_shadow_conf_t  *shadow;      /* if there is any */
    ngx_http_strangler_copies_t    *copies;
    ngx_pool_t                     *pool;

    ngx_uint_t                      narms;
    ngx_uint_t                      baseline;
    ngx_http_strangler_arm_t        arm[NGX_HTTP_STRANGLER_ARMS];

    ngx_str_t                       name;
    ngx_str_t                       salt;
    ngx_str_t                       generation_header;
    ngx_str_t                       zone_size;  /* as configured */
    ngx_str_t                       state_dir;
    ngx_str_t                       state_file;
    ngx_str_t                       temp_file;
    ngx_str_t                       history_file;
    ngx_str_t                       ledger_file;
    ngx_str_t                       ledger_temp;
    u_char                          hash[NGX_HTTP_STRANGLER_HASH_LEN];
    u_char                          chain[FIPS180_SHA256];
    ngx_http_strangler_seen_t       seen;

    ngx_http_strangler_zone_t      *zone;
    ngx_http_strangler_main_conf_t *main;
    ngx_http_upstream_srv_conf_t   *uscf;
#if (NGX_THREADS)
    ngx_thread_pool_t              *thread_pool;
    ngx_thread_task_t              *save_task;
#endif

    ngx_uint_t                      stepping;   /* of a ramp, in a thread */
    ngx_uint_t                      saving;     /* the ledger, likewise */

    unsigned                        baseline_given:1;
    unsigned                        initialized:1;
} ngx_http_strangler_split_t;


/*
 * One decision of one request.  It is small and hardly ever taken from the
 * pool of the request on purpose: one that needs one more block of its pool
 * pays 600 instructions for it.
 */

typedef struct ngx_http_strangler_ctx_s  ngx_http_strangler_ctx_t;

struct ngx_http_strangler_ctx_s {
    ngx_http_request_t             *request;
    ngx_http_strangler_ctx_t       *next;
    ngx_http_strangler_split_t     *split;

    ngx_http_strangler_peer_t      *peer;
    void                           *data;           /* of these callbacks */

    uint64_t                        nsec;           /* started; or, when
                                                       pending, what it took */
    uint64_t                        generation;
    uint16_t                        bucket;
    uint16_t                        status;         /* when pending */
    uint8_t                         arm;            /* in the configuration */
    uint8_t                         served;
    uint8_t                         route;          /* in the ledger */
    unsigned                        decided:3;
    unsigned                        kept:1;
    unsigned                        pending:1;      /* failed, not counted */
    unsigned                        rescuable:1;    /* one try in reserve */
    unsigned                        replay:2;       /* if it was sent */
    unsigned                        switching:1;    /* to the baseline */
    unsigned                        rescued:1;
    unsigned                        sent:1;         /* by a failed try */
    unsigned                        failed:1;       /* for error_page: */
    unsigned                        allowed:1;
    unsigned                        shadow:1;       /* counts for nobody */
    unsigned                        told:1;         /* the generation */
};


/* the X-Ficus-* headers that were taken from a request */

typedef struct {
    ngx_http_request_t             *request;
    ngx_array_t                     headers;        /* ngx_table_elt_t */
} ngx_http_strangler_stripped_t;


struct ngx_http_strangler_main_conf_s {
    ngx_array_t                     splits;     /* of split_t * */
    ngx_array_t                     zones;      /* of zone_t * */
    ngx_array_t                     pins;       /* ngx_str_t, constants */
    ngx_array_t                     apis;       /* locations, to warn of */
    ngx_uint_t                      guarded;    /* any by strangler_api_guard */
    ngx_array_t                     routes;     /* ngx_str_t; the first: none */
    ngx_uint_t                      bucket_size;    /* of variables */
    ngx_core_conf_t                *core;       /* complete after parsing */
    u_char                          code[600];  /* index of a status */
    uint64_t                        fine[NGX_HTTP_STRANGLER_BUCKETS];
    ngx_event_t                     watch;
    ngx_event_t                     tick;
    ngx_uint_t                      stepped;    /* a ramp, since the tick */
    ngx_queue_t                     shadows;    /* on their way */
    ngx_socket_t                    nobody;     /* the client of shadows */
    ngx_uint_t                      shadowed;   /* splits */
    ngx_array_t                     assigned;   /* ngx_uint_t, variables */
    ngx_module_t                   *auth;       /* ngx_http_auth_request */
    ngx_module_t                   *caching[4]; /* as many as there are */
};


typedef struct {
    ngx_http_strangler_split_t     *split;
} ngx_http_strangler_srv_conf_t;


typedef struct {
    ngx_http_strangler_value_t     *pin;
    ngx_uint_t                      route;      /* in the main configuration */
    ngx_str_t                       route_name;
    ngx_array_t                    *hosts;      /* ngx_str_t */
    ngx_str_t                       token;
    ngx_flag_t                      api;
    ngx_flag_t                      guard;
    ngx_uint_t                      shadow_methods; /* 0: the split's */
} ngx_http_strangler_loc_conf_t;


typedef struct {
    ngx_http_core_srv_conf_t       *cscf;
    ngx_http_strangler_loc_conf_t  *lcf;
    ngx_str_t                       location;
    ngx_str_t                       directive;
} ngx_http_strangler_api_loc_t;


extern ngx_module_t  ngx_http_strangler_module;

extern const ngx_uint_t  ngx_http_strangler_codes[];
extern const ngx_str_t   ngx_http_strangler_decided_names[];
extern const ngx_str_t   ngx_http_strangler_state_names[];
extern const uint64_t    ngx_http_strangler_bounds[];


/* by name */

ngx_uint_t ngx_http_strangler_is_name(ngx_str_t *name, size_t max);
ngx_int_t ngx_http_strangler_find_arm(ngx_http_strangler_split_t *split,
    u_char *name, size_t len);

/* local */

void ngx_http_strangler_refresh(ngx_http_strangler_split_t *split);
void ngx_http_strangler_effect(ngx_http_strangler_split_t *split);

/* routes */

uint64_t ngx_http_strangler_fnv(uint64_t hash, const void *data, size_t len);

/* zone */

ngx_int_t ngx_http_strangler_init_zone(ngx_shm_zone_t *shm_zone, void *data);
ngx_http_strangler_sh_t *ngx_http_strangler_old_sh(
    ngx_http_strangler_split_t *split);
ngx_atomic_uint_t ngx_http_strangler_snapshot(ngx_http_strangler_sh_t *sh,
    ngx_http_strangler_table_t *table);
ngx_int_t ngx_http_strangler_publish(ngx_http_strangler_split_t *split,
    ngx_atomic_uint_t word, ngx_http_strangler_table_t *table);
ngx_int_t ngx_http_strangler_adopt(ngx_http_strangler_split_t *split,
    ngx_http_strangler_image_t *image);
void ngx_http_strangler_image(ngx_http_strangler_sh_t *sh,
    ngx_http_strangler_image_t *image);

/* lane */

ngx_int_t ngx_http_strangler_add_lanes(ngx_http_strangler_split_t *split,
    ngx_uint_t arm);
void ngx_http_strangler_lanes(ngx_http_strangler_split_t *split,
    ngx_uint_t worker);
void ngx_http_strangler_sum(ngx_http_strangler_split_t *split, ngx_uint_t arm,
    ngx_http_strangler_lane_t *sum);
void ngx_http_strangler_sum_visits(ngx_http_strangler_lane_t *lane,
    ngx_uint_t first, ngx_uint_t last, ngx_http_strangler_visits_t *sum);
ngx_atomic_uint_t ngx_http_strangler_requests(
    ngx_http_strangler_split_t *split, ngx_uint_t arm);
void ngx_http_strangler_tries(ngx_http_strangler_split_t *split,
    ngx_uint_t arm, ngx_http_strangler_tries_t *tries);
uint64_t ngx_http_strangler_fine(ngx_uint_t n);

/* breaker */

void ngx_http_strangler_good(ngx_http_strangler_split_t *split, ngx_uint_t arm,
    uint64_t nsec);
void ngx_http_strangler_bad(ngx_http_strangler_split_t *split, ngx_uint_t arm,
    uint64_t nsec);
ngx_uint_t ngx_http_strangler_probe(ngx_http_strangler_split_t *split,
    ngx_uint_t arm);
void ngx_http_strangler_breaker_tick(ngx_http_strangler_split_t *split);
ngx_uint_t ngx_http_strangler_effective(ngx_http_strangler_split_t *split,
    ngx_http_strangler_weights_t *configured,
    ngx_http_strangler_weights_t *effective);
void ngx_http_strangler_breaker_adopt(ngx_http_strangler_split_t *split,
    ngx_http_strangler_sh_t *from);
ngx_uint_t ngx_http_strangler_state(ngx_http_strangler_split_t *split,
    ngx_uint_t arm);
ngx_uint_t ngx_http_strangler_cause(ngx_http_strangler_split_t *split,
    ngx_uint_t arm);

/* window */

void ngx_http_strangler_window_add(ngx_http_strangler_window_t *window,
    ngx_msec_t now, ngx_atomic_uint_t a, ngx_atomic_uint_t b);
void ngx_http_strangler_window_get(ngx_http_strangler_window_t *window,
    ngx_msec_t since, ngx_http_strangler_row_t *row);

/* tick */

void ngx_http_strangler_timers(ngx_cycle_t *cycle,
    ngx_http_strangler_main_conf_t *mcf);

/* start */

ngx_int_t ngx_http_strangler_load(ngx_http_strangler_split_t *split,
    ngx_log_t *log);
void ngx_http_strangler_settle(ngx_http_strangler_split_t *split,
    ngx_log_t *log);
void ngx_http_strangler_sync(ngx_http_strangler_split_t *split,
    ngx_log_t *log);
void ngx_http_strangler_make(ngx_http_strangler_split_t *split,
    ngx_http_strangler_table_t *table, ngx_http_strangler_weights_t *weights,
    uint64_t generation, ngx_str_t *by, ngx_str_t *reason);
uint64_t ngx_http_strangler_msec(void);
void ngx_http_strangler_configured(ngx_http_strangler_split_t *split,
    ngx_http_strangler_weights_t *weights);
void ngx_http_strangler_keep_weights(ngx_http_strangler_split_t *split,
    ngx_http_strangler_table_t *table, ngx_http_strangler_weights_t *weights);
void ngx_http_strangler_hash(ngx_http_strangler_split_t *split);

/* ramp */

void ngx_http_strangler_ramp_tick(ngx_http_strangler_split_t *split);
void ngx_http_strangler_ramp_weights(ngx_http_strangler_split_t *split,
    ngx_http_strangler_ramp_t *ramp, ngx_uint_t n,
    ngx_http_strangler_weights_t *weights);
void ngx_http_strangler_ramp_end(ngx_http_strangler_ramp_t *ramp,
    ngx_uint_t state, char *why);

/* watch */

void ngx_http_strangler_look(ngx_http_strangler_split_t *split,
    ngx_log_t *log);


#endif /* NGX_HTTP_STRANGLER_H_INCLUDED */
