
/*
 * Copyright (C) Ficus authors
 */


#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "ctl.h"


/* us */
#define CTL_SYNC_LOOK  300000


static int ctl_sync_all(const ctl_options_t *options, bool repair);
static int ctl_sync_worker(const ctl_options_t *options, const char *name,
    bool repair, size_t *done);
static int ctl_sync_one(const ctl_options_t *options, bool repair);
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
    bool  repair;

    repair = strcmp(argv[0], "repair") == 0;

    if (!repair && strcmp(argv[0], "check") != 0) {
        fputs("usage: ficusctl sync check|repair\n", stderr);
        return CTL_USAGE;
    }

    return options->named ? ctl_sync_one(options, repair)
                          : ctl_sync_all(options, repair);
}


/* the gateway may be older than what tells its workers */

static int
ctl_sync_all(const ctl_options_t *options, bool repair)
{
    int           rc, worst;
    size_t        i, done;
    ctl_answer_t  answer;

    (void) ctl_call(options, "GET", ctl_path("/workers/"), NULL, true,
                    &answer);

    if (answer.status != 200
        || !json_object_is_type(answer.json, json_type_array))
    {
        ctl_answer_clear(&answer);
        return ctl_sync_one(options, repair);
    }

    done = 0;
    worst = CTL_OK;

    for (i = 0; i < ctl_length(answer.json); i++) {
        rc = ctl_sync_worker(options, ctl_name(answer.json, i), repair, &done);
        worst = rc > worst ? rc : worst;
    }

    ctl_answer_clear(&answer);

    if (worst == CTL_OK && done == 0) {
        ctl_error("no worker follows %s", ctl_source(options)[0] != '\0'
                                          ? ctl_source(options) : "another");
        return CTL_REFUSED;
    }

    return worst;
}


/* all that it follows, or --source */

static int
ctl_sync_worker(const ctl_options_t *options, const char *name, bool repair,
    size_t *done)
{
    int             rc, worst;
    size_t          i;
    const char     *source;
    json_object    *sources;
    ctl_answer_t    answer;
    ctl_options_t   one;

    (void) ctl_call(options, "GET", ctl_path("/workers/%s/sync", name), NULL,
                    true, &answer);
    sources = ctl_get_array(answer.json, "sources");
    worst = CTL_OK;

    if (answer.status != 404 && (answer.status != 200 || sources == NULL)) {
        ctl_error("%s does not answer, %ld", name, answer.status);
        worst = CTL_REFUSED;
    }

    one = *options;
    one.worker = name;

    for (i = 0; sources != NULL && i < ctl_length(sources); i++) {
        source = ctl_name(sources, i);

        if (ctl_source(options)[0] != '\0'
            && strcmp(ctl_source(options), source) != 0)
        {
            continue;
        }

        one.extra[CTL_OPT_SOURCE] = source;
        rc = ctl_sync_one(&one, repair);
        worst = rc > worst ? rc : worst;
        (*done)++;
    }

    ctl_answer_clear(&answer);

    return worst;
}


static int
ctl_sync_one(const ctl_options_t *options, bool repair)
{
    int           rc, result;
    json_object  *body;
    ctl_answer_t  answer;

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

    printf("%s%s, of %s%s  %s, %lld documents in %.2f s (%s)\n",
           ctl_color(options, CTL_BOLD), options->worker,
           ctl_get_text(json, "source"),
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
