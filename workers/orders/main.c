
/*
 * Copyright (C) Ficus authors
 */


/*
 * Orders: makes, reads, changes and deletes orders, and keeps their e-mail and
 * address in step with the users they belong to.
 */


#include "orders.h"


static fig_status_t start(fig_app_t *app, void *data);
static void stop(void *data);
static void orders_create(fig_request_t *request, fig_response_t *response);
static void orders_list(fig_request_t *request, fig_response_t *response);
static void orders_get(fig_request_t *request, fig_response_t *response);
static void orders_update(fig_request_t *request, fig_response_t *response);
static void orders_delete(fig_request_t *request, fig_response_t *response);


static const fig_route_t  routes[] = {
    { "POST", "/api/orders", orders_create, FIG_ROUTE_JSON },
    { "GET", "/api/orders", orders_list, 0 },
    { "GET", "/api/orders/{orderId}", orders_get, 0 },
    { "PUT", "/api/orders/{orderId}", orders_update, FIG_ROUTE_JSON },
    { "PATCH", "/api/orders/{orderId}", orders_update, FIG_ROUTE_MERGE },
    { "DELETE", "/api/orders/{orderId}", orders_delete, 0 },
    { NULL, NULL, NULL, 0 }
};

static const fig_consumer_conf_t  follows[] = {
    {
        .topic = &users_topic,
        .replica = &orders_users,
        .cursors = &orders_cursors,
        .dead = &orders_dead,
        .durable = "orders",
        .apply = orders_apply,
        .check = orders_check
    },
    { .topic = NULL }
};

static const fig_worker_t  worker = {
    .name = "orders",
    .routes = routes,
    .collections = orders_collections,
    .data_size = sizeof(orders_t),
    .follows = follows,
    .start = start,
    .stop = stop
};


int
main(int argc, char **argv)
{
    return fig_main(&worker, argc, argv);
}


static fig_status_t
start(fig_app_t *app, void *data)
{
    orders_t      *orders = data;
    fig_status_t   rc;

    orders->store = fig_app_store(app);
    orders->bus = fig_app_bus(app);

    orders->resource = orders_resource;
    orders->resource.data = orders;

    rc = fig_app_resource(app, &orders->resource);

    return rc == FIG_OK ? asker_start(orders) : rc;
}


static void
stop(void *data)
{
    asker_stop(data);
}


static void
orders_create(fig_request_t *request, fig_response_t *response)
{
    orders_t  *orders = request->data;

    fig_resource_create(&orders->resource, request, response);
}


static void
orders_list(fig_request_t *request, fig_response_t *response)
{
    orders_t  *orders = request->data;

    fig_resource_list(&orders->resource, request, response);
}


static void
orders_get(fig_request_t *request, fig_response_t *response)
{
    orders_t  *orders = request->data;

    fig_resource_get(&orders->resource, request, response);
}


static void
orders_update(fig_request_t *request, fig_response_t *response)
{
    orders_t  *orders = request->data;

    fig_resource_update(&orders->resource, request, response);
}


static void
orders_delete(fig_request_t *request, fig_response_t *response)
{
    orders_t  *orders = request->data;

    fig_resource_delete(&orders->resource, request, response);
}
