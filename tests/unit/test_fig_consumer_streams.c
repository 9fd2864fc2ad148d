
/*
 * Copyright (C) Ficus authors
 */


/* The consumer, when server, stream or durable are not what they were. */


#include "consumer_fixture.h"
#include "unit.h"
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>


static void copy_data(const char *from, const char *to);


static void
copy_data(const char *from, const char *to)
{
    int    status;
    pid_t  pid;
    char   source[4200], target[4200];

    (void) snprintf(source, sizeof(source), "%s/%s", ct.broker.dir, from);
    (void) snprintf(target, sizeof(target), "%s/%s", ct.broker.dir, to);

    pid = fork();
    ck_assert_int_ne(pid, -1);

    if (pid == 0) {
        (void) execlp("cp", "cp", "-a", source, target, NULL);
        _exit(127);
    }

    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_int_eq(status, 0);
}


START_TEST(server_killed)
{
    unsigned  i, ver;

    ct_begin(true);
    ct_follow("orders");

    for (ver = 1; ver <= 10; ver++) {

        for (i = 0; i < 500; i += 25) {
            events_write_many(ct.outbox, i, 25, ver);
        }

        if (ver % 3 == 0) {
            broker_kill(&ct.broker, SIGKILL);
            broker_start(&ct.broker);
            within(10000U, fig_bus_connected(ct.bus));
        }
    }

    within(10000U, ct_level(500, 10));
    ck_assert_uint_eq(events_metric(RESETS), 0);
    ck_assert_uint_eq(events_metric(MISSED), 0);

    ct_end();
}
END_TEST


START_TEST(durable_deleted)
{
    ct_begin(true);
    ct_follow("orders");
    events_write(ct.outbox, 1, 1);
    within(5000U, atomic_load(&ct.versions[1]) == 1);

    ck_assert(broker_delete_durable(&ct.broker, "USERS", "orders"));
    events_write(ct.outbox, 1, 2);
    within(8000U, atomic_load(&ct.versions[1]) == 2);
    ck_assert_uint_eq(events_metric(STALE), 0);

    ct_end();
}
END_TEST


START_TEST(stream_deleted)
{
    ct_begin(true);
    ct_follow("orders");
    events_write_many(ct.outbox, 0, 10, 1);
    within(5000U, ct_level(10, 1));

    ck_assert(broker_delete_stream(&ct.broker, "USERS"));
    events_write(ct.outbox, 1, 2);
    within(8000U, atomic_load(&ct.versions[1]) == 2);
    ck_assert_uint_eq(events_metric(RESETS), 1);

    ct_end();
}
END_TEST


START_TEST(server_wiped)
{
    ct_begin(true);
    ct_follow("orders");
    events_write_many(ct.outbox, 0, 10, 1);
    within(5000U, ct_level(10, 1));

    broker_kill(&ct.broker, SIGKILL);
    broker_wipe(&ct.broker);
    broker_start(&ct.broker);

    events_write_many(ct.outbox, 0, 10, 2);
    within(8000U, ct_level(10, 2));
    ck_assert_uint_eq(events_metric(RESETS), 1);

    ct_end();
}
END_TEST


/*
 * The server comes back with an older copy of its files; and when the consumer
 * sees it, the stream has grown beyond where it was.
 */

START_TEST(stream_rolled_back)
{
    char      *log;
    unsigned   i;

    ct_begin(true);
    ct_follow("orders");
    events_write_many(ct.outbox, 0, 100, 1);
    within(5000U, ct_level(100, 1));

    broker_kill(&ct.broker, SIGTERM);
    copy_data("data", "older");
    broker_start(&ct.broker);
    within(5000U, fig_bus_connected(ct.bus));

    events_write_many(ct.outbox, 0, 100, 2);
    within(5000U, ct_level(100, 2));
    within(3000U, events_pending(ct.users, &events_users) == 0);
    ct_leave();

    broker_kill(&ct.broker, SIGKILL);
    broker_wipe(&ct.broker);
    copy_data("older", "data");
    broker_start(&ct.broker);
    within(5000U, fig_bus_connected(ct.bus));

    events_write_many(ct.outbox, 0, 100, 3);
    events_write_many(ct.outbox, 100, 200, 1);
    within(5000U, broker_messages(&ct.broker, "USERS") == 400);

    unit_capture(STDERR_FILENO);
    ct_follow("orders");
    within(5000U, ct_level(100, 3));

    for (i = 100; i < 300; i++) {
        within(3000U, atomic_load(&ct.versions[i]) == 1);
    }

    log = unit_captured();
    ck_assert_ptr_nonnull(strstr(log, "stream USERS has other messages than "
                                      "were read (cursor 200)"));
    ck_assert_uint_eq(events_metric(RESETS), 1);
    free(log);

    ct_end();
}
END_TEST


START_TEST(stream_lost_its_end)
{
    ct_begin(true);
    ct_follow("orders");
    events_write_many(ct.outbox, 0, 100, 1);
    within(5000U, ct_level(100, 1));

    broker_kill(&ct.broker, SIGTERM);
    copy_data("data", "older");
    broker_start(&ct.broker);
    within(5000U, fig_bus_connected(ct.bus));

    events_write_many(ct.outbox, 0, 100, 2);
    within(5000U, ct_level(100, 2));
    within(3000U, events_pending(ct.users, &events_users) == 0);

    /* under the consumer's eyes */

    broker_kill(&ct.broker, SIGKILL);
    broker_wipe(&ct.broker);
    copy_data("older", "data");
    broker_start(&ct.broker);
    within(8000U, events_metric(RESETS) == 1);

    events_write_many(ct.outbox, 0, 100, 3);
    within(5000U, ct_level(100, 3));

    ct_end();
}
END_TEST


START_TEST(discarded_unread)
{
    ct_begin(true);
    ct_follow("orders");
    events_write_many(ct.outbox, 0, 10, 1);
    within(5000U, ct_level(10, 1));
    ct_leave();

    events_write_many(ct.outbox, 0, 10, 2);
    within(5000U, broker_messages(&ct.broker, "USERS") == 20);
    ck_assert(broker_purge(&ct.broker, "USERS"));
    events_write_many(ct.outbox, 0, 5, 3);
    within(5000U, broker_messages(&ct.broker, "USERS") == 5);

    ct_follow("orders");
    within(5000U, ct_level(5, 3));
    ck_assert_uint_eq(events_metric(MISSED), 10);
    ck_assert_uint_eq(atomic_load(&ct.versions[7]), 1);

    /* it is said once */

    ct_leave();
    ct_follow("orders");
    events_write(ct.outbox, 0, 4);
    within(5000U, atomic_load(&ct.versions[0]) == 4);
    ck_assert_uint_eq(events_metric(MISSED), 10);

    ct_end();
}
END_TEST


int
main(void)
{
    const TTest *const  tests[] = {
        server_killed, durable_deleted, stream_deleted, server_wiped,
        stream_rolled_back, stream_lost_its_end, discarded_unread
    };

    if (!broker_there()) {
        puts("1..0 # SKIP nats-server was not found");
        return EXIT_SUCCESS;
    }

    return unit_run("fig_consumer_streams", tests, UNIT_COUNT(tests));
}
