
/*
 * Copyright (C) Ficus authors
 */


/*
 * What every bus has to do, as fig_bus.h says it: the tests that are run with
 * JetStream (test_fig_bus_cases.c), and with the bus in memory under many
 * schedules (tests/sim/bus.c).
 */


#ifndef BUS_CASES_H_INCLUDED
#define BUS_CASES_H_INCLUDED


#include "bus_fixture.h"


typedef void (*bus_case_run_pt)(TFun test);


/*
 * Runs all of them, each in a process of its own, and returns what main()
 * should.  run calls one where its threads and clocks are; NULL: here.
 */

int bus_cases_run(bus_case_run_pt run);


/* for bus_cases_*.c */

void bus_case(const TTest *test);
void bus_cases_publish(void);
void bus_cases_read(void);
void bus_cases_streams(void);
void bus_cases_request(void);


#endif /* BUS_CASES_H_INCLUDED */
