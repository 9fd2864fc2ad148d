
/*
 * Copyright (C) Ficus authors
 */


/*
 * What the tests of rules share: what a rule says of a value.
 */


#ifndef RULES_FIXTURE_H_INCLUDED
#define RULES_FIXTURE_H_INCLUDED


#include "fig_rules.h"
#include "unit.h"


#define A16   "aaaaaaaaaaaaaaaa"
#define A64   A16 A16 A16 A16
#define U10   "\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc" \
              "\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc"
#define U100  U10 U10 U10 U10 U10 U10 U10 U10 U10 U10


extern fig_arena_t  *rules_arena;

void rules_setup(void);
void rules_teardown(void);

/* the code of the first error, "" when there is none; takes the value */
const char *judge(const fig_rule_t *rule, fig_json_t *value);
const char *judge_text(const fig_rule_t *rule, const char *text);

/* bad: besides, what is no string has the wrong type */
void good(const fig_rule_t *rule, const char *const *texts, size_t n);
void bad(const fig_rule_t *rule, const char *code, const char *const *texts,
    size_t n);


#endif /* RULES_FIXTURE_H_INCLUDED */
