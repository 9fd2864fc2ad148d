
/*
 * Copyright (C) Ficus authors
 */


#include "fig_hash.h"
#include <pthread.h>
#include <string.h>
#include <time.h>
#include <unistd.h>


typedef struct {
    uint64_t  v[4];
} fig_sip_t;


static void fig_hash_key(void);
static void fig_sip_rounds(fig_sip_t *sip, unsigned n);


static uint64_t        fig_hash_keys[2];
static pthread_once_t  fig_hash_once = PTHREAD_ONCE_INIT;


uint64_t
fig_hash_table(fig_str_t s)
{
    size_t       left;
    uint64_t     word;
    fig_sip_t    sip;
    const char  *p;

    (void) pthread_once(&fig_hash_once, fig_hash_key);

    sip.v[0] = fig_hash_keys[0] ^ 0x736f6d6570736575u;
    sip.v[1] = fig_hash_keys[1] ^ 0x646f72616e646f6du;
    sip.v[2] = fig_hash_keys[0] ^ 0x6c7967656e657261u;
    sip.v[3] = fig_hash_keys[1] ^ 0x7465646279746573u;

    p = s.data;

    for (left = s.len; left >= 8; left -= 8, p += 8) {
        memcpy(&word, p, sizeof(word));
        sip.v[3] ^= word;
        fig_sip_rounds(&sip, 2);
        sip.v[0] ^= word;
    }

    word = 0;

    if (left != 0) {
        memcpy(&word, p, left);
    }

    word |= (uint64_t) s.len << 56;

    sip.v[3] ^= word;
    fig_sip_rounds(&sip, 2);
    sip.v[0] ^= word;
    sip.v[2] ^= 0xff;
    fig_sip_rounds(&sip, 4);

    return sip.v[0] ^ sip.v[1] ^ sip.v[2] ^ sip.v[3];
}


static void
fig_hash_key(void)
{
    struct timespec  now;

    if (getentropy(fig_hash_keys, sizeof(fig_hash_keys)) == 0) {
        return;
    }

    /* hardly to be foreseen either */

    (void) clock_gettime(CLOCK_REALTIME, &now);

    fig_hash_keys[0] = fig_hash64(FIG_STR("ficus"), (uint64_t) now.tv_nsec);
    fig_hash_keys[1] = fig_hash64(FIG_STR("table"), (uint64_t) now.tv_sec
                                  ^ (uint64_t) (uintptr_t) &now);
}


static void
fig_sip_rounds(fig_sip_t *sip, unsigned n)
{
    uint64_t  a, b, c, d;

    a = sip->v[0];
    b = sip->v[1];
    c = sip->v[2];
    d = sip->v[3];

    while (n-- > 0) {
        a += b;
        b = (b << 13 | b >> 51) ^ a;
        a = a << 32 | a >> 32;
        c += d;
        d = (d << 16 | d >> 48) ^ c;
        a += d;
        d = (d << 21 | d >> 43) ^ a;
        c += b;
        b = (b << 17 | b >> 47) ^ c;
        c = c << 32 | c >> 32;
    }

    sip->v[0] = a;
    sip->v[1] = b;
    sip->v[2] = c;
    sip->v[3] = d;
}
