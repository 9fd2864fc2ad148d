
/*
 * Copyright (C) Ficus authors
 */


/*
 * The simulated processes: the workers with their own main(), start() and
 * stop(), killed and started again by whom it pleases.
 */


#include <stdlib.h>
#include <string.h>

#include "sim_broker.h"
#include "sim_bugs.h"
#include "sim_library.h"
#include "sim_store.h"
#include "sim_threads.h"


#define SIM_ANSWER   (3 * SIM_SECOND)
#define SIM_STOP     (40 * (uint64_t) SIM_SECOND)
#define SIM_LETTERS  1000
#define SIM_MEMORY   (4 * 1024 * 1024)


typedef struct {
    sim_process_t    *process;
    fig_handler_pt    handler;
    fig_request_t     request;
    sim_answer_t     *answer;
    bool              done;
} sim_handling_t;


static void sim_process_main(void *data);
static fig_status_t sim_process_open(sim_process_t *process);
static void sim_process_exit(sim_process_t *process);
static void sim_process_again(void *data, uint64_t n);
static void sim_process_end(void *data);
static void sim_process_late(void *data, uint64_t n);
static fig_handler_pt sim_handler(const sim_process_t *process,
    const char *method, const char *path);
static void sim_handle(void *data);
static uint64_t sim_etag(const fig_buf_t *headers);


static const char *const  sim_names[] = {
    "v1",
    "v2",
    "orders"
};

static const sim_main_pt  sim_mains[] = {
    sim_main_users_v1,
    sim_main_users_v2,
    sim_main_orders
};

static uint64_t        sim_lives;
static fig_app_t       sim_apps[SIM_PROCESSES];
static fig_app_conf_t  sim_confs[SIM_PROCESSES];


void
sim_processes_init(void)
{
    unsigned         i;
    sim_process_t   *process;
    fig_app_conf_t  *conf;

    for (i = 0; i < SIM_PROCESSES; i++) {
        process = &sim.processes[i];
        conf = &sim_confs[i];

        memset(process, 0, sizeof(sim_process_t));
        memset(conf, 0, sizeof(fig_app_conf_t));
        memset(&sim_links[i], 0, sizeof(sim_link_t));

        process->number = i;
        process->name = sim_names[i];
        process->worker = sim_worker_of(sim_mains[i]);
        process->app = &sim_apps[i];
        process->app->conf = conf;
        sim_memory_drop(process);

        conf->sync_interval = sim_odds(500) ? 30000 : sim_between(500, 3000);
        conf->sync_delete = 100;
        conf->dead_letters = SIM_LETTERS;
        conf->store.uri = i == SIM_ORDERS ? "sim:orders" : "sim:users";
        conf->bus.url = "sim://";
        conf->bus.name = sim_names[i];
        conf->bus.max_payload = SIM_PAYLOAD;
        conf->bus.publish_pending = sim_between(1, 32);
        conf->bus.ack_wait = sim_between(500, 3000);
        conf->bus.ack_pending = sim_between(1, 32);
    }
}


void
sim_process_start(sim_process_t *process)
{
    if (process->state == SIM_DOWN) {
        process->state = SIM_STARTING;
        process->life = ++sim_lives;
        process->handlers = 0;
        (void) sim_spawn(process, "main", sim_process_main, process);
    }
}


static void
sim_process_main(void *data)
{
    sim_process_t  *process = data;

    sim_trace("starts");

    if (sim_process_open(process) == FIG_OK) {
        process->state = SIM_UP;
        sim_bug_start(process);
        sim_trace("is up");
        return;
    }

    sim_trace("can't start");
    sim_process_exit(process);
}


static fig_status_t
sim_process_open(sim_process_t *process)
{
    fig_app_t     *app;
    fig_status_t   rc;

    app = process->app;
    app->worker = process->worker;
    app->nresources = 0;
    app->nconsumers = 0;
    app->data = calloc(1, app->worker->data_size);

    if (app->data == NULL) {
        return FIG_NOMEM;
    }

    process->data = app->data;

    rc = fig_store_open(&app->conf->store, process->worker->collections,
                        &app->store);
    if (rc != FIG_OK) {
        return rc;
    }

    rc = fig_bus_open(&app->conf->bus, &app->bus);

    if (rc == FIG_OK) {
        rc = app->worker->start(app, app->data);
    }

    if (rc == FIG_OK) {
        rc = fig_app_follow(app);
    }

    return rc;
}


/* the end of a process, whatever state it is in; the supervisor sees it */

