
/*
 * Copyright (C) Ficus authors
 */


/* Every bus: publishing, the connection, many threads, the end. */


#include "bus_cases.h"
#include "fig_metrics.h"
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>


#define THREADS  64
#define EACH     8
#define KILLED   400


static void *publish_some(void *data);
static uint64_t largest(void);
static void publish_again(bool *sent, uint64_t *session);


START_TEST(order_of_one_thread)
{
    int64_t        time;
    uint64_t       i;
    fig_message_t  message;
    char           id[32], subject[32];

    bt_setup(NULL);
    bt.conf.publish_pending = 16;
    bt_begin();

    for (i = 1; i <= 200; i++) {
        (void) snprintf(id, sizeof(id), "users/%u/1", (unsigned) i);
        (void) snprintf(subject, sizeof(subject), "users.updated.%02u",
                        (unsigned) i % 7);
        bt_send(subject, id, id, i);
    }

    within(10000U, atomic_load(&bt.stored) == 200);
    ck_assert_uint_eq(atomic_load(&bt.refused), 0);

    bt_subscribe(1);

    for (i = 1; i <= 200; i++) {
        (void) snprintf(id, sizeof(id), "users/%u/1", (unsigned) i);
        (void) snprintf(subject, sizeof(subject), "users.updated.%02u",
                        (unsigned) i % 7);
        bt_expect(&message, i);

        ck_assert(fig_str_eq(message.subject, fig_str_from(subject)));
        ck_assert(fig_str_eq(message.data, fig_str_from(id)));
        ck_assert_uint_eq(message.delivered, 1);

        if (i % 50 == 0) {
            ck_assert_int_eq(fig_bus_stream_time(bt.bus, &bt_stream, i, &time),
                             FIG_OK);
            ck_assert_int_eq(time, message.time);
        }

        fig_bus_ack(bt.sub, &message);
    }

    bt_teardown();
}
END_TEST


/* each its own key; what one publishes stays in order whatever others do */

static void *
publish_some(void *data)
{
    unsigned   i, token;
    unsigned  *n = data;
    char       id[32], text[32];

    for (i = 0; i < EACH; i++) {
        token = *n * EACH + i + 1;
        (void) snprintf(id, sizeof(id), "users/%u/%u", *n, i + 1);
        (void) snprintf(text, sizeof(text), "%u", token);
        bt_send("users.updated.00", id, text, token);
    }

    return NULL;
}


START_TEST(sixty_four_threads)
{
    unsigned       i, token;
    unsigned       n[THREADS], next[THREADS];
    pthread_t      threads[THREADS];
    fig_message_t  message;

    bt_setup(NULL);
    bt.conf.publish_pending = 24;
    bt_begin();
    bt_subscribe(1);

    for (i = 0; i < THREADS; i++) {
        n[i] = i;
        next[i] = i * EACH + 1;
        ck_assert_int_eq(pthread_create(&threads[i], NULL, publish_some, &n[i]),
                         0);
    }

    for (i = 1; i <= THREADS * EACH; i++) {
        bt_expect(&message, i);
        token = bt_number(&message);
        ck_assert_uint_ge(token, 1);
        ck_assert_uint_le(token, THREADS * EACH);
        ck_assert_uint_eq(token, next[(token - 1) / EACH]++);
        fig_bus_ack(bt.sub, &message);
    }

    for (i = 0; i < THREADS; i++) {
        ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
    }

    within(10000U, atomic_load(&bt.stored) == THREADS * EACH);

    bt_teardown();
}
END_TEST


/* what has an answer counts no more */

START_TEST(so_many_without_an_answer)
{
    bool      full;
    unsigned  i, stored;
    uint64_t  start;
    char      id[32];

    bt_setup(NULL);
    bt.conf.publish_pending = 4;
    bt_begin();
    full = false;
    start = fig_clock_us();

    for (i = 1; i <= 300; /* void */) {
        stored = atomic_load(&bt.stored);
        (void) snprintf(id, sizeof(id), "users/%u/1", i);

        if (bt_publish(id, "{}", i) == FIG_OK) {
            /* one may be answered, and not counted yet */
            stored = atomic_load(&bt.stored);
            ck_assert_uint_le(i - stored, 5);
            i++;

        } else {
            ck_assert_uint_ge(i - 1 - stored, 4);
            full = true;
            broker_sleep(1);
        }

        ck_assert_uint_lt(bt_since(start), 60000);
    }

    ck_assert(full);
    within(10000U, atomic_load(&bt.stored) == 300);

    bt_teardown();
}
END_TEST


/* that a message with this id may have */

static uint64_t
largest(void)
{
    return fig_bus_max_payload(bt.bus, FIG_STR("users/a/1"));
}


/* known before it is published, and as the server says it */

