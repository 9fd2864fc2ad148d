
/*
 * Copyright (C) Ficus authors
 */


/*
 * MongoDB's store when its server dies, freezes or is not there.  These need a
 * server that may be killed, so MONGODB_URI's is of no use.
 */


#include "mongo_proxy.h"
#include "mongo_server.h"
#include "store_fixture.h"
#include "unit.h"
#include "fig_log.h"
#include "fig_metrics.h"
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>


#define LANES   8
#define KILLS   6
#define VERS    4096

/* us; what must end after 2 s, on a machine with a lot to do */

#define LATE    5000000


typedef struct {
    unsigned      n;
    uint64_t      last;            /* acknowledged */
    uint64_t      slowest;
    unsigned      failures;
    pthread_t     thread;
    fig_arena_t  *arena;
} lane_t;


static mongo_server_t   server;
static lane_t           lanes[LANES];
static atomic_bool      stop;
static atomic_uint      claimed[VERS];
static fig_store_t     *others;
static char            *where;


static void
setup(const char *options)
{
    mongo_open(&server);

    ck_assert_int_gt(asprintf(&where, "%stest?%s", server.uri, options), 0);
    conf.uri = where;
    arena = fig_arena_create(64 * 1024, 64 * MB);

    ck_assert_int_eq(fig_store_open(&conf, collections, &store), FIG_OK);
}


static void
teardown(void)
{
    fig_store_close(store);
    fig_arena_destroy(arena);
    mongo_close(&server);
}


static void
comes_back(void)
{
    int           i;
    fig_doc_t     doc;
    fig_status_t  status;

    status = FIG_BUSY;

    for (i = 0; i < 20 && status != FIG_OK && status != FIG_DECLINED; i++) {
        status = fig_store_get(store, &users, FIG_STR("u1"), arena, &doc);
    }

    ck_assert_msg(status == FIG_OK || status == FIG_DECLINED, "%s",
                  fig_status_name(status));
    ck_assert_int_eq(fig_store_ping(store), FIG_OK);
}


/*
 * Its own document, whose version is what was acknowledged or one more; and
 * one that all of them raise, each version once.
 */

static fig_status_t
lane_own(lane_t *lane, uint64_t ver)
{
    char      id[16];
    fig_op_t  op;

    (void) snprintf(id, sizeof(id), "lane%u", lane->n);
    op = op_put(id, ver - 1, id, "Bern", "own");

    if (fig_store_write(store, &op, 1) == FIG_OK && op.status == FIG_OK) {
        lane->last = ver;
    }

    return op.status;
}


static void
lane_common(lane_t *lane)
{
    fig_op_t   op;
    fig_doc_t  doc;

    fig_arena_reset(lane->arena);

    if (fig_store_get(store, &users, FIG_STR("n"), lane->arena, &doc)
        != FIG_OK || doc.ver + 1 >= VERS)
    {
        return;
    }

    op = op_put("n", doc.ver, NULL, NULL, "common");

    if (fig_store_write(store, &op, 1) == FIG_OK && op.status == FIG_OK) {
        (void) atomic_fetch_add(&claimed[op.doc.ver], 1);
    }
}


static void *
lane_run(void *data)
{
    uint64_t       start, us, ver;
    lane_t        *lane = data;
    fig_status_t   status;

    ver = 1;

    while (!atomic_load(&stop)) {
        start = fig_clock_us();
        status = lane_own(lane, ver);
        us = fig_clock_us() - start;
        lane->slowest = us > lane->slowest ? us : lane->slowest;

        ck_assert_msg(status != FIG_TAKEN && status != FIG_ERROR
                      && status != FIG_FULL, "%s", fig_status_name(status));

        /* after unknown it may be there */
        if (status == FIG_OK || status == FIG_CONFLICT) {
            ver++;

        } else {
            lane->failures++;
        }

        lane_common(lane);
    }

    return NULL;
}


