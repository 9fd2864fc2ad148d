
/*
 * Copyright (C) Ficus authors
 */


/* What is one JSON text, and where and why another is none. */


#include "rfc8259.h"
#include "unit.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>


#define DEPTH  32

/* so that the second byte of a text can be NUL */
#define TEXT(literal)  literal, sizeof(literal) - 1


typedef struct {
    const char  *text;
    size_t       len;
} good_t;


typedef struct {
    const char  *text;
    size_t       len;
    unsigned     line;
    unsigned     column;
    const char  *what;
} bad_t;


static const good_t  good[] = {
    { TEXT("null") },
    { TEXT("true") },
    { TEXT("false") },
    { TEXT("0") },
    { TEXT("-0") },
    { TEXT(" \t\r\n1 \t\r\n") },
    { TEXT("\"\"") },
    { TEXT("[]") },
    { TEXT("{}") },
    { TEXT("[ ]") },
    { TEXT("{ }") },
    { TEXT("[1,2 , 3]") },
    { TEXT("{\"a\":1,\"b\":{\"a\":2},\"c\":[{\"a\":3},{\"a\":4}]}") },
    { TEXT("{\"\":0}") },
    { TEXT("[{\"\":0},{\"\":0}]") },
    { TEXT("{\"a\":1,\"A\":1,\"\\u0041\\u0041\":1,\"\\u00e4\":1}") },

    /* numbers */
    { TEXT("9223372036854775807") },
    { TEXT("9223372036854775808") },
    { TEXT("18446744073709551615") },
    { TEXT("-9223372036854775808") },
    { TEXT("1.5") },
    { TEXT("-1.50e+07") },
    { TEXT("1E-7") },
    { TEXT("0e0") },
    { TEXT("0.0e999999999999999999999999") },
    { TEXT("1e-999999999999999999999999") },
    { TEXT("1.7976931348623157e308") },
    { TEXT("-1.7976931348623157e308") },
    { TEXT("1.79769313486231580e308") },
    { TEXT("179769313486231570000e288") },
    { TEXT("0.000000000017976931348623157e319") },

    /* strings */
    { TEXT("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0000\\u001f\\uFFFF\"") },
    { TEXT("\"\x7f\"") },
    { TEXT("\"\xc2\x80\xdf\xbf\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80\"") },
    { TEXT("\"\xef\xbf\xbf\xf0\x90\x80\x80\xf4\x8f\xbf\xbf\"") },
    { TEXT("\"\\ud800\\udc00\\uDBFF\\uDFFF\\ue000\\ud7ff\"") }
};


