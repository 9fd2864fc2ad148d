
/*
 * Copyright (C) Ficus authors
 */


#include "fcgi_server.h"
#include "unit.h"
#include <poll.h>
#include <unistd.h>


fig_fcgi_t        *server;
fcgi_place_t       server_place;
fig_fcgi_conf_t    server_conf;
_Atomic(int)       server_handled;
_Atomic(int)       server_waiting;
_Atomic(int)       server_gate;


static bool vital(void *data, fig_request_t *request);
static void wait_at_gate(void);
static void big(fig_request_t *request, fig_response_t *response);
static void tell(fig_request_t *request, fig_response_t *response);


static void
handle(void *data, fig_request_t *request, fig_response_t *response)
{
    size_t     i;
    fig_str_t  path;

    path = request->path;
    (void) atomic_fetch_add(&server_handled, 1);
    ck_assert_ptr_eq(data, &server_handled);

    if (fig_str_eq(path, FIG_STR("/big"))) {
        big(request, response);

    } else if (fig_str_eq(path, FIG_STR("/empty"))) {
        response->status = 204;

    } else if (fig_str_eq(path, FIG_STR("/same"))) {
        response->status = 304;
        fig_response_header(response, "ETag", "\"1\"");
        response->body = FIG_STR("never seen");

    } else if (fig_str_eq(path, FIG_STR("/headers"))) {
        for (i = 0; i < FIG_HTTP_HEADERS; i++) {
            fig_response_header(response, "A", "%zu", i);
        }

    } else if (fig_str_eq(path, FIG_STR("/wait"))) {
        wait_at_gate();

    } else if (fig_str_eq(path, FIG_STR("/slow"))) {
        (void) poll(NULL, 0, 50);

    } else {
        tell(request, response);
    }
}


static bool
vital(void *data, fig_request_t *request)
{
    return fig_str_eq(request->path, FIG_STR("/vital"));
}


static void
wait_at_gate(void)
{
    (void) atomic_fetch_add(&server_waiting, 1);

    while (!atomic_load(&server_gate)) {
        (void) poll(NULL, 0, 5);
    }
}


static void
big(fig_request_t *request, fig_response_t *response)
{
    char    *data;
    size_t   i;

    data = fig_arena_alloc(request->arena, SERVER_BIG);
    ck_assert_ptr_nonnull(data);

    for (i = 0; i < SERVER_BIG; i++) {
        data[i] = (char) ('a' + i % 23);
    }

    response->body.len = SERVER_BIG;
    response->body.data = data;
}


static void
tell(fig_request_t *request, fig_response_t *response)
{
    fig_response_header(response, "X-Test", "yes");
    response->body = fig_arena_printf(request->arena, "%.*s %zu%s",
                                      (int) request->path.len,
                                      request->path.data, request->body.len,
                                      request->too_large ? " large" : "");
}


void
server_setup(void)
{
    fcgi_place(&server_place);

    server_conf.listen = server_place.path;
    server_conf.mode = 0600;
    server_conf.threads = SERVER_THREADS;
    server_conf.max_body = 1048576;
    server_conf.max_connections = 1024;
    server_conf.max_wait = 10000;
    server_conf.read_timeout = 10000;
    server_conf.vital = vital;
}


void
server_start(void)
{
    server_open(server_conf.listen, FIG_OK);
}


void
server_open(const char *address, fig_status_t wanted)
{
    server_conf.listen = address;
    ck_assert_int_eq(fig_fcgi_open(&server_conf, handle, &server_handled,
                                   &server), wanted);
}


void
server_stop(void)
{
    ck_assert_int_eq(fig_fcgi_stop(server, 10000), FIG_OK);
    fig_fcgi_close(server);
    fcgi_place_remove(&server_place);
}


int
server_client(void)
{
    int  fd;

    fd = fcgi_connect(server_place.path);
    ck_assert_int_ne(fd, -1);

    return fd;
}


void
server_gets(int fd, unsigned status)
{
    fcgi_answer_t  answer;

    fcgi_exchange(fd, 1, "GET", "/x", &answer);
    ck_assert(answer.ended);
    ck_assert_uint_eq(answer.status, status);
    fcgi_answer_clear(&answer);
}
