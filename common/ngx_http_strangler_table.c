
/*
 * Copyright (C) Ficus authors
 */


#include "ngx_http_strangler_table.h"
#include <string.h>


#define NGX_HTTP_STRANGLER_MURMUR  0x5bd1e995u

#if defined(__BYTE_ORDER__) && (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__)
#define NGX_HTTP_STRANGLER_LITTLE_ENDIAN  1
#else
#define NGX_HTTP_STRANGLER_LITTLE_ENDIAN  0
#endif


static uint32_t ngx_http_strangler_word(const unsigned char *p);
static uint32_t ngx_http_strangler_tail(const unsigned char *p, size_t len);
static uint32_t ngx_http_strangler_mix(uint32_t hash, uint32_t k);
static void ngx_http_strangler_table_release(uint8_t *slot,
    const ngx_http_strangler_weights_t *weights, unsigned *owned);
static void ngx_http_strangler_table_take(uint8_t *slot, unsigned from,
    unsigned arm, unsigned *wanted);
static void ngx_http_strangler_table_share(
    ngx_http_strangler_weights_t *weights, const unsigned *share,
    unsigned sum);


/* the salt's last bytes and the key's first ones may share a word */

unsigned
ngx_http_strangler_bucket(const unsigned char *salt, size_t salt_len,
    const unsigned char *key, size_t key_len)
{
    uint32_t              hash, carry;
    uint64_t              word;
    unsigned              bits;
    const unsigned char  *last;

    hash = (uint32_t) (salt_len + key_len);
    last = salt + (salt_len & ~(size_t) 3);
    carry = ngx_http_strangler_tail(salt, salt_len);
    bits = 8 * (unsigned) (salt_len & 3);

    for ( /* void */ ; salt < last; salt += 4) {
        hash = ngx_http_strangler_mix(hash, ngx_http_strangler_word(salt));
    }

    last = key + (key_len & ~(size_t) 3);

    for (word = carry; key < last; key += 4) {
        word |= (uint64_t) ngx_http_strangler_word(key) << bits;
        hash = ngx_http_strangler_mix(hash, (uint32_t) word);
        word >>= 32;
    }

    carry = ngx_http_strangler_tail(key - (key_len & ~(size_t) 3), key_len);
    word |= (uint64_t) carry << bits;
    bits += 8 * (unsigned) (key_len & 3);

    if (bits >= 32) {
        hash = ngx_http_strangler_mix(hash, (uint32_t) word);
        word >>= 32;
        bits -= 32;
    }

    if (bits) {
        hash ^= (uint32_t) word;
        hash *= NGX_HTTP_STRANGLER_MURMUR;
    }

    hash ^= hash >> 13;
    hash *= NGX_HTTP_STRANGLER_MURMUR;
    hash ^= hash >> 15;

    return hash % NGX_HTTP_STRANGLER_SLOTS;
}


static inline uint32_t
ngx_http_strangler_word(const unsigned char *p)
{
    uint32_t  k;

#if (NGX_HTTP_STRANGLER_LITTLE_ENDIAN)

    memcpy(&k, p, sizeof(k));

#else

    k = (uint32_t) p[0] | (uint32_t) p[1] << 8 | (uint32_t) p[2] << 16
        | (uint32_t) p[3] << 24;

#endif

    return k;
}


/* the last len % 4 bytes; one load, where there are four bytes to load */

static inline uint32_t
ngx_http_strangler_tail(const unsigned char *p, size_t len)
{
    uint32_t  k;
    unsigned  left;

    left = (unsigned) len & 3;

    if (left == 0) {
        return 0;
    }

    if (len > 3) {
        return ngx_http_strangler_word(p + len - 4) >> (32 - 8 * left);
    }

    for (k = 0; left--; /* void */ ) {
        k = k << 8 | p[left];
    }

    return k;
}


static inline uint32_t
ngx_http_strangler_mix(uint32_t hash, uint32_t k)
{
    k *= NGX_HTTP_STRANGLER_MURMUR;
    k ^= k >> 24;
    k *= NGX_HTTP_STRANGLER_MURMUR;

    return hash * NGX_HTTP_STRANGLER_MURMUR ^ k;
}


void
ngx_http_strangler_table_apply(uint8_t *slot,
    const ngx_http_strangler_weights_t *weights)
{
    unsigned  i, arm, wanted, owned[NGX_HTTP_STRANGLER_ARMS];

    ngx_http_strangler_table_release(slot, weights, owned);

    for (arm = 0; arm < weights->narms; arm++) {

        if (arm == weights->baseline || owned[arm] >= weights->weight[arm]) {
            continue;
        }

        wanted = weights->weight[arm] - owned[arm];

        ngx_http_strangler_table_take(slot, NGX_HTTP_STRANGLER_NONE, arm,
                                      &wanted);
        ngx_http_strangler_table_take(slot, weights->baseline, arm, &wanted);
    }

    for (i = 0; i < NGX_HTTP_STRANGLER_SLOTS; i++) {
        if (slot[i] == NGX_HTTP_STRANGLER_NONE) {
            slot[i] = (uint8_t) weights->baseline;
        }
    }
}


