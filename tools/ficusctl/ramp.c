
/*
 * Copyright (C) Ficus authors
 */


#include <stdio.h>
#include <string.h>

#include "ctl.h"


static int ctl_ramp_start(const ctl_options_t *options, const char *split);
static json_object *ctl_ramp_body(const ctl_options_t *options);
static bool ctl_ramp_number(const ctl_options_t *options, ctl_extra_t extra,
    const char *name, json_object *to);
static void ctl_ramp_down(const ctl_options_t *options, json_object *body);
static void ctl_show_ramp(const ctl_options_t *options, json_object *split);
static const char *ctl_ramp_way(const char *down);
static void ctl_ramp_weights(json_object *ramp, const char *name);
static void ctl_ramp_guards(json_object *ramp);


int
ctl_ramp(const ctl_options_t *options, int argc, char **argv)
{
    const char   *what;
    json_object  *body;

    what = (argc > 1) ? argv[1] : "";

    if (strcmp(what, "start") == 0) {
        return ctl_ramp_start(options, argv[0]);
    }

    if (argc == 1) {
        return ctl_get(options, ctl_path("splits/%s", argv[0]), "arms",
                       ctl_show_ramp);
    }

    if (strcmp(what, "pause") != 0 && strcmp(what, "resume") != 0
        && strcmp(what, "abort") != 0)
    {
        fputs("usage: ficusctl ramp SPLIT [start|pause|resume|abort]\n",
              stderr);
        return CTL_USAGE;
    }

    body = json_object_new_object();
    ctl_ramp_down(options, body);

    return ctl_ask(options, "POST",
                   ctl_path("splits/%s/ramp/%s", argv[0], what), body, "arms",
                   ctl_show_ramp);
}


static int
ctl_ramp_start(const ctl_options_t *options, const char *split)
{
    json_object  *body;

    if (options->extra[CTL_OPT_TO] == NULL
        || options->extra[CTL_OPT_STEP] == NULL
        || options->extra[CTL_OPT_EVERY] == NULL)
    {
        ctl_error("a ramp needs --to, --step and --every");
        return CTL_USAGE;
    }

    body = ctl_ramp_body(options);

    if (body == NULL) {
        return CTL_USAGE;
    }

    return ctl_ask(options, "POST", ctl_path("splits/%s/ramp", split), body,
                   "arms", ctl_show_ramp);
}


static json_object *
ctl_ramp_body(const ctl_options_t *options)
{
    size_t        i;
    json_object  *body, *guards, *to;

    static const struct {
        ctl_extra_t  extra;
        const char  *name;
    } rows[] = {
        { CTL_OPT_ERRORS, "max_error_ratio" },
        { CTL_OPT_LATENCY, "max_latency_ratio" },
        { CTL_OPT_MISMATCHES, "max_mismatch_ratio" },
        { CTL_OPT_QUANTILE, "quantile" },
        { CTL_OPT_REQUESTS, "min_requests" }
    };

    to = ctl_weights(options->extra[CTL_OPT_TO]);

    if (to == NULL) {
        return NULL;
    }

    body = json_object_new_object();
    (void) json_object_object_add(body, "to", to);

    if (!ctl_ramp_number(options, CTL_OPT_STEP, "step", body)
        || !ctl_ramp_number(options, CTL_OPT_EVERY, "every", body))
    {
        goto failed;
    }

    guards = json_object_new_object();
    (void) json_object_object_add(body, "guards", guards);

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (!ctl_ramp_number(options, rows[i].extra, rows[i].name, guards)) {
            goto failed;
        }
    }

    ctl_ramp_down(options, body);

    return body;

failed:

    json_object_put(body);

    return NULL;
}


static bool
ctl_ramp_number(const ctl_options_t *options, ctl_extra_t extra,
    const char *name, json_object *to)
{
    const char   *text;
    json_object  *number;

    text = options->extra[extra];

    if (text == NULL) {
        return true;
    }

    number = ctl_number(text, strlen(text));

    if (number == NULL) {
        ctl_error("--%s=%s is no number", ctl_extras[extra].name, text);
        return false;
    }

    (void) json_object_object_add(to, name, number);

    return true;
}


