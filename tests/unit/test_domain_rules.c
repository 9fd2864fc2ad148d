
/*
 * Copyright (C) Ficus authors
 */


/* What the fields of users and orders may hold. */


#include <string.h>

#include "domain/rules.h"
#include "unit.h"


#define A16   "aaaaaaaaaaaaaaaa"
#define A64   A16 A16 A16 A16
#define U10   "\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc" \
              "\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc"
#define U100  U10 U10 U10 U10 U10 U10 U10 U10 U10 U10


static fig_arena_t  *arena;


static void
setup(void)
{
    arena = fig_arena_create(65536, 1 << 20);
}


static void
teardown(void)
{
    fig_arena_destroy(arena);
}


/*
 * The code of the first error, "" when there is none.
 */

static const char *
judge(rule_pt rule, fig_json_t *value)
{
    static fig_errors_t  errors;

    fig_errors_init(&errors, arena);
    rule(&errors, FIG_STR("field"), value);
    json_object_put(value);

    return errors.n != 0 ? errors.items[0].code : "";
}


static const char *
judge_text(rule_pt rule, const char *text)
{
    return judge(rule, json_object_new_string(text));
}


static void
good(rule_pt rule, const char *const *texts, size_t n)
{
    size_t  i;

    for (i = 0; i < n; i++) {
        ck_assert_msg(*judge_text(rule, texts[i]) == '\0', "%s", texts[i]);
    }
}


static void
bad(rule_pt rule, const char *code, const char *const *texts, size_t n)
{
    size_t  i;

    for (i = 0; i < n; i++) {
        ck_assert_msg(strcmp(judge_text(rule, texts[i]), code) == 0, "%s: %s",
                      texts[i], judge_text(rule, texts[i]));
    }

    ck_assert_str_eq(judge(rule, json_object_new_int(1)), "type");
    ck_assert_str_eq(judge(rule, json_object_new_object()), "type");
}


START_TEST(ids)
{
    static const char *const  fine[] = {
        "a", "Z", "0", "A.b_c~d-9", "...", ".a", "Batch", A64
    };
    static const char *const  wrong[] = {
        "", "batch", ".", "..", "a b", "a/b", "\xc3\xbc", "a@b", A64 "a"
    };

    good(rule_id, fine, UNIT_COUNT(fine));
    bad(rule_id, "format", wrong, UNIT_COUNT(wrong));
}
END_TEST


START_TEST(emails)
{
    static const char *const  fine[] = {
        "a@b", "  @  ", "\xc3\xbc@\xc3\xbc.de",
        A64 A64 A64 "@" A16 A16 A16 "aaaaaaaaaaaaa"
    };
    static const char *const  wrong[] = {
        "", "a", "@", "a@", "@b", "a@b@c", "a@@b",
        A64 A64 A64 "@" A16 A16 A16 "aaaaaaaaaaaaaa"
    };

    good(rule_email, fine, UNIT_COUNT(fine));
    bad(rule_email, "format", wrong, UNIT_COUNT(wrong));
}
END_TEST


START_TEST(strict_emails)
{
    static const char *const  fine[] = {
        "a@b", "a.b@c.de", "!#$%&'*+-/=?^_`{|}~@b", "\"a b\"@c",
        "\"a\\\"b\"@c", "\"\"@c", "a@[192.0.2.1]", "a@[IPv6:2001:db8::1]",
        "a@1-2.de", A64 "@b.de"
    };
    static const char *const  wrong[] = {
        "a@", "a@b@c", "a b@c", ".a@b", "a.@b", "a..b@c", "a@-b", "a@b-",
        "a@b..c", "a@b.", "a@.b", "a@b_c", "\"a@b", "\"a\"b\"@c", "\"a\\\"@c",
        "\"a\xc3\xbc\"@b", "\xc3\xbc@b", "a@\xc3\xbc", "a@[192.0.2]",
        "a@[192.0.2.1", "a@[]", "a@[IPv6:1]", "a@[IPv6:]", A64 "a@b",
        "a@" A64, "a\n@b"
    };

    good(rule_email_strict, fine, UNIT_COUNT(fine));
    bad(rule_email_strict, "format", wrong, UNIT_COUNT(wrong));
}
END_TEST


