
/*
 * Copyright (C) Ficus authors
 */


#include "fig_log.h"
#include "fig_metrics.h"
#include <inttypes.h>
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>


/* a series has cache lines of its own, or threads would slow each other */
#define FIG_METRICS_LINE     64

#define FIG_METRICS_BUCKETS  17


typedef enum {
    FIG_METRICS_COUNTER = 0,
    FIG_METRICS_GAUGE,
    FIG_METRICS_HISTOGRAM
} fig_metrics_type_t;


struct fig_counter_s {
    _Atomic(uint64_t)     value;
};


/* one bucket more, for what is above all bounds */

struct fig_histogram_s {
    _Atomic(uint64_t)     sum;           /* microseconds */
    _Atomic(uint64_t)     buckets[FIG_METRICS_BUCKETS + 1];
};


typedef struct {
    fig_gauge_pt          read;
    void                 *data;
} fig_gauge_t;


typedef struct fig_series_s  fig_series_t;

struct fig_series_s {
    union {
        fig_counter_t     counter;
        fig_histogram_t   histogram;
        fig_gauge_t       gauge;
    };

    fig_series_t         *next;
    fig_metrics_type_t    type;
    const char           *name;
    const char           *help;
    char                  labels[];
};


typedef struct {
    uint64_t              us;
    const char           *seconds;
} fig_metrics_bound_t;


static fig_series_t *fig_metrics_series(fig_metrics_type_t type,
    const char *name, const char *help, const char *labels);
static fig_series_t *fig_metrics_create(fig_metrics_type_t type,
    const char *name, const char *help, const char *labels);
__attribute__((noreturn))
static void fig_metrics_die(const char *what, const char *name);
static fig_series_t *fig_metrics_series_write(fig_buf_t *out,
    fig_series_t *series);
static fig_series_t *fig_metrics_gauge(fig_buf_t *out, fig_series_t *series);
static void fig_metrics_histogram(fig_buf_t *out, fig_series_t *series);
static void fig_metrics_name(fig_buf_t *out, const fig_series_t *series,
    const char *suffix, const char *le);
static void fig_metrics_number(fig_buf_t *out, double value);


static const char  *fig_metrics_types[] = {
    "counter",
    "gauge",
    "histogram"
};


static const fig_metrics_bound_t  fig_metrics_bounds[FIG_METRICS_BUCKETS] = {
    { 50, "0.00005" },
    { 100, "0.0001" },
    { 200, "0.0002" },
    { 500, "0.0005" },
    { 1000, "0.001" },
    { 2000, "0.002" },
    { 5000, "0.005" },
    { 10000, "0.01" },
    { 20000, "0.02" },
    { 50000, "0.05" },
    { 100000, "0.1" },
    { 200000, "0.2" },
    { 500000, "0.5" },
    { 1000000, "1" },
    { 2000000, "2" },
    { 5000000, "5" },
    { 10000000, "10" }
};


/* guards the list, and a gauge's reader against its removal */

static pthread_mutex_t   fig_metrics_mutex = PTHREAD_MUTEX_INITIALIZER;
static fig_series_t     *fig_metrics_list;


fig_counter_t *
fig_counter(const char *name, const char *help, const char *labels)
{
    fig_series_t  *series;

    (void) pthread_mutex_lock(&fig_metrics_mutex);
    series = fig_metrics_series(FIG_METRICS_COUNTER, name, help, labels);
    (void) pthread_mutex_unlock(&fig_metrics_mutex);

    return &series->counter;
}


void
fig_counter_add(fig_counter_t *counter, uint64_t n)
{
    (void) atomic_fetch_add_explicit(&counter->value, n, memory_order_relaxed);
}


uint64_t
fig_counter_get(const fig_counter_t *counter)
{
    return atomic_load_explicit(&counter->value, memory_order_relaxed);
}


void
fig_gauge(const char *name, const char *help, const char *labels,
    fig_gauge_pt read, void *data)
{
    fig_series_t  *series;

    (void) pthread_mutex_lock(&fig_metrics_mutex);

    series = fig_metrics_series(FIG_METRICS_GAUGE, name, help, labels);
    series->gauge.read = read;
    series->gauge.data = data;

    (void) pthread_mutex_unlock(&fig_metrics_mutex);
}


