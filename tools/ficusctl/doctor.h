
/*
 * Copyright (C) Ficus authors
 */


/* One look at everything, for the person on call: a line for each check. */


#ifndef FICUSCTL_DOCTOR_H_INCLUDED
#define FICUSCTL_DOCTOR_H_INCLUDED


#include "ctl.h"


typedef enum {
    CTL_WELL,
    CTL_WARN,
    CTL_FAIL
} ctl_health_t;

typedef struct {
    const ctl_options_t  *options;
    json_object          *rows;
    unsigned              count[CTL_FAIL + 1];
} ctl_doctor_t;


/* doctor.c: what a check has found; check is two words at most */

void ctl_doctor_say(ctl_doctor_t *doctor, ctl_health_t health,
    const char *check, const char *fmt, ...) FIG_PRINTF(4, 5);


/*
 * doctor_gateway.c, doctor_worker.c, doctor_follower.c, doctor_data.c: false:
 * nobody answers
 */

bool ctl_doctor_gateway(ctl_doctor_t *doctor);
void ctl_doctor_clients(ctl_doctor_t *doctor);
void ctl_doctor_splits(ctl_doctor_t *doctor);
void ctl_doctor_workers(ctl_doctor_t *doctor);
void ctl_doctor_follower(ctl_doctor_t *doctor, const char *name);
void ctl_doctor_data(ctl_doctor_t *doctor);


/*
 * The checks of a /readyz that are not "ok", as "name: what", for the caller
 * to free; NULL if all are, or no memory is left.
 */

char *ctl_doctor_wrong(json_object *ready);


#endif /* FICUSCTL_DOCTOR_H_INCLUDED */
