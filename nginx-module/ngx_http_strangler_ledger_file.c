
/*
 * Copyright (C) Ficus authors
 */


/*
 * The text of a ledger, and what is kept of one.  Lines of words, of a route
 * what happened seldom and since when it is watched, of an arm its requests,
 * the pins among them, and the last one's time; the last line is the CRC-32 of
 * everything before it:
 *
 *     ficus-split-ledger 2
 *     split users
 *     since 1795250055
 *     writer 1795250055123
 *     route name=/api/ 1 0 0 1795250055 v1=12:0:1795250055 v2=88:3:1795250067
 *     crc 01234567
 */


#include "ngx_http_strangler_files.h"
#include "ngx_http_strangler_ledger.h"


static void ngx_http_strangler_copy_ledger(ngx_http_strangler_split_t *split,
    ngx_http_strangler_sh_t *old);
static void ngx_http_strangler_copy_past(ngx_http_strangler_split_t *split,
    ngx_http_strangler_sh_t *old, ngx_uint_t from, ngx_uint_t to);
static void ngx_http_strangler_read_ledger(ngx_http_strangler_split_t *split,
    ngx_log_t *log);
static ngx_int_t ngx_http_strangler_decode_route(
    ngx_http_strangler_split_t *split, ngx_http_strangler_text_t *t);
static ngx_int_t ngx_http_strangler_decode_past(
    ngx_http_strangler_split_t *split, ngx_str_t *word, ngx_uint_t place);
static void ngx_http_strangler_forget_ledger(
    ngx_http_strangler_split_t *split);


/* in the master, before there are worker processes that use the segment */

void
ngx_http_strangler_load_ledger(ngx_http_strangler_split_t *split,
    ngx_log_t *log)
{
    ngx_http_strangler_sh_t  *sh, *old;

    sh = split->sh;

    if (sh->since) {
        return;
    }

    sh->since = (ngx_atomic_uint_t) ngx_time();
    sh->writer = (ngx_atomic_uint_t) ngx_http_strangler_msec();
    sh->saved = ngx_current_msec;

    old = ngx_http_strangler_old_sh(split);

    if (old) {
        ngx_http_strangler_copy_ledger(split, old);
        return;
    }

    if (split->ledger_file.len) {
        ngx_http_strangler_read_ledger(split, log);
        ngx_http_strangler_save_ledger(split, log);
    }
}


/* the zone has another size */

static void
ngx_http_strangler_copy_ledger(ngx_http_strangler_split_t *split,
    ngx_http_strangler_sh_t *old)
{
    ngx_str_t                    name;
    ngx_uint_t                   i, to;
    ngx_http_strangler_entry_t  *from, *entry;

    split->sh->since = old->since;
    split->sh->writer = old->writer;

    for (i = 0; i < NGX_HTTP_STRANGLER_ROUTES; i++) {
        from = &old->ledger[i];

        name.data = from->name;
        name.len = from->len;

        to = i;

        if (i != NGX_HTTP_STRANGLER_OTHER) {

            if (!ngx_http_strangler_is_route(split, name.data, name.len)) {
                continue;
            }

            to = ngx_http_strangler_place_of(split, &name);
        }

        entry = &split->sh->ledger[to];

        entry->rescued += from->rescued;
        entry->compared += from->compared;
        entry->mismatched += from->mismatched;
        entry->since = from->since;

        ngx_http_strangler_copy_past(split, old, i, to);
    }
}


static void
ngx_http_strangler_copy_past(ngx_http_strangler_split_t *split,
    ngx_http_strangler_sh_t *old, ngx_uint_t from, ngx_uint_t to)
{
    ngx_int_t                     arm;
    ngx_uint_t                    i, n;
    ngx_http_strangler_past_t    *past;
    ngx_http_strangler_visits_t   sum;

    for (i = 0; i < old->nnames; i++) {
        arm = ngx_http_strangler_find_arm(split, old->arm[i].data,
                                          old->arm[i].len);

        if (arm == NGX_DECLINED || old->past[i] == NULL) {
            continue;
        }

        past = &split->sh->past[split->arm[arm].id][to];

        ngx_http_strangler_sum_visits(old->lane[i], from, from, &sum);

        for (n = 0; n < ngx_http_strangler_decided_n; n++) {
            past->requests += sum.requests[n];
        }

        past->requests += old->past[i][from].requests;
        past->pinned += old->past[i][from].pinned
                        + sum.requests[ngx_http_strangler_pin];
        past->last = ngx_max(past->last,
                             ngx_max(old->past[i][from].last, sum.last));
    }
}


