
/*
 * Copyright (C) Ficus authors
 */


/* Which handler a request gets, and what it gets instead. */


#include "fig_metrics.h"
#include "fig_route.h"
#include "unit.h"
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>


#define THREADS  4
#define TIMES    5000


typedef struct {
    fig_arena_t     *arena;
    fig_param_t      type;
    fig_request_t    request;
    fig_response_t   response;
} call_t;


static void
say(fig_request_t *request, fig_response_t *response, const char *name)
{
    response->body = fig_arena_printf(request->arena, "%s %.*s %.*s", name,
                                      (int) request->args[0].len,
                                      request->args[0].data,
                                      (int) request->args[1].len,
                                      request->args[1].data);
}


static void
list(fig_request_t *request, fig_response_t *response)
{
    response->body = FIG_STR("list");
}


static void
create(fig_request_t *request, fig_response_t *response)
{
    response->status = 201;
    response->body = FIG_STR("create");
}


static void
batch(fig_request_t *request, fig_response_t *response)
{
    response->body = FIG_STR("batch");
}


static void
one(fig_request_t *request, fig_response_t *response)
{
    say(request, response, "one");
}


static void
two(fig_request_t *request, fig_response_t *response)
{
    say(request, response, "two");
}


static void
break_down(fig_request_t *request, fig_response_t *response)
{
    response->status = 500;
    response->body = FIG_STR("failed");
}


static void
landing(fig_request_t *request, fig_response_t *response)
{
    response->body = FIG_STR("landing");
}


static const fig_route_t  users[] = {
    { "POST", "/api/users", create, FIG_ROUTE_JSON },
    { "GET", "/api/users", list, 0 },
    { "DELETE", "/api/users", NULL, 0 },
    { "POST", "/api/users/batch", batch, FIG_ROUTE_JSON },
    { "POST", "/api/users/theirs", NULL, 0 },
    { "GET", "/api/users/{userId}", one, 0 },
    { "PATCH", "/api/users/{id}", one, FIG_ROUTE_JSON|FIG_ROUTE_MERGE },
    { "GET", "/api/users/{userId}/tags/{tag}", two, 0 },
    { NULL, NULL, NULL, 0 }
};

static const fig_route_t  others[] = {
    { "GET", "/", landing, 0 },
    { "GET", "/fail", break_down, 0 },
    { "GET", "/api/users/{userId}", break_down, 0 },
    { NULL, NULL, NULL, 0 }
};

static const fig_route_t *const  tables[] = { users, others, NULL };


static void
call(fig_router_t *router, call_t *c, const char *method, const char *path)
{
    memset(&c->request, 0, sizeof(c->request));
    fig_response_init(&c->response);

    c->arena = fig_arena_create(1024, 65536);
    ck_assert_ptr_nonnull(c->arena);

    c->request.method = fig_str_from(method);
    c->request.path = fig_str_from(path);
    c->request.arena = c->arena;
    c->type.name = FIG_STR("CONTENT_TYPE");
    c->request.params = &c->type;
    c->request.nparams = c->type.value.data ? 1 : 0;
}


static void
end(call_t *c)
{
    fig_response_clear(&c->response);
    fig_arena_destroy(c->arena);
}


/* a request gets that status, and that body unless NULL */

static void
goes(const char *method, const char *path, unsigned status, const char *body)
{
    call_t         c;
    fig_router_t  *router;

    router = fig_router_create(tables);
    ck_assert_ptr_nonnull(router);

    c.type.value.data = NULL;
    call(router, &c, method, path);
    fig_router_handle(router, &c.request, &c.response);

    ck_assert_msg(c.response.status == status, "%s %s: %u", method, path,
                  c.response.status);

    if (body) {
        ck_assert(fig_str_eq(c.response.body, fig_str_from(body)));
    }

    end(&c);
    fig_router_destroy(router);
}


static void
allows(const char *method, const char *path, const char *allow)
{
    call_t         c;
    fig_router_t  *router;

    router = fig_router_create(tables);
    c.type.value.data = NULL;
    call(router, &c, method, path);
    fig_router_handle(router, &c.request, &c.response);

    ck_assert_uint_eq(c.response.status, 405);
    ck_assert_str_eq(c.response.headers.data, allow);
    ck_assert_str_eq(c.response.type, "application/problem+json");

    end(&c);
    fig_router_destroy(router);
}


static unsigned
typed(const char *method, const char *path, const char *type, bool large)
{
    call_t         c;
    unsigned       status;
    fig_router_t  *router;

    router = fig_router_create(tables);
    c.type.value = fig_str_from(type);
    call(router, &c, method, path);
    c.request.too_large = large;
    fig_router_handle(router, &c.request, &c.response);
    status = c.response.status;

    end(&c);
    fig_router_destroy(router);

    return status;
}


