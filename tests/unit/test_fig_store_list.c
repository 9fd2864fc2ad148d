
/*
 * Copyright (C) Ficus authors
 */


/* What every backend has to do with pages. */


#include "store_fixture.h"
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>


#define PAGED  500


static void
make(const char *id, const char *email, const char *city, const char *body)
{
    ck_assert_int_eq(op_write(op_put(id, 0, email, city, body)), FIG_OK);
}


static void
bury(const char *id, bool pending)
{
    fig_op_t  op;

    op = op_put(id, doc_ver(id), NULL, NULL, NULL);
    op.doc.deleted = true;
    op.doc.pending = pending;
    ck_assert_int_eq(op_write(op), FIG_OK);
}


static void
lists(fig_query_t query, const char *want, bool more)
{
    fig_page_t  page;

    page = page_get(&users, query);

    ck_assert_str_eq(page_ids(&page), want);
    ck_assert_int_eq(page.more, more);
}


START_TEST(test_ids_are_in_byte_order)
{
    size_t      i;
    fig_page_t  page;
    static const char *const  ids[] = {
        "\001", " ", "-", "10", "2", "A", "B", "_", "a", "a\001", "a-", "aB",
        "aa", "b", "z", "\177", "\xc3\xa4", "\xe2\x82\xac", "\xef\xbf\xbd",
        "\xf0\x9f\x98\x80"
    };

    store_setup(_i);

    for (i = sizeof(ids) / sizeof(ids[0]); i-- > 0; /* void */) {
        make(ids[i], NULL, NULL, "");
    }

    page = page_get(&users, query_all(1000));
    ck_assert_uint_eq(page.n, sizeof(ids) / sizeof(ids[0]));
    ck_assert(!page.more);

    for (i = 0; i < page.n; i++) {
        ck_str(page.docs[i].id, ids[i]);
    }

    store_teardown();
}
END_TEST


START_TEST(test_limit_and_after)
{
    fig_query_t  query;

    store_setup(_i);

    query = query_all(2);
    lists(query, "", false);

    make("a", NULL, NULL, "");
    make("b", NULL, NULL, "");
    lists(query, "a,b", false);

    make("c", NULL, NULL, "");
    lists(query, "a,b", true);

    query.after = FIG_STR("b");
    lists(query, "c", false);
    query.after = FIG_STR("aa");
    lists(query, "b,c", false);
    query.after = FIG_STR("c");
    lists(query, "", false);
    query.after = FIG_STR("");
    query.limit = 3;
    lists(query, "a,b,c", false);

    store_teardown();
}
END_TEST


START_TEST(test_match)
{
    fig_query_t  query;

    store_setup(_i);

    make("u1", "a@x", "Bern", "");
    make("u2", "b@x", "Basel", "");
    make("u3", "c@x", "Bern", "");
    make("u4", NULL, NULL, "");
    make("u5", "d@x", "Bern", "");
    bury("u5", false);

    query = query_all(10);
    query.match[1] = FIG_STR("Bern");
    lists(query, "u1,u3", false);

    query.limit = 1;
    lists(query, "u1", true);
    query.after = FIG_STR("u1");
    lists(query, "u3", false);

    query = query_all(10);
    query.match[0] = FIG_STR("b@x");
    lists(query, "u2", false);
    query.match[1] = FIG_STR("Basel");
    lists(query, "u2", false);
    query.match[1] = FIG_STR("Bern");
    lists(query, "", false);

    query = query_all(10);
    query.match[1] = FIG_STR("bern");
    lists(query, "", false);
    query.match[1] = FIG_STR("");
    lists(query, "", false);

    store_teardown();
}
END_TEST


START_TEST(test_states)
{
    fig_query_t  query;

    store_setup(_i);

    make("u1", NULL, NULL, "");
    make("u2", NULL, NULL, "");
    make("u3", NULL, NULL, "");
    bury("u2", false);
    bury("u3", true);

    query = query_all(10);
    lists(query, "u1", false);
    query.state = FIG_STORE_ALL;
    lists(query, "u1,u2,u3", false);
    query.state = FIG_STORE_PENDING;
    lists(query, "u3", false);

    store_teardown();
}
END_TEST


