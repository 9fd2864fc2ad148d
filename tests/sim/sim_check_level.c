
/*
 * Copyright (C) Ficus authors
 */


/*
 * Is everything in step?
 */


#include <stdio.h>
#include <string.h>

#include "sim_broker.h"
#include "sim_check.h"


#define S(s)     (int) (s).len, (s).data ? (s).data : ""


static bool sim_level_published(const char *stream, const sim_table_t *table);
static bool sim_level_replica(const sim_table_t *users,
    const sim_table_t *replica);
static bool sim_level_orders(const sim_table_t *users,
    const sim_table_t *orders);
static bool sim_level_bound(const sim_table_t *users, const fig_doc_t *order,
    fig_str_t id);
static bool sim_level_unbound(const sim_table_t *users,
    const fig_doc_t *order);
static bool sim_level_no(const char *what, fig_str_t id);


static char  sim_level_what[160];


bool
sim_check_level(const char **what)
{
    sim_table_t  *users, *orders, *replica;

    *what = sim_level_what;

    users = sim_table("users", "users");
    orders = sim_table("orders", "orders");
    replica = sim_table("orders", "users");

    if (users == NULL || orders == NULL || replica == NULL) {
        return sim_level_no("there is no store", FIG_STR("yet"));
    }

    return sim_level_published("USERS", users)
           && sim_level_published("ORDERS", orders)
           && sim_level_replica(users, replica)
           && sim_level_orders(users, orders);
}


bool
sim_check_marked(void)
{
    size_t              i, t;
    const sim_table_t  *tables[2];

    tables[0] = sim_table("users", "users");
    tables[1] = sim_table("orders", "orders");

    for (t = 0; t < 2; t++) {

        for (i = 0; tables[t] != NULL && i < tables[t]->n; i++) {

            if (tables[t]->rows[i]->pending) {
                return true;
            }
        }
    }

    return false;
}


static bool
sim_level_no(const char *what, fig_str_t id)
{
    (void) snprintf(sim_level_what, sizeof(sim_level_what), "%s: %.*s", what,
                    S(id));

    return false;
}


/* the last state of each, unless the broker has lost it */

static bool
sim_level_published(const char *stream, const sim_table_t *table)
{
    int               n;
    size_t            i;
    uint64_t          seq;
    sim_stream_t     *s;
    const fig_doc_t  *row;
    char              id[80];

    s = sim_stream(stream);

    for (i = 0; i < table->n; i++) {
        row = table->rows[i];

        if (row->pending) {
            return sim_level_no("is marked still", row->id);
        }

        n = snprintf(id, sizeof(id), "%s/%.*s/%llu", table->name, S(row->id),
                     (unsigned long long) row->ver);
        seq = sim.lost ? 0 : s->now.last;

        while (seq >= s->now.first
               && memcmp(s->now.messages[seq - 1]->id, id, (size_t) n + 1)
                  != 0)
        {
            seq--;
        }

        if (!sim.lost && seq < s->now.first) {
            return sim_level_no("was never published", row->id);
        }
    }

    return true;
}


static bool
sim_level_replica(const sim_table_t *users, const sim_table_t *replica)
{
    size_t            i;
    const fig_doc_t  *row, *user;

    for (i = 0; i < users->n; i++) {
        user = users->rows[i];
        row = sim_row(replica, user->id);

        if (row == NULL) {
            return sim_level_no("is not in the replica", user->id);
        }

        if (row->ver != user->ver || row->deleted != user->deleted
            || (!row->deleted && !fig_str_eq(row->body, user->body)))
        {
            return sim_level_no("is another one in the replica", user->id);
        }
    }

    if (replica->n != users->n) {
        return sim_level_no("the replica has more than the source",
                            FIG_STR(""));
    }

    return true;
}


static bool
sim_level_orders(const sim_table_t *users, const sim_table_t *orders)
{
    size_t            i;
    fig_str_t         id;
    const fig_doc_t  *order;

    for (i = 0; i < orders->n; i++) {
        order = orders->rows[i];
        id = sim_field(order->body, "userId");

        if (order->deleted) {
            continue;
        }

        if (id.data ? !sim_level_bound(users, order, id)
                    : !sim_level_unbound(users, order))
        {
            return false;
        }
    }

    return true;
}


static bool
sim_level_bound(const sim_table_t *users, const fig_doc_t *order,
    fig_str_t id)
{
    const fig_doc_t  *user;

    user = sim_row(users, id);

    if (user == NULL || user->deleted) {
        return true;
    }

    if (!fig_str_eq(sim_field(order->body, "email"),
                    sim_field(user->body, "email"))
        || !fig_str_eq(sim_field(order->body, "deliveryAddress"),
                       sim_field(user->body, "deliveryAddress")))
    {
        return sim_level_no("has not what its user has", order->id);
    }

    return true;
}


/* who holds its address holds it, too */

static bool
sim_level_unbound(const sim_table_t *users, const fig_doc_t *order)
{
    size_t            i;
    fig_str_t         email;
    const fig_doc_t  *user;

    email = sim_field(order->body, "email");

    for (i = 0; i < users->n; i++) {
        user = users->rows[i];

        if (!user->deleted
            && fig_str_eq(sim_field(user->body, "email"), email))
        {
            return sim_level_no("is not bound", order->id);
        }
    }

    return true;
}