START_TEST(test_found)
{
    goes("GET", "/", 200, "landing");
    goes("GET", "/api/users", 200, "list");
    goes("GET", "/api/users/u1", 200, "one u1 ");
    goes("GET", "/api/users/u1/tags/t", 200, "two u1 t");
    goes("GET", "/api/users/a b%2F\xc3\xb6", 200, "one a b%2F\xc3\xb6 ");
    goes("GET", "/api/users/batches", 200, "one batches ");
}
END_TEST


START_TEST(test_head)
{
    goes("HEAD", "/", 200, "landing");
    goes("HEAD", "/api/users/u1", 200, "one u1 ");
    goes("HEAD", "/nowhere", 404, NULL);
    allows("HEAD", "/api/users/batch", "Allow: POST\r\n");
}
END_TEST


START_TEST(test_not_found)
{
    goes("GET", "", 404, NULL);
    goes("GET", NULL, 404, NULL);
    goes("GET", "api/users", 404, NULL);
    goes("GET", "//", 404, NULL);
    goes("GET", "/api", 404, NULL);
    goes("GET", "/api/users/", 404, NULL);
    goes("GET", "/api/users//tags/t", 404, NULL);
    goes("GET", "/api/users/u1/", 404, NULL);
    goes("GET", "/api/users/u1/tags/", 404, NULL);
    goes("GET", "/api/users/u1/tags/t/x", 404, NULL);
    goes("GET", "/API/users", 404, NULL);
    goes("POST", "/api/usersx", 404, NULL);
}
END_TEST


/* rows without a handler, and those of another table, count */

START_TEST(test_allow)
{
    allows("PUT", "/api/users", "Allow: POST, GET, HEAD, DELETE\r\n");
    allows("DELETE", "/api/users", "Allow: POST, GET, HEAD, DELETE\r\n");
    allows("GET", "/api/users/batch", "Allow: POST\r\n");
    allows("POST", "/api/users/theirs", "Allow: POST\r\n");
    allows("get", "/", "Allow: GET, HEAD\r\n");
    allows("", "/", "Allow: GET, HEAD\r\n");
    allows("PUT", "/api/users/u1", "Allow: GET, HEAD, PATCH\r\n");
}
END_TEST


START_TEST(test_type)
{
    const char  *users_path = "/api/users", *user = "/api/users/u1";

    ck_assert_uint_eq(typed("POST", users_path, "application/json", false),
                      201);
    ck_assert_uint_eq(typed("POST", users_path,
                            "Application/JSON; charset=utf-8", false), 201);
    ck_assert_uint_eq(typed("POST", users_path, " application/json ;x",
                            false), 201);
    ck_assert_uint_eq(typed("POST", users_path, NULL, false), 415);
    ck_assert_uint_eq(typed("POST", users_path, "", false), 415);
    ck_assert_uint_eq(typed("POST", users_path, "text/plain", false), 415);
    ck_assert_uint_eq(typed("POST", users_path, "application/jsonx", false),
                      415);
    ck_assert_uint_eq(typed("POST", users_path, "application/json x", false),
                      415);
    ck_assert_uint_eq(typed("POST", users_path,
                            "application/merge-patch+json", false), 415);

    ck_assert_uint_eq(typed("PATCH", user, "application/json", false), 200);
    ck_assert_uint_eq(typed("PATCH", user,
                            "application/merge-patch+json", false), 200);
    ck_assert_uint_eq(typed("PATCH", user, "text/plain", false), 415);
    ck_assert_uint_eq(typed("GET", user, "text/plain", false), 200);
}
END_TEST


START_TEST(test_order)
{
    ck_assert_uint_eq(typed("POST", "/nowhere", "text/plain", true), 404);
    ck_assert_uint_eq(typed("PUT", "/api/users", "text/plain", true), 405);
    ck_assert_uint_eq(typed("POST", "/api/users", "text/plain", true), 413);
    ck_assert_uint_eq(typed("GET", "/api/users", NULL, true), 413);
    ck_assert_uint_eq(typed("POST", "/api/users", "text/plain", false), 415);
}
END_TEST


static bool
counted(const char *line)
{
    bool       found;
    fig_buf_t  out;

    fig_buf_init(&out, 1048576);
    fig_metrics_write(&out);
    found = strstr(out.data, line) != NULL;
    fig_buf_clear(&out);

    return found;
}


