
/*
 * Copyright (C) Ficus authors
 */


/*
 * The database file before anybody works with it.  A new one is made under
 * another name and renamed when it is whole, so what has the name is either
 * complete or not ours, and its first page tells which.
 */


#include "fig_store_sqlite.h"
#include "fig_log.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>


/* https://www.sqlite.org/fileformat.html, section 1.3 */

#define HEADER_SIZE     100
#define HEADER_VERSION  60
#define HEADER_ID       68


static const char  header_magic[16] = "SQLite format 3";


/* what SQLite may leave beside a database */

static const char *const  file_tails[] = { "-journal", "-wal", "-shm", "" };


static fig_status_t file_header(const char *path, unsigned char *header);
static fig_status_t file_judge(const char *path, const unsigned char *header);
static fig_status_t file_absent(const char *path);
static fig_status_t file_fill(const char *path, const char *name,
    const fig_collection_t *const *collections);
static char *file_directory(const char *path);
static fig_status_t file_sync(const char *path, const char *name, int flags);
static off_t file_size(const char *path, const char *tail);
static void file_unlink(const char *path, const char *tail);
static uint32_t file_uint32(const unsigned char *p);


char *
fig_sqlite_resolve(const char *where)
{
    int    n;
    char  *path, *copy, *directory, *name;

    path = realpath(where, NULL);

    if (path != NULL) {
        return path;
    }

    if (errno != ENOENT) {
        fig_log_errno("store %s: cannot be used", where);
        return NULL;
    }

    copy = file_directory(where);
    directory = copy ? realpath(copy, NULL) : NULL;

    if (directory == NULL) {
        fig_log_errno("store %s: its directory cannot be used", where);

    } else {
        name = strrchr(where, '/');
        n = asprintf(&path, "%s/%s", directory, name ? name + 1 : where);

        if (n < 0) {
            fig_log_error("store %s: out of memory", where);
            path = NULL;
        }
    }

    free(directory);
    free(copy);

    return path;
}


fig_status_t
fig_sqlite_probe(const char *path, int access)
{
    struct stat    st;
    fig_status_t   status;
    unsigned char  header[HEADER_SIZE];

    memset(header, 0, sizeof(header));

    if (stat(path, &st) != 0) {

        if (errno == ENOENT) {
            return file_absent(path);
        }

        fig_log_errno("store %s: cannot be used", path);
        return FIG_ERROR;
    }

    if (!S_ISREG(st.st_mode)) {
        fig_log_error("store %s: not a regular file", path);
        return FIG_ERROR;
    }

    if (faccessat(AT_FDCWD, path, access, AT_EACCESS) != 0) {
        fig_log_errno("store %s: may not be read%s", path,
                      access & W_OK ? " and written" : "");
        return FIG_ERROR;
    }

    if (st.st_size == 0) {
        return file_absent(path);
    }

    status = file_header(path, header);

    return status == FIG_OK ? file_judge(path, header) : status;
}


fig_status_t
fig_sqlite_create(const char *path, const fig_collection_t *const *collections)
{
    char          *name;
    fig_status_t   status;

    if (asprintf(&name, "%s.new", path) < 0) {
        fig_log_error("store %s: out of memory", path);
        return FIG_ERROR;
    }

    status = fig_sqlite_file_new(path, name);

    if (status != FIG_OK) {
        goto done;
    }

    status = file_fill(path, name, collections);

    if (status == FIG_OK && rename(name, path) != 0) {
        fig_log_errno("store %s: cannot rename %s", path, name);
        status = FIG_ERROR;
    }

    if (status == FIG_OK) {
        status = fig_sqlite_directory_sync(path);

    } else {
        fig_sqlite_file_remove(name);
    }

done:

    free(name);
    return status;
}


fig_status_t
fig_sqlite_file_new(const char *path, const char *name)
{
    int  fd;

    fig_sqlite_file_remove(name);

    fd = open(name, O_WRONLY|O_CREAT|O_EXCL|O_CLOEXEC, 0600);

    if (fd == -1) {
        fig_log_errno("store %s: cannot create %s", path, name);
        return FIG_ERROR;
    }

    (void) close(fd);

    return FIG_OK;
}


fig_status_t
fig_sqlite_check(const char *path, sqlite3 *db)
{
    int            rc;
    const char    *text;
    fig_status_t   status;
    sqlite3_stmt  *stmt;

    rc = sqlite3_prepare_v2(db, "PRAGMA quick_check(1)", -1, &stmt, NULL);

    if (rc == SQLITE_OK) {
        rc = sqlite3_step(stmt);
    }

    if (rc != SQLITE_ROW) {
        status = fig_sqlite_failed(path, db, rc, "cannot be checked");
        (void) sqlite3_finalize(stmt);
        return status == FIG_OK ? FIG_ERROR : status;
    }

    text = (const char *) sqlite3_column_text(stmt, 0);
    status = FIG_OK;

    if (text == NULL || strcmp(text, "ok") != 0) {
        fig_log_error("store %s: corrupt, nothing was changed: %s", path,
                      text ? text : "no answer");
        status = FIG_ERROR;
    }

    (void) sqlite3_finalize(stmt);

    return status;
}


fig_status_t
fig_sqlite_file_sync(const char *path)
{
    return file_sync(path, path, 0);
}


fig_status_t
fig_sqlite_directory_sync(const char *path)
{
    char          *directory;
    fig_status_t   status;

    directory = file_directory(path);

    if (directory == NULL) {
        fig_log_error("store %s: out of memory", path);
        return FIG_ERROR;
    }

    status = file_sync(path, directory, O_DIRECTORY);
    free(directory);

    return status;
}


