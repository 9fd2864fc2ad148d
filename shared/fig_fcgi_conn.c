
/*
 * Copyright (C) Ficus authors
 */


#include "fig_fcgi_conn.h"
#include "fig_log.h"
#include "fig_problem.h"
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>


#define FIG_FCGI_READ   16384

/* what a connection may send before others have their turn: 1 MiB */
#define FIG_FCGI_READS  64


static void fig_fcgi_conn_link(fig_fcgi_t *fcgi, fig_fcgi_conn_t *conn);
static void fig_fcgi_conn_free(fig_fcgi_conn_t *conn);
static fig_status_t fig_fcgi_conn_read(fig_fcgi_thread_t *thread,
    fig_fcgi_conn_t *conn);
static fig_status_t fig_fcgi_conn_input(fig_fcgi_thread_t *thread,
    fig_fcgi_conn_t *conn, const unsigned char *p, const unsigned char *last);
static fig_status_t fig_fcgi_conn_reply(fig_fcgi_t *fcgi,
    fig_fcgi_conn_t *conn);
static fig_status_t fig_fcgi_conn_run(fig_fcgi_thread_t *thread,
    fig_fcgi_conn_t *conn);
static sem_t *fig_fcgi_conn_handle(fig_fcgi_thread_t *thread,
    fig_fcgi_conn_t *conn, fig_request_t *request, fig_response_t *response);
static sem_t *fig_fcgi_conn_place(fig_fcgi_t *fcgi, bool excess,
    fig_request_t *request);
static void fig_fcgi_conn_shed(fig_fcgi_t *fcgi, bool excess,
    const fig_request_t *request, fig_response_t *response);
static void fig_fcgi_conn_refuse(fig_fcgi_t *fcgi, unsigned status,
    const fig_request_t *request, fig_response_t *response);
static void fig_fcgi_conn_peer(const fig_fcgi_t *fcgi,
    const fig_fcgi_conn_t *conn, fig_fcgi_peer_t *peer);


fig_fcgi_conn_t *
fig_fcgi_conn_open(fig_fcgi_t *fcgi, int fd)
{
    int               one;
    fig_fcgi_conn_t  *conn;

    conn = calloc(1, sizeof(fig_fcgi_conn_t));
    if (conn == NULL) {
        (void) close(fd);
        return NULL;
    }

    conn->fd = fd;
    conn->fresh = true;
    fig_fcgi_input_init(&conn->input, fcgi->conf.max_body,
                        fcgi->conf.max_connections);

    fig_fcgi_conn_link(fcgi, conn);

    if (fcgi->tcp) {
        one = 1;
        (void) setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    }

    return conn;
}


/* so many as there may be are told that they are too many */

static void
fig_fcgi_conn_link(fig_fcgi_t *fcgi, fig_fcgi_conn_t *conn)
{
    (void) pthread_mutex_lock(&fcgi->mutex);

    conn->excess = fcgi->nconns >= fcgi->conf.max_connections;
    conn->next = fcgi->conns;
    fcgi->conns = conn;
    fcgi->nconns++;

    if (conn->next) {
        conn->next->prev = conn;
    }

    (void) pthread_mutex_unlock(&fcgi->mutex);
}


void
fig_fcgi_conn_close(fig_fcgi_t *fcgi, fig_fcgi_conn_t *conn)
{
    (void) pthread_mutex_lock(&fcgi->mutex);

    if (conn->prev) {
        conn->prev->next = conn->next;

    } else {
        fcgi->conns = conn->next;
    }

    if (conn->next) {
        conn->next->prev = conn->prev;
    }

    fcgi->nconns--;

    if (fcgi->nconns == 0 || fcgi->full) {
        (void) pthread_cond_broadcast(&fcgi->changed);
    }

    (void) pthread_mutex_unlock(&fcgi->mutex);

    fig_fcgi_conn_free(conn);
}


static void
fig_fcgi_conn_free(fig_fcgi_conn_t *conn)
{
    (void) close(conn->fd);
    fig_fcgi_input_clear(&conn->input);
    free(conn);
}


/*
 * The deadline is set before stopping is looked at, and who stops does it the
 * other way round, so that one of the two ends a connection that waits.
 */

