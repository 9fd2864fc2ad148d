
/*
 * Copyright (C) Ficus authors
 */


/* The responder's sockets, limits of time and number, and its end. */


#include "fcgi_server.h"
#include "fig_metrics.h"
#include "unit.h"
#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>


#define BUSY  8


/* in two parts: so the first has a deadline */

static void
begin_waiting(int fd)
{
    int        i, n;
    fig_buf_t  bytes;

    n = atomic_load(&server_waiting);
    fig_buf_init(&bytes, 65536);
    fcgi_request(&bytes, 1, "GET", "/wait", NULL, 0);

    ck_assert_int_eq(send(fd, bytes.data, 20, MSG_NOSIGNAL), 20);
    (void) poll(NULL, 0, 10);
    ck_assert_int_eq(send(fd, bytes.data + 20, bytes.len - 20, MSG_NOSIGNAL),
                     (ssize_t) bytes.len - 20);
    fig_buf_clear(&bytes);

    for (i = 0; i < 1000 && atomic_load(&server_waiting) == n; i++) {
        (void) poll(NULL, 0, 5);
    }

    ck_assert_int_eq(atomic_load(&server_waiting), n + 1);
}


/* opening fails, and the log says that */

static void
fails(const char *address, const char *what)
{
    char        *text;
    fig_fcgi_t  *first;
    const char  *own;

    own = server_conf.listen;
    first = server;

    unit_capture(STDERR_FILENO);
    server_open(address, FIG_ERROR);
    ck_assert_ptr_null(server);
    text = unit_captured();

    ck_assert_msg(strstr(text, what) != NULL, "%s", text);

    server_conf.listen = own;
    server = first;
    free(text);
}


START_TEST(test_mode)
{
    struct stat  st;

    server_setup();
    (void) umask(0177);
    server_conf.mode = 0660;
    server_start();

    ck_assert_int_eq(stat(server_place.path, &st), 0);
    ck_assert_uint_eq(st.st_mode & 07777, 0660);

    server_stop();
    ck_assert_int_eq(stat(server_place.path, &st), -1);
    fcgi_place_remove(&server_place);
}
END_TEST


START_TEST(test_stale_socket)
{
    int                 fd;
    struct sockaddr_un  sun;

    server_setup();
    memset(&sun, 0, sizeof(sun));
    sun.sun_family = AF_UNIX;
    memcpy(sun.sun_path, server_place.path, strlen(server_place.path));

    fd = socket(AF_UNIX, SOCK_STREAM, 0);
    ck_assert_int_eq(bind(fd, (struct sockaddr *) &sun, sizeof(sun)), 0);
    (void) close(fd);

    server_start();
    fd = server_client();
    server_gets(fd, 200);
    (void) close(fd);
    server_stop();
}
END_TEST


START_TEST(test_socket_in_use)
{
    int  fd;

    server_setup();
    server_start();
    fails(server_place.path, "another process does");

    fd = server_client();
    server_gets(fd, 200);
    (void) close(fd);
    server_stop();
}
END_TEST


START_TEST(test_no_socket)
{
    FILE         *file;
    struct stat   st;

    server_setup();
    file = fopen(server_place.path, "w");
    ck_assert_ptr_nonnull(file);
    ck_assert_int_eq(fputs("precious", file) >= 0, 1);
    (void) fclose(file);

    fails(server_place.path, "it exists and is no socket");
    ck_assert_int_eq(stat(server_place.path, &st), 0);
    ck_assert_int_eq(st.st_size, 8);
    fcgi_place_remove(&server_place);
}
END_TEST


START_TEST(test_bad_addresses)
{
    char  longest[110];

    server_setup();
    memset(longest, 'x', sizeof(longest));
    longest[0] = '/';
    longest[108] = '\0';

    fails(longest, "at most 107 bytes");
    fails("nowhere/at/all", "No such file or directory");
    fails("here", "HOST:PORT");
    fails("127.0.0.1:", "HOST:PORT");
    fails("127.0.0.1:0", "HOST:PORT");
    fails("127.0.0.1:65536", "HOST:PORT");
    fails("127.0.0.1:x", "HOST:PORT");
    fails(":80", "HOST:PORT");
    fails("192.0.2.1:1", "Cannot assign requested address");
    fcgi_place_remove(&server_place);
}
END_TEST


/* a new process has taken the path over: its file stays */

START_TEST(test_path_taken_over)
{
    int          fd;
    fig_fcgi_t  *first;

    server_setup();
    server_start();
    first = server;

    ck_assert_int_eq(unlink(server_place.path), 0);
    server_start();

    ck_assert_int_eq(fig_fcgi_stop(first, 1000), FIG_OK);
    fig_fcgi_close(first);

    fd = server_client();
    server_gets(fd, 200);
    (void) close(fd);
    server_stop();
}
END_TEST


/* a free port, as the kernel sees it */

