
/*
 * Copyright (C) Ficus authors
 */


#include "fig_event.h"
#include "fig_json.h"
#include "unit.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>


#define HEAD                                                                  \
    "{\"specversion\":\"1.0\",\"id\":\"users/u1/7\",\"source\":\"/users\","    \
    "\"type\":\"ficus.users.updated\",\"subject\":\"u1\","

#define DATA                                                                  \
    "\"data\":{\"userId\":\"u1\",\"version\":7,\"deleted\":false,"            \
    "\"email\":\"a@b.c\"}}"


typedef struct {
    const char  *text;
    const char  *why;          /* a part of it */
} bad_t;


static void setup(void);
static void teardown(void);
static void encode(const char *body, const char *changed);
static fig_status_t decode(const char *text);
static void check_changed(const char *before, const char *now,
    const char *all);


static const fig_topic_t  topic = {
    { "USERS", "users.>" }, "users", "userId", NULL
};


static fig_arena_t  *arena;
static fig_buf_t     out;
static fig_doc_t     doc;
static fig_event_t   event;
static const char   *why;


static void
setup(void)
{
    arena = fig_arena_create(4096, 1024 * 1024);
    ck_assert_ptr_nonnull(arena);
    fig_buf_init(&out, 1024 * 1024);

    memset(&doc, 0, sizeof(doc));
    doc.id = FIG_STR("u1");
    doc.ver = 7;
}


static void
teardown(void)
{
    fig_buf_clear(&out);
    fig_arena_destroy(arena);
}


static void
encode(const char *body, const char *changed)
{
    doc.body = fig_str_from(body);
    doc.changed = fig_str_from(changed);

    fig_buf_reset(&out);
    fig_event_encode(&out, &topic, &doc,
                     FIG_STR("00-0af7651916cd43dd8448eb211c80319c-"
                             "b7ad6b7169203331-01"));
    ck_assert(fig_buf_ok(&out));
}


static fig_status_t
decode(const char *text)
{
    return fig_event_decode(&topic, fig_str_from(text), arena, &event, &why);
}


START_TEST(a_changed_user)
{
    char  *time;

    setup();
    encode("{\"userId\":\"u1\",\"email\":\"a@b.c\"}", "email,phone");

    /* all but the time to the letter */

    time = strstr(out.data, "\"time\":\"");
    ck_assert_ptr_nonnull(time);
    ck_assert_int_eq(time[8], '2');
    ck_assert_int_eq(time[18], 'T');
    ck_assert_int_eq(time[31], 'Z');
    memset(time + 8, '0', 24);

    ck_assert_str_eq(out.data,
        "{\"specversion\":\"1.0\",\"id\":\"users/u1/7\",\"source\":\"/users\","
        "\"type\":\"ficus.users.updated\",\"subject\":\"u1\","
        "\"time\":\"000000000000000000000000\","
        "\"datacontenttype\":\"application/json\","
        "\"traceparent\":\"00-0af7651916cd43dd8448eb211c80319c-"
        "b7ad6b7169203331-01\","
        "\"data\":{\"version\":7,\"userId\":\"u1\",\"email\":\"a@b.c\","
        "\"deleted\":false,\"changed\":[\"email\",\"phone\"]}}");

    ck_assert_int_eq(decode(out.data), FIG_OK);
    ck_assert(fig_str_eq(event.key, FIG_STR("u1")));
    ck_assert_uint_eq(event.ver, 7);
    ck_assert(!event.deleted);
    ck_assert_str_eq(event.body.data, "{\"userId\":\"u1\","
                                      "\"email\":\"a@b.c\"}");
    ck_assert_uint_eq(event.traceparent.len, 55);
    ck_assert_ptr_null(why);

    teardown();
}
END_TEST


