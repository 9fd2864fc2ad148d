
/*
 * Copyright (C) Ficus authors
 */


/*
 * Rules: what a member of a document may be.  A rule adds what is wrong to the
 * errors of a change; only what the client sent anew is judged, so that a
 * document stays writable for a service that is stricter than the one that
 * made it.
 */


#ifndef RULES_H_INCLUDED
#define RULES_H_INCLUDED


#include "fig_resource.h"


typedef void (*rule_pt)(fig_errors_t *errors, fig_str_t field,
    fig_json_t *value);

typedef struct {
    const char  *name;              /* NULL ends a table */
    bool         required;
    rule_pt      rule;
} rule_t;

typedef enum {
    RULES_KEEP,         /* members without a rule are kept */
    RULES_REFUSE        /* they are refused, unless they are stored already */
} rules_unknown_t;


void rules_check(const rule_t *rules, rules_unknown_t unknown,
    fig_change_t *change);


/* [A-Za-z0-9._~-]{1,64}, but not batch, "." and ".." */
void rule_id(fig_errors_t *errors, fig_str_t field, fig_json_t *value);

/* one @ with something on both sides, at most 254 bytes */
void rule_email(fig_errors_t *errors, fig_str_t field, fig_json_t *value);

/* a Mailbox of RFC 5321, 4.1.2, besides */
void rule_email_strict(fig_errors_t *errors, fig_str_t field,
    fig_json_t *value);

/* 1..512 characters; without control characters */
void rule_address(fig_errors_t *errors, fig_str_t field, fig_json_t *value);
void rule_address_strict(fig_errors_t *errors, fig_str_t field,
    fig_json_t *value);

/* 1..100 characters, none of them a control character */
void rule_name(fig_errors_t *errors, fig_str_t field, fig_json_t *value);

/* + and at most 15 digits: ITU-T E.164 */
void rule_phone(fig_errors_t *errors, fig_str_t field, fig_json_t *value);

/* at most 20 strings without control characters */
void rule_tags(fig_errors_t *errors, fig_str_t field, fig_json_t *value);

/* 1..200 characters */
void rule_product(fig_errors_t *errors, fig_str_t field, fig_json_t *value);

/* 1..1,000,000 */
void rule_quantity(fig_errors_t *errors, fig_str_t field, fig_json_t *value);


/*
 * The same for filters.
 */

bool valid_id(fig_str_t s);
bool valid_email(fig_str_t s);


/*
 * What e-mails are compared by: the domain in lower case.  FIG_NOMEM.
 */

fig_status_t email_key(fig_arena_t *arena, fig_str_t email, fig_str_t *key)
    FIG_NODISCARD;


#endif /* RULES_H_INCLUDED */
