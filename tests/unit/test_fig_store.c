
/*
 * Copyright (C) Ficus authors
 */


/*
 * What every backend has to do with single documents; pages are in
 * test_fig_store_list.c, threads in test_fig_store_threads.c.
 */


#include "store_fixture.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>


START_TEST(test_put_makes_and_changes)
{
    fig_op_t   op;
    fig_doc_t  doc;

    store_setup(_i);

    op = op_put("u1", 0, "a@x", "Bern", "{\"a\":1}");
    op.doc.ref = 77;
    op.doc.pending = true;
    op.doc.changed = FIG_STR("email,city");
    ck_assert_int_eq(op_write(op), FIG_OK);

    doc = doc_get(&users, "u1");
    ck_assert_uint_eq(doc.ver, 1);
    ck_assert_uint_eq(doc.ref, 77);
    ck_str(doc.keys[0], "a@x");
    ck_str(doc.keys[1], "Bern");
    ck_str(doc.keys[2], NULL);
    ck_str(doc.body, "{\"a\":1}");
    ck_str(doc.changed, "email,city");
    ck_assert(doc.pending);
    ck_assert(!doc.deleted);

    ck_assert_int_eq(op_write(op_put("u1", 1, NULL, "Basel", "{}")), FIG_OK);

    doc = doc_get(&users, "u1");
    ck_assert_uint_eq(doc.ver, 2);
    ck_assert_uint_eq(doc.ref, 0);
    ck_str(doc.keys[0], NULL);
    ck_str(doc.keys[1], "Basel");
    ck_str(doc.body, "{}");
    ck_str(doc.changed, NULL);
    ck_assert(!doc.pending);

    store_teardown();
}
END_TEST


START_TEST(test_put_needs_the_version)
{
    store_setup(_i);

    ck_assert_int_eq(op_write(op_put("u1", 1, NULL, NULL, "x")), FIG_CONFLICT);
    ck_assert_uint_eq(doc_ver("u1"), 0);

    ck_assert_int_eq(op_write(op_put("u1", 0, NULL, NULL, "a")), FIG_OK);
    ck_assert_int_eq(op_write(op_put("u1", 0, NULL, NULL, "b")), FIG_CONFLICT);
    ck_assert_int_eq(op_write(op_put("u1", 2, NULL, NULL, "b")), FIG_CONFLICT);
    ck_str(doc_get(&users, "u1").body, "a");

    ck_assert_int_eq(op_write(op_put("u1", 1, NULL, NULL, "b")), FIG_OK);
    ck_assert_int_eq(op_write(op_put("u1", 1, NULL, NULL, "c")), FIG_CONFLICT);
    ck_str(doc_get(&users, "u1").body, "b");

    store_teardown();
}
END_TEST


START_TEST(test_raise_goes_up_only)
{
    store_setup(_i);

    ck_assert_int_eq(op_write(op_raise("u1", 5, "five")), FIG_OK);
    ck_assert_int_eq(op_write(op_raise("u1", 5, "x")), FIG_CONFLICT);
    ck_assert_int_eq(op_write(op_raise("u1", 4, "x")), FIG_CONFLICT);
    ck_str(doc_get(&users, "u1").body, "five");

    ck_assert_int_eq(op_write(op_raise("u1", 1000000000, "jump")), FIG_OK);
    ck_str(doc_get(&users, "u1").body, "jump");
    ck_assert_uint_eq(doc_ver("u1"), 1000000000);

    ck_assert_int_eq(op_write(op_raise("u2", INT64_MAX, "top")), FIG_OK);
    ck_assert_uint_eq(doc_ver("u2"), INT64_MAX);

    store_teardown();
}
END_TEST


