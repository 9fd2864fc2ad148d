
/*
 * Copyright (C) Ficus authors
 */


/*
 * The SQLite backend's inside, for shared/fig_store_sqlite*.c and its tests
 * only.  Every function that fails has logged why, unless it says otherwise.
 */


#ifndef FIG_STORE_SQLITE_H_INCLUDED
#define FIG_STORE_SQLITE_H_INCLUDED


#include <pthread.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <sys/queue.h>
#include <time.h>

#include "fig_store_backend.h"


#define FIG_SQLITE_ID        0x46494355        /* "FICU" in the header */
#define FIG_SQLITE_SCHEMA    1
#define FIG_SQLITE_META      "ficus-meta"      /* no collection's name */

#define FIG_SQLITE_READERS   8
#define FIG_SQLITE_LISTS     12                /* statements a reader keeps */


/* pages of the log that call for a checkpoint, and for one that waits */

#define FIG_SQLITE_WAL       1000
#define FIG_SQLITE_WAL_MAX   4000


/* the lock's timeouts after which nobody waits for a commit any more: longer
   than the gateway does, which says so first */

#define FIG_SQLITE_LATE      4


typedef struct fig_sqlite_s  fig_sqlite_t;


/*
 * Locks between processes: bytes of the file PATH.lock, which holds the mark
 * of a clean stop besides.
 */

typedef struct {
    int            fd;                         /* -1: not open */
    char          *path;
} fig_sqlite_lock_t;

fig_status_t fig_sqlite_lock_open(fig_sqlite_lock_t *lock, const char *path)
    FIG_NODISCARD;
void fig_sqlite_lock_close(fig_sqlite_lock_t *lock);

/*
 * The write lock.  take waits for ever.
 */

bool fig_sqlite_lock_take(fig_sqlite_lock_t *lock);
fig_status_t fig_sqlite_lock_try(fig_sqlite_lock_t *lock, uint64_t timeout)
    FIG_NODISCARD;
void fig_sqlite_lock_drop(fig_sqlite_lock_t *lock);

/*
 * Opening is one process's at a time, from enter to joined, or to close.
 * alone: nobody else has the database open.  leave: true if this was the last,
 * which is marked; then nobody opens it before close.
 */

typedef enum {
    FIG_SQLITE_OPEN = 0,
    FIG_SQLITE_CLEAN,                  /* the last who had it closed it */
    FIG_SQLITE_MOVED                   /* by a restore that did not end */
} fig_sqlite_mark_t;

fig_status_t fig_sqlite_lock_enter(fig_sqlite_lock_t *lock, bool *alone,
    fig_sqlite_mark_t *mark) FIG_NODISCARD;
fig_status_t fig_sqlite_lock_joined(fig_sqlite_lock_t *lock, bool alone)
    FIG_NODISCARD;
bool fig_sqlite_lock_leave(fig_sqlite_lock_t *lock, uint64_t timeout);
fig_status_t fig_sqlite_lock_mark(fig_sqlite_lock_t *lock,
    fig_sqlite_mark_t mark);


/*
 * The file.  resolve: the one absolute path of it, from malloc().  probe: what
 * the header says, before anything is opened or created, and whether it may be
 * used so (R_OK, W_OK): FIG_OK ours, FIG_DECLINED there is none.  check: logs
 * only what is wrong.
 */

char *fig_sqlite_resolve(const char *where);
fig_status_t fig_sqlite_probe(const char *path, int access) FIG_NODISCARD;
fig_status_t fig_sqlite_create(const char *path,
    const fig_collection_t *const *collections) FIG_NODISCARD;
fig_status_t fig_sqlite_check(const char *path, sqlite3 *db) FIG_NODISCARD;

/*
 * A new file with nothing in it, in the place of one that was left; what
 * SQLite makes later takes its mode.  remove: with what belongs to it.
 */

fig_status_t fig_sqlite_file_new(const char *path, const char *name)
    FIG_NODISCARD;
fig_status_t fig_sqlite_file_sync(const char *path) FIG_NODISCARD;
fig_status_t fig_sqlite_directory_sync(const char *path) FIG_NODISCARD;
void fig_sqlite_file_remove(const char *name);

/*
 * To look at a file SQLite makes an index beside it, and an empty log.  look:
 * before; unlook: removes what was not there.
 */

typedef struct {
    bool           wal;
    bool           shm;
} fig_sqlite_looked_t;

void fig_sqlite_look(const char *path, fig_sqlite_looked_t *looked);
void fig_sqlite_unlook(const char *path, const fig_sqlite_looked_t *looked);


/*
 * The schema.  list_sql: the statement of a page; the parameters are ?1 after,
 * ?2 limit, ?3 to ?6 the keys, ?7 ref_below.
 */

