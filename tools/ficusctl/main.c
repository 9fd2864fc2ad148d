
/*
 * Copyright (C) Ficus authors
 */


#include <curl/curl.h>
#include <getopt.h>
#include <langinfo.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config.h"
#include "ctl.h"


#define CTL_URL_MAX  64


static int ctl_options(ctl_options_t *options, int argc, char **argv);
static void ctl_terminal(ctl_options_t *options);
static const char *ctl_default_url(void);
static int ctl_run(const ctl_options_t *options, int argc, char **argv);
static int ctl_usage(const ctl_command_t *command);
static void ctl_help(void);


const ctl_command_t  ctl_commands[] = {

    { "status", "[SPLIT]",
      "weights and requests of a split, or all",
      0, 1, ctl_status },

    { "set", "SPLIT ARM=WEIGHT ...",
      "weights in per cent, as in v1=40 v2=60",
      2, 9, ctl_set },

    { "p", "SPLIT P",
      "weight of the baseline, of two arms",
      2, 2, ctl_p },

    { "explain", "SPLIT KEY",
      "where a key goes, and when that changes",
      2, 2, ctl_explain },

    { "history", "SPLIT",
      "the last changes, newest first",
      1, 1, ctl_history },

    { "rollback", "SPLIT GENERATION",
      "back to the weights of that generation",
      2, 2, ctl_rollback },

    { "watch", "[SPLIT]",
      "the status each second; Ctrl-C ends it",
      0, 1, ctl_watch },

    { "dlq", "list|show|redrive|drop [ID]",
      "events that a worker could not bring in",
      1, 2, ctl_dlq },

    { "sync", "check|repair",
      "compares a replica with its source",
      1, 1, ctl_sync },

    { "backup", "DIRECTORY [users|orders]",
      "copies the databases of this machine",
      1, 3, ctl_backup },

    { "restore", "DIRECTORY [users|orders]",
      "puts them back; workers must be stopped",
      1, 3, ctl_restore },

    { NULL, NULL, NULL, 0, 0, NULL }
};


int
main(int argc, char **argv)
{
    int            rc;
    ctl_options_t  options;

    (void) setlocale(LC_CTYPE, "");
    memset(&options, 0, sizeof(ctl_options_t));
    options.worker = "orders";

    rc = ctl_options(&options, argc, argv);

    if (rc != -1) {
        return rc;
    }

    ctl_terminal(&options);
    (void) curl_global_init(CURL_GLOBAL_DEFAULT);

    rc = ctl_run(&options, argc - optind, argv + optind);

    curl_global_cleanup();

    if (fflush(stdout) != 0 || ferror(stdout)) {
        ctl_error("the output can't be written");
        return CTL_REFUSED;
    }

    return rc;
}


/* -1, or what to exit with */

static int
ctl_options(ctl_options_t *options, int argc, char **argv)
{
    int                         c;
    static const struct option  longs[] = {
        { "json",       no_argument,       NULL, 'j' },
        { "url",        required_argument, NULL, 'u' },
        { "token-file", required_argument, NULL, 't' },
        { "if-match",   required_argument, NULL, 'm' },
        { "reason",     required_argument, NULL, 'r' },
        { "worker",     required_argument, NULL, 'w' },
        { "data",       required_argument, NULL, 'd' },
        { "raise",      required_argument, NULL, 'R' },
        { "help",       no_argument,       NULL, 'h' },
        { "version",    no_argument,       NULL, 'v' },
        { NULL,         0,                 NULL, 0 }
    };

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
            break;

        case 'd':
            options->data = optarg;
            break;

        case 'R':
            options->raise = optarg;
            break;

        case 'h':
            ctl_help();
            return CTL_OK;

        case 'v':
            puts("ficusctl " FICUS_VERSION);
            return CTL_OK;

        default:
            fputs("ficusctl --help lists the options\n", stderr);
            return CTL_USAGE;
        }
    }
}


static void
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


static int
ctl_run(const ctl_options_t *options, int argc, char **argv)
{
    const ctl_command_t  *command;

    if (argc == 0) {
        fputs("ficusctl: a command is missing; ficusctl --help lists them\n",
              stderr);
        return CTL_USAGE;
    }

    for (command = ctl_commands; command->name != NULL; command++) {

        if (strcmp(command->name, argv[0]) != 0) {
            continue;
        }

        if (argc - 1 < command->min || argc - 1 > command->max) {
            return ctl_usage(command);
        }

        return command->run(options, argc - 1, argv + 1);
    }

    ctl_error("\"%s\" is no command; ficusctl --help lists them", argv[0]);

    return CTL_USAGE;
}


static int
ctl_usage(const ctl_command_t *command)
{
    fprintf(stderr, "usage: ficusctl %s %s\n", command->name, command->args);

    return CTL_USAGE;
}


static void
ctl_help(void)
{
    const ctl_command_t  *command;

    puts("Usage: ficusctl [OPTION]... COMMAND [ARGUMENT]...\n"
         "\n"
         "Shows and changes how Ficus splits requests between services.\n");

    for (command = ctl_commands; command->name != NULL; command++) {
        printf("  %-8s %-27s  %s\n", command->name, command->args,
               command->help);
    }

    puts("\n"
         "  --json             print what the server says, as it is\n"
         "  --url=URL          the admin port; default $FICUS_ADMIN_URL,\n"
         "                     or http://127.0.0.1:8081\n"
         "  --token-file=FILE  the token that changes may need\n"
         "  --if-match=N       change only if the generation is still N\n"
         "  --reason=TEXT      why, for the history\n"
         "  --worker=NAME      of dlq and sync; default orders\n"
         "  --data=DIR         of backup and restore: the databases' directory;"
         "\n"
         "                     default $FICUS_RUN_DIR/data, or run/data\n"
         "  --raise=N          of restore: versions by N times 2^32, not once\n"
         "  --help, --version\n"
         "\n"
         "Exit status: 0 done, 1 refused, not in step or not possible, "
         "2 wrong usage,\n3 no server.");
}