static in_port_t
free_port(struct sockaddr_in *sin)
{
    int        fd;
    socklen_t  len;

    memset(sin, 0, sizeof(*sin));
    sin->sin_family = AF_INET;
    sin->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    len = sizeof(*sin);

    fd = socket(AF_INET, SOCK_STREAM, 0);
    ck_assert_int_eq(bind(fd, (struct sockaddr *) sin, len), 0);
    ck_assert_int_eq(getsockname(fd, (struct sockaddr *) sin, &len), 0);
    (void) close(fd);

    return ntohs(sin->sin_port);
}


START_TEST(test_tcp)
{
    int                 fd;
    char                address[32];
    struct sockaddr_in  sin;

    server_setup();
    (void) snprintf(address, sizeof(address), "127.0.0.1:%u",
                    (unsigned) free_port(&sin));
    server_conf.listen = address;
    server_start();

    fd = socket(AF_INET, SOCK_STREAM, 0);
    ck_assert_int_eq(connect(fd, (struct sockaddr *) &sin, sizeof(sin)), 0);
    server_gets(fd, 200);
    server_gets(fd, 200);
    fails(address, "Address already in use");
    (void) close(fd);
    server_stop();
}
END_TEST


START_TEST(test_read_timeout)
{
    int        begun, fresh, kept;
    fig_buf_t  bytes;

    server_setup();
    server_conf.read_timeout = 100;
    server_start();
    fig_buf_init(&bytes, 65536);
    fcgi_request(&bytes, 1, "GET", "/x", NULL, 0);

    kept = server_client();
    server_gets(kept, 200);

    fresh = server_client();
    begun = server_client();
    ck_assert_int_eq(send(begun, bytes.data, 20, MSG_NOSIGNAL), 20);

    ck_assert(fcgi_is_closed(begun));
    ck_assert(fcgi_is_closed(fresh));

    server_gets(kept, 200);

    /* so does one that was kept, and began another request */

    ck_assert_int_eq(send(kept, bytes.data, 20, MSG_NOSIGNAL), 20);
    ck_assert(fcgi_is_closed(kept));

    fig_buf_clear(&bytes);
    (void) close(begun);
    (void) close(fresh);
    (void) close(kept);
    server_stop();
}
END_TEST


/* the handler's time does not count */

START_TEST(test_slow_handler)
{
    int            fd;
    fcgi_answer_t  answer;

    server_setup();
    server_conf.read_timeout = 500;
    server_start();

    fd = server_client();
    begin_waiting(fd);
    (void) poll(NULL, 0, 1200);
    atomic_store(&server_gate, 1);

    fcgi_answer(fd, &answer);
    ck_assert_uint_eq(answer.status, 200);
    fcgi_answer_clear(&answer);
    server_gets(fd, 200);

    (void) close(fd);
    server_stop();
}
END_TEST


static bool
connections(const char *count)
{
    bool       found;
    fig_buf_t  out, line;

    fig_buf_init(&out, 1048576);
    fig_buf_init(&line, 1024);
    fig_metrics_write(&out);
    fig_buf_printf(&line, "\nficus_connections %s\n", count);
    found = strstr(out.data, line.data) != NULL;
    fig_buf_clear(&line);
    fig_buf_clear(&out);

    return found;
}


START_TEST(test_max_connections)
{
    int            i;
    int            fd[5];
    fcgi_answer_t  answer;

    server_setup();
    server_conf.max_connections = 2;
    server_start();

    for (i = 0; i < 2; i++) {
        fd[i] = server_client();
        server_gets(fd[i], 200);
    }

    /* told so, and closed */

    fd[2] = server_client();
    fcgi_exchange(fd[2], 1, "GET", "/x", &answer);
    ck_assert_uint_eq(answer.status, 503);
    ck_assert(fcgi_has_header(&answer, "Retry-After: 1"));
    fcgi_answer_clear(&answer);
    ck_assert(fcgi_is_closed(fd[2]));
    (void) close(fd[2]);

    /* twice as many: the next waits until another one goes */

    for (i = 2; i < 5; i++) {
        fd[i] = server_client();
    }

    for (i = 0; i < 400 && !connections("4"); i++) {
        (void) poll(NULL, 0, 5);
    }

    (void) poll(NULL, 0, 20);
    ck_assert(connections("4"));
    server_gets(fd[0], 200);
    server_gets(fd[1], 200);

    (void) close(fd[2]);
    fd[2] = server_client();
    server_gets(fd[4], 503);

    for (i = 0; i < 5; i++) {
        (void) close(fd[i]);
    }

    server_stop();
}
END_TEST


static void *
stop_later(void *data)
{
    fig_status_t  *rc = data;

    *rc = fig_fcgi_stop(server, 10000);

    return NULL;
}


/* idle ones are closed, nobody gets in, what runs is finished */

