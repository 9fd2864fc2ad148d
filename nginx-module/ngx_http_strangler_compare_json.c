
/*
 * Copyright (C) Ficus authors
 */


/*
 * Two JSON texts, value by value.  Objects have no order, arrays have one; two
 * with the same elements in another order say so once.  Numbers are compared
 * by value.  The depth is that of the checker, so recursion is bounded.
 */


#include "ngx_http_strangler_shadow.h"
#include <json-c/json.h>
#include "rfc8259.h"


#define NGX_HTTP_STRANGLER_DIFF_DEPTH  32


static ngx_int_t ngx_http_strangler_read_json(ngx_http_strangler_differ_t *d,
    ngx_http_strangler_capture_t *c, struct json_object **value);
static void ngx_http_strangler_walk(ngx_http_strangler_differ_t *d,
    struct json_object *a, struct json_object *b);
static void ngx_http_strangler_walk_object(ngx_http_strangler_differ_t *d,
    struct json_object *a, struct json_object *b);
static void ngx_http_strangler_walk_array(ngx_http_strangler_differ_t *d,
    struct json_object *a, struct json_object *b);
static ngx_uint_t ngx_http_strangler_is_shuffled(uint64_t *a, uint64_t *b,
    size_t n);
static void ngx_http_strangler_into_member(ngx_http_strangler_differ_t *d,
    const char *name);
static void ngx_http_strangler_differ_json(ngx_http_strangler_differ_t *d,
    ngx_uint_t kind, struct json_object *a, struct json_object *b);
static void ngx_http_strangler_text(struct json_object *value, u_char *buf,
    ngx_str_t *text);
static ngx_uint_t ngx_http_strangler_type(struct json_object *value);
static uint64_t ngx_http_strangler_hash_members(struct json_object *object);
static uint64_t ngx_http_strangler_hash_json(struct json_object *value);
static uint64_t ngx_http_strangler_hash_number(uint64_t hash,
    struct json_object *value);
static int ngx_libc_cdecl ngx_http_strangler_cmp(const void *one,
    const void *two);


ngx_int_t
ngx_http_strangler_compare_json(ngx_http_strangler_differ_t *d,
    ngx_http_strangler_capture_t *baseline,
    ngx_http_strangler_capture_t *other)
{
    ngx_int_t            rc;
    struct json_object  *a, *b;

    rc = ngx_http_strangler_read_json(d, baseline, &a);

    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_http_strangler_read_json(d, other, &b);

    if (rc == NGX_OK) {
        ngx_http_strangler_into(d, (u_char *) "$", 1);
        ngx_http_strangler_walk(d, a, b);
        d->len = 0;

        json_object_put(b);
    }

    json_object_put(a);

    return rc;
}


static ngx_int_t
ngx_http_strangler_read_json(ngx_http_strangler_differ_t *d,
    ngx_http_strangler_capture_t *c, struct json_object **value)
{
    void                 *work;
    rfc8259_error_t       error;
    struct json_tokener  *tokener;

    work = ngx_palloc(d->pool, rfc8259_workspace(c->body, c->size) + 1);
    if (work == NULL) {
        return NGX_ERROR;
    }

    if (rfc8259_check(c->body, c->size, NGX_HTTP_STRANGLER_DIFF_DEPTH,
                      (unsigned) ngx_random(), work, &error)
        != 0)
    {
        return NGX_DECLINED;
    }

    tokener = json_tokener_new_ex(NGX_HTTP_STRANGLER_DIFF_DEPTH + 1);
    if (tokener == NULL) {
        return NGX_ERROR;
    }

    *value = json_tokener_parse_ex(tokener, (char *) c->body, (int) c->size);

    /* a number at the end of the text may go on, for all that json-c knows */

    if (json_tokener_get_error(tokener) == json_tokener_continue) {
        *value = json_tokener_parse_ex(tokener, "", 1);
    }

    json_tokener_free(tokener);

    return NGX_OK;
}


static void
ngx_http_strangler_walk(ngx_http_strangler_differ_t *d, struct json_object *a,
    struct json_object *b)
{
    if (d->n == NGX_HTTP_STRANGLER_DIFFS) {
        return;
    }

    if (ngx_http_strangler_type(a) != ngx_http_strangler_type(b)) {
        ngx_http_strangler_differ_json(d, ngx_http_strangler_other_type, a, b);
        return;
    }

    switch (ngx_http_strangler_type(a)) {

    case json_type_object:
        ngx_http_strangler_walk_object(d, a, b);
        break;

    case json_type_array:
        ngx_http_strangler_walk_array(d, a, b);
        break;

    default:
        if (ngx_http_strangler_hash_json(a) != ngx_http_strangler_hash_json(b))
        {
            ngx_http_strangler_differ_json(d, ngx_http_strangler_other_value,
                                           a, b);
        }

        break;
    }
}


