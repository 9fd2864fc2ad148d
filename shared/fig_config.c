
/*
 * Copyright (C) Ficus authors
 */


#include "fig_config.h"
#include "fig_config_row.h"
#include <stdarg.h>
#include <stdio.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>


#define FIG_CONFIG_BLOCK  4096
#define FIG_CONFIG_LINE   4096


static fig_status_t fig_config_layers(const fig_config_t *config, int argc,
    char **argv);
static fig_status_t fig_config_defaults(const fig_config_t *config);
static fig_status_t fig_config_environment(const fig_config_t *config);
static fig_status_t fig_config_options(const fig_config_t *config, int argc,
    char **argv, fig_config_t *builtins);
static fig_status_t fig_config_option(const fig_config_t *config, char **argv,
    fig_config_t *builtins, int *used);


static fig_arena_t  *fig_config_arena;


/* their fields are in fig_config_t itself */

static const fig_setting_t  fig_config_builtins[] = {

    { "config", NULL, FIG_CONFIG_STRING, offsetof(fig_config_t, file),
      NULL, 1, 0, "read settings from a file with lines `name value`" },

    { "check", NULL, FIG_CONFIG_FLAG, offsetof(fig_config_t, check),
      NULL, 0, 0, "check the settings and exit" },

    { "help", NULL, FIG_CONFIG_FLAG, offsetof(fig_config_t, help),
      NULL, 0, 0, "print this and exit" },

    { "version", NULL, FIG_CONFIG_FLAG, offsetof(fig_config_t, version),
      NULL, 0, 0, "print the version and exit" },

    { NULL, NULL, FIG_CONFIG_STRING, 0, NULL, 0, 0, NULL }
};


fig_status_t
fig_config_load(const fig_setting_t *settings, const char *name, int argc,
    char **argv, void *conf, bool *check)
{
    fig_status_t  rc;
    fig_config_t  config;

    memset(&config, 0, sizeof(fig_config_t));

    config.program = name;
    config.settings = settings;
    config.conf = conf;

    if (fig_config_arena == NULL) {
        fig_config_arena = fig_arena_create(FIG_CONFIG_BLOCK, SIZE_MAX);
    }

    if (fig_config_arena == NULL) {
        return fig_config_fail(&config, "out of memory");
    }

    config.arena = fig_config_arena;

    rc = fig_config_options(&config, argc, argv, &config);

    if (rc != FIG_OK) {
        return rc;
    }

    if (config.help) {
        return fig_config_help(&config, fig_config_builtins);
    }

    if (config.version) {
        return fig_config_version(&config);
    }

    rc = fig_config_layers(&config, argc, argv);

    if (rc == FIG_OK) {
        *check = config.check;
    }

    return rc;
}


void
fig_config_free(void)
{
    fig_arena_destroy(fig_config_arena);
    fig_config_arena = NULL;
}


/* lowest precedence first: each overwrites what was before */

static fig_status_t
fig_config_layers(const fig_config_t *config, int argc, char **argv)
{
    fig_status_t  rc;

    rc = fig_config_defaults(config);

    if (rc == FIG_OK && config->file) {
        rc = fig_config_read(config);
    }

    if (rc == FIG_OK) {
        rc = fig_config_environment(config);
    }

    if (rc == FIG_OK) {
        rc = fig_config_options(config, argc, argv, NULL);
    }

    return rc;
}


static fig_status_t
fig_config_defaults(const fig_config_t *config)
{
    fig_status_t          rc;
    const fig_setting_t  *row;

    for (row = config->settings; row->name; row++) {
        rc = fig_config_set(config, row, config->conf, row->value,
                            row->name);

        if (rc != FIG_OK) {
            return rc;
        }
    }

    return FIG_OK;
}


static fig_status_t
fig_config_environment(const fig_config_t *config)
{
    const char           *value;
    fig_status_t          rc;
    const fig_setting_t  *row;

    for (row = config->settings; row->name; row++) {

        value = row->env ? secure_getenv(row->env) : NULL;

        if (value == NULL || *value == '\0') {
            continue;
        }

        rc = fig_config_set(config, row, config->conf, value, row->env);

        if (rc != FIG_OK) {
            return rc;
        }
    }

    return FIG_OK;
}


/* the settings, or what has to be known before any of them has its value */

static fig_status_t
fig_config_options(const fig_config_t *config, int argc, char **argv,
    fig_config_t *builtins)
{
    int           i, used;
    fig_status_t  rc;

    for (i = 1; i < argc; i += used) {
        rc = fig_config_option(config, argv + i, builtins, &used);

        if (rc != FIG_OK) {
            return rc;
        }
    }

    return FIG_OK;
}


static fig_status_t
fig_config_option(const fig_config_t *config, char **argv,
    fig_config_t *builtins, int *used)
{
    void                 *base;
    fig_str_t             name;
    const char           *value;
    const fig_setting_t  *row;
    char                  where[64];

    *used = 1;

    if (strncmp(argv[0], "--", 2) != 0 || argv[0][2] == '\0') {
        return fig_config_fail(config, "unexpected argument \"%s\"; try --help",
                               argv[0]);
    }

    name.data = argv[0] + 2;
    name.len = strcspn(name.data, "=");
    value = name.data[name.len] == '=' ? name.data + name.len + 1 : NULL;

    base = builtins ? NULL : config->conf;
    row = fig_config_find(config->settings, name);

    if (row == NULL) {
        base = builtins;
        row = fig_config_find(fig_config_builtins, name);
    }

    if (row == NULL) {
        return fig_config_fail(config, "unknown option \"--%.*s\"; try --help",
                               (int) name.len, name.data);
    }

    if (value == NULL && row->type == FIG_CONFIG_FLAG) {
        value = "on";
    }

    if (value == NULL) {
        value = argv[1];
        *used = 2;
    }

    if (value == NULL || (*used == 2 && strncmp(value, "--", 2) == 0)) {
        return fig_config_fail(config, "--%s needs a value", row->name);
    }

    if (base == NULL) {
        return FIG_OK;
    }

    (void) snprintf(where, sizeof(where), "--%s", row->name);

    return fig_config_set(config, row, base, value, where);
}


const fig_setting_t *
fig_config_find(const fig_setting_t *rows, fig_str_t name)
{
    const fig_setting_t  *row;

    for (row = rows; row->name; row++) {
        if (fig_str_eq(fig_str_from(row->name), name)) {
            return row;
        }
    }

    return NULL;
}


/* what the user wrote must not make two lines of one */

fig_status_t
fig_config_fail(const fig_config_t *config, const char *fmt, ...)
{
    int      n;
    char    *p;
    va_list  args;
    char     text[FIG_CONFIG_LINE];

    va_start(args, fmt);
    n = vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);

    if (n < 0) {
        text[0] = '\0';
    }

    for (p = text; *p; p++) {
        if ((unsigned char) *p < ' ' || *p == 0x7f) {
            *p = '?';
        }
    }

    (void) fprintf(stderr, "%s: %s\n", config->program, text);

    return FIG_INVALID;
}
