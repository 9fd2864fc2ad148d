
/*
 * Copyright (C) Ficus authors
 */


/* Includes the source, to try the way of processors without the instruction. */


#include "../../shared/fig_hash.c"
#include "unit.h"
#include <stdio.h>


typedef struct {
    const char  *text;
    uint32_t     crc;
} vector_t;


/* the check value, and RFC 3720's examples in appendix B.4 */

static const vector_t  vectors[] = {
    { "", 0x00000000 },
    { "a", 0xc1d04330 },
    { "123456789", 0xe3069283 },
    { "The quick brown fox jumps over the lazy dog", 0x22620404 }
};


START_TEST(test_vectors)
{
    char       bytes[32];
    size_t     i;
    fig_str_t  s;

    for (i = 0; i < UNIT_COUNT(vectors); i++) {
        s = fig_str_from(vectors[i].text);
        ck_assert_uint_eq(fig_crc32c(s), vectors[i].crc);
    }

    s.data = bytes;
    s.len = sizeof(bytes);

    memset(bytes, 0, sizeof(bytes));
    ck_assert_uint_eq(fig_crc32c(s), 0x8a9136aa);

    memset(bytes, 0xff, sizeof(bytes));
    ck_assert_uint_eq(fig_crc32c(s), 0x62a8ab43);

    for (i = 0; i < sizeof(bytes); i++) {
        bytes[i] = (char) i;
    }

    ck_assert_uint_eq(fig_crc32c(s), 0x46dd794e);

    for (i = 0; i < sizeof(bytes); i++) {
        bytes[i] = (char) (31 - i);
    }

    ck_assert_uint_eq(fig_crc32c(s), 0x113fdb5c);
}
END_TEST


/* all lengths and alignments: both ways give the same */

START_TEST(test_table)
{
    char       bytes[80];
    size_t     i, from;
    fig_str_t  s;

    for (i = 0; i < sizeof(bytes); i++) {
        bytes[i] = (char) (i * 37 + 11);
    }

    for (from = 0; from < 8; from++) {
        for (s.len = 0; s.len <= sizeof(bytes) - 8; s.len++) {
            s.data = bytes + from;
            ck_assert_uint_eq(fig_crc32c(s),
                              ~fig_crc32c_table(UINT32_MAX, s.data, s.len));
        }
    }

    ck_assert_uint_eq(~fig_crc32c_table(UINT32_MAX, "123456789", 9),
                      0xe3069283);
}
END_TEST


START_TEST(test_partition)
{
    char      key[32];
    unsigned  i, n, count[FIG_PARTITIONS];

    ck_assert_uint_eq(fig_partition(FIG_STR("123456789")), 0xe3069283 % 64);
    ck_assert_uint_eq(fig_partition(FIG_STR("")), 0);

    memset(count, 0, sizeof(count));

    for (i = 0; i < 64000; i++) {
        (void) snprintf(key, sizeof(key), "user-%u", i);
        n = fig_partition(fig_str_from(key));
        ck_assert_uint_lt(n, FIG_PARTITIONS);
        count[n]++;
    }

    for (i = 0; i < FIG_PARTITIONS; i++) {
        ck_assert_uint_gt(count[i], 800);
        ck_assert_uint_lt(count[i], 1200);
    }
}
END_TEST


/* these numbers must never change: other versions compare with them */

START_TEST(test_hash64)
{
    ck_assert_uint_eq(fig_hash64(FIG_STR(""), 0), 0xefd01f60ba992926u);
    ck_assert_uint_eq(fig_hash64(FIG_STR("a"), 0), 0x82a2a958a9bece5bu);
    ck_assert_uint_eq(fig_hash64(FIG_STR("users/u1"), 7), 0x7366dec73e199c69u);
}
END_TEST


/* one bit of the text or the seed moves about half of the bits */

START_TEST(test_hash64_mixes)
{
    int       i, moved;
    char      text[8];
    uint64_t  hash;

    memcpy(text, "u1234567", sizeof(text));
    hash = fig_hash64((fig_str_t) { 8, text }, 0);

    for (i = 0; i < 64; i++) {
        text[i / 8] = (char) (text[i / 8] ^ 1 << i % 8);

        moved = __builtin_popcountll(hash ^ fig_hash64((fig_str_t) { 8, text },
                                                       0));
        ck_assert_int_gt(moved, 12);
        ck_assert_int_lt(moved, 52);

        text[i / 8] = (char) (text[i / 8] ^ 1 << i % 8);

        moved = __builtin_popcountll(hash ^ fig_hash64((fig_str_t) { 8, text },
                                                       (uint64_t) 1 << i));
        ck_assert_int_gt(moved, 12);
        ck_assert_int_lt(moved, 52);
    }
}
END_TEST


int
main(void)
{
    const TTest *const tests[] = {
        test_vectors,
        test_table,
        test_partition,
        test_hash64,
        test_hash64_mixes
    };

    return unit_run("fig_hash", tests, UNIT_COUNT(tests));
}
