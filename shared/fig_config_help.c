
/*
 * Copyright (C) Ficus authors
 */


#include "config.h"
#include "fig_config_row.h"
#include <stdio.h>
#include <string.h>


#define FIG_CONFIG_HELP_MAX  ((size_t) 64 * 1024)


static fig_status_t fig_config_print(const fig_config_t *config,
    fig_buf_t *out);
static int fig_config_width(const fig_setting_t *rows, int width);
static void fig_config_rows(fig_buf_t *out, const fig_setting_t *rows,
    int width);
static void fig_config_details(fig_buf_t *out, const fig_setting_t *row,
    int width);


static const char  *fig_config_kinds[] = {
    "=TEXT",
    "=NUMBER",
    "=SIZE",
    "=TIME",
    ""
};


fig_status_t
fig_config_help(const fig_config_t *config, const fig_setting_t *builtins)
{
    int        width;
    fig_buf_t  out;

    fig_buf_init(&out, FIG_CONFIG_HELP_MAX);
    fig_buf_printf(&out, "Usage: %s [OPTION]...\n\n", config->program);

    width = fig_config_width(builtins, fig_config_width(config->settings, 0));

    fig_config_rows(&out, config->settings, width);
    fig_buf_puts(&out, "\n");
    fig_config_rows(&out, builtins, width);

    fig_buf_puts(&out, "\nAn option takes precedence over its environment "
                 "variable, that over the file.\n");

    return fig_config_print(config, &out);
}


fig_status_t
fig_config_version(const fig_config_t *config)
{
    fig_buf_t  out;

    fig_buf_init(&out, FIG_CONFIG_HELP_MAX);
    fig_buf_printf(&out, "%s ficus-%s\n", config->program, FICUS_VERSION);

    return fig_config_print(config, &out);
}


static fig_status_t
fig_config_print(const fig_config_t *config, fig_buf_t *out)
{
    bool       failed;
    fig_str_t  text;

    text = fig_buf_view(out);

    failed = !fig_buf_ok(out)
             || fwrite(text.data, 1, text.len, stdout) != text.len
             || fflush(stdout) != 0;

    fig_buf_clear(out);

    if (failed) {
        return fig_config_fail(config, "standard output cannot be written");
    }

    return FIG_DECLINED;
}


static int
fig_config_width(const fig_setting_t *rows, int width)
{
    int                   n;
    const fig_setting_t  *row;

    for (row = rows; row->name; row++) {
        n = (int) (strlen(row->name) + strlen(fig_config_kinds[row->type]));

        if (n > width) {
            width = n;
        }
    }

    return width;
}


static void
fig_config_rows(fig_buf_t *out, const fig_setting_t *rows, int width)
{
    int                   n;
    const char           *kind;
    const fig_setting_t  *row;

    for (row = rows; row->name; row++) {
        kind = fig_config_kinds[row->type];
        n = width - (int) strlen(row->name);

        fig_buf_printf(out, "  --%s%-*s  %s\n", row->name, n, kind, row->help);
        fig_config_details(out, row, width);
    }
}


/* environment variable, range, default, as far as there are any */

static void
fig_config_details(fig_buf_t *out, const fig_setting_t *row, int width)
{
    bool        any;
    fig_buf_t   range;

    fig_buf_init(&range, 256);

    if (row->type != FIG_CONFIG_STRING) {
        fig_config_range(&range, row);
    }

    any = (row->env || row->value || range.len);

    if (any) {
        fig_buf_printf(out, "%*s", width + 6, "");
    }

    fig_buf_puts(out, row->env ? row->env : "");

    if (range.len) {
        fig_buf_printf(out, "%s%s", row->env ? ", " : "", range.data);
    }

    if (row->value) {
        fig_buf_printf(out, "%sdefault %s", row->env || range.len ? ", " : "",
                       row->value);
    }

    if (any) {
        fig_buf_puts(out, "\n");
    }

    fig_buf_clear(&range);
}
