
/*
 * Copyright (C) Ficus authors
 */


/* The module's arithmetic, which needs no nginx. */


#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "ngx_http_strangler_table.h"


#define SALT   ((const unsigned char *) "users")
#define SLOTS  NGX_HTTP_STRANGLER_SLOTS
#define KEYS   1000000


/* P of the accuracy test, hundredths of a per cent */

static const uint16_t  shares[] = { 1, 100, 1000, 3750, 5000, 9000 };


static ngx_http_strangler_weights_t
two(unsigned p)
{
    ngx_http_strangler_weights_t  w;

    memset(&w, 0, sizeof(w));

    w.narms = 2;
    w.weight[0] = (uint16_t) p;
    w.weight[1] = (uint16_t) (SLOTS - p);

    return w;
}


static ngx_http_strangler_weights_t
three(unsigned a, unsigned b, unsigned baseline)
{
    ngx_http_strangler_weights_t  w;

    memset(&w, 0, sizeof(w));

    w.narms = 3;
    w.baseline = baseline;
    w.weight[0] = (uint16_t) a;
    w.weight[1] = (uint16_t) b;
    w.weight[2] = (uint16_t) (SLOTS - a - b);

    return w;
}


static unsigned
owned(const uint8_t *slot, unsigned arm)
{
    unsigned  i, n;

    n = 0;

    for (i = 0; i < SLOTS; i++) {
        n += (slot[i] == arm);
    }

    return n;
}


static unsigned
bucket_of(unsigned long n)
{
    char    key[32];
    size_t  len;

    len = (size_t) snprintf(key, sizeof(key), "user-%lu", n);

    return ngx_http_strangler_bucket(SALT, 5, (unsigned char *) key, len);
}


/* murmur2 as nginx has it, the plain way, to compare with */

static uint32_t
murmur2(const unsigned char *p, size_t len)
{
    uint32_t  h, k;
    unsigned  i;

    h = (uint32_t) len;

    for ( /* void */ ; len >= 4; p += 4, len -= 4) {
        k = (uint32_t) p[0] | (uint32_t) p[1] << 8 | (uint32_t) p[2] << 16
            | (uint32_t) p[3] << 24;
        k *= 0x5bd1e995u;
        k ^= k >> 24;
        k *= 0x5bd1e995u;
        h = h * 0x5bd1e995u ^ k;
    }

    for (i = 0; i < len; i++) {
        h ^= (uint32_t) p[i] << (8 * i);
    }

    if (len) {
        h *= 0x5bd1e995u;
    }

    h ^= h >> 13;
    h *= 0x5bd1e995u;
    h ^= h >> 15;

    return h;
}


START_TEST(test_bucket_is_murmur2)
{
    size_t         i, salt, key;
    unsigned       state;
    unsigned char  text[40];

    state = 1;

    for (salt = 0; salt < 12; salt++) {
        for (key = 0; key < 24; key++) {

            for (i = 0; i < sizeof(text); i++) {
                state = state * 1103515245u + 12345u;
                text[i] = (unsigned char) (state >> 16);
            }

            ck_assert_uint_eq(ngx_http_strangler_bucket(text, salt,
                                                        text + salt, key),
                              murmur2(text, salt + key) % SLOTS);
        }
    }
}
END_TEST


/* 0.2 points of a million keys; a share of keys is never exact */

START_TEST(test_a_million_keys)
{
    size_t                         i;
    double                         got, wanted;
    uint8_t                        slot[SLOTS];
    unsigned                      *count;
    unsigned long                  n, sum;
    ngx_http_strangler_weights_t   w;

    count = calloc(SLOTS, sizeof(unsigned));
    ck_assert_ptr_nonnull(count);

    for (n = 0; n < KEYS; n++) {
        count[bucket_of(n)]++;
    }

    for (i = 0; i < sizeof(shares) / sizeof(shares[0]); i++) {

        w = two(shares[i]);
        memset(slot, NGX_HTTP_STRANGLER_NONE, SLOTS);
        ngx_http_strangler_table_apply(slot, &w);

        sum = 0;

        for (n = 0; n < SLOTS; n++) {
            sum += slot[n] == 0 ? count[n] : 0;
        }

        got = 100.0 * (double) sum / KEYS;
        wanted = shares[i] / 100.0;

        ck_assert_double_le(got, wanted + 0.2);
        ck_assert_double_ge(got, wanted - 0.2);
    }

    free(count);
}
END_TEST


