
/*
 * Copyright (C) Ficus authors
 */


#include "fig_metrics.h"
#include "fig_route_count.h"
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>


#define FIG_ROUTE_STATUSES  16
#define FIG_ROUTE_METHODS   8
#define FIG_ROUTE_LABELS    1024


/* rows are filled from the front and never change; status 0 is a free one */

typedef struct {
    _Atomic(unsigned)               status;
    fig_counter_t                  *counter;
} fig_route_row_t;

typedef struct {
    fig_histogram_t                *seconds;
    fig_route_row_t                 rows[FIG_ROUTE_STATUSES];
} fig_route_method_t;


struct fig_route_counts_s {
    const char                     *route;
    pthread_mutex_t                 mutex;         /* for what is new */
    _Atomic(fig_route_method_t *)   methods[FIG_ROUTE_METHODS];
};


static size_t fig_route_method(fig_str_t method);
static fig_counter_t *fig_route_counter(fig_route_counts_t *counts,
    size_t method, unsigned status);
static fig_route_method_t *fig_route_method_create(fig_route_counts_t *counts,
    size_t method);
static fig_counter_t *fig_route_counter_create(fig_route_counts_t *counts,
    size_t method, unsigned status);
static void fig_route_labels(fig_buf_t *labels,
    const fig_route_counts_t *counts, size_t method);


/* a client may send any method, but not make us any number of series */

static const char  *fig_route_methods[FIG_ROUTE_METHODS] = {
    "GET",
    "HEAD",
    "POST",
    "PUT",
    "PATCH",
    "DELETE",
    "OPTIONS",
    "other"
};


fig_route_counts_t *
fig_route_counts_create(const char *route)
{
    fig_route_counts_t  *counts;

    counts = calloc(1, sizeof(fig_route_counts_t));

    if (counts) {
        counts->route = route;
        (void) pthread_mutex_init(&counts->mutex, NULL);
    }

    return counts;
}


void
fig_route_counts_destroy(fig_route_counts_t *counts)
{
    size_t  i;

    if (counts == NULL) {
        return;
    }

    for (i = 0; i < FIG_ROUTE_METHODS; i++) {
        free(atomic_load(&counts->methods[i]));
    }

    (void) pthread_mutex_destroy(&counts->mutex);
    free(counts);
}


void
fig_route_count(fig_route_counts_t *counts, fig_str_t method, unsigned status,
    uint64_t us)
{
    size_t               n;
    fig_route_method_t  *series;

    n = fig_route_method(method);
    series = atomic_load_explicit(&counts->methods[n], memory_order_acquire);

    if (series == NULL) {
        series = fig_route_method_create(counts, n);
    }

    if (series) {
        fig_histogram_add(series->seconds, us);
        fig_counter_add(fig_route_counter(counts, n, status), 1);
    }
}


static size_t
fig_route_method(fig_str_t method)
{
    size_t  i;

    for (i = 0; i < FIG_ROUTE_METHODS - 1; i++) {
        if (fig_str_eq(method, fig_str_from(fig_route_methods[i]))) {
            break;
        }
    }

    return i;
}


static fig_route_method_t *
fig_route_method_create(fig_route_counts_t *counts, size_t method)
{
    fig_buf_t            labels;
    fig_route_method_t  *series;

    (void) pthread_mutex_lock(&counts->mutex);

    series = atomic_load(&counts->methods[method]);

    if (series == NULL) {
        series = calloc(1, sizeof(fig_route_method_t));
        fig_route_labels(&labels, counts, method);

        if (series && fig_buf_ok(&labels)) {
            series->seconds = fig_histogram("ficus_request_seconds",
                                            "time a request took",
                                            labels.data);
            atomic_store_explicit(&counts->methods[method], series,
                                  memory_order_release);

        } else {
            free(series);
            series = NULL;
        }

        fig_buf_clear(&labels);
    }

    (void) pthread_mutex_unlock(&counts->mutex);

    return series;
}


static fig_counter_t *
fig_route_counter(fig_route_counts_t *counts, size_t method, unsigned status)
{
    size_t            i;
    unsigned          found;
    fig_route_row_t  *rows;

    rows = atomic_load_explicit(&counts->methods[method],
                                memory_order_acquire)->rows;

    for (i = 0; i < FIG_ROUTE_STATUSES; i++) {
        found = atomic_load_explicit(&rows[i].status, memory_order_acquire);

        if (found == status) {
            return rows[i].counter;
        }

        if (found == 0) {
            break;
        }
    }

    return fig_route_counter_create(counts, method, status);
}


/* asked twice for the same series, fig_counter() gives the same again */

static fig_counter_t *
fig_route_counter_create(fig_route_counts_t *counts, size_t method,
    unsigned status)
{
    size_t            i;
    fig_buf_t         labels;
    fig_counter_t    *counter;
    fig_route_row_t  *rows;

    fig_route_labels(&labels, counts, method);
    fig_buf_printf(&labels, ",status=\"%u\"", status);

    counter = fig_counter("ficus_requests_total", "requests answered",
                          fig_buf_ok(&labels) ? labels.data : "");
    fig_buf_clear(&labels);

    (void) pthread_mutex_lock(&counts->mutex);

    rows = atomic_load(&counts->methods[method])->rows;

    for (i = 0; i < FIG_ROUTE_STATUSES; i++) {

        if (atomic_load(&rows[i].status) == 0) {
            rows[i].counter = counter;
            atomic_store_explicit(&rows[i].status, status,
                                  memory_order_release);
        }

        if (atomic_load(&rows[i].status) == status) {
            break;
        }
    }

    (void) pthread_mutex_unlock(&counts->mutex);

    return counter;
}


static void
fig_route_labels(fig_buf_t *labels, const fig_route_counts_t *counts,
    size_t method)
{
    fig_buf_init(labels, FIG_ROUTE_LABELS);

    fig_buf_puts(labels, "route=\"");
    fig_metrics_escape(labels, fig_str_from(counts->route));
    fig_buf_printf(labels, "\",method=\"%s\"", fig_route_methods[method]);
}
