
/*
 * Copyright (C) Ficus authors
 */


/* The test behind a ramp's guards: rarely wrong, however often it is asked. */


#include <check.h>
#include <stdlib.h>

#include "../../nginx-module/ngx_http_strangler_evidence.c"


#define RAMPS   2000
#define BLOCKS  200
#define LIMIT   4.605170186     /* log(100): alpha is 0.01 */


static double
chance(void)
{
    return drand48();
}


static double
bad(unsigned n, double rate)
{
    double    x;
    unsigned  i;

    x = 0;

    for (i = 0; i < n; i++) {
        x += (chance() < rate);
    }

    return x;
}


/* in how many blocks the limit is passed; BLOCKS + 1 if it never is */

static unsigned
passed(unsigned na, double pa, unsigned nb, double pb, double margin)
{
    double                       log_e;
    unsigned                     i;
    ngx_http_strangler_sample_t  a, b, arm, base;

    log_e = 0;
    arm.n = arm.x = base.n = base.x = 0;

    for (i = 1; i <= BLOCKS; i++) {
        a.n = na;
        a.x = bad(na, pa);
        b.n = nb;
        b.x = bad(nb, pb);

        log_e += ngx_http_strangler_evidence(&a, &b, &arm, &base, margin);

        if (log_e >= LIMIT) {
            break;
        }

        arm.n += a.n;
        arm.x += a.x;
        base.n += b.n;
        base.x += b.x;
    }

    return i;
}


static const struct {
    unsigned  na, nb;
    double    pa, pb, margin;
} equals[] = {
    { 10, 90, 0.01, 0.01, 0 },
    { 1, 9, 0.05, 0.05, 0 },
    { 50, 50, 0.2, 0.2, 0 },
    { 10, 90, 0.02, 0.01, 0.01 },
    { 1, 1, 0.5, 0.5, 0 },
    { 5, 5, 0.11, 0.01, 0.1 },
};


START_TEST(test_no_false_alarm)
{
    unsigned  i, alarms;

    srand48(20261121 + _i);
    alarms = 0;

    for (i = 0; i < RAMPS; i++) {
        alarms += (passed(equals[_i].na, equals[_i].pa, equals[_i].nb,
                          equals[_i].pb, equals[_i].margin)
                   <= BLOCKS);
    }

    ck_assert_uint_le(alarms, RAMPS / 100 + 14);     /* + 3 deviations */
}
END_TEST


/* new arm, baseline, margin, and blocks within which it must show */

static const struct {
    unsigned  na, nb;
    double    pa, pb, margin;
    unsigned  blocks;
} worse[] = {
    { 10, 90, 1, 0, 0.01, 3 },
    { 10, 90, 0.5, 0.01, 0.01, 8 },
    { 10, 90, 0.2, 0.01, 0.01, 40 },
    { 50, 50, 0.1, 0.01, 0.01, 20 },
    { 50, 50, 0.05, 0.01, 0.01, 60 },
    { 1, 1, 1, 0, 0.01, 20 },
    { 5, 0, 1, 0, 0.01, 4 },
};


START_TEST(test_a_worse_arm_shows)
{
    unsigned  i, late;

    srand48(20261121 + _i);
    late = 0;

    for (i = 0; i < 200; i++) {
        late += (passed(worse[_i].na, worse[_i].pa, worse[_i].nb,
                        worse[_i].pb, worse[_i].margin)
                 > worse[_i].blocks);
    }

    ck_assert_uint_le(late, 10);
}
END_TEST


START_TEST(test_values_are_fair)
{
    double                       e, p;
    unsigned                     x, y;
    ngx_http_strangler_sample_t  a = { 2, 0 }, b = { 1, 0 };
    ngx_http_strangler_sample_t  arm = { 20, 8 }, base = { 20, 1 };
    static const double          choose[] = { 1, 2, 1 };

    /* the mean of a block's value is at most 1 under each equal rate */

    for (p = 0.01; p < 1; p += 0.01) {
        e = 0;

        for (x = 0; x <= 2; x++) {
            for (y = 0; y <= 1; y++) {
                a.x = x;
                b.x = y;

                e += choose[x] * pow(p, x + y) * pow(1 - p, 3 - x - y)
                     * exp(ngx_http_strangler_evidence(&a, &b, &arm, &base,
                                                       0));
            }
        }

        ck_assert_double_le(e, 1.0000001);
    }
}
END_TEST


START_TEST(test_nothing_says_nothing)
{
    ngx_http_strangler_sample_t  none = { 0, 0 }, some = { 10, 10 };

    ck_assert_double_eq(ngx_http_strangler_evidence(&none, &some, &some, &none,
                                                    0), 0);
    ck_assert_double_eq(ngx_http_strangler_evidence(&some, &some, &none, &none,
                                                    0), 0);
    ck_assert_double_eq(ngx_http_strangler_evidence(&some, &some, &none, &some,
                                                    0), 0);
}
END_TEST


int
main(void)
{
    int       failed;
    Suite    *s;
    TCase    *tc;
    SRunner  *sr;

    s = suite_create("strangler_evidence");
    tc = tcase_create("evidence");
    tcase_set_timeout(tc, 60);

    tcase_add_loop_test(tc, test_no_false_alarm, 0,
                        sizeof(equals) / sizeof(equals[0]));
    tcase_add_loop_test(tc, test_a_worse_arm_shows, 0,
                        sizeof(worse) / sizeof(worse[0]));
    tcase_add_test(tc, test_values_are_fair);
    tcase_add_test(tc, test_nothing_says_nothing);
    suite_add_tcase(s, tc);

    sr = srunner_create(s);
    srunner_run_all(sr, CK_NORMAL);
    failed = srunner_ntests_failed(sr);
    srunner_free(sr);

    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
