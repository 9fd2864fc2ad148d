
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
 */


#ifndef NGX_HTTP_STRANGLER_H_INCLUDED
#define NGX_HTTP_STRANGLER_H_INCLUDED


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>
#include "ngx_http_strangler_table.h"


#define NGX_HTTP_STRANGLER_KEYS         8
#define NGX_HTTP_STRANGLER_NAMES        32
#define NGX_HTTP_STRANGLER_NAME_LEN     16
#define NGX_HTTP_STRANGLER_SPLIT_LEN    32
#define NGX_HTTP_STRANGLER_HISTORY      32
#define NGX_HTTP_STRANGLER_BY_LEN       64
#define NGX_HTTP_STRANGLER_REASON_LEN   128
#define NGX_HTTP_STRANGLER_LANES        16
#define NGX_HTTP_STRANGLER_CODES        32
#define NGX_HTTP_STRANGLER_BOUNDS       14
#define NGX_HTTP_STRANGLER_HASH_LEN     16

#define NGX_HTTP_STRANGLER_FILE_MAX     65536


#if (NGX_PTR_SIZE != 8)
#error the word of a split needs 64 bits
#endif


typedef struct ngx_http_strangler_main_conf_s  ngx_http_strangler_main_conf_t;


typedef enum {
    ngx_http_strangler_pin = 0,
    ngx_http_strangler_override,
    ngx_http_strangler_key,
    ngx_http_strangler_keyless_e,
    ngx_http_strangler_decided_n
} ngx_http_strangler_decided_e;


/* one row of the history; weights are by number in the segment's names */

typedef struct {
    uint64_t                        generation;
    uint64_t                        changed_at;         /* Unix seconds */
    uint32_t                        arms;               /* bit per name */
    uint16_t                        weight[NGX_HTTP_STRANGLER_NAMES];
    u_char                          by_len;
    u_char                          reason_len;
    u_char                          by[NGX_HTTP_STRANGLER_BY_LEN];
    u_char                          reason[NGX_HTTP_STRANGLER_REASON_LEN];
} ngx_http_strangler_record_t;


/* everything that a change replaces at once; record[0] is the present */

typedef struct {
    u_char                          hash[NGX_HTTP_STRANGLER_HASH_LEN];
    ngx_uint_t                      nrecords;
    ngx_http_strangler_record_t     record[NGX_HTTP_STRANGLER_HISTORY];
    u_char                          slot[NGX_HTTP_STRANGLER_SLOTS];
} ngx_http_strangler_table_t;


typedef struct {
    u_char                          len;
    u_char                          data[NGX_HTTP_STRANGLER_NAME_LEN];
} ngx_http_strangler_name_t;


/* a table with the names that its numbers mean: what a state file holds */

typedef struct {
    ngx_uint_t                      nnames;
    ngx_http_strangler_name_t       name[NGX_HTTP_STRANGLER_NAMES];
    ngx_http_strangler_table_t      table;
} ngx_http_strangler_image_t;


/* counters of one arm, one lane; nanoseconds; only ever added to */

typedef struct {
    ngx_atomic_t                    requests[ngx_http_strangler_decided_n];
    ngx_atomic_t                    failures;
    ngx_atomic_t                    nsec;
    ngx_atomic_t                    bound[NGX_HTTP_STRANGLER_BOUNDS + 1];
    ngx_atomic_t                    code[NGX_HTTP_STRANGLER_CODES];
    ngx_atomic_t                    padding[11];
} ngx_http_strangler_lane_t;


/*
 * A split in shared memory.  "word" is generation << 1 | number of the valid
 * table.  Whoever changes weights fills the other table and then stores the
 * word, so a reader that finds the same word before and after its copy has
 * a whole table.  Names are only appended, hence old worker processes may go
 * on with their numbers after a reload.
 */

typedef struct ngx_http_strangler_sh_s  ngx_http_strangler_sh_t;

