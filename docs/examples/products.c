
/*
 * Copyright (C) Ficus authors
 */


/*
 * Products: what a shop sells.
 */


#include "fig_app.h"


typedef struct {
    fig_resource_t  products;
} shop_t;


static fig_status_t start(fig_app_t *app, void *data);
static void products_create(fig_request_t *request, fig_response_t *response);
static void products_list(fig_request_t *request, fig_response_t *response);
static void products_get(fig_request_t *request, fig_response_t *response);
static void products_update(fig_request_t *request, fig_response_t *response);
static void products_delete(fig_request_t *request, fig_response_t *response);


static const fig_route_t  routes[] = {
    { "POST", "/api/products", products_create, FIG_ROUTE_JSON },
    { "GET", "/api/products", products_list, 0 },
    { "GET", "/api/products/{productId}", products_get, 0 },
    { "PUT", "/api/products/{productId}", products_update, FIG_ROUTE_JSON },
    { "PATCH", "/api/products/{productId}", products_update, FIG_ROUTE_MERGE },
    { "DELETE", "/api/products/{productId}", products_delete, 0 },
    { NULL, NULL, NULL, 0 }
};

static const fig_rule_t  rules[] = {
    { "productId", true, fig_rule_id, 0, 0 },
    { "sku", true, fig_rule_line, 1, 40 },
    { "name", true, fig_rule_line, 2, 100 },
    { "price", true, fig_rule_integer, 0, 100000000 },       /* cents */
    { NULL, false, NULL, 0, 0 }
};

static const fig_collection_t  collection = {
    .name = "products",
    .keys = { "sku", [FIG_STORE_ONCE] = "Idempotency-Key" },
    .unique = { true, [FIG_STORE_ONCE] = true }
};

static const fig_collection_t *const  collections[] = { &collection, NULL };

static const fig_topic_t  topic = {
    .stream = { "PRODUCTS", "products.>" },
    .name = "products",
    .id_name = "productId",
    .collection = &collection
};

static const fig_resource_t  products = {
    .topic = &topic,
    .path = "/api/products",
    .noun = "Product",
    .member = "product",
    .filters = { { "sku", 0, NULL } },
    .make_id = fig_resource_ulid,
    .rules = rules,
    .closed = true
};

static const fig_worker_t  worker = {
    .name = "products",
    .routes = routes,
    .collections = collections,
    .data_size = sizeof(shop_t),
    .start = start
};


int
main(int argc, char **argv)
{
    return fig_main(&worker, argc, argv);
}


static fig_status_t
start(fig_app_t *app, void *data)
{
    shop_t  *shop = data;

    shop->products = products;

    return fig_app_resource(app, &shop->products);
}


static void
products_create(fig_request_t *request, fig_response_t *response)
{
    shop_t  *shop = request->data;

    fig_resource_create(&shop->products, request, response);
}


static void
products_list(fig_request_t *request, fig_response_t *response)
{
    shop_t  *shop = request->data;

    fig_resource_list(&shop->products, request, response);
}


static void
products_get(fig_request_t *request, fig_response_t *response)
{
    shop_t  *shop = request->data;

    fig_resource_get(&shop->products, request, response);
}


static void
products_update(fig_request_t *request, fig_response_t *response)
{
    shop_t  *shop = request->data;

    fig_resource_update(&shop->products, request, response);
}


static void
products_delete(fig_request_t *request, fig_response_t *response)
{
    shop_t  *shop = request->data;

    fig_resource_delete(&shop->products, request, response);
}
