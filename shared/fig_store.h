
/*
 * Copyright (C) Ficus authors
 */


/*
 * Store: collections of documents, each a JSON text with its bookkeeping
 * apart: a version, a tombstone flag, up to three indexed strings, the request
 * that made it if that said which it was, and what the outbox has still to
 * publish.
 *
 * There is one way to write: a compare-and-set of a single document, durable
 * when it returns.  Nothing here needs a transaction over two documents, so
 * every backend that can replace one document atomically will do.
 *
 * Metrics: ficus_store_seconds{op="get|list|write"}, ficus_store_writable.
 *
 * Threads: every function may be called by any thread at any time, but for
 * fig_store_close(), which must be the last.  An open store does not survive a
 * fork(): the child may neither use nor close it.
 */


#ifndef FIG_STORE_H_INCLUDED
#define FIG_STORE_H_INCLUDED


#include "fig_buf.h"


#define FIG_STORE_KEYS       4
#define FIG_STORE_ONCE       3             /* the last of the keys */
#define FIG_STORE_PAGE_MAX   1000

#define FIG_STORE_KEY_MAX    4096          /* bytes; of changed, made, too */
#define FIG_STORE_BODY_MAX   12582912      /* 12 MiB */


/*
 * A collection is known by its address; its name is [a-z_]{1,32}.  A key that
 * is unique is so among all documents that have it, tombstones included.  The
 * key FIG_STORE_ONCE must be, and costs nothing where a document has none.
 */

typedef struct {
    const char  *name;
    const char  *keys[FIG_STORE_KEYS];    /* names, for indexes; NULL: none */
    bool         unique[FIG_STORE_KEYS];
} fig_collection_t;


typedef struct {
    fig_str_t    id;                      /* 1..512 bytes, no NUL */
    uint64_t     ver;                     /* 1..2^63-1 */
    uint64_t     ref;                     /* the caller's own, to 2^63-1 */
    fig_str_t    keys[FIG_STORE_KEYS];    /* absent: not in that index */
    fig_str_t    body;                    /* any UTF-8; JSON by custom */
    fig_str_t    changed;                 /* the union since it was published,
                                             absent when it is */
    fig_str_t    made;                    /* the caller's own, as ref */
    bool         deleted;
    bool         pending;
} fig_doc_t;


typedef enum {
    FIG_STORE_PUT,       /* if the version is expect (0: no row), below ver */
    FIG_STORE_RAISE,     /* if there is no row, or its version is below ver */
    FIG_STORE_SETTLE     /* clears pending and changed if the version is ver */
} fig_op_kind_t;

typedef struct {
    fig_op_kind_t            kind;
    const fig_collection_t  *collection;
    fig_doc_t                doc;         /* FIG_STORE_SETTLE: id and ver */
    uint64_t                 expect;

    fig_status_t             status;
    unsigned                 key;         /* FIG_TAKEN: which of keys */
} fig_op_t;


typedef enum {
    FIG_STORE_LIVE,
    FIG_STORE_PENDING,   /* tombstones too */
    FIG_STORE_ALL        /* tombstones too */
} fig_store_state_t;

typedef struct {
    fig_str_t           match[FIG_STORE_KEYS];   /* absent: any */
    fig_str_t           after;                   /* ids above it, exclusive */
    unsigned            limit;                   /* 1..FIG_STORE_PAGE_MAX */
    size_t              max_bytes;               /* of bodies; 0: 8 MiB */
    fig_store_state_t   state;
    uint64_t            ref_below;               /* 0: any */
    bool                brief;                   /* without body, changed */
} fig_query_t;

typedef struct {
    fig_doc_t  *docs;
    size_t      n;
    bool        more;
} fig_page_t;


typedef struct {
    const char  *uri;                  /* sqlite:PATH, mongodb://... */
    uint64_t     lock_timeout;         /* ms, for the write lock, or for a
                                          free connection; 0: 1 s */
    uint64_t     cache;                /* SQLite's, of one; 0: 512 KiB */
} fig_store_conf_t;

typedef struct fig_store_s  fig_store_t;


/*
 * Whether a URI can be opened, as far as can be told without opening it.
 * FIG_INVALID: it has not the form of one; do not show it, it may hold a
 * password.  FIG_ERROR: it has.  *why is static.
 */

fig_status_t fig_store_verify(const char *uri, const char **why)
    FIG_NODISCARD;


/*
 * Opens the store, and creates what is missing of it.  collections ends with
 * NULL and must outlive the store.  FIG_ERROR: it can't be used; a line that
 * names it, without a password, and the cause was logged and nothing was
 * changed.  The process must not fork while it has one open.
 */

fig_status_t fig_store_open(const fig_store_conf_t *conf,
    const fig_collection_t *const *collections, fig_store_t **store)
    FIG_NODISCARD;


/*
 * Writes what waits, then frees all.  NULL is fine.
 */

void fig_store_close(fig_store_t *store);


/*
 * Applies each op by itself, in order, and sets its status: FIG_OK,
 * FIG_CONFLICT (the condition did not hold; nothing is wrong) or FIG_TAKEN
 * (another document has that unique key).  One op's failure does not touch the
 * others.  No pointer is kept.
 *
 * FIG_OK: every op was tried and what succeeded is durable.  FIG_BUSY (the
 * lock or the server was not got in time), FIG_FULL, FIG_ERROR, FIG_INVALID (an
 * op breaks the rules above): nothing was done.  FIG_UNKNOWN: the connection or
 * the disk's sync failed; any of them may have been done.  Other than FIG_OK,
 * it is every op's status, too.
 */

