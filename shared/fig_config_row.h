
/*
 * Copyright (C) Ficus authors
 */


/*
 * What the files of fig_config.c have in common; nobody else includes it.
 */


#ifndef FIG_CONFIG_ROW_H_INCLUDED
#define FIG_CONFIG_ROW_H_INCLUDED


#include "fig_config.h"


typedef struct {
    const char           *program;
    const fig_setting_t  *settings;
    fig_arena_t          *arena;
    char                 *conf;
    const char           *file;        /* of --config, or NULL */
    bool                  check;
    bool                  help;
    bool                  version;
} fig_config_t;


/*
 * One line on stderr; always FIG_INVALID.
 */

fig_status_t fig_config_fail(const fig_config_t *config, const char *fmt, ...)
    FIG_PRINTF(2, 3);


/*
 * The row of a name, or NULL.
 */

const fig_setting_t *fig_config_find(const fig_setting_t *rows,
    fig_str_t name);


/*
 * Sets the row's field in base from a value's text; NULL clears it.  where is
 * what an error message begins with: option, variable, or FILE:LINE: NAME.
 */

fig_status_t fig_config_set(const fig_config_t *config,
    const fig_setting_t *row, void *base, const char *value,
    const char *where) FIG_NODISCARD;


/*
 * Appends "from 1k to 8m", or what else is true of the row's values.
 */

void fig_config_range(fig_buf_t *out, const fig_setting_t *row);


fig_status_t fig_config_read(const fig_config_t *config) FIG_NODISCARD;


/*
 * FIG_DECLINED, or FIG_INVALID when stdout does not take it.
 */

fig_status_t fig_config_help(const fig_config_t *config,
    const fig_setting_t *builtins) FIG_NODISCARD;
fig_status_t fig_config_version(const fig_config_t *config) FIG_NODISCARD;


#endif /* FIG_CONFIG_ROW_H_INCLUDED */