static const bad_t  bad[] = {

    /* where the text ends */
    { TEXT(""), 1, 1, "unexpected end" },
    { TEXT(" \n\n "), 3, 2, "unexpected end" },
    { TEXT("["), 1, 2, "unexpected end" },
    { TEXT("[1"), 1, 3, "unexpected end" },
    { TEXT("[1,"), 1, 4, "unexpected end" },
    { TEXT("{"), 1, 2, "unexpected end" },
    { TEXT("{\"a\""), 1, 5, "unexpected end" },
    { TEXT("{\"a\":"), 1, 6, "unexpected end" },
    { TEXT("{\"a\":1"), 1, 7, "unexpected end" },
    { TEXT("{\"a\":1,"), 1, 8, "unexpected end" },
    { TEXT("\"a"), 1, 3, "unexpected end" },
    { TEXT("\"a\\"), 1, 4, "unexpected end" },
    { TEXT("\"\\u12"), 1, 6, "unexpected end" },
    { TEXT("\"\\ud834\\"), 1, 9, "unexpected end" },
    { TEXT("\"\\u12x"), 1, 2, "invalid escape" },
    { TEXT("\"\\ud834\\n"), 1, 2, "lone surrogate" },
    { TEXT("tru"), 1, 4, "unexpected end" },
    { TEXT("-"), 1, 2, "unexpected end" },
    { TEXT("1."), 1, 3, "unexpected end" },
    { TEXT("1e"), 1, 3, "unexpected end" },
    { TEXT("1e+"), 1, 4, "unexpected end" },
    { TEXT("1 2"), 1, 3, "trailing text" },
    { TEXT("{}\n{}"), 2, 1, "trailing text" },
    { TEXT("{}\0"), 1, 3, "trailing text" },
    { TEXT("nullx"), 1, 5, "trailing text" },
    { TEXT("1,"), 1, 2, "trailing text" },
    { TEXT("0x10"), 1, 2, "trailing text" },

    /* what is no value */
    { TEXT("\xef\xbb\xbf{}"), 1, 1, "byte order mark" },
    { TEXT("\xfe\xff"), 1, 1, "value expected" },
    { TEXT("\0"), 1, 1, "value expected" },
    { TEXT("\f1"), 1, 1, "value expected" },
    { TEXT("\xc2\xa0" "1"), 1, 1, "value expected" },
    { TEXT("NaN"), 1, 1, "value expected" },
    { TEXT("Infinity"), 1, 1, "value expected" },
    { TEXT("nulL"), 1, 4, "value expected" },
    { TEXT("TRUE"), 1, 1, "value expected" },
    { TEXT("'a'"), 1, 1, "value expected" },
    { TEXT("// a\n1"), 1, 1, "value expected" },
    { TEXT("+1"), 1, 1, "value expected" },
    { TEXT(".5"), 1, 1, "value expected" },
    { TEXT("[,1]"), 1, 2, "value expected" },
    { TEXT("[1,]"), 1, 4, "value expected" },
    { TEXT("[1,\n\n ,2]"), 3, 2, "value expected" },
    { TEXT("{\"a\":}"), 1, 6, "value expected" },
    { TEXT("]"), 1, 1, "value expected" },
    { TEXT("-Infinity"), 1, 2, "digit expected" },

    /* what is no array or object */
    { TEXT("[1 2]"), 1, 4, "comma or ] expected" },
    { TEXT("[1}"), 1, 3, "comma or ] expected" },
    { TEXT("[1:2]"), 1, 3, "comma or ] expected" },
    { TEXT("[1/**/]"), 1, 3, "comma or ] expected" },
    { TEXT("{\"a\":1 \"b\":2}"), 1, 8, "comma or } expected" },
    { TEXT("{\"a\":1]"), 1, 7, "comma or } expected" },
    { TEXT("{\"a\" 1}"), 1, 6, "colon expected" },
    { TEXT("{\"a\",1}"), 1, 5, "colon expected" },
    { TEXT("{a:1}"), 1, 2, "name expected" },
    { TEXT("{1:1}"), 1, 2, "name expected" },
    { TEXT("{,}"), 1, 2, "name expected" },
    { TEXT("{\"a\":1,}"), 1, 8, "name expected" },
    { TEXT("{[]:1}"), 1, 2, "name expected" },

    /* names */
    { TEXT("{\"a\":1,\"a\":1}"), 1, 8, "duplicate name" },
    { TEXT("{\"\":1,\"\":1}"), 1, 7, "duplicate name" },
    { TEXT("{\"a\":1,\n \"\\u0061\":1}"), 2, 2, "duplicate name" },
    { TEXT("{\"\\u0061\":1,\"a\":1}"), 1, 13, "duplicate name" },
    { TEXT("{\"/\":1,\"\\/\":1}"), 1, 8, "duplicate name" },
    { TEXT("{\"\\n\\t\":1,\"\\u000a\\u0009\":1}"), 1, 11, "duplicate name" },
    { TEXT("{\"\\u00E9\":1,\"\xc3\xa9\":1}"), 1, 13, "duplicate name" },
    { TEXT("{\"\\u20aC\":1,\"\xe2\x82\xac\":1}"), 1, 13, "duplicate name" },
    { TEXT("{\"\\ud83d\\ude00\":1,\"\xf0\x9f\x98\x80\":1}"), 1, 19,
      "duplicate name" },
    { TEXT("{\"a\":{\"a\":1,\"b\":1},\"b\":1,\"a\":1}"), 1, 26,
      "duplicate name" },
    { TEXT("[0,{\"a\":{\"b\":1,\"b\":1}}]"), 1, 16, "duplicate name" },
    { TEXT("{\"a\\u0000\":1}"), 1, 2, "NUL in name" },

    /* numbers */
    { TEXT("01"), 1, 1, "leading zero" },
    { TEXT("[-007]"), 1, 3, "leading zero" },
    { TEXT("00.5"), 1, 1, "leading zero" },
    { TEXT("[1.]"), 1, 4, "digit expected" },
    { TEXT("[1.e1]"), 1, 4, "digit expected" },
    { TEXT("[1e]"), 1, 4, "digit expected" },
    { TEXT("[1e+-1]"), 1, 5, "digit expected" },
    { TEXT("[1e1.5]"), 1, 5, "comma or ] expected" },
    { TEXT("[- 1]"), 1, 3, "digit expected" },
    { TEXT("[1,18446744073709551616]"), 1, 4, "number out of range" },
    { TEXT("-9223372036854775809"), 1, 1, "number out of range" },
    { TEXT("100000000000000000000"), 1, 1, "number out of range" },
    { TEXT("1e309"), 1, 1, "number out of range" },
    { TEXT("-1e309"), 1, 1, "number out of range" },
    { TEXT("1e999999999999999999999999"), 1, 1, "number out of range" },
    { TEXT("1.7976931348623159e308"), 1, 1, "number out of range" },
    { TEXT("0.00017976931348623159e312"), 1, 1, "number out of range" },

    /* strings */
    { TEXT("\"a\0b\""), 1, 3, "control character in string" },
    { TEXT("\"a\nb\""), 1, 3, "control character in string" },
    { TEXT("{\"a\tb\":1}"), 1, 4, "control character in string" },
    { TEXT("\"\x1f\""), 1, 2, "control character in string" },
    { TEXT("\"\\a\""), 1, 2, "invalid escape" },
    { TEXT("\"\\'\""), 1, 2, "invalid escape" },
    { TEXT("\"\\U0041\""), 1, 2, "invalid escape" },
    { TEXT("\"\\u004g\""), 1, 2, "invalid escape" },
    { TEXT("\"\\u\""), 1, 2, "invalid escape" },
    { TEXT("\"\\u123\""), 1, 2, "invalid escape" },
    { TEXT("\"\\\0\""), 1, 2, "invalid escape" },
    { TEXT("\"\\ud800\""), 1, 2, "lone surrogate" },
    { TEXT("\"a\\udfff\""), 1, 3, "lone surrogate" },
    { TEXT("\"\\ud800\\ud800\""), 1, 2, "lone surrogate" },
    { TEXT("\"\\ud800\\u0041\""), 1, 2, "lone surrogate" },
    { TEXT("\"\\ud800\\n\""), 1, 2, "lone surrogate" },
    { TEXT("\"\\ud800x\""), 1, 2, "lone surrogate" },
    { TEXT("\"\\udc00\\ud800\""), 1, 2, "lone surrogate" },
    { TEXT("\"\\udc00\\udc00\""), 1, 2, "lone surrogate" },
    { TEXT("\"\\ud800\\ue000\""), 1, 2, "lone surrogate" },

    /* UTF-8: a tail alone, overlong, surrogates, too large, cut short */
    { TEXT("\"\x80\""), 1, 2, "invalid UTF-8" },
    { TEXT("\"\xbf\""), 1, 2, "invalid UTF-8" },
    { TEXT("\"\xc0\x80\""), 1, 2, "invalid UTF-8" },
    { TEXT("\"\xc1\xbf\""), 1, 2, "invalid UTF-8" },
    { TEXT("\"\xe0\x9f\xbf\""), 1, 2, "invalid UTF-8" },
    { TEXT("\"\xf0\x8f\xbf\xbf\""), 1, 2, "invalid UTF-8" },
    { TEXT("\"ab\xed\xa0\x80\""), 1, 4, "invalid UTF-8" },
    { TEXT("\"\xed\xbf\xbf\""), 1, 2, "invalid UTF-8" },
    { TEXT("\"\xf4\x90\x80\x80\""), 1, 2, "invalid UTF-8" },
    { TEXT("\"\xf5\x80\x80\x80\""), 1, 2, "invalid UTF-8" },
    { TEXT("\"\xff\""), 1, 2, "invalid UTF-8" },
    { TEXT("\"\xc3\""), 1, 2, "invalid UTF-8" },
    { TEXT("\"\xc3"), 1, 2, "invalid UTF-8" },
    { TEXT("\"\xe2\x82\""), 1, 2, "invalid UTF-8" },
    { TEXT("\"\xe2\x82"), 1, 2, "invalid UTF-8" },
    { TEXT("\"\xe2\x28\xa1\""), 1, 2, "invalid UTF-8" },
    { TEXT("\"\xf0\x9f\x98\""), 1, 2, "invalid UTF-8" },
    { TEXT("\"\xf0\x9f\x98\x28\""), 1, 2, "invalid UTF-8" },
    { TEXT("\"\xf0\x28\x8c\xbc\""), 1, 2, "invalid UTF-8" },
    { TEXT("\"\xc3\xa9\xc3\x28\""), 1, 4, "invalid UTF-8" }
};


