
/*
 * Copyright (C) Ficus authors
 */


/* Events that cannot be brought in, and that nobody else is hurt by them. */


#include "consumer_fixture.h"
#include "fig_consumer_batch.h"
#include "fig_dead.h"
#include "unit.h"
#include <sqlite3.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>


#define LETTERS  "ficus_dead_letters"
#define CROWDED  "waits, since there are too many dead letters"


static void begin(void);
static void post(const char *payload);
static void post_event(unsigned key, uint64_t ver, const char *email);
static bool letter(const char *id, fig_dead_letter_t *found);
static fig_status_t redrive(const char *id, const char **why);
static void change_orders(const char *statement);


static fig_arena_t  *arena;
static atomic_bool   hangs;              /* the disk */


int
fdatasync(int fd)
{
    while (atomic_load(&hangs)) {
        (void) usleep(1000);
    }

    return (int) syscall(SYS_fdatasync, fd);
}


static void
begin(void)
{
    arena = fig_arena_create(4096, 64 * 1024 * 1024);
    ct.letters = true;

    ct_begin(true);
    ct_serve();
    ct_follow("orders");
    events_write(ct.outbox, 1, 1);
    within(5000U, atomic_load(&ct.versions[1]) == 1);
}


static void
post(const char *payload)
{
    ck_assert(broker_publish(&ct.broker, "users.updated.00", payload));
}


/* email NULL: there is none */

static void
post_event(unsigned key, uint64_t ver, const char *email)
{
    char  text[512], member[128];

    (void) snprintf(member, sizeof(member), "\"email\":\"%s\",",
                    email ? email : "");
    (void) snprintf(text, sizeof(text), "{\"specversion\":\"1.0\",\"id\":"
                    "\"users/u%u/%llu\",\"source\":\"/users\",\"type\":\"t\","
                    "\"subject\":\"u%u\",\"data\":{\"userId\":\"u%u\",%s"
                    "\"version\":%llu,\"deleted\":false,\"changed\":[]}}",
                    key, (unsigned long long) ver, key, key,
                    email ? member : "", (unsigned long long) ver);
    post(text);
}


static bool
letter(const char *id, fig_dead_letter_t *found)
{
    return fig_dead_get(ct.consumer->dead, fig_str_from(id), arena, found)
           == FIG_OK;
}


static fig_status_t
redrive(const char *id, const char **why)
{
    uint64_t  ver;

    return fig_dead_redrive(ct.consumer, fig_str_from(id), arena, &ver, why);
}


/* of every kind; all others flow */

