
/*
 * Copyright (C) Ficus authors
 */


/*
 * A worker's main(): settings, log, store, bus, routes, health, metrics,
 * signals, graceful stop.
 *
 * SIGTERM, SIGINT: stop accepting, finish what runs (stop-timeout), call
 * stop(), stop following others, publish what waits, exit 0.  SIGHUP does
 * nothing.  Exit 1: one line was logged, which may be that requests still ran
 * when stop-timeout was over; then stop() is not called.  Exit 2: bad
 * settings.  --check opens nothing.
 *
 * Routes of every worker, served on its socket: /healthz (200 while the
 * process answers), /readyz (503 when it cannot serve; 200 {"status":
 * "degraded", "checks": {...}} when something else is away), /metrics.
 */


#ifndef FIG_APP_H_INCLUDED
#define FIG_APP_H_INCLUDED


#include "fig_bus.h"
#include "fig_config.h"
#include "fig_consumer.h"
#include "fig_fcgi.h"
#include "fig_resource.h"
#include "fig_route.h"
#include "fig_store.h"


/*
 * The settings that every worker has; a worker with its own puts this first
 * in its struct.
 */

typedef struct {
    fig_fcgi_conf_t    fcgi;
    fig_store_conf_t   store;
    fig_bus_conf_t     bus;
    uint64_t           stop_timeout;
    uint64_t           sync_interval;   /* of workers that follow another: */
    uint64_t           sync_delete;     /* per cent */
    uint64_t           dead_letters;
    const char        *listen_mode;     /* octal, as in fcgi.mode */
    const char        *log_level;
    const char        *log_format;
} fig_app_conf_t;

typedef struct fig_app_s  fig_app_t;

typedef struct {
    const char                     *name;           /* "users-v1" */
    const fig_route_t              *routes;
    const fig_collection_t *const  *collections;
    const fig_setting_t            *settings;       /* own; NULL: none */
    size_t                          conf_size;      /* 0: fig_app_conf_t */

    /*
     * What the worker keeps in memory, zeroed: data below, request->data of
     * its handlers, conf.data of what it follows others with.  It goes when
     * nobody can call the worker any more.
     */
    size_t                          data_size;

    /*
     * What it follows others with; a row without a topic ends the table, NULL:
     * it follows nobody.  interval, deletes, letters and data are set for it.
     * The worker has the routes of fig_consumer.h then, a row "sync" in
     * /readyz and the settings sync-interval, sync-delete and dead-letters.
     */
    const fig_consumer_conf_t      *follows;

    /*
     * store and bus are open, nobody is followed yet and no request comes.
     * What fails was logged, and stop() is not called then.
     */
    fig_status_t                  (*start)(fig_app_t *app, void *data);

    /*
     * Requests have ended; store, bus, resources and what is followed still
     * work.  May be NULL.
     */
    void                          (*stop)(void *data);
} fig_worker_t;


/*
 * Returns what main() returns.
 */

int fig_main(const fig_worker_t *worker, int argc, char **argv);


/*
 * For start().
 */

const void *fig_app_conf(const fig_app_t *app);
fig_store_t *fig_app_store(const fig_app_t *app);
fig_bus_t *fig_app_bus(const fig_app_t *app);


/*
 * Opens a resource, which is part of the worker's data and has all of its
 * fields set but store and outbox, in start() only: sets these, publishes its
 * documents, has a row "outbox" in /readyz, and answers those who keep a
 * replica of them (fig_source.h).  It is closed by itself, after stop().  At
 * most 8.  FIG_ERROR: it was logged.
 */

fig_status_t fig_app_resource(fig_app_t *app, fig_resource_t *resource)
    FIG_NODISCARD;


/*
 * Adds a row to /readyz, in start() only.  check() returns NULL when all is
 * well, else what is wrong, a static text; it must not block.  A check that
 * fails makes the worker degraded, never unready.  name is kept.
 */

void fig_app_check(fig_app_t *app, const char *name,
    const char *(*check)(void *data), void *data);


#endif /* FIG_APP_H_INCLUDED */
