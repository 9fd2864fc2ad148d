
/*
 * Copyright (C) Ficus authors
 */


#include "fig_fcgi_conn.h"


static double fig_fcgi_threads(void *data);
static double fig_fcgi_busy(void *data);
static double fig_fcgi_connections(void *data);
static double fig_fcgi_waiting(void *data);


void
fig_fcgi_metrics(fig_fcgi_t *fcgi)
{
    const char  *name, *help;

    name = "ficus_requests_refused_total";
    help = "requests and connections that no handler saw";

    fcgi->refused_connections = fig_counter(name, help,
                                            "why=\"connections\"");
    fcgi->refused_timeout = fig_counter(name, help, "why=\"timeout\"");
    fcgi->refused_protocol = fig_counter(name, help, "why=\"protocol\"");
    fcgi->refused_request = fig_counter(name, help, "why=\"request\"");
    fcgi->refused_overload = fig_counter(name, help, "why=\"overload\"");
    fcgi->refused_gone = fig_counter(name, help, "why=\"gone\"");

    fig_gauge("ficus_threads", "threads that answer requests", "",
              fig_fcgi_threads, fcgi);
    fig_gauge("ficus_threads_busy", "threads that are at work", "",
              fig_fcgi_busy, fcgi);
    fig_gauge("ficus_connections", "open connections", "",
              fig_fcgi_connections, fcgi);
    fig_gauge("ficus_wait_seconds", "what requests wait for a thread", "",
              fig_fcgi_waiting, fcgi);
}


static double
fig_fcgi_threads(void *data)
{
    fig_fcgi_t *fcgi = data;

    return (double) fcgi->conf.threads;
}


static double
fig_fcgi_busy(void *data)
{
    int         left;
    fig_fcgi_t *fcgi = data;

    (void) sem_getvalue(&fcgi->queue.places, &left);

    return (double) fcgi->conf.threads - left;
}


static double
fig_fcgi_connections(void *data)
{
    size_t      n;
    fig_fcgi_t *fcgi = data;

    (void) pthread_mutex_lock(&fcgi->mutex);
    n = fcgi->nconns;
    (void) pthread_mutex_unlock(&fcgi->mutex);

    return (double) n;
}


static double
fig_fcgi_waiting(void *data)
{
    fig_fcgi_t *fcgi = data;

    return (double) atomic_load(&fcgi->queue.wait) / 1000000;
}
