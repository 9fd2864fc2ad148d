
/*
 * Copyright (C) Ficus authors
 */


/* Every bus: request and reply. */


#include "bus_cases.h"
#include "fig_metrics.h"
#include <pthread.h>
#include <stdio.h>


#define ASKING  8


static void alone(void *data, fig_str_t request, fig_buf_t *out);
static void *ask(void *data);


START_TEST(request_and_reply)
{
    uint64_t   start;
    fig_str_t  reply;

    bt_setup(NULL);
    bt_begin();

    /* nobody is there: nobody is waited for */

    start = fig_clock_us();
    ck_assert_int_eq(bt_request("hi", 20000, &reply), FIG_AGAIN);
    ck_assert_uint_lt(bt_since(start), 10000);
    ck_assert_ptr_null(reply.data);

    ck_assert_int_eq(fig_bus_serve(bt.bus, "ficus.x", bt_on_request, NULL),
                     FIG_OK);
    within(10000U, bt_request("hi", 5000, &reply) == FIG_OK);
    ck_assert(fig_str_eq(reply, FIG_STR("you said hi")));

    ck_assert_int_eq(bt_request("", 5000, &reply), FIG_OK);
    ck_assert(fig_str_eq(reply, FIG_STR("you said ")));

    /* an empty reply is one */

    ck_assert_int_eq(bt_request("nothing", 5000, &reply), FIG_OK);
    ck_assert_ptr_nonnull(reply.data);
    ck_assert_uint_eq(reply.len, 0);

    start = fig_clock_us();
    ck_assert_int_eq(bt_request("slow", 300, &reply), FIG_AGAIN);
    ck_assert_uint_ge(bt_since(start), 290);
    ck_assert_ptr_null(reply.data);
    ck_assert_int_eq(bt_request("silent", 1500, &reply), FIG_AGAIN);

    bt_teardown();
}
END_TEST


START_TEST(served_on_the_next_connection)
{
    fig_str_t  reply;

    bt_setup(NULL);
    bt_begin();
    ck_assert_int_eq(fig_bus_serve(bt.bus, "ficus.x", bt_on_request, NULL),
                     FIG_OK);

    bus_server.stop();
    within(10000U, fig_bus_session(bt.bus) == 0);
    ck_assert_int_eq(bt_request("hi", 500, &reply), FIG_AGAIN);
    bus_server.start();

    within(20000U, fig_bus_connected(bt.bus));
    within(10000U, bt_request("again", 5000, &reply) == FIG_OK);
    ck_assert(fig_str_eq(reply, FIG_STR("you said again")));

    bt_teardown();
}
END_TEST


START_TEST(reply_has_no_room)
{
    fig_str_t     reply;
    fig_arena_t  *arena, *large;

    bt_setup(NULL);
    bt_begin();
    ck_assert_int_eq(fig_bus_serve(bt.bus, "ficus.x", bt_on_request, NULL),
                     FIG_OK);
    within(10000U, bt_request("hi", 5000, &reply) == FIG_OK);

    arena = fig_arena_create(64, 64);
    ck_assert_ptr_nonnull(arena);
    large = bt.arena;
    bt.arena = arena;
    ck_assert_int_eq(bt_request("much more than there is room for in that "
                                "arena, which is made for sixty-four bytes",
                                5000, &reply), FIG_NOMEM);
    ck_assert_ptr_null(reply.data);
    bt.arena = large;
    fig_arena_destroy(arena);

    bt_teardown();
}
END_TEST


/* says what was asked; fails when another is answered meanwhile */

static void
alone(void *data, fig_str_t request, fig_buf_t *out)
{
    atomic_uint  *inside = data;

    ck_assert_uint_eq(atomic_fetch_add(inside, 1), 0);
    broker_sleep(2);
    fig_buf_str(out, request);
    (void) atomic_fetch_sub(inside, 1);
}


static void *
ask(void *data)
{
    unsigned      i;
    unsigned     *n = data;
    fig_str_t     reply;
    fig_arena_t  *arena;
    char          text[32];

    arena = fig_arena_create(4096, 65536);
    ck_assert_ptr_nonnull(arena);

    for (i = 0; i < 20; i++) {
        (void) snprintf(text, sizeof(text), "%u of %u", i, *n);
        fig_arena_reset(arena);
        ck_assert_int_eq(fig_bus_request(bt.bus, "ficus.x",
                                         fig_str_from(text), 30000, arena,
                                         &reply), FIG_OK);
        ck_assert(fig_str_eq(reply, fig_str_from(text)));
    }

    fig_arena_destroy(arena);

    return NULL;
}


START_TEST(each_has_its_own_reply)
{
    unsigned     i;
    unsigned     n[ASKING];
    fig_str_t    reply;
    pthread_t    threads[ASKING];
    atomic_uint  inside;

    bt_setup(NULL);
    bt_begin();
    atomic_init(&inside, 0);
    ck_assert_int_eq(fig_bus_serve(bt.bus, "ficus.x", alone, &inside), FIG_OK);
    within(10000U, bt_request("hi", 5000, &reply) == FIG_OK);

    for (i = 0; i < ASKING; i++) {
        n[i] = i;
        ck_assert_int_eq(pthread_create(&threads[i], NULL, ask, &n[i]), 0);
    }

    for (i = 0; i < ASKING; i++) {
        ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
    }

    bt_teardown();
}
END_TEST


/* what is being served is finished, data is used no more */

START_TEST(closed_while_it_serves)
{
    fig_str_t    reply;
    atomic_uint  inside;

    bt_setup(NULL);
    bt_begin();
    atomic_init(&inside, 0);
    ck_assert_int_eq(fig_bus_serve(bt.bus, "ficus.x", alone, &inside), FIG_OK);
    ck_assert_int_eq(fig_bus_serve(bt.bus, "ficus.y", bt_on_request, NULL),
                     FIG_OK);
    within(10000U, bt_request("hi", 5000, &reply) == FIG_OK);

    within(10000U, fig_bus_request(bt.bus, "ficus.y", FIG_STR("hi"), 5000,
                                   bt.arena, &reply) == FIG_OK);
    ck_assert_int_eq(fig_bus_request(bt.bus, "ficus.y", FIG_STR("slow"), 50,
                                     bt.arena, &reply), FIG_AGAIN);

    /* nobody waits for these any more */

    (void) bt_request("a", 1, &reply);
    (void) bt_request("b", 1, &reply);

    fig_bus_close(bt.bus);
    bt.bus = NULL;
    ck_assert_uint_eq(atomic_load(&inside), 0);

    bt_teardown();
}
END_TEST


void
bus_cases_request(void)
{
    bus_case(request_and_reply);
    bus_case(served_on_the_next_connection);
    bus_case(reply_has_no_room);
    bus_case(each_has_its_own_reply);
    bus_case(closed_while_it_serves);
}
