
/*
 * Copyright (C) Ficus authors
 */


#include <stdlib.h>
#include <string.h>

#include "rules.h"
#include "users.h"


#define REPLY_MEMORY  (32u << 20)
#define FLUSH_MS      5000


static fig_status_t users_index(const fig_resource_t *resource,
    fig_change_t *change);
static void users_by_email(void *data, fig_str_t key, fig_buf_t *out);


static const fig_collection_t  users_collection = {
    .name = "users",
    .keys = { "email" },
    .unique = { true }
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


fig_status_t
users_start(fig_app_t *app, users_check_pt check, void **data)
{
    users_t       *users;
    fig_status_t   rc;

    users = calloc(1, sizeof(users_t));
    if (users == NULL) {
        return FIG_NOMEM;
    }

    users->store = fig_app_store(app);

    users->resource.topic = &users_topic;
    users->resource.path = "/api/users";
    users->resource.noun = "User";
    users->resource.member = "user";
    users->resource.check = check;
    users->resource.index = users_index;
    users->resource.store = users->store;

    users->source.store = users->store;
    users->source.topic = &users_topic;

    rc = fig_outbox_open(users->store, fig_app_bus(app), &users_topic, NULL,
                         NULL, &users->resource.outbox);

    if (rc == FIG_OK) {
        fig_app_check(app, "outbox", fig_outbox_check,
                      users->resource.outbox);
        rc = fig_bus_serve(fig_app_bus(app), USERS_BY_EMAIL, users_by_email,
                           users->store);
    }

    if (rc == FIG_OK) {
        rc = fig_source_serve(&users->source, fig_app_bus(app));
    }

    if (rc != FIG_OK) {
        /* what is served is still asked, so it must not be freed now */
        users_stop(users);
        return rc;
    }

    *data = users;

    return FIG_OK;
}


void
users_stop(void *data)
{
    users_t  *users = data;

    fig_outbox_close(users->resource.outbox, FLUSH_MS);
}


void
users_release(void *data)
{
    free(data);
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