START_TEST(poison_of_every_kind)
{
    char        *big;
    size_t       i;
    fig_page_t   page;
    unsigned     n;
    static const char *const  events[] = {
        "", "not json", "[]", "{}", "{\"specversion\":\"1.0\"}", "\xff\xfe",
        "{\"specversion\":\"1.0\",\"id\":\"users/u7/0\",\"source\":\"/users\","
        "\"type\":\"t\",\"subject\":\"u7\",\"data\":{\"userId\":\"u7\","
        "\"version\":0,\"deleted\":false}}",
        "{\"specversion\":\"1.0\",\"id\":\"users/u7/9\",\"source\":\"/users\","
        "\"type\":\"t\",\"subject\":\"u7\",\"data\":{\"userId\":\"u7\","
        "\"version\":\"9\",\"deleted\":false}}",
        "{\"specversion\":\"1.0\",\"id\":\"users/u7/9\",\"source\":\"/users\","
        "\"type\":\"t\",\"subject\":\"u7\",\"data\":{\"version\":9,"
        "\"deleted\":false}}"
    };

    begin();

    for (i = 0; i < UNIT_COUNT(events); i++) {
        post(events[i]);
    }

    n = UNIT_COUNT(events);

    /* a state that is none, and one that is too large to be true */

    post_event(8, 5, NULL);
    big = malloc(2000001);
    ck_assert_ptr_nonnull(big);
    memset(big, 'x', 2000000);
    big[2000000] = '\0';
    post(big);
    free(big);
    n += 2;

    /* valid: a jump of a billion */

    post_event(9, 1000000000, "u9@example.org");
    events_write(ct.outbox, 2, 1);

    within(5000U, atomic_load(&ct.versions[2]) == 1);
    ck_assert_uint_eq(atomic_load(&ct.versions[9]), 1000000000);
    ck_assert_uint_eq(atomic_load(&ct.versions[8]), 0);
    ck_assert_uint_eq(events_version(ct.orders, &events_replica, 8), 0);

    ck_assert_uint_eq(events_metric(LETTERS), n);
    ck_assert_uint_eq(events_metric(POISON), n);

    ck_assert_int_eq(fig_dead_list(ct.consumer->dead, (fig_str_t) { 0 }, 100,
                                   arena, &page), FIG_OK);
    ck_assert_uint_eq(page.n, n);

    for (i = 0; i < page.n; i++) {
        ck_assert_uint_lt(page.docs[i].body.len, 200000);
    }

    /* a valid state of those whose key was seen heals them */

    events_write(ct.outbox, 7, 1);
    within(5000U, events_metric(LETTERS) == n - 3);

    /* what is newer than it is not healed */

    events_write(ct.outbox, 8, 1);
    within(5000U, atomic_load(&ct.versions[8]) == 1);
    ck_assert_uint_eq(events_metric(LETTERS), n - 3);
    post_event(8, 6, "u8@example.org");
    within(5000U, events_metric(LETTERS) == n - 4);

    ct_end();
}
END_TEST


/* apply() refuses one of many: it alone stays behind */

START_TEST(one_of_many)
{
    unsigned           i;
    fig_dead_letter_t  found;

    begin();
    atomic_store(&ct.refused, 51);
    events_write_many(ct.outbox, 10, 400, 1);

    within(10000U, atomic_load(&ct.versions[409]) == 1);
    within(10000U, events_metric(LETTERS) == 1);

    for (i = 10; i < 410; i++) {
        ck_assert_uint_eq(atomic_load(&ct.versions[i]), i != 50);
    }

    ck_assert(letter("u50@1", &found));
    ck_assert_int_eq(found.cause, FIG_DEAD_APPLY);
    ck_assert_uint_eq(found.ver, 1);
    ck_assert_uint_gt(found.seq, 1);
    ck_assert_str_eq(found.error, "invalid");
    ck_assert_ptr_nonnull(strstr(found.payload.data, "users/u50/1"));

    /* later ones of it are parked, too, and nobody waits for them */

    events_write_many(ct.outbox, 50, 1, 2);
    events_write_many(ct.outbox, 51, 1, 2);
    within(1500U, atomic_load(&ct.versions[51]) == 2);
    within(1500U, events_metric(LETTERS) == 2);

    /* and a state that is brought in heals all of them */

    atomic_store(&ct.refused, 0);
    events_write_many(ct.outbox, 50, 1, 3);
    within(5000U, atomic_load(&ct.versions[50]) == 3);
    within(5000U, events_metric(LETTERS) == 0);

    ct_end();
}
END_TEST


START_TEST(tried_again)
{
    begin();
    atomic_store(&ct.refused, 4);
    events_write(ct.outbox, 3, 1);
    within(5000U, events_metric(LETTERS) == 1);

    atomic_store(&ct.refused, 0);
    within(8000U, atomic_load(&ct.versions[3]) == 1);
    within(2000U, events_metric(LETTERS) == 0);

    ct_end();
}
END_TEST


/* it is not the event's fault */

START_TEST(store_in_trouble)
{
    begin();
    atomic_store(&ct.failures, 6);
    events_write(ct.outbox, 3, 1);

    within(15000U, atomic_load(&ct.versions[3]) == 1);
    ck_assert_uint_eq(events_metric(LETTERS), 0);
    ck_assert_uint_eq(events_metric(POISON), 0);

    ct_end();
}
END_TEST


