
/*
 * Copyright (C) Ficus authors
 */


#include "fig_fcgi_conn.h"
#include "fig_log.h"
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>


#define FIG_FCGI_STACK        262144
#define FIG_FCGI_ARENA        8192
#define FIG_FCGI_ARENA_MAX    67108864

/* ms between two looks for deadlines */
#define FIG_FCGI_SWEEP_MIN    10
#define FIG_FCGI_SWEEP_MAX    1000

/* us that threads may take to end when all the time is over */
#define FIG_FCGI_END_TIME     500000

/* ms the same when it cannot be opened: none has a request */
#define FIG_FCGI_FAILED       10000


static unsigned fig_fcgi_enough(void);
static fig_status_t fig_fcgi_open_set(fig_fcgi_t *fcgi);
static fig_status_t fig_fcgi_add(fig_fcgi_t *fcgi, int *fd, uint32_t events);
static fig_status_t fig_fcgi_open_timer(fig_fcgi_t *fcgi);
static fig_status_t fig_fcgi_start(fig_fcgi_t *fcgi);
static fig_status_t fig_fcgi_start_thread(fig_fcgi_thread_t *thread,
    const pthread_attr_t *attr);
static fig_status_t fig_fcgi_start_acceptor(fig_fcgi_t *fcgi,
    const pthread_attr_t *attr);
static fig_status_t fig_fcgi_started(int rc);
static void fig_fcgi_wait_for(fig_fcgi_t *fcgi, const size_t *count,
    uint64_t deadline);
static void fig_fcgi_join(fig_fcgi_t *fcgi);


fig_status_t
fig_fcgi_open(const fig_fcgi_conf_t *conf, fig_fcgi_handler_pt handler,
    void *data, fig_fcgi_t **out)
{
    fig_fcgi_t          *fcgi;
    pthread_condattr_t   attr;

    *out = NULL;

    fcgi = calloc(1, sizeof(fig_fcgi_t));
    if (fcgi == NULL) {
        fig_log_error("no memory for the responder");
        return FIG_ERROR;
    }

    fcgi->conf = *conf;
    fcgi->handler = handler;
    fcgi->data = data;
    fcgi->epoll = -1;
    fcgi->timer = -1;
    fcgi->quit = -1;
    fcgi->listener.fd = -1;

    fcgi->enough = fig_fcgi_enough();

    (void) sem_init(&fcgi->call, 0, 0);
    (void) pthread_mutex_init(&fcgi->mutex, NULL);
    (void) pthread_condattr_init(&attr);
    (void) pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    (void) pthread_cond_init(&fcgi->changed, &attr);
    (void) pthread_condattr_destroy(&attr);

    fig_fcgi_metrics(fcgi);

    if (fig_fcgi_listen(&fcgi->listener, conf->listen, (unsigned) conf->mode)
        != FIG_OK)
    {
        goto failed;
    }

    fcgi->tcp = fcgi->listener.path == NULL;

    if (fig_fcgi_open_set(fcgi) != FIG_OK || fig_fcgi_start(fcgi) != FIG_OK) {
        goto failed;
    }

    *out = fcgi;

    return FIG_OK;

failed:

    fig_fcgi_hide(&fcgi->listener);
    (void) fig_fcgi_stop(fcgi, FIG_FCGI_FAILED);
    fig_fcgi_close(fcgi);

    return FIG_ERROR;
}


/* as many as can run */

static unsigned
fig_fcgi_enough(void)
{
    long  n;

    n = sysconf(_SC_NPROCESSORS_ONLN);

    return n > 1 ? (unsigned) n : 1;
}


/* the timer is armed one-shot, too; quit wakes every thread */

