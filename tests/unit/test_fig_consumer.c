
/*
 * Copyright (C) Ficus authors
 */


/* The consumer, over real stores and a nats-server of each test's own. */


#include "events_fixture.h"
#include "fig_consumer.h"
#include "fig_metrics.h"
#include "unit.h"
#include <signal.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>


#define KEYS     1000

#define APPLIED  "ficus_consumer_events_total{result=\"applied\"}"
#define STALE    "ficus_consumer_events_total{result=\"stale\"}"
#define POISON   "ficus_consumer_events_total{result=\"poison\"}"


static void begin(bool run);
static void end(void);
static void follow(const char *durable);
static void leave(void);
static fig_status_t apply(void *data, const fig_event_t *events, size_t n,
    fig_arena_t *arena);
static void publish(unsigned key, uint64_t ver);
static void put(const char *payload);
static void crash(void);
static bool level(unsigned n, uint64_t ver);
static void copy_data(const char *from, const char *to);


static broker_t         broker;
static fig_store_t     *users;
static fig_store_t     *orders;
static fig_bus_t       *bus;
static fig_outbox_t    *outbox;
static fig_consumer_t  *consumer;

/* what apply() has to do, and what it got */

static atomic_uint        wait_ms;
static atomic_bool        die;
static atomic_uint        failures;
static atomic_uint        calls;
static _Atomic(uint64_t)  versions[KEYS];
static char               body[256];


static void
begin(bool run)
{
    events_open(&broker, NULL);

    if (run) {
        broker_start(&broker);
    }

    users = events_store(&broker, "users");
    orders = events_store(&broker, "orders");
    bus = events_bus(&broker);

    ck_assert_int_eq(fig_outbox_open(users, bus, &events_topic, &outbox),
                     FIG_OK);
}


static void
end(void)
{
    leave();
    fig_outbox_close(outbox, 0);
    fig_bus_close(bus);
    fig_store_close(orders);
    fig_store_close(users);
    events_close(&broker);
}


static void
follow(const char *durable)
{
    fig_consumer_conf_t  conf;

    memset(&conf, 0, sizeof(conf));
    conf.topic = &events_topic;
    conf.replica = &events_replica;
    conf.cursors = &events_cursors;
    conf.durable = durable;
    conf.apply = apply;

    ck_assert_int_eq(fig_consumer_open(orders, bus, &conf, &consumer), FIG_OK);
}


static void
leave(void)
{
    fig_consumer_close(consumer);
    consumer = NULL;
}


/* a state of each key, newer than the last, that is in the replica already */

static fig_status_t
apply(void *data, const fig_event_t *events, size_t n, fig_arena_t *arena)
{
    size_t            i;
    uint64_t          key;
    static fig_op_t   ops[256];

    (void) atomic_fetch_add(&calls, 1);
    broker_sleep(atomic_load(&wait_ms));

    if (atomic_load(&die)) {
        _exit(77);
    }

    if (atomic_load(&failures) != 0) {
        (void) atomic_fetch_sub(&failures, 1);
        return FIG_BUSY;
    }

    ck_assert_uint_ge(n, 1);
    ck_assert_uint_le(n, 256);
    memset(ops, 0, sizeof(ops));

    for (i = 0; i < n; i++) {
        ops[i].kind = FIG_STORE_RAISE;
        ops[i].collection = &events_orders;
        ops[i].doc.id = events[i].key;
        ops[i].doc.ver = events[i].ver;
        ops[i].doc.body = events[i].body;
    }

    if (fig_store_write(orders, ops, n) != FIG_OK) {
        return FIG_BUSY;
    }

    for (i = 0; i < n; i++) {
        key = strtoul(events[i].key.data + 1, NULL, 10);
        ck_assert_uint_lt(key, KEYS);
        ck_assert_uint_gt(events[i].ver, atomic_load(&versions[key]));
        ck_assert_uint_eq(events_version(orders, &events_replica,
                                         (unsigned) key), events[i].ver);

        (void) snprintf(body, sizeof(body), "%s%.*s",
                        events[i].deleted ? "deleted " : "",
                        (int) events[i].body.len, events[i].body.data);
        atomic_store(&versions[key], events[i].ver);
    }

    return FIG_OK;
}


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
    ck_assert(broker_publish(&broker, "users.updated.00", payload));
}


