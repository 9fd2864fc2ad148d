
/*
 * Copyright (C) Ficus authors
 */


/*
 * A store: durable writes a second, those that make documents and those that
 * change them, and reads by id; on SQLite also shared by two processes, and
 * against one commit a request.
 *
 * Usage: bench_store [SECONDS [URI [USERS]]]
 *
 * SECONDS is what each line takes, 1 by default; USERS how many there are at
 * first, 100000 by default.  Without a URI SQLite's database is made in
 * $TMPDIR; on a file system in memory the writes say nothing.  The database of
 * a URI of MongoDB has to be a new one, which stays.
 */


#include "fig_store.h"
#include "fig_log.h"
#include "fig_metrics.h"
#include <inttypes.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>


#define THREADS  64
#define LANE     5000                      /* samples of a thread */
#define SAMPLES  (THREADS * LANE)


/* microseconds of single calls, kept for the percentiles */

typedef struct {
    uint64_t         calls;
    uint64_t         us;             /* that all of it took */
    uint32_t         p50;
    uint32_t         p99;
    uint32_t         max;
} result_t;

typedef struct {
    unsigned         n;
    uint64_t         calls;
    uint32_t        *samples;
    pthread_t        thread;
} lane_t;


static const fig_collection_t  users = {
    "users", { "email", NULL, NULL }, { true, false, false }
};

static const fig_collection_t *const  collections[] = { &users, NULL };


static char          directory[1024];
static char          uri[2048];
static bool          sqlite;
static char          body[301];
static unsigned      nusers;
static uint64_t      duration;       /* us */
static uint32_t      samples[SAMPLES];
static atomic_bool   stop;
static fig_store_t  *store;


static void
fail(const char *what)
{
    (void) fprintf(stderr, "bench_store: %s\n", what);
    exit(EXIT_FAILURE);
}


static void
open_store(void)
{
    fig_store_conf_t  conf;

    memset(&conf, 0, sizeof(fig_store_conf_t));
    conf.uri = uri;
    conf.lock_timeout = 10000;

    if (fig_store_open(&conf, collections, &store) != FIG_OK) {
        fail("no store");
    }
}


static fig_op_t
user(unsigned n, uint64_t ver, char *text, size_t size)
{
    int       len;
    fig_op_t  op;

    memset(&op, 0, sizeof(fig_op_t));

    len = snprintf(text, size, "user-%06u@example.com", n);

    op.kind = FIG_STORE_RAISE;
    op.collection = &users;
    op.doc.id.data = text;
    op.doc.id.len = 11;
    op.doc.keys[0].data = text;
    op.doc.keys[0].len = (size_t) len;
    op.doc.ver = ver;
    op.doc.body = fig_str_from(body);

    return op;
}


static void
fill(void)
{
    size_t       i;
    unsigned     n;
    fig_op_t     ops[1000];
    static char  text[1000][32];

    for (n = 0; n < nusers; n += 1000) {

        for (i = 0; i < 1000; i++) {
            ops[i] = user(n + (unsigned) i, 1, text[i], 32);
            ops[i].kind = FIG_STORE_PUT;
        }

        if (fig_store_write(store, ops, 1000) != FIG_OK) {
            fail("cannot fill");
        }
    }
}


/* made ones have numbers above those that were there, and of the lane */

static void *
make_lane(void *data)
{
    lane_t *lane = data;

    char      text[64];
    fig_op_t  op;
    uint64_t  start;

    while (!atomic_load_explicit(&stop, memory_order_relaxed)) {
        start = fig_clock_us();
        op = user(0, 1, text, sizeof(text));
        op.kind = FIG_STORE_PUT;
        op.doc.id.len = (size_t) snprintf(text, sizeof(text),
                                          "new-%u-%" PRIu64 "@example.com",
                                          lane->n, start) - 12;
        op.doc.keys[0].len = op.doc.id.len + 12;

        if (fig_store_write(store, &op, 1) != FIG_OK || op.status != FIG_OK) {
            fail("cannot make");
        }

        if (lane->calls < LANE) {
            lane->samples[lane->calls] = (uint32_t) (fig_clock_us() - start);
        }

        lane->calls++;
    }

    return NULL;
}


static void *
write_lane(void *data)
{
    lane_t *lane = data;

    char      text[32];
    fig_op_t  op;
    unsigned  seed;
    uint64_t  start;

    seed = lane->n * 2654435761U + (unsigned) getpid();

    while (!atomic_load_explicit(&stop, memory_order_relaxed)) {
        seed = seed * 1664525U + 1013904223U;
        start = fig_clock_us();
        op = user((seed >> 8) % nusers, start, text, sizeof(text));

        if (fig_store_write(store, &op, 1) != FIG_OK) {
            fail("cannot write");
        }

        if (lane->calls < LANE) {
            lane->samples[lane->calls] = (uint32_t) (fig_clock_us() - start);
        }

        lane->calls++;
    }

    return NULL;
}


