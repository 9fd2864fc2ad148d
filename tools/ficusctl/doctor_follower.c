
/*
 * Copyright (C) Ficus authors
 */


/* What a worker that follows others says of each of them. */


#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "doctor.h"


#define CTL_LAG      "ficus_consumer_lag_seconds"
#define CTL_LAG_MAX  1.0            /* s; more is to be looked at */


static void ctl_doctor_source(ctl_doctor_t *doctor, const char *name,
    const char *source);
static void ctl_doctor_sync(ctl_doctor_t *doctor, const char *name,
    const char *source, json_object *json);
static void ctl_doctor_letters(ctl_doctor_t *doctor, const char *name,
    const char *source);
static void ctl_doctor_lag(ctl_doctor_t *doctor, const char *name);
static bool ctl_metric(const char *text, const char *name, double *value);
static double ctl_quantile(const char *text, const char *name, double q,
    double *count);


void
ctl_doctor_follower(ctl_doctor_t *doctor, const char *name)
{
    size_t         i;
    json_object   *sources;
    ctl_answer_t   answer;

    if (ctl_call(doctor->options, "GET", ctl_path("/workers/%s/sync", name),
                 NULL, true, &answer)
        != CTL_OK
        || (sources = ctl_get_array(answer.json, "sources")) == NULL)
    {
        ctl_doctor_say(doctor, CTL_FAIL, "sync", "%s: there is no answer",
                       name);

    } else {
        for (i = 0; i < json_object_array_length(sources); i++) {
            ctl_doctor_source(doctor, name, ctl_name(sources, i));
        }
    }

    ctl_answer_clear(&answer);
    ctl_doctor_lag(doctor, name);
}


static void
ctl_doctor_source(ctl_doctor_t *doctor, const char *name, const char *source)
{
    ctl_answer_t  answer;

    if (ctl_call(doctor->options, "GET",
                 ctl_path("/workers/%s/sync?source=%s", name, source), NULL,
                 true, &answer)
        == CTL_OK
        && answer.status == 200)
    {
        ctl_doctor_sync(doctor, name, source, answer.json);

    } else {
        ctl_doctor_say(doctor, CTL_FAIL, "sync", "%s, of %s: there is no "
                       "answer", name, source);
    }

    ctl_answer_clear(&answer);
    ctl_doctor_letters(doctor, name, source);
}


static void
ctl_doctor_sync(ctl_doctor_t *doctor, const char *name, const char *source,
    json_object *json)
{
    const char    *error, *result;
    json_object   *last;
    ctl_health_t   health;

    if (!json_object_object_get_ex(json, "last", &last) || last == NULL) {
        ctl_doctor_say(doctor, CTL_WARN, "sync",
                       "%s, of %s: not compared with its source yet", name,
                       source);
        return;
    }

    error = ctl_get_text(last, "error");
    result = ctl_get_text(last, "result");
    health = (strcmp(result, "level") == 0 || strcmp(result, "repaired") == 0)
             ? CTL_WELL
             : strcmp(result, "failed") == 0 ? CTL_FAIL : CTL_WARN;

    ctl_doctor_say(doctor, health, "sync", "%s, of %s: %s%s%s at %s",
                   name, source,
                   strcmp(result, "level") == 0 ? "in step" : result,
                   error[0] != '\0' ? ": " : "", error,
                   ctl_get_text(last, "at"));
}


static void
ctl_doctor_letters(ctl_doctor_t *doctor, const char *name, const char *source)
{
    size_t        n;
    ctl_answer_t  answer;

    if (ctl_call(doctor->options, "GET",
                 ctl_path("/workers/%s/dlq?limit=1000&source=%s", name,
                          source),
                 NULL, true, &answer)
        != CTL_OK)
    {
        ctl_doctor_say(doctor, CTL_FAIL, "dead letters",
                       "%s, of %s: there is no answer", name, source);
        return;
    }

    n = json_object_is_type(answer.json, json_type_array)
        ? json_object_array_length(answer.json) : 0;

    if (answer.status != 200) {
        ctl_doctor_say(doctor, CTL_FAIL, "dead letters",
                       "%s, of %s: refused with %ld", name, source,
                       answer.status);

    } else if (n > 0) {
        ctl_doctor_say(doctor, CTL_WARN, "dead letters",
                       "%s, of %s: %zu; ficusctl dlq list --worker=%s "
                       "--source=%s", name, source, n, name, source);

    } else {
        ctl_doctor_say(doctor, CTL_WELL, "dead letters", "%s, of %s: none",
                       name, source);
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
        ctl_doctor_say(doctor, CTL_FAIL, "lag", "%s: there are no metrics",
                       name);
        return;
    }

    lag = ctl_quantile(answer.body, CTL_LAG, 0.99, &count);

    if (count > 0) {
        ctl_doctor_say(doctor, lag > CTL_LAG_MAX ? CTL_WARN : CTL_WELL, "lag",
                       "%s: 99 of 100 events were brought in within %.10g s",
                       name, lag);

    } else {
        ctl_doctor_say(doctor, CTL_WELL, "lag", "%s: no event came yet",
                       name);
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
