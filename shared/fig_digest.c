
/*
 * Copyright (C) Ficus authors
 */


#include "fig_digest.h"
#include "fig_hash.h"
#include <inttypes.h>
#include <string.h>


#define FIG_DIGEST_SHIFT  54


static void fig_digest_hex(fig_buf_t *out, const uint64_t *words, size_t n);
static fig_status_t fig_digest_unhex(fig_str_t text, uint64_t *words,
    size_t n);
static bool fig_walk_page(fig_walk_t *walk, const fig_page_t *page,
    size_t *left);


unsigned
fig_digest_bucket(fig_str_t id)
{
    return (unsigned) (fig_hash64(id, 0) >> FIG_DIGEST_SHIFT);
}


void
fig_digest_add(fig_digest_t *digest, const fig_doc_t *doc)
{
    digest->sums[fig_digest_bucket(doc->id)] +=
        fig_hash64(doc->id, doc->ver * 2 + (doc->deleted ? 1 : 0));
}


void
fig_digest_sum(fig_digest_t *digest, const fig_digest_t *other)
{
    size_t  i;

    for (i = 0; i < FIG_DIGEST_BUCKETS; i++) {
        digest->sums[i] += other->sums[i];
    }
}


void
fig_digest_compare(const fig_digest_t *a, const fig_digest_t *b,
    fig_buckets_t *differ)
{
    size_t  i;

    memset(differ, 0, sizeof(fig_buckets_t));

    for (i = 0; i < FIG_DIGEST_BUCKETS; i++) {
        if (a->sums[i] != b->sums[i]) {
            differ->words[i / 64] |= (uint64_t) 1 << i % 64;
        }
    }
}


unsigned
fig_buckets_count(const fig_buckets_t *buckets)
{
    size_t    i;
    unsigned  n;

    n = 0;

    for (i = 0; i < FIG_DIGEST_BUCKETS / 64; i++) {
        n += (unsigned) __builtin_popcountll(buckets->words[i]);
    }

    return n;
}


void
fig_buckets_all(fig_buckets_t *buckets)
{
    memset(buckets, 0xff, sizeof(fig_buckets_t));
}


void
fig_buckets_both(fig_buckets_t *buckets, const fig_buckets_t *other)
{
    size_t  i;

    for (i = 0; i < FIG_DIGEST_BUCKETS / 64; i++) {
        buckets->words[i] &= other->words[i];
    }
}


bool
fig_buckets_has(const fig_buckets_t *buckets, fig_str_t id)
{
    unsigned  n;

    n = fig_digest_bucket(id);

    return buckets->words[n / 64] >> n % 64 & 1;
}


void
fig_digest_write(fig_buf_t *out, const fig_digest_t *digest)
{
    fig_digest_hex(out, digest->sums, FIG_DIGEST_BUCKETS);
}


fig_status_t
fig_digest_parse(fig_str_t text, fig_digest_t *digest)
{
    return fig_digest_unhex(text, digest->sums, FIG_DIGEST_BUCKETS);
}


void
fig_buckets_write(fig_buf_t *out, const fig_buckets_t *buckets)
{
    fig_digest_hex(out, buckets->words, FIG_DIGEST_BUCKETS / 64);
}


fig_status_t
fig_buckets_parse(fig_str_t text, fig_buckets_t *buckets)
{
    return fig_digest_unhex(text, buckets->words, FIG_DIGEST_BUCKETS / 64);
}


static void
fig_digest_hex(fig_buf_t *out, const uint64_t *words, size_t n)
{
    size_t    i, j;
    char      text[16];

    static const char  digits[] = "0123456789abcdef";

    for (i = 0; i < n; i++) {

        for (j = 0; j < sizeof(text); j++) {
            text[j] = digits[words[i] >> (60 - j * 4) & 15];
        }

        fig_buf_append(out, text, sizeof(text));
    }
}


static fig_status_t
fig_digest_unhex(fig_str_t text, uint64_t *words, size_t n)
{
    char      c;
    size_t    i;
    uint64_t  digit;

    if (text.data == NULL || text.len != n * 16) {
        return FIG_INVALID;
    }

    for (i = 0; i < text.len; i++) {
        c = text.data[i];

        if (c >= '0' && c <= '9') {
            digit = (uint64_t) (c - '0');

        } else if (c >= 'a' && c <= 'f') {
            digit = (uint64_t) (c - 'a') + 10;

        } else {
            return FIG_INVALID;
        }

        words[i / 16] = words[i / 16] << 4 | digit;
    }

    return FIG_OK;
}


fig_status_t
fig_walk_at(fig_walk_t *walk, fig_str_t id)
{
    if (id.len > FIG_DIGEST_ID) {
        return FIG_INVALID;
    }

    if (id.len != 0) {
        memmove(walk->at, id.data, id.len);
    }

    walk->at_len = id.len;

    return FIG_OK;
}


fig_status_t
fig_walk(fig_walk_t *walk)
{
    size_t        left;
    fig_page_t    page;
    fig_query_t   query;
    fig_status_t  rc;

    left = walk->rows ? walk->rows : SIZE_MAX;
    walk->more = true;

    memset(&query, 0, sizeof(fig_query_t));
    query.state = FIG_STORE_ALL;
    query.brief = true;

    do {
        fig_arena_reset(walk->arena);

        query.after.data = walk->at;
        query.after.len = walk->at_len;
        query.limit = left < FIG_STORE_PAGE_MAX ? (unsigned) left
                                                : FIG_STORE_PAGE_MAX;

        rc = fig_store_list(walk->store, walk->collection, &query,
                            walk->arena, &page);

        if (rc != FIG_OK) {
            return rc;
        }

        if (!fig_walk_page(walk, &page, &left)) {
            return FIG_OK;
        }

        walk->more = page.more;
    } while (page.more && left != 0);

    return FIG_OK;
}


/* false: it ends within this page */

static bool
fig_walk_page(fig_walk_t *walk, const fig_page_t *page, size_t *left)
{
    size_t            i;
    const fig_doc_t  *doc;

    for (i = 0; i < page->n; i++) {
        doc = &page->docs[i];

        if (walk->until.data && fig_str_cmp(doc->id, walk->until) > 0) {
            walk->more = false;
            return false;
        }

        if (!walk->each(walk->data, doc)
            || fig_walk_at(walk, doc->id) != FIG_OK)
        {
            return false;
        }
    }

    *left -= page->n;

    return true;
}
