
/*
 * Copyright (C) Ficus authors
 */


/*
 * What every bus has to do (tests/unit/bus_cases.h), with the one of the
 * simulation: each case once for every seed, in a fiber of a process that has
 * nothing else to do.
 */


#include <stdio.h>
#include <string.h>

#include "bus_cases.h"
#include "sim_broker.h"
#include "sim_bugs.h"


#define SIM_BUS_SEEDS  50


static void sim_bus_case(TFun test);
static void sim_bus_fiber(void *data);
static const char *sim_server_create(const char *config);
static void sim_server_drop(void);
static void sim_server_limit(unsigned max_payload);
static void sim_server_start(void);
static void sim_server_stop(void);
static void sim_server_remove(void);
static void sim_server_forget(void);
static void sim_server_discard(void);
static void sim_server_keep(void);
static void sim_server_restore(void);


const bus_server_t  bus_server = {
    "simulation",
    sim_server_create,
    sim_server_drop,
    sim_server_limit,
    sim_server_start,
    sim_server_stop,
    sim_server_remove,
    sim_server_forget,
    sim_server_discard,
    sim_server_keep,
    sim_server_restore
};


int
main(void)
{
    return bus_cases_run(sim_bus_case);
}


static void
sim_bus_case(TFun test)
{
    uint64_t  seed;

    for (seed = 1; seed <= SIM_BUS_SEEDS; seed++) {
        sim_begin(seed);
        sim.processes[0].state = SIM_UP;
        (void) sim_spawn(&sim.processes[0], "case", sim_bus_fiber, &test);
        sim_loop();

        ck_assert_msg(!sim.failed, "seed %llu: %s", (unsigned long long) seed,
                      sim.why);
    }
}


static void
sim_bus_fiber(void *data)
{
    TFun  *test = data;

    (*test)(0);
    sim.done = true;
}


static const char *
sim_server_create(const char *config)
{
    (void) config;
    sim_server_stop();

    return "sim://";
}


static void
sim_server_drop(void)
{
    /* void */
}


static void
sim_server_limit(unsigned max_payload)
{
    sim_broker_max = max_payload;
}


static void
sim_server_start(void)
{
    unsigned  i;

    sim_broker_down = 0;

    for (i = 0; i < SIM_PROCESSES; i++) {
        sim_links[i].cut = 0;
        sim_link_cut(&sim_links[i], sim.now);
    }
}


static void
sim_server_stop(void)
{
    sim_broker_restart(SIM_NEVER / 2);
}


static void
sim_server_remove(void)
{
    sim_stream_wipe(sim_stream("USERS"));
}


static void
sim_server_forget(void)
{
    sim_durable_forget(sim_stream("USERS"));
}


static void
sim_server_discard(void)
{
    sim_stream_discard(sim_stream("USERS"), SIM_MESSAGES);
}


static void
sim_server_keep(void)
{
    sim_stream_keep(sim_stream("USERS"));
}


static void
sim_server_restore(void)
{
    sim_stream_restore(sim_stream("USERS"));
}


void
broker_sleep(unsigned ms)
{
    sim_sleep((uint64_t) ms * SIM_MS);
}
