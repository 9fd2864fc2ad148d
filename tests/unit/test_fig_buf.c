
/*
 * Copyright (C) Ficus authors
 */


/* Strings, arena and buffer. */


#include "fig_buf.h"
#include "unit.h"
#include <stdlib.h>
#include <string.h>


static const fig_str_t  absent;


START_TEST(test_str_from)
{
    fig_str_t  s;

    s = fig_str_from("abc");
    ck_assert_uint_eq(s.len, 3);
    ck_assert_mem_eq(s.data, "abc", 3);

    s = fig_str_from("");
    ck_assert_uint_eq(s.len, 0);
    ck_assert_ptr_nonnull(s.data);

    s = fig_str_from(NULL);
    ck_assert_uint_eq(s.len, 0);
    ck_assert_ptr_null(s.data);
}
END_TEST


START_TEST(test_str_eq)
{
    ck_assert(fig_str_eq(FIG_STR("abc"), FIG_STR("abc")));
    ck_assert(fig_str_eq(FIG_STR("a\0c"), FIG_STR("a\0c")));
    ck_assert(!fig_str_eq(FIG_STR("a\0c"), FIG_STR("a\0d")));
    ck_assert(!fig_str_eq(FIG_STR("abc"), FIG_STR("abd")));
    ck_assert(!fig_str_eq(FIG_STR("abc"), FIG_STR("abcd")));
    ck_assert(!fig_str_eq(FIG_STR("abc"), FIG_STR("ABC")));
    ck_assert(fig_str_eq(FIG_STR(""), FIG_STR("")));
    ck_assert(fig_str_eq(absent, absent));
    ck_assert(!fig_str_eq(absent, FIG_STR("")));
    ck_assert(!fig_str_eq(FIG_STR(""), absent));
}
END_TEST


START_TEST(test_str_ieq)
{
    ck_assert(fig_str_ieq(FIG_STR("Content-TYPE"), FIG_STR("content-type")));
    ck_assert(!fig_str_ieq(FIG_STR("abc"), FIG_STR("abd")));
    ck_assert(!fig_str_ieq(FIG_STR("abc"), FIG_STR("abcd")));
    ck_assert(fig_str_ieq(absent, absent));
    ck_assert(!fig_str_ieq(absent, FIG_STR("")));

    /* only letters, and only those of ASCII */
    ck_assert(!fig_str_ieq(FIG_STR("["), FIG_STR("{")));
    ck_assert(!fig_str_ieq(FIG_STR("@"), FIG_STR("`")));
    ck_assert(!fig_str_ieq(FIG_STR("\xc3\x84"), FIG_STR("\xc3\xa4")));
    ck_assert(fig_str_ieq(FIG_STR("AZaz"), FIG_STR("azAZ")));
}
END_TEST


START_TEST(test_str_cmp)
{
    ck_assert_int_eq(fig_str_cmp(FIG_STR("abc"), FIG_STR("abc")), 0);
    ck_assert_int_lt(fig_str_cmp(FIG_STR("abc"), FIG_STR("abd")), 0);
    ck_assert_int_gt(fig_str_cmp(FIG_STR("b"), FIG_STR("abc")), 0);
    ck_assert_int_lt(fig_str_cmp(FIG_STR("ab"), FIG_STR("abc")), 0);
    ck_assert_int_gt(fig_str_cmp(FIG_STR("abc"), FIG_STR("ab")), 0);
    ck_assert_int_lt(fig_str_cmp(FIG_STR("a"), FIG_STR("\xff")), 0);
    ck_assert_int_lt(fig_str_cmp(FIG_STR("a\0a"), FIG_STR("a\0b")), 0);
    ck_assert_int_eq(fig_str_cmp(FIG_STR(""), absent), 0);
    ck_assert_int_lt(fig_str_cmp(absent, FIG_STR("a")), 0);
}
END_TEST


