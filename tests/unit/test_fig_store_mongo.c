
/*
 * Copyright (C) Ficus authors
 */


/*
 * MongoDB's store beside what every store does: answers that are lost, round
 * trips, URIs, data of others.  A server that dies is in
 * test_fig_store_mongo_faults.c.
 */


#include "mongo_proxy.h"
#include "mongo_server.h"
#include "store_fixture.h"
#include "unit.h"
#include "fig_log.h"
#include "fig_metrics.h"
#include "fig_store_mongo.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>


#define MANY  100


static char           *between;
static fig_store_t    *direct;
static mongo_proxy_t   proxy;


/* the store goes through the proxy, direct beside it */

static void
setup(void)
{
    char  *host;

    store_setup(1);
    direct = store;

    host = mongo_uri_host(conf.uri);
    mongo_proxy(&proxy, host);
    free(host);

    between = mongo_uri_through(conf.uri, proxy.address);
    conf.uri = between;

    ck_assert_int_eq(fig_store_open(&conf, collections, &store), FIG_OK);
}


static void
teardown(void)
{
    fig_store_close(direct);
    store_teardown();
    free(between);
}


/* all that can be asked of a document whose write was cut, made or not */

static const mongo_cut_t  cuts[] = { MONGO_CUT_REQUEST, MONGO_CUT_ANSWER };


static void
cut(mongo_cut_t how, int times)
{
    atomic_store(&proxy.cut, (int) how);
    atomic_store(&proxy.cuts, times);
}


START_TEST(test_lost_answers)
{
    fig_op_t  op;

    setup();

    cut(cuts[_i], 1);
    ck_assert_int_eq(op_write(op_put("u1", 0, "a@x", "Bern", "1")), FIG_OK);
    ck_assert_int_eq(atomic_load(&proxy.cuts), 0);
    ck_str(doc_get(&users, "u1").body, "1");

    cut(cuts[_i], 1);
    ck_assert_int_eq(op_write(op_put("u1", 1, "b@x", "Bern", "2")), FIG_OK);
    ck_assert_uint_eq(doc_ver("u1"), 2);
    ck_str(doc_get(&users, "u1").keys[0], "b@x");

    cut(cuts[_i], 1);
    ck_assert_int_eq(op_write(op_raise("u2", 7, "made")), FIG_OK);
    cut(cuts[_i], 1);
    op = op_raise("u2", 9, "raised");
    op.doc.pending = true;
    ck_assert_int_eq(op_write(op), FIG_OK);
    ck_assert_uint_eq(doc_ver("u2"), 9);

    cut(cuts[_i], 1);
    ck_assert_int_eq(op_write(op_settle("u2", 9)), FIG_OK);
    ck_assert(!doc_get(&users, "u2").pending);

    teardown();
}
END_TEST


START_TEST(test_lost_refusals)
{
    setup();

    ck_assert_int_eq(op_write(op_put("u1", 0, "a@x", NULL, "1")), FIG_OK);
    ck_assert_int_eq(op_write(op_put("u1", 1, "a@x", NULL, "2")), FIG_OK);

    cut(cuts[_i], 1);
    ck_assert_int_eq(op_write(op_put("u1", 4, "a@x", NULL, "x")), FIG_CONFLICT);
    cut(cuts[_i], 1);
    ck_assert_int_eq(op_write(op_raise("u1", 2, "x")), FIG_CONFLICT);
    cut(cuts[_i], 1);
    ck_assert_int_eq(op_write(op_settle("u1", 1)), FIG_CONFLICT);
    cut(cuts[_i], 1);
    ck_assert_uint_eq(op_taken(op_put("u2", 0, "a@x", NULL, "x")), 0);
    cut(cuts[_i], 1);
    ck_assert_int_eq(op_write(op_put("u1", 1, "a@x", NULL, "x")), FIG_CONFLICT);

    ck_str(doc_get(&users, "u1").body, "2");
    ck_assert_uint_eq(doc_ver("u2"), 0);

    teardown();
}
END_TEST


