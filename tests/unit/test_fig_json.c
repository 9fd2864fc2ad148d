
/*
 * Copyright (C) Ficus authors
 */


/* Texts to values and back. */


#include "fig_json.h"
#include "unit.h"
#include <pthread.h>
#include <stdlib.h>
#include <string.h>


static const fig_str_t  absent;


static fig_json_t *
parsed(fig_str_t text)
{
    fig_json_t        *value;
    fig_json_error_t   error;

    error.what = "";
    ck_assert_msg(fig_json_parse(text, &value, &error) == FIG_OK, "%s: %s",
                  text.data, error.what);

    return value;
}


/* what comes back is what went in, without blanks */

static void
is_text(fig_str_t text, fig_str_t wanted)
{
    fig_str_t     got;
    fig_json_t   *value;
    fig_arena_t  *arena;

    arena = fig_arena_create(4096, 1024 * 1024);
    value = parsed(text);
    got = fig_json_text(value, arena);

    ck_assert_str_eq(got.data, wanted.data);
    ck_assert_uint_eq(got.len, wanted.len);

    json_object_put(value);
    fig_arena_destroy(arena);
}


START_TEST(test_round_trip)
{
    size_t  i;

    static const fig_str_t  texts[] = {
        fig_str("null"), fig_str("true"), fig_str("false"), fig_str("0"),
        fig_str("12"), fig_str("-9223372036854775808"),
        fig_str("18446744073709551615"), fig_str("1.50"), fig_str("1E+2"),
        fig_str("0.1"), fig_str("-0.0"), fig_str("1e-400"), fig_str("\"\""),
        fig_str("\"a/b\\\"\\\\\\n\\u0000\\u001f\x7f\""),
        fig_str("\"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\""),
        fig_str("[]"), fig_str("{}"), fig_str("[1,[2,{}],null]"),
        fig_str("{\"b\":1,\"a\":{\"b\":[]},\"\":\"\"}"),
        fig_str("[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["
                "]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]")
    };

    for (i = 0; i < UNIT_COUNT(texts); i++) {
        is_text(texts[i], texts[i]);
    }

    is_text(FIG_STR(" \n12\t"), FIG_STR("12"));
    is_text(FIG_STR("{ \"a\" : [ 1 , 2 ] }\n"), FIG_STR("{\"a\":[1,2]}"));
    is_text(FIG_STR("\"\\/\\u00e4\\ud83d\\ude00\\u0061\""),
            FIG_STR("\"/\xc3\xa4\xf0\x9f\x98\x80" "a\""));
}
END_TEST


/* exactly the bytes of the string: no NUL ends them, nothing behind counts */

START_TEST(test_length)
{
    fig_json_t  *value;

    value = parsed((fig_str_t) { 2, "123" });
    ck_assert_int_eq(json_object_get_int(value), 12);
    json_object_put(value);

    value = parsed((fig_str_t) { 4, "nullnull" });
    ck_assert_ptr_null(value);
}
END_TEST


START_TEST(test_invalid)
{
    size_t             i;
    fig_json_t        *value;
    fig_json_error_t   error;

    static const struct {
        fig_str_t    text;
        unsigned     line;
        unsigned     column;
        const char  *what;
    } wrong[] = {
        { fig_str(""), 1, 1, "unexpected end" },
        { { 0, NULL }, 1, 1, "unexpected end" },
        { fig_str("{\"a\":1,\n\"a\":2}"), 2, 1, "duplicate name" },
        { fig_str("[1,]"), 1, 4, "value expected" },
        { fig_str("{'a':1}"), 1, 2, "name expected" },
        { fig_str("NaN"), 1, 1, "value expected" },
        { fig_str("\"\xc0\xaf\""), 1, 2, "invalid UTF-8" },
        { fig_str("1\0"), 1, 2, "trailing text" },
        { fig_str("[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["), 1, 33,
          "nested too deeply" }
    };

    for (i = 0; i < UNIT_COUNT(wrong); i++) {
        value = (fig_json_t *) &value;
        ck_assert_int_eq(fig_json_parse(wrong[i].text, &value, &error),
                         FIG_INVALID);
        ck_assert_ptr_null(value);
        ck_assert_uint_eq(error.line, wrong[i].line);
        ck_assert_uint_eq(error.column, wrong[i].column);
        ck_assert_str_eq(error.what, wrong[i].what);
    }

    ck_assert_int_eq(fig_json_parse((fig_str_t) { SIZE_MAX, "" }, &value,
                                    &error),
                     FIG_INVALID);
    ck_assert_str_eq(error.what, "text too long");
}
END_TEST


