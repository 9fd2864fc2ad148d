
/*
 * Copyright (C) Ficus authors
 */


/*
 * What comes in on a connection: bytes, in pieces of any size, become
 * requests; what the protocol itself has to answer goes into reply.  No
 * sockets here.  For shared/fig_fcgi*.c and tests.
 *
 * Parameters over FIG_FCGI_PARAMS_MAX bytes or FIG_FCGI_PAIRS_MAX in number,
 * which no nginx sends, refuse the request with 431.  A body over max_body is
 * read and thrown away, so that the peer can read the answer, but only so far
 * (FIG_FCGI_DISCARD): then it is answered, and the connection closed.
 *
 * Threads: one at a time.
 */


#ifndef FIG_FCGI_INPUT_H_INCLUDED
#define FIG_FCGI_INPUT_H_INCLUDED


#include "fig_fcgi_record.h"


#define FIG_FCGI_PARAMS_MAX  65536
#define FIG_FCGI_PAIRS_MAX   1024
#define FIG_FCGI_DISCARD     67108864


typedef enum {
    FIG_FCGI_MORE,               /* all bytes were taken, none is due */
    FIG_FCGI_READY,              /* a request is complete */
    FIG_FCGI_CLOSED,             /* to be closed, once reply is sent */
    FIG_FCGI_BROKEN              /* the same: it is no FastCGI */
} fig_fcgi_event_t;


typedef struct {
    uint64_t           max_body;
    uint64_t           max_connections;    /* for who asks for it */

    fig_fcgi_record_t  record;             /* the one that is coming in */
    size_t             nheader;            /* bytes of its header */
    size_t             left;               /* bytes of its content */
    size_t             padding;
    unsigned char      header[FIG_FCGI_HEADER];

    unsigned           id;                 /* of the request; 0: none */
    unsigned           refuse;             /* status instead of a handler */
    bool               keep;               /* the connection, afterwards */
    bool               has_params;         /* all of them */
    bool               too_large;
    uint64_t           received;           /* bytes of body */

    fig_buf_t          params;
    fig_buf_t          body;
    fig_buf_t          values;             /* content kept till it is whole */
    fig_buf_t          reply;
} fig_fcgi_input_t;


void fig_fcgi_input_init(fig_fcgi_input_t *input, uint64_t max_body,
    uint64_t max_connections);
void fig_fcgi_input_clear(fig_fcgi_input_t *input);


/*
 * Takes bytes from *p on, at most up to last.  After FIG_FCGI_READY the request
 * has to be dropped before more bytes are given.
 */

fig_fcgi_event_t fig_fcgi_input(fig_fcgi_input_t *input,
    const unsigned char **p, const unsigned char *last);


/*
 * Answers the record about the connection itself that is complete.
 */

void fig_fcgi_input_management(fig_fcgi_input_t *input);


/*
 * The request that is ready; its strings are those of the input, the rest is
 * in the arena, which it carries.  FIG_INVALID: input->refuse is the status to
 * answer with; the request has what could be found out.
 */

fig_status_t fig_fcgi_input_request(fig_fcgi_input_t *input,
    fig_arena_t *arena, fig_request_t *request) FIG_NODISCARD;


/*
 * Forgets the request, and frees what it had more than a usual one.
 */

void fig_fcgi_input_drop(fig_fcgi_input_t *input);


/*
 * Whether something has begun that is not complete.
 */

bool fig_fcgi_input_begun(const fig_fcgi_input_t *input);


#endif /* FIG_FCGI_INPUT_H_INCLUDED */
