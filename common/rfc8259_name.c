
/*
 * Copyright (C) Ficus authors
 */


#include "rfc8259_parser.h"
#include <string.h>


/* no member takes fewer bytes: {"": or ,"": */
#define RFC8259_MEMBER  4


/* walks over the unescaped bytes of a string that was read before */

typedef struct {
    unsigned              next;
    unsigned              count;
    const unsigned char  *pos;
    unsigned char         bytes[4];
} rfc8259_cursor_t;


static int rfc8259_has_nul(const rfc8259_parser_t *parser, uint32_t name);
static int rfc8259_same(const unsigned char *a, const unsigned char *b);
static uint32_t rfc8259_hash(const rfc8259_parser_t *parser, uint32_t object,
    const unsigned char *name);
static void rfc8259_mix(uint64_t *v);
static void rfc8259_start(rfc8259_cursor_t *cursor, const unsigned char *name);
static int rfc8259_next(rfc8259_cursor_t *cursor);
static void rfc8259_unescape(rfc8259_cursor_t *cursor);
static void rfc8259_encode(rfc8259_cursor_t *cursor, unsigned c);


/* a power of two, at least twice the names there can be */

uint32_t
rfc8259_slots(const unsigned char *text, size_t len)
{
    size_t         i, names;
    uint32_t       n;
    unsigned char  previous;

    names = 0;
    previous = 0;

    for (i = 0; i < len; i++) {

        if (text[i] == ':' && previous == '"') {
            names++;
        }

        if (text[i] > ' ') {
            previous = text[i];
        }
    }

    if (names > len / RFC8259_MEMBER) {
        names = len / RFC8259_MEMBER;
    }

    /* a text that is too long for any table is refused before it has one */

    for (n = 4; n / 2 < names && n < (uint32_t) 1 << 31; n *= 2) {
        /* void */
    }

    return n;
}


void
rfc8259_names(rfc8259_parser_t *parser, unsigned seed)
{
    uint32_t  slots;

    slots = rfc8259_slots(parser->start,
                          (size_t) (parser->last - parser->start));

    memset(parser->slots, 0, slots * sizeof(rfc8259_slot_t));

    parser->mask = slots - 1;
    parser->key[0] = (seed + (uint64_t) 1) * 0x9e3779b97f4a7c15u;
    parser->key[1] = (parser->key[0] ^ parser->key[0] >> 31)
                     * 0xbf58476d1ce4e5b9u;
}


int
rfc8259_name(rfc8259_parser_t *parser, uint32_t object, uint32_t name)
{
    uint32_t         i, hash;
    rfc8259_slot_t  *slot;

    if (rfc8259_has_nul(parser, name)) {
        parser->pos = parser->start + name - 1;
        return rfc8259_fail(parser, "NUL in name");
    }

    hash = rfc8259_hash(parser, object, parser->start + name);

    for (i = hash & parser->mask; /* void */ ; i = (i + 1) & parser->mask) {
        slot = &parser->slots[i];

        if (slot->name == 0) {
            break;
        }

        if (slot->hash == hash && slot->object == object
            && rfc8259_same(parser->start + slot->name, parser->start + name))
        {
            parser->pos = parser->start + name - 1;
            return rfc8259_fail(parser, "duplicate name");
        }
    }

    slot->hash = hash;
    slot->object = object;
    slot->name = name;

    return 0;
}


/* written as an escape, since a raw one was refused before */

static int
rfc8259_has_nul(const rfc8259_parser_t *parser, uint32_t name)
{
    int                   c;
    rfc8259_cursor_t      cursor;
    const unsigned char  *start;

    start = parser->start + name;

    if (memchr(start, '\\', (size_t) (parser->pos - start)) == NULL) {
        return 0;
    }

    rfc8259_start(&cursor, start);

    do {
        c = rfc8259_next(&cursor);
    } while (c > 0);

    return c == 0;
}


static int
rfc8259_same(const unsigned char *a, const unsigned char *b)
{
    int               c;
    rfc8259_cursor_t  one, other;

    rfc8259_start(&one, a);
    rfc8259_start(&other, b);

    do {
        c = rfc8259_next(&one);

        if (c != rfc8259_next(&other)) {
            return 0;
        }

    } while (c != -1);

    return 1;
}