void
fig_fcgi_conn_arm(fig_fcgi_t *fcgi, fig_fcgi_conn_t *conn)
{
    int                 op, fd;
    bool                begun;
    struct epoll_event  event;

    begun = conn->fresh || fig_fcgi_input_begun(&conn->input);

    if (begun && atomic_load(&conn->deadline) == 0) {
        atomic_store(&conn->deadline,
                     fig_clock_us() + fcgi->conf.read_timeout * 1000);
    }

    if (!begun && atomic_load(&fcgi->stopping)) {
        fig_fcgi_conn_close(fcgi, conn);
        return;
    }

    op = conn->added ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
    fd = conn->fd;
    conn->added = true;

    event.events = EPOLLIN|EPOLLRDHUP|EPOLLONESHOT;
    event.data.ptr = conn;

    /* from here on it may be another thread's */

    atomic_store_explicit(&conn->handed, true, memory_order_release);

    if (epoll_ctl(fcgi->epoll, op, fd, &event) == -1) {
        fig_log_errno("epoll_ctl() failed");
        fig_fcgi_conn_close(fcgi, conn);
    }
}


void
fig_fcgi_conn_serve(fig_fcgi_thread_t *thread, fig_fcgi_conn_t *conn)
{
    (void) atomic_load_explicit(&conn->handed, memory_order_acquire);

    if (fig_fcgi_conn_read(thread, conn) == FIG_OK) {
        fig_fcgi_conn_arm(thread->fcgi, conn);

    } else {
        fig_fcgi_conn_close(thread->fcgi, conn);
    }
}


/* the end of one that was kept is no loss */

void
fig_fcgi_conn_drop(fig_fcgi_t *fcgi, fig_fcgi_conn_t *conn)
{
    char  c;

    (void) atomic_load_explicit(&conn->handed, memory_order_acquire);

    if (recv(conn->fd, &c, 1, MSG_DONTWAIT|MSG_PEEK) == 1) {
        fig_counter_add(fcgi->refused_gone, 1);
    }

    fig_fcgi_conn_close(fcgi, conn);
}


/* FIG_OK: to be armed; a read that did not fill the buffer was the last */

static fig_status_t
fig_fcgi_conn_read(fig_fcgi_thread_t *thread, fig_fcgi_conn_t *conn)
{
    ssize_t        n;
    unsigned       i;
    unsigned char  data[FIG_FCGI_READ];

    for (i = 0; i < FIG_FCGI_READS; i++) {
        n = recv(conn->fd, data, sizeof(data), MSG_DONTWAIT);

        if (n == -1) {
            return errno == EAGAIN || errno == EINTR ? FIG_OK : FIG_ERROR;
        }

        if (n == 0
            || fig_fcgi_conn_input(thread, conn, data, data + n) != FIG_OK)
        {
            return FIG_ERROR;
        }

        if ((size_t) n < sizeof(data)) {
            break;
        }
    }

    return FIG_OK;
}


static fig_status_t
fig_fcgi_conn_input(fig_fcgi_thread_t *thread, fig_fcgi_conn_t *conn,
    const unsigned char *p, const unsigned char *last)
{
    fig_fcgi_t        *fcgi;
    fig_fcgi_event_t   event;

    fcgi = thread->fcgi;

    while (p < last) {
        event = fig_fcgi_input(&conn->input, &p, last);

        if (fig_fcgi_conn_reply(fcgi, conn) != FIG_OK) {
            return FIG_ERROR;
        }

        switch (event) {

        case FIG_FCGI_MORE:
            break;

        case FIG_FCGI_READY:
            if (fig_fcgi_conn_run(thread, conn) != FIG_OK) {
                return FIG_ERROR;
            }

            break;

        case FIG_FCGI_BROKEN:
            fig_counter_add(fcgi->refused_protocol, 1);
            fig_log_warn("closed a connection that does not speak FastCGI");
            return FIG_ERROR;

        case FIG_FCGI_CLOSED:
            return FIG_ERROR;
        }
    }

    return FIG_OK;
}


static fig_status_t
fig_fcgi_conn_reply(fig_fcgi_t *fcgi, fig_fcgi_conn_t *conn)
{
    fig_status_t     rc;
    fig_fcgi_peer_t  peer;

    if (conn->input.reply.len == 0) {
        return FIG_OK;
    }

    fig_fcgi_conn_peer(fcgi, conn, &peer);
    rc = fig_fcgi_send(&peer, fig_buf_view(&conn->input.reply));
    fig_buf_clear(&conn->input.reply);

    return rc;
}


