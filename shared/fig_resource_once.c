
/*
 * Copyright (C) Ficus authors
 */


/*
 * Idempotency-Key: an item of RFC 8941 that is a string; many clients leave the
 * quotes out.  What is stored of it is a digest, since a client may have put
 * anything into it, and a tombstone keeps it.
 */


#include <string.h>

#include "fig_resource_change.h"
#include "fips180.h"


#define ONCE_NAME    "Idempotency-Key"
#define ONCE_MAX     255
#define ONCE_DIGEST  16                /* bytes, of the 32 of SHA-256 */


static fig_status_t once_param(const fig_request_t *request,
    fig_str_t *value);
static fig_status_t once_parse(fig_str_t value, char *key, size_t *len);
static fig_status_t once_digest(fig_arena_t *arena, fig_str_t text,
    fig_str_t *digest);


fig_status_t
fig_once_read(const fig_request_t *request, fig_response_t *response,
    fig_str_t *key)
{
    char          text[ONCE_MAX];
    size_t        len;
    fig_str_t     value;
    fig_status_t  rc;
    fig_errors_t  errors;

    *key = (fig_str_t) { 0, NULL };
    rc = once_param(request, &value);

    if (rc == FIG_OK && value.data == NULL) {
        return FIG_OK;
    }

    if (rc == FIG_OK) {
        rc = once_parse(value, text, &len);
    }

    if (rc != FIG_OK) {
        fig_errors_init(&errors, request->arena);
        fig_errors_add(&errors, FIG_STR(ONCE_NAME), "format",
                       "must be one string of 1 to %d ASCII characters, in "
                       "quotes if it has blanks, commas or quotes", ONCE_MAX);
        fig_reply_errors(request, response, 400, &errors);

        return FIG_INVALID;
    }

    *key = fig_arena_dup(request->arena, (fig_str_t) { len, text });

    return key->data != NULL ? FIG_OK : FIG_NOMEM;
}


/*
 * nginx passes each line of a header on by itself.
 */

static fig_status_t
once_param(const fig_request_t *request, fig_str_t *value)
{
    size_t              i;
    const fig_param_t  *param;

    *value = (fig_str_t) { 0, NULL };

    for (i = 0; i < request->nparams; i++) {
        param = &request->params[i];

        if (param->value.len == 0
            || !fig_str_eq(param->name, FIG_STR("HTTP_IDEMPOTENCY_KEY")))
        {
            continue;
        }

        if (value->data != NULL) {
            return FIG_INVALID;
        }

        *value = param->value;
    }

    return FIG_OK;
}


/*
 * RFC 8941, 4.2.5, for what begins with a quote.
 */

static fig_status_t
once_parse(fig_str_t value, char *key, size_t *len)
{
    bool    quoted;
    char    c;
    size_t  i, end;

    quoted = (value.data[0] == '"');
    end = value.len;
    *len = 0;

    if (quoted && (value.len < 2 || value.data[--end] != '"')) {
        return FIG_INVALID;
    }

    for (i = quoted; i < end; i++) {
        c = value.data[i];

        if (quoted && c == '\\') {
            if (++i == end) {
                return FIG_INVALID;
            }

            c = value.data[i];

            if (c != '"' && c != '\\') {
                return FIG_INVALID;
            }

        } else if (c < ' ' || c > '~' || c == '"'
                   || (!quoted && (c == ' ' || c == ',')))
        {
            return FIG_INVALID;
        }

        if (*len == ONCE_MAX) {
            return FIG_INVALID;
        }

        key[(*len)++] = c;
    }

    return *len != 0 ? FIG_OK : FIG_INVALID;
}


fig_status_t
fig_once_mark(fig_change_t *change, fig_str_t key, size_t place)
{
    fig_str_t     text;
    fig_status_t  rc;

    if (key.data == NULL) {
        return FIG_OK;
    }

    text = fig_arena_printf(change->arena, "%s\n%zu", key.data, place);
    rc = once_digest(change->arena, text, &change->doc.keys[FIG_STORE_ONCE]);

    if (rc == FIG_OK) {
        text = fig_json_text(change->sent, change->arena);
        rc = once_digest(change->arena, text, &change->doc.made);
    }

    return rc;
}


static fig_status_t
once_digest(fig_arena_t *arena, fig_str_t text, fig_str_t *digest)
{
    char           hex[2 * ONCE_DIGEST];
    size_t         i;
    unsigned char  sum[FIPS180_SHA256];

    static const char  digits[] = "0123456789abcdef";

    if (text.data == NULL) {
        return FIG_NOMEM;
    }

    fips180_sha256((const unsigned char *) text.data, text.len, sum);

    for (i = 0; i < ONCE_DIGEST; i++) {
        hex[2 * i] = digits[sum[i] >> 4];
        hex[2 * i + 1] = digits[sum[i] & 15];
    }

    *digest = fig_arena_dup(arena, (fig_str_t) { sizeof(hex), hex });

    return digest->data != NULL ? FIG_OK : FIG_NOMEM;
}


fig_status_t
fig_once_settle(const fig_resource_t *resource, fig_change_t *change,
    fig_status_t status)
{
    fig_page_t        page;
    fig_query_t       query;
    fig_status_t      rc;
    const fig_doc_t  *doc;

    if (change->doc.keys[FIG_STORE_ONCE].data == NULL
        || (status != FIG_INVALID && status != FIG_TAKEN))
    {
        return status;
    }

    memset(&query, 0, sizeof(fig_query_t));
    query.match[FIG_STORE_ONCE] = change->doc.keys[FIG_STORE_ONCE];
    query.state = FIG_STORE_ALL;
    query.limit = 1;

    rc = fig_store_list(resource->store, resource->topic->collection, &query,
                        change->arena, &page);
    if (rc != FIG_OK) {
        return rc;
    }

    if (page.n == 0) {
        return change->errors.n + change->conflicts.n != 0 ? status
                                                           : FIG_CONFLICT;
    }

    doc = &page.docs[0];

    if (fig_str_eq(doc->made, change->doc.made) && !doc->deleted) {
        change->doc = *doc;
        return FIG_OK;
    }

    fig_errors_init(&change->errors, change->arena);

    if (doc->deleted) {
        change->refused = 410;
        fig_errors_add(&change->errors, FIG_STR(ONCE_NAME), "deleted",
                       "made %.*s, which was deleted since",
                       (int) doc->id.len, doc->id.data);

    } else {
        change->refused = 422;
        fig_errors_add(&change->errors, FIG_STR(ONCE_NAME), "reused",
                       "was used with other content");
    }

    return FIG_INVALID;
}
