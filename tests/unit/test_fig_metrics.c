
/*
 * Copyright (C) Ficus authors
 */


/* What Prometheus reads, and that no addition is lost. */


#include "fig_metrics.h"
#include "unit.h"
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>


#define THREADS    8
#define ADDITIONS  200000


static double
read_gauge(void *data)
{
    return *(double *) data;
}


static void
is_written(const char *wanted)
{
    fig_buf_t  out;

    fig_buf_init(&out, 1024 * 1024);
    fig_metrics_write(&out);

    ck_assert(fig_buf_ok(&out));
    ck_assert_str_eq(fig_buf_view(&out).data, wanted);

    fig_buf_clear(&out);
}


START_TEST(test_none)
{
    is_written("");
}
END_TEST


/* grouped by name, whatever the order; the same series only once */

START_TEST(test_counters)
{
    fig_counter_t  *a, *b, *c;

    a = fig_counter("a_total", "Counts a.", "x=\"1\"");
    b = fig_counter("b_total", "Counts b.", "");
    c = fig_counter("a_total", "Counts a.", "x=\"2\"");

    ck_assert_ptr_eq(fig_counter("a_total", "Counts a.", "x=\"1\""), a);
    ck_assert_ptr_eq(fig_counter("b_total", "Counts b.", ""), b);
    ck_assert_ptr_ne(a, c);

    fig_counter_add(a, 1);
    fig_counter_add(a, 41);
    fig_counter_add(c, UINT64_MAX);

    ck_assert_uint_eq(fig_counter_get(a), 42);
    ck_assert_uint_eq(fig_counter_get(b), 0);

    is_written("# HELP a_total Counts a.\n"
               "# TYPE a_total counter\n"
               "a_total{x=\"1\"} 42\n"
               "a_total{x=\"2\"} 18446744073709551615\n"
               "# HELP b_total Counts b.\n"
               "# TYPE b_total counter\n"
               "b_total 0\n");
}
END_TEST


START_TEST(test_labels_are_copied)
{
    char  labels[] = "x=\"1\"";

    (void) fig_counter("a_total", "Counts.", labels);
    labels[3] = '9';

    is_written("# HELP a_total Counts.\n"
               "# TYPE a_total counter\n"
               "a_total{x=\"1\"} 0\n");
}
END_TEST


START_TEST(test_gauges)
{
    double  a, b, c;

    a = 0.1;
    b = 9007199254740991.0;
    c = -17;

    fig_gauge("g", "Is g.", "x=\"a\"", read_gauge, &a);
    fig_gauge("h", "Is h.", "", read_gauge, &b);
    fig_gauge("g", "Is g.", "x=\"c\"", read_gauge, &c);

    is_written("# HELP g Is g.\n"
               "# TYPE g gauge\n"
               "g{x=\"a\"} 0.1\n"
               "g{x=\"c\"} -17\n"
               "# HELP h Is h.\n"
               "# TYPE h gauge\n"
               "h 9007199254740991\n");

    a = NAN;
    b = INFINITY;
    c = -INFINITY;

    is_written("# HELP g Is g.\n"
               "# TYPE g gauge\n"
               "g{x=\"a\"} NaN\n"
               "g{x=\"c\"} -Inf\n"
               "# HELP h Is h.\n"
               "# TYPE h gauge\n"
               "h +Inf\n");

    /* the first of the list, the last, one that is there twice */

    fig_gauge_remove(&a);
    fig_gauge_remove(&a);
    fig_gauge_remove(&b);
    c = 1;
    b = 2;

    is_written("# HELP g Is g.\n"
               "# TYPE g gauge\n"
               "g{x=\"c\"} 1\n");

    fig_gauge("g", "Is g.", "x=\"a\"", read_gauge, &a);
    fig_gauge("g", "Is g.", "x=\"c\"", read_gauge, &b);
    a = 5;

    is_written("# HELP g Is g.\n"
               "# TYPE g gauge\n"
               "g{x=\"c\"} 3\n"
               "g{x=\"a\"} 5\n");

    fig_gauge_remove(&c);

    is_written("# HELP g Is g.\n"
               "# TYPE g gauge\n"
               "g{x=\"c\"} 2\n"
               "g{x=\"a\"} 5\n");

    fig_gauge_remove(&a);
    fig_gauge_remove(&b);
    is_written("");
}
END_TEST