/* no byte to spare on either side, for the sanitizers' sake */

static int
check(const char *text, size_t len, unsigned depth, rfc8259_error_t *error)
{
    int             rc;
    void           *work;
    size_t          size;
    unsigned char  *copy;

    copy = malloc(len ? len : 1);
    ck_assert_ptr_nonnull(copy);
    memcpy(copy, text, len);

    size = rfc8259_workspace(copy, len);
    work = malloc(size);
    ck_assert_ptr_nonnull(work);
    memset(work, 0xa5, size);

    rc = rfc8259_check(copy, len, depth, 4711, work, error);

    free(work);
    free(copy);

    return rc;
}


START_TEST(test_good)
{
    size_t           i;
    rfc8259_error_t  error;

    error.what = "";

    for (i = 0; i < UNIT_COUNT(good); i++) {
        ck_assert_msg(check(good[i].text, good[i].len, DEPTH, &error) == 0,
                      "%s: %s", good[i].text, error.what);
    }
}
END_TEST


START_TEST(test_bad)
{
    size_t           i, offset;
    unsigned         line;
    const char      *p;
    rfc8259_error_t  error;

    for (i = 0; i < UNIT_COUNT(bad); i++) {
        ck_assert_msg(check(bad[i].text, bad[i].len, DEPTH, &error) == -1,
                      "%s is accepted", bad[i].text);

        ck_assert_msg(error.line == bad[i].line
                      && error.column == bad[i].column
                      && strcmp(error.what, bad[i].what) == 0,
                      "%s: %u:%u: %s", bad[i].text, error.line, error.column,
                      error.what);

        /* the offset says the same as line and column */

        p = bad[i].text;
        offset = error.column - 1;

        for (line = 1; line < error.line; line++) {
            p = strchr(p, '\n') + 1;
        }

        ck_assert_uint_eq(error.offset, (size_t) (p - bad[i].text) + offset);
    }
}
END_TEST


