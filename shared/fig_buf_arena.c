
/*
 * Copyright (C) Ficus authors
 */


#include "fig_buf.h"
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>


#define FIG_ARENA_ALIGN   _Alignof(max_align_t)
#define FIG_ARENA_FORMAT  512


/* ASan sees writes past an allocation, and any use after a reset */

#if defined(__SANITIZE_ADDRESS__)
#define FIG_ARENA_ASAN  1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define FIG_ARENA_ASAN  1
#endif
#endif

#ifdef FIG_ARENA_ASAN
#include <sanitizer/asan_interface.h>
#endif


typedef struct fig_arena_block_s  fig_arena_block_t;

struct fig_arena_block_s {
    fig_arena_block_t  *next;
    size_t              size;
    max_align_t         data[];
};


struct fig_arena_s {
    char               *pos;         /* in the block in use */
    char               *last;
    size_t              block;
    size_t              limit;
    size_t              used;        /* never above limit */
    fig_arena_block_t  *blocks;      /* newest first */
    fig_arena_block_t  *first;       /* the last of them */
};


static void *fig_arena_grow(fig_arena_t *arena, size_t size);
static fig_arena_block_t *fig_arena_add(fig_arena_t *arena, size_t size);
static void fig_arena_use(fig_arena_t *arena, fig_arena_block_t *block);
static void fig_arena_free(fig_arena_block_t *block);

/* inlined, GCC takes the first for a use of uninitialized bytes */
__attribute__((noinline))
static void fig_arena_forbid(void *p, size_t size);
static void fig_arena_allow(void *p, size_t size);


fig_arena_t *
fig_arena_create(size_t block, size_t limit)
{
    fig_arena_t  *arena;

    arena = calloc(1, sizeof(fig_arena_t));
    if (arena == NULL) {
        return NULL;
    }

    arena->block = block;
    arena->limit = limit;
    arena->first = fig_arena_add(arena, block);

    if (arena->first == NULL) {
        free(arena);
        return NULL;
    }

    fig_arena_use(arena, arena->first);

    return arena;
}


void
fig_arena_destroy(fig_arena_t *arena)
{
    if (arena == NULL) {
        return;
    }

    fig_arena_reset(arena);
    fig_arena_free(arena->first);
    free(arena);
}


void
fig_arena_reset(fig_arena_t *arena)
{
    fig_arena_block_t  *block, *next;

    for (block = arena->blocks; block != arena->first; block = next) {
        next = block->next;
        fig_arena_free(block);
    }

    arena->blocks = arena->first;
    arena->used = 0;

    fig_arena_forbid(arena->first->data, arena->first->size);
    fig_arena_use(arena, arena->first);
}


void *
fig_arena_alloc(fig_arena_t *arena, size_t size)
{
    char    *p;
    size_t   rounded;

    if (size > arena->limit - arena->used
        || size > SIZE_MAX - sizeof(fig_arena_block_t) - FIG_ARENA_ALIGN)
    {
        return NULL;
    }

    rounded = (size + FIG_ARENA_ALIGN - 1) & ~(FIG_ARENA_ALIGN - 1);
    p = arena->pos;

    if (rounded <= (size_t) (arena->last - p)) {
        arena->pos += rounded;

    } else {
        p = fig_arena_grow(arena, rounded);

        if (p == NULL) {
            return NULL;
        }
    }

    fig_arena_allow(p, size);

    if (rounded > arena->limit - arena->used) {
        rounded = arena->limit - arena->used;
    }

    arena->used += rounded;

    return p;
}


void *
fig_arena_calloc(fig_arena_t *arena, size_t size)
{
    void  *p;

    p = fig_arena_alloc(arena, size);

    if (p) {
        memset(p, 0, size);
    }

    return p;
}


fig_str_t
fig_arena_dup(fig_arena_t *arena, fig_str_t s)
{
    char       *p;
    fig_str_t   copy;

    copy.len = 0;
    copy.data = NULL;

    if (s.data == NULL || s.len == SIZE_MAX) {
        return copy;
    }

    p = fig_arena_alloc(arena, s.len + 1);

    if (p == NULL) {
        return copy;
    }

    memcpy(p, s.data, s.len);
    p[s.len] = '\0';

    copy.len = s.len;
    copy.data = p;

    return copy;
}


fig_str_t
fig_arena_printf(fig_arena_t *arena, const char *fmt, ...)
{
    int         n;
    char       *p;
    va_list     args;
    fig_str_t   s;
    char        text[FIG_ARENA_FORMAT];

    s.len = 0;
    s.data = NULL;

    va_start(args, fmt);
    n = vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);

    if (n < 0) {
        return s;
    }

    if ((size_t) n < sizeof(text)) {
        s.len = (size_t) n;
        s.data = text;
        return fig_arena_dup(arena, s);
    }

    p = fig_arena_alloc(arena, (size_t) n + 1);

    if (p) {
        va_start(args, fmt);
        (void) vsnprintf(p, (size_t) n + 1, fmt, args);
        va_end(args);

        s.len = (size_t) n;
        s.data = p;
    }

    return s;
}


/* what is larger than a block gets its own, and the block in use stays so */

static void *
fig_arena_grow(fig_arena_t *arena, size_t size)
{
    fig_arena_block_t  *block;

    block = fig_arena_add(arena, size > arena->block ? size : arena->block);

    if (block == NULL) {
        return NULL;
    }

    if (size <= arena->block) {
        fig_arena_use(arena, block);
        arena->pos += size;
    }

    return block->data;
}


static fig_arena_block_t *
fig_arena_add(fig_arena_t *arena, size_t size)
{
    fig_arena_block_t  *block;

    if (size > SIZE_MAX - sizeof(fig_arena_block_t)) {
        return NULL;
    }

    block = malloc(sizeof(fig_arena_block_t) + size);

    if (block) {
        block->next = arena->blocks;
        block->size = size;
        arena->blocks = block;

        fig_arena_forbid(block->data, size);
    }

    return block;
}


static void
fig_arena_use(fig_arena_t *arena, fig_arena_block_t *block)
{
    arena->pos = (char *) block->data;
    arena->last = arena->pos + block->size;
}


static void
fig_arena_free(fig_arena_block_t *block)
{
    fig_arena_allow(block->data, block->size);
    free(block);
}


static void
fig_arena_forbid(void *p, size_t size)
{
#ifdef FIG_ARENA_ASAN
    __asan_poison_memory_region(p, size);
#endif
}


static void
fig_arena_allow(void *p, size_t size)
{
#ifdef FIG_ARENA_ASAN
    __asan_unpoison_memory_region(p, size);
#endif
}
