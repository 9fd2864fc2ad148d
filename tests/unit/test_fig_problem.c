
/*
 * Copyright (C) Ficus authors
 */


/* Errors as problem+json, and bodies that have to be JSON. */


#include "fig_problem.h"
#include "unit.h"
#include <string.h>


static fig_arena_t     *arena;
static fig_request_t    request;
static fig_response_t   response;


static void
setup(size_t limit)
{
    arena = fig_arena_create(256, limit);
    ck_assert_ptr_nonnull(arena);

    memset(&request, 0, sizeof(request));
    request.arena = arena;
    fig_response_init(&response);
}


static void
teardown(void)
{
    fig_response_clear(&response);
    fig_arena_destroy(arena);
}


static void
is_body(const char *wanted)
{
    ck_assert_str_eq(response.type, "application/problem+json");
    ck_assert_str_eq(response.body.data, wanted);
    ck_assert_uint_eq(response.body.len, strlen(wanted));
}


/* the response has that member, as text */

static void
has(const char *name, const char *wanted)
{
    fig_json_t        *value, *member;
    fig_json_error_t   error;

    ck_assert_int_eq(fig_json_parse(response.body, &value, &error), FIG_OK);
    ck_assert(json_object_object_get_ex(value, name, &member));
    ck_assert_str_eq(json_object_get_string(member), wanted);

    json_object_put(value);
}


START_TEST(test_problem)
{
    setup(65536);

    fig_response_header(&response, "Allow", "GET");
    fig_problem(&request, &response, 405, "method-not-allowed", NULL,
                "no \"%s\" here", "POST");

    ck_assert_uint_eq(response.status, 405);
    ck_assert_str_eq(response.headers.data, "Allow: GET\r\n");
    is_body("{\"type\":\"urn:ficus:problem/method-not-allowed\","
            "\"title\":\"Method Not Allowed\",\"status\":405,"
            "\"detail\":\"no \\\"POST\\\" here\","
            "\"message\":\"no \\\"POST\\\" here\",\"errors\":[]}");

    teardown();
}
END_TEST


START_TEST(test_errors)
{
    fig_errors_t  errors;

    setup(65536);

    fig_errors_init(&errors, arena);
    fig_errors_add(&errors, FIG_STR("email"), "required", "it is %s",
                   "missing");
    fig_errors_add(&errors, FIG_STR(""), "type", "a \"b\"");
    fig_problem(&request, &response, 400, "invalid", &errors, "no");

    is_body("{\"type\":\"urn:ficus:problem/invalid\","
            "\"title\":\"Bad Request\",\"status\":400,"
            "\"detail\":\"no\",\"message\":\"no\",\"errors\":["
            "{\"field\":\"email\",\"code\":\"required\","
            "\"message\":\"it is missing\"},"
            "{\"field\":\"\",\"code\":\"type\","
            "\"message\":\"a \\\"b\\\"\"}]}");

    teardown();
}
END_TEST


/* a field's name need not outlive the call */

START_TEST(test_errors_copy)
{
    char          name[8];
    fig_errors_t  errors;

    setup(65536);
    fig_errors_init(&errors, arena);

    memcpy(name, "phone", 6);
    fig_errors_add(&errors, fig_str_from(name), "type", "no text");
    memcpy(name, "xxxxx", 6);
    fig_problem(&request, &response, 400, "invalid", &errors, "no");

    has("errors", "[ { \"field\": \"phone\", \"code\": \"type\", "
        "\"message\": \"no text\" } ]");

    teardown();
}
END_TEST


START_TEST(test_errors_many)
{
    int           i;
    fig_errors_t  errors;

    setup(262144);
    fig_errors_init(&errors, arena);

    for (i = 0; i < FIG_ERRORS_MAX + 10; i++) {
        fig_errors_add(&errors, FIG_STR("tags"), "type", "no text: %d", i);
    }

    ck_assert_uint_eq(errors.n, FIG_ERRORS_MAX);

    fig_problem(&request, &response, 400, "invalid", &errors, "no");
    ck_assert_uint_eq(response.status, 400);
    ck_assert_ptr_nonnull(strstr(response.body.data, "no text: 63\""));
    ck_assert_ptr_null(strstr(response.body.data, "no text: 64\""));

    teardown();
}
END_TEST


START_TEST(test_no_utf8)
{
    setup(65536);

    fig_problem(&request, &response, 400, "invalid", NULL, "a\xff\n");
    has("detail", "a\xef\xbf\xbd\n");

    teardown();
}
END_TEST


