
/*
 * Copyright (C) Ficus authors
 */


#include "bench.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>


fig_store_t *
open_store(const broker_t *broker, const char *name,
    const fig_collection_t *const *collections)
{
    fig_store_t       *opened;
    fig_store_conf_t   conf;
    char               uri[4200];

    (void) snprintf(uri, sizeof(uri), "sqlite:%s/%s.db", broker->dir, name);

    memset(&conf, 0, sizeof(conf));
    conf.uri = uri;
    conf.lock_timeout = 10000;
    conf.cache = 256 * 1024;

    expect(fig_store_open(&conf, collections, &opened) == FIG_OK, "store");

    return opened;
}


fig_bus_t *
open_bus(const broker_t *broker)
{
    unsigned         i;
    fig_bus_t       *opened;
    fig_bus_conf_t   conf;

    memset(&conf, 0, sizeof(conf));
    conf.url = broker->url;
    conf.name = "bench";
    conf.stream_max_bytes = 1024 * 1024 * 1024;
    conf.stream_max_age = 3600 * 1000;
    conf.publish_pending = 4096;
    conf.ack_wait = 30000;
    conf.ack_pending = 1000;

    expect(fig_bus_open(&conf, &opened) == FIG_OK, "bus");

    for (i = 0; i < 1000 && !fig_bus_connected(opened); i++) {
        broker_sleep(10);
    }

    expect(fig_bus_connected(opened), "connection");

    return opened;
}


void
expect(bool condition, const char *what)
{
    if (!condition) {
        fprintf(stderr, "bench: %s\n", what);
        exit(EXIT_FAILURE);
    }
}
