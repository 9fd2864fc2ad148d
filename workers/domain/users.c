
/*
 * Copyright (C) Ficus authors
 */


#include <string.h>

#include "rules.h"
#include "users.h"


#define REPLY_MEMORY  (32u << 20)


static fig_status_t users_index(const fig_resource_t *resource,
    fig_change_t *change);
static void users_by_email(void *data, fig_str_t key, fig_buf_t *out);


static const fig_collection_t  users_collection = {
    .name = "users",
    .keys = { "email", [FIG_STORE_ONCE] = "Idempotency-Key" },
    .unique = { true, [FIG_STORE_ONCE] = true }
};

const fig_collection_t *const  users_collections[] = {
    &users_collection,
    NULL
};

const fig_topic_t  users_topic = {
    .stream = { "USERS", "users.>" },
    .name = "users",
    .id_name = "userId",
    .collection = &users_collection
};

static const fig_resource_t  users_resource = {
    .topic = &users_topic,
    .path = "/api/users",
    .noun = "User",
    .member = "user",
    .index = users_index
};


fig_status_t
users_start(fig_app_t *app, users_t *users, const fig_rule_t *rules,
    bool closed)
{
    fig_status_t  rc;

    users->resource = users_resource;
    users->resource.rules = rules;
    users->resource.closed = closed;

    rc = fig_app_resource(app, &users->resource);

    if (rc == FIG_OK) {
        rc = fig_bus_serve(fig_app_bus(app), USERS_BY_EMAIL, users_by_email,
                           fig_app_store(app));
    }

    return rc;
}


static fig_status_t
users_index(const fig_resource_t *resource, fig_change_t *change)
{
    return email_key(change->arena, fig_json_string(change->fields, "email"),
                     &change->doc.keys[0]);
}


static void
users_by_email(void *data, fig_str_t key, fig_buf_t *out)
{
    fig_page_t    page;
    fig_query_t   query;
    fig_arena_t  *arena;
    fig_store_t  *store = data;

    memset(&query, 0, sizeof(fig_query_t));
    query.match[0] = key;
    query.limit = 1;

    arena = fig_arena_create(4096, REPLY_MEMORY);

    if (arena == NULL
        || fig_store_list(store, &users_collection, &query, arena, &page)
           != FIG_OK)
    {
        out->failed = true;

    } else if (page.n != 0) {
        fig_event_encode(out, &users_topic, &page.docs[0],
                         (fig_str_t) { 0, NULL });
    }

    fig_arena_destroy(arena);
}