fig_status_t fig_sqlite_schema_create(const char *path, sqlite3 *db,
    const fig_collection_t *const *collections) FIG_NODISCARD;
fig_status_t fig_sqlite_schema_missing(const char *path, sqlite3 *db,
    const fig_collection_t *const *collections, bool *missing) FIG_NODISCARD;
fig_status_t fig_sqlite_base(const char *path, sqlite3 *db, uint64_t *base)
    FIG_NODISCARD;

#define FIG_SQLITE_COLUMNS                                                    \
    "id, ver, ref, k1, k2, k3, k4, deleted, pending, made"

fig_status_t fig_sqlite_list_sql(const fig_collection_t *collection,
    const fig_query_t *query, fig_buf_t *sql) FIG_NODISCARD;


/*
 * Whether it can be used, between enter and joined; FIG_DECLINED: there is
 * none.
 */

fig_status_t fig_sqlite_entered(const fig_sqlite_t *store, bool alone,
    fig_sqlite_mark_t mark) FIG_NODISCARD;


/*
 * Backup and restore.  outside: a store of which only files, locks and
 * connections are used; clear frees what it holds.  copy: as it is at one
 * moment, into a file that fig_sqlite_file_new() makes, which is checked and
 * synced.
 */

fig_status_t fig_sqlite_outside(fig_sqlite_t *store, const char *where)
    FIG_NODISCARD;
void fig_sqlite_outside_clear(fig_sqlite_t *store);
fig_status_t fig_sqlite_copy(const fig_sqlite_t *store, const char *file)
    FIG_NODISCARD;
fig_status_t fig_sqlite_check_file(const char *file) FIG_NODISCARD;


/*
 * Connections.  configure: before the first of them.  connect: a reader's or
 * the writer's.
 */

void fig_sqlite_configure(void);

fig_status_t fig_sqlite_connect(const fig_sqlite_t *store, bool writes,
    sqlite3 **db) FIG_NODISCARD;
fig_status_t fig_sqlite_exec(const char *path, sqlite3 *db, const char *sql)
    FIG_NODISCARD;

/* what a result code means; logs nothing */
fig_status_t fig_sqlite_status(sqlite3 *db, int rc) FIG_NODISCARD;
int fig_sqlite_errno(sqlite3 *db, int rc);             /* 0: unknown */
fig_status_t fig_sqlite_failed(const char *path, sqlite3 *db, int rc,
    const char *what);


/*
 * Reading
 */

typedef struct {
    uint64_t       used;                       /* the clock's at that time */
    unsigned       key;
    sqlite3_stmt  *stmt;
} fig_sqlite_list_t;

typedef struct fig_sqlite_reader_s  fig_sqlite_reader_t;

struct fig_sqlite_reader_s {
    bool                      used;            /* since the last rest */
    sqlite3                  *db;
    uint64_t                  clock;
    sqlite3_stmt            **get;             /* one a collection */
    fig_sqlite_list_t         list[FIG_SQLITE_LISTS];
    SLIST_ENTRY(fig_sqlite_reader_s)  next;
};

typedef struct {
    unsigned                  n;               /* open, or being opened */
    pthread_mutex_t           mutex;
    pthread_cond_t            given;
    SLIST_HEAD(fig_sqlite_readers_s, fig_sqlite_reader_s)  free;
} fig_sqlite_pool_t;

fig_status_t fig_sqlite_pool_init(fig_sqlite_t *store) FIG_NODISCARD;
void fig_sqlite_pool_clear(fig_sqlite_t *store);
fig_status_t fig_sqlite_get(void *self, const fig_collection_t *collection,
    fig_str_t id, fig_arena_t *arena, fig_doc_t *doc) FIG_NODISCARD;
fig_status_t fig_sqlite_list(void *self, const fig_collection_t *collection,
    const fig_query_t *query, fig_arena_t *arena, fig_page_t *page)
    FIG_NODISCARD;
fig_status_t fig_sqlite_ping(void *self) FIG_NODISCARD;
void fig_sqlite_rest(void *self);


/*
 * Applying ops within the writer's transaction.  apply sets op->status; what
 * it returns is a result code of SQLite: SQLITE_OK unless the whole
 * transaction has failed.
 */

typedef enum {
    FIG_SQLITE_INSERT = 0,
    FIG_SQLITE_UPDATE,
    FIG_SQLITE_UPDATE_KEPT,            /* if the keys stay as they are */
    FIG_SQLITE_RAISE,
    FIG_SQLITE_RAISE_KEPT,
    FIG_SQLITE_SETTLE,
    FIG_SQLITE_KINDS
} fig_sqlite_kind_t;

