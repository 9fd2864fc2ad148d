
/*
 * Copyright (C) Ficus authors
 */


/* The consumer, over real stores and a nats-server of each test's own. */


#include "consumer_fixture.h"
#include "unit.h"
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>


static void publish(unsigned key, uint64_t ver);
static void put(const char *payload);
static void crash(void);


/* as somebody else would, past the outbox */

static void
publish(unsigned key, uint64_t ver)
{
    fig_op_t   op;
    fig_buf_t  out;
    char       id[16], text[128];

    op = events_op(id, text, key, ver);
    fig_buf_init(&out, 4096);
    fig_event_encode(&out, &events_topic, &op.doc, (fig_str_t) { 0 });
    put(out.data);
    fig_buf_clear(&out);
}


static void
put(const char *payload)
{
    ck_assert(broker_publish(&ct.broker, "users.updated.00", payload));
}


/* a process that dies in apply(): the replica is raised, nothing follows it */

static void
crash(void)
{
    int    status;
    pid_t  pid;

    (void) fflush(NULL);
    pid = fork();
    ck_assert_int_ne(pid, -1);

    if (pid == 0) {
        ct.users = events_store(&ct.broker, "users");
        ct.orders = events_store(&ct.broker, "orders");
        ct.bus = events_bus(&ct.broker);

        ck_assert_int_eq(fig_outbox_open(ct.users, ct.bus, &events_topic,
                                         NULL, NULL, &ct.outbox), FIG_OK);

        atomic_store(&ct.die, true);
        ct_follow("orders");
        events_write(ct.outbox, 1, 1);
        broker_sleep(20000);
        _exit(0);
    }

    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert(WIFEXITED(status));
    ck_assert_int_eq(WEXITSTATUS(status), 77);
}


START_TEST(follows)
{
    unsigned  i;

    ct_begin(true);
    ct_follow("orders");

    for (i = 1; i <= 20; i++) {
        events_write(ct.outbox, 1, i);
        events_write(ct.outbox, 2, i);
        broker_sleep(5);
    }

    within(5000U, atomic_load(&ct.versions[1]) == 20);
    within(5000U, atomic_load(&ct.versions[2]) == 20);

    ck_assert_uint_eq(events_version(ct.orders, &events_orders, 1), 20);
    ck_assert_str_eq(ct.body,
                     "{\"userId\":\"u2\",\"email\":\"u2@example.org\","
                     "\"deliveryAddress\":\"20 Fig Lane\"}");

    /* marks and cursor follow */

    within(2000U, events_pending(ct.orders, &events_replica) == 0);
    ck_assert_uint_gt(events_metric(CURSOR), 1);
    ck_assert_uint_eq(events_metric(RESETS), 0);
    ck_assert_uint_gt(events_metric("ficus_consumer_lag_seconds_count"), 1);

    ct_end();
}
END_TEST


START_TEST(both_wait_for_the_server)
{
    ct_begin(false);
    ct_follow("orders");

    events_write_many(ct.outbox, 0, KEYS, 1);
    broker_sleep(1000);
    broker_start(&ct.broker);
    within(8000U, ct_level(KEYS, 1));

    ct_end();
}
END_TEST


START_TEST(deletions)
{
    fig_op_t  op;
    char      id[16], text[128];

    ct_begin(true);
    ct_follow("orders");
    events_write(ct.outbox, 1, 1);

    op = events_op(id, text, 1, 2);
    op.doc.body = FIG_STR("{}");
    op.doc.deleted = true;
    ck_assert_int_eq(fig_outbox_write(ct.outbox, &op, 1, (fig_str_t) { 0 }),
                     FIG_OK);

    within(3000U, atomic_load(&ct.versions[1]) == 2);
    ck_assert_str_eq(ct.body, "deleted {}");

    events_write(ct.outbox, 1, 3);
    within(3000U, atomic_load(&ct.versions[1]) == 3);

    ct_end();
}
END_TEST


/* versions, not arrival, decide */

