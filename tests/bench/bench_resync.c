
/*
 * Copyright (C) Ficus authors
 */


/*
 * Falling behind and catching up, with the real workers: orders that begins
 * with nothing and fetches all users from their service, a compare when all is
 * level, and orders that was down while users changed.
 *
 * Usage: bench_resync [USERS [UPDATES]]
 *
 * The workers are those beside the bench: ../../orders and ../../users-v2.
 */


#include "bench.h"
#include "fig_log.h"
#include "fig_metrics.h"
#include "fig_outbox.h"
#include "fig_repair.h"
#include <fcntl.h>
#include <inttypes.h>
#include <libgen.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>


#define USERS    1000000U
#define UPDATES  100000U
#define BATCH    1000U

/* ms */
#define WAIT     120000U


static void fill(unsigned first, unsigned n, bool changed);
static void fill_orders(unsigned n);
static pid_t start(const char *name, const char *store);
static void stop(pid_t pid);
static unsigned behind(unsigned n);
static double until_level(unsigned n);
static void cpu(pid_t pid, const char *name);
static void look(pid_t service);
static bool going(void *data);


static const fig_collection_t  users = { "users", { "email" }, { true } };
static const fig_collection_t  replica = { .name = "users" };
static const fig_collection_t  orders = {
    .name = "orders",
    .keys = { "userId", "email", "status" }
};

static const fig_collection_t *const  users_all[] = { &users, NULL };
static const fig_collection_t *const  orders_all[] = {
    &orders, &replica, NULL
};

static const fig_topic_t  topic = {
    { "USERS", "users.>" }, "users", "userId", &users
};


static broker_t      broker;
static fig_store_t  *source, *target;
static fig_bus_t    *bus;
static fig_outbox_t *outbox;
static uint64_t     *versions;
static char          programs[4096];


int
main(int argc, char **argv)
{
    pid_t     service, follower;
    double    took;
    unsigned  n, updates, i;

    n = argc > 1 ? (unsigned) strtoul(argv[1], NULL, 10) : USERS;
    updates = argc > 2 ? (unsigned) strtoul(argv[2], NULL, 10) : UPDATES;
    n = n / BATCH * BATCH;
    updates = updates / BATCH * BATCH;

    (void) snprintf(programs, sizeof(programs), "%s/../..", dirname(argv[0]));
    versions = calloc(n + 1, sizeof(uint64_t));
    expect(versions != NULL && updates <= n && n != 0, "memory, or arguments");

    fig_log_init("bench", FIG_LOG_ERROR, FIG_LOG_TEXT);
    broker_open(&broker, "max_payload: 16MB");
    broker_start(&broker);

    source = open_store(&broker, "users", users_all);
    target = open_store(&broker, "orders", orders_all);

    for (i = 0; i < n; i += BATCH) {
        fill(i, BATCH, false);
    }

    fill_orders(updates);

    service = start("users-v2", "users");
    broker_sleep(500);
    follower = start("orders", "orders");
    took = until_level(n);

    printf("%u users fetched by an empty replica: %.1f s, %.0f/s\n", n, took,
           n / took);
    cpu(service, "users-v2");
    cpu(follower, "orders");
    stop(follower);

    bus = open_bus(&broker);
    look(service);
    expect(fig_outbox_open(source, bus, &topic, NULL, NULL, &outbox) == FIG_OK,
           "outbox");

    for (i = 0; i < updates; i += BATCH) {
        fill(i, BATCH, true);
    }

    for (i = 0; i < WAIT / 10
         && broker_messages(&broker, "USERS") < updates; i++)
    {
        broker_sleep(10);
    }

    follower = start("orders", "orders");
    took = until_level(n);

    printf("%u events behind: %.1f s, %.0f/s\n", updates, took,
           updates / took);
    cpu(follower, "orders");

    stop(follower);
    fig_outbox_close(outbox, 1000);
    stop(service);
    fig_bus_close(bus);
    fig_store_close(target);
    fig_store_close(source);
    broker_close(&broker);

    return EXIT_SUCCESS;
}


/* users that nobody was told of, or changes that are published */