static void
ngx_http_strangler_walk_object(ngx_http_strangler_differ_t *d,
    struct json_object *a, struct json_object *b)
{
    size_t               len;
    ngx_uint_t           masked;
    struct json_object  *other;

    len = d->len;
    masked = d->masked;

    json_object_object_foreach(a, name, value) {
        ngx_http_strangler_into_member(d, name);

        if (json_object_object_get_ex(b, name, &other)) {
            ngx_http_strangler_walk(d, value, other);

        } else {
            ngx_http_strangler_differ_json(d, ngx_http_strangler_missing,
                                           value, NULL);
        }

        d->len = len;
        d->masked = masked;
    }

    json_object_object_foreach(b, extra, more) {

        if (json_object_object_get_ex(a, extra, NULL)) {
            continue;
        }

        ngx_http_strangler_into_member(d, extra);
        ngx_http_strangler_differ_json(d, ngx_http_strangler_extra, NULL,
                                       more);
        d->len = len;
        d->masked = masked;
    }
}


static void
ngx_http_strangler_walk_array(ngx_http_strangler_differ_t *d,
    struct json_object *a, struct json_object *b)
{
    size_t     i, len, na, nb;
    uint64_t  *ha, *hb;

    na = json_object_array_length(a);
    nb = json_object_array_length(b);

    ha = ngx_palloc(d->pool, (na + nb + 1) * sizeof(uint64_t));
    if (ha == NULL) {
        return;
    }

    hb = ha + na;

    for (i = 0; i < na; i++) {
        ha[i] = ngx_http_strangler_hash_json(json_object_array_get_idx(a, i));
    }

    for (i = 0; i < nb; i++) {
        hb[i] = ngx_http_strangler_hash_json(json_object_array_get_idx(b, i));
    }

    len = d->len;

    for (i = 0; i < na && i < nb; i++) {
        if (ha[i] != hb[i]) {
            break;
        }
    }

    if (i == na && i == nb) {
        return;
    }

    if (na == nb && ngx_http_strangler_is_shuffled(ha, hb, na)) {
        ngx_http_strangler_differ_json(d, ngx_http_strangler_other_order, a,
                                       b);
        return;
    }

    ngx_http_strangler_into(d, (u_char *) "[*]", 3);

    for ( /* void */ ; i < na && i < nb; i++) {
        ngx_http_strangler_walk(d, json_object_array_get_idx(a, i),
                                json_object_array_get_idx(b, i));
    }

    if (na > nb) {
        ngx_http_strangler_differ_json(d, ngx_http_strangler_missing,
                                       json_object_array_get_idx(a, nb), NULL);

    } else if (nb > na) {
        ngx_http_strangler_differ_json(d, ngx_http_strangler_extra, NULL,
                                       json_object_array_get_idx(b, na));
    }

    d->len = len;
}


/* sorts them: the elements of arrays that differ are compared otherwise */

static ngx_uint_t
ngx_http_strangler_is_shuffled(uint64_t *a, uint64_t *b, size_t n)
{
    ngx_qsort(a, n, sizeof(uint64_t), ngx_http_strangler_cmp);
    ngx_qsort(b, n, sizeof(uint64_t), ngx_http_strangler_cmp);

    return ngx_memcmp(a, b, n * sizeof(uint64_t)) == 0;
}


static int ngx_libc_cdecl
ngx_http_strangler_cmp(const void *one, const void *two)
{
    const uint64_t *a = one;
    const uint64_t *b = two;

    return (*a > *b) - (*a < *b);
}


/* $.name, or $['na me']; what would not fit into a label becomes "?" */

static void
ngx_http_strangler_into_member(ngx_http_strangler_differ_t *d,
    const char *name)
{
    u_char  *p, text[NGX_HTTP_STRANGLER_PATH_LEN];
    size_t   i, len, plain;

    len = ngx_strlen(name);

    if (ngx_http_strangler_is_masked(&d->conf->mask, (u_char *) name, len)) {
        d->masked++;
    }

    for (plain = 0; plain < len; plain++) {
        if ((name[plain] < '0' || name[plain] > '9')
            && (name[plain] < 'a' || name[plain] > 'z')
            && (name[plain] < 'A' || name[plain] > 'Z')
            && name[plain] != '_' && name[plain] != '-')
        {
            break;
        }
    }

    if (len + 4 > sizeof(text)) {

        /* long enough not to fit */

        ngx_http_strangler_into(d, text, sizeof(text));
        return;
    }

    p = text;

    if (len && plain == len) {
        *p++ = '.';
        p = ngx_cpymem(p, name, len);

    } else {
        p = ngx_cpymem(p, "['", 2);

        for (i = 0; i < len; i++) {
            *p++ = ((u_char) name[i] < 0x20 || name[i] == 0x7f
                    || name[i] == '"' || name[i] == '\\' || name[i] == '\'')
                   ? '?' : (u_char) name[i];
        }

        p = ngx_cpymem(p, "']", 2);
    }

    ngx_http_strangler_into(d, text, p - text);
}


