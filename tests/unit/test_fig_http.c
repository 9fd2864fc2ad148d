
/*
 * Copyright (C) Ficus authors
 */


/* Parameters, arguments of the query string, header lines. */


#include "fig_http.h"
#include "unit.h"
#include <string.h>


static fig_arena_t    *arena;
static fig_request_t   request;


static void
setup(void)
{
    arena = fig_arena_create(1024, 65536);
    ck_assert_ptr_nonnull(arena);

    memset(&request, 0, sizeof(request));
    request.arena = arena;
}


/* what the argument "a" of a query is */

static void
is_argument(const char *query, const char *wanted)
{
    fig_str_t  value;

    request.query = fig_str_from(query);

    ck_assert_msg(fig_request_query(&request, "a", &value) == FIG_OK, "%s",
                  query);
    ck_assert_str_eq(value.data, wanted);
    ck_assert_uint_eq(value.len, strlen(wanted));
}


static void
is_no_argument(const char *query, fig_status_t why)
{
    fig_str_t  value;

    request.query = fig_str_from(query);

    ck_assert_msg(fig_request_query(&request, "a", &value) == why, "%s",
                  query);
    ck_assert_ptr_null(value.data);
}


START_TEST(test_param)
{
    static const fig_param_t  params[] = {
        { fig_str("CONTENT_TYPE"), fig_str("") },
        { fig_str("HTTP_IF_MATCH"), fig_str("\"1\"") },
        { fig_str("HTTP_IF"), fig_str("no") }
    };

    setup();
    request.params = params;
    request.nparams = 3;

    ck_assert(fig_str_eq(fig_request_param(&request, "HTTP_IF_MATCH"),
                         FIG_STR("\"1\"")));
    ck_assert(fig_str_eq(fig_request_param(&request, "HTTP_IF"),
                         FIG_STR("no")));
    ck_assert_ptr_null(fig_request_param(&request, "CONTENT_TYPE").data);
    ck_assert_ptr_null(fig_request_param(&request, "HTTP_I").data);
    ck_assert_ptr_null(fig_request_param(&request, "http_if").data);

    request.nparams = 0;
    ck_assert_ptr_null(fig_request_param(&request, "HTTP_IF").data);

    fig_arena_destroy(arena);
}
END_TEST


START_TEST(test_query)
{
    setup();

    is_argument("a=1", "1");
    is_argument("b=2&a=1&ab=3", "1");
    is_argument("a=", "");
    is_argument("a", "");
    is_argument("b&a&c", "");
    is_argument("&&a=1&", "1");
    is_argument("a=b=c", "b=c");
    is_argument("a=x%20y%2F%26%3d", "x y/&=");
    is_argument("a=me+ficus@example.org", "me+ficus@example.org");
    is_argument("a=K%C3%B6ln", "K\xc3\xb6ln");
    is_argument("%61=1", "1");

    is_no_argument("", FIG_DECLINED);
    is_no_argument("b=1", FIG_DECLINED);
    is_no_argument("A=1", FIG_DECLINED);
    is_no_argument("aa=1&=1&b=a", FIG_DECLINED);
    is_no_argument("%zz=1&%=2&%6=1", FIG_DECLINED);
    is_no_argument(NULL, FIG_DECLINED);

    is_no_argument("a=1&a=1", FIG_INVALID);
    is_no_argument("a=1&%61=2", FIG_INVALID);
    is_no_argument("a=%", FIG_INVALID);
    is_no_argument("a=%4", FIG_INVALID);
    is_no_argument("a=%4g", FIG_INVALID);
    is_no_argument("a=%00", FIG_INVALID);
    is_no_argument("a=%ff", FIG_INVALID);
    is_no_argument("a=%c3", FIG_INVALID);
    is_no_argument("a=\xc3(", FIG_INVALID);

    fig_arena_destroy(arena);
}
END_TEST


/* another argument's mistakes are not looked at */

START_TEST(test_query_others)
{
    setup();

    is_argument("b=%zz&b=1&a=1&c=%ff", "1");

    fig_arena_destroy(arena);
}
END_TEST


START_TEST(test_query_memory)
{
    char       query[4096];
    fig_str_t  value;

    setup();
    fig_arena_destroy(arena);
    arena = fig_arena_create(64, 256);
    request.arena = arena;

    memset(query, 'x', sizeof(query));
    memcpy(query, "a=", 2);
    query[sizeof(query) - 1] = '\0';
    request.query = fig_str_from(query);

    ck_assert_int_eq(fig_request_query(&request, "a", &value), FIG_NOMEM);
    ck_assert_ptr_null(value.data);

    fig_arena_destroy(arena);
}
END_TEST


START_TEST(test_header)
{
    fig_response_t  response;

    fig_response_init(&response);

    ck_assert_uint_eq(response.status, 200);
    ck_assert_str_eq(response.type, "application/json");
    ck_assert_ptr_null(response.body.data);

    fig_response_header(&response, "ETag", "\"%d\"", 7);
    fig_response_header(&response, "Location", "/x\r\nSet-Cookie: a=b\x7f");

    ck_assert_str_eq(response.headers.data, "ETag: \"7\"\r\n"
                     "Location: /x  Set-Cookie: a=b \r\n");

    fig_response_clear(&response);
}
END_TEST


START_TEST(test_header_bound)
{
    size_t          i, n;
    char            value[FIG_HTTP_HEADERS + 1];
    fig_response_t  response;

    memset(value, 'x', sizeof(value));
    value[sizeof(value) - 1] = '\0';

    fig_response_init(&response);
    fig_response_header(&response, "A", "%s", value);
    ck_assert(!fig_buf_ok(&response.headers));
    fig_response_clear(&response);

    value[91] = '\0';
    n = sizeof("A: \r\n") - 1 + 91;
    fig_response_init(&response);

    for (i = 0; i < FIG_HTTP_HEADERS / n; i++) {
        fig_response_header(&response, "A", "%s", value);
        ck_assert(fig_buf_ok(&response.headers));
    }

    fig_response_header(&response, "A", "%s", value);
    ck_assert(!fig_buf_ok(&response.headers));
    fig_response_clear(&response);
}
END_TEST


START_TEST(test_percent_encode)
{
    fig_buf_t  out;

    fig_buf_init(&out, 1024);

    fig_percent_encode(&out, FIG_STR("aZ09-._~ /?&=+%\"\xc3\xb6\0"));
    ck_assert_str_eq(out.data, "aZ09-._~%20%2F%3F%26%3D%2B%25%22%C3%B6%00");

    fig_buf_clear(&out);
}
END_TEST


START_TEST(test_reason)
{
    ck_assert_str_eq(fig_http_reason(200), "OK");
    ck_assert_str_eq(fig_http_reason(201), "Created");
    ck_assert_str_eq(fig_http_reason(412), "Precondition Failed");
    ck_assert_str_eq(fig_http_reason(503), "Service Unavailable");
    ck_assert_str_eq(fig_http_reason(507), "Insufficient Storage");
    ck_assert_str_eq(fig_http_reason(299), "Unknown");
    ck_assert_str_eq(fig_http_reason(0), "Unknown");
}
END_TEST


int
main(void)
{
    const TTest *const tests[] = {
        test_param,
        test_query,
        test_query_others,
        test_query_memory,
        test_header,
        test_header_bound,
        test_percent_encode,
        test_reason
    };

    return unit_run("fig_http", tests, UNIT_COUNT(tests));
}
