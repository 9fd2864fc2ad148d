
/*
 * Copyright (C) Ficus authors
 */


/*
 * Users, the new service: all that the old one does, with stricter checks and
 * three more fields, and besides lists, deletes and creates many at once.
 */


#include "domain/rules.h"
#include "domain/users.h"


static fig_status_t start(fig_app_t *app, void *data);
static void users_create(fig_request_t *request, fig_response_t *response);
static void users_list(fig_request_t *request, fig_response_t *response);
static void users_delete_all(fig_request_t *request,
    fig_response_t *response);
static void users_create_many(fig_request_t *request,
    fig_response_t *response);
static void users_get(fig_request_t *request, fig_response_t *response);
static void users_update(fig_request_t *request, fig_response_t *response);
static void users_delete(fig_request_t *request, fig_response_t *response);


static const fig_route_t  routes[] = {
    { "POST", "/api/users", users_create, FIG_ROUTE_JSON },
    { "GET", "/api/users", users_list, 0 },
    { "DELETE", "/api/users", users_delete_all, 0 },
    { "POST", "/api/users/batch", users_create_many, FIG_ROUTE_JSON },
    { "GET", "/api/users/{userId}", users_get, 0 },
    { "PUT", "/api/users/{userId}", users_update, FIG_ROUTE_JSON },
    { "PATCH", "/api/users/{userId}", users_update, FIG_ROUTE_MERGE },
    { "DELETE", "/api/users/{userId}", users_delete, 0 },
    { NULL, NULL, NULL, 0 }
};

static const fig_rule_t  rules[] = {
    { "userId", true, fig_rule_id, 0, 0 },
    { "email", true, rule_email_strict, 0, 0 },
    { "deliveryAddress", true, fig_rule_line, 1, 512 },
    { "name", false, fig_rule_line, 1, 100 },
    { "phone", false, rule_phone, 0, 0 },
    { "tags", false, rule_tags, 0, 20 },
    { NULL, false, NULL, 0, 0 }
};

static const fig_worker_t  worker = {
    .name = "users-v2",
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
    return users_start(app, data, rules, true);
}


static void
users_create(fig_request_t *request, fig_response_t *response)
{
    users_t  *users = request->data;

    fig_resource_create(&users->resource, request, response);
}


static void
users_list(fig_request_t *request, fig_response_t *response)
{
    users_t  *users = request->data;

    fig_resource_list(&users->resource, request, response);
}


static void
users_delete_all(fig_request_t *request, fig_response_t *response)
{
    users_t  *users = request->data;

    fig_resource_delete_all(&users->resource, request, response);
}


static void
users_create_many(fig_request_t *request, fig_response_t *response)
{
    users_t  *users = request->data;

    fig_resource_create_many(&users->resource, request, response);
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


static void
users_delete(fig_request_t *request, fig_response_t *response)
{
    users_t  *users = request->data;

    fig_resource_delete(&users->resource, request, response);
}