struct ngx_http_strangler_sh_s {
    ngx_atomic_t                    word;
    ngx_http_strangler_sh_t        *next;
    size_t                          name_len;
    u_char                          name[NGX_HTTP_STRANGLER_SPLIT_LEN];
    ngx_atomic_t                    write_failed;
    u_char                          padding0[128];

    ngx_atomic_t                    keyless;
    u_char                          padding1[128];

    ngx_atomic_t                    overrides_ignored;
    u_char                          padding2[128];

    ngx_atomic_t                    nnames;
    ngx_http_strangler_name_t       arm[NGX_HTTP_STRANGLER_NAMES];
    ngx_http_strangler_lane_t      *lane[NGX_HTTP_STRANGLER_NAMES];

    ngx_http_strangler_table_t      table[2];
};


typedef struct {
    ngx_uint_t                      magic;
    ngx_uint_t                      size;       /* of a split */
    ngx_http_strangler_sh_t        *splits;
} ngx_http_strangler_segment_t;


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
    ngx_http_strangler_peer_t       peer;

    ngx_str_t                       name;
    ngx_str_t                       upstream;
    ngx_int_t                       weight;     /* -1: the remainder */
    ngx_uint_t                      id;         /* in the segment's names */
} ngx_http_strangler_arm_t;


/* this process' copy of the table, by number of the arm in its configuration */

typedef struct {
    ngx_atomic_uint_t               word;
    uint64_t                        generation;
    ngx_http_strangler_weights_t    weights;
    uint8_t                         slot[NGX_HTTP_STRANGLER_SLOTS];
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
    ngx_http_strangler_local_t     *local;
    ngx_http_strangler_sh_t        *sh;

    ngx_uint_t                      nkeys;
    ngx_http_strangler_value_t      key[NGX_HTTP_STRANGLER_KEYS];
    ngx_http_strangler_override_t   override;

    ngx_uint_t                      narms;
    ngx_uint_t                      baseline;
    ngx_http_strangler_arm_t        arm[NGX_HTTP_STRANGLER_ARMS];

    ngx_str_t                       name;
    ngx_str_t                       salt;
    ngx_str_t                       zone_size;  /* as configured */
    ngx_str_t                       state_dir;
    ngx_str_t                       state_file;
    ngx_str_t                       temp_file;
    u_char                          hash[NGX_HTTP_STRANGLER_HASH_LEN];
    ngx_http_strangler_seen_t       seen;

    ngx_http_strangler_zone_t      *zone;
    ngx_http_strangler_main_conf_t *main;
    ngx_http_upstream_srv_conf_t   *uscf;
#if (NGX_THREADS)
    ngx_thread_pool_t              *thread_pool;
#endif

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
    unsigned                        decided:3;
    unsigned                        kept:1;
    unsigned                        pending:1;      /* failed, not counted */
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
    ngx_uint_t                      bucket_size;    /* of variables */
    ngx_uid_t                       user;
    ngx_gid_t                       group;
    u_char                          code[600];  /* index of a status */
    ngx_event_t                     watch;
};


typedef struct {
    ngx_http_strangler_split_t     *split;
} ngx_http_strangler_srv_conf_t;


typedef struct {
    ngx_http_strangler_value_t     *pin;
    ngx_array_t                    *hosts;      /* ngx_str_t */
    ngx_str_t                       token;
    ngx_flag_t                      api;
} ngx_http_strangler_loc_conf_t;


typedef struct {
    ngx_http_core_srv_conf_t       *cscf;
    ngx_http_strangler_loc_conf_t  *lcf;
    ngx_str_t                       location;
} ngx_http_strangler_api_loc_t;


extern ngx_module_t  ngx_http_strangler_module;

extern const ngx_uint_t  ngx_http_strangler_codes[];
extern const ngx_str_t   ngx_http_strangler_decided_names[];
extern const uint64_t    ngx_http_strangler_bounds[];


/* conf */

