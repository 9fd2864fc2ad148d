
/*
 * Copyright (C) Ficus authors
 */


/*
 * A server that speaks MongoDB's protocol: the one of MONGODB_URI, or FerretDB
 * (tests/mongo), which is started here.
 */


#ifndef MONGO_SERVER_H_INCLUDED
#define MONGO_SERVER_H_INCLUDED


#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "fig_status.h"


typedef struct {
    pid_t     pid;              /* 0: not running, or not ours */
    char      dir[1024];        /* its data */
    char      uri[1024];        /* with a slash at its end, or options */
    char      address[64];      /* HOST:PORT */
} mongo_server_t;


/* the line of a program that cannot have one */

#define MONGO_SKIP                                                            \
    "1..0 # SKIP THE MONGODB STORE WAS NOT TESTED: neither MONGODB_URI nor "  \
    "build/ferretdb, which needs Go\n"


bool mongo_there(void);                        /* either of them */
bool mongo_ours(void);                         /* FerretDB */


/*
 * open: starts FerretDB with data of its own; anything that fails ends the
 * test.  kill: -9; start: again, with the data and the address that it had.
 */

void mongo_open(mongo_server_t *server);
void mongo_close(mongo_server_t *server);
void mongo_kill(mongo_server_t *server);
void mongo_start(mongo_server_t *server);


/*
 * One for the whole program, until it ends.  NULL: there is none.
 */

const char *mongo_shared_uri(void);


/*
 * URIs, from malloc().  uri: with this database in it.  through: by way of a
 * proxy of its first host, which has to be the primary, with no retries of the
 * driver's own, and with time for a machine that has other things to do.
 * host: the first.  as: with this user and password.
 */

char *mongo_uri(const char *uri, const char *database);
char *mongo_uri_through(const char *uri, const char *address);
char *mongo_uri_host(const char *uri);
char *mongo_uri_as(const char *uri, const char *credentials);


/* for what is not to be seen through the store; db.collection, by id */

void mongo_drop(const char *uri);
void mongo_drop_collection(const char *uri, const char *collection);
void mongo_set(const char *uri, const char *collection, const char *id,
    const char *field, int64_t value);
void mongo_unset(const char *uri, const char *collection, const char *id,
    const char *field);


#endif /* MONGO_SERVER_H_INCLUDED */
