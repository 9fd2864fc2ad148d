
/*
 * Copyright (C) Ficus authors
 */


#include "rfc8259_parser.h"
#include <string.h>


static int rfc8259_text(rfc8259_parser_t *parser);
static int rfc8259_value(rfc8259_parser_t *parser);
static int rfc8259_array(rfc8259_parser_t *parser);
static int rfc8259_object(rfc8259_parser_t *parser);
static int rfc8259_member(rfc8259_parser_t *parser, uint32_t object);
static int rfc8259_literal(rfc8259_parser_t *parser, const char *word);
static int rfc8259_peek(rfc8259_parser_t *parser);
static void rfc8259_locate(const rfc8259_parser_t *parser,
    rfc8259_error_t *error);


size_t
rfc8259_workspace(const unsigned char *text, size_t len)
{
    return rfc8259_slots(text, len) * sizeof(rfc8259_slot_t);
}


int
rfc8259_check(const unsigned char *text, size_t len, unsigned depth,
    unsigned seed, void *work, rfc8259_error_t *error)
{
    rfc8259_parser_t  parser;

    parser.what = NULL;
    parser.depth = depth < RFC8259_DEPTH_MAX ? depth : RFC8259_DEPTH_MAX;
    parser.start = text;
    parser.pos = text;
    parser.last = text;

    if (len > RFC8259_LENGTH_MAX) {
        (void) rfc8259_fail(&parser, "text too long");
        rfc8259_locate(&parser, error);
        return -1;
    }

    parser.last += len;
    parser.slots = work;
    rfc8259_names(&parser, seed);

    if (rfc8259_text(&parser) != 0) {
        rfc8259_locate(&parser, error);
        return -1;
    }

    return 0;
}


static int
rfc8259_text(rfc8259_parser_t *parser)
{
    if (parser->last - parser->pos >= 3
        && memcmp(parser->pos, "\xef\xbb\xbf", 3) == 0)
    {
        return rfc8259_fail(parser, "byte order mark");
    }

    if (rfc8259_value(parser) != 0) {
        return -1;
    }

    if (rfc8259_peek(parser) != -1) {
        return rfc8259_fail(parser, "trailing text");
    }

    return 0;
}


static int
rfc8259_value(rfc8259_parser_t *parser)
{
    int  c;

    c = rfc8259_peek(parser);

    if (c == '-' || (c >= '0' && c <= '9')) {
        return rfc8259_number(parser);
    }

    switch (c) {

    case '{':
        return rfc8259_object(parser);

    case '[':
        return rfc8259_array(parser);

    case '"':
        return rfc8259_string(parser);

    case 't':
        return rfc8259_literal(parser, "true");

    case 'f':
        return rfc8259_literal(parser, "false");

    case 'n':
        return rfc8259_literal(parser, "null");

    default:
        return rfc8259_expected(parser, "value expected");
    }
}


static int
rfc8259_array(rfc8259_parser_t *parser)
{
    int  c;

    if (parser->depth == 0) {
        return rfc8259_fail(parser, "nested too deeply");
    }

    parser->depth--;
    parser->pos++;

    if (rfc8259_peek(parser) != ']') {

        for ( ;; ) {
            if (rfc8259_value(parser) != 0) {
                return -1;
            }

            c = rfc8259_peek(parser);

            if (c == ']') {
                break;
            }

            if (c != ',') {
                return rfc8259_expected(parser, "comma or ] expected");
            }

            parser->pos++;
        }
    }

    parser->depth++;
    parser->pos++;

    return 0;
}


static int
rfc8259_object(rfc8259_parser_t *parser)
{
    int       c;
    uint32_t  object;

    if (parser->depth == 0) {
        return rfc8259_fail(parser, "nested too deeply");
    }

    parser->depth--;
    parser->pos++;

    object = (uint32_t) (parser->pos - parser->start);

    if (rfc8259_peek(parser) != '}') {

        for ( ;; ) {
            if (rfc8259_member(parser, object) != 0) {
                return -1;
            }

            c = rfc8259_peek(parser);

            if (c == '}') {
                break;
            }

            if (c != ',') {
                return rfc8259_expected(parser, "comma or } expected");
            }

            parser->pos++;
        }
    }

    parser->depth++;
    parser->pos++;

    return 0;
}


static int
rfc8259_member(rfc8259_parser_t *parser, uint32_t object)
{
    uint32_t  name;

    if (rfc8259_peek(parser) != '"') {
        return rfc8259_expected(parser, "name expected");
    }

    name = (uint32_t) (parser->pos - parser->start) + 1;

    if (rfc8259_string(parser) != 0) {
        return -1;
    }

    if (rfc8259_peek(parser) != ':') {
        return rfc8259_expected(parser, "colon expected");
    }

    /* no earlier: the table has room for names with a colon alone */

    if (rfc8259_name(parser, object, name) != 0) {
        return -1;
    }

    parser->pos++;

    return rfc8259_value(parser);
}


static int
rfc8259_literal(rfc8259_parser_t *parser, const char *word)
{
    for ( /* void */ ; *word; word++) {

        if (parser->pos == parser->last
            || *parser->pos != (unsigned char) *word)
        {
            return rfc8259_expected(parser, "value expected");
        }

        parser->pos++;
    }

    return 0;
}


/* the next byte that is no blank, or -1 at the end */

static int
rfc8259_peek(rfc8259_parser_t *parser)
{
    unsigned char  c;

    for ( /* void */ ; parser->pos < parser->last; parser->pos++) {
        c = *parser->pos;

        if (c != ' ' && c != '\n' && c != '\r' && c != '\t') {
            return c;
        }
    }

    return -1;
}


/* the fault is at pos */

int
rfc8259_fail(rfc8259_parser_t *parser, const char *what)
{
    parser->what = what;

    return -1;
}


int
rfc8259_expected(rfc8259_parser_t *parser, const char *what)
{
    if (parser->pos == parser->last) {
        what = "unexpected end";
    }

    return rfc8259_fail(parser, what);
}


static void
rfc8259_locate(const rfc8259_parser_t *parser, rfc8259_error_t *error)
{
    const unsigned char  *p;

    error->what = parser->what;
    error->offset = (size_t) (parser->pos - parser->start);
    error->line = 1;
    error->column = 1;

    for (p = parser->start; p < parser->pos; p++) {

        if (*p == '\n') {
            error->line++;
            error->column = 1;

        } else {
            error->column++;
        }
    }
}