START_TEST(test_stop)
{
    int            running, idle, half, i;
    pthread_t      thread;
    fig_buf_t      bytes;
    fig_status_t   rc;
    fcgi_answer_t  answer;

    server_setup();
    server_start();
    fig_buf_init(&bytes, 65536);
    fcgi_request(&bytes, 1, "GET", "/x", NULL, 0);

    idle = server_client();
    server_gets(idle, 200);
    half = server_client();
    server_gets(half, 200);
    ck_assert_int_eq(send(half, bytes.data, 20, MSG_NOSIGNAL), 20);
    running = server_client();
    begin_waiting(running);

    /* the half request was sent before: it is not far */
    (void) poll(NULL, 0, 50);

    ck_assert_int_eq(pthread_create(&thread, NULL, stop_later, &rc), 0);
    ck_assert(fcgi_is_closed(idle));

    for (i = 0; i < 1000 && access(server_place.path, F_OK) == 0; i++) {
        (void) poll(NULL, 0, 5);
    }

    ck_assert_int_eq(fcgi_connect(server_place.path), -1);

    /* the rest of the half one comes late, but it comes */

    ck_assert_int_eq(send(half, bytes.data + 20, bytes.len - 20,
                          MSG_NOSIGNAL), (ssize_t) bytes.len - 20);
    fcgi_answer(half, &answer);
    ck_assert_uint_eq(answer.status, 200);
    fcgi_answer_clear(&answer);
    ck_assert(fcgi_is_closed(half));

    atomic_store(&server_gate, 1);
    fcgi_answer(running, &answer);
    ck_assert_uint_eq(answer.status, 200);
    fcgi_answer_clear(&answer);
    ck_assert(fcgi_is_closed(running));

    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    ck_assert_int_eq(rc, FIG_OK);

    fig_fcgi_close(server);
    fig_buf_clear(&bytes);
    (void) close(idle);
    (void) close(half);
    (void) close(running);
    fcgi_place_remove(&server_place);
}
END_TEST


/* requests that wait for a thread are served before the end */

START_TEST(test_stop_queued)
{
    int            i, first;
    int            fd[20];
    pthread_t      thread;
    fig_buf_t      bytes;
    fig_status_t   rc;
    fcgi_answer_t  answer;

    server_setup();
    server_conf.threads = 1;
    server_start();
    fig_buf_init(&bytes, 65536);
    fcgi_request(&bytes, 1, "GET", "/x", NULL, 0);

    first = server_client();
    begin_waiting(first);

    for (i = 0; i < 20; i++) {
        fd[i] = server_client();
        fcgi_send(fd[i], &bytes);
    }

    ck_assert_int_eq(pthread_create(&thread, NULL, stop_later, &rc), 0);
    (void) poll(NULL, 0, 50);
    atomic_store(&server_gate, 1);

    for (i = 0; i < 20; i++) {
        fcgi_answer(fd[i], &answer);
        ck_assert_uint_eq(answer.status, 200);
        fcgi_answer_clear(&answer);
        (void) close(fd[i]);
    }

    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    ck_assert_int_eq(rc, FIG_OK);

    fig_fcgi_close(server);
    fig_buf_clear(&bytes);
    (void) close(first);
    fcgi_place_remove(&server_place);
}
END_TEST


START_TEST(test_stop_timeout)
{
    int  fd;

    server_setup();
    server_start();
    fd = server_client();
    begin_waiting(fd);

    ck_assert_int_eq(fig_fcgi_stop(server, 50), FIG_AGAIN);

    /* and again, when it is done */

    atomic_store(&server_gate, 1);
    ck_assert_int_eq(fig_fcgi_stop(server, 10000), FIG_OK);
    fig_fcgi_close(server);
    fig_fcgi_close(NULL);
    (void) close(fd);
    fcgi_place_remove(&server_place);
}
END_TEST


static void *
keep_busy(void *data)
{
    atomic_bool  *stop = data;

    while (!atomic_load(stop)) { /* void */ }

    return NULL;
}


/* threads that only wait for a processor are no requests that still run */

START_TEST(test_stop_busy_machine)
{
    int          i;
    cpu_set_t    one;
    pthread_t    busy[BUSY];
    atomic_bool  stop;

    CPU_ZERO(&one);
    CPU_SET((size_t) sched_getcpu(), &one);
    ck_assert_int_eq(sched_setaffinity(0, sizeof(one), &one), 0);

    server_setup();
    server_conf.threads = 256;
    server_start();

    atomic_init(&stop, false);

    for (i = 0; i < BUSY; i++) {
        ck_assert_int_eq(pthread_create(&busy[i], NULL, keep_busy, &stop), 0);
    }

    ck_assert_int_eq(fig_fcgi_stop(server, 30000), FIG_OK);
    atomic_store(&stop, true);

    for (i = 0; i < BUSY; i++) {
        ck_assert_int_eq(pthread_join(busy[i], NULL), 0);
    }

    fig_fcgi_close(server);
    fcgi_place_remove(&server_place);
}
END_TEST


int
main(void)
{
    const TTest *const tests[] = {
        test_mode,
        test_stale_socket,
        test_socket_in_use,
        test_no_socket,
        test_bad_addresses,
        test_path_taken_over,
        test_tcp,
        test_read_timeout,
        test_slow_handler,
        test_max_connections,
        test_stop,
        test_stop_queued,
        test_stop_timeout,
        test_stop_busy_machine
    };

    return unit_run("fig_fcgi_listen", tests, UNIT_COUNT(tests));
}