static void
lanes_check(void)
{
    char      id[16];
    unsigned  i, n, failures;

    failures = 0;

    for (i = 0; i < LANES; i++) {
        (void) snprintf(id, sizeof(id), "lane%u", i);
        ck_assert_uint_ge(doc_ver(id), lanes[i].last);
        ck_assert_uint_lt(lanes[i].slowest, LATE);
        failures += lanes[i].failures;
    }

    n = VERS;

    while (--n > 0 && atomic_load(&claimed[n]) == 0) {
        /* the highest that was acknowledged */
    }

    ck_assert_uint_gt(n, 0);
    ck_assert_uint_ge(doc_ver("n"), n);

    for (i = 0; i < VERS; i++) {
        ck_assert_uint_le(atomic_load(&claimed[i]), 1);
    }

    /* the kills were felt */
    ck_assert_uint_gt(failures, 0);
}


START_TEST(test_server_is_killed)
{
    int  i;

    setup("");

    ck_assert_int_eq(op_write(op_put("n", 0, NULL, NULL, "common")), FIG_OK);

    for (i = 0; i < LANES; i++) {
        lanes[i].n = (unsigned) i;
        lanes[i].arena = fig_arena_create(4096, MB);
        ck_assert_int_eq(pthread_create(&lanes[i].thread, NULL, lane_run,
                                        &lanes[i]), 0);
    }

    for (i = 0; i < KILLS; i++) {
        (void) usleep(400000 + (unsigned) i * 50000);
        mongo_kill(&server);
        (void) usleep(i % 2 ? 1800000 : 10000);
        mongo_start(&server);
    }

    (void) usleep(1000000);
    atomic_store(&stop, true);

    for (i = 0; i < LANES; i++) {
        ck_assert_int_eq(pthread_join(lanes[i].thread, NULL), 0);
        fig_arena_destroy(lanes[i].arena);
    }

    comes_back();
    lanes_check();
    teardown();
}
END_TEST


static void
bounded(uint64_t start, fig_status_t status)
{
    ck_assert_uint_lt(fig_clock_us() - start, LATE);
    ck_assert_msg(status == FIG_BUSY || status == FIG_UNKNOWN, "%s",
                  fig_status_name(status));
}


START_TEST(test_server_is_frozen)
{
    int          i;
    fig_op_t     op;
    uint64_t     start;
    fig_doc_t    doc;
    fig_page_t   page;
    fig_query_t  query;

    setup("");

    ck_assert_int_eq(op_write(op_put("u1", 0, NULL, NULL, "1")), FIG_OK);
    (void) kill(server.pid, SIGSTOP);

    op = op_put("u1", 1, NULL, NULL, "2");
    query = query_all(10);

    start = fig_clock_us();
    bounded(start, fig_store_write(store, &op, 1));
    start = fig_clock_us();
    bounded(start, fig_store_get(store, &users, FIG_STR("u1"), arena, &doc));
    start = fig_clock_us();
    bounded(start, fig_store_list(store, &users, &query, arena, &page));
    start = fig_clock_us();
    bounded(start, fig_store_ping(store));

    (void) kill(server.pid, SIGCONT);
    comes_back();

    /* what was on its way when it froze counts once, at most */
    for (i = 0; i < 100 && doc_ver("u1") == 1; i++) {
        (void) op_write(op);
    }

    ck_assert_uint_eq(doc_ver("u1"), 2);
    ck_assert_int_eq(op_write(op), FIG_CONFLICT);

    teardown();
}
END_TEST


START_TEST(test_server_is_away)
{
    int           i;
    char         *log, *p;
    fig_op_t      op;
    uint64_t      start;
    unsigned      lines;
    fig_doc_t     doc;
    fig_store_t  *second;

    setup("");
    mongo_kill(&server);

    unit_capture(STDERR_FILENO);

    for (i = 0; i < 3; i++) {
        op = op_put("u1", 0, NULL, NULL, "1");
        start = fig_clock_us();
        bounded(start, fig_store_write(store, &op, 1));
        bounded(start, op.status);
        start = fig_clock_us();
        bounded(start, fig_store_get(store, &users, FIG_STR("u1"), arena,
                                     &doc));
    }

    log = unit_captured();
    lines = 0;

    for (p = strchr(log, '\n'); p != NULL; p = strchr(p + 1, '\n')) {
        lines++;
    }

    ck_assert_msg(lines == 1 && strstr(log, server.address) != NULL, "%s", log);
    free(log);

    /* who starts now waits for it */

    unit_capture(STDERR_FILENO);
    start = fig_clock_us();
    ck_assert_int_eq(fig_store_open(&conf, collections, &second), FIG_OK);
    ck_assert_uint_lt(fig_clock_us() - start, LATE);

    for (i = 0; i < 3; i++) {
        ck_assert_int_eq(fig_store_ping(second), FIG_BUSY);
        ck_assert_int_eq(fig_store_write(second, &op, 1), FIG_BUSY);
    }

    ck_assert_uint_lt(fig_clock_us() - start, 2 * LATE);
    log = unit_captured();
    ck_assert_ptr_nonnull(strstr(log, "is away; it is used as soon as"));
    free(log);

    unit_capture(STDERR_FILENO);
    mongo_start(&server);
    comes_back();

    for (i = 0; i < 400 && fig_store_ping(second) != FIG_OK; i++) {
        (void) usleep(20000);
    }

    op = op_put("late", 0, NULL, NULL, "1");
    ck_assert_int_eq(fig_store_write(second, &op, 1), FIG_OK);
    ck_assert_int_eq(op.status, FIG_OK);
    fig_store_close(second);

    log = unit_captured();
    ck_assert_ptr_nonnull(strstr(log, "can be used again"));
    free(log);

    teardown();
}
END_TEST


