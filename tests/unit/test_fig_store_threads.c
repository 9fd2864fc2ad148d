
/*
 * Copyright (C) Ficus authors
 */


/* What every backend has to do when many use it at once. */


#include "store_fixture.h"
#include "fig_metrics.h"
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>


#define THREADS  64
#define ROUNDS   10


typedef struct {
    unsigned      n;
    pthread_t     thread;
    fig_arena_t  *arena;
} worker_t;


static worker_t     workers[THREADS];
static atomic_uint  claimed[THREADS * ROUNDS + 2];


static void
threads(void *(*run)(void *))
{
    unsigned  i;

    for (i = 0; i < THREADS; i++) {
        workers[i].n = i;
        workers[i].arena = fig_arena_create(4096, MB);
        ck_assert_int_eq(pthread_create(&workers[i].thread, NULL, run,
                                        &workers[i]), 0);
    }

    for (i = 0; i < THREADS; i++) {
        ck_assert_int_eq(pthread_join(workers[i].thread, NULL), 0);
        fig_arena_destroy(workers[i].arena);
    }
}


/* raises a counter that is the body, as read with its version */

static void *
count(void *data)
{
    int        i;
    char       body[32];
    uint64_t   n;
    fig_op_t   op;
    fig_doc_t  doc;
    worker_t  *w = data;

    for (i = 0; i < ROUNDS; /* void */) {
        fig_arena_reset(w->arena);
        ck_assert_int_eq(fig_store_get(store, &users, FIG_STR("n"), w->arena,
                                       &doc), FIG_OK);
        ck_assert_int_eq(fig_str_uint(doc.body, UINT64_MAX, &n), FIG_OK);
        ck_assert_uint_eq(n + 1, doc.ver);

        (void) snprintf(body, sizeof(body), "%llu", (unsigned long long) n + 1);
        op = op_put("n", doc.ver, NULL, NULL, body);
        ck_assert_int_eq(fig_store_write(store, &op, 1), FIG_OK);

        if (op.status == FIG_OK) {
            atomic_fetch_add(&claimed[op.doc.ver], 1);
            i++;

        } else {
            ck_assert_int_eq(op.status, FIG_CONFLICT);
        }
    }

    return NULL;
}


START_TEST(test_no_update_is_lost)
{
    unsigned  i;

    store_setup(_i);

    ck_assert_int_eq(op_write(op_put("n", 0, NULL, NULL, "0")), FIG_OK);
    threads(count);

    ck_assert_uint_eq(doc_ver("n"), THREADS * ROUNDS + 1);

    for (i = 2; i < THREADS * ROUNDS + 2; i++) {
        ck_assert_uint_eq(atomic_load(&claimed[i]), 1);
    }

    store_teardown();
}
END_TEST


/* each address goes to one of them */

static void *
race(void *data)
{
    int        i;
    char       id[32], email[32];
    fig_op_t   op;
    worker_t  *w = data;

    for (i = 0; i < ROUNDS; i++) {
        (void) snprintf(id, sizeof(id), "%d-%u", i, w->n);
        (void) snprintf(email, sizeof(email), "%d@x", i);

        op = op_put(id, 0, email, NULL, "");
        ck_assert_int_eq(fig_store_write(store, &op, 1), FIG_OK);

        if (op.status == FIG_OK) {
            atomic_fetch_add(&claimed[i], 1);

        } else {
            ck_assert_int_eq(op.status, FIG_TAKEN);
            ck_assert_uint_eq(op.key, 0);
        }
    }

    return NULL;
}


START_TEST(test_unique_under_load)
{
    unsigned  i;

    store_setup(_i);
    threads(race);

    for (i = 0; i < ROUNDS; i++) {
        ck_assert_uint_eq(atomic_load(&claimed[i]), 1);
    }

    store_teardown();
}
END_TEST


/* what a write has answered, the next read of anybody sees, whatever rests */

static void *
see(void *data)
{
    int          i;
    char         id[32];
    fig_op_t     ops[2];
    fig_doc_t    doc;
    worker_t    *w = data;
    fig_page_t   page;
    fig_query_t  query;

    (void) snprintf(id, sizeof(id), "u%u", w->n);

    for (i = 0; i < ROUNDS; i++) {
        fig_arena_reset(w->arena);
        ops[0] = op_put(id, (uint64_t) i, id, "Bern", "x");
        ops[1] = op_raise("common", (uint64_t) i * THREADS + w->n + 1, "y");
        ck_assert_int_eq(fig_store_write(store, ops, 2), FIG_OK);
        ck_assert_int_eq(ops[0].status, FIG_OK);

        fig_store_rest(store);

        ck_assert_int_eq(fig_store_get(store, &users, fig_str_from(id),
                                       w->arena, &doc), FIG_OK);
        ck_assert_uint_eq(doc.ver, (unsigned) i + 1);

        ck_assert_int_eq(fig_store_get(store, &users, FIG_STR("common"),
                                       w->arena, &doc), FIG_OK);
        ck_assert_uint_ge(doc.ver, ops[1].doc.ver);

        query = query_all(2);
        query.match[0] = fig_str_from(id);
        ck_assert_int_eq(fig_store_list(store, &users, &query, w->arena,
                                        &page), FIG_OK);
        ck_assert_uint_eq(page.n, 1);
        ck_assert_uint_eq(page.docs[0].ver, (unsigned) i + 1);
    }

    return NULL;
}


START_TEST(test_reads_see_what_was_written)
{
    store_setup(_i);
    threads(see);
    store_teardown();
}
END_TEST


