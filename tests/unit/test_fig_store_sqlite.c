
/*
 * Copyright (C) Ficus authors
 */


/*
 * SQLite's files: which are refused and stay as they were, what is made, what
 * is checked, how pages are found.  Crashes and locks are in
 * test_fig_store_sqlite_faults.c.
 */


#include "store_fixture.h"
#include "fig_store_sqlite.h"
#include "unit.h"
#include <fcntl.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>


#define HEADER_VERSION  60


static char         *path;
static const size_t  page_size = 4096;


static void
setup(void)
{
    store_setup(0);
    path = directory_file("store.db");
}


static void
teardown(void)
{
    store_teardown();
    free(path);
}


static char *
contents(const char *file, size_t *size)
{
    int          fd;
    char        *data;
    struct stat  st;

    fd = open(file, O_RDONLY);
    ck_assert_int_ne(fd, -1);
    ck_assert_int_eq(fstat(fd, &st), 0);

    *size = (size_t) st.st_size;
    data = malloc(*size + 1);
    ck_assert_ptr_nonnull(data);
    ck_assert_int_eq(read(fd, data, *size), (ssize_t) *size);
    data[*size] = '\0';
    (void) close(fd);

    return data;
}


static void
overwrite(const char *file, off_t offset, const void *data, size_t len)
{
    int  fd;

    fd = open(file, O_WRONLY|O_CREAT, 0600);
    ck_assert_int_ne(fd, -1);
    ck_assert_int_eq(pwrite(fd, data, len, offset), (ssize_t) len);
    (void) close(fd);
}


/* a line of the log has the file's name and what is wrong; no byte changed */

static void
refused(const char *what)
{
    char    *before, *after, *log;
    size_t   size, now;

    before = contents(path, &size);

    unit_capture(STDERR_FILENO);
    ck_assert_int_eq(fig_store_open(&conf, collections, &store), FIG_ERROR);
    log = unit_captured();

    ck_assert_ptr_null(store);
    ck_assert_msg(strstr(log, path) != NULL, "no name: %s", log);
    ck_assert_msg(strstr(log, what) != NULL, "not \"%s\": %s", what, log);
    free(log);

    after = contents(path, &now);
    ck_assert_uint_eq(size, now);
    ck_assert(memcmp(before, after, size) == 0);
    free(before);
    free(after);
}


static void
fill(int n)
{
    int          i;
    char         id[32];
    fig_op_t     op;
    static char  body[1001];

    memset(body, 'x', sizeof(body) - 1);

    for (i = 0; i < n; i++) {
        (void) snprintf(id, sizeof(id), "u%06d", i);
        op = op_put(id, 0, id, "Bern", body);
        ck_assert_int_eq(op_write(op), FIG_OK);
    }
}


static void
unclean(void)
{
    char  *lock;

    lock = directory_file("store.db.lock");
    overwrite(lock, 0, "open \n", 6);
    free(lock);
}


START_TEST(test_files_are_private)
{
    size_t       i;
    char        *file;
    struct stat  st;
    static const char *const  names[] = {
        "store.db", "store.db-wal", "store.db-shm", "store.db.lock"
    };

    (void) umask(0);
    setup();
    fill(1);

    for (i = 0; i < UNIT_COUNT(names); i++) {
        file = directory_file(names[i]);
        ck_assert_int_eq(stat(file, &st), 0);
        ck_assert_uint_eq(st.st_mode & 0777, 0600);
        free(file);
    }

    teardown();
}
END_TEST


START_TEST(test_closed_leaves_one_file)
{
    char    *file, *mark;
    size_t   size;

    setup();
    fill(10);
    fig_store_close(store);
    store = NULL;

    file = directory_file("store.db-wal");
    ck_assert_int_eq(access(file, F_OK), -1);
    free(file);

    file = directory_file("store.db.new");
    ck_assert_int_eq(access(file, F_OK), -1);
    free(file);

    file = directory_file("store.db.lock");
    mark = contents(file, &size);
    ck_assert_str_eq(mark, "clean\n");
    free(mark);
    free(file);

    teardown();
}
END_TEST


