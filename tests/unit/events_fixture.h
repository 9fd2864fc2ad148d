
/*
 * Copyright (C) Ficus authors
 */


/*
 * What the tests of outbox and consumer share: a broker, a directory of stores
 * and the users' topic.
 */


#ifndef EVENTS_FIXTURE_H_INCLUDED
#define EVENTS_FIXTURE_H_INCLUDED


#include <check.h>

#include "broker.h"
#include "fig_outbox.h"


#define within(ms, condition)                                                 \
    do {                                                                      \
        unsigned  within_i;                                                   \
                                                                              \
        for (within_i = 0; within_i < (ms) / 5U && !(condition); within_i++) { \
            broker_sleep(5);                                                  \
        }                                                                     \
                                                                              \
        ck_assert_msg(condition, "not within %u ms: " #condition, (ms));      \
    } while (0)


/* the source, and what the consumer keeps: replica, cursors, orders,
   dead letters */

extern const fig_collection_t  events_users;
extern const fig_collection_t  events_replica;
extern const fig_collection_t  events_cursors;
extern const fig_collection_t  events_orders;
extern const fig_collection_t  events_dead;
extern const fig_topic_t       events_topic;


/* a broker that does not run yet, and no store */
void events_open(broker_t *broker, const char *config);
void events_close(broker_t *broker);

fig_store_t *events_store(broker_t *broker, const char *name);
fig_bus_t *events_bus(broker_t *broker);            /* connected when it runs */


/* documents with these versions of u0, u1, ...; each body says its version */
fig_op_t events_op(char *id, char *body, unsigned key, uint64_t ver);
void events_write(fig_outbox_t *outbox, unsigned key, uint64_t ver);
void events_write_many(fig_outbox_t *outbox, unsigned first, unsigned n,
    uint64_t ver);

/* as another process leaves it that died before it published */
void events_put_marked(fig_store_t *store, unsigned key, uint64_t ver);

unsigned events_pending(fig_store_t *store, const fig_collection_t *from);
uint64_t events_version(fig_store_t *store, const fig_collection_t *in,
    unsigned key);                                  /* 0: none */


/*
 * Reads the whole stream: events of at most n keys; fails when an older version
 * of a key is behind a newer one.  last: the last version of each.
 */
uint64_t events_read(fig_bus_t *bus, unsigned n, uint64_t *last);

/* the metric's value, of all metrics of the process; name with labels */
uint64_t events_metric(const char *name);


#endif /* EVENTS_FIXTURE_H_INCLUDED */
