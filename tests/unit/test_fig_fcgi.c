
/*
 * Copyright (C) Ficus authors
 */


/* Requests and answers over a real socket. */


#include "fcgi_server.h"
#include "fig_metrics.h"
#include "unit.h"
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>


#define MANY  200


static void
is_answer(fcgi_answer_t *answer, unsigned status, const char *body)
{
    ck_assert(answer->ended);
    ck_assert_uint_eq(answer->id, 1);
    ck_assert_uint_eq(answer->protocol_status, FIG_FCGI_REQUEST_COMPLETE);
    ck_assert_uint_eq(answer->status, status);

    if (body) {
        ck_assert(fig_str_eq(answer->body, fig_str_from(body)));
    }

    fcgi_answer_clear(answer);
}


static void
refused(const char *why, const char *count)
{
    fig_buf_t  out, line;

    fig_buf_init(&out, 1048576);
    fig_buf_init(&line, 1024);
    fig_metrics_write(&out);
    fig_buf_printf(&line, "ficus_requests_refused_total{why=\"%s\"} %s\n",
                   why, count);
    ck_assert_msg(strstr(out.data, line.data) != NULL, "%s", out.data);
    fig_buf_clear(&line);
    fig_buf_clear(&out);
}


START_TEST(test_kept)
{
    int            fd, i;
    fcgi_answer_t  answer;

    server_setup();
    server_start();
    fd = server_client();

    for (i = 0; i < 100; i++) {
        fcgi_exchange(fd, 1, "GET", "/x", &answer);
        ck_assert(fcgi_has_header(&answer, "Content-Length: 4"));
        ck_assert(fcgi_has_header(&answer, "Content-Type: application/json"));
        ck_assert(fcgi_has_header(&answer, "X-Test: yes"));
        is_answer(&answer, 200, "/x 0");
    }

    (void) close(fd);
    server_stop();
}
END_TEST


START_TEST(test_not_kept)
{
    int            fd;
    fcgi_answer_t  answer;

    server_setup();
    server_start();
    fd = server_client();

    fcgi_exchange(fd, 0, "GET", "/x", &answer);
    is_answer(&answer, 200, "/x 0");
    ck_assert(fcgi_is_closed(fd));

    (void) close(fd);
    server_stop();
}
END_TEST


START_TEST(test_pipelined)
{
    int            fd, i;
    char           name[16];
    fig_buf_t      bytes;
    fcgi_answer_t  answer;

    server_setup();
    server_start();
    fd = server_client();
    fig_buf_init(&bytes, FCGI_CLIENT_MAX);

    for (i = 0; i < 20; i++) {
        (void) snprintf(name, sizeof(name), "/%d", i);
        fcgi_request(&bytes, i < 19, "GET", name, NULL, 0);
    }

    fcgi_send(fd, &bytes);

    for (i = 0; i < 20; i++) {
        (void) snprintf(name, sizeof(name), "/%d 0", i);
        fcgi_answer(fd, &answer);
        is_answer(&answer, 200, name);
    }

    ck_assert(fcgi_is_closed(fd));
    fig_buf_clear(&bytes);
    (void) close(fd);
    server_stop();
}
END_TEST


START_TEST(test_bytes_one_by_one)
{
    int            fd;
    size_t         i;
    fig_buf_t      bytes;
    fcgi_answer_t  answer;

    server_setup();
    server_start();
    fd = server_client();
    fig_buf_init(&bytes, FCGI_CLIENT_MAX);
    fcgi_request(&bytes, 1, "PUT", "/x", "abc", 3);

    for (i = 0; i < bytes.len; i++) {
        ck_assert_int_eq(send(fd, bytes.data + i, 1, MSG_NOSIGNAL), 1);
    }

    fcgi_answer(fd, &answer);
    is_answer(&answer, 200, "/x 3");

    fig_buf_clear(&bytes);
    (void) close(fd);
    server_stop();
}
END_TEST


