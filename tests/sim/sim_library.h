
/*
 * Copyright (C) Ficus authors
 */


#ifndef SIM_LIBRARY_H_INCLUDED
#define SIM_LIBRARY_H_INCLUDED


#include "fig_app_parts.h"
#include "sim.h"


/*
 * What the main() of a worker hands to fig_main().
 */

typedef int (*sim_main_pt)(int argc, char **argv);

const fig_worker_t *sim_worker_of(sim_main_pt worker_main);


#endif /* SIM_LIBRARY_H_INCLUDED */