static bool
level(unsigned n, uint64_t ver)
{
    unsigned  i;

    for (i = 0; i < n; i++) {
        if (atomic_load(&versions[i]) != ver) {
            return false;
        }
    }

    return true;
}


START_TEST(follows)
{
    unsigned  i;

    begin(true);
    follow("orders");

    for (i = 1; i <= 20; i++) {
        events_write(outbox, 1, i);
        events_write(outbox, 2, i);
        broker_sleep(5);
    }

    within(5000U, atomic_load(&versions[1]) == 20);
    within(5000U, atomic_load(&versions[2]) == 20);

    ck_assert_uint_eq(events_version(orders, &events_orders, 1), 20);
    ck_assert_str_eq(body, "{\"userId\":\"u2\",\"email\":\"u2@example.org\","
                     "\"deliveryAddress\":\"20 Fig Lane\"}");

    /* marks and cursor follow */

    within(2000U, events_pending(orders, &events_replica) == 0);
    ck_assert_uint_gt(events_metric("ficus_consumer_cursor"), 1);
    ck_assert_uint_eq(events_metric("ficus_consumer_resets_total"), 0);
    ck_assert_uint_gt(events_metric("ficus_consumer_lag_seconds_count"), 1);

    end();
}
END_TEST


START_TEST(both_wait_for_the_server)
{
    begin(false);
    follow("orders");

    events_write_many(outbox, 0, KEYS, 1);
    broker_sleep(1000);
    broker_start(&broker);
    within(8000U, level(KEYS, 1));

    end();
}
END_TEST


START_TEST(deletions)
{
    fig_op_t  op;
    char      id[16], text[128];

    begin(true);
    follow("orders");
    events_write(outbox, 1, 1);

    op = events_op(id, text, 1, 2);
    op.doc.body = FIG_STR("{}");
    op.doc.deleted = true;
    ck_assert_int_eq(fig_outbox_write(outbox, &op, 1, (fig_str_t) { 0 }),
                     FIG_OK);

    within(3000U, atomic_load(&versions[1]) == 2);
    ck_assert_str_eq(body, "deleted {}");

    events_write(outbox, 1, 3);
    within(3000U, atomic_load(&versions[1]) == 3);

    end();
}
END_TEST


/* versions, not arrival, decide */

START_TEST(out_of_order)
{
    begin(true);
    events_write(outbox, 9, 1);
    follow("orders");
    within(5000U, atomic_load(&versions[9]) == 1);

    publish(1, 3);
    publish(1, 1);
    publish(1, 2);
    publish(2, 7);
    publish(1, 5);
    publish(1, 4);
    publish(1, 1);

    within(5000U, events_metric("ficus_consumer_cursor") == 8);
    ck_assert_uint_eq(atomic_load(&versions[1]), 5);
    ck_assert_uint_eq(atomic_load(&versions[2]), 7);

    within(1000U, events_metric(APPLIED) + events_metric(STALE) == 8);
    ck_assert_uint_ge(events_metric(STALE), 4);

    end();
}
END_TEST


