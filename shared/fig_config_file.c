
/*
 * Copyright (C) Ficus authors
 */


#include "fig_config_row.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>


#define FIG_CONFIG_FILE_MAX  ((size_t) 1024 * 1024)

#define FIG_CONFIG_BLANKS    " \t\r\f\v"


static fig_status_t fig_config_slurp(const fig_config_t *config,
    fig_buf_t *text);
static fig_status_t fig_config_text(const fig_config_t *config, char *text,
    size_t len);
static void fig_config_trim(char *line);
static fig_status_t fig_config_line(const fig_config_t *config, char *line,
    unsigned number, unsigned *lines);


fig_status_t
fig_config_read(const fig_config_t *config)
{
    fig_buf_t     text;
    fig_status_t  rc;

    fig_buf_init(&text, FIG_CONFIG_FILE_MAX);

    rc = fig_config_slurp(config, &text);

    if (rc == FIG_OK && text.len != 0) {
        rc = fig_config_text(config, text.data, text.len);
    }

    fig_buf_clear(&text);

    return rc;
}


static fig_status_t
fig_config_slurp(const fig_config_t *config, fig_buf_t *text)
{
    int      failed;
    FILE    *file;
    size_t   n;
    char     bytes[4096];

    file = fopen(config->file, "re");

    if (file == NULL) {
        return fig_config_fail(config, "%s: %s", config->file,
                               strerrordesc_np(errno));
    }

    do {
        n = fread(bytes, 1, sizeof(bytes), file);
        fig_buf_append(text, bytes, n);
    } while (n == sizeof(bytes) && fig_buf_ok(text));

    failed = ferror(file) ? errno : 0;
    (void) fclose(file);

    if (failed) {
        return fig_config_fail(config, "%s: %s", config->file,
                               strerrordesc_np(failed));
    }

    if (!fig_buf_ok(text)) {
        return fig_config_fail(config, "%s: larger than 1 MiB", config->file);
    }

    return FIG_OK;
}


static fig_status_t
fig_config_text(const fig_config_t *config, char *text, size_t len)
{
    char          *line, *end;
    size_t         rows;
    unsigned       number, *lines;
    fig_status_t   rc;

    for (rows = 0; config->settings[rows].name; rows++) {
        /* void */
    }

    lines = fig_arena_calloc(config->arena, rows * sizeof(unsigned));

    if (lines == NULL) {
        return fig_config_fail(config, "out of memory");
    }

    number = 1;

    for (line = text; line < text + len; line = end + 1) {

        end = line + strcspn(line, "\n");

        if (*end == '\0' && end < text + len) {
            return fig_config_fail(config, "%s:%u: NUL byte", config->file,
                                   number);
        }

        *end = '\0';
        fig_config_trim(line);

        rc = fig_config_line(config, line + strspn(line, FIG_CONFIG_BLANKS),
                             number++, lines);

        if (rc != FIG_OK) {
            return rc;
        }
    }

    return FIG_OK;
}


/* cuts the comment and the blanks at the end */

static void
fig_config_trim(char *line)
{
    char  *p, *last;

    last = line;

    for (p = line; *p; p++) {

        if (*p == '#' && (p == line || strchr(FIG_CONFIG_BLANKS, p[-1]))) {
            break;
        }

        if (strchr(FIG_CONFIG_BLANKS, *p) == NULL) {
            last = p + 1;
        }
    }

    *last = '\0';
}


static fig_status_t
fig_config_line(const fig_config_t *config, char *line, unsigned number,
    unsigned *lines)
{
    char                 *value;
    unsigned             *first;
    fig_str_t             name, where;
    const fig_setting_t  *row;

    if (*line == '\0') {
        return FIG_OK;
    }

    name.data = line;
    name.len = strcspn(line, FIG_CONFIG_BLANKS);
    value = line + name.len + strspn(line + name.len, FIG_CONFIG_BLANKS);

    row = fig_config_find(config->settings, name);

    if (row == NULL) {
        return fig_config_fail(config, "%s:%u: unknown setting \"%.*s\"",
                               config->file, number, (int) name.len, line);
    }

    if (*value == '\0') {
        return fig_config_fail(config, "%s:%u: %s needs a value", config->file,
                               number, row->name);
    }

    first = &lines[row - config->settings];

    if (*first != 0) {
        return fig_config_fail(config, "%s:%u: %s was set on line %u already",
                               config->file, number, row->name, *first);
    }

    *first = number;

    where = fig_arena_printf(config->arena, "%s:%u: %s", config->file, number,
                             row->name);

    if (where.data == NULL) {
        return fig_config_fail(config, "out of memory");
    }

    return fig_config_set(config, row, config->conf, value, where.data);
}
