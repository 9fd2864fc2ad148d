
/*
 * Copyright (C) Ficus authors
 */


#include "fig_rules.h"
#include <inttypes.h>
#include <string.h>


#define FIG_RULES_ID  64


static void fig_rules_known(const fig_rule_t *rule, fig_json_t *before,
    fig_json_t *sent, fig_json_t *fields, fig_errors_t *errors);
static bool fig_rules_stored(fig_json_t *before, const char *name,
    fig_json_t *value);
static bool fig_rules_find(const fig_rule_t *rules, const char *name);
static void fig_rules_unknown(const char *name, bool refused,
    fig_errors_t *errors);
static bool fig_rules_reserved(const char *name);
static bool fig_rules_length(const fig_rule_t *rule, fig_json_t *value,
    fig_errors_t *errors, fig_str_t *text);


void
fig_rules_check(const fig_rule_t *rules, bool closed, fig_json_t *before,
    fig_json_t *sent, fig_json_t *fields, fig_errors_t *errors)
{
    const fig_rule_t  *rule;

    for (rule = rules; rule->name != NULL; rule++) {
        fig_rules_known(rule, before, sent, fields, errors);
    }

    json_object_object_foreach(sent, name, value) {
        (void) value;

        if (!fig_rules_find(rules, name)) {
            fig_rules_unknown(name, closed && (before == NULL
                                               || !fig_json_has(before, name)),
                              errors);
        }
    }
}


static void
fig_rules_known(const fig_rule_t *rule, fig_json_t *before, fig_json_t *sent,
    fig_json_t *fields, fig_errors_t *errors)
{
    fig_json_t  *value;

    if (!fig_json_has(fields, rule->name)) {
        if (rule->required) {
            fig_errors_add(errors, fig_str_from(rule->name), "required",
                           "is required");
        }

        return;
    }

    if (json_object_object_get_ex(sent, rule->name, &value)
        && !fig_rules_stored(before, rule->name, value))
    {
        rule->check(rule, value, errors);
    }
}


static bool
fig_rules_stored(fig_json_t *before, const char *name, fig_json_t *value)
{
    fig_json_t  *stored;

    return before != NULL && json_object_object_get_ex(before, name, &stored)
           && json_object_equal(stored, value);
}


static bool
fig_rules_find(const fig_rule_t *rules, const char *name)
{
    for (/* void */; rules->name != NULL; rules++) {
        if (strcmp(rules->name, name) == 0) {
            return true;
        }
    }

    return false;
}


static void
fig_rules_unknown(const char *name, bool refused, fig_errors_t *errors)
{
    if (fig_rules_reserved(name)) {
        fig_errors_add(errors, fig_str_from(name), "reserved",
                       "is no name that a field can have");

    } else if (refused) {
        fig_errors_add(errors, fig_str_from(name), "unknown", "is not known");
    }
}


static bool
fig_rules_reserved(const char *name)
{
    size_t  i;

    static const char *const  names[] = {
        "",
        "changed",
        "deleted",
        "ver",
        "version"
    };

    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(name, names[i]) == 0) {
            return true;
        }
    }

    return name[0] == '$' || name[0] == '_' || strchr(name, '.') != NULL;
}


void
fig_rule_id(const fig_rule_t *rule, fig_json_t *value, fig_errors_t *errors)
{
    fig_str_t  text;

    if (fig_rule_string(rule, value, errors, &text) && !fig_valid_id(text)) {
        fig_errors_add(errors, fig_str_from(rule->name), "format",
                       "must be 1 to %d of A-Z a-z 0-9 . _ ~ -, "
                       "but not batch, . or ..", FIG_RULES_ID);
    }
}


void
fig_rule_text(const fig_rule_t *rule, fig_json_t *value, fig_errors_t *errors)
{
    fig_str_t  text;

    (void) fig_rules_length(rule, value, errors, &text);
}


void
fig_rule_line(const fig_rule_t *rule, fig_json_t *value, fig_errors_t *errors)
{
    fig_str_t  text;

    if (fig_rules_length(rule, value, errors, &text) && fig_has_control(text)) {
        fig_errors_add(errors, fig_str_from(rule->name), "format",
                       "must have no control characters");
    }
}


static bool
fig_rules_length(const fig_rule_t *rule, fig_json_t *value,
    fig_errors_t *errors, fig_str_t *text)
{
    int64_t  len;

    if (!fig_rule_string(rule, value, errors, text)) {
        return false;
    }

    len = (int64_t) fig_utf8_length(*text);

    if (len >= rule->min && len <= rule->max) {
        return true;
    }

    fig_errors_add(errors, fig_str_from(rule->name), "length",
                   "must have %" PRId64 " to %" PRId64 " characters, not %"
                   PRId64, rule->min, rule->max, len);

    return false;
}


void
fig_rule_integer(const fig_rule_t *rule, fig_json_t *value,
    fig_errors_t *errors)
{
    int64_t  number;

    if (!json_object_is_type(value, json_type_int)) {
        fig_errors_add(errors, fig_str_from(rule->name), "type",
                       "must be a whole number");
        return;
    }

    number = json_object_get_int64(value);

    if (number < rule->min || number > rule->max) {
        fig_errors_add(errors, fig_str_from(rule->name), "range",
                       "must be from %" PRId64 " to %" PRId64, rule->min,
                       rule->max);
    }
}


bool
fig_rule_string(const fig_rule_t *rule, fig_json_t *value,
    fig_errors_t *errors, fig_str_t *text)
{
    if (!json_object_is_type(value, json_type_string)) {
        fig_errors_add(errors, fig_str_from(rule->name), "type",
                       "must be a string");
        return false;
    }

    text->data = json_object_get_string(value);
    text->len = (size_t) json_object_get_string_len(value);

    return true;
}


bool
fig_valid_id(fig_str_t s)
{
    size_t  i;

    static const char  allowed[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._~-";

    if (s.len < 1 || s.len > FIG_RULES_ID) {
        return false;
    }

    for (i = 0; i < s.len; i++) {
        if (memchr(allowed, s.data[i], sizeof(allowed) - 1) == NULL) {
            return false;
        }
    }

    return !fig_str_eq(s, FIG_STR("batch")) && !fig_str_eq(s, FIG_STR("."))
           && !fig_str_eq(s, FIG_STR(".."));
}


/* UTF-8 writes C1 as C2 80 to C2 9F */

bool
fig_has_control(fig_str_t s)
{
    size_t         i;
    unsigned char  c;

    for (i = 0; i < s.len; i++) {
        c = (unsigned char) s.data[i];

        if (c < 0x20 || c == 0x7f) {
            return true;
        }

        if (c == 0xc2 && i + 1 < s.len
            && (unsigned char) s.data[i + 1] < 0xa0)
        {
            return true;
        }
    }

    return false;
}
