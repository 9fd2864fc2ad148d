
/*
 * Copyright (C) Ficus authors
 */


/*
 * One schedule.
 */


#include <string.h>

#include "sim_broker.h"
#include "sim_bugs.h"
#include "sim_check.h"


/* how long it may take until all is in step again */
#define SIM_LEVEL   (10 * (uint64_t) SIM_SECOND)
#define SIM_LOOK    (50 * SIM_MS)
#define SIM_UP_IN   (10 * (uint64_t) SIM_SECOND)


static void sim_director(void *data);
static bool sim_director_up(void);
static void sim_director_level(void);


sim_t          sim;
sim_options_t  sim_options;


void
sim_run(uint64_t seed)
{
    sim_begin(seed);
    (void) sim_spawn(NULL, "director", sim_director, NULL);
    sim_loop();
}


void
sim_begin(uint64_t seed)
{
    bool  tracing;

    tracing = sim.tracing;

    memset(&sim, 0, sizeof(sim_t));
    sim.seed = seed;
    sim.random = seed * 0xd1342543de82ef95 + 1;
    sim.now = SIM_SECOND;
    sim.tracing = tracing;

    sim_memory_use(NULL);
    sim_alloc_reset();
    sim_fibers_reset();
    sim_store_init();
    sim_broker_init();
    sim_check_init();
    sim_faults_choose();
    sim_processes_init();
    sim_bugs_init();
}


static void
sim_director(void *data)
{
    unsigned  i;

    (void) data;

    for (i = 0; i < SIM_PROCESSES; i++) {
        sim_process_start(&sim.processes[i]);
    }

    sim_clients_start();
    sim_faults_start();

    while (!sim_clients_done() || !sim_faults_done()) {
        sim_sleep(SIM_LOOK);
    }

    sim_faults_heal();

    if (!sim_director_up()) {
        sim_violation("the processes do not come up");
        return;
    }

    if (sim.lost && sim_options.repair == SIM_REPAIR_NO) {

        /* what is on its way to the store is there then */
        sim_sleep(2 * SIM_SECOND);

        if (!sim_clients_touch()) {
            sim_violation("a user can't be changed, though all is well");
            return;
        }

        sim.healed = sim.now;
    }

    sim_director_level();
}


static bool
sim_director_up(void)
{
    unsigned  i;

    while (sim.now < sim.healed + SIM_UP_IN) {

        for (i = 0; i < SIM_PROCESSES; i++) {

            if (sim.processes[i].state != SIM_UP) {
                break;
            }
        }

        if (i == SIM_PROCESSES) {
            return true;
        }

        sim_sleep(SIM_LOOK);
    }

    return false;
}


static void
sim_director_level(void)
{
    const char  *what;

    while (!sim_check_level(&what)) {

        if (sim.now > sim.healed + SIM_LEVEL) {
            sim_violation("%llu s after the last trouble: %s",
                          (unsigned long long) SIM_LEVEL / SIM_SECOND, what);
            return;
        }

        sim_sleep(SIM_LOOK);
    }

    sim.level = sim.now;
    sim_trace("all is in step");

    /* what is late can't undo it, but an order may be looked at once more */

    if (sim_odds(100)) {
        sim_sleep(4 * SIM_SECOND);

        while (sim_check_marked() && sim.now < sim.level + 5 * SIM_SECOND) {
            sim_sleep(SIM_LOOK);
        }

        if (!sim_check_level(&what)) {
            sim_violation("was in step, and is not any more: %s", what);
        }
    }

    sim_check_acked();
    sim.done = true;
    sim_sleep(0);
}