START_TEST(test_no_body)
{
    int            fd;
    fcgi_answer_t  answer;

    server_setup();
    server_start();
    fd = server_client();

    fcgi_exchange(fd, 1, "HEAD", "/x", &answer);
    ck_assert(fcgi_has_header(&answer, "Content-Length: 4"));
    is_answer(&answer, 200, "");

    fcgi_exchange(fd, 1, "GET", "/empty", &answer);
    ck_assert_str_eq(answer.out.data, "Status: 204 No Content\r\n\r\n");
    is_answer(&answer, 204, "");

    fcgi_exchange(fd, 1, "GET", "/same", &answer);
    ck_assert_str_eq(answer.out.data,
                     "Status: 304 Not Modified\r\nETag: \"1\"\r\n\r\n");
    is_answer(&answer, 304, "");

    (void) close(fd);
    server_stop();
}
END_TEST


START_TEST(test_headers_over_bound)
{
    int            fd;
    fcgi_answer_t  answer;

    server_setup();
    server_start();
    fd = server_client();

    fcgi_exchange(fd, 1, "GET", "/headers", &answer);
    ck_assert_ptr_nonnull(strstr(answer.body.data, "internal-error"));
    is_answer(&answer, 500, NULL);

    (void) close(fd);
    server_stop();
}
END_TEST


static void
is_big(const fcgi_answer_t *answer)
{
    size_t  i;

    ck_assert_uint_eq(answer->status, 200);
    ck_assert_uint_eq(answer->body.len, SERVER_BIG);
    ck_assert_uint_ge(answer->records, SERVER_BIG / 65535);

    for (i = 0; i < SERVER_BIG; i++) {
        if (answer->body.data[i] != (char) ('a' + i % 23)) {
            ck_abort_msg("byte %zu", i);
        }
    }
}


/* who reads slowly gets it all, too */

START_TEST(test_big_answer)
{
    int            fd, i, small;
    fig_buf_t      bytes;
    fcgi_answer_t  answer;

    server_setup();
    server_start();
    fig_buf_init(&bytes, FCGI_CLIENT_MAX);
    fcgi_request(&bytes, 1, "GET", "/big", NULL, 0);
    fd = server_client();
    small = 4096;
    (void) setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));

    for (i = 0; i < 3; i++) {
        fcgi_send(fd, &bytes);
        (void) poll(NULL, 0, 30);
        fcgi_answer(fd, &answer);
        is_big(&answer);
        fcgi_answer_clear(&answer);
    }

    fig_buf_clear(&bytes);
    (void) close(fd);
    server_stop();
}
END_TEST


/* who does not read at all holds no thread for ever */

START_TEST(test_no_reader)
{
    int            i, fd, other;
    fig_buf_t      bytes;
    fcgi_answer_t  answer;

    server_setup();
    server_conf.threads = 1;
    server_conf.read_timeout = 50;
    server_start();

    fig_buf_init(&bytes, FCGI_CLIENT_MAX);
    fcgi_request(&bytes, 1, "GET", "/big", NULL, 0);
    fd = server_client();
    fcgi_send(fd, &bytes);

    for (i = 0; i < 2000 && atomic_load(&server_handled) == 0; i++) {
        (void) poll(NULL, 0, 5);
    }

    other = server_client();
    fcgi_exchange(other, 1, "GET", "/x", &answer);
    is_answer(&answer, 200, "/x 0");

    fcgi_answer(fd, &answer);
    ck_assert(answer.eof);
    fcgi_answer_clear(&answer);

    fig_buf_clear(&bytes);
    (void) close(fd);
    (void) close(other);
    server_stop();
}
END_TEST