START_TEST(test_lost_batches)
{
    int       i;
    char      ids[MANY][16];
    fig_op_t  ops[MANY];

    setup();

    for (i = 0; i < MANY; i++) {
        (void) snprintf(ids[i], sizeof(ids[i]), "u%02d", i);
        ops[i] = op_put(ids[i], 0, ids[i % 90], NULL, "1");
    }

    cut(cuts[_i], 1);
    ck_assert_int_eq(fig_store_write(store, ops, MANY), FIG_OK);

    for (i = 0; i < MANY; i++) {
        ck_assert_int_eq(ops[i].status, i < 90 ? FIG_OK : FIG_TAKEN);
        ops[i] = op_put(ids[i], i % 10 == 9 ? 3 : 1, ids[i], NULL, "2");
    }

    cut(cuts[_i], 1);
    ck_assert_int_eq(fig_store_write(store, ops, MANY), FIG_OK);

    for (i = 0; i < MANY; i++) {
        ck_assert_int_eq(ops[i].status,
                         i < 90 && i % 10 != 9 ? FIG_OK : FIG_CONFLICT);
        ck_assert_uint_eq(doc_ver(ids[i]), i >= 90 ? 0 : i % 10 == 9 ? 1 : 2);
    }

    teardown();
}
END_TEST


START_TEST(test_lost_twice_is_unknown)
{
    fig_op_t  op;

    setup();

    cut(MONGO_CUT_REQUEST, 2);
    op = op_put("u1", 0, NULL, NULL, "1");
    ck_assert_int_eq(fig_store_write(store, &op, 1), FIG_UNKNOWN);
    ck_assert_int_eq(op.status, FIG_UNKNOWN);

    /* the same again is harmless */
    ck_assert_int_eq(op_write(op), FIG_OK);
    ck_assert_uint_eq(doc_ver("u1"), 1);

    teardown();
}
END_TEST


static void
overwrite(void)
{
    fig_op_t  op;

    op = op_put("u1", 2, NULL, NULL, "of another");
    ck_assert_int_eq(fig_store_write(direct, &op, 1), FIG_OK);
    ck_assert_int_eq(op.status, FIG_OK);
}


/* it was done and cannot be seen any more, or was not */

START_TEST(test_lost_and_overwritten_is_unknown)
{
    fig_op_t  op;

    setup();

    ck_assert_int_eq(op_write(op_put("u1", 0, NULL, NULL, "1")), FIG_OK);

    proxy.before = overwrite;
    cut(MONGO_CUT_ANSWER, 1);
    op = op_put("u1", 1, NULL, NULL, "2");
    ck_assert_int_eq(fig_store_write(store, &op, 1), FIG_UNKNOWN);

    ck_str(doc_get(&users, "u1").body, "of another");
    ck_assert_uint_eq(doc_ver("u1"), 3);

    teardown();
}
END_TEST


START_TEST(test_round_trips)
{
    int       i;
    char      ids[MANY][16];
    fig_op_t  ops[MANY];

    setup();

    for (i = 0; i < MANY; i++) {
        (void) snprintf(ids[i], sizeof(ids[i]), "u%02d", i);
        ops[i] = op_put(ids[i], 0, ids[i], NULL, "1");
        ops[i].doc.pending = true;
    }

    atomic_store(&proxy.writes, 0);
    atomic_store(&proxy.reads, 0);

    ck_assert_int_eq(fig_store_write(store, ops, MANY), FIG_OK);
    ck_assert_int_eq(atomic_load(&proxy.writes), 1);

    for (i = 0; i < MANY; i++) {
        ops[i] = op_put(ids[i], 1, ids[i], NULL, "2");
    }

    ck_assert_int_eq(fig_store_write(store, ops, MANY), FIG_OK);
    ck_assert_int_eq(atomic_load(&proxy.writes), 5);

    for (i = 0; i < MANY; i++) {
        ops[i] = i % 2 ? op_settle(ids[i], 2) : op_raise(ids[i], 5, "3");
    }

    ck_assert_int_eq(fig_store_write(store, ops, MANY), FIG_OK);
    ck_assert_int_eq(atomic_load(&proxy.writes), 9);
    ck_assert_int_eq(atomic_load(&proxy.reads), 0);

    ck_assert_uint_eq(page_get(&users, query_all(1000)).n, MANY);
    ck_assert_int_eq(atomic_load(&proxy.reads), 1);

    teardown();
}
END_TEST


