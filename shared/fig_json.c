
/*
 * Copyright (C) Ficus authors
 */


#include "fig_json.h"
#include "rfc8259.h"
#include <limits.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/random.h>
#include <unistd.h>


/* bytes of work space on the stack: enough for 170 names */
#define FIG_JSON_WORK  4096


static fig_status_t fig_json_check(fig_str_t text, unsigned depth,
    fig_json_error_t *error);
static fig_status_t fig_json_build(fig_str_t text, unsigned depth,
    fig_json_t **value);
static void fig_json_seed(void);
static void fig_json_escape(fig_buf_t *out, unsigned char c);


static unsigned        fig_json_random;
static pthread_once_t  fig_json_once = PTHREAD_ONCE_INIT;


fig_status_t
fig_json_parse(fig_str_t text, fig_json_t **value, fig_json_error_t *error)
{
    return fig_json_parse_around(text, 0, value, error);
}


fig_status_t
fig_json_parse_around(fig_str_t text, unsigned levels, fig_json_t **value,
    fig_json_error_t *error)
{
    fig_status_t  rc;

    *value = NULL;

    rc = fig_json_check(text, FIG_JSON_DEPTH + levels, error);

    if (rc != FIG_OK) {
        return rc;
    }

    return fig_json_build(text, FIG_JSON_DEPTH + levels, value);
}


static fig_status_t
fig_json_check(fig_str_t text, unsigned depth, fig_json_error_t *error)
{
    int                   rc;
    void                 *work, *allocated;
    size_t                size;
    rfc8259_error_t       found;
    const unsigned char  *bytes;
    max_align_t           stack[FIG_JSON_WORK / sizeof(max_align_t)];

    (void) pthread_once(&fig_json_once, fig_json_seed);

    /* json-c counts in int */

    if (text.len > INT_MAX) {
        error->line = 1;
        error->column = 1;
        error->what = "text too long";
        return FIG_INVALID;
    }

    bytes = (const unsigned char *) (text.data ? text.data : "");
    work = stack;
    allocated = NULL;
    size = rfc8259_workspace(bytes, text.len);

    if (size > sizeof(stack)) {
        allocated = malloc(size);

        if (allocated == NULL) {
            return FIG_NOMEM;
        }

        work = allocated;
    }

    rc = rfc8259_check(bytes, text.len, depth, fig_json_random, work, &found);

    free(allocated);

    if (rc != 0) {
        error->line = found.line;
        error->column = found.column;
        error->what = found.what;
        return FIG_INVALID;
    }

    return FIG_OK;
}


/* what was checked json-c refuses for want of memory only */

static fig_status_t
fig_json_build(fig_str_t text, unsigned depth, fig_json_t **value)
{
    struct json_tokener      *tokener;
    enum json_tokener_error   error;

    tokener = json_tokener_new_ex((int) depth + 1);
    if (tokener == NULL) {
        return FIG_NOMEM;
    }

    *value = json_tokener_parse_ex(tokener, text.data, (int) text.len);
    error = json_tokener_get_error(tokener);

    /* a number, and null, ends where something else begins */

    if (error == json_tokener_continue) {
        *value = json_tokener_parse_ex(tokener, "", 1);
        error = json_tokener_get_error(tokener);
    }

    json_tokener_free(tokener);

    return error == json_tokener_success ? FIG_OK : FIG_NOMEM;
}


/* without random bytes the hash is known, as it is without a seed */

static void
fig_json_seed(void)
{
    if (getrandom(&fig_json_random, sizeof(fig_json_random), 0)
        != (ssize_t) sizeof(fig_json_random))
    {
        fig_json_random = (unsigned) getpid();
    }
}


fig_str_t
fig_json_text(fig_json_t *value, fig_arena_t *arena)
{
    fig_str_t  text;

    text.len = 0;
    text.data = json_object_to_json_string_length(value,
                                            JSON_C_TO_STRING_PLAIN
                                            |JSON_C_TO_STRING_NOSLASHESCAPE,
                                            &text.len);

    return fig_arena_dup(arena, text);
}


fig_str_t
fig_json_string(fig_json_t *object, const char *name)
{
    fig_str_t    s;
    fig_json_t  *member;

    s.len = 0;
    s.data = NULL;

    if (json_object_object_get_ex(object, name, &member)
        && json_object_is_type(member, json_type_string))
    {
        s.data = json_object_get_string(member);
        s.len = (size_t) json_object_get_string_len(member);
    }

    return s;
}


bool
fig_json_has(fig_json_t *object, const char *name)
{
    return json_object_object_get_ex(object, name, NULL);
}


void
fig_json_quote(fig_buf_t *out, fig_str_t s)
{
    size_t                n;
    const unsigned char  *p, *done, *last;

    p = (const unsigned char *) (s.data ? s.data : "");
    done = p;
    last = p + s.len;

    fig_buf_puts(out, "\"");

    while (p < last) {
        n = rfc8259_utf8(p, last);

        if (n > 1 || (n == 1 && *p >= ' ' && *p != '"' && *p != '\\')) {
            p += n;
            continue;
        }

        fig_buf_append(out, done, (size_t) (p - done));
        fig_json_escape(out, *p);
        done = ++p;
    }

    fig_buf_append(out, done, (size_t) (p - done));
    fig_buf_puts(out, "\"");
}


/* a byte that is no UTF-8 becomes U+FFFD: nothing invalid is ever written */

static void
fig_json_escape(fig_buf_t *out, unsigned char c)
{
    switch (c) {

    case '"':
        fig_buf_puts(out, "\\\"");
        break;

    case '\\':
        fig_buf_puts(out, "\\\\");
        break;

    case '\n':
        fig_buf_puts(out, "\\n");
        break;

    case '\r':
        fig_buf_puts(out, "\\r");
        break;

    case '\t':
        fig_buf_puts(out, "\\t");
        break;

    default:
        if (c < ' ') {
            fig_buf_printf(out, "\\u%04x", c);

        } else {
            fig_buf_puts(out, "\xef\xbf\xbd");
        }
    }
}


size_t
fig_utf8_length(fig_str_t s)
{
    size_t  i, n;

    n = 0;

    for (i = 0; i < s.len; i++) {
        n += ((unsigned char) s.data[i] & 0xc0) != 0x80;
    }

    return n;
}


bool
fig_utf8_valid(fig_str_t s)
{
    size_t                n;
    const unsigned char  *p, *last;

    p = (const unsigned char *) (s.data ? s.data : "");

    for (last = p + s.len; p < last; p += n) {
        n = rfc8259_utf8(p, last);

        if (n == 0) {
            return false;
        }
    }

    return true;
}
