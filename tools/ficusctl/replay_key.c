
/*
 * Copyright (C) Ficus authors
 */


#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "replay.h"


#define CTL_ID_MIN  8       /* bytes of a segment with a digit: an id */


/* one line, as its format has taken it apart */

typedef struct {
    ctl_replay_t        *replay;
    const ctl_format_t  *format;
    fig_str_t            values[CTL_REPLAY_ITEMS];
    uint64_t             plain;                 /* those that are unescaped */
    fig_str_t            method;
    fig_str_t            path;
    fig_str_t            args;
    fig_str_t            captured[CTL_REPLAY_SOURCES];
} ctl_parts_t;


static fig_str_t ctl_parts_value(ctl_parts_t *parts, unsigned role);
static bool ctl_parts_request(ctl_parts_t *parts);
static bool ctl_parts_uri(ctl_parts_t *parts, fig_str_t uri);
static size_t ctl_decode(char *to, const char *from, size_t len);
static void ctl_parts_captures(ctl_parts_t *parts);
static fig_str_t ctl_parts_key(ctl_parts_t *parts);
static fig_str_t ctl_parts_arg(ctl_parts_t *parts, const char *name);
static bool ctl_parts_bucket(ctl_parts_t *parts, ctl_line_t *line);
static void ctl_parts_route(ctl_parts_t *parts, ctl_line_t *line);
static bool ctl_is_id(ctl_parts_t *parts, fig_str_t segment);


void
ctl_replay_line(ctl_replay_t *replay, size_t len, ctl_line_t *line)
{
    fig_str_t    decided;
    ctl_parts_t  parts;

    memset(&parts, 0, sizeof(ctl_parts_t));
    parts.replay = replay;
    parts.format = &replay->formats[replay->line[0] == '{'];
    line->kind = CTL_UNREADABLE;

    if (!ctl_format_line(parts.format, (fig_str_t) { len, replay->line },
                         parts.values))
    {
        return;
    }

    decided = ctl_parts_value(&parts, CTL_DECIDED);

    if ((parts.format->at[CTL_DECIDED] != -1 && decided.len == 0)
        || ctl_parts_value(&parts, CTL_SHADOW).len > 0)
    {
        line->kind = CTL_ELSEWHERE;
        return;
    }

    /* the path of an error page may be kept out of the log */

    if (!ctl_parts_request(&parts) && decided.len == 0) {
        return;
    }

    ctl_parts_captures(&parts);
    ctl_parts_route(&parts, line);

    if (fig_str_eq(decided, FIG_STR("pin"))
        || fig_str_eq(decided, FIG_STR("override")))
    {
        line->kind = CTL_FIXED;

    } else if (fig_str_eq(decided, FIG_STR("keyless"))) {
        line->kind = CTL_KEYLESS;

    } else if (ctl_parts_bucket(&parts, line)) {
        line->kind = CTL_KEYED;

    } else {
        line->kind = decided.len > 0 ? CTL_UNKNOWN : CTL_KEYLESS;
    }
}


/* absent, or as nginx had it; nginx logs nothing as "-" */

static fig_str_t
ctl_parts_value(ctl_parts_t *parts, unsigned role)
{
    int         at;
    char       *text;
    fig_str_t  *value;

    at = parts->format->at[role];

    if (at == -1) {
        return (fig_str_t) { 0, NULL };
    }

    value = &parts->values[at];

    if (parts->format->escaped && !(parts->plain & UINT64_C(1) << at)) {
        parts->plain |= UINT64_C(1) << at;
        text = parts->replay->line + (value->data - parts->replay->line);
        value->len = ctl_format_unescape(text, value->len);
    }

    return fig_str_eq(*value, FIG_STR("-")) ? FIG_STR("") : *value;
}


/* method, path and arguments, of whatever the log has */

