
/*
 * Copyright (C) Ficus authors
 */


/*
 * The inside of a repair; for shared/fig_repair*.c only.
 */


#ifndef FIG_REPAIR_PARTS_H_INCLUDED
#define FIG_REPAIR_PARTS_H_INCLUDED


#include "fig_json.h"
#include "fig_repair.h"
#include "fig_source.h"


/* rows of the replica that wait for those of the source */
#define FIG_REPAIR_ROWS  4096


typedef struct {
    fig_str_t          id;
    uint64_t           ver;
    bool               deleted;
    bool               lost;              /* FIG_REPAIR_LOST */
} fig_repair_doc_t;


struct fig_repair_s {
    fig_repair_conf_t  conf;
    fig_arena_t       *arena;             /* of a request and its answer */
    fig_arena_t       *page;              /* of a page of the replica */
    fig_arena_t       *rows;              /* the ids of here[] */
    fig_arena_t       *wants;             /* the ids of wanted[] */

    fig_buf_t          request;
    fig_digest_t       there;
    fig_digest_t       sum;
    fig_walk_t         walk;              /* of the replica */

    /* of the replica, in the order of ids */
    fig_buckets_t      buckets;
    size_t             first;
    size_t             n;
    fig_repair_doc_t   here[FIG_REPAIR_ROWS];

    /* what has to be fetched; ver: the replica's, 0: none */
    size_t             nwanted;
    fig_repair_doc_t   wanted[FIG_REPAIR_BATCH];
    fig_event_t        events[FIG_REPAIR_BATCH];

    unsigned           mend;
    bool               again;             /* it was found the first time */
    uint64_t           left;              /* of what may be deleted */
    fig_repair_report_t  *report;
};


/*
 * fig_repair.c.  ask: sends repair->request; answer: as it came, in the
 * arena.  ask_json: the answer's object, for the caller to drop.
 */

fig_status_t fig_repair_ask(fig_repair_t *repair, const char *request,
    fig_str_t *answer);
fig_status_t fig_repair_ask_json(fig_repair_t *repair, const char *request,
    fig_json_t **answer);
fig_status_t fig_repair_bad(const fig_repair_t *repair, const char *request,
    const char *why);
void fig_repair_found(fig_repair_t *repair, fig_repair_kind_t kind,
    fig_str_t id, uint64_t source, uint64_t replica);


/*
 * fig_repair_fetch.c.  want: has to be fetched, which is done when there are
 * enough; fetch: what was not yet.
 */

fig_status_t fig_repair_want(fig_repair_t *repair,
    const fig_repair_doc_t *doc);
fig_status_t fig_repair_fetch(fig_repair_t *repair);


#endif /* FIG_REPAIR_PARTS_H_INCLUDED */
