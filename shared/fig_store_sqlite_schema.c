
/*
 * Copyright (C) Ficus authors
 */


/*
 * The schema.  One table a collection, and an index for every order in which
 * pages of it are asked for: the index of a key goes on with the id, so that a
 * page of one key's documents is a range of it.  Names of collections are
 * [a-z_]+, those of everything else have a hyphen.
 *
 * Columns that tables did not have at first are added behind the others, so an
 * older Ficus works on with the database, but leaves them as they are.
 */


#include "fig_store_sqlite.h"
#include "fig_log.h"
#include <stdio.h>


#define SCHEMA_SQL  65536


static fig_status_t schema_columns(const char *path, sqlite3 *db,
    fig_buf_t *sql, const fig_collection_t *c);
static void schema_collection(fig_buf_t *sql, const fig_collection_t *c);
static void schema_names(fig_buf_t *sql, const fig_collection_t *c,
    unsigned *n);
static fig_status_t schema_number(const char *path, sqlite3 *db,
    const char *sql, sqlite3_int64 *number);
static const char *schema_index(const fig_collection_t *c, unsigned key);


fig_status_t
fig_sqlite_schema_create(const char *path, sqlite3 *db,
    const fig_collection_t *const *collections)
{
    fig_buf_t     sql;
    fig_status_t  status;

    fig_buf_init(&sql, SCHEMA_SQL);
    status = FIG_OK;

    fig_buf_puts(&sql,
                 "BEGIN IMMEDIATE;"
                 "CREATE TABLE IF NOT EXISTS \"" FIG_SQLITE_META "\" ("
                 "name TEXT PRIMARY KEY NOT NULL, value NOT NULL"
                 ") WITHOUT ROWID;"
                 "INSERT INTO \"" FIG_SQLITE_META "\" VALUES ('base', 0)"
                 " ON CONFLICT (name) DO NOTHING;");

    while (*collections != NULL && status == FIG_OK) {
        status = schema_columns(path, db, &sql, *collections);
        schema_collection(&sql, *collections++);
    }

    fig_buf_puts(&sql, "COMMIT");

    if (status == FIG_OK && fig_buf_ok(&sql)) {
        status = fig_sqlite_exec(path, db, sql.data);

    } else if (status == FIG_OK) {
        fig_log_error("store %s: too many collections", path);
        status = FIG_ERROR;
    }

    if (!sqlite3_get_autocommit(db)) {
        (void) sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
    }

    fig_buf_clear(&sql);

    return status;
}


fig_status_t
fig_sqlite_schema_missing(const char *path, sqlite3 *db,
    const fig_collection_t *const *collections, bool *missing)
{
    unsigned                         n;
    fig_buf_t                        sql;
    fig_status_t                     status;
    sqlite3_int64                    found;
    const fig_collection_t *const   *c;

    *missing = false;
    n = 0;
    fig_buf_init(&sql, SCHEMA_SQL);

    fig_buf_puts(&sql, "SELECT count(*) FROM (SELECT name FROM sqlite_schema");

    for (c = collections; *c != NULL; c++) {
        fig_buf_printf(&sql, " UNION ALL SELECT name FROM"
                       " pragma_table_info('%s')", (*c)->name);
    }

    fig_buf_puts(&sql, ") WHERE name IN (");

    for (c = collections; *c != NULL; c++) {
        schema_names(&sql, *c, &n);
    }

    fig_buf_puts(&sql, "'k4','made')");

    if (fig_buf_ok(&sql)) {
        status = schema_number(path, db, sql.data, &found);
        *missing = (status == FIG_OK && found != n);

    } else {
        fig_log_error("store %s: too many collections", path);
        status = FIG_ERROR;
    }

    fig_buf_clear(&sql);

    return status;
}


fig_status_t
fig_sqlite_base(const char *path, sqlite3 *db, uint64_t *base)
{
    fig_status_t    status;
    sqlite3_int64   value;

    *base = 0;

    status = schema_number(path, db, "SELECT value FROM \"" FIG_SQLITE_META
                           "\" WHERE name = 'base'", &value);

    if (status == FIG_OK && value < 0) {
        fig_log_error("store %s: its base is %lld", path, (long long) value);
        status = FIG_ERROR;
    }

    if (status == FIG_OK) {
        *base = (uint64_t) value;
    }

    return status;
}


/*
 * INDEXED BY makes sure, since a database without statistics lets SQLite
 * prefer the table.
 */

fig_status_t
fig_sqlite_list_sql(const fig_collection_t *c, const fig_query_t *q,
    fig_buf_t *sql)
{
    unsigned  i, best;

    best = FIG_STORE_KEYS;

    for (i = FIG_STORE_KEYS; i-- > 0; /* void */) {

        if (q->match[i].data != NULL
            && (best == FIG_STORE_KEYS || c->unique[i] || !c->unique[best]))
        {
            best = i;
        }
    }

    fig_buf_puts(sql, "SELECT " FIG_SQLITE_COLUMNS);
    fig_buf_puts(sql, q->brief ? ", NULL, NULL" : ", changed, body");
    fig_buf_printf(sql, " FROM \"%s\"", c->name);

    if (q->state == FIG_STORE_PENDING) {
        fig_buf_printf(sql, " INDEXED BY \"%s-pending\"", c->name);

    } else if (best != FIG_STORE_KEYS) {
        fig_buf_printf(sql, " INDEXED BY \"%s-%s\"", c->name,
                       schema_index(c, best));

    } else {
        fig_buf_printf(sql, " INDEXED BY \"%s-id\"", c->name);
    }

    fig_buf_puts(sql, " WHERE id > ?1");

    for (i = 0; i < FIG_STORE_KEYS; i++) {

        if (q->match[i].data != NULL) {
            fig_buf_printf(sql, " AND k%u = ?%u", i + 1, i + 3);
        }
    }

    if (q->state == FIG_STORE_PENDING) {
        fig_buf_puts(sql, " AND pending = 1");

    } else if (q->state == FIG_STORE_LIVE) {
        fig_buf_puts(sql, " AND deleted = 0");
    }

    if (q->ref_below != 0) {
        fig_buf_puts(sql, " AND ref < ?7");
    }

    /* SQLite would sort what can be one row only */
    if (q->state == FIG_STORE_PENDING || best == FIG_STORE_KEYS
        || !c->unique[best])
    {
        fig_buf_puts(sql, " ORDER BY id");
    }

    fig_buf_puts(sql, " LIMIT ?2");

    return fig_buf_ok(sql) ? FIG_OK : FIG_NOMEM;
}


