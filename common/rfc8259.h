
/*
 * Copyright (C) Ficus authors
 */


/*
 * A checker of JSON texts, to the letter of RFC 8259 and I-JSON's (RFC 7493)
 * rule that no object has the same name twice.  json-c builds the values; its
 * strict mode accepts what this refuses: invalid UTF-8, raw control and NUL
 * bytes, duplicate names, and numbers that lose their value.
 *
 * It is all that both the gateway module and the library compile in: pure
 * functions over bytes, no allocation, no libc state, so any thread and any
 * process may call them.
 */


#ifndef RFC8259_H_INCLUDED
#define RFC8259_H_INCLUDED


#include <stddef.h>


/* more are refused in any case: a nested value takes some stack */
#define RFC8259_DEPTH_MAX   1024

/* bytes; a longer text is refused */
#define RFC8259_LENGTH_MAX  0xfffffff0u


typedef struct {
    size_t       offset;    /* of the byte at fault, from 0 */
    unsigned     line;      /* from 1; LF ends a line */
    unsigned     column;    /* from 1, in bytes */
    const char  *what;      /* static: "duplicate name", "invalid UTF-8", ... */
} rfc8259_error_t;


/*
 * Bytes of work space, aligned as by malloc(), that rfc8259_check() needs for
 * this text; it grows with the number of strings in the text, never with the
 * square of it.
 */

size_t rfc8259_workspace(const unsigned char *text, size_t len);


/*
 * Checks that text is one JSON text.  depth is the greatest nesting of arrays
 * and objects allowed.  seed makes the hash of names unpredictable.
 *
 * Refused, as sections 6 and 9 let a parser do: integers outside
 * [-2^63, 2^64-1], numbers that overflow a double, and the escape \u0000 in a
 * name, where json-c would cut it.  In other strings \u0000 is allowed: their
 * users have to look at the length.  A lone surrogate escape is refused.
 *
 * The byte at fault is the first that no valid text has there; the beginning
 * of the sequence, escape, number or name that is wrong; the end of the text
 * when it ends too soon.
 *
 * Returns 0, or -1 with *error set.
 */

int rfc8259_check(const unsigned char *text, size_t len, unsigned depth,
    unsigned seed, void *work, rfc8259_error_t *error);


/*
 * Bytes of the UTF-8 sequence that begins at p, 1 to 4; 0 when there is no
 * well-formed one before last.
 */

size_t rfc8259_utf8(const unsigned char *p, const unsigned char *last);


#endif /* RFC8259_H_INCLUDED */
