
/*
 * Copyright (C) Ficus authors
 */


/*
 * What ficusctl replay reads.  The first line is a log_format, the others are
 * lines of it: nothing is read or written outside of a line, whatever they are.
 * And any bytes that nginx could log as a key are the same key when they are
 * read.
 */


#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../tools/ficusctl/replay_format.c"
#include "../../tools/ficusctl/replay_key.c"


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


static ctl_replay_t *prepare(void);
static void any_format(ctl_replay_t *replay, const uint8_t *data, size_t size);
static void any_line(ctl_replay_t *replay, const uint8_t *data, size_t size);
static void any_key(ctl_replay_t *replay, const uint8_t *data, size_t size);
static void escape(char *to, const uint8_t *data, size_t size, bool percent);
static void expect(bool condition);


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static ctl_replay_t  *replay;

    if (replay == NULL) {
        replay = prepare();
    }

    any_format(replay, data, size);
    any_key(replay, data, size);

    return 0;
}


/* what a message would say does not matter here */

void
ctl_error(const char *fmt, ...)
{
    expect(fmt[0] != '\0');
}


static ctl_replay_t *
prepare(void)
{
    int                   error;
    PCRE2_SIZE            at;
    ctl_split_t          *split;
    static ctl_replay_t   replay;
    static unsigned char  salt[] = "users";
    static const char     path[] = "^/users/(?<user_id>[^/]+)$";

    split = &replay.split;
    split->name = "users";
    split->sources[0] = "$cookie_uid";
    split->sources[1] = "$arg_id";
    split->sources[2] = "$user_id";
    split->nsources = 3;
    split->salt = salt;
    split->salt_len = 5;
    split->captures[0].source = 2;
    split->captures[0].capture = 1;
    split->captures[0].code = pcre2_compile((PCRE2_SPTR) path,
                                            PCRE2_ZERO_TERMINATED, 0, &error,
                                            &at, NULL);
    expect(split->captures[0].code != NULL);
    split->captures[0].match
        = pcre2_match_data_create_from_pattern(split->captures[0].code, NULL);
    expect(split->captures[0].match != NULL);
    split->ncaptures = 1;

    return &replay;
}


static void
any_format(ctl_replay_t *replay, const uint8_t *data, size_t size)
{
    char           *text;
    size_t          len;
    const uint8_t  *line, *end;

    line = memchr(data, '\n', size);

    if (line == NULL) {
        return;
    }

    text = strndup((const char *) data, (size_t) (line - data));
    expect(text != NULL);

    if (ctl_format_parse(&replay->formats[0], text, &replay->split)
        == FIG_OK)
    {
        replay->formats[1] = replay->formats[0];

        for (size -= (size_t) (line - data); size > 1; size -= len) {
            line++;
            size--;
            end = memchr(line, '\n', size);
            len = (end != NULL) ? (size_t) (end - line) : size;
            any_line(replay, line, len);
            line += len;
        }
    }

    free(text);
}


static void
any_line(ctl_replay_t *replay, const uint8_t *data, size_t size)
{
    ctl_line_t  line;

    if (size >= sizeof(replay->line)) {
        return;
    }

    memset(&line, 0, sizeof(ctl_line_t));
    memcpy(replay->line, data, size);
    replay->line[size] = '\0';

    ctl_replay_line(replay, size, &line);

    expect(line.kind < CTL_KINDS);

    if (line.kind == CTL_KEYED) {
        expect(line.key.len > 0 && line.bucket < NGX_HTTP_STRANGLER_SLOTS);
        expect(line.route.len < sizeof(replay->route));
    }
}


/* as a cookie that is logged, and in the path */

static void
any_key(ctl_replay_t *replay, const uint8_t *data, size_t size)
{
    int         n;
    char        escaped[4096];
    ctl_line_t  line;

    if (size == 0 || size > 1000 || (size == 1 && data[0] == '-')) {
        return;
    }

    expect(ctl_format_parse(&replay->formats[0],
                            "\"$cookie_uid\" \"$request\"", &replay->split)
           == FIG_OK);

    escape(escaped, data, size, false);
    n = snprintf(replay->line, sizeof(replay->line),
                 "\"%s\" \"GET /users/x HTTP/1.1\"", escaped);

    ctl_replay_line(replay, (size_t) n, &line);
    expect(line.kind == CTL_KEYED && line.key.len == size
           && memcmp(line.key.data, data, size) == 0);

    if (memchr(data, '/', size) != NULL) {
        return;
    }

    escape(escaped, data, size, true);
    n = snprintf(replay->line, sizeof(replay->line),
                 "\"-\" \"GET /users/%s HTTP/1.1\"", escaped);

    ctl_replay_line(replay, (size_t) n, &line);
    expect(line.kind == CTL_KEYED && line.key.len == size
           && memcmp(line.key.data, data, size) == 0);
    expect(line.bucket
           == ngx_http_strangler_bucket(replay->split.salt, 5, data, size));
}


/* more than nginx escapes, so that it holds for a path, too */

static void
escape(char *to, const uint8_t *data, size_t size, bool percent)
{
    size_t  i;

    for (i = 0; i < size; i++) {
        if (isalnum(data[i])) {
            *to++ = (char) data[i];

        } else if (percent) {
            to += snprintf(to, 4, "%%%02x", (unsigned) data[i]);

        } else {
            to += snprintf(to, 5, "\\x%02X", (unsigned) data[i]);
        }
    }

    *to = '\0';
}


static void
expect(bool condition)
{
    if (!condition) {
        abort();
    }
}
