
/*
 * Copyright (C) Ficus authors
 */


/*
 * SQLite's store when processes die, freeze or compete.  FICUS_SEED repeats
 * what was random.
 */


#include "store_fixture.h"
#include "fig_log.h"
#include "fig_metrics.h"
#include "fig_store_sqlite.h"
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>


#define WRITERS    4
#define KILLS      12
#define CHILD_OUT  100


typedef struct {
    unsigned   lane;
    unsigned   ver;
} ack_t;

typedef struct {
    unsigned   lane;
    int        out;
    pthread_t  thread;
} lane_t;


static char      *path;
static unsigned   seed;


static void
setup(void)
{
    const char  *s;

    store_setup(0);
    path = directory_file("store.db");

    s = getenv("FICUS_SEED");
    seed = s ? (unsigned) strtoul(s, NULL, 10) : (unsigned) fig_clock_us();
    (void) fprintf(stderr, "FICUS_SEED=%u\n", seed);
}


static void
teardown(void)
{
    store_teardown();
    free(path);
}


static unsigned
chance(unsigned n)
{
    seed = seed * 1664525U + 1013904223U;

    return (seed >> 8) % n;
}


/*
 * A child that uses the store as another worker would, and never returns.  It
 * starts without descriptors of the parent's, whose locks they would keep; a
 * store that is open here must not be opened there, SQLite knows of the fork
 * nothing.
 */

static pid_t
child(void (*run)(int out), int *in)
{
    int    ends[2];
    pid_t  pid;

    ck_assert_int_eq(pipe(ends), 0);
    pid = fork();
    ck_assert_int_ge(pid, 0);

    if (pid == 0) {
        ck_assert_int_eq(dup2(ends[1], CHILD_OUT), CHILD_OUT);
        (void) close_range(STDERR_FILENO + 1, CHILD_OUT - 1, 0);
        (void) close_range(CHILD_OUT + 1, ~0U, 0);
        run(CHILD_OUT);
        _exit(0);
    }

    (void) close(ends[1]);
    *in = ends[0];

    return pid;
}


static void
reap(pid_t pid, int want)
{
    int  status;

    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_int_eq(status, want);
}


static bool
open_in_child(void)
{
    return fig_store_open(&conf, collections, &store) == FIG_OK;
}


/* one document a lane, its versions one by one; says what was acknowledged */

static void *
acknowledge(void *data)
{
    char       id[32], email[32];
    ack_t      ack;
    fig_op_t   op;
    lane_t    *lane = data;

    (void) snprintf(id, sizeof(id), "lane-%u", lane->lane);
    ack.lane = lane->lane;

    for (ack.ver = 1; /* void */; ack.ver++) {
        (void) snprintf(email, sizeof(email), "%u-%u", ack.lane, ack.ver);
        op = op_put(id, ack.ver - 1, ack.ver % 2 ? email : NULL, "Bern", id);

        if (fig_store_write(store, &op, 1) != FIG_OK || op.status != FIG_OK
            || write(lane->out, &ack, sizeof(ack)) != sizeof(ack))
        {
            _exit(1);
        }
    }

    return NULL;
}


static void
acknowledging(int out, unsigned first)
{
    unsigned  i;
    lane_t    lanes[WRITERS];

    if (!open_in_child()) {
        _exit(2);
    }

    for (i = 0; i < WRITERS; i++) {
        lanes[i].lane = first + i;
        lanes[i].out = out;

        if (pthread_create(&lanes[i].thread, NULL, acknowledge, &lanes[i]) != 0)
        {
            _exit(3);
        }
    }

    for (i = 0; i < WRITERS; i++) {
        (void) pthread_join(lanes[i].thread, NULL);
    }
}


static void
acknowledging_first(int out)
{
    acknowledging(out, 0);
}


static void
acknowledging_second(int out)
{
    acknowledging(out, WRITERS);
}


static void
collect(int in, unsigned *acked)
{
    ack_t  ack;

    while (read(in, &ack, sizeof(ack)) == sizeof(ack)) {
        ck_assert_uint_lt(ack.lane, 2 * WRITERS);
        acked[ack.lane] = ack.ver;
    }

    (void) close(in);
}


/* a machine with much else to do may need a second for them */

static void
await_acks(int in, int n)
{
    int  i, waiting;

    waiting = 0;

    for (i = 0; i < 10000 && waiting < n * (int) sizeof(ack_t); i++) {
        ck_assert_int_eq(ioctl(in, FIONREAD, &waiting), 0);
        (void) usleep(1000);
    }
}


