
/*
 * Copyright (C) Ficus authors
 */


/*
 * Statistics: how many products and orders there are.
 */


#include "fig_app.h"
#include "fig_dead.h"


typedef struct {
    fig_store_t  *store;
} stats_t;


static fig_status_t start(fig_app_t *app, void *data);
static fig_status_t products_apply(void *data, const fig_event_t *events,
    size_t n, fig_arena_t *arena);
static fig_status_t orders_apply(void *data, const fig_event_t *events,
    size_t n, fig_arena_t *arena);
static fig_status_t count(stats_t *stats, fig_str_t kind,
    const fig_event_t *events, size_t n, fig_arena_t *arena);
static void stats_get(fig_request_t *request, fig_response_t *response);
static fig_status_t total(stats_t *stats, fig_str_t kind, fig_arena_t *arena,
    size_t *n);


static const fig_route_t  routes[] = {
    { "GET", "/api/stats", stats_get, 0 },
    { NULL, NULL, NULL, 0 }
};

static const fig_topic_t  products = {
    .stream = { "PRODUCTS", "products.>" },
    .name = "products",
    .id_name = "productId"
};

static const fig_topic_t  orders = {
    .stream = { "ORDERS", "orders.>" },
    .name = "orders",
    .id_name = "orderId"
};

static const fig_collection_t  counted = {
    .name = "counted",
    .keys = { "kind" }
};

static const fig_collection_t  cursors = { .name = "cursors" };
static const fig_collection_t  products_replica = { .name = "products" };
static const fig_collection_t  orders_replica = { .name = "orders" };

static const fig_collection_t  products_dead = {
    .name = "products_dead",
    .keys = FIG_DEAD_KEYS
};

static const fig_collection_t  orders_dead = {
    .name = "orders_dead",
    .keys = FIG_DEAD_KEYS
};

static const fig_collection_t *const  collections[] = {
    &counted,
    &cursors,
    &products_replica,
    &products_dead,
    &orders_replica,
    &orders_dead,
    NULL
};

static const fig_consumer_conf_t  follows[] = {
    {
        .topic = &products,
        .replica = &products_replica,
        .cursors = &cursors,
        .dead = &products_dead,
        .durable = "stats-products",
        .apply = products_apply
    },
    {
        .topic = &orders,
        .replica = &orders_replica,
        .cursors = &cursors,
        .dead = &orders_dead,
        .durable = "stats-orders",
        .apply = orders_apply
    },
    { .topic = NULL }
};

static const fig_worker_t  worker = {
    .name = "stats",
    .routes = routes,
    .collections = collections,
    .data_size = sizeof(stats_t),
    .follows = follows,
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
    stats_t  *stats = data;

    stats->store = fig_app_store(app);

    return FIG_OK;
}


static fig_status_t
products_apply(void *data, const fig_event_t *events, size_t n,
    fig_arena_t *arena)
{
    return count(data, FIG_STR("products"), events, n, arena);
}


static fig_status_t
orders_apply(void *data, const fig_event_t *events, size_t n,
    fig_arena_t *arena)
{
    return count(data, FIG_STR("orders"), events, n, arena);
}


/*
 * One document for each that counts, raised to its version: what comes twice
 * counts once.
 */

static fig_status_t
count(stats_t *stats, fig_str_t kind, const fig_event_t *events, size_t n,
    fig_arena_t *arena)
{
    size_t     i;
    fig_op_t  *ops;

    ops = fig_arena_alloc(arena, n * sizeof(fig_op_t));
    if (ops == NULL) {
        return FIG_NOMEM;
    }

    for (i = 0; i < n; i++) {
        ops[i] = (fig_op_t) {
            .kind = FIG_STORE_RAISE,
            .collection = &counted,
            .doc.id = fig_arena_printf(arena, "%s/%.*s", kind.data,
                                       (int) events[i].key.len,
                                       events[i].key.data),
            .doc.ver = events[i].ver,
            .doc.keys = { kind },
            .doc.body = FIG_STR("{}"),
            .doc.deleted = events[i].deleted
        };

        if (ops[i].doc.id.data == NULL) {
            return FIG_NOMEM;
        }
    }

    return fig_store_write(stats->store, ops, n);
}


static void
stats_get(fig_request_t *request, fig_response_t *response)
{
    size_t         nproducts, norders;
    stats_t       *stats = request->data;
    fig_status_t   rc;

    rc = total(stats, FIG_STR("products"), request->arena, &nproducts);

    if (rc == FIG_OK) {
        rc = total(stats, FIG_STR("orders"), request->arena, &norders);
    }

    if (rc != FIG_OK) {
        fig_problem_status(request, response, rc);
        return;
    }

    response->body = fig_arena_printf(request->arena,
                                      "{\"products\":%zu,\"orders\":%zu}",
                                      nproducts, norders);
}


static fig_status_t
total(stats_t *stats, fig_str_t kind, fig_arena_t *arena, size_t *n)
{
    fig_page_t    page;
    fig_query_t   query = { .limit = FIG_STORE_PAGE_MAX, .brief = true };
    fig_status_t  rc;

    *n = 0;
    query.match[0] = kind;

    do {
        rc = fig_store_list(stats->store, &counted, &query, arena, &page);

        if (rc == FIG_OK && page.n != 0) {
            *n += page.n;
            query.after = page.docs[page.n - 1].id;
        }
    } while (rc == FIG_OK && page.more);

    return rc;
}