/* one that cannot be used is kept aside, and another one begins */

static void
ngx_http_strangler_read_ledger(ngx_http_strangler_split_t *split,
    ngx_log_t *log)
{
    u_char                     text[NGX_HTTP_STRANGLER_FILE_MAX];
    size_t                     len;
    uint64_t                   since, writer;
    ngx_int_t                  rc;
    ngx_http_strangler_text_t  t;

    rc = ngx_http_strangler_read_text(&split->ledger_file, "ledger", text,
                                      &len, log);
    if (rc == NGX_DECLINED) {
        return;
    }

    since = 0;
    writer = 0;

    if (rc == NGX_OK) {
        t.pos = text;
        t.end = text + len;

        rc = ngx_http_strangler_decode_ledger(split, &t, &since, &writer);
    }

    while (rc == NGX_OK && t.pos != t.end) {
        rc = ngx_http_strangler_decode_route(split, &t);
    }

    if (rc != NGX_OK) {
        ngx_http_strangler_forget_ledger(split);
        ngx_http_strangler_set_aside(&split->ledger_file, "ledger", log);
        return;
    }

    split->sh->since = since;
    split->sh->writer = ngx_max(split->sh->writer, writer + 1);
}


/* what stands before the routes */

ngx_int_t
ngx_http_strangler_decode_ledger(ngx_http_strangler_split_t *split,
    ngx_http_strangler_text_t *t, uint64_t *since, uint64_t *writer)
{
    ngx_str_t  word;

    if (ngx_http_strangler_check_crc(t->pos, t->end) != NGX_OK) {
        return NGX_ERROR;
    }

    t->end -= NGX_HTTP_STRANGLER_CRC_LEN;

    if (ngx_http_strangler_expect(t, "ficus-split-ledger") != NGX_OK
        || ngx_http_strangler_expect(t, "2") != NGX_OK
        || ngx_http_strangler_line_end(t) != NGX_OK
        || ngx_http_strangler_expect(t, "split") != NGX_OK
        || ngx_http_strangler_word(t, &word) != NGX_OK
        || word.len != split->name.len
        || ngx_memcmp(word.data, split->name.data, word.len) != 0
        || ngx_http_strangler_line_end(t) != NGX_OK
        || ngx_http_strangler_expect(t, "since") != NGX_OK
        || ngx_http_strangler_number(t, since) != NGX_OK
        || *since == 0
        || ngx_http_strangler_line_end(t) != NGX_OK
        || ngx_http_strangler_expect(t, "writer") != NGX_OK
        || ngx_http_strangler_number(t, writer) != NGX_OK
        || ngx_http_strangler_line_end(t) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_strangler_decode_route(ngx_http_strangler_split_t *split,
    ngx_http_strangler_text_t *t)
{
    u_char                       data[NGX_HTTP_STRANGLER_ROUTE_LEN], len;
    uint64_t                     rescued, compared, mismatched, since;
    ngx_str_t                    name, word;
    ngx_uint_t                   place;
    ngx_http_strangler_entry_t  *entry;

    if (ngx_http_strangler_expect(t, "route") != NGX_OK
        || ngx_http_strangler_escaped(t, "name=", data, &len, sizeof(data))
           != NGX_OK
        || ngx_http_strangler_number(t, &rescued) != NGX_OK
        || ngx_http_strangler_number(t, &compared) != NGX_OK
        || ngx_http_strangler_number(t, &mismatched) != NGX_OK
        || ngx_http_strangler_number(t, &since) != NGX_OK)
    {
        return NGX_ERROR;
    }

    name.data = data;
    name.len = len;

    place = NGX_HTTP_STRANGLER_NONE;

    if (len == 5 && ngx_memcmp(data, "other", 5) == 0) {
        place = NGX_HTTP_STRANGLER_OTHER;

    } else if (ngx_http_strangler_is_route(split, data, len)) {
        place = ngx_http_strangler_place_of(split, &name);
    }

    while (ngx_http_strangler_word(t, &word) == NGX_OK) {
        if (place != NGX_HTTP_STRANGLER_NONE
            && ngx_http_strangler_decode_past(split, &word, place) != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    if (place != NGX_HTTP_STRANGLER_NONE) {
        entry = &split->sh->ledger[place];

        entry->rescued += rescued;
        entry->compared += compared;
        entry->mismatched += mismatched;
        entry->since = since;
    }

    return ngx_http_strangler_line_end(t);
}


/* "v1=12:0:1795250055" */

static ngx_int_t
ngx_http_strangler_decode_past(ngx_http_strangler_split_t *split,
    ngx_str_t *word, ngx_uint_t place)
{
    off_t                       n[3];
    u_char                     *p, *end, *last;
    ngx_int_t                   arm;
    ngx_uint_t                  i;
    ngx_http_strangler_past_t  *past;

    last = word->data + word->len;
    end = ngx_strlchr(word->data, last, '=');

    if (end == NULL) {
        return NGX_ERROR;
    }

    arm = ngx_http_strangler_find_arm(split, word->data, end - word->data);

    for (i = 0; i < 3; i++) {
        p = end + 1;
        end = (i < 2) ? ngx_strlchr(p, last, ':') : last;

        if (end == NULL) {
            return NGX_ERROR;
        }

        n[i] = ngx_atoof(p, end - p);

        if (n[i] == (off_t) NGX_ERROR) {
            return NGX_ERROR;
        }
    }

    if (arm == NGX_DECLINED) {
        return NGX_OK;
    }

    past = &split->sh->past[split->arm[arm].id][place];

    past->requests += n[0];
    past->pinned += n[1];
    past->last = ngx_max(past->last, (ngx_atomic_uint_t) n[2]);

    return NGX_OK;
}


static void
ngx_http_strangler_forget_ledger(ngx_http_strangler_split_t *split)
{
    ngx_uint_t                i;
    ngx_http_strangler_sh_t  *sh;

    sh = split->sh;

    ngx_memzero(sh->ledger, sizeof(sh->ledger));
    ngx_http_strangler_init_ledger(split);

    for (i = 0; i < split->narms; i++) {
        ngx_memzero(sh->past[split->arm[i].id],
                    NGX_HTTP_STRANGLER_ROUTES
                    * sizeof(ngx_http_strangler_past_t));
    }
}


size_t
ngx_http_strangler_encode_ledger(ngx_http_strangler_split_t *split,
    u_char *buf, u_char *end)
{
    u_char                       *p;
    ngx_uint_t                    i, n;
    ngx_http_strangler_sh_t      *sh;
    ngx_http_strangler_entry_t   *entry;
    ngx_http_strangler_served_t   served;

    sh = split->sh;

    p = ngx_slprintf(buf, end, "ficus-split-ledger 2\nsplit %V\n"
                     "since %uA\nwriter %uA\n", &split->name, sh->since,
                     sh->writer);

    for (i = 0; i < NGX_HTTP_STRANGLER_ROUTES; i++) {
        entry = &sh->ledger[i];

        if (!ngx_http_strangler_route_is_shown(split, i, &served)) {
            continue;
        }

        p = ngx_slprintf(p, end, "route name=");
        p = ngx_http_strangler_escape(p, end, entry->name, entry->len);
        p = ngx_slprintf(p, end, " %uA %uA %uA %uA", entry->rescued,
                         entry->compared, entry->mismatched, entry->since);

        for (n = 0; n < split->narms; n++) {
            p = ngx_slprintf(p, end, " %V=%uA:%uA:%T", &split->arm[n].name,
                             served.requests[n], served.pinned[n],
                             served.last[n]);
        }

        *p++ = LF;
    }

    return ngx_http_strangler_add_crc(buf, p, end) - buf;
}
