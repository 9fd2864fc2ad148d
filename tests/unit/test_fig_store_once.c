
/*
 * Copyright (C) Ficus authors
 */


/*
 * The store's key that says which request has made a document.
 */


#include "store_fixture.h"
#include <sqlite3.h>
#include <stdlib.h>


/*
 * Any number of documents have none; a tombstone may keep it.
 */

START_TEST(test_once_is_unique)
{
    fig_op_t     op;
    fig_doc_t    doc;
    fig_page_t   page;
    fig_query_t  query;

    store_setup(_i);

    ck_assert_int_eq(op_write(op_put("u1", 0, "a@x", NULL, "1")), FIG_OK);
    ck_assert_int_eq(op_write(op_put("u2", 0, "b@x", NULL, "2")), FIG_OK);

    op = op_put("u3", 0, "c@x", NULL, "3");
    op.doc.keys[FIG_STORE_ONCE] = FIG_STR("key");
    op.doc.made = FIG_STR("of that");
    ck_assert_int_eq(op_write(op), FIG_OK);

    op.doc.id = FIG_STR("u4");
    op.doc.keys[0] = FIG_STR("d@x");
    ck_assert_uint_eq(op_taken(op), FIG_STORE_ONCE);

    op = op_put("u2", 1, "b@x", NULL, "2");
    op.doc.keys[FIG_STORE_ONCE] = FIG_STR("key");
    ck_assert_uint_eq(op_taken(op), FIG_STORE_ONCE);

    op = op_put("u3", 1, NULL, NULL, NULL);
    op.doc.keys[FIG_STORE_ONCE] = FIG_STR("key");
    op.doc.made = FIG_STR("of that");
    op.doc.deleted = true;
    ck_assert_int_eq(op_write(op), FIG_OK);

    query = query_all(1);
    query.match[FIG_STORE_ONCE] = FIG_STR("key");
    page = page_get(&users, query);
    ck_assert_uint_eq(page.n, 0);

    query.state = FIG_STORE_ALL;
    query.brief = true;
    page = page_get(&users, query);
    ck_assert_str_eq(page_ids(&page), "u3");
    ck_str(page.docs[0].keys[FIG_STORE_ONCE], "key");
    ck_str(page.docs[0].made, "of that");

    /* given up */
    ck_assert_int_eq(op_write(op_put("u3", 2, "c@x", NULL, "3")), FIG_OK);
    doc = doc_get(&users, "u3");
    ck_str(doc.keys[FIG_STORE_ONCE], NULL);
    ck_str(doc.made, NULL);

    op = op_put("u2", 1, "b@x", NULL, "2");
    op.doc.keys[FIG_STORE_ONCE] = FIG_STR("key");
    ck_assert_int_eq(op_write(op), FIG_OK);

    store_teardown();
}
END_TEST


/*
 * As the first version made it.
 */

START_TEST(test_older_tables_get_their_columns)
{
    char      *path;
    sqlite3   *db;
    fig_op_t   op;

    store_setup(0);
    path = directory_file("store.db");

    ck_assert_int_eq(op_write(op_put("u1", 0, "a@x", NULL, "1")), FIG_OK);
    fig_store_close(store);

    ck_assert_int_eq(sqlite3_open(path, &db), SQLITE_OK);
    ck_assert_int_eq(sqlite3_exec(db,
                                  "DROP INDEX \"users-k4-unique\";"
                                  "ALTER TABLE users DROP COLUMN k4;"
                                  "ALTER TABLE users DROP COLUMN made;"
                                  "ALTER TABLE notes DROP COLUMN k4;"
                                  "ALTER TABLE notes DROP COLUMN made",
                                  NULL, NULL, NULL), SQLITE_OK);
    ck_assert_int_eq(sqlite3_close(db), SQLITE_OK);

    ck_assert_int_eq(fig_store_open(&conf, collections, &store), FIG_OK);
    ck_str(doc_get(&users, "u1").body, "1");
    ck_assert_int_eq(op_write(op_note("n", "new")), FIG_OK);

    op = op_put("u2", 0, "b@x", NULL, "2");
    op.doc.keys[FIG_STORE_ONCE] = FIG_STR("key");
    ck_assert_int_eq(op_write(op), FIG_OK);

    op = op_put("u1", 1, "a@x", NULL, "1");
    op.doc.keys[FIG_STORE_ONCE] = FIG_STR("key");
    ck_assert_uint_eq(op_taken(op), FIG_STORE_ONCE);

    free(path);
    store_teardown();
}
END_TEST


static void
add(TCase *tc)
{
    tcase_add_loop_test(tc, test_once_is_unique, 0, nbackends);
    tcase_add_test(tc, test_older_tables_get_their_columns);
}


int
main(void)
{
    return run_suite("store, once", add);
}
