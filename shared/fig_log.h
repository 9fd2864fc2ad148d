
/*
 * Copyright (C) Ficus authors
 */


/*
 * Log: one line an event; text on a terminal, JSON otherwise:
 *
 *     {"time":"2026-11-21T10:00:00.123Z","level":"info","name":"orders",
 *      "msg":"...","request_id":"...","trace_id":"...","error":"..."}
 *
 * A message is lower case, without a full stop, and never holds a password,
 * a token or a body.  Every function may be called by any thread and keeps
 * errno.
 */


#ifndef FIG_LOG_H_INCLUDED
#define FIG_LOG_H_INCLUDED


#include "fig_buf.h"


typedef enum {
    FIG_LOG_ERROR = 0,
    FIG_LOG_WARN,
    FIG_LOG_INFO,
    FIG_LOG_DEBUG
} fig_log_level_t;

typedef enum {
    FIG_LOG_AUTO = 0,     /* text when stderr is a terminal */
    FIG_LOG_TEXT,
    FIG_LOG_JSON
} fig_log_format_t;


/*
 * Before it is called, lines go to stderr as text from level info on.  name
 * is kept, not copied.
 */

void fig_log_init(const char *name, fig_log_level_t level,
    fig_log_format_t format);

fig_status_t fig_log_level_parse(fig_str_t s, fig_log_level_t *level)
    FIG_NODISCARD;


/*
 * What the lines of this thread carry from now on; absent strings clear it.
 * The bytes are copied, at most 64 of each.
 */

void fig_log_context(fig_str_t request_id, fig_str_t trace_id);


void fig_log_error(const char *fmt, ...) FIG_PRINTF(1, 2);
void fig_log_errno(const char *fmt, ...) FIG_PRINTF(1, 2);  /* adds errno */
void fig_log_warn(const char *fmt, ...) FIG_PRINTF(1, 2);
void fig_log_info(const char *fmt, ...) FIG_PRINTF(1, 2);
void fig_log_debug(const char *fmt, ...) FIG_PRINTF(1, 2);


#endif /* FIG_LOG_H_INCLUDED */
