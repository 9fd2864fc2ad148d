
/*
 * Copyright (C) Ficus authors
 */


/*
 * Restore.  What will be the database is made beside it, with its versions
 * raised, and renamed when it is whole.  From the first to the last of these
 * renames the mark in PATH.lock says so, since a worker must meet neither an
 * old log beside a new file nor no file at all, which it would make anew.
 */


#include "fig_store_sqlite.h"
#include "fig_log.h"
#include <errno.h>
#include <inttypes.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>


#define RESTORE_STEP   ((uint64_t) 1 << 32)
#define RESTORE_SQL    65536
#define RESTORE_COUNT  128


struct fig_restore_s {
    char                *made;
    char                *replaced;
    bool                 moved;        /* by a restore that was interrupted */
    fig_sqlite_t         store;
    fig_restore_conf_t  *conf;
};


static fig_status_t restore_enter(fig_restore_t *restore);
static uint64_t restore_base(fig_restore_t *restore);
static fig_status_t restore_make(fig_restore_t *restore);
static fig_status_t restore_raise(fig_restore_t *restore, uint64_t base);
static fig_status_t restore_write(fig_restore_t *restore, sqlite3 *db,
    uint64_t step);
static fig_status_t restore_look(fig_restore_t *restore, sqlite3 *db,
    uint64_t *max);
static fig_status_t restore_count(fig_restore_t *restore, sqlite3 *db,
    fig_str_t name, uint64_t *max);
static fig_status_t restore_owner(fig_restore_t *restore);
static fig_status_t restore_aside(fig_restore_t *restore);
static fig_status_t restore_rename(fig_restore_t *restore, const char *from,
    const char *to);
static bool restore_exists(const char *file);


fig_status_t
fig_restore_prepare(fig_restore_conf_t *conf, fig_restore_t **restore)
{
    fig_status_t    status;
    fig_restore_t  *r;

    *restore = NULL;
    r = calloc(1, sizeof(fig_restore_t));

    if (r == NULL) {
        fig_log_error("store %s: out of memory", conf->path);
        return FIG_ERROR;
    }

    r->conf = conf;
    status = fig_sqlite_outside(&r->store, conf->path);

    if (status == FIG_OK
        && (asprintf(&r->made, "%s.restored", r->store.path) < 0
            || asprintf(&r->replaced, "%s.replaced", r->store.path) < 0))
    {
        fig_log_error("store %s: out of memory", conf->path);
        status = FIG_ERROR;
    }

    if (status == FIG_OK) {
        status = restore_enter(r);
    }

    if (status == FIG_OK) {
        status = restore_make(r);
    }

    if (status != FIG_OK) {
        fig_restore_close(r);
        return status;
    }

    *restore = r;

    return FIG_OK;
}


fig_status_t
fig_restore_finish(fig_restore_t *restore)
{
    fig_status_t         status;
    fig_sqlite_lock_t   *lock;

    lock = &restore->store.lock;

    status = fig_sqlite_lock_mark(lock, FIG_SQLITE_MOVED);

    if (status == FIG_OK) {
        status = restore_aside(restore);
    }

    if (status == FIG_OK) {
        status = restore_rename(restore, restore->made, restore->store.path);
    }

    if (status == FIG_OK) {
        status = fig_sqlite_directory_sync(restore->store.path);
    }

    return status == FIG_OK ? fig_sqlite_lock_mark(lock, FIG_SQLITE_CLEAN)
           : status;
}


void
fig_restore_close(fig_restore_t *restore)
{
    if (restore == NULL) {
        return;
    }

    if (restore->made != NULL) {
        fig_sqlite_file_remove(restore->made);
    }

    fig_sqlite_outside_clear(&restore->store);
    free(restore->replaced);
    free(restore->made);
    free(restore);
}


static fig_status_t
restore_enter(fig_restore_t *restore)
{
    bool               alone;
    fig_sqlite_t      *store;
    fig_sqlite_mark_t  mark;

    store = &restore->store;

    if (fig_sqlite_lock_open(&store->lock, store->path) != FIG_OK
        || fig_sqlite_lock_enter(&store->lock, &alone, &mark) != FIG_OK)
    {
        return FIG_ERROR;
    }

    if (!alone) {
        fig_log_error("store %s: a process has it open; stop the workers first",
                      store->path);
        return FIG_BUSY;
    }

    restore->moved = (mark == FIG_SQLITE_MOVED);

    if (!restore->moved && restore_exists(restore->replaced)) {
        fig_log_error("store %s: %s is there, from a restore before; move it "
                      "away first", store->path, restore->replaced);
        return FIG_TAKEN;
    }

    return FIG_OK;
}


