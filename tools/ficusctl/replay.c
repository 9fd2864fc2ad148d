
/*
 * Copyright (C) Ficus authors
 */


#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "replay.h"


#define CTL_REPLAY_TOP  20


/* conf/http.conf has the second one */

static const char  ctl_combined[] =
    "$remote_addr - $remote_user [$time_local] \"$request\" $status "
    "$body_bytes_sent \"$http_referer\" \"$http_user_agent\"";

static const char  ctl_ficus[] =
    "{\"time\":\"$time_iso8601\",\"request_id\":\"$ficus_request_id\","
    "\"client\":\"$remote_addr\",\"method\":\"$request_method\","
    "\"path\":\"$ficus_path\",\"status\":$status,\"bytes\":$bytes_sent,"
    "\"seconds\":$request_time,\"arm\":\"$strangler_%s_served\","
    "\"rule\":\"$strangler_%s_decided\",\"bucket\":\"$strangler_%s_bucket\","
    "\"upstream_seconds\":\"$upstream_response_time\"}";


static int ctl_replay_options(const ctl_options_t *options, size_t *top);
static int ctl_replay_prepare(ctl_replay_t *replay,
    const ctl_options_t *options, const char *name);
static int ctl_replay_formats(ctl_replay_t *replay, const char *text);
static int ctl_replay_file(ctl_replay_t *replay, const char *name);
static int ctl_replay_read(ctl_replay_t *replay, FILE *in, const char *name);
static int ctl_replay_add(ctl_replay_t *replay, size_t len);
static bool ctl_replay_count(ctl_replay_t *replay, const ctl_line_t *line);
static bool ctl_is_packed(const char *data, size_t len);


int
ctl_replay(const ctl_options_t *options, int argc, char **argv)
{
    int            rc;
    size_t         top;
    ctl_replay_t  *replay;

    rc = ctl_replay_options(options, &top);

    if (rc != CTL_OK) {
        return rc;
    }

    replay = calloc(1, sizeof(ctl_replay_t));

    if (replay == NULL) {
        ctl_error("out of memory");
        return CTL_REFUSED;
    }

    replay->routes.max = CTL_REPLAY_ROUTES;
    rc = ctl_replay_prepare(replay, options, argc > 1 ? argv[1] : NULL);

    if (rc == CTL_OK) {
        rc = ctl_replay_file(replay, argv[0]);
    }

    if (rc == CTL_OK && options->json) {
        ctl_replay_json(replay, top);

    } else if (rc == CTL_OK) {
        ctl_replay_show(options, replay, top);
    }

    ctl_count_clear(&replay->keys);
    ctl_count_clear(&replay->routes);
    ctl_split_clear(&replay->split);
    free(replay->ficus);
    free(replay);

    return rc;
}


static int
ctl_replay_options(const ctl_options_t *options, size_t *top)
{
    uint64_t     n;
    const char  *text;

    text = options->extra[CTL_OPT_TOP];
    n = CTL_REPLAY_TOP;

    if (text != NULL
        && fig_str_uint(fig_str_from(text), UINT32_MAX, &n) != FIG_OK)
    {
        ctl_error("--top=%s is no number", text);
        return CTL_USAGE;
    }

    *top = (size_t) n;

    if (options->extra[CTL_OPT_WEIGHTS] == NULL) {
        ctl_error("which weights? --weights=v1=30,v2=70");
        return CTL_USAGE;
    }

    return CTL_OK;
}


static int
ctl_replay_prepare(ctl_replay_t *replay, const ctl_options_t *options,
    const char *name)
{
    int  rc;

    rc = ctl_split_load(&replay->split, options, name);

    if (rc == CTL_OK) {
        rc = ctl_split_weights(&replay->split,
                               options->extra[CTL_OPT_WEIGHTS]);
    }

    if (rc == CTL_OK) {
        rc = ctl_split_captures(&replay->split, options->extra[CTL_OPT_KEY]);
    }

    if (rc == CTL_OK) {
        rc = ctl_replay_formats(replay, options->extra[CTL_OPT_FORMAT]);
    }

    return rc;
}


/* unless it is told, a line that begins with { is of the second one */

