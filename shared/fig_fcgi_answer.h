
/*
 * Copyright (C) Ficus authors
 */


/*
 * What goes out on a connection; for shared/fig_fcgi*.c.
 *
 * Threads: one at a time on a connection.
 */


#ifndef FIG_FCGI_ANSWER_H_INCLUDED
#define FIG_FCGI_ANSWER_H_INCLUDED


#include "fig_fcgi_record.h"


typedef struct {
    int       fd;
    uint64_t  timeout;         /* ms a MiB may take */
} fig_fcgi_peer_t;


/*
 * Sends the response to request id, then its end; one system call when it is
 * small.  HEAD, 204 and 304 go without the body.  FIG_ERROR: the peer has gone
 * or does not read.
 */

fig_status_t fig_fcgi_answer(const fig_fcgi_peer_t *peer, unsigned id,
    const fig_request_t *request, fig_response_t *response) FIG_NODISCARD;

fig_status_t fig_fcgi_send(const fig_fcgi_peer_t *peer, fig_str_t bytes)
    FIG_NODISCARD;


#endif /* FIG_FCGI_ANSWER_H_INCLUDED */
