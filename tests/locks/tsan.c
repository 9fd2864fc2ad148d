
/*
 * Copyright (C) Ficus authors
 */


/*
 * What gcc and clang call with -fsanitize=thread: here it tells watch.c, and
 * does the atomic operations.  The run time of ThreadSanitizer itself cannot
 * be used, since the processes of nginx are no threads.
 */


#include "watch.h"
#include <signal.h>
#include <string.h>


#define WATCH_PC  __builtin_return_address(0)

#define WATCH_ACCESS(name, size, access)                                      \
                                                                              \
    void name(void *addr);                                                    \
                                                                              \
    void                                                                      \
    name(void *addr)                                                          \
    {                                                                         \
        tsan_access(addr, size, access, WATCH_PC);                            \
    }

#define WATCH_SIZE(size)                                                      \
    WATCH_ACCESS(__tsan_read ## size, size, watch_read)                       \
    WATCH_ACCESS(__tsan_write ## size, size, watch_write)                     \
    WATCH_ACCESS(__tsan_unaligned_read ## size, size, watch_read)             \
    WATCH_ACCESS(__tsan_unaligned_write ## size, size, watch_write)           \
    WATCH_ACCESS(__tsan_volatile_read ## size, size, watch_read)              \
    WATCH_ACCESS(__tsan_volatile_write ## size, size, watch_write)

#define WATCH_FETCH(name, type, op)                                           \
                                                                              \
    type name(volatile type *p, type n, int order);                           \
                                                                              \
    type                                                                      \
    name(volatile type *p, type n, int order)                                 \
    {                                                                         \
        tsan_access((void *) (uintptr_t) p, sizeof(type), watch_swap,         \
                    WATCH_PC);                                                \
        return op(p, n, __ATOMIC_SEQ_CST);                                    \
    }

#define WATCH_COMPARE(name, type)                                             \
                                                                              \
    int name(volatile type *p, type *old, type set, int order, int fail);     \
                                                                              \
    int                                                                       \
    name(volatile type *p, type *old, type set, int order, int fail)          \
    {                                                                         \
        tsan_access((void *) (uintptr_t) p, sizeof(type), watch_swap,         \
                    WATCH_PC);                                                \
        return __atomic_compare_exchange_n(p, old, set, 0,                    \
                                           __ATOMIC_SEQ_CST,                  \
                                           __ATOMIC_SEQ_CST);                 \
    }

#define WATCH_COMPARE_VALUE(name, type)                                       \
                                                                              \
    type name(volatile type *p, type old, type set, int order, int fail);     \
                                                                              \
    type                                                                      \
    name(volatile type *p, type old, type set, int order, int fail)           \
    {                                                                         \
        tsan_access((void *) (uintptr_t) p, sizeof(type), watch_swap,         \
                    WATCH_PC);                                                \
        (void) __atomic_compare_exchange_n(p, &old, set, 0,                   \
                                           __ATOMIC_SEQ_CST,                  \
                                           __ATOMIC_SEQ_CST);                 \
        return old;                                                           \
    }


static void tsan_access(void *addr, size_t size, watch_access_e access,
    void *pc);

void __tsan_init(void);
void __tsan_func_entry(void *pc);
void __tsan_func_exit(void);
void __tsan_read_range(void *addr, size_t size);
void __tsan_write_range(void *addr, size_t size);
void __tsan_atomic_thread_fence(int order);
void *__wrap_memcpy(void *to, const void *from, size_t n);
void *__wrap_memmove(void *to, const void *from, size_t n);
void *__wrap_memset(void *to, int c, size_t n);
int __wrap_memcmp(const void *a, const void *b, size_t n);
void *__real_memcpy(void *to, const void *from, size_t n);
void *__real_memmove(void *to, const void *from, size_t n);
void *__real_memset(void *to, int c, size_t n);
int __real_memcmp(const void *a, const void *b, size_t n);


/* when nobody knows what is to be stored, anything may be there */

static void
tsan_access(void *addr, size_t size, watch_access_e access, void *pc)
{
    if (!watch_access(addr, size, access, pc)) {
        return;
    }

    if (size > sizeof(uint64_t)) {
        (void) memset(addr, 0xa5, size / 2);
    }

    (void) raise(SIGKILL);
}


WATCH_SIZE(1)
WATCH_SIZE(2)
WATCH_SIZE(4)
WATCH_SIZE(8)
WATCH_SIZE(16)

WATCH_FETCH(__tsan_atomic32_exchange, uint32_t, __atomic_exchange_n)
WATCH_FETCH(__tsan_atomic32_fetch_add, uint32_t, __atomic_fetch_add)
WATCH_FETCH(__tsan_atomic32_fetch_sub, uint32_t, __atomic_fetch_sub)
WATCH_COMPARE(__tsan_atomic32_compare_exchange_strong, uint32_t)
WATCH_COMPARE(__tsan_atomic32_compare_exchange_weak, uint32_t)
WATCH_COMPARE_VALUE(__tsan_atomic32_compare_exchange_val, uint32_t)

WATCH_FETCH(__tsan_atomic64_exchange, uint64_t, __atomic_exchange_n)
WATCH_FETCH(__tsan_atomic64_fetch_add, uint64_t, __atomic_fetch_add)
WATCH_FETCH(__tsan_atomic64_fetch_sub, uint64_t, __atomic_fetch_sub)
WATCH_COMPARE(__tsan_atomic64_compare_exchange_strong, uint64_t)
WATCH_COMPARE(__tsan_atomic64_compare_exchange_weak, uint64_t)
WATCH_COMPARE_VALUE(__tsan_atomic64_compare_exchange_val, uint64_t)


void
__tsan_init(void)
{
    /* watch.c begins by itself */
}


void
__tsan_func_entry(void *pc)
{
    watch_enter();
}


void
__tsan_func_exit(void)
{
    watch_leave(WATCH_PC);
}


void
__tsan_read_range(void *addr, size_t size)
{
    tsan_access(addr, size, watch_read, WATCH_PC);
}


void
__tsan_write_range(void *addr, size_t size)
{
    tsan_access(addr, size, watch_write, WATCH_PC);
}


void
__tsan_atomic_thread_fence(int order)
{
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
}


void *
__wrap_memcpy(void *to, const void *from, size_t n)
{
    (void) watch_access((void *) (uintptr_t) from, n, watch_read, WATCH_PC);

    if (watch_access(to, n, watch_write, WATCH_PC)) {
        (void) __real_memcpy(to, from, n / 2);
        (void) raise(SIGKILL);
    }

    return __real_memcpy(to, from, n);
}


void *
__wrap_memmove(void *to, const void *from, size_t n)
{
    (void) watch_access((void *) (uintptr_t) from, n, watch_read, WATCH_PC);

    if (watch_access(to, n, watch_write, WATCH_PC)) {
        (void) __real_memmove(to, from, n / 2);
        (void) raise(SIGKILL);
    }

    return __real_memmove(to, from, n);
}


void *
__wrap_memset(void *to, int c, size_t n)
{
    if (watch_access(to, n, watch_write, WATCH_PC)) {
        (void) __real_memset(to, c, n / 2);
        (void) raise(SIGKILL);
    }

    return __real_memset(to, c, n);
}


int
__wrap_memcmp(const void *a, const void *b, size_t n)
{
    (void) watch_access((void *) (uintptr_t) a, n, watch_read, WATCH_PC);
    (void) watch_access((void *) (uintptr_t) b, n, watch_read, WATCH_PC);

    return __real_memcmp(a, b, n);
}
