
/*
 * Copyright (C) Ficus authors
 */


#include "rfc8259_parser.h"
#include <string.h>


/* of the first digit of the greatest double, 1.8e308 */
#define RFC8259_MAGNITUDE  308

/* a greater one says the same, since no text has so many digits */
#define RFC8259_EXPONENT   100000000000


static int rfc8259_digits(rfc8259_parser_t *parser);
static int rfc8259_exponent(rfc8259_parser_t *parser);
static int rfc8259_integer_fits(const unsigned char *p,
    const unsigned char *last);
static int rfc8259_double_fits(const unsigned char *p,
    const unsigned char *last);
static int64_t rfc8259_power(const unsigned char *p,
    const unsigned char *last);
static int rfc8259_below_limit(const unsigned char *p,
    const unsigned char *last);


/* 2^1024 - 2^970, the least number that is rounded to infinity */

static const char  rfc8259_limit[] =
    "179769313486231580793728971405303415079934132710037826936173"
    "778980444968292764750946649017977587207096330286416692887910"
    "946555547851940402630657488671505820681908902000708383676273"
    "854845817711531764475730270069855571366959622842914819860834"
    "936475292719074168444365510704342711559699508093042880177904"
    "174497792";


int
rfc8259_number(rfc8259_parser_t *parser)
{
    int                   fits;
    const unsigned char  *start, *whole;

    start = parser->pos;

    if (*parser->pos == '-') {
        parser->pos++;
    }

    whole = parser->pos;

    if (rfc8259_digits(parser) != 0) {
        return -1;
    }

    if (*whole == '0' && parser->pos - whole > 1) {
        parser->pos = whole;
        return rfc8259_fail(parser, "leading zero");
    }

    whole = parser->pos;

    if (parser->pos < parser->last && *parser->pos == '.') {
        parser->pos++;

        if (rfc8259_digits(parser) != 0) {
            return -1;
        }
    }

    if (rfc8259_exponent(parser) != 0) {
        return -1;
    }

    fits = (parser->pos == whole) ? rfc8259_integer_fits(start, whole)
                                  : rfc8259_double_fits(start, parser->pos);

    if (!fits) {
        parser->pos = start;
        return rfc8259_fail(parser, "number out of range");
    }

    return 0;
}


static int
rfc8259_digits(rfc8259_parser_t *parser)
{
    const unsigned char  *start;

    start = parser->pos;

    while (parser->pos < parser->last && *parser->pos >= '0'
           && *parser->pos <= '9')
    {
        parser->pos++;
    }

    if (parser->pos == start) {
        return rfc8259_expected(parser, "digit expected");
    }

    return 0;
}


static int
rfc8259_exponent(rfc8259_parser_t *parser)
{
    if (parser->pos == parser->last
        || (*parser->pos != 'e' && *parser->pos != 'E'))
    {
        return 0;
    }

    parser->pos++;

    if (parser->pos < parser->last
        && (*parser->pos == '+' || *parser->pos == '-'))
    {
        parser->pos++;
    }

    return rfc8259_digits(parser);
}


/* from -2^63 to 2^64 - 1 */

static int
rfc8259_integer_fits(const unsigned char *p, const unsigned char *last)
{
    size_t       digits;
    const char  *limit;

    limit = "18446744073709551615";

    if (*p == '-') {
        limit = "9223372036854775808";
        p++;
    }

    digits = (size_t) (last - p);

    if (digits != strlen(limit)) {
        return digits < strlen(limit);
    }

    return memcmp(p, limit, digits) <= 0;
}


/* without a conversion, which would depend on the locale and cost more */

static int
rfc8259_double_fits(const unsigned char *p, const unsigned char *last)
{
    int64_t               magnitude;
    const unsigned char  *first, *point;

    if (*p == '-') {
        p++;
    }

    for (first = p; first < last && (*first == '0' || *first == '.'); first++)
    {
        /* void */
    }

    if (first == last || *first == 'e' || *first == 'E') {
        return 1;
    }

    for (point = p; point < last && *point >= '0' && *point <= '9'; point++) {
        /* void */
    }

    magnitude = point - first;

    if (first < point) {
        magnitude--;
    }

    magnitude += rfc8259_power(point, last);

    if (magnitude != RFC8259_MAGNITUDE) {
        return magnitude < RFC8259_MAGNITUDE;
    }

    return rfc8259_below_limit(first, last);
}


/* the exponent, which may stand behind some digits */

static int64_t
rfc8259_power(const unsigned char *p, const unsigned char *last)
{
    int      negative;
    int64_t  power;

    while (p < last && *p != 'e' && *p != 'E') {
        p++;
    }

    if (p == last) {
        return 0;
    }

    p++;
    negative = (*p == '-');

    if (*p == '-' || *p == '+') {
        p++;
    }

    for (power = 0; p < last && power < RFC8259_EXPONENT; p++) {
        power = 10 * power + (*p - '0');
    }

    return negative ? -power : power;
}


/* digit by digit; p is at the first that is not 0 */

static int
rfc8259_below_limit(const unsigned char *p, const unsigned char *last)
{
    const char    *limit;
    unsigned char  c;

    for (limit = rfc8259_limit; *limit; limit++) {

        if (p < last && *p == '.') {
            p++;
        }

        c = '0';

        if (p < last && *p != 'e' && *p != 'E') {
            c = *p++;
        }

        if (c != (unsigned char) *limit) {
            return c < (unsigned char) *limit;
        }
    }

    return 0;
}