START_TEST(largest_message)
{
    char               *payload;
    uint64_t            max;
    fig_stream_info_t   info;

    bt_setup(NULL);
    bt.conf.max_payload = 2000;
    bus_server.limit(4000);
    payload = calloc(1, 4001);
    ck_assert_ptr_nonnull(payload);
    memset(payload, 'x', 4000);

    ck_assert_int_eq(fig_bus_open(&bt.conf, &bt.bus), FIG_OK);
    ck_assert_uint_gt(largest(), 1900);
    ck_assert_uint_lt(largest(), 2000);

    bus_server.start();
    within(20000U, fig_bus_connected(bt.bus));
    ck_assert_int_eq(fig_bus_stream(bt.bus, &bt_stream, &info), FIG_OK);
    ck_assert_int_eq(fig_bus_publisher(bt.bus, bt_on_ack, NULL, &bt.publisher),
                     FIG_OK);

    max = largest();
    ck_assert_uint_gt(max, 3900);
    ck_assert_uint_lt(max, 4000);
    ck_assert_uint_eq(fig_bus_max_payload(bt.bus, FIG_STR("users/abc/1")),
                      max - 2);

    payload[max] = '\0';
    ck_assert_int_eq(bt_publish("users/a/1", payload, 1), FIG_OK);
    within(10000U, atomic_load(&bt.answered[1]));
    payload[max] = 'x';
    payload[max + 1] = '\0';
    ck_assert_int_eq(bt_publish("users/a/1", payload, 2), FIG_INVALID);

    /* the last one's holds until another server tells its own */

    bus_server.stop();
    within(10000U, fig_bus_session(bt.bus) == 0);
    ck_assert_uint_eq(largest(), max);

    bus_server.limit(3000);
    bus_server.start();
    within(20000U, fig_bus_connected(bt.bus));
    ck_assert_uint_eq(largest(), max - 1000);
    payload[max + 1] = 'x';
    payload[max - 999] = '\0';
    ck_assert_int_eq(bt_publish("users/a/2", payload, 3), FIG_INVALID);

    free(payload);
    bt_teardown();
}
END_TEST


START_TEST(twice_is_once)
{
    unsigned           i;
    fig_stream_info_t  info;

    bt_setup(NULL);
    bt_begin();

    for (i = 1; i <= 3; i++) {
        ck_assert_int_eq(bt_publish("users/a/1", "{}", i), FIG_OK);
    }

    within(10000U, atomic_load(&bt.stored) == 3);
    ck_assert_int_eq(fig_bus_stream_info(bt.bus, &bt_stream, &info), FIG_OK);
    ck_assert_uint_eq(info.last_seq, 1);

    /* a server that was started again knows it, too */

    bus_server.stop();
    bus_server.start();
    within(20000U, fig_bus_connected(bt.bus) && fig_bus_session(bt.bus) != 0);
    bt_send("users.updated.00", "users/a/1", "{}", 4);
    bt_send("users.updated.00", "users/a/2", "{}", 5);
    within(10000U, atomic_load(&bt.stored) == 5);

    ck_assert_int_eq(fig_bus_stream_info(bt.bus, &bt_stream, &info), FIG_OK);
    ck_assert_uint_eq(info.last_seq, 2);

    bt_teardown();
}
END_TEST


/* one pass over what has no answer yet */

static void
publish_again(bool *sent, uint64_t *session)
{
    unsigned  i;
    char      id[32], text[32];

    if (fig_bus_session(bt.bus) != *session) {
        /* what had no answer gets none */
        *session = fig_bus_session(bt.bus);
        memset(sent, 0, (KILLED + 1) * sizeof(bool));
    }

    for (i = 1; i <= KILLED; i++) {
        if (!sent[i] && !atomic_load(&bt.answered[i])) {
            (void) snprintf(id, sizeof(id), "users/%u/1", i);
            (void) snprintf(text, sizeof(text), "%u", i);
            sent[i] = bt_publish(id, text, i) == FIG_OK;
        }
    }
}


START_TEST(killed_while_publishing)
{
    bool           seen[KILLED + 1], sent[KILLED + 1];
    unsigned       i, kills;
    uint64_t       session, start;
    fig_message_t  message;

    bt_setup(NULL);
    bt.conf.publish_pending = 40;
    bt_begin();

    memset(seen, 0, sizeof(seen));
    memset(sent, 0, sizeof(sent));
    session = fig_bus_session(bt.bus);
    start = fig_clock_us();

    for (kills = 0; atomic_load(&bt.stored) < KILLED; /* void */) {
        publish_again(sent, &session);

        if (kills < 2 && atomic_load(&bt.stored) > (kills + 1) * 100) {
            kills++;
            bus_server.stop();
            bus_server.start();
        }

        broker_sleep(1);
        ck_assert_uint_lt(bt_since(start), 60000);
    }

    ck_assert_uint_eq(kills, 2);
    within(10000U, fig_bus_session(bt.bus) != 0);

    /* each is there, and ids made the repetitions harmless */

    bt_subscribe(1);

    for (i = 1; i <= KILLED; i++) {
        bt_expect(&message, i);
        seen[bt_number(&message)] = true;
        fig_bus_ack(bt.sub, &message);
    }

    for (i = 1; i <= KILLED; i++) {
        ck_assert(seen[i]);
    }

    ck_assert_int_eq(bt_next(100, &message), FIG_AGAIN);

    bt_teardown();
}
END_TEST


