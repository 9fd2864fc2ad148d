
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
    bool          json;
    size_t        len;
    char          data[FIG_LOG_LINE];
} fig_log_line_t;


static void fig_log_keep(fig_log_id_t *id, fig_str_t s);
static void fig_log_write(fig_log_level_t level, int error, const char *fmt,
    va_list args) FIG_PRINTF(3, 0);
static void fig_log_json(fig_log_line_t *line, fig_log_level_t level,
    fig_str_t message, const char *error);
static void fig_log_text(fig_log_line_t *line, fig_log_level_t level,
    fig_str_t message, const char *error);
static void fig_log_time(fig_log_line_t *line);
static void fig_log_puts(fig_log_line_t *line, const char *s);
static void fig_log_id(fig_log_line_t *line, const char *before,
    const fig_log_id_t *id);
static void fig_log_escape(fig_log_line_t *line, fig_str_t s, size_t limit);
static void fig_log_byte(fig_log_line_t *line, unsigned char c);
static void fig_log_send(const fig_log_line_t *line);


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
    const char      *why;
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

    why = NULL;

    if (error != 0) {
        why = strerrordesc_np(error);
        why = why ? why : "unknown error";
    }

    line.len = 0;
    line.json = atomic_load_explicit(&fig_log_is_json, memory_order_relaxed);

    if (line.json) {
        fig_log_json(&line, level, message, why);

    } else {
        fig_log_text(&line, level, message, why);
    }

    fig_log_send(&line);
    errno = keep;
}


static void
fig_log_json(fig_log_line_t *line, fig_log_level_t level, fig_str_t message,
    const char *error)
{
    const char  *name;

    name = atomic_load_explicit(&fig_log_name, memory_order_relaxed);

    fig_log_puts(line, "{\"time\":\"");
    fig_log_time(line);
    fig_log_puts(line, "\",\"level\":\"");
    fig_log_puts(line, fig_log_levels[level]);

    if (name) {
        fig_log_puts(line, "\",\"name\":\"");
        fig_log_puts(line, name);
    }

    fig_log_puts(line, "\",\"msg\":\"");
    fig_log_escape(line, message, FIG_LOG_LINE - FIG_LOG_TAIL);

    fig_log_id(line, "\",\"request_id\":\"", &fig_log_request_id);
    fig_log_id(line, "\",\"trace_id\":\"", &fig_log_trace_id);

    if (error) {
        fig_log_puts(line, "\",\"error\":\"");
        fig_log_puts(line, error);
    }

    fig_log_puts(line, "\"}\n");
}


static void
fig_log_text(fig_log_line_t *line, fig_log_level_t level, fig_str_t message,
    const char *error)
{
    const char  *name;

    name = atomic_load_explicit(&fig_log_name, memory_order_relaxed);

    fig_log_time(line);
    fig_log_puts(line, " ");
    fig_log_puts(line, fig_log_levels[level]);
    fig_log_puts(line, " ");

    if (name) {
        fig_log_puts(line, name);
        fig_log_puts(line, ": ");
    }

    fig_log_escape(line, message, FIG_LOG_LINE - FIG_LOG_TAIL);

    if (error) {
        fig_log_puts(line, ": ");
        fig_log_puts(line, error);
    }

    fig_log_id(line, " request_id=", &fig_log_request_id);
    fig_log_id(line, " trace_id=", &fig_log_trace_id);

    fig_log_puts(line, "\n");
}


/* RFC 3339, UTC */

static void
fig_log_time(fig_log_line_t *line)
{
    struct tm        tm;
    struct timespec  now;
    char             text[80];

    (void) clock_gettime(CLOCK_REALTIME, &now);
    (void) gmtime_r(&now.tv_sec, &tm);

    (void) snprintf(text, sizeof(text), "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ",
                    tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour,
                    tm.tm_min, tm.tm_sec, (int) (now.tv_nsec / 1000000));

    fig_log_puts(line, text);
}


static void
fig_log_puts(fig_log_line_t *line, const char *s)
{
    size_t  len;

    len = strlen(s);

    if (len > FIG_LOG_LINE - line->len) {
        len = FIG_LOG_LINE - line->len;
    }

    memcpy(line->data + line->len, s, len);
    line->len += len;
}


static void
fig_log_id(fig_log_line_t *line, const char *before, const fig_log_id_t *id)
{
    fig_str_t  s;

    if (id->len == 0) {
        return;
    }

    s.len = id->len;
    s.data = id->data;

    fig_log_puts(line, before);
    fig_log_escape(line, s, FIG_LOG_LINE);
}


/*
 * Characters that end a line or steer a terminal are escaped, and what is no
 * UTF-8 becomes U+FFFD; what goes beyond the limit is left out.
 */

static void
fig_log_escape(fig_log_line_t *line, fig_str_t s, size_t limit)
{
    size_t                n;
    const unsigned char  *p, *last;

    p = (const unsigned char *) s.data;
    last = p + s.len;

    for ( /* void */ ; p < last; p += n) {

        if (line->len + 9 > limit) {
            fig_log_puts(line, "...");
            return;
        }

        n = rfc8259_utf8(p, last);

        if (n == 1) {
            fig_log_byte(line, *p);

        } else if (n == 0 || (p[0] == 0xc2 && p[1] < 0xa0)) {
            fig_log_puts(line, "\xef\xbf\xbd");
            n = n ? n : 1;

        } else {
            memcpy(line->data + line->len, p, n);
            line->len += n;
        }
    }
}


static void
fig_log_byte(fig_log_line_t *line, unsigned char c)
{
    char  text[8];

    if (c < ' ' || c == 0x7f) {
        (void) snprintf(text, sizeof(text), line->json ? "\\u%04x" : "\\x%02x",
                        c);
        fig_log_puts(line, text);
        return;
    }

    if (line->json && (c == '"' || c == '\\')) {
        line->data[line->len++] = '\\';
    }

    line->data[line->len++] = (char) c;
}


/* one call, so that lines of several threads and processes do not mix */

static void
fig_log_send(const fig_log_line_t *line)
{
    ssize_t  n;

    do {
        n = write(STDERR_FILENO, line->data, line->len);
    } while (n == -1 && errno == EINTR);
}
