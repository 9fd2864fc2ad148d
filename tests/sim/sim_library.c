
/*
 * Copyright (C) Ficus authors
 */


/*
 * In place of fig_app, fig_log and fig_metrics: the main() of a worker tells
 * its table, the log goes into the trace, and nothing is counted.
 */


#include <stdio.h>
#include <string.h>

#include "fig_log.h"
#include "fig_metrics.h"
#include "sim_library.h"


#define SIM_LOG_LINE  200


static void sim_log(const char *level, const char *fmt, va_list args)
    FIG_PRINTF(2, 0);


static const fig_worker_t  *sim_worker;
static char                 sim_metric;


int
fig_main(const fig_worker_t *worker, int argc, char **argv)
{
    (void) argc;
    (void) argv;

    sim_worker = worker;

    return 0;
}


const fig_worker_t *
sim_worker_of(sim_main_pt worker_main)
{
    sim_worker = NULL;
    (void) worker_main(0, NULL);

    return sim_worker;
}


fig_store_t *
fig_app_store(const fig_app_t *app)
{
    return app->store;
}


fig_bus_t *
fig_app_bus(const fig_app_t *app)
{
    return app->bus;
}


const void *
fig_app_conf(const fig_app_t *app)
{
    return app->conf;
}


void
fig_app_check(fig_app_t *app, const char *name,
    const char *(*check)(void *data), void *data)
{
    (void) app;
    (void) name;
    (void) check;
    (void) data;
}


static void
sim_log(const char *level, const char *fmt, va_list args)
{
    char  line[SIM_LOG_LINE];

    (void) vsnprintf(line, sizeof(line), fmt, args);
    sim_trace_line("log %s: %s", level, line);
}


#define SIM_LOG(name)                                                         \
    void                                                                      \
    fig_log_ ## name(const char *fmt, ...)                                    \
    {                                                                         \
        va_list  args;                                                        \
                                                                              \
        if (sim.tracing) {                                                    \
            va_start(args, fmt);                                              \
            sim_log(#name, fmt, args);                                        \
            va_end(args);                                                     \
        }                                                                     \
    }

SIM_LOG(error)
SIM_LOG(errno)
SIM_LOG(warn)
SIM_LOG(info)
SIM_LOG(debug)


fig_counter_t *
fig_counter(const char *name, const char *help, const char *labels)
{
    (void) name;
    (void) help;
    (void) labels;

    return (fig_counter_t *) (void *) &sim_metric;
}


void
fig_counter_add(fig_counter_t *counter, uint64_t n)
{
    (void) counter;
    (void) n;
}


uint64_t
fig_counter_get(const fig_counter_t *counter)
{
    (void) counter;

    return 0;
}


void
fig_gauge(const char *name, const char *help, const char *labels,
    fig_gauge_pt read, void *data)
{
    (void) name;
    (void) help;
    (void) labels;
    (void) read;
    (void) data;
}


void
fig_gauge_remove(void *data)
{
    (void) data;
}


fig_histogram_t *
fig_histogram(const char *name, const char *help, const char *labels)
{
    (void) name;
    (void) help;
    (void) labels;

    return (fig_histogram_t *) (void *) &sim_metric;
}


void
fig_histogram_add(fig_histogram_t *histogram, uint64_t microseconds)
{
    (void) histogram;
    (void) microseconds;
}


uint64_t
fig_clock_us(void)
{
    return sim.now;
}