START_TEST(test_big_body)
{
    int            fd;
    char          *body;
    fig_buf_t      bytes;
    fcgi_answer_t  answer;

    server_setup();
    server_start();
    fd = server_client();
    fig_buf_init(&bytes, FCGI_CLIENT_MAX);
    body = calloc(1, SERVER_BIG);
    ck_assert_ptr_nonnull(body);

    fcgi_request(&bytes, 1, "PUT", "/x", body, server_conf.max_body);
    fcgi_send(fd, &bytes);
    fcgi_answer(fd, &answer);
    is_answer(&answer, 200, "/x 1048576");

    fig_buf_reset(&bytes);
    fcgi_request(&bytes, 1, "PUT", "/x", body, SERVER_BIG);
    fcgi_send(fd, &bytes);
    fcgi_answer(fd, &answer);
    is_answer(&answer, 200, "/x 0 large");

    fcgi_exchange(fd, 1, "GET", "/x", &answer);
    is_answer(&answer, 200, "/x 0");

    free(body);
    fig_buf_clear(&bytes);
    (void) close(fd);
    server_stop();
}
END_TEST


/* the handler never sees them; the connection goes on */

START_TEST(test_refused)
{
    int            fd;
    fig_buf_t      bytes;
    fcgi_answer_t  answer;

    server_setup();
    server_start();
    fd = server_client();
    fig_buf_init(&bytes, FCGI_CLIENT_MAX);

    fcgi_begin(&bytes, 1, FIG_FCGI_RESPONDER, 1);
    fcgi_record(&bytes, FIG_FCGI_PARAMS, 1, NULL, 0);
    fcgi_body(&bytes, 1, NULL, 0);
    fcgi_send(fd, &bytes);
    fcgi_answer(fd, &answer);
    is_answer(&answer, 400, NULL);

    ck_assert_int_eq(atomic_load(&server_handled), 0);
    refused("request", "1");

    fcgi_exchange(fd, 1, "GET", "/x", &answer);
    is_answer(&answer, 200, "/x 0");

    fig_buf_clear(&bytes);
    (void) close(fd);
    server_stop();
}
END_TEST


START_TEST(test_management)
{
    int            fd;
    fig_buf_t      bytes;
    unsigned char  reply[16];

    server_setup();
    server_start();
    fd = server_client();
    fig_buf_init(&bytes, FCGI_CLIENT_MAX);

    fcgi_record(&bytes, 77, 0, NULL, 0);
    fcgi_send(fd, &bytes);
    ck_assert_int_eq(recv(fd, reply, sizeof(reply), MSG_WAITALL), 16);
    ck_assert_mem_eq(reply, "\1\x0b\0\0\0\x8\0\0\x4d\0\0\0\0\0\0\0", 16);

    fig_buf_clear(&bytes);
    (void) close(fd);
    server_stop();
}
END_TEST


START_TEST(test_aborted)
{
    int            fd;
    fig_buf_t      bytes;
    fcgi_answer_t  answer;

    server_setup();
    server_start();
    fd = server_client();
    fig_buf_init(&bytes, FCGI_CLIENT_MAX);

    fcgi_begin(&bytes, 1, FIG_FCGI_RESPONDER, 1);
    fcgi_record(&bytes, FIG_FCGI_ABORT_REQUEST, 1, NULL, 0);
    fcgi_send(fd, &bytes);
    fcgi_answer(fd, &answer);
    ck_assert(answer.ended);
    ck_assert_uint_eq(answer.out.len, 0);
    fcgi_answer_clear(&answer);

    fcgi_exchange(fd, 1, "GET", "/x", &answer);
    is_answer(&answer, 200, "/x 0");
    ck_assert_int_eq(atomic_load(&server_handled), 1);

    fig_buf_clear(&bytes);
    (void) close(fd);
    server_stop();
}
END_TEST


/* a peer that talks nonsense is closed, the others notice nothing */

START_TEST(test_garbage)
{
    int            fd, other;
    char          *text;
    fcgi_answer_t  answer;

    unit_capture(STDERR_FILENO);
    server_setup();
    server_start();
    fd = server_client();
    other = server_client();

    fcgi_exchange(other, 1, "GET", "/x", &answer);
    is_answer(&answer, 200, "/x 0");

    ck_assert_int_eq(send(fd, "GET / HTTP/1.1\r\n\r\n", 18, MSG_NOSIGNAL), 18);
    ck_assert(fcgi_is_closed(fd));
    refused("protocol", "1");

    fcgi_exchange(other, 1, "GET", "/x", &answer);
    is_answer(&answer, 200, "/x 0");

    (void) close(fd);
    (void) close(other);
    server_stop();

    text = unit_captured();
    ck_assert_ptr_nonnull(strstr(text, "does not speak FastCGI"));
    free(text);
}
END_TEST