static void
fill(unsigned first, unsigned n, bool changed)
{
    int              len;
    unsigned         i, key;
    fig_op_t        *op;
    static char      ids[BATCH][16], bodies[BATCH][320], emails[BATCH][64];
    static fig_op_t  ops[BATCH];

    memset(ops, 0, sizeof(ops));

    for (i = 0; i < n; i++) {
        op = &ops[i];
        key = first + i;

        op->kind = FIG_STORE_PUT;
        op->collection = &users;
        op->expect = versions[key]++;
        op->doc.ver = versions[key];
        op->doc.changed = FIG_STR("deliveryAddress");

        len = snprintf(ids[i], sizeof(ids[i]), "u%07u", key);
        op->doc.id = (fig_str_t) { (size_t) len, ids[i] };

        len = snprintf(emails[i], sizeof(emails[i]), "user.%u@example.org",
                       key);
        op->doc.keys[0] = (fig_str_t) { (size_t) len, emails[i] };

        len = snprintf(bodies[i], sizeof(bodies[i]), "{\"userId\":\"%s\","
                       "\"email\":\"%s\",\"deliveryAddress\":\"%" PRIu64
                       " Fig Lane, 12345 Orchard, Some Country\",\"name\":"
                       "\"Ann Other\",\"phone\":\"+15550123456\"}", ids[i],
                       emails[i], versions[key]);
        op->doc.body = (fig_str_t) { (size_t) len, bodies[i] };
    }

    if (changed) {
        expect(fig_outbox_write(outbox, ops, n, (fig_str_t) { 0 }) == FIG_OK,
               "write");

    } else {
        expect(fig_store_write(source, ops, n) == FIG_OK, "write");
    }

    for (i = 0; i < n; i++) {
        expect(ops[i].status == FIG_OK, "one write");
    }
}


/* one of each of the first users, who change later */

static void
fill_orders(unsigned n)
{
    int              len;
    unsigned         i, key;
    fig_op_t        *op;
    static char      ids[BATCH][32], bodies[BATCH][320], emails[BATCH][64];
    static fig_op_t  ops[BATCH];

    for (key = 0; key < n; key++) {
        i = key % BATCH;
        op = &ops[i];
        memset(op, 0, sizeof(fig_op_t));

        op->kind = FIG_STORE_RAISE;
        op->collection = &orders;
        op->doc.ver = 1;
        op->doc.ref = 1;

        len = snprintf(ids[i], sizeof(ids[i]), "o%07u", key);
        op->doc.id = (fig_str_t) { (size_t) len, ids[i] };

        len = snprintf(emails[i], sizeof(emails[i]), "user.%u@example.org",
                       key);
        op->doc.keys[1] = (fig_str_t) { (size_t) len, emails[i] };

        len = snprintf(bodies[i], sizeof(bodies[i]), "{\"orderId\":\"%s\","
                       "\"productName\":\"Fig\",\"status\":\"Pending\","
                       "\"userId\":\"u%07u\",\"email\":\"%s\","
                       "\"deliveryAddress\":\"1 Fig Lane, 12345 Orchard, Some "
                       "Country\"}", ids[i], key, emails[i]);
        op->doc.body = (fig_str_t) { (size_t) len, bodies[i] };
        op->doc.keys[2] = FIG_STR("Pending");
        op->doc.keys[0].len = sizeof("u0000000") - 1;
        op->doc.keys[0].data = strstr(bodies[i], "\"userId\":\"") + 10;

        if (i == BATCH - 1) {
            expect(fig_store_write(target, ops, BATCH) == FIG_OK, "orders");
        }
    }
}


static pid_t
start(const char *name, const char *store)
{
    int    out;
    pid_t  pid;
    char   program[4200], listen[4300], uri[4300], log[4300];

    (void) snprintf(program, sizeof(program), "%s/%s", programs, name);
    (void) snprintf(listen, sizeof(listen), "--listen=%s/%s.sock", broker.dir,
                    name);
    (void) snprintf(uri, sizeof(uri), "--store=sqlite:%s/%s.db", broker.dir,
                    store);
    (void) snprintf(log, sizeof(log), "%s/%s.log", broker.dir, name);

    pid = fork();
    expect(pid != -1, "fork");

    if (pid == 0) {
        (void) prctl(PR_SET_PDEATHSIG, SIGKILL);
        (void) setenv("FICUS_NATS_URL", broker.url, 1);
        out = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600);
        (void) dup2(out, STDERR_FILENO);
        (void) execl(program, name, listen, uri, "--log-format=text",
                     (char *) NULL);
        _exit(127);
    }

    return pid;
}


