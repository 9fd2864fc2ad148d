
/*
 * Copyright (C) Ficus authors
 */


#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "doctor.h"


#define CTL_CHECK_MAX  64


static void ctl_doctor_split(ctl_doctor_t *doctor, json_object *split);
static bool ctl_doctor_arms(ctl_doctor_t *doctor, const char *check,
    json_object *split);
static bool ctl_doctor_ramp(ctl_doctor_t *doctor, const char *check,
    json_object *split);
static void ctl_doctor_history(ctl_doctor_t *doctor, const char *split);


/* zone, splits and state files, as the gateway sees them */

bool
ctl_doctor_gateway(ctl_doctor_t *doctor)
{
    char                 *wrong;
    const char           *status;
    ctl_answer_t          answer;
    const ctl_options_t  *options;

    options = doctor->options;

    if (ctl_call(options, "GET", ctl_path("/readyz"), NULL, true, &answer)
        != CTL_OK)
    {
        ctl_doctor_say(doctor, CTL_FAIL, "gateway", "%s can't be reached, or "
                       "is no admin port; does nginx run there?",
                       options->url);
        return false;
    }

    status = ctl_get_text(answer.json, "status");
    wrong = ctl_doctor_wrong(answer.json);

    if (strcmp(status, "ok") == 0) {
        ctl_doctor_say(doctor, CTL_WELL, "gateway",
                       "zones, splits and state files of %s", options->url);

    } else {
        ctl_doctor_say(doctor,
                       strcmp(status, "degraded") == 0 ? CTL_WARN : CTL_FAIL,
                       "gateway", "%s",
                       wrong != NULL ? wrong
                                     : ctl_get_text(answer.json, "detail"));
    }

    free(wrong);
    ctl_answer_clear(&answer);

    return true;
}


/*
 * The port that was named, or that of make run when nobody has named another
 * place.  What answers on the latter may be anything, and need not be ours.
 */

void
ctl_doctor_clients(ctl_doctor_t *doctor)
{
    int            rc;
    bool           named;
    char           url[CTL_CHECK_MAX];
    const char    *port;
    ctl_answer_t   answer;
    ctl_options_t  options;

    port = getenv("FICUS_HTTP_PORT");
    named = port != NULL && port[0] != '\0';

    if (!named) {

        if (getenv("FICUS_ADMIN_PORT") != NULL
            || strcmp(doctor->options->url, "http://127.0.0.1:8081") != 0)
        {
            return;
        }

        port = "8080";
    }

    options = *doctor->options;
    (void) snprintf(url, sizeof(url), "http://127.0.0.1:%.32s", port);
    options.url = url;

    rc = ctl_call(&options, "GET", ctl_path("/readyz"), NULL, true, &answer);

    if (rc != CTL_OK) {

        if (named) {
            ctl_doctor_say(doctor, CTL_FAIL, "port", "clients can't reach %s",
                           url);
        }

        return;
    }

    if (named || json_object_object_get_ex(answer.json, "checks", NULL)) {
        ctl_doctor_say(doctor, answer.status == 200 ? CTL_WELL : CTL_FAIL,
                       "port", "%s answers clients with %ld", url,
                       answer.status);
    }

    ctl_answer_clear(&answer);
}


void
ctl_doctor_splits(ctl_doctor_t *doctor)
{
    size_t        i;
    ctl_answer_t  answer;

    if (ctl_call(doctor->options, "GET", ctl_path("splits"), NULL, true,
                 &answer)
        != CTL_OK)
    {
        ctl_doctor_say(doctor, CTL_FAIL, "splits", "there is no answer");
        return;
    }

    if (answer.status != 200
        || !json_object_is_type(answer.json, json_type_array))
    {
        ctl_doctor_say(doctor, CTL_FAIL, "splits", "refused with %ld",
                       answer.status);

    } else {

        for (i = 0; i < json_object_array_length(answer.json); i++) {
            ctl_doctor_split(doctor,
                             json_object_array_get_idx(answer.json, i));
        }
    }

    ctl_answer_clear(&answer);
}


static void
ctl_doctor_split(ctl_doctor_t *doctor, json_object *split)
{
    char         check[CTL_CHECK_MAX];
    bool         arms, ramp;
    const char  *name;

    name = ctl_get_text(split, "name");
    (void) snprintf(check, sizeof(check), "split %s", name);

    arms = ctl_doctor_arms(doctor, check, split);
    ramp = ctl_doctor_ramp(doctor, check, split);

    if (arms && ramp) {
        ctl_doctor_say(doctor, CTL_WELL, check, "every arm has its weight");
    }

    ctl_doctor_history(doctor, name);
}


