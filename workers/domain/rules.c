
/*
 * Copyright (C) Ficus authors
 */


#include <inttypes.h>
#include <string.h>

#include "rules.h"


#define EMAIL_MAX  254


void
rule_email(const fig_rule_t *rule, fig_json_t *value, fig_errors_t *errors)
{
    fig_str_t  text;

    if (fig_rule_string(rule, value, errors, &text) && !valid_email(text)) {
        fig_errors_add(errors, fig_str_from(rule->name), "format",
                       "must have one @ and at most %d bytes", EMAIL_MAX);
    }
}


bool
valid_email(fig_str_t s)
{
    const char  *at;

    if (s.len < 3 || s.len > EMAIL_MAX) {
        return false;
    }

    at = memchr(s.data, '@', s.len);

    return at != NULL && at != s.data && at != s.data + s.len - 1
           && memchr(at + 1, '@', s.len - (size_t) (at + 1 - s.data)) == NULL;
}


fig_status_t
email_key(fig_arena_t *arena, fig_str_t email, fig_str_t *key)
{
    char    *p;
    size_t   i;

    p = fig_arena_alloc(arena, email.len + 1);
    if (p == NULL) {
        return FIG_NOMEM;
    }

    memcpy(p, email.data, email.len);
    i = email.len;

    while (i > 0 && p[i - 1] != '@') {
        i--;

        if (p[i] >= 'A' && p[i] <= 'Z') {
            p[i] = (char) (p[i] | 0x20);
        }
    }

    key->data = p;
    key->len = email.len;

    return FIG_OK;
}


void
rule_phone(const fig_rule_t *rule, fig_json_t *value, fig_errors_t *errors)
{
    size_t     i;
    fig_str_t  text;

    if (!fig_rule_string(rule, value, errors, &text)) {
        return;
    }

    for (i = 1; i < text.len; i++) {
        if (text.data[i] < '0' || text.data[i] > '9') {
            break;
        }
    }

    if (i < 3 || i != text.len || i > 16 || text.data[0] != '+'
        || text.data[1] == '0')
    {
        fig_errors_add(errors, fig_str_from(rule->name), "format",
                       "must be + and 2 to 15 digits, as E.164 has it");
    }
}


void
rule_tags(const fig_rule_t *rule, fig_json_t *value, fig_errors_t *errors)
{
    size_t     i, n;
    fig_str_t  text;

    if (!json_object_is_type(value, json_type_array)) {
        fig_errors_add(errors, fig_str_from(rule->name), "type",
                       "must be an array of strings");
        return;
    }

    n = json_object_array_length(value);

    if ((int64_t) n > rule->max) {
        fig_errors_add(errors, fig_str_from(rule->name), "length",
                       "must be at most %" PRId64 ", not %zu", rule->max, n);
        return;
    }

    for (i = 0; i < n; i++) {
        if (!fig_rule_string(rule, json_object_array_get_idx(value, i), errors,
                             &text))
        {
            return;
        }

        if (fig_has_control(text)) {
            fig_errors_add(errors, fig_str_from(rule->name), "format",
                           "must have no control characters");
            return;
        }
    }
}
