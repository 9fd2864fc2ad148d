
/*
 * Copyright (C) Ficus authors
 */


/* What was seen of both arms: shadow, diff, ledger. */


#include <stdio.h>
#include <string.h>

#include "ctl.h"


static void ctl_show_shadow(const ctl_options_t *options, json_object *split);
static void ctl_show_diff(const ctl_options_t *options, json_object *json);
static void ctl_show_forgotten(const ctl_options_t *options,
    json_object *json);
static void ctl_show_members(json_object *json, const char *name);
static void ctl_show_diff_route(const ctl_options_t *options,
    json_object *route);
static void ctl_show_field(const ctl_options_t *options, json_object *field);
static void ctl_show_example(const ctl_options_t *options,
    json_object *example);
static void ctl_show_ledger(const ctl_options_t *options, json_object *json);
static void ctl_show_ledger_route(const ctl_options_t *options,
    json_object *route, const char *baseline);
static int64_t ctl_sum(json_object *counts);
static double ctl_percent(json_object *json);


int
ctl_shadow(const ctl_options_t *options, int argc, char **argv)
{
    json_object  *body, *share;

    if (argc == 1) {
        return ctl_get(options, ctl_path("splits/%s", argv[0]), "arms",
                       ctl_show_shadow);
    }

    share = ctl_number(argv[1], strlen(argv[1]));

    if (share == NULL) {
        ctl_error("\"%s\" is no share, a number from 0 to 100", argv[1]);
        return CTL_USAGE;
    }

    body = json_object_new_object();
    (void) json_object_object_add(body, "share", share);

    return ctl_ask(options, "PUT", ctl_path("splits/%s/shadow", argv[0]),
                   body, "arms", ctl_show_shadow);
}


static void
ctl_show_shadow(const ctl_options_t *options, json_object *split)
{
    json_object  *shadow;

    if (!json_object_object_get_ex(split, "shadow", &shadow)
        || shadow == NULL)
    {
        printf("%s has no shadow\n", ctl_get_text(split, "name"));
        return;
    }

    printf("%s%s%s  %.2f %% of requests go to the other arm, too\n"
           "  %lld started, %lld compared, %lld differ\n"
           "  %lld failed, %lld dropped, %lld in flight\n",
           ctl_color(options, CTL_BOLD), ctl_get_text(split, "name"),
           ctl_color(options, CTL_PLAIN), ctl_get_number(shadow, "share"),
           (long long) ctl_get_int(shadow, "started"),
           (long long) ctl_get_int(shadow, "compared"),
           (long long) ctl_get_int(shadow, "mismatched"),
           (long long) ctl_get_int(shadow, "failed"),
           (long long) ctl_get_int(shadow, "dropped"),
           (long long) ctl_get_int(shadow, "in_flight"));
}


int
ctl_diff(const ctl_options_t *options, int argc, char **argv)
{
    if (options->extra[CTL_OPT_FORGET] == NULL) {
        return ctl_get(options, ctl_path("splits/%s/diff", argv[0]),
                       "compared", ctl_show_diff);
    }

    return ctl_ask(options, "DELETE", ctl_path("splits/%s/diff", argv[0]),
                   NULL, "compared", ctl_show_forgotten);
}


static void
ctl_show_forgotten(const ctl_options_t *options, json_object *json)
{
    puts("forgotten; what differs from now on is counted anew");
}


static void
ctl_show_diff(const ctl_options_t *options, json_object *json)
{
    size_t        i, n;
    json_object  *routes, *noise;

    printf("%s%s%s  %lld compared since %s, %lld differ, %.2f %%\n",
           ctl_color(options, CTL_BOLD), ctl_get_text(json, "split"),
           ctl_color(options, CTL_PLAIN),
           (long long) ctl_get_int(json, "compared"),
           ctl_get_text(json, "since"),
           (long long) ctl_get_int(json, "mismatched"), ctl_percent(json));

    if (json_object_object_get_ex(json, "noise", &noise)) {
        printf("  baseline against itself: %lld compared, %lld differ, "
               "%.2f %%\n", (long long) ctl_get_int(noise, "compared"),
               (long long) ctl_get_int(noise, "mismatched"),
               ctl_percent(noise));
    }

    ctl_show_members(json, "dropped");

    routes = ctl_get_array(json, "routes");
    n = (routes != NULL) ? json_object_array_length(routes) : 0;

    for (i = 0; i < n; i++) {
        ctl_show_diff_route(options, json_object_array_get_idx(routes, i));
    }
}


/* numbers under names that are the server's */

static void
ctl_show_members(json_object *json, const char *name)
{
    bool                         any;
    int64_t                      n;
    json_object                 *object;
    struct json_object_iterator  it, end;

    if (!json_object_object_get_ex(json, name, &object)
        || !json_object_is_type(object, json_type_object))
    {
        return;
    }

    any = false;
    it = json_object_iter_begin(object);
    end = json_object_iter_end(object);

    while (!json_object_iter_equal(&it, &end)) {
        n = json_object_get_int64(json_object_iter_peek_value(&it));

        if (n != 0) {
            printf("%s %s %lld", any ? "," : "  dropped:",
                   json_object_iter_peek_name(&it), (long long) n);
            any = true;
        }

        json_object_iter_next(&it);
    }

    fputs(any ? "\n" : "", stdout);
}


