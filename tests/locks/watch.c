
/*
 * Copyright (C) Ficus authors
 */


/*
 * The rules of shared memory, looked at whenever the module touches it.  What
 * breaks one is written, a line each, to the file that FICUS_WATCH_REPORT
 * names; FICUS_WATCH_CONTROL names a watch_control_t.
 */


#include "places.h"
#include <dlfcn.h>
#include <sys/mman.h>


#define WATCH_REPORTS   64


/* what a thread is doing */

typedef struct {
    ngx_shmtx_t              *held;
    u_char                   *claimed;
    ngx_http_strangler_sh_t  *unchecked;    /* has read its table */
    void                     *unchecked_pc;
    ngx_uint_t                depth;
} watch_thread_t;


void __wrap_ngx_shmtx_lock(ngx_shmtx_t *mtx);
void __wrap_ngx_shmtx_unlock(ngx_shmtx_t *mtx);
void __real_ngx_shmtx_lock(ngx_shmtx_t *mtx);
void __real_ngx_shmtx_unlock(ngx_shmtx_t *mtx);

static void watch_open(void) __attribute__((constructor));
static void watch_judge_read(place_t *place, u_char *p, void *pc);
static void watch_judge_write(place_t *place, u_char *p, size_t size,
    watch_access_e access, void *pc);
static ngx_uint_t watch_has_mutex(place_t *place);
static ngx_uint_t watch_is_valid_table(place_t *place, u_char *p,
    size_t size);
static int watch_is_last(void);
static void watch_report(place_t *place, const char *what, void *pc);


static ngx_fd_t           watch_fd = NGX_INVALID_FILE;
static watch_control_t   *watch_control;
static u_char            *watch_base;       /* of the module */

static __thread watch_thread_t  watch_me;


static void
watch_open(void)
{
    char     *name;
    Dl_info   info;
    ngx_fd_t  fd;

    if (dladdr((void *) (uintptr_t) watch_access, &info)) {
        watch_base = info.dli_fbase;
    }

    name = getenv("FICUS_WATCH_REPORT");

    if (name) {
        watch_fd = open(name, O_WRONLY|O_CREAT|O_APPEND|O_CLOEXEC, 0644);
    }

    name = getenv("FICUS_WATCH_CONTROL");
    fd = name ? open(name, O_RDWR|O_CLOEXEC) : NGX_INVALID_FILE;

    if (fd == NGX_INVALID_FILE) {
        return;
    }

    watch_control = mmap(NULL, sizeof(watch_control_t), PROT_READ|PROT_WRITE,
                         MAP_SHARED, fd, 0);

    if (watch_control == MAP_FAILED) {
        watch_control = NULL;
    }

    (void) close(fd);
}


void
__wrap_ngx_shmtx_lock(ngx_shmtx_t *mtx)
{
    void  *pc;

    pc = __builtin_return_address(0);

    if (watch_me.held) {
        watch_report(NULL, watch_me.held == mtx ? "locks the mutex twice"
                                                : "locks a second mutex", pc);
        return;
    }

    __real_ngx_shmtx_lock(mtx);

    watch_me.held = mtx;
}


void
__wrap_ngx_shmtx_unlock(ngx_shmtx_t *mtx)
{
    if (watch_me.held != mtx) {
        watch_report(NULL, "unlocks a mutex that it has not locked",
                     __builtin_return_address(0));
        return;
    }

    watch_me.held = NULL;

    __real_ngx_shmtx_unlock(mtx);
}


void
watch_enter(void)
{
    watch_me.depth++;
}


void
watch_leave(void *pc)
{
    if (--watch_me.depth) {
        return;
    }

    if (watch_me.held) {
        watch_report(NULL, "returns to nginx with the mutex", pc);
        __wrap_ngx_shmtx_unlock(watch_me.held);
    }

    if (watch_me.unchecked) {
        watch_report(NULL, "has read a table, and did not look at the word "
                     "again", watch_me.unchecked_pc);
        watch_me.unchecked = NULL;
    }
}


void
watch_call(const char *name, void *pc)
{
    char  what[128];

    if (watch_me.held == NULL) {
        return;
    }

    (void) snprintf(what, sizeof(what), "calls %s() with the mutex", name);

    watch_report(NULL, what, pc);
}


