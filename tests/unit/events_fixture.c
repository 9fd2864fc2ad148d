
/*
 * Copyright (C) Ficus authors
 */


#include "events_fixture.h"
#include "fig_dead.h"
#include "fig_metrics.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>


#define EVENTS_MANY  1000


static void events_write_ops(fig_outbox_t *outbox, fig_op_t *ops, size_t n);


const fig_collection_t  events_users = {
    "users", { NULL, NULL, NULL }, { false, false, false }
};

const fig_collection_t  events_replica = {
    "replica", { NULL, NULL, NULL }, { false, false, false }
};

const fig_collection_t  events_cursors = {
    "cursors", { NULL, NULL, NULL }, { false, false, false }
};

const fig_collection_t  events_orders = {
    "orders", { NULL, NULL, NULL }, { false, false, false }
};

const fig_collection_t  events_dead = {
    .name = "dead_letters", .keys = FIG_DEAD_KEYS
};

const fig_topic_t  events_topic = {
    { "USERS", "users.>" }, "users", "userId", &events_users
};


static const fig_collection_t *const  events_collections[] = {
    &events_users,
    &events_replica,
    &events_cursors,
    &events_orders,
    &events_dead,
    NULL
};


void
events_open(broker_t *broker, const char *config)
{
    broker_open(broker, config);
}


void
events_close(broker_t *broker)
{
    broker_close(broker);
}


fig_store_t *
events_store(broker_t *broker, const char *name)
{
    fig_store_t       *store;
    fig_store_conf_t   conf;
    char               uri[4200];

    (void) snprintf(uri, sizeof(uri), "sqlite:%s/%s.db", broker->dir, name);

    memset(&conf, 0, sizeof(conf));
    conf.uri = uri;
    conf.lock_timeout = 1000;
    conf.cache = 256 * 1024;

    ck_assert_int_eq(fig_store_open(&conf, events_collections, &store),
                     FIG_OK);

    return store;
}


fig_bus_t *
events_bus(broker_t *broker)
{
    fig_bus_t       *bus;
    fig_bus_conf_t   conf;

    memset(&conf, 0, sizeof(conf));
    conf.url = broker->url;
    conf.name = "test";
    conf.stream_max_bytes = 1024 * 1024 * 1024;
    conf.stream_max_age = 3600 * 1000;
    conf.max_payload = 1024 * 1024;
    conf.publish_pending = 4096;
    conf.ack_wait = 30000;
    conf.ack_pending = 1000;

    ck_assert_int_eq(fig_bus_open(&conf, &bus), FIG_OK);

    if (broker->pid != 0) {
        within(10000U, fig_bus_connected(bus));
    }

    return bus;
}


fig_op_t
events_op(char *id, char *body, unsigned key, uint64_t ver)
{
    int       n;
    fig_op_t  op;

    memset(&op, 0, sizeof(op));

    op.kind = FIG_STORE_PUT;
    op.collection = &events_users;
    op.expect = ver - 1;
    op.doc.ver = ver;

    n = snprintf(id, 16, "u%u", key);
    op.doc.id.data = id;
    op.doc.id.len = (size_t) n;

    n = snprintf(body, 128, "{\"userId\":\"u%u\",\"email\":\"u%u@example.org\","
                 "\"deliveryAddress\":\"%llu Fig Lane\"}", key, key,
                 (unsigned long long) ver);
    op.doc.body.data = body;
    op.doc.body.len = (size_t) n;
    op.doc.changed = ver == 1 ? FIG_STR("+") : FIG_STR("deliveryAddress");

    return op;
}


void
events_put_marked(fig_store_t *store, unsigned key, uint64_t ver)
{
    fig_op_t  op;
    char      id[16], body[128];

    op = events_op(id, body, key, ver);
    op.doc.pending = true;

    ck_assert_int_eq(fig_store_write(store, &op, 1), FIG_OK);
    ck_assert_int_eq(op.status, FIG_OK);
}


void
events_write(fig_outbox_t *outbox, unsigned key, uint64_t ver)
{
    fig_op_t  op;
    char      id[16], body[128];

    op = events_op(id, body, key, ver);

    events_write_ops(outbox, &op, 1);
}


/* another process may have the store's lock for long on a slow machine */

