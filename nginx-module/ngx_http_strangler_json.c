
/*
 * Copyright (C) Ficus authors
 */


#include "ngx_http_strangler_api.h"
#include "rfc8259.h"


#define NGX_HTTP_STRANGLER_JSON_DEPTH  32
#define NGX_HTTP_STRANGLER_JSON_BIG    1000000000


static ngx_int_t ngx_http_strangler_check_json(
    ngx_http_strangler_call_t *call);
static ngx_int_t ngx_http_strangler_decimal(const char *text,
    ngx_uint_t *hundredths);


/* the body's object; NULL with detail set */

struct json_object *
ngx_http_strangler_parse(ngx_http_strangler_call_t *call)
{
    struct json_object   *body;
    struct json_tokener  *tokener;

    call->detail = "the body has a wrong value";

    if (ngx_http_strangler_check_json(call) != NGX_OK) {
        return NULL;
    }

    tokener = json_tokener_new_ex(NGX_HTTP_STRANGLER_JSON_DEPTH + 1);
    if (tokener == NULL) {
        call->detail = "out of memory";
        return NULL;
    }

    body = json_tokener_parse_ex(tokener, (char *) call->body.start,
                                 (int) (call->body.last - call->body.start));

    json_tokener_free(tokener);

    if (!json_object_is_type(body, json_type_object)) {
        json_object_put(body);
        call->detail = "the body must be an object";
        return NULL;
    }

    return body;
}


static ngx_int_t
ngx_http_strangler_check_json(ngx_http_strangler_call_t *call)
{
    void             *work;
    size_t            len;
    u_char           *p;
    rfc8259_error_t   error;

    /* an end of string for json-c's sake; never past an allocation */

    ngx_http_strangler_out(&call->body, "%Z");

    if (call->body.failed) {
        call->detail = "out of memory";
        return NGX_ERROR;
    }

    call->body.last--;
    len = call->body.last - call->body.start;

    work = ngx_palloc(call->request->pool,
                      rfc8259_workspace(call->body.start, len) + 1);
    p = ngx_pnalloc(call->request->pool, 256);

    if (work == NULL || p == NULL) {
        call->detail = "out of memory";
        return NGX_ERROR;
    }

    if (rfc8259_check(call->body.start, len, NGX_HTTP_STRANGLER_JSON_DEPTH,
                      (unsigned) ngx_random(), work, &error)
        != 0)
    {
        call->detail = (char *) p;
        ngx_snprintf(p, 256, "line %ui, column %ui: %s%Z",
                     (ngx_uint_t) error.line, (ngx_uint_t) error.column,
                     error.what);
        return NGX_ERROR;
    }

    /* json-c would end a name there */

    if (ngx_strstr(call->body.start, "\\u0000")) {
        call->detail = "the body has an escaped NUL";
        return NGX_ERROR;
    }

    return NGX_OK;
}


void
ngx_http_strangler_value_error(ngx_http_strangler_call_t *call,
    ngx_str_t *field, struct json_object *value, char *code, char *message)
{
    size_t                       len;
    u_char                      *name;
    const char                  *text;
    ngx_http_strangler_error_t  *error;

    name = ngx_pnalloc(call->request->pool, ngx_max(field->len, 1));

    error = ngx_http_strangler_add_error(call, field, code, message);

    if (error == NULL || name == NULL) {
        return;
    }

    /* the names of members go with the body */

    ngx_memcpy(name, field->data, field->len);
    error->field.data = name;

    text = json_object_to_json_string_ext(value, JSON_C_TO_STRING_PLAIN
                                          |JSON_C_TO_STRING_NOSLASHESCAPE);
    if (text == NULL) {
        return;
    }

    len = ngx_strlen(text);
    error->value.data = ngx_pnalloc(call->request->pool, len);

    if (error->value.data) {
        ngx_memcpy(error->value.data, text, len);
        error->value.len = len;
    }
}


/* NGX_OK, or NGX_DECLINED with an error added */

ngx_int_t
ngx_http_strangler_weight(ngx_http_strangler_call_t *call, ngx_str_t *field,
    struct json_object *value, uint16_t *weight)
{
    ngx_int_t    rc;
    ngx_uint_t   n;
    const char  *text;