START_TEST(out_of_order)
{
    ct_begin(true);
    events_write(ct.outbox, 9, 1);
    ct_follow("orders");
    within(5000U, atomic_load(&ct.versions[9]) == 1);

    publish(1, 3);
    publish(1, 1);
    publish(1, 2);
    publish(2, 7);
    publish(1, 5);
    publish(1, 4);
    publish(1, 1);

    within(5000U, events_metric(CURSOR) == 8);
    ck_assert_uint_eq(atomic_load(&ct.versions[1]), 5);
    ck_assert_uint_eq(atomic_load(&ct.versions[2]), 7);

    within(1000U, events_metric(APPLIED) + events_metric(STALE) == 8);
    ck_assert_uint_ge(events_metric(STALE), 4);

    ct_end();
}
END_TEST


START_TEST(replay_is_a_no_op)
{
    ct_begin(true);
    ct_follow("orders");
    events_write_many(ct.outbox, 0, 500, 1);
    events_write_many(ct.outbox, 0, 500, 2);
    within(5000U, ct_level(500, 2));
    within(2000U, events_pending(ct.orders, &events_replica) == 0);
    ct_leave();

    /* all of it again, for the same replica */

    atomic_store(&ct.calls, 0);
    ct_follow("another");
    within(5000U, events_metric(CURSOR)
                  == broker_messages(&ct.broker, "USERS"));
    ck_assert_uint_eq(atomic_load(&ct.calls), 0);

    ct_end();
}
END_TEST


START_TEST(poison)
{
    char              *log;
    size_t             i;
    static const char *const  events[] = {
        "", "not json", "[]", "{}", "{\"specversion\":\"1.0\"}",
        "{\"specversion\":\"1.0\",\"id\":\"users/u1/0\",\"source\":\"/users\","
        "\"type\":\"t\",\"subject\":\"u1\",\"data\":{\"userId\":\"u1\","
        "\"version\":0,\"deleted\":false}}",
        "{\"specversion\":\"1.0\",\"id\":\"users/u1/9\",\"source\":\"/users\","
        "\"type\":\"t\",\"subject\":\"u1\",\"data\":{\"userId\":\"u1\","
        "\"version\":\"9\",\"deleted\":false}}",
        "{\"specversion\":\"1.0\",\"id\":\"users/u1/9\",\"source\":\"/users\","
        "\"type\":\"t\",\"subject\":\"u1\",\"data\":{\"version\":9,"
        "\"deleted\":false}}"
    };

    ct_begin(true);
    ct_follow("orders");
    events_write(ct.outbox, 1, 1);
    within(5000U, atomic_load(&ct.versions[1]) == 1);

    unit_capture(STDERR_FILENO);

    for (i = 0; i < UNIT_COUNT(events); i++) {
        put(events[i]);
    }

    events_write(ct.outbox, 1, 2);
    events_write(ct.outbox, 2, 1);
    within(5000U, atomic_load(&ct.versions[1]) == 2);
    within(5000U, atomic_load(&ct.versions[2]) == 1);
    log = unit_captured();

    ck_assert_uint_eq(events_metric(POISON), UNIT_COUNT(events));
    ck_assert_ptr_nonnull(strstr(log, "message 2 of stream USERS is skipped"));
    ck_assert_ptr_nonnull(strstr(log, "message 9 of stream USERS is skipped"));
    free(log);

    /* acknowledged: they do not come again */

    ct_leave();
    ct_follow("orders");
    events_write(ct.outbox, 3, 1);
    within(5000U, atomic_load(&ct.versions[3]) == 1);
    ck_assert_uint_eq(events_metric(POISON), UNIT_COUNT(events));

    ct_end();
}
END_TEST


START_TEST(crash_between_raise_and_settle)
{
    events_open(&ct.broker, NULL);
    broker_start(&ct.broker);
    crash();

    ct.orders = events_store(&ct.broker, "orders");
    ck_assert_uint_eq(events_version(ct.orders, &events_replica, 1), 1);
    ck_assert_uint_eq(events_pending(ct.orders, &events_replica), 1);
    ck_assert_uint_eq(events_version(ct.orders, &events_orders, 1), 0);

    /* at once, without a broker */

    broker_kill(&ct.broker, SIGKILL);
    ct.bus = events_bus(&ct.broker);
    ct_follow("orders");
    within(3000U, atomic_load(&ct.versions[1]) == 1);
    within(2000U, events_pending(ct.orders, &events_replica) == 0);
    ck_assert_uint_eq(events_version(ct.orders, &events_orders, 1), 1);

    ct.users = events_store(&ct.broker, "users");
    ct_end();
}
END_TEST


/* a raise whose answer nobody waited for; more of them than fit in a page */

