
/*
 * Copyright (C) Ficus authors
 */


/* Every bus: durables, and their messages. */


#include "bus_cases.h"
#include "fig_metrics.h"


START_TEST(starts_where_it_is_told)
{
    fig_message_t  message;

    bt_setup(NULL);
    bt_begin();
    bt_publish_many(1, 8);

    bt_subscribe(5);
    bt_expect(&message, 5);
    ck_assert_uint_eq(bt_number(&message), 5);
    fig_bus_ack(bt.sub, &message);

    /* what the last one has acknowledged does not matter */

    bt_subscribe(2);
    bt_expect(&message, 2);
    fig_bus_drop(bt.sub, &message);
    bt_subscribe(0);
    bt_expect(&message, 1);
    fig_bus_drop(bt.sub, &message);

    /* behind the last: what comes then */

    bt_subscribe(9);
    ck_assert_int_eq(bt_next(100, &message), FIG_AGAIN);
    bt_publish_many(9, 9);
    bt_expect(&message, 9);
    fig_bus_ack(bt.sub, &message);

    bt_teardown();
}
END_TEST


/* at most ack_pending without an ack; those come again, in their order */

START_TEST(comes_again_until_acknowledged)
{
    uint64_t       start;
    fig_status_t   rc;
    fig_message_t  message;

    bt_setup(NULL);
    bt.conf.ack_wait = 2000;
    bt.conf.ack_pending = 3;
    bt_begin();
    bt_publish_many(1, 6);

    bt_subscribe(1);
    start = fig_clock_us();
    bt_expect(&message, 1);
    fig_bus_drop(bt.sub, &message);

    do {
        rc = bt_next(200, &message);

        if (rc == FIG_OK) {
            ck_assert_uint_le(message.seq, 3);
            fig_bus_drop(bt.sub, &message);
        }

        ck_assert_uint_lt(bt_since(start), 30000);
    } while (rc != FIG_OK || message.delivered == 1);

    ck_assert_uint_eq(message.seq, 1);
    ck_assert_uint_ge(bt_since(start), 1900);
    bt_expect(&message, 2);
    ck_assert_uint_gt(message.delivered, 1);
    fig_bus_drop(bt.sub, &message);
    bt_expect(&message, 3);
    fig_bus_drop(bt.sub, &message);

    bt_teardown();
}
END_TEST


START_TEST(acknowledged_with_all_before)
{
    uint64_t       i, floor;
    fig_message_t  message;

    bt_setup(NULL);
    bt.conf.ack_wait = 20000;
    bt.conf.ack_pending = 3;
    bt_begin();
    bt_publish_many(1, 6);

    bt_subscribe(1);
    ck_assert_int_eq(fig_bus_ack_floor(bt.sub, &floor), FIG_OK);
    ck_assert_uint_eq(floor, 0);

    for (i = 1; i <= 6; i++) {
        bt_expect(&message, i);

        if (i % 3 == 0) {
            fig_bus_ack(bt.sub, &message);

        } else {
            fig_bus_drop(bt.sub, &message);
        }
    }

    within(10000U, fig_bus_ack_floor(bt.sub, &floor) == FIG_OK && floor == 6);
    ck_assert_int_eq(bt_next(500, &message), FIG_AGAIN);

    bt_teardown();
}
END_TEST


START_TEST(durable_is_gone)
{
    uint64_t       floor;
    fig_message_t  message;

    bt_setup(NULL);
    bt_begin();
    bt_publish_many(1, 1);
    bt_subscribe(1);
    bt_expect(&message, 1);
    fig_bus_ack(bt.sub, &message);

    /* silence alone is no reason */
    ck_assert_int_eq(bt_next(4200, &message), FIG_AGAIN);

    bus_server.forget();
    bt_declined(10000);
    ck_assert_int_eq(fig_bus_ack_floor(bt.sub, &floor), FIG_DECLINED);

    bt_subscribe(2);
    bt_publish_many(2, 2);
    bt_expect(&message, 2);
    fig_bus_ack(bt.sub, &message);

    bt_teardown();
}
END_TEST


/* the last who subscribed reads */

START_TEST(another_subscribed)
{
    fig_message_t        message;
    fig_subscription_t  *first;

    bt_setup(NULL);
    bt_begin();
    bt_subscribe(1);
    first = bt.sub;
    bt.sub = NULL;
    bt_subscribe(1);
    bt_publish_many(1, 3);

    bt_expect(&message, 1);
    fig_bus_drop(bt.sub, &message);
    bt_expect(&message, 2);
    fig_bus_drop(bt.sub, &message);
    bt_expect(&message, 3);
    fig_bus_ack(bt.sub, &message);

    fig_bus_unsubscribe(bt.sub);
    bt.sub = first;
    bt_declined(10000);

    bt_teardown();
}
END_TEST


void
bus_cases_read(void)
{
    bus_case(starts_where_it_is_told);
    bus_case(comes_again_until_acknowledged);
    bus_case(acknowledged_with_all_before);
    bus_case(durable_is_gone);
    bus_case(another_subscribed);
}
