
/*
 * Copyright (C) Ficus authors
 */


#include <string.h>

#include "fig_log.h"
#include "orders.h"


#define EDITS_MAX  256


/*
 * The edits that a batch of events makes, written when there are enough.
 */

typedef struct {
    orders_t     *orders;
    fig_arena_t  *arena;
    size_t        n;
    fig_edit_t    edits[EDITS_MAX];
} batch_t;


static fig_status_t complete_bound(orders_t *orders, fig_change_t *change);
static fig_status_t complete_unbound(orders_t *orders, fig_change_t *change);
static void take_over(fig_change_t *change, const order_user_t *user);
static fig_status_t replica_get(orders_t *orders, fig_str_t id,
    fig_arena_t *arena, order_user_t *user);
static fig_status_t find_holder(orders_t *orders, fig_str_t key,
    fig_arena_t *arena, order_user_t *user);
static fig_status_t apply_event(batch_t *batch, const fig_event_t *event);
static fig_status_t apply_bound(batch_t *batch, order_user_t *user);
static fig_status_t apply_unbound(batch_t *batch, order_user_t *user);
static fig_status_t apply_page(batch_t *batch, const fig_page_t *page,
    order_user_t *user, bool bound);
static fig_status_t apply_flush(batch_t *batch);
static bool is_bound(const fig_doc_t *doc);


fig_status_t
order_complete(const fig_resource_t *resource, fig_change_t *change)
{
    orders_t  *orders = resource->data;

    if (fig_json_has(change->fields, "userId")) {
        return complete_bound(orders, change);
    }

    return complete_unbound(orders, change);
}


/*
 * Only an order that gets its user now looks him up; later the events tell.
 */

static fig_status_t
complete_bound(orders_t *orders, fig_change_t *change)
{
    fig_status_t  rc;
    order_user_t  user;

    if (change->before != NULL && fig_json_has(change->before, "userId")) {
        return FIG_OK;
    }

    change->doc.ref = 0;

    rc = replica_get(orders, fig_json_string(change->fields, "userId"),
                     change->arena, &user);
    if (rc == FIG_OK) {
        take_over(change, &user);
    }

    return rc == FIG_DECLINED ? FIG_OK : rc;
}


static fig_status_t
complete_unbound(orders_t *orders, fig_change_t *change)
{
    fig_str_t     email, key;
    fig_event_t   holder;
    fig_status_t  rc;
    order_user_t  user;

    email = fig_json_string(change->fields, "email");

    if (change->before != NULL
        && fig_str_eq(email, fig_json_string(change->before, "email")))
    {
        return FIG_OK;
    }

    change->doc.keys[ORDER_USER] = (fig_str_t) { 0, NULL };
    change->doc.ref = 0;

    rc = email_key(change->arena, email, &key);
    if (rc != FIG_OK) {
        return rc;
    }

    rc = ask_holder(orders, key, change->arena, &holder);

    if (rc == FIG_OK) {
        rc = order_user(change->arena, holder.key, holder.ver, holder.body,
                        &user);
        if (rc == FIG_OK) {
            take_over(change, &user);
        }

        return rc;
    }

    if (rc != FIG_DECLINED) {
        change->doc.keys[ORDER_USER] = ORDER_ASK;
    }

    return FIG_OK;
}


static void
take_over(fig_change_t *change, const order_user_t *user)
{
    fig_json_t  *fields;

    fields = change->fields;

    (void) json_object_object_add(fields, "userId",
               json_object_new_string_len(user->id.data, (int) user->id.len));
    (void) json_object_object_add(fields, "email",
               json_object_new_string_len(user->email.data,
                                          (int) user->email.len));
    (void) json_object_object_add(fields, "deliveryAddress",
               json_object_new_string_len(user->address.data,
                                          (int) user->address.len));

    change->doc.ref = user->ver;
}


/*
 * FIG_DECLINED: not known, or deleted.
 */

static fig_status_t
replica_get(orders_t *orders, fig_str_t id, fig_arena_t *arena,
    order_user_t *user)
{
    fig_doc_t     doc;
    fig_status_t  rc;

    rc = fig_store_get(orders->store, &orders_users, id, arena, &doc);

    if (rc != FIG_OK) {
        return rc;
    }

    if (doc.deleted) {
        return FIG_DECLINED;
    }

    return order_user(arena, doc.id, doc.ver, doc.body, user);
}


