
/*
 * Copyright (C) Ficus authors
 */


/*
 * The command line of the admin API: one call, one table.
 */


#ifndef FICUSCTL_H_INCLUDED
#define FICUSCTL_H_INCLUDED


#include <json.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "fig_status.h"
#include "workers.h"


#define CTL_OK           0
#define CTL_REFUSED      1
#define CTL_USAGE        2
#define CTL_UNREACHABLE  3


/* the options that only some commands take, in the order of ctl_extras */

typedef enum {
    CTL_OPT_WEIGHTS,
    CTL_OPT_STATE,
    CTL_OPT_FORMAT,
    CTL_OPT_KEY,
    CTL_OPT_TOP,
    CTL_OPT_TO,
    CTL_OPT_STEP,
    CTL_OPT_EVERY,
    CTL_OPT_ERRORS,
    CTL_OPT_LATENCY,
    CTL_OPT_MISMATCHES,
    CTL_OPT_QUANTILE,
    CTL_OPT_REQUESTS,
    CTL_OPT_DOWN,
    CTL_OPT_VERIFY,
    CTL_OPT_FORGET,
    CTL_OPT_DATA,
    CTL_OPT_RAISE,
    CTL_OPT_MONGODB,
    CTL_OPT_SOURCE,
    CTL_EXTRAS
} ctl_extra_t;

typedef struct {
    const char  *name;
    const char  *value;         /* what it is, NULL: it has none */
    const char  *help;
} ctl_extra_row_t;

typedef struct {
    const char  *url;           /* --url, or where Ficus is by default */
    const char  *token_file;
    const char  *if_match;
    const char  *reason;
    const char  *worker;        /* of dlq and sync */
    bool         named;         /* somebody has said so */
    bool         json;

    const char  *extra[CTL_EXTRAS];         /* NULL: not given */

    bool         color;         /* what stdout can show */
    bool         utf8;
} ctl_options_t;

typedef struct {
    long          status;
    char         *body;
    size_t        len;
    json_object  *json;         /* of the body, for people: see ctl_defuse();
                                   NULL: it is no object and no array */
} ctl_answer_t;

typedef struct {
    const char  *name;
    const char  *args;          /* for --help */
    const char  *help;
    int          min;           /* arguments */
    int          max;
    int        (*run)(const ctl_options_t *options, int argc, char **argv);
    unsigned     extras;        /* 1 << CTL_OPT_... of those that it takes */
} ctl_command_t;


typedef struct {
    const char  *name;          /* NAME.db */
    const char  *own;           /* the collections that are the service's */
} ctl_store_t;


/* how many databases there are, at most */
#define CTL_STORES              (sizeof((char []) { WORKERS(CTL_ONE) }))
#define CTL_ONE(worker, database, own)  1


extern const ctl_store_t      ctl_stores[];             /* ends with no name */
extern const ctl_command_t    ctl_commands[];           /* ends with no name */
extern const ctl_extra_row_t  ctl_extras[CTL_EXTRAS];


/* main.c, options.c: -1, or what to exit with */

void ctl_help(void);
int ctl_options(ctl_options_t *options, int argc, char **argv);
int ctl_options_check(const ctl_options_t *options,
    const ctl_command_t *command);
void ctl_terminal(ctl_options_t *options);


/* client.c */

/*
 * path is below /api/v1/, unless it begins with a slash; a format whose
 * strings are percent-encoded.
 */

char *ctl_path(const char *fmt, ...) FIG_PRINTF(1, 2);

/* --source, or "" */
const char *ctl_source(const ctl_options_t *options);

/*
 * CTL_OK: there is an answer, whatever it says, for the caller to clear.
 * CTL_UNREACHABLE, CTL_USAGE (no such token file): with quiet nothing is
 * said.  body is NULL for a GET.  status is that of an answer that is no JSON,
 * too, which is as none; 0 if there was none at all.
 */

int ctl_call(const ctl_options_t *options, const char *method, char *path,
    json_object *body, bool quiet, ctl_answer_t *answer);

/* a page that is no JSON, with 200; nothing is said if there is none */

int ctl_fetch(const ctl_options_t *options, char *path, ctl_answer_t *answer);
void ctl_answer_clear(ctl_answer_t *answer);


/*
 * answer.c: what an answer is to the shell, with --json and errors printed.
 * member is one that a good answer has, or else somebody else has answered;
 * NULL: it is an array.  ctl_answer() clears the answer.
 */

typedef void (*ctl_show_pt)(const ctl_options_t *options, json_object *json);

int ctl_get(const ctl_options_t *options, char *path, const char *member,
    ctl_show_pt show);