/* the peer goes while its request runs, and before it has sent it all */

START_TEST(test_peer_gone)
{
    int            i, fd;
    fig_buf_t      bytes;
    fcgi_answer_t  answer;

    server_setup();
    server_start();
    fig_buf_init(&bytes, FCGI_CLIENT_MAX);
    fcgi_request(&bytes, 1, "GET", "/big", NULL, 0);

    for (i = 0; i < 20; i++) {
        fd = server_client();
        fcgi_send(fd, &bytes);
        (void) close(fd);

        fd = server_client();
        ck_assert_int_eq(send(fd, bytes.data, 30, MSG_NOSIGNAL), 30);
        (void) close(fd);
    }

    fd = server_client();
    fcgi_exchange(fd, 1, "GET", "/x", &answer);
    is_answer(&answer, 200, "/x 0");

    fig_buf_clear(&bytes);
    (void) close(fd);
    server_stop();
}
END_TEST


/* more connections than threads, each with several requests */

START_TEST(test_many)
{
    int            i, j;
    int            fd[MANY];
    fig_buf_t      bytes;
    fcgi_answer_t  answer;

    server_setup();
    server_start();
    fig_buf_init(&bytes, FCGI_CLIENT_MAX);
    fcgi_request(&bytes, 1, "GET", "/x", NULL, 0);

    for (i = 0; i < MANY; i++) {
        fd[i] = server_client();
    }

    for (j = 0; j < 5; j++) {
        for (i = 0; i < MANY; i++) {
            fcgi_send(fd[i], &bytes);
        }

        for (i = 0; i < MANY; i++) {
            fcgi_answer(fd[i], &answer);
            is_answer(&answer, 200, "/x 0");
        }
    }

    for (i = 0; i < MANY; i++) {
        (void) close(fd[i]);
    }

    ck_assert_int_eq(atomic_load(&server_handled), 5 * MANY);
    fig_buf_clear(&bytes);
    server_stop();
}
END_TEST


/* all threads are at the gate at once */

START_TEST(test_all_threads)
{
    int            i;
    int            fd[SERVER_THREADS];
    fig_buf_t      bytes;
    fcgi_answer_t  answer;

    server_setup();
    server_start();
    fig_buf_init(&bytes, FCGI_CLIENT_MAX);
    fcgi_request(&bytes, 1, "GET", "/wait", NULL, 0);

    for (i = 0; i < SERVER_THREADS; i++) {
        fd[i] = server_client();
        fcgi_send(fd[i], &bytes);
    }

    for (i = 0; i < 2000 && atomic_load(&server_waiting) < SERVER_THREADS;
         i++)
    {
        (void) poll(NULL, 0, 5);
    }

    ck_assert_int_eq(atomic_load(&server_waiting), SERVER_THREADS);
    atomic_store(&server_gate, 1);

    for (i = 0; i < SERVER_THREADS; i++) {
        fcgi_answer(fd[i], &answer);
        is_answer(&answer, 200, "");
        (void) close(fd[i]);
    }

    fig_buf_clear(&bytes);
    server_stop();
}
END_TEST


int
main(void)
{
    const TTest *const tests[] = {
        test_kept,
        test_not_kept,
        test_pipelined,
        test_bytes_one_by_one,
        test_no_body,
        test_headers_over_bound,
        test_big_answer,
        test_no_reader,
        test_big_body,
        test_refused,
        test_management,
        test_aborted,
        test_garbage,
        test_peer_gone,
        test_many,
        test_all_threads
    };

    return unit_run("fig_fcgi", tests, UNIT_COUNT(tests));
}
