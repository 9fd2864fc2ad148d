
/*
 * Copyright (C) Ficus authors
 */


#include <curl/curl.h>
#include <getopt.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>

#include "ctl.h"


#define CTL_REPLAY_OPTIONS  (1u << CTL_OPT_WEIGHTS | 1u << CTL_OPT_STATE      \
                             | 1u << CTL_OPT_FORMAT | 1u << CTL_OPT_KEY       \
                             | 1u << CTL_OPT_TOP)
#define CTL_RAMP_OPTIONS    (1u << CTL_OPT_TO | 1u << CTL_OPT_STEP            \
                             | 1u << CTL_OPT_EVERY | 1u << CTL_OPT_ERRORS     \
                             | 1u << CTL_OPT_LATENCY                          \
                             | 1u << CTL_OPT_MISMATCHES                       \
                             | 1u << CTL_OPT_QUANTILE                         \
                             | 1u << CTL_OPT_REQUESTS | 1u << CTL_OPT_DOWN)


static int ctl_run(const ctl_options_t *options, int argc, char **argv);
static int ctl_usage(const ctl_command_t *command);


const ctl_command_t  ctl_commands[] = {

    { "status", "[SPLIT]",
      "weights and requests of a split, or all",
      0, 1, ctl_status, 0 },

    { "set", "SPLIT ARM=WEIGHT ...",
      "weights in per cent, as in v1=40 v2=60",
      2, 9, ctl_set, 0 },

    { "p", "SPLIT P",
      "weight of the baseline, of two arms",
      2, 2, ctl_p, 0 },

    { "ramp", "SPLIT [start|pause|...]",
      "a change in steps; resume, abort",
      1, 2, ctl_ramp, CTL_RAMP_OPTIONS },

    { "explain", "SPLIT KEY",
      "where a key goes, and when that changes",
      2, 2, ctl_explain, 0 },

    { "slots", "SPLIT",
      "which arm owns which buckets",
      1, 1, ctl_slots, 0 },

    { "replay", "LOG|- [SPLIT]",
      "who would move with other weights",
      1, 2, ctl_replay, CTL_REPLAY_OPTIONS },

    { "history", "SPLIT",
      "the last changes, newest first",
      1, 1, ctl_history, 1u << CTL_OPT_VERIFY },

    { "rollback", "SPLIT GENERATION",
      "back to the weights of that generation",
      2, 2, ctl_rollback, 0 },

    { "shadow", "SPLIT [SHARE]",
      "per cent sent to the other arm, too",
      1, 2, ctl_shadow, 0 },

    { "diff", "SPLIT",
      "what shadowing found to differ",
      1, 1, ctl_diff, 1u << CTL_OPT_FORGET },

    { "ledger", "SPLIT",
      "which routes still need the baseline",
      1, 1, ctl_ledger, 0 },

    { "watch", "[SPLIT]",
      "the status each second; Ctrl-C ends it",
      0, 1, ctl_watch, 0 },

    { "doctor", "",
      "is all well? a line for each check",
      0, 0, ctl_doctor, 1u << CTL_OPT_DATA },

    { "dlq", "list|show|redrive|drop [ID]",
      "events that a worker could not bring in",
      1, 2, ctl_dlq, 1u << CTL_OPT_SOURCE },

    { "sync", "check|repair",
      "compares a replica with its source",
      1, 1, ctl_sync, 1u << CTL_OPT_SOURCE },

    { "backup", "DIRECTORY [DATABASE]...",
      "copies the databases of this machine",
      1, 1 + CTL_STORES, ctl_backup, 1u << CTL_OPT_DATA },

    { "restore", "DIRECTORY [DATABASE]...",
      "puts them back; workers must be stopped",
      1, 1 + CTL_STORES, ctl_restore, 1u << CTL_OPT_DATA
            | 1u << CTL_OPT_RAISE | 1u << CTL_OPT_MONGODB },

    { NULL, NULL, NULL, 0, 0, NULL, 0 }
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

        if (ctl_options_check(options, command) != CTL_OK) {
            return CTL_USAGE;
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


void
ctl_help(void)
{
    char                  text[64];
    size_t                i;
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
         "  --worker=NAME      of dlq, default orders, and sync, default all\n"
         "  --help, --version\n");

    for (i = 0; i < CTL_EXTRAS; i++) {
        (void) snprintf(text, sizeof(text), "--%s%s%s", ctl_extras[i].name,
                        ctl_extras[i].value ? "=" : "",
                        ctl_extras[i].value ? ctl_extras[i].value : "");
        printf("  %-26s  %s\n", text, ctl_extras[i].help);
    }

    puts("\n"
         "Exit status: 0 done, 1 refused, not in step or not possible, "
         "2 wrong usage,\n3 no server.");
}
