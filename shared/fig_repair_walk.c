
/*
 * Copyright (C) Ficus authors
 */


#include "fig_repair_parts.h"
#include <inttypes.h>
#include <string.h>


/* of the replica, looked at before the source is asked again */
#define FIG_REPAIR_SCAN  65536


/* how far the source was read; all: to its end */

typedef struct {
    char       at[FIG_DIGEST_ID];
    size_t     len;
    fig_str_t  bound;               /* absent: the replica's end */
} fig_repair_place_t;


static fig_status_t fig_repair_all(fig_repair_t *repair,
    const fig_buckets_t *buckets, unsigned mend, fig_repair_report_t *report);
static fig_status_t fig_repair_refill(fig_repair_t *repair,
    fig_repair_place_t *place);
static bool fig_repair_keep(void *data, const fig_doc_t *doc);
static fig_status_t fig_repair_part(fig_repair_t *repair,
    fig_repair_place_t *place, bool *reached);
static fig_status_t fig_repair_merge(fig_repair_t *repair, fig_json_t *rows,
    fig_str_t until);
static fig_status_t fig_repair_gone(fig_repair_t *repair, fig_str_t below,
    bool inclusive);
static fig_status_t fig_repair_row(fig_repair_t *repair,
    const fig_repair_doc_t *there);
static bool fig_repair_parse(fig_json_t *row, fig_repair_doc_t *there);


fig_status_t
fig_repair_mend(fig_repair_t *repair, const fig_buckets_t *buckets,
    unsigned mend, fig_repair_report_t *report)
{
    repair->again = false;
    repair->left = UINT64_MAX;

    return fig_repair_all(repair, buckets, mend, report);
}


fig_status_t
fig_repair_delete(fig_repair_t *repair, const fig_buckets_t *buckets,
    fig_repair_report_t *report)
{
    repair->again = true;
    repair->left = report->counts[FIG_REPAIR_IS_LOST];

    return fig_repair_all(repair, buckets, FIG_REPAIR_DELETE, report);
}


static fig_status_t
fig_repair_all(fig_repair_t *repair, const fig_buckets_t *buckets,
    unsigned mend, fig_repair_report_t *report)
{
    bool                reached;
    fig_status_t        rc;
    fig_repair_place_t  place;

    repair->buckets = *buckets;
    repair->mend = mend;
    repair->report = report;
    repair->nwanted = 0;

    memset(&place, 0, sizeof(fig_repair_place_t));
    memset(&repair->walk, 0, sizeof(fig_walk_t));

    repair->walk.store = repair->conf.store;
    repair->walk.collection = repair->conf.replica;
    repair->walk.arena = repair->page;
    repair->walk.rows = FIG_REPAIR_SCAN;
    repair->walk.each = fig_repair_keep;
    repair->walk.data = repair;
    fig_arena_reset(repair->wants);

    do {
        rc = fig_repair_refill(repair, &place);
        reached = false;

        while (rc == FIG_OK && !reached) {
            rc = repair->conf.going(repair->conf.data)
                 ? fig_repair_part(repair, &place, &reached) : FIG_AGAIN;
        }
    } while (rc == FIG_OK && place.bound.data);

    return rc == FIG_OK ? fig_repair_fetch(repair) : rc;
}


/* the next rows of the replica in these buckets */

static fig_status_t
fig_repair_refill(fig_repair_t *repair, fig_repair_place_t *place)
{
    fig_status_t  rc;

    repair->first = 0;
    repair->n = 0;
    fig_arena_reset(repair->rows);

    rc = fig_walk(&repair->walk);

    place->bound = (fig_str_t) { 0 };

    if (repair->walk.more) {
        place->bound.data = repair->walk.at;
        place->bound.len = repair->walk.at_len;
    }

    return rc;
}


static bool
fig_repair_keep(void *data, const fig_doc_t *doc)
{
    fig_repair_t      *repair;
    fig_repair_doc_t  *row;

    repair = data;

    if (!fig_buckets_has(&repair->buckets, doc->id)) {
        return true;
    }

    if (repair->n == FIG_REPAIR_ROWS) {
        return false;
    }

    row = &repair->here[repair->n];
    row->id = fig_arena_dup(repair->rows, doc->id);
    row->ver = doc->ver;
    row->deleted = doc->deleted;
    row->lost = doc->deleted && doc->ref == FIG_REPAIR_LOST;

    if (row->id.data == NULL) {
        return false;
    }

    repair->n++;

    return true;
}


/* one answer of the source; reached: it covers all up to the bound */

