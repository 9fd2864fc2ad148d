
/*
 * Copyright (C) Ficus authors
 */


/* The outbox, over a real store and a nats-server of each test's own. */


#include "events_fixture.h"
#include "fig_metrics.h"
#include "unit.h"
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>


#define KEYS  10000


static void begin(const char *config, bool run);
static void end(void);
static fig_status_t look(void *data, const fig_doc_t *doc,
    fig_arena_t *arena);


static broker_t       broker;
static fig_store_t   *store;
static fig_bus_t     *bus;
static fig_outbox_t  *outbox;
static uint64_t       last[KEYS];
static atomic_uint    looked[3];        /* how often at each key */
static atomic_bool    looks;            /* at the second one, successfully */


static void
begin(const char *config, bool run)
{
    events_open(&broker, config);

    if (run) {
        broker_start(&broker);
    }

    store = events_store(&broker, "users");
    bus = events_bus(&broker);

    ck_assert_int_eq(fig_outbox_open(store, bus, &events_topic, look, NULL,
                                     &outbox), FIG_OK);
}


static void
end(void)
{
    fig_outbox_close(outbox, 0);
    fig_bus_close(bus);
    fig_store_close(store);
    events_close(&broker);
}


static fig_status_t
look(void *data, const fig_doc_t *doc, fig_arena_t *arena)
{
    uint64_t  key;

    key = strtoul(doc->id.data + 1, NULL, 10);
    ck_assert(doc->pending);
    ck_assert_uint_ne(doc->body.len, 0);

    if (key < 3) {
        (void) atomic_fetch_add(&looked[key], 1);
    }

    return key != 1 || atomic_load(&looks) ? FIG_OK : FIG_BUSY;
}


START_TEST(publishes_and_settles)
{
    unsigned  i;

    begin(NULL, true);

    /* state after state: what comes while one is on its way replaces it */

    for (i = 1; i <= 20; i++) {
        events_write(outbox, 1, i);
        within(5000U, events_metric("ficus_outbox_published_total") == i);
    }

    within(3000U, events_pending(store, &events_users) == 0);

    ck_assert_uint_eq(events_read(bus, 2, last), 20);
    ck_assert_uint_eq(last[1], 20);
    ck_assert_uint_eq(events_metric("ficus_outbox_published_total"), 20);
    ck_assert_uint_eq(events_metric("ficus_outbox_seconds_count"), 20);
    ck_assert_uint_eq(events_metric("ficus_outbox_repeated_total"), 0);
    ck_assert_uint_eq(events_metric("ficus_outbox_pending"), 0);

    end();
}
END_TEST


START_TEST(conflicts_are_not_published)
{
    fig_op_t  op;
    char      id[16], body[128];

    begin(NULL, true);
    events_write(outbox, 1, 1);

    op = events_op(id, body, 1, 1);
    ck_assert_int_eq(fig_outbox_write(outbox, &op, 1, (fig_str_t) { 0 }),
                     FIG_OK);
    ck_assert_int_eq(op.status, FIG_CONFLICT);

    op = events_op(id, body, 2, 5);
    op.kind = FIG_STORE_RAISE;
    ck_assert_int_eq(fig_outbox_write(outbox, &op, 1, (fig_str_t) { 0 }),
                     FIG_INVALID);

    within(3000U, events_pending(store, &events_users) == 0);
    broker_sleep(100);
    ck_assert_uint_eq(events_read(bus, 3, last), 1);
    ck_assert_uint_eq(events_version(store, &events_users, 2), 0);

    end();
}
END_TEST


START_TEST(states_coalesce)
{
    unsigned  i;

    begin(NULL, false);

    for (i = 1; i <= 50; i++) {
        events_write(outbox, 1, i);
    }

    ck_assert_uint_eq(events_metric("ficus_outbox_pending"), 1);
    ck_assert_uint_eq(events_pending(store, &events_users), 1);

    broker_start(&broker);
    within(5000U, events_pending(store, &events_users) == 0);

    ck_assert_uint_eq(events_read(bus, 2, last), 1);
    ck_assert_uint_eq(last[1], 50);

    end();
}
END_TEST


