
/*
 * Copyright (C) Ficus authors
 */


/* What the tests of the bus share: a nats-server, a bus, what was answered. */


#ifndef BUS_FIXTURE_H_INCLUDED
#define BUS_FIXTURE_H_INCLUDED


#include <stdatomic.h>

#include "events_fixture.h"


#define MESSAGES  5000


typedef struct {
    broker_t             broker;
    fig_bus_conf_t       conf;
    fig_bus_t           *bus;
    fig_subscription_t  *sub;
    fig_arena_t         *arena;
    unsigned             publisher;

    atomic_uint          stored;
    atomic_uint          refused;
    atomic_int           refusal;                  /* the last */
    atomic_bool          answered[MESSAGES + 1];   /* by token */
} bus_test_t;


extern bus_test_t          bt;
extern const fig_stream_t  bt_stream;


void bt_setup(const char *config);
void bt_teardown(void);

/* a server, a bus that is connected to it, a stream */
void bt_begin(void);

/* counts the answers */
void bt_on_ack(void *data, uint64_t token, fig_status_t status);

fig_status_t bt_publish(const char *id, const char *payload, uint64_t token);
fig_status_t bt_next(uint64_t timeout, fig_message_t *message);
uint64_t bt_since(uint64_t start);                 /* ms */


#endif /* BUS_FIXTURE_H_INCLUDED */
