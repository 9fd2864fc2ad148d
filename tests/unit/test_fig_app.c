
/*
 * Copyright (C) Ficus authors
 */


/* A worker from its start to its end. */


#include "tiny_worker.h"
#include "unit.h"
#include <signal.h>
#include <string.h>
#include <unistd.h>


static void
tells(const char *name, unsigned status, const char *body)
{
    int            fd;
    fcgi_answer_t  answer;

    fd = fcgi_connect(tiny_place.path);
    ck_assert_int_ne(fd, -1);
    fcgi_exchange(fd, 1, "GET", name, &answer);
    ck_assert_uint_eq(answer.status, status);
    ck_assert_msg(strstr(answer.body.data, body) != NULL, "%s: %.1000s",
                  name, answer.body.data);
    fcgi_answer_clear(&answer);
    (void) close(fd);
}


START_TEST(test_own_setting)
{
    tiny_t  process;

    tiny_setup();
    tiny_start(&process, "--greeting=hello");
    tells("/greeting", 200, "hello");
    tiny_stop(&process);
}
END_TEST


START_TEST(test_health)
{
    tiny_t  process;

    tiny_setup();
    tiny_start(&process, NULL);

    tells("/healthz", 200, "{\"status\":\"ok\"}");
    tells("/readyz", 200, "{\"status\":\"degraded\",\"checks\":{"
         "\"store\":\"ok\",\"bus\":\"not connected\",\"mood\":\"ok\"}}");
    tells("/nowhere", 404, "urn:ficus:problem/not-found");

    tiny_stop(&process);
}
END_TEST


START_TEST(test_own_check)
{
    tiny_t  process;

    tiny_setup();
    tiny_not_well = "grumpy";
    tiny_start(&process, NULL);
    tells("/readyz", 200, "\"mood\":\"grumpy\"");
    tiny_stop(&process);
}
END_TEST


START_TEST(test_metrics)
{
    tiny_t  process;

    tiny_setup();
    tiny_start(&process, NULL);

    tells("/greeting", 200, "hello");
    tells("/metrics", 200, "\nficus_build_info{version=\"");
    tells("/metrics", 200, "\nprocess_resident_memory_bytes ");
    tells("/metrics", 200, "\nprocess_open_fds ");
    tells("/metrics", 200, "\nprocess_start_time_seconds ");
    tells("/metrics", 200, "\nficus_threads 4\n");
    tells("/metrics", 200, "\nficus_threads_busy ");
    tells("/metrics", 200, "ficus_requests_total{route=\"/greeting\","
         "method=\"GET\",status=\"200\"} 1\n");

    tiny_stop(&process);
}
END_TEST


static void
greet_with(int fd, const char *name, const char *value, const char *trace)
{
    fig_buf_t      bytes, params;
    fcgi_answer_t  answer;

    fig_buf_init(&bytes, 65536);
    fig_buf_init(&params, 65536);
    fcgi_param(&params, "REQUEST_METHOD", "GET");
    fcgi_param(&params, "SCRIPT_NAME", "/greeting");
    fcgi_param(&params, name, value);
    fcgi_param(&params, "HTTP_TRACEPARENT", trace);

    fcgi_begin(&bytes, 1, FIG_FCGI_RESPONDER, 1);
    fcgi_params(&bytes, 1, &params);
    fcgi_body(&bytes, 1, NULL, 0);
    fcgi_send(fd, &bytes);
    fcgi_answer(fd, &answer);
    ck_assert_uint_eq(answer.status, 200);

    fcgi_answer_clear(&answer);
    fig_buf_clear(&params);
    fig_buf_clear(&bytes);
}


