
/*
 * Copyright (C) Ficus authors
 */


/*
 * Ops.  Each is one statement, whose conditions are in its text; a constraint
 * that fails undoes that statement alone, the transaction goes on.
 */


#include "fig_store_sqlite.h"
#include "fig_log.h"
#include <stdlib.h>
#include <string.h>


#define OP_SQL  1024


typedef struct {
    const char  *before;     /* the table's name */
    const char  *after;
} op_sql_t;


/* ?1 to ?12 as the columns are, ?13 the expected version */

#define OP_COLUMNS                                                            \
    "\" (" FIG_SQLITE_COLUMNS ", changed, body)"                              \
    " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)"             \
    " ON CONFLICT (id) DO "

#define OP_SET                                                                \
    "SET ver = ?2, ref = ?3, deleted = ?8, pending = ?9, made = ?10,"         \
    " changed = ?11, body = ?12"

#define OP_KEYS  ", k1 = ?4, k2 = ?5, k3 = ?6, k4 = ?7"
#define OP_KEPT  " AND k1 IS ?4 AND k2 IS ?5 AND k3 IS ?6 AND k4 IS ?7"

static const op_sql_t  op_sql[FIG_SQLITE_KINDS] = {
    { "INSERT INTO \"", OP_COLUMNS "NOTHING" },
    { "UPDATE \"", "\" " OP_SET OP_KEYS " WHERE id = ?1 AND ver = ?13" },
    { "UPDATE \"", "\" " OP_SET " WHERE id = ?1 AND ver = ?13" OP_KEPT },
    { "INSERT INTO \"", OP_COLUMNS "UPDATE " OP_SET OP_KEYS " WHERE ver < ?2" },
    { "UPDATE \"", "\" " OP_SET " WHERE id = ?1 AND ver < ?2" OP_KEPT },
    { "UPDATE \"",
      "\" SET pending = 0, changed = NULL WHERE id = ?1 AND ver = ?2" }
};


static int op_run(fig_sqlite_t *store, fig_op_t *op, fig_sqlite_kind_t kind);
static sqlite3_stmt *op_prepare(fig_sqlite_t *store, const fig_op_t *op,
    fig_sqlite_kind_t kind);
static void op_bind(sqlite3_stmt *stmt, const fig_op_t *op);
static void op_bind_text(sqlite3_stmt *stmt, int parameter, fig_str_t s);
static unsigned op_taken(sqlite3 *db);
static fig_sqlite_kind_t op_kind(const fig_op_t *op);


fig_status_t
fig_sqlite_ops_init(fig_sqlite_t *store)
{
    int                rc;
    fig_sqlite_ops_t  *ops;

    ops = &store->writer.ops;
    ops->ops = calloc((store->ncollections + 1) * FIG_SQLITE_KINDS,
                      sizeof(sqlite3_stmt *));

    if (ops->ops == NULL) {
        fig_log_error("store %s: out of memory", store->path);
        return FIG_ERROR;
    }

    if (fig_sqlite_connect(store, true, &ops->db) != FIG_OK) {
        return FIG_ERROR;
    }

    rc = sqlite3_prepare_v3(ops->db, "BEGIN IMMEDIATE", -1,
                            SQLITE_PREPARE_PERSISTENT, &ops->begin, NULL);

    if (rc == SQLITE_OK) {
        rc = sqlite3_prepare_v3(ops->db, "COMMIT", -1,
                                SQLITE_PREPARE_PERSISTENT, &ops->commit, NULL);
    }

    if (rc == SQLITE_OK) {
        rc = sqlite3_prepare_v3(ops->db, "ROLLBACK", -1,
                                SQLITE_PREPARE_PERSISTENT, &ops->rollback,
                                NULL);
    }

    if (rc != SQLITE_OK) {
        return fig_sqlite_failed(store->path, ops->db, rc, "cannot be used");
    }

    return FIG_OK;
}


void
fig_sqlite_ops_clear(fig_sqlite_t *store)
{
    size_t             i;
    fig_sqlite_ops_t  *ops;

    ops = &store->writer.ops;

    for (i = 0; ops->ops && i < store->ncollections * FIG_SQLITE_KINDS; i++) {
        (void) sqlite3_finalize(ops->ops[i]);
    }

    (void) sqlite3_finalize(ops->begin);
    (void) sqlite3_finalize(ops->commit);
    (void) sqlite3_finalize(ops->rollback);
    (void) sqlite3_close(ops->db);
    free(ops->ops);

    memset(ops, 0, sizeof(fig_sqlite_ops_t));
}


int
fig_sqlite_run(sqlite3_stmt *stmt)
{
    int  rc, reset;

    rc = sqlite3_step(stmt);
    reset = sqlite3_reset(stmt);

    return rc == SQLITE_DONE ? reset : rc;
}