START_TEST(replay_is_a_no_op)
{
    begin(true);
    follow("orders");
    events_write_many(outbox, 0, 500, 1);
    events_write_many(outbox, 0, 500, 2);
    within(5000U, level(500, 2));
    within(2000U, events_pending(orders, &events_replica) == 0);
    leave();

    /* all of it again, for the same replica */

    atomic_store(&calls, 0);
    follow("another");
    within(5000U, events_metric("ficus_consumer_cursor")
                  == broker_messages(&broker, "USERS"));
    ck_assert_uint_eq(atomic_load(&calls), 0);

    end();
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

    begin(true);
    follow("orders");
    events_write(outbox, 1, 1);
    within(5000U, atomic_load(&versions[1]) == 1);

    unit_capture(STDERR_FILENO);

    for (i = 0; i < UNIT_COUNT(events); i++) {
        put(events[i]);
    }

    events_write(outbox, 1, 2);
    events_write(outbox, 2, 1);
    within(5000U, atomic_load(&versions[1]) == 2);
    within(5000U, atomic_load(&versions[2]) == 1);
    log = unit_captured();

    ck_assert_uint_eq(events_metric(POISON), UNIT_COUNT(events));
    ck_assert_ptr_nonnull(strstr(log, "message 2 of stream USERS is skipped"));
    ck_assert_ptr_nonnull(strstr(log, "message 9 of stream USERS is skipped"));
    free(log);

    /* acknowledged: they do not come again */

    leave();
    follow("orders");
    events_write(outbox, 3, 1);
    within(5000U, atomic_load(&versions[3]) == 1);
    ck_assert_uint_eq(events_metric(POISON), UNIT_COUNT(events));

    end();
}
END_TEST


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
        users = events_store(&broker, "users");
        orders = events_store(&broker, "orders");
        bus = events_bus(&broker);

        ck_assert_int_eq(fig_outbox_open(users, bus, &events_topic, &outbox),
                         FIG_OK);

        atomic_store(&die, true);
        follow("orders");
        events_write(outbox, 1, 1);
        broker_sleep(20000);
        _exit(0);
    }

    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert(WIFEXITED(status));
    ck_assert_int_eq(WEXITSTATUS(status), 77);
}


START_TEST(crash_between_raise_and_settle)
{
    events_open(&broker, NULL);
    broker_start(&broker);
    crash();

    orders = events_store(&broker, "orders");
    ck_assert_uint_eq(events_version(orders, &events_replica, 1), 1);
    ck_assert_uint_eq(events_pending(orders, &events_replica), 1);
    ck_assert_uint_eq(events_version(orders, &events_orders, 1), 0);

    /* at once, without a broker */

    broker_kill(&broker, SIGKILL);
    bus = events_bus(&broker);
    follow("orders");
    within(3000U, atomic_load(&versions[1]) == 1);
    within(2000U, events_pending(orders, &events_replica) == 0);
    ck_assert_uint_eq(events_version(orders, &events_orders, 1), 1);

    users = events_store(&broker, "users");
    end();
}
END_TEST


START_TEST(apply_fails_and_is_slow)
{
    begin(true);
    follow("orders");
    events_write(outbox, 1, 1);
    within(5000U, atomic_load(&versions[1]) == 1);

    atomic_store(&failures, 3);
    atomic_store(&calls, 0);
    events_write(outbox, 1, 2);
    within(2000U, atomic_load(&calls) == 1);
    events_write_many(outbox, 2, 500, 1);
    within(5000U, atomic_load(&versions[1]) == 2);
    ck_assert_uint_ge(atomic_load(&calls), 4);
    within(5000U, events_version(orders, &events_orders, 501) == 1);

    /* what waits is taken at once when it is over */

    atomic_store(&wait_ms, 300);
    events_write_many(outbox, 2, 500, 2);
    within(5000U, events_version(orders, &events_orders, 501) == 2);
    atomic_store(&wait_ms, 0);

    /* and closing does not wait for ever */

    atomic_store(&failures, 1000000);
    events_write(outbox, 1, 3);
    broker_sleep(1000);
    end();
    ck_assert_uint_eq(atomic_load(&versions[1]), 2);
}
END_TEST


