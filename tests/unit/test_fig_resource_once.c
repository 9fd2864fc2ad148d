
/*
 * Copyright (C) Ficus authors
 */


/*
 * Resource: creations with an Idempotency-Key, on every store.
 */


#include "resource_fixture.h"
#include <stdio.h>
#include <string.h>


static unsigned
make_once(const char *key, const char *body)
{
    once_key = key;

    return make(body);
}


static unsigned
many_once(const char *key, const char *body)
{
    once_key = key;

    return make_many(body);
}


static size_t
count(void)
{
    return page_get(&users, query_all(10)).n;
}


START_TEST(the_same_answer_again)
{
    size_t  i;

    static const char  body[] = "{\"id\":\"a b\",\"mail\":\"m\",\"x\":1}";

    resource_open(_i);

    for (i = 0; i < 3; i++) {
        ck_assert_uint_eq(make_once("k1", body), 201);
        ck_str(answer.body, body);
        ck_assert(has_header("Location: /things/a%20b\r\n"));
        ck_assert(has_header("ETag: \"1\"\r\n"));
    }

    /* as the draft writes it; blanks are no content */
    ck_assert_uint_eq(make_once("\"k1\"", "{ \"id\" : \"a b\", \"mail\":\"m\","
                                          "\"x\":1 }"), 201);
    ck_str(answer.body, body);

    if_none_match = "*";
    ck_assert_uint_eq(make_once("k1", body), 201);

    ck_assert_uint_eq(get("a b"), 200);
    ck_str(answer.body, body);
    ck_assert_uint_eq(doc_ver("a b"), 1);
    ck_assert_uint_eq(count(), 1);

    /* nobody else's */
    ck_assert_uint_eq(make(body), 409);
    ck_assert_uint_eq(make_once("K1", body), 409);
    ck_assert(body_has("\"field\":\"id\",\"code\":\"taken\""));

    resource_teardown();
}
END_TEST


START_TEST(ids_that_are_made)
{
    fig_str_t  first;

    resource_open(_i);
    things.make_id = fig_resource_ulid;

    ck_assert_uint_eq(make_once("k1", "{\"mail\":\"m\"}"), 201);
    first = answer.body;
    ck_assert_uint_eq(make_once("k1", "{\"mail\":\"m\"}"), 201);
    ck_assert(fig_str_eq(answer.body, first));
    ck_assert_uint_eq(count(), 1);

    ck_assert_uint_eq(make_once("k2", "{\"mail\":\"n\"}"), 201);
    ck_assert_uint_eq(make("{\"mail\":\"o\"}"), 201);
    ck_assert_uint_eq(count(), 3);

    resource_teardown();
}
END_TEST


START_TEST(other_content)
{
    resource_open(_i);

    ck_assert_uint_eq(make_once("k1", "{\"id\":\"a\",\"mail\":\"m\"}"), 201);

    ck_assert_uint_eq(make_once("k1", "{\"id\":\"a\",\"mail\":\"n\"}"), 422);
    ck_assert(body_has("\"type\":\"urn:ficus:problem/key-reused\""));
    ck_assert(body_has("\"errors\":[{\"field\":\"Idempotency-Key\","
                       "\"code\":\"reused\""));
    ck_assert_uint_eq(make_once("k1", "{\"id\":\"b\",\"mail\":\"m\"}"), 422);
    ck_assert_uint_eq(make_once("k1", "{\"id\":\"b\",\"mail\":\"n\"}"), 422);
    ck_assert_uint_eq(make_once("k1", "{\"id\":\"b\"}"), 422);
    ck_assert_uint_eq(count(), 1);

    /* other keys, other documents: as without */
    ck_assert_uint_eq(make_once("k2", "{\"id\":\"b\",\"mail\":\"m\"}"), 409);
    ck_assert(body_has("\"field\":\"email\",\"code\":\"taken\""));
    ck_assert_uint_eq(make_once("k2", "{\"id\":\"b\"}"), 400);
    ck_assert_uint_eq(make_once("k2", "{\"id\":\"b\",\"mail\":\"n\"}"), 201);

    resource_teardown();
}
END_TEST


