
/*
 * Copyright (C) Ficus authors
 */


#include <errno.h>
#include <time.h>

#include "fig_log.h"
#include "fig_metrics.h"
#include "orders.h"


#define ASK_TIMEOUT_MS  1000
#define ASKER_MEMORY    (64u << 20)
#define ASKER_PAGE      100


static void *asker_main(void *data);
static bool asker_wait(orders_t *orders);
static void asker_round(orders_t *orders, fig_arena_t *arena);
static fig_status_t asker_order(orders_t *orders, const fig_doc_t *doc,
    fig_arena_t *arena);
static fig_status_t asker_unmark(void *data, fig_change_t *change);


fig_status_t
ask_holder(orders_t *orders, fig_str_t key, fig_arena_t *arena,
    fig_event_t *holder)
{
    fig_str_t      reply;
    const char    *why;
    fig_status_t   rc;

    rc = fig_bus_request(orders->bus, USERS_BY_EMAIL, key, ASK_TIMEOUT_MS,
                         arena, &reply);
    if (rc != FIG_OK) {
        return FIG_AGAIN;
    }

    if (reply.len == 0) {
        return FIG_DECLINED;
    }

    if (fig_event_decode(&users_topic, reply, arena, holder, &why) != FIG_OK) {
        fig_log_error("the user service's answer is not a user: %s", why);
        return FIG_AGAIN;
    }

    return holder->deleted ? FIG_DECLINED : FIG_OK;
}


/*
 * A thread that asks for those orders for which nobody answered when it should
 * have been asked.
 */

fig_status_t
asker_start(orders_t *orders)
{
    int                 rc;
    pthread_condattr_t  attr;

    pthread_mutex_init(&orders->mutex, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&orders->wake, &attr);
    pthread_condattr_destroy(&attr);

    rc = pthread_create(&orders->asker, NULL, asker_main, orders);
    if (rc != 0) {
        errno = rc;
        fig_log_errno("cannot start a thread");
        return FIG_ERROR;
    }

    orders->running = true;

    return FIG_OK;
}


void
asker_stop(orders_t *orders)
{
    if (!orders->running) {
        return;
    }

    pthread_mutex_lock(&orders->mutex);
    orders->stopping = true;
    pthread_cond_signal(&orders->wake);
    pthread_mutex_unlock(&orders->mutex);

    pthread_join(orders->asker, NULL);
    orders->running = false;

    pthread_cond_destroy(&orders->wake);
    pthread_mutex_destroy(&orders->mutex);
}


static void *
asker_main(void *data)
{
    orders_t     *orders = data;
    fig_arena_t  *arena;

    arena = fig_arena_create(4096, ASKER_MEMORY);

    if (arena == NULL) {
        fig_log_error("no memory to ask for the users of orders");
        return NULL;
    }

    while (asker_wait(orders)) {
        asker_round(orders, arena);
        fig_arena_reset(arena);
    }

    fig_arena_destroy(arena);

    return NULL;
}


/*
 * A second; false when it is time to end.
 */

static bool
asker_wait(orders_t *orders)
{
    int              rc;
    bool             stopping;
    struct timespec  until;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec++;
    rc = 0;

    pthread_mutex_lock(&orders->mutex);

    while (!orders->stopping && rc == 0) {
        rc = pthread_cond_timedwait(&orders->wake, &orders->mutex, &until);
    }

    stopping = orders->stopping;
    pthread_mutex_unlock(&orders->mutex);

    return !stopping;
}


static void
asker_round(orders_t *orders, fig_arena_t *arena)
{
    size_t       i;
    fig_page_t   page;
    fig_query_t  query = { .limit = ASKER_PAGE };

    query.match[ORDER_USER] = ORDER_ASK;

    if (!fig_bus_connected(orders->bus)
        || fig_store_list(orders->store, orders_topic.collection, &query,
                          arena, &page) != FIG_OK)
    {
        return;
    }

    for (i = 0; i < page.n; i++) {
        if (asker_order(orders, &page.docs[i], arena) != FIG_OK) {
            return;
        }
    }
}


static fig_status_t
asker_order(orders_t *orders, const fig_doc_t *doc, fig_arena_t *arena)
{
    fig_event_t   holder;
    fig_status_t  rc;
    order_user_t  user;

    rc = ask_holder(orders, doc->keys[ORDER_EMAIL], arena, &holder);

    if (rc == FIG_OK) {
        rc = order_user(arena, holder.key, holder.ver, holder.body, &user);
        user.bind = true;

        if (rc == FIG_OK) {
            rc = fig_resource_edit(&orders->resource, doc->id, arena,
                                   order_follow, &user);
        }

    } else if (rc == FIG_DECLINED) {
        rc = fig_resource_edit(&orders->resource, doc->id, arena,
                               asker_unmark, NULL);
    }

    return rc == FIG_DECLINED ? FIG_OK : rc;
}


static fig_status_t
asker_unmark(void *data, fig_change_t *change)
{
    fig_str_t  *user;

    (void) data;

    user = &change->doc.keys[ORDER_USER];

    if (!fig_str_eq(*user, ORDER_ASK)) {
        return FIG_DECLINED;
    }

    *user = (fig_str_t) { 0, NULL };
    change->touched = true;

    return FIG_OK;
}
