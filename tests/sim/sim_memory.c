
/*
 * Copyright (C) Ficus authors
 */


/*
 * malloc() and its like for the whole program, libraries included: what a
 * simulated process allocates comes from a region of its own, which is empty
 * again when the process is no more; everything else from the C library.  The
 * address sanitizer has a malloc() of its own; with it, what a killed process
 * had is never freed.
 */


#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "sim_asan.h"
#include "sim.h"


#define SIM_REGION    ((size_t) 16 * 1024 * 1024)
#define SIM_SCHEDULE  ((size_t) 32 * 1024 * 1024)

/* blocks up to 1 KiB in steps of 16 bytes, above by powers of two */
#define SIM_SMALL     64
#define SIM_CLASSES   80
#define SIM_HEAD      16


typedef struct sim_block_s  sim_block_t;

struct sim_block_s {
    size_t         class;
    sim_block_t   *next;                  /* of those that are free */
};

typedef struct {
    char          *base;
    char          *free;
    sim_block_t   *lists[SIM_CLASSES];
} sim_region_t;


static char *sim_map(size_t size);


static char          *sim_schedule;
static size_t         sim_schedule_used;


static char *
sim_map(size_t size)
{
    void  *p;

    p = mmap(NULL, size, PROT_READ | PROT_WRITE,
             MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    if (p == MAP_FAILED) {
        perror("mmap");
        abort();
    }

    return p;
}


void *
sim_alloc(size_t size)
{
    char  *p;

    if (sim_schedule == NULL) {
        sim_schedule = sim_map(SIM_SCHEDULE);
    }

    size = (size + 15) & ~(size_t) 15;

    if (sim_schedule_used + size > SIM_SCHEDULE) {
        (void) fprintf(stderr, "seed %llu needs too much memory\n",
                       (unsigned long long) sim.seed);
        abort();
    }

    p = sim_schedule + sim_schedule_used;
    sim_schedule_used += size;
    memset(p, 0, size);

    return p;
}


fig_str_t
sim_dup(fig_str_t s)
{
    char  *p;

    if (s.data == NULL) {
        return s;
    }

    p = sim_alloc(s.len + 1);
    memcpy(p, s.data, s.len);
    s.data = p;

    return s;
}


void
sim_alloc_reset(void)
{
    sim_schedule_used = 0;
}


#ifdef SIM_ASAN

int __lsan_is_turned_off(void);


int
__lsan_is_turned_off(void)
{
    return 1;
}


void
sim_memory_use(sim_process_t *process)
{
    (void) process;
}


void
sim_memory_drop(sim_process_t *process)
{
    (void) process;
}

#else

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t size);
void *__libc_memalign(size_t alignment, size_t size);
void __libc_free(void *p);

static void sim_regions_map(void);
static sim_region_t *sim_region_of(const void *p);
static void *sim_region_alloc(sim_region_t *region, size_t size);
static size_t sim_class(size_t size);
static size_t sim_class_size(size_t class);


static char          *sim_regions_base;
static sim_region_t  *sim_region;
static sim_region_t   sim_regions[SIM_PROCESSES];


void
sim_memory_use(sim_process_t *process)
{
    if (sim_regions_base == NULL) {
        sim_regions_map();
    }

    sim_region = process ? &sim_regions[process->number] : NULL;
}


void
sim_memory_drop(sim_process_t *process)
{
    sim_region_t  *region;

    region = &sim_regions[process->number];
    region->free = region->base;
    memset(region->lists, 0, sizeof(region->lists));
}


static void
sim_regions_map(void)
{
    size_t  i;

    sim_regions_base = sim_map(SIM_REGION * SIM_PROCESSES);

    for (i = 0; i < SIM_PROCESSES; i++) {
        sim_regions[i].base = sim_regions_base + i * SIM_REGION;
        sim_regions[i].free = sim_regions[i].base;
    }
}


static sim_region_t *
sim_region_of(const void *p)
{
    size_t  offset;

    offset = (size_t) ((uintptr_t) p - (uintptr_t) sim_regions_base);

    if (sim_regions_base == NULL || offset >= SIM_REGION * SIM_PROCESSES) {
        return NULL;
    }

    return &sim_regions[offset / SIM_REGION];
}


static size_t
sim_class(size_t size)
{
    size_t  class;

    if (size <= SIM_SMALL * 16) {
        return size ? (size - 1) / 16 : 0;
    }

    class = SIM_SMALL;

    while (sim_class_size(class) < size) {
        class++;
    }

    return class;
}


static size_t
sim_class_size(size_t class)
{
    return class < SIM_SMALL ? (class + 1) * 16
                             : (size_t) 2048 << (class - SIM_SMALL);
}


static void *
sim_region_alloc(sim_region_t *region, size_t size)
{
    size_t        class, bytes;
    sim_block_t  *block;

    if (size > SIM_REGION / 2) {
        errno = ENOMEM;
        return NULL;
    }

    class = sim_class(size);
    block = region->lists[class];

    if (block != NULL) {
        region->lists[class] = block->next;
        return (char *) block + SIM_HEAD;
    }

    bytes = SIM_HEAD + sim_class_size(class);

    if ((size_t) (region->free - region->base) + bytes > SIM_REGION) {
        errno = ENOMEM;
        return NULL;
    }

    block = (sim_block_t *) (void *) region->free;
    region->free += bytes;
    block->class = class;

    return (char *) block + SIM_HEAD;
}


void *
malloc(size_t size)
{
    return sim_region ? sim_region_alloc(sim_region, size)
                      : __libc_malloc(size);
}


void *
calloc(size_t n, size_t size)
{
    void    *p;
    size_t   bytes;

    if (sim_region == NULL) {
        return __libc_calloc(n, size);
    }

    if (__builtin_mul_overflow(n, size, &bytes)) {
        errno = ENOMEM;
        return NULL;
    }

    p = sim_region_alloc(sim_region, bytes);

    return p ? memset(p, 0, bytes) : NULL;
}


void *
realloc(void *p, size_t size)
{
    void         *q;
    size_t        old;
    sim_block_t  *block;

    if (p == NULL) {
        return malloc(size);
    }

    if (sim_region_of(p) == NULL) {
        return __libc_realloc(p, size);
    }

    block = (sim_block_t *) (void *) ((char *) p - SIM_HEAD);
    old = sim_class_size(block->class);

    if (size <= old) {
        return p;
    }

    q = sim_region_alloc(sim_region_of(p), size);

    if (q != NULL) {
        memcpy(q, p, old);
        free(p);
    }

    return q;
}


void
free(void *p)
{
    sim_block_t   *block;
    sim_region_t  *region;

    region = sim_region_of(p);

    if (region == NULL) {
        __libc_free(p);
        return;
    }

    block = (sim_block_t *) (void *) ((char *) p - SIM_HEAD);

    /* who uses it still shall notice */

    if (block->class < SIM_SMALL) {
        memset(p, 0xdf, sim_class_size(block->class));
    }

    block->next = region->lists[block->class];
    region->lists[block->class] = block;
}


/* every block of a region is aligned to 16, and nobody wants more */

void *
memalign(size_t alignment, size_t size)
{
    return sim_region && alignment <= 16 ? malloc(size)
                                         : __libc_memalign(alignment, size);
}


void *
aligned_alloc(size_t alignment, size_t size)
{
    return memalign(alignment, size);
}


int
posix_memalign(void **p, size_t alignment, size_t size)
{
    *p = memalign(alignment, size);

    return *p ? 0 : ENOMEM;
}

#endif