void
fig_sqlite_file_remove(const char *name)
{
    size_t  i;

    for (i = 0; i < sizeof(file_tails) / sizeof(file_tails[0]); i++) {
        file_unlink(name, file_tails[i]);
    }
}


void
fig_sqlite_look(const char *path, fig_sqlite_looked_t *looked)
{
    looked->wal = file_size(path, "-wal") >= 0;
    looked->shm = file_size(path, "-shm") >= 0;
}


void
fig_sqlite_unlook(const char *path, const fig_sqlite_looked_t *looked)
{
    if (!looked->wal && file_size(path, "-wal") == 0) {
        file_unlink(path, "-wal");
    }

    if (!looked->shm) {
        file_unlink(path, "-shm");
    }
}


/*
 * Through SQLite's own descriptor: closing another one of this file would end
 * the POSIX locks of every connection that this process has to it.
 */

static fig_status_t
file_header(const char *path, unsigned char *header)
{
    int            rc;
    sqlite3       *db;
    fig_status_t   status;
    sqlite3_file  *file;

    rc = sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY|SQLITE_OPEN_NOMUTEX,
                         NULL);

    if (rc == SQLITE_OK) {
        rc = sqlite3_file_control(db, "main", SQLITE_FCNTL_FILE_POINTER, &file);
    }

    if (rc == SQLITE_OK) {
        rc = file->pMethods->xRead(file, header, HEADER_SIZE, 0);
    }

    if (rc == SQLITE_OK || rc == SQLITE_IOERR_SHORT_READ) {
        /* it fills what is missing with zeros */
        status = FIG_OK;

    } else {
        status = fig_sqlite_failed(path, db, rc, "cannot be read");
    }

    (void) sqlite3_close(db);

    return status;
}


static fig_status_t
file_judge(const char *path, const unsigned char *header)
{
    uint32_t  version;

    if (memcmp(header, header_magic, sizeof(header_magic)) != 0) {
        fig_log_error("store %s: not a SQLite database", path);
        return FIG_ERROR;
    }

    if (file_uint32(header + HEADER_ID) != FIG_SQLITE_ID) {
        fig_log_error("store %s: the database of another application", path);
        return FIG_ERROR;
    }

    version = file_uint32(header + HEADER_VERSION);

    if (version != FIG_SQLITE_SCHEMA) {
        fig_log_error("store %s: its schema is version %u, this program "
                      "knows version %u", path, version, FIG_SQLITE_SCHEMA);
        return FIG_ERROR;
    }

    return FIG_OK;
}


/*
 * A log without its database may hold what was acknowledged; SQLite would
 * delete it.
 */

static fig_status_t
file_absent(const char *path)
{
    if (file_size(path, "-wal") > 0) {
        fig_log_error("store %s: missing, but its log %s-wal is there; put it "
                      "back, or remove the log", path, path);
        return FIG_ERROR;
    }

    return FIG_DECLINED;
}


static fig_status_t
file_fill(const char *path, const char *name,
    const fig_collection_t *const *collections)
{
    int            rc;
    char           sql[128];
    sqlite3       *db;
    fig_status_t   status;

    rc = sqlite3_open_v2(name, &db, SQLITE_OPEN_READWRITE|SQLITE_OPEN_NOMUTEX,
                         NULL);

    if (rc != SQLITE_OK) {
        status = fig_sqlite_failed(path, db, rc, "cannot be created");
        (void) sqlite3_close(db);
        return status;
    }

    (void) snprintf(sql, sizeof(sql),
                    "PRAGMA application_id = %d; PRAGMA user_version = %d;"
                    "PRAGMA journal_mode = WAL",
                    FIG_SQLITE_ID, FIG_SQLITE_SCHEMA);

    status = fig_sqlite_exec(path, db, "PRAGMA synchronous = FULL");

    if (status == FIG_OK) {
        status = fig_sqlite_schema_create(path, db, collections);
    }

    if (status == FIG_OK) {
        status = fig_sqlite_exec(path, db, sql);
    }

    (void) sqlite3_close(db);

    return status;
}


/*
 * From malloc(); NULL when memory is out.
 */

static char *
file_directory(const char *path)
{
    const char  *slash;

    slash = strrchr(path, '/');

    if (slash == NULL) {
        return strdup(".");
    }

    return strndup(path, slash == path ? 1 : (size_t) (slash - path));
}


static fig_status_t
file_sync(const char *path, const char *name, int flags)
{
    int           fd;
    fig_status_t  status;

    fd = open(name, O_RDONLY|O_CLOEXEC|flags);
    status = FIG_OK;

    if (fd == -1 || fsync(fd) != 0) {
        fig_log_errno("store %s: cannot sync %s", path, name);
        status = FIG_ERROR;
    }

    if (fd != -1) {
        (void) close(fd);
    }

    return status;
}


static void
file_unlink(const char *path, const char *tail)
{
    char  *file;

    if (asprintf(&file, "%s%s", path, tail) >= 0) {
        (void) unlink(file);
        free(file);
    }
}


/*
 * -1: there is none.
 */

static off_t
file_size(const char *path, const char *tail)
{
    int          rc;
    char        *file;
    struct stat  st;

    if (asprintf(&file, "%s%s", path, tail) < 0) {
        return -1;
    }

    rc = stat(file, &st);
    free(file);

    return rc == 0 ? st.st_size : -1;
}


static uint32_t
file_uint32(const unsigned char *p)
{
    return ((uint32_t) p[0] << 24) | ((uint32_t) p[1] << 16)
           | ((uint32_t) p[2] << 8) | (uint32_t) p[3];
}
