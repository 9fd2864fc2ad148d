
/*
 * Copyright (C) Ficus authors
 */


/*
 * Resource: what every service's documents have in common, over a real store;
 * the bus is away, so that nothing is published.
 */


#include <string.h>

#include "fig_resource.h"
#include "store_fixture.h"


typedef void (*handler_pt)(const fig_resource_t *resource,
    fig_request_t *request, fig_response_t *response);


static fig_bus_t       *bus;
static fig_resource_t   things;
static fig_arena_t     *memory;
static fig_response_t   answer;

/* headers of the next request, and its method */
static const char      *if_match;
static const char      *if_none_match;
static const char      *method;


static const fig_topic_t  topic = {
    .stream = { "THINGS", "things.>" },
    .name = "things",
    .id_name = "id",
    .collection = &users
};


static void
check(const fig_resource_t *resource, fig_change_t *change)
{
    fig_str_t  id, mail;

    id = fig_json_string(change->fields, "id");
    mail = fig_json_string(change->fields, "mail");

    if (id.len == 0) {
        fig_errors_add(&change->errors, FIG_STR("id"), "required",
                       "is required");
    }

    if (mail.len == 0) {
        fig_errors_add(&change->errors, FIG_STR("mail"), "required",
                       "is required");
    }

    if (fig_json_has(change->fields, "stuck")) {
        fig_errors_add(&change->conflicts, FIG_STR("stuck"), "stuck",
                       "is stuck");
    }
}


static fig_status_t
fill(const fig_resource_t *resource, fig_change_t *change)
{
    change->doc.keys[0] = fig_arena_dup(change->arena,
                                        fig_json_string(change->fields,
                                                        "mail"));
    return FIG_OK;
}


static fig_status_t
any(fig_arena_t *to, fig_str_t value, fig_str_t *key)
{
    *key = value;

    return value.len != 0 ? FIG_OK : FIG_INVALID;
}


static void
setup(void)
{
    fig_bus_conf_t  bus_conf;

    store_setup(0);

    memset(&bus_conf, 0, sizeof(fig_bus_conf_t));
    bus_conf.url = "nats://127.0.0.1:1";
    bus_conf.name = "test";
    bus_conf.publish_pending = 16;
    ck_assert_int_eq(fig_bus_open(&bus_conf, &bus), FIG_OK);

    memset(&things, 0, sizeof(fig_resource_t));
    things.topic = &topic;
    things.path = "/things";
    things.noun = "Thing";
    things.member = "thing";
    things.check = check;
    things.index = fill;
    things.store = store;
    things.filters[0].name = "mail";
    things.filters[0].parse = any;

    ck_assert_int_eq(fig_outbox_open(store, bus, &topic, &things.outbox),
                     FIG_OK);

    memory = fig_arena_create(65536, 64 * MB);
    ck_assert_ptr_nonnull(memory);
    fig_buf_init(&answer.headers, 65536);
}


static void
teardown(void)
{
    fig_buf_clear(&answer.headers);
    fig_arena_destroy(memory);
    fig_outbox_close(things.outbox, 0);
    fig_bus_close(bus);
    store_teardown();
}


/*
 * Has a handler answer; headers and body are in answer.
 */

static unsigned
ask(handler_pt handler, const char *id, const char *query, const char *body)
{
    size_t         n;
    fig_param_t    params[2];
    fig_request_t  request;

    n = 0;

    if (if_match != NULL) {
        params[n].name = FIG_STR("HTTP_IF_MATCH");
        params[n++].value = fig_str_from(if_match);
    }

    if (if_none_match != NULL) {
        params[n].name = FIG_STR("HTTP_IF_NONE_MATCH");
        params[n++].value = fig_str_from(if_none_match);
    }

    memset(&request, 0, sizeof(fig_request_t));
    request.method = fig_str_from(method != NULL ? method : "PUT");
    request.args[0] = fig_str_from(id);
    request.query = fig_str_from(query);
    request.body = fig_str_from(body);
    request.params = params;
    request.nparams = n;
    request.arena = memory;

    fig_buf_reset(&answer.headers);
    answer.status = 200;
    answer.type = "application/json";
    answer.body = (fig_str_t) { 0, NULL };

    handler(&things, &request, &answer);

    if_match = NULL;
    if_none_match = NULL;
    method = NULL;

    return answer.status;
}


