
/*
 * Copyright (C) Ficus authors
 */


/* The bus, over a nats-server of each test's own. */


#include "broker.h"
#include "fig_bus.h"
#include "fig_metrics.h"
#include "unit.h"
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>


#define within(ms, condition)                                                 \
    do {                                                                      \
        unsigned  within_i;                                                   \
                                                                              \
        for (within_i = 0; within_i < (ms) / 5 && !(condition); within_i++) { \
            broker_sleep(5);                                                  \
        }                                                                     \
                                                                              \
        ck_assert_msg(condition, "not within %u ms: " #condition, (ms));      \
    } while (0)


#define MESSAGES  5000


static void setup(const char *config);
static void teardown(void);
static void begin(void);
static void on_ack(void *data, uint64_t token, fig_status_t status);
static void on_request(void *data, fig_str_t request, fig_buf_t *out);
static fig_status_t publish(const char *id, const char *payload,
    uint64_t token);
static fig_status_t next(uint64_t timeout, fig_message_t *message);
static void read_all(unsigned n, size_t size);
static uint64_t since(uint64_t start);


static const fig_stream_t  stream = { "USERS", "users.>" };


static broker_t             broker;
static fig_bus_conf_t       conf;
static fig_bus_t           *bus;
static fig_subscription_t  *sub;
static fig_arena_t         *arena;
static unsigned             publisher;

static atomic_uint          stored;
static atomic_uint          refused;
static atomic_int           refusal;
static atomic_bool          answered[MESSAGES + 1];


static void
setup(const char *config)
{
    broker_open(&broker, config);

    conf.url = broker.url;
    conf.name = "test";
    conf.stream_max_bytes = 1024 * 1024 * 1024;
    conf.stream_max_age = 3600 * 1000;
    conf.publish_pending = 4096;
    conf.ack_wait = 30000;
    conf.ack_pending = 1000;

    arena = fig_arena_create(4096, 16 * 1024 * 1024);
    ck_assert_ptr_nonnull(arena);
}


static void
teardown(void)
{
    fig_bus_unsubscribe(sub);
    fig_bus_close(bus);
    fig_arena_destroy(arena);
    broker_close(&broker);
}


/* a server, a bus that is connected to it, a stream */

static void
begin(void)
{
    fig_stream_info_t  info;

    broker_start(&broker);
    ck_assert_int_eq(fig_bus_open(&conf, &bus), FIG_OK);
    within(10000U, fig_bus_connected(bus));

    ck_assert_int_eq(fig_bus_stream(bus, &stream, &info), FIG_OK);
    ck_assert_int_eq(fig_bus_publisher(bus, on_ack, NULL, &publisher), FIG_OK);
}


static void
on_ack(void *data, uint64_t token, fig_status_t status)
{
    if (status == FIG_OK) {
        ck_assert_uint_ge(token, 1);
        ck_assert_uint_le(token, MESSAGES);

        if (!atomic_exchange(&answered[token], true)) {
            (void) atomic_fetch_add(&stored, 1);
        }

    } else {
        atomic_store(&refusal, (int) status);
        (void) atomic_fetch_add(&refused, 1);
    }
}


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


static fig_status_t
publish(const char *id, const char *payload, uint64_t token)
{
    return fig_bus_publish(bus, publisher, "users.updated.00", id,
                           fig_str_from(payload), token);
}


static fig_status_t
next(uint64_t timeout, fig_message_t *message)
{
    return fig_bus_next(sub, timeout, message);
}


static uint64_t
since(uint64_t start)
{
    return (fig_clock_us() - start) / 1000;
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

    memset(&conf, 0, sizeof(conf));

    unit_capture(STDERR_FILENO);

    for (i = 0; i < UNIT_COUNT(urls); i++) {
        conf.url = urls[i];
        ck_assert_int_eq(fig_bus_open(&conf, &bus), FIG_INVALID);
        ck_assert_ptr_null(bus);
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

    setup(NULL);
    unit_capture(STDERR_FILENO);

    start = fig_clock_us();
    ck_assert_int_eq(fig_bus_open(&conf, &bus), FIG_OK);
    ck_assert_int_eq(fig_bus_publisher(bus, on_ack, NULL, &publisher), FIG_OK);

    /* nothing blocks, nothing is kept */

    ck_assert(!fig_bus_connected(bus));
    ck_assert_uint_eq(fig_bus_session(bus), 0);
    ck_assert_int_eq(publish("users/a/1", "{}", 1), FIG_AGAIN);
    ck_assert_int_eq(fig_bus_stream(bus, &stream, &info), FIG_AGAIN);
    ck_assert_int_eq(fig_bus_subscribe(bus, &stream, "orders", 1, &sub),
                     FIG_AGAIN);
    ck_assert_int_eq(fig_bus_request(bus, "ficus.x", FIG_STR("hi"), 1000,
                                     arena, &reply), FIG_AGAIN);
    ck_assert_uint_lt(since(start), 900);

    broker_sleep(2000);
    broker_start(&broker);
    within(3000U, fig_bus_connected(bus));
    ck_assert_uint_eq(fig_bus_session(bus), 1);

    ck_assert_int_eq(fig_bus_stream(bus, &stream, &info), FIG_OK);
    ck_assert_uint_eq(info.last_seq, 0);
    ck_assert_int_eq(publish("users/a/1", "{}", 1), FIG_OK);
    within(2000U, atomic_load(&stored) == 1);

    teardown();

    /* one line for all the attempts, one for the connection */

    log = unit_captured();
    ck_assert_ptr_nonnull(strstr(log, "can't be reached"));
    ck_assert_ptr_null(strstr(strstr(log, "can't be reached") + 1,
                              "can't be reached"));
    ck_assert_ptr_nonnull(strstr(log, "connected to nats-server at 127.0.0.1"));
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

    setup(NULL);
    begin();

    kills = 0;
    session = fig_bus_session(bus);
    start = fig_clock_us();

    do {
        done = true;

        for (i = 1; i <= MESSAGES; i++) {

            if (atomic_load(&answered[i])) {
                continue;
            }

            done = false;

            if (kills < 2 && atomic_load(&stored) > (kills + 1) * 1500) {
                kills++;
                broker_kill(&broker, SIGKILL);
                broker_start(&broker);
            }

            if (sent[i]) {
                continue;
            }

            (void) snprintf(id, sizeof(id), "users/%u/1", i);
            (void) snprintf(text, sizeof(text), "%u", i);
            sent[i] = publish(id, text, i) == FIG_OK;
        }

        broker_sleep(1);

        if (fig_bus_session(bus) != session && fig_bus_session(bus) != 0) {
            /* what had no answer gets none */
            session = fig_bus_session(bus);
            memset(sent, 0, sizeof(sent));
        }

        ck_assert_uint_lt(since(start), 40000);
    } while (!done);

    ck_assert_uint_eq(kills, 2);
    within(5000U, fig_bus_session(bus) > 1);

    /* each is there, and ids made the repetitions harmless */

    ck_assert_int_eq(fig_bus_stream_info(bus, &stream, &info), FIG_OK);
    ck_assert_int_eq(fig_bus_subscribe(bus, &stream, "orders", 1, &sub),
                     FIG_OK);

    for (i = 0; i < info.last_seq; i++) {
        ck_assert_int_eq(next(5000, &message), FIG_OK);
        ck_assert_uint_eq(message.seq, i + 1);

        (void) snprintf(text, sizeof(text), "%.*s", (int) message.data.len,
                        message.data.data);
        seen[strtoul(text, NULL, 10)] = true;
        fig_bus_ack(sub, &message);
    }

    for (i = 1; i <= MESSAGES; i++) {
        ck_assert(seen[i]);
    }

    ck_assert_uint_eq(info.last_seq, MESSAGES);

    teardown();
}
END_TEST


START_TEST(frozen_server)
{
    unsigned  i;
    uint64_t  start;
    char      id[32];

    setup(NULL);
    conf.publish_pending = 10;
    begin();

    (void) kill(broker.pid, SIGSTOP);

    for (i = 1; i <= 10; i++) {
        (void) snprintf(id, sizeof(id), "users/%u/1", i);
        ck_assert_int_eq(publish(id, "{}", i), FIG_OK);
    }

    /* too many without an answer */
    ck_assert_int_eq(publish("users/11/1", "{}", 11), FIG_AGAIN);

    start = fig_clock_us();
    within(8000U, fig_bus_session(bus) == 0);
    ck_assert_uint_lt(since(start), 7000);
    ck_assert(!fig_bus_connected(bus));

    (void) kill(broker.pid, SIGCONT);
    within(8000U, fig_bus_connected(bus));

    ck_assert_int_eq(publish("users/11/1", "{}", 11), FIG_OK);
    within(2000U, atomic_load(&answered[11]));

    teardown();
}
END_TEST


START_TEST(stream_conflicts)
{
    char               *log;
    fig_stream_t        other;
    fig_stream_info_t   info;

    setup(NULL);
    begin();

    /* made by us with users.>, asked for with other subjects */

    other.name = "USERS";
    other.subjects = "people.>";

    unit_capture(STDERR_FILENO);
    ck_assert_int_eq(fig_bus_stream(bus, &other, &info), FIG_CONFLICT);
    ck_assert_int_eq(fig_bus_stream(bus, &other, &info), FIG_CONFLICT);
    log = unit_captured();

    ck_assert_ptr_nonnull(strstr(log, "stream USERS is there with other "
                                      "subjects"));
    ck_assert_ptr_null(strstr(strstr(log, "subjects") + 1, "subjects"));
    free(log);

    unit_capture(STDERR_FILENO);
    ck_assert(broker_add_stream(&broker, "MEM", "mem.>", true, false));
    other.name = "MEM";
    other.subjects = "mem.>";
    ck_assert_int_eq(fig_bus_stream(bus, &other, &info), FIG_CONFLICT);

    ck_assert(broker_add_stream(&broker, "QUEUE", "queue.>", false, true));
    other.name = "QUEUE";
    other.subjects = "queue.>";
    ck_assert_int_eq(fig_bus_stream(bus, &other, &info), FIG_CONFLICT);

    log = unit_captured();
    ck_assert_ptr_nonnull(strstr(log, "storage (memory, not file)"));
    ck_assert_ptr_nonnull(strstr(log, "retention (workqueue, not limits)"));
    free(log);

    teardown();
}
END_TEST


START_TEST(stream_limits)
{
    fig_bus_t          *second;
    fig_stream_info_t   info;

    setup(NULL);
    begin();

    ck_assert_int_eq(publish("users/a/1", "{}", 1), FIG_OK);
    within(2000U, atomic_load(&stored) == 1);

    conf.stream_max_bytes = 10 * 1024 * 1024;
    conf.stream_max_age = 60 * 1000;

    ck_assert_int_eq(fig_bus_open(&conf, &second), FIG_OK);
    within(10000U, fig_bus_connected(second));

    ck_assert_int_eq(fig_bus_stream(second, &stream, &info), FIG_OK);
    ck_assert_uint_eq(info.last_seq, 1);
    ck_assert_int_gt(info.created, 0);
    ck_assert_int_eq(broker_max_bytes(&broker, "USERS"), 10 * 1024 * 1024);

    fig_bus_close(second);
    teardown();
}
END_TEST


START_TEST(no_stream)
{
    int64_t             time;
    fig_stream_info_t   info;

    setup(NULL);
    begin();
    ck_assert(broker_delete_stream(&broker, "USERS"));

    ck_assert_int_eq(publish("users/a/1", "{}", 1), FIG_OK);
    within(2000U, atomic_load(&refused) == 1);
    ck_assert_int_eq(atomic_load(&refusal), FIG_DECLINED);

    ck_assert_int_eq(fig_bus_stream_info(bus, &stream, &info), FIG_DECLINED);
    ck_assert_int_eq(fig_bus_stream_time(bus, &stream, 1, &time),
                     FIG_DECLINED);
    ck_assert_int_eq(fig_bus_subscribe(bus, &stream, "orders", 1, &sub),
                     FIG_DECLINED);
    ck_assert_ptr_null(sub);

    ck_assert_int_eq(fig_bus_stream(bus, &stream, &info), FIG_OK);
    ck_assert_int_eq(publish("users/a/1", "{}", 1), FIG_OK);
    within(2000U, atomic_load(&stored) == 1);

    teardown();
}
END_TEST


START_TEST(too_large)
{
    char  *payload;

    setup("max_payload: 4096");
    begin();

    payload = malloc(5001);
    ck_assert_ptr_nonnull(payload);
    memset(payload, 'x', 5000);
    payload[5000] = '\0';

    ck_assert_int_eq(publish("users/a/1", payload, 1), FIG_INVALID);

    payload[4000] = '\0';
    ck_assert_int_eq(publish("users/a/1", payload, 2), FIG_OK);
    within(2000U, atomic_load(&answered[2]));
    ck_assert_uint_eq(fig_bus_session(bus), 1);

    free(payload);
    teardown();
}
END_TEST


START_TEST(repetitions)
{
    fig_stream_info_t  info;

    setup(NULL);
    begin();

    ck_assert_int_eq(publish("users/a/1", "{}", 1), FIG_OK);
    ck_assert_int_eq(publish("users/a/1", "{}", 2), FIG_OK);
    within(2000U, atomic_load(&stored) == 2);

    ck_assert_int_eq(fig_bus_stream_info(bus, &stream, &info), FIG_OK);
    ck_assert_uint_eq(info.last_seq, 1);

    /* nobody is called any more */

    fig_bus_publisher_close(bus, publisher);
    ck_assert_int_eq(publish("users/b/1", "{}", 3), FIG_OK);
    within(2000U, broker_messages(&broker, "USERS") == 2);
    broker_sleep(50);
    ck_assert_uint_eq(atomic_load(&stored), 2);

    teardown();
}
END_TEST


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
        ck_assert_uint_lt(since(start), 30000);

        if (sub == NULL) {
            ck_assert_int_eq(fig_bus_subscribe(bus, &stream, "orders",
                                               last + 1, &sub), FIG_OK);
        }

        rc = next(500, &message);

        if (rc == FIG_DECLINED) {
            fig_bus_unsubscribe(sub);
            sub = NULL;
        }

        if (rc == FIG_OK) {
            ck_assert_uint_eq(message.seq, last + 1);
            ck_assert_uint_eq(message.data.len, size);
            last = message.seq;
            fig_bus_ack(sub, &message);
        }
    }
}