/* every cut of a text is refused, and at its end */

START_TEST(test_cuts)
{
    size_t           len;
    rfc8259_error_t  error;

    static const char  text[] =
        "[{\"n\\u0061me\\ud834\\udd1e\":\"v\xc3\xa9lue\","
        "\"b\":[true,false,null]},-1.5e3]";

    ck_assert_int_eq(check(text, sizeof(text) - 1, DEPTH, &error), 0);

    for (len = 0; len < sizeof(text) - 1; len++) {
        ck_assert_int_eq(check(text, len, DEPTH, &error), -1);
        ck_assert_uint_le(error.offset, len);
        ck_assert_msg(error.offset == len
                      || strcmp(error.what, "invalid UTF-8") == 0,
                      "%zu: %zu: %s", len, error.offset, error.what);
    }
}
END_TEST


START_TEST(test_depth)
{
    char             text[4096];
    unsigned         n;
    rfc8259_error_t  error;

    memset(text, '[', sizeof(text));

    for (n = 1; n <= DEPTH; n++) {
        memset(text, '[', n);
        memset(text + n, ']', n);
        ck_assert_int_eq(check(text, 2 * n, DEPTH, &error), 0);
    }

    memset(text, '[', sizeof(text));

    ck_assert_int_eq(check(text, sizeof(text), DEPTH, &error), -1);
    ck_assert_str_eq(error.what, "nested too deeply");
    ck_assert_uint_eq(error.column, DEPTH + 1);

    ck_assert_int_eq(check(text, sizeof(text), 100000, &error), -1);
    ck_assert_str_eq(error.what, "nested too deeply");
    ck_assert_uint_eq(error.column, RFC8259_DEPTH_MAX + 1);

    ck_assert_int_eq(check("{\"a\":[]}", 8, 1, &error), -1);
    ck_assert_uint_eq(error.column, 6);
    ck_assert_int_eq(check("[{}]", 4, 1, &error), -1);
    ck_assert_uint_eq(error.column, 2);
    ck_assert_int_eq(check("[]", 2, 0, &error), -1);
    ck_assert_int_eq(check("1", 1, 0, &error), 0);

    /* depth is given back */
    ck_assert_int_eq(check("[[],{},[],{}]", 13, 2, &error), 0);
}
END_TEST


