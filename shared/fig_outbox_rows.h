
/*
 * Copyright (C) Ficus authors
 */


/*
 * The rows that an outbox has in its hands, one a key; for
 * shared/fig_outbox*.c only.  A row that was published stays known until its
 * place is needed, so that an older version that comes late is not published
 * behind a newer one.
 *
 * Threads: none of its own; the outbox holds its mutex.
 */


#ifndef FIG_OUTBOX_ROWS_H_INCLUDED
#define FIG_OUTBOX_ROWS_H_INCLUDED


#include "fig_buf.h"


typedef enum {
    FIG_ROW_IDLE = 0,        /* stored by the bus, or never used */
    FIG_ROW_REFUSED,         /* too large for the bus */
    FIG_ROW_QUEUED,
    FIG_ROW_SENT,
    FIG_ROW_STATES
} fig_row_state_t;

/* what is published; one block of memory */
typedef struct {
    const char       *subject;
    const char       *id;
    fig_str_t         payload;
} fig_parcel_t;

typedef struct fig_row_s   fig_row_t;
typedef struct fig_rows_s  fig_rows_t;

struct fig_row_s {
    fig_row_state_t   state;
    uint64_t          ver;
    uint64_t          token;     /* of the last time it was published */
    uint64_t          since;     /* us: when it was committed */
    uint64_t          time;      /* us: when it came into its state */
    fig_parcel_t     *parcel;    /* NULL: being published, or not needed */
    char             *key;
    size_t            len;
    fig_row_t        *chain;
    fig_row_t        *prev;
    fig_row_t        *next;
};


fig_rows_t *fig_rows_create(void);                             /* or NULL */
void fig_rows_destroy(fig_rows_t *rows);                       /* NULL: ok */


/*
 * The parcel is copied together; NULL without memory.
 */

fig_parcel_t *fig_parcel_create(fig_str_t subject, fig_str_t id,
    fig_str_t payload);


/*
 * NULL: the key is not known.
 */

fig_row_t *fig_rows_find(fig_rows_t *rows, fig_str_t key);


/*
 * Queues a version, which replaces an older one that waits.  FIG_OK: the
 * parcel is taken.  Otherwise the caller keeps it.  FIG_DECLINED: this version
 * or a newer one is known; FIG_BUSY: no room.
 */

fig_status_t fig_rows_put(fig_rows_t *rows, fig_str_t key, uint64_t ver,
    fig_parcel_t *parcel, uint64_t now) FIG_NODISCARD;


/*
 * The row that is in a state for the longest time; NULL: none.
 */

fig_row_t *fig_rows_first(fig_rows_t *rows, fig_row_state_t state);
size_t fig_rows_count(const fig_rows_t *rows, fig_row_state_t state);
bool fig_rows_full(const fig_rows_t *rows);


/*
 * Brings a row into a state, before all others when it is queued again; a row
 * that is done with loses its parcel.
 */

void fig_rows_move(fig_rows_t *rows, fig_row_t *row, fig_row_state_t state,
    uint64_t now);


/*
 * Lends the parcel of a row, to be used without the mutex, and takes it back;
 * one that the row has no use for any more is freed.
 */

fig_parcel_t *fig_rows_lend(fig_rows_t *rows, fig_row_t *row);
void fig_rows_return(fig_rows_t *rows, uint64_t token, fig_parcel_t *parcel);


/*
 * A new token for a row; the row of a token, or NULL when it has another now.
 */

uint64_t fig_rows_token(fig_rows_t *rows, fig_row_t *row);
fig_row_t *fig_rows_by_token(fig_rows_t *rows, uint64_t token);


#endif /* FIG_OUTBOX_ROWS_H_INCLUDED */
