
/*
 * Copyright (C) Ficus authors
 */


/*
 * The records of FastCGI 1.0, as bytes; for shared/fig_fcgi*.c and tests.
 *
 * Threads: pure functions.
 */


#ifndef FIG_FCGI_RECORD_H_INCLUDED
#define FIG_FCGI_RECORD_H_INCLUDED


#include "fig_http.h"


#define FIG_FCGI_VERSION          1
#define FIG_FCGI_HEADER           8        /* bytes of a record's header */
#define FIG_FCGI_END              16       /* of a whole END_REQUEST */
#define FIG_FCGI_CONTENT_MAX      65535

#define FIG_FCGI_RESPONDER        1
#define FIG_FCGI_KEEP_CONN        1


typedef enum {
    FIG_FCGI_BEGIN_REQUEST = 1,
    FIG_FCGI_ABORT_REQUEST,
    FIG_FCGI_END_REQUEST,
    FIG_FCGI_PARAMS,
    FIG_FCGI_STDIN,
    FIG_FCGI_STDOUT,
    FIG_FCGI_STDERR,
    FIG_FCGI_DATA,
    FIG_FCGI_GET_VALUES,
    FIG_FCGI_GET_VALUES_RESULT,
    FIG_FCGI_UNKNOWN_TYPE
} fig_fcgi_type_t;

typedef enum {
    FIG_FCGI_REQUEST_COMPLETE = 0,
    FIG_FCGI_CANT_MPX_CONN,
    FIG_FCGI_OVERLOADED,
    FIG_FCGI_UNKNOWN_ROLE
} fig_fcgi_protocol_status_t;

typedef struct {
    unsigned  version;
    unsigned  type;
    unsigned  id;                /* 0: about the connection itself */
    size_t    length;            /* of the content */
    size_t    padding;
} fig_fcgi_record_t;


/*
 * p has FIG_FCGI_HEADER bytes.
 */

void fig_fcgi_record_decode(const unsigned char *p,
    fig_fcgi_record_t *record);


/*
 * Writes a header without padding: FIG_FCGI_HEADER bytes.
 */

void fig_fcgi_record_encode(unsigned char *p, unsigned type, unsigned id,
    size_t length);


/*
 * Writes a whole record: FIG_FCGI_END bytes.
 */

void fig_fcgi_end_encode(unsigned char *p, unsigned id,
    fig_fcgi_protocol_status_t status);


/*
 * Takes the next name and value off rest.  FIG_DECLINED: nothing is left;
 * FIG_INVALID: the lengths are more than what is left.
 */

fig_status_t fig_fcgi_pair_decode(fig_str_t *rest, fig_param_t *pair)
    FIG_NODISCARD;
void fig_fcgi_pair_encode(fig_buf_t *out, fig_str_t name, fig_str_t value);


#endif /* FIG_FCGI_RECORD_H_INCLUDED */
