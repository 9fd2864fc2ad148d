
/*
 * Copyright (C) Ficus authors
 */


/* A replica is level with its source again, whatever was lost on the way. */


#include "consumer_fixture.h"
#include "fig_digest.h"
#include "fig_hash.h"
#include "unit.h"
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>


#define RUNS      "ficus_repair_runs_total"
#define LEVEL     RUNS "{result=\"level\"}"
#define REPAIRED  RUNS "{result=\"repaired\"}"
#define BEHIND    "ficus_repair_documents_total{kind=\"behind\"}"
#define LOST      "ficus_repair_documents_total{kind=\"lost\"}"
#define KEPT      "ficus_repair_withheld"
#define NEWER     "ficus_repair_documents_total{kind=\"newer\"}"


static void put(fig_store_t *store, const fig_collection_t *in, unsigned key,
    uint64_t ver, bool deleted);
static void settled(void);


/* past the outbox, or past the consumer: nobody is told */

static void
put(fig_store_t *store, const fig_collection_t *in, unsigned key,
    uint64_t ver, bool deleted)
{
    fig_op_t  op;
    char      id[16], body[128];

    op = events_op(id, body, key, ver);
    op.kind = FIG_STORE_RAISE;
    op.collection = in;
    op.doc.deleted = deleted;

    if (deleted) {
        op.doc.body = FIG_STR("{}");
    }

    ck_assert_int_eq(fig_store_write(store, &op, 1), FIG_OK);
    ck_assert_int_eq(op.status, FIG_OK);
}


/* all is published, and acknowledged to the relay */

static void
settled(void)
{
    within(5000U, events_pending(ct.users, &events_users) == 0);
}


/* what is said on the bus must be the same in every version */

START_TEST(sums_are_fixed)
{
    size_t          i;
    fig_doc_t       doc;
    fig_buf_t       text;
    fig_digest_t    digest, again;
    fig_buckets_t   buckets;

    memset(&doc, 0, sizeof(doc));
    memset(&digest, 0, sizeof(digest));
    fig_buf_init(&text, 65536);

    doc.id = FIG_STR("u1");
    doc.ver = 7;

    ck_assert_uint_eq(fig_digest_bucket(doc.id), fig_hash64(doc.id, 0) >> 54);
    ck_assert_uint_eq(fig_digest_bucket(doc.id), 398);

    fig_digest_add(&digest, &doc);
    ck_assert_uint_eq(digest.sums[398], 0xbcabb8b848a91ff1u);

    doc.deleted = true;
    fig_digest_add(&digest, &doc);
    ck_assert_uint_eq(digest.sums[398], 0x9ffd94f88672c227u);
    fig_digest_write(&text, &digest);
    ck_assert_uint_eq(text.len, FIG_DIGEST_TEXT);
    ck_assert_int_eq(fig_digest_parse(fig_buf_view(&text), &again), FIG_OK);
    fig_digest_compare(&digest, &again, &buckets);
    ck_assert_uint_eq(fig_buckets_count(&buckets), 0);

    for (i = 0; i < FIG_DIGEST_BUCKETS; i += 100) {
        again.sums[i]++;
    }

    fig_digest_compare(&digest, &again, &buckets);
    ck_assert_uint_eq(fig_buckets_count(&buckets), 11);
    ck_assert(!fig_buckets_has(&buckets, doc.id));

    fig_buf_clear(&text);
}
END_TEST


/* rows that nobody was told of: found by the compare, twice looked at */

START_TEST(interval)
{
    uint64_t  level, behind, repaired;
    unsigned  i;

    ct_begin(true);
    ct_serve();
    ct.interval = 300;
    ct_follow("orders");

    events_write_many(ct.outbox, 0, 100, 1);
    within(5000U, ct_level(100, 1));

    /* a compare that has begun before has ended */

    level = events_metric(LEVEL);
    within(5000U, events_metric(LEVEL) > level);
    behind = events_metric(BEHIND);
    repaired = events_metric(REPAIRED);

    for (i = 100; i < 120; i++) {
        put(ct.users, &events_users, i, 1, false);
    }

    put(ct.users, &events_users, 5, 9, false);
    put(ct.users, &events_users, 6, 9, true);

    /* perhaps by two compares, when one began among the changes */

    within(8000U, atomic_load(&ct.versions[119]) == 1
           && atomic_load(&ct.versions[5]) == 9
           && atomic_load(&ct.versions[6]) == 9);
    within(2000U, events_metric(REPAIRED) > repaired);
    ck_assert_uint_eq(events_metric(BEHIND) - behind, 22);
    ck_assert_uint_gt(events_metric("ficus_repair_last_success_seconds"
                                    "{topic=\"users\"}"), 1);

    /* and then it is level, marks and all */

    level = events_metric(LEVEL);
    within(5000U, events_metric(LEVEL) > level);
    within(2000U, events_pending(ct.orders, &events_replica) == 0);
    ck_assert_ptr_null(fig_consumer_check(ct.consumer));

    ct_end();
}
END_TEST