START_TEST(test_acknowledged_survives_kill)
{
    int       i, in[2];
    char      id[32];
    pid_t     pids[2];
    unsigned  k, acked[2 * WRITERS];
    uint64_t  ver, written;

    setup();
    written = 0;

    for (i = 0; i < KILLS; i++) {
        fig_store_close(store);
        store = NULL;
        directory_drop();
        conf.uri = backends[0].create();

        memset(acked, 0, sizeof(acked));
        pids[0] = child(acknowledging_first, &in[0]);
        pids[1] = child(acknowledging_second, &in[1]);

        await_acks(in[i % 2], 10);
        (void) usleep(chance(100000));
        ck_assert_int_eq(kill(pids[i % 2], SIGKILL), 0);
        (void) usleep(chance(20000));
        ck_assert_int_eq(kill(pids[1 - i % 2], SIGKILL), 0);

        collect(in[0], acked);
        collect(in[1], acked);
        reap(pids[0], SIGKILL);
        reap(pids[1], SIGKILL);

        ck_assert_int_eq(fig_store_open(&conf, collections, &store), FIG_OK);

        for (k = 0; k < 2 * WRITERS; k++) {
            (void) snprintf(id, sizeof(id), "lane-%u", k);
            ver = doc_ver(id);

            /* what was on its way may be there; nothing else */
            ck_assert_uint_ge(ver, acked[k]);
            ck_assert_uint_le(ver, acked[k] + 1);
            written += ver;
        }
    }

    ck_assert_uint_gt(written, 100);
    teardown();
}
END_TEST


/* takes turns with others in raising one counter */

static void
counting(int out)
{
    unsigned   done;
    fig_op_t   op;

    if (!open_in_child()) {
        _exit(2);
    }

    for (done = 0; done < 100; /* void */) {
        fig_arena_reset(arena);

        op = op_put("n", doc_ver("n"), NULL, NULL, "x");

        if (fig_store_write(store, &op, 1) != FIG_OK) {
            _exit(4);
        }

        done += (op.status == FIG_OK);
    }

    fig_store_close(store);
}


START_TEST(test_fresh_path_by_several)
{
    int    i, round, in[4];
    pid_t  pids[4];

    setup();

    for (round = 0; round < 5; round++) {
        fig_store_close(store);
        store = NULL;
        directory_drop();
        conf.uri = backends[0].create();

        for (i = 0; i < 4; i++) {
            pids[i] = child(counting, &in[i]);
        }

        for (i = 0; i < 4; i++) {
            reap(pids[i], 0);
            (void) close(in[i]);
        }

        ck_assert_int_eq(fig_store_open(&conf, collections, &store), FIG_OK);
        ck_assert_uint_eq(doc_ver("n"), 400);
    }

    teardown();
}
END_TEST


static void
holding(int out)
{
    fig_sqlite_lock_t  lock;

    if (fig_sqlite_lock_open(&lock, path) != FIG_OK
        || !fig_sqlite_lock_take(&lock)
        || write(out, "x", 1) != 1)
    {
        _exit(1);
    }

    for ( ;; ) {
        (void) pause();
    }
}


static pid_t
hold(void)
{
    int    in;
    char   c;
    pid_t  pid;

    pid = child(holding, &in);
    ck_assert_int_eq(read(in, &c, 1), 1);
    (void) close(in);

    return pid;
}


static void
unhold(pid_t pid)
{
    ck_assert_int_eq(kill(pid, SIGKILL), 0);
    reap(pid, SIGKILL);
}


static void *
busy_writer(void *data)
{
    char        id[32];
    fig_op_t    op;
    uint64_t    took;
    const int  *n = data;

    (void) snprintf(id, sizeof(id), "busy-%d", *n);
    op = op_put(id, 0, NULL, NULL, "x");

    took = fig_clock_us();
    ck_assert_int_eq(fig_store_write(store, &op, 1), FIG_BUSY);
    took = fig_clock_us() - took;

    ck_assert_int_eq(op.status, FIG_BUSY);
    ck_assert_uint_ge(took, 300 * 1000);
    ck_assert_uint_le(took, 3000 * 1000);

    return NULL;
}


START_TEST(test_frozen_holder_of_the_lock)
{
    int        i, n[16];
    char       id[32];
    pid_t      pid;
    fig_op_t   op;
    pthread_t  threads[16];

    setup();
    conf.lock_timeout = 300;
    store_reopen();
    ck_assert_int_eq(op_write(op_put("u1", 0, NULL, NULL, "1")), FIG_OK);

    pid = hold();

    for (i = 0; i < 16; i++) {
        n[i] = i;
        ck_assert_int_eq(pthread_create(&threads[i], NULL, busy_writer, &n[i]),
                         0);
    }

    op = op_put("later", 0, NULL, NULL, "x");
    fig_store_write_later(store, &op, 1);

    /* readers do not care */
    for (i = 0; i < 100; i++) {
        ck_assert_uint_eq(doc_ver("u1"), 1);
        ck_assert_int_eq(fig_store_ping(store), FIG_OK);
    }

    for (i = 0; i < 16; i++) {
        (void) pthread_join(threads[i], NULL);
    }

    unhold(pid);

    /* what was given up never happens, what nobody waits for does */
    ck_assert_int_eq(op_write(op_put("u1", 1, NULL, NULL, "2")), FIG_OK);

    for (i = 0; i < 16; i++) {
        (void) snprintf(id, sizeof(id), "busy-%d", i);
        ck_assert_uint_eq(doc_ver(id), 0);
    }

    ck_assert_uint_eq(doc_ver("later"), 1);

    teardown();
}
END_TEST