START_TEST(test_retry)
{
    setup(65536);

    fig_problem(&request, &response, 503, "busy", NULL, "later");
    ck_assert_str_eq(response.headers.data, "Retry-After: 1\r\n");

    teardown();
}
END_TEST


START_TEST(test_status)
{
    size_t  i;

    static const struct {
        fig_status_t   status;
        unsigned       http;
        const char    *type;
        bool           retry;
    } rows[] = {
        { FIG_BUSY, 503, "urn:ficus:problem/busy", true },
        { FIG_FULL, 507, "urn:ficus:problem/full", false },
        { FIG_UNKNOWN, 503, "urn:ficus:problem/unknown-outcome", false },
        { FIG_NOMEM, 500, "urn:ficus:problem/internal-error", false },
        { FIG_ERROR, 500, "urn:ficus:problem/internal-error", false }
    };

    for (i = 0; i < UNIT_COUNT(rows); i++) {
        setup(65536);
        fig_problem_status(&request, &response, rows[i].status);

        ck_assert_uint_eq(response.status, rows[i].http);
        ck_assert_int_eq(response.headers.len != 0, rows[i].retry);
        has("type", rows[i].type);

        teardown();
    }
}
END_TEST


/* the answer is a problem even then */

START_TEST(test_memory)
{
    setup(64);

    fig_problem(&request, &response, 404, "not-found", NULL, "nothing");
    ck_assert_uint_eq(response.status, 500);
    has("type", "urn:ficus:problem/internal-error");
    has("status", "500");

    teardown();
}
END_TEST


START_TEST(test_write)
{
    fig_buf_t  out;

    fig_buf_init(&out, 1024);
    fig_problem_write(&out, 409, "taken", NULL, FIG_STR("x"));

    ck_assert_str_eq(out.data, "{\"type\":\"urn:ficus:problem/taken\","
                     "\"title\":\"Conflict\",\"status\":409,"
                     "\"detail\":\"x\",\"message\":\"x\",\"errors\":[]}");
    fig_buf_clear(&out);
}
END_TEST


START_TEST(test_json)
{
    fig_json_t  *value;

    setup(65536);

    request.body = FIG_STR("{\"a\":1}");
    ck_assert_int_eq(fig_request_json(&request, &response, json_type_object,
                                      &value), FIG_OK);
    ck_assert_str_eq(json_object_to_json_string(value), "{ \"a\": 1 }");
    json_object_put(value);

    request.body = FIG_STR("[]");
    ck_assert_int_eq(fig_request_json(&request, &response, json_type_array,
                                      &value), FIG_OK);
    json_object_put(value);

    ck_assert_uint_eq(response.status, 200);
    teardown();
}
END_TEST


START_TEST(test_json_invalid)
{
    size_t       i;
    fig_json_t  *value;

    static const struct {
        fig_str_t    body;
        const char  *where;
    } rows[] = {
        { fig_str("{\n  \"a\": ?\n}"), "line 2, column 8" },
        { fig_str(""), "line 1, column 1" },
        { { 0, NULL }, "line 1, column 1" },
        { fig_str("{} {}"), "line 1, column 4" }
    };

    for (i = 0; i < UNIT_COUNT(rows); i++) {
        setup(65536);
        request.body = rows[i].body;

        ck_assert_int_eq(fig_request_json(&request, &response,
                                          json_type_object, &value),
                         FIG_INVALID);
        ck_assert_ptr_null(value);
        ck_assert_uint_eq(response.status, 400);
        has("type", "urn:ficus:problem/invalid-json");
        ck_assert_msg(strstr(response.body.data, rows[i].where) != NULL,
                      "%s", response.body.data);
        teardown();
    }
}
END_TEST


START_TEST(test_json_type)
{
    fig_json_t  *value;

    setup(65536);
    request.body = FIG_STR("[]");

    ck_assert_int_eq(fig_request_json(&request, &response, json_type_object,
                                      &value), FIG_INVALID);
    ck_assert_ptr_null(value);
    ck_assert_uint_eq(response.status, 400);
    has("detail", "the body must be a JSON object");
    teardown();

    setup(65536);
    request.body = FIG_STR("null");

    ck_assert_int_eq(fig_request_json(&request, &response, json_type_array,
                                      &value), FIG_INVALID);
    has("detail", "the body must be a JSON array");
    teardown();
}
END_TEST


int
main(void)
{
    const TTest *const tests[] = {
        test_problem,
        test_errors,
        test_errors_copy,
        test_errors_many,
        test_no_utf8,
        test_retry,
        test_status,
        test_memory,
        test_write,
        test_json,
        test_json_invalid,
        test_json_type
    };

    return unit_run("fig_problem", tests, UNIT_COUNT(tests));
}