START_TEST(new_and_deleted)
{
    setup();

    encode("{\"email\":\"a@b.c\"}", "+,email");
    ck_assert_ptr_nonnull(strstr(out.data, "\"type\":\"ficus.users.created\""));
    ck_assert_ptr_nonnull(strstr(out.data, "\"changed\":[\"email\"]"));
    ck_assert_ptr_nonnull(strstr(out.data, "{\"userId\":\"u1\",\"version\":7"));

    fig_buf_reset(&out);
    fig_event_subject(&out, &topic, &doc);
    ck_assert_int_eq(strncmp(out.data, "users.created.", 14), 0);
    ck_assert_uint_eq(out.len, 16);

    doc.deleted = true;
    encode("{}", "+");
    ck_assert_ptr_nonnull(strstr(out.data, "\"type\":\"ficus.users.deleted\""));
    ck_assert_ptr_nonnull(strstr(out.data,
        "\"data\":{\"userId\":\"u1\",\"version\":7,\"deleted\":true,"
        "\"changed\":[]}}"));

    ck_assert_int_eq(decode(out.data), FIG_OK);
    ck_assert(event.deleted);
    ck_assert_str_eq(event.body.data, "{}");

    fig_buf_reset(&out);
    fig_event_subject(&out, &topic, &doc);
    ck_assert_int_eq(strncmp(out.data, "users.deleted.", 14), 0);

    teardown();
}
END_TEST


/* the key is put in where the body has none, and only there */

START_TEST(bodies_of_all_kinds)
{
    size_t             i;
    static const char *const  bodies[] = {
        "{}", " { } ", "{\"a\":1}", "{ \"userId\" : \"u1\" , \"a\" : [1,2] }",
        "{\"a\":{\"userId\":\"x\"},\"b\":\"\\\"userId\\\":\"}",
        "{\"a\":[\"userId\",{\"userId\":1}],\"userId\":\"u1\"}",
        "{\"b\":\"userId\"}", "{\"a\":\"x\\\\\",\"userId\":\"u1\"}",
        "{\"\":\"\",\"a\":[[],{}],\"c\":null}", "{\"userIds\":1,\"user\":2}"
    };

    setup();

    for (i = 0; i < UNIT_COUNT(bodies); i++) {
        encode(bodies[i], "");
        ck_assert_msg(decode(out.data) == FIG_OK, "%s: %s", out.data, why);
        ck_assert(fig_str_eq(event.key, FIG_STR("u1")));
    }

    teardown();
}
END_TEST


/* what a store takes comes back, and no more */

START_TEST(deep_bodies)
{
    int        i, depth;
    fig_buf_t  body;

    setup();
    fig_buf_init(&body, 1024);

    for (depth = FIG_JSON_DEPTH; depth <= FIG_JSON_DEPTH + 1; depth++) {
        fig_buf_reset(&body);
        fig_buf_puts(&body, "{\"userId\":\"u1\",\"a\":");

        for (i = 1; i < depth; i++) {
            fig_buf_puts(&body, "[");
        }

        for (i = 1; i < depth; i++) {
            fig_buf_puts(&body, "]");
        }

        fig_buf_puts(&body, "}");
        encode(body.data, "");
        ck_assert_int_eq(decode(out.data), depth > FIG_JSON_DEPTH
                                           ? FIG_INVALID : FIG_OK);
    }

    fig_buf_clear(&body);
    teardown();
}
END_TEST


START_TEST(large_bodies)
{
    char    *body;
    size_t   len;

    setup();
    fig_arena_destroy(arena);
    fig_buf_clear(&out);
    arena = fig_arena_create(4096, (size_t) 64 * 1024 * 1024);
    fig_buf_init(&out, (size_t) 64 * 1024 * 1024);

    for (len = FIG_STORE_BODY_MAX; len <= FIG_STORE_BODY_MAX + 1; len++) {
        body = malloc(len + 1);
        ck_assert_ptr_nonnull(body);
        memset(body, 'x', len);
        memcpy(body, "{\"userId\":\"u1\",\"a\":\"", 20);
        memcpy(body + len - 2, "\"}", 3);

        encode(body, "");
        ck_assert_int_eq(decode(out.data), len > FIG_STORE_BODY_MAX
                                           ? FIG_INVALID : FIG_OK);
        free(body);
    }

    ck_assert_str_eq(why, "data is larger than can be stored");
    teardown();
}
END_TEST


