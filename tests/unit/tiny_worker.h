
/*
 * Copyright (C) Ficus authors
 */


/* A small worker, in a process of its own; nobody listens where its bus is. */


#ifndef TINY_WORKER_H_INCLUDED
#define TINY_WORKER_H_INCLUDED


#include "fcgi_client.h"
#include <stdio.h>
#include <sys/types.h>


typedef struct {
    pid_t   pid;
    FILE   *out;                /* stdout and stderr */
} tiny_t;


/* set by tiny_setup(): where it listens and stores, and how that is said */

extern fcgi_place_t  tiny_place;
extern char          tiny_listen[128];
extern char          tiny_store[128];
extern char          tiny_database[112];

/* what its own check shall say */

extern const char   *tiny_not_well;


void tiny_setup(void);
void tiny_teardown(void);

/* args end with NULL */
void tiny_run(tiny_t *process, const char *const *args);

/* what it returned; a signal is no way to end */
int tiny_result(tiny_t *process);
void tiny_close(tiny_t *process);            /* its output */

/* what it has written so far, for the caller to free */
char *tiny_output(tiny_t *process);
bool tiny_said(tiny_t *process, const char *what);
void tiny_wait_for(tiny_t *process, const char *what);

/* extra may be NULL */
void tiny_start(tiny_t *process, const char *extra);

/* a whole life ends well, with all it leaves behind */
void tiny_stop(tiny_t *process);


#endif /* TINY_WORKER_H_INCLUDED */