/* later writes are tried at close and given up */

START_TEST(test_closed_while_away)
{
    char      *log;
    fig_op_t   op;
    uint64_t   start;

    setup("");
    mongo_kill(&server);

    unit_capture(STDERR_FILENO);

    op = op_put("u1", 0, NULL, NULL, "1");
    fig_store_write_later(store, &op, 1);
    start = fig_clock_us();
    fig_store_close(store);
    ck_assert_uint_lt(fig_clock_us() - start, LATE);

    log = unit_captured();
    ck_assert_ptr_nonnull(strstr(log, "cannot be written"));
    free(log);

    store = NULL;
    teardown();
}
END_TEST


static void *
read_frozen(void *data)
{
    fig_doc_t      doc;
    fig_arena_t   *small;
    fig_status_t  *status = data;

    small = fig_arena_create(4096, MB);
    *status = fig_store_get(others, &users, FIG_STR("u1"), small, &doc);
    fig_arena_destroy(small);

    return NULL;
}


/* the store once more, by a proxy that sees what it asks */

static void
through(mongo_proxy_t *proxy)
{
    char  *host, *uri;

    fig_store_close(store);

    host = mongo_uri_host(where);
    mongo_proxy(proxy, host);
    free(host);

    uri = mongo_uri_through(where, proxy->address);
    free(where);
    where = uri;
    conf.uri = where;
    ck_assert_int_eq(fig_store_open(&conf, collections, &store), FIG_OK);
}


/* the only one is taken when the server has been asked */

START_TEST(test_connections_are_busy)
{
    int                   seen;
    fig_op_t              op;
    uint64_t              start;
    pthread_t             thread;
    fig_status_t          status;
    static mongo_proxy_t  proxy;

    conf.lock_timeout = 100;
    setup("maxPoolSize=1");
    through(&proxy);
    others = store;
    seen = atomic_load(&proxy.reads);

    (void) kill(server.pid, SIGSTOP);
    ck_assert_int_eq(pthread_create(&thread, NULL, read_frozen, &status), 0);

    while (atomic_load(&proxy.reads) == seen) {
        (void) usleep(1000);
    }

    op = op_put("u1", 0, NULL, NULL, "1");
    start = fig_clock_us();
    ck_assert_int_eq(fig_store_write(store, &op, 1), FIG_BUSY);
    ck_assert_uint_lt(fig_clock_us() - start, 1500000);

    (void) pthread_join(thread, NULL);
    ck_assert_int_eq(status, FIG_BUSY);

    (void) kill(server.pid, SIGCONT);
    comes_back();
    teardown();
}
END_TEST


static void
add(TCase *tc)
{
    tcase_add_test(tc, test_server_is_killed);
    tcase_add_test(tc, test_server_is_frozen);
    tcase_add_test(tc, test_server_is_away);
    tcase_add_test(tc, test_closed_while_away);
    tcase_add_test(tc, test_connections_are_busy);
}


int
main(void)
{
    if (!mongo_ours()) {
        (void) fputs(mongo_there()
                     ? "1..0 # SKIP MONGODB_URI's server is not ours to kill\n"
                     : MONGO_SKIP, stdout);
        return EXIT_SUCCESS;
    }

    return run_suite("store on MongoDB, faults", add);
}