START_TEST(raised_too_late)
{
    unsigned  i;
    fig_op_t  op;
    char      id[16], body[128];

    ct_begin(true);
    ct_follow("orders");
    events_write(ct.outbox, 1, 1);
    within(5000U, atomic_load(&ct.versions[1]) == 1);

    for (i = 0; i < 600; i++) {
        op = events_op(id, body, i, 2);
        op.kind = FIG_STORE_RAISE;
        op.collection = &events_replica;
        op.doc.pending = true;
        ck_assert_int_eq(fig_store_write(ct.orders, &op, 1), FIG_OK);
    }

    within(12000U, ct_level(600, 2));
    within(5000U, events_pending(ct.orders, &events_replica) == 0);

    ct_end();
}
END_TEST


START_TEST(apply_fails_and_is_slow)
{
    ct_begin(true);
    ct_follow("orders");
    events_write(ct.outbox, 1, 1);
    within(5000U, atomic_load(&ct.versions[1]) == 1);

    atomic_store(&ct.failures, 3);
    atomic_store(&ct.calls, 0);
    events_write(ct.outbox, 1, 2);
    within(2000U, atomic_load(&ct.calls) == 1);
    events_write_many(ct.outbox, 2, 500, 1);
    within(5000U, atomic_load(&ct.versions[1]) == 2);
    ck_assert_uint_ge(atomic_load(&ct.calls), 4);
    within(5000U, events_version(ct.orders, &events_orders, 501) == 1);

    /* what waits is taken at once when it is over */

    atomic_store(&ct.wait_ms, 300);
    events_write_many(ct.outbox, 2, 500, 2);
    within(5000U, events_version(ct.orders, &events_orders, 501) == 2);
    atomic_store(&ct.wait_ms, 0);

    /* and closing does not wait for ever */

    atomic_store(&ct.failures, 1000000);
    events_write(ct.outbox, 1, 3);
    broker_sleep(1000);
    ct_end();
    ck_assert_uint_eq(atomic_load(&ct.versions[1]), 2);
}
END_TEST


START_TEST(store_is_locked)
{
    sqlite3  *db;
    char      path[4200];

    ct.marked = true;
    ct_begin(true);
    ct_follow("orders");
    events_write(ct.outbox, 1, 1);
    within(5000U, atomic_load(&ct.versions[1]) == 1);

    (void) snprintf(path, sizeof(path), "%s/orders.db", ct.broker.dir);
    ck_assert_int_eq(sqlite3_open(path, &db), SQLITE_OK);
    ck_assert_int_eq(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL),
                     SQLITE_OK);

    events_write(ct.outbox, 1, 2);
    events_write(ct.outbox, 2, 1);
    broker_sleep(2500);
    ck_assert_uint_eq(atomic_load(&ct.versions[1]), 1);

    ck_assert_int_eq(sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL),
                     SQLITE_OK);
    ck_assert_int_eq(sqlite3_close(db), SQLITE_OK);

    within(8000U, atomic_load(&ct.versions[1]) == 2);
    within(8000U, atomic_load(&ct.versions[2]) == 1);

    ct_end();
}
END_TEST


START_TEST(restart_reads_on)
{
    ct_begin(true);
    ct_follow("orders");
    events_write_many(ct.outbox, 0, 100, 1);
    within(5000U, ct_level(100, 1));
    ct_leave();

    events_write_many(ct.outbox, 0, 100, 2);
    within(5000U, broker_messages(&ct.broker, "USERS") == 200);

    /* the last cursor is durable when the store is closed */

    fig_store_close(ct.orders);
    ct.orders = events_store(&ct.broker, "orders");

    ct_follow("orders");
    within(5000U, ct_level(100, 2));
    ck_assert_uint_eq(events_metric(STALE), 0);
    ck_assert_uint_eq(events_metric(RESETS), 0);

    ct_end();
}
END_TEST


int
main(void)
{
    const TTest *const  tests[] = {
        follows, both_wait_for_the_server, deletions, out_of_order,
        replay_is_a_no_op, poison, crash_between_raise_and_settle,
        raised_too_late, apply_fails_and_is_slow, store_is_locked,
        restart_reads_on
    };

    if (!broker_there()) {
        puts("1..0 # SKIP nats-server was not found");
        return EXIT_SUCCESS;
    }

    return unit_run("fig_consumer", tests, UNIT_COUNT(tests));
}
