
/*
 * Copyright (C) Ficus authors
 */


#include "mongo_server.h"
#include "store_fixture.h"
#include <dirent.h>
#include <inttypes.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>


#define ARENA  (64 * MB)


static const char *sqlite_create(void);
static void sqlite_drop(void);
static void sqlite_raise(uint64_t base);
static const char *mongo_create(void);
static void mongo_drop_all(void);
static void mongo_raise(uint64_t base);


const backend_t  backends[] = {
    { "sqlite", 10, sqlite_create, sqlite_drop, sqlite_raise },
    { "mongodb", 1, mongo_create, mongo_drop_all, mongo_raise }
};

/* without MongoDB, which stands last */

int  nbackends = sizeof(backends) / sizeof(backends[0]) - 1;


const fig_collection_t  users = {
    "users", { "email", "city", "both", "once" }, { true, false, true, true }
};

const fig_collection_t  notes = {
    "notes", { NULL, NULL, NULL, NULL }, { false, false, false, false }
};

const fig_collection_t *const  collections[] = { &users, &notes, NULL };


const backend_t   *backend;
fig_store_conf_t   conf;
fig_store_t       *store;
fig_arena_t       *arena;

static char        directory[4096];
static char        uri[8192];


void
store_setup(int n)
{
    backend = &backends[n];

    memset(&conf, 0, sizeof(fig_store_conf_t));
    conf.uri = backend->create();

    arena = fig_arena_create(64 * 1024, ARENA);
    ck_assert_ptr_nonnull(arena);

    ck_assert_int_eq(fig_store_open(&conf, collections, &store), FIG_OK);
}


void
store_teardown(void)
{
    fig_store_close(store);
    store = NULL;
    fig_arena_destroy(arena);
    arena = NULL;
    backend->drop();
}


void
store_reopen(void)
{
    fig_store_close(store);
    ck_assert_int_eq(fig_store_open(&conf, collections, &store), FIG_OK);
}


const char *
directory_create(void)
{
    const char  *tmp;

    tmp = getenv("TMPDIR");

    (void) snprintf(directory, sizeof(directory), "%s/ficus-XXXXXX",
                    tmp ? tmp : "/tmp");
    ck_assert_ptr_nonnull(mkdtemp(directory));

    return directory;
}


void
directory_drop(void)
{
    DIR            *dir;
    char           *file;
    struct dirent  *entry;

    dir = opendir(directory);

    while (dir != NULL && (entry = readdir(dir)) != NULL) {

        if (entry->d_name[0] != '.') {
            file = directory_file(entry->d_name);
            (void) unlink(file);
            free(file);
        }
    }

    if (dir != NULL) {
        (void) closedir(dir);
    }

    (void) rmdir(directory);
}


char *
directory_file(const char *name)
{
    char  *file;

    ck_assert_int_gt(asprintf(&file, "%s/%s", directory, name), 0);

    return file;
}


fig_op_t
op_put(const char *id, uint64_t expect, const char *email, const char *city,
    const char *body)
{
    fig_op_t  op;

    memset(&op, 0, sizeof(fig_op_t));

    op.kind = FIG_STORE_PUT;
    op.collection = &users;
    op.expect = expect;
    op.doc.id = fig_str_from(id);
    op.doc.ver = expect + 1;
    op.doc.keys[0] = fig_str_from(email);
    op.doc.keys[1] = fig_str_from(city);
    op.doc.body = fig_str_from(body);

    return op;
}


fig_op_t
op_raise(const char *id, uint64_t ver, const char *body)
{
    fig_op_t  op;

    op = op_put(id, 0, NULL, NULL, body);
    op.kind = FIG_STORE_RAISE;
    op.doc.ver = ver;

    return op;
}


fig_op_t
op_settle(const char *id, uint64_t ver)
{
    fig_op_t  op;

    op = op_put(id, 0, NULL, NULL, NULL);
    op.kind = FIG_STORE_SETTLE;
    op.doc.ver = ver;

    return op;
}


fig_op_t
op_note(const char *id, const char *body)
{
    fig_op_t  op;

    op = op_put(id, 0, NULL, NULL, body);
    op.collection = &notes;

    return op;
}


