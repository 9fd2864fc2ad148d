
/*
 * Copyright (C) Ficus authors
 */


/*
 * Threads and connections of the responder; for shared/fig_fcgi*.c.
 *
 * An armed connection belongs to the epoll set.  The event disarms it, and it
 * belongs to the thread that got the event until that arms or closes it.
 */


#ifndef FIG_FCGI_CONN_H_INCLUDED
#define FIG_FCGI_CONN_H_INCLUDED


#include "fig_fcgi.h"
#include "fig_fcgi_answer.h"
#include "fig_fcgi_input.h"
#include "fig_fcgi_listen.h"
#include "fig_fcgi_queue.h"
#include "fig_metrics.h"
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>


typedef struct fig_fcgi_conn_s  fig_fcgi_conn_t;

struct fig_fcgi_conn_s {
    int                   fd;
    bool                  added;       /* to the epoll set */
    bool                  fresh;       /* no request has come yet */
    bool                  excess;      /* over max_connections */
    atomic_bool           handed;      /* orders what two threads see of it */
    _Atomic(uint64_t)     deadline;    /* us, to read a request; 0: none */
    fig_fcgi_input_t      input;
    fig_fcgi_conn_t      *prev;
    fig_fcgi_conn_t      *next;
};


typedef struct {
    fig_fcgi_t           *fcgi;
    fig_arena_t          *arena;       /* of the request that runs */
    pthread_t             id;
    bool                  started;
} fig_fcgi_thread_t;


struct fig_fcgi_s {
    fig_fcgi_conf_t       conf;
    fig_fcgi_handler_pt   handler;
    void                 *data;

    int                   epoll;
    int                   timer;       /* of the next look for deadlines */
    int                   quit;        /* readable: threads end */
    bool                  tcp;
    fig_fcgi_listener_t   listener;
    fig_fcgi_queue_t      queue;

    atomic_bool           stopping;
    _Atomic(unsigned)     polling;     /* threads that wait for an event */
    _Atomic(unsigned)     parked;      /* threads that nobody has called yet */
    sem_t                 call;
    unsigned              enough;      /* threads to wait for an event */

    pthread_mutex_t       mutex;       /* for what follows */
    pthread_cond_t        changed;
    fig_fcgi_conn_t      *conns;
    size_t                nconns;
    bool                  full;        /* the acceptor waits for room */
    size_t                running;     /* threads */

    fig_counter_t        *refused_connections;
    fig_counter_t        *refused_timeout;
    fig_counter_t        *refused_protocol;
    fig_counter_t        *refused_request;
    fig_counter_t        *refused_overload;
    fig_counter_t        *refused_gone;

    size_t                nthreads;
    fig_fcgi_thread_t    *threads;

    pthread_t             acceptor;
    bool                  accepting;   /* it was started */
};


void fig_fcgi_metrics(fig_fcgi_t *fcgi);


/*
 * What a thread runs until it shall quit; data is its fig_fcgi_thread_t.
 *
 * Each event wakes a thread that waits for one, though those at work would be
 * back soon: many that wait cost a switch a request.  So there are few, the
 * others are parked; who takes an event and leaves nobody to wait for the next
 * one calls one of these before going to work, which may block.
 */

void *fig_fcgi_thread(void *data);


/*
 * What one more thread runs: it accepts while there is room, whatever becomes
 * of the others, so that nobody finds the backlog full since they wait.  stop
 * ends it, and takes all that have connected in time.
 */

void *fig_fcgi_acceptor(void *data);
void fig_fcgi_accept_stop(fig_fcgi_t *fcgi);


/*
 * Takes over a socket that was accepted, and does not arm it yet.  NULL: it
 * was closed.
 */

fig_fcgi_conn_t *fig_fcgi_conn_open(fig_fcgi_t *fcgi, int fd);
void fig_fcgi_conn_close(fig_fcgi_t *fcgi, fig_fcgi_conn_t *conn);


/*
 * Reads what is there, runs the requests in it, answers them; then arms or
 * closes the connection.  drop does no more than close one whose peer has gone.
 */

void fig_fcgi_conn_serve(fig_fcgi_thread_t *thread, fig_fcgi_conn_t *conn);
void fig_fcgi_conn_drop(fig_fcgi_t *fcgi, fig_fcgi_conn_t *conn);


/*
 * Arms the connection; closes it when that cannot be done or it has nothing
 * to wait for.
 */

void fig_fcgi_conn_arm(fig_fcgi_t *fcgi, fig_fcgi_conn_t *conn);


/*
 * Cuts off the connections whose deadline is over.
 */

void fig_fcgi_conns_sweep(fig_fcgi_t *fcgi);


/*
 * Lets all that wait for a request end.
 */

void fig_fcgi_conns_stop(fig_fcgi_t *fcgi);


#endif /* FIG_FCGI_CONN_H_INCLUDED */
