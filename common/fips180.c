
/*
 * Copyright (C) Ficus authors
 */


#include "fips180.h"
#include <string.h>


#define FIPS180_BLOCK  64


static void sha256_block(uint32_t *h, const unsigned char *p);
static uint32_t sha256_rotate(uint32_t x, unsigned n);


static const uint32_t  sha256_k[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1,
    0x923f82a4, 0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3,
    0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786,
    0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147,
    0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13,
    0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b,
    0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a,
    0x5b9cca4f, 0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208,
    0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2
};


void
fips180_sha256(const unsigned char *data, size_t len, unsigned char *sum)
{
    size_t         rest;
    uint64_t       bits;
    uint32_t       h[8] = { 0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                            0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19 };
    unsigned       i;
    unsigned char  last[2 * FIPS180_BLOCK] = { 0 };

    bits = (uint64_t) len * 8;

    for (rest = len; rest >= FIPS180_BLOCK; rest -= FIPS180_BLOCK) {
        sha256_block(h, data);
        data += FIPS180_BLOCK;
    }

    /* a bit, zeros, and the length in the last eight bytes of a block */

    if (rest) {
        memcpy(last, data, rest);
    }

    last[rest] = 0x80;
    len = (rest < 56) ? 64 : 128;

    for (i = 0; i < 8; i++) {
        last[len - 1 - i] = (unsigned char) (bits >> 8 * i);
    }

    sha256_block(h, last);

    if (len == 128) {
        sha256_block(h, last + 64);
    }

    for (i = 0; i < FIPS180_SHA256; i++) {
        sum[i] = (unsigned char) (h[i / 4] >> (24 - 8 * (i % 4)));
    }
}


static void
sha256_block(uint32_t *h, const unsigned char *p)
{
    size_t    i;
    uint32_t  a, b, t1, t2, w[64], s[8];

    for (i = 0; i < 16; i++) {
        w[i] = (uint32_t) p[4 * i] << 24 | (uint32_t) p[4 * i + 1] << 16
               | (uint32_t) p[4 * i + 2] << 8 | (uint32_t) p[4 * i + 3];
    }

    for (i = 16; i < 64; i++) {
        a = w[i - 15];
        b = w[i - 2];

        w[i] = w[i - 16] + w[i - 7]
               + (sha256_rotate(a, 7) ^ sha256_rotate(a, 18) ^ a >> 3)
               + (sha256_rotate(b, 17) ^ sha256_rotate(b, 19) ^ b >> 10);
    }

    memcpy(s, h, sizeof(s));

    for (i = 0; i < 64; i++) {
        t1 = s[7] + sha256_k[i] + w[i]
             + (sha256_rotate(s[4], 6) ^ sha256_rotate(s[4], 11)
                ^ sha256_rotate(s[4], 25))
             + ((s[4] & s[5]) ^ (~s[4] & s[6]));

        t2 = (sha256_rotate(s[0], 2) ^ sha256_rotate(s[0], 13)
              ^ sha256_rotate(s[0], 22))
             + ((s[0] & s[1]) ^ (s[0] & s[2]) ^ (s[1] & s[2]));

        memmove(&s[1], &s[0], 7 * sizeof(uint32_t));

        s[4] += t1;
        s[0] = t1 + t2;
    }

    for (i = 0; i < 8; i++) {
        h[i] += s[i];
    }
}


static inline uint32_t
sha256_rotate(uint32_t x, unsigned n)
{
    return x >> n | x << (32 - n);
}
