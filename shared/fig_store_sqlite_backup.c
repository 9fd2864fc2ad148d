
/*
 * Copyright (C) Ficus authors
 */


/*
 * Backup: a reader's snapshot, written out by VACUUM INTO.  No lock is held
 * while it runs; the log grows meanwhile, since a snapshot keeps it from being
 * started anew.  SQLite's backup API would have to copy all in one step, too:
 * each write of another process makes it begin again.
 */


#include "fig_store_sqlite.h"
#include "fig_log.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>


#define BACKUP_CACHE    524288
#define BACKUP_TIMEOUT  1000           /* ms */


typedef fig_status_t (*backup_pt)(const fig_sqlite_t *store, const char *file);


static fig_status_t backup_with(const char *path, backup_pt action,
    const char *file);
static fig_status_t backup_join(fig_sqlite_t *store);
static fig_status_t backup_to(const fig_sqlite_t *store, const char *file);
static fig_status_t backup_vacuum(const fig_sqlite_t *store,
    const char *file);
static fig_status_t backup_check(const fig_sqlite_t *store, const char *file);


fig_status_t
fig_store_backup(const char *path, const char *file)
{
    return backup_with(path, backup_to, file);
}


fig_status_t
fig_store_check(const char *path)
{
    return backup_with(path, backup_check, NULL);
}


static fig_status_t
backup_with(const char *path, backup_pt action, const char *file)
{
    fig_status_t         status;
    fig_sqlite_t         store;
    fig_sqlite_looked_t  looked;

    status = fig_sqlite_outside(&store, path);

    if (status != FIG_OK) {
        return status;
    }

    fig_sqlite_look(store.path, &looked);

    status = backup_join(&store);

    if (status == FIG_OK) {
        status = action(&store, file);

        if (fig_sqlite_lock_leave(&store.lock, store.lock_timeout)) {
            fig_sqlite_unlook(store.path, &looked);
        }
    }

    fig_sqlite_outside_clear(&store);

    return status;
}


fig_status_t
fig_sqlite_outside(fig_sqlite_t *store, const char *where)
{
    fig_sqlite_configure();

    memset(store, 0, sizeof(fig_sqlite_t));

    store->lock.fd = -1;
    store->cache = BACKUP_CACHE;
    store->lock_timeout = BACKUP_TIMEOUT;
    store->path = fig_sqlite_resolve(where);

    return store->path != NULL ? FIG_OK : FIG_ERROR;
}


void
fig_sqlite_outside_clear(fig_sqlite_t *store)
{
    fig_sqlite_lock_close(&store->lock);
    free(store->path);
    store->path = NULL;
}


fig_status_t
fig_sqlite_copy(const fig_sqlite_t *store, const char *file)
{
    fig_status_t  status;

    status = fig_sqlite_file_new(store->path, file);

    if (status != FIG_OK) {
        return status;
    }

    status = backup_vacuum(store, file);

    if (status == FIG_OK) {
        status = fig_sqlite_check_file(file);
    }

    if (status == FIG_OK) {
        status = fig_sqlite_file_sync(file);
    }

    if (status != FIG_OK) {
        fig_sqlite_file_remove(file);
    }

    return status;
}


fig_status_t
fig_sqlite_check_file(const char *file)
{
    sqlite3       *db;
    fig_status_t   status;
    fig_sqlite_t   copy;

    status = fig_sqlite_outside(&copy, file);

    if (status == FIG_OK) {
        status = fig_sqlite_connect(&copy, false, &db);
    }

    if (status == FIG_OK) {
        status = fig_sqlite_check(file, db);
        (void) sqlite3_close(db);
    }

    fig_sqlite_outside_clear(&copy);

    return status;
}


/*
 * As one who has it open, so that nobody puts another one in its place.
 */

static fig_status_t
backup_join(fig_sqlite_t *store)
{
    bool               alone;
    fig_status_t       status;
    fig_sqlite_mark_t  mark;

    alone = false;

    /* before the lock's file is made */
    status = fig_sqlite_probe(store->path, R_OK|W_OK);

    if (status == FIG_OK) {
        status = fig_sqlite_lock_open(&store->lock, store->path);
    }

    if (status == FIG_OK) {
        status = fig_sqlite_lock_enter(&store->lock, &alone, &mark);
    }

    if (status == FIG_OK) {
        status = fig_sqlite_entered(store, alone, mark);
    }

    if (status == FIG_DECLINED) {
        fig_log_error("store %s: there is none", store->path);
    }

    return status == FIG_OK ? fig_sqlite_lock_joined(&store->lock, alone)
           : FIG_ERROR;
}


/*
 * The name is taken first and gets its content when that is whole.
 */

static fig_status_t
backup_to(const fig_sqlite_t *store, const char *file)
{
    int            fd;
    char          *part;
    fig_status_t   status;

    fd = open(file, O_WRONLY|O_CREAT|O_EXCL|O_CLOEXEC, 0600);

    if (fd == -1) {
        status = errno == EEXIST ? FIG_TAKEN : FIG_ERROR;
        fig_log_errno("cannot create %s", file);
        return status;
    }

    (void) close(fd);

    if (asprintf(&part, "%s.part", file) < 0) {
        fig_log_error("%s: out of memory", file);
        (void) unlink(file);
        return FIG_ERROR;
    }

    status = fig_sqlite_copy(store, part);

    if (status == FIG_OK && rename(part, file) != 0) {
        fig_log_errno("cannot rename %s", part);
        fig_sqlite_file_remove(part);
        status = FIG_ERROR;
    }

    if (status == FIG_OK) {
        status = fig_sqlite_directory_sync(file);

    } else {
        (void) unlink(file);
    }

    free(part);

    return status;
}


static fig_status_t
backup_vacuum(const fig_sqlite_t *store, const char *file)
{
    int            rc;
    sqlite3       *db;
    fig_status_t   status;
    sqlite3_stmt  *stmt;

    status = fig_sqlite_connect(store, false, &db);

    if (status != FIG_OK) {
        return status;
    }

    /* of all files, the new one, too */
    status = fig_sqlite_exec(store->path, db, "PRAGMA query_only = 0");

    if (status == FIG_OK) {
        rc = sqlite3_prepare_v2(db, "VACUUM INTO ?1", -1, &stmt, NULL);

        if (rc == SQLITE_OK) {
            (void) sqlite3_bind_text(stmt, 1, file, -1, SQLITE_STATIC);
            rc = fig_sqlite_run(stmt);
        }

        if (rc != SQLITE_OK) {
            status = fig_sqlite_failed(store->path, db, rc,
                                       "cannot be copied");
        }

        (void) sqlite3_finalize(stmt);
    }

    (void) sqlite3_close(db);

    return status;
}


static fig_status_t
backup_check(const fig_sqlite_t *store, const char *file)
{
    sqlite3       *db;
    fig_status_t   status;

    status = fig_sqlite_connect(store, false, &db);

    if (status == FIG_OK) {
        status = fig_sqlite_check(store->path, db);
        (void) sqlite3_close(db);
    }

    return status;
}