/* each bound belongs to its bucket, the next microsecond does not */

START_TEST(test_histogram)
{
    size_t            i;
    fig_histogram_t  *h;

    static const uint64_t  us[] = {
        0, 50, 51, 100, 101, 200, 500, 1000, 2000, 5000, 10000, 20000, 50000,
        100000, 200000, 500000, 1000000, 2000000, 5000000, 10000000, 10000001
    };

    h = fig_histogram("h_seconds", "Takes.", "x=\"1\"");
    ck_assert_ptr_eq(fig_histogram("h_seconds", "Takes.", "x=\"1\""), h);

    for (i = 0; i < UNIT_COUNT(us); i++) {
        fig_histogram_add(h, us[i]);
    }

    is_written("# HELP h_seconds Takes.\n"
               "# TYPE h_seconds histogram\n"
               "h_seconds_bucket{x=\"1\",le=\"0.00005\"} 2\n"
               "h_seconds_bucket{x=\"1\",le=\"0.0001\"} 4\n"
               "h_seconds_bucket{x=\"1\",le=\"0.0002\"} 6\n"
               "h_seconds_bucket{x=\"1\",le=\"0.0005\"} 7\n"
               "h_seconds_bucket{x=\"1\",le=\"0.001\"} 8\n"
               "h_seconds_bucket{x=\"1\",le=\"0.002\"} 9\n"
               "h_seconds_bucket{x=\"1\",le=\"0.005\"} 10\n"
               "h_seconds_bucket{x=\"1\",le=\"0.01\"} 11\n"
               "h_seconds_bucket{x=\"1\",le=\"0.02\"} 12\n"
               "h_seconds_bucket{x=\"1\",le=\"0.05\"} 13\n"
               "h_seconds_bucket{x=\"1\",le=\"0.1\"} 14\n"
               "h_seconds_bucket{x=\"1\",le=\"0.2\"} 15\n"
               "h_seconds_bucket{x=\"1\",le=\"0.5\"} 16\n"
               "h_seconds_bucket{x=\"1\",le=\"1\"} 17\n"
               "h_seconds_bucket{x=\"1\",le=\"2\"} 18\n"
               "h_seconds_bucket{x=\"1\",le=\"5\"} 19\n"
               "h_seconds_bucket{x=\"1\",le=\"10\"} 20\n"
               "h_seconds_bucket{x=\"1\",le=\"+Inf\"} 21\n"
               "h_seconds_sum{x=\"1\"} 28.889003\n"
               "h_seconds_count{x=\"1\"} 21\n");
}
END_TEST


START_TEST(test_histogram_without_labels)
{
    char       *text;
    fig_buf_t   out;

    fig_histogram_add(fig_histogram("h", "Takes.", ""), 1000001);

    fig_buf_init(&out, 10000);
    fig_metrics_write(&out);
    text = out.data;

    ck_assert_ptr_nonnull(strstr(text, "\nh_bucket{le=\"1\"} 0\n"));
    ck_assert_ptr_nonnull(strstr(text, "\nh_bucket{le=\"2\"} 1\n"));
    ck_assert_ptr_nonnull(strstr(text, "\nh_bucket{le=\"+Inf\"} 1\n"));
    ck_assert_ptr_nonnull(strstr(text, "\nh_sum 1.000001\n"));
    ck_assert_ptr_nonnull(strstr(text, "\nh_count 1\n"));

    fig_buf_clear(&out);
}
END_TEST


START_TEST(test_escape)
{
    fig_buf_t  out;

    fig_buf_init(&out, 1000);

    fig_metrics_escape(&out, FIG_STR("plain"));
    fig_metrics_escape(&out, FIG_STR(""));
    fig_metrics_escape(&out, FIG_STR("\"a\\b\nc\n\"\\"));
    fig_metrics_escape(&out, FIG_STR("\xc3\xa4"));

    ck_assert_str_eq(out.data, "plain\\\"a\\\\b\\nc\\n\\\"\\\\\xc3\xa4");

    fig_buf_clear(&out);
}
END_TEST