void
fig_gauge_remove(void *data)
{
    fig_series_t  *series, **p;

    (void) pthread_mutex_lock(&fig_metrics_mutex);

    for (p = &fig_metrics_list; *p; /* void */ ) {
        series = *p;

        if (series->type != FIG_METRICS_GAUGE || series->gauge.data != data) {
            p = &series->next;
            continue;
        }

        *p = series->next;
        free(series);
    }

    (void) pthread_mutex_unlock(&fig_metrics_mutex);
}


fig_histogram_t *
fig_histogram(const char *name, const char *help, const char *labels)
{
    fig_series_t  *series;

    (void) pthread_mutex_lock(&fig_metrics_mutex);
    series = fig_metrics_series(FIG_METRICS_HISTOGRAM, name, help, labels);
    (void) pthread_mutex_unlock(&fig_metrics_mutex);

    return &series->histogram;
}


void
fig_histogram_add(fig_histogram_t *histogram, uint64_t microseconds)
{
    unsigned  i;

    for (i = 0; i < FIG_METRICS_BUCKETS; i++) {
        if (microseconds <= fig_metrics_bounds[i].us) {
            break;
        }
    }

    (void) atomic_fetch_add_explicit(&histogram->buckets[i], 1,
                                     memory_order_relaxed);
    (void) atomic_fetch_add_explicit(&histogram->sum, microseconds,
                                     memory_order_relaxed);
}


uint64_t
fig_clock_us(void)
{
    struct timespec  now;

    (void) clock_gettime(CLOCK_MONOTONIC, &now);

    return (uint64_t) now.tv_sec * 1000000 + (uint64_t) now.tv_nsec / 1000;
}


void
fig_metrics_escape(fig_buf_t *out, fig_str_t value)
{
    size_t  i, done;

    done = 0;

    for (i = 0; i < value.len; i++) {

        if (value.data[i] != '\\' && value.data[i] != '"'
            && value.data[i] != '\n')
        {
            continue;
        }

        fig_buf_append(out, value.data + done, i - done);
        fig_buf_puts(out, value.data[i] == '\n' ? "\\n" : "\\");
        done = value.data[i] == '\n' ? i + 1 : i;
    }

    if (done < value.len) {
        fig_buf_append(out, value.data + done, value.len - done);
    }
}


void
fig_metrics_write(fig_buf_t *out)
{
    const char    *name;
    fig_series_t  *series;

    name = "";

    (void) pthread_mutex_lock(&fig_metrics_mutex);

    for (series = fig_metrics_list; series; series = series->next) {

        if (strcmp(series->name, name) != 0) {
            name = series->name;
            fig_buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name,
                           series->help, name, fig_metrics_types[series->type]);
        }

        series = fig_metrics_series_write(out, series);
    }

    (void) pthread_mutex_unlock(&fig_metrics_mutex);
}


/*
 * The one there is, or a new one behind the last of that name.  Gauges of the
 * same name and labels stand side by side.
 */

static fig_series_t *
fig_metrics_series(fig_metrics_type_t type, const char *name,
    const char *help, const char *labels)
{
    bool           same;
    fig_series_t  *series, **p, **place;

    same = false;
    place = NULL;

    for (p = &fig_metrics_list; *p; p = &series->next) {
        series = *p;

        if (strcmp(series->name, name) != 0) {
            continue;
        }

        if (series->type != type) {
            fig_metrics_die("metric has two types", name);
        }

        if (strcmp(series->labels, labels) == 0) {

            if (type != FIG_METRICS_GAUGE) {
                return series;
            }

            same = true;
            place = &series->next;

        } else if (!same) {
            place = &series->next;
        }
    }

    if (place == NULL) {
        place = p;
    }

    series = fig_metrics_create(type, name, help, labels);
    series->next = *place;
    *place = series;

    return series;
}


