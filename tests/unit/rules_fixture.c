
/*
 * Copyright (C) Ficus authors
 */


#include "rules_fixture.h"
#include <string.h>


fig_arena_t  *rules_arena;


void
rules_setup(void)
{
    rules_arena = fig_arena_create(65536, 1 << 20);
}


void
rules_teardown(void)
{
    fig_arena_destroy(rules_arena);
}


const char *
judge(const fig_rule_t *rule, fig_json_t *value)
{
    static fig_errors_t  errors;

    fig_errors_init(&errors, rules_arena);
    rule->check(rule, value, &errors);
    json_object_put(value);

    return errors.n != 0 ? errors.items[0].code : "";
}


const char *
judge_text(const fig_rule_t *rule, const char *text)
{
    return judge(rule, json_object_new_string(text));
}


void
good(const fig_rule_t *rule, const char *const *texts, size_t n)
{
    size_t  i;

    for (i = 0; i < n; i++) {
        ck_assert_msg(*judge_text(rule, texts[i]) == '\0', "%s", texts[i]);
    }
}


void
bad(const fig_rule_t *rule, const char *code, const char *const *texts,
    size_t n)
{
    size_t  i;

    for (i = 0; i < n; i++) {
        ck_assert_msg(strcmp(judge_text(rule, texts[i]), code) == 0, "%s: %s",
                      texts[i], judge_text(rule, texts[i]));
    }

    ck_assert_str_eq(judge(rule, json_object_new_int(1)), "type");
    ck_assert_str_eq(judge(rule, json_object_new_object()), "type");
}