START_TEST(test_log_ids)
{
    int        fd;
    tiny_t     process;

    tiny_setup();
    tiny_start(&process, NULL);
    fd = fcgi_connect(tiny_place.path);

    greet_with(fd, "HTTP_X_REQUEST_ID", "first",
               "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
    ck_assert(tiny_said(&process,
                        "\"msg\":\"greeted\",\"request_id\":\"first\","
                        "\"trace_id\":\"0af7651916cd43dd8448eb211c80319c\"}"
                        ));

    greet_with(fd, "REQUEST_ID", "second",
               "00-0af7651916cd43dd8448eb211c80319X-b7ad6b7169203331-01");
    ck_assert(tiny_said(&process,
                   "\"msg\":\"greeted\",\"request_id\":\"second\"}"));

    greet_with(fd, "REQUEST_ID", "", "00-0");
    ck_assert(tiny_said(&process, "\"msg\":\"greeted\"}"));

    (void) close(fd);
    tiny_stop(&process);
}
END_TEST


/* the request that runs is answered, then the worker ends */

START_TEST(test_stop_slow)
{
    int            fd;
    tiny_t         process;
    fig_buf_t      bytes;
    fcgi_answer_t  answer;

    tiny_setup();
    tiny_start(&process, NULL);
    fig_buf_init(&bytes, 65536);
    fcgi_request(&bytes, 1, "GET", "/slow", NULL, 0);
    fd = fcgi_connect(tiny_place.path);
    fcgi_send(fd, &bytes);
    tiny_wait_for(&process, "slow begins");

    ck_assert_int_eq(kill(process.pid, SIGTERM), 0);
    fcgi_answer(fd, &answer);
    ck_assert_uint_eq(answer.status, 200);
    ck_assert(fig_str_eq(answer.body, FIG_STR("slow")));
    fcgi_answer_clear(&answer);
    ck_assert(fcgi_is_closed(fd));

    ck_assert_int_eq(tiny_result(&process), 0);
    ck_assert(tiny_said(&process, "stopped by SIGTERM"));

    fig_buf_clear(&bytes);
    (void) close(fd);
    tiny_close(&process);
    tiny_teardown();
}
END_TEST


START_TEST(test_stop_timeout)
{
    int        fd;
    tiny_t     process;
    fig_buf_t  bytes;

    tiny_setup();
    tiny_start(&process, "--stop-timeout=10ms");
    fig_buf_init(&bytes, 65536);
    fcgi_request(&bytes, 1, "GET", "/stuck", NULL, 0);
    fd = fcgi_connect(tiny_place.path);
    fcgi_send(fd, &bytes);
    tiny_wait_for(&process, "stuck");

    ck_assert_int_eq(kill(process.pid, SIGINT), 0);
    ck_assert_int_eq(tiny_result(&process), 1);
    ck_assert(tiny_said(&process, "requests that still ran after 10 ms"));

    fig_buf_clear(&bytes);
    (void) close(fd);
    tiny_close(&process);
    tiny_teardown();
}
END_TEST


START_TEST(test_other_signals)
{
    tiny_t  process;

    tiny_setup();
    tiny_start(&process, NULL);
    ck_assert_int_eq(kill(process.pid, SIGHUP), 0);
    ck_assert_int_eq(kill(process.pid, SIGPIPE), 0);
    tells("/greeting", 200, "hello");
    tiny_stop(&process);
}
END_TEST


START_TEST(test_socket_in_use)
{
    tiny_t             process, second;
    const char *const  args[] = { tiny_listen, tiny_store, NULL };

    tiny_setup();
    tiny_start(&process, NULL);

    tiny_run(&second, args);
    ck_assert_int_eq(tiny_result(&second), 1);
    ck_assert(tiny_said(&second, "another process does"));
    tiny_close(&second);

    tells("/greeting", 200, "hello");
    tiny_stop(&process);
}
END_TEST


static void
does_not_start(const char *greeting, const char *why)
{
    tiny_t             process;
    const char *const  args[] = { tiny_listen, tiny_store, greeting, NULL };

    tiny_setup();
    tiny_run(&process, args);
    ck_assert_int_eq(tiny_result(&process), 1);
    ck_assert(tiny_said(&process, why));
    ck_assert(!tiny_said(&process, "goodbye"));
    ck_assert_int_eq(access(tiny_place.path, F_OK), -1);
    tiny_close(&process);
    tiny_teardown();
}


START_TEST(test_start_fails)
{
    does_not_start("--greeting=none", "there is no greeting");
}
END_TEST


START_TEST(test_resource_without_once)
{
    does_not_start("--greeting=resource", "collection \\\"things\\\" has no "
                   "unique key FIG_STORE_ONCE");
}
END_TEST


int
main(void)
{
    const TTest *const tests[] = {
        test_own_setting,
        test_health,
        test_own_check,
        test_metrics,
        test_log_ids,
        test_stop_slow,
        test_stop_timeout,
        test_other_signals,
        test_socket_in_use,
        test_start_fails,
        test_resource_without_once
    };

    return unit_run("fig_app", tests, UNIT_COUNT(tests));
}