START_TEST(connection_is_lost)
{
    uint64_t           session, floor;
    fig_str_t          reply;
    fig_message_t      message;
    fig_stream_info_t  info;

    bt_setup(NULL);
    bt_begin();
    bt_publish_many(1, 3);
    bt_subscribe(1);
    bt_expect(&message, 1);
    session = fig_bus_session(bt.bus);
    ck_assert_uint_ne(session, 0);

    bus_server.stop();
    within(10000U, fig_bus_session(bt.bus) == 0);
    ck_assert(!fig_bus_connected(bt.bus));
    fig_bus_drop(bt.sub, &message);
    bt_declined(10000);

    ck_assert_int_eq(bt_publish("users/4/1", "4", 4), FIG_AGAIN);
    ck_assert_int_eq(fig_bus_stream(bt.bus, &bt_stream, &info), FIG_AGAIN);
    ck_assert_int_eq(fig_bus_stream_info(bt.bus, &bt_stream, &info),
                     FIG_AGAIN);
    ck_assert_int_eq(fig_bus_ack_floor(bt.sub, &floor), FIG_AGAIN);
    ck_assert_int_eq(bt_request("hi", 500, &reply), FIG_AGAIN);
    fig_bus_unsubscribe(bt.sub);
    ck_assert_int_eq(fig_bus_subscribe(bt.bus, &bt_stream, "orders", 1,
                                       &bt.sub), FIG_AGAIN);
    ck_assert_ptr_null(bt.sub);

    bus_server.start();
    within(20000U, fig_bus_connected(bt.bus));
    ck_assert_uint_gt(fig_bus_session(bt.bus), session);

    /* what was acknowledged by nobody is there */

    bt_subscribe(1);
    bt_expect(&message, 1);
    fig_bus_ack(bt.sub, &message);
    bt_publish_many(4, 4);
    bt_expect(&message, 2);
    fig_bus_drop(bt.sub, &message);
    bt_expect(&message, 3);
    fig_bus_drop(bt.sub, &message);
    bt_expect(&message, 4);
    fig_bus_ack(bt.sub, &message);
    within(10000U, fig_bus_ack_floor(bt.sub, &floor) == FIG_OK && floor == 4);

    bt_teardown();
}
END_TEST


/* nobody is called when it is closed, whatever is on its way */

START_TEST(publisher_is_closed)
{
    unsigned           i, stored;
    char               id[32];
    fig_stream_info_t  info;

    bt_setup(NULL);
    bt_begin();

    for (i = 1; i <= 100; i++) {
        (void) snprintf(id, sizeof(id), "users/%u/1", i);
        ck_assert_int_eq(bt_publish(id, "{}", i), FIG_OK);
    }

    within(10000U, atomic_load(&bt.stored) != 0);
    fig_bus_publisher_close(bt.bus, bt.publisher);
    stored = atomic_load(&bt.stored);

    do {
        broker_sleep(5);
        ck_assert_int_eq(fig_bus_stream_info(bt.bus, &bt_stream, &info),
                         FIG_OK);
    } while (info.last_seq != 100);

    broker_sleep(100);
    ck_assert_uint_eq(atomic_load(&bt.stored), stored);
    ck_assert_uint_eq(atomic_load(&bt.refused), 0);

    bt_teardown();
}
END_TEST


START_TEST(closed_at_any_time)
{
    unsigned       i, answers;
    char           id[32];
    fig_message_t  message;

    bt_setup(NULL);

    /* before there is a server, and at once when there is one */

    ck_assert_int_eq(fig_bus_open(&bt.conf, &bt.bus), FIG_OK);
    fig_bus_close(bt.bus);
    bus_server.start();
    ck_assert_int_eq(fig_bus_open(&bt.conf, &bt.bus), FIG_OK);
    fig_bus_close(bt.bus);
    bus_server.stop();

    /* with answers, messages and a request on their way */

    bt_begin();
    bt_publish_many(1, 20);
    bt_subscribe(1);
    bt_expect(&message, 1);
    fig_bus_drop(bt.sub, &message);

    for (i = 21; i <= 120; i++) {
        (void) snprintf(id, sizeof(id), "users/%u/1", i);
        ck_assert_int_eq(bt_publish(id, "{}", i), FIG_OK);
    }

    fig_bus_unsubscribe(bt.sub);
    bt.sub = NULL;
    fig_bus_close(bt.bus);
    bt.bus = NULL;

    answers = atomic_load(&bt.stored) + atomic_load(&bt.refused);
    broker_sleep(200);
    ck_assert_uint_eq(atomic_load(&bt.stored) + atomic_load(&bt.refused),
                      answers);

    bt_teardown();
}
END_TEST


void
bus_cases_publish(void)
{
    bus_case(order_of_one_thread);
    bus_case(sixty_four_threads);
    bus_case(so_many_without_an_answer);
    bus_case(largest_message);
    bus_case(twice_is_once);
    bus_case(killed_while_publishing);
    bus_case(connection_is_lost);
    bus_case(publisher_is_closed);
    bus_case(closed_at_any_time);
}