fig_status_t
order_user(fig_arena_t *arena, fig_str_t id, uint64_t ver, fig_str_t body,
    order_user_t *user)
{
    fig_json_t        *fields;
    fig_status_t       rc;
    fig_json_error_t   error;

    rc = fig_json_parse(body, &fields, &error);
    if (rc != FIG_OK) {
        return rc == FIG_NOMEM ? FIG_NOMEM : FIG_ERROR;
    }

    memset(user, 0, sizeof(order_user_t));
    user->id = id;
    user->ver = ver;
    user->email = fig_arena_dup(arena, fig_json_string(fields, "email"));
    user->address = fig_arena_dup(arena, fig_json_string(fields,
                                                         "deliveryAddress"));
    json_object_put(fields);

    if (user->email.data == NULL || user->address.data == NULL) {
        return FIG_ERROR;
    }

    return email_key(arena, user->email, &user->key);
}


/*
 * A user's event may have passed while the order was on its way: whoever
 * writes an order looks at the replica once more, whoever raises the replica
 * looks at the orders afterwards, so that one of the two sees the other.  So
 * must whoever takes a mark off: an event may have seen it still.  An order
 * that is published has been looked at, and is found by whom it belongs to, or
 * by its address, before the write and after it.
 */

fig_status_t
order_stored(const fig_resource_t *resource, fig_change_t *change)
{
    const fig_doc_t  *doc = &change->doc, *stored = change->stored;

    if (stored != NULL && !stored->pending
        && fig_str_eq(stored->keys[ORDER_USER], doc->keys[ORDER_USER])
        && (is_bound(doc)
            || fig_str_eq(stored->keys[ORDER_EMAIL], doc->keys[ORDER_EMAIL])))
    {
        return FIG_OK;
    }

    return orders_look(resource->data, doc, change->arena);
}


fig_status_t
orders_look(void *data, const fig_doc_t *doc, fig_arena_t *arena)
{
    orders_t      *orders = data;
    fig_status_t   rc;
    order_user_t   user;

    if (doc->deleted || fig_str_eq(doc->keys[ORDER_USER], ORDER_ASK)) {
        return FIG_OK;
    }

    rc = is_bound(doc) ? replica_get(orders, doc->keys[ORDER_USER], arena,
                                     &user)
                       : find_holder(orders, doc->keys[ORDER_EMAIL],
                                     arena, &user);

    if (rc == FIG_OK && !(is_bound(doc) && user.ver <= doc->ref)) {
        rc = fig_resource_edit(&orders->resource, doc->id, arena,
                               order_follow, &user);
    }

    return rc == FIG_DECLINED ? FIG_OK : rc;
}


/*
 * Whom the unbound orders with this e-mail are to be bound to; or they are to
 * be marked, since nobody can be asked now.  FIG_DECLINED: nobody holds it.
 */

static fig_status_t
find_holder(orders_t *orders, fig_str_t key, fig_arena_t *arena,
    order_user_t *user)
{
    fig_event_t   holder;
    fig_status_t  rc;

    rc = ask_holder(orders, key, arena, &holder);

    if (rc == FIG_OK) {
        rc = order_user(arena, holder.key, holder.ver, holder.body, user);
        user->bind = true;

    } else if (rc != FIG_DECLINED) {
        memset(user, 0, sizeof(order_user_t));
        user->key = key;
        user->ask = true;
        rc = FIG_OK;
    }

    return rc;
}


fig_status_t
order_follow(void *data, fig_change_t *change)
{
    fig_str_t            id, *key;
    const order_user_t  *user = data;

    id = fig_json_string(change->fields, "userId");
    key = change->doc.keys;

    if (id.data != NULL) {
        if (!fig_str_eq(id, user->id) || change->doc.ref >= user->ver) {
            return FIG_DECLINED;
        }

        take_over(change, user);

        return FIG_OK;
    }

    if (!fig_str_eq(key[ORDER_EMAIL], user->key)) {
        return FIG_DECLINED;
    }

    if (user->bind) {
        take_over(change, user);
        return FIG_OK;
    }

    if (user->ask && key[ORDER_USER].data == NULL) {
        key[ORDER_USER] = ORDER_ASK;
        change->touched = true;
        return FIG_OK;
    }

    return FIG_DECLINED;
}


