
/*
 * Copyright (C) Ficus authors
 */


/*
 * The one list of the workers.  ficus-run starts them and writes the gateway's
 * configuration, ficusctl looks after their databases, and all others ask the
 * admin port (GET /workers/), which has the names by that.
 *
 * A row is a worker's name, which is that of its program, socket, log, man page
 * and upstream, too; its database, NAME.db or a part of MongoDB's URI, which
 * several may share; and its own: the collections in that whose documents are
 * the service's, with a blank between two, for backup and restore, or NULL
 * where all that is in it can be had from others again.
 */


#ifndef WORKERS_H_INCLUDED
#define WORKERS_H_INCLUDED


#define WORKERS(row)                                                          \
    row("users-v1", "users", "users"),                                        \
    row("users-v2", "users", "users"),                                        \
    row("orders", "orders", "orders")


#endif /* WORKERS_H_INCLUDED */