START_TEST(test_none_and_all_are_exact)
{
    uint8_t                        slot[SLOTS];
    ngx_http_strangler_weights_t   w;

    memset(slot, NGX_HTTP_STRANGLER_NONE, SLOTS);

    w = two(0);
    ngx_http_strangler_table_apply(slot, &w);
    ck_assert_uint_eq(owned(slot, 0), 0);

    w = two(SLOTS);
    ngx_http_strangler_table_apply(slot, &w);
    ck_assert_uint_eq(owned(slot, 0), SLOTS);
}
END_TEST


/* from 100 to 0 in 50 steps no slot, hence no key, returns; and back */

START_TEST(test_ramp_never_returns)
{
    unsigned                       i, p;
    uint8_t                        slot[SLOTS], before[SLOTS];
    ngx_http_strangler_weights_t   w;

    memset(slot, NGX_HTTP_STRANGLER_NONE, SLOTS);

    w = two(SLOTS);
    ngx_http_strangler_table_apply(slot, &w);

    for (p = SLOTS - 200; p < SLOTS; p -= 200) {
        memcpy(before, slot, SLOTS);

        w = two(p);
        ngx_http_strangler_table_apply(slot, &w);

        ck_assert_uint_eq(owned(slot, 0), p);
        ck_assert(ngx_http_strangler_table_is_threshold(slot, &w));

        for (i = 0; i < SLOTS; i++) {
            ck_assert(before[i] == 0 || slot[i] == 1);
        }
    }

    ck_assert_uint_eq(owned(slot, 0), 0);

    for (p = 200; p <= SLOTS; p += 200) {
        w = two(p);
        ngx_http_strangler_table_apply(slot, &w);
        ck_assert(ngx_http_strangler_table_is_threshold(slot, &w));
    }
}
END_TEST


/* one arm's growth moves only what it needs, and from the baseline alone */

START_TEST(test_three_arms_move_the_fewest)
{
    unsigned                       i, moved;
    uint8_t                        slot[SLOTS], before[SLOTS];
    ngx_http_strangler_weights_t   w;

    memset(slot, NGX_HTTP_STRANGLER_NONE, SLOTS);

    w = three(1000, 3000, 2);
    ngx_http_strangler_table_apply(slot, &w);
    memcpy(before, slot, SLOTS);

    w = three(2000, 3000, 2);
    ngx_http_strangler_table_apply(slot, &w);

    moved = 0;

    for (i = 0; i < SLOTS; i++) {
        if (slot[i] != before[i]) {
            ck_assert_uint_eq(before[i], 2);
            ck_assert_uint_eq(slot[i], 0);
            moved++;
        }
    }

    ck_assert_uint_eq(moved, 1000);

    w = three(1000, 3000, 2);
    ngx_http_strangler_table_apply(slot, &w);
    ck_assert_mem_eq(slot, before, SLOTS);

    /* what one arm gives the other takes, the baseline stays out of it */

    w = three(3000, 1000, 2);
    ngx_http_strangler_table_apply(slot, &w);

    for (i = 0; i < SLOTS; i++) {
        ck_assert(slot[i] == before[i]
                  || (before[i] == 1 && slot[i] == 0));
    }
}
END_TEST


START_TEST(test_unknown_owners_are_free)
{
    unsigned                       i;
    uint8_t                        slot[SLOTS];
    ngx_http_strangler_weights_t   w;

    for (i = 0; i < SLOTS; i++) {
        slot[i] = (uint8_t) (i % 5);
    }

    w = three(2500, 2500, 0);
    ngx_http_strangler_table_apply(slot, &w);

    ck_assert_uint_eq(owned(slot, 0), 2500);
    ck_assert_uint_eq(owned(slot, 1), 2500);
    ck_assert_uint_eq(owned(slot, 2), 5000);
}
END_TEST


/* any 10000 requests are exact, and 10 are never off by more than one */

static void
check_keyless(const ngx_http_strangler_weights_t *w)
{
    uint64_t  n, k;
    unsigned  i, count[NGX_HTTP_STRANGLER_ARMS];
    unsigned  first[SLOTS + 10], ten;

    memset(count, 0, sizeof(count));

    for (n = 0; n < SLOTS + 10; n++) {
        first[n] = ngx_http_strangler_keyless(n + 12345, w);
        ck_assert_uint_lt(first[n], w->narms);
    }

    for (n = 0; n < SLOTS; n++) {
        count[first[n]]++;
    }

    for (i = 0; i < w->narms; i++) {
        ck_assert_uint_eq(count[i], w->weight[i]);
    }

    for (n = 0; n < SLOTS; n++) {
        ten = 0;

        for (k = 0; k < 10; k++) {
            ten += (first[n + k] == w->baseline);
        }

        ck_assert_uint_le(ten * 1000, w->weight[w->baseline] + 1000u);
        ck_assert_uint_ge(ten * 1000 + 1000, w->weight[w->baseline]);
    }
}


