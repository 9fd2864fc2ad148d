
/*
 * Copyright (C) Ficus authors
 */


/*
 * Resource: one document at a time.
 */


#include "resource_fixture.h"


static unsigned
get_if(const char *match, const char *none_match)
{
    if_match = match;
    if_none_match = none_match;

    return get("a");
}


static unsigned
put_if(const char *match, const char *none_match)
{
    if_match = match;
    if_none_match = none_match;

    return put("a", "{\"mail\":\"m\"}");
}


START_TEST(create_and_get)
{
    ck_assert_uint_eq(make("{\"mail\":\"m\",\"id\":\"a b\",\"x\":[1, 2]}"),
                      201);
    ck_str(answer.body, "{\"id\":\"a b\",\"mail\":\"m\",\"x\":[1,2]}");
    ck_assert(has_header("Location: /things/a%20b\r\n"));
    ck_assert(has_header("ETag: \"1\"\r\n"));

    ck_assert_uint_eq(get("a b"), 200);
    ck_str(answer.body, "{\"id\":\"a b\",\"mail\":\"m\",\"x\":[1,2]}");
    ck_assert(has_header("ETag: \"1\"\r\n"));

    ck_assert_uint_eq(get("b"), 404);
    ck_assert(body_has("\"message\":\"Thing not found\""));
}
END_TEST


START_TEST(create_refused)
{
    ck_assert_uint_eq(make("{"), 400);
    ck_assert(body_has("line 1, column 2"));
    ck_assert_uint_eq(make("[]"), 400);
    ck_assert_uint_eq(make("{}"), 400);
    ck_assert(body_has("\"field\":\"id\""));
    ck_assert(body_has("\"field\":\"mail\""));
    ck_assert_uint_eq(make("{\"id\":\"a\",\"mail\":null}"), 400);

    ck_assert_uint_eq(make("{\"id\":\"a\",\"mail\":\"m\"}"), 201);
    ck_assert_uint_eq(make("{\"id\":\"a\",\"mail\":\"n\"}"), 409);
    ck_assert(body_has("\"field\":\"id\",\"code\":\"taken\""));
    ck_assert_uint_eq(make("{\"id\":\"b\",\"mail\":\"m\"}"), 409);
    ck_assert(body_has("\"field\":\"email\",\"code\":\"taken\""));
}
END_TEST


START_TEST(update_merges)
{
    make("{\"id\":\"a\",\"mail\":\"m\",\"o\":{\"p\":1,\"q\":2},\"r\":3}");

    ck_assert_uint_eq(put("a", "{\"o\":{\"p\":5},\"r\":null}"), 200);
    ck_str(answer.body, "{\"id\":\"a\",\"mail\":\"m\",\"o\":{\"p\":5}}");
    ck_assert(has_header("ETag: \"2\"\r\n"));

    ck_assert_uint_eq(patch("a", "{\"o\":{\"q\":6,\"z\":{\"y\":null}}}"),
                      200);
    ck_str(answer.body, "{\"id\":\"a\",\"mail\":\"m\","
                        "\"o\":{\"p\":5,\"q\":6,\"z\":{}}}");

    ck_assert_uint_eq(put("none", "{}"), 404);
    ck_assert_uint_eq(put("a", "{\"id\":\"b\"}"), 400);
    ck_assert(body_has("\"code\":\"mismatch\""));
    ck_assert_uint_eq(put("a", "{\"mail\":null}"), 400);
    ck_assert_uint_eq(put("a", "{\"stuck\":1}"), 409);
}
END_TEST


START_TEST(update_of_nothing_keeps_the_version)
{
    make("{\"id\":\"a\",\"mail\":\"m\"}");

    ck_assert_uint_eq(put("a", "{\"mail\":\"m\"}"), 200);
    ck_assert(has_header("ETag: \"1\"\r\n"));
    ck_assert_uint_eq(doc_ver("a"), 1);
}
END_TEST


