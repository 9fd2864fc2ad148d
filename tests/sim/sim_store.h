
/*
 * Copyright (C) Ficus authors
 */


/*
 * The store: two databases in memory, which outlive their processes.
 */


#ifndef SIM_STORE_H_INCLUDED
#define SIM_STORE_H_INCLUDED


#include "fig_store_backend.h"
#include "sim.h"


#define SIM_ROWS    64
#define SIM_TABLES  8


typedef struct {
    const char              *name;
    const fig_collection_t  *collection;
    size_t                   n;
    fig_doc_t               *rows[SIM_ROWS];      /* in the order of ids */
} sim_table_t;

typedef struct {
    const char              *name;                /* "users", "orders" */
    size_t                   n;
    sim_table_t              tables[SIM_TABLES];
} sim_database_t;


extern const fig_store_backend_t  sim_store_backend;


void sim_store_init(void);

/* NULL: nobody has opened it yet */
sim_table_t *sim_table(const char *database, const char *name);
fig_doc_t *sim_row(const sim_table_t *table, fig_str_t id);
void sim_row_remove(sim_table_t *table, fig_str_t id);

/* sets the status of each; unless dry they are durable now */
void sim_store_apply(sim_database_t *database, fig_op_t *ops, size_t n,
    bool dry);
fig_op_t *sim_ops_copy(const fig_op_t *ops, size_t n);


#endif /* SIM_STORE_H_INCLUDED */
