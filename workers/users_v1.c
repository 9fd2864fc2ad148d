
/*
 * Copyright (C) Ficus authors
 */


/*
 * Users, the old service: creates, reads and changes users.  What it does not
 * know of a user it keeps.
 */


#include "domain/rules.h"
#include "domain/users.h"


static fig_status_t start(fig_app_t *app, void *data);
static void users_create(fig_request_t *request, fig_response_t *response);
static void users_get(fig_request_t *request, fig_response_t *response);
static void users_update(fig_request_t *request, fig_response_t *response);


static const fig_route_t  routes[] = {
    { "POST", "/api/users", users_create, FIG_ROUTE_JSON },
    { "GET", "/api/users", NULL, 0 },
    { "DELETE", "/api/users", NULL, 0 },
    { "POST", "/api/users/batch", NULL, 0 },
    { "GET", "/api/users/{userId}", users_get, 0 },
    { "PUT", "/api/users/{userId}", users_update, FIG_ROUTE_JSON },
    { "PATCH", "/api/users/{userId}", users_update, FIG_ROUTE_MERGE },
    { "DELETE", "/api/users/{userId}", NULL, 0 },
    { NULL, NULL, NULL, 0 }
};

static const fig_rule_t  rules[] = {
    { "userId", true, fig_rule_id, 0, 0 },
    { "email", true, rule_email, 0, 0 },
    { "deliveryAddress", true, fig_rule_text, 1, 512 },
    { NULL, false, NULL, 0, 0 }
};

static const fig_worker_t  worker = {
    .name = "users-v1",
    .routes = routes,
    .collections = users_collections,
    .data_size = sizeof(users_t),
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
    return users_start(app, data, rules, false);
}


static void
users_create(fig_request_t *request, fig_response_t *response)
{
    users_t  *users = request->data;

    fig_resource_create(&users->resource, request, response);
}


static void
users_get(fig_request_t *request, fig_response_t *response)
{
    users_t  *users = request->data;

    fig_resource_get(&users->resource, request, response);
}


static void
users_update(fig_request_t *request, fig_response_t *response)
{
    users_t  *users = request->data;

    fig_resource_update(&users->resource, request, response);
}
