
/*
 * Copyright (C) Ficus authors
 */


#ifndef SIM_LIBRARY_H_INCLUDED
#define SIM_LIBRARY_H_INCLUDED


#include "sim.h"


struct fig_app_s {
    fig_store_t           *store;
    fig_bus_t             *bus;
    const fig_app_conf_t  *conf;
};


/*
 * What the main() of a worker hands to fig_main().
 */

typedef int (*sim_main_pt)(int argc, char **argv);

const fig_worker_t *sim_worker_of(sim_main_pt worker_main);


#endif /* SIM_LIBRARY_H_INCLUDED */