/* ids that the source has lost are deletions, above what was here */

START_TEST(lost)
{
    uint64_t  level, buckets;

    ct_begin(true);
    ct_serve();
    ct.interval = 300;

    put(ct.users, &events_users, 1, 1, false);
    put(ct.orders, &events_replica, 7, 3, false);
    put(ct.orders, &events_replica, 8, 1, true);
    ct_follow("orders");

    within(5000U, atomic_load(&ct.versions[7]) == 4);
    ck_assert_uint_eq(events_version(ct.orders, &events_replica, 7), 4);
    within(5000U, events_metric(LOST) == 2);

    /* the source will never know of them, and is level all the same */

    level = events_metric(LEVEL);
    within(5000U, events_metric(LEVEL) > level);
    ck_assert_uint_eq(events_metric(LOST), 2);

    buckets = events_metric("ficus_repair_buckets_total");
    level = events_metric(LEVEL);
    within(5000U, events_metric(LEVEL) > level + 1);
    ck_assert_uint_eq(events_metric("ficus_repair_buckets_total"), buckets);

    /* unless it has them anew */

    put(ct.users, &events_users, 7, 99, false);
    within(5000U, atomic_load(&ct.versions[7]) == 99);

    ct_end();
}
END_TEST


/* a source that is empty, or has lost much, may be the wrong one */

START_TEST(much_is_kept)
{
    char      *log, *line;
    uint64_t   n;
    unsigned   i;

    ct_begin(true);
    ct_serve();
    ct.interval = 200;

    for (i = 0; i < 100; i++) {
        put(ct.orders, &events_replica, i, 3, false);
    }

    unit_capture(STDERR_FILENO);
    ct_follow("orders");

    within(8000U, events_metric(KEPT) == 100);
    n = events_metric(RUNS "{result=\"differs\"}");
    within(8000U, events_metric(RUNS "{result=\"differs\"}") >= n + 2);
    ck_assert_str_eq(fig_consumer_check(ct.consumer),
                     "its source has lost more than is deleted unasked");

    /* what it has is fetched all the same; eleven are still more than 10 % */

    for (i = 0; i < 89; i++) {
        put(ct.users, &events_users, i, 4, false);
    }

    within(8000U, events_metric(KEPT) == 11);
    ck_assert_uint_eq(atomic_load(&ct.versions[88]), 4);
    ck_assert_uint_eq(events_version(ct.orders, &events_replica, 89), 3);

    put(ct.users, &events_users, 89, 4, false);
    within(8000U, events_metric(KEPT) == 0);
    within(8000U, events_version(ct.orders, &events_replica, 99) == 4);
    ck_assert_uint_eq(atomic_load(&ct.versions[90]), 4);
    within(8000U, fig_consumer_check(ct.consumer) == NULL);

    log = unit_captured();
    line = strstr(log, "has nothing at all: 100 of the 100 in the replica");
    ck_assert_ptr_nonnull(line);
    ck_assert_ptr_null(strstr(line + 1, "has nothing at all"));
    line = strstr(line, "has lost much: 11 of the 100 in the replica");
    ck_assert_ptr_nonnull(line);
    ck_assert_ptr_nonnull(strstr(line, "keeps nothing any more"));
    free(log);

    ct_end();
}
END_TEST


START_TEST(newer_is_left)
{
    char  *log;

    ct_begin(true);
    ct_serve();
    ct.interval = 300;
    put(ct.users, &events_users, 1, 2, false);
    put(ct.orders, &events_replica, 1, 5, false);

    unit_capture(STDERR_FILENO);
    ct_follow("orders");
    within(5000U, events_metric(NEWER) >= 2);
    log = unit_captured();

    ck_assert_uint_eq(events_version(ct.orders, &events_replica, 1), 5);
    ck_assert_uint_eq(events_version(ct.users, &events_users, 1), 2);
    ck_assert_ptr_nonnull(strstr(log, "newer version than their source"));
    ck_assert_str_eq(fig_consumer_check(ct.consumer),
                     "differs from its source");
    free(log);

    ct_end();
}
END_TEST


/* at once, not after the interval */

START_TEST(first_start)
{
    unsigned  i;

    ct_begin(true);
    ct_serve();

    for (i = 0; i < KEYS; i++) {
        put(ct.users, &events_users, i, i + 1, false);
    }

    ct_follow("orders");
    within(8000U, atomic_load(&ct.versions[KEYS - 1]) == KEYS);

    for (i = 0; i < KEYS; i++) {
        ck_assert_uint_eq(atomic_load(&ct.versions[i]), i + 1);
    }

    ct_end();
}
END_TEST