START_TEST(test_other_files_are_refused)
{
    size_t    i;
    sqlite3  *db;
    static const fig_str_t  files[] = {
        fig_str("x"),
        fig_str("a letter to my aunt, longer than one hundred bytes, which is"
                " what a header has, so that nothing can be missing from it"),
        fig_str("SQLite format 3\0")
    };

    setup();
    fig_store_close(store);
    store = NULL;

    for (i = 0; i < UNIT_COUNT(files); i++) {
        ck_assert_int_eq(unlink(path), 0);
        overwrite(path, 0, files[i].data, files[i].len);
        refused(files[i].len == 16 ? "another application"
                : "not a SQLite database");
    }

    ck_assert_int_eq(unlink(path), 0);
    ck_assert_int_eq(sqlite3_open(path, &db), SQLITE_OK);
    ck_assert_int_eq(sqlite3_exec(db, "CREATE TABLE users (id)", NULL, NULL,
                                  NULL), SQLITE_OK);
    ck_assert_int_eq(sqlite3_close(db), SQLITE_OK);
    refused("another application");

    teardown();
}
END_TEST


START_TEST(test_other_schemas_are_refused)
{
    static const char  newer[] = "\0\0\0\2";
    static const char  none[] = "\0\0\0\0";

    setup();
    fill(1);
    fig_store_close(store);
    store = NULL;

    overwrite(path, HEADER_VERSION, newer, 4);
    refused("schema is version 2");
    overwrite(path, HEADER_VERSION, none, 4);
    refused("schema is version 0");

    teardown();
}
END_TEST


START_TEST(test_corrupt_header_is_refused)
{
    static const char  junk[] = "\377\377\377\377";

    setup();
    fill(1);
    fig_store_close(store);
    store = NULL;

    /* the page size */
    overwrite(path, 16, junk, 2);
    refused("not a database");
    overwrite(path, 0, junk, 4);
    refused("not a SQLite database");

    teardown();
}
END_TEST


START_TEST(test_corrupt_page_is_refused)
{
    char  *log;
    char   junk[4096];

    setup();
    fill(200);
    fig_store_close(store);
    store = NULL;
    unclean();

    unit_capture(STDERR_FILENO);
    ck_assert_int_eq(fig_store_open(&conf, collections, &store), FIG_OK);
    log = unit_captured();
    ck_assert_ptr_nonnull(strstr(log, "was not closed cleanly"));
    ck_assert_ptr_nonnull(strstr(log, "checked in"));
    free(log);
    ck_assert_uint_eq(doc_ver("u000100"), 1);
    fig_store_close(store);
    store = NULL;

    memset(junk, 0x5a, sizeof(junk));
    overwrite(path, (off_t) page_size * 20, junk, page_size);
    unclean();
    refused("corrupt");

    teardown();
}
END_TEST


START_TEST(test_corrupt_page_found_later)
{
    int        i;
    char       id[32], junk[4096];
    bool       failed;
    fig_op_t   op;
    fig_doc_t  doc;

    setup();
    fill(200);
    store_reopen();
    fig_store_close(store);
    store = NULL;

    memset(junk, 0x5a, sizeof(junk));
    overwrite(path, (off_t) page_size * 20, junk, page_size);
    ck_assert_int_eq(fig_store_open(&conf, collections, &store), FIG_OK);

    failed = false;

    for (i = 0; i < 200; i++) {
        (void) snprintf(id, sizeof(id), "u%06d", i);

        if (fig_store_get(store, &users, fig_str_from(id), arena, &doc)
            != FIG_OK)
        {
            failed = true;

            op = op_put(id, 1, id, "Bern", "x");
            ck_assert_int_eq(fig_store_write(store, &op, 1), FIG_ERROR);
        }
    }

    ck_assert(failed);
    ck_assert_int_eq(op_write(op_note("n", "elsewhere")), FIG_OK);

    teardown();
}
END_TEST