static void *
read_lane(void *data)
{
    lane_t *lane = data;

    char          text[32];
    fig_op_t      op;
    unsigned      seed;
    fig_doc_t     doc;
    fig_arena_t  *arena;

    seed = lane->n * 2654435761U + 1;
    arena = fig_arena_create(4096, 1048576);

    while (!atomic_load_explicit(&stop, memory_order_relaxed)) {
        seed = seed * 1664525U + 1013904223U;
        op = user((seed >> 8) % nusers, 1, text, sizeof(text));
        fig_arena_reset(arena);

        if (fig_store_get(store, &users, op.doc.id, arena, &doc) != FIG_OK) {
            fail("cannot read");
        }

        lane->calls++;
    }

    fig_arena_destroy(arena);

    return NULL;
}


static int
compare(const void *a, const void *b)
{
    uint32_t  x = *(const uint32_t *) a;
    uint32_t  y = *(const uint32_t *) b;

    return (x > y) - (x < y);
}


static result_t
measure(unsigned n, void *(*run)(void *))
{
    size_t     len, part;
    lane_t     lanes[THREADS];
    unsigned   i;
    uint64_t   start;
    result_t   result;

    memset(lanes, 0, sizeof(lanes));
    memset(&result, 0, sizeof(result_t));
    atomic_store(&stop, false);
    start = fig_clock_us();

    for (i = 0; i < n; i++) {
        lanes[i].n = i;
        lanes[i].samples = samples + i * LANE;

        if (pthread_create(&lanes[i].thread, NULL, run, &lanes[i]) != 0) {
            fail("no thread");
        }
    }

    (void) usleep((useconds_t) duration);
    atomic_store(&stop, true);

    len = 0;

    for (i = 0; i < n; i++) {
        (void) pthread_join(lanes[i].thread, NULL);
        result.calls += lanes[i].calls;

        part = lanes[i].calls < LANE ? lanes[i].calls : LANE;
        memmove(samples + len, lanes[i].samples, part * sizeof(uint32_t));
        len += part;
    }

    result.us = fig_clock_us() - start;

    if (run != read_lane && len != 0) {
        qsort(samples, len, sizeof(uint32_t), compare);
        result.p50 = samples[len / 2];
        result.p99 = samples[len * 99 / 100];
        result.max = samples[len - 1];
    }

    return result;
}


static double
rate(result_t result)
{
    return (double) result.calls * 1e6 / (double) result.us;
}


static void
print_writes(const char *what, result_t r)
{
    (void) printf("%-38s %9.0f  %7.2f  %7.2f  %7.2f\n", what, rate(r),
                  r.p50 / 1e3, r.p99 / 1e3, r.max / 1e3);
    (void) fflush(stdout);
}


/* what each request would cost without the store: a transaction of its own */

static void
single_commits(void)
{
    sqlite3       *db;
    uint64_t       start, took;
    result_t       result;
    sqlite3_stmt  *stmt;

    memset(&result, 0, sizeof(result_t));

    if (sqlite3_open(strchr(uri, '/'), &db) != SQLITE_OK
        || sqlite3_exec(db, "PRAGMA synchronous = FULL", NULL, NULL, NULL)
           != SQLITE_OK
        || sqlite3_prepare_v2(db, "UPDATE users SET ver = ver + 1, body = ?2 "
                              "WHERE id = ?1", -1, &stmt, NULL) != SQLITE_OK)
    {
        fail("no database");
    }

    start = fig_clock_us();

    while (fig_clock_us() - start < duration) {
        char      id[32];
        uint64_t  begin;

        begin = fig_clock_us();
        (void) snprintf(id, sizeof(id), "user-%06u",
                        (unsigned) (begin * 2654435761U >> 8) % nusers);
        (void) sqlite3_bind_text(stmt, 1, id, -1, SQLITE_STATIC);
        (void) sqlite3_bind_text(stmt, 2, body, -1, SQLITE_STATIC);

        if (sqlite3_step(stmt) != SQLITE_DONE
            || sqlite3_reset(stmt) != SQLITE_OK)
        {
            fail("cannot commit");
        }

        took = fig_clock_us() - begin;

        if (result.calls < SAMPLES) {
            samples[result.calls] = (uint32_t) took;
        }

        result.calls++;
    }

    result.us = fig_clock_us() - start;
    (void) sqlite3_finalize(stmt);
    (void) sqlite3_close(db);

    qsort(samples, result.calls, sizeof(uint32_t), compare);
    result.p50 = samples[result.calls / 2];
    result.p99 = samples[result.calls * 99 / 100];
    result.max = samples[result.calls - 1];

    print_writes("one commit a request, one connection", result);
}


