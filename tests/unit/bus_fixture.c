
/*
 * Copyright (C) Ficus authors
 */


#include "bus_fixture.h"
#include "fig_metrics.h"
#include <string.h>


const fig_stream_t  bt_stream = { "USERS", "users.>" };

bus_test_t          bt;


void
bt_setup(const char *config)
{
    broker_open(&bt.broker, config);

    bt.conf.url = bt.broker.url;
    bt.conf.name = "test";
    bt.conf.stream_max_bytes = 1024 * 1024 * 1024;
    bt.conf.stream_max_age = 3600 * 1000;
    bt.conf.publish_pending = 4096;
    bt.conf.ack_wait = 30000;
    bt.conf.ack_pending = 1000;

    bt.arena = fig_arena_create(4096, 16 * 1024 * 1024);
    ck_assert_ptr_nonnull(bt.arena);
}


void
bt_teardown(void)
{
    fig_bus_unsubscribe(bt.sub);
    fig_bus_close(bt.bus);
    fig_arena_destroy(bt.arena);
    broker_close(&bt.broker);
}


void
bt_begin(void)
{
    fig_stream_info_t  info;

    broker_start(&bt.broker);
    ck_assert_int_eq(fig_bus_open(&bt.conf, &bt.bus), FIG_OK);
    within(10000U, fig_bus_connected(bt.bus));

    ck_assert_int_eq(fig_bus_stream(bt.bus, &bt_stream, &info), FIG_OK);
    ck_assert_int_eq(fig_bus_publisher(bt.bus, bt_on_ack, NULL, &bt.publisher),
                     FIG_OK);
}


void
bt_on_ack(void *data, uint64_t token, fig_status_t status)
{
    if (status == FIG_OK) {
        ck_assert_uint_ge(token, 1);
        ck_assert_uint_le(token, MESSAGES);

        if (!atomic_exchange(&bt.answered[token], true)) {
            (void) atomic_fetch_add(&bt.stored, 1);
        }

    } else {
        atomic_store(&bt.refusal, (int) status);
        (void) atomic_fetch_add(&bt.refused, 1);
    }
}


fig_status_t
bt_publish(const char *id, const char *payload, uint64_t token)
{
    return fig_bus_publish(bt.bus, bt.publisher, "users.updated.00", id,
                           fig_str_from(payload), token);
}


fig_status_t
bt_next(uint64_t timeout, fig_message_t *message)
{
    return fig_bus_next(bt.sub, timeout, message);
}


uint64_t
bt_since(uint64_t start)
{
    return (fig_clock_us() - start) / 1000;
}