static fig_status_t
fig_fcgi_open_set(fig_fcgi_t *fcgi)
{
    fcgi->epoll = epoll_create1(EPOLL_CLOEXEC);
    fcgi->quit = eventfd(0, EFD_CLOEXEC|EFD_NONBLOCK);

    if (fcgi->epoll == -1 || fcgi->quit == -1
        || fig_fcgi_queue_open(&fcgi->queue, fcgi->epoll,
                               fcgi->conf.max_wait * 1000,
                               (unsigned) fcgi->conf.threads)
           != FIG_OK
        || fig_fcgi_open_timer(fcgi) != FIG_OK
        || fig_fcgi_add(fcgi, &fcgi->quit, EPOLLIN) != FIG_OK
        || fig_fcgi_add(fcgi, &fcgi->timer, EPOLLIN|EPOLLONESHOT) != FIG_OK)
    {
        fig_log_errno("cannot set up the responder");
        return FIG_ERROR;
    }

    return FIG_OK;
}


static fig_status_t
fig_fcgi_add(fig_fcgi_t *fcgi, int *fd, uint32_t events)
{
    struct epoll_event  event;

    event.events = events;
    event.data.ptr = fd;

    return epoll_ctl(fcgi->epoll, EPOLL_CTL_ADD, *fd, &event) == 0
           ? FIG_OK : FIG_ERROR;
}


static fig_status_t
fig_fcgi_open_timer(fig_fcgi_t *fcgi)
{
    uint64_t           ms;
    struct itimerspec  spec;

    ms = fcgi->conf.read_timeout / 2;
    ms = ms < FIG_FCGI_SWEEP_MAX ? ms : FIG_FCGI_SWEEP_MAX;
    ms = ms > FIG_FCGI_SWEEP_MIN ? ms : FIG_FCGI_SWEEP_MIN;

    spec.it_interval.tv_sec = (time_t) (ms / 1000);
    spec.it_interval.tv_nsec = (long) (ms % 1000) * 1000000;
    spec.it_value = spec.it_interval;

    fcgi->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC|TFD_NONBLOCK);

    return fcgi->timer != -1
           && timerfd_settime(fcgi->timer, 0, &spec, NULL) == 0
           ? FIG_OK : FIG_ERROR;
}


static fig_status_t
fig_fcgi_start(fig_fcgi_t *fcgi)
{
    size_t          i;
    fig_status_t    rc;
    pthread_attr_t  attr;

    fcgi->nthreads = fcgi->conf.threads + FIG_FCGI_SPARE;
    fcgi->threads = calloc(fcgi->nthreads, sizeof(fig_fcgi_thread_t));
    if (fcgi->threads == NULL) {
        fig_log_error("no memory for the responder");
        return FIG_ERROR;
    }

    rc = FIG_OK;

    (void) pthread_attr_init(&attr);
    (void) pthread_attr_setstacksize(&attr, FIG_FCGI_STACK);

    for (i = 0; i < fcgi->nthreads && rc == FIG_OK; i++) {
        fcgi->threads[i].fcgi = fcgi;
        rc = fig_fcgi_start_thread(&fcgi->threads[i], &attr);
    }

    if (rc == FIG_OK) {
        rc = fig_fcgi_start_acceptor(fcgi, &attr);
    }

    (void) pthread_attr_destroy(&attr);

    return rc;
}


static fig_status_t
fig_fcgi_start_thread(fig_fcgi_thread_t *thread, const pthread_attr_t *attr)
{
    int          rc;
    fig_fcgi_t  *fcgi;

    fcgi = thread->fcgi;
    thread->arena = fig_arena_create(FIG_FCGI_ARENA, FIG_FCGI_ARENA_MAX);

    if (thread->arena == NULL) {
        fig_log_error("no memory for the responder");
        return FIG_ERROR;
    }

    (void) pthread_mutex_lock(&fcgi->mutex);

    rc = pthread_create(&thread->id, attr, fig_fcgi_thread, thread);

    if (rc == 0) {
        thread->started = true;
        fcgi->running++;
    }

    (void) pthread_mutex_unlock(&fcgi->mutex);

    return fig_fcgi_started(rc);
}


