
/*
 * Copyright (C) Ficus authors
 */


#include "config.h"
#include "fig_app_parts.h"
#include <ctype.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>


/* "00-", the trace id, and what stands behind it */

#define FIG_APP_TRACE_AT      3
#define FIG_APP_TRACE_LEN     32
#define FIG_APP_TRACE_PARENT  55


/* seconds between two looks at what is not used */

#define FIG_APP_REST          10


/* what main() returns */

#define FIG_APP_OK            0
#define FIG_APP_FAILED        1
#define FIG_APP_BAD_SETTINGS  2


static fig_status_t fig_app_load(fig_app_t *app, int argc, char **argv);
static int fig_app_run(fig_app_t *app);
static void fig_app_signals(sigset_t *set);
static fig_status_t fig_app_open(fig_app_t *app);
static fig_status_t fig_app_begin(fig_app_t *app);
static void fig_app_close(fig_app_t *app);
static int fig_app_serve(fig_app_t *app, const sigset_t *set);
static int fig_app_wait(fig_app_t *app, const sigset_t *set);
static void fig_app_handle(void *data, fig_request_t *request,
    fig_response_t *response);
static bool fig_app_vital(void *data, fig_request_t *request);
static fig_str_t fig_app_trace(const fig_request_t *request);
static const char *fig_app_check_bus(void *data);


int
fig_main(const fig_worker_t *worker, int argc, char **argv)
{
    int        status;
    fig_app_t  app;

    memset(&app, 0, sizeof(fig_app_t));

    app.worker = worker;
    app.conf = calloc(1, worker->conf_size ? worker->conf_size
                         : sizeof(fig_app_conf_t));
    app.data = calloc(1, worker->data_size ? worker->data_size : 1);

    switch (fig_app_load(&app, argc, argv)) {

    case FIG_OK:
        status = fig_app_run(&app);
        break;

    case FIG_DECLINED:
        status = FIG_APP_OK;
        break;

    default:
        status = FIG_APP_BAD_SETTINGS;
    }

    free(app.data);
    free(app.conf);
    fig_config_free();

    return status;
}


/* FIG_DECLINED: all there was to do is done */

static fig_status_t
fig_app_load(fig_app_t *app, int argc, char **argv)
{
    bool            check;
    const char     *name;
    fig_status_t    rc;
    fig_setting_t  *settings;

    check = false;
    name = app->worker->name;
    settings = fig_app_settings(app->worker);

    if (settings == NULL || app->conf == NULL || app->data == NULL) {
        (void) fprintf(stderr, "%s: out of memory\n", name);
        free(settings);
        return FIG_NOMEM;
    }

    rc = fig_config_load(settings, name, argc, argv, app->conf, &check);
    free(settings);

    if (rc == FIG_OK) {
        rc = fig_app_verify(name, app->conf);
    }

    if (rc == FIG_OK && check) {
        (void) printf("%s: configuration is ok\n", name);
        rc = FIG_DECLINED;
    }

    return rc;
}


static int
fig_app_run(fig_app_t *app)
{
    int           status;
    sigset_t      set;
    fig_status_t  rc;

    fig_app_signals(&set);
    fig_app_log(app->worker->name, app->conf);
    fig_app_process(app->conf);
    fig_app_metrics();
    fig_app_health(app);

    rc = fig_app_open(app);

    if (rc == FIG_OK) {
        return fig_app_serve(app, &set);
    }

    status = rc == FIG_INVALID ? FIG_APP_BAD_SETTINGS : FIG_APP_FAILED;
    fig_app_close(app);

    return status;
}


/* threads made from now on leave the signals to the first */

static void
fig_app_signals(sigset_t *set)
{
    (void) signal(SIGPIPE, SIG_IGN);
    (void) signal(SIGHUP, SIG_IGN);
    (void) signal(SIGXFSZ, SIG_IGN);           /* the write fails, too */

    (void) sigemptyset(set);
    (void) sigaddset(set, SIGTERM);
    (void) sigaddset(set, SIGINT);
    (void) pthread_sigmask(SIG_BLOCK, set, NULL);
}


/* requests come last, when all they need is there */

static fig_status_t
fig_app_open(fig_app_t *app)
{
    fig_status_t         rc;
    const fig_route_t   *tables[4];
    const fig_worker_t  *worker;

    worker = app->worker;

    rc = fig_store_open(&app->conf->store, worker->collections, &app->store);
    if (rc != FIG_OK) {
        return FIG_ERROR;
    }

    rc = fig_bus_open(&app->conf->bus, &app->bus);
    if (rc != FIG_OK) {
        return rc;
    }

    fig_app_check(app, "bus", fig_app_check_bus, app);

    if (fig_app_begin(app) != FIG_OK) {
        return FIG_ERROR;
    }

    tables[0] = worker->routes;
    tables[1] = fig_app_routes;
    tables[2] = worker->follows ? fig_consumer_routes : NULL;
    tables[3] = NULL;

    app->router = fig_router_create(tables);
    if (app->router == NULL) {
        return FIG_ERROR;
    }

    app->conf->fcgi.vital = fig_app_vital;

    if (fig_fcgi_open(&app->conf->fcgi, fig_app_handle, app, &app->fcgi)
        != FIG_OK)
    {
        return FIG_ERROR;
    }

    return FIG_OK;
}


