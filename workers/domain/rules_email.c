
/*
 * Copyright (C) Ficus authors
 */


#include <string.h>
#include <arpa/inet.h>

#include "rules.h"


#define LOCAL_MAX   64
#define DOMAIN_MAX  255
#define LABEL_MAX   63


static bool is_local(fig_str_t s);
static bool is_dot_string(fig_str_t s);
static bool is_quoted(fig_str_t s);
static bool is_domain(fig_str_t s);
static bool is_label(fig_str_t s);
static bool is_literal(fig_str_t s);
static bool is_letter_or_digit(char c);


/*
 * Mailbox = Local-part "@" ( Domain / address-literal )
 */

void
rule_email_strict(const fig_rule_t *rule, fig_json_t *value,
    fig_errors_t *errors)
{
    size_t       n, len;
    fig_str_t    local, domain;
    const char  *text, *at;

    n = errors->n;
    rule_email(rule, value, errors);

    if (errors->n != n) {
        return;
    }

    text = json_object_get_string(value);
    len = (size_t) json_object_get_string_len(value);
    at = memrchr(text, '@', len);

    local.data = text;
    local.len = (size_t) (at - text);
    domain.data = at + 1;
    domain.len = len - local.len - 1;

    if (!is_local(local) || !(is_domain(domain) || is_literal(domain))) {
        fig_errors_add(errors, fig_str_from(rule->name), "format",
                       "must be an address as RFC 5321 has it");
    }
}


static bool
is_local(fig_str_t s)
{
    return s.len <= LOCAL_MAX && (is_dot_string(s) || is_quoted(s));
}


/*
 * Dot-string = Atom *("."  Atom)
 */

static bool
is_dot_string(fig_str_t s)
{
    char    last;
    size_t  i;

    last = '.';

    for (i = 0; i < s.len; i++) {
        if (s.data[i] == '.') {
            if (last == '.') {
                return false;
            }

        } else if (!is_letter_or_digit(s.data[i])
                   && (s.data[i] == '\0'
                       || strchr("!#$%&'*+-/=?^_`{|}~", s.data[i]) == NULL))
        {
            return false;
        }

        last = s.data[i];
    }

    return last != '.';
}


/*
 * Quoted-string = DQUOTE *QcontentSMTP DQUOTE
 */

static bool
is_quoted(fig_str_t s)
{
    size_t  i;

    if (s.len < 2 || s.data[0] != '"' || s.data[s.len - 1] != '"') {
        return false;
    }

    for (i = 1; i < s.len - 1; i++) {
        if (s.data[i] == '\\') {
            i++;

        } else if (s.data[i] == '"') {
            return false;
        }

        if (s.data[i] < ' ' || s.data[i] > '~') {
            return false;
        }
    }

    /* the last backslash must not have quoted the end */
    return i == s.len - 1;
}


/*
 * Domain = sub-domain *("." sub-domain)
 */

static bool
is_domain(fig_str_t s)
{
    size_t       i, start;
    fig_str_t    label;

    if (s.len == 0 || s.len > DOMAIN_MAX) {
        return false;
    }

    start = 0;

    for (i = 0; i <= s.len; i++) {
        if (i != s.len && s.data[i] != '.') {
            continue;
        }

        label.data = s.data + start;
        label.len = i - start;

        if (!is_label(label)) {
            return false;
        }

        start = i + 1;
    }

    return true;
}


/*
 * sub-domain = Let-dig [Ldh-str]
 */

static bool
is_label(fig_str_t s)
{
    size_t  i;

    if (s.len == 0 || s.len > LABEL_MAX || s.data[s.len - 1] == '-'
        || s.data[0] == '-')
    {
        return false;
    }

    for (i = 0; i < s.len; i++) {
        if (!is_letter_or_digit(s.data[i]) && s.data[i] != '-') {
            return false;
        }
    }

    return true;
}


/*
 * [192.0.2.1], [IPv6:2001:db8::1]
 */

static bool
is_literal(fig_str_t s)
{
    char     text[INET6_ADDRSTRLEN];
    size_t   skip;
    uint8_t  address[16];

    if (s.len < 2 || s.data[0] != '[' || s.data[s.len - 1] != ']') {
        return false;
    }

    skip = (s.len > 6 && memcmp(s.data, "[IPv6:", 6) == 0) ? 6 : 1;

    if (s.len - skip > sizeof(text)) {
        return false;
    }

    memcpy(text, s.data + skip, s.len - skip - 1);
    text[s.len - skip - 1] = '\0';

    return strlen(text) == s.len - skip - 1
           && inet_pton(skip == 6 ? AF_INET6 : AF_INET, text, address) == 1;
}


static bool
is_letter_or_digit(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z')
           || (c >= 'a' && c <= 'z');
}
