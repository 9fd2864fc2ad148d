
/*
 * Copyright (C) Ficus authors
 */


/*
 * What the store's tests share: the backends, each with a fresh and empty
 * place to store in, and short ways to say an op.
 */


#ifndef STORE_FIXTURE_H_INCLUDED
#define STORE_FIXTURE_H_INCLUDED


#include <check.h>

#include "fig_store.h"


#define MB  ((size_t) 1048576)


typedef struct {
    const char        *name;

    /* how often long loops go: FerretDB reads all for every change */
    int                times;

    /* a fresh place; the URI lives until drop */
    const char      *(*create)(void);
    void             (*drop)(void);

    /* raises the base while the store is closed, as a restored backup does */
    void             (*raise)(uint64_t base);
} backend_t;


/* SQLite, and MongoDB where there is a server; set by run_suite() */

extern const backend_t  backends[];
extern int              nbackends;


/* users: e-mail (unique), city, both; notes have no key */

extern const fig_collection_t         users;
extern const fig_collection_t         notes;
extern const fig_collection_t *const  collections[];


/* opened by store_setup(): the fixture of one test */

extern const backend_t   *backend;
extern fig_store_conf_t   conf;
extern fig_store_t       *store;
extern fig_arena_t       *arena;

void store_setup(int n);              /* of backends */
void store_teardown(void);
void store_reopen(void);


/* a directory of its own, below $TMPDIR; dropped with all that is in it */

const char *directory_create(void);
void directory_drop(void);
char *directory_file(const char *name);         /* from malloc() */


/* strings live as long as the arguments do */

fig_op_t op_put(const char *id, uint64_t expect, const char *email,
    const char *city, const char *body);        /* ver is expect + 1 */
fig_op_t op_raise(const char *id, uint64_t ver, const char *body);
fig_op_t op_settle(const char *id, uint64_t ver);
fig_op_t op_note(const char *id, const char *body);

fig_status_t op_write(fig_op_t op);             /* the op's status */
unsigned op_taken(fig_op_t op);                 /* asserts FIG_TAKEN */

/* asserts that it is there */
fig_doc_t doc_get(const fig_collection_t *collection, const char *id);
uint64_t doc_ver(const char *id);               /* of users; 0: no row */

fig_query_t query_all(unsigned limit);
fig_page_t page_get(const fig_collection_t *collection, fig_query_t query);

/* the ids of a page, with a comma between them */
const char *page_ids(const fig_page_t *page);

void ck_str(fig_str_t s, const char *want);

int run_suite(const char *name, void (*add)(TCase *tc));


#endif /* STORE_FIXTURE_H_INCLUDED */
