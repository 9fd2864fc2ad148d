
/*
 * Copyright (C) Ficus authors
 */


/*
 * The event path: users' store, outbox, nats-server, consumer, orders' store,
 * in two processes and the server's.  Lag is from the answer of an update to
 * the moment when the orders' store has it durably.
 *
 * Usage: bench_events
 *
 * The databases are made in $TMPDIR; on a file system in memory the commits
 * cost nothing.
 */


#include "bench.h"
#include "fig_consumer.h"
#include "fig_log.h"
#include "fig_metrics.h"
#include "fig_outbox.h"
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>


#define USERS    50000U
#define KEYS     1000U            /* those that are changed */
#define BATCH    500U
#define THREADS  16
#define UPDATES  4000U            /* under load */
#define LAGS     (UPDATES * 2)

/* for one update, ms */
#define WAIT     10000


/* shared by both processes: when the version of a key was answered, seen */

typedef struct {
    atomic_bool        stop;
    _Atomic(uint64_t)  versions[USERS];
    _Atomic(uint64_t)  answered[KEYS];
    _Atomic(unsigned)  nlags;
    uint32_t           lags[LAGS];
} shared_t;

typedef struct {
    pthread_t          thread;
    unsigned           n;
    unsigned           rate;      /* updates a second */
    uint64_t           seed;
} lane_t;


static void child(void);
static fig_status_t apply(void *data, const fig_event_t *events, size_t n,
    fig_arena_t *arena);
static fig_op_t user_op(char *id, char *body, unsigned key);
static void write_users(unsigned first, unsigned last);
static void update(unsigned key);
static void *lane_main(void *data);
static void load(const char *what, unsigned rate, unsigned threads,
    unsigned updates);
static void throughput(void);
static void wait_for(unsigned key, uint64_t ver);
static int compare(const void *a, const void *b);


static const fig_collection_t  users = {
    "users", { "email", NULL, NULL }, { true, false, false }
};

static const fig_collection_t  replica = {
    "replica", { NULL, NULL, NULL }, { false, false, false }
};

static const fig_collection_t  cursors = {
    "cursors", { NULL, NULL, NULL }, { false, false, false }
};

static const fig_collection_t  orders = {
    "orders", { "userId", NULL, NULL }, { false, false, false }
};

static const fig_collection_t *const  collections[] = {
    &users, &replica, &cursors, &orders, NULL
};

static const fig_topic_t  topic = {
    { "USERS", "users.>" }, "users", "userId", &users
};


static broker_t       broker;
static shared_t      *shared;
static fig_store_t   *store;
static fig_bus_t     *bus;
static fig_outbox_t  *outbox;
static uint64_t       current[USERS];