typedef struct {
    sqlite3                  *db;
    sqlite3_stmt             *begin;
    sqlite3_stmt             *commit;
    sqlite3_stmt             *rollback;
    sqlite3_stmt            **ops;     /* FIG_SQLITE_KINDS a collection */
} fig_sqlite_ops_t;

fig_status_t fig_sqlite_ops_init(fig_sqlite_t *store) FIG_NODISCARD;
void fig_sqlite_ops_clear(fig_sqlite_t *store);
int fig_sqlite_apply(fig_sqlite_t *store, fig_op_t *op);
int fig_sqlite_run(sqlite3_stmt *stmt);        /* steps once, resets */


/*
 * Group commit
 */

typedef enum {
    FIG_SQLITE_QUEUED = 0,
    FIG_SQLITE_TAKEN,
    FIG_SQLITE_DONE
} fig_sqlite_state_t;

typedef struct fig_sqlite_job_s  fig_sqlite_job_t;

struct fig_sqlite_job_s {
    bool                      later;   /* counted in later_bytes */
    bool                      left;    /* nobody waits, freed when done */
    size_t                    n;
    size_t                    bytes;
    fig_op_t                 *ops;     /* a copy */
    uint64_t                  due;     /* fig_clock_us(): until it is taken */
    fig_status_t              status;
    fig_sqlite_state_t        state;
    pthread_cond_t            done;
    TAILQ_ENTRY(fig_sqlite_job_s)  next;
};

typedef TAILQ_HEAD(fig_sqlite_queue_s, fig_sqlite_job_s)  fig_sqlite_queue_t;

typedef struct {
    fig_sqlite_ops_t          ops;     /* the thread's own */
    int                       wal;     /* pages in it after the last commit */
    int                       checkpoint;      /* pages that call for it */
    bool                      wrote;           /* the last commit did */
    uint64_t                  again;   /* us: when to try again; 0: all well */
    _Atomic(fig_status_t)     last;            /* what was last logged */

    bool                      started;
    bool                      closing; /* from here on under the mutex */
    bool                      ended;
    bool                      abandoned;       /* the thread closes it */
    bool                      dropped; /* a write_later was, and logged */
    size_t                    later_bytes;
    bool                      holds;   /* the lock; else it waits for it */
    uint64_t                  since;   /* when that began; 0: neither */
    uint64_t                  slow;    /* when that was last logged; 0: never */
    fig_sqlite_queue_t        urgent;
    fig_sqlite_queue_t        later;
    pthread_t                 thread;
    pthread_mutex_t           mutex;
    pthread_condattr_t        clock;   /* CLOCK_MONOTONIC */
    pthread_cond_t            wake;
    pthread_cond_t            end;
} fig_sqlite_writer_t;

/*
 * The queue.  take: what the next transaction does; finish: tells the callers.
 */

void fig_sqlite_queue_take(fig_sqlite_t *store, fig_sqlite_queue_t *batch);
void fig_sqlite_queue_finish(fig_sqlite_t *store, fig_sqlite_queue_t *batch,
    fig_status_t status);
void fig_sqlite_queue_finish_locked(fig_sqlite_writer_t *writer,
    fig_sqlite_queue_t *batch, fig_status_t status);
struct timespec fig_sqlite_timespec(uint64_t us);      /* of fig_clock_us() */

/*
 * Logs once a minute that writing takes so many us.  stuck: what it has hung in
 * for longer than it should, static, or NULL.
 */

void fig_sqlite_queue_slow(fig_sqlite_t *store, uint64_t us);
const char *fig_sqlite_queue_stuck_locked(const fig_sqlite_t *store);
const char *fig_sqlite_wrong(void *self);

/*
 * stop writes what waits.  False: the lock can't be got, or the disk does not
 * answer, and the thread will call fig_sqlite_finish() when it can.
 */

fig_status_t fig_sqlite_writer_start(fig_sqlite_t *store) FIG_NODISCARD;
bool fig_sqlite_writer_stop(fig_sqlite_t *store) FIG_NODISCARD;
void fig_sqlite_finish(fig_sqlite_t *store);
fig_status_t fig_sqlite_write(void *self, fig_op_t *ops, size_t n)
    FIG_NODISCARD;
void fig_sqlite_write_later(void *self, const fig_op_t *ops, size_t n);


struct fig_sqlite_s {
    char                            *path;
    size_t                           ncollections;
    uint64_t                         base;
    uint64_t                         cache;
    uint64_t                         lock_timeout;     /* ms */
    const fig_collection_t *const   *collections;
    fig_sqlite_lock_t                lock;
    fig_sqlite_pool_t                pool;
    fig_sqlite_writer_t              writer;
};

size_t fig_sqlite_index(const fig_sqlite_t *store,
    const fig_collection_t *collection);


#endif /* FIG_STORE_SQLITE_H_INCLUDED */
