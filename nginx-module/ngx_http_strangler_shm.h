
/*
 * Copyright (C) Ficus authors
 */


/*
 * What lies in shared memory.  Worker processes of an old and of a new
 * configuration use it at the same time, so arms are numbered by their names.
 *
 * A comment before fields says how they may be used; tests/locks looks at each
 * access.  Fields of a type that has such comments go by those.
 *
 *     fixed      written by the master, before a worker process can see it
 *     locked     read and written with the mutex of the zone
 *     guarded    written with the mutex, read without
 *     published  written with the mutex, and not while it is valid; who has
 *                read it looks at the word again
 *     atomic     changed by atomic operations alone, read without
 *     word       stored as a whole by anybody; the last one counts
 *     held       written by the process that is the holder
 *     claimed    written by whose hash was put before it atomically
 *
 * A process may be killed before any store and in the middle of one that has
 * several words; then the master unlocks its mutex.  What it leaves is as good
 * as what was there, or nobody looks at it.
 */


#ifndef NGX_HTTP_STRANGLER_SHM_H_INCLUDED
#define NGX_HTTP_STRANGLER_SHM_H_INCLUDED


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_http_strangler_table.h"
#include "fips180.h"


#define NGX_HTTP_STRANGLER_NAMES        32
#define NGX_HTTP_STRANGLER_NAME_LEN     16
#define NGX_HTTP_STRANGLER_SPLIT_LEN    32
#define NGX_HTTP_STRANGLER_HISTORY      32
#define NGX_HTTP_STRANGLER_BY_LEN       64
#define NGX_HTTP_STRANGLER_REASON_LEN   128
#define NGX_HTTP_STRANGLER_LANES        16
#define NGX_HTTP_STRANGLER_ROUTES       33
#define NGX_HTTP_STRANGLER_ROUTE_LEN    64
#define NGX_HTTP_STRANGLER_CODES        32
#define NGX_HTTP_STRANGLER_BOUNDS       14
#define NGX_HTTP_STRANGLER_FINE         3
#define NGX_HTTP_STRANGLER_WINDOW       16
#define NGX_HTTP_STRANGLER_HASH_LEN     16
#define NGX_HTTP_STRANGLER_PROCESSES    256
#define NGX_HTTP_STRANGLER_FIELDS       64
#define NGX_HTTP_STRANGLER_EXAMPLES     128
#define NGX_HTTP_STRANGLER_PATH_LEN     96
#define NGX_HTTP_STRANGLER_TEXT_LEN     64

/* the last route: of all that have no place of their own */

#define NGX_HTTP_STRANGLER_OTHER        (NGX_HTTP_STRANGLER_ROUTES - 1)

#define NGX_HTTP_STRANGLER_BUCKETS                                            \
    (NGX_HTTP_STRANGLER_FINE * (NGX_HTTP_STRANGLER_BOUNDS + 1))


#if (NGX_PTR_SIZE != 8)
#error the word of a split needs 64 bits
#endif


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
    u_char                          hash[FIPS180_SHA256];
} ngx_http_strangler_record_t;


typedef enum {
    ngx_http_strangler_no_ramp = 0,
    ngx_http_strangler_running,
    ngx_http_strangler_paused,
    ngx_http_strangler_done,
    ngx_http_strangler_rolled_back,
    ngx_http_strangler_aborted
} ngx_http_strangler_ramp_e;


typedef enum {
    ngx_http_strangler_down_snap = 0,
    ngx_http_strangler_down_release,
    ngx_http_strangler_down_keep
} ngx_http_strangler_down_e;


/* a ramp; weights are by number in the segment's names; limits are 0: none */

typedef struct {
    uint64_t                        id;         /* generation of its start */
    uint32_t                        state;
    uint32_t                        step;       /* hundredths of a point */
    uint32_t                        every;      /* milliseconds */
    uint32_t                        n;          /* steps made */
    uint32_t                        of;
    uint32_t                        error_ratio;    /* 1 + per million */
    uint32_t                        latency_ratio;  /* per thousand */
    uint32_t                        mismatch_ratio; /* 1 + per million */
    uint32_t                        quantile;       /* per million */
    uint32_t                        requests;
    uint32_t                        down;       /* how it goes back */
    uint32_t                        end;        /* state, on the way back */
    uint32_t                        arms;       /* bit per name */
    uint16_t                        from[NGX_HTTP_STRANGLER_NAMES];
    uint16_t                        to[NGX_HTTP_STRANGLER_NAMES];
    u_char                          why_len;
    u_char                          why[NGX_HTTP_STRANGLER_REASON_LEN];
} ngx_http_strangler_ramp_t;


