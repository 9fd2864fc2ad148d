
/*
 * Copyright (C) Ficus authors
 */


#include "fig_fcgi_conn.h"
#include "fig_log.h"
#include <errno.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>


/* ms until accept() is tried again when there are no descriptors */
#define FIG_FCGI_BREATHER  100


static void fig_fcgi_wait(fig_fcgi_t *fcgi, struct epoll_event *event);
static void fig_fcgi_park(fig_fcgi_t *fcgi);
static bool fig_fcgi_unpark(fig_fcgi_t *fcgi);
static void fig_fcgi_event(fig_fcgi_thread_t *thread, void *source);
static void fig_fcgi_accept(fig_fcgi_thread_t *thread);
static void fig_fcgi_tick(fig_fcgi_t *fcgi);
static void fig_fcgi_rearm(fig_fcgi_t *fcgi, int *fd);


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

        (void) atomic_fetch_add_explicit(&fcgi->busy, 1,
                                         memory_order_relaxed);
        fig_fcgi_event(thread, event.data.ptr);
        (void) atomic_fetch_sub_explicit(&fcgi->busy, 1,
                                         memory_order_relaxed);
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
fig_fcgi_event(fig_fcgi_thread_t *thread, void *source)
{
    fig_fcgi_t  *fcgi;

    fcgi = thread->fcgi;

    if (source == &fcgi->listener.fd) {
        fig_fcgi_accept(thread);

    } else if (source == &fcgi->timer) {
        fig_fcgi_tick(fcgi);

    } else {
        fig_fcgi_conn_serve(thread, source);
    }
}


/* the listener is armed again before the connection is served */

static void
fig_fcgi_accept(fig_fcgi_thread_t *thread)
{
    int               fd;
    fig_fcgi_t       *fcgi;
    fig_fcgi_conn_t  *conn;

    fcgi = thread->fcgi;
    fd = accept4(fcgi->listener.fd, NULL, NULL, SOCK_CLOEXEC|SOCK_NONBLOCK);

    if (fd == -1 && (errno == EMFILE || errno == ENFILE || errno == ENOMEM
                     || errno == ENOBUFS))
    {
        fig_log_errno("accept4() failed");
        (void) poll(NULL, 0, FIG_FCGI_BREATHER);
    }

    fig_fcgi_rearm(fcgi, &fcgi->listener.fd);

    if (fd == -1) {
        return;
    }

    conn = fig_fcgi_conn_open(fcgi, fd);

    if (conn) {
        fig_fcgi_conn_serve(thread, conn);
    }
}


static void
fig_fcgi_tick(fig_fcgi_t *fcgi)
{
    uint64_t  ticks;

    if (read(fcgi->timer, &ticks, sizeof(ticks)) == sizeof(ticks)) {
        fig_fcgi_conns_sweep(fcgi);
    }

    fig_fcgi_rearm(fcgi, &fcgi->timer);
}


/* who stops has taken the listener out of the set: then nothing is armed */

static void
fig_fcgi_rearm(fig_fcgi_t *fcgi, int *fd)
{
    struct epoll_event  event;

    event.events = EPOLLIN|EPOLLONESHOT;
    event.data.ptr = fd;

    if (epoll_ctl(fcgi->epoll, EPOLL_CTL_MOD, *fd, &event) == -1
        && errno != ENOENT)
    {
        fig_log_errno("epoll_ctl() failed");
    }
}