START_TEST(test_str_uint)
{
    size_t    i;
    uint64_t  n;

    static const fig_str_t  wrong[] = {
        fig_str(""), fig_str("-1"), fig_str("+1"), fig_str(" 1"),
        fig_str("1 "), fig_str("1.0"), fig_str("0x1"), fig_str("1e3"),
        fig_str("1\0"), fig_str("a"), fig_str("18446744073709551616"),
        fig_str("99999999999999999999"), fig_str("184467440737095516150"),
        { 0, NULL }
    };

    for (i = 0; i < UNIT_COUNT(wrong); i++) {
        ck_assert_int_eq(fig_str_uint(wrong[i], UINT64_MAX, &n), FIG_INVALID);
    }

    ck_assert_int_eq(fig_str_uint(FIG_STR("0"), 0, &n), FIG_OK);
    ck_assert_uint_eq(n, 0);
    ck_assert_int_eq(fig_str_uint(FIG_STR("1"), 0, &n), FIG_INVALID);
    ck_assert_int_eq(fig_str_uint(FIG_STR("007"), 10, &n), FIG_OK);
    ck_assert_uint_eq(n, 7);
    ck_assert_int_eq(fig_str_uint(FIG_STR("1000"), 1000, &n), FIG_OK);
    ck_assert_uint_eq(n, 1000);
    ck_assert_int_eq(fig_str_uint(FIG_STR("1001"), 1000, &n), FIG_INVALID);
    ck_assert_int_eq(fig_str_uint(FIG_STR("18446744073709551615"), UINT64_MAX,
                                  &n),
                     FIG_OK);
    ck_assert_uint_eq(n, UINT64_MAX);

    /* only the bytes of the string count */
    ck_assert_int_eq(fig_str_uint((fig_str_t) { 2, "123" }, 99, &n), FIG_OK);
    ck_assert_uint_eq(n, 12);
}
END_TEST


/* of many sizes: aligned, apart from each other, and all there */

START_TEST(test_arena_alloc)
{
    int            round;
    char          *p[500];
    size_t         i, k, size;
    fig_arena_t   *arena;

    arena = fig_arena_create(1000, 10 * 1024 * 1024);
    ck_assert_ptr_nonnull(arena);

    for (round = 0; round < 3; round++) {

        for (i = 0; i < UNIT_COUNT(p); i++) {
            size = i * i % 3001;
            p[i] = fig_arena_alloc(arena, size);
            ck_assert_ptr_nonnull(p[i]);
            ck_assert_uint_eq((uintptr_t) p[i] % _Alignof(max_align_t), 0);
            memset(p[i], (int) i, size);
        }

        for (i = 0; i < UNIT_COUNT(p); i++) {
            size = i * i % 3001;

            for (k = 0; k < size; k++) {
                ck_assert_int_eq((unsigned char) p[i][k], (unsigned char) i);
            }
        }

        fig_arena_reset(arena);
    }

    fig_arena_destroy(arena);
    fig_arena_destroy(NULL);
}
END_TEST


START_TEST(test_arena_calloc)
{
    int           i;
    char         *p;
    char          zero[600];
    fig_arena_t  *arena;

    memset(zero, 0, sizeof(zero));
    arena = fig_arena_create(4096, 4096);

    for (i = 0; i < 3; i++) {
        p = fig_arena_calloc(arena, sizeof(zero));
        ck_assert_ptr_nonnull(p);
        ck_assert_mem_eq(p, zero, sizeof(zero));
        memset(p, 'x', sizeof(zero));
        fig_arena_reset(arena);
    }

    ck_assert_ptr_null(fig_arena_calloc(arena, 4097));

    fig_arena_destroy(arena);
}
END_TEST