int
main(void)
{
    int    status;
    pid_t  pid;

    if (!broker_there()) {
        fprintf(stderr, "bench: nats-server was not found\n");
        return EXIT_FAILURE;
    }

    shared = mmap(NULL, sizeof(shared_t), PROT_READ | PROT_WRITE,
                  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    expect(shared != MAP_FAILED, "mmap");

    fig_log_init("bench", FIG_LOG_ERROR, FIG_LOG_TEXT);
    broker_open(&broker, NULL);
    broker_start(&broker);

    pid = fork();
    expect(pid != -1, "fork");

    if (pid == 0) {
        child();
        _exit(0);
    }

    store = open_store(&broker, "users", collections);
    bus = open_bus(&broker);
    expect(fig_outbox_open(store, bus, &topic, NULL, NULL, &outbox) == FIG_OK,
           "outbox");

    write_users(0, KEYS);
    wait_for(KEYS - 1, 1);

    printf("%-26s %10s %11s %11s %11s\n", "", "updates/s", "lag p50", "p99",
           "max");

    load("idle, 1 client", 50, 1, 200);
    load("16 clients", 1000, THREADS, UPDATES);
    load("16 clients", 2000, THREADS, UPDATES);
    throughput();

    atomic_store(&shared->stop, true);
    (void) waitpid(pid, &status, 0);
    expect(status == 0, "the consumer's process");

    fig_outbox_close(outbox, 1000);
    fig_bus_close(bus);
    fig_store_close(store);
    broker_close(&broker);

    return EXIT_SUCCESS;
}


/* the process of the orders */

static void
child(void)
{
    fig_consumer_t       *consumer;
    fig_consumer_conf_t   conf;

    (void) prctl(PR_SET_PDEATHSIG, SIGKILL);

    store = open_store(&broker, "orders", collections);
    bus = open_bus(&broker);

    memset(&conf, 0, sizeof(conf));
    conf.topic = &topic;
    conf.replica = &replica;
    conf.cursors = &cursors;
    conf.durable = "orders";
    conf.apply = apply;

    expect(fig_consumer_open(store, bus, &conf, &consumer) == FIG_OK,
           "consumer");

    while (!atomic_load(&shared->stop)) {
        broker_sleep(10);
    }

    fig_consumer_close(consumer);
    fig_bus_close(bus);
    fig_store_close(store);
}


/* one order a user */

static fig_status_t
apply(void *data, const fig_event_t *events, size_t n, fig_arena_t *arena)
{
    size_t           i;
    uint64_t         key, now, answered;
    unsigned         lag;
    static fig_op_t  ops[512];

    memset(ops, 0, sizeof(ops));

    for (i = 0; i < n; i++) {
        ops[i].kind = FIG_STORE_RAISE;
        ops[i].collection = &orders;
        ops[i].doc.id = events[i].key;
        ops[i].doc.ver = events[i].ver;
        ops[i].doc.body = events[i].body;
        ops[i].doc.keys[0] = events[i].key;
    }

    if (fig_store_write(store, ops, n) != FIG_OK) {
        return FIG_BUSY;
    }

    now = fig_clock_us();

    for (i = 0; i < n; i++) {
        key = strtoul(events[i].key.data + 1, NULL, 10);
        answered = key < KEYS ? atomic_load(&shared->answered[key]) : 0;

        if (answered != 0 && events[i].ver > 1) {
            lag = atomic_fetch_add(&shared->nlags, 1);
            shared->lags[lag % LAGS] =
                now > answered ? (uint32_t) (now - answered) : 0;
        }

        atomic_store(&shared->versions[key], events[i].ver);
    }

    return FIG_OK;
}


static fig_op_t
user_op(char *id, char *body, unsigned key)
{
    int       n;
    fig_op_t  op;

    memset(&op, 0, sizeof(op));

    op.kind = FIG_STORE_PUT;
    op.collection = &users;
    op.expect = current[key]++;
    op.doc.ver = current[key];
    op.doc.changed = FIG_STR("deliveryAddress");

    n = snprintf(id, 16, "u%u", key);
    op.doc.id.data = id;
    op.doc.id.len = (size_t) n;
    op.doc.keys[0] = op.doc.id;

    n = snprintf(body, 256, "{\"userId\":\"u%u\",\"email\":\"user.number.%u@"
                 "example.org\",\"deliveryAddress\":\"%" PRIu64 " Fig Lane, "
                 "12345 Orchard, Some Country\",\"name\":\"Ann Other\","
                 "\"phone\":\"+15550123456\"}", key, key, current[key]);
    op.doc.body.data = body;
    op.doc.body.len = (size_t) n;

    return op;
}


static void
update(unsigned key)
{
    fig_op_t  op;
    char      id[16], body[256];

    op = user_op(id, body, key);

    /* what is seen before it is answered has no lag */
    atomic_store(&shared->answered[key], UINT64_MAX);

    expect(fig_outbox_write(outbox, &op, 1, (fig_str_t) { 0 }) == FIG_OK
           && op.status == FIG_OK, "write");

    atomic_store(&shared->answered[key], fig_clock_us());
}


static void *
lane_main(void *data)
{
    lane_t    *lane;
    uint64_t   start, due, now;
    unsigned   i, keys;

    lane = data;
    start = fig_clock_us();
    keys = KEYS / THREADS;

    for (i = 0; i < lane->n; i++) {
        due = start + (uint64_t) i * 1000000 / lane->rate;
        now = fig_clock_us();

        if (due > now) {
            (void) usleep((useconds_t) (due - now));
        }

        update((unsigned) lane->seed * keys + i % keys);
    }

    return NULL;
}


static void
load(const char *what, unsigned rate, unsigned threads, unsigned updates)
{
    size_t    n;
    uint64_t  start;
    unsigned  i;
    lane_t    lanes[THREADS];

    start = fig_clock_us();
    atomic_store(&shared->nlags, 0);

    for (i = 0; i < threads; i++) {
        lanes[i].n = updates / threads;
        lanes[i].rate = rate / threads;
        lanes[i].seed = i;
        expect(pthread_create(&lanes[i].thread, NULL, lane_main, &lanes[i])
               == 0, "thread");
    }

    for (i = 0; i < threads; i++) {
        (void) pthread_join(lanes[i].thread, NULL);
    }

    rate = (unsigned) ((uint64_t) updates * 1000000
                       / (fig_clock_us() - start));

    for (i = 0; i < KEYS; i++) {
        wait_for(i, current[i]);
    }

    n = atomic_load(&shared->nlags);
    n = n < LAGS ? n : LAGS;

    if (n == 0) {
        expect(false, "no lags");
        return;
    }

    qsort(shared->lags, n, sizeof(uint32_t), compare);

    printf("%-26s %10u %8.2f ms %8.2f ms %8.2f ms\n", what, rate,
           shared->lags[n / 2] / 1000.0, shared->lags[n * 99 / 100] / 1000.0,
           shared->lags[n - 1] / 1000.0);
    (void) fflush(stdout);
}


/* as fast as it goes: until the last is committed, and until it is seen */

static void
throughput(void)
{
    uint64_t  start, committed, seen;
    unsigned  i;

    start = fig_clock_us();
    write_users(KEYS, USERS);
    committed = fig_clock_us() - start;

    for (i = KEYS; i < USERS; i++) {
        wait_for(i, 1);
    }

    seen = fig_clock_us() - start;

    printf("\n%u new users, %u a commit: %.0f/s committed, %.0f/s in the "
           "orders' store\n", USERS - KEYS, BATCH,
           (USERS - KEYS) * 1e6 / (double) committed,
           (USERS - KEYS) * 1e6 / (double) seen);
}


static void
write_users(unsigned first, unsigned last)
{
    unsigned         i, j;
    static char      ids[BATCH][16], bodies[BATCH][256];
    static fig_op_t  ops[BATCH];

    for (i = first; i < last; i += BATCH) {
        for (j = 0; j < BATCH; j++) {
            ops[j] = user_op(ids[j], bodies[j], i + j);
        }

        expect(fig_outbox_write(outbox, ops, BATCH, (fig_str_t) { 0 })
               == FIG_OK, "write");
    }
}


static void
wait_for(unsigned key, uint64_t ver)
{
    unsigned  i;

    for (i = 0; i < WAIT && atomic_load(&shared->versions[key]) != ver; i++) {
        broker_sleep(1);
    }

    expect(i < WAIT, "an update did not arrive");
}


static int
compare(const void *a, const void *b)
{
    uint32_t  left, right;

    left = *(const uint32_t *) a;
    right = *(const uint32_t *) b;

    return (left > right) - (left < right);
}
