
/*
 * Copyright (C) Ficus authors
 */


/*
 * What the linker puts in the place of functions that the module must not call
 * with the mutex of a zone: they wait for a disk, lock it once more, or format
 * and allocate, which takes long.
 */


#include "ngx_http_strangler.h"
#include "watch.h"
#include <stdarg.h>
#include <sys/file.h>


#define WATCH_PC  __builtin_return_address(0)

#define WATCH_CALL(type, name, params, args)                                  \
                                                                              \
    type __wrap_ ## name params;                                              \
    type __real_ ## name params;                                              \
                                                                              \
    type                                                                      \
        __wrap_ ## name params                                                \
    {                                                                         \
        watch_call(#name, WATCH_PC);                                          \
        return __real_ ## name args;                                          \
    }

#define WATCH_FORMAT(name, params, end)                                       \
                                                                              \
    u_char *ngx_cdecl __wrap_ ## name params;                                 \
                                                                              \
    u_char *ngx_cdecl                                                         \
        __wrap_ ## name params                                                \
    {                                                                         \
        u_char   *p;                                                          \
        va_list   args;                                                       \
                                                                              \
        watch_call(#name, WATCH_PC);                                          \
                                                                              \
        va_start(args, fmt);                                                  \
        p = __real_ngx_vslprintf(buf, end, fmt, args);                        \
        va_end(args);                                                         \
                                                                              \
        return p;                                                             \
    }


int __wrap_open(const char *name, int flags, ...);
int __real_open(const char *name, int flags, ...);
void __wrap_ngx_log_error_core(ngx_uint_t level, ngx_log_t *log,
    ngx_err_t err, const char *fmt, ...);
void __real_ngx_log_error_core(ngx_uint_t level, ngx_log_t *log,
    ngx_err_t err, const char *fmt, ...);


WATCH_CALL(ssize_t, read, (int fd, void *buf, size_t n), (fd, buf, n))
WATCH_CALL(ssize_t, write, (int fd, const void *buf, size_t n), (fd, buf, n))
WATCH_CALL(ssize_t, pread, (int fd, void *buf, size_t n, off_t at),
           (fd, buf, n, at))
WATCH_CALL(int, fsync, (int fd), (fd))
WATCH_CALL(int, flock, (int fd, int how), (fd, how))
WATCH_CALL(int, rename, (const char *from, const char *to), (from, to))
WATCH_CALL(int, unlink, (const char *name), (name))
WATCH_CALL(int, ftruncate, (int fd, off_t size), (fd, size))
WATCH_CALL(int, close, (int fd), (fd))
WATCH_CALL(int, usleep, (useconds_t usec), (usec))

WATCH_CALL(void *, ngx_palloc, (ngx_pool_t *pool, size_t n), (pool, n))
WATCH_CALL(void *, ngx_pnalloc, (ngx_pool_t *pool, size_t n), (pool, n))
WATCH_CALL(void *, ngx_pcalloc, (ngx_pool_t *pool, size_t n), (pool, n))
WATCH_CALL(void *, ngx_slab_alloc, (ngx_slab_pool_t *pool, size_t n),
           (pool, n))
WATCH_CALL(void *, ngx_slab_calloc, (ngx_slab_pool_t *pool, size_t n),
           (pool, n))
#if (NGX_THREADS)
WATCH_CALL(ngx_int_t, ngx_thread_task_post,
           (ngx_thread_pool_t *pool, ngx_thread_task_t *task), (pool, task))
#endif
WATCH_CALL(u_char *, ngx_vslprintf,
           (u_char *buf, u_char *last, const char *fmt, va_list args),
           (buf, last, fmt, args))

WATCH_FORMAT(ngx_sprintf, (u_char *buf, const char *fmt, ...), (void *) -1)
WATCH_FORMAT(ngx_snprintf, (u_char *buf, size_t max, const char *fmt, ...),
             buf + max)
WATCH_FORMAT(ngx_slprintf, (u_char *buf, u_char *last, const char *fmt, ...),
             last)


int
__wrap_open(const char *name, int flags, ...)
{
    int      mode;
    va_list  args;

    watch_call("open", WATCH_PC);

    mode = 0;

    if (flags & O_CREAT) {
        va_start(args, flags);
        mode = va_arg(args, int);
        va_end(args);
    }

    return __real_open(name, flags, mode);
}


void
__wrap_ngx_log_error_core(ngx_uint_t level, ngx_log_t *log, ngx_err_t err,
    const char *fmt, ...)
{
    u_char    text[NGX_MAX_ERROR_STR];
    u_char   *p;
    va_list   args;

    watch_call("ngx_log_error", WATCH_PC);

    va_start(args, fmt);
    p = __real_ngx_vslprintf(text, text + sizeof(text), fmt, args);
    va_end(args);

    __real_ngx_log_error_core(level, log, err, "%*s", (size_t) (p - text),
                              text);
}