static void
ctl_show_diff_route(const ctl_options_t *options, json_object *route)
{
    size_t        i, n;
    json_object  *fields;

    printf("\n%s", ctl_color(options, CTL_BOLD));
    ctl_text(ctl_get_text(route, "route"));
    printf("%s  %lld compared, %lld differ, %.2f %%\n",
           ctl_color(options, CTL_PLAIN),
           (long long) ctl_get_int(route, "compared"),
           (long long) ctl_get_int(route, "mismatched"), ctl_percent(route));

    fields = ctl_get_array(route, "fields");
    n = (fields != NULL) ? json_object_array_length(fields) : 0;

    for (i = 0; i < n; i++) {
        ctl_show_field(options, json_object_array_get_idx(fields, i));
    }
}


/* how often, how often the baseline differs from itself, where, the last one */

static void
ctl_show_field(const ctl_options_t *options, json_object *field)
{
    bool          real;
    size_t        n;
    json_object  *examples;

    real = strcmp(ctl_get_text(field, "verdict"), "noise") != 0;

    printf("  %s%-10s%s %8lld  noise %lld  %-7s  ",
           ctl_color(options, real ? CTL_RED : CTL_DIM),
           ctl_get_text(field, "verdict"), ctl_color(options, CTL_PLAIN),
           (long long) ctl_get_int(field, "count"),
           (long long) ctl_get_int(field, "noise"),
           ctl_get_text(field, "kind"));
    ctl_text(ctl_get_text(field, "field"));
    putchar('\n');

    examples = ctl_get_array(field, "examples");
    n = (examples != NULL) ? json_object_array_length(examples) : 0;

    /* the newest is the first */

    if (real && n > 0) {
        ctl_show_example(options, json_object_array_get_idx(examples, 0));
    }
}


static void
ctl_show_example(const ctl_options_t *options, json_object *example)
{
    size_t                    i;
    json_object              *value;
    static const char *const  names[] = { "baseline", "other", "uri" };

    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        printf("%13s%s%-8s%s  ", "", ctl_color(options, CTL_DIM), names[i],
               ctl_color(options, CTL_PLAIN));

        if (json_object_object_get_ex(example, names[i], &value)
            && value != NULL)
        {
            ctl_text(json_object_get_string(value));

        } else {
            fputs("(absent)", stdout);
        }

        putchar('\n');
    }
}


int
ctl_ledger(const ctl_options_t *options, int argc, char **argv)
{
    return ctl_get(options, ctl_path("splits/%s/ledger", argv[0]),
                   "routes", ctl_show_ledger);
}


static void
ctl_show_ledger(const ctl_options_t *options, json_object *json)
{
    size_t        i, n;
    const char   *baseline;
    json_object  *routes;

    baseline = ctl_get_text(json, "baseline");
    routes = ctl_get_array(json, "routes");
    n = (routes != NULL) ? json_object_array_length(routes) : 0;

    printf("%s%s%s  what needs %s, since %s\n",
           ctl_color(options, CTL_BOLD), ctl_get_text(json, "split"),
           ctl_color(options, CTL_PLAIN), baseline,
           ctl_get_text(json, "since"));

    if (n == 0) {
        puts("\nno request was seen");
        return;
    }

    for (i = 0; i < n; i++) {
        ctl_show_ledger_route(options, json_object_array_get_idx(routes, i),
                              baseline);
    }
}


static void
ctl_show_ledger_route(const ctl_options_t *options, json_object *route,
    const char *baseline)
{
    int           color;
    const char   *verdict;
    json_object  *requests, *share;

    if (!json_object_object_get_ex(route, "requests", &requests)
        || !json_object_object_get_ex(route, "share", &share)
        || !json_object_is_type(requests, json_type_object))
    {
        return;
    }

    verdict = ctl_get_text(route, "verdict");
    color = strcmp(verdict, "needed") == 0 ? CTL_RED
            : strcmp(verdict, "watching") == 0 ? CTL_DIM : CTL_BOLD;

    printf("\n%s%-8s%s  %s", ctl_color(options, color), verdict,
           ctl_color(options, CTL_PLAIN), ctl_color(options, CTL_BOLD));
    ctl_text(ctl_get_text(route, "route"));
    printf("%s\n%10s", ctl_color(options, CTL_PLAIN), "");
    ctl_text(ctl_get_text(route, "says"));
    printf("\n%10s%s%lld of %lld requests to %s, %.2f %%; %lld rescued; "
           "%lld of %lld differ%s\n", "", ctl_color(options, CTL_DIM),
           (long long) ctl_get_int(requests, baseline),
           (long long) ctl_sum(requests), baseline,
           ctl_get_number(share, baseline),
           (long long) ctl_get_int(route, "rescued"),
           (long long) ctl_get_int(route, "mismatched"),
           (long long) ctl_get_int(route, "compared"),
           ctl_color(options, CTL_PLAIN));
}


/* of all members, which are numbers */

static int64_t
ctl_sum(json_object *counts)
{
    int64_t                      sum;
    struct json_object_iterator  it, end;

    sum = 0;
    it = json_object_iter_begin(counts);
    end = json_object_iter_end(counts);

    while (!json_object_iter_equal(&it, &end)) {
        sum += json_object_get_int64(json_object_iter_peek_value(&it));
        json_object_iter_next(&it);
    }

    return sum;
}


static double
ctl_percent(json_object *json)
{
    int64_t  compared;

    compared = ctl_get_int(json, "compared");

    return compared > 0
           ? 100.0 * (double) ctl_get_int(json, "mismatched")
             / (double) compared
           : 0;
}
