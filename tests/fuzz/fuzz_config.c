
/*
 * Copyright (C) Ficus authors
 */


/*
 * The text of a configuration file: it is refused with one line that names the
 * file, or every setting is within its bounds.
 */


#include "fig_config.h"
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>


typedef struct {
    const char  *text;
    uint64_t     number;
    uint64_t     size;
    uint64_t     time;
    bool         flag;
} conf_t;


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


static fig_status_t load(const char *name, conf_t *conf);
static void expect(bool condition);


static const fig_setting_t  settings[] = {

    { "text", NULL, FIG_CONFIG_STRING, offsetof(conf_t, text),
      "x", 1, 100, "a text" },

    { "number", NULL, FIG_CONFIG_NUMBER, offsetof(conf_t, number),
      "1", 1, 64, "a number" },

    { "size", NULL, FIG_CONFIG_SIZE, offsetof(conf_t, size),
      "1k", 1024, 1024 * 1024, "a size" },

    { "time", NULL, FIG_CONFIG_MSEC, offsetof(conf_t, time),
      "1s", 1, 3600 * 1000, "a time" },

    { "flag", NULL, FIG_CONFIG_FLAG, offsetof(conf_t, flag),
      NULL, 0, 0, "a flag" },

    { NULL, NULL, FIG_CONFIG_STRING, 0, NULL, 0, 0, NULL }
};


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int           file, lines, saved;
    char          name[64], said[8192];
    conf_t        conf;
    ssize_t       n;
    fig_status_t  rc;

    file = memfd_create("conf", MFD_CLOEXEC);
    lines = memfd_create("stderr", MFD_CLOEXEC);
    saved = dup(STDERR_FILENO);
    expect(file != -1 && lines != -1 && saved != -1);

    expect(write(file, data, size) == (ssize_t) size);
    (void) snprintf(name, sizeof(name), "/proc/self/fd/%d", file);

    expect(dup2(lines, STDERR_FILENO) == STDERR_FILENO);
    rc = load(name, &conf);
    expect(dup2(saved, STDERR_FILENO) == STDERR_FILENO);

    n = pread(lines, said, sizeof(said) - 1, 0);
    expect(n >= 0);
    said[n] = '\0';

    if (rc == FIG_OK) {
        expect(n == 0);
        expect(strlen(conf.text) >= 1 && strlen(conf.text) <= 100);
        expect(conf.number >= 1 && conf.number <= 64);
        expect(conf.size >= 1024 && conf.size <= 1024 * 1024);
        expect(conf.time >= 1 && conf.time <= 3600 * 1000);

    } else {
        expect(rc == FIG_INVALID);
        expect(strncmp(said, "fuzz: /proc/self/fd/", 20) == 0);
        expect(strchr(said, '\n') == said + n - 1);
    }

    fig_config_free();

    expect(close(saved) == 0 && close(lines) == 0 && close(file) == 0);

    return 0;
}


static fig_status_t
load(const char *name, conf_t *conf)
{
    bool  check;
    char  program[] = "fuzz", option[128];
    char *argv[] = { program, option, NULL };

    (void) snprintf(option, sizeof(option), "--config=%s", name);

    return fig_config_load(settings, program, 2, argv, conf, &check);
}


static void
expect(bool condition)
{
    if (!condition) {
        abort();
    }
}
