
/*
 * Copyright (C) Ficus authors
 */


/*
 * Digest: what a collection holds, in 1,024 numbers that two stores can
 * compare.  A document falls into a bucket by its id, and its bucket's sum,
 * modulo 2^64, has one addend for each, tombstones included:
 *
 *     bucket  fig_hash64(id, 0) >> 54
 *     addend  fig_hash64(id, version * 2 + (deleted ? 1 : 0))
 *
 * Both are part of what is said on the bus: FIG_DIGEST_HASH names them, and
 * another number is another way to compute them.
 *
 * Threads: as the objects given.
 */


#ifndef FIG_DIGEST_H_INCLUDED
#define FIG_DIGEST_H_INCLUDED


#include "fig_store.h"


#define FIG_DIGEST_HASH     1
#define FIG_DIGEST_BUCKETS  1024

/* a store's longest id */
#define FIG_DIGEST_ID       512

/* as text, without the NUL */
#define FIG_DIGEST_TEXT     ((size_t) FIG_DIGEST_BUCKETS * 16)
#define FIG_BUCKETS_TEXT    ((size_t) FIG_DIGEST_BUCKETS / 4)


typedef struct {
    uint64_t  sums[FIG_DIGEST_BUCKETS];
} fig_digest_t;

typedef struct {
    uint64_t  words[FIG_DIGEST_BUCKETS / 64];
} fig_buckets_t;


unsigned fig_digest_bucket(fig_str_t id);
void fig_digest_add(fig_digest_t *digest, const fig_doc_t *doc);

/* adds all sums of another one; the buckets in which two of them differ */
void fig_digest_sum(fig_digest_t *digest, const fig_digest_t *other);
void fig_digest_compare(const fig_digest_t *a, const fig_digest_t *b,
    fig_buckets_t *differ);

unsigned fig_buckets_count(const fig_buckets_t *buckets);
void fig_buckets_all(fig_buckets_t *buckets);
void fig_buckets_both(fig_buckets_t *buckets, const fig_buckets_t *other);
bool fig_buckets_has(const fig_buckets_t *buckets, fig_str_t id);


/*
 * As hexadecimal text, the first bucket first.  FIG_INVALID: not that.
 */

void fig_digest_write(fig_buf_t *out, const fig_digest_t *digest);
fig_status_t fig_digest_parse(fig_str_t text, fig_digest_t *digest)
    FIG_NODISCARD;
void fig_buckets_write(fig_buf_t *out, const fig_buckets_t *buckets);
fig_status_t fig_buckets_parse(fig_str_t text, fig_buckets_t *buckets)
    FIG_NODISCARD;


/*
 * A walk over a collection in the order of its ids, tombstones included,
 * without bodies.
 */

typedef struct {
    fig_store_t             *store;
    const fig_collection_t  *collection;
    fig_arena_t             *arena;     /* of a page; reset for each */
    size_t                   rows;      /* at most; 0: any number */
    fig_str_t                until;      /* the last id; absent: all */

    /* false: this one is not taken, the walk ends before it */
    bool                   (*each)(void *data, const fig_doc_t *doc);
    void                    *data;

    char                     at[FIG_DIGEST_ID];   /* behind this id */
    size_t                   at_len;
    bool                     more;      /* there are others behind it */
} fig_walk_t;


/*
 * FIG_INVALID: an id is too long to begin there.
 */

fig_status_t fig_walk_at(fig_walk_t *walk, fig_str_t id) FIG_NODISCARD;


/*
 * Goes on from where the last walk ended.  What fig_store_list() returns.
 */

fig_status_t fig_walk(fig_walk_t *walk) FIG_NODISCARD;


#endif /* FIG_DIGEST_H_INCLUDED */