static unsigned
make(const char *body)
{
    return ask(fig_resource_create, NULL, NULL, body);
}


static unsigned
get(const char *id)
{
    return ask(fig_resource_get, id, NULL, NULL);
}


static unsigned
put(const char *id, const char *body)
{
    return ask(fig_resource_update, id, NULL, body);
}


static unsigned
patch(const char *id, const char *body)
{
    method = "PATCH";

    return ask(fig_resource_update, id, NULL, body);
}


static unsigned
bury(const char *id)
{
    return ask(fig_resource_delete, id, NULL, NULL);
}


static unsigned
list(const char *query)
{
    return ask(fig_resource_list, NULL, query, NULL);
}


static unsigned
make_many(const char *body)
{
    return ask(fig_resource_create_many, NULL, NULL, body);
}


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


static bool
has_header(const char *line)
{
    fig_buf_append(&answer.headers, "", 1);
    answer.headers.len--;

    return strstr(answer.headers.data, line) != NULL;
}


static bool
body_has(const char *text)
{
    return memmem(answer.body.data, answer.body.len, text, strlen(text))
           != NULL;
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


START_TEST(pages)
{
    make("{\"id\":\"b\",\"mail\":\"1\"}");
    make("{\"id\":\"B\",\"mail\":\"2\"}");
    make("{\"id\":\"a&\",\"mail\":\"3\"}");

    ck_assert_uint_eq(list("x=1"), 200);
    ck_str(answer.body, "[{\"id\":\"B\",\"mail\":\"2\"},"
                        "{\"id\":\"a&\",\"mail\":\"3\"},"
                        "{\"id\":\"b\",\"mail\":\"1\"}]");
    ck_assert(!has_header("Link"));

    ck_assert_uint_eq(list("limit=2"),
                      200);
    ck_assert(has_header("Link: </things?limit=2&after=a%26>; "
                         "rel=\"next\"\r\n"));
    ck_assert_uint_eq(list("limit=2&after=a%26"), 200);
    ck_str(answer.body, "[{\"id\":\"b\",\"mail\":\"1\"}]");
    ck_assert(!has_header("Link"));

    ck_assert_uint_eq(list("mail=2"),
                      200);
    ck_str(answer.body, "[{\"id\":\"B\",\"mail\":\"2\"}]");
}
END_TEST


START_TEST(pages_refused)
{
    size_t  i;

    static const char *const  bad[] = {
        "limit=0", "limit=1001", "limit=", "limit=-1", "limit=1&limit=1",
        "limit=x", "after=a&after=b", "mail=", "mail=1&mail=1"
    };

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        ck_assert_msg(list(bad[i])
                      == 400, "%s", bad[i]);
    }

    ck_assert_uint_eq(list("limit=1000"),
                      200);
    ck_str(answer.body, "[]");
}
END_TEST


START_TEST(many)
{
    make("{\"id\":\"a\",\"mail\":\"m\"}");

    ck_assert_uint_eq(make_many("[{\"id\":\"b\",\"mail\":\"b\"}, 7,"
                                  "{\"id\":\"c\"}, {\"id\":\"b\",\"mail\":"
                                  "\"x\"}, {\"id\":\"d\",\"mail\":\"m\"},"
                                  "{\"id\":\"a\",\"mail\":\"y\"},"
                                  "{\"id\":\"e\",\"mail\":\"e\"}]"), 200);

    ck_assert(body_has("{\"results\":[{\"status\":201,"
                       "\"thing\":{\"id\":\"b\",\"mail\":\"b\"}},"
                       "{\"status\":400,\"error\":{"));
    ck_assert(body_has("{\"status\":201,"
                       "\"thing\":{\"id\":\"e\",\"mail\":\"e\"}}]}"));
    ck_assert(body_has("\"field\":\"email\",\"code\":\"taken\""));
    ck_assert(body_has("\"field\":\"id\",\"code\":\"taken\""));

    ck_assert_uint_eq(doc_ver("b"), 1);
    ck_assert_uint_eq(doc_ver("d"), 0);
    ck_assert_uint_eq(doc_ver("e"), 1);

    ck_assert_uint_eq(make_many("[]"),
                      200);
    ck_str(answer.body, "{\"results\":[]}");
    ck_assert_uint_eq(make_many("{}"),
                      400);
}
END_TEST


