
/*
 * Copyright (C) Ficus authors
 */


#include "fig_outbox_rows.h"
#include "fig_hash.h"
#include <stdlib.h>
#include <string.h>


/* a power of two */
#ifndef FIG_ROWS
#define FIG_ROWS        8192
#endif

/* of all parcels together */
#define FIG_ROWS_BYTES  ((size_t) 32 * 1024 * 1024)


typedef struct {
    fig_row_t    *first;
    fig_row_t    *last;
    size_t        count;
} fig_row_list_t;


struct fig_rows_s {
    size_t          used;                     /* rows from here: untouched */
    size_t          bytes;
    uint64_t        serial;
    fig_row_list_t  lists[FIG_ROW_STATES];
    fig_row_t      *buckets[FIG_ROWS];
    fig_row_t       rows[FIG_ROWS];
};


static fig_row_t **fig_rows_bucket(fig_rows_t *rows, fig_str_t key);
static fig_row_t *fig_rows_new(fig_rows_t *rows, fig_str_t key);
static fig_row_t *fig_rows_place(fig_rows_t *rows);
static void fig_rows_forget(fig_rows_t *rows, fig_row_t *row);
static void fig_rows_unlink(fig_rows_t *rows, fig_row_t *row);
static void fig_rows_link(fig_rows_t *rows, fig_row_t *row, bool front);
static void fig_rows_free_parcel(fig_rows_t *rows, fig_row_t *row);


fig_rows_t *
fig_rows_create(void)
{
    return calloc(1, sizeof(fig_rows_t));
}


void
fig_rows_destroy(fig_rows_t *rows)
{
    size_t  i;

    if (rows == NULL) {
        return;
    }

    for (i = 0; i < rows->used; i++) {
        free(rows->rows[i].parcel);
        free(rows->rows[i].key);
    }

    free(rows);
}


fig_parcel_t *
fig_parcel_create(fig_str_t subject, fig_str_t id, fig_str_t payload)
{
    char          *p;
    fig_parcel_t  *parcel;

    parcel = malloc(sizeof(fig_parcel_t) + subject.len + id.len + payload.len
                    + 2);

    if (parcel == NULL) {
        return NULL;
    }

    p = (char *) (parcel + 1);

    parcel->subject = p;
    memcpy(p, subject.data, subject.len);
    p += subject.len;
    *p++ = '\0';

    parcel->id = p;
    memcpy(p, id.data, id.len);
    p += id.len;
    *p++ = '\0';

    parcel->payload.data = p;
    parcel->payload.len = payload.len;
    memcpy(p, payload.data, payload.len);

    return parcel;
}


fig_row_t *
fig_rows_find(fig_rows_t *rows, fig_str_t key)
{
    fig_row_t  *row;

    row = *fig_rows_bucket(rows, key);

    while (row
           && (row->len != key.len
               || memcmp(row->key, key.data, key.len) != 0))
    {
        row = row->chain;
    }

    return row;
}


static fig_row_t **
fig_rows_bucket(fig_rows_t *rows, fig_str_t key)
{
    return &rows->buckets[fig_hash_table(key) % FIG_ROWS];
}


fig_status_t
fig_rows_put(fig_rows_t *rows, fig_str_t key, uint64_t ver,
    fig_parcel_t *parcel, uint64_t now)
{
    size_t      bytes;
    fig_row_t  *row;

    row = fig_rows_find(rows, key);

    if (row && ver <= row->ver) {
        return FIG_DECLINED;
    }

    bytes = rows->bytes + parcel->payload.len;

    if (row && row->parcel) {
        bytes -= row->parcel->payload.len;
    }

    if (bytes > FIG_ROWS_BYTES && rows->bytes != 0) {
        return FIG_BUSY;
    }

    if (row == NULL) {
        row = fig_rows_new(rows, key);

        if (row == NULL) {
            return FIG_BUSY;
        }
    }

    fig_rows_free_parcel(rows, row);

    row->ver = ver;
    row->since = now;
    row->token = 0;
    row->parcel = parcel;
    rows->bytes += parcel->payload.len;

    if (row->state != FIG_ROW_QUEUED) {
        fig_rows_unlink(rows, row);
        row->state = FIG_ROW_QUEUED;
        row->time = now;
        fig_rows_link(rows, row, false);
    }

    return FIG_OK;
}