START_TEST(read_and_acknowledge)
{
    int64_t        time;
    unsigned       i;
    uint64_t       floor;
    fig_message_t  messages[3];

    setup(NULL);
    conf.ack_wait = 1000;
    conf.ack_pending = 3;
    begin();

    for (i = 1; i <= 5; i++) {
        ck_assert(broker_publish(&broker, "users.created.07", "{}"));
    }

    ck_assert_int_eq(fig_bus_subscribe(bus, &stream, "orders", 2, &sub),
                     FIG_OK);

    for (i = 0; i < 3; i++) {
        ck_assert_int_eq(next(2000, &messages[i]), FIG_OK);
        ck_assert_uint_eq(messages[i].seq, i + 2);
        ck_assert_uint_eq(messages[i].delivered, 1);
    }

    ck_assert(fig_str_eq(messages[0].subject, FIG_STR("users.created.07")));
    ck_assert(fig_str_eq(messages[0].data, FIG_STR("{}")));
    ck_assert_int_eq(fig_bus_stream_time(bus, &stream, 2, &time), FIG_OK);
    ck_assert_int_eq(time, messages[0].time);

    /* no more than that without an acknowledgement; then they come again */

    ck_assert_int_eq(fig_bus_ack_floor(sub, &floor), FIG_OK);
    ck_assert_uint_le(floor, 1);

    fig_bus_drop(sub, &messages[0]);
    fig_bus_drop(sub, &messages[1]);
    fig_bus_drop(sub, &messages[2]);
    ck_assert_int_eq(next(300, &messages[0]), FIG_AGAIN);
    ck_assert_int_eq(next(5000, &messages[0]), FIG_OK);
    ck_assert_uint_eq(messages[0].seq, 2);
    ck_assert_uint_eq(messages[0].delivered, 2);
    ck_assert_int_eq(next(5000, &messages[1]), FIG_OK);
    ck_assert_int_eq(next(5000, &messages[2]), FIG_OK);
    ck_assert_uint_eq(messages[2].seq, 4);

    /* with one, all before it */

    fig_bus_drop(sub, &messages[0]);
    fig_bus_drop(sub, &messages[1]);
    fig_bus_ack(sub, &messages[2]);
    ck_assert_int_eq(next(2000, &messages[0]), FIG_OK);
    ck_assert_uint_eq(messages[0].seq, 5);
    fig_bus_ack(sub, &messages[0]);

    within(2000U, fig_bus_ack_floor(sub, &floor) == FIG_OK && floor == 5);
    ck_assert_int_eq(next(1500, &messages[0]), FIG_AGAIN);

    teardown();
}
END_TEST


