
/*
 * Copyright (C) Ficus authors
 */


/* What the members of a document may hold. */


#include "rules_fixture.h"


static const fig_rule_t  id = { "id", true, fig_rule_id, 0, 0 };
static const fig_rule_t  text = { "address", true, fig_rule_text, 1, 512 };
static const fig_rule_t  line = { "name", true, fig_rule_line, 1, 100 };
static const fig_rule_t  number = {
    "quantity", false, fig_rule_integer, 1, 1000000
};

static const fig_rule_t  rules[] = {
    { "id", true, fig_rule_id, 0, 0 },
    { "name", false, fig_rule_line, 1, 100 },
    { NULL, false, NULL, 0, 0 }
};


START_TEST(ids)
{
    static const char *const  fine[] = {
        "a", "Z", "0", "A.b_c~d-9", "...", ".a", "Batch", A64
    };
    static const char *const  wrong[] = {
        "", "batch", ".", "..", "a b", "a/b", "\xc3\xbc", "a@b", A64 "a"
    };

    good(&id, fine, UNIT_COUNT(fine));
    bad(&id, "format", wrong, UNIT_COUNT(wrong));
}
END_TEST


START_TEST(texts)
{
    static const char *const  fine[] = {
        "x", U100 U100 U100 U100 U100 U10 "xx"
    };
    static const char *const  wrong[] = {
        "", U100 U100 U100 U100 U100 U10 "xxx"
    };
    static const char *const  control[] = {
        "a\nb", "a\x7f", "\xc2\x80", "\xc2\x9f", "\x1f"
    };

    good(&text, fine, UNIT_COUNT(fine));
    good(&text, control, UNIT_COUNT(control));
    bad(&text, "length", wrong, UNIT_COUNT(wrong));
    bad(&line, "format", control, UNIT_COUNT(control));
}
END_TEST


START_TEST(lines)
{
    static const char *const  fine[] = { "x", "\xc2\xa0", U100 };
    static const char *const  wrong[] = { "", U100 "x" };

    good(&line, fine, UNIT_COUNT(fine));
    bad(&line, "length", wrong, UNIT_COUNT(wrong));
}
END_TEST


START_TEST(integers)
{
    ck_assert_str_eq(judge(&number, json_object_new_int(1)), "");
    ck_assert_str_eq(judge(&number, json_object_new_int(1000000)), "");
    ck_assert_str_eq(judge(&number, json_object_new_int(0)), "range");
    ck_assert_str_eq(judge(&number, json_object_new_int(1000001)),
                     "range");
    ck_assert_str_eq(judge(&number, json_object_new_uint64(UINT64_MAX)),
                     "range");
    ck_assert_str_eq(judge(&number, json_object_new_double(1.5)),
                     "type");
    ck_assert_str_eq(judge_text(&number, "1"), "type");
}
END_TEST


/*
 * What a table of rules says of a change.
 */

static const char *
changed(const char *before, const char *sent, const char *fields, bool closed)
{
    fig_json_t         *values[3];
    fig_errors_t        errors;
    static fig_buf_t    out;
    const fig_error_t  *error;

    values[0] = before != NULL ? json_tokener_parse(before) : NULL;
    values[1] = json_tokener_parse(sent);
    values[2] = json_tokener_parse(fields != NULL ? fields : sent);
    fig_errors_init(&errors, rules_arena);

    fig_rules_check(rules, closed, values[0], values[1], values[2], &errors);

    fig_buf_clear(&out);
    fig_buf_init(&out, 65536);
    fig_buf_puts(&out, "");

    for (error = errors.items; error < errors.items + errors.n; error++) {
        fig_buf_printf(&out, "%.*s=%s;", (int) error->field.len,
                       error->field.data, error->code);
    }

    json_object_put(values[0]);
    json_object_put(values[1]);
    json_object_put(values[2]);

    return out.data != NULL ? out.data : "";
}


START_TEST(tables)
{
    ck_assert_str_eq(changed(NULL, "{\"id\":\"a\"}", NULL, false), "");
    ck_assert_str_eq(changed(NULL, "{\"name\":\"\"}", NULL, false),
                     "id=required;name=length;");
    ck_assert_str_eq(changed(NULL, "{\"id\":\"a\",\"x\":1}", NULL, false), "");
    ck_assert_str_eq(changed(NULL, "{\"id\":\"a\",\"x\":1}", NULL,
                             true), "x=unknown;");
    ck_assert_str_eq(changed(NULL, "{\"id\":\"a\",\"\":1,\"ver\":1,"
                             "\"version\":1,\"deleted\":1,\"changed\":1,"
                             "\"$a\":1,\"_a\":1,\"a.b\":1,\"a$\":1}", NULL,
                             false),
                     "=reserved;ver=reserved;version=reserved;"
                     "deleted=reserved;changed=reserved;$a=reserved;"
                     "_a=reserved;a.b=reserved;");
}
END_TEST


START_TEST(tables_forgive_what_is_stored)
{
    /* not sent; sent as it is; changed */
    ck_assert_str_eq(changed("{\"id\":\"a b\",\"x\":1}", "{}",
                             "{\"id\":\"a b\",\"x\":1}", true), "");
    ck_assert_str_eq(changed("{\"id\":\"a\",\"name\":\"\"}",
                             "{\"name\":\"\"}",
                             "{\"id\":\"a\",\"name\":\"\"}", true),
                     "");
    ck_assert_str_eq(changed("{\"id\":\"a\",\"name\":\"\"}",
                             "{\"name\":\"\\n\"}",
                             "{\"id\":\"a\",\"name\":\"\\n\"}", true),
                     "name=format;");
    ck_assert_str_eq(changed("{\"id\":\"a\",\"x\":1}", "{\"x\":2}",
                             "{\"id\":\"a\",\"x\":2}", true), "");
}
END_TEST


int
main(void)
{
    int       failed;
    TCase    *tc;
    Suite    *suite;
    SRunner  *runner;

    suite = suite_create("fig_rules");
    tc = tcase_create("all");

    tcase_add_checked_fixture(tc, rules_setup, rules_teardown);
    tcase_add_test(tc, ids);
    tcase_add_test(tc, texts);
    tcase_add_test(tc, lines);
    tcase_add_test(tc, integers);
    tcase_add_test(tc, tables);
    tcase_add_test(tc, tables_forgive_what_is_stored);
    suite_add_tcase(suite, tc);

    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);

    return failed ? 1 : 0;
}
