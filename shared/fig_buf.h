
/*
 * Copyright (C) Ficus authors
 */


/*
 * Memory: strings with a length, the arena that holds all memory of one
 * request, and a growing buffer with an upper bound.
 *
 * Threads: none of these objects may be used by two threads at once.
 */


#ifndef FIG_BUF_H_INCLUDED
#define FIG_BUF_H_INCLUDED


#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fig_status.h"


/* bytes with a length; data is NULL only when the string is absent */

typedef struct {
    size_t       len;
    const char  *data;
} fig_str_t;


#define fig_str(literal)  { sizeof(literal) - 1, literal }
#define FIG_STR(literal)  ((fig_str_t) fig_str(literal))

fig_str_t fig_str_from(const char *s);                /* NULL: absent */
bool fig_str_eq(fig_str_t a, fig_str_t b);            /* absent != empty */
int fig_str_cmp(fig_str_t a, fig_str_t b);            /* by bytes, as memcmp */
bool fig_str_ieq(fig_str_t a, fig_str_t b);           /* ASCII case folded */


/*
 * An unsigned decimal number that fills the whole string, at most max.
 * FIG_INVALID for anything else: sign, blank, empty, overflow.
 */

fig_status_t fig_str_uint(fig_str_t s, uint64_t max, uint64_t *value)
    FIG_NODISCARD;


/*
 * Arena.  Everything allocated from it is freed together.  limit bounds the
 * sum of all bytes; an allocation above it fails.
 */

typedef struct fig_arena_s  fig_arena_t;

fig_arena_t *fig_arena_create(size_t block, size_t limit);      /* or NULL */
void fig_arena_destroy(fig_arena_t *arena);                     /* NULL: ok */


/*
 * Frees all but the first block; every pointer into the arena is dead.
 */

void fig_arena_reset(fig_arena_t *arena);


/*
 * Memory aligned for any type, not zeroed; NULL when memory or limit is out.
 */

void *fig_arena_alloc(fig_arena_t *arena, size_t size);
void *fig_arena_calloc(fig_arena_t *arena, size_t size);


/*
 * A copy with a NUL behind it that is not counted in len.  Absent stays
 * absent; data is NULL with len 0 when memory is out.
 */

fig_str_t fig_arena_dup(fig_arena_t *arena, fig_str_t s);
fig_str_t fig_arena_printf(fig_arena_t *arena, const char *fmt, ...)
    FIG_PRINTF(2, 3);


/*
 * Buffer.  Appends never have to be checked one by one: the first that fails
 * (memory, or more than max bytes) frees the bytes and marks the buffer; all
 * later ones do nothing; fig_buf_ok() tells at the end.  An append makes older
 * pointers into data invalid.
 */

typedef struct {
    char    *data;        /* NUL-terminated unless NULL */
    size_t   len;
    size_t   size;
    size_t   max;
    bool     failed;
} fig_buf_t;

void fig_buf_init(fig_buf_t *buf, size_t max);        /* allocates nothing */
void fig_buf_clear(fig_buf_t *buf);                   /* frees; reusable */
void fig_buf_reset(fig_buf_t *buf);                   /* len 0, keeps memory */
void fig_buf_append(fig_buf_t *buf, const void *data, size_t len);
void fig_buf_str(fig_buf_t *buf, fig_str_t s);
void fig_buf_puts(fig_buf_t *buf, const char *s);
void fig_buf_printf(fig_buf_t *buf, const char *fmt, ...) FIG_PRINTF(2, 3);
bool fig_buf_ok(const fig_buf_t *buf);
fig_str_t fig_buf_view(const fig_buf_t *buf);         /* dead at next append */


#endif /* FIG_BUF_H_INCLUDED */
