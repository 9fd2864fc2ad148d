
/*
 * Copyright (C) Ficus authors
 */


#include <string.h>

#include "ctl.h"
#include "fig_buf.h"


int
ctl_status(const ctl_options_t *options, int argc, char **argv)
{
    if (argc == 0) {
        return ctl_get(options, ctl_path("splits"), NULL, ctl_show_splits);
    }

    return ctl_get(options, ctl_path("splits/%s", argv[0]), "arms",
                   ctl_show_split);
}


int
ctl_explain(const ctl_options_t *options, int argc, char **argv)
{
    return ctl_get(options, ctl_path("splits/%s/explain?key=%s", argv[0],
                                     argv[1]),
                   "bucket", ctl_show_explain);
}


int
ctl_slots(const ctl_options_t *options, int argc, char **argv)
{
    return ctl_get(options, ctl_path("splits/%s/slots", argv[0]),
                   "slots", ctl_show_slots);
}


int
ctl_history(const ctl_options_t *options, int argc, char **argv)
{
    int           rc;
    bool          whole;
    ctl_answer_t  answer;

    if (options->extra[CTL_OPT_VERIFY] == NULL) {
        return ctl_get(options, ctl_path("splits/%s/history", argv[0]),
                       NULL, ctl_show_history);
    }

    rc = ctl_call(options, "GET",
                  ctl_path("splits/%s/history?verify=1", argv[0]), NULL, false,
                  &answer);

    if (rc != CTL_OK) {
        return rc;
    }

    /* not whole is no success, or a script could not tell */

    whole = ctl_get_bool(answer.json, "verified");
    rc = ctl_answer(options, &answer, "verified", ctl_show_verified);

    return (rc == CTL_OK && !whole) ? CTL_REFUSED : rc;
}


int
ctl_set(const ctl_options_t *options, int argc, char **argv)
{
    int           i;
    json_object  *weights;

    weights = json_object_new_object();

    for (i = 1; i < argc; i++) {
        if (!ctl_weights_add(weights, argv[i], strlen(argv[i]))) {
            json_object_put(weights);
            return CTL_USAGE;
        }
    }

    return ctl_ask(options, "PUT", ctl_path("splits/%s/weights", argv[0]),
                   weights, "arms", ctl_show_split);
}


int
ctl_p(const ctl_options_t *options, int argc, char **argv)
{
    json_object  *body, *p;

    p = ctl_number(argv[1], strlen(argv[1]));

    if (p == NULL) {
        ctl_error("\"%s\" is no P, a number from 0 to 100", argv[1]);
        return CTL_USAGE;
    }

    body = json_object_new_object();
    (void) json_object_object_add(body, "p", p);

    return ctl_ask(options, "PUT", ctl_path("splits/%s/p", argv[0]), body,
                   "arms", ctl_show_split);
}


int
ctl_rollback(const ctl_options_t *options, int argc, char **argv)
{
    uint64_t      n;
    json_object  *body;

    if (fig_str_uint(fig_str_from(argv[1]), INT64_MAX, &n) != FIG_OK) {
        ctl_error("\"%s\" is no generation; ficusctl history %s lists them",
                  argv[1], argv[0]);
        return CTL_USAGE;
    }

    body = json_object_new_object();
    (void) json_object_object_add(body, "generation",
                                  json_object_new_int64((int64_t) n));

    return ctl_ask(options, "POST", ctl_path("splits/%s/rollback", argv[0]),
                   body, "arms", ctl_show_split);
}
