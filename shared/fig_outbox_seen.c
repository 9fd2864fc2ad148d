
/*
 * Copyright (C) Ficus authors
 */


#include "fig_outbox_seen.h"
#include "fig_hash.h"
#include <stdlib.h>
#include <string.h>


/* a power of two */
#ifndef FIG_SEEN_SLOTS
#define FIG_SEEN_SLOTS  65536
#endif
#define FIG_SEEN_MAX    (FIG_SEEN_SLOTS * 3 / 4)


struct fig_seen_s {
    size_t    n;
    uint64_t  hashes[FIG_SEEN_SLOTS];    /* 0: none */
};


static size_t fig_seen_slot(const fig_seen_t *seen, uint64_t hash);
static uint64_t fig_seen_hash(fig_str_t key, uint64_t ver);


fig_seen_t *
fig_seen_create(void)
{
    return calloc(1, sizeof(fig_seen_t));
}


void
fig_seen_destroy(fig_seen_t *seen)
{
    free(seen);
}


void
fig_seen_clear(fig_seen_t *seen)
{
    /* memory that was never used is not touched */

    if (seen->n != 0) {
        memset(seen, 0, sizeof(fig_seen_t));
    }
}


void
fig_seen_add(fig_seen_t *seen, fig_str_t key, uint64_t ver)
{
    size_t    slot;
    uint64_t  hash;

    hash = fig_seen_hash(key, ver);
    slot = fig_seen_slot(seen, hash);

    if (seen->hashes[slot] == 0 && seen->n < FIG_SEEN_MAX) {
        seen->hashes[slot] = hash;
        seen->n++;
    }
}


bool
fig_seen_has(const fig_seen_t *seen, fig_str_t key, uint64_t ver)
{
    if (seen->n == FIG_SEEN_MAX) {
        return true;
    }

    return seen->hashes[fig_seen_slot(seen, fig_seen_hash(key, ver))] != 0;
}


/* where the hash is, or where it would be */

static size_t
fig_seen_slot(const fig_seen_t *seen, uint64_t hash)
{
    size_t  slot;

    slot = hash % FIG_SEEN_SLOTS;

    while (seen->hashes[slot] != 0 && seen->hashes[slot] != hash) {
        slot = (slot + 1) % FIG_SEEN_SLOTS;
    }

    return slot;
}


static uint64_t
fig_seen_hash(fig_str_t key, uint64_t ver)
{
    uint64_t  hash;

    hash = fig_hash_table(key) + ver * 0x9e3779b97f4a7c15u;

    return hash ? hash : 1;
}
