
/*
 * Copyright (C) Ficus authors
 */


/*
 * Repair: compares a replica with its source (fig_source.h) and asks for what
 * the replica has not.
 *
 *     behind   the source has a newer version, or an id that is not here
 *     lost     the source has no trace of an id that is here and not deleted
 *     newer    the replica has the newer version: that is nobody's to mend
 *     large    the bus takes no message that holds the event
 *
 * A lost document becomes a deletion, one version above the replica's, with
 * doc.ref FIG_REPAIR_LOST; the source will never know of it, so it is left out
 * of the replica's sums.
 *
 * A range of ids is summed here directly after it was summed there, and rows
 * are read here before they are read there: what is on its way looks behind at
 * worst, never lost or newer.
 *
 * Threads: one at a time.
 */


#ifndef FIG_REPAIR_H_INCLUDED
#define FIG_REPAIR_H_INCLUDED


#include "fig_digest.h"
#include "fig_event.h"


#define FIG_REPAIR_LOST   1

/* what to mend; neither: only look */
#define FIG_REPAIR_FETCH  1      /* what is behind */
#define FIG_REPAIR_DELETE 2      /* what is lost */

/* documents that are handed over together */
#define FIG_REPAIR_BATCH  512

/* documents that a report names */
#define FIG_REPAIR_NAMED  100


typedef enum {
    FIG_REPAIR_IS_BEHIND = 0,
    FIG_REPAIR_IS_LOST,
    FIG_REPAIR_IS_NEWER,
    FIG_REPAIR_IS_LARGE,
    FIG_REPAIR_KINDS
} fig_repair_kind_t;

typedef struct {
    fig_repair_kind_t        kind;
    uint64_t                 source;      /* its version; 0: none */
    uint64_t                 replica;
    size_t                   len;
    char                     id[FIG_DIGEST_ID];
} fig_repair_row_t;

typedef struct {
    uint64_t                 rows;        /* that were summed here */
    bool                     none;        /* the source has no document */
    unsigned                 buckets;     /* that differ */
    uint64_t                 counts[FIG_REPAIR_KINDS];
    uint64_t                 mended;      /* handed over */
    size_t                   n;
    fig_repair_row_t         named[FIG_REPAIR_NAMED];
} fig_repair_report_t;


typedef struct {
    fig_store_t             *store;
    fig_bus_t               *bus;
    const fig_topic_t       *topic;
    const fig_collection_t  *replica;

    /*
     * Brings these states in, at most FIG_REPAIR_BATCH; they may be older than
     * the replica's by now.  Other than FIG_OK ends the repair.
     */
    fig_status_t           (*mend)(void *data, const fig_event_t *events,
        size_t n);

    /* false: it is time to end, FIG_AGAIN */
    bool                   (*going)(void *data);
    void                    *data;
} fig_repair_conf_t;

typedef struct fig_repair_s  fig_repair_t;


fig_repair_t *fig_repair_create(const fig_repair_conf_t *conf); /* or NULL */
void fig_repair_destroy(fig_repair_t *repair);                 /* NULL: ok */


/*
 * The buckets in which they differ now; rows and buckets of the report are
 * set.  FIG_AGAIN: the source does not answer, or it is time to end;
 * FIG_ERROR: the store, or an answer that is none, which was logged.
 */

fig_status_t fig_repair_look(fig_repair_t *repair, fig_buckets_t *differ,
    fig_repair_report_t *report) FIG_NODISCARD;


/*
 * Compares these buckets id by id, adds to the report, and mends.  The same
 * statuses, and those of mend().  delete: the same once more for what was found
 * lost, and no more than that, when the first time was without
 * FIG_REPAIR_DELETE; of the report only mended changes.
 */

fig_status_t fig_repair_mend(fig_repair_t *repair,
    const fig_buckets_t *buckets, unsigned mend, fig_repair_report_t *report)
    FIG_NODISCARD;
fig_status_t fig_repair_delete(fig_repair_t *repair,
    const fig_buckets_t *buckets, fig_repair_report_t *report) FIG_NODISCARD;


/*
 * The source's state of one document.  FIG_DECLINED: it has none, or cannot
 * send it; else the same statuses.
 */

fig_status_t fig_repair_get(fig_repair_t *repair, fig_str_t id,
    fig_arena_t *arena, fig_event_t *event) FIG_NODISCARD;


/* "behind", ...; static */
const char *fig_repair_kind_name(fig_repair_kind_t kind);


#endif /* FIG_REPAIR_H_INCLUDED */
