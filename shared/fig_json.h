
/*
 * Copyright (C) Ficus authors
 */


/*
 * JSON: json-c's values behind a strict door.  A text is checked to the letter
 * of RFC 8259 (common/rfc8259.h) before json-c sees it.
 *
 * Threads: a value belongs to one thread at a time (json-c's reference counts
 * are not atomic).
 */


#ifndef FIG_JSON_H_INCLUDED
#define FIG_JSON_H_INCLUDED


#include <json-c/json.h>

#include "fig_buf.h"


#define FIG_JSON_DEPTH  32           /* of a document */


typedef struct json_object  fig_json_t;

typedef struct {
    unsigned     line;
    unsigned     column;
    const char  *what;        /* static */
} fig_json_error_t;


/*
 * FIG_OK: *value is set (it may be NULL: json-c's null) and belongs to the
 * caller, who drops it with json_object_put().  FIG_INVALID: *error is set.
 * FIG_NOMEM.
 *
 * Strings may hold NUL (from \u0000), names may not.  A number with a fraction
 * or an exponent keeps its text.
 */

fig_status_t fig_json_parse(fig_str_t text, fig_json_t **value,
    fig_json_error_t *error) FIG_NODISCARD;


/*
 * The same of a text with a document in it, that many levels below its own.
 */

fig_status_t fig_json_parse_around(fig_str_t text, unsigned levels,
    fig_json_t **value, fig_json_error_t *error) FIG_NODISCARD;


/*
 * The text of a value, without blanks, slashes not escaped; in the arena.
 * data is NULL when memory is out.
 */

fig_str_t fig_json_text(fig_json_t *value, fig_arena_t *arena);


/*
 * A member of an object: its string, absent when it is missing or no string.
 * The bytes live as long as the member.
 */

fig_str_t fig_json_string(fig_json_t *object, const char *name);
bool fig_json_has(fig_json_t *object, const char *name);


/*
 * Appends a JSON string, quoted and escaped.  s should be valid UTF-8: a byte
 * that is not becomes U+FFFD.
 */

void fig_json_quote(fig_buf_t *out, fig_str_t s);


/*
 * Characters (code points) of a valid UTF-8 string.
 */

size_t fig_utf8_length(fig_str_t s);
bool fig_utf8_valid(fig_str_t s);


#endif /* FIG_JSON_H_INCLUDED */