static void
stop(pid_t pid)
{
    (void) kill(pid, SIGTERM);
    expect(waitpid(pid, NULL, 0) == pid, "wait");
}


/* users that have not come in; all are looked at */

static unsigned
behind(unsigned n)
{
    size_t        i;
    unsigned      found;
    fig_page_t    page;
    fig_query_t   query;
    fig_arena_t  *arena;
    char          after[16];

    found = 0;
    memset(&query, 0, sizeof(query));
    query.limit = FIG_STORE_PAGE_MAX;
    query.brief = true;
    arena = fig_arena_create(65536, 16 * 1024 * 1024);
    expect(arena != NULL, "memory");

    do {
        fig_arena_reset(arena);
        expect(fig_store_list(target, &replica, &query, arena, &page)
               == FIG_OK, "read");

        for (i = 0; i < page.n; i++) {
            found += page.docs[i].ver
                     == versions[strtoul(page.docs[i].id.data + 1, NULL, 10)];
        }

        if (page.n != 0) {
            query.after.len = page.docs[page.n - 1].id.len;
            memcpy(after, page.docs[page.n - 1].id.data, query.after.len);
            query.after.data = after;
        }
    } while (page.more);

    fig_arena_destroy(arena);

    return n - found;
}


/* the last of them is looked for often, all of them seldom */

static double
until_level(unsigned n)
{
    uint64_t      begin, took;
    unsigned      i, last;
    fig_doc_t     doc;
    fig_arena_t  *arena;
    char          id[16];

    begin = fig_clock_us();
    arena = fig_arena_create(65536, 16 * 1024 * 1024);
    expect(arena != NULL, "memory");

    for (i = 0; i < WAIT / 20; i++) {
        for (last = 0; last + 1 < n; last++) {
            if (versions[last] > versions[last + 1]) {
                break;
            }
        }

        (void) snprintf(id, sizeof(id), "u%07u", last);
        fig_arena_reset(arena);

        took = fig_clock_us() - begin;

        if (fig_store_get(target, &replica, fig_str_from(id), arena, &doc)
            == FIG_OK && doc.ver == versions[last] && !doc.pending
            && behind(n) == 0)
        {
            fig_arena_destroy(arena);
            return (double) took / 1e6;
        }

        broker_sleep(20);
    }

    expect(false, "it does not become level");

    return 0;
}


static void
cpu(pid_t pid, const char *name)
{
    int             field;
    FILE           *file;
    char            path[64], line[1024], *p;
    unsigned long   user, system;

    (void) snprintf(path, sizeof(path), "/proc/%d/stat", (int) pid);
    file = fopen(path, "re");
    expect(file != NULL && fgets(line, sizeof(line), file) != NULL, path);

    /* utime and stime are the 14th and the next, the name is the 2nd */

    p = strrchr(line, ')');

    for (field = 2; p != NULL && field < 14; field++) {
        p = strchr(p + 1, ' ');
    }

    expect(p != NULL, path);
    user = strtoul(p, &p, 10);
    system = strtoul(p, NULL, 10);

    printf("  %-9s %5.1f s of processor\n", name,
           (double) (user + system) / (double) sysconf(_SC_CLK_TCK));
    (void) fclose(file);
}


/* a compare of what is level, that is of all sums */

static void
look(pid_t service)
{
    uint64_t              begin;
    fig_repair_t         *repair;
    fig_buckets_t         differ;
    fig_repair_conf_t     conf;
    fig_repair_report_t  *report;

    memset(&conf, 0, sizeof(conf));
    conf.store = target;
    conf.bus = bus;
    conf.topic = &topic;
    conf.replica = &replica;
    conf.going = going;

    report = calloc(1, sizeof(fig_repair_report_t));
    repair = fig_repair_create(&conf);
    expect(report != NULL && repair != NULL, "memory");

    begin = fig_clock_us();
    expect(fig_repair_look(repair, &differ, report) == FIG_OK, "compare");
    expect(report->buckets == 0, "it is level");

    printf("%" PRIu64 " users compared: %.2f s\n", report->rows,
           (double) (fig_clock_us() - begin) / 1e6);
    cpu(service, "users-v2");

    fig_repair_destroy(repair);
    free(report);
}


static bool
going(void *data)
{
    return true;
}
