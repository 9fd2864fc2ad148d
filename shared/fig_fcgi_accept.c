
/*
 * Copyright (C) Ficus authors
 */


#include "fig_fcgi_conn.h"
#include "fig_log.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>


/* ms until accept() is tried again, when there are no descriptors, say */
#define FIG_FCGI_BREATHER  100


static void fig_fcgi_await_room(fig_fcgi_t *fcgi);
static void fig_fcgi_accept_failed(const fig_fcgi_t *fcgi);
static bool fig_fcgi_accept_one(fig_fcgi_t *fcgi);


void *
fig_fcgi_acceptor(void *data)
{
    fig_fcgi_t  *fcgi;

    fcgi = data;

    do {
        fig_fcgi_await_room(fcgi);

        if (!fig_fcgi_accept_one(fcgi)) {
            fig_fcgi_accept_failed(fcgi);
        }

    } while (!atomic_load(&fcgi->stopping));

    return NULL;
}


static void
fig_fcgi_await_room(fig_fcgi_t *fcgi)
{
    (void) pthread_mutex_lock(&fcgi->mutex);

    while (fcgi->nconns / 2 >= fcgi->conf.max_connections
           && !atomic_load(&fcgi->stopping))
    {
        fcgi->full = true;
        (void) pthread_cond_wait(&fcgi->changed, &fcgi->mutex);
    }

    fcgi->full = false;

    (void) pthread_mutex_unlock(&fcgi->mutex);
}


static void
fig_fcgi_accept_failed(const fig_fcgi_t *fcgi)
{
    if (errno != EINTR && errno != ECONNABORTED
        && !atomic_load(&fcgi->stopping))
    {
        fig_log_errno("accept4() failed");
        (void) poll(NULL, 0, FIG_FCGI_BREATHER);
    }
}


/* false: there is none, errno says why */

static bool
fig_fcgi_accept_one(fig_fcgi_t *fcgi)
{
    int               fd;
    fig_fcgi_conn_t  *conn;

    fd = accept4(fcgi->listener.fd, NULL, NULL, SOCK_CLOEXEC|SOCK_NONBLOCK);

    if (fd == -1) {
        return false;
    }

    conn = fig_fcgi_conn_open(fcgi, fd);

    if (conn) {
        fig_fcgi_conn_arm(fcgi, conn);
    }

    return true;
}


/*
 * Who waits in accept() does so until the shutdown, which drops the connections
 * that wait for it over TCP; so all are taken before it.
 */

void
fig_fcgi_accept_stop(fig_fcgi_t *fcgi)
{
    if (!fcgi->accepting) {
        return;
    }

    (void) pthread_mutex_lock(&fcgi->mutex);
    (void) pthread_cond_broadcast(&fcgi->changed);
    (void) pthread_mutex_unlock(&fcgi->mutex);

    (void) fcntl(fcgi->listener.fd, F_SETFL, O_NONBLOCK);

    while (fig_fcgi_accept_one(fcgi)) { /* void */ }

    (void) shutdown(fcgi->listener.fd, SHUT_RDWR);
    (void) pthread_join(fcgi->acceptor, NULL);
    fcgi->accepting = false;

    while (fig_fcgi_accept_one(fcgi)) { /* void */ }
}
