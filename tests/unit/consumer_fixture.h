
/*
 * Copyright (C) Ficus authors
 */


/*
 * What the tests of the consumer share: a nats-server, users' store and
 * outbox, orders' store and a consumer whose apply() writes an order a user.
 */


#ifndef CONSUMER_FIXTURE_H_INCLUDED
#define CONSUMER_FIXTURE_H_INCLUDED


#include <stdatomic.h>

#include "events_fixture.h"
#include "fig_consumer.h"
#include "fig_source.h"


#define KEYS     1000

#define APPLIED  "ficus_consumer_events_total{result=\"applied\"}"
#define STALE    "ficus_consumer_events_total{result=\"stale\"}"
#define POISON   "ficus_consumer_events_total{result=\"poison\"}"
#define RESETS   "ficus_consumer_resets_total"
#define MISSED   "ficus_consumer_missed_total"
#define CURSOR   "ficus_consumer_cursor{topic=\"users\"}"


typedef struct {
    broker_t           broker;
    fig_store_t       *users;
    fig_store_t       *orders;
    fig_bus_t         *bus;
    fig_outbox_t      *outbox;
    fig_consumer_t    *consumer;

    /* set before ct_follow(): dead letters are kept, ms between compares */
    bool               letters;
    uint64_t           most;                 /* letters; 0: any */
    bool               marked;               /* marks may stay for seconds */
    uint64_t           interval;
    fig_source_t       source;               /* ct_serve() */

    /* what apply() has to do */
    atomic_uint        wait_ms;
    atomic_uint        failures;
    atomic_uint        refused;              /* this key + 1; 0: none */
    atomic_bool        die;

    /* what it got: the version of each key, the body of the last */
    atomic_uint        calls;
    _Atomic(uint64_t)  versions[KEYS];
    char               body[256];
} consumer_test_t;


extern consumer_test_t  ct;


void ct_begin(bool run);
void ct_end(void);
void ct_serve(void);
void ct_follow(const char *durable);
void ct_leave(void);

/* whether apply() got this version of u0, u1, ... */
bool ct_level(unsigned n, uint64_t ver);


#endif /* CONSUMER_FIXTURE_H_INCLUDED */