static bool
ctl_parts_request(ctl_parts_t *parts)
{
    fig_str_t    request, uri;
    const char  *end, *space;

    parts->method = ctl_parts_value(parts, CTL_METHOD);
    parts->args = ctl_parts_value(parts, CTL_ARGS);
    parts->path = ctl_parts_value(parts, CTL_PATH);

    if (parts->path.len > 0) {
        return true;
    }

    uri = ctl_parts_value(parts, CTL_URI);

    if (uri.len > 0) {
        return ctl_parts_uri(parts, uri);
    }

    request = ctl_parts_value(parts, CTL_REQUEST);
    space = request.len ? memchr(request.data, ' ', request.len) : NULL;

    if (space == NULL) {
        return false;
    }

    parts->method = (fig_str_t) { (size_t) (space - request.data),
                                  request.data };
    end = request.data + request.len;
    uri.data = space + 1;
    space = memrchr(uri.data, ' ', (size_t) (end - uri.data));
    uri.len = (size_t) ((space != NULL ? space : end) - uri.data);

    return ctl_parts_uri(parts, uri);
}


static bool
ctl_parts_uri(ctl_parts_t *parts, fig_str_t uri)
{
    const char  *p, *end;

    end = uri.data + uri.len;

    if (uri.len > 0 && uri.data[0] != '/') {
        p = memmem(uri.data, uri.len, "://", 3);
        p = (p != NULL) ? memchr(p + 3, '/', (size_t) (end - p - 3)) : NULL;

        if (p == NULL) {
            return false;
        }

        uri.data = p;
        uri.len = (size_t) (end - p);
    }

    p = uri.len ? memchr(uri.data, '?', uri.len) : NULL;

    if (p != NULL) {
        parts->args = (fig_str_t) { (size_t) (end - p - 1), p + 1 };
        uri.len = (size_t) (p - uri.data);
    }

    parts->path.len = ctl_decode(parts->replay->path, uri.data, uri.len);
    parts->path.data = parts->replay->path;

    return parts->path.len > 0;
}


static size_t
ctl_decode(char *to, const char *from, size_t len)
{
    char         hex[3];
    size_t       i;
    unsigned     byte;
    const char  *start;

    start = to;

    for (i = 0; i < len; i++) {

        if (from[i] == '%' && i + 2 < len
            && isxdigit((unsigned char) from[i + 1])
            && isxdigit((unsigned char) from[i + 2]))
        {
            memcpy(hex, &from[i + 1], 2);
            hex[2] = '\0';
            byte = (unsigned) strtoul(hex, NULL, 16);
            *to++ = (char) byte;
            i += 2;
            continue;
        }

        *to++ = from[i];
    }

    return (size_t) (to - start);
}


/* of the first location that matches, as in nginx */

static void
ctl_parts_captures(ctl_parts_t *parts)
{
    int             rc;
    size_t          i;
    PCRE2_SIZE     *at;
    ctl_split_t    *split;
    ctl_capture_t  *c;

    split = &parts->replay->split;

    for (i = 0; i < split->ncaptures && parts->path.len > 0; i++) {
        c = &split->captures[i];

        if (parts->captured[c->source].data != NULL) {
            continue;
        }

        rc = pcre2_match(c->code, (PCRE2_SPTR) parts->path.data,
                         parts->path.len, 0, 0, c->match, NULL);

        if (rc <= (int) c->capture) {
            continue;
        }

        at = pcre2_get_ovector_pointer(c->match) + 2 * (size_t) c->capture;

        if (at[0] != PCRE2_UNSET) {
            parts->captured[c->source].data = parts->path.data + at[0];
            parts->captured[c->source].len = at[1] - at[0];
        }
    }
}


/* the first source that is not empty, as the split takes it */

static fig_str_t
ctl_parts_key(ctl_parts_t *parts)
{
    size_t        i;
    fig_str_t     key;
    ctl_split_t  *split;

    split = &parts->replay->split;

    for (i = 0; i < split->nsources; i++) {
        key = ctl_parts_value(parts, CTL_SOURCE + (unsigned) i);

        if (key.len == 0 && strncmp(split->sources[i], "$arg_", 5) == 0) {
            key = ctl_parts_arg(parts, split->sources[i] + 5);
        }

        if (key.len == 0) {
            key = parts->captured[i];
        }

        if (key.len > 0) {
            return key;
        }
    }

    return (fig_str_t) { 0, NULL };
}


