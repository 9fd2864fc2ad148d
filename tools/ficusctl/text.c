
/*
 * Copyright (C) Ficus authors
 */


/*
 * Somebody else's text must not steer the terminal: control characters, those
 * above ASCII too, and those that turn the direction of text become ?.
 */


#include <stdlib.h>
#include <string.h>

#include "ctl.h"
#include "fig_json.h"


static size_t ctl_char(const char *p, bool *steers);
static size_t ctl_escape(const char *p, bool *steers);
static bool ctl_steers(unsigned long code);


void
ctl_text(const char *text)
{
    bool    steers;
    size_t  n;

    for ( /* void */ ; *text != '\0'; text += n) {
        n = ctl_char(text, &steers);

        if (steers) {
            putchar('?');

        } else {
            (void) fwrite(text, 1, n, stdout);
        }
    }
}


/* what a JSON text can't have stays: it is the parser's to refuse */

void
ctl_defuse(char *json)
{
    bool         steers;
    char        *to;
    size_t       n;
    const char  *p;

    to = json;

    for (p = json; *p != '\0'; p += n) {

        if (*p == '\\') {
            n = ctl_escape(p, &steers);

        } else {
            n = ctl_char(p, &steers);
            steers = steers && (n > 1 || *p == 0x7f);
        }

        if (steers) {
            *to++ = '?';

        } else {
            memmove(to, p, n);
            to += n;
        }
    }

    *to = '\0';
}


/* how long it is; what is no UTF-8 is taken byte by byte */

static size_t
ctl_char(const char *p, bool *steers)
{
    size_t         i, n;
    unsigned char  first;
    unsigned long  code;

    first = (unsigned char) *p;
    n = (first < 0x80) ? 1 : (first < 0xe0) ? 2 : (first < 0xf0) ? 3 : 4;

    if (strnlen(p, n) < n || !fig_utf8_valid((fig_str_t) { n, p })) {
        *steers = true;
        return 1;
    }

    code = (n == 1) ? first : first & (0xffu >> (n + 1));

    for (i = 1; i < n; i++) {
        code = code << 6 | ((unsigned char) p[i] & 0x3fu);
    }

    *steers = ctl_steers(code);

    return n;
}


/* of JSON; what is none is left to the parser */

static size_t
ctl_escape(const char *p, bool *steers)
{
    char  hex[5];

    if (p[1] == 'u' && strnlen(p, 6) == 6) {
        memcpy(hex, p + 2, 4);
        hex[4] = '\0';
        *steers = strspn(hex, "0123456789abcdefABCDEF") == 4
                  && ctl_steers(strtoul(hex, NULL, 16));

        return 6;
    }

    *steers = p[1] != '\0' && strchr("bfnrt", p[1]) != NULL;

    return p[1] == '\0' ? 1 : 2;
}


static bool
ctl_steers(unsigned long code)
{
    return code < ' ' || (code >= 0x7f && code < 0xa0)
           || (code >= 0x202a && code <= 0x202e)
           || (code >= 0x2066 && code <= 0x2069);
}