START_TEST(test_later_goes_together)
{
    int       i;
    char      ids[MANY][16];
    fig_op_t  op;

    setup();

    atomic_store(&proxy.writes, 0);

    for (i = 0; i < MANY; i++) {
        (void) snprintf(ids[i], sizeof(ids[i]), "u%02d", i);
        op = op_raise(ids[i], 1, "later");
        fig_store_write_later(store, &op, 1);
    }

    for (i = 0; i < 500 && doc_ver("u99") == 0; i++) {
        (void) usleep(10000);
    }

    ck_assert_uint_eq(doc_ver("u99"), 1);
    ck_assert_int_lt(atomic_load(&proxy.writes), MANY / 4);

    teardown();
}
END_TEST


/* an absent unique key is no other's, whatever that is */

START_TEST(test_absent_keys)
{
    store_setup(1);

    ck_assert_int_eq(op_write(op_put("u1", 0, NULL, NULL, "1")), FIG_OK);
    ck_assert_int_eq(op_write(op_put("u2", 0, "u1", NULL, "2")), FIG_OK);
    ck_assert_int_eq(op_write(op_put("u3", 0, "", NULL, "3")), FIG_OK);
    ck_assert_int_eq(op_write(op_put("u4", 0, NULL, NULL, "4")), FIG_OK);
    ck_assert_uint_eq(op_taken(op_put("u5", 0, "", NULL, "5")), 0);

    ck_str(doc_get(&users, "u1").keys[0], NULL);
    ck_str(doc_get(&users, "u2").keys[0], "u1");
    ck_str(doc_get(&users, "u3").keys[0], "");

    store_teardown();
}
END_TEST


START_TEST(test_largest_body)
{
    char       *body;
    fig_op_t    op;
    fig_doc_t   doc;

    store_setup(1);

    body = malloc(FIG_STORE_BODY_MAX);
    ck_assert_ptr_nonnull(body);
    memset(body, '"', FIG_STORE_BODY_MAX);

    op = op_put("big", 0, "a@x", NULL, NULL);
    op.doc.body.data = body;
    op.doc.body.len = FIG_STORE_BODY_MAX;
    ck_assert_int_eq(op_write(op), FIG_OK);

    doc = doc_get(&users, "big");
    ck_assert_uint_eq(doc.body.len, FIG_STORE_BODY_MAX);
    ck_assert(memcmp(doc.body.data, body, FIG_STORE_BODY_MAX) == 0);

    free(body);
    store_teardown();
}
END_TEST


START_TEST(test_duplicates_are_understood)
{
    size_t    i;
    unsigned  key;

    static const struct {
        const char    *message;
        fig_status_t   status;
        unsigned       key;

    } cases[] = {
        { "E11000 duplicate key error collection: ficus.users index: k1-unique"
          " dup key: { k1: \"a@x\" }", FIG_OK, 0 },
        { "E11000 duplicate key error collection: ficus.users index: k3-unique"
          " dup key: { k3: \"index: k1-unique dup key: \" }", FIG_OK, 2 },
        { "E11000 duplicate key error collection: ficus.users index: _id_"
          " dup key: { _id: \"index: k1-unique\" }", FIG_OK, FIG_STORE_KEYS },
        { "constraint failed: UNIQUE constraint failed: index"
          " 'users_0a1b_k2-unique' (2067)", FIG_OK, 1 },
        { "E11000 duplicate key error collection: ficus.users",
          FIG_DECLINED, 0 },
        { "E11000 duplicate key error collection: ficus.users index: other_1"
          " dup key: { other: 1 }", FIG_DECLINED, 0 },
        { "", FIG_DECLINED, 0 }
    };

    for (i = 0; i < UNIT_COUNT(cases); i++) {
        ck_assert_int_eq(fig_mongo_taken(cases[i].message, &key),
                         cases[i].status);

        if (cases[i].status == FIG_OK) {
            ck_assert_uint_eq(key, cases[i].key);
        }
    }
}
END_TEST


