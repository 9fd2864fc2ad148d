
/*
 * Copyright (C) Ficus authors
 */


#include "fig_http.h"
#include "fig_json.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>


typedef struct {
    unsigned     status;
    const char  *reason;
} fig_http_reason_t;


static bool fig_http_same(fig_str_t escaped, fig_str_t name);
static fig_status_t fig_http_decode(fig_arena_t *arena, fig_str_t escaped,
    fig_str_t *value);
static int fig_http_escape(const char **p, const char *last);
static int fig_http_hex(char c);
static bool fig_http_unreserved(char c);


static const fig_http_reason_t  fig_http_reasons[] = {
    { 200, "OK" },
    { 201, "Created" },
    { 202, "Accepted" },
    { 204, "No Content" },
    { 303, "See Other" },
    { 304, "Not Modified" },
    { 400, "Bad Request" },
    { 401, "Unauthorized" },
    { 403, "Forbidden" },
    { 404, "Not Found" },
    { 405, "Method Not Allowed" },
    { 406, "Not Acceptable" },
    { 408, "Request Timeout" },
    { 409, "Conflict" },
    { 410, "Gone" },
    { 411, "Length Required" },
    { 412, "Precondition Failed" },
    { 413, "Content Too Large" },
    { 415, "Unsupported Media Type" },
    { 421, "Misdirected Request" },
    { 422, "Unprocessable Content" },
    { 428, "Precondition Required" },
    { 429, "Too Many Requests" },
    { 431, "Request Header Fields Too Large" },
    { 500, "Internal Server Error" },
    { 501, "Not Implemented" },
    { 502, "Bad Gateway" },
    { 503, "Service Unavailable" },
    { 504, "Gateway Timeout" },
    { 507, "Insufficient Storage" },
    { 0, "Unknown" }
};


void
fig_response_init(fig_response_t *response)
{
    response->status = 200;
    response->type = "application/json";
    response->body.len = 0;
    response->body.data = NULL;

    fig_buf_init(&response->headers, FIG_HTTP_HEADERS);
}


void
fig_response_clear(fig_response_t *response)
{
    fig_buf_clear(&response->headers);
}


fig_str_t
fig_request_param(const fig_request_t *request, const char *name)
{
    size_t     i, len;
    fig_str_t  absent;

    len = strlen(name);

    for (i = 0; i < request->nparams; i++) {

        if (request->params[i].name.len == len
            && memcmp(request->params[i].name.data, name, len) == 0
            && request->params[i].value.len != 0)
        {
            return request->params[i].value;
        }
    }

    absent.len = 0;
    absent.data = NULL;

    return absent;
}


fig_status_t
fig_request_query(const fig_request_t *request, const char *name,
    fig_str_t *value)
{
    bool         found;
    fig_str_t    wanted, part, raw;
    const char  *p, *next, *last, *equals;

    value->len = 0;
    value->data = NULL;

    found = false;
    raw = FIG_STR("");
    wanted = fig_str_from(name);
    p = request->query.data;
    last = p ? p + request->query.len : NULL;

    for ( /* void */ ; p != NULL && p < last; p = next + 1) {
        next = memchr(p, '&', (size_t) (last - p));
        next = next ? next : last;
        equals = memchr(p, '=', (size_t) (next - p));

        part.data = p;
        part.len = (size_t) ((equals ? equals : next) - p);

        if (!fig_http_same(part, wanted)) {
            continue;
        }

        if (found) {
            return FIG_INVALID;
        }

        found = true;

        if (equals) {
            raw.data = equals + 1;
            raw.len = (size_t) (next - raw.data);
        }
    }

    return found ? fig_http_decode(request->arena, raw, value) : FIG_DECLINED;
}


static bool
fig_http_same(fig_str_t escaped, fig_str_t name)
{
    size_t       i;
    const char  *p, *last;

    p = escaped.data;
    last = p + escaped.len;

    for (i = 0; p < last; i++) {
        if (i == name.len
            || fig_http_escape(&p, last) != (unsigned char) name.data[i])
        {
            return false;
        }
    }

    return i == name.len;
}


static fig_status_t
fig_http_decode(fig_arena_t *arena, fig_str_t escaped, fig_str_t *value)
{
    int          c;
    char        *data;
    fig_str_t    decoded;
    const char  *p, *last;

    data = fig_arena_alloc(arena, escaped.len + 1);
    if (data == NULL) {
        return FIG_NOMEM;
    }

    decoded.len = 0;
    decoded.data = data;

    p = escaped.data;
    last = p + escaped.len;

    while (p < last) {
        c = fig_http_escape(&p, last);

        if (c <= 0) {
            return FIG_INVALID;
        }

        data[decoded.len++] = (char) c;
    }

    data[decoded.len] = '\0';

    if (!fig_utf8_valid(decoded)) {
        return FIG_INVALID;
    }

    *value = decoded;

    return FIG_OK;
}


/* the next byte, escaped or not; -1 for a bad escape, which is stepped over */

static int
fig_http_escape(const char **p, const char *last)
{
    int          high, low;
    const char  *s;

    s = *p;

    if (*s != '%') {
        *p = s + 1;
        return (unsigned char) *s;
    }

    if (last - s < 3) {
        *p = last;
        return -1;
    }

    high = fig_http_hex(s[1]);
    low = fig_http_hex(s[2]);
    *p = s + 3;

    return high == -1 || low == -1 ? -1 : high * 16 + low;
}


static int
fig_http_hex(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }

    c = (char) (c | 0x20);

    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}


void
fig_response_header(fig_response_t *response, const char *name,
    const char *fmt, ...)
{
    int         n;
    char       *c;
    va_list     args;
    fig_buf_t  *headers;
    char        value[FIG_HTTP_HEADERS];

    headers = &response->headers;

    va_start(args, fmt);
    n = vsnprintf(value, sizeof(value), fmt, args);
    va_end(args);

    if (n < 0 || (size_t) n >= sizeof(value)) {
        fig_buf_clear(headers);
        headers->failed = true;
        return;
    }

    for (c = value; *c; c++) {
        if ((unsigned char) *c < ' ' || *c == 0x7f) {
            *c = ' ';
        }
    }

    fig_buf_printf(headers, "%s: %s\r\n", name, value);
}


void
fig_percent_encode(fig_buf_t *out, fig_str_t s)
{
    size_t  i;

    for (i = 0; i < s.len; i++) {

        if (fig_http_unreserved(s.data[i])) {
            fig_buf_append(out, &s.data[i], 1);

        } else {
            fig_buf_printf(out, "%%%02X", (unsigned char) s.data[i]);
        }
    }
}


/* RFC 3986, section 2.3 */

static bool
fig_http_unreserved(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
           || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_'
           || c == '~';
}


const char *
fig_http_reason(unsigned status)
{
    const fig_http_reason_t  *reason;

    for (reason = fig_http_reasons; reason->status; reason++) {
        if (reason->status == status) {
            break;
        }
    }

    return reason->reason;
}
