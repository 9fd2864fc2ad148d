
/*
 * Copyright (C) Ficus authors
 */


/* A responder with some handlers, for tests. */


#ifndef FCGI_SERVER_H_INCLUDED
#define FCGI_SERVER_H_INCLUDED


#include "fcgi_client.h"
#include "fig_fcgi.h"
#include <stdatomic.h>


#define SERVER_BIG      3000000
#define SERVER_THREADS  8


/*
 * Paths: /big, SERVER_BIG bytes ('a' + i % 23); /empty, 204; /same, 304;
 * /headers, more than there may be; /wait, until the gate is open; /slow, after
 * 50 ms; any other tells its path and the length of its body.  /vital is that.
 */

extern fig_fcgi_t       *server;
extern fcgi_place_t      server_place;
extern fig_fcgi_conf_t   server_conf;
extern _Atomic(int)      server_handled;     /* requests */
extern _Atomic(int)      server_waiting;     /* of these, at the gate */
extern _Atomic(int)      server_gate;


/* a place, and settings that a test may change before it starts it */
void server_setup(void);
void server_start(void);
void server_open(const char *address, fig_status_t wanted);
void server_stop(void);                      /* and removes the place */

int server_client(void);                     /* a connection */
void server_gets(int fd, unsigned status);   /* GET /x */


#endif /* FCGI_SERVER_H_INCLUDED */
