
/*
 * Copyright (C) Ficus authors
 */


/*
 * What the files that are linked into the watched module share; README.md
 * tells what it is for.  The compiler calls tsan.c at each access to memory,
 * the linker calls.c instead of what must not be called with the mutex; both
 * ask watch.c, which knows the rules.
 */


#ifndef WATCH_H_INCLUDED
#define WATCH_H_INCLUDED


#include <stddef.h>
#include <stdint.h>


/* how a field may be used: nginx-module/ngx_http_strangler_shm.h says it */

typedef enum {
    watch_none = 0,
    watch_fixed,
    watch_locked,
    watch_guarded,
    watch_published,
    watch_atomic,
    watch_word,
    watch_held,
    watch_claimed
} watch_kind_e;


typedef enum {
    watch_read = 0,
    watch_write,
    watch_swap              /* by an atomic operation */
} watch_access_e;


typedef struct watch_type_s  watch_type_t;

typedef struct {
    const char             *name;
    size_t                  offset;
    size_t                  size;
    size_t                  each;       /* element of an array */
    watch_kind_e            kind;       /* or watch_none: that of the type */
    const watch_type_t     *type;
} watch_field_t;


/* the last field has no name */

struct watch_type_s {
    const char             *name;
    size_t                  size;
    const watch_field_t    *fields;
};


/*
 * A file that the test maps, too: left is the number of stores to the zone,
 * but for those of counters, until a process is to be killed in the middle of
 * one; 0 is never.
 */

typedef struct {
    int64_t                 left;
} watch_control_t;


/* from kinds.pl */

extern const watch_type_t  watch_sh;
extern const watch_type_t  watch_lane;
extern const watch_type_t  watch_breaker;
extern const watch_type_t  watch_watch;
extern const watch_type_t  watch_past;
extern const watch_type_t  watch_shadows;


/*
 * pc is where in the module it happens; 1 when the process is to be killed in
 * the middle of it.
 */

int watch_access(void *addr, size_t size, watch_access_e access, void *pc);

/* a function of the module begins, or is about to return */

void watch_enter(void);
void watch_leave(void *pc);

/* something that takes long, or locks, or formats, is about to be called */

void watch_call(const char *name, void *pc);


#endif /* WATCH_H_INCLUDED */