START_TEST(store_is_locked)
{
    sqlite3  *db;
    char      path[4200];

    begin(true);
    follow("orders");
    events_write(outbox, 1, 1);
    within(5000U, atomic_load(&versions[1]) == 1);

    (void) snprintf(path, sizeof(path), "%s/orders.db", broker.dir);
    ck_assert_int_eq(sqlite3_open(path, &db), SQLITE_OK);
    ck_assert_int_eq(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL),
                     SQLITE_OK);

    events_write(outbox, 1, 2);
    events_write(outbox, 2, 1);
    broker_sleep(2500);
    ck_assert_uint_eq(atomic_load(&versions[1]), 1);

    ck_assert_int_eq(sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL),
                     SQLITE_OK);
    ck_assert_int_eq(sqlite3_close(db), SQLITE_OK);

    within(8000U, atomic_load(&versions[1]) == 2);
    within(8000U, atomic_load(&versions[2]) == 1);

    end();
}
END_TEST


START_TEST(server_killed)
{
    unsigned  i, ver;

    begin(true);
    follow("orders");

    for (ver = 1; ver <= 10; ver++) {

        for (i = 0; i < 500; i += 25) {
            events_write_many(outbox, i, 25, ver);
        }

        if (ver % 3 == 0) {
            broker_kill(&broker, SIGKILL);
            broker_start(&broker);
            within(10000U, fig_bus_connected(bus));
        }
    }

    within(10000U, level(500, 10));
    ck_assert_uint_eq(events_metric("ficus_consumer_resets_total"), 0);
    ck_assert_uint_eq(events_metric("ficus_consumer_missed_total"), 0);

    end();
}
END_TEST


START_TEST(durable_deleted)
{
    begin(true);
    follow("orders");
    events_write(outbox, 1, 1);
    within(5000U, atomic_load(&versions[1]) == 1);

    ck_assert(broker_delete_durable(&broker, "USERS", "orders"));
    events_write(outbox, 1, 2);
    within(8000U, atomic_load(&versions[1]) == 2);
    ck_assert_uint_eq(events_metric(STALE), 0);

    end();
}
END_TEST


START_TEST(stream_deleted)
{
    begin(true);
    follow("orders");
    events_write_many(outbox, 0, 10, 1);
    within(5000U, level(10, 1));

    ck_assert(broker_delete_stream(&broker, "USERS"));
    events_write(outbox, 1, 2);
    within(8000U, atomic_load(&versions[1]) == 2);
    ck_assert_uint_eq(events_metric("ficus_consumer_resets_total"), 1);

    end();
}
END_TEST


START_TEST(server_wiped)
{
    begin(true);
    follow("orders");
    events_write_many(outbox, 0, 10, 1);
    within(5000U, level(10, 1));

    broker_kill(&broker, SIGKILL);
    broker_wipe(&broker);
    broker_start(&broker);

    events_write_many(outbox, 0, 10, 2);
    within(8000U, level(10, 2));
    ck_assert_uint_eq(events_metric("ficus_consumer_resets_total"), 1);

    end();
}
END_TEST


static void
copy_data(const char *from, const char *to)
{
    int    status;
    pid_t  pid;
    char   source[4200], target[4200];

    (void) snprintf(source, sizeof(source), "%s/%s", broker.dir, from);
    (void) snprintf(target, sizeof(target), "%s/%s", broker.dir, to);

    pid = fork();
    ck_assert_int_ne(pid, -1);

    if (pid == 0) {
        (void) execlp("cp", "cp", "-a", source, target, NULL);
        _exit(127);
    }

    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_int_eq(status, 0);
}


/*
 * The server comes back with an older copy of its files; and when the consumer
 * sees it, the stream has grown beyond where it was.
 */

