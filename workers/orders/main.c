
/*
 * Copyright (C) Ficus authors
 */


/*
 * Orders: makes, reads, changes and deletes orders, and keeps their e-mail and
 * address in step with the users they belong to.
 */


#include <stdlib.h>
#include <string.h>

#include "orders.h"


#define FLUSH_MS  5000


static fig_status_t start(fig_app_t *app, void **data);
static fig_status_t start_parts(orders_t *orders, fig_app_t *app);
static fig_consumer_t *consumer(void *data);
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

static const fig_worker_t  worker = {
    .name = "orders",
    .routes = routes,
    .collections = orders_collections,
    .start = start,
    .consumer = consumer,
    .stop = stop
};


int
main(int argc, char **argv)
{
    return fig_main(&worker, argc, argv);
}


static fig_status_t
start(fig_app_t *app, void **data)
{
    orders_t      *orders;
    fig_status_t   rc;

    orders = calloc(1, sizeof(orders_t));
    if (orders == NULL) {
        return FIG_NOMEM;
    }

    orders->store = fig_app_store(app);
    orders->bus = fig_app_bus(app);

    orders->resource.topic = &orders_topic;
    orders->resource.path = "/api/orders";
    orders->resource.noun = "Order";
    orders->resource.member = "order";
    orders->resource.make_id = order_make_id;
    orders->resource.check = order_check;
    orders->resource.complete = order_complete;
    orders->resource.index = order_index;
    orders->resource.stored = order_stored;
    orders->resource.store = orders->store;
    orders->resource.data = orders;

    memcpy(orders->resource.filters, orders_filters, sizeof(orders_filters));

    rc = start_parts(orders, app);
    if (rc != FIG_OK) {
        stop(orders);
        return rc;
    }

    *data = orders;

    return FIG_OK;
}


static fig_status_t
start_parts(orders_t *orders, fig_app_t *app)
{
    fig_status_t           rc;
    const fig_app_conf_t  *common = fig_app_conf(app);

    const fig_consumer_conf_t  conf = {
        .topic = &users_topic,
        .replica = &orders_users,
        .cursors = &orders_cursors,
        .dead = &orders_dead,
        .durable = "orders",
        .interval = common->sync_interval,
        .deletes = common->sync_delete,
        .letters = common->dead_letters,
        .apply = orders_apply,
        .check = orders_check,
        .data = orders
    };

    rc = fig_outbox_open(orders->store, orders->bus, &orders_topic, orders_look,
                         orders, &orders->resource.outbox);

    if (rc == FIG_OK) {
        fig_app_check(app, "outbox", fig_outbox_check,
                      orders->resource.outbox);
        rc = fig_consumer_open(orders->store, orders->bus, &conf,
                               &orders->consumer);
    }

    return rc == FIG_OK ? asker_start(orders) : rc;
}


static fig_consumer_t *
consumer(void *data)
{
    orders_t  *orders = data;

    return orders->consumer;
}


static void
stop(void *data)
{
    orders_t  *orders = data;

    if (orders != NULL) {
        asker_stop(orders);
        fig_consumer_close(orders->consumer);
        fig_outbox_close(orders->resource.outbox, FLUSH_MS);
        free(orders);
    }
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