START_TEST(test_places_that_cannot_be)
{
    char     *log, *other, *uri;
    size_t    i;
    static const char *const  names[] = { "no/such/dir/x.db", "sub", "sub/" };
    static const char *const  causes[] = {
        "its directory cannot be used", "not a regular file", "not a regular"
    };

    setup();
    fig_store_close(store);

    other = directory_file("sub");
    ck_assert_int_eq(mkdir(other, 0700), 0);

    for (i = 0; i < UNIT_COUNT(names); i++) {
        uri = directory_file(names[i]);
        ck_assert_int_gt(asprintf(&log, "sqlite:%s", uri), 0);
        conf.uri = log;
        free(uri);
        uri = log;

        unit_capture(STDERR_FILENO);
        ck_assert_int_eq(fig_store_open(&conf, collections, &store),
                         FIG_ERROR);
        log = unit_captured();
        ck_assert_msg(strstr(log, causes[i]) != NULL, "%s", log);
        free(log);
        free(uri);
    }

    (void) rmdir(other);
    free(other);
    teardown();
}
END_TEST


/* root, too */

static void
obey_permissions(void)
{
    struct __user_cap_data_struct    data[_LINUX_CAPABILITY_U32S_3];
    struct __user_cap_header_struct  header;

    header.version = _LINUX_CAPABILITY_VERSION_3;
    header.pid = 0;

    ck_assert_int_eq(syscall(SYS_capget, &header, data), 0);
    data[0].effective &= ~(1U << CAP_DAC_OVERRIDE|1U << CAP_DAC_READ_SEARCH);
    ck_assert_int_eq(syscall(SYS_capset, &header, data), 0);
}


START_TEST(test_without_permission)
{
    char  *directory, *lock;

    setup();
    fig_store_close(store);

    directory = directory_file(".");
    lock = directory_file("store.db.lock");

    obey_permissions();

    ck_assert_int_eq(chmod(path, 0400), 0);
    refused("may not be read and written");

    /* a directory that nothing can be made in */
    ck_assert_int_eq(chmod(path, 0600), 0);
    ck_assert_int_eq(unlink(lock), 0);
    ck_assert_int_eq(chmod(directory, 0500), 0);
    refused("cannot open");
    ck_assert_int_eq(chmod(directory, 0700), 0);

    ck_assert_int_eq(fig_store_open(&conf, collections, &store), FIG_OK);
    ck_assert_int_eq(op_write(op_note("n", "x")), FIG_OK);

    free(directory);
    free(lock);
    teardown();
}
END_TEST


START_TEST(test_log_without_database)
{
    char  *wal, *log;

    setup();
    fig_store_close(store);

    wal = directory_file("store.db-wal");
    overwrite(wal, 0, "acknowledged", 12);
    ck_assert_int_eq(unlink(path), 0);

    unit_capture(STDERR_FILENO);
    ck_assert_int_eq(fig_store_open(&conf, collections, &store), FIG_ERROR);
    log = unit_captured();
    ck_assert_ptr_nonnull(strstr(log, "its log"));
    free(log);
    ck_assert_int_eq(access(wal, F_OK), 0);

    ck_assert_int_eq(unlink(wal), 0);
    ck_assert_int_eq(fig_store_open(&conf, collections, &store), FIG_OK);

    free(wal);
    teardown();
}
END_TEST


START_TEST(test_empty_file_is_a_new_one)
{
    setup();
    fill(1);
    fig_store_close(store);

    ck_assert_int_eq(truncate(path, 0), 0);
    ck_assert_int_eq(fig_store_open(&conf, collections, &store), FIG_OK);
    ck_assert_uint_eq(doc_ver("u000000"), 0);
    fill(1);

    teardown();
}
END_TEST