/* one that was rolled back is news until somebody has changed something */

static bool
ctl_doctor_ramp(ctl_doctor_t *doctor, const char *check, json_object *split)
{
    const char   *name, *state;
    json_object  *ramp;

    if (!json_object_object_get_ex(split, "ramp", &ramp) || ramp == NULL) {
        return true;
    }

    name = ctl_get_text(split, "name");
    state = ctl_get_text(ramp, "state");

    if (strcmp(state, "paused") == 0) {
        ctl_doctor_say(doctor, CTL_WARN, check, "its ramp is paused; ficusctl "
                       "ramp %s resume lets it go on", name);
        return false;
    }

    if (strcmp(state, "rolled-back") == 0
        && strcmp(ctl_get_text(split, "changed_by"), "ramp") == 0)
    {
        ctl_doctor_say(doctor, CTL_WARN, check, "its ramp was rolled back: %s",
                       ctl_get_text(ramp, "why"));
        return false;
    }

    return true;
}


static bool
ctl_doctor_arms(ctl_doctor_t *doctor, const char *check, json_object *split)
{
    bool          well;
    size_t        i, n;
    double        asked, used;
    const char   *state;
    json_object  *arms, *arm;

    well = true;
    arms = ctl_get_array(split, "arms");
    n = (arms != NULL) ? json_object_array_length(arms) : 0;

    for (i = 0; i < n; i++) {
        arm = json_object_array_get_idx(arms, i);
        state = ctl_get_text(arm, "state");
        asked = ctl_get_number(arm, "configured");
        used = ctl_get_number(arm, "effective");

        /* without a weight it gets no request that could be tried */

        if (strcmp(state, "closed") == 0
            || (strcmp(state, "half-open") == 0 && asked <= 0))
        {
            continue;
        }

        ctl_doctor_say(doctor, CTL_WARN, check, "breaker of %s is %s, %s; it "
                       "has %.2f of %.2f", ctl_get_text(arm, "name"), state,
                       ctl_get_text(arm, "state_reason"), used, asked);
        well = false;
    }

    return well;
}


/* a split without a state file has none */

static void
ctl_doctor_history(ctl_doctor_t *doctor, const char *split)
{
    char          check[CTL_CHECK_MAX];
    int64_t       records;
    ctl_answer_t  answer;

    if (ctl_call(doctor->options, "GET",
                 ctl_path("splits/%s/history?verify=1", split), NULL, true,
                 &answer)
        != CTL_OK)
    {
        return;
    }

    (void) snprintf(check, sizeof(check), "history %s", split);

    if (answer.status == 404) {
        ctl_doctor_say(doctor, CTL_WARN, check, "the split has no state file; "
                       "a restart forgets its weights");

    } else if (ctl_get_bool(answer.json, "verified")) {
        records = ctl_get_int(answer.json, "records");
        ctl_doctor_say(doctor, CTL_WELL, check, "%lld record%s, whole",
                       (long long) records, records == 1 ? "" : "s");

    } else {
        ctl_doctor_say(doctor, CTL_FAIL, check, "%s",
                       ctl_get_text(answer.json, "error"));
    }

    ctl_answer_clear(&answer);
}


char *
ctl_doctor_wrong(json_object *ready)
{
    char                        *text;
    FILE                        *out;
    size_t                       len;
    const char                  *says;
    json_object                 *checks;
    struct json_object_iterator  it, end;

    text = NULL;

    if (!json_object_object_get_ex(ready, "checks", &checks)
        || !json_object_is_type(checks, json_type_object))
    {
        return NULL;
    }

    out = open_memstream(&text, &len);

    if (out == NULL) {
        return NULL;
    }

    it = json_object_iter_begin(checks);
    end = json_object_iter_end(checks);

    while (!json_object_iter_equal(&it, &end)) {
        says = json_object_get_string(json_object_iter_peek_value(&it));

        if (says != NULL && strcmp(says, "ok") != 0) {
            fprintf(out, "%s%s: %s", ftell(out) > 0 ? "; " : "",
                    json_object_iter_peek_name(&it), says);
        }

        json_object_iter_next(&it);
    }

    if (fclose(out) != 0 || len == 0) {
        free(text);
        return NULL;
    }

    return text;
}
