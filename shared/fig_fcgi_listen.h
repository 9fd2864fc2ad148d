
/*
 * Copyright (C) Ficus authors
 */


/*
 * The socket that a worker listens on; for shared/fig_fcgi*.c.
 *
 * Threads: one at a time.
 */


#ifndef FIG_FCGI_LISTEN_H_INCLUDED
#define FIG_FCGI_LISTEN_H_INCLUDED


#include "fig_buf.h"
#include <sys/types.h>


typedef struct {
    int          fd;             /* -1: not listening */
    const char  *path;           /* NULL: TCP */
    dev_t        dev;            /* of the socket file that was made */
    ino_t        ino;
} fig_fcgi_listener_t;


/*
 * FIG_ERROR was logged.  address is kept, not copied.
 */

fig_status_t fig_fcgi_listen(fig_fcgi_listener_t *listener,
    const char *address, unsigned mode) FIG_NODISCARD;


/*
 * FIG_INVALID: *why is a static text.
 */

fig_status_t fig_fcgi_address_check(const char *address, const char **why)
    FIG_NODISCARD;


/*
 * Takes the file away, unless it is another's by now, so that nobody finds
 * the socket any more.
 */

void fig_fcgi_hide(fig_fcgi_listener_t *listener);
void fig_fcgi_unlisten(fig_fcgi_listener_t *listener);


#endif /* FIG_FCGI_LISTEN_H_INCLUDED */
