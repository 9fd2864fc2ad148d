
/*
 * Copyright (C) Ficus authors
 */


/*
 * How long requests wait for a thread, and which of them are shed for that;
 * for shared/fig_fcgi*.c.  docs/decisions/0010 has the reasons.
 *
 * Requests wait in the epoll set, which is first in, first out, and does not
 * tell when they came.  So a marker is queued behind them now and then, and
 * what it waits, they wait.  When that is above the limit for as long again,
 * all that is queued is shed, up to a marker that came through in time.  For
 * a while afterwards the limit itself is enough.
 *
 * Requests that run have one of the places.  There are more threads than
 * places, so that one is left that can shed, or answer what is vital.  A
 * request that finds no place waits for one, as long as the queue might.
 *
 * Threads: any number of them.
 */


#ifndef FIG_FCGI_QUEUE_H_INCLUDED
#define FIG_FCGI_QUEUE_H_INCLUDED


#include "fig_status.h"
#include <semaphore.h>
#include <stdatomic.h>
#include <stdint.h>


/* threads besides those with a place */
#define FIG_FCGI_SPARE  4


typedef struct {
    uint64_t             limit;      /* us that requests may wait */
    int                  epoll;
    int                  marker;     /* the descriptor that is the marker */
    sem_t                places;
    sem_t                spare;      /* for what is vital; one less than are */

    _Atomic(uint64_t)    sent;       /* us: the marker was queued; 0: not */
    _Atomic(uint64_t)    due;        /* us: it may be queued again */
    _Atomic(uint64_t)    wait;       /* us that it waited */
    _Atomic(uint64_t)    above;      /* us: above the limit since; 0: not */
    _Atomic(uint64_t)    strict;     /* us: until then the limit is enough */

    _Atomic(uint64_t)    shed;       /* requests that no line tells of */
    _Atomic(uint64_t)    told;       /* us: the next line may be logged */
} fig_fcgi_queue_t;


/*
 * FIG_ERROR: errno says why.
 */

fig_status_t fig_fcgi_queue_open(fig_fcgi_queue_t *queue, int epoll,
    uint64_t limit, unsigned places) FIG_NODISCARD;
void fig_fcgi_queue_close(fig_fcgi_queue_t *queue);


/*
 * For each event that is taken; and for the marker, whose event has its
 * address.
 */

void fig_fcgi_queue_look(fig_fcgi_queue_t *queue);
void fig_fcgi_queue_marked(fig_fcgi_queue_t *queue);


/*
 * A place for a request, at once or after a wait, which the caller gives back
 * with sem_post(); NULL: it is to be shed.
 */

sem_t *fig_fcgi_queue_enter(fig_fcgi_queue_t *queue);
sem_t *fig_fcgi_queue_enter_now(fig_fcgi_queue_t *queue);
sem_t *fig_fcgi_queue_enter_vital(fig_fcgi_queue_t *queue);


/*
 * One was shed: logged, if that was not done lately.
 */

void fig_fcgi_queue_tell(fig_fcgi_queue_t *queue);


#endif /* FIG_FCGI_QUEUE_H_INCLUDED */
