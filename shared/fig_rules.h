
/*
 * Copyright (C) Ficus authors
 */


/*
 * Rules: what a member of a document may be, a row each.  Only what the client
 * sent anew is judged, so that a document stays writable for a service that is
 * stricter than the one that made it.
 *
 * Threads: pure functions.
 */


#ifndef FIG_RULES_H_INCLUDED
#define FIG_RULES_H_INCLUDED


#include "fig_problem.h"


typedef struct fig_rule_s  fig_rule_t;

/* adds what is wrong with the value, under the name of the rule */
typedef void (*fig_rule_pt)(const fig_rule_t *rule, fig_json_t *value,
    fig_errors_t *errors);

struct fig_rule_s {
    const char   *name;              /* of the member; NULL ends a table */
    bool          required;
    fig_rule_pt   check;
    int64_t       min;               /* of what, check says */
    int64_t       max;
};


/*
 * before is the document as it is, NULL when it is new; sent is what the
 * client sent of it, fields what that would make of it: all are objects.
 * Members without a rule are kept; if closed they are refused, unless they are
 * stored already.  Never allowed are names that bookkeeping, events and
 * MongoDB take: none, version, ver, deleted, changed, what begins with $ or _
 * or has a dot in it.
 */

void fig_rules_check(const fig_rule_t *rules, bool closed, fig_json_t *before,
    fig_json_t *sent, fig_json_t *fields, fig_errors_t *errors);


/* an id as fig_valid_id() says */
void fig_rule_id(const fig_rule_t *rule, fig_json_t *value,
    fig_errors_t *errors);

/* a string of min to max characters; line: none a control character */
void fig_rule_text(const fig_rule_t *rule, fig_json_t *value,
    fig_errors_t *errors);
void fig_rule_line(const fig_rule_t *rule, fig_json_t *value,
    fig_errors_t *errors);

/* a number from min to max, without a fraction */
void fig_rule_integer(const fig_rule_t *rule, fig_json_t *value,
    fig_errors_t *errors);


/*
 * For the rules of a worker: the string that the value has to be; false: it is
 * none, and errors say so.  The bytes live as long as the value.
 */

bool fig_rule_string(const fig_rule_t *rule, fig_json_t *value,
    fig_errors_t *errors, fig_str_t *text);


/*
 * [A-Za-z0-9._~-]{1,64}, but not ".", ".." and "batch", which are no
 * documents in a path.
 */

bool fig_valid_id(fig_str_t s);


/* whether it has any of C0, DEL or C1 in it; s is UTF-8 */
bool fig_has_control(fig_str_t s);


#endif /* FIG_RULES_H_INCLUDED */
