
/*
 * Copyright (C) Ficus authors
 */


/*
 * What JetStream alone has to do, over a nats-server of each test's own;
 * bus_cases.h has what every bus does.
 */


#include "bus_fixture.h"
#include "bus_jetstream.h"
#include "fig_metrics.h"
#include "unit.h"
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>


static void read_all(unsigned n, size_t size);


/* reads so many messages in order, whatever it takes */

static void
read_all(unsigned n, size_t size)
{
    uint64_t       last, start;
    fig_status_t   rc;
    fig_message_t  message;

    last = 0;
    start = fig_clock_us();

    while (last < n) {
        ck_assert_uint_lt(bt_since(start), 30000);

        if (bt.sub == NULL) {
            ck_assert_int_eq(fig_bus_subscribe(bt.bus, &bt_stream, "orders",
                                               last + 1, &bt.sub), FIG_OK);
        }

        rc = bt_next(500, &message);

        if (rc == FIG_DECLINED) {
            fig_bus_unsubscribe(bt.sub);
            bt.sub = NULL;
        }

        if (rc == FIG_OK) {
            ck_assert_uint_eq(message.seq, last + 1);
            ck_assert_uint_eq(message.data.len, size);
            last = message.seq;
            fig_bus_ack(bt.sub, &message);
        }
    }
}


START_TEST(bad_urls)
{
    size_t             i;
    char              *log;
    static const char *const  urls[] = {
        "", "nats:/x", "http://a:1", "nats://", "nats://user:secret@",
        "nats://:4222", "nats://a:0", "nats://a:65536", "nats://a:x",
        "nats://a:4222,", "nats://a,mongodb://b", "nats://a b", "nats://a/b"
    };

    memset(&bt.conf, 0, sizeof(bt.conf));

    unit_capture(STDERR_FILENO);

    for (i = 0; i < UNIT_COUNT(urls); i++) {
        bt.conf.url = urls[i];
        ck_assert_int_eq(fig_bus_open(&bt.conf, &bt.bus), FIG_INVALID);
        ck_assert_ptr_null(bt.bus);
    }

    log = unit_captured();
    ck_assert_ptr_null(strstr(log, "secret"));
    ck_assert_ptr_nonnull(strstr(log, "server 2 of the NATS URL"));
    free(log);
}
END_TEST


START_TEST(server_comes_later)
{
    char               *log;
    uint64_t            start;
    fig_str_t           reply;
    fig_stream_info_t   info;

    bt_setup(NULL);
    unit_capture(STDERR_FILENO);

    start = fig_clock_us();
    ck_assert_int_eq(fig_bus_open(&bt.conf, &bt.bus), FIG_OK);
    ck_assert_int_eq(fig_bus_publisher(bt.bus, bt_on_ack, NULL, &bt.publisher),
                     FIG_OK);

    /* nothing blocks, nothing is kept */

    ck_assert(!fig_bus_connected(bt.bus));
    ck_assert_uint_eq(fig_bus_session(bt.bus), 0);
    ck_assert_int_eq(bt_publish("users/a/1", "{}", 1), FIG_AGAIN);
    ck_assert_int_eq(fig_bus_stream(bt.bus, &bt_stream, &info), FIG_AGAIN);
    ck_assert_int_eq(fig_bus_subscribe(bt.bus, &bt_stream, "orders", 1,
                                       &bt.sub),
                     FIG_AGAIN);
    ck_assert_int_eq(fig_bus_request(bt.bus, "ficus.x", FIG_STR("hi"), 1000,
                                     bt.arena, &reply), FIG_AGAIN);
    ck_assert_uint_lt(bt_since(start), 900);

    broker_sleep(2000);
    broker_start(&bus_broker);
    within(3000U, fig_bus_connected(bt.bus));
    ck_assert_uint_eq(fig_bus_session(bt.bus), 1);

    ck_assert_int_eq(fig_bus_stream(bt.bus, &bt_stream, &info), FIG_OK);
    ck_assert_uint_eq(info.last_seq, 0);
    ck_assert_int_eq(bt_publish("users/a/1", "{}", 1), FIG_OK);
    within(2000U, atomic_load(&bt.stored) == 1);

    bt_teardown();

    /* one line for all the attempts, one for the connection */

    log = unit_captured();
    ck_assert_ptr_nonnull(strstr(log, "can't be reached"));
    ck_assert_ptr_null(strstr(strstr(log, "can't be reached") + 1,
                              "can't be reached"));
    ck_assert_ptr_nonnull(strstr(log,
                                 "connected to nats-server at 127.0.0.1"));
    free(log);
}
END_TEST