START_TEST(keys)
{
    setup();

    doc.id = FIG_STR("a\"b\\c/\n\303\244");
    encode("{}", "");
    ck_assert_int_eq(decode(out.data), FIG_OK);
    ck_assert(fig_str_eq(event.key, doc.id));

    fig_buf_reset(&out);
    fig_event_id(&out, &topic, &doc);
    ck_assert_str_eq(out.data, "users/a\"b\\c/\n\303\244/7");

    teardown();
}
END_TEST


START_TEST(versions)
{
    size_t             i;
    uint64_t           n;
    char               text[512];
    static const char *const  good[] = {
        "1", "4294967297", "9223372036854775807"
    };
    static const char *const  bad[] = {
        "0", "-1", "-0", "9223372036854775808", "18446744073709551617",
        "1e400", "7.0", "1e2", "\"7\"", "true", "null", "[7]", "{}"
    };

    setup();

    for (i = 0; i < UNIT_COUNT(good); i++) {
        (void) snprintf(text, sizeof(text), "{\"specversion\":\"1.0\","
                        "\"id\":\"users/u1/%s\",\"source\":\"s\",\"type\":"
                        "\"t\",\"subject\":\"u1\",\"data\":{\"userId\":\"u1\","
                        "\"deleted\":false,\"version\":%s}}", good[i],
                        good[i]);
        ck_assert_msg(decode(text) == FIG_OK, "%s: %s", good[i], why);

        n = strtoul(good[i], NULL, 10);
        ck_assert_uint_eq(event.ver, n);
    }

    for (i = 0; i < UNIT_COUNT(bad); i++) {
        (void) snprintf(text, sizeof(text), "{\"specversion\":\"1.0\","
                        "\"id\":\"users/u1/%s\",\"source\":\"s\",\"type\":"
                        "\"t\",\"subject\":\"u1\",\"data\":{\"userId\":\"u1\","
                        "\"deleted\":false,\"version\":%s}}",
                        strchr("0123456789-", bad[i][0]) ? bad[i] : "7",
                        bad[i]);
        ck_assert_msg(decode(text) == FIG_INVALID, "%s", bad[i]);
        ck_assert_ptr_nonnull(why);
        ck_assert_ptr_null(event.key.data);
    }

    teardown();
}
END_TEST


START_TEST(what_is_refused)
{
    size_t              i;
    static const bad_t  bad[] = {
        { "", "" },
        { "{", "" },
        { "[]", "not an object" },
        { "null", "not an object" },
        { "{}", "specversion" },
        { "{\"specversion\":1.0}", "specversion" },
        { "{\"specversion\":\"0.3\"}", "specversion" },
        { "{\"specversion\":\"1.0\",\"type\":\"t\"}", "source" },
        { "{\"specversion\":\"1.0\",\"source\":\"s\"}", "type" },
        { HEAD "\"x\":1}", "data is not" },
        { HEAD "\"data\":null}", "data is not" },
        { HEAD "\"data\":\"{}\"}", "data is not" },
        { HEAD "\"data\":[]}", "data is not" },
        { HEAD "\"data\":{\"version\":7,\"deleted\":false}}", "no key" },
        { HEAD "\"data\":{\"userId\":\"\",\"version\":7,\"deleted\":false}}",
          "no key" },
        { HEAD "\"data\":{\"userId\":1,\"version\":7,\"deleted\":false}}",
          "no key" },
        { HEAD "\"data\":{\"userId\":\"u\\u0000\",\"version\":7,"
          "\"deleted\":false}}", "can't be stored" },
        { HEAD "\"data\":{\"userId\":\"u1\",\"version\":7}}", "deleted" },
        { HEAD "\"data\":{\"userId\":\"u1\",\"version\":7,\"deleted\":0}}",
          "deleted" },
        { HEAD "\"data\":{\"userId\":\"u1\",\"deleted\":false}}", "version" },
        { HEAD "\"data\":{\"userId\":\"u2\",\"version\":7,\"deleted\":false}}",
          "subject" },
        { HEAD "\"data\":{\"userId\":\"u1\",\"version\":8,\"deleted\":false}}",
          "id is not" },
        { HEAD DATA "x", "" },
        { HEAD "\"subject\":\"u1\"," DATA, "" },
        { HEAD "\"data\":{\"userId\":\"u1\",\"version\":7,\"version\":7,"
          "\"deleted\":false}}", "" }
    };

    setup();

    for (i = 0; i < UNIT_COUNT(bad); i++) {
        ck_assert_msg(decode(bad[i].text) == FIG_INVALID, "%s", bad[i].text);
        ck_assert_ptr_nonnull(why);
        ck_assert_msg(strstr(why, bad[i].why) != NULL, "%s: %s", bad[i].text,
                      why);
    }

    teardown();
}
END_TEST