START_TEST(test_settle_clears_that_version)
{
    fig_op_t   op;
    fig_doc_t  doc;

    store_setup(_i);

    op = op_put("u1", 0, "a@x", NULL, "body");
    op.doc.pending = true;
    op.doc.changed = FIG_STR("email");

    ck_assert_int_eq(op_write(op_settle("u1", 1)), FIG_CONFLICT);
    ck_assert_int_eq(op_write(op), FIG_OK);
    ck_assert_int_eq(op_write(op_settle("u1", 2)), FIG_CONFLICT);
    ck_assert(doc_get(&users, "u1").pending);

    ck_assert_int_eq(op_write(op_settle("u1", 1)), FIG_OK);

    doc = doc_get(&users, "u1");
    ck_assert(!doc.pending);
    ck_str(doc.changed, NULL);
    ck_str(doc.body, "body");
    ck_str(doc.keys[0], "a@x");
    ck_assert_uint_eq(doc.ver, 1);

    /* a repeated acknowledgement */
    ck_assert_int_eq(op_write(op_settle("u1", 1)), FIG_OK);

    store_teardown();
}
END_TEST


START_TEST(test_taken_says_which_key)
{
    fig_op_t  op;

    store_setup(_i);

    op = op_put("u1", 0, "a@x", "Bern", "1");
    op.doc.keys[2] = FIG_STR("b1");
    ck_assert_int_eq(op_write(op), FIG_OK);
    ck_assert_int_eq(op_write(op_put("u2", 0, "b@x", "Bern", "2")), FIG_OK);

    /* made, changed, raised */
    ck_assert_uint_eq(op_taken(op_put("u3", 0, "a@x", NULL, "3")), 0);
    ck_assert_uint_eq(op_taken(op_put("u2", 1, "a@x", NULL, "3")), 0);

    op = op_put("u3", 0, "c@x", NULL, "3");
    op.doc.keys[2] = FIG_STR("b1");
    ck_assert_uint_eq(op_taken(op), 2);

    op = op_raise("u2", 9, "3");
    op.doc.keys[2] = FIG_STR("b1");
    ck_assert_uint_eq(op_taken(op), 2);

    ck_assert_uint_eq(doc_ver("u3"), 0);
    ck_str(doc_get(&users, "u2").body, "2");

    /* its own is no other's, and case counts */
    ck_assert_int_eq(op_write(op_put("u1", 1, "a@x", "Bern", "1")), FIG_OK);
    ck_assert_int_eq(op_write(op_put("u3", 0, "A@x", "Bern", "3")), FIG_OK);

    store_teardown();
}
END_TEST


START_TEST(test_conflict_goes_before_taken)
{
    store_setup(_i);

    ck_assert_int_eq(op_write(op_put("u1", 0, "a@x", NULL, "1")), FIG_OK);
    ck_assert_int_eq(op_write(op_put("u2", 0, "b@x", NULL, "2")), FIG_OK);

    ck_assert_int_eq(op_write(op_put("u2", 0, "a@x", NULL, "x")), FIG_CONFLICT);
    ck_assert_int_eq(op_write(op_put("u2", 7, "a@x", NULL, "x")), FIG_CONFLICT);
    ck_assert_int_eq(op_write(op_put("u1", 0, "a@x", NULL, "x")), FIG_CONFLICT);

    store_teardown();
}
END_TEST


START_TEST(test_tombstone_frees_its_key)
{
    fig_op_t   op;
    fig_doc_t  doc;

    store_setup(_i);

    ck_assert_int_eq(op_write(op_put("u1", 0, "a@x", "Bern", "1")), FIG_OK);

    op = op_put("u1", 1, NULL, NULL, NULL);
    op.doc.deleted = true;
    ck_assert_int_eq(op_write(op), FIG_OK);

    doc = doc_get(&users, "u1");
    ck_assert(doc.deleted);
    ck_assert_uint_eq(doc.ver, 2);
    ck_str(doc.keys[0], NULL);
    ck_str(doc.body, NULL);

    ck_assert_int_eq(op_write(op_put("u2", 0, "a@x", NULL, "2")), FIG_OK);

    /* it lives again, its version goes on, the address is gone */
    ck_assert_int_eq(op_write(op_put("u1", 0, "c@x", NULL, "x")), FIG_CONFLICT);
    ck_assert_uint_eq(op_taken(op_put("u1", 2, "a@x", NULL, "x")), 0);
    ck_assert_int_eq(op_write(op_put("u1", 2, "c@x", NULL, "back")), FIG_OK);
    ck_assert(!doc_get(&users, "u1").deleted);
    ck_assert_uint_eq(doc_ver("u1"), 3);

    store_teardown();
}
END_TEST


