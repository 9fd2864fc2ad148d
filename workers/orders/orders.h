
/*
 * Copyright (C) Ficus authors
 */


/*
 * Orders: what the parts of this worker share.
 *
 * An order is unbound until it has a userId.  A bound one follows its user for
 * ever: doc.ref is the version of the user that its e-mail and address are of,
 * 0 while the user is not known.  keys[ORDER_USER] of an unbound order is
 * absent; it is ORDER_ASK when the user service still has to be asked who
 * holds the order's e-mail.
 */


#ifndef ORDERS_H_INCLUDED
#define ORDERS_H_INCLUDED


#include <pthread.h>

#include "domain/rules.h"
#include "domain/users.h"
#include "fig_consumer.h"


#define ORDER_USER    0
#define ORDER_EMAIL   1
#define ORDER_STATUS  2

#define ORDER_ASK     FIG_STR("?")       /* no userId can be this */


typedef struct {
    fig_resource_t    resource;
    fig_store_t      *store;
    fig_bus_t        *bus;

    pthread_t         asker;
    pthread_mutex_t   mutex;
    pthread_cond_t    wake;
    bool              running;           /* the asker; under the mutex */
    bool              stopping;
} orders_t;


extern const fig_topic_t              orders_topic;
extern const fig_collection_t         orders_users;
extern const fig_collection_t         orders_cursors;
extern const fig_collection_t         orders_dead;
extern const fig_collection_t *const  orders_collections[];
extern const fig_resource_t           orders_resource;


/* follow.c: how orders follow users; for resource and consumer */

fig_status_t order_complete(const fig_resource_t *resource,
    fig_change_t *change);
fig_status_t order_stored(const fig_resource_t *resource,
    fig_change_t *change);
fig_status_t orders_look(void *data, const fig_doc_t *doc,
    fig_arena_t *arena);
fig_status_t orders_apply(void *data, const fig_event_t *events, size_t n,
    fig_arena_t *arena);
const char *orders_check(void *data, const fig_event_t *event,
    fig_arena_t *arena);


/* ask.c: who holds an address now; the orders that still want to know */

/* FIG_DECLINED: nobody; FIG_AGAIN: no answer */
fig_status_t ask_holder(orders_t *orders, fig_str_t key, fig_arena_t *arena,
    fig_event_t *holder);
fig_status_t asker_start(orders_t *orders);
void asker_stop(orders_t *orders);


/*
 * A user's state as an order takes it over.
 */

typedef struct {
    fig_str_t   id;
    uint64_t    ver;
    fig_str_t   email;
    fig_str_t   address;
    fig_str_t   key;            /* of the email */
    bool        bind;           /* unbound orders with this e-mail, too */
    bool        ask;            /* or mark these: nobody could be asked */
} order_user_t;

/* FIG_ERROR: not the fields of a user */
fig_status_t order_user(fig_arena_t *arena, fig_str_t id, uint64_t ver,
    fig_str_t body, order_user_t *user);

/* a fig_edit_pt; data is an order_user_t */
fig_status_t order_follow(void *data, fig_change_t *change);


#endif /* ORDERS_H_INCLUDED */