START_TEST(by_hand)
{
    const char         *why;
    fig_dead_letter_t   found;

    begin();

    /* the source's state counts, not what is in the letter */

    post_event(4, 7, NULL);
    post_event(1, 7, NULL);
    post("nonsense");
    within(5000U, events_metric(LETTERS) == 3);

    {
        char        id[3][64];
        size_t      i;
        fig_page_t  page;

        ck_assert_int_eq(fig_dead_list(ct.consumer->dead, (fig_str_t) { 0 },
                                       10, arena, &page), FIG_OK);
        ck_assert_uint_eq(page.n, 3);

        for (i = 0; i < 3; i++) {
            (void) snprintf(id[i], sizeof(id[i]), "%.*s",
                            (int) page.docs[i].id.len, page.docs[i].id.data);
        }

        ck_assert_int_eq(redrive(id[0], &why), FIG_INVALID);
        ck_assert_str_eq(why, "no email");
        ck_assert(letter(id[0], &found));
        ck_assert_uint_eq(found.tries, 2);

        ck_assert_int_eq(redrive(id[1], &why), FIG_OK);
        ck_assert_int_eq(redrive(id[1], &why), FIG_DECLINED);

        ck_assert_int_eq(redrive(id[2], &why), FIG_INVALID);
        ck_assert_int_eq(fig_dead_drop(ct.consumer->dead,
                                       fig_str_from(id[2])), FIG_OK);
        ck_assert_int_eq(fig_dead_drop(ct.consumer->dead,
                                       fig_str_from(id[2])), FIG_DECLINED);
    }

    ck_assert_uint_eq(events_metric(LETTERS), 1);
    ct_leave();

    /* what was dropped stays dropped when all is read once more */

    ct_follow("another");
    events_write(ct.outbox, 2, 1);
    within(5000U, atomic_load(&ct.versions[2]) == 1);
    ck_assert_uint_eq(events_metric(LETTERS), 1);

    ct_end();
}
END_TEST


/* the letter outlives the process; the next one tries it again */

START_TEST(kept)
{
    begin();
    atomic_store(&ct.refused, 4);
    events_write(ct.outbox, 3, 1);
    within(5000U, events_metric(LETTERS) == 1);
    ct_leave();

    atomic_store(&ct.refused, 0);
    ct_follow("orders");
    within(10000U, atomic_load(&ct.versions[3]) == 1);
    within(2000U, events_metric(LETTERS) == 0);

    ct_end();
}
END_TEST


static void
change_orders(const char *statement)
{
    sqlite3  *db;
    char      path[4200];

    (void) snprintf(path, sizeof(path), "%s/orders.db", ct.broker.dir);
    ck_assert_int_eq(sqlite3_open(path, &db), SQLITE_OK);
    ck_assert_int_eq(sqlite3_busy_timeout(db, 5000), SQLITE_OK);
    ck_assert_int_eq(sqlite3_exec(db, statement, NULL, NULL, NULL),
                     SQLITE_OK);
    ck_assert_int_eq(sqlite3_close(db), SQLITE_OK);
}


/* it answers, but not well: that is nobody's fault who waits for it */

START_TEST(store_that_fails)
{
    begin();
    change_orders("ALTER TABLE orders RENAME TO away");

    events_write(ct.outbox, 1, 2);
    broker_sleep(3000);
    ck_assert_uint_eq(atomic_load(&ct.versions[1]), 1);
    ck_assert_uint_ge(atomic_load(&ct.calls), 4);
    ck_assert_uint_eq(events_metric(LETTERS), 0);

    change_orders("ALTER TABLE away RENAME TO orders");
    within(8000U, atomic_load(&ct.versions[1]) == 2);
    ck_assert_uint_eq(events_metric(LETTERS), 0);

    ct_end();
}
END_TEST


/* then it waits, so that nothing is lost */

