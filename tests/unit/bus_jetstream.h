
/*
 * Copyright (C) Ficus authors
 */


/* The nats-server behind bus_server, for what JetStream alone can do. */


#ifndef BUS_JETSTREAM_H_INCLUDED
#define BUS_JETSTREAM_H_INCLUDED


#include "broker.h"


extern broker_t  bus_broker;


#endif /* BUS_JETSTREAM_H_INCLUDED */
