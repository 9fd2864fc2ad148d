
/*
 * Copyright (C) Ficus authors
 */


#include "ngx_http_strangler_table.h"


#define NGX_HTTP_STRANGLER_MURMUR  0x5bd1e995u


typedef struct {
    uint32_t   hash;
    uint32_t   word;
    unsigned   bits;
} ngx_http_strangler_murmur_t;


static void ngx_http_strangler_murmur_word(ngx_http_strangler_murmur_t *m,
    uint32_t k);
static void ngx_http_strangler_murmur_add(ngx_http_strangler_murmur_t *m,
    const unsigned char *p, size_t len);
static void ngx_http_strangler_table_release(uint8_t *slot,
    const ngx_http_strangler_weights_t *weights, unsigned *owned);
static void ngx_http_strangler_table_take(uint8_t *slot, unsigned from,
    unsigned arm, unsigned *wanted);


unsigned
ngx_http_strangler_bucket(const unsigned char *salt, size_t salt_len,
    const unsigned char *key, size_t key_len)
{
    ngx_http_strangler_murmur_t  m;

    m.hash = (uint32_t) (salt_len + key_len);
    m.word = 0;
    m.bits = 0;

    ngx_http_strangler_murmur_add(&m, salt, salt_len);
    ngx_http_strangler_murmur_add(&m, key, key_len);

    if (m.bits) {
        m.hash ^= m.word;
        m.hash *= NGX_HTTP_STRANGLER_MURMUR;
    }

    m.hash ^= m.hash >> 13;
    m.hash *= NGX_HTTP_STRANGLER_MURMUR;
    m.hash ^= m.hash >> 15;

    return m.hash % NGX_HTTP_STRANGLER_SLOTS;
}


static inline void
ngx_http_strangler_murmur_word(ngx_http_strangler_murmur_t *m, uint32_t k)
{
    k *= NGX_HTTP_STRANGLER_MURMUR;
    k ^= k >> 24;
    k *= NGX_HTTP_STRANGLER_MURMUR;

    m->hash *= NGX_HTTP_STRANGLER_MURMUR;
    m->hash ^= k;
}


static void
ngx_http_strangler_murmur_add(ngx_http_strangler_murmur_t *m,
    const unsigned char *p, size_t len)
{
    uint32_t  k;

    while (len) {

        if (m->bits == 0 && len >= 4) {
            k = (uint32_t) p[0] | (uint32_t) p[1] << 8
                | (uint32_t) p[2] << 16 | (uint32_t) p[3] << 24;

            ngx_http_strangler_murmur_word(m, k);

            p += 4;
            len -= 4;
            continue;
        }

        m->word |= (uint32_t) *p++ << m->bits;
        m->bits += 8;
        len--;

        if (m->bits == 32) {
            ngx_http_strangler_murmur_word(m, m->word);
            m->word = 0;
            m->bits = 0;
        }
    }
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
