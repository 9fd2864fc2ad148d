
/*
 * Copyright (C) Ficus authors
 */


#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "doctor.h"
#include "fig_buf.h"


#define CTL_CHECK_MAX  64
#define CTL_LAG        "ficus_consumer_lag_seconds"
#define CTL_LAG_MAX    1.0          /* s; more is to be looked at */


static bool ctl_doctor_worker(ctl_doctor_t *doctor, const char *name);
static void ctl_doctor_follower(ctl_doctor_t *doctor, const char *name);
static void ctl_doctor_sync(ctl_doctor_t *doctor, const char *name);
static void ctl_doctor_letters(ctl_doctor_t *doctor, const char *name);
static void ctl_doctor_lag(ctl_doctor_t *doctor, const char *name);
static bool ctl_metric(const char *text, const char *name, double *value);
static double ctl_quantile(const char *text, const char *name, double q,
    double *count);


/* a gateway before other services has none of these */

void
ctl_doctor_workers(ctl_doctor_t *doctor)
{
    size_t  i;

    for (i = 0; i < CTL_WORKERS; i++) {
        if (ctl_doctor_worker(doctor, ctl_workers[i])
            && strcmp(ctl_workers[i], doctor->options->worker) == 0)
        {
            ctl_doctor_follower(doctor, ctl_workers[i]);
        }
    }
}


/* its store, its broker, what waits to be published */

static bool
ctl_doctor_worker(ctl_doctor_t *doctor, const char *name)
{
    char          *wrong;
    bool           ready;
    ctl_answer_t   answer;

    ready = ctl_call(doctor->options, "GET",
                     ctl_path("/workers/%s/readyz", name), NULL, true, &answer)
            == CTL_OK
            && answer.status == 200;

    if (answer.status == 404) {
        ctl_answer_clear(&answer);
        return false;
    }

    wrong = ctl_doctor_wrong(answer.json);

    if (wrong != NULL) {
        ctl_doctor_say(doctor, ready ? CTL_WARN : CTL_FAIL, name, "%s", wrong);

    } else if (ready) {
        ctl_doctor_say(doctor, CTL_WELL, name, "store, broker and outbox");

    } else {
        ctl_doctor_say(doctor, CTL_FAIL, name, "does not answer, %ld",
                       answer.status);
    }

    free(wrong);
    ctl_answer_clear(&answer);

    return ready;
}


static void
ctl_doctor_follower(ctl_doctor_t *doctor, const char *name)
{
    ctl_doctor_sync(doctor, name);
    ctl_doctor_letters(doctor, name);
    ctl_doctor_lag(doctor, name);
}


static void
ctl_doctor_sync(ctl_doctor_t *doctor, const char *name)
{
    const char    *result;
    json_object   *last;
    ctl_answer_t   answer;
    ctl_health_t   health;

    if (ctl_call(doctor->options, "GET", ctl_path("/workers/%s/sync", name),
                 NULL, true, &answer)
        != CTL_OK)
    {
        ctl_doctor_say(doctor, CTL_FAIL, "sync", "there is no answer");
        return;
    }

    if (!json_object_object_get_ex(answer.json, "last", &last)
        || last == NULL)
    {
        ctl_doctor_say(doctor, CTL_WARN, "sync",
                       "the replica was not compared with its source yet");

    } else {
        result = ctl_get_text(last, "result");
        health = (strcmp(result, "level") == 0
                  || strcmp(result, "repaired") == 0) ? CTL_WELL
                 : strcmp(result, "failed") == 0 ? CTL_FAIL : CTL_WARN;

        ctl_doctor_say(doctor, health, "sync", "%s%s%s, compared at %s",
                       strcmp(result, "level") == 0 ? "in step" : result,
                       ctl_get_text(last, "error")[0] != '\0' ? ": " : "",
                       ctl_get_text(last, "error"), ctl_get_text(last, "at"));
    }

    ctl_answer_clear(&answer);
}


static void
ctl_doctor_letters(ctl_doctor_t *doctor, const char *name)
{
    size_t        n;
    ctl_answer_t  answer;

    if (ctl_call(doctor->options, "GET",
                 ctl_path("/workers/%s/dlq?limit=1000", name), NULL, true,
                 &answer)
        != CTL_OK)
    {
        ctl_doctor_say(doctor, CTL_FAIL, "dead letters", "there is no answer");
        return;
    }

    n = json_object_is_type(answer.json, json_type_array)
        ? json_object_array_length(answer.json) : 0;

    if (answer.status != 200) {
        ctl_doctor_say(doctor, CTL_FAIL, "dead letters", "refused with %ld",
                       answer.status);

    } else if (n > 0) {
        ctl_doctor_say(doctor, CTL_WARN, "dead letters",
                       "%zu; ficusctl dlq list shows them", n);

    } else {
        ctl_doctor_say(doctor, CTL_WELL, "dead letters", "none");
    }

    ctl_answer_clear(&answer);
}


/* since the worker was started, by its histogram */

static void
ctl_doctor_lag(ctl_doctor_t *doctor, const char *name)
{
    double        lag, count;
    ctl_answer_t  answer;

    if (ctl_fetch(doctor->options, ctl_path("/workers/%s/metrics", name),
                  &answer)
        != CTL_OK)
    {
        ctl_doctor_say(doctor, CTL_FAIL, "lag", "there are no metrics");
        return;
    }

    lag = ctl_quantile(answer.body, CTL_LAG, 0.99, &count);

    if (count > 0) {
        ctl_doctor_say(doctor, lag > CTL_LAG_MAX ? CTL_WARN : CTL_WELL, "lag",
                       "99 of 100 events were brought in within %.10g s", lag);

    } else {
        ctl_doctor_say(doctor, CTL_WELL, "lag", "no event came yet");
    }

    ctl_answer_clear(&answer);
}


/* "name value" on a line of its own */

static bool
ctl_metric(const char *text, const char *name, double *value)
{
    size_t       len;
    const char  *p;

    len = strlen(name);

    for (p = text; p != NULL; p = strchr(p, '\n')) {
        p += (*p == '\n');

        if (strncmp(p, name, len) == 0 && p[len] == ' ') {
            *value = strtod(p + len, NULL);
            return true;
        }
    }

    return false;
}


/* the bound of the first bucket that has them all */

static double
ctl_quantile(const char *text, const char *name, double q, double *count)
{
    char         metric[128];
    double       bound, n;
    const char  *p;

    (void) snprintf(metric, sizeof(metric), "%s_count", name);

    if (!ctl_metric(text, metric, count) || *count <= 0) {
        *count = 0;
        return 0;
    }

    (void) snprintf(metric, sizeof(metric), "\n%s_bucket{le=\"", name);

    for (p = strstr(text, metric); p != NULL; p = strstr(p, metric)) {
        p += strlen(metric);
        bound = strtod(p, NULL);
        p += strcspn(p, " \n");
        n = strtod(p, NULL);

        if (n >= q * *count) {
            return bound;
        }
    }

    return 0;
}
