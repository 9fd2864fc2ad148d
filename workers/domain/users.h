
/*
 * Copyright (C) Ficus authors
 */


/*
 * Users: what both generations of the service and those who follow it must
 * agree on.
 */


#ifndef USERS_H_INCLUDED
#define USERS_H_INCLUDED


#include "fig_app.h"
#include "fig_resource.h"
#include "fig_source.h"


/*
 * Request: an email_key.  Reply: the event of the user who holds it now, as
 * fig_event_encode() writes it; empty when nobody does.
 */

#define USERS_BY_EMAIL  "ficus.rpc.users.by_email"


typedef struct {
    fig_resource_t  resource;
    fig_source_t    source;
    fig_store_t    *store;
} users_t;

typedef void (*users_check_pt)(const fig_resource_t *resource,
    fig_change_t *change);


extern const fig_topic_t              users_topic;
extern const fig_collection_t *const  users_collections[];


/*
 * For fig_worker_t; data is a users_t.
 */

fig_status_t users_start(fig_app_t *app, users_check_pt check, void **data)
    FIG_NODISCARD;
void users_stop(void *data);
void users_release(void *data);


#endif /* USERS_H_INCLUDED */