static void
sim_process_exit(sim_process_t *process)
{
    sim_link_t  *link;

    link = &sim_links[process->number];

    if (link->open) {
        sim_link_drop(link);
        link->open = false;
        link->life = 0;
        memset(link->services, 0, sizeof(link->services));
    }

    process->state = SIM_DOWN;
    process->crash_in = 0;
    process->frozen = 0;
    process->life = ++sim_lives;

    sim_at(sim.now + (sim.healed ? 0 : sim_random(SIM_SECOND)),
           sim_process_again, process, process->life);

    sim_memory_drop(process);
    sim_fibers_kill(process);
}


static void
sim_process_again(void *data, uint64_t n)
{
    sim_process_t  *process = data;

    if (process->life == n) {
        sim_process_start(process);
    }
}


void
sim_process_crash(sim_process_t *process)
{
    if (process->state != SIM_DOWN) {
        sim_trace("%s is killed", process->name);

        sim_process_exit(process);
    }
}


void
sim_process_stop(sim_process_t *process)
{
    if (process->state == SIM_UP) {
        process->state = SIM_STOPPING;
        sim_at(sim.now + SIM_STOP, sim_process_late, process, process->life);
        (void) sim_spawn(process, "main", sim_process_end, process);
    }
}


static void
sim_process_end(void *data)
{
    sim_process_t  *process = data;

    sim_trace("stops");

    while (process->handlers != 0) {
        (void) sim_wait(&process->handlers, SIM_NEVER);
    }

    if (process->worker->stop != NULL) {
        process->worker->stop(process->data);
    }

    fig_app_topics_close(process->app);
    fig_bus_close(process->app->bus);
    fig_store_close(process->app->store);
    free(process->data);

    sim_trace("has stopped");
    sim_process_exit(process);
}


static void
sim_process_late(void *data, uint64_t n)
{
    sim_process_t  *process = data;

    if (process->life == n) {
        sim_violation("%s does not stop", process->name);
    }
}


void
sim_request(sim_process_t *process, const char *method, const char *path,
    fig_str_t id, fig_str_t body, sim_answer_t *answer)
{
    uint64_t         until, life;
    fig_param_t     *params;
    sim_handling_t  *h;

    memset(answer, 0, sizeof(sim_answer_t));
    answer->refused = process->state != SIM_UP;

    if (answer->refused) {
        return;
    }

    h = sim_alloc(sizeof(sim_handling_t));
    params = sim_alloc(sizeof(fig_param_t));

    h->process = process;
    h->handler = sim_handler(process, method, path);
    h->answer = sim_alloc(sizeof(sim_answer_t));
    h->request.method = fig_str_from(method);
    h->request.path = fig_str_from(path);
    h->request.body = sim_dup(body);
    h->request.args[0] = sim_dup(id);
    h->request.params = params;
    h->request.data = process->data;

    life = process->life;
    until = sim.now + SIM_ANSWER;
    process->handlers++;
    (void) sim_spawn(process, "request", sim_handle, h);

    while (!h->done && sim.now < until && process->life == life) {
        (void) sim_wait(h, sim.now + 200 * SIM_MS);
    }

    if (h->done) {
        *answer = *h->answer;
    }
}


static fig_handler_pt
sim_handler(const sim_process_t *process, const char *method,
    const char *path)
{
    const fig_route_t  *route;

    for (route = process->worker->routes; route->method != NULL; route++) {

        if (strcmp(route->method, method) == 0
            && strcmp(route->pattern, path) == 0)
        {
            return route->handler;
        }
    }

    return NULL;
}


static void
sim_handle(void *data)
{
    fig_arena_t     *arena;
    fig_response_t   response;
    sim_handling_t  *h = data;

    sim_point();

    arena = fig_arena_create(4096, SIM_MEMORY);

    if (arena == NULL) {
        sim_violation("no memory for a request");
        return;
    }

    h->request.arena = arena;
    fig_response_init(&response);
    h->handler(&h->request, &response);

    h->answer->status = response.status;
    h->answer->ver = sim_etag(&response.headers);
    h->answer->body = sim_dup(response.body);
    h->done = true;
    sim_wake(h);

    fig_response_clear(&response);
    fig_arena_destroy(arena);

    h->process->handlers--;
    sim_wake(&h->process->handlers);
}


static uint64_t
sim_etag(const fig_buf_t *headers)
{
    char        *end;
    size_t       i;
    uint64_t     ver;
    fig_str_t    lines;

    static const char  name[] = "ETag: \"";

    lines = fig_buf_view(headers);
    ver = 0;

    for (i = 0; lines.data && i + sizeof(name) - 1 < lines.len; i++) {

        if (memcmp(lines.data + i, name, sizeof(name) - 1) == 0) {
            for (end = headers->data + i + sizeof(name) - 1;
                 *end >= '0' && *end <= '9';
                 end++)
            {
                ver = ver * 10 + (uint64_t) (*end - '0');
            }

            break;
        }
    }

    return ver;
}
