
/*
 * Copyright (C) Ficus authors
 */


/*
 * Metrics in Prometheus' text format 0.0.4.
 *
 * A series is registered once, at start, and lives until exit; updates are
 * single relaxed atomic additions and may come from any thread.
 */


#ifndef FIG_METRICS_H_INCLUDED
#define FIG_METRICS_H_INCLUDED


#include "fig_buf.h"


typedef struct fig_counter_s    fig_counter_t;
typedef struct fig_histogram_s  fig_histogram_t;

/* reads a gauge's value at scrape time */
typedef double (*fig_gauge_pt)(void *data);


/*
 * name and help are static strings and the same for all series of a name.
 * labels is what stands between the braces, `route="/x",status="200"`, with
 * values escaped already (fig_metrics_escape), copied; "" for none.  The same
 * name and labels give the same series again.  Never NULL: without memory the
 * process ends, since registering happens at start.
 */

fig_counter_t *fig_counter(const char *name, const char *help,
    const char *labels);
void fig_counter_add(fig_counter_t *counter, uint64_t n);
uint64_t fig_counter_get(const fig_counter_t *counter);

/* gauges of the same name and labels add up */
void fig_gauge(const char *name, const char *help, const char *labels,
    fig_gauge_pt read, void *data);
void fig_gauge_remove(void *data);     /* of this data, before data goes */


/*
 * Histogram of seconds; buckets 50 us to 10 s, each about twice the last.
 */

fig_histogram_t *fig_histogram(const char *name, const char *help,
    const char *labels);
void fig_histogram_add(fig_histogram_t *histogram, uint64_t microseconds);


uint64_t fig_clock_us(void);                   /* CLOCK_MONOTONIC */

void fig_metrics_escape(fig_buf_t *out, fig_str_t value);
void fig_metrics_write(fig_buf_t *out);        /* all series, grouped by name */


#endif /* FIG_METRICS_H_INCLUDED */