START_TEST(no_room_for_letters)
{
    char        *log;
    fig_str_t    first;
    fig_page_t   page;
    const char  *why;

    ct.most = 2;
    begin();

    post("one");
    post("two");
    within(5000U, events_metric(LETTERS) == 2);
    ck_assert_ptr_null(fig_consumer_check(ct.consumer));

    unit_capture(STDERR_FILENO);
    post("three");
    events_write(ct.outbox, 2, 1);
    broker_sleep(1500);
    ck_assert_uint_eq(events_metric(LETTERS), 2);
    ck_assert_uint_eq(events_metric(CURSOR), 3);
    ck_assert_str_eq(fig_consumer_check(ct.consumer), CROWDED);

    first = (fig_str_t) { 0, NULL };
    ck_assert_int_eq(fig_dead_list(ct.consumer->dead, first, 1, arena, &page),
                     FIG_OK);
    ck_assert_int_eq(fig_dead_drop(ct.consumer->dead, page.docs[0].id),
                     FIG_OK);
    within(8000U, events_metric(CURSOR) == 5);
    ck_assert_uint_eq(atomic_load(&ct.versions[2]), 1);
    ck_assert_uint_eq(events_metric(LETTERS), 2);
    log = unit_captured();
    ck_assert_ptr_nonnull(strstr(log, "there are 2 dead letters, and may not "
                                 "be more: stream USERS is not read on"));
    free(log);

    /* one that can't be applied waits until it can be, and by hand one can */

    atomic_store(&ct.refused, 6);
    events_write_many(ct.outbox, 5, 2, 1);
    within(8000U, fig_consumer_check(ct.consumer) != NULL);
    ck_assert_int_eq(redrive("u5@1", &why), FIG_DECLINED);
    ck_assert_uint_eq(events_metric(LETTERS), 2);

    atomic_store(&ct.refused, 0);
    within(8000U, atomic_load(&ct.versions[5]) == 1);
    within(8000U, atomic_load(&ct.versions[6]) == 1);
    ck_assert_uint_eq(events_metric(LETTERS), 2);

    ct_end();
}
END_TEST


/* what was parked, and nobody heard of it, is counted all the same */

START_TEST(answer_lost)
{
    fig_dead_t         *dead;
    fig_status_t        rc;
    fig_dead_letter_t   parked;

    arena = fig_arena_create(4096, 64 * 1024 * 1024);
    ct_begin(false);
    ck_assert_int_eq(fig_dead_open(ct.orders, &events_dead, 10, &dead),
                     FIG_OK);

    memset(&parked, 0, sizeof(parked));
    parked.cause = FIG_DEAD_APPLY;
    parked.key = FIG_STR("u1");
    parked.ver = 1;
    parked.stream = "USERS";
    parked.error = "why";
    parked.payload = FIG_STR("{}");
    fig_dead_id(&parked, 1, arena);

    atomic_store(&hangs, true);
    ck_assert_int_eq(fig_dead_park(dead, &parked), FIG_UNKNOWN);
    atomic_store(&hangs, false);

    do {
        rc = fig_dead_park(dead, &parked);
    } while (rc == FIG_BUSY);

    ck_assert_int_eq(rc, FIG_CONFLICT);
    ck_assert_uint_eq(fig_dead_count(dead), 1);

    ck_assert_int_eq(fig_dead_drop(dead, parked.id), FIG_OK);
    ck_assert_uint_eq(fig_dead_count(dead), 0);
    ck_assert(!fig_dead_full(dead));

    fig_dead_close(dead);
    ct_end();
    fig_arena_destroy(arena);
}
END_TEST


int
main(void)
{
    const TTest *const  tests[] = {
        poison_of_every_kind, one_of_many, tried_again, store_in_trouble,
        by_hand, kept, store_that_fails, no_room_for_letters, answer_lost
    };

    if (!broker_there()) {
        puts("1..0 # SKIP nats-server was not found");
        return EXIT_SUCCESS;
    }

    return unit_run("fig_dead", tests, UNIT_COUNT(tests));
}