START_TEST(test_ops_are_for_themselves)
{
    size_t     i;
    fig_op_t   ops[] = {
        op_put("u1", 0, "a@x", NULL, "1"),
        op_put("u1", 5, "b@x", NULL, "conflict"),
        op_put("u2", 0, "a@x", NULL, "taken"),
        op_put("u1", 1, "c@x", NULL, "2"),
        op_put("u2", 0, "a@x", NULL, "free again"),
        op_note("u1", "of another collection")
    };
    static const fig_status_t  want[] = {
        FIG_OK, FIG_CONFLICT, FIG_TAKEN, FIG_OK, FIG_OK, FIG_OK
    };

    store_setup(_i);

    ck_assert_int_eq(fig_store_write(store, ops, 6), FIG_OK);

    for (i = 0; i < 6; i++) {
        ck_assert_int_eq(ops[i].status, want[i]);
    }

    ck_str(doc_get(&users, "u1").body, "2");
    ck_str(doc_get(&users, "u2").body, "free again");
    ck_str(doc_get(&notes, "u1").body, "of another collection");
    ck_assert_int_eq(fig_store_write(store, NULL, 0), FIG_OK);

    store_teardown();
}
END_TEST


START_TEST(test_bytes_come_back_as_they_were)
{
    fig_op_t          op;
    fig_doc_t         doc;
    static const char  id[] = "\001 \"'`;-%\\/\n\177\xc3\xa9\xf0\x9f\x98\x80";
    static const char  body[] = "{\"a\":\"\\u0000\xe2\x82\xac\"}\0behind a NUL";

    store_setup(_i);

    op = op_put(id, 0, "' OR 1=1 --", "", "");
    op.doc.body.data = body;
    op.doc.body.len = sizeof(body);
    op.doc.changed = FIG_STR("");
    ck_assert_int_eq(op_write(op), FIG_OK);

    doc = doc_get(&users, id);
    ck_str(doc.keys[0], "' OR 1=1 --");
    ck_str(doc.keys[1], "");
    ck_str(doc.changed, "");
    ck_assert_uint_eq(doc.body.len, sizeof(body));
    ck_assert_mem_eq(doc.body.data, body, sizeof(body));
    ck_assert_int_eq(doc.body.data[doc.body.len], '\0');

    ck_assert_int_eq(op_write(op_note("empty", "")), FIG_OK);
    ck_str(doc_get(&notes, "empty").body, "");

    store_teardown();
}
END_TEST


START_TEST(test_big_bodies)
{
    char      *body;
    size_t     i;
    fig_op_t   op;
    fig_doc_t  doc;

    store_setup(_i);

    body = malloc(8 * MB);
    ck_assert_ptr_nonnull(body);

    for (i = 0; i < 8 * MB; i++) {
        body[i] = (char) ('a' + (i * 31 + i / 4096) % 26);
    }

    op = op_note("big", "");
    op.doc.body.data = body;
    op.doc.body.len = 8 * MB;
    ck_assert_int_eq(op_write(op), FIG_OK);

    doc = doc_get(&notes, "big");
    ck_assert_uint_eq(doc.body.len, 8 * MB);
    ck_assert(memcmp(doc.body.data, body, 8 * MB) == 0);

    free(body);
    store_teardown();
}
END_TEST


START_TEST(test_arena_too_small)
{
    fig_doc_t     doc;
    fig_page_t    page;
    fig_query_t   query;
    fig_arena_t  *small;

    store_setup(_i);

    ck_assert_int_eq(op_write(op_note("n", "much too long for an arena of 64"
                                      " bytes, which is a rather small one")),
                     FIG_OK);

    small = fig_arena_create(64, 64);
    query = query_all(1);

    ck_assert_int_eq(fig_store_get(store, &notes, FIG_STR("n"), small, &doc),
                     FIG_NOMEM);
    ck_assert_uint_eq(doc.ver, 0);
    ck_assert_int_eq(fig_store_list(store, &notes, &query, small, &page),
                     FIG_NOMEM);
    ck_assert_uint_eq(page.n, 0);

    fig_arena_destroy(small);
    ck_str(doc_get(&notes, "n").id, "n");

    store_teardown();
}
END_TEST