static fig_str_t
ctl_parts_arg(ctl_parts_t *parts, const char *name)
{
    size_t       len, left;
    const char  *p, *end;

    len = strlen(name);
    p = parts->args.data;
    left = parts->args.len;

    while (left > len) {
        end = memchr(p, '&', left);
        end = (end != NULL) ? end : p + left;

        if ((size_t) (end - p) > len && p[len] == '='
            && strncasecmp(p, name, len) == 0)
        {
            return (fig_str_t) { (size_t) (end - p) - len - 1, p + len + 1 };
        }

        left -= (size_t) (end - p);
        p = end;

        if (left > 0) {
            p++;
            left--;
        }
    }

    return (fig_str_t) { 0, NULL };
}


/*
 * The log may know the bucket, but not the header or cookie that it is from:
 * then the bucket stands for the key.
 */

static bool
ctl_parts_bucket(ctl_parts_t *parts, ctl_line_t *line)
{
    uint64_t       n;
    fig_str_t      logged;
    ctl_split_t   *split;
    ctl_replay_t  *replay;

    replay = parts->replay;
    split = &replay->split;
    line->key = ctl_parts_key(parts);

    if (line->key.len > 0) {
        line->bucket = ngx_http_strangler_bucket(split->salt, split->salt_len,
                                   (const unsigned char *) line->key.data,
                                   line->key.len);
    }

    logged = ctl_parts_value(parts, CTL_BUCKET);

    if (logged.len == 0
        || fig_str_uint(logged, NGX_HTTP_STRANGLER_SLOTS - 1, &n) != FIG_OK)
    {
        return line->key.len > 0;
    }

    if (line->key.len == 0 || line->bucket != (unsigned) n) {
        line->bucket = (unsigned) n;
        (void) snprintf(replay->bucket, sizeof(replay->bucket),
                        "(bucket %u)", line->bucket);
        line->key = fig_str_from(replay->bucket);
    }

    return true;
}


/* the method and the path, with * for what looks like somebody's id */

static void
ctl_parts_route(ctl_parts_t *parts, ctl_line_t *line)
{
    char        *to, *end;
    size_t       len;
    fig_str_t    segment;
    const char  *p, *last;

    to = parts->replay->route;
    end = to + sizeof(parts->replay->route) - 2;
    len = parts->method.len;

    if (len > 0 && len < 32) {
        memcpy(to, parts->method.data, len);
        to += len;
        *to++ = ' ';
    }

    p = parts->path.data;
    last = p + parts->path.len;

    while (p < last && to < end) {
        segment.data = p;

        while (p < last && *p != '/') {
            p++;
        }

        segment.len = (size_t) (p - segment.data);

        if (ctl_is_id(parts, segment)) {
            *to++ = '*';

        } else {
            len = (size_t) (end - to);
            len = (segment.len < len) ? segment.len : len;
            memcpy(to, segment.data, len);
            to += len;
        }

        if (p < last && to < end) {
            *to++ = *p++;
        }
    }

    line->route.data = parts->replay->route;
    line->route.len = (size_t) (to - parts->replay->route);
}


static bool
ctl_is_id(ctl_parts_t *parts, fig_str_t segment)
{
    size_t  i, digits;

    for (i = 0; i < parts->replay->split.nsources; i++) {
        if (parts->captured[i].data == segment.data && segment.len > 0) {
            return true;
        }
    }

    for (i = 0, digits = 0; i < segment.len; i++) {
        digits += (isdigit((unsigned char) segment.data[i]) != 0);
    }

    return digits > 0 && (digits == segment.len || segment.len >= CTL_ID_MIN);
}
