
/*
 * Copyright (C) Ficus authors
 */


#include "fig_buf.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>


#define FIG_BUF_FIRST  256


static bool fig_buf_room(fig_buf_t *buf, size_t len);
static void fig_buf_fail(fig_buf_t *buf);
static char fig_lower(char c);


fig_str_t
fig_str_from(const char *s)
{
    fig_str_t  str;

    str.len = s ? strlen(s) : 0;
    str.data = s;

    return str;
}


bool
fig_str_eq(fig_str_t a, fig_str_t b)
{
    if (a.data == NULL || b.data == NULL) {
        return a.data == b.data;
    }

    return a.len == b.len && memcmp(a.data, b.data, a.len) == 0;
}


int
fig_str_cmp(fig_str_t a, fig_str_t b)
{
    int     rc;
    size_t  len;

    len = a.len < b.len ? a.len : b.len;

    if (len != 0) {
        rc = memcmp(a.data, b.data, len);

        if (rc != 0) {
            return rc;
        }
    }

    return (a.len > b.len) - (a.len < b.len);
}


bool
fig_str_ieq(fig_str_t a, fig_str_t b)
{
    size_t  i;

    if (a.data == NULL || b.data == NULL) {
        return a.data == b.data;
    }

    if (a.len != b.len) {
        return false;
    }

    for (i = 0; i < a.len; i++) {
        if (fig_lower(a.data[i]) != fig_lower(b.data[i])) {
            return false;
        }
    }

    return true;
}


static char
fig_lower(char c)
{
    if (c >= 'A' && c <= 'Z') {
        return (char) (c | 0x20);
    }

    return c;
}


fig_status_t
fig_str_uint(fig_str_t s, uint64_t max, uint64_t *value)
{
    size_t    i;
    uint64_t  n, digit;

    if (s.len == 0) {
        return FIG_INVALID;
    }

    n = 0;

    for (i = 0; i < s.len; i++) {

        if (s.data[i] < '0' || s.data[i] > '9') {
            return FIG_INVALID;
        }

        digit = (uint64_t) (s.data[i] - '0');

        if (n > max / 10 || digit > max - n * 10) {
            return FIG_INVALID;
        }

        n = n * 10 + digit;
    }

    *value = n;

    return FIG_OK;
}


void
fig_buf_init(fig_buf_t *buf, size_t max)
{
    memset(buf, 0, sizeof(fig_buf_t));

    /* one byte more, the NUL, has to be counted, too */
    buf->max = max < SIZE_MAX ? max : SIZE_MAX - 1;
}


void
fig_buf_clear(fig_buf_t *buf)
{
    free(buf->data);
    fig_buf_init(buf, buf->max);
}


void
fig_buf_reset(fig_buf_t *buf)
{
    buf->len = 0;
    buf->failed = false;

    if (buf->data) {
        buf->data[0] = '\0';
    }
}


void
fig_buf_append(fig_buf_t *buf, const void *data, size_t len)
{
    if (len == 0 || !fig_buf_room(buf, len)) {
        return;
    }

    memcpy(buf->data + buf->len, data, len);
    buf->len += len;
    buf->data[buf->len] = '\0';
}


void
fig_buf_str(fig_buf_t *buf, fig_str_t s)
{
    fig_buf_append(buf, s.data, s.len);
}


void
fig_buf_puts(fig_buf_t *buf, const char *s)
{
    fig_buf_append(buf, s, strlen(s));
}


void
fig_buf_printf(fig_buf_t *buf, const char *fmt, ...)
{
    int      n;
    size_t   len, room;
    va_list  args;

    if (buf->failed) {
        return;
    }

    room = buf->size - buf->len;

    va_start(args, fmt);
    n = vsnprintf(buf->data ? buf->data + buf->len : NULL, room, fmt, args);
    va_end(args);

    if (n < 0) {
        fig_buf_fail(buf);
        return;
    }

    len = (size_t) n;

    if (len >= room) {

        if (!fig_buf_room(buf, len)) {
            return;
        }

        va_start(args, fmt);
        (void) vsnprintf(buf->data + buf->len, len + 1, fmt, args);
        va_end(args);
    }

    buf->len += len;
}


bool
fig_buf_ok(const fig_buf_t *buf)
{
    return !buf->failed;
}


fig_str_t
fig_buf_view(const fig_buf_t *buf)
{
    fig_str_t  view;

    view.len = buf->len;
    view.data = buf->data;

    if (view.data == NULL && !buf->failed) {
        view.data = "";
    }

    return view;
}


/* room for so many bytes more and a NUL */

static bool
fig_buf_room(fig_buf_t *buf, size_t len)
{
    char    *data;
    size_t   size;

    if (buf->failed) {
        return false;
    }

    if (len > buf->max - buf->len) {
        fig_buf_fail(buf);
        return false;
    }

    if (len < buf->size - buf->len) {
        return true;
    }

    size = buf->size ? buf->size : FIG_BUF_FIRST / 2;
    size = size <= buf->max / 2 ? size * 2 : buf->max + 1;

    if (size < buf->len + len + 1) {
        size = buf->len + len + 1;
    }

    data = realloc(buf->data, size);

    if (data == NULL) {
        fig_buf_fail(buf);
        return false;
    }

    buf->data = data;
    buf->size = size;

    return true;
}


static void
fig_buf_fail(fig_buf_t *buf)
{
    fig_buf_clear(buf);
    buf->failed = true;
}