START_TEST(emails_with_a_nul)
{
    ck_assert_str_eq(judge(rule_email_strict,
                           json_object_new_string_len("a@b\0c", 5)), "format");
    ck_assert_str_eq(judge(rule_email_strict,
                           json_object_new_string_len("\0@b", 3)), "format");
    ck_assert_str_eq(judge(rule_email_strict,
                           json_object_new_string_len("a@[192.0.2.1\0]", 14)),
                     "format");
}
END_TEST


START_TEST(addresses)
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

    good(rule_address, fine, UNIT_COUNT(fine));
    good(rule_address, control, UNIT_COUNT(control));
    bad(rule_address, "length", wrong, UNIT_COUNT(wrong));
    good(rule_address_strict, fine, UNIT_COUNT(fine));
    bad(rule_address_strict, "length", wrong, UNIT_COUNT(wrong));
    bad(rule_address_strict, "format", control, UNIT_COUNT(control));
}
END_TEST


START_TEST(names_and_products)
{
    static const char *const  fine[] = { "x", "\xc2\xa0", U100 };
    static const char *const  wrong[] = { "", U100 "x" };
    static const char *const  long_ones[] = { "x", "a\nb", U100 U100 };
    static const char *const  too_long[] = { "", U100 U100 "x" };

    good(rule_name, fine, UNIT_COUNT(fine));
    bad(rule_name, "length", wrong, UNIT_COUNT(wrong));
    good(rule_product, long_ones, UNIT_COUNT(long_ones));
    bad(rule_product, "length", too_long, UNIT_COUNT(too_long));
}
END_TEST


START_TEST(phones)
{
    static const char *const  fine[] = { "+49", "+491701234567",
                                         "+123456789012345" };
    static const char *const  wrong[] = {
        "", "+", "+1", "49", "+04", "+49 1", "+1234567890123456", "++49",
        "+49x", "0049123"
    };

    good(rule_phone, fine, UNIT_COUNT(fine));
    bad(rule_phone, "format", wrong, UNIT_COUNT(wrong));
}
END_TEST


static fig_json_t *
tags(int n, const char *tag)
{
    int          i;
    fig_json_t  *array;

    array = json_object_new_array();

    for (i = 0; i < n; i++) {
        json_object_array_add(array, json_object_new_string(tag));
    }

    return array;
}


START_TEST(tag_lists)
{
    fig_json_t  *mixed;

    ck_assert_str_eq(judge(rule_tags, tags(0, "x")), "");
    ck_assert_str_eq(judge(rule_tags, tags(20, "x")), "");
    ck_assert_str_eq(judge(rule_tags, tags(21, "x")), "length");
    ck_assert_str_eq(judge(rule_tags, tags(1, "\n")), "format");
    ck_assert_str_eq(judge_text(rule_tags, "x"), "type");

    mixed = tags(1, "x");
    json_object_array_add(mixed, json_object_new_int(1));
    ck_assert_str_eq(judge(rule_tags, mixed), "type");
}
END_TEST


START_TEST(quantities)
{
    ck_assert_str_eq(judge(rule_quantity, json_object_new_int(1)), "");
    ck_assert_str_eq(judge(rule_quantity, json_object_new_int(1000000)), "");
    ck_assert_str_eq(judge(rule_quantity, json_object_new_int(0)), "range");
    ck_assert_str_eq(judge(rule_quantity, json_object_new_int(1000001)),
                     "range");
    ck_assert_str_eq(judge(rule_quantity, json_object_new_uint64(UINT64_MAX)),
                     "range");
    ck_assert_str_eq(judge(rule_quantity, json_object_new_double(1.5)),
                     "type");
    ck_assert_str_eq(judge_text(rule_quantity, "1"), "type");
}
END_TEST


START_TEST(keys)
{
    fig_str_t  key;

    ck_assert_int_eq(email_key(arena, FIG_STR("Ab.C@De.ORG"), &key), FIG_OK);
    ck_assert(fig_str_eq(key, FIG_STR("Ab.C@de.org")));
    ck_assert_int_eq(email_key(arena, FIG_STR("A@\xc3\x9c"), &key), FIG_OK);
    ck_assert(fig_str_eq(key, FIG_STR("A@\xc3\x9c")));
}
END_TEST


