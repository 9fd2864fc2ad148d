
/*
 * Copyright (C) Ficus authors
 */


/*
 * Rules of this domain, besides those of fig_rules.h.
 */


#ifndef RULES_H_INCLUDED
#define RULES_H_INCLUDED


#include "fig_rules.h"


/* one @ with something on both sides, at most 254 bytes */
void rule_email(const fig_rule_t *rule, fig_json_t *value,
    fig_errors_t *errors);

/* a Mailbox of RFC 5321, 4.1.2, besides */
void rule_email_strict(const fig_rule_t *rule, fig_json_t *value,
    fig_errors_t *errors);

/* + and at most 15 digits: ITU-T E.164 */
void rule_phone(const fig_rule_t *rule, fig_json_t *value,
    fig_errors_t *errors);

/* at most max strings without control characters */
void rule_tags(const fig_rule_t *rule, fig_json_t *value,
    fig_errors_t *errors);


/*
 * The same for a filter.
 */

bool valid_email(fig_str_t s);


/*
 * What e-mails are compared by: the domain in lower case.  FIG_NOMEM.
 */

fig_status_t email_key(fig_arena_t *arena, fig_str_t email, fig_str_t *key)
    FIG_NODISCARD;


#endif /* RULES_H_INCLUDED */