int ctl_ask(const ctl_options_t *options, const char *method, char *path,
    json_object *body, const char *member, ctl_show_pt show);
int ctl_answer(const ctl_options_t *options, ctl_answer_t *answer,
    const char *member, ctl_show_pt show);
bool ctl_is_ours(json_object *json, const char *member);
void ctl_foreign(const ctl_options_t *options, const ctl_answer_t *answer);
void ctl_error(const char *fmt, ...) FIG_PRINTF(1, 2);


/*
 * weights.c: numbers of a command line in JSON, as they were typed; false or
 * NULL for what is none, after weights have said so.
 */

json_object *ctl_weights(const char *text);
bool ctl_weights_add(json_object *weights, const char *text, size_t len);
json_object *ctl_number(const char *text, size_t len);


/* commands.c, ramp.c, replay.c, watch.c */

int ctl_status(const ctl_options_t *options, int argc, char **argv);
int ctl_set(const ctl_options_t *options, int argc, char **argv);
int ctl_p(const ctl_options_t *options, int argc, char **argv);
int ctl_explain(const ctl_options_t *options, int argc, char **argv);
int ctl_history(const ctl_options_t *options, int argc, char **argv);
int ctl_rollback(const ctl_options_t *options, int argc, char **argv);
int ctl_ramp(const ctl_options_t *options, int argc, char **argv);
int ctl_slots(const ctl_options_t *options, int argc, char **argv);
int ctl_replay(const ctl_options_t *options, int argc, char **argv);
int ctl_watch(const ctl_options_t *options, int argc, char **argv);


/* insight.c */

int ctl_shadow(const ctl_options_t *options, int argc, char **argv);
int ctl_diff(const ctl_options_t *options, int argc, char **argv);
int ctl_ledger(const ctl_options_t *options, int argc, char **argv);


/* doctor.c */

int ctl_doctor(const ctl_options_t *options, int argc, char **argv);


/* dlq.c, sync.c */

int ctl_dlq(const ctl_options_t *options, int argc, char **argv);
int ctl_sync(const ctl_options_t *options, int argc, char **argv);


/*
 * services.c: the first database in the rows from this one on that no row
 * before has; ctl_own(): that has documents of its own; NULL: there is none.
 */

const ctl_store_t *ctl_store(const ctl_store_t *store);
const ctl_store_t *ctl_own(const ctl_store_t *store);

/* prints what, and their names */
void ctl_own_error(const char *what);


/* backup.c */

int ctl_backup(const ctl_options_t *options, int argc, char **argv);
int ctl_restore(const ctl_options_t *options, int argc, char **argv);
const char *ctl_data_directory(const ctl_options_t *options);
int ctl_raise_times(const ctl_options_t *options, unsigned *times);


/* mongodb.c */

int ctl_restore_mongodb(const ctl_options_t *options, int argc, char **argv);


/* text.c: without what would steer a terminal; the second one in JSON */

void ctl_text(const char *text);
void ctl_defuse(char *json);


/* show.c, ramp.c, table.c */

typedef enum {
    CTL_PLAIN,
    CTL_BOLD,
    CTL_DIM,
    CTL_RED,
    CTL_ARMS                    /* and the colors of the arms from here */
} ctl_color_t;

const char *ctl_color(const ctl_options_t *options, int color);
void ctl_bar(const ctl_options_t *options, double share, unsigned width,
    int color);

const char *ctl_get_text(json_object *object, const char *name);
double ctl_get_number(json_object *object, const char *name);
int64_t ctl_get_int(json_object *object, const char *name);
bool ctl_get_bool(json_object *object, const char *name);
json_object *ctl_get_array(json_object *object, const char *name);
size_t ctl_length(json_object *json);

/* one of an array of names of workers or sources, "" if it is none */
const char *ctl_name(json_object *names, size_t i);

void ctl_show_splits(const ctl_options_t *options, json_object *json);
void ctl_show_split(const ctl_options_t *options, json_object *split);
bool ctl_has_breaker(json_object *arm);
bool ctl_show_breaker(const ctl_options_t *options, json_object *arm);
int ctl_put_weights(FILE *out, json_object *weights);
bool ctl_show_ramp_line(const ctl_options_t *options, json_object *split);
void ctl_show_slots(const ctl_options_t *options, json_object *json);
void ctl_show_explain(const ctl_options_t *options, json_object *json);
void ctl_show_history(const ctl_options_t *options, json_object *json);
void ctl_show_verified(const ctl_options_t *options, json_object *json);


#endif /* FICUSCTL_H_INCLUDED */
