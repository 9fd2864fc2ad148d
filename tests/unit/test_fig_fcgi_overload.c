
/*
 * Copyright (C) Ficus authors
 */


/* More requests than can be answered: who waits, who is shed, and after it. */


#include "fcgi_server.h"
#include "fig_fcgi_queue.h"
#include "fig_metrics.h"
#include "unit.h"
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>


#define MANY     200
#define CROWD    700         /* more than the backlog holds */

#define REFUSED(why)  "\nficus_requests_refused_total{why=\"" why "\"} "


static void setup(uint64_t max_wait);
static void teardown(void);
static void fill(void);
static int asks(const char *path);
static unsigned status_of(int fd);
static double value(const char *series);


static int  waiting[SERVER_THREADS];


static void
setup(uint64_t max_wait)
{
    server_setup();
    server_conf.max_wait = max_wait;
    server_start();
}


static void
teardown(void)
{
    int  i;

    atomic_store(&server_gate, 1);

    for (i = 0; i < SERVER_THREADS; i++) {
        ck_assert_uint_eq(status_of(waiting[i]), 200);
    }

    server_stop();
}


/* each place has a request at the gate */

static void
fill(void)
{
    int  i;

    for (i = 0; i < SERVER_THREADS; i++) {
        waiting[i] = asks("/wait");
    }

    for (i = 0; i < 2000 && atomic_load(&server_waiting) < SERVER_THREADS;
         i++)
    {
        (void) poll(NULL, 0, 5);
    }

    ck_assert_int_eq(atomic_load(&server_waiting), SERVER_THREADS);
}


static int
asks(const char *path)
{
    int        fd;
    fig_buf_t  bytes;

    fd = server_client();
    fig_buf_init(&bytes, FCGI_CLIENT_MAX);
    fcgi_request(&bytes, 1, "GET", path, NULL, 0);
    fcgi_send(fd, &bytes);
    fig_buf_clear(&bytes);

    return fd;
}


/* and closes it; what is shed can be asked again */

static unsigned
status_of(int fd)
{
    unsigned       status;
    fcgi_answer_t  answer;

    fcgi_answer(fd, &answer);
    ck_assert(answer.ended);
    status = answer.status;

    ck_assert_int_eq(fcgi_has_header(&answer, "Retry-After: 1"),
                     status == 503);

    if (status == 503) {
        ck_assert_ptr_nonnull(strstr(answer.body.data,
                                     "urn:ficus:problem/busy"));
    }

    fcgi_answer_clear(&answer);
    (void) close(fd);

    return status;
}


static double
value(const char *series)
{
    double       n;
    fig_buf_t    out;
    const char  *p;

    fig_buf_init(&out, 1048576);
    fig_metrics_write(&out);
    p = strstr(out.data, series);
    ck_assert_ptr_nonnull(p);
    n = strtod(p + strlen(series), NULL);
    fig_buf_clear(&out);

    return n;
}


/* nobody is shed while the wait is short */

START_TEST(test_wait)
{
    int  i;
    int  fd[MANY];

    setup(10000);
    fill();

    for (i = 0; i < MANY; i++) {
        fd[i] = asks("/x");
    }

    atomic_store(&server_gate, 1);

    for (i = 0; i < MANY; i++) {
        ck_assert_uint_eq(status_of(fd[i]), 200);
    }

    ck_assert(value(REFUSED("overload")) == 0);
    teardown();
}
END_TEST


/* none runs, all are answered; and all is well when the cause is gone */

START_TEST(test_blocked)
{
    int  i;
    int  fd[MANY];

    setup(20);
    fill();

    for (i = 0; i < MANY; i++) {
        fd[i] = asks("/x");
    }

    for (i = 0; i < MANY; i++) {
        ck_assert_uint_eq(status_of(fd[i]), 503);
    }

    ck_assert_int_eq(atomic_load(&server_handled), SERVER_THREADS);
    ck_assert(value(REFUSED("overload")) == MANY);
    ck_assert(value("\nficus_threads_busy ") == SERVER_THREADS);

    teardown();
}
END_TEST


/* there are places, but those who wait have waited too long */