START_TEST(changed_since)
{
    resource_open(_i);

    ck_assert_uint_eq(make_once("k1", "{\"id\":\"a\",\"mail\":\"m\"}"), 201);
    ck_assert_uint_eq(put("a", "{\"mail\":\"n\"}"), 200);
    ck_assert_uint_eq(patch("a", "{\"x\":1}"), 200);

    ck_assert_uint_eq(make_once("k1", "{\"id\":\"a\",\"mail\":\"m\"}"), 201);
    ck_str(answer.body, "{\"id\":\"a\",\"mail\":\"n\",\"x\":1}");
    ck_assert(has_header("ETag: \"3\"\r\n"));
    ck_assert_uint_eq(doc_ver("a"), 3);

    resource_teardown();
}
END_TEST


START_TEST(deleted_since)
{
    resource_open(_i);

    ck_assert_uint_eq(make_once("k1", "{\"id\":\"a\",\"mail\":\"m\"}"), 201);
    ck_assert_uint_eq(bury("a"), 200);

    ck_assert_uint_eq(make_once("k1", "{\"id\":\"a\",\"mail\":\"m\"}"), 410);
    ck_assert(body_has("\"type\":\"urn:ficus:problem/gone\""));
    ck_assert(body_has("Idempotency-Key made a, which was deleted since"));
    ck_assert_uint_eq(make_once("k1", "{\"id\":\"b\",\"mail\":\"m\"}"), 410);
    ck_assert_uint_eq(doc_ver("a"), 2);
    ck_assert_uint_eq(count(), 0);

    ck_assert_uint_eq(make_once("k2", "{\"id\":\"b\",\"mail\":\"m\"}"), 201);
    ck_assert_uint_eq(bury_all(), 200);
    ck_assert_uint_eq(make_once("k2", "{\"id\":\"b\",\"mail\":\"m\"}"), 410);

    /* another request's */
    ck_assert_uint_eq(make("{\"id\":\"a\",\"mail\":\"n\"}"), 201);
    ck_assert_uint_eq(make_once("k1", "{\"id\":\"a\",\"mail\":\"m\"}"), 409);
    ck_assert_uint_eq(make_once("k3", "{\"id\":\"b\",\"mail\":\"m\"}"), 201);

    resource_teardown();
}
END_TEST


/*
 * The arm that answers again need not be the one that has made it.
 */

START_TEST(rules_that_are_stricter_by_now)
{
    resource_open(_i);

    things.check = NULL;
    ck_assert_uint_eq(make_once("k1", "{\"id\":\"a\"}"), 201);
    things.check = resource_check;

    ck_assert_uint_eq(make_once("k1", "{\"id\":\"a\"}"), 201);
    ck_str(answer.body, "{\"id\":\"a\"}");
    ck_assert_uint_eq(make_once("k2", "{\"id\":\"a\"}"), 400);

    resource_teardown();
}
END_TEST


START_TEST(keys_that_are_none)
{
    char    key[300];
    size_t  i;

    static const char *const  bad[] = {
        "\"", "\"\"", "\"a", "a\"", "a\"b", "\"a\"b", "\"a\"\"", "a b", "a,b",
        "\"\\a\"", "\"a\\\"", "\"\\", "\x01", "k\x7f", "k\xc3\xa4",
        "\"\xc3\xa4\"", "\"a\";b=1"
    };

    resource_setup();

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        ck_assert_msg(make_once(bad[i], "{\"id\":\"a\",\"mail\":\"m\"}")
                      == 400, "%s", bad[i]);
        ck_assert(body_has("\"field\":\"Idempotency-Key\","
                           "\"code\":\"format\""));
        ck_assert_msg(many_once(bad[i], "[]") == 400, "%s", bad[i]);
    }

    once_more = "k1";
    ck_assert_uint_eq(make_once("k1", "{\"id\":\"a\",\"mail\":\"m\"}"), 400);

    memset(key, 'k', sizeof(key));
    key[256] = '\0';
    ck_assert_uint_eq(make_once(key, "{\"id\":\"a\",\"mail\":\"m\"}"), 400);
    ck_assert_uint_eq(count(), 0);
    key[255] = '\0';
    ck_assert_uint_eq(make_once(key, "{\"id\":\"a\",\"mail\":\"m\"}"), 201);

    /* an empty one is none; quotes and backslashes are text */
    ck_assert_uint_eq(make_once("", "{\"id\":\"b\",\"mail\":\"b\"}"), 201);
    ck_assert_uint_eq(make_once("", "{\"id\":\"b\",\"mail\":\"b\"}"), 409);
    ck_assert_uint_eq(make_once("\"a, \\\"b\\\\\"",
                                "{\"id\":\"c\",\"mail\":\"c\"}"), 201);
    ck_assert_uint_eq(make_once("\"a, \\\"b\\\\\"",
                                "{\"id\":\"c\",\"mail\":\"c\"}"), 201);

    resource_teardown();
}
END_TEST


