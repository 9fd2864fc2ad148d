
/*
 * Copyright (C) Ficus authors
 */


#include "bus_cases.h"
#include <stdlib.h>


/* s; JetStream is silent for some before a reader believes that it is gone */
#define BUS_CASES_TIME  120

#define BUS_CASES_MAX   32


static void bus_case_call(int n);


static bus_case_run_pt  bus_case_run;
static TTest            bus_cases[BUS_CASES_MAX];
static TFun             bus_case_tests[BUS_CASES_MAX];
static int              bus_cases_n;


int
bus_cases_run(bus_case_run_pt run)
{
    int       i, failed;
    TCase    *tc;
    Suite    *suite;
    SRunner  *runner;

    bus_case_run = run;
    bus_cases_publish();
    bus_cases_read();
    bus_cases_streams();
    bus_cases_request();

    suite = suite_create(bus_server.name);
    tc = tcase_create("bus");
    tcase_set_timeout(tc, BUS_CASES_TIME);

    for (i = 0; i < bus_cases_n; i++) {
        tcase_add_loop_test(tc, &bus_cases[i], i, i + 1);
    }

    suite_add_tcase(suite, tc);

    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);

    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}


void
bus_case(const TTest *test)
{
    if (bus_cases_n == BUS_CASES_MAX) {
        abort();
    }

    bus_cases[bus_cases_n] = *test;
    bus_cases[bus_cases_n].fn = bus_case_call;
    bus_case_tests[bus_cases_n] = test->fn;
    bus_cases_n++;
}


static void
bus_case_call(int n)
{
    if (bus_case_run) {
        bus_case_run(bus_case_tests[n]);

    } else {
        bus_case_tests[n](n);
    }
}