/* the last number that is rounded to a finite one, and the next */

START_TEST(test_double_limit)
{
    int              i;
    char             text[400];
    size_t           len;
    rfc8259_error_t  error;

    static const char  limit[] =
        "179769313486231580793728971405303415079934132710037826936173"
        "778980444968292764750946649017977587207096330286416692887910"
        "946555547851940402630657488671505820681908902000708383676273"
        "854845817711531764475730270069855571366959622842914819860834"
        "936475292719074168444365510704342711559699508093042880177904"
        "17449779";

    for (i = 0; i < 2; i++) {
        len = (size_t) snprintf(text, sizeof(text), "%s%d.9e0", limit, i + 1);
        ck_assert_int_eq(check(text, len, DEPTH, &error), -i);

        len = (size_t) snprintf(text, sizeof(text), "-0.00%s%de+311", limit,
                                i + 1);
        ck_assert_int_eq(check(text, len, DEPTH, &error), -i);
    }
}
END_TEST


/* {"k0":0,"k1":1,...} with one name more at the end */

static size_t
many_names(char *text, size_t size, unsigned count, const char *more)
{
    size_t    len;
    unsigned  n;

    len = 0;

    for (n = 0; n < count; n++) {
        len += (size_t) snprintf(text + len, size - len, "%c\"k%u\":%u",
                                 n ? ',' : '{', n, n);
    }

    return len + (size_t) snprintf(text + len, size - len, ",\"%s\":0}", more);
}


START_TEST(test_many_names)
{
    char             *text;
    size_t            len, size;
    unsigned          count;
    rfc8259_error_t   error;

    size = 4 * 1024 * 1024;
    text = malloc(size);
    ck_assert_ptr_nonnull(text);

    for (count = 1; count < 200000; count *= 3) {
        len = many_names(text, size, count, "k");
        ck_assert_int_eq(check(text, len, DEPTH, &error), 0);

        len = many_names(text, size, count, "\\u006b0");
        ck_assert_int_eq(check(text, len, DEPTH, &error), -1);
        ck_assert_str_eq(error.what, "duplicate name");
        ck_assert_uint_eq(error.offset, len - sizeof("\"\\u006b0\":0}") + 1);
    }

    free(text);
}
END_TEST


/* so many that hashes of 32 bits meet: they are not all that is compared */

START_TEST(test_many_objects)
{
    char             *text;
    size_t            i, objects, len;
    rfc8259_error_t   error;

    objects = 300000;
    len = objects * 8 + 1;
    text = malloc(len);
    ck_assert_ptr_nonnull(text);

    for (i = 0; i < objects; i++) {
        memcpy(text + 8 * i, ",{\"a\":0}", 8);
    }

    text[0] = '[';
    text[len - 1] = ']';

    ck_assert_int_eq(check(text, len, DEPTH, &error), 0);

    free(text);
}
END_TEST


