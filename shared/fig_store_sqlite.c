
/*
 * Copyright (C) Ficus authors
 */


/*
 * SQLite: a database file that several processes share.  Everything that
 * writes to it, checkpoints too, does so under the write lock
 * (fig_store_sqlite_lock.c); readers take no lock and never checkpoint.
 */


#include "fig_store_sqlite.h"
#include "fig_log.h"
#include "fig_metrics.h"
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>


#define WAL_LIMIT  4194304      /* bytes that a reset leaves of it */


static fig_status_t sqlite_verify(const char *where, const char **why);
static fig_status_t sqlite_open(const fig_store_conf_t *conf,
    const char *where, const fig_collection_t *const *collections,
    void **self);
static void sqlite_close(void *self);
static uint64_t sqlite_base(void *self);

static void sqlite_configure_once(void);
static fig_status_t sqlite_open_file(fig_sqlite_t *store);
static fig_status_t sqlite_open_entered(fig_sqlite_t *store, bool alone,
    fig_sqlite_mark_t mark);
static fig_status_t sqlite_open_checked(const fig_sqlite_t *store);
static fig_status_t sqlite_open_schema(fig_sqlite_t *store);
static void sqlite_close_writer(fig_sqlite_t *store);
static void sqlite_free(fig_sqlite_t *store);
static bool sqlite_no_space(sqlite3 *db, int rc);


const fig_store_backend_t  fig_store_sqlite = {
    .scheme = "sqlite",
    .open = sqlite_open,
    .close = sqlite_close,
    .write = fig_sqlite_write,
    .write_later = fig_sqlite_write_later,
    .get = fig_sqlite_get,
    .list = fig_sqlite_list,
    .base = sqlite_base,
    .ping = fig_sqlite_ping,
    .wrong = fig_sqlite_wrong,
    .rest = fig_sqlite_rest,
    .verify = sqlite_verify
};


/* the directory has to be there, the file need not */

static fig_status_t
sqlite_verify(const char *where, const char **why)
{
    size_t       len;
    const char  *slash;
    struct stat  st;
    char         directory[PATH_MAX];

    slash = strrchr(where, '/');
    len = slash ? (size_t) (slash - where) + 1 : 1;

    if (len >= sizeof(directory)) {
        *why = "the path is too long";
        return FIG_ERROR;
    }

    memcpy(directory, slash ? where : ".", len);
    directory[len] = '\0';

    if (stat(directory, &st) == -1 || !S_ISDIR(st.st_mode)) {
        *why = "its directory is not there";
        return FIG_ERROR;
    }

    return FIG_OK;
}


static fig_status_t
sqlite_open(const fig_store_conf_t *conf, const char *where,
    const fig_collection_t *const *collections, void **self)
{
    fig_sqlite_t  *store;

    *self = NULL;

    fig_sqlite_configure();

    store = calloc(1, sizeof(fig_sqlite_t));

    if (store == NULL) {
        fig_log_error("store %s: out of memory", where);
        return FIG_ERROR;
    }

    store->lock.fd = -1;
    store->lock_timeout = conf->lock_timeout;
    store->cache = conf->cache;
    store->collections = collections;

    while (collections[store->ncollections] != NULL) {
        store->ncollections++;
    }

    store->path = fig_sqlite_resolve(where);

    if (store->path == NULL || sqlite_open_file(store) != FIG_OK) {
        sqlite_free(store);
        return FIG_ERROR;
    }

    if (fig_sqlite_writer_start(store) != FIG_OK) {
        sqlite_close(store);
        return FIG_ERROR;
    }

    *self = store;

    return FIG_OK;
}


static void
sqlite_close(void *self)
{
    fig_sqlite_t  *store = self;

    fig_sqlite_pool_clear(store);

    if (fig_sqlite_writer_stop(store)) {
        fig_sqlite_finish(store);
    }
}


void
fig_sqlite_finish(fig_sqlite_t *store)
{
    sqlite_close_writer(store);
    (void) fig_sqlite_lock_leave(&store->lock, store->lock_timeout);
    sqlite_free(store);
}


static uint64_t
sqlite_base(void *self)
{
    fig_sqlite_t  *store = self;

    return store->base;
}


void
fig_sqlite_configure(void)
{
    static pthread_once_t  once = PTHREAD_ONCE_INIT;

    (void) pthread_once(&once, sqlite_configure_once);
}


fig_status_t
fig_sqlite_entered(const fig_sqlite_t *store, bool alone,
    fig_sqlite_mark_t mark)
{
    fig_status_t  status;

    if (mark == FIG_SQLITE_MOVED) {
        fig_log_error("store %s: a restore was interrupted, do it again",
                      store->path);
        return FIG_ERROR;
    }

    status = fig_sqlite_probe(store->path, R_OK|W_OK);

    if (status == FIG_DECLINED && !alone) {
        fig_log_error("store %s: was removed, and another process still works "
                      "with it", store->path);
        return FIG_ERROR;
    }

    if (status == FIG_OK && alone && mark != FIG_SQLITE_CLEAN) {
        status = sqlite_open_checked(store);
    }

    return status;
}


