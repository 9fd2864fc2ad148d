
/*
 * Copyright (C) Ficus authors
 */


#include <string.h>

#include "rules.h"


#define ADDRESS_MAX   512
#define NAME_MAX_LEN  100
#define PRODUCT_MAX   200
#define QUANTITY_MAX  1000000
#define TAGS_MAX      20
#define ID_MAX        64
#define EMAIL_MAX     254


static void rules_known(const rule_t *rule, fig_change_t *change);
static bool rules_stored(const fig_change_t *change, const char *name,
    fig_json_t *value);
static void rules_unknown(const rule_t *rules, rules_unknown_t unknown,
    fig_change_t *change, const char *name);
static bool rules_find(const rule_t *rules, const char *name);
static bool reserved(const char *name);
static bool rule_text(fig_errors_t *errors, fig_str_t field,
    fig_json_t *value, fig_str_t *text);
static void rule_length(fig_errors_t *errors, fig_str_t field,
    fig_json_t *value, size_t max, bool strict);
static bool has_control(fig_str_t s);


void
rules_check(const rule_t *rules, rules_unknown_t unknown,
    fig_change_t *change)
{
    const rule_t  *rule;

    for (rule = rules; rule->name != NULL; rule++) {
        rules_known(rule, change);
    }

    json_object_object_foreach(change->sent, name, value) {
        (void) value;

        if (!rules_find(rules, name)) {
            rules_unknown(rules, unknown, change, name);
        }
    }
}


static void
rules_known(const rule_t *rule, fig_change_t *change)
{
    fig_json_t  *value;

    if (!fig_json_has(change->fields, rule->name)) {
        if (rule->required) {
            fig_errors_add(&change->errors, fig_str_from(rule->name),
                           "required", "is required");
        }

        return;
    }

    if (json_object_object_get_ex(change->sent, rule->name, &value)
        && !rules_stored(change, rule->name, value))
    {
        rule->rule(&change->errors, fig_str_from(rule->name), value);
    }
}


static bool
rules_stored(const fig_change_t *change, const char *name, fig_json_t *value)
{
    fig_json_t  *stored;

    return change->before != NULL
           && json_object_object_get_ex(change->before, name, &stored)
           && json_object_equal(stored, value);
}


static void
rules_unknown(const rule_t *rules, rules_unknown_t unknown,
    fig_change_t *change, const char *name)
{
    if (reserved(name)) {
        fig_errors_add(&change->errors, fig_str_from(name), "reserved",
                       "is no name that a field can have");
        return;
    }

    if (unknown == RULES_REFUSE
        && (change->before == NULL || !fig_json_has(change->before, name)))
    {
        fig_errors_add(&change->errors, fig_str_from(name), "unknown",
                       "is not known");
    }
}


static bool
rules_find(const rule_t *rules, const char *name)
{
    for (/* void */; rules->name != NULL; rules++) {
        if (strcmp(rules->name, name) == 0) {
            return true;
        }
    }

    return false;
}


/*
 * Names that the bookkeeping, the events and MongoDB take.
 */

static bool
reserved(const char *name)
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


static bool
rule_text(fig_errors_t *errors, fig_str_t field, fig_json_t *value,
    fig_str_t *text)
{
    if (!json_object_is_type(value, json_type_string)) {
        fig_errors_add(errors, field, "type", "must be a string");
        return false;
    }

    text->data = json_object_get_string(value);
    text->len = (size_t) json_object_get_string_len(value);

    return true;
}


static void
rule_length(fig_errors_t *errors, fig_str_t field, fig_json_t *value,
    size_t max, bool strict)
{
    size_t     len;
    fig_str_t  text;

    if (!rule_text(errors, field, value, &text)) {
        return;
    }

    len = fig_utf8_length(text);

    if (len < 1 || len > max) {
        fig_errors_add(errors, field, "length",
                       "must have 1 to %zu characters, not %zu", max, len);

    } else if (strict && has_control(text)) {
        fig_errors_add(errors, field, "format",
                       "must have no control characters");
    }
}


void
rule_id(fig_errors_t *errors, fig_str_t field, fig_json_t *value)
{
    fig_str_t  text;

    if (rule_text(errors, field, value, &text) && !valid_id(text)) {
        fig_errors_add(errors, field, "format",
                       "must be 1 to %d of A-Z a-z 0-9 . _ ~ -, "
                       "but not batch, . or ..", ID_MAX);
    }
}


bool
valid_id(fig_str_t s)
{
    size_t  i;

    static const char  allowed[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._~-";

    if (s.len < 1 || s.len > ID_MAX) {
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


void
rule_email(fig_errors_t *errors, fig_str_t field, fig_json_t *value)
{
    fig_str_t  text;

    if (rule_text(errors, field, value, &text) && !valid_email(text)) {
        fig_errors_add(errors, field, "format",
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
rule_address(fig_errors_t *errors, fig_str_t field, fig_json_t *value)
{
    rule_length(errors, field, value, ADDRESS_MAX, false);
}


void
rule_address_strict(fig_errors_t *errors, fig_str_t field, fig_json_t *value)
{
    rule_length(errors, field, value, ADDRESS_MAX, true);
}


void
rule_name(fig_errors_t *errors, fig_str_t field, fig_json_t *value)
{
    rule_length(errors, field, value, NAME_MAX_LEN, true);
}


void
rule_product(fig_errors_t *errors, fig_str_t field, fig_json_t *value)
{
    rule_length(errors, field, value, PRODUCT_MAX, false);
}


void
rule_phone(fig_errors_t *errors, fig_str_t field, fig_json_t *value)
{
    size_t     i;
    fig_str_t  text;

    if (!rule_text(errors, field, value, &text)) {
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
        fig_errors_add(errors, field, "format",
                       "must be + and 2 to 15 digits, as E.164 has it");
    }
}


void
rule_tags(fig_errors_t *errors, fig_str_t field, fig_json_t *value)
{
    size_t     i, n;
    fig_str_t  text;

    if (!json_object_is_type(value, json_type_array)) {
        fig_errors_add(errors, field, "type", "must be an array of strings");
        return;
    }

    n = json_object_array_length(value);

    if (n > TAGS_MAX) {
        fig_errors_add(errors, field, "length", "must be at most %d, not %zu",
                       TAGS_MAX, n);
        return;
    }

    for (i = 0; i < n; i++) {
        if (!rule_text(errors, field, json_object_array_get_idx(value, i),
                       &text))
        {
            return;
        }

        if (has_control(text)) {
            fig_errors_add(errors, field, "format",
                           "must have no control characters");
            return;
        }
    }
}


void
rule_quantity(fig_errors_t *errors, fig_str_t field, fig_json_t *value)
{
    int64_t  quantity;

    if (!json_object_is_type(value, json_type_int)) {
        fig_errors_add(errors, field, "type", "must be a whole number");
        return;
    }

    quantity = json_object_get_int64(value);

    if (quantity < 1 || quantity > QUANTITY_MAX) {
        fig_errors_add(errors, field, "range", "must be from 1 to %d",
                       QUANTITY_MAX);
    }
}


/*
 * C0, DEL and C1, which UTF-8 writes as C2 80 to C2 9F.
 */

static bool
has_control(fig_str_t s)
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