START_TEST(what_is_ignored)
{
    setup();

    ck_assert_int_eq(decode(HEAD "\"extension\":{\"a\":[1]},\"time\":1,"
                            "\"traceparent\":5," DATA), FIG_OK);
    ck_assert_str_eq(event.body.data, "{\"userId\":\"u1\","
                                      "\"email\":\"a@b.c\"}");
    ck_assert_ptr_null(event.traceparent.data);

    teardown();
}
END_TEST


START_TEST(long_keys)
{
    int    n;
    char   key[600], text[4096];

    setup();

    for (n = 512; n <= 513; n++) {
        memset(key, 'k', sizeof(key));
        key[n] = '\0';

        (void) snprintf(text, sizeof(text), "{\"specversion\":\"1.0\",\"id\":"
                        "\"users/%s/1\",\"source\":\"s\",\"type\":\"t\","
                        "\"subject\":\"%s\",\"data\":{\"userId\":\"%s\","
                        "\"version\":1,\"deleted\":false}}", key, key, key);

        ck_assert_int_eq(decode(text), n == 512 ? FIG_OK : FIG_INVALID);
    }

    teardown();
}
END_TEST


START_TEST(out_of_memory)
{
    size_t        limit;
    fig_status_t  rc;

    setup();
    encode("{\"userId\":\"u1\",\"email\":\"a@b.c\"}", "email");
    rc = FIG_NOMEM;

    for (limit = 1; limit < 4096 && rc != FIG_OK; limit++) {
        fig_arena_destroy(arena);
        arena = fig_arena_create(16, limit);

        if (arena) {
            rc = decode(out.data);
            ck_assert(rc == FIG_OK || rc == FIG_NOMEM);
            ck_assert(rc == FIG_OK || event.key.data == NULL);
        }
    }

    ck_assert_int_eq(rc, FIG_OK);

    fig_buf_clear(&out);
    fig_buf_init(&out, 100);
    fig_event_encode(&out, &topic, &doc, (fig_str_t) { 0 });
    ck_assert(!fig_buf_ok(&out));

    teardown();
}
END_TEST


static void
check_changed(const char *before, const char *now, const char *all)
{
    fig_str_t  changed;

    changed = fig_event_changed(arena, fig_str_from(before),
                                fig_str_from(now));

    ck_assert_ptr_nonnull(changed.data);
    ck_assert_str_eq(changed.data, all);
    ck_assert_uint_eq(changed.len, strlen(all));
}


START_TEST(unions)
{
    setup();

    check_changed(NULL, "", "");
    check_changed("", "email", "email");
    check_changed(NULL, "+,email", "+,email");
    check_changed("email", "", "email");
    check_changed("email", "email", "email");
    check_changed("+,email", "phone,email", "+,email,phone");
    check_changed("email", "mail,emails", "email,mail,emails");
    check_changed("a,b", ",c,,a,c,", "a,b,c");

    fig_arena_destroy(arena);
    arena = fig_arena_create(16, 64);
    ck_assert_ptr_nonnull(arena);
    doc.changed = fig_event_changed(arena, FIG_STR("0123456789012345678901234"
                                                   "56789012345678901234567"),
                                    FIG_STR("012345678901234567890123456789"));
    ck_assert_ptr_null(doc.changed.data);

    teardown();
}
END_TEST


int
main(void)
{
    const TTest *const  tests[] = {
        a_changed_user, new_and_deleted, bodies_of_all_kinds,
        deep_bodies, large_bodies, keys, versions, what_is_refused,
        what_is_ignored, long_keys, out_of_memory, unions
    };

    return unit_run("fig_event", tests, UNIT_COUNT(tests));
}