START_TEST(durable_vanishes)
{
    uint64_t       start, floor;
    fig_status_t   rc;
    fig_message_t  message;

    setup(NULL);
    begin();

    ck_assert(broker_publish(&broker, "users.created.07", "{}"));
    ck_assert_int_eq(fig_bus_subscribe(bus, &stream, "orders", 1, &sub),
                     FIG_OK);
    ck_assert_int_eq(next(2000, &message), FIG_OK);
    fig_bus_ack(sub, &message);

    /* silence alone is no reason */

    ck_assert_int_eq(next(4200, &message), FIG_AGAIN);

    ck_assert(broker_delete_durable(&broker, "USERS", "orders"));
    start = fig_clock_us();

    do {
        rc = next(250, &message);
        ck_assert_uint_lt(since(start), 6000);
    } while (rc == FIG_AGAIN);

    ck_assert_int_eq(rc, FIG_DECLINED);
    ck_assert_int_eq(fig_bus_ack_floor(sub, &floor), FIG_DECLINED);
    fig_bus_unsubscribe(sub);

    ck_assert_int_eq(fig_bus_subscribe(bus, &stream, "orders", 2, &sub),
                     FIG_OK);
    ck_assert(broker_publish(&broker, "users.created.07", "[]"));
    ck_assert_int_eq(next(2000, &message), FIG_OK);
    ck_assert_uint_eq(message.seq, 2);
    fig_bus_ack(sub, &message);

    teardown();
}
END_TEST


