
/*
 * Copyright (C) Ficus authors
 */


/*
 * What the files of rfc8259.c have in common.  Each function that reads begins
 * at pos and leaves it behind what it read; it returns 0, or -1 with what set
 * and pos at the byte at fault.
 */


#ifndef RFC8259_PARSER_H_INCLUDED
#define RFC8259_PARSER_H_INCLUDED


#include "rfc8259.h"
#include <stdint.h>


/*
 * One table holds the names of all objects.  Both offsets are of the text:
 * of the byte behind the object's brace and of that behind the name's quote,
 * so that 0 is no name.
 */

typedef struct {
    uint32_t              hash;
    uint32_t              object;
    uint32_t              name;
} rfc8259_slot_t;


typedef struct {
    const char           *what;
    unsigned              depth;      /* what is left of it */
    uint32_t              mask;
    uint64_t              key[2];
    rfc8259_slot_t       *slots;
    const unsigned char  *start;
    const unsigned char  *pos;
    const unsigned char  *last;
} rfc8259_parser_t;


int rfc8259_fail(rfc8259_parser_t *parser, const char *what);


/* says "unexpected end" instead where the text ends */

int rfc8259_expected(rfc8259_parser_t *parser, const char *what);


int rfc8259_string(rfc8259_parser_t *parser);
int rfc8259_number(rfc8259_parser_t *parser);


/*
 * The value of an escape \uXXXX at p, or -1 where there is none.
 */

int rfc8259_hex(const unsigned char *p, const unsigned char *last);


/*
 * The table: slots for a text, its reset, and the entry of a name, which was
 * read and begins behind its quote; -1 at once when the object has it already.
 */

uint32_t rfc8259_slots(const unsigned char *text, size_t len);
void rfc8259_names(rfc8259_parser_t *parser, unsigned seed);
int rfc8259_name(rfc8259_parser_t *parser, uint32_t object, uint32_t name);


#endif /* RFC8259_PARSER_H_INCLUDED */
