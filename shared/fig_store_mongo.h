
/*
 * Copyright (C) Ficus authors
 */


/*
 * The MongoDB backend's inside, for shared/fig_store_mongo*.c and its tests
 * only.  Every function that fails has logged why, unless it says otherwise.
 *
 * A document of Ficus is one of MongoDB's:
 *
 *     _id       the id
 *     ver       int64
 *     ref       int64
 *     deleted   bool
 *     pending   the id again, only while pending: an index of few entries
 *     k1 to k3  the keys that there are; where a unique one is absent, the id
 *               as binary data, which no key can be: servers without partial
 *               indexes take two absent values for the same
 *     k4        only if there, in a sparse index: FIG_STORE_ONCE
 *     changed   only if there
 *     made      only if there
 *     write     which write made it, so that one whose answer was lost can be
 *               told from another's
 *     body      a string, so that it comes back to the byte
 */


#ifndef FIG_STORE_MONGO_H_INCLUDED
#define FIG_STORE_MONGO_H_INCLUDED


#include <mongoc/mongoc.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/queue.h>

#include "fig_store_backend.h"


#define FIG_MONGO_SCHEMA  1
#define FIG_MONGO_META    "ficus-meta"         /* no collection's name */
#define FIG_MONGO_STORE   "store"              /* the one document in it */


/*
 * Writes that nobody waits for
 */

typedef struct fig_mongo_job_s  fig_mongo_job_t;

struct fig_mongo_job_s {
    size_t                     n;
    size_t                     bytes;
    fig_op_t                  *ops;
    TAILQ_ENTRY(fig_mongo_job_s)  next;
};

typedef TAILQ_HEAD(fig_mongo_jobs_s, fig_mongo_job_s)  fig_mongo_jobs_t;

typedef struct {
    bool                       started;
    bool                       closing;
    bool                       full;           /* was logged */
    size_t                     bytes;
    pthread_t                  thread;
    pthread_cond_t             wake;
    pthread_mutex_t            mutex;
    fig_mongo_jobs_t           jobs;
} fig_mongo_later_t;


typedef struct {
    char                      *name;           /* for logs, no password */
    char                      *database;
    uint64_t                   base;           /* when it is made */
    atomic_bool                made;           /* the schema was read */
    pthread_mutex_t            making;         /* who has it tries that */
    uint64_t                   next;           /* us: not before */
    uint64_t                   again;          /* us: how soon an answer must
                                                  be lost to be asked after */
    atomic_bool                away;           /* that it is was logged */
    atomic_bool                full;           /* the last write found it so */
    mongoc_client_pool_t      *pool;
    fig_mongo_later_t          later;
    const fig_collection_t *const  *collections;
} fig_mongo_t;


/*
 * A store that has connected to nobody yet; NULL: it failed.
 */

fig_mongo_t *fig_mongo_create(const fig_store_conf_t *conf,
    const fig_collection_t *const *collections);
void fig_mongo_destroy(void *self);


/*
 * The URI, with what it leaves open filled in.  name and database are from
 * malloc().
 */

mongoc_uri_t *fig_mongo_uri(const fig_store_conf_t *conf, char **name,
    char **database);


/*
 * The schema.  Makes what is missing and reads the base.  meta: reads it alone;
 * FIG_DECLINED: there is none.  FIG_BUSY, FIG_UNKNOWN: the server is away; else
 * it is not one for us.
 */

fig_status_t fig_mongo_meta(fig_mongo_t *store, mongoc_client_t *client)
    FIG_NODISCARD;
fig_status_t fig_mongo_schema(fig_mongo_t *store, mongoc_client_t *client)
    FIG_NODISCARD;


/*
 * Clients.  take waits for the lock's timeout; NULL: none was given back, or
 * the schema was not there when the store was opened, and still is not.
 */

mongoc_client_t *fig_mongo_take(fig_mongo_t *store);
void fig_mongo_give(fig_mongo_t *store, mongoc_client_t *client);