/* more than there is room for in memory */

START_TEST(server_comes_later)
{
    unsigned  i;

    begin(NULL, false);

    for (i = 0; i < KEYS; i += 1000) {
        events_write_many(outbox, i, 1000, 1);
    }

    ck_assert_uint_lt(events_metric("ficus_outbox_pending"), KEYS);
    ck_assert_uint_eq(events_pending(store, &events_users), KEYS);

    broker_start(&broker);
    within(20000U, events_pending(store, &events_users) == 0);

    ck_assert_uint_eq(events_read(bus, KEYS, last), KEYS);

    for (i = 0; i < KEYS; i++) {
        ck_assert_uint_eq(last[i], 1);
    }

    end();
}
END_TEST


START_TEST(kill_while_publishing)
{
    unsigned  i, ver;

    begin(NULL, true);

    for (ver = 1; ver <= 10; ver++) {

        for (i = 0; i < 500; i += 25) {
            events_write_many(outbox, i, 25, ver);
        }

        if (ver == 3 || ver == 7) {
            broker_kill(&broker, SIGKILL);
        }

        if (ver == 4 || ver == 7) {
            broker_start(&broker);
            within(10000U, fig_bus_connected(bus));
        }
    }

    within(20000U, events_pending(store, &events_users) == 0);
    within(10000U, fig_bus_connected(bus));

    (void) events_read(bus, 500, last);

    for (i = 0; i < 500; i++) {
        ck_assert_uint_eq(last[i], 10);
    }

    end();
}
END_TEST


/* for less time than it takes to give the connection up, then for more */

START_TEST(frozen_server)
{
    unsigned  i;

    begin(NULL, true);

    events_write(outbox, 0, 1);
    within(3000U, events_pending(store, &events_users) == 0);

    (void) kill(broker.pid, SIGSTOP);
    events_write_many(outbox, 1, 100, 1);
    broker_sleep(2400);
    (void) kill(broker.pid, SIGCONT);
    within(5000U, events_pending(store, &events_users) == 0);

    (void) kill(broker.pid, SIGSTOP);
    events_write_many(outbox, 101, 100, 1);
    broker_sleep(4500);
    (void) kill(broker.pid, SIGCONT);
    within(8000U, events_pending(store, &events_users) == 0);

    ck_assert_uint_gt(events_metric("ficus_outbox_repeated_total"), 0);
    ck_assert_uint_ge(events_read(bus, 201, last), 201);

    for (i = 0; i < 201; i++) {
        ck_assert_uint_eq(last[i], 1);
    }

    end();
}
END_TEST


START_TEST(stream_deleted)
{
    begin(NULL, true);

    events_write(outbox, 1, 1);
    within(3000U, events_pending(store, &events_users) == 0);

    ck_assert(broker_delete_stream(&broker, "USERS"));
    events_write(outbox, 1, 2);
    within(3000U, events_pending(store, &events_users) == 0);

    ck_assert_uint_eq(events_read(bus, 2, last), 1);
    ck_assert_uint_eq(last[1], 2);

    end();
}
END_TEST


START_TEST(server_wiped)
{
    begin(NULL, true);

    events_write(outbox, 1, 1);
    within(3000U, events_pending(store, &events_users) == 0);

    broker_kill(&broker, SIGKILL);
    broker_wipe(&broker);
    broker_start(&broker);

    events_write(outbox, 1, 2);
    within(5000U, events_pending(store, &events_users) == 0);

    ck_assert_uint_eq(events_read(bus, 2, last), 1);
    ck_assert_uint_eq(last[1], 2);

    end();
}
END_TEST


START_TEST(marks_of_the_dead)
{
    uint64_t  start;

    begin(NULL, true);
    fig_outbox_close(outbox, 0);

    /* one before it starts, at once; one while it runs, seen twice */

    events_put_marked(store, 3, 1);
    ck_assert_int_eq(fig_outbox_open(store, bus, &events_topic, NULL, NULL,
                                     &outbox), FIG_OK);
    within(900U, events_pending(store, &events_users) == 0);

    start = fig_clock_us();
    events_put_marked(store, 2, 1);
    within(4000U, events_pending(store, &events_users) == 0);
    ck_assert_uint_gt(fig_clock_us() - start, 500000);

    ck_assert_uint_eq(events_read(bus, 4, last), 2);

    end();
}
END_TEST


