
/*
 * Copyright (C) Ficus authors
 */


#include <stdlib.h>
#include <string.h>

#include "fig_hash.h"
#include "replay.h"


#define CTL_COUNT_BLOCK  65536
#define CTL_COUNT_FIRST  1024


static bool ctl_count_grow(ctl_counts_t *counts);
static ctl_count_t *ctl_count_find(ctl_count_t *rows, size_t size,
    fig_str_t name);
static int ctl_count_compare(const void *a, const void *b);


ctl_count_t *
ctl_count(ctl_counts_t *counts, fig_str_t name)
{
    ctl_count_t  *row;

    if (counts->n >= counts->size / 4 * 3 && !ctl_count_grow(counts)) {
        return NULL;
    }

    row = ctl_count_find(counts->rows, counts->size, name);

    if (row->name.data == NULL && counts->max != 0
        && counts->n >= counts->max)
    {
        name = FIG_STR("(others)");
        row = ctl_count_find(counts->rows, counts->size, name);
    }

    if (row->name.data != NULL) {
        return row;
    }

    row->name = fig_arena_dup(counts->names, name);

    if (row->name.data == NULL) {
        return NULL;
    }

    counts->n++;

    return row;
}


static bool
ctl_count_grow(ctl_counts_t *counts)
{
    size_t        i, size;
    ctl_count_t  *rows;

    if (counts->names == NULL) {
        counts->names = fig_arena_create(CTL_COUNT_BLOCK, SIZE_MAX);
    }

    size = counts->size ? 2 * counts->size : CTL_COUNT_FIRST;
    rows = calloc(size, sizeof(ctl_count_t));

    if (rows == NULL || counts->names == NULL) {
        free(rows);
        return false;
    }

    for (i = 0; i < counts->size; i++) {
        if (counts->rows[i].name.data != NULL) {
            *ctl_count_find(rows, size, counts->rows[i].name)
                = counts->rows[i];
        }
    }

    free(counts->rows);
    counts->rows = rows;
    counts->size = size;

    return true;
}


/* its row, or the empty one where it belongs */

static ctl_count_t *
ctl_count_find(ctl_count_t *rows, size_t size, fig_str_t name)
{
    size_t  i;

    for (i = fig_hash_table(name) & (size - 1);
         rows[i].name.data != NULL && !fig_str_eq(rows[i].name, name);
         i = (i + 1) & (size - 1))
    {
        /* void */
    }

    return &rows[i];
}


size_t
ctl_count_sort(ctl_counts_t *counts)
{
    size_t  i, n;

    for (i = 0, n = 0; i < counts->size; i++) {
        if (counts->rows[i].name.data != NULL && counts->rows[i].moving > 0) {
            counts->rows[n++] = counts->rows[i];
        }
    }

    if (n > 0) {
        qsort(counts->rows, n, sizeof(ctl_count_t), ctl_count_compare);
    }

    return n;
}


static int
ctl_count_compare(const void *a, const void *b)
{
    const ctl_count_t  *x, *y;

    x = a;
    y = b;

    if (x->moving != y->moving) {
        return x->moving < y->moving ? 1 : -1;
    }

    return fig_str_cmp(x->name, y->name);
}


void
ctl_count_clear(ctl_counts_t *counts)
{
    free(counts->rows);
    fig_arena_destroy(counts->names);
    memset(counts, 0, sizeof(ctl_counts_t));
}
