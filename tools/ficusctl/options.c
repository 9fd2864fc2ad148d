
/*
 * Copyright (C) Ficus authors
 */


#include <curl/curl.h>
#include <getopt.h>
#include <langinfo.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config.h"
#include "ctl.h"


#define CTL_URL_MAX   64
#define CTL_OPT_BASE  256       /* of getopt's answers, above any letter */


static void ctl_options_table(struct option *longs);
static const char *ctl_default_url(void);


/* in the order of ctl_extra_t */

const ctl_extra_row_t  ctl_extras[CTL_EXTRAS] = {
    { "weights", "ARM=WEIGHT,...", "replay: the weights to try" },
    { "state", "FILE", "replay: what slots --json printed" },
    { "format", "FORMAT", "replay: combined, ficus, or a log_format" },
    { "key", "REGEX", "replay: captures the key in the path" },
    { "top", "N", "replay: how many keys and routes to list" },
    { "to", "ARM=WEIGHT,...", "ramp: the weights at its end" },
    { "step", "POINTS", "ramp: how much at a time" },
    { "every", "SECONDS", "ramp: how long a step lasts" },
    { "max-error-ratio", "X", "ramp: more errors than the baseline" },
    { "max-latency-ratio", "X", "ramp: times as slow as the baseline" },
    { "max-mismatch-ratio", "X", "ramp: answers that differ" },
    { "quantile", "Q", "ramp: of the latency" },
    { "min-requests", "N", "ramp: in each step" },
    { "down", "WAY", "ramp: snap, release or keep" },
    { "verify", NULL, "history: whether it is whole" },
    { "forget", NULL, "diff: counts anew" },
    { "data", "DIR", "backup, restore: where the databases are" },
    { "raise", "N", "restore: versions by N times 2^32, not once" },
    { "mongodb", NULL, "restore: after MongoDB's own; in FICUS_STORE" },
    { "source", "NAME", "dlq, sync: which of those that it follows" }
};


/* -1, or what to exit with */

int
ctl_options(ctl_options_t *options, int argc, char **argv)
{
    int            c;
    struct option  longs[8 + CTL_EXTRAS + 1];

    ctl_options_table(longs);

    for ( ;; ) {
        c = getopt_long(argc, argv, "h", longs, NULL);

        switch (c) {

        case -1:
            return -1;

        case 'j':
            options->json = true;
            break;

        case 'u':
            options->url = optarg;
            break;

        case 't':
            options->token_file = optarg;
            break;

        case 'm':
            options->if_match = optarg;
            break;

        case 'r':
            options->reason = optarg;
            break;

        case 'w':
            options->worker = optarg;
            options->named = true;
            break;

        case 'h':
            ctl_help();
            return CTL_OK;

        case 'v':
            puts("ficusctl " FICUS_VERSION);
            return CTL_OK;

        default:

            if (c >= CTL_OPT_BASE) {
                options->extra[c - CTL_OPT_BASE] = optarg ? optarg : "";
                break;
            }

            fputs("ficusctl --help lists the options\n", stderr);
            return CTL_USAGE;
        }
    }
}


static void
ctl_options_table(struct option *longs)
{
    size_t                      i, n;
    static const struct option  common[] = {
        { "json",       no_argument,       NULL, 'j' },
        { "url",        required_argument, NULL, 'u' },
        { "token-file", required_argument, NULL, 't' },
        { "if-match",   required_argument, NULL, 'm' },
        { "reason",     required_argument, NULL, 'r' },
        { "worker",     required_argument, NULL, 'w' },
        { "help",       no_argument,       NULL, 'h' },
        { "version",    no_argument,       NULL, 'v' }
    };

    n = sizeof(common) / sizeof(common[0]);
    memcpy(longs, common, sizeof(common));

    for (i = 0; i < CTL_EXTRAS; i++, n++) {
        longs[n].name = ctl_extras[i].name;
        longs[n].has_arg = ctl_extras[i].value ? required_argument
                                               : no_argument;
        longs[n].flag = NULL;
        longs[n].val = CTL_OPT_BASE + (int) i;
    }

    memset(&longs[n], 0, sizeof(struct option));
}


/* an option that a command does not know must not be thought to work */

int
ctl_options_check(const ctl_options_t *options, const ctl_command_t *command)
{
    size_t  i;

    for (i = 0; i < CTL_EXTRAS; i++) {
        if (options->extra[i] != NULL && !(command->extras & 1u << i)) {
            ctl_error("%s does not take --%s", command->name,
                      ctl_extras[i].name);
            return CTL_USAGE;
        }
    }

    return CTL_OK;
}


void
ctl_terminal(ctl_options_t *options)
{
    const char  *none, *term;

    none = getenv("NO_COLOR");
    term = getenv("TERM");

    options->color = isatty(STDOUT_FILENO)
                     && (none == NULL || none[0] == '\0')
                     && term != NULL && strcmp(term, "dumb") != 0;

    options->utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;

    if (options->url == NULL) {
        options->url = ctl_default_url();
    }
}


/* FICUS_ADMIN_PORT is what make run goes by */

static const char *
ctl_default_url(void)
{
    const char   *url, *port;
    static char   text[CTL_URL_MAX];

    url = getenv("FICUS_ADMIN_URL");

    if (url != NULL && url[0] != '\0') {
        return url;
    }

    port = getenv("FICUS_ADMIN_PORT");

    if (port == NULL || port[0] == '\0') {
        port = "8081";
    }

    (void) snprintf(text, sizeof(text), "http://127.0.0.1:%.32s", port);

    return text;
}
