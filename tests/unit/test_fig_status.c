
/*
 * Copyright (C) Ficus authors
 */


#include "fig_status.h"
#include "unit.h"


START_TEST(test_names)
{
    int                       i, j;
    static const char *const  names[] = {
        "ok",
        "error",
        "again",
        "declined",
        "out of memory",
        "invalid",
        "conflict",
        "taken",
        "busy",
        "full",
        "unknown outcome"
    };

    for (i = 0; i < (int) UNIT_COUNT(names); i++) {
        ck_assert_str_eq(fig_status_name((fig_status_t) -i), names[i]);

        for (j = 0; j < i; j++) {
            ck_assert_str_ne(names[i], names[j]);
        }
    }
}
END_TEST


START_TEST(test_no_status)
{
    volatile int  n;

    n = 1;
    ck_assert_str_eq(fig_status_name((fig_status_t) n), "no status");
    n = -11;
    ck_assert_str_eq(fig_status_name((fig_status_t) n), "no status");
}
END_TEST


int
main(void)
{
    const TTest *const tests[] = {
        test_names,
        test_no_status
    };

    return unit_run("fig_status", tests, UNIT_COUNT(tests));
}
