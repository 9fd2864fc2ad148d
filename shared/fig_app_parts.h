
/*
 * Copyright (C) Ficus authors
 */


/*
 * What fig_main() is made of; for shared/fig_app*.c only.
 */


#ifndef FIG_APP_PARTS_H_INCLUDED
#define FIG_APP_PARTS_H_INCLUDED


#include "fig_app.h"
#include "fig_log.h"
#include "fig_source.h"


#define FIG_APP_CHECKS  16
#define FIG_APP_TOPICS  8


typedef struct {
    const char            *name;
    const char          *(*check)(void *data);
    void                  *data;
} fig_app_check_t;


struct fig_app_s {
    const fig_worker_t    *worker;
    fig_app_conf_t        *conf;
    fig_store_t           *store;
    fig_bus_t             *bus;
    fig_router_t          *router;
    fig_fcgi_t            *fcgi;
    void                  *data;
    bool                   started;
    size_t                 nresources;
    fig_outbox_t          *outboxes[FIG_APP_TOPICS];
    fig_source_t           sources[FIG_APP_TOPICS];
    size_t                 nconsumers;
    fig_consumer_t        *consumers[FIG_APP_TOPICS];
    size_t                 nchecks;
    fig_app_check_t        checks[FIG_APP_CHECKS];
};


/* /healthz, /readyz, /metrics */

extern const fig_route_t  fig_app_routes[];


/*
 * Follows what the worker's table says; closes that and the resources.
 */

fig_status_t fig_app_follow(fig_app_t *app) FIG_NODISCARD;
void fig_app_topics_close(fig_app_t *app);


/*
 * What the routes tell about; the process has one worker.
 */

void fig_app_health(fig_app_t *app);


/*
 * Everybody's settings and the worker's own, for the caller to free; NULL
 * without memory.
 */

fig_setting_t *fig_app_settings(const fig_worker_t *worker);


/*
 * Checks what the table of settings cannot, and fills in what follows from
 * it.  FIG_INVALID: one line on stderr says what is wrong.
 */

fig_status_t fig_app_verify(const char *name, fig_app_conf_t *conf)
    FIG_NODISCARD;
void fig_app_log(const char *name, const fig_app_conf_t *conf);


/*
 * Limits and memory of the process, before there are threads.
 */

void fig_app_process(const fig_app_conf_t *conf);


/*
 * The metrics of the process itself.
 */

void fig_app_metrics(void);


#endif /* FIG_APP_PARTS_H_INCLUDED */