int
watch_access(void *addr, size_t size, watch_access_e access, void *pc)
{
    size_t    n;
    u_char   *p = addr;
    place_t   place;

    place.kind = watch_atomic;

    for ( /* void */ ; size; p += n, size -= n) {

        if (!places_find(p, &place)) {
            return 0;
        }

        n = ngx_min(size, place.rest);

        if (access == watch_read) {
            watch_judge_read(&place, p, pc);

        } else {
            watch_judge_write(&place, p, n, access, pc);
        }
    }

    return access != watch_read && place.kind != watch_atomic
           && watch_is_last();
}


static void
watch_judge_read(place_t *place, u_char *p, void *pc)
{
    ngx_http_strangler_sh_t  *sh;

    sh = place->sh;

    if (sh && p == (u_char *) &sh->word && watch_me.unchecked == sh) {
        watch_me.unchecked = NULL;
    }

    if (watch_has_mutex(place)) {
        return;
    }

    if (place->kind == watch_locked) {
        watch_report(place, "is read without the mutex", pc);

    } else if (place->kind == watch_published) {
        watch_me.unchecked = sh;
        watch_me.unchecked_pc = pc;
    }
}


static void
watch_judge_write(place_t *place, u_char *p, size_t size,
    watch_access_e access, void *pc)
{
    const char  *what;

    what = NULL;

    if (access == watch_swap) {
        watch_me.claimed = p;
    }

    switch (place->kind) {

    case watch_locked:
    case watch_guarded:
    case watch_published:

        if (!watch_has_mutex(place)) {
            what = "is written without the mutex";

        } else if (place->kind == watch_published
                   && watch_is_valid_table(place, p, size))
        {
            what = "is written while it is valid";
        }

        break;

    case watch_word:

        if (size != sizeof(ngx_atomic_t) || (uintptr_t) p % size) {
            what = "is written in parts";
        }

        break;

    case watch_held:

        if (access != watch_swap
            && (ngx_pid_t) (place->sh->progress.holder & 0xffffffff)
               != ngx_pid)
        {
            what = "is written by another process than the holder";
        }

        break;

    case watch_claimed:

        if (p < watch_me.claimed
            || p >= watch_me.claimed + sizeof(ngx_http_strangler_entry_t))
        {
            what = "is written by who has not claimed it";
        }

        break;

    case watch_atomic:

        if (access != watch_swap) {
            what = "is changed by no atomic operation";
        }

        break;

    default: /* watch_fixed, watch_none */
        what = "is written by a worker process";
        break;
    }

    /* the master, before there are worker processes that could see it */

    if (what == NULL
        || (ngx_process != NGX_PROCESS_WORKER && place->kind != watch_locked
            && place->kind != watch_guarded
            && place->kind != watch_published))
    {
        return;
    }

    watch_report(place, what, pc);
}


static ngx_uint_t
watch_has_mutex(place_t *place)
{
    return watch_me.held == &place->zone->shpool->mutex;
}


static ngx_uint_t
watch_is_valid_table(place_t *place, u_char *p, size_t size)
{
    u_char                   *table;
    ngx_http_strangler_sh_t  *sh;

    sh = place->sh;
    table = (u_char *) &sh->table[sh->word & 1];

    return sh->word && p < table + sizeof(ngx_http_strangler_table_t)
           && p + size > table;
}


/* counts the stores of all processes */

static int
watch_is_last(void)
{
    return watch_control && ngx_process == NGX_PROCESS_WORKER
           && __atomic_load_n(&watch_control->left, __ATOMIC_SEQ_CST) > 0
           && __atomic_sub_fetch(&watch_control->left, 1, __ATOMIC_SEQ_CST)
              == 0;
}


/* once for each place in the module; addr2line(1) knows its name */

static void
watch_report(place_t *place, const char *what, void *pc)
{
    ngx_uint_t    i;

    static void  *seen[WATCH_REPORTS];

    for (i = 0; i < WATCH_REPORTS && seen[i]; i++) {
        if (seen[i] == pc) {
            return;
        }
    }

    if (i == WATCH_REPORTS || watch_fd == NGX_INVALID_FILE) {
        return;
    }

    seen[i] = pc;

    (void) dprintf(watch_fd, "0x%lx %s.%s %s\n",
                   (unsigned long) ((u_char *) pc - watch_base - 1),
                   place && place->field ? place->type->name : "zone",
                   place && place->field ? place->field->name : "mutex",
                   what);
}
