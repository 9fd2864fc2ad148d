
/*
 * Copyright (C) Ficus authors
 */


#include <string.h>

#include "fig_resource_change.h"


static fig_status_t edit_draft(const fig_resource_t *resource,
    const fig_edit_t *edit, fig_arena_t *arena, fig_edit_pt change_it,
    fig_op_t *op);
static fig_status_t edit_settle(const fig_resource_t *resource,
    const fig_edit_t *edit, fig_arena_t *arena, fig_edit_pt change_it,
    const fig_op_t *op);


fig_status_t
fig_resource_edit(const fig_resource_t *resource, fig_str_t id,
    fig_arena_t *arena, fig_edit_pt edit, void *data)
{
    unsigned      n;
    fig_change_t  change;
    fig_status_t  rc;

    rc = FIG_CONFLICT;

    for (n = 0; rc == FIG_CONFLICT && n < FIG_CHANGE_TRIES; n++) {
        fig_change_open(&change, arena);
        rc = fig_change_load(resource, &change, id);

        if (rc == FIG_OK) {
            rc = edit(data, &change);
        }

        if (rc == FIG_OK) {
            rc = fig_change_finish(resource, &change, id);
        }

        if (rc == FIG_OK) {
            rc = fig_change_write(resource, &change, (fig_str_t) { 0, NULL });
        }

        fig_change_close(&change);
    }

    return rc == FIG_CONFLICT ? FIG_BUSY : rc;
}


fig_status_t
fig_resource_edit_many(const fig_resource_t *resource,
    const fig_edit_t *edits, size_t n, fig_arena_t *arena, fig_edit_pt edit)
{
    size_t        i, nops, *places;
    fig_op_t     *ops;
    fig_status_t  rc;

    ops = fig_arena_alloc(arena, n * sizeof(fig_op_t) + 1);
    places = fig_arena_alloc(arena, n * sizeof(size_t) + 1);
    if (ops == NULL || places == NULL) {
        return FIG_NOMEM;
    }

    nops = 0;

    for (i = 0; i < n; i++) {
        rc = edit_draft(resource, &edits[i], arena, edit, &ops[nops]);

        if (rc == FIG_OK) {
            places[nops++] = i;

        } else if (rc != FIG_DECLINED) {
            return rc;
        }
    }

    if (nops == 0) {
        return FIG_OK;
    }

    rc = fig_outbox_store(resource->outbox, ops, nops);

    for (i = 0; rc == FIG_OK && i < nops; i++) {
        rc = edit_settle(resource, &edits[places[i]], arena, edit, &ops[i]);
    }

    return rc;
}


static fig_status_t
edit_draft(const fig_resource_t *resource, const fig_edit_t *edit,
    fig_arena_t *arena, fig_edit_pt change_it, fig_op_t *op)
{
    fig_change_t  change;
    fig_status_t  rc;

    fig_change_open(&change, arena);
    change.stored = edit->doc;

    rc = fig_change_parse(&change);

    if (rc == FIG_OK) {
        rc = change_it(edit->data, &change);
    }

    if (rc == FIG_OK) {
        rc = fig_change_finish(resource, &change, edit->doc->id);
    }

    if (rc == FIG_OK) {
        fig_change_op(resource, &change, op);
    }

    fig_change_close(&change);

    return rc;
}


static fig_status_t
edit_settle(const fig_resource_t *resource, const fig_edit_t *edit,
    fig_arena_t *arena, fig_edit_pt change_it, const fig_op_t *op)
{
    fig_change_t  change;
    fig_status_t  rc;

    fig_change_open(&change, arena);
    change.stored = edit->doc;
    change.doc = op->doc;

    rc = fig_change_written(resource, &change, op, (fig_str_t) { 0, NULL });

    if (rc != FIG_OK) {
        rc = fig_resource_edit(resource, op->doc.id, arena, change_it,
                               edit->data);
    }

    return rc == FIG_DECLINED ? FIG_OK : rc;
}
