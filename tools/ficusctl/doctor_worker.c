
/*
 * Copyright (C) Ficus authors
 */


#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "doctor.h"


static void ctl_doctor_worker(ctl_doctor_t *doctor, const char *name);
static bool ctl_doctor_follows(json_object *ready);


/* a gateway before other services has none of these */

void
ctl_doctor_workers(ctl_doctor_t *doctor)
{
    size_t        i, n;
    ctl_answer_t  answer;

    (void) ctl_call(doctor->options, "GET", ctl_path("/workers/"), NULL, true,
                    &answer);

    n = json_object_is_type(answer.json, json_type_array)
        ? json_object_array_length(answer.json) : 0;

    for (i = 0; i < n; i++) {
        ctl_doctor_worker(doctor, ctl_name(answer.json, i));
    }

    if (answer.status != 200 && answer.status != 404) {
        ctl_doctor_say(doctor, CTL_FAIL, "workers", "nobody tells which there "
                       "are, %ld", answer.status);
    }

    ctl_answer_clear(&answer);
}


/* its store, its broker, what waits to be published, what it follows */

static void
ctl_doctor_worker(ctl_doctor_t *doctor, const char *name)
{
    char          *wrong;
    bool           ready;
    ctl_answer_t   answer;

    ready = ctl_call(doctor->options, "GET",
                     ctl_path("/workers/%s/readyz", name), NULL, true, &answer)
            == CTL_OK
            && answer.status == 200;

    wrong = ctl_doctor_wrong(answer.json);

    if (wrong != NULL) {
        ctl_doctor_say(doctor, ready ? CTL_WARN : CTL_FAIL, name, "%s%s",
                       wrong, strstr(wrong, "bus: ") != NULL
                              ? "; changes wait in the store for nats-server"
                              : "");

    } else if (ready) {
        ctl_doctor_say(doctor, CTL_WELL, name, "store, broker and outbox");

    } else {
        ctl_doctor_say(doctor, CTL_FAIL, name, "does not answer, %ld; %s",
                       answer.status, answer.status == 504
                                      ? "its process, or its disk, hangs"
                                      : "does it run? its log may tell");
    }

    if (ready && ctl_doctor_follows(answer.json)) {
        ctl_doctor_follower(doctor, name);
    }

    free(wrong);
    ctl_answer_clear(&answer);
}


static bool
ctl_doctor_follows(json_object *ready)
{
    json_object  *checks, *sync;

    return json_object_object_get_ex(ready, "checks", &checks)
           && json_object_object_get_ex(checks, "sync", &sync);
}