/* what is found was perhaps looked at by nobody, what is written was */

START_TEST(found_is_looked_at)
{
    fig_op_t  op;
    char      id[16], body[128];

    begin(NULL, true);
    events_write(outbox, 0, 1);

    op = events_op(id, body, 1, 1);
    ck_assert_int_eq(fig_outbox_store(outbox, &op, 1), FIG_OK);
    op = events_op(id, body, 2, 1);
    ck_assert_int_eq(fig_outbox_store(outbox, &op, 1), FIG_OK);

    /* what can't be looked at holds up nobody else */

    within(4000U, events_pending(store, &events_users) == 1);
    within(4000U, atomic_load(&looked[1]) >= 2);
    ck_assert_uint_eq(events_metric("ficus_outbox_published_total"), 2);

    atomic_store(&looks, true);
    within(4000U, events_pending(store, &events_users) == 0);
    ck_assert_uint_eq(events_read(bus, 3, last), 3);

    ck_assert_uint_eq(atomic_load(&looked[0]), 0);
    ck_assert_uint_eq(atomic_load(&looked[2]), 1);

    end();
}
END_TEST


START_TEST(two_on_one_store)
{
    unsigned       i;
    fig_bus_t     *bus2;
    fig_store_t   *store2;
    fig_outbox_t  *outbox2;

    begin(NULL, true);

    store2 = events_store(&broker, "users");
    bus2 = events_bus(&broker);
    ck_assert_int_eq(fig_outbox_open(store2, bus2, &events_topic, NULL, NULL,
                                     &outbox2), FIG_OK);

    /* for longer than three scans */

    for (i = 0; i < 4000; i += 20) {
        events_write_many(outbox, i, 10, 1);
        events_write_many(outbox2, i + 10, 10, 1);
        broker_sleep(15);
    }

    within(5000U, events_pending(store, &events_users) == 0);

    ck_assert_uint_eq(events_read(bus, 4000, last), 4000);
    ck_assert_uint_lt(events_metric("ficus_outbox_published_total"), 4100);

    for (i = 0; i < 4000; i++) {
        ck_assert_uint_eq(last[i], 1);
    }

    fig_outbox_close(outbox2, 0);
    fig_bus_close(bus2);
    fig_store_close(store2);
    end();
}
END_TEST


START_TEST(too_large)
{
    char      *log, *body, *at;
    fig_op_t   op;
    char       id[16], small[128];

    begin("max_payload: 8192", true);

    body = malloc(10000);
    ck_assert_ptr_nonnull(body);
    memset(body, 'x', 10000);
    memcpy(body, "{\"userId\":\"u7\",\"a\":\"", 20);
    memcpy(body + 9998, "\"}", 2);

    op = events_op(id, small, 7, 1);
    op.doc.body.data = body;
    op.doc.body.len = 10000;

    unit_capture(STDERR_FILENO);
    ck_assert_int_eq(fig_outbox_write(outbox, &op, 1, (fig_str_t) { 0 }),
                     FIG_OK);
    events_write_many(outbox, 8, 100, 1);
    within(5000U, events_pending(store, &events_users) == 1);
    broker_sleep(2500);
    log = unit_captured();

    /* said once, not published, in nobody's way */

    at = strstr(log, "users u7, version 1, is larger");
    ck_assert_ptr_nonnull(at);
    ck_assert_ptr_null(strstr(at + 40, "is larger"));
    ck_assert_uint_eq(events_metric("ficus_outbox_refused_total"), 1);
    ck_assert_str_eq(fig_outbox_check(outbox), "has documents that are larger "
                     "than the broker takes");
    ck_assert_uint_eq(events_read(bus, 108, last), 100);

    /* until it gets smaller */

    events_write(outbox, 7, 2);
    within(3000U, events_pending(store, &events_users) == 0);
    ck_assert_uint_eq(events_read(bus, 108, last), 101);
    ck_assert_uint_eq(last[7], 2);
    ck_assert_ptr_null(fig_outbox_check(outbox));

    free(log);
    free(body);
    end();
}
END_TEST


