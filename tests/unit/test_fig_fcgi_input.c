
/*
 * Copyright (C) Ficus authors
 */


/* FastCGI requests out of bytes, without sockets. */


#include "fcgi_client.h"
#include "fig_fcgi_input.h"
#include "unit.h"
#include <stdlib.h>
#include <string.h>


#define MAX_BODY  1000


static fig_buf_t          bytes;
static fig_arena_t       *arena;
static fig_request_t      request;
static fig_fcgi_input_t   input;


static void
setup(void)
{
    fig_buf_init(&bytes, 4 * FCGI_CLIENT_MAX);
    fig_fcgi_input_init(&input, MAX_BODY, 77);
    arena = fig_arena_create(1024, 1048576);
    ck_assert_ptr_nonnull(arena);
}


static void
teardown(void)
{
    fig_buf_clear(&bytes);
    fig_fcgi_input_clear(&input);
    fig_arena_destroy(arena);
}


/* gives the bytes, which must all be taken, and forgets them */

static fig_fcgi_event_t
feed(void)
{
    fig_fcgi_event_t      event;
    const unsigned char  *p, *last;

    ck_assert(fig_buf_ok(&bytes));

    p = (const unsigned char *) bytes.data;
    last = p + bytes.len;
    event = fig_fcgi_input(&input, &p, last);

    if (event == FIG_FCGI_MORE || event == FIG_FCGI_READY) {
        ck_assert_ptr_eq(p, last);
    }

    fig_buf_reset(&bytes);

    return event;
}


static void
replies(const char *wanted, size_t len)
{
    ck_assert_uint_eq(input.reply.len, len);
    ck_assert_int_eq(memcmp(input.reply.data, wanted, len), 0);
    fig_buf_reset(&input.reply);
}


static void
is_request(const char *method, const char *path, const char *body)
{
    ck_assert_int_eq(fig_fcgi_input_request(&input, arena, &request), FIG_OK);
    ck_assert(fig_str_eq(request.method, fig_str_from(method)));
    ck_assert(fig_str_eq(request.path, fig_str_from(path)));
    ck_assert(fig_str_eq(request.body, fig_str_from(body)));
    ck_assert(!request.too_large);
    fig_fcgi_input_drop(&input);
}


/* that request is refused with this status */

static void
is_refused(unsigned status)
{
    ck_assert_int_eq(fig_fcgi_input_request(&input, arena, &request),
                     FIG_INVALID);
    ck_assert_uint_eq(input.refuse, status);
    fig_fcgi_input_drop(&input);
}


/* the same request, however its bytes come */

START_TEST(test_every_split)
{
    size_t                i, j;
    fig_buf_t             whole;
    const unsigned char  *p, *start;

    setup();
    fig_buf_init(&whole, 65536);
    fcgi_request(&whole, 1, "POST", "/api/users", "{\"a\":1}", 7);
    start = (const unsigned char *) whole.data;

    for (i = 1; i < whole.len; i++) {
        p = start;
        ck_assert_int_eq(fig_fcgi_input(&input, &p, start + i),
                         FIG_FCGI_MORE);
        ck_assert_ptr_eq(p, start + i);
        ck_assert(fig_fcgi_input_begun(&input));
        ck_assert_int_eq(fig_fcgi_input(&input, &p, start + whole.len),
                         FIG_FCGI_READY);
        ck_assert_ptr_eq(p, start + whole.len);

        is_request("POST", "/api/users", "{\"a\":1}");
        ck_assert(!fig_fcgi_input_begun(&input));
    }

    p = start;

    for (j = 1; j < whole.len; j++) {
        ck_assert_int_eq(fig_fcgi_input(&input, &p, start + j),
                         FIG_FCGI_MORE);
    }

    ck_assert_int_eq(fig_fcgi_input(&input, &p, start + j), FIG_FCGI_READY);
    is_request("POST", "/api/users", "{\"a\":1}");

    fig_buf_clear(&whole);
    teardown();
}
END_TEST


/* one stops where the next begins */

START_TEST(test_pipelined)
{
    const unsigned char  *p, *last;

    setup();
    fcgi_request(&bytes, 1, "GET", "/one", NULL, 0);
    fcgi_request(&bytes, 1, "GET", "/two", NULL, 0);

    p = (const unsigned char *) bytes.data;
    last = p + bytes.len;

    ck_assert_int_eq(fig_fcgi_input(&input, &p, last), FIG_FCGI_READY);
    is_request("GET", "/one", NULL);
    ck_assert_int_eq(fig_fcgi_input(&input, &p, last), FIG_FCGI_READY);
    is_request("GET", "/two", NULL);
    ck_assert_ptr_eq(p, last);

    teardown();
}
END_TEST


