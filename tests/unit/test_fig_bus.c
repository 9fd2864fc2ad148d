
/*
 * Copyright (C) Ficus authors
 */


/* The bus, over a nats-server of each test's own: connecting, publishing. */


#include "bus_fixture.h"
#include "fig_metrics.h"
#include "unit.h"
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>


static void on_request(void *data, fig_str_t request, fig_buf_t *out);


static void
on_request(void *data, fig_str_t request, fig_buf_t *out)
{
    if (fig_str_eq(request, FIG_STR("slow"))) {
        broker_sleep(700);
    }

    if (fig_str_eq(request, FIG_STR("silent"))) {
        out->failed = true;
    }

    fig_buf_puts(out, "you said ");
    fig_buf_str(out, request);
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
    broker_start(&bt.broker);
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


START_TEST(kill_while_publishing)
{
    bool                done;
    unsigned            i, kills;
    uint64_t            session, start;
    fig_message_t       message;
    fig_stream_info_t   info;
    static bool         seen[MESSAGES + 1], sent[MESSAGES + 1];
    char                id[32], text[32];

    bt_setup(NULL);
    bt_begin();

    kills = 0;
    session = fig_bus_session(bt.bus);
    start = fig_clock_us();

    do {
        done = true;

        for (i = 1; i <= MESSAGES; i++) {

            if (atomic_load(&bt.answered[i])) {
                continue;
            }

            done = false;

            if (kills < 2 && atomic_load(&bt.stored) > (kills + 1) * 1500) {
                kills++;
                broker_kill(&bt.broker, SIGKILL);
                broker_start(&bt.broker);
            }

            if (sent[i]) {
                continue;
            }

            (void) snprintf(id, sizeof(id), "users/%u/1", i);
            (void) snprintf(text, sizeof(text), "%u", i);
            sent[i] = bt_publish(id, text, i) == FIG_OK;
        }

        broker_sleep(1);

        if (fig_bus_session(bt.bus) != session
            && fig_bus_session(bt.bus) != 0)
        {
            /* what had no answer gets none */
            session = fig_bus_session(bt.bus);
            memset(sent, 0, sizeof(sent));
        }

        ck_assert_uint_lt(bt_since(start), 40000);
    } while (!done);

    ck_assert_uint_eq(kills, 2);
    within(5000U, fig_bus_session(bt.bus) > 1);

    /* each is there, and ids made the repetitions harmless */

    ck_assert_int_eq(fig_bus_stream_info(bt.bus, &bt_stream, &info), FIG_OK);
    ck_assert_int_eq(fig_bus_subscribe(bt.bus, &bt_stream, "orders", 1,
                                       &bt.sub),
                     FIG_OK);

    for (i = 0; i < info.last_seq; i++) {
        ck_assert_int_eq(bt_next(5000, &message), FIG_OK);
        ck_assert_uint_eq(message.seq, i + 1);

        (void) snprintf(text, sizeof(text), "%.*s", (int) message.data.len,
                        message.data.data);
        seen[strtoul(text, NULL, 10)] = true;
        fig_bus_ack(bt.sub, &message);
    }

    for (i = 1; i <= MESSAGES; i++) {
        ck_assert(seen[i]);
    }

    ck_assert_uint_eq(info.last_seq, MESSAGES);

    bt_teardown();
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

    (void) kill(bt.broker.pid, SIGSTOP);

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

    (void) kill(bt.broker.pid, SIGCONT);
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
    ck_assert(broker_add_stream(&bt.broker, "MEM", "mem.>", true, false));
    other.name = "MEM";
    other.subjects = "mem.>";
    ck_assert_int_eq(fig_bus_stream(bt.bus, &other, &info), FIG_CONFLICT);

    ck_assert(broker_add_stream(&bt.broker, "QUEUE", "queue.>", false, true));
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
    ck_assert_int_eq(broker_max_bytes(&bt.broker, "USERS"), 10 * 1024 * 1024);

    fig_bus_close(second);
    bt_teardown();
}
END_TEST


START_TEST(no_stream)
{
    int64_t             time;
    fig_stream_info_t   info;

    bt_setup(NULL);
    bt_begin();
    ck_assert(broker_delete_stream(&bt.broker, "USERS"));

    ck_assert_int_eq(bt_publish("users/a/1", "{}", 1), FIG_OK);
    within(2000U, atomic_load(&bt.refused) == 1);
    ck_assert_int_eq(atomic_load(&bt.refusal), FIG_DECLINED);

    ck_assert_int_eq(fig_bus_stream_info(bt.bus, &bt_stream, &info),
                     FIG_DECLINED);
    ck_assert_int_eq(fig_bus_stream_time(bt.bus, &bt_stream, 1, &time),
                     FIG_DECLINED);
    ck_assert_int_eq(fig_bus_subscribe(bt.bus, &bt_stream, "orders", 1,
                                       &bt.sub),
                     FIG_DECLINED);
    ck_assert_ptr_null(bt.sub);

    ck_assert_int_eq(fig_bus_stream(bt.bus, &bt_stream, &info), FIG_OK);
    ck_assert_int_eq(bt_publish("users/a/1", "{}", 1), FIG_OK);
    within(2000U, atomic_load(&bt.stored) == 1);

    bt_teardown();
}
END_TEST


START_TEST(too_large)
{
    char  *payload;

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

    free(payload);
    bt_teardown();
}
END_TEST


START_TEST(repetitions)
{
    fig_stream_info_t  info;

    bt_setup(NULL);
    bt_begin();

    ck_assert_int_eq(bt_publish("users/a/1", "{}", 1), FIG_OK);
    ck_assert_int_eq(bt_publish("users/a/1", "{}", 2), FIG_OK);
    within(2000U, atomic_load(&bt.stored) == 2);

    ck_assert_int_eq(fig_bus_stream_info(bt.bus, &bt_stream, &info), FIG_OK);
    ck_assert_uint_eq(info.last_seq, 1);

    /* nobody is called any more */

    fig_bus_publisher_close(bt.bus, bt.publisher);
    ck_assert_int_eq(bt_publish("users/b/1", "{}", 3), FIG_OK);
    within(2000U, broker_messages(&bt.broker, "USERS") == 2);
    broker_sleep(50);
    ck_assert_uint_eq(atomic_load(&bt.stored), 2);

    bt_teardown();
}
END_TEST


START_TEST(wrong_password)
{
    char  *log;
    char   url[128];

    bt_setup("authorization { user: fig, password: \"right\" }");
    broker_start(&bt.broker);

    (void) snprintf(url, sizeof(url), "nats://fig:wr0ng@127.0.0.1:%u",
                    bt.broker.port);
    bt.conf.url = url;

    unit_capture(STDERR_FILENO);
    ck_assert_int_eq(fig_bus_open(&bt.conf, &bt.bus), FIG_OK);
    broker_sleep(2000);
    ck_assert(!fig_bus_connected(bt.bus));

    /* it is tried for ever, so a server that is put right is found */

    broker_kill(&bt.broker, SIGTERM);
    bt.broker.config = "authorization { user: fig, password: \"wr0ng\" }";
    broker_start(&bt.broker);
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
    bt.broker.jetstream = false;
    broker_start(&bt.broker);

    unit_capture(STDERR_FILENO);
    ck_assert_int_eq(fig_bus_open(&bt.conf, &bt.bus), FIG_OK);
    within(8000U, fig_bus_session(bt.bus) == 1);
    ck_assert(!fig_bus_connected(bt.bus));
    ck_assert_int_eq(fig_bus_stream(bt.bus, &bt_stream, &info), FIG_AGAIN);
    ck_assert_int_eq(fig_bus_subscribe(bt.bus, &bt_stream, "orders", 1,
                                       &bt.sub),
                     FIG_AGAIN);

    ck_assert_int_eq(fig_bus_serve(bt.bus, "ficus.x", on_request, NULL),
                     FIG_OK);
    within(2000U, fig_bus_request(bt.bus, "ficus.x", FIG_STR("hi"), 1000,
                                  bt.arena,
                                  &reply) == FIG_OK);

    broker_kill(&bt.broker, SIGTERM);
    bt.broker.jetstream = true;
    broker_start(&bt.broker);
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
        bad_urls, server_comes_later, kill_while_publishing,
        frozen_server, stream_conflicts, stream_limits, no_stream,
        too_large, repetitions, wrong_password, no_jetstream
    };

    if (!broker_there()) {
        puts("1..0 # SKIP nats-server was not found");
        return EXIT_SUCCESS;
    }

    return unit_run("fig_bus", tests, UNIT_COUNT(tests));
}
