
/*
 * Copyright (C) Ficus authors
 */


/*
 * A checker of JSON texts, to the letter of RFC 8259 and I-JSON's (RFC 7493)
 * rule that no object has the same name twice.  json-c builds the values; its
 * strict mode accepts what this refuses: invalid UTF-8, raw control and NUL
 * bytes, duplicate names, and numbers that lose their value.
 *
 * It is the only file that both the gateway module and the library compile
 * in: pure functions over bytes, no allocation, no libc state, so any thread
 * and any process may call them.
 */


#ifndef RFC8259_H_INCLUDED
#define RFC8259_H_INCLUDED


#include <stddef.h>


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
 * and objects allowed.  seed makes the hash of names unpredictable.  Integers
 * outside [-2^63, 2^64-1] and numbers that overflow a double are refused
 * (RFC 8259 section 6 lets a parser set such limits).
 *
 * Returns 0, or -1 with *error set.
 */

int rfc8259_check(const unsigned char *text, size_t len, unsigned depth,
    unsigned seed, void *work, rfc8259_error_t *error);


#endif /* RFC8259_H_INCLUDED */