static void
ngx_http_strangler_table_release(uint8_t *slot,
    const ngx_http_strangler_weights_t *weights, unsigned *owned)
{
    unsigned  i, arm;

    for (arm = 0; arm < NGX_HTTP_STRANGLER_ARMS; arm++) {
        owned[arm] = 0;
    }

    for (i = 0; i < NGX_HTTP_STRANGLER_SLOTS; i++) {
        arm = slot[i];

        if (arm >= weights->narms) {
            slot[i] = NGX_HTTP_STRANGLER_NONE;
            continue;
        }

        if (arm != weights->baseline && owned[arm] == weights->weight[arm]) {
            slot[i] = NGX_HTTP_STRANGLER_NONE;
            continue;
        }

        owned[arm]++;
    }
}


static void
ngx_http_strangler_table_take(uint8_t *slot, unsigned from, unsigned arm,
    unsigned *wanted)
{
    unsigned  i;

    for (i = 0; *wanted && i < NGX_HTTP_STRANGLER_SLOTS; i++) {
        if (slot[i] == from) {
            slot[i] = (uint8_t) arm;
            (*wanted)--;
        }
    }
}


int
ngx_http_strangler_table_is_threshold(const uint8_t *slot,
    const ngx_http_strangler_weights_t *weights)
{
    unsigned  i, first;

    first = NGX_HTTP_STRANGLER_SLOTS - weights->weight[weights->baseline];

    for (i = 0; i < NGX_HTTP_STRANGLER_SLOTS; i++) {
        if ((slot[i] == weights->baseline) != (i >= first)) {
            return 0;
        }
    }

    return 1;
}


int
ngx_http_strangler_table_effective(
    const ngx_http_strangler_weights_t *configured, const uint16_t *level,
    ngx_http_strangler_weights_t *effective)
{
    unsigned  i, b, sum, rest, share[NGX_HTTP_STRANGLER_ARMS] = { 0 };

    *effective = *configured;

    b = configured->baseline;
    rest = NGX_HTTP_STRANGLER_SLOTS;
    sum = 0;

    for (i = 0; i < configured->narms; i++) {

        if (i == b) {
            continue;
        }

        share[i] = (unsigned) configured->weight[i] * level[i];
        sum += share[i];

        effective->weight[i] = (uint16_t) (share[i]
                                           / NGX_HTTP_STRANGLER_SLOTS);
        rest -= effective->weight[i];
    }

    effective->weight[b] = (uint16_t) rest;

    if (level[b] == NGX_HTTP_STRANGLER_SLOTS || sum == 0) {

        if (level[b] == 0) {
            *effective = *configured;
        }

        return level[b] != 0;
    }

    effective->weight[b] = (uint16_t) (rest * level[b]
                                       / NGX_HTTP_STRANGLER_SLOTS);

    ngx_http_strangler_table_share(effective, share, sum);

    return 1;
}


/* what the baseline does not have, by shares that make sum */

static void
ngx_http_strangler_table_share(ngx_http_strangler_weights_t *weights,
    const unsigned *share, unsigned sum)
{
    unsigned  i, rest, weight;

    rest = NGX_HTTP_STRANGLER_SLOTS - weights->weight[weights->baseline];

    for (i = 0; i < weights->narms; i++) {

        if (share[i] == 0) {

            if (i != weights->baseline) {
                weights->weight[i] = 0;
            }

            continue;
        }

        /* the last one gets all that is left */

        weight = (unsigned) ((uint64_t) rest * share[i] / sum);

        weights->weight[i] = (uint16_t) weight;

        rest -= weight;
        sum -= share[i];
    }
}


unsigned
ngx_http_strangler_keyless(uint64_t n,
    const ngx_http_strangler_weights_t *weights)
{
    unsigned  i, arm, k, before, total, weight;

    k = (unsigned) (n % NGX_HTTP_STRANGLER_SLOTS);
    total = NGX_HTTP_STRANGLER_SLOTS;
    arm = weights->baseline;

    for (i = 0; /* void */ ; i++) {
        weight = weights->weight[arm];
        before = k * weight / total;

        if ((k + 1) * weight / total > before) {
            return arm;
        }

        /* the rest is shared out likewise, by its own running number */

        k -= before;
        total -= weight;

        if (i == weights->baseline) {
            i++;
        }

        arm = i;
    }
}