START_TEST(test_metrics)
{
    int  i;

    for (i = 0; i < 3; i++) {
        goes("GET", "/api/users/u1", 200, NULL);
    }

    goes("GET", "/api/users/u2", 200, NULL);
    goes("BREW", "/nowhere", 404, NULL);
    goes("STEEP", "/api/users", 405, NULL);
    goes("HEAD", "/", 200, NULL);

    ck_assert(counted("ficus_requests_total{route=\"/api/users/{userId}\","
                      "method=\"GET\",status=\"200\"} 4\n"));
    ck_assert(counted("ficus_requests_total{route=\"other\","
                      "method=\"other\",status=\"404\"} 1\n"));
    ck_assert(counted("ficus_requests_total{route=\"/api/users\","
                      "method=\"other\",status=\"405\"} 1\n"));
    ck_assert(counted("ficus_requests_total{route=\"/\",method=\"HEAD\","
                      "status=\"200\"} 1\n"));
    ck_assert(counted("ficus_request_seconds_count{"
                      "route=\"/api/users/{userId}\",method=\"GET\"} 4\n"));
}
END_TEST


static unsigned  next_status;


static void
any_status(fig_request_t *request, fig_response_t *response)
{
    response->status = next_status;
}


static const fig_route_t  any[] = {
    { "GET", "/any", any_status, 0 },
    { NULL, NULL, NULL, 0 }
};

static const fig_route_t *const  any_tables[] = { any, NULL };


/* more statuses than have a place of their own are counted, too */

START_TEST(test_metrics_statuses)
{
    int            i;
    call_t         c;
    fig_router_t  *router;

    router = fig_router_create(any_tables);
    c.type.value.data = NULL;

    for (i = 0; i < 80; i++) {
        next_status = 400 + (unsigned) i % 40;
        call(router, &c, "GET", "/any");
        fig_router_handle(router, &c.request, &c.response);
        end(&c);
    }

    ck_assert(counted("method=\"GET\",status=\"400\"} 2\n"));
    ck_assert(counted("method=\"GET\",status=\"439\"} 2\n"));

    fig_router_destroy(router);
}
END_TEST


START_TEST(test_log)
{
    char  *text;

    unit_capture(STDERR_FILENO);
    goes("GET", "/fail", 500, "failed");
    goes("GET", "/api/users", 200, "list");
    text = unit_captured();

    ck_assert_ptr_nonnull(strstr(text, "warn"));
    ck_assert_ptr_nonnull(strstr(text, "GET /fail: 500 in "));
    ck_assert_ptr_null(strstr(text, "/api/users"));

    free(text);
}
END_TEST


START_TEST(test_bad_patterns)
{
    size_t              i;
    fig_route_t         table[2];
    const fig_route_t  *bad[2];

    static const char  *patterns[] = {
        "", "x", "//", "/x/", "/x//y", "/{x", "/{a}/{b}/{c}/{d}/{e}",
        "/1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16/17"
    };

    memset(table, 0, sizeof(table));
    table[0].method = "GET";
    table[0].handler = list;
    bad[0] = table;
    bad[1] = NULL;

    for (i = 0; i < UNIT_COUNT(patterns); i++) {
        table[0].pattern = patterns[i];
        ck_assert_msg(fig_router_create(bad) == NULL, "%s", patterns[i]);
    }
}
END_TEST


static void *
many(void *data)
{
    int            i;
    call_t         c;
    fig_router_t  *router = data;

    c.type.value.data = NULL;

    for (i = 0; i < TIMES; i++) {
        call(router, &c, i % 2 ? "GET" : "PUT", "/api/users/u1");
        fig_router_handle(router, &c.request, &c.response);
        end(&c);
    }

    return NULL;
}


START_TEST(test_threads)
{
    int            i;
    pthread_t      thread[THREADS];
    fig_router_t  *router;

    router = fig_router_create(tables);

    for (i = 0; i < THREADS; i++) {
        ck_assert_int_eq(pthread_create(&thread[i], NULL, many, router), 0);
    }

    for (i = 0; i < THREADS; i++) {
        ck_assert_int_eq(pthread_join(thread[i], NULL), 0);
    }

    ck_assert(counted("route=\"/api/users/{userId}\",method=\"GET\","
                      "status=\"200\"} 10000\n"));
    ck_assert(counted("route=\"/api/users/{userId}\",method=\"PUT\","
                      "status=\"405\"} 10000\n"));

    fig_router_destroy(router);
}
END_TEST


int
main(void)
{
    const TTest *const tests[] = {
        test_found,
        test_head,
        test_not_found,
        test_allow,
        test_type,
        test_order,
        test_metrics,
        test_metrics_statuses,
        test_log,
        test_bad_patterns,
        test_threads
    };

    return unit_run("fig_route", tests, UNIT_COUNT(tests));
}