/*
 * Share of requests that go to another arm, too, and what the configuration
 * said when it was set; both per 10000.
 */

typedef struct {
    uint16_t                        share;
    uint16_t                        configured;
} ngx_http_strangler_share_t;


/* everything that a change replaces at once; record[0] is the present */

typedef struct {
    u_char                          hash[NGX_HTTP_STRANGLER_HASH_LEN];
    ngx_uint_t                      nrecords;
    ngx_http_strangler_record_t     record[NGX_HTTP_STRANGLER_HISTORY];
    ngx_http_strangler_ramp_t       ramp;
    ngx_http_strangler_share_t      shadow;
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


/* what an arm was chosen for on one route; last is in Unix seconds */

typedef struct {
    /* atomic */
    ngx_atomic_t                    requests[ngx_http_strangler_decided_n];

    /* word */
    ngx_atomic_t                    last;
} ngx_http_strangler_visits_t;


/*
 * Counters of one arm, one lane; nanoseconds; only ever added to.  Each bucket
 * of the histogram is kept in three parts, for quantiles.  Failures are tries
 * that failed, codes are answers; the last code is that of unlisted 5xx.
 * There is a lane for each worker process, up to 16; lanes are only appended.
 */

typedef struct ngx_http_strangler_lane_s  ngx_http_strangler_lane_t;

struct ngx_http_strangler_lane_s {
    /* atomic */
    ngx_atomic_t                    failures;
    ngx_atomic_t                    nsec;
    ngx_atomic_t                    bound[NGX_HTTP_STRANGLER_BUCKETS];
    ngx_atomic_t                    code[NGX_HTTP_STRANGLER_CODES];
    ngx_atomic_t                    rescued;

    /* fixed */
    ngx_http_strangler_lane_t      *next;
    ngx_http_strangler_visits_t     visits[NGX_HTTP_STRANGLER_ROUTES];
    ngx_atomic_t                    padding[10];
};


/* the same on one route in earlier runs, as the file has it */

typedef struct {
    /* fixed */
    ngx_atomic_uint_t               requests;
    ngx_atomic_uint_t               pinned;
    ngx_atomic_uint_t               last;
} ngx_http_strangler_past_t;


/*
 * A route of the ledger.  The first process that needs a place takes it by
 * the hash of the route's name; the name is there when its length is.  Places
 * are not given back.  What happens seldom is counted here.  A route is watched
 * from its first request on; 0: as long as the ledger.
 */

typedef struct {
    /* atomic */
    ngx_atomic_t                    hash;       /* 0: free */

    /* claimed */
    ngx_atomic_t                    len;
    ngx_atomic_t                    since;      /* Unix seconds */
    u_char                          name[NGX_HTTP_STRANGLER_ROUTE_LEN];

    /* atomic */
    ngx_atomic_t                    rescued;
    ngx_atomic_t                    compared;
    ngx_atomic_t                    mismatched;
} ngx_http_strangler_entry_t;


/* what has come of the tries of an arm since the zone was made */

typedef struct {
    ngx_atomic_uint_t               good;
    ngx_atomic_uint_t               failed;
} ngx_http_strangler_tries_t;


/* these counters at one time; at is 0 while the row is being written */

typedef struct {
    /* word */
    ngx_atomic_t                    at;
    ngx_atomic_t                    a;
    ngx_atomic_t                    b;
} ngx_http_strangler_row_t;


/* the last rows, written in turn by one process, read by all */

typedef struct {
    /* word */
    ngx_atomic_t                    head;
    ngx_http_strangler_row_t        row[NGX_HTTP_STRANGLER_WINDOW];
} ngx_http_strangler_window_t;


/*
 * What a ramp has seen of an arm: the counters at its start, at that of its
 * step and at the last look; and what speaks against the arm, in millionths of
 * the logarithm.
 */

typedef struct {
    /* held */
    ngx_http_strangler_tries_t      start;
    ngx_http_strangler_tries_t      step;
    ngx_http_strangler_tries_t      seen;
    ngx_atomic_uint_t               start_bound[NGX_HTTP_STRANGLER_BUCKETS];
    ngx_atomic_uint_t               seen_bound[NGX_HTTP_STRANGLER_BUCKETS];
    ngx_http_strangler_tries_t      start_diff;     /* comparisons */
    ngx_http_strangler_tries_t      seen_diff;
    int64_t                         errors;
    int64_t                         latency;
    int64_t                         mismatch;
} ngx_http_strangler_watch_t;


/*
 * The same for all arms of a split.  Only the process that has itself entered
 * as holder changes it and the above; it is free when its holder has died.  Its
 * verdict is read by others, too.
 */

typedef struct {
    /* word */
    ngx_atomic_t                    retry;

    /* held */
    ngx_atomic_t                    holder;     /* since, ms << 32 | pid */
    ngx_atomic_uint_t               id;
    ngx_atomic_uint_t               generation;
    ngx_atomic_uint_t               due;        /* ms, monotonic */
    ngx_atomic_uint_t               looked;     /* the last time, ms */

    /* locked */
    ngx_atomic_uint_t               judged;     /* generation */
    ngx_atomic_uint_t               verdict;
    u_char                          why_len;
    u_char                          why[NGX_HTTP_STRANGLER_REASON_LEN];
} ngx_http_strangler_progress_t;


/*
 * The breaker of an arm.  The word is all that the others need: state, cause,
 * times that it was opened in succession, share of recovery and when that
 * began.  It changes by compare and swap, so that one process makes, and logs,
 * each step.  The other fields help to decide on the next one.
 */

typedef struct {
    /* atomic */
    ngx_atomic_t                    word;
    ngx_atomic_t                    opened;         /* times, ever */

    /* word */
    ngx_atomic_t                    in_a_row;
    ngx_atomic_t                    sent;           /* probes */
    ngx_atomic_t                    passed;
    ngx_atomic_t                    cause_failed;   /* seen when it opened */
    ngx_atomic_t                    cause_total;
    ngx_http_strangler_row_t        base;           /* count from here on */
    ngx_http_strangler_window_t     window;
} ngx_http_strangler_breaker_t;


/* why a request that was chosen got no shadow, or its shadow no verdict */

typedef enum {
    ngx_http_strangler_drop_busy = 0,
    ngx_http_strangler_drop_connections,
    ngx_http_strangler_drop_size,
    ngx_http_strangler_drop_unfinished,
    ngx_http_strangler_drop_rescued,
    ngx_http_strangler_drop_cached,
    ngx_http_strangler_drop_breaker,
    ngx_http_strangler_drop_exit,
    ngx_http_strangler_drop_n
} ngx_http_strangler_drop_e;


/*
 * How many a process has.  It is free when the process has died, and changes
 * its number alone; a number without a process is that of a dead one.
 */

typedef struct {
    /* atomic */
    ngx_atomic_t                    pid;

    /* word */
    ngx_atomic_t                    n;
} ngx_http_strangler_running_t;


typedef enum {
    ngx_http_strangler_missing = 0,
    ngx_http_strangler_extra,
    ngx_http_strangler_other_type,
    ngx_http_strangler_other_value,
    ngx_http_strangler_other_order
} ngx_http_strangler_kind_e;


/* a place in which answers on a route have differed; free without a length */

typedef struct {
    ngx_uint_t                      count;
    ngx_uint_t                      noise;      /* baseline against itself */
    u_char                          route;
    u_char                          kind;
    u_char                          len;
    u_char                          path[NGX_HTTP_STRANGLER_PATH_LEN];
} ngx_http_strangler_field_t;


/* what was there; the length of nothing is NGX_HTTP_STRANGLER_NONE */

typedef struct {
    u_char                          len;
    u_char                          data[NGX_HTTP_STRANGLER_TEXT_LEN];
} ngx_http_strangler_shown_t;


typedef struct {
    uint64_t                        at;         /* Unix seconds */
    uint64_t                        number;     /* 0: free */
    ngx_uint_t                      field;
    ngx_http_strangler_shown_t      baseline;
    ngx_http_strangler_shown_t      other;
    u_char                          uri_len;
    u_char                          uri[NGX_HTTP_STRANGLER_PATH_LEN];
} ngx_http_strangler_example_t;


/* comparisons; those of the baseline with itself are told apart */

typedef struct {
    ngx_uint_t                      compared;
    ngx_uint_t                      mismatched;
    ngx_uint_t                      noise_compared;
    ngx_uint_t                      noise_mismatched;
} ngx_http_strangler_compared_t;


/* what comparing has found since then */

typedef struct {
    /* guarded */
    ngx_http_strangler_compared_t   route[NGX_HTTP_STRANGLER_ROUTES];

    /* locked */
    uint64_t                        since;      /* Unix seconds */
    uint64_t                        examples;   /* ever kept */
    ngx_uint_t                      lost;       /* no place for a field */
    ngx_http_strangler_field_t      field[NGX_HTTP_STRANGLER_FIELDS];
    ngx_http_strangler_example_t    example[NGX_HTTP_STRANGLER_EXAMPLES];
} ngx_http_strangler_found_t;


/* of a split with strangler_shadow; only requests that are chosen come here */

typedef struct {
    /* atomic */
    ngx_atomic_t                    started;
    ngx_atomic_t                    compared;
    ngx_atomic_t                    mismatched;
    ngx_atomic_t                    failed;
    ngx_http_strangler_tries_t      arm[NGX_HTTP_STRANGLER_NAMES];
    ngx_atomic_t                    dropped[ngx_http_strangler_drop_n];
    ngx_atomic_t                    turn;       /* of the other arms */
    ngx_atomic_t                    places;     /* that were ever taken */
    ngx_http_strangler_running_t    running[NGX_HTTP_STRANGLER_PROCESSES];
    ngx_http_strangler_found_t      found;
} ngx_http_strangler_shadows_t;


/*
 * A split in shared memory.  "word" is generation << 1 | number of the valid
 * table.  Whoever changes weights fills the other table and then stores the
 * word, so a reader that finds the same word before and after its copy has
 * a whole table.  Names are only appended, hence old worker processes may go
 * on with their numbers after a reload.
 */

typedef struct ngx_http_strangler_sh_s  ngx_http_strangler_sh_t;

struct ngx_http_strangler_sh_s {
    /* guarded */
    ngx_atomic_t                    word;

    /* atomic */
    ngx_atomic_t                    effect;     /* changes with a breaker */

    /* fixed */
    ngx_http_strangler_sh_t        *next;
    size_t                          name_len;
    u_char                          name[NGX_HTTP_STRANGLER_SPLIT_LEN];

    /* atomic */
    ngx_atomic_t                    tick;       /* the last one, ms */

    /* word */
    ngx_atomic_t                    write_failed;
    ngx_atomic_t                    history_failed;
    u_char                          padding0[128];

    /* atomic */
    ngx_atomic_t                    keyless[2];     /* of subrequests */
    u_char                          padding1[128];

    /* atomic */
    ngx_atomic_t                    overrides_ignored;
    ngx_atomic_t                    rescues;        /* that were begun */
    ngx_atomic_t                    rescue_spent;   /* not, for the budget */
    ngx_atomic_t                    rescue_unsafe;

    /* word */
    ngx_atomic_t                    rescue_out;     /* of budget */
    ngx_http_strangler_window_t     rescue_window;
    u_char                          padding2[128];

    /* guarded */
    ngx_atomic_t                    nnames;
    ngx_http_strangler_name_t       arm[NGX_HTTP_STRANGLER_NAMES];

    /* fixed */
    ngx_http_strangler_lane_t      *lane[NGX_HTTP_STRANGLER_NAMES];
    ngx_http_strangler_breaker_t   *breaker[NGX_HTTP_STRANGLER_NAMES];
    ngx_http_strangler_watch_t     *watch[NGX_HTTP_STRANGLER_NAMES];
    ngx_http_strangler_shadows_t   *shadows;
    ngx_http_strangler_past_t      *past[NGX_HTTP_STRANGLER_NAMES];
    ngx_atomic_t                    since;      /* of the ledger */
    ngx_atomic_t                    writer;     /* of its file: made, ms */

    /* word */
    ngx_atomic_t                    saved;      /* ms, monotonic */
    ngx_atomic_t                    saved_requests;
    ngx_atomic_t                    save_failed;

    ngx_http_strangler_progress_t   progress;
    ngx_http_strangler_entry_t      ledger[NGX_HTTP_STRANGLER_ROUTES];

    /* published */
    ngx_http_strangler_table_t      table[2];
};


typedef struct {
    ngx_uint_t                      magic;
    ngx_uint_t                      size;       /* of a split */
    ngx_http_strangler_sh_t        *splits;
} ngx_http_strangler_segment_t;


#endif /* NGX_HTTP_STRANGLER_SHM_H_INCLUDED */