/*
 * SQLite writes an index anew when a statement sets its column, to the same
 * value, too; most changes leave the keys as they are.
 */

int
fig_sqlite_apply(fig_sqlite_t *store, fig_op_t *op)
{
    int                rc;
    fig_sqlite_kind_t  kind;

    kind = op_kind(op);

    if (kind == FIG_SQLITE_UPDATE || kind == FIG_SQLITE_RAISE) {
        rc = op_run(store, op, kind + 1);

        if (rc != SQLITE_OK || op->status == FIG_OK) {
            return rc;
        }
    }

    return op_run(store, op, kind);
}


static int
op_run(fig_sqlite_t *store, fig_op_t *op, fig_sqlite_kind_t kind)
{
    int            rc;
    sqlite3       *db;
    sqlite3_stmt  *stmt;

    db = store->writer.ops.db;
    stmt = op_prepare(store, op, kind);

    if (stmt == NULL) {
        return sqlite3_extended_errcode(db);
    }

    op_bind(stmt, op);

    rc = sqlite3_step(stmt);

    if (rc == SQLITE_DONE) {
        op->status = sqlite3_changes(db) ? FIG_OK : FIG_CONFLICT;
        rc = SQLITE_OK;

    } else if (rc == SQLITE_CONSTRAINT_UNIQUE) {
        op->status = FIG_TAKEN;
        op->key = op_taken(db);
        rc = SQLITE_OK;
    }

    /* it repeats the error */
    (void) sqlite3_reset(stmt);

    return rc;
}


static sqlite3_stmt *
op_prepare(fig_sqlite_t *store, const fig_op_t *op, fig_sqlite_kind_t kind)
{
    size_t          i;
    fig_buf_t       sql;
    sqlite3_stmt  **stmt;

    i = fig_sqlite_index(store, op->collection);
    stmt = &store->writer.ops.ops[i * FIG_SQLITE_KINDS + kind];

    if (*stmt == NULL) {
        fig_buf_init(&sql, OP_SQL);
        fig_buf_puts(&sql, op_sql[kind].before);
        fig_buf_puts(&sql, op->collection->name);
        fig_buf_puts(&sql, op_sql[kind].after);

        if (fig_buf_ok(&sql)) {
            (void) sqlite3_prepare_v3(store->writer.ops.db, sql.data, -1,
                                      SQLITE_PREPARE_PERSISTENT, stmt, NULL);
        }

        fig_buf_clear(&sql);
    }

    return *stmt;
}


static void
op_bind(sqlite3_stmt *stmt, const fig_op_t *op)
{
    int               i;
    const fig_doc_t  *doc;

    doc = &op->doc;

    op_bind_text(stmt, 1, doc->id);
    (void) sqlite3_bind_int64(stmt, 2, (sqlite3_int64) doc->ver);

    if (op->kind == FIG_STORE_SETTLE) {
        return;
    }

    (void) sqlite3_bind_int64(stmt, 3, (sqlite3_int64) doc->ref);

    for (i = 0; i < FIG_STORE_KEYS; i++) {
        op_bind_text(stmt, 4 + i, doc->keys[i]);
    }

    (void) sqlite3_bind_int(stmt, 8, doc->deleted);
    (void) sqlite3_bind_int(stmt, 9, doc->pending);
    op_bind_text(stmt, 10, doc->made);
    op_bind_text(stmt, 11, doc->changed);
    op_bind_text(stmt, 12, doc->body);

    if (op_kind(op) == FIG_SQLITE_UPDATE) {
        (void) sqlite3_bind_int64(stmt, 13, (sqlite3_int64) op->expect);
    }
}


static void
op_bind_text(sqlite3_stmt *stmt, int parameter, fig_str_t s)
{
    if (s.data == NULL) {
        (void) sqlite3_bind_null(stmt, parameter);

    } else {
        (void) sqlite3_bind_text64(stmt, parameter, s.data, s.len,
                                   SQLITE_STATIC, SQLITE_UTF8);
    }
}


/*
 * The message is "UNIQUE constraint failed: users.k1".
 */

static unsigned
op_taken(sqlite3 *db)
{
    const char  *column;

    column = strrchr(sqlite3_errmsg(db), '.');

    if (column != NULL && column[1] == 'k'
        && column[2] > '0' && column[2] <= '0' + FIG_STORE_KEYS)
    {
        return (unsigned) (column[2] - '1');
    }

    return 0;
}


static fig_sqlite_kind_t
op_kind(const fig_op_t *op)
{
    switch (op->kind) {

    case FIG_STORE_RAISE:
        return FIG_SQLITE_RAISE;

    case FIG_STORE_SETTLE:
        return FIG_SQLITE_SETTLE;

    case FIG_STORE_PUT:
        break;
    }

    return op->expect ? FIG_SQLITE_UPDATE : FIG_SQLITE_INSERT;
}
