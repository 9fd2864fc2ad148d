
/*
 * Copyright (C) Ficus authors
 */


#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "replay.h"


static void ctl_format_role(ctl_format_t *format, fig_str_t name,
    const ctl_split_t *split);
static bool ctl_format_is_of(fig_str_t name, const ctl_split_t *split,
    const char *suffix);
static size_t ctl_format_code(const char *p, size_t left, char *byte);


static const struct {
    const char  *name;
    ctl_role_t   role;
} ctl_format_names[] = {
    { "request", CTL_REQUEST },
    { "request_method", CTL_METHOD },
    { "request_uri", CTL_URI },
    { "uri", CTL_PATH },
    { "document_uri", CTL_PATH },
    { "ficus_path", CTL_PATH },             /* of conf/http.conf */
    { "args", CTL_ARGS },
    { "query_string", CTL_ARGS }
};


fig_status_t
ctl_format_parse(ctl_format_t *format, const char *text,
    const ctl_split_t *split)
{
    size_t       len;
    const char  *p, *name;

    memset(format, 0, sizeof(ctl_format_t));
    memset(format->at, -1, sizeof(format->at));
    format->escaped = true;

    if (strncmp(text, "escape=", 7) == 0) {
        format->escaped = (strncmp(text, "escape=none ", 12) != 0);
        text += strcspn(text, " ");
        text += strspn(text, " ");
    }

    for (p = strchr(text, '$'); p != NULL; p = strchr(text, '$')) {
        name = p + 1 + (p[1] == '{');

        for (len = 0; isalnum((unsigned char) name[len]) || name[len] == '_';
             len++)
        {
            /* void */
        }

        if (len == 0 || (name != p + 1 && name[len] != '}')) {
            ctl_error("\"%s\" is no variable of a log_format", p);
            return FIG_INVALID;
        }

        if (format->n == CTL_REPLAY_ITEMS || (format->n > 0 && p == text)) {
            ctl_error("the format has %s", p == text
                      ? "two variables with nothing between them"
                      : "too many variables");
            return FIG_INVALID;
        }

        format->before[format->n] = (fig_str_t) { (size_t) (p - text), text };
        ctl_format_role(format, (fig_str_t) { len, name }, split);
        format->n++;

        text = name + len + (name != p + 1);
    }

    format->tail = fig_str_from(text);

    if (format->at[CTL_REQUEST] == -1 && format->at[CTL_URI] == -1
        && format->at[CTL_PATH] == -1)
    {
        ctl_error("the format has no $request, $request_uri or $uri");
        return FIG_INVALID;
    }

    return FIG_OK;
}


static void
ctl_format_role(ctl_format_t *format, fig_str_t name, const ctl_split_t *split)
{
    int     n;
    size_t  i;

    n = (int) format->n;

    for (i = 0; i < sizeof(ctl_format_names) / sizeof(ctl_format_names[0]);
         i++)
    {
        if (fig_str_eq(name, fig_str_from(ctl_format_names[i].name))) {
            format->at[ctl_format_names[i].role] = n;
        }
    }

    if (ctl_format_is_of(name, split, "_decided")) {
        format->at[CTL_DECIDED] = n;
    }

    if (ctl_format_is_of(name, split, "_bucket")) {
        format->at[CTL_BUCKET] = n;
    }

    if (ctl_format_is_of(name, split, "_shadow")) {
        format->at[CTL_SHADOW] = n;
    }

    for (i = 0; i < split->nsources; i++) {
        if (split->sources[i][0] == '$'
            && fig_str_eq(name, fig_str_from(split->sources[i] + 1)))
        {
            format->at[CTL_SOURCE + i] = n;
        }
    }
}


/* strangler_NAME_suffix; variables have _ where splits have - */

static bool
ctl_format_is_of(fig_str_t name, const ctl_split_t *split, const char *suffix)
{
    size_t  i, len;

    len = strlen(split->name);

    if (name.len != 10 + len + strlen(suffix)
        || memcmp(name.data, "strangler_", 10) != 0
        || memcmp(name.data + 10 + len, suffix, strlen(suffix)) != 0)
    {
        return false;
    }

    for (i = 0; i < len; i++) {
        if (name.data[10 + i] != (split->name[i] == '-' ? '_'
                                                        : split->name[i]))
        {
            return false;
        }
    }

    return true;
}


/*
 * A value ends where the text that follows it begins, which escaping keeps out
 * of values in quotes.  What follows the last text does not matter.
 */

bool
ctl_format_line(const ctl_format_t *format, fig_str_t line, fig_str_t *values)
{
    size_t       i;
    fig_str_t    text;
    const char  *p, *end, *next;

    p = line.data;
    end = line.data + line.len;
    text = format->before[0];

    if (text.len > line.len || memcmp(p, text.data, text.len) != 0) {
        return false;
    }

    p += text.len;

    for (i = 0; i < format->n; i++) {
        text = (i + 1 < format->n) ? format->before[i + 1] : format->tail;

        next = (text.len > 0) ? memmem(p, (size_t) (end - p), text.data,
                                       text.len)
                              : end;

        if (next == NULL) {
            return false;
        }

        values[i] = (fig_str_t) { (size_t) (next - p), p };
        p = next + text.len;
    }

    return true;
}


/* what nginx has made of a value, undone in place; returns the new length */

size_t
ctl_format_unescape(char *text, size_t len)
{
    char    *to;
    size_t   i, used;

    to = memchr(text, '\\', len);

    if (to == NULL) {
        return len;
    }

    for (i = (size_t) (to - text); i < len; i += used) {

        if (text[i] != '\\' || i + 1 == len) {
            *to++ = text[i];
            used = 1;
            continue;
        }

        used = 1 + ctl_format_code(&text[i + 1], len - i - 1, to);
        to++;
    }

    return (size_t) (to - text);
}


/* what follows a backslash; returns how long it is */

static size_t
ctl_format_code(const char *p, size_t left, char *byte)
{
    size_t       digits;
    const char  *at;
    char         hex[5];

    static const char  from[] = "nrtbf";
    static const char  to[] = "\n\r\t\b\f";

    digits = (*p == 'x') ? 2 : (*p == 'u') ? 4 : 0;

    if (digits > 0 && left > digits) {
        memcpy(hex, p + 1, digits);
        hex[digits] = '\0';

        if (strspn(hex, "0123456789abcdefABCDEF") == digits) {
            *byte = (char) strtoul(hex, NULL, 16);
            return 1 + digits;
        }
    }

    at = (*p != '\0') ? strchr(from, *p) : NULL;
    *byte = *p;

    if (at != NULL) {
        *byte = to[at - from];
    }

    return 1;
}
