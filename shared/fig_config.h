
/*
 * Copyright (C) Ficus authors
 */


/*
 * Configuration: one table row a setting; the command line, the environment,
 * the file and --help all come from that row.  Precedence, highest first:
 * --name=value (or --name value), environment, file, default.
 *
 * The file has lines `name value`; a # at the beginning or after a blank
 * starts a comment; blanks round both are cut; an unknown name or a name given
 * twice is an error with FILE:LINE.  An environment variable that is empty
 * counts as not set.  Of an option given twice the last holds.  A value that
 * is wrong is an error even where another one takes precedence.
 *
 * Threads: at start only.
 */


#ifndef FIG_CONFIG_H_INCLUDED
#define FIG_CONFIG_H_INCLUDED


#include "fig_buf.h"


typedef enum {
    FIG_CONFIG_STRING,       /* const char *, min and max bytes */
    FIG_CONFIG_NUMBER,       /* uint64_t, between min and max */
    FIG_CONFIG_SIZE,         /* uint64_t bytes; k, m, g suffixes, or K, M, G */
    FIG_CONFIG_MSEC,         /* uint64_t ms; ms, s, m, h suffixes; bare: ms */
    FIG_CONFIG_FLAG          /* bool; on, off; a bare --name is on */
} fig_config_type_t;

typedef struct {
    const char         *name;          /* "nats-url" */
    const char         *env;           /* "FICUS_NATS_URL" or NULL */
    fig_config_type_t   type;
    size_t              offset;        /* of the field in the struct */
    const char         *value;         /* default, as text; NULL: none */
    uint64_t            min;
    uint64_t            max;           /* 0: no bound */
    const char         *help;          /* one line, lower case */
} fig_setting_t;


/*
 * Fills conf from argv and environment; settings ends with a NULL name.  The
 * options --help, --version, --check and --config=FILE are always there.
 *
 * FIG_OK: conf is filled, with NULL, 0 or false where there is no value; its
 * strings live until fig_config_free().  *check tells whether --check was
 * given.  FIG_DECLINED: --help or --version was printed, exit 0.  FIG_INVALID:
 * one line on stderr names option, value and what is wrong.
 */

fig_status_t fig_config_load(const fig_setting_t *settings, const char *name,
    int argc, char **argv, void *conf, bool *check) FIG_NODISCARD;


/*
 * Frees the strings of all that was loaded.
 */

void fig_config_free(void);


#endif /* FIG_CONFIG_H_INCLUDED */
