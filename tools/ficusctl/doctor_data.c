
/*
 * Copyright (C) Ficus authors
 */


#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "doctor.h"
#include "fig_log.h"
#include "fig_store.h"


#define CTL_CHECK_MAX  64
#define CTL_GIGABYTE   1e9
#define CTL_FREE_WARN  0.10
#define CTL_FREE_FAIL  0.01


static void ctl_doctor_database(ctl_doctor_t *doctor, const char *data,
    const char *name);
static void ctl_doctor_disk(ctl_doctor_t *doctor, const char *data);


/* what is on this machine; elsewhere nothing is, unless it was asked for */

void
ctl_doctor_data(ctl_doctor_t *doctor)
{
    const char         *data;
    struct stat         st;
    const ctl_store_t  *store;

    data = ctl_data_directory(doctor->options);

    if (stat(data, &st) != 0 || !S_ISDIR(st.st_mode)) {

        if (doctor->options->extra[CTL_OPT_DATA] != NULL) {
            ctl_doctor_say(doctor, CTL_FAIL, "data", "%s is no directory that "
                           "can be read", data);
        }

        return;
    }

    fig_log_init("ficusctl", FIG_LOG_WARN, FIG_LOG_TEXT);

    for (store = ctl_store(ctl_stores); store != NULL;
         store = ctl_store(store + 1))
    {
        ctl_doctor_database(doctor, data, store->name);
    }

    ctl_doctor_disk(doctor, data);
}


/* MongoDB looks after its own */

static void
ctl_doctor_database(ctl_doctor_t *doctor, const char *data, const char *name)
{
    char         path[PATH_MAX], check[CTL_CHECK_MAX];
    struct stat  st;

    (void) snprintf(check, sizeof(check), "store %s", name);

    if (snprintf(path, sizeof(path), "%s/%s.db", data, name)
        >= (int) sizeof(path))
    {
        ctl_doctor_say(doctor, CTL_FAIL, check, "its path is too long");
        return;
    }

    if (stat(path, &st) != 0) {

        if (errno != ENOENT) {
            ctl_doctor_say(doctor, CTL_FAIL, check, "%s: %s", path,
                           strerror(errno));
        }

        return;
    }

    if (fig_store_check(path) == FIG_OK) {
        ctl_doctor_say(doctor, CTL_WELL, check, "%.1f MB, sound",
                       (double) st.st_size / 1e6);

    } else {
        ctl_doctor_say(doctor, CTL_FAIL, check, "%s is damaged or can't be "
                       "read", path);
    }
}


static void
ctl_doctor_disk(ctl_doctor_t *doctor, const char *data)
{
    double          all, left, share;
    ctl_health_t    health;
    struct statvfs  st;

    if (statvfs(data, &st) != 0) {
        ctl_doctor_say(doctor, CTL_FAIL, "disk", "%s: %s", data,
                       strerror(errno));
        return;
    }

    all = (double) st.f_blocks * (double) st.f_frsize;
    left = (double) st.f_bavail * (double) st.f_frsize;
    share = (all > 0) ? left / all : 0;

    health = (share < CTL_FREE_FAIL) ? CTL_FAIL
             : (share < CTL_FREE_WARN) ? CTL_WARN : CTL_WELL;

    ctl_doctor_say(doctor, health, "disk",
                   "%.1f of %.1f GB are free, %.0f %%", left / CTL_GIGABYTE,
                   all / CTL_GIGABYTE, share * 100);
}
