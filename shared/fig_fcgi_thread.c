
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

/* connections accepted before others have their turn */
#define FIG_FCGI_ACCEPTS   64


static void fig_fcgi_wait(fig_fcgi_t *fcgi, struct epoll_event *event);
static void fig_fcgi_park(fig_fcgi_t *fcgi);
static bool fig_fcgi_unpark(fig_fcgi_t *fcgi);
static void fig_fcgi_event(fig_fcgi_thread_t *thread,
    const struct epoll_event *event);
static void fig_fcgi_accept(fig_fcgi_thread_t *thread);
static fig_fcgi_conn_t *fig_fcgi_accept_one(fig_fcgi_t *fcgi, bool *more);
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

    if (source == &fcgi->listener.fd) {
        fig_fcgi_accept(thread);

    } else if (source == &fcgi->timer) {
        fig_fcgi_tick(fcgi);

    } else if (event->events & (EPOLLHUP|EPOLLERR)) {
        fig_fcgi_conn_drop(fcgi, source);

    } else {
        fig_fcgi_conn_serve(thread, source);
    }
}


/*
 * All that wait for it are accepted, so that they queue with the others.  The
 * listener is armed again before the first of them is served.
 */

static void
fig_fcgi_accept(fig_fcgi_thread_t *thread)
{
    bool              more, room;
    unsigned          i;
    fig_fcgi_t       *fcgi;
    fig_fcgi_conn_t  *conn, *first;

    fcgi = thread->fcgi;
    first = NULL;
    more = true;

    room = fig_fcgi_conn_room(fcgi);

    for (i = 0; room && more && i < FIG_FCGI_ACCEPTS; i++) {
        conn = fig_fcgi_accept_one(fcgi, &more);

        if (first == NULL) {
            first = conn;

        } else if (conn) {
            fig_fcgi_conn_arm(fcgi, conn);
        }

        room = fig_fcgi_conn_room(fcgi);
    }

    if (room) {
        fig_fcgi_rearm(fcgi, &fcgi->listener.fd);
    }

    if (first) {
        fig_fcgi_conn_serve(thread, first);
    }
}


static fig_fcgi_conn_t *
fig_fcgi_accept_one(fig_fcgi_t *fcgi, bool *more)
{
    int  fd;

    fd = accept4(fcgi->listener.fd, NULL, NULL, SOCK_CLOEXEC|SOCK_NONBLOCK);

    if (fd != -1) {
        return fig_fcgi_conn_open(fcgi, fd);
    }

    if (errno == EMFILE || errno == ENFILE || errno == ENOMEM
        || errno == ENOBUFS)
    {
        fig_log_errno("accept4() failed");
        (void) poll(NULL, 0, FIG_FCGI_BREATHER);
    }

    *more = false;

    return NULL;
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

void
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
