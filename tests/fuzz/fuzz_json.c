
/*
 * Copyright (C) Ficus authors
 */


/*
 * The checker against json-c.  Every text that it accepts json-c's strict mode
 * must parse, and what json-c then writes must be accepted and be equal.
 */


#include "fig_json.h"
#include "rfc8259.h"
#include <stdint.h>
#include <stdlib.h>
#include <string.h>


#define LIMIT  (16 * 1024 * 1024)


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


static void expect(bool condition);
static bool check(const uint8_t *data, size_t size, unsigned seed);
static void strict(fig_str_t text);
static void again(fig_str_t text);
static void quote(fig_str_t text);


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    bool       good;
    fig_str_t  text;

    text.data = (const char *) data;
    text.len = size;

    good = check(data, size, 0);
    expect(good == check(data, size, 4711));

    if (good) {
        strict(text);
        again(text);
    }

    quote(text);

    return 0;
}


static void
expect(bool condition)
{
    if (!condition) {
        abort();
    }
}


/* in a work space without a byte to spare */

static bool
check(const uint8_t *data, size_t size, unsigned seed)
{
    int               rc;
    void             *work;
    rfc8259_error_t   error;

    work = malloc(rfc8259_workspace(data, size));
    expect(work != NULL);

    rc = rfc8259_check(data, size, FIG_JSON_DEPTH, seed, work, &error);

    if (rc != 0) {
        expect(error.offset <= size);
        expect(error.line >= 1 && error.column >= 1);
        expect(error.what != NULL);
    }

    free(work);

    return rc == 0;
}


static void
strict(fig_str_t text)
{
    char                     *copy;
    enum json_tokener_error   error;
    struct json_object       *value;
    struct json_tokener      *tokener;

    tokener = json_tokener_new_ex(FIG_JSON_DEPTH + 1);
    copy = malloc(text.len + 1);
    expect(tokener != NULL && copy != NULL);

    memcpy(copy, text.data, text.len);
    copy[text.len] = '\0';

    json_tokener_set_flags(tokener, JSON_TOKENER_STRICT
                           |JSON_TOKENER_VALIDATE_UTF8);

    value = json_tokener_parse_ex(tokener, copy, (int) text.len + 1);
    error = json_tokener_get_error(tokener);

    expect(error == json_tokener_success);

    json_object_put(value);
    json_tokener_free(tokener);
    free(copy);
}


static void
again(fig_str_t text)
{
    fig_str_t          first, second;
    fig_json_t        *one, *other;
    fig_arena_t       *arena;
    fig_json_error_t   error;

    arena = fig_arena_create(4096, LIMIT);
    expect(arena != NULL);

    expect(fig_json_parse(text, &one, &error) == FIG_OK);
    first = fig_json_text(one, arena);

    expect(fig_json_parse(first, &other, &error) == FIG_OK);
    second = fig_json_text(other, arena);

    expect(fig_str_eq(first, second));
    expect(json_object_equal(one, other));

    json_object_put(one);
    json_object_put(other);
    fig_arena_destroy(arena);
}


/* any bytes at all can be quoted; valid ones come back as they were */

static void
quote(fig_str_t text)
{
    bool               same;
    fig_buf_t          out;
    fig_str_t          s;
    fig_json_t        *value;
    fig_json_error_t   error;

    fig_buf_init(&out, LIMIT);
    fig_json_quote(&out, text);

    expect(fig_json_parse(fig_buf_view(&out), &value, &error) == FIG_OK);

    s.data = json_object_get_string(value);
    s.len = (size_t) json_object_get_string_len(value);
    same = (s.len == text.len && memcmp(s.data, text.data, s.len) == 0);

    expect(same == fig_utf8_valid(text));

    json_object_put(value);
    fig_buf_clear(&out);
}