/* how it goes back, which the server judges */

static void
ctl_ramp_down(const ctl_options_t *options, json_object *body)
{
    const char  *down;

    down = options->extra[CTL_OPT_DOWN];

    if (down != NULL) {
        (void) json_object_object_add(body, "down",
                                      json_object_new_string(down));
    }
}


static void
ctl_show_ramp(const ctl_options_t *options, json_object *split)
{
    json_object  *ramp;

    if (!json_object_object_get_ex(split, "ramp", &ramp) || ramp == NULL) {
        printf("%s has had no ramp\n", ctl_get_text(split, "name"));
        return;
    }

    ctl_show_split(options, split);
    fputs("\n  from ", stdout);
    ctl_ramp_weights(ramp, "from");
    fputs(" to ", stdout);
    ctl_ramp_weights(ramp, "to");
    printf(", %.10g points each %.10g s\n", ctl_get_number(ramp, "points"),
           ctl_get_number(ramp, "every"));
    ctl_ramp_guards(ramp);
    printf("  way back: %s\n", ctl_ramp_way(ctl_get_text(ramp, "down")));
}


/* a word that is not known is told as it is */

static const char *
ctl_ramp_way(const char *down)
{
    return strcmp(down, "snap") == 0 ? "everybody at once (snap)"
           : strcmp(down, "release") == 0
           ? "step by step, who came last first (release)"
           : strcmp(down, "keep") == 0 ? "nobody goes back (keep)" : down;
}


static void
ctl_ramp_weights(json_object *ramp, const char *name)
{
    json_object  *weights;

    if (json_object_object_get_ex(ramp, name, &weights)) {
        (void) ctl_put_weights(stdout, weights);
    }
}


/* a line for each; what is not given is 0 */

static void
ctl_ramp_guards(json_object *ramp)
{
    double        errors, latency, mismatches;
    int64_t       requests;
    json_object  *guards;

    if (!json_object_object_get_ex(ramp, "guards", &guards)) {
        return;
    }

    errors = ctl_get_number(guards, "max_error_ratio");
    latency = ctl_get_number(guards, "max_latency_ratio");
    mismatches = ctl_get_number(guards, "max_mismatch_ratio");
    requests = ctl_get_int(guards, "min_requests");

    if (json_object_object_get_ex(guards, "max_error_ratio", NULL)) {
        printf("  guard: errors at most %.10g points above the baseline's\n",
               errors * 100);
    }

    if (latency > 0) {
        printf("  guard: p%.10g at most %.10g times the baseline's\n",
               ctl_get_number(guards, "quantile") * 100, latency);
    }

    if (json_object_object_get_ex(guards, "max_mismatch_ratio", NULL)) {
        printf("  guard: at most %.10g %% of the answers differ\n",
               mismatches * 100);
    }

    if (requests > 0) {
        printf("  guard: at least %lld requests in a step\n",
               (long long) requests);
    }
}


/* one line, of a ramp that is or was */

bool
ctl_show_ramp_line(const ctl_options_t *options, json_object *split)
{
    int           color;
    bool          runs;
    const char   *state;
    json_object  *ramp;

    if (!json_object_object_get_ex(split, "ramp", &ramp) || ramp == NULL) {
        return false;
    }

    state = ctl_get_text(ramp, "state");
    color = strcmp(state, "rolled-back") == 0 ? CTL_RED : CTL_BOLD;

    runs = strcmp(state, "running") == 0;

    printf("  ramp %s%s%s, step %lld of %lld%s%s%s: ",
           ctl_color(options, color), state, ctl_color(options, CTL_PLAIN),
           (long long) ctl_get_int(ramp, "step"),
           (long long) ctl_get_int(ramp, "of"),
           ctl_get_bool(ramp, "going_back") ? ", going back" : "",
           runs ? ", " : "", runs ? ctl_get_text(ramp, "verdict") : "");
    ctl_text(ctl_get_text(ramp, "why"));

    return true;
}
