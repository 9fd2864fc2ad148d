
/*
 * Copyright (C) Ficus authors
 */


/*
 * A proxy of MongoDB's protocol that counts commands and cuts connections, in
 * threads of this process.
 */


#ifndef MONGO_PROXY_H_INCLUDED
#define MONGO_PROXY_H_INCLUDED


#include <stdatomic.h>


typedef enum {
    MONGO_CUT_REQUEST,       /* it does not get to the server */
    MONGO_CUT_ANSWER         /* it was carried out */
} mongo_cut_t;


typedef struct {
    char          address[64];           /* HOST:PORT */
    char          server[256];           /* the same of what is behind it */
    int           fd;

    atomic_int    cut;                   /* how: mongo_cut_t */
    atomic_int    cuts;                  /* so many writes will be cut */
    atomic_int    writes;                /* commands, as insert and update */
    atomic_int    reads;                 /* find */
    void        (*before)(void);         /* each cut; NULL: nothing */
} mongo_proxy_t;


/* for as long as the process lives */

void mongo_proxy(mongo_proxy_t *proxy, const char *server);


#endif /* MONGO_PROXY_H_INCLUDED */
