
/*
 * Copyright (C) Ficus authors
 */


#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "ctl.h"


/* us */
#define CTL_SYNC_LOOK  300000


static int ctl_sync_wait(const ctl_options_t *options, ctl_answer_t *answer);
static int ctl_sync_result(json_object *json);
static void ctl_show_sync(const ctl_options_t *options, json_object *json);
static void ctl_show_differences(const ctl_options_t *options,
    json_object *last);
static void ctl_show_version(json_object *row, const char *name);


/* not in step is no success, or a script could not tell */

int
ctl_sync(const ctl_options_t *options, int argc, char **argv)
{
    int           rc, result;
    bool          repair;
    json_object  *body;
    ctl_answer_t  answer;

    repair = strcmp(argv[0], "repair") == 0;

    if (!repair && strcmp(argv[0], "check") != 0) {
        fputs("usage: ficusctl sync check|repair\n", stderr);
        return CTL_USAGE;
    }

    body = json_object_new_object();
    (void) json_object_object_add(body, "repair",
                                  json_object_new_boolean(repair));

    rc = ctl_call(options, "POST",
                  ctl_path("/workers/%s/sync?source=%s", options->worker,
                           ctl_source(options)), body, false,
                  &answer);

    if (rc == CTL_OK && answer.status == 202) {
        rc = ctl_sync_wait(options, &answer);
    }

    if (rc != CTL_OK) {
        return rc;
    }

    result = ctl_sync_result(answer.json);
    rc = ctl_answer(options, &answer, "source", ctl_show_sync);

    return rc == CTL_OK ? result : rc;
}


/* very many documents take their time; Ctrl-C leaves them to the worker */

static int
ctl_sync_wait(const ctl_options_t *options, ctl_answer_t *answer)
{
    int      rc;
    int64_t  ticket;

    ticket = ctl_get_int(answer->json, "ticket");

    do {
        ctl_answer_clear(answer);
        (void) usleep(CTL_SYNC_LOOK);

        rc = ctl_call(options, "GET",
                      ctl_path("/workers/%s/sync?source=%s", options->worker,
                               ctl_source(options)), NULL,
                      false, answer);
    } while (rc == CTL_OK && answer->status == 200
             && ctl_get_int(answer->json, "done") < ticket);

    return rc;
}


static int
ctl_sync_result(json_object *json)
{
    const char   *result;
    json_object  *last;

    if (!json_object_object_get_ex(json, "last", &last) || last == NULL) {
        return CTL_REFUSED;
    }

    result = ctl_get_text(last, "result");

    return strcmp(result, "level") == 0 || strcmp(result, "repaired") == 0
           ? CTL_OK : CTL_REFUSED;
}


static void
ctl_show_sync(const ctl_options_t *options, json_object *json)
{
    const char   *error, *result;
    json_object  *last;

    if (!json_object_object_get_ex(json, "last", &last) || last == NULL) {
        puts("nothing was compared yet");
        return;
    }

    result = ctl_get_text(last, "result");

    printf("%s%s%s  %s, %lld documents in %.2f s (%s)\n",
           ctl_color(options, CTL_BOLD), ctl_get_text(json, "source"),
           ctl_color(options, CTL_PLAIN),
           strcmp(result, "level") == 0 ? "in step" : result,
           (long long) ctl_get_int(last, "documents"),
           ctl_get_number(last, "seconds"), ctl_get_text(last, "reason"));

    error = ctl_get_text(last, "error");

    if (error[0] != '\0') {
        printf("%s%s%s\n", ctl_color(options, CTL_RED), error,
               ctl_color(options, CTL_PLAIN));
    }

    if (strcmp(result, "level") == 0) {
        return;
    }

    printf("behind %lld, lost %lld, newer %lld, large %lld; repaired %lld",
           (long long) ctl_get_int(last, "behind"),
           (long long) ctl_get_int(last, "lost"),
           (long long) ctl_get_int(last, "newer"),
           (long long) ctl_get_int(last, "large"),
           (long long) ctl_get_int(last, "repaired"));

    if (ctl_get_int(last, "withheld") != 0) {
        printf(", kept %lld: see \"sync repair\" in ficusctl(1)",
               (long long) ctl_get_int(last, "withheld"));
    }

    putchar('\n');

    ctl_show_differences(options, last);
}


static void
ctl_show_differences(const ctl_options_t *options, json_object *last)
{
    size_t        i, n;
    json_object  *rows, *row;

    rows = ctl_get_array(last, "differences");
    n = (rows != NULL) ? json_object_array_length(rows) : 0;

    if (n != 0) {
        printf("\n%s%-7s  %14s  %14s  %s%s\n", ctl_color(options, CTL_DIM),
               "kind", "source", "replica", "id",
               ctl_color(options, CTL_PLAIN));
    }

    for (i = 0; i < n; i++) {
        row = json_object_array_get_idx(rows, i);

        printf("%-7s  ", ctl_get_text(row, "kind"));
        ctl_show_version(row, "source");
        ctl_show_version(row, "replica");
        ctl_text(ctl_get_text(row, "id"));
        putchar('\n');
    }
}


static void
ctl_show_version(json_object *row, const char *name)
{
    int64_t  version;

    version = ctl_get_int(row, name);

    if (version != 0) {
        printf("%14lld  ", (long long) version);

    } else {
        printf("%14s  ", "-");
    }
}