/* names alone take work space, and a bound number of bytes each */

START_TEST(test_workspace)
{
    char             *text;
    size_t            i, size;
    rfc8259_error_t   error;

    size = 1024 * 1024;
    text = malloc(size);
    ck_assert_ptr_nonnull(text);

    memset(text, '"', size);
    ck_assert_uint_le(rfc8259_workspace((unsigned char *) text, size), 100);

    memset(text, ':', size);
    ck_assert_uint_le(rfc8259_workspace((unsigned char *) text, size), 100);

    for (i = 0; i < size; i += 2) {
        text[i] = '"';
    }

    ck_assert_uint_le(rfc8259_workspace((unsigned char *) text, size),
                      6 * size);
    ck_assert_int_eq(check(text, size, DEPTH, &error), -1);

    free(text);
}
END_TEST


START_TEST(test_seeds_agree)
{
    int              rc;
    char             work[4096] __attribute__((aligned(16)));
    unsigned         seed;
    rfc8259_error_t  error;

    static const unsigned char  text[] =
        "{\"a\":1,\"b\":2,\"c\":3,\"d\":4,\"e\":5,\"f\":6,\"a\":7}";

    for (seed = 0; seed < 1000; seed++) {
        rc = rfc8259_check(text, sizeof(text) - 1, DEPTH, seed, work, &error);
        ck_assert_int_eq(rc, -1);
        ck_assert_uint_eq(error.column, 38);
    }
}
END_TEST


START_TEST(test_too_long)
{
    char             work[64];
    rfc8259_error_t  error;

    /* is not read */
    ck_assert_int_eq(rfc8259_check((const unsigned char *) "", SIZE_MAX, DEPTH,
                                   0, work, &error),
                     -1);
    ck_assert_str_eq(error.what, "text too long");
}
END_TEST


/* every sequence of one to three bytes, compared with the definition */

START_TEST(test_utf8)
{
    size_t         n;
    unsigned       a, b, c, code;
    unsigned char  p[3];

    for (a = 0; a < 256; a++) {
        for (b = 0; b < 256; b++) {
            for (c = 0; c < 256; c += (a & 0xf0) == 0xe0 ? 1 : 85) {

                p[0] = (unsigned char) a;
                p[1] = (unsigned char) b;
                p[2] = (unsigned char) c;

                n = 0;
                code = (a & 0x1f) << 6 | (b & 0x3f);

                if (a < 0x80) {
                    n = 1;

                } else if ((a & 0xe0) == 0xc0 && (b & 0xc0) == 0x80) {
                    n = code >= 0x80 ? 2 : 0;

                } else if ((a & 0xf0) == 0xe0 && (b & 0xc0) == 0x80
                           && (c & 0xc0) == 0x80)
                {
                    code = (a & 0x0f) << 12 | (b & 0x3f) << 6 | (c & 0x3f);
                    n = code >= 0x800 && (code < 0xd800 || code > 0xdfff)
                        ? 3 : 0;
                }

                ck_assert_uint_eq(rfc8259_utf8(p, p + 3), n);
                ck_assert_uint_eq(rfc8259_utf8(p, p + 2), n < 3 ? n : 0);
                ck_assert_uint_eq(rfc8259_utf8(p, p + 1), n < 2 ? n : 0);
            }
        }
    }

    ck_assert_uint_eq(rfc8259_utf8(p, p), 0);
}
END_TEST


int
main(void)
{
    const TTest *const tests[] = {
        test_good,
        test_bad,
        test_cuts,
        test_depth,
        test_double_limit,
        test_many_names,
        test_many_objects,
        test_workspace,
        test_seeds_agree,
        test_too_long,
        test_utf8
    };

    return unit_run("rfc8259", tests, UNIT_COUNT(tests));
}