/* a mistake in a program: it ends, and says which metric */

START_TEST(test_two_types)
{
    int     status;
    char   *text;
    pid_t   pid;

    (void) fig_counter("a_total", "Counts.", "");

    unit_capture(STDERR_FILENO);
    pid = fork();

    if (pid == 0) {
        (void) fig_histogram("a_total", "Counts.", "");
        _exit(0);
    }

    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    text = unit_captured();

    ck_assert(WIFEXITED(status));
    ck_assert_int_eq(WEXITSTATUS(status), EXIT_FAILURE);
    ck_assert_ptr_nonnull(strstr(text, "metric has two types: a_total\n"));
    free(text);
}
END_TEST


START_TEST(test_clock)
{
    uint64_t  a, b;

    a = fig_clock_us();
    ck_assert_int_eq(usleep(2000), 0);
    b = fig_clock_us();

    ck_assert_uint_ge(b, a + 2000);
    ck_assert_uint_lt(b, a + 30 * 1000000);
}
END_TEST


/* they begin together, or the first might be through before the last begins */

static pthread_barrier_t  barrier;


static void *
count(void *data)
{
    int               i;
    fig_counter_t    *c;
    fig_histogram_t  *h;

    c = fig_counter("c_total", "Counts.", "");
    h = fig_histogram("h", "Takes.", "");

    (void) pthread_barrier_wait(&barrier);

    for (i = 0; i < ADDITIONS; i++) {
        fig_counter_add(c, 3);
        fig_histogram_add(h, 60);
    }

    return data;
}


static void *
scrape(void *data)
{
    int        i;
    double     value;
    fig_buf_t  out;

    value = 1;

    (void) pthread_barrier_wait(&barrier);

    for (i = 0; i < 50; i++) {
        fig_buf_init(&out, 100000);
        fig_gauge("g", "Is g.", "", read_gauge, &value);
        fig_metrics_write(&out);
        fig_gauge_remove(&value);
        fig_buf_clear(&out);
    }

    return data;
}


START_TEST(test_threads)
{
    int         i;
    fig_buf_t   out;
    pthread_t   thread[THREADS];

    ck_assert_int_eq(pthread_barrier_init(&barrier, NULL, THREADS), 0);

    for (i = 0; i < THREADS; i++) {
        ck_assert_int_eq(pthread_create(&thread[i], NULL,
                                        i < THREADS - 1 ? count : scrape,
                                        NULL),
                         0);
    }

    for (i = 0; i < THREADS; i++) {
        ck_assert_int_eq(pthread_join(thread[i], NULL), 0);
    }

    ck_assert_uint_eq(fig_counter_get(fig_counter("c_total", "Counts.", "")),
                      3 * (THREADS - 1) * ADDITIONS);

    fig_buf_init(&out, 100000);
    fig_metrics_write(&out);

    ck_assert_ptr_nonnull(strstr(out.data, "\nh_bucket{le=\"0.00005\"} 0\n"));
    ck_assert_ptr_nonnull(strstr(out.data, "\nh_bucket{le=\"10\"} 1400000\n"));
    ck_assert_ptr_nonnull(strstr(out.data, "\nh_sum 84.000000\n"));
    ck_assert_ptr_nonnull(strstr(out.data, "\nh_count 1400000\n"));
    ck_assert_ptr_null(strstr(out.data, "\ng "));

    fig_buf_clear(&out);
}
END_TEST


int
main(void)
{
    const TTest *const tests[] = {
        test_none,
        test_counters,
        test_labels_are_copied,
        test_gauges,
        test_histogram,
        test_histogram_without_labels,
        test_escape,
        test_two_types,
        test_clock,
        test_threads
    };

    return unit_run("fig_metrics", tests, UNIT_COUNT(tests));
}
