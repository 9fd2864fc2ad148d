
/*
 * Copyright (C) Ficus authors
 */


/* The bus, over a nats-server of each test's own: durables, and requests. */


#include "bus_fixture.h"
#include "fig_metrics.h"
#include "unit.h"
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>


static void read_all(unsigned n, size_t size);
static void on_request(void *data, fig_str_t request, fig_buf_t *out);


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


START_TEST(read_and_acknowledge)
{
    int64_t        time;
    unsigned       i;
    uint64_t       floor;
    fig_message_t  messages[3];

    bt_setup(NULL);
    bt.conf.ack_wait = 1000;
    bt.conf.ack_pending = 3;
    bt_begin();

    for (i = 1; i <= 5; i++) {
        ck_assert(broker_publish(&bt.broker, "users.created.07", "{}"));
    }

    ck_assert_int_eq(fig_bus_subscribe(bt.bus, &bt_stream, "orders", 2,
                                       &bt.sub),
                     FIG_OK);

    for (i = 0; i < 3; i++) {
        ck_assert_int_eq(bt_next(2000, &messages[i]), FIG_OK);
        ck_assert_uint_eq(messages[i].seq, i + 2);
        ck_assert_uint_eq(messages[i].delivered, 1);
    }

    ck_assert(fig_str_eq(messages[0].subject, FIG_STR("users.created.07")));
    ck_assert(fig_str_eq(messages[0].data, FIG_STR("{}")));
    ck_assert_int_eq(fig_bus_stream_time(bt.bus, &bt_stream, 2, &time),
                     FIG_OK);
    ck_assert_int_eq(time, messages[0].time);

    /* no more than that without an acknowledgement; then they come again */

    ck_assert_int_eq(fig_bus_ack_floor(bt.sub, &floor), FIG_OK);
    ck_assert_uint_le(floor, 1);

    fig_bus_drop(bt.sub, &messages[0]);
    fig_bus_drop(bt.sub, &messages[1]);
    fig_bus_drop(bt.sub, &messages[2]);
    ck_assert_int_eq(bt_next(300, &messages[0]), FIG_AGAIN);
    ck_assert_int_eq(bt_next(5000, &messages[0]), FIG_OK);
    ck_assert_uint_eq(messages[0].seq, 2);
    ck_assert_uint_eq(messages[0].delivered, 2);
    ck_assert_int_eq(bt_next(5000, &messages[1]), FIG_OK);
    ck_assert_int_eq(bt_next(5000, &messages[2]), FIG_OK);
    ck_assert_uint_eq(messages[2].seq, 4);

    /* with one, all before it */

    fig_bus_drop(bt.sub, &messages[0]);
    fig_bus_drop(bt.sub, &messages[1]);
    fig_bus_ack(bt.sub, &messages[2]);
    ck_assert_int_eq(bt_next(2000, &messages[0]), FIG_OK);
    ck_assert_uint_eq(messages[0].seq, 5);
    fig_bus_ack(bt.sub, &messages[0]);

    within(2000U, fig_bus_ack_floor(bt.sub, &floor) == FIG_OK && floor == 5);
    ck_assert_int_eq(bt_next(1500, &messages[0]), FIG_AGAIN);

    bt_teardown();
}
END_TEST


START_TEST(durable_vanishes)
{
    uint64_t       start, floor;
    fig_status_t   rc;
    fig_message_t  message;

    bt_setup(NULL);
    bt_begin();

    ck_assert(broker_publish(&bt.broker, "users.created.07", "{}"));
    ck_assert_int_eq(fig_bus_subscribe(bt.bus, &bt_stream, "orders", 1,
                                       &bt.sub),
                     FIG_OK);
    ck_assert_int_eq(bt_next(2000, &message), FIG_OK);
    fig_bus_ack(bt.sub, &message);

    /* silence alone is no reason */

    ck_assert_int_eq(bt_next(4200, &message), FIG_AGAIN);

    ck_assert(broker_delete_durable(&bt.broker, "USERS", "orders"));
    start = fig_clock_us();

    do {
        rc = bt_next(250, &message);
        ck_assert_uint_lt(bt_since(start), 6000);
    } while (rc == FIG_AGAIN);

    ck_assert_int_eq(rc, FIG_DECLINED);
    ck_assert_int_eq(fig_bus_ack_floor(bt.sub, &floor), FIG_DECLINED);
    fig_bus_unsubscribe(bt.sub);

    ck_assert_int_eq(fig_bus_subscribe(bt.bus, &bt_stream, "orders", 2,
                                       &bt.sub),
                     FIG_OK);
    ck_assert(broker_publish(&bt.broker, "users.created.07", "[]"));
    ck_assert_int_eq(bt_next(2000, &message), FIG_OK);
    ck_assert_uint_eq(message.seq, 2);
    fig_bus_ack(bt.sub, &message);

    bt_teardown();
}
END_TEST


