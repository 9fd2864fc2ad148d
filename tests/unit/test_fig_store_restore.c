
/*
 * Copyright (C) Ficus authors
 */


/*
 * A restored database, of every store: the versions of the service's own
 * collections are raised, however many these are, and no others.
 */


#include "store_fixture.h"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>


#define STEP  ((uint64_t) 1 << 32)


/* what is there is its own backup; how many documents were raised */

static uint64_t
restore_sqlite(const char *own, fig_status_t want)
{
    char                *path, *file, *replaced;
    fig_restore_t       *restore;
    fig_restore_conf_t   restored = { .own = own };

    path = directory_file("store.db");
    file = directory_file("backup.db");
    replaced = directory_file("store.db.replaced");
    restored.path = path;
    restored.file = file;

    ck_assert_int_eq(fig_store_backup(path, file), FIG_OK);
    ck_assert_int_eq(fig_restore_prepare(&restored, &restore), want);

    if (want == FIG_OK) {
        ck_assert_int_eq(fig_restore_finish(restore), FIG_OK);
        fig_restore_close(restore);
        ck_assert_int_eq(unlink(replaced), 0);
    }

    ck_assert_int_eq(unlink(file), 0);
    free(path);
    free(file);
    free(replaced);

    return restored.documents;
}


static uint64_t
restore(const char *own, fig_status_t want)
{
    uint64_t          documents;
    fig_raise_conf_t  raised = { .own = own };

    fig_store_close(store);

    if (strcmp(backend->name, "sqlite") == 0) {
        documents = restore_sqlite(own, want);

    } else {
        raised.uri = conf.uri;
        ck_assert_int_eq(fig_store_raise(&raised), want);
        documents = raised.documents;
    }

    ck_assert_int_eq(fig_store_open(&conf, collections, &store), FIG_OK);

    return documents;
}


static void
fill_both(void)
{
    ck_assert_int_eq(op_write(op_put("u1", 0, "a@b.de", "Bonn", "{}")),
                     FIG_OK);
    ck_assert_int_eq(op_write(op_put("u2", 0, "c@d.de", "Bonn", "{}")),
                     FIG_OK);
    ck_assert_int_eq(op_write(op_note("n1", "{}")), FIG_OK);
}


START_TEST(test_one_of_two)
{
    uint64_t  note;

    store_setup(_i);
    fill_both();
    note = doc_get(&notes, "n1").ver;

    ck_assert_uint_eq(restore("users", FIG_OK), 2);
    ck_assert_uint_eq(doc_ver("u1"), STEP + 1);
    ck_assert_uint_eq(doc_ver("u2"), STEP + 1);
    ck_assert_uint_eq(doc_get(&notes, "n1").ver, note);

    store_teardown();
}
END_TEST


START_TEST(test_several)
{
    uint64_t  note;

    store_setup(_i);
    fill_both();
    note = doc_get(&notes, "n1").ver;

    ck_assert_uint_eq(restore("users notes", FIG_OK), 3);
    ck_assert_uint_eq(doc_ver("u1"), STEP + 1);
    ck_assert_uint_eq(doc_get(&notes, "n1").ver, STEP + note);

    ck_assert_uint_eq(restore("notes users", FIG_OK), 3);
    ck_assert_uint_eq(doc_ver("u2"), 2 * STEP + 1);
    ck_assert_uint_eq(doc_get(&notes, "n1").ver, 2 * STEP + note);

    store_teardown();
}
END_TEST


START_TEST(test_not_all_there)
{
    store_setup(_i);
    fill_both();

    (void) restore("users orders", FIG_ERROR);
    ck_assert_uint_eq(doc_ver("u1"), 1);

    store_teardown();
}
END_TEST


static void
add(TCase *tc)
{
    tcase_add_loop_test(tc, test_one_of_two, 0, nbackends);
    tcase_add_loop_test(tc, test_several, 0, nbackends);
    tcase_add_loop_test(tc, test_not_all_there, 0, nbackends);
}


int
main(void)
{
    return run_suite("store restore", add);
}