char *ngx_http_strangler_conf_split(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_strangler_conf_key(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_strangler_conf_arm(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_strangler_conf_override(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_strangler_conf_pin(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_strangler_conf_value(ngx_conf_t *cf, ngx_str_t *source,
    ngx_http_strangler_value_t *value);
ngx_int_t ngx_http_strangler_conf_check(ngx_conf_t *cf);
ngx_uint_t *ngx_http_strangler_keepalive(ngx_conf_t *cf,
    ngx_http_upstream_srv_conf_t *us);
ngx_uint_t ngx_http_strangler_is_name(ngx_str_t *name, size_t max);
ngx_int_t ngx_http_strangler_find_arm(ngx_http_strangler_split_t *split,
    u_char *name, size_t len);

/* request */

ngx_http_strangler_ctx_t *ngx_http_strangler_find_ctx(ngx_http_request_t *r,
    ngx_http_strangler_split_t *split);
ngx_http_strangler_ctx_t *ngx_http_strangler_add_ctx(ngx_http_request_t *r,
    ngx_http_strangler_split_t *split);
void ngx_http_strangler_keep_ctx(ngx_http_strangler_ctx_t *ctx);
ngx_int_t ngx_http_strangler_post_read_handler(ngx_http_request_t *r);
ngx_str_t *ngx_http_strangler_stripped(ngx_http_request_t *r, ngx_str_t *name);
ngx_str_t *ngx_http_strangler_header(ngx_http_request_t *r, char *lowcase,
    size_t len);

/* route */

ngx_http_strangler_ctx_t *ngx_http_strangler_decide(ngx_http_request_t *r,
    ngx_http_strangler_split_t *split);
void ngx_http_strangler_refresh(ngx_http_strangler_split_t *split);

/* upstream */

ngx_int_t ngx_http_strangler_init_upstream(ngx_conf_t *cf,
    ngx_http_upstream_srv_conf_t *us);
ngx_int_t ngx_http_strangler_init_peer(ngx_http_request_t *r,
    ngx_http_upstream_srv_conf_t *us);
void ngx_http_strangler_count_failure(ngx_http_strangler_ctx_t *ctx);
ngx_http_strangler_ctx_t *ngx_http_strangler_upstream_ctx(
    ngx_http_request_t *r);

/* vars */

ngx_int_t ngx_http_strangler_add_variables(ngx_conf_t *cf,
    ngx_http_strangler_split_t *split);

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
void ngx_http_strangler_lanes(ngx_http_strangler_split_t *split,
    ngx_uint_t worker);
void ngx_http_strangler_sum(ngx_http_strangler_split_t *split, ngx_uint_t arm,
    ngx_http_strangler_lane_t *sum);

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
void ngx_http_strangler_hash(ngx_http_strangler_split_t *split);

/* state */

size_t ngx_http_strangler_encode(ngx_http_strangler_split_t *split,
    ngx_http_strangler_table_t *table, u_char *buf, u_char *end);
ngx_int_t ngx_http_strangler_decode(ngx_str_t *name, u_char *p, u_char *end,
    ngx_http_strangler_image_t *image);

/* file */

ngx_int_t ngx_http_strangler_lock(ngx_http_strangler_split_t *split,
    ngx_fd_t *fd, ngx_log_t *log);
void ngx_http_strangler_unlock(ngx_fd_t fd, ngx_log_t *log);
ngx_int_t ngx_http_strangler_read(ngx_http_strangler_split_t *split,
    ngx_http_strangler_image_t *image, ngx_log_t *log);
ngx_int_t ngx_http_strangler_write(ngx_http_strangler_split_t *split,
    ngx_fd_t dir, u_char *text, size_t len, ngx_log_t *log);

/* watch */

void ngx_http_strangler_look(ngx_http_strangler_split_t *split,
    ngx_log_t *log);
void ngx_http_strangler_watch(ngx_cycle_t *cycle,
    ngx_http_strangler_main_conf_t *mcf);

/* handlers */

ngx_int_t ngx_http_strangler_api_handler(ngx_http_request_t *r);
ngx_int_t ngx_http_strangler_metrics_handler(ngx_http_request_t *r);
ngx_int_t ngx_http_strangler_ready_handler(ngx_http_request_t *r);


#endif /* NGX_HTTP_STRANGLER_H_INCLUDED */