START_TEST(stream_wiped)
{
    ct_begin(true);
    ct_serve();
    ct_follow("orders");
    events_write_many(ct.outbox, 0, 200, 1);
    within(5000U, ct_level(200, 1));
    ct_leave();

    /* published, settled, and lost before anybody read it */

    events_write_many(ct.outbox, 0, 200, 2);
    settled();
    ck_assert(broker_delete_stream(&ct.broker, "USERS"));

    ct_follow("orders");
    within(8000U, ct_level(200, 2));

    ct_end();
}
END_TEST


START_TEST(messages_discarded)
{
    ct_begin(true);
    ct_serve();
    ct_follow("orders");
    events_write_many(ct.outbox, 0, 100, 1);
    within(5000U, ct_level(100, 1));
    ct_leave();

    events_write_many(ct.outbox, 0, 100, 2);
    settled();
    ck_assert(broker_purge(&ct.broker, "USERS"));

    ct_follow("orders");
    within(8000U, ct_level(100, 2));
    ck_assert_uint_gt(events_metric(MISSED), 99);

    ct_end();
}
END_TEST


/* while it is asked, events come in as ever, and versions decide */

START_TEST(under_load)
{
    unsigned  ver;

    ct_begin(true);
    ct_serve();
    ct.interval = 100;
    ct_follow("orders");

    events_write_many(ct.outbox, 0, KEYS, 1);
    put(ct.users, &events_users, 0, 2000, true);

    for (ver = 2; ver <= 20; ver++) {
        events_write_many(ct.outbox, 1, KEYS - 1, ver);
    }

    within(15000U, atomic_load(&ct.versions[KEYS - 1]) == 20);
    within(8000U, atomic_load(&ct.versions[0]) == 2000);
    ck_assert_uint_eq(events_metric(LOST), 0);
    ck_assert_uint_eq(events_metric(NEWER), 0);

    ct_end();
}
END_TEST


/* no source: nothing is believed, nothing is lost, it is asked again */

START_TEST(source_away)
{
    ct_begin(true);
    ct.interval = 200;
    put(ct.orders, &events_replica, 3, 1, false);
    put(ct.users, &events_users, 1, 1, false);
    ct_follow("orders");

    within(5000U, events_metric(RUNS "{result=\"failed\"}") >= 2);
    ck_assert_uint_eq(events_version(ct.orders, &events_replica, 3), 1);

    ct_serve();
    within(8000U, atomic_load(&ct.versions[1]) == 1);
    within(8000U, atomic_load(&ct.versions[3]) == 2);

    ct_end();
}
END_TEST


/* said once, not used, and left as soon as it is right */

START_TEST(stream_of_others)
{
    char  *log, *line;

    ct.interval = 300;
    events_open(&ct.broker, NULL);
    broker_start(&ct.broker);
    ck_assert(broker_add_stream(&ct.broker, "USERS", "users.>", true, false));

    unit_capture(STDERR_FILENO);
    ct.users = events_store(&ct.broker, "users");
    ct.orders = events_store(&ct.broker, "orders");
    ct.bus = events_bus(&ct.broker);
    ck_assert_int_eq(fig_outbox_open(ct.users, ct.bus, &events_topic,
                                     NULL, NULL, &ct.outbox), FIG_OK);
    ct_serve();
    ct_follow("orders");

    within(5000U, fig_outbox_check(ct.outbox) != NULL);
    within(5000U, fig_consumer_check(ct.consumer) != NULL);
    ck_assert_str_eq(fig_outbox_check(ct.outbox),
                     "its stream has other settings");
    ck_assert_str_eq(fig_consumer_check(ct.consumer),
                     "the stream has other settings");

    /* nothing goes through it, and all is in step, if later */

    events_write(ct.outbox, 1, 1);
    within(8000U, atomic_load(&ct.versions[1]) == 1);
    ck_assert_uint_eq(events_pending(ct.users, &events_users), 1);
    ck_assert_uint_eq(broker_messages(&ct.broker, "USERS"), 0);

    ck_assert(broker_delete_stream(&ct.broker, "USERS"));
    within(8000U, events_pending(ct.users, &events_users) == 0);
    within(8000U, fig_consumer_check(ct.consumer) == NULL);
    ck_assert_ptr_null(fig_outbox_check(ct.outbox));
    log = unit_captured();

    line = strstr(log, "stream USERS is there with other storage "
                       "(memory, not file)");
    ck_assert_ptr_nonnull(line);
    ck_assert_msg(strstr(line + 1, "stream USERS is") == NULL, "%s", log);
    free(log);

    ct_end();
}
END_TEST


int
main(void)
{
    const TTest *const  tests[] = {
        sums_are_fixed, interval, lost, much_is_kept, newer_is_left,
        first_start, stream_wiped, messages_discarded, under_load, source_away,
        stream_of_others
    };

    if (!broker_there()) {
        puts("1..0 # SKIP nats-server was not found");
        return EXIT_SUCCESS;
    }

    return unit_run("fig_repair", tests, UNIT_COUNT(tests));
}
