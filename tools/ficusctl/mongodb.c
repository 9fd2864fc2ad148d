
/*
 * Copyright (C) Ficus authors
 */


/*
 * What a restore by MongoDB's own tools leaves to be done.
 */


#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl.h"
#include "fig_log.h"
#include "fig_store.h"


static int ctl_raised(const ctl_options_t *options,
    const fig_raise_conf_t *conf);


int
ctl_restore_mongodb(const ctl_options_t *options, int argc, char **argv)
{
    int                 rc;
    fig_raise_conf_t    conf;
    const ctl_store_t  *store;

    memset(&conf, 0, sizeof(fig_raise_conf_t));
    store = ctl_own(ctl_stores);

    while (store != NULL && strcmp(store->name, argv[0]) != 0) {
        store = ctl_own(store + 1);
    }

    if (argc != 1 || options->extra[CTL_OPT_DATA] != NULL || store == NULL) {
        ctl_own_error("--mongodb wants nothing else and one of");
        return CTL_USAGE;
    }

    rc = ctl_raise_times(options, &conf.raise);

    if (rc != CTL_OK) {
        return rc;
    }

    conf.own = store->own;
    conf.without = strcmp(store->own, "users") == 0 ? "orders" : NULL;
    conf.uri = getenv("FICUS_STORE");

    if (conf.uri == NULL || strncmp(conf.uri, "mongodb://", 10) != 0) {
        /* it may hold a password */
        ctl_error("FICUS_STORE must be the URI of the workers of %s, "
                  "mongodb://HOST/DATABASE", argv[0]);
        return CTL_USAGE;
    }

    fig_log_init("ficusctl", FIG_LOG_WARN, FIG_LOG_TEXT);

    switch (fig_store_raise(&conf)) {

    case FIG_OK:
        return ctl_raised(options, &conf);

    case FIG_BUSY:
    case FIG_UNKNOWN:
        ctl_error("%s are not all raised; do it again", argv[0]);
        return CTL_UNREACHABLE;

    case FIG_CONFLICT:
        ctl_error("%s are not all raised; do it again", argv[0]);
        return CTL_REFUSED;

    default:
        ctl_error("%s can't be raised", argv[0]);
        return CTL_REFUSED;
    }
}


static int
ctl_raised(const ctl_options_t *options, const fig_raise_conf_t *conf)
{
    json_object  *row;

    if (!options->json) {
        printf("%s%-6s%s  %llu documents, versions above %llu\n"
               "Start the workers, then: ficusctl sync repair\n"
               "If this backup has been restored before, N times, type this N "
               "times more.\n", ctl_color(options, CTL_BOLD), conf->own,
               ctl_color(options, CTL_PLAIN),
               (unsigned long long) conf->documents,
               (unsigned long long) conf->base);

        return CTL_OK;
    }

    row = json_object_new_object();

    (void) json_object_object_add(row, "name",
                                  json_object_new_string(conf->own));
    (void) json_object_object_add(row, "documents",
                        json_object_new_int64((int64_t) conf->documents));
    (void) json_object_object_add(row, "base",
                                  json_object_new_int64((int64_t) conf->base));

    puts(json_object_to_json_string_ext(row, JSON_C_TO_STRING_PLAIN));
    json_object_put(row);

    return CTL_OK;
}
