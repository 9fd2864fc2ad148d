
/*
 * Copyright (C) Ficus authors
 */


#include <math.h>
#include <stdio.h>
#include <string.h>

#include "ctl.h"


#define CTL_NAME          20    /* columns of a name, and of it and a bar */
#define CTL_NAME_AND_BAR  44
#define CTL_BASELINE      " (baseline)"
#define CTL_WEIGHTS       30    /* what is wider leaves no room for others */


static void ctl_show_head(const ctl_options_t *options, json_object *split);
static int ctl_name_width(json_object *arms, const char *baseline);
static void ctl_show_arm(const ctl_options_t *options, json_object *arm,
    const char *baseline, int width, int color);
static void ctl_show_record(json_object *record, int width);
static void ctl_show_author(json_object *change);


void
ctl_show_splits(const ctl_options_t *options, json_object *json)
{
    size_t  i;

    if (ctl_length(json) == 0) {
        puts("there are no splits");
    }

    for (i = 0; i < ctl_length(json); i++) {

        if (i > 0) {
            putchar('\n');
        }

        ctl_show_split(options, json_object_array_get_idx(json, i));
    }
}


void
ctl_show_split(const ctl_options_t *options, json_object *split)
{
    int           width;
    size_t        i;
    const char   *baseline;
    json_object  *arms;

    ctl_show_head(options, split);

    arms = ctl_get_array(split, "arms");
    baseline = ctl_get_text(split, "baseline");
    width = ctl_name_width(arms, baseline);

    printf("\n%s  %-*s %8s  %-*s %11s %10s%s\n",
           ctl_color(options, CTL_DIM), width, "arm", "weight %",
           CTL_NAME_AND_BAR - width, "", "requests", "failures",
           ctl_color(options, CTL_PLAIN));

    for (i = 0; arms != NULL && i < json_object_array_length(arms); i++) {
        ctl_show_arm(options, json_object_array_get_idx(arms, i), baseline,
                     width, CTL_ARMS + (int) i);
    }

    if (ctl_show_ramp_line(options, split)) {
        putchar('\n');
    }
}


static void
ctl_show_head(const ctl_options_t *options, json_object *split)
{
    printf("%s%s%s  generation %lld, set %s by ",
           ctl_color(options, CTL_BOLD), ctl_get_text(split, "name"),
           ctl_color(options, CTL_PLAIN),
           (long long) ctl_get_int(split, "generation"),
           ctl_get_text(split, "changed_at"));
    ctl_show_author(split);
}


/* of the longest one */

static int
ctl_name_width(json_object *arms, const char *baseline)
{
    int          width, widest;
    size_t       i;
    const char  *name;

    widest = CTL_NAME;

    for (i = 0; arms != NULL && i < json_object_array_length(arms); i++) {
        name = ctl_get_text(json_object_array_get_idx(arms, i), "name");
        width = snprintf(NULL, 0, "%.32s%s", name,
                         strcmp(name, baseline) == 0 ? CTL_BASELINE : "");
        widest = (width > widest) ? width : widest;
    }

    return widest;
}


/* the weight in use, and the one that was asked for where that is another */

static void
ctl_show_arm(const ctl_options_t *options, json_object *arm,
    const char *baseline, int width, int color)
{
    char         name[64];
    double       used;
    const char  *text;

    text = ctl_get_text(arm, "name");
    used = ctl_get_number(arm, "effective");

    (void) snprintf(name, sizeof(name), "%.32s%s", text,
                    strcmp(text, baseline) == 0 ? CTL_BASELINE : "");

    printf("  %-*s %8.2f  ", width, name, used);
    ctl_bar(options, used / 100, (unsigned) (CTL_NAME_AND_BAR - width), color);
    printf(" %11lld %10lld\n", (long long) ctl_get_int(arm, "requests"),
           (long long) ctl_get_int(arm, "failures"));

    if (ctl_show_breaker(options, arm)) {
        putchar('\n');
    }
}


/* whether an arm has not the weight that was asked for */

bool
ctl_has_breaker(json_object *arm)
{
    return strcmp(ctl_get_text(arm, "state"), "closed") != 0
           || fabs(ctl_get_number(arm, "configured")
                   - ctl_get_number(arm, "effective"))
              >= 0.005;
}


/* one line, of such an arm */

bool
ctl_show_breaker(const ctl_options_t *options, json_object *arm)
{
    int64_t      rescued;
    const char  *state, *reason;

    if (!ctl_has_breaker(arm)) {
        return false;
    }

    state = ctl_get_text(arm, "state");
    reason = ctl_get_text(arm, "state_reason");

    printf("  %sset to %.2f %%", ctl_color(options, CTL_RED),
           ctl_get_number(arm, "configured"));

    if (strcmp(state, "closed") != 0) {
        printf(", breaker %s%s%s", state, reason[0] != '\0' ? ": " : "",
               reason);
    }

    rescued = ctl_get_int(arm, "rescued");

    if (rescued > 0) {
        printf(", %lld rescued", (long long) rescued);
    }

    fputs(ctl_color(options, CTL_PLAIN), stdout);

    return true;
}