/*
 * What a table of rules says of a change.
 */

static const rule_t  rules[] = {
    { "id", true, rule_id },
    { "name", false, rule_name },
    { NULL, false, NULL }
};


static const char *
changed(const char *before, const char *sent, const char *fields,
    rules_unknown_t unknown)
{
    fig_change_t        change;
    static fig_buf_t    out;
    const fig_error_t  *error;

    memset(&change, 0, sizeof(fig_change_t));
    change.before = before != NULL ? json_tokener_parse(before) : NULL;
    change.sent = json_tokener_parse(sent);
    change.fields = json_tokener_parse(fields != NULL ? fields : sent);
    fig_errors_init(&change.errors, arena);

    rules_check(rules, unknown, &change);

    fig_buf_clear(&out);
    fig_buf_init(&out, 65536);
    fig_buf_puts(&out, "");

    for (error = change.errors.items;
         error < change.errors.items + change.errors.n;
         error++)
    {
        fig_buf_printf(&out, "%.*s=%s;", (int) error->field.len,
                       error->field.data, error->code);
    }

    json_object_put(change.before);
    json_object_put(change.sent);
    json_object_put(change.fields);

    return out.data != NULL ? out.data : "";
}


START_TEST(tables)
{
    ck_assert_str_eq(changed(NULL, "{\"id\":\"a\"}", NULL, RULES_KEEP), "");
    ck_assert_str_eq(changed(NULL, "{\"name\":\"\"}", NULL, RULES_KEEP),
                     "id=required;name=length;");
    ck_assert_str_eq(changed(NULL, "{\"id\":\"a\",\"x\":1}", NULL, RULES_KEEP),
                     "");
    ck_assert_str_eq(changed(NULL, "{\"id\":\"a\",\"x\":1}", NULL,
                             RULES_REFUSE), "x=unknown;");
    ck_assert_str_eq(changed(NULL, "{\"id\":\"a\",\"\":1,\"ver\":1,"
                             "\"version\":1,\"deleted\":1,\"changed\":1,"
                             "\"$a\":1,\"_a\":1,\"a.b\":1,\"a$\":1}", NULL,
                             RULES_KEEP),
                     "=reserved;ver=reserved;version=reserved;"
                     "deleted=reserved;changed=reserved;$a=reserved;"
                     "_a=reserved;a.b=reserved;");
}
END_TEST


START_TEST(tables_forgive_what_is_stored)
{
    /* not sent; sent as it is; changed */
    ck_assert_str_eq(changed("{\"id\":\"a b\",\"x\":1}", "{}",
                             "{\"id\":\"a b\",\"x\":1}", RULES_REFUSE), "");
    ck_assert_str_eq(changed("{\"id\":\"a\",\"name\":\"\"}",
                             "{\"name\":\"\"}",
                             "{\"id\":\"a\",\"name\":\"\"}", RULES_REFUSE),
                     "");
    ck_assert_str_eq(changed("{\"id\":\"a\",\"name\":\"\"}",
                             "{\"name\":\"\\n\"}",
                             "{\"id\":\"a\",\"name\":\"\\n\"}", RULES_REFUSE),
                     "name=format;");
    ck_assert_str_eq(changed("{\"id\":\"a\",\"x\":1}", "{\"x\":2}",
                             "{\"id\":\"a\",\"x\":2}", RULES_REFUSE), "");
}
END_TEST


int
main(void)
{
    int       failed;
    TCase    *tc;
    Suite    *suite;
    SRunner  *runner;

    suite = suite_create("domain_rules");
    tc = tcase_create("all");

    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, ids);
    tcase_add_test(tc, emails);
    tcase_add_test(tc, strict_emails);
    tcase_add_test(tc, emails_with_a_nul);
    tcase_add_test(tc, addresses);
    tcase_add_test(tc, names_and_products);
    tcase_add_test(tc, phones);
    tcase_add_test(tc, tag_lists);
    tcase_add_test(tc, quantities);
    tcase_add_test(tc, keys);
    tcase_add_test(tc, tables);
    tcase_add_test(tc, tables_forgive_what_is_stored);
    suite_add_tcase(suite, tc);

    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);

    return failed ? 1 : 0;
}