START_TEST(test_close_and_open_while_locked)
{
    pid_t     pid;
    fig_op_t  op;
    uint64_t  start;

    setup();
    conf.lock_timeout = 200;
    store_reopen();
    ck_assert_int_eq(op_write(op_put("u1", 0, NULL, NULL, "1")), FIG_OK);

    pid = hold();

    op = op_put("later", 0, NULL, NULL, "x");
    fig_store_write_later(store, &op, 1);

    start = fig_clock_us();
    store_reopen();
    ck_assert_uint_le(fig_clock_us() - start, 5000 * 1000);
    ck_assert_uint_eq(doc_ver("u1"), 1);
    ck_assert_uint_eq(doc_ver("later"), 0);

    unhold(pid);
    ck_assert_int_eq(op_write(op_put("u1", 1, NULL, NULL, "2")), FIG_OK);
    ck_assert_uint_eq(doc_ver("later"), 0);

    teardown();
}
END_TEST


START_TEST(test_open_of_a_new_collection_while_locked)
{
    static const fig_collection_t         more = { .name = "more" };
    static const fig_collection_t *const  three[] = {
        &users, &notes, &more, NULL
    };

    pid_t         pid;
    fig_store_t  *second;

    setup();
    conf.lock_timeout = 200;
    pid = hold();

    ck_assert_int_eq(fig_store_open(&conf, three, &second), FIG_ERROR);
    unhold(pid);
    ck_assert_int_eq(fig_store_open(&conf, three, &second), FIG_OK);
    fig_store_close(second);

    teardown();
}
END_TEST


/* a worker that is stopped and goes on, wherever it was */

START_TEST(test_stopped_and_continued)
{
    int           i, in, status;
    pid_t         pid;
    unsigned      acked[2 * WRITERS], busy;
    uint64_t      ver;
    fig_op_t      op;
    fig_status_t  rc;

    setup();
    conf.lock_timeout = 20000;
    fig_store_close(store);
    pid = child(acknowledging_second, &in);

    conf.lock_timeout = 50;
    ck_assert_int_eq(fig_store_open(&conf, collections, &store), FIG_OK);
    memset(acked, 0, sizeof(acked));
    ver = 0;
    busy = 0;

    for (i = 0; i < 60; i++) {
        (void) usleep(1000 + chance(5000));
        ck_assert_int_eq(kill(pid, SIGSTOP), 0);
        ck_assert_int_eq(waitpid(pid, &status, WUNTRACED), pid);
        ck_assert(WIFSTOPPED(status));

        op = op_put("mine", ver, NULL, NULL, "x");
        rc = fig_store_write(store, &op, 1);
        ck_assert(rc == FIG_OK || rc == FIG_BUSY);

        busy += (rc == FIG_BUSY);
        ck_assert_uint_eq(doc_ver("mine"), ver + (rc == FIG_OK));
        ck_assert_int_eq(kill(pid, SIGCONT), 0);

        if (rc == FIG_BUSY) {
            (void) usleep(100000);
            ck_assert_uint_eq(doc_ver("mine"), ver);
        }

        ver = doc_ver("mine");
    }

    (void) fprintf(stderr, "busy %u of 60\n", busy);
    ck_assert_int_eq(kill(pid, SIGKILL), 0);
    collect(in, acked);
    reap(pid, SIGKILL);

    for (i = WRITERS; i < 2 * WRITERS; i++) {
        ck_assert_uint_gt(acked[i], 1);
    }

    teardown();
}
END_TEST


static void
add(TCase *tc)
{
    tcase_add_test(tc, test_acknowledged_survives_kill);
    tcase_add_test(tc, test_fresh_path_by_several);
    tcase_add_test(tc, test_frozen_holder_of_the_lock);
    tcase_add_test(tc, test_close_and_open_while_locked);
    tcase_add_test(tc, test_open_of_a_new_collection_while_locked);
    tcase_add_test(tc, test_stopped_and_continued);
}


int
main(void)
{
    return run_suite("store on sqlite, faults", add);
}