START_TEST(connection_lost_while_reading)
{
    uint64_t       start;
    fig_status_t   rc;
    fig_message_t  message;

    setup(NULL);
    begin();

    ck_assert(broker_publish(&broker, "users.created.07", "{}"));
    ck_assert_int_eq(fig_bus_subscribe(bus, &stream, "orders", 1, &sub),
                     FIG_OK);
    ck_assert_int_eq(next(2000, &message), FIG_OK);

    broker_kill(&broker, SIGKILL);
    start = fig_clock_us();

    do {
        fig_bus_drop(sub, &message);
        rc = next(10000, &message);
    } while (rc == FIG_OK);

    ck_assert_int_eq(rc, FIG_DECLINED);
    ck_assert_uint_lt(since(start), 2000);

    broker_start(&broker);
    within(5000U, fig_bus_connected(bus));

    /* the old one does no harm, the new one has what was not acknowledged */

    ck_assert_int_eq(next(100, &message), FIG_DECLINED);
    fig_bus_unsubscribe(sub);
    ck_assert_int_eq(fig_bus_subscribe(bus, &stream, "orders", 1, &sub),
                     FIG_OK);
    ck_assert_int_eq(next(2000, &message), FIG_OK);
    ck_assert_uint_eq(message.seq, 1);
    fig_bus_ack(sub, &message);

    teardown();
}
END_TEST