static fig_status_t
fig_repair_part(fig_repair_t *repair, fig_repair_place_t *place,
    bool *reached)
{
    bool          more;
    fig_buf_t    *request;
    fig_str_t     after, until;
    fig_json_t   *answer;
    fig_status_t  rc;

    request = &repair->request;
    after.data = place->at;
    after.len = place->len;

    fig_buf_reset(request);
    fig_buf_puts(request, "{\"after\":");
    fig_json_quote(request, after);

    if (place->bound.data) {
        fig_buf_puts(request, ",\"until\":");
        fig_json_quote(request, place->bound);
    }

    fig_buf_puts(request, ",\"buckets\":\"");
    fig_buckets_write(request, &repair->buckets);
    fig_buf_puts(request, "\"}");

    rc = fig_repair_ask_json(repair, FIG_SOURCE_BUCKET, &answer);

    if (rc != FIG_OK) {
        return rc;
    }

    until = fig_json_string(answer, "until");
    more = json_object_get_boolean(json_object_object_get(answer, "more"));

    if (!more) {
        until = place->bound;
    }

    if (until.len > FIG_DIGEST_ID || (more && fig_str_cmp(until, after) <= 0)) {
        rc = fig_repair_bad(repair, FIG_SOURCE_BUCKET, "it does not go on");

    } else {
        rc = fig_repair_merge(repair, json_object_object_get(answer, "rows"),
                              until);
    }

    if (rc == FIG_OK && until.data != NULL) {
        memcpy(place->at, until.data, until.len);
        place->len = until.len;
    }

    *reached = !more;
    json_object_put(answer);

    return rc;
}


/* both are in the order of ids; until: absent, to the end */

static fig_status_t
fig_repair_merge(fig_repair_t *repair, fig_json_t *rows, fig_str_t until)
{
    size_t             i, n;
    fig_status_t       rc;
    fig_repair_doc_t   there;

    if (!json_object_is_type(rows, json_type_array)) {
        return fig_repair_bad(repair, FIG_SOURCE_BUCKET, "it has no rows");
    }

    n = json_object_array_length(rows);

    for (i = 0; i < n; i++) {

        if (!fig_repair_parse(json_object_array_get_idx(rows, i), &there)) {
            return fig_repair_bad(repair, FIG_SOURCE_BUCKET,
                                  "a row is not [id, version, deleted]");
        }

        rc = fig_repair_gone(repair, there.id, false);

        if (rc == FIG_OK) {
            rc = fig_repair_row(repair, &there);
        }

        if (rc != FIG_OK) {
            return rc;
        }
    }

    return fig_repair_gone(repair, until, true);
}


/* rows of the replica that the source has not */

static fig_status_t
fig_repair_gone(fig_repair_t *repair, fig_str_t below, bool inclusive)
{
    int                cmp;
    fig_status_t       rc;
    fig_repair_doc_t  *here;

    for ( /* void */ ; repair->first < repair->n; repair->first++) {
        here = &repair->here[repair->first];
        cmp = below.data ? fig_str_cmp(here->id, below) : -1;

        if (cmp > 0 || (cmp == 0 && !inclusive)) {
            break;
        }

        if (here->lost) {
            continue;
        }

        fig_repair_found(repair, FIG_REPAIR_IS_LOST, here->id, 0, here->ver);

        if ((repair->mend & FIG_REPAIR_DELETE) == 0 || repair->left == 0) {
            continue;
        }

        repair->left--;
        rc = fig_repair_want(repair, here);

        if (rc != FIG_OK) {
            return rc;
        }
    }

    return FIG_OK;
}


static fig_status_t
fig_repair_row(fig_repair_t *repair, const fig_repair_doc_t *there)
{
    uint64_t           ver;
    fig_repair_doc_t   want, *here;

    ver = 0;
    here = NULL;

    if (repair->first < repair->n
        && fig_str_eq(repair->here[repair->first].id, there->id))
    {
        here = &repair->here[repair->first++];
        ver = here->ver;
    }

    if (here && here->ver == there->ver && here->deleted == there->deleted
        && !here->lost)
    {
        return FIG_OK;
    }

    if (ver >= there->ver) {
        fig_repair_found(repair, FIG_REPAIR_IS_NEWER, there->id, there->ver,
                         ver);
        return FIG_OK;
    }

    fig_repair_found(repair, FIG_REPAIR_IS_BEHIND, there->id, there->ver, ver);

    if ((repair->mend & FIG_REPAIR_FETCH) == 0) {
        return FIG_OK;
    }

    want = *there;
    want.ver = ver;

    return fig_repair_want(repair, &want);
}


static bool
fig_repair_parse(fig_json_t *row, fig_repair_doc_t *there)
{
    fig_json_t  *id;

    if (!json_object_is_type(row, json_type_array)
        || json_object_array_length(row) != 3)
    {
        return false;
    }

    id = json_object_array_get_idx(row, 0);

    if (!json_object_is_type(id, json_type_string)) {
        return false;
    }

    there->id.data = json_object_get_string(id);
    there->id.len = (size_t) json_object_get_string_len(id);
    there->ver = json_object_get_uint64(json_object_array_get_idx(row, 1));
    there->deleted = json_object_get_boolean(json_object_array_get_idx(row,
                                                                       2));
    there->lost = false;

    return there->id.len != 0;
}