static fig_row_t *
fig_rows_new(fig_rows_t *rows, fig_str_t key)
{
    char       *copy;
    fig_row_t  *row, **bucket;

    copy = malloc(key.len + 1);

    if (copy == NULL) {
        return NULL;
    }

    row = fig_rows_place(rows);

    if (row == NULL) {
        free(copy);
        return NULL;
    }

    memcpy(copy, key.data, key.len);
    copy[key.len] = '\0';

    row->key = copy;
    row->len = key.len;

    bucket = fig_rows_bucket(rows, key);
    row->chain = *bucket;
    *bucket = row;

    return row;
}


/* one that was never used, or the one that was done with first */

static fig_row_t *
fig_rows_place(fig_rows_t *rows)
{
    fig_row_t  *row;

    if (rows->used < FIG_ROWS) {
        row = &rows->rows[rows->used++];
        row->state = FIG_ROW_IDLE;
        fig_rows_link(rows, row, false);

        return row;
    }

    row = rows->lists[FIG_ROW_IDLE].first;

    if (row == NULL) {
        row = rows->lists[FIG_ROW_REFUSED].first;
    }

    if (row) {
        fig_rows_forget(rows, row);
    }

    return row;
}


static void
fig_rows_forget(fig_rows_t *rows, fig_row_t *row)
{
    fig_str_t    key;
    fig_row_t  **p;

    key.data = row->key;
    key.len = row->len;

    for (p = fig_rows_bucket(rows, key); *p != row; p = &(*p)->chain) {
        /* void */
    }

    *p = row->chain;

    free(row->key);
    row->key = NULL;
}


fig_row_t *
fig_rows_first(fig_rows_t *rows, fig_row_state_t state)
{
    return rows->lists[state].first;
}


size_t
fig_rows_count(const fig_rows_t *rows, fig_row_state_t state)
{
    return rows->lists[state].count;
}


bool
fig_rows_full(const fig_rows_t *rows)
{
    return rows->bytes >= FIG_ROWS_BYTES
           || rows->lists[FIG_ROW_QUEUED].count
              + rows->lists[FIG_ROW_SENT].count >= FIG_ROWS;
}


void
fig_rows_move(fig_rows_t *rows, fig_row_t *row, fig_row_state_t state,
    uint64_t now)
{
    if (state <= FIG_ROW_REFUSED) {
        fig_rows_free_parcel(rows, row);
    }

    fig_rows_unlink(rows, row);
    row->state = state;
    row->time = now;
    fig_rows_link(rows, row, state == FIG_ROW_QUEUED);
}


static void
fig_rows_unlink(fig_rows_t *rows, fig_row_t *row)
{
    fig_row_list_t  *list;

    list = &rows->lists[row->state];
    list->count--;

    if (row->prev) {
        row->prev->next = row->next;

    } else {
        list->first = row->next;
    }

    if (row->next) {
        row->next->prev = row->prev;

    } else {
        list->last = row->prev;
    }
}


static void
fig_rows_link(fig_rows_t *rows, fig_row_t *row, bool front)
{
    fig_row_list_t  *list;

    list = &rows->lists[row->state];
    list->count++;

    row->prev = front ? NULL : list->last;
    row->next = front ? list->first : NULL;

    if (row->prev) {
        row->prev->next = row;

    } else {
        list->first = row;
    }

    if (row->next) {
        row->next->prev = row;

    } else {
        list->last = row;
    }
}


static void
fig_rows_free_parcel(fig_rows_t *rows, fig_row_t *row)
{
    if (row->parcel) {
        rows->bytes -= row->parcel->payload.len;
        free(row->parcel);
        row->parcel = NULL;
    }
}


fig_parcel_t *
fig_rows_lend(fig_rows_t *rows, fig_row_t *row)
{
    fig_parcel_t  *parcel;

    parcel = row->parcel;
    row->parcel = NULL;
    rows->bytes -= parcel->payload.len;

    return parcel;
}


void
fig_rows_return(fig_rows_t *rows, uint64_t token, fig_parcel_t *parcel)
{
    fig_row_t  *row;

    row = fig_rows_by_token(rows, token);

    if (row == NULL || row->state <= FIG_ROW_REFUSED) {
        free(parcel);
        return;
    }

    row->parcel = parcel;
    rows->bytes += parcel->payload.len;
}


uint64_t
fig_rows_token(fig_rows_t *rows, fig_row_t *row)
{
    row->token = ++rows->serial * FIG_ROWS + (uint64_t) (row - rows->rows);

    return row->token;
}


fig_row_t *
fig_rows_by_token(fig_rows_t *rows, uint64_t token)
{
    fig_row_t  *row;

    row = &rows->rows[token % FIG_ROWS];

    return row->token == token && token != 0 ? row : NULL;
}
