
/*
 * Copyright (C) Ficus authors
 */


#include <stdlib.h>
#include <string.h>

#include "ctl.h"
#include "fig_buf.h"


static int ctl_get(const ctl_options_t *options, char *path,
    ctl_show_pt show);
static json_object *ctl_weight(const char *text);


int
ctl_status(const ctl_options_t *options, int argc, char **argv)
{
    if (argc == 0) {
        return ctl_get(options, ctl_path("splits"), ctl_show_splits);
    }

    return ctl_get(options, ctl_path("splits/%s", argv[0]), ctl_show_split);
}


int
ctl_explain(const ctl_options_t *options, int argc, char **argv)
{
    return ctl_get(options, ctl_path("splits/%s/explain?key=%s", argv[0],
                                     argv[1]),
                   ctl_show_explain);
}


int
ctl_history(const ctl_options_t *options, int argc, char **argv)
{
    return ctl_get(options, ctl_path("splits/%s/history", argv[0]),
                   ctl_show_history);
}


static int
ctl_get(const ctl_options_t *options, char *path, ctl_show_pt show)
{
    int           rc;
    ctl_answer_t  answer;

    rc = ctl_call(options, "GET", path, NULL, false, &answer);

    if (rc != CTL_OK) {
        return rc;
    }

    return ctl_answer(options, &answer, show);
}


int
ctl_set(const ctl_options_t *options, int argc, char **argv)
{
    int           i, rc;
    char         *equals;
    json_object  *weights, *weight;
    ctl_answer_t  answer;

    weights = json_object_new_object();

    for (i = 1; i < argc; i++) {
        equals = strchr(argv[i], '=');
        weight = (equals != NULL) ? ctl_weight(equals + 1) : NULL;

        if (weight == NULL || equals == argv[i]) {
            ctl_error("\"%s\" is not ARM=WEIGHT, such as v1=40", argv[i]);
            json_object_put(weights);
            return CTL_USAGE;
        }

        *equals = '\0';

        if (json_object_object_get_ex(weights, argv[i], NULL)) {
            ctl_error("%s has two weights", argv[i]);
            json_object_put(weight);
            json_object_put(weights);
            return CTL_USAGE;
        }

        (void) json_object_object_add(weights, argv[i], weight);
    }

    rc = ctl_call(options, "PUT", ctl_path("splits/%s/weights", argv[0]),
                  weights, false, &answer);

    if (rc != CTL_OK) {
        return rc;
    }

    return ctl_answer(options, &answer, ctl_show_split);
}


int
ctl_p(const ctl_options_t *options, int argc, char **argv)
{
    int           rc;
    json_object  *body, *p;
    ctl_answer_t  answer;

    p = ctl_weight(argv[1]);

    if (p == NULL) {
        ctl_error("\"%s\" is no P, a number from 0 to 100", argv[1]);
        return CTL_USAGE;
    }

    body = json_object_new_object();
    (void) json_object_object_add(body, "p", p);

    rc = ctl_call(options, "PUT", ctl_path("splits/%s/p", argv[0]), body,
                  false, &answer);

    if (rc != CTL_OK) {
        return rc;
    }

    return ctl_answer(options, &answer, ctl_show_split);
}


int
ctl_rollback(const ctl_options_t *options, int argc, char **argv)
{
    int           rc;
    uint64_t      n;
    json_object  *body;
    ctl_answer_t  answer;

    if (fig_str_uint(fig_str_from(argv[1]), INT64_MAX, &n) != FIG_OK) {
        ctl_error("\"%s\" is no generation; ficusctl history %s lists them",
                  argv[1], argv[0]);
        return CTL_USAGE;
    }

    body = json_object_new_object();
    (void) json_object_object_add(body, "generation",
                                  json_object_new_int64((int64_t) n));

    rc = ctl_call(options, "POST", ctl_path("splits/%s/rollback", argv[0]),
                  body, false, &answer);

    if (rc != CTL_OK) {
        return rc;
    }

    return ctl_answer(options, &answer, ctl_show_split);
}


/*
 * A JSON number as it was typed, which the server judges; NULL if it is no
 * number at all.
 */

static json_object *
ctl_weight(const char *text)
{
    size_t       whole, part;
    const char  *p;

    p = text + (text[0] == '-');
    whole = strspn(p, "0123456789");
    p += whole;

    if (*p == '.') {
        part = strspn(p + 1, "0123456789");
        p += 1 + part;

        if (part == 0) {
            return NULL;
        }
    }

    if (whole == 0 || *p != '\0') {
        return NULL;
    }

    return json_object_new_double_s(strtod(text, NULL), text);
}
