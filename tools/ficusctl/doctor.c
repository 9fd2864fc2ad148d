
/*
 * Copyright (C) Ficus authors
 */


#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "doctor.h"


static void ctl_doctor_print(const ctl_options_t *options,
    ctl_health_t health, const char *check, const char *says);
static void ctl_doctor_json(const ctl_doctor_t *doctor);


static const char *const  ctl_health_names[] = { "ok", "warn", "fail" };


int
ctl_doctor(const ctl_options_t *options, int argc, char **argv)
{
    ctl_doctor_t  doctor = { .options = options };

    doctor.rows = json_object_new_array();

    if (ctl_doctor_gateway(&doctor)) {
        ctl_doctor_clients(&doctor);
        ctl_doctor_splits(&doctor);
        ctl_doctor_workers(&doctor);
    }

    ctl_doctor_data(&doctor);

    if (options->json) {
        ctl_doctor_json(&doctor);

    } else if (doctor.count[CTL_FAIL] + doctor.count[CTL_WARN] == 0) {
        puts("\nall is well");

    } else {
        printf("\n%u failed, %u to look at\n", doctor.count[CTL_FAIL],
               doctor.count[CTL_WARN]);
    }

    json_object_put(doctor.rows);

    return doctor.count[CTL_FAIL] == 0 ? CTL_OK : CTL_REFUSED;
}


/* at once: the next check may take its time */

void
ctl_doctor_say(ctl_doctor_t *doctor, ctl_health_t health, const char *check,
    const char *fmt, ...)
{
    char         *says;
    va_list       args;
    json_object  *row;

    va_start(args, fmt);

    if (vasprintf(&says, fmt, args) == -1) {
        says = NULL;
    }

    va_end(args);

    doctor->count[health]++;

    if (!doctor->options->json) {
        ctl_doctor_print(doctor->options, health, check,
                         says != NULL ? says : "");
    }

    row = json_object_new_object();
    (void) json_object_object_add(row, "check", json_object_new_string(check));
    (void) json_object_object_add(row, "result",
                            json_object_new_string(ctl_health_names[health]));
    (void) json_object_object_add(row, "says",
                            json_object_new_string(says != NULL ? says : ""));
    (void) json_object_array_add(doctor->rows, row);

    free(says);
}


static void
ctl_doctor_print(const ctl_options_t *options, ctl_health_t health,
    const char *check, const char *says)
{
    int  color;

    color = (health == CTL_WELL) ? CTL_DIM
            : (health == CTL_WARN) ? CTL_BOLD : CTL_RED;

    printf("%s%-4s%s  ", ctl_color(options, color), ctl_health_names[health],
           ctl_color(options, CTL_PLAIN));
    printf("%-16s  ", check);
    ctl_text(says);
    putchar('\n');
    fflush(stdout);
}


static void
ctl_doctor_json(const ctl_doctor_t *doctor)
{
    ctl_health_t  worst;

    worst = doctor->count[CTL_FAIL] > 0 ? CTL_FAIL
            : doctor->count[CTL_WARN] > 0 ? CTL_WARN : CTL_WELL;

    printf("{\"result\":\"%s\",\"checks\":%s}\n", ctl_health_names[worst],
           json_object_to_json_string_ext(doctor->rows,
                                          JSON_C_TO_STRING_PLAIN));
}