START_TEST(test_pending_in_order)
{
    int          i;
    char         id[16];
    fig_op_t     op;
    fig_query_t  query;

    store_setup(_i);

    for (i = 0; i < 50; i++) {
        (void) snprintf(id, sizeof(id), "u%02d", (i * 37) % 50);
        op = op_put(id, 0, NULL, i % 2 ? "Bern" : "Basel", "");
        op.doc.pending = ((i * 37) % 50 % 10 == 3);
        ck_assert_int_eq(op_write(op), FIG_OK);
    }

    query = query_all(3);
    query.state = FIG_STORE_PENDING;
    lists(query, "u03,u13,u23", true);
    query.after = FIG_STR("u23");
    lists(query, "u33,u43", false);

    ck_assert_int_eq(op_write(op_settle("u33", 1)), FIG_OK);
    lists(query, "u43", false);

    query.match[1] = FIG_STR("Nowhere");
    lists(query, "", false);

    store_teardown();
}
END_TEST


START_TEST(test_ref_below)
{
    int          i;
    char         id[16];
    fig_op_t     op;
    fig_query_t  query;

    store_setup(_i);

    for (i = 1; i < 6; i++) {
        (void) snprintf(id, sizeof(id), "u%d", i);
        op = op_put(id, 0, NULL, "Bern", "");
        op.doc.ref = (uint64_t) i * 10;
        ck_assert_int_eq(op_write(op), FIG_OK);
    }

    query = query_all(10);
    query.ref_below = 30;
    lists(query, "u1,u2", false);
    query.match[1] = FIG_STR("Bern");
    lists(query, "u1,u2", false);
    query.ref_below = UINT64_MAX;
    lists(query, "u1,u2,u3,u4,u5", false);

    store_teardown();
}
END_TEST


START_TEST(test_brief)
{
    fig_op_t     op;
    fig_page_t   page;
    fig_query_t  query;

    store_setup(_i);

    op = op_put("u1", 0, "a@x", "Bern", "a body");
    op.doc.ref = 9;
    op.doc.pending = true;
    op.doc.changed = FIG_STR("email");
    ck_assert_int_eq(op_write(op), FIG_OK);

    query = query_all(10);
    query.brief = true;
    page = page_get(&users, query);

    ck_assert_uint_eq(page.n, 1);
    ck_str(page.docs[0].body, NULL);
    ck_str(page.docs[0].changed, NULL);
    ck_str(page.docs[0].keys[0], "a@x");
    ck_assert_uint_eq(page.docs[0].ver, 1);
    ck_assert_uint_eq(page.docs[0].ref, 9);
    ck_assert(page.docs[0].pending);

    query.brief = false;
    page = page_get(&users, query);
    ck_str(page.docs[0].body, "a body");
    ck_str(page.docs[0].changed, "email");

    store_teardown();
}
END_TEST


START_TEST(test_max_bytes)
{
    fig_query_t  query;

    store_setup(_i);

    make("a", NULL, NULL, "0123456789");
    make("b", NULL, NULL, "0123456789");
    make("c", NULL, NULL, "0123456789");

    query = query_all(10);
    query.max_bytes = 30;
    lists(query, "a,b,c", false);
    query.max_bytes = 29;
    lists(query, "a,b", true);
    query.max_bytes = 10;
    lists(query, "a", true);
    query.max_bytes = 1;
    lists(query, "a", true);
    query.after = FIG_STR("b");
    lists(query, "c", false);

    store_teardown();
}
END_TEST


/* what a page takes is for what is in it, not for its limit */

START_TEST(test_short_pages_are_small)
{
    int           i;
    char          id[8];
    fig_page_t    page;
    fig_query_t   query;
    fig_arena_t  *small;

    store_setup(_i);

    small = fig_arena_create(4096, 16384);
    query = query_all(FIG_STORE_PAGE_MAX);

    for (i = 0; i < 20; i++) {
        (void) snprintf(id, sizeof(id), "u%02d", i);
        ck_assert_int_eq(op_write(op_put(id, 0, NULL, "Bern", "x")), FIG_OK);

        fig_arena_reset(small);
        ck_assert_int_eq(fig_store_list(store, &users, &query, small, &page),
                         FIG_OK);
        ck_assert_uint_eq(page.n, (unsigned) i + 1);
        ck_str(page.docs[0].id, "u00");
        ck_str(page.docs[i].id, id);
    }

    fig_arena_destroy(small);
    store_teardown();
}
END_TEST