static void
refuses(fig_op_t op)
{
    fig_op_t  ops[2];

    ops[0] = op_note("before", "x");
    ops[1] = op;

    ck_assert_int_eq(fig_store_write(store, ops, 2), FIG_INVALID);
    ck_assert_int_eq(ops[0].status, FIG_INVALID);
    ck_assert_int_eq(ops[1].status, FIG_INVALID);
}


START_TEST(test_bad_ops_are_refused)
{
    char              *body;
    char               id[514];
    fig_op_t           op;
    fig_doc_t          doc;
    fig_collection_t   other;

    store_setup(_i);

    other = notes;
    memset(id, 'x', 513);
    id[513] = '\0';

    refuses(op_put("", 0, NULL, NULL, "x"));
    refuses(op_put(NULL, 0, NULL, NULL, "x"));
    refuses(op_put(id, 0, NULL, NULL, "x"));

    op = op_put("u1", 0, NULL, NULL, "x");
    op.doc.id = FIG_STR("a\0b");
    refuses(op);

    refuses(op_raise("u1", 0, "x"));
    refuses(op_raise("u1", (uint64_t) INT64_MAX + 1, "x"));
    refuses(op_settle("u1", 0));

    op = op_put("u1", 3, NULL, NULL, "x");
    op.doc.ver = 3;
    refuses(op);

    op = op_note("n", "x");
    op.doc.keys[0] = FIG_STR("notes have none");
    refuses(op);
    op.doc.keys[0] = fig_str_from(NULL);
    op.collection = &other;
    refuses(op);

    body = calloc(1, FIG_STORE_BODY_MAX + 1);
    op = op_note("n", "x");
    op.doc.body.data = body;
    op.doc.body.len = FIG_STORE_BODY_MAX + 1;
    refuses(op);
    free(body);

    id[512] = '\0';
    ck_assert_int_eq(op_write(op_put(id, 0, NULL, NULL, "x")), FIG_OK);
    ck_str(doc_get(&users, id).body, "x");

    ck_assert_int_eq(fig_store_get(store, &notes, FIG_STR("before"), arena,
                                   &doc), FIG_DECLINED);
    ck_assert_int_eq(fig_store_get(store, &other, FIG_STR("n"), arena, &doc),
                     FIG_INVALID);
    ck_assert_int_eq(fig_store_get(store, &notes, FIG_STR(""), arena, &doc),
                     FIG_DECLINED);
    ck_assert_int_eq(fig_store_get(store, &notes, FIG_STR("a\0b"), arena, &doc),
                     FIG_DECLINED);

    store_teardown();
}
END_TEST


START_TEST(test_reopened_has_all)
{
    int        i;
    char       id[32];
    fig_doc_t  doc;

    store_setup(_i);

    for (i = 0; i < 100; i++) {
        (void) snprintf(id, sizeof(id), "u%d", i);
        ck_assert_int_eq(op_write(op_put(id, 0, id, "Bern", id)), FIG_OK);
    }

    store_reopen();

    for (i = 0; i < 100; i++) {
        (void) snprintf(id, sizeof(id), "u%d", i);
        doc = doc_get(&users, id);
        ck_str(doc.body, id);
        ck_assert_uint_eq(doc.ver, 1);
    }

    ck_assert_uint_eq(op_taken(op_put("new", 0, "u7", NULL, "x")), 0);
    ck_assert_int_eq(fig_store_ping(store), FIG_OK);

    store_teardown();
}
END_TEST


START_TEST(test_base)
{
    store_setup(_i);
    ck_assert_uint_eq(fig_store_base(store), 0);

    fig_store_close(store);
    backend->raise((uint64_t) 1 << 32);
    ck_assert_int_eq(fig_store_open(&conf, collections, &store), FIG_OK);

    ck_assert_uint_eq(fig_store_base(store), (uint64_t) 1 << 32);
    store_reopen();
    ck_assert_uint_eq(fig_store_base(store), (uint64_t) 1 << 32);

    store_teardown();
}
END_TEST


