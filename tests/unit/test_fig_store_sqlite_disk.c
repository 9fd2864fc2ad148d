
/*
 * Copyright (C) Ficus authors
 */


/*
 * SQLite's store on a disk that is full or hangs, how much of it the log takes,
 * and whether what is on it is sound.
 */


#include "store_fixture.h"
#include "fig_metrics.h"
#include "unit.h"
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>


/* the disk: while it hangs nothing is synced */

static atomic_bool  hangs;


int
fdatasync(int fd)
{
    while (atomic_load(&hangs)) {
        (void) usleep(1000);
    }

    return (int) syscall(SYS_fdatasync, fd);
}


int
fsync(int fd)
{
    return fdatasync(fd);
}


static fig_status_t
put_big(int n, fig_op_t *op)
{
    char         id[32];
    static char  body[256 * 1024];

    memset(body, 'a' + n % 26, sizeof(body));
    (void) snprintf(id, sizeof(id), "big-%d", n);

    *op = op_put(id, 0, id, "Bern", NULL);
    op->doc.body.data = body;
    op->doc.body.len = sizeof(body);

    return fig_store_write(store, op, 1);
}


/* what /readyz and ficus_store_writable say, and that it goes by itself */

static void
told(const char *wrong)
{
    int        i;
    fig_buf_t  metrics;

    for (i = 0; i < 500 && (fig_store_wrong(store) == NULL) != (wrong == NULL);
         i++)
    {
        (void) usleep(10000);
    }

    ck_assert_pstr_eq(fig_store_wrong(store), wrong);

    fig_buf_init(&metrics, MB);
    fig_metrics_write(&metrics);
    ck_assert_ptr_nonnull(strstr(metrics.data, wrong
                                 ? "\nficus_store_writable 0\n"
                                 : "\nficus_store_writable 1\n"));
    fig_buf_clear(&metrics);
}


/* returns how many fitted; each of them is whole, the next one is not there */

static int
fill_up(void)
{
    int           i, n;
    char          id[32];
    fig_op_t      op;
    fig_doc_t     doc;
    fig_status_t  rc;

    rc = FIG_OK;

    for (n = 0; n < 1000 && rc == FIG_OK; n++) {
        rc = put_big(n, &op);
    }

    ck_assert_int_eq(rc, FIG_FULL);
    ck_assert_int_eq(op.status, FIG_FULL);
    told("its disk is full");
    (void) usleep(1500000);
    told("its disk is full");
    n--;
    ck_assert_int_gt(n, 0);

    for (i = 0; i <= n; i++) {
        fig_arena_reset(arena);
        (void) snprintf(id, sizeof(id), "big-%d", i);

        if (i == n) {
            ck_assert_uint_eq(doc_ver(id), 0);
            break;
        }

        doc = doc_get(&users, id);
        ck_assert_uint_eq(doc.body.len, 256 * 1024);
        ck_assert_int_eq(doc.body.data[0], 'a' + i % 26);
        ck_assert_int_eq(doc.body.data[doc.body.len - 1], 'a' + i % 26);
    }

    return n;
}


static void
works_again(int n)
{
    char      id[32];
    fig_op_t  op;

    told(NULL);
    ck_assert_int_eq(put_big(n, &op), FIG_OK);
    ck_assert_int_eq(op.status, FIG_OK);

    store_reopen();
    (void) snprintf(id, sizeof(id), "big-%d", n);
    ck_assert_uint_eq(doc_ver(id), 1);
    ck_assert_uint_eq(doc_ver("big-0"), 1);
}


START_TEST(test_limit_of_file_size)
{
    int            n;
    char          *log;
    struct rlimit  limit;

    store_setup(0);
    (void) signal(SIGXFSZ, SIG_IGN);

    ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = 3 * MB;
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);

    unit_capture(STDERR_FILENO);
    n = fill_up();
    log = unit_captured();
    ck_assert_ptr_nonnull(strstr(log, "cannot be written"));
    free(log);

    limit.rlim_cur = limit.rlim_max;
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    works_again(n);

    store_teardown();
}
END_TEST


