
/*
 * Copyright (C) Ficus authors
 */


/* What the outbox's scan comes upon, and cannot read. */


#include "events_fixture.h"
#include "unit.h"
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>


#define KEYS  5


static broker_t       broker;
static fig_store_t   *store;
static fig_bus_t     *bus;
static fig_outbox_t  *outbox;


/* in a document's own row: nobody can have so much memory for it */

static void
damage(const char *id)
{
    char      sql[256], path[4200];
    sqlite3  *db;

    (void) snprintf(path, sizeof(path), "%s/users.db", broker.dir);
    (void) snprintf(sql, sizeof(sql), "UPDATE users SET body = "
                    "zeroblob(80000000) WHERE id = '%s'", id);

    ck_assert_int_eq(sqlite3_open(path, &db), SQLITE_OK);
    ck_assert_int_eq(sqlite3_busy_timeout(db, 5000), SQLITE_OK);
    ck_assert_int_eq(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    ck_assert_int_eq(sqlite3_close(db), SQLITE_OK);
}


/* nobody waits for a document that can't be read */

START_TEST(one_that_is_damaged)
{
    char      *log, *at;
    uint64_t   last[KEYS] = { 0 };

    events_open(&broker, NULL);
    broker_start(&broker);
    store = events_store(&broker, "users");
    bus = events_bus(&broker);
    events_put_marked(store, 2, 1);
    events_put_marked(store, 3, 1);
    damage("u2");

    unit_capture(STDERR_FILENO);
    ck_assert_int_eq(fig_outbox_open(store, bus, &events_topic, NULL, NULL,
                                     &outbox), FIG_OK);
    events_put_marked(store, 4, 1);
    within(5000U, events_pending(store, &events_users) == 1);
    broker_sleep(1500);
    log = unit_captured();

    ck_assert_uint_eq(events_read(bus, KEYS, last), 2);
    ck_assert_uint_eq(last[2], 0);
    at = strstr(log, "users \"u2\" can't be read and is not published");
    ck_assert_ptr_nonnull(at);
    ck_assert_ptr_null(strstr(at + 20, "can't be read"));

    events_write(outbox, 2, 2);
    within(5000U, events_pending(store, &events_users) == 0);

    free(log);
    fig_outbox_close(outbox, 0);
    fig_bus_close(bus);
    fig_store_close(store);
    events_close(&broker);
}
END_TEST


int
main(void)
{
    const TTest *const  tests[] = { one_that_is_damaged };

    if (!broker_there()) {
        puts("1..0 # SKIP nats-server was not found");
        return EXIT_SUCCESS;
    }

    return unit_run("fig_outbox_scan", tests, UNIT_COUNT(tests));
}