static fig_series_t *
fig_metrics_create(fig_metrics_type_t type, const char *name,
    const char *help, const char *labels)
{
    size_t         len, size;
    fig_series_t  *series;

    len = strlen(labels) + 1;
    size = (sizeof(fig_series_t) + len + FIG_METRICS_LINE - 1)
           / FIG_METRICS_LINE * FIG_METRICS_LINE;

    series = aligned_alloc(FIG_METRICS_LINE, size);

    if (series == NULL) {
        fig_metrics_die("out of memory for metric", name);
    }

    memset(series, 0, size);

    series->type = type;
    series->name = name;
    series->help = help;
    memcpy(series->labels, labels, len);

    return series;
}


static void
fig_metrics_die(const char *what, const char *name)
{
    fig_log_error("%s: %s", what, name);
    _exit(EXIT_FAILURE);
}


/* the last one that it has written */

static fig_series_t *
fig_metrics_series_write(fig_buf_t *out, fig_series_t *series)
{
    switch (series->type) {

    case FIG_METRICS_COUNTER:
        fig_metrics_name(out, series, "", NULL);
        fig_buf_printf(out, " %" PRIu64 "\n",
                       fig_counter_get(&series->counter));
        break;

    case FIG_METRICS_GAUGE:
        return fig_metrics_gauge(out, series);

    case FIG_METRICS_HISTOGRAM:
        fig_metrics_histogram(out, series);
        break;
    }

    return series;
}


static fig_series_t *
fig_metrics_gauge(fig_buf_t *out, fig_series_t *series)
{
    double         sum;
    fig_series_t  *next;

    fig_metrics_name(out, series, "", NULL);
    sum = series->gauge.read(series->gauge.data);

    for (next = series->next;
         next && strcmp(next->name, series->name) == 0
         && strcmp(next->labels, series->labels) == 0;
         next = next->next)
    {
        series = next;
        sum += series->gauge.read(series->gauge.data);
    }

    fig_metrics_number(out, sum);

    return series;
}


/* the count is the sum of the buckets: it can't differ from the last line */

static void
fig_metrics_histogram(fig_buf_t *out, fig_series_t *series)
{
    unsigned          i;
    uint64_t          count, sum;
    const char       *le;
    fig_histogram_t  *histogram;

    count = 0;
    histogram = &series->histogram;
    sum = atomic_load_explicit(&histogram->sum, memory_order_relaxed);

    for (i = 0; i <= FIG_METRICS_BUCKETS; i++) {
        count += atomic_load_explicit(&histogram->buckets[i],
                                      memory_order_relaxed);
        le = i < FIG_METRICS_BUCKETS ? fig_metrics_bounds[i].seconds : "+Inf";

        fig_metrics_name(out, series, "_bucket", le);
        fig_buf_printf(out, " %" PRIu64 "\n", count);
    }

    fig_metrics_name(out, series, "_sum", NULL);
    fig_buf_printf(out, " %" PRIu64 ".%06" PRIu64 "\n", sum / 1000000,
                   sum % 1000000);

    fig_metrics_name(out, series, "_count", NULL);
    fig_buf_printf(out, " %" PRIu64 "\n", count);
}


static void
fig_metrics_name(fig_buf_t *out, const fig_series_t *series,
    const char *suffix, const char *le)
{
    bool  labels;

    labels = (series->labels[0] != '\0');

    fig_buf_puts(out, series->name);
    fig_buf_puts(out, suffix);

    if (!labels && le == NULL) {
        return;
    }

    fig_buf_puts(out, "{");
    fig_buf_puts(out, series->labels);

    if (le) {
        fig_buf_printf(out, "%sle=\"%s\"", labels ? "," : "", le);
    }

    fig_buf_puts(out, "}");
}


/* whole numbers to the last digit that a double has */

static void
fig_metrics_number(fig_buf_t *out, double value)
{
    if (isnan(value)) {
        fig_buf_puts(out, " NaN\n");

    } else if (isinf(value)) {
        fig_buf_puts(out, value > 0 ? " +Inf\n" : " -Inf\n");

    } else {
        fig_buf_printf(out, " %.16g\n", value);
    }
}