void
ctl_show_explain(const ctl_options_t *options, json_object *json)
{
    json_object  *at;

    fputs("key      ", stdout);
    ctl_text(ctl_get_text(json, "key"));
    printf("\nbucket   %lld\narm      %s%s%s\nrule     %s\n",
           (long long) ctl_get_int(json, "bucket"),
           ctl_color(options, CTL_BOLD), ctl_get_text(json, "arm"),
           ctl_color(options, CTL_PLAIN), ctl_get_text(json, "rule"));

    if (json_object_object_get_ex(json, "changes_at", &at) && at != NULL) {
        printf("changes  at P %.2f and above it goes to the baseline\n",
               json_object_get_double(at));
    }
}


void
ctl_show_slots(const ctl_options_t *options, json_object *json)
{
    size_t        i;
    int64_t       first, count;
    json_object  *runs, *run;

    printf("%s%s%s  generation %lld\n\n%s%13s  %6s  %s%s\n",
           ctl_color(options, CTL_BOLD), ctl_get_text(json, "split"),
           ctl_color(options, CTL_PLAIN),
           (long long) ctl_get_int(json, "generation"),
           ctl_color(options, CTL_DIM), "buckets", "number", "arm",
           ctl_color(options, CTL_PLAIN));

    runs = ctl_get_array(json, "slots");

    for (i = 0; runs != NULL && i < json_object_array_length(runs); i++) {
        run = json_object_array_get_idx(runs, i);
        first = ctl_get_int(run, "first");
        count = ctl_get_int(run, "count");

        printf("%6lld - %4lld  %6lld  %s\n", (long long) first,
               (long long) (first + count - 1), (long long) count,
               ctl_get_text(run, "arm"));
    }
}


void
ctl_show_history(const ctl_options_t *options, json_object *json)
{
    int           width, widest;
    size_t        i;
    json_object  *row, *weights;

    widest = (int) strlen("weights");

    for (i = 0; i < ctl_length(json); i++) {
        row = json_object_array_get_idx(json, i);

        if (json_object_object_get_ex(row, "weights", &weights)) {
            width = ctl_put_weights(NULL, weights);
            widest = (width > widest) ? width : widest;
        }
    }

    printf("%s%-13s  %-20s  %-*s  %s%s\n", ctl_color(options, CTL_DIM),
           "generation", "changed at",
           widest > CTL_WEIGHTS ? 0 : widest, "weights", "by, why",
           ctl_color(options, CTL_PLAIN));

    for (i = 0; i < ctl_length(json); i++) {
        ctl_show_record(json_object_array_get_idx(json, i), widest);
    }
}


/* who and why go to a line of their own where there is no room */

static void
ctl_show_record(json_object *record, int width)
{
    int           n;
    json_object  *weights;

    printf("%-13lld  %-20s  ", (long long) ctl_get_int(record, "generation"),
           ctl_get_text(record, "changed_at"));

    n = json_object_object_get_ex(record, "weights", &weights)
        ? ctl_put_weights(stdout, weights) : 0;

    if (width > CTL_WEIGHTS) {
        printf("\n%15s", "");

    } else {
        printf("%*s", width - n + 2, "");
    }

    ctl_show_author(record);
}


/* why, unless nobody has said so */

static void
ctl_show_author(json_object *change)
{
    const char  *by, *why;

    by = ctl_get_text(change, "changed_by");
    why = ctl_get_text(change, "reason");

    ctl_text(by);

    if (strcmp(why, by) != 0 && strcmp(why, "operator") != 0) {
        fputs(": ", stdout);
        ctl_text(why);
    }

    putchar('\n');
}


void
ctl_show_verified(const ctl_options_t *options, json_object *json)
{
    int      color;
    bool     whole;
    int64_t  records;

    whole = ctl_get_bool(json, "verified");
    color = whole ? CTL_BOLD : CTL_RED;
    records = ctl_get_int(json, "records");

    printf("%s%s%s  %lld record%s", ctl_color(options, color),
           whole ? "whole" : "not whole", ctl_color(options, CTL_PLAIN),
           (long long) records, records == 1 ? "" : "s");

    if (records > 0) {
        printf(", of generation %lld to %lld",
               (long long) ctl_get_int(json, "first"),
               (long long) ctl_get_int(json, "last"));
    }

    if (!whole) {
        printf(": %s", ctl_get_text(json, "error"));
    }

    putchar('\n');
}


/* in the form that set takes; how wide it is, without out that alone */

int
ctl_put_weights(FILE *out, json_object *weights)
{
    int                          n;
    char                         text[128];
    double                       weight;
    struct json_object_iterator  it, end;

    if (!json_object_is_type(weights, json_type_object)) {
        return 0;
    }

    n = 0;
    it = json_object_iter_begin(weights);
    end = json_object_iter_end(weights);

    while (!json_object_iter_equal(&it, &end)) {
        weight = json_object_get_double(json_object_iter_peek_value(&it));
        n += snprintf(text, sizeof(text), "%s%.64s=%.10g", n > 0 ? " " : "",
                      json_object_iter_peek_name(&it), weight);

        if (out != NULL) {
            fputs(text, out);
        }

        json_object_iter_next(&it);
    }

    return n;
}