START_TEST(test_arena_limit)
{
    int           i;
    fig_arena_t  *arena;

    arena = fig_arena_create(128, 1024);

    for (i = 0; i < 3; i++) {
        ck_assert_ptr_null(fig_arena_alloc(arena, 1025));
        ck_assert_ptr_null(fig_arena_alloc(arena, SIZE_MAX));
        ck_assert_ptr_nonnull(fig_arena_alloc(arena, 1000));
        ck_assert_ptr_null(fig_arena_alloc(arena, 25));
        ck_assert_ptr_nonnull(fig_arena_alloc(arena, 16));
        ck_assert_ptr_null(fig_arena_alloc(arena, 1));
        ck_assert_ptr_null(fig_arena_dup(arena, FIG_STR("a")).data);
        ck_assert_ptr_null(fig_arena_printf(arena, "a").data);
        ck_assert_ptr_null(fig_arena_printf(arena, "%600d", 1).data);

        /* a reset gives it back */
        fig_arena_reset(arena);
    }

    for (i = 0; i < 64; i++) {
        ck_assert_ptr_nonnull(fig_arena_alloc(arena, 16));
    }

    ck_assert_ptr_null(fig_arena_alloc(arena, 16));
    fig_arena_destroy(arena);

    /* the limit itself, even where it is no multiple of anything */

    arena = fig_arena_create(16, 101);
    ck_assert_ptr_nonnull(fig_arena_alloc(arena, 101));
    ck_assert_ptr_null(fig_arena_alloc(arena, 1));
    fig_arena_destroy(arena);

    arena = fig_arena_create(0, SIZE_MAX);
    ck_assert_ptr_nonnull(fig_arena_alloc(arena, 100));
    ck_assert_ptr_null(fig_arena_alloc(arena, SIZE_MAX - 200));
    ck_assert_ptr_null(fig_arena_alloc(arena, SIZE_MAX / 2));
    fig_arena_destroy(arena);

    ck_assert_ptr_null(fig_arena_create(SIZE_MAX, SIZE_MAX));
    ck_assert_ptr_null(fig_arena_create(SIZE_MAX / 2, SIZE_MAX));
}
END_TEST


/* after a reset the memory of the first block is used again, not new one */

START_TEST(test_arena_reset)
{
    void         *p;
    fig_arena_t  *arena;

    arena = fig_arena_create(256, 100000);

    p = fig_arena_alloc(arena, 100);
    ck_assert_ptr_nonnull(fig_arena_alloc(arena, 5000));
    ck_assert_ptr_nonnull(fig_arena_alloc(arena, 200));

    fig_arena_reset(arena);
    ck_assert_ptr_eq(fig_arena_alloc(arena, 100), p);

    /* a large one does not end the block in use */

    ck_assert_ptr_nonnull(fig_arena_alloc(arena, 5000));
    ck_assert_ptr_eq(fig_arena_alloc(arena, 16), (char *) p + 112);

    /* the block is used to its end */

    ck_assert_ptr_eq(fig_arena_alloc(arena, 128), (char *) p + 128);

    fig_arena_destroy(arena);
}
END_TEST


START_TEST(test_arena_text)
{
    char          text[600];
    fig_str_t     s;
    fig_arena_t  *arena;

    arena = fig_arena_create(64, 100000);

    s = fig_arena_dup(arena, FIG_STR("a\0c"));
    ck_assert_uint_eq(s.len, 3);
    ck_assert_mem_eq(s.data, "a\0c", 4);

    s = fig_arena_dup(arena, FIG_STR(""));
    ck_assert_uint_eq(s.len, 0);
    ck_assert_str_eq(s.data, "");

    s = fig_arena_dup(arena, absent);
    ck_assert_uint_eq(s.len, 0);
    ck_assert_ptr_null(s.data);

    ck_assert_ptr_null(fig_arena_dup(arena, (fig_str_t) { SIZE_MAX, "" }).data);

    s = fig_arena_printf(arena, "%s-%d", "abc", 42);
    ck_assert_uint_eq(s.len, 6);
    ck_assert_str_eq(s.data, "abc-42");

    /* around the size at which it needs a second try */

    for (s.len = 500; s.len < sizeof(text); s.len++) {
        memset(text, 'x', s.len);
        text[s.len] = '\0';
        ck_assert_str_eq(fig_arena_printf(arena, "%s", text).data, text);
        ck_assert_uint_eq(fig_arena_printf(arena, "%s", text).len, s.len);

        if (s.len == sizeof(text) - 1) {
            break;
        }

        fig_arena_reset(arena);
    }

    fig_arena_destroy(arena);
}
END_TEST


