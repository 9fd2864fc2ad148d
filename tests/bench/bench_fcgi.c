
/*
 * Copyright (C) Ficus authors
 */


/*
 * Responders compared (docs/decisions/0003): each answers every request with
 * the same 200 bytes of JSON, until SIGTERM.  Usage: bench_fcgi VARIANT SOCKET
 *
 *     ficus    the library's: all threads wait on one epoll set
 *     queue    one thread reads, a queue, a pool of threads answers
 *     inline   one thread does all
 *     libfcgi  a thread per connection
 */


#include "fig_fcgi.h"
#include "fig_fcgi_answer.h"
#include "fig_fcgi_input.h"
#include "fig_fcgi_listen.h"
#include <fcgiapp.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>


#define THREADS  64
#define READ     16384


typedef struct conn_s  conn_t;

struct conn_s {
    int                fd;
    fig_fcgi_input_t   input;
    conn_t            *next;
};


static fig_str_t            body;
static int                  epoll;
static fig_fcgi_listener_t  listener;
static conn_t              *queue, **queue_last = &queue;
static pthread_mutex_t      queue_mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t       queue_filled = PTHREAD_COND_INITIALIZER;


static void
die(const char *what)
{
    perror(what);
    exit(1);
}


static void
handle(void *data, fig_request_t *request, fig_response_t *response)
{
    response->body = body;
}


static void
run_ficus(const char *socket)
{
    int              got;
    sigset_t         set;
    fig_fcgi_t      *fcgi;
    fig_fcgi_conf_t  conf;

    (void) sigemptyset(&set);
    (void) sigaddset(&set, SIGTERM);
    (void) pthread_sigmask(SIG_BLOCK, &set, NULL);

    memset(&conf, 0, sizeof(conf));
    conf.listen = socket;
    conf.mode = 0600;
    conf.threads = THREADS;
    conf.max_body = 8388608;
    conf.max_connections = 1024;
    conf.max_wait = 10000;
    conf.read_timeout = 10000;

    if (fig_fcgi_open(&conf, handle, NULL, &fcgi) != FIG_OK) {
        exit(1);
    }

    (void) sigwait(&set, &got);

    if (fig_fcgi_stop(fcgi, 1000) == FIG_OK) {
        fig_fcgi_close(fcgi);
    }
}


static void
drop(conn_t *conn)
{
    (void) close(conn->fd);
    fig_fcgi_input_clear(&conn->input);
    free(conn);
}


static void
arm(conn_t *conn, int op, uint32_t events)
{
    struct epoll_event  event;

    event.events = events;
    event.data.ptr = conn;

    if (epoll_ctl(epoll, op, conn ? conn->fd : listener.fd, &event) == -1) {
        die("epoll_ctl");
    }
}


static void
accept_all(uint32_t events)
{
    int      fd;
    conn_t  *conn;

    for ( ;; ) {
        fd = accept4(listener.fd, NULL, NULL, SOCK_NONBLOCK|SOCK_CLOEXEC);

        if (fd == -1) {
            return;
        }

        conn = calloc(1, sizeof(conn_t));

        if (conn == NULL) {
            die("calloc");
        }

        conn->fd = fd;
        fig_fcgi_input_init(&conn->input, 8388608, 1024);
        arm(conn, EPOLL_CTL_ADD, events);
    }
}


/* FIG_OK: a request is complete; FIG_AGAIN: not yet; FIG_ERROR: closed */

static fig_status_t
take(conn_t *conn)
{
    ssize_t               n;
    unsigned char         data[READ];
    fig_fcgi_event_t      event;
    const unsigned char  *p;

    n = recv(conn->fd, data, sizeof(data), MSG_DONTWAIT);

    if (n <= 0) {
        return FIG_ERROR;
    }

    p = data;
    event = fig_fcgi_input(&conn->input, &p, data + n);

    return event == FIG_FCGI_READY ? FIG_OK
           : event == FIG_FCGI_MORE ? FIG_AGAIN : FIG_ERROR;
}


static fig_status_t
give(conn_t *conn, fig_arena_t *arena)
{
    bool             keep;
    fig_status_t     rc;
    fig_request_t    request;
    fig_response_t   response;
    fig_fcgi_peer_t  peer;

    peer.fd = conn->fd;
    peer.timeout = 10000;
    keep = conn->input.keep;

    rc = fig_fcgi_input_request(&conn->input, arena, &request);

    if (rc == FIG_OK) {
        fig_response_init(&response);
        handle(NULL, &request, &response);
        rc = fig_fcgi_answer(&peer, conn->input.id, &request, &response);
        fig_response_clear(&response);
    }

    fig_fcgi_input_drop(&conn->input);
    fig_arena_reset(arena);

    return keep ? rc : FIG_ERROR;
}