START_TEST(stream_rolled_back)
{
    char      *log;
    unsigned   i;

    begin(true);
    follow("orders");
    events_write_many(outbox, 0, 100, 1);
    within(5000U, level(100, 1));

    broker_kill(&broker, SIGTERM);
    copy_data("data", "older");
    broker_start(&broker);
    within(5000U, fig_bus_connected(bus));

    events_write_many(outbox, 0, 100, 2);
    within(5000U, level(100, 2));
    within(3000U, events_pending(users, &events_users) == 0);
    leave();

    broker_kill(&broker, SIGKILL);
    broker_wipe(&broker);
    copy_data("older", "data");
    broker_start(&broker);
    within(5000U, fig_bus_connected(bus));

    events_write_many(outbox, 0, 100, 3);
    events_write_many(outbox, 100, 200, 1);
    within(5000U, broker_messages(&broker, "USERS") == 400);

    unit_capture(STDERR_FILENO);
    follow("orders");
    within(5000U, level(100, 3));

    for (i = 100; i < 300; i++) {
        within(3000U, atomic_load(&versions[i]) == 1);
    }

    log = unit_captured();
    ck_assert_ptr_nonnull(strstr(log, "stream USERS has other messages than "
                                      "were read (cursor 200)"));
    ck_assert_uint_eq(events_metric("ficus_consumer_resets_total"), 1);
    free(log);

    end();
}
END_TEST


START_TEST(stream_lost_its_end)
{
    begin(true);
    follow("orders");
    events_write_many(outbox, 0, 100, 1);
    within(5000U, level(100, 1));

    broker_kill(&broker, SIGTERM);
    copy_data("data", "older");
    broker_start(&broker);
    within(5000U, fig_bus_connected(bus));

    events_write_many(outbox, 0, 100, 2);
    within(5000U, level(100, 2));
    within(3000U, events_pending(users, &events_users) == 0);

    /* under the consumer's eyes */

    broker_kill(&broker, SIGKILL);
    broker_wipe(&broker);
    copy_data("older", "data");
    broker_start(&broker);
    within(8000U, events_metric("ficus_consumer_resets_total") == 1);

    events_write_many(outbox, 0, 100, 3);
    within(5000U, level(100, 3));

    end();
}
END_TEST


START_TEST(discarded_unread)
{
    begin(true);
    follow("orders");
    events_write_many(outbox, 0, 10, 1);
    within(5000U, level(10, 1));
    leave();

    events_write_many(outbox, 0, 10, 2);
    within(5000U, broker_messages(&broker, "USERS") == 20);
    ck_assert(broker_purge(&broker, "USERS"));
    events_write_many(outbox, 0, 5, 3);
    within(5000U, broker_messages(&broker, "USERS") == 5);

    follow("orders");
    within(5000U, level(5, 3));
    ck_assert_uint_eq(events_metric("ficus_consumer_missed_total"), 10);
    ck_assert_uint_eq(atomic_load(&versions[7]), 1);

    /* it is said once */

    leave();
    follow("orders");
    events_write(outbox, 0, 4);
    within(5000U, atomic_load(&versions[0]) == 4);
    ck_assert_uint_eq(events_metric("ficus_consumer_missed_total"), 10);

    end();
}
END_TEST


START_TEST(restart_reads_on)
{
    begin(true);
    follow("orders");
    events_write_many(outbox, 0, 100, 1);
    within(5000U, level(100, 1));
    leave();

    events_write_many(outbox, 0, 100, 2);
    within(5000U, broker_messages(&broker, "USERS") == 200);

    /* the last cursor is durable when the store is closed */

    fig_store_close(orders);
    orders = events_store(&broker, "orders");

    follow("orders");
    within(5000U, level(100, 2));
    ck_assert_uint_eq(events_metric(STALE), 0);
    ck_assert_uint_eq(events_metric("ficus_consumer_resets_total"), 0);

    end();
}
END_TEST


int
main(void)
{
    const TTest *const  tests[] = {
        follows, both_wait_for_the_server, deletions, out_of_order,
        replay_is_a_no_op, poison, crash_between_raise_and_settle,
        apply_fails_and_is_slow, store_is_locked, server_killed,
        durable_deleted, stream_deleted, server_wiped, stream_rolled_back,
        stream_lost_its_end, discarded_unread, restart_reads_on
    };

    if (!broker_there()) {
        puts("1..0 # SKIP nats-server was not found");
        return EXIT_SUCCESS;
    }

    return unit_run("fig_consumer", tests, UNIT_COUNT(tests));
}