START_TEST(test_bad_queries)
{
    fig_page_t   page;
    fig_query_t  query;

    store_setup(_i);

    query = query_all(0);
    ck_assert_int_eq(fig_store_list(store, &users, &query, arena, &page),
                     FIG_INVALID);

    query = query_all(FIG_STORE_PAGE_MAX + 1);
    ck_assert_int_eq(fig_store_list(store, &users, &query, arena, &page),
                     FIG_INVALID);

    query = query_all(1);
    query.match[0] = FIG_STR("notes have no key");
    ck_assert_int_eq(fig_store_list(store, &notes, &query, arena, &page),
                     FIG_INVALID);

    store_teardown();
}
END_TEST


/* changes and deletes odd ones, and adds others, while even ones stay */

static void *
disturb(void *data)
{
    int          i;
    char         id[16];
    fig_op_t     op;
    atomic_bool *stop = data;

    for (i = 0; !atomic_load(stop); i++) {
        (void) snprintf(id, sizeof(id), "u%03d", (i * 2 + 1) % PAGED);
        op = op_raise(id, (uint64_t) i + 2, "changed");
        op.doc.deleted = (i / PAGED % 2 == 0);
        (void) op_write(op);

        (void) snprintf(id, sizeof(id), "u%03d-%d", i % PAGED, i);
        (void) op_write(op_put(id, 0, NULL, "Bern", "new"));
    }

    return NULL;
}


static unsigned
walk(bool match)
{
    size_t       i;
    unsigned     even;
    fig_str_t    last;
    fig_page_t   page;
    fig_query_t  query;

    even = 0;
    query = query_all(7);
    last = FIG_STR("");

    if (match) {
        query.match[1] = FIG_STR("Bern");
    }

    do {
        query.after = last;
        page = page_get(&users, query);

        for (i = 0; i < page.n; i++) {
            ck_assert_int_lt(fig_str_cmp(last, page.docs[i].id), 0);
            ck_assert(!page.docs[i].deleted);
            last = page.docs[i].id;

            even += (last.len == 4 && (last.data[3] - '0') % 2 == 0);
        }

        ck_assert(!page.more || page.n == 7);

    } while (page.more);

    return even;
}


START_TEST(test_pages_while_others_write)
{
    int          i;
    char         id[16];
    fig_op_t     op;
    pthread_t    thread;
    atomic_bool  stop;

    store_setup(_i);

    for (i = 0; i < PAGED; i++) {
        (void) snprintf(id, sizeof(id), "u%03d", i);
        op = op_put(id, 0, NULL, "Bern", "old");
        ck_assert_int_eq(op_write(op), FIG_OK);
    }

    atomic_init(&stop, false);
    ck_assert_int_eq(pthread_create(&thread, NULL, disturb, &stop), 0);

    for (i = 0; i < backend->times + 1; i++) {
        ck_assert_uint_eq(walk(i % 2), PAGED / 2);
    }

    atomic_store(&stop, true);
    (void) pthread_join(thread, NULL);

    store_teardown();
}
END_TEST


static void
add(TCase *tc)
{
    tcase_add_loop_test(tc, test_ids_are_in_byte_order, 0, nbackends);
    tcase_add_loop_test(tc, test_limit_and_after, 0, nbackends);
    tcase_add_loop_test(tc, test_match, 0, nbackends);
    tcase_add_loop_test(tc, test_states, 0, nbackends);
    tcase_add_loop_test(tc, test_pending_in_order, 0, nbackends);
    tcase_add_loop_test(tc, test_ref_below, 0, nbackends);
    tcase_add_loop_test(tc, test_brief, 0, nbackends);
    tcase_add_loop_test(tc, test_max_bytes, 0, nbackends);
    tcase_add_loop_test(tc, test_short_pages_are_small, 0, nbackends);
    tcase_add_loop_test(tc, test_bad_queries, 0, nbackends);
    tcase_add_loop_test(tc, test_pages_while_others_write, 0, nbackends);
}


int
main(void)
{
    return run_suite("store pages", add);
}