/* opens it, which must fail with one line that has this in it */

static void
refused(const char *where, const char *want)
{
    char              *log;
    fig_store_t       *s;
    fig_store_conf_t   c = { .uri = where };

    unit_capture(STDERR_FILENO);
    ck_assert_int_eq(fig_store_open(&c, collections, &s), FIG_ERROR);
    log = unit_captured();

    ck_assert_ptr_null(s);
    ck_assert_msg(strstr(log, want) != NULL, "%s: \"%s\"", where, log);
    ck_assert_msg(strchr(log, '\n') == log + strlen(log) - 1, "%s: %s", where,
                  log);
    ck_assert_msg(strstr(log, "secret") == NULL, "%s", log);
    ck_assert_msg(strstr(log, "s3cr") == NULL, "%s", log);

    free(log);
}


/* nobody is there: it is open all the same, and says so without a password */

static void
waits(const char *where, const char *want)
{
    char              *log;
    fig_store_t       *s;
    fig_store_conf_t   c = { .uri = where };

    unit_capture(STDERR_FILENO);
    ck_assert_int_eq(fig_store_open(&c, collections, &s), FIG_OK);
    ck_assert_int_eq(fig_store_ping(s), FIG_BUSY);
    fig_store_close(s);
    log = unit_captured();

    ck_assert_msg(strstr(log, want) != NULL, "%s", log);
    ck_assert_msg(strstr(log, "secret") == NULL, "%s", log);
    free(log);
}


START_TEST(test_bad_uris)
{
    refused("mongodb://", "want mongodb://");
    refused("mongodb://h:99999/", "want mongodb://");
    refused("mongodb://h:1/a b", "want mongodb://");
    refused("mongodb://u:s3cr@et@h/", "must be %-encoded");
    refused("mongodb://u:123/s3cr@h/", "must be %-encoded");
    refused("mongodb://u:s3cr%zzet@h/", "must be %-encoded");
    refused("mongodb://u:secret@h:99999/", "must be %-encoded");
    refused("mongo://u:secret@h/", "want sqlite:PATH or mongodb://");
    waits("mongodb://127.0.0.1:1/x", "store mongodb://127.0.0.1:1/x: is away");
    waits("mongodb://u:secret@127.0.0.1:1/",
          "mongodb://127.0.0.1:1/ficus: is away");
}
END_TEST


START_TEST(test_wrong_password)
{
    char  *where;

    store_setup(1);

    where = mongo_uri_as(conf.uri, "nobody:secret");
    refused(where, "ficus-test");

    free(where);
    store_teardown();
}
END_TEST


START_TEST(test_other_schemas_are_refused)
{
    store_setup(1);
    fig_store_close(store);

    mongo_set(conf.uri, FIG_MONGO_META, FIG_MONGO_STORE, "schema", 2);
    refused(conf.uri, "its schema is 2, this version of Ficus knows 1");

    mongo_set(conf.uri, FIG_MONGO_META, FIG_MONGO_STORE, "schema", 1);
    mongo_set(conf.uri, FIG_MONGO_META, FIG_MONGO_STORE, "base", -1);
    refused(conf.uri, "corrupt: its base is missing");

    mongo_unset(conf.uri, FIG_MONGO_META, FIG_MONGO_STORE, "base");
    refused(conf.uri, "corrupt: its base is missing");

    mongo_set(conf.uri, FIG_MONGO_META, FIG_MONGO_STORE, "base", 5);
    ck_assert_int_eq(fig_store_open(&conf, collections, &store), FIG_OK);
    ck_assert_uint_eq(fig_store_base(store), 5);

    store_teardown();
}
END_TEST