START_TEST(test_full_disk)
{
    int    n;
    char  *mark, *directory;

    store_setup(0);
    fig_store_close(store);
    store = NULL;
    directory = directory_file(".");

    if (unshare(CLONE_NEWNS) != 0
        || mount("none", "/", NULL, MS_REC|MS_PRIVATE, NULL) != 0
        || mount("none", directory, "tmpfs", 0, "size=4m") != 0)
    {
        (void) fprintf(stderr, "SKIPPED: no mounting here\n");

    } else {
        ck_assert_int_eq(fig_store_open(&conf, collections, &store), FIG_OK);
        n = fill_up();

        mark = directory_file("store.db.lock");
        ck_assert_int_eq(access(mark, F_OK), 0);
        free(mark);

        /* reading goes on, and so do writes with more space */
        ck_assert_uint_eq(doc_ver("big-0"), 1);
        ck_assert_int_eq(mount("none", directory, "tmpfs", MS_REMOUNT,
                               "size=64m"), 0);
        works_again(n);

        ck_assert_int_eq(mount("none", directory, "tmpfs",
                               MS_REMOUNT|MS_RDONLY, "size=64m"), -1);
        fig_store_close(store);
        store = NULL;

        ck_assert_int_eq(mount("none", directory, "tmpfs",
                               MS_REMOUNT|MS_RDONLY, "size=64m"), 0);
        ck_assert_int_eq(fig_store_open(&conf, collections, &store),
                         FIG_ERROR);
        ck_assert_int_eq(umount2(directory, MNT_DETACH), 0);
    }

    free(directory);
    store_teardown();
}
END_TEST


typedef struct {
    char          id[16];
    fig_op_t      op;
    fig_status_t  status;
    uint64_t      took;
    pthread_t     thread;
} caller_t;


static void *
put_slow(void *data)
{
    caller_t  *caller = data;

    caller->took = fig_clock_us();
    caller->op = op_put(caller->id, 0, caller->id, NULL, "x");
    caller->status = fig_store_write(store, &caller->op, 1);
    caller->took = fig_clock_us() - caller->took;

    return NULL;
}


static void
start_slow(caller_t *caller, int n)
{
    (void) snprintf(caller->id, sizeof(caller->id), "c%d", n);
    ck_assert_int_eq(pthread_create(&caller->thread, NULL, put_slow, caller),
                     0);
}


static void
hang(void)
{
    store_setup(0);
    conf.lock_timeout = 200;
    store_reopen();
    ck_assert_int_eq(op_write(op_put("u", 0, NULL, NULL, "1")), FIG_OK);
    told(NULL);
    atomic_store(&hangs, true);
}


/* who is in its commit is told in the end, who reads does not wait at all */

START_TEST(test_disk_that_hangs)
{
    int       i;
    fig_op_t  op;
    uint64_t  start;
    caller_t  callers[8];

    hang();

    for (i = 0; i < 8; i++) {
        start_slow(&callers[i], i);
        (void) usleep(i ? 0 : 50000);
    }

    told("its disk does not answer");
    start = fig_clock_us();

    for (i = 0; i < 10; i++) {
        ck_assert_uint_eq(doc_ver("u"), 1);
        ck_assert_int_eq(fig_store_ping(store), FIG_OK);
    }

    op = op_put("u", 1, NULL, NULL, "2");
    ck_assert_int_eq(fig_store_write(store, &op, 1), FIG_BUSY);
    ck_assert_uint_lt(fig_clock_us() - start, 180 * 1000);

    for (i = 0; i < 8; i++) {
        (void) pthread_join(callers[i].thread, NULL);
        ck_assert_int_eq(callers[i].status, i ? FIG_BUSY : FIG_UNKNOWN);
        ck_assert_int_eq(callers[i].op.status, callers[i].status);
        ck_assert_uint_ge(callers[i].took, (i ? 90 : 790) * 1000);
        ck_assert_uint_le(callers[i].took, 3000 * 1000);
    }

    told("its disk does not answer");
    atomic_store(&hangs, false);
    told(NULL);

    ck_assert_int_eq(op_write(op_put("u", 1, NULL, NULL, "2")), FIG_OK);
    store_reopen();
    ck_assert_uint_eq(doc_ver("u"), 2);
    ck_assert_uint_eq(doc_ver("c0"), 1);
    ck_assert_uint_eq(doc_ver("c1"), 0);

    store_teardown();
}
END_TEST


START_TEST(test_closed_on_a_disk_that_hangs)
{
    int        i;
    char      *log;
    uint64_t   start;
    caller_t   caller = { .status = FIG_OK };

    hang();
    start_slow(&caller, 0);
    (void) pthread_join(caller.thread, NULL);

    start = fig_clock_us();
    unit_capture(STDERR_FILENO);
    fig_store_close(store);
    log = unit_captured();
    ck_assert_uint_le(fig_clock_us() - start, 3000 * 1000);
    ck_assert_ptr_nonnull(strstr(log, "closed while its disk does not answer"));
    free(log);

    atomic_store(&hangs, false);
    ck_assert_int_eq(fig_store_open(&conf, collections, &store), FIG_OK);

    for (i = 0; i < 500 && doc_ver("c0") == 0; i++) {
        (void) usleep(10000);
    }

    ck_assert_uint_eq(doc_ver("c0"), 1);

    store_teardown();
}
END_TEST