static void
run_inline(void)
{
    int                  i, n;
    conn_t              *conn;
    fig_arena_t         *arena;
    fig_status_t         rc;
    struct epoll_event   events[THREADS];

    arena = fig_arena_create(8192, 1048576);

    for ( ;; ) {
        n = epoll_wait(epoll, events, THREADS, -1);

        for (i = 0; i < n; i++) {
            conn = events[i].data.ptr;

            if (conn == NULL) {
                accept_all(EPOLLIN);
                continue;
            }

            rc = take(conn);

            if (rc == FIG_OK) {
                rc = give(conn, arena);
            }

            if (rc == FIG_ERROR) {
                drop(conn);
            }
        }
    }
}


static void *
pool(void *data)
{
    conn_t       *conn;
    fig_arena_t  *arena;

    arena = fig_arena_create(8192, 1048576);

    for ( ;; ) {
        (void) pthread_mutex_lock(&queue_mutex);

        while (queue == NULL) {
            (void) pthread_cond_wait(&queue_filled, &queue_mutex);
        }

        conn = queue;
        queue = conn->next;

        if (queue == NULL) {
            queue_last = &queue;
        }

        (void) pthread_mutex_unlock(&queue_mutex);

        if (give(conn, arena) == FIG_OK) {
            arm(conn, EPOLL_CTL_MOD, EPOLLIN|EPOLLONESHOT);

        } else {
            drop(conn);
        }
    }

    return data;
}


static void
enqueue(conn_t *conn)
{
    (void) pthread_mutex_lock(&queue_mutex);

    conn->next = NULL;
    *queue_last = conn;
    queue_last = &conn->next;

    (void) pthread_cond_signal(&queue_filled);
    (void) pthread_mutex_unlock(&queue_mutex);
}


static void
run_queue(void)
{
    int                  i, n;
    conn_t              *conn;
    pthread_t            thread;
    fig_status_t         rc;
    struct epoll_event   events[THREADS];

    for (i = 0; i < THREADS; i++) {
        if (pthread_create(&thread, NULL, pool, NULL) != 0) {
            die("pthread_create");
        }
    }

    for ( ;; ) {
        n = epoll_wait(epoll, events, THREADS, -1);

        for (i = 0; i < n; i++) {
            conn = events[i].data.ptr;

            if (conn == NULL) {
                accept_all(EPOLLIN|EPOLLONESHOT);
                continue;
            }

            rc = take(conn);

            if (rc == FIG_OK) {
                enqueue(conn);

            } else if (rc == FIG_AGAIN) {
                arm(conn, EPOLL_CTL_MOD, EPOLLIN|EPOLLONESHOT);

            } else {
                drop(conn);
            }
        }
    }
}


static void *
libfcgi_thread(void *data)
{
    FCGX_Request  request;

    if (FCGX_InitRequest(&request, *(int *) data, 0) != 0) {
        exit(1);
    }

    while (FCGX_Accept_r(&request) == 0) {
        (void) FCGX_FPrintF(request.out, "Status: 200 OK\r\n"
                            "Content-Type: application/json\r\n"
                            "Content-Length: %d\r\n\r\n", (int) body.len);
        (void) FCGX_PutStr(body.data, (int) body.len, request.out);
        FCGX_Finish_r(&request);
    }

    return NULL;
}


static void
run_libfcgi(const char *path)
{
    int         i, fd;
    pthread_t   thread;

    fd = FCGX_Init() == 0 ? FCGX_OpenSocket(path, 511) : -1;

    if (fd < 0) {
        die("FCGX_OpenSocket");
    }

    for (i = 0; i < THREADS; i++) {
        if (pthread_create(&thread, NULL, libfcgi_thread, &fd) != 0) {
            die("pthread_create");
        }
    }

    (void) pthread_join(thread, NULL);
}


int
main(int argc, char **argv)
{
    char         text[201];
    const char  *variant;

    if (argc != 3) {
        (void) fprintf(stderr, "Usage: bench_fcgi VARIANT SOCKET\n");
        return 2;
    }

    memset(text, 'x', sizeof(text));
    memcpy(text, "{\"a\":\"", 6);
    memcpy(text + 198, "\"}", 3);
    body.data = text;
    body.len = 200;
    variant = argv[1];

    if (strcmp(variant, "ficus") == 0) {
        run_ficus(argv[2]);
        return 0;
    }

    if (strcmp(variant, "libfcgi") == 0) {
        run_libfcgi(argv[2]);
        return 0;
    }

    epoll = epoll_create1(EPOLL_CLOEXEC);

    if (fig_fcgi_listen(&listener, argv[2], 0600) != FIG_OK
        || fcntl(listener.fd, F_SETFL, O_NONBLOCK) == -1)
    {
        return 1;
    }

    arm(NULL, EPOLL_CTL_ADD, EPOLLIN);

    if (strcmp(variant, "queue") == 0) {
        run_queue();

    } else if (strcmp(variant, "inline") == 0) {
        run_inline();
    }

    (void) fprintf(stderr, "bench_fcgi: no variant \"%s\"\n", variant);

    return 2;
}
