
/*
 * Copyright (C) Ficus authors
 */


/* What the fields of users and orders may hold. */


#include "domain/rules.h"
#include "rules_fixture.h"


static const fig_rule_t  email = { "email", true, rule_email, 0, 0 };
static const fig_rule_t  strict = { "email", true, rule_email_strict, 0, 0 };
static const fig_rule_t  phone = { "phone", false, rule_phone, 0, 0 };
static const fig_rule_t  tag_rule = { "tags", false, rule_tags, 0, 20 };


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

    good(&email, fine, UNIT_COUNT(fine));
    bad(&email, "format", wrong, UNIT_COUNT(wrong));
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

    good(&strict, fine, UNIT_COUNT(fine));
    bad(&strict, "format", wrong, UNIT_COUNT(wrong));
}
END_TEST


START_TEST(emails_with_a_nul)
{
    ck_assert_str_eq(judge(&strict,
                           json_object_new_string_len("a@b\0c", 5)), "format");
    ck_assert_str_eq(judge(&strict,
                           json_object_new_string_len("\0@b", 3)), "format");
    ck_assert_str_eq(judge(&strict,
                           json_object_new_string_len("a@[192.0.2.1\0]", 14)),
                     "format");
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

    good(&phone, fine, UNIT_COUNT(fine));
    bad(&phone, "format", wrong, UNIT_COUNT(wrong));
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

    ck_assert_str_eq(judge(&tag_rule, tags(0, "x")), "");
    ck_assert_str_eq(judge(&tag_rule, tags(20, "x")), "");
    ck_assert_str_eq(judge(&tag_rule, tags(21, "x")), "length");
    ck_assert_str_eq(judge(&tag_rule, tags(1, "\n")), "format");
    ck_assert_str_eq(judge_text(&tag_rule, "x"), "type");

    mixed = tags(1, "x");
    json_object_array_add(mixed, json_object_new_int(1));
    ck_assert_str_eq(judge(&tag_rule, mixed), "type");
}
END_TEST


START_TEST(keys)
{
    fig_str_t  key;

    ck_assert_int_eq(email_key(rules_arena, FIG_STR("Ab.C@De.ORG"), &key),
                     FIG_OK);
    ck_assert(fig_str_eq(key, FIG_STR("Ab.C@de.org")));
    ck_assert_int_eq(email_key(rules_arena, FIG_STR("A@\xc3\x9c"), &key),
                     FIG_OK);
    ck_assert(fig_str_eq(key, FIG_STR("A@\xc3\x9c")));
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

    tcase_add_checked_fixture(tc, rules_setup, rules_teardown);
    tcase_add_test(tc, emails);
    tcase_add_test(tc, strict_emails);
    tcase_add_test(tc, emails_with_a_nul);
    tcase_add_test(tc, phones);
    tcase_add_test(tc, tag_lists);
    tcase_add_test(tc, keys);
    suite_add_tcase(suite, tc);

    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);

    return failed ? 1 : 0;
}