/*
 * Logs a failure, one of the connection only when the last operation had
 * none, and tells what it leaves: FIG_BUSY and FIG_ERROR and FIG_FULL nothing
 * was done, FIG_UNKNOWN it may have been.
 */

fig_status_t fig_mongo_failed(fig_mongo_t *store, const bson_error_t *error,
    const char *what);
fig_status_t fig_mongo_status(const bson_error_t *error);
void fig_mongo_works(fig_mongo_t *store);


/*
 * Documents.  read: FIG_NOMEM, or FIG_ERROR for what Ficus did not write.
 */

extern const char *const  fig_mongo_keys[FIG_STORE_KEYS];

bool fig_mongo_append(bson_t *bson, const char *name, fig_str_t value);
bool fig_mongo_doc_write(bson_t *bson, const fig_collection_t *collection,
    const fig_doc_t *doc, const bson_oid_t *mark);
fig_status_t fig_mongo_doc_read(fig_mongo_t *store, const bson_t *bson,
    fig_arena_t *arena, fig_doc_t *doc) FIG_NODISCARD;


/*
 * Reading
 */

fig_status_t fig_mongo_get(void *self, const fig_collection_t *collection,
    fig_str_t id, fig_arena_t *arena, fig_doc_t *doc) FIG_NODISCARD;
fig_status_t fig_mongo_list(void *self, const fig_collection_t *collection,
    const fig_query_t *query, fig_arena_t *arena, fig_page_t *page)
    FIG_NODISCARD;


/*
 * Writing.  A group is of one collection, each id once.  An op's status is
 * FIG_AGAIN while it is open, and FIG_TAKEN with key FIG_STORE_KEYS while it is
 * not known by which key.  send and judge do not log; they leave the error.
 */

typedef struct {
    bool                       insert;         /* all of them, or none */
    bool                       doubt;          /* an answer was lost */
    size_t                     n;
    fig_op_t                  *ops;
    fig_mongo_t               *store;
    mongoc_client_t           *client;
    mongoc_collection_t       *collection;
    bson_oid_t                 mark;           /* what "write" will be */
    bson_error_t               error;          /* the last; domain 0: none */
} fig_mongo_group_t;

fig_status_t fig_mongo_write(void *self, fig_op_t *ops, size_t n)
    FIG_NODISCARD;

/*
 * One round trip with the open ones of ops[from] to ops[to - 1].  FIG_OK: the
 * server answered, and each was decided as far as the answer says.
 */

fig_status_t fig_mongo_send(fig_mongo_group_t *group, size_t from, size_t to)
    FIG_NODISCARD;

fig_status_t fig_mongo_answer(fig_mongo_group_t *group, const size_t *sent,
    size_t n, const bson_t *reply, bool ok) FIG_NODISCARD;

/*
 * Decides what can be by reading the documents.  FIG_UNKNOWN: it cannot ever.
 */

fig_status_t fig_mongo_judge(fig_mongo_group_t *group) FIG_NODISCARD;


bool fig_mongo_fields(bson_t *opts, const char *const *fields, bool majority);

/*
 * What a server that found a duplicate says of it: FIG_DECLINED nothing, FIG_OK
 * the key's number, FIG_STORE_KEYS for the id.  Where it said nothing, the
 * documents are asked who has the key.
 */

fig_status_t fig_mongo_taken(const char *message, unsigned *key);
fig_status_t fig_mongo_key(fig_mongo_group_t *group, fig_op_t *op)
    FIG_NODISCARD;


/*
 * stop writes what waits.
 */

fig_status_t fig_mongo_later_start(fig_mongo_t *store) FIG_NODISCARD;
void fig_mongo_later_stop(fig_mongo_t *store);
void fig_mongo_write_later(void *self, const fig_op_t *ops, size_t n);


#endif /* FIG_STORE_MONGO_H_INCLUDED */