fig_status_t
op_write(fig_op_t op)
{
    ck_assert_int_eq(fig_store_write(store, &op, 1), FIG_OK);

    return op.status;
}


unsigned
op_taken(fig_op_t op)
{
    ck_assert_int_eq(fig_store_write(store, &op, 1), FIG_OK);
    ck_assert_int_eq(op.status, FIG_TAKEN);

    return op.key;
}


fig_doc_t
doc_get(const fig_collection_t *collection, const char *id)
{
    fig_doc_t  doc;

    ck_assert_int_eq(fig_store_get(store, collection, fig_str_from(id), arena,
                                   &doc), FIG_OK);
    ck_str(doc.id, id);

    return doc;
}


uint64_t
doc_ver(const char *id)
{
    fig_doc_t     doc;
    fig_status_t  status;

    status = fig_store_get(store, &users, fig_str_from(id), arena, &doc);
    ck_assert(status == FIG_OK || status == FIG_DECLINED);

    return doc.ver;
}


fig_query_t
query_all(unsigned limit)
{
    fig_query_t  query;

    memset(&query, 0, sizeof(fig_query_t));
    query.limit = limit;

    return query;
}


fig_page_t
page_get(const fig_collection_t *collection, fig_query_t query)
{
    fig_page_t  page;

    ck_assert_int_eq(fig_store_list(store, collection, &query, arena, &page),
                     FIG_OK);

    return page;
}


const char *
page_ids(const fig_page_t *page)
{
    size_t     i;
    fig_str_t  ids;

    ids = FIG_STR("");

    for (i = 0; i < page->n; i++) {
        ids = fig_arena_printf(arena, "%s%s%s", ids.data, i ? "," : "",
                               page->docs[i].id.data);
        ck_assert_ptr_nonnull(ids.data);
    }

    return ids.data;
}


void
ck_str(fig_str_t s, const char *want)
{
    if (want == NULL) {
        ck_assert_ptr_null(s.data);
        return;
    }

    ck_assert_ptr_nonnull(s.data);
    ck_assert_uint_eq(s.len, strlen(want));
    ck_assert_mem_eq(s.data, want, s.len);
}


int
run_suite(const char *name, void (*add)(TCase *tc))
{
    int       failed;
    TCase    *tc;
    Suite    *suite;
    SRunner  *runner;

    if (mongo_shared_uri() != NULL) {
        nbackends = sizeof(backends) / sizeof(backends[0]);
    }

    suite = suite_create(name);
    tc = tcase_create("all");

    tcase_set_timeout(tc, 120);
    add(tc);
    suite_add_tcase(suite, tc);

    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);

    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}


static const char *
sqlite_create(void)
{
    (void) snprintf(uri, sizeof(uri), "sqlite:%s/store.db",
                    directory_create());

    return uri;
}


static void
sqlite_drop(void)
{
    directory_drop();
}


static void
sqlite_raise(uint64_t base)
{
    char      sql[128];
    sqlite3  *db;

    (void) snprintf(sql, sizeof(sql), "UPDATE \"ficus-meta\" SET value = %"
                    PRIu64 " WHERE name = 'base'", base);

    ck_assert_int_eq(sqlite3_open(strchr(uri, '/'), &db), SQLITE_OK);
    ck_assert_int_eq(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    ck_assert_int_eq(sqlite3_close(db), SQLITE_OK);
}


/*
 * Its times are tested elsewhere; here a slow machine may be slow.
 */

static const char *
mongo_create(void)
{
    char  *made, name[64];

    (void) snprintf(name, sizeof(name), "ficus-test-%d", (int) getpid());
    made = mongo_uri(mongo_shared_uri(), name);

    (void) snprintf(uri, sizeof(uri), "%s%cwaitQueueTimeoutMS=30000&"
                    "socketTimeoutMS=30000&serverSelectionTimeoutMS=30000",
                    made, strchr(made, '?') ? '&' : '?');
    free(made);

    return uri;
}


static void
mongo_drop_all(void)
{
    mongo_drop(uri);
}


static void
mongo_raise(uint64_t base)
{
    mongo_set(uri, "ficus-meta", "store", "base", (int64_t) base);
}