START_TEST(test_padding)
{
    size_t                i, len;
    fig_buf_t             plain;
    const unsigned char  *p, *start;

    static const char  zeroes[255];

    setup();
    fig_buf_init(&plain, 65536);
    fcgi_request(&plain, 1, "PUT", "/x", "{}", 2);

    for (i = 0; i < plain.len; i += len) {
        len = FIG_FCGI_HEADER + (unsigned char) plain.data[i + 5];

        plain.data[i + 6] = (char) 255;
        fig_buf_append(&bytes, plain.data + i, len);
        fig_buf_append(&bytes, zeroes, sizeof(zeroes));
    }

    /* a byte at a time, and at once */

    start = (const unsigned char *) bytes.data;
    p = start;

    for (i = 1; i < bytes.len; i++) {
        ck_assert_int_eq(fig_fcgi_input(&input, &p, start + i),
                         FIG_FCGI_MORE);
    }

    ck_assert_int_eq(fig_fcgi_input(&input, &p, start + i), FIG_FCGI_READY);
    is_request("PUT", "/x", "{}");

    ck_assert_int_eq(feed(), FIG_FCGI_READY);
    is_request("PUT", "/x", "{}");

    fig_buf_clear(&plain);
    teardown();
}
END_TEST


START_TEST(test_get_values)
{
    fig_buf_t  names;

    setup();
    fig_buf_init(&names, 1024);
    fcgi_param(&names, "FCGI_MAX_CONNS", "");
    fcgi_param(&names, "FCGI_WHATEVER", "");
    fcgi_param(&names, "FCGI_MPXS_CONNS", "");
    fcgi_param(&names, "FCGI_MAX_REQS", "");

    fcgi_record(&bytes, FIG_FCGI_GET_VALUES, 0, names.data, names.len);
    ck_assert_int_eq(feed(), FIG_FCGI_MORE);
    replies("\1\x0a\0\0\0\x35\0\0"
            "\x0e\2" "FCGI_MAX_CONNS77"
            "\x0f\1" "FCGI_MPXS_CONNS0"
            "\x0d\2" "FCGI_MAX_REQS77", 61);

    fig_buf_clear(&names);
    teardown();
}
END_TEST


START_TEST(test_broken)
{
    size_t  i;

    static const fig_str_t  texts[] = {

        /* version 2 */
        fig_str("\2\1\0\1\0\x8\0\0"),

        /* HTTP */
        fig_str("GET / HTTP/1.1\r\n\r\n"),

        /* a BEGIN_REQUEST of 7 bytes */
        fig_str("\1\1\0\1\0\7\0\0\0\1\1\0\0\0\0"),

        /* a second one of the same request */
        fig_str("\1\1\0\1\0\x8\0\0\0\1\1\0\0\0\0\0"
                "\1\1\0\1\0\x8\0\0\0\1\1\0\0\0\0\0"),

        /* a body before the parameters have ended */
        fig_str("\1\1\0\1\0\x8\0\0\0\1\1\0\0\0\0\0"
                "\1\5\0\1\0\1\0\0x"),

        /* parameters after their end */
        fig_str("\1\1\0\1\0\x8\0\0\0\1\1\0\0\0\0\0"
                "\1\4\0\1\0\0\0\0\1\4\0\1\0\1\0\0x")
    };

    for (i = 0; i < UNIT_COUNT(texts); i++) {
        setup();
        fig_buf_str(&bytes, texts[i]);
        ck_assert_msg(feed() == FIG_FCGI_BROKEN, "%zu", i);
        teardown();
    }
}
END_TEST


/* a second request on the connection is refused, the first goes on */

START_TEST(test_multiplexed)
{
    fig_buf_t  params;

    setup();
    fig_buf_init(&params, 1024);
    fcgi_param(&params, "REQUEST_METHOD", "GET");
    fcgi_param(&params, "SCRIPT_NAME", "/first");

    fcgi_begin(&bytes, 1, FIG_FCGI_RESPONDER, 1);
    fcgi_begin(&bytes, 2, FIG_FCGI_RESPONDER, 1);
    fcgi_record(&bytes, FIG_FCGI_PARAMS, 2, "\1\1xy", 4);
    fcgi_record(&bytes, FIG_FCGI_PARAMS, 2, NULL, 0);
    fcgi_params(&bytes, 1, &params);
    fcgi_record(&bytes, FIG_FCGI_STDIN, 2, "other", 5);
    fcgi_record(&bytes, FIG_FCGI_STDIN, 2, NULL, 0);
    fcgi_record(&bytes, FIG_FCGI_ABORT_REQUEST, 2, NULL, 0);
    fcgi_record(&bytes, FIG_FCGI_DATA, 1, "data", 4);
    fcgi_record(&bytes, 99, 1, "what", 4);
    fcgi_body(&bytes, 1, NULL, 0);

    ck_assert_int_eq(feed(), FIG_FCGI_READY);
    replies("\1\3\0\2\0\x8\0\0\0\0\0\0\1\0\0\0", 16);
    is_request("GET", "/first", NULL);

    fig_buf_clear(&params);
    teardown();
}
END_TEST