/* the store is closed: connections must not be carried over a fork */

static void
two_processes(unsigned n)
{
    int        i, status;
    char       what[64];
    pid_t      pids[2];
    result_t  *shared;

    shared = mmap(NULL, 2 * sizeof(result_t), PROT_READ|PROT_WRITE,
                  MAP_SHARED|MAP_ANONYMOUS, -1, 0);

    if (shared == MAP_FAILED) {
        fail("no memory");
    }

    for (i = 0; i < 2; i++) {
        pids[i] = fork();

        if (pids[i] == 0) {
            open_store();
            shared[i] = measure(n, write_lane);
            fig_store_close(store);
            _exit(0);
        }
    }

    for (i = 0; i < 2; i++) {

        if (waitpid(pids[i], &status, 0) != pids[i] || status != 0) {
            fail("a process failed");
        }
    }

    for (i = 0; i < 2; i++) {
        (void) snprintf(what, sizeof(what), "two processes, threads: %u, %s",
                        n, i ? "2nd" : "1st");
        print_writes(what, shared[i]);
    }

    (void) printf("%-38s %8.0f %%\n", "  share of the slower one",
                  100 * (rate(shared[0]) < rate(shared[1]) ? rate(shared[0])
                         : rate(shared[1]))
                  / (rate(shared[0]) + rate(shared[1])));

    (void) munmap(shared, 2 * sizeof(result_t));
}


static void
writes(const char *what, void *(*run)(void *))
{
    size_t   i;
    char     line[64];
    static const unsigned  writers[] = { 1, 16, 64 };

    for (i = 0; i < sizeof(writers) / sizeof(writers[0]); i++) {
        (void) snprintf(line, sizeof(line), "%s, threads: %u", what,
                        writers[i]);
        print_writes(line, measure(writers[i], run));
    }
}


static void
reads(void)
{
    size_t   i;
    char     line[64];
    static const unsigned  readers[] = { 1, 2, 8 };

    (void) printf("\n%-38s %9s\n", "reads by id", "1/s");

    for (i = 0; i < sizeof(readers) / sizeof(readers[0]); i++) {
        (void) snprintf(line, sizeof(line), "threads: %u", readers[i]);
        (void) printf("%-38s %9.0f\n", line,
                      rate(measure(readers[i], read_lane)));
    }
}


static void
place(int argc, char **argv)
{
    const char  *tmp;

    duration = (argc > 1 ? strtoul(argv[1], NULL, 10) : 1) * 1000000;
    nusers = argc > 3 ? (unsigned) strtoul(argv[3], NULL, 10) : 100000;
    sqlite = argc < 3;
    memset(body, 'x', sizeof(body) - 1);

    if (!sqlite) {
        (void) snprintf(uri, sizeof(uri), "%s", argv[2]);
        return;
    }

    tmp = getenv("TMPDIR");

    (void) snprintf(directory, sizeof(directory), "%s/ficus-XXXXXX",
                    tmp ? tmp : "/tmp");

    if (mkdtemp(directory) == NULL) {
        fail("no directory");
    }

    (void) snprintf(uri, sizeof(uri), "sqlite:%s/bench.db", directory);
}


static void
clean(void)
{
    size_t  i;
    static const char *const  files[] = { "", "-wal", "-shm", ".lock" };

    for (i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        (void) snprintf(uri, sizeof(uri), "%s/bench.db%s", directory, files[i]);
        (void) unlink(uri);
    }

    (void) rmdir(directory);
}


int
main(int argc, char **argv)
{
    place(argc, argv);

    open_store();
    fill();
    fig_store_close(store);

    (void) printf("%u users of %zu bytes\n\n%-38s %9s  %7s  %7s  %7s\n", nusers,
                  strlen(body), "writes", "1/s", "p50 ms", "p99", "max");

    if (sqlite) {
        single_commits();
    }

    open_store();
    writes(sqlite ? "group commit" : "changes", write_lane);
    writes("new ones", make_lane);
    fig_store_close(store);

    if (sqlite) {
        two_processes(1);
        two_processes(16);
    }

    open_store();
    reads();
    fig_store_close(store);

    if (sqlite) {
        clean();
    }

    return EXIT_SUCCESS;
}