/* SipHash-1-3 of the object and the name: nobody can choose names that meet */

static uint32_t
rfc8259_hash(const rfc8259_parser_t *parser, uint32_t object,
    const unsigned char *name)
{
    int               c;
    uint64_t          word, v[4];
    unsigned          n;
    rfc8259_cursor_t  cursor;

    v[0] = parser->key[0] ^ 0x736f6d6570736575u;
    v[1] = parser->key[1] ^ 0x646f72616e646f6du;
    v[2] = parser->key[0] ^ 0x6c7967656e657261u;
    v[3] = parser->key[1] ^ 0x7465646279746573u;

    rfc8259_start(&cursor, name);

    word = object;

    for (n = 4; /* void */ ; n++) {
        c = rfc8259_next(&cursor);

        if (c == -1) {
            word |= (uint64_t) (n & 0xff) << 56;
        }

        if (c != -1) {
            word |= (uint64_t) c << (8 * (n & 7));
        }

        if (c == -1 || (n & 7) == 7) {
            v[3] ^= word;
            rfc8259_mix(v);
            v[0] ^= word;
            word = 0;
        }

        if (c == -1) {
            break;
        }
    }

    v[2] ^= 0xff;
    rfc8259_mix(v);
    rfc8259_mix(v);
    rfc8259_mix(v);

    word = v[0] ^ v[1] ^ v[2] ^ v[3];

    return (uint32_t) (word ^ word >> 32);
}


static void
rfc8259_mix(uint64_t *v)
{
    v[0] += v[1];
    v[1] = (v[1] << 13 | v[1] >> 51) ^ v[0];
    v[0] = v[0] << 32 | v[0] >> 32;
    v[2] += v[3];
    v[3] = (v[3] << 16 | v[3] >> 48) ^ v[2];
    v[0] += v[3];
    v[3] = (v[3] << 21 | v[3] >> 43) ^ v[0];
    v[2] += v[1];
    v[1] = (v[1] << 17 | v[1] >> 47) ^ v[2];
    v[2] = v[2] << 32 | v[2] >> 32;
}


static void
rfc8259_start(rfc8259_cursor_t *cursor, const unsigned char *name)
{
    cursor->next = 0;
    cursor->count = 0;
    cursor->pos = name;
}


/* -1 at the end of the string */

static int
rfc8259_next(rfc8259_cursor_t *cursor)
{
    if (cursor->next == cursor->count) {

        if (*cursor->pos == '"') {
            return -1;
        }

        if (*cursor->pos != '\\') {
            return *cursor->pos++;
        }

        rfc8259_unescape(cursor);
    }

    return cursor->bytes[cursor->next++];
}


static void
rfc8259_unescape(rfc8259_cursor_t *cursor)
{
    unsigned              high, low;
    const char           *found;
    const unsigned char  *p;

    static const char  letters[] = "bfnrt";
    static const char  bytes[] = "\b\f\n\r\t";

    p = cursor->pos;

    if (p[1] != 'u') {
        found = memchr(letters, p[1], sizeof(letters) - 1);

        cursor->pos += 2;
        rfc8259_encode(cursor, found ? (unsigned char) bytes[found - letters]
                                     : p[1]);
        return;
    }

    /* a name's end, a quote, is behind it: six bytes can be looked at */

    high = (unsigned) rfc8259_hex(p, p + 6);
    cursor->pos += 6;

    if (high >= 0xd800 && high <= 0xdfff) {
        low = (unsigned) rfc8259_hex(p + 6, p + 12);
        cursor->pos += 6;
        high = 0x10000 + ((high & 0x3ff) << 10 | (low & 0x3ff));
    }

    rfc8259_encode(cursor, high);
}


static void
rfc8259_encode(rfc8259_cursor_t *cursor, unsigned c)
{
    unsigned        i;
    unsigned char  *p;

    p = cursor->bytes;
    cursor->next = 0;
    cursor->count = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;

    if (cursor->count == 1) {
        p[0] = (unsigned char) c;
        return;
    }

    for (i = cursor->count - 1; i > 0; i--) {
        p[i] = (unsigned char) (0x80 | (c & 0x3f));
        c >>= 6;
    }

    p[0] = (unsigned char) (0xf00 >> cursor->count | c);
}