/* weights, what is left of the arms, the effective weights; baseline first */

static const struct {
    unsigned  weight[3];
    unsigned  level[3];
    unsigned  effective[3];
    int       live;
} breakers[] = {
    { { 6000, 3000, 1000 }, { 10000, 10000, 10000 }, { 6000, 3000, 1000 }, 1 },
    { { 6000, 3000, 1000 }, { 10000, 0, 10000 }, { 9000, 0, 1000 }, 1 },
    { { 6000, 3000, 1000 }, { 10000, 0, 0 }, { 10000, 0, 0 }, 1 },
    { { 6000, 3000, 1000 }, { 10000, 5000, 10000 }, { 7500, 1500, 1000 }, 1 },
    { { 6000, 3000, 1000 }, { 0, 10000, 10000 }, { 0, 7500, 2500 }, 1 },
    { { 6000, 3000, 1000 }, { 5000, 10000, 10000 }, { 3000, 5250, 1750 }, 1 },
    { { 6000, 3000, 1000 }, { 0, 0, 10000 }, { 0, 0, 10000 }, 1 },
    { { 6000, 3000, 1000 }, { 0, 0, 1 }, { 0, 0, 10000 }, 1 },
    { { 6000, 3000, 1000 }, { 0, 0, 0 }, { 6000, 3000, 1000 }, 0 },
    { { 9999, 0, 1 }, { 0, 10000, 10000 }, { 0, 0, 10000 }, 1 },
    { { 10000, 0, 0 }, { 0, 10000, 10000 }, { 10000, 0, 0 }, 0 },
    { { 10000, 0, 0 }, { 2500, 10000, 10000 }, { 10000, 0, 0 }, 1 },
    { { 0, 5000, 5000 }, { 10000, 0, 10000 }, { 5000, 0, 5000 }, 1 },
    { { 0, 5000, 5000 }, { 0, 0, 10000 }, { 0, 0, 10000 }, 1 },
    { { 1, 3333, 6666 }, { 0, 10000, 10000 }, { 0, 3333, 6667 }, 1 },
};


START_TEST(test_breakers)
{
    unsigned                      i, b;
    uint16_t                      level[NGX_HTTP_STRANGLER_ARMS];
    ngx_http_strangler_weights_t  w, e;

    /* the baseline is the last arm here */

    memset(&w, 0, sizeof(w));
    w.narms = 3;
    w.baseline = 2;

    for (i = 0; i < 3; i++) {
        b = (i + 2) % 3;
        w.weight[b] = (uint16_t) breakers[_i].weight[i];
        level[b] = (uint16_t) breakers[_i].level[i];
    }

    ck_assert_int_eq(ngx_http_strangler_table_effective(&w, level, &e),
                     breakers[_i].live);

    for (i = 0; i < 3; i++) {
        ck_assert_uint_eq(e.weight[(i + 2) % 3], breakers[_i].effective[i]);
    }
}
END_TEST


START_TEST(test_keyless_is_exact)
{
    size_t                         i;
    ngx_http_strangler_weights_t   w;

    for (i = 0; i < sizeof(shares) / sizeof(shares[0]); i++) {
        w = two(shares[i]);
        check_keyless(&w);
    }

    w = two(0);
    check_keyless(&w);
    w = two(SLOTS);
    check_keyless(&w);
    w = three(3333, 3333, 1);
    check_keyless(&w);
    w = three(1, 9999, 2);
    check_keyless(&w);
    w = three(0, 0, 0);
    check_keyless(&w);
}
END_TEST


int
main(void)
{
    int       failed;
    TCase    *tc;
    Suite    *suite;
    SRunner  *runner;

    suite = suite_create("strangler_table");
    tc = tcase_create("all");

    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, test_bucket_is_murmur2);
    tcase_add_test(tc, test_a_million_keys);
    tcase_add_test(tc, test_none_and_all_are_exact);
    tcase_add_test(tc, test_ramp_never_returns);
    tcase_add_test(tc, test_three_arms_move_the_fewest);
    tcase_add_test(tc, test_unknown_owners_are_free);
    tcase_add_loop_test(tc, test_breakers, 0,
                        sizeof(breakers) / sizeof(breakers[0]));
    tcase_add_test(tc, test_keyless_is_exact);
    suite_add_tcase(suite, tc);

    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);

    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
