
/*
 * Copyright (C) Ficus authors
 */


#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "sim.h"
#include "sim_threads.h"


/* the day on which every schedule begins, s since 1970 */
#define SIM_DAY  1790000000


typedef struct {
    void  *(*run)(void *data);
    void   *data;
    bool    ended;
} sim_thread_t;

/* what a pthread_mutex_t is to us; zero: free */
typedef struct {
    const void  *owner;
    uint64_t     waiters;
} sim_mutex_t;


static void sim_thread_main(void *data);


int
sim_thread_create(pthread_t *thread, const pthread_attr_t *attr,
    void *(*run)(void *), void *data)
{
    sim_thread_t  *t;

    (void) attr;

    if (sim_trouble(SIM_F_STORE) && sim_odds(20)) {
        return EAGAIN;
    }

    t = sim_alloc(sizeof(sim_thread_t));
    t->run = run;
    t->data = data;
    *thread = (pthread_t) (uintptr_t) t;

    (void) sim_spawn(sim_process(), "thread", sim_thread_main, t);

    return 0;
}


static void
sim_thread_main(void *data)
{
    sim_thread_t  *thread = data;

    (void) thread->run(thread->data);
    thread->ended = true;
    sim_wake(thread);
}


int
sim_thread_join(pthread_t thread, void **result)
{
    sim_thread_t  *t = (sim_thread_t *) (uintptr_t) thread;

    (void) result;

    while (!t->ended) {
        (void) sim_wait(t, SIM_NEVER);
    }

    return 0;
}


int
sim_mutex_init(pthread_mutex_t *mutex, const pthread_mutexattr_t *attr)
{
    (void) attr;
    memset(mutex, 0, sizeof(pthread_mutex_t));

    return 0;
}


int
sim_mutex_destroy(pthread_mutex_t *mutex)
{
    sim_mutex_t  *m = (sim_mutex_t *) (void *) mutex;

    if (m->owner != NULL || m->waiters != 0) {
        sim_violation("a mutex is destroyed while it is held");
    }

    return 0;
}


int
sim_mutex_lock(pthread_mutex_t *mutex)
{
    sim_mutex_t  *m = (sim_mutex_t *) (void *) mutex;

    if (sim.current == NULL) {
        return 0;
    }

    if (sim_random(8) == 0) {
        sim_point();
    }

    if (m->owner == sim.current) {
        sim_violation("a thread waits for a mutex that it holds");
    }

    while (m->owner != NULL) {
        m->waiters++;
        (void) sim_wait(mutex, SIM_NEVER);
        m->waiters--;
    }

    m->owner = sim.current;

    return 0;
}


int
sim_mutex_unlock(pthread_mutex_t *mutex)
{
    sim_mutex_t  *m = (sim_mutex_t *) (void *) mutex;

    if (sim.current == NULL) {
        return 0;
    }

    if (m->owner != sim.current) {
        sim_violation("a thread gives back a mutex that it does not hold");
    }

    m->owner = NULL;

    if (m->waiters != 0) {
        (void) sim_wake_one(mutex);
    }

    return 0;
}


int
sim_cond_init(pthread_cond_t *cond, const pthread_condattr_t *attr)
{
    (void) cond;
    (void) attr;

    return 0;
}


int
sim_cond_destroy(pthread_cond_t *cond)
{
    (void) cond;

    return 0;
}


int
sim_cond_signal(pthread_cond_t *cond)
{
    (void) sim_wake_one(cond);

    return 0;
}


int
sim_cond_broadcast(pthread_cond_t *cond)
{
    sim_wake(cond);

    return 0;
}


int
sim_cond_wait(pthread_cond_t *cond, pthread_mutex_t *mutex)
{
    (void) sim_mutex_unlock(mutex);

    /* it may return without a signal */
    (void) sim_wait(cond, sim_odds(5) ? sim.now + sim_random(SIM_SECOND)
                                      : SIM_NEVER);

    return sim_mutex_lock(mutex);
}


int
sim_cond_timedwait(pthread_cond_t *cond, pthread_mutex_t *mutex,
    const struct timespec *until)
{
    bool      woken;
    uint64_t  when;

    when = (uint64_t) until->tv_sec * SIM_SECOND
           + (uint64_t) until->tv_nsec / 1000;

    (void) sim_mutex_unlock(mutex);
    woken = sim_wait(cond, when);
    (void) sim_mutex_lock(mutex);

    return woken ? 0 : ETIMEDOUT;
}


int
sim_clock_gettime(clockid_t clock, struct timespec *now)
{
    int64_t  us;

    us = (int64_t) sim.now;

    if (clock == CLOCK_REALTIME) {
        us += (int64_t) SIM_DAY * SIM_SECOND + sim.wall;
    }

    now->tv_sec = us / SIM_SECOND;
    now->tv_nsec = us % SIM_SECOND * 1000;

    return 0;
}


time_t
sim_time(time_t *now)
{
    struct timespec  clock;

    (void) sim_clock_gettime(CLOCK_REALTIME, &clock);

    if (now != NULL) {
        *now = clock.tv_sec;
    }

    return clock.tv_sec;
}


ssize_t
sim_getrandom(void *buf, size_t len, unsigned flags)
{
    size_t          i;
    unsigned char  *p;

    p = buf;
    (void) flags;

    for (i = 0; i < len; i++) {
        p[i] = (unsigned char) sim_random(256);
    }

    return (ssize_t) len;
}