/* more than the subscription holds: what is lost is asked for again */

START_TEST(slow_reader)
{
    char     *payload;
    unsigned  i;
    char      id[32];

    setup(NULL);
    begin();

    payload = malloc(500001);
    ck_assert_ptr_nonnull(payload);
    memset(payload, 'x', 500000);
    payload[500000] = '\0';

    for (i = 1; i <= 180; i++) {
        (void) snprintf(id, sizeof(id), "users/%u/1", i);
        within(5000U, publish(id, payload, i) == FIG_OK);
    }

    within(20000U, atomic_load(&stored) == 180);

    ck_assert_int_eq(fig_bus_subscribe(bus, &stream, "orders", 1, &sub),
                     FIG_OK);
    broker_sleep(1500);
    read_all(180, 500000);

    free(payload);
    teardown();
}
END_TEST


START_TEST(requests)
{
    uint64_t   start;
    fig_str_t  reply;

    setup("max_payload: 4096");
    begin();

    start = fig_clock_us();
    ck_assert_int_eq(fig_bus_request(bus, "ficus.x", FIG_STR("hi"), 5000,
                                     arena, &reply), FIG_AGAIN);
    ck_assert_uint_lt(since(start), 2000);

    ck_assert_int_eq(fig_bus_serve(bus, "ficus.x", on_request, NULL), FIG_OK);
    within(2000U, fig_bus_request(bus, "ficus.x", FIG_STR("hi"), 1000, arena,
                                  &reply) == FIG_OK);
    ck_assert(fig_str_eq(reply, FIG_STR("you said hi")));

    ck_assert_int_eq(fig_bus_request(bus, "ficus.x", FIG_STR(""), 1000, arena,
                                     &reply), FIG_OK);
    ck_assert(fig_str_eq(reply, FIG_STR("you said ")));

    start = fig_clock_us();
    ck_assert_int_eq(fig_bus_request(bus, "ficus.x", FIG_STR("slow"), 300,
                                     arena, &reply), FIG_AGAIN);
    ck_assert_uint_ge(since(start), 290);
    ck_assert_ptr_null(reply.data);

    ck_assert_int_eq(fig_bus_request(bus, "ficus.x", FIG_STR("silent"), 700,
                                     arena, &reply), FIG_AGAIN);

    reply.data = memset(fig_arena_alloc(arena, 5000), 'x', 5000);
    reply.len = 5000;
    ck_assert_int_eq(fig_bus_request(bus, "ficus.x", reply, 1000, arena,
                                     &reply), FIG_INVALID);

    /* who serves does so on the next connection, too */

    broker_kill(&broker, SIGKILL);
    broker_start(&broker);
    within(5000U, fig_bus_connected(bus));
    within(2000U, fig_bus_request(bus, "ficus.x", FIG_STR("again"), 1000,
                                  arena, &reply) == FIG_OK);
    ck_assert(fig_str_eq(reply, FIG_STR("you said again")));

    teardown();
}
END_TEST