START_TEST(conditions)
{
    make("{\"id\":\"a\",\"mail\":\"m\"}");

    ck_assert_uint_eq(get_if(NULL, "\"1\""), 304);
    ck_assert_ptr_null(answer.body.data);
    ck_assert(has_header("ETag: \"1\"\r\n"));
    ck_assert_uint_eq(get_if(NULL, "W/\"1\""), 304);
    ck_assert_uint_eq(get_if(NULL, "\"7\" , \"1\""), 304);
    ck_assert_uint_eq(get_if(NULL, "*"), 304);
    ck_assert_uint_eq(get_if(NULL, "\"2\""), 200);
    ck_assert_uint_eq(get_if(NULL, "1"), 400);

    ck_assert_uint_eq(put_if("\"1\"", NULL), 200);
    ck_assert_uint_eq(put_if("*", NULL), 200);
    ck_assert_uint_eq(put_if(",\"5\",\"1\",", NULL), 200);
    ck_assert_uint_eq(put_if("\"2\"", NULL), 412);
    ck_assert_uint_eq(put_if("W/\"1\"", NULL), 412);
    ck_assert_uint_eq(put_if("\"01\"", NULL), 412);
    ck_assert_uint_eq(put_if("1", NULL), 400);
    ck_assert(body_has("\"field\":\"If-Match\""));
    ck_assert_uint_eq(put_if("\"1", NULL), 400);
    ck_assert_uint_eq(put_if("\"1\"\"2\"", NULL), 400);
    ck_assert_uint_eq(put_if("*, \"1\"", NULL), 400);
    ck_assert_uint_eq(put_if("", NULL), 200);
    ck_assert_uint_eq(put_if(NULL, "*"), 412);

    if_match = "*";
    ck_assert_uint_eq(make("{\"id\":\"b\",\"mail\":\"b\"}"), 412);
    if_none_match = "*";
    ck_assert_uint_eq(make("{\"id\":\"b\",\"mail\":\"b\"}"), 201);
}
END_TEST


START_TEST(delete_and_again)
{
    make("{\"id\":\"a\",\"mail\":\"m\"}");

    if_match = "\"9\"" ;
    ck_assert_uint_eq(bury("a"), 412);
    if_match = "\"1\"" ;
    ck_assert_uint_eq(bury("a"), 200);
    ck_str(answer.body, "{\"id\":\"a\",\"mail\":\"m\"}");
    ck_assert_uint_eq(bury("a"), 404);
    ck_assert_uint_eq(get("a"), 404);
    ck_assert_uint_eq(put("a", "{}"), 404);

    /* nothing of it is left but id and version; its key is free */
    ck_str(doc_get(&users, "a").body, "");
    ck_assert_uint_eq(doc_ver("a"), 2);
    ck_assert_uint_eq(make("{\"id\":\"b\",\"mail\":\"m\"}"), 201);

    ck_assert_uint_eq(make("{\"id\":\"a\",\"mail\":\"n\"}"), 201);
    ck_assert(has_header("ETag: \"3\"\r\n"));
}
END_TEST


/* the bus was never there: what it takes is what the configuration says */

START_TEST(larger_than_the_broker_takes)
{
    char       *text;
    fig_buf_t   body;

    fig_buf_init(&body, 3 * MB);
    fig_buf_puts(&body, "{\"id\":\"a\",\"mail\":\"m\",\"x\":\"");
    text = calloc(1, MB + 1);
    ck_assert_ptr_nonnull(text);
    memset(text, 'x', MB);
    fig_buf_append(&body, text, MB);
    fig_buf_puts(&body, "\"}");
    ck_assert(fig_buf_ok(&body));

    ck_assert_uint_eq(make(body.data), 413);
    ck_assert(body_has("\"type\":\"urn:ficus:problem/content-too-large\""));
    ck_assert(body_has("\"detail\":\"the document has 10"));
    ck_assert(body_has(" bytes as an event, of which the broker takes 10485"));
    ck_assert(body_has("\"errors\":[{\"field\":\"\",\"code\":\"length\""));
    ck_assert_uint_eq(get("a"), 404);

    /* it is the whole that counts, not what is sent */

    ck_assert_uint_eq(make("{\"id\":\"a\",\"mail\":\"m\",\"y\":\"1\"}"), 201);
    ck_assert_uint_eq(put("a", body.data), 413);
    ck_assert_uint_eq(patch("a", body.data), 413);
    ck_assert_uint_eq(doc_ver("a"), 1);

    memcpy(body.data + body.len - 2002, "\"}", 3);
    ck_assert_uint_eq(patch("a", body.data), 200);
    ck_assert_uint_eq(doc_ver("a"), 2);
    text[3000] = '\0';
    fig_buf_reset(&body);
    fig_buf_printf(&body, "{\"z\":\"%s\"}", text);
    ck_assert_uint_eq(patch("a", body.data), 413);
    ck_assert_uint_eq(doc_ver("a"), 2);

    free(text);
    fig_buf_clear(&body);
}
END_TEST


static void
add(TCase *tc)
{
    tcase_add_checked_fixture(tc, resource_setup, resource_teardown);
    tcase_add_test(tc, create_and_get);
    tcase_add_test(tc, create_refused);
    tcase_add_test(tc, update_merges);
    tcase_add_test(tc, update_of_nothing_keeps_the_version);
    tcase_add_test(tc, conditions);
    tcase_add_test(tc, delete_and_again);
    tcase_add_test(tc, larger_than_the_broker_takes);
}


int
main(void)
{
    return run_suite("fig_resource", add);
}