START_TEST(many_at_most)
{
    size_t     i;
    fig_buf_t  body;

    fig_buf_init(&body, MB);
    fig_buf_puts(&body, "[0");

    for (i = 1; i < 1000; i++) {
        fig_buf_puts(&body, ",0");
    }

    fig_buf_puts(&body, "]");
    ck_assert_uint_eq(make_many(body.data), 200);

    body.len--;
    fig_buf_puts(&body, ",0]");
    ck_assert_uint_eq(make_many(body.data), 400);
    fig_buf_clear(&body);
}
END_TEST


START_TEST(all)
{
    size_t     i;
    fig_buf_t  body;

    ck_assert_uint_eq(ask(fig_resource_delete_all, NULL, NULL, NULL),
                      404);
    ck_assert(body_has("No things found"));

    fig_buf_init(&body, MB);

    for (i = 0; i < 1500; i++) {
        fig_buf_reset(&body);
        fig_buf_printf(&body, "{\"id\":\"%zu\",\"mail\":\"%zu\"}", i, i);
        ck_assert_uint_eq(make(body.data), 201);
    }

    fig_buf_clear(&body);

    ck_assert_uint_eq(ask(fig_resource_delete_all, NULL, NULL, NULL),
                      200);
    ck_str(answer.body, "{\"deleted\":1500}");
    ck_assert_uint_eq(list(NULL), 200);
    ck_str(answer.body, "[]");
}
END_TEST


START_TEST(what_changed_adds_up)
{
    make("{\"id\":\"a\",\"mail\":\"m\",\"x\":1}");
    ck_str(doc_get(&users, "a").changed, "+");

    (void) put("a", "{\"x\":null,\"y\":2}");
    ck_assert(doc_get(&users, "a").pending);
    ck_assert_ptr_nonnull(memmem(doc_get(&users, "a").changed.data,
                                 doc_get(&users, "a").changed.len, "y", 1));
    ck_assert_ptr_nonnull(memmem(doc_get(&users, "a").changed.data,
                                 doc_get(&users, "a").changed.len, "x", 1));
}
END_TEST


static fig_status_t
edit(void *data, fig_change_t *change)
{
    const char  *value = data;

    if (value == NULL) {
        return FIG_DECLINED;
    }

    (void) json_object_object_add(change->fields, "mail",
                                  json_object_new_string(value));
    return FIG_OK;
}


START_TEST(edits_of_the_worker)
{
    char         value[] = "n";
    fig_doc_t    before, other;
    fig_edit_t   edits[2];

    make("{\"id\":\"a\",\"mail\":\"m\"}");
    make("{\"id\":\"b\",\"mail\":\"b\"}");

    ck_assert_int_eq(fig_resource_edit(&things, FIG_STR("a"), memory, edit,
                                       NULL), FIG_DECLINED);
    ck_assert_int_eq(fig_resource_edit(&things, FIG_STR("none"), memory, edit,
                                       value), FIG_DECLINED);

    /* one of them was changed since it was read */
    before = doc_get(&users, "a");
    other = doc_get(&users, "b");
    (void) put("a", "{\"x\":1}");

    edits[0].doc = &before;
    edits[0].data = value;
    edits[1].doc = &other;
    edits[1].data = NULL;
    ck_assert_int_eq(fig_resource_edit_many(&things, edits, 2, memory, edit),
                     FIG_OK);

    ck_str(doc_get(&users, "a").body, "{\"id\":\"a\",\"mail\":\"n\",\"x\":1}");
    ck_assert_uint_eq(doc_ver("a"), 3);
    ck_assert_uint_eq(doc_ver("b"), 1);
}
END_TEST


static void
add(TCase *tc)
{
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, create_and_get);
    tcase_add_test(tc, create_refused);
    tcase_add_test(tc, update_merges);
    tcase_add_test(tc, update_of_nothing_keeps_the_version);
    tcase_add_test(tc, conditions);
    tcase_add_test(tc, delete_and_again);
    tcase_add_test(tc, pages);
    tcase_add_test(tc, pages_refused);
    tcase_add_test(tc, many);
    tcase_add_test(tc, many_at_most);
    tcase_add_test(tc, all);
    tcase_add_test(tc, what_changed_adds_up);
    tcase_add_test(tc, edits_of_the_worker);
}


int
main(void)
{
    return run_suite("fig_resource", add);
}