START_TEST(test_queue)
{
    int               epoll;
    fig_fcgi_queue_t  queue;

    memset(&queue, 0, sizeof(queue));
    epoll = epoll_create1(0);
    ck_assert_int_ne(epoll, -1);
    ck_assert_int_eq(fig_fcgi_queue_open(&queue, epoll, 100000, 9), FIG_OK);

    fig_fcgi_queue_look(&queue);
    ck_assert_ptr_eq(fig_fcgi_queue_enter_now(&queue), &queue.places);

    (void) poll(NULL, 0, 250);
    ck_assert_ptr_null(fig_fcgi_queue_enter_now(&queue));
    ck_assert_ptr_null(fig_fcgi_queue_enter(&queue));
    ck_assert_ptr_nonnull(fig_fcgi_queue_enter_vital(&queue));

    /* the marker comes, is queued again, and finds nobody */

    fig_fcgi_queue_marked(&queue);
    ck_assert_ptr_null(fig_fcgi_queue_enter_now(&queue));
    fig_fcgi_queue_marked(&queue);
    ck_assert_ptr_eq(fig_fcgi_queue_enter_now(&queue), &queue.places);

    /* soon afterwards the limit is enough */

    fig_fcgi_queue_look(&queue);
    (void) poll(NULL, 0, 120);
    ck_assert_ptr_null(fig_fcgi_queue_enter_now(&queue));

    fig_fcgi_queue_close(&queue);
    (void) close(epoll);
}
END_TEST


START_TEST(test_recovery)
{
    int  i;

    setup(20);
    fill();

    ck_assert_uint_eq(status_of(asks("/x")), 503);
    atomic_store(&server_gate, 1);

    /* those at the gate look every 5 ms, so one or two may be late */

    for (i = 0; i < 100 && status_of(asks("/x")) != 200; i++) {
        (void) poll(NULL, 0, 10);
    }

    for (i = 0; i < 20; i++) {
        ck_assert_uint_eq(status_of(asks("/x")), 200);
    }

    ck_assert(value("\nficus_wait_seconds ") < 0.02);
    teardown();
}
END_TEST


START_TEST(test_vital)
{
    int  i, shed;

    setup(20);
    fill();

    shed = asks("/x");

    for (i = 0; i < 50; i++) {
        ck_assert_uint_eq(status_of(asks("/vital")), 200);
    }

    ck_assert_uint_eq(status_of(shed), 503);
    ck_assert_uint_eq(status_of(asks("/vital")), 200);

    teardown();
}
END_TEST


START_TEST(test_vital_over_connections)
{
    int  i;

    server_setup();
    server_conf.max_connections = SERVER_THREADS;
    server_start();
    fill();

    for (i = 0; i < 10; i++) {
        ck_assert_uint_eq(status_of(asks("/x")), 503);
        ck_assert_uint_eq(status_of(asks("/vital")), 200);
    }

    teardown();
}
END_TEST


/* ten times as many as can be answered in time: some are, the others know */

START_TEST(test_load)
{
    int       i, j, ok, shed;
    int       fd[MANY];
    unsigned  status;

    setup(20);
    ok = 0;
    shed = 0;

    for (j = 0; j < 3; j++) {

        for (i = 0; i < MANY; i++) {
            fd[i] = asks("/slow");
        }

        for (i = 0; i < MANY; i++) {
            status = status_of(fd[i]);
            ok += status == 200;
            shed += status == 503;
        }
    }

    ck_assert_int_eq(ok + shed, 3 * MANY);
    ck_assert_int_ge(ok, SERVER_THREADS);
    ck_assert_int_ge(shed, MANY / 4);
    ck_assert_int_eq(atomic_load(&server_handled), ok);
    server_stop();
}
END_TEST


/* all threads wait, and still nobody finds the backlog full */

START_TEST(test_accepted)
{
    int            i;
    int            fd[CROWD];
    struct rlimit  files;

    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &files), 0);
    files.rlim_cur = files.rlim_max;
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &files), 0);

    setup(60000);
    fill();

    for (i = 0; i < CROWD; i++) {
        fd[i] = asks("/x");
    }

    while (i-- > 0) {
        (void) close(fd[i]);
    }

    teardown();
}
END_TEST


/* who has given up costs nothing */

START_TEST(test_gone)
{
    int  i;

    setup(10000);
    fill();

    for (i = 0; i < MANY; i++) {
        (void) close(asks("/x"));
    }

    atomic_store(&server_gate, 1);
    ck_assert_uint_eq(status_of(asks("/x")), 200);

    /* the spare threads had taken some already */

    ck_assert_int_le(atomic_load(&server_handled), SERVER_THREADS + 10);
    ck_assert(value(REFUSED("gone")) > MANY - 10);

    teardown();
}
END_TEST


int
main(void)
{
    const TTest *const tests[] = {
        test_wait,
        test_blocked,
        test_queue,
        test_recovery,
        test_vital,
        test_vital_over_connections,
        test_load,
        test_accepted,
        test_gone
    };

    return unit_run("fig_fcgi_overload", tests, UNIT_COUNT(tests));
}