START_TEST(test_collections_of_others_are_refused)
{
    store_setup(1);
    ck_assert_int_eq(op_write(op_put("u1", 0, NULL, NULL, "1")), FIG_OK);
    fig_store_close(store);

    mongo_drop_collection(conf.uri, FIG_MONGO_META);
    refused(conf.uri, "which Ficus did not make");
    mongo_drop_collection(conf.uri, "users");
    refused(conf.uri, "which Ficus did not make");
    mongo_drop_collection(conf.uri, "notes");

    ck_assert_int_eq(fig_store_open(&conf, collections, &store), FIG_OK);

    store_teardown();
}
END_TEST


START_TEST(test_documents_of_others)
{
    char        *log;
    fig_doc_t    doc;
    fig_page_t   page;
    fig_query_t  query;

    store_setup(1);

    ck_assert_int_eq(op_write(op_put("u1", 0, "a@x", NULL, "1")), FIG_OK);
    mongo_unset(conf.uri, "users", "u1", "ver");

    query = query_all(10);

    unit_capture(STDERR_FILENO);
    ck_assert_int_eq(fig_store_get(store, &users, FIG_STR("u1"), arena, &doc),
                     FIG_ERROR);
    ck_assert_int_eq(fig_store_list(store, &users, &query, arena, &page),
                     FIG_ERROR);
    log = unit_captured();

    ck_assert_ptr_nonnull(strstr(log, "\"u1\" is not one of Ficus"));
    free(log);

    /* another kind of number is still that number */
    mongo_set(conf.uri, "users", "u1", "ver", 3);
    ck_assert_uint_eq(doc_ver("u1"), 3);

    store_teardown();
}
END_TEST


/* MongoDB takes absent values for equal, which FerretDB does not show */

START_TEST(test_absent_keys_are_stored)
{
    bson_t       bson;
    fig_op_t     op;
    bson_oid_t   mark;
    bson_iter_t  iter;

    op = op_put("u1", 0, NULL, NULL, "1");
    bson_oid_init(&mark, NULL);
    bson_init(&bson);
    ck_assert(fig_mongo_doc_write(&bson, &users, &op.doc, &mark));

    ck_assert(bson_iter_init_find(&iter, &bson, "k1"));
    ck_assert(BSON_ITER_HOLDS_BINARY(&iter));
    ck_assert(bson_iter_init_find(&iter, &bson, "k3"));
    ck_assert(BSON_ITER_HOLDS_BINARY(&iter));
    ck_assert(!bson_has_field(&bson, "k2"));
    ck_assert(!bson_has_field(&bson, "pending"));
    ck_assert(!bson_has_field(&bson, "changed"));

    bson_destroy(&bson);
}
END_TEST


static void
add(TCase *tc)
{
    tcase_add_loop_test(tc, test_lost_answers, 0, UNIT_COUNT(cuts));
    tcase_add_loop_test(tc, test_lost_refusals, 0, UNIT_COUNT(cuts));
    tcase_add_loop_test(tc, test_lost_batches, 0, UNIT_COUNT(cuts));
    tcase_add_test(tc, test_lost_twice_is_unknown);
    tcase_add_test(tc, test_lost_and_overwritten_is_unknown);
    tcase_add_test(tc, test_round_trips);
    tcase_add_test(tc, test_later_goes_together);
    tcase_add_test(tc, test_absent_keys);
    tcase_add_test(tc, test_absent_keys_are_stored);
    tcase_add_test(tc, test_largest_body);
    tcase_add_test(tc, test_duplicates_are_understood);
    tcase_add_test(tc, test_bad_uris);
    tcase_add_test(tc, test_wrong_password);
    tcase_add_test(tc, test_other_schemas_are_refused);
    tcase_add_test(tc, test_collections_of_others_are_refused);
    tcase_add_test(tc, test_documents_of_others);
}


int
main(void)
{
    if (!mongo_there()) {
        (void) fputs(MONGO_SKIP, stdout);
        return EXIT_SUCCESS;
    }

    return run_suite("store on MongoDB", add);
}