static atomic_bool  stop;


static void *
keep_reading(void *data)
{
    fig_page_t    page;
    fig_query_t   query;
    fig_arena_t  *own;

    own = fig_arena_create(64 * 1024, 8 * MB);
    query = query_all(100);

    while (!atomic_load(&stop)) {
        fig_arena_reset(own);
        ck_assert_int_eq(fig_store_list(store, &users, &query, own, &page),
                         FIG_OK);
    }

    fig_arena_destroy(own);

    return data;
}


/* 50,000 writes; the second time with somebody reading at any moment */

START_TEST(test_log_stays_small)
{
    int          i, k, readers;
    char        *wal, id[50][16];
    off_t        most;
    fig_op_t     ops[50];
    pthread_t    threads[4];
    struct stat  st;

    store_setup(0);
    wal = directory_file("store.db-wal");
    most = 0;
    readers = _i ? 4 : 0;
    atomic_store(&stop, false);

    for (i = 0; i < readers; i++) {
        ck_assert_int_eq(pthread_create(&threads[i], NULL, keep_reading, NULL),
                         0);
    }

    for (i = 0; i < 1000; i++) {

        for (k = 0; k < 50; k++) {
            (void) snprintf(id[k], sizeof(id[k]), "u%d",
                            (i * 50 + k) * 7919 % 20000);
            ops[k] = op_raise(id[k], (uint64_t) i * 50 + (uint64_t) k + 1,
                              "some body that is not empty");
            ops[k].doc.keys[1] = fig_str_from(id[k]);
        }

        ck_assert_int_eq(fig_store_write(store, ops, 50), FIG_OK);
        ck_assert_int_eq(stat(wal, &st), 0);
        most = st.st_size > most ? st.st_size : most;
    }

    atomic_store(&stop, true);

    for (i = 0; i < readers; i++) {
        (void) pthread_join(threads[i], NULL);
    }

    (void) fprintf(stderr, "the log had %lld bytes at most\n",
                   (long long) most);
    ck_assert_int_gt(most, 0);
    ck_assert_int_lt(most, (off_t) ((readers ? 100 : 8) * MB));

    free(wal);
    store_teardown();
}
END_TEST


/* while it is in use, and it stays in use */

START_TEST(test_check)
{
    int           fd;
    char         *path, *log;
    char          junk[4096];
    fig_op_t      op;
    struct stat   st;

    store_setup(0);
    path = directory_file("store.db");
    ck_assert_int_eq(put_big(0, &op), FIG_OK);

    ck_assert_int_eq(fig_store_check(path), FIG_OK);
    ck_assert_int_eq(put_big(1, &op), FIG_OK);
    fig_store_close(store);
    store = NULL;

    ck_assert_int_eq(fig_store_check(path), FIG_OK);
    ck_assert_int_eq(stat(path, &st), 0);
    ck_assert_int_gt(st.st_size, 20 * (off_t) sizeof(junk));

    memset(junk, 0x5a, sizeof(junk));
    fd = open(path, O_WRONLY);
    ck_assert_int_ne(fd, -1);
    ck_assert_int_eq(pwrite(fd, junk, sizeof(junk), st.st_size
                                                    - 4 * (off_t) sizeof(junk)),
                     (ssize_t) sizeof(junk));
    (void) close(fd);

    unit_capture(STDERR_FILENO);
    ck_assert_int_eq(fig_store_check(path), FIG_ERROR);
    log = unit_captured();
    ck_assert_ptr_nonnull(strstr(log, path));
    ck_assert_ptr_nonnull(strstr(log, "corrupt"));
    free(log);

    ck_assert_int_eq(unlink(path), 0);
    unit_capture(STDERR_FILENO);
    ck_assert_int_eq(fig_store_check(path), FIG_ERROR);
    log = unit_captured();
    ck_assert_ptr_nonnull(strstr(log, "there is none"));
    free(log);
    ck_assert_int_ne(access(path, F_OK), 0);

    free(path);
    store_teardown();
}
END_TEST


static void
add(TCase *tc)
{
    tcase_add_test(tc, test_check);
    tcase_add_test(tc, test_limit_of_file_size);
    tcase_add_test(tc, test_full_disk);
    tcase_add_test(tc, test_disk_that_hangs);
    tcase_add_test(tc, test_closed_on_a_disk_that_hangs);
    tcase_add_loop_test(tc, test_log_stays_small, 0, 2);
}


int
main(void)
{
    return run_suite("store on sqlite, disk", add);
}
