
/*
 * Copyright (C) Ficus authors
 */


#include "consumer_fixture.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>


static fig_status_t apply(void *data, const fig_event_t *events, size_t n,
    fig_arena_t *arena);
static const char *check(void *data, const fig_event_t *event,
    fig_arena_t *arena);


consumer_test_t  ct;


void
ct_begin(bool run)
{
    events_open(&ct.broker, "max_payload: 4MB\n");

    if (run) {
        broker_start(&ct.broker);
    }

    ct.users = events_store(&ct.broker, "users");
    ct.orders = events_store(&ct.broker, "orders");
    ct.bus = events_bus(&ct.broker);

    ck_assert_int_eq(fig_outbox_open(ct.users, ct.bus, &events_topic,
                                     NULL, NULL, &ct.outbox), FIG_OK);
}


void
ct_end(void)
{
    ct_leave();
    fig_outbox_close(ct.outbox, 0);
    fig_bus_close(ct.bus);
    fig_store_close(ct.orders);
    fig_store_close(ct.users);
    events_close(&ct.broker);
}


void
ct_serve(void)
{
    ct.source.store = ct.users;
    ct.source.topic = &events_topic;
    ck_assert_int_eq(fig_source_serve(&ct.source, ct.bus), FIG_OK);
}


void
ct_follow(const char *durable)
{
    fig_consumer_conf_t  conf;

    memset(&conf, 0, sizeof(conf));
    conf.topic = &events_topic;
    conf.replica = &events_replica;
    conf.cursors = &events_cursors;
    conf.dead = ct.letters ? &events_dead : NULL;
    conf.durable = durable;
    conf.interval = ct.interval;
    conf.deletes = 10;
    conf.letters = ct.most;
    conf.apply = apply;
    conf.check = check;

    ck_assert_int_eq(fig_consumer_open(ct.orders, ct.bus, &conf, &ct.consumer),
                     FIG_OK);
}


void
ct_leave(void)
{
    fig_consumer_close(ct.consumer);
    ct.consumer = NULL;
}


/* a state of each key, newer than the last, that is in the replica already */

static fig_status_t
apply(void *data, const fig_event_t *events, size_t n, fig_arena_t *arena)
{
    size_t            i;
    uint64_t          key;
    fig_status_t      rc;
    static fig_op_t   ops[512];

    (void) atomic_fetch_add(&ct.calls, 1);
    broker_sleep(atomic_load(&ct.wait_ms));

    if (atomic_load(&ct.die)) {
        _exit(77);
    }

    if (atomic_load(&ct.failures) != 0) {
        (void) atomic_fetch_sub(&ct.failures, 1);
        return FIG_BUSY;
    }

    for (i = 0; i < n; i++) {
        key = strtoul(events[i].key.data + 1, NULL, 10);

        if (key + 1 == atomic_load(&ct.refused)) {
            return FIG_INVALID;
        }
    }

    ck_assert_uint_ge(n, 1);
    ck_assert_uint_le(n, 512);
    memset(ops, 0, sizeof(ops));

    for (i = 0; i < n; i++) {
        ops[i].kind = FIG_STORE_RAISE;
        ops[i].collection = &events_orders;
        ops[i].doc.id = events[i].key;
        ops[i].doc.ver = events[i].ver;
        ops[i].doc.body = events[i].body;
    }

    rc = fig_store_write(ct.orders, ops, n);

    if (rc != FIG_OK) {
        return rc;
    }

    for (i = 0; i < n; i++) {
        key = strtoul(events[i].key.data + 1, NULL, 10);
        ck_assert_uint_lt(key, KEYS);

        /* by hand, or while its mark stays, it may be applied once more */
        ck_assert_uint_gt(events[i].ver + (ct.letters || ct.marked),
                          atomic_load(&ct.versions[key]));
        ck_assert_uint_eq(events_version(ct.orders, &events_replica,
                                         (unsigned) key), events[i].ver);

        (void) snprintf(ct.body, sizeof(ct.body), "%s%.*s",
                        events[i].deleted ? "deleted " : "",
                        (int) events[i].body.len, events[i].body.data);
        atomic_store(&ct.versions[key], events[i].ver);
    }

    return FIG_OK;
}


static const char *
check(void *data, const fig_event_t *event, fig_arena_t *arena)
{
    return memmem(event->body.data, event->body.len, "\"email\"", 7) ? NULL
           : "no email";
}


bool
ct_level(unsigned n, uint64_t ver)
{
    unsigned  i;

    for (i = 0; i < n; i++) {
        if (atomic_load(&ct.versions[i]) != ver) {
            return false;
        }
    }

    return true;
}