/* more names than have room on the stack */

START_TEST(test_many_names)
{
    unsigned           n;
    fig_buf_t          buf;
    fig_json_t        *value;
    fig_json_error_t   error;

    fig_buf_init(&buf, 1024 * 1024);
    fig_buf_puts(&buf, "{\"k\":0");

    for (n = 0; n < 2000; n++) {
        fig_buf_printf(&buf, ",\"k%u\":%u", n, n);

        if (n % 10 != 0) {
            continue;
        }

        fig_buf_puts(&buf, "}");
        value = parsed(fig_buf_view(&buf));
        ck_assert_int_eq(json_object_object_length(value), (int) n + 2);
        json_object_put(value);

        buf.len--;
        fig_buf_puts(&buf, ",\"k\":1}");
        ck_assert_int_eq(fig_json_parse(fig_buf_view(&buf), &value, &error),
                         FIG_INVALID);
        ck_assert_uint_eq(error.column, buf.len - 5);
        buf.len -= 7;
    }

    fig_buf_clear(&buf);
}
END_TEST


START_TEST(test_members)
{
    fig_str_t    s;
    fig_json_t  *object, *array;

    object = parsed(FIG_STR("{\"s\":\"a\\u0000b\",\"e\":\"\",\"n\":null,"
                            "\"i\":1,\"o\":{\"x\":\"y\"}}"));

    s = fig_json_string(object, "s");
    ck_assert_uint_eq(s.len, 3);
    ck_assert_mem_eq(s.data, "a\0b", 3);

    s = fig_json_string(object, "e");
    ck_assert_uint_eq(s.len, 0);
    ck_assert_ptr_nonnull(s.data);

    ck_assert_ptr_null(fig_json_string(object, "n").data);
    ck_assert_ptr_null(fig_json_string(object, "i").data);
    ck_assert_ptr_null(fig_json_string(object, "o").data);
    ck_assert_ptr_null(fig_json_string(object, "x").data);
    ck_assert_ptr_null(fig_json_string(NULL, "x").data);

    ck_assert(fig_json_has(object, "s"));
    ck_assert(fig_json_has(object, "n"));
    ck_assert(!fig_json_has(object, "x"));
    ck_assert(!fig_json_has(object, ""));
    ck_assert(!fig_json_has(NULL, "x"));

    json_object_put(object);

    array = parsed(FIG_STR("[\"x\"]"));
    ck_assert(!fig_json_has(array, "x"));
    ck_assert_ptr_null(fig_json_string(array, "x").data);
    json_object_put(array);
}
END_TEST


START_TEST(test_text_without_memory)
{
    fig_json_t   *value;
    fig_arena_t  *arena;

    arena = fig_arena_create(16, 16);
    value = parsed(FIG_STR("\"12345678901234567\""));
    ck_assert_ptr_null(fig_json_text(value, arena).data);
    json_object_put(value);
    fig_arena_destroy(arena);
}
END_TEST


static void
is_quoted(fig_str_t s, const char *wanted)
{
    fig_buf_t  out;

    fig_buf_init(&out, 10000);
    fig_json_quote(&out, s);
    ck_assert_str_eq(fig_buf_view(&out).data, wanted);
    fig_buf_clear(&out);
}