START_TEST(frozen_server)
{
    unsigned  i;
    uint64_t  start;
    char      id[32];

    bt_setup(NULL);
    bt.conf.publish_pending = 10;
    bt_begin();

    (void) kill(bus_broker.pid, SIGSTOP);

    for (i = 1; i <= 10; i++) {
        (void) snprintf(id, sizeof(id), "users/%u/1", i);
        ck_assert_int_eq(bt_publish(id, "{}", i), FIG_OK);
    }

    /* too many without an answer */
    ck_assert_int_eq(bt_publish("users/11/1", "{}", 11), FIG_AGAIN);

    start = fig_clock_us();
    within(8000U, fig_bus_session(bt.bus) == 0);
    ck_assert_uint_lt(bt_since(start), 7000);
    ck_assert(!fig_bus_connected(bt.bus));

    (void) kill(bus_broker.pid, SIGCONT);
    within(8000U, fig_bus_connected(bt.bus));

    ck_assert_int_eq(bt_publish("users/11/1", "{}", 11), FIG_OK);
    within(2000U, atomic_load(&bt.answered[11]));

    bt_teardown();
}
END_TEST


START_TEST(stream_conflicts)
{
    char               *log;
    fig_stream_t        other;
    fig_stream_info_t   info;

    bt_setup(NULL);
    bt_begin();

    /* made by us with users.>, asked for with other subjects */

    other.name = "USERS";
    other.subjects = "people.>";

    unit_capture(STDERR_FILENO);
    ck_assert_int_eq(fig_bus_stream(bt.bus, &other, &info), FIG_CONFLICT);
    ck_assert_int_eq(fig_bus_stream(bt.bus, &other, &info), FIG_CONFLICT);
    log = unit_captured();

    ck_assert_ptr_nonnull(strstr(log, "stream USERS is there with other "
                                      "subjects"));
    ck_assert_ptr_null(strstr(strstr(log, "subjects") + 1, "subjects"));
    free(log);

    unit_capture(STDERR_FILENO);
    ck_assert(broker_add_stream(&bus_broker, "MEM", "mem.>", true, false));
    other.name = "MEM";
    other.subjects = "mem.>";
    ck_assert_int_eq(fig_bus_stream(bt.bus, &other, &info), FIG_CONFLICT);

    ck_assert(broker_add_stream(&bus_broker, "QUEUE", "queue.>", false, true));
    other.name = "QUEUE";
    other.subjects = "queue.>";
    ck_assert_int_eq(fig_bus_stream(bt.bus, &other, &info), FIG_CONFLICT);

    log = unit_captured();
    ck_assert_ptr_nonnull(strstr(log, "storage (memory, not file)"));
    ck_assert_ptr_nonnull(strstr(log, "retention (workqueue, not limits)"));
    free(log);

    bt_teardown();
}
END_TEST


START_TEST(stream_limits)
{
    fig_bus_t          *second;
    fig_stream_info_t   info;

    bt_setup(NULL);
    bt_begin();

    ck_assert_int_eq(bt_publish("users/a/1", "{}", 1), FIG_OK);
    within(2000U, atomic_load(&bt.stored) == 1);

    bt.conf.stream_max_bytes = 10 * 1024 * 1024;
    bt.conf.stream_max_age = 60 * 1000;

    ck_assert_int_eq(fig_bus_open(&bt.conf, &second), FIG_OK);
    within(10000U, fig_bus_connected(second));

    ck_assert_int_eq(fig_bus_stream(second, &bt_stream, &info), FIG_OK);
    ck_assert_uint_eq(info.last_seq, 1);
    ck_assert_int_gt(info.created, 0);
    ck_assert_int_eq(broker_max_bytes(&bus_broker, "USERS"), 10 * 1024 * 1024);

    fig_bus_close(second);
    bt_teardown();
}
END_TEST


