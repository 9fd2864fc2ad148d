
/*
 * Copyright (C) Ficus authors
 */


#include "ngx_http_strangler_api.h"
#include "ngx_http_strangler_request.h"


static ngx_int_t ngx_http_strangler_check_host(ngx_http_request_t *r);
static ngx_int_t ngx_http_strangler_check_origin(ngx_http_request_t *r);
static void ngx_http_strangler_cut_port(ngx_str_t *host, ngx_uint_t ssl);
static ngx_int_t ngx_http_strangler_guard_token(
    ngx_http_strangler_call_t *call);
static ngx_int_t ngx_http_strangler_check_token(ngx_http_request_t *r);
static ngx_int_t ngx_http_strangler_check_type(ngx_http_request_t *r);
static ngx_int_t ngx_http_strangler_check_by(ngx_http_strangler_call_t *call);
static ngx_int_t ngx_http_strangler_check_reason(
    ngx_http_strangler_call_t *call);


/*
 * Of strangler_api_guard: before the access phase, where "satisfy any" could
 * pass it by.
 */

ngx_int_t
ngx_http_strangler_guard_handler(ngx_http_request_t *r)
{
    ngx_int_t                       rc;
    ngx_http_strangler_call_t      *call;
    ngx_http_strangler_loc_conf_t  *lcf;

    lcf = ngx_http_get_module_loc_conf(r, ngx_http_strangler_module);

    if (!lcf->guard) {
        return NGX_DECLINED;
    }

    call = ngx_http_strangler_create_call(r);
    if (call == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    rc = ngx_http_strangler_guard(call);

    if (rc == NGX_OK && !(r->method & (NGX_HTTP_GET|NGX_HTTP_HEAD))) {
        rc = ngx_http_strangler_guard_token(call);
    }

    if (rc == NGX_OK) {
        return NGX_DECLINED;
    }

    ngx_http_finalize_request(r, ngx_http_strangler_finish(call, rc));

    return NGX_DONE;
}


/* any call: NGX_OK, or why not to go on */

ngx_int_t
ngx_http_strangler_guard(ngx_http_strangler_call_t *call)
{
    ngx_http_request_t  *r;

    r = call->request;

    if (ngx_http_strangler_check_host(r) != NGX_OK) {
        return ngx_http_strangler_problem(call, NGX_HTTP_MISDIRECTED_REQUEST,
                                          "this Host is not served here");
    }

    if (ngx_http_strangler_check_origin(r) != NGX_OK) {
        return ngx_http_strangler_problem(call, NGX_HTTP_FORBIDDEN,
                                          "another Origin may not call this");
    }

    return NGX_OK;
}


/* against a name that was made to point here */

static ngx_int_t
ngx_http_strangler_check_host(ngx_http_request_t *r)
{
    ngx_str_t                       host, *name;
    ngx_uint_t                      i;
    ngx_http_strangler_loc_conf_t  *lcf;

    lcf = ngx_http_get_module_loc_conf(r, ngx_http_strangler_module);

    host = r->headers_in.server;

    if (host.len > 2 && host.data[0] == '[') {
        host.data++;
        host.len -= 2;
    }

    name = lcf->hosts->elts;

    for (i = 0; i < lcf->hosts->nelts; i++) {
        if (name[i].len == host.len
            && ngx_strncasecmp(name[i].data, host.data, host.len) == 0)
        {
            return NGX_OK;
        }
    }

    return NGX_DECLINED;
}


/* against a page of another site in the operator's browser */

static ngx_int_t
ngx_http_strangler_check_origin(ngx_http_request_t *r)
{
    ngx_str_t   origin, host, scheme, *header;
    ngx_uint_t  ssl;

    header = ngx_http_strangler_header(r, "origin", sizeof("origin") - 1);

    if (header == NULL) {
        return NGX_OK;
    }

    if (r->headers_in.host == NULL) {
        return NGX_DECLINED;
    }

    origin = *header;
    host = r->headers_in.host->value;

    ssl = 0;
    ngx_str_set(&scheme, "http://");

#if (NGX_HTTP_SSL)
    if (r->connection->ssl) {
        ssl = 1;
        ngx_str_set(&scheme, "https://");
    }
#endif

    if (origin.len <= scheme.len
        || ngx_strncasecmp(origin.data, scheme.data, scheme.len) != 0)
    {
        return NGX_DECLINED;
    }

    origin.data += scheme.len;
    origin.len -= scheme.len;

    ngx_http_strangler_cut_port(&origin, ssl);
    ngx_http_strangler_cut_port(&host, ssl);

    if (origin.len == host.len
        && ngx_strncasecmp(origin.data, host.data, host.len) == 0)
    {
        return NGX_OK;
    }

    return NGX_DECLINED;
}


static void
ngx_http_strangler_cut_port(ngx_str_t *host, ngx_uint_t ssl)
{
    ngx_str_t  port;

    if (ssl) {
        ngx_str_set(&port, ":443");

    } else {
        ngx_str_set(&port, ":80");
    }

    if (host->len > port.len
        && ngx_memcmp(host->data + host->len - port.len, port.data, port.len)
           == 0)
    {
        host->len -= port.len;
    }
}


/* a call that changes something */

ngx_int_t
ngx_http_strangler_guard_change(ngx_http_strangler_call_t *call)
{
    ngx_int_t            rc;
    ngx_http_request_t  *r;

    r = call->request;
    rc = ngx_http_strangler_guard_token(call);

    if (rc != NGX_OK) {
        return rc;
    }

    /* that of mirror has the method of its request, and perhaps no body */

    if (r != r->main) {
        return ngx_http_strangler_problem(call, NGX_HTTP_FORBIDDEN,
                                          "a subrequest may not change "
                                          "anything");
    }

    if (!(call->route->empty && r->headers_in.content_type == NULL)
        && ngx_http_strangler_check_type(r) != NGX_OK)
    {
        return ngx_http_strangler_problem(call,
                                          NGX_HTTP_UNSUPPORTED_MEDIA_TYPE,
                                          "the body must be of type "
                                          "application/json");
    }

    if (r->headers_in.content_length_n > NGX_HTTP_STRANGLER_BODY_MAX) {
        return ngx_http_strangler_problem(call,
                                          NGX_HTTP_REQUEST_ENTITY_TOO_LARGE,
                                          "the body is larger than 64 KiB");
    }

    if (ngx_http_strangler_check_by(call) != NGX_OK) {
        return ngx_http_strangler_problem(call, NGX_HTTP_BAD_REQUEST,
                                          "X-Changed-By must be at most 64 "
                                          "printable ASCII characters");
    }

    if (ngx_http_strangler_check_reason(call) != NGX_OK) {
        return ngx_http_strangler_problem(call, NGX_HTTP_BAD_REQUEST,
                                          "X-Reason must be at most 128 bytes "
                                          "of printable UTF-8");
    }

    if (r->headers_in.if_match) {
        call->if_match = &r->headers_in.if_match->value;

        if (ngx_http_strangler_if_match(call->if_match, 0) == NGX_ERROR) {
            return ngx_http_strangler_problem(call, NGX_HTTP_BAD_REQUEST,
                                              "If-Match must be \"*\" or a "
                                              "list of entity tags");
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_strangler_guard_token(ngx_http_strangler_call_t *call)
{
    ngx_str_t  challenge;

    if (ngx_http_strangler_check_token(call->request) == NGX_OK) {
        return NGX_OK;
    }

    ngx_str_set(&challenge, "Bearer");

    if (ngx_http_strangler_set_header(call->request, "WWW-Authenticate",
                                      &challenge)
        != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_strangler_problem(call, NGX_HTTP_UNAUTHORIZED,
                                      "a change needs the bearer token");
}


/* takes the same time for every token of the right length */

static ngx_int_t
ngx_http_strangler_check_token(ngx_http_request_t *r)
{
    u_char                          diff;
    ngx_str_t                      *value, *token;
    ngx_uint_t                      i;
    ngx_http_strangler_loc_conf_t  *lcf;

    lcf = ngx_http_get_module_loc_conf(r, ngx_http_strangler_module);
    token = &lcf->token;

    if (token->len == 0) {
        return NGX_OK;
    }

    if (r->headers_in.authorization == NULL) {
        return NGX_DECLINED;
    }

    value = &r->headers_in.authorization->value;

    if (value->len != token->len + sizeof("Bearer ") - 1
        || ngx_strncasecmp(value->data, (u_char *) "Bearer ",
                           sizeof("Bearer ") - 1)
           != 0)
    {
        return NGX_DECLINED;
    }

    diff = 0;

    for (i = 0; i < token->len; i++) {
        diff |= value->data[sizeof("Bearer ") - 1 + i] ^ token->data[i];
    }

    return diff ? NGX_DECLINED : NGX_OK;
}


static ngx_int_t
ngx_http_strangler_check_type(ngx_http_request_t *r)
{
    u_char     *p;
    ngx_str_t   type;

    if (r->headers_in.content_type == NULL) {
        return NGX_DECLINED;
    }

    type = r->headers_in.content_type->value;

    p = ngx_strlchr(type.data, type.data + type.len, ';');

    if (p) {
        type.len = p - type.data;
    }

    while (type.len && (type.data[type.len - 1] == ' '
                        || type.data[type.len - 1] == '\t'))
    {
        type.len--;
    }

    if (type.len == sizeof("application/json") - 1
        && ngx_strncasecmp(type.data, (u_char *) "application/json", type.len)
           == 0)
    {
        return NGX_OK;
    }

    return NGX_DECLINED;
}


static ngx_int_t
ngx_http_strangler_check_by(ngx_http_strangler_call_t *call)
{
    ngx_str_t   *header;
    ngx_uint_t   i;

    header = ngx_http_strangler_header(call->request, "x-changed-by",
                                       sizeof("x-changed-by") - 1);

    if (header == NULL || header->len == 0) {
        call->by = call->request->connection->addr_text;
        return NGX_OK;
    }

    if (header->len > NGX_HTTP_STRANGLER_BY_LEN) {
        return NGX_DECLINED;
    }

    for (i = 0; i < header->len; i++) {
        if (header->data[i] < 0x20 || header->data[i] > 0x7e) {
            return NGX_DECLINED;
        }
    }

    call->by = *header;

    return NGX_OK;
}


static ngx_int_t
ngx_http_strangler_check_reason(ngx_http_strangler_call_t *call)
{
    ngx_str_t  *header;

    header = ngx_http_strangler_header(call->request, "x-reason",
                                       sizeof("x-reason") - 1);

    if (header == NULL || header->len == 0) {
        return NGX_OK;
    }

    if (ngx_http_strangler_is_reason(header) != NGX_OK) {
        return NGX_DECLINED;
    }

    call->reason = *header;

    return NGX_OK;
}


ngx_int_t
ngx_http_strangler_is_reason(ngx_str_t *reason)
{
    u_char    *p, *end;
    uint32_t   c;

    if (reason->len > NGX_HTTP_STRANGLER_REASON_LEN) {
        return NGX_DECLINED;
    }

    p = reason->data;
    end = p + reason->len;

    while (p < end) {
        c = (*p < 0x80) ? *p++ : ngx_utf8_decode(&p, end - p);

        if (c < 0x20 || (c >= 0x7f && c < 0xa0)
            || (c >= 0xd800 && c <= 0xdfff) || c > 0x10ffff)
        {
            return NGX_DECLINED;
        }
    }

    return NGX_OK;
}


/*
 * NGX_OK when the header has the generation's tag, NGX_DECLINED when not,
 * NGX_ERROR when it is no list of entity tags.
 */

ngx_int_t
ngx_http_strangler_if_match(ngx_str_t *header, uint64_t generation)
{
    u_char      *p, *end, *tag, own[NGX_INT64_LEN];
    size_t       len;
    ngx_uint_t   n, weak, found;

    p = header->data;
    end = p + header->len;

    if (header->len == 1 && *p == '*') {
        return NGX_OK;
    }

    len = ngx_sprintf(own, "%uL", generation) - own;
    found = 0;

    for (n = 0; /* void */ ; n++) {

        while (p < end && (*p == ' ' || *p == '\t' || (n && *p == ','))) {
            p++;
        }

        if (p == end) {
            break;
        }

        weak = (end - p > 2 && p[0] == 'W' && p[1] == '/');
        p += weak ? 2 : 0;

        if (*p++ != '"') {
            return NGX_ERROR;
        }

        tag = p;

        while (p < end && *p != '"') {
            if (*p <= 0x20 || *p == 0x7f) {
                return NGX_ERROR;
            }

            p++;
        }

        if (p == end) {
            return NGX_ERROR;
        }

        if (!weak && (size_t) (p - tag) == len
            && ngx_memcmp(tag, own, len) == 0)
        {
            found = 1;
        }

        p++;

        while (p < end && (*p == ' ' || *p == '\t')) {
            p++;
        }

        if (p < end && *p != ',') {
            return NGX_ERROR;
        }
    }

    if (n == 0) {
        return NGX_ERROR;
    }

    return found ? NGX_OK : NGX_DECLINED;
}