START_TEST(connection_lost_while_reading)
{
    uint64_t       start;
    fig_status_t   rc;
    fig_message_t  message;

    bt_setup(NULL);
    bt_begin();

    ck_assert(broker_publish(&bt.broker, "users.created.07", "{}"));
    ck_assert_int_eq(fig_bus_subscribe(bt.bus, &bt_stream, "orders", 1,
                                       &bt.sub),
                     FIG_OK);
    ck_assert_int_eq(bt_next(2000, &message), FIG_OK);

    broker_kill(&bt.broker, SIGKILL);
    start = fig_clock_us();

    do {
        fig_bus_drop(bt.sub, &message);
        rc = bt_next(10000, &message);
    } while (rc == FIG_OK);

    ck_assert_int_eq(rc, FIG_DECLINED);
    ck_assert_uint_lt(bt_since(start), 2000);

    broker_start(&bt.broker);
    within(5000U, fig_bus_connected(bt.bus));

    /* the old one does no harm, the new one has what was not acknowledged */

    ck_assert_int_eq(bt_next(100, &message), FIG_DECLINED);
    fig_bus_unsubscribe(bt.sub);
    ck_assert_int_eq(fig_bus_subscribe(bt.bus, &bt_stream, "orders", 1,
                                       &bt.sub),
                     FIG_OK);
    ck_assert_int_eq(bt_next(2000, &message), FIG_OK);
    ck_assert_uint_eq(message.seq, 1);
    fig_bus_ack(bt.sub, &message);

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


START_TEST(requests)
{
    uint64_t   start;
    fig_str_t  reply;

    bt_setup("max_payload: 4096");
    bt_begin();

    start = fig_clock_us();
    ck_assert_int_eq(fig_bus_request(bt.bus, "ficus.x", FIG_STR("hi"), 5000,
                                     bt.arena, &reply), FIG_AGAIN);
    ck_assert_uint_lt(bt_since(start), 2000);

    ck_assert_int_eq(fig_bus_serve(bt.bus, "ficus.x", on_request, NULL),
                     FIG_OK);
    within(2000U, fig_bus_request(bt.bus, "ficus.x", FIG_STR("hi"), 1000,
                                  bt.arena,
                                  &reply) == FIG_OK);
    ck_assert(fig_str_eq(reply, FIG_STR("you said hi")));

    ck_assert_int_eq(fig_bus_request(bt.bus, "ficus.x", FIG_STR(""), 1000,
                                     bt.arena,
                                     &reply), FIG_OK);
    ck_assert(fig_str_eq(reply, FIG_STR("you said ")));

    start = fig_clock_us();
    ck_assert_int_eq(fig_bus_request(bt.bus, "ficus.x", FIG_STR("slow"), 300,
                                     bt.arena, &reply), FIG_AGAIN);
    ck_assert_uint_ge(bt_since(start), 290);
    ck_assert_ptr_null(reply.data);

    ck_assert_int_eq(fig_bus_request(bt.bus, "ficus.x", FIG_STR("silent"), 700,
                                     bt.arena, &reply), FIG_AGAIN);

    reply.data = memset(fig_arena_alloc(bt.arena, 5000), 'x', 5000);
    reply.len = 5000;
    ck_assert_int_eq(fig_bus_request(bt.bus, "ficus.x", reply, 1000, bt.arena,
                                     &reply), FIG_INVALID);

    /* who serves does so on the next connection, too */

    broker_kill(&bt.broker, SIGKILL);
    broker_start(&bt.broker);
    within(5000U, fig_bus_connected(bt.bus));
    within(2000U, fig_bus_request(bt.bus, "ficus.x", FIG_STR("again"), 1000,
                                  bt.arena, &reply) == FIG_OK);
    ck_assert(fig_str_eq(reply, FIG_STR("you said again")));

    bt_teardown();
}
END_TEST


int
main(void)
{
    const TTest *const  tests[] = {
        read_and_acknowledge, durable_vanishes,
        connection_lost_while_reading, slow_reader, requests
    };

    if (!broker_there()) {
        puts("1..0 # SKIP nats-server was not found");
        return EXIT_SUCCESS;
    }

    return unit_run("fig_bus_read", tests, UNIT_COUNT(tests));
}