static void
events_write_ops(fig_outbox_t *outbox, fig_op_t *ops, size_t n)
{
    size_t        i;
    unsigned      tries;
    fig_status_t  rc;

    tries = 0;

    do {
        rc = fig_outbox_write(outbox, ops, n, (fig_str_t) { 0 });
    } while (rc == FIG_BUSY && ++tries < 10);

    ck_assert_int_eq(rc, FIG_OK);

    for (i = 0; i < n; i++) {
        ck_assert_int_eq(ops[i].status, FIG_OK);
    }
}


void
events_write_many(fig_outbox_t *outbox, unsigned first, unsigned n,
    uint64_t ver)
{
    unsigned         i;
    static fig_op_t  ops[EVENTS_MANY];
    static char      ids[EVENTS_MANY][16], bodies[EVENTS_MANY][128];

    ck_assert_uint_le(n, EVENTS_MANY);

    for (i = 0; i < n; i++) {
        ops[i] = events_op(ids[i], bodies[i], first + i, ver);
    }

    events_write_ops(outbox, ops, n);
}


unsigned
events_pending(fig_store_t *store, const fig_collection_t *from)
{
    unsigned      n;
    fig_page_t    page;
    fig_query_t   query;
    fig_arena_t  *arena;

    arena = fig_arena_create(4096, 16 * 1024 * 1024);
    ck_assert_ptr_nonnull(arena);

    n = 0;
    memset(&query, 0, sizeof(query));
    query.limit = FIG_STORE_PAGE_MAX;
    query.state = FIG_STORE_PENDING;
    query.brief = true;

    do {
        ck_assert_int_eq(fig_store_list(store, from, &query, arena, &page),
                         FIG_OK);
        n += (unsigned) page.n;

        if (page.n != 0) {
            query.after = page.docs[page.n - 1].id;
        }
    } while (page.more);

    fig_arena_destroy(arena);

    return n;
}


uint64_t
events_version(fig_store_t *store, const fig_collection_t *in, unsigned key)
{
    fig_doc_t     doc;
    fig_arena_t  *arena;
    fig_status_t  rc;
    char          id[16];

    arena = fig_arena_create(4096, 16 * 1024 * 1024);
    ck_assert_ptr_nonnull(arena);

    (void) snprintf(id, sizeof(id), "u%u", key);
    doc.ver = 0;
    rc = fig_store_get(store, in, fig_str_from(id), arena, &doc);
    fig_arena_destroy(arena);

    return rc == FIG_OK ? doc.ver : 0;
}


uint64_t
events_read(fig_bus_t *bus, unsigned n, uint64_t *last)
{
    uint64_t             i, key;
    const char          *why;
    fig_arena_t         *arena;
    fig_event_t          event;
    fig_message_t        message;
    fig_stream_info_t    info;
    fig_subscription_t  *sub;

    arena = fig_arena_create(4096, 16 * 1024 * 1024);
    ck_assert_ptr_nonnull(arena);

    memset(last, 0, n * sizeof(uint64_t));

    ck_assert_int_eq(fig_bus_stream_info(bus, &events_topic.stream, &info),
                     FIG_OK);
    ck_assert_int_eq(fig_bus_subscribe(bus, &events_topic.stream, "reader", 1,
                                       &sub), FIG_OK);

    for (i = 0; i < info.last_seq; i++) {
        fig_arena_reset(arena);

        ck_assert_int_eq(fig_bus_next(sub, 5000, &message), FIG_OK);
        ck_assert_int_eq(fig_event_decode(&events_topic, message.data, arena,
                                          &event, &why), FIG_OK);

        key = strtoul(event.key.data + 1, NULL, 10);
        ck_assert_uint_lt(key, n);
        ck_assert_uint_ge(event.ver, last[key]);
        last[key] = event.ver;

        fig_bus_ack(sub, &message);
    }

    fig_bus_unsubscribe(sub);
    fig_arena_destroy(arena);

    return info.last_seq;
}


uint64_t
events_metric(const char *name)
{
    size_t       len;
    uint64_t     value;
    fig_buf_t    out;
    const char  *line;

    fig_buf_init(&out, 1024 * 1024);
    fig_metrics_write(&out);
    ck_assert(fig_buf_ok(&out));

    len = strlen(name);
    line = out.data;

    while (line && (strncmp(line, name, len) != 0 || line[len] != ' ')) {
        line = strchr(line, '\n');
        line = line ? line + 1 : NULL;
    }

    ck_assert_msg(line != NULL, "no metric %s", name);
    value = line ? strtoul(line + len, NULL, 10) : 0;
    fig_buf_clear(&out);

    return value;
}
