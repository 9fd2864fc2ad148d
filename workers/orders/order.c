
/*
 * Copyright (C) Ficus authors
 */


#include "fig_dead.h"
#include "orders.h"


static void order_check(const fig_resource_t *resource, fig_change_t *change);
static void check_status(fig_change_t *change);
static void check_bound(fig_change_t *change, const char *name);
static void rule_status(const fig_rule_t *rule, fig_json_t *value,
    fig_errors_t *errors);
static int status_number(fig_str_t name);
static fig_status_t order_index(const fig_resource_t *resource,
    fig_change_t *change);
static fig_status_t filter_status(fig_arena_t *arena, fig_str_t value,
    fig_str_t *key);
static fig_status_t filter_user(fig_arena_t *arena, fig_str_t value,
    fig_str_t *key);
static fig_status_t filter_email(fig_arena_t *arena, fig_str_t value,
    fig_str_t *key);


enum {
    PENDING,
    PROCESSING,
    SHIPPING,
    DELIVERED,
    CANCELLED,
    STATUSES
};

static const char *const  statuses[STATUSES] = {
    "Pending",
    "Processing",
    "Shipping",
    "Delivered",
    "Cancelled"
};

static const bool  steps[STATUSES][STATUSES] = {
    [PENDING] = { [PENDING] = true, [PROCESSING] = true, [CANCELLED] = true },
    [PROCESSING] = {
        [PROCESSING] = true, [SHIPPING] = true, [CANCELLED] = true
    },
    [SHIPPING] = { [SHIPPING] = true, [DELIVERED] = true },
    [DELIVERED] = { [DELIVERED] = true },
    [CANCELLED] = { [CANCELLED] = true }
};

static const fig_rule_t  rules[] = {
    { "orderId", true, fig_rule_id, 0, 0 },
    { "productName", true, fig_rule_text, 1, 200 },
    { "status", true, rule_status, 0, 0 },
    { "email", false, rule_email, 0, 0 },
    { "deliveryAddress", false, fig_rule_text, 1, 512 },
    { "userId", false, fig_rule_id, 0, 0 },
    { "quantity", false, fig_rule_integer, 1, 1000000 },
    { NULL, false, NULL, 0, 0 }
};

static const fig_collection_t  orders_collection = {
    .name = "orders",
    .keys = {
        [ORDER_USER] = "userId",
        [ORDER_EMAIL] = "email",
        [ORDER_STATUS] = "status",
        [FIG_STORE_ONCE] = "Idempotency-Key"
    },
    .unique = { [FIG_STORE_ONCE] = true }
};

const fig_collection_t  orders_users = { .name = "users" };
const fig_collection_t  orders_cursors = { .name = "cursors" };
const fig_collection_t  orders_dead = {
    .name = "dead_letters",
    .keys = FIG_DEAD_KEYS
};

const fig_collection_t *const  orders_collections[] = {
    &orders_collection,
    &orders_users,
    &orders_cursors,
    &orders_dead,
    NULL
};

const fig_topic_t  orders_topic = {
    .stream = { "ORDERS", "orders.>" },
    .name = "orders",
    .id_name = "orderId",
    .collection = &orders_collection
};

const fig_resource_t  orders_resource = {
    .topic = &orders_topic,
    .path = "/api/orders",
    .noun = "Order",
    .member = "order",
    .filters = {
        { "status", ORDER_STATUS, filter_status },
        { "userId", ORDER_USER, filter_user },
        { "email", ORDER_EMAIL, filter_email }
    },
    .make_id = fig_resource_ulid,
    .check = order_check,
    .complete = order_complete,
    .index = order_index,
    .stored = order_stored,
    .look = orders_look
};


static void
order_check(const fig_resource_t *resource, fig_change_t *change)
{
    const char  *first;

    if (change->before == NULL && !fig_json_has(change->sent, "status")) {
        first = statuses[PENDING];
        (void) json_object_object_add(change->fields, "status",
                                      json_object_new_string(first));
    }

    fig_rules_check(rules, false, change->before, change->sent, change->fields,
                    &change->errors);

    if (!fig_json_has(change->fields, "email")
        && !fig_json_has(change->fields, "userId"))
    {
        fig_errors_add(&change->errors, FIG_STR("email"), "required",
                       "is required when there is no userId");
    }

    if (change->errors.n != 0) {
        return;
    }

    check_status(change);

    if (change->before != NULL && fig_json_has(change->before, "userId")) {
        check_bound(change, "userId");
        check_bound(change, "email");
        check_bound(change, "deliveryAddress");
    }
}


static void
check_status(fig_change_t *change)
{
    int  from, to;

    to = status_number(fig_json_string(change->fields, "status"));

    if (change->before == NULL) {
        if (to != PENDING) {
            fig_errors_add(&change->errors, FIG_STR("status"), "transition",
                           "must be %s at first", statuses[PENDING]);
        }

        return;
    }

    from = status_number(fig_json_string(change->before, "status"));

    if (from >= 0 && to >= 0 && !steps[from][to]) {
        fig_errors_add(&change->conflicts, FIG_STR("status"), "transition",
                       "cannot go from %s to %s", statuses[from],
                       statuses[to]);
    }
}


/*
 * What a bound order has of its user is the user's to change.
 */

static void
check_bound(fig_change_t *change, const char *name)
{
    if (!fig_str_eq(fig_json_string(change->before, name),
                    fig_json_string(change->fields, name)))
    {
        fig_errors_add(&change->conflicts, fig_str_from(name), "bound",
                       "follows the user of this order");
    }
}


static void
rule_status(const fig_rule_t *rule, fig_json_t *value, fig_errors_t *errors)
{
    fig_str_t  name;

    if (fig_rule_string(rule, value, errors, &name)
        && status_number(name) < 0)
    {
        fig_errors_add(errors, fig_str_from(rule->name), "value",
                       "must be Pending, Processing, Shipping, Delivered "
                       "or Cancelled");
    }
}


/*
 * -1: there is no such status.
 */

static int
status_number(fig_str_t name)
{
    int  i;

    for (i = 0; i < STATUSES; i++) {
        if (fig_str_eq(name, fig_str_from(statuses[i]))) {
            return i;
        }
    }

    return -1;
}


/*
 * An unbound order keeps the mark that it has.
 */

static fig_status_t
order_index(const fig_resource_t *resource, fig_change_t *change)
{
    fig_str_t  *keys, email;

    keys = change->doc.keys;
    keys[ORDER_STATUS] = fig_arena_dup(change->arena,
                                       fig_json_string(change->fields,
                                                       "status"));

    if (fig_json_has(change->fields, "userId")) {
        keys[ORDER_USER] = fig_arena_dup(change->arena,
                                         fig_json_string(change->fields,
                                                         "userId"));
    }

    email = fig_json_string(change->fields, "email");
    keys[ORDER_EMAIL] = email;

    if (email.data != NULL) {
        return email_key(change->arena, email, &keys[ORDER_EMAIL]);
    }

    return FIG_OK;
}


static fig_status_t
filter_status(fig_arena_t *arena, fig_str_t value, fig_str_t *key)
{
    *key = value;

    return status_number(value) >= 0 ? FIG_OK : FIG_INVALID;
}


static fig_status_t
filter_user(fig_arena_t *arena, fig_str_t value, fig_str_t *key)
{
    *key = value;

    return fig_valid_id(value) ? FIG_OK : FIG_INVALID;
}


static fig_status_t
filter_email(fig_arena_t *arena, fig_str_t value, fig_str_t *key)
{
    return valid_email(value) ? email_key(arena, value, key) : FIG_INVALID;
}
