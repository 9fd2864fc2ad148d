
/*
 * Copyright (C) Ficus authors
 */


#include "bus_fixture.h"
#include "bus_jetstream.h"
#include <signal.h>
#include <stdio.h>


static const char *jetstream_create(const char *config);
static void jetstream_drop(void);
static void jetstream_limit(unsigned max_payload);
static void jetstream_start(void);
static void jetstream_stop(void);
static void jetstream_remove(void);
static void jetstream_forget(void);
static void jetstream_discard(void);
static void jetstream_keep(void);
static void jetstream_restore(void);


const bus_server_t  bus_server = {
    "JetStream",
    jetstream_create,
    jetstream_drop,
    jetstream_limit,
    jetstream_start,
    jetstream_stop,
    jetstream_remove,
    jetstream_forget,
    jetstream_discard,
    jetstream_keep,
    jetstream_restore
};

broker_t  bus_broker;


static const char *
jetstream_create(const char *config)
{
    broker_open(&bus_broker, config);

    return bus_broker.url;
}


static void
jetstream_drop(void)
{
    broker_close(&bus_broker);
}


static void
jetstream_limit(unsigned max_payload)
{
    static char  config[64];

    (void) snprintf(config, sizeof(config), "max_payload: %u", max_payload);
    bus_broker.config = config;
}


static void
jetstream_start(void)
{
    broker_start(&bus_broker);
}


static void
jetstream_stop(void)
{
    broker_kill(&bus_broker, SIGKILL);
}


static void
jetstream_remove(void)
{
    ck_assert(broker_delete_stream(&bus_broker, "USERS"));
}


static void
jetstream_forget(void)
{
    ck_assert(broker_delete_durable(&bus_broker, "USERS", "orders"));
}


static void
jetstream_discard(void)
{
    ck_assert(broker_purge(&bus_broker, "USERS"));
}


static void
jetstream_keep(void)
{
    broker_keep(&bus_broker);
}


static void
jetstream_restore(void)
{
    broker_restore(&bus_broker);
}