START_TEST(test_quote)
{
    is_quoted(FIG_STR(""), "\"\"");
    is_quoted(absent, "\"\"");
    is_quoted(FIG_STR("abc"), "\"abc\"");
    is_quoted(FIG_STR("a\"b\\c/"), "\"a\\\"b\\\\c/\"");
    is_quoted(FIG_STR("\n\r\t\b\f\x1f\0x"),
              "\"\\n\\r\\t\\u0008\\u000c\\u001f\\u0000x\"");
    is_quoted(FIG_STR("\x7f\xc3\xa4\xf0\x9f\x98\x80"),
              "\"\x7f\xc3\xa4\xf0\x9f\x98\x80\"");
    is_quoted(FIG_STR("a\xff" "b\xc3"),
              "\"a\xef\xbf\xbd" "b\xef\xbf\xbd\"");
    is_quoted(FIG_STR("\xed\xa0\x80"),
              "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"");
}
END_TEST


/* each character comes back */

START_TEST(test_quote_and_parse)
{
    char         byte;
    unsigned     c;
    fig_str_t    s;
    fig_buf_t    out;
    fig_json_t  *value;

    fig_buf_init(&out, 100);

    for (c = 0; c < 0x80; c++) {
        byte = (char) c;
        s.data = &byte;
        s.len = 1;

        fig_buf_reset(&out);
        fig_json_quote(&out, s);
        value = parsed(fig_buf_view(&out));

        ck_assert_int_eq(json_object_get_string_len(value), 1);
        ck_assert_int_eq(json_object_get_string(value)[0], byte);
        json_object_put(value);
    }

    fig_buf_clear(&out);
}
END_TEST


START_TEST(test_utf8)
{
    ck_assert_uint_eq(fig_utf8_length(FIG_STR("")), 0);
    ck_assert_uint_eq(fig_utf8_length(absent), 0);
    ck_assert_uint_eq(fig_utf8_length(FIG_STR("abc\0")), 4);
    ck_assert_uint_eq(fig_utf8_length(FIG_STR("K\xc3\xb6ln")), 4);
    ck_assert_uint_eq(fig_utf8_length(FIG_STR("\xe2\x82\xac\xf0\x9f\x98\x80")),
                      2);

    ck_assert(fig_utf8_valid(FIG_STR("")));
    ck_assert(fig_utf8_valid(absent));
    ck_assert(fig_utf8_valid(FIG_STR("K\xc3\xb6ln\0\xf0\x9f\x98\x80")));
    ck_assert(!fig_utf8_valid(FIG_STR("K\xf6ln")));
    ck_assert(!fig_utf8_valid(FIG_STR("K\xc3")));
    ck_assert(!fig_utf8_valid((fig_str_t) { 2, "K\xc3\xb6" }));
    ck_assert(!fig_utf8_valid(FIG_STR("\xed\xa0\x80")));
}
END_TEST


static void *
parse(void *data)
{
    int          i;
    fig_json_t  *value;

    for (i = 0; i < 2000; i++) {
        value = parsed(FIG_STR("{\"a\":[1,2.5,\"x\"],\"b\":{}}"));
        ck_assert(fig_json_has(value, "b"));
        json_object_put(value);
    }

    return data;
}


START_TEST(test_threads)
{
    int        i;
    pthread_t  thread[4];

    for (i = 0; i < 4; i++) {
        ck_assert_int_eq(pthread_create(&thread[i], NULL, parse, NULL), 0);
    }

    for (i = 0; i < 4; i++) {
        ck_assert_int_eq(pthread_join(thread[i], NULL), 0);
    }
}
END_TEST


int
main(void)
{
    const TTest *const tests[] = {
        test_round_trip,
        test_length,
        test_invalid,
        test_many_names,
        test_members,
        test_text_without_memory,
        test_quote,
        test_quote_and_parse,
        test_utf8,
        test_threads
    };

    return unit_run("fig_json", tests, UNIT_COUNT(tests));
}