START_TEST(wrong_password)
{
    char  *log;
    char   url[128];

    setup("authorization { user: fig, password: \"right\" }");
    broker_start(&broker);

    (void) snprintf(url, sizeof(url), "nats://fig:wr0ng@127.0.0.1:%u",
                    broker.port);
    conf.url = url;

    unit_capture(STDERR_FILENO);
    ck_assert_int_eq(fig_bus_open(&conf, &bus), FIG_OK);
    broker_sleep(2000);
    ck_assert(!fig_bus_connected(bus));

    /* it is tried for ever, so a server that is put right is found */

    broker_kill(&broker, SIGTERM);
    broker.config = "authorization { user: fig, password: \"wr0ng\" }";
    broker_start(&broker);
    within(5000U, fig_bus_connected(bus));
    log = unit_captured();

    ck_assert_ptr_nonnull(strstr(log, "refused user or password"));
    ck_assert_ptr_null(strstr(log, "wr0ng"));
    ck_assert_ptr_nonnull(strstr(log, "connected to"));
    free(log);

    teardown();
}
END_TEST


START_TEST(no_jetstream)
{
    char               *log;
    fig_str_t           reply;
    fig_stream_info_t   info;

    setup(NULL);
    broker.jetstream = false;
    broker_start(&broker);

    unit_capture(STDERR_FILENO);
    ck_assert_int_eq(fig_bus_open(&conf, &bus), FIG_OK);
    within(8000U, fig_bus_session(bus) == 1);
    ck_assert(!fig_bus_connected(bus));
    ck_assert_int_eq(fig_bus_stream(bus, &stream, &info), FIG_AGAIN);
    ck_assert_int_eq(fig_bus_subscribe(bus, &stream, "orders", 1, &sub),
                     FIG_AGAIN);

    ck_assert_int_eq(fig_bus_serve(bus, "ficus.x", on_request, NULL), FIG_OK);
    within(2000U, fig_bus_request(bus, "ficus.x", FIG_STR("hi"), 1000, arena,
                                  &reply) == FIG_OK);

    broker_kill(&broker, SIGTERM);
    broker.jetstream = true;
    broker_start(&broker);
    within(5000U, fig_bus_connected(bus));
    log = unit_captured();

    ck_assert_ptr_nonnull(strstr(log, "has no JetStream"));
    free(log);

    teardown();
}
END_TEST


int
main(void)
{
    const TTest *const  tests[] = {
        bad_urls, server_comes_later, kill_while_publishing, frozen_server,
        stream_conflicts, stream_limits, no_stream, too_large, repetitions,
        read_and_acknowledge, durable_vanishes,
        connection_lost_while_reading, slow_reader, requests, wrong_password,
        no_jetstream
    };

    if (!broker_there()) {
        puts("1..0 # SKIP nats-server was not found");
        return EXIT_SUCCESS;
    }

    return unit_run("fig_bus", tests, UNIT_COUNT(tests));
}
