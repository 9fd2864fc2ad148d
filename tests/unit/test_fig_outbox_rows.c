
/*
 * Copyright (C) Ficus authors
 */


/* The rows in an outbox's hands, and what a scan has seen. */


#include "fig_outbox_rows.h"
#include "fig_outbox_seen.h"
#include "unit.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>


#define ROWS  8192


static void setup(void);
static fig_parcel_t *parcel(const char *payload);
static fig_status_t put(const char *key, uint64_t ver);
static fig_row_t *first(fig_row_state_t state);
static fig_row_t *find(const char *key);
static uint64_t send_first(void);


static fig_rows_t  *rows;


static void
setup(void)
{
    rows = fig_rows_create();
    ck_assert_ptr_nonnull(rows);
}


static fig_parcel_t *
parcel(const char *payload)
{
    fig_parcel_t  *made;

    made = fig_parcel_create(FIG_STR("users.updated.00"), FIG_STR("id"),
                             fig_str_from(payload));
    ck_assert_ptr_nonnull(made);

    return made;
}


static fig_status_t
put(const char *key, uint64_t ver)
{
    fig_status_t   rc;
    fig_parcel_t  *made;
    char           payload[32];

    (void) snprintf(payload, sizeof(payload), "%llu",
                    (unsigned long long) ver);

    made = parcel(payload);
    rc = fig_rows_put(rows, fig_str_from(key), ver, made, 1);

    if (rc != FIG_OK) {
        free(made);
    }

    return rc;
}


static fig_row_t *
first(fig_row_state_t state)
{
    return fig_rows_first(rows, state);
}


static fig_row_t *
find(const char *key)
{
    return fig_rows_find(rows, fig_str_from(key));
}


/* as the relay does; the token */

static uint64_t
send_first(void)
{
    uint64_t       token;
    fig_row_t     *row;
    fig_parcel_t  *lent;

    row = first(FIG_ROW_QUEUED);
    ck_assert_ptr_nonnull(row);

    token = fig_rows_token(rows, row);
    ck_assert_uint_ge(token, 1);

    lent = fig_rows_lend(rows, row);
    ck_assert_ptr_nonnull(lent);
    fig_rows_move(rows, row, FIG_ROW_SENT, 2);
    fig_rows_return(rows, token, lent);

    return token;
}


START_TEST(parcels)
{
    fig_parcel_t  *made;

    made = fig_parcel_create(FIG_STR("s.u"), FIG_STR("i/d"), FIG_STR("{}"));
    ck_assert_ptr_nonnull(made);
    ck_assert_str_eq(made->subject, "s.u");
    ck_assert_str_eq(made->id, "i/d");
    ck_assert(fig_str_eq(made->payload, FIG_STR("{}")));
    free(made);
}
END_TEST


START_TEST(the_newest_counts)
{
    setup();

    ck_assert_ptr_null(find("a"));
    ck_assert_int_eq(put("a", 2), FIG_OK);
    ck_assert_int_eq(put("a", 2), FIG_DECLINED);
    ck_assert_int_eq(put("a", 1), FIG_DECLINED);
    ck_assert_int_eq(put("b", 1), FIG_OK);
    ck_assert_int_eq(put("a", 3), FIG_OK);

    /* a newer state keeps its place */

    ck_assert_uint_eq(fig_rows_count(rows, FIG_ROW_QUEUED), 2);
    ck_assert_ptr_eq(first(FIG_ROW_QUEUED), find("a"));
    ck_assert_uint_eq(find("a")->ver, 3);
    ck_assert_int_eq(memcmp(find("a")->parcel->payload.data, "3", 1), 0);

    fig_rows_destroy(rows);
}
END_TEST


START_TEST(older_states_come_late)
{
    setup();

    ck_assert_int_eq(put("a", 6), FIG_OK);
    (void) send_first();
    ck_assert_int_eq(put("a", 5), FIG_DECLINED);
    fig_rows_move(rows, find("a"), FIG_ROW_IDLE, 3);
    ck_assert_int_eq(put("a", 5), FIG_DECLINED);
    ck_assert_int_eq(put("a", 6), FIG_DECLINED);
    ck_assert_ptr_null(find("a")->parcel);
    ck_assert_int_eq(put("a", 7), FIG_OK);

    fig_rows_destroy(rows);
}
END_TEST


START_TEST(answers)
{
    uint64_t    old, new;
    fig_row_t  *row;

    setup();

    ck_assert_ptr_null(fig_rows_by_token(rows, 0));
    ck_assert_ptr_null(fig_rows_by_token(rows, 1));

    ck_assert_int_eq(put("a", 1), FIG_OK);
    old = send_first();
    row = find("a");
    ck_assert_ptr_eq(fig_rows_by_token(rows, old), row);
    ck_assert_ptr_nonnull(row->parcel);

    /* the answer for a version that is past is nobody's */

    ck_assert_int_eq(put("a", 2), FIG_OK);
    ck_assert_ptr_null(fig_rows_by_token(rows, old));
    new = send_first();
    ck_assert_uint_ne(new, old);
    ck_assert_ptr_null(fig_rows_by_token(rows, old));
    ck_assert_ptr_eq(fig_rows_by_token(rows, new), row);

    /* published again: before all others, with its parcel */

    ck_assert_int_eq(put("b", 1), FIG_OK);
    fig_rows_move(rows, row, FIG_ROW_QUEUED, 3);
    ck_assert_ptr_eq(first(FIG_ROW_QUEUED), row);
    ck_assert_ptr_nonnull(row->parcel);

    fig_rows_destroy(rows);
}
END_TEST