fig_status_t
fig_sqlite_connect(const fig_sqlite_t *store, bool writes, sqlite3 **db)
{
    int           rc, flags;
    char          sql[256];
    fig_status_t  status;

    flags = writes ? SQLITE_OPEN_READWRITE : SQLITE_OPEN_READONLY;

    rc = sqlite3_open_v2(store->path, db, flags|SQLITE_OPEN_NOMUTEX, NULL);

    if (rc != SQLITE_OK) {
        status = fig_sqlite_failed(store->path, *db, rc, "cannot be opened");
        goto failed;
    }

    (void) sqlite3_extended_result_codes(*db, 1);
    (void) sqlite3_db_config(*db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    (void) sqlite3_busy_timeout(*db, (int) store->lock_timeout);

    if (writes && sqlite3_db_readonly(*db, "main") != 0) {
        fig_log_error("store %s: may not be written", store->path);
        status = FIG_ERROR;
        goto failed;
    }

    (void) snprintf(sql, sizeof(sql),
                    "PRAGMA cache_size = -%" PRIu64 ";"
                    "PRAGMA temp_store = MEMORY;"
                    "PRAGMA mmap_size = 0;"
                    "%s", store->cache / 1024,
                    writes ? "PRAGMA journal_mode = WAL;"
                             "PRAGMA synchronous = FULL;"
                             "PRAGMA wal_autocheckpoint = 0;"
                           : "PRAGMA query_only = 1");

    status = fig_sqlite_exec(store->path, *db, sql);

    if (status == FIG_OK && writes) {
        (void) snprintf(sql, sizeof(sql), "PRAGMA journal_size_limit = %d",
                        WAL_LIMIT);
        status = fig_sqlite_exec(store->path, *db, sql);
    }

    if (status == FIG_OK) {
        return FIG_OK;
    }

failed:

    (void) sqlite3_close(*db);
    *db = NULL;

    return status;
}


fig_status_t
fig_sqlite_exec(const char *path, sqlite3 *db, const char *sql)
{
    int  rc;

    rc = sqlite3_exec(db, sql, NULL, NULL, NULL);

    if (rc != SQLITE_OK) {
        return fig_sqlite_failed(path, db, rc, "cannot be used");
    }

    return FIG_OK;
}


fig_status_t
fig_sqlite_status(sqlite3 *db, int rc)
{
    if (sqlite_no_space(db, rc)) {
        return FIG_FULL;
    }

    switch (rc & 0xff) {

    case SQLITE_OK:
        return FIG_OK;

    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return FIG_BUSY;

    case SQLITE_NOMEM:
        return FIG_NOMEM;

    default:
        return FIG_ERROR;
    }
}


fig_status_t
fig_sqlite_failed(const char *path, sqlite3 *db, int rc, const char *what)
{
    fig_status_t  status;

    status = fig_sqlite_status(db, rc);
    errno = fig_sqlite_errno(db, rc);

    if (errno != 0) {
        fig_log_errno("store %s: %s: %s (%d)", path, what, sqlite3_errstr(rc),
                      rc);

    } else {
        fig_log_error("store %s: %s: %s (%d)", path, what,
                      db ? sqlite3_errmsg(db) : sqlite3_errstr(rc), rc);
    }

    return status == FIG_OK ? FIG_ERROR : status;
}


size_t
fig_sqlite_index(const fig_sqlite_t *store, const fig_collection_t *collection)
{
    size_t  i;

    for (i = 0; store->collections[i] != collection; i++) {
        /* fig_store.c has made sure that it is there */
    }

    return i;
}


/*
 * For the whole process, and before anything else of SQLite: it does not count
 * its memory under a mutex of its own.
 */

static void
sqlite_configure_once(void)
{
    (void) sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
    (void) sqlite3_config(SQLITE_CONFIG_MULTITHREAD);
    (void) sqlite3_initialize();
}


static fig_status_t
sqlite_open_file(fig_sqlite_t *store)
{
    bool                 alone;
    fig_sqlite_mark_t    mark;
    fig_sqlite_looked_t  looked;

    /* before the lock's file is made */
    if (fig_sqlite_probe(store->path, R_OK|W_OK) == FIG_ERROR) {
        return FIG_ERROR;
    }

    if (fig_sqlite_lock_open(&store->lock, store->path) != FIG_OK
        || fig_sqlite_lock_enter(&store->lock, &alone, &mark) != FIG_OK)
    {
        return FIG_ERROR;
    }

    fig_sqlite_look(store->path, &looked);

    if (sqlite_open_entered(store, alone, mark) == FIG_OK) {
        return fig_sqlite_lock_joined(&store->lock, alone);
    }

    if (alone) {
        fig_sqlite_ops_clear(store);
        fig_sqlite_pool_clear(store);
        fig_sqlite_unlook(store->path, &looked);
    }

    return FIG_ERROR;
}


static fig_status_t
sqlite_open_entered(fig_sqlite_t *store, bool alone, fig_sqlite_mark_t mark)
{
    fig_status_t  status;

    status = fig_sqlite_entered(store, alone, mark);

    if (status == FIG_DECLINED) {
        status = fig_sqlite_create(store->path, store->collections);
    }

    if (status != FIG_OK || fig_sqlite_pool_init(store) != FIG_OK) {
        return FIG_ERROR;
    }

    return sqlite_open_schema(store);
}


static fig_status_t
sqlite_open_checked(const fig_sqlite_t *store)
{
    sqlite3       *db;
    uint64_t       start;
    fig_status_t   status;

    start = fig_clock_us();
    fig_log_info("store %s: was not closed cleanly, checking it", store->path);

    status = fig_sqlite_connect(store, false, &db);

    if (status == FIG_OK) {
        status = fig_sqlite_check(store->path, db);
        (void) sqlite3_close(db);
    }

    if (status == FIG_OK) {
        fig_log_info("store %s: checked in %" PRIu64 " ms", store->path,
                     (fig_clock_us() - start) / 1000);
    }

    return status;
}


static fig_status_t
sqlite_open_schema(fig_sqlite_t *store)
{
    bool                       missing;
    sqlite3                   *db;
    fig_status_t               status;
    const fig_collection_t *const *collections = store->collections;

    db = SLIST_FIRST(&store->pool.free)->db;

    if (fig_sqlite_base(store->path, db, &store->base) != FIG_OK
        || fig_sqlite_schema_missing(store->path, db, collections, &missing)
           != FIG_OK
        || fig_sqlite_ops_init(store) != FIG_OK)
    {
        return FIG_ERROR;
    }

    if (!missing) {
        return FIG_OK;
    }

    status = fig_sqlite_lock_try(&store->lock, store->lock_timeout);

    if (status == FIG_BUSY) {
        fig_log_error("store %s: locked by another process for more than "
                      "%" PRIu64 " ms", store->path, store->lock_timeout);
    }

    if (status != FIG_OK) {
        return FIG_ERROR;
    }

    status = fig_sqlite_schema_create(store->path, store->writer.ops.db,
                                      collections);

    fig_sqlite_lock_drop(&store->lock);

    return status;
}


/*
 * The last connection of all deletes the log when it has been copied.
 */

static void
sqlite_close_writer(fig_sqlite_t *store)
{
    fig_status_t  status;

    status = fig_sqlite_lock_try(&store->lock, store->lock_timeout);

    if (status == FIG_OK) {
        (void) sqlite3_db_config(store->writer.ops.db,
                                 SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0, NULL);
    }

    fig_sqlite_ops_clear(store);

    if (status == FIG_OK) {
        fig_sqlite_lock_drop(&store->lock);
    }
}


static void
sqlite_free(fig_sqlite_t *store)
{
    fig_sqlite_ops_clear(store);
    fig_sqlite_pool_clear(store);
    fig_sqlite_lock_close(&store->lock);
    free(store->path);
    free(store);
}


static bool
sqlite_no_space(sqlite3 *db, int rc)
{
    int  error;

    if (rc == SQLITE_FULL) {
        return true;
    }

    error = (rc & 0xff) == SQLITE_IOERR ? fig_sqlite_errno(db, rc) : 0;

    return error == ENOSPC || error == EDQUOT || error == EFBIG;
}


/*
 * A COMMIT that fails leaves sqlite3_system_errno() as it was; the log's file
 * knows.
 */

int
fig_sqlite_errno(sqlite3 *db, int rc)
{
    int            error;
    sqlite3_file  *file;

    error = 0;

    if (db == NULL
        || ((rc & 0xff) != SQLITE_IOERR && (rc & 0xff) != SQLITE_CANTOPEN))
    {
        return 0;
    }

    if ((rc == SQLITE_IOERR_WRITE || rc == SQLITE_IOERR_FSYNC)
        && sqlite3_file_control(db, "main", SQLITE_FCNTL_JOURNAL_POINTER, &file)
           == SQLITE_OK
        && file->pMethods != NULL)
    {
        (void) file->pMethods->xFileControl(file, SQLITE_FCNTL_LAST_ERRNO,
                                            &error);
    }

    return error ? error : sqlite3_system_errno(db);
}
