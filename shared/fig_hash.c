
/*
 * Copyright (C) Ficus authors
 */


#include "fig_hash.h"
#include <string.h>


static uint32_t fig_crc32c_table(uint32_t crc, const char *p, size_t len);

#if defined(__x86_64__)
__attribute__((target("sse4.2")))
static uint32_t fig_crc32c_sse42(uint32_t crc, const char *p, size_t len);
#endif


uint32_t
fig_crc32c(fig_str_t s)
{
#if defined(__x86_64__)

    if (__builtin_cpu_supports("sse4.2")) {
        return ~fig_crc32c_sse42(UINT32_MAX, s.data, s.len);
    }

#endif

    return ~fig_crc32c_table(UINT32_MAX, s.data, s.len);
}


unsigned
fig_partition(fig_str_t key)
{
    return fig_crc32c(key) % FIG_PARTITIONS;
}


#if defined(__x86_64__)

static uint32_t
fig_crc32c_sse42(uint32_t crc, const char *p, size_t len)
{
    uint64_t  word;

    for ( /* void */ ; len >= 8; p += 8, len -= 8) {
        memcpy(&word, p, sizeof(word));
        crc = (uint32_t) __builtin_ia32_crc32di(crc, word);
    }

    for ( /* void */ ; len != 0; p++, len--) {
        crc = __builtin_ia32_crc32qi(crc, (unsigned char) *p);
    }

    return crc;
}

#endif


/* four bits at a time: a key is short and the table stays in the cache */

static uint32_t
fig_crc32c_table(uint32_t crc, const char *p, size_t len)
{
    static const uint32_t  table[16] = {
        0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1,
        0x417b1dbc, 0x5125dad3, 0x61c69362, 0x7198540d,
        0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9,
        0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75
    };

    for ( /* void */ ; len != 0; p++, len--) {
        crc ^= (unsigned char) *p;
        crc = crc >> 4 ^ table[crc & 15];
        crc = crc >> 4 ^ table[crc & 15];
    }

    return crc;
}


uint64_t
fig_hash64(fig_str_t s, uint64_t seed)
{
    size_t    i;
    uint64_t  hash;

    hash = seed ^ 0xcbf29ce484222325u;

    for (i = 0; i < s.len; i++) {
        hash = (hash ^ (unsigned char) s.data[i]) * 0x00000100000001b3u;
    }

    hash = (hash ^ hash >> 33) * 0xff51afd7ed558ccdu;
    hash = (hash ^ hash >> 33) * 0xc4ceb9fe1a85ec53u;

    return hash ^ hash >> 33;
}
