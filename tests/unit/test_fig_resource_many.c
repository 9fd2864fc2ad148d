
/*
 * Copyright (C) Ficus authors
 */


/*
 * Resource: pages, arrays, all documents, and what the worker itself changes.
 */


#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fig_store_sqlite.h"
#include "resource_fixture.h"


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


START_TEST(many_with_one_too_large)
{
    char       *text;
    fig_buf_t   body;

    text = calloc(1, MB + 1);
    ck_assert_ptr_nonnull(text);
    memset(text, 'x', MB);

    fig_buf_init(&body, 2 * MB);
    fig_buf_printf(&body, "[{\"id\":\"a\",\"mail\":\"a\",\"x\":\"%s\"},"
                   "{\"id\":\"b\",\"mail\":\"b\"}]", text);

    ck_assert_uint_eq(make_many(body.data), 200);
    ck_assert(body_has("{\"results\":[{\"status\":413,\"error\":{"
                       "\"type\":\"urn:ficus:problem/content-too-large\""));
    ck_assert(body_has("{\"status\":201,"
                       "\"thing\":{\"id\":\"b\",\"mail\":\"b\"}}]}"));
    ck_assert_uint_eq(doc_ver("a"), 0);

    free(text);
    fig_buf_clear(&body);
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


static void
make_things(size_t n)
{
    size_t     i;
    fig_buf_t  body;

    fig_buf_init(&body, MB);

    for (i = 0; i < n; i++) {
        fig_buf_reset(&body);
        fig_buf_printf(&body, "{\"id\":\"%zu\",\"mail\":\"%zu\"}", i, i);
        ck_assert_uint_eq(make(body.data), 201);
    }

    fig_buf_clear(&body);
}


START_TEST(all)
{
    ck_assert_uint_eq(bury_all(),
                      404);
    ck_assert(body_has("No things found"));

    make_things(1500);

    ck_assert_uint_eq(bury_all(),
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


static unsigned      noted;
static char          notes_of[64];
static fig_status_t  noting;


static fig_status_t
note(const fig_resource_t *resource, fig_change_t *change)
{
    size_t  len;

    len = strlen(notes_of);
    (void) snprintf(notes_of + len, sizeof(notes_of) - len, "%.*s%s%s ",
                    (int) change->doc.id.len, change->doc.id.data,
                    change->doc.deleted ? "-" : "",
                    change->stored && change->stored->pending ? "?" : "");
    noted++;

    return noting;
}


/*
 * What nobody could look at when it was written is not forgotten because the
 * worker, or a deletion of all, writes over it.
 */

START_TEST(every_write_is_followed)
{
    char        value[] = "n";
    fig_doc_t   before, other;
    fig_edit_t  edits[2];

    things.stored = note;
    noting = FIG_BUSY;
    make("{\"id\":\"a\",\"mail\":\"m\"}");
    make("{\"id\":\"b\",\"mail\":\"b\"}");
    ck_assert_str_eq(notes_of, "a b ");

    noting = FIG_OK;
    before = doc_get(&users, "a");
    other = doc_get(&users, "b");
    edits[0].doc = &before;
    edits[0].data = value;
    edits[1].doc = &other;
    edits[1].data = NULL;

    ck_assert_int_eq(fig_resource_edit_many(&things, edits, 2, memory, edit),
                     FIG_OK);
    ck_assert_str_eq(notes_of, "a b a? ");

    ck_assert_uint_eq(bury_all(), 200);
    ck_assert_str_eq(notes_of, "a b a? a-? b-? ");
    ck_assert_uint_eq(noted, 5);
}
END_TEST


static fig_sqlite_lock_t  taken;


/* from the first document on nobody can write any more */

static fig_status_t
take_lock(const fig_resource_t *resource, fig_change_t *change)
{
    char  *path;

    if (taken.path == NULL) {
        path = directory_file("store.db");
        ck_assert_int_eq(fig_sqlite_lock_open(&taken, path), FIG_OK);
        ck_assert(fig_sqlite_lock_take(&taken));
        free(path);
    }

    return FIG_OK;
}


/* who is told that nothing was changed may believe it */

START_TEST(half_of_all)
{
    make_things(1001);

    things.stored = take_lock;
    ck_assert_uint_eq(bury_all(), 503);
    ck_assert(body_has("unknown-outcome"));
    ck_assert(!has_header("Retry-After"));

    ck_assert_uint_eq(bury_all(), 503);
    ck_assert(!body_has("unknown-outcome"));
    ck_assert(has_header("Retry-After"));

    fig_sqlite_lock_close(&taken);
    ck_assert_uint_eq(bury_all(), 200);
    ck_str(answer.body, "{\"deleted\":1}");
}
END_TEST


static void
add(TCase *tc)
{
    tcase_add_checked_fixture(tc, resource_setup, resource_teardown);
    tcase_add_test(tc, pages);
    tcase_add_test(tc, pages_refused);
    tcase_add_test(tc, many);
    tcase_add_test(tc, many_with_one_too_large);
    tcase_add_test(tc, many_at_most);
    tcase_add_test(tc, all);
    tcase_add_test(tc, what_changed_adds_up);
    tcase_add_test(tc, edits_of_the_worker);
    tcase_add_test(tc, every_write_is_followed);
    tcase_add_test(tc, half_of_all);
}


int
main(void)
{
    return run_suite("fig_resource_many", add);
}