static fig_status_t
restore_make(fig_restore_t *restore)
{
    uint64_t       base;
    const char    *file;
    fig_status_t   status;
    fig_sqlite_t   backup;

    file = restore->conf->file;
    status = fig_sqlite_probe(file, R_OK);

    if (status == FIG_DECLINED) {
        fig_log_error("%s: there is no backup", file);
        status = FIG_ERROR;
    }

    if (status == FIG_OK) {
        status = fig_sqlite_check_file(file);
    }

    if (status != FIG_OK) {
        return status;
    }

    base = restore_base(restore);
    status = fig_sqlite_outside(&backup, file);

    if (status == FIG_OK) {
        status = fig_sqlite_copy(&backup, restore->made);
    }

    fig_sqlite_outside_clear(&backup);

    if (status == FIG_OK) {
        status = restore_raise(restore, base);
    }

    if (status == FIG_OK) {
        status = fig_sqlite_file_sync(restore->made);
    }

    return status == FIG_OK ? restore_owner(restore) : status;
}


/*
 * Of what is replaced: the same backup may be restored a second time, and what
 * was made in between had the versions of the first.
 */

static uint64_t
restore_base(fig_restore_t *restore)
{
    sqlite3              *db;
    uint64_t              base;
    const char           *file;
    fig_status_t          status;
    fig_sqlite_t          old;
    fig_sqlite_looked_t   looked;

    base = 0;
    file = restore->moved && restore_exists(restore->replaced)
           ? restore->replaced : restore->store.path;

    fig_sqlite_look(file, &looked);
    status = fig_sqlite_outside(&old, file);

    if (status == FIG_OK) {
        status = fig_sqlite_probe(file, R_OK);
    }

    if (status == FIG_OK) {
        status = fig_sqlite_connect(&old, false, &db);
    }

    if (status == FIG_OK) {
        status = fig_sqlite_base(file, db, &base);
        (void) sqlite3_close(db);
    }

    fig_sqlite_outside_clear(&old);
    fig_sqlite_unlook(file, &looked);
    restore->conf->unknown = (status != FIG_OK);

    return base;
}


static fig_status_t
restore_raise(fig_restore_t *restore, uint64_t base)
{
    int                  rc;
    sqlite3             *db;
    uint64_t             own, max, times;
    fig_status_t         status;
    fig_restore_conf_t  *conf;

    own = 0;
    max = 0;
    conf = restore->conf;
    rc = sqlite3_open_v2(restore->made, &db,
                         SQLITE_OPEN_READWRITE|SQLITE_OPEN_NOMUTEX, NULL);

    status = rc == SQLITE_OK ? fig_sqlite_base(restore->made, db, &own)
             : fig_sqlite_failed(restore->made, db, rc, "cannot be opened");

    if (status == FIG_OK) {
        status = restore_look(restore, db, &max);
    }

    if (status != FIG_OK) {
        goto done;
    }

    times = conf->raise ? conf->raise : 1;
    conf->base = (own > base ? own : base) + times * RESTORE_STEP;

    if (conf->base > INT64_MAX - max) {
        fig_log_error("store %s: its versions cannot be raised that far",
                      restore->store.path);
        status = FIG_ERROR;
        goto done;
    }

    status = restore_write(restore, db, conf->base - own);

done:

    (void) sqlite3_close(db);

    return status;
}


/* nobody has this file yet, and it is synced when it is whole */

static fig_status_t
restore_write(fig_restore_t *restore, sqlite3 *db, uint64_t step)
{
    fig_buf_t      sql;
    fig_str_t      name;
    const char    *names;
    fig_status_t   status;

    fig_buf_init(&sql, RESTORE_SQL);
    fig_buf_puts(&sql, "PRAGMA journal_mode = OFF;"
                       "PRAGMA synchronous = OFF; BEGIN;");

    names = restore->conf->own;

    while ((name = fig_store_name(&names)).len != 0) {
        fig_buf_printf(&sql, "UPDATE \"%.*s\" SET ver = ver + %" PRIu64
                             ", pending = 1;", (int) name.len, name.data, step);
    }

    fig_buf_printf(&sql, "UPDATE \"" FIG_SQLITE_META "\" SET value = %" PRIu64
                         " WHERE name = 'base'; COMMIT;"
                         "PRAGMA journal_mode = WAL", restore->conf->base);

    if (fig_buf_ok(&sql)) {
        status = fig_sqlite_exec(restore->made, db, sql.data);

    } else {
        fig_log_error("store %s: too many collections", restore->store.path);
        status = FIG_ERROR;
    }

    fig_buf_clear(&sql);

    return status;
}


