
/*
 * Copyright (C) Ficus authors
 */


#include "bus_fixture.h"
#include "fig_metrics.h"
#include <stdio.h>
#include <string.h>


const fig_stream_t  bt_stream = { "USERS", "users.>" };

bus_test_t          bt;


void
bt_setup(const char *config)
{
    memset(&bt, 0, sizeof(bus_test_t));

    bt.conf.url = bus_server.create(config);
    bt.conf.name = "test";
    bt.conf.stream_max_bytes = 1024 * 1024 * 1024;
    bt.conf.stream_max_age = 3600 * 1000;
    bt.conf.max_payload = 1024 * 1024;
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
    bus_server.drop();
}


void
bt_begin(void)
{
    fig_stream_info_t  info;

    bus_server.start();
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


void
bt_on_request(void *data, fig_str_t request, fig_buf_t *out)
{
    if (fig_str_eq(request, FIG_STR("slow"))) {
        broker_sleep(700);
    }

    if (fig_str_eq(request, FIG_STR("silent"))) {
        out->failed = true;
    }

    if (!fig_str_eq(request, FIG_STR("nothing"))) {
        fig_buf_puts(out, "you said ");
        fig_buf_str(out, request);
    }
}


fig_status_t
bt_publish(const char *id, const char *payload, uint64_t token)
{
    return fig_bus_publish(bt.bus, bt.publisher, "users.updated.00", id,
                           fig_str_from(payload), token);
}


void
bt_send(const char *subject, const char *id, const char *text, uint64_t token)
{
    uint64_t      start;
    fig_status_t  rc;

    start = fig_clock_us();

    for ( ;; ) {
        rc = fig_bus_publish(bt.bus, bt.publisher, subject, id,
                             fig_str_from(text), token);

        if (rc == FIG_OK) {
            return;
        }

        ck_assert_int_eq(rc, FIG_AGAIN);
        ck_assert_uint_lt(bt_since(start), 30000);
        broker_sleep(1);
    }
}


void
bt_publish_many(unsigned first, unsigned last)
{
    unsigned  i, stored;
    char      id[32], text[32];

    stored = atomic_load(&bt.stored);

    for (i = first; i <= last; i++) {
        (void) snprintf(id, sizeof(id), "users/%u/1", i);
        (void) snprintf(text, sizeof(text), "%u", i);
        bt_send("users.updated.00", id, text, i);
    }

    within(10000U, atomic_load(&bt.stored) == stored + last + 1 - first);
}


void
bt_subscribe(uint64_t start_seq)
{
    fig_bus_unsubscribe(bt.sub);
    bt.sub = NULL;

    ck_assert_int_eq(fig_bus_subscribe(bt.bus, &bt_stream, "orders", start_seq,
                                       &bt.sub), FIG_OK);
}


fig_status_t
bt_next(uint64_t timeout, fig_message_t *message)
{
    return fig_bus_next(bt.sub, timeout, message);
}


void
bt_expect(fig_message_t *message, uint64_t seq)
{
    ck_assert_int_eq(bt_next(10000, message), FIG_OK);
    ck_assert_uint_eq(message->seq, seq);
}


unsigned
bt_number(const fig_message_t *message)
{
    uint64_t  n;

    ck_assert_int_eq(fig_str_uint(message->data, MESSAGES, &n), FIG_OK);

    return (unsigned) n;
}


void
bt_declined(unsigned ms)
{
    uint64_t       start;
    fig_status_t   rc;
    fig_message_t  message;

    start = fig_clock_us();

    do {
        rc = bt_next(250, &message);

        if (rc == FIG_OK) {
            fig_bus_drop(bt.sub, &message);
        }

        ck_assert_uint_lt(bt_since(start), ms);
    } while (rc != FIG_DECLINED);
}


fig_status_t
bt_request(const char *text, uint64_t timeout, fig_str_t *reply)
{
    return fig_bus_request(bt.bus, "ficus.x", fig_str_from(text), timeout,
                           bt.arena, reply);
}


uint64_t
bt_since(uint64_t start)
{
    return (fig_clock_us() - start) / 1000;
}