static int
ctl_replay_formats(ctl_replay_t *replay, const char *text)
{
    char         name[64];
    size_t       i;
    const char  *first, *second;

    (void) snprintf(name, sizeof(name), "%s", replay->split.name);

    for (i = 0; name[i] != '\0'; i++) {
        if (name[i] == '-') {
            name[i] = '_';
        }
    }

    if (asprintf(&replay->ficus, ctl_ficus, name, name, name) == -1) {
        replay->ficus = NULL;
        ctl_error("out of memory");
        return CTL_REFUSED;
    }

    first = ctl_combined;
    second = replay->ficus;

    if (text != NULL) {
        first = strcmp(text, "combined") == 0 ? ctl_combined
                : strcmp(text, "ficus") == 0 ? replay->ficus : text;
        second = first;
    }

    if (ctl_format_parse(&replay->formats[0], first, &replay->split) != FIG_OK
        || ctl_format_parse(&replay->formats[1], second, &replay->split)
           != FIG_OK)
    {
        return CTL_USAGE;
    }

    return CTL_OK;
}


static int
ctl_replay_file(ctl_replay_t *replay, const char *name)
{
    int    rc;
    FILE  *in;

    if (strcmp(name, "-") == 0) {
        return ctl_replay_read(replay, stdin, "standard input");
    }

    in = fopen(name, "re");

    if (in == NULL) {
        ctl_error("%s can't be read: %s", name, strerror(errno));
        return CTL_USAGE;
    }

    rc = ctl_replay_read(replay, in, name);
    fclose(in);

    return rc;
}


/* a line that does not fit is one that is not understood */

static int
ctl_replay_read(ctl_replay_t *replay, FILE *in, const char *name)
{
    bool     rest;
    char    *line;
    size_t   len;

    rest = false;
    line = replay->line;

    while (fgets(line, CTL_REPLAY_LINE, in) != NULL) {
        len = strlen(line);

        if (replay->read == 0 && ctl_is_packed(line, len)) {
            ctl_error("%s is compressed; zcat FILE | ficusctl replay - ...",
                      name);
            return CTL_USAGE;
        }

        if (rest) {
            rest = (len > 0 && line[len - 1] != '\n');
            continue;
        }

        rest = (len == CTL_REPLAY_LINE - 1 && line[len - 1] != '\n');

        if (ctl_replay_add(replay, rest ? 0 : len) != CTL_OK) {
            ctl_error("out of memory");
            return CTL_REFUSED;
        }
    }

    if (ferror(in)) {
        ctl_error("%s can't be read: %s", name, strerror(errno));
        return CTL_REFUSED;
    }

    if (replay->read > 0 && replay->kinds[CTL_UNREADABLE] == replay->read) {
        ctl_error("no line of %s is of the format; --format tells it", name);
        return CTL_REFUSED;
    }

    return CTL_OK;
}


static int
ctl_replay_add(ctl_replay_t *replay, size_t len)
{
    char        *text;
    ctl_line_t   line;

    text = replay->line;

    while (len > 0 && (text[len - 1] == '\n' || text[len - 1] == '\r')) {
        len--;
    }

    ctl_replay_line(replay, len, &line);

    replay->read++;
    replay->kinds[line.kind]++;

    return ctl_replay_count(replay, &line) ? CTL_OK : CTL_REFUSED;
}


static bool
ctl_replay_count(ctl_replay_t *replay, const ctl_line_t *line)
{
    bool          moves;
    ctl_count_t  *row;

    if (line->kind == CTL_UNREADABLE || line->kind == CTL_ELSEWHERE) {
        return true;
    }

    moves = line->kind == CTL_KEYED
            && ctl_split_moves(&replay->split, line->bucket);

    row = ctl_count(&replay->routes, line->route);

    if (row == NULL) {
        return false;
    }

    row->requests++;
    row->moving += moves;

    if (line->kind != CTL_KEYED) {
        return true;
    }

    row = ctl_count(&replay->keys, line->key);

    if (row == NULL) {
        return false;
    }

    row->bucket = line->bucket;
    row->requests++;
    row->moving += moves;

    return true;
}


/* gzip, zstd, xz, bzip2 */

static bool
ctl_is_packed(const char *data, size_t len)
{
    return len > 2 && (memcmp(data, "\x1f\x8b", 2) == 0
                       || memcmp(data, "\x28\xb5\x2f", 3) == 0
                       || memcmp(data, "\xfd" "7z", 3) == 0
                       || memcmp(data, "BZh", 3) == 0);
}
