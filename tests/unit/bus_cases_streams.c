
/*
 * Copyright (C) Ficus authors
 */


/* Every bus: what a stream has lost is noticed. */


#include "bus_cases.h"


START_TEST(stream_is_wiped)
{
    int64_t            time, created;
    fig_message_t      message;
    fig_stream_info_t  info;

    bt_setup(NULL);
    bt_begin();
    bt_publish_many(1, 3);
    bt_subscribe(1);
    bt_expect(&message, 1);
    fig_bus_ack(bt.sub, &message);

    ck_assert_int_eq(fig_bus_stream_info(bt.bus, &bt_stream, &info), FIG_OK);
    ck_assert_uint_eq(info.first_seq, 1);
    ck_assert_uint_eq(info.last_seq, 3);
    created = info.created;

    bus_server.remove();
    bt_declined(10000);
    ck_assert_int_eq(fig_bus_stream_info(bt.bus, &bt_stream, &info),
                     FIG_DECLINED);
    ck_assert_int_eq(fig_bus_stream_time(bt.bus, &bt_stream, 1, &time),
                     FIG_DECLINED);
    fig_bus_unsubscribe(bt.sub);
    ck_assert_int_eq(fig_bus_subscribe(bt.bus, &bt_stream, "orders", 1,
                                       &bt.sub), FIG_DECLINED);
    ck_assert_ptr_null(bt.sub);

    ck_assert_int_eq(bt_publish("users/4/1", "4", 4), FIG_OK);
    within(10000U, atomic_load(&bt.refused) == 1);
    ck_assert_int_eq(atomic_load(&bt.refusal), FIG_DECLINED);

    /* another stream, empty; ids are new to it */

    ck_assert_int_eq(fig_bus_stream(bt.bus, &bt_stream, &info), FIG_OK);
    ck_assert_int_ne(info.created, created);
    ck_assert_uint_eq(info.last_seq, 0);
    ck_assert_int_eq(fig_bus_stream_time(bt.bus, &bt_stream, 1, &time),
                     FIG_DECLINED);
    bt_publish_many(4, 5);
    bt_subscribe(1);
    bt_expect(&message, 1);
    ck_assert_uint_eq(bt_number(&message), 4);
    fig_bus_ack(bt.sub, &message);

    bt_teardown();
}
END_TEST


/* made again, it is the one that is there */

START_TEST(stream_is_there_already)
{
    fig_stream_info_t  first, second;

    bt_setup(NULL);
    bt_begin();
    bt_publish_many(1, 2);

    ck_assert_int_eq(fig_bus_stream_info(bt.bus, &bt_stream, &first), FIG_OK);
    ck_assert_int_eq(fig_bus_stream(bt.bus, &bt_stream, &second), FIG_OK);
    ck_assert_int_eq(first.created, second.created);
    ck_assert_uint_eq(second.last_seq, 2);

    bus_server.stop();
    bus_server.start();
    within(20000U, fig_bus_connected(bt.bus));
    within(10000U, fig_bus_stream(bt.bus, &bt_stream, &second) == FIG_OK);
    ck_assert_int_eq(first.created, second.created);
    ck_assert_uint_eq(second.first_seq, 1);
    ck_assert_uint_eq(second.last_seq, 2);

    bt_teardown();
}
END_TEST


/* its end is lost, and grows again to something else */

START_TEST(stream_is_an_older_one)
{
    int64_t            time;
    fig_message_t      message;
    fig_stream_info_t  before, info;

    bt_setup(NULL);
    bt_begin();
    bt_publish_many(1, 3);

    bus_server.stop();
    bus_server.keep();
    bus_server.start();
    within(20000U, fig_bus_connected(bt.bus));

    bt_publish_many(4, 6);
    bt_subscribe(6);
    bt_expect(&message, 6);
    fig_bus_ack(bt.sub, &message);
    ck_assert_int_eq(fig_bus_stream_info(bt.bus, &bt_stream, &before), FIG_OK);
    ck_assert_uint_eq(before.last_seq, 6);

    bus_server.stop();
    bus_server.restore();
    bus_server.start();
    within(20000U, fig_bus_connected(bt.bus));

    within(10000U, fig_bus_stream_info(bt.bus, &bt_stream, &info) == FIG_OK);
    ck_assert_int_eq(info.created, before.created);
    ck_assert_uint_eq(info.last_seq, 3);
    ck_assert_int_eq(fig_bus_stream_time(bt.bus, &bt_stream, 6, &time),
                     FIG_DECLINED);

    bt_publish_many(7, 9);
    ck_assert_int_eq(fig_bus_stream_time(bt.bus, &bt_stream, 6, &time),
                     FIG_OK);
    ck_assert_int_ne(time, message.time);

    bt_subscribe(4);
    bt_expect(&message, 4);
    ck_assert_uint_eq(bt_number(&message), 7);
    fig_bus_ack(bt.sub, &message);

    bt_teardown();
}
END_TEST


/* who reads sees by the numbers what was discarded before */

START_TEST(discarded_before_it_was_read)
{
    uint64_t           last;
    fig_message_t      message;
    fig_stream_info_t  info;

    bt_setup(NULL);
    bt.conf.ack_pending = 3;
    bt_begin();
    bt_publish_many(1, 10);
    bt_subscribe(1);
    bt_expect(&message, 1);
    fig_bus_drop(bt.sub, &message);

    bus_server.discard();
    ck_assert_int_eq(fig_bus_stream_info(bt.bus, &bt_stream, &info), FIG_OK);
    ck_assert_uint_eq(info.first_seq, 11);
    bt_publish_many(11, 12);

    /* some were on their way already */

    for (last = 1; last != 11; last = message.seq) {
        ck_assert_int_eq(bt_next(10000, &message), FIG_OK);
        ck_assert(message.seq == last + 1 || message.seq == 11);
        fig_bus_ack(bt.sub, &message);
    }

    bt_subscribe(2);
    bt_expect(&message, 11);
    fig_bus_drop(bt.sub, &message);
    bt_expect(&message, 12);
    fig_bus_ack(bt.sub, &message);

    bt_teardown();
}
END_TEST


void
bus_cases_streams(void)
{
    bus_case(stream_is_wiped);
    bus_case(stream_is_there_already);
    bus_case(stream_is_an_older_one);
    bus_case(discarded_before_it_was_read);
}