static fig_status_t
restore_look(fig_restore_t *restore, sqlite3 *db, uint64_t *max)
{
    fig_str_t      name;
    const char    *names;
    fig_status_t   status;

    status = FIG_OK;
    names = restore->conf->own;
    restore->conf->documents = 0;

    while (status == FIG_OK && (name = fig_store_name(&names)).len != 0) {
        status = restore_count(restore, db, name, max);
    }

    return status;
}


static fig_status_t
restore_count(fig_restore_t *restore, sqlite3 *db, fig_str_t name,
    uint64_t *max)
{
    int            rc;
    char           sql[RESTORE_COUNT];
    uint64_t       ver;
    fig_status_t   status;
    sqlite3_stmt  *stmt;

    (void) snprintf(sql, sizeof(sql),
                    "SELECT count(*), max(ver) FROM \"%.*s\"",
                    (int) name.len, name.data);

    rc = sqlite3_prepare_v2(db, sql, -1, &stmt, NULL);

    if (rc == SQLITE_ERROR) {
        fig_log_error("%s: not a backup of %.*s", restore->conf->file,
                      (int) name.len, name.data);
        return FIG_ERROR;
    }

    rc = rc == SQLITE_OK ? sqlite3_step(stmt) : rc;
    status = FIG_OK;

    if (rc == SQLITE_ROW) {
        restore->conf->documents += (uint64_t) sqlite3_column_int64(stmt, 0);
        ver = (uint64_t) sqlite3_column_int64(stmt, 1);
        *max = ver > *max ? ver : *max;

    } else {
        status = fig_sqlite_failed(restore->made, db, rc, "cannot be read");
    }

    (void) sqlite3_finalize(stmt);

    return status;
}


/*
 * Root restores for those whose the old file was, or the directory is.
 */

static fig_status_t
restore_owner(fig_restore_t *restore)
{
    char         *copy, *directory;
    mode_t        mode;
    struct stat   st;

    copy = strdup(restore->store.path);

    if (copy == NULL) {
        goto failed;
    }

    /* NOLINTNEXTLINE(concurrency-mt-unsafe): it writes to copy alone */
    directory = dirname(copy);

    if (stat(restore->store.path, &st) != 0 && stat(directory, &st) != 0) {
        goto failed;
    }

    mode = S_ISREG(st.st_mode) ? st.st_mode & 0660 : 0600;

    if (chmod(restore->made, mode) != 0
        || (geteuid() == 0
            && (chown(restore->made, st.st_uid, st.st_gid) != 0
                || chown(restore->store.lock.path, st.st_uid, st.st_gid)
                   != 0)))
    {
        goto failed;
    }

    free(copy);

    return FIG_OK;

failed:

    fig_log_errno("store %s: %s cannot be given to its owner",
                  restore->store.path, restore->made);
    free(copy);

    return FIG_ERROR;
}


/*
 * An interrupted restore may have moved the file already, and what has its name
 * now is then a restored one that nobody has opened; the log is never its.
 */

static fig_status_t
restore_aside(fig_restore_t *restore)
{
    char          *from, *to;
    const char    *path;
    fig_status_t   status;

    from = NULL;
    to = NULL;
    path = restore->store.path;
    status = FIG_OK;

    if (!(restore->moved && restore_exists(restore->replaced))) {
        status = restore_rename(restore, path, restore->replaced);
    }

    if (asprintf(&from, "%s-wal", path) < 0
        || asprintf(&to, "%s-wal", restore->replaced) < 0)
    {
        fig_log_error("store %s: out of memory", path);
        status = FIG_ERROR;
    }

    if (status == FIG_OK) {
        status = restore_rename(restore, from, to);
    }

    if (status == FIG_OK) {
        (void) snprintf(from, strlen(from) + 1, "%s-shm", path);
        (void) unlink(from);
    }

    free(from);
    free(to);

    return status;
}


/* what is not there need not go */

static fig_status_t
restore_rename(fig_restore_t *restore, const char *from, const char *to)
{
    if (rename(from, to) != 0 && errno != ENOENT) {
        fig_log_errno("store %s: cannot rename %s", restore->store.path, from);
        return FIG_ERROR;
    }

    return FIG_OK;
}


static bool
restore_exists(const char *file)
{
    struct stat  st;

    return lstat(file, &st) == 0;
}
