
/*
 * Copyright (C) Ficus authors
 */


/*
 * The checker.  It sees every state that becomes durable, and every answer.
 */


#ifndef SIM_CHECK_H_INCLUDED
#define SIM_CHECK_H_INCLUDED


#include "sim_store.h"


#define SIM_HISTORIES  16
#define SIM_VERSIONS   160


typedef struct {
    uint64_t        ver;
    bool            deleted;
    fig_str_t       body;
    fig_str_t       email;
    fig_str_t       address;
    fig_str_t       product;
} sim_version_t;

/* of one user or one order */
typedef struct {
    fig_str_t       id;
    size_t          n;
    uint64_t        seen;       /* by somebody, the newest */
    uint64_t        acked;      /* a write's, the newest */
    uint64_t        replica;    /* in the orders' replica, the newest ever */
    sim_version_t   versions[SIM_VERSIONS];
} sim_history_t;


void sim_check_init(void);
sim_history_t *sim_history(const char *table, fig_str_t id);

void sim_check_commit(const sim_database_t *database,
    const sim_table_t *table, const fig_doc_t *before, const fig_doc_t *doc);


/*
 * What a client was answered: a document, that it is deleted now, or that
 * there is none.  seen is what the history's was when the client asked.
 */

void sim_check_got(sim_history_t *history, uint64_t seen, uint64_t ver,
    fig_str_t body, bool written);
void sim_check_deleted(sim_history_t *history, uint64_t seen);
void sim_check_missing(const sim_history_t *history, uint64_t seen);


/*
 * Whether everything is in step; if not, *what says where.  acked: whether
 * each write that was answered with success is there still.
 */

bool sim_check_level(const char **what);


/*
 * Whether a document is marked, and in step with the rest only when it is
 * published.
 */

bool sim_check_marked(void);
void sim_check_acked(void);

fig_str_t sim_field(fig_str_t body, const char *name);


#endif /* SIM_CHECK_H_INCLUDED */