static fig_status_t
fig_fcgi_start_acceptor(fig_fcgi_t *fcgi, const pthread_attr_t *attr)
{
    int  rc;

    rc = pthread_create(&fcgi->acceptor, attr, fig_fcgi_acceptor, fcgi);
    fcgi->accepting = rc == 0;

    return fig_fcgi_started(rc);
}


static fig_status_t
fig_fcgi_started(int rc)
{
    if (rc != 0) {
        errno = rc;
        fig_log_errno("cannot start a thread");
        return FIG_ERROR;
    }

    return FIG_OK;
}


fig_status_t
fig_fcgi_stop(fig_fcgi_t *fcgi, uint64_t timeout)
{
    uint64_t      one, late, until;
    fig_status_t  rc;

    one = 1;
    until = fig_clock_us() + timeout * 1000;

    atomic_store(&fcgi->stopping, true);
    fig_fcgi_hide(&fcgi->listener);

    fig_fcgi_accept_stop(fcgi);
    fig_fcgi_conns_stop(fcgi);
    fig_fcgi_wait_for(fcgi, &fcgi->nconns, until);

    if (fcgi->quit != -1
        && write(fcgi->quit, &one, sizeof(one)) != sizeof(one))
    {
        fig_log_errno("cannot stop the threads");
    }

    /* one after the other, when there are many and the machine is busy */
    late = fig_clock_us() + FIG_FCGI_END_TIME;
    fig_fcgi_wait_for(fcgi, &fcgi->running, until > late ? until : late);

    (void) pthread_mutex_lock(&fcgi->mutex);
    rc = fcgi->running == 0 ? FIG_OK : FIG_AGAIN;
    (void) pthread_mutex_unlock(&fcgi->mutex);

    if (rc == FIG_OK) {
        fig_fcgi_join(fcgi);
    }

    return rc;
}


/* until the count is 0 */

static void
fig_fcgi_wait_for(fig_fcgi_t *fcgi, const size_t *count, uint64_t deadline)
{
    int              rc;
    struct timespec  until;

    until.tv_sec = (time_t) (deadline / 1000000);
    until.tv_nsec = (long) (deadline % 1000000) * 1000;

    (void) pthread_mutex_lock(&fcgi->mutex);

    for (rc = 0; *count != 0 && rc == 0; /* void */ ) {
        rc = pthread_cond_timedwait(&fcgi->changed, &fcgi->mutex, &until);
    }

    (void) pthread_mutex_unlock(&fcgi->mutex);
}


static void
fig_fcgi_join(fig_fcgi_t *fcgi)
{
    size_t  i;

    for (i = 0; fcgi->threads && i < fcgi->nthreads; i++) {
        if (fcgi->threads[i].started) {
            (void) pthread_join(fcgi->threads[i].id, NULL);
            fcgi->threads[i].started = false;
        }
    }
}


void
fig_fcgi_close(fig_fcgi_t *fcgi)
{
    size_t  i;

    if (fcgi == NULL) {
        return;
    }

    fig_gauge_remove(fcgi);
    fig_fcgi_unlisten(&fcgi->listener);

    while (fcgi->conns) {
        fig_fcgi_conn_close(fcgi, fcgi->conns);
    }

    for (i = 0; fcgi->threads && i < fcgi->nthreads; i++) {
        fig_arena_destroy(fcgi->threads[i].arena);
    }

    if (fcgi->timer != -1) {
        (void) close(fcgi->timer);
    }

    if (fcgi->quit != -1) {
        (void) close(fcgi->quit);
    }

    fig_fcgi_queue_close(&fcgi->queue);

    if (fcgi->epoll != -1) {
        (void) close(fcgi->epoll);
    }

    (void) pthread_cond_destroy(&fcgi->changed);
    (void) pthread_mutex_destroy(&fcgi->mutex);
    (void) sem_destroy(&fcgi->call);
    free(fcgi->threads);
    free(fcgi);
}