static fig_status_t
fig_fcgi_conn_run(fig_fcgi_thread_t *thread, fig_fcgi_conn_t *conn)
{
    bool               keep;
    sem_t             *place;
    fig_status_t       rc;
    fig_request_t      request;
    fig_response_t     response;
    fig_fcgi_peer_t    peer;
    fig_fcgi_input_t  *input;

    input = &conn->input;
    keep = input->keep && !conn->excess;

    conn->fresh = false;
    atomic_store(&conn->deadline, 0);

    fig_response_init(&response);
    place = fig_fcgi_conn_handle(thread, conn, &request, &response);

    fig_fcgi_conn_peer(thread->fcgi, conn, &peer);
    rc = fig_fcgi_answer(&peer, input->id, &request, &response);

    if (place) {
        (void) sem_post(place);
    }

    fig_response_clear(&response);
    fig_fcgi_input_drop(input);
    fig_arena_reset(thread->arena);

    return keep ? rc : FIG_ERROR;
}


/* the place that it takes until it is answered, or NULL */

static sem_t *
fig_fcgi_conn_handle(fig_fcgi_thread_t *thread, fig_fcgi_conn_t *conn,
    fig_request_t *request, fig_response_t *response)
{
    sem_t       *place;
    fig_fcgi_t  *fcgi;

    fcgi = thread->fcgi;

    if (fig_fcgi_input_request(&conn->input, thread->arena, request)
        != FIG_OK)
    {
        fig_fcgi_conn_refuse(fcgi, conn->input.refuse, request, response);
        return NULL;
    }

    place = fig_fcgi_conn_place(fcgi, conn->excess, request);

    if (place) {
        fcgi->handler(fcgi->data, request, response);

    } else {
        fig_fcgi_conn_shed(fcgi, conn->excess, request, response);
    }

    return place;
}


static sem_t *
fig_fcgi_conn_place(fig_fcgi_t *fcgi, bool excess, fig_request_t *request)
{
    sem_t  *place;

    place = excess ? NULL : fig_fcgi_queue_enter_now(&fcgi->queue);

    if (place) {
        return place;
    }

    if (fcgi->conf.vital && fcgi->conf.vital(fcgi->data, request)) {
        return fig_fcgi_queue_enter_vital(&fcgi->queue);
    }

    return excess ? NULL : fig_fcgi_queue_enter(&fcgi->queue);
}


static void
fig_fcgi_conn_shed(fig_fcgi_t *fcgi, bool excess,
    const fig_request_t *request, fig_response_t *response)
{
    if (excess) {
        fig_counter_add(fcgi->refused_connections, 1);
        fig_problem(request, response, 503, "busy", NULL,
                    "too many connections");
        return;
    }

    fig_counter_add(fcgi->refused_overload, 1);
    fig_fcgi_queue_tell(&fcgi->queue);
    fig_problem(request, response, 503, "busy", NULL,
                "too many requests; this one was not looked at");
}


static void
fig_fcgi_conn_refuse(fig_fcgi_t *fcgi, unsigned status,
    const fig_request_t *request, fig_response_t *response)
{
    fig_counter_add(fcgi->refused_request, 1);

    switch (status) {

    case 400:
        fig_problem(request, response, 400, "bad-request", NULL,
                    "the request is incomplete");
        break;

    case 431:
        fig_problem(request, response, 431, "headers-too-large", NULL,
                    "the headers are too large");
        break;

    default:
        fig_problem(request, response, 503, "busy", NULL,
                    "not enough memory at the moment");
    }
}


static void
fig_fcgi_conn_peer(const fig_fcgi_t *fcgi, const fig_fcgi_conn_t *conn,
    fig_fcgi_peer_t *peer)
{
    peer->fd = conn->fd;
    peer->timeout = fcgi->conf.read_timeout;
}


/* a connection in the list has its socket: it leaves the list first */

void
fig_fcgi_conns_sweep(fig_fcgi_t *fcgi)
{
    uint64_t          now, deadline;
    fig_fcgi_conn_t  *conn;

    now = fig_clock_us();

    (void) pthread_mutex_lock(&fcgi->mutex);

    for (conn = fcgi->conns; conn; conn = conn->next) {
        deadline = atomic_load(&conn->deadline);

        if (deadline != 0 && deadline <= now) {
            (void) shutdown(conn->fd, SHUT_RDWR);
            atomic_store(&conn->deadline, 0);
            fig_counter_add(fcgi->refused_timeout, 1);
        }
    }

    (void) pthread_mutex_unlock(&fcgi->mutex);
}


/* what has come already can still be read, then the end is */

void
fig_fcgi_conns_stop(fig_fcgi_t *fcgi)
{
    fig_fcgi_conn_t  *conn;

    (void) pthread_mutex_lock(&fcgi->mutex);

    for (conn = fcgi->conns; conn; conn = conn->next) {
        if (atomic_load(&conn->deadline) == 0) {
            (void) shutdown(conn->fd, SHUT_RD);
        }
    }

    (void) pthread_mutex_unlock(&fcgi->mutex);
}
