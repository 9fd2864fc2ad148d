
/*
 * Copyright (C) Ficus authors
 */


#include "fig_fcgi_queue.h"
#include "fig_log.h"
#include "fig_metrics.h"
#include <errno.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>


#define FIG_QUEUE_PERIOD  10000        /* us between two markers */
#define FIG_QUEUE_SHORT   1000         /* us: a wait that needs no other look */
#define FIG_QUEUE_STRICT  8            /* limits that the strictness lasts */
#define FIG_QUEUE_TELL    10000000     /* us between two lines of the log */


static void fig_fcgi_queue_send(fig_fcgi_queue_t *queue, uint64_t now);
static bool fig_fcgi_queue_over(fig_fcgi_queue_t *queue);
static uint64_t fig_fcgi_queue_above(fig_fcgi_queue_t *queue, uint64_t now);
static bool fig_fcgi_queue_wait(fig_fcgi_queue_t *queue, uint64_t until);


fig_status_t
fig_fcgi_queue_open(fig_fcgi_queue_t *queue, int epoll, uint64_t limit,
    unsigned places)
{
    struct epoll_event  event;

    queue->limit = limit;
    queue->epoll = epoll;
    queue->marker = eventfd(1, EFD_CLOEXEC|EFD_NONBLOCK);

    (void) sem_init(&queue->places, 0, places);
    (void) sem_init(&queue->spare, 0, FIG_FCGI_SPARE - 1);

    event.events = EPOLLONESHOT;
    event.data.ptr = &queue->marker;

    return queue->marker != -1
           && epoll_ctl(epoll, EPOLL_CTL_ADD, queue->marker, &event) == 0
           ? FIG_OK : FIG_ERROR;
}


void
fig_fcgi_queue_close(fig_fcgi_queue_t *queue)
{
    if (queue->limit == 0) {
        return;
    }

    if (queue->marker != -1) {
        (void) close(queue->marker);
    }

    (void) sem_destroy(&queue->places);
    (void) sem_destroy(&queue->spare);
}


void
fig_fcgi_queue_look(fig_fcgi_queue_t *queue)
{
    uint64_t  now, due;

    now = fig_clock_us();
    due = atomic_load(&queue->due);

    if (now >= due && atomic_load(&queue->sent) == 0
        && atomic_compare_exchange_strong(&queue->due, &due,
                                          now + FIG_QUEUE_PERIOD))
    {
        fig_fcgi_queue_send(queue, now);
    }
}


/* the marker can always be read, so it is ready when it is armed */

static void
fig_fcgi_queue_send(fig_fcgi_queue_t *queue, uint64_t now)
{
    struct epoll_event  event;

    event.events = EPOLLIN|EPOLLONESHOT;
    event.data.ptr = &queue->marker;

    atomic_store(&queue->sent, now);

    if (epoll_ctl(queue->epoll, EPOLL_CTL_MOD, queue->marker, &event) == -1) {
        atomic_store(&queue->sent, 0);
        fig_log_errno("epoll_ctl() failed");
    }
}


/* it goes round until there is no queue, so that no wait stays on record */

void
fig_fcgi_queue_marked(fig_fcgi_queue_t *queue)
{
    uint64_t  now, wait;

    now = fig_clock_us();
    wait = now - atomic_load(&queue->sent);

    if (wait > queue->limit) {
        (void) fig_fcgi_queue_above(queue, now);

    } else {
        atomic_store(&queue->above, 0);
    }

    atomic_store(&queue->wait, wait);

    if (wait > FIG_QUEUE_SHORT) {
        fig_fcgi_queue_send(queue, now);

    } else {
        atomic_store(&queue->sent, 0);
    }
}


/* the time since which waits are above the limit, now if they were not */

static uint64_t
fig_fcgi_queue_above(fig_fcgi_queue_t *queue, uint64_t now)
{
    uint64_t  since;

    since = 0;

    return atomic_compare_exchange_strong(&queue->above, &since, now)
           ? now : since;
}


sem_t *
fig_fcgi_queue_enter_now(fig_fcgi_queue_t *queue)
{
    return !fig_fcgi_queue_over(queue) && sem_trywait(&queue->places) == 0
           ? &queue->places : NULL;
}


sem_t *
fig_fcgi_queue_enter_vital(fig_fcgi_queue_t *queue)
{
    return sem_trywait(&queue->spare) == 0 ? &queue->spare : NULL;
}


/* who waited in vain found the limit exceeded, whatever the marker says */

sem_t *
fig_fcgi_queue_enter(fig_fcgi_queue_t *queue)
{
    uint64_t  now, since, until;

    if (fig_fcgi_queue_over(queue)) {
        return NULL;
    }

    now = fig_clock_us();
    since = atomic_load(&queue->above);
    until = since ? since + queue->limit : now + queue->limit;

    if (!since && now >= atomic_load(&queue->strict)) {
        until += queue->limit;
    }

    if (fig_fcgi_queue_wait(queue, until)) {
        return &queue->places;
    }

    now = fig_clock_us();
    atomic_store(&queue->above, now - queue->limit);
    atomic_store(&queue->wait, now - until + queue->limit);

    return NULL;
}


static bool
fig_fcgi_queue_wait(fig_fcgi_queue_t *queue, uint64_t until)
{
    int              rc;
    struct timespec  ts;

    ts.tv_sec = (time_t) (until / 1000000);
    ts.tv_nsec = (long) (until % 1000000) * 1000;

    do {
        rc = sem_clockwait(&queue->places, CLOCK_MONOTONIC, &ts);
    } while (rc == -1 && errno == EINTR);

    return rc == 0;
}


/* a marker that is still queued has waited so far, too */

static bool
fig_fcgi_queue_over(fig_fcgi_queue_t *queue)
{
    uint64_t  now, sent, since;

    sent = atomic_load(&queue->sent);
    since = atomic_load(&queue->above);

    if (sent == 0 && since == 0) {
        return false;
    }

    now = fig_clock_us();

    if (since == 0) {

        if (now - sent <= queue->limit) {
            return false;
        }

        since = fig_fcgi_queue_above(queue, sent + queue->limit);
    }

    if (now - since <= queue->limit && now >= atomic_load(&queue->strict)) {
        return false;
    }

    atomic_store(&queue->strict, now + FIG_QUEUE_STRICT * queue->limit);

    return true;
}


void
fig_fcgi_queue_tell(fig_fcgi_queue_t *queue)
{
    uint64_t  now, told;

    (void) atomic_fetch_add(&queue->shed, 1);

    now = fig_clock_us();
    told = atomic_load(&queue->told);

    if (now >= told
        && atomic_compare_exchange_strong(&queue->told, &told,
                                          now + FIG_QUEUE_TELL))
    {
        fig_log_warn("overloaded: requests waited longer than %llu ms for a "
                     "thread, %llu answered 503 since this was last said",
                     (unsigned long long) (queue->limit / 1000),
                     (unsigned long long) atomic_exchange(&queue->shed, 0));
    }
}