START_TEST(test_buf_append)
{
    int        i;
    char       wanted[2000];
    fig_buf_t  buf;

    fig_buf_init(&buf, 4000);

    ck_assert(fig_buf_ok(&buf));
    ck_assert_uint_eq(fig_buf_view(&buf).len, 0);
    ck_assert_str_eq(fig_buf_view(&buf).data, "");
    ck_assert_ptr_null(buf.data);

    for (i = 0; i < 100; i++) {
        fig_buf_puts(&buf, "abc");
        fig_buf_str(&buf, FIG_STR("d\0f"));
        fig_buf_str(&buf, absent);
        fig_buf_append(&buf, "gh", 2);
        fig_buf_printf(&buf, "%02d", i);
        ck_assert_uint_eq(buf.len, 10 * (size_t) (i + 1));
        ck_assert_int_eq(buf.data[buf.len], '\0');
    }

    for (i = 0; i < 100; i++) {
        memcpy(wanted + 10 * i, "abcd\0fgh", 8);
        wanted[10 * i + 8] = (char) ('0' + i / 10);
        wanted[10 * i + 9] = (char) ('0' + i % 10);
    }

    ck_assert(fig_buf_ok(&buf));
    ck_assert_mem_eq(fig_buf_view(&buf).data, wanted, 1000);

    fig_buf_clear(&buf);
    ck_assert_ptr_null(buf.data);

    fig_buf_puts(&buf, "again");
    ck_assert_str_eq(fig_buf_view(&buf).data, "again");
    fig_buf_clear(&buf);
}
END_TEST


/* one byte at a time and one too many */

START_TEST(test_buf_max)
{
    size_t     i, max;
    fig_buf_t  buf;

    for (max = 0; max < 600; max += 37) {
        fig_buf_init(&buf, max);

        for (i = 0; i < max; i++) {
            fig_buf_append(&buf, "x", 1);
            ck_assert(fig_buf_ok(&buf));
            ck_assert_uint_eq(buf.len, i + 1);
        }

        fig_buf_append(&buf, "", 0);
        ck_assert(fig_buf_ok(&buf));

        fig_buf_append(&buf, "x", 1);
        ck_assert(!fig_buf_ok(&buf));
        ck_assert_ptr_null(buf.data);
        ck_assert_ptr_null(fig_buf_view(&buf).data);
        ck_assert_uint_eq(fig_buf_view(&buf).len, 0);

        /* it stays so */

        fig_buf_append(&buf, "", 0);
        fig_buf_puts(&buf, "");
        fig_buf_printf(&buf, "%s", "");
        ck_assert(!fig_buf_ok(&buf));
        ck_assert_ptr_null(buf.data);

        fig_buf_reset(&buf);
        ck_assert(fig_buf_ok(&buf));
        fig_buf_clear(&buf);
    }
}
END_TEST


START_TEST(test_buf_printf)
{
    size_t     max, len;
    fig_buf_t  buf;

    for (max = 200; max < 600; max++) {
        fig_buf_init(&buf, max);

        fig_buf_puts(&buf, "abc");

        for (len = 3; len + 17 <= max; len += 17) {
            fig_buf_printf(&buf, "%17d", 42);
            ck_assert(fig_buf_ok(&buf));
            ck_assert_uint_eq(buf.len, len + 17);
            ck_assert_str_eq(buf.data + len, "               42");
        }

        fig_buf_printf(&buf, "%*d", (int) (max - len), 4);
        ck_assert(fig_buf_ok(&buf) == (max != len));

        fig_buf_printf(&buf, "%17d", 42);
        ck_assert(!fig_buf_ok(&buf));
        ck_assert_ptr_null(buf.data);

        fig_buf_clear(&buf);
    }
}
END_TEST


START_TEST(test_buf_reset)
{
    char      *data;
    fig_buf_t  buf;

    fig_buf_init(&buf, SIZE_MAX);
    fig_buf_reset(&buf);

    fig_buf_puts(&buf, "some text");
    data = buf.data;

    fig_buf_reset(&buf);
    ck_assert_uint_eq(buf.len, 0);
    ck_assert_str_eq(fig_buf_view(&buf).data, "");

    fig_buf_puts(&buf, "other");
    ck_assert_ptr_eq(buf.data, data);
    ck_assert_str_eq(buf.data, "other");

    fig_buf_append(&buf, "x", SIZE_MAX - 6);
    ck_assert(!fig_buf_ok(&buf));

    fig_buf_clear(&buf);
}
END_TEST


int
main(void)
{
    const TTest *const tests[] = {
        test_str_from,
        test_str_eq,
        test_str_ieq,
        test_str_cmp,
        test_str_uint,
        test_arena_alloc,
        test_arena_calloc,
        test_arena_limit,
        test_arena_reset,
        test_arena_text,
        test_buf_append,
        test_buf_max,
        test_buf_printf,
        test_buf_reset
    };

    return unit_run("fig_buf", tests, UNIT_COUNT(tests));
}