/*
 * What a table lacks that an older version has made.
 */

static fig_status_t
schema_columns(const char *path, sqlite3 *db, fig_buf_t *sql,
    const fig_collection_t *c)
{
    char            query[256];
    fig_status_t    status;
    sqlite3_int64   old;

    (void) snprintf(query, sizeof(query),
                    "SELECT count(*) FROM sqlite_schema WHERE name = '%s'"
                    " AND NOT EXISTS (SELECT 1 FROM pragma_table_info('%s')"
                    " WHERE name = 'made')", c->name, c->name);
    status = schema_number(path, db, query, &old);

    if (status == FIG_OK && old != 0) {
        fig_buf_printf(sql,
                       "ALTER TABLE \"%s\" ADD COLUMN k4 TEXT;"
                       "ALTER TABLE \"%s\" ADD COLUMN made TEXT;",
                       c->name, c->name);
    }

    return status;
}


static void
schema_collection(fig_buf_t *sql, const fig_collection_t *c)
{
    unsigned     i, k;
    const char  *index;

    fig_buf_printf(sql,
                   "CREATE TABLE IF NOT EXISTS \"%s\" ("
                   "id TEXT NOT NULL,"
                   "ver INTEGER NOT NULL,"
                   "ref INTEGER NOT NULL,"
                   "k1 TEXT,"
                   "k2 TEXT,"
                   "k3 TEXT,"
                   "k4 TEXT,"
                   "deleted INTEGER NOT NULL,"
                   "pending INTEGER NOT NULL,"
                   "made TEXT,"
                   "changed TEXT,"
                   "body TEXT);"
                   "CREATE UNIQUE INDEX IF NOT EXISTS \"%s-id\" ON \"%s\" (id);"
                   "CREATE INDEX IF NOT EXISTS \"%s-pending\" ON \"%s\" (id)"
                   " WHERE pending = 1;",
                   c->name, c->name, c->name, c->name, c->name);

    for (i = 0; i < FIG_STORE_KEYS; i++) {
        k = i + 1;
        index = schema_index(c, i);

        if (c->keys[i] != NULL && c->unique[i]) {
            fig_buf_printf(sql,
                           "CREATE UNIQUE INDEX IF NOT EXISTS \"%s-%s\""
                           " ON \"%s\" (k%u)", c->name, index, c->name, k);
            fig_buf_puts(sql, i == FIG_STORE_ONCE ? " WHERE k4 IS NOT NULL;"
                         : ";");

        } else if (c->keys[i] != NULL) {
            fig_buf_printf(sql,
                           "CREATE INDEX IF NOT EXISTS \"%s-%s\""
                           " ON \"%s\" (k%u, id) WHERE k%u IS NOT NULL;",
                           c->name, index, c->name, k, k);
        }
    }
}


static void
schema_names(fig_buf_t *sql, const fig_collection_t *c, unsigned *n)
{
    unsigned  i;

    fig_buf_printf(sql, "'%s','%s-id','%s-pending',", c->name, c->name,
                   c->name);
    *n += 5;                           /* and two columns of the table */

    for (i = 0; i < FIG_STORE_KEYS; i++) {

        if (c->keys[i] != NULL) {
            fig_buf_printf(sql, "'%s-%s',", c->name, schema_index(c, i));
            *n += 1;
        }
    }
}


static fig_status_t
schema_number(const char *path, sqlite3 *db, const char *sql,
    sqlite3_int64 *number)
{
    int            rc;
    fig_status_t   status;
    sqlite3_stmt  *stmt;

    *number = 0;
    status = FIG_OK;

    rc = sqlite3_prepare_v2(db, sql, -1, &stmt, NULL);

    if (rc == SQLITE_OK) {
        rc = sqlite3_step(stmt);
    }

    if (rc == SQLITE_ROW) {
        *number = sqlite3_column_int64(stmt, 0);

    } else if (rc == SQLITE_DONE) {
        fig_log_error("store %s: corrupt: its base is missing", path);
        status = FIG_ERROR;

    } else {
        status = fig_sqlite_failed(path, db, rc, "cannot be read");
    }

    (void) sqlite3_finalize(stmt);

    return status;
}


/*
 * A key that becomes unique later gets another index then.
 */

static const char *
schema_index(const fig_collection_t *c, unsigned key)
{
    static const char *const  names[FIG_STORE_KEYS][2] = {
        { "k1", "k1-unique" },
        { "k2", "k2-unique" },
        { "k3", "k3-unique" },
        { "k4", "k4-unique" }
    };

    return names[key][c->unique[key]];
}