static void
ngx_http_strangler_differ_json(ngx_http_strangler_differ_t *d, ngx_uint_t kind,
    struct json_object *a, struct json_object *b)
{
    u_char     buf[2][NGX_HTTP_STRANGLER_TEXT_LEN];
    ngx_str_t  baseline, other;

    ngx_http_strangler_text(a, buf[0], &baseline);
    ngx_http_strangler_text(b, buf[1], &other);

    ngx_http_strangler_differs(d, kind,
                               kind == ngx_http_strangler_extra ? NULL
                                                                : &baseline,
                               kind == ngx_http_strangler_missing ? NULL
                                                                  : &other);
}


/* of an object or array only how large it is: there may be secrets in it */

static void
ngx_http_strangler_text(struct json_object *value, u_char *buf,
    ngx_str_t *text)
{
    u_char      *p;
    const char  *s;

    text->data = buf;
    p = buf;

    switch (json_object_get_type(value)) {

    case json_type_null:
        p = ngx_cpymem(p, "null", 4);
        break;

    case json_type_object:
        p = ngx_snprintf(p, NGX_HTTP_STRANGLER_TEXT_LEN,
                         "object of %d members",
                         json_object_object_length(value));
        break;

    case json_type_array:
        p = ngx_snprintf(p, NGX_HTTP_STRANGLER_TEXT_LEN,
                         "array of %uz elements",
                         json_object_array_length(value));
        break;

    default:
        s = json_object_get_string(value);
        text->data = (u_char *) (s ? s : "");
        text->len = s ? (size_t) json_object_get_string_len(value) : 0;

        if (s && !json_object_is_type(value, json_type_string)) {
            text->len = ngx_strlen(s);
        }

        return;
    }

    text->len = p - buf;
}


/* whole or not, a number is a number */

static ngx_uint_t
ngx_http_strangler_type(struct json_object *value)
{
    enum json_type  type;

    type = json_object_get_type(value);

    return type == json_type_int ? json_type_double : type;
}


/* in any order */

static uint64_t
ngx_http_strangler_hash_members(struct json_object *object)
{
    uint64_t  sum, h, n;

    sum = 0;

    json_object_object_foreach(object, name, member) {
        h = ngx_http_strangler_fnv(NGX_HTTP_STRANGLER_FNV_BASIS, name,
                                   ngx_strlen(name));
        n = ngx_http_strangler_hash_json(member);
        sum += ngx_http_strangler_fnv(h, &n, sizeof(n));
    }

    return sum;
}


/* equal for equal values */

static uint64_t
ngx_http_strangler_hash_json(struct json_object *value)
{
    size_t      i, n;
    uint64_t    hash, h;
    ngx_uint_t  type;

    type = ngx_http_strangler_type(value);
    hash = ngx_http_strangler_fnv(NGX_HTTP_STRANGLER_FNV_BASIS, &type,
                                  sizeof(type));

    switch (type) {

    case json_type_object:
        return hash + ngx_http_strangler_hash_members(value);

    case json_type_array:
        n = json_object_array_length(value);

        for (i = 0; i < n; i++) {
            h = ngx_http_strangler_hash_json(json_object_array_get_idx(value,
                                                                       i));
            hash = ngx_http_strangler_fnv(hash, &h, sizeof(h));
        }

        return hash;

    case json_type_string:
        return ngx_http_strangler_fnv(hash, json_object_get_string(value),
                             (size_t) json_object_get_string_len(value));

    case json_type_boolean:
        h = (uint64_t) json_object_get_boolean(value);
        return ngx_http_strangler_fnv(hash, &h, sizeof(h));

    case json_type_double:
        return ngx_http_strangler_hash_number(hash, value);

    default: /* json_type_null */
        return hash;
    }
}


/* -1 is not what it would be without a sign, 1e16 is a whole number */

static uint64_t
ngx_http_strangler_hash_number(uint64_t hash, struct json_object *value)
{
    double    x;
    uint64_t  n[2];

    n[0] = 0;

    if (json_object_is_type(value, json_type_int)) {
        n[1] = json_object_get_uint64(value);

        if (json_object_get_int64(value) < 0) {
            n[0] = 1;
            n[1] = (uint64_t) json_object_get_int64(value);
        }

        return ngx_http_strangler_fnv(hash, n, sizeof(n));
    }

    x = json_object_get_double(value);

    if (x >= 0 && x < 18446744073709551616.0 && x == (double) (uint64_t) x) {
        n[1] = (uint64_t) x;

    } else if (x >= -9223372036854775808.0 && x < 0
               && x == (double) (int64_t) x)
    {
        n[0] = 1;
        n[1] = (uint64_t) (int64_t) x;

    } else {
        n[0] = 2;
        ngx_memcpy(&n[1], &x, sizeof(x));
    }

    return ngx_http_strangler_fnv(hash, n, sizeof(n));
}
