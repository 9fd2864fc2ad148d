
/*
 * Copyright (C) Ficus authors
 */


#include "fig_fcgi_conn.h"
#include "fig_log.h"
#include <sys/epoll.h>
#include <unistd.h>


static void fig_fcgi_wait(fig_fcgi_t *fcgi, struct epoll_event *event);
static void fig_fcgi_park(fig_fcgi_t *fcgi);
static bool fig_fcgi_unpark(fig_fcgi_t *fcgi);
static void fig_fcgi_event(fig_fcgi_thread_t *thread,
    const struct epoll_event *event);
static void fig_fcgi_tick(fig_fcgi_t *fcgi);


void *
fig_fcgi_thread(void *data)
{
    fig_fcgi_t         *fcgi;
    fig_fcgi_thread_t  *thread;
    struct epoll_event  event;

    thread = data;
    fcgi = thread->fcgi;

    for ( ;; ) {
        fig_fcgi_wait(fcgi, &event);

        if (event.data.ptr == &fcgi->quit) {
            break;
        }

        fig_fcgi_event(thread, &event);
    }

    (void) pthread_mutex_lock(&fcgi->mutex);
    fcgi->running--;
    (void) pthread_cond_broadcast(&fcgi->changed);
    (void) pthread_mutex_unlock(&fcgi->mutex);

    return NULL;
}


static void
fig_fcgi_wait(fig_fcgi_t *fcgi, struct epoll_event *event)
{
    int  n;

    if (atomic_fetch_add(&fcgi->polling, 1) >= fcgi->enough) {
        (void) atomic_fetch_sub(&fcgi->polling, 1);
        fig_fcgi_park(fcgi);
        (void) atomic_fetch_add(&fcgi->polling, 1);
    }

    do {
        n = epoll_wait(fcgi->epoll, event, 1, -1);
    } while (n != 1);

    if (atomic_fetch_sub(&fcgi->polling, 1) == 1 && fig_fcgi_unpark(fcgi)) {
        (void) sem_post(&fcgi->call);
    }
}


/*
 * Who parks says so before looking whether anybody waits for events; who takes
 * an event does it the other way round.  So one of them sees the other.
 */

static void
fig_fcgi_park(fig_fcgi_t *fcgi)
{
    (void) atomic_fetch_add(&fcgi->parked, 1);

    if (atomic_load(&fcgi->polling) == 0 && fig_fcgi_unpark(fcgi)) {
        return;
    }

    while (sem_wait(&fcgi->call) == -1) { /* void */ }
}


/* false: there is none, or all have been called already */

static bool
fig_fcgi_unpark(fig_fcgi_t *fcgi)
{
    unsigned  n;

    n = atomic_load(&fcgi->parked);

    while (n != 0) {
        if (atomic_compare_exchange_weak(&fcgi->parked, &n, n - 1)) {
            return true;
        }
    }

    return false;
}


static void
fig_fcgi_event(fig_fcgi_thread_t *thread, const struct epoll_event *event)
{
    void        *source;
    fig_fcgi_t  *fcgi;

    fcgi = thread->fcgi;
    source = event->data.ptr;

    if (source == &fcgi->queue.marker) {
        fig_fcgi_queue_marked(&fcgi->queue);
        return;
    }

    fig_fcgi_queue_look(&fcgi->queue);

    if (source == &fcgi->timer) {
        fig_fcgi_tick(fcgi);

    } else if (event->events & (EPOLLHUP|EPOLLERR)) {
        fig_fcgi_conn_drop(fcgi, source);

    } else {
        fig_fcgi_conn_serve(thread, source);
    }
}


static void
fig_fcgi_tick(fig_fcgi_t *fcgi)
{
    uint64_t            ticks;
    struct epoll_event  event;

    if (read(fcgi->timer, &ticks, sizeof(ticks)) == sizeof(ticks)) {
        fig_fcgi_conns_sweep(fcgi);
    }

    event.events = EPOLLIN|EPOLLONESHOT;
    event.data.ptr = &fcgi->timer;

    if (epoll_ctl(fcgi->epoll, EPOLL_CTL_MOD, fcgi->timer, &event) == -1) {
        fig_log_errno("epoll_ctl() failed");
    }
}