/* a parcel that comes back when nobody wants it any more */

START_TEST(lent_parcels)
{
    uint64_t       token;
    fig_row_t     *row;
    fig_parcel_t  *lent;

    setup();

    ck_assert_int_eq(put("a", 1), FIG_OK);
    row = find("a");
    token = fig_rows_token(rows, row);
    lent = fig_rows_lend(rows, row);
    fig_rows_move(rows, row, FIG_ROW_SENT, 2);
    ck_assert_int_eq(put("a", 2), FIG_OK);
    fig_rows_return(rows, token, lent);
    ck_assert_int_eq(memcmp(row->parcel->payload.data, "2", 1), 0);

    token = fig_rows_token(rows, row);
    lent = fig_rows_lend(rows, row);
    fig_rows_move(rows, row, FIG_ROW_SENT, 2);
    fig_rows_move(rows, row, FIG_ROW_IDLE, 3);
    fig_rows_return(rows, token, lent);
    ck_assert_ptr_null(row->parcel);

    fig_rows_destroy(rows);
}
END_TEST


START_TEST(no_room)
{
    unsigned  i;
    char      key[16];

    setup();

    for (i = 0; i < ROWS; i++) {
        ck_assert(!fig_rows_full(rows));
        (void) snprintf(key, sizeof(key), "k%u", i);
        ck_assert_int_eq(put(key, 1), FIG_OK);
    }

    ck_assert(fig_rows_full(rows));
    ck_assert_int_eq(put("more", 1), FIG_BUSY);
    ck_assert_int_eq(put("k7", 2), FIG_OK);

    /* the place of one that is done with, its key forgotten */

    fig_rows_move(rows, find("k5"), FIG_ROW_IDLE, 2);
    fig_rows_move(rows, find("k6"), FIG_ROW_REFUSED, 2);
    ck_assert_int_eq(put("more", 1), FIG_OK);
    ck_assert_ptr_null(find("k5"));
    ck_assert_ptr_nonnull(find("k6"));
    ck_assert_int_eq(put("again", 1), FIG_OK);
    ck_assert_ptr_null(find("k6"));
    ck_assert_int_eq(put("once", 1), FIG_BUSY);

    for (i = 7; i < ROWS; i++) {
        (void) snprintf(key, sizeof(key), "k%u", i);
        ck_assert_ptr_nonnull(find(key));
    }

    fig_rows_destroy(rows);
    fig_rows_destroy(NULL);
}
END_TEST


START_TEST(too_many_bytes)
{
    char          *payload;
    unsigned       i;
    fig_parcel_t  *made;
    char           key[16];

    setup();

    payload = malloc(1024 * 1024 + 1);
    ck_assert_ptr_nonnull(payload);
    memset(payload, 'x', 1024 * 1024);
    payload[1024 * 1024] = '\0';

    for (i = 0; i < 40; i++) {
        (void) snprintf(key, sizeof(key), "k%u", i);
        made = parcel(payload);

        if (fig_rows_put(rows, fig_str_from(key), 1, made, 1) != FIG_OK) {
            free(made);
            break;
        }
    }

    ck_assert_uint_eq(i, 32);
    ck_assert(fig_rows_full(rows));

    /* what is done with makes room, and so does a state that is replaced */

    fig_rows_move(rows, find("k0"), FIG_ROW_IDLE, 2);
    ck_assert(!fig_rows_full(rows));
    ck_assert_int_eq(put("k1", 2), FIG_OK);
    ck_assert_int_eq(put("small", 1), FIG_OK);

    free(payload);
    fig_rows_destroy(rows);
}
END_TEST


START_TEST(seen)
{
    unsigned     i, n;
    fig_seen_t  *set;
    char         key[16];

    set = fig_seen_create();
    ck_assert_ptr_nonnull(set);

    ck_assert(!fig_seen_has(set, FIG_STR("a"), 1));
    fig_seen_add(set, FIG_STR("a"), 1);
    fig_seen_add(set, FIG_STR("a"), 1);
    ck_assert(fig_seen_has(set, FIG_STR("a"), 1));
    ck_assert(!fig_seen_has(set, FIG_STR("a"), 2));
    ck_assert(!fig_seen_has(set, FIG_STR("b"), 1));

    fig_seen_clear(set);
    ck_assert(!fig_seen_has(set, FIG_STR("a"), 1));

    /* full, it has everything */

    n = 0;

    for (i = 0; i < 60000; i++) {
        (void) snprintf(key, sizeof(key), "k%u", i);
        fig_seen_add(set, fig_str_from(key), 1);
        n += !fig_seen_has(set, fig_str_from(key), 1);
    }

    ck_assert_uint_eq(n, 0);
    ck_assert(fig_seen_has(set, FIG_STR("never"), 1));

    fig_seen_destroy(set);
    fig_seen_destroy(NULL);
}
END_TEST


int
main(void)
{
    const TTest *const  tests[] = {
        parcels, the_newest_counts, older_states_come_late, answers,
        lent_parcels, no_room, too_many_bytes, seen
    };

    return unit_run("fig_outbox_rows", tests, UNIT_COUNT(tests));
}
