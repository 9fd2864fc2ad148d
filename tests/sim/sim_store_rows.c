
/*
 * Copyright (C) Ficus authors
 */


/*
 * What is durable: rows, and the one way to change them.
 */


#include <string.h>

#include "sim_bugs.h"
#include "sim_check.h"
#include "sim_store.h"


static size_t sim_row_place(const sim_table_t *table, fig_str_t id,
    bool *found);
static fig_status_t sim_store_decide(const sim_table_t *table,
    const fig_doc_t *row, fig_op_t *op);
static bool sim_store_taken(const sim_table_t *table, fig_op_t *op);
static void sim_store_put(sim_database_t *database, sim_table_t *table,
    const fig_op_t *op);
static void sim_doc_copy(fig_doc_t *to, const fig_doc_t *from);


fig_doc_t *
sim_row(const sim_table_t *table, fig_str_t id)
{
    bool    found;
    size_t  i;

    i = sim_row_place(table, id, &found);

    return found ? table->rows[i] : NULL;
}


static size_t
sim_row_place(const sim_table_t *table, fig_str_t id, bool *found)
{
    int     order;
    size_t  i;

    *found = false;

    for (i = 0; i < table->n; i++) {
        order = fig_str_cmp(table->rows[i]->id, id);

        if (order >= 0) {
            *found = order == 0;
            break;
        }
    }

    return i;
}


void
sim_row_remove(sim_table_t *table, fig_str_t id)
{
    bool    found;
    size_t  i;

    i = sim_row_place(table, id, &found);

    if (found) {
        table->n--;
        memmove(&table->rows[i], &table->rows[i + 1],
                (table->n - i) * sizeof(fig_doc_t *));
    }
}


void
sim_store_apply(sim_database_t *database, fig_op_t *ops, size_t n, bool dry)
{
    size_t        i;
    fig_op_t     *op;
    fig_doc_t    *row;
    sim_table_t  *table;

    for (i = 0; i < n; i++) {
        op = &ops[i];
        table = sim_table(database->name, op->collection->name);
        row = sim_row(table, op->doc.id);

        op->status = sim_store_decide(table, row, op);

        if (op->status != FIG_OK || dry) {
            continue;
        }

        if (op->kind == FIG_STORE_SETTLE) {
            sim_trace("%s/%s %.*s version %llu is settled", database->name,
                      table->name, (int) op->doc.id.len, op->doc.id.data,
                      (unsigned long long) op->doc.ver);

            row->pending = false;
            row->changed = FIG_STR("");
            sim_bug_settled(table, row);

        } else {
            sim_store_put(database, table, op);
        }
    }
}


static fig_status_t
sim_store_decide(const sim_table_t *table, const fig_doc_t *row, fig_op_t *op)
{
    if (sim_bug_decide(table, row, op)) {
        return op->status;
    }

    switch (op->kind) {

    case FIG_STORE_PUT:
        if ((row ? row->ver : 0) != op->expect) {
            return FIG_CONFLICT;
        }

        return sim_store_taken(table, op) ? FIG_TAKEN : FIG_OK;

    case FIG_STORE_RAISE:
        return row && row->ver >= op->doc.ver ? FIG_CONFLICT : FIG_OK;

    case FIG_STORE_SETTLE:
        return row && row->ver == op->doc.ver ? FIG_OK : FIG_CONFLICT;
    }

    return FIG_INVALID;
}


static bool
sim_store_taken(const sim_table_t *table, fig_op_t *op)
{
    size_t            i;
    unsigned          k;
    const fig_doc_t  *row;

    for (k = 0; k < FIG_STORE_KEYS; k++) {

        if (!table->collection->unique[k] || op->doc.keys[k].data == NULL) {
            continue;
        }

        for (i = 0; i < table->n; i++) {
            row = table->rows[i];

            if (!fig_str_eq(row->id, op->doc.id)
                && row->keys[k].data != NULL
                && fig_str_eq(row->keys[k], op->doc.keys[k]))
            {
                op->key = k;
                return true;
            }
        }
    }

    return false;
}


static void
sim_store_put(sim_database_t *database, sim_table_t *table,
    const fig_op_t *op)
{
    bool        found;
    size_t      i;
    fig_doc_t  *doc;

    i = sim_row_place(table, op->doc.id, &found);

    if (!found && table->n == SIM_ROWS) {
        sim_violation("too many rows in %s", table->name);
        return;
    }

    doc = sim_alloc(sizeof(fig_doc_t));
    sim_doc_copy(doc, &op->doc);
    sim_bug_stored(table, doc);

    sim_trace("%s/%s %.*s becomes version %llu%s%s: %.*s", database->name,
              table->name, (int) doc->id.len, doc->id.data,
              (unsigned long long) doc->ver, doc->deleted ? ", deleted" : "",
              doc->pending ? ", pending" : "", (int) doc->body.len,
              doc->body.data ? doc->body.data : "");

    sim_check_commit(database, table, found ? table->rows[i] : NULL, doc);

    if (!found) {
        memmove(&table->rows[i + 1], &table->rows[i],
                (table->n - i) * sizeof(fig_doc_t *));
        table->n++;
    }

    table->rows[i] = doc;
}


static void
sim_doc_copy(fig_doc_t *to, const fig_doc_t *from)
{
    unsigned  k;

    *to = *from;
    to->id = sim_dup(from->id);
    to->body = sim_dup(from->body);
    to->changed = sim_dup(from->changed);
    to->made = sim_dup(from->made);

    for (k = 0; k < FIG_STORE_KEYS; k++) {
        to->keys[k] = sim_dup(from->keys[k]);
    }
}


fig_op_t *
sim_ops_copy(const fig_op_t *ops, size_t n)
{
    size_t     i;
    fig_op_t  *copy;

    copy = sim_alloc(n * sizeof(fig_op_t));

    for (i = 0; i < n; i++) {
        copy[i] = ops[i];
        sim_doc_copy(&copy[i].doc, &ops[i].doc);
    }

    return copy;
}
