
/*
 * Copyright (C) Ficus authors
 */


/*
 * What the benchmarks of the event path share: stores beside a broker of their
 * own and a bus to it.  What fails ends the process.
 */


#ifndef BENCH_H_INCLUDED
#define BENCH_H_INCLUDED


#include "../unit/broker.h"
#include "fig_bus.h"
#include "fig_store.h"


void expect(bool condition, const char *what);

/* NAME.db in the broker's directory */
fig_store_t *open_store(const broker_t *broker, const char *name,
    const fig_collection_t *const *collections);

/* connected */
fig_bus_t *open_bus(const broker_t *broker);


#endif /* BENCH_H_INCLUDED */