fig_status_t
orders_apply(void *data, const fig_event_t *events, size_t n,
    fig_arena_t *arena)
{
    size_t         i;
    batch_t       *batch;
    fig_status_t   rc;

    batch = fig_arena_alloc(arena, sizeof(batch_t));
    if (batch == NULL) {
        return FIG_NOMEM;
    }

    batch->orders = data;
    batch->arena = arena;
    batch->n = 0;

    rc = FIG_OK;

    for (i = 0; rc == FIG_OK && i < n; i++) {
        if (!events[i].deleted) {
            rc = apply_event(batch, &events[i]);
        }
    }

    return rc == FIG_OK ? apply_flush(batch) : rc;
}


const char *
orders_check(void *data, const fig_event_t *event, fig_arena_t *arena)
{
    order_user_t  user;

    return order_user(arena, event->key, event->ver, event->body, &user)
           == FIG_ERROR ? "it is no user: no email or deliveryAddress" : NULL;
}


static fig_status_t
apply_event(batch_t *batch, const fig_event_t *event)
{
    fig_status_t   rc;
    order_user_t  *user;

    user = fig_arena_alloc(batch->arena, sizeof(order_user_t));
    if (user == NULL) {
        return FIG_NOMEM;
    }

    rc = order_user(batch->arena, event->key, event->ver, event->body, user);

    if (rc == FIG_OK) {
        rc = apply_bound(batch, user);
    }

    return rc == FIG_OK ? apply_unbound(batch, user) : rc;
}


static fig_status_t
apply_bound(batch_t *batch, order_user_t *user)
{
    fig_page_t    page;
    fig_query_t   query = { .limit = EDITS_MAX };
    fig_status_t  rc;

    query.match[ORDER_USER] = user->id;
    query.ref_below = user->ver;

    do {
        rc = fig_store_list(batch->orders->store, orders_topic.collection,
                            &query, batch->arena, &page);

        if (rc == FIG_OK && page.n != 0) {
            rc = apply_page(batch, &page, user, true);
            query.after = page.docs[page.n - 1].id;
        }

    } while (rc == FIG_OK && page.more);

    return rc;
}


/*
 * The event brought an address that unbound orders wait for; whose it is now
 * only the user service knows, for addresses change hands.
 */

static fig_status_t
apply_unbound(batch_t *batch, order_user_t *user)
{
    size_t         i;
    fig_page_t     page;
    fig_query_t    query = { .limit = EDITS_MAX };
    fig_status_t   rc;
    order_user_t  *holder;

    holder = NULL;
    query.match[ORDER_EMAIL] = user->key;

    do {
        rc = fig_store_list(batch->orders->store, orders_topic.collection,
                            &query, batch->arena, &page);

        for (i = 0; rc == FIG_OK && i < page.n; i++) {
            if (is_bound(&page.docs[i])) {
                continue;
            }

            if (holder == NULL) {
                holder = fig_arena_alloc(batch->arena, sizeof(order_user_t));
                rc = holder ? find_holder(batch->orders, user->key,
                                          batch->arena, holder)
                            : FIG_NOMEM;
            }

            break;
        }

        if (rc == FIG_OK && page.n != 0) {
            if (holder != NULL) {
                rc = apply_page(batch, &page, holder, false);
            }

            query.after = page.docs[page.n - 1].id;
        }

    } while (rc == FIG_OK && page.more);

    return rc == FIG_DECLINED ? FIG_OK : rc;
}


static fig_status_t
apply_page(batch_t *batch, const fig_page_t *page, order_user_t *user,
    bool bound)
{
    size_t        i;
    fig_status_t  rc;

    rc = FIG_OK;

    for (i = 0; rc == FIG_OK && i < page->n; i++) {
        if (is_bound(&page->docs[i]) != bound) {
            continue;
        }

        batch->edits[batch->n].doc = &page->docs[i];
        batch->edits[batch->n].data = user;
        batch->n++;

        if (batch->n == EDITS_MAX) {
            rc = apply_flush(batch);
        }
    }

    return rc;
}


static fig_status_t
apply_flush(batch_t *batch)
{
    size_t  n;

    n = batch->n;
    batch->n = 0;

    return fig_resource_edit_many(&batch->orders->resource, batch->edits, n,
                                  batch->arena, order_follow);
}


static bool
is_bound(const fig_doc_t *doc)
{
    return doc->keys[ORDER_USER].data != NULL
           && !fig_str_eq(doc->keys[ORDER_USER], ORDER_ASK);
}
