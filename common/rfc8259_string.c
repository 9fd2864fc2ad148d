
/*
 * Copyright (C) Ficus authors
 */


#include "rfc8259_parser.h"


static int rfc8259_escape(rfc8259_parser_t *parser);
static int rfc8259_unicode(rfc8259_parser_t *parser);
static int rfc8259_wrong_escape(rfc8259_parser_t *parser,
    const unsigned char *p, const char *what);
static int rfc8259_digit(unsigned char c);


int
rfc8259_string(rfc8259_parser_t *parser)
{
    size_t         n;
    unsigned char  c;

    for (parser->pos++; parser->pos < parser->last; /* void */ ) {
        c = *parser->pos;

        if (c == '"') {
            parser->pos++;
            return 0;
        }

        if (c == '\\') {
            if (rfc8259_escape(parser) != 0) {
                return -1;
            }

        } else if (c < ' ') {
            return rfc8259_fail(parser, "control character in string");

        } else if (c < 0x80) {
            parser->pos++;

        } else {
            n = rfc8259_utf8(parser->pos, parser->last);

            if (n == 0) {
                return rfc8259_fail(parser, "invalid UTF-8");
            }

            parser->pos += n;
        }
    }

    return rfc8259_fail(parser, "unexpected end");
}


static int
rfc8259_escape(rfc8259_parser_t *parser)
{
    if (parser->last - parser->pos < 2) {
        parser->pos = parser->last;
        return rfc8259_fail(parser, "unexpected end");
    }

    switch (parser->pos[1]) {

    case '"':
    case '\\':
    case '/':
    case 'b':
    case 'f':
    case 'n':
    case 'r':
    case 't':
        parser->pos += 2;
        return 0;

    case 'u':
        return rfc8259_unicode(parser);

    default:
        return rfc8259_fail(parser, "invalid escape");
    }
}


static int
rfc8259_unicode(rfc8259_parser_t *parser)
{
    int                   high, low;
    const unsigned char  *p;

    p = parser->pos;
    high = rfc8259_hex(p, parser->last);

    if (high == -1) {
        return rfc8259_wrong_escape(parser, p, "invalid escape");
    }

    if (high < 0xd800 || high > 0xdfff) {
        parser->pos = p + 6;
        return 0;
    }

    low = rfc8259_hex(p + 6, parser->last);

    if (high > 0xdbff || (low != -1 && (low < 0xdc00 || low > 0xdfff))) {
        return rfc8259_fail(parser, "lone surrogate");
    }

    if (low == -1) {
        return rfc8259_wrong_escape(parser, p + 6, "lone surrogate");
    }

    parser->pos = p + 12;

    return 0;
}


/* there is no \uXXXX at p; it may be that the text ends too soon */

static int
rfc8259_wrong_escape(rfc8259_parser_t *parser, const unsigned char *p,
    const char *what)
{
    size_t  i, left;

    left = (size_t) (parser->last - p);

    for (i = 0; i < left && i < 6; i++) {

        if ((i == 0 && p[i] != '\\') || (i == 1 && p[i] != 'u')
            || (i > 1 && rfc8259_digit(p[i]) == -1))
        {
            return rfc8259_fail(parser, what);
        }
    }

    parser->pos = parser->last;

    return rfc8259_fail(parser, "unexpected end");
}


int
rfc8259_hex(const unsigned char *p, const unsigned char *last)
{
    int       value, digit;
    unsigned  i;

    if (last - p < 6 || p[0] != '\\' || p[1] != 'u') {
        return -1;
    }

    value = 0;

    for (i = 2; i < 6; i++) {
        digit = rfc8259_digit(p[i]);

        if (digit == -1) {
            return -1;
        }

        value = value * 16 + digit;
    }

    return value;
}


static int
rfc8259_digit(unsigned char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }

    c |= 0x20;

    return (c >= 'a' && c <= 'f') ? c - 'a' + 10 : -1;
}


/* the well-formed sequences of Unicode, table 3-7 */

size_t
rfc8259_utf8(const unsigned char *p, const unsigned char *last)
{
    size_t         i, n;
    unsigned char  low, high;

    low = 0x80;
    high = 0xbf;

    if (p == last) {
        return 0;
    }

    if (p[0] < 0x80) {
        return 1;
    }

    if (p[0] < 0xc2 || p[0] > 0xf4) {
        return 0;
    }

    n = p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;

    if (p[0] == 0xe0) {
        low = 0xa0;

    } else if (p[0] == 0xed) {
        high = 0x9f;

    } else if (p[0] == 0xf0) {
        low = 0x90;

    } else if (p[0] == 0xf4) {
        high = 0x8f;
    }

    if ((size_t) (last - p) < n || p[1] < low || p[1] > high) {
        return 0;
    }

    for (i = 2; i < n; i++) {
        if ((p[i] & 0xc0) != 0x80) {
            return 0;
        }
    }

    return n;
}