START_TEST(test_role)
{
    setup();

    fcgi_begin(&bytes, 3, 2, 1);
    fcgi_record(&bytes, FIG_FCGI_PARAMS, 3, "\1\1xy", 4);
    ck_assert_int_eq(feed(), FIG_FCGI_MORE);
    replies("\1\3\0\3\0\x8\0\0\0\0\0\0\3\0\0\0", 16);

    fcgi_request(&bytes, 1, "GET", "/x", NULL, 0);
    ck_assert_int_eq(feed(), FIG_FCGI_READY);
    is_request("GET", "/x", NULL);

    fcgi_begin(&bytes, 3, 2, 0);
    ck_assert_int_eq(feed(), FIG_FCGI_CLOSED);

    teardown();
}
END_TEST


START_TEST(test_abort)
{
    setup();

    fcgi_begin(&bytes, 1, FIG_FCGI_RESPONDER, 1);
    fcgi_record(&bytes, FIG_FCGI_PARAMS, 1, "\1\1xy", 4);
    fcgi_record(&bytes, FIG_FCGI_ABORT_REQUEST, 1, NULL, 0);
    ck_assert_int_eq(feed(), FIG_FCGI_MORE);
    replies("\1\3\0\1\0\x8\0\0\0\0\0\0\0\0\0\0", 16);
    ck_assert(!fig_fcgi_input_begun(&input));

    fcgi_request(&bytes, 1, "GET", "/x", NULL, 0);
    ck_assert_int_eq(feed(), FIG_FCGI_READY);
    is_request("GET", "/x", NULL);

    fcgi_begin(&bytes, 1, FIG_FCGI_RESPONDER, 0);
    fcgi_record(&bytes, FIG_FCGI_ABORT_REQUEST, 1, NULL, 0);
    ck_assert_int_eq(feed(), FIG_FCGI_CLOSED);

    teardown();
}
END_TEST


static void
with_params(const fig_buf_t *params)
{
    fcgi_begin(&bytes, 1, FIG_FCGI_RESPONDER, 1);
    fcgi_params(&bytes, 1, params);
    fcgi_body(&bytes, 1, NULL, 0);
    ck_assert_int_eq(feed(), FIG_FCGI_READY);
}


START_TEST(test_params_bound)
{
    int        i;
    fig_buf_t  params;

    setup();
    fig_buf_init(&params, 262144);

    fcgi_param(&params, "REQUEST_METHOD", "GET");
    fcgi_param(&params, "SCRIPT_NAME", "/x");

    for (i = 0; i < FIG_FCGI_PAIRS_MAX - 2; i++) {
        fcgi_param(&params, "HTTP_A", "b");
    }

    with_params(&params);
    is_request("GET", "/x", NULL);

    fcgi_param(&params, "HTTP_A", "b");
    with_params(&params);
    is_refused(431);

    while (params.len <= FIG_FCGI_PARAMS_MAX) {
        fcgi_param(&params, "HTTP_A", "bbbbbbbbbbbbbbbbbbbbbbbbbbbbb");
    }

    with_params(&params);
    is_refused(431);

    fig_buf_clear(&params);
    teardown();
}
END_TEST


START_TEST(test_params_bad)
{
    fig_buf_t  params;

    setup();
    fig_buf_init(&params, 1024);

    with_params(&params);
    is_refused(400);

    fcgi_param(&params, "REQUEST_METHOD", "GET");
    with_params(&params);
    is_refused(400);

    fcgi_param(&params, "SCRIPT_NAME", "/x");
    with_params(&params);
    is_request("GET", "/x", NULL);

    fig_buf_puts(&params, "\7");
    with_params(&params);
    is_refused(400);

    fig_buf_clear(&params);
    teardown();
}
END_TEST