/*
 * Each element has a key of its own.
 */

START_TEST(arrays)
{
    resource_open(_i);

    ck_assert_uint_eq(make("{\"id\":\"z\",\"mail\":\"z\"}"), 201);

    ck_assert_uint_eq(many_once("k1", "[{\"id\":\"a\",\"mail\":\"a\"},"
                                      "{\"id\":\"z\",\"mail\":\"b\"},"
                                      "{\"id\":\"c\",\"mail\":\"c\"},"
                                      "{\"id\":\"d\",\"mail\":\"d\"}]"), 200);
    ck_assert(body_has("{\"status\":409,"));
    ck_assert_uint_eq(count(), 4);

    ck_assert_uint_eq(bury("c"), 200);
    ck_assert_uint_eq(bury("z"), 200);
    ck_assert_uint_eq(put("d", "{\"x\":1}"), 200);

    ck_assert_uint_eq(many_once("k1", "[{\"id\":\"a\",\"mail\":\"a\"},"
                                      "{\"id\":\"z\",\"mail\":\"b\"},"
                                      "{\"id\":\"c\",\"mail\":\"c\"},"
                                      "{\"id\":\"e\",\"mail\":\"e\"},"
                                      "{\"id\":\"d\",\"mail\":\"d\"}]"), 200);
    ck_assert(body_has("{\"results\":[{\"status\":201,"
                       "\"thing\":{\"id\":\"a\",\"mail\":\"a\"}},"
                       "{\"status\":201,"
                       "\"thing\":{\"id\":\"z\",\"mail\":\"b\"}},"
                       "{\"status\":410,\"error\":{"));
    ck_assert(body_has("{\"status\":422,\"error\":{"));
    ck_assert(body_has("{\"status\":409,\"error\":{"));
    ck_assert_uint_eq(count(), 3);
    ck_assert_uint_eq(doc_ver("a"), 1);

    /* one that is made by itself is another */
    ck_assert_uint_eq(make_once("k1", "{\"id\":\"e\",\"mail\":\"e\"}"), 201);

    resource_teardown();
}
END_TEST


/*
 * The second of them finds the first only when it is written.
 */

START_TEST(arrays_that_meet_themselves)
{
    resource_open(_i);

    ck_assert_uint_eq(many_once("k1", "[{\"id\":\"a\",\"mail\":\"a\"},"
                                      "{\"id\":\"a\",\"mail\":\"a\"},"
                                      "{\"id\":\"b\",\"mail\":\"a\"}]"), 200);
    ck_assert(body_has("{\"results\":[{\"status\":201,"
                       "\"thing\":{\"id\":\"a\",\"mail\":\"a\"}},"
                       "{\"status\":409,\"error\":{"));
    ck_assert(!body_has("\"status\":422"));
    ck_assert_uint_eq(count(), 1);

    resource_teardown();
}
END_TEST


static void
add(TCase *tc)
{
    tcase_add_loop_test(tc, the_same_answer_again, 0, nbackends);
    tcase_add_loop_test(tc, ids_that_are_made, 0, nbackends);
    tcase_add_loop_test(tc, other_content, 0, nbackends);
    tcase_add_loop_test(tc, changed_since, 0, nbackends);
    tcase_add_loop_test(tc, deleted_since, 0, nbackends);
    tcase_add_loop_test(tc, rules_that_are_stricter_by_now, 0, nbackends);
    tcase_add_test(tc, keys_that_are_none);
    tcase_add_loop_test(tc, arrays, 0, nbackends);
    tcase_add_loop_test(tc, arrays_that_meet_themselves, 0, nbackends);
}


int
main(void)
{
    return run_suite("fig_resource, once", add);
}