static fig_status_t
fig_app_begin(fig_app_t *app)
{
    fig_status_t  rc;

    rc = app->worker->start(app, app->data);
    if (rc != FIG_OK) {
        return rc;
    }

    app->started = true;
    rc = fig_app_follow(app);

    if (rc == FIG_OK) {
        fig_consumer_routes_of(app->consumers, app->nconsumers);
    }

    return rc;
}


static void
fig_app_close(fig_app_t *app)
{
    fig_fcgi_close(app->fcgi);
    fig_consumer_routes_of(NULL, 0);

    if (app->started && app->worker->stop) {
        app->worker->stop(app->data);
    }

    fig_app_topics_close(app);
    fig_bus_close(app->bus);
    fig_store_close(app->store);
    fig_router_destroy(app->router);
}


static int
fig_app_serve(fig_app_t *app, const sigset_t *set)
{
    int          got;
    const char  *uri;

    uri = app->conf->store.uri;

    fig_log_info("started: version %s, pid %d, listening on %s, store %.*s, "
                 "%llu threads", FICUS_VERSION, (int) getpid(),
                 app->conf->fcgi.listen, (int) strcspn(uri, ":"), uri,
                 (unsigned long long) app->conf->fcgi.threads);

    got = fig_app_wait(app, set);

    if (fig_fcgi_stop(app->fcgi, app->conf->stop_timeout) != FIG_OK) {
        fig_log_error("stopped with requests that still ran after %llu ms",
                      (unsigned long long) app->conf->stop_timeout);

        /* they use what would be freed */
        _exit(FIG_APP_FAILED);
    }

    fig_app_close(app);
    fig_log_info("stopped by %s", got == SIGINT ? "SIGINT" : "SIGTERM");

    return FIG_APP_OK;
}


/* what a burst took goes back to the system when it is over */

static int
fig_app_wait(fig_app_t *app, const sigset_t *set)
{
    int              got;
    struct timespec  rest;

    rest.tv_sec = FIG_APP_REST;
    rest.tv_nsec = 0;

    for ( ;; ) {
        got = sigtimedwait(set, NULL, &rest);

        if (got != -1) {
            return got;
        }

        fig_store_rest(app->store);
        (void) malloc_trim(0);
    }
}


static void
fig_app_handle(void *data, fig_request_t *request, fig_response_t *response)
{
    fig_str_t  id;
    fig_app_t *app = data;

    id = fig_request_param(request, "HTTP_X_REQUEST_ID");

    if (id.len == 0) {
        id = fig_request_param(request, "REQUEST_ID");
    }

    fig_log_context(id, fig_app_trace(request));

    request->data = app->data;
    fig_router_handle(app->router, request, response);

    fig_log_context((fig_str_t) { 0, NULL }, (fig_str_t) { 0, NULL });
}


static bool
fig_app_vital(void *data, fig_request_t *request)
{
    fig_app_t *app = data;

    return fig_router_vital(app->router, request);
}


/* W3C Trace Context, version 00: 00-TRACE-PARENT-FLAGS in lower hex */

static fig_str_t
fig_app_trace(const fig_request_t *request)
{
    size_t     i;
    fig_str_t  parent, trace;

    trace.len = 0;
    trace.data = NULL;

    parent = fig_request_param(request, "HTTP_TRACEPARENT");

    if (parent.len < FIG_APP_TRACE_PARENT || parent.data[2] != '-'
        || parent.data[FIG_APP_TRACE_AT + FIG_APP_TRACE_LEN] != '-')
    {
        return trace;
    }

    for (i = FIG_APP_TRACE_AT; i < FIG_APP_TRACE_AT + FIG_APP_TRACE_LEN; i++) {
        if (!isxdigit((unsigned char) parent.data[i])) {
            return trace;
        }
    }

    trace.len = FIG_APP_TRACE_LEN;
    trace.data = parent.data + FIG_APP_TRACE_AT;

    return trace;
}


void
fig_app_check(fig_app_t *app, const char *name,
    const char *(*check)(void *data), void *data)
{
    fig_app_check_t  *row;

    if (app->nchecks == FIG_APP_CHECKS) {
        fig_log_warn("too many checks, \"%s\" is left out", name);
        return;
    }

    row = &app->checks[app->nchecks++];
    row->name = name;
    row->check = check;
    row->data = data;
}


static const char *
fig_app_check_bus(void *data)
{
    fig_app_t *app = data;

    return fig_bus_connected(app->bus) ? NULL
         : fig_bus_session(app->bus) != 0 ? "has no JetStream"
         : "not connected";
}


const void *
fig_app_conf(const fig_app_t *app)
{
    return app->conf;
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