START_TEST(too_large)
{
    char       *payload;
    fig_str_t   reply;

    bt_setup("max_payload: 4096");
    bt_begin();

    payload = malloc(5001);
    ck_assert_ptr_nonnull(payload);
    memset(payload, 'x', 5000);
    payload[5000] = '\0';

    ck_assert_int_eq(bt_publish("users/a/1", payload, 1), FIG_INVALID);

    payload[4000] = '\0';
    ck_assert_int_eq(bt_publish("users/a/1", payload, 2), FIG_OK);
    within(2000U, atomic_load(&bt.answered[2]));
    ck_assert_uint_eq(fig_bus_session(bt.bus), 1);

    payload[4000] = 'x';
    ck_assert_int_eq(bt_request(payload, 1000, &reply), FIG_INVALID);

    free(payload);
    bt_teardown();
}
END_TEST


/* more than the subscription holds: what is lost is asked for again */

START_TEST(slow_reader)
{
    char     *payload;
    unsigned  i;
    char      id[32];

    bt_setup(NULL);
    bt_begin();

    payload = malloc(500001);
    ck_assert_ptr_nonnull(payload);
    memset(payload, 'x', 500000);
    payload[500000] = '\0';

    for (i = 1; i <= 180; i++) {
        (void) snprintf(id, sizeof(id), "users/%u/1", i);
        within(5000U, bt_publish(id, payload, i) == FIG_OK);
    }

    within(20000U, atomic_load(&bt.stored) == 180);

    ck_assert_int_eq(fig_bus_subscribe(bt.bus, &bt_stream, "orders", 1,
                                       &bt.sub),
                     FIG_OK);
    broker_sleep(1500);
    read_all(180, 500000);

    free(payload);
    bt_teardown();
}
END_TEST


START_TEST(wrong_password)
{
    char  *log;
    char   url[128];

    bt_setup("authorization { user: fig, password: \"right\" }");
    broker_start(&bus_broker);

    (void) snprintf(url, sizeof(url), "nats://fig:wr0ng@127.0.0.1:%u",
                    bus_broker.port);
    bt.conf.url = url;

    unit_capture(STDERR_FILENO);
    ck_assert_int_eq(fig_bus_open(&bt.conf, &bt.bus), FIG_OK);
    broker_sleep(2000);
    ck_assert(!fig_bus_connected(bt.bus));

    /* it is tried for ever, so a server that is put right is found */

    broker_kill(&bus_broker, SIGTERM);
    bus_broker.config = "authorization { user: fig, password: \"wr0ng\" }";
    broker_start(&bus_broker);
    within(5000U, fig_bus_connected(bt.bus));
    log = unit_captured();

    ck_assert_ptr_nonnull(strstr(log, "refused user or password"));
    ck_assert_ptr_null(strstr(log, "wr0ng"));
    ck_assert_ptr_nonnull(strstr(log, "connected to"));
    free(log);

    bt_teardown();
}
END_TEST


START_TEST(no_jetstream)
{
    char               *log;
    fig_str_t           reply;
    fig_stream_info_t   info;

    bt_setup(NULL);
    bus_broker.jetstream = false;
    broker_start(&bus_broker);

    unit_capture(STDERR_FILENO);
    ck_assert_int_eq(fig_bus_open(&bt.conf, &bt.bus), FIG_OK);
    within(8000U, fig_bus_session(bt.bus) == 1);
    ck_assert(!fig_bus_connected(bt.bus));
    ck_assert_int_eq(fig_bus_stream(bt.bus, &bt_stream, &info), FIG_AGAIN);
    ck_assert_int_eq(fig_bus_subscribe(bt.bus, &bt_stream, "orders", 1,
                                       &bt.sub),
                     FIG_AGAIN);

    ck_assert_int_eq(fig_bus_serve(bt.bus, "ficus.x", bt_on_request, NULL),
                     FIG_OK);
    within(2000U, fig_bus_request(bt.bus, "ficus.x", FIG_STR("hi"), 1000,
                                  bt.arena,
                                  &reply) == FIG_OK);

    broker_kill(&bus_broker, SIGTERM);
    bus_broker.jetstream = true;
    broker_start(&bus_broker);
    within(5000U, fig_bus_connected(bt.bus));
    log = unit_captured();

    ck_assert_ptr_nonnull(strstr(log, "has no JetStream"));
    free(log);

    bt_teardown();
}
END_TEST


int
main(void)
{
    const TTest *const  tests[] = {
        bad_urls, server_comes_later, frozen_server, stream_conflicts,
        stream_limits, too_large, slow_reader, wrong_password, no_jetstream
    };

    if (!broker_there()) {
        puts("1..0 # SKIP nats-server was not found");
        return EXIT_SUCCESS;
    }

    return unit_run("fig_bus", tests, UNIT_COUNT(tests));
}
