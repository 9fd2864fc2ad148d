
/*
 * Copyright (C) Ficus authors
 */


#include "fig_log.h"
#include "rfc8259.h"
#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>


#define FIG_LOG_CONTEXT  64

/* a pipe takes so many bytes at once or none (PIPE_BUF) */
#define FIG_LOG_LINE     4096

/* what may follow the message: two ids, an error, all of them escaped */
#define FIG_LOG_TAIL     1200


typedef struct {
    size_t        len;
    char          data[FIG_LOG_CONTEXT];
} fig_log_id_t;


typedef struct {
    size_t        len;
    char          data[FIG_LOG_LINE];
} fig_log_line_t;


static void fig_log_write(fig_log_level_t level, int error, const char *fmt,
    va_list args);
static void fig_log_text(fig_log_line_t *line, const char *level,
    fig_str_t message, int error);
static void fig_log_json(fig_log_line_t *line, const char *level,
    fig_str_t message, int error);
static void fig_log_member(fig_log_line_t *line, const char *name,
    fig_str_t value, size_t limit);
static void fig_log_time(fig_log_line_t *line);
static void fig_log_puts(fig_log_line_t *line, const char *s);
static void fig_log_escape(fig_log_line_t *line, fig_str_t s, size_t limit,
    bool json);
static void fig_log_byte(fig_log_line_t *line, unsigned char c, bool json);
static void fig_log_send(const fig_log_line_t *line);
static void fig_log_keep(fig_log_id_t *id, fig_str_t s);


static const char  *fig_log_levels[] = {
    "error",
    "warn",
    "info",
    "debug"
};


static _Atomic(const char *)           fig_log_name;
static _Atomic(int)                    fig_log_level = FIG_LOG_INFO;
static atomic_bool                     fig_log_is_json;
static _Thread_local fig_log_id_t      fig_log_request_id;
static _Thread_local fig_log_id_t      fig_log_trace_id;


void
fig_log_init(const char *name, fig_log_level_t level, fig_log_format_t format)
{
    int  keep;

    keep = errno;

    if (format == FIG_LOG_AUTO) {
        format = isatty(STDERR_FILENO) ? FIG_LOG_TEXT : FIG_LOG_JSON;
    }

    atomic_store(&fig_log_name, name);
    atomic_store(&fig_log_level, (int) level);
    atomic_store(&fig_log_is_json, format == FIG_LOG_JSON);

    errno = keep;
}


fig_status_t
fig_log_level_parse(fig_str_t s, fig_log_level_t *level)
{
    int  i;

    for (i = FIG_LOG_ERROR; i <= FIG_LOG_DEBUG; i++) {
        if (fig_str_eq(s, fig_str_from(fig_log_levels[i]))) {
            *level = (fig_log_level_t) i;
            return FIG_OK;
        }
    }

    return FIG_INVALID;
}


void
fig_log_context(fig_str_t request_id, fig_str_t trace_id)
{
    fig_log_keep(&fig_log_request_id, request_id);
    fig_log_keep(&fig_log_trace_id, trace_id);
}


static void
fig_log_keep(fig_log_id_t *id, fig_str_t s)
{
    id->len = s.len < FIG_LOG_CONTEXT ? s.len : FIG_LOG_CONTEXT;

    if (id->len != 0) {
        memcpy(id->data, s.data, id->len);
    }
}


void
fig_log_error(const char *fmt, ...)
{
    va_list  args;

    va_start(args, fmt);
    fig_log_write(FIG_LOG_ERROR, 0, fmt, args);
    va_end(args);
}


void
fig_log_errno(const char *fmt, ...)
{
    va_list  args;

    va_start(args, fmt);
    fig_log_write(FIG_LOG_ERROR, errno, fmt, args);
    va_end(args);
}


void
fig_log_warn(const char *fmt, ...)
{
    va_list  args;

    va_start(args, fmt);
    fig_log_write(FIG_LOG_WARN, 0, fmt, args);
    va_end(args);
}


void
fig_log_info(const char *fmt, ...)
{
    va_list  args;

    va_start(args, fmt);
    fig_log_write(FIG_LOG_INFO, 0, fmt, args);
    va_end(args);
}


void
fig_log_debug(const char *fmt, ...)
{
    va_list  args;

    va_start(args, fmt);
    fig_log_write(FIG_LOG_DEBUG, 0, fmt, args);
    va_end(args);
}


static void
fig_log_write(fig_log_level_t level, int error, const char *fmt, va_list args)
{
    int              n, keep;
    fig_str_t        message;
    fig_log_line_t   line;
    char             text[FIG_LOG_LINE];

    if ((int) level > atomic_load_explicit(&fig_log_level,
                                           memory_order_relaxed))
    {
        return;
    }

    keep = errno;
    n = vsnprintf(text, sizeof(text), fmt, args);

    message.data = text;
    message.len = n < 0 ? 0
                : (size_t) n < sizeof(text) ? (size_t) n : sizeof(text) - 1;

    line.len = 0;

    if (atomic_load_explicit(&fig_log_is_json, memory_order_relaxed)) {
        fig_log_json(&line, fig_log_levels[level], message, error);

    } else {
        fig_log_text(&line, fig_log_levels[level], message, error);
    }

    fig_log_send(&line);
    errno = keep;
}


/* TIME LEVEL NAME: MESSAGE: ERROR (request ID, trace ID) */

static void
fig_log_text(fig_log_line_t *line, const char *level, fig_str_t message,
    int error)
{
    const char *name = atomic_load(&fig_log_name);

    fig_log_time(line);
    fig_log_puts(line, " ");
    fig_log_puts(line, level);
    fig_log_puts(line, " ");

    if (name) {
        fig_log_puts(line, name);
        fig_log_puts(line, ": ");
    }

    fig_log_escape(line, message, FIG_LOG_LINE - FIG_LOG_TAIL, false);

    if (error) {
        fig_log_puts(line, ": ");
        fig_log_puts(line, strerrordesc_np(error));
    }

    if (fig_log_request_id.len) {
        fig_log_puts(line, " (request ");
        fig_log_escape(line, fig_log_view(&fig_log_request_id), FIG_LOG_LINE, false);
    }

    fig_log_puts(line, "\n");
}