START_TEST(test_later_is_written_soon)
{
    int       i;
    char      body[] = "copied";
    fig_op_t  op;

    store_setup(_i);

    op = op_raise("u1", 3, body);
    fig_store_write_later(store, &op, 1);
    memset(body, 'x', sizeof(body) - 1);
    fig_store_write_later(store, NULL, 0);

    for (i = 0; i < 200 && doc_ver("u1") == 0; i++) {
        (void) usleep(10000);
    }

    ck_str(doc_get(&users, "u1").body, "copied");

    store_teardown();
}
END_TEST


/* of SQLite alone, where it costs nothing */

START_TEST(test_later_rides_along)
{
    fig_op_t  op;
    uint64_t  start;

    store_setup(_i);

    op = op_put("u1", 0, "a@x", NULL, "1");
    op.doc.pending = true;
    ck_assert_int_eq(op_write(op), FIG_OK);

    start = fig_clock_us();
    op = op_settle("u1", 1);
    fig_store_write_later(store, &op, 1);
    ck_assert_int_eq(op_write(op_put("u2", 0, NULL, NULL, "2")), FIG_OK);

    /* a machine that took longer proves nothing */
    if (fig_clock_us() - start < 90000) {
        ck_assert(!doc_get(&users, "u1").pending);
    }

    store_teardown();
}
END_TEST


START_TEST(test_later_is_written_by_close)
{
    int       i;
    char      id[16];
    fig_op_t  ops[3];

    store_setup(_i);

    for (i = 0; i < backend->times * 100; i++) {
        (void) snprintf(id, sizeof(id), "u%d", i);
        ops[0] = op_put(id, 0, NULL, NULL, "1");
        ops[1] = op_put(id, 9, NULL, NULL, "conflict, which is not logged");
        ops[2] = op_put(id, 1, NULL, NULL, "2");
        fig_store_write_later(store, ops, 3);
    }

    store_reopen();

    for (i = 0; i < backend->times * 100; i++) {
        (void) snprintf(id, sizeof(id), "u%d", i);
        ck_str(doc_get(&users, id).body, "2");
    }

    store_teardown();
}
END_TEST


START_TEST(test_later_is_bounded)
{
    int       i;
    char     *body;
    fig_op_t  op;

    store_setup(_i);

    body = malloc(MB);
    ck_assert_ptr_nonnull(body);
    memset(body, 'x', MB);

    for (i = 0; i < 200; i++) {
        op = op_raise("big", (uint64_t) i + 1, "");
        op.doc.body.data = body;
        op.doc.body.len = MB;
        fig_store_write_later(store, &op, 1);
    }

    free(body);

    /* and goes on */
    store_reopen();
    op = op_raise("u1", 1, "x");
    fig_store_write_later(store, &op, 1);
    store_reopen();
    ck_assert_uint_eq(doc_ver("u1"), 1);
    ck_assert_uint_ge(doc_ver("big"), 1);

    store_teardown();
}
END_TEST


static void *
later(void *data)
{
    char       id[32];
    fig_op_t   op;
    uint64_t   i;
    worker_t  *w = data;

    (void) snprintf(id, sizeof(id), "u%u", w->n);

    for (i = 1; i <= ROUNDS; i++) {
        op = op_raise(id, i, "later");
        fig_store_write_later(store, &op, 1);
    }

    return NULL;
}


START_TEST(test_later_by_many)
{
    int   i;
    char  id[32];

    store_setup(_i);
    threads(later);
    store_reopen();

    for (i = 0; i < THREADS; i++) {
        (void) snprintf(id, sizeof(id), "u%d", i);
        ck_assert_uint_eq(doc_ver(id), ROUNDS);
    }

    store_teardown();
}
END_TEST


/* as users v1 and v2 do it: one stops while the other is used */

static void *
come_and_go(void *data)
{
    int           i;
    char          id[32];
    fig_op_t      op;
    fig_store_t  *other;

    for (i = 0; i < ROUNDS; i++) {
        ck_assert_int_eq(fig_store_open(&conf, collections, &other), FIG_OK);
        (void) snprintf(id, sizeof(id), "visit%d", i);
        op = op_raise(id, 1, "later");
        fig_store_write_later(other, &op, 1);
        fig_store_close(other);
    }

    return data;
}


START_TEST(test_closed_beside_others)
{
    int        i;
    char       id[32];
    pthread_t  visitor;

    store_setup(_i);

    ck_assert_int_eq(op_write(op_put("n", 0, NULL, NULL, "0")), FIG_OK);
    ck_assert_int_eq(pthread_create(&visitor, NULL, come_and_go, NULL), 0);
    threads(count);
    ck_assert_int_eq(pthread_join(visitor, NULL), 0);

    ck_assert_uint_eq(doc_ver("n"), THREADS * ROUNDS + 1);

    for (i = 0; i < ROUNDS; i++) {
        (void) snprintf(id, sizeof(id), "visit%d", i);
        ck_assert_uint_eq(doc_ver(id), 1);
    }

    store_teardown();
}
END_TEST


static void
add(TCase *tc)
{
    tcase_add_loop_test(tc, test_no_update_is_lost, 0, nbackends);
    tcase_add_loop_test(tc, test_unique_under_load, 0, nbackends);
    tcase_add_loop_test(tc, test_reads_see_what_was_written, 0, nbackends);
    tcase_add_loop_test(tc, test_later_is_written_soon, 0, nbackends);
    tcase_add_loop_test(tc, test_later_rides_along, 0, 1);
    tcase_add_loop_test(tc, test_later_is_written_by_close, 0, nbackends);
    tcase_add_loop_test(tc, test_later_is_bounded, 0, nbackends);
    tcase_add_loop_test(tc, test_later_by_many, 0, nbackends);
    tcase_add_loop_test(tc, test_closed_beside_others, 0, nbackends);
}


int
main(void)
{
    return run_suite("store threads", add);
}