static void
with_length(const char *length, const char *body)
{
    fig_buf_t  params;

    fig_buf_init(&params, 1024);
    fcgi_param(&params, "REQUEST_METHOD", "PUT");
    fcgi_param(&params, "SCRIPT_NAME", "/x");
    fcgi_param(&params, "CONTENT_LENGTH", length);

    fcgi_begin(&bytes, 1, FIG_FCGI_RESPONDER, 1);
    fcgi_params(&bytes, 1, &params);
    fcgi_body(&bytes, 1, body, strlen(body));
    ck_assert_int_eq(feed(), FIG_FCGI_READY);

    fig_buf_clear(&params);
}


START_TEST(test_content_length)
{
    setup();

    with_length("3", "abc");
    is_request("PUT", "/x", "abc");
    with_length("0", "");
    is_request("PUT", "/x", "");
    with_length("", "");
    is_request("PUT", "/x", NULL);
    with_length("", "abc");
    is_request("PUT", "/x", "abc");

    with_length("4", "abc");
    is_refused(400);
    with_length("2", "abc");
    is_refused(400);
    with_length("-3", "abc");
    is_refused(400);
    with_length("99999999999999999999", "abc");
    is_refused(400);
    with_length("3x", "abc");
    is_refused(400);

    teardown();
}
END_TEST


START_TEST(test_too_large)
{
    char  body[MAX_BODY + 2];

    setup();
    memset(body, 'x', sizeof(body));

    body[MAX_BODY] = '\0';
    with_length("1000", body);
    is_request("PUT", "/x", body);

    body[MAX_BODY] = 'x';
    body[MAX_BODY + 1] = '\0';
    with_length("1001", body);
    ck_assert(input.keep);
    ck_assert_int_eq(fig_fcgi_input_request(&input, arena, &request), FIG_OK);
    ck_assert(request.too_large);
    ck_assert_uint_eq(request.body.len, 0);
    fig_fcgi_input_drop(&input);

    with_length("3", "abc");
    is_request("PUT", "/x", "abc");

    teardown();
}
END_TEST


/* it is not read for ever, and not kept either */

START_TEST(test_endless)
{
    char              *body;
    size_t             fed;
    fig_buf_t          params;
    fig_fcgi_event_t   event;

    setup();
    body = malloc(FIG_FCGI_CONTENT_MAX);
    ck_assert_ptr_nonnull(body);
    memset(body, 'x', FIG_FCGI_CONTENT_MAX);

    fcgi_begin(&bytes, 1, FIG_FCGI_RESPONDER, 1);
    fig_buf_init(&params, 1024);
    fcgi_param(&params, "REQUEST_METHOD", "PUT");
    fcgi_param(&params, "SCRIPT_NAME", "/x");
    fcgi_params(&bytes, 1, &params);
    fig_buf_clear(&params);
    event = feed();

    for (fed = 0; event == FIG_FCGI_MORE; fed += FIG_FCGI_CONTENT_MAX) {
        ck_assert_uint_le(fed, FIG_FCGI_DISCARD + 2 * FIG_FCGI_CONTENT_MAX);
        fcgi_record(&bytes, FIG_FCGI_STDIN, 1, body, FIG_FCGI_CONTENT_MAX);
        event = feed();
        ck_assert_uint_le(input.body.size, MAX_BODY + 1);
    }

    ck_assert_int_eq(event, FIG_FCGI_READY);
    ck_assert_int_eq(fig_fcgi_input_request(&input, arena, &request), FIG_OK);
    ck_assert(request.too_large);
    ck_assert(!input.keep);

    free(body);
    teardown();
}
END_TEST


/* big buffers go with their request, those of usual size stay */

START_TEST(test_memory)
{
    char       value[20000];
    fig_buf_t  params;

    setup();

    fcgi_request(&bytes, 1, "GET", "/x", NULL, 0);
    ck_assert_int_eq(feed(), FIG_FCGI_READY);
    fig_fcgi_input_drop(&input);
    ck_assert_uint_gt(input.params.size, 0);

    memset(value, 'x', sizeof(value));
    value[sizeof(value) - 1] = '\0';
    fig_buf_init(&params, 65536);
    fcgi_param(&params, "HTTP_COOKIE", value);
    with_params(&params);
    fig_fcgi_input_drop(&input);
    ck_assert_uint_eq(input.params.size, 0);

    fig_buf_clear(&params);
    teardown();
}
END_TEST


int
main(void)
{
    const TTest *const tests[] = {
        test_every_split,
        test_pipelined,
        test_padding,
        test_get_values,
        test_broken,
        test_multiplexed,
        test_role,
        test_abort,
        test_params_bound,
        test_params_bad,
        test_content_length,
        test_too_large,
        test_endless,
        test_memory
    };

    return unit_run("fig_fcgi_input", tests, UNIT_COUNT(tests));
}
