
/*
 * Copyright (C) Ficus authors
 */


/*
 * Forced into every file of Ficus that the simulation runs: threads, clocks
 * and chance become those of the simulation, both backends its own, and the
 * tables so small that they are full now and then.
 */


#ifndef SIM_THREADS_H_INCLUDED
#define SIM_THREADS_H_INCLUDED


#include <pthread.h>
#include <time.h>
#include <sys/random.h>
#include <sys/types.h>


int sim_thread_create(pthread_t *thread, const pthread_attr_t *attr,
    void *(*run)(void *), void *data);
int sim_thread_join(pthread_t thread, void **result);

int sim_mutex_init(pthread_mutex_t *mutex, const pthread_mutexattr_t *attr);
int sim_mutex_destroy(pthread_mutex_t *mutex);
int sim_mutex_lock(pthread_mutex_t *mutex);
int sim_mutex_unlock(pthread_mutex_t *mutex);

int sim_cond_init(pthread_cond_t *cond, const pthread_condattr_t *attr);
int sim_cond_destroy(pthread_cond_t *cond);
int sim_cond_signal(pthread_cond_t *cond);
int sim_cond_broadcast(pthread_cond_t *cond);
int sim_cond_wait(pthread_cond_t *cond, pthread_mutex_t *mutex);
int sim_cond_timedwait(pthread_cond_t *cond, pthread_mutex_t *mutex,
    const struct timespec *until);

int sim_clock_gettime(clockid_t clock, struct timespec *now);
ssize_t sim_getrandom(void *buf, size_t len, unsigned flags);
time_t sim_time(time_t *now);

/* what main() of the workers is called here */
int sim_main_users_v1(int argc, char **argv);
int sim_main_users_v2(int argc, char **argv);
int sim_main_orders(int argc, char **argv);


#ifndef SIM_ITSELF

#define pthread_create          sim_thread_create
#define pthread_join            sim_thread_join
#define pthread_mutex_init      sim_mutex_init
#define pthread_mutex_destroy   sim_mutex_destroy
#define pthread_mutex_lock      sim_mutex_lock
#define pthread_mutex_unlock    sim_mutex_unlock
#define pthread_cond_init       sim_cond_init
#define pthread_cond_destroy    sim_cond_destroy
#define pthread_cond_signal     sim_cond_signal
#define pthread_cond_broadcast  sim_cond_broadcast
#define pthread_cond_wait       sim_cond_wait
#define pthread_cond_timedwait  sim_cond_timedwait
#define clock_gettime           sim_clock_gettime
#define getrandom               sim_getrandom
#define time(now)               sim_time(now)

#define fig_store_sqlite        sim_store_backend
#define fig_store_mongo         sim_store_backend
#define fig_bus_nats            sim_bus_backend

#endif


/* the same for those files of the simulation that look into what it runs */

#define FIG_ROWS                4
#define FIG_OUTBOX_LOW          2
#define FIG_SEEN_SLOTS          16
#define FIG_CONSUMER_BATCH      4


#endif /* SIM_THREADS_H_INCLUDED */
