
/*
 * Copyright (C) Ficus authors
 */


/*
 * What a backend of fig_store provides; for shared/fig_store*.c only.  The
 * functions mean what those of fig_store.h with the same name mean.
 *
 * What they are given was checked by fig_store.c, and is filled in: collections
 * are those of open, ids, versions, keys and limits within their bounds, no
 * default is left in conf and query; where is what stands behind the scheme and
 * its colon.  write sets the status of each op, and key with FIG_TAKEN; when it
 * returns anything but FIG_OK, fig_store.c sets all of them.
 */


#ifndef FIG_STORE_BACKEND_H_INCLUDED
#define FIG_STORE_BACKEND_H_INCLUDED


#include "fig_store.h"


typedef struct {
    const char    *scheme;

    fig_status_t (*open)(const fig_store_conf_t *conf, const char *where,
        const fig_collection_t *const *collections, void **self);
    void         (*close)(void *self);
    fig_status_t (*write)(void *self, fig_op_t *ops, size_t n);
    void         (*write_later)(void *self, const fig_op_t *ops, size_t n);
    fig_status_t (*get)(void *self, const fig_collection_t *collection,
        fig_str_t id, fig_arena_t *arena, fig_doc_t *doc);
    fig_status_t (*list)(void *self, const fig_collection_t *collection,
        const fig_query_t *query, fig_arena_t *arena,
        fig_page_t *page);
    uint64_t     (*base)(void *self);
    fig_status_t (*ping)(void *self);
    const char  *(*wrong)(void *self);      /* NULL: it cannot tell */
    void         (*rest)(void *self);       /* NULL: there is nothing to do */

    /* as fig_store_verify(), which says the why of FIG_INVALID */
    fig_status_t (*verify)(const char *where, const char **why);
} fig_store_backend_t;


extern const fig_store_backend_t  fig_store_mongo;
extern const fig_store_backend_t  fig_store_sqlite;


/*
 * Ops that outlive their caller.  copy: one block from malloc(), or NULL;
 * bytes: of all their strings.
 */

fig_op_t *fig_store_ops_copy(const fig_op_t *ops, size_t n);
size_t fig_store_ops_bytes(const fig_op_t *ops, size_t n);


/*
 * The place of a page's next document, docs[n], of which page->docs has room
 * many, 0 at first; in the arena.  NULL: that is too small.  Most pages are far
 * shorter than their limit.
 */

fig_doc_t *fig_store_page_place(fig_page_t *page, size_t *room,
    fig_arena_t *arena);


/*
 * The first of names that have a blank between two, and *names is behind it;
 * of no length: there is none left.
 */

fig_str_t fig_store_name(const char **names);


#endif /* FIG_STORE_BACKEND_H_INCLUDED */
