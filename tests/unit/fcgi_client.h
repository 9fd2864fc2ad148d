
/*
 * Copyright (C) Ficus authors
 */


/*
 * The other side of FastCGI, for tests: requests as bytes, and answers read
 * back.
 */


#ifndef FCGI_CLIENT_H_INCLUDED
#define FCGI_CLIENT_H_INCLUDED


#include "fig_fcgi_record.h"


#define FCGI_CLIENT_MAX  16777216


/*
 * A directory of its own, and the path of a socket in it.
 */

typedef struct {
    char  directory[80];
    char  path[100];
} fcgi_place_t;

void fcgi_place(fcgi_place_t *place);
void fcgi_place_remove(const fcgi_place_t *place);


/*
 * Append to a request.  A record of NULL and 0 ends its stream.
 */

void fcgi_record(fig_buf_t *out, unsigned type, unsigned id, const void *data,
    size_t len);
void fcgi_begin(fig_buf_t *out, unsigned id, unsigned role, unsigned flags);
void fcgi_param(fig_buf_t *params, const char *name, const char *value);
void fcgi_params(fig_buf_t *out, unsigned id, const fig_buf_t *params);
void fcgi_body(fig_buf_t *out, unsigned id, const char *data, size_t len);


/*
 * A whole request; body NULL: none, and no CONTENT_LENGTH.
 */

void fcgi_request(fig_buf_t *out, unsigned keep, const char *method,
    const char *path, const char *body, size_t len);


/*
 * Sockets.  Reading gives up after ten seconds, which fails the test.
 */

int fcgi_connect(const char *path);
void fcgi_send(int fd, const fig_buf_t *bytes);

typedef struct {
    bool       ended;                 /* END_REQUEST has come */
    bool       eof;
    unsigned   id;
    unsigned   protocol_status;
    unsigned   status;                /* of HTTP */
    size_t     records;               /* of STDOUT with something in them */
    fig_buf_t  out;                   /* headers and body */
    fig_str_t  body;
} fcgi_answer_t;

void fcgi_answer(int fd, fcgi_answer_t *answer);
bool fcgi_has_header(const fcgi_answer_t *answer, const char *line);
void fcgi_answer_clear(fcgi_answer_t *answer);

/* sends a whole request and reads its answer */
void fcgi_exchange(int fd, unsigned keep, const char *method,
    const char *path, fcgi_answer_t *answer);

/* nothing but the end comes */
bool fcgi_is_closed(int fd);


#endif /* FCGI_CLIENT_H_INCLUDED */
