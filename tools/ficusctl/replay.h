
/*
 * Copyright (C) Ficus authors
 */


/*
 * What-if: which keys and routes of an access log would go elsewhere with
 * other weights.
 *
 *     state   the split, from the gateway or a file   count  of keys, routes
 *     format  fields of a line, by a log_format       lines  of a file
 *     key     the key of a line                       told   text and JSON
 */


#ifndef FICUSCTL_REPLAY_H_INCLUDED
#define FICUSCTL_REPLAY_H_INCLUDED


#include "ctl.h"
#include "fig_buf.h"
#include "ngx_http_strangler_table.h"

#define PCRE2_CODE_UNIT_WIDTH  8
#include <pcre2.h>


#define CTL_REPLAY_SOURCES  8       /* of a key, as in the module */
#define CTL_REPLAY_PATHS    64
#define CTL_REPLAY_ITEMS    64      /* variables of a format */
#define CTL_REPLAY_LINE     262144
#define CTL_REPLAY_ROUTES   1000    /* the others are one */


/* what a field of a log is good for; CTL_SOURCE + n is the n-th source */

typedef enum {
    CTL_REQUEST,
    CTL_METHOD,
    CTL_URI,                        /* with arguments, not decoded */
    CTL_PATH,                       /* decoded, without them */
    CTL_ARGS,
    CTL_DECIDED,
    CTL_BUCKET,
    CTL_SHADOW,
    CTL_SOURCE,
    CTL_ROLES = CTL_SOURCE + CTL_REPLAY_SOURCES
} ctl_role_t;


typedef struct {
    size_t     n;
    fig_str_t  before[CTL_REPLAY_ITEMS];    /* text before each variable */
    fig_str_t  tail;
    int        at[CTL_ROLES];               /* which variable, or -1 */
    bool       escaped;
} ctl_format_t;

typedef struct {
    pcre2_code        *code;
    pcre2_match_data  *match;
    unsigned           source;              /* of the split's */
    uint32_t           capture;
} ctl_capture_t;


/* one split, as it is and as it would be */

typedef struct {
    const char                    *name;
    const char                    *arms[NGX_HTTP_STRANGLER_ARMS];
    const char                    *sources[CTL_REPLAY_SOURCES];
    size_t                         nsources;
    ctl_capture_t                  captures[CTL_REPLAY_PATHS];
    size_t                         ncaptures;
    unsigned char                 *salt;
    size_t                         salt_len;
    int64_t                        generation;
    ngx_http_strangler_weights_t   now;
    ngx_http_strangler_weights_t   then;
    uint8_t                        slot[NGX_HTTP_STRANGLER_SLOTS];
    uint8_t                        next[NGX_HTTP_STRANGLER_SLOTS];
    ctl_answer_t                   answer;  /* has the names */
} ctl_split_t;


/* one line; the strings live until the next */

typedef enum {
    CTL_KEYED,
    CTL_KEYLESS,
    CTL_FIXED,                      /* by a pin or an override */
    CTL_ELSEWHERE,                  /* not a request of this split */
    CTL_UNKNOWN,                    /* it had a key, which the log lacks */
    CTL_UNREADABLE,
    CTL_KINDS
} ctl_kind_t;

typedef struct {
    ctl_kind_t  kind;
    fig_str_t   key;
    fig_str_t   route;
    unsigned    bucket;
} ctl_line_t;

typedef struct {
    fig_str_t  name;
    unsigned   bucket;
    uint64_t   requests;
    uint64_t   moving;
} ctl_count_t;

typedef struct {
    ctl_count_t  *rows;
    size_t        size;             /* a power of two, or 0 */
    size_t        n;
    size_t        max;              /* of names; 0: no matter how many */
    fig_arena_t  *names;
} ctl_counts_t;

typedef struct {
    ctl_split_t   split;
    ctl_format_t  formats[2];       /* the second of lines that begin with { */
    ctl_counts_t  keys;
    ctl_counts_t  routes;
    uint64_t      kinds[CTL_KINDS];
    uint64_t      read;
    char         *ficus;            /* text of the second format */
    char          bucket[32];
    char          line[CTL_REPLAY_LINE];
    char          path[CTL_REPLAY_LINE];
    char          route[CTL_REPLAY_LINE];
} ctl_replay_t;


/* replay_state.c: CTL_OK, or said why not */

int ctl_split_load(ctl_split_t *split, const ctl_options_t *options,
    const char *name);
int ctl_split_weights(ctl_split_t *split, const char *text);
int ctl_split_captures(ctl_split_t *split, const char *regex);
void ctl_split_clear(ctl_split_t *split);
bool ctl_split_moves(const ctl_split_t *split, unsigned bucket);


/* replay_format.c: FIG_INVALID: it was said what is wrong with the text */

fig_status_t ctl_format_parse(ctl_format_t *format, const char *text,
    const ctl_split_t *split) FIG_NODISCARD;
bool ctl_format_line(const ctl_format_t *format, fig_str_t line,
    fig_str_t *values);
size_t ctl_format_unescape(char *text, size_t len);


/* replay_key.c: of the line in replay, which it changes */

void ctl_replay_line(ctl_replay_t *replay, size_t len, ctl_line_t *line);


/*
 * replay_count.c: the row of a name, a new one if need be, that of "(others)"
 * when there are too many; NULL: no memory.
 */

ctl_count_t *ctl_count(ctl_counts_t *counts, fig_str_t name);
void ctl_count_clear(ctl_counts_t *counts);

/* the first so many rows are those that move, the busiest first; ends it */

size_t ctl_count_sort(ctl_counts_t *counts);


/* replay_show.c */

void ctl_replay_show(const ctl_options_t *options, ctl_replay_t *replay,
    size_t top);
void ctl_replay_json(ctl_replay_t *replay, size_t top);


#endif /* FICUSCTL_REPLAY_H_INCLUDED */