/* a server that is put right gets what the one before has refused */

START_TEST(too_large_for_a_while)
{
    char           *body;
    fig_op_t        op;
    uint64_t        size, max;
    unsigned        limit;
    char            id[16], small[128];
    static char     config[64];

    begin(config, false);

    body = malloc(10000);
    ck_assert_ptr_nonnull(body);
    memset(body, 'x', 10000);
    memcpy(body, "{\"userId\":\"u7\",\"a\":\"", 20);
    memcpy(body + 9998, "\"}", 2);

    op = events_op(id, small, 7, 1);
    op.doc.body.data = body;
    op.doc.body.len = 10000;

    /* nobody has said that it is too large, when it is written */

    ck_assert_int_eq(fig_outbox_fits(outbox, &op.doc, (fig_str_t) { 0 },
                                     &size, &max), FIG_OK);
    ck_assert_int_eq(fig_outbox_write(outbox, &op, 1, (fig_str_t) { 0 }),
                     FIG_OK);

    for (limit = 8192; limit <= 16384; limit += 4096) {
        broker_kill(&broker, SIGKILL);
        (void) snprintf(config, sizeof(config), "max_payload: %u", limit);
        broker_start(&broker);

        if (limit == 8192) {
            within(8000U, fig_outbox_check(outbox) != NULL);
            ck_assert_int_eq(fig_outbox_fits(outbox, &op.doc,
                                             (fig_str_t) { 0 }, &size, &max),
                             FIG_INVALID);
            ck_assert_uint_gt(size, 10100);
            ck_assert_uint_lt(size, 10500);
            ck_assert_uint_lt(max, 8192);
            ck_assert_uint_gt(max, 8000);
            ck_assert_uint_eq(events_pending(store, &events_users), 1);

        } else {
            within(8000U, events_pending(store, &events_users) == 0);
            ck_assert_ptr_null(fig_outbox_check(outbox));
            within(8000U, fig_bus_connected(bus));
            ck_assert_uint_eq(events_read(bus, 8, last), 1);
            ck_assert_uint_eq(last[7], 1);
        }
    }

    ck_assert_uint_eq(events_metric("ficus_outbox_refused_total"), 1);

    free(body);
    end();
}
END_TEST


START_TEST(close_publishes)
{
    begin(NULL, true);

    /* the stream is there */
    events_write(outbox, 0, 1);
    within(3000U, events_pending(store, &events_users) == 0);

    events_write_many(outbox, 1, 1000, 1);
    fig_outbox_close(outbox, 5000);
    outbox = NULL;

    fig_store_close(store);
    store = events_store(&broker, "users");
    ck_assert_uint_eq(events_pending(store, &events_users), 0);
    ck_assert_uint_eq(events_read(bus, 1001, last), 1001);

    end();
}
END_TEST


START_TEST(close_without_server)
{
    uint64_t  start;

    begin(NULL, false);
    events_write(outbox, 1, 1);

    start = fig_clock_us();
    fig_outbox_close(outbox, 5000);
    outbox = NULL;
    ck_assert_uint_lt(fig_clock_us() - start, 1000000);
    ck_assert_uint_eq(events_pending(store, &events_users), 1);

    fig_outbox_close(NULL, 0);
    end();
}
END_TEST


int
main(void)
{
    const TTest *const  tests[] = {
        publishes_and_settles, conflicts_are_not_published, states_coalesce,
        server_comes_later, kill_while_publishing, frozen_server,
        stream_deleted, server_wiped, marks_of_the_dead, found_is_looked_at,
        two_on_one_store, too_large, too_large_for_a_while, close_publishes,
        close_without_server
    };

    if (!broker_there()) {
        puts("1..0 # SKIP nats-server was not found");
        return EXIT_SUCCESS;
    }

    return unit_run("fig_outbox", tests, UNIT_COUNT(tests));
}
