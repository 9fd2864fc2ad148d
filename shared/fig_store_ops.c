
/*
 * Copyright (C) Ficus authors
 */


/*
 * What backends share: ops that outlive their caller, a copy in one block with
 * all their strings; pages that grow; lists of names.
 */


#include "fig_store_backend.h"
#include <stdlib.h>
#include <string.h>


#define PAGE_ROOM  8


static fig_str_t ops_copy_str(char **p, fig_str_t s);


size_t
fig_store_ops_bytes(const fig_op_t *ops, size_t n)
{
    size_t            i, k, bytes;
    const fig_doc_t  *doc;

    bytes = 0;

    for (i = 0; i < n; i++) {
        doc = &ops[i].doc;
        bytes += doc->id.len + doc->body.len + doc->changed.len
                 + doc->made.len;

        for (k = 0; k < FIG_STORE_KEYS; k++) {
            bytes += doc->keys[k].len;
        }
    }

    return bytes;
}


fig_op_t *
fig_store_ops_copy(const fig_op_t *ops, size_t n)
{
    char       *p;
    size_t      i, k;
    fig_op_t   *copy;
    fig_doc_t  *doc;

    copy = malloc((n + 1) * sizeof(fig_op_t) + fig_store_ops_bytes(ops, n));

    if (copy == NULL) {
        return NULL;
    }

    memcpy(copy, ops, n * sizeof(fig_op_t));
    p = (char *) (copy + n);

    for (i = 0; i < n; i++) {
        doc = &copy[i].doc;
        doc->id = ops_copy_str(&p, doc->id);
        doc->body = ops_copy_str(&p, doc->body);
        doc->changed = ops_copy_str(&p, doc->changed);
        doc->made = ops_copy_str(&p, doc->made);

        for (k = 0; k < FIG_STORE_KEYS; k++) {
            doc->keys[k] = ops_copy_str(&p, doc->keys[k]);
        }
    }

    return copy;
}


fig_doc_t *
fig_store_page_place(fig_page_t *page, size_t *room, fig_arena_t *arena)
{
    size_t      n;
    fig_doc_t  *docs;

    if (page->n == *room) {
        n = *room ? 4 * *room : PAGE_ROOM;
        docs = fig_arena_alloc(arena, n * sizeof(fig_doc_t));

        if (docs == NULL) {
            return NULL;
        }

        if (*room != 0) {
            memcpy(docs, page->docs, *room * sizeof(fig_doc_t));
        }

        page->docs = docs;
        *room = n;
    }

    return &page->docs[page->n];
}


static fig_str_t
ops_copy_str(char **p, fig_str_t s)
{
    fig_str_t  copy;

    if (s.data == NULL) {
        return s;
    }

    memcpy(*p, s.data, s.len);
    copy.data = *p;
    copy.len = s.len;
    *p += s.len;

    return copy;
}


fig_str_t
fig_store_name(const char **names)
{
    fig_str_t  name;

    *names += strspn(*names, " ");
    name.data = *names;
    name.len = strcspn(*names, " ");
    *names += name.len;

    return name;
}