START_TEST(test_new_collections_are_added)
{
    static const fig_collection_t          more = {
        "more", { "k", NULL, NULL }, { true, false, false }
    };
    static const fig_collection_t *const   three[] = {
        &users, &notes, &more, NULL
    };

    fig_op_t      op;
    fig_store_t  *second;

    store_setup(_i);

    ck_assert_int_eq(op_write(op_note("n", "old")), FIG_OK);

    /* while the first still works with it */
    ck_assert_int_eq(fig_store_open(&conf, three, &second), FIG_OK);

    op = op_put("m", 0, "key", NULL, "x");
    op.collection = &more;
    ck_assert_int_eq(fig_store_write(second, &op, 1), FIG_OK);
    ck_assert_int_eq(op.status, FIG_OK);

    op.doc.id = FIG_STR("other");
    ck_assert_int_eq(fig_store_write(second, &op, 1), FIG_OK);
    ck_assert_int_eq(op.status, FIG_TAKEN);

    ck_assert_int_eq(op_write(op_note("n2", "new")), FIG_OK);
    fig_store_close(second);
    ck_str(doc_get(&notes, "n").body, "old");

    store_teardown();
}
END_TEST


START_TEST(test_bad_arguments_of_open)
{
    size_t                   i;
    fig_store_t             *s;
    fig_collection_t         bad = { .name = "Users" };
    fig_store_conf_t         c = { .uri = "" };
    const fig_collection_t  *list[] = { &bad, NULL };
    static const char *const  uris[] = {
        "", "sqlite", "sqlite:", "oracle:x", "/a/path"
    };

    for (i = 0; i < sizeof(uris) / sizeof(uris[0]); i++) {
        c.uri = uris[i];
        ck_assert_int_eq(fig_store_open(&c, collections, &s), FIG_ERROR);
        ck_assert_ptr_null(s);
    }

    c.uri = backends[0].create();
    ck_assert_int_eq(fig_store_open(&c, list, &s), FIG_ERROR);
    bad.name = "a_name_of_thirty_three_characters";
    ck_assert_int_eq(fig_store_open(&c, list, &s), FIG_ERROR);
    bad.name = "";
    ck_assert_int_eq(fig_store_open(&c, list, &s), FIG_ERROR);
    backends[0].drop();

    fig_store_close(NULL);
}
END_TEST


static void
add(TCase *tc)
{
    tcase_add_loop_test(tc, test_put_makes_and_changes, 0, nbackends);
    tcase_add_loop_test(tc, test_put_needs_the_version, 0, nbackends);
    tcase_add_loop_test(tc, test_raise_goes_up_only, 0, nbackends);
    tcase_add_loop_test(tc, test_settle_clears_that_version, 0, nbackends);
    tcase_add_loop_test(tc, test_taken_says_which_key, 0, nbackends);
    tcase_add_loop_test(tc, test_conflict_goes_before_taken, 0, nbackends);
    tcase_add_loop_test(tc, test_tombstone_frees_its_key, 0, nbackends);
    tcase_add_loop_test(tc, test_ops_are_for_themselves, 0, nbackends);
    tcase_add_loop_test(tc, test_bytes_come_back_as_they_were, 0, nbackends);
    tcase_add_loop_test(tc, test_big_bodies, 0, nbackends);
    tcase_add_loop_test(tc, test_arena_too_small, 0, nbackends);
    tcase_add_loop_test(tc, test_bad_ops_are_refused, 0, nbackends);
    tcase_add_loop_test(tc, test_reopened_has_all, 0, nbackends);
    tcase_add_loop_test(tc, test_base, 0, nbackends);
    tcase_add_loop_test(tc, test_new_collections_are_added, 0, nbackends);
    tcase_add_test(tc, test_bad_arguments_of_open);
}


int
main(void)
{
    return run_suite("store", add);
}