START_TEST(test_one_lock_for_every_name)
{
    char         *link, *uri;
    fig_op_t      op;
    fig_store_t  *second;

    setup();

    link = directory_file("link.db");
    ck_assert_int_eq(symlink(path, link), 0);
    ck_assert_int_gt(asprintf(&uri, "sqlite:%s", link), 0);

    conf.uri = uri;
    ck_assert_int_eq(fig_store_open(&conf, collections, &second), FIG_OK);
    op = op_note("n", "through a link");
    ck_assert_int_eq(fig_store_write(second, &op, 1), FIG_OK);
    ck_str(doc_get(&notes, "n").body, "through a link");
    fig_store_close(second);

    free(link);
    link = directory_file("link.db.lock");
    ck_assert_int_eq(access(link, F_OK), -1);

    free(uri);
    free(link);
    teardown();
}
END_TEST


static void
plan(sqlite3 *db, const char *sql)
{
    char          *explain;
    const char    *detail;
    sqlite3_stmt  *stmt;

    ck_assert_int_gt(asprintf(&explain, "EXPLAIN QUERY PLAN %s", sql), 0);
    ck_assert_int_eq(sqlite3_prepare_v2(db, explain, -1, &stmt, NULL),
                     SQLITE_OK);
    ck_assert_int_eq(sqlite3_step(stmt), SQLITE_ROW);

    detail = (const char *) sqlite3_column_text(stmt, 3);
    ck_assert_msg(strstr(detail, "USING INDEX") != NULL, "%s: %s", sql,
                  detail);
    ck_assert_msg(strstr(detail, "id>?") != NULL
                  || strstr(detail, "unique (k") != NULL,
                  "%s: %s", sql, detail);

    /* a second line would be a sort */
    ck_assert_msg(sqlite3_step(stmt) == SQLITE_DONE, "%s: %s", sql,
                  (const char *) sqlite3_column_text(stmt, 3));

    (void) sqlite3_finalize(stmt);
    free(explain);
}


START_TEST(test_pages_are_ranges_of_an_index)
{
    sqlite3     *db;
    unsigned     n;
    fig_buf_t    sql;
    fig_query_t  query;

    setup();
    fill(100);

    ck_assert_int_eq(sqlite3_open(path, &db), SQLITE_OK);

    for (n = 0; n < 8 * 3 * 2 * 2; n++) {
        query = query_all(10);
        query.match[0] = fig_str_from(n & 1 ? "x" : NULL);
        query.match[1] = fig_str_from(n & 2 ? "x" : NULL);
        query.match[2] = fig_str_from(n & 4 ? "x" : NULL);
        query.brief = n & 8;
        query.ref_below = n & 16;
        query.state = (fig_store_state_t) (n / 32);

        fig_buf_init(&sql, 4096);
        ck_assert_int_eq(fig_sqlite_list_sql(&users, &query, &sql), FIG_OK);
        plan(db, sql.data);
        fig_buf_clear(&sql);
    }

    ck_assert_int_eq(sqlite3_close(db), SQLITE_OK);

    teardown();
}
END_TEST


static void
add(TCase *tc)
{
    tcase_add_test(tc, test_files_are_private);
    tcase_add_test(tc, test_closed_leaves_one_file);
    tcase_add_test(tc, test_other_files_are_refused);
    tcase_add_test(tc, test_other_schemas_are_refused);
    tcase_add_test(tc, test_corrupt_header_is_refused);
    tcase_add_test(tc, test_corrupt_page_is_refused);
    tcase_add_test(tc, test_corrupt_page_found_later);
    tcase_add_test(tc, test_places_that_cannot_be);
    tcase_add_test(tc, test_without_permission);
    tcase_add_test(tc, test_log_without_database);
    tcase_add_test(tc, test_empty_file_is_a_new_one);
    tcase_add_test(tc, test_one_lock_for_every_name);
    tcase_add_test(tc, test_pages_are_ranges_of_an_index);
}


int
main(void)
{
    return run_suite("store on sqlite", add);
}