    if (!json_object_is_type(value, json_type_int)
        && !json_object_is_type(value, json_type_double))
    {
        ngx_http_strangler_value_error(call, field, value, "type",
                                       "must be a number");
        return NGX_DECLINED;
    }

    text = json_object_get_string(value);

    if (text[0] == '-') {
        ngx_http_strangler_value_error(call, field, value, "range",
                                       "must not be negative");
        return NGX_DECLINED;
    }

    n = 0;
    rc = ngx_http_strangler_decimal(text, &n);

    if (rc == NGX_DECLINED) {
        ngx_http_strangler_value_error(call, field, value, "decimals",
                                       "must have at most two decimals");
        return NGX_DECLINED;
    }

    if (rc == NGX_ERROR || n > NGX_HTTP_STRANGLER_SLOTS) {
        ngx_http_strangler_value_error(call, field, value, "range",
                                       "must be at most 100");
        return NGX_DECLINED;
    }

    *weight = (uint16_t) n;

    return NGX_OK;
}


/*
 * The text of a JSON number that is not negative; NGX_DECLINED for more than
 * two decimals, NGX_ERROR when it is far too large.
 */

static ngx_int_t
ngx_http_strangler_decimal(const char *text, ngx_uint_t *hundredths)
{
    ngx_int_t   scale, exponent, sign;
    ngx_uint_t  n, point;

    n = 0;
    scale = 0;
    point = 0;

    for ( /* void */ ; *text && *text != 'e' && *text != 'E'; text++) {

        if (*text == '.') {
            point = 1;
            continue;
        }

        n = ngx_min(10 * n + (*text - '0'), NGX_HTTP_STRANGLER_JSON_BIG);
        scale += point;
    }

    sign = 1;
    exponent = 0;

    if (*text) {
        text++;

        if (*text == '+' || *text == '-') {
            sign = (*text++ == '-') ? -1 : 1;
        }

        for ( /* void */ ; *text; text++) {
            exponent = ngx_min(10 * exponent + (*text - '0'),
                               NGX_HTTP_STRANGLER_JSON_BIG);
        }
    }

    scale -= sign * exponent;

    if (scale > 2) {
        return NGX_DECLINED;
    }

    for ( /* void */ ; n && scale < 2; scale++) {

        if (n >= NGX_HTTP_STRANGLER_JSON_BIG) {
            return NGX_ERROR;
        }

        n *= 10;
    }

    *hundredths = n;

    return NGX_OK;
}


ngx_int_t
ngx_http_strangler_integer(ngx_http_strangler_call_t *call, ngx_str_t *field,
    struct json_object *value, uint64_t *n)
{
    if (!json_object_is_type(value, json_type_int)) {
        ngx_http_strangler_value_error(call, field, value, "type",
                                       "must be a whole number");
        return NGX_DECLINED;
    }

    if (json_object_get_int64(value) < 0) {
        ngx_http_strangler_value_error(call, field, value, "range",
                                       "must not be negative");
        return NGX_DECLINED;
    }

    *n = json_object_get_uint64(value);

    return NGX_OK;
}


/* an unknown member */

void
ngx_http_strangler_unknown(ngx_http_strangler_call_t *call, const char *name,
    struct json_object *value)
{
    ngx_str_t  field;

    field.data = (u_char *) name;
    field.len = ngx_strlen(name);

    ngx_http_strangler_value_error(call, &field, value, "unknown",
                                   "is not known here");
}


/* the value of the only member there may be; NGX_DECLINED without it */

ngx_int_t
ngx_http_strangler_only(ngx_http_strangler_call_t *call,
    struct json_object *body, char *name, struct json_object **value)
{
    ngx_str_t  field;

    json_object_object_foreach(body, key, member) {
        if (ngx_strcmp(key, name) != 0) {
            ngx_http_strangler_unknown(call, key, member);
        }
    }

    if (json_object_object_get_ex(body, name, value)) {
        return NGX_OK;
    }

    field.data = (u_char *) name;
    field.len = ngx_strlen(name);

    (void) ngx_http_strangler_add_error(call, &field, "required",
                                        "is missing");

    return NGX_DECLINED;
}
