
/*
 * Copyright (C) Ficus authors
 */


/*
 * A FastCGI 1.0 responder: all threads share one epoll set, a connection is
 * armed one-shot, so a request stays on the thread that read it and a handler
 * may block (docs/decisions/0003).  Connections are kept when nginx asks for
 * it; requests of one connection come one after another (FCGI_MPXS_CONNS is
 * 0).  What breaks the protocol closes its connection, nothing else.
 *
 * read_timeout is the time that a request may take to come, a connection's
 * first one to begin, and each MiB of an answer to go.  A connection that was
 * kept may be idle for ever.  Connections over max_connections are answered
 * 503, those over twice as many are not accepted until there are fewer.
 *
 * Under overload, when requests wait for a thread longer than max_wait for as
 * long again, those that wait are answered 503 with Retry-After; but what is
 * vital is answered by the handler (docs/decisions/0010).  A request whose peer
 * has gone before its turn is dropped.
 *
 * Stock fastcgi_params are all it needs: SCRIPT_NAME, REQUEST_METHOD,
 * QUERY_STRING, CONTENT_TYPE, CONTENT_LENGTH, HTTP_*.
 *
 * Metrics: ficus_threads, ficus_threads_busy, ficus_connections,
 * ficus_wait_seconds, ficus_requests_refused_total{why}.
 */


#ifndef FIG_FCGI_H_INCLUDED
#define FIG_FCGI_H_INCLUDED


#include "fig_http.h"


typedef void (*fig_fcgi_handler_pt)(void *data, fig_request_t *request,
    fig_response_t *response);
typedef bool (*fig_fcgi_vital_pt)(void *data, fig_request_t *request);

typedef struct {
    const char         *listen;   /* a path with "/" in it, or HOST:PORT */
    uint64_t            mode;     /* of the socket: 0600, 0660 */
    uint64_t            threads;  /* requests at once */
    uint64_t            max_body; /* bytes; over it: request.too_large */
    uint64_t            max_connections;
    uint64_t            max_wait; /* ms */
    uint64_t            read_timeout;  /* ms */
    fig_fcgi_vital_pt   vital;    /* NULL: nothing is */
} fig_fcgi_conf_t;

typedef struct fig_fcgi_s  fig_fcgi_t;


/*
 * Listens and starts the threads.  A socket file that nobody listens on is
 * replaced; one that somebody does is an error.  FIG_ERROR was logged.
 */

fig_status_t fig_fcgi_open(const fig_fcgi_conf_t *conf,
    fig_fcgi_handler_pt handler, void *data, fig_fcgi_t **out) FIG_NODISCARD;


/*
 * Stops accepting, removes the socket file, closes idle connections and lets
 * what runs finish, timeout ms at most.  FIG_AGAIN: some still run; the
 * process should end without touching what they use.
 */

fig_status_t fig_fcgi_stop(fig_fcgi_t *fcgi, uint64_t timeout);
void fig_fcgi_close(fig_fcgi_t *fcgi);         /* stopped, or NULL */


#endif /* FIG_FCGI_H_INCLUDED */
