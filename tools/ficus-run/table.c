
/*
 * Copyright (C) Ficus authors
 */


#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "run.h"
#include "workers.h"


#define RUN_WHOLE  3000      /* ms */

#define RUN_WORKER(worker, database, own)                                     \
    { .name = (worker),                                                       \
      .command = run_worker_command,                                          \
      .ready = run_worker_ready,                                              \
      .level = 1,                                                             \
      .data = (database),                                                     \
      .stop = SIGTERM,                                                        \
      .death = SIGKILL,                                                       \
      .patience = 11000 }


static void run_nats_command(const run_conf_t *conf,
    const run_service_t *service, run_command_t *command);
static bool run_nats_ready(const run_conf_t *conf,
    const run_service_t *service);
static void run_worker_command(const run_conf_t *conf,
    const run_service_t *service, run_command_t *command);
static bool run_worker_ready(const run_conf_t *conf,
    const run_service_t *service);
static void run_nginx_command(const run_conf_t *conf,
    const run_service_t *service, run_command_t *command);
static bool run_nginx_ready(const run_conf_t *conf,
    const run_service_t *service);
static void run_arg(run_command_t *command, const char *fmt, ...)
    FIG_PRINTF(2, 3);


/*
 * Level 0 is started and ready before the others are started; the highest
 * level is stopped first, so that each ends before what it needs.  nginx's
 * master ends its worker processes when it gets a signal that it can handle;
 * the others may die at once, as their data take no harm.
 */

run_service_t  run_services[] = {

    { .name = "nats-server",
      .command = run_nats_command,
      .ready = run_nats_ready,
      .level = 0,
      .stop = SIGTERM,
      .death = SIGKILL,
      .patience = 3000 },

    WORKERS(RUN_WORKER),

    { .name = "nginx",
      .command = run_nginx_command,
      .ready = run_nginx_ready,
      .level = 2,
      .stop = SIGQUIT,
      .death = SIGTERM,
      .patience = 5000 },

    { .name = NULL }
};


void
run_table(const run_conf_t *conf)
{
    run_services[0].skip = !conf->own_nats;
}


const run_service_t *
run_worker(const run_service_t *service)
{
    while (service->name != NULL && service->data == NULL) {
        service++;
    }

    return service->name != NULL ? service : NULL;
}


static void
run_nats_command(const run_conf_t *conf, const run_service_t *service,
    run_command_t *command)
{
    run_arg(command, "%s", conf->nats_server);
    run_arg(command, "-c");
    run_arg(command, "%s/conf/nats-server.conf", conf->dir);
}


static bool
run_nats_ready(const run_conf_t *conf, const run_service_t *service)
{
    return run_nats_ok(conf->nats_port);
}


/* URIs are in the environment, they may hold a password */

static void
run_worker_command(const run_conf_t *conf, const run_service_t *service,
    run_command_t *command)
{
    char  uri[2 * sizeof(conf->store)];

    run_arg(command, "%s/%s", conf->build, service->name);
    run_arg(command, "--listen=%s/sock/%s.sock", conf->dir, service->name);
    run_arg(command, "--listen-mode=0600");

    if (conf->store[0] == '\0') {
        run_arg(command, "--store=sqlite:%s/data/%s.db", conf->dir,
                service->data);
        return;
    }

    if (run_store_uri(conf, service->data, uri, sizeof(uri)) != RUN_OK
        || setenv("FICUS_STORE", uri, 1) != 0)
    {
        _exit(127);
    }
}


/*
 * By the way that requests go, but not before there is something to go to,
 * which nginx would call critical.  A worker serves without the broker, too,
 * but when that is ours it should be there in a moment.  A database server may
 * be away: the worker waits for it, answers 503 and is nobody's to start again.
 */

static bool
run_worker_ready(const run_conf_t *conf, const run_service_t *service)
{
    int   len;
    bool  whole;
    char  path[PATH_MAX];

    len = snprintf(path, sizeof(path), "%s/sock/%s.sock", conf->dir,
                   service->name);

    if (len < 0 || (size_t) len >= sizeof(path) || access(path, F_OK) != 0) {
        return false;
    }

    whole = conf->own_nats && run_now() - service->started < RUN_WHOLE;

    (void) snprintf(path, sizeof(path), "/workers/%s/%s", service->name,
                    conf->store[0] != '\0' && !whole ? "healthz" : "readyz");

    return run_http_ok(conf->admin_port, path,
                       whole ? "\"status\":\"ok\"" : NULL);
}


static void
run_nginx_command(const run_conf_t *conf, const run_service_t *service,
    run_command_t *command)
{
    run_arg(command, "%s", conf->nginx);
    run_arg(command, "-p");
    run_arg(command, "%s/", conf->dir);
    run_arg(command, "-c");
    run_arg(command, "%s/conf/nginx.conf", conf->dir);
    run_arg(command, "-e");
    run_arg(command, "stderr");
}


static bool
run_nginx_ready(const run_conf_t *conf, const run_service_t *service)
{
    return run_http_ok(conf->http_port, "/readyz", NULL)
           && run_http_ok(conf->admin_port, "/readyz", NULL);
}


static void
run_arg(run_command_t *command, const char *fmt, ...)
{
    char     *text;
    va_list   args;

    text = command->text[command->n];

    va_start(args, fmt);
    (void) vsnprintf(text, sizeof(command->text[0]), fmt, args);
    va_end(args);

    command->argv[command->n++] = text;
}
