
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


/*
 * Request: an email_key.  Reply: the event of the user who holds it now, as
 * fig_event_encode() writes it; empty when nobody does.
 */

#define USERS_BY_EMAIL  "ficus.rpc.users.by_email"


typedef struct {
    fig_resource_t  resource;
} users_t;


extern const fig_topic_t              users_topic;
extern const fig_collection_t *const  users_collections[];


/*
 * In start() of a worker; rules and closed as in fig_resource_t.
 */

fig_status_t users_start(fig_app_t *app, users_t *users,
    const fig_rule_t *rules, bool closed) FIG_NODISCARD;


#endif /* USERS_H_INCLUDED */