fig_status_t fig_store_write(fig_store_t *store, fig_op_t *ops, size_t n)
    FIG_NODISCARD;


/*
 * The same for what may be lost when the process dies: copies the ops, returns
 * at once and writes them after 100 ms, or sooner.  Statuses are not reported,
 * errors are logged.  When more than some megabytes wait, what comes is left
 * out, and logged.
 */

void fig_store_write_later(fig_store_t *store, const fig_op_t *ops, size_t n);


/*
 * A document, in the arena, tombstone or not; what was absent is absent.
 * FIG_DECLINED: there is no row, or cannot be one of that id.  FIG_NOMEM: the
 * arena is too small.  FIG_BUSY: the server was not got in time.  Reading never
 * waits for a writer; it sees all that was durable before.
 */

fig_status_t fig_store_get(fig_store_t *store,
    const fig_collection_t *collection, fig_str_t id, fig_arena_t *arena,
    fig_doc_t *doc) FIG_NODISCARD;


/*
 * A page of documents, in the arena, in the byte order of their ids.  Ends
 * before limit when the bodies reach max_bytes, but has one document at least
 * when there is one.  more: there are others behind the last.  FIG_INVALID: a
 * limit out of its range, a match on a key that the collection has not.
 */

fig_status_t fig_store_list(fig_store_t *store,
    const fig_collection_t *collection, const fig_query_t *query,
    fig_arena_t *arena, fig_page_t *page) FIG_NODISCARD;


/*
 * The version below every version of a document that is made now; a restored
 * backup raises it by 2^32.
 */

uint64_t fig_store_base(fig_store_t *store);


/*
 * How often writing or reading has ended in anything that the store is to blame
 * for: FIG_BUSY, FIG_FULL, FIG_ERROR, FIG_UNKNOWN.  Whoever got an error and
 * finds this unchanged has nobody to blame but himself.
 */

uint64_t fig_store_troubles(const fig_store_t *store);


/*
 * FIG_OK when a read works now.  wrong, for /readyz: why it cannot be written,
 * by what was last tried, static, or NULL; SQLite tries by itself until it can.
 */

fig_status_t fig_store_ping(fig_store_t *store) FIG_NODISCARD;
const char *fig_store_wrong(void *store);


/*
 * Frees what is kept only to be faster and was not used since this was called
 * before.
 */

void fig_store_rest(fig_store_t *store);


/*
 * Backup of a database file of SQLite, which others may have open and write to
 * meanwhile: as it was at one moment, in a file of its own, checked, and
 * durable when this returns.  Waits for nobody's lock and holds none.
 * FIG_TAKEN: the file is there.  FIG_FULL: no space for it.  FIG_ERROR: all
 * else.  Nothing is left then, and a line was logged.
 */

fig_status_t fig_store_backup(const char *path, const char *file)
    FIG_NODISCARD;


/*
 * Whether the structure of such a file is sound; reads all of it.  Waits for
 * nobody's lock and holds none.  FIG_ERROR: it is not, or cannot be read; a
 * line was logged.
 */

fig_status_t fig_store_check(const char *path) FIG_NODISCARD;


/*
 * Restore: puts a backup in the place of a database, in two steps, so that
 * several can be restored or none.  Every version in the collections own (their
 * names, with a blank between two), whose documents are the store's and no
 * copies of another's, is raised by a multiple of 2^32, above all that anybody
 * may remember, and these documents are marked as pending; later ones start
 * above that.
 *
 * prepare: checks the backup and makes what will be put there; until close
 * nobody can open the database.  FIG_BUSY: a process has it open.  FIG_TAKEN:
 * what an earlier restore has replaced is still there.  FIG_FULL, FIG_ERROR.
 * Nothing has changed then, and a line was logged.
 *
 * finish: once; what was there is called PATH.replaced then.  After FIG_ERROR,
 * or when the process dies in it, nobody can open the store until a restore has
 * been done again.
 */

typedef struct {
    const char  *path;
    const char  *file;
    const char  *own;
    unsigned     raise;           /* times 2^32; 0: 1 */

    uint64_t     base;            /* set by prepare: the new one */
    uint64_t     documents;       /* in own */
    bool         unknown;         /* the base of what was there before could
                                     not be read: raise has to count it */
} fig_restore_conf_t;

typedef struct fig_restore_s  fig_restore_t;

/* what conf points to must live until close */
fig_status_t fig_restore_prepare(fig_restore_conf_t *conf,
    fig_restore_t **restore) FIG_NODISCARD;
fig_status_t fig_restore_finish(fig_restore_t *restore) FIG_NODISCARD;
void fig_restore_close(fig_restore_t *restore);         /* NULL is fine */


/*
 * The same raise of a database of MongoDB that its own tools have put back, in
 * its place, while no worker uses it.  Each call raises once more; one that was
 * interrupted is finished by the next, if that has the same raise.
 *
 * FIG_BUSY, FIG_UNKNOWN: the server is, or got, away; FIG_CONFLICT: documents
 * were changed meanwhile; FIG_ERROR: it is no such database, or all else.  A
 * line was logged then.
 */

typedef struct {
    const char  *uri;             /* mongodb://... */
    const char  *own;             /* as above */
    const char  *without;         /* a database with that collection has only
                                     a copy of own, and is refused; or NULL */
    unsigned     raise;           /* times 2^32; 0: 1 */

    uint64_t     base;            /* set: the new one */
    uint64_t     documents;       /* that were raised */
} fig_raise_conf_t;

fig_status_t fig_store_raise(fig_raise_conf_t *conf) FIG_NODISCARD;


#endif /* FIG_STORE_H_INCLUDED */
